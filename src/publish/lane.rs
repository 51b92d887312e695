//! One channel's worker: everything done on the channel, one thing at a time. It never sleeps by itself: the engine
//! calls [`Lane::turn`] again at the time a turn names, or when something changed.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::book::{Book, Ended};
use super::claim::{self, Claim, Claimed, Wish};
use super::ports::{SealedKeep, StoreWall};
use super::prepare::{Setting, prepare};
use super::reconcile::{self, Doubt, Move, Seen};
use super::settle::{self, Circumstances, Fate, Settlement};
use super::{Channel, House, amend, identity_of, retry};
use crate::model::channel::Block;
use crate::model::grant::Credential;
use crate::model::notice::{Level, Notice};
use crate::model::post::{Actor, HoldReason};
use crate::model::receipt::{Outcome, Receipt};
use crate::platform::{
    ConnectError, Context, Identity, Journal, Lookup, ONLY, Payload, PublishError, Recovery, Sought,
};
use crate::store::channel::ChannelRow;
use crate::store::post::PostRow;
use crate::store::{StoreError, article, attempt, channel, notice, post};
use crate::telemetry::PostOutcome;

/// How long an answered introduction is trusted before the server is asked again.
const TRUSTED: SignedDuration = SignedDuration::from_hours(24);
/// How long to wait after an introduction that was not answered.
const ASK_AGAIN: SignedDuration = SignedDuration::from_mins(15);
/// How far back a match counts where the platform's clock is not known. Source: reliability.md section 2.
const WINDOW: SignedDuration = SignedDuration::from_hours(25);
/// The margin where it is known.
const MARGIN: SignedDuration = SignedDuration::from_mins(2);

/// What a turn came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Something was done: ask again at once.
    Again,
    /// Nothing to do before that instant, or (`None`) before something changes.
    Idle(Option<Timestamp>),
}

/// The worker.
pub struct Lane {
    house: Arc<House>,
    channel: Channel,
    /// The last post's outcome, kept for the commit that claims the next.
    pending: Option<Settlement>,
    /// Failures to reach the platform in a row, and until when the channel backs off.
    unreachable: u32,
    backs_off: Option<Timestamp>,
    /// Unknown outcomes in a row; and the breaker: harmless calls that failed, and when to try the next.
    unknowns: u32,
    breaker: Option<(u32, Timestamp)>,
    /// When to introduce ourselves again.
    introduce: Option<Timestamp>,
    /// Look-ups in a row that told nothing.
    blind_looks: u32,
}

/// What one turn works with.
struct Hands {
    row: ChannelRow,
    identity: Option<Identity>,
    credential: Credential,
    keep: SealedKeep,
    wall: StoreWall,
    now: Timestamp,
}

impl Lane {
    /// A worker for that channel.
    pub const fn new(house: Arc<House>, channel: Channel) -> Self {
        Self {
            house,
            channel,
            pending: None,
            unreachable: 0,
            backs_off: None,
            unknowns: 0,
            breaker: None,
            introduce: None,
            blind_looks: 0,
        }
    }

    /// The channel's name.
    pub fn name(&self) -> &str {
        self.channel.name.as_str()
    }

    /// Does the next thing there is to do.
    ///
    /// # Errors
    /// The database's; nothing is lost, the next turn or the sweep takes it up.
    pub async fn turn(&mut self) -> Result<Turn, StoreError> {
        let Some(hands) = self.hands().await? else {
            self.flush().await?;
            return Ok(Turn::Idle(Some(self.house.clock.now() + retry::scaled(15.0, self.house.scale))));
        };
        if self.pending.is_none() {
            if let Some(turn) = self.introduce(&hands).await? {
                return Ok(turn);
            }
            if self.amend(&hands).await? || self.reconcile(&hands).await? {
                return Ok(Turn::Again);
            }
        }
        let turn = self.publish_next(&hands).await;
        if turn != Ok(Turn::Again) && self.pending.is_some() {
            self.flush().await?;
            // What was just stored may be due before the time this turn found: a look-up at once, another try.
            return turn.map(|_| Turn::Again);
        }
        turn
    }

    /// Stores what is still kept back: before the process ends, or when there is nothing to claim with it.
    ///
    /// # Errors
    /// The database's.
    pub async fn flush(&mut self) -> Result<(), StoreError> {
        let Some(settlement) = self.pending.take() else { return Ok(()) };
        let (first, second) = (settlement.clone(), settlement.clone());
        let job = crate::store::job(move |conn| Box::pin(async move { settle::write(conn, &first).await }));
        match self.house.store.write(job).await {
            Err(StoreError::Conflict(_)) => {
                let job =
                    crate::store::job(move |conn| Box::pin(async move { settle::write_late(conn, &second).await }));
                if let Err(e) = self.house.store.write(job).await {
                    self.pending = Some(settlement);
                    return Err(e);
                }
            }
            Err(e) => {
                self.pending = Some(settlement);
                return Err(e);
            }
            Ok(()) => {}
        }
        self.recorded(&settlement);
        Ok(())
    }

    fn recorded(&self, settlement: &Settlement) {
        crate::crash::point("recorded");
        let platform = self.channel.account.spec().id;
        let row = &settlement.row;
        match &settlement.fate {
            Fate::Published(receipt) => {
                tracing::info!(post.id = row.id(), channel.id = self.name(), platform, url = receipt.url, "published");
            }
            Fate::Back { why, .. } => {
                tracing::info!(
                    post.id = row.id(),
                    channel.id = self.name(),
                    platform,
                    why,
                    "not sent; tried again later"
                );
            }
            Fate::Uncertain { said } => {
                tracing::warn!(
                    post.id = row.id(),
                    channel.id = self.name(),
                    platform,
                    said,
                    "sent, but the answer was lost"
                );
            }
            Fate::Failed(reason) => {
                tracing::warn!(post.id = row.id(), channel.id = self.name(), platform, said = reason.said, "refused");
            }
            Fate::Held(why) => {
                tracing::warn!(post.id = row.id(), channel.id = self.name(), platform, %why, "held");
            }
        }
        let outcome = match settlement.fate {
            Fate::Published(_) => Some(PostOutcome::Published),
            Fate::Back { .. } => None,
            Fate::Uncertain { .. } => Some(PostOutcome::Uncertain),
            Fate::Failed(_) => Some(PostOutcome::Failed),
            Fate::Held(_) => Some(PostOutcome::Held),
        };
        if let Some(outcome) = outcome {
            self.house.metrics.post(platform, outcome);
        }
        crate::crash::point("followed");
    }

    /// The channel's row and secrets; `None` while it is blocked.
    async fn hands(&mut self) -> Result<Option<Hands>, StoreError> {
        let now = self.house.clock.now();
        let mut conn = self.house.store.read().await?;
        let Some(row) = channel::one(&mut conn, self.name()).await? else { return Ok(None) };
        drop(conn);
        let credential = match (self.channel.credential(), &row.blocked) {
            (Err(what), None) => {
                self.block(Block::MissingSecret { what }, now).await?;
                return Ok(None);
            }
            (Err(_), Some(_)) => return Ok(None),
            (Ok(_), Some(Block::MissingSecret { .. })) => {
                self.unblock(now).await?;
                return Ok(None);
            }
            (Ok(_), Some(_)) => return Ok(None),
            (Ok(credential), None) => credential,
        };
        let (store, name) = (self.house.store.clone(), self.name().to_owned());
        let clock = self.house.clock.clone();
        let keep = SealedKeep {
            store: store.clone(),
            vault: self.house.vault.clone(),
            channel: name.clone(),
            clock: clock.clone(),
        };
        let identity = identity_of(row.identity.as_deref());
        Ok(Some(Hands { row, identity, credential, keep, wall: StoreWall { store, channel: name, clock }, now }))
    }

    fn context<'a>(&'a self, hands: &'a Hands) -> Context<'a> {
        Context {
            http: &self.house.http,
            credential: &hands.credential,
            keep: &hands.keep,
            wall: &hands.wall,
            clock: &*self.house.clock,
            scale: self.house.scale,
            identity: hands.identity.as_ref(),
        }
    }

    async fn block(&self, block: Block, now: Timestamp) -> Result<(), StoreError> {
        let name = self.name().to_owned();
        let job = crate::store::job(move |conn| {
            Box::pin(async move {
                channel::set_blocked(conn, &name, Some(&block), now).await?;
                channel::set_closed(conn, &name, Some(now)).await?;
                let text = format!("channel {name} is blocked: {block}");
                let key = format!("channel.{name}.blocked");
                notice::raise(conn, &Notice::new(Level::Alarm, key, text), now).await?;
                let why = block.to_string();
                crate::store::audit::add(conn, now, &Actor::Bugle, "channel", &name, (None, Some("blocked")), &why)
                    .await
            })
        });
        self.house.store.write(job).await
    }

    async fn unblock(&self, now: Timestamp) -> Result<(), StoreError> {
        let name = self.name().to_owned();
        let job = crate::store::job(move |conn| {
            Box::pin(async move {
                channel::set_blocked(conn, &name, None, now).await?;
                notice::settle(conn, &format!("channel.{name}.blocked")).await?;
                let why = "the cause is gone";
                crate::store::audit::add(conn, now, &Actor::Bugle, "channel", &name, (Some("blocked"), None), why).await
            })
        });
        self.house.store.write(job).await
    }

    /// Asks the server who we are, at start and daily; a channel never posts under another account than its first.
    async fn introduce(&mut self, hands: &Hands) -> Result<Option<Turn>, StoreError> {
        if self.introduce.is_some_and(|at| at > hands.now) {
            return Ok(None);
        }
        let asked = {
            let deadline = self.channel.account.spec().deadline;
            let cx = self.context(hands);
            match tokio::time::timeout(deadline, self.channel.account.whoami(&cx)).await {
                Ok(said) => said,
                Err(_) => Err(ConnectError::Unreachable("no answer in time".to_owned())),
            }
        };
        let identity = match asked {
            Ok(identity) => identity,
            Err(ConnectError::Unreachable(said)) => {
                // Posting does not wait for it: the send itself tells whether the platform can be reached.
                tracing::debug!(channel.id = self.name(), said, "the account could not introduce itself");
                self.introduce = Some(hands.now + ASK_AGAIN);
                return Ok(None);
            }
            Err(ConnectError::Refused(said)) => {
                self.block(Block::Token { said }, hands.now).await?;
                return Ok(Some(Turn::Again));
            }
        };
        self.introduce = Some(hands.now + TRUSTED);
        if let Some(first) = hands.identity.as_ref().filter(|first| first.id != identity.id) {
            let block = Block::OtherAccount {
                expected: format!("{} ({})", first.handle, first.id),
                found: format!("{} ({})", identity.handle, identity.id),
            };
            self.block(block, hands.now).await?;
            return Ok(Some(Turn::Again));
        }
        if hands.identity.as_ref() == Some(&identity) {
            return Ok(None);
        }
        let (name, text) = (self.name().to_owned(), crate::store::to_json(&identity));
        let job =
            crate::store::job(move |conn| Box::pin(async move { channel::set_identity(conn, &name, &text).await }));
        self.house.store.write(job).await?;
        Ok(Some(Turn::Again))
    }

    async fn amend(&self, hands: &Hands) -> Result<bool, StoreError> {
        let mut conn = self.house.store.read().await?;
        let wish = crate::store::amend::next(&mut conn, self.name(), hands.now).await?;
        drop(conn);
        let Some(wish) = wish else { return Ok(false) };
        amend::carry_out(&self.house, &self.channel, &self.context(hands), wish).await?;
        Ok(true)
    }

    // ---- a post in doubt -------------------------------------------------------------------------------------------

    async fn reconcile(&mut self, hands: &Hands) -> Result<bool, StoreError> {
        let mut conn = self.house.store.read().await?;
        let Some(row) = post::to_look_up(&mut conn, self.name(), hands.now).await? else { return Ok(false) };
        let attempts = attempt::of(&mut conn, row.id()).await?;
        drop(conn);
        let payload: Option<Payload> = row.payload.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let (Some((step, last, first_begun)), Some(payload)) = (reconcile::in_doubt(&attempts, row.revision), payload)
        else {
            // Every visible step is proved done, or none was begun: the next claim goes on from there.
            self.put_back(&row, hands.now, hands.now, "nothing of it is in doubt", false).await?;
            return Ok(true);
        };
        let doubt = Doubt {
            recovery: self.channel.account.recovery(hands.identity.as_ref()),
            on_uncertain: self.channel.on_uncertain,
            step,
            first_begun,
            begun: last.attempt.begun,
            since: match row.post.state {
                crate::model::post::PostState::Uncertain { since, .. } => since,
                _ => hands.now,
            },
            looks: row.looks,
            resends: row.resends,
            // The one publishing process is this one: every other is proved dead by its freed lock.
            let_go: last.owner != self.house.worker.as_str() || last.attempt.ended.is_some(),
            duplicate: reconcile::said_duplicate(last),
            expires: row.post.expires,
            now: hands.now,
            scale: self.house.scale,
        };
        let moved = match doubt.next() {
            Move::Look => {
                let parent = parent_of(&attempts, row.revision, step.n);
                let window = match hands.row.clock_offset {
                    Some(ms) => doubt.begun + SignedDuration::from_millis(ms) - MARGIN,
                    None => doubt.begun - WINDOW,
                };
                let sought =
                    Sought { payload: &payload, step, parent: parent.as_deref(), begun: doubt.begun, since: window };
                match self.look(hands, &sought).await {
                    Ok((value, receipt)) => {
                        let receipt = of_thread(&attempts, row.revision, step.n, receipt);
                        let id = last.attempt.id.clone();
                        self.found(
                            &row,
                            &payload,
                            Ended { id, step, outcome: Outcome::Done { value } },
                            receipt,
                            hands.now,
                        )
                        .await?;
                        return Ok(true);
                    }
                    Err(seen) => {
                        self.blind_looks =
                            if matches!(seen, Seen::Nothing(_)) { self.blind_looks.saturating_add(1) } else { 0 };
                        let moved = doubt.after_look(&seen, self.blind_looks.saturating_sub(1));
                        self.note_look(&row, &seen, &moved, hands.now).await?;
                        if matches!(moved, Move::Wait(_)) {
                            return Ok(true);
                        }
                        moved
                    }
                }
            }
            other => other,
        };
        self.follow(row.id().to_owned(), moved, hands.now).await?;
        Ok(true)
    }

    /// Asks the platform. Any answer also closes the breaker.
    async fn look(&mut self, hands: &Hands, sought: &Sought<'_>) -> Result<(serde_json::Value, Receipt), Seen> {
        let deadline = self.channel.account.spec().deadline;
        let answer = {
            let cx = self.context(hands);
            match tokio::time::timeout(deadline, self.channel.account.find(&cx, sought)).await {
                Ok(answer) => answer,
                Err(_) => Err(PublishError::Unknown { said: "the look-up had no answer in time".to_owned() }),
            }
        };
        if answer.is_ok() {
            self.breaker = None;
            self.unknowns = 0;
        }
        match answer {
            Ok(Lookup::Published { value, receipt }) => Ok((value, receipt)),
            Ok(Lookup::Absent) => Err(Seen::Absent),
            Ok(Lookup::CannotTell(why)) => Err(Seen::Ambiguous(why)),
            Err(error) => Err(Seen::Nothing(error.to_string())),
        }
    }

    /// The step is proved done: the post is published, or goes on with its next part.
    async fn found(
        &self,
        row: &PostRow,
        payload: &Payload,
        ended: Ended,
        receipt: Receipt,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let whole = payload.last() == Some(ended.step);
        let row = row.clone();
        let job = crate::store::job(move |conn| {
            Box::pin(async move {
                super::book::store_ended(conn, std::slice::from_ref(&ended), now).await?;
                let post = row.post.clone();
                let (post, why) = if whole {
                    (post.publish(receipt), "found on the platform")
                } else {
                    (post.put_back(None), "this part was found on the platform; the next one follows")
                };
                let post = post.map_err(|e| StoreError::Conflict(e.to_string()))?;
                let next = PostRow { post, next_look: None, verify: false, ..row.clone() };
                post::put(conn, &row, &next, now, &Actor::Bugle, why).await?;
                channel::set_closed(conn, row.post.channel.as_str(), None).await
            })
        });
        self.house.store.write(job).await?;
        self.house.metrics.post(self.channel.account.spec().id, PostOutcome::Published);
        Ok(())
    }

    async fn note_look(&self, row: &PostRow, seen: &Seen, moved: &Move, now: Timestamp) -> Result<(), StoreError> {
        let (Seen::Absent | Seen::Ambiguous(_) | Seen::Nothing(_)) = seen;
        let mut next = row.clone();
        if *seen == Seen::Absent {
            next.looks += 1;
        }
        next.next_look = match moved {
            Move::Wait(until) => Some(*until),
            Move::Look | Move::Again(_) | Move::Hold(_) => row.next_look,
        };
        let (row, seen) = (row.clone(), seen.clone());
        let job = crate::store::job(move |conn| {
            Box::pin(async move {
                post::put(conn, &row, &next, now, &Actor::Bugle, "looked up").await?;
                let why = match seen {
                    Seen::Absent => "looked up: not there".to_owned(),
                    Seen::Ambiguous(why) => format!("looked up: {why}"),
                    Seen::Nothing(why) => format!("looked up without an answer: {why}"),
                };
                crate::store::audit::add(conn, now, &Actor::Bugle, "post", row.id(), (None, None), &why).await
            })
        });
        self.house.store.write(job).await
    }

    async fn follow(&self, id: String, moved: Move, now: Timestamp) -> Result<(), StoreError> {
        let mut conn = self.house.store.read().await?;
        let Some(row) = post::one(&mut conn, &id).await? else { return Ok(()) };
        drop(conn);
        match moved {
            Move::Wait(until) => {
                let next = PostRow { next_look: Some(until), ..row.clone() };
                let job = crate::store::job(move |conn| {
                    Box::pin(async move {
                        post::put(conn, &row, &next, now, &Actor::Bugle, "to be looked up").await.map(drop)
                    })
                });
                self.house.store.write(job).await
            }
            Move::Again(due) => self.put_back(&row, due, now, "proved absent, or safe to repeat", true).await,
            Move::Hold(why) => self.hold(row, why, now).await,
            Move::Look => Ok(()),
        }
    }

    async fn put_back(
        &self,
        row: &PostRow,
        due: Timestamp,
        now: Timestamp,
        why: &'static str,
        resend: bool,
    ) -> Result<(), StoreError> {
        let row = row.clone();
        let post = row.post.clone().put_back(Some(why.to_owned())).map_err(|e| StoreError::Conflict(e.to_string()))?;
        let mut next = PostRow { post, next_look: None, ..row.clone() };
        if resend {
            next.resends += 1;
            next.post.due = next.post.due.max(due);
        }
        let job = crate::store::job(move |conn| {
            Box::pin(async move { post::put(conn, &row, &next, now, &Actor::Bugle, why).await.map(drop) })
        });
        self.house.store.write(job).await
    }

    async fn hold(&self, row: PostRow, why: HoldReason, now: Timestamp) -> Result<(), StoreError> {
        let post = row.post.clone().hold(why.clone(), now).map_err(|e| StoreError::Conflict(e.to_string()))?;
        let next = PostRow { post, ..row.clone() };
        let job = crate::store::job(move |conn| {
            Box::pin(async move {
                let text = why.to_string();
                post::put(conn, &row, &next, now, &Actor::Bugle, &text).await?;
                let text = format!("post {} on {} waits for a person: {text}", row.id(), row.post.channel);
                let notice = Notice::new(Level::Warn, format!("post.{}.held", row.id()), text);
                notice::raise(conn, &notice, now).await.map(drop)
            })
        });
        self.house.store.write(job).await?;
        self.house.metrics.post(self.channel.account.spec().id, PostOutcome::Held);
        Ok(())
    }

    // ---- the next post ---------------------------------------------------------------------------------------------

    async fn publish_next(&mut self, hands: &Hands) -> Result<Turn, StoreError> {
        if let Some(until) = self.backs_off.filter(|until| *until > hands.now) {
            return Ok(Turn::Idle(Some(until)));
        }
        let mut conn = self.house.store.read().await?;
        let Some(row) = post::candidate(&mut conn, self.name(), hands.now).await? else {
            let next = post::next_work(&mut conn, self.name()).await?;
            return Ok(Turn::Idle(next));
        };
        let found = article::one(&mut conn, row.post.article.as_str()).await?;
        drop(conn);
        // A repeat with the same id or key is harmless and never held back.
        let recovery = self.channel.account.recovery(hands.identity.as_ref());
        let repeat = row.resends > 0 && matches!(recovery, Recovery::OwnId | Recovery::Key { .. });
        if !repeat && let Some(turn) = self.try_breaker(hands).await {
            return Ok(turn);
        }
        let frozen = row.payload.as_deref().map(serde_json::from_str::<Payload>);
        let payload = match (frozen, found) {
            (Some(Ok(payload)), _) => Ok(payload),
            (Some(Err(e)), _) => Err(format!("its frozen payload cannot be read: {e}")),
            (None, None) => Err("its article is gone".to_owned()),
            (None, Some((article, _))) => {
                let setting = Setting {
                    templates: &self.house.templates,
                    newsroom: &self.house.newsroom,
                    zone: &self.house.zone,
                };
                prepare(setting, &self.channel, hands.identity.as_ref(), &article, &row.post, row.revision, hands.now)
                    .map(|prepared| prepared.payload)
            }
        };
        let payload = match payload {
            Ok(payload) => payload,
            Err(why) => {
                self.flush().await?;
                self.hold(row, HoldReason::Unfit { why }, hands.now).await?;
                return Ok(Turn::Again);
            }
        };
        if row.verify {
            self.flush().await?;
            self.verify(hands, row, &payload).await?;
            return Ok(Turn::Again);
        }
        match self.claim(hands, row, payload).await? {
            Claimed::Go(claim) => {
                self.send(hands, *claim).await;
                Ok(Turn::Again)
            }
            Claimed::Moved => Ok(Turn::Again),
            Claimed::Wait { until, why } => {
                tracing::debug!(channel.id = self.name(), why, "waits");
                // A later or more urgent post may fall due before that.
                let mut conn = self.house.store.read().await?;
                let next = post::next_work(&mut conn, self.name()).await?.filter(|at| *at > hands.now);
                Ok(Turn::Idle(until.into_iter().chain(next).min()))
            }
        }
    }

    /// While the breaker is open: one harmless call decides whether sends go on.
    async fn try_breaker(&mut self, hands: &Hands) -> Option<Turn> {
        let (failed, next) = self.breaker?;
        if next > hands.now {
            return Some(Turn::Idle(Some(next)));
        }
        let answered = {
            let cx = self.context(hands);
            let deadline = self.channel.account.spec().deadline;
            !matches!(
                tokio::time::timeout(deadline, self.channel.account.whoami(&cx)).await,
                Err(_) | Ok(Err(ConnectError::Unreachable(_)))
            )
        };
        if answered {
            self.breaker = None;
            self.unknowns = 0;
            return None;
        }
        let until = hands.now + retry::breaker(failed + 1, self.house.scale);
        self.breaker = Some((failed + 1, until));
        Some(Turn::Idle(Some(until)))
    }

    /// A post that came back with a backup may be out already: one look-up decides.
    async fn verify(&mut self, hands: &Hands, row: PostRow, payload: &Payload) -> Result<(), StoreError> {
        if self.channel.account.recovery(hands.identity.as_ref()) == Recovery::Blind {
            return self.hold(row, HoldReason::Restored, hands.now).await;
        }
        let step = payload.last().unwrap_or(ONLY);
        let since = row.post.created - WINDOW;
        let sought = Sought { payload, step, parent: None, begun: row.post.created, since };
        let now = hands.now;
        match self.look(hands, &sought).await {
            Ok((_, receipt)) => {
                let post = row.post.clone().publish(receipt).map_err(|e| StoreError::Conflict(e.to_string()))?;
                let next = PostRow { post, verify: false, ..row.clone() };
                let job = crate::store::job(move |conn| {
                    Box::pin(async move {
                        let why = "restored from a backup, and found on the platform";
                        post::put(conn, &row, &next, now, &Actor::Bugle, why).await.map(drop)
                    })
                });
                self.house.store.write(job).await
            }
            Err(Seen::Absent) => {
                let next = PostRow { verify: false, ..row.clone() };
                let job = crate::store::job(move |conn| {
                    Box::pin(async move {
                        post::put(conn, &row, &next, now, &Actor::Bugle, "not on the platform").await.map(drop)
                    })
                });
                self.house.store.write(job).await
            }
            Err(Seen::Ambiguous(_)) => self.hold(row, HoldReason::Restored, now).await,
            Err(Seen::Nothing(_)) => {
                self.unreachable = self.unreachable.saturating_add(1);
                self.backs_off = Some(now + retry::look_again(self.unreachable - 1, self.house.scale));
                Ok(())
            }
        }
    }

    async fn claim(&mut self, hands: &Hands, row: PostRow, payload: Payload) -> Result<Claimed, StoreError> {
        let wish = Wish {
            deadline: self.deadline(&payload),
            row,
            payload,
            channel: self.name().to_owned(),
            scopes: self.channel.scopes(&hands.credential),
            policy: self.channel.policy.clone(),
            zone: self.house.zone.clone(),
            strict_order: self.channel.strict_order,
            worker: self.house.worker.clone(),
            now: hands.now,
            mono: self.house.clock.monotonic(),
            scale: self.house.scale,
        };
        let Some(settlement) = self.pending.take() else {
            let job = crate::store::job(move |conn| Box::pin(async move { claim::take(conn, wish).await }));
            return self.house.store.write(job).await;
        };
        let first = settlement.clone();
        let job = crate::store::job(move |conn| {
            Box::pin(async move {
                settle::write(conn, &first).await?;
                claim::take(conn, wish).await
            })
        });
        match self.house.store.write(job).await {
            Ok(claimed) => {
                self.recorded(&settlement);
                Ok(claimed)
            }
            Err(_) => {
                // Whatever failed, the outcome comes first; the queue is looked at again after it.
                self.pending = Some(settlement);
                self.flush().await?;
                Ok(Claimed::Moved)
            }
        }
    }

    fn deadline(&self, payload: &Payload) -> Duration {
        let spec = self.channel.account.spec();
        let media = payload.steps.iter().any(|planned| !planned.step.op.is_visible());
        let whole = if media { spec.media_deadline } else { spec.deadline };
        whole.mul_f64(self.house.scale.clamp(0.05, 1.0))
    }

    async fn send(&mut self, hands: &Hands, claim: Claim) {
        let mut book = Book::of_claim(&self.house, &claim);
        let outcome = {
            let cx = self.context(hands);
            self.channel.account.publish(&cx, &claim.payload, &mut Journal::new(&mut book)).await
        };
        let (ended, step, partly_out) = book.close();
        let at = self.house.clock.now();
        self.count(&outcome, at);
        let channel = &self.channel;
        let scope = |kind| channel.scope(kind, &hands.credential);
        let about = Circumstances { step, partly_out, now: at, scale: self.house.scale, scope: &scope };
        let fate = settle::decide(outcome, about);
        if matches!(fate, Fate::Back { backs_off: true, .. }) {
            self.unreachable = self.unreachable.saturating_add(1);
            let chance = rand::random::<f64>();
            self.backs_off = Some(at + retry::backoff(self.unreachable - 1, chance, self.house.scale));
        } else {
            self.unreachable = 0;
            self.backs_off = None;
        }
        self.pending = Some(Settlement { row: claim.row, ended, fate, at });
    }

    fn count(&mut self, outcome: &Result<Receipt, PublishError>, at: Timestamp) {
        let class = outcome.as_ref().err().map_or("done", PublishError::class);
        self.house.metrics.attempt(self.channel.account.spec().id, class);
        self.unknowns = match outcome {
            Err(PublishError::Unknown { .. }) => self.unknowns.saturating_add(1),
            _ => 0,
        };
        if self.unknowns >= retry::BREAKER_AT && self.breaker.is_none() {
            tracing::warn!(
                channel.id = self.name(),
                "three sends in a row without a clear answer: no new ones for now"
            );
            self.breaker = Some((0, at + retry::breaker(0, self.house.scale)));
        }
    }
}

/// The receipt of a thread whose part `n` was found: it names the first part, and all of them.
fn of_thread(attempts: &[attempt::AttemptRow], revision: u16, n: u16, found: Receipt) -> Receipt {
    let mut parts: Vec<String> = (1..=n).filter_map(|n| parent_of(attempts, revision, n)).collect();
    let Some(first) = parts.first().cloned() else { return found };
    parts.extend(found.remote_id);
    // The address that was found is that of the part; the first one's is not among what every platform records.
    Receipt { remote_id: Some(first), url: None, parts, ..found }
}

/// The remote id of the part before, as its step recorded it.
fn parent_of(attempts: &[attempt::AttemptRow], revision: u16, n: u16) -> Option<String> {
    let before = n.checked_sub(1)?;
    let done = claim::done_steps(attempts, revision);
    let value = done.get(&crate::model::receipt::Step { op: crate::model::receipt::Op::Create, n: before })?;
    value.get("id").and_then(|id| id.as_str()).map(str::to_owned)
}
