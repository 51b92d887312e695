//! The tables: what Slack's methods and its incoming web hooks answered -> the class of failure. Pure. A method refuses
//! with 200 and a word, a web hook with a status and a word; what is not listed is [`PublishError::Unknown`].
//!
//! Source: docs.slack.dev, "chat.postMessage", "chat.update", "chat.delete", "Rate limits" and "Sending messages using
//! incoming webhooks", 2026-08.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::http::{Answer, retry_after};
use crate::model::post::Rejection;
use crate::platform::{PauseScopeKind, PublishError, wire};

/// How long a workspace at the limit of its plan is left alone; the page says no time. 1 h, ours.
const PLAN: SignedDuration = SignedDuration::from_hours(1);

/// The refusal of a delete that finds nothing: it is down.
pub(super) const DOWN: &str = "message_not_found";

/// Refusals of our mark: the message was not posted and may go without it.
const MARK: [&str; 4] =
    ["metadata_must_be_sent_from_app", "metadata_too_large", "invalid_metadata_schema", "invalid_metadata_format"];

/// What every method answers.
#[derive(Debug, Deserialize)]
pub(super) struct Reply {
    /// Whether it was carried out.
    pub ok: bool,
    /// The word of a refusal.
    #[serde(default)]
    pub error: String,
    /// The scope that is missing.
    #[serde(default)]
    needed: String,
    /// What the method returns beside.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, Value>,
}

impl Reply {
    /// Reads a body; `None`: not Slack's words.
    pub(super) fn read(answer: &Answer) -> Option<Self> {
        serde_json::from_slice(&answer.body).ok()
    }
}

/// What a word means.
#[derive(Clone, Copy)]
enum Mark {
    Auth,
    Forbidden,
    Gone,
    Limited,
    Rejected(Rejection),
}

/// The words both ways of posting refuse with.
fn meaning(word: &str) -> Option<Mark> {
    use Mark::{Auth, Forbidden, Gone, Limited, Rejected};
    Some(match word {
        "invalid_auth" | "token_revoked" | "token_expired" | "account_inactive" | "not_authed" | "invalid_token" => {
            Auth
        }
        "missing_scope"
        | "no_permission"
        | "ekm_access_denied"
        | "team_access_not_granted"
        | "accesslimited"
        | "access_denied"
        | "org_login_required"
        | "team_added_to_org"
        | "two_factor_setup_required"
        | "not_allowed_token_type"
        | "not_in_channel"
        | "channel_not_found"
        | "is_archived"
        | "channel_is_archived"
        | "action_prohibited"
        | "posting_to_general_channel_denied" => Forbidden,
        word if word.starts_with("restricted_action") => Forbidden,
        "no_service" | "no_team" | "team_disabled" | "no_active_hooks" => Gone,
        "ratelimited" | "rate_limited" => Limited,
        "msg_too_long" | "msg_blocks_too_long" => Rejected(Rejection::TooLong),
        "no_text" | "edit_window_closed" | "cant_update_message" | "cant_delete_message" | "message_not_found" => {
            Rejected(Rejection::Content)
        }
        // Of our blocks only a picture can fail: Slack fetches it before it posts.
        "invalid_blocks" | "invalid_blocks_format" => Rejected(Rejection::Media),
        "too_many_attachments" | "invalid_payload" | "invalid_arguments" | "invalid_arg_name" => {
            Rejected(Rejection::Invalid)
        }
        word if MARK.contains(&word) => Rejected(Rejection::Invalid),
        _ => return None,
    })
}

/// Whether a method refused our mark and nothing else.
pub(super) fn refuses_mark(error: &PublishError) -> bool {
    matches!(error, PublishError::Rejected { said, .. } if MARK.iter().any(|word| said.starts_with(word)))
}

/// The class of a method's answer that is no success.
pub(super) fn classify(answer: &Answer, now: Timestamp) -> PublishError {
    let reply = Reply::read(answer);
    if answer.status == 429 {
        return limited(answer, now, "429".to_owned());
    }
    let Some(reply) = reply.filter(|reply| !reply.ok && answer.status == 200) else {
        return PublishError::Unknown { said: format!("{} with a body that is no refusal of Slack's", answer.status) };
    };
    match reply.error.as_str() {
        // "The method was called with POST data that was missing or truncated": the body did not arrive.
        "request_timeout" => PublishError::NotSent { said: reply.error },
        "message_limit_exceeded" => PublishError::RateLimited {
            until: now.checked_add(PLAN).ok(),
            scope: PauseScopeKind::Credential,
            said: format!("{}: the limit of the workspace's plan", reply.error),
        },
        word => decide(word, help(word, &reply.needed), answer, now),
    }
}

/// The class of an incoming web hook's answer that is no success. Clients met some words under other statuses, so the
/// word decides.
pub(super) fn classify_hook(answer: &Answer, now: Timestamp) -> PublishError {
    let text = String::from_utf8_lossy(&answer.body);
    let word = text.trim();
    match answer.status {
        429 => limited(answer, now, "429".to_owned()),
        400..=499 => decide(word, format!("{}: {}", answer.status, wire::excerpt(word)), answer, now),
        status => PublishError::Unknown { said: format!("{status}: {}", wire::excerpt(word)) },
    }
}

fn decide(word: &str, said: String, answer: &Answer, now: Timestamp) -> PublishError {
    match meaning(word) {
        Some(Mark::Auth) => PublishError::Auth { said },
        Some(Mark::Forbidden) => PublishError::Forbidden { scope: PauseScopeKind::Channel, said },
        Some(Mark::Gone) => PublishError::Gone { said },
        Some(Mark::Limited) => limited(answer, now, said),
        Some(Mark::Rejected(reason)) => PublishError::Rejected { reason, said },
        None => PublishError::Unknown { said },
    }
}

/// Limits count for the app in the workspace: every channel of the token waits.
fn limited(answer: &Answer, now: Timestamp, said: String) -> PublishError {
    PublishError::RateLimited { until: retry_after(&answer.headers, now), scope: PauseScopeKind::Credential, said }
}

/// The word, and what a person does about it.
fn help(word: &str, needed: &str) -> String {
    match word {
        "not_in_channel" => format!("{word}: write /invite @the-bot in the channel"),
        "channel_not_found" => format!("{word}: write the channel's id (C…), and invite the bot where it is private"),
        "missing_scope" if !needed.is_empty() => format!("{word}: add {needed} to the app and install it again"),
        word => wire::excerpt(word),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue};

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() }
    }

    fn shown(error: &PublishError) -> String {
        match error {
            PublishError::Rejected { reason, .. } => format!("rejected {reason:?}"),
            _ => error.class().to_owned(),
        }
    }

    #[test]
    fn every_listed_word_of_a_method_has_its_class() {
        for (word, expected) in [
            ("invalid_auth", "auth"),
            ("token_revoked", "auth"),
            ("token_expired", "auth"),
            ("account_inactive", "auth"),
            ("not_authed", "auth"),
            ("missing_scope", "forbidden"),
            ("no_permission", "forbidden"),
            ("restricted_action", "forbidden"),
            ("restricted_action_read_only_channel", "forbidden"),
            ("ekm_access_denied", "forbidden"),
            ("team_access_not_granted", "forbidden"),
            ("not_in_channel", "forbidden"),
            ("channel_not_found", "forbidden"),
            ("is_archived", "forbidden"),
            ("accesslimited", "forbidden"),
            ("org_login_required", "forbidden"),
            ("two_factor_setup_required", "forbidden"),
            ("ratelimited", "rate_limited"),
            ("rate_limited", "rate_limited"),
            ("message_limit_exceeded", "rate_limited"),
            ("msg_too_long", "rejected TooLong"),
            ("msg_blocks_too_long", "rejected TooLong"),
            ("no_text", "rejected Content"),
            ("invalid_blocks", "rejected Media"),
            ("invalid_blocks_format", "rejected Media"),
            ("too_many_attachments", "rejected Invalid"),
            ("metadata_too_large", "rejected Invalid"),
            ("edit_window_closed", "rejected Content"),
            ("cant_update_message", "rejected Content"),
            ("message_not_found", "rejected Content"),
            ("cant_delete_message", "rejected Content"),
            ("request_timeout", "not_sent"),
            ("fatal_error", "unknown"),
            ("internal_error", "unknown"),
            ("service_unavailable", "unknown"),
            ("duplicate_message_not_found", "unknown"),
            ("something_new", "unknown"),
        ] {
            let body = format!(r#"{{"ok":false,"error":"{word}"}}"#);
            assert_eq!(shown(&classify(&answer(200, &body), now())), expected, "{word}");
            // The words count in Slack's own answer only.
            assert_eq!(shown(&classify(&answer(503, &body), now())), "unknown", "{word}");
        }
        for (status, body, expected) in [
            (200, "<html>", "unknown"),
            (200, "", "unknown"),
            (200, r#"{"ok":true}"#, "unknown"),
            (429, "", "rate_limited"),
            (429, r#"{"ok":false,"error":"ratelimited"}"#, "rate_limited"),
            (500, "", "unknown"),
            (302, "", "unknown"),
        ] {
            assert_eq!(shown(&classify(&answer(status, body), now())), expected, "{status} {body}");
        }
    }

    #[test]
    fn every_listed_word_of_a_web_hook_has_its_class() {
        for (status, word, expected) in [
            (400, "invalid_payload", "rejected Invalid"),
            (400, "no_text\n", "rejected Content"),
            (400, "too_many_attachments", "rejected Invalid"),
            (400, "invalid_blocks", "rejected Media"),
            (403, "action_prohibited", "forbidden"),
            (403, "invalid_token", "auth"),
            (404, "channel_not_found", "forbidden"),
            (404, "no_service", "gone"),
            (404, "no_team", "gone"),
            (410, "channel_is_archived", "forbidden"),
            (403, "channel_is_archived", "forbidden"),
            (404, "<html>", "unknown"),
            (429, "rate_limited", "rate_limited"),
            (500, "rollup_error", "unknown"),
            (302, "", "unknown"),
            (200, "<html>", "unknown"),
        ] {
            assert_eq!(shown(&classify_hook(&answer(status, word), now())), expected, "{status} {word}");
        }
    }

    #[test]
    fn waits_as_long_as_slack_says() {
        for (value, seconds) in [(Some("30"), Some(30)), (Some("soon"), None), (None, None)] {
            let mut it = answer(429, "");
            if let Some(value) = value {
                it.headers.insert("retry-after", HeaderValue::from_static(value));
            }
            for error in [classify(&it, now()), classify_hook(&it, now())] {
                let PublishError::RateLimited { until, .. } = error else { panic!("{error}") };
                assert_eq!(until, seconds.map(|s| Timestamp::from_second(1_800_000_000 + s).unwrap()));
            }
        }
    }

    #[test]
    fn a_refused_mark_is_told_from_other_refusals() {
        let of = |word: &str| classify(&answer(200, &format!(r#"{{"ok":false,"error":"{word}"}}"#)), now());
        assert!(refuses_mark(&of("metadata_too_large")) && refuses_mark(&of("invalid_metadata_schema")));
        assert!(!refuses_mark(&of("invalid_arguments")) && !refuses_mark(&of("fatal_error")));
        let body = r#"{"ok":false,"error":"missing_scope","needed":"chat:write","provided":"x"}"#;
        assert!(classify(&answer(200, body), now()).to_string().contains("add chat:write to the app"));
    }
}
