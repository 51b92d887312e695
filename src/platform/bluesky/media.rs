//! Pictures on Bluesky: a blob is uploaded first and then named in the record, in the card or as the post's own picture.
//! Page: <https://docs.bsky.app/docs/advanced-guides/posts#images-embeds>.

use serde_json::{Value, json};

use super::{Repo, SPEC, THUMB_BYTES, api, error, unreadable, wire};
use crate::model::picture::{Fit, Ratio};
use crate::model::receipt::Op;
use crate::platform::picture::{self, UPLOAD, WITHOUT};
use crate::platform::{Context, Payload, PublishError};

/// A card's picture. 1200 pixels: a card is shown some 600 points wide, on dense screens twice that.
const THUMB: Fit = Fit { bytes: THUMB_BYTES, side: 1200, crop: Some(Ratio::Card), longest: 20 };

/// A picture of a record that is about to be put.
pub(super) struct Sent<'a> {
    /// The upload step's body.
    pub body: &'a str,
    /// What the upload gave.
    pub value: Value,
}

/// Whether the post has a picture of its own.
pub(super) fn is_attached(payload: &Payload) -> bool {
    payload
        .planned(UPLOAD)
        .is_some_and(|upload| matches!(picture::Planned::read(&upload.body), Ok(picture::Planned::Attached(_))))
}

impl Repo {
    /// Makes the picture fit and uploads it. The value is the blob, with the alternative text and the size where the
    /// picture is the post's own.
    pub(super) async fn picture(&self, cx: &Context<'_>, body: &str) -> Result<Value, PublishError> {
        let planned = picture::Planned::read(body);
        let fit = if matches!(planned, Ok(picture::Planned::Attached(_))) { SPEC.media.fit() } else { THUMB };
        let deadline = wire::scaled(cx, SPEC.media_deadline);
        picture::upload(cx, body, fit, deadline, |jpeg, planned| async move {
            let blob = self.blob(cx, &jpeg.bytes).await?;
            Ok(match planned.alt() {
                None => blob,
                Some(alt) => json!({"image": blob, "alt": alt, "width": jpeg.width, "height": jpeg.height}),
            })
        })
        .await
    }

    async fn blob(&self, cx: &Context<'_>, jpeg: &[u8]) -> Result<Value, PublishError> {
        let answer = self.write(cx, "com.atproto.repo.uploadBlob", "image/jpeg", jpeg, Op::Upload).await?;
        // Copied unchanged into the record: the server compares its type and size.
        match answer.get("blob") {
            Some(blob) if blob["ref"]["$link"].is_string() => Ok(blob.clone()),
            _ => Err(unreadable("uploadBlob")),
        }
    }

    /// Puts the record. Pictures that the server has forgotten meanwhile (it keeps unused ones for an hour or so) are
    /// sent once more, and the same request repeated where they are the very same; a record refused for its pictures, so
    /// that nothing was stored, is put without them: `bare`.
    pub(super) async fn put(
        &self,
        cx: &Context<'_>,
        bytes: &[u8],
        pictures: &[&Sent<'_>],
        bare: &[u8],
    ) -> Result<Value, PublishError> {
        let mut refused = match self.record(cx, bytes).await {
            Err(refused) if !pictures.is_empty() && error::is_of_picture(&refused) => refused,
            answer => return answer,
        };
        if error::is_lost_picture(&refused) && self.is_there_again(cx, pictures).await {
            match self.record(cx, bytes).await {
                Err(again) if error::is_of_picture(&again) => refused = again,
                answer => return answer,
            }
        }
        let mut value = self.record(cx, bare).await?;
        value[WITHOUT] = json!(refused.to_string());
        Ok(value)
    }

    /// Sends pictures once more; whether each is the very same.
    async fn is_there_again(&self, cx: &Context<'_>, pictures: &[&Sent<'_>]) -> bool {
        for it in pictures {
            if self.picture(cx, it.body).await.as_ref() != Ok(&it.value) {
                return false;
            }
        }
        true
    }

    async fn record(&self, cx: &Context<'_>, bytes: &[u8]) -> Result<Value, PublishError> {
        let answer = self.write(cx, "com.atproto.repo.putRecord", "application/json", bytes, Op::Create).await?;
        api::reference(&answer).ok_or_else(|| unreadable("putRecord"))
    }
}
