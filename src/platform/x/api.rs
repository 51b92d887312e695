//! The calls: one function an endpoint of the X API v2, each with its page. What an answer means for a post is decided
//! here only as far as success goes; everything else is `error`'s.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::error::{Problem, classify};
use super::find::Page;
use super::keys::{Auth, Config};
use super::oauth1::{Keys, authorization};
use super::{price, quota};
use crate::http::{Answer, Call};
use crate::platform::{Context, PublishError, wire};

/// One account's way to X: where, and with which keys.
pub(super) struct Api<'a> {
    pub(super) cx: &'a Context<'a>,
    server: &'a Url,
    auth: Signing<'a>,
    timeout: Duration,
}

/// What a call is signed with.
enum Signing<'a> {
    /// OAuth 1.0a.
    Keys(Keys<'a>),
    /// OAuth 2.0.
    Bearer(SecretString),
}

#[derive(Deserialize)]
struct Wrapped<T> {
    data: T,
}

#[derive(Deserialize)]
struct Created {
    id: String,
}

#[derive(Deserialize)]
struct Deleted {
    deleted: bool,
}

/// The account behind the keys.
#[derive(Deserialize)]
pub(super) struct Me {
    /// Digits.
    pub id: String,
    /// Without the `@`.
    pub username: String,
}

impl<'a> Api<'a> {
    /// Takes the four keys from the credential, or the token from the kept grant.
    ///
    /// # Errors
    /// `Auth` where one of them is not there.
    pub(super) async fn open(cx: &'a Context<'a>, of: &'a Config, timeout: Duration) -> Result<Self, PublishError> {
        let key = |name: &str| {
            cx.credential.get(name).ok_or_else(|| PublishError::Auth { said: format!("the channel has no {name}") })
        };
        let auth = match &of.auth {
            Auth::One { .. } => Signing::Keys(Keys {
                consumer_key: key("consumer_key")?,
                consumer_secret: key("consumer_secret")?,
                access_token: key("access_token")?,
                access_secret: key("access_secret")?,
            }),
            Auth::Two { .. } => match cx.grant().await? {
                Some(grant) => Signing::Bearer(grant.access),
                None => return Err(PublishError::Auth { said: "the channel is not connected".to_owned() }),
            },
        };
        Ok(Self { cx, server: &of.server, auth, timeout })
    }

    /// Makes a post of a frozen body; the value is what the journal keeps.
    /// <https://docs.x.com/x-api/posts/create-post>
    pub(super) async fn create(&self, body: &str) -> Result<Value, PublishError> {
        let call = self.call(Method::POST, &["2", "tweets"], &[]).body("application/json", body);
        let answer = self.cx.http.change(call).await.map_err(wire::unanswered)?;
        quota::note(self.cx.meter, &answer);
        created(&answer, self.cx.clock.now())
    }

    /// Takes a post down; one that is not there any more counts as down.
    /// <https://docs.x.com/x-api/posts/delete-post>
    pub(super) async fn delete(&self, id: &str) -> Result<Value, PublishError> {
        let call = self.call(Method::DELETE, &["2", "tweets", id], &[]);
        let answer = self.cx.http.change(call).await.map_err(wire::unanswered)?;
        deleted(&answer, self.cx.clock.now())
    }

    /// One page of a user's own posts.
    /// <https://docs.x.com/x-api/users/get-posts>
    pub(super) async fn posts(&self, user: &str, query: &[(&str, &str)]) -> Result<Page, PublishError> {
        let answer = self.read(&["2", "users", user, "tweets"], query).await?;
        let page = parse::<Page>(&answer)?;
        self.cx.meter.spend("own posts read", price::READ.times(page.data.len() as u64));
        match page {
            Page { errors: Some(_), .. } => {
                Err(PublishError::Unknown { said: Problem::read(&answer.body).said(answer.status) })
            }
            page => Ok(page),
        }
    }

    /// Who the keys belong to.
    /// <https://docs.x.com/x-api/users/get-my-user>
    pub(super) async fn me(&self) -> Result<Me, PublishError> {
        let answer = self.read(&["2", "users", "me"], &[]).await?;
        self.cx.meter.spend("user read", price::USER);
        parse::<Wrapped<Me>>(&answer).map(|wrapped| wrapped.data)
    }

    pub(super) async fn read(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Answer, PublishError> {
        let answer = self.cx.http.read(self.call(Method::GET, path, query)).await.map_err(wire::unanswered)?;
        if answer.status == 200 { Ok(answer) } else { Err(classify(&answer, self.cx.clock.now())) }
    }

    pub(super) fn call(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> Call {
        let url = address(self.server, path, query);
        let mut call = match &self.auth {
            Signing::Bearer(token) => Call::new(method, url).bearer(token),
            Signing::Keys(keys) => {
                let seconds = self.cx.clock.now().as_second();
                let nonce = crate::text::plain::hex(&rand::random::<[u8; 16]>());
                let header = authorization(keys, method.as_str(), &url, seconds, &nonce);
                let mut call = Call::new(method, url);
                // Every value in it is percent-encoded, so it is always a valid header.
                if let Ok(mut value) = HeaderValue::from_str(header.expose_secret()) {
                    value.set_sensitive(true);
                    call.headers.insert(AUTHORIZATION, value);
                }
                call
            }
        };
        call.timeout = self.timeout;
        call
    }
}

/// What the journal keeps of a made post.
pub(super) fn value(id: &str) -> Value {
    json!({ "id": id })
}

fn created(answer: &Answer, now: Timestamp) -> Result<Value, PublishError> {
    if !matches!(answer.status, 200 | 201) {
        return Err(classify(answer, now));
    }
    match serde_json::from_slice::<Wrapped<Created>>(&answer.body) {
        Ok(Wrapped { data }) if is_id(&data.id) => Ok(value(&data.id)),
        _ => Err(PublishError::Unknown { said: Problem::read(&answer.body).said(answer.status) }),
    }
}

fn deleted(answer: &Answer, now: Timestamp) -> Result<Value, PublishError> {
    let problem = Problem::read(&answer.body);
    match answer.status {
        200 => match serde_json::from_slice::<Wrapped<Deleted>>(&answer.body) {
            Ok(Wrapped { data: Deleted { deleted: true } }) => Ok(json!({ "deleted": true })),
            _ if problem.is_not_found() => Ok(json!({ "deleted": true })),
            _ => Err(PublishError::Unknown { said: problem.said(answer.status) }),
        },
        404 if problem.is_not_found() => Ok(json!({ "deleted": true })),
        _ => Err(classify(answer, now)),
    }
}

/// Whether it is an id of X: 1 to 19 digits.
pub(super) fn is_id(text: &str) -> bool {
    (1..=19).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn parse<T: serde::de::DeserializeOwned>(answer: &Answer) -> Result<T, PublishError> {
    serde_json::from_slice(&answer.body)
        .map_err(|e| PublishError::Unknown { said: format!("{} with a body that cannot be read: {e}", answer.status) })
}

fn address(server: &Url, path: &[&str], query: &[(&str, &str)]) -> Url {
    let mut url = server.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() }
    }

    fn class(result: Result<Value, PublishError>) -> String {
        result.map_or_else(|e| e.class().to_owned(), |value| value.to_string())
    }

    #[test]
    fn a_post_is_made_only_with_an_id() {
        let documented = r#"{"data":{"id":"1880000000000000009","text":"Headline https://t.co/AbC",
            "edit_history_tweet_ids":["1880000000000000009"]}}"#;
        let made = r#"{"id":"1880000000000000009"}"#;
        for (status, body, expected) in [
            (201, documented, made),
            (200, documented, made),
            (201, "", "unknown"),
            (201, "<html>", "unknown"),
            (201, r#"{"data":{"id":""}}"#, "unknown"),
            (201, r#"{"data":{"id":"../1"}}"#, "unknown"),
            (201, r#"{"errors":[{"message":"odd"}]}"#, "unknown"),
            (202, documented, "unknown"),
            (401, "{}", "auth"),
        ] {
            assert_eq!(class(created(&answer(status, body), Timestamp::UNIX_EPOCH)), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_post_is_down_only_when_said_so() {
        let gone = r#"{"errors":[{"title":"Not Found Error","detail":"Could not find tweet",
            "type":"https://api.twitter.com/2/problems/resource-not-found"}]}"#;
        let down = r#"{"deleted":true}"#;
        for (status, body, expected) in [
            (200, r#"{"data":{"deleted":true}}"#, down),
            (200, r#"{"data":{"deleted":false}}"#, "unknown"),
            (200, gone, down),
            (404, gone, down),
            (404, "<html>", "unknown"),
            (204, "", "unknown"),
            (500, "", "unknown"),
        ] {
            assert_eq!(class(deleted(&answer(status, body), Timestamp::UNIX_EPOCH)), expected, "{status} {body}");
        }
    }

    #[test]
    fn addresses_keep_the_servers_own_path() {
        let plain = Url::parse("https://api.x.com").unwrap();
        let nested = Url::parse("http://127.0.0.1:18101/x/").unwrap();
        assert_eq!(address(&plain, &["2", "tweets"], &[]).as_str(), "https://api.x.com/2/tweets");
        assert_eq!(
            address(&nested, &["2", "users", "7", "tweets"], &[("start_time", "2026-11-20T10:00:00Z")]).as_str(),
            "http://127.0.0.1:18101/x/2/users/7/tweets?start_time=2026-11-20T10%3A00%3A00Z"
        );
    }
}
