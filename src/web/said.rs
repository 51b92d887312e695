//! What is said once after an act: the answer to every form is a way back and a short message, which the next page shows.
//!
//! The message travels in a short-lived cookie, so that a page can be loaded again without saying it twice. It is only
//! ever shown as text; whoever could plant such a cookie could make a page say something, and nothing more.

use std::cell::RefCell;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::Site;
use crate::store::StoreError;
use crate::telemetry::field;

/// The cookie.
const COOKIE: &str = "bugle-said";

/// The most bytes of it as it travels. 3,500, ours: browsers keep 4,096 with the name and what is beside it.
const MOST: usize = 3_500;

/// Parts of a page that are fetched again by a script carry this: they are not where something is said.
const PART: &str = "bugle-part";

/// The longest path that is led back to.
const PATH: usize = 1_000;

/// What a page shows once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// Whether the act was not done.
    pub bad: bool,
    /// What became of it.
    pub words: String,
    /// The post that can be taken back for some seconds.
    pub undo: Option<String>,
}

impl Said {
    fn write(&self) -> String {
        let kind = if self.bad { "bad" } else { "ok" };
        let undo = self.undo.as_deref().map(|id| utf8_percent_encode(id, NON_ALPHANUMERIC).to_string());
        let mut text = format!("{kind}.{}.", undo.unwrap_or_default());
        for c in self.words.chars() {
            let mut bytes = [0; 4];
            let more = utf8_percent_encode(c.encode_utf8(&mut bytes), NON_ALPHANUMERIC).to_string();
            if text.len() + more.len() > MOST {
                break;
            }
            text.push_str(&more);
        }
        text
    }

    fn read(value: &str) -> Option<Self> {
        let mut parts = value.splitn(3, '.');
        let bad = match parts.next()? {
            "ok" => false,
            "bad" => true,
            _ => return None,
        };
        let plain = |text: &str| percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned);
        let undo = plain(parts.next()?).filter(|id| is_id(id));
        let words = plain(parts.next()?)?;
        (!words.trim().is_empty()).then_some(Self { bad, words, undo })
    }

    /// The act that takes it back.
    pub fn undo_at(&self) -> Option<String> {
        self.undo.as_deref().map(|id| format!("/posts/{id}/take-back"))
    }
}

/// Only what an id can be stands in a path that is made of it.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// It is done: leads back, where the words are shown.
pub(super) fn ok(back: &str, words: impl Into<String>) -> Response {
    lead(back, &Said { bad: false, words: words.into(), undo: None })
}

/// The same, and for some seconds it can be taken back.
pub(super) fn undoable(back: &str, words: impl Into<String>, post: &str) -> Response {
    lead(back, &Said { bad: false, words: words.into(), undo: Some(post.to_owned()) })
}

/// It is not done: leads back, where the words say why.
pub(super) fn bad(back: &str, words: impl Into<String>) -> Response {
    lead(back, &Said { bad: true, words: words.into(), undo: None })
}

/// Why the store did not do it, in words for the person.
pub(super) fn refused(back: &str, error: &StoreError) -> Response {
    bad(back, why(error))
}

/// Why the store did not do it, as a sentence.
pub(super) fn why(error: &StoreError) -> String {
    match error {
        StoreError::Conflict(words) => format!("Not done: {words}."),
        error => {
            tracing::warn!({ field::ERROR } = %error, "an act was not done: the store failed");
            "Not done, or not known to be: the store does not answer as it should. The log says why.".to_owned()
        }
    }
}

/// Nothing can be done here now: another process publishes, or this one has just begun.
pub(super) fn not_here() -> Response {
    let words = "Nothing can be done here now: another process publishes from this store, or this one has just begun. \
                 Try again in a moment.\n";
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], words).into_response()
}

fn lead(back: &str, said: &Said) -> Response {
    let mut answer = (StatusCode::SEE_OTHER, [(header::LOCATION, way(back))]).into_response();
    let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age=60", said.write());
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().append(header::SET_COOKIE, value);
    }
    answer
}

/// What may not stand in a header, and what browsers read as another character.
const UNSAFE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'`');

/// A path of ours, and nothing that a browser would take for another site's address; else the first page.
pub(super) fn way(back: &str) -> String {
    let mut chars = back.chars();
    let ours = chars.next() == Some('/')
        && !matches!(chars.next(), Some('/' | '\\'))
        // Browsers drop tabs and line ends from an address: what follows them would count as the second character.
        && !back.contains(|c: char| c.is_control())
        && back.len() <= PATH;
    if ours { utf8_percent_encode(back, UNSAFE).to_string() } else { "/".to_owned() }
}

tokio::task_local! {
    /// What the answer under way may show; taken by the page that does.
    static PENDING: RefCell<Option<Said>>;
}

/// What this page is to say; nothing the second time.
pub(super) fn take() -> Option<Said> {
    PENDING.try_with(|said| said.borrow_mut().take()).ok().flatten()
}

/// Hands what the cookie says to the page, and takes the cookie back once it was shown. A page that shows it must not be
/// kept for others.
pub(super) async fn carry(State(_site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let said = if request.headers().contains_key(PART) { None } else { found(request.headers()) };
    let Some(said) = said else { return next.run(request).await };
    let (mut answer, shown) = PENDING
        .scope(RefCell::new(Some(said)), async {
            let answer = next.run(request).await;
            (answer, take().is_none())
        })
        .await;
    let anew =
        answer.headers().get_all(header::SET_COOKIE).iter().any(|it| it.as_bytes().starts_with(COOKIE.as_bytes()));
    if shown && !anew {
        let gone = HeaderValue::from_static("bugle-said=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
        answer.headers_mut().append(header::SET_COOKIE, gone);
    }
    answer
}

fn found(headers: &HeaderMap) -> Option<Said> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).and_then(|(_, value)| Said::read(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_ours_are_led_back_to() {
        for (back, to) in [
            ("/", "/"),
            ("/posts/1?q=a&b=c#d", "/posts/1?q=a&b=c#d"),
            ("/articles?q=körpü və \"x\"", "/articles?q=k%C3%B6rp%C3%BC%20v%C9%99%20%22x%22"),
            ("", "/"),
            ("posts", "/"),
            ("https://evil.example/", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/\t/evil.example", "/"),
            ("/\n/evil.example", "/"),
            ("/a\r\nSet-Cookie: x=y", "/"),
            ("javascript:alert(1)", "/"),
            (" /posts", "/"),
        ] {
            assert_eq!(way(back), to, "{back:?}");
        }
        assert_eq!(way(&format!("/{}", "a".repeat(PATH))), "/", "too long");
    }

    #[test]
    fn what_is_said_arrives_as_it_was_written() {
        let id = "0199a0d0-7b1c-7c00-8000-0123456789ab";
        for said in [
            Said { bad: false, words: "Approved.".to_owned(), undo: None },
            Said { bad: true, words: "Körpü; a=b, \"c\" <script>\n...".to_owned(), undo: None },
            Said { bad: false, words: "Goes out in 10 seconds.".to_owned(), undo: Some(id.to_owned()) },
        ] {
            let text = said.write();
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'%' || b == b'.'), "{text}");
            assert_eq!(Said::read(&text), Some(said));
        }
        let long = Said { bad: true, words: "ə".repeat(5_000), undo: None }.write();
        assert!(long.len() <= MOST);
        assert!(Said::read(&long).unwrap().words.chars().all(|c| c == 'ə'), "cut between characters");
    }

    #[test]
    fn a_planted_cookie_says_words_at_most() {
        for bad in ["", "ok", "ok.", "ok..", "ok..%20", "yes..a", "ok..%ff", "ok.a"] {
            assert_eq!(Said::read(bad), None, "{bad:?}");
        }
        let planted = Said::read("ok.%2Fpause%3F.Press%20undo").unwrap();
        assert_eq!(planted.undo_at(), None, "an undo leads to a post only");
        let good = Said::read("ok.0199-ab.Sent").unwrap();
        assert_eq!(good.undo_at().as_deref(), Some("/posts/0199-ab/take-back"));
    }

    #[test]
    fn the_answer_leads_back_with_its_words() {
        let answer = bad("//evil.example", "Not done");
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert_eq!(answer.headers()[header::LOCATION], "/");
        let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
        assert_eq!(cookie, "bugle-said=bad..Not%20done; Path=/; HttpOnly; SameSite=Lax; Max-Age=60");
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("a=b; bugle-said=bad..Not%20done; c=d"));
        assert_eq!(found(&headers).unwrap().words, "Not done");
    }
}
