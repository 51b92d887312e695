//! A post in doubt meets a platform that is slow, stingy or forgetful when it is asked: no doubt ever becomes a second
//! post.

use std::time::Duration;

use crate::fakes::fault::{Fault, Wait};
use crate::fakes::mastodon::{self, FakeMastodon, Keys};
use crate::fakes::x::{self, FakeX};
use crate::harness::{Newsroom, Press, link, saw, until};

#[tokio::test]
async fn a_timeline_that_lags_makes_no_second_post() {
    let x = FakeX::start();
    x.rules().duplicate_guard = false;
    // Two minutes at scale 0.02.
    x.rules().lag = Duration::from_millis(2400);
    x.fail(x::CREATE, Fault::ResetAfter);
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("lags").source("news", &press.url(), "last 1").x(&x);
    let bugle = newsroom.start().await;
    newsroom.books().await.wait_for("x", "published", 1).await;
    assert!(bugle.term().await.success());
    saw(x.ledger(), &[link("one")]);
    assert_eq!((x.count(x::CREATE), x.count(x::LOOK)), (1, 2));
}

#[tokio::test]
async fn a_look_up_over_the_limit_tells_nothing() {
    let x = FakeX::start();
    x.rules().duplicate_guard = false;
    x.fail(x::CREATE, Fault::ResetAfter);
    x.fail_times(x::LOOK, 3, Fault::Instead(FakeX::too_many(Wait::Seconds(1))));
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("stingy").source("news", &press.url(), "last 1").x(&x);
    let bugle = newsroom.start().await;
    newsroom.books().await.wait_for("x", "published", 1).await;
    assert!(bugle.term().await.success());
    saw(x.ledger(), &[link("one")]);
    assert_eq!((x.count(x::CREATE), x.count(x::LOOK)), (1, 4));
}

#[tokio::test]
async fn a_look_up_that_shows_two_is_for_a_person() {
    let x = FakeX::start();
    x.rules().duplicate_guard = false;
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("two").source("news", &press.url(), "last 1").x(&x).x_again("second", &x);
    // Two channels of one account: the story is there twice. The first answer is lost.
    x.fail(x::CREATE, Fault::ResetAfter);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    let held = async || books.posts().await.iter().any(|row| row.state == "held");
    until("a post is held", held).await;
    let posts = books.posts().await;
    let reason = &posts.iter().find(|row| row.state == "held").expect("one is held").reason;
    assert!(reason.starts_with("in doubt") && reason.contains("several"), "{posts:#?}");
    assert_eq!(books.notices().await.len(), 1);
    assert!(bugle.term().await.success());
    saw(x.ledger(), &[link("one"), link("one")]);
    assert_eq!(x.count(x::CREATE), 2);
}

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
async fn a_key_that_was_forgotten_is_not_needed_where_the_list_shows_the_post() {
    let fake = FakeMastodon::start();
    fake.rules().keys = Keys::Forget;
    assert_eq!(mastodon_with(&fake).await, 1);
}

#[tokio::test]
async fn a_server_that_knows_no_keys_is_looked_at_twice() {
    let fake = FakeMastodon::start();
    fake.rules().keys = Keys::Forget;
    fake.rules().version = "4.0.0 (compatible; snac/2.80)".to_owned();
    fake.rules().lag = Duration::from_millis(2400);
    assert_eq!(mastodon_with(&fake).await, 1);
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
