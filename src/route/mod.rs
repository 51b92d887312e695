//! Routes: which articles go to which channels. Pure.

use serde::{Deserialize, Serialize};

use crate::model::id::{ChannelName, SourceName};
use crate::model::post::Urgency;

/// One `[[route]]` of the config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Names of sources.
    pub from: Vec<SourceName>,
    /// Names of channels.
    pub to: Vec<ChannelName>,
    /// A condition over the article; left out: every article.
    #[serde(default)]
    pub when: Option<String>,
    /// The template's name; left out: `headline`.
    #[serde(default)]
    pub template: Option<String>,
    /// The class of news; left out: normal.
    #[serde(default)]
    pub urgency: Urgency,
    /// `true`, `false` (default) or a condition: whether a person has to approve.
    #[serde(default)]
    pub approve: Approve,
}

/// Whether a person has to approve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Approve {
    /// Always or never.
    Fixed(bool),
    /// A condition over the article.
    When(String),
}

impl Default for Approve {
    fn default() -> Self {
        Self::Fixed(false)
    }
}
