//! Pictures on Discord: sent in the same request as the message, each with its description; there is no upload before it,
//! so the upload steps only make the pictures. Page: <https://docs.discord.com/developers/reference#uploading-files>.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::api::{Api, Sent};
use super::{SPEC, message};
use crate::model::picture::Jpeg;
use crate::model::post::Rejection;
use crate::model::receipt::{Op, Step};
use crate::platform::picture::{self, Form, WITHOUT};
use crate::platform::{Context, Journal, Payload, PublishError, wire};

/// What a repeat may take of the time Discord remembers a nonce: to make its pictures again, and to send them. The engine
/// repeats only while a sixth of the window is left; a message that arrived after it could be a second one.
const AGAIN: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(10));

/// How long making the pictures of a message and sending it may take.
pub(super) struct Patience {
    /// All pictures together; `None`: as long as their steps.
    pub make: Option<Duration>,
    /// The message.
    pub send: Duration,
}

/// `again`: it may have been sent before.
pub(super) const fn patience(again: bool, has_pictures: bool) -> Patience {
    match (again, has_pictures) {
        (true, true) => Patience { make: Some(AGAIN.0), send: AGAIN.1 },
        (false, true) => Patience { make: None, send: SPEC.media_deadline },
        (_, false) => Patience { make: None, send: SPEC.deadline },
    }
}

/// Whether an earlier claim has made all pictures, so that it may have sent the message.
pub(super) fn is_again(payload: &Payload, done: impl Fn(Step) -> bool) -> bool {
    payload.uploads().all(|planned| done(planned.step))
}

/// A picture and what is said of it.
pub(super) struct Ready {
    jpeg: Jpeg,
    alt: String,
}

/// Makes the pictures, each in its upload step: a process that dies meanwhile has certainly sent nothing. One that cannot
/// be had is left out.
///
/// # Errors
/// The journal's.
pub(super) async fn pictures(
    cx: &Context<'_>,
    payload: &Payload,
    journal: &mut Journal<'_>,
) -> Result<Vec<Ready>, PublishError> {
    let deadline = wire::scaled(cx, SPEC.media_deadline);
    let mut all = Vec::new();
    for planned in payload.steps.iter().filter(|it| it.step.op == Op::Upload) {
        let kept: Mutex<Option<Ready>> = Mutex::new(None);
        let make = || {
            picture::upload(cx, &planned.body, SPEC.media.fit(), deadline, |jpeg, it| {
                let value = json!({ "bytes": jpeg.bytes.len(), "width": jpeg.width, "height": jpeg.height });
                let alt = it.alt().unwrap_or_default().to_owned();
                *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(Ready { jpeg, alt });
                async move { Ok(value) }
            })
        };
        let value = journal.step(planned.step, planned.body.as_bytes(), deadline, make).await?;
        if picture::missing(&value).is_some() {
            continue;
        }
        let made = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        match made {
            Some(ready) => all.push(ready),
            None => {
                // It was made by an earlier claim and is not kept: made again.
                make().await?;
                all.extend(kept.lock().unwrap_or_else(PoisonError::into_inner).take());
            }
        }
    }
    Ok(all)
}

impl Api<'_> {
    /// Sends a frozen message with its pictures; what is refused for one, so that nothing was sent, goes without any.
    pub(super) async fn create_with(
        &self,
        channel: &str,
        thread: Option<&str>,
        body: &str,
        pictures: &[Ready],
        guild: Option<String>,
    ) -> Result<Value, PublishError> {
        let value = |sent: Sent| json!(Sent { guild: guild.clone(), ..sent });
        match self.create(channel, thread, form(body, pictures)?).await {
            Err(PublishError::Rejected { reason: Rejection::Media, said }) => {
                let bare = message::bare(body).unwrap_or_else(|| body.to_owned());
                if pictures.is_empty() && bare == body {
                    return Err(PublishError::Rejected { reason: Rejection::Media, said });
                }
                let mut value = value(self.create(channel, thread, form(&bare, &[])?).await?);
                value[WITHOUT] = json!(said);
                Ok(value)
            }
            sent => sent.map(value),
        }
    }
}

/// The request's content type and bytes: JSON alone, or a form of it and the files it names.
fn form(body: &str, pictures: &[Ready]) -> Result<(String, Vec<u8>), PublishError> {
    let Some(first) = pictures.first() else {
        return Ok(("application/json".to_owned(), body.as_bytes().to_vec()));
    };
    let attachments: Vec<Value> = (0_u32..)
        .zip(pictures)
        .map(|(n, it)| match it.alt.as_str() {
            "" => json!({ "id": n, "filename": "picture.jpg" }),
            alt => json!({ "id": n, "filename": "picture.jpg", "description": alt }),
        })
        .collect();
    let body = wire::with_field(body, "attachments", json!(attachments))?;
    let mut form = Form::new(&first.jpeg.bytes).field("payload_json", &body);
    for (n, it) in pictures.iter().enumerate() {
        form = form.jpeg(&format!("files[{n}]"), &it.jpeg.bytes);
    }
    Ok(form.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::{ONLY, Planned};

    #[test]
    fn a_repeat_with_pictures_arrives_while_its_nonce_is_remembered() {
        let Patience { make, send } = patience(true, true);
        assert!(make.unwrap() + send <= crate::platform::discord::WINDOW / 6);
        let first = patience(false, true);
        assert_eq!((first.make, first.send), (None, SPEC.media_deadline));
        assert_eq!(patience(true, false).send, SPEC.deadline);
        let upload = |n| Planned { step: Step { op: Op::Upload, n }, body: "{}".to_owned() };
        let payload = Payload {
            format: 1,
            revision: 0,
            key: "k".to_owned(),
            steps: vec![upload(0), upload(1), Planned { step: ONLY, body: "{}".to_owned() }],
            text: String::new(),
            link: None,
        };
        for (done, again) in [(&[][..], false), (&[0][..], false), (&[0, 1][..], true)] {
            assert_eq!(is_again(&payload, |step| step.op == Op::Upload && done.contains(&step.n)), again, "{done:?}");
        }
    }

    #[test]
    fn a_form_names_each_file_and_what_is_said_of_it() {
        let ready = |byte: u8, alt: &str| Ready {
            jpeg: Jpeg { bytes: vec![0xFF, 0xD8, byte], width: 1, height: 1 },
            alt: alt.to_owned(),
        };
        let (kind, bytes) = form(r#"{"content":"a"}"#, &[ready(1, "Körpü"), ready(2, "")]).unwrap();
        assert!(kind.starts_with("multipart/form-data; boundary="));
        let text = String::from_utf8_lossy(&bytes);
        let json = r#"{"attachments":[{"description":"Körpü","filename":"picture.jpg","id":0},{"filename":"picture.jpg","id":1}],"content":"a"}"#;
        assert!(text.contains(&format!("name=\"payload_json\"\r\n\r\n{json}\r\n")), "{text}");
        assert!(text.contains("name=\"files[0]\"; filename=") && text.contains("name=\"files[1]\"; filename="));
        let (kind, bytes) = form(r#"{"content":"a"}"#, &[]).unwrap();
        assert_eq!((kind.as_str(), bytes.as_slice()), ("application/json", br#"{"content":"a"}"#.as_slice()));
    }
}
