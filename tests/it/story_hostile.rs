//! Hostile feeds against the whole service, all at once, each on a loopback address of its own: none is believed, none
//! reaches inside, none takes more memory or time than the limits allow, and the healthy source beside them is read and
//! posted all the while. What a single hostile document comes to is tried in `source` and `http`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bugle::clock::{Clock as _, SystemClock};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::fakes::bluesky::{self, FakeBluesky};
use crate::fakes::fault::http_date;
use crate::fakes::feed::FakeFeed;
use crate::fakes::http::{self, Request};
use crate::fakes::mastodon::{self, FakeMastodon};
use crate::fakes::spawn;
use crate::fakes::telegram::{self, FakeTelegram};
use crate::fakes::x::FakeX;
use crate::harness::{Newsroom, Press, Running, link, until};
use crate::ledger::Event;

/// The most memory that Bugle may ever have used, in KiB: 200 MB. Ours: a small machine has 512.
const MEMORY_KIB: u64 = 200_000;

/// What a hostile server writes: a beginning, and then the same bytes over and over, with a pause each time, until the
/// client has gone or `most` bytes were written.
#[derive(Clone)]
struct Answer {
    head: Vec<u8>,
    chunk: Vec<u8>,
    pause: Duration,
    most: usize,
}

impl Answer {
    fn endless(head: impl Into<Vec<u8>>, chunk: impl Into<Vec<u8>>, pause: Duration) -> Self {
        Self { head: head.into(), chunk: chunk.into(), pause, most: 120_000_000 }
    }

    fn whole(head: &str, body: impl AsRef<[u8]>) -> Self {
        let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{head}\r\n");
        Self::endless([head.as_bytes(), body.as_ref()].concat(), [], Duration::ZERO)
    }

    fn feed(items: &str) -> Self {
        Self::xml(&format!("<rss version=\"2.0\"><channel><title>N</title>{items}</channel></rss>"))
    }

    fn xml(text: &str) -> Self {
        Self::whole("Content-Type: application/xml\r\n", text)
    }

    fn redirect(to: &str) -> Self {
        let head = format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        Self::endless(head, [], Duration::ZERO)
    }

    /// Errors of writing are the client's going away, which is what should happen.
    async fn write(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        stream.write_all(&self.head).await?;
        let mut written = self.head.len();
        while !self.chunk.is_empty() && written < self.most {
            stream.write_all(&self.chunk).await?;
            written += self.chunk.len();
            if !self.pause.is_zero() {
                tokio::time::sleep(self.pause).await;
            }
        }
        stream.shutdown().await
    }
}

/// A server on an address of its own; answers every request by its path.
struct Hostile {
    at: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Hostile {
    fn start(host: u8, answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let bound = std::net::TcpListener::bind((Ipv4Addr::new(127, 0, 7, host), 0)).expect("127.0.0.0/8 is loopback");
        bound.set_nonblocking(true).expect("a listener can be told not to wait");
        let at = bound.local_addr().expect("a bound listener has an address");
        let answer = Arc::new(answer);
        let task = spawn(async move {
            let listener = TcpListener::from_std(bound).expect("the fakes' threads have an event loop");
            while let Ok((mut stream, _)) = listener.accept().await {
                let answer = Arc::clone(&answer);
                tokio::spawn(async move {
                    if let Some(request) = http::read_request(&mut stream).await {
                        drop(answer(&request).write(&mut stream).await);
                    }
                });
            }
        });
        Self { at, task }
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Blanks in DEFLATE with its fixed codes: one literal, then matches of 258 bytes at distance 1, 13 bits each. Each
/// eight of them are the same 13 bytes, so that it need not be made as long as it is.
fn deflated() -> (Vec<u8>, Vec<u8>) {
    let mut bits: Vec<bool> = vec![true, true, false];
    let mut code = |value: u32, length: u32| bits.extend((0..length).rev().map(|n| value >> n & 1 == 1));
    code(0x30 + u32::from(b' '), 8);
    // To the border of a byte: 11 bits + 13 × 1 = 24.
    for _ in 0..9 {
        code(0b1100_0101, 8);
        code(0, 5);
    }
    let bytes: Vec<u8> =
        bits.chunks(8).map(|eight| eight.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect();
    let (first, again) = bytes.split_at(3);
    (first.to_vec(), again.to_vec())
}

fn bomb(coding: &str, wrapper: &[u8]) -> Answer {
    let (first, again) = deflated();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nContent-Encoding: {coding}\r\n\r\n");
    Answer::endless([head.as_bytes(), wrapper, &first].concat(), again.repeat(4096), Duration::ZERO)
}

fn item(title: &str, rest: &str) -> String {
    let now = http_date(SystemClock::new().now());
    format!("<item><title>{title}</title><pubDate>{now}</pubDate>{rest}</item>")
}

/// The greatest memory the process ever had, in KiB.
fn memory(bugle: &Running) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", bugle.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// What becomes of the errors of all sources.
async fn errors(newsroom: &Newsroom) -> BTreeMap<String, String> {
    let books = newsroom.books().await;
    let mut conn = books.0.read().await.expect("the store can be read");
    let rows = bugle::store::source::all(&mut conn).await.expect("the sources can be read");
    rows.into_iter().filter_map(|row| row.error.map(|error| (row.name, error))).collect()
}

#[tokio::test]
async fn hostile_answers_end_at_the_limits_while_the_healthy_go_on() {
    let inside = FakeFeed::start();
    inside.feed("/secret", "<rss version=\"2.0\"><channel><item><title>inside</title></item></channel></rss>");
    let ok = "HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\n";
    let second = Duration::from_secs(1);
    let secret = inside.at("/secret");
    let port = secret.rsplit(':').next().and_then(|rest| rest.split('/').next()).expect("a port").to_owned();
    let cases: Vec<(&str, Answer, &str)> = vec![
        (
            "stated",
            Answer::endless(format!("{ok}Content-Length: 104857600\r\n\r\n"), [b' '; 65_536], Duration::ZERO),
            "larger than",
        ),
        ("unstated", Answer::endless(format!("{ok}\r\n"), [b' '; 65_536], Duration::ZERO), "larger than"),
        ("gzip", bomb("gzip", &[31, 139, 8, 0, 0, 0, 0, 0, 0, 3]), "larger than"),
        ("deflate", bomb("deflate", &[0x78, 0x9c]), "larger than"),
        (
            "brotli",
            Answer::whole("Content-Encoding: br\r\n", include_bytes!("../fixtures/hostile/blanks-10gib.br")),
            "larger than",
        ),
        ("nested", bomb("gzip, gzip", &[31, 139, 8, 0, 0, 0, 0, 0, 0, 3]), "expected one content coding"),
        ("drip", Answer::endless(format!("{ok}\r\n<rss>"), [b' '], second), "slower than"),
        ("stop", Answer::endless(format!("{ok}\r\n<rss>"), [b' '], second * 60), "stopped after"),
        ("late-head", Answer::endless("HTTP/1.1 200 OK\r\nX-A: ", [b'a'], second), "no answer within"),
        ("headers", Answer::endless("HTTP/1.1 200 OK\r\n", "X-A: aaaaaaaaaaaaaaaa\r\n", Duration::ZERO), ""),
        ("long-header", Answer::endless("HTTP/1.1 200 OK\r\nX-A: ", [b'a'; 1_024], Duration::ZERO), ""),
        ("depth", Answer::xml(&"<d>".repeat(100_000)), "not a"),
        (
            "attributes",
            Answer::xml(&format!(
                "<rss{}><channel/></rss>",
                (0..100_000).map(|n| format!(" a{n}=''")).collect::<String>()
            )),
            "not a sane feed",
        ),
        (
            "namespaces",
            Answer::xml(&format!(
                "<rss{}><channel/></rss>",
                (0..100_000).map(|n| format!(" xmlns:a{n}='u'")).collect::<String>()
            )),
            "not a sane feed",
        ),
        ("to-inside", Answer::redirect(&secret), "refused"),
        ("to-name", Answer::redirect(&format!("http://localhost:{port}/secret")), "refused"),
        ("to-number", Answer::redirect(&format!("http://2130706433:{port}/secret")), "refused"),
        ("to-mapped", Answer::redirect(&format!("http://[::ffff:7f00:1]:{port}/secret")), "refused"),
        ("to-metadata", Answer::redirect("http://169.254.169.254/latest/meta-data/"), "refused"),
        ("to-inside-80", Answer::redirect("http://127.0.0.1/"), "127.0.0.1"),
        ("to-network", Answer::redirect("http://10.0.0.1/"), "10.0.0.1"),
        ("to-file", Answer::redirect("file:///etc/passwd"), ""),
        ("to-gopher", Answer::redirect("gopher://127.0.0.1:70/"), ""),
        ("to-itself", Answer::redirect("/feed"), "in a circle"),
    ];
    let mut servers: Vec<Hostile> = Vec::new();
    let (press, mastodon) = (Press::start(), FakeMastodon::start());
    let mut newsroom = Newsroom::new("hostile").source("healthy", &press.url(), "from now").mastodon(&mastodon);
    let mut hosts = 1..;
    for (name, answer, _) in &cases {
        let answer = answer.clone();
        let server = Hostile::start(hosts.next().expect("there are enough"), move |_| answer.clone());
        newsroom = newsroom.source(name, &format!("http://{}/feed", server.at), "last 500");
        servers.push(server);
    }
    // Twenty hops, each to another place.
    let hops = Hostile::start(200, |request| {
        let n: u32 = request.path.trim_start_matches('/').parse().unwrap_or(0);
        if n < 20 { Answer::redirect(&format!("/{}", n + 1)) } else { Answer::feed(&item("after twenty hops", "")) }
    });
    newsroom = newsroom.source("hops", &format!("http://{}/0", hops.at), "last 500");

    let bugle = newsroom.start().await;
    press.read().await;
    let mut stories = Vec::new();
    let mut left: Vec<&str> = cases.iter().map(|(name, ..)| *name).chain(["hops"]).collect();
    // A story a round, each out before the next: that is what the others must not hinder.
    while !left.is_empty() {
        let slug = format!("s{}", stories.len());
        press.publish(&slug);
        stories.push(link(&slug));
        mastodon.ledger().wait_for(stories.len()).await;
        let known = errors(&newsroom).await;
        left.retain(|name| !known.contains_key(*name));
        assert!(stories.len() < 60, "without an end: {left:?}");
    }
    let known = errors(&newsroom).await;
    for (name, _, words) in cases.iter().chain([&("hops", Answer::redirect(""), "at most 5 redirects")]) {
        assert!(known[*name].contains(words), "{name}: expected {words:?}, found {:?}", known[*name]);
        assert!(!known[*name].is_empty(), "{name} says nothing");
    }
    assert!(!known.contains_key("healthy"), "{known:#?}");
    assert_eq!(inside.seen().len(), 0, "what is inside was asked");
    let used = memory(&bugle);
    assert!(used < MEMORY_KIB, "{used} KiB");
    assert!(bugle.term().await.success());
    crate::harness::saw(mastodon.ledger(), &stories);
}

/// Feeds that can be read and should not be trusted: what comes out on the platforms and on the pages is plain text.
#[tokio::test]
async fn hostile_texts_come_out_as_plain_text() {
    let inside = FakeFeed::start();
    inside.picture("/p.png", 100, 100);
    let picture = inside.at("/p.png");
    let laughs: String =
        (1..10).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    let doctype = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE rss [<!ENTITY l0 \"lol\">{laughs}<!ENTITY x SYSTEM \"file:///etc/passwd\">\
         <!ENTITY y SYSTEM \"{picture}\"><!ENTITY q \"{}\">]>",
        "q".repeat(50_000)
    );
    let at = |slug: &str| format!("<link>{}</link>", link(slug));
    let items = [
        item(
            "one &lt;script&gt;alert(1)&lt;/script&gt; &lt;img src=x onerror=alert(2)&gt;&lt;b&gt;bold&lt;/b&gt;",
            &at("html"),
        ),
        item("<![CDATA[two <script>alert(3)</script><i>slanted</i>]]>", &at("cdata")),
        item("three \u{202e}desrever\u{202c} \u{2066}isolated\u{2069} \u{200f}mark", &at("bidi")),
        item("four @everyone @here @newsroom@mastodon.example @newsroom", &at("mentions")),
        item("five *bold* _slanted_ [text](https://evil.example) `code` &amp;lt;b&amp;gt;", &at("markup")),
        item("six goes nowhere", "<link>javascript:alert(4)</link><guid isPermaLink=\"false\">six</guid>"),
        item("seven goes inside", &format!("<link>{picture}</link>")),
        item(
            "eight has a picture inside",
            &format!("{}<enclosure url=\"{picture}\" type=\"image/png\" length=\"9\"/>", at("picture")),
        ),
        item("nine \u{0}\u{1}\u{7f}has\u{85} control\u{9b}s", &at("controls")),
        item(&format!("ten {}", "long ".repeat(200_000)), &at("long")),
        item("eleven &l9;&x;&y;&q;&q;", &at("entities")),
        item("twelve z\u{335}\u{336}\u{337}\u{338}\u{321}\u{322}algo".repeat(3).as_str(), &at("marks")),
    ];
    let world = (FakeX::start(), FakeTelegram::start(), FakeMastodon::start(), FakeBluesky::start());
    let (x, telegram, mastodon, bluesky) = &world;
    let text = format!("{doctype}<rss version=\"2.0\"><channel><title>N</title>{}</channel></rss>", items.concat());
    let texts = Hostile::start(210, move |_| Answer::xml(&text));
    let many: String = (0..50_000).map(|n| format!("<item><title>{n}</title><guid>m{n}</guid></item>")).collect();
    let many = Hostile::start(211, move |_| Answer::feed(&many));
    let years = ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "-1", "Mon, 32 Foo 99999 25:61:61 +9999"];
    let years: String = years
        .iter()
        .map(|y| format!("<item><title>year {y}</title><guid>{y}</guid><pubDate>{y}</pubDate></item>"))
        .collect();
    let years = Hostile::start(212, move |_| Answer::feed(&years));
    let utf7 = Hostile::start(213, |_| {
        Answer::whole(
            "Content-Type: text/xml; charset=utf-7\r\n",
            "<rss><channel><item><title>+ADw-script+AD4-alert(5)</title><guid>7</guid></item></channel></rss>",
        )
    });
    let newsroom = Newsroom::new("hostile_texts")
        .source("texts", &format!("http://{}/", texts.at), "last 500")
        .source("many", &format!("http://{}/", many.at), "last 3")
        .source("years", &format!("http://{}/", years.at), "last 500")
        .source("utf7", &format!("http://{}/", utf7.at), "last 500")
        .x(x)
        .telegram(telegram)
        .mastodon(mastodon)
        .bluesky(bluesky)
        .timeline("wall", "x");
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    let total = 12 + 3 + 4 + 1;
    let settled = async || {
        let posts = books.posts().await;
        posts.len() == total * 5
            && posts.iter().all(|row| ["published", "held", "failed", "skipped"].contains(&row.state))
    };
    until("every post is settled", settled).await;
    let posts = books.posts().await;
    let not_out: Vec<_> = posts.iter().filter(|row| row.state != "published").collect();
    assert!(not_out.iter().all(|row| row.state == "held"), "nothing is refused: {not_out:#?}");
    assert_eq!(books.articles().await, 12 + 500 + 4 + 1);

    // The one script of every page is ours.
    let page = bugle.page("/timelines/wall").await.replacen("<script src=\"/desk.js\" defer></script>", "", 1);
    for text in ["<script", "<img src=x", "onerror=alert(2)>", "javascript:", "\u{202e}", "root:"] {
        assert!(!page.contains(text), "the page has {text}\n{page}");
    }
    for ledger in [x.ledger(), telegram.ledger(), mastodon.ledger(), bluesky.ledger()] {
        for entry in ledger.entries() {
            let Event::Published { text, .. } = &entry.event else { panic!("{entry:#?}") };
            for bad in ["<script", "<b>", "<i>", "javascript:", "root:", "lollol", "qqqq"] {
                assert!(!text.contains(bad), "{bad}: {entry:#?}");
            }
            let bad = |c: char| {
                (c.is_control() && c != '\n')
                    || "\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{200e}\u{200f}"
                        .contains(c)
            };
            assert!(!text.contains(bad), "{entry:#?}");
            if text.starts_with("four") {
                assert!(!text.contains("@everyone") && !text.contains("@newsroom"), "{entry:#?}");
            }
        }
        assert!(ledger.count_by_link().values().all(|count| *count == 1), "{:#?}", ledger.count_by_link());
    }
    for seen in bluesky.seen().iter().filter(|seen| seen.endpoint == bluesky::PUT) {
        let record = seen.request.json().expect("JSON").to_string();
        assert!(!record.contains("richtext.facet#mention"), "{record}");
    }
    for seen in telegram.seen().iter().filter(|seen| seen.endpoint == telegram::SEND) {
        let fields = seen.request.fields().expect("an object");
        assert!(!fields.contains_key("parse_mode"), "{fields:#?}");
    }
    assert!(mastodon.count(mastodon::CREATE) >= total - not_out.len());
    assert_eq!(inside.seen().len(), 0, "what is inside was asked: {:#?}", inside.seen());
    let used = memory(&bugle);
    assert!(used < MEMORY_KIB, "{used} KiB");
    assert!(bugle.term().await.success());
}
