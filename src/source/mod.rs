//! Sources: fetching, reading and identifying what a newsroom's feeds bring.

pub mod date;
pub mod decode;
pub mod discover;
pub mod document;
pub mod entry;
pub mod feed;
pub mod fetch;
pub mod gather;
pub mod identity;
mod jsonfeed;
pub mod mend;
pub mod page;
pub mod politeness;
pub mod robots;
pub mod sitemap;
mod tree;

use serde::{Deserialize, Serialize};

/// `[source.NAME]` of the config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// An http(s) URL, or a file (`file:///…`, or a path relative to the working directory).
    pub url: String,
    /// `every 2m` (any interval from 1 s) or a cron expression. Left out: every 5 minutes.
    #[serde(default)]
    pub poll: Option<String>,
    /// `from now` (default) or `last N` (N up to 500): what the first poll may post.
    #[serde(default)]
    pub start: Option<String>,
    /// BCP 47 tag for articles that state none.
    #[serde(default)]
    pub language: Option<String>,
    /// Where the articles stand on a page without feed. Left out: the URL is a feed or a sitemap.
    #[serde(default)]
    pub page: Option<page::Selectors>,
    /// When an article's own page is fetched.
    #[serde(default)]
    pub article_page: page::ArticlePage,
    /// The most that a post waits for its article's page, up to 10 minutes; `0s`: not at all. Left out: 90 s.
    #[serde(default)]
    pub page_wait: Option<String>,
    /// Further hosts that an article's own address may have, beside the source's and the link's: `news.example`.
    #[serde(default)]
    pub hosts: Vec<String>,
}
