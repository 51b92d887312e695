//! Pictures on Mastodon: uploaded with their alternative text, waited for until the server has processed them, then named
//! in the post. Pages: <https://docs.joinmastodon.org/methods/media/#v2>, <https://docs.joinmastodon.org/methods/media/#get>.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Instance, SPEC, error, wire};
use crate::http::Answer;
use crate::model::post::Rejection;
use crate::model::receipt::Op;
use crate::platform::picture::{self, Form, WITHOUT};
use crate::platform::{Context, PublishError};

/// The wait between two questions whether a picture is ready, and how many there are.
const ASK: (Duration, usize) = (Duration::from_secs(1), 40);

/// The end of the key of a post without the picture it was refused for: a server that remembers refusals too would give
/// the same answer under the same key.
const BARE: &str = "-bare";

impl Instance {
    /// Makes the picture fit and uploads it. The value is its id.
    pub(super) async fn picture(
        &self,
        cx: &Context<'_>,
        token: &SecretString,
        body: &str,
    ) -> Result<Value, PublishError> {
        let deadline = wire::scaled(cx, SPEC.media_deadline);
        picture::upload(cx, body, SPEC.media.fit(), deadline, |jpeg, planned| async move {
            self.attach(cx, token, &jpeg.bytes, planned.alt().unwrap_or_default()).await
        })
        .await
    }

    async fn attach(
        &self,
        cx: &Context<'_>,
        token: &SecretString,
        jpeg: &[u8],
        alt: &str,
    ) -> Result<Value, PublishError> {
        let form = Form::new(jpeg).field("description", alt).jpeg("file", jpeg);
        let (kind, bytes) = form.finish();
        let mut answer = self.upload_to(cx, token, "/api/v2/media", &kind, &bytes).await?;
        if matches!(answer.status, 404 | 405) {
            // Servers of its kin that know the first version only.
            answer = self.upload_to(cx, token, "/api/v1/media", &kind, &bytes).await?;
        }
        if !matches!(answer.status, 200..=202) {
            return Err(error::of_answer(&answer, Op::Upload, cx.clock.now()));
        }
        let media: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        let id = match &media["id"] {
            Value::String(id) if !id.is_empty() => id.clone(),
            Value::Number(id) => id.to_string(),
            _ => {
                return Err(PublishError::Unknown {
                    said: "expected a picture with an id, found something else".to_owned(),
                });
            }
        };
        if answer.status == 202 {
            self.ready(cx, token, &id).await?;
        }
        Ok(json!({ "id": id }))
    }

    async fn upload_to(
        &self,
        cx: &Context<'_>,
        token: &SecretString,
        path: &str,
        kind: &str,
        bytes: &[u8],
    ) -> Result<Answer, PublishError> {
        let mut call = self.call(cx, reqwest::Method::POST, path)?.bearer(token).body(kind, bytes);
        call.timeout = wire::scaled(cx, SPEC.media_deadline);
        cx.http.change(call).await.map_err(wire::unanswered)
    }

    /// Waits until the server has processed a picture: a post that names it sooner is refused.
    async fn ready(&self, cx: &Context<'_>, token: &SecretString, id: &str) -> Result<(), PublishError> {
        let path = format!("/api/v1/media/{}", super::api::segment(id));
        for _ in 0..ASK.1 {
            let answer = self.get(cx, Some(token), &path).await?;
            match answer.status {
                200 | 404 => return Ok(()),
                206 => tokio::time::sleep(wire::scaled(cx, ASK.0)).await,
                _ => return Err(error::of_answer(&answer, Op::Upload, cx.clock.now())),
            }
        }
        Err(PublishError::Rejected {
            reason: Rejection::Media,
            said: "the server has not finished processing the picture".to_owned(),
        })
    }

    /// Posts, with the picture where there is one. A post refused for its picture, so that nothing was stored, is sent
    /// without it.
    pub(super) async fn post_with(
        &self,
        cx: &Context<'_>,
        token: &SecretString,
        key: &str,
        body: &str,
        bare: Option<&str>,
    ) -> Result<Value, PublishError> {
        match (self.post(cx, token, key, body).await, bare) {
            (Err(PublishError::Rejected { reason: Rejection::Media, said }), Some(bare)) => {
                let mut value = self.post(cx, token, &format!("{key}{BARE}"), bare).await?;
                value[WITHOUT] = json!(said);
                Ok(value)
            }
            (answer, _) => answer,
        }
    }
}

/// A frozen body that names the pictures; `None` where there are none.
pub(super) fn naming(body: &str, sent: &[Value]) -> Option<String> {
    let ids: Vec<&str> = picture::had(sent).filter_map(|value| value["id"].as_str()).collect();
    let mut body: Value = serde_json::from_str(body).ok().filter(|_| !ids.is_empty())?;
    body["media_ids"] = json!(ids);
    Some(body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_names_its_pictures_in_order_and_keeps_the_rest() {
        let sent = [json!({"id": "7"}), picture::without("gone"), json!({"id": "9"})];
        let body = naming(r#"{"status":"a","visibility":"public"}"#, &sent).unwrap();
        let expected = json!({"status": "a", "visibility": "public", "media_ids": ["7", "9"]});
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
        assert!(naming("{}", &sent[1..2]).is_none() && naming("{}", &[]).is_none());
        assert!(naming("no json", &sent).is_none());
    }
}
