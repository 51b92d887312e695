//! The next post of a channel: chosen, prepared, claimed, sent, and its outcome kept for the next commit.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sha2::Digest as _;

use super::super::book::Book;
use super::super::call;
use super::super::claim::{self, Claim, Claimed, Wish};
use super::super::money::{self, Bill, Spare};
use super::super::prepare::{Setting, prepare};
use super::super::reconcile::{self, Seen};
use super::super::retry;
use super::super::settle::{self, Circumstances, Fate, Settlement};
use super::super::standing::{self, Bar};
use super::{Hands, Lane, Turn, still};
use crate::model::article::Article;
use crate::model::id::AttemptId;
use crate::model::money::AtCap;
use crate::model::post::{Actor, HoldReason, PostState};
use crate::model::receipt::{Attempt, Op, Outcome, Receipt, Step};
use crate::platform::{ConnectError, Payload, Planned, PublishError, Recovery, Sought};
use crate::store::attempt::AttemptRow;
use crate::store::post::PostRow;
use crate::store::short_link::Link;
use crate::store::{StoreError, article, attempt, post};
use crate::text::plain::hex;

/// The longest back-off and the longest wait of the breaker, doubled: what is further away was set before the clock was
/// put back.
const LONGEST: SignedDuration = SignedDuration::from_mins(120);
/// Look-ups without an answer after which a restored post goes to a person.
const MOST_LOOKS: i64 = 24;

/// `looks` of a post that was looked for often enough after its key had died; the claim counts anew. Ours, far above what
/// is ever counted.
const PROVED_ABSENT: i64 = 1_000_000;

/// Which of the growing pauses stands between look-ups for a post whose key has died. Ours: a quarter of an hour or so.
const LATE_PACE: u32 = 4;

/// What a claim may send.
struct Goods {
    payload: Payload,
    /// The short link it carries, where it was made just now.
    short: Option<Link>,
    /// The same without its link.
    spare: Option<Box<Spare>>,
}

impl Lane {
    pub(super) async fn publish_next(&mut self, hands: &Hands) -> Result<Turn, StoreError> {
        if let Some(until) = self.backs_off.filter(|until| still(*until, hands.now, LONGEST)) {
            return Ok(Turn::Idle(Some(until)));
        }
        let mut conn = self.house.store.read().await?;
        let Some(row) = post::candidate(&mut conn, self.name(), hands.now).await? else {
            let next = post::next_work(&mut conn, self.name(), hands.now, hands.is_paused).await?;
            return Ok(Turn::Idle(next));
        };
        let found = article::one(&mut conn, row.post.article.as_str()).await?;
        drop(conn);
        if let Some((article, _)) = &found
            && let Some(bar) = standing::bar(article, &row.post.occasion, hands.now)
        {
            self.flush().await?;
            self.stop(row, bar, hands.now).await?;
            return Ok(Turn::Again);
        }
        // A repeat with the same id or key is harmless and never held back.
        let recovery = self.channel.account.recovery(hands.identity.as_ref());
        let repeat = row.resends > 0 && self.harmless(&row, recovery, hands.now).await?;
        if !repeat && let Some(turn) = self.try_breaker(hands).await {
            return Ok(turn);
        }
        let frozen = row.payload.as_deref().map(serde_json::from_str::<Payload>);
        let mut spare = None;
        let payload = match (frozen, found) {
            // Its short link was stored together with it.
            (Some(Ok(payload)), _) => Ok((payload, None)),
            (Some(Err(e)), _) => Err(format!("its frozen payload cannot be read: {e}")),
            (None, None) => Err("its article is gone".to_owned()),
            (None, Some((article, _))) => {
                let setting = Setting {
                    templates: &self.house.templates,
                    newsroom: &self.house.newsroom,
                    zone: &self.house.zone,
                    words: &self.house.words,
                    digest: &[],
                    look: &self.house.studio.brand.settings,
                };
                let (channel, identity) = (&self.channel, hands.identity.as_ref());
                let make = |article: &Article| {
                    prepare(setting, channel, identity, article, &row.post, row.revision, hands.now)
                };
                let prepared = make(&article).map(|prepared| (prepared.payload, prepared.short));
                let may =
                    channel.budget.is_some() && money::at_cap(&self.house, channel, row.post.route) == AtCap::NoLink;
                if may && let (Ok(_), Ok(bare)) = (&prepared, make(&money::linkless(&article))) {
                    let bill = self.bill(hands, &bare.payload);
                    spare = bill.map(|bill| Box::new(Spare { payload: bare.payload, bill }));
                }
                prepared
            }
        };
        let (payload, short) = match payload {
            Ok(payload) => payload,
            Err(why) => {
                self.flush().await?;
                self.hold(row, HoldReason::Unfit { why }, hands.now).await?;
                return Ok(Turn::Again);
            }
        };
        // Sent before without an answer, and a repeat is not harmless any more: it counts as look, and is looked for twice
        // before it goes.
        let late = row.resends > 0 && matches!(recovery, Recovery::Key { .. }) && !repeat && row.looks < PROVED_ABSENT;
        if row.verify || late {
            self.flush().await?;
            self.verify(hands, row, &payload, late).await?;
            return Ok(Turn::Again);
        }
        if let Some(why) = self.unapproved(&row) {
            self.flush().await?;
            self.hold(row, HoldReason::Terms { why: why.to_owned() }, hands.now).await?;
            return Ok(Turn::Again);
        }
        match self.claim(hands, row, Goods { payload, short, spare }, repeat).await? {
            Claimed::Go(claim) => {
                self.house.store.count_claims(claim.claims);
                self.taken = Some(claim.channel.clone());
                self.send(hands, *claim).await;
                Ok(Turn::Again)
            }
            Claimed::Moved => Ok(Turn::Again),
            Claimed::Wait { until, why } => {
                tracing::debug!(channel.id = self.name(), why, "waits");
                // A later or more urgent post may fall due before that.
                let mut conn = self.house.store.read().await?;
                let next = post::next_work(&mut conn, self.name(), hands.now, hands.is_paused).await?;
                Ok(Turn::Idle(until.into_iter().chain(next).min()))
            }
        }
    }

    /// Why a post that a route let through must not go without a person: it was planned when the channel still accepted its
    /// platform's terms. What may be out already goes on: that is settled first.
    fn unapproved(&self, row: &PostRow) -> Option<&'static str> {
        let by_route = matches!(&row.post.state, PostState::Scheduled { approval, .. } if approval.by == Actor::Route);
        self.channel.account.must_approve().filter(|_| by_route && row.resends == 0)
    }

    /// What its story says against a post that is due is stronger than the queue: it is stopped, or put off.
    async fn stop(&self, row: PostRow, bar: Bar, now: Timestamp) -> Result<(), StoreError> {
        let job = crate::store::job(move |conn| {
            Box::pin(async move {
                match bar {
                    Bar::Standing(standing) => standing::stop(conn, &row, standing, now).await,
                    Bar::Embargo(until) => standing::put_off(conn, &row, (None, Some(until)), now).await,
                }
            })
        });
        self.house.store.write(job).await.map(drop)
    }

    /// Whether sending a post again that may be out already cannot show twice: its id is ours, or the platform still
    /// remembers its key for longer than the send may take.
    async fn harmless(&self, row: &PostRow, recovery: Recovery, now: Timestamp) -> Result<bool, StoreError> {
        match recovery {
            Recovery::OwnId => Ok(true),
            Recovery::Key { window } => {
                let mut conn = self.house.store.read().await?;
                let attempts = attempt::of(&mut conn, row.id()).await?;
                // The key is that of the part in doubt; those before it are out.
                let first = reconcile::in_doubt(&attempts, row.revision).map(|(_, _, first)| first);
                let lives = |begun: Timestamp| reconcile::key_lives(window, begun, now, self.house.scale);
                Ok(first.is_none_or(lives))
            }
            Recovery::Look | Recovery::Blind => Ok(false),
        }
    }

    /// While the breaker is open: one harmless call decides whether sends go on.
    async fn try_breaker(&mut self, hands: &Hands) -> Option<Turn> {
        let (failed, next) = self.breaker?;
        if still(next, hands.now, LONGEST) {
            return Some(Turn::Idle(Some(next)));
        }
        let answered = {
            let asked = call::whoami(&self.house, &self.channel, &self.context(hands)).await;
            !matches!(asked, Err(ConnectError::Unreachable(_)))
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

    /// A post that came back with a backup may be out already: one look-up decides, for each part of a thread.
    async fn verify(&mut self, hands: &Hands, row: PostRow, payload: &Payload, late: bool) -> Result<(), StoreError> {
        if self.channel.account.recovery(hands.identity.as_ref()) == Recovery::Blind {
            return self.hold(row, HoldReason::Restored, hands.now).await;
        }
        let mut conn = self.house.store.read().await?;
        let attempts = attempt::of(&mut conn, row.id()).await?;
        drop(conn);
        let since = row.post.created - reconcile::WINDOW;
        let mut done = claim::done_steps(&attempts, row.revision);
        let (mut found, mut newest) = (Vec::new(), None);
        let mut missing = None;
        for planned in payload.creates() {
            if done.contains_key(&planned.step) {
                continue;
            }
            let before = planned.step.n.checked_sub(1).and_then(|n| done.get(&Step { op: Op::Create, n }));
            let parent = before.and_then(claim::remote_id).map(str::to_owned);
            let sought = Sought {
                payload,
                step: planned.step,
                parent: parent.as_deref(),
                done: &done,
                begun: row.post.created,
                since,
            };
            match self.look(hands, row.id(), &sought).await {
                Ok((value, receipt)) => {
                    found.push(self.proved(&row, planned, value.clone(), hands.now));
                    done.insert(planned.step, value);
                    newest = Some(receipt);
                }
                Err(seen) => {
                    missing = Some(seen);
                    break;
                }
            }
        }
        let now = hands.now;
        let (next, why) = match (missing, newest) {
            (None, Some(newest)) => {
                let receipt = self.receipt_of(hands, payload, done, newest.clone()).await.unwrap_or(newest);
                let post = row.post.clone().publish(receipt).map_err(|e| StoreError::Conflict(e.to_string()))?;
                (PostRow { post, verify: false, ..row.clone() }, "restored from a backup, and found on the platform")
            }
            // Nothing is open any more: the next claim makes the receipt.
            (None, None) => (PostRow { verify: false, resends: 0, ..row.clone() }, "every part is out"),
            (Some(Seen::Absent), _) if late => {
                let begun = attempts.iter().map(|it| it.attempt.begun).max().unwrap_or(row.post.created);
                match reconcile::late_absence(row.looks, begun, now, self.house.scale) {
                    Some(again) => {
                        let mut next = PostRow { looks: row.looks + 1, ..row.clone() };
                        next.post.due = again;
                        (next, "not on the platform as far as it shows: looked for once more before it is sent again")
                    }
                    // How often it may be sent again goes on counting.
                    None => (PostRow { looks: PROVED_ABSENT, ..row.clone() }, "not on the platform"),
                }
            }
            (Some(Seen::Absent), _) => {
                let next = PostRow { verify: false, resends: 0, looks: 0, ..row.clone() };
                (
                    next,
                    if found.is_empty() { "not on the platform" } else { "partly on the platform: the rest follows" },
                )
            }
            (Some(Seen::Ambiguous(evidence)), _) => {
                return self.hold(row, HoldReason::Doubt { evidence }, now).await;
            }
            // Here `looks` counts absences alone: it is asked at an even pace, until the news is old.
            (Some(Seen::Nothing(_)), _) if late => {
                let mut next = row.clone();
                next.post.due = now + retry::look_again(LATE_PACE, self.house.scale);
                (next, "looked up without an answer")
            }
            (Some(Seen::Nothing(evidence)), _) if row.looks >= MOST_LOOKS => {
                return self.hold(row, HoldReason::Doubt { evidence }, now).await;
            }
            (Some(Seen::Nothing(_)), _) => {
                // Only this post waits: those behind it need no look-up.
                let n = u32::try_from(row.looks).unwrap_or(0);
                let mut next = PostRow { looks: row.looks + 1, ..row.clone() };
                next.post.due = now + retry::look_again(n, self.house.scale);
                (next, "looked up without an answer")
            }
        };
        let several = payload.creates().count() > 1;
        let bill = self.bill(hands, payload);
        let job = crate::store::job(move |conn| {
            Box::pin(async move {
                // What was found of a thread is noted step by step, so that the rest goes on from there.
                for proved in &found {
                    // What it cost was charged in the store that is lost.
                    if let Some(bill) = &bill {
                        bill.charge(conn, &proved.attempt.id, (row.id(), proved.attempt.step), now).await?;
                    }
                }
                for proved in found.iter().filter(|_| several) {
                    attempt::begin(conn, proved).await?;
                    if let Some(outcome) = &proved.attempt.outcome {
                        attempt::end(conn, &proved.attempt.id, now, outcome).await?;
                    }
                }
                post::put(conn, &row, &next, now, &Actor::Bugle, why).await.map(drop)
            })
        });
        self.house.store.write(job).await
    }

    /// The row of a step that a look-up proved done without an attempt in this store.
    fn proved(&self, row: &PostRow, planned: &Planned, value: Value, now: Timestamp) -> AttemptRow {
        let attempt = Attempt {
            id: AttemptId::fresh(),
            post: row.post.id.clone(),
            step: planned.step,
            revision: row.revision,
            fence: row.fence,
            begun: now,
            ended: Some(now),
            hash: hex(&sha2::Sha256::digest(&planned.body)),
            outcome: Some(Outcome::Done { value }),
        };
        AttemptRow { attempt, owner: self.house.worker.as_str().to_owned(), deadline: now, clock_ahead: None }
    }

    async fn claim(
        &mut self,
        hands: &Hands,
        row: PostRow,
        Goods { payload, short, spare }: Goods,
        repeat: bool,
    ) -> Result<Claimed, StoreError> {
        let wish = Wish {
            deadline: self.deadline(&payload),
            bill: self.bill(hands, &payload),
            budget: self.channel.budget,
            spare,
            row,
            payload,
            short,
            channel: self.name().to_owned(),
            scopes: self.channel.scopes(&hands.credential),
            policy: self.channel.policy.clone(),
            zone: self.house.zone.clone(),
            strict_order: self.channel.strict_order,
            worker: self.house.worker.clone(),
            now: hands.now,
            mono: self.house.clock.monotonic(),
            scale: self.house.scale,
            repeat,
            reachable: self.unreachable == 0,
            clock_ahead: self.clock_ahead(),
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

    /// What a payload's steps cost here.
    fn bill(&self, hands: &Hands, payload: &Payload) -> Option<Bill> {
        Bill::of(&self.house, &self.channel, &hands.credential, Some(payload))
    }

    fn clock_ahead(&self) -> Option<SignedDuration> {
        self.channel.account.server().and_then(|server| self.house.http.clock_ahead(server))
    }

    fn deadline(&self, payload: &Payload) -> Duration {
        let spec = self.channel.account.spec();
        let media = payload.steps.iter().any(|planned| !planned.step.op.is_visible());
        let whole = if media { spec.media_deadline } else { spec.deadline };
        whole.mul_f64(self.house.scale.max(0.05))
    }

    async fn send(&mut self, hands: &Hands, claim: Claim) {
        let mut book = Book::of_claim(&self.house, &claim, self.channel.account.server());
        let begun = self.house.clock.monotonic();
        let outcome = {
            let cx = self.context(hands);
            call::publish(&self.house, &self.channel, &cx, &claim.payload, &mut book).await
        };
        let (ended, step, partly_out) = book.close();
        let at = self.house.clock.now();
        let took = self.house.clock.monotonic().saturating_duration_since(begun);
        self.house.metrics.publish_took(self.channel.account.spec().id, took);
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
        let noted = self.noted(hands);
        self.pending = Some(Settlement { row: claim.row, ended, fate, still_closed: claim.still_closed, at, noted });
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
