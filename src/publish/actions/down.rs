//! A story comes down everywhere by one act: what is out is taken down, what waits is dropped, and what can be neither is
//! told with the way out.

use super::waiting::skip;
use super::{Hand, Place, retract};
use crate::model::post::PostState;
use crate::store::post::short;
use crate::store::{Store, StoreError, amend, article, audit, meta, post};

/// What became of a story's posts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Down {
    /// How many are being taken down: the channel's lane does it next.
    pub asked: usize,
    /// How many waited and are dropped.
    pub dropped: usize,
    /// How many needed nothing: they are down or were dropped before, or are being taken down already.
    pub over: usize,
    /// What a person has to do, one sentence a post.
    pub left: Vec<String>,
}

/// Takes every post of an article down or drops it. `place`: the channels of the config. One that fails does not keep the
/// others: what is left over is told. Doing it again does what is left.
///
/// # Errors
/// Where there is no such article; the database's.
pub async fn take_down<'a>(
    store: &Store,
    hand: &Hand,
    place: impl Fn(&str) -> Option<Place<'a>>,
    id: &str,
) -> Result<Down, StoreError> {
    let mut conn = store.read().await?;
    if article::one(&mut conn, id).await?.is_none() {
        return Err(StoreError::Conflict(format!("there is no article {id}")));
    }
    let rows = post::of_article(&mut conn, id).await?;
    let mut down = Down::default();
    let mut all = Vec::new();
    for row in rows {
        let being = amend::asked(&mut conn, row.id()).await?.iter().any(|wish| wish.op == "delete");
        all.push((row, being));
    }
    drop(conn);
    for (row, being) in all {
        let channel = row.post.channel.as_str();
        let done = match &row.post.state {
            PostState::Published { .. } if being => {
                down.over += 1;
                Ok(())
            }
            PostState::Published { .. } => {
                retract(store, hand, place(channel), row.id()).await.map(|_| down.asked += 1)
            }
            PostState::Skipped { .. } | PostState::Retracted { .. } => {
                down.over += 1;
                Ok(())
            }
            // It may be out, wholly or in part: dropping it would leave that there, and unseen.
            PostState::Held { why, .. } if why.is_doubt() => {
                Err(StoreError::Conflict("it may be out: look, and decide on its page".to_owned()))
            }
            PostState::Publishing { .. } | PostState::Uncertain { .. } => {
                Err(StoreError::Conflict("it is on its way or in doubt: take it down once that is known".to_owned()))
            }
            PostState::Held { .. } | PostState::Scheduled { .. } | PostState::Failed { .. } => {
                skip(store, hand, row.id()).await.map(|_| down.dropped += 1)
            }
        };
        match done {
            Ok(()) => {}
            Err(StoreError::Conflict(said)) => down.left.push(format!("{channel} ({}): {said}", short(row.id()))),
            Err(error) => return Err(error),
        }
    }
    let (hand, id, said) = (hand.clone(), id.to_owned(), told(&down));
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            audit::add(conn, hand.now, &hand.actor(), "article", &id, (None, None), &said).await?;
            meta::touch(conn).await
        })
    });
    store.write(job).await?;
    Ok(down)
}

/// What was done, in a sentence.
pub fn told(down: &Down) -> String {
    let mut said = Vec::new();
    for (n, words) in [(down.asked, "being taken down"), (down.dropped, "dropped"), (down.over, "down before")] {
        if n > 0 {
            said.push(format!("{n} {words}"));
        }
    }
    if !down.left.is_empty() {
        said.push(format!("{} left to a person", down.left.len()));
    }
    if said.is_empty() {
        "taken down everywhere: it has no posts".to_owned()
    } else {
        format!("taken down everywhere: {}", said.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_said_in_numbers() {
        for (asked, dropped, over, left, said) in [
            (0, 0, 0, 0, "taken down everywhere: it has no posts"),
            (2, 0, 0, 0, "taken down everywhere: 2 being taken down"),
            (1, 3, 0, 0, "taken down everywhere: 1 being taken down, 3 dropped"),
            (0, 0, 4, 1, "taken down everywhere: 4 down before, 1 left to a person"),
        ] {
            let left = vec!["x (1): no".to_owned(); left];
            assert_eq!(told(&Down { asked, dropped, over, left }), said);
        }
    }
}
