//! HTML pages: what an article's page says of itself (`meta`, with the JSON-LD of `jsonld`), the articles a page lists by
//! CSS selectors (`list`, over the tamed markup of `tame`), and what of a page goes into an article (`merge`). Pure;
//! `visit` fetches article pages.

pub mod jsonld;
pub mod list;
pub mod merge;
pub mod meta;
mod tame;
pub mod visit;

use serde::{Deserialize, Serialize};

pub use self::list::Layout;
pub use self::merge::Rule;
pub use self::meta::PageFacts;

/// The most of a page's text that is read, 2 MiB. Source: `platforms/sources.md` section 4, 2026-11.
pub const MAX_PAGE: usize = 2 * 1024 * 1024;

/// `[source.NAME.page]` of the config: where the articles stand on a page without feed, as CSS selectors. All but `item`
/// are looked for inside an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selectors {
    /// One article of the list.
    pub item: String,
    /// The element with the link. Left out: the item itself where it is a link, else its first `a[href]`.
    #[serde(default)]
    pub link: Option<String>,
    /// The headline. Left out: the item's first heading, else the text of its link.
    #[serde(default)]
    pub title: Option<String>,
    /// The date: its `datetime` attribute, else its text. Left out: the item's first `time`.
    #[serde(default)]
    pub time: Option<String>,
    /// The picture, an `img`. Left out: the item's first.
    #[serde(default)]
    pub picture: Option<String>,
    /// The summary. Left out: none.
    #[serde(default)]
    pub summary: Option<String>,
}

/// When an article's own page is fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum ArticlePage {
    /// Where the source gives no picture or no summary, or its link is not the page's own address.
    #[default]
    #[serde(rename = "when needed")]
    WhenNeeded,
    /// For each article that is to be posted.
    #[serde(rename = "always")]
    Always,
    /// Never.
    #[serde(rename = "never")]
    Never,
}

/// Why a post waits although it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitFor {
    /// For what the article's page says.
    Page,
    /// For the page and its picture to be up, so that the card which a platform makes of them is whole.
    Card,
}

impl WaitFor {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Page, Self::Card];

    /// The one of that word in the store.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.word() == word)
    }

    /// The word in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Card => "card",
        }
    }
}
