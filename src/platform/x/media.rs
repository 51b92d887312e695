//! Pictures on X: uploaded first, then given their alternative text, then named in the post. Nothing is visible before.
//! Pages: <https://docs.x.com/x-api/media/upload-media>, <https://docs.x.com/x-api/media/create-media-metadata>.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::SPEC;
use super::api::{Api, is_id};
use super::error::classify;
use crate::model::post::Rejection;
use crate::platform::picture::{self, Form, WITHOUT};
use crate::platform::{PublishError, wire};

/// The wait between two questions whether a picture is ready, and how many there are.
const ASK: (Duration, usize) = (Duration::from_secs(1), 40);

impl Api<'_> {
    /// Makes the picture fit and uploads it. The value is its id.
    pub(super) async fn picture(&self, body: &str) -> Result<Value, PublishError> {
        let deadline = wire::scaled(self.cx, SPEC.media_deadline);
        picture::upload(self.cx, body, SPEC.media.fit(), deadline, |jpeg, planned| async move {
            let id = self.upload(&jpeg.bytes).await?;
            // A picture without words is still a picture: what X says of them stops nothing.
            let alt = planned.alt().unwrap_or_default();
            if !alt.is_empty()
                && let Err(why) = self.describe(&id, alt).await
            {
                tracing::warn!(%why, "the picture goes out without its alternative text");
            }
            Ok(json!({ "id": id }))
        })
        .await
    }

    async fn upload(&self, jpeg: &[u8]) -> Result<String, PublishError> {
        let (kind, bytes) = Form::new(jpeg).field("media_category", "tweet_image").jpeg("media", jpeg).finish();
        let call = self.call(Method::POST, &["2", "media", "upload"], &[]).body(kind, bytes);
        let answer = self.cx.http.change(call).await.map_err(wire::unanswered)?;
        if !matches!(answer.status, 200 | 201) {
            return Err(classify(&answer, self.cx.clock.now()));
        }
        let uploaded: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        let Some(id) = uploaded["data"]["id"].as_str().filter(|id| is_id(id)) else {
            return Err(PublishError::Unknown { said: "expected a picture's id, found something else".to_owned() });
        };
        self.ready(id, &uploaded["data"]["processing_info"]).await?;
        Ok(id.to_owned())
    }

    /// Waits while X is still working on the picture.
    async fn ready(&self, id: &str, first: &Value) -> Result<(), PublishError> {
        let mut info = first.clone();
        for _ in 0..ASK.1 {
            match info["state"].as_str() {
                None | Some("succeeded") => return Ok(()),
                Some("failed") => break,
                Some(_) => tokio::time::sleep(wire::scaled(self.cx, ASK.0)).await,
            }
            let query = [("command", "STATUS"), ("media_id", id)];
            let answer = self.read(&["2", "media", "upload"], &query).await?;
            let told: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
            info = told["data"]["processing_info"].clone();
        }
        Err(PublishError::Rejected { reason: Rejection::Media, said: "X could not process the picture".to_owned() })
    }

    async fn describe(&self, id: &str, alt: &str) -> Result<(), PublishError> {
        let body = json!({ "id": id, "metadata": { "alt_text": { "text": alt } } }).to_string();
        let call = self.call(Method::POST, &["2", "media", "metadata"], &[]).body("application/json", body);
        let answer = self.cx.http.change(call).await.map_err(wire::unanswered)?;
        if answer.status == 200 { Ok(()) } else { Err(classify(&answer, self.cx.clock.now())) }
    }

    /// Makes a post; one refused for its picture, so that nothing was made, is made without it.
    pub(super) async fn create_with(&self, body: &str, bare: Option<&str>) -> Result<Value, PublishError> {
        match (self.create(body).await, bare) {
            (Err(PublishError::Rejected { reason: Rejection::Media, said }), Some(bare)) => {
                let mut value = self.create(bare).await?;
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
    body["media"] = json!({ "media_ids": ids });
    Some(body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_names_its_pictures_in_order_and_keeps_the_rest() {
        let sent = [json!({"id": "7"}), picture::without("gone"), json!({"id": "9"})];
        let body: Value = serde_json::from_str(&naming(r#"{"text":"a"}"#, &sent).unwrap()).unwrap();
        assert_eq!(body, json!({"text": "a", "media": {"media_ids": ["7", "9"]}}));
        assert!(naming("{}", &sent[1..2]).is_none() && naming("{}", &[]).is_none());
    }
}
