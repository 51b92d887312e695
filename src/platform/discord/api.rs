//! The calls: one function an endpoint, each with its page. The token of a web hook is a part of its path, so what the
//! client says of a failed call names only its place.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::error::{CROSSPOSTED, NO_MESSAGE, Refusal, classify, usage};
use crate::http::{Answer, Call};
use crate::platform::{Context, PublishError, wire};

/// How Discord asks callers to name themselves. Source: discord-api-docs, "User Agent", 2026-08-06.
const AGENT: &str = concat!("DiscordBot (https://github.com/bugle-newsroom/bugle, ", env!("CARGO_PKG_VERSION"), ")");

/// What opens a channel.
pub(super) enum Door {
    /// A bot's token.
    Bot(SecretString),
    /// A web hook: its id, its token.
    Hook(String, SecretString),
}

/// One credential's way to Discord.
pub(super) struct Api<'a> {
    pub(super) cx: &'a Context<'a>,
    server: &'a Url,
    pub(super) door: Door,
    timeout: Duration,
}

/// A message as far as it is kept: what the journal stores of a create step.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Sent {
    /// Its snowflake.
    pub id: String,
    /// The channel's, or the thread's.
    pub channel_id: String,
    /// The server's ("guild"), where it is known.
    #[serde(default)]
    pub guild: Option<String>,
}

/// A message as history shows it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Message {
    pub id: String,
    pub channel_id: String,
    pub author: Author,
    #[serde(default)]
    pub content: String,
    #[serde(default)]
    pub embeds: Vec<Value>,
    #[serde(default)]
    pub nonce: Option<Value>,
}

/// Who wrote it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Author {
    pub id: String,
    #[serde(default)]
    pub username: String,
}

/// A channel.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Channel {
    /// 0 text, 5 announcement, 10 to 12 threads, 15 forum, 16 media.
    #[serde(rename = "type")]
    pub kind: u8,
    pub guild_id: Option<String>,
    pub name: Option<String>,
    /// Of the newest message there ever was; `None`: there never was one.
    pub last_message_id: Option<String>,
}

/// A web hook, as it shows itself.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Hook {
    pub id: String,
    pub name: Option<String>,
    pub guild_id: Option<String>,
    pub channel_id: Option<String>,
}

impl<'a> Api<'a> {
    pub(super) const fn new(cx: &'a Context<'a>, server: &'a Url, door: Door, timeout: Duration) -> Self {
        Self { cx, server, door, timeout }
    }

    /// Posts: <https://docs.discord.com/developers/resources/message#create-message>, or with `wait`, so that the answer is
    /// a message: <https://docs.discord.com/developers/resources/webhook#execute-webhook>. `thread`: of a web hook's
    /// channel.
    pub(super) async fn create(
        &self,
        channel: &str,
        thread: Option<&str>,
        (kind, bytes): (String, Vec<u8>),
    ) -> Result<Sent, PublishError> {
        let path = match &self.door {
            Door::Bot(_) => format!("/channels/{channel}/messages"),
            Door::Hook(..) => format!("{}?wait=true{}", self.hook(), in_thread('&', thread)),
        };
        let answer = self.change(Method::POST, &path, Some((kind, bytes))).await?;
        // Each route has a limit of its own: only this one's bears on the next post.
        if let Some(usage) = usage(&answer, self.cx.clock.now()) {
            self.cx.meter.note(usage);
        }
        sent(&answer, self.cx.clock.now())
    }

    /// Changes a message: <https://docs.discord.com/developers/resources/message#edit-message>,
    /// <https://docs.discord.com/developers/resources/webhook#edit-webhook-message>.
    pub(super) async fn edit(&self, place: &Place<'_>, body: &str) -> Result<Value, PublishError> {
        let body = Some(("application/json".to_owned(), body.as_bytes().to_vec()));
        let answer = self.change(Method::PATCH, &self.message(place), body).await?;
        sent(&answer, self.cx.clock.now()).map(|sent| json!(sent))
    }

    /// Takes one down; one that is not there is down:
    /// <https://docs.discord.com/developers/resources/message#delete-message>.
    pub(super) async fn delete(&self, place: &Place<'_>) -> Result<Value, PublishError> {
        let answer = self.change(Method::DELETE, &self.message(place), None).await?;
        done(&answer, NO_MESSAGE, 204, self.cx.clock.now())
    }

    /// Pushes a message of an announcement channel to those that follow it:
    /// <https://docs.discord.com/developers/resources/message#crosspost-message>.
    pub(super) async fn crosspost(&self, channel: &str, message: &str) -> Result<Value, PublishError> {
        let path = format!("/channels/{channel}/messages/{message}/crosspost");
        let answer = self.change(Method::POST, &path, None).await?;
        done(&answer, CROSSPOSTED, 200, self.cx.clock.now())
    }

    /// Newest first: <https://docs.discord.com/developers/resources/message#get-channel-messages>.
    pub(super) async fn history(&self, channel: &str, before: Option<&str>) -> Result<Vec<Message>, PublishError> {
        let before = before.map(|id| format!("&before={id}")).unwrap_or_default();
        self.get(&format!("/channels/{channel}/messages?limit=100{before}")).await
    }

    /// The channel: <https://docs.discord.com/developers/resources/channel#get-channel>.
    pub(super) async fn channel(&self, channel: &str) -> Result<Channel, PublishError> {
        self.get(&format!("/channels/{channel}")).await
    }

    /// Who the bot is: <https://docs.discord.com/developers/resources/user#get-current-user>.
    pub(super) async fn me(&self) -> Result<Author, PublishError> {
        self.get("/users/@me").await
    }

    /// The web hook: <https://docs.discord.com/developers/resources/webhook#get-webhook-with-token>.
    pub(super) async fn about_hook(&self) -> Result<Hook, PublishError> {
        self.get(&self.hook()).await
    }

    fn hook(&self) -> String {
        match &self.door {
            Door::Hook(id, token) => format!("/webhooks/{id}/{}", token.expose_secret()),
            Door::Bot(_) => String::new(),
        }
    }

    fn message(&self, place: &Place<'_>) -> String {
        match &self.door {
            Door::Bot(_) => format!("/channels/{}/messages/{}", place.channel, place.message),
            Door::Hook(..) => format!("{}/messages/{}{}", self.hook(), place.message, in_thread('?', place.thread)),
        }
    }

    fn call(&self, method: Method, path: &str) -> Result<Call, PublishError> {
        // What is wrong with a URL that holds a token is not shown.
        let url = wire::endpoint(self.server, &format!("/api/v10{path}"))
            .map_err(|_| PublishError::NotSent { said: "expected a URL of Discord's API, found none".to_owned() })?;
        let mut call = Call::new(method, url).header("user-agent", AGENT);
        call.timeout = self.timeout;
        if let Door::Bot(token) = &self.door {
            call = authorized(call, token);
        }
        Ok(call)
    }

    async fn change(
        &self,
        method: Method,
        path: &str,
        body: Option<(String, Vec<u8>)>,
    ) -> Result<Answer, PublishError> {
        let mut call = self.call(method, path)?;
        if let Some((kind, bytes)) = body {
            call = call.body(kind, bytes);
        }
        self.cx.http.change(call).await.map_err(wire::unanswered)
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, PublishError> {
        let answer = self.cx.http.read(self.call(Method::GET, path)?).await.map_err(wire::unanswered)?;
        let read = (answer.status == 200).then(|| serde_json::from_slice(&answer.body).ok()).flatten();
        read.ok_or_else(|| classify(&answer, self.cx.clock.now()))
    }
}

/// Where a message is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub channel: &'a str,
    pub message: &'a str,
    /// For a web hook whose messages are in a thread.
    pub thread: Option<&'a str>,
}

fn in_thread(mark: char, thread: Option<&str>) -> String {
    thread.map(|id| format!("{mark}thread_id={id}")).unwrap_or_default()
}

/// `Authorization: Bot …`, marked as sensitive.
fn authorized(mut call: Call, token: &SecretString) -> Call {
    match reqwest::header::HeaderValue::from_str(&format!("Bot {}", token.expose_secret())) {
        Ok(mut value) => {
            value.set_sensitive(true);
            call.headers.insert(reqwest::header::AUTHORIZATION, value);
        }
        Err(_) => call.faulty.push("authorization"),
    }
    call
}

/// A message that was made or changed: only with its id.
fn sent(answer: &Answer, now: Timestamp) -> Result<Sent, PublishError> {
    let it: Option<Sent> = (answer.status == 200).then(|| serde_json::from_slice(&answer.body).ok()).flatten();
    let snowflake = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    it.filter(|it| snowflake(&it.id) && snowflake(&it.channel_id)).ok_or_else(|| classify(answer, now))
}

/// `harmless`: the refusal that means that all is as it was asked for.
fn done(answer: &Answer, harmless: u32, status: u16, now: Timestamp) -> Result<Value, PublishError> {
    if answer.status == status || Refusal::read(answer).is_some_and(|it| it.code == harmless) {
        return Ok(json!({ "done": true }));
    }
    Err(classify(answer, now))
}

/// Reads a web hook's address as Discord gives it: its id and its token. The host counts for nothing: calls go to the
/// channel's `server`.
pub(super) fn read_hook(address: &SecretString) -> Option<Door> {
    let url = Url::parse(address.expose_secret()).ok()?;
    let segments: Vec<&str> = url.path_segments()?.filter(|it| !it.is_empty()).collect();
    let at = segments.iter().position(|it| *it == "webhooks")?;
    let [id, token] = segments[at + 1..] else { return None };
    let is_id = !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
    let is_token = token.len() >= 20 && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    (is_id && is_token).then(|| Door::Hook(id.to_owned(), SecretString::from(token.to_owned())))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_message_is_out_only_with_its_id() {
        let at = Timestamp::UNIX_EPOCH;
        let documented = r#"{"id":"1","channel_id":"2","content":"a","webhook_id":"3","embeds":[]}"#;
        let it = sent(&answer(200, documented), at).unwrap();
        assert_eq!((it.id.as_str(), it.channel_id.as_str(), it.guild), ("1", "2", None));
        for (status, body, class) in [
            (204, "", "unknown"),
            (200, "{}", "unknown"),
            (200, r#"{"id":1,"channel_id":"2"}"#, "unknown"),
            (200, r#"{"id":"../x","channel_id":"2"}"#, "unknown"),
            (201, documented, "unknown"),
            (401, r#"{"message":"401: Unauthorized","code":0}"#, "auth"),
        ] {
            assert_eq!(sent(&answer(status, body), at).unwrap_err().class(), class, "{status} {body}");
        }
    }

    #[test]
    fn what_is_as_asked_for_is_done() {
        let at = Timestamp::UNIX_EPOCH;
        let refusal = |code: u32| json!({ "code": code, "message": "m" }).to_string();
        assert!(done(&answer(204, ""), NO_MESSAGE, 204, at).is_ok());
        assert!(done(&answer(404, &refusal(NO_MESSAGE)), NO_MESSAGE, 204, at).is_ok());
        assert!(done(&answer(400, &refusal(CROSSPOSTED)), CROSSPOSTED, 200, at).is_ok());
        assert!(done(&answer(404, &refusal(10003)), NO_MESSAGE, 204, at).is_err_and(|e| e.class() == "gone"));
        assert!(done(&answer(502, "<html>"), NO_MESSAGE, 204, at).is_err_and(|e| e.in_doubt()));
    }

    #[test]
    fn a_hooks_address_is_read_by_its_path_alone() {
        let token = "Ab_-0123456789abcdefghij";
        for (address, is) in [
            (format!("https://discord.com/api/webhooks/42/{token}"), true),
            (format!("https://discord.com/api/v10/webhooks/42/{token}"), true),
            (format!("https://canary.discord.com/api/webhooks/42/{token}/"), true),
            (format!("https://discord.com/api/webhooks/42/{token}/slack"), false),
            (format!("https://discord.com/api/webhooks/x/{token}"), false),
            ("https://discord.com/api/webhooks/42/short".to_owned(), false),
            (format!("https://discord.com/api/webhooks/42/{token}?x=%2e%2e"), true),
            (format!("https://discord.com/api/webhooks/42/{}%2e%2e", &token[4..]), false),
            ("nonsense".to_owned(), false),
        ] {
            let found = read_hook(&SecretString::from(address.clone()));
            assert_eq!(found.is_some(), is, "{address}");
            if let Some(Door::Hook(id, secret)) = found {
                assert_eq!((id.as_str(), secret.expose_secret()), ("42", token));
            }
        }
    }
}
