//! A Bluesky account opened by its owner's consent, with the real program and the AT Protocol's own server: its pages sign
//! the owner in, its data server takes posts with tokens bound to a key, its grant is renewed and given back.

use std::sync::Arc;

use bugle::clock::SystemClock;
use bugle::model::grant::Grant;
use bugle::platform::Keep as _;
use bugle::publish::ports::SealedKeep;
use bugle::vault::Vault;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::fakes::feed::FakeFeed;
use crate::harness::{Books, Newsroom, fetched, link};
use crate::servers::pds::{self, Account, Person};
use crate::wire::Ask;

const EMPTY: &str = "<rss version=\"2.0\"><channel><title>N</title></channel></rss>";

/// The master key of these newsrooms' vaults, so that the test can look into them.
const MASTER: &str = "5ea1ed5ea1ed5ea1ed5ea1ed5ea1ed5ea1ed5ea1ed5ea1ed5ea1ed5ea1ed5ea1";

fn items(slugs: &[&str], picture: &str) -> String {
    let items: String = slugs
        .iter()
        .map(|slug| {
            format!(
                "<item><title>Story {slug}</title><link>{}</link><guid isPermaLink=\"false\">{slug}</guid>\
                 <enclosure url=\"{picture}\" type=\"image/png\" length=\"1\"/></item>",
                link(slug)
            )
        })
        .collect();
    format!("<rss version=\"2.0\"><channel><title>N</title>{items}</channel></rss>")
}

/// The PDS under the name it has on its own pages and in the documents of its accounts.
fn site(account: &Account) -> String {
    account.server.replace("127.0.0.1", "localhost")
}

/// A newsroom with the channel `b` of that account, without an app password.
fn by_consent(name: &str, account: &Account) -> Newsroom {
    let (site, directory) = (site(account), pds::directory());
    let host = |url: &str| url.trim_start_matches("http://").to_owned();
    let mut newsroom = Newsroom::new(name).scale(1.0).allowing(&host(&site)).allowing(&host(&directory));
    let key = newsroom.secret("BUGLE_TEST_MASTER", MASTER);
    let keys = [("handle", format!("{:?}", account.handle)), ("directory", format!("{directory:?}"))];
    newsroom.more(&format!("[vault]\nkey = {key}\n")).channel("b", "bluesky", Some(&site), &keys)
}

/// Connects in the terminal; `way_back` may change the address that is pasted. Gives what the terminal said last.
async fn connect(
    newsroom: &Newsroom,
    person: &mut Person,
    who: &Account,
    way_back: impl Fn(String) -> String,
) -> Result<String, String> {
    newsroom.write("bugle.toml", &newsroom.config().await);
    let mut terminal = newsroom.talk(&["connect", "b", "--json"]);
    let told: Value = serde_json::from_str(&terminal.line().await).expect("JSON");
    let page = told["consent"].as_str().expect("a page to open");
    let back = person.consent(page, who).await;
    let redirect = told["redirect"].as_str().expect("where it comes back to");
    assert!(back.starts_with(redirect) && back.contains("code=") && back.contains("iss=http"), "{back}");
    terminal.say(&way_back(back)).await;
    match terminal.end().await {
        (0, _) => Ok(told["redirect"].to_string()),
        (_, said) => Err(said),
    }
}

/// What the newsroom keeps of the channel.
fn keep(books: &Books) -> SealedKeep {
    SealedKeep {
        store: books.0.clone(),
        vault: Arc::new(Vault::with_key(&MASTER.into()).expect("64 hex digits")),
        channel: "b".to_owned(),
        clock: Arc::new(SystemClock::new()),
    }
}

async fn grant(books: &Books) -> Option<Grant> {
    keep(books).get(Grant::WORD).await.expect("the vault opens").as_ref().and_then(Grant::read)
}

#[tokio::test]
async fn an_account_of_the_official_pds_is_opened_by_consent_posts_is_renewed_and_is_given_back() {
    let account = pds::account().await;
    let web = FakeFeed::start();
    web.feed("/rss", EMPTY);
    web.picture("/p.png", 1600, 900);
    let newsroom = by_consent("bsky-oauth", &account).source("news", &web.at("/rss"), "from now");
    let mut person = Person::at(&site(&account));
    let books = newsroom.books().await;

    // An answer that names another issuer is not believed, and its code is gone.
    let iss = |back: String| back.replace("iss=http%3A%2F%2Flocalhost", "iss=http%3A%2F%2Fevil.localhost");
    let said = connect(&newsroom, &mut person, &account, iss).await.unwrap_err();
    assert!(said.contains("expected an answer of http://localhost"), "{said}");
    assert!(grant(&books).await.is_none());

    connect(&newsroom, &mut person, &account, |back| back).await.unwrap();
    let first = grant(&books).await.expect("a grant is kept");
    assert_eq!(first.own["did"], account.did);
    assert!(first.refresh.is_some() && first.expires.is_some() && first.ends.is_some(), "{first:?}");
    assert_eq!(person.apps(&account).await.len(), 1, "the owner sees it among the apps");

    // Out, with the picture of its card, by tokens bound to the key.
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    web.feed("/rss", &items(&["one"], &web.at("/p.png")));
    let row = books.wait_for("b", "published", 1).await.remove(0);
    let posts = account.posts().await;
    assert_eq!(posts.len(), 1, "{posts:#?}");
    let record = &posts[0]["value"];
    assert!(record["text"].as_str().is_some_and(|text| text.contains(&link("one"))), "{record:#}");
    assert!(record["embed"]["external"]["thumb"]["size"].as_u64().is_some_and(|size| size > 100), "{record:#}");

    // The very token alone opens nothing: whoever finds it lacks the key.
    let body = json!({"repo": account.did, "collection": "app.bsky.feed.post", "record": record});
    let create = Ask::post(format!("{}/xrpc/com.atproto.repo.createRecord", account.server), &body);
    let stolen = create.bearer(first.access.expose_secret()).send().await.unwrap();
    assert!(matches!(stolen.status, 400 | 401), "{} {}", stolen.status, stolen.text());

    // A token that the server refuses is renewed in flight, once, with the refresh token that is good for once.
    let spoilt = Grant { access: SecretString::from("not.a.token"), ..first.clone() };
    keep(&books).put(Grant::WORD, &spoilt.written()).await.unwrap();
    web.feed("/rss", &items(&["two", "one"], &web.at("/p.png")));
    books.wait_for("b", "published", 2).await;
    assert_eq!(account.posts().await.len(), 2);
    let second = grant(&books).await.expect("a grant is kept");
    let refresh = |grant: &Grant| grant.refresh.as_ref().map(|it| it.expose_secret().to_owned());
    assert_ne!(refresh(&second), refresh(&first), "rotated");
    assert_eq!((&second.own, second.ends), (&first.own, first.ends), "the same key, the same end");
    let status = newsroom.command(&["vault", "status"]).await;
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("channel b: grant fresh renewed"), "{status}");

    // Taken down by the renewed token.
    let done = newsroom.command(&["retract", &row.id, "--wait", "30"]).await;
    assert!(done.status.success(), "{done:?}");
    assert_eq!(account.posts().await.len(), 1);

    // Given back: the server forgets it.
    let done = newsroom.command(&["disconnect", "b"]).await;
    assert!(done.status.success(), "{done:?}");
    assert_eq!(person.apps(&account).await.len(), 0, "the owner sees no app any more");
    assert!(grant(&books).await.is_none());

    let log = bugle.log();
    assert!(bugle.term().await.success());
    for secret in [first.own["dpop_key"].as_str(), first.access.expose_secret(), second.access.expose_secret()] {
        assert!(!log.contains(secret), "a secret in the log");
    }
    for secret in [refresh(&first), refresh(&second)].into_iter().flatten() {
        assert!(!log.contains(&secret), "a refresh token in the log");
    }
}

#[tokio::test]
async fn a_spent_refresh_token_asks_for_a_person_and_posts_wait() {
    let account = pds::account().await;
    let web = FakeFeed::start();
    web.feed("/rss", EMPTY);
    let newsroom = by_consent("bsky-spent", &account).scale(0.4).source("news", &web.at("/rss"), "from now");
    let mut person = Person::at(&site(&account));
    let books = newsroom.books().await;
    connect(&newsroom, &mut person, &account, |back| back).await.unwrap();
    let bad = Grant {
        access: SecretString::from("not.a.token"),
        refresh: Some(SecretString::from(format!("ref-{}", "0".repeat(64)))),
        ..grant(&books).await.expect("a grant is kept")
    };
    keep(&books).put(Grant::WORD, &bad.written()).await.unwrap();
    let bugle = newsroom.start().await;
    crate::harness::until("the channel is blocked", async || books.block("b").await.is_some()).await;
    fetched(&web, "/rss").await;
    web.feed("/rss", &items(&["one"], "https://pictures.example/none.png"));
    books.wait_for("b", "scheduled", 1).await;
    // Connecting is the way out, and the story goes out once.
    connect(&newsroom, &mut person, &account, |back| back).await.unwrap();
    books.wait_for("b", "published", 1).await;
    assert_eq!(account.posts().await.len(), 1);
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn another_account_than_the_channel_s_is_refused_and_its_grant_given_back() {
    let (account, other) = (pds::account().await, pds::account().await);
    let newsroom = by_consent("bsky-other", &account);
    let mut person = Person::at(&site(&account));
    let said = connect(&newsroom, &mut person, &other, |back| back).await.unwrap_err();
    assert!(said.contains(&format!("expected a token of the account {}", account.did)), "{said}");
    assert!(grant(&newsroom.books().await).await.is_none());
    assert_eq!(person.apps(&other).await.len(), 0);
}

#[tokio::test]
async fn the_public_address_says_who_the_client_is() {
    let account = pds::account().await;
    let newsroom = by_consent("bsky-client", &account).public("https://desk.example");
    let bugle = newsroom.ready(&[]).await;
    let ask = |path: &str| Ask::get(format!("{}{path}", bugle.address())).host("desk.example").send();
    let answer = ask("/connect/client/bluesky.json").await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let said = answer.json();
    assert_eq!(said["client_id"], "https://desk.example/connect/client/bluesky.json");
    assert_eq!(said["redirect_uris"], json!(["https://desk.example/connect/callback/b"]));
    assert_eq!((&said["dpop_bound_access_tokens"], &said["application_type"]), (&json!(true), &json!("web")));
    for path in ["/connect/client/x.json", "/connect/client/bluesky", "/connect/client/..json"] {
        assert_eq!(ask(path).await.unwrap().status, 404, "{path}");
    }
    assert!(bugle.term().await.success());
}
