//! What machines ask: whether the process lives, whether it works, and its numbers.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::{Readiness, Shared, Site, TICK_WITHIN};
use crate::model::notice::Level;
use crate::model::post::PostState;
use crate::store::{StoreError, channel, limit, meta, notice, post, source};
use crate::telemetry::{OPENMETRICS, field};

/// A store that has not answered by then is not there. 3 s, ours: a read takes milliseconds, a probe waits seconds.
const STORE_WITHIN: Duration = Duration::from_secs(3);

/// The states of posts that are counted: those in which something can still happen.
const OPEN: [&str; 5] = ["held", "scheduled", "publishing", "uncertain", "failed"];

/// The most held posts that are read to tell which of them are in doubt.
const MOST_HELD: i64 = 10_000;

/// `/healthz`: the process is alive and its loops go round.
pub(super) async fn health(site: Shared) -> Response {
    let state = &site.state;
    let age = state.clock.now().as_millisecond() - state.tick.load(Ordering::Relaxed);
    // A clock that was set back makes a negative age: the loops did go round.
    if u128::try_from(age).is_ok_and(|age| age > TICK_WITHIN.as_millis()) {
        let words = format!("the loops have not gone round for {} s\n", age / 1000);
        return (StatusCode::SERVICE_UNAVAILABLE, words).into_response();
    }
    "ok\n".into_response()
}

/// `/readyz`: the service does its work and its store answers.
pub(super) async fn ready(site: Shared) -> Response {
    let no = |words: String| (StatusCode::SERVICE_UNAVAILABLE, words).into_response();
    let readiness = site.state.ready.borrow().clone();
    let words = match readiness {
        Readiness::Starting(why) => return no(format!("starting: {why}\n")),
        Readiness::Stopping => return no("stopping\n".to_owned()),
        Readiness::Standby => "standby: another process publishes\n",
        Readiness::Ready => "ready\n",
    };
    match tokio::time::timeout(STORE_WITHIN, answers(&site)).await {
        Ok(Ok(())) => words.into_response(),
        Ok(Err(error)) => {
            tracing::warn!({ field::ERROR } = %error, "not ready: the store failed");
            no("the store fails; the log says why\n".to_owned())
        }
        Err(_) => no(format!("the store has not answered for {} s\n", STORE_WITHIN.as_secs())),
    }
}

async fn answers(site: &Site) -> Result<(), StoreError> {
    let mut conn = site.state.store.read().await?;
    meta::get(&mut conn, meta::HEARTBEAT).await.map(drop)
}

/// `/metrics`, as OpenMetrics. Where the store fails there is no answer but 503: a gauge of an hour ago would show calm.
pub(super) async fn metrics(site: Shared) -> Response {
    match refresh(&site).await {
        Ok(()) => ([(header::CONTENT_TYPE, OPENMETRICS)], site.state.metrics.encode()).into_response(),
        Err(error) => {
            tracing::warn!({ field::ERROR } = %error, "no metrics: the store failed");
            (StatusCode::SERVICE_UNAVAILABLE, "the store fails; the log says why\n").into_response()
        }
    }
}

/// Sets the gauges that count rows of the store.
async fn refresh(site: &Site) -> Result<(), StoreError> {
    let metrics = &site.state.metrics;
    let mut conn = site.state.store.read().await?;
    let mut queue: BTreeMap<&str, i64> = BTreeMap::new();
    let counts = post::counts(&mut conn).await?;
    for (_, state, count) in &counts {
        *queue.entry(state.as_str()).or_default() += count;
    }
    let of = |state: &str| queue.get(state).copied().unwrap_or(0);
    for state in OPEN {
        metrics.queue(state, of(state));
    }
    let held = post::list(&mut conn, &["held"], None, MOST_HELD).await?;
    let doubted = held.iter().filter(|row| matches!(&row.post.state, PostState::Held { why, .. } if why.is_doubt()));
    metrics.uncertain(of("uncertain") + i64::try_from(doubted.count()).unwrap_or(i64::MAX));
    for row in channel::all(&mut conn).await? {
        metrics.blocked(&row.name, row.blocked.is_some());
    }
    let view = std::sync::Arc::clone(&site.state.view.borrow());
    let now = site.state.clock.now();
    let rows: BTreeMap<_, _> = source::all(&mut conn).await?.into_iter().map(|row| (row.name.clone(), row)).collect();
    metrics.sources(view.sources.iter().filter_map(|name| rows.get(name)).map(|row| {
        // Never below zero, where the clock was put back.
        let age = row.last_good.map(|good| now.duration_since(good).as_secs().max(0));
        (row.name.as_str(), age, row.failures)
    }));
    let limits = limit::all(&mut conn).await?;
    let limits = limits.iter().filter(|said| said.holds(now));
    metrics.limits(limits.map(|said| (said.channel.as_str(), said.word.as_str(), said.used)));
    let notices = notice::all(&mut conn).await?;
    for level in [Level::Info, Level::Warn, Level::Alarm] {
        let count = notices.iter().filter(|notice| notice.level == level.as_str()).count();
        metrics.notices(level.as_str(), i64::try_from(count).unwrap_or(i64::MAX));
    }
    Ok(())
}
