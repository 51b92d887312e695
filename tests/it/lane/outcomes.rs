//! What becomes of a post by the class of what the platform answered (reliability.md section 3), and what of it is
//! never sent twice.

use bugle::model::channel::{Block, PauseScope};
use bugle::model::notice::Level;
use bugle::model::post::{Actor, Approval, HoldReason, PostState, Rejection};
use bugle::model::receipt::{Known, Op, Outcome, Step};
use bugle::platform::{PauseScopeKind, PublishError, Recovery};
use bugle::store::{article, pause};
use jiff::SignedDuration;

use super::{FIRST, SECOND, Set, Stage, UPLOAD, ids, lost, me, not_sent, says};
use crate::store::{at, commit};

fn said() -> String {
    "so".to_owned()
}

/// What a class of answer leads to.
struct Expected {
    state: &'static str,
    /// The pause in force, by scope and seconds after noon.
    pause: Option<(PauseScope, Option<i64>)>,
    block: Option<Block>,
    notice: Option<(Level, &'static str)>,
    attempts: u16,
    closed: bool,
}

#[tokio::test]
async fn each_class_of_answer_has_its_reaction() {
    let limited = |until: Option<i64>, scope| PublishError::RateLimited { until: until.map(at), scope, said: said() };
    let forbidden = |scope| PublishError::Forbidden { scope, said: said() };
    let back = || Expected { state: "scheduled", pause: None, block: None, notice: None, attempts: 0, closed: true };
    let paused = |scope, until| Expected { pause: Some((scope, until)), ..back() };
    let blocked =
        |block| Expected { block: Some(block), notice: Some((Level::Alarm, "channel.main.blocked")), ..back() };
    let main = || PauseScope::Channel("main".to_owned());
    let credential = || PauseScope::Credential("the credential".to_owned());
    let app = || PauseScope::App("the app".to_owned());
    let alarm = |key| Some((Level::Alarm, key));
    let table = [
        (not_sent(), back()),
        (limited(Some(90), PauseScopeKind::Channel), paused(main(), Some(90))),
        (limited(None, PauseScopeKind::Credential), paused(credential(), Some(60))),
        (limited(Some(-5), PauseScopeKind::App), paused(app(), Some(60))),
        (limited(Some(365 * 86_400), PauseScopeKind::Channel), paused(main(), Some(86_400))),
        (PublishError::Auth { said: said() }, blocked(Block::Token { said: said() })),
        (forbidden(PauseScopeKind::Channel), blocked(Block::Forbidden { said: said() })),
        (
            forbidden(PauseScopeKind::Credential),
            Expected { notice: alarm("pause.credential:the credential"), ..paused(credential(), None) },
        ),
        (forbidden(PauseScopeKind::App), Expected { notice: alarm("pause.app:the app"), ..paused(app(), None) }),
        (PublishError::Gone { said: said() }, blocked(Block::Gone { said: said() })),
        (
            PublishError::Rejected { reason: Rejection::TooLong, said: said() },
            Expected {
                state: "failed",
                notice: Some((Level::Warn, "post.p.failed")),
                attempts: 1,
                closed: false,
                ..back()
            },
        ),
        (lost(), Expected { state: "uncertain", attempts: 1, closed: false, ..back() }),
        (
            PublishError::Duplicate { said: said() },
            Expected { state: "uncertain", attempts: 1, closed: false, ..back() },
        ),
    ];
    for (error, expected) in table {
        let mut stage = Stage::set(Set::default()).await;
        stage.post("p").await;
        stage.platform.answers(FIRST, [Err(error.clone())]);
        stage.settle().await;
        let row = stage.row("p").await;
        assert_eq!(row.post.state.word(), expected.state, "{error}");
        assert_eq!(row.post.attempts, expected.attempts, "{error}");
        assert_eq!(row.post.due, at(0), "{error}: it keeps its place");
        assert_eq!(row.sent.is_some(), expected.state == "uncertain", "{error}: what was not sent is not counted");
        let channel = stage.channel_row().await;
        assert_eq!(channel.blocked, expected.block, "{error}");
        assert_eq!(channel.closed_since, expected.closed.then(|| at(0)), "{error}");
        let mut conn = stage.store.read().await.unwrap();
        let pauses = pause::all(&mut conn).await.unwrap();
        let pauses: Vec<_> = pauses.into_iter().map(|pause| (pause.scope, pause.until)).collect();
        let pause = expected.pause.map(|(scope, until)| (scope, until.map(at)));
        assert_eq!(pauses, pause.into_iter().collect::<Vec<_>>(), "{error}");
        let notice = expected.notice.map(|(level, key)| says(level, key));
        assert_eq!(stage.notices().await, notice.into_iter().collect::<Vec<_>>(), "{error}");
        assert_eq!(stage.platform.sent().len(), 1, "{error}: sent once");
        let attempts = stage.attempts("p").await;
        let stored = attempts[0].attempt.outcome.as_ref().expect("the outcome is stored");
        match (&error, stored) {
            (PublishError::Unknown { said }, Outcome::Unknown { said: stored }) => assert_eq!(said, stored),
            (_, Outcome::Not { class, .. }) => assert_eq!(class, error.class()),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_succeeds_is_published_and_opens_the_channel() {
    let mut stage = Stage::set(Set::default()).await;
    stage.post("p").await;
    commit!(stage.store, |conn| bugle::store::channel::set_closed(conn, "main", Some(at(-60))).await).unwrap();
    stage.settle().await;
    let receipt = stage.receipt("p").await;
    assert_eq!((receipt.remote_id.as_deref(), receipt.how), (Some("id of create/0"), Known::Answered));
    assert_eq!(stage.channel_row().await.closed_since, None);
    assert_eq!(stage.notices().await, []);
    let row = stage.row("p").await;
    assert_eq!((row.sent, row.post.attempts), (Some(at(0)), 0));
    stage.run_until(7200).await;
    assert_eq!(stage.platform.sent(), [(0, FIRST)], "and never again");
}

#[tokio::test]
async fn a_channel_that_cannot_reach_its_platform_backs_off_and_keeps_the_order() {
    let mut stage = Stage::set(Set::default()).await;
    stage.post("1").await;
    stage.post("2").await;
    stage.platform.answers(FIRST, (0..12).map(|_| Err(not_sent())));
    stage.run_until(3 * 3600 / 2).await;
    let sent = stage.platform.sent();
    assert_eq!(sent.len(), 14, "twelve that failed and one for each post: {sent:?}");
    for (n, two) in sent.windows(2).take(12).enumerate() {
        let most = (5 << n).min(900);
        let waited = two[1].0 - two[0].0;
        // The wait is drawn from nothing to `most`, never below a second; one more for what was cut off.
        assert!((0..=most + 1).contains(&waited), "wait {n}: {waited} s, at most {most} s");
    }
    let bodies = stage.platform.bodies();
    assert!(bodies[..13].iter().all(|body| *body == bodies[0] && body.contains("news.example/1")), "{bodies:#?}");
    assert!(bodies[13].contains("news.example/2"), "its turn comes after");
    for id in ["1", "2"] {
        let row = stage.row(id).await;
        assert_eq!((row.post.state.word(), row.post.attempts, row.post.due), ("published", 0, at(0)));
    }
}

#[tokio::test]
async fn what_is_uploaded_is_not_uploaded_again() {
    let mut stage = Stage::set(Set { steps: vec![UPLOAD, FIRST], ..Set::default() }).await;
    stage.post("p").await;
    stage.platform.answers(FIRST, [Err(not_sent())]);
    stage.run_until(60).await;
    let steps: Vec<_> = stage.platform.sent().into_iter().map(|(_, step)| step).collect();
    assert_eq!(steps, [UPLOAD, FIRST, FIRST]);
    assert_eq!(stage.state("p").await, "published");
}

#[tokio::test]
async fn a_lost_upload_is_made_again_and_leaves_no_doubt() {
    let mut stage = Stage::set(Set { steps: vec![UPLOAD, FIRST], recovery: Recovery::Blind, ..Set::default() }).await;
    stage.post("p").await;
    stage.platform.answers(UPLOAD, [Err(lost())]);
    stage.run_until(60).await;
    let steps: Vec<_> = stage.platform.sent().into_iter().map(|(_, step)| step).collect();
    assert_eq!(steps, [UPLOAD, UPLOAD, FIRST]);
    assert_eq!((stage.state("p").await, stage.platform.looks().len()), ("published", 0));
}

#[tokio::test]
async fn a_thread_goes_on_where_it_stopped() {
    let mut stage = Stage::set(Set { steps: vec![FIRST, SECOND], ..Set::default() }).await;
    stage.post("p").await;
    stage.platform.answers(SECOND, [Err(not_sent())]);
    stage.run_until(60).await;
    let steps: Vec<_> = stage.platform.sent().into_iter().map(|(_, step)| step).collect();
    assert_eq!(steps, [FIRST, SECOND, SECOND]);
    let receipt = stage.receipt("p").await;
    assert_eq!(receipt.remote_id.as_deref(), Some("id of create/0"));
    assert_eq!(receipt.parts, ["id of create/0", "id of create/1"]);
}

#[tokio::test]
async fn a_refused_second_part_leaves_the_post_partly_out() {
    let mut stage = Stage::set(Set { steps: vec![FIRST, SECOND], ..Set::default() }).await;
    stage.post("p").await;
    stage.platform.answers(SECOND, [Err(PublishError::Rejected { reason: Rejection::Content, said: said() })]);
    stage.run_until(7200).await;
    assert_eq!(stage.held("p").await, HoldReason::PartlyOut { said: said() });
    assert_eq!(stage.notices().await, [says(Level::Warn, "post.p.held")]);
    assert_eq!(stage.platform.sent().len(), 2, "nothing more is sent without a person");
    let by = Approval { by: Actor::Bugle, at: at(0), payload: None };
    stage.row("p").await.post.approve(by).expect_err("a plain approve is refused");
}

#[tokio::test]
async fn what_is_frozen_is_sent_again_byte_for_byte() {
    let mut stage = Stage::set(Set::default()).await;
    stage.post("p").await;
    stage.platform.answers(FIRST, [Err(not_sent())]);
    stage.settle().await;
    let frozen = stage.row("p").await;
    assert_eq!(frozen.payload_hash.as_deref().map(str::len), Some(64));
    // The article is corrected, and the account would freeze nothing any more.
    let mut entry = crate::store::article("").entry;
    entry.title = "Corrected".to_owned();
    let (_, id) = ids("p");
    commit!(stage.store, |conn| article::new_version(conn, id.as_str(), &entry, "h", "t", at(1)).await).unwrap();
    stage.platform.refuse("not asked again");
    stage.restart();
    stage.run_until(60).await;
    let bodies = stage.platform.bodies();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], bodies[1]);
    assert!(bodies[0].contains("Story of p"));
    assert_eq!(stage.row("p").await.payload_hash, frozen.payload_hash);
}

#[tokio::test]
async fn an_approval_is_for_what_was_seen() {
    let mut stage = Stage::set(Set::default()).await;
    let approved = |payload: &str| {
        let approval = Approval { by: Actor::Person("ada".to_owned()), at: at(0), payload: Some(payload.to_owned()) };
        PostState::Scheduled { approval, retry: None }
    };
    stage.post_with("other", |post| post.state = approved(&"0".repeat(64))).await;
    stage.settle().await;
    assert_eq!(stage.held("other").await, HoldReason::ChangedSinceApproved);
    assert_eq!(stage.platform.sent(), []);
    // The hash of what is composed for it, as a preview shows it.
    let row = stage.post_with("same", |post| post.due = at(3600)).await;
    let (article, setting) = (one_article(&stage, "same").await, setting(&stage));
    let seen = bugle::publish::prepare::prepare(setting, &stage.channel, Some(&me()), &article, &row.post, 0, at(-500))
        .unwrap()
        .payload
        .seen_hash();
    stage
        .change("same", |mut post| {
            (post.state, post.due) = (approved(&seen), at(0));
            post
        })
        .await;
    stage.settle().await;
    assert_eq!(stage.state("same").await, "published", "whatever the instant of freezing");
}

async fn one_article(stage: &Stage, id: &str) -> bugle::model::article::Article {
    let mut conn = stage.store.read().await.unwrap();
    article::one(&mut conn, ids(id).1.as_str()).await.unwrap().unwrap().0
}

fn setting(stage: &Stage) -> bugle::publish::prepare::Setting<'_> {
    bugle::publish::prepare::Setting {
        templates: &stage.house.templates,
        newsroom: &stage.house.newsroom,
        zone: &stage.house.zone,
        words: &stage.house.words,
        digest: &[],
        look: &stage.house.studio.brand.settings,
    }
}

#[tokio::test]
async fn what_cannot_be_composed_is_a_persons_to_decide() {
    let mut stage = Stage::set(Set::default()).await;
    stage.post_with("long", |post| post.text = Some("x".repeat(301))).await;
    stage.post_with("template", |post| post.template = "none".to_owned()).await;
    stage.settle().await;
    stage.platform.refuse("not this");
    stage.post("refused").await;
    stage.settle().await;
    for (id, words) in [("long", "301"), ("template", "none"), ("refused", "not this")] {
        let HoldReason::Unfit { why } = stage.held(id).await else { panic!("{id}") };
        assert!(why.contains(words), "{id}: {why}");
    }
    assert_eq!(stage.notices().await.len(), 3);
    assert_eq!(stage.platform.sent(), []);
}

#[tokio::test]
async fn late_news_is_not_sent() {
    let mut stage = Stage::set(Set::default()).await;
    stage.post_with("old", |post| post.expires = Some(at(0))).await;
    stage.post_with("fresh", |post| post.expires = Some(at(1))).await;
    stage.settle().await;
    assert_eq!((stage.state("old").await, stage.state("fresh").await), ("skipped", "published"));
    // Also what could not be sent in time.
    stage.post_with("late", |post| post.expires = Some(at(30))).await;
    stage.platform.answers(FIRST, (0..100).map(|_| Err(not_sent())));
    stage.settle().await;
    stage.clock.advance(SignedDuration::from_secs(3600));
    stage.settle().await;
    assert_eq!(stage.state("late").await, "skipped");
}

#[tokio::test]
async fn a_refused_picture_never_sends_a_part_again() {
    // Behind a part that is out, a refused upload is for a person.
    let second_upload = Step { op: Op::Upload, n: 1 };
    let mut stage = Stage::set(Set { steps: vec![FIRST, second_upload, SECOND], ..Set::default() }).await;
    stage.post("p").await;
    stage.platform.answers(second_upload, [Err(PublishError::Rejected { reason: Rejection::Media, said: said() })]);
    stage.run_until(7200).await;
    assert_eq!(stage.held("p").await, HoldReason::PartlyOut { said: said() });
    let steps: Vec<_> = stage.platform.sent().into_iter().map(|(_, step)| step).collect();
    assert_eq!(steps, [FIRST, second_upload]);
}

#[tokio::test]
async fn what_is_partly_out_is_finished_however_late_and_counts_for_the_pace() {
    let mut stage = Stage::set(Set { steps: vec![FIRST, SECOND], ..Set::default() }).await;
    stage.post_with("p", |post| post.expires = Some(at(100))).await;
    let wait = PublishError::RateLimited { until: Some(at(600)), scope: PauseScopeKind::Channel, said: said() };
    stage.platform.answers(SECOND, [Err(wait)]);
    stage.run_until(300).await;
    let row = stage.row("p").await;
    assert_eq!((row.post.state.word(), row.sent), ("scheduled", Some(at(0))));
    commit!(stage.store, |conn| bugle::publish::claim::expire(conn, &row, at(300)).await).expect("stored");
    assert_eq!(stage.state("p").await, "scheduled", "its first part is out");
    stage.run_until(700).await;
    let steps: Vec<_> = stage.platform.sent().into_iter().map(|(_, step)| step).collect();
    assert_eq!((stage.state("p").await, steps), ("published", vec![FIRST, SECOND, SECOND]));
}
