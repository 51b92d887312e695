//! Canaries: every platform repeats in its errors all that it was sent, the `Authorization` header too, in plain, in
//! Base64 and percent-encoded. Nothing that Bugle writes or shows holds any of its secrets, in any of these spellings.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::fakes::bluesky::{self, FakeBluesky};
use crate::fakes::fault::Fault;
use crate::fakes::http::{Reply, Request, find};
use crate::fakes::mastodon::{self, FakeMastodon};
use crate::fakes::telegram::{self, FakeTelegram};
use crate::fakes::x::{self, FakeX};
use crate::harness::{Newsroom, Press, until};

/// A secret as it may be written: plain, percent-encoded, in JSON, and in Base64 at each of its three alignments without
/// the signs that depend on its neighbours.
fn spellings(secret: &str) -> Vec<String> {
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut all = vec![secret.to_owned(), form.replace('+', "%20"), form];
    for before in ["", "x", "xy"] {
        let whole = STANDARD.encode(format!("{before}{secret}"));
        let whole = whole.trim_end_matches('=');
        let from = if before.is_empty() { 0 } else { 4 };
        all.push(whole[from..whole.len() - 2].to_owned());
    }
    all.dedup();
    all
}

fn holds_none(what: &str, bytes: &[u8], secrets: &[String]) {
    for secret in secrets {
        for spelling in spellings(secret) {
            if let Some(at) = find(bytes, spelling.as_bytes()) {
                let around = &bytes[at.saturating_sub(300)..(at + 300).min(bytes.len())];
                panic!("{what} holds {secret:?} as {spelling:?}: {}", String::from_utf8_lossy(around));
            }
        }
    }
}

/// All that a request brought, as a careless server repeats it. Short, so that Bugle's own excerpt holds it whole.
fn repeated(request: &Request) -> String {
    let header = request.header("authorization").unwrap_or_default();
    let body = String::from_utf8_lossy(&request.body);
    let form: String = url::form_urlencoded::byte_serialize(header.as_bytes()).collect();
    let path = request.target.chars().take(80).collect::<String>();
    let secret = header.rsplit([' ', '"']).find(|part| part.len() > 8).unwrap_or(&path);
    format!("{path} {secret} {} {form} {body}", STANDARD.encode(secret))
}

fn refuses(status: u16) -> impl Fn(&Request) -> Fault {
    move |request| {
        let said = repeated(request);
        let body = serde_json::json!({
            "error": said, "message": said, "title": said, "detail": said, "description": said, "ok": false,
            "error_code": status, "errors": [{ "message": said, "code": 32 }],
        });
        Fault::Instead(Reply::json(status, &body))
    }
}

#[tokio::test]
async fn what_platforms_repeat_of_a_secret_is_written_nowhere() {
    let (x, telegram) = (FakeX::start(), FakeTelegram::start());
    let (mastodon, bluesky, press) = (FakeMastodon::start(), FakeBluesky::start(), Press::start());
    let newsroom = Newsroom::new("canary")
        .log("trace")
        .source("news", &press.url(), "from now")
        .x(&x)
        .telegram(&telegram)
        .mastodon(&mastodon)
        .bluesky(&bluesky);
    let keys = x.account("newsroom");
    let mut secrets = vec![
        keys.consumer_key,
        keys.consumer_secret,
        keys.token,
        keys.token_secret,
        telegram.token(),
        mastodon.account("newsroom"),
        bluesky.account("newsroom.test"),
    ];
    let bugle = newsroom.start().await;
    press.read().await;
    let books = newsroom.books().await;
    press.publish("good");
    for channel in ["x", "telegram", "mastodon", "bluesky"] {
        books.wait_for(channel, "published", 1).await;
    }
    // The session that Bluesky gave is a secret as well.
    secrets.extend(bluesky.seen().iter().filter_map(|seen| seen.request.bearer().map(str::to_owned)));
    secrets.sort();
    secrets.dedup();

    // Each class of error, each with everything repeated in it.
    for (n, status) in [500u16, 400, 422, 403].into_iter().enumerate() {
        let strike = move |endpoint: &str, request: &Request, theirs: &[&str]| {
            theirs.contains(&endpoint).then(|| refuses(status)(request))
        };
        x.script(move |endpoint, request| strike(endpoint, request, &[x::CREATE, x::LOOK]));
        telegram.script(move |endpoint, request| strike(endpoint, request, &[telegram::SEND]));
        mastodon.script(move |endpoint, request| strike(endpoint, request, &[mastodon::CREATE, mastodon::LOOK]));
        bluesky.script(move |endpoint, request| strike(endpoint, request, &[bluesky::PUT, bluesky::GET]));
        let before = [
            x.count(x::CREATE),
            telegram.count(telegram::SEND),
            mastodon.count(mastodon::CREATE),
            bluesky.count(bluesky::PUT),
        ];
        press.publish(&format!("bad{n}"));
        let planned = async || books.posts().await.len() == (n + 2) * 4;
        until("the story is planned", planned).await;
        // Once refused for good or forbidden, a channel may stand still: one of them at least is asked each time.
        let tried = async || {
            let now = [
                x.count(x::CREATE),
                telegram.count(telegram::SEND),
                mastodon.count(mastodon::CREATE),
                bluesky.count(bluesky::PUT),
            ];
            now.iter().zip(before).any(|(now, before)| *now > before)
        };
        if n < 3 {
            until("it was tried", tried).await;
        }
    }
    // Refused tokens, told in the same way.
    let gone = |endpoint: &str, request: &Request| (endpoint != "connect").then(|| refuses(401)(request));
    x.script(gone);
    telegram.script(gone);
    mastodon.script(gone);
    bluesky.script(gone);
    for channel in ["x", "telegram", "mastodon", "bluesky"] {
        // Whatever it stands still for: it is asked anew who it is.
        assert!(newsroom.command(&["resume", channel]).await.stdout.len() < 1_000_000);
    }
    press.publish("gone");
    for channel in ["x", "telegram", "mastodon"] {
        until("the channel is blocked", async || books.block(channel).await.is_some()).await;
    }

    let mut looked = 0;
    for path in ["/", "/metrics", "/healthz", "/readyz", "/articles", "/sources"] {
        holds_none(path, bugle.page(path).await.as_bytes(), &secrets);
        looked += 1;
    }
    let backup = newsroom.path("backup.jsonl");
    let backup = backup.to_str().expect("temporary folders have plain names");
    for args in [
        &["queue", "--json"][..],
        &["queue"],
        &["notices", "--json"],
        &["notices"],
        &["sources", "--json"],
        &["why", "https://newsroom.example/bad0", "--verbose", "--json"],
        &["why", "https://newsroom.example/bad1", "--verbose"],
        &["why", "https://newsroom.example/gone", "--verbose", "--json"],
        &["check", "--live", "--json"],
        &["check", "--live"],
        &["vault", "status", "--json"],
        &["vault", "status"],
        &["connect", "telegram"],
        &["resume", "x", "--json"],
        &["backup", backup],
    ] {
        let said = newsroom.command(args).await;
        holds_none(&format!("{args:?}"), &[said.stdout, said.stderr].concat(), &secrets);
        looked += 1;
    }
    holds_none("the backup", &std::fs::read(backup).expect("it was written"), &secrets);
    for entry in std::fs::read_dir(newsroom.path("data")).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.is_file() {
            holds_none(&path.display().to_string(), &std::fs::read(&path).expect("it can be read"), &secrets);
            looked += 1;
        }
    }
    let log = bugle.log();
    assert!(log.contains("TRACE") && log.len() > 10_000, "the finest level was asked for");
    holds_none("the log", log.as_bytes(), &secrets);
    assert!(looked > 20 && secrets.len() >= 8, "{looked} places, {} secrets", secrets.len());
    // The test sees what it looks for: the platforms did repeat them, and Bugle did keep their words without them.
    let shown = newsroom.command(&["why", "https://newsroom.example/bad0", "--verbose", "--json"]).await;
    assert!(find(&shown.stdout, b"[secret]").is_some(), "{}", String::from_utf8_lossy(&shown.stdout));
    bugle.kill9().await;
}
