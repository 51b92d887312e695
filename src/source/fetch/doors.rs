//! Every address inside, in every spelling, through every door by which an address comes in: a feed's URL, a redirect, a
//! picture or page named by content. Listeners on this machine count who gets through: nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::http::testing::{Reply, Server, http};

/// First and last address of every closed range (reliability.md section 7), and this machine's.
const CLOSED: [&str; 47] = [
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.0",
    "10.255.255.255",
    "100.64.0.0",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.169.254",
    "169.254.255.255",
    "172.16.0.0",
    "172.31.255.255",
    "192.0.0.0",
    "192.0.2.255",
    "192.88.99.0",
    "192.168.0.0",
    "192.168.255.255",
    "198.18.0.0",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.0",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1:7f00:0:100::",
    "100::1",
    "2001::1",
    "2001:1ff:ffff::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fdff:ffff::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
];

/// How a URL may write an address.
fn spellings(address: &str) -> Vec<String> {
    let Ok(ip) = address.parse::<std::net::Ipv4Addr>() else {
        let full = address.parse::<std::net::Ipv6Addr>().expect("an address").segments();
        let full: Vec<String> = full.iter().map(|part| format!("{part:04X}")).collect();
        return vec![format!("[{address}]"), format!("[{}]", full.join(":"))];
    };
    let [a, b, c, d] = ip.octets();
    let number = u32::from(ip);
    vec![
        address.to_owned(),
        format!("{address}."),
        number.to_string(),
        format!("{number:#x}"),
        format!("{a:#o}.{b}.{c}.{d}").replace("0o", "0"),
        format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
        format!("{a}.{}", number & 0xff_ffff),
        format!("{a}.{b}.{}", number & 0xffff),
        address.replace('1', "%31"),
        address.replace('0', "⓪").replace('.', "。"),
        format!("news.example@{address}"),
        format!("news.example%40{address}"),
        format!("[::ffff:{address}]"),
        format!("[::{address}]"),
        format!("[64:ff9b::{address}]"),
        format!("[2002:{:x}:{:x}::]", number >> 16, number & 0xffff),
    ]
}

/// Counts who connects to this machine at a port, by both families.
async fn listen() -> (u16, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let first = tokio::net::TcpListener::bind("0.0.0.0:0").await.expect("a port");
    let port = first.local_addr().expect("it is bound").port();
    // A machine without IPv6 has no second door.
    let second = tokio::net::TcpListener::bind(("::1", port)).await.ok();
    for listener in [Some(first), second].into_iter().flatten() {
        let count = Arc::clone(&count);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    (port, count)
}

#[tokio::test]
async fn nobody_gets_inside_by_any_address_spelling_or_door() {
    let (port, count) = listen().await;
    let mut urls = Vec::new();
    let names = ["localhost", "LOCALHOST.", "a.localhost"].map(str::to_owned);
    for host in CLOSED.iter().flat_map(|address| spellings(address)).chain(names) {
        // The listeners' port, and the one that content may use.
        urls.push(format!("http://{host}:{port}/"));
        urls.push(format!("http://{host}/"));
    }
    let targets = Arc::new(urls.clone());
    let server = Server::start(move |request| {
        // Asked before anything was read, too.
        if request.is_empty() {
            return Reply::Close;
        }
        let path = path_of(request);
        let (status, n) = path.trim_start_matches('/').split_once('/').expect("a status and a number");
        let to = &targets[n.parse::<usize>().expect("a number")];
        // A header is bytes: what is not ASCII stands in it as UTF-8.
        Reply::answer(&format!("{status} Moved"), &[&format!("Location: {to}")], b"")
    })
    .await;
    let (closed, open) = (http(&[], &[]), server.http());
    let none = Validators::default();
    let mut asked = 0;
    for (n, url) in urls.iter().enumerate() {
        let feed = fetch(&closed, url, &none, Path::new(".")).await;
        assert!(matches!(&feed, Fetched::Failed { kind: FailKind::Refused, .. }), "feed {url}: {feed:?}");
        if let Ok(parsed) = url.parse::<Url>() {
            let mut call = Call::get(parsed);
            call.trust = Trust::Content;
            let picture = closed.read_or_fault(call).await;
            assert!(matches!(picture, Err(Fault::Refused(_))), "picture {url}: {picture:?}");
        }
        for status in ["301", "307"] {
            let hop = fetch(&open, server.url(&format!("/{status}/{n}")).as_str(), &none, Path::new(".")).await;
            asked += 1;
            let refused = match &hop {
                Fetched::Failed { kind: FailKind::Refused, .. } => true,
                // No URL at all.
                Fetched::Failed { kind: FailKind::Http { status: 301 | 307 }, .. } => url.parse::<Url>().is_err(),
                _ => false,
            };
            assert!(refused, "redirect {status} {url}: {hop:?}");
        }
    }
    assert_eq!(count.load(Ordering::SeqCst), 0, "somebody got inside");
    assert_eq!(server.seen().len(), asked, "each redirect was asked once, and nothing else");
    assert!(asked > 1_500, "{asked}");
}

fn path_of(request: &str) -> String {
    request.split(' ').nth(1).unwrap_or_default().to_owned()
}
