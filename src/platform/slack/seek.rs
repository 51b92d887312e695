//! The look-up of a bot: which message of the channel carries our mark. It is certain where it finds one. A message with
//! the article's link and without a mark is nobody's to judge: it may have lost it.

use serde_json::{Value, json};
use url::Url;

use super::api::{Api, Sent};
use super::message::MARK;
use super::{kept_team, receipt};
use crate::model::receipt::Known;
use crate::platform::{Lookup, PublishError, Sought};

/// How many pages are read back at most, and how many messages a page has; Slack asks for no more than 200. Source:
/// docs.slack.dev, "Pagination", 2026-08.
const PAGES: usize = 10;
const PAGE: u16 = 200;

pub(super) async fn seek(api: &Api<'_>, channel: &str, sought: &Sought<'_>) -> Result<Lookup, PublishError> {
    let cannot_tell = |why: &str| Ok(Lookup::CannotTell(why.to_owned()));
    let mut cursor: Option<String> = None;
    let (mut marked, mut linked, mut whole) = (Vec::new(), 0_usize, false);
    for _ in 0..PAGES {
        let page = match api.history(channel, Some(sought.since), PAGE, cursor.as_deref()).await {
            Ok(page) => page,
            // Without the right to read there is no use in asking again.
            Err(PublishError::Forbidden { said, .. }) => {
                return Ok(Lookup::CannotTell(format!("the channel's history cannot be read: {said}")));
            }
            Err(error) => return Err(error),
        };
        linked +=
            page.messages.iter().filter(|it| mark(it).is_none() && links(it, sought.payload.link.as_ref())).count();
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
        [] if linked > 0 => Ok(Lookup::CannotTell(format!("{linked} with the same link but without our mark"))),
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

/// Whether an app's message leads to that address. People's own messages are theirs.
fn links(message: &Value, link: Option<&Url>) -> bool {
    let Some(link) = link else { return false };
    let written = crate::text::escape::references(link.as_str());
    let ends = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '|');
    message.get("bot_id").is_some()
        && message["text"].as_str().is_some_and(|text| text.split(ends).any(|word| word == written))
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
            ("https://e.org/a?x=1&amp;y=23", true, false),
            ("T", true, false),
            ("https://e.org/a?x=1&amp;y=2", false, false),
        ] {
            let message = match bot {
                true => json!({ "text": text, "bot_id": "B1" }),
                false => json!({ "text": text }),
            };
            assert_eq!(links(&message, Some(&link)), is, "{text}");
        }
        assert!(!links(&json!({ "text": "a", "bot_id": "B1" }), None));
    }
}
