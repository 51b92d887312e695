//! The loop that keeps house: heartbeat, changes made beside the service, lapsed leases, expiry, retention, notices.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::{Setup, notify, rest};
use crate::model::post::{Actor, HoldReason, PostState, SkipReason};
use crate::publish::{recover, retry};
use crate::store::post::PostRow;
use crate::store::{Conn, StoreError, article, attempt, meta, notice, pause, post, source};

/// How often changes made beside the service are looked for.
const LOOK: Duration = Duration::from_millis(500);
/// How often the rest is done, in seconds under `[timing] scale`.
const ROUND: f64 = 15.0;
/// How long the raw bytes of unreadable answers are kept. Source: the spine's retention.
const RAW: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Runs until stopped.
pub async fn keep(setup: Arc<Setup>, stop: CancellationToken) {
    let clock = setup.house.clock.clone();
    let mut change: Option<String> = None;
    let mut round = clock.now();
    let mut retention = clock.now();
    while !rest(LOOK, &stop).await {
        setup.ticked();
        let now = clock.now();
        match changed(&setup).await {
            Ok(found) if found != change => {
                change = found;
                setup.wake();
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "the store could not be asked for changes"),
        }
        if now < round {
            continue;
        }
        round = now + retry::scaled(ROUND, setup.house.scale);
        if let Err(error) = once(&setup, now).await {
            tracing::warn!(%error, "housekeeping failed; tried again");
        }
        if now >= retention {
            retention = now + SignedDuration::from_hours(6);
            if let Err(error) = forget(&setup, now).await {
                tracing::warn!(%error, "old rows could not be removed; tried again later");
            }
        }
        if let Some(target) = &setup.notify
            && let Err(error) = notify::tell(&setup, target).await
        {
            tracing::warn!(%error, "notices could not be posted; tried again");
        }
    }
}

async fn changed(setup: &Setup) -> Result<Option<String>, StoreError> {
    let mut conn = setup.house.store.read().await?;
    meta::get(&mut conn, meta::CHANGE).await
}

async fn once(setup: &Arc<Setup>, now: Timestamp) -> Result<(), StoreError> {
    let worker = setup.house.worker.clone();
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            meta::set_instant(conn, meta::HEARTBEAT, now).await?;
            pause::clear_lapsed(conn, now).await?;
            let swept = recover::sweep(conn, worker.as_str(), now).await?;
            expire(conn, now).await?;
            Ok(swept)
        })
    });
    let (back, doubt) = setup.house.store.write(job).await?;
    if back + doubt > 0 {
        tracing::warn!(back, doubt, "leases lapsed: posts put back, posts in doubt");
        setup.wake();
    }
    Ok(())
}

/// Late news is not sent: what waits past its time is skipped, what is in doubt goes to a person.
async fn expire(conn: &mut Conn, now: Timestamp) -> Result<(), StoreError> {
    for row in post::expired(conn, now).await? {
        let post = row.post.clone();
        let (moved, why) = match &row.post.state {
            // In doubt: whether it is out does not depend on its age. A person's to decide.
            PostState::Uncertain { .. } => {
                let why = HoldReason::Doubt { evidence: "its news is old by now".to_owned() };
                (post.hold(why, now), "in doubt, and old news by now")
            }
            PostState::Held { why, .. } if why.is_doubt() => continue,
            _ => (post.skip(SkipReason::Expired, now), "older than its class of news allows"),
        };
        let Ok(moved) = moved else { continue };
        let next = PostRow { post: moved, ..row.clone() };
        match post::put(conn, &row, &next, now, &Actor::Bugle, why).await {
            Ok(_) | Err(StoreError::Conflict(_)) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

async fn forget(setup: &Arc<Setup>, now: Timestamp) -> Result<(), StoreError> {
    let before = now - setup.keep;
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            article::forget(conn, before).await?;
            post::forget(conn, before).await?;
            attempt::forget(conn, before).await?;
            source::forget_raw(conn, now - RAW).await?;
            notice::forget(conn, now - SignedDuration::from_hours(30 * 24)).await
        })
    });
    setup.house.store.write(job).await
}
