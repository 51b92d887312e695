//! Threads of five parts where the platform threads: each part once and under the one before, whatever is lost or dies
//! between any two; where it does not, the parts are one text.

use bugle::model::receipt::Op;
use bugle::platform::Recovery;

use super::stage::{LINK, Stage};
use super::stand::Make;
use crate::fakes::fault::Fault;
use crate::fakes::http::Reply;

/// The words by which each part is known.
const WORDS: [&str; 5] = ["The first", "The second", "The third", "The fourth", "The fifth"];

fn five() -> String {
    let part = |(n, words): (usize, &&str)| match n {
        0 => format!("{words} of five\n{LINK}"),
        _ => format!("{words} of five"),
    };
    WORDS.iter().enumerate().map(part).collect::<Vec<_>>().join("\n---\n")
}

/// Each part once, each under the one before.
async fn is_whole(stage: &Stage, what: &str) {
    let shown = stage.shown().await;
    assert_eq!(shown.len(), 5, "{what}\n{}", stage.story().await);
    for (n, (part, words)) in shown.iter().zip(WORDS).enumerate() {
        assert!(part.text.contains(words), "{what}: {shown:#?}");
        let parent = n.checked_sub(1).map(|before| shown[before].id.as_str());
        assert_eq!(part.parent.as_deref(), parent, "{what}: {shown:#?}");
    }
    let receipt = stage.receipt("p").await;
    assert_eq!(receipt.parts.len(), 5, "{what}: {receipt:?}");
    assert_eq!(receipt.remote_id.as_ref(), receipt.parts.first(), "{what}: {receipt:?}");
}

/// No part twice, none out of order; what is missing is a person's.
async fn is_at_most_once(stage: &Stage, what: &str) {
    let shown = stage.shown().await;
    for words in WORDS {
        let times = shown.iter().filter(|part| part.text.contains(words)).count();
        assert!(times <= 1, "{what}: {shown:#?}");
    }
    assert_eq!(stage.state("p").await, "held", "{what}\n{}", stage.story().await);
}

async fn threads(make: Make) -> bool {
    Stage::set(make).await.channel.account.threads()
}

pub async fn parts_stand_under_each_other(make: Make) {
    let mut stage = Stage::set(make).await;
    stage.post_of("p", &five()).await;
    assert_eq!(stage.rest("p").await, "published", "{}", stage.story().await);
    if !stage.channel.account.threads() {
        let shown = stage.shown().await;
        assert_eq!(shown.len(), 1, "one text: {shown:#?}");
        assert!(WORDS.iter().all(|words| shown[0].text.contains(words)), "{shown:#?}");
        return;
    }
    is_whole(&stage, "nothing goes wrong").await;
    if stage.can(Op::Delete) {
        stage.retract("p").await.expect("it can be taken down");
        stage.run_for(1200).await;
        assert_eq!(stage.visible().await, [], "{}", stage.story().await);
    }
}

pub async fn a_lost_answer_to_any_part_sends_none_twice(make: Make) {
    if !threads(make).await {
        return;
    }
    for n in [1, 2, 5] {
        for fault in [Fault::ResetBefore, Fault::ResetAfter, Fault::status_after(502)] {
            let what = format!("part {n} {fault:?}");
            let mut stage = Stage::set(make).await;
            stage.post_of("p", &five()).await;
            stage.strike_from(stage.stand.ends().create, n - 1, 1, fault);
            stage.rest("p").await;
            match stage.stand.recovery() {
                Recovery::Blind => is_at_most_once(&stage, &what).await,
                _ => is_whole(&stage, &what).await,
            }
        }
    }
}

pub async fn a_death_between_any_two_parts_sends_none_twice(make: Make) {
    if !threads(make).await {
        return;
    }
    for n in 1..=5 {
        for fault in [Fault::HangBefore, Fault::HangAfter] {
            let what = format!("part {n} {fault:?}");
            let mut stage = Stage::set(make).await;
            stage.post_of("p", &five()).await;
            stage.die_on(stage.stand.ends().create, n, fault).await;
            stage.rest("p").await;
            match stage.stand.recovery() {
                Recovery::Blind => is_at_most_once(&stage, &what).await,
                _ => is_whole(&stage, &what).await,
            }
        }
    }
}

pub async fn a_limit_between_two_parts_is_waited_for(make: Make) {
    if !threads(make).await {
        return;
    }
    let mut stage = Stage::set(make).await;
    stage.post_of("p", &five()).await;
    stage.strike_from(stage.stand.ends().create, 2, 1, Fault::Instead(Reply::gateway(429)));
    assert_eq!(stage.rest("p").await, "published", "{}", stage.story().await);
    is_whole(&stage, "a limit at the third part").await;
}
