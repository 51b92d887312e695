//! What the Threads side decides without a network: its keys, its frozen forms, what it refuses beforehand.

use toml::de::DeTable;

use super::*;
use crate::model::picture::{Origin, Picture};
use crate::text::rules::{FittedText, Unit};

fn open(keys: &str) -> Result<Arc<dyn Account>, toml::de::Error> {
    Threads.open(DeTable::parse(keys).unwrap().into_inner())
}

fn post(text: &str) -> Outgoing {
    Outgoing {
        text: FittedText::new(text.to_owned(), SPEC.text).unwrap(),
        more: Vec::new(),
        link: Url::parse("https://e.org/a").ok(),
        card: None,
        picture: None,
        further: Vec::new(),
        language: Some("en".to_owned()),
        mentions: Vec::new(),
    }
}

fn ids() -> Ids {
    let at = jiff::Timestamp::UNIX_EPOCH;
    Ids { seed: "ab".repeat(32), created: at, story: at, revision: 0 }
}

fn photo() -> Picture {
    Picture {
        origin: Origin::Photo { urls: vec![Url::parse("https://e.org/p.jpg").unwrap()] },
        alt: "A bridge".to_owned(),
    }
}

fn body(payload: &Payload, n: usize) -> Value {
    serde_json::from_str(&payload.steps[n].body).unwrap()
}

#[test]
fn opens_with_its_keys_and_says_where_one_is_wrong() {
    let account = open("").unwrap();
    assert_eq!(account.server().map(Url::as_str), Some("https://graph.threads.net/"));
    assert_eq!((account.recovery(None), account.rules(None).unit), (Recovery::OwnId, Unit::Threads));
    assert!(account.consent().is_some() && account.secrets().is_empty());
    let account = open("token = { env = \"T\" }\napp_secret = { env = \"S\" }\nstrict_count = true\n").unwrap();
    assert_eq!(account.rules(None).unit, Unit::Bytes);
    assert_eq!(account.secrets().iter().map(|(key, _)| *key).collect::<Vec<_>>(), ["token", "app_secret"]);
    for (keys, words) in [
        ("topic = \"a.b\"", "without '.'"),
        ("topic = \"\"", "1 to 50"),
        ("replies = \"nobody\"", "everyone"),
        ("secret = \"s\"", "unknown field"),
    ] {
        let fault = open(keys).err().map(|e| e.message().to_owned()).unwrap_or_default();
        assert!(fault.contains(words), "{keys}: {fault}");
    }
}

#[test]
fn a_text_carries_its_link_as_a_card() {
    let account = open("topic = \"News\"\nreplies = \"mentioned_only\"").unwrap();
    let payload = account.freeze(&post("Salam https://e.org/a"), &ids()).unwrap();
    assert_eq!(payload, account.freeze(&post("Salam https://e.org/a"), &ids()).unwrap(), "the same bytes each time");
    assert_eq!(payload.steps.len(), 2);
    assert_eq!(
        body(&payload, 0)["bare"],
        json!({"media_type": "TEXT", "text": "Salam https://e.org/a", "link_attachment": "https://e.org/a",
            "topic_tag": "News", "reply_control": "mentioned_only"})
    );
    assert_eq!(body(&payload, 1), json!({"text": "Salam https://e.org/a", "link": "https://e.org/a"}));
}

#[test]
fn beside_a_picture_there_is_no_card() {
    let with = Outgoing { picture: Some(photo()), ..post("Salam https://e.org/a") };
    let payload = open("").unwrap().freeze(&with, &ids()).unwrap();
    let frozen = body(&payload, 0);
    assert_eq!(frozen["with"], json!({"text": "Salam https://e.org/a"}));
    assert_eq!(
        frozen["bare"]["link_attachment"], "https://e.org/a",
        "the post that goes out if the picture cannot be had"
    );
    assert_eq!(frozen["alt"], "A bridge");
    assert_eq!(body(&payload, 1)["link"], "https://e.org/a");
    let silent = Outgoing { picture: Some(photo()), ..post("Salam https://e.org/ab") };
    let silent = open("").unwrap().freeze(&silent, &ids()).unwrap();
    assert!(body(&silent, 1).get("link").is_none(), "neither text nor card leads there");
    let album = Outgoing { further: vec![photo(); 30], ..with };
    let payload = open("").unwrap().freeze(&album, &ids()).unwrap();
    assert_eq!(payload.steps.len(), 22, "twenty pictures, their container, the post");
}

#[test]
fn each_part_of_a_thread_has_its_own_container_and_the_link_its_part() {
    let more = vec![FittedText::new("two https://e.org/a".to_owned(), SPEC.text).unwrap()];
    let payload = open("").unwrap().freeze(&Outgoing { more, ..post("one") }, &ids()).unwrap();
    let steps: Vec<String> = payload.steps.iter().map(|it| it.step.to_string()).collect();
    assert_eq!(steps, ["upload/0", "create/0", "upload/1", "create/1"]);
    assert!(body(&payload, 0)["bare"].get("link_attachment").is_none());
    assert_eq!(body(&payload, 2)["bare"]["link_attachment"], "https://e.org/a");
    assert_eq!(payload.parts(), ["one", "two https://e.org/a"]);
}

#[test]
fn only_a_plain_yes_is_a_take_down() {
    assert_eq!(taken_down(&json!({"success": true, "deleted_id": "7"}), "7").unwrap(), json!({"id": "7"}));
    for answer in [json!({"success": false}), json!({}), json!({"success": "true"}), Value::Null] {
        assert_eq!(taken_down(&answer, "7").unwrap_err().class(), "unknown", "{answer}");
    }
}

#[test]
fn six_links_and_an_empty_text_are_refused_beforehand() {
    let links: String = (0..6).map(|n| format!("https://e.org/{n} ")).collect();
    let refused = open("").unwrap().freeze(&post(&links), &ids()).unwrap_err();
    assert_eq!(refused.0, Rejection::Content);
    assert!(refused.1.contains("6 links"), "{}", refused.1);
    assert!(open("").unwrap().freeze(&post(" \n"), &ids()).is_err());
}
