//! How a whole Bugle asks: a host that wants to be left alone, a part of a feed, what is taken back, what falls silent,
//! what a start does, and one hostile source among many.

use std::sync::{Arc, Mutex};

use bugle::clock::{Clock as _, SystemClock};
use bugle::store::{article, audit, source};
use jiff::SignedDuration;

use crate::fakes::fault::Wait;
use crate::fakes::feed::{FakeFeed, Item, rss};
use crate::fakes::http::{self, Reply};
use crate::fakes::lock;
use crate::fakes::mastodon::FakeMastodon;
use crate::harness::{Books, Newsroom, Press, fetched, link, saw, until};

fn one(guid: &str, title: &str, at: &str) -> String {
    rss(&[Item { guid, title, link: at, at: SystemClock::new().now() }])
}

async fn row(books: &Books, name: &str) -> source::SourceRow {
    let mut conn = books.0.read().await.expect("the store can be read");
    source::one(&mut conn, name).await.expect("the sources can be read").expect("the source was asked")
}

/// The articles' links, guids and versions.
async fn articles(books: &Books) -> Vec<(String, u32)> {
    let mut conn = books.0.read().await.expect("the store can be read");
    let all = article::newest(&mut conn, 100).await.expect("the articles can be read");
    all.into_iter().map(|(article, _)| (article.entry.title, article.version)).collect()
}

#[tokio::test]
async fn a_host_that_wants_to_be_left_alone_is() {
    let (web, other, mastodon) = (FakeFeed::start(), Press::start(), FakeMastodon::start());
    for path in ["/a", "/b"] {
        web.feed(path, &one("g", "Story", &link("old")));
    }
    let newsroom = Newsroom::new("host_rests")
        .source("a", &web.at("/a"), "from now")
        .source("b", &web.at("/b"), "from now")
        .source("other", &other.url(), "from now")
        .mastodon(&mastodon);
    let bugle = newsroom.start().await;
    fetched(&web, "/a").await;
    fetched(&web, "/b").await;
    let books = newsroom.books().await;
    web.too_many("/a", Wait::Seconds(600));
    until("a is told to wait", async || row(&books, "a").await.failures == 1).await;
    // One of b's may have been under way; from then on the host is asked no more, while others are.
    other.read().await;
    let (a, b) = (web.hits("/a"), web.hits("/b"));
    for _ in 0..3 {
        other.read().await;
    }
    assert_eq!((web.hits("/a"), web.hits("/b")), (a, b));
    let (a, b) = (row(&books, "a").await, row(&books, "b").await);
    assert_eq!((a.status, a.failures, b.failures), (Some(429), 1, 0));
    let now = SystemClock::new().now();
    let minutes = |row: &source::SourceRow| row.next_poll.duration_since(now).as_mins();
    assert!((9..=10).contains(&minutes(&a)) && (9..=11).contains(&minutes(&b)), "{a:#?} {b:#?}");
    assert!(bugle.term().await.success());

    // Nor does a new process ask it.
    let hits = (web.hits("/a"), web.hits("/b"));
    let bugle = newsroom.start().await;
    for _ in 0..2 {
        other.read().await;
    }
    assert_eq!((web.hits("/a"), web.hits("/b")), hits);
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn a_start_keeps_to_the_polls_that_were_planned() {
    let (web, asked, mastodon) = (FakeFeed::start(), Press::start(), FakeMastodon::start());
    let at = SystemClock::new().now();
    web.validated("/rss", &one("g", "Story", &link("old")), "\"1\"", at);
    web.feed("/new", &one("n", "Story", &link("new")));
    let make = |poll: &str, new: bool| {
        let slow = format!("[source.slow]\nurl = {:?}\npoll = {poll:?}\n", web.at("/rss"));
        let newsroom = Newsroom::new("planned")
            .source("asked", &asked.url(), "from now")
            .mastodon(&mastodon)
            .more(&slow)
            .allowing(&web.host());
        if new { newsroom.source("new", &web.at("/new"), "from now") } else { newsroom }
    };
    let mut newsroom = make("every 1h", false);
    let url = newsroom.url().await.to_owned();
    let bugle = newsroom.start().await;
    until("it was asked", async || web.hits("/rss") == 1).await;
    asked.read().await;
    assert!(bugle.term().await.success());
    // It is not due for most of an hour; what is new in the config is asked at once.
    let keep = newsroom;
    newsroom = make("every 1h", true);
    newsroom.at(&url);
    let bugle = newsroom.start().await;
    until("the new one was asked", async || web.hits("/new") >= 1).await;
    asked.read().await;
    assert_eq!(web.hits("/rss"), 1);
    assert!(bugle.term().await.success());
    // The config's new word counts from the start on.
    newsroom = make("every 1s", true);
    newsroom.at(&url);
    let bugle = newsroom.start().await;
    until("it is asked again", async || web.hits("/rss") >= 2).await;
    assert!(bugle.term().await.success());
    drop(keep);
}

#[tokio::test]
async fn a_part_of_a_feed_makes_nothing_forgotten_and_a_change_is_the_same_story() {
    let (web, mastodon) = (FakeFeed::start(), FakeMastodon::start());
    let now = SystemClock::new().now();
    let stories: Vec<(String, String, String)> =
        (0..5).map(|n| (format!("g{n}"), format!("Story {n}"), link(&n.to_string()))).collect();
    let items: Vec<Item<'_>> = stories
        .iter()
        .zip(1..)
        .map(|((guid, title, link), n)| Item { guid, title, link, at: now - SignedDuration::from_hours(n) })
        .collect();
    web.validated("/rss", &rss(&items), "\"1\"", now);
    let newsroom = Newsroom::new("part").source("news", &web.at("/rss"), "from now").mastodon(&mastodon);
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    let asked = web.seen().pop().expect("it was fetched").request;
    assert_eq!(asked.header("a-im"), Some("feed"));
    // What is new, and one of the old with another title and link.
    let moved = link("moved");
    let part = rss(&[
        Item { guid: "g9", title: "Story 9", link: &link("9"), at: now },
        Item { guid: "g0", title: "Story 0, corrected", link: &moved, at: now - SignedDuration::from_hours(1) },
    ]);
    let delta = Reply::text(226, "application/rss+xml", part).header("IM", "feed").header("ETag", "\"2\"");
    web.reply("/rss", delta);
    mastodon.ledger().wait_for(1).await;
    fetched(&web, "/rss").await;
    // The whole again, with the old link listed once more under another guid: both links are of one story.
    let whole = rss(&[
        Item { guid: "g9", title: "Story 9", link: &link("9"), at: now },
        Item { guid: "again", title: "Story 0, corrected", link: &link("0"), at: now - SignedDuration::from_hours(1) },
        Item { guid: "g1", title: "Story 1", link: &link("1"), at: now - SignedDuration::from_hours(2) },
    ]);
    web.feed("/rss", &whole);
    fetched(&web, "/rss").await;
    let books = newsroom.books().await;
    let all = articles(&books).await;
    assert_eq!(all.len(), 6, "{all:#?}");
    assert!(all.contains(&("Story 0, corrected".to_owned(), 2)), "{all:#?}");
    // Both links are of one story.
    let of = "FROM alias WHERE value IN ('link:newsroom.example/moved', 'link:newsroom.example/0')";
    let mut conn = books.0.read().await.expect("the store can be read");
    for (what, expected) in [("count(*)", 2), ("count(DISTINCT article)", 1)] {
        let sql = sqlx::AssertSqlSafe(format!("SELECT {what} {of}"));
        let found: i64 = sqlx::query_scalar(sql).fetch_one(&mut *conn).await.expect("a count");
        assert_eq!(found, expected, "{what}");
    }
    let story = article::meant(&mut conn, "g0").await.expect("articles").remove(0).0;
    let log = audit::of(&mut conn, story.id.as_str()).await.expect("the log can be read");
    let change = log.iter().find(|line| line.to.as_deref() == Some("version 2")).expect("the change is in the log");
    assert_eq!(change.why, "changed: title, link");
    drop(conn);
    assert!(books.number("SELECT count(*) FROM article_version").await >= 1);
    assert!(bugle.term().await.success());
    saw(mastodon.ledger(), &[link("9")]);
}

#[tokio::test]
async fn what_a_feed_takes_back_is_marked() {
    let (web, mastodon) = (FakeFeed::start(), FakeMastodon::start());
    let now = SystemClock::new().now();
    let stone = |guid: &str| {
        format!("<at:deleted-entry ref=\"{guid}\" when=\"{now}\"><at:comment>withdrawn</at:comment></at:deleted-entry>")
    };
    let entry = |n: u32| {
        let published = now - SignedDuration::from_hours(2);
        format!(
            "<entry><id>urn:{n}</id><title>Story {n}</title><link href=\"{}\"/><updated>{published}</updated></entry>",
            link(&n.to_string())
        )
    };
    let atom = |inner: String| {
        let ns = "xmlns=\"http://www.w3.org/2005/Atom\" xmlns:at=\"http://purl.org/atompub/tombstones/1.0\"";
        Reply::text(200, "application/atom+xml", format!("<feed {ns}><title>N</title>{inner}</feed>"))
    };
    web.reply("/atom", atom(entry(1) + &entry(2)));
    let newsroom = Newsroom::new("tombstone").source("news", &web.at("/atom"), "from now").mastodon(&mastodon);
    let bugle = newsroom.start().await;
    fetched(&web, "/atom").await;
    web.reply("/atom", atom(entry(2) + &stone("urn:1") + &stone("urn:unknown")));
    fetched(&web, "/atom").await;
    let books = newsroom.books().await;
    assert_eq!(books.articles().await, 2, "an article that is taken back stays in the store");
    let mut conn = books.0.read().await.expect("the store can be read");
    let killed = async |conn: &mut bugle::store::Conn, guid: &str| {
        let story = article::meant(conn, guid).await.expect("articles").remove(0).0;
        (article::killed(conn, story.id.as_str()).await.expect("articles").map(|(_, why)| why), story)
    };
    let (first, story) = killed(&mut conn, "urn:1").await;
    assert_eq!(first.as_deref(), Some("withdrawn"));
    assert!(!story.entry.standing.is_usable());
    assert_eq!(killed(&mut conn, "urn:2").await.0, None);
    let log = audit::of(&mut conn, story.id.as_str()).await.expect("the log can be read");
    assert!(log.iter().any(|line| line.why == "source news took it back: withdrawn"), "{log:#?}");
    drop(conn);
    assert!(bugle.term().await.success());
    assert_eq!(mastodon.ledger().entries().len(), 0);
}

#[tokio::test]
async fn a_daily_source_that_falls_silent_is_told_of_once_until_it_speaks() {
    let (web, mastodon) = (FakeFeed::start(), FakeMastodon::start());
    let now = SystemClock::new().now();
    let names: Vec<(String, String)> = (0..40).map(|n| (format!("g{n}"), link(&n.to_string()))).collect();
    let item = |n: usize| Item {
        guid: &names[n].0,
        title: &names[n].0,
        link: &names[n].1,
        at: now - SignedDuration::from_hours(30 + 3 * n as i64),
    };
    web.feed("/rss", &rss(&(0..40).map(item).collect::<Vec<_>>()));
    let newsroom = Newsroom::new("silent").source("news", &web.at("/rss"), "from now").mastodon(&mastodon);
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    assert!(bugle.term().await.success());
    let books = newsroom.books().await;
    assert_eq!(row(&books, "news").await.rhythm, Some(3 * 3_600));
    assert_eq!(books.notices().await, Vec::new());
    // As if it had been watched all the while.
    books.run("UPDATE source SET last_change = last_change - 90000000").await;
    let bugle = newsroom.start().await;
    let told = async || books.notices().await.iter().filter(|it| it.key == "source.news.silent").count() == 1;
    until("a person is told", told).await;
    for _ in 0..3 {
        fetched(&web, "/rss").await;
    }
    let notice = books.notices().await.remove(0);
    assert_eq!((notice.count, notice.level.as_str()), (1, "warn"));
    assert!(notice.text.contains("nothing new for 25 hours"), "{}", notice.text);
    web.feed("/rss", &one("new", "New", &link("new")));
    mastodon.ledger().wait_for(1).await;
    until("it is taken back", async || books.notices().await.is_empty()).await;
    assert!(bugle.term().await.success());
    saw(mastodon.ledger(), &[link("new")]);
}

#[tokio::test]
async fn bad_bytes_are_kept_for_the_report() {
    let (web, mastodon) = (FakeFeed::start(), FakeMastodon::start());
    web.reply("/rss", Reply::text(200, "text/html", "<!doctype html><p>Down for repairs"));
    let newsroom = Newsroom::new("raw").source("news", &web.at("/rss"), "from now").mastodon(&mastodon);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    until("it failed", async || web.hits("/rss") > 0 && row_if(&books, "news").await).await;
    let out = newsroom.command(&["sources", "--raw", "news"]).await;
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(out.stdout, b"<!doctype html><p>Down for repairs");
    let list = newsroom.command(&["sources"]).await;
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(list.contains("bugle sources --raw NAME"), "{list}");
    assert_eq!(newsroom.command(&["sources", "--raw", "nobody"]).await.status.code(), Some(2));
    assert!(bugle.term().await.success());
}

async fn row_if(books: &Books, name: &str) -> bool {
    let mut conn = books.0.read().await.expect("the store can be read");
    source::one(&mut conn, name).await.expect("sources").is_some_and(|row| row.failures > 0)
}

/// Five hundred sources on hosts of their own, one of which answers with one byte a second: all others are read, over
/// and over, before it has answered once.
#[tokio::test]
async fn one_hostile_source_among_five_hundred_delays_none() {
    use tokio::io::AsyncWriteExt as _;

    let (web, mastodon) = (Arc::new(FakeFeed::start()), FakeMastodon::start());
    let bound = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("loopback");
    bound.set_nonblocking(true).expect("a listener can be told not to wait");
    let hostile = bound.local_addr().expect("an address");
    // How many requests of the others had been answered when each connection to it was opened, and when it was given up.
    let spans: Arc<Mutex<Vec<(usize, usize)>>> = Arc::default();
    let (others, noted) = (Arc::clone(&web), Arc::clone(&spans));
    let task = crate::fakes::spawn(async move {
        let listener = tokio::net::TcpListener::from_std(bound).expect("an event loop");
        while let Ok((mut stream, _)) = listener.accept().await {
            let (others, noted) = (Arc::clone(&others), Arc::clone(&noted));
            tokio::spawn(async move {
                // Answered before it asks, the client would not wait at all.
                if http::read_request(&mut stream).await.is_none() {
                    return;
                }
                let begun = others.seen().len();
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\n\r\n<rss>";
                let mut open = stream.write_all(head.as_bytes()).await.is_ok();
                while open {
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                    open = stream.write_all(b" ").await.is_ok();
                }
                lock(&noted).push((begun, others.seen().len()));
            });
        }
    });
    let mut newsroom = Newsroom::new("five_hundred").log("info").mastodon(&mastodon);
    newsroom = newsroom.source("hostile", &format!("http://{hostile}/"), "from now");
    for n in 0..499 {
        let path = format!("/f{n}");
        web.feed(&path, &one(&format!("g{n}"), &format!("Story {n}"), &link(&n.to_string())));
        newsroom = newsroom.source(&format!("s{n}"), &web.at(&path), "from now");
    }
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    let read = async || books.number("SELECT count(*) FROM source WHERE last_good IS NOT NULL").await;
    until("all others were read", async || read().await >= 499).await;
    // A story appears in the last of them while the hostile one still drips.
    web.feed("/f498", &one("fresh", "Fresh", &link("fresh")));
    mastodon.ledger().wait_for(1).await;
    until("it is given up", async || !lock(&spans).is_empty()).await;
    // One after the other, none would have been answered meanwhile.
    let (begun, ended) = lock(&spans)[0];
    assert!(ended - begun >= 100, "only {} others were asked while it dripped", ended - begun);
    assert_eq!(row(&books, "hostile").await.last_good, None);
    assert!(bugle.term().await.success());
    saw(mastodon.ledger(), &[link("fresh")]);
    task.abort();
}
