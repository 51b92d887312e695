//! The rows of the table: the numbers, each with who says so and when that was read. What a row means is one level up.

use super::super::rules::TextRules;
use super::{Measured, Sight, Unit, rules};

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
    rules(2000, Unit::Markdown),
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
