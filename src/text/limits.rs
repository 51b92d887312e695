//! The limits of every platform's texts as data: one row a field that a text can go to. Read by the adapters, by
//! `bugle measure`, and by the timeline's `like`. How each unit counts is in `measure`.
//!
//! A number that no page of the platform states says so in its `source`. What an instance or an account sets for itself
//! (Mastodon's `max_characters`, Misskey's `maxNoteTextLength`, X's long posts) goes before these.

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
        let found = self.entities(&text);
        let fitted = FittedText::new(text, self.rules)?;
        if fitted.length() < self.least {
            return Err(Unfit::TooShort { length: fitted.length(), least: self.least });
        }
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
        Ok(fitted)
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

/// A post on X.
pub const X: Measured = Measured::new(
    "x",
    rules(280, Unit::Weighted),
    Sight::X,
    "twitter-text configuration v3; docs.x.com, counting characters",
    "2026-08-22",
);

/// A long post on X, for accounts that may write them.
pub const X_LONG: Measured =
    Measured::new("x-long", rules(25_000, Unit::Weighted), Sight::X, "X's changelog of 2024-08-20", "2026-08-22");

/// What a link costs on Mastodon where the instance states no other number. Source: StatusLengthValidator, 2026-08-08.
pub const MASTODON_LINK: usize = 23;

/// A status on Mastodon, where the instance states no limits of its own.
pub const MASTODON: Measured = Measured::new(
    "mastodon",
    rules(500, Unit::Mastodon { link: MASTODON_LINK }),
    Sight::Mastodon,
    "Mastodon, StatusLengthValidator",
    "2026-08-08",
);

/// A status on Pleroma or Akkoma, where the instance states no limit of its own.
pub const PLEROMA: Measured = Measured::new(
    "pleroma",
    rules(5000, Unit::Clusters),
    Sight::Mastodon,
    "Pleroma's default configuration; Elixir's String.length",
    "2025-10",
);

/// The same on Akkoma, by its own word.
pub const AKKOMA: Measured = Measured::new(
    "akkoma",
    rules(5000, Unit::Clusters),
    Sight::Mastodon,
    "Akkoma's default configuration, a fork of Pleroma's",
    "2025-10",
);

/// A status on GoToSocial, where the instance states no limit of its own.
pub const GOTOSOCIAL: Measured = Measured::new(
    "gotosocial",
    rules(5000, Unit::CodePoints),
    Sight::Mastodon,
    "GoToSocial, internal/processing/status/common.go",
    "2025-10-03",
);

/// A post on snac, which enforces no limit: Mastodon's, so that readers elsewhere see it whole.
pub const SNAC: Measured = Measured::new(
    "snac",
    rules(500, Unit::CodePoints),
    Sight::Mastodon,
    "snac: none documented; 500 is ours",
    "2026-11",
);

/// A note on Misskey, where the server states no `maxNoteTextLength` of its own.
pub const MISSKEY: Measured = Measured::new(
    "misskey",
    rules(3000, Unit::CodePoints),
    Sight::Misskey,
    "Misskey, notes/create; its JSON schema",
    "2026-05-28",
);

/// A post on Bluesky.
pub const BLUESKY: Measured = Measured::new(
    "bluesky",
    TextRules { limit: 300, unit: Unit::Graphemes, bytes: Some(3000) },
    Sight::Bluesky,
    "lexicon app.bsky.feed.post",
    "2026-08-20",
);

/// A post on Threads.
pub const THREADS: Measured = Measured {
    links: Some(5),
    ..Measured::new(
        "threads",
        rules(500, Unit::Threads),
        Sight::Threads,
        "Threads API, posts guide of 2026-04-14; links: overview of 2025-12-22",
        "2026-09-11",
    )
};

/// The same for an account whose texts beyond ASCII were refused: every byte counts.
pub const THREADS_STRICT: Measured = Measured {
    links: Some(5),
    ..Measured::new(
        "threads-strict",
        rules(500, Unit::Bytes),
        Sight::Threads,
        "rejections reported by projects; no page says so",
        "2026-09-11",
    )
};

/// The long text attached to a post on Threads.
pub const THREADS_ATTACHMENT: Measured = Measured::new(
    "threads-attachment",
    rules(10_000, Unit::Threads),
    Sight::Threads,
    "Threads API, text attachments",
    "2026-07-02",
);

/// A message on Telegram.
pub const TELEGRAM: Measured = Measured::new(
    "telegram",
    rules(4096, Unit::Utf16),
    Sight::Telegram,
    "Bot API 10.1, sendMessage; tdlib OptionManager.cpp",
    "2026-07-17",
);

/// The caption of a picture on Telegram.
pub const TELEGRAM_CAPTION: Measured = Measured::new(
    "telegram-caption",
    rules(1024, Unit::Utf16),
    Sight::Telegram,
    "Bot API 10.1, sendPhoto; tdlib OptionManager.cpp",
    "2026-07-17",
);

/// The commentary of a post on LinkedIn.
pub const LINKEDIN: Measured = Measured::new(
    "linkedin",
    rules(3000, Unit::Little),
    Sight::Links,
    "LinkedIn's composer and the older UGC limit; Microsoft Learn, little text format",
    "2026-08",
);

/// The title of an article's card on LinkedIn.
pub const LINKEDIN_TITLE: Measured = Measured::new(
    "linkedin-title",
    rules(400, Unit::Utf16),
    Sight::Nothing,
    "second-hand; the Posts API documents none",
    "2026-08",
);

/// A post on a Facebook Page.
pub const FACEBOOK: Measured = Measured::new(
    "facebook",
    rules(63_206, Unit::CodePoints),
    Sight::Facebook,
    "widely quoted; Meta's reference states none",
    "2026-09-14",
);

/// The caption of a post on Instagram.
pub const INSTAGRAM: Measured = Measured {
    tags: Some(5),
    mentions: Some(20),
    ..Measured::new(
        "instagram",
        rules(2200, Unit::CodePoints),
        Sight::Instagram,
        "commonly stated API limits; tags: Instagram's own limit since 2025-12 (the API's was 30)",
        "2026-09-12",
    )
};

/// The content of a message on Discord.
pub const DISCORD: Measured = Measured::new(
    "discord",
    rules(2000, Unit::Utf16),
    Sight::Discord,
    "discord-api-docs, message resource",
    "2026-08-06",
);

/// The description of an embed on Discord; all embeds of a message together have 6,000.
pub const DISCORD_EMBED: Measured = Measured::new(
    "discord-embed",
    rules(4096, Unit::Utf16),
    Sight::Links,
    "discord-api-docs, embed limits",
    "2026-08-06",
);

/// The title of an embed on Discord.
pub const DISCORD_TITLE: Measured = Measured::new(
    "discord-title",
    rules(256, Unit::Utf16),
    Sight::Nothing,
    "discord-api-docs, embed limits",
    "2026-08-06",
);

/// The text of a message on Slack: advised; from 40,000 on it is cut.
pub const SLACK: Measured =
    Measured::new("slack", rules(4000, Unit::References), Sight::Links, "docs.slack.dev, chat.postMessage", "2026-08");

/// The text of a section block on Slack.
pub const SLACK_SECTION: Measured = Measured::new(
    "slack-section",
    rules(3000, Unit::References),
    Sight::Links,
    "docs.slack.dev, section block",
    "2026-08",
);

/// The plain text of a header block on Slack.
pub const SLACK_HEADER: Measured =
    Measured::new("slack-header", rules(150, Unit::Utf16), Sight::Nothing, "docs.slack.dev, header block", "2026-08");

/// A message on Matrix. The whole event has 65,536 bytes, of which about 50,000 are the content; `body` and `formatted_body` each hold the text.
pub const MATRIX: Measured =
    Measured::new("matrix", rules(25_000, Unit::Json), Sight::Links, "Matrix specification, size limits", "2026-07-21");

/// A short note on Nostr: what relays commonly take, of a message of 16 KiB; 1 KiB is left for what is around the text.
pub const NOSTR: Measured = Measured::new(
    "nostr",
    TextRules { limit: 8000, unit: Unit::CodePoints, bytes: Some(15_360) },
    Sight::Nostr,
    "NIP-11 `max_content_length`, as relays set it",
    "2026-07-22",
);

/// The description of a Pin.
pub const PINTEREST: Measured = Measured::new(
    "pinterest",
    rules(800, Unit::CodePoints),
    Sight::Nothing,
    "Pinterest OpenAPI 5.23.0, maxLength",
    "2025-12-11",
);

/// The title of a Pin.
pub const PINTEREST_TITLE: Measured = Measured::new(
    "pinterest-title",
    rules(100, Unit::CodePoints),
    Sight::Nothing,
    "Pinterest OpenAPI 5.23.0, maxLength",
    "2025-12-11",
);

/// The title of a post on Reddit; its link is a field of its own.
pub const REDDIT: Measured = Measured::new(
    "reddit",
    rules(300, Unit::CodePoints),
    Sight::Nothing,
    "Reddit API reference, /api/submit",
    "2026-08",
);

/// The Markdown of a text post on Reddit.
pub const REDDIT_TEXT: Measured = Measured::new(
    "reddit-text",
    rules(40_000, Unit::CodePoints),
    Sight::Links,
    "Reddit API reference, /api/submit",
    "2026-08",
);

/// A text block of a post on Tumblr; its links are told beside the text.
pub const TUMBLR: Measured =
    Measured::new("tumblr", rules(4096, Unit::CodePoints), Sight::Nothing, "Tumblr, npf-spec.md", "2024-10-18");

/// A post on a wall on VK: the lowest of the figures in use.
pub const VK: Measured = Measured::new(
    "vk",
    rules(15_895, Unit::CodePoints),
    Sight::LinksAndTags,
    "quoted as 15,895 to 16,384; VK's schema states none",
    "2026-07-25",
);

/// The title of a post on Lemmy; its link is a field of its own.
pub const LEMMY: Measured = Measured {
    least: 3,
    ..Measured::new(
        "lemmy",
        rules(200, Unit::Trimmed),
        Sight::Nothing,
        "Lemmy, crates/utils/src/utils/validation.rs",
        "2026-08-12",
    )
};

/// The Markdown of a post on Lemmy.
pub const LEMMY_BODY: Measured = Measured::new(
    "lemmy-body",
    rules(50_000, Unit::CodePoints),
    Sight::Links,
    "Lemmy, crates/utils/src/utils/validation.rs",
    "2026-08-12",
);

/// The text of a card in Teams. The whole message has 28 KB, of which projects met 21 KB; a bare address is no link in a card.
pub const TEAMS: Measured = Measured::new(
    "teams",
    rules(20_000, Unit::Json),
    Sight::Nothing,
    "Microsoft Learn, connector known issues; elementary-data/elementary#2160",
    "2026-07",
);

/// The text in the body of a signed web hook: under 20,000 bytes are advised for all of it.
pub const WEBHOOK: Measured = Measured::new(
    "webhook",
    rules(16_000, Unit::Json),
    Sight::Links,
    "standard-webhooks, spec/standard-webhooks.md",
    "2026-08-17",
);

/// A post on the local timeline where it is like no other platform: room for a headline, a summary and a link.
pub const TIMELINE: Measured =
    Measured::new("timeline", rules(500, Unit::Graphemes), Sight::Bluesky, "ours", "2026-10");

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
            ("discord", 51),
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
