//! The links, tags and mentions a platform would see in a text, with its own offsets. How each platform finds them is in
//! a file of its own beside this one; what a text counts is in `measure`.

use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;

use super::rules::Unit;
use super::web::{self, Web};
use super::{bluesky, mastodon, misskey, telegram, x};

/// What an entity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A web address.
    Link,
    /// A hashtag.
    Tag,
    /// Another account's name.
    Mention,
}

/// A part of a text that a platform makes clickable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entity {
    /// What it is.
    pub kind: Kind,
    /// As written.
    pub text: String,
    /// A link's address with its scheme, a tag without its `#`, a mention without its `@`.
    pub value: String,
    /// Where it starts: UTF-8 bytes on Bluesky, UTF-16 units on Telegram, code points elsewhere.
    pub start: usize,
    /// Where the next character starts, in the same unit.
    pub end: usize,
}

/// An entity by its bytes, before its offsets are put into the platform's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Raw {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

/// Whose rules make parts of a text clickable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// X: twitter-text.
    X,
    /// Mastodon and servers of its kin.
    Mastodon,
    /// Bluesky's apps: what they make facets of.
    Bluesky,
    /// Telegram's apps and servers.
    Telegram,
    /// Misskey and its forks: MFM.
    Misskey,
    /// Threads: links, mentions, and the first tag alone, which becomes the post's topic.
    Threads,
    /// Instagram: tags and mentions; an address in a caption stays plain text.
    Instagram,
    /// Facebook Pages: links, and mentions of Pages by their number.
    Facebook,
    /// Discord: links, and the mentions its syntax knows.
    Discord,
    /// Nostr's clients: links, tags, and `nostr:` references.
    Nostr,
    /// Links and tags: VK.
    LinksAndTags,
    /// Links with `http(s)://` only: LinkedIn (whose tags and mentions are escaped), Slack, Matrix, Markdown's texts.
    Links,
    /// Nothing: titles, and fields where links are told beside the text.
    Nothing,
}

impl Unit {
    /// Whose rules come with the unit, where nobody says more.
    pub const fn sight(self) -> Sight {
        match self {
            Self::Weighted => Sight::X,
            Self::Mastodon { .. } | Self::Clusters | Self::CodePoints => Sight::Mastodon,
            Self::Graphemes => Sight::Bluesky,
            Self::Utf16 => Sight::Telegram,
            Self::Markdown => Sight::Discord,
            Self::Threads => Sight::Threads,
            Self::Trimmed => Sight::Nothing,
            Self::Little | Self::References | Self::Bytes | Self::Json => Sight::Links,
        }
    }
}

/// What the platform that counts in `unit` would make clickable, in the order of the text, none overlapping another.
pub fn entities(text: &str, unit: Unit) -> Vec<Entity> {
    seen(text, unit.sight(), unit)
}

/// What `sight` finds in a text, its offsets as a platform that counts in `unit` gives them.
pub fn seen(text: &str, sight: Sight, unit: Unit) -> Vec<Entity> {
    let found = raw(text, sight);
    let mut out = Vec::with_capacity(found.len());
    let (mut byte, mut offset) = (0, 0);
    for e in found {
        let start = offset + span(&text[byte..e.start], unit);
        let end = start + span(&text[e.start..e.end], unit);
        (byte, offset) = (e.end, end);
        let written = &text[e.start..e.end];
        out.push(Entity { kind: e.kind, text: written.to_owned(), value: value(e.kind, written), start, end });
    }
    out
}

/// A text in pieces, in order: what `sight` makes clickable with its kind, and what is between.
pub fn pieces(text: &str, sight: Sight) -> Vec<(Option<Kind>, &str)> {
    let (mut at, mut out) = (0, Vec::new());
    for e in raw(text, sight) {
        out.push((None, &text[at..e.start]));
        out.push((Some(e.kind), &text[e.start..e.end]));
        at = e.end;
    }
    out.push((None, &text[at..]));
    out.retain(|(_, piece)| !piece.is_empty());
    out
}

/// Whether the platform that counts in `unit` takes the whole of `text` for one such entity, also in the middle of a line.
pub fn is_whole(text: &str, kind: Kind, unit: Unit) -> bool {
    let found = entities(&format!("a {text} b"), unit);
    matches!(&found[..], [one] if one.kind == kind && one.text == text)
}

static SCHEME: LazyLock<Regex> = LazyLock::new(|| pattern(r"\A(?:[a-zA-Z]+://|(?i:xmpp|magnet|nostr):)"));

/// What an entity says, without the signs that mark it.
fn value(kind: Kind, written: &str) -> String {
    match kind {
        Kind::Link if SCHEME.is_match(written) => written.to_owned(),
        Kind::Link => format!("https://{written}"),
        // A stock's symbol keeps its sign, in capitals: so Bluesky stores it among the tags.
        Kind::Tag if written.starts_with('$') => written.to_ascii_uppercase(),
        Kind::Mention if written.starts_with("<@") => {
            written.trim_start_matches(['<', '@', '!', '&']).trim_end_matches('>').to_owned()
        }
        Kind::Mention if written.starts_with("@[") => written[2..].trim_end_matches(']').to_owned(),
        Kind::Mention if written.starts_with("nostr:") => written["nostr:".len()..].to_owned(),
        Kind::Tag | Kind::Mention => written.chars().skip(1).collect(),
    }
}

/// Length of a stretch of text in the unit of the platform's offsets.
fn span(text: &str, unit: Unit) -> usize {
    match unit {
        Unit::Graphemes | Unit::Bytes | Unit::Json => text.len(),
        Unit::Utf16 | Unit::Markdown | Unit::Little | Unit::References => text.encode_utf16().count(),
        Unit::Mastodon { .. } | Unit::Clusters | Unit::CodePoints | Unit::Trimmed | Unit::Weighted | Unit::Threads => {
            text.chars().count()
        }
    }
}

/// The entities by bytes, sorted, free of overlap.
pub(super) fn raw(text: &str, sight: Sight) -> Vec<Raw> {
    let found = match sight {
        Sight::X => x::find(text),
        Sight::Mastodon => mastodon::find(text),
        Sight::Bluesky => bluesky::find(text),
        Sight::Telegram => telegram::find(text),
        Sight::Misskey => misskey::find(text),
        Sight::Threads => web::find(text, Web { links: true, topics: true, names: true, ..Web::default() }),
        Sight::Instagram => web::find(text, Web { tags: true, names: true, ..Web::default() }),
        Sight::Facebook => web::find(text, Web { links: true, pages: true, ..Web::default() }),
        Sight::Discord => web::find(text, Web { links: true, discord: true, ..Web::default() }),
        Sight::Nostr => web::find(text, Web { links: true, tags: true, nostr: true, ..Web::default() }),
        Sight::LinksAndTags => web::find(text, Web { links: true, tags: true, ..Web::default() }),
        Sight::Links => web::find(text, Web { links: true, ..Web::default() }),
        Sight::Nothing => Vec::new(),
    };
    let mut found = disjoint(found);
    if sight == Sight::Threads {
        let mut first = true;
        found.retain(|e| e.kind != Kind::Tag || std::mem::take(&mut first));
    }
    found
}

/// In the order of the text; what overlaps an earlier one is dropped.
pub(super) fn disjoint(mut found: Vec<Raw>) -> Vec<Raw> {
    found.sort_by_key(|e| e.start);
    let mut last = 0;
    found.retain(|e| {
        let keep = e.start >= last;
        if keep {
            last = e.end;
        }
        keep
    });
    found
}

/// The matches of `re` that do not follow a character `barred` speaks of; a barred one is looked at again one character
/// on.
pub(super) fn unbarred<'t>(re: &Regex, text: &'t str, barred: impl Fn(char) -> bool) -> Vec<regex::Match<'t>> {
    let (mut at, mut out) = (0, Vec::new());
    while let Some(m) = re.find_at(text, at) {
        if text[..m.start()].chars().next_back().is_some_and(&barred) {
            at = m.start() + text[m.start()..].chars().next().map_or(1, char::len_utf8);
        } else {
            at = m.end();
            out.push(m);
        }
    }
    out
}

/// A pattern of this module and its files.
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MASTODON: Unit = Unit::Mastodon { link: 23 };

    #[test]
    fn a_tag_that_breaks_off_is_told() {
        use Kind::{Mention, Tag};
        let units = [Unit::Weighted, MASTODON, Unit::Graphemes, Unit::Utf16];
        for (text, kind, want) in [
            ("#Baku", Tag, [true; 4]),
            ("#İqtisadiyyat", Tag, [true; 4]),
            ("#COP-29", Tag, [false, false, true, false]),
            ("#2026", Tag, [false; 4]),
            ("#a b", Tag, [false; 4]),
            ("@presidentaz", Mention, [true, true, false, true]),
            ("@a@b.example", Mention, [false, true, false, false]),
            ("@news.bsky.social", Mention, [false, true, true, false]),
        ] {
            assert_eq!(units.map(|unit| is_whole(text, kind, unit)), want, "{text}");
        }
    }

    #[test]
    fn offsets_are_the_platforms_own() {
        let text = "é👍 #tag";
        for (unit, start, end) in
            [(Unit::Graphemes, 7, 11), (Unit::Weighted, 3, 7), (MASTODON, 3, 7), (Unit::Utf16, 4, 8)]
        {
            let found = entities(text, unit);
            assert_eq!((found[0].start, found[0].end, found[0].text.as_str()), (start, end, "#tag"), "{unit:?}");
        }
    }

    #[test]
    fn an_entity_serialises_by_plain_words() {
        let json = serde_json::to_string(&entities("#a", Unit::Weighted)).expect("plain data");
        assert_eq!(json, r##"[{"kind":"tag","text":"#a","value":"a","start":0,"end":2}]"##);
    }

    #[test]
    fn hostile_texts_take_linear_time() {
        for piece in [
            "@a",
            "#",
            "#a",
            "@a.",
            "a@",
            " #1",
            "(@a",
            "a.com)",
            "http://.",
            "#(",
            "#[(",
            "https://a(",
            "xmpp:a@",
            "$A",
            "<@",
            "nostr:n",
            "https://[a",
            "magnet:?",
        ] {
            let text = piece.repeat(10_000);
            for sight in SIGHTS {
                let _ = raw(&text, sight);
            }
        }
    }

    /// Every one there is.
    const SIGHTS: [Sight; 13] = [
        Sight::X,
        Sight::Mastodon,
        Sight::Bluesky,
        Sight::Telegram,
        Sight::Misskey,
        Sight::Threads,
        Sight::Instagram,
        Sight::Facebook,
        Sight::Discord,
        Sight::Nostr,
        Sight::LinksAndTags,
        Sight::Links,
        Sight::Nothing,
    ];

    fn sound(text: &str) -> Result<(), TestCaseError> {
        for sight in SIGHTS {
            let mut last = 0;
            for e in raw(text, sight) {
                prop_assert!(e.start >= last && e.end > e.start && e.end <= text.len(), "{sight:?} {e:?} {text:?}");
                prop_assert!(
                    text.is_char_boundary(e.start) && text.is_char_boundary(e.end),
                    "{sight:?} {e:?} {text:?}"
                );
                last = e.end;
            }
            for unit in [Unit::Graphemes, Unit::Utf16, Unit::CodePoints] {
                for e in seen(text, sight, unit) {
                    let cut: String = match unit {
                        Unit::Graphemes => text[e.start..e.end].to_owned(),
                        Unit::CodePoints => text.chars().skip(e.start).take(e.end - e.start).collect(),
                        _ => {
                            let units: Vec<u16> = text.encode_utf16().skip(e.start).take(e.end - e.start).collect();
                            String::from_utf16(&units).map_err(|_| TestCaseError::fail(format!("{sight:?} {e:?}")))?
                        }
                    };
                    prop_assert_eq!(&cut, &e.text, "{:?} {:?}", sight, unit);
                }
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn offsets_cut_out_what_they_name(text in any::<String>()) {
            sound(&text)?;
        }

        #[test]
        fn offsets_cut_out_what_they_name_in_texts_full_of_signs(
            text in "([a-zA-Z0-9@#$.:/_&?()<>\\[\\]「」'!,\\- \n]|https?://|e\\.org|\\.com|xmpp:|magnet:\\?|nostr:|npub1|日本|é|👍|\u{200B}|＃|＠|\u{FE0F}|·|@everyone){0,60}"
        ) {
            sound(&text)?;
        }
    }
}
