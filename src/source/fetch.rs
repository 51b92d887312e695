//! Fetching a source: conditional requests, redirects walked hop by hop, files. What the bytes mean is not known here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{
    ACCEPT, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
    LINK, LOCATION,
};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use tokio::io::AsyncReadExt as _;
use tokio::time::Instant;
use url::Url;

use super::freshness::fresh_for;
use crate::http::{Answer, Call, Fault, Http, Trust, retry_after};
use crate::text::plain::hex;

/// The most redirects followed. Source: reliability.md section 6.
const HOPS: usize = 5;
/// Time for a fetch with all its hops. Same source.
const TOTAL: Duration = Duration::from_secs(30);
/// The most bytes of a body as stated by the server, and of a file. Same source.
const WIRE: usize = 10 * 1024 * 1024;
/// The most bytes of a body once decoded. Same source.
const DECODED: usize = 20 * 1024 * 1024;
/// Source: `platforms/sources.md` section 3, 2026-11.
const ACCEPTED: &str =
    "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5";

/// Asks for a part only. Source: RFC 3229 section 10.5.3.
const A_IM: HeaderName = HeaderName::from_static("a-im");

/// What tells a later fetch that nothing changed. To be stored in the transaction that stores the articles, never
/// before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    /// `ETag` exactly as received; for a file its length and time of change.
    pub etag: Option<String>,
    /// `Last-Modified` exactly as received.
    pub last_modified: Option<String>,
    /// SHA-256 of the decoded body, in hex.
    pub body_hash: Option<String>,
}

/// What an answer says of itself beside its body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// For how long the server calls it fresh, from now on.
    pub fresh_for: Option<SignedDuration>,
    /// It is a part of the listing, what is new in it (226): nothing follows from what it does not name.
    pub partial: bool,
}

/// What a fetch brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The same as before.
    Unchanged {
        /// The validators to keep from now on.
        validators: Validators,
        /// What it says of itself.
        heard: Heard,
        /// Where it moved for good, if every hop said so.
        moved: Option<Url>,
    },
    /// A body that differs from the last.
    Body {
        /// The decoded bytes.
        bytes: Vec<u8>,
        /// `Content-Type` as received.
        content_type: Option<String>,
        /// The validators to keep once its articles are stored.
        validators: Validators,
        /// What it says of itself.
        heard: Heard,
        /// Where it was found in the end: the base of its relative links.
        final_url: Option<Url>,
        /// Where it moved for good, if every hop said so.
        moved: Option<Url>,
        /// Its `Link` headers, as received.
        links: Vec<String>,
    },
    /// Nothing usable.
    Failed {
        /// What the caller decides by.
        kind: FailKind,
        /// In words, for people.
        said: String,
        /// Until when the server asks to wait.
        retry_after: Option<Timestamp>,
    },
}

/// Why a fetch failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailKind {
    /// 410, reached without a temporary redirect.
    Gone410,
    /// 429.
    RateLimited {
        /// Until when, where the server says.
        until: Option<Timestamp>,
    },
    /// Any other status that is no success.
    Http {
        /// The status.
        status: u16,
    },
    /// Nothing was sent: name, connection, TLS; a file that cannot be read.
    Unreachable,
    /// No whole answer: out of time, broken off.
    Broken,
    /// The body is over the limit.
    TooLarge,
    /// More than 5 redirects, or a circle.
    TooManyRedirects,
    /// Not allowed: an address inside, another scheme, a redirect from https to http, a file that is none.
    Refused,
}

impl FailKind {
    /// The HTTP status, where the server answered.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Gone410 => Some(410),
            Self::RateLimited { .. } => Some(429),
            Self::Http { status } => Some(*status),
            _ => None,
        }
    }

    /// One word for it, as it is stored.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Gone410 | Self::RateLimited { .. } | Self::Http { .. } => "status",
            Self::TooLarge => "too_large",
            Self::TooManyRedirects => "redirects",
            Self::Refused => "refused",
            _ => "unreachable",
        }
    }
}

fn failed(kind: FailKind, said: impl Into<String>) -> Fetched {
    Fetched::Failed { kind, said: said.into(), retry_after: None }
}

/// Fetches a source: an http(s) URL, a `file:` URL, or a path, relative to `root`. Never fails otherwise than by
/// [`Fetched::Failed`].
pub async fn fetch(http: &Http, source: &str, validators: &Validators, root: &Path) -> Fetched {
    match place(source, root) {
        Ok(Place::Web(url)) => fetch_web(http, url, validators).await,
        Ok(Place::File(path)) => fetch_file(&path, validators).await,
        Err(said) => failed(FailKind::Refused, said),
    }
}

/// Where a source is.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Web(Url),
    File(PathBuf),
}

fn place(source: &str, root: &Path) -> Result<Place, String> {
    match Url::parse(source) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Place::Web(url)),
        Ok(url) if url.scheme() == "file" => {
            url.to_file_path().map(Place::File).map_err(|()| "expected a file on this machine".to_owned())
        }
        Ok(url) if source.contains("://") => {
            Err(format!("expected an http, https or file URL, found `{}:`", url.scheme()))
        }
        Err(error) if source.contains("://") => Err(format!("expected a URL: {error}")),
        _ => Ok(Place::File(root.join(source))),
    }
}

async fn fetch_web(http: &Http, first: Url, validators: &Validators) -> Fetched {
    fetch_url(http, first, validators, &Manner::default()).await
}

/// Fetches a URL in that manner, conditionally.
pub async fn fetch_url(http: &Http, first: Url, validators: &Validators, manner: &Manner) -> Fetched {
    match visit(http, first, conditional(validators, manner.accept), manner).await {
        Ok(Visit { answer, url, hops, permanent }) => {
            let moved = (permanent && hops > 0).then(|| url.clone());
            judge(answer, validators, url, moved, permanent, http.now())
        }
        Err((kind, said)) => failed(kind, said),
    }
}

/// How a URL is asked.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Where the URL came from.
    pub trust: Trust,
    /// The most bytes of the decoded body.
    pub cap: usize,
    /// The `Accept` header.
    pub accept: &'static str,
}

impl Default for Manner {
    fn default() -> Self {
        Self { trust: Trust::Config, cap: DECODED, accept: ACCEPTED }
    }
}

/// An answer that is no redirect, and the way to it.
#[derive(Debug)]
pub struct Visit {
    /// The answer.
    pub answer: Answer,
    /// Where it was found in the end.
    pub url: Url,
    /// How many redirects led there.
    pub hops: usize,
    /// Whether all of them are permanent.
    pub permanent: bool,
}

/// Asks for a URL and walks its redirects, each checked like the first; another place than the first counts as content.
///
/// # Errors
/// Why there is no answer, and the same in words.
pub async fn visit(http: &Http, first: Url, headers: HeaderMap, manner: &Manner) -> Result<Visit, (FailKind, String)> {
    let deadline = Instant::now() + TOTAL;
    let mut url = first.clone();
    let mut visited = Vec::new();
    let mut permanent = true;
    loop {
        let mut call = Call::get(url.clone());
        call.headers.clone_from(&headers);
        call.timeout = deadline.saturating_duration_since(Instant::now());
        call.cap = manner.cap;
        call.trust = if same_place(&first, &url) { manner.trust } else { Trust::Content };
        call.polite = true;
        let answer = http.read_or_fault(call).await.map_err(faulty)?;
        if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
            return Ok(Visit { answer, url, hops: visited.len(), permanent });
        }
        permanent &= matches!(answer.status, 301 | 308);
        let next = target(&url, &answer)?;
        visited.push(url);
        if visited.contains(&next) {
            return Err((FailKind::TooManyRedirects, "the redirects lead in a circle".to_owned()));
        }
        if visited.len() > HOPS {
            return Err((FailKind::TooManyRedirects, format!("expected at most {HOPS} redirects, found more")));
        }
        url = next;
    }
}

/// Whether a hop stays where the config's URL leads. Another port is another place.
fn same_place(a: &Url, b: &Url) -> bool {
    a.host() == b.host() && a.port_or_known_default() == b.port_or_known_default()
}

/// Both validators, exactly as received: an entity tag is opaque. With one, a server that can may answer with what is new
/// since (RFC 3229, with the instance manipulation `feed`).
fn conditional(validators: &Validators, accept: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    for (name, value) in [(IF_NONE_MATCH, &validators.etag), (IF_MODIFIED_SINCE, &validators.last_modified)] {
        if let Some(value) = value.as_deref().and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(name, value);
        }
    }
    if headers.contains_key(IF_NONE_MATCH) {
        headers.insert(A_IM, HeaderValue::from_static("feed"));
    }
    headers
}

/// Where a redirect leads.
fn target(from: &Url, answer: &Answer) -> Result<Url, (FailKind, String)> {
    let status = answer.status;
    let bad = |said: &str| (FailKind::Http { status }, format!("a redirect ({status}) {said}"));
    let location = answer.headers.get(LOCATION).ok_or_else(|| bad("without a target"))?;
    let location = std::str::from_utf8(location.as_bytes()).map_err(|_| bad("to something that is no URL"))?;
    let mut next = from.join(location).map_err(|_| bad("to something that is no URL"))?;
    next.set_fragment(None);
    if from.scheme() == "https" && next.scheme() == "http" {
        return Err((FailKind::Refused, "refused: a redirect from https to http".to_owned()));
    }
    Ok(next)
}

fn faulty(fault: Fault) -> (FailKind, String) {
    match fault {
        Fault::Refused(said) => (FailKind::Refused, said),
        Fault::TooLarge(said) => (FailKind::TooLarge, said),
        Fault::NotSent(said) => (FailKind::Unreachable, said),
        Fault::Broken(said) => (FailKind::Broken, said),
    }
}

/// Its `Link` headers.
fn links(answer: &Answer) -> Vec<String> {
    answer.headers.get_all(LINK).iter().filter_map(|it| it.to_str().ok().map(str::to_owned)).collect()
}

/// What an answer that is no redirect means.
fn judge(answer: Answer, old: &Validators, url: Url, moved: Option<Url>, permanent: bool, now: Timestamp) -> Fetched {
    let status = answer.status;
    let heard = Heard { fresh_for: fresh_for(&answer.headers, now), partial: false };
    match status {
        // A part: its hash says nothing of the whole, which is compared with none from now on.
        226 if old.etag.is_some() && is_feed_delta(&answer) => {
            let validators = Validators {
                etag: text(&answer.headers, ETAG),
                last_modified: text(&answer.headers, LAST_MODIFIED),
                body_hash: None,
            };
            let content_type = text(&answer.headers, CONTENT_TYPE);
            let heard = Heard { partial: true, ..heard };
            let links = links(&answer);
            Fetched::Body { bytes: answer.body, content_type, validators, heard, final_url: Some(url), moved, links }
        }
        200 | 203 => {
            // Only an answer without coding still states its length; a coded one is bounded by its decoded size.
            if answer.body.len() > WIRE && answer.header("content-length").is_some() {
                return failed(FailKind::TooLarge, format!("the answer is larger than {WIRE} bytes"));
            }
            let content_type = text(&answer.headers, CONTENT_TYPE);
            let validators = Validators {
                etag: text(&answer.headers, ETAG),
                last_modified: text(&answer.headers, LAST_MODIFIED),
                body_hash: Some(hex(&sha2::Sha256::digest(&answer.body))),
            };
            if validators.body_hash == old.body_hash {
                return Fetched::Unchanged { validators, heard, moved };
            }
            let links = links(&answer);
            Fetched::Body { bytes: answer.body, content_type, validators, heard, final_url: Some(url), moved, links }
        }
        // Only to a question that gave something to compare.
        304 if old.etag.is_some() || old.last_modified.is_some() => {
            let validators = Validators {
                etag: text(&answer.headers, ETAG).or_else(|| old.etag.clone()),
                last_modified: text(&answer.headers, LAST_MODIFIED).or_else(|| old.last_modified.clone()),
                body_hash: old.body_hash.clone(),
            };
            Fetched::Unchanged { validators, heard, moved }
        }
        _ => {
            let until = retry_after(&answer.headers, now);
            let kind = match status {
                410 if permanent => FailKind::Gone410,
                429 => FailKind::RateLimited { until },
                _ => FailKind::Http { status },
            };
            Fetched::Failed { kind, said: format!("the server answers {status}"), retry_after: until }
        }
    }
}

/// Whether `IM` says that the body is what is new in a feed, and nothing else that we did not ask for.
fn is_feed_delta(answer: &Answer) -> bool {
    answer.header("im").is_some_and(|im| im.trim().eq_ignore_ascii_case("feed"))
}

/// A header's value exactly as received, where it is text.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

async fn fetch_file(path: &Path, old: &Validators) -> Fetched {
    match read_file(path, old.etag.as_deref()).await {
        Ok((etag, None)) => {
            let validators = Validators { etag: Some(etag), last_modified: None, body_hash: old.body_hash.clone() };
            Fetched::Unchanged { validators, heard: Heard::default(), moved: None }
        }
        Ok((etag, Some(bytes))) => {
            let body_hash = Some(hex(&sha2::Sha256::digest(&bytes)));
            let unchanged = body_hash == old.body_hash;
            let validators = Validators { etag: Some(etag), last_modified: None, body_hash };
            if unchanged {
                return Fetched::Unchanged { validators, heard: Heard::default(), moved: None };
            }
            Fetched::Body {
                bytes,
                content_type: None,
                validators,
                heard: Heard::default(),
                final_url: Url::from_file_path(path).ok(),
                moved: None,
                links: Vec::new(),
            }
        }
        Err((kind, said)) => failed(kind, format!("{}: {said}", path.display())),
    }
}

/// Reads a file unless its length and time of change are the ones known.
async fn read_file(path: &Path, known: Option<&str>) -> Result<(String, Option<Vec<u8>>), (FailKind, String)> {
    let unreadable = |error: std::io::Error| (FailKind::Unreachable, error.to_string());
    // Before opening: to open a pipe would wait for somebody to write into it.
    let about = tokio::fs::metadata(path).await.map_err(unreadable)?;
    if !about.is_file() {
        return Err((FailKind::Refused, "expected a regular file".to_owned()));
    }
    let changed = about.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let etag = format!("file:{}:{}", about.len(), changed.unwrap_or_default().as_nanos());
    if known == Some(etag.as_str()) {
        return Ok((etag, None));
    }
    let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let mut bytes = Vec::new();
    // One more than allowed: the file may have grown since.
    file.take(WIRE as u64 + 1).read_to_end(&mut bytes).await.map_err(unreadable)?;
    if bytes.len() > WIRE {
        return Err((FailKind::TooLarge, format!("the file is larger than {WIRE} bytes")));
    }
    Ok((etag, Some(bytes)))
}

#[cfg(test)]
mod doors;
#[cfg(test)]
mod tests;
