//! A scripted server on the loopback for tests: it speaks raw TCP, so that it can also break off, hang and lie.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::{Http, Settings};
use crate::clock::FakeClock;

/// What the server does with a connection.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Closes without reading.
    Shut,
    /// Writes these bytes without waiting for a request, then reads what comes.
    Greet(Vec<u8>),
    /// Reads the request and closes.
    Close,
    /// Reads the request and keeps silent.
    Hang,
    /// Reads the request, writes these bytes and closes.
    Bytes(Vec<u8>),
    /// Reads the request, writes the first and then the second for ever, with a pause between.
    Drip(Vec<u8>, Vec<u8>),
}

impl Reply {
    /// A whole answer.
    pub(crate) fn answer(status: &str, headers: &[&str], body: &[u8]) -> Self {
        let mut bytes = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
        for line in headers {
            bytes.push_str(line);
            bytes.push_str("\r\n");
        }
        bytes.push_str("\r\n");
        Self::Bytes([bytes.as_bytes(), body].concat())
    }
}

/// The server: its address and the requests it read, as text.
pub(crate) struct Server {
    pub at: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
}

impl Server {
    /// Starts it; `script` is asked with the whole request (empty: before anything is read; then
    /// only [`Reply::Shut`] and [`Reply::Greet`] count).
    pub(crate) async fn start(script: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (seen, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let (log, count, script) = (Arc::clone(&seen), Arc::clone(&connections), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *count.lock().unwrap() += 1;
                let (log, script) = (Arc::clone(&log), Arc::clone(&script));
                tokio::spawn(async move { serve(stream, &log, &*script).await });
            }
        });
        Self { at, seen, connections }
    }

    /// The same, with one reply for all.
    pub(crate) async fn always(reply: Reply) -> Self {
        Self::start(move |_| reply.clone()).await
    }

    /// A URL on it.
    pub(crate) fn url(&self, path: &str) -> Url {
        format!("http://{}{path}", self.at).parse().unwrap()
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// How many connections were made so far.
    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    /// A client that may reach this server.
    pub(crate) fn http(&self) -> Http {
        http(&[self], &[])
    }
}

async fn serve(mut stream: TcpStream, log: &Mutex<Vec<String>>, script: &(dyn Fn(&str) -> Reply + Send + Sync)) {
    match script("") {
        Reply::Shut => return,
        Reply::Greet(bytes) => {
            let _ = stream.write_all(&bytes).await;
            while stream.read(&mut [0; 4_096]).await.is_ok_and(|count| count > 0) {}
            return;
        }
        _ => {}
    }
    let Some(request) = read_request(&mut stream).await else { return };
    let reply = script(&request);
    log.lock().unwrap().push(request);
    match reply {
        Reply::Shut | Reply::Greet(_) | Reply::Close => {}
        Reply::Hang => std::future::pending().await,
        Reply::Bytes(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            // Lets the other side read to the end before the socket is reset.
            let _ = stream.read(&mut [0; 64]).await;
        }
        Reply::Drip(first, again) => {
            let _ = stream.write_all(&first).await;
            while stream.write_all(&again).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

/// Reads a head and as much body as it announces.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4_096];
        let count = stream.read(&mut part).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Some(text);
        }
    }
}

/// A client that may reach those servers; `named` are the config's URLs. Its clock stands at noon of 2026-11-25.
pub(crate) fn http(servers: &[&Server], named: &[Url]) -> Http {
    let settings =
        Settings { allow_private: servers.iter().map(|server| server.at.to_string()).collect(), ..Settings::default() };
    Http::build(&settings, named, Arc::new(FakeClock::at("2026-11-25T12:00:00Z".parse().unwrap()))).unwrap()
}
