//! A post of the channel in doubt: looked up, and what follows from it. The decisions are `reconcile`'s.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::super::book::{Ended, store_ended};
use super::super::reconcile::{self, Doubt, Move, Seen};
use super::super::{call, claim};
use super::{Hands, Lane};
use crate::model::channel::Block;
use crate::model::notice::{Level, Notice};
use crate::model::post::{Actor, HoldReason, PostState};
use crate::model::receipt::{Op, Outcome, Receipt, Step};
use crate::platform::{Journal, Lookup, Payload, PublishError, Sought, StepBook};
use crate::store::post::PostRow;
use crate::store::{StoreError, attempt, audit, channel, notice, post, spend};
use crate::telemetry::PostOutcome;

/// A step is sent again.
#[derive(Clone, Copy)]
struct Resend {
    /// Revision and step, where it proved not to be there: then nothing was paid for it.
    absent: Option<(u16, Step)>,
}

impl Lane {
    pub(super) async fn reconcile(&mut self, hands: &Hands) -> Result<bool, StoreError> {
        let mut conn = self.house.store.read().await?;
        let Some(row) = post::to_look_up(&mut conn, self.name(), hands.now).await? else { return Ok(false) };
        let attempts = attempt::of(&mut conn, row.id()).await?;
        drop(conn);
        let payload: Option<Payload> = row.payload.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let (Some((step, last, first_begun)), Some(payload)) = (reconcile::in_doubt(&attempts, row.revision), payload)
        else {
            // Every visible step is proved done, or none was begun: the next claim goes on from there.
            self.put_back(&row, hands.now, hands.now, "nothing of it is in doubt", None).await?;
            return Ok(true);
        };
        let doubt = Doubt {
            recovery: self.channel.account.recovery(hands.identity.as_ref()),
            on_uncertain: self.channel.on_uncertain,
            step,
            first_begun,
            begun: last.attempt.begun,
            since: match row.post.state {
                PostState::Uncertain { since, .. } => since,
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
        let mut absent = None;
        let moved = match doubt.next() {
            Move::Look => {
                let parent = parent_of(&attempts, row.revision, step.n);
                let since =
                    reconcile::shown_since(&attempts, row.revision, step).unwrap_or(doubt.begun - reconcile::WINDOW);
                let done = claim::done_steps(&attempts, row.revision);
                let sought = Sought {
                    payload: &payload,
                    step,
                    parent: parent.as_deref(),
                    done: &done,
                    begun: doubt.begun,
                    since,
                };
                match self.look(hands, row.id(), &sought).await {
                    Ok((value, receipt)) => {
                        let mut done = done;
                        done.insert(step, value.clone());
                        let receipt = match self.receipt_of(hands, &payload, done, receipt.clone()).await {
                            Some(whole) => whole,
                            None => of_thread(&attempts, row.revision, step.n, receipt),
                        };
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
                        if seen == Seen::Absent && matches!(moved, Move::Again(_)) {
                            absent = Some((row.revision, step));
                        }
                        moved
                    }
                }
            }
            other => other,
        };
        self.follow(row.id().to_owned(), moved, hands.now, absent).await?;
        Ok(true)
    }

    /// The receipt of a thread of which every step is done, made by the account out of what the steps noted; nothing is
    /// sent for it. `None` where it is no thread, or steps are open.
    pub(super) async fn receipt_of(
        &self,
        hands: &Hands,
        payload: &Payload,
        done: HashMap<Step, serde_json::Value>,
        found: Receipt,
    ) -> Option<Receipt> {
        if payload.creates().count() < 2 || !payload.steps.iter().all(|planned| done.contains_key(&planned.step)) {
            return None;
        }
        let mut book = Finished(done);
        let whole = self.channel.account.publish(&self.context(hands), payload, &mut Journal::new(&mut book)).await;
        whole.ok().map(|whole| Receipt { at: found.at, how: found.how, ..whole })
    }

    /// Asks the platform. Any answer also closes the breaker.
    pub(super) async fn look(
        &mut self,
        hands: &Hands,
        post: &str,
        sought: &Sought<'_>,
    ) -> Result<(serde_json::Value, Receipt), Seen> {
        let answer = call::find(&self.house, &self.channel, &self.context(hands), sought).await;
        if let Err(PublishError::Auth { said }) = &answer
            && let Err(error) = self.block(Block::Token { said: said.clone() }, hands.now).await
        {
            return Err(Seen::Nothing(error.to_string()));
        }
        if answer.is_ok() {
            self.breaker = None;
            self.unknowns = 0;
        }
        match answer {
            Ok(Lookup::Published { value, receipt }) => match self.taken(post, &receipt).await {
                Ok(false) => Ok((value, receipt)),
                Ok(true) => {
                    Err(Seen::Ambiguous("what was found there is another post of ours with this link".to_owned()))
                }
                Err(error) => Err(Seen::Nothing(error.to_string())),
            },
            Ok(Lookup::Absent) => Err(Seen::Absent),
            Ok(Lookup::CannotTell(why)) => Err(Seen::Ambiguous(why)),
            Err(error) => Err(Seen::Nothing(error.to_string())),
        }
    }

    /// Whether the found remote id is the receipt of another post already: an older one with the same link and text.
    async fn taken(&self, post: &str, receipt: &Receipt) -> Result<bool, StoreError> {
        let Some(id) = &receipt.remote_id else { return Ok(false) };
        let mut conn = self.house.store.read().await?;
        post::has_receipt(&mut conn, self.name(), post, id).await
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
                store_ended(conn, std::slice::from_ref(&ended), now).await?;
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
                audit::add(conn, now, &Actor::Bugle, "post", row.id(), (None, None), &why).await
            })
        });
        self.house.store.write(job).await
    }

    /// `absent`: the step that proved not to be there.
    async fn follow(
        &self,
        id: String,
        moved: Move,
        now: Timestamp,
        absent: Option<(u16, Step)>,
    ) -> Result<(), StoreError> {
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
            Move::Again(due) => {
                self.put_back(&row, due, now, "proved absent, or safe to repeat", Some(Resend { absent })).await
            }
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
        resend: Option<Resend>,
    ) -> Result<(), StoreError> {
        let row = row.clone();
        let post = row.post.clone().put_back(Some(why.to_owned())).map_err(|e| StoreError::Conflict(e.to_string()))?;
        let mut next = PostRow { post, next_look: None, ..row.clone() };
        if resend.is_some() {
            next.resends += 1;
            next.post.due = next.post.due.max(due);
        }
        let job = crate::store::job(move |conn| {
            Box::pin(async move {
                if let Some(step) = resend.and_then(|resend| resend.absent) {
                    spend::void_step(conn, row.id(), step, now).await?;
                }
                post::put(conn, &row, &next, now, &Actor::Bugle, why).await.map(drop)
            })
        });
        self.house.store.write(job).await
    }

    pub(super) async fn hold(&self, row: PostRow, why: HoldReason, now: Timestamp) -> Result<(), StoreError> {
        let post = row.post.clone().hold(why.clone(), now).map_err(|e| StoreError::Conflict(e.to_string()))?;
        // What it is held for carries the doubt from now on.
        let next = PostRow { post, verify: false, ..row.clone() };
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
}

/// A book in which every step is done: nothing can be begun with it.
struct Finished(HashMap<Step, serde_json::Value>);

#[async_trait]
impl StepBook for Finished {
    fn done(&self, step: Step) -> Option<serde_json::Value> {
        self.0.get(&step).cloned()
    }

    async fn begin(&mut self, _: Step, _: &str, _: Duration) -> Result<(), PublishError> {
        Err(PublishError::NotSent { said: "every step is done".to_owned() })
    }

    async fn record(&mut self, _: Step, _: &Result<serde_json::Value, PublishError>) {}
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
pub(super) fn parent_of(attempts: &[attempt::AttemptRow], revision: u16, n: u16) -> Option<String> {
    let before = n.checked_sub(1)?;
    let done = claim::done_steps(attempts, revision);
    claim::remote_id(done.get(&Step { op: Op::Create, n: before })?).map(str::to_owned)
}
