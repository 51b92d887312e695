//! A plain HTTP client for the tests' own calls (opening accounts on real servers, trying the fakes): one request a
//! connection, and every way an exchange can break off is told apart. It shares no code with Bugle's client.

use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fakes::http::{find, read_body};

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|fault| panic!("no JSON ({fault}): {}", self.text()))
    }
}

/// A request to make.
#[derive(Clone, Debug)]
pub struct Ask {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    patience: Duration,
    host: Option<String>,
}

impl Ask {
    /// Any method.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        let patience = Duration::from_secs(20);
        Self { method: method.to_owned(), url: url.into(), headers: Vec::new(), body: Vec::new(), patience, host: None }
    }

    /// A `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A `POST` of JSON.
    pub fn post(url: impl Into<String>, body: &Value) -> Self {
        Self::new("POST", url).body("application/json", body.to_string())
    }

    /// A `POST` of a form.
    pub fn form(url: impl Into<String>, pairs: &[(&str, &str)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        Self::new("POST", url).body("application/x-www-form-urlencoded", body)
    }

    /// With a body.
    pub fn body(mut self, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = bytes.into();
        self.header("Content-Type", content_type)
    }

    /// With a header.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Under another name than the one it is sent to, as a proxy would.
    pub fn host(mut self, name: &str) -> Self {
        self.host = Some(name.to_owned());
        self
    }

    /// With a bearer token.
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// Gives up after this long.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sends it.
    ///
    /// # Errors
    /// However the exchange broke off; `TimedOut` where nothing came in time.
    pub async fn send(self) -> io::Result<Answer> {
        let patience = self.patience;
        tokio::time::timeout(patience, self.exchange()).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn exchange(self) -> io::Result<Answer> {
        let nonsense = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let rest = self.url.strip_prefix("http://").ok_or_else(|| nonsense("not an http:// address"))?;
        let (host, target) = match rest.find('/') {
            Some(at) => (&rest[..at], &rest[at..]),
            None => (rest, "/"),
        };
        let mut stream = TcpStream::connect(host).await?;
        let name = self.host.as_deref().unwrap_or(host);
        let mut head = format!("{} {target} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n", self.method);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.body.is_empty() || self.method != "GET" {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        stream.write_all(&[head.as_bytes(), &self.body].concat()).await?;

        let mut buffer = Vec::new();
        let end = loop {
            if let Some(end) = find(&buffer, b"\r\n\r\n") {
                break end;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or_else(|| nonsense("no status"))?;
        let headers: Vec<(String, String)> = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut rest = buffer.split_off(end + 4);
        let framed = headers.iter().any(|(name, _)| name == "content-length" || name == "transfer-encoding");
        let body = if framed {
            read_body(&mut stream, &headers, rest).await.ok_or(io::ErrorKind::UnexpectedEof)?
        } else {
            stream.read_to_end(&mut rest).await?;
            rest
        };
        Ok(Answer { status, headers, body })
    }
}
