//! The endpoints, one function each, and what their answers are read as.

use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Instance, SPEC, error, quota, wire};
use crate::http::{Answer, Call};
use crate::model::post::Rejection;
use crate::model::receipt::Op;
use crate::platform::{Context, PublishError};

/// What a server says of itself.
#[derive(Default)]
pub struct About {
    /// The answer of the instance endpoint, version 2 or 1.
    pub instance: Value,
    /// The name and version of its software, by NodeInfo.
    pub software: Option<String>,
}

impl Instance {
    /// Posts. <https://docs.joinmastodon.org/methods/statuses/#create>
    pub(super) async fn post(
        &self,
        cx: &Context<'_>,
        token: &SecretString,
        key: &str,
        body: &str,
    ) -> Result<Value, PublishError> {
        let call = self.call(cx, reqwest::Method::POST, "/api/v1/statuses")?.bearer(token);
        let call = call.header("idempotency-key", key).body("application/json", body);
        let answer = cx.http.change(call).await.map_err(wire::unanswered)?;
        quota::note(cx.meter, &answer);
        reference(&ok(&answer, Op::Create, cx)?)
    }

    /// Replaces a post. <https://docs.joinmastodon.org/methods/statuses/#edit>
    pub(super) async fn put(
        &self,
        cx: &Context<'_>,
        token: &SecretString,
        id: &str,
        body: &str,
    ) -> Result<Value, PublishError> {
        let call = self.call(cx, reqwest::Method::PUT, &status_path(id, ""))?.bearer(token);
        let answer = cx.http.change(call.body("application/json", body)).await.map_err(wire::unanswered)?;
        reference(&ok(&answer, Op::Edit, cx)?)
    }

    /// Takes a post down. <https://docs.joinmastodon.org/methods/statuses/#delete>
    ///
    /// A 404 is believed only when the post cannot be read any more: some servers have no such call at all.
    pub(super) async fn delete(&self, cx: &Context<'_>, token: &SecretString, id: &str) -> Result<Value, PublishError> {
        let call = self.call(cx, reqwest::Method::DELETE, &status_path(id, ""))?.bearer(token);
        let answer = cx.http.change(call).await.map_err(wire::unanswered)?;
        match answer.status {
            200 => Ok(json!({"id": id})),
            404 | 405 | 410 => match self.status(cx, token, id, Op::Delete).await {
                Err(PublishError::Gone { .. }) => Ok(json!({"id": id})),
                Ok(_) => Err(PublishError::Rejected {
                    reason: Rejection::Invalid,
                    said: format!(
                        "answered {} to a delete and still shows the post: take it down by hand",
                        answer.status
                    ),
                }),
                Err(other) => {
                    Err(PublishError::Unknown { said: format!("cannot see whether the post is down: {other}") })
                }
            },
            _ => Err(error::of_answer(&answer, Op::Delete, cx.clock.now())),
        }
    }

    /// Reads a post. One that is not there is `Gone` for a delete and `Rejected` for an edit.
    pub(super) async fn status(
        &self,
        cx: &Context<'_>,
        token: &SecretString,
        id: &str,
        op: Op,
    ) -> Result<Value, PublishError> {
        let answer = self.get(cx, Some(token), &status_path(id, "")).await?;
        if op == Op::Delete && matches!(answer.status, 404 | 410) {
            return Err(PublishError::Gone { said: format!("no post {id}") });
        }
        ok(&answer, op, cx)
    }

    /// A post's text as it was sent, where the server tells. <https://docs.joinmastodon.org/methods/statuses/#source>
    pub(super) async fn source(&self, cx: &Context<'_>, token: &SecretString, id: &str) -> Option<String> {
        let answer = self.get(cx, Some(token), &status_path(id, "/source")).await.ok()?;
        let body: Value = serde_json::from_slice(&answer.body).ok()?;
        body["text"].as_str().filter(|_| answer.status == 200).map(str::to_owned)
    }

    /// Own posts, newest first. <https://docs.joinmastodon.org/methods/accounts/#statuses>
    pub(super) async fn recent(
        &self,
        cx: &Context<'_>,
        token: &SecretString,
        account: &str,
        before: Option<&str>,
    ) -> Result<Vec<Value>, PublishError> {
        let mut path = format!("/api/v1/accounts/{}/statuses?limit=40&exclude_reblogs=true", segment(account));
        if let Some(id) = before {
            path.push_str("&max_id=");
            path.push_str(&segment(id));
        }
        let answer = self.get(cx, Some(token), &path).await?;
        match ok(&answer, Op::Create, cx)? {
            Value::Array(found) => Ok(found),
            _ => Err(PublishError::Unknown { said: "expected a list of posts, found something else".to_owned() }),
        }
    }

    /// Who the token belongs to. <https://docs.joinmastodon.org/methods/accounts/#verify_credentials>
    pub(super) async fn me(&self, cx: &Context<'_>, token: &SecretString) -> Result<Value, PublishError> {
        ok(&self.get(cx, Some(token), "/api/v1/accounts/verify_credentials").await?, Op::Create, cx)
    }

    /// The app the token was made for, where the server tells. <https://docs.joinmastodon.org/methods/apps/#verify_credentials>
    pub(super) async fn app(&self, cx: &Context<'_>, token: &SecretString) -> Option<Value> {
        let answer = self.get(cx, Some(token), "/api/v1/apps/verify_credentials").await.ok()?;
        ok(&answer, Op::Create, cx).ok()
    }

    /// The scopes of that app, where the server tells (since 4.3).
    pub(super) async fn scopes(&self, cx: &Context<'_>, token: &SecretString) -> Option<Vec<String>> {
        let app = self.app(cx, token).await?;
        let scopes = app["scopes"].as_array()?;
        Some(scopes.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// What the server says of itself: version 2, else 1 of the instance endpoint, and NodeInfo.
    /// <https://docs.joinmastodon.org/methods/instance/>
    pub(super) async fn about(&self, cx: &Context<'_>, token: &SecretString) -> Result<About, PublishError> {
        let second = self.get(cx, Some(token), "/api/v2/instance").await.and_then(|answer| ok(&answer, Op::Create, cx));
        let instance = match second {
            Ok(instance) if instance["version"].is_string() => instance,
            _ => ok(&self.get(cx, Some(token), "/api/v1/instance").await?, Op::Create, cx)?,
        };
        Ok(About { instance, software: self.software(cx).await })
    }

    /// "name version" by <https://nodeinfo.diaspora.software/protocol.html>.
    async fn software(&self, cx: &Context<'_>) -> Option<String> {
        let answer = self.get(cx, None, "/.well-known/nodeinfo").await.ok()?;
        let index: Value = serde_json::from_slice(&answer.body).ok()?;
        let at = index["links"].as_array()?.iter().rev().find_map(|link| {
            let url = url::Url::parse(link["href"].as_str()?).ok()?;
            // Only from the server that was asked.
            (url.host() == self.config.server.host()).then(|| url.path().to_owned())
        })?;
        let answer = self.get(cx, None, &at).await.ok()?;
        let info: Value = serde_json::from_slice(&answer.body).ok()?;
        let name = info["software"]["name"].as_str()?;
        Some(wire::excerpt(&format!("{name} {}", info["software"]["version"].as_str().unwrap_or_default())))
    }

    pub(super) fn call(&self, cx: &Context<'_>, verb: reqwest::Method, path: &str) -> Result<Call, PublishError> {
        let mut call = Call::new(verb, wire::endpoint(&self.config.server, path)?).header("accept", "application/json");
        call.timeout = wire::scaled(cx, SPEC.deadline);
        Ok(call)
    }

    pub(super) async fn get(
        &self,
        cx: &Context<'_>,
        token: Option<&SecretString>,
        path: &str,
    ) -> Result<Answer, PublishError> {
        let call = self.call(cx, reqwest::Method::GET, path)?;
        let call = match token {
            Some(token) => call.bearer(token),
            None => call,
        };
        cx.http.read(call).await.map_err(wire::unanswered)
    }
}

/// The body of an edit: the frozen one's fields, and those of the post as it is that must not be lost.
pub fn edit(frozen: &str, now: &Value) -> Option<String> {
    let frozen: Value = serde_json::from_str(frozen).ok()?;
    let media: Vec<&str> =
        now["media_attachments"].as_array().into_iter().flatten().filter_map(|media| media["id"].as_str()).collect();
    let mut body = json!({
        "status": frozen["status"].as_str()?,
        "spoiler_text": now["spoiler_text"].as_str().unwrap_or_default(),
        "sensitive": now["sensitive"].as_bool().unwrap_or_default(),
        "media_ids": media,
    });
    if let Some(language) = frozen["language"].as_str().or_else(|| now["language"].as_str()) {
        body["language"] = json!(language);
    }
    Some(body.to_string())
}

/// What is kept of a post: its id and its page.
pub fn reference(status: &Value) -> Result<Value, PublishError> {
    match status["id"].as_str() {
        Some(id) if !id.is_empty() => Ok(json!({"id": id, "url": status["url"].as_str().or(status["uri"].as_str())})),
        _ => Err(PublishError::Unknown { said: "expected a post with an id, found something else".to_owned() }),
    }
}

/// 200 with a JSON body, or a class.
fn ok(answer: &Answer, op: Op, cx: &Context<'_>) -> Result<Value, PublishError> {
    if answer.status != 200 {
        return Err(error::of_answer(answer, op, cx.clock.now()));
    }
    serde_json::from_slice(&answer.body)
        .map_err(|e| PublishError::Unknown { said: format!("expected JSON, found status 200 and {e}") })
}

fn status_path(id: &str, more: &str) -> String {
    format!("/api/v1/statuses/{}{more}", segment(id))
}

/// An id as part of a path: ids are the server's, and may hold anything.
pub(super) fn segment(id: &str) -> String {
    percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_loses_nothing_that_it_does_not_change() {
        let now = json!({
            "id": "1", "spoiler_text": "cw", "sensitive": true, "language": "en",
            "media_attachments": [{"id": "7"}, {"id": "8"}],
        });
        let body = edit(r#"{"status":"new","visibility":"public","allowed_mentions":[]}"#, &now).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&body).unwrap(),
            json!({"status": "new", "spoiler_text": "cw", "sensitive": true, "language": "en", "media_ids": ["7", "8"]})
        );
        assert!(edit("{}", &now).is_none());
    }

    #[test]
    fn a_post_without_id_is_no_proof() {
        assert_eq!(reference(&json!({"id": "1", "url": "u"})).unwrap(), json!({"id": "1", "url": "u"}));
        assert!(matches!(reference(&json!({"id": 1})), Err(PublishError::Unknown { .. })));
        assert!(matches!(reference(&json!([])), Err(PublishError::Unknown { .. })));
    }
}
