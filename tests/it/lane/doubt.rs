//! Posts whose answer was lost: when each class looks, what it does with what it sees, and that nothing is sent blindly.

use std::time::Duration;

use bugle::model::notice::Level;
use bugle::model::post::HoldReason;
use bugle::model::receipt::Known;
use bugle::platform::{ConnectError, Lookup, PublishError, Recovery};
use bugle::publish::{OnUncertain, recover};
use bugle::store::StoreError;

use super::{Call, FIRST, SECOND, Set, Stage, UPLOAD, found, lost, says};
use crate::store::{at, commit};

const HOUR: Recovery = Recovery::Key { window: Duration::from_secs(3600) };

async fn in_doubt(recovery: Recovery, lost_answers: usize) -> Stage {
    let stage = Stage::set(Set { recovery, ..Set::default() }).await;
    stage.post("p").await;
    stage.platform.answers(FIRST, (0..lost_answers).map(|_| Err(lost())));
    stage
}

fn sent(stage: &Stage) -> Vec<i64> {
    stage.platform.sent().into_iter().map(|(when, _)| when).collect()
}

#[tokio::test]
async fn each_class_looks_at_its_times_and_sends_again() {
    for (recovery, looks, sends) in [
        (Recovery::OwnId, vec![0], vec![0, 0]),
        (HOUR, vec![60], vec![0, 60]),
        (Recovery::Look, vec![60, 300], vec![0, 300]),
    ] {
        let mut stage = in_doubt(recovery, 1).await;
        stage.run_until(1000).await;
        assert_eq!(stage.platform.looks(), looks, "{recovery:?}");
        assert_eq!(sent(&stage), sends, "{recovery:?}");
        assert_eq!(stage.state("p").await, "published", "{recovery:?}");
        let bodies = stage.platform.bodies();
        assert_eq!(bodies[0], bodies[1], "{recovery:?}: the same bytes");
        assert_eq!(stage.receipt("p").await.how, Known::Answered);
    }
}

#[tokio::test]
async fn what_is_found_is_never_sent_again() {
    for recovery in [Recovery::OwnId, HOUR, Recovery::Look] {
        let mut stage = in_doubt(recovery, 1).await;
        stage.platform.finds([Ok(found("77"))]);
        stage.run_until(1000).await;
        let receipt = stage.receipt("p").await;
        assert_eq!((receipt.remote_id.as_deref(), receipt.how), (Some("77"), Known::Found), "{recovery:?}");
        assert_eq!((sent(&stage).len(), stage.platform.looks().len()), (1, 1), "{recovery:?}");
        assert_eq!(stage.row("p").await.sent, Some(at(0)), "{recovery:?}: it counts from when it went out");
    }
}

/// A look-up that finds it the second time only: the list lagged.
#[tokio::test]
async fn absence_is_believed_only_when_it_is_seen_twice() {
    let mut stage = in_doubt(Recovery::Look, 1).await;
    stage.platform.finds([Ok(Lookup::Absent), Ok(found("77"))]);
    stage.run_until(1000).await;
    assert_eq!((stage.platform.looks(), sent(&stage)), (vec![60, 300], vec![0]));
    assert_eq!(stage.state("p").await, "published");
}

#[tokio::test]
async fn a_post_is_sent_again_twice_at_most() {
    let mut stage = in_doubt(Recovery::Look, 9).await;
    stage.run_until(3 * 3600).await;
    assert_eq!(sent(&stage), [0, 300, 600]);
    assert_eq!(stage.platform.looks(), [60, 300, 360, 600, 660, 900]);
    assert!(matches!(stage.held("p").await, HoldReason::Doubt { .. }));
    assert_eq!(stage.notices().await, [says(Level::Warn, "post.p.held")]);
    assert_eq!(stage.row("p").await.post.attempts, 3);
}

#[tokio::test]
async fn where_nothing_can_be_asked_it_goes_out_once() {
    let mut stage = in_doubt(Recovery::Blind, 9).await;
    stage.run_until(3600).await;
    assert_eq!((sent(&stage), stage.platform.looks()), (vec![0], vec![]));
    assert!(matches!(stage.held("p").await, HoldReason::Doubt { .. }));
    assert_eq!(stage.notices().await, [says(Level::Warn, "post.p.held")]);
}

#[tokio::test]
async fn unless_the_config_says_that_twice_is_better_than_never() {
    let set = Set { recovery: Recovery::Blind, on_uncertain: OnUncertain::Repost, ..Set::default() };
    for (lost_answers, times, state) in [(1, 2, "published"), (2, 3, "published"), (9, 3, "held")] {
        let mut stage = Stage::set(set.clone()).await;
        stage.post("p").await;
        stage.platform.answers(FIRST, (0..lost_answers).map(|_| Err(lost())));
        stage.run_until(3600).await;
        assert_eq!((sent(&stage).len(), stage.state("p").await), (times, state), "{lost_answers}");
    }
}

#[tokio::test]
async fn a_key_is_repeated_whatever_the_look_up_says_while_it_lives() {
    let unsure = || Ok(Lookup::CannotTell("two of them".to_owned()));
    for answer in [Ok(Lookup::Absent), unsure(), Err(lost())] {
        let mut stage = in_doubt(HOUR, 1).await;
        stage.platform.finds([answer.clone()]);
        stage.run_until(1000).await;
        assert_eq!(sent(&stage), [0, 60], "{answer:?}");
    }
    // The process comes back after the key's time: then two look-ups count, and what is unclear is a person's.
    for (answer, state, sends) in [(Ok(Lookup::Absent), "published", 2), (unsure(), "held", 1)] {
        let mut stage = in_doubt(HOUR, 1).await;
        stage.settle_once().await;
        stage.clock.set(at(3600));
        stage.platform.finds([answer.clone(), answer.clone()]);
        stage.run_until(3700).await;
        assert_eq!((stage.state("p").await, sent(&stage).len()), (state, sends), "{answer:?}");
    }
}

/// The repeat is refused for certain, and when it may go the platform has forgotten the key: a new send would be a second
/// post where the first one shows late. It is looked for twice, five minutes after it was last sent.
#[tokio::test]
async fn a_key_that_died_before_its_repeat_counts_as_look() {
    let minutes = Recovery::Key { window: Duration::from_secs(120) };
    let limited = PublishError::RateLimited {
        until: Some(at(130)),
        scope: bugle::platform::PauseScopeKind::Channel,
        said: "429".to_owned(),
    };
    for (shows, sends, state) in
        [(Ok(Lookup::Absent), vec![0, 60, 360], "published"), (Ok(found("77")), vec![0, 60], "published")]
    {
        let mut stage = Stage::set(Set { recovery: minutes, ..Set::default() }).await;
        stage.post("p").await;
        stage.platform.answers(FIRST, [Err(lost()), Err(limited.clone())]);
        stage.platform.finds([Ok(Lookup::Absent), Ok(Lookup::Absent), shows.clone()]);
        stage.run_until(1000).await;
        assert_eq!(stage.platform.looks(), [60, 120, 360], "{shows:?}");
        assert_eq!((sent(&stage), stage.state("p").await), (sends, state), "{shows:?}");
    }
}

#[tokio::test]
async fn no_answer_is_no_absence() {
    for recovery in [Recovery::OwnId, Recovery::Look] {
        let mut stage = in_doubt(recovery, 1).await;
        let limited = PublishError::RateLimited {
            until: None,
            scope: bugle::platform::PauseScopeKind::Channel,
            said: "429".to_owned(),
        };
        stage.platform.finds((0..1000).map(|_| Err(limited.clone())));
        stage.run_until(86_300).await;
        assert_eq!((stage.state("p").await, sent(&stage)), ("uncertain", vec![0]), "{recovery:?}");
        let looks = stage.platform.looks();
        let waits: Vec<i64> = looks.windows(2).map(|two| two[1] - two[0]).collect();
        assert_eq!(waits[..7], [60, 120, 240, 480, 960, 1920, 3600], "{recovery:?}");
        assert!(waits[7..].iter().all(|wait| *wait == 3600), "{recovery:?}: {waits:?}");
        stage.run_until(2 * 86_400).await;
        assert!(matches!(stage.held("p").await, HoldReason::Doubt { .. }), "a person after 24 hours");
    }
}

#[tokio::test]
async fn old_news_in_doubt_goes_to_a_person() {
    let mut stage = Stage::set(Set::default()).await;
    stage.post_with("p", |post| post.expires = Some(at(200))).await;
    stage.platform.answers(FIRST, [Err(lost())]);
    stage.run_until(1000).await;
    assert!(matches!(stage.held("p").await, HoldReason::Doubt { .. }));
    assert_eq!((sent(&stage), stage.platform.looks()), (vec![0], vec![60]));
}

#[tokio::test]
async fn an_unclear_look_up_is_a_persons_to_read() {
    for recovery in [Recovery::OwnId, Recovery::Look] {
        let mut stage = in_doubt(recovery, 1).await;
        stage.platform.finds([Ok(Lookup::CannotTell("two of them".to_owned()))]);
        stage.run_until(1000).await;
        assert_eq!(stage.held("p").await, HoldReason::Doubt { evidence: "two of them".to_owned() }, "{recovery:?}");
        assert_eq!(sent(&stage), [0], "{recovery:?}");
    }
}

#[tokio::test]
async fn a_reported_duplicate_is_looked_up_and_never_sent_again() {
    for recovery in [Recovery::OwnId, HOUR, Recovery::Look] {
        for (answer, state) in [(Ok(found("77")), "published"), (Ok(Lookup::Absent), "held")] {
            let mut stage = Stage::set(Set { recovery, ..Set::default() }).await;
            stage.post("p").await;
            stage.platform.answers(FIRST, [Err(PublishError::Duplicate { said: "again?".to_owned() })]);
            stage.platform.finds([answer.clone()]);
            stage.run_until(1000).await;
            assert_eq!((stage.state("p").await, sent(&stage)), (state, vec![0]), "{recovery:?} {answer:?}");
        }
    }
}

/// The second part's answer is lost and it is found: the receipt is that of the whole thread.
#[tokio::test]
async fn a_thread_in_doubt_is_looked_up_by_its_part() {
    let set = Set { steps: vec![FIRST, SECOND], ..Set::default() };
    for (answers, sends) in [(vec![Ok(found("two"))], 2), (vec![], 3)] {
        let mut stage = Stage::set(set.clone()).await;
        stage.post("p").await;
        stage.platform.answers(FIRST, [Ok(serde_json::json!({ "id": "one" }))]);
        stage.platform.answers(SECOND, [Err(lost()), Ok(serde_json::json!({ "id": "two" }))]);
        stage.platform.finds(answers);
        stage.run_until(1000).await;
        let looked =
            stage.platform.calls().into_iter().map(|(_, call)| call).find(|call| matches!(call, Call::Find(..)));
        assert_eq!(looked, Some(Call::Find(SECOND, Some("one".to_owned()))));
        let receipt = stage.receipt("p").await;
        assert_eq!(
            (receipt.remote_id.as_deref(), &receipt.parts[..]),
            (Some("one"), &["one".into(), "two".into()][..])
        );
        assert_eq!(sent(&stage).len(), sends);
    }
    // The first part's answer is lost: what follows goes out under the one that is found.
    let mut stage = Stage::set(set).await;
    stage.post("p").await;
    stage.platform.answers(FIRST, [Err(lost())]);
    stage.platform.finds([Ok(found("one"))]);
    stage.run_until(1000).await;
    let steps: Vec<_> = stage.platform.sent().into_iter().map(|(_, step)| step).collect();
    assert_eq!(steps, [FIRST, SECOND]);
    assert_eq!(stage.receipt("p").await.parts, ["one", "id of create/1"]);
}

#[tokio::test]
async fn three_lost_answers_in_a_row_open_the_breaker() {
    let mut stage = Stage::set(Set { recovery: Recovery::Blind, ..Set::default() }).await;
    for id in ["1", "2", "3", "4"] {
        stage.post(id).await;
    }
    stage.platform.answers(FIRST, (0..3).map(|_| Err(lost())));
    let down = || Err(ConnectError::Unreachable("down".to_owned()));
    stage.platform.who([down(), down(), Ok(super::me())]);
    stage.run_until(1000).await;
    let calls: Vec<_> =
        stage.platform.calls().into_iter().filter(|(_, call)| !matches!(call, Call::Find(..))).collect();
    let harmless: Vec<i64> = calls.iter().filter(|(_, call)| *call == Call::Who).map(|(when, _)| *when).collect();
    assert_eq!(harmless, [15, 45, 105], "after 15 s, doubled each time");
    assert_eq!(sent(&stage), [0, 0, 0, 105], "and then the fourth");
    assert_eq!(stage.state("4").await, "published");
}

#[tokio::test]
async fn a_repeat_with_the_same_key_passes_the_breaker() {
    let mut stage = Stage::set(Set { recovery: HOUR, ..Set::default() }).await;
    for id in ["1", "2", "3"] {
        stage.post(id).await;
    }
    stage.platform.answers(FIRST, (0..3).map(|_| Err(lost())));
    stage.platform.who((0..100).map(|_| Err(ConnectError::Unreachable("down".to_owned()))));
    stage.platform.finds((0..100).map(|_| Err(lost())));
    stage.run_until(300).await;
    for id in ["1", "2", "3"] {
        assert_eq!(stage.state(id).await, "published", "{id}");
    }
}

#[tokio::test]
async fn in_strict_order_nothing_overtakes_a_post_in_doubt() {
    for (strict_order, second) in [(true, 300), (false, 0)] {
        let mut stage = Stage::set(Set { strict_order, ..Set::default() }).await;
        stage.post("1").await;
        stage.post("2").await;
        stage.platform.answers(FIRST, [Err(lost())]);
        stage.run_until(1000).await;
        let bodies = stage.platform.bodies();
        let at = bodies.iter().position(|body| body.contains("/2")).unwrap();
        assert_eq!(sent(&stage)[at], second, "strict_order = {strict_order}");
        assert_eq!(bodies.len(), 3);
    }
}

/// The process ends in the middle of a step: what it left behind is swept up by the next.
#[tokio::test]
async fn what_a_dead_process_left_behind_is_looked_up() {
    for (steps, state) in [(vec![FIRST], "uncertain"), (vec![UPLOAD, FIRST], "scheduled")] {
        let mut stage = Stage::set(Set { steps, ..Set::default() }).await;
        stage.post("p").await;
        let (entered, go) = stage.platform.gate();
        tokio::select! {
            _ = stage.lane.turn() => panic!("the gate is shut"),
            _ = entered => {}
        }
        assert_eq!(stage.state("p").await, "publishing");
        let own = stage.house.worker.as_str().to_owned();
        let sweep = commit!(stage.store, |conn| recover::sweep(conn, &own, at(1)).await).unwrap();
        assert_eq!(sweep, (0, 0), "its own lease still runs");
        let sweep: Result<_, StoreError> = commit!(stage.store, |conn| recover::sweep(conn, "next", at(1)).await);
        assert_eq!(sweep.unwrap(), if state == "uncertain" { (0, 1) } else { (1, 0) });
        assert_eq!(stage.state("p").await, state);
        drop(go);
        stage.restart();
        stage.run_until(1000).await;
        assert_eq!(stage.state("p").await, "published");
    }
}

/// A thread out of a backup: what is there is noted part by part, the rest goes out under it, nothing goes out twice.
#[tokio::test]
async fn a_restored_thread_goes_on_behind_what_is_there() {
    let cases = [
        (vec![Ok(found("one")), Ok(Lookup::Absent)], vec![SECOND], ["one", "id of create/1"]),
        (vec![Ok(Lookup::Absent)], vec![FIRST, SECOND], ["id of create/0", "id of create/1"]),
        (vec![Ok(found("one")), Ok(found("two"))], vec![], ["one", "two"]),
    ];
    for recovery in [Recovery::OwnId, HOUR, Recovery::Look] {
        for (finds, sends, parts) in cases.clone() {
            let mut stage = Stage::set(Set { recovery, steps: vec![FIRST, SECOND], ..Set::default() }).await;
            let row = stage.post("p").await;
            let mut marked = row.clone();
            marked.verify = true;
            let by = bugle::model::post::Actor::Bugle;
            commit!(stage.store, |conn| bugle::store::post::put(conn, &row, &marked, at(0), &by, "restored").await)
                .expect("written");
            let looks = finds.len();
            stage.platform.finds(finds);
            stage.run_until(60).await;
            let calls: Vec<_> = stage.platform.calls().into_iter().map(|(_, call)| call).collect();
            let looked: Vec<_> = calls.iter().filter(|call| matches!(call, Call::Find(..))).collect();
            assert_eq!(looked.len(), looks, "{recovery:?} {calls:?}");
            if looks == 2 {
                assert_eq!(*looked[1], Call::Find(SECOND, Some("one".to_owned())));
            }
            let sent: Vec<_> = stage.platform.sent().into_iter().map(|(_, step)| step).collect();
            assert_eq!(
                (sent, stage.receipt("p").await.parts),
                (sends, parts.map(str::to_owned).to_vec()),
                "{recovery:?}"
            );
        }
    }
}
