//! Pictures: a place to send it to, the bytes, then the wait until LinkedIn has processed it. Nothing is visible before a
//! post names it, and a URN may be used again, so that an upload is safe to repeat.

use std::time::Duration;

use serde_json::{Value, json};

use super::api::Api;
use super::body::Sent;
use super::{SPEC, error};
use crate::model::post::Rejection;
use crate::platform::picture::{self, WITHOUT};
use crate::platform::{PublishError, wire};

/// The waits between two questions whether a picture is ready, in seconds: each question counts against the day's limit of
/// the app, and a picture is ready within seconds. Ours.
const ASK: [u64; 5] = [1, 2, 4, 8, 15];

/// The wait where the token may not ask: one with `w_member_social` alone is answered 403 (documented). Ours.
const BLINDLY: Duration = Duration::from_secs(5);

/// The wait before a post is tried again whose picture is not ready, and how often. Nothing was made by the refusal; all
/// of it stays within the step's deadline.
const AGAIN: (Duration, usize) = (Duration::from_secs(5), 3);

impl Api<'_> {
    /// Makes the picture fit and uploads it. The value is its URN.
    pub async fn picture(&self, owner: &str, body: &str) -> Result<Value, PublishError> {
        let deadline = wire::scaled(self.cx, SPEC.media_deadline);
        picture::upload(self.cx, body, SPEC.media.fit(), deadline, |jpeg, planned| async move {
            let (url, urn) = self.initialize(owner).await?;
            self.put(&url, &jpeg.bytes).await?;
            self.ready(&urn).await?;
            Ok(json!({ "image": urn, "alt": planned.alt() }))
        })
        .await
    }

    async fn ready(&self, urn: &str) -> Result<(), PublishError> {
        let refused = |said: String| Err(PublishError::Rejected { reason: Rejection::Media, said });
        let mut waits = ASK.into_iter();
        loop {
            let told = match self.image(urn).await {
                Ok(told) => told,
                Err(PublishError::Forbidden { .. }) => {
                    tokio::time::sleep(wire::scaled(self.cx, BLINDLY)).await;
                    return Ok(());
                }
                Err(other) => return Err(other),
            };
            match told["status"].as_str() {
                Some("AVAILABLE") => return Ok(()),
                Some("PROCESSING_FAILED") => return refused("LinkedIn could not process the picture".to_owned()),
                _ => match waits.next() {
                    Some(wait) => tokio::time::sleep(wire::scaled(self.cx, Duration::from_secs(wait))).await,
                    None => return refused("LinkedIn has not finished processing the picture".to_owned()),
                },
            }
        }
    }

    /// Posts. Where a picture is not ready the same again, a few times; where it is refused, so that nothing was made, the
    /// post without it.
    pub async fn create_with(&self, body: &str, bare: Option<&str>) -> Result<Value, PublishError> {
        let mut answer = self.create(body).await?;
        for _ in 0..AGAIN.1 {
            if !error::is_waiting(&answer) {
                break;
            }
            tokio::time::sleep(wire::scaled(self.cx, AGAIN.0)).await;
            answer = self.create(body).await?;
        }
        match (self.created(&answer), bare) {
            (Err(PublishError::Rejected { reason: Rejection::Media, said }), Some(bare)) => {
                let answer = self.create(bare).await?;
                let mut value = self.created(&answer)?;
                value[WITHOUT] = json!(said);
                Ok(value)
            }
            (outcome, _) => outcome,
        }
    }
}

/// What an upload step noted, where there is a picture.
pub fn sent(value: &Value) -> Option<Sent> {
    if picture::missing(value).is_some() {
        return None;
    }
    Some(Sent { urn: value["image"].as_str()?.to_owned(), alt: value["alt"].as_str().map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_asked_for_seldom_and_within_its_step() {
        assert!(ASK.len() < 6 && ASK.is_sorted());
        let whole: u64 = ASK.iter().sum();
        assert!((20..=60).contains(&whole) && Duration::from_secs(2 * whole) <= SPEC.media_deadline, "{whole} s");
    }

    #[test]
    fn what_an_upload_noted_is_a_picture_or_none() {
        let thumb = sent(&json!({"image": "urn:li:image:C1", "alt": null})).unwrap();
        assert_eq!(thumb, Sent { urn: "urn:li:image:C1".to_owned(), alt: None });
        let own = sent(&json!({"image": "urn:li:image:C1", "alt": ""})).unwrap();
        assert_eq!(own.alt.as_deref(), Some(""), "an attached picture without words is still attached");
        assert_eq!(sent(&picture::without("gone")), None);
        assert_eq!(sent(&Value::Null), None);
    }
}
