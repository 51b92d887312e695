//! The limits of every platform's texts as data: one row a field that a text can go to. Read by the adapters, by
//! `bugle measure`, and by the timeline's `like`. How each unit counts is in `measure`.
//!
//! A number that no page of the platform states says so in its `source`. What an instance or an account sets for itself
//! (Mastodon's `max_characters`, Misskey's `maxNoteTextLength`, X's long posts) goes before these.

mod rows;

pub use self::rows::*;
use super::entities::{Entity, Kind, Sight, seen};
use super::rules::{FittedText, Misfit, TextRules, Unit};

/// The limits of one field on one platform, and where they are from.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// The platform's word, with the field's after a hyphen where it is not the post itself: `telegram-caption`.
    pub word: &'static str,
    /// What is counted, and how much of it there may be.
    pub rules: TextRules,
    /// The fewest units a text must have.
    pub least: usize,
    /// The most links.
    pub links: Option<usize>,
    /// The most tags.
    pub tags: Option<usize>,
    /// The most mentions.
    pub mentions: Option<usize>,
    /// Whose rules make parts of the text clickable.
    pub sight: Sight,
    /// The page, file or person that says so.
    pub source: &'static str,
    /// When that was read, or what it is dated.
    pub date: &'static str,
}

/// Why a text is not what a field takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It counts too much, or has a character that is refused.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// It counts too little.
    #[error("the text counts {length} where at least {least} are needed")]
    TooShort {
        /// What it counts.
        length: usize,
        /// What is needed.
        least: usize,
    },
    /// It has too many links, tags or mentions.
    #[error("the text has {found} {what} where {most} are allowed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many it has.
        found: usize,
        /// How many are allowed.
        most: usize,
    },
}

impl Measured {
    /// The row in words, for people: what is counted, by whose word.
    pub fn describe(&self) -> String {
        let TextRules { limit, unit, bytes } = self.rules;
        let bytes = bytes.map(|bytes| format!(" and {bytes} bytes")).unwrap_or_default();
        let least = if self.least > 0 { format!(", at least {}", self.least) } else { String::new() };
        let caps = [("links", self.links), ("tags", self.tags), ("mentions", self.mentions)];
        let caps: String = caps.iter().filter_map(|(what, most)| most.map(|most| format!(", {most} {what}"))).collect();
        format!("{}\t{limit} {}{bytes}{least}{caps}\t{} ({})", self.word, unit.name(), self.source, self.date)
    }

    const fn new(word: &'static str, rules: TextRules, sight: Sight, source: &'static str, date: &'static str) -> Self {
        Self { word, rules, least: 0, links: None, tags: None, mentions: None, sight, source, date }
    }

    /// The text as this field takes it.
    ///
    /// # Errors
    /// [`Unfit`] where it does not.
    pub fn fit(&self, text: String) -> Result<FittedText, Unfit> {
        let fitted = FittedText::new(text, self.rules)?;
        if fitted.length() < self.least {
            return Err(Unfit::TooShort { length: fitted.length(), least: self.least });
        }
        self.count(fitted.as_str())?;
        Ok(fitted)
    }

    /// Whether a text has no more links, tags and mentions than this field takes, whatever its length.
    ///
    /// # Errors
    /// [`Unfit::TooMany`].
    pub fn count(&self, text: &str) -> Result<(), Unfit> {
        if self.links.is_none() && self.tags.is_none() && self.mentions.is_none() {
            return Ok(());
        }
        let found = self.entities(text);
        let caps = [
            (Kind::Link, "links", self.links),
            (Kind::Tag, "tags", self.tags),
            (Kind::Mention, "mentions", self.mentions),
        ];
        for (kind, what, most) in caps {
            let Some(most) = most else { continue };
            let count = distinct(&found, kind);
            if count > most {
                return Err(Unfit::TooMany { what, found: count, most });
            }
        }
        Ok(())
    }

    /// What the platform would make clickable of a text in this field.
    pub fn entities(&self, text: &str) -> Vec<Entity> {
        seen(text, self.sight, self.rules.unit)
    }
}

/// How many of a kind; the same link twice is one (Threads counts unique links).
fn distinct(found: &[Entity], kind: Kind) -> usize {
    let mut values: Vec<&str> = found.iter().filter(|e| e.kind == kind).map(|e| e.value.as_str()).collect();
    if kind == Kind::Link {
        values.sort_unstable();
        values.dedup();
    }
    values.len()
}

const fn rules(limit: usize, unit: Unit) -> TextRules {
    TextRules { limit, unit, bytes: None }
}

/// Every row, in the order of the documentation.
pub const ALL: &[Measured] = &[
    X,
    X_LONG,
    MASTODON,
    PLEROMA,
    AKKOMA,
    GOTOSOCIAL,
    SNAC,
    MISSKEY,
    BLUESKY,
    THREADS,
    THREADS_STRICT,
    THREADS_ATTACHMENT,
    TELEGRAM,
    TELEGRAM_CAPTION,
    LINKEDIN,
    LINKEDIN_TITLE,
    FACEBOOK,
    INSTAGRAM,
    DISCORD,
    DISCORD_EMBED,
    DISCORD_TITLE,
    SLACK,
    SLACK_SECTION,
    SLACK_HEADER,
    MATRIX,
    NOSTR,
    PINTEREST,
    PINTEREST_TITLE,
    REDDIT,
    REDDIT_TEXT,
    TUMBLR,
    VK,
    LEMMY,
    LEMMY_BODY,
    TEAMS,
    WEBHOOK,
    TIMELINE,
];

/// The row of that word.
pub fn of(word: &str) -> Option<&'static Measured> {
    ALL.iter().find(|row| row.word == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_there_once_and_every_number_has_a_source_and_a_date() {
        let mut words: Vec<_> = ALL.iter().map(|row| row.word).collect();
        assert!(words.iter().all(|w| w.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')), "{words:?}");
        assert!(ALL.iter().all(|row| row.source.len() > 3 && row.date.starts_with("20")));
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), ALL.len());
        for word in words {
            assert!(of(word).is_some_and(|row| row.word == word));
        }
        assert!(of("nowhere").is_none());
    }

    /// A text of exactly the limit fits; one unit more does not.
    #[test]
    fn every_limit_is_the_last_that_fits() {
        for row in ALL {
            let last = "a".repeat(row.rules.limit);
            assert_eq!(row.fit(last.clone()).map(|t| t.length()), Ok(row.rules.limit), "{}", row.word);
            let over =
                Misfit::TooLong(super::super::rules::TooLong { length: row.rules.limit + 1, limit: row.rules.limit });
            assert_eq!(row.fit(format!("{last}a")), Err(Unfit::Misfit(over)), "{}", row.word);
        }
    }

    #[test]
    fn each_platform_counts_by_its_own_rules() {
        let text = "Bakı 👍🏽: <b>A&B</b> #News https://e.org/a_b?c=(d)";
        for (word, want) in [
            ("x", 50),
            ("mastodon", 49),
            ("pleroma", 48),
            ("gotosocial", 49),
            ("misskey", 49),
            ("bluesky", 48),
            ("threads", 55),
            ("threads-strict", 56),
            ("telegram", 51),
            ("linkedin", 59),
            ("facebook", 49),
            ("discord", 56),
            ("slack", 67),
            ("matrix", 56),
            ("nostr", 49),
            ("lemmy", 49),
            ("teams", 56),
        ] {
            let row = of(word).expect("a row");
            assert_eq!(row.fit(text.to_owned()).map(|t| t.length()), Ok(want), "{word}");
        }
    }

    #[test]
    fn what_a_field_takes_beside_its_length() {
        let links = |n: usize| (0..n).map(|i| format!("https://e.org/{i} ")).collect::<String>();
        let tags = |n: usize| (0..n).map(|i| format!("#t{i} ")).collect::<String>();
        let many = |what, found, most| Err(Unfit::TooMany { what, found, most });
        for (word, text, want) in [
            ("threads", links(5), Ok(())),
            ("threads", links(6), many("links", 6, 5)),
            ("threads", format!("{}https://e.org/0", links(5)), Ok(())),
            ("instagram", tags(5), Ok(())),
            ("instagram", tags(6), many("tags", 6, 5)),
            ("instagram", "@a ".repeat(21), many("mentions", 21, 20)),
            ("lemmy", "  ab ".to_owned(), Err(Unfit::TooShort { length: 2, least: 3 })),
            ("lemmy", "  abc ".to_owned(), Ok(())),
            ("x", "a\u{FEFF}".to_owned(), Err(Unfit::Misfit(Misfit::Forbidden('\u{FEFF}')))),
        ] {
            assert_eq!(of(word).expect("a row").fit(text.clone()).map(|_| ()), want, "{word} {text}");
        }
    }
}
