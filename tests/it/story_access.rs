//! A platform cannot be reached, or no longer lets us in: posts keep their place, the other channels go on, a person is
//! told where one is needed.

use crate::fakes::bluesky::{self, FakeBluesky};
use crate::fakes::mastodon::{self, FakeMastodon};
use crate::fakes::telegram::{self, FakeTelegram};
use crate::fakes::x::{self, FakeX};
use crate::harness::{Newsroom, Press, link, saw, until};

#[tokio::test]
async fn a_platform_that_is_down_gets_its_post_once_it_is_up() {
    let (x, telegram, mastodon, bluesky) =
        (FakeX::start(), FakeTelegram::start(), FakeMastodon::start(), FakeBluesky::start());
    let press = Press::with(&["one", "two"]);
    let newsroom = Newsroom::new("down")
        .source("news", &press.url(), "last 2")
        .x(&x)
        .telegram(&telegram)
        .mastodon(&mastodon)
        .bluesky(&bluesky);
    x.down();
    telegram.down();
    mastodon.down();
    bluesky.down();
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    let channels = ["x", "telegram", "mastodon", "bluesky"];
    let tried = async || {
        let posts = books.posts().await;
        channels.iter().all(|name| posts.iter().any(|row| row.channel == *name && !row.reason.is_empty()))
    };
    until("each channel has tried", tried).await;
    let posts = books.posts().await;
    assert!(
        posts.iter().all(|row| ["scheduled", "publishing"].contains(&row.state) && row.attempts == 0),
        "{posts:#?}"
    );
    x.up();
    telegram.up();
    mastodon.up();
    bluesky.up();
    for channel in channels {
        books.wait_for(channel, "published", 2).await;
    }
    assert!(bugle.term().await.success());
    for ledger in [x.ledger(), telegram.ledger(), mastodon.ledger(), bluesky.ledger()] {
        saw(ledger, &[link("one"), link("two")]);
    }
}

/// `revoke` takes the tokens of the channels `shut` away after the first story.
async fn shut_out(
    shut: [&str; 2],
    open: [&str; 2],
    revoke: impl Fn(&FakeX, &FakeTelegram, &FakeMastodon, &FakeBluesky),
) {
    let (x, telegram, mastodon, bluesky) =
        (FakeX::start(), FakeTelegram::start(), FakeMastodon::start(), FakeBluesky::start());
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("revoked")
        .source("news", &press.url(), "last 1")
        .x(&x)
        .telegram(&telegram)
        .mastodon(&mastodon)
        .bluesky(&bluesky);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    for channel in shut.iter().chain(&open) {
        books.wait_for(channel, "published", 1).await;
    }
    revoke(&x, &telegram, &mastodon, &bluesky);
    press.publish("two");
    for channel in open {
        books.wait_for(channel, "published", 2).await;
    }
    for channel in shut {
        until("the channel is blocked", async || books.block(channel).await.is_some()).await;
        let posts = books.wait_for(channel, "scheduled", 1).await;
        assert_eq!(posts.len(), 2, "{posts:#?}");
        let key = format!("channel.{channel}.blocked");
        let notices = books.notices().await;
        assert!(notices.iter().any(|it| it.key == key && it.level == "alarm"), "{notices:#?}");
    }
    assert_eq!(books.notices().await.len(), 2);
    // It stays so over a restart, without a further try.
    let sends = || {
        let (x, telegram) = (x.count(x::CREATE), telegram.count(telegram::SEND));
        [x, telegram, mastodon.count(mastodon::CREATE), bluesky.count(bluesky::PUT)]
    };
    assert!(bugle.term().await.success());
    let before = sends();
    let bugle = newsroom.start().await;
    press.publish("three");
    for channel in open {
        books.wait_for(channel, "published", 3).await;
    }
    for channel in shut {
        books.wait_for(channel, "scheduled", 2).await;
    }
    assert!(bugle.term().await.success());
    let more: usize = sends().iter().zip(before).map(|(after, before)| after - before).sum();
    assert_eq!(more, 2, "only the open channels send");
    for (name, ledger) in [
        ("x", x.ledger()),
        ("telegram", telegram.ledger()),
        ("mastodon", mastodon.ledger()),
        ("bluesky", bluesky.ledger()),
    ] {
        let all = [link("one"), link("two"), link("three")];
        saw(ledger, if shut.contains(&name) { &all[..1] } else { &all });
    }
}

#[tokio::test]
async fn revoked_tokens_block_their_channels_only() {
    shut_out(["x", "mastodon"], ["telegram", "bluesky"], |x, _, mastodon, _| {
        x.rules().revoked = true;
        mastodon.revoke();
    })
    .await;
}

#[tokio::test]
async fn revoked_tokens_block_their_channels_only_the_other_two() {
    shut_out(["telegram", "bluesky"], ["x", "mastodon"], |_, telegram, _, bluesky| {
        telegram.rules().revoked = true;
        bluesky.withdraw_passwords();
    })
    .await;
}

#[tokio::test]
async fn a_token_that_expires_is_renewed_once() {
    let bluesky = FakeBluesky::start();
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("expires").source("news", &press.url(), "last 1").bluesky(&bluesky);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    books.wait_for("bluesky", "published", 1).await;
    let (refreshes, sign_ins) = (bluesky.count(bluesky::REFRESH), bluesky.count(bluesky::SIGN_IN));
    bluesky.expire_access();
    press.publish("two");
    books.wait_for("bluesky", "published", 2).await;
    assert!(bugle.term().await.success());
    saw(bluesky.ledger(), &[link("one"), link("two")]);
    assert_eq!(bluesky.count(bluesky::REFRESH), refreshes + 1);
    assert_eq!(bluesky.count(bluesky::SIGN_IN), sign_ins);
    assert_eq!(books.notices().await, Vec::new());

    // Sessions that have ended wholly are opened anew with the app password.
    bluesky.end_sessions();
    let bugle = newsroom.start().await;
    press.publish("three");
    books.wait_for("bluesky", "published", 3).await;
    assert!(bugle.term().await.success());
    saw(bluesky.ledger(), &[link("one"), link("two"), link("three")]);
}
