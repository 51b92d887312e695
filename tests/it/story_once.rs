//! The usual day: an article comes in and goes out once on every platform, as each wants it; stopping and starting again
//! changes nothing.

use serde_json::Value;

use crate::fakes::bluesky::{self, FakeBluesky};
use crate::fakes::feed::FakeFeed;
use crate::fakes::mastodon::{self, FakeMastodon};
use crate::fakes::telegram::{self, FakeTelegram};
use crate::fakes::x::{self, FakeX};
use crate::harness::{Engine, Newsroom, Press, fetched, link, saw};

const EMPTY: &str = "<rss version=\"2.0\"><channel><title>N</title></channel></rss>";

async fn out_once(engine: Engine) {
    let (x, telegram, mastodon, bluesky) =
        (FakeX::start(), FakeTelegram::start(), FakeMastodon::start(), FakeBluesky::start());
    let web = FakeFeed::start();
    web.feed("/rss", EMPTY);
    web.picture("/p.png", 600, 400);
    let newsroom = Newsroom::new("once")
        .store(engine)
        .source("news", &web.at("/rss"), "from now")
        .x(&x)
        .telegram(&telegram)
        .mastodon(&mastodon)
        .bluesky(&bluesky);
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    web.feed(
        "/rss",
        &format!(
            "<rss version=\"2.0\"><channel><title>N</title><language>az</language><item><title>Bakıda &amp; ətrafda \
             görüş</title><link>{}</link><guid isPermaLink=\"false\">7</guid><description>Bir cümlə.</description>\
             <enclosure url=\"{}\" type=\"image/png\" length=\"1000\"/></item></channel></rss>",
            link("one"),
            web.at("/p.png"),
        ),
    );
    let ledgers = [x.ledger(), telegram.ledger(), mastodon.ledger(), bluesky.ledger()];
    for ledger in ledgers {
        let posts = ledger.wait_for(1).await;
        assert_eq!(posts[0].link.as_deref(), Some(link("one").as_str()), "{posts:#?}");
        assert!(posts[0].text.contains("Bakıda & ətrafda görüş"), "{posts:#?}");
    }
    let books = newsroom.books().await;
    for channel in ["x", "telegram", "mastodon", "bluesky"] {
        books.wait_for(channel, "published", 1).await;
    }
    let body = |seen: Vec<crate::fakes::Seen>, endpoint: &str| -> Value {
        let request = seen.into_iter().find(|seen| seen.endpoint == endpoint).expect("it was asked for");
        request.request.fields().map(Value::Object).expect("an object")
    };
    let record = body(bluesky.seen(), bluesky::PUT)["record"].take();
    let card = &record["embed"]["external"];
    assert_eq!(card["uri"].as_str(), Some(link("one").as_str()), "{record:#}");
    assert_eq!(card["title"].as_str(), Some("Bakıda & ətrafda görüş"), "{record:#}");
    assert_eq!(card["thumb"]["mimeType"].as_str().map(|kind| kind.starts_with("image/")), Some(true), "{record:#}");
    assert_eq!(record["langs"], serde_json::json!(["az"]), "{record:#}");
    let text = record["text"].as_str().expect("a post has a text");
    let facet = &record["facets"][0];
    let at = |end: &str| usize::try_from(facet["index"][end].as_u64().expect("a place")).expect("a small one");
    assert_eq!(&text[at("byteStart")..at("byteEnd")], facet["features"][0]["uri"].as_str().expect("a link facet"));
    assert_eq!(body(mastodon.seen(), mastodon::CREATE)["language"].as_str(), Some("az"));

    assert_eq!(bugle.term().await.code(), Some(0));
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    assert_eq!(bugle.term().await.code(), Some(0));
    for ledger in ledgers {
        saw(ledger, &[link("one")]);
    }
    let sends = [
        x.count(x::CREATE),
        telegram.count(telegram::SEND),
        mastodon.count(mastodon::CREATE),
        bluesky.count(bluesky::PUT),
    ];
    assert_eq!(sends, [1; 4]);
    assert_eq!(books.notices().await, Vec::new());
}

#[tokio::test]
async fn an_article_goes_out_once_on_every_platform() {
    out_once(Engine::Sqlite).await;
}

#[tokio::test]
async fn an_article_goes_out_once_on_every_platform_from_postgres() {
    out_once(Engine::Postgres).await;
}

#[tokio::test]
async fn a_first_start_floods_nobody() {
    let slugs: Vec<String> = (1..=50).map(|n| format!("s{n:02}")).collect();
    let slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
    let (press, mastodon) = (Press::with(&slugs), FakeMastodon::start());
    let newsroom = Newsroom::new("from_now").source("news", &press.url(), "from now").mastodon(&mastodon);
    let bugle = newsroom.start().await;
    press.read().await;
    let books = newsroom.books().await;
    assert_eq!((books.articles().await, books.posts().await), (50, Vec::new()));
    press.publish("new");
    mastodon.ledger().wait_for(1).await;
    press.read().await;
    assert!(bugle.term().await.success());
    saw(mastodon.ledger(), &[link("new")]);
}

#[tokio::test]
async fn a_first_start_may_post_the_newest_three_oldest_first() {
    let slugs: Vec<String> = (1..=50).map(|n| format!("s{n:02}")).collect();
    let slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
    let (press, mastodon) = (Press::with(&slugs), FakeMastodon::start());
    let newsroom = Newsroom::new("last_3").source("news", &press.url(), "last 3").mastodon(&mastodon);
    let bugle = newsroom.start().await;
    mastodon.ledger().wait_for(3).await;
    press.read().await;
    assert!(bugle.term().await.success());
    // Read when the source is first seen, and never again.
    let bugle = newsroom.start().await;
    press.read().await;
    assert!(bugle.term().await.success());
    saw(mastodon.ledger(), &[link("s48"), link("s49"), link("s50")]);
}
