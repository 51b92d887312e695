//! Each answer that says no leads to its reaction, as reliability.md section 3 has it; each way of telling a limit is
//! understood; a token that ends is renewed or stops its channel only; a redirect is followed by nothing.

use bugle::model::channel::{Block, PauseScope};
use bugle::model::receipt::Outcome;
use bugle::platform::{PauseScopeKind, Recovery};
use jiff::SignedDuration;

use super::stage::Stage;
use super::stand::{Class, Ends, Make, Refusal};
use crate::fakes::fault::{Fault, Wait};
use crate::fakes::feed::{FETCH, FakeFeed};
use crate::fakes::http::Reply;

/// The class under which the first refused step is stored.
async fn stored(stage: &Stage) -> String {
    let attempts = stage.attempts("p").await;
    let refused = attempts.iter().find_map(|row| match &row.attempt.outcome {
        Some(Outcome::Not { class, .. }) => Some(class.clone()),
        Some(Outcome::Unknown { .. }) => Some("unknown".to_owned()),
        Some(Outcome::Done { .. }) | None => None,
    });
    refused.unwrap_or_else(|| panic!("no step was refused: {attempts:#?}"))
}

pub async fn each_refusal_has_its_reaction(make: Make) {
    let stage = Stage::set(make).await;
    let (refusals, lacks) = (stage.stand.refusals(), stage.stand.lacks());
    for class in Class::ALL {
        let named = refusals.iter().any(|it| it.class == class);
        let lacking = lacks.iter().any(|(lacking, why)| *lacking == class && !why.is_empty());
        assert!(named != lacking, "{}: {class:?} has no answer, or one and a reason for none", stage.stand.platform());
    }
    let needed = [Class::Rejected, Class::Unlisted];
    assert!(lacks.iter().all(|(class, _)| !needed.contains(class)), "every platform refuses a text, or surprises");
    for refusal in refusals {
        each(make, refusal).await;
    }
}

async fn each(make: Make, refusal: Refusal) {
    let Refusal { class, reply, at } = refusal;
    let what = format!("{class:?} {} {}", reply.status, String::from_utf8_lossy(&reply.body));
    let mut stage = Stage::set(make).await;
    let at = if at.is_empty() { stage.stand.ends().create } else { at };
    stage.post("p").await;
    // As long as it lasts: a renewal does not help, a second try fares no better.
    let lasts = if matches!(class, Class::Duplicate | Class::Unlisted) { 1 } else { 20 };
    stage.strike_from(at, 0, lasts, Fault::Instead(reply));
    stage.settle().await;
    let story = stage.story().await;
    let expected = match class {
        Class::Auth => "auth",
        Class::Forbidden | Class::Credits => "forbidden",
        Class::Gone => "gone",
        Class::Rejected => "rejected",
        Class::Duplicate => "duplicate",
        Class::Unlisted => "unknown",
    };
    assert_eq!(stored(&stage).await, expected, "{what}\n{story}");
    let blocked = stage.channel_row().await.blocked;
    let (state, notices) = (stage.state("p").await, stage.notices().await);
    match class {
        Class::Auth | Class::Forbidden | Class::Gone => {
            let fits = match class {
                Class::Auth => matches!(blocked, Some(Block::Token { .. })),
                Class::Forbidden => matches!(blocked, Some(Block::Forbidden { .. })),
                _ => matches!(blocked, Some(Block::Gone { .. })),
            };
            assert!(fits, "{what}: {blocked:?}");
            assert_eq!((state, notices), ("scheduled", vec!["channel.main.blocked".to_owned()]), "{what}");
        }
        Class::Credits => {
            let pauses = stage.pauses().await;
            let credential = stage.channel.credential().expect("its secrets are there");
            let scope = stage.channel.scope(PauseScopeKind::App, &credential);
            assert!(matches!(scope, PauseScope::App(_)), "the account knows its app");
            assert_eq!(pauses.iter().map(|it| (&it.scope, it.until)).collect::<Vec<_>>(), [(&scope, None)], "{what}");
            assert_eq!((state, blocked), ("scheduled", None), "{what}");
        }
        Class::Rejected => {
            assert_eq!((state, blocked), ("failed", None), "{what}");
            assert_eq!(notices, ["post.p.failed"], "{what}");
        }
        Class::Duplicate => {
            assert_eq!(blocked, None, "{what}");
            let state = stage.rest("p").await;
            assert_eq!(state, "held", "{what}: it is not there, and nobody sends it again: {}", stage.story().await);
            assert_eq!(stage.shown().await, [], "{what}");
            return;
        }
        Class::Unlisted => {
            assert_eq!(blocked, None, "{what}");
            let state = stage.rest("p").await;
            let blind = stage.stand.recovery() == Recovery::Blind;
            assert_eq!(state, if blind { "held" } else { "published" }, "{what}\n{}", stage.story().await);
            assert_eq!(stage.shown().await.len(), usize::from(!blind), "{what}");
            return;
        }
    }
    let row = stage.row("p").await;
    assert_eq!(row.sent, None, "{what}: what was not sent is not counted");
    assert_eq!(row.post.attempts, u16::from(class == Class::Rejected), "{what}");
    assert_eq!(stage.shown().await, [], "{what}");
    // Nothing more is tried while it stands.
    let tried = stage.sends();
    stage.run_for(3600).await;
    assert_eq!((stage.sends(), stage.shown().await.len()), (tried, 0), "{what}");
    if class == Class::Rejected {
        return;
    }
    // A person sees to it: the queue goes on.
    stage.heal();
    stage.reopen().await;
    assert_eq!(stage.rest("p").await, "published", "{what}\n{}", stage.story().await);
    assert_eq!(stage.shown().await.len(), 1, "{what}");
}

pub async fn each_way_to_tell_a_limit_is_understood(make: Make) {
    let noon = crate::store::at(0);
    let date = noon + SignedDuration::from_secs(150);
    let forms = [
        (Wait::Seconds(90), Some(90)),
        (Wait::Date(date), Some(150)),
        (Wait::Garbage, None),
        (Wait::Absent, None),
        (Wait::Seconds(31_536_000), Some(86_400)),
    ];
    let mut told = 0;
    for (wait, asked) in forms {
        let stage = Stage::set(make).await;
        let own = stage.stand.too_many(wait).map(|reply| (reply, stage.stand.reach()));
        // A gateway before the platform says 429 as well, and knows nothing of the platform's forms.
        let gateway = (wait.on(Reply::gateway(429)), stage.stand.gateway_reach());
        let rest = stage.stand.rest(wait, asked);
        drop(stage);
        for (reply, reach) in own.into_iter().chain([gateway]) {
            rests(make, &format!("{wait:?}"), reply, rest, reach).await;
            told += 1;
        }
    }
    let stage = Stage::set(make).await;
    for limit in stage.stand.more_limits() {
        rests(make, limit.what, limit.reply, limit.rest, limit.reach).await;
        told += 1;
    }
    assert!(told > 5, "{} has no answer of its own over a limit", stage.stand.platform());
}

/// `seconds`: how long the platform asks to wait; `None`: it says nothing usable, and the wait is Bugle's own minute.
async fn rests(make: Make, what: &str, reply: Reply, seconds: Option<i64>, reach: PauseScopeKind) {
    let what = format!("{what} {} {}", reply.status, String::from_utf8_lossy(&reply.body));
    let mut stage = Stage::set(make).await;
    let (scale, start) = (stage.scale(), stage.now());
    stage.post("p").await;
    stage.strike(stage.stand.ends().create, Fault::Instead(reply));
    stage.settle().await;
    assert_eq!(stored(&stage).await, "rate_limited", "{what}\n{}", stage.story().await);
    let row = stage.row("p").await;
    assert_eq!((row.post.state.word(), row.post.attempts, row.sent), ("scheduled", 0, None), "{what}");
    let pauses = stage.pauses().await;
    let credential = stage.channel.credential().expect("its secrets are there");
    let scope = stage.channel.scope(reach, &credential);
    // What the answer says of an allowance that is used up may pause more beside.
    let pause =
        pauses.iter().find(|it| it.scope == scope).unwrap_or_else(|| panic!("{what}: {scope:?} is not in {pauses:#?}"));
    let until = pause.until.expect("a limit ends");
    let rested = until.duration_since(start).as_millis();
    #[expect(clippy::cast_possible_truncation, reason = "a minute at most")]
    let wanted = seconds.map_or((60_000.0 * scale) as i128, |seconds| i128::from(seconds) * 1000);
    assert!((rested - wanted).abs() <= 1000, "{what}: rests {rested} ms, {wanted} ms were asked for");
    let sends = stage.sends();
    if seconds.is_some_and(|seconds| seconds >= 3600) {
        // Nothing is sent for as long as a day; what becomes of so old a post is tried elsewhere.
        stage.run_for(3500).await;
        assert_eq!((stage.sends(), stage.state("p").await), (sends, "scheduled"), "{what}");
        return;
    }
    stage.run_until(until - SignedDuration::from_millis(500)).await;
    assert_eq!(stage.sends(), sends, "{what}: not before its time");
    assert_eq!(stage.rest("p").await, "published", "{what}\n{}", stage.story().await);
    assert_eq!(stage.shown().await.len(), 1, "{what}");
    assert_eq!(stage.channel_row().await.blocked, None, "{what}");
}

pub async fn a_token_that_ends_is_renewed_or_stops_the_channel(make: Make) {
    // It ends after the account has introduced itself, and is found out by the send.
    let mut stage = Stage::set(make).await;
    stage.post("p").await;
    if stage.stand.expire() {
        assert_eq!(stage.rest("p").await, "published", "{}", stage.story().await);
        assert_eq!(stage.channel_row().await.blocked, None, "nobody need look");
        assert_eq!((stage.shown().await.len(), stage.notices().await.len()), (1, 0));
        stage.post("next").await;
        assert_eq!(stage.rest("next").await, "published", "the new one is kept: {}", stage.story().await);
    }
    let mut stage = Stage::set(make).await;
    if !stage.stand.revoke() {
        return;
    }
    stage.post("p").await;
    stage.settle().await;
    let blocked = stage.channel_row().await.blocked;
    assert!(matches!(blocked, Some(Block::Token { .. })), "{blocked:?}\n{}", stage.story().await);
    assert_eq!((stage.state("p").await, stage.shown().await.len()), ("scheduled", 0));
    assert_eq!(stage.notices().await, ["channel.main.blocked"]);
    let requests = stage.requests();
    stage.run_for(3600).await;
    assert_eq!(stage.requests(), requests, "a dead token is not shown around");
    stage.stand.restore();
    stage.reopen().await;
    assert_eq!(stage.rest("p").await, "published", "{}", stage.story().await);
    assert_eq!(stage.shown().await.len(), 1);
}

pub async fn a_redirect_is_followed_by_nothing(make: Make) {
    let of = |pick: fn(&Ends) -> super::stand::Names| pick;
    let ends = [
        ("create", of(|ends| ends.create)),
        ("prepare", of(|ends| ends.prepare)),
        ("find", of(|ends| ends.find)),
        ("delete", of(|ends| ends.delete)),
        ("edit", of(|ends| ends.edit)),
        ("who", of(|ends| ends.who)),
    ];
    for (what, pick) in ends {
        for status in [301, 307] {
            // Allowed as an address, so that only the refusal to follow keeps the credential here.
            let mut stage = Stage::unknown(make, super::stage::Set::default()).await;
            let at = pick(&stage.stand.ends());
            if at.is_empty() {
                break;
            }
            let trap: &FakeFeed = &stage.web;
            let asked = |trap: &FakeFeed| trap.seen().iter().filter(|it| it.request.path.starts_with("/trap")).count();
            let to = trap.at("/trap");
            let redirect = Reply::empty(status).header("Location", to);
            if what == "who" {
                stage.strike_from(at, 0, 3, Fault::Instead(redirect));
                stage.settle().await;
                assert_eq!(asked(&stage.web), 0, "{what} {status}");
                continue;
            }
            stage.settle().await;
            stage.post("p").await;
            match what {
                "create" | "prepare" => stage.strike(at, Fault::Instead(redirect)),
                "find" => {
                    let create = stage.stand.ends().create;
                    stage.strike(create, Fault::ResetAfter);
                    stage.settle_until_sent(create).await;
                    stage.strike_from(at, 0, 2, Fault::Instead(redirect));
                }
                _ => {}
            }
            if matches!(what, "delete" | "edit") {
                assert_eq!(stage.rest("p").await, "published", "{}", stage.story().await);
                let redirect = Reply::empty(status).header("Location", stage.web.at("/trap"));
                stage.strike(at, Fault::Instead(redirect));
                match what {
                    "delete" => drop(stage.retract("p").await),
                    _ => stage.edit("p", "Corrected https://news.example/p").await.expect("it can be changed"),
                }
                stage.run_for(1200).await;
            } else {
                stage.rest("p").await;
            }
            assert!(stage.shown().await.len() <= 1, "{what} {status}: {}", stage.story().await);
            assert_eq!(asked(&stage.web), 0, "{what} {status}: {:#?}", stage.web.seen());
            let fetched = stage
                .web
                .seen()
                .iter()
                .filter(|it| it.endpoint == FETCH && it.request.header("authorization").is_some())
                .count();
            assert_eq!(fetched, 0, "{what} {status}: a credential went to another server");
        }
    }
}
