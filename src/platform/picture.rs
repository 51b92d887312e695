//! A post's picture on its way to a platform: what an upload step says of it, how it is had from the [`Studio`], and what
//! is noted where it cannot be had. A post is worth more than its picture: what cannot be fetched, read or sent is
//! recorded with its reason, and that decides for all repeats; only what would stop the post as well stops here.

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use url::Url;

use super::{Context, PauseScopeKind, PublishError, wire};
use crate::model::picture::{Fit, Jpeg, NoPicture, Origin, Picture};
use crate::model::post::Rejection;
use crate::model::receipt::{Op, Step};

/// The step that sends a post's picture.
pub const UPLOAD: Step = Step { op: Op::Upload, n: 0 };

/// The key of a step's value under which stands why the picture is not there.
pub const WITHOUT: &str = "without";

/// How much sooner than the step's deadline a picture is given up, so that "no picture" can still be noted.
const SPARE: Duration = Duration::from_secs(10);

/// The wait before the one repeat of an upload whose answer was lost. An orphaned upload is harmless.
const AGAIN: Duration = Duration::from_secs(2);

/// Where pictures are made: fetched under the address guard or drawn, and fitted to a platform. Behind it is `publish`.
#[async_trait]
pub trait Studio: Send + Sync {
    /// Makes one.
    ///
    /// # Errors
    /// Why there is none.
    async fn make(&self, origin: &Origin, fit: &Fit) -> Result<Jpeg, NoPicture>;

    /// Whether a picture can be shown to the outside here.
    fn shows(&self) -> bool {
        false
    }

    /// Shows a picture to the outside for a while, for platforms that fetch pictures by themselves: at an address that
    /// nobody can guess.
    ///
    /// # Errors
    /// Why it cannot be shown.
    async fn show(&self, _jpeg: &Jpeg) -> Result<Url, NoPicture> {
        Err(NoPicture::Never("a picture is fetched from this service: set [web] public_url".to_owned()))
    }
}

/// A studio that makes nothing: for calls that post nothing.
pub struct NoStudio;

#[async_trait]
impl Studio for NoStudio {
    async fn make(&self, _: &Origin, _: &Fit) -> Result<Jpeg, NoPicture> {
        Err(NoPicture::Never("no pictures are made here".to_owned()))
    }
}

/// What the body of an upload step says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Planned {
    /// The picture of a link's card.
    Thumb(Origin),
    /// The post's own picture.
    Attached(Picture),
}

impl Planned {
    /// Reads an upload step's body: the URL of a card's picture, or an attached picture as JSON.
    ///
    /// # Errors
    /// In words, where it is neither.
    pub fn read(body: &str) -> Result<Self, String> {
        if body.starts_with('{') {
            return serde_json::from_str(body).map(Self::Attached).map_err(|e| format!("expected a picture: {e}"));
        }
        let url = Url::parse(body).map_err(|e| format!("expected a picture's URL: {e}"))?;
        Ok(Self::Thumb(Origin::Photo { urls: vec![url] }))
    }

    /// Where it comes from.
    pub const fn origin(&self) -> &Origin {
        match self {
            Self::Thumb(origin) | Self::Attached(Picture { origin, .. }) => origin,
        }
    }

    /// The alternative text of an attached picture.
    pub fn alt(&self) -> Option<&str> {
        match self {
            Self::Thumb(_) => None,
            Self::Attached(picture) => Some(&picture.alt),
        }
    }
}

/// The upload steps of a post's own pictures, in order.
pub fn attached(post: &super::Outgoing) -> impl Iterator<Item = super::Planned> {
    (0_u16..).zip(post.picture.iter().chain(&post.further)).map(|(n, picture)| {
        let body = serde_json::to_string(picture).expect("a picture is plain data with text keys");
        super::Planned { step: Step { op: Op::Upload, n }, body }
    })
}

/// What is noted where there is no picture.
pub fn without(why: &str) -> Value {
    tracing::warn!(why, "the post goes out without its picture");
    json!({ WITHOUT: why })
}

/// What the upload steps gave, in order, but for the pictures that could not be had.
pub fn had(values: &[Value]) -> impl Iterator<Item = &Value> {
    values.iter().filter(|value| missing(value).is_none())
}

/// Why a step's value says that there is no picture; `None`: there is one.
pub fn missing(value: &Value) -> Option<&str> {
    match value.get(WITHOUT) {
        Some(why) => Some(why.as_str().unwrap_or_default()),
        None => value.is_null().then_some("it could not be had"),
    }
}

/// Makes the picture and hands it to `send`, within the time of a media step. The value is what `send` gives, else
/// [`without`] a reason.
///
/// # Errors
/// What would stop the post as well: the platform cannot be reached, limits the account or refuses its token.
pub async fn upload<'a, F>(
    cx: &Context<'_>,
    body: &str,
    fit: Fit,
    deadline: Duration,
    send: impl Fn(Jpeg, Planned) -> F + Send + Sync,
) -> Result<Value, PublishError>
where
    F: Future<Output = Result<Value, PublishError>> + Send + 'a,
{
    let patience = deadline.saturating_sub(SPARE).max(deadline / 2);
    let work = async {
        let planned = Planned::read(body).map_err(media)?;
        let jpeg = cx.studio.make(planned.origin(), &fit).await.map_err(|e| media(e.to_string()))?;
        match send(jpeg.clone(), planned.clone()).await {
            Err(PublishError::Unknown { .. } | PublishError::NotSent { .. }) => {
                tokio::time::sleep(wire::scaled(cx, AGAIN)).await;
                send(jpeg, planned).await
            }
            other => other,
        }
    };
    match tokio::time::timeout(patience, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) if stops_the_post(&error) => Err(error),
        Ok(Err(PublishError::Rejected { said, .. })) => Ok(without(&said)),
        Ok(Err(error)) => Ok(without(&error.to_string())),
        Err(_) => Ok(without("it took too long")),
    }
}

/// Whether the post would fare no better without its picture.
const fn stops_the_post(error: &PublishError) -> bool {
    match error {
        PublishError::NotSent { .. } | PublishError::RateLimited { .. } | PublishError::Auth { .. } => true,
        // A token may lack the right to upload and still post.
        PublishError::Forbidden { scope, .. } => !matches!(scope, PauseScopeKind::Channel),
        _ => false,
    }
}

fn media(said: String) -> PublishError {
    PublishError::Rejected { reason: Rejection::Media, said }
}

/// A form with a file in it, as `multipart/form-data` (RFC 7578): the content type and the bytes.
pub struct Form {
    boundary: String,
    bytes: Vec<u8>,
}

impl Form {
    /// An empty form; the boundary follows from the file, so that the same form has the same bytes.
    pub fn new(file: &[u8]) -> Self {
        use sha2::Digest as _;
        let digest = crate::text::plain::hex(&sha2::Sha256::digest(file));
        Self { boundary: format!("bugle-{}", &digest[..32]), bytes: Vec::with_capacity(file.len() + 1024) }
    }

    /// With a field.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        let head = format!("--{}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n", self.boundary);
        self.bytes.extend(head.as_bytes());
        self.bytes.extend(value.as_bytes());
        self.bytes.extend(b"\r\n");
        self
    }

    /// With a JPEG.
    #[must_use]
    pub fn jpeg(mut self, name: &str, file: &[u8]) -> Self {
        let head = format!(
            "--{}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"picture.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n",
            self.boundary
        );
        self.bytes.extend(head.as_bytes());
        self.bytes.extend(file);
        self.bytes.extend(b"\r\n");
        self
    }

    /// The content type and the body.
    pub fn finish(mut self) -> (String, Vec<u8>) {
        self.bytes.extend(format!("--{}--\r\n", self.boundary).as_bytes());
        (format!("multipart/form-data; boundary={}", self.boundary), self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_a_cards_url_or_an_attached_picture() {
        let url = Url::parse("https://e.org/a.jpg").unwrap();
        let picture = Picture { origin: Origin::Photo { urls: vec![url.clone()] }, alt: "A bridge".to_owned() };
        let thumb = Planned::read(url.as_str()).unwrap();
        assert_eq!((thumb.origin(), thumb.alt()), (&picture.origin, None));
        let own = Planned::read(&serde_json::to_string(&picture).unwrap()).unwrap();
        assert_eq!((own.origin(), own.alt()), (&picture.origin, Some("A bridge")));
        for bad in ["", "a.jpg", "{}", "{\"alt\":1}"] {
            assert!(Planned::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_missing_says_why_and_an_old_null_too() {
        assert_eq!(missing(&without("gone")), Some("gone"));
        assert_eq!(missing(&Value::Null), Some("it could not be had"));
        assert_eq!(missing(&json!({"id": "7"})), None);
    }

    #[test]
    fn only_what_stops_the_post_stops_at_its_picture() {
        let said = || "s".to_owned();
        for (error, stops) in [
            (PublishError::NotSent { said: said() }, true),
            (PublishError::Auth { said: said() }, true),
            (PublishError::RateLimited { until: None, scope: PauseScopeKind::Channel, said: said() }, true),
            (PublishError::Forbidden { scope: PauseScopeKind::App, said: said() }, true),
            (PublishError::Forbidden { scope: PauseScopeKind::Channel, said: said() }, false),
            (PublishError::Unknown { said: said() }, false),
            (PublishError::Gone { said: said() }, false),
            (media(said()), false),
        ] {
            assert_eq!(stops_the_post(&error), stops, "{error}");
        }
    }

    #[test]
    fn a_form_is_as_rfc_7578_has_it() {
        let (kind, bytes) = Form::new(b"\xFF\xD8").field("description", "Körpü").jpeg("file", b"\xFF\xD8").finish();
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let expected = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"description\"\r\n\r\nKörpü\r\n--{boundary}\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"picture.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n\
             \u{FFFD}\u{FFFD}\r\n--{boundary}--\r\n"
        );
        assert_eq!(text, expected);
    }
}
