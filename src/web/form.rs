//! What a person filled in: a plain HTML form, read once, asked for by the names of its fields.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// The kind of body that a form without files has.
const KIND: &str = "application/x-www-form-urlencoded";

/// The most fields of a form. 500, ours: a new post to every channel of a large newsroom has some dozens.
const FIELDS: usize = 500;

/// A form's fields, in the order they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a body. Whatever it is, it is read as far as it makes sense; what is missing is empty.
    pub fn of(body: &[u8]) -> Self {
        let fields = url::form_urlencoded::parse(body).take(FIELDS);
        Self(fields.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first field of that name as it was filled in; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// All fields of that name: a list of boxes that were ticked.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// Whether there is such a field, filled in or not: a button that was pressed, a box that was ticked.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// Where its person wants to be afterwards: to be handed to `said`, which takes a path of ours only.
    pub fn back(&self) -> &str {
        self.text("back")
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        // A button alone sends a body of no kind.
        if kind.is_some_and(|kind| kind != KIND) {
            return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("Expected a form: {KIND}.\n")).into_response());
        }
        let body = Bytes::from_request(request, state).await.map_err(axum::response::IntoResponse::into_response)?;
        Ok(Self::of(&body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_asked_for_by_name() {
        let form = Form::of(
            "text=K%C3%B6rp%C3%BC+a%C3%A7%C4%B1ld%C4%B1%0D%0A1&to=x&to=bluesky&text=second&go=&back=%2Fposts"
                .as_bytes(),
        );
        assert_eq!(form.text("text"), "Körpü açıldı\r\n1");
        assert_eq!(form.all("to"), ["x", "bluesky"]);
        assert_eq!((form.text("none"), form.all("none").len()), ("", 0));
        assert!(form.has("go") && !form.has("stop"));
        assert_eq!(form.back(), "/posts");
    }

    #[test]
    fn whatever_comes_is_read_as_far_as_it_makes_sense() {
        for body in [&b""[..], b"&&&", b"=", b"%", b"%ff=%fe", b"\xff\xfe", b"{\"text\":1}"] {
            let form = Form::of(body);
            assert_eq!(form.text("text"), "", "{body:?}");
        }
        let many = "a=1&".repeat(10_000);
        assert_eq!(Form::of(many.as_bytes()).all("a").len(), FIELDS);
    }
}
