//! What Slack's side decides without a network: its keys, its frozen bytes, its receipts; and installing by consent against
//! a server that speaks as Slack does.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use toml::de::DeTable;

use super::*;
use crate::clock::SystemClock;
use crate::http::testing::{Reply, Server};
use crate::http::{Http, Settings};
use crate::model::grant::Grant;
use crate::model::picture::{Headline, Origin, Picture};
use crate::platform::consent::{Back, Proof, RenewError, Way};
use crate::platform::{Card, Keep, NoMeter, NoStudio, Wall, WallPost};
use crate::text::rules::FittedText;

const BOT: &str = "token = { env = \"T\" }\nchannel = \"C0123456789\"\n";
const HOOK: &str = "webhook = { env = \"W\" }\n";

fn open(keys: &str) -> Result<Arc<dyn Account>, toml::de::Error> {
    Slack.open(DeTable::parse(keys).unwrap().into_inner())
}

fn post(text: &str, picture: Option<Origin>) -> Outgoing {
    let link = Url::parse("https://news.example/a?x=1&y=2").unwrap();
    Outgoing {
        text: FittedText::new(text.to_owned(), SPEC.text).unwrap(),
        more: Vec::new(),
        link: Some(link.clone()),
        card: Some(Card {
            url: link,
            title: "*Körpü*".to_owned(),
            description: "Lead".to_owned(),
            image: Url::parse("https://news.example/i.jpg").ok(),
        }),
        picture: picture.map(|origin| Picture { origin, alt: "About".to_owned() }),
        further: Vec::new(),
        language: None,
        mentions: Vec::new(),
    }
}

fn frozen(keys: &str, post: &Outgoing) -> Payload {
    let ids = Ids { seed: "ab".repeat(32), created: Timestamp::UNIX_EPOCH, story: Timestamp::UNIX_EPOCH, revision: 1 };
    open(keys).unwrap().freeze(post, &ids).unwrap()
}

fn body(payload: &Payload) -> Value {
    serde_json::from_str(&payload.planned(ONLY).unwrap().body).unwrap()
}

#[test]
fn takes_the_keys_of_a_bot_or_those_of_a_web_hook() {
    let app = "client_id = \"1.2\"\nclient_secret = { env = \"S\" }\n";
    for (keys, words) in [
        (BOT.to_owned(), None),
        (HOOK.to_owned(), None),
        (format!("{app}channel = \"C0123456789\""), None),
        (format!("{BOT}preview = \"off\"\nserver = \"https://slack-gov.com\""), None),
        (String::new(), Some("expected a bot's `token`")),
        ("token = { env = \"T\" }".to_owned(), Some("expected the `channel`")),
        (format!("{BOT}{HOOK}"), Some("found both: a web hook has its channel")),
        (format!("{BOT}{app}"), Some("expected `token`, or `client_id`")),
        ("client_id = \"1.2\"\nchannel = \"C0123456789\"".to_owned(), Some("together, found one")),
        ("token = { env = \"T\" }\nchannel = \"#news\"".to_owned(), Some("expected a channel's id")),
        (format!("{HOOK}preview = \"large\""), Some("unknown variant")),
        (format!("{HOOK}username = \"x\""), Some("unknown field")),
    ] {
        let said = open(&keys).err().map(|e| e.message().to_owned());
        assert_eq!(said.is_some(), words.is_some(), "{keys}: {said:?}");
        assert!(said.unwrap_or_default().contains(words.unwrap_or_default()), "{keys}");
    }
    let (bot, hook) = (open(BOT).unwrap(), open(HOOK).unwrap());
    assert_eq!((bot.recovery(None), hook.recovery(None)), (Recovery::Look, Recovery::Blind));
    assert_eq!(bot.server().map(Url::as_str), Some("https://slack.com/"));
    assert_eq!(hook.server().map(Url::as_str), Some("https://hooks.slack.com/"));
    assert!(bot.consent().is_none() && open(&format!("{app}channel = \"C0123456789\"")).unwrap().consent().is_some());
}

#[test]
fn freezes_to_these_bytes() {
    let text = " AT&T <!channel> *b*\nhttps://news.example/a?x=1&y=2";
    let payload = frozen(BOT, &post(text, None));
    let key = "ab".repeat(16);
    assert_eq!(
        payload.planned(ONLY).unwrap().body,
        format!(
            r#"{{"channel":"C0123456789","metadata":{{"event_payload":{{"post":"{key}"}},"event_type":"bugle_post"}},"mrkdwn":false,"text":"AT&amp;T &lt;!channel&gt; *b*\nhttps://news.example/a?x=1&amp;y=2","unfurl_links":true,"unfurl_media":true}}"#
        )
    );
    assert_eq!((payload.key, payload.text.as_str()), (key, text.trim()));
    let hook = body(&frozen(&format!("{HOOK}preview = \"off\""), &post("a", None)));
    assert_eq!(hook, json!({"text": "a", "mrkdwn": false, "unfurl_links": false, "unfurl_media": false}));
}

#[test]
fn a_card_and_pictures_are_blocks_and_nothing_is_unfurled_beside_them() {
    let text = "T\nhttps://news.example/a?x=1&y=2";
    let card = body(&frozen(&format!("{BOT}preview = \"card\""), &post(text, None)));
    let kinds = |body: &Value| -> Vec<String> {
        body["blocks"].as_array().unwrap().iter().map(|it| it["type"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(&card), ["rich_text", "rich_text", "image"]);
    assert_eq!(card["blocks"][1]["elements"][0]["elements"][0]["text"], json!("*Körpü*"));
    assert_eq!((&card["unfurl_links"], &card["unfurl_media"]), (&json!(false), &json!(false)));
    let url = |name: &str| vec![Url::parse(&format!("https://news.example/{name}.jpg")).unwrap()];
    let photo = body(&frozen(HOOK, &post(text, Some(Origin::Photo { urls: url("p") }))));
    assert_eq!(kinds(&photo), ["rich_text", "image"]);
    assert_eq!(
        photo["blocks"][1],
        json!({"type": "image", "image_url": "https://news.example/p.jpg", "alt_text": "About"})
    );
    assert_eq!(photo["unfurl_links"], json!(false));
    // A drawn picture has no address: the one behind it is shown.
    let colour = crate::model::picture::Colour::new(0, 0, 0);
    let drawn = |behind| {
        Origin::Headline(Headline {
            title: "T".to_owned(),
            kicker: String::new(),
            name: "N".to_owned(),
            ratio: Ratio::Card,
            ground: colour,
            ink: colour,
            accent: colour,
            behind,
        })
    };
    assert_eq!(kinds(&body(&frozen(BOT, &post(text, Some(drawn(url("b"))))))), ["rich_text", "image"]);
    assert!(body(&frozen(BOT, &post(text, Some(drawn(Vec::new()))))).get("blocks").is_none());
}

#[test]
fn receipts_name_the_message_and_its_address() {
    let at = Timestamp::UNIX_EPOCH;
    let value = json!({"channel": "C1", "ts": "1760000000.000100", "team": "https://news.slack.com/"});
    let it = receipt(&value, Known::Answered, at).unwrap();
    assert_eq!(it.remote_id.as_deref(), Some("C1:1760000000.000100"));
    assert_eq!(it.url.as_deref(), Some("https://news.slack.com/archives/C1/p1760000000000100"));
    assert_eq!(receipt(&json!({"channel": "C1", "ts": "1"}), Known::Answered, at).unwrap().url, None);
    assert!(receipt(&json!({"ok": true}), Known::Answered, at).is_err_and(|e| e.in_doubt()));
}

#[derive(Default)]
struct Kept(Mutex<HashMap<String, SecretString>>);

#[async_trait]
impl Keep for Kept {
    async fn get(&self, word: &str) -> Result<Option<SecretString>, String> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(word).cloned())
    }

    async fn put(&self, word: &str, secret: &SecretString) -> Result<(), String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(word.to_owned(), secret.clone());
        Ok(())
    }
}

#[async_trait]
impl Wall for Kept {
    async fn put(&self, _: &str, _: &WallPost) -> Result<(), String> {
        Err("no wall".to_owned())
    }

    async fn change(&self, _: &str, _: Option<&WallPost>) -> Result<(), String> {
        Err("no wall".to_owned())
    }

    async fn has(&self, _: &str) -> Result<bool, String> {
        Err("no wall".to_owned())
    }
}

/// `oauth.v2.access` as documented: the code `c0de` serves once for a pair, the refresh token of that pair for the next.
fn slack(request: &str) -> Reply {
    let form = request.split("\r\n\r\n").nth(1).unwrap_or_default();
    let has = |field: &str| form.split('&').any(|it| it == field);
    let json = |body: &str| Reply::answer("200 OK", &["Content-Type: application/json"], body.as_bytes());
    let app = has("client_id=1.2") && has("client_secret=s3cret");
    if request.starts_with("POST /api/auth.revoke ") {
        return json(r#"{"ok":true,"revoked":true}"#);
    }
    if !app {
        return json(r#"{"ok":false,"error":"bad_client_secret"}"#);
    }
    if has("code=c0de") && has("redirect_uri=https%3A%2F%2Fb.example%2Fback") {
        return json(
            r#"{"ok":true,"access_token":"xoxe.xoxb-1","token_type":"bot","scope":"chat:write","bot_user_id":"U1","expires_in":43200,"refresh_token":"xoxe-1","team":{"id":"T1","name":"News"}}"#,
        );
    }
    if has("grant_type=refresh_token") && has("refresh_token=xoxe-1") {
        return json(
            r#"{"ok":true,"access_token":"xoxe.xoxb-2","expires_in":43200,"refresh_token":"xoxe-2","team":{"id":"T1"}}"#,
        );
    }
    json(r#"{"ok":false,"error":"invalid_code"}"#)
}

#[tokio::test]
async fn the_app_is_installed_by_consent_renewed_and_taken_back() {
    let server = Server::start(slack).await;
    let settings = Settings { allow_private: vec![server.at.to_string()], ..Settings::default() };
    let clock = SystemClock::new();
    let http = Http::build(&settings, &[], Arc::new(SystemClock::new())).unwrap();
    let credential = Credential(vec![("client_secret", SecretString::from("s3cret"))]);
    let kept = Kept::default();
    let cx = Context {
        http: &http,
        credential: &credential,
        keep: &kept,
        wall: &kept,
        studio: &NoStudio,
        clock: &clock,
        scale: 1.0,
        identity: None,
        meter: &NoMeter,
    };
    let keys = format!(
        "server = \"http://{}\"\nclient_id = \"1.2\"\nclient_secret = {{ env = \"S\" }}\nchannel = \"C0123456789\"",
        server.at
    );
    let account = open(&keys).unwrap();
    let consent = account.consent().unwrap();
    let way = Way { redirect: Url::parse("https://b.example/back").unwrap(), state: "st4te".to_owned() };
    let asked = consent.ask(&cx, &way).await.unwrap();
    let query: HashMap<String, String> = asked.url.query_pairs().into_owned().collect();
    assert!(asked.url.path().ends_with("/oauth/v2/authorize"));
    assert_eq!((query["client_id"].as_str(), query["state"].as_str()), ("1.2", "st4te"));
    assert_eq!(query["scope"], "chat:write,channels:history,groups:history");

    let back = |code: &str| Back { code: SecretString::from(code.to_owned()), proof: Proof::default() };
    assert!(
        matches!(consent.exchange(&cx, &way, &back("other")).await, Err(ConnectError::Refused(said)) if said.contains("invalid_code"))
    );
    let choice = consent.exchange(&cx, &way, &back("c0de")).await.unwrap().remove(0);
    assert_eq!((choice.id.as_str(), choice.name.as_str()), ("T1:U1", "News"));
    assert!(choice.grant.expires.is_some());
    Keep::put(&kept, Grant::WORD, &choice.grant.written()).await.unwrap();
    assert_eq!(cx.token("token").await.unwrap().expose_secret(), "xoxe.xoxb-1");

    let new = consent.renew(&cx, &choice.grant).await.unwrap();
    assert_eq!(
        (new.access.expose_secret(), new.refresh.as_ref().map(|it| it.expose_secret())),
        ("xoxe.xoxb-2", Some("xoxe-2"))
    );
    assert!(matches!(consent.renew(&cx, &Grant::of(SecretString::from("x"))).await, Err(RenewError::Never)));
    consent.revoke(&cx, &new).await.unwrap();
}
