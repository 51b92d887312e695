//! `bugle health`: asks the service on this machine whether it is well. For a container's health check, so it is one
//! plain request over TCP and needs nothing but the address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Call, Exit, Trouble, say};

/// The longest the service may take to answer, 5 s.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most bytes read of the answer, 64 KiB.
const CAP: u64 = 64 * 1024;

/// `bugle health` takes nothing.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Asks.
///
/// # Errors
/// Where the service does not answer, or says that it is not well.
pub async fn run(_args: Args, call: &Call) -> anyhow::Result<Exit> {
    let at = near(listen(call)?);
    let failed = |said: String| Trouble::failed(format!("http://{at}/healthz: {said}"));
    let answer = tokio::time::timeout(PATIENCE, ask(at)).await;
    let answer = answer
        .map_err(|_| failed(format!("no answer within {} s", PATIENCE.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    let (status, body) = read(&answer).ok_or_else(|| failed("expected an answer of HTTP, found none".to_owned()))?;
    if status != 200 {
        return Err(failed(format!("the service answers {status} {}", body.trim())).into());
    }
    if call.json {
        say(json!({ "healthy": true }))?
    } else {
        say("healthy")?
    }
    Ok(Exit::Done)
}

/// Where the service listens. A file with a fault is read as far as it goes: the service runs on with the last good one
/// and is none the worse for it.
fn listen(call: &Call) -> anyhow::Result<SocketAddr> {
    match super::config(call) {
        Ok(config) => Ok(config.web.listen),
        Err(faults) => match stated(&call.config) {
            Some(listen) => Ok(listen),
            None => Err(faults.into()),
        },
    }
}

/// `web.listen` of a file that may have faults elsewhere.
fn stated(path: &Path) -> Option<SocketAddr> {
    let table: toml::Table = std::fs::read_to_string(path).ok()?.parse().ok()?;
    match table.get("web").and_then(|web| web.get("listen")) {
        Some(listen) => listen.as_str()?.parse().ok(),
        None => Some(crate::web::Settings::default().listen),
    }
}

/// An address that can be dialled: one that stands for all is reached by the loopback.
fn near(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn ask(at: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(at).await?;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(CAP).read_to_end(&mut answer).await?;
    Ok(answer)
}

/// Status and body of an answer.
fn read(answer: &[u8]) -> Option<(u16, String)> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut first = head.lines().next()?.split(' ');
    let version = first.next()?;
    let status = first.next()?.parse().ok()?;
    version.starts_with("HTTP/1.").then(|| (status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_for_all_is_asked_on_the_loopback() {
        for (listen, expected) in
            [("0.0.0.0:8080", "127.0.0.1:8080"), ("[::]:8080", "[::1]:8080"), ("10.0.0.5:80", "10.0.0.5:80")]
        {
            assert_eq!(near(listen.parse().unwrap()).to_string(), expected);
        }
    }

    #[test]
    fn answers_are_read() {
        assert_eq!(read(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nok"), Some((200, "ok".to_owned())));
        assert_eq!(read(b"HTTP/1.1 503 Service Unavailable\r\n\r\nstore"), Some((503, "store".to_owned())));
        assert_eq!(read(b"SSH-2.0-x\r\n\r\n"), None);
        assert_eq!(read(b""), None);
    }

    #[test]
    fn a_faulty_file_still_says_where_the_service_listens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.toml");
        for (text, expected) in [
            ("[web]\nlisten = \"127.0.0.1:9\"\n[nonsense]\n", Some("127.0.0.1:9")),
            ("[nonsense]\n", Some("127.0.0.1:8080")),
            ("[web]\nlisten = 1\n", None),
            ("[web", None),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(stated(&path).map(|at| at.to_string()).as_deref(), expected, "{text}");
        }
    }

    async fn server(answer: &'static [u8]) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let count = stream.read(&mut request).await.unwrap();
            assert!(request[..count].starts_with(b"GET /healthz HTTP/1.1\r\n"));
            stream.write_all(answer).await.unwrap();
        });
        at
    }

    #[tokio::test]
    async fn the_service_decides_the_exit_code() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("b.toml");
        for (answer, healthy) in [
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"[..], true),
            (&b"HTTP/1.1 503 Service Unavailable\r\n\r\nstore"[..], false),
            (&b""[..], false),
        ] {
            let at = server(answer).await;
            std::fs::write(&config, format!("[web]\nlisten = \"{at}\"\n")).unwrap();
            let call = Call { config: config.clone(), json: false };
            assert_eq!(run(Args {}, &call).await.is_ok(), healthy, "{}", String::from_utf8_lossy(answer));
        }
    }
}
