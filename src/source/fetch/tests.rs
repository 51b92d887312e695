//! Fetching from real sockets and files.

use super::*;
use crate::http::testing::{Reply, Server, http};

const FEED: &[u8] = b"<rss/>";

fn root() -> &'static Path {
    Path::new("/nonexistent")
}

async fn get(http: &Http, url: Url, validators: &Validators) -> Fetched {
    fetch(http, url.as_str(), validators, root()).await
}

/// The kind of a failure, or what came instead.
fn kind(fetched: Fetched) -> FailKind {
    match fetched {
        Fetched::Failed { kind, .. } => kind,
        other => panic!("expected a failure, found {other:?}"),
    }
}

/// The path of a request.
fn path(request: &str) -> String {
    request.split(' ').nth(1).unwrap_or_default().to_owned()
}

fn redirect(status: &str, to: &str) -> Reply {
    Reply::answer(status, &[&format!("Location: {to}")], b"")
}

#[tokio::test]
async fn a_body_then_the_same_by_validator_then_the_same_by_hash_then_another() {
    let server = Server::start(|request| {
        let asks = request.to_lowercase();
        if path(request) == "/new" {
            Reply::answer("200 OK", &["ETag: W/\"2\""], b"<rss>new</rss>")
        } else if asks.contains("if-none-match: w/\"1 odd") && asks.contains("if-modified-since: yesterday, sort of") {
            Reply::answer("304 Not Modified", &["Last-Modified: today, sort of"], b"")
        } else {
            let headers = ["ETag: W/\"1 odd", "Last-Modified: yesterday, sort of", "Content-Type: text/xml"];
            Reply::answer("200 OK", &headers, FEED)
        }
    })
    .await;
    let http = server.http();
    let Fetched::Body { bytes, content_type, validators, final_url, moved, .. } =
        get(&http, server.url("/f"), &Validators::default()).await
    else {
        panic!("no body");
    };
    assert_eq!((bytes.as_slice(), content_type.as_deref(), moved), (FEED, Some("text/xml"), None));
    assert_eq!(final_url, Some(server.url("/f")));
    assert_eq!(validators.etag.as_deref(), Some("W/\"1 odd"));
    assert_eq!(validators.body_hash.as_deref().map(str::len), Some(64));
    assert!(server.seen()[0].contains(&format!("accept: {ACCEPTED}\r\n")), "{:?}", server.seen());

    let kept = Validators { last_modified: Some("today, sort of".to_owned()), ..validators.clone() };
    let same = get(&http, server.url("/f"), &validators).await;
    assert_eq!(same, Fetched::Unchanged { validators: kept, heard: Heard::default(), moved: None });

    // A server that forgot its validators but sends the same bytes.
    let only_hash = Validators { etag: None, last_modified: None, ..validators.clone() };
    let same = get(&http, server.url("/f"), &only_hash).await;
    assert_eq!(same, Fetched::Unchanged { validators: validators.clone(), heard: Heard::default(), moved: None });

    // Both values are replaced, also by nothing.
    let Fetched::Body { validators: next, .. } = get(&http, server.url("/new"), &validators).await else {
        panic!("no body");
    };
    assert_eq!((next.etag.as_deref(), next.last_modified), (Some("W/\"2\""), None));
    assert_ne!(next.body_hash, validators.body_hash);
}

#[tokio::test]
async fn redirects_are_followed_and_only_permanent_ones_move() {
    let server = Server::start(|request| match path(request).as_str() {
        "/301" => redirect("301 Moved Permanently", "/308"),
        "/308" => redirect("308 Permanent Redirect", "end#part"),
        "/302" => redirect("302 Found", "/end"),
        "/303" => redirect("303 See Other", "/end"),
        "/mixed" => redirect("301 Moved Permanently", "/302"),
        "/late" => redirect("307 Temporary Redirect", "/301"),
        "/same" => redirect("301 Moved Permanently", "/kept"),
        "/kept" => Reply::answer("304 Not Modified", &[], b""),
        "/end" => Reply::answer("200 OK", &[], FEED),
        _ => Reply::answer("404 Not Found", &[], b""),
    })
    .await;
    let http = server.http();
    for (from, permanent) in
        [("/301", true), ("/308", true), ("/302", false), ("/303", false), ("/mixed", false), ("/late", false)]
    {
        let fetched = get(&http, server.url(from), &Validators::default()).await;
        let Fetched::Body { final_url, moved, .. } = fetched else { panic!("{from}: {fetched:?}") };
        assert_eq!(final_url, Some(server.url("/end")), "{from}");
        assert_eq!(moved, permanent.then(|| server.url("/end")), "{from}");
    }
    let known = Validators { etag: Some("\"1\"".to_owned()), ..Validators::default() };
    let kept = get(&http, server.url("/same"), &known).await;
    assert_eq!(
        kept,
        Fetched::Unchanged { validators: known, heard: Heard::default(), moved: Some(server.url("/kept")) }
    );
}

#[tokio::test]
async fn five_redirects_and_no_more_and_no_circle() {
    let server = Server::start(|request| match path(request).as_str() {
        "/a" => redirect("302 Found", "/b"),
        "/b" => redirect("302 Found", "/a"),
        "/0" => Reply::answer("200 OK", &[], FEED),
        "/nowhere" => Reply::answer("302 Found", &[], b""),
        "/odd" => redirect("302 Found", "http://[nonsense/"),
        number => {
            let n: u32 = number.trim_start_matches('/').parse().unwrap_or(1);
            redirect("301 Moved Permanently", &format!("/{}", n - 1))
        }
    })
    .await;
    let http = server.http();
    let none = Validators::default();
    assert!(matches!(get(&http, server.url("/5"), &none).await, Fetched::Body { .. }));
    for (from, expected) in [
        ("/6", FailKind::TooManyRedirects),
        ("/20", FailKind::TooManyRedirects),
        ("/a", FailKind::TooManyRedirects),
        ("/nowhere", FailKind::Http { status: 302 }),
        ("/odd", FailKind::Http { status: 302 }),
    ] {
        assert_eq!(kind(get(&http, server.url(from), &none).await), expected, "{from}");
    }
}

#[tokio::test]
async fn a_redirect_is_content_and_opens_nothing() {
    let inside = Server::always(Reply::answer("200 OK", &[], FEED)).await;
    let port = inside.at.port();
    let server = Server::start(move |request| match path(request).as_str() {
        "/listed" => redirect("302 Found", &format!("http://127.0.0.1:{port}/")),
        "/metadata" => redirect("302 Found", "http://169.254.169.254/latest/"),
        "/number" => redirect("302 Found", "http://2130706433/"),
        "/localhost" => redirect("302 Found", "http://localhost/"),
        "/user" => redirect("302 Found", "http://news.example@10.0.0.1/"),
        "/file" => redirect("302 Found", "file:///etc/passwd"),
        "/port" => redirect("302 Found", "http://8.8.8.8:25/"),
        _ => Reply::Close,
    })
    .await;
    let none = Validators::default();
    let unnamed = http(&[&server, &inside], &[]);
    for from in ["/listed", "/metadata", "/number", "/localhost", "/user", "/file", "/port"] {
        assert_eq!(kind(get(&unnamed, server.url(from), &none).await), FailKind::Refused, "{from}");
    }
    assert_eq!(inside.connections(), 0);
    // Named by the config as well, the second place may be reached.
    let named = http(&[&server, &inside], &[inside.url("/other")]);
    assert!(matches!(get(&named, server.url("/listed"), &none).await, Fetched::Body { .. }));
}

#[test]
fn a_redirect_never_leaves_https() {
    let answer = |to: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, to.parse().unwrap());
        Answer { status: 301, headers, body: Vec::new() }
    };
    for (from, to, expected) in [
        ("https://a.example/f", "http://a.example/f", None),
        ("https://a.example/f", "//b.example/g", Some("https://b.example/g")),
        ("https://a.example/f/x?q", "../y#z", Some("https://a.example/y")),
        ("http://a.example/f", "https://a.example/f", Some("https://a.example/f")),
    ] {
        let next = target(&from.parse().unwrap(), &answer(to));
        assert_eq!(next.ok().map(String::from).as_deref(), expected, "{from} {to}");
    }
}

#[tokio::test]
async fn failures_have_their_kind_and_the_wait_that_was_asked() {
    let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
    let minute = Some(now + jiff::SignedDuration::from_secs(60));
    let server = Server::start(|request| match path(request).as_str() {
        "/410" => Reply::answer("410 Gone", &[], b""),
        "/moved" => redirect("301 Moved Permanently", "/410"),
        "/away" => redirect("302 Found", "/410"),
        "/429" => Reply::answer("429 Too Many Requests", &["Retry-After: 60"], b""),
        "/429date" => Reply::answer("429 Too Many Requests", &["Retry-After: Wed, 25 Nov 2026 12:01:00 GMT"], b""),
        "/429odd" => Reply::answer("429 Too Many Requests", &["Retry-After: soon"], b""),
        "/503" => Reply::answer("503 Service Unavailable", &["Retry-After: 60"], b""),
        "/404" => Reply::answer("404 Not Found", &[], b""),
        "/206" => Reply::answer("206 Partial Content", &[], FEED),
        "/304" => Reply::answer("304 Not Modified", &[], b""),
        "/half" => Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_vec()),
        "/large" => Reply::answer("200 OK", &[], &vec![b'a'; WIRE + 1]),
        "/endless" => Reply::Drip(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'a'; 1024 * 1024]),
        _ => Reply::Close,
    })
    .await;
    let http = server.http();
    for (from, expected, wait) in [
        ("/410", FailKind::Gone410, None),
        ("/moved", FailKind::Gone410, None),
        ("/away", FailKind::Http { status: 410 }, None),
        ("/429", FailKind::RateLimited { until: minute }, minute),
        ("/429date", FailKind::RateLimited { until: minute }, minute),
        ("/429odd", FailKind::RateLimited { until: None }, None),
        ("/503", FailKind::Http { status: 503 }, minute),
        ("/404", FailKind::Http { status: 404 }, None),
        ("/206", FailKind::Http { status: 206 }, None),
        ("/304", FailKind::Http { status: 304 }, None),
        ("/half", FailKind::Broken, None),
        ("/closed", FailKind::Broken, None),
        ("/large", FailKind::TooLarge, None),
        ("/endless", FailKind::TooLarge, None),
    ] {
        let fetched = get(&http, server.url(from), &Validators::default()).await;
        let Fetched::Failed { kind, retry_after, .. } = fetched else { panic!("{from}: no failure") };
        assert_eq!((kind, retry_after), (expected, wait), "{from}");
    }
}

#[tokio::test]
async fn files_are_read_once_until_they_change() {
    let server = Server::always(Reply::Close).await;
    let http = server.http();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("feed.xml");
    std::fs::write(&file, FEED).unwrap();
    let none = Validators::default();
    let url = Url::from_file_path(&file).unwrap();
    let relative = fetch(&http, "feed.xml", &none, folder.path()).await;
    let Fetched::Body { bytes, validators, final_url, .. } = relative.clone() else { panic!("{relative:?}") };
    assert_eq!((bytes.as_slice(), final_url), (FEED, Some(url.clone())));
    assert_eq!(fetch(&http, url.as_str(), &none, root()).await, relative);
    let same = Fetched::Unchanged { validators: validators.clone(), heard: Heard::default(), moved: None };
    assert_eq!(fetch(&http, "feed.xml", &validators, folder.path()).await, same);
    // Touched, with the same bytes; then with others.
    let touched = Validators { etag: Some("file:6:1".to_owned()), ..validators.clone() };
    assert_eq!(fetch(&http, "feed.xml", &touched, folder.path()).await, same);
    std::fs::write(&file, b"<rss>more</rss>").unwrap();
    assert!(matches!(fetch(&http, "feed.xml", &validators, folder.path()).await, Fetched::Body { .. }));

    std::fs::write(folder.path().join("large"), vec![b'a'; WIRE + 1]).unwrap();
    for (source, expected) in [
        ("none.xml", FailKind::Unreachable),
        (".", FailKind::Refused),
        ("/dev/zero", FailKind::Refused),
        ("large", FailKind::TooLarge),
        ("ftp://news.example/feed", FailKind::Refused),
        ("http://", FailKind::Refused),
        ("file://elsewhere.example/etc/passwd", FailKind::Refused),
    ] {
        assert_eq!(kind(fetch(&http, source, &none, folder.path()).await), expected, "{source}");
    }
}

#[tokio::test]
async fn a_part_is_taken_where_it_was_asked_for_and_says_so() {
    let server = Server::start(|request| {
        let asks = request.to_lowercase();
        let asked = asks.contains("a-im: feed\r\n") && asks.contains("if-none-match: \"1\"");
        match path(request).as_str() {
            "/part" if asked => {
                let headers = ["IM: feed", "ETag: \"2\"", "Cache-Control: max-age=600"];
                Reply::answer("226 IM Used", &headers, b"<rss>new</rss>")
            }
            "/other" => Reply::answer("226 IM Used", &["IM: diffe"], b"<rss>new</rss>"),
            "/unsaid" => Reply::answer("226 IM Used", &[], b"<rss>new</rss>"),
            _ => Reply::answer("200 OK", &["ETag: \"1\""], FEED),
        }
    })
    .await;
    let http = server.http();
    let Fetched::Body { validators, heard, .. } = get(&http, server.url("/part"), &Validators::default()).await else {
        panic!("no body")
    };
    assert_eq!(heard, Heard::default());
    assert!(!server.seen()[0].to_lowercase().contains("a-im"), "nothing to compare with, no part");
    let part = get(&http, server.url("/part"), &validators).await;
    let Fetched::Body { bytes, validators: next, heard, .. } = part else { panic!("{part:?}") };
    assert_eq!(bytes, b"<rss>new</rss>");
    assert_eq!(heard, Heard { fresh_for: Some(SignedDuration::from_secs(600)), partial: true });
    // The whole is compared with no part.
    assert_eq!((next.etag.as_deref(), next.body_hash), (Some("\"2\""), None));
    for odd in ["/other", "/unsaid"] {
        assert_eq!(kind(get(&http, server.url(odd), &validators).await), FailKind::Http { status: 226 }, "{odd}");
    }
    let only_date = Validators { last_modified: Some("x".to_owned()), ..Validators::default() };
    get(&http, server.url("/part"), &only_date).await;
    assert!(!server.seen().pop().unwrap().to_lowercase().contains("a-im"));
}
