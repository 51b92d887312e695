//! The account without a network: keys, what is frozen, what is known of it.

use serde_json::json;

use super::*;
use crate::model::picture::{Origin, Picture};
use crate::platform::Card;

fn account(text: &str) -> Result<Arc<dyn crate::platform::Account>, toml::de::Error> {
    LinkedIn.open(toml::de::DeTable::parse(text).unwrap().into_inner())
}

fn opened(text: &str) -> Arc<dyn crate::platform::Account> {
    account(text).map_err(|e| e.to_string()).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn ids() -> Ids {
    let at = "2026-11-01T10:00:00Z".parse().unwrap();
    Ids { seed: "ab".repeat(32), created: at, story: at, revision: 0 }
}

fn picture_of(n: u8) -> Picture {
    let url = Url::parse(&format!("https://e.org/{n}.jpg")).unwrap();
    Picture { origin: Origin::Photo { urls: vec![url] }, alt: format!("picture {n}") }
}

fn post(text: &str) -> Outgoing {
    let url = Url::parse("https://e.org/a").unwrap();
    let image = Some(Url::parse("https://e.org/thumb.jpg").unwrap());
    Outgoing {
        text: FittedText::new(text.to_owned(), SPEC.text).unwrap(),
        more: Vec::new(),
        link: Some(url.clone()),
        card: Some(Card { url, title: "Title".to_owned(), description: "Deck".to_owned(), image }),
        picture: None,
        further: Vec::new(),
        language: None,
        mentions: Vec::new(),
    }
}

#[test]
fn keys_are_read_with_their_defaults_and_faults_point_at_their_line() {
    let page = opened("organization = 123");
    assert_eq!(page.recovery(None), Recovery::Look);
    assert!(page.secrets().is_empty() && page.must_approve().is_some());
    let page = opened("organization = \"urn:li:organization:123\"\nread = false\naccept_terms = true");
    assert_eq!((page.recovery(None), page.must_approve()), (Recovery::Blind, None));
    let profile = opened("client_id = \"i\"\nclient_secret = { env = \"S\" }\nvisibility = \"connections\"");
    assert_eq!(profile.recovery(None), Recovery::Blind);
    assert_eq!(profile.secrets(), [("client_secret", SecretRef::Env("S".to_owned()))]);
    assert!(opened("organization = \"choose\"").consent().is_some());
    for (text, at) in [
        ("organization = 0", "0"),
        ("organization = \"example\"", "\"example\""),
        ("organization = true", "true"),
        ("api_version = \"2026-08\"", "\"2026-08\""),
        ("api_version = 202608", "202608"),
        ("visibility = \"friends\"", "\"friends\""),
        ("requests_per_day = 0", "0"),
        ("token = \"abc\"", "\"abc\""),
        ("page = 1", "page"),
    ] {
        let fault = account(text).err().unwrap();
        assert_eq!(&text[fault.span().unwrap()], at, "{fault}");
    }
    let fault = account("organization = 1\nvisibility = \"connections\"").err().unwrap();
    assert!(fault.message().contains("a page has no connections"), "{fault}");
}

#[test]
fn a_frozen_post_has_its_card_and_a_thumbnail_to_fetch() {
    let page = opened("organization = 123\nvisibility = \"logged_in\"");
    let payload = page.freeze(&post("Budget (2026)\nhttps://e.org/a"), &ids()).unwrap();
    assert_eq!(payload, page.freeze(&post("Budget (2026)\nhttps://e.org/a"), &ids()).unwrap());
    let steps: Vec<String> = payload.steps.iter().map(|planned| planned.step.to_string()).collect();
    assert_eq!(steps, ["upload/0", "create/0"]);
    assert_eq!(payload.steps[0].body, "https://e.org/thumb.jpg");
    let body: Value = serde_json::from_str(&payload.planned(ONLY).unwrap().body).unwrap();
    assert_eq!(
        (&body["visibility"], &body["commentary"]),
        (&json!("LOGGED_IN"), &json!("Budget \\(2026\\)\nhttps://e.org/a"))
    );
    assert_eq!(payload.text, "Budget (2026)\nhttps://e.org/a");
    assert!(page.freeze(&post(" \n"), &ids()).is_err());
}

#[test]
fn pictures_are_uploads_of_their_own_in_order() {
    let page = opened("organization = 123");
    let album = Outgoing {
        picture: Some(picture_of(0)),
        further: (1..25).map(picture_of).collect(),
        ..post("a https://e.org/a")
    };
    let payload = page.freeze(&album, &ids()).unwrap();
    let uploads: Vec<&Planned> = payload.steps.iter().filter(|planned| planned.step.op == Op::Upload).collect();
    assert_eq!(uploads.len(), 20, "the most there may be");
    assert!(uploads[19].body.contains("picture 19") && uploads[19].step.n == 19, "{:?}", uploads[19]);
    assert!(uploads.iter().all(|planned| !planned.body.contains("thumb.jpg")));
}

#[test]
fn pictures_give_way_to_the_card_where_the_text_leaves_the_link_to_it() {
    let page = opened("organization = 123");
    for (text, attached) in [("a", 0), ("a https://e.org/ab", 0), ("a (https://e.org/a).", 1), ("https://e.org/a", 1)] {
        let payload = page.freeze(&Outgoing { picture: Some(picture_of(0)), ..post(text) }, &ids()).unwrap();
        assert_eq!(payload.uploads().filter(|planned| planned.body.starts_with('{')).count(), attached, "{text}");
        assert_eq!(payload.uploads().filter(|planned| planned.body.ends_with("thumb.jpg")).count(), 1 - attached);
    }
    let cardless = Outgoing { picture: Some(picture_of(0)), card: None, ..post("a") };
    assert_eq!(page.freeze(&cardless, &ids()).unwrap().uploads().count(), 1, "there is no card to keep");
}

#[test]
fn the_end_of_a_version_is_known_without_asking_anybody() {
    let sunset = |keys: &str| opened(keys).sunset().map(|(version, ends)| format!("{version} {ends}"));
    assert_eq!(sunset("api_version = \"202601\"").as_deref(), Some("202601 2027-01-15"));
    assert_eq!(sunset("organization = 1").as_deref(), Some("202608 2027-08-15"), "twelve months at least");
}

#[test]
fn a_urn_is_a_posts_or_none() {
    for (urn, good) in [
        ("urn:li:share:7141", true),
        ("urn:li:ugcPost:9", true),
        ("urn:li:share:", false),
        ("urn:li:share:7/../x", false),
        ("urn:li:person:7", false),
        ("7", false),
    ] {
        assert_eq!(is_post(urn), good, "{urn}");
    }
    let made = receipt(&json!({"id": "urn:li:share:7"}), Timestamp::UNIX_EPOCH, Known::Answered).unwrap();
    assert_eq!(made.url.as_deref(), Some("https://www.linkedin.com/feed/update/urn:li:share:7/"));
    assert!(receipt(&json!({"id": null}), Timestamp::UNIX_EPOCH, Known::Answered).is_err());
    assert_eq!(organization_id("urn:li:organization:12"), Some("12"));
    assert_eq!(organization_id("urn:li:organization:1/2"), None);
}

#[test]
fn channels_of_one_app_share_what_is_the_apps() {
    let (one, two) = (opened("client_id = \"i\""), opened("organization = 1\nclient_id = \"i\""));
    let none = Credential::default();
    assert_eq!(one.app_scope(&none), two.app_scope(&none));
    assert_ne!(one.app_scope(&none), opened("client_id = \"j\"").app_scope(&none));
    assert_eq!(opened("organization = 1").app_scope(&none), None);
}
