//! Acts on when a post goes out: at once with some seconds to think again, or at a time that a person names.

use jiff::{SignedDuration, Timestamp};

use super::waiting::{in_time, may_be_approved, settle};
use super::{Hand, known, need, refuse, said, same};
use crate::model::post::{PostState, Urgency};
use crate::store::post::{PostRow, Undo, short};
use crate::store::{Conn, Store, StoreError, meta, post};

/// How long what a person sends at once waits for them to think again. 10 s. Source: issue "The desk", point 3.
pub const UNDO: SignedDuration = SignedDuration::from_secs(10);

/// How long it is worth sending after that. 1 h: the lifetime of what goes before all others.
const WORTH: SignedDuration = SignedDuration::from_hours(1);

/// What a person had before their eyes when they decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The hash of what readers would see; another one at send time holds the post.
    pub payload: Option<String>,
    /// The post's version; `None`: any.
    pub version: Option<i64>,
}

/// Sends a held or scheduled post at once: ahead of the queue, slots, quiet hours, gap and day limit. It waits [`UNDO`]
/// first, and can be taken back meanwhile; that is in the store, so a restart forgets none of it.
///
/// # Errors
/// Where its state does not allow it, it may be out, or it is too old; the database's.
pub async fn send_now(store: &Store, hand: &Hand, id: &str, seen: Seen) -> Result<PostRow, StoreError> {
    let (hand, id) = (hand.clone(), id.to_owned());
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            let row = need(conn, &id).await?;
            let mut next = approved(conn, &hand, &row, &seen, "send it now").await?;
            in_time(&row, &hand)?;
            next.undo = Some(Undo {
                at: hand.now,
                until: hand.now + UNDO,
                state: row.post.state.clone(),
                due: row.post.due,
                expires: row.post.expires,
                urgency: row.post.urgency,
            });
            next.post.due = hand.now + UNDO;
            next.post.urgency = Urgency::Breaking;
            next.post.expires = next.post.expires.map(|expires| expires.max(next.post.due + WORTH));
            let row = settle(conn, &row, &next, &hand, "sent at once by hand").await?;
            meta::touch(conn).await?;
            Ok(row)
        })
    });
    store.write(job).await
}

/// Lets a held or scheduled post go out at that time, or as soon after it as its channel may.
///
/// # Errors
/// Where its state does not allow it, it may be out, or the time is over; the database's.
pub async fn reschedule(
    store: &Store,
    hand: &Hand,
    id: &str,
    at: Timestamp,
    seen: Seen,
) -> Result<PostRow, StoreError> {
    let (hand, id) = (hand.clone(), id.to_owned());
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            let row = need(conn, &id).await?;
            let mut next = approved(conn, &hand, &row, &seen, "schedule it").await?;
            if at <= hand.now {
                return Err(said("cannot schedule it: that time is over"));
            }
            next.undo = None;
            next.post.due = at;
            // A person who names a time wants it then, however old the news.
            if let (Some(expires), Some(lasts)) = (next.post.expires, next.post.urgency.lifetime()) {
                next.post.expires = Some(expires.max(at + lasts));
            }
            let why = format!("scheduled by hand, not before {at}");
            let row = settle(conn, &row, &next, &hand, &why).await?;
            meta::touch(conn).await?;
            Ok(row)
        })
    });
    store.write(job).await
}

/// The post as scheduled under the person's word, and otherwise as it is.
async fn approved(conn: &mut Conn, hand: &Hand, row: &PostRow, seen: &Seen, act: &str) -> Result<PostRow, StoreError> {
    same(conn, row, seen.version).await?;
    let known = known(conn, row).await?;
    if !may_be_approved(row, &known) {
        return Err(refuse(row, act, &known));
    }
    let approval = hand.approval(seen.payload.clone());
    let post = match &row.post.state {
        PostState::Scheduled { .. } => {
            let mut post = row.post.clone();
            post.state = PostState::Scheduled { approval, retry: None };
            post
        }
        _ => row.post.clone().approve(approval).map_err(|_| refuse(row, act, &known))?,
    };
    Ok(PostRow { post, ..row.clone() })
}

/// Takes back what was sent at once, while it still waits: it is again what it was. What was sent by the same act on other
/// channels is taken back with it. Returns what was; what is on its way already is not.
///
/// # Errors
/// Where it does not wait any more; the database's.
pub async fn take_back(store: &Store, hand: &Hand, id: &str) -> Result<Vec<PostRow>, StoreError> {
    let (hand, id) = (hand.clone(), id.to_owned());
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            let row = need(conn, &id).await?;
            let act = row.undo.as_ref().map(|undo| undo.at);
            let mut back = Vec::new();
            for row in post::of_article(conn, row.post.article.as_str()).await? {
                let (Some(undo), true) = (waits_for_undo(&row), row.undo.as_ref().map(|undo| undo.at) == act) else {
                    continue;
                };
                let mut next = PostRow { undo: None, ..row.clone() };
                next.post.state = undo.state.clone();
                (next.post.due, next.post.expires, next.post.urgency) = (undo.due, undo.expires, undo.urgency);
                back.push(post::put(conn, &row, &next, hand.now, &hand.actor(), "taken back before it went").await?);
            }
            if !back.iter().any(|row| row.id() == id) {
                return Err(said(format!(
                    "too late to take it back: post {} is {}",
                    short(&id),
                    row.post.state.word()
                )));
            }
            meta::touch(conn).await?;
            Ok(back)
        })
    });
    store.write(job).await
}

/// What the post was before it was sent at once, while that can be taken back: it still waits, and nobody decided anything
/// else about it since.
pub fn waits_for_undo(row: &PostRow) -> Option<&Undo> {
    let undo = row.undo.as_ref()?;
    match &row.post.state {
        PostState::Scheduled { approval, .. } if approval.at == undo.at => Some(undo),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::picture::Chosen;
    use crate::model::post::{Actor, Approval, HoldReason, Occasion, Post};

    #[test]
    fn only_the_act_itself_can_be_taken_back_and_only_while_it_waits() {
        let at = |seconds| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        let approval = |seconds| Approval { by: Actor::Person("ayla".to_owned()), at: at(seconds), payload: None };
        let held = PostState::Held { since: at(0), why: HoldReason::Approval };
        for (state, acted, can) in [
            (PostState::Scheduled { approval: approval(5), retry: None }, 5, true),
            // Somebody held it and approved it, or edited it, since.
            (PostState::Scheduled { approval: approval(6), retry: None }, 5, false),
            (PostState::Uncertain { since: at(5), approval: approval(5) }, 5, false),
            (held.clone(), 5, false),
        ] {
            let mut row = PostRow::new(Post {
                id: "p1".into(),
                channel: "x".into(),
                article: "a1".into(),
                occasion: Occasion::First,
                route: 1,
                template: "headline".to_owned(),
                urgency: Urgency::Breaking,
                created: at(0),
                expires: None,
                due: at(15),
                attempts: 0,
                text: None,
                picture: Chosen::default(),
                state: state.clone(),
            });
            assert!(waits_for_undo(&row).is_none(), "never sent at once");
            row.undo = Some(Undo {
                at: at(acted),
                until: at(acted) + UNDO,
                state: held.clone(),
                due: at(0),
                expires: None,
                urgency: Urgency::Normal,
            });
            assert_eq!(waits_for_undo(&row).is_some(), can, "{state:?}");
        }
    }
}
