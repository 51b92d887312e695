//! A notice: something a person should know, said once however often it happens.

use serde::{Deserialize, Serialize};

/// How urgent a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Worth knowing.
    Info,
    /// A person should look today.
    Warn,
    /// Something stands still until a person acts.
    Alarm,
}

impl Level {
    /// The word in the store and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Alarm => "alarm",
        }
    }
}

/// A notice to raise. Two with the same `key` are one, counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What makes two of them the same, for instance `channel.x.blocked`.
    pub key: String,
    /// How urgent.
    pub level: Level,
    /// One sentence for a person, with the way out.
    pub text: String,
}

impl Notice {
    /// A notice of that level.
    pub fn new(level: Level, key: impl Into<String>, text: impl Into<String>) -> Self {
        Self { key: key.into(), level, text: text.into() }
    }
}
