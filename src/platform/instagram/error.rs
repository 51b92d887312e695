//! The table of refusals of Instagram. Source: Meta's error handling guide; subcodes by postiz-app's map of 2026-08-21.

use super::super::graph::Fault;
use super::super::graph::fault::common;
use crate::model::post::Rejection;
use crate::model::receipt::Op;
use crate::platform::{PauseScopeKind, PublishError};

/// The class of what the API says against a request. Not listed: `Unknown`.
pub fn classify(fault: &Fault, op: Op) -> PublishError {
    let said = fault.said();
    let rejected = |reason| PublishError::Rejected { reason, said: said.clone() };
    if fault.is_doubtful() {
        return PublishError::Unknown { said };
    }
    match fault.subcode {
        // The limit of a day; the rolling day says nothing of its end.
        2_207_042 => return fault.wait(PauseScopeKind::Channel),
        // Spam guard, action blocked, account restricted or inactive.
        2_207_001 | 2_207_051 | 2_207_050 => {
            return PublishError::Forbidden { scope: PauseScopeKind::Channel, said };
        }
        2_207_010 => return rejected(Rejection::TooLong),
        // Not fetched, too slow, wrong shape, format, size, type. While a container is made nobody sees anything.
        2_207_003 | 2_207_052 | 2_207_082 | 2_207_009 | 2_207_005 | 2_207_004 | 2_207_023 => {
            return rejected(Rejection::Media);
        }
        // The container or its media has expired: what became of it is looked up before another is made.
        2_207_006 | 2_207_008 | 2_207_020 => return PublishError::Unknown { said },
        2_207_032 | 2_207_053 => return PublishError::Unknown { said },
        _ => {}
    }
    if let Some(class) = common(fault) {
        return class;
    }
    match (fault.code, fault.subcode) {
        (Some(9), _) => fault.wait(PauseScopeKind::Channel),
        (Some(9004 | 36_001 | 36_003), _) => rejected(Rejection::Media),
        (Some(36_004), _) => rejected(Rejection::TooLong),
        // Not there, or not for this token: for a read of the account, its permission.
        (Some(100), 33) if op != Op::Create => PublishError::Forbidden { scope: PauseScopeKind::Channel, said },
        (Some(100), 33) => PublishError::Unknown { said },
        (Some(100), _) => rejected(Rejection::Content),
        _ => PublishError::Unknown { said },
    }
}

/// "Media ID is not available" to a publication: the container is not ready yet.
pub fn is_not_ready(fault: &Fault) -> bool {
    fault.subcode == 2_207_027 || (fault.code == Some(9007) && fault.subcode == 0)
}

/// Whether the picture was not had from its address, or not in time: what may pass, unlike its being of the wrong kind.
pub const fn is_unfetched(fault: &Fault) -> bool {
    matches!(fault.subcode, 2_207_003 | 2_207_052 | 2_207_082)
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
        for (code, subcode, op, expected) in [
            (9007, 2_207_027, Op::Create, "unknown"),
            (9, 2_207_042, Op::Create, "rate_limited"),
            (9, 0, Op::Create, "rate_limited"),
            (9004, 2_207_052, Op::Upload, "rejected media"),
            (9004, 0, Op::Upload, "rejected media"),
            (-1, 2_207_003, Op::Upload, "rejected media"),
            (-1, 2_207_082, Op::Upload, "rejected media"),
            (36_003, 2_207_009, Op::Upload, "rejected media"),
            (36_001, 2_207_005, Op::Upload, "rejected media"),
            (-1, 2_207_004, Op::Upload, "rejected media"),
            (-1, 2_207_023, Op::Upload, "rejected media"),
            (36_004, 2_207_010, Op::Upload, "rejected too long"),
            (-1, 2_207_001, Op::Create, "forbidden"),
            (-1, 2_207_051, Op::Create, "forbidden"),
            (-1, 2_207_050, Op::Create, "forbidden"),
            (-1, 2_207_006, Op::Create, "unknown"),
            (-1, 2_207_008, Op::Create, "unknown"),
            (-1, 2_207_020, Op::Create, "unknown"),
            (-1, 2_207_032, Op::Create, "unknown"),
            (-2, 0, Op::Create, "unknown"),
            (1, 0, Op::Create, "unknown"),
            (4, 0, Op::Create, "rate_limited"),
            (80_002, 0, Op::Create, "rate_limited"),
            (190, 0, Op::Create, "auth"),
            (10, 0, Op::Create, "forbidden"),
            (100, 33, Op::Create, "unknown"),
            (100, 33, Op::Upload, "forbidden"),
            (100, 0, Op::Upload, "rejected content"),
            (777, 0, Op::Create, "unknown"),
        ] {
            let found = classify(&Fault::of(code, subcode, "words"), op);
            let word = match &found {
                PublishError::Rejected { reason: Rejection::TooLong, .. } => "rejected too long",
                PublishError::Rejected { reason: Rejection::Media, .. } => "rejected media",
                PublishError::Rejected { .. } => "rejected content",
                other => other.class(),
            };
            assert_eq!(word, expected, "{code}/{subcode}");
        }
        for (subcode, passes) in [
            (2_207_003, true),
            (2_207_052, true),
            (2_207_082, true),
            (2_207_009, false),
            (2_207_005, false),
            (2_207_004, false),
            (2_207_023, false),
            (0, false),
        ] {
            assert_eq!(is_unfetched(&Fault::of(9004, subcode, "")), passes, "{subcode}");
        }
        assert!(is_not_ready(&Fault::of(9007, 2_207_027, "")) && !is_not_ready(&Fault::of(9, 2_207_042, "")));
    }
}
