//! The journal's book over the store: what an adapter's steps are written into. The first step of a claim is committed
//! as begun with the claim; the last step's outcome is kept for the commit that stores the post's new state.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::SignedDuration;
use serde_json::Value;
use url::Url;

use super::House;
use super::claim::{Begun, Claim};
use super::money::Bill;
use crate::model::id::{AttemptId, PostId};
use crate::model::receipt::{Attempt, Op, Outcome, Step};
use crate::platform::{PublishError, StepBook, picture};
use crate::store::attempt::{self, AttemptRow};
use crate::store::{Conn, spend};

/// An attempt's outcome on its way into the store.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The attempt.
    pub id: AttemptId,
    /// Its step.
    pub step: Step,
    /// How it ended.
    pub outcome: Outcome,
}

/// The book of one claim, or of one amend.
pub struct Book<'a> {
    house: &'a House,
    post: PostId,
    revision: u16,
    fence: i64,
    done: HashMap<Step, Value>,
    begun: Option<Begun>,
    pending: Vec<Ended>,
    lease_until: Instant,
    last: Option<Step>,
    /// The server whose clock dates what is sent.
    server: Option<&'a Url>,
    /// What its steps cost.
    bill: Option<Bill>,
}

impl<'a> Book<'a> {
    /// The book of a claim: its first step is begun already.
    pub fn of_claim(house: &'a House, claim: &Claim, server: Option<&'a Url>) -> Self {
        Self {
            house,
            server,
            post: claim.row.post.id.clone(),
            revision: claim.row.revision,
            fence: claim.row.fence,
            done: claim.done.clone(),
            begun: claim.begun.clone(),
            pending: Vec::new(),
            lease_until: claim.lease_until,
            last: None,
            bill: claim.bill.clone(),
        }
    }

    /// The book of a change to a post that is out: every step is begun on its own.
    pub fn of_amend(house: &'a House, post: &PostId, lease: Duration, bill: Option<Bill>) -> Self {
        Self {
            house,
            // A change is never looked up.
            server: None,
            post: post.clone(),
            revision: u16::MAX,
            fence: 0,
            done: HashMap::new(),
            begun: None,
            pending: Vec::new(),
            lease_until: house.clock.monotonic() + lease,
            last: None,
            bill,
        }
    }

    /// The outcomes not stored yet, the step that was tried last, and whether a part is visible.
    pub fn close(self) -> (Vec<Ended>, Option<Step>, bool) {
        let visible = self.done.keys().any(|step| step.op.is_visible());
        // A step begun with the claim and never sent (the adapter failed before it): certainly not done.
        let mut ended = self.pending;
        if let Some(begun) = self.begun {
            let outcome = Outcome::Not { class: "not_sent".to_owned(), said: "the step was not reached".to_owned() };
            ended.push(Ended { id: begun.id, step: begun.step, outcome });
        }
        (ended, self.last, visible)
    }
}

/// Stores outcomes. Returns whether a visible step is done twice now, which never may be.
///
/// # Errors
/// The database's.
pub async fn store_ended(
    conn: &mut Conn,
    ended: &[Ended],
    now: jiff::Timestamp,
) -> Result<bool, crate::store::StoreError> {
    let mut twice = false;
    for end in ended {
        let others = attempt::end(conn, &end.id, now, &end.outcome).await?;
        if cost_nothing(end) {
            spend::void(conn, end.id.as_str(), now).await?;
        } else if matches!(end.outcome, Outcome::Done { .. }) {
            spend::settle(conn, end.id.as_str(), now).await?;
        }
        twice |= others > 0 && end.step.op == Op::Create && matches!(end.outcome, Outcome::Done { .. });
    }
    Ok(twice)
}

/// Whether what was begun certainly made nothing that is paid for.
fn cost_nothing(end: &Ended) -> bool {
    match &end.outcome {
        Outcome::Not { .. } => true,
        Outcome::Done { value } => end.step.op == Op::Upload && picture::missing(value).is_some(),
        Outcome::Unknown { .. } => false,
    }
}

#[async_trait]
impl StepBook for Book<'_> {
    fn done(&self, step: Step) -> Option<Value> {
        self.done.get(&step).cloned()
    }

    async fn begin(&mut self, step: Step, hash: &str, deadline: Duration) -> Result<(), PublishError> {
        let not_sent = |said: String| PublishError::NotSent { said };
        if !self.begun.as_ref().is_some_and(|begun| begun.step == step) {
            let now = self.house.clock.now();
            let id = AttemptId::fresh();
            let row = AttemptRow {
                attempt: Attempt {
                    id: id.clone(),
                    post: self.post.clone(),
                    step,
                    revision: self.revision,
                    fence: self.fence,
                    begun: now,
                    ended: None,
                    hash: hash.to_owned(),
                    outcome: None,
                },
                owner: self.house.worker.as_str().to_owned(),
                deadline: now + SignedDuration::try_from(deadline).unwrap_or(SignedDuration::from_mins(2)),
                clock_ahead: self.server.and_then(|server| self.house.http.clock_ahead(server)),
            };
            let mut ended = std::mem::take(&mut self.pending);
            ended.extend(self.begun.take().map(|begun| Ended {
                id: begun.id,
                step: begun.step,
                outcome: Outcome::Not { class: "not_sent".to_owned(), said: "another step came first".to_owned() },
            }));
            let kept = ended.clone();
            let bill = self.bill.clone();
            let job = crate::store::job(move |conn| {
                Box::pin(async move {
                    store_ended(conn, &ended, now).await?;
                    attempt::begin(conn, &row).await?;
                    match bill {
                        Some(bill) => {
                            let of = (row.attempt.post.as_str(), row.attempt.step);
                            bill.charge(conn, &row.attempt.id, of, now).await
                        }
                        None => Ok(()),
                    }
                })
            });
            if let Err(e) = self.house.store.write(job).await {
                self.pending = kept;
                return Err(not_sent(format!("the intent could not be stored: {e}")));
            }
            self.begun = Some(Begun { id, step });
        }
        let left = self.lease_until.saturating_duration_since(self.house.clock.monotonic());
        if left < deadline {
            return Err(not_sent(format!("the lease has {} ms left, the step may take longer", left.as_millis())));
        }
        crate::crash::point("begun");
        Ok(())
    }

    async fn record(&mut self, step: Step, outcome: &Result<Value, PublishError>) {
        crate::crash::point("answered");
        self.last = Some(step);
        let Some(begun) = self.begun.take() else { return };
        let outcome = match outcome {
            Ok(value) => {
                self.done.insert(step, value.clone());
                Outcome::Done { value: value.clone() }
            }
            Err(PublishError::Unknown { said }) => Outcome::Unknown { said: said.clone() },
            Err(e) => Outcome::Not { class: e.class().to_owned(), said: e.to_string() },
        };
        self.pending.push(Ended { id: begun.id, step, outcome });
    }
}
