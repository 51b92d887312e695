//! What X's side decides without a network: its keys, its frozen bytes, its digests.

use secrecy::SecretString;
use toml::de::DeTable;

use super::*;
use crate::text::rules::{FittedText, Unit};

const KEYS: &str = "consumer_key = { env = \"A\" }\nconsumer_secret = { env = \"B\" }\n\
                    access_token = { file = \"c\" }\naccess_secret = { env = \"D\" }\n";

fn open(more: &str) -> Result<Arc<dyn Account>, toml::de::Error> {
    X.open(DeTable::parse(&format!("{KEYS}{more}")).unwrap().into_inner())
}

fn outgoing(text: &str) -> Outgoing {
    Outgoing {
        text: FittedText::new(text.to_owned(), SPEC.text).unwrap(),
        more: Vec::new(),
        link: Some(Url::parse("https://news.example/a?x=1&y=2").unwrap()),
        card: None,
        picture: None,
        further: Vec::new(),
        language: Some("en".to_owned()),
        mentions: Vec::new(),
    }
}

fn ids() -> Ids {
    Ids { seed: "ab".repeat(32), created: Timestamp::UNIX_EPOCH, story: Timestamp::UNIX_EPOCH, revision: 2 }
}

fn credential(consumer: &str, token: &str) -> Credential {
    Credential(vec![
        ("consumer_key", SecretString::from(consumer.to_owned())),
        ("access_token", SecretString::from(token.to_owned())),
    ])
}

#[test]
fn opens_with_its_keys_and_defaults() {
    let account = open("").unwrap();
    assert_eq!(account.server().map(Url::as_str), Some("https://api.x.com/"));
    assert_eq!(account.rules(None), TextRules { limit: 280, unit: Unit::Weighted, bytes: None });
    assert_eq!(account.recovery(None), Recovery::Look);
    let secrets: Vec<String> = account.secrets().iter().map(|(key, at)| format!("{key}: {at}")).collect();
    assert_eq!(
        secrets,
        [
            "consumer_key: environment variable A",
            "consumer_secret: environment variable B",
            "access_token: file c",
            "access_secret: environment variable D"
        ]
    );
    let account = open("server = \"http://127.0.0.1:18101/x\"\nlimit = 4000\nread = false\n").unwrap();
    assert_eq!(account.server().map(Url::as_str), Some("http://127.0.0.1:18101/x"));
    assert_eq!((account.rules(None).limit, account.recovery(None)), (4000, Recovery::Blind));
}

#[test]
fn a_fault_points_at_its_place() {
    for (line, at, words) in [
        ("limit = 10\n", "10", "expected 280 to 25000, found 10"),
        ("limit = \"long\"\n", "\"long\"", "usize"),
        ("server = \"ftp://x.example\"\n", "\"ftp://x.example\"", "http or https"),
        ("server = \"https://a:b@x.example\"\n", "\"https://a:b@x.example\"", "without user"),
        ("colour = 1\n", "colour", "unknown field"),
        ("[consumer]\n", "consumer", "unknown field"),
    ] {
        let text = format!("{KEYS}{line}");
        let error = X.open(DeTable::parse(&text).unwrap().into_inner()).err().unwrap();
        let span = error.span().unwrap();
        assert_eq!((&text[span], error.message().contains(words)), (at, true), "{line}: {error}");
    }
    let missing = X.open(DeTable::parse("consumer_key = { env = \"A\" }").unwrap().into_inner()).err().unwrap();
    assert!(missing.message().contains("consumer_secret"), "{missing}");
}

#[test]
fn freezes_to_these_bytes() {
    let payload =
        open("").unwrap().freeze(&outgoing("Bread \"up\" & salt\nhttps://news.example/a?x=1&y=2"), &ids()).unwrap();
    assert_eq!(
        serde_json::to_string(&payload).unwrap(),
        r#"{"format":1,"revision":2,"key":"","steps":[{"step":{"op":"create","n":0},"body":"{\"text\":\"Bread \\\"up\\\" & salt\\nhttps://news.example/a?x=1&y=2\"}"}],"text":"Bread \"up\" & salt\nhttps://news.example/a?x=1&y=2","link":"https://news.example/a?x=1&y=2"}"#
    );
    assert_eq!(payload.last(), Some(ONLY));
}

#[test]
fn does_not_freeze_what_x_would_refuse() {
    let account = open("").unwrap();
    for text in ["", " \n"] {
        assert_eq!(account.freeze(&outgoing(text), &ids()).unwrap_err().0, Rejection::Content, "{text:?}");
    }
}

#[test]
fn digests_tell_equal_keys_without_showing_them() {
    let account = open("").unwrap();
    let (a, b, c) = (credential("app", "1-t"), credential("app", "2-t"), credential("other", "1-t"));
    assert_eq!(account.app_scope(&a), account.app_scope(&b));
    assert_ne!(account.app_scope(&a), account.app_scope(&c));
    assert_ne!(account.credential_scope(&a), account.credential_scope(&b));
    assert_ne!(account.credential_scope(&a), account.credential_scope(&c));
    assert_eq!(account.credential_scope(&a).map(|digest| digest.len()), Some(64));
    assert_eq!(account.app_scope(&Credential::default()), None);
}

#[test]
fn the_users_id_is_the_stored_one_else_the_tokens() {
    let identity = |id: &str| Identity { id: id.to_owned(), ..Identity::default() };
    let with = credential("app", "370773112-GmHx");
    assert_eq!(user_id(Some(&identity("42")), &with).as_deref(), Some("42"));
    assert_eq!(user_id(Some(&identity("")), &with).as_deref(), Some("370773112"));
    assert_eq!(user_id(None, &with).as_deref(), Some("370773112"));
    assert_eq!(user_id(None, &credential("app", "opaque")), None);
    assert_eq!(user_id(None, &credential("app", "abc-def")), None);
}

#[test]
fn a_receipt_needs_an_id() {
    let made = receipt(&api::value("1880000000000000009"), Timestamp::UNIX_EPOCH, Known::Answered).unwrap();
    assert_eq!(made.remote_id.as_deref(), Some("1880000000000000009"));
    assert_eq!(made.url.as_deref(), Some("https://x.com/i/status/1880000000000000009"));
    assert!(receipt(&json!({}), Timestamp::UNIX_EPOCH, Known::Answered).is_err_and(|e| e.in_doubt()));
}

#[test]
fn the_schema_says_what_is_taken() {
    let schema = X.schema(&mut schemars::SchemaGenerator::default()).to_value();
    assert_eq!(schema["additionalProperties"], json!(false));
    // Which of them are needed depends on each other: `open` says it.
    assert!(schema["required"].is_null());
    assert!(schema["properties"]["consumer_key"].is_object() && schema["properties"]["client_id"].is_object());
    assert_eq!(schema["properties"]["limit"]["maximum"], json!(25_000));
    assert_eq!(schema["properties"]["server"]["default"], json!("https://api.x.com/"));
}

#[test]
fn freezes_a_thread_step_by_step() {
    let account = open("").unwrap();
    let more = ["two", "three"].map(|text| FittedText::new(text.to_owned(), SPEC.text).unwrap());
    let post = Outgoing { more: more.into(), ..outgoing("one https://news.example/a?x=1&y=2") };
    let payload = account.freeze(&post, &ids()).unwrap();
    let steps: Vec<(u16, &str)> = payload.creates().map(|it| (it.step.n, it.body.as_str())).collect();
    let first = r#"{"text":"one https://news.example/a?x=1&y=2"}"#;
    assert_eq!(steps, [(0, first), (1, r#"{"text":"two"}"#), (2, r#"{"text":"three"}"#)]);
    assert_eq!(payload.parts(), ["one https://news.example/a?x=1&y=2", "two", "three"]);
    assert_ne!(
        payload.seen_hash(),
        account.freeze(&outgoing("one https://news.example/a?x=1&y=2"), &ids()).unwrap().seen_hash()
    );
    let body = answering(steps[1].1, "77").unwrap();
    assert_eq!(body, r#"{"reply":{"in_reply_to_tweet_id":"77"},"text":"two"}"#);
    assert!(
        account
            .freeze(&Outgoing { more: vec![FittedText::new(" ".to_owned(), SPEC.text).unwrap()], ..post }, &ids())
            .is_err()
    );
}

fn open_bare(text: &str) -> Result<Arc<dyn Account>, toml::de::Error> {
    X.open(DeTable::parse(text).unwrap().into_inner())
}

#[test]
fn the_keys_say_how_the_account_is_opened_and_a_mixture_is_a_fault() {
    assert!(open("").unwrap().consent().is_none());
    for (keys, secrets) in [
        ("client_id = \"id\"\n", 0),
        ("client_id = \"id\"\nclient_secret = { env = \"S\" }\nsite = \"http://127.0.0.1:1\"\n", 1),
    ] {
        let account = open_bare(keys).unwrap();
        assert!(account.consent().is_some_and(|consent| !consent.shows_code()), "{keys}");
        assert_eq!(account.secrets().len(), secrets, "{keys}");
        assert_eq!(account.credential_scope(&Credential::default()), None);
    }
    for (keys, words) in [
        (format!("{KEYS}client_id = \"id\"\n"), "found both: `consumer_key` beside `client_id`"),
        (format!("{KEYS}client_secret = {{ env = \"S\" }}\n"), "beside `client_secret`"),
        ("client_id = \"id\"\naccess_secret = { env = \"S\" }\n".to_owned(), "`access_secret` beside `client_id`"),
        ("client_secret = { env = \"S\" }\n".to_owned(), "missing key `client_id`"),
        ("client_id = \" \"\n".to_owned(), "missing key `client_id`"),
        ("limit = 280\n".to_owned(), "found neither"),
    ] {
        let error = open_bare(&keys).err().unwrap();
        assert!(error.message().contains(words), "{keys}: {error}");
    }
}

#[test]
fn channels_of_one_client_share_its_credits() {
    let scope = |id: &str| open_bare(&format!("client_id = \"{id}\"\n")).unwrap().app_scope(&Credential::default());
    assert!(scope("a").is_some());
    assert_eq!(scope("a"), scope("a"));
    assert_ne!(scope("a"), scope("b"));
}
