//! What the adapters freeze counts what was fitted: the same counter over the text in the body that is sent. Tests only.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::Value;
use toml::de::DeTable;
use url::Url;

use super::{Account, Ids, ONLY, Outgoing, Payload, by_id};
use crate::text::measure::length;
use crate::text::plain::defuse;
use crate::text::rules::FittedText;

const CHANNELS: [(&str, &str, &str); 6] = [
    (
        "x",
        "consumer_key = { env = \"A\" }\nconsumer_secret = { env = \"B\" }\naccess_token = { env = \"C\" }\naccess_secret = { env = \"D\" }",
        "/text",
    ),
    ("mastodon", "server = \"https://m.example\"\ntoken = { env = \"T\" }", "/status"),
    ("bluesky", "handle = \"news.example\"\npassword = { env = \"P\" }", "/record/text"),
    ("telegram", "token = { env = \"T\" }\nchat = \"@example_news\"", "/text"),
    ("facebook", "", "/message"),
    ("threads", "", "/text"),
];

fn frozen(account: &dyn Account, text: FittedText) -> Option<Payload> {
    let ids = Ids { seed: "ab".repeat(32), created: Timestamp::UNIX_EPOCH, story: Timestamp::UNIX_EPOCH, revision: 0 };
    let link = Url::parse("https://news.example/a?x=1&y=2").ok();
    account
        .freeze(
            &Outgoing {
                text,
                link,
                card: None,
                language: None,
                mentions: Vec::new(),
                more: Vec::new(),
                picture: None,
                further: Vec::new(),
            },
            &ids,
        )
        .ok()
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
            prop_assert_eq!(sent, Some(payload.text.as_str()), "{}", id);
            prop_assert!(FittedText::new(payload.text, rules).is_ok(), "{}", id);
        }
    }
}
