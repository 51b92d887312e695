//! Accounts and rooms on Synapse, the reference homeserver of Matrix, by its own API.

use serde_json::{Value, json};

use super::place;
use crate::fakes::matrix::FakeMatrix;
use crate::wire::{Answer, Ask};

/// An account, signed in on one device, and a room of its own.
#[derive(Clone, Debug)]
pub struct Account {
    /// The server's address.
    pub server: String,
    /// `@name:localhost`.
    pub user: String,
    /// The access token.
    pub token: String,
    /// The room's id.
    pub room: String,
    /// An alias of it.
    pub alias: String,
}

/// Opens an account and a room for a test.
///
/// # Panics
/// When the server is missing or refuses.
pub async fn account() -> Account {
    account_with(&json!({"preset": "public_chat", "name": "News"})).await
}

/// The same with a room made so.
///
/// # Panics
/// As [`account`].
pub async fn account_with(room: &Value) -> Account {
    let server = place("BUGLE_TEST_SYNAPSE");
    let unique = uuid::Uuid::now_v7().simple().to_string();
    let name = format!("news{}", &unique[16..]);
    let (user, token) = register(&server, &name).await;
    let mut room = room.clone();
    room["room_alias_name"] = json!(name);
    let made = good(Ask::post(format!("{server}/_matrix/client/v3/createRoom"), &room).bearer(&token)).await;
    let id = made["room_id"].as_str().expect("a room has an id").to_owned();
    Account { server, user, token, room: id, alias: format!("#{name}:localhost") }
}

/// Opens an account: its id and a token of one device.
///
/// # Panics
/// When the server is missing or refuses.
pub async fn register(server: &str, name: &str) -> (String, String) {
    let body = json!({
        "username": name, "password": "not-for-bugle", "device_id": "BUGLE", "auth": {"type": "m.login.dummy"},
    });
    let made = good(Ask::post(format!("{server}/_matrix/client/v3/register"), &body)).await;
    let word = |key: &str| made[key].as_str().unwrap_or_else(|| panic!("no {key} in {made}")).to_owned();
    (word("user_id"), word("access_token"))
}

async fn good(ask: Ask) -> Value {
    let answer =
        ask.send().await.unwrap_or_else(|fault| panic!("Synapse of BUGLE_TEST_SYNAPSE does not answer: {fault}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn part(id: &str) -> String {
    percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string()
}

impl Account {
    /// A call of the API under its token.
    pub fn ask(&self, method: &str, path: &str) -> Ask {
        Ask::new(method, format!("{}/_matrix/client{path}", self.server)).bearer(&self.token)
    }

    /// The room's messages as they are read by who is in it, oldest first.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn messages(&self) -> Vec<Value> {
        let path = format!("/v3/rooms/{}/messages?dir=b&limit=100", part(&self.room));
        let all = good(self.ask("GET", &path)).await;
        let mut chunk = all["chunk"].as_array().cloned().unwrap_or_else(|| panic!("no chunk: {all}"));
        chunk.retain(|event| event["type"] == "m.room.message");
        chunk.reverse();
        chunk
    }

    /// One event.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn event(&self, id: &str) -> Value {
        good(self.ask("GET", &format!("/v3/rooms/{}/event/{}", part(&self.room), part(id)))).await
    }

    /// The bytes of a file.
    ///
    /// # Panics
    /// When the server does not give them.
    pub async fn file(&self, mxc: &str) -> Vec<u8> {
        let id = mxc.strip_prefix("mxc://").expect("an address of a file");
        let answer = self.ask("GET", &format!("/v1/media/download/{id}")).send().await.expect("Synapse answers");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.body
    }

    /// Lifts the limit of messages for nobody: sends until the server says that it is too much, and gives that answer.
    ///
    /// # Panics
    /// When it never does.
    pub async fn exhaust(&self) -> Answer {
        for n in 0..40 {
            let path = format!("/v3/rooms/{}/send/m.room.message/flood-{n}", part(&self.room));
            let body = json!({"msgtype": "m.text", "body": n.to_string()}).to_string();
            let ask = self.ask("PUT", &path).body("application/json", body);
            let answer = ask.send().await.expect("Synapse answers");
            if answer.status == 429 {
                return answer;
            }
        }
        panic!("40 messages at once and no limit");
    }
}

/// What a server made of a call: its name here, the status, the code of a refusal, whether it gave an event.
type Verdict = (&'static str, u16, String, bool);

/// A row of calls, each with what the server made of it.
async fn verdicts(server: &str, token: &str, room: &str) -> Vec<Verdict> {
    let at = |path: &str| format!("{server}/_matrix/client{path}");
    let put = |txn: &str, body: &str| {
        let path = at(&format!("/v3/rooms/{}/send/m.room.message/{txn}", part(room)));
        Ask::new("PUT", path).body("application/json", body)
    };
    let text = |body: &str| json!({"msgtype": "m.notice", "body": body, "m.mentions": {}}).to_string();
    let first = put("one", &text("Once")).bearer(token).send().await.expect("an answer").json();
    let event = first["event_id"].as_str().expect("an event").to_owned();
    let again = put("one", &text("Another")).bearer(token).send().await.expect("an answer").json();
    assert_eq!(again["event_id"], first["event_id"], "the same transaction gives the same event");
    let get = |path: String| Ask::get(at(&path)).bearer(token);
    let room_path = |more: &str| format!("/v3/rooms/{}{more}", part(room));
    let redact = |txn: &str, event: &str| {
        Ask::new("PUT", at(&room_path(&format!("/redact/{}/{txn}", part(event)))))
            .body("application/json", "{}")
            .bearer(token)
    };
    let mut verdicts = Vec::new();
    for (name, ask) in [
        ("no token", put("two", &text("a"))),
        ("a wrong token", put("two", &text("a")).bearer("syt_wrong")),
        ("no JSON", put("two", "{").bearer(token)),
        ("no object", put("two", "[]").bearer(token)),
        ("too large", put("two", &text(&"a".repeat(66_000))).bearer(token)),
        ("the event", get(room_path(&format!("/event/{}", part(&event))))),
        ("no event", get(room_path("/event/%24none"))),
        ("another room's event", get(format!("/v3/rooms/{}/event/%24none", part("!none:localhost")))),
        ("no encryption", get(room_path("/state/m.room.encryption/"))),
        ("no tombstone", get(room_path("/state/m.room.tombstone/"))),
        (
            "an unknown alias",
            get(format!(
                "/v3/directory/room/{}",
                part(&format!("#none:{}", room.split_once(':').map_or("localhost", |it| it.1)))
            )),
        ),
        ("whoami", get("/v3/account/whoami".to_owned())),
        ("limits of uploads", get("/v1/media/config".to_owned())),
        ("no such call", get("/v3/none".to_owned())),
        ("redact", redact("r1", &event)),
        ("redact again", redact("r1", &event)),
    ] {
        let answer = ask.send().await.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let json = answer.json();
        let code = json["errcode"].as_str().unwrap_or_default().to_owned();
        verdicts.push((name, answer.status, code, json["event_id"].is_string()));
    }
    verdicts
}

/// The fake may only teach Bugle what the real server does.
#[tokio::test]
async fn the_fake_answers_as_the_real_server() {
    let account = account().await;
    let real = verdicts(&account.server, &account.token, &account.room).await;
    let fake = FakeMatrix::start();
    assert_eq!(verdicts(&fake.url(), &fake.token(), &fake.room()).await, real);
}

#[tokio::test]
async fn the_real_server_limits_messages_as_the_fake_says() {
    let account = account().await;
    let real = account.exhaust().await;
    let fake = FakeMatrix::too_many(1000, crate::fakes::fault::Wait::Seconds(1));
    let (told, ours) = (real.json(), serde_json::from_slice::<Value>(&fake.body).expect("JSON"));
    assert_eq!((real.status, &told["errcode"]), (fake.status, &ours["errcode"]));
    assert!(told["retry_after_ms"].as_u64().is_some_and(|ms| ms > 0), "{told}");
    assert!(real.header("retry-after").is_some_and(|text| text.parse::<u64>().is_ok()), "{:?}", real.headers);
}
