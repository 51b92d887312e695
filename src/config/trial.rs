//! Platforms of our own for the tests of the config, so that they do not hang on the real ones; and the trials: texts of
//! faults, and files that must be accepted.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use url::Url;

use super::*;
use crate::model::grant::SecretRef;
use crate::model::post::Rejection;
use crate::model::receipt::Receipt;
use crate::platform::{
    Amend, Connect, ConnectError, Context, Identity, Ids, Journal, Lookup, MediaRules, Outgoing, Payload, PublishError,
    Recovery, Sought,
};
use crate::text::rules::{TextRules, Unit};

/// An account that can do nothing but say where it is.
struct Dummy {
    spec: &'static Spec,
    server: Option<Url>,
}

#[async_trait]
impl Account for Dummy {
    fn spec(&self) -> &'static Spec {
        self.spec
    }
    fn recovery(&self, _: Option<&Identity>) -> Recovery {
        Recovery::Blind
    }
    fn secrets(&self) -> Vec<(&'static str, SecretRef)> {
        Vec::new()
    }
    fn server(&self) -> Option<&Url> {
        self.server.as_ref()
    }
    fn freeze(&self, _: &Outgoing, _: &Ids) -> Result<Payload, (Rejection, String)> {
        unreachable!("the config freezes nothing")
    }
    async fn publish(&self, _: &Context<'_>, _: &Payload, _: &mut Journal<'_>) -> Result<Receipt, PublishError> {
        unreachable!("the config publishes nothing")
    }
    async fn amend(&self, _: &Context<'_>, _: &Amend, _: &mut Journal<'_>) -> Result<Receipt, PublishError> {
        unreachable!("the config amends nothing")
    }
    async fn find(&self, _: &Context<'_>, _: &Sought<'_>) -> Result<Lookup, PublishError> {
        unreachable!("the config looks nothing up")
    }
    async fn whoami(&self, _: &Context<'_>) -> Result<Identity, ConnectError> {
        unreachable!("the config asks nobody")
    }
}

macro_rules! trial_platform {
    ($platform:ident, $id:literal, $spec:ident, $settings:ident { $($(#[$meta:meta])* $field:ident: $kind:ty),* $(,)? }, $server:expr) => {
        #[derive(Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "read, never used")]
        struct $settings { $($(#[$meta])* $field: $kind,)* }

        static $spec: Spec = Spec {
            id: $id,
            name: stringify!($platform),
            text: TextRules { limit: 280, unit: Unit::CodePoints, bytes: None },
            media: MediaRules { max: 0, bytes: 0, alt: false },
            threads: false,
            edits: false,
            deletes: false,
            deadline: Duration::from_secs(25),
            media_deadline: Duration::from_secs(120),
            connect: Connect::None,
        };

        struct $platform;

        impl Platform for $platform {
            fn spec(&self) -> &'static Spec {
                &$spec
            }
            fn open(&self, keys: toml::de::DeTable<'_>) -> Result<Arc<dyn Account>, toml::de::Error> {
                let settings = $settings::deserialize(toml::de::Deserializer::from(serde_spanned::Spanned::new(0..0, keys)))?;
                let server: fn(&$settings) -> Option<Url> = $server;
                Ok(Arc::new(Dummy { spec: &$spec, server: server(&settings) }))
            }
            fn schema(&self, generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                generator.subschema_for::<$settings>()
            }
        }
    };
}

trial_platform!(X, "x", X_SPEC, XKeys {
    server: Option<Url>,
    consumer_key: SecretRef,
    consumer_secret: SecretRef,
    access_token: SecretRef,
    access_secret: SecretRef,
}, |keys| keys.server.clone().or_else(|| Url::parse("https://api.x.com").ok()));

trial_platform!(Mastodon, "mastodon", MASTODON_SPEC, MastodonKeys {
    /// The instance.
    server: Url,
    token: SecretRef,
    char_limit: Option<u32>,
    #[serde(default, deserialize_with = "odd")]
    visibility: Option<String>,
}, |keys| Some(keys.server.clone()));

trial_platform!(Bluesky, "bluesky", BLUESKY_SPEC, BlueskyKeys {
    server: Option<Url>,
    handle: String,
    password: SecretRef,
}, |keys| keys.server.clone());

trial_platform!(Telegram, "telegram", TELEGRAM_SPEC, TelegramKeys {
    server: Option<Url>,
    chat: String,
    token: SecretRef,
}, |keys| keys.server.clone());

trial_platform!(Timeline, "timeline", TIMELINE_SPEC, TimelineKeys { like: String }, |_| None);

/// A check that only the platform makes.
fn odd<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    let word = String::deserialize(value)?;
    if word == "loud" {
        return Err(serde::de::Error::custom("expected public or unlisted, found \"loud\""));
    }
    Ok(Some(word))
}

static PLATFORMS: &[&dyn Platform] = &[&X, &Mastodon, &Bluesky, &Telegram, &Timeline];

fn read(text: &str) -> Result<Config, Faults> {
    parse_with(PLATFORMS, text, Path::new("config/bugle.toml"))
}

const NEWSROOM: &str = "[newsroom]\nname = \"AzerNews\"\ntimezone = \"Asia/Baku\"\n";

/// What is said of a file that begins with a sound newsroom of three lines.
fn said(rest: &str) -> String {
    match read(&format!("{NEWSROOM}{rest}")) {
        Ok(_) => "no fault".to_owned(),
        Err(faults) => faults.to_string(),
    }
}

/// The same, one line a fault: `line:column key: said (hint)`.
fn lines(rest: &str) -> Vec<String> {
    let Err(faults) = read(&format!("{NEWSROOM}{rest}")) else { return Vec::new() };
    let line = |fault: &Fault| {
        let place = faults.place(fault).map_or(String::new(), |p| format!("{}:{} ", p.line, p.column));
        let hint = fault.hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
        format!("{place}{}: {}{hint}", fault.key, fault.said)
    };
    faults.list().iter().map(line).collect()
}

const MASTODON: &str = "[channel.mastodon]\nplatform = \"mastodon\"\nserver = \"https://mastodon.example\"\n\
                        token = { env = \"MASTODON_TOKEN\" }\n";

#[test]
fn a_fault_shows_its_line_and_a_way_out() {
    let rest = format!("{MASTODON}char_limit = \"x\"\n");
    assert_eq!(
        said(&rest),
        "error: channel.mastodon.char_limit: expected a whole number, found \"x\"
 --> config/bugle.toml:8:14
  |
8 | char_limit = \"x\"
  |              ^^^"
    );
}

#[test]
fn a_syntax_error_shows_its_line() {
    assert_eq!(said("[web\nlisten = 1\n"), "");
}

#[test]
fn every_fault_is_shown_at_once() {
    let rest = "\
[wbe]
[web]
listen = \"nowhere\"
public_url = \"desk.example\"
[network]
allow_private = [\"127.0.0.1:1\", \"10.0.0.5\"]
[source.Bad]
url = \"ftp://www.azernews.az/feed\"
start = \"last 501\"
interval = \"2m\"
[channel.x]
platform = \"x\"
consumer_key = { env = \"A\" }
consumer_secert = { env = \"B\" }
access_token = { env = \"C\", file = \"c\" }
slot = \"* * * * *\"
on_uncertain = \"resend\"
[channel.y]
platform = \"mastodn\"
[channel.z]
server = \"https://z.example\"
[channel.m]
platform = \"mastodon\"
server = \"https://m.example\"
token = { env = \"M\" }
visibility = \"loud\"
pace = { gap = 3, per_hour = -1 }
[[route]]
from = [\"azernews\"]
to = [\"x\", \"x\", \"w\"]
urgency = \"braking\"
approve = 1
[[route]]
from = [\"bad\"]
to = [\"x\", \"x\", \"telegramm\"]
";
    assert_eq!(lines(rest), Vec::<String>::new());
}
