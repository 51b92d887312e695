//! The loop that keeps house: heartbeat, changes made beside the service, lapsed leases, expiry, retention, notices.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::{Setup, ingest, rest};
use crate::connect::WITHIN;
use crate::model::notice::{Level, Notice};
use crate::model::post::{Actor, HoldReason, PostState, SkipReason};
use crate::publish::{claim, recover, retry};
use crate::store::post::PostRow;
use crate::store::{
    Conn, StoreError, article, attempt, consent, limit, meta, notice, page, pause, post, search, short_link, source,
    spend, subscription,
};

/// How often changes made beside the service are looked for.
const LOOK: Duration = Duration::from_millis(500);
/// How often the rest is done, in seconds under `[timing] scale`.
const ROUND: f64 = 15.0;
/// How often old rows are removed; not before a process has run so long, since a clock that starts wrong is mostly put
/// right by then.
const FORGET: Duration = Duration::from_secs(6 * 3_600);
/// How far the clock may have been moved while the process runs before nothing is forgotten by it any more.
const MOVED: SignedDuration = SignedDuration::from_hours(24);
/// How long a post may be in doubt before a person is asked, in seconds: a little more than its own channel waits.
const DOUBT: f64 = 90_000.0;
/// How long the ids of pushed messages are kept: far longer than any sender repeats one.
const SEEN: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long the raw bytes of unreadable answers are kept. Source: the spine's retention.
const RAW: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How many articles are made findable in one job of the writer: some milliseconds.
const AT_ONCE: i64 = 100;

/// Runs until stopped.
pub async fn keep(setup: Arc<Setup>, stop: CancellationToken) {
    let clock = setup.house.clock.clone();
    let mut change: Option<String> = None;
    // By the reading that never goes back: a clock that is put back must not stop the rounds.
    let (begun, began_at) = (clock.monotonic(), clock.now());
    let mut round = begun;
    let mut retention = begun + FORGET;
    let mut searchable = false;
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
        if !searchable {
            match catch_up(&setup).await {
                Ok(whole) => searchable = whole,
                Err(error) => tracing::warn!(%error, "articles could not be made findable; tried again"),
            }
        }
        let reading = clock.monotonic();
        if reading < round {
            continue;
        }
        round = reading + Duration::try_from(retry::scaled(ROUND, setup.house.scale)).unwrap_or_default();
        if let Err(error) = once(&setup, now).await {
            tracing::warn!(%error, "housekeeping failed; tried again");
        }
        if reading >= retention {
            retention = reading + FORGET;
            let passed = SignedDuration::try_from(reading.saturating_duration_since(begun)).unwrap_or_default();
            if now.duration_since(began_at) - passed > MOVED {
                tracing::warn!("the clock was put forward by more than a day: nothing old is removed by it");
                continue;
            }
            if let Err(error) = forget(&setup, now).await {
                tracing::warn!(%error, "old rows could not be removed; tried again later");
            }
        }
    }
}

async fn changed(setup: &Setup) -> Result<Option<String>, StoreError> {
    let mut conn = setup.house.store.read().await?;
    meta::get(&mut conn, meta::CHANGE).await
}

/// Articles of an earlier version, or of a backup, become findable bit by bit: publishing goes before.
async fn catch_up(setup: &Setup) -> Result<bool, StoreError> {
    let job = crate::store::job(move |conn| Box::pin(async move { search::catch_up(conn, AT_ONCE).await }));
    setup.house.store.write(job).await
}

async fn once(setup: &Arc<Setup>, now: Timestamp) -> Result<(), StoreError> {
    let (worker, scale) = (setup.house.worker.clone(), setup.house.scale);
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            if meta::get(conn, meta::LEADER).await?.is_some_and(|leader| leader != worker.as_str()) {
                return Err(StoreError::Conflict("another process publishes from this store now".to_owned()));
            }
            meta::set_instant(conn, meta::HEARTBEAT, now).await?;
            pause::clear_lapsed(conn, now).await?;
            let swept = recover::sweep(conn, worker.as_str(), now).await?;
            // The next `bugle connect` may never come. One that is a little late is told so, not that it is unknown.
            let late = now - WITHIN;
            consent::sweep(conn, late, late).await?;
            expire(conn, now).await?;
            give_up(conn, now, scale).await?;
            if post::list(conn, &["held"], None, 1).await?.is_empty() {
                notice::settle(conn, ingest::APPROVALS).await?;
            }
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

/// Late news is not sent: what waits past its time is skipped, what may be out goes to a person.
async fn expire(conn: &mut Conn, now: Timestamp) -> Result<(), StoreError> {
    for row in post::expired(conn, now).await? {
        let put = match &row.post.state {
            PostState::Scheduled { .. } => claim::expire(conn, &row, now).await,
            // Whether it is out does not depend on its age: it stays with the person, who need not be asked again.
            PostState::Held { why, .. } if why.is_doubt() => {
                let mut next = row.clone();
                next.post.expires = None;
                post::put(conn, &row, &next, now, &Actor::Bugle, "in doubt, and old news by now").await.map(drop)
            }
            PostState::Uncertain { .. } => {
                let why = HoldReason::Doubt { evidence: "its news is old by now".to_owned() };
                hold(conn, &row, why, now).await
            }
            _ => {
                let Ok(skipped) = row.post.clone().skip(SkipReason::Expired, now) else { continue };
                let next = PostRow { post: skipped, ..row.clone() };
                let why = "older than its class of news allows";
                post::put(conn, &row, &next, now, &Actor::Bugle, why).await.map(drop)
            }
        };
        match put {
            Ok(()) | Err(StoreError::Conflict(_)) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// A channel that stands still looks nothing up: what has been in doubt for too long goes to a person all the same.
async fn give_up(conn: &mut Conn, now: Timestamp, scale: f64) -> Result<(), StoreError> {
    let before = now - retry::scaled(DOUBT, scale);
    for row in post::list(conn, &["uncertain"], None, 1_000).await? {
        if matches!(row.post.state, PostState::Uncertain { since, .. } if since < before) {
            let why = HoldReason::Doubt { evidence: "nothing settled for a day whether it was posted".to_owned() };
            match hold(conn, &row, why, now).await {
                Ok(()) | Err(StoreError::Conflict(_)) => {}
                Err(e) => return Err(e),
            }
        }
    }
    Ok(())
}

async fn hold(conn: &mut Conn, row: &PostRow, why: HoldReason, now: Timestamp) -> Result<(), StoreError> {
    let text = format!("post {} on {} waits for a person: {why}", row.id(), row.post.channel);
    let post = row.post.clone().hold(why, now).map_err(|e| StoreError::Conflict(e.to_string()))?;
    let next = PostRow { post, ..row.clone() };
    post::put(conn, row, &next, now, &Actor::Bugle, "in doubt, and old news by now").await?;
    notice::raise(conn, &Notice::new(Level::Warn, format!("post.{}.held", row.id()), text), now).await.map(drop)
}

async fn forget(setup: &Arc<Setup>, now: Timestamp) -> Result<(), StoreError> {
    let before = now - setup.keep;
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            article::forget(conn, before).await?;
            page::forget(conn).await?;
            post::forget(conn, before).await?;
            attempt::forget(conn, before).await?;
            short_link::forget(conn, before).await?;
            spend::forget(conn, before).await?;
            limit::forget(conn, before).await?;
            source::forget_raw(conn, now - RAW).await?;
            subscription::forget_seen(conn, now - SEEN).await?;
            notice::forget(conn, now - SignedDuration::from_hours(30 * 24)).await
        })
    });
    setup.house.store.write(job).await
}
