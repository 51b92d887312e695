//! The table of refusals of Threads. Source: Threads' error codes as projects report them (2026-08), Meta's error
//! handling guide; codes 4279009, 4279013 and 2207051 are confirmed by projects only.

use super::super::graph::Fault;
use super::super::graph::fault::common;
use crate::model::post::Rejection;
use crate::model::receipt::Op;
use crate::platform::{PauseScopeKind, PublishError};

/// The class of what the API says against a request. Not listed: `Unknown`.
pub fn classify(fault: &Fault, op: Op) -> PublishError {
    let said = fault.said();
    let words = fault.message.to_ascii_lowercase();
    let rejected = |reason| PublishError::Rejected { reason, said: said.clone() };
    if fault.is_doubtful() {
        return PublishError::Unknown { said };
    }
    match fault.subcode {
        // The user is restricted; restricted as a guard against spam.
        4_279_013 | 2_207_051 => return PublishError::Forbidden { scope: PauseScopeKind::Channel, said },
        _ => {}
    }
    if words.contains("media could not be fetched") || words.contains("cannot be fetched") {
        return rejected(Rejection::Media);
    }
    if let Some(class) = common(fault) {
        return class;
    }
    match fault.code {
        Some(100) if words.contains("must be at most") => rejected(Rejection::TooLong),
        Some(100) if words.contains("link_limit_exceeded") => rejected(Rejection::Content),
        Some(100) if words.contains("image") || words.contains("media") => rejected(Rejection::Media),
        // A post that is not there: to be looked up where it was to be made.
        Some(100) if fault.subcode == 33 && op == Op::Create => PublishError::Unknown { said },
        Some(100) => rejected(Rejection::Content),
        _ => PublishError::Unknown { said },
    }
}

/// "Media Not Found" to a publication: the container is not there yet, or is lost.
pub fn is_not_found(fault: &Fault) -> bool {
    fault.code == Some(24) && fault.subcode == 4_279_009
}

/// Whether it may say that a post is not there.
pub fn is_gone(fault: &Fault) -> bool {
    matches!((fault.code, fault.subcode), (Some(24), _) | (Some(100), 33))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_temporary_may_have_been_done() {
        crate::platform::graph::fault::doubts(classify);
    }

    #[test]
    fn every_listed_refusal_has_its_class() {
        for (code, subcode, words, op, expected) in [
            (24, 4_279_009, "Media Not Found", Op::Create, "unknown"),
            (100, 0, "Param text must be at most 500 characters long.", Op::Upload, "rejected too long"),
            (100, 0, "THREADS_API__LINK_LIMIT_EXCEEDED", Op::Upload, "rejected content"),
            (100, 0, "Invalid parameter", Op::Upload, "rejected content"),
            (100, 0, "The image format is not supported", Op::Upload, "rejected media"),
            (100, 33, "Unsupported post request. Object with ID '1' does not exist", Op::Create, "unknown"),
            (190, 463, "Session has expired", Op::Create, "auth"),
            (10, 0, "Application does not have permission", Op::Upload, "forbidden"),
            (200, 0, "Permissions error", Op::Upload, "forbidden"),
            (1, 4_279_013, "restricted", Op::Create, "forbidden"),
            (-1, 2_207_051, "Action blocked", Op::Create, "forbidden"),
            (4, 0, "Application request limit reached", Op::Create, "rate_limited"),
            (17, 0, "User request limit reached", Op::Create, "rate_limited"),
            (32, 0, "", Op::Create, "rate_limited"),
            (613, 0, "", Op::Create, "rate_limited"),
            (1, 0, "An unknown error occurred", Op::Create, "unknown"),
            (2, 0, "Service temporarily unavailable", Op::Create, "unknown"),
            (9999, 0, "odd", Op::Create, "unknown"),
            (1, 0, "The media could not be fetched from this URI", Op::Upload, "rejected media"),
        ] {
            let found = classify(&Fault::of(code, subcode, words), op);
            let word = match &found {
                PublishError::Rejected { reason: Rejection::TooLong, .. } => "rejected too long",
                PublishError::Rejected { reason: Rejection::Media, .. } => "rejected media",
                PublishError::Rejected { .. } => "rejected content",
                other => other.class(),
            };
            assert_eq!(word, expected, "{code}/{subcode} {words}");
        }
        assert_eq!(classify(&Fault { status: 504, ..Fault::default() }, Op::Create).class(), "unknown");
        assert!(is_not_found(&Fault::of(24, 4_279_009, "")) && !is_not_found(&Fault::of(24, 0, "")));
        assert!(is_gone(&Fault::of(100, 33, "")) && !is_gone(&Fault::of(100, 0, "")));
        assert!(
            !is_gone(&Fault { status: 404, ..Fault::default() }),
            "without the API's words it may be anything between"
        );
    }
}
