//! The table: what the Bot API answered -> the class of failure. Pure. Telegram gives words only, so the words are listed
//! here, matched from the start and without case; what is not listed is [`PublishError::Unknown`].
//!
//! Source: tdlib/telegram-bot-api, server source of 2026-05-07, and <https://core.telegram.org/bots/api#making-requests>.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::http::Answer;
use crate::model::post::Rejection;
use crate::platform::{PauseScopeKind, PublishError};

/// The most characters of Telegram's words that are kept.
const SAID_MAX: usize = 300;

/// What every method answers.
#[derive(Debug, Deserialize)]
pub(super) struct Reply {
    /// Whether it was carried out.
    pub ok: bool,
    /// What the method returns.
    pub result: Option<Value>,
    error_code: Option<u16>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Parameters {
    retry_after: Option<i64>,
    migrate_to_chat_id: Option<i64>,
}

/// What a text of the table means.
#[derive(Clone, Copy)]
enum Mark {
    /// The bot may not write there: a person must act.
    Forbidden,
    /// The chat is gone.
    Gone,
    /// It refuses this content.
    Rejected(Rejection),
}

/// Beginnings of a description after "Bad Request: " or "Forbidden: ", in small letters.
const WORDS: &[(&str, Mark)] = &[
    ("chat not found", Mark::Forbidden),
    ("not enough rights", Mark::Forbidden),
    ("need administrator rights", Mark::Forbidden),
    ("chat_write_forbidden", Mark::Forbidden),
    ("have no write access", Mark::Forbidden),
    ("have no rights to send", Mark::Forbidden),
    ("bot was kicked", Mark::Forbidden),
    ("bot is not a member", Mark::Forbidden),
    ("bot was blocked", Mark::Forbidden),
    ("the group chat was deleted", Mark::Gone),
    ("user is deactivated", Mark::Gone),
    ("message is too long", Mark::Rejected(Rejection::TooLong)),
    ("message caption is too long", Mark::Rejected(Rejection::TooLong)),
    ("media_caption_too_long", Mark::Rejected(Rejection::TooLong)),
    ("message text is empty", Mark::Rejected(Rejection::Content)),
    ("can't parse entities", Mark::Rejected(Rejection::Invalid)),
    ("wrong type of the web page content", Mark::Rejected(Rejection::Media)),
    ("failed to get http url content", Mark::Rejected(Rejection::Media)),
    ("wrong file identifier/http url specified", Mark::Rejected(Rejection::Media)),
    ("webpage_curl_failed", Mark::Rejected(Rejection::Media)),
    ("webpage_media_empty", Mark::Rejected(Rejection::Media)),
    ("photo_invalid_dimensions", Mark::Rejected(Rejection::Media)),
    ("image_process_failed", Mark::Rejected(Rejection::Media)),
    ("photo_save_file_invalid", Mark::Rejected(Rejection::Media)),
    ("photo_invalid", Mark::Rejected(Rejection::Media)),
    ("can't parse inputmedia", Mark::Rejected(Rejection::Media)),
    ("media_group_invalid", Mark::Rejected(Rejection::Media)),
    ("too many messages to send as an album", Mark::Rejected(Rejection::Media)),
    ("there are no messages to send", Mark::Rejected(Rejection::Media)),
    ("file must be non-empty", Mark::Rejected(Rejection::Media)),
    ("message to edit not found", Mark::Rejected(Rejection::Content)),
    ("message can't be edited", Mark::Rejected(Rejection::Content)),
    ("message can't be deleted", Mark::Rejected(Rejection::Content)),
    ("message to be replied not found", Mark::Rejected(Rejection::Content)),
];

/// The description of an edit that changes nothing: it shows what it shall show.
pub(super) const SAME: &str = "message is not modified";

/// The description of a delete that finds nothing: it is down.
pub(super) const DOWN: &str = "message to delete not found";

/// `failed to send message #2 with the error message "PHOTO_INVALID_DIMENSIONS"`: which, and what of it.
fn of_album(words: &str) -> Option<(usize, &str)> {
    let (number, rest) = words.strip_prefix("failed to send message #")?.split_once(' ')?;
    let inner = rest.strip_prefix("with the error message")?.trim().trim_matches('"');
    Some((number.parse().ok()?, inner))
}

impl Reply {
    /// Reads a body; `None`: not Telegram's words (a gateway's page).
    pub(super) fn read(answer: &Answer) -> Option<Self> {
        serde_json::from_slice(&answer.body).ok()
    }

    /// The description in small letters, without the words for the status in front; of an album, what is said of the
    /// picture that is refused.
    fn words(&self) -> String {
        let text = self.description.trim().to_lowercase();
        let rest = ["bad request:", "forbidden:"].iter().find_map(|front| text.strip_prefix(front));
        let words = rest.map_or(text.as_str(), str::trim_start);
        match of_album(words) {
            Some((_, inner)) => inner.to_owned(),
            None => words.to_owned(),
        }
    }

    /// Which picture of an album is refused, counted from 0.
    pub(super) fn refused_picture(&self) -> Option<usize> {
        let text = self.description.trim().to_lowercase();
        of_album(text.strip_prefix("bad request:")?.trim_start())?.0.checked_sub(1)
    }

    /// Whether it is a refusal of that description.
    pub(super) fn refuses_with(&self, start: &str) -> bool {
        !self.ok && self.error_code == Some(400) && self.words().starts_with(start)
    }
}

/// The class of an answer that is no success.
pub(super) fn classify(answer: &Answer, now: Timestamp) -> PublishError {
    let status = answer.status;
    let Some(reply) = Reply::read(answer).filter(|reply| !reply.ok) else {
        return match status {
            // A 429 is the one status that says by itself that nothing was done.
            429 => limited(answer, None, now, "429 without an explanation that could be read".to_owned()),
            _ => PublishError::Unknown { said: format!("{status} with a body that is not Telegram's answer") },
        };
    };
    let code = reply.error_code.unwrap_or(status);
    let words = reply.words();
    let said = said(code, &reply.description);
    let channel = PauseScopeKind::Channel;
    if code == 429 || (code == 500 && words.contains("too many requests")) {
        return limited(answer, reply.parameters.retry_after, now, said);
    }
    if let Some(chat) = reply.parameters.migrate_to_chat_id {
        let said = format!("{said}; the chat has a new id: write chat = {chat} in the config");
        return PublishError::Forbidden { scope: channel, said };
    }
    match code {
        401 => PublishError::Auth { said },
        404 if words == "not found" => {
            PublishError::Auth { said: format!("{said}; the token is malformed or unknown") }
        }
        413 => PublishError::Rejected { reason: Rejection::Media, said },
        400 if words.starts_with("group chat was upgraded to a supergroup chat") => {
            let said = format!("{said}; write the supergroup's own id as chat in the config");
            PublishError::Forbidden { scope: channel, said }
        }
        400 | 403 => match WORDS.iter().find(|(start, _)| words.starts_with(start)) {
            Some((_, Mark::Forbidden)) => PublishError::Forbidden { scope: channel, said },
            Some((_, Mark::Gone)) => PublishError::Gone { said },
            Some((_, Mark::Rejected(reason))) => PublishError::Rejected { reason: *reason, said },
            None => PublishError::Unknown { said },
        },
        _ => PublishError::Unknown { said },
    }
}

/// The limits reach the whole bot, not one chat. The later of the body's seconds and what the header says.
fn limited(answer: &Answer, after: Option<i64>, now: Timestamp, said: String) -> PublishError {
    let stated = after.filter(|secs| *secs >= 0);
    let stated = stated.map(|secs| now.checked_add(SignedDuration::from_secs(secs)).unwrap_or(Timestamp::MAX));
    let until = stated.max(crate::http::retry_after(&answer.headers, now));
    PublishError::RateLimited { until, scope: PauseScopeKind::Credential, said }
}

fn said(code: u16, description: &str) -> String {
    let words = if description.is_empty() { "without an explanation" } else { description };
    let line: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID_MAX).collect();
    format!("{code}: {line}")
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue};

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() }
    }

    fn refusal(code: u16, description: &str) -> Answer {
        answer(code, &serde_json::json!({ "ok": false, "error_code": code, "description": description }).to_string())
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn shown(error: &PublishError) -> String {
        match error {
            PublishError::Rejected { reason, .. } => format!("rejected {reason:?}"),
            PublishError::Forbidden { scope, .. } | PublishError::RateLimited { scope, .. } => {
                format!("{} {scope:?}", error.class())
            }
            _ => error.class().to_owned(),
        }
    }

    #[test]
    fn every_listed_answer_has_its_class() {
        for (code, description, expected) in [
            (400, "Bad Request: chat not found", "forbidden Channel"),
            (400, "Bad Request: not enough rights to send text messages to the chat", "forbidden Channel"),
            (400, "Bad Request: need administrator rights in the channel chat", "forbidden Channel"),
            (400, "Bad Request: CHAT_WRITE_FORBIDDEN", "forbidden Channel"),
            (400, "Bad Request: have no write access to the chat", "forbidden Channel"),
            (400, "Bad Request: group chat was upgraded to a supergroup chat", "forbidden Channel"),
            (403, "Forbidden: bot was kicked from the channel chat", "forbidden Channel"),
            (403, "Forbidden: bot is not a member of the channel chat", "forbidden Channel"),
            (403, "Forbidden: bot was blocked by the user", "forbidden Channel"),
            (403, "Forbidden: the group chat was deleted", "gone"),
            (403, "Forbidden: something new", "unknown"),
            (400, "Bad Request: message is too long", "rejected TooLong"),
            (400, "Bad Request: message caption is too long", "rejected TooLong"),
            (400, "Bad Request: MEDIA_CAPTION_TOO_LONG", "rejected TooLong"),
            (400, "Bad Request: message text is empty", "rejected Content"),
            (400, "Bad Request: can't parse entities: unexpected end", "rejected Invalid"),
            (400, "Bad Request: wrong type of the web page content", "rejected Media"),
            (400, "Bad Request: PHOTO_INVALID_DIMENSIONS", "rejected Media"),
            (400, "Bad Request: message to edit not found", "rejected Content"),
            (400, "Bad Request: message can't be deleted", "rejected Content"),
            (400, "Bad Request: something new", "unknown"),
            (
                400,
                "Bad Request: failed to send message #2 with the error message \"PHOTO_INVALID_DIMENSIONS\"",
                "rejected Media",
            ),
            (400, "Bad Request: failed to send message #1 with the error message \"SOMETHING_NEW\"", "unknown"),
            (400, "Bad Request: MEDIA_GROUP_INVALID", "rejected Media"),
            (400, "Bad Request: can't parse InputMedia: media not found", "rejected Media"),
            (500, "Internal Server Error: Group send failed", "unknown"),
            // The words count from the start only: a title may quote any of them.
            (400, "Bad Request: odd field chat not found", "unknown"),
            (401, "Unauthorized", "auth"),
            (404, "Not Found", "auth"),
            (409, "Conflict: terminated by other getUpdates request", "unknown"),
            (413, "Request Entity Too Large", "rejected Media"),
            (429, "Too Many Requests: retry after 5", "rate_limited Credential"),
            (500, "Internal Server Error: Too Many Requests", "rate_limited Credential"),
            (500, "Internal Server Error", "unknown"),
            (502, "Bad Gateway", "unknown"),
        ] {
            assert_eq!(shown(&classify(&refusal(code, description), now())), expected, "{code} {description}");
        }
        for (status, body, expected) in [
            (502, "<html>", "unknown"),
            (401, "<html>", "unknown"),
            (404, "<html>", "unknown"),
            (429, "<html>", "rate_limited Credential"),
            (200, r#"{"ok":true}"#, "unknown"),
            (200, "", "unknown"),
        ] {
            assert_eq!(shown(&classify(&answer(status, body), now())), expected, "{status} {body}");
        }
    }

    #[test]
    fn waits_as_long_as_the_later_of_body_and_header() {
        for (body, header, secs) in [
            (r#","parameters":{"retry_after":35}"#, None, Some(35)),
            (r#","parameters":{"retry_after":35}"#, Some("40"), Some(40)),
            ("", Some("7"), Some(7)),
            ("", Some("soon"), None),
            ("", None, None),
        ] {
            let text = format!(r#"{{"ok":false,"error_code":429,"description":"Too Many Requests"{body}}}"#);
            let mut answer = answer(429, &text);
            if let Some(value) = header {
                answer.headers.insert("retry-after", HeaderValue::from_static(value));
            }
            let PublishError::RateLimited { until, .. } = classify(&answer, now()) else { panic!("{text}") };
            assert_eq!(until, secs.and_then(|s| Timestamp::from_second(1_800_000_000 + s).ok()), "{text} {header:?}");
        }
    }

    #[test]
    fn the_refused_picture_of_an_album_is_told() {
        for (text, which) in [
            ("Bad Request: failed to send message #2 with the error message \"IMAGE_PROCESS_FAILED\"", Some(1)),
            ("Bad Request: failed to send message #0 with the error message \"X\"", None),
            ("Bad Request: failed to send message #x with the error message \"X\"", None),
            ("Bad Request: PHOTO_INVALID_DIMENSIONS", None),
        ] {
            assert_eq!(Reply::read(&refusal(400, text)).unwrap().refused_picture(), which, "{text}");
        }
    }

    #[test]
    fn a_moved_chat_is_named() {
        let body = r#"{"ok":false,"error_code":400,"parameters":{"migrate_to_chat_id":-1001234567890},
            "description":"Bad Request: group chat was upgraded to a supergroup chat"}"#;
        let error = classify(&answer(400, body), now());
        assert_eq!(shown(&error), "forbidden Channel");
        assert!(error.to_string().contains("write chat = -1001234567890 in the config"), "{error}");
    }

    #[test]
    fn knows_the_refusals_that_are_successes() {
        let same = "Bad Request: message is not modified: specified new message content and reply markup are the same";
        let reply = |code, text| Reply::read(&refusal(code, text)).unwrap();
        assert!(reply(400, same).refuses_with(SAME));
        assert!(reply(400, "Bad Request: message to delete not found").refuses_with(DOWN));
        assert!(!reply(500, same).refuses_with(SAME));
        assert!(!reply(400, "Bad Request: message to edit not found").refuses_with(DOWN));
    }
}
