//! Every secret of a newsroom with failures of every kind is looked for in whatever Bugle wrote: logs at the finest
//! level, metrics, pages, answers of the command line, backup and database. It is in none of them, nor at any server
//! that a platform's redirect names.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::fakes::bluesky::{self, FakeBluesky};
use crate::fakes::fault::Fault;
use crate::fakes::feed::FakeFeed;
use crate::fakes::http::Reply;
use crate::fakes::mastodon::{self, FakeMastodon};
use crate::fakes::telegram::{self, FakeTelegram};
use crate::fakes::x::{self, FakeX};
use crate::harness::{Newsroom, Press, until};

/// A secret as it is, as it stands in a URL or a form, and as Base64 has it.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let percent = encoded.replace('+', "%20");
    let base64 = STANDARD.encode(secret);
    let mut all = vec![secret.to_owned(), encoded, percent, base64.trim_end_matches('=').to_owned()];
    all.dedup();
    all.into_iter().map(String::into_bytes).collect()
}

/// Looks for all secrets.
fn holds_none(what: &str, bytes: &[u8], secrets: &[String]) {
    for secret in secrets {
        for spelling in spellings(secret) {
            if let Some(at) = crate::fakes::http::find(bytes, &spelling) {
                let around = &bytes[at.saturating_sub(200)..(at + 200).min(bytes.len())];
                panic!("{what} holds {secret:?}: {}", String::from_utf8_lossy(around));
            }
        }
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    entries.map(|entry| entry.expect("it can be read").path()).filter(|path| path.is_file()).collect()
}

#[tokio::test]
async fn no_secret_is_ever_written_down_or_given_away() {
    let (x, telegram) = (FakeX::start(), FakeTelegram::start());
    let (mastodon, bluesky) = (FakeMastodon::start(), FakeBluesky::start());
    let (stranger, press) = (FakeFeed::start(), Press::start());
    let newsroom = Newsroom::new("secrets")
        .log("trace")
        .source("news", &press.url(), "from now")
        .x(&x)
        .telegram(&telegram)
        .mastodon(&mastodon)
        .bluesky(&bluesky)
        .allowing(&stranger.host());
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
    let redirect = |status: u16| Fault::Instead(Reply::empty(status).header("Location", stranger.at("/taken")));
    let faults = [
        Fault::status(500),
        Fault::ResetBefore,
        redirect(307),
        redirect(302),
        Fault::status_after(502),
        Fault::malformed(),
        Fault::Instead(Reply::gateway(418)),
    ];
    let books = newsroom.books().await;
    for (n, fault) in faults.into_iter().enumerate() {
        x.fail(x::CREATE, fault.clone());
        telegram.fail(telegram::SEND, fault.clone());
        mastodon.fail(mastodon::CREATE, fault.clone());
        bluesky.fail(bluesky::PUT, fault);
        press.publish(&format!("s{n}"));
        let posts = async || books.posts().await.len() == (n + 1) * 4;
        until("the story is planned", posts).await;
        let tried = async || {
            [
                x.count(x::CREATE),
                telegram.count(telegram::SEND),
                mastodon.count(mastodon::CREATE),
                bluesky.count(bluesky::PUT),
            ]
            .iter()
            .all(|count| *count > n.min(2))
        };
        until("it was tried", tried).await;
    }
    // The sessions that Bluesky gave, as it was asked with them.
    bluesky.expire_access();
    press.publish("renewed");
    until("the session was renewed", async || bluesky.count(bluesky::REFRESH) > 0).await;
    secrets.extend(bluesky.seen().iter().filter_map(|seen| seen.request.bearer().map(str::to_owned)));
    mastodon.revoke();
    x.rules().revoked = true;
    telegram.fail_always(
        telegram::SEND,
        Fault::Instead(Reply::json(
            401,
            &serde_json::json!({
                "ok": false, "error_code": 401, "description": "Unauthorized",
            }),
        )),
    );
    press.publish("refused");
    until("Mastodon's channel is blocked", async || books.block("mastodon").await.is_some()).await;
    until("X's channel is blocked", async || books.block("x").await.is_some()).await;
    secrets.sort();
    secrets.dedup();
    assert!(secrets.len() >= 9, "{secrets:#?}");

    for path in ["/", "/metrics", "/healthz", "/readyz", "/articles"] {
        holds_none(path, bugle.page(path).await.as_bytes(), &secrets);
    }
    let backup = newsroom.path("backup.jsonl");
    let backup = backup.to_str().expect("temporary folders have plain names");
    for args in [
        &["queue", "--json"][..],
        &["notices", "--json"],
        &["sources", "--json"],
        &["why", "https://newsroom.example/s0", "--verbose", "--json"],
        &["check", "--live", "--json"],
        &["backup", backup],
    ] {
        let said = newsroom.command(args).await;
        holds_none(&format!("{args:?}"), &[said.stdout, said.stderr].concat(), &secrets);
    }
    assert!(std::fs::metadata(backup).is_ok_and(|about| about.len() > 10_000), "the backup is there");
    holds_none("the backup", &std::fs::read(backup).expect("it can be read"), &secrets);
    for path in files(&newsroom.path("data")) {
        holds_none(&path.display().to_string(), &std::fs::read(&path).expect("it can be read"), &secrets);
    }
    let log = bugle.log();
    assert!(log.contains("TRACE"), "the finest level was asked for");
    holds_none("the log", log.as_bytes(), &secrets);
    assert_eq!(stranger.seen().len(), 0, "a platform's redirect was followed");
    bugle.kill9().await;
}
