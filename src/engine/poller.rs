//! The loop of one source: asks when it is due, politely, and hands what it brings to `ingest`.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::ingest::{self, Catch};
use super::{Setup, Source, rest};
use crate::model::notice::{Level, Notice};
use crate::publish::retry;
use crate::source::fetch::{FailKind, Fetched, Validators};
use crate::source::politeness::{Gone, Health, Hints, Move, Sight, next_poll};
use crate::store::source::SourceRow;
use crate::store::{StoreError, notice, source};
use crate::telemetry::PollOutcome;

/// Requests to one host at the same time. Source: reliability.md section 5.
const PER_HOST: usize = 2;
/// Fetches at the same time over all hosts: bounds memory, since each may hold a whole feed.
const AT_ONCE: usize = 32;
/// How long a source that brings nothing new may go without a note in the store.
const NOTE_EVERY: SignedDuration = SignedDuration::from_mins(5);
/// The most of an unreadable answer that is kept for the report.
const RAW_KEPT: usize = 256 * 1024;

/// Keeps to the limits per host and over all.
pub struct Polite {
    all: Arc<Semaphore>,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Default for Polite {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(AT_ONCE)), hosts: Mutex::default() }
    }
}

impl Polite {
    pub(super) async fn turn(&self, address: &str) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let host = Url::parse(address).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        let host = {
            let mut hosts = self.hosts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            hosts.entry(host).or_insert_with(|| Arc::new(Semaphore::new(PER_HOST))).clone()
        };
        // The host first: a slow host's queue must not use up the places of all others.
        let host = host.acquire_owned().await.ok()?;
        let all = self.all.clone().acquire_owned().await.ok()?;
        Some((host, all))
    }
}

/// What is observed of a source over several polls, as stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Watched {
    /// The address it moved to for good.
    adopted: Option<Url>,
    /// A move under observation.
    moving: Move,
    /// 410s under observation.
    gone: Gone,
    /// How seldom the source itself asks to be asked, in seconds.
    every: Option<u64>,
    /// Stopped: gone for good, or switched off.
    stopped: bool,
}

/// Runs until stopped.
pub async fn watch(setup: Arc<Setup>, source: Source, polite: Arc<Polite>, stop: CancellationToken) {
    let mut state: Option<SourceRow> = None;
    let mut known = false;
    let mut unstored = 0u32;
    while !stop.is_cancelled() {
        if !known {
            match load(&setup, &source).await {
                Ok(row) => {
                    known = true;
                    // What the publisher asked for, and a back-off, outlast a restart.
                    if let Some(row) = row.as_ref().filter(|row| row.failures > 0 && row.url == source.address)
                        && sleep_until(&setup, row.next_poll, &stop).await
                    {
                        return;
                    }
                    state = row;
                }
                Err(error) => {
                    tracing::warn!(source.id = %source.name, %error, "the store failed; tried again");
                    rest(Duration::from_secs(1), &stop).await;
                    continue;
                }
            }
        }
        let address = address_of(&source, state.as_ref());
        let permits = tokio::select! {
            () = stop.cancelled() => return,
            permits = polite.turn(&address) => permits,
        };
        // A read is safe to drop: what was handed to the store is stored all the same.
        let polled = tokio::select! {
            () = stop.cancelled() => return,
            polled = poll(&setup, &source, state.as_ref(), &address) => polled,
        };
        drop(permits);
        setup.ticked();
        let next = match polled {
            Ok(row) => {
                let next = row.next_poll;
                state = Some(row);
                unstored = 0;
                next
            }
            Err(error) => {
                tracing::warn!(source.id = %source.name, %error, "what the source brought could not be stored; fetched again");
                unstored = unstored.saturating_add(1);
                setup.house.clock.now() + retry::backoff(unstored, 0.999, 1.0)
            }
        };
        if sleep_until(&setup, next, &stop).await {
            return;
        }
    }
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

async fn load(setup: &Setup, source: &Source) -> Result<Option<SourceRow>, StoreError> {
    let mut conn = setup.house.store.read().await?;
    source::one(&mut conn, source.name.as_str()).await
}

fn watched(row: Option<&SourceRow>) -> Watched {
    row.and_then(|row| serde_json::from_str(&row.polite).ok()).unwrap_or_default()
}

fn address_of(source: &Source, row: Option<&SourceRow>) -> String {
    match (row, watched(row).adopted) {
        // A new address in the config is a person's word: what was adopted before does not count any more.
        (Some(row), Some(adopted)) if row.url == source.address => adopted.into(),
        _ => source.address.clone(),
    }
}

/// One poll, stored. Returns the source's row as it is now.
async fn poll(
    setup: &Arc<Setup>,
    source: &Source,
    row: Option<&SourceRow>,
    address: &str,
) -> Result<SourceRow, StoreError> {
    let house = &setup.house;
    let same = row.filter(|row| row.url == source.address);
    let mut seen = watched(same);
    let validators = same.map_or_else(Validators::default, |row| Validators {
        etag: row.etag.clone(),
        last_modified: row.last_modified.clone(),
        body_hash: row.body_hash.clone(),
    });
    // A source that starts afresh must be read whole.
    let validators = if row.is_some_and(|row| row.fresh) { Validators::default() } else { validators };
    let layout = source.layout.as_ref();
    let fetched = setup.gather.fetch(&house.http, address, &validators, Path::new("."), layout).await;
    let now = house.clock.now();
    let mut next = row.cloned().unwrap_or_else(|| fresh_row(source, now));
    if next.url != source.address {
        // Another place under the same name: what it lists is not news until it was seen once.
        next.fresh = next.last_good.is_some();
        next.url.clone_from(&source.address);
    }
    next.last_fetch = Some(now);
    match fetched {
        Fetched::Unchanged { validators, moved } => {
            seen.observe(moved.as_ref(), now);
            house.metrics.poll(source.name.as_str(), PollOutcome::Unchanged);
            let last_good = row.and_then(|row| row.last_good);
            // One that lies ahead was noted before the clock was put back.
            let noted = last_good.is_some_and(|good| good <= now && now.duration_since(good) < NOTE_EVERY);
            let quiet = noted && next.failures == 0 && next.polite == crate::store::to_json(&seen);
            healthy(&mut next, &seen, validators, now, when(setup, source, &seen.hints(), None, now));
            if quiet {
                // Nothing worth a durable write: the stored validators are the same, the time is only a hint.
                next.last_good = last_good;
                return Ok(next);
            }
            let stored = next.clone();
            let job = crate::store::job(move |conn| {
                Box::pin(async move {
                    source::put(conn, &stored).await?;
                    notice::settle(conn, &format!("source.{}", stored.name)).await.map(drop)
                })
            });
            house.store.write(job).await?;
            Ok(next)
        }
        Fetched::Body { bytes, content_type, validators, final_url, moved } => {
            let base = final_url.unwrap_or_else(local_base);
            let layout = source.layout.clone();
            let gathered = setup.gather.read(&house.http, bytes, content_type, base, layout, &house.zone).await;
            let (bytes, in_parts) = (gathered.bytes, gathered.in_parts);
            let validators = if in_parts { Validators::default() } else { validators };
            match gathered.read {
                Ok(feed) => {
                    seen.observe(moved.as_ref(), now);
                    house.metrics.poll(source.name.as_str(), PollOutcome::Read);
                    seen.every = feed.ttl.map(|ttl| ttl.as_secs());
                    healthy(&mut next, &seen, validators, now, when(setup, source, &seen.hints(), None, now));
                    bring(setup, source, row, next, feed.entries, now).await
                }
                Err(e) => {
                    house.metrics.poll(source.name.as_str(), PollOutcome::Failed);
                    seen.gone = seen.gone.saw(Sight::Nothing, now).0;
                    let kept = bytes[..bytes.len().min(RAW_KEPT)].to_vec();
                    fail(setup, source, next, &seen, e.to_string(), None, Some(kept), now).await
                }
            }
        }
        Fetched::Failed { kind, said, retry_after } => {
            house.metrics.poll(source.name.as_str(), PollOutcome::Failed);
            let sight = if kind == FailKind::Gone410 { Sight::Gone } else { Sight::Nothing };
            let (gone, stop) = seen.gone.saw(sight, now);
            seen.gone = gone;
            seen.stopped |= stop;
            let limited = match kind {
                FailKind::RateLimited { until } => Some(until.or(retry_after)),
                _ => retry_after.map(Some),
            };
            fail(setup, source, next, &seen, said, limited, None, now).await
        }
    }
}

impl Watched {
    fn hints(&self) -> Hints {
        let every = self.every.and_then(|seconds| i64::try_from(seconds).ok());
        Hints { feed: every.map(SignedDuration::from_secs), cache: None }
    }

    fn observe(&mut self, moved: Option<&Url>, now: Timestamp) {
        let (moving, adopt) = std::mem::take(&mut self.moving).saw(moved, now);
        self.moving = moving;
        if adopt.is_some() {
            self.adopted = adopt;
        }
        self.gone = std::mem::take(&mut self.gone).saw(Sight::There, now).0;
        self.stopped = false;
    }
}

fn local_base() -> Url {
    Url::parse("file:///").expect("a constant URL")
}

fn fresh_row(source: &Source, now: Timestamp) -> SourceRow {
    SourceRow {
        name: source.name.as_str().to_owned(),
        url: source.address.clone(),
        first_seen: now,
        fresh: false,
        etag: None,
        last_modified: None,
        body_hash: None,
        next_poll: now,
        last_fetch: None,
        last_good: None,
        last_change: None,
        failures: 0,
        error: None,
        polite: String::new(),
    }
}

fn healthy(row: &mut SourceRow, seen: &Watched, validators: Validators, now: Timestamp, next: Timestamp) {
    row.etag = validators.etag;
    row.last_modified = validators.last_modified;
    row.body_hash = validators.body_hash;
    row.last_good = Some(now);
    row.failures = 0;
    row.error = None;
    row.next_poll = next;
    row.polite = crate::store::to_json(seen);
}

/// When to ask next.
fn when(
    setup: &Setup,
    source: &Source,
    hints: &Hints,
    trouble: Option<(u32, Option<Option<Timestamp>>)>,
    now: Timestamp,
) -> Timestamp {
    let health = trouble.map_or_else(Health::default, |(failures, limited)| Health {
        failures,
        limited: limited.is_some(),
        retry_after: limited.flatten(),
    });
    let jitter = rand::random::<f64>();
    next_poll(source.rhythm.as_ref(), &setup.house.zone, *hints, health, now, jitter)
        .unwrap_or(now + SignedDuration::from_hours(24))
}

async fn bring(
    setup: &Arc<Setup>,
    source: &Source,
    row: Option<&SourceRow>,
    next: SourceRow,
    entries: Vec<crate::model::article::Entry>,
    now: Timestamp,
) -> Result<SourceRow, StoreError> {
    let mut catch = Catch {
        source: source.clone(),
        first_seen: row.is_none_or(|row| row.last_good.is_none() && !row.fresh),
        // Never ahead of now, where the clock was put back: what is new would look old.
        last_good: row.and_then(|row| row.last_good).map(|good| good.min(now)),
        row: next.clone(),
        entries,
        due: row.map(|row| row.next_poll),
        failed_before: row.is_some_and(|row| row.failures > 0),
        now,
    };
    let inner = setup.clone();
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            let brought = ingest::store(conn, &inner, &mut catch).await?;
            notice::settle(conn, &format!("source.{}", catch.row.name)).await?;
            Ok((brought, catch.row))
        })
    });
    let (brought, stored) = setup.house.store.write(job).await?;
    crate::crash::point("ingested");
    if brought.new + brought.changed > 0 {
        tracing::info!(
            source.id = %source.name, new = brought.new, changed = brought.changed, posts = brought.posts,
            "the source brought something"
        );
        setup.house.metrics.articles(source.name.as_str(), brought.new);
    }
    if brought.posts > 0 {
        setup.wake();
    }
    Ok(stored)
}

#[expect(clippy::too_many_arguments, reason = "one caller's whole knowledge of a failure")]
async fn fail(
    setup: &Arc<Setup>,
    source: &Source,
    mut next: SourceRow,
    seen: &Watched,
    said: String,
    limited: Option<Option<Timestamp>>,
    raw: Option<Vec<u8>>,
    now: Timestamp,
) -> Result<SourceRow, StoreError> {
    next.failures += 1;
    next.error = Some(said.clone());
    next.polite = crate::store::to_json(seen);
    let failures = u32::try_from(next.failures).unwrap_or(u32::MAX);
    next.next_poll = when(setup, source, &Hints::default(), Some((failures, limited)), now);
    if seen.stopped {
        next.next_poll = now + SignedDuration::from_hours(24);
    }
    if failures.is_power_of_two() {
        tracing::warn!(source.id = %source.name, failures, said, "the source could not be read");
    }
    let stored = next.clone();
    let stopped = seen.stopped;
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            source::put(conn, &stored).await?;
            if let Some(raw) = raw {
                source::keep_raw(conn, &stored.name, now, &said, &raw).await?;
            }
            let name = &stored.name;
            let text = if stopped {
                format!("source {name} is gone for good (410): {said}. Take it out of the config, or mend its url")
            } else {
                format!("source {name} cannot be read ({failures} times in a row): {said}")
            };
            // One failure is weather; from the third on a person should know.
            if failures >= 3 || stopped {
                notice::raise(conn, &Notice::new(Level::Warn, format!("source.{name}"), text), now).await?;
            }
            Ok(())
        })
    });
    setup.house.store.write(job).await?;
    Ok(next)
}
