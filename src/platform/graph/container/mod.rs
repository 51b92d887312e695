//! The two steps of Instagram and Threads: a container is made (an `Upload`: nobody sees it), then published (the
//! `Create`). One container gives at most one post, so it is the id we chose: after a lost answer its status says whether
//! it was published, and publishing the same one again cannot show twice.
//!
//! A container that certainly never becomes a post (expired after 24 h, failed, not found again and again) makes room
//! for another of the same content; one whose publication may have been asked for before, only after two looks at the own
//! list, a minute apart. Each is a journal step of its own: the planned number plus `NEXT` for each that
//! came before, so the first stays on record and the newest is the one that counts.
//!
//! What differs between the two is the data of [`Dialect`]; how a container is made is in `make`, the look-up in `find`.

mod find;
mod frozen;
mod looks;
mod make;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use self::frozen::{Frozen, Visible};
pub use self::frozen::{Part, steps};
use self::looks::{LOOK_AGAIN, Looks, looks};
use super::seek::Verdict;
use super::{Fault, Wire, id_of, segment, untold};
use crate::model::picture::{Fit, Ratio};
use crate::model::post::Rejection;
use crate::model::receipt::{Known, Op, Receipt, Step};
use crate::platform::{Journal, PauseScopeKind, Payload, Planned, PublishError, Usage, picture, wire};

/// What one of the two calls what the other calls something else.
pub struct Dialect {
    /// The edge that makes a container: `threads`, `media`.
    pub create: &'static str,
    /// The edge that publishes one.
    pub publish: &'static str,
    /// The edge that tells the posts of a day, which is also the limit's name.
    pub quota: &'static str,
    /// The field of a container's state.
    pub status: &'static str,
    /// The field of why it failed.
    pub why: &'static str,
    /// The field of a listed post's words.
    pub text: &'static str,
    /// What makes a container one of an image.
    pub image: &'static [(&'static str, &'static str)],
    /// Whether there is no post without a picture.
    pub needs_picture: bool,
    /// What a picture has to be.
    pub fit: Fit,
    /// The shapes that a picture which is too high and one which is too wide are cropped to, where there are bounds.
    pub bounds: Option<Bounds>,
    /// How long a call that publishes may take, its repeats included.
    pub publish_within: Duration,
    /// How long making a container may take, its picture included.
    pub make_within: Duration,
    /// The wait between a container's being ready and its publication.
    pub settle: Duration,
    /// The edge and the fields of the own posts.
    pub own: (&'static str, &'static str),
    /// The same of own answers to posts.
    pub replies: Option<(&'static str, &'static str)>,
    /// The table of refusals.
    pub classify: fn(&Fault, Op) -> PublishError,
    /// Whether a refusal to publish says that the container is not found (yet).
    pub not_found: fn(&Fault) -> bool,
    /// Whether a refusal to make a container says that its picture could not be fetched, which may pass.
    pub unfetched: fn(&Fault) -> bool,
}

/// The shapes a picture must be between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The least width, in thousandths of the height, and the shape of what is narrower.
    pub narrow: (u32, Ratio),
    /// The most width, and the shape of what is wider.
    pub wide: (u32, Ratio),
}

impl Bounds {
    /// The shape a picture of that size is to be cropped to; `None`: it is within the bounds.
    fn crop(&self, width: u32, height: u32) -> Option<Ratio> {
        let thousandths = u64::from(width) * 1000 / u64::from(height.max(1));
        if thousandths < u64::from(self.narrow.0) {
            return Some(self.narrow.1);
        }
        (thousandths > u64::from(self.wide.0)).then_some(self.wide.1)
    }
}

/// Added to a step's number for each container that came before it.
const NEXT: u16 = 1000;
/// Added to a container's number for the note that the platform does not find it.
const LOST: u16 = 500;
/// Added to a container's number for the note that a first look did not find its post.
const LOOKED: u16 = 250;
/// The most containers of one part.
const MOST: u16 = 4;

/// The waits between two questions for a container's state: a minute in all. Meta says 30 s on average, and asks for one
/// question a minute for videos; texts and pictures are ready within seconds. Source: Threads' guide, as of 2026-03.
const POLLS: [u64; 8] = [1, 2, 3, 5, 5, 10, 15, 20];

/// The waits before each try to publish a container that the platform says it does not find though it is ready.
/// Source: projects' reports (median 7 s after the container was ready), 2026-08.
const TRIES: [u64; 3] = [0, 5, 10];

/// How long a container that is not found must have been left alone before another takes its place, where an answer to
/// its publication may have been lost before. Source: reliability.md section 2, the second look of class look.
const LEFT_ALONE: SignedDuration = SignedDuration::from_mins(5);

/// The waits before each try to make a container whose picture the platform says it could not fetch: that passes, and
/// nobody sees a container. Ours.
const FETCHES: [u64; 3] = [0, 5, 15];

/// What has become of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Being processed, or something else that a later question answers.
    Pending(String),
    /// Ready to be published.
    Ready,
    /// A post by now.
    Published,
    /// Not published within 24 h, or not there any more.
    Expired,
    /// It cannot be published.
    Failed(String),
}

/// The two steps on one account.
pub struct Containers<'a> {
    /// The platform's words.
    pub dialect: &'static Dialect,
    /// The way there.
    pub wire: Wire<'a>,
    /// The account's id, or `me`.
    pub user: String,
}

/// One part of a post on its way.
struct Work<'p> {
    /// The step that shows it.
    create: &'p Planned,
    /// What readers see of it.
    visible: Visible,
    /// The steps that make its containers; the last one makes the one that is published.
    uploads: Vec<&'p Planned>,
    /// The post it answers.
    parent: Option<String>,
}

impl<'p> Work<'p> {
    /// The work of that part of the payload.
    fn of(payload: &'p Payload, create: &'p Planned, parent: Option<&str>) -> Result<Self, PublishError> {
        let before = payload.steps.iter().take_while(|planned| planned.step != create.step);
        let uploads = before.fold(Vec::new(), |mut uploads, planned| {
            match planned.step.op {
                Op::Create => uploads.clear(),
                _ => uploads.push(planned),
            }
            uploads
        });
        if uploads.is_empty() {
            return Err(malformed("expected a container before each post, found none"));
        }
        Ok(Self { create, visible: Visible::read(&create.body)?, uploads, parent: parent.map(str::to_owned) })
    }

    /// The step of the container that is published.
    fn container(&self) -> Result<&'p Planned, PublishError> {
        self.uploads.last().copied().ok_or_else(|| malformed("expected a container before each post, found none"))
    }
}

impl Containers<'_> {
    /// Sends a payload, part by part.
    ///
    /// # Errors
    /// As [`publish`](crate::platform::Account::publish).
    pub async fn publish(&self, payload: &Payload, journal: &mut Journal<'_>) -> Result<Receipt, PublishError> {
        let mut parts: Vec<Receipt> = Vec::new();
        for planned in payload.creates() {
            let value = match journal.done(planned.step) {
                Some(value) => value,
                None => {
                    let parent = parts.last().and_then(|part| part.remote_id.as_deref());
                    let mut value = self.part(&Work::of(payload, planned, parent)?, journal).await?;
                    if value["url"].is_null()
                        && let Some(url) = self.permalink(&value).await
                    {
                        value["url"] = json!(url);
                    }
                    value
                }
            };
            parts.push(receipt(&value, Known::Answered, self.now())?);
        }
        wire::whole(parts)
    }

    /// Makes a container, waits for it and publishes it; one that never becomes a post is replaced.
    async fn part(&self, work: &Work<'_>, journal: &mut Journal<'_>) -> Result<Value, PublishError> {
        let container = work.container()?;
        let frozen = Frozen::read(&container.body)?;
        let mut generation = newest(container.step, |step| journal.done(step).is_some());
        if work.create.step.n == 0 && journal.done(container.step).is_none() {
            self.quota().await?;
        }
        let mut without = None;
        loop {
            let step = after(container.step, generation);
            // All that was ever answered to the publication of a container made just now is known here.
            let is_new = journal.done(step).is_none();
            let value = self.container(work, &frozen, generation, without.take(), journal).await?;
            let id = id_of(&value["id"]).ok_or_else(|| malformed("the stored container has no id"))?;
            let lost_at = journal.done(lost(step)).and_then(|note| instant_of(&note, "at"));
            if let Some(at) = lost_at
                && self.now() < at + self.scaled(LEFT_ALONE)
            {
                return Err(later(
                    "the platform does not find the container; it is asked again before another is made",
                ));
            }
            let state = self.wait(&id).await?;
            match &state {
                State::Pending(said) => return Err(later(&format!("the container is not ready: {said}"))),
                State::Published => return self.is_out(work, &value, journal).await,
                State::Ready if lost_at.is_none() => {
                    if is_new {
                        tokio::time::sleep(wire::scaled(self.wire.cx, self.dialect.settle)).await;
                    }
                    if let Some(out) = self.release(work, &id, journal).await? {
                        return Ok(out);
                    }
                    if !is_new {
                        let at = self.now();
                        let note = move || async move { Ok(json!({ "at": at.to_string() })) };
                        journal.step(lost(step), id.as_bytes(), self.within(self.dialect.publish_within), note).await?;
                        return Err(later("the platform does not find the container, though it says that it is ready"));
                    }
                }
                State::Ready | State::Expired | State::Failed(_) => {}
            }
            // It will not become a post any more. That it has not become one is looked up before it is replaced.
            let looked_at = journal.done(looked(step)).and_then(|note| instant_of(&note, "at"));
            if !is_new && let Looks::TooSoon = looks(looked_at, self.now(), self.scaled(LOOK_AGAIN)) {
                return Err(later("the own list is looked at once more before another container is made"));
            }
            if let Some(found) = self.look(work, made(&value)).await? {
                return self.note(work, found, journal).await;
            }
            // One of this very claim was never asked to be published, or refused each time: one look is enough.
            if !is_new && looked_at.is_none() {
                let at = self.now();
                let note = move || async move { Ok(json!({ "at": at.to_string() })) };
                journal.step(looked(step), id.as_bytes(), self.within(self.dialect.publish_within), note).await?;
                return Err(later("it is not in the own list; looked at once more before another container is made"));
            }
            tracing::warn!(container = id, state = ?state, "the container is replaced by another");
            if generation + 1 >= MOST {
                return Err(refused(&format!("{MOST} containers in a row came to nothing, the last: {state:?}")));
            }
            if let State::Failed(said) = state
                && generation > 0
            {
                // The same content failed twice: without its picture, or not at all.
                if frozen.bare.is_none() || !frozen.has_picture() || picture::missing(&value).is_some() {
                    return Err(refused(&said));
                }
                without = Some(said);
            }
            generation += 1;
        }
    }

    /// Publishes a container. `None`: the platform does not find it, in each of several tries.
    async fn release(
        &self,
        work: &Work<'_>,
        id: &str,
        journal: &mut Journal<'_>,
    ) -> Result<Option<Value>, PublishError> {
        let is_lost = AtomicBool::new(false);
        let request = format!("{id}\n{}", work.create.body);
        let send = || async {
            let path = format!("/{}/{}", segment(&self.user), self.dialect.publish);
            let mut said = String::new();
            for wait in TRIES {
                tokio::time::sleep(wire::scaled(self.wire.cx, Duration::from_secs(wait))).await;
                // A repeat of the same container cannot show twice.
                match self.wire.post(&path, &[("creation_id", id)]).await? {
                    Ok(answer) => {
                        return match id_of(&answer["id"]) {
                            Some(id) => Ok(json!({ "id": id })),
                            None => Err(PublishError::Unknown { said: "expected the id of a post, found none".into() }),
                        };
                    }
                    Err(fault) if (self.dialect.not_found)(&fault) => said = fault.said(),
                    Err(fault) => return Err(self.class(&fault, Op::Create)),
                }
            }
            is_lost.store(true, Ordering::Relaxed);
            Err(later(&said))
        };
        let within = self.within(self.dialect.publish_within);
        match journal.step(work.create.step, request.as_bytes(), within, send).await {
            Ok(value) => Ok(Some(value)),
            Err(PublishError::NotSent { .. }) if is_lost.load(Ordering::Relaxed) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The container is a post by now: its id stands in the own list, sooner or later.
    async fn is_out(&self, work: &Work<'_>, value: &Value, journal: &mut Journal<'_>) -> Result<Value, PublishError> {
        match self.look(work, made(value)).await {
            Ok(Some(found)) => self.note(work, found, journal).await,
            Ok(None) | Err(_) => {
                let said = "it is published, and its id is not in the own list yet".to_owned();
                let send = || async { Err(PublishError::Unknown { said }) };
                let within = self.within(self.dialect.publish_within);
                journal.step(work.create.step, work.create.body.as_bytes(), within, send).await
            }
        }
    }

    /// Notes what was found as what the step gave.
    async fn note(&self, work: &Work<'_>, found: Value, journal: &mut Journal<'_>) -> Result<Value, PublishError> {
        let within = self.within(self.dialect.publish_within);
        let send = || async { Ok(found) };
        journal.step(work.create.step, work.create.body.as_bytes(), within, send).await
    }

    /// The part in the own list, as its step would have noted it.
    async fn look(&self, work: &Work<'_>, since: Timestamp) -> Result<Option<Value>, PublishError> {
        let list = self.own(work, since).await.map_err(asked)?;
        match self.judge(&list, work, since) {
            Verdict::Ours(own) => Ok(Some(json!({"id": own.id, "url": own.url}))),
            Verdict::None => Ok(None),
            Verdict::Unsure(why) => Err(later(&why)),
        }
    }

    /// Asks for a container's state until it is decided, for about a minute.
    async fn wait(&self, id: &str) -> Result<State, PublishError> {
        for pause in POLLS {
            match self.state(id).await? {
                State::Pending(_) => {
                    tokio::time::sleep(wire::scaled(self.wire.cx, Duration::from_secs(pause))).await;
                }
                decided => return Ok(decided),
            }
        }
        self.state(id).await
    }

    async fn state(&self, id: &str) -> Result<State, PublishError> {
        let fields = format!("id,{},{}", self.dialect.status, self.dialect.why);
        let answer = self.wire.get(&format!("/{}", segment(id)), &[("fields", &fields)]).await.map_err(asked)?;
        let answer = match answer {
            Ok(answer) => answer,
            Err(fault) if is_gone(&fault) => return Ok(State::Expired),
            Err(fault) => return Err(asked(self.class(&fault, Op::Upload))),
        };
        let why = || match answer[self.dialect.why].as_str() {
            Some(why) if !why.is_empty() => wire::excerpt(why),
            _ => "the platform does not say why".to_owned(),
        };
        Ok(match answer[self.dialect.status].as_str() {
            Some("FINISHED") => State::Ready,
            Some("PUBLISHED") => State::Published,
            Some("EXPIRED") => State::Expired,
            Some("ERROR") => State::Failed(why()),
            other => State::Pending(other.unwrap_or("it has no state").to_owned()),
        })
    }

    /// Reads and notes how many posts the account has left for today.
    ///
    /// # Errors
    /// `RateLimited` where none is left. What cannot be read stops nothing.
    async fn quota(&self) -> Result<(), PublishError> {
        let path = format!("/{}/{}", segment(&self.user), self.dialect.quota);
        let Ok(Ok(answer)) = self.wire.get(&path, &[("fields", "quota_usage,config")]).await else { return Ok(()) };
        let Some(usage) = quota(self.dialect.quota, &answer["data"][0]) else { return Ok(()) };
        let none_left = usage.left == Some(0);
        let said =
            format!("{} says that {:.0} % of the posts of a day are used", self.dialect.quota, usage.used * 100.0);
        self.wire.cx.meter.note(usage);
        if !none_left {
            return Ok(());
        }
        // A rolling day: no word of when the oldest post leaves it.
        Err(untold(self.wire.cx, PublishError::RateLimited { until: None, scope: PauseScopeKind::Channel, said }))
    }

    /// Where people see a post; worth one question, and no reason for anything.
    async fn permalink(&self, value: &Value) -> Option<String> {
        let id = id_of(&value["id"])?;
        let path = format!("/{}", segment(&id));
        let asked = self.wire.get(&path, &[("fields", "id,permalink")]);
        let patience = wire::scaled(self.wire.cx, Duration::from_secs(5));
        let answer = tokio::time::timeout(patience, asked).await.ok()?.ok()?.ok()?;
        answer["permalink"].as_str().map(str::to_owned)
    }

    /// The class of a refusal; a limit without a told end waits a while.
    pub fn class(&self, fault: &Fault, op: Op) -> PublishError {
        untold(self.wire.cx, (self.dialect.classify)(fault, op))
    }

    fn now(&self) -> Timestamp {
        self.wire.cx.clock.now()
    }

    fn within(&self, time: Duration) -> Duration {
        wire::scaled(self.wire.cx, time)
    }

    fn scaled(&self, time: SignedDuration) -> SignedDuration {
        let scaled = wire::scaled(self.wire.cx, time.unsigned_abs());
        SignedDuration::try_from(scaled).unwrap_or(time)
    }
}

/// The step of the container after so many before it.
const fn after(step: Step, generation: u16) -> Step {
    Step { op: step.op, n: step.n.saturating_add(generation.saturating_mul(NEXT)) }
}

/// The step that notes that a container is not found.
const fn lost(step: Step) -> Step {
    Step { op: step.op, n: step.n.saturating_add(LOST) }
}

/// The step that notes that a first look did not find it.
const fn looked(step: Step) -> Step {
    Step { op: step.op, n: step.n.saturating_add(LOOKED) }
}

/// Whether the platform knows the container no more. It may also not be this token's: then the own list says so.
fn is_gone(fault: &Fault) -> bool {
    fault.code == Some(100) && fault.subcode == 33 && !fault.is_doubtful()
}

/// Which container is the newest that was made.
fn newest(step: Step, is_done: impl Fn(Step) -> bool) -> u16 {
    (0..MOST).rev().find(|generation| is_done(after(step, *generation))).unwrap_or(0)
}

/// When a container was made, less what two clocks may differ by.
fn made(value: &Value) -> Timestamp {
    let margin = SignedDuration::from_mins(10);
    instant_of(value, "made").and_then(|at| at.checked_sub(margin).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn instant_of(value: &Value, name: &str) -> Option<Timestamp> {
    value[name].as_str()?.parse().ok()
}

/// The quota of a day as it is told. Pure.
fn quota(limit: &'static str, entry: &Value) -> Option<Usage> {
    let (used, total) = (entry["quota_usage"].as_u64()?, entry["config"]["quota_total"].as_u64()?);
    #[expect(clippy::cast_precision_loss, reason = "posts of a day")]
    let share = used as f64 / total.max(1) as f64;
    let left = Some(total.saturating_sub(used));
    Some(Usage { limit, scope: PauseScopeKind::Channel, used: share, left, resets: None })
}

/// What a question that got no clear answer means for what was to follow it: nothing was sent.
fn asked(error: PublishError) -> PublishError {
    match error {
        PublishError::Auth { .. }
        | PublishError::Forbidden { .. }
        | PublishError::RateLimited { .. }
        | PublishError::NotSent { .. } => error,
        other => PublishError::NotSent { said: format!("asked before the send: {other}") },
    }
}

/// Later, with nothing sent.
fn later(said: &str) -> PublishError {
    PublishError::NotSent { said: said.to_owned() }
}

fn refused(said: &str) -> PublishError {
    PublishError::Rejected { reason: Rejection::Media, said: said.to_owned() }
}

fn malformed(said: &str) -> PublishError {
    PublishError::Rejected { reason: Rejection::Invalid, said: said.to_owned() }
}

/// The receipt of a stored step.
fn receipt(value: &Value, how: Known, at: Timestamp) -> Result<Receipt, PublishError> {
    let id = id_of(&value["id"]).ok_or_else(|| PublishError::Unknown { said: "the stored step has no id".into() })?;
    Ok(Receipt { remote_id: Some(id), url: value["url"].as_str().map(str::to_owned), parts: Vec::new(), at, how })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_container_has_a_step_of_its_own_and_the_newest_counts() {
        let step = Step { op: Op::Upload, n: 2 };
        assert_eq!([after(step, 0).n, after(step, 1).n, lost(after(step, 1)).n], [2, 1002, 1502]);
        assert_eq!(looked(after(step, 1)).n, 1252);
        for (done, expected) in [(&[][..], 0), (&[2][..], 0), (&[2, 1002][..], 1), (&[2, 1002, 2002][..], 2)] {
            assert_eq!(newest(step, |step| done.contains(&step.n)), expected, "{done:?}");
        }
    }

    #[test]
    fn a_container_that_is_not_there_is_as_good_as_expired() {
        assert!(is_gone(&Fault::of(100, 33, "Object with ID '1' does not exist")));
        assert!(!is_gone(&Fault::of(100, 0, "")) && !is_gone(&Fault::of(190, 33, "")));
        assert!(!is_gone(&Fault { transient: true, ..Fault::of(100, 33, "") }));
        assert!(!is_gone(&Fault { status: 404, ..Fault::default() }));
    }

    #[test]
    fn a_picture_out_of_bounds_gets_the_nearest_shape() {
        let bounds = Bounds { narrow: (800, Ratio::Portrait), wide: (1900, Ratio::Wide) };
        for (size, expected) in [
            ((1080, 1350), None),
            ((1080, 1351), Some(Ratio::Portrait)),
            ((1200, 675), None),
            ((1080, 1080), None),
            ((1200, 628), Some(Ratio::Wide)),
            ((3000, 1000), Some(Ratio::Wide)),
            ((100, 0), Some(Ratio::Wide)),
        ] {
            assert_eq!(bounds.crop(size.0, size.1), expected, "{size:?}");
        }
    }

    #[test]
    fn a_quota_is_read_as_it_is_told() {
        let of = |value: Value| quota("threads_publishing_limit", &value).map(|it| (it.used, it.left));
        let entry = |used: u64, total: u64| json!({"quota_usage": used, "config": {"quota_total": total}});
        assert_eq!(of(entry(5, 250)), Some((0.02, Some(245))));
        assert_eq!(of(entry(250, 250)), Some((1.0, Some(0))));
        assert_eq!(of(entry(51, 50)).map(|(_, left)| left), Some(Some(0)));
        assert_eq!(of(json!({"quota_usage": 5})), None);
        assert_eq!(of(Value::Null), None);
    }

    #[test]
    fn a_question_without_an_answer_is_never_a_send_without_one() {
        let said = || "s".to_owned();
        for (error, expected) in [
            (PublishError::Unknown { said: said() }, "not_sent"),
            (PublishError::Rejected { reason: Rejection::Invalid, said: said() }, "not_sent"),
            (PublishError::Duplicate { said: said() }, "not_sent"),
            (PublishError::NotSent { said: said() }, "not_sent"),
            (PublishError::Auth { said: said() }, "auth"),
            (PublishError::Forbidden { scope: PauseScopeKind::Channel, said: said() }, "forbidden"),
            (PublishError::RateLimited { until: None, scope: PauseScopeKind::App, said: said() }, "rate_limited"),
        ] {
            assert_eq!(asked(error).class(), expected);
        }
    }
}
