//! Processes that are not dead: stopped past their lease, started twice, or waiting for another's death.

use std::time::Duration;

use bugle::clock::{Clock as _, SystemClock};
use bugle::model::post::HoldReason;
use bugle::store::{job, meta};
use jiff::SignedDuration;

use super::campaign::{Blows, Campaign, Stories, TEMPLATE};
use super::side::{Class, Side};
use super::{QUICK, are_clean, judge};
use crate::harness::{Engine, Newsroom, until};

/// Longer than any lease at this scale: three deadlines of at least 1.25 s, and half a second.
const PAST_THE_LEASE: Duration = Duration::from_millis(5500);

fn campaign(classes: &'static [Class], engine: Engine) -> Campaign {
    Campaign { classes, engine, scale: QUICK, blows: Blows::Random(0) }
}

fn newsroom(of: Campaign, side: &Side, stories: &Stories) -> Newsroom {
    let newsroom = Newsroom::new("pauses").store(of.engine).scale(of.scale);
    newsroom.write("templates/post/headline.j2", TEMPLATE);
    side.join(newsroom.source("news", &stories.url(), "last 500"))
}

/// Stopped with a request on its way, and at whatever moment comes; continued when its lease is over.
#[tokio::test]
async fn one_stopped_past_its_lease_posts_once() {
    for classes in [&[Class::Look], &[Class::Key]] {
        let it = campaign(classes, Engine::Sqlite);
        let (side, mut stories) = (Side::start(classes[0], it.scale), Stories::start());
        let newsroom = newsroom(it, &side, &stories);
        side.weather(super::campaign::Chance(1), true);
        let bugle = newsroom.start().await;
        stories.add(3);
        until("a post is on its way", async || side.sends() > 0).await;
        bugle.stop();
        tokio::time::sleep(PAST_THE_LEASE).await;
        bugle.cont();
        stories.add(1);
        until("all are out", async || side.ledger().count_by_link().len() == 4).await;
        bugle.term().await;
        are_clean(&judge::finish(&it, &newsroom, &[side], &stories.links(), 0, 0).await);
    }
}

#[tokio::test]
async fn a_second_process_on_one_sqlite_store_refuses_to_start() {
    let it = campaign(&[Class::Key], Engine::Sqlite);
    let (side, mut stories) = (Side::start(it.classes[0], it.scale), Stories::start());
    let newsroom = newsroom(it, &side, &stories);
    let first = newsroom.start().await;
    let mut second = newsroom.spawn(&[]).await;
    let status = second.wait_exit().await;
    assert!(!status.success(), "the second ended with {status}\n{}", second.log());
    assert!(second.log().contains("another bugle runs on"), "{}", second.log());
    stories.add(2);
    until("the first goes on", async || side.ledger().count_by_link().len() == 2).await;
    first.kill9().await;
    are_clean(&judge::finish(&it, &newsroom, &[side], &stories.links(), 1, 0).await);
}

/// The publishing replica dies with posts on their way; the one that stood by goes on.
#[tokio::test]
async fn a_replica_that_stands_by_goes_on() {
    let it = campaign(&[Class::Look], Engine::Postgres);
    let (side, mut stories) = (Side::start(it.classes[0], it.scale), Stories::start());
    let newsroom = newsroom(it, &side, &stories);
    side.weather(super::campaign::Chance(2), true);
    let mut publishing = newsroom.start().await;
    for round in 0..4 {
        let standing_by = newsroom.start().await;
        let sent = side.sends();
        stories.add(2);
        until("a post is on its way", async || side.sends() > sent).await;
        if round == 2 {
            // Stopped, it holds its session: nobody takes over, and nobody needs to.
            publishing.stop();
            tokio::time::sleep(Duration::from_secs(3)).await;
            publishing.cont();
        }
        publishing.kill9().await;
        publishing = standing_by;
    }
    stories.add(1);
    until("the last one posts", async || side.ledger().count_by_link().contains_key(&stories.links()[8])).await;
    publishing.kill9().await;
    are_clean(&judge::finish(&it, &newsroom, &[side], &stories.links(), 5, 0).await);
}

/// What comes after a post in doubt waits for it, and no longer than for it.
#[tokio::test]
async fn in_strict_order_a_doubt_is_settled_first_and_in_time() {
    let it = campaign(&[Class::Look], Engine::Sqlite);
    let (side, mut stories) = (Side::start(Class::Look, it.scale), Stories::start());
    let newsroom = newsroom(it, &side, &stories).with("x", "strict_order = true");
    side.weather(super::campaign::Chance(3), true);
    stories.add(3);
    let bugle = newsroom.start().await;
    until("a post is on its way", async || side.sends() > 0).await;
    bugle.kill9().await;
    let bugle = newsroom.start().await;
    // The second look is due after 6 s; a lane that sleeps through it wakes after 30 s.
    until("all are out", async || side.ledger().count_by_link().len() == 3).await;
    bugle.term().await;
    let order: Vec<_> = side.ledger().posts().into_iter().filter_map(|post| post.link).collect();
    assert_eq!(order, stories.links());
    are_clean(&judge::finish(&it, &newsroom, &[side], &stories.links(), 1, 0).await);
}

/// Killed while it makes its store and its key for the first time, it starts all the same the next time.
#[tokio::test]
async fn a_birth_cut_short_is_made_up_for() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        for n in 0..12 {
            let it = campaign(&[Class::OwnId], engine);
            let (side, mut stories) = (Side::start(Class::OwnId, it.scale), Stories::start());
            let newsroom = newsroom(it, &side, &stories);
            stories.add(1);
            for _ in 0..2 {
                let unborn = newsroom.spawn(&[]).await;
                tokio::time::sleep(Duration::from_millis(n * 7)).await;
                unborn.kill9().await;
            }
            let bugle = newsroom.start().await;
            side.ledger().wait_for(1).await;
            bugle.kill9().await;
            assert_eq!(side.ledger().count_by_link().len(), 1);
        }
    }
}

/// Dead for longer than a quarter of an hour: others may have posted in its name meanwhile. What can be looked up is,
/// and goes out once; the rest a person decides.
#[tokio::test]
async fn what_waited_through_a_long_death_is_looked_up_first() {
    const CLASSES: &[Class] = &[Class::OwnId, Class::Key, Class::Look, Class::Blind];
    let it = campaign(CLASSES, Engine::Sqlite);
    let mut stories = Stories::start();
    let sides: Vec<Side> = CLASSES.iter().map(|class| Side::start(*class, it.scale)).collect();
    let mut newsroom = Newsroom::new("pauses").scale(it.scale).source("news", &stories.url(), "last 500");
    for side in &sides {
        newsroom = side.join(newsroom);
    }
    stories.add(2);
    newsroom.start_to_crash("ingested", 1).await.wait_exit().await;
    let books = newsroom.books().await;
    let long_ago = SystemClock::new().now() - SignedDuration::from_mins(16);
    books
        .change(job(move |conn| Box::pin(async move { meta::set_instant(conn, meta::HEARTBEAT, long_ago).await })))
        .await;
    let bugle = newsroom.start().await;
    let blind = books.wait_for("telegram", "held", 2).await;
    assert!(blind.iter().all(|row| row.reason == HoldReason::Restored.to_string()), "{blind:#?}");
    assert_eq!(books.notices().await.iter().filter(|it| it.key.ends_with(".held")).count(), 2);
    for side in &sides[..3] {
        side.ledger().wait_for(2).await;
    }
    stories.add(1);
    for (side, links) in sides.iter().zip([3, 3, 3, 1]) {
        until("the new story is out everywhere", async || side.ledger().count_by_link().len() == links).await;
        assert!(side.ledger().count_by_link().values().all(|count| *count == 1));
    }
    assert!(bugle.term().await.success());
}
