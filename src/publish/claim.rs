//! Taking a due post: one transaction that takes the channel's row, checks everything that may forbid the send, freezes
//! the payload and stores that the first step is begun. A [`Claim`] exists only after that commit.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sha2::Digest as _;

use super::money::{Afford, Bill, Spare, afford, tell};
use crate::model::channel::PauseScope;
use crate::model::id::{AttemptId, WorkerId};
use crate::model::post::{Actor, HoldReason, Lease, PostState, SkipReason, Urgency};
use crate::model::receipt::{Attempt, Outcome, Step};
use crate::platform::Payload;
use crate::schedule::budget::Budget;
use crate::schedule::{Decision, Facts, Policy, decide, limits};
use crate::store::attempt::{self, AttemptRow};
use crate::store::channel::ChannelRow;
use crate::store::post::PostRow;
use crate::store::short_link::Link;
use crate::store::{Conn, StoreError, channel, limit, pause, post, short_link};
use crate::text::plain::hex;

/// The right to send one post: its row under a lease, the frozen payload and the committed attempt. Only this module
/// makes one.
#[derive(Debug)]
pub struct Claim {
    pub(super) row: PostRow,
    pub(super) payload: Payload,
    /// `None` where every step is done already and only the receipt is missing.
    pub(super) begun: Option<Begun>,
    pub(super) done: HashMap<Step, Value>,
    pub(super) lease_until: Instant,
    /// The channel counts as closed until this post is out.
    pub(super) still_closed: bool,
    /// What its steps cost.
    pub(super) bill: Option<Bill>,
    /// The channel's row as it was taken.
    pub(super) channel: ChannelRow,
    /// How often any channel was taken so far.
    pub(super) claims: u64,
}

/// An attempt that is committed as begun.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    pub id: AttemptId,
    pub step: Step,
}

/// What a claim needs to know, all of it read before the transaction opens.
#[derive(Clone)]
pub struct Wish {
    /// The post as it was read; somebody else's change since then refuses the claim.
    pub row: PostRow,
    /// What would be sent.
    pub payload: Payload,
    /// The short link it carries, where it was made just now.
    pub short: Option<Link>,
    /// The channel.
    pub channel: String,
    /// Which pauses concern it.
    pub scopes: Vec<PauseScope>,
    /// When it may post.
    pub policy: Arc<Policy>,
    /// The newsroom's zone.
    pub zone: TimeZone,
    /// Whether a post in doubt holds up those behind it.
    pub strict_order: bool,
    /// This process.
    pub worker: WorkerId,
    /// Now, on both clocks.
    pub now: Timestamp,
    /// Now, on the clock that never goes back.
    pub mono: Instant,
    /// The longest a step of this payload may take.
    pub deadline: std::time::Duration,
    /// `[timing] scale`.
    pub scale: f64,
    /// A harmless repeat of what was sent without an answer: it was counted by pace and slots when it was sent first.
    pub repeat: bool,
    /// The platform answered when it was last asked.
    pub reachable: bool,
    /// How far its clock is ahead of ours, where that is known.
    pub clock_ahead: Option<SignedDuration>,
    /// What the payload's steps cost.
    pub bill: Option<Bill>,
    /// The channel's caps of money.
    pub budget: Option<Budget>,
    /// What is sent instead where they no longer pay for the link.
    pub spare: Option<Box<Spare>>,
}

/// What became of a wish.
#[derive(Debug)]
pub enum Claimed {
    /// Send it.
    Go(Box<Claim>),
    /// Not now; ask again then, or (`None`) when something changes.
    Wait {
        /// When.
        until: Option<Timestamp>,
        /// Why, for a person.
        why: String,
    },
    /// The post went another way meanwhile, or was held here: look at the queue again.
    Moved,
}

/// How long a lease lasts in which so many visible steps are taken: three deadlines for the first and what it needs, one
/// more for each further part of a thread. Source: reliability.md section 1, step 6.
pub fn lease(deadline: std::time::Duration, parts: usize, scale: f64) -> std::time::Duration {
    let further = u32::try_from(parts.saturating_sub(1)).unwrap_or(u32::MAX);
    deadline.saturating_mul(further.saturating_add(3)) + std::time::Duration::from_secs_f64((15.0 * scale).max(0.5))
}

/// The lateness, through its channel's fault, after which a post is stale. Source: reliability.md section 1.
const STALE_HOURS: i64 = 2;

/// Runs inside the one writer's transaction.
///
/// # Errors
/// The database's.
pub async fn take(conn: &mut Conn, mut wish: Wish) -> Result<Claimed, StoreError> {
    let wait = |until, why: &str| Ok(Claimed::Wait { until, why: why.to_owned() });
    let Some(row) = channel::take(conn, &wish.channel).await? else {
        return wait(None, "the channel is not in the store");
    };
    crate::crash::point("claimed");
    let gate = channel::gate(conn, &wish.channel).await?;
    if gate.leader.is_some_and(|leader| leader != wish.worker.as_str()) {
        return Err(StoreError::Conflict("another process publishes from this store now".to_owned()));
    }
    if let Some(block) = row.blocked {
        return wait(None, &format!("blocked: {block}"));
    }
    let pauses = if gate.pauses > 0 { pause::all(conn).await? } else { Vec::new() };
    for pause in pauses {
        if wish.scopes.contains(&pause.scope) && pause.until.is_none_or(|until| until > wish.now) {
            channel::set_closed(conn, &wish.channel, Some(wish.now)).await?;
            return wait(pause.until, &format!("paused by {}: {}", pause.by, pause.why));
        }
    }
    if gate.publishing > 0 {
        return wait(Some(wish.now + SignedDuration::from_secs(1)), "another post of the channel is on its way");
    }
    if wish.strict_order && gate.uncertain > 0 {
        return wait(None, "strict_order: an uncertain post comes first");
    }
    if let Some(since) = row.closed_since
        && hold_stale(conn, &wish.channel, since, wish.now, wish.scale).await? > 0
    {
        return Ok(Claimed::Moved);
    }
    if wish.row.post.expires.is_some_and(|expires| expires <= wish.now) && !partly_out(conn, &wish.row).await? {
        return let_expire(conn, &wish).await;
    }
    let sent = if wish.policy.counts() {
        post::sent_since(conn, &wish.channel, wish.now - SignedDuration::from_hours(25)).await?
    } else {
        Vec::new()
    };
    let facts = Facts {
        now: wish.now,
        zone: &wish.zone,
        urgency: wish.row.post.urgency,
        ready: wish.row.post.due,
        last_slot: row.last_slot,
        sent: &sent,
    };
    let slot = match decide(&wish.policy, &facts) {
        Decision::Go { slot } => slot,
        Decision::Wait { .. } if wish.repeat => None,
        Decision::Wait { until, why } => {
            // What waits for its slot or for the morning is not late through the channel's fault.
            channel::set_closed(conn, &wish.channel, None).await?;
            return wait(Some(until), &why);
        }
    };
    let tight = if gate.limits > 0 { limit::tight(conn).await? } else { Vec::new() };
    let tight: Vec<_> = tight.into_iter().filter(|said| wish.scopes.contains(&said.scope)).collect();
    let calls = wish.payload.creates().count() as u64;
    let breaking = wish.row.post.urgency == Urgency::Breaking;
    if let Some((until, why)) = limits::wait(&tight, calls, breaking, wish.now) {
        return wait(Some(until), &why);
    }
    // Their answers will say what is left after them.
    let others = if tight.is_empty() { 0 } else { channel::flying(conn, &row).await? };
    if others > 0 && limits::wait(&tight, calls + others, true, wish.now).is_some() {
        let why = "the last calls of a limit are taken by posts on their way";
        return wait(Some(wish.now + SignedDuration::from_secs(1)), why);
    }
    if wish.reachable && row.closed_since.is_some() {
        channel::set_closed(conn, &wish.channel, None).await?;
    }
    if !approves(&wish.row, &wish.payload) {
        return hold(conn, &wish, HoldReason::ChangedSinceApproved, "changed since it was approved").await;
    }
    match afford(conn, &wish).await? {
        Afford::Yes => {}
        Afford::Spare(spare, over) if approves(&wish.row, &spare.payload) => {
            tell(conn, &wish, &over, false).await?;
            wish = Wish { payload: spare.payload, bill: Some(spare.bill), short: None, spare: None, ..wish };
        }
        Afford::Spare(_, over) | Afford::No(over) => {
            tell(conn, &wish, &over, true).await?;
            let said = over.to_string();
            let why = match partly_out(conn, &wish.row).await? {
                true => HoldReason::PartlyOut { said: format!("over the budget: {said}") },
                false => HoldReason::Budget { said },
            };
            return hold(conn, &wish, why, "over the budget").await;
        }
    }
    if let Some(link) = &wish.short
        && !short_link::put(conn, link, wish.now).await?
    {
        let why = HoldReason::Unfit { why: format!("the short link {} is another post's already", link.id) };
        return hold(conn, &wish, why, "its short link is taken").await;
    }
    let name = wish.channel.clone();
    let still_closed = row.closed_since.is_some() && !wish.reachable;
    let claims = u64::try_from(gate.claims).unwrap_or(0);
    let claimed = freeze(conn, wish, row, still_closed, claims).await?;
    if matches!(claimed, Claimed::Go(_)) {
        if let Some(slot) = slot {
            channel::set_slot(conn, &name, slot).await?;
        }
        for said in &tight {
            limit::take(conn, said, calls).await?;
        }
    }
    Ok(claimed)
}

/// Whether the right to send the post covers that payload.
fn approves(row: &PostRow, payload: &Payload) -> bool {
    let PostState::Scheduled { approval, .. } = &row.post.state else { return true };
    approval.payload.as_ref().is_none_or(|approved| *approved == payload.seen_hash())
}

/// Leaves it to a person, unless somebody did something else with it meanwhile.
async fn hold(conn: &mut Conn, wish: &Wish, why: HoldReason, said: &str) -> Result<Claimed, StoreError> {
    let next = PostRow { post: held(&wish.row, why, wish.now)?, ..wish.row.clone() };
    match post::put(conn, &wish.row, &next, wish.now, &Actor::Bugle, said).await {
        Ok(_) | Err(StoreError::Conflict(_)) => Ok(Claimed::Moved),
        Err(error) => Err(error),
    }
}

/// Late news is not sent; what may be out already from an earlier send is a person's to judge.
async fn let_expire(conn: &mut Conn, wish: &Wish) -> Result<Claimed, StoreError> {
    if let Some(row) = post::one(conn, wish.row.id()).await?.filter(|row| *row == wish.row) {
        expire(conn, &row, wish.now).await?;
    }
    Ok(Claimed::Moved)
}

/// Skips a scheduled post that has outlived its class of news, or holds it where it may be out.
///
/// # Errors
/// The database's.
pub async fn expire(conn: &mut Conn, row: &PostRow, now: Timestamp) -> Result<(), StoreError> {
    // What is partly out is finished, however late: the next claim does it.
    if partly_out(conn, row).await? {
        return Ok(());
    }
    let (post, why) = if row.resends > 0 {
        let why =
            HoldReason::Doubt { evidence: "it was sent without a clear answer, and its news is old by now".into() };
        (row.post.clone().hold(why, now), "in doubt, and old news by now")
    } else {
        (row.post.clone().skip(SkipReason::Expired, now), "older than its class of news allows")
    };
    let post = post.map_err(|e| StoreError::Conflict(e.to_string()))?;
    let next = PostRow { post, ..row.clone() };
    post::put(conn, row, &next, now, &Actor::Bugle, why).await.map(drop)
}

async fn freeze(
    conn: &mut Conn,
    wish: Wish,
    channel: ChannelRow,
    still_closed: bool,
    claims: u64,
) -> Result<Claimed, StoreError> {
    let (current, fence) = (wish.row, channel.fence);
    // The first picture is in the first part's share, each further one takes as long as a part.
    let steps = wish.payload.creates().count() + wish.payload.uploads().count().saturating_sub(1);
    let lasts = lease(wish.deadline, steps, wish.scale);
    let until = wish.now + SignedDuration::try_from(lasts).unwrap_or(SignedDuration::from_mins(15));
    let lease = Lease { owner: wish.worker.clone(), fence, until };
    let next = PostRow {
        post: current.post.clone().claim(lease).map_err(|e| StoreError::Conflict(e.to_string()))?,
        fence,
        payload: Some(crate::store::to_json(&wish.payload)),
        payload_hash: Some(wish.payload.hash()),
        revision: wish.payload.revision,
        sent: Some(wish.now),
        looks: 0,
        next_look: None,
        ..current.clone()
    };
    // Only over the row as it was read: whatever anybody did to the post since then refuses the claim.
    let row = match post::put(conn, &current, &next, wish.now, &Actor::Bugle, "claimed").await {
        Ok(row) => row,
        Err(StoreError::Conflict(_)) => return Ok(Claimed::Moved),
        Err(error) => return Err(error),
    };
    crate::crash::point("frozen");
    // A row that nobody wrote to since it was made has no attempts to look for.
    let earlier = if current.version > 1 { attempt::of(conn, row.id()).await? } else { Vec::new() };
    let done = done_steps(&earlier, row.revision);
    let open = wish.payload.steps.iter().find(|planned| !done.contains_key(&planned.step));
    let mut begun = None;
    if let Some(open) = open {
        let id = AttemptId::fresh();
        let attempt = Attempt {
            id: id.clone(),
            post: row.post.id.clone(),
            step: open.step,
            revision: row.revision,
            fence,
            begun: wish.now,
            ended: None,
            hash: hex(&sha2::Sha256::digest(&open.body)),
            outcome: None,
        };
        let deadline = wish.now + SignedDuration::try_from(wish.deadline).unwrap_or(SignedDuration::from_mins(2));
        let owner = wish.worker.as_str().to_owned();
        attempt::begin(conn, &AttemptRow { attempt, owner, deadline, clock_ahead: wish.clock_ahead }).await?;
        if let Some(bill) = &wish.bill {
            bill.charge(conn, &id, (row.id(), open.step), wish.now).await?;
        }
        begun = Some(Begun { id, step: open.step });
    }
    let lease_until = wish.mono + lasts;
    Ok(Claimed::Go(Box::new(Claim {
        row,
        payload: wish.payload,
        begun,
        done,
        lease_until,
        still_closed,
        bill: wish.bill,
        channel,
        claims,
    })))
}

/// Whether a part of it is visible already: then it is finished, however late.
pub(super) async fn partly_out(conn: &mut Conn, row: &PostRow) -> Result<bool, StoreError> {
    let done = done_steps(&attempt::of(conn, row.id()).await?, row.revision);
    Ok(done.keys().any(|step| step.op.is_visible()))
}

/// The remote id in what a step noted of its answer.
pub fn remote_id(value: &Value) -> Option<&str> {
    value.get("id").or_else(|| value.get("uri")).and_then(Value::as_str)
}

/// The steps of a revision that are done, and what each gave.
pub fn done_steps(attempts: &[AttemptRow], revision: u16) -> HashMap<Step, Value> {
    let mut done = HashMap::new();
    for row in attempts.iter().filter(|row| row.attempt.revision == revision) {
        if let Some(Outcome::Done { value }) = &row.attempt.outcome {
            done.insert(row.attempt.step, value.clone());
        }
    }
    done
}

fn held(row: &PostRow, why: HoldReason, now: Timestamp) -> Result<crate::model::post::Post, StoreError> {
    row.post.clone().hold(why, now).map_err(|e| StoreError::Conflict(e.to_string()))
}

/// How late a post may be through its channel's fault and still go out unasked.
pub(super) fn stale_after(scale: f64) -> SignedDuration {
    #[expect(clippy::cast_precision_loss, reason = "two hours")]
    let seconds = (STALE_HOURS * 3600) as f64;
    super::retry::scaled(seconds, scale)
}

/// Holds the channel's posts that its closing made more than two hours late. Returns how many.
///
/// # Errors
/// The database's.
pub async fn hold_stale(
    conn: &mut Conn,
    channel: &str,
    closed_since: Timestamp,
    now: Timestamp,
    scale: f64,
) -> Result<usize, StoreError> {
    let before = now - stale_after(scale);
    if closed_since > before {
        return Ok(0);
    }
    let overdue = post::overdue(conn, channel, before).await?;
    for row in &overdue {
        let why = match row.resends {
            0 if partly_out(conn, row).await? => {
                HoldReason::PartlyOut { said: "its channel was closed before its other parts went out".to_owned() }
            }
            0 => HoldReason::Stale,
            _ => HoldReason::Doubt {
                evidence: "it was sent without a clear answer before its channel closed".to_owned(),
            },
        };
        let next = PostRow { post: held(row, why, now)?, ..row.clone() };
        post::put(conn, row, &next, now, &Actor::Bugle, "its channel was closed for more than two hours").await?;
    }
    if !overdue.is_empty() {
        let text = format!(
            "{} posts of channel {channel} became stale while it could not post; decide with \
             `bugle resume {channel} --release all|none|newest N`",
            overdue.len()
        );
        let notice = crate::model::notice::Notice::new(
            crate::model::notice::Level::Warn,
            format!("channel.{channel}.stale"),
            text,
        );
        crate::store::notice::raise(conn, &notice, now).await?;
    }
    Ok(overdue.len())
}
