//! Accounts on the AT Protocol's own server, the reference for Bluesky.

use serde_json::{Value, json};

use super::place;
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

/// Opens an account of its own for a test.
///
/// # Panics
/// When the server is missing or refuses.
pub async fn account() -> Account {
    let server = place("BUGLE_TEST_PDS");
    // A label of a handle has at most 18 characters here; the end of a v7 UUID is its random part.
    let unique = uuid::Uuid::now_v7().simple().to_string();
    let handle = format!("news{}.test", &unique[20..]);
    let body = json!({"email": format!("{handle}@example.org"), "handle": handle, "password": "not-for-bugle"});
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

async fn call(server: &str, method: &str, access: Option<&str>, body: &Value) -> Value {
    let mut ask = Ask::post(format!("{server}/xrpc/{method}"), body);
    if let Some(access) = access {
        ask = ask.bearer(access);
    }
    let answer = ask.send().await.unwrap_or_else(|fault| panic!("the PDS of BUGLE_TEST_PDS does not answer: {fault}"));
    assert_eq!(answer.status, 200, "{method}: {}", answer.text());
    answer.json()
}

/// What the fake claims of putRecord, on the real server: the ground under Bugle's way to post once.
#[tokio::test]
async fn the_same_put_again_is_no_second_post() {
    let account = account().await;
    let sign_in = json!({"identifier": account.handle, "password": account.password});
    let session = call(&account.server, "com.atproto.server.createSession", None, &sign_in).await;
    let access = session["accessJwt"].as_str().unwrap();
    let put = |text: &str| {
        let record = json!({"$type": "app.bsky.feed.post", "text": text, "createdAt": "2026-11-23T20:00:00.000Z"});
        let body = json!({
            "repo": account.did, "collection": "app.bsky.feed.post", "rkey": "3labcdefghi2a", "swapRecord": null,
            "record": record,
        });
        Ask::post(format!("{}/xrpc/com.atproto.repo.putRecord", account.server), &body).bearer(access).send()
    };
    let (first, second) = (put("Once").await.unwrap(), put("Once").await.unwrap());
    assert_eq!((first.status, second.status), (200, 200), "{} {}", first.text(), second.text());
    assert_eq!(first.json()["cid"], second.json()["cid"]);
    let other = put("Something else").await.unwrap();
    assert_eq!((other.status, &other.json()["error"]), (400, &json!("InvalidSwap")));
    assert_eq!(account.posts().await.len(), 1);
}
