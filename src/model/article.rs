//! An article: one story as a source gave it, and the facts that make two feed entries the same story.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::id::{ArticleId, SourceName};

/// One entry of a source, read and cleaned: every text is plain text (see `text::plain`), every link http or https.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The guid or id exactly as the source gave it.
    pub guid: Option<String>,
    /// Plain text, one line.
    pub title: String,
    /// The article's page, absolute.
    pub link: Option<Url>,
    /// When the source says it was published, never clamped here.
    pub published: Option<Timestamp>,
    /// When the source says it last changed.
    pub updated: Option<Timestamp>,
    /// Names of people, in the order given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    /// Categories, in the order given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Plain text; paragraphs are separated by one newline.
    pub summary: Option<String>,
    /// Plain text of the full content, where the source carries it.
    pub content: Option<String>,
    /// The picture that stands for the article.
    pub image: Option<Image>,
    /// Further pictures, the source's order; none of them is `image`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<Image>,
    /// BCP 47 tag of the entry, else of its feed.
    pub language: Option<String>,
    /// What the story is about, where the source tells that from its categories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// What the source says of its standing.
    #[serde(default, skip_serializing_if = "Standing::is_usable")]
    pub standing: Standing,
    /// Not to be published before then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embargo: Option<Timestamp>,
    /// Whether readers have to pay for the page, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paywall: Option<bool>,
}

impl Entry {
    /// Which of the parts that readers see differ from another version, in words.
    pub fn differs_from(&self, other: &Self) -> Vec<&'static str> {
        let image = |entry: &Self| entry.image.as_ref().map(|image| image.url.clone());
        [
            (self.title != other.title, "title"),
            (self.link != other.link, "link"),
            (self.summary != other.summary, "summary"),
            (self.content != other.content, "text"),
            (image(self) != image(other), "picture"),
        ]
        .into_iter()
        .filter_map(|(differs, part)| differs.then_some(part))
        .collect()
    }
}

/// What a source says of a story's standing. Words: ninjs `pubStatus` (IPTC, 2025-05-21).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// For publication.
    #[default]
    Usable,
    /// Not for publication now; it may come back.
    Withheld,
    /// Taken back: what is out should come down.
    Killed,
}

impl Standing {
    /// The word in the audit log and in notices.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Usable => "usable",
            Self::Withheld => "withheld",
            Self::Killed => "killed",
        }
    }

    /// Whether it may be published.
    pub const fn is_usable(&self) -> bool {
        matches!(self, Self::Usable)
    }
}

/// A picture as a source names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Where the picture is; http or https, absolute.
    pub url: Url,
    /// The alternative text the source gives, if any.
    pub alt: Option<String>,
    /// The words under it, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// Pixels across, as the source states them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels down, as the source states them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
}

impl Image {
    /// A picture of which nothing but its address is known.
    pub const fn at(url: Url) -> Self {
        Self { url, alt: None, caption: None, width: None, height: None }
    }
}

/// A story known to the newsroom: an entry, who it is from, and which version of it this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Article {
    /// Ours; the same through all versions.
    pub id: ArticleId,
    /// The source that brought it first.
    pub source: SourceName,
    /// 1 at first sight, one more with each change of title, link, summary or picture.
    pub version: u32,
    /// When Bugle first saw it: expiry and order count from here.
    pub first_seen: Timestamp,
    /// The newest version of its content.
    pub entry: Entry,
}

impl Article {
    /// When it was published, for people and for order: the source's date, never in the future of `first_seen`.
    pub fn date(&self) -> Timestamp {
        self.entry.published.map_or(self.first_seen, |p| p.min(self.first_seen))
    }
}
