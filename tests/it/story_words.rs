//! Tags, mentions, links and languages, from the config to what readers see, and short links from the post to the click.

use bugle::clock::{Clock as _, SystemClock};
use serde_json::Value;

use crate::fakes::bluesky::{self, FakeBluesky};
use crate::fakes::fault::{Fault, http_date};
use crate::fakes::feed::FakeFeed;
use crate::fakes::mastodon::{self, FakeMastodon};
use crate::fakes::telegram::FakeTelegram;
use crate::fakes::x::{self, FakeX};
use crate::harness::{Engine, Newsroom, Running, saw, until};
use crate::wire::{Answer, Ask};

const READER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// The config beside sources, channels and routes.
const WORDS: &str = r##"
[hashtags]
auto = false

[hashtags.map]
"iqtisadiyyat" = ["#İqtisadiyyat", "#Azərbaycan"]
"*" = "#AzerNews"

[mentions]
"İlham Əliyev" = { x = "@presidentaz", mastodon = "@presidentaz@b.example", telegram = "@presidentaz", bluesky = { handle = "president.bsky.social", did = "did:plc:abcdefghijklmnopqrstuvwx" } }

[links]
params = { utm_source = "{{ platform }}", utm_medium = "social" }
"##;

const TITLE: &str = "İlham Əliyev @everyone evil.com körpünün açılışında iştirak edib";
const SUMMARY: &str = "Prezident tikinti işləri ilə tanış olub. Körpü şəhərin iki sahilini birləşdirəcək.";

/// A feed that says no language, with a story in Azerbaijani whose link carries somebody's tracking.
fn feed() -> FakeFeed {
    let feed = FakeFeed::start();
    let now = http_date(SystemClock::new().now());
    feed.feed(
        "/rss",
        &format!(
            "<rss version=\"2.0\"><channel><title>N</title><link>https://newsroom.example/</link><description>d</description>\
             <item><title>{TITLE}</title><link>https://newsroom.example/a?id=7&amp;utm_source=rss&amp;fbclid=x</link>\
             <guid>g1</guid><category>İQTİSADİYYAT</category><category>Slider</category><description>{SUMMARY}</description>\
             <pubDate>{now}</pubDate></item></channel></rss>"
        ),
    );
    feed
}

const TEMPLATE: &str =
    "{{ title | mentions | elastic }} {{ published | date('LLLL') }}\n{{ link }}\n{{ hashtags | optional }}\n";

fn newsroom(name: &str, feed: &FakeFeed) -> Newsroom {
    let newsroom = Newsroom::new(name).source("news", &feed.at("/rss"), "last 1").more(WORDS);
    std::fs::create_dir_all(newsroom.path("templates/post")).unwrap();
    newsroom.write("templates/post/headline.j2", TEMPLATE);
    newsroom
}

#[tokio::test]
async fn what_the_config_says_of_words_is_what_readers_see() {
    let (x, telegram) = (FakeX::start(), FakeTelegram::start());
    let (mastodon, bluesky) = (FakeMastodon::start(), FakeBluesky::start());
    let feed = feed();
    let newsroom = newsroom("words", &feed)
        .x(&x)
        .telegram(&telegram)
        .mastodon(&mastodon)
        .bluesky(&bluesky)
        .with("telegram", "hashtags = 1")
        .with("mastodon", "link_params = { utm_medium = \"fedi\" }");
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    for channel in ["x", "telegram", "mastodon", "bluesky"] {
        books.wait_for(channel, "published", 1).await;
    }
    assert!(bugle.term().await.success());
    let link =
        |source: &str, medium: &str| format!("https://newsroom.example/a?id=7&utm_medium={medium}&utm_source={source}");
    let text = |handle: &str, at: &str, link: &str, tags: &str| {
        format!("{handle} {at}everyone evil.\u{200B}com körpünün açılışında iştirak edib noyabr\n{link}\n{tags}")
            .replace("noyabr", &month())
    };
    let at = "@\u{200B}";
    let all = "#İqtisadiyyat #Azərbaycan #AzerNews";
    for (ledger, want) in [
        (x.ledger(), text("@presidentaz", at, &link("x", "social"), all)),
        (telegram.ledger(), text("@presidentaz", at, &link("telegram", "social"), "#İqtisadiyyat")),
        // No bare domain is a link there.
        (
            mastodon.ledger(),
            text("@presidentaz@b.example", at, &link("mastodon", "fedi"), all).replace("evil.\u{200B}com", "evil.com"),
        ),
        (bluesky.ledger(), text("@president.bsky.social", at, &link("bluesky", "social"), all)),
    ] {
        let posts = ledger.posts();
        assert_eq!(posts.iter().map(|post| post.text.as_str()).collect::<Vec<_>>(), [want]);
    }
    // The language that the feed does not say goes to every platform that takes one.
    let sent: Value = body(&mastodon.seen(), mastodon::CREATE);
    assert_eq!(sent["language"], "az", "{sent}");
    assert_eq!(sent.get("allowed_mentions"), None, "the mention is wanted");
    let record = &body(&bluesky.seen(), bluesky::PUT)["record"];
    assert_eq!(record["langs"], serde_json::json!(["az"]));
    let features: Vec<&str> = record["facets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|facet| facet["features"][0]["$type"].as_str().unwrap().rsplit('#').next().unwrap())
        .collect();
    assert_eq!(features, ["mention", "link", "tag", "tag", "tag"], "{record:#}");
    assert_eq!(record["embed"]["external"]["uri"], link("bluesky", "social"));
}

/// This month's name in Azerbaijani, as the feed's date is today's (in Baku).
fn month() -> String {
    const NAMES: [&str; 12] = [
        "yanvar", "fevral", "mart", "aprel", "may", "iyun", "iyul", "avqust", "sentyabr", "oktyabr", "noyabr", "dekabr",
    ];
    let zone = jiff::tz::TimeZone::get("Asia/Baku").unwrap();
    let month = SystemClock::new().now().to_zoned_datetime(zone).month();
    NAMES[usize::try_from(month - 1).unwrap()].to_owned()
}

fn body(seen: &[crate::fakes::Seen], endpoint: &str) -> Value {
    let one = seen.iter().find(|it| it.endpoint == endpoint).expect("it was sent");
    serde_json::from_slice(&one.request.body).unwrap()
}

async fn follow(bugle: &Running, method: &str, path: &str, agent: &str) -> Answer {
    Ask::new(method, format!("{}{path}", bugle.address())).header("User-Agent", agent).send().await.unwrap()
}

/// A short link goes out, its lost answer is found again by it, it leads to the article, its clicks survive a restart.
async fn short_links_from_the_post_to_the_click(engine: Engine) {
    let (x, mastodon) = (FakeX::start(), FakeMastodon::start());
    x.rules().duplicate_guard = false;
    x.fail(x::CREATE, Fault::ResetAfter);
    let feed = feed();
    let newsroom = newsroom("short", &feed)
        .store(engine)
        .public("https://go.example")
        .x(&x)
        .mastodon(&mastodon)
        .route("from = [\"news\"]\nto = [\"x\", \"mastodon\"]\nshort_links = true\nlink_params = { utm_campaign = \"{{ category | lower }}\" }");
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    books.wait_for("x", "published", 1).await;
    books.wait_for("mastodon", "published", 1).await;
    assert_eq!(x.count(x::CREATE), 1, "what was lost was found by its short link, not sent again");
    let link = x.ledger().posts()[0].link.clone().unwrap();
    let id = link.strip_prefix("https://go.example/r/").expect("a short link").to_owned();
    saw(x.ledger(), std::slice::from_ref(&link));
    let path = format!("/r/{id}");
    for _ in 0..3 {
        let answer = follow(&bugle, "GET", &path, READER).await;
        let target = "https://newsroom.example/a?id=7&utm_campaign=iqtisadiyyat&utm_medium=social&utm_source=x";
        assert_eq!((answer.status, answer.header("location")), (302, Some(target)));
    }
    assert_eq!(follow(&bugle, "HEAD", &path, READER).await.status, 302);
    assert_eq!(follow(&bugle, "GET", &path, "Mozilla/5.0 (compatible; Googlebot/2.1)").await.status, 302);
    assert_eq!(follow(&bugle, "GET", "/r/1111111111", READER).await.status, 404);
    assert!(bugle.term().await.success());

    let out = newsroom.command(&["--json", "queue", "--state", "published"]).await;
    let queue: Value = serde_json::from_slice(&out.stdout).unwrap();
    let of = |channel: &str| {
        queue.as_array().unwrap().iter().find(|post| post["channel"] == channel).unwrap()["short_link"].clone()
    };
    assert_eq!((&of("x")["id"], &of("x")["clicks"]), (&Value::from(id.as_str()), &Value::from(3)));
    assert_eq!(of("mastodon")["clicks"], 0);
    let out = newsroom.command(&["why", "https://newsroom.example/a?id=7"]).await;
    let why = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(why.contains(&format!("3 clicks on /r/{id}")), "{why}");

    // Again after a restart, and then without waiting for its end: what was counted is written every few seconds.
    let bugle = newsroom.start().await;
    assert_eq!(follow(&bugle, "GET", &path, READER).await.status, 302);
    let written = async || books.number("SELECT CAST(sum(clicks) AS BIGINT) FROM short_link_click").await == 4;
    until("the click is written", written).await;
    let article = &books.posts().await[0].article;
    let page = bugle.page(&format!("/articles/{article}")).await;
    assert!(page.contains(&format!("4 clicks on /r/{id}")), "{page}");
    bugle.kill9().await;
}

#[tokio::test]
async fn a_short_link_counts_from_the_post_to_the_click() {
    short_links_from_the_post_to_the_click(Engine::Sqlite).await;
}

#[tokio::test]
async fn a_short_link_counts_from_the_post_to_the_click_on_postgres() {
    short_links_from_the_post_to_the_click(Engine::Postgres).await;
}

/// Where nothing remembers a key, a lost answer is looked up by the link as it was sent: parameters and all.
#[tokio::test]
async fn a_link_with_parameters_is_found_again() {
    let (x, mastodon) = (FakeX::start(), FakeMastodon::start());
    x.rules().duplicate_guard = false;
    mastodon.rules().keys = mastodon::Keys::Forget;
    x.fail(x::CREATE, Fault::ResetAfter);
    mastodon.fail(mastodon::CREATE, Fault::ResetAfter);
    let feed = feed();
    let newsroom = newsroom("found", &feed).x(&x).mastodon(&mastodon);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    books.wait_for("x", "published", 1).await;
    books.wait_for("mastodon", "published", 1).await;
    assert!(bugle.term().await.success());
    assert_eq!((x.count(x::CREATE), x.ledger().posts().len(), mastodon.ledger().posts().len()), (1, 1, 1));
}

#[tokio::test]
async fn more_links_than_a_platform_takes_are_refused_beforehand() {
    let newsroom = Newsroom::new("links").timeline("wall", "threads");
    let bugle = newsroom.start().await;
    let links: Vec<String> = (1..=6).map(|n| format!("https://n.example/{n}")).collect();
    for (count, refused) in [(6, true), (5, false)] {
        let text = links[..count].join(" ");
        let output = newsroom.command(&["post", "--to", "wall", "--text", &text]).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(said.contains("the text has 6 links where 5 are allowed"), refused, "{count}: {said}");
        assert_eq!(output.status.success(), !refused, "{count}: {said}");
    }
    assert!(bugle.term().await.success());
}
