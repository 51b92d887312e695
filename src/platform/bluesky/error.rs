//! The table of refusals: (status, error name, words) → class. Source: platforms' lexicons and the reference server,
//! 2026-08; the lines marked * were seen on that server (0.5.35).

use serde_json::Value;

use super::wire;
use crate::http::Answer;
use crate::model::post::Rejection;
use crate::model::receipt::Op;
use crate::platform::{PauseScopeKind, PublishError};

/// The class of an answer that is not a plain yes. What is not listed is `Unknown`: it may be out.
pub fn classify(status: u16, name: &str, message: &str, op: Op) -> PublishError {
    let said = format!("{status} {name}: {message}").trim_end_matches([':', ' ']).to_owned();
    let rejected = |reason| PublishError::Rejected { reason, said: said.clone() };
    match (status, name) {
        (429, _) => PublishError::RateLimited { until: None, scope: PauseScopeKind::Channel, said },
        // 400, not 401 *: refresh and repeat.
        (400 | 401, "ExpiredToken" | "InvalidToken") => PublishError::Auth { said },
        (400..=403, "AccountTakedown" | "AccountDeactivated" | "AccountSuspended") => {
            PublishError::Forbidden { scope: PauseScopeKind::Channel, said }
        }
        (400..=404, "AccountNotFound" | "RepoNotFound") => PublishError::Gone { said },
        (401, "AuthFactorTokenRequired") => {
            PublishError::Auth { said: format!("{said} (use an app password, not the account's own)") }
        }
        // * AuthMissing, AuthenticationRequired.
        (401, _) => PublishError::Auth { said },
        // A proxy's 403 carries no name: then nobody knows.
        (403, name) if !name.is_empty() => PublishError::Forbidden { scope: PauseScopeKind::Channel, said },
        // * The same key holds another record.
        (400, "InvalidSwap") if op == Op::Create => PublishError::Duplicate { said },
        // * BlobNotFound.
        (400, "BlobNotFound" | "BlobTooLarge" | "InvalidMimeType" | "InvalidSize") => rejected(Rejection::Media),
        // * "Invalid app.bsky.feed.post record: grapheme too big (maximum 300, got 301) at $.record.text"
        (400, "InvalidRequest") if message.contains("blob too big") || message.contains(".thumb") => {
            rejected(Rejection::Media)
        }
        (400, "InvalidRequest") if message.contains("too big") && message.contains(".text") => {
            rejected(Rejection::TooLong)
        }
        (400, "InvalidRequest") => rejected(Rejection::Invalid),
        // * PayloadTooLarge on an upload.
        (413, _) => rejected(if op == Op::Upload { Rejection::Media } else { Rejection::Invalid }),
        _ => PublishError::Unknown { said },
    }
}

/// [`classify`] of a body that was read already.
pub fn of(status: u16, body: &Value, op: Op) -> PublishError {
    let word = |key: &str| body[key].as_str().map(wire::excerpt).unwrap_or_default();
    classify(status, &word("error"), &word("message"), op)
}

/// The same with the wait that the headers ask for.
pub fn of_answer(answer: &Answer, body: &Value, op: Op, now: jiff::Timestamp) -> PublishError {
    match of(answer.status, body, op) {
        PublishError::RateLimited { scope, said, .. } => {
            let until = wire::wait(answer, "ratelimit-remaining", "ratelimit-reset", now);
            PublishError::RateLimited { until, scope, said }
        }
        other => other,
    }
}

/// Whether a record was refused only because its picture is no longer on the server.
pub fn is_lost_picture(error: &PublishError) -> bool {
    matches!(error, PublishError::Rejected { reason: Rejection::Media, said } if said.contains("BlobNotFound"))
}

/// Whether a record was refused for its picture, whatever is wrong with it.
pub const fn is_of_picture(error: &PublishError) -> bool {
    matches!(error, PublishError::Rejected { reason: Rejection::Media, .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_refusal_has_its_class_and_the_rest_is_unknown() {
        const RECORD: &str = "Invalid app.bsky.feed.post record: ";
        let cases = [
            (400, "ExpiredToken", "Token has expired", Op::Create, "auth"),
            (400, "InvalidToken", "Token could not be verified", Op::Create, "auth"),
            (401, "AuthMissing", "Authentication Required", Op::Create, "auth"),
            (401, "AuthenticationRequired", "Invalid identifier or password", Op::Upload, "auth"),
            (401, "AuthFactorTokenRequired", "", Op::Upload, "auth"),
            (401, "AccountTakedown", "Account has been taken down", Op::Create, "forbidden"),
            (403, "AccountNotFound", "", Op::Create, "gone"),
            (403, "", "", Op::Create, "unknown"),
            (400, "InvalidSwap", "Record was at bafy", Op::Create, "duplicate"),
            (400, "BlobNotFound", "Could not find blob: b", Op::Create, "rejected media"),
            (400, "BlobTooLarge", "", Op::Create, "rejected media"),
            (
                400,
                "InvalidRequest",
                &format!("{RECORD}blob too big (maximum 1000000, got 2) at $.x"),
                Op::Create,
                "rejected media",
            ),
            (
                400,
                "InvalidRequest",
                &format!("{RECORD}grapheme too big (maximum 300, got 301) at $.record.text"),
                Op::Create,
                "rejected too long",
            ),
            (
                400,
                "InvalidRequest",
                &format!("{RECORD}Invalid language (got \"x y\") at $.record.langs[0]"),
                Op::Create,
                "rejected invalid",
            ),
            (413, "PayloadTooLarge", "request entity too large", Op::Upload, "rejected media"),
            (429, "RateLimitExceeded", "Rate Limit Exceeded", Op::Create, "rate_limited"),
            // The answer to a create over an existing key, and to anything else that broke.
            (500, "InternalServerError", "Internal Server Error", Op::Create, "unknown"),
            (502, "UpstreamFailure", "", Op::Create, "unknown"),
            (503, "", "", Op::Create, "unknown"),
            (504, "UpstreamTimeout", "", Op::Create, "unknown"),
            (400, "SomethingNew", "", Op::Create, "unknown"),
            (200, "", "", Op::Create, "unknown"),
            (302, "", "", Op::Create, "unknown"),
        ];
        for (status, name, message, op, expected) in cases {
            let found = classify(status, name, message, op);
            let word = match &found {
                PublishError::Rejected { reason: Rejection::Media, .. } => "rejected media",
                PublishError::Rejected { reason: Rejection::TooLong, .. } => "rejected too long",
                PublishError::Rejected { .. } => "rejected invalid",
                other => other.class(),
            };
            assert_eq!(word, expected, "{status} {name} {message}");
        }
    }

    #[test]
    fn only_a_lost_picture_is_sent_again() {
        assert!(is_lost_picture(&classify(400, "BlobNotFound", "Could not find blob: b", Op::Create)));
        assert!(!is_lost_picture(&classify(400, "InvalidSize", "", Op::Create)));
    }
}
