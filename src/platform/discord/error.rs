//! The table: what Discord answered -> the class of failure. Pure. Decided by status and Discord's own code; what is not
//! listed is [`PublishError::Unknown`].
//!
//! Source: discord-api-docs, "Opcodes and Status Codes" and "Rate Limits", 2026-08-06.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::http::{Answer, retry_after};
use crate::model::post::Rejection;
use crate::platform::{PauseScopeKind, PublishError, Usage, wire};

/// The longest wait that is believed. Source: reliability.md section 3.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);
/// How long to keep still after the edge refused a call by itself (bans by address, a bad agent). 10 min. Source:
/// discord.md section 7.
const EDGE: SignedDuration = SignedDuration::from_mins(10);

/// "This message has already been crossposted": it is as it was asked for.
pub(super) const CROSSPOSTED: u32 = 40033;
/// "Unknown Message".
pub(super) const NO_MESSAGE: u32 = 10008;

/// What Discord says with a refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refusal {
    pub code: u32,
    message: String,
    errors: Value,
    retry_after: Option<f64>,
    global: bool,
}

impl Refusal {
    /// Reads a body; `None`: not Discord's words (an edge's page).
    pub(super) fn read(answer: &Answer) -> Option<Self> {
        #[derive(Deserialize)]
        struct Is {
            message: Option<Value>,
            code: Option<Value>,
        }
        let it: Is = serde_json::from_slice(&answer.body).ok()?;
        (it.message.is_some() || it.code.is_some()).then(|| serde_json::from_slice(&answer.body).ok())?
    }

    /// What an invalid form was refused for, by the names in `errors`.
    fn reason(&self) -> Rejection {
        let names: Vec<&String> = self.errors.as_object().into_iter().flatten().map(|(name, _)| name).collect();
        let has = |name: &str| names.iter().any(|it| it.as_str() == name);
        let all = self.errors.to_string();
        match () {
            () if has("content") && all.contains("BASE_TYPE_MAX_LENGTH") => Rejection::TooLong,
            () if has("attachments") || has("files") => Rejection::Media,
            () if has("embeds") && (all.contains("\"image\"") || all.contains("\"thumbnail\"")) => Rejection::Media,
            () if has("embeds") && all.contains("MAX_LENGTH") => Rejection::TooLong,
            () => Rejection::Invalid,
        }
    }
}

/// The class of an answer that is no success.
pub(super) fn classify(answer: &Answer, now: Timestamp) -> PublishError {
    let status = answer.status;
    let channel = PauseScopeKind::Channel;
    let Some(it) = Refusal::read(answer) else {
        let said = format!("{status} with a body that is not Discord's answer");
        return match status {
            // Without Discord's words it is the edge before it, which counts the address, not the channel.
            429 => limited(answer, None, PauseScopeKind::Credential, now, said),
            403 => edge(answer, now, said),
            413 => PublishError::Rejected { reason: Rejection::Media, said },
            300..=399 => PublishError::Unknown { said: format!("{said}: redirected") },
            _ => PublishError::Unknown { said },
        };
    };
    let said = match (it.code, it.message.as_str()) {
        (0, words) => format!("{status}: {}", wire::excerpt(words)),
        (code, words) => format!("{status}, code {code}: {}", wire::excerpt(words)),
    };
    if status == 429 {
        let global = it.global || answer.header("x-ratelimit-scope") == Some("global");
        let scope = if global { PauseScopeKind::Credential } else { channel };
        return limited(answer, it.retry_after, scope, now, said);
    }
    match (status, it.code) {
        (401, _) => PublishError::Auth { said },
        (403, 40333) => edge(answer, now, said),
        (403, 40001 | 40002) => PublishError::Forbidden { scope: PauseScopeKind::Credential, said },
        (403 | 400, 50001 | 50013 | 50008 | 50024 | 50083 | 40058 | 40067 | 220_001 | 220_002 | 220_003 | 160_005) => {
            PublishError::Forbidden { scope: channel, said }
        }
        (404, 10003 | 10004 | 10015) => PublishError::Gone { said },
        (413, _) | (400, 40005 | 50045 | 50046) => PublishError::Rejected { reason: Rejection::Media, said },
        (400, 50035) => PublishError::Rejected { reason: it.reason(), said: with_errors(said, &it.errors) },
        (400 | 403, 50006 | 200_000 | 200_001 | 240_000 | 50005 | 50021 | 20009) => {
            PublishError::Rejected { reason: Rejection::Content, said }
        }
        (400, 50068) => PublishError::Rejected { reason: Rejection::Invalid, said },
        // Edited too often after an hour; the message stays as it is.
        (400 | 403, 30046) | (404, NO_MESSAGE) => PublishError::Rejected { reason: Rejection::Content, said },
        // Slow mode and write limits: a bad request in form, a limit in what it says.
        (400 | 403, 20016 | 20022 | 20028 | 20029) => limited(answer, it.retry_after, channel, now, said),
        _ => PublishError::Unknown { said },
    }
}

/// The later of the body's seconds, the header's and the reset of a bucket that is used up.
fn limited(answer: &Answer, body: Option<f64>, scope: PauseScopeKind, now: Timestamp, said: String) -> PublishError {
    let reset = bucket(answer).filter(|it| it.left == 0).map(|it| it.resets_in);
    let seconds = [body, reset].into_iter().flatten().filter_map(|it| later(now, it)).max();
    let until = seconds.max(retry_after(&answer.headers, now));
    PublishError::RateLimited { until, scope, said }
}

/// The edge refused it before Discord saw it: certainly not done, and asking again soon makes it worse.
fn edge(answer: &Answer, now: Timestamp, said: String) -> PublishError {
    let until = retry_after(&answer.headers, now).max(now.checked_add(EDGE).ok());
    PublishError::RateLimited { until, scope: PauseScopeKind::Credential, said }
}

/// So many seconds from now, rounded up to a millisecond, a day at most.
fn later(now: Timestamp, seconds: f64) -> Option<Timestamp> {
    if !seconds.is_finite() || seconds <= 0.0 {
        return None;
    }
    let wait = SignedDuration::try_from_secs_f64(seconds.min(86_400.0)).ok()?;
    now.checked_add((wait + SignedDuration::from_millis(1)).min(LONGEST)).ok()
}

/// A bucket of calls as the headers tell it.
struct Bucket {
    most: u64,
    left: u64,
    /// In seconds.
    resets_in: f64,
}

fn bucket(answer: &Answer) -> Option<Bucket> {
    let number = |name: &str| answer.header(name)?.trim().parse::<f64>().ok().filter(|it| it.is_finite());
    let whole = |name: &str| answer.header(name)?.trim().parse::<u64>().ok();
    Some(Bucket {
        most: whole("x-ratelimit-limit")?,
        left: whole("x-ratelimit-remaining")?,
        resets_in: number("x-ratelimit-reset-after")?,
    })
}

/// What the headers of an answer say of the limit of its route: noted for the one that posts.
pub(super) fn usage(answer: &Answer, now: Timestamp) -> Option<Usage> {
    let it = bucket(answer).filter(|it| it.most > 0)?;
    #[expect(clippy::cast_precision_loss, reason = "buckets count tens of calls")]
    let used = it.most.saturating_sub(it.left) as f64 / it.most as f64;
    Some(Usage {
        limit: "x-ratelimit",
        scope: PauseScopeKind::Channel,
        used,
        left: Some(it.left),
        resets: later(now, it.resets_in),
    })
}

/// The first words of what an invalid form was refused for.
fn with_errors(said: String, errors: &Value) -> String {
    match errors {
        Value::Null => said,
        errors => format!("{said}: {}", wire::excerpt(&errors.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Answer { status, headers: map, body: body.as_bytes().to_vec() }
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
        for (status, code, expected) in [
            (401, 0, "auth"),
            (401, 50027, "auth"),
            (403, 40333, "rate_limited Credential"),
            (403, 40001, "forbidden Credential"),
            (403, 40002, "forbidden Credential"),
            (403, 50001, "forbidden Channel"),
            (403, 50013, "forbidden Channel"),
            (400, 50008, "forbidden Channel"),
            (400, 50024, "forbidden Channel"),
            (403, 50024, "forbidden Channel"),
            (400, 50083, "forbidden Channel"),
            (400, 40058, "forbidden Channel"),
            (400, 40067, "forbidden Channel"),
            (400, 220_001, "forbidden Channel"),
            (400, 220_002, "forbidden Channel"),
            (400, 220_003, "forbidden Channel"),
            (403, 160_005, "forbidden Channel"),
            (403, 77, "unknown"),
            (404, 10003, "gone"),
            (404, 10004, "gone"),
            (404, 10015, "gone"),
            (404, 10008, "rejected Content"),
            (404, 0, "unknown"),
            (413, 40005, "rejected Media"),
            (400, 40005, "rejected Media"),
            (400, 50045, "rejected Media"),
            (400, 50046, "rejected Media"),
            (400, 50006, "rejected Content"),
            (400, 200_000, "rejected Content"),
            (400, 200_001, "rejected Content"),
            (400, 240_000, "rejected Content"),
            (403, 50005, "rejected Content"),
            (400, 30046, "rejected Content"),
            (400, 50068, "rejected Invalid"),
            (400, 50035, "rejected Invalid"),
            (400, 20016, "rate_limited Channel"),
            (400, 20022, "rate_limited Channel"),
            (400, 20028, "rate_limited Channel"),
            (400, 20029, "rate_limited Channel"),
            (400, 99, "unknown"),
            (500, 0, "unknown"),
            (503, 130_000, "unknown"),
        ] {
            let body = json!({ "code": code, "message": "Said" }).to_string();
            assert_eq!(shown(&classify(&answer(status, &[], &body), now())), expected, "{status} {code}");
        }
        for (status, body, expected) in [
            (403, "<html>error code: 1015</html>", "rate_limited Credential"),
            (429, "<html>", "rate_limited Credential"),
            (413, "<html>", "rejected Media"),
            (301, "", "unknown"),
            (200, "{}", "unknown"),
            (200, "", "unknown"),
            (502, "<html>", "unknown"),
            (401, "<html>", "unknown"),
            (404, "<html>", "unknown"),
            // A webhook's deletion may be told without a code.
            (404, r#"{"message":"Unknown Webhook","code":10015}"#, "gone"),
        ] {
            assert_eq!(shown(&classify(&answer(status, &[], body), now())), expected, "{status} {body}");
        }
    }

    #[test]
    fn an_invalid_form_says_what_of_it() {
        let text = json!({"content": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "2000"}]}});
        let image = json!({"embeds": {"0": {"image": {"url": {"_errors": [{"code": "URL_TYPE_INVALID_URL"}]}}}}});
        let title = json!({"embeds": {"0": {"title": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH"}]}}}});
        let alt = json!({"attachments": {"0": {"description": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH"}]}}}});
        let nonce = json!({"nonce": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH"}]}});
        for (errors, expected) in [
            (text, "rejected TooLong"),
            (image, "rejected Media"),
            (title, "rejected TooLong"),
            (alt, "rejected Media"),
            (nonce, "rejected Invalid"),
            (Value::Null, "rejected Invalid"),
        ] {
            let body = json!({ "code": 50035, "message": "Invalid Form Body", "errors": errors }).to_string();
            assert_eq!(shown(&classify(&answer(400, &[], &body), now())), expected, "{body}");
        }
    }

    #[test]
    fn waits_as_long_as_the_longest_that_is_said() {
        let used_up = [("x-ratelimit-limit", "5"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset-after", "3.5")];
        let not_used_up =
            [("x-ratelimit-limit", "5"), ("x-ratelimit-remaining", "2"), ("x-ratelimit-reset-after", "9")];
        type Case<'a> = (&'a str, &'a [(&'static str, &'static str)], Option<i64>, &'a str);
        let cases: &[Case<'_>] = &[
            (r#"{"message":"m","retry_after":0.8,"global":false}"#, &[], Some(801), "Channel"),
            (r#"{"message":"m","retry_after":0.8}"#, &[("retry-after", "2")], Some(2000), "Channel"),
            (r#"{"message":"m","retry_after":0.8}"#, &used_up, Some(3501), "Channel"),
            (r#"{"message":"m","retry_after":0.8}"#, &not_used_up, Some(801), "Channel"),
            (r#"{"message":"m","retry_after":65.0,"global":true}"#, &[], Some(65_001), "Credential"),
            (r#"{"message":"m"}"#, &[("x-ratelimit-scope", "global"), ("retry-after", "7")], Some(7000), "Credential"),
            (r#"{"message":"m","retry_after":2}"#, &[("x-ratelimit-scope", "shared")], Some(2001), "Channel"),
            (r#"{"message":"m","retry_after":1e12}"#, &[], Some(86_400_000), "Channel"),
            (r#"{"message":"m","retry_after":-1}"#, &[], None, "Channel"),
            ("<html>", &[("retry-after", "2400")], Some(2_400_000), "Credential"),
        ];
        for (body, headers, ms, whom) in cases {
            let PublishError::RateLimited { until, scope, .. } = classify(&answer(429, headers, body), now()) else {
                panic!("{body}")
            };
            assert_eq!(until.map(|it| it.duration_since(now()).as_millis()), ms.map(i128::from), "{body} {headers:?}");
            assert_eq!(format!("{scope:?}"), *whom, "{body}");
        }
        let noted = usage(&answer(200, &used_up, ""), now()).unwrap();
        assert_eq!((noted.left, noted.used), (Some(0), 1.0));
        assert!(usage(&answer(200, &[], ""), now()).is_none());
    }
}
