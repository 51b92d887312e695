//! The table of refusals: (status, `errcode`, what was tried) → class. Pure; what is not listed is `Unknown`.
//! Source: Matrix specification 1.19, client-server API, standard error response, 2026-07.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::http::Answer;
use crate::model::post::Rejection;
use crate::model::receipt::Op;
use crate::platform::{PauseScopeKind, PublishError, wire};

/// The class of an answer that is not a plain yes. `body` is the answer's, `Null` where it is no JSON: then something in
/// between answered, which says nothing of the event.
pub fn classify(status: u16, body: &Value, op: Op) -> PublishError {
    let code = body["errcode"].as_str().unwrap_or_default();
    let words = wire::excerpt(body["error"].as_str().unwrap_or_default());
    let said = [status.to_string().as_str(), code, &words].join(" ").trim_end().to_owned();
    let channel = PauseScopeKind::Channel;
    let rejected = |reason| PublishError::Rejected { reason, said: said.clone() };
    let too_large = || rejected(if op == Op::Upload { Rejection::Media } else { Rejection::TooLong });
    // The specification leaves the status of several of these to the server: the code decides.
    match code {
        "M_LIMIT_EXCEEDED" => {
            return PublishError::RateLimited { until: None, scope: PauseScopeKind::Credential, said };
        }
        "M_UNKNOWN_TOKEN" | "M_MISSING_TOKEN" => {
            let more = if body["soft_logout"] == true { "; sign in again with the same device id" } else { "" };
            return PublishError::Auth { said: format!("{said}{more}") };
        }
        // The server as a whole takes nothing: a person must see to it.
        "M_RESOURCE_LIMIT_EXCEEDED" | "M_USER_LIMIT_EXCEEDED" => {
            let at = body["admin_contact"].as_str().or_else(|| body["info_uri"].as_str()).unwrap_or_default();
            let said = format!("{said} {}", wire::excerpt(at)).trim_end().to_owned();
            return PublishError::Forbidden { scope: PauseScopeKind::Credential, said };
        }
        "M_USER_LOCKED"
        | "M_USER_SUSPENDED"
        | "M_USER_DEACTIVATED"
        | "M_CONSENT_NOT_GIVEN"
        | "M_GUEST_ACCESS_FORBIDDEN" => return PublishError::Forbidden { scope: channel, said },
        "M_TOO_LARGE" => return too_large(),
        _ => {}
    }
    match (status, code) {
        (429, _) => PublishError::RateLimited { until: None, scope: PauseScopeKind::Credential, said },
        (413, _) => too_large(),
        (403, "M_FORBIDDEN") => PublishError::Forbidden { scope: channel, said },
        // What is to be changed or taken down is not there; for everything else the room is not.
        (404, "M_NOT_FOUND") if matches!(op, Op::Edit | Op::Delete) => rejected(Rejection::Content),
        (404, "M_NOT_FOUND") | (404 | 405, "M_UNRECOGNIZED") => PublishError::Forbidden { scope: channel, said },
        (400, "M_BAD_JSON" | "M_NOT_JSON" | "M_INVALID_PARAM" | "M_MISSING_PARAM") => rejected(Rejection::Invalid),
        _ => PublishError::Unknown { said },
    }
}

/// [`classify`] of an answer, with the wait it asks for.
pub(super) fn of_answer(answer: &Answer, op: Op, now: Timestamp) -> PublishError {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    match classify(answer.status, &body, op) {
        PublishError::RateLimited { scope, said, .. } => {
            // The header is the newer way, the body's milliseconds the older one: the later of both.
            let ms = body["retry_after_ms"].as_i64().filter(|ms| *ms >= 0);
            let told = ms.and_then(|ms| now.checked_add(SignedDuration::from_millis(ms)).ok());
            let until = [told, wire::wait(answer, "", "", now)].into_iter().flatten().max();
            PublishError::RateLimited { until, scope, said }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
    fn every_listed_refusal_has_its_class_and_the_rest_is_unknown() {
        for (status, code, op, expected) in [
            (429, "M_LIMIT_EXCEEDED", Op::Create, "rate_limited Credential"),
            (429, "", Op::Create, "rate_limited Credential"),
            (401, "M_UNKNOWN_TOKEN", Op::Create, "auth"),
            (401, "M_MISSING_TOKEN", Op::Upload, "auth"),
            (401, "M_USER_LOCKED", Op::Create, "forbidden Channel"),
            (401, "", Op::Create, "unknown"),
            (403, "M_FORBIDDEN", Op::Create, "forbidden Channel"),
            (403, "M_USER_SUSPENDED", Op::Create, "forbidden Channel"),
            (403, "M_USER_DEACTIVATED", Op::Delete, "forbidden Channel"),
            (403, "M_CONSENT_NOT_GIVEN", Op::Create, "forbidden Channel"),
            (403, "", Op::Create, "unknown"),
            (404, "M_NOT_FOUND", Op::Create, "forbidden Channel"),
            (404, "M_NOT_FOUND", Op::Edit, "rejected Content"),
            (404, "M_NOT_FOUND", Op::Delete, "rejected Content"),
            (404, "M_UNRECOGNIZED", Op::Create, "forbidden Channel"),
            (405, "M_UNRECOGNIZED", Op::Create, "forbidden Channel"),
            (404, "", Op::Create, "unknown"),
            (413, "M_TOO_LARGE", Op::Create, "rejected TooLong"),
            (413, "M_TOO_LARGE", Op::Upload, "rejected Media"),
            (413, "", Op::Upload, "rejected Media"),
            (400, "M_BAD_JSON", Op::Create, "rejected Invalid"),
            (400, "M_NOT_JSON", Op::Create, "rejected Invalid"),
            (400, "M_INVALID_PARAM", Op::Create, "rejected Invalid"),
            (400, "M_UNKNOWN", Op::Create, "unknown"),
            (403, "M_RESOURCE_LIMIT_EXCEEDED", Op::Create, "forbidden Credential"),
            (400, "M_USER_LIMIT_EXCEEDED", Op::Create, "forbidden Credential"),
            (500, "M_UNKNOWN", Op::Create, "unknown"),
            (502, "", Op::Create, "unknown"),
            (503, "", Op::Create, "unknown"),
            (504, "", Op::Create, "unknown"),
            (408, "", Op::Create, "unknown"),
            (302, "", Op::Create, "unknown"),
            (418, "ORG_NEW", Op::Create, "unknown"),
        ] {
            let body = if code.is_empty() { Value::Null } else { json!({"errcode": code, "error": "words"}) };
            assert_eq!(shown(&classify(status, &body, op)), expected, "{status} {code} {op}");
        }
    }

    #[test]
    fn a_soft_logout_and_a_contact_are_told() {
        let soft = json!({"errcode": "M_UNKNOWN_TOKEN", "error": "expired", "soft_logout": true});
        assert!(classify(401, &soft, Op::Create).to_string().contains("same device id"));
        let full =
            json!({"errcode": "M_RESOURCE_LIMIT_EXCEEDED", "error": "full", "admin_contact": "mailto:a@s.example"});
        assert!(classify(403, &full, Op::Create).to_string().contains("mailto:a@s.example"));
    }

    #[test]
    fn the_later_of_header_and_body_is_waited_for() {
        let now: Timestamp = "2026-11-01T10:00:00Z".parse().unwrap();
        for (header, ms, expected) in [
            (Some("7"), Some(2000), Some("2026-11-01T10:00:07Z")),
            (Some("1"), Some(2500), Some("2026-11-01T10:00:02.5Z")),
            (None, Some(2500), Some("2026-11-01T10:00:02.5Z")),
            (Some("soon"), None, None),
            (None, None, None),
        ] {
            let mut headers = reqwest::header::HeaderMap::new();
            if let Some(value) = header {
                headers.insert("retry-after", value.parse().unwrap());
            }
            let mut body = json!({"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests"});
            if let Some(ms) = ms {
                body["retry_after_ms"] = json!(ms);
            }
            let answer = Answer { status: 429, headers, body: body.to_string().into_bytes() };
            let PublishError::RateLimited { until, .. } = of_answer(&answer, Op::Create, now) else { panic!() };
            assert_eq!(until, expected.map(|text| text.parse::<Timestamp>().unwrap()), "{header:?} {ms:?}");
        }
    }
}
