//! Stories that are pushed: by a WebSub hub, fake and real. Each has its proof in what readers saw: once, and in the
//! right wording. A source here is polled once an hour unless a test says otherwise, so what arrives was pushed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bugle::clock::{Clock as _, SystemClock};
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;

use crate::fakes::fault::Fault;
use crate::fakes::feed::{Item, rss};
use crate::fakes::http::Reply;
use crate::fakes::hub::{Asked, FEED, FakeHub, Front, HUB, ask_back, push, sign, verify};
use crate::fakes::mastodon::FakeMastodon;
use crate::fakes::{open_door, spawn};
use crate::harness::{Newsroom, Running, link, saw, until};
use crate::wire::Answer;

fn now() -> Timestamp {
    SystemClock::new().now()
}

/// A feed in RSS with these stories: "Story SLUG", at its link, of now.
fn paper(slugs: &[&str]) -> String {
    let owned: Vec<_> = slugs.iter().map(|slug| (format!("Story {slug}"), link(slug))).collect();
    let items: Vec<_> = owned.iter().map(|(title, link)| Item { guid: link, title, link, at: now() }).collect();
    rss(&items)
}

/// A feed in Atom with one story, changed so many minutes ago.
fn atom(slug: &str, title: &str, minutes: i64) -> String {
    let changed = now() - SignedDuration::from_mins(minutes);
    format!(
        "<feed xmlns=\"http://www.w3.org/2005/Atom\"><title>N</title><id>n</id><updated>{changed}</updated><entry>\
         <id>{slug}</id><title>{title}</title><link href=\"{}\"/><published>{}</published><updated>{changed}</updated>\
         </entry></feed>",
        link(slug),
        now() - SignedDuration::from_hours(1),
    )
}

struct Stage {
    hub: FakeHub,
    mastodon: FakeMastodon,
    front: Front,
    newsroom: Newsroom,
}

impl Stage {
    fn new(name: &str, poll: &str) -> Self {
        let (hub, mastodon, front) = (FakeHub::start(), FakeMastodon::start(), Front::open());
        hub.print(&paper(&["old"]));
        let lines = format!("url = {:?}\npoll = {poll:?}", hub.topic());
        let newsroom = Newsroom::new(name).source_with("news", &lines).allowing(&hub.host()).public(&front.url());
        let newsroom = newsroom.mastodon(&mastodon);
        Self { hub, mastodon, front, newsroom }
    }

    async fn start(&self) -> Running {
        let bugle = self.newsroom.ready(&[]).await;
        self.front.lead_to(&bugle);
        bugle
    }

    /// Started, and subscribed for that many seconds.
    async fn subscribed(&self, lease: u32) -> (Running, Asked) {
        let bugle = self.start().await;
        let asked = self.hub.wait_asked(1).await;
        assert!(verify(&asked, lease).await);
        (bugle, asked)
    }

    async fn pushed(&self, asked: &Asked, body: &str) -> Answer {
        push(asked, body, Some(sign("sha256", &asked.secret, body))).await.unwrap()
    }

    fn fetches(&self) -> usize {
        self.hub.count(FEED)
    }
}

#[tokio::test]
async fn a_hub_is_subscribed_to_and_what_it_pushes_goes_out_once() {
    let stage = Stage::new("hub", "every 1h");
    let (bugle, asked) = stage.subscribed(3600).await;
    assert_eq!(asked.topic, stage.hub.topic());
    let token = asked.callback.strip_prefix(&format!("{}/websub/", stage.front.url())).unwrap();
    assert_eq!(token.len(), 43, "256 bits: {token}");

    // Every method of signing; each a story of its own, alone in its push.
    for method in ["sha1", "sha256", "sha384", "sha512"] {
        let body = paper(&[method]);
        let answer = push(&asked, &body, Some(sign(method, &asked.secret, &body))).await.unwrap();
        assert_eq!(answer.status, 200, "{method}");
        // It comes again: hubs repeat what they are not sure of.
        assert_eq!(push(&asked, &body, Some(sign(method, &asked.secret, &body))).await.unwrap().status, 200);
    }
    stage.mastodon.ledger().wait_for(4).await;
    let sources = stage.newsroom.command(&["sources"]).await;
    assert!(String::from_utf8_lossy(&sources.stdout).contains("good; pushed by its hub until"), "{sources:?}");
    assert_eq!(stage.fetches(), 1, "nothing was polled for it");
    assert!(bugle.term().await.success());
    let mut seen: Vec<_> = stage.mastodon.ledger().count_by_link().into_iter().collect();
    seen.sort();
    let mut expected: Vec<_> = ["sha1", "sha256", "sha384", "sha512"].map(|it| (link(it), 1)).to_vec();
    expected.sort();
    assert_eq!(seen, expected);
}

/// The hub is named by the document, not by a header: in RSS by an `atom:link`, in Atom by a `link`, in JSON by `hubs`.
#[tokio::test]
async fn a_hub_that_the_document_names_is_subscribed_to() {
    for kind in ["rss", "atom", "json"] {
        let stage = Stage::new(&format!("named_{kind}"), "every 1h");
        let (hub, topic) = (format!("{}/hub", stage.hub.url()), stage.hub.topic());
        let links = format!("<atom:link rel=\"hub\" href=\"{hub}\"/><atom:link rel=\"self\" href=\"{topic}\"/>");
        let (media, body) = match kind {
            "rss" => {
                let named = "<rss xmlns:atom=\"http://www.w3.org/2005/Atom\"";
                let paper = paper(&["old"]).replacen("<rss", named, 1);
                ("application/rss+xml", paper.replacen("<channel>", &format!("<channel>{links}"), 1))
            }
            "atom" => {
                let paper = atom("old", "Old", 30);
                let links = links.replace("atom:", "");
                ("application/atom+xml", paper.replacen("<id>n</id>", &format!("<id>n</id>{links}"), 1))
            }
            _ => {
                let paper = serde_json::json!({
                    "version": "https://jsonfeed.org/version/1.1", "title": "N", "feed_url": topic,
                    "hubs": [{ "type": "WebSub", "url": hub }],
                    "items": [{ "id": "old", "url": link("old"), "title": "Old", "content_text": "Old" }],
                });
                ("application/feed+json", paper.to_string())
            }
        };
        assert!(body.contains(&hub), "{kind}: {body}");
        stage.hub.put(Reply::text(200, media, body));
        let (bugle, asked) = stage.subscribed(3600).await;
        assert_eq!(asked.topic, topic, "{kind}");
        let news = paper(&["new"]);
        assert_eq!(stage.pushed(&asked, &news).await.status, 200, "{kind}");
        stage.mastodon.ledger().wait_for(1).await;
        assert_eq!(stage.fetches(), 1, "{kind}: nothing was polled for it");
        assert!(bugle.term().await.success());
        saw(stage.mastodon.ledger(), &[link("new")]);
    }
}

#[tokio::test]
async fn a_push_that_is_not_the_hubs_is_not_read_but_leads_to_a_poll() {
    let stage = Stage::new("unsigned", "every 1h");
    let (bugle, asked) = stage.subscribed(3600).await;
    let forged = paper(&["forged"]);
    for (n, signature) in [
        None,
        Some("sha256=00".to_owned()),
        Some(sign("sha256", "another secret", &forged)),
        Some(sign("sha256", &asked.secret, &paper(&["another"]))),
        Some(sign("sha256", &asked.secret, &forged).replace("sha256", "md5")),
    ]
    .into_iter()
    .enumerate()
    {
        let before = stage.fetches();
        let slug = format!("real-{n}");
        stage.hub.print(&paper(&[&slug, "old"]));
        let answer = push(&asked, &forged, signature.clone()).await.unwrap();
        assert_eq!(answer.status, 202, "{signature:?}");
        stage.mastodon.ledger().wait_for(n + 1).await;
        assert!(stage.fetches() > before, "{signature:?}");
    }
    assert!(bugle.term().await.success());
    let expected: Vec<_> = (0..5).map(|n| link(&format!("real-{n}"))).collect();
    saw(stage.mastodon.ledger(), &expected);
}

#[tokio::test]
async fn late_and_overtaken_pushes_never_bring_an_older_wording_back() {
    let stage = Stage::new("overtaken", "every 1h");
    let (bugle, asked) = stage.subscribed(3600).await;
    let books = stage.newsroom.books().await;
    let title = async || {
        let mut conn = books.0.read().await.unwrap();
        let found = bugle::store::article::meant(&mut conn, "s").await.unwrap();
        found.into_iter().map(|(article, _)| (article.entry.title, article.version)).next()
    };
    let new = atom("s", "Corrected", 1);
    stage.pushed(&asked, &new).await;
    assert_eq!(title().await, Some(("Corrected".to_owned(), 1)));
    stage.pushed(&asked, &atom("s", "Mistaken", 5)).await;
    assert_eq!(title().await, Some(("Corrected".to_owned(), 1)), "the older one came later");
    stage.pushed(&asked, &atom("s", "Corrected again", 0)).await;
    assert_eq!(title().await, Some(("Corrected again".to_owned(), 2)));

    // Without a date of change nobody can tell: the feed itself decides.
    let undated = |title: &str| paper(&["t"]).replace("Story t", title);
    stage.hub.print(&undated("The feed's"));
    stage.pushed(&asked, &undated("First")).await;
    stage.pushed(&asked, &undated("Second")).await;
    let sql = "SELECT count(*) FROM article WHERE title = 'The feed''s'";
    until("the feed decides", async || books.number(sql).await == 1).await;
    assert!(bugle.term().await.success());
    saw(stage.mastodon.ledger(), &[link("s"), link("t")]);
}

#[tokio::test]
async fn only_what_was_asked_for_is_confirmed() {
    let stage = Stage::new("intent", "every 1h");
    let bugle = stage.start().await;
    let asked = stage.hub.wait_asked(1).await;
    let challenge = "&hub.challenge=c&hub.lease_seconds=60";
    for (mode, topic) in [
        ("subscribe", "http://other.example/"),
        ("unsubscribe", asked.topic.as_str()),
        ("publish", asked.topic.as_str()),
    ] {
        let answer = ask_back(&asked, mode, topic, challenge).await;
        assert_eq!(answer.status, 404, "{mode} {topic}");
        assert_ne!(answer.text(), "c");
    }
    let stranger = Asked { callback: format!("{}/websub/{}", stage.front.url(), "A".repeat(43)), ..asked.clone() };
    assert_eq!(ask_back(&stranger, "subscribe", &asked.topic, challenge).await.status, 404);
    let body = paper(&["early"]);
    assert_eq!(push(&stranger, &body, None).await.unwrap().status, 410);
    // Before it is verified, nothing is read: whoever knows the callback may be anybody.
    assert_eq!(stage.pushed(&asked, &body).await.status, 202);
    let books = stage.newsroom.books().await;
    assert_eq!(books.number("SELECT count(*) FROM subscription WHERE state = 'active'").await, 0);
    let answer = ask_back(&asked, "subscribe", &asked.topic, "&hub.challenge=a%20b%26c&hub.lease_seconds=60").await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "a b&c"));
    assert_eq!(books.number("SELECT count(*) FROM subscription WHERE state = 'active'").await, 1);
    assert!(bugle.term().await.success());
    saw(stage.mastodon.ledger(), &[]);
}

#[tokio::test]
async fn a_lease_is_renewed_at_the_same_callback() {
    let stage = Stage::new("lease", "every 1h");
    let (bugle, first) = stage.subscribed(1).await;
    let second = stage.hub.wait_asked(2).await;
    assert_eq!((&second.callback, &second.secret, second.mode.as_str()), (&first.callback, &first.secret, "subscribe"));
    assert!(verify(&second, 3600).await);
    let body = paper(&["later"]);
    assert_eq!(stage.pushed(&second, &body).await.status, 200);
    stage.mastodon.ledger().wait_for(1).await;
    assert!(bugle.term().await.success());
    assert_eq!(stage.hub.asked().len(), 2, "an hour's lease is not renewed at once");
}

#[tokio::test]
async fn a_hub_that_fails_or_refuses_leaves_the_poll() {
    let stage = Stage::new("refusing", "every 1s");
    stage.hub.fail(HUB, Fault::status(503));
    stage.hub.fail(HUB, Fault::ResetBefore);
    let bugle = stage.start().await;
    // Asked again after failures.
    let asked = stage.hub.wait_asked(1).await;
    // Asked, never verified: asked again, at the same callback.
    let again = stage.hub.wait_asked(2).await;
    assert_eq!(again.callback, asked.callback);
    let answer = ask_back(&asked, "denied", &asked.topic, "&hub.reason=not%20for%20you").await;
    assert_eq!(answer.status, 200);
    let books = stage.newsroom.books().await;
    assert_eq!(books.number("SELECT count(*) FROM subscription WHERE state = 'denied'").await, 1);
    let told = books.notices().await;
    assert!(told.iter().any(|it| it.key == "source.news.hub" && it.text.contains("not for you")), "{told:#?}");
    assert!(!verify(&asked, 60).await, "what was refused is not confirmed afterwards");
    stage.hub.print(&paper(&["polled", "old"]));
    stage.mastodon.ledger().wait_for(1).await;
    assert!(bugle.term().await.success());
    saw(stage.mastodon.ledger(), &[link("polled")]);
}

#[tokio::test]
async fn what_is_not_wanted_any_more_is_ended_at_the_hub() {
    let mut stage = Stage::new("goodbye", "every 1h");
    let (bugle, asked) = stage.subscribed(3600).await;
    let lines = format!("url = {:?}\npoll = \"every 1h\"\nwebsub = false", stage.hub.topic());
    stage.newsroom.set_source("news", &lines);
    stage.newsroom.write("bugle.toml", &stage.newsroom.config().await);
    bugle.hup();
    let goodbye = stage.hub.wait_asked(2).await;
    assert_eq!((goodbye.mode.as_str(), &goodbye.callback), ("unsubscribe", &asked.callback));
    let body = paper(&["too-late"]);
    assert_eq!(stage.pushed(&asked, &body).await.status, 410);
    assert!(!verify(&asked, 60).await, "a hub cannot subscribe us again");
    assert!(verify(&goodbye, 0).await);
    let books = stage.newsroom.books().await;
    assert_eq!(books.number("SELECT count(*) FROM subscription").await, 0);
    assert!(bugle.term().await.success());
    saw(stage.mastodon.ledger(), &[]);
}

#[tokio::test]
async fn a_topic_that_moves_takes_a_new_subscription() {
    let stage = Stage::new("moved", "every 1s");
    let (bugle, first) = stage.subscribed(3600).await;
    stage.hub.rules().topic = format!("{}/moved", stage.hub.url());
    let link = format!("<{}/hub>; rel=\"hub\", <{}/moved>; rel=\"self\"", stage.hub.url(), stage.hub.url());
    stage.hub.put(Reply::text(200, "application/xml", paper(&["old", "older"])).header("Link", link));
    let second = stage.hub.wait_asked(2).await;
    assert!(second.topic.ends_with("/moved") && second.mode == "subscribe", "{second:?}");
    assert!(second.callback != first.callback && second.secret != first.secret, "one callback, one secret each");
    assert!(verify(&second, 3600).await);
    assert!(!verify(&first, 3600).await);
    assert!(bugle.term().await.success());
}

/// Killed when it has read a push and not stored it, and when it has stored and not answered: the hub repeats what was
/// not answered, and nothing is lost or doubled.
#[tokio::test]
async fn a_push_survives_a_kill() {
    let stage = Stage::new("push_kill", "every 1h");
    let (bugle, asked) = stage.subscribed(3600).await;
    bugle.kill9().await;
    for (point, slug) in [("push_read", "one"), ("push_stored", "two")] {
        let mut bugle = stage.newsroom.ready(&[("CRASH_AT", &format!("{point}:1"))]).await;
        stage.front.lead_to(&bugle);
        let body = paper(&[slug]);
        let signature = sign("sha256", &asked.secret, &body);
        let lost = push(&asked, &body, Some(signature.clone())).await;
        assert!(lost.is_err(), "{point}: answered before it died: {lost:?}");
        assert!(!bugle.wait_exit().await.success(), "{point}");
        let bugle = stage.start().await;
        assert_eq!(push(&asked, &body, Some(signature)).await.unwrap().status, 200, "{point}");
        stage.mastodon.ledger().wait_for(if slug == "one" { 1 } else { 2 }).await;
        assert!(bugle.term().await.success());
    }
    saw(stage.mastodon.ledger(), &[link("one"), link("two")]);
    // A push that is never repeated: the poll at the next start finds it.
    let mut bugle = stage.newsroom.ready(&[("CRASH_AT", "push_read:1")]).await;
    stage.front.lead_to(&bugle);
    let body = paper(&["three"]);
    assert!(push(&asked, &body, Some(sign("sha256", &asked.secret, &body))).await.is_err());
    assert!(!bugle.wait_exit().await.success());
    stage.hub.print(&paper(&["three", "old"]));
    let bugle = stage.start().await;
    stage.mastodon.ledger().wait_for(3).await;
    assert!(bugle.term().await.success());
    saw(stage.mastodon.ledger(), &[link("one"), link("two"), link("three")]);
}

#[tokio::test]
async fn an_old_story_pushed_alone_is_held_as_in_a_poll() {
    let stage = Stage::new("push_flood", "every 1h");
    let (bugle, asked) = stage.subscribed(3600).await;
    let old = link("ancient");
    let at = now() - SignedDuration::from_hours(24 * 30);
    let body = rss(&[Item { guid: "g-ancient", title: "Ancient", link: &old, at }]);
    assert_eq!(stage.pushed(&asked, &body).await.status, 200);
    let books = stage.newsroom.books().await;
    let posts = books.wait_for("mastodon", "held", 1).await;
    assert!(posts[0].reason.starts_with("looks like an old story"), "{posts:#?}");
    // What is no feed is no news either; worth a look at the feed.
    let before = stage.fetches();
    assert_eq!(stage.pushed(&asked, "it changed").await.status, 202);
    until("it is polled", async || stage.fetches() > before).await;
    assert!(bugle.term().await.success());
    saw(stage.mastodon.ledger(), &[]);
}

/// Counts who connects to an address that nobody may be led to.
fn forbidden() -> (String, Arc<AtomicUsize>) {
    let bound = open_door(0).expect("127.0.0.1 has a free port");
    let at = bound.local_addr().expect("a bound listener has an address");
    let count = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&count);
    spawn(async move {
        let listener = TcpListener::from_std(bound).expect("the fakes' threads have an event loop");
        while listener.accept().await.is_ok() {
            counting.fetch_add(1, Ordering::SeqCst);
        }
    });
    (format!("http://{at}/"), count)
}

#[tokio::test]
async fn a_feed_cannot_lead_us_to_a_hub_inside() {
    for how in ["named", "redirected"] {
        let (inside, count) = forbidden();
        let stage = Stage::new(&format!("inside_{how}"), "every 1h");
        if how == "named" {
            let feed = Reply::text(200, "application/xml", paper(&["old"]));
            stage.hub.put(feed.header("Link", format!("<{inside}>; rel=hub")));
        } else {
            stage.hub.fail_always(HUB, Fault::Instead(Reply::empty(307).header("Location", inside.as_str())));
        }
        let bugle = stage.start().await;
        let books = stage.newsroom.books().await;
        let sql = "SELECT count(*) FROM subscription WHERE said IS NOT NULL AND tries >= 2";
        until("the hub was tried", async || books.number(sql).await == 1).await;
        assert!(bugle.log().contains("the hub does not take the subscription"), "{how}");
        assert!(bugle.term().await.success());
        assert_eq!(count.load(Ordering::SeqCst), 0, "{how}");
    }
}

/// Flask-WebSub, a hub of somebody else's making: it verifies, fetches what it is told of, and pushes it signed.
#[tokio::test]
async fn a_real_hub_verifies_and_pushes() {
    let hub = crate::servers::hub::url();
    let (publisher, mastodon, front) = (FakeHub::start(), FakeMastodon::start(), Front::open());
    let topic = publisher.topic();
    let print = |slugs: &[&str]| {
        let link = format!("<{hub}>; rel=\"hub\", <{topic}>; rel=\"self\"");
        publisher.put(Reply::text(200, "application/xml; charset=utf-8", paper(slugs)).header("Link", link));
    };
    print(&["old"]);
    let lines = format!("url = {topic:?}\npoll = \"every 1h\"\nhub = {hub:?}");
    let host = hub.strip_prefix("http://").and_then(|rest| rest.split('/').next()).unwrap();
    let newsroom = Newsroom::new("real_hub").source_with("news", &lines).allowing(&publisher.host()).allowing(host);
    let mut newsroom = newsroom.public(&front.url()).mastodon(&mastodon);
    let bugle = newsroom.ready(&[]).await;
    front.lead_to(&bugle);
    let books = newsroom.books().await;
    let active = "SELECT count(*) FROM subscription WHERE state = 'active' AND lease_until IS NOT NULL";
    until("the hub has verified", async || books.number(active).await == 1).await;
    // It stores what it has verified only then, and answers.
    until("the hub has answered", async || bugle.log().contains("the hub was asked")).await;

    print(&["pushed", "old"]);
    crate::servers::hub::publish(&topic).await;
    mastodon.ledger().wait_for(1).await;
    assert_eq!(publisher.count(FEED), 2, "once by us, once by the hub");
    crate::servers::hub::publish(&topic).await;

    newsroom.set_source("news", &format!("url = {topic:?}\npoll = \"every 1h\"\nwebsub = false"));
    newsroom.write("bugle.toml", &newsroom.config().await);
    bugle.hup();
    until("the hub has verified the end", async || books.number("SELECT count(*) FROM subscription").await == 0).await;
    assert!(bugle.term().await.success());
    saw(mastodon.ledger(), &[link("pushed")]);
}
