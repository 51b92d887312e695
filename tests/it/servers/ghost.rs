//! Ghost, a real CMS, as `scripts/ghost.sh` starts it: an editor's account there, who writes, changes and withdraws
//! stories, and web hooks that tell of it. Installing it takes minutes, so its stories are `make ghost`, not `make test`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bugle::clock::{Clock as _, SystemClock};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::place;
use crate::wire::{Answer, Ask};

/// An integration of its own, with the key that writes.
#[derive(Clone, Debug)]
pub struct Ghost {
    at: String,
    key: String,
    integration: String,
}

/// A story there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// Its id.
    pub id: String,
    /// Its page.
    pub url: String,
    /// When it last changed, as Ghost wants it back with a change.
    updated: String,
}

/// Signs in and makes an integration; once a test run.
///
/// # Panics
/// When the server is missing or refuses.
pub async fn open() -> Ghost {
    static GHOST: OnceCell<Ghost> = OnceCell::const_new();
    GHOST.get_or_init(sign_in).await.clone()
}

async fn sign_in() -> Ghost {
    let at = std::fs::read_to_string(place("BUGLE_TEST_GHOST")).expect("the file that scripts/ghost.sh wrote");
    let api = |path: &str| format!("{at}/ghost/api/admin{path}");
    let (email, password) = ("desk@newsroom.example", "Xezri kuleyi, 1926");
    let setup = json!({ "setup": [{ "name": "Leyla", "email": email, "password": password, "blogTitle": "News" }] });
    good(Ask::post(api("/authentication/setup/"), &setup).header("Origin", &at).send().await.unwrap());
    let login = json!({ "username": email, "password": password });
    let session = good(Ask::post(api("/session/"), &login).header("Origin", &at).send().await.unwrap());
    let cookie = session.header("set-cookie").and_then(|it| it.split(';').next()).expect("a session").to_owned();
    let wanted = json!({ "integrations": [{ "name": "Bugle" }] });
    let made = Ask::post(api("/integrations/?include=api_keys,webhooks"), &wanted).header("Origin", &at);
    let made = good(made.header("Cookie", cookie).send().await.unwrap()).json();
    let made = &made["integrations"][0];
    let keys = made["api_keys"].as_array().expect("an integration has keys");
    let key = keys.iter().find(|key| key["type"] == "admin").expect("one of them writes");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    Ghost { key: text(&key["secret"]), integration: text(&made["id"]), at }
}

fn good(answer: Answer) -> Answer {
    assert!((200..300).contains(&answer.status), "{} {}", answer.status, answer.text());
    answer
}

impl Ghost {
    /// Its feed.
    pub fn feed(&self) -> String {
        format!("{}/rss/", self.at)
    }

    /// A token of five minutes, signed with the integration's key.
    fn token(&self) -> String {
        let (id, secret) = self.key.split_once(':').expect("a key is an id and a secret");
        let bytes: Vec<u8> =
            (0..secret.len()).step_by(2).map(|at| u8::from_str_radix(&secret[at..at + 2], 16).expect("hex")).collect();
        let now = SystemClock::new().now().as_second();
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = part(json!({ "alg": "HS256", "typ": "JWT", "kid": id }));
        let text = format!("{head}.{}", part(json!({ "iat": now, "exp": now + 300, "aud": "/admin/" })));
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&bytes).expect("any key fits");
        mac.update(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let ask = Ask::new(method, format!("{}/ghost/api/admin{path}", self.at));
        let ask = ask.header("Authorization", format!("Ghost {}", self.token()));
        let ask = match body {
            Some(body) => ask.body("application/json", body.to_string()),
            None => ask,
        };
        good(ask.send().await.expect("Ghost answers"))
    }

    /// Tells that address of an event, signed with that secret.
    pub async fn hook(&self, event: &str, target: &str, secret: &str) {
        let hook = json!({ "webhooks": [{
            "event": event, "target_url": target, "secret": secret, "integration_id": self.integration, "name": event,
        }] });
        self.ask("POST", "/webhooks/", Some(hook)).await;
    }

    fn story(answer: &Answer) -> Story {
        let post = &answer.json()["posts"][0];
        let text = |name: &str| post[name].as_str().expect("a post has it").to_owned();
        Story { id: text("id"), url: text("url"), updated: text("updated_at") }
    }

    /// Publishes a story.
    pub async fn publish(&self, title: &str) -> Story {
        let post = json!({ "posts": [{ "title": title, "html": "<p>Words.</p>", "status": "published" }] });
        Self::story(&self.ask("POST", "/posts/?source=html", Some(post)).await)
    }

    /// Changes a story.
    pub async fn change(&self, story: &Story, what: Value) -> Story {
        let mut post = what;
        post["updated_at"] = json!(story.updated);
        let path = format!("/posts/{}/", story.id);
        Self::story(&self.ask("PUT", &path, Some(json!({ "posts": [post] }))).await)
    }

    /// Deletes a story.
    pub async fn delete(&self, story: &Story) {
        self.ask("DELETE", &format!("/posts/{}/", story.id), None).await;
    }

    /// What its feed says now.
    pub async fn read(&self) -> String {
        good(Ask::get(self.feed()).send().await.expect("Ghost answers")).text()
    }
}
