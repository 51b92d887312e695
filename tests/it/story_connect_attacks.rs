//! Attacks on connecting (reliability.md section 4, RFC 9700 section 4), against the real program with two fake providers:
//! each flow begins as an honest person's, then something of it is forged. None may end in an account or a grant; at the
//! end an honest flow of each provider does, so that the table proves something.

use bugle::store;
use jiff::SignedDuration;
use sha2::Digest as _;
use url::Url;

use crate::browser::{Browser, Page, link_away};
use crate::fakes::x::{self, FakeX};
use crate::harness::{Books, Newsroom, Running};
use crate::story_connect::{DESK, by_consent, stored, with_consent};

/// Two providers, one Bugle between them.
struct Scene {
    x: FakeX,
    y: FakeX,
    bugle: Running,
    books: Books,
    flows: u32,
    _newsroom: Newsroom,
}

/// A consent that a person has begun.
struct Flow {
    browser: Browser,
    /// The platform's page.
    page: String,
}

impl Scene {
    async fn open() -> Self {
        let (x, y) = (FakeX::start(), FakeX::start());
        x.app("app-x", Some("secret of x"), "https://desk.example/connect/callback/x");
        y.app("app-y", None, "https://desk.example/connect/callback/y");
        let newsroom = by_consent("attacked", "x", &x.url(), "app-x", Some("secret of x"));
        let newsroom = with_consent(newsroom, "y", &y.url(), "app-y", None);
        let bugle = newsroom.ready(&[]).await;
        let books = newsroom.books().await;
        Self { x, y, bugle, books, flows: 0, _newsroom: newsroom }
    }

    fn browser(&self) -> Browser {
        Browser::with(DESK, &self.bugle.port())
    }

    /// A ticket, as `bugle connect` prints one (that it does, `story_connect` tries).
    async fn ticket(&self, channel: &'static str) -> String {
        let ticket = uuid::Uuid::now_v7().simple().to_string();
        let row = store::consent::TicketRow {
            ticket: hex(&ticket),
            channel: channel.to_owned(),
            who: "ana".to_owned(),
            taken: false,
            outcome: None,
            expires: now() + SignedDuration::from_mins(10),
        };
        let job = store::job(move |conn| Box::pin(async move { store::consent::print(conn, &row).await }));
        self.books.change(job).await;
        ticket
    }

    /// An honest person has begun to connect that channel.
    async fn begun(&self, channel: &'static str) -> Flow {
        let mut browser = self.browser();
        let ticket = self.ticket(channel).await;
        let (status, page) = browser.submit(&format!("{DESK}/connect/{channel}"), &[("ticket", &ticket)]).await.shown();
        assert_eq!(status, 200, "{page}");
        Flow { browser, page: link_away(&page) }
    }

    /// The same, and has allowed it: with the address that the platform sends the browser back to.
    async fn allowed(&self, channel: &'static str) -> (Flow, Url) {
        let mut flow = self.begun(channel).await;
        let back = flow.browser.go(&flow.page.clone()).await.away();
        (flow, Url::parse(&back).unwrap())
    }

    /// A forged flow has come to its end: nothing was accepted, and nobody was sent anywhere.
    async fn refused(&mut self, what: &str, end: Page) {
        self.flows += 1;
        let Page::Shown { url, answer } = end else { panic!("{what}: sent away: {end:?}") };
        assert!((400..500).contains(&answer.status), "{what}: {} at {url}: {}", answer.status, answer.text());
        assert!(answer.header("location").is_none(), "{what}: sent elsewhere");
        for (name, value) in [("referrer-policy", "same-origin"), ("cache-control", "no-store")] {
            // A path that is none of ours is answered by the pages' own router.
            let found = answer.header(name);
            assert!(found == Some(value) || found == Some("no-referrer"), "{what}: {name}: {found:?}");
        }
        let text = answer.text();
        assert!(!text.contains("evil.example") || text.contains("xpected an answer of"), "{what}: {text}");
        for channel in ["x", "y"] {
            assert_eq!(stored(&self.books, channel).await, (None, false), "{what}: accepted on {channel}");
        }
    }

    /// A forged callback: the honest address, edited.
    async fn edited(&mut self, what: &str, edit: impl FnOnce(&Url) -> String) {
        let (mut flow, back) = self.allowed("x").await;
        let forged = edit(&back);
        let end = flow.browser.go(&forged).await;
        self.refused(what, end).await;
    }

    /// A form sent to begin, as another site would have the browser send it.
    async fn forged_form(&mut self, what: &str, path: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) {
        let mut browser = self.browser();
        let end = browser.forge(&format!("{DESK}{path}"), form, headers).await;
        self.refused(what, end).await;
    }
}

fn now() -> jiff::Timestamp {
    use bugle::clock::Clock as _;
    bugle::clock::SystemClock::new().now()
}

fn hex(text: &str) -> String {
    sha2::Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn part(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// The address with those parts of its query instead.
fn query(url: &Url, pairs: &[(&str, &str)]) -> String {
    let mut url = url.clone();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url.into()
}

/// The address with one part more, at the end.
fn more(url: &Url, name: &str, value: &str) -> String {
    let mut url = url.clone();
    url.query_pairs_mut().append_pair(name, value);
    url.into()
}

/// The address with one part changed.
fn with(url: &Url, name: &str, value: &str) -> String {
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let mut url = url.clone();
    let changed = pairs.iter().map(|(key, old)| (key.as_str(), if key == name { value } else { old }));
    url.query_pairs_mut().clear().extend_pairs(changed);
    url.into()
}

async fn states(scene: &mut Scene) {
    scene.edited("no state", |back| query(back, &[("code", &part(back, "code"))])).await;
    scene.edited("an empty state", |back| with(back, "state", "")).await;
    scene.edited("an invented state", |back| with(back, "state", &"A".repeat(43))).await;
    scene.edited("a state cut short", |back| with(back, "state", &part(back, "state")[..42])).await;
    scene.edited("a state with more behind it", |back| with(back, "state", &(part(back, "state") + "A"))).await;
    scene.edited("a state in capitals", |back| with(back, "state", &part(back, "state").to_uppercase())).await;
    scene.edited("the hash that a stolen database holds", |back| with(back, "state", &hex(&part(back, "state")))).await;
    scene.edited("two states", |back| more(back, "state", &part(back, "state"))).await;
    scene.edited("another state behind the right one", |back| more(back, "state", &"A".repeat(43))).await;
    scene.edited("the state under another name", |back| back.as_str().replace("state=", "STATE=")).await;
    scene.edited("all of it behind a #", |back| back.as_str().replace('?', "#")).await;
    scene.edited("an SQL text for a state", |back| with(back, "state", "' OR expires > 0 --")).await;

    // The state of an attacker's own flow, put under a victim: with the attacker's code (the victim would post to the
    // attacker's account), and with the victim's.
    let (_attacker, theirs) = scene.allowed("x").await;
    let (mut victim, mine) = scene.allowed("x").await;
    let end = victim.browser.go(theirs.as_str()).await;
    scene.refused("the address of an attacker's flow in a victim's browser", end).await;
    let (mut victim_again, _) = scene.allowed("x").await;
    let end = victim_again.browser.go(&with(&mine, "state", &part(&theirs, "state"))).await;
    scene.refused("an attacker's state with a victim's code", end).await;
    // A browser that has begun nothing: login CSRF in its plain form.
    let end = scene.browser().go(theirs.as_str()).await;
    scene.refused("the address of an attacker's flow in a browser without a session", end).await;

    // Too late.
    let (mut flow, back) = scene.allowed("x").await;
    scene.books.run("UPDATE consent SET expires = 1").await;
    let end = flow.browser.go(back.as_str()).await;
    scene.refused("a state after its time", end).await;
    let end = flow.browser.go(back.as_str()).await;
    scene.refused("the same again", end).await;

    // Used: the person said no, and somebody brings a code with the state that is left over.
    let (mut flow, back) = scene.allowed("x").await;
    let state = part(&back, "state");
    let end = flow.browser.go(&query(&back, &[("error", "access_denied"), ("state", &state)])).await;
    scene.refused("not allowed", end).await;
    let end = flow.browser.go(back.as_str()).await;
    scene.refused("a code with a state that was used by a no", end).await;
}

async fn codes(scene: &mut Scene) {
    scene.edited("no code", |back| query(back, &[("state", &part(back, "state"))])).await;
    scene.edited("an empty code", |back| with(back, "code", "")).await;
    scene.edited("two codes", |back| more(back, "code", "another")).await;
    scene.edited("a code and an error", |back| more(back, "error", "access_denied")).await;
    scene.edited("a token instead of a code", |back| back.as_str().replace("code=", "access_token=")).await;

    // These reach the provider, which refuses them; the answer is a fault of the platform's (5xx), so the flow is judged
    // by what is stored.
    let refusals = scene.x.rules().oauth.refused.len();
    let (mut flow, back) = scene.allowed("x").await;
    let end = flow.browser.go(&with(&back, "code", "code.invented.1")).await;
    scene.refused_by_platform("an invented code", end).await;
    // Code injection: the code of an attacker's own consent at the same provider, in a victim's honest flow. Only the
    // verifier tells them apart.
    let (_attacker, theirs) = scene.allowed("x").await;
    let (mut victim, mine) = scene.allowed("x").await;
    let end = victim.browser.go(&with(&mine, "code", &part(&theirs, "code"))).await;
    scene.refused_by_platform("an attacker's code in a victim's flow", end).await;
    // A code that somebody used before.
    let (mut flow, back) = scene.allowed("y").await;
    let state = part(&back, "state");
    let stolen = part(&back, "code");
    let form =
        [("grant_type", "authorization_code"), ("code", &stolen), ("client_id", "app-y"), ("code_verifier", "x")];
    let thief = crate::wire::Ask::form(format!("{}/2/oauth2/token", scene.y.url()), &form).send().await.unwrap();
    assert_eq!(thief.status, 400, "a public client's code is no use without the verifier");
    let end = flow.browser.go(&query(&back, &[("code", "code.other.9"), ("state", &state)])).await;
    scene.refused_by_platform("another code after a theft", end).await;
    // A code after its 30 seconds.
    let (mut flow, back) = scene.allowed("x").await;
    scene.x.skew(31_000);
    let end = flow.browser.go(back.as_str()).await;
    scene.refused_by_platform("a code after its time", end).await;
    scene.x.skew(0);
    let refused = scene.x.rules().oauth.refused.clone();
    assert_eq!(refused.len(), refusals + 3, "{refused:#?}");
}

async fn mix_ups(scene: &mut Scene) {
    // One provider's answer at the other's address: neither the code nor the state leaves for the wrong one.
    let asked = (scene.x.count(x::TOKEN), scene.y.count(x::TOKEN));
    for (from, to) in [("x", "y"), ("y", "x")] {
        let (mut flow, back) = scene.allowed(from).await;
        let end = flow.browser.go(&back.as_str().replace(&format!("callback/{from}"), &format!("callback/{to}"))).await;
        scene.refused("the answer of one provider at the address of the other", end).await;
        let end = flow.browser.go(back.as_str()).await;
        scene.refused("and then at its own: it was its one time", end).await;
    }
    // The attacker's provider x sends the person on to y with its own state: y's answer comes to y's address with the
    // state of x.
    let flow = scene.begun("x").await;
    let (mut honest, back) = scene.allowed("y").await;
    let state = part(&Url::parse(&flow.page).unwrap(), "state");
    honest.browser = flow.browser;
    let end = honest.browser.go(&with(&back, "state", &state)).await;
    scene.refused("y's code with x's state at y's address", end).await;
    // And the same with y's code at x's address: the code must not be handed to the attacker's provider by a wrong state.
    let (mut flow, back) = scene.allowed("y").await;
    let end = flow.browser.go(&with(&back, "state", &"B".repeat(43)).replace("callback/y", "callback/x")).await;
    scene.refused("y's code at x's address", end).await;
    assert_eq!((scene.x.count(x::TOKEN), scene.y.count(x::TOKEN)), asked, "no code left for any provider");

    let host = scene.x.url();
    for (what, iss) in [
        ("another issuer", "https://evil.example".to_owned()),
        ("the other provider as issuer", scene.y.url()),
        ("an issuer that only begins alike", format!("{host}.evil.example")),
        ("an issuer that hides behind a user", format!("{host}@evil.example")),
        ("an issuer on another scheme", host.replace("http:", "https:")),
        ("an issuer that is no URL", "x".to_owned()),
        ("an empty issuer", String::new()),
    ] {
        scene.edited(what, |back| more(back, "iss", &iss)).await;
    }
    scene
        .edited("two issuers", |back| {
            let one = Url::parse(&more(back, "iss", &host)).unwrap();
            more(&one, "iss", "https://evil.example")
        })
        .await;
    assert_eq!(scene.x.count(x::TOKEN), asked.0, "no code left for any provider");
}

async fn redirects(scene: &mut Scene) {
    for (what, path) in [
        ("an address that goes on", "connect/callback/x/"),
        ("an address that goes on behind a dot", "connect/callback/x.evil.example"),
        ("an address with a way up", "connect/callback/x%2F..%2Fy"),
        ("an address in capitals", "connect/callback/X"),
        ("an address of no channel", "connect/callback/z"),
        ("an address of a channel without consent", "connect/callback/"),
        ("an address with a zero behind it", "connect/callback/x%00"),
        ("an address with a way back", "connect/callback/..%2f..%2fconnect%2fcallback%2fx"),
    ] {
        scene.edited(what, |back| back.as_str().replace("connect/callback/x", path)).await;
    }
    // At the provider: what Bugle asks with is one registered text, so whatever else is refused there.
    for to in [
        "https://desk.example/connect/callback/x.evil.example",
        "https://desk.example/connect/callback/x/../y",
        "https://desk.example.evil.example/connect/callback/x",
        "https://evil.example/connect/callback/x",
    ] {
        let mut flow = scene.begun("x").await;
        let forged = with(&Url::parse(&flow.page).unwrap(), "redirect_uri", to);
        let end = flow.browser.go(&forged).await;
        scene.flows += 1;
        let (status, said) = end.shown();
        assert!(status == 400 && said.contains("redirect_uri"), "{to}: {status} {said}");
        assert_eq!(stored(&scene.books, "x").await, (None, false), "{to}");
    }
    // A place to go to afterwards, in each of the words that such parameters have: nobody is sent there.
    for name in ["return", "return_to", "next", "redirect_uri", "url"] {
        scene
            .edited(name, |back| {
                let refusal = [("error", "server_error"), ("state", &part(back, "state")), (name, "//evil.example")];
                query(back, &refusal)
            })
            .await;
    }
    scene
        .edited("error_uri", |back| {
            let state = part(back, "state");
            let pairs = [("error", "server_error"), ("error_uri", "https://evil.example/"), ("state", &state)];
            query(back, &pairs)
        })
        .await;
}

async fn downgrades(scene: &mut Scene) {
    // On the way to the provider the challenge is taken out, weakened or replaced.
    let strip = |url: &Url| {
        let kept: Vec<(String, String)> =
            url.query_pairs().into_owned().filter(|(name, _)| !name.starts_with("code_challenge")).collect();
        let mut url = url.clone();
        url.query_pairs_mut().clear().extend_pairs(kept);
        String::from(url)
    };
    let plain = |url: &Url| with(url, "code_challenge_method", "plain");
    for (what, forge) in [("no challenge", &strip as &dyn Fn(&Url) -> String), ("a plain challenge", &plain)] {
        let mut flow = scene.begun("x").await;
        let back = flow.browser.go(&forge(&Url::parse(&flow.page).unwrap())).await.away();
        let end = flow.browser.go(&back).await;
        scene.refused(what, end).await;
    }
    let mut flow = scene.begun("x").await;
    let forged = with(&Url::parse(&flow.page).unwrap(), "code_challenge", &"A".repeat(43));
    let back = flow.browser.go(&forged).await.away();
    let end = flow.browser.go(&back).await;
    scene.refused_by_platform("an attacker's challenge", end).await;
    // Fewer rights than asked for: a token that could not post is not kept.
    let mut flow = scene.begun("x").await;
    let forged = with(&Url::parse(&flow.page).unwrap(), "scope", "tweet.read users.read");
    let back = flow.browser.go(&forged).await.away();
    let end = flow.browser.go(&back).await;
    scene.refused_by_platform("fewer scopes", end).await;
}

async fn forms(scene: &mut Scene) {
    let own = ("Origin", DESK);
    for (what, headers) in [
        ("a form without an origin", &[][..]),
        ("a form of another site", &[("Origin", "https://evil.example")]),
        ("a form of a page without origin", &[("Origin", "null")]),
        ("a form of a site that begins alike", &[("Origin", "https://desk.example.evil.example")]),
        ("a form by http", &[("Origin", "http://desk.example")]),
        ("a form that the browser calls foreign", &[own, ("Sec-Fetch-Site", "cross-site")]),
        ("a form of a neighbour", &[own, ("Sec-Fetch-Site", "same-site")]),
    ] {
        let ticket = scene.ticket("x").await;
        scene.forged_form(what, "/connect/x", &[("ticket", &ticket)], headers).await;
    }
    let good = [own, ("Sec-Fetch-Site", "same-origin")];
    let used = scene.ticket("x").await;
    let mut browser = scene.browser();
    assert_eq!(browser.submit(&format!("{DESK}/connect/x"), &[("ticket", &used)]).await.shown().0, 200);
    let (others, hashed) = (scene.ticket("y").await, hex(&scene.ticket("x").await));
    for (what, ticket) in [
        ("no ticket", ""),
        ("an invented ticket", "invented"),
        ("the ticket of another channel", &others),
        ("a ticket for the second time", &used),
        ("the hash that a stolen database holds", &hashed),
    ] {
        scene.forged_form(what, "/connect/x", &[("ticket", ticket)], &good).await;
    }
    let late = scene.ticket("x").await;
    scene.books.run("UPDATE connect_ticket SET expires = 1").await;
    scene.forged_form("a ticket after its time", "/connect/x", &[("ticket", &late)], &good).await;
    // The choice among accounts belongs to who came that far.
    scene.forged_form("a choice without a session", "/connect/choose/x", &[("id", "1")], &good).await;
    let (mut flow, _) = scene.allowed("x").await;
    let end = flow.browser.submit(&format!("{DESK}/connect/choose/x"), &[("id", "1")]).await;
    scene.refused("a choice where nothing is offered", end).await;
    let end = flow.browser.forge(&format!("{DESK}/connect/choose/x"), &[("id", "1")], &[("Origin", "null")]).await;
    scene.refused("a choice of another site", end).await;
}

async fn sessions(scene: &mut Scene) {
    for (what, cookie) in [
        ("no cookie", String::new()),
        ("an invented session", format!("__Host-bugle-connect={}", "C".repeat(43))),
        ("a session that a neighbour host could plant", "bugle-connect=MINE".to_owned()),
        (
            "a session planted beside the right one",
            "__Host-bugle-connect=MINE; __Host-bugle-connect=planted".to_owned(),
        ),
    ] {
        let (flow, back) = scene.allowed("x").await;
        let jar = flow.browser.cookies(DESK);
        let mine = jar.split_once('=').expect("a session").1;
        let target = &back[url::Position::BeforePath..];
        let mut ask = crate::wire::Ask::get(format!("{}{target}", scene.bugle.address())).host("desk.example");
        if !cookie.is_empty() {
            ask = ask.header("Cookie", cookie.replace("MINE", mine));
        }
        let answer = ask.send().await.unwrap();
        scene.refused(what, Page::Shown { url: back.to_string(), answer }).await;
    }
    // What was begun in a terminal is ended there, whoever has its address.
    let mut terminal = scene._newsroom.talk(&["connect", "x"]);
    let (_desk, page) = (terminal.line().await, terminal.line().await);
    let mut victim = scene.begun("x").await;
    let back = victim.browser.go(&page).await.away();
    let end = victim.browser.go(&back).await;
    scene.refused("a terminal's consent in a browser", end).await;
}

impl Scene {
    /// As [`refused`](Self::refused), where it was the platform that refused.
    async fn refused_by_platform(&mut self, what: &str, end: Page) {
        self.flows += 1;
        let (status, said) = end.shown();
        assert_eq!(status, 502, "{what}: {said}");
        for channel in ["x", "y"] {
            assert_eq!(stored(&self.books, channel).await, (None, false), "{what}: accepted on {channel}");
        }
    }
}

#[tokio::test]
async fn no_forged_flow_is_accepted() {
    let mut scene = Scene::open().await;
    states(&mut scene).await;
    codes(&mut scene).await;
    mix_ups(&mut scene).await;
    redirects(&mut scene).await;
    downgrades(&mut scene).await;
    forms(&mut scene).await;
    sessions(&mut scene).await;
    // 60 were asked for.
    assert_eq!(scene.flows, 85);
    // The providers gave nothing either, but for the token with too few rights, which was not kept.
    let given = (scene.x.rules().oauth.given(), scene.y.rules().oauth.given());
    assert_eq!(given, (1, 0));

    // The honest ones are.
    for channel in ["x", "y"] {
        let (mut flow, back) = scene.allowed(channel).await;
        let (status, page) = flow.browser.go(back.as_str()).await.shown();
        assert!(status == 200 && page.contains("connected as @newsroom"), "{channel}: {status} {page}");
        assert_eq!(stored(&scene.books, channel).await, (Some("@newsroom".to_owned()), true));
        let (status, _) = flow.browser.go(back.as_str()).await.shown();
        assert_eq!(status, 400, "a state works once");
        assert_eq!(stored(&scene.books, channel).await, (Some("@newsroom".to_owned()), true));
    }
    let (log, mut secrets) = (scene.bugle.log(), scene.x.rules().oauth.secrets());
    secrets.extend(scene.y.rules().oauth.secrets());
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} in the log");
    }
    assert!(!log.contains("secret of x"));
}
