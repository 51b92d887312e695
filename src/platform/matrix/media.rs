//! Pictures on Matrix: uploaded to the account's own server, then shown by an event that names them.

use serde_json::{Value, json};

use super::SPEC;
use super::api::Api;
use crate::platform::{PublishError, picture, wire};

impl Api<'_> {
    /// Makes the picture fit and uploads it. The value is its address and what clients need to lay it out.
    pub(super) async fn picture(&self, body: &str) -> Result<Value, PublishError> {
        let deadline = wire::scaled(self.cx, SPEC.media_deadline);
        picture::upload(self.cx, body, SPEC.media.fit(), deadline, |jpeg, _| async move {
            let uri = self.upload(&jpeg.bytes).await?;
            let info = json!({ "mimetype": "image/jpeg", "size": jpeg.bytes.len(), "w": jpeg.width, "h": jpeg.height });
            Ok(json!({ "url": uri, "info": info }))
        })
        .await
    }
}
