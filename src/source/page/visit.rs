//! Fetching an article's page: robots.txt, the address guard, a size cap and a cache. What to do with a page that is not
//! up yet is the engine's matter.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use url::Url;

use super::PageFacts;
use super::meta;
use crate::http::{Http, Trust, retry_after};
use crate::source::document;
use crate::source::fetch::{FailKind, Manner, visit};
use crate::source::robots::{Denied, Robots};

/// The most bytes of a page that are fetched; of these the first [`MAX_PAGE`](super::MAX_PAGE) are read.
const CAP: usize = 8 * 1024 * 1024;
/// How long a page that was read is not fetched again.
const FRESH: SignedDuration = SignedDuration::from_mins(15);
/// The most pages remembered.
const MAX_KEPT: usize = 256;
/// What a page may be.
const ACCEPTED: &str = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1";

/// The most bytes of a page's picture that are fetched to see that it is there. Source: reliability.md section 6, 2026-11.
const PICTURE_CAP: usize = 10 * 1024 * 1024;
/// What a picture may be.
const PICTURES: &str = "image/*, */*;q=0.1";

/// A page that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// What it says of itself.
    pub facts: PageFacts,
    /// Where it was found in the end.
    pub at: Url,
}

/// What became of fetching a page.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It was read.
    Read(Arc<Read>),
    /// Not now.
    Later {
        /// In words.
        said: String,
        /// Until when the server asks to wait.
        until: Option<Timestamp>,
        /// Whether its server answers at all: where it does not, the page is hardly about to come up, and what waits for
        /// it need not wait.
        answers: bool,
    },
    /// Not at all.
    Never {
        /// In words.
        said: String,
    },
}

/// The pages read of late.
#[derive(Default)]
pub struct Pages {
    kept: Mutex<VecDeque<(Url, Timestamp, Arc<Read>)>>,
}

impl Pages {
    /// Reads an article's page, unless it was read a short while ago. `zone`: that of dates that name none.
    pub async fn read(&self, http: &Http, robots: &Robots, url: &Url, trust: Trust, zone: &TimeZone) -> Outcome {
        let now = http.now();
        if let Some(read) = self.known(url, now) {
            return Outcome::Read(read);
        }
        let outcome = fetch(http, robots, url, trust, zone).await;
        if let Outcome::Read(read) = &outcome {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.retain(|(known, _, _)| known != url);
            kept.truncate(MAX_KEPT - 1);
            kept.push_front((url.clone(), now, read.clone()));
        }
        outcome
    }

    /// Whether a platform that looks at the page now would find all that its card is made of: the page, and the picture it
    /// names for that. A page without a picture has none to wait for.
    pub async fn preview(&self, http: &Http, robots: &Robots, url: &Url, trust: Trust, zone: &TimeZone) -> Outcome {
        let outcome = self.read(http, robots, url, trust, zone).await;
        let Outcome::Read(read) = &outcome else { return outcome };
        let Some(picture) = read.facts.pictures.first() else { return outcome };
        match shown(http, &picture.url).await {
            None => outcome,
            Some(not) => not,
        }
    }

    fn known(&self, url: &Url, now: Timestamp) -> Option<Arc<Read>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, at, read) = kept.iter().find(|(known, _, _)| known == url)?;
        let age = now.duration_since(*at);
        (!age.is_negative() && age < FRESH).then(|| read.clone())
    }
}

async fn fetch(http: &Http, robots: &Robots, url: &Url, trust: Trust, zone: &TimeZone) -> Outcome {
    let later = |said: String, until, answers| Outcome::Later { said, until, answers };
    match robots.may(http, url, trust).await {
        Ok(()) => {}
        Err(denied @ Denied::Forbidden { .. }) => return Outcome::Never { said: denied.to_string() },
        Err(denied) => {
            let answers = matches!(denied, Denied::Unknown { answers: true, .. });
            return later(denied.to_string(), None, answers);
        }
    }
    if let Some(until) = robots.turn(http, url, trust).await {
        return later("robots.txt of its site asks for a pause between two pages".to_owned(), Some(until), true);
    }
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
    let manner = Manner { trust, cap: CAP, accept: ACCEPTED };
    let visit = match visit(http, url.clone(), headers, &manner).await {
        Ok(visit) => visit,
        Err((FailKind::Broken, said)) => return later(said, None, true),
        Err((FailKind::Unreachable, said)) => return later(said, None, false),
        Err((_, said)) => return Outcome::Never { said },
    };
    let status = visit.answer.status;
    let said = || format!("the server answers {status}");
    match means(status) {
        Means::Page => {}
        Means::Later => return later(said(), retry_after(&visit.answer.headers, http.now()), true),
        Means::Never => return Outcome::Never { said: said() },
    }
    // Some sites send readers of a page that is not up yet to the front page.
    let is_home = |url: &Url| url.path().trim_matches('/').is_empty() && url.query().is_none();
    if visit.hops > 0 && is_home(&visit.url) && !is_home(url) {
        return later("the server leads to its front page".to_owned(), None, true);
    }
    let kind = visit.answer.header("content-type").map(str::to_owned);
    let is_html = kind.as_deref().is_none_or(|kind| {
        let kind = kind.to_ascii_lowercase();
        kind.contains("html") || kind.starts_with("text/plain") || kind.trim().is_empty()
    });
    if !is_html {
        return Outcome::Never { said: format!("no HTML page: {}", kind.unwrap_or_default()) };
    }
    let (at, body, zone) = (visit.url.clone(), visit.answer.body, zone.clone());
    let read = tokio::task::spawn_blocking(move || {
        let html = document::html(&body, kind.as_deref());
        Read { facts: meta::read(&html, &at, &zone), at }
    });
    match read.await {
        Ok(read) => Outcome::Read(Arc::new(read)),
        Err(error) => Outcome::Never { said: format!("reading it failed: {error}") },
    }
}

/// Asks for a page's picture as a platform does, as somebody whom nobody knows. `None`: it is there.
async fn shown(http: &Http, picture: &Url) -> Option<Outcome> {
    let later = |said: String, until, answers| Some(Outcome::Later { said, until, answers });
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static(PICTURES));
    let manner = Manner { trust: Trust::Content, cap: PICTURE_CAP, accept: PICTURES };
    let visit = match visit(http, picture.clone(), headers, &manner).await {
        Ok(visit) => visit,
        Err((FailKind::Broken, said)) => return later(format!("its picture: {said}"), None, true),
        Err((FailKind::Unreachable, said)) => return later(format!("its picture: {said}"), None, false),
        Err((_, said)) => return Some(Outcome::Never { said: format!("its picture: {said}") }),
    };
    let status = visit.answer.status;
    let said = format!("its picture: the server answers {status}");
    let is_picture = visit.answer.header("content-type").is_none_or(|kind| {
        let kind = kind.trim().to_ascii_lowercase();
        kind.starts_with("image/") || kind.starts_with("application/octet-stream")
    });
    match means(status) {
        Means::Page if is_picture => None,
        // Many sites show a page of words in place of a picture that is not there yet.
        Means::Page => later("its picture: the server sends something else".to_owned(), None, true),
        Means::Later => later(said, retry_after(&visit.answer.headers, http.now()), true),
        Means::Never => Some(Outcome::Never { said }),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    Page,
    Later,
    Never,
}

/// What a status means for a page that was just announced.
const fn means(status: u16) -> Means {
    match status {
        200 | 203 => Means::Page,
        404 | 408 | 425 | 429 | 500..=599 => Means::Later,
        _ => Means::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_status_means() {
        for (status, expected) in [
            (200, Means::Page),
            (404, Means::Later),
            (503, Means::Later),
            (429, Means::Later),
            (204, Means::Never),
            (401, Means::Never),
            (403, Means::Never),
            (410, Means::Never),
            (451, Means::Never),
        ] {
            assert_eq!(means(status), expected, "{status}");
        }
    }

    #[test]
    fn a_page_is_remembered_for_a_quarter_of_an_hour() {
        let pages = Pages::default();
        let noon: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let url = |n: usize| Url::parse(&format!("https://n.example/{n}")).unwrap();
        let read = Arc::new(Read { facts: PageFacts::default(), at: url(0) });
        pages.kept.lock().unwrap().push_front((url(0), noon, read));
        for (seconds, known) in [(0, true), (899, true), (900, false), (-1, false)] {
            assert_eq!(pages.known(&url(0), noon + SignedDuration::from_secs(seconds)).is_some(), known, "{seconds}");
        }
        assert!(pages.known(&url(1), noon).is_none());
    }
}
