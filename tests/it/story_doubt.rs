//! A post in doubt meets a Mastodon whose keys are not what they should be: no doubt ever becomes a second post. What
//! every platform must do in doubt is tried by `conformance`.

use std::time::Duration;

use crate::fakes::fault::Fault;
use crate::fakes::mastodon::{self, FakeMastodon, Keys};
use crate::harness::{Newsroom, Press, link, saw};

/// One lost answer on a Mastodon that does this with keys and lags this long.
async fn mastodon_with(fake: &FakeMastodon) -> usize {
    fake.fail(mastodon::CREATE, Fault::ResetAfter);
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("keys").source("news", &press.url(), "last 1").mastodon(fake);
    let bugle = newsroom.start().await;
    newsroom.books().await.wait_for("mastodon", "published", 1).await;
    assert!(bugle.term().await.success());
    saw(fake.ledger(), &[link("one")]);
    fake.count(mastodon::CREATE)
}

#[tokio::test]
async fn a_key_that_is_remembered_may_be_repeated() {
    let fake = FakeMastodon::start();
    fake.rules().lag = Duration::from_secs(3600);
    assert_eq!(mastodon_with(&fake).await, 2, "the list never shows it, the repeat finds it");
}

#[tokio::test]
async fn a_key_that_fails_when_it_is_repeated_makes_no_second_post() {
    let fake = FakeMastodon::start();
    fake.rules().keys = Keys::FailOnRepeat;
    fake.rules().lag = Duration::from_secs(5);
    assert!(mastodon_with(&fake).await >= 2, "the repeat was tried");
}

#[tokio::test]
async fn a_server_that_did_not_say_what_it_is_is_not_believed_to_know_keys() {
    let fake = FakeMastodon::start();
    fake.rules().keys = Keys::Forget;
    fake.rules().version = "4.0.0 (compatible; snac/2.80)".to_owned();
    fake.rules().lag = Duration::from_millis(2400);
    fake.fail_times(mastodon::ME, 1, Fault::status(503));
    fake.fail_times(mastodon::INSTANCE, 1, Fault::status(503));
    assert_eq!(mastodon_with(&fake).await, 1);
}
