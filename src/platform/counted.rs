//! What the adapters freeze counts what was fitted: the same counter over the text in the body that is sent; and an album's
//! pictures are sent in order, before anything can be seen. Tests only.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::Value;
use toml::de::DeTable;
use url::Url;

use super::{Account, Ids, ONLY, Outgoing, Payload, by_id, picture};
use crate::model::picture::{Origin, Picture};
use crate::model::receipt::Op;
use crate::text::measure::length;
use crate::text::plain::defuse;
use crate::text::rules::FittedText;

const CHANNELS: [(&str, &str, &str); 8] = [
    (
        "x",
        "consumer_key = { env = \"A\" }\nconsumer_secret = { env = \"B\" }\naccess_token = { env = \"C\" }\naccess_secret = { env = \"D\" }",
        "/text",
    ),
    ("linkedin", "organization = 1", "/commentary"),
    ("mastodon", "server = \"https://m.example\"\ntoken = { env = \"T\" }", "/status"),
    ("bluesky", "handle = \"news.example\"\npassword = { env = \"P\" }", "/record/text"),
    ("matrix", "server = \"https://m.example\"\nroom = \"!r:m.example\"\ntoken = { env = \"T\" }", "/content/body"),
    ("telegram", "token = { env = \"T\" }\nchat = \"@example_news\"", "/text"),
    ("facebook", "", "/message"),
    ("threads", "", "/text"),
];

fn ids() -> Ids {
    Ids { seed: "ab".repeat(32), created: Timestamp::UNIX_EPOCH, story: Timestamp::UNIX_EPOCH, revision: 0 }
}

fn outgoing(text: FittedText) -> Outgoing {
    Outgoing {
        text,
        link: Url::parse("https://news.example/a?x=1&y=2").ok(),
        card: None,
        language: None,
        mentions: Vec::new(),
        more: Vec::new(),
        picture: None,
        further: Vec::new(),
    }
}

fn frozen(account: &dyn Account, text: FittedText) -> Option<Payload> {
    account.freeze(&outgoing(text), &ids()).ok()
}

proptest! {
    #[test]
    fn what_is_frozen_counts_what_was_fitted(
        text in "( |[a-z]{1,8}|[A-Z]|https://news\\.example/a\\?x=1&y=2|example\\.org/x|#tag|\\$A|👍🏽|👨\u{200D}👩\u{200D}👧|🇦🇿|e\u{301}|日本|ı|…|\n|<b>|&|\"|\\\\|_|\\*|@bob@e\\.org|@everyone|bob@e\\.org){1,40}"
    ) {
        // As every text of a feed comes: its mentions broken.
        let text = defuse(&text);
        for (id, keys, place) in CHANNELS {
            let platform = by_id(id).expect("an adapter");
            let account = platform.open(DeTable::parse(keys).expect("keys").into_inner()).expect("an account");
            let rules = account.rules(None);
            let Ok(fitted) = FittedText::new(text.clone(), rules) else { continue };
            let counted = fitted.length();
            let Some(payload) = frozen(&*account, fitted) else { continue };
            prop_assert_eq!(length(&payload.text, rules.unit), counted, "{} {:?}", id, text);
            let body: Value = serde_json::from_str(&payload.planned(ONLY).expect("a step").body).expect("JSON");
            let sent = body.pointer(place).and_then(Value::as_str);
            if id == "linkedin" {
                // Its field is not plain text: what is counted is what is sent.
                prop_assert_eq!(sent.map(|sent| sent.encode_utf16().count()), Some(counted));
            } else {
                prop_assert_eq!(sent, Some(payload.text.as_str()), "{}", id);
            }
            prop_assert!(FittedText::new(payload.text, rules).is_ok(), "{}", id);
        }
    }
}

#[test]
fn an_albums_pictures_are_uploaded_in_order_before_anything_is_visible() {
    let picture = |n: usize| Picture {
        origin: Origin::Photo { urls: vec![Url::parse(&format!("https://news.example/{n}.jpg")).expect("a URL")] },
        alt: format!("Picture {n}"),
    };
    for (id, keys, _) in CHANNELS {
        let platform = by_id(id).expect("an adapter");
        let account = platform.open(DeTable::parse(keys).expect("keys").into_inner()).expect("an account");
        let text =
            FittedText::new("Bread https://news.example/a?x=1&y=2".to_owned(), account.rules(None)).expect("it fits");
        let bare = frozen(&*account, text.clone()).expect("a payload");
        let post = Outgoing { picture: Some(picture(0)), further: vec![picture(1), picture(2)], ..outgoing(text) };
        let payload = account.freeze(&post, &ids()).expect("a payload");
        let attached: Vec<String> = payload
            .uploads()
            .filter_map(|upload| match picture::Planned::read(&upload.body) {
                Ok(picture::Planned::Attached(own)) => Some(own.alt),
                _ => None,
            })
            .collect();
        assert_eq!(attached, ["Picture 0", "Picture 1", "Picture 2"], "{id}");
        let numbers: Vec<u16> = payload.uploads().map(|upload| upload.step.n).collect();
        assert!(numbers.iter().copied().eq(0..u16::try_from(numbers.len()).expect("few")), "{id}: {numbers:?}");
        let ops: Vec<Op> = payload.steps.iter().map(|planned| planned.step.op).collect();
        assert!(ops.is_sorted_by_key(|op| *op == Op::Create), "{id}: every upload comes first");
        assert_eq!(payload.parts().len(), 1, "{id}: pictures are no texts");
        assert_ne!(payload.seen_hash(), bare.seen_hash(), "{id}: an approval binds to the pictures too");
    }
}
