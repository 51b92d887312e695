//! Pictures on Telegram: one `sendPhoto` with the file in it and the text as its caption, or one `sendMediaGroup` with
//! several and the text as the first one's; there is no upload before it, so the upload steps only make the pictures.
//! Pages: <https://core.telegram.org/bots/api#sendphoto>, <https://core.telegram.org/bots/api#sendmediagroup>,
//! <https://core.telegram.org/bots/api#editmessagecaption>.

use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::SPEC;
use super::api::{Api, album, done, sent};
use super::error::{Reply, SAME};
use crate::http::Answer;
use crate::model::picture::Jpeg;
use crate::model::post::Rejection;
use crate::platform::picture::{self, Form, WITHOUT};
use crate::platform::{Context, Journal, Planned, PublishError};

/// The descriptions of an edit of the wrong kind.
const NO_CAPTION: &str = "there is no caption in the message to edit";
const NO_TEXT: &str = "there is no text in the message to edit";

/// Makes a picture, in its upload step: a process that dies meanwhile has certainly sent nothing.
///
/// # Errors
/// The journal's.
pub(super) async fn photo(
    cx: &Context<'_>,
    upload: &Planned,
    journal: &mut Journal<'_>,
) -> Result<Option<Jpeg>, PublishError> {
    let deadline = SPEC.media_deadline.mul_f64(cx.scale);
    let kept: Mutex<Option<Jpeg>> = Mutex::new(None);
    let make = || {
        picture::upload(cx, &upload.body, SPEC.media.fit(), deadline, |jpeg, _| {
            let value = json!({ "bytes": jpeg.bytes.len(), "width": jpeg.width, "height": jpeg.height });
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(jpeg);
            async move { Ok(value) }
        })
    };
    let value = journal.step(upload.step, upload.body.as_bytes(), deadline, make).await?;
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
    /// Sends a frozen message, with the photos where there are any. What is refused for a photo, so that nothing was
    /// sent, goes without that photo, in the end without any.
    pub(super) async fn send_with(&self, body: &str, mut photos: Vec<Jpeg>) -> Result<Value, PublishError> {
        let mut without = None;
        let mut value = loop {
            let (answer, which) = match photos.as_slice() {
                [] => break self.send(body).await?,
                [photo] => (self.send_photo(body, photo).await, None),
                several => self.send_album(body, several).await,
            };
            match answer {
                Err(PublishError::Rejected { reason: Rejection::Media, said }) => {
                    // Where it is not told which of them is refused, none goes.
                    match which.filter(|at| *at < photos.len()) {
                        Some(at) => drop(photos.remove(at)),
                        None => photos.clear(),
                    }
                    without = Some(said);
                }
                answer => break answer?,
            }
        };
        if let Some(said) = without {
            value[WITHOUT] = json!(said);
        }
        Ok(value)
    }

    async fn send_photo(&self, body: &str, photo: &Jpeg) -> Result<Value, PublishError> {
        let answer = self.send_form("sendPhoto", form(body, photo)?).await?;
        sent(&answer, self.cx.clock.now())
    }

    /// Sends an album; with what it says of a refusal, which picture is meant.
    async fn send_album(&self, body: &str, photos: &[Jpeg]) -> (Result<Value, PublishError>, Option<usize>) {
        let form = match album_form(body, photos) {
            Ok(form) => form,
            Err(error) => return (Err(error), None),
        };
        match self.send_form("sendMediaGroup", form).await {
            Ok(answer) => {
                let which = Reply::read(&answer).and_then(|reply| reply.refused_picture());
                (album(&answer, self.cx.clock.now()), which)
            }
            Err(error) => (Err(error), None),
        }
    }

    async fn send_form(&self, method: &str, (kind, bytes): (String, Vec<u8>)) -> Result<Answer, PublishError> {
        let call = self.call(method, "").body(kind, bytes);
        self.cx.http.change(call).await.map_err(|e| self.unanswered(e))
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
    let form = fields(Form::new(&photo.bytes), &request);
    Ok(form.jpeg("photo", &photo.bytes).finish())
}

/// The form of `sendMediaGroup`: the text is the caption of the first picture, the files are parts of their own.
fn album_form(body: &str, photos: &[Jpeg]) -> Result<(String, Vec<u8>), PublishError> {
    let mut request: Value = serde_json::from_str(&caption(body)?).map_err(|e| unreadable(&e))?;
    let mut first = serde_json::Map::new();
    if let Some(fields) = request.as_object_mut() {
        for name in ["caption", "caption_entities"] {
            first.extend(fields.remove(name).map(|value| (name.to_owned(), value)));
        }
    }
    let file = |at: usize| format!("photo{at}");
    let media: Vec<Value> = (0..photos.len())
        .map(|at| {
            let mut one = if at == 0 { std::mem::take(&mut first) } else { serde_json::Map::new() };
            one.insert("type".to_owned(), json!("photo"));
            one.insert("media".to_owned(), json!(format!("attach://{}", file(at))));
            Value::Object(one)
        })
        .collect();
    request["media"] = json!(media);
    let all: Vec<u8> = photos.iter().flat_map(|photo| photo.bytes.iter().copied()).collect();
    let mut form = fields(Form::new(&all), &request);
    for (at, photo) in photos.iter().enumerate() {
        form = form.jpeg(&file(at), &photo.bytes);
    }
    Ok(form.finish())
}

/// Puts a request's fields into a form: there every value is a text, and what is more is JSON.
fn fields(form: Form, request: &Value) -> Form {
    request.as_object().into_iter().flatten().fold(form, |form, (name, value)| match value.as_str() {
        Some(text) => form.field(name, text),
        None => form.field(name, &value.to_string()),
    })
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

    #[test]
    fn an_album_has_the_text_under_its_first_picture_and_each_file_once() {
        let body = r#"{"chat_id":-100,"text":"Körpü","entities":[{"type":"url","offset":0,"length":2}],"link_preview_options":{"url":"u"},"disable_notification":true}"#;
        let photo = |byte: u8| Jpeg { bytes: vec![0xFF, 0xD8, byte], width: 1, height: 1 };
        let (_, bytes) = album_form(body, &[photo(b'a'), photo(b'b')]).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let media = text.split("name=\"media\"\r\n\r\n").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap();
        let expected = json!([
            {"type": "photo", "media": "attach://photo0", "caption": "Körpü",
             "caption_entities": [{"type": "url", "offset": 0, "length": 2}]},
            {"type": "photo", "media": "attach://photo1"},
        ]);
        assert_eq!(serde_json::from_str::<Value>(media).unwrap(), expected);
        for part in ["name=\"chat_id\"\r\n\r\n-100\r\n", "name=\"disable_notification\"\r\n\r\ntrue\r\n"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        for name in ["photo0", "photo1"] {
            assert_eq!(text.matches(&format!("name=\"{name}\"; filename=")).count(), 1, "{text}");
        }
        assert!(!text.contains("name=\"caption\"") && !text.contains("link_preview_options"));
    }
}
