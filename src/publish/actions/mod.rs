//! What a person may do, by hand on the command line or on the desk. Each act is one job of the store's writer, audited
//! under the person's name, and raises the change counter, so that a running service looks again at once. What an act
//! may not do is told in words, as [`StoreError::Conflict`], with the state the post is in and the way out.
//!
//! `waiting.rs` has the acts on posts that are not out, `out.rs` those on posts that are (or are made by hand),
//! `door.rs` pause and resume, `foresee.rs` what resuming will do. Nothing here sends: that is the lane's.

mod door;
mod foresee;
mod out;
#[cfg(test)]
mod tests;
mod waiting;

use jiff::Timestamp;

pub use self::door::{Release, Reopen, Resumed, pause, resume};
pub use self::foresee::{Ahead, Asked, Foreseen, foresee};
pub use self::out::{BY_HAND, ByHand, Edited, by_hand, edit, own_article, retract, seen};
pub use self::waiting::{approve, approve_group, confirm, hold, retry, skip, skip_group};
use super::Channel;
use super::claim::{done_steps, remote_id};
use super::prepare::Setting;
use crate::model::post::{Actor, Approval, HoldReason, PostState};
use crate::model::receipt::{Op, Outcome};
use crate::store::post::{PostRow, short};
use crate::store::{Conn, StoreError, attempt, post};

/// A person at work: who, and when.
#[derive(Clone, Debug)]
pub struct Hand {
    /// The name of the person.
    pub name: String,
    /// Now.
    pub now: Timestamp,
}

impl Hand {
    fn actor(&self) -> Actor {
        Actor::Person(self.name.clone())
    }

    fn approval(&self, payload: Option<String>) -> Approval {
        Approval { by: self.actor(), at: self.now, payload }
    }
}

/// A channel of the config, and what composing for it needs.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The channel.
    pub channel: &'a Channel,
    /// Templates, newsroom and zone.
    pub setting: Setting<'a>,
}

/// What the attempts of a post's present revision tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Known {
    /// Something was begun with this payload: other bytes need another revision.
    pub begun: bool,
    /// A visible step was sent and never settled for certain. A post may be scheduled all the same: a repeat with the
    /// same id or key is harmless. Another payload, or the same at any later time, is not.
    pub doubtful: bool,
    /// Remote ids of the parts that are out.
    pub parts: Vec<String>,
}

pub(super) async fn known(conn: &mut Conn, row: &PostRow) -> Result<Known, StoreError> {
    let mut attempts = attempt::of(conn, row.id()).await?;
    attempts.retain(|it| it.attempt.revision == row.revision && matches!(it.attempt.step.op, Op::Upload | Op::Create));
    let done = done_steps(&attempts, row.revision);
    let open = |outcome: &Option<Outcome>| match outcome {
        None | Some(Outcome::Unknown { .. }) => true,
        Some(Outcome::Not { class, .. }) => class == "duplicate",
        Some(Outcome::Done { .. }) => false,
    };
    let doubtful = attempts
        .iter()
        .map(|it| &it.attempt)
        .any(|attempt| attempt.step.op.is_visible() && !done.contains_key(&attempt.step) && open(&attempt.outcome));
    let mut visible: Vec<_> = done.iter().filter(|(step, _)| step.op.is_visible()).collect();
    visible.sort_by_key(|(step, _)| step.n);
    let id = |value: &serde_json::Value| remote_id(value).unwrap_or_default().to_owned();
    let parts = visible.into_iter().map(|(_, value)| id(value)).collect();
    Ok(Known { begun: !attempts.is_empty(), doubtful, parts })
}

async fn need(conn: &mut Conn, id: &str) -> Result<PostRow, StoreError> {
    post::one(conn, id).await?.ok_or_else(|| StoreError::Conflict(format!("there is no post {id}")))
}

fn refuse(row: &PostRow, act: &str, known: &Known) -> StoreError {
    StoreError::Conflict(format!("cannot {act}: post {} {}", short(row.id()), ways_out(row, known)))
}

/// Where a post stands and what a person may do with it.
fn ways_out(row: &PostRow, known: &Known) -> String {
    let id = short(row.id());
    let doubt = format!(
        "is in doubt: `bugle confirm {id}` if it is there, `bugle retry {id}` to send it again, `bugle skip {id}` to \
         drop it"
    );
    match &row.post.state {
        PostState::Held { why: HoldReason::Doubt { .. }, .. } => doubt,
        PostState::Held { why: HoldReason::PartlyOut { said }, .. } => format!(
            "is partly out ({said}): `bugle retry {id}` sends the rest, `bugle confirm {id}` leaves it as it is (and \
             then `bugle retract {id}` takes it down), `bugle skip {id}` drops the rest"
        ),
        PostState::Held { why: HoldReason::Restored, .. } => format!(
            "came back with a backup and may be out already: `bugle confirm {id}` if it is there, `bugle retry {id}` \
             if it is not, `bugle skip {id}` to drop it"
        ),
        PostState::Held { .. } if known.doubtful => doubt,
        PostState::Held { why, .. } if !known.parts.is_empty() => format!(
            "is partly out and held ({why}): `bugle retry {id}` sends the rest, `bugle confirm {id}` leaves it as it is \
             (and then `bugle retract {id}` takes it down), `bugle skip {id}` drops the rest"
        ),
        PostState::Held { why: HoldReason::Withheld { .. }, .. } => format!(
            "is held because its source withholds the story: it goes on by itself when the source lets it, `bugle skip \
             {id}` drops it, `bugle post` makes one by hand"
        ),
        PostState::Held { why, .. } => format!(
            "is held ({why}): `bugle approve {id}` lets it go out, `bugle edit {id}` changes it, `bugle skip {id}` \
             drops it"
        ),
        PostState::Scheduled { .. } if known.doubtful => format!(
            "is being sent again, since its answer was lost: `bugle confirm {id}` if it is there, `bugle hold {id}` \
             to decide yourself"
        ),
        PostState::Scheduled { .. } if !known.parts.is_empty() => {
            format!("is partly out, the rest follows: `bugle hold {id}` stops it")
        }
        PostState::Scheduled { .. } => format!(
            "is scheduled: `bugle hold {id}` stops it, `bugle edit {id}` changes it, `bugle skip {id}` drops it"
        ),
        PostState::Publishing { .. } => "is on its way right now: ask again in a moment".to_owned(),
        PostState::Uncertain { .. } => format!(
            "was sent and its answer was lost; bugle is looking it up. `bugle confirm {id}` if you see it there, \
             `bugle hold {id}` to decide yourself"
        ),
        PostState::Published { receipt } => {
            let at = receipt.url.as_deref().map(|url| format!(" at {url}")).unwrap_or_default();
            format!("is out{at}: `bugle retract {id}` takes it down")
        }
        PostState::Failed { reason, .. } => format!(
            "was refused by the platform ({}): `bugle edit {id}` changes it, `bugle retry {id}` sends it again, \
             `bugle skip {id}` drops it",
            reason.said
        ),
        PostState::Skipped { why, .. } => {
            format!("is skipped for good ({why}); `bugle post` makes a new one by hand")
        }
        PostState::Retracted { by, .. } => {
            format!("was taken down by {by}; `bugle post` makes a new one by hand")
        }
    }
}

/// The text a person wrote, with plain line ends and without control characters.
fn plain(text: &str) -> Result<String, StoreError> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\t', " ");
    let text: String = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    match text.trim() {
        "" => Err(StoreError::Conflict("expected a text, found nothing but blanks".to_owned())),
        text => Ok(text.to_owned()),
    }
}
