//! Newsrooms without a feed, and what articles' own pages say: waited for, within bounds, never in the way of a post.

use bugle::clock::{Clock as _, SystemClock};
use serde_json::Value;

use crate::fakes::feed::{FakeFeed, Item, rss};
use crate::fakes::http::Reply;
use crate::fakes::mastodon::FakeMastodon;
use crate::harness::{Books, Engine, Newsroom, fetched, until};

const EMPTY: &str = "<rss version=\"2.0\"><channel><title>N</title></channel></rss>";

/// A feed of one story without picture or summary.
fn feed(link: &str) -> String {
    rss(&[Item { guid: "1", title: "Story one", link, at: SystemClock::new().now() }])
}

/// An article's page.
fn page(address: &str, more: &str) -> String {
    format!(
        "<!doctype html><html lang=az><head><title>Story one | N</title><link rel=canonical href=\"{address}\">\
         <meta property=og:description content=\"What the page says.\"><meta property=og:image content=\"/p.png\">\
         <meta property=og:image:width content=1200>{more}</head><body><h1>Story one</h1></body></html>"
    )
}

fn html(body: impl Into<Vec<u8>>) -> Reply {
    Reply::text(200, "text/html; charset=utf-8", body)
}

/// A newsroom with a wall that shows cards, fed by that feed.
fn newsroom(name: &str, web: &FakeFeed, lines: &str) -> Newsroom {
    Newsroom::new(name).source_more("news", &web.at("/rss"), "from now", lines).timeline("wall", "bluesky")
}

/// What is on the wall, newest first.
async fn wall(newsroom: &Newsroom) -> Vec<Value> {
    let output = newsroom.command(&["timeline", "wall", "--json"]).await;
    let posts: Value = serde_json::from_slice(&output.stdout).unwrap();
    posts.as_array().unwrap().iter().map(|post| post["post"].clone()).collect()
}

async fn waits(books: &Books) -> i64 {
    books.number("SELECT count(*) FROM page_wait").await
}

async fn a_page_that_comes_late(engine: Engine) {
    let web = FakeFeed::start();
    web.feed("/rss", EMPTY);
    // The bound is minutes away: what ends the wait is the page.
    let newsroom = newsroom("late_page", &web, "page_wait = \"10m\"").store(engine).scale(0.3);
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    web.feed("/rss", &feed(&web.at("/a?utm_source=rss")));
    until("the page was asked for twice", async || web.hits("/a") >= 2).await;
    let books = newsroom.books().await;
    let posts = books.posts().await;
    assert_eq!((posts.len(), posts[0].state), (1, "scheduled"), "{posts:#?}");
    let why = newsroom.command(&["why", &web.at("/a")]).await;
    let why = String::from_utf8_lossy(&why.stdout).into_owned();
    assert!(why.contains("waits for the article's page (the server answers 404)"), "{why}");

    web.reply("/a", html(page(&web.at("/a"), "")));
    books.wait_for("wall", "published", 1).await;
    let posts = wall(&newsroom).await;
    let card = &posts[0]["card"];
    assert_eq!(card["description"], "What the page says.", "{posts:#?}");
    assert_eq!(card["image"], web.at("/p.png"), "{posts:#?}");
    assert_eq!(posts[0]["link"], web.at("/a"), "the page's own address, without tracking: {posts:#?}");
    assert_eq!(waits(&books).await, 0);

    // Known by both addresses, and no new version although the feed still says less than the page.
    fetched(&web, "/rss").await;
    web.feed("/rss", &feed(&web.at("/a")).replace(">1<", ">2<"));
    fetched(&web, "/rss").await;
    assert_eq!((books.articles().await, books.posts().await.len()), (1, 1));
    assert_eq!(books.number("SELECT version FROM article").await, 1);
    // The headline changes: a new version, which keeps what the page said.
    web.feed("/rss", &feed(&web.at("/a")).replace("Story one", "Story one, corrected"));
    until("there is a second version", async || books.number("SELECT version FROM article").await == 2).await;
    let kept = "SELECT count(*) FROM article WHERE title = 'Story one, corrected' AND entry LIKE '%/p.png%' \
                AND entry LIKE '%What the page says.%'";
    assert_eq!(books.number(kept).await, 1);
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn a_page_that_is_not_up_yet_is_waited_for() {
    a_page_that_comes_late(Engine::Sqlite).await;
}

#[tokio::test]
async fn a_page_that_is_not_up_yet_is_waited_for_postgres() {
    a_page_that_comes_late(Engine::Postgres).await;
}

#[tokio::test]
async fn a_page_that_never_comes_holds_nothing() {
    let web = FakeFeed::start();
    web.feed("/rss", EMPTY);
    let newsroom = newsroom("no_page", &web, "page_wait = \"30s\"");
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    web.feed("/rss", &feed(&web.at("/a")));
    let books = newsroom.books().await;
    books.wait_for("wall", "published", 1).await;
    assert!(web.hits("/a") >= 1);
    let late = "SELECT count(*) FROM attempt JOIN post ON attempt.post = post.id WHERE begun >= created + 600";
    assert_eq!(books.number(late).await, 1, "not before the bound");
    until("nothing is waited for", async || waits(&books).await == 0).await;
    assert_eq!(wall(&newsroom).await[0]["card"]["description"], "");
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn posts_that_a_page_cannot_change_do_not_wait() {
    let (web, mastodon) = (FakeFeed::start(), FakeMastodon::start());
    for path in ["/rss", "/quick", "/flash"] {
        web.feed(path, EMPTY);
    }
    // No page is up; every wait is as long as it is for people.
    let newsroom = Newsroom::new("no_need")
        .scale(1.0)
        .source_more("news", &web.at("/rss"), "from now", "page_wait = \"10m\"")
        .source_more("quick", &web.at("/quick"), "from now", "page_wait = \"0s\"")
        .source_more("flash", &web.at("/flash"), "from now", "page_wait = \"10m\"")
        .timeline("wall", "bluesky")
        .timeline("other", "bluesky")
        .mastodon(&mastodon)
        .route("from = [\"news\"]\nto = [\"mastodon\"]")
        .route("from = [\"quick\"]\nto = [\"other\"]")
        .route("from = [\"flash\"]\nto = [\"wall\"]\nurgency = \"breaking\"");
    let bugle = newsroom.start().await;
    for path in ["/rss", "/quick", "/flash"] {
        fetched(&web, path).await;
    }
    // The text is the headline and the link, and the server makes the card: nothing of the page would show.
    web.feed("/rss", &feed(&web.at("/a")));
    let books = newsroom.books().await;
    books.wait_for("mastodon", "published", 1).await;
    until("the page was asked for all the same", async || web.hits("/a") >= 1).await;
    web.feed("/quick", &feed(&web.at("/b")));
    books.wait_for("other", "published", 1).await;
    // A breaking one waits, but no more than ten seconds.
    web.feed("/flash", &feed(&web.at("/c")));
    let brief = "SELECT count(*) FROM post WHERE channel = 'wall' AND due = created + 10000";
    until("a breaking post waits briefly", async || books.number(brief).await == 1).await;
    books.wait_for("wall", "published", 1).await;
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn a_crash_between_page_and_store_costs_nothing() {
    let web = FakeFeed::start();
    web.feed("/rss", EMPTY);
    web.reply("/a", html(page("/a", "")));
    let newsroom = newsroom("page_crash", &web, "page_wait = \"10m\"").scale(0.3);
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    assert!(bugle.term().await.success());
    web.feed("/rss", &feed(&web.at("/a")));
    let mut crashing = newsroom.start_to_crash("page_read", 1).await;
    crashing.wait_exit().await;
    let books = newsroom.books().await;
    let posts = books.posts().await;
    assert_eq!((posts.len(), posts[0].state, waits(&books).await), (1, "scheduled", 1), "{posts:#?}");
    let bugle = newsroom.start().await;
    books.wait_for("wall", "published", 1).await;
    assert_eq!(wall(&newsroom).await[0]["card"]["image"], web.at("/p.png"));
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn pages_that_may_not_or_cannot_be_read_are_gone_without() {
    let web = FakeFeed::start();
    web.feed("/rss", EMPTY);
    web.reply("/robots.txt", Reply::text(200, "text/plain", "User-agent: *\nDisallow: /closed\n"));
    web.reply("/closed/a", html(page("/closed/a", "")));
    // Above what is fetched; a picture inside the network and an address of another site; more than is read.
    web.reply("/huge", html(vec![b' '; 50 * 1024 * 1024]));
    web.reply(
        "/astray",
        html(
            "<link rel=canonical href='http://10.0.0.1/a'><meta property=og:description content='Astray.'>\
             <meta property=og:image content='http://169.254.169.254/latest'>",
        ),
    );
    web.reply("/long", html(page("/long", "") + &"<p>x</p>".repeat(400_000)));
    web.reply("/pdf", Reply::text(200, "application/pdf", "%PDF"));
    web.redirect("/inside", 302, "http://10.0.0.1/a");
    let newsroom = newsroom("no_reading", &web, "page_wait = \"10m\"").scale(0.3);
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    let paths = ["/closed/a", "/huge", "/astray", "/long", "/pdf", "/inside"];
    let links: Vec<String> = paths.iter().map(|path| web.at(path)).collect();
    let now = SystemClock::new().now();
    let items: Vec<Item<'_>> = links.iter().map(|link| Item { guid: link, title: link, link, at: now }).collect();
    web.feed("/rss", &rss(&items));
    let books = newsroom.books().await;
    books.wait_for("wall", "published", paths.len()).await;
    assert_eq!(web.hits("/closed/a"), 0);
    let posts = wall(&newsroom).await;
    let card = |path: &str| {
        let of = |post: &&Value| post["link"] == web.at(path);
        posts.iter().find(of).unwrap_or_else(|| panic!("{path}: {posts:#?}"))["card"].clone()
    };
    for path in ["/closed/a", "/huge", "/pdf", "/inside"] {
        assert_eq!((&card(path)["description"], &card(path)["image"]), (&Value::from(""), &Value::Null), "{path}");
    }
    assert_eq!((&card("/astray")["description"], &card("/astray")["image"]), (&Value::from("Astray."), &Value::Null));
    assert_eq!(card("/long")["image"], web.at("/p.png"));
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn one_story_under_two_addresses_goes_out_once() {
    let web = FakeFeed::start();
    web.feed("/rss", EMPTY);
    web.feed("/other", EMPTY);
    web.reply("/a", html(page("/a", "")));
    web.reply("/go/1", html(page("/a", "")));
    let newsroom = newsroom("two_addresses", &web, "page_wait = \"10m\"")
        .source_more("other", &web.at("/other"), "from now", "page_wait = \"10m\"")
        .scale(0.3);
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    fetched(&web, "/other").await;
    web.feed("/rss", &feed(&web.at("/a")));
    let books = newsroom.books().await;
    books.wait_for("wall", "published", 1).await;
    web.feed("/other", &feed(&web.at("/go/1")));
    let posts = books.wait_for("wall", "skipped", 1).await;
    assert!(posts.iter().any(|row| row.reason.starts_with("the same story as article ")), "{posts:#?}");
    assert_eq!(wall(&newsroom).await.len(), 1);
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn two_sources_of_one_story_do_not_take_turns() {
    let web = FakeFeed::start();
    let never = "article_page = \"never\"";
    web.feed("/rss", EMPTY);
    web.feed("/other", EMPTY);
    let newsroom = newsroom("turns", &web, never).source_more("other", &web.at("/other"), "from now", never);
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    fetched(&web, "/other").await;
    web.feed("/rss", &feed(&web.at("/a")));
    let books = newsroom.books().await;
    books.wait_for("wall", "published", 1).await;
    for round in 0..3 {
        // Each body is new, so each is read.
        for (path, title) in [("/other", "The same in other words"), ("/rss", "Story one")] {
            web.feed(path, &format!("{}<!-- {round} -->", feed(&web.at("/a")).replace("Story one", title)));
            fetched(&web, path).await;
        }
    }
    assert_eq!((books.articles().await, books.number("SELECT version FROM article").await), (1, 1));
    assert!(bugle.term().await.success());
}

fn sitemap(entries: &[(String, &str)]) -> Reply {
    let now = SystemClock::new().now();
    let urls = entries.iter().map(|(loc, title)| {
        format!(
            "<url><loc>{loc}</loc><news:news><news:publication><news:name>N</news:name><news:language>az</news:language>\
             </news:publication><news:publication_date>{now}</news:publication_date><news:title>{title}</news:title>\
             </news:news></url>"
        )
    });
    let body = format!(
        "<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" \
         xmlns:news=\"http://www.google.com/schemas/sitemap-news/0.9\">{}</urlset>",
        urls.collect::<String>()
    );
    Reply::text(200, "application/xml", body)
}

fn packed(reply: Reply) -> Reply {
    use std::io::Write as _;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(&reply.body).unwrap();
    Reply::text(200, "application/gzip", packer.finish().unwrap())
}

#[tokio::test]
async fn a_newsroom_without_feed_by_its_sitemap() {
    let web = FakeFeed::start();
    let old = (web.at("/old"), "Köhnə xəbər");
    web.reply("/news.xml.gz", packed(sitemap(std::slice::from_ref(&old))));
    let child = format!("<sitemap><loc>{}</loc></sitemap>", web.at("/news.xml.gz"));
    web.reply("/sitemap.xml", Reply::text(200, "text/xml", format!("<sitemapindex>{child}</sitemapindex>")));
    web.reply("/new", html(page("/new", "")));
    let newsroom = Newsroom::new("sitemap")
        .scale(0.3)
        .source_more("news", &web.at("/sitemap.xml"), "from now", "page_wait = \"10m\"")
        .timeline("wall", "bluesky");
    let bugle = newsroom.start().await;
    fetched(&web, "/news.xml.gz").await;
    let books = newsroom.books().await;
    assert_eq!((books.articles().await, books.posts().await.len()), (1, 0));
    // The index stays as it is: only the sitemap in it changes.
    web.reply("/news.xml.gz", packed(sitemap(&[(web.at("/new"), "Yeni xəbər"), old])));
    books.wait_for("wall", "published", 1).await;
    let posts = wall(&newsroom).await;
    assert_eq!(posts[0]["card"]["title"], "Yeni xəbər", "{posts:#?}");
    assert_eq!(posts[0]["card"]["description"], "What the page says.", "{posts:#?}");
    assert_eq!(posts[0]["language"], "az");
    assert_eq!(web.hits("/old"), 0, "what is not posted needs no page");
    assert!(bugle.term().await.success());
}

fn listing(items: &[(&str, &str)]) -> Reply {
    let items: String =
        items.iter().map(|(link, title)| format!("<li class=card><a href=\"{link}\"><h3>{title}</h3></a>")).collect();
    html(format!("<!doctype html><html lang=ar dir=rtl><ul>{items}</ul>"))
}

#[tokio::test]
async fn a_newsroom_without_feed_by_its_page() {
    let web = FakeFeed::start();
    web.reply("/latest", listing(&[("/1", "خبر قديم")]));
    let lines = "page = { item = \"li.card\" }\narticle_page = \"never\"";
    let newsroom =
        Newsroom::new("listing").source_more("news", &web.at("/latest"), "from now", lines).timeline("wall", "bluesky");
    let bugle = newsroom.start().await;
    fetched(&web, "/latest").await;
    web.reply("/latest", listing(&[("/2", "خبر جديد"), ("/1", "خبر قديم")]));
    let books = newsroom.books().await;
    books.wait_for("wall", "published", 1).await;
    let posts = wall(&newsroom).await;
    assert_eq!(
        (&posts[0]["link"], &posts[0]["language"]),
        (&Value::from(web.at("/2")), &Value::from("ar")),
        "{posts:#?}"
    );
    assert!(posts[0]["text"].as_str().unwrap().contains("خبر جديد"), "{posts:#?}");
    assert_eq!(web.hits("/robots.txt"), 1, "asked once, kept for a day");

    // The page is rebuilt: nothing is found any more, and that is said.
    web.reply("/latest", html("<!doctype html><div>all new</div>"));
    until("the source has failed", async || {
        books.number("SELECT count(*) FROM source WHERE error LIKE '%finds no element%'").await == 1
    })
    .await;
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn a_page_that_robots_txt_forbids_is_not_read() {
    let web = FakeFeed::start();
    web.reply("/latest", listing(&[("/1", "A")]));
    web.reply("/robots.txt", Reply::text(200, "text/plain", "User-agent: bugle\nDisallow: /latest\n"));
    let newsroom = Newsroom::new("forbidden")
        .source_more("news", &web.at("/latest"), "from now", "page = { item = \"li.card\" }")
        .timeline("wall", "bluesky");
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    until("the source has failed", async || {
        books.number("SELECT count(*) FROM source WHERE error LIKE 'robots.txt of 127.0.0.1 forbids%'").await == 1
    })
    .await;
    assert_eq!(web.hits("/latest"), 0);
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn discover_finds_what_a_site_has() {
    let web = FakeFeed::start();
    let newsroom = newsroom("discover", &web, "");
    newsroom.write("bugle.toml", &newsroom.config().await);
    let none = newsroom.command(&["discover", &web.at("/")]).await;
    assert_eq!(none.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&none.stderr).contains("the server answers 404"), "{none:?}");

    web.reply("/", html("<html lang=az><head></head><body><p>Salam"));
    let none = newsroom.command(&["discover", &web.at("/")]).await;
    let said = String::from_utf8_lossy(&none.stderr).into_owned();
    assert_eq!(none.status.code(), Some(1));
    assert!(said.contains("neither a feed nor a news sitemap was found"), "{said}");

    web.reply("/robots.txt", Reply::text(200, "text/plain", format!("Sitemap: {}\n", web.at("/map.xml"))));
    web.reply("/map.xml", sitemap(&[(web.at("/a"), "A"), (web.at("/b"), "B")]));
    web.reply(
        "/",
        html(
            "<html lang=az><head><link rel=alternate type='application/rss+xml' href='/comments.xml'>\
             <link rel=alternate type='application/rss+xml' href='/lent.xml'></head>",
        )
        .header("Link", "</atom.xml>; rel=\"alternate\"; type=\"application/atom+xml\""),
    );
    web.feed("/lent.xml", &feed(&web.at("/a")));
    web.feed("/comments.xml", &feed(&web.at("/c")));
    let found = newsroom.command(&["discover", &web.at("/")]).await;
    let text = String::from_utf8_lossy(&found.stdout).into_owned();
    assert_eq!(found.status.code(), Some(0), "{found:?}");
    let block = format!("[source.news]\nurl   = \"{}\"", web.at("/lent.xml"));
    assert!(text.contains(&block) && text.contains("language = \"az\""), "{text}");
    let json = newsroom.command(&["discover", "--json", &web.at("/")]).await;
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    let urls: Vec<_> = json["found"].as_array().unwrap().iter().map(|it| it["url"].as_str().unwrap()).collect();
    assert_eq!(urls, [web.at("/lent.xml"), web.at("/map.xml"), web.at("/comments.xml")], "{json:#}");
    assert_eq!(json["found"][1]["kind"], "sitemap");
    assert!(json["tried"].to_string().contains("/atom.xml"), "{json:#}");
}

#[tokio::test]
async fn parse_shows_a_sitemap_and_a_page() {
    let web = FakeFeed::start();
    web.reply("/map.xml", packed(sitemap(&[(web.at("/a"), "A"), (web.at("/b"), "B")])));
    web.reply("/latest", listing(&[("/1", "خبر")]));
    let newsroom = newsroom("parse", &web, "");
    newsroom.write("bugle.toml", &newsroom.config().await);
    let lines = |output: &std::process::Output| -> Vec<Value> {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let map = newsroom.command(&["parse", &web.at("/map.xml")]).await;
    assert_eq!(lines(&map).iter().map(|it| it["title"].as_str().unwrap()).collect::<Vec<_>>(), ["A", "B"], "{map:?}");
    let bare = newsroom.command(&["parse", &web.at("/latest")]).await;
    let said = String::from_utf8_lossy(&bare.stderr).into_owned();
    assert!(bare.status.code() == Some(1) && said.contains("an HTML page, not a feed"), "{said}");
    let page = newsroom.command(&["parse", &web.at("/latest"), "--item", "li.card"]).await;
    assert_eq!(lines(&page)[0]["link"], web.at("/1"), "{page:?}");
    let bad = newsroom.command(&["parse", &web.at("/latest"), "--item", "li..card"]).await;
    assert_eq!(bad.status.code(), Some(2), "{bad:?}");
}

#[tokio::test]
async fn a_card_is_waited_for_until_page_and_picture_are_up() {
    let (web, mastodon) = (FakeFeed::start(), FakeMastodon::start());
    web.feed("/rss", EMPTY);
    // The feed says all that a post needs: only the card depends on the page. The bound is minutes away.
    let newsroom = Newsroom::new("late_card")
        .scale(0.3)
        .source_more("news", &web.at("/rss"), "from now", "article_page = \"never\"")
        .timeline("wall", "x")
        .mastodon(&mastodon)
        .with("mastodon", "card = \"wait\"");
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    web.feed("/rss", &feed(&web.at("/a")));
    let books = newsroom.books().await;
    books.wait_for("wall", "published", 1).await;
    until("the page was asked for twice", async || web.hits("/a") >= 2).await;
    let why = newsroom.command(&["why", &web.at("/a")]).await;
    let why = String::from_utf8_lossy(&why.stdout).into_owned();
    assert!(why.contains("waits for the page its card is made of (the server answers 404)"), "{why}");

    // The page is up, its picture is not.
    web.reply("/a", html(page(&web.at("/a"), "")));
    until("the picture was asked for twice", async || web.hits("/p.png") >= 2).await;
    assert_eq!(books.posts_of("mastodon").await[0].state, "scheduled");
    // A page of words in its place is no picture.
    web.reply("/p.png", html("not yet"));
    let seen = web.hits("/p.png");
    until("it was asked for again", async || web.hits("/p.png") >= seen + 2).await;
    assert_eq!(books.posts_of("mastodon").await[0].state, "scheduled");
    web.reply("/p.png", Reply::text(200, "image/png", "\u{89}PNG"));
    books.wait_for("mastodon", "published", 1).await;
    assert_eq!(waits(&books).await, 0);
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn a_card_that_never_comes_and_one_that_is_not_shown_hold_nothing() {
    let (web, mastodon) = (FakeFeed::start(), FakeMastodon::start());
    web.feed("/rss", EMPTY);
    web.feed("/two", EMPTY);
    let newsroom = Newsroom::new("no_card")
        .scale(0.02)
        .source_more("news", &web.at("/rss"), "from now", "article_page = \"never\"")
        .source_more("two", &web.at("/two"), "from now", "article_page = \"never\"")
        .mastodon(&mastodon)
        .with("mastodon", "card = \"wait\"")
        .route("from = [\"two\"]\nto = [\"mastodon\"]\npicture = \"headline\"")
        .route("from = [\"news\"]\nto = [\"mastodon\"]");
    let bugle = newsroom.start().await;
    for path in ["/rss", "/two"] {
        fetched(&web, path).await;
    }
    // Its picture is attached, as its route says: no card is shown, and nothing waited for.
    web.feed("/two", &feed(&web.at("/b")));
    let books = newsroom.books().await;
    books.wait_for("mastodon", "published", 1).await;
    assert_eq!((web.hits("/b"), mastodon.count(crate::fakes::mastodon::MEDIA)), (0, 1));
    // This one waits, until the end of its time.
    web.feed("/rss", &feed(&web.at("/a")));
    books.wait_for("mastodon", "published", 2).await;
    assert!(web.hits("/a") >= 1);
    let late = "SELECT count(*) FROM attempt JOIN post ON attempt.post = post.id WHERE begun >= created + 6000";
    assert_eq!(books.number(late).await, 1, "not before the bound, and the other at once");
    assert!(bugle.term().await.success());
}
