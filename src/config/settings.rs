//! The sections of the config that belong to no module further up, as written; and the document as a whole, from which
//! the schema is made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::publish::OnUncertain;
use crate::schedule;

/// The whole file, as written. Only its schema is used: the sections are read one by one, so that a fault in one does
/// not hide those of the others.
#[derive(schemars::JsonSchema)]
#[schemars(deny_unknown_fields, rename = "BugleConfig")]
#[expect(dead_code, reason = "a description: its schema is derived, no value is ever made")]
pub(super) struct Document {
    /// The `[newsroom]` table, with `name` and `timezone`; `bugle init` writes a first file.
    newsroom: Newsroom,
    /// Where everything is kept.
    #[schemars(default)]
    store: crate::store::Settings,
    /// The desk.
    #[schemars(default)]
    web: crate::web::Settings,
    /// Further ways to sign in to the desk.
    #[schemars(default)]
    sign_in: crate::people::oidc::SignIn,
    /// What may be contacted, and through what.
    #[schemars(default)]
    network: crate::http::Settings,
    /// Sources by name.
    #[schemars(default)]
    source: BTreeMap<String, crate::source::Settings>,
    /// Channels by name.
    #[schemars(default)]
    channel: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
    /// Routes; where two reach one channel, the first that matches wins.
    #[schemars(default)]
    route: Vec<crate::route::Rule>,
    /// Hashtags from categories and keywords.
    #[schemars(default)]
    hashtags: crate::compose::words::hashtags::Settings,
    /// Who may be mentioned: from a name to its accounts, by the platform's word.
    #[schemars(default)]
    mentions: crate::compose::words::mentions::Settings,
    /// What becomes of articles' links.
    #[schemars(default)]
    links: crate::compose::words::links::Settings,
    /// The key that seals tokens.
    #[schemars(default)]
    vault: crate::vault::Settings,
    /// Where notices are posted besides the desk.
    #[schemars(default)]
    notify: Option<crate::publish::Settings>,
    /// How headline cards look.
    #[schemars(default)]
    card: crate::card::Settings,
    /// For tests.
    #[schemars(default)]
    timing: crate::engine::Settings,
    /// What is logged, and how.
    #[schemars(default)]
    log: Log,
}

/// `[newsroom]` of the config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Newsroom {
    /// The newsroom's name, as templates and the desk show it.
    pub name: String,
    /// The time zone of all times in this file, as `Asia/Baku`.
    pub timezone: String,
    /// BCP 47 tag of what it publishes, where neither article nor source states one.
    #[serde(default)]
    pub language: Option<String>,
}

/// `[log]` of the config.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// What is worth a line.
    pub level: LogLevel,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object a line.
    Json,
}

/// What is worth a line of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Failures.
    Error,
    /// And what may become one.
    Warn,
    /// And what happens.
    #[default]
    Info,
    /// And how.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// As `tracing` writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// The keys that every `[channel.NAME]` may have; the rest are its platform's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Common {
    /// The platform's word, as `x` or `mastodon`.
    pub platform: String,
    /// The account's name, for people only.
    #[serde(default)]
    pub account: Option<String>,
    /// A cron expression in the newsroom's zone; each firing lets one post out. Left out: at once.
    #[serde(default)]
    pub slots: Option<String>,
    /// `HH:MM-HH:MM` in the newsroom's zone; may cross midnight.
    #[serde(default)]
    pub quiet: Option<String>,
    /// The channel's pace.
    #[serde(default)]
    pub pace: Option<schedule::Pace>,
    /// The channel's caps of money, where its platform charges for posts.
    #[serde(default)]
    pub budget: Option<schedule::budget::BudgetSettings>,
    /// How posts carry a picture.
    #[serde(default)]
    pub picture: crate::model::picture::Carry,
    /// Whether a post waits until the page that its card is made of is up.
    #[serde(default)]
    pub card: crate::model::picture::CardTime,
    /// How many of the article's pictures a post carries with `picture = "photo"`; at most what the platform takes.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub pictures: u8,
    /// What to do where it cannot be found out whether a post is out.
    #[serde(default)]
    pub on_uncertain: OnUncertain,
    /// Whether a post in doubt holds up the next ones.
    #[serde(default)]
    pub strict_order: bool,
    /// The most hashtags of a post. Left out: as `[hashtags]` says.
    #[serde(default)]
    pub hashtags: Option<u8>,
    /// Own parameters of the links posted here, each value a template; they go before those of `[links]`.
    #[serde(default)]
    pub link_params: BTreeMap<String, String>,
}

const fn one() -> u8 {
    1
}
