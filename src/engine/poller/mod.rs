//! The loops of the sources: each asks when it is due and has its turn. `poll` is one question and what its answer
//! leads to, `watched` what is remembered from one to the next, `turns` whose turn it is.

mod poll;
mod turns;
mod watched;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(super) use self::poll::local_base;
pub use self::turns::{Polite, Turn};
use self::watched::Known;
use super::{Setup, Source, rest};
use crate::publish::retry;
use crate::source::politeness::{Health, host_rest, next_poll};
use crate::store::source::SourceRow;
use crate::store::subscription::{self, State};
use crate::store::{StoreError, source};

/// A source that failed is asked a day after a start at the latest, whatever the last process planned: that is the
/// longest wait that a server can ask for.
const LATEST: SignedDuration = SignedDuration::from_hours(24);

/// After a fetch, no nudge leads to another before this, in seconds under `[timing] scale`.
const NUDGED: f64 = 10.0;

/// Runs all sources until stopped. One read of the store tells what is known of all of them.
pub async fn drive(setup: Arc<Setup>, polite: Arc<Polite>, stop: CancellationToken) {
    let Some((mut rows, pushed)) = recall(&setup, &stop).await else { return };
    let mut loops = JoinSet::new();
    for (n, source) in setup.sources.iter().enumerate().filter(|(_, source)| source.is_polled()) {
        let known = rows.remove(source.name.as_str()).map(|row| Box::new(Known::of(row)));
        if let Some(known) = &known {
            remind(&setup, &polite, source, known);
        }
        // What a hub sent while nobody listened is lost to us: asked at once.
        let at_once = setup.push.is_some()
            && source.websub
            && pushed.contains(source.name.as_str())
            && known.as_ref().is_none_or(|known| known.row.failures == 0);
        loops.spawn(watch(setup.clone(), n, (known, at_once), polite.clone(), stop.clone()));
    }
    drop(rows);
    if loops.is_empty() {
        stop.cancelled().await;
    }
    while let Some(ended) = loops.join_next().await {
        if let Err(error) = &ended {
            tracing::error!(%error, "the loop of a source failed");
        }
        if !stop.is_cancelled() {
            return;
        }
    }
}

/// What is stored of the sources, by name, and the names of those that a hub tells of.
type Recalled = (HashMap<String, SourceRow>, HashSet<String>);

async fn recall(setup: &Setup, stop: &CancellationToken) -> Option<Recalled> {
    let read = async || -> Result<Recalled, StoreError> {
        let mut conn = setup.house.store.read().await?;
        let rows = source::all(&mut conn).await?;
        let subscriptions = subscription::all(&mut conn).await?;
        let active = subscriptions.into_iter().filter(|it| it.state == State::Active).map(|it| it.source);
        Ok((rows.into_iter().map(|row| (row.name.clone(), row)).collect(), active.collect()))
    };
    loop {
        match read().await {
            Ok(recalled) => return Some(recalled),
            Err(error) => {
                tracing::warn!(%error, "the store failed; tried again");
                if rest(Duration::from_secs(1), stop).await {
                    return None;
                }
            }
        }
    }
}

/// A host that asked the last process to be left alone is left alone by this one.
fn remind(setup: &Setup, polite: &Polite, source: &Source, known: &Known) {
    let clock = &setup.house.clock;
    let status = known.row.status.and_then(|status| u16::try_from(status).ok());
    let failures = u32::try_from(known.row.failures).unwrap_or(u32::MAX);
    if known.row.url != source.address || host_rest(status, failures, None, clock.now()).is_none() {
        return;
    }
    let left = known.row.next_poll.duration_since(clock.now()).min(crate::source::politeness::LONGEST);
    if let Ok(left) = Duration::try_from(left) {
        polite.rest(&known.address(source), left, clock.monotonic());
    }
}

/// When to ask a source first after a start; `None`: at once. A planned poll is kept, unless the config wants it sooner
/// by now: starting a service anew must not mean that every publisher is asked at once.
fn first(setup: &Setup, source: &Source, known: &Known, now: Timestamp) -> Option<Timestamp> {
    let row = &known.row;
    // One that is gone for good is asked once more after each start: that is how a person has it tried again.
    if row.url != source.address || row.last_fetch.is_none() || known.seen.stopped {
        return None;
    }
    let hints = known.seen.hints(None, now);
    let usual = next_poll(source.rhythm.as_ref(), &setup.house.zone, hints, Health::default(), now, 1.0)?;
    let latest = if row.failures > 0 { usual.max(now + LATEST) } else { usual };
    Some(row.next_poll.min(latest)).filter(|at| *at > now)
}

/// Runs one source until stopped.
async fn watch(
    setup: Arc<Setup>,
    n: usize,
    (mut known, at_once): (Option<Box<Known>>, bool),
    polite: Arc<Polite>,
    stop: CancellationToken,
) {
    let source = &setup.sources[n];
    let clock = setup.house.clock.clone();
    let mut unstored = 0u32;
    let mut due = known.as_ref().map(|known| known.row.next_poll);
    let planned = known.as_ref().and_then(|known| first(&setup, source, known, clock.now())).filter(|_| !at_once);
    // All that are asked at once at a start would be asked at once ever after.
    let mut bunched = planned.is_none();
    if let Some(at) = planned
        && sleep_until(&setup, at, &stop).await
    {
        return;
    }
    loop {
        let address = known.as_ref().map_or_else(|| source.address.clone(), |known| known.address(source));
        let doubtful = known.as_ref().is_some_and(|known| known.row.failures > 0);
        let turn = if polite.rests(&address, clock.monotonic()).is_some() {
            None
        } else {
            tokio::select! {
                () = stop.cancelled() => return,
                turn = polite.turn(&address, doubtful) => turn,
            }
        };
        // It may have begun its rest while this source waited for its turn.
        if let Some(left) = polite.rests(&address, clock.monotonic()) {
            drop(turn);
            if put_off(&setup, source, left, &stop).await {
                return;
            }
            continue;
        }
        // Boxed: it is large, and most sources rest most of the time. A read is safe to drop: what was handed to the
        // store is stored all the same.
        let polled = tokio::select! {
            () = stop.cancelled() => return,
            polled = Box::pin(poll::once(&setup, source, known.as_deref(), due, &polite, &address)) => polled,
        };
        drop(turn);
        setup.ticked();
        let now = clock.now();
        let next = match polled {
            Ok(mut fresh) => {
                if std::mem::take(&mut bunched) && fresh.row.failures == 0 && !is_cron(source) {
                    let wait = fresh.row.next_poll.duration_since(now).as_secs_f64();
                    let later = SignedDuration::try_from_secs_f64(wait * rand::random::<f64>() / 2.0);
                    fresh.row.next_poll += later.unwrap_or_default().max(SignedDuration::ZERO);
                }
                let next = if fresh.seen.stopped { None } else { Some(fresh.row.next_poll) };
                known = Some(fresh);
                due = next;
                unstored = 0;
                next
            }
            Err(error) => {
                tracing::warn!(source.id = %source.name, %error, "what the source brought could not be stored; fetched again");
                unstored = unstored.saturating_add(1);
                Some(now + retry::backoff(unstored, 0.999, 1.0))
            }
        };
        let stopped = match next {
            Some(next) => wait(&setup, source, known.as_deref(), next, &stop).await,
            None => {
                // Gone for good: nobody asks again before a person had a look.
                stop.cancelled().await;
                true
            }
        };
        if stopped {
            return;
        }
    }
}

/// Sleeps until the next poll is due, or until a push makes it worth to ask at once: never where the source asked to be
/// left alone, or fails. Returns whether it was stopped.
async fn wait(
    setup: &Setup,
    source: &Source,
    known: Option<&Known>,
    next: Timestamp,
    stop: &CancellationToken,
) -> bool {
    tokio::select! {
        stopped = sleep_until(setup, next, stop) => return stopped,
        () = source.nudge.notified() => {}
    }
    let healthy = known.map(|known| &known.row).filter(|row| row.failures == 0);
    let soon = healthy.map(|row| row.last_fetch.unwrap_or(next) + retry::scaled(NUDGED, setup.house.scale));
    sleep_until(setup, soon.map_or(next, |soon| soon.min(next)), stop).await
}

const fn is_cron(source: &Source) -> bool {
    matches!(source.rhythm, Some(crate::timetable::Rhythm::Cron(_)))
}

/// Waits until its host may be asked again, and says so in the store. Returns whether it was stopped.
async fn put_off(setup: &Setup, source: &Source, left: Duration, stop: &CancellationToken) -> bool {
    let clock = &setup.house.clock;
    // Not all sources of the host at the same moment.
    let wait = left.mul_f64(1.0 + 0.1 * rand::random::<f64>());
    let until = clock.now() + SignedDuration::try_from(wait).unwrap_or(LATEST);
    let name = source.name.as_str().to_owned();
    let job = crate::store::job(move |conn| Box::pin(async move { source::put_off(conn, &name, until).await }));
    if let Err(error) = setup.house.store.write(job).await {
        tracing::debug!(source.id = %source.name, %error, "the rest of its host could not be noted");
    }
    sleep_until(setup, until, stop).await
}

/// Sleeps until then, or as long as that was away at first: a clock that is put back or stands still must not stretch
/// the wait.
async fn sleep_until(setup: &Setup, until: Timestamp, stop: &CancellationToken) -> bool {
    let clock = &setup.house.clock;
    let begun = clock.monotonic();
    let whole = Duration::try_from(until.duration_since(clock.now())).unwrap_or_default();
    loop {
        let left = Duration::try_from(until.duration_since(clock.now())).unwrap_or_default();
        let left = left.min(whole.saturating_sub(clock.monotonic().saturating_duration_since(begun)));
        if left.is_zero() {
            return stop.is_cancelled();
        }
        // In slices, so that a clock that jumps is noticed.
        if rest(left.min(Duration::from_secs(30)), stop).await {
            return true;
        }
    }
}
