//! What Instagram's side decides without a network: its keys, its frozen forms, what it refuses beforehand.

use serde_json::Value;
use toml::de::DeTable;

use super::*;
use crate::model::picture::{Origin, Picture};
use crate::text::rules::FittedText;

fn open(keys: &str) -> Result<Arc<dyn Account>, toml::de::Error> {
    Instagram.open(DeTable::parse(keys).unwrap().into_inner())
}

fn photo(n: u32) -> Picture {
    let url = Url::parse(&format!("https://e.org/{n}.jpg")).unwrap();
    Picture { origin: Origin::Photo { urls: vec![url] }, alt: format!("Alt {n}") }
}

fn post(text: &str, picture: Option<Picture>) -> Outgoing {
    Outgoing {
        text: FittedText::new(text.to_owned(), SPEC.text).unwrap(),
        more: Vec::new(),
        link: Url::parse("https://e.org/a").ok(),
        card: None,
        picture,
        further: Vec::new(),
        language: None,
        mentions: Vec::new(),
    }
}

fn ids() -> Ids {
    let at = jiff::Timestamp::UNIX_EPOCH;
    Ids { seed: "ab".repeat(32), created: at, story: at, revision: 0 }
}

#[test]
fn its_server_is_as_it_is_signed_in_to() {
    for (keys, server) in [
        ("", "https://graph.instagram.com/"),
        ("sign_in = \"facebook\"", "https://graph.facebook.com/"),
        ("sign_in = \"facebook\"\nserver = \"http://127.0.0.1:1\"", "http://127.0.0.1:1/"),
    ] {
        assert_eq!(open(keys).unwrap().server().map(Url::as_str), Some(server), "{keys}");
    }
    for (keys, words) in
        [("sign_in = \"x\"", "instagram"), ("api_version = \"26\"", "v26.0"), ("acount_id = \"1\"", "unknown")]
    {
        let fault = open(keys).err().map(|e| e.message().to_owned()).unwrap_or_default();
        assert!(fault.contains(words), "{keys}: {fault}");
    }
}

#[test]
fn a_post_without_a_picture_is_refused_with_what_to_do() {
    let (reason, said) = open("").unwrap().freeze(&post("News", None), &ids()).unwrap_err();
    assert_eq!(reason, Rejection::Media);
    assert!(said.contains("needs a picture") && said.contains("picture = \"headline\""), "{said}");
}

#[test]
fn one_picture_is_a_post_and_several_are_a_carousel_of_ten() {
    let account = open("").unwrap();
    let one = account.freeze(&post("News https://e.org/a", Some(photo(0))), &ids()).unwrap();
    let body: Value = serde_json::from_str(&one.steps[0].body).unwrap();
    assert_eq!((one.steps.len(), &body["with"]), (2, &json!({"caption": "News https://e.org/a"})));
    assert!(body.get("bare").is_none(), "there is no post without a picture");
    let more = Outgoing { further: (1..20).map(photo).collect(), ..post("News", Some(photo(0))) };
    let album = account.freeze(&more, &ids()).unwrap();
    assert_eq!(album.steps.len(), 12);
    let create: Value = serde_json::from_str(&album.steps[11].body).unwrap();
    assert_eq!(create, json!({"text": "News"}), "a link that is not in the caption is no mark");
}

#[test]
fn too_many_tags_are_refused_beforehand() {
    let tags: String = (0..6).map(|n| format!("#tag{n} ")).collect();
    let (_, said) = open("").unwrap().freeze(&post(&tags, Some(photo(0))), &ids()).unwrap_err();
    assert!(said.contains("6 tags"), "{said}");
}
