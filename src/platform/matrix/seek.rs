//! The look-up: the account's own messages of the room, newest first, until the window ends. An event is known by the mark
//! in its content, or by the transaction's id, which the server tells the device that sent it.

use jiff::Timestamp;
use serde_json::Value;

use super::api::Api;
use super::content::{MARK, mark};
use super::{Config, value};
use crate::model::receipt::{Known, Op};
use crate::platform::{Context, Lookup, PublishError, Sought};

/// The most pages that are read, of 50 messages each. Ours.
const PAGES: usize = 20;

/// What a page of messages says of the event that is sought.
#[derive(Debug, PartialEq, Eq)]
enum Page {
    /// There.
    Found(String),
    /// There, and taken down since.
    TakenDown,
    /// Not among these; whether the window ends here.
    No { ends: bool },
}

impl Config {
    pub(super) async fn seek(&self, cx: &Context<'_>, sought: &Sought<'_>) -> Result<Lookup, PublishError> {
        let planned = sought.payload.planned(sought.step).filter(|planned| planned.step.op == Op::Create);
        if planned.is_none() {
            return Ok(Lookup::CannotTell(format!("{} is no step of a Matrix post", sought.step)));
        }
        let api = Api::new(cx, self).await?;
        // Where it was sent to; after a restored backup that is not known any more.
        let sent_to = sought.done.values().find_map(|done| done["room"].as_str());
        let room = match sent_to {
            Some(room) => room.to_owned(),
            None => api.room_of(&self.room).await?,
        };
        let user = match cx.identity.filter(|identity| identity.id.starts_with('@')) {
            Some(identity) => identity.id.clone(),
            None => api.who().await?["user_id"].as_str().unwrap_or_default().to_owned(),
        };
        let ours = mark(&sought.payload.key, sought.step.n);
        let mut from: Option<String> = None;
        for _ in 0..PAGES {
            let page = api.messages(&room, &user, from.as_deref()).await?;
            let Some(chunk) = page["chunk"].as_array() else {
                return Ok(Lookup::CannotTell("expected a list of messages, found something else".to_owned()));
            };
            match read(chunk, &ours, sought.since) {
                Page::Found(event) => {
                    let receipt = self.receipt(cx, &room, &event, Known::Found);
                    return Ok(Lookup::Published { value: value(&room, &event), receipt });
                }
                Page::TakenDown => return Ok(Lookup::CannotTell("it was sent, and taken down since".to_owned())),
                Page::No { ends: true } => return Ok(Lookup::Absent),
                Page::No { ends: false } => {}
            }
            // No further place: the room's beginning.
            match page["end"].as_str() {
                Some(end) => from = Some(end.to_owned()),
                None => return Ok(Lookup::Absent),
            }
        }
        Ok(Lookup::CannotTell("too many messages since then to read them all".to_owned()))
    }
}

fn read(chunk: &[Value], mark: &str, since: Timestamp) -> Page {
    for event in chunk {
        // An edit carries the mark inside its new content only, and is no post.
        let is_ours =
            event["content"][MARK].as_str() == Some(mark) || event["unsigned"]["transaction_id"].as_str() == Some(mark);
        if !is_ours {
            continue;
        }
        let down = event["unsigned"]["redacted_because"].is_object() || event["content"]["msgtype"].is_null();
        return match event["event_id"].as_str() {
            Some(id) if !down => Page::Found(id.to_owned()),
            _ => Page::TakenDown,
        };
    }
    // The room's order is the server's; its times are those of the sending server, which is the same one here.
    let oldest = chunk.iter().filter_map(|event| event["origin_server_ts"].as_i64()).min();
    Page::No { ends: oldest.is_some_and(|ms| ms < since.as_millisecond()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_known_by_its_mark_or_its_transaction() {
        let since = Timestamp::from_millisecond(1000).unwrap();
        let event = |content: Value, unsigned: Value, at: i64| json!({"event_id": "$e", "origin_server_ts": at, "content": content, "unsigned": unsigned});
        let text = |mark: &str| json!({"msgtype": "m.notice", "body": "b", "org.bugle.post": mark});
        let redacted = json!({"transaction_id": "m", "redacted_because": {"type": "m.room.redaction"}});
        for (chunk, expected) in [
            (vec![event(text("m"), json!({}), 2000)], Page::Found("$e".to_owned())),
            (vec![event(text("other"), json!({"transaction_id": "m"}), 2000)], Page::Found("$e".to_owned())),
            (vec![event(json!({}), redacted, 2000)], Page::TakenDown),
            (vec![event(text("other"), json!({}), 2000)], Page::No { ends: false }),
            (vec![event(text("other"), json!({}), 2000), event(text("x"), json!({}), 999)], Page::No { ends: true }),
            (
                vec![event(json!({"msgtype": "m.text", "m.new_content": text("m")}), json!({}), 2000)],
                Page::No { ends: false },
            ),
            (vec![], Page::No { ends: false }),
        ] {
            assert_eq!(read(&chunk, "m", since), expected, "{chunk:?}");
        }
    }
}
