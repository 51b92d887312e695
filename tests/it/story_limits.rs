//! A limit is kept in the store, with its reach: it holds over a restart. Every form in which a platform tells one is
//! tried by `conformance`.

use bugle::clock::{Clock as _, SystemClock};
use bugle::model::channel::PauseScope;
use jiff::{SignedDuration, Timestamp};

use crate::fakes::Seen;
use crate::fakes::fault::Fault;
use crate::fakes::telegram::{self, FakeTelegram};
use crate::harness::{Engine, Newsroom, Press, until};

fn now() -> Timestamp {
    SystemClock::new().now()
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
