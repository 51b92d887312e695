//! What can be done with a post in the state it is in. Pure; the acts themselves are in `publish::actions`, and refuse
//! what does not fit whatever a page offered.

use crate::model::post::{HoldReason, PostState};
use crate::publish::actions;
use crate::store::post::PostRow;

/// Something a person can do with a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Approve,
    SendNow,
    TakeBack,
    Schedule,
    Edit,
    Hold,
    Confirm,
    Retry,
    Skip,
    Retract,
    Again,
}

/// What its platform and its attempts say beside its state.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    /// It may be out, wholly or in part.
    pub may_be_out: bool,
    /// It can be composed as it is.
    pub fits: bool,
    /// The platform shows changes of what is out.
    pub edits: bool,
    /// The platform lets it be taken down.
    pub deletes: bool,
}

/// What is offered, the likeliest first.
pub(super) fn acts(row: &PostRow, facts: Facts) -> Vec<Act> {
    use Act::{Again, Approve, Confirm, Edit, Hold, Retract, Retry, Schedule, SendNow, Skip, TakeBack};
    match &row.post.state {
        PostState::Held { why, .. } if why.is_doubt() || facts.may_be_out => vec![Confirm, Retry, Skip],
        PostState::Held { why: HoldReason::Withheld { .. }, .. } => vec![Skip],
        PostState::Held { .. } if facts.fits => vec![Approve, SendNow, Schedule, Edit, Skip],
        PostState::Held { .. } => vec![Edit, Skip],
        PostState::Scheduled { .. } if facts.may_be_out => vec![Confirm, Hold],
        PostState::Scheduled { .. } if actions::waits_for_undo(row).is_some() => vec![TakeBack],
        PostState::Scheduled { .. } if facts.fits => vec![SendNow, Schedule, Edit, Hold, Skip],
        PostState::Scheduled { .. } => vec![Edit, Hold, Skip],
        PostState::Publishing { .. } => Vec::new(),
        PostState::Uncertain { .. } => vec![Confirm, Retry, Skip, Hold],
        PostState::Failed { .. } if facts.may_be_out => vec![Confirm, Retry, Skip],
        PostState::Failed { .. } => vec![Edit, Retry, Skip],
        PostState::Published { receipt } => {
            let known = receipt.remote_id.is_some();
            let edit = (known && facts.edits).then_some(Edit);
            edit.into_iter().chain((known && facts.deletes).then_some(Retract)).collect()
        }
        PostState::Skipped { .. } | PostState::Retracted { .. } => vec![Again],
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::Act::*;
    use super::*;
    use crate::model::post::{Actor, Approval, FailReason, Lease, Occasion, Post, Rejection, SkipReason, Urgency};
    use crate::model::receipt::{Known, Receipt};
    use crate::store::post::Undo;

    #[test]
    fn what_is_offered_fits_the_state() {
        let at = Timestamp::UNIX_EPOCH;
        let approval = Approval { by: Actor::Route, at, payload: None };
        let held = |why| PostState::Held { since: at, why };
        let scheduled = PostState::Scheduled { approval: approval.clone(), retry: None };
        let published = |id: Option<&str>| PostState::Published {
            receipt: Receipt {
                remote_id: id.map(str::to_owned),
                url: None,
                parts: Vec::new(),
                at,
                how: Known::Answered,
            },
        };
        let fits = Facts { fits: true, edits: true, deletes: true, may_be_out: false };
        let out = Facts { may_be_out: true, ..fits };
        let unfit = Facts { fits: false, ..fits };
        let fixed = Facts { edits: false, deletes: false, ..fits };
        let doubt = HoldReason::Doubt { evidence: "e".to_owned() };
        let reason = FailReason { rejection: Rejection::Content, said: "s".to_owned() };
        let lease = Lease { owner: "w".into(), fence: 1, until: at };
        for (state, facts, expected) in [
            (held(HoldReason::Approval), fits, &[Approve, SendNow, Schedule, Edit, Skip][..]),
            (held(HoldReason::Approval), unfit, &[Edit, Skip]),
            (held(HoldReason::Approval), out, &[Confirm, Retry, Skip]),
            (held(doubt), fits, &[Confirm, Retry, Skip]),
            (held(HoldReason::Restored), fits, &[Confirm, Retry, Skip]),
            (held(HoldReason::Withheld { approval: approval.clone() }), fits, &[Skip]),
            (scheduled.clone(), fits, &[SendNow, Schedule, Edit, Hold, Skip]),
            (scheduled.clone(), unfit, &[Edit, Hold, Skip]),
            (scheduled.clone(), out, &[Confirm, Hold]),
            (PostState::Publishing { lease, approval: approval.clone() }, fits, &[]),
            (PostState::Uncertain { since: at, approval: approval.clone() }, fits, &[Confirm, Retry, Skip, Hold]),
            (PostState::Failed { at, reason: reason.clone() }, fits, &[Edit, Retry, Skip]),
            (PostState::Failed { at, reason }, out, &[Confirm, Retry, Skip]),
            (published(Some("1")), fits, &[Edit, Retract]),
            (published(Some("1")), fixed, &[]),
            (published(None), fits, &[]),
            (PostState::Skipped { at, why: SkipReason::Expired }, fits, &[Again]),
        ] {
            assert_eq!(acts(&row(state.clone()), facts), expected, "{state:?} {facts:?}");
        }
        let mut sent = row(scheduled);
        let state = held(HoldReason::Approval);
        sent.undo = Some(Undo { at, until: at, state, due: at, expires: None, urgency: Urgency::Normal });
        assert_eq!(acts(&sent, fits), [TakeBack]);
    }

    fn row(state: PostState) -> PostRow {
        let at = Timestamp::UNIX_EPOCH;
        PostRow::new(Post {
            id: "p1".into(),
            channel: "x".into(),
            article: "a1".into(),
            occasion: Occasion::First,
            route: 1,
            template: "headline".to_owned(),
            urgency: Urgency::Normal,
            created: at,
            expires: None,
            due: at,
            attempts: 0,
            text: None,
            picture: Default::default(),
            state,
        })
    }
}
