//! Pictures on Telegram: one `sendPhoto` with the file in it and the text as its caption; there is no upload before it, so
//! the upload step only makes the picture. Pages: <https://core.telegram.org/bots/api#sendphoto>,
//! <https://core.telegram.org/bots/api#editmessagecaption>.

use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::SPEC;
use super::api::{Api, done, sent};
use super::error::{Reply, SAME};
use crate::model::picture::Jpeg;
use crate::model::post::Rejection;
use crate::platform::picture::{self, Form, UPLOAD, WITHOUT};
use crate::platform::{Context, Journal, PublishError};

/// The descriptions of an edit of the wrong kind.
const NO_CAPTION: &str = "there is no caption in the message to edit";
const NO_TEXT: &str = "there is no text in the message to edit";

/// Makes the picture, in the upload step: a process that dies meanwhile has certainly sent nothing.
///
/// # Errors
/// The journal's.
pub(super) async fn photo(
    cx: &Context<'_>,
    body: &str,
    journal: &mut Journal<'_>,
) -> Result<Option<Jpeg>, PublishError> {
    let deadline = SPEC.media_deadline.mul_f64(cx.scale);
    let kept: Mutex<Option<Jpeg>> = Mutex::new(None);
    let make = || {
        picture::upload(cx, body, SPEC.media.fit(), deadline, |jpeg, _| {
            let value = json!({ "bytes": jpeg.bytes.len(), "width": jpeg.width, "height": jpeg.height });
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(jpeg);
            async move { Ok(value) }
        })
    };
    let value = journal.step(UPLOAD, body.as_bytes(), deadline, make).await?;
    if picture::missing(&value).is_some() {
        return Ok(None);
    }
    let made = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
    if made.is_some() {
        return Ok(made);
    }
    // It was made by an earlier claim and is not kept: made again.
    make().await?;
    Ok(kept.lock().unwrap_or_else(PoisonError::into_inner).take())
}

impl Api<'_> {
    /// Sends a frozen message, with the photo where there is one; what is refused for its photo, so that nothing was
    /// sent, goes without it.
    pub(super) async fn send_with(&self, body: &str, photo: Option<&Jpeg>) -> Result<Value, PublishError> {
        let Some(photo) = photo else { return self.send(body).await };
        match self.send_photo(body, photo).await {
            Err(PublishError::Rejected { reason: Rejection::Media, said }) => {
                let mut value = self.send(body).await?;
                value[WITHOUT] = json!(said);
                Ok(value)
            }
            answer => answer,
        }
    }

    async fn send_photo(&self, body: &str, photo: &Jpeg) -> Result<Value, PublishError> {
        let (kind, bytes) = form(body, photo)?;
        let call = self.call("sendPhoto", "").body(kind, bytes);
        let answer = self.cx.http.change(call).await.map_err(|e| self.unanswered(e))?;
        sent(&answer, self.cx.clock.now())
    }

    /// Changes a message's text or caption, whichever it has; `has_picture`: what it was meant to have.
    pub(super) async fn edit_either(&self, request: &str, has_picture: bool) -> Result<Value, PublishError> {
        let caption = caption(request)?;
        let ways = [("editMessageText", request, NO_TEXT), ("editMessageCaption", caption.as_str(), NO_CAPTION)];
        let (first, second) = if has_picture { (ways[1], ways[0]) } else { (ways[0], ways[1]) };
        let mut answer = self.change(first.0, first.1).await?;
        if Reply::read(&answer).is_some_and(|reply| reply.refuses_with(first.2)) {
            answer = self.change(second.0, second.1).await?;
        }
        done(&answer, SAME, self.cx.clock.now())
    }
}

/// The form of `sendPhoto`: the fields of `sendMessage` with the text as the caption.
fn form(body: &str, photo: &Jpeg) -> Result<(String, Vec<u8>), PublishError> {
    let request: Value = serde_json::from_str(&caption(body)?).map_err(|e| unreadable(&e))?;
    let mut form = Form::new(&photo.bytes);
    for (name, value) in request.as_object().into_iter().flatten() {
        // In a form every value is a text, and what is more is JSON.
        form = match value.as_str() {
            Some(text) => form.field(name, text),
            None => form.field(name, &value.to_string()),
        };
    }
    Ok(form.jpeg("photo", &photo.bytes).finish())
}

/// The request with its text as a caption.
fn caption(body: &str) -> Result<String, PublishError> {
    let mut request: Value = serde_json::from_str(body).map_err(|e| unreadable(&e))?;
    if let Some(fields) = request.as_object_mut() {
        fields.remove("link_preview_options");
        for (from, to) in [("text", "caption"), ("entities", "caption_entities")] {
            if let Some(value) = fields.remove(from) {
                fields.insert(to.to_owned(), value);
            }
        }
    }
    Ok(request.to_string())
}

fn unreadable(error: &serde_json::Error) -> PublishError {
    PublishError::Rejected { reason: Rejection::Invalid, said: format!("the payload is no JSON: {error}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_becomes_a_photo_with_its_text_below() {
        let body = r#"{"chat_id":-100,"text":"Körpü","entities":[{"type":"url","offset":0,"length":2}],"link_preview_options":{"url":"u"},"disable_notification":true}"#;
        let photo = Jpeg { bytes: b"\xFF\xD8".to_vec(), width: 1, height: 1 };
        let (kind, bytes) = form(body, &photo).unwrap();
        assert!(kind.starts_with("multipart/form-data; boundary="));
        let text = String::from_utf8_lossy(&bytes);
        for (name, value) in [
            ("chat_id", "-100"),
            ("caption", "Körpü"),
            ("caption_entities", r#"[{"length":2,"offset":0,"type":"url"}]"#),
            ("disable_notification", "true"),
        ] {
            let field = format!("name=\"{name}\"\r\n\r\n{value}\r\n");
            assert!(text.contains(&field), "{field}: {text}");
        }
        assert!(text.contains("name=\"photo\"; filename=") && !text.contains("link_preview_options"));
        assert!(form("no json", &photo).is_err());
    }
}
