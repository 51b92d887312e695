//! Changes to what is out: an edit or a take-down a person asked for. Both change the same thing again when repeated, so
//! a lost answer is simply asked once more.

use std::sync::Arc;

use jiff::Timestamp;

use super::book::{Book, Ended, store_ended};
use super::money::Bill;
use super::{Channel, House, call, claim, retry, settle};
use crate::model::channel::Block;
use crate::model::notice::{Level, Notice};
use crate::model::post::{Actor, PostState};
use crate::platform::{Amend, Context, Payload, PublishError};
use crate::store::amend::AmendRow;
use crate::store::post::PostRow;
use crate::store::{Conn, StoreError, amend, channel, notice, post};

/// Tries before a person is told that it does not work.
const MOST_TRIES: i64 = 8;

/// Carries out one wish.
///
/// # Errors
/// The database's.
pub async fn carry_out(
    house: &Arc<House>,
    channel: &Channel,
    cx: &Context<'_>,
    wish: AmendRow,
) -> Result<(), StoreError> {
    let mut conn = house.store.read().await?;
    let row = post::one(&mut conn, &wish.post).await?;
    drop(conn);
    let Some(row) = row else { return finish(house, wish, None, Vec::new(), Err(gone("there is no such post"))).await };
    let PostState::Published { receipt } = row.post.state.clone() else {
        let said = format!("the post is {}, not published", row.post.state.word());
        return finish(house, wish, Some(row), Vec::new(), Err(gone(&said))).await;
    };
    let payload: Option<Payload> = wish.payload.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let what = match (wish.op.as_str(), payload) {
        ("delete", _) => Amend::Delete { receipt },
        ("edit", Some(payload)) => Amend::Edit { receipt, payload },
        _ => return finish(house, wish, Some(row), Vec::new(), Err(gone("the wish cannot be read"))).await,
    };
    let parts = match &what {
        Amend::Edit { receipt, .. } | Amend::Delete { receipt } => receipt.parts.len().max(1),
    };
    let lease = claim::lease(channel.account.spec().media_deadline, parts, house.scale);
    let bill = Bill::of(house, channel, cx.credential, None);
    let mut book = Book::of_amend(house, &row.post.id, lease, bill);
    let outcome = call::amend(house, channel, cx, &what, &mut book).await;
    let (ended, _, _) = book.close();
    finish(house, wish, Some(row), ended, outcome.map(|_| ())).await
}

fn gone(said: &str) -> PublishError {
    PublishError::Rejected { reason: crate::model::post::Rejection::Invalid, said: said.to_owned() }
}

async fn finish(
    house: &Arc<House>,
    wish: AmendRow,
    row: Option<PostRow>,
    ended: Vec<Ended>,
    outcome: Result<(), PublishError>,
) -> Result<(), StoreError> {
    let (now, scale) = (house.clock.now(), house.scale);
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            store_ended(conn, &ended, now).await?;
            match outcome {
                Ok(()) => done(conn, &wish, row, now).await,
                Err(error) => not_done(conn, &wish, &error, now, scale).await,
            }
        })
    });
    house.store.write(job).await
}

async fn done(conn: &mut Conn, wish: &AmendRow, row: Option<PostRow>, now: Timestamp) -> Result<(), StoreError> {
    amend::settle(conn, &wish.id, "done", "done", None).await?;
    let Some(row) = row else { return Ok(()) };
    let by = Actor::Person(wish.by_whom.clone());
    let mut next = row.clone();
    let why = if wish.op == "delete" {
        next.post = row.post.clone().retract(by.clone(), now).map_err(|e| StoreError::Conflict(e.to_string()))?;
        "taken down"
    } else {
        let payload = wish.payload.as_deref().and_then(|text| serde_json::from_str::<Payload>(text).ok());
        if let Some(payload) = payload {
            next.payload_hash = Some(payload.hash());
            next.payload = wish.payload.clone();
            next.post.text = Some(payload.text);
        }
        "edited where it is out"
    };
    post::put(conn, &row, &next, now, &by, why).await?;
    if wish.op != "delete" {
        crate::store::audit::add(conn, now, &by, "post", row.id(), (None, None), why).await?;
    }
    Ok(())
}

async fn not_done(
    conn: &mut Conn,
    wish: &AmendRow,
    error: &PublishError,
    now: Timestamp,
    scale: f64,
) -> Result<(), StoreError> {
    let said = error.to_string();
    let lasting = match error {
        PublishError::NotSent { .. } | PublishError::Unknown { .. } => wish.tries + 1 >= MOST_TRIES,
        // It is carried out once the channel has a token again.
        PublishError::RateLimited { .. } | PublishError::Auth { .. } => false,
        PublishError::Forbidden { .. }
        | PublishError::Duplicate { .. }
        | PublishError::Rejected { .. }
        | PublishError::Gone { .. } => true,
    };
    if let PublishError::Auth { said } = error {
        let block = Block::Token { said: said.clone() };
        channel::set_blocked(conn, &wish.channel, Some(&block), now).await?;
        channel::set_closed(conn, &wish.channel, Some(now)).await?;
        notice::raise(conn, &settle::blocked(&wish.channel, &block), now).await?;
    }
    if !lasting {
        let until = match error {
            PublishError::RateLimited { until, .. } => retry::rate_limit(*until, now, scale),
            _ => now + retry::backoff(u32::try_from(wish.tries).unwrap_or(0), 0.999, scale),
        };
        return amend::settle(conn, &wish.id, "asked", &said, Some(until)).await;
    }
    amend::settle(conn, &wish.id, "failed", &said, None).await?;
    let text = format!("the {} of post {} on {} failed: {said}", wish.op, wish.post, wish.channel);
    notice::raise(conn, &Notice::new(Level::Warn, format!("post.{}.{}", wish.post, wish.op), text), now).await?;
    Ok(())
}
