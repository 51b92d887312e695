//! The table of refusals: (status, words, what was tried) → class. Source: Mastodon's source of 2026-08, Pleroma's and
//! GoToSocial's of 2025.

use serde_json::Value;

use super::wire;
use crate::http::Answer;
use crate::model::post::Rejection;
use crate::model::receipt::Op;
use crate::platform::{PauseScopeKind, PublishError};

/// The class of an answer that is not a plain yes; `error` is the body's `error`, `None` where the body is not the
/// API's. What is not listed is `Unknown`: it may be out.
pub fn classify(status: u16, error: Option<&str>, op: Op) -> PublishError {
    let words = error.unwrap_or_default();
    let said = format!("{status} {}", wire::excerpt(words)).trim_end().to_owned();
    let rejected = |reason| PublishError::Rejected { reason, said: said.clone() };
    match status {
        429 => PublishError::RateLimited { until: None, scope: PauseScopeKind::Channel, said },
        // Also from something between: the limit of a reverse proxy.
        413 => rejected(Rejection::Invalid),
        410 => PublishError::Gone { said },
        // Whatever does not speak the API's JSON is a proxy or a wall, and says nothing about the post.
        _ if error.is_none() => PublishError::Unknown { said },
        401 => PublishError::Auth { said },
        403 => PublishError::Forbidden { scope: PauseScopeKind::Channel, said },
        // On a create: a repeated key whose post was deleted meanwhile, or a wrong address. Look.
        404 if op == Op::Edit => rejected(Rejection::Content),
        400 | 422 => rejected(reason(words)),
        // 409 (Pleroma's kin: the same key is being worked on), 408, 5xx, and Mastodon's 500 to a repeated key
        // (mastodon#40399): it may be out.
        _ => PublishError::Unknown { said },
    }
}

/// What a refused content is refused for, by words: there are no codes.
fn reason(words: &str) -> Rejection {
    const TOO_LONG: [&str; 3] = ["character limit", "exceed max chars", "over the limit"];
    const MEDIA: [&str; 4] = ["media", "file type", "file content type", "attach files"];
    let words = words.to_lowercase();
    let has = |list: &[&str]| list.iter().any(|part| words.contains(part));
    if has(&TOO_LONG) {
        Rejection::TooLong
    } else if has(&MEDIA) {
        Rejection::Media
    } else {
        Rejection::Content
    }
}

/// [`classify`] of an answer, with the wait that its headers ask for.
pub fn of_answer(answer: &Answer, op: Op, now: jiff::Timestamp) -> PublishError {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let words = body["error"].as_str().map(|error| match body["error_description"].as_str() {
        Some(more) => format!("{error}: {more}"),
        None => error.to_owned(),
    });
    match classify(answer.status, words.as_deref(), op) {
        PublishError::RateLimited { scope, said, .. } => {
            let until = wire::wait(answer, "x-ratelimit-remaining", "x-ratelimit-reset", now);
            PublishError::RateLimited { until, scope, said }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_refusal_has_its_class_and_the_rest_is_unknown() {
        let cases = [
            (401, Some("The access token is invalid"), Op::Create, "auth"),
            (401, Some("The access token was revoked"), Op::Edit, "auth"),
            (403, Some("This action is outside the authorized scopes"), Op::Create, "forbidden"),
            (403, Some("Your login is currently disabled"), Op::Create, "forbidden"),
            (403, None, Op::Create, "unknown"),
            (404, Some("Record not found"), Op::Create, "unknown"),
            (404, Some("Record not found"), Op::Edit, "rejected content"),
            (404, None, Op::Edit, "unknown"),
            (409, Some("An identical request is still being processed"), Op::Create, "unknown"),
            (410, None, Op::Create, "gone"),
            (413, None, Op::Create, "rejected invalid"),
            (422, Some("Validation failed: Text character limit of 500 exceeded"), Op::Create, "rejected too long"),
            (400, Some("Bad Request: text with spoiler exceed max chars (5000)"), Op::Create, "rejected too long"),
            (400, Some("The status is over the character limit"), Op::Create, "rejected too long"),
            (422, Some("Media 1 not found or already attached to another post"), Op::Create, "rejected media"),
            (422, Some("Cannot attach files that have not finished processing"), Op::Create, "rejected media"),
            (422, Some("Unexpected accounts mentioned"), Op::Create, "rejected content"),
            (429, Some("Too many requests"), Op::Create, "rate_limited"),
            (429, None, Op::Create, "rate_limited"),
            (408, None, Op::Create, "unknown"),
            (500, Some("Internal server error"), Op::Create, "unknown"),
            (502, None, Op::Create, "unknown"),
            (503, Some("Remote data could not be fetched"), Op::Create, "unknown"),
            (504, None, Op::Create, "unknown"),
            (301, None, Op::Create, "unknown"),
            (418, Some("odd"), Op::Create, "unknown"),
        ];
        for (status, words, op, expected) in cases {
            let found = classify(status, words, op);
            let word = match &found {
                PublishError::Rejected { reason: Rejection::TooLong, .. } => "rejected too long",
                PublishError::Rejected { reason: Rejection::Media, .. } => "rejected media",
                PublishError::Rejected { reason: Rejection::Content, .. } => "rejected content",
                PublishError::Rejected { reason: Rejection::Invalid, .. } => "rejected invalid",
                other => other.class(),
            };
            assert_eq!(word, expected, "{status} {words:?}");
        }
    }

    #[test]
    fn a_limit_names_its_end() {
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert("x-ratelimit-remaining", "0".parse().unwrap());
        headers.insert("x-ratelimit-reset", "2026-11-01T10:05:00.000001Z".parse().unwrap());
        let answer = Answer { status: 429, headers, body: br#"{"error":"Too many requests"}"#.to_vec() };
        let now = "2026-11-01T10:00:00Z".parse().unwrap();
        let PublishError::RateLimited { until, scope, said } = of_answer(&answer, Op::Create, now) else { panic!() };
        assert_eq!(until, Some("2026-11-01T10:05:00.000001Z".parse().unwrap()));
        assert_eq!((scope, said.as_str()), (PauseScopeKind::Channel, "429 Too many requests"));
    }
}
