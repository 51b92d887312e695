//! `/r/ID`: leads a reader to the article and counts the click, without a cookie and without anything of who clicked. Only
//! links that the store has are followed, so this is no open redirect.
//!
//! Clicks are summed in memory and written every few seconds and at the end, so that a flood of readers does not load the
//! store's writer. A process that is killed loses at most what came since.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{Shared, Site};
use crate::compose::words::links::is_id;
use crate::store::short_link::{self, Clicks};
use crate::store::{Store, StoreError, job};
use crate::telemetry::field;

/// How often what was counted is written. Ours: what a hard end may lose.
const FLUSH: Duration = Duration::from_secs(5);
/// Links whose clicks wait to be written, and links whose target is remembered. Ours: beyond it a link is asked for each
/// time, and its clicks are not counted until the next write.
const MOST: usize = 10_000;
/// Rows of one job of the writer: other jobs come between.
const AT_ONCE: usize = 500;
/// How long a target is remembered: an edited post may lead elsewhere.
const REMEMBERED: Duration = Duration::from_secs(60);

/// Words in a user agent (any case) of programs that fetch a link without a reader: search engines, link previews of
/// networks and chats, monitors, libraries. Source: what each of them sends, from its own documentation, 2026-11.
#[rustfmt::skip]
const PROGRAMS: &[&str] = &[
    "bot", "crawl", "spider", "slurp", "preview", "facebookexternalhit", "facebookcatalog", "meta-externalagent",
    "whatsapp", "skypeuripreview", "embedly", "iframely", "vkshare", "cardyb", "mastodon/", "pleroma", "akkoma",
    "misskey", "gotosocial", "snac/", "lemmy", "http.rb", "google-inspectiontool", "mediapartners", "feedfetcher",
    "feedburner", "monitor", "uptime", "pingdom", "statuscake", "headlesschrome", "phantomjs", "lighthouse", "curl/",
    "wget", "python", "aiohttp", "go-http-client", "java/", "okhttp", "libwww", "axios", "node-fetch", "ruby", "guzzle",
    "scrapy", "httpx", "bugle/",
];

/// What is counted and not written yet, and what was looked up a moment ago.
#[derive(Default)]
pub(super) struct Counter {
    waiting: Mutex<HashMap<(String, String), i64>>,
    known: Mutex<HashMap<String, (Url, std::time::Instant)>>,
}

/// `/r/ID`.
pub(super) async fn follow(
    site: Shared,
    method: Method,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Response {
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let target = match target(&site, &id).await {
        Ok(Some(target)) => target,
        Ok(None) => return nothing(),
        Err(error) => {
            tracing::warn!({ field::ERROR } = %error, "a short link could not be looked up");
            let words = "The link cannot be looked up right now. Please try again in a moment.\n";
            return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], words).into_response();
        }
    };
    if method == Method::GET && is_reader(&headers) {
        let today = site.state.clock.now().to_zoned_datetime(site.state.view.borrow().zone.clone()).date().to_string();
        site.clicks.count(id, today);
    }
    // A URL is ASCII without controls: it always is a header's value.
    match HeaderValue::from_str(target.as_str()) {
        Ok(location) => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
        Err(_) => nothing(),
    }
}

/// In plain words, since the pages are not for everybody: their frame names channels.
fn nothing() -> Response {
    (StatusCode::NOT_FOUND, "There is no such link. It may have been mistyped, or it is old and forgotten.\n")
        .into_response()
}

/// Where a link leads.
async fn target(site: &Site, id: &str) -> Result<Option<Url>, StoreError> {
    if !is_id(id) {
        return Ok(None);
    }
    let now = site.state.clock.monotonic();
    if let Some(url) = site.clicks.recall(id, now) {
        return Ok(Some(url));
    }
    let mut conn = site.state.store.read().await?;
    let stored = short_link::url(&mut conn, id).await?;
    let url = stored.and_then(|text| Url::parse(&text).ok()).filter(|url| matches!(url.scheme(), "http" | "https"));
    if let Some(url) = &url {
        site.clicks.remember(id, url, now);
    }
    Ok(url)
}

/// Whether a person follows the link, as far as a request tells.
fn is_reader(headers: &HeaderMap) -> bool {
    let has = |name: &str, word: &str| {
        headers
            .get(HeaderName::from_bytes(name.as_bytes()).unwrap_or(header::USER_AGENT))
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.to_ascii_lowercase().contains(word))
    };
    // A browser that fetches ahead of a click says so.
    if has("sec-purpose", "prefetch") || has("purpose", "prefetch") || has("x-moz", "prefetch") {
        return false;
    }
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let agent = agent.to_ascii_lowercase();
    // A maker of phones.
    let agent = agent.replace("cubot", "");
    !agent.trim().is_empty() && !PROGRAMS.iter().any(|word| agent.contains(word))
}

impl Counter {
    fn count(&self, id: String, day: String) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (id, day);
        if waiting.len() < MOST || waiting.contains_key(&key) {
            *waiting.entry(key).or_default() += 1;
        }
    }

    fn recall(&self, id: &str, now: std::time::Instant) -> Option<Url> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(id).filter(|(_, at)| now.saturating_duration_since(*at) < REMEMBERED).map(|(url, _)| url.clone())
    }

    fn remember(&self, id: &str, url: &Url, now: std::time::Instant) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(id.to_owned(), (url.clone(), now));
    }

    /// Writes what was counted; what cannot be written is kept for the next time.
    pub(super) async fn flush(&self, store: &Store) {
        let taken = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let all: Vec<Clicks> = taken.into_iter().map(|((id, day), count)| Clicks { id, day, count }).collect();
        for part in all.chunks(AT_ONCE) {
            let rows = part.to_vec();
            let write = job(move |conn| Box::pin(async move { short_link::add(conn, &rows).await }));
            if let Err(error) = store.write(write).await {
                tracing::warn!({ field::ERROR } = %error, "clicks could not be written; tried again");
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                for it in part {
                    *waiting.entry((it.id.clone(), it.day.clone())).or_default() += it.count;
                }
            }
        }
    }
}

/// Writes every few seconds until `stop`.
pub(super) async fn write_on(site: &Site, stop: &CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(FLUSH)).await.is_some() {
        site.clicks.flush(&site.state.store).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_no_readers() {
        let agents = [
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1",
                true,
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", true),
            ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36 [FBAN/FB4A]", true),
            ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", false),
            ("facebookexternalhit/1.1", false),
            ("Twitterbot/1.0", false),
            ("TelegramBot (like TwitterBot)", false),
            ("http.rb/5.1.1 (Mastodon/4.3.1; +https://mastodon.example/)", false),
            ("Mozilla/5.0 (compatible; Bluesky Cardyb/1.1)", false),
            ("WhatsApp/2.23", false),
            ("curl/8.0", false),
            ("", false),
        ];
        for (agent, reader) in agents {
            let mut headers = HeaderMap::new();
            headers.insert(header::USER_AGENT, agent.parse().unwrap());
            assert_eq!(is_reader(&headers), reader, "{agent}");
            headers.insert("sec-purpose", "prefetch;prerender".parse().unwrap());
            assert!(!is_reader(&headers), "{agent} ahead of a click");
        }
        assert!(!is_reader(&HeaderMap::new()));
    }

    #[test]
    fn what_waits_is_bounded() {
        let counter = Counter::default();
        for n in 0..MOST + 10 {
            counter.count(n.to_string(), "2026-11-25".to_owned());
        }
        counter.count("0".to_owned(), "2026-11-25".to_owned());
        let waiting = counter.waiting.lock().unwrap();
        assert_eq!((waiting.len(), waiting[&("0".to_owned(), "2026-11-25".to_owned())]), (MOST, 2));
    }
}
