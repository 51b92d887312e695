//! After a crash, and by a sweep: what a process left behind. A post with a visible step begun and no outcome becomes
//! uncertain, never scheduled; one without goes back into the queue.

use jiff::Timestamp;

use super::claim::done_steps;
use crate::model::post::{Actor, PostState};
use crate::model::receipt::Outcome;
use crate::store::post::PostRow;
use crate::store::{Conn, StoreError, attempt, post};

/// Settles every post that is `publishing` under a lease nobody holds any more. `sole` is the worker id of the one
/// process that may publish: leases of all others are lapsed, since their lock is gone; its own lapse by time.
/// Returns how many were put back and how many are in doubt.
///
/// # Errors
/// The database's.
pub async fn sweep(conn: &mut Conn, sole: &str, now: Timestamp) -> Result<(usize, usize), StoreError> {
    let (mut back, mut doubt) = (0, 0);
    for row in post::list(conn, &["publishing"], None, 10_000).await? {
        let PostState::Publishing { lease, .. } = &row.post.state else { continue };
        if lease.owner.as_str() == sole && lease.until > now {
            continue;
        }
        if settle(conn, &row, now).await? {
            doubt += 1;
        } else {
            back += 1;
        }
    }
    Ok((back, doubt))
}

/// Returns whether it is in doubt.
async fn settle(conn: &mut Conn, row: &PostRow, now: Timestamp) -> Result<bool, StoreError> {
    let attempts = attempt::of(conn, row.id()).await?;
    let done = done_steps(&attempts, row.revision);
    let mut doubtful = false;
    for it in attempts.iter().filter(|it| it.attempt.revision == row.revision && !done.contains_key(&it.attempt.step)) {
        // `unknown` may have been stored by the process itself just before it ended.
        let open = matches!(it.attempt.outcome, None | Some(Outcome::Unknown { .. }));
        doubtful |= open && it.attempt.step.op.is_visible() && it.attempt.fence == row.fence;
        if it.attempt.outcome.is_none() {
            let said = "the process ended before an answer was stored".to_owned();
            attempt::end(conn, &it.attempt.id, now, &Outcome::Unknown { said }).await?;
        }
    }
    let post = row.post.clone();
    let (moved, why) = if doubtful {
        (post.doubt(now), "its process ended after the send was begun: looked up before anything else")
    } else {
        let why = "its process ended before anything was sent";
        (post.put_back(Some(why.to_owned())), why)
    };
    let moved = moved.map_err(|e| StoreError::Conflict(e.to_string()))?;
    let mut next = PostRow { post: moved, ..row.clone() };
    if doubtful {
        next.looks = 0;
        next.next_look = Some(now);
    } else {
        next.sent = None;
    }
    post::put(conn, row, &next, now, &Actor::Bugle, why).await?;
    Ok(doubtful)
}
