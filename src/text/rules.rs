//! The limits of a text as data, and the proof that a text is within them.

use super::measure;

/// How a platform counts a text. Which platform counts how, by whose word and since when, is in
/// [`limits`](super::limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Extended grapheme clusters (UAX 29), links in full: Bluesky.
    Graphemes,
    /// Extended grapheme clusters with each `http(s)://` link counted as `link` and the domain of a mention free:
    /// Mastodon.
    Mastodon {
        /// What a link costs, whatever its length (`characters_reserved_per_url`).
        link: usize,
    },
    /// Extended grapheme clusters with links and mentions in full, and links and tags seen as on Mastodon: Pleroma,
    /// Akkoma.
    Clusters,
    /// Code points, links in full: servers of Mastodon's kin, and most platforms that say only "characters".
    CodePoints,
    /// Code points without the white space at both ends: titles on Lemmy.
    Trimmed,
    /// twitter-text configuration v3: weights 1 and 2, a link 23, an emoji 2.
    Weighted,
    /// UTF-16 code units of the visible text without the white space at both ends: Telegram.
    Utf16,
    /// The same, but each sign outside of links that Discord's Markdown may read counts two, whether
    /// [`escape::markdown`](super::escape::markdown) has to give it a backslash or not: Discord.
    Markdown,
    /// Extended grapheme clusters, but an emoji as many as its UTF-8 bytes: Threads.
    Threads,
    /// UTF-16 code units after every reserved character of LinkedIn's "little" format got its backslash
    /// ([`escape::little`](super::escape::little)).
    Little,
    /// UTF-16 code units after `&`, `<` and `>` became references ([`escape::references`](super::escape::references)):
    /// Slack.
    References,
    /// Bytes of UTF-8.
    Bytes,
    /// Bytes of UTF-8 inside a JSON string, with its escapes and without its quotes: where the whole message is limited,
    /// not the text.
    Json,
}

impl Unit {
    /// What it counts, in words, as after a number: "280 weighted characters".
    pub const fn name(self) -> &'static str {
        match self {
            Self::Graphemes | Self::Clusters => "grapheme clusters",
            Self::Mastodon { .. } => "grapheme clusters, links at a fixed price",
            Self::CodePoints => "code points",
            Self::Trimmed => "code points, trimmed",
            Self::Weighted => "weighted characters",
            Self::Utf16 => "UTF-16 units, trimmed",
            Self::Markdown => "UTF-16 units, trimmed, signs of Markdown twice",
            Self::Threads => "grapheme clusters, emoji by their bytes",
            Self::Little => "UTF-16 units, escaped",
            Self::References => "UTF-16 units, with references",
            Self::Bytes => "bytes",
            Self::Json => "bytes of JSON",
        }
    }
}

/// The limits of one text on one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextRules {
    /// The most `unit`s a text may have.
    pub limit: usize,
    /// How they are counted.
    pub unit: Unit,
    /// The most bytes of UTF-8, where the platform limits them too.
    pub bytes: Option<usize>,
}

/// A text outside its limits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text counts {length} where {limit} are allowed")]
pub struct TooLong {
    /// What it counts.
    pub length: usize,
    /// What is allowed.
    pub limit: usize,
}

/// Why a text is not within its limits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// It counts too much.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// It has a character that the platform takes in no text.
    #[error("the text has the character U+{:04X}, which the platform refuses", u32::from(*.0))]
    Forbidden(char),
}

/// A text proved to be within the limits it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FittedText {
    text: String,
    length: usize,
    rules: TextRules,
}

impl FittedText {
    /// Measures `text`; the only way to such a value.
    ///
    /// # Errors
    /// [`Misfit`] where it counts more than `rules` allow, or has a character the platform refuses.
    pub fn new(text: String, rules: TextRules) -> Result<Self, Misfit> {
        if let Some(c) = measure::forbidden(&text, rules.unit) {
            return Err(Misfit::Forbidden(c));
        }
        let length = measure::length(&text, rules.unit);
        if length > rules.limit {
            return Err(TooLong { length, limit: rules.limit }.into());
        }
        match rules.bytes {
            Some(limit) if text.len() > limit => Err(TooLong { length: text.len(), limit }.into()),
            _ => Ok(Self { text, length, rules }),
        }
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it counts, in the platform's unit.
    pub const fn length(&self) -> usize {
        self.length
    }

    /// The limits it was measured by.
    pub const fn rules(&self) -> TextRules {
        self.rules
    }
}
