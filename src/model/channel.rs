//! A channel: one account, page or chat on one platform, and what may keep it from posting.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Why a channel takes no posts until a person acts; its posts stay scheduled behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum Block {
    /// The channel is no longer in the config.
    NotInConfig,
    /// A secret the config points to is not there.
    MissingSecret {
        /// Which, and where it was looked for.
        what: String,
    },
    /// The platform refuses the token.
    Token {
        /// The platform's own words.
        said: String,
    },
    /// The platform refuses the account: permission, suspension, plan.
    Forbidden {
        /// The platform's own words.
        said: String,
    },
    /// The account or its server is gone.
    Gone {
        /// The platform's own words.
        said: String,
    },
    /// The token opens another account than the one this channel was first used with.
    OtherAccount {
        /// The account stored at first use.
        expected: String,
        /// The account the platform names now.
        found: String,
    },
    /// An invariant of the publishing protocol was broken: a bug. Nothing is sent until a person has looked.
    Alarm {
        /// Which invariant, with ids.
        what: String,
    },
}

impl std::fmt::Display for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotInConfig => f.write_str("not in config"),
            Self::MissingSecret { what } => write!(f, "secret missing: {what}"),
            Self::Token { said } => write!(f, "the platform refuses the token: {said}; connect the channel again"),
            Self::Forbidden { said } => write!(f, "the platform forbids it: {said}"),
            Self::Gone { said } => write!(f, "the account is gone: {said}"),
            Self::OtherAccount { expected, found } => {
                write!(f, "the token belongs to {found}, this channel to {expected}")
            }
            Self::Alarm { what } => write!(f, "alarm: {what}"),
        }
    }
}

/// How far a pause reaches.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "as", content = "of", rename_all = "snake_case")]
pub enum PauseScope {
    /// Everything.
    All,
    /// One channel, by name.
    Channel(String),
    /// Every channel that shares one credential (a Telegram bot's chats); the text is the adapter's digest of it.
    Credential(String),
    /// Every channel of one developer app (X's credits).
    App(String),
}

impl PauseScope {
    /// The key in the store.
    pub fn key(&self) -> String {
        match self {
            Self::All => "all".to_owned(),
            Self::Channel(name) => format!("channel:{name}"),
            Self::Credential(digest) => format!("credential:{digest}"),
            Self::App(digest) => format!("app:{digest}"),
        }
    }
}

/// A pause in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// How far it reaches.
    pub scope: PauseScope,
    /// Until when; `None`: until a person resumes.
    pub until: Option<Timestamp>,
    /// Why, for a person.
    pub why: String,
    /// Who paused.
    pub by: String,
    /// Since when.
    pub since: Timestamp,
}
