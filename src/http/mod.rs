//! The one HTTP client: time limits, body caps, user agent, proxy, company certificates, and the address guard
//! (reliability.md sections 6 and 7). Redirects are never followed here; `source::fetch` walks its own hops.
//!
//! What is here: the calls and what becomes of them. `guard` says which address may be dialled, `resolve` sees to it
//! where names become addresses, `client` builds the reqwest clients, `dates` reads `Date` and `Retry-After`,
//! `turns` keeps polite calls to two a host, `signature` signs what goes to web hooks.

mod client;
mod clocks;
mod dates;
mod guard;
mod resolve;
pub mod signature;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod turns;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderMap;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::clock::SharedClock;

pub use dates::{http_date, retry_after, server_date};
pub use turns::{PER_HOST, host_of};

/// Time for connecting, name look-up and TLS included. Source: reliability.md section 6.
const CONNECT: Duration = Duration::from_secs(5);
/// Time until the headers of a read are there, counted after connecting. Same source.
const HEADERS: Duration = Duration::from_secs(10);
/// The longest pause inside the body of a read. Same source.
const IDLE: Duration = Duration::from_secs(10);
/// After so long a read must have brought [`SLOWEST`] bytes a second. Same source.
const SLOW_AFTER: Duration = Duration::from_secs(10);
/// Bytes a second. Same source.
const SLOWEST: u64 = 1_024;
/// The most bytes of an answer's headers. Same source.
const HEADER_BYTES: usize = 64 * 1_024;
/// The most lines of an answer's headers. Same source.
const HEADER_LINES: usize = 100;

/// `[network]` of the config.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Addresses inside the network that may be contacted, as `host:port` ("127.0.0.1:18101"); nothing else inside is.
    pub allow_private: Vec<String>,
    /// A proxy for everything that leaves, as a URL. The environment is never asked.
    pub proxy: Option<Url>,
    /// A PEM file of further certificate authorities (a company's own).
    pub extra_ca_file: Option<std::path::PathBuf>,
}

/// The client. Cheap to clone.
#[derive(Clone)]
pub struct Http {
    inner: Arc<client::Clients>,
    turns: Arc<turns::Turns>,
    clock: SharedClock,
    clocks: Arc<clocks::Clocks>,
}

/// Why there is no client: the config's `[network]` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// An entry of `allow_private`.
    #[error("network.allow_private: \"{entry}\": {said}")]
    AllowPrivate {
        /// The entry as written.
        entry: String,
        /// What was expected.
        said: String,
    },
    /// The file with further certificate authorities.
    #[error("network.extra_ca_file: {path}: {said}")]
    ExtraCa {
        /// The file.
        path: String,
        /// What is wrong with it.
        said: String,
    },
    /// The proxy's URL.
    #[error("network.proxy: {0}")]
    Proxy(String),
    /// The HTTP library refuses its settings.
    #[error("the HTTP client cannot be built: {0}")]
    Client(String),
}

/// Where a URL came from: decides which private addresses and ports it may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Written in the config: allow-listed private addresses and any port.
    Config,
    /// Came from content (a feed's picture, a redirect to another host): public addresses, ports 80 and 443, and
    /// allow-listed ones only where a config URL names the same host and port.
    Content,
}

/// One call. Its `Debug` shows neither the URL's path and query (a bot's token stands there) nor any header's value.
#[derive(Clone)]
pub struct Call {
    /// `GET`, `POST` …
    pub method: reqwest::Method,
    /// Where to.
    pub url: Url,
    /// Headers beside the client's own.
    pub headers: HeaderMap,
    /// The body and its content type.
    pub body: Option<(String, Vec<u8>)>,
    /// Total time for the call; connecting is limited to 5 s besides.
    pub timeout: Duration,
    /// The most bytes of the decoded answer.
    pub cap: usize,
    /// Where the URL came from.
    pub trust: Trust,
    /// Whether it waits where two others like it are asking the same host: feeds and pages, which nobody asked us to
    /// fetch. Its time begins with its turn.
    pub polite: bool,
    /// Names of headers whose value no header may have; such a call is not sent.
    pub faulty: Vec<&'static str>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.method)
            .field("to", &place_of(&self.url))
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body", &self.body.as_ref().map(|(kind, bytes)| (kind, bytes.len())))
            .field("timeout", &self.timeout)
            .field("cap", &self.cap)
            .field("trust", &self.trust)
            .finish()
    }
}

/// Scheme, host and port of a URL: the part that may be shown.
fn place_of(url: &Url) -> String {
    guard::place(url)
        .map_or_else(|| format!("{}:…", url.scheme()), |(host, port)| format!("{}://{host}:{port}", url.scheme()))
}

/// Whether a URL says by itself that it leads inside the network: an address that is not public, or a name of this
/// machine. Where a name leads is known only when it is dialled.
pub fn is_inside(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => !guard::is_public(std::net::IpAddr::V4(ip)),
        Some(url::Host::Ipv6(ip)) => !guard::is_public(std::net::IpAddr::V6(ip)),
        Some(url::Host::Domain(name)) => guard::is_localhost(&guard::plain_name(name)),
        None => true,
    }
}

/// An answer, read whole.
#[derive(Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The decoded body.
    pub body: Vec<u8>,
}

/// Tells nothing of headers and body: answers of sign-ins carry tokens.
impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Certain: no byte of the request left (bad URL, refused address, DNS, connect, TLS).
    #[error("{0}")]
    NotSent(String),
    /// The request, or a part of it, left.
    #[error("{0}")]
    Unclear(String),
}

impl Call {
    /// A `GET` of a URL that the config names.
    pub fn get(url: Url) -> Self {
        Self::new(reqwest::Method::GET, url)
    }

    /// A call to a URL that the config names, without body.
    pub fn new(method: reqwest::Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            timeout: Duration::from_secs(30),
            cap: 1024 * 1024,
            trust: Trust::Config,
            polite: false,
            faulty: Vec::new(),
        }
    }

    /// With a header; a call with a value that no header may have is refused when it is to be sent.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        match reqwest::header::HeaderValue::from_str(value) {
            Ok(value) => {
                self.headers.insert(name, value);
            }
            Err(_) => self.faulty.push(name),
        }
        self
    }

    /// With `Authorization: Bearer …`, marked as sensitive.
    #[must_use]
    pub fn bearer(mut self, token: &secrecy::SecretString) -> Self {
        use secrecy::ExposeSecret as _;
        match reqwest::header::HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())) {
            Ok(mut value) => {
                value.set_sensitive(true);
                self.headers.insert(reqwest::header::AUTHORIZATION, value);
            }
            Err(_) => self.faulty.push("authorization"),
        }
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, content_type: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Some((content_type.into(), bytes.into()));
        self
    }
}

/// What became of a call without answer, finer than [`CallError`]: `source::fetch` tells these apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The guard refused it; nothing was dialled, or nothing sent.
    Refused(String),
    /// Certain: no byte of the request left.
    NotSent(String),
    /// The answer is larger than the cap.
    TooLarge(String),
    /// The request, or a part of it, left, and no whole answer came.
    Broken(String),
}

impl Fault {
    /// Whether asking again would change nothing: the guard's no, or an answer that is too large.
    pub(crate) const fn is_final(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::TooLarge(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Refused(said) | Self::NotSent(said) | Self::TooLarge(said) | Self::Broken(said)) = self;
        f.write_str(said)
    }
}

impl From<Fault> for CallError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(said) | Fault::NotSent(said) => Self::NotSent(said),
            Fault::TooLarge(said) | Fault::Broken(said) => Self::Unclear(said),
        }
    }
}

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Read,
    Change,
}

impl Http {
    /// Builds the client. `named`: every URL that the config writes; they decide where the allow-list reaches when a
    /// URL comes from content.
    ///
    /// # Errors
    /// [`HttpError`] where `[network]` cannot be used.
    pub fn build(settings: &Settings, named: &[Url], clock: SharedClock) -> Result<Self, HttpError> {
        Self::with_lookup(settings, named, clock, resolve::system())
    }

    /// The same with another way to look names up.
    fn with_lookup(
        settings: &Settings,
        named: &[Url],
        clock: SharedClock,
        lookup: resolve::Lookup,
    ) -> Result<Self, HttpError> {
        let inner = Arc::new(client::Clients::new(settings, named, lookup)?);
        Ok(Self { inner, turns: Arc::default(), clock, clocks: Arc::default() })
    }

    /// The clock's time, for the waits that answers ask for.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How far the clock of a server that the config names is ahead of ours, by its last answer; `None` where that is
    /// not known for certain.
    pub fn clock_ahead(&self, server: &Url) -> Option<jiff::SignedDuration> {
        self.clocks.ahead(&guard::place(server)?, self.reading())
    }

    fn reading(&self) -> clocks::Reading {
        clocks::Reading { wall: self.clock.now(), mono: self.clock.monotonic() }
    }

    /// Reads: look-ups, feeds, pictures. Connections may be reused.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn read(&self, call: Call) -> Result<Answer, CallError> {
        Ok(self.run(call, Purpose::Read).await?)
    }

    /// Changes: one attempt, on a connection of its own, never resent by the client.
    ///
    /// # Errors
    /// [`CallError`]; `Unclear` means the platform may have carried it out.
    pub async fn change(&self, call: Call) -> Result<Answer, CallError> {
        Ok(self.run(call, Purpose::Change).await?)
    }

    /// [`Http::read`] with the finer fault.
    pub(crate) async fn read_or_fault(&self, call: Call) -> Result<Answer, Fault> {
        self.run(call, Purpose::Read).await
    }

    async fn run(&self, call: Call, purpose: Purpose) -> Result<Answer, Fault> {
        if let Some(name) = call.faulty.first() {
            return Err(Fault::NotSent(format!("the header {name} has a value that no header may have")));
        }
        let place = place_of(&call.url);
        let turn = match call.polite {
            true => timeout_at(Instant::now() + call.timeout, self.turns.take(&call.url)).await.map(Some),
            false => Ok(None),
        };
        // Held until the answer is read whole. The call's own time begins once it has its turn.
        let Ok(_turn) = turn else {
            return Err(Fault::NotSent(format!(
                "{place}: no turn within {:?}: other calls to it take long",
                call.timeout
            )));
        };
        let start = Instant::now();
        let deadline = start + call.timeout;
        let client = match timeout_at(deadline, self.inner.choose(&call, purpose)).await {
            Ok(client) => client?,
            Err(_) => return Err(Fault::NotSent(format!("{place}: no time left for the name look-up"))),
        };
        let mut request = client.request(call.method.clone(), call.url.clone()).headers(call.headers.clone());
        if let Some((kind, bytes)) = &call.body {
            request = request.header(reqwest::header::CONTENT_TYPE, kind).body(bytes.clone());
        }
        let headers_by = match purpose {
            Purpose::Read => deadline.min(start + CONNECT + HEADERS),
            // A platform may take its time to publish; only the step's own deadline counts.
            Purpose::Change => deadline,
        };
        let response = match timeout_at(headers_by, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(client::fault(&error, &call.url)),
            Err(_) => return Err(Fault::Broken(format!("{place}: no answer within {:?}", headers_by - start))),
        };
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        check_headers(&headers).map_err(|said| Fault::Broken(format!("{place}: {said}")))?;
        if call.trust == Trust::Config
            && let (Some(place), Some(theirs)) = (guard::place(&call.url), dates::server_date(&headers))
        {
            self.clocks.note(place, theirs, self.reading());
        }
        // These have no body, whatever their headers say of one.
        let bodiless = call.method == reqwest::Method::HEAD || matches!(status, 204 | 304);
        let body = if bodiless { Vec::new() } else { read_body(response, &call, purpose, deadline).await? };
        Ok(Answer { status, headers, body })
    }
}

/// Reads a body up to the cap, within the limits on time and pace.
async fn read_body(
    mut response: reqwest::Response,
    call: &Call,
    purpose: Purpose,
    deadline: Instant,
) -> Result<Vec<u8>, Fault> {
    let place = place_of(&call.url);
    let too_large = || Fault::TooLarge(format!("{place}: the answer is larger than {} bytes", call.cap));
    // What the client can decode it has decoded, and dropped the header; so what is left here cannot be read.
    if let Some(coding) = response.headers().get(reqwest::header::CONTENT_ENCODING)
        && !coding.as_bytes().eq_ignore_ascii_case(b"identity")
        && !coding.is_empty()
    {
        return Err(Fault::Broken(format!(
            "{place}: expected one content coding of gzip, br or deflate, found {coding:?}"
        )));
    }
    if response.content_length().is_some_and(|stated| stated > call.cap as u64) {
        return Err(too_large());
    }
    // The pace counts from here: a server may think before it speaks.
    let start = Instant::now();
    let mut body = Vec::new();
    loop {
        let by = if purpose == Purpose::Read { deadline.min(Instant::now() + IDLE) } else { deadline };
        let chunk = match timeout_at(by, response.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => return Ok(body),
            Ok(Err(error)) => return Err(client::fault(&error, &call.url)),
            Err(_) => return Err(Fault::Broken(format!("{place}: the answer stopped after {} bytes", body.len()))),
        };
        if body.len() + chunk.len() > call.cap {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
        if purpose == Purpose::Read && too_slow(start.elapsed(), body.len()) {
            return Err(Fault::Broken(format!("{place}: slower than {SLOWEST} bytes a second")));
        }
    }
}

/// Whether so few bytes in that time are a drip.
fn too_slow(elapsed: Duration, bytes: usize) -> bool {
    elapsed > SLOW_AFTER && (bytes as u64) < elapsed.as_secs().saturating_mul(SLOWEST)
}

/// The limits on headers. The library bounds what it buffers; this bounds what we keep.
fn check_headers(headers: &HeaderMap) -> Result<(), String> {
    // Each line has a colon, a blank and a line end besides.
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if headers.len() > HEADER_LINES || bytes > HEADER_BYTES {
        return Err(format!(
            "expected at most {HEADER_LINES} header lines of {HEADER_BYTES} bytes, found {} of {bytes}",
            headers.len(),
        ));
    }
    Ok(())
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The server's `Date`.
    pub fn date(&self) -> Option<Timestamp> {
        dates::server_date(&self.headers)
    }

    /// The body as text, invalid bytes replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
