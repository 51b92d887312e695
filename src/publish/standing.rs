//! What a story's standing and embargo mean for its posts: which of them are stopped, let go again, or put off. What the
//! source says is `model::article`'s; who tells it is the engine's.

use jiff::Timestamp;

use super::actions::known;
use crate::model::article::{Article, Standing};
use crate::model::post::{Actor, HoldReason, Occasion, PostState, SkipReason};
use crate::store::post::PostRow;
use crate::store::{Conn, StoreError, post};

/// Why a post may not go out now, whatever its own state says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bar {
    /// The source withholds the story, or took it back.
    Standing(Standing),
    /// Not before then.
    Embargo(Timestamp),
}

/// What the story itself says against sending a post of it now. A post that a person made by hand goes by the embargo
/// only: it may be the very one that tells readers that the story was taken back.
pub fn bar(article: &Article, occasion: &Occasion, now: Timestamp) -> Option<Bar> {
    let entry = &article.entry;
    if !entry.standing.is_usable() && *occasion == Occasion::First {
        return Some(Bar::Standing(entry.standing));
    }
    entry.embargo.filter(|until| *until > now).map(Bar::Embargo)
}

/// Stops a post of a story that may not be used: one that waits is held (withheld) or skipped (killed); one that may be
/// out, wholly or in part, goes to a person. What is out, or on its way, stays as it is. Returns whether it changed.
///
/// # Errors
/// [`StoreError::Conflict`] where the row changed since it was read; the database's.
pub async fn stop(conn: &mut Conn, row: &PostRow, standing: Standing, now: Timestamp) -> Result<bool, StoreError> {
    let known = known(conn, row).await?;
    let untouched = !known.doubtful && known.parts.is_empty() && row.resends == 0;
    let killed = standing == Standing::Killed;
    let why = if killed { "its source took the story back" } else { "its source withholds the story" };
    let held = |reason| row.post.clone().hold(reason, now);
    let skipped = || row.post.clone().skip(SkipReason::Killed, now);
    let changed = match &row.post.state {
        PostState::Scheduled { .. } if !known.parts.is_empty() => {
            held(HoldReason::PartlyOut { said: format!("{why} before its other parts went out") })
        }
        PostState::Scheduled { .. } if !untouched => {
            held(HoldReason::Doubt { evidence: format!("{why} before it was known whether it was posted") })
        }
        PostState::Scheduled { .. } if killed => skipped(),
        PostState::Scheduled { approval, .. } => held(HoldReason::Withheld { approval: approval.clone() }),
        PostState::Held { why, .. } if killed && untouched && !why.is_doubt() => skipped(),
        PostState::Failed { .. } if killed && untouched => skipped(),
        _ => return Ok(false),
    };
    let post = changed.map_err(|e| StoreError::Conflict(e.to_string()))?;
    let next = PostRow { post, ..row.clone() };
    post::put(conn, row, &next, now, &Actor::Bugle, why).await?;
    Ok(true)
}

/// Lets a withheld post go again, under the approval it had. Returns whether it was one.
///
/// # Errors
/// As [`stop`].
pub async fn release(conn: &mut Conn, row: &PostRow, now: Timestamp) -> Result<bool, StoreError> {
    let PostState::Held { why: HoldReason::Withheld { approval }, .. } = &row.post.state else { return Ok(false) };
    let post = row.post.clone().approve(approval.clone()).map_err(|e| StoreError::Conflict(e.to_string()))?;
    let mut next = PostRow { post, ..row.clone() };
    next.post.due = next.post.due.max(now);
    post::put(conn, row, &next, now, &Actor::Bugle, "its source lets the story be used again").await?;
    Ok(true)
}

/// What another embargo makes of a waiting post's times: when it may go, and until when it is worth it. `None`: nothing
/// changes. A post that waits for something else too (a back-off, a person's wish) keeps that.
pub fn moved(
    due: Timestamp,
    expires: Option<Timestamp>,
    lifetime: Option<jiff::SignedDuration>,
    embargo: (Option<Timestamp>, Option<Timestamp>),
    now: Timestamp,
) -> Option<(Timestamp, Option<Timestamp>)> {
    let (old, new) = embargo;
    let waits_for_it = old == Some(due);
    let next = match new {
        Some(new) if waits_for_it => new.max(now),
        Some(new) => new.max(due),
        None if waits_for_it => now,
        None => due,
    };
    // News under embargo ages from the moment it may be told; it never gets less time than it had.
    let until = expires.zip(lifetime).map(|(at, lifetime)| at.max(next.checked_add(lifetime).unwrap_or(at)));
    let until = if next > due { until } else { expires };
    ((next, until) != (due, expires)).then_some((next, until))
}

/// Gives a waiting post the times that another embargo of its story makes.
///
/// # Errors
/// As [`stop`].
pub async fn put_off(
    conn: &mut Conn,
    row: &PostRow,
    embargo: (Option<Timestamp>, Option<Timestamp>),
    now: Timestamp,
) -> Result<bool, StoreError> {
    if !matches!(row.post.state, PostState::Scheduled { .. } | PostState::Held { .. }) {
        return Ok(false);
    }
    let post = &row.post;
    let Some((due, expires)) = moved(post.due, post.expires, post.urgency.lifetime(), embargo, now) else {
        return Ok(false);
    };
    let mut next = row.clone();
    (next.post.due, next.post.expires) = (due, expires);
    post::put(conn, row, &next, now, &Actor::Bugle, "its embargo changed").await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::model::article::Entry;
    use crate::model::id::{ArticleId, SourceName};

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    #[test]
    fn what_bars_a_post() {
        let (first, hand) = (Occasion::First, Occasion::ByHand("1".to_owned()));
        for (name, standing, embargo, occasion, expected) in [
            ("usable", Standing::Usable, None, &first, None),
            ("withheld", Standing::Withheld, None, &first, Some(Bar::Standing(Standing::Withheld))),
            ("killed", Standing::Killed, Some(at(20)), &first, Some(Bar::Standing(Standing::Killed))),
            ("killed, by hand", Standing::Killed, None, &hand, None),
            ("embargoed", Standing::Usable, Some(at(11)), &first, Some(Bar::Embargo(at(11)))),
            ("embargoed, by hand", Standing::Usable, Some(at(11)), &hand, Some(Bar::Embargo(at(11)))),
            ("the embargo ends now", Standing::Usable, Some(at(10)), &first, None),
        ] {
            let entry = Entry { standing, embargo, ..Entry::default() };
            let id = ArticleId::fresh();
            let article = Article { id, source: SourceName::new("s"), version: 1, first_seen: at(0), entry };
            assert_eq!(bar(&article, occasion, at(10)), expected, "{name}");
        }
    }

    #[test]
    fn an_embargo_moves_what_waits_for_it() {
        let hour = Some(SignedDuration::from_mins(60));
        // Minutes: due, expires, old and new embargo, and what becomes of due and expires; now is 10.
        for (name, due, expires, old, new, expected) in [
            ("a new one", 10, Some(60), None, Some(100), Some((100, Some(160)))),
            ("later", 100, Some(160), Some(100), Some(200), Some((200, Some(260)))),
            ("earlier", 100, Some(160), Some(100), Some(50), Some((50, Some(160)))),
            ("lifted", 100, Some(160), Some(100), None, Some((10, Some(160)))),
            ("over already", 100, Some(160), Some(100), Some(5), Some((10, Some(160)))),
            ("the same", 100, Some(160), Some(100), Some(100), None),
            ("backs off beyond it", 130, Some(160), Some(100), Some(120), None),
            ("backs off, lifted", 130, Some(160), Some(100), None, None),
            ("never expires", 10, None, None, Some(100), Some((100, None))),
        ] {
            let embargo = (old.map(at), new.map(at));
            let lifetime = expires.and(hour);
            let found = moved(at(due), expires.map(at), lifetime, embargo, at(10));
            assert_eq!(found, expected.map(|(due, expires)| (at(due), expires.map(at))), "{name}");
        }
    }
}
