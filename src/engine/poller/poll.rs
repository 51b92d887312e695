//! One poll: the question, what its answer says of the source, and how both are stored.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::Polite;
use super::watched::Known;
use crate::engine::ingest::{self, Beside, Catch, Listing};
use crate::engine::{Setup, Source};
use crate::model::notice::{Level, Notice};
use crate::source::feed::Feed;
use crate::source::fetch::{FailKind, Fetched, Heard, Validators};
use crate::source::politeness::{Health, Rest, host_rest, next_poll};
use crate::source::websub;
use crate::store::{Conn, StoreError, notice, source, subscription};
use crate::telemetry::PollOutcome;

/// How long a source that brings nothing new may go without a note in the store.
const NOTE_EVERY: SignedDuration = SignedDuration::from_mins(5);
/// Between two polls of a source that a hub tells of, where the config says nothing: hubs drop and delay. Ours, 2026-11.
const PUSHED: SignedDuration = SignedDuration::from_mins(30);
/// The most of an unreadable answer that is kept for the report.
const RAW_KEPT: usize = 256 * 1024;
/// From so many failures in a row on a person should know: one is weather.
const TOLD_FROM: i64 = 3;

/// What one poll has at hand.
struct Poll<'a> {
    setup: &'a Arc<Setup>,
    source: &'a Source,
    /// As it was before.
    known: Option<&'a Known>,
    /// When it was to be asked.
    due: Option<Timestamp>,
    polite: &'a Polite,
    address: &'a str,
    /// When the answer was there.
    now: Timestamp,
    /// A hub tells of what is new.
    is_pushed: bool,
}

/// Asks a source that has its turn, and stores what came of it. Returns the source as it is known now.
pub(super) async fn once(
    setup: &Arc<Setup>,
    source: &Source,
    known: Option<&Known>,
    due: Option<Timestamp>,
    polite: &Polite,
    address: &str,
) -> Result<Box<Known>, StoreError> {
    let house = &setup.house;
    let begun = house.clock.now();
    let mut next = Box::new(known.map_or_else(|| Known::fresh(source, begun), |known| known.at_its_address(source)));
    let layout = source.layout.as_ref();
    let fetched = setup.gather.fetch(&house.http, address, &next.validators(), Path::new("."), layout).await;
    let now = house.clock.now();
    next.row.last_fetch = Some(now);
    let is_pushed = is_pushed(setup, source, now).await;
    let poll = Poll { setup, source, known, due, polite, address, now, is_pushed };
    let adopted = next.seen.adopted.clone();
    match fetched {
        Fetched::Unchanged { validators, heard, moved } => {
            next.seen.answered(moved.as_ref(), now);
            poll.tell_move(adopted.as_ref(), &next);
            house.metrics.poll(source.name.as_str(), PollOutcome::Unchanged);
            poll.unchanged(next, validators, heard).await
        }
        Fetched::Body { bytes, content_type, validators, heard, final_url, moved, links } => {
            let base = final_url.unwrap_or_else(local_base);
            let place = base.clone();
            let layout = source.layout.clone();
            let gathered = setup.gather.read(&house.http, bytes, content_type, base, layout, &house.zone).await;
            let bytes = gathered.bytes;
            // Those of an index tell nothing about its sitemaps.
            let validators = if gathered.in_parts { Validators::default() } else { validators };
            match gathered.read {
                Ok(feed) => {
                    drop(bytes);
                    next.seen.answered(moved.as_ref(), now);
                    poll.tell_move(adopted.as_ref(), &next);
                    house.metrics.poll(source.name.as_str(), PollOutcome::Read);
                    let offer = websub::discover(&links, &feed.hubs, feed.own.as_ref(), &place);
                    poll.bring(next, validators, heard, (feed, offer)).await
                }
                Err(e) => {
                    next.seen.failed(None, now);
                    let kept = bytes[..bytes.len().min(RAW_KEPT)].to_vec();
                    poll.fail(next, e.to_string(), None, None, Some(kept)).await
                }
            }
        }
        Fetched::Failed { kind, said, retry_after } => {
            next.seen.failed(Some(&kind), now);
            let until = match &kind {
                FailKind::RateLimited { until } => until.or(retry_after),
                _ => retry_after,
            };
            poll.fail(next, said, Some(kind), until, None).await
        }
    }
}

/// Whether a hub tells of what is new. A store that cannot be asked is no reason to poll less.
async fn is_pushed(setup: &Setup, source: &Source, now: Timestamp) -> bool {
    if setup.push.is_none() || !source.websub {
        return false;
    }
    let Ok(mut conn) = setup.house.store.read().await else { return false };
    subscription::pushed(&mut conn, source.name.as_str(), now).await.unwrap_or(false)
}

pub(in crate::engine) fn local_base() -> Url {
    Url::parse("file:///").expect("a constant URL")
}

impl Poll<'_> {
    /// Says where a source is asked from now on, since it moved there for good.
    fn tell_move(&self, before: Option<&Url>, next: &Known) {
        if let Some(to) = next.seen.adopted.as_ref().filter(|to| Some(*to) != before) {
            let host = to.host_str().unwrap_or_default();
            tracing::warn!(source.id = %self.source.name, host, "the source moved for good: asked there from now on");
        }
    }

    /// When to ask next.
    fn when(&self, next: &Known, heard: Heard, health: Health) -> Timestamp {
        let mut hints = next.seen.hints(heard.fresh_for, self.now);
        hints.feed = hints.feed.max(self.is_pushed.then_some(PUSHED));
        let (rhythm, zone) = (self.source.rhythm.as_ref(), &self.setup.house.zone);
        next_poll(rhythm, zone, hints, health, self.now, rand::random::<f64>())
            .unwrap_or(self.now + SignedDuration::from_hours(24))
    }

    /// The same as before. What stood in the listing stands in it still: that needs no write a poll, since the time of
    /// the last good answer and that of the last reading tell it (`store::article::forget`).
    async fn unchanged(
        &self,
        mut next: Box<Known>,
        validators: Validators,
        heard: Heard,
    ) -> Result<Box<Known>, StoreError> {
        let now = self.now;
        let before = self.known.filter(|known| known.row.url == next.row.url);
        let was_well = before.is_some_and(|known| known.row.failures == 0);
        let same_validators = before.is_some_and(|known| known.validators() == validators);
        // One that lies ahead was noted before the clock was put back.
        let last_good = before.and_then(|known| known.row.last_good);
        let noted = last_good.is_some_and(|good| good <= now && now.duration_since(good) < NOTE_EVERY);
        next.is_well(validators, now);
        next.row.next_poll = self.when(&next, heard, Health::default());
        let silence = next.odd_silence(now).filter(|_| !next.seen.silent);
        let same = was_well && silence.is_none() && before.is_some_and(|known| known.seen == next.seen);
        next.unstored |= !same_validators;
        // A push may have ended a silence that this task knows nothing of: asked with each note.
        let told = next.seen.silent;
        if noted && same {
            // Nothing worth a durable write: the validators are only newer words for the same, the time is a hint.
            next.row.last_good = last_good;
            return Ok(next);
        }
        if same && !next.unstored && !told {
            let (name, at) = (next.row.name.clone(), next.row.next_poll);
            let job =
                crate::store::job(move |conn| Box::pin(async move { source::unchanged(conn, &name, now, at).await }));
            self.setup.house.store.write(job).await?;
            return Ok(next);
        }
        let job = crate::store::job(move |conn| {
            Box::pin(async move {
                listen(conn, &mut next, now).await?;
                source::put(conn, &next.stored()).await?;
                next.unstored = false;
                notice::settle(conn, &format!("source.{}", next.row.name)).await?;
                Ok(next)
            })
        });
        self.setup.house.store.write(job).await
    }

    /// A listing that was read.
    async fn bring(
        &self,
        mut next: Box<Known>,
        validators: Validators,
        heard: Heard,
        (feed, offer): (Feed, Option<websub::Offer>),
    ) -> Result<Box<Known>, StoreError> {
        let (now, setup) = (self.now, self.setup);
        let row = self.known.map(|known| &known.row);
        next.seen.every = feed.ttl.map(|ttl| ttl.as_secs());
        next.seen.rest = Rest::new(&feed.skip_hours, &feed.skip_days);
        next.seen.habit.learn(feed.entries.iter().filter_map(|entry| entry.published.or(entry.updated)), now);
        next.row.rhythm = next.seen.habit.rhythm().map(|rhythm| rhythm.as_secs());
        next.is_well(validators, now);
        if !heard.partial {
            next.row.last_read = Some(now);
        }
        next.row.next_poll = self.when(&next, heard, Health::default());
        let mut catch = Catch {
            listing: Listing::Whole,
            source: self.source.clone(),
            first_seen: row.is_none_or(|row| row.last_good.is_none() && !row.fresh),
            // Never ahead of now, where the clock was put back: what is new would look old.
            last_good: row.and_then(|row| row.last_good).map(|good| good.min(now)),
            row: next.stored(),
            entries: feed.entries,
            beside: Beside { partial: heard.partial, tombstones: feed.tombstones },
            due: self.due,
            failed_before: row.is_some_and(|row| row.failures > 0),
            now,
        };
        let inner = setup.clone();
        let job = crate::store::job(move |conn| {
            Box::pin(async move {
                let brought = ingest::store(conn, &inner, &mut catch).await?;
                let offer = offer.as_ref().map(|it| (it.hub.as_ref(), &it.topic));
                subscription::offer(conn, &catch.row.name, offer, now).await?;
                next.row = catch.row;
                next.row.polite = String::new();
                next.unstored = false;
                if listen(conn, &mut next, now).await? {
                    source::put(conn, &next.stored()).await?;
                }
                notice::settle(conn, &format!("source.{}", next.row.name)).await?;
                Ok((brought, next))
            })
        });
        let (brought, next) = setup.house.store.write(job).await?;
        crate::crash::point("ingested");
        if brought.new + brought.changed > 0 {
            tracing::info!(
                source.id = %self.source.name, new = brought.new, changed = brought.changed, posts = brought.posts,
                "the source brought something"
            );
            setup.house.metrics.articles(self.source.name.as_str(), brought.new);
        }
        if brought.posts > 0 {
            setup.wake();
        }
        Ok(next)
    }

    /// No answer, or none that can be used.
    async fn fail(
        &self,
        mut next: Box<Known>,
        said: String,
        kind: Option<FailKind>,
        retry_after: Option<Timestamp>,
        raw: Option<Vec<u8>>,
    ) -> Result<Box<Known>, StoreError> {
        let now = self.now;
        let house = &self.setup.house;
        house.metrics.poll(self.source.name.as_str(), PollOutcome::Failed);
        let status = kind.as_ref().and_then(FailKind::status);
        let row = &mut next.row;
        row.failures += 1;
        row.failing_since = row.failing_since.or(Some(now));
        row.error = Some(said.clone());
        row.trouble = Some(kind.as_ref().map_or("unreadable", FailKind::word).to_owned());
        row.status = status.map(i64::from);
        let failures = u32::try_from(row.failures).unwrap_or(u32::MAX);
        let limited = matches!(kind, Some(FailKind::RateLimited { .. })) || retry_after.is_some();
        next.row.next_poll = self.when(&next, Heard::default(), Health { failures, limited, retry_after });
        if let Some(rest) = host_rest(status, failures, retry_after, now).and_then(|it| Duration::try_from(it).ok()) {
            self.polite.rest(self.address, rest, house.clock.monotonic());
        }
        if failures.is_power_of_two() {
            tracing::warn!(source.id = %self.source.name, failures, said, "the source could not be read");
        }
        let job = crate::store::job(move |conn| {
            Box::pin(async move {
                source::put(conn, &next.stored()).await?;
                next.unstored = false;
                let name = &next.row.name;
                if let Some(raw) = raw {
                    source::keep_raw(conn, name, now, &said, &raw).await?;
                }
                let text = if next.seen.stopped {
                    format!(
                        "source {name} is gone for good (410) and is not asked any more: mend its url, or take it out \
                         of the config; a restart has it tried once more"
                    )
                } else {
                    let way = next.row.way_out().unwrap_or_default();
                    format!("source {name} cannot be read ({failures} times in a row): {said}. {way}")
                };
                if next.row.failures >= TOLD_FROM || next.seen.stopped {
                    let notice = Notice::new(Level::Warn, format!("source.{name}"), text.trim_end());
                    notice::raise(conn, &notice, now).await?;
                }
                Ok(next)
            })
        });
        house.store.write(job).await
    }
}

/// Tells a person, once, that a source which publishes daily has been silent for long, or takes that back. Returns
/// whether there was anything to tell.
async fn listen(conn: &mut Conn, next: &mut Known, now: Timestamp) -> Result<bool, StoreError> {
    // A push may have brought something that this task does not know of.
    if let Some(stored) = source::one(conn, &next.row.name).await? {
        next.row.last_change = next.row.last_change.max(stored.last_change);
    }
    let key = format!("source.{}.silent", next.row.name);
    match next.odd_silence(now) {
        Some(silence) if !next.seen.silent => {
            let text = format!(
                "source {} answers, but has brought nothing new for {} hours, and used to publish daily: look at {}",
                next.row.name,
                silence.as_hours(),
                next.row.url
            );
            notice::raise(conn, &Notice::new(Level::Warn, key, text), now).await?;
            next.seen.silent = true;
            Ok(true)
        }
        None if next.seen.silent => {
            notice::settle(conn, &key).await?;
            next.seen.silent = false;
            Ok(true)
        }
        _ => Ok(false),
    }
}
