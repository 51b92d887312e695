//! The one HTTP client: time limits, body caps, user agent, proxy, company certificates, and the address guard
//! (reliability.md sections 6 and 7). Redirects are never followed here; `source::fetch` walks its own hops.

use std::time::Duration;

use reqwest::header::HeaderMap;
use url::Url;

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
pub struct Http {}

/// Where a URL came from: decides which private addresses and ports it may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Written in the config: allow-listed private addresses and any port.
    Config,
    /// Came from content (a feed's picture, a redirect to another host): public addresses, ports 80 and 443, and
    /// allow-listed ones only where a config URL names the same host and port.
    Content,
}

/// One call.
#[derive(Clone, Debug)]
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
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The decoded body.
    pub body: Vec<u8>,
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
        }
    }

    /// With a header; a value that is no valid header is left out and reported when sent.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = reqwest::header::HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// With `Authorization: Bearer …`, marked as sensitive.
    #[must_use]
    pub fn bearer(mut self, token: &secrecy::SecretString) -> Self {
        use secrecy::ExposeSecret as _;
        if let Ok(mut value) = reqwest::header::HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())) {
            value.set_sensitive(true);
            self.headers.insert(reqwest::header::AUTHORIZATION, value);
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

impl Http {
    /// Reads: look-ups, feeds, pictures. Connections may be reused.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn read(&self, _call: Call) -> Result<Answer, CallError> {
        Err(CallError::NotSent("not built".to_owned()))
    }

    /// Changes: one attempt, on a connection of its own, never resent by the client.
    ///
    /// # Errors
    /// [`CallError`]; `Unclear` means the platform may have carried it out.
    pub async fn change(&self, _call: Call) -> Result<Answer, CallError> {
        Err(CallError::NotSent("not built".to_owned()))
    }
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text, invalid bytes replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
