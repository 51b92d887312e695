//! Just enough HTTP/1.1 for a fake server, by hand: a framework would finish or tidy up the very exchanges that the
//! faults have to leave broken. One request a connection. Knows no platform and no fault.

use std::io;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The most bytes of a request's head that are read.
const HEAD_CAP: usize = 64 * 1024;
/// The most bytes of a request's body that are read: above every platform's picture limit.
const BODY_CAP: usize = 64 * 1024 * 1024;

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET`, `POST` …
    pub method: String,
    /// The path, decoded.
    pub path: String,
    /// The path and query as they came.
    pub target: String,
    /// The query's pairs, decoded, in order.
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The first value of that name in the query.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The content type without its parameters, in lower case.
    pub fn content_type(&self) -> String {
        self.header("content-type")
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    }

    /// What stands after `Bearer `.
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    /// The body as JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The body's pairs, where it is a form.
    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// The body as a JSON object, be it JSON or a form (whose values are texts; `name[]` gathers a list).
    pub fn fields(&self) -> Option<serde_json::Map<String, Value>> {
        match self.content_type().as_str() {
            "application/json" => match self.json()? {
                Value::Object(map) => Some(map),
                _ => None,
            },
            "application/x-www-form-urlencoded" => {
                let mut map = serde_json::Map::new();
                for (name, value) in self.form() {
                    match name.strip_suffix("[]") {
                        Some(list) => {
                            let entry = map.entry(list).or_insert_with(|| Value::Array(Vec::new()));
                            if let Value::Array(items) = entry {
                                items.push(Value::String(value));
                            }
                        }
                        None => {
                            map.insert(name, Value::String(value));
                        }
                    }
                }
                Some(map)
            }
            "" if self.body.is_empty() => Some(serde_json::Map::new()),
            _ => None,
        }
    }

    /// The parts of a multipart body: name, content type, bytes. `None` when it is none or is cut short.
    pub fn multipart(&self) -> Option<Vec<(String, String, Vec<u8>)>> {
        let header = self.header("content-type")?;
        let boundary = header.strip_prefix("multipart/form-data")?.split("boundary=").nth(1)?.trim_matches('"');
        let mark = format!("--{boundary}").into_bytes();
        let starts: Vec<usize> = (0..self.body.len().saturating_sub(mark.len() - 1))
            .filter(|&i| self.body[i..].starts_with(&mark))
            .collect();
        let last = *starts.last()?;
        if !self.body[last + mark.len()..].starts_with(b"--") {
            return None;
        }
        let mut parts = Vec::new();
        for pair in starts.windows(2) {
            let part = self.body[pair[0] + mark.len()..pair[1]].strip_prefix(b"\r\n")?.strip_suffix(b"\r\n")?;
            let split = find(part, b"\r\n\r\n")?;
            let head = std::str::from_utf8(&part[..split]).ok()?;
            let name = head.split("name=\"").nth(1)?.split('"').next()?.to_owned();
            let kind = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-type:").map(|v| v.trim().to_owned()))
                .unwrap_or_default();
            parts.push((name, kind, part[split + 4..].to_vec()));
        }
        Some(parts)
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Beside `Date`, `Content-Length` and `Connection`, which are added when it is written.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// With a JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json; charset=utf-8", body.to_string())
    }

    /// With any body.
    pub fn text(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("Content-Type".to_owned(), content_type.to_owned())], body: body.into() }
    }

    /// Without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// The page of HTML that gateways answer with.
    pub fn gateway(status: u16) -> Self {
        Self::text(status, "text/html", format!("<html><body><h1>{status}</h1><hr>nginx</body></html>"))
    }

    /// With one more header, which replaces one of the same name.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The bytes on the wire, with `date` in the form HTTP wants.
    pub fn wire(&self, date: &str) -> (Vec<u8>, &[u8]) {
        let mut head = format!("HTTP/1.1 {} Fake\r\nDate: {date}\r\nConnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.status != 304 && self.status != 204 {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        (head.into_bytes(), &self.body)
    }

    /// Writes it and closes the connection.
    pub async fn write(&self, stream: &mut TcpStream, date: &str) -> io::Result<()> {
        let (head, body) = self.wire(date);
        stream.write_all(&head).await?;
        stream.write_all(body).await?;
        stream.shutdown().await
    }
}

/// Where `what` first stands in `bytes`.
pub fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Decodes `%20` and the like; `+` stays.
pub fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Reads one request; `None` when the client sends none, or nonsense.
pub async fn read_request(stream: &mut TcpStream) -> Option<Request> {
    let mut buffer = Vec::new();
    let end = loop {
        if let Some(end) = find(&buffer, b"\r\n\r\n") {
            break end;
        }
        if buffer.len() > HEAD_CAP || stream.read_buf(&mut buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = std::str::from_utf8(&buffer[..end]).ok()?.to_owned();
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut request = Request {
        path: decoded(path),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        method,
        target: target.clone(),
        headers,
        body: Vec::new(),
    };
    let rest = buffer.split_off(end + 4);
    request.body = read_body(stream, &request.headers, rest).await?;
    Some(request)
}

/// Reads the body that these headers announce; `rest` came with the head.
pub async fn read_body(stream: &mut TcpStream, headers: &[(String, String)], mut rest: Vec<u8>) -> Option<Vec<u8>> {
    let header = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    if header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        let mut body = Vec::new();
        loop {
            while find(&rest, b"\r\n").is_none() {
                if stream.read_buf(&mut rest).await.ok()? == 0 {
                    return None;
                }
            }
            let line = find(&rest, b"\r\n")?;
            let size = std::str::from_utf8(&rest[..line]).ok()?.split(';').next()?.trim();
            let size = usize::from_str_radix(size, 16).ok().filter(|size| body.len() + size <= BODY_CAP)?;
            while rest.len() < line + 2 + size + 2 {
                if stream.read_buf(&mut rest).await.ok()? == 0 {
                    return None;
                }
            }
            body.extend_from_slice(&rest[line + 2..line + 2 + size]);
            rest.drain(..line + 2 + size + 2);
            if size == 0 {
                return Some(body);
            }
        }
    }
    let length: usize = header("content-length").unwrap_or("0").parse().ok().filter(|length| *length <= BODY_CAP)?;
    while rest.len() < length {
        if stream.read_buf(&mut rest).await.ok()? == 0 {
            return None;
        }
    }
    rest.truncate(length);
    Some(rest)
}
