//! The calls: one function a method of the Bot API, each with its page. The token is a part of the path, so no URL is ever
//! shown, and what the client says of a failed call is cleaned of it.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::error::{DOWN, Reply, classify};
use crate::http::{Answer, Call, CallError};
use crate::platform::{Context, PublishError};

/// One bot's way to its server.
pub(super) struct Api<'a> {
    pub(super) cx: &'a Context<'a>,
    server: &'a Url,
    token: &'a SecretString,
    timeout: Duration,
}

/// A message as far as it is kept: what the journal stores of a create step.
#[derive(Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
pub(super) struct Sent {
    /// Unique in its chat; 0: accepted, but without a number yet.
    pub message_id: i64,
    /// The chat's unchanging id, up to 52 bits.
    pub chat_id: i64,
    /// The chat's public name, without the `@`.
    pub username: Option<String>,
    /// The further messages of an album, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<i64>,
}

/// A message as Telegram answers it.
#[derive(Deserialize)]
struct Message {
    message_id: i64,
    chat: Place,
}

/// Where a message is.
#[derive(Deserialize)]
struct Place {
    id: i64,
    username: Option<String>,
}

/// A bot.
#[derive(Deserialize)]
pub(super) struct Bot {
    /// Unchanging.
    pub id: i64,
    /// Without the `@`.
    pub username: String,
}

/// A chat, as shown to its bot.
#[derive(Deserialize)]
pub(super) struct Chat {
    /// Unchanging.
    pub id: i64,
    /// `channel`, `supergroup`, `group`, `private`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What people read.
    pub title: Option<String>,
    /// Its public name, without the `@`.
    pub username: Option<String>,
}

/// What the bot is in a chat.
#[derive(Deserialize)]
pub(super) struct Member {
    /// `administrator`, `creator`, `member`, `restricted`, `left`, `kicked`.
    pub status: String,
    /// Whether it may post in a channel.
    pub can_post_messages: Option<bool>,
}

impl<'a> Api<'a> {
    /// Takes the token from the credential.
    ///
    /// # Errors
    /// `Auth` where it is not there or has not the form of one: such a token could change the path.
    pub(super) fn new(cx: &'a Context<'a>, server: &'a Url, timeout: Duration) -> Result<Self, PublishError> {
        let refuse = |said: &str| PublishError::Auth { said: said.to_owned() };
        let token = cx.credential.get("token").ok_or_else(|| refuse("the channel has no token"))?;
        if !is_token(token.expose_secret()) {
            return Err(refuse("expected a token of the form 123456:ABC-def, found something else"));
        }
        Ok(Self { cx, server, token, timeout })
    }

    /// Sends a frozen message. <https://core.telegram.org/bots/api#sendmessage>
    pub(super) async fn send(&self, body: &str) -> Result<Value, PublishError> {
        let answer = self.change("sendMessage", body).await?;
        sent(&answer, self.cx.clock.now())
    }

    /// Takes a message down. <https://core.telegram.org/bots/api#deletemessage>
    pub(super) async fn delete(&self, body: &str) -> Result<Value, PublishError> {
        let answer = self.change("deleteMessage", body).await?;
        done(&answer, DOWN, self.cx.clock.now())
    }

    /// Who the token belongs to. <https://core.telegram.org/bots/api#getme>
    pub(super) async fn me(&self) -> Result<Bot, PublishError> {
        self.read("getMe", &json!({})).await
    }

    /// The chat posts go to. <https://core.telegram.org/bots/api#getchat>
    pub(super) async fn chat(&self, chat: &Value) -> Result<Chat, PublishError> {
        self.read("getChat", &json!({ "chat_id": chat })).await
    }

    /// What a user is in a chat. <https://core.telegram.org/bots/api#getchatmember>
    pub(super) async fn member(&self, chat: i64, user: i64) -> Result<Member, PublishError> {
        self.read("getChatMember", &json!({ "chat_id": chat, "user_id": user })).await
    }

    pub(super) async fn change(&self, method: &str, body: &str) -> Result<Answer, PublishError> {
        self.cx.http.change(self.call(method, body)).await.map_err(|e| self.unanswered(e))
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, method: &str, body: &Value) -> Result<T, PublishError> {
        let call = self.call(method, &body.to_string());
        let answer = self.cx.http.read(call).await.map_err(|e| self.unanswered(e))?;
        result(&answer).ok_or_else(|| classify(&answer, self.cx.clock.now()))
    }

    pub(super) fn call(&self, method: &str, body: &str) -> Call {
        let mut call = Call::new(Method::POST, address(self.server, self.token.expose_secret(), method));
        call.timeout = self.timeout;
        call.body("application/json", body)
    }

    pub(super) fn unanswered(&self, error: CallError) -> PublishError {
        let clean = |said: String| redact(&said, self.token.expose_secret());
        match error {
            CallError::NotSent(said) => PublishError::NotSent { said: clean(said) },
            CallError::Unclear(said) => PublishError::Unknown { said: clean(said) },
        }
    }
}

fn address(server: &Url, token: &str, method: &str) -> Url {
    let mut url = server.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend([&format!("bot{token}"), method]);
    }
    url
}

/// The bot's number, a colon, and letters, digits, `_` and `-`.
fn is_token(text: &str) -> bool {
    let is_secret =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    text.split_once(':').is_some_and(|(number, secret)| {
        !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) && is_secret(secret)
    })
}

/// Takes the token out of a text, however its colon is written, and its secret half alone.
fn redact(text: &str, token: &str) -> String {
    let secret = token.split_once(':').map_or(token, |(_, secret)| secret);
    text.replace(token, "TOKEN").replace(secret, "TOKEN")
}

fn result<T: serde::de::DeserializeOwned>(answer: &Answer) -> Option<T> {
    let reply = Reply::read(answer).filter(|reply| answer.status == 200 && reply.ok)?;
    serde_json::from_value(reply.result?).ok()
}

pub(super) fn sent(answer: &Answer, now: Timestamp) -> Result<Value, PublishError> {
    let Message { message_id, chat } = result(answer).ok_or_else(|| classify(answer, now))?;
    Ok(json!(Sent { message_id, chat_id: chat.id, username: chat.username, further: Vec::new() }))
}

/// The messages of an album: one for each picture.
pub(super) fn album(answer: &Answer, now: Timestamp) -> Result<Value, PublishError> {
    let messages: Vec<Message> = result(answer).ok_or_else(|| classify(answer, now))?;
    let mut messages = messages.into_iter();
    let Message { message_id, chat } = messages
        .next()
        .ok_or_else(|| PublishError::Unknown { said: "expected the messages of an album, found none".to_owned() })?;
    let further = messages.map(|message| message.message_id).collect();
    Ok(json!(Sent { message_id, chat_id: chat.id, username: chat.username, further }))
}

/// `harmless`: the refusal that means that all is as it was asked for.
pub(super) fn done(answer: &Answer, harmless: &str, now: Timestamp) -> Result<Value, PublishError> {
    match Reply::read(answer) {
        Some(reply) if reply.ok && answer.status == 200 => Ok(json!({ "done": true })),
        Some(reply) if reply.refuses_with(harmless) => Ok(json!({ "done": true })),
        _ => Err(classify(answer, now)),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::super::error::SAME;
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_message_is_sent_only_with_its_number() {
        let documented = r#"{"ok":true,"result":{"message_id":42,"date":1760000000,
            "chat":{"id":-1001234567890,"type":"channel","title":"Example","username":"example_news"},"text":"Title"}}"#;
        let value = sent(&answer(200, documented), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(value.to_string(), r#"{"chat_id":-1001234567890,"message_id":42,"username":"example_news"}"#);
        for (status, body, class) in [
            (200, r#"{"ok":true}"#, "unknown"),
            (200, r#"{"ok":true,"result":true}"#, "unknown"),
            (200, "", "unknown"),
            (201, documented, "unknown"),
            (401, r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#, "auth"),
        ] {
            let error = sent(&answer(status, body), Timestamp::UNIX_EPOCH).unwrap_err();
            assert_eq!(error.class(), class, "{status} {body}");
        }
    }

    #[test]
    fn an_album_is_known_by_all_its_messages() {
        let message = |id: i64| {
            format!(
                r#"{{"message_id":{id},"media_group_id":"9","chat":{{"id":-100,"type":"channel","username":"n"}}}}"#
            )
        };
        let body = format!(r#"{{"ok":true,"result":[{},{},{}]}}"#, message(7), message(8), message(9));
        let value = album(&answer(200, &body), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(value, json!({"message_id": 7, "chat_id": -100, "username": "n", "further": [8, 9]}));
        for body in [r#"{"ok":true,"result":[]}"#, r#"{"ok":true,"result":true}"#, "<html>"] {
            assert!(album(&answer(200, body), Timestamp::UNIX_EPOCH).is_err_and(|e| e.in_doubt()), "{body}");
        }
    }

    #[test]
    fn what_is_as_asked_for_is_done() {
        let refusal = |text: &str| format!(r#"{{"ok":false,"error_code":400,"description":"Bad Request: {text}"}}"#);
        let at = Timestamp::UNIX_EPOCH;
        assert!(done(&answer(200, r#"{"ok":true,"result":true}"#), DOWN, at).is_ok());
        assert!(done(&answer(400, &refusal("message to delete not found")), DOWN, at).is_ok());
        assert!(done(&answer(400, &refusal("message is not modified: same")), SAME, at).is_ok());
        assert!(done(&answer(400, &refusal("message is not modified: same")), DOWN, at).is_err());
        assert!(done(&answer(400, &refusal("message can't be deleted")), DOWN, at).is_err());
        assert!(done(&answer(502, "<html>"), DOWN, at).is_err_and(|e| e.in_doubt()));
    }

    #[test]
    fn the_token_stays_in_the_path() {
        let server = Url::parse("http://127.0.0.1:18102/tg/").unwrap();
        assert_eq!(address(&server, "12:aB-_", "getMe").as_str(), "http://127.0.0.1:18102/tg/bot12:aB-_/getMe");
        for (token, is) in
            [("12:aB-_", true), ("12", false), (":a", false), ("12:", false), ("12:a/../b", false), ("1 2:a", false)]
        {
            assert_eq!(is_token(token), is, "{token}");
        }
        let said = "error sending request for url (http://h/bot12:aB-_/x), (http://h/bot12%3AaB-_/x)";
        let clean = redact(said, "12:aB-_");
        assert!(!clean.contains("aB-_") && clean.contains("botTOKEN/x"), "{clean}");
    }
}
