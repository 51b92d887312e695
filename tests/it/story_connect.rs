//! Accounts connected by a person's consent, with the real program: in the browser by a one-time link, in the terminal by
//! pasting, on a certified OAuth server and on the fakes; taken back; another account refused.

use bugle::store;
use serde_json::Value;

use crate::browser::{Browser, link_away};
use crate::fakes::mastodon::{self, FakeMastodon};
use crate::fakes::x::{self, FakeX};
use crate::harness::{Books, Newsroom, Press, Running, link, saw, until};
use crate::servers::oidc;

/// Where the newsroom's desk is for browsers.
pub const DESK: &str = "https://desk.example";

/// A newsroom with the channel `x` at that server, opened by consent.
pub fn by_consent(name: &str, channel: &str, server: &str, id: &str, secret: Option<&str>) -> Newsroom {
    with_consent(Newsroom::new(name).public(DESK), channel, server, id, secret)
}

/// One more channel of X, opened by consent.
pub fn with_consent(mut room: Newsroom, channel: &str, server: &str, id: &str, secret: Option<&str>) -> Newsroom {
    let mut keys = vec![("site", format!("{server:?}")), ("client_id", format!("{id:?}"))];
    if let Some(secret) = secret {
        keys.push(("client_secret", room.secret(&format!("SECRET_OF_{}", channel.to_uppercase()), secret)));
    }
    let host = server.strip_prefix("http://").expect("a server of this machine").to_owned();
    room.allowing(&host).channel(channel, "x", Some(server), &keys)
}

/// What is stored of a channel: its account, and whether there is a grant.
pub async fn stored(books: &Books, channel: &str) -> (Option<String>, bool) {
    let mut conn = books.0.read().await.unwrap();
    let row = store::channel::one(&mut conn, channel).await.unwrap();
    let identity = row.and_then(|row| row.identity).and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let grant = store::sealed::get(&mut conn, channel, "grant").await.unwrap();
    (identity.and_then(|it| it["handle"].as_str().map(str::to_owned)), grant.is_some())
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|fault| panic!("no JSON ({fault}): {line}"))
}

/// Opens the one-time link and sends its form; gives the page of the platform that a person is led to.
async fn begin(browser: &mut Browser, desk: &str) -> String {
    let (status, page) = browser.go(desk).await.shown();
    assert_eq!(status, 200, "{page}");
    let (place, ticket) = desk.split_once("?ticket=").expect("a one-time link");
    let (status, page) = browser.submit(place, &[("ticket", ticket)]).await.shown();
    assert_eq!(status, 200, "{page}");
    link_away(&page)
}

fn browser(bugle: &Running) -> Browser {
    Browser::with(DESK, &bugle.port())
}

#[tokio::test]
async fn a_certified_server_is_connected_in_the_browser_and_posts_go_out() {
    let server = oidc::url();
    let person = format!("editor{}", uuid::Uuid::now_v7().simple());
    let press = Press::with(&["before"]);
    let newsroom = by_consent("oidc", "x", &server, oidc::CLIENT, Some(oidc::SECRET));
    let newsroom = newsroom.source("news", &press.url(), "from now");
    let bugle = newsroom.ready(&[]).await;
    let books = newsroom.books().await;

    let mut terminal = newsroom.talk(&["connect", "x", "--json"]);
    let told = json(&terminal.line().await);
    let desk = told["desk"].as_str().unwrap().to_owned();
    assert!(desk.starts_with("https://desk.example/connect/x?ticket="), "{desk}");
    assert!(told["terms"]["asks"].as_str().unwrap().contains("automated"), "{told}");
    let mut browser = browser(&bugle);
    let page = begin(&mut browser, &desk).await;
    let back = oidc::consent(&mut browser, &page, &person).await;
    assert!(back.contains("&iss=http") && back.starts_with("https://desk.example/connect/callback/x?"), "{back}");
    let (status, page) = browser.go(&back).await.shown();
    assert!(status == 200 && page.contains(&format!("connected as @{person}")), "{status} {page}");
    // The terminal saw it come to its end.
    assert_eq!(json(&terminal.line().await)["account"], format!("@{person}"));
    assert_eq!(terminal.end().await.0, 0);
    assert_eq!(stored(&books, "x").await, (Some(format!("@{person}")), true));

    // Nothing of it works a second time.
    let (place, ticket) = desk.split_once("?ticket=").unwrap();
    let (status, page) = browser.submit(place, &[("ticket", ticket)]).await.shown();
    assert!(status == 403 && page.contains("one-time link is not valid"), "{status} {page}");
    let (status, page) = browser.go(&back).await.shown();
    assert!(status == 400 && page.contains("is not known"), "{status} {page}");

    press.publish("one");
    books.wait_for("x", "published", 1).await;
    let posts = oidc::posts(&person).await;
    assert!(posts.len() == 1 && posts[0].contains(&link("one")), "{posts:?}");
    let page = bugle.page("/channels").await;
    assert!(page.contains(&person) && page.contains("its token is renewed by itself"), "{page}");
    assert!(page.contains("Reconnect"), "{page}");

    // Taken back: the token opens nothing any more, what waits goes on waiting.
    let done = newsroom.command(&["disconnect", "x"]).await;
    assert!(done.status.success(), "{done:?}");
    assert!(!stored(&books, "x").await.1);
    assert!(books.block("x").await.unwrap().contains("disconnected"));
    press.publish("two");
    books.wait_for("x", "scheduled", 1).await;
    let log = bugle.log();
    assert!(bugle.term().await.success());
    assert!(!log.contains(oidc::SECRET) && !log.contains(ticket), "a secret in the log");
}

#[tokio::test]
async fn a_certified_server_is_connected_in_the_terminal_by_pasting_the_address() {
    let server = oidc::url();
    let person = format!("typist{}", uuid::Uuid::now_v7().simple());
    let newsroom = by_consent("typed", "y", &server, oidc::CLIENT, Some(oidc::SECRET));
    newsroom.write("bugle.toml", &newsroom.config().await);
    let books = newsroom.books().await;
    let mut terminal = newsroom.talk(&["connect", "y"]);
    let desk = terminal.line().await;
    assert!(desk.starts_with("https://desk.example/connect/y?ticket="), "{desk}");
    let page = terminal.line().await;
    let mut browser = Browser::default();
    let back = oidc::consent(&mut browser, &page, &person).await;
    // A slip of the hand costs nothing.
    terminal.say("https://desk.example/connect/callback/x?code=1&state=2").await;
    terminal.say(&back).await;
    assert_eq!(terminal.line().await, format!("channel y is connected as @{person}"));
    let (code, said) = terminal.end().await;
    assert!(code == 0 && said.contains("expected the address that begins with"), "{code} {said}");
    assert_eq!(stored(&books, "y").await, (Some(format!("@{person}")), true));
    // A ticket that nobody took, and the consent, are gone.
    assert_eq!(books.number("SELECT count(*) FROM connect_ticket").await, 0);
    assert_eq!(books.number("SELECT count(*) FROM consent").await, 0);
    assert_eq!(books.number("SELECT count(*) FROM sealed WHERE word <> 'grant'").await, 0);
}

/// A consent of the fake, from a ticket to the address it leads back to.
async fn consented(newsroom: &Newsroom, bugle: &Running, channel: &str) -> (Browser, String) {
    let mut terminal = newsroom.talk(&["connect", channel, "--json"]);
    let told = json(&terminal.line().await);
    let mut browser = browser(bugle);
    let page = begin(&mut browser, told["desk"].as_str().unwrap()).await;
    let back = browser.go(&page).await.away();
    (browser, back)
}

#[tokio::test]
async fn x_posts_with_a_bearer_token_and_a_public_client_needs_no_secret() {
    let fake = FakeX::start();
    fake.app("public", None, "https://desk.example/connect/callback/x");
    let press = Press::with(&["before"]);
    let newsroom = by_consent("bearer", "x", &fake.url(), "public", None);
    let newsroom = newsroom.source("news", &press.url(), "from now");
    let bugle = newsroom.ready(&[]).await;
    let books = newsroom.books().await;
    press.publish("one");
    until("it is blocked before it is connected", async || books.block("x").await.is_some()).await;
    let (mut browser, back) = consented(&newsroom, &bugle, "x").await;
    let (status, page) = browser.go(&back).await.shown();
    assert!(status == 200 && page.contains("connected as @newsroom"), "{status} {page}");
    books.wait_for("x", "published", 1).await;
    saw(fake.ledger(), &[link("one")]);
    let calls = fake.seen();
    let posted: Vec<_> = calls.iter().filter(|seen| seen.endpoint == x::CREATE).collect();
    assert!(posted.iter().all(|seen| seen.request.bearer().is_some()), "every call carries the token");

    // Another account on the same channel is refused, and the first one's grant stays.
    fake.rules().oauth.person = Some("somebody else".to_owned());
    let (mut browser, back) = consented(&newsroom, &bugle, "x").await;
    let (status, page) = browser.go(&back).await.shown();
    assert!(status == 400 && page.contains("this channel to @newsroom"), "{status} {page}");
    press.publish("two");
    books.wait_for("x", "published", 2).await;
    saw(fake.ledger(), &[link("one"), link("two")]);

    // Nothing that was ever given stands in the log or in an address, but for the code on its way.
    let (log, secrets) = (bugle.log(), fake.rules().oauth.secrets());
    assert!(secrets.len() >= 6);
    for secret in &secrets {
        assert!(!log.contains(secret.as_str()), "{secret} in the log");
        let in_addresses = browser.visited.iter().chain(calls.iter().map(|seen| &seen.request.target));
        let shown = in_addresses.filter(|at| at.contains(secret.as_str())).count();
        assert!(shown == 0 || secret.starts_with("code."), "{secret} in an address");
    }
    let done = newsroom.command(&["disconnect", "x", "--json"]).await;
    assert_eq!(json(String::from_utf8_lossy(&done.stdout).trim())["revoked"], true, "{done:?}");
    assert_eq!(fake.rules().oauth.alive(), 1, "the refused account's grant is the other person's to take back");
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn mastodon_is_connected_with_a_redirect_and_without_one() {
    let fake = FakeMastodon::start();
    let channel = |room: Newsroom| room.allowing(&fake.host()).channel("m", "mastodon", Some(&fake.url()), &[]);
    let newsroom = channel(Newsroom::new("instance").public(DESK));
    let bugle = newsroom.ready(&[]).await;
    let books = newsroom.books().await;
    let (mut browser, back) = consented(&newsroom, &bugle, "m").await;
    assert!(back.starts_with("https://desk.example/connect/callback/m?code="), "{back}");
    let (status, page) = browser.go(&back).await.shown();
    assert!(status == 200 && page.contains("connected as @editor@"), "{status} {page}");
    // The terminal's own consent and the browser's share one registration.
    assert_eq!(fake.count(mastodon::APPS), 1);
    assert!(fake.rules().knows("granted-"));
    let done = newsroom.command(&["disconnect", "m"]).await;
    assert!(done.status.success(), "{done:?}");
    assert!(!fake.rules().knows("granted-"), "taken back at the instance");
    assert!(bugle.term().await.success());

    // On a machine without a public address the instance shows a code; another redirect is another registration. Its vault
    // has another key: what was kept before cannot be read, and connecting is the way out of that.
    let mut newsroom = channel(Newsroom::new("shown"));
    newsroom.at(books.0.url());
    newsroom.write("bugle.toml", &newsroom.config().await);
    let mut terminal = newsroom.talk(&["connect", "m"]);
    let (_, page) = Browser::default().go(&terminal.line().await).await.shown();
    let code = page.split("<code>").nth(1).and_then(|rest| rest.split('<').next()).expect("a code is shown");
    terminal.say(code).await;
    let said = terminal.line().await;
    assert!(said.starts_with("channel m is connected as @editor@"), "{said}");
    assert_eq!(terminal.end().await.0, 0);
    assert_eq!(fake.count(mastodon::APPS), 2);
}
