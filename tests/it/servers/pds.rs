//! Accounts on the AT Protocol's own server, the reference for Bluesky.

use serde_json::{Value, json};

use super::place;
use crate::fakes::bluesky::FakeBluesky;
use crate::wire::Ask;

/// An account with an app password.
#[derive(Clone, Debug)]
pub struct Account {
    /// The server's address.
    pub server: String,
    /// The handle.
    pub handle: String,
    /// An app password: what a newsroom gives to Bugle.
    pub password: String,
    /// The account's unchanging id.
    pub did: String,
}

/// The account's own password, which nobody gives to Bugle.
pub const OWN: &str = "not-for-bugle";

/// Where the PDS enters its accounts.
pub fn directory() -> String {
    place("BUGLE_TEST_PLC")
}

/// Opens an account of its own for a test.
///
/// # Panics
/// When the server is missing or refuses.
pub async fn account() -> Account {
    let server = place("BUGLE_TEST_PDS");
    // A label of a handle has at most 18 characters here; the end of a v7 UUID is its random part.
    let unique = uuid::Uuid::now_v7().simple().to_string();
    let handle = format!("news{}.test", &unique[20..]);
    let body = json!({"email": format!("{handle}@example.org"), "handle": handle, "password": OWN});
    let opened = call(&server, "com.atproto.server.createAccount", None, &body).await;
    let access = opened["accessJwt"].as_str().expect("a new account is signed in");
    let made = call(&server, "com.atproto.server.createAppPassword", Some(access), &json!({"name": "bugle"})).await;
    Account {
        password: made["password"].as_str().expect("an app password was made").to_owned(),
        did: opened["did"].as_str().expect("an account has a DID").to_owned(),
        server,
        handle,
    }
}

impl Account {
    /// The account's posts as anybody can read them, newest first.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn posts(&self) -> Vec<Value> {
        let query = format!("repo={}&collection=app.bsky.feed.post&limit=100", self.did);
        let answer = Ask::get(format!("{}/xrpc/com.atproto.repo.listRecords?{query}", self.server)).send().await;
        let answer = answer.expect("the PDS of BUGLE_TEST_PDS answers");
        answer.json()["records"].as_array().cloned().unwrap_or_else(|| panic!("no records: {}", answer.text()))
    }
}

/// A person in a browser on the PDS's own pages, as far as its program there speaks with the server: the cookies it is
/// given, and the page it is on. Its forms are JSON, guarded by a token and by where they come from.
pub struct Person {
    /// The PDS under the name that its pages have.
    site: String,
    cookies: std::collections::BTreeMap<String, String>,
    page: String,
}

impl Person {
    /// At the PDS of that name (`http://localhost:PORT`).
    pub fn at(site: &str) -> Self {
        Self { site: site.to_owned(), cookies: Default::default(), page: String::new() }
    }

    /// Opens the page where a consent is given, signs in there and allows it. Gives the address it is sent back to.
    ///
    /// # Panics
    /// When the server does otherwise.
    pub async fn consent(&mut self, page: &str, account: &Account) -> String {
        let opened = self.send(Ask::get(page), ("navigate", "document", "none")).await;
        assert_eq!(opened.status, 200, "{}", opened.text());
        page.clone_into(&mut self.page);
        let sign_in = json!({"locale": "en", "username": account.handle, "password": OWN, "remember": true});
        let signed = self.form("sign-in", &sign_in).await;
        assert_eq!(signed["account"]["did"], account.did.as_str(), "{signed}");
        let allowed = self.form("consent", &json!({"did": account.did})).await;
        let next = allowed["url"].as_str().unwrap_or_else(|| panic!("no way back: {allowed}")).to_owned();
        let sent = self.send(Ask::get(next), ("navigate", "document", "same-origin")).await;
        assert_eq!(sent.status, 303, "{}", sent.text());
        sent.header("location").expect("a redirect leads somewhere").to_owned()
    }

    /// What the account's own page lists as apps that may post.
    ///
    /// # Panics
    /// When the server does otherwise.
    pub async fn apps(&mut self, account: &Account) -> Vec<Value> {
        self.page = format!("{}/account", self.site);
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("did", &account.did).finish();
        let ask = Ask::get(format!("{}{API}/oauth-sessions?{query}", self.site));
        let listed = self.send(ask, ("same-origin", "empty", "same-origin")).await;
        assert_eq!(listed.status, 200, "{}", listed.text());
        listed.json().as_array().cloned().expect("a list")
    }

    async fn form(&mut self, what: &str, body: &Value) -> Value {
        let ask = Ask::post(format!("{}{API}/{what}", self.site), body).header("Origin", self.site.clone());
        let answer = self.send(ask, ("same-origin", "empty", "same-origin")).await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        answer.json()
    }

    async fn send(&mut self, mut ask: Ask, (mode, dest, site): (&str, &str, &str)) -> crate::wire::Answer {
        ask = ask.header("Sec-Fetch-Mode", mode).header("Sec-Fetch-Dest", dest).header("Sec-Fetch-Site", site);
        if !self.page.is_empty() {
            ask = ask.header("Referer", self.page.clone());
        }
        if let Some(token) = self.cookies.get("csrf-token") {
            ask = ask.header("X-CSRF-Token", token.clone());
        }
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            ask = ask.header("Cookie", cookies.join("; "));
        }
        let answer = ask.send().await.unwrap_or_else(|fault| panic!("the PDS's pages do not answer: {fault}"));
        for (_, value) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let pair = value.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

/// Where the program of the PDS's pages speaks with it.
const API: &str = "/@atproto/oauth-provider/~api";

async fn call(server: &str, method: &str, access: Option<&str>, body: &Value) -> Value {
    let mut ask = Ask::post(format!("{server}/xrpc/{method}"), body);
    if let Some(access) = access {
        ask = ask.bearer(access);
    }
    let answer = ask.send().await.unwrap_or_else(|fault| panic!("the PDS of BUGLE_TEST_PDS does not answer: {fault}"));
    assert_eq!(answer.status, 200, "{method}: {}", answer.text());
    answer.json()
}

/// What a server made of a call: its name here, the status, the error's name, whether a commit was made.
type Verdict = (&'static str, u16, String, bool);

/// A row of calls, each with what the server made of it.
async fn verdicts(server: &str, handle: &str, password: &str, did: &str) -> Vec<Verdict> {
    let at = |method: &str| format!("{server}/xrpc/{method}");
    let sign_in = |password: &str| {
        Ask::post(at("com.atproto.server.createSession"), &json!({"identifier": handle, "password": password})).send()
    };
    let session = sign_in(password).await.expect("the server answers").json();
    let word = |json: &Value, name: &str| json[name].as_str().unwrap_or_else(|| panic!("no {name}: {json}")).to_owned();
    let (access, refresh) = (word(&session, "accessJwt"), word(&session, "refreshJwt"));
    let record =
        |text: &str| json!({"$type": "app.bsky.feed.post", "text": text, "createdAt": "2026-11-23T20:00:00.000Z"});
    let write = |method: &str, rkey: &str, swap: bool, record: Value| {
        let mut body = json!({"repo": did, "collection": "app.bsky.feed.post", "rkey": rkey, "record": record});
        if swap {
            body["swapRecord"] = Value::Null;
        }
        Ask::post(at(&format!("com.atproto.repo.{method}")), &body)
    };
    let put = |text: &str| write("putRecord", "3labcdefghi2a", true, record(text));
    let with = |name: &str, value: Value| {
        let mut record = record("Another");
        record[name] = value;
        write("putRecord", "3labcdefghi2b", true, record).bearer(&access)
    };
    let missing = json!({
        "$type": "blob", "mimeType": "image/png", "size": 7,
        "ref": {"$link": "bafkreibjfgx2gprinfvicegelk5kosd6y2frmqpqzwqkg7usac74l3t2v4"},
    });
    let card = |rkey: &str, thumb: Value| {
        let external = json!({"uri": "https://news.example/1", "title": "T", "description": "", "thumb": thumb});
        let mut record = record("A card");
        record["embed"] = json!({"$type": "app.bsky.embed.external", "external": external});
        write("putRecord", rkey, true, record).bearer(&access)
    };
    let get = |rkey: &str| {
        Ask::get(at("com.atproto.repo.getRecord") + &format!("?repo={did}&collection=app.bsky.feed.post&rkey={rkey}"))
    };
    let delete = || {
        let body = json!({"repo": did, "collection": "app.bsky.feed.post", "rkey": "3labcdefghi2a"});
        Ask::post(at("com.atproto.repo.deleteRecord"), &body).bearer(&access)
    };
    let renew = || Ask::new("POST", at("com.atproto.server.refreshSession")).bearer(&refresh);
    let mut verdicts = Vec::new();
    for (name, ask) in [
        ("put", put("Once").bearer(&access)),
        ("the same put", put("Once").bearer(&access)),
        ("another text under the key", put("Twice").bearer(&access)),
        ("create over the key", write("createRecord", "3labcdefghi2a", false, record("Once")).bearer(&access)),
        ("there", get("3labcdefghi2a")),
        ("not there", get("3labcdefghi2c")),
        ("no token", put("Once")),
        ("a token of junk", put("Once").bearer("junk")),
        ("301 graphemes", with("text", json!("a".repeat(301)))),
        ("3001 bytes", with("text", json!("\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}".repeat(167)))),
        ("300 graphemes", with("text", json!("\u{e9}".repeat(300)))),
        ("no time", with("createdAt", json!("yesterday"))),
        ("no TID", write("putRecord", "not-a-tid", true, record("Once")).bearer(&access)),
        ("a thumb that is not there", card("3labcdefghi2d", missing.clone())),
        ("the same under a key that is taken", card("3labcdefghi2b", missing)),
        ("a thumb that is nothing", card("3labcdefghi2d", Value::Null)),
        ("a facet without features", with("facets", json!([{"index": {"byteStart": 0, "byteEnd": 4}}]))),
        ("delete", delete()),
        ("delete again", delete()),
        ("refresh", renew()),
        ("refresh again with the old token", renew()),
    ] {
        let answer = ask.send().await.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let json = answer.json();
        let error = json["error"].as_str().unwrap_or_default().to_owned();
        verdicts.push((name, answer.status, error, json.get("commit").is_some()));
    }
    let wrong = sign_in("wrong").await.expect("the server answers");
    verdicts.push(("a wrong password", wrong.status, word(&wrong.json(), "error"), false));
    verdicts
}

/// The fake may only teach Bugle what the real server does; the first rows are the ground under posting once.
#[tokio::test]
async fn the_fake_answers_as_the_real_server() {
    let account = account().await;
    let real = verdicts(&account.server, &account.handle, &account.password, &account.did).await;
    let fake = FakeBluesky::start();
    let password = fake.account("news.example");
    let resolve = format!("{}/xrpc/com.atproto.identity.resolveHandle?handle=news.example", fake.url());
    let did = Ask::get(resolve).send().await.unwrap().json()["did"].as_str().unwrap().to_owned();
    assert_eq!(verdicts(&fake.url(), "news.example", &password, &did).await, real);
    assert_eq!(
        real[..3],
        [
            ("put", 200, String::new(), true),
            ("the same put", 200, String::new(), false),
            ("another text under the key", 400, "InvalidSwap".to_owned(), false),
        ]
    );
    assert_eq!(account.posts().await.len(), 1, "what was put was deleted; the post of 300 graphemes is there");
}
