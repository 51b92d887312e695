//! Sources: fetching, reading and identifying what a newsroom's feeds bring.

pub mod date;
pub mod decode;
pub mod entry;
pub mod feed;
pub mod fetch;
pub mod freshness;
pub mod habit;
pub mod identity;
mod jsonfeed;
pub mod mend;
pub mod politeness;
mod tree;

use serde::{Deserialize, Serialize};

/// `[source.NAME]` of the config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// An http(s) URL, or a file (`file:///…`, or a path relative to the working directory).
    pub url: String,
    /// `every 2m` (any interval from 1 s) or a cron expression. Left out: as the source's own rhythm suggests.
    #[serde(default)]
    pub poll: Option<String>,
    /// `from now` (default) or `last N` (N up to 500): what the first poll may post.
    #[serde(default)]
    pub start: Option<String>,
    /// BCP 47 tag for articles that state none.
    #[serde(default)]
    pub language: Option<String>,
}
