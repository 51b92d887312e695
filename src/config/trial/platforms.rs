//! Platforms of our own, with the keys of the real ones, so that the tests of the config do not hang on those.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use url::Url;

use crate::model::grant::SecretRef;
use crate::model::money::Price;
use crate::model::post::Rejection;
use crate::model::receipt::Receipt;
use crate::platform::{
    Account, Amend, Connect, ConnectError, Context, Identity, Ids, Journal, Lookup, MediaRules, Outgoing, Payload,
    Platform, PriceList, PublishError, Recovery, Sought, Spec,
};
use crate::text::rules::{TextRules, Unit};

/// An account that can do nothing but say where it is.
pub(super) struct Dummy {
    pub spec: &'static Spec,
    pub server: Option<Url>,
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
    fn prices(&self) -> Option<&'static PriceList> {
        (self.spec.id == "x").then_some(&PRICES)
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

static PRICES: PriceList = PriceList { rows: &[], linked: Price::micros(200_000), source: "", read: "2026-08-22" };

macro_rules! trial_platform {
    ($platform:ident, $id:literal, $spec:ident, $settings:ident { $($(#[$meta:meta])* $field:ident: $kind:ty),* $(,)? }, $server:expr) => {
        #[derive(Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "read, never used")]
        struct $settings { $($(#[$meta])* $field: $kind,)* }

        pub(super) static $spec: Spec = Spec {
            id: $id,
            name: stringify!($platform),
            text: TextRules { limit: 280, unit: Unit::CodePoints, bytes: None },
            media: MediaRules::NONE,
            threads: false,
            edits: false,
            deletes: false,
            deadline: Duration::from_secs(25),
            media_deadline: Duration::from_secs(120),
            connect: Connect::None,
            terms: crate::platform::Terms::NONE,
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
    client_id: Option<String>,
    client_secret: Option<SecretRef>,
    access_token: SecretRef,
    access_secret: SecretRef,
}, |keys| keys.server.clone().or_else(|| Url::parse("https://api.x.com").ok()));

trial_platform!(Mastodon, "mastodon", MASTODON_SPEC, MastodonKeys {
    /// The instance.
    server: Url,
    token: SecretRef,
    /// The most characters of a post. Left out: the instance is asked.
    char_limit: Option<u32>,
    #[serde(default, deserialize_with = "odd")]
    visibility: Option<String>,
}, |keys| Some(keys.server.clone()));

trial_platform!(Bluesky, "bluesky", BLUESKY_SPEC, BlueskyKeys {
    server: Option<Url>,
    handle: String,
    password: Option<SecretRef>,
    directory: Option<Url>,
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

pub(super) static PLATFORMS: &[&dyn Platform] = &[&X, &Mastodon, &Bluesky, &Telegram, &Timeline];
