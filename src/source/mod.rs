//! Sources: fetching, reading and identifying what a newsroom's feeds bring.

pub mod date;
pub mod decode;
pub mod discover;
pub mod document;
pub mod door;
pub mod entry;
pub mod feed;
pub mod fetch;
pub mod freshness;
pub mod gather;
pub mod habit;
mod head;
pub mod identity;
mod jsonfeed;
pub mod language;
pub mod mend;
pub mod opml;
pub mod page;
mod picture;
pub mod politeness;
pub mod robots;
pub mod sitemap;
mod tree;
pub mod websub;

use serde::{Deserialize, Serialize};

use crate::model::article::Entry;

/// `[source.NAME]` of the config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// An http(s) URL, or a file (`file:///…`, or a path relative to the working directory). Left out: nothing is polled,
    /// stories are pushed (`[source.NAME.ingest]`).
    #[serde(default)]
    pub url: Option<String>,
    /// `every 2m` (any interval from 1 s) or a cron expression. Left out: as the source's own rhythm suggests.
    #[serde(default)]
    pub poll: Option<String>,
    /// `from now` (default) or `last N` (N up to 500): what the first poll may post.
    #[serde(default)]
    pub start: Option<String>,
    /// BCP 47 tag for articles that state none.
    #[serde(default)]
    pub language: Option<String>,
    /// Categories that each of its articles gets beside its own.
    #[serde(default)]
    pub categories: Vec<String>,
    /// Whether to subscribe where the feed names a WebSub hub; only with `[web] public_url`. Left out: yes.
    #[serde(default)]
    pub websub: Option<bool>,
    /// The hub to subscribe at, where the feed names none, or one inside the network.
    #[serde(default)]
    pub hub: Option<url::Url>,
    /// Who may push stories to `POST /ingest/NAME`.
    #[serde(default)]
    pub ingest: Option<door::Settings>,
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

/// Gives an entry what its source and the newsroom lend it: the language where it states none, the categories it lacks.
pub fn lend(entry: &mut Entry, own: Option<&str>, newsroom: Option<&str>, categories: &[String]) {
    entry.language = language::of(entry, own, newsroom);
    for category in categories {
        if !entry.categories.contains(category) {
            entry.categories.push(category.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_lends_what_is_missing() {
        let mut entry = Entry { categories: vec!["City".to_owned()], ..Entry::default() };
        lend(&mut entry, Some("nl"), None, &["News".to_owned(), "City".to_owned()]);
        assert_eq!(
            (entry.language.as_deref(), entry.categories.as_slice()),
            (Some("nl"), &["City".into(), "News".into()][..])
        );
        lend(&mut entry, Some("en"), Some("az"), &[]);
        assert_eq!(entry.language.as_deref(), Some("nl"));
    }
}
