//! How the desk looks, with something on every page: each page of the list of rooms and each door is judged by axe-core in
//! both colour schemes on a desktop and on a phone, must not be wider than its window, and is kept as a picture. What the
//! desk does: `story_desk_tour`, `story_desk_browser`.

use std::collections::BTreeSet;
use std::io::Cursor;

use bugle::clock::{Clock as _, SystemClock};
use image::{ImageFormat, Rgb, RgbImage};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::chromium::{Chromium, DESKTOP, PHONE, Tab};
use crate::fakes::fault::{Fault, http_date};
use crate::fakes::feed::FakeFeed;
use crate::fakes::http::Reply;
use crate::fakes::mastodon::FakeMastodon;
use crate::fakes::telegram::{self, FakeTelegram};
use crate::fakes::x::{FakeX, hmac_sha1};
use crate::harness::{Books, Newsroom, Running, fetched, until};

/// What the newsroom tells, oldest first: where, the headline, what it is about.
const STORIES: [(&str, &str, &str); 6] = [
    ("ferry", "Ferries sail again after the storm", "The first ferry left for Türkmənbaşı at dawn with 120 lorries."),
    ("chess", "Baku to host the chess olympiad", "Teams of 190 countries are expected in the autumn."),
    ("metro", "Metro opens its 28th station", "Trains stop at Xocəsən from six o'clock on Monday."),
    ("orchard", "Late frost spares the orchards of Quba", "Growers say that nine trees of ten are unharmed."),
    ("museum", "Carpet museum shows 300 years of red", "Madder, cochineal and what came after them: until May."),
    ("bridge", "Kür bridge opens a month early", "The new crossing shortens the way to Şirvan by forty minutes."),
];

/// Doors and pages that are no page of their own: streams, files, ways elsewhere.
const NO_PAGES: [&str; 5] = ["/live", "/audit.jsonl", "/sources/{name}/raw", "/sign-in/oidc", "/sign-in/oidc/callback"];

/// A sea under an evening sky: something that a picture of a story could be.
fn evening(width: u32, height: u32) -> Vec<u8> {
    let mix = |from: [u8; 3], to: [u8; 3], part: f32| {
        let one = |n: usize| (f32::from(from[n]) + (f32::from(to[n]) - f32::from(from[n])) * part).round();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between two bytes")]
        Rgb([one(0) as u8, one(1) as u8, one(2) as u8])
    };
    #[expect(clippy::cast_precision_loss, reason = "a picture is small")]
    let at = |n: u32, of: u32| n as f32 / of as f32;
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let (across, down) = (at(x, width), at(y, height));
        let from_sun = ((across - 0.68) * 1.78).hypot(down - 0.52);
        match down {
            _ if down < 0.62 && from_sun < 0.09 => Rgb([255, 214, 130]),
            down if down < 0.62 => mix([46, 74, 128], [246, 162, 96], down / 0.62),
            down => mix([120, 92, 104], [18, 38, 66], (down - 0.62) / 0.38),
        }
    });
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).expect("a small picture can be written");
    bytes.into_inner()
}

/// The desk with something on every page.
struct Stage {
    bugle: Running,
    newsroom: Newsroom,
    books: Books,
    web: FakeFeed,
    _telegram: FakeTelegram,
    _mastodon: FakeMastodon,
    _x: FakeX,
}

fn feed(web: &FakeFeed, stories: &[(&str, &str, &str)], now: Timestamp) -> String {
    let items: String = stories
        .iter()
        .enumerate()
        .rev()
        .map(|(n, (slug, title, about))| {
            let age = SignedDuration::from_mins(7 * i64::try_from(stories.len() - n).expect("a test has few") - 5);
            format!(
                "<item><title>{title}</title><link>https://courier.example/{slug}</link>\
                 <guid isPermaLink=\"false\">{slug}</guid><description>{about}</description><pubDate>{}</pubDate>\
                 <enclosure url=\"{}\" type=\"image/png\" length=\"1\"/></item>",
                http_date(now - age),
                web.at("/evening.png"),
            )
        })
        .collect();
    format!("<rss version=\"2.0\"><channel><title>The Caspian Courier</title>{items}</channel></rss>")
}

impl Stage {
    /// Published, held, failed, uncertain; a source that fails and one that goes; a channel that nobody connected yet; an
    /// article that changed after its post was written.
    async fn set(name: &str) -> Self {
        let (web, mastodon, telegram, x) =
            (FakeFeed::start(), FakeMastodon::start(), FakeTelegram::start(), FakeX::start());
        let now = SystemClock::new().now();
        web.reply("/evening.png", Reply::text(200, "image/png", evening(1200, 675)));
        web.feed("/rss", &feed(&web, &[], now));
        web.reply("/agency", Reply::text(500, "text/plain", "the agency's server is on fire"));
        x.app("public", None, "http://127.0.0.1/connect/callback/x");
        let host = x.url().trim_start_matches("http://").to_owned();
        let mut newsroom = Newsroom::new(name)
            .scale(0.1)
            .source("courier", &web.at("/rss"), "from now")
            .source("agency", &web.at("/agency"), "from now")
            .timeline("bluesky", "bluesky")
            .timeline("threads", "threads")
            .mastodon(&mastodon)
            .telegram(&telegram)
            .allowing(&host);
        let key = newsroom.secret("BUGLE_TEST_MASTER", &"5eed".repeat(16));
        let newsroom = newsroom
            .more(&format!("[vault]\nkey = {key}\n"))
            .channel(
                "x",
                "x",
                Some(&x.url()),
                &[("client_id", "\"public\"".to_owned()), ("site", format!("{:?}", x.url()))],
            )
            .with("bluesky", "picture = \"card\"")
            .with("threads", "picture = \"photo\"")
            .with("mastodon", "picture = \"photo\"")
            .route("from = [\"courier\", \"agency\"]\nto = [\"bluesky\", \"threads\", \"telegram\"]")
            .route("from = [\"courier\"]\nto = [\"mastodon\"]\napprove = true");
        let bugle = newsroom.ready(&[]).await;
        let books = newsroom.books().await;
        fetched(&web, "/rss").await;
        // The first post to Telegram may or may not be out, the second is refused, the others are out.
        telegram.fail(telegram::SEND, Fault::ResetAfter);
        telegram.fail(telegram::PHOTO, Fault::ResetAfter);
        web.feed("/rss", &feed(&web, &STORIES[..1], now));
        books.wait_for("telegram", "held", 1).await;
        let said = "Bad Request: message is too long";
        let refusal = Reply::json(400, &json!({"ok": false, "error_code": 400, "description": said}));
        telegram.fail(telegram::SEND, Fault::Instead(refusal.clone()));
        telegram.fail(telegram::PHOTO, Fault::Instead(refusal));
        web.feed("/rss", &feed(&web, &STORIES[..2], now));
        books.wait_for("telegram", "failed", 1).await;
        web.feed("/rss", &feed(&web, &STORIES, now));
        for channel in ["bluesky", "threads"] {
            books.wait_for(channel, "published", STORIES.len()).await;
        }
        books.wait_for("mastodon", "held", STORIES.len()).await;
        // The newest story is told anew.
        let mut stories = STORIES;
        stories[5].1 = "Kür bridge opens five weeks early";
        web.feed("/rss", &feed(&web, &stories, now));
        let again = "SELECT count(*) FROM article WHERE title LIKE '%five weeks%'";
        until("the article changed", async || books.number(again).await == 1).await;
        Self { bugle, newsroom, books, web, _telegram: telegram, _mastodon: mastodon, _x: x }
    }

    async fn post(&self, channel: &str, state: &str) -> String {
        let posts = self.books.posts_of(channel).await;
        let found = posts.iter().rev().find(|post| post.state == state);
        found.unwrap_or_else(|| panic!("no {state} post of {channel}: {posts:#?}")).id.clone()
    }

    /// A one-time link for a person.
    async fn link(&self, args: &[&str]) -> String {
        let done = self.newsroom.command(args).await;
        let said: serde_json::Value =
            serde_json::from_slice(&done.stdout).unwrap_or_else(|fault| panic!("{fault}: {done:?}"));
        let link = said["link"].as_str().expect("a link").rsplit("/invite/").next().expect("a token").to_owned();
        format!("{}/invite/{link}", self.bugle.address())
    }
}

/// Judges pages, and keeps what is wrong until the end, so that one run tells it all.
struct Judge<'t> {
    tab: &'t Tab,
    home: String,
    faults: Vec<String>,
    /// The paths that were seen.
    seen: BTreeSet<String>,
}

impl<'t> Judge<'t> {
    fn at(tab: &'t Tab, stage: &Stage) -> Self {
        Self { tab, home: stage.bugle.address(), faults: Vec::new(), seen: BTreeSet::new() }
    }

    async fn go(&mut self, name: &str, path: &str) {
        self.tab.go(&format!("{}{path}", self.home)).await;
        self.see(name).await;
    }

    /// As it is now.
    async fn see(&mut self, name: &str) {
        let path = self.tab.eval("location.pathname").await;
        self.seen.insert(path.as_str().unwrap_or_default().to_owned());
        self.faults.extend(self.tab.judged(name, &self.home).await);
    }

    fn end(self) -> BTreeSet<String> {
        assert!(self.faults.is_empty(), "{} faults\n{}", self.faults.len(), self.faults.join("\n"));
        self.seen
    }
}

/// The paths of all pages that are in the list of rooms, with their variable parts, and of the doors.
fn rooms() -> Vec<String> {
    let list = include_str!("../../src/web/rooms.rs");
    let (_, rest) = list.split_once("pub(super) const ROOMS").expect("the list");
    let (rooms, doors) = rest.split_once("pub(super) const DOORS").expect("the doors");
    let quoted = |text: &str| text.split('"').nth(1).map(str::to_owned);
    let mut paths: Vec<String> = rooms.split("page(").skip(1).filter_map(quoted).collect();
    let shown = |it: &&str| it.contains("see: Some");
    paths.extend(rooms.split("Room {").skip(1).filter(shown).filter_map(quoted));
    paths.extend(doors.split("path: ").skip(1).filter(|it| it.starts_with('"')).filter_map(quoted));
    paths.retain(|path| !NO_PAGES.contains(&path.as_str()) && !path.contains("/pictures/"));
    assert!(paths.len() > 20, "{paths:?}");
    paths
}

fn is_of(room: &str, path: &str) -> bool {
    let (room, path): (Vec<_>, Vec<_>) = (room.split('/').collect(), path.split('/').collect());
    room.len() == path.len() && room.iter().zip(&path).all(|(room, path)| room.starts_with('{') || room == path)
}

/// The code that an authenticator app shows: RFC 6238, six digits, 30 seconds.
fn code(secret: &str, now: Timestamp) -> String {
    let mut bits = 0_u32;
    let mut held = 0_u64;
    let mut key = Vec::new();
    for c in secret.chars().filter(char::is_ascii_alphanumeric) {
        let place = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(c.to_ascii_uppercase()).expect("a letter of Base32");
        held = (held << 5) | u64::try_from(place).expect("one of 32");
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            key.push(u8::try_from((held >> bits) & 0xff).expect("eight bits"));
        }
    }
    let step = u64::try_from(now.as_second() / 30).expect("after 1970");
    let mac = hmac_sha1(&key, &step.to_be_bytes());
    let at = usize::from(mac[19] & 15);
    let number = u32::from_be_bytes(mac[at..at + 4].try_into().expect("four bytes")) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// The pages of lists and things.
async fn lists(stage: &Stage, tab: &Tab) -> BTreeSet<String> {
    let mut judge = Judge::at(tab, stage);
    let article = stage.books.text("SELECT id FROM article WHERE title LIKE '%five weeks%'").await;
    judge.go("today", "/").await;
    judge.go("today-failed", "/?show=out&channel=bluesky").await;
    judge.go("posts", "/posts").await;
    judge.go("posts-none", "/posts?q=nothingatall").await;
    judge.go("articles", "/articles").await;
    judge.go("articles-found", "/articles?q=k%C3%BCr").await;
    judge.go("article", &format!("/articles/{article}")).await;
    judge.go("sources", "/sources").await;
    judge.go("source", "/sources/courier").await;
    judge.go("source-failing", "/sources/agency").await;
    judge.go("channels", "/channels").await;
    for channel in ["mastodon", "x", "telegram"] {
        judge.go(&format!("channel-{channel}"), &format!("/channels/{channel}")).await;
    }
    judge.go("timeline", "/timelines/bluesky").await;
    judge.go("timeline-threads", "/timelines/threads").await;
    judge.go("audit", "/audit").await;
    judge.go("pause", "/pause").await;
    judge.go("resume-nothing", "/resume").await;
    judge.go("nowhere", "/nowhere").await;
    // What is paused, and what resuming will do.
    tab.go(&format!("{}/pause?channel=bluesky", judge.home)).await;
    judge.see("pause-channel").await;
    tab.fill("main input[name=why]", "mourning").await;
    tab.follow("main form button").await;
    judge.go("channel-paused", "/channels/bluesky").await;
    tab.go(&format!("{}/pause", judge.home)).await;
    tab.fill("main input[name=why]", "an earthquake").await;
    tab.follow("main form button").await;
    judge.see("paused").await;
    judge.go("resume", "/resume").await;
    judge.end()
}

/// Posts in every state, writing, and two people at one post.
async fn posts(stage: &Stage, chromium: &Chromium, tab: &Tab, size: (u32, u32)) -> BTreeSet<String> {
    let mut judge = Judge::at(tab, stage);
    for (channel, state) in
        [("mastodon", "held"), ("bluesky", "published"), ("telegram", "held"), ("telegram", "failed")]
    {
        let id = stage.post(channel, state).await;
        judge.go(&format!("post-{channel}-{state}"), &format!("/posts/{id}")).await;
    }
    // Scheduled, with the time that it can be taken back in.
    let held = stage.post("mastodon", "held").await;
    let path = format!("{}/posts/{held}", judge.home);
    let other = chromium.tab_beside(tab, size).await;
    for tab in [tab, &other] {
        tab.go(&path).await;
    }
    // Two write at once.
    other.front().await;
    other.fill("#text", "What the other wrote\nhttps://courier.example/bridge").await;
    other.follow("form[action$='/edit'] button[value=save]").await;
    tab.front().await;
    tab.fill("#text", "What I wrote\nhttps://courier.example/bridge").await;
    tab.follow("form[action$='/edit'] button[value=save]").await;
    tab.until_says("Nothing is lost").await;
    judge.see("clash").await;
    tab.follow("main form button[value=save]").await;
    judge.see("post-saved").await;
    tab.follow("form[action$='/send'] button").await;
    judge.see("post-undo").await;

    // Another waits for its time.
    let later = "(() => { const it = document.querySelector('#at'), at = new Date(it.value + 'Z'); \
                 at.setUTCHours(at.getUTCHours() + 2); it.value = at.toISOString().slice(0, 16); })()";
    let held = stage.post("mastodon", "held").await;
    tab.go(&format!("{}/posts/{held}", judge.home)).await;
    tab.click("details.fold summary").await;
    tab.eval(later).await;
    judge.see("post-choose-a-time").await;
    tab.follow("form[action$='/schedule'] button").await;
    judge.see("post-scheduled").await;

    judge.go("new", "/new").await;
    tab.fill("#url", "https://courier.example/metro").await;
    for channel in ["bluesky", "threads", "mastodon"] {
        tab.click(&format!("main input[name=to][value={channel}]")).await;
    }
    tab.follow("main form button.main").await;
    judge.see("draft").await;
    judge.end()
}

/// The doors, and the pages about people.
async fn doors(stage: &Stage, chromium: &Chromium, tab: &Tab, size: (u32, u32)) -> BTreeSet<String> {
    let mut judge = Judge::at(tab, stage);
    let mut outside = Judge { tab: &chromium.tab(size).await, ..Judge::at(tab, stage) };
    outside.go("sign-in", "/sign-in").await;
    outside.tab.fill("#name", "Nobody").await;
    outside.tab.fill("#password", "four wrong words here").await;
    outside.tab.follow("main form button").await;
    outside.see("sign-in-wrong").await;
    outside.go("link-spent", "/invite/none").await;
    let invited = stage.link(&["people", "invite", "Bea", "--role", "editor", "--json"]).await;
    outside.tab.go(&invited).await;
    outside.see("invite").await;
    for field in ["#password", "#again"] {
        outside.tab.fill(field, "xurma telefon kvadrat").await;
    }
    outside.tab.follow("main form button").await;
    outside.see("come-in").await;

    // The second factor, from the picture to a sign-in with it.
    outside.go("totp-off", "/account/totp").await;
    outside.tab.fill("#password", "xurma telefon kvadrat").await;
    outside.tab.follow("main form button").await;
    outside.see("totp-waiting").await;
    let secret = outside.tab.text("main .letters").await;
    outside.tab.fill("#code", &code(&secret, SystemClock::new().now())).await;
    outside.tab.follow("main form button").await;
    outside.tab.until_says("Your recovery codes").await;
    outside.see("totp-codes").await;
    outside.go("totp-on", "/account/totp").await;
    outside.go("account", "/account").await;
    outside.go("forbidden", "/people").await;
    let again = chromium.tab(size).await;
    let mut again = Judge { tab: &again, ..Judge::at(tab, stage) };
    again.tab.go(&format!("{}/sign-in", again.home)).await;
    again.tab.fill("#name", "Bea").await;
    again.tab.fill("#password", "xurma telefon kvadrat").await;
    again.tab.follow("main form button").await;
    again.see("sign-in-totp").await;

    judge.go("account-admin", "/account").await;
    stage.link(&["people", "invite", "Cem", "--role", "viewer", "--json"]).await;
    judge.go("people", "/people").await;
    tab.fill("#name", "Dilarə").await;
    tab.follow("form[action='/people/invite'] button").await;
    judge.see("people-link").await;
    judge.faults.extend(outside.faults);
    judge.faults.extend(again.faults);
    judge.seen.extend(outside.seen);
    judge.seen.extend(again.seen);
    judge.end()
}

async fn all_pages(size: (u32, u32)) {
    let stage = Stage::set("The Caspian Courier").await;
    let chromium = Chromium::start().await;
    let first = chromium.tab(size).await;
    let mut before = Judge::at(&first, &stage);
    // Before anybody can sign in.
    before.go("sign-in-empty", "/sign-in").await;
    before.go("setup", &format!("/setup?token={}", stage.bugle.setup_link().expect("a link is printed"))).await;
    before.go("setup-spent", "/setup?token=none").await;
    let tab = chromium.signed_in(&stage.bugle, size).await;
    let mut seen = before.end();
    seen.extend(posts(&stage, &chromium, &tab, size).await);
    seen.extend(doors(&stage, &chromium, &tab, size).await);
    seen.extend(lists(&stage, &tab).await);
    let missing: Vec<_> = rooms().into_iter().filter(|room| !seen.iter().any(|path| is_of(room, path))).collect();
    assert_eq!(missing, Vec::<String>::new(), "pages that nobody looked at; seen: {seen:#?}");
    assert!(stage.web.hits("/rss") > 0);
    assert!(stage.bugle.term().await.success());
}

#[tokio::test]
async fn every_page_can_be_used_by_everybody_on_a_desktop() {
    all_pages(DESKTOP).await;
}

#[tokio::test]
async fn every_page_can_be_used_by_everybody_on_a_phone() {
    all_pages(PHONE).await;
}
