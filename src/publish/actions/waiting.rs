//! Acts on posts that are not out, or not known to be: approve, hold, skip, retry, confirm.

use super::{Hand, Known, known, need, refuse};
use crate::model::post::{HoldReason, Post, PostState, SkipReason};
use crate::model::receipt::{Known as How, Receipt};
use crate::store::post::{PostRow, short};
use crate::store::{Conn, Store, StoreError, meta, notice, post};

/// Lets a held post go out. `payload`: the hash of what the person saw; another one at send time holds it again.
///
/// # Errors
/// Where it is not held, may be out, or is too old; the database's.
pub async fn approve(store: &Store, hand: &Hand, id: &str, payload: Option<String>) -> Result<PostRow, StoreError> {
    let (hand, id) = (hand.clone(), id.to_owned());
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            let row = need(conn, &id).await?;
            let row = approve_row(conn, &hand, row, payload).await?;
            meta::touch(conn).await?;
            Ok(row)
        })
    });
    store.write(job).await
}

pub(super) async fn approve_row(
    conn: &mut Conn,
    hand: &Hand,
    row: PostRow,
    payload: Option<String>,
) -> Result<PostRow, StoreError> {
    let known = known(conn, &row).await?;
    if !may_be_approved(&row, &known) {
        return Err(refuse(&row, "approve it", &known));
    }
    let Ok(post) = row.post.clone().approve(hand.approval(payload)) else {
        return Err(refuse(&row, "approve it", &known));
    };
    in_time(&row, hand)?;
    let mut next = PostRow { post, ..row.clone() };
    next.post.due = next.post.due.max(hand.now);
    settle(conn, &row, &next, hand, "approved").await
}

/// Whether a person's plain word can let it go: it is certainly not out, and its source does not withhold it. Where it does,
/// the lane would hold it again at once.
pub(super) fn may_be_approved(row: &PostRow, known: &Known) -> bool {
    let withheld = matches!(row.post.state, PostState::Held { why: HoldReason::Withheld { .. }, .. });
    !(known.doubtful || !known.parts.is_empty() || is_restored(row) || withheld)
}

const fn is_restored(row: &PostRow) -> bool {
    matches!(row.post.state, PostState::Held { why: HoldReason::Restored, .. })
}

/// Late news is not sent: the sweep would skip it at once.
pub(super) fn in_time(row: &PostRow, hand: &Hand) -> Result<(), StoreError> {
    match row.post.expires {
        Some(expires) if expires <= hand.now => Err(StoreError::Conflict(format!(
            "post {} is too old by now, its time ended at {expires}; `bugle post --article` sends it by hand all the same",
            short(row.id())
        ))),
        _ => Ok(()),
    }
}

/// Writes the post's new state; what a notice asked of a person is done.
pub(super) async fn settle(
    conn: &mut Conn,
    row: &PostRow,
    next: &PostRow,
    hand: &Hand,
    why: &str,
) -> Result<PostRow, StoreError> {
    let written = post::put(conn, row, next, hand.now, &hand.actor(), why).await?;
    for word in ["held", "failed"] {
        notice::settle(conn, &format!("post.{}.{word}", row.id())).await?;
    }
    Ok(written)
}

/// Holds a post that would go out. One that may be out already is held in doubt, and then refuses a plain approve.
///
/// # Errors
/// Where it does not wait to go out; the database's.
pub async fn hold(store: &Store, hand: &Hand, id: &str) -> Result<PostRow, StoreError> {
    let (hand, id) = (hand.clone(), id.to_owned());
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            let row = need(conn, &id).await?;
            let known = known(conn, &row).await?;
            let why = match &row.post.state {
                PostState::Scheduled { .. } if !known.parts.is_empty() => {
                    HoldReason::PartlyOut { said: format!("held by {} before its other parts went out", hand.name) }
                }
                PostState::Scheduled { .. } | PostState::Uncertain { .. } if known.doubtful => HoldReason::Doubt {
                    evidence: format!("held by {} before it was known whether it was posted", hand.name),
                },
                PostState::Uncertain { .. } => {
                    HoldReason::Doubt { evidence: format!("held by {} while bugle was looking it up", hand.name) }
                }
                PostState::Scheduled { .. } => HoldReason::Person { by: hand.name.clone() },
                _ => return Err(refuse(&row, "hold it", &known)),
            };
            let post = row.post.clone().hold(why, hand.now).map_err(|_| refuse(&row, "hold it", &known))?;
            let next = PostRow { post, next_look: None, ..row.clone() };
            let held = post::put(conn, &row, &next, hand.now, &hand.actor(), "held by hand").await?;
            meta::touch(conn).await?;
            Ok(held)
        })
    });
    store.write(job).await
}

/// Drops a post for good.
///
/// # Errors
/// Where it is out or may be on its way; the database's.
pub async fn skip(store: &Store, hand: &Hand, id: &str) -> Result<PostRow, StoreError> {
    let (hand, id) = (hand.clone(), id.to_owned());
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            let row = need(conn, &id).await?;
            let row = skip_row(conn, &hand, row).await?;
            meta::touch(conn).await?;
            Ok(row)
        })
    });
    store.write(job).await
}

async fn skip_row(conn: &mut Conn, hand: &Hand, row: PostRow) -> Result<PostRow, StoreError> {
    let why = SkipReason::Person { by: hand.name.clone() };
    let Ok(post) = row.post.clone().skip(why, hand.now) else {
        let known = known(conn, &row).await?;
        return Err(refuse(&row, "skip it", &known));
    };
    let next = PostRow { post, ..row.clone() };
    settle(conn, &row, &next, hand, "dropped by hand").await
}

/// Sends a failed or doubtful post again. What may be out is sent with the very same bytes, id and key, so that a
/// platform that knows them shows it once; what was certainly refused is composed anew under a new id.
///
/// # Errors
/// Where it is neither; the database's.
pub async fn retry(store: &Store, hand: &Hand, id: &str) -> Result<PostRow, StoreError> {
    let (hand, id) = (hand.clone(), id.to_owned());
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            let row = need(conn, &id).await?;
            let known = known(conn, &row).await?;
            let failed = matches!(row.post.state, PostState::Failed { .. });
            if !failed && !undecided(&row, &known) {
                return Err(refuse(&row, "send it again", &known));
            }
            in_time(&row, &hand)?;
            let row = send_again(conn, &hand, row, &known, None, "sent again by hand").await?;
            meta::touch(conn).await?;
            Ok(row)
        })
    });
    store.write(job).await
}

/// Whether it is held and may be out, wholly or in part.
fn undecided(row: &PostRow, known: &Known) -> bool {
    let PostState::Held { why, .. } = &row.post.state else { return false };
    why.is_doubt() || *why == HoldReason::Restored || known.doubtful || !known.parts.is_empty()
}

/// Puts a failed or held post back into the queue, with another wording if one is given.
pub(super) async fn send_again(
    conn: &mut Conn,
    hand: &Hand,
    row: PostRow,
    known: &Known,
    other: Option<Post>,
    why: &str,
) -> Result<PostRow, StoreError> {
    let failed = matches!(row.post.state, PostState::Failed { .. });
    let Ok(post) = row.post.clone().send_again(hand.approval(None)) else {
        return Err(refuse(&row, "send it again", known));
    };
    let mut next = PostRow { post, resends: 0, looks: 0, next_look: None, ..row.clone() };
    next.post.due = next.post.due.max(hand.now);
    if failed && !known.doubtful && known.parts.is_empty() {
        anew(&mut next, known);
    } else {
        // The person has looked.
        next.verify = false;
    }
    if let Some(other) = other {
        (next.post.text, next.post.picture) = (other.text, other.picture);
    }
    settle(conn, &row, &next, hand, why).await
}

/// The payload is made again. What was begun with the old one keeps its revision; ids and keys are new then. Where
/// nothing was begun they stay: a store restored from a backup still finds what went out under them.
pub(super) fn anew(next: &mut PostRow, known: &Known) {
    next.payload = None;
    next.payload_hash = None;
    if known.begun {
        next.revision = next.revision.saturating_add(1);
    }
}

/// A person has seen it on the platform: it is out.
///
/// # Errors
/// Where it cannot be out, or is known to be; the database's.
pub async fn confirm(store: &Store, hand: &Hand, id: &str, url: Option<url::Url>) -> Result<PostRow, StoreError> {
    let (hand, id) = (hand.clone(), id.to_owned());
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            let row = need(conn, &id).await?;
            let known = known(conn, &row).await?;
            let may_be_out = known.doubtful || !known.parts.is_empty() || row.verify || undecided(&row, &known);
            let allowed = match row.post.state {
                PostState::Uncertain { .. } => true,
                PostState::Held { .. }
                | PostState::Scheduled { .. }
                | PostState::Failed { .. }
                | PostState::Skipped { .. } => may_be_out,
                PostState::Publishing { .. } | PostState::Published { .. } | PostState::Retracted { .. } => false,
            };
            if !allowed {
                return Err(refuse(&row, "confirm it (it was never sent, or is settled)", &known));
            }
            // A step may be done without an id of its own: a picture that is a part and could not be had.
            let ids: Vec<String> = known.parts.iter().filter(|id| !id.is_empty()).cloned().collect();
            let receipt = Receipt {
                remote_id: ids.first().cloned(),
                url: url.map(String::from),
                parts: if ids.len() > 1 { ids } else { Vec::new() },
                at: hand.now,
                how: How::Confirmed,
            };
            let post = row.post.clone().publish(receipt).map_err(|_| refuse(&row, "confirm it", &known))?;
            // A post that was held in doubt counts for the pace from when it was sent; one of a backup from now.
            let sent = row.sent.or(Some(hand.now));
            let next = PostRow { post, next_look: None, verify: false, sent, ..row.clone() };
            let row = settle(conn, &row, &next, &hand, "a person saw it there").await?;
            meta::touch(conn).await?;
            Ok(row)
        })
    });
    store.write(job).await
}

/// The held posts of a flood.
async fn of_group(conn: &mut Conn, group: &str) -> Result<Vec<PostRow>, StoreError> {
    let mut rows = post::list(conn, &["held"], None, 100_000).await?;
    rows.retain(
        |row| matches!(&row.post.state, PostState::Held { why: HoldReason::Flood { group: g, .. }, .. } if g == group),
    );
    if rows.is_empty() {
        return Err(StoreError::Conflict(format!(
            "no held post is of the group {group:?}; `bugle queue` names the groups"
        )));
    }
    Ok(rows)
}

/// Releases a flood: its posts go out, as far as they are not too old.
///
/// # Errors
/// Where there is no such group; the database's.
pub async fn approve_group(store: &Store, hand: &Hand, group: &str) -> Result<Vec<PostRow>, StoreError> {
    let (hand, group) = (hand.clone(), group.to_owned());
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            let mut done = Vec::new();
            for row in of_group(conn, &group).await? {
                match approve_row(conn, &hand, row, None).await {
                    Ok(row) => done.push(row),
                    Err(StoreError::Conflict(_)) => {}
                    Err(e) => return Err(e),
                }
            }
            notice::settle(conn, &format!("flood.{group}")).await?;
            meta::touch(conn).await?;
            Ok(done)
        })
    });
    store.write(job).await
}

/// Drops a flood.
///
/// # Errors
/// Where there is no such group; the database's.
pub async fn skip_group(store: &Store, hand: &Hand, group: &str) -> Result<Vec<PostRow>, StoreError> {
    let (hand, group) = (hand.clone(), group.to_owned());
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            let mut done = Vec::new();
            for row in of_group(conn, &group).await? {
                done.push(skip_row(conn, &hand, row).await?);
            }
            notice::settle(conn, &format!("flood.{group}")).await?;
            meta::touch(conn).await?;
            Ok(done)
        })
    });
    store.write(job).await
}
