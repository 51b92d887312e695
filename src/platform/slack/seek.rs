//! The look-up of a bot: which message of the channel carries our mark. It is certain where it finds one. A message with
//! the article's link or our very text and without a mark is nobody's to judge: it may have lost it.

use serde_json::{Value, json};
use url::Url;

use super::api::{Api, Sent};
use super::message::MARK;
use super::{kept_team, receipt};
use crate::model::receipt::Known;
use crate::platform::{Lookup, PublishError, Sought, wire};

/// How many pages are read back at most, and how many messages a page has; Slack asks for no more than 200. Source:
/// docs.slack.dev, "Pagination", 2026-08.
const PAGES: usize = 10;
const PAGE: u16 = 200;

pub(super) async fn seek(api: &Api<'_>, channel: &str, sought: &Sought<'_>) -> Result<Lookup, PublishError> {
    let cannot_tell = |why: &str| Ok(Lookup::CannotTell(why.to_owned()));
    let frozen = sought.payload.planned(sought.step).and_then(|planned| serde_json::from_str(&planned.body).ok());
    let frozen: Value = frozen.unwrap_or_default();
    let link = sought.payload.link.as_ref();
    if mark(&frozen).is_none() && !leads(&frozen, link) {
        return cannot_tell("the message has neither our mark nor a link to know it by");
    }
    let mut cursor: Option<String> = None;
    let (mut marked, mut alike, mut whole) = (Vec::new(), 0_usize, false);
    for _ in 0..PAGES {
        let page = match api.history(channel, Some(sought.since), PAGE, cursor.as_deref()).await {
            Ok(page) => page,
            // Without the right to read there is no use in asking again.
            Err(PublishError::Forbidden { said, .. }) => {
                return Ok(Lookup::CannotTell(format!("the channel's history cannot be read: {said}")));
            }
            Err(error) => return Err(error),
        };
        alike += page.messages.iter().filter(|it| mark(it).is_none() && is_alike(it, &frozen, link)).count();
        marked.extend(page.messages.into_iter().filter(|it| mark(it) == Some(&sought.payload.key)));
        cursor = page.response_metadata.map(|it| it.next_cursor).filter(|it| !it.is_empty());
        if !page.has_more || cursor.is_none() {
            whole = !page.has_more;
            break;
        }
    }
    match &marked[..] {
        [one] => {
            let ts = one["ts"].as_str().unwrap_or_default().to_owned();
            let value = json!(Sent { channel: channel.to_owned(), ts, team: kept_team(api.cx).await });
            let receipt = receipt(&value, Known::Found, api.cx.clock.now())?;
            Ok(Lookup::Published { value, receipt })
        }
        [] if alike > 0 => Ok(Lookup::CannotTell(format!("{alike} with the same link or text but without our mark"))),
        [] if whole => Ok(Lookup::Absent),
        [] => cannot_tell("too many messages since then to read them all"),
        several => Ok(Lookup::CannotTell(format!("found {} times with our mark", several.len()))),
    }
}

/// The post that a message is marked with.
fn mark(message: &Value) -> Option<&str> {
    let metadata = message.get("metadata").filter(|it| it["event_type"] == MARK)?;
    metadata["event_payload"]["post"].as_str()
}

/// Whether an app's message may be ours that lost its mark: it leads to the article or says the same. People's own
/// messages are theirs.
fn is_alike(message: &Value, frozen: &Value, link: Option<&Url>) -> bool {
    let said = |it: &Value| it["text"].as_str().map(plain).filter(|text| !text.is_empty());
    message.get("bot_id").is_some()
        && (leads(message, link) || (said(frozen).is_some() && said(message) == said(frozen)))
}

/// Whether a message leads to that address: in its text, or in its blocks and attachments.
fn leads(message: &Value, link: Option<&Url>) -> bool {
    let Some(link) = link else { return false };
    let written = crate::text::escape::references(link.as_str());
    let in_text = message["text"].as_str().is_some_and(|text| wire::names(text, &written));
    in_text || ["blocks", "attachments"].iter().any(|part| holds(&message[*part], link.as_str()))
}

/// Whether the link is somewhere in a structure: as an address, or named in a text. Its depth is bounded by the reader's.
fn holds(value: &Value, link: &str) -> bool {
    match value {
        Value::String(text) => wire::names(text, link),
        Value::Array(all) => all.iter().any(|it| holds(it, link)),
        Value::Object(fields) => fields.values().any(|it| holds(it, link)),
        _ => false,
    }
}

/// A text as it was written: Slack puts addresses into angle brackets, with what is shown of them behind a bar.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        // A sign of the text's own is a reference, so each bracket is Slack's.
        let Some((inside, after)) = after.split_once('>') else {
            rest = after;
            break;
        };
        out.push_str(inside.split_once('|').map_or(inside, |(address, _)| address));
        rest = after;
    }
    out.push_str(rest);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_ours_by_its_type() {
        let of = |kind: &str| json!({ "metadata": { "event_type": kind, "event_payload": { "post": "k" } } });
        assert_eq!(mark(&of("bugle_post")), Some("k"));
        assert_eq!(mark(&of("another")), None);
        assert_eq!(mark(&json!({ "text": "a" })), None);
    }

    #[test]
    fn a_link_is_found_as_slack_writes_it() {
        let link = Url::parse("https://e.org/a?x=1&y=2").unwrap();
        for (text, bot, is) in [
            ("T\n<https://e.org/a?x=1&amp;y=2>", true, true),
            ("<https://e.org/a?x=1&amp;y=2|T>", true, true),
            ("https://e.org/a?x=1&amp;y=2", true, true),
            ("Read (<https://e.org/a?x=1&amp;y=2>).", true, true),
            ("Read https://e.org/a?x=1&amp;y=2.", true, true),
            ("https://e.org/a?x=1&amp;y=23", true, false),
            ("T", true, false),
            ("https://e.org/a?x=1&amp;y=2", false, false),
        ] {
            let message = match bot {
                true => json!({ "text": text, "bot_id": "B1" }),
                false => json!({ "text": text }),
            };
            assert_eq!(is_alike(&message, &json!({ "text": "Other" }), Some(&link)), is, "{text}");
        }
        assert!(!is_alike(&json!({ "text": "a", "bot_id": "B1" }), &json!({}), None));
    }

    #[test]
    fn a_message_that_lost_its_mark_is_still_like_ours() {
        let link = Url::parse("https://e.org/a?x=1&y=2").unwrap();
        let section = |element: Value| json!([{ "type": "rich_text", "elements": [{ "elements": [element] }] }]);
        let to = |url: &str| section(json!({ "type": "link", "url": url }));
        let frozen = json!({ "text": "AT&amp;T  said\nhttps://f.org/b" });
        for (message, is) in [
            (json!({ "bot_id": "B1", "text": "AT&amp;T said <https://f.org/b>" }), true),
            (json!({ "bot_id": "B1", "text": "AT&amp;T said <https://f.org/b|f.org>" }), true),
            (json!({ "text": "AT&amp;T said <https://f.org/b>" }), false),
            (json!({ "bot_id": "B1", "text": "AT&amp;T said" }), false),
            (json!({ "bot_id": "B1", "text": "" }), false),
            (json!({ "bot_id": "B1", "text": "T", "blocks": to("https://e.org/a?x=1&y=2") }), true),
            (json!({ "bot_id": "B1", "text": "T", "blocks": to("https://e.org/a?x=1&y=23") }), false),
            (json!({ "bot_id": "B1", "text": "T", "attachments": [{ "from_url": "https://e.org/a?x=1&y=2" }] }), true),
        ] {
            assert_eq!(is_alike(&message, &frozen, Some(&link)), is, "{message}");
        }
        assert!(!is_alike(&json!({ "bot_id": "B1", "text": "" }), &json!({ "text": "" }), Some(&link)));
        assert!(leads(&json!({ "text": "T", "blocks": to("https://e.org/a?x=1&y=2") }), Some(&link)));
        assert!(!leads(&json!({ "text": "T https://e.org/a" }), Some(&link)) && !leads(&frozen, None));
    }
}
