//! The answer to a send is lost, in every way an answer can be: where the platform lets itself be asked the post is out
//! exactly once in the end; where it does not, at most once, and a person is told.

use std::time::Duration;

use futures_util::future::join_all;

use crate::fakes::bluesky::{self, FakeBluesky};
use crate::fakes::fault::Fault;
use crate::fakes::mastodon::{self, FakeMastodon};
use crate::fakes::telegram::{self, FakeTelegram};
use crate::fakes::x::{self, FakeX};
use crate::harness::{Newsroom, Press, link, saw};

/// The first send on each platform meets the fault.
async fn meets(what: &str, fault: Fault) {
    let (x, telegram, mastodon, bluesky) =
        (FakeX::start(), FakeTelegram::start(), FakeMastodon::start(), FakeBluesky::start());
    x.fail(x::CREATE, fault.clone());
    telegram.fail(telegram::SEND, fault.clone());
    mastodon.fail(mastodon::CREATE, fault.clone());
    bluesky.fail(bluesky::PUT, fault.clone());
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("answers")
        .source("news", &press.url(), "last 1")
        .x(&x)
        .telegram(&telegram)
        .mastodon(&mastodon)
        .bluesky(&bluesky);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    for channel in ["x", "mastodon", "bluesky"] {
        books.wait_for(channel, "published", 1).await;
    }
    let posts = books.wait_for("telegram", "held", 1).await;
    assert!(posts[0].reason.starts_with("in doubt"), "{what}: {posts:#?}");
    let notices = books.notices().await;
    assert!(notices.iter().any(|it| it.text.contains("telegram")), "{what}: {notices:#?}");
    assert_eq!(notices.len(), 1, "{what}: {notices:#?}");
    assert!(bugle.term().await.success(), "{what}");
    for ledger in [x.ledger(), mastodon.ledger(), bluesky.ledger()] {
        saw(ledger, &[link("one")]);
    }
    let once = usize::from(fault.carries_out());
    assert_eq!((telegram.count(telegram::SEND), telegram.ledger().posts().len()), (1, once), "{what}");
    if fault.carries_out() {
        let sends = [x.count(x::CREATE), mastodon.count(mastodon::CREATE)];
        assert_eq!(sends, [1, 1], "{what}: found by looking, not by sending again");
    }
}

#[tokio::test]
async fn the_connection_breaks() {
    join_all([
        meets("reset before", Fault::ResetBefore),
        meets("reset after", Fault::ResetAfter),
        meets("hangs before", Fault::HangBefore),
        meets("hangs after", Fault::HangAfter),
        meets("half a body", Fault::HalfBody),
        meets("drips", Fault::Drip(Duration::from_millis(40))),
    ])
    .await;
}

#[tokio::test]
async fn a_gateway_answers_instead() {
    join_all([
        meets("500 before", Fault::status(500)),
        meets("500 after", Fault::status_after(500)),
        meets("502", Fault::status(502)),
        meets("503", Fault::status(503)),
        meets("504", Fault::status(504)),
        meets("504 after", Fault::status_after(504)),
    ])
    .await;
}

#[tokio::test]
async fn the_answer_makes_no_sense() {
    join_all([
        meets("malformed", Fault::malformed()),
        meets("without id", Fault::without_id()),
        meets("wrong type", Fault::wrong_type()),
    ])
    .await;
}
