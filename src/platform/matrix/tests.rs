//! What Matrix's side decides without a network: its keys, its frozen steps, its receipts.

use jiff::Timestamp;
use toml::de::DeTable;

use super::*;
use crate::model::picture::{Origin, Picture};
use crate::text::rules::FittedText;

const KEYS: &str = "server = \"https://m.example\"\nroom = \"!r:m.example\"\ntoken = { env = \"T\" }";

fn open(keys: &str) -> Result<Arc<dyn Account>, toml::de::Error> {
    Matrix.open(DeTable::parse(keys).unwrap().into_inner())
}

fn post(texts: &[&str], pictures: &[&str]) -> Outgoing {
    let mut texts = texts.iter().map(|text| FittedText::new((*text).to_owned(), SPEC.text).unwrap());
    let mut pictures = pictures.iter().map(|alt| Picture {
        origin: Origin::Photo { urls: vec![Url::parse("https://e.org/p.jpg").unwrap()] },
        alt: (*alt).to_owned(),
    });
    Outgoing {
        text: texts.next().unwrap(),
        more: texts.collect(),
        link: Url::parse("https://e.org/a").ok(),
        card: None,
        picture: pictures.next(),
        further: pictures.collect(),
        language: None,
        mentions: Vec::new(),
    }
}

fn ids() -> Ids {
    let at = Timestamp::from_millisecond(1_800_000_000_123).unwrap();
    Ids { seed: "ab".repeat(32), created: at, story: at, revision: 0 }
}

#[test]
fn keys_are_read_with_their_defaults_and_faults_point_at_their_place() {
    let account = open(KEYS).ok().unwrap();
    assert_eq!(account.server().map(Url::as_str), Some("https://m.example/"));
    assert_eq!(account.recovery(None), Recovery::OwnId);
    assert_eq!(account.secrets(), [("token", SecretRef::Env("T".to_owned()))]);
    for room in ["!abc", "!abc:m.example", "#news:m.example", "#xəbər:m.example:8448"] {
        assert!(open(&KEYS.replace("!r:m.example", room)).is_ok(), "{room}");
    }
    for room in ["news", "#news", "@bot:m.example", "!", "!a/b:c", "#a b:c", ""] {
        let text = KEYS.replace("!r:m.example", room);
        let fault = open(&text).err().unwrap();
        assert!(fault.message().contains("a room's id"), "{room}: {fault}");
        assert_eq!(fault.span().map(|span| &text[span]), Some(format!("{room:?}").as_str()), "{room}");
    }
    let signs_in = KEYS.replace("token = { env = \"T\" }", "user = \"news\"\npassword = { env = \"P\" }");
    assert_eq!(open(&signs_in).ok().unwrap().secrets(), [("password", SecretRef::Env("P".to_owned()))]);
    for (keys, words) in [
        (KEYS.replace("token = { env = \"T\" }", ""), "found neither"),
        (KEYS.replace("token = { env = \"T\" }", "user = \"news\""), "without the other"),
        (format!("{KEYS}\nuser = \"news\""), "found both"),
    ] {
        assert!(open(&keys).err().unwrap().message().contains(words), "{keys}");
    }
    for (more, words) in [("message = \"loud\"", "unknown variant"), ("silent = true", "unknown field")] {
        assert!(open(&format!("{KEYS}\n{more}")).err().unwrap().message().contains(words), "{more}");
    }
}

#[test]
fn freezes_to_these_steps() {
    let account = open(&KEYS.replace("!r:m.example", "#news:m.example")).ok().unwrap();
    let payload = account.freeze(&post(&["One & https://e.org/a", "two"], &["A bridge", ""]), &ids()).ok().unwrap();
    assert_eq!(
        payload,
        account.freeze(&post(&["One & https://e.org/a", "two"], &["A bridge", ""]), &ids()).ok().unwrap()
    );
    let steps: Vec<String> = payload.steps.iter().map(|planned| planned.step.to_string()).collect();
    assert_eq!(steps, ["upload/0", "upload/1", "upload/2", "create/0", "create/1", "create/2", "create/3"]);
    assert_eq!(payload.steps[2].body, "#news:m.example");
    assert_eq!(payload.key, "ab".repeat(16));
    let body = |n: usize| serde_json::from_str::<Value>(&payload.steps[n].body).unwrap();
    let mark = |n: u16| format!("bugle-{}-{n}", "ab".repeat(16));
    assert_eq!(
        body(3),
        json!({"made": 1_800_000_000_123_i64, "content": {
            "msgtype": "m.notice", "body": "One & https://e.org/a", "format": "org.matrix.custom.html",
            "formatted_body": "One &amp; <a href=\"https://e.org/a\">https://e.org/a</a>", "m.mentions": {},
            "org.bugle.post": mark(0)}})
    );
    assert_eq!(
        body(5),
        json!({"upload": 0, "content": {"msgtype": "m.image", "body": "A bridge", "m.mentions": {}, "org.bugle.post": mark(2)}})
    );
    assert_eq!((&body(6)["content"]["body"], &body(6)["upload"]), (&json!("picture.jpg"), &json!(1)));
    assert_eq!(payload.parts(), ["One & https://e.org/a", "two"], "pictures are no texts");
    let text =
        open(&format!("{KEYS}\nmessage = \"text\"")).ok().unwrap().freeze(&post(&["a"], &[]), &ids()).ok().unwrap();
    assert!(text.steps[1].body.contains("\"m.text\"") && text.steps.len() == 2);
}

#[test]
fn a_remote_id_is_a_room_and_an_event() {
    assert_eq!(place("!r:s/$e").unwrap(), ("!r:s", "$e"));
    for bad in ["$e", "!r:s", "r/$e", "!r:s/e", ""] {
        assert!(matches!(place(bad), Err(PublishError::Rejected { .. })), "{bad}");
    }
    assert_eq!(value("!r:s", "$e"), json!({"id": "!r:s/$e", "event": "$e"}));
}

#[test]
fn a_digest_is_of_the_account_not_of_the_room() {
    let credential = |token: &str| Credential(vec![("token", secrecy::SecretString::from(token.to_owned()))]);
    let (one, two) = (open(KEYS).ok().unwrap(), open(&KEYS.replace("!r", "!q")).ok().unwrap());
    assert_eq!(one.credential_scope(&credential("a")), two.credential_scope(&credential("a")));
    assert_ne!(one.credential_scope(&credential("a")), one.credential_scope(&credential("b")));
    assert!(!one.credential_scope(&credential("s3cret")).unwrap().contains("s3cret"));
}
