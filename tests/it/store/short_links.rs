//! Short links and their clicks, on both engines.

use std::sync::Arc;
use std::time::Duration;

use bugle::clock::{Clock as _, FakeClock};
use bugle::model::id::WorkerId;
use bugle::model::post::{HoldReason, PostState};
use bugle::platform::{ONLY, Payload, Planned};
use bugle::publish::claim::{self, Claimed, Wish};
use bugle::schedule::Policy;
use bugle::store::short_link::{self, Clicks, Counted, Link};
use bugle::store::{backup, channel, meta};
use jiff::tz::TimeZone;

use super::{Place, add, at, commit, odd, on_both, one, scheduled};

on_both!(
    a_claim_stores_its_link_or_holds_the_post,
    a_link_is_its_posts_for_good,
    clicks_add_up_by_day,
    old_links_are_forgotten,
    a_backup_has_them
);

fn link(id: &str, post: &str) -> Link {
    Link {
        id: id.to_owned(),
        url: format!("https://news.example/{post}"),
        post: post.to_owned(),
        channel: odd(),
        article: "a".to_owned(),
    }
}

fn clicks(id: &str, day: &str, count: i64) -> Clicks {
    Clicks { id: id.to_owned(), day: day.to_owned(), count }
}

async fn a_link_is_its_posts_for_good(place: Place) {
    let store = place.open().await;
    let one = link("one", "p1");
    let edited = Link { url: "https://news.example/edited".to_owned(), ..one.clone() };
    let thief = link("one", "p2");
    let put = commit!(store, |conn| {
        Ok((
            short_link::put(conn, &one, at(0)).await?,
            short_link::put(conn, &one, at(1)).await?,
            short_link::put(conn, &thief, at(2)).await?,
            short_link::put(conn, &edited, at(3)).await?,
        ))
    });
    assert_eq!(put, Ok((true, true, false, true)));
    let mut conn = store.read().await.unwrap();
    assert_eq!(short_link::url(&mut conn, "one").await.unwrap().as_deref(), Some("https://news.example/edited"));
    assert_eq!(short_link::url(&mut conn, "none").await.unwrap(), None);
    assert_eq!(short_link::of_post(&mut conn, "p2").await.unwrap(), None);
}

async fn clicks_add_up_by_day(place: Place) {
    let store = place.open().await;
    commit!(store, |conn| {
        short_link::put(conn, &link("one", "p1"), at(0)).await?;
        let all = [clicks("one", "2026-11-25", 3), clicks("one", "2026-11-26", 1), clicks("gone", "2026-11-25", 9)];
        short_link::add(conn, &all).await?;
        short_link::add(conn, &[clicks("one", "2026-11-25", 4)]).await
    })
    .unwrap();
    let mut conn = store.read().await.unwrap();
    let want = Counted { id: "one".to_owned(), url: "https://news.example/p1".to_owned(), clicks: 8 };
    assert_eq!(short_link::of_post(&mut conn, "p1").await.unwrap(), Some(want));
    let days = [("2026-11-25".to_owned(), 7), ("2026-11-26".to_owned(), 1)];
    assert_eq!(short_link::days(&mut conn, "one").await.unwrap(), days);
    assert_eq!(short_link::days(&mut conn, "gone").await.unwrap(), []);
}

async fn old_links_are_forgotten(place: Place) {
    let store = place.open().await;
    commit!(store, |conn| {
        for id in ["old", "read", "new"] {
            let age = if id == "new" { 10 } else { -10 };
            short_link::put(conn, &link(id, id), at(age)).await?;
        }
        let today = at(0).to_string()[..10].to_owned();
        short_link::add(conn, &[clicks("old", "2001-01-01", 1), clicks("read", &today, 1)]).await?;
        short_link::forget(conn, at(0)).await
    })
    .unwrap();
    let mut conn = store.read().await.unwrap();
    for (id, there) in [("old", false), ("read", true), ("new", true)] {
        assert_eq!(short_link::url(&mut conn, id).await.unwrap().is_some(), there, "{id}");
    }
    assert_eq!(short_link::days(&mut conn, "old").await.unwrap(), []);
}

async fn a_backup_has_them(place: Place) {
    let store = place.open().await;
    commit!(store, |conn| {
        short_link::put(conn, &link("one", "p1"), at(0)).await?;
        short_link::add(conn, &[clicks("one", "2026-11-25", 3)]).await
    })
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.jsonl");
    backup::write(&store, std::fs::File::create(&file).unwrap()).await.unwrap();
    let other = Place::sqlite();
    let restored = other.open().await;
    backup::restore(&restored, std::fs::File::open(&file).unwrap(), at(9)).await.unwrap();
    let mut conn = restored.read().await.unwrap();
    assert_eq!(short_link::of_post(&mut conn, "p1").await.unwrap().map(|it| it.clicks), Some(3));
    assert!(meta::get(&mut conn, meta::RESTORED).await.unwrap().is_some());
}

/// The link is there as soon as the post may leave; one that is another post's lets nothing leave.
async fn a_claim_stores_its_link_or_holds_the_post(place: Place) {
    let store = place.open().await;
    commit!(store, |conn| channel::ensure(conn, "main", "x", at(0)).await).unwrap();
    let payload = Payload {
        format: 1,
        revision: 0,
        key: String::new(),
        steps: vec![Planned { step: ONLY, body: "{}".to_owned() }],
        text: "T https://go.example/r/one".to_owned(),
        link: None,
    };
    let mut outcomes = Vec::new();
    for post in ["p1", "p2"] {
        let row = add(&store, scheduled(post, post)).await;
        let wish = Wish {
            bill: None,
            budget: None,
            spare: None,
            row,
            payload: payload.clone(),
            short: Some(link("one", post)),
            channel: "main".to_owned(),
            scopes: Vec::new(),
            policy: Arc::new(Policy::default()),
            zone: TimeZone::UTC,
            strict_order: false,
            worker: WorkerId::new("worker"),
            now: at(0),
            mono: FakeClock::at(at(0)).monotonic(),
            deadline: Duration::from_secs(25),
            scale: 1.0,
            repeat: false,
            reachable: true,
            clock_ahead: None,
        };
        let claimed = commit!(store, |conn| claim::take(conn, wish).await).unwrap();
        outcomes.push(matches!(claimed, Claimed::Go(_)));
        if post == "p1" {
            let mut conn = store.read().await.unwrap();
            let url = short_link::url(&mut conn, "one").await.unwrap();
            assert_eq!(url.as_deref(), Some("https://news.example/p1"));
            commit!(store, |conn| {
                Ok(sqlx::query("UPDATE post SET state = 'skipped' WHERE id = 'p1'").execute(conn).await?)
            })
            .unwrap();
        }
    }
    assert_eq!(outcomes, [true, false]);
    let PostState::Held { why: HoldReason::Unfit { why }, .. } = one(&store, "p2").await.post.state else {
        panic!("it is a person's to decide")
    };
    assert!(why.contains("the short link one is another post's"), "{why}");
    let mut conn = store.read().await.unwrap();
    assert_eq!(short_link::url(&mut conn, "one").await.unwrap().as_deref(), Some("https://news.example/p1"));
}
