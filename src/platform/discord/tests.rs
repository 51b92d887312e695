//! What Discord's side decides without a network: its keys, its frozen bytes, its receipts.

use proptest::prelude::*;
use serde_json::json;
use toml::de::DeTable;

use super::*;
use crate::model::picture::{Origin, Picture};
use crate::platform::Card;
use crate::text::rules::{FittedText, Unit};

const BOT: &str = "token = { env = \"T\" }\nchannel = \"1100000000000000001\"\n";
const HOOK: &str = "webhook = { env = \"W\" }\n";

fn open(keys: &str) -> Result<Arc<dyn Account>, toml::de::Error> {
    Discord.open(DeTable::parse(keys).unwrap().into_inner())
}

fn post(text: &str, picture: bool) -> Outgoing {
    let link = Url::parse("https://news.example/a_b?x=1&y=2").unwrap();
    Outgoing {
        text: FittedText::new(text.to_owned(), SPEC.text).unwrap(),
        more: Vec::new(),
        link: Some(link.clone()),
        card: Some(Card {
            url: link.clone(),
            title: "*Körpü*".to_owned(),
            description: "Lead".to_owned(),
            image: Url::parse("https://news.example/i.jpg").ok(),
        }),
        picture: picture.then(|| Picture { origin: Origin::Photo { urls: vec![link] }, alt: "A".to_owned() }),
        further: Vec::new(),
        language: None,
        mentions: Vec::new(),
    }
}

fn ids() -> Ids {
    Ids { seed: "ab".repeat(32), created: Timestamp::UNIX_EPOCH, story: Timestamp::UNIX_EPOCH, revision: 1 }
}

fn frozen(keys: &str, post: &Outgoing) -> Payload {
    open(keys).unwrap().freeze(post, &ids()).unwrap()
}

fn body(payload: &Payload) -> Value {
    serde_json::from_str(&payload.planned(ONLY).unwrap().body).unwrap()
}

#[test]
fn takes_the_keys_of_a_bot_or_those_of_a_web_hook() {
    for (keys, words) in [
        (BOT.to_owned(), None),
        ("token = { env = \"T\" }\nchannel = 1100000000000000001".to_owned(), None),
        (HOOK.to_owned(), None),
        (format!("{HOOK}thread = \"42\"\nusername = \"News\"\navatar = \"https://e.org/a.png\""), None),
        (format!("{BOT}publish = true\nsilent = true\npreview = \"card\""), None),
        (String::new(), Some("expected a bot's `token` and `channel`, or a `webhook`")),
        ("token = { env = \"T\" }".to_owned(), Some("expected the `channel`")),
        (format!("{BOT}{HOOK}"), Some("found keys of both")),
        (format!("{HOOK}publish = true"), Some("a web hook cannot crosspost")),
        (format!("{BOT}forum = true"), Some("`forum` is for a `webhook`")),
        (format!("{BOT}thread = \"42\""), Some("`thread` is for a `webhook`")),
        (format!("{HOOK}forum = true\nthread = \"42\""), Some("found both")),
        (format!("{HOOK}username = \"My Discord\""), Some("without \"discord\" and \"clyde\"")),
        (format!("{HOOK}username = \"\""), Some("1 to 80 characters")),
        (format!("{HOOK}avatar = \"data:image/png,x\""), Some("found data:")),
        (format!("{HOOK}preview = \"large\""), Some("unknown variant")),
        ("token = { env = \"T\" }\nchannel = \"#news\"".to_owned(), Some("an id of Discord")),
        ("token = { env = \"T\" }\nchannel = -1".to_owned(), Some("an id of Discord")),
        (format!("{HOOK}tts = true"), Some("unknown field")),
    ] {
        let said = open(&keys).err().map(|e| e.message().to_owned());
        assert_eq!(said.is_some(), words.is_some(), "{keys}: {said:?}");
        assert!(said.unwrap_or_default().contains(words.unwrap_or_default()), "{keys}");
    }
}

#[test]
fn the_class_is_that_of_the_way_in() {
    let (bot, hook) = (open(BOT).unwrap(), open(HOOK).unwrap());
    assert_eq!(bot.recovery(None), Recovery::Key { window: WINDOW });
    assert_eq!(hook.recovery(None), Recovery::Blind);
    assert_eq!(bot.secrets(), [("token", SecretRef::Env("T".to_owned()))]);
    assert_eq!(hook.secrets(), [("webhook", SecretRef::Env("W".to_owned()))]);
    assert_eq!(bot.server().map(Url::as_str), Some("https://discord.com/"));
}

#[test]
fn freezes_to_these_bytes() {
    let text = " **Bread** & _salt_ @everyone\nhttps://news.example/a_b?x=1&y=2\n";
    let payload = frozen(BOT, &post(text, false));
    assert_eq!(
        payload.planned(ONLY).unwrap().body,
        r#"{"allowed_mentions":{"parse":[]},"content":"\\*\\*Bread\\*\\* & \\_salt\\_ @everyone\nhttps://news.example/a_b?x=1&y=2","enforce_nonce":true,"flags":0,"nonce":"bababababababababababababa"}"#
            .replace("bababababababababababababa", &message::nonce(&"ab".repeat(32)))
    );
    assert_eq!((payload.format, payload.revision, payload.steps.len()), (1, 1, 1));
    assert_eq!((payload.key.chars().count(), payload.text.as_str()), (25, text.trim()));
    let hook = body(&frozen(&format!("{HOOK}silent = true\nusername = \"News\""), &post("a", false)));
    assert_eq!(
        hook,
        json!({"allowed_mentions": {"parse": []}, "content": "a", "flags": 4096, "username": "News"}),
        "no nonce: a web hook has none"
    );
}

#[test]
fn one_thing_shows_the_link() {
    let text = "T\nhttps://news.example/a_b?x=1&y=2";
    let of = |preview: &str, picture| body(&frozen(&format!("{HOOK}preview = \"{preview}\""), &post(text, picture)));
    assert_eq!((of("discord", false)["flags"].clone(), of("discord", true)["flags"].clone()), (json!(0), json!(4)));
    assert_eq!(of("off", false)["flags"], json!(4));
    let card = of("card", false);
    assert_eq!(card["flags"], json!(0));
    assert_eq!(card["content"], json!("T\n<https://news.example/a_b?x=1&y=2>"));
    assert_eq!(
        card["embeds"],
        json!([{"title": r"\*Körpü\*", "url": "https://news.example/a_b?x=1&y=2", "description": "Lead",
                "image": {"url": "https://news.example/i.jpg"}}])
    );
    assert!(of("card", true)["embeds"][0]["image"].is_null(), "the attached picture is shown, and once");
    let mut bare = post("T", false);
    (bare.card, bare.link) = (None, None);
    assert!(body(&frozen(&format!("{HOOK}preview = \"card\""), &bare)).get("embeds").is_none());
}

#[test]
fn pictures_and_a_crosspost_are_steps_of_their_own() {
    let mut album = post("a", true);
    album.further = vec![album.picture.clone().unwrap(); 12];
    let payload = frozen(&format!("{BOT}publish = true"), &album);
    let steps: Vec<String> = payload.steps.iter().map(|it| it.step.to_string()).collect();
    assert_eq!((steps.len(), steps[0].as_str(), steps[9].as_str()), (12, "upload/0", "upload/9"));
    assert_eq!(&steps[10..], ["create/0", "edit/0"]);
    let forum = body(&frozen(&format!("{HOOK}forum = true"), &post("a", false)));
    assert_eq!(forum["thread_name"], json!("*Körpü*"), "a name has no markup");
}

#[test]
fn a_text_without_words_is_no_message() {
    let empty = post(" \n", false);
    assert!(matches!(open(BOT).unwrap().freeze(&empty, &ids()), Err((Rejection::Content, _))));
}

#[test]
fn receipts_name_the_message_and_its_address() {
    let at = Timestamp::UNIX_EPOCH;
    let it = receipt(&json!({"id": "3", "channel_id": "2", "guild": "1"}), Known::Answered, at).unwrap();
    assert_eq!((it.remote_id.as_deref(), it.url.as_deref()), (Some("2:3"), Some("https://discord.com/channels/1/2/3")));
    assert_eq!(receipt(&json!({"id": "3", "channel_id": "2"}), Known::Answered, at).unwrap().url, None);
    assert!(receipt(&json!({"done": true}), Known::Answered, at).is_err_and(|e| e.in_doubt()));
}

proptest! {
    #[test]
    fn what_is_sent_counts_no_more_than_what_was_fitted(
        text in "( |[a-z]{1,6}|https://news\\.example/a_b\\?x=1&y=2|https://e\\.org/\\*x_|[*_~|`<>#\\[\\]\\\\-]|\n|\n#|\n- |👍🏽|👨\u{200D}👩\u{200D}👧|日本|e\u{301}){1,60}"
    ) {
        for keys in [BOT.to_owned(), format!("{BOT}preview = \"card\"")] {
            let account = open(&keys).expect("keys");
            let rules = account.rules(None);
            prop_assert_eq!(rules.unit, Unit::Markdown);
            let Ok(fitted) = FittedText::new(text.clone(), rules) else { continue };
            let outgoing = Outgoing { text: fitted.clone(), ..post("a", false) };
            let Ok(payload) = account.freeze(&outgoing, &ids()) else { continue };
            let sent = body(&payload)["content"].as_str().map(|it| it.encode_utf16().count()).unwrap_or_default();
            let brackets = 2 * text.matches("https://news.example/a_b?x=1&y=2").count();
            prop_assert!(sent <= fitted.length() + brackets, "{} {}", sent, fitted.length());
            prop_assert!(sent <= 2000);
            prop_assert!(FittedText::new(payload.text, rules).is_ok());
        }
    }
}
