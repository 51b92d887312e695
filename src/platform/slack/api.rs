//! The calls: one function a method, each with its page. The address of a web hook is a secret, and what the client says of
//! a failed call names only its place.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::Serializer;

use super::error::{DOWN, Reply, classify, classify_hook, refuses_mark};
use super::message;
use crate::http::{Answer, Call};
use crate::model::post::Rejection;
use crate::platform::picture::WITHOUT;
use crate::platform::{Context, PublishError, wire};

/// Slack warns where a charset is missing. Source: docs.slack.dev, "Using the Slack Web API", 2026-08.
const JSON: &str = "application/json; charset=utf-8";

/// One token's way to Slack.
pub(super) struct Api<'a> {
    pub(super) cx: &'a Context<'a>,
    server: &'a Url,
    token: SecretString,
    timeout: Duration,
}

/// A message as far as it is kept: what the journal stores of a create step.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Sent {
    /// The channel's id.
    pub channel: String,
    /// Its time, which with the channel is its id.
    pub ts: String,
    /// The workspace's address, where it is known.
    #[serde(default)]
    pub team: Option<String>,
}

/// Who a token belongs to.
#[derive(Deserialize)]
pub(super) struct Who {
    /// `https://example.slack.com/`.
    pub url: String,
    pub team: String,
    pub user: String,
    pub team_id: String,
    pub user_id: String,
}

/// A stretch of a channel's history, newest first.
#[derive(Deserialize)]
pub(super) struct Page {
    pub messages: Vec<Value>,
    #[serde(default)]
    pub has_more: bool,
    #[serde(default)]
    pub response_metadata: Option<Next>,
}

/// Where the next stretch begins.
#[derive(Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    pub next_cursor: String,
}

impl<'a> Api<'a> {
    pub(super) const fn new(cx: &'a Context<'a>, server: &'a Url, token: SecretString, timeout: Duration) -> Self {
        Self { cx, server, token, timeout }
    }

    /// Posts. What is refused for its picture, or for our mark, is not posted and goes without it.
    /// <https://docs.slack.dev/reference/methods/chat.postMessage>
    pub(super) async fn post(&self, body: &str, team: Option<String>) -> Result<Value, PublishError> {
        let mut sent = self.post_once(body).await;
        let mut without = None;
        let mut left = body.to_owned();
        if let Err(PublishError::Rejected { reason: Rejection::Media, said }) = &sent
            && let Some(bare) = message::without_pictures(&left)
        {
            without = Some(said.clone());
            sent = self.post_once(&bare).await;
            left = bare;
        }
        if let Err(error) = &sent
            && refuses_mark(error)
            && let Some(bare) = message::without_mark(&left)
        {
            tracing::warn!(%error, "Slack refuses the mark of our posts: a lost answer cannot be settled by looking");
            sent = self.post_once(&bare).await;
        }
        let mut value = json!(Sent { team, ..sent? });
        if let Some(said) = without {
            value[WITHOUT] = json!(said);
        }
        Ok(value)
    }

    async fn post_once(&self, body: &str) -> Result<Sent, PublishError> {
        sent(&self.change("chat.postMessage", body).await?, self.cx.clock.now())
    }

    /// Changes a message. <https://docs.slack.dev/reference/methods/chat.update>
    pub(super) async fn update(&self, body: &str) -> Result<Value, PublishError> {
        let answer = self.change("chat.update", body).await?;
        match sent(&answer, self.cx.clock.now()) {
            Err(PublishError::Rejected { reason: Rejection::Media, said }) => match message::without_pictures(body) {
                Some(bare) => sent(&self.change("chat.update", &bare).await?, self.cx.clock.now()),
                None => Err(PublishError::Rejected { reason: Rejection::Media, said }),
            },
            other => other,
        }
        .map(|sent| json!(sent))
    }

    /// Takes one down; one that is not there is down. <https://docs.slack.dev/reference/methods/chat.delete>
    pub(super) async fn delete(&self, body: &str) -> Result<Value, PublishError> {
        let answer = self.change("chat.delete", body).await?;
        done(&answer, self.cx.clock.now())
    }

    /// A channel's messages with their marks, newest first.
    /// <https://docs.slack.dev/reference/methods/conversations.history>
    pub(super) async fn history(
        &self,
        channel: &str,
        oldest: Option<Timestamp>,
        limit: u16,
        cursor: Option<&str>,
    ) -> Result<Page, PublishError> {
        let query = stretch(channel, oldest, limit, cursor);
        let (page, _) = self.read(&format!("conversations.history?{query}")).await?;
        Ok(page)
    }

    /// Who the token belongs to, and its scopes. <https://docs.slack.dev/reference/methods/auth.test>
    pub(super) async fn who(&self) -> Result<(Who, Vec<String>), PublishError> {
        let (who, answer) = self.read("auth.test").await?;
        let scopes = answer.header("x-oauth-scopes").unwrap_or_default();
        Ok((who, scopes.split(',').map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect()))
    }

    /// Ends the token. <https://docs.slack.dev/reference/methods/auth.revoke>
    pub(super) async fn revoke(&self) -> Result<(), PublishError> {
        let answer = self.change("auth.revoke", "{}").await?;
        match Reply::read(&answer) {
            Some(reply) if reply.ok || reply.error == "token_revoked" => Ok(()),
            _ => Err(classify(&answer, self.cx.clock.now())),
        }
    }

    async fn change(&self, method: &str, body: &str) -> Result<Answer, PublishError> {
        let call = self.call(Method::POST, method)?.body(JSON, body);
        self.cx.http.change(call).await.map_err(wire::unanswered)
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, method: &str) -> Result<(T, Answer), PublishError> {
        let answer = self.cx.http.read(self.call(Method::GET, method)?).await.map_err(wire::unanswered)?;
        let reply = Reply::read(&answer).filter(|reply| reply.ok && answer.status == 200);
        match reply.and_then(|reply| serde_json::from_value(Value::Object(reply.rest)).ok()) {
            Some(it) => Ok((it, answer)),
            None => Err(classify(&answer, self.cx.clock.now())),
        }
    }

    fn call(&self, method: Method, name: &str) -> Result<Call, PublishError> {
        let mut call = Call::new(method, wire::endpoint(self.server, &format!("/api/{name}"))?).bearer(&self.token);
        call.timeout = self.timeout;
        Ok(call)
    }
}

/// The query of a stretch of history.
fn stretch(channel: &str, oldest: Option<Timestamp>, limit: u16, cursor: Option<&str>) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("channel", channel).append_pair("limit", &limit.to_string());
    query.append_pair("include_all_metadata", "true");
    if let Some(oldest) = oldest {
        query.append_pair("oldest", &slack_time(oldest));
    }
    if let Some(cursor) = cursor {
        query.append_pair("cursor", cursor);
    }
    query.finish()
}

/// An instant as Slack writes its messages' times.
fn slack_time(at: Timestamp) -> String {
    format!("{}.{:06}", at.as_second(), at.subsec_nanosecond().max(0) / 1000)
}

/// A message that was made or changed: only with its time.
fn sent(answer: &Answer, now: Timestamp) -> Result<Sent, PublishError> {
    let reply = Reply::read(answer).filter(|reply| reply.ok && answer.status == 200);
    let it: Option<Sent> = reply.and_then(|reply| serde_json::from_value(Value::Object(reply.rest)).ok());
    it.filter(|it| !it.ts.is_empty() && !it.channel.is_empty())
        .map(|it| Sent { team: None, ..it })
        .ok_or_else(|| classify(answer, now))
}

fn done(answer: &Answer, now: Timestamp) -> Result<Value, PublishError> {
    match Reply::read(answer) {
        Some(reply) if answer.status == 200 && (reply.ok || reply.error == DOWN) => Ok(json!({ "done": true })),
        _ => Err(classify(answer, now)),
    }
}

/// Posts by an incoming web hook, whose whole answer is "ok".
/// <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>
pub(super) async fn post_by_hook(
    cx: &Context<'_>,
    server: &Url,
    path: &SecretString,
    timeout: Duration,
    body: &str,
) -> Result<Value, PublishError> {
    let once = async |body: &str| {
        // What is wrong with a URL that holds a secret is not shown.
        let url = wire::endpoint(server, path.expose_secret())
            .map_err(|_| PublishError::NotSent { said: "expected a web hook's URL, found none".to_owned() })?;
        let mut call = Call::new(Method::POST, url).body(JSON, body);
        call.timeout = timeout;
        let answer = cx.http.change(call).await.map_err(wire::unanswered)?;
        match (answer.status, String::from_utf8_lossy(&answer.body).trim()) {
            (200, "ok") => Ok(json!({ "ok": true })),
            _ => Err(classify_hook(&answer, cx.clock.now())),
        }
    };
    match once(body).await {
        Err(PublishError::Rejected { reason: Rejection::Media, said }) => match message::without_pictures(body) {
            Some(bare) => {
                let mut value = once(&bare).await?;
                value[WITHOUT] = json!(said);
                Ok(value)
            }
            None => Err(PublishError::Rejected { reason: Rejection::Media, said }),
        },
        other => other,
    }
}

/// Reads a web hook's address as Slack gives it: its path. The host counts for nothing: calls go to the channel's `server`.
pub(super) fn read_hook(address: &SecretString) -> Option<SecretString> {
    let url = Url::parse(address.expose_secret()).ok()?;
    let segments: Vec<&str> = url.path_segments()?.collect();
    let is_word = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    let ["services", rest @ ..] = segments.as_slice() else { return None };
    (rest.len() == 3 && rest.iter().all(is_word)).then(|| SecretString::from(format!("/services/{}", rest.join("/"))))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_message_is_out_only_with_its_time() {
        let at = Timestamp::UNIX_EPOCH;
        let documented = r#"{"ok":true,"channel":"C1","ts":"1760000000.000100","message":{"text":"a","team":"T1"}}"#;
        let it = sent(&answer(200, documented), at).unwrap();
        assert_eq!((it.channel.as_str(), it.ts.as_str(), it.team), ("C1", "1760000000.000100", None));
        for (status, body, class) in [
            (200, r#"{"ok":true}"#, "unknown"),
            (200, r#"{"ok":true,"channel":"C1","ts":""}"#, "unknown"),
            (200, r#"{"channel":"C1","ts":"1"}"#, "unknown"),
            (201, documented, "unknown"),
            (200, r#"{"ok":false,"error":"invalid_auth"}"#, "auth"),
            (200, "ok", "unknown"),
        ] {
            assert_eq!(sent(&answer(status, body), at).unwrap_err().class(), class, "{status} {body}");
        }
        assert!(done(&answer(200, r#"{"ok":false,"error":"message_not_found"}"#), at).is_ok());
        assert!(done(&answer(200, r#"{"ok":true}"#), at).is_ok());
        assert!(done(&answer(200, r#"{"ok":false,"error":"internal_error"}"#), at).is_err_and(|e| e.in_doubt()));
    }

    #[test]
    fn a_hooks_address_is_read_by_its_path_alone() {
        for (address, path) in [
            ("https://hooks.slack.com/services/T1/B2/abcDEF123", Some("/services/T1/B2/abcDEF123")),
            ("https://hooks.slack.com/workflows/T1/B2/3/abc", None),
            ("https://hooks.slack.com/triggers/T1/2/abc", None),
            ("https://hooks.slack.com/services/T1/B2", None),
            ("https://hooks.slack.com/services/T1/B2/..%2Fx", None),
            ("nonsense", None),
        ] {
            let found = read_hook(&SecretString::from(address));
            assert_eq!(found.as_ref().map(|it| it.expose_secret()), path, "{address}");
        }
    }
}
