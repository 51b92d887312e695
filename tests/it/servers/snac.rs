//! The account `newsbot` on snac, a real server with a part of Mastodon's API. It ignores Idempotency-Key, has no limit
//! and deletes nothing: what it shows of Mastodon is the requests' shape, no more.

use serde_json::Value;

use super::place;
use crate::wire::Ask;

const OOB: &str = "urn:ietf:wg:oauth:2.0:oob";

/// The account, with a token from the whole OAuth code flow.
#[derive(Clone, Debug)]
pub struct Account {
    /// The server's address.
    pub server: String,
    /// The access token.
    pub token: String,
}

/// Signs in as a person would, and gives a token.
///
/// # Panics
/// When the server is missing or refuses.
pub async fn account() -> Account {
    let server = place("BUGLE_TEST_SNAC");
    let file = place("BUGLE_TEST_SNAC_PASSWORD");
    let password = std::fs::read_to_string(&file).unwrap_or_else(|fault| panic!("{file}: {fault}"));
    let app = [("client_name", "bugle"), ("redirect_uris", OOB), ("scopes", "read write")];
    let app = form(&server, "/api/v1/apps", &app).await.json();
    let word =
        |json: &Value, name: &str| json[name].as_str().unwrap_or_else(|| panic!("no {name} in {json}")).to_owned();
    let (id, secret) = (word(&app, "client_id"), word(&app, "client_secret"));
    let login = [("login", "newsbot"), ("passwd", password.trim()), ("redir", OOB), ("cid", &id)];
    let code = form(&server, "/oauth/x-snac-login", &login).await.text();
    let grant = [
        ("grant_type", "authorization_code"),
        ("client_id", &id),
        ("client_secret", &secret),
        ("redirect_uri", OOB),
        ("code", code.trim()),
    ];
    let token = word(&form(&server, "/oauth/token", &grant).await.json(), "access_token");
    Account { server, token }
}

impl Account {
    /// The account's statuses, newest first.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn statuses(&self) -> Vec<Value> {
        let get = |path: String| Ask::get(format!("{}{path}", self.server)).bearer(&self.token).send();
        let me = get("/api/v1/accounts/verify_credentials".to_owned()).await.expect("snac answers").json();
        let id = me["id"].as_str().expect("an account has an id");
        let list = get(format!("/api/v1/accounts/{id}/statuses?limit=40")).await.expect("snac answers");
        list.json().as_array().cloned().expect("a list of statuses")
    }
}

async fn form(server: &str, path: &str, pairs: &[(&str, &str)]) -> crate::wire::Answer {
    let answer = Ask::form(format!("{server}{path}"), pairs).send().await;
    let answer = answer.unwrap_or_else(|fault| panic!("snac of BUGLE_TEST_SNAC does not answer: {fault}"));
    assert!(answer.status < 400, "{path}: {} {}", answer.status, answer.text());
    answer
}

#[tokio::test]
async fn a_status_can_be_read_back() {
    let account = account().await;
    let mark = uuid::Uuid::now_v7().to_string();
    let made = Ask::form(format!("{}/api/v1/statuses", account.server), &[("status", &mark), ("visibility", "public")])
        .bearer(&account.token)
        .send()
        .await
        .unwrap();
    assert_eq!(made.status, 200, "{}", made.text());
    let found = account.statuses().await.into_iter().filter(|s| s["content"].to_string().contains(&mark)).count();
    assert_eq!(found, 1);
}
