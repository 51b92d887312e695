//! `/live`: server-sent events that tell open pages what changed, so that they fetch their live parts again.
//!
//! One task ([`watch`]) learns of changes: those of this process from the count that the store's writer keeps, those of
//! others by asking the store once a second, and only while somebody listens. An event carries topics and nothing else;
//! what a page shows is always the page's own. Listeners are not queued for: each reads the one latest count, so a slow
//! one misses nothing and holds nothing. Not here: what a page does with an event (`templates/web/desk.js`), and that a
//! hundred pages of a kind cost one rendering (`once.rs`).

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::Query;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::Stream;
use tokio::sync::{Notify, watch};
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;

use super::visitor::Visitor;
use super::{Readiness, Shared, Site};
use crate::model::id::PersonId;
use crate::store::change::{Counted, Topic, Topics};
use crate::store::{Store, StoreError, change, meta};
use crate::telemetry::field;

/// The least time between two events. 1 s, ours: what a person's eye follows.
const BREATH: Duration = Duration::from_secs(1);
/// How often the store is asked for what other processes changed, while somebody listens. 1 s, ours.
const LOOK: Duration = Duration::from_secs(1);
/// How often a silent connection is written to. 25 s, ours: proxies cut what was silent for 30 to 60 s.
const KEEP_ALIVE: Duration = Duration::from_secs(25);
/// How long a browser waits before it connects again. 3 s, ours.
const RETRY: Duration = Duration::from_secs(3);
/// How long one connection lasts. 15 min, ours: then the browser connects again and the gate asks anew who is there.
const LASTS: Duration = Duration::from_secs(15 * 60);
/// The most listeners. Ours: far above any newsroom, and a few megabytes of memory.
const MOST: usize = 1000;
/// The most of one person, so that one browser gone wild leaves room for the others.
const MOST_EACH: usize = 250;

/// What listeners share.
pub(super) struct Hub {
    /// Tells this run of the process from others: each counts its changes from one.
    run: String,
    seen: watch::Sender<Counted>,
    seats: Mutex<BTreeMap<PersonId, usize>>,
    came: Notify,
    stop: CancellationToken,
}

impl Hub {
    pub fn new(store: &Store, stop: CancellationToken) -> Self {
        let run = uuid::Uuid::now_v7().simple().to_string();
        Self {
            // The end of it is chance; its beginning is the time.
            run: run[20..].to_owned(),
            seen: watch::Sender::new(*store.changes().borrow()),
            seats: Mutex::default(),
            came: Notify::new(),
            stop,
        }
    }

    /// What a page carries to say how much it knows: taken before the page is built.
    pub fn mark(&self, number: u64) -> String {
        format!("{}-{number}", self.run)
    }

    /// The number in a mark of this run; of another run nothing is known.
    fn number(&self, mark: &str) -> Option<u64> {
        mark.strip_prefix(&self.run)?.strip_prefix('-')?.parse().ok()
    }

    fn seats(&self) -> MutexGuard<'_, BTreeMap<PersonId, usize>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many listen.
    pub fn listeners(&self) -> usize {
        self.seats().values().sum()
    }
}

/// A place among the listeners, free again when dropped.
struct Seat {
    site: Arc<Site>,
    person: PersonId,
}

impl Seat {
    fn take(site: &Arc<Site>, person: &PersonId) -> Option<Self> {
        let mut seats = site.live.seats();
        let all: usize = seats.values().sum();
        let own = seats.entry(person.clone()).or_default();
        if all >= MOST || *own >= MOST_EACH {
            return None;
        }
        *own += 1;
        drop(seats);
        site.live.came.notify_one();
        Some(Self { site: Arc::clone(site), person: person.clone() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.site.live.seats();
        if let Some(own) = seats.get_mut(&self.person) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                seats.remove(&self.person);
            }
        }
    }
}

/// Learns of changes until the service stops.
pub(super) async fn watch(site: &Site) {
    let hub = &site.live;
    let mut changes = site.state.store.changes();
    let mut known = elsewhere(site).await.ok();
    loop {
        let listens = hub.listeners() > 0;
        tokio::select! {
            () = hub.stop.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
            () = hub.came.notified(), if !listens => {}
            () = tokio::time::sleep(LOOK), if listens => {}
        }
        if hub.listeners() > 0 {
            match elsewhere(site).await {
                Ok(found) => {
                    if known.as_ref().is_some_and(|known| *known != found) && !found.is_own {
                        site.state.store.changed_elsewhere();
                    }
                    known = Some(found);
                }
                Err(error) => tracing::debug!({ field::ERROR } = %error, "the store could not be asked for changes"),
            }
        }
        let counted = *changes.borrow_and_update();
        if counted != *hub.seen.borrow() {
            hub.seen.send_replace(counted);
            tokio::select! {
                () = hub.stop.cancelled() => return,
                () = tokio::time::sleep(BREATH) => {}
            }
        }
    }
}

/// What tells whether another process changed something.
struct Elsewhere {
    mark: Option<String>,
    print: Option<String>,
    is_own: bool,
}

impl PartialEq for Elsewhere {
    fn eq(&self, other: &Self) -> bool {
        (&self.mark, &self.print) == (&other.mark, &other.print)
    }
}

async fn elsewhere(site: &Site) -> Result<Elsewhere, StoreError> {
    let mut conn = site.state.store.read().await?;
    let mark = meta::get(&mut conn, meta::CHANGE).await?;
    // The process that publishes does everything itself but what the command line and standbys do, which leave a mark.
    let publishes = matches!(*site.state.ready.borrow(), Readiness::Ready);
    let print = if publishes { None } else { Some(change::foreign(&mut conn).await?) };
    let is_own = publishes && mark.as_deref().is_some_and(|mark| site.state.store.is_own_change(mark));
    Ok(Elsewhere { mark, print, is_own })
}

/// What a page asks with.
#[derive(serde::Deserialize)]
pub(super) struct Asked {
    /// The mark that the page carries; a browser that connects again says it in a header.
    since: Option<String>,
}

/// `GET /live`.
pub(super) async fn stream(site: Shared, visitor: Visitor, asked: Query<Asked>, headers: HeaderMap) -> Response {
    let Some(seat) = Seat::take(&site, &visitor.id) else {
        let words = "Too many pages listen already; this one renews itself once a minute.\n";
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "60")], words).into_response();
    };
    let last = headers.get("last-event-id").and_then(|it| it.to_str().ok()).or(asked.since.as_deref());
    let seen = site.live.seen.subscribe();
    let current = seen.borrow().number();
    let listener = Listener {
        // Who says nothing has just come, and has missed nothing.
        knows: last.map_or(Some(current), |mark| site.live.number(mark)),
        greeted: false,
        seen,
        ends: Box::pin(tokio::time::sleep(LASTS)),
        seat,
    };
    let events = Sse::new(listener.events()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    // A proxy that gathers answers before it hands them on would hold events back.
    ([(HeaderName::from_static("x-accel-buffering"), "no")], events).into_response()
}

/// A page that listens.
struct Listener {
    /// The number of the last change it knows of; `None`: nobody can tell.
    knows: Option<u64>,
    greeted: bool,
    seen: watch::Receiver<Counted>,
    ends: Pin<Box<Sleep>>,
    seat: Seat,
}

impl Listener {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        futures_util::stream::unfold(self, |mut listener| async move {
            let event = listener.next().await?;
            Some((Ok(event), listener))
        })
    }

    /// The next event; `None`: the connection ends.
    async fn next(&mut self) -> Option<Event> {
        if !self.greeted {
            self.greeted = true;
            let event = Event::default().retry(RETRY);
            return Some(match self.knows {
                Some(number) => event.id(self.seat.site.live.mark(number)),
                None => event,
            });
        }
        loop {
            let counted = *self.seen.borrow_and_update();
            let topics = self.knows.map_or(Topics::ALL, |number| counted.since(number));
            if !topics.is_empty() {
                self.knows = Some(counted.number());
                let words: Vec<_> = topics.iter().map(Topic::word).collect();
                let event = Event::default().event("changed").id(self.seat.site.live.mark(counted.number()));
                return Some(event.data(words.join(" ")));
            }
            tokio::select! {
                changed = self.seen.changed() => changed.ok()?,
                () = self.seat.site.live.stop.cancelled() => return None,
                () = &mut self.ends => return None,
            }
        }
    }
}
