//! What others push to us: a hub's questions and its pushes, and stories at a source's door. A push is answered with
//! success only once what it brought is stored, so that one that was not answered may be repeated, and one that was is
//! never lost. Who serves the port is not known here.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::json;
use tokio::sync::Semaphore;
use url::Url;

use super::ingest::{self, Beside, Brought, Catch, Listing};
use super::push::{after_denial, key_of, secret};
use super::{Setup, Source};
use crate::model::article::Entry;
use crate::model::notice::{Level, Notice};
use crate::publish::retry::scaled;
use crate::source::door::auth::{Claim, Verified, verify};
use crate::source::door::{self, Refused};
use crate::source::feed;
use crate::source::websub::{Verdict, Want, is_signed, judge, renew_at};
use crate::store::source::SourceRow;
use crate::store::subscription::{self, State, Subscription};
use crate::store::{StoreError, job, notice, source};

/// Senders that do not prove who they are are answered this much later, and only so many at a time; the others are turned
/// away at once. One guess a second is none. Ours, 2026-11.
const PENALTY: Duration = Duration::from_millis(500);
/// See [`PENALTY`].
const PENALTIES: usize = 4;

/// What limits pushes; lives as long as the process.
#[derive(Debug)]
pub struct Limits {
    penalties: Semaphore,
}

impl Default for Limits {
    fn default() -> Self {
        Self { penalties: Semaphore::new(PENALTIES) }
    }
}

/// An answer, as the port gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body: JSON where it begins with `{`, else plain text.
    pub body: String,
}

impl Reply {
    fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, body: body.into() }
    }

    /// The story is not stored: send it again.
    fn later(error: &StoreError) -> Self {
        tracing::warn!(%error, "a push could not be stored; the sender has to repeat it");
        Self::new(503, "it could not be stored: send it again\n")
    }
}

/// What takes pushes in, for one generation of loops.
#[derive(Clone)]
pub struct Receiver {
    setup: Arc<Setup>,
    limits: Arc<Limits>,
}

impl Receiver {
    /// For that setup.
    pub const fn new(setup: Arc<Setup>, limits: Arc<Limits>) -> Self {
        Self { setup, limits }
    }

    /// A hub asks at a callback whether we meant it.
    pub async fn verify(&self, token: &str, query: &str) -> Reply {
        let refused = || Reply::new(404, "nothing like that was asked for\n");
        let (token, query) = (token.to_owned(), query.to_owned());
        let (now, scale) = (self.setup.house.clock.now(), self.setup.house.scale);
        let settle = job(move |conn| {
            Box::pin(async move {
                let Some(it) = subscription::one(conn, &token).await? else { return Ok(None) };
                let want = match it.state {
                    State::Pending | State::Active => Want::It,
                    State::Denied => Want::Nothing,
                    State::Ending => Want::Rid,
                };
                let verdict = judge(want, &it.topic, &query);
                let source = it.source.clone();
                settled(conn, it, &verdict, now, scale).await?;
                Ok(Some((source, verdict)))
            })
        });
        match self.setup.house.store.write(settle).await {
            Ok(Some((_, Verdict::Confirm { challenge, .. }))) => Reply::new(200, challenge),
            Ok(Some((name, Verdict::Denied { .. }))) => {
                // From now on the poll is all there is.
                let source = self.setup.sources.iter().find(|source| source.name.as_str() == name);
                source.into_iter().for_each(|source| source.nudge.notify_one());
                Reply::new(200, "")
            }
            Ok(Some((_, Verdict::Refuse)) | None) => refused(),
            Err(error) => Reply::later(&error),
        }
    }

    /// Whether there is such a callback: a stranger's push is not even read.
    pub async fn knows(&self, token: &str) -> bool {
        let Ok(mut conn) = self.setup.house.store.read().await else { return true };
        subscription::one(&mut conn, token).await.map_or(true, |it| it.is_some_and(|it| it.state != State::Ending))
    }

    /// A hub pushes. `body`: `None` where it was too large to be read.
    pub async fn ping(
        &self,
        token: &str,
        content_type: Option<&str>,
        signature: Option<&str>,
        body: Option<&[u8]>,
    ) -> Reply {
        let found = async {
            let mut conn = self.setup.house.store.read().await?;
            subscription::one(&mut conn, token).await
        };
        let it = match found.await {
            Ok(Some(it)) if it.state != State::Ending => it,
            // Tells the hub to forget it.
            Ok(_) => return Reply::new(410, "there is no such subscription\n"),
            Err(error) => return Reply::later(&error),
        };
        let source = self.setup.sources.iter().find(|source| source.name.as_str() == it.source && source.websub);
        let Some(source) = source else { return Reply::new(410, "there is no such subscription\n") };
        let key = match secret(&self.setup, &it).await {
            Ok(key) => key,
            Err(error) => return Reply::later(&error),
        };
        let signed = key.zip(body).is_some_and(|(key, body)| is_signed(key.expose_secret(), signature, body));
        if it.state != State::Active || !signed {
            tracing::warn!(source.id = %source.name, "a push that is not signed as agreed is not read: the source is polled");
            source.nudge.notify_one();
            return Reply::new(202, "");
        }
        let (bytes, kind) = (body.unwrap_or_default().to_vec(), content_type.map(str::to_owned));
        let base = Url::parse(&it.topic).unwrap_or_else(|_| super::poller::local_base());
        let read = tokio::task::spawn_blocking(move || feed::read(&bytes, kind.as_deref(), &base)).await;
        let feed = match read {
            Ok(Ok(feed)) => feed,
            // A thin ping, or something odd: worth a look.
            _ => {
                source.nudge.notify_one();
                return Reply::new(202, "");
            }
        };
        crate::crash::point("push_read");
        let withdrawn = !feed.tombstones.is_empty();
        match self.store(source, Listing::Ping, feed.entries, None).await {
            Ok(brought) => {
                if withdrawn || brought.is_none_or(|it| it.unsure > 0) {
                    source.nudge.notify_one();
                }
                Reply::new(200, "")
            }
            Err(error) => Reply::later(&error),
        }
    }

    /// Somebody pushes to a source's door.
    pub async fn ingest(&self, name: &str, claim: Claim<'_>, body: &[u8]) -> Reply {
        let source = self.setup.sources.iter().find(|source| source.name.as_str() == name);
        let Some((source, door)) = source.and_then(|source| Some((source, source.door.clone()?))) else {
            return Reply::new(404, "there is no such source with [source.NAME.ingest] in the config\n");
        };
        let keys = match &door.keys {
            Ok(keys) => keys,
            Err(said) => {
                tracing::warn!(source.id = %source.name, said, "the door's secret cannot be had: nothing can be pushed");
                return Reply::new(503, "this door has no key: the log says why\n");
            }
        };
        let now = self.setup.house.clock.now();
        let id = match verify(keys, &claim, body, now) {
            Verified::Yes { id } => id,
            Verified::No(why) => return self.turn_away(source, why).await,
        };
        let (bytes, link) = (body.to_vec(), door.link.clone());
        let read = tokio::task::spawn_blocking(move || door::read(&bytes, link.as_deref())).await;
        let entries = match read {
            Ok(Ok(entries)) => entries,
            Ok(Err(Refused { status, said })) => {
                tracing::warn!(source.id = %source.name, said, "a push was refused");
                return Reply::new(status, format!("{said}\n"));
            }
            Err(_) => return Reply::new(422, "reading it failed\n"),
        };
        crate::crash::point("push_read");
        let stories = entries.len();
        match self.store(source, Listing::Door, entries, id).await {
            Ok(None) => Reply::new(200, format!("{}\n", json!({ "repeated": true }))),
            Ok(Some(it)) => {
                let told = json!({ "stories": stories, "new": it.new, "changed": it.changed, "posts": it.posts });
                Reply::new(200, format!("{told}\n"))
            }
            Err(error) => Reply::later(&error),
        }
    }

    async fn turn_away(&self, source: &Source, why: &'static str) -> Reply {
        let Ok(_penalty) = self.limits.penalties.try_acquire() else {
            return Reply::new(429, "too many pushes that prove nothing\n");
        };
        tracing::warn!(source.id = %source.name, why, "a push did not prove who it is from");
        tokio::time::sleep(PENALTY).await;
        Reply::new(401, format!("{why}\n"))
    }

    /// Stores what was pushed. `None`: the message was taken before.
    async fn store(
        &self,
        source: &Source,
        listing: Listing,
        entries: Vec<Entry>,
        id: Option<String>,
    ) -> Result<Option<Brought>, StoreError> {
        let setup = self.setup.clone();
        let now = setup.house.clock.now();
        let mut catch = Catch {
            listing,
            source: source.clone(),
            row: row(source, now),
            first_seen: false,
            failed_before: false,
            // Who pushes to the door is always heard; a hub's push is judged by when the feed was last read.
            last_good: Some(now),
            due: None,
            entries,
            // What a push takes back is left to the poll it leads to.
            beside: Beside { partial: true, tombstones: Vec::new() },
            now,
        };
        let store = job(move |conn| {
            Box::pin(async move {
                if let Some(id) = &id
                    && !subscription::take(conn, catch.source.name.as_str(), id, now).await?
                {
                    return Ok(None);
                }
                if listing == Listing::Ping {
                    let stored = source::one(conn, catch.source.name.as_str()).await?;
                    catch.last_good = stored.as_ref().and_then(|row| row.last_good).map(|good| good.min(now));
                    catch.row = stored.unwrap_or(catch.row);
                }
                ingest::store(conn, &setup, &mut catch).await.map(Some)
            })
        });
        let brought = self.setup.house.store.write(store).await?;
        crate::crash::point("push_stored");
        if let Some(it) = brought.filter(|it| it.new + it.changed > 0) {
            let (new, changed, posts) = (it.new, it.changed, it.posts);
            tracing::info!(source.id = %source.name, new, changed, posts, "the source was pushed to");
            self.setup.house.metrics.articles(source.name.as_str(), new);
            // Also where posts were stopped: a lane may wait for one of them.
            self.setup.wake();
        }
        Ok(brought)
    }
}

/// The row of a source that was never polled.
fn row(source: &Source, now: Timestamp) -> SourceRow {
    SourceRow {
        last_good: (!source.is_polled()).then_some(now),
        ..SourceRow::new(source.name.as_str(), &source.address, now)
    }
}

/// Stores what a hub's question came to.
async fn settled(
    conn: &mut crate::store::Conn,
    it: Subscription,
    verdict: &Verdict,
    now: Timestamp,
    scale: f64,
) -> Result<(), StoreError> {
    match verdict {
        Verdict::Refuse => Ok(()),
        Verdict::Confirm { .. } if it.state == State::Ending => {
            tracing::info!(source.id = %it.source, hub = %it.hub, "unsubscribed");
            subscription::remove(conn, &it.token).await
        }
        Verdict::Confirm { lease, .. } => {
            if it.state != State::Active {
                tracing::info!(source.id = %it.source, hub = %it.hub, lease = %lease, "subscribed");
            }
            // A hub that grants seconds is not asked every second.
            let next = renew_at(now, *lease, rand::random::<f64>()).max(now + scaled(30.0, scale));
            notice::settle(conn, &key_of(&it.source)).await?;
            let lease_until = Some(now.checked_add(*lease).unwrap_or(Timestamp::MAX));
            let active =
                Subscription { state: State::Active, asked: None, lease_until, next, tries: 0, said: None, ..it };
            subscription::put(conn, &active).await
        }
        Verdict::Denied { reason } => {
            let said = if reason.is_empty() { "it gave no reason".to_owned() } else { reason.clone() };
            let text = format!(
                "the hub {} of source {} refuses our subscription ({said}): it is polled instead",
                it.hub, it.source
            );
            notice::raise(conn, &Notice::new(Level::Info, key_of(&it.source), text), now).await?;
            let next = after_denial(now, scale);
            let denied = Subscription {
                state: State::Denied,
                asked: None,
                lease_until: None,
                next,
                tries: 0,
                said: Some(said),
                ..it
            };
            subscription::put(conn, &denied).await
        }
    }
}
