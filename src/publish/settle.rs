//! From a step's outcome to what becomes of the post: one exhaustive match, and the commit that stores it together with
//! everything that follows from it (pauses, blocks, notices). What follows a success can never lead back to a send.

use jiff::Timestamp;

use super::book::{Ended, store_ended};
use super::meter::Jotted;
use super::{claim, retry};
use crate::model::channel::{Block, Pause, PauseScope};
use crate::model::notice::{Level, Notice};
use crate::model::post::{Actor, FailReason, HoldReason, PostState};
use crate::model::receipt::{Op, Outcome, Receipt, Step};
use crate::platform::{PauseScopeKind, Payload, Planned, PublishError, picture};
use crate::store::post::PostRow;
use crate::store::{Conn, StoreError, attempt, channel, notice, pause, post};

/// What becomes of a post.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// It is out.
    Published(Receipt),
    /// It is certainly not out and keeps its place; the channel may have to wait or a person to act.
    Back {
        /// Why, for a person.
        why: String,
        /// The channel backs off by itself.
        backs_off: bool,
        /// A pause in force from now on.
        pause: Option<(PauseScope, Option<Timestamp>)>,
        /// The channel is blocked.
        block: Option<Block>,
    },
    /// It may be out: look it up.
    Uncertain {
        /// What was seen instead of an answer.
        said: String,
    },
    /// The platform refuses this content.
    Failed(FailReason),
    /// A person decides.
    Held(HoldReason),
}

/// What the match needs beside the outcome.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    /// The step that was tried last.
    pub step: Option<Step>,
    /// Whether a part of the post is out already.
    pub partly_out: bool,
    /// Now.
    pub now: Timestamp,
    /// `[timing] scale`.
    pub scale: f64,
    /// How a limit's reach becomes a scope.
    pub scope: &'a dyn Fn(PauseScopeKind) -> PauseScope,
}

/// The decision. Exhaustive: a new class of error does not compile until it is decided here.
pub fn decide(outcome: Result<Receipt, PublishError>, about: Circumstances<'_>) -> Fate {
    let error = match outcome {
        Ok(receipt) => return Fate::Published(receipt),
        Err(error) => error,
    };
    let why = error.to_string();
    let back = |block| Fate::Back { why: why.clone(), backs_off: false, pause: None, block };
    match error {
        PublishError::NotSent { .. } => Fate::Back { why, backs_off: true, pause: None, block: None },
        PublishError::RateLimited { until, scope, .. } => {
            let until = retry::rate_limit(until, about.now, about.scale);
            Fate::Back { why, backs_off: false, pause: Some(((about.scope)(scope), Some(until))), block: None }
        }
        PublishError::Auth { said } => back(Some(Block::Token { said })),
        PublishError::Forbidden { scope: PauseScopeKind::Channel, said } => back(Some(Block::Forbidden { said })),
        PublishError::Forbidden { scope, .. } => {
            Fate::Back { why, backs_off: false, pause: Some(((about.scope)(scope), None)), block: None }
        }
        PublishError::Gone { said } => back(Some(Block::Gone { said })),
        PublishError::Rejected { said, .. } if about.partly_out => Fate::Held(HoldReason::PartlyOut { said }),
        PublishError::Rejected { reason, said } => Fate::Failed(FailReason { rejection: reason, said }),
        // The doubt belongs to the step: an upload or a sign-in that got lost is invisible and simply made again.
        PublishError::Unknown { .. } if about.step.is_none_or(|step| !step.op.is_visible()) => {
            Fate::Back { why, backs_off: true, pause: None, block: None }
        }
        PublishError::Unknown { said } | PublishError::Duplicate { said } => Fate::Uncertain { said },
    }
}

/// A fate on its way into the store.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The post as it was claimed.
    pub row: PostRow,
    /// Outcomes of steps not stored yet.
    pub ended: Vec<Ended>,
    /// What becomes of it.
    pub fate: Fate,
    /// The channel counts as closed until this post is out.
    pub still_closed: bool,
    /// When it was known.
    pub at: Timestamp,
    /// What the platform said of its limits meanwhile, and what reading cost.
    pub noted: Jotted,
}

/// Stores it, in one transaction with all that follows.
///
/// # Errors
/// [`StoreError::Conflict`] where the lease was lost: then [`write_late`] is to be called.
pub async fn write(conn: &mut Conn, it: &Settlement) -> Result<(), StoreError> {
    let twice = store_ended(conn, &it.ended, it.at).await?;
    it.noted.keep(conn, it.at).await?;
    let mut why = explain(&it.fate);
    if let (Fate::Published(_), Some(said)) = (&it.fate, without_picture(conn, it).await?) {
        why = format!("{why}; {said}");
    }
    let mut next = apply(&it.row, &it.fate, it.at)?;
    // What readers see a part of counts for the pace.
    if next.sent.is_none() && claim::partly_out(conn, &it.row).await? {
        next.sent = it.row.sent;
    }
    post::put(conn, &it.row, &next, it.at, &Actor::Bugle, &why).await?;
    let name = it.row.post.channel.as_str();
    match &it.fate {
        Fate::Published(_) if it.still_closed => channel::set_closed(conn, name, None).await?,
        Fate::Published(_) => {}
        Fate::Back { backs_off, pause, block, .. } => {
            if *backs_off || pause.is_some() || block.is_some() {
                channel::set_closed(conn, name, Some(it.at)).await?;
            }
            if let Some((scope, until)) = pause {
                let by = "the platform".to_owned();
                let pause = Pause { scope: scope.clone(), until: *until, why: why.clone(), by, since: it.at };
                pause::put(conn, &pause).await?;
            }
            if let Some(block) = block {
                channel::set_blocked(conn, name, Some(block), it.at).await?;
            }
        }
        Fate::Uncertain { .. } | Fate::Failed(_) | Fate::Held(_) => {}
    }
    if let Some(notice) = noteworthy(name, it.row.id(), &it.fate) {
        notice::raise(conn, &notice, it.at).await?;
    }
    if twice { stop(conn, it).await } else { Ok(()) }
}

/// Why the post went out without a picture it was meant to have.
async fn without_picture(conn: &mut Conn, it: &Settlement) -> Result<Option<String>, StoreError> {
    let payload = it.row.payload.as_deref().and_then(|text| serde_json::from_str::<Payload>(text).ok());
    let is_picture = |planned: &&Planned| picture::Planned::read(&planned.body).is_ok();
    let planned = payload.map_or(0, |payload| payload.uploads().filter(is_picture).count());
    if planned == 0 {
        // One that is named in the message itself is refused with it.
        let said = it.ended.iter().find_map(|end| match &end.outcome {
            Outcome::Done { value } => value.get(picture::WITHOUT)?.as_str(),
            Outcome::Not { .. } | Outcome::Unknown { .. } => None,
        });
        return Ok(said.map(|said| format!("without its picture: {said}")));
    }
    let attempts = attempt::of(conn, it.row.id()).await?;
    let (mut missing, mut refused) = (Vec::new(), None);
    for row in attempts.iter().filter(|row| row.attempt.revision == it.row.revision) {
        let Some(Outcome::Done { value }) = &row.attempt.outcome else { continue };
        if row.attempt.step.op == Op::Upload {
            missing.extend(picture::missing(value));
        } else if refused.is_none() {
            refused = value.get(picture::WITHOUT).and_then(|why| why.as_str());
        }
    }
    Ok(match (refused, missing.as_slice()) {
        (Some(said), _) => Some(format!("without its picture: {said}")),
        (None, []) => None,
        (None, [said, ..]) if planned == 1 => Some(format!("without its picture: {said}")),
        (None, [said, ..]) => Some(format!("without {} of its pictures: {said}", missing.len())),
    })
}

/// An invariant that stays watched in production: no step of a revision succeeds twice. Where one did, this is a bug that
/// readers can see: the channel stops until a person has looked.
async fn stop(conn: &mut Conn, it: &Settlement) -> Result<(), StoreError> {
    let what = format!("a step of post {} succeeded twice", it.row.id());
    let name = it.row.post.channel.as_str();
    let block = Block::Alarm { what };
    channel::set_blocked(conn, name, Some(&block), it.at).await?;
    let text = format!("channel {name} is stopped: {block}. Look at the post there, then: bugle resume {name}");
    notice::raise(conn, &Notice::new(Level::Alarm, format!("channel.{name}.blocked"), text), it.at).await.map(drop)
}

/// Stores an outcome whose lease was lost: it is added to the attempt, and a success turns whatever the post is now into
/// `published`; nothing else.
///
/// # Errors
/// The database's.
pub async fn write_late(conn: &mut Conn, it: &Settlement) -> Result<(), StoreError> {
    store_ended(conn, &it.ended, it.at).await?;
    it.noted.keep(conn, it.at).await?;
    let Fate::Published(receipt) = &it.fate else { return Ok(()) };
    let Some(row) = post::one(conn, it.row.id()).await? else { return Ok(()) };
    let Ok(published) = row.post.clone().publish(receipt.clone()) else { return Ok(()) };
    let next = PostRow { post: published, ..row.clone() };
    post::put(conn, &row, &next, it.at, &Actor::Bugle, "a late success").await?;
    let notice = Notice::new(
        Level::Warn,
        format!("post.{}.late", row.id()),
        format!("post {} was {} when its success became known: it is published", row.id(), row.post.state.word()),
    );
    notice::raise(conn, &notice, it.at).await?;
    Ok(())
}

fn apply(row: &PostRow, fate: &Fate, at: Timestamp) -> Result<PostRow, StoreError> {
    let post = row.post.clone();
    let post = match fate {
        Fate::Published(receipt) => post.publish(receipt.clone()),
        Fate::Back { why, .. } => post.put_back(Some(why.clone())),
        Fate::Uncertain { .. } => post.doubt(at),
        Fate::Failed(reason) => post.fail(reason.clone(), at),
        Fate::Held(why) => post.hold(why.clone(), at),
    }
    .map_err(|e| StoreError::Conflict(e.to_string()))?;
    let mut next = PostRow { post, ..row.clone() };
    match fate {
        // It was certainly not sent: pace and caps must not count it.
        Fate::Back { .. } | Fate::Failed(_) => next.sent = None,
        Fate::Uncertain { .. } => {
            next.looks = 0;
            next.next_look = Some(at);
        }
        Fate::Published(_) => next.verify = false,
        Fate::Held(_) => {}
    }
    if matches!(next.post.state, PostState::Uncertain { .. } | PostState::Failed { .. }) {
        next.post.attempts = next.post.attempts.saturating_add(1);
    }
    Ok(next)
}

/// The sentence of the audit log.
fn explain(fate: &Fate) -> String {
    match fate {
        Fate::Published(receipt) => match &receipt.url {
            Some(url) => format!("published: {url}"),
            None => "published".to_owned(),
        },
        Fate::Back { why, .. } => why.clone(),
        Fate::Uncertain { said } => format!("sent, no clear answer: {said}"),
        Fate::Failed(reason) => format!("refused: {}", reason.said),
        Fate::Held(why) => why.to_string(),
    }
}

/// What a person is told of a blocked channel, with the way out.
pub fn blocked(channel: &str, block: &Block) -> Notice {
    let text = match block {
        Block::Token { .. } => format!("channel {channel} is blocked: {block}: bugle connect {channel}"),
        Block::OtherAccount { .. } => format!(
            "channel {channel} is blocked: {block}. Sign in as the first one: bugle connect {channel}; or let it belong \
             to the other from now on: bugle resume {channel} --new-account"
        ),
        // These end by themselves once their cause is gone.
        Block::MissingSecret { .. } | Block::NotInConfig => format!("channel {channel} is blocked: {block}"),
        Block::Forbidden { .. } | Block::Gone { .. } | Block::Alarm { .. } => {
            format!("channel {channel} is blocked: {block}. Then: bugle resume {channel}")
        }
    };
    Notice::new(Level::Alarm, format!("channel.{channel}.blocked"), text)
}

fn noteworthy(channel: &str, post: &str, fate: &Fate) -> Option<Notice> {
    match fate {
        Fate::Back { block: Some(block), .. } => Some(blocked(channel, block)),
        Fate::Back { pause: Some((scope, None)), why, .. } => Some(Notice::new(
            Level::Alarm,
            format!("pause.{}", scope.key()),
            format!("channel {channel} and all that share its account are paused until a person resumes: {why}"),
        )),
        Fate::Failed(reason) => Some(Notice::new(
            Level::Warn,
            format!("post.{post}.failed"),
            format!("the platform refuses post {post} on {channel}: {}. Edit it or skip it", reason.said),
        )),
        Fate::Held(why) => Some(Notice::new(
            Level::Warn,
            format!("post.{post}.held"),
            format!("post {post} on {channel} waits for a person: {why}"),
        )),
        Fate::Published(_) | Fate::Back { .. } | Fate::Uncertain { .. } => None,
    }
}
