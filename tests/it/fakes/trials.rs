//! The fakes themselves on trial: what they promise to the tests that rest on them.

use std::time::Duration;

use bugle::clock::FakeClock;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::bluesky::{self, FakeBluesky};
use super::fault::{CONNECT, Fault, Wait};
use super::feed::{FakeFeed, Item, rss};
use super::http::Reply;
use super::mastodon::{self, FakeMastodon, Keys};
use super::telegram::{self, FakeTelegram};
use super::x::{self, FakeX};
use crate::proxy::{Mode, Proxy};
use crate::wire::{Answer, Ask};

fn post(fake: &FakeMastodon, token: &str, key: &str, text: &str) -> Ask {
    let ask = Ask::post(format!("{}/api/v1/statuses", fake.url()), &json!({ "status": text }));
    ask.bearer(token).header("Idempotency-Key", key)
}

async fn status(fake: &FakeMastodon, token: &str, key: &str, text: &str) -> std::io::Result<Answer> {
    post(fake, token, key, text).send().await
}

/// How long a client waits where the answer is known never to come.
const IN_VAIN: Duration = Duration::from_millis(500);

#[tokio::test]
async fn mastodon_remembers_a_key() {
    let fake = FakeMastodon::start();
    let (ann, bob) = (fake.account("ann"), fake.account("bob"));
    let text = "News https://news.example/1";
    let first = status(&fake, &ann, "k", text).await.unwrap().json();
    let again = status(&fake, &ann, "k", "another text").await.unwrap().json();
    assert_eq!(first["id"], again["id"]);
    assert_eq!(fake.ledger().posts().len(), 1);
    status(&fake, &bob, "k", text).await.unwrap();
    assert_eq!(fake.ledger().count_by_link()["https://news.example/1"], 2, "a key is the account's");

    fake.rules().keys = Keys::FailOnRepeat;
    assert_eq!(status(&fake, &ann, "k", text).await.unwrap().status, 500);
    fake.rules().keys = Keys::Forget;
    assert_ne!(status(&fake, &ann, "k", text).await.unwrap().json()["id"], first["id"]);
    fake.rules().keys = Keys::Remember(Duration::ZERO);
    assert_eq!(status(&fake, &ann, "k", text).await.unwrap().status, 200);
    assert_eq!(fake.ledger().posts().len(), 4);
}

#[tokio::test]
async fn every_fault_leaves_what_it_says() {
    for (fault, published, outcome) in [
        (Fault::ResetBefore, 0, Err(())),
        (Fault::ResetAfter, 1, Err(())),
        (Fault::HangBefore, 0, Err(())),
        (Fault::HangAfter, 1, Err(())),
        (Fault::HalfBody, 1, Err(())),
        (Fault::status(503), 0, Ok(503)),
        (Fault::status_after(500), 1, Ok(500)),
        (Fault::Instead(FakeMastodon::too_many(Wait::Absent)), 0, Ok(429)),
        (Fault::malformed(), 1, Ok(200)),
        (Fault::without_id(), 1, Ok(200)),
        (Fault::wrong_type(), 1, Ok(200)),
        (Fault::Drip(Duration::from_micros(10)), 1, Ok(200)),
        (Fault::Slow(Duration::from_millis(10)), 1, Ok(200)),
        (Fault::Late(Duration::from_millis(10)), 1, Ok(200)),
    ] {
        let fake = FakeMastodon::start();
        let token = fake.account("ann");
        fake.fail(mastodon::CREATE, fault.clone());
        let ask = post(&fake, &token, "k", "News");
        let answer = match fault {
            Fault::HangBefore | Fault::HangAfter => ask.patience(IN_VAIN).send().await,
            _ => ask.send().await,
        };
        if matches!(fault, Fault::HangAfter) {
            fake.ledger().wait_for(1).await;
        }
        assert_eq!(answer.map(|answer| answer.status).map_err(|_| ()), outcome, "{fault:?}");
        assert_eq!(fake.ledger().posts().len(), published, "{fault:?}");
        assert_eq!(status(&fake, &token, "k", "News").await.unwrap().status, 200, "after {fault:?} it is over");
        assert_eq!(fake.ledger().posts().len(), 1, "the key of {fault:?}");
    }
}

#[tokio::test]
async fn a_fake_can_be_down_and_up_again() {
    let fake = FakeMastodon::start();
    let token = fake.account("ann");
    fake.down();
    let refused = status(&fake, &token, "k", "News").await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    fake.up();
    fake.fail(CONNECT, Fault::ResetBefore);
    status(&fake, &token, "k", "News").await.expect_err("reset before a byte was read");
    assert_eq!(fake.count(mastodon::CREATE), 0);
    fake.fail_always(mastodon::CREATE, Fault::status(502));
    for _ in 0..3 {
        assert_eq!(status(&fake, &token, "k", "News").await.unwrap().status, 502);
    }
    fake.heal();
    assert_eq!(status(&fake, &token, "k", "News").await.unwrap().status, 200);
    fake.wait_for(mastodon::CREATE, 4).await;
    let mut turn = 0;
    fake.script(move |endpoint, _| {
        turn += 1;
        (endpoint == mastodon::ME && turn == 1).then(|| Fault::status(504))
    });
    let me = || Ask::get(format!("{}/api/v1/accounts/verify_credentials", fake.url())).bearer(&token).send();
    assert_eq!((me().await.unwrap().status, me().await.unwrap().status), (504, 200));
}

#[tokio::test]
async fn mastodon_lists_edits_and_deletes() {
    let fake = FakeMastodon::start();
    let token = fake.account("ann");
    let at = |path: &str| format!("{}/api/v1{path}", fake.url());
    let id = status(&fake, &token, "k", "One https://news.example/1?a&b").await.unwrap().json()["id"].clone();
    let id = id.as_str().unwrap();
    let me = Ask::get(at("/accounts/verify_credentials")).bearer(&token).send().await.unwrap().json();
    let list = at(&format!("/accounts/{}/statuses?limit=40&exclude_reblogs=true", me["id"].as_str().unwrap()));
    let listed = Ask::get(&list).bearer(&token).send().await.unwrap().json();
    assert!(listed[0]["content"].as_str().unwrap().contains("href=\"https://news.example/1?a&amp;b\""), "{listed}");
    fake.rules().lag = Duration::from_secs(60);
    assert_eq!(Ask::get(&list).bearer(&token).send().await.unwrap().json(), json!([]), "the look-up lags");

    let put = |body: Value| {
        let ask = Ask::new("PUT", at(&format!("/statuses/{id}"))).body("application/json", body.to_string());
        ask.bearer(&token).send()
    };
    assert!(put(json!({"status": "Two"})).await.unwrap().json()["edited_at"].is_string());
    put(json!({"status": "Two"})).await.unwrap();
    assert_eq!(fake.ledger().entries().len(), 2, "the same text again is no edit");
    assert_eq!(fake.ledger().posts()[0].text, "Two");
    let source = Ask::get(at(&format!("/statuses/{id}/source"))).bearer(&token).send().await.unwrap().json();
    assert_eq!(source["text"], "Two");
    let delete = || Ask::new("DELETE", at(&format!("/statuses/{id}"))).bearer(&token).send();
    assert_eq!((delete().await.unwrap().status, delete().await.unwrap().status), (200, 404));
    assert!(fake.ledger().posts().is_empty());

    let long = status(&fake, &token, "long", &"a".repeat(501)).await.unwrap();
    assert_eq!(
        (long.status, &long.json()["error"]),
        (422, &json!("Validation failed: Text character limit of 500 exceeded"))
    );
    fake.revoke();
    assert_eq!(status(&fake, &token, "k2", "News").await.unwrap().status, 401);
}

#[tokio::test]
async fn mastodon_grants_a_token_for_a_verifier() {
    let fake = FakeMastodon::start();
    let back = "http://127.0.0.1:1/back";
    let app = Ask::form(format!("{}/api/v1/apps", fake.url()), &[("client_name", "n"), ("redirect_uris", back)]);
    let app = app.send().await.unwrap().json();
    // The pair of RFC 7636, appendix B.
    let (verifier, challenge) =
        ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    for (said, expected) in [(verifier, 200), ("another-verifier-that-is-long-enough-to-be-one", 400)] {
        let id = app["client_id"].as_str().unwrap();
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("response_type", "code"), ("client_id", id), ("redirect_uri", back), ("state", "s")])
            .extend_pairs([("code_challenge", challenge), ("code_challenge_method", "S256")])
            .finish();
        let sent = Ask::get(format!("{}/oauth/authorize?{query}", fake.url())).send().await.unwrap();
        let to = url::Url::parse(sent.header("location").unwrap()).unwrap();
        let code = to.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let grant = [
            ("grant_type", "authorization_code"),
            ("client_id", id),
            ("client_secret", app["client_secret"].as_str().unwrap()),
            ("redirect_uri", back),
            ("code", &code),
            ("code_verifier", said),
        ];
        let ask = || Ask::form(format!("{}/oauth/token", fake.url()), &grant).send();
        assert_eq!(ask().await.unwrap().status, expected, "{said}");
        assert_eq!(ask().await.unwrap().status, 400, "a code serves once");
    }
}

/// Signs as RFC 5849 says, with parts the fake does not use: the order of its own and a query to be signed too.
fn signed(fake: &FakeX, keys: &x::Keys, method: &str, target: &str, nonce: &str) -> String {
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let encode =
        |text: &str| encode(text).replace("%2D", "-").replace("%2E", ".").replace("%5F", "_").replace("%7E", "~");
    let time = bugle::clock::Clock::now(&bugle::clock::SystemClock::new()).as_second().to_string();
    let mut pairs = vec![
        ("oauth_consumer_key".to_owned(), keys.consumer_key.clone()),
        ("oauth_nonce".to_owned(), nonce.to_owned()),
        ("oauth_signature_method".to_owned(), "HMAC-SHA1".to_owned()),
        ("oauth_timestamp".to_owned(), time),
        ("oauth_token".to_owned(), keys.token.clone()),
        ("oauth_version".to_owned(), "1.0".to_owned()),
    ];
    let header = pairs.clone();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    pairs.extend(url::form_urlencoded::parse(query.as_bytes()).into_owned());
    pairs.sort();
    let list: Vec<String> = pairs.iter().map(|(n, v)| format!("{}={}", encode(n), encode(v))).collect();
    let url = format!("{}{path}", fake.url());
    let base = format!("{method}&{}&{}", encode(&url), encode(&list.join("&")));
    let secret = format!("{}&{}", encode(&keys.consumer_secret), encode(&keys.token_secret));
    let signature = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        x::hmac_sha1(secret.as_bytes(), base.as_bytes()),
    );
    let mut header: Vec<String> = header.iter().map(|(n, v)| format!("{n}=\"{}\"", encode(v))).collect();
    header.push(format!("oauth_signature=\"{}\"", encode(&signature)));
    format!("OAuth {}", header.join(", "))
}

async fn call_x(fake: &FakeX, keys: &x::Keys, method: &str, target: &str, body: Option<&Value>) -> Answer {
    let nonce = uuid::Uuid::now_v7().simple().to_string();
    let mut ask = Ask::new(method, format!("{}{target}", fake.url()));
    if let Some(body) = body {
        ask = ask.body("application/json", body.to_string());
    }
    ask.header("Authorization", signed(fake, keys, method, target, &nonce)).send().await.unwrap()
}

#[tokio::test]
async fn x_checks_signature_fields_length_and_repetition() {
    let fake = FakeX::start();
    let keys = fake.account("newsroom");
    let text = json!({"text": "Headline & more https://news.example/1?a=b"});
    let made = call_x(&fake, &keys, "POST", "/2/tweets", Some(&text)).await;
    assert_eq!(made.status, 201, "{} {:?}", made.text(), made.headers);
    assert!(made.json()["data"]["text"].as_str().unwrap().contains("https://t.co/"));
    let repeated = call_x(&fake, &keys, "POST", "/2/tweets", Some(&text)).await;
    let detail = "You are not allowed to create a Tweet with duplicate content.";
    assert_eq!((repeated.status, &repeated.json()["detail"]), (403, &json!(detail)));

    let look = format!(
        "/2/users/{}/tweets?max_results=5&tweet.fields=created_at,entities&start_time=2020-01-01T00%3A00%3A00Z",
        keys.user_id
    );
    let found = call_x(&fake, &keys, "GET", &look, None).await.json();
    assert_eq!(found["data"][0]["entities"]["urls"][0]["expanded_url"], "https://news.example/1?a=b");
    assert!(found["data"][0]["text"].as_str().unwrap().contains("&amp;"));
    fake.rules().lag = Duration::from_secs(60);
    assert_eq!(call_x(&fake, &keys, "GET", &look, None).await.json(), json!({"meta": {"result_count": 0}}));
    assert_eq!(call_x(&fake, &keys, "GET", &look.replace("=5&", "=4&"), None).await.status, 400);

    for (body, expected) in [
        (json!({"text": "字".repeat(140)}), 201),
        (json!({"text": "字".repeat(141)}), 403),
        (json!({"text": "a", "unknown": true}), 400),
        (json!({"text": ""}), 400),
        (json!({"text": "a", "media": {"media_ids": ["1"]}}), 400),
    ] {
        assert_eq!(call_x(&fake, &keys, "POST", "/2/tweets", Some(&body)).await.status, expected, "{body}");
    }
    let wrong = x::Keys { token_secret: "wrong".to_owned(), ..keys.clone() };
    assert_eq!(call_x(&fake, &wrong, "GET", "/2/users/me", None).await.status, 401);
    let me = call_x(&fake, &keys, "GET", "/2/users/me", None).await.json();
    assert_eq!(me["data"]["username"], "newsroom");
    let header = signed(&fake, &keys, "GET", "/2/users/me", "a-nonce-used-twice");
    let again = || Ask::get(format!("{}/2/users/me", fake.url())).header("Authorization", &header).send();
    assert_eq!((again().await.unwrap().status, again().await.unwrap().status), (200, 401));

    let id = made.json()["data"]["id"].as_str().unwrap().to_owned();
    assert_eq!(call_x(&fake, &keys, "DELETE", &format!("/2/tweets/{id}"), None).await.status, 200);
    assert_eq!(fake.ledger().posts().len(), 1);
    assert_eq!(fake.ledger().count_by_link()["https://news.example/1?a=b"], 1);
}

/// The fields that the fake takes are those of the machine-readable description of the Bot API, and none is left out that
/// is needed.
#[test]
fn telegrams_fields_are_the_documented_ones() {
    let spec: Value = serde_json::from_str(include_str!("../../fixtures/telegram/bot-api.json")).expect("JSON");
    let names = |entry: &Value, which: &str| -> Vec<String> {
        let list = entry[which].as_array().unwrap_or_else(|| panic!("no {which} in {entry}"));
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let methods = spec["methods"].as_object().expect("methods");
    let ours = [
        telegram::SEND,
        telegram::PHOTO,
        telegram::ALBUM,
        telegram::EDIT,
        telegram::CAPTION,
        telegram::DELETE,
        telegram::ME,
        telegram::CHAT,
        telegram::MEMBER,
    ];
    for method in ours {
        let entry = methods.get(method).unwrap_or_else(|| panic!("{method} is not in the description"));
        let known = telegram::known(method);
        let all = [names(entry, "required"), names(entry, "optional")].concat();
        for name in &known {
            assert!(all.iter().any(|it| it == name), "{method} has no field {name}");
        }
        for name in names(entry, "required") {
            assert!(known.contains(&name.as_str()), "{method} needs {name}");
        }
    }
    assert_eq!(methods.len(), ours.len(), "each described method is modelled");
}

#[tokio::test]
async fn telegram_sends_edits_and_deletes() {
    let fake = FakeTelegram::start();
    let call =
        |method: &str, body: Value| Ask::post(format!("{}/bot{}/{method}", fake.url(), fake.token()), &body).send();
    let html = "<b>Title</b>\n<a href=\"https://news.example/1?x=1&amp;y=2\">Read</a>";
    let sent = json!({"chat_id": "@newsroom", "text": html, "parse_mode": "HTML"});
    let sent = call(telegram::SEND, sent).await.unwrap().json();
    assert_eq!((&sent["result"]["text"], &sent["result"]["entities"][1]["offset"]), (&json!("Title\nRead"), &json!(6)));
    let id = sent["result"]["message_id"].clone();
    assert_eq!(fake.ledger().count_by_link()["https://news.example/1?x=1&y=2"], 1);
    for (method, body, expected) in [
        (telegram::SEND, json!({"chat_id": "@newsroom", "text": "a".repeat(4096)}), ""),
        (telegram::SEND, json!({"chat_id": "@newsroom", "text": "a".repeat(4097)}), "Bad Request: message is too long"),
        (telegram::SEND, json!({"chat_id": "@newsroom", "text": " \n"}), "Bad Request: message text is empty"),
        (telegram::SEND, json!({"chat_id": "@other", "text": "a"}), "Bad Request: chat not found"),
        (telegram::EDIT, json!({"chat_id": -1_001_000_000_001_i64, "message_id": id, "text": "New"}), ""),
        (telegram::DELETE, json!({"chat_id": "@newsroom", "message_id": id}), ""),
        (
            telegram::DELETE,
            json!({"chat_id": "@newsroom", "message_id": id}),
            "Bad Request: message to delete not found",
        ),
    ] {
        let answer = call(method, body.clone()).await.unwrap().json();
        assert_eq!(answer["description"].as_str().unwrap_or_default(), expected, "{method}");
        assert_eq!(answer["ok"], expected.is_empty(), "{method}");
    }
    fake.fail(telegram::SEND, Fault::Instead(FakeTelegram::too_many(7)));
    let limited = call(telegram::SEND, json!({"chat_id": "@newsroom", "text": "a"})).await.unwrap();
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("7")));
    assert_eq!(limited.json()["parameters"]["retry_after"], 7);
    let second = fake.open_chat("second");
    assert_eq!(call(telegram::CHAT, json!({"chat_id": second})).await.unwrap().json()["result"]["username"], "second");
    fake.rules().revoked = true;
    assert_eq!(call(telegram::ME, json!({})).await.unwrap().status, 401);
}

#[tokio::test]
async fn bluesky_puts_once_and_rotates_tokens() {
    let fake = FakeBluesky::start();
    let password = fake.account("news.example");
    let at = |method: &str| format!("{}/xrpc/{method}", fake.url());
    let sign_in = json!({"identifier": "news.example", "password": password});
    let session = Ask::post(at(bluesky::SIGN_IN), &sign_in).send().await.unwrap().json();
    let word = |json: &Value, name: &str| json[name].as_str().unwrap().to_owned();
    let (access, refresh, did) = (word(&session, "accessJwt"), word(&session, "refreshJwt"), word(&session, "did"));
    let body = |text: &str| {
        let facets = json!([{
            "index": {"byteStart": 0, "byteEnd": 4},
            "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://news.example/1"}],
        }]);
        let record = json!({
            "$type": "app.bsky.feed.post", "text": text, "createdAt": "2026-11-23T20:00:00.000Z", "facets": facets,
        });
        json!({"repo": did, "collection": "app.bsky.feed.post", "rkey": "3labcdefghi2a", "swapRecord": null, "record": record})
    };
    let put = |access: &str, text: &str| Ask::post(at(bluesky::PUT), &body(text)).bearer(access).send();
    fake.fail(bluesky::PUT, Fault::ResetAfter);
    put(&access, "Once upon").await.expect_err("the answer is lost");
    let again = put(&access, "Once upon").await.unwrap();
    assert_eq!((again.status, &again.json()["commit"]), (200, &Value::Null), "the same again is no commit");
    assert_eq!(fake.ledger().count_by_link()["https://news.example/1"], 1);
    assert_eq!(put(&access, "Twice upon").await.unwrap().json()["error"], "InvalidSwap");
    assert_eq!(put(&access, &"a".repeat(301)).await.unwrap().status, 400);
    assert_eq!(put(&access, "äöü").await.unwrap().status, 400, "four bytes are no part of äöü");
    let mut create = body("Once upon");
    create.as_object_mut().unwrap().remove("swapRecord");
    assert_eq!(Ask::post(at(bluesky::CREATE), &create).bearer(&access).send().await.unwrap().status, 500);

    fake.expire_access();
    let expired = put(&access, "Once upon").await.unwrap();
    assert_eq!((expired.status, &expired.json()["error"]), (400, &json!("ExpiredToken")));
    let renew = |token: &str| Ask::new("POST", at(bluesky::REFRESH)).bearer(token).send();
    let (one, two) = (renew(&refresh).await.unwrap().json(), renew(&refresh).await.unwrap().json());
    assert_eq!(one["refreshJwt"], two["refreshJwt"], "within the grace the same pair comes again");
    assert_ne!(one["refreshJwt"], session["refreshJwt"]);
    assert_eq!(put(&word(&one, "accessJwt"), "Once upon").await.unwrap().status, 200);
    fake.rules().grace = false;
    assert_eq!(renew(&refresh).await.unwrap().status, 400);

    let access = word(&one, "accessJwt");
    let picture = Ask::new("POST", at(bluesky::UPLOAD)).body("image/png", *b"\x89PNG\r\n").bearer(&access);
    let blob = picture.send().await.unwrap().json()["blob"].clone();
    let card = |thumb: &Value| {
        let mut body = body("Once upon");
        let external = json!({"uri": "https://news.example/1", "title": "T", "description": "", "thumb": thumb});
        body["record"]["embed"] = json!({"$type": "app.bsky.embed.external", "external": external});
        body["rkey"] = json!("3labcdefghi2b");
        Ask::post(at(bluesky::PUT), &body).bearer(&access).send()
    };
    let mut other = blob.clone();
    other["ref"]["$link"] = json!("bafkreinothere");
    assert_eq!(card(&other).await.unwrap().json()["error"], "BlobNotFound");
    assert_eq!(card(&Value::Null).await.unwrap().status, 400);
    assert_eq!(card(&blob).await.unwrap().status, 200);
    let query = format!("?repo={did}&collection=app.bsky.feed.post");
    let listed = Ask::get(at(bluesky::LIST) + &query).send().await.unwrap().json();
    assert_eq!(listed["records"].as_array().unwrap().len(), 2);
    fake.end_sessions();
    assert_eq!(renew(&word(&one, "refreshJwt")).await.unwrap().json()["error"], "ExpiredToken");
    fake.withdraw_passwords();
    assert_eq!(Ask::post(at(bluesky::SIGN_IN), &sign_in).send().await.unwrap().status, 401);
}

/// Every answer "come back later" and "not you", as each platform documents it: status, a place in the body, a header.
#[tokio::test]
async fn refusals_are_as_documented() {
    let at: Timestamp = "2026-11-23T20:00:00Z".parse().unwrap();
    let feed = FakeFeed::start();
    let answers = [
        (FakeX::too_many(Wait::Unix("x-rate-limit-reset", at)), 429, "/title", json!("Too Many Requests")),
        (FakeX::no_credits(), 402, "/title", json!("CreditsDepleted")),
        (FakeX::suspended(), 403, "/errors/0/code", json!(64)),
        (FakeTelegram::flood_500(), 500, "/ok", json!(false)),
        (FakeTelegram::migrated(-1_002), 400, "/parameters/migrate_to_chat_id", json!(-1_002)),
        (FakeMastodon::too_many(Wait::Iso("X-RateLimit-Reset", at)), 429, "/error", json!("Too many requests")),
        (FakeBluesky::too_many(Wait::Garbage), 429, "/error", json!("RateLimitExceeded")),
        (FakeBluesky::expired(), 400, "/error", json!("ExpiredToken")),
    ];
    for (reply, status, place, value) in answers {
        feed.reply("/", reply);
        let answer = Ask::get(feed.at("/")).send().await.unwrap();
        assert_eq!((answer.status, answer.json().pointer(place)), (status, Some(&value)));
    }
    for (wait, name, value) in [
        (Wait::Unix("x-rate-limit-reset", at), "x-rate-limit-reset", "1795464000"),
        (Wait::Iso("X-RateLimit-Reset", at), "x-ratelimit-reset", "2026-11-23T20:00:00.000000Z"),
        (Wait::Seconds(9), "retry-after", "9"),
        (Wait::Garbage, "retry-after", "soon, perhaps"),
    ] {
        feed.too_many("/", wait);
        assert_eq!(Ask::get(feed.at("/")).send().await.unwrap().header(name), Some(value));
    }
}

#[tokio::test]
async fn a_fake_has_its_own_clock_and_remembers_who_asked() {
    let clock = std::sync::Arc::new(FakeClock::at("2026-11-23T20:00:00Z".parse().unwrap()));
    let dates = [
        FakeX::with_clock(clock.clone()).url(),
        FakeTelegram::with_clock(clock.clone()).url(),
        FakeBluesky::with_clock(clock.clone()).url(),
    ];
    for url in dates {
        // These are down already: a fake ends with its owner.
        Ask::get(url).patience(Duration::from_secs(1)).send().await.expect_err("ended");
    }
    let fake = FakeMastodon::with_clock(clock);
    fake.skew(-3_600_000);
    let answer = Ask::get(format!("{}/api/v2/instance", fake.url())).send().await.unwrap();
    assert_eq!(answer.header("date"), Some("Mon, 23 Nov 2026 19:00:00 GMT"));
    fake.fail(mastodon::INSTANCE, Fault::status(503));
    Ask::get(format!("{}/api/v2/instance", fake.url())).send().await.unwrap();
    let seen: Vec<_> = fake.seen().into_iter().map(|seen| (seen.endpoint, seen.outcome, seen.at.to_string())).collect();
    let at = "2026-11-23T19:00:00Z".to_owned();
    assert_eq!(seen, [(mastodon::INSTANCE, Some(200), at.clone()), (mastodon::INSTANCE, None, at)]);
}

#[tokio::test]
async fn a_feed_has_validators_and_redirects() {
    let fake = FakeFeed::start();
    let at: Timestamp = "2026-11-23T20:00:00Z".parse().unwrap();
    let body = rss(&[Item { guid: "1", title: "A < B", link: "https://news.example/1", at }]);
    fake.validated("/feed.xml", &body, "\"v1\"", at);
    let first = Ask::get(fake.at("/feed.xml")).send().await.unwrap();
    assert_eq!((first.text(), first.header("etag")), (body.clone(), Some("\"v1\"")));
    let modified = first.header("last-modified").unwrap().to_owned();
    assert_eq!(modified, "Mon, 23 Nov 2026 20:00:00 GMT");
    for (name, value, expected) in [
        ("If-None-Match", "\"v1\"", 304),
        ("If-None-Match", "\"v0\"", 200),
        ("If-Modified-Since", modified.as_str(), 304),
    ] {
        let answer = Ask::get(fake.at("/feed.xml")).header(name, value).send().await.unwrap();
        assert_eq!(answer.status, expected, "{name}: {value}");
    }
    fake.redirect("/old.xml", 301, "/feed.xml");
    fake.gone("/dead.xml");
    fake.too_many("/busy.xml", Wait::Date(at));
    fake.picture("/a.png", 40, 20);
    fake.reply("/odd", Reply::text(200, "text/plain", "odd"));
    let get = |path: &str| Ask::get(fake.at(path)).send();
    assert_eq!(get("/old.xml").await.unwrap().header("location"), Some("/feed.xml"));
    assert_eq!(get("/dead.xml").await.unwrap().status, 410);
    assert_eq!(get("/busy.xml").await.unwrap().header("retry-after"), Some("Mon, 23 Nov 2026 20:00:00 GMT"));
    assert!(image::load_from_memory(&get("/a.png").await.unwrap().body).is_ok());
    fake.remove("/odd");
    assert_eq!(get("/odd").await.unwrap().status, 404);
    fake.feed("/feed.xml", &rss(&[]));
    assert_eq!(get("/feed.xml").await.unwrap().header("etag"), None);
    assert_eq!(fake.hits("/feed.xml"), 5);
}

#[tokio::test]
async fn a_wire_can_be_cut_at_any_place() {
    let fake = FakeMastodon::start();
    let token = fake.account("ann");
    let proxy = Proxy::before(&fake.host());
    for (mode, answered, published) in [
        (Mode::Pass, true, 1),
        (Mode::Refuse, false, 1),
        (Mode::LoseAnswer, false, 2),
        (Mode::CutAnswer(20), false, 3),
        (Mode::CutRequest(40), false, 3),
        (Mode::Swallow, false, 3),
        (Mode::SwallowAnswer, false, 4),
        (Mode::Delay(Duration::from_millis(5)), true, 5),
    ] {
        proxy.set_for(1, mode);
        let ask = Ask::post(format!("{}/api/v1/statuses", proxy.url()), &json!({"status": format!("{mode:?}")}));
        let answer = match mode {
            Mode::Swallow | Mode::SwallowAnswer => ask.bearer(&token).patience(IN_VAIN).send().await,
            _ => ask.bearer(&token).send().await,
        };
        assert_eq!(answer.is_ok(), answered, "{mode:?}: {answer:?}");
        assert_eq!(fake.ledger().wait_for(published).await.len(), published, "{mode:?}");
    }
    assert_eq!(proxy.connections(), 8);
    proxy.set(Mode::Refuse);
    for _ in 0..2 {
        Ask::get(format!("{}/api/v2/instance", proxy.url())).send().await.expect_err("refused");
    }
    assert!(proxy.host().starts_with("127.0.0.1:"));
}
