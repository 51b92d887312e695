//! What platforms say of their limits, and what posting costs: kept, counted by day and month, taken back.

use bugle::model::channel::PauseScope;
use bugle::model::id::{AttemptId, PostId};
use bugle::model::limit::Said;
use bugle::model::money::Price;
use bugle::model::receipt::{Attempt, Op, Outcome, Step};
use bugle::publish::book::{Ended, store_ended};
use bugle::store::attempt::{self, AttemptRow};
use bugle::store::spend::{self, Charge};
use bugle::store::{channel, limit};
use jiff::civil::Date;

use super::{Place, at, commit, odd, on_both};

on_both!(
    limits_are_kept_and_counted_down,
    charges_are_counted_by_civil_day_and_month,
    what_proved_absent_is_not_paid,
    what_proved_done_is_paid_once
);

fn said(word: &str, left: Option<u64>) -> Said {
    Said {
        word: word.to_owned(),
        scope: PauseScope::App("digest".to_owned()),
        channel: "main".to_owned(),
        used: 910_000,
        left,
        resets: Some(at(600)),
        at: at(0),
    }
}

async fn limits_are_kept_and_counted_down(place: Place) {
    let store = place.open().await;
    let word = odd().chars().take(300).collect::<String>();
    let (first, share, easy) = (said("calls", Some(9)), said("share", None), said(&word, Some(90)));
    commit!(store, |conn| {
        channel::ensure(conn, "main", "x", at(0)).await?;
        limit::put(conn, &first, true).await?;
        limit::put(conn, &share, true).await?;
        limit::put(conn, &easy, false).await
    })
    .unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(channel::gate(&mut conn, "main").await.unwrap().limits, 2);
    let mut tight = limit::tight(&mut conn).await.unwrap();
    tight.sort_by(|a, b| a.word.cmp(&b.word));
    assert_eq!(tight, [said("calls", Some(9)), said("share", None)]);
    assert_eq!(limit::all(&mut conn).await.unwrap().len(), 3);
    // Calls about to be made are counted where a number is told, never below nothing; the platform's next word counts.
    let (calls, share) = (said("calls", Some(9)), said("share", None));
    commit!(store, |conn| {
        limit::take(conn, &calls, 4).await?;
        limit::take(conn, &share, 4).await
    })
    .unwrap();
    let left = async || {
        let mut conn = store.read().await.unwrap();
        limit::tight(&mut conn).await.unwrap().into_iter().map(|said| (said.word, said.left)).collect::<Vec<_>>()
    };
    let mut found = left().await;
    found.sort();
    assert_eq!(found, [("calls".to_owned(), Some(5)), ("share".to_owned(), None)]);
    let calls = said("calls", Some(9));
    commit!(store, |conn| limit::take(conn, &calls, 40).await).unwrap();
    assert!(left().await.contains(&("calls".to_owned(), Some(0))));
    // A word overtaken by a later one of the same window does not give calls back.
    for (seconds, resets, told) in [(10, 600, 0), (20, 601, 0), (60, 600, 7)] {
        let late = Said { left: Some(7), resets: Some(at(resets)), at: at(seconds), ..said("calls", None) };
        commit!(store, |conn| limit::put(conn, &late, true).await).unwrap();
        assert!(left().await.contains(&("calls".to_owned(), Some(told))), "{seconds}");
    }
    let again = Said { resets: Some(at(900)), left: Some(88), used: 120_000, at: at(60), ..said("calls", None) };
    commit!(store, |conn| limit::put(conn, &again, false).await).unwrap();
    assert_eq!(left().await, [("share".to_owned(), None)]);
    // A person resumed that app: what was said of it is gone, and of others stays.
    let other = Said { scope: PauseScope::App("other".to_owned()), ..said("calls", Some(1)) };
    let kept = other.clone();
    commit!(store, |conn| {
        limit::put(conn, &kept, true).await?;
        limit::lift(conn, &kept.scope).await
    })
    .unwrap();
    assert_eq!(left().await, [("share".to_owned(), None)]);
    commit!(store, |conn| limit::forget(conn, at(30)).await).unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(limit::all(&mut conn).await.unwrap().len(), 1);
}

fn date(text: &str) -> Date {
    text.parse().expect("a date")
}

fn charge(id: &str, channel: &str, day: &str, micros: u64) -> Charge {
    Charge {
        id: id.to_owned(),
        channel: channel.to_owned(),
        app: Some("digest".to_owned()),
        post: Some(format!("post of {channel}")),
        what: "create/0".to_owned(),
        price: Price::micros(micros),
        day: date(day),
        at: at(0),
    }
}

async fn charges_are_counted_by_civil_day_and_month(place: Place) {
    let store = place.open().await;
    let rows = [
        charge("1", "x", "2026-10-31", 1),
        charge("2", "x", "2026-11-01", 200_000),
        charge("3", "x", "2026-11-25", 200_000),
        charge("4", "x", "2026-11-25", 15_000),
        charge("5", "x", "2026-11-30", 5_000),
        charge("6", "x", "2026-12-01", 7),
        charge("7", "other", "2026-11-25", 9),
    ];
    commit!(store, |conn| {
        for row in &rows {
            spend::add(conn, row).await?;
            // The same again, as after a commit whose answer was lost.
            spend::add(conn, row).await?;
        }
        Ok(())
    })
    .unwrap();
    let between = async |channel: &str, first: &str, last: &str| {
        let mut conn = store.read().await.unwrap();
        spend::between(&mut conn, channel, date(first), date(last)).await.unwrap().as_micros()
    };
    assert_eq!(between("x", "2026-11-25", "2026-11-25").await, 215_000);
    assert_eq!(between("x", "2026-11-01", "2026-11-30").await, 420_000);
    assert_eq!(between("x", "2026-12-01", "2026-12-31").await, 7);
    assert_eq!(between("nobody", "2026-11-01", "2026-11-30").await, 0);
    commit!(store, |conn| spend::void(conn, "3", at(9)).await).unwrap();
    assert_eq!(between("x", "2026-11-25", "2026-11-25").await, 15_000);
    let mut conn = store.read().await.unwrap();
    let days = spend::days(&mut conn, date("2026-11-25")).await.unwrap();
    let found: Vec<_> =
        days.iter().map(|day| (day.channel.as_str(), day.day.to_string(), day.price.as_micros())).collect();
    assert_eq!(
        found,
        [
            ("other", "2026-11-25".to_owned(), 9),
            ("x", "2026-11-25".to_owned(), 15_000),
            ("x", "2026-11-30".to_owned(), 5_000),
            ("x", "2026-12-01".to_owned(), 7)
        ]
    );
    assert_eq!(spend::of_post(&mut conn, "post of other").await.unwrap(), Some(Price::micros(9)));
    assert_eq!(spend::of_post(&mut conn, "nobody's").await.unwrap(), None);
    let first = spend::first(&mut conn).await.unwrap();
    assert_eq!(first, [("other".to_owned(), at(0)), ("x".to_owned(), at(0))]);
    drop(conn);
    commit!(store, |conn| spend::forget(conn, at(1)).await).unwrap();
    assert_eq!(between("x", "2026-01-01", "2026-12-31").await, 0);
}

async fn what_proved_absent_is_not_paid(place: Place) {
    let store = place.open().await;
    let step = |n| Step { op: Op::Create, n };
    // Attempt, its part, how it ended; whether its charge stands once part 1 proved absent.
    let cases = [
        ("done", 0, Some(Outcome::Done { value: serde_json::json!({"id": "1"}) }), true),
        ("lost", 1, Some(Outcome::Unknown { said: "reset".to_owned() }), false),
        ("killed", 1, None, false),
        ("later", 2, None, true),
    ];
    for (id, n, outcome, _) in cases.clone() {
        let row = AttemptRow {
            attempt: Attempt {
                id: AttemptId::new(id),
                post: PostId::new("post of x"),
                step: step(n),
                revision: 0,
                fence: 1,
                begun: at(0),
                ended: None,
                hash: String::new(),
                outcome: None,
            },
            owner: "w".to_owned(),
            deadline: at(25),
            clock_ahead: None,
        };
        let paid = charge(id, "x", "2026-11-25", 1 << n);
        commit!(store, |conn| {
            attempt::begin(conn, &row).await?;
            spend::add(conn, &paid).await?;
            match outcome {
                Some(outcome) => attempt::end(conn, &row.attempt.id, at(1), &outcome).await.map(drop),
                None => Ok(()),
            }
        })
        .unwrap();
    }
    commit!(store, |conn| spend::void_step(conn, "post of x", (0, step(1)), at(9)).await).unwrap();
    let mut conn = store.read().await.unwrap();
    let stands: u64 = cases.iter().filter(|case| case.3).map(|case| 1 << case.1).sum();
    assert_eq!(spend::of_post(&mut conn, "post of x").await.unwrap(), Some(Price::micros(stands)));
}

async fn what_proved_done_is_paid_once(place: Place) {
    let store = place.open().await;
    let step = Step { op: Op::Create, n: 0 };
    let begin = async |id: &'static str, post: &'static str, micros: u64| {
        let row = AttemptRow {
            attempt: Attempt {
                id: AttemptId::new(id),
                post: PostId::new(post),
                step,
                revision: 0,
                fence: 1,
                begun: at(0),
                ended: None,
                hash: String::new(),
                outcome: None,
            },
            owner: "w".to_owned(),
            deadline: at(25),
            clock_ahead: None,
        };
        let paid = Charge { post: Some(post.to_owned()), ..charge(id, "x", "2026-11-25", micros) };
        commit!(store, |conn| {
            attempt::begin(conn, &row).await?;
            spend::add(conn, &paid).await
        })
        .unwrap();
    };
    let end = async |id: &'static str, outcome: Outcome| {
        let ended = [Ended { id: AttemptId::new(id), step, outcome }];
        commit!(store, |conn| store_ended(conn, &ended, at(9)).await).unwrap();
    };
    let cost = async |post: &str| {
        let mut conn = store.read().await.unwrap();
        spend::of_post(&mut conn, post).await.unwrap().map(Price::as_micros)
    };
    let lost = || Outcome::Unknown { said: "reset".to_owned() };
    let done = || Outcome::Done { value: serde_json::json!({ "id": "1" }) };

    // Believed absent, and then it was there all the same.
    begin("late", "post late", 7).await;
    end("late", lost()).await;
    assert_eq!(cost("post late").await, Some(7));
    commit!(store, |conn| spend::void_step(conn, "post late", (0, step), at(9)).await).unwrap();
    assert_eq!(cost("post late").await, None);
    end("late", done()).await;
    assert_eq!(cost("post late").await, Some(7), "a late success is paid");

    // Lost, sent again, refused as a duplicate, found: one post, one charge.
    begin("first", "post twice", 7).await;
    end("first", lost()).await;
    begin("again", "post twice", 7).await;
    end("again", Outcome::Not { class: "duplicate".to_owned(), said: "already posted".to_owned() }).await;
    assert_eq!(cost("post twice").await, Some(7));
    end("again", done()).await;
    assert_eq!(cost("post twice").await, Some(7), "once, not twice and not never");
    // Two that were carried out are paid twice.
    end("first", done()).await;
    assert_eq!(cost("post twice").await, Some(14));
    assert_eq!(cost("post late").await, Some(7), "another post is none of its business");
}
