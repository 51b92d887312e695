//! The table: what a receiver answered -> the class of failure. Pure. Any 2xx is a success, whatever its body.
//!
//! Source: standard-webhooks, `spec/standard-webhooks.md`, 2026-08-17. Where the specification only says "failed", the
//! class is ours: what is likely a fault of the set-up stops the channel, so that no post is lost to it.

use jiff::Timestamp;

use crate::http::{Answer, retry_after};
use crate::model::post::Rejection;
use crate::platform::{PauseScopeKind, PublishError, wire};

/// The class of an answer that is no success.
pub(super) fn classify(answer: &Answer, now: Timestamp) -> PublishError {
    let words = wire::excerpt(&String::from_utf8_lossy(&answer.body));
    let said = match words.as_str() {
        "" => format!("the receiver answered {}", answer.status),
        words => format!("the receiver answered {}: {words}", answer.status),
    };
    let scope = PauseScopeKind::Channel;
    let until = retry_after(&answer.headers, now);
    match answer.status {
        300..=399 => PublishError::Forbidden { scope, said: format!("{said}; it has moved: write its new url") },
        401 => PublishError::Auth { said },
        403..=405 => PublishError::Forbidden { scope, said },
        410 => PublishError::Gone { said },
        400 | 415 | 422 => PublishError::Rejected { reason: Rejection::Invalid, said },
        413 => PublishError::Rejected { reason: Rejection::TooLong, said },
        429 => PublishError::RateLimited { until, scope, said },
        // Even if it took the event before it said so: under the same id it will not take it twice.
        503 if until.is_some() => PublishError::RateLimited { until, scope, said },
        _ => PublishError::Unknown { said },
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue};

    use super::*;

    #[test]
    fn every_answer_has_its_class() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        for (status, header, class) in [
            (301, None, "forbidden"),
            (308, None, "forbidden"),
            (400, None, "rejected"),
            (401, None, "auth"),
            (403, None, "forbidden"),
            (404, None, "forbidden"),
            (405, None, "forbidden"),
            (408, None, "unknown"),
            (409, None, "unknown"),
            (410, None, "gone"),
            (413, None, "rejected"),
            (415, None, "rejected"),
            (422, None, "rejected"),
            (429, None, "rate_limited"),
            (429, Some("7"), "rate_limited"),
            (500, None, "unknown"),
            (502, Some("7"), "unknown"),
            (503, None, "unknown"),
            (503, Some("7"), "rate_limited"),
            (504, None, "unknown"),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(value) = header {
                headers.insert("retry-after", HeaderValue::from_static(value));
            }
            let error = classify(&Answer { status, headers, body: b"no\n".to_vec() }, now);
            assert_eq!(error.class(), class, "{status} {header:?}");
            if let PublishError::RateLimited { until, .. } = error {
                let expected = header.map(|_| Timestamp::from_second(1_800_000_007).unwrap());
                assert_eq!(until, expected, "{status}");
            }
        }
    }
}
