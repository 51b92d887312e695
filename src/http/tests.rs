//! The client against real sockets: what left, what did not, and who may be reached.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use secrecy::SecretString;
use url::Url;

use super::testing::{Reply, Server};
use super::*;
use crate::clock::SystemClock;

const SECRET: &str = "/bot12345:AAsecret/sendMessage";

/// A client whose names are looked up by `lookup`.
fn named(
    settings: &Settings,
    urls: &[Url],
    lookup: impl Fn(&str) -> Vec<&'static str> + Send + Sync + 'static,
) -> Http {
    let lookup: resolve::Lookup = Arc::new(move |name| {
        let found: Vec<IpAddr> = lookup(&name).into_iter().map(|ip| ip.parse().unwrap()).collect();
        Box::pin(async move { if found.is_empty() { Err(std::io::Error::other("no such name")) } else { Ok(found) } })
    });
    Http::with_lookup(settings, urls, Arc::new(SystemClock::new()), lookup).unwrap()
}

fn opened(server: &Server) -> Settings {
    Settings { allow_private: vec![server.at.to_string()], ..Settings::default() }
}

fn post(url: Url) -> Call {
    Call { timeout: Duration::from_secs(20), ..Call::new(Method::POST, url).body("text/plain", "hello") }
}

fn content(url: Url) -> Call {
    Call { trust: Trust::Content, ..Call::get(url) }
}

#[tokio::test]
async fn a_change_is_sent_once_with_our_name_and_read_whole() {
    let server = Server::always(Reply::answer("200 OK", &["Date: Wed, 25 Nov 2026 12:00:00 GMT"], b"done")).await;
    let http = server.http();
    let answer = http.change(post(server.url("/x?y=1")).bearer(&SecretString::from("t0ken"))).await.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "done"));
    assert_eq!(answer.date(), "2026-11-25T12:00:00Z".parse().ok());
    let request = server.seen().pop().unwrap();
    assert!(request.starts_with("POST /x?y=1 HTTP/1.1\r\n"), "{request}");
    for line in ["authorization: Bearer t0ken", "content-type: text/plain", "user-agent: Bugle/"] {
        assert!(request.contains(line), "{line} in {request}");
    }
    assert!(!request.to_lowercase().contains("accept-encoding"), "{request}");
    assert!(request.ends_with("\r\n\r\nhello"), "{request}");
    http.change(post(server.url("/x"))).await.unwrap();
    assert_eq!((server.seen().len(), server.connections()), (2, 2));
}

#[tokio::test]
async fn a_change_that_got_no_answer_is_unclear_and_not_repeated() {
    let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes".to_vec();
    let mut many = b"HTTP/1.1 200 OK\r\n".to_vec();
    (0..150).for_each(|n| many.extend_from_slice(format!("x-{n}: 1\r\n").as_bytes()));
    many.extend_from_slice(b"\r\n");
    let mut wide = b"HTTP/1.1 200 OK\r\n".to_vec();
    (0..40).for_each(|n| wide.extend_from_slice(format!("x-{n}: {}\r\n", "a".repeat(2_000)).as_bytes()));
    wide.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    let drip = |head: &[u8], more: &[u8]| Reply::Drip(head.to_vec(), more.to_vec());
    let cases = [
        ("closed unread", Reply::Shut, 0),
        ("closed after reading", Reply::Close, 1),
        ("silent", Reply::Hang, 1),
        ("half a head", Reply::Bytes(whole[..20].to_vec()), 1),
        ("half a body", Reply::Bytes(whole[..whole.len() - 1].to_vec()), 1),
        ("garbage", Reply::Bytes(b"\0\x01 not http at all\r\n\r\n".to_vec()), 1),
        ("too many header lines", Reply::Bytes(many), 1),
        ("too wide headers", Reply::Bytes(wide), 1),
        ("endless headers", drip(b"HTTP/1.1 200 OK\r\n", b"x: 1\r\n"), 1),
        ("drip", drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"a"), 1),
        ("stated too large", Reply::answer("200 OK", &[], &[b'a'; 2_000]), 1),
        ("too large unstated", drip(b"HTTP/1.1 200 OK\r\n\r\n", &[b'a'; 300]), 1),
        ("unknown coding", Reply::answer("200 OK", &["Content-Encoding: zstd"], b"abc"), 1),
        ("coded twice", Reply::answer("200 OK", &["Content-Encoding: gzip, gzip"], b"abc"), 1),
    ];
    // At once: three of them last as long as the time-out, which is ample so that a busy machine does not matter.
    let trials = cases.into_iter().map(|(name, reply, requests)| async move {
        let server = Server::always(reply).await;
        let call = Call { timeout: Duration::from_secs(2), cap: 1_000, ..post(server.url(SECRET)) };
        let error = server.http().change(call).await.unwrap_err();
        assert!(matches!(error, CallError::Unclear(_)), "{name}: {error:?}");
        assert!(!error.to_string().contains("AAsecret"), "{name}: {error}");
        assert_eq!((server.seen().len(), server.connections()), (requests, 1), "{name}");
    });
    futures_util::future::join_all(trials).await;
}

#[tokio::test]
async fn what_certainly_did_not_leave_says_so() {
    let closed = Server::always(Reply::Hang).await;
    // Bound and not listened on: it refuses, and nobody else can get it meanwhile.
    let deaf = tokio::net::TcpSocket::new_v4().unwrap();
    deaf.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = deaf.local_addr().unwrap().port();
    let settings =
        Settings { allow_private: vec![closed.at.to_string(), format!("127.0.0.1:{port}")], ..Settings::default() };
    let http = named(&settings, &[], |_| Vec::new());
    let babbler = Server::always(Reply::Greet(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())).await;
    let tls = named(&opened(&babbler), &[], |_| Vec::new());
    for (name, http, url) in [
        ("refused port", &http, format!("http://127.0.0.1:{port}{SECRET}")),
        ("unknown name", &http, format!("https://api.example{SECRET}")),
        ("closed address", &http, format!("http://10.0.0.1{SECRET}")),
        ("TLS with one who does not speak it", &tls, format!("https://{}{SECRET}", babbler.at)),
        ("no web", &http, format!("ftp://api.example{SECRET}")),
    ] {
        for error in [
            http.change(post(url.parse().unwrap())).await.unwrap_err(),
            http.read(Call::get(url.parse().unwrap())).await.unwrap_err(),
        ] {
            assert!(matches!(error, CallError::NotSent(_)), "{name}: {error:?}");
            assert!(!error.to_string().contains("AAsecret"), "{name}: {error}");
        }
    }
    let bad = Call::get(closed.url("/")).bearer(&SecretString::from("line\nbreak"));
    assert!(matches!(http.read(bad).await, Err(CallError::NotSent(said)) if said.contains("authorization")));
    let bad = Call::new(Method::POST, closed.url("/")).body("no\nkind", "x");
    assert!(matches!(http.change(bad).await, Err(CallError::NotSent(_))));
    assert_eq!(closed.connections(), 0);
}

#[tokio::test]
async fn a_connection_that_is_never_accepted_ends_as_not_sent() {
    // TLS to a server that stays silent: the handshake, part of connecting, never ends.
    let server = Server::always(Reply::Hang).await;
    let url = format!("https://{}/", server.at).parse().unwrap();
    let call = Call { timeout: Duration::from_millis(300), ..post(url) };
    let error = server.http().change(call).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent(_)), "{error:?}");
}

/// A TLS server for one connection after another; tells the protocol each of them agreed on.
fn tls_server() -> (std::net::SocketAddr, std::sync::mpsc::Receiver<Option<Vec<u8>>>) {
    use std::io::{Read as _, Write as _};

    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    let chain = CertificateDer::from_pem_slice(include_bytes!("fixtures/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("fixtures/server.key")).unwrap();
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            if stream.read(&mut [0; 4_096]).is_ok() {
                let _ = tell.send(stream.conn.alpn_protocol().map(<[u8]>::to_vec));
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsafe");
            }
        }
    });
    (at, told)
}

#[tokio::test]
async fn tls_trusts_the_companys_authority_and_no_stranger() {
    let (at, told) = tls_server();
    let stranger = Settings { allow_private: vec![at.to_string()], ..Settings::default() };
    let ca = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/fixtures/ca.pem");
    let company = Settings { extra_ca_file: Some(ca), ..stranger.clone() };
    let url: Url = format!("https://{at}/").parse().unwrap();
    let error = named(&stranger, &[], |_| Vec::new()).change(post(url.clone())).await.unwrap_err();
    assert!(matches!(&error, CallError::NotSent(said) if said.contains("certificate")), "{error:?}");
    let http = named(&company, &[], |_| Vec::new());
    assert_eq!(http.change(post(url.clone())).await.unwrap().text(), "safe");
    // Changes speak HTTP/1.1 alone; reads prefer HTTP/2, which this server then does not speak after all.
    assert_eq!(told.recv().unwrap(), Some(b"http/1.1".to_vec()));
    assert!(http.read(Call::get(url)).await.is_err());
    assert_eq!(told.recv().unwrap(), Some(b"h2".to_vec()));
}

#[tokio::test]
async fn redirects_are_answers() {
    let server = Server::always(Reply::answer("301 Moved", &["Location: http://10.0.0.1/"], b"")).await;
    let answer = server.http().read(Call::get(server.url("/"))).await.unwrap();
    assert_eq!((answer.status, answer.header("location")), (301, Some("http://10.0.0.1/")));
}

#[tokio::test]
async fn codings_are_undone_and_bombs_are_not() {
    // `gzip` of 100,000 zeros, made with Python's gzip module.
    let gzip: Vec<u8> = [
        &[31_u8, 139, 8, 0, 0, 0, 0, 0, 2, 3, 237, 193, 49, 1, 0, 0, 0, 194, 160, 245, 79, 109, 13, 15, 160][..],
        &[0; 96],
        &[128, 87, 3, 125, 149, 17, 212, 160, 134, 1, 0],
    ]
    .concat();
    let server = Server::always(Reply::answer("200 OK", &["Content-Encoding: gzip"], &gzip)).await;
    let http = server.http();
    let answer = http.read(Call::get(server.url("/"))).await.unwrap();
    assert_eq!(answer.body, vec![0; 100_000]);
    assert!(server.seen()[0].to_lowercase().contains("accept-encoding: gzip"), "{:?}", server.seen());
    let small = Call { cap: 99_999, ..Call::get(server.url("/")) };
    assert!(matches!(http.read_or_fault(small).await, Err(Fault::TooLarge(_))));
    let bare = Server::always(Reply::answer("304 Not Modified", &["Content-Encoding: gzip"], b"")).await;
    assert_eq!(bare.http().read(Call::get(bare.url("/"))).await.unwrap().status, 304);
}

#[tokio::test]
async fn only_what_the_config_names_reaches_inside() {
    let server = Server::always(Reply::answer("200 OK", &[], b"in")).await;
    let port = server.at.port();
    let url = |host: &str| -> Url { format!("http://{host}:{port}/x").parse().unwrap() };
    let http = named(&opened(&server), &[url("named.example")], |_| vec!["127.0.0.1"]);
    // The config's own URL, by name and by address; a name of content that the config names too.
    for call in [Call::get(url("any.example")), Call::get(url("127.0.0.1")), content(url("named.example"))] {
        assert_eq!(http.read(call.clone()).await.unwrap().text(), "in", "{call:?}");
        assert_eq!(http.change(call.clone()).await.unwrap().text(), "in", "{call:?}");
    }
    let before = server.connections();
    // Connections to the inside are kept by now; none of these may ride on them.
    for call in [
        content(url("any.example")),
        content(url("127.0.0.1")),
        content(format!("http://named.example:{}/", port.wrapping_add(1).max(1_024)).parse().unwrap()),
        Call::get("http://any.example/".parse().unwrap()),
    ] {
        assert!(matches!(http.read_or_fault(call.clone()).await, Err(Fault::Refused(_))), "{call:?}");
        assert!(matches!(http.change(call.clone()).await, Err(CallError::NotSent(_))), "{call:?}");
    }
    assert_eq!(server.connections(), before);
}

#[tokio::test]
async fn a_name_with_addresses_in_and_out_is_refused_whole() {
    let server = Server::always(Reply::answer("200 OK", &[], b"in")).await;
    let http = named(&Settings::default(), &[], |_| vec!["8.8.8.8", "127.0.0.1"]);
    let url = format!("http://both.example:{}/", server.at.port()).parse().unwrap();
    assert!(matches!(http.read_or_fault(Call::get(url)).await, Err(Fault::Refused(_))));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_is_looked_up_once_for_a_connection_and_what_it_says_then_is_dialled() {
    let server = Server::always(Reply::answer("200 OK", &[], b"in")).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    // Public at the first look, inside at the second: the second connection is refused, nothing reaches the server.
    let flip =
        move |_: &str| if count.fetch_add(1, Ordering::SeqCst) == 0 { vec!["127.0.0.1"] } else { vec!["10.0.0.1"] };
    let http = named(&opened(&server), &[], flip);
    let url: Url = format!("http://flip.example:{}/", server.at.port()).parse().unwrap();
    assert!(http.change(Call::get(url.clone())).await.is_ok());
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert!(matches!(http.change(Call::get(url)).await, Err(CallError::NotSent(_))));
    assert_eq!((asked.load(Ordering::SeqCst), server.connections()), (2, 1));
}

#[tokio::test]
async fn a_proxy_gets_the_public_calls_and_no_others() {
    let proxy = Server::always(Reply::answer("200 OK", &[], b"by proxy")).await;
    let inside = Server::always(Reply::answer("200 OK", &[], b"direct")).await;
    let settings = Settings {
        allow_private: vec![inside.at.to_string()],
        proxy: Some(format!("http://proxy.example:{}/", proxy.at.port()).parse().unwrap()),
        extra_ca_file: None,
    };
    let http = named(&settings, &[], |name| match name {
        "proxy.example" => vec!["127.0.0.1"],
        "out.example" => vec!["8.8.8.8"],
        "in.example" => vec!["10.0.0.1"],
        _ => Vec::new(),
    });
    let get = |url: &str| Call::get(url.parse().unwrap());
    assert_eq!(http.read(get("http://out.example/a")).await.unwrap().text(), "by proxy");
    assert_eq!(http.change(get("http://8.8.8.8/b")).await.unwrap().text(), "by proxy");
    assert_eq!(http.read(get("http://hidden.example/c")).await.unwrap().text(), "by proxy");
    assert_eq!(http.read(Call::get(inside.url("/d"))).await.unwrap().text(), "direct");
    assert_eq!(http.change(Call::get(inside.url("/d"))).await.unwrap().text(), "direct");
    for call in [get("http://in.example/"), get("http://10.0.0.1/"), get("http://127.0.0.1/")] {
        assert!(matches!(http.read_or_fault(call).await, Err(Fault::Refused(_))));
    }
    assert!(http.read(content("http://hidden.example/".parse().unwrap())).await.is_err());
    let seen: Vec<String> = proxy.seen().iter().filter_map(|r| Some(r.lines().next()?.to_owned())).collect();
    let expected = ["http://out.example/a", "http://8.8.8.8/b", "http://hidden.example/c"];
    assert_eq!(seen, expected.map(|url| format!("GET {url} HTTP/1.1")));
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    let clock: SharedClock = Arc::new(SystemClock::new());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, "no certificate here").unwrap();
    for (settings, part) in [
        (Settings { allow_private: vec!["nonsense".to_owned()], ..Settings::default() }, "allow_private"),
        (Settings { proxy: "socks5://127.0.0.1:1080".parse().ok(), ..Settings::default() }, "proxy"),
        (Settings { extra_ca_file: Some(file), ..Settings::default() }, "ca.pem"),
        (Settings { extra_ca_file: Some(folder.path().join("none.pem")), ..Settings::default() }, "none.pem"),
    ] {
        let said = Http::build(&settings, &[], Arc::clone(&clock)).err().map(|error| error.to_string());
        assert!(said.as_ref().is_some_and(|said| said.contains(part)), "{part}: {said:?}");
    }
}

#[test]
fn a_call_printed_keeps_its_secrets() {
    let call = Call::get(format!("https://api.telegram.org{SECRET}?q=AAsecret").parse().unwrap())
        .header("x-key", "AAsecret")
        .bearer(&SecretString::from("AAsecret"))
        .body("application/json", "AAsecret");
    let shown = format!("{call:?}");
    assert!(!shown.contains("AAsecret"), "{shown}");
    assert!(shown.contains("https://api.telegram.org:443"), "{shown}");
}

#[test]
fn a_drip_is_known_after_ten_seconds() {
    for (ms, bytes, slow) in [
        (9_999, 0, false),
        (10_000, 0, false),
        (10_001, 10_239, true),
        (10_001, 10_240, false),
        (20_000, 20_479, true),
        (20_000, 20_480, false),
    ] {
        assert_eq!(too_slow(Duration::from_millis(ms), bytes), slow, "{ms} {bytes}");
    }
}

#[tokio::test]
async fn reads_share_connections_and_changes_do_not() {
    // A server that keeps its connections open: only then is a reused one visible.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                while stream.read(&mut [0; 4_096]).await.is_ok_and(|n| n > 0) {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
                }
            });
        }
    });
    let settings = Settings { allow_private: vec![at.to_string()], ..Settings::default() };
    let http = named(&settings, &[], |_| Vec::new());
    let url: Url = format!("http://{at}/").parse().unwrap();
    for _ in 0..3 {
        http.change(Call::get(url.clone())).await.unwrap();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
    for _ in 0..3 {
        http.read(Call::get(url.clone())).await.unwrap();
    }
    assert!(connections.load(Ordering::SeqCst) < 6);
}
