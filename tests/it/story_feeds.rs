//! Feeds misbehave as feeds do: nothing is lost, nothing goes out twice, nothing old comes up again.

use bugle::clock::{Clock as _, SystemClock};
use jiff::SignedDuration;

use crate::fakes::feed::{FakeFeed, Item, rss};
use crate::fakes::http::Reply;
use crate::fakes::mastodon::{self, FakeMastodon};
use crate::harness::{Newsroom, Press, fetched, link, saw};

/// Items `n` of a feed: guids begin with `scheme`, links end with `tail`; published one hour apart before now, item 1
/// two hours ago.
fn feed(scheme: &str, tail: &str, numbers: impl IntoIterator<Item = i64>) -> String {
    let now = SystemClock::new().now();
    let owned: Vec<_> = numbers
        .into_iter()
        .map(|n| (format!("{scheme}{n}"), format!("Story {n}"), link(&format!("{n}{tail}")), n))
        .collect();
    let items: Vec<Item<'_>> = owned
        .iter()
        .map(|(guid, title, link, n)| Item { guid, title, link, at: now - SignedDuration::from_hours(n + 1) })
        .collect();
    rss(&items)
}

#[tokio::test]
async fn new_guids_for_all_are_nothing_new() {
    let (web, mastodon) = (FakeFeed::start(), FakeMastodon::start());
    web.feed("/rss", &feed("a-", "", 1..=10));
    let newsroom = Newsroom::new("guids").source("news", &web.at("/rss"), "from now").mastodon(&mastodon);
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    let books = newsroom.books().await;
    assert_eq!(books.articles().await, 10);

    // The links tell that they are the same.
    web.feed("/rss", &feed("b-", "", 1..=10));
    fetched(&web, "/rss").await;
    assert_eq!((books.articles().await, books.posts().await), (10, Vec::new()));

    // Not even the links do, only the headlines: a person decides. A new story among them is none of their business.
    let new = feed("c-", "", [0]);
    let moved = feed("c-", "?moved", 1..=10);
    let item = &new[new.find("<item>").expect("an item")..new.find("</channel>").expect("an end")];
    web.feed("/rss", &moved.replace("</channel>", &format!("{item}</channel>")));
    mastodon.ledger().wait_for(1).await;
    fetched(&web, "/rss").await;
    let posts = books.wait_for("mastodon", "held", 10).await;
    let held: Vec<_> = posts.iter().filter(|row| row.state == "held").collect();
    assert!(held.iter().all(|row| row.reason.starts_with("looks like an old story")), "{held:#?}");
    assert_eq!(held.len(), 10, "{posts:#?}");
    assert!(bugle.term().await.success());
    saw(mastodon.ledger(), &[link("0")]);
    assert_eq!(mastodon.count(mastodon::CREATE), 1);
}

#[tokio::test]
async fn a_feed_that_comes_and_goes_loses_and_repeats_nothing() {
    let (web, mastodon) = (FakeFeed::start(), FakeMastodon::start());
    web.feed("/rss", &feed("g", "", 1..=5));
    let newsroom = Newsroom::new("comes_and_goes").source("news", &web.at("/rss"), "from now").mastodon(&mastodon);
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    let put = async |body: Reply| {
        web.reply("/rss", body);
        fetched(&web, "/rss").await;
    };
    let xml = |body: String| Reply::text(200, "application/rss+xml", body);
    put(xml(feed("g", "", []))).await;
    put(xml(feed("g", "", 1..=5))).await;
    put(xml(feed("g", "", 3..=5))).await;
    put(xml(feed("g", "", 1..=5))).await;
    put(Reply::text(200, "text/html; charset=utf-8", "<!doctype html><html><body><h1>Error</h1></body></html>")).await;
    put(xml(feed("g", "", 0..=5))).await;
    assert_eq!(mastodon.ledger().wait_for(1).await.len(), 1);
    put(xml(feed("g", "", 3..=5))).await;
    put(xml(feed("g", "", 0..=5))).await;
    let books = newsroom.books().await;
    assert_eq!((books.articles().await, books.posts().await.len()), (6, 1));
    assert_eq!(books.notices().await, Vec::new());
    assert!(bugle.term().await.success());
    saw(mastodon.ledger(), &[link("0")]);
}

#[tokio::test]
async fn an_unchanged_feed_is_not_read_again() {
    let (web, mastodon) = (FakeFeed::start(), FakeMastodon::start());
    let at = SystemClock::new().now();
    web.validated("/rss", &feed("g", "", 1..=3), "\"one\"", at);
    let newsroom = Newsroom::new("unchanged").source("news", &web.at("/rss"), "from now").mastodon(&mastodon);
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    let last = web.seen().pop().expect("it was fetched");
    assert_eq!(last.outcome, Some(304), "{last:#?}");
    web.validated("/rss", &feed("g", "", 0..=3), "\"two\"", at + SignedDuration::from_secs(9));
    mastodon.ledger().wait_for(1).await;
    fetched(&web, "/rss").await;
    assert!(bugle.term().await.success());
    saw(mastodon.ledger(), &[link("0")]);
}

#[tokio::test]
async fn the_same_link_from_two_sources_is_one_story() {
    let (one, two, mastodon) = (Press::start(), Press::start(), FakeMastodon::start());
    let newsroom = Newsroom::new("one_story")
        .source("one", &one.url(), "from now")
        .source("two", &two.url(), "from now")
        .mastodon(&mastodon);
    let bugle = newsroom.start().await;
    one.read().await;
    two.read().await;
    one.publish("same");
    two.publish("same");
    mastodon.ledger().wait_for(1).await;
    one.read().await;
    two.read().await;
    let books = newsroom.books().await;
    assert_eq!((books.articles().await, books.posts().await.len()), (1, 1));
    assert!(bugle.term().await.success());
    saw(mastodon.ledger(), &[link("same")]);
}
