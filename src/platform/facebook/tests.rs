//! What Facebook's side decides without a network: its keys, its frozen forms, its mentions.

use toml::de::DeTable;

use super::*;
use crate::model::picture::{Origin, Picture};

fn open(keys: &str) -> Result<Arc<dyn Account>, toml::de::Error> {
    Facebook.open(DeTable::parse(keys).unwrap().into_inner())
}

fn post(text: &str) -> Outgoing {
    Outgoing {
        text: FittedText::new(text.to_owned(), SPEC.text).unwrap(),
        more: Vec::new(),
        link: Url::parse("https://e.org/a").ok(),
        card: None,
        picture: None,
        further: Vec::new(),
        language: None,
        mentions: Vec::new(),
    }
}

fn photo(n: u32) -> Picture {
    let url = Url::parse(&format!("https://e.org/{n}.jpg")).unwrap();
    Picture { origin: Origin::Photo { urls: vec![url] }, alt: format!("Alt {n}") }
}

fn ids() -> Ids {
    let at = jiff::Timestamp::UNIX_EPOCH;
    Ids { seed: "ab".repeat(32), created: at, story: at, revision: 0 }
}

fn names(payload: &Payload) -> Vec<String> {
    payload.steps.iter().map(|it| it.step.to_string()).collect()
}

#[test]
fn opens_with_its_keys_and_says_where_one_is_wrong() {
    let account = open("token = { env = \"T\" }\napp_secret = { file = \"s\" }\napp_id = \"7\"\npage = \"1\"").unwrap();
    assert_eq!(account.server().map(Url::as_str), Some("https://graph.facebook.com/"));
    assert_eq!(account.recovery(None), Recovery::Look);
    assert_eq!(account.secrets().len(), 2);
    for (keys, words) in [
        ("api_version = \"latest\"", "v26.0"),
        ("server = \"graph.facebook.com\"", "expected a server"),
        ("pages = \"1\"", "unknown field"),
        ("app_secret = \"s3cret\"", "found a text"),
    ] {
        let fault = open(keys).err().map(|e| e.message().to_owned()).unwrap_or_default();
        assert!(fault.contains(words) && !fault.contains("s3cret"), "{keys}: {fault}");
    }
}

#[test]
fn a_link_is_read_before_the_post_and_given_its_card() {
    let payload = open("").unwrap().freeze(&post("News"), &ids()).unwrap();
    assert_eq!(payload, open("").unwrap().freeze(&post("News"), &ids()).unwrap());
    assert_eq!(names(&payload), ["upload/200", "create/0"]);
    let body: Value = serde_json::from_str(&payload.steps[1].body).unwrap();
    assert_eq!(body, json!({"message": "News", "link": "https://e.org/a", "published": "true"}));
    assert_eq!(names(&open("scrape = false").unwrap().freeze(&post("News"), &ids()).unwrap()), ["create/0"]);
    let bare = Outgoing { link: None, ..post(" ") };
    assert!(open("").unwrap().freeze(&bare, &ids()).is_err());
}

#[test]
fn an_album_is_photos_and_then_the_post() {
    let album =
        Outgoing { picture: Some(photo(0)), further: (1..20).map(photo).collect(), ..post("News https://e.org/a") };
    let payload = open("").unwrap().freeze(&album, &ids()).unwrap();
    assert_eq!(payload.steps.len(), 11, "ten photos and the post, nothing to be read");
    assert_eq!(payload.steps[9].step, Step { op: Op::Upload, n: 9 });
}

#[test]
fn photos_give_way_to_the_card_where_the_text_leaves_the_link_to_it() {
    for (text, photos) in
        [("News", 0), ("News https://e.org/a/b", 0), ("News (https://e.org/a).", 2), ("https://e.org/a", 2)]
    {
        let album = Outgoing { picture: Some(photo(0)), further: vec![photo(1)], ..post(text) };
        let payload = open("").unwrap().freeze(&album, &ids()).unwrap();
        let is_photo = |it: &&Planned| it.step.op == Op::Upload && it.step != SCRAPE;
        assert_eq!(payload.steps.iter().filter(is_photo).count(), photos, "{text}");
        assert_eq!(payload.planned(SCRAPE).is_some(), photos == 0, "{text}");
        assert!(payload.planned(ONLY).unwrap().body.contains("\"link\":\"https://e.org/a\""));
    }
    let unlinked = Outgoing { picture: Some(photo(0)), link: None, ..post("News") };
    assert_eq!(names(&open("").unwrap().freeze(&unlinked, &ids()).unwrap()), ["upload/0", "create/0"]);
}

#[test]
fn only_a_wanted_page_is_mentioned() {
    let mention = |handle: &str, id: Option<&str>| Mention { handle: handle.to_owned(), id: id.map(str::to_owned) };
    let wanted = [mention("@AzerNews", Some("123")), mention("@Other", None), mention("@Odd", Some("1]x"))];
    for (text, expected) in [
        ("by @AzerNews.", "by @[123]."),
        ("by @AzerNewsAz", "by @AzerNewsAz"),
        ("@AzerNews @AzerNews", "@[123] @[123]"),
        ("by @[666] and @Other, @Odd", "by @\u{200D}[666] and @Other, @Odd"),
    ] {
        assert_eq!(mentioning(text, &wanted), expected);
    }
}
