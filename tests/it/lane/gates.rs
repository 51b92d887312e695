//! What keeps a channel from sending: pauses, blocks, pace, slots, quiet hours, a long closing; and what a worker may
//! still do when somebody else changed its post under it.

use bugle::model::channel::{Block, Pause, PauseScope};
use bugle::model::grant::SecretRef;
use bugle::model::limit::Said;
use bugle::model::notice::Level;
use bugle::model::post::{Actor, Approval, HoldReason, Rejection, Urgency};
use bugle::model::receipt::{Op, Outcome};
use bugle::platform::{ConnectError, Identity, PublishError};
use bugle::schedule::{Pace, Policy, Settings};
use bugle::store::amend::{self, AmendRow};
use bugle::store::{attempt, channel, limit, pause};
use jiff::SignedDuration;

use super::{Call, FIRST, Set, Stage, lost, me, not_sent, says};
use crate::store::{at, commit};

fn sent(stage: &Stage) -> Vec<i64> {
    stage.platform.sent().into_iter().map(|(when, _)| when).collect()
}

#[tokio::test]
async fn a_pause_stops_whom_its_scope_reaches() {
    for (scope, reaches) in [
        (PauseScope::All, true),
        (PauseScope::Channel("main".to_owned()), true),
        (PauseScope::Channel("other".to_owned()), false),
        (PauseScope::Credential("the credential".to_owned()), true),
        (PauseScope::Credential("another".to_owned()), false),
        (PauseScope::App("the app".to_owned()), true),
        (PauseScope::App("the credential".to_owned()), false),
    ] {
        for until in [Some(100), None] {
            let mut stage = Stage::set(Set::default()).await;
            stage.post("p").await;
            let scope = scope.clone();
            let it = Pause {
                scope: scope.clone(),
                until: until.map(at),
                why: "a look".to_owned(),
                by: "ada".to_owned(),
                since: at(0),
            };
            commit!(stage.store, |conn| pause::put(conn, &it).await).unwrap();
            stage.run_until(200).await;
            let expected = match (reaches, until) {
                (false, _) => vec![0],
                (true, Some(until)) => vec![until],
                (true, None) => vec![],
            };
            assert_eq!(sent(&stage), expected, "{scope:?} until {until:?}");
            if expected.is_empty() {
                let ended = scope.clone();
                commit!(stage.store, |conn| pause::end(conn, &ended).await).unwrap();
                stage.settle().await;
                assert_eq!(sent(&stage), [200], "{scope:?}: resumed");
            }
        }
    }
}

#[tokio::test]
async fn a_limit_of_the_platform_holds_through_a_restart() {
    let mut stage = Stage::set(Set::default()).await;
    stage.post("p").await;
    let scope = bugle::platform::PauseScopeKind::Channel;
    stage
        .platform
        .answers(FIRST, [Err(PublishError::RateLimited { until: Some(at(500)), scope, said: "429".to_owned() })]);
    stage.run_until(100).await;
    stage.restart();
    stage.run_until(1000).await;
    assert_eq!(sent(&stage), [0, 500]);
    assert_eq!((stage.state("p").await, stage.row("p").await.post.attempts), ("published", 0));
}

#[tokio::test]
async fn a_channel_never_posts_under_another_account() {
    let mut stage = Stage::set(Set::default()).await;
    stage.post("p").await;
    stage.restart();
    stage.platform.who([Ok(Identity { id: "2".to_owned(), handle: "@other".to_owned(), ..Identity::default() })]);
    stage.run_until(7200).await;
    assert!(sent(&stage).is_empty());
    let expected = Block::OtherAccount { expected: "@desk (1)".to_owned(), found: "@other (2)".to_owned() };
    let row = stage.channel_row().await;
    assert_eq!((row.blocked, row.closed_since), (Some(expected), Some(at(0))));
    assert_eq!(stage.notices().await, [says(Level::Alarm, "channel.main.blocked")]);
    assert_eq!(stage.state("p").await, "scheduled", "it waits behind the block");
    assert!(row.identity.unwrap().contains("@desk"), "the first one stays");
}

#[tokio::test]
async fn a_refused_introduction_blocks_and_an_unanswered_one_does_not() {
    for (answer, blocked) in
        [(ConnectError::Refused("no".to_owned()), true), (ConnectError::Unreachable("down".to_owned()), false)]
    {
        let mut stage = Stage::unknown(Set::default()).await;
        stage.post("p").await;
        stage.platform.who([Err(answer)]);
        stage.run_until(60).await;
        assert_eq!(stage.channel_row().await.blocked.is_some(), blocked);
        assert_eq!(sent(&stage).len(), usize::from(!blocked));
    }
    // A new name of the same account is taken over.
    let mut stage = Stage::set(Set::default()).await;
    stage.restart();
    stage.platform.who([Ok(Identity { handle: "@renamed".to_owned(), ..me() })]);
    stage.post("p").await;
    stage.settle().await;
    assert!(stage.channel_row().await.identity.unwrap().contains("@renamed"));
    assert_eq!(sent(&stage), [0]);
}

#[tokio::test]
async fn a_missing_secret_blocks_until_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let mut stage = Stage::unknown(Set { secret: Some(SecretRef::File(file.clone())), ..Set::default() }).await;
    stage.post("p").await;
    stage.run_until(60).await;
    assert!(matches!(stage.channel_row().await.blocked, Some(Block::MissingSecret { .. })));
    assert_eq!(stage.notices().await, [says(Level::Alarm, "channel.main.blocked")]);
    assert_eq!(stage.platform.calls(), [], "nothing is asked without it");
    std::fs::write(&file, "secret\n").unwrap();
    stage.run_until(120).await;
    assert_eq!(stage.channel_row().await.blocked, None);
    assert_eq!((stage.notices().await, stage.state("p").await), (vec![], "published"));
    // Another block does not end by itself, whatever secrets there are.
    commit!(stage.store, |conn| {
        channel::set_blocked(conn, "main", Some(&Block::Token { said: "no".to_owned() }), at(120)).await
    })
    .unwrap();
    stage.post("q").await;
    stage.run_until(300).await;
    assert_eq!((stage.state("q").await, sent(&stage).len()), ("scheduled", 1));
}

fn policy(slots: Option<&str>, quiet: Option<&str>, pace: Option<Pace>) -> Policy {
    let settings = Settings { slots: slots.map(str::to_owned), quiet: quiet.map(str::to_owned), pace };
    Policy::from_settings(&settings).expect("the keys are sound")
}

#[tokio::test]
async fn the_schedule_holds_through_restarts() {
    let pace = |gap: Option<&str>, per_hour, per_day| Some(Pace { gap: gap.map(str::to_owned), per_hour, per_day });
    // It is noon.
    for (what, policy, expected) in [
        ("at once", policy(None, None, None), vec![0, 0, 0]),
        ("gap", policy(None, None, pace(Some("3m"), None, None)), vec![0, 180, 360]),
        ("per_hour", policy(None, None, pace(None, Some(2), None)), vec![0, 0, 3600]),
        ("per_day", policy(None, None, pace(None, None, Some(1))), vec![0, 12 * 3600, 36 * 3600]),
        ("quiet", policy(None, Some("11:00-12:30"), None), vec![1800, 1800, 1800]),
        ("slots", policy(Some("*/15 * * * *"), None, None), vec![0, 900, 1800]),
    ] {
        let mut stage = Stage::set(Set { policy, ..Set::default() }).await;
        for id in ["1", "2", "3"] {
            stage.post(id).await;
        }
        // A new worker every minute.
        for minute in 1..=(expected[2] / 60 + 2) {
            stage.restart();
            stage.run_until(minute * 60).await;
        }
        assert_eq!(sent(&stage), expected, "{what}");
    }
}

#[tokio::test]
async fn a_post_in_doubt_counts_for_the_pace_and_one_not_sent_does_not() {
    let pace = Some(Pace { gap: Some("10m".to_owned()), per_hour: None, per_day: None });
    for (error, second) in [(lost(), 600), (not_sent(), 0)] {
        let mut stage = Stage::set(Set {
            policy: policy(None, None, pace.clone()),
            recovery: bugle::platform::Recovery::Blind,
            ..Set::default()
        })
        .await;
        stage.post("1").await;
        stage.post_with("2", |post| post.urgency = Urgency::Normal).await;
        stage.platform.answers(FIRST, [Err(error.clone())]);
        stage.run_until(1300).await;
        let all = sent(&stage);
        assert!((second..second + 6).contains(&all[1]), "{error}: {all:?}");
    }
}

#[tokio::test]
async fn what_a_closed_channel_made_late_is_a_persons_to_release() {
    for (closed_for, held) in [(7_100, false), (7_300, true)] {
        let mut stage = Stage::set(Set::default()).await;
        stage.post("late").await;
        stage.post_with("due", |post| post.due = at(closed_for - 60)).await;
        commit!(stage.store, |conn| {
            channel::set_blocked(conn, "main", Some(&Block::Token { said: String::new() }), at(0)).await?;
            channel::set_closed(conn, "main", Some(at(0))).await
        })
        .unwrap();
        stage.run_until(closed_for).await;
        assert!(sent(&stage).is_empty());
        commit!(stage.store, |conn| channel::set_blocked(conn, "main", None, at(0)).await).unwrap();
        stage.settle().await;
        assert_eq!(stage.state("due").await, "published", "what is not late goes out");
        if !held {
            assert_eq!(stage.state("late").await, "published");
            continue;
        }
        assert_eq!(stage.held("late").await, HoldReason::Stale);
        assert_eq!(stage.notices().await, [says(Level::Warn, "channel.main.stale")]);
        assert_eq!(stage.channel_row().await.closed_since, None, "a success opened it");
        let approval = Approval { by: Actor::Person("ada".to_owned()), at: at(closed_for), payload: None };
        stage.change("late", |post| post.approve(approval).expect("a stale post can be approved")).await;
        stage.settle().await;
        assert_eq!(stage.state("late").await, "published", "released, late as it is");
    }
}

/// Somebody else changes the post while its request is under way: the lease is lost.
async fn lost_lease(answer: Result<serde_json::Value, PublishError>) -> Stage {
    let mut stage = Stage::set(Set::default()).await;
    stage.post("p").await;
    stage.platform.answers(FIRST, [answer]);
    let (entered, go) = stage.platform.gate();
    let (store, row) = (stage.store.clone(), async |store: &bugle::store::Store| crate::store::one(store, "p").await);
    let other = async {
        entered.await.unwrap();
        let claimed = row(&store).await;
        let mut next = claimed.clone();
        next.post = claimed.post.clone().hold(HoldReason::Person { by: "ada".to_owned() }, at(0)).unwrap();
        crate::store::put(&store, &claimed, next).await.unwrap();
        go.send(()).unwrap();
    };
    let (turn, ()) = tokio::join!(stage.lane.turn(), other);
    turn.unwrap();
    stage.clock.advance(SignedDuration::from_secs(1));
    stage.settle().await;
    stage
}

#[tokio::test]
async fn a_late_success_is_published_whatever_the_post_is_by_then() {
    let stage = lost_lease(Ok(serde_json::json!({ "id": "77" }))).await;
    assert_eq!(stage.receipt("p").await.remote_id.as_deref(), Some("77"));
    assert_eq!(stage.notices().await, [says(Level::Warn, "post.p.late")]);
    assert_eq!(sent(&stage), [0]);
    let attempts = stage.attempts("p").await;
    assert!(matches!(attempts[0].attempt.outcome, Some(Outcome::Done { .. })));
}

#[tokio::test]
async fn a_late_failure_is_only_noted() {
    let rejected = PublishError::Rejected { reason: Rejection::Content, said: "no".to_owned() };
    for error in [lost(), not_sent(), rejected, PublishError::Auth { said: "no".to_owned() }] {
        let stage = lost_lease(Err(error.clone())).await;
        assert_eq!(stage.held("p").await, HoldReason::Person { by: "ada".to_owned() }, "{error}");
        let attempts = stage.attempts("p").await;
        assert!(attempts[0].attempt.outcome.is_some(), "{error}: the outcome is stored with the attempt");
        assert_eq!((stage.channel_row().await.blocked, stage.notices().await), (None, vec![]), "{error}");
        assert_eq!(sent(&stage), [0], "{error}");
    }
}

#[tokio::test]
async fn while_paused_nothing_is_edited_and_take_downs_go_on() {
    let mut stage = Stage::set(Set::default()).await;
    for id in ["edited", "taken"] {
        stage.post(id).await;
    }
    stage.settle().await;
    let payload = stage.row("edited").await.payload;
    let wish = |id: &str, op: &str| AmendRow {
        id: id.to_owned(),
        post: id.to_owned(),
        channel: "main".to_owned(),
        op: op.to_owned(),
        payload: payload.clone(),
        by_whom: "ada".to_owned(),
        at: at(0),
        due: at(0),
        tries: 0,
        state: "asked".to_owned(),
        said: None,
    };
    let (edit, delete) = (wish("edited", "edit"), wish("taken", "delete"));
    let all = PauseScope::All;
    let pause = Pause { scope: all.clone(), until: None, why: "a look".to_owned(), by: "ada".to_owned(), since: at(0) };
    commit!(stage.store, |conn| {
        pause::put(conn, &pause).await?;
        amend::ask(conn, &edit).await?;
        amend::ask(conn, &delete).await
    })
    .unwrap();
    let amended = |stage: &Stage| -> Vec<Op> {
        let calls = stage.platform.calls().into_iter();
        calls.filter_map(|(_, call)| if let Call::Amend(op) = call { Some(op) } else { None }).collect()
    };
    assert_eq!(stage.settle().await, None, "nothing wakes it before the pause ends");
    assert_eq!(amended(&stage), [Op::Delete]);
    assert_eq!((stage.state("edited").await, stage.state("taken").await), ("published", "retracted"));
    commit!(stage.store, |conn| pause::end(conn, &all).await).unwrap();
    stage.settle().await;
    assert_eq!(amended(&stage), [Op::Delete, Op::Edit]);
}

#[tokio::test]
async fn the_account_is_asked_daily() {
    let mut stage = Stage::set(Set::default()).await;
    stage.run_until(3 * 86_400 - 60).await;
    let asked: Vec<i64> =
        stage.platform.calls().into_iter().filter(|(_, call)| *call == Call::Who).map(|(when, _)| when).collect();
    // Up to an hour before the day is over, by the channel's name: not all channels at the same time.
    assert!((2..=3).contains(&asked.len()), "{asked:?}");
    let before = std::iter::once(0).chain(asked.iter().copied());
    assert!(before.zip(&asked).all(|(before, at)| (82_800..86_460).contains(&(at - before))), "{asked:?}");
}

#[tokio::test]
async fn a_step_that_succeeded_twice_stops_its_channel() {
    let mut stage = Stage::set(Set::default()).await;
    stage.post("p").await;
    stage.post("q").await;
    let (entered, go) = stage.platform.gate();
    let (store, row) = (stage.store.clone(), async |store: &bugle::store::Store| crate::store::one(store, "p").await);
    let bug = async {
        entered.await.unwrap();
        // As if another process had sent the same step under the same revision.
        let claimed = row(&store).await;
        let mut conn = store.read().await.unwrap();
        let mut second = attempt::of(&mut conn, "p").await.unwrap().remove(0);
        drop(conn);
        second.attempt.id = bugle::model::id::AttemptId::fresh();
        let done = Outcome::Done { value: serde_json::json!({ "id": "other" }) };
        commit!(store, |conn| {
            attempt::begin(conn, &second).await?;
            attempt::end(conn, &second.attempt.id, at(0), &done).await
        })
        .unwrap();
        assert_eq!(claimed.post.state.word(), "publishing");
        go.send(()).unwrap();
    };
    let (turn, ()) = tokio::join!(stage.lane.turn(), bug);
    turn.unwrap();
    stage.run_until(3600).await;
    assert!(matches!(stage.channel_row().await.blocked, Some(Block::Alarm { .. })));
    assert_eq!(stage.notices().await, [says(Level::Alarm, "channel.main.blocked")]);
    assert_eq!(stage.state("p").await, "published");
    assert_eq!(stage.state("q").await, "scheduled", "nothing more goes out there");
}

/// What the platform said at noon of a limit of 20 calls that counts anew after 600 s.
fn said(scope: PauseScope, left: u64) -> Said {
    Said {
        word: "calls".to_owned(),
        scope,
        channel: "other".to_owned(),
        used: (20 - left) * 50_000,
        left: Some(left),
        resets: Some(at(600)),
        at: at(0),
    }
}

#[tokio::test]
async fn near_the_end_of_a_limit_what_is_left_is_spread_but_for_breaking_news() {
    let ours = PauseScope::Credential("the credential".to_owned());
    // Scope, what is left, breaking; when the two posts are sent.
    for (scope, left, urgency, expected) in [
        (ours.clone(), 1, Urgency::Normal, [300, 601]),
        (ours.clone(), 1, Urgency::Breaking, [0, 601]),
        (ours.clone(), 2, Urgency::Normal, [200, 300]),
        (ours, 0, Urgency::Breaking, [601, 601]),
        (PauseScope::App("another".to_owned()), 0, Urgency::Normal, [0, 0]),
    ] {
        let mut stage = Stage::set(Set::default()).await;
        for id in ["p", "q"] {
            stage.post_with(id, |post| post.urgency = urgency).await;
        }
        let limit = said(scope, left);
        commit!(stage.store, |conn| limit::put(conn, &limit, true).await).unwrap();
        stage.run_until(900).await;
        assert_eq!(sent(&stage), expected, "{left} left, {urgency:?}");
    }
}
