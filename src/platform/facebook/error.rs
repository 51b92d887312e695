//! The table of refusals of Facebook Pages. Source: Meta's error handling guide (copy of 2024, re-read 2026); bare
//! subcodes by postiz-app's map of 2026-08-21, so their meaning is not confirmed by Meta.

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
    let forbidden = || PublishError::Forbidden { scope: PauseScopeKind::Channel, said: said.clone() };
    if fault.is_doubtful() {
        return PublishError::Unknown { said };
    }
    for number in [fault.code.unwrap_or_default(), fault.subcode] {
        match number {
            // Posting too fast: a pace, not a ban (postiz-app#2068).
            1_390_008 => return fault.wait(PauseScopeKind::Channel),
            // Content or link flagged as abusive; Facebook links not allowed.
            1_346_003 | 1_404_102 | 1_609_008 => return rejected(Rejection::Content),
            // The link could not be read: certainly not posted.
            1_609_005 => return fault.wait(PauseScopeKind::Channel),
            // Page publishing authorisation, identity or security check.
            1_404_078 | 4_854_002 | 1_404_006 | 1_404_112 => return forbidden(),
            1_366_046 => return rejected(Rejection::Media),
            1_366_051 => return PublishError::Duplicate { said },
            1_363_047 | 1_609_010 => return PublishError::Unknown { said },
            _ => {}
        }
    }
    match fault.code {
        Some(506) => return PublishError::Duplicate { said },
        // May be said although nothing is visible yet (koala#422).
        Some(368) if words.contains("already posted") => return PublishError::Duplicate { said },
        Some(368) => return forbidden(),
        _ => {}
    }
    if let Some(class) = common(fault) {
        return class;
    }
    match fault.code {
        Some(100) if fault.subcode == 33 => rejected(match op {
            Op::Edit | Op::Delete => Rejection::Content,
            Op::Upload | Op::Create => Rejection::Invalid,
        }),
        Some(100) if words.contains("attached_media") || words.contains("photo") => rejected(Rejection::Media),
        Some(100) => rejected(Rejection::Content),
        // 324, 321 …: what an upload is refused for besides.
        Some(324 | 321) => rejected(Rejection::Media),
        _ => PublishError::Unknown { said },
    }
}

/// Whether the link could not be read, so that certainly nothing was posted.
pub fn is_unread(fault: &Fault) -> bool {
    (fault.code == Some(1_609_005) || fault.subcode == 1_609_005) && !fault.is_doubtful()
}

/// Whether it may say that a post is not there.
pub fn is_gone(fault: &Fault) -> bool {
    fault.code == Some(100) && fault.subcode == 33
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
            (1, 0, "", Op::Create, "unknown"),
            (2, 0, "", Op::Create, "unknown"),
            (1, 1_363_047, "", Op::Create, "unknown"),
            (100, 1_609_010, "", Op::Create, "unknown"),
            (4, 0, "", Op::Create, "rate_limited"),
            (17, 2_446_079, "", Op::Create, "rate_limited"),
            (32, 0, "", Op::Create, "rate_limited"),
            (341, 0, "", Op::Create, "rate_limited"),
            (613, 1996, "", Op::Create, "rate_limited"),
            (80_001, 0, "", Op::Create, "rate_limited"),
            (10, 0, "", Op::Create, "forbidden"),
            (200, 0, "", Op::Create, "forbidden"),
            (283, 0, "", Op::Create, "forbidden"),
            (3, 0, "", Op::Create, "forbidden"),
            (100, 0, "Invalid parameter", Op::Create, "rejected content"),
            (100, 0, "requires an appsecret_proof argument", Op::Create, "auth"),
            (100, 0, "(#100) attached_media is invalid", Op::Create, "rejected media"),
            (100, 33, "", Op::Edit, "rejected content"),
            (100, 33, "", Op::Create, "rejected invalid"),
            (102, 0, "", Op::Create, "auth"),
            (190, 458, "", Op::Create, "auth"),
            (190, 460, "", Op::Create, "auth"),
            (190, 463, "", Op::Create, "auth"),
            (190, 492, "", Op::Create, "auth"),
            (368, 0, "temporarily blocked", Op::Create, "forbidden"),
            (368, 1_390_008, "", Op::Create, "rate_limited"),
            (368, 1_346_003, "", Op::Create, "rejected content"),
            (368, 1_404_102, "", Op::Create, "rejected content"),
            (368, 0, "It looks like you already posted this", Op::Create, "duplicate"),
            (506, 1_455_006, "Duplicate status message", Op::Create, "duplicate"),
            (1_609_005, 0, "", Op::Create, "rate_limited"),
            (100, 1_609_005, "", Op::Create, "rate_limited"),
            (100, 1_609_008, "", Op::Create, "rejected content"),
            (200, 1_404_078, "", Op::Create, "forbidden"),
            (1, 4_854_002, "", Op::Create, "forbidden"),
            (1, 1_404_006, "", Op::Create, "forbidden"),
            (1, 1_404_112, "", Op::Create, "forbidden"),
            (1, 1_366_046, "", Op::Upload, "rejected media"),
            (1, 1_366_051, "", Op::Upload, "duplicate"),
            (12_345, 0, "odd", Op::Create, "unknown"),
        ] {
            let found = classify(&Fault::of(code, subcode, words), op);
            let word = match &found {
                PublishError::Rejected { reason: Rejection::Media, .. } => "rejected media",
                PublishError::Rejected { reason: Rejection::Invalid, .. } => "rejected invalid",
                PublishError::Rejected { .. } => "rejected content",
                other => other.class(),
            };
            assert_eq!(word, expected, "{code}/{subcode} {words}");
        }
        for status in [301, 401, 403, 408, 500, 502, 503, 504] {
            let page = Fault { status, ..Fault::default() };
            assert_eq!(classify(&page, Op::Create).class(), "unknown", "{status} without the API's words");
        }
    }
}
