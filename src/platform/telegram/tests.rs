//! What Telegram's side decides without a network: its keys, its frozen bytes, its receipts.

use secrecy::SecretString;
use toml::de::DeTable;

use super::*;
use crate::text::rules::FittedText;

fn open(keys: &str) -> Result<Arc<dyn Account>, toml::de::Error> {
    Telegram.open(DeTable::parse(&format!("token = {{ env = \"T\" }}\n{keys}")).unwrap().into_inner())
}

fn frozen(keys: &str, text: &str, link: Option<&str>) -> Value {
    let post = Outgoing {
        text: FittedText::new(text.to_owned(), SPEC.text).unwrap(),
        more: Vec::new(),
        link: link.map(|link| Url::parse(link).unwrap()),
        card: None,
        picture: None,
        further: Vec::new(),
        language: None,
        mentions: Vec::new(),
    };
    let ids = Ids { seed: "ab".repeat(32), created: Timestamp::UNIX_EPOCH, story: Timestamp::UNIX_EPOCH, revision: 0 };
    let payload = open(keys).unwrap().freeze(&post, &ids).unwrap();
    serde_json::from_str(&payload.planned(ONLY).unwrap().body).unwrap()
}

#[test]
fn takes_a_chat_by_name_or_number() {
    for (chat, expected) in [
        ("\"@example_news\"", json!("@example_news")),
        ("-1001234567890", json!(-1_001_234_567_890_i64)),
        ("\"-1001234567890\"", json!(-1_001_234_567_890_i64)),
        ("42", json!(42)),
    ] {
        assert_eq!(frozen(&format!("chat = {chat}"), "a", None)["chat_id"], expected, "{chat}");
    }
    for chat in ["\"example\"", "\"@\"", "\"@a/b\"", "true", "1.5", "\"\""] {
        let text = format!("token = {{ env = \"T\" }}\nchat = {chat}");
        let error = Telegram.open(DeTable::parse(&text).unwrap().into_inner()).err().unwrap();
        assert!(error.message().contains("a chat's name"), "{chat}: {error}");
        assert_eq!(error.span().map(|span| &text[span]), Some(chat));
    }
}

#[test]
fn opens_with_its_keys_and_defaults() {
    let account = open("chat = \"@a\"").unwrap();
    assert_eq!(account.server().map(Url::as_str), Some("https://api.telegram.org/"));
    assert_eq!(account.recovery(None), Recovery::Blind);
    assert_eq!(account.secrets(), [("token", SecretRef::Env("T".to_owned()))]);
    for (keys, words) in [
        ("chat = \"@a\"\npreview = \"huge\"", "unknown variant"),
        ("chat = \"@a\"\nserver = \"file:///x\"", "http or https"),
        ("chat = \"@a\"\nparse_mode = \"HTML\"", "unknown field"),
        ("silent = true", "missing field `chat`"),
    ] {
        let error = open(keys).err().unwrap();
        assert!(error.message().contains(words), "{keys}: {error}");
    }
}

#[test]
fn freezes_to_these_bytes() {
    let post = Outgoing {
        text: FittedText::new(" 🎺 <b>Bread & *salt*\nhttps://news.example/a?x=1&y=2\n".to_owned(), SPEC.text).unwrap(),
        more: Vec::new(),
        link: Url::parse("https://news.example/a?x=1&y=2").ok(),
        card: None,
        picture: None,
        further: Vec::new(),
        language: None,
        mentions: Vec::new(),
    };
    let ids = Ids { seed: "ab".repeat(32), created: Timestamp::UNIX_EPOCH, story: Timestamp::UNIX_EPOCH, revision: 1 };
    let payload =
        open("chat = \"@example_news\"\nsilent = true\npreview = \"large\"").unwrap().freeze(&post, &ids).unwrap();
    assert_eq!(
        payload.planned(ONLY).unwrap().body,
        r#"{"chat_id":"@example_news","disable_notification":true,"entities":[{"length":30,"offset":21,"type":"url"}],"link_preview_options":{"prefer_large_media":true,"url":"https://news.example/a?x=1&y=2"},"text":"🎺 <b>Bread & *salt*\nhttps://news.example/a?x=1&y=2"}"#
    );
    assert_eq!((payload.format, payload.revision, payload.key.as_str(), payload.steps.len()), (1, 1, "", 1));
    assert_eq!(payload.text, "🎺 <b>Bread & *salt*\nhttps://news.example/a?x=1&y=2");
}

#[test]
fn only_the_articles_link_is_marked_and_previewed() {
    let link = Some("https://news.example/a");
    let preview = |keys: &str, link| frozen(&format!("chat = 1\n{keys}"), "ASP.NET https://news.example/a", link);
    assert_eq!(preview("", link)["link_preview_options"], json!({ "url": "https://news.example/a" }));
    assert_eq!(preview("", link)["entities"], json!([{ "type": "url", "offset": 8, "length": 22 }]));
    assert_eq!(
        preview("preview = \"small\"", link)["link_preview_options"],
        json!({ "url": "https://news.example/a", "prefer_small_media": true })
    );
    for body in [preview("preview = \"off\"", link), preview("", None), preview("preview = \"large\"", None)] {
        assert_eq!(body["link_preview_options"], json!({ "is_disabled": true }));
    }
    assert_eq!(preview("", None)["entities"], json!([]));
    assert_eq!(preview("", Some("https://elsewhere.example/"))["entities"], json!([]));
    assert!(preview("", link).get("parse_mode").is_none() && preview("", link).get("disable_notification").is_none());
}

#[test]
fn an_edit_goes_to_the_messages_place() {
    let request = edit(r#"{"chat_id":"@a","text":"t","disable_notification":true}"#, -1001, 42).unwrap();
    assert_eq!(request, r#"{"chat_id":-1001,"message_id":42,"text":"t"}"#);
    assert_eq!(place("-1001:42"), Some((-1001, 42)));
    for text in ["", "42", "a:1", "1:b", "1:2:3"] {
        assert_eq!(place(text), None, "{text}");
    }
}

#[test]
fn receipts_name_the_message_and_its_address() {
    let made = |value: Value| receipt(value, Timestamp::UNIX_EPOCH).map(|r| (r.remote_id, r.url));
    let some = |text: &str| Some(text.to_owned());
    let public = json!({ "message_id": 42, "chat_id": -1_001_234_i64, "username": "example_news" });
    assert_eq!(made(public).unwrap(), (some("-1001234:42"), some("https://t.me/example_news/42")));
    let private = json!({ "message_id": 42, "chat_id": -1_001_234_i64, "username": null });
    assert_eq!(made(private).unwrap(), (some("-1001234:42"), some("https://t.me/c/1234/42")));
    assert_eq!(made(json!({ "message_id": 42, "chat_id": -77 })).unwrap(), (some("-77:42"), None));
    let person = json!({ "message_id": 42, "chat_id": 77, "username": "anna" });
    assert_eq!(made(person).unwrap(), (some("77:42"), None));
    assert_eq!(made(json!({ "message_id": 0, "chat_id": -77 })).unwrap(), (None, None));
    assert!(made(json!({ "id": "1" })).is_err_and(|e| e.in_doubt()));
}

#[test]
fn remarks_say_what_a_person_should_do() {
    let chat =
        |kind: &str| Chat { id: -1001, kind: kind.to_owned(), title: Some("Example".to_owned()), username: None };
    let member = |status: &str, can| Member { status: status.to_owned(), can_post_messages: can };
    let may = |kind, member: &Member| right_remark(&chat(kind), Ok(member));
    assert_eq!(may("channel", &member("administrator", Some(true))), None);
    assert!(may("channel", &member("administrator", Some(false))).unwrap().contains("Post messages"));
    assert!(may("channel", &member("member", None)).is_some());
    assert_eq!(may("supergroup", &member("member", None)), None);
    assert!(may("supergroup", &member("kicked", None)).is_some());
    assert_eq!(chat_remarks(&ChatId::Number(-1001), &chat("channel")).len(), 1);
    assert!(chat_remarks(&ChatId::Name("@a".to_owned()), &chat("channel"))[1].contains("chat = -1001"));
}

#[test]
fn a_digest_is_of_the_bot_not_of_the_chat() {
    let credential = |token: &str| Credential(vec![("token", SecretString::from(token.to_owned()))]);
    let (one, two) = (open("chat = 1").unwrap(), open("chat = 2").unwrap());
    assert_eq!(one.credential_scope(&credential("1:a")), two.credential_scope(&credential("1:a")));
    assert_ne!(one.credential_scope(&credential("1:a")), one.credential_scope(&credential("2:a")));
    assert!(!one.credential_scope(&credential("1:a")).unwrap().contains("1:a"));
}

#[test]
fn the_schema_says_what_is_taken() {
    let schema = Telegram.schema(&mut schemars::SchemaGenerator::default()).to_value();
    assert_eq!(schema["additionalProperties"], json!(false));
    assert_eq!(schema["required"], json!(["chat", "token"]));
    let mut generator = schemars::SchemaGenerator::default();
    let chat = generator.root_schema_for::<ChatId>().to_value();
    let types: Vec<&Value> = chat["anyOf"].as_array().unwrap().iter().map(|one| &one["type"]).collect();
    assert_eq!(types, ["string", "integer"]);
}
