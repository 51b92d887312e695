//! What the web hook's side decides without a network: its keys, its events, their ids.

use jiff::Timestamp;
use toml::de::DeTable;

use super::*;
use crate::platform::Card;
use crate::text::rules::FittedText;

const KEYS: &str = "secret = { env = \"S\" }\n";

fn open(keys: &str) -> Result<Arc<dyn Account>, toml::de::Error> {
    Webhook.open(DeTable::parse(&format!("{KEYS}{keys}")).unwrap().into_inner())
}

fn post(text: &str, description: &str) -> Outgoing {
    let url = |text: &str| Url::parse(text).unwrap();
    let photo = |name: &str| Picture {
        origin: Origin::Photo { urls: vec![url(&format!("https://news.example/{name}.jpg"))] },
        alt: format!("About {name}"),
    };
    Outgoing {
        text: FittedText::new(text.to_owned(), SPEC.text).unwrap(),
        more: Vec::new(),
        link: Some(url("https://news.example/a?x=1&y=2")),
        card: Some(Card {
            url: url("https://news.example/a?x=1&y=2"),
            title: "Körpü <b>".to_owned(),
            description: description.to_owned(),
            image: Some(url("https://news.example/c.jpg")),
        }),
        picture: Some(photo("one")),
        further: vec![photo("two")],
        language: Some("az".to_owned()),
        mentions: Vec::new(),
    }
}

fn ids() -> Ids {
    Ids { seed: "ab".repeat(32), created: Timestamp::UNIX_EPOCH, story: Timestamp::UNIX_EPOCH, revision: 1 }
}

#[test]
fn takes_https_and_inside_the_network_http() {
    for (url, words) in [
        ("https://cms.example/hook?site=1", None),
        ("http://10.0.0.5:8080/hook", None),
        ("http://127.0.0.1:1/", None),
        ("http://cms/hook", None),
        ("http://cms.internal/hook", None),
        ("http://cms.example/hook", Some("expected an https address: http goes only")),
        ("ftp://cms.example/", Some("found ftp:")),
        ("cms.example", Some("expected a URL such as")),
        ("https://user:s3cret@cms.example/", Some("without user and fragment")),
        ("https://cms.example/#x", Some("without user and fragment")),
    ] {
        let found = open(&format!("url = {url:?}"));
        let said = found.err().map(|e| e.message().to_owned());
        assert_eq!(said.is_some(), words.is_some(), "{url}: {said:?}");
        assert!(said.as_deref().unwrap_or_default().contains(words.unwrap_or_default()), "{url}: {said:?}");
        assert!(!said.unwrap_or_default().contains("s3cret"));
    }
    let account = open("url = \"https://a.example/\"\nold_secret = { env = \"O\" }\ntoken = { env = \"T\" }").unwrap();
    assert_eq!(account.secrets().iter().map(|it| it.0).collect::<Vec<_>>(), ["secret", "old_secret", "token"]);
    assert_eq!(account.recovery(None), Recovery::OwnId);
    assert!(open("url = \"https://a.example/\"\nsigned = true").is_err());
}

#[test]
fn freezes_to_these_bytes() {
    let payload = open("url = \"https://a.example/\"").unwrap().freeze(&post("Körpü\nx", "Lead"), &ids()).unwrap();
    let key = format!("bugle-{}", "ab".repeat(32));
    assert_eq!((payload.key.as_str(), payload.steps.len()), (key.as_str(), 1));
    assert!(!payload.key.contains('.'), "the signature parts by dots");
    let expected = format!(
        r#"{{"data":{{"description":"Lead","id":"{key}","image":"https://news.example/c.jpg","language":"az","pictures":[{{"alt":"About one","url":"https://news.example/one.jpg"}},{{"alt":"About two","url":"https://news.example/two.jpg"}}],"text":"Körpü\nx","title":"Körpü <b>","url":"https://news.example/a?x=1&y=2"}},"timestamp":"1970-01-01T00:00:00Z","type":"post.published"}}"#
    );
    assert_eq!(payload.steps[0].body, expected);
}

#[test]
fn what_is_too_large_loses_its_extras_first() {
    let account = open("url = \"https://a.example/\"").unwrap();
    let frozen = |text: &str, description: &str| account.freeze(&post(text, description), &ids());
    let large = frozen(&"a".repeat(15_000), &"d".repeat(6_000)).unwrap();
    let body: Value = serde_json::from_str(&large.steps[0].body).unwrap();
    assert!(large.steps[0].body.len() <= BYTES);
    assert!(body["data"]["description"].is_null() && body["data"]["pictures"].is_array());
    let mut huge = post(&"a".repeat(16_000), "");
    huge.link = Url::parse(&format!("https://news.example/{}", "b".repeat(4_000))).ok();
    assert!(matches!(account.freeze(&huge, &ids()), Err((Rejection::TooLong, _))));
    assert!(matches!(frozen(" ", ""), Err((Rejection::Content, _))));
}

#[test]
fn a_change_is_an_event_of_its_own_about_the_same_post() {
    let body = r#"{"type":"post.published","timestamp":"t","data":{"id":"new","text":"x"}}"#;
    let edited: Value = serde_json::from_str(&changed(body, "post.edited", "old").unwrap()).unwrap();
    assert_eq!(edited, json!({"type": "post.edited", "timestamp": "t", "data": {"id": "old", "text": "x"}}));
    assert!(changed("{}", "post.edited", "old").is_err() && changed("no", "post.edited", "old").is_err());
    let (one, same) = (event_id("a", "edited", "x"), event_id("a", "edited", "x"));
    assert_eq!(one, same);
    for other in [event_id("a", "edited", "y"), event_id("a", "deleted", "x"), event_id("b", "edited", "x")] {
        assert_ne!(one, other);
    }
    assert!(!one.contains('.'));
}

#[test]
fn an_answer_may_name_a_web_address_and_nothing_else() {
    for (body, url) in [
        (r#"{"id":7,"url":"https://cms.example/7"}"#, Some("https://cms.example/7")),
        (r#"{"url":"javascript:alert(1)"}"#, None),
        ("thanks", None),
        ("", None),
    ] {
        assert_eq!(noted("k", body.as_bytes()), json!({ "id": "k", "url": url }), "{body}");
    }
}
