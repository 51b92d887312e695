//! What templates and conditions see.

use std::collections::BTreeMap;

use minijinja::Value;

use super::{marks, words};

/// What a condition or a template sees: every documented variable, always defined (missing = empty).
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Scene {
    /// The article's title, plain text, one line.
    pub title: String,
    /// Its link, or empty.
    pub link: String,
    /// Its summary, plain text.
    pub summary: String,
    /// Its content, plain text.
    pub content: String,
    /// Names of its authors.
    pub authors: Vec<String>,
    /// Its categories.
    pub categories: Vec<String>,
    /// The first of its categories, or empty.
    pub category: String,
    /// What the story is about, where the source tells that from its categories.
    pub keywords: Vec<String>,
    /// `#Tag #Other`: what the config's `[hashtags]` makes of categories and keywords; empty in a route's conditions.
    pub hashtags: String,
    /// BCP 47 tag, or empty.
    pub language: String,
    /// The name of its source.
    pub source: String,
    /// The newsroom's name.
    pub newsroom: String,
    /// The channel's name; empty in a route's conditions.
    pub channel: String,
    /// The platform's word; empty in a route's conditions.
    pub platform: String,
    /// RFC 3339 in the newsroom's zone, or empty.
    pub published: String,
    /// The picture's address, or empty.
    pub image: String,
    /// The names that may become mentions on the platform, and their handles there; only the filter `mentions` sees them.
    pub mentions: Vec<(String, String)>,
    /// The title before it was corrected, or empty.
    pub old_title: String,
    /// The articles of a digest, newest first; empty for a post of one article.
    pub articles: Vec<Item>,
}

/// An article of a digest.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Item {
    /// Its title.
    pub title: String,
    /// Its link, or empty.
    pub link: String,
    /// Its summary.
    pub summary: String,
}

/// The names of all variables, for messages.
pub const NAMES: &[&str] = &[
    "title",
    "link",
    "summary",
    "content",
    "authors",
    "categories",
    "category",
    "keywords",
    "hashtags",
    "language",
    "source",
    "newsroom",
    "channel",
    "platform",
    "published",
    "image",
    "old_title",
    "articles",
];

impl Scene {
    /// An article with everything, to try templates and conditions on.
    pub fn full() -> Self {
        Self {
            title: "Bridge over the bay opens two years early".into(),
            link: "https://news.example/2026/bridge".into(),
            summary: "Traffic rolls from Monday. The city expects thirty thousand cars a day.".into(),
            content: "Traffic rolls from Monday.\nThe city expects thirty thousand cars a day.".into(),
            authors: vec!["Leyla Aliyeva".into(), "John Doe".into()],
            categories: vec!["Nation".into(), "Transport".into()],
            category: "Nation".into(),
            keywords: vec!["Bay Bridge".into()],
            hashtags: "#Nation #Transport".into(),
            language: "en".into(),
            source: "main".into(),
            newsroom: "The Newsroom".into(),
            channel: "channel".into(),
            platform: "platform".into(),
            published: "2026-11-25T12:00:00+04:00".into(),
            image: "https://news.example/2026/bridge.jpg".into(),
            mentions: Vec::new(),
            old_title: "Bridge over the bay opens a year early".into(),
            articles: ["bridge", "harbour"].map(Item::example).into(),
        }
    }

    /// An article with nothing but what always is there.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The variables as the engine takes them. Marks that came with a text are gone.
    pub(super) fn value(&self) -> Value {
        let text = |s: &str| Value::from(marks::unmarked(s));
        let list = |l: &[String]| Value::from(l.iter().map(|s| text(s)).collect::<Vec<_>>());
        let all = [
            text(&self.title),
            text(&self.link),
            text(&self.summary),
            text(&self.content),
            list(&self.authors),
            list(&self.categories),
            text(&self.category),
            list(&self.keywords),
            text(&self.hashtags),
            text(&self.language),
            text(&self.source),
            text(&self.newsroom),
            text(&self.channel),
            text(&self.platform),
            text(&self.published),
            text(&self.image),
            text(&self.old_title),
            Value::from(self.articles.iter().map(Item::value).collect::<Vec<_>>()),
        ];
        let mut values: BTreeMap<_, _> = NAMES.iter().copied().zip(all).collect();
        if !self.mentions.is_empty() {
            let pairs = self.mentions.iter().map(|(name, handle)| Value::from(vec![text(name), text(handle)]));
            values.insert(words::MENTIONS, Value::from(pairs.collect::<Vec<_>>()));
        }
        Value::from(values)
    }
}

impl Item {
    fn example(word: &str) -> Self {
        Self {
            title: format!("What the {word} means for the city"),
            link: format!("https://news.example/2026/{word}-digest"),
            summary: "An example of an article in a digest.".into(),
        }
    }

    fn value(&self) -> Value {
        let text = |s: &str| Value::from(marks::unmarked(s));
        let all = [("title", text(&self.title)), ("link", text(&self.link)), ("summary", text(&self.summary))];
        Value::from(all.into_iter().collect::<BTreeMap<_, _>>())
    }
}
