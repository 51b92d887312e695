//! "Too many requests" in every form each platform documents: Bugle waits as long as it is told, then posts once; the
//! wait is kept in the store, with its reach.

use bugle::clock::{Clock as _, SystemClock};
use bugle::model::channel::PauseScope;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use crate::fakes::Seen;
use crate::fakes::bluesky::{self, FakeBluesky};
use crate::fakes::fault::{Fault, Wait};
use crate::fakes::mastodon::{self, FakeMastodon};
use crate::fakes::telegram::{self, FakeTelegram};
use crate::fakes::x::{self, FakeX};
use crate::harness::{Engine, Newsroom, Press, link, saw, until};

/// How far the second send is after the first.
fn gap(seen: &[Seen], endpoint: &str) -> SignedDuration {
    let sends: Vec<Timestamp> = seen.iter().filter(|seen| seen.endpoint == endpoint).map(|seen| seen.at).collect();
    assert_eq!(sends.len(), 2, "{sends:?}");
    sends[1].duration_since(sends[0])
}

fn now() -> Timestamp {
    SystemClock::new().now()
}

/// The first send on each platform is answered with 429, each with its own form of the wait; the second must come
/// `least` later or more. Telegram has one form only.
async fn waits(least: SignedDuration, x_form: Wait, mastodon_form: Wait, bluesky_form: Wait) {
    let (x, telegram, mastodon, bluesky) =
        (FakeX::start(), FakeTelegram::start(), FakeMastodon::start(), FakeBluesky::start());
    x.fail(x::CREATE, Fault::Instead(FakeX::too_many(x_form)));
    telegram.fail(telegram::SEND, Fault::Instead(FakeTelegram::too_many(2)));
    mastodon.fail(mastodon::CREATE, Fault::Instead(FakeMastodon::too_many(mastodon_form)));
    bluesky.fail(bluesky::PUT, Fault::Instead(FakeBluesky::too_many(bluesky_form)));
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("limits")
        .source("news", &press.url(), "last 1")
        .x(&x)
        .telegram(&telegram)
        .mastodon(&mastodon)
        .bluesky(&bluesky);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    for channel in ["x", "telegram", "mastodon", "bluesky"] {
        let posts = books.wait_for(channel, "published", 1).await;
        assert_eq!(posts[0].attempts, 0, "a limit counts no attempt");
    }
    assert!(bugle.term().await.success());
    for ledger in [x.ledger(), telegram.ledger(), mastodon.ledger(), bluesky.ledger()] {
        saw(ledger, &[link("one")]);
    }
    let gaps = [gap(&x.seen(), x::CREATE), gap(&mastodon.seen(), mastodon::CREATE), gap(&bluesky.seen(), bluesky::PUT)];
    assert!(gaps.iter().all(|gap| *gap >= least), "{gaps:?}, {least:?} or more were asked for");
    let telegrams = gap(&telegram.seen(), telegram::SEND);
    assert!(telegrams >= SignedDuration::from_millis(1900), "{telegrams:?}");
}

#[tokio::test]
async fn a_limit_is_waited_for_as_long_as_it_is_told() {
    let ms = SignedDuration::from_millis;
    // A time of whole seconds, from 4 to 5 seconds from now: whoever starts within two waits two or more.
    let at = Timestamp::from_second(now().as_second() + 5).expect("the near future");
    let same = |wait: Wait| [wait, wait, wait];
    let [a, b, c] = same(Wait::Seconds(2));
    let [d, e, f] = same(Wait::Date(at));
    let [g, h, i] = same(Wait::Garbage);
    let [j, k, l] = same(Wait::Absent);
    // 60 s at scale 0.02 where nothing usable is said.
    join_all([
        waits(ms(1900), a, b, c),
        waits(ms(1000), d, e, f),
        waits(ms(1100), g, h, i),
        waits(ms(1100), j, k, l),
        waits(ms(1000), Wait::Date(at), Wait::Iso("X-RateLimit-Reset", at), Wait::Unix("RateLimit-Reset", at)),
    ])
    .await;
}

#[tokio::test]
async fn a_reset_named_by_x_rests_a_minute_or_more() {
    let x = FakeX::start();
    // X's clock and ours may differ: a reset soon is not believed.
    let reset = Wait::Unix("x-rate-limit-reset", now() + SignedDuration::from_secs(2));
    x.fail(x::CREATE, Fault::Instead(FakeX::too_many(reset)));
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("reset").source("news", &press.url(), "last 1").x(&x);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    until("the limit is stored as a pause", async || !books.pauses().await.is_empty()).await;
    let pauses = books.pauses().await;
    let (until, since) = (pauses[0].until.expect("a limit ends"), pauses[0].since);
    let rest = until.duration_since(since).as_secs_f64();
    assert!((59.0..62.0).contains(&rest), "{pauses:#?}");
    press.publish("two");
    books.wait_for("x", "scheduled", 2).await;
    assert!(bugle.term().await.success());
    assert_eq!((x.count(x::CREATE), x.ledger().entries()), (1, Vec::new()));
}

#[tokio::test]
async fn a_500_of_telegram_that_means_a_limit_is_one() {
    let telegram = FakeTelegram::start();
    telegram.fail(telegram::SEND, Fault::Instead(FakeTelegram::flood_500()));
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("flood_500").source("news", &press.url(), "last 1").telegram(&telegram);
    let bugle = newsroom.start().await;
    newsroom.books().await.wait_for("telegram", "published", 1).await;
    assert!(bugle.term().await.success());
    saw(telegram.ledger(), &[link("one")]);
}

async fn survives_a_restart(engine: Engine) {
    let telegram = FakeTelegram::start();
    let second = telegram.open_chat("sport");
    telegram.fail(telegram::SEND, Fault::Instead(FakeTelegram::too_many(6)));
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("restart")
        .store(engine)
        .source("news", &press.url(), "last 1")
        .telegram(&telegram)
        .telegram_chat("sport", &telegram, &second);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    until("the limit is stored as a pause", async || !books.pauses().await.is_empty()).await;
    let pauses = books.pauses().await;
    assert!(matches!(pauses[0].scope, PauseScope::Credential(_)), "it reaches the whole bot: {pauses:#?}");
    assert!(bugle.term().await.success());
    let before = telegram.count(telegram::SEND);
    let end = pauses[0].until.expect("a limit ends");
    assert!(now() < end, "the machine is too slow for this test");
    let bugle = newsroom.start().await;
    for channel in ["telegram", "sport"] {
        books.wait_for(channel, "published", 1).await;
    }
    assert!(bugle.term().await.success());
    let seen = telegram.seen();
    let sends: Vec<&Seen> = seen.iter().filter(|seen| seen.endpoint == telegram::SEND).collect();
    // On PostgreSQL the end is by the server's time, which the process knows to some milliseconds.
    let early = end - SignedDuration::from_millis(250);
    assert!(sends[before..].iter().all(|send| send.at >= early), "{end}: {sends:#?}");
    // The other chat's post may have been on its way when the limit was told.
    assert_eq!(sends.len(), 3, "{sends:#?}");
    for chat in ["newsroom", "sport"] {
        let posts = telegram.ledger().posts();
        assert_eq!(posts.iter().filter(|post| post.account.contains(chat)).count(), 1, "{posts:#?}");
    }
}

#[tokio::test]
async fn a_limit_of_a_bot_stops_all_its_chats_and_survives_a_restart() {
    survives_a_restart(Engine::Sqlite).await;
}

#[tokio::test]
async fn a_limit_of_a_bot_stops_all_its_chats_and_survives_a_restart_on_postgres() {
    survives_a_restart(Engine::Postgres).await;
}
