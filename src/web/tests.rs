//! The port as a whole: a real listener, a real store in a temporary directory, requests written by hand so that every
//! header is ours to choose.

use jiff::SignedDuration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::clock::{Clock as _, FakeClock};
use crate::model::article::{Article, Entry};
use crate::model::channel::Block;
use crate::model::id::{ArticleId, ChannelName, PostId, SourceName};
use crate::model::notice::{Level, Notice};
use crate::model::person::Role;
use crate::model::picture::{Origin, Picture};
use crate::model::post::{Actor, Approval, FailReason, HoldReason, Occasion, Post, PostState, Rejection, Urgency};
use crate::model::receipt::{Known, Receipt};
use crate::platform::{Card, WallPost};
use crate::store::person::PersonRow;
use crate::store::post::PostRow;
use crate::store::source::{self, SourceRow};
use crate::store::{self, article, channel, job, notice, post, wall};

const HOSTILE: &str = "<script>alert(\"1\")</script> & 'it' \u{202e}\u{5e9}\u{5dc}\u{5d5}\u{5dd}";

pub(super) struct Desk {
    pub(super) at: SocketAddr,
    pub(super) store: Store,
    pub(super) clock: Arc<FakeClock>,
    pub(super) tick: Arc<AtomicI64>,
    pub(super) ready: watch::Sender<Readiness>,
    pub(super) view: watch::Sender<Arc<View>>,
    pub(super) works: watch::Sender<Option<Arc<Works>>>,
    /// The secret of an administrator's session: what [`Desk::ask`] and [`Desk::post`] bring.
    pub(super) session: String,
    stop: CancellationToken,
    done: tokio::task::JoinHandle<std::io::Result<()>>,
    _folder: tempfile::TempDir,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }
}

fn view() -> View {
    let channel = |name: &str, platform: &str, like: Option<&str>| ChannelView {
        name: name.to_owned(),
        platform: platform.to_owned(),
        like: like.map(str::to_owned),
        label: None,
        linked: None,
        caps: (None, None),
    };
    View {
        newsroom: "Xəbər & <Co>".to_owned(),
        zone: TimeZone::get("Asia/Baku").unwrap(),
        public_url: Url::parse("https://desk.example").ok(),
        trusted_proxies: Vec::new(),
        channels: vec![channel("x", "x", None), channel("trial", "timeline", Some("x"))],
        sources: vec!["news".to_owned()],
    }
}

impl Desk {
    pub(super) async fn open(address: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("bugle.db").display());
        let store = Store::open(&url).await.unwrap();
        let clock = Arc::new(FakeClock::at("2026-03-12T10:00:00Z".parse().unwrap()));
        let (ready, on_ready) = watch::channel(Readiness::Starting("reading the config".to_owned()));
        let (view, on_view) = watch::channel(Arc::new(view()));
        let (works, on_works) = watch::channel(None);
        let tick = Arc::new(AtomicI64::new(0));
        let vault = Arc::new(Vault::with_key(&secrecy::SecretString::from("7".repeat(64))).unwrap());
        let people = People::new(store.clone(), Arc::<FakeClock>::clone(&clock), Arc::clone(&vault));
        let session = signed_in(&people, "Ana", Role::Admin).await;
        let state = State {
            vault,
            store: store.clone(),
            metrics: Arc::new(Metrics::new()),
            clock: Arc::<FakeClock>::clone(&clock),
            view: on_view,
            ready: on_ready,
            tick: Arc::clone(&tick),
            inlet: watch::channel(None).1,
            connector: watch::channel(None).1,
            works: on_works,
            sign_in: watch::channel(None).1,
            version: "0.0.0-test",
        };
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let at = SocketAddr::from(([127, 0, 0, 1], listener.local_addr().unwrap().port()));
        let stop = CancellationToken::new();
        let done = tokio::spawn(serve(listener, state, stop.clone()));
        Self { at, store, clock, tick, ready, view, works, session, stop, done, _folder: folder }
    }

    pub(super) async fn send(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        // A stream of events ends when the service does: its head is all that is waited for.
        while stream.read_buf(&mut bytes).await.unwrap() > 0 {
            let has = |words: &[u8]| bytes.windows(words.len()).any(|it| it == words);
            if has(b"content-type: text/event-stream") && has(b"\r\n\r\n") {
                break;
            }
        }
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// Stops it, and waits for its end.
    pub(super) async fn close(self) {
        self.stop.cancel();
        self.done.await.unwrap().unwrap();
    }

    /// Another person, signed in: their session's secret.
    pub(super) async fn person(&self, name: &str, role: Role) -> String {
        let vault = Arc::new(Vault::with_key(&secrecy::SecretString::from("7".repeat(64))).unwrap());
        let people = People::new(self.store.clone(), Arc::<FakeClock>::clone(&self.clock), vault);
        signed_in(&people, name, role).await
    }

    /// A request of that session, as the browser of a page of ours sends it.
    pub(super) async fn ask_as(&self, session: &str, method: &str, path: &str, form: &[(&str, &str)]) -> Answer {
        let host = self.at.to_string();
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let more = match method {
            "POST" => format!("Origin: http://{host}\r\nContent-Type: application/x-www-form-urlencoded\r\n"),
            _ => String::new(),
        };
        self.send(&format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nCookie: bugle-session={session}\r\n{more}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await
    }

    /// A form that the administrator sends.
    pub(super) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.ask_as(&self.session, "POST", path, form).await
    }

    /// A request of the administrator's, under any name.
    pub(super) async fn ask(&self, method: &str, path: &str, host: &str) -> Answer {
        let cookies = format!("bugle-session={0}; __Host-bugle-session={0}", self.session);
        let scheme = if host == "desk.example" { "https" } else { "http" };
        let more = if method == "POST" { format!("Origin: {scheme}://{host}\r\n") } else { String::new() };
        self.send(&format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nCookie: {cookies}\r\n{more}\r\n"
        ))
        .await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &self.at.to_string()).await
    }

    /// An article with one post in each state that the pages tell apart, all of it with hostile words.
    pub(super) async fn fill(&self) {
        let now = self.clock.now();
        let work = job(move |conn| Box::pin(fill(conn, now)));
        self.store.write(work).await.unwrap();
    }
}

/// A person with a session: its secret.
pub(super) async fn signed_in(people: &People, name: &str, role: Role) -> String {
    let row = PersonRow::new(name, role, people.clock.now());
    let person = row.clone();
    let add = job(move |conn| Box::pin(async move { store::person::add(conn, &person).await }));
    people.store.write(add).await.unwrap();
    let from = crate::people::Caller { address: "127.0.0.1".parse().unwrap(), agent: "test".to_owned() };
    let opened = people.open(&row, "password", false, &from).await.unwrap();
    secrecy::ExposeSecret::expose_secret(&opened.secret).to_owned()
}

async fn fill(conn: &mut store::Conn, now: jiff::Timestamp) -> Result<(), store::StoreError> {
    let story = Article {
        id: ArticleId::new("a1"),
        source: SourceName::new("news"),
        version: 1,
        first_seen: now,
        entry: Entry {
            title: HOSTILE.to_owned(),
            link: Url::parse("https://news.example/a?x=1&y=\"2\"").ok(),
            summary: Some(HOSTILE.to_owned()),
            categories: vec![HOSTILE.to_owned()],
            language: Some("az\"><script>".to_owned()),
            ..Entry::default()
        },
    };
    let verdicts = [article::Verdict::new("gone", format!("no route wants {HOSTILE}"))];
    article::insert(conn, &story, "h", "t", &verdicts).await?;
    let approval = Approval { by: Actor::Route, at: now, payload: None };
    let receipt = |url: &str| Receipt {
        remote_id: Some("1".to_owned()),
        url: Some(url.to_owned()),
        parts: Vec::new(),
        at: now,
        how: Known::Answered,
    };
    let reason = FailReason { rejection: Rejection::Content, said: HOSTILE.to_owned() };
    let states = [
        PostState::Held { since: now, why: HoldReason::Approval },
        PostState::Held { since: now, why: HoldReason::Doubt { evidence: HOSTILE.to_owned() } },
        PostState::Uncertain { since: now, approval: approval.clone() },
        PostState::Failed { at: now, reason },
        PostState::Scheduled { approval, retry: None },
        PostState::Published { receipt: receipt("https://x.com/i/status/1") },
        PostState::Published { receipt: receipt("javascript:alert(1)") },
    ];
    let on_timeline = PostState::Published { receipt: Receipt { remote_id: Some("w1".to_owned()), ..receipt("") } };
    let states = states.into_iter().map(|state| ("x", state)).chain([("trial", on_timeline)]);
    for (n, (channel, state)) in states.enumerate() {
        let post = Post {
            id: PostId::new(format!("p{n}")),
            channel: ChannelName::new(channel),
            article: story.id.clone(),
            occasion: Occasion::ByHand(n.to_string()),
            route: 1,
            template: "headline".to_owned(),
            urgency: Urgency::Normal,
            created: now,
            expires: None,
            due: now + SignedDuration::from_hours(1),
            attempts: 0,
            text: Some(HOSTILE.to_owned()),
            picture: Default::default(),
            state,
        };
        post::insert(conn, &PostRow::new(post), now, &Actor::Route, HOSTILE).await?;
    }
    channel::ensure(conn, "x", "x", now).await?;
    let block = Block::Token { said: HOSTILE.to_owned() };
    channel::set_blocked(conn, "x", Some(&block), now).await?;
    notice::raise(conn, &Notice::new(Level::Alarm, "k", HOSTILE), now).await?;
    let url: Url = "https://news.example/a".parse().expect("written here");
    let card = Card {
        url: url.clone(),
        title: HOSTILE.to_owned(),
        description: HOSTILE.to_owned(),
        image: "https://pictures.example/a.jpg".parse().ok(),
    };
    let shown = WallPost {
        text: format!("{HOSTILE}\n\nhttps://news.example/a"),
        link: Some(url),
        card: Some(card),
        picture: None,
        further: Vec::new(),
        language: None,
        length: 140,
        limit: 280,
        part: None,
    };
    wall::put(conn, "trial", "w1", &serde_json::json!(shown).to_string(), now).await?;
    let photo = |url: &str| Picture {
        origin: Origin::Photo { urls: url.parse().into_iter().collect() },
        alt: format!("Bridge {HOSTILE}"),
    };
    let album = WallPost {
        picture: Some(photo("https://pictures.example/1.jpg")),
        further: vec![photo("https://elsewhere.example/2.jpg"), photo("javascript:alert(1)")],
        ..shown.clone()
    };
    wall::put(conn, "trial", "w3", &serde_json::json!(album).to_string(), now).await?;
    let foreign = WallPost { card: None, link: "ftp://news.example/a".parse().ok(), limit: 0, ..shown };
    wall::put(conn, "trial", "w2", &serde_json::json!(foreign).to_string(), now).await?;
    wall::take_down(conn, "trial", "w2", now).await
}

#[tokio::test]
async fn every_answer_carries_the_guarding_headers() {
    let desk = Desk::open("127.0.0.1").await;
    for (path, status, kind) in [
        ("/", 200, "text/html; charset=utf-8"),
        ("/articles", 200, "text/html; charset=utf-8"),
        ("/timelines/trial", 200, "text/html; charset=utf-8"),
        ("/style.css", 200, "text/css; charset=utf-8"),
        ("/icon.svg", 200, "image/svg+xml"),
        ("/desk.js", 200, "text/javascript; charset=utf-8"),
        ("/pause", 200, "text/html; charset=utf-8"),
        ("/resume", 200, "text/html; charset=utf-8"),
        ("/pause?channel=none", 404, "text/html; charset=utf-8"),
        ("/healthz", 200, "text/plain; charset=utf-8"),
        ("/readyz", 503, "text/plain; charset=utf-8"),
        ("/metrics", 200, crate::telemetry::OPENMETRICS),
        ("/timelines/x", 404, "text/html; charset=utf-8"),
        ("/timelines/none", 404, "text/html; charset=utf-8"),
        ("/timelines/%ff", 404, "text/html; charset=utf-8"),
        ("/articles/none", 404, "text/html; charset=utf-8"),
        ("/none", 404, "text/html; charset=utf-8"),
    ] {
        let answer = desk.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (status, Some(kind)), "{path}: {}", answer.body);
        assert_eq!(answer.header("content-security-policy"), Some(POLICY), "{path}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}: {name}");
        }
        let own = "<script src=\"/desk.js\" defer></script>";
        let body = answer.body.replacen(own, "", 1);
        assert!(!body.contains("<script") && !body.contains(" style="), "{path}");
        let head = desk.ask("HEAD", path, "localhost").await;
        assert_eq!((head.status, head.body.as_str()), (status, ""), "HEAD {path}");
    }
}

#[tokio::test]
async fn nothing_is_changed_where_a_page_is_only_shown() {
    let desk = Desk::open("127.0.0.1").await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FROB"] {
        for path in ["/", "/articles/a1"] {
            let answer = desk.ask(method, path, "localhost").await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert!(answer.header("allow").is_some_and(|it| it.starts_with("GET, HEAD")), "{method} {path}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{method} {path}");
        }
        assert_eq!(desk.ask(method, "/healthz", "localhost").await.status, 405, "{method}");
    }
    let large = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 99999999\r\n\r\n";
    assert_eq!(desk.send(large).await.status, 413);
}

#[tokio::test]
async fn answers_to_its_own_names() {
    let desk = Desk::open("127.0.0.1").await;
    for (path, host, status) in [
        ("/", "desk.example", 200),
        ("/", "[::1]:8080", 200),
        ("/", "evil.example", 421),
        ("/style.css", "evil.example", 421),
        ("/metrics", "evil.example", 421),
        ("http://evil.example/", "localhost", 421),
    ] {
        let answer = desk.ask("GET", path, host).await;
        assert_eq!(answer.status, status, "{path} at {host}");
        assert_eq!(answer.body.contains("Xəbər"), status == 200 && path == "/", "{path} at {host}");
    }
    assert_eq!(desk.send("GET / HTTP/1.0\r\n\r\n").await.status, 421);
    assert_eq!(desk.ask("GET", "/connect/x", "evil.example").await.status, 421);
    assert_eq!(desk.ask("GET", "/connect/x", "desk.example").await.status, 503);
    // A reload takes the name away.
    desk.view.send_replace(Arc::new(View { public_url: None, newsroom: "Renamed".to_owned(), ..view() }));
    assert_eq!(desk.ask("GET", "/", "desk.example").await.status, 421);
    assert!(desk.get("/").await.body.contains("Renamed"));
}

#[tokio::test]
async fn the_network_sees_probes_and_the_way_in_only() {
    let desk = Desk::open("0.0.0.0").await;
    desk.fill().await;
    for path in ["/", "/articles", "/sources", "/channels", "/articles/a1", "/timelines/trial", "/people", "/account"] {
        let answer = desk.send(&format!("GET {path} HTTP/1.1\r\nHost: bugle:8080\r\nConnection: close\r\n\r\n")).await;
        assert_eq!((answer.status, answer.body.as_str()), (303, ""), "{path}");
        assert!(answer.header("location").is_some_and(|to| to.starts_with("/sign-in")), "{path}");
    }
    let answer = desk.send("GET /none HTTP/1.1\r\nHost: bugle\r\nConnection: close\r\n\r\n").await;
    assert!(answer.status == 404 && !answer.body.contains("trial"), "{}", answer.body);
    // Where accounts are connected asks for secrets of its own, and this process has nothing to connect with yet.
    assert_eq!(desk.get("/connect/x").await.status, 503);
    assert_eq!(desk.get("/connect/callback/x?code=c&state=s").await.status, 503);
    assert_eq!(desk.ask("POST", "/connect/callback/x", "bugle:8080").await.status, 405);
    // Scrapers inside a network use names of its own.
    for path in ["/metrics", "/healthz"] {
        let ask = format!("GET {path} HTTP/1.1\r\nHost: bugle:8080\r\nConnection: close\r\n\r\n");
        assert_eq!(desk.send(&ask).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn sources_show_their_health_on_the_page_and_in_the_metrics() {
    let desk = Desk::open("127.0.0.1").await;
    let now = desk.clock.now();
    desk.view.send_modify(|view| Arc::make_mut(view).sources = ["new", "news", "sick"].map(str::to_owned).into());
    assert!(desk.get("/sources").await.body.contains("not read yet"));
    let ago = |minutes| Some(now - SignedDuration::from_mins(minutes));
    let row = |name: &str| SourceRow::new(name, "https://www.news.example/feed?key=hidden", now);
    let well = SourceRow { last_good: ago(2), rhythm: Some(1_200), ..row("news") };
    let sick = SourceRow {
        last_good: ago(90),
        failures: 3,
        failing_since: ago(60),
        trouble: Some("status".to_owned()),
        status: Some(404),
        error: Some(format!("the server answers 404 {HOSTILE}")),
        ..row("sick")
    };
    // One that the config has no more.
    let gone = SourceRow { last_good: ago(9_999), failures: 7, ..row("gone") };
    let work = job(move |conn| {
        Box::pin(async move {
            for row in [&well, &sick, &gone] {
                source::put(conn, row).await?;
            }
            Ok(())
        })
    });
    desk.store.write(work).await.unwrap();
    let page = desk.get("/sources").await.body;
    for words in ["news.example", "every 20 minutes", "One is in trouble", "3 times in a row", "bugle parse", "13:00"] {
        assert!(page.contains(words), "{words} is not in\n{page}");
    }
    assert!(page.find("fails") < page.find(">good<"), "the sick one stands first");
    for words in ["key=hidden", "<script>", "gone"] {
        assert!(!page.contains(words), "{words} is in\n{page}");
    }
    let text = desk.get("/metrics").await.body;
    for line in [
        "bugle_source_age_seconds{source=\"news\"} 120",
        "bugle_source_age_seconds{source=\"sick\"} 5400",
        "bugle_source_failures{source=\"news\"} 0",
        "bugle_source_failures{source=\"sick\"} 3",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("key=hidden") && !text.contains("\"gone\"") && !text.contains("{source=\"new\"}"), "{text}");
}

#[tokio::test]
async fn an_empty_desk_teaches() {
    let desk = Desk::open("127.0.0.1").await;
    for (path, words) in
        [("/", "Nothing has come in yet"), ("/articles", "No articles yet"), ("/timelines/trial", "No posts yet")]
    {
        assert!(desk.get(path).await.body.contains(words), "{path}");
    }
}

#[tokio::test]
async fn hostile_words_stay_words() {
    let desk = Desk::open("127.0.0.1").await;
    desk.fill().await;
    for (path, times) in [
        ("/", 10),
        ("/articles", 1),
        ("/articles/a1", 10),
        ("/timelines/trial", 3),
        ("/posts?view=all", 8),
        ("/audit", 8),
        ("/channels/x", 2),
    ] {
        let body = desk.get(path).await.body;
        let body = body.replacen("<script src=\"/desk.js\" defer></script>", "", 1);
        assert!(!body.contains("<script") && !body.contains("alert(\"1\")"), "{path}");
        let escaped = body.matches("alert(&#34;1&#34;)").count();
        assert!(escaped >= times, "{path}: {escaped}");
        assert!(!body.contains("javascript:") && !body.contains("ftp:"), "{path}: only web links");
        assert!(body.contains("Xəbər &#38; &#60;Co&#62;"), "{path}");
        // Right-to-left overrides end with the element they stand in.
        for (at, _) in body.match_indices('\u{202e}') {
            let tag = &body[body[..at].rfind('<').unwrap()..at];
            assert!(tag.starts_with("<bdi") || tag.contains(" dir=\"auto\""), "{path}: {tag}");
        }
        for link in body.split("<a ").skip(1).filter(|link| link.contains("href=\"http")) {
            let tag = &link[..link.find('>').unwrap()];
            assert!(tag.contains("rel=\"noopener noreferrer\""), "{path}: {tag}");
        }
    }
}

#[tokio::test]
async fn today_says_what_needs_a_person_and_how_it_is_decided() {
    let desk = Desk::open("127.0.0.1").await;
    desk.fill().await;
    let body = desk.get("/").await.body;
    for words in [
        "<span class=\"count\">6</span>", // block, alarm, 2 held, 1 uncertain, 1 failed
        "Channel x",
        "/channels/x",
        "/posts/p0/approve",
        "/posts/p1/retry",
        "/posts/p3/skip",
        "/posts/p4/hold",
        "data-countdown",
        "15:00", // due in an hour, in Baku
        "https://x.com/i/status/1",
        "/timelines/trial#post-w1",
        "Thursday, 12 March 2026",
    ] {
        assert!(body.contains(words), "{words} is not in\n{body}");
    }
    assert!(!body.contains("/posts/p1/approve"), "what is in doubt is not simply approved");
    for act in ["approve", "retry", "skip"] {
        assert!(!body.contains(&format!("/posts/p2/{act}")), "what is being looked up is left alone");
    }
}

#[tokio::test]
async fn an_article_shows_every_channels_answer_and_history() {
    let desk = Desk::open("127.0.0.1").await;
    desk.fill().await;
    let body = desk.get("/articles/a1").await.body;
    for words in ["No post", "No route wants", "History", "Read it on news.example", "by <bdi>route</bdi>"] {
        assert!(body.contains(words), "{words} is not in\n{body}");
    }
    let list = desk.get("/articles").await.body;
    assert!(list.contains("/articles/a1") && list.contains("no post") && list.contains("<b>failed</b>"), "{list}");
}

#[tokio::test]
async fn a_timeline_shows_text_card_and_count() {
    let desk = Desk::open("127.0.0.1").await;
    desk.fill().await;
    let body = desk.get("/timelines/trial").await.body;
    for words in ["140 of 280", "as X counts", "Picture from pictures.example", "Taken down", "14:00", "50 100"] {
        assert!(body.contains(words), "{words} is not in\n{body}");
    }
    assert!(!body.contains("<img src=\"http"), "nothing is loaded from elsewhere");
    let album = &body[body.find("id=\"post-w3\"").expect("the album")..];
    let album = &album[..album.find("</article>").expect("its end")];
    let places = ["Picture from pictures.example", "Picture from elsewhere.example"].map(|words| album.find(words));
    assert!(places[0].is_some() && places[0] < places[1], "{album}");
    assert_eq!((album.matches("Bridge ").count(), album.contains("javascript:")), (3, false), "{album}");
    assert!(!album.contains("class=\"card\""), "pictures stand where the card would be: {album}");
}

#[tokio::test]
async fn ends_when_told_even_with_a_request_that_never_ends() {
    let desk = Desk::open("127.0.0.1").await;
    let mut half = TcpStream::connect(desk.at).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
    assert_eq!(desk.get("/healthz").await.status, 200);
    desk.stop.cancel();
    desk.done.await.unwrap().unwrap();
}

/// The contrast of two colours as WCAG 2.2 defines it.
pub(super) fn contrast(a: &str, b: &str) -> f64 {
    let luminance = |hex: &str| {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn every_text_can_be_read_on_its_ground() {
    let style = include_str!("../../templates/web/style.css");
    let (light, dark) = style.split_once("prefers-color-scheme: dark").unwrap();
    assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 0.001);
    for (scheme, text) in [("light", light), ("dark", dark)] {
        let colour = |name: &str| {
            let (_, rest) = text.split_once(&format!("--{name}: ")).unwrap_or_else(|| panic!("{scheme} has no {name}"));
            rest[..7].to_owned()
        };
        let own = ["calm", "next", "good", "warn", "bad"].map(|tone| (tone.to_owned(), format!("{tone}-ground")));
        let plain = ["text", "quiet", "link"]
            .iter()
            .flat_map(|name| ["ground", "panel"].map(|ground| ((*name).to_owned(), ground.to_owned())));
        let rest = [("text", "calm-ground"), ("text", "next-ground"), ("quiet", "next-ground"), ("face-text", "face")];
        let rest = rest.map(|(a, b)| (a.to_owned(), b.to_owned()));
        for (ink, ground) in own.into_iter().chain(plain).chain(rest) {
            let found = contrast(&colour(&ink), &colour(&ground));
            assert!(found >= 4.5, "{scheme}: {ink} on {ground} has {found:.2}");
        }
    }
}
