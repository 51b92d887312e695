//! The look-up of a bot: which of its recent messages in the channel, if any, is the one whose answer was lost.
//!
//! The rule (reliability.md section 2): our nonce where it is shown; else the article's link within the time window and the
//! same text; a payload that shows no link, and our text without its link, leave it open. An empty history proves nothing by itself: without the right to read it, Discord shows an empty one.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::api::{Api, Message, Sent};
use super::{kept_guild, receipt};
use crate::model::receipt::Known;
use crate::platform::{Lookup, PublishError, Sought, wire};

/// How many pages of 100 are read back at most.
const PAGES: usize = 5;
/// When Discord's ids begin, in milliseconds of Unix time. Source: discord-api-docs, "Snowflakes", 2026-08-06.
const EPOCH: i64 = 1_420_070_400_000;

pub(super) async fn seek(api: &Api<'_>, channel: &str, sought: &Sought<'_>) -> Result<Lookup, PublishError> {
    let cannot_tell = |why: &str| Ok(Lookup::CannotTell(why.to_owned()));
    let frozen = sought.payload.planned(sought.step).and_then(|planned| serde_json::from_str(&planned.body).ok());
    let frozen: Value = frozen.unwrap_or_default();
    let Some(content) = frozen["content"].as_str() else {
        return Ok(Lookup::CannotTell(format!("{} is no step of a Discord message", sought.step)));
    };
    let me = match api.cx.identity {
        Some(identity) if !identity.id.is_empty() => identity.id.clone(),
        _ => api.me().await?.id,
    };
    let link = sought.payload.link.as_ref().map(url::Url::as_str);
    let (mut found, mut before, mut whole, mut any) = (Vec::new(), None::<String>, false, false);
    for _ in 0..PAGES {
        let page = api.history(channel, before.as_deref()).await?;
        any |= !page.is_empty();
        before = page.last().map(|it| it.id.clone());
        let oldest = page.last().and_then(|it| made(&it.id));
        whole = oldest.is_none_or(|at| at < sought.since);
        found.extend(
            page.into_iter().filter(|it| it.author.id == me && made(&it.id).is_none_or(|at| at >= sought.since)),
        );
        if whole {
            break;
        }
    }
    if !any && api.channel(channel).await?.last_message_id.is_some() {
        return cannot_tell("the channel shows the bot no messages at all: it may lack the right to read its history");
    }
    match judge(&found, &sought.payload.key, link, content) {
        Judged::One(it) => {
            let guild = kept_guild(api.cx).await;
            let value = json!(Sent { id: it.id.clone(), channel_id: it.channel_id.clone(), guild });
            let receipt = receipt(&value, Known::Found, api.cx.clock.now())?;
            Ok(Lookup::Published { value, receipt })
        }
        Judged::None if !shows(&frozen, link) => cannot_tell("the message shows no link to know it by"),
        Judged::None if whole => Ok(Lookup::Absent),
        Judged::None => cannot_tell("too many messages since then to read them all"),
        Judged::Unclear(why) => Ok(Lookup::CannotTell(why)),
    }
}

/// What the bot's own messages in the window say.
#[derive(Debug, PartialEq)]
enum Judged<'a> {
    One(&'a Message),
    None,
    Unclear(String),
}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

fn judge<'a>(own: &'a [Message], key: &str, link: Option<&str>, content: &str) -> Judged<'a> {
    let is_ours = |it: &&Message| !key.is_empty() && it.nonce.as_ref().and_then(Value::as_str) == Some(key);
    let by_nonce: Vec<&Message> = own.iter().filter(is_ours).collect();
    if let [one] = by_nonce[..] {
        return Judged::One(one);
    }
    let same = |it: &&Message| it.content.trim() == content.trim();
    let Some(link) = link else {
        return unlinked(own.iter().any(|it| same(&it)));
    };
    let linked: Vec<&Message> = own.iter().filter(|it| links(it, link)).collect();
    match linked.iter().copied().filter(same).collect::<Vec<_>>()[..] {
        [one] => Judged::One(one),
        [] if linked.is_empty() => unlinked(own.iter().any(|it| same(&it))),
        [] => Judged::Unclear(format!("{} with the same link but another text", linked.len())),
        ref several => {
            let ids: Vec<&str> = several.iter().map(|it| it.id.as_str()).collect();
            Judged::Unclear(format!("found {} times: {}", ids.len(), ids.join(", ")))
        }
    }
}

/// None has the link; `alike`: one has the text.
fn unlinked<'a>(alike: bool) -> Judged<'a> {
    match alike {
        true => Judged::Unclear("a message with the same text is there, but it has no link to know it by".to_owned()),
        false => Judged::None,
    }
}

/// Whether what was sent surely leads to the article: in its text, or by a card of its own. Discord's preview is none.
fn shows(frozen: &Value, link: Option<&str>) -> bool {
    let Some(link) = link else { return false };
    let by_card = frozen["embeds"].as_array().into_iter().flatten().any(|embed| embed["url"] == link);
    by_card || wire::names(frozen["content"].as_str().unwrap_or_default(), link)
}

/// Whether a message leads to that address: in its text, or by an embed.
fn links(it: &Message, link: &str) -> bool {
    wire::names(&it.content, link) || it.embeds.iter().any(|embed| embed["url"] == link)
}

/// When an id was made.
fn made(id: &str) -> Option<Timestamp> {
    let ms = i64::try_from(id.parse::<u64>().ok()? >> 22).ok()?;
    Timestamp::from_millisecond(ms + EPOCH).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, content: &str, embeds: Value, nonce: Option<&str>) -> Message {
        let nonce = nonce.map(|it| json!(it));
        let it = json!({ "id": id, "channel_id": "9", "author": {"id": "7"}, "content": content, "embeds": embeds });
        Message { nonce, ..serde_json::from_value(it).unwrap() }
    }

    #[test]
    fn an_id_tells_when_it_was_made() {
        // The example of the documentation.
        assert_eq!(made("175928847299117063").unwrap().to_string(), "2016-04-30T11:18:25.796Z");
        assert_eq!(made("x"), None);
    }

    #[test]
    fn a_message_is_known_by_its_nonce_or_by_link_and_text() {
        const LINK: &str = "https://e.org/a";
        let text = "T\nhttps://e.org/a";
        let card = json!([{ "url": LINK }]);
        let none = json!([]);
        let one = |it: Message| vec![it];
        for (own, expected) in [
            (Vec::new(), "none"),
            (one(message("1", text, none.clone(), None)), "1"),
            (one(message("1", "T\n<https://e.org/a>", none.clone(), None)), "unclear"),
            (one(message("1", "other", none.clone(), Some("key"))), "1"),
            (one(message("1", text, none.clone(), Some("another"))), "1"),
            (one(message("1", "other https://e.org/ab", none.clone(), None)), "none"),
            (one(message("1", "other (https://e.org/a).", none.clone(), None)), "unclear"),
            (one(message("1", "other", card.clone(), None)), "unclear"),
            (one(message("1", text, card, None)), "1"),
            (vec![message("1", text, none.clone(), None), message("2", text, none.clone(), None)], "unclear"),
            (vec![message("1", text, none.clone(), Some("key")), message("2", text, none, None)], "1"),
        ] {
            let shown = match judge(&own, "key", Some(LINK), text) {
                Judged::One(it) => it.id.clone(),
                Judged::None => "none".to_owned(),
                Judged::Unclear(_) => "unclear".to_owned(),
            };
            assert_eq!(shown, expected, "{own:?}");
        }
        let own = one(message("1", "same", json!([]), None));
        assert!(matches!(judge(&own, "key", None, "same"), Judged::Unclear(_)), "a text alone proves nothing");
        assert_eq!(judge(&own, "key", None, "other"), Judged::None);
        assert!(matches!(judge(&own, "key", Some(LINK), "same"), Judged::Unclear(_)), "it may have been sent without");
        assert_eq!(judge(&own, "key", Some(LINK), "other"), Judged::None);
    }

    #[test]
    fn a_message_without_its_link_is_blind() {
        const LINK: &str = "https://e.org/a";
        for (frozen, link, is) in [
            (json!({ "content": "T https://e.org/a." }), Some(LINK), true),
            (json!({ "content": "T\n<https://e.org/a>" }), Some(LINK), true),
            (json!({ "content": "T", "embeds": [{ "url": LINK }] }), Some(LINK), true),
            (json!({ "content": "T", "embeds": [{ "title": "T" }] }), Some(LINK), false),
            (json!({ "content": "T" }), Some(LINK), false),
            (json!({ "content": "T" }), None, false),
        ] {
            assert_eq!(shows(&frozen, link), is, "{frozen}");
        }
    }
}
