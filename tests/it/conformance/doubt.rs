//! The answer to a send is lost, before it was carried out or after, and the look-up may be slow, stingy or unclear: where
//! the platform lets itself be asked the post is out exactly once, elsewhere at most once and a person is told.

use std::time::Duration;

use bugle::model::post::HoldReason;
use bugle::platform::Recovery;

use super::stage::{LINK, Set, Stage};
use super::stand::{Make, Proof};
use crate::fakes::fault::{Fault, Wait};
use crate::fakes::http::Reply;

/// `[timing] scale` of trials in which something hangs: a platform's deadline of 25 s becomes a second.
const QUICK: f64 = 0.04;

/// A fault that leaves the client without a clear answer, also where the status alone would be one.
fn broken_wire() -> Vec<(&'static str, Fault)> {
    vec![
        ("reset before", Fault::ResetBefore),
        ("reset after", Fault::ResetAfter),
        ("half a body", Fault::HalfBody),
        ("hangs before", Fault::HangBefore),
        ("hangs after", Fault::HangAfter),
        ("drips", Fault::Drip(Duration::from_millis(20))),
    ]
}

/// Answers that say nothing clear.
fn odd_answers() -> Vec<(&'static str, Fault)> {
    vec![
        ("500, not carried out", Fault::status(500)),
        ("500, carried out", Fault::status_after(500)),
        ("502", Fault::status(502)),
        ("503", Fault::status(503)),
        ("504, carried out", Fault::status_after(504)),
        ("408", Fault::status(408)),
    ]
}

/// Answers with 200 that name nothing.
fn empty_answers() -> Vec<(&'static str, Fault)> {
    vec![("malformed", Fault::malformed()), ("without an id", Fault::without_id()), ("a page", Fault::wrong_type())]
}

pub async fn a_broken_wire_leads_to_one_post(make: Make) {
    let proof = Stage::set(make).await.stand.proof();
    for (what, fault) in broken_wire() {
        // A body that is cut short is no answer, where there is a body.
        if proof == Proof::Header && matches!(fault, Fault::HalfBody) {
            continue;
        }
        lost(make, what, fault).await;
    }
}

pub async fn an_odd_answer_leads_to_one_post(make: Make) {
    for (what, fault) in odd_answers() {
        lost(make, what, fault).await;
    }
    let proof = Stage::set(make).await.stand.proof();
    for (what, fault) in empty_answers() {
        match proof {
            Proof::Id | Proof::Header | Proof::Word => lost(make, what, fault).await,
            Proof::Status => {
                let mut stage = Stage::set(make).await;
                stage.post("p").await;
                stage.strike(stage.stand.ends().create, fault);
                assert_eq!(stage.rest("p").await, "published", "{what}: {}", stage.story().await);
                assert_eq!((stage.sends(), stage.shown().await.len()), (1, 1), "{what}");
            }
        }
    }
}

async fn lost(make: Make, what: &str, fault: Fault) {
    let hangs = matches!(fault, Fault::HangBefore | Fault::HangAfter | Fault::Drip(_));
    let scale = hangs.then_some(QUICK);
    let mut stage = Stage::with(make, Set { scale, ..Set::default() }).await;
    stage.post("p").await;
    let out = fault.carries_out();
    stage.strike(stage.stand.ends().create, fault);
    let state = stage.rest("p").await;
    let (shown, sends) = (stage.shown().await, stage.sends());
    let story = stage.story().await;
    match stage.stand.recovery() {
        Recovery::Blind => {
            assert_eq!(state, "held", "{what}\n{story}");
            assert!(matches!(stage.held("p").await, HoldReason::Doubt { .. }), "{what}");
            assert_eq!(stage.notices().await, ["post.p.held"], "{what}");
            assert_eq!((sends, shown.len()), (1, usize::from(out)), "{what}: at most once\n{story}");
        }
        recovery @ (Recovery::OwnId | Recovery::Key { .. } | Recovery::Look) => {
            assert_eq!(state, "published", "{what}\n{story}");
            assert_eq!(shown.len(), 1, "{what}: exactly once\n{story}");
            assert_eq!(shown[0].link.as_deref(), Some(LINK), "{what}");
            assert_eq!(stage.notices().await, Vec::<String>::new(), "{what}\n{story}");
            if out && recovery == Recovery::Look {
                assert_eq!(sends, 1, "{what}: found by looking, not by sending again\n{story}");
            }
            if stage.stand.proof() == Proof::Id {
                assert!(stage.receipt("p").await.remote_id.is_some(), "{what}");
            }
        }
    }
    // What was settled stays so.
    stage.heal();
    stage.run_for(7200).await;
    assert_eq!(stage.shown().await.len(), shown.len(), "{what}\n{}", stage.story().await);
}

pub async fn a_look_up_that_lags_makes_no_second_post(make: Make) {
    let mut stage = Stage::set(make).await;
    let two_minutes = Duration::from_secs(120).mul_f64(stage.scale());
    let lags = stage.stand.lag(two_minutes);
    assert!(lags || stage.stand.recovery() != Recovery::Look, "a platform that is looked at can lag");
    if !lags {
        return;
    }
    stage.post("p").await;
    stage.strike(stage.stand.ends().create, Fault::ResetAfter);
    assert_eq!(stage.rest("p").await, "published", "{}", stage.story().await);
    assert_eq!(stage.shown().await.len(), 1, "{}", stage.story().await);
    if stage.stand.recovery() == Recovery::Look {
        assert_eq!(stage.sends(), 1, "{}", stage.story().await);
    }
}

pub async fn a_look_up_without_an_answer_proves_nothing(make: Make) {
    let stage = Stage::set(make).await;
    let (recovery, limited) = (stage.stand.recovery(), stage.stand.too_many(Wait::Seconds(90)));
    let looks = !stage.stand.ends().find.is_empty();
    drop(stage);
    // A receiver that takes an id once need not be asked; everybody else who is not blind is.
    assert!(looks || matches!(recovery, Recovery::Blind | Recovery::OwnId));
    if !looks {
        return;
    }
    let replies = [Reply::gateway(404), Reply::gateway(429), Reply::gateway(503), Reply::text(200, "text/html", "<p>")];
    for reply in replies.into_iter().chain(limited) {
        let what = format!("{} {}", reply.status, String::from_utf8_lossy(&reply.body));
        let mut stage = Stage::set(make).await;
        let ends = stage.stand.ends();
        stage.post("p").await;
        stage.strike(ends.create, Fault::ResetAfter);
        stage.settle_until_sent(ends.create).await;
        stage.strike_from(ends.find, 0, usize::MAX, Fault::Instead(reply));
        let looks = stage.count(ends.find);
        let minutes = Duration::from_secs(1800).mul_f64(stage.scale());
        stage.run_for(i64::try_from(minutes.as_secs()).expect("half an hour")).await;
        assert!(stage.count(ends.find) > looks, "{what}: it was looked up\n{}", stage.story().await);
        let (state, sends, shown) = (stage.state("p").await, stage.sends(), stage.shown().await.len());
        assert_eq!(shown, 1, "{what}\n{}", stage.story().await);
        if matches!(recovery, Recovery::Key { .. }) {
            // The same key again is harmless, and its answer settles it.
            assert_eq!((state, sends), ("published", 2), "{what}\n{}", stage.story().await);
            continue;
        }
        assert_eq!((state, sends), ("uncertain", 1), "{what}\n{}", stage.story().await);
        stage.heal();
        assert_eq!(stage.rest("p").await, "published", "{what}\n{}", stage.story().await);
        assert_eq!((stage.sends(), stage.shown().await.len()), (1, 1), "{what}\n{}", stage.story().await);
    }
}

pub async fn a_look_up_that_shows_two_is_a_persons(make: Make) {
    let mut stage = Stage::set(make).await;
    let ends = stage.stand.ends();
    stage.post("p").await;
    stage.strike(ends.create, Fault::ResetAfter);
    // The request is carried out, its answer is lost, and before anybody looks there is another.
    stage.settle_until_sent(ends.create).await;
    let twin = stage.stand.twin();
    let recovery = stage.stand.recovery();
    assert!(twin || recovery != Recovery::Look, "where posts are told apart by looking, two can be alike");
    if !twin {
        return;
    }
    assert_eq!(stage.shown().await.len(), 2, "{}", stage.story().await);
    let state = stage.rest("p").await;
    match recovery {
        Recovery::Look => {
            assert_eq!(state, "held", "{}", stage.story().await);
            assert!(matches!(stage.held("p").await, HoldReason::Doubt { .. }));
            assert_eq!(stage.sends(), 1, "{}", stage.story().await);
        }
        _ => assert_eq!(stage.shown().await.len(), 2, "nothing is added: {}", stage.story().await),
    }
}

pub async fn a_process_that_dies_while_it_sends_posts_once(make: Make) {
    for fault in [Fault::HangBefore, Fault::HangAfter] {
        let out = fault.carries_out();
        let mut stage = Stage::set(make).await;
        stage.post("p").await;
        stage.die_on(stage.stand.ends().create, 1, fault).await;
        let state = stage.rest("p").await;
        let shown = stage.shown().await.len();
        match stage.stand.recovery() {
            Recovery::Blind => {
                assert_eq!((state, shown), ("held", usize::from(out)), "{}", stage.story().await);
                assert_eq!(stage.sends(), 1);
            }
            _ => assert_eq!((state, shown), ("published", 1), "{}", stage.story().await),
        }
    }
}

/// A post that is prepared before it is shown: an unseen preparation that got lost is made again, and leaves no doubt.
pub async fn a_lost_preparation_is_made_again(make: Make) {
    let faults = [Fault::ResetBefore, Fault::ResetAfter, Fault::status_after(502), Fault::without_id()];
    for fault in faults {
        let what = format!("{fault:?}");
        let mut stage = Stage::set(make).await;
        let ends = stage.stand.ends();
        if ends.prepare.is_empty() {
            return;
        }
        stage.post("p").await;
        stage.strike(ends.prepare, fault);
        assert_eq!(stage.rest("p").await, "published", "{what}\n{}", stage.story().await);
        assert_eq!((stage.sends(), stage.shown().await.len()), (1, 1), "{what}\n{}", stage.story().await);
        assert!(stage.count(ends.prepare) >= 2, "{what}\n{}", stage.story().await);
    }
}
