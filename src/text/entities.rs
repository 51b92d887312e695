//! The links, tags and mentions a platform would see in a text, with its own offsets. Where links are is in `links`
//! (X, Mastodon) and `telegram`; what a text counts is in `measure`.

use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation as _;

use super::links::{self, Dialect, LATIN};
use super::rules::Unit;
use super::{telegram, tlds};

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

/// What the platform that counts in `unit` would make clickable, in the order of the text, none overlapping another.
pub fn entities(text: &str, unit: Unit) -> Vec<Entity> {
    let found = raw(text, unit);
    let mut out = Vec::with_capacity(found.len());
    let (mut byte, mut offset) = (0, 0);
    for e in found {
        let start = offset + span(&text[byte..e.start], unit);
        let end = start + span(&text[e.start..e.end], unit);
        (byte, offset) = (e.end, end);
        let written = &text[e.start..e.end];
        let value = match e.kind {
            Kind::Link if SCHEME.is_match(written) => written.to_owned(),
            Kind::Link => format!("https://{written}"),
            Kind::Tag | Kind::Mention => written.chars().skip(1).collect(),
        };
        out.push(Entity { kind: e.kind, text: written.to_owned(), value, start, end });
    }
    out
}

/// Whether the platform that counts in `unit` takes the whole of `text` for one such entity, also in the middle of a line.
pub fn is_whole(text: &str, kind: Kind, unit: Unit) -> bool {
    let found = entities(&format!("a {text} b"), unit);
    matches!(&found[..], [one] if one.kind == kind && one.text == text)
}

static SCHEME: LazyLock<Regex> = LazyLock::new(|| pattern(r"\A[a-zA-Z]+://"));

/// Length of a stretch of text in the unit of the platform's offsets.
fn span(text: &str, unit: Unit) -> usize {
    match unit {
        Unit::Graphemes => text.len(),
        Unit::Utf16 => text.encode_utf16().count(),
        Unit::Mastodon { .. } | Unit::CodePoints | Unit::Weighted => text.chars().count(),
    }
}

/// The entities by bytes, sorted, free of overlap.
pub(super) fn raw(text: &str, unit: Unit) -> Vec<Raw> {
    let mut found = match unit {
        Unit::Weighted => {
            let mut all = web(text, Dialect::X);
            x_mentions(text, &mut all);
            x_tags(text, &mut all);
            all
        }
        Unit::Mastodon { .. } | Unit::CodePoints => {
            let mut all = web(text, Dialect::Mastodon);
            mastodon_tags(text, &mut all);
            mastodon_mentions(text, &mut all);
            all
        }
        Unit::Graphemes => bluesky(text),
        Unit::Utf16 => telegram::find(text),
    };
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

fn web(text: &str, dialect: Dialect) -> Vec<Raw> {
    links::links(text, dialect).into_iter().map(|s| Raw { kind: Kind::Link, start: s.start, end: s.end }).collect()
}

/// Special characters X allows inside a tag. Source: twitter-text, 2021-10.
const X_SPECIAL: &str = r"_\x{200c}\x{200d}\x{a67e}\x{5be}\x{5f3}\x{5f4}\x{ff5e}\x{301c}\x{309b}\x{309c}\x{30a0}\x{30fb}\x{3003}\x{f0b}\x{f0c}\x{b7}";
static X_TAG: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"[#\x{{FF03}}]([\p{{L}}\p{{M}}\p{{Nd}}{X_SPECIAL}]+)")));
static X_TAG_CHAR: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"\A[\p{{L}}\p{{M}}\p{{Nd}}{X_SPECIAL}]\z")));
static LETTER_OR_MARK: LazyLock<Regex> = LazyLock::new(|| pattern(r"[\p{L}\p{M}]"));

fn x_tags(text: &str, all: &mut Vec<Raw>) {
    if !text.contains(['#', '\u{FF03}']) {
        return;
    }
    for m in X_TAG.find_iter(text) {
        let before = text[..m.start()].chars().next_back();
        let bound = before.is_none_or(|c| {
            matches!(c, '\u{FE0E}' | '\u{FE0F}') || (c != '&' && !X_TAG_CHAR.is_match(c.encode_utf8(&mut [0; 4])))
        });
        let name = m.as_str().trim_start_matches(['#', '\u{FF03}']);
        let after = &text[m.end()..];
        let ended = !after.starts_with(['#', '\u{FF03}']) && !after.starts_with("://");
        if bound && ended && !name.starts_with(['\u{FE0F}', '\u{20E3}']) && LETTER_OR_MARK.is_match(name) {
            all.push(Raw { kind: Kind::Tag, start: m.start(), end: m.end() });
        }
    }
}

static X_MENTION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"[@\x{FF20}][a-zA-Z0-9_]{1,20}(?:/[a-zA-Z][a-zA-Z0-9_-]{0,24})?"));
static RETWEET: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?:\A|[^a-zA-Z0-9_+~.-])[rR][tT]:?\z"));
static X_MENTION_END: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"\A(?:[@\x{{FF20}}{LATIN}]|://)")));

fn x_mentions(text: &str, all: &mut Vec<Raw>) {
    if !text.contains(['@', '\u{FF20}']) {
        return;
    }
    for m in X_MENTION.find_iter(text) {
        let before = &text[..m.start()];
        let bound = before.chars().next_back().is_none_or(|c| {
            !(c.is_ascii_alphanumeric() || matches!(c, '_' | '!' | '#' | '$' | '%' | '&' | '*' | '@' | '\u{FF20}'))
        });
        // "RT@name" counts although a letter stands before the sign; only the last few characters matter.
        let near = before.char_indices().rev().nth(3).map_or(before, |(i, _)| &before[i..]);
        if (bound || RETWEET.is_match(near)) && !X_MENTION_END.is_match(&text[m.end()..]) {
            all.push(Raw { kind: Kind::Mention, start: m.start(), end: m.end() });
        }
    }
}

/// A word character as Mastodon's server understands it.
const WORD: &str = r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}";
/// What may stand between the parts of a tag there.
const SEPARATOR: &str = r"_\x{B7}\x{30FB}\x{200C}";
static MASTODON_TAG: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"[#\x{{FF03}}](?:[{WORD}][{WORD}{SEPARATOR}]*[\p{{Alphabetic}}{SEPARATOR}][{WORD}{SEPARATOR}]*[{WORD}]|[{WORD}]*\p{{Alphabetic}}[{WORD}]*)"
    ))
});
static NOT_BEFORE_TAG: LazyLock<Regex> = LazyLock::new(|| pattern(r"[=/)\p{Alphabetic}\p{N}]"));
static MASTODON_MENTION: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"@[a-zA-Z0-9_]+(?:[.-]+[a-zA-Z0-9_]+)*(?:@[{WORD}]+(?:[.-]+[{WORD}]+)*)?")));
static NOT_BEFORE_MENTION: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"[=/{WORD}]")));

/// The matches of `re` that do not follow a character of `barred`; a barred one is looked at again one character on.
fn unbarred<'t>(re: &Regex, text: &'t str, barred: &Regex) -> Vec<regex::Match<'t>> {
    let (mut at, mut out) = (0, Vec::new());
    while let Some(m) = re.find_at(text, at) {
        let before = text[..m.start()].chars().next_back();
        if before.is_some_and(|c| barred.is_match(c.encode_utf8(&mut [0; 4]))) {
            at = m.start() + text[m.start()..].chars().next().map_or(1, char::len_utf8);
        } else {
            at = m.end();
            out.push(m);
        }
    }
    out
}

fn mastodon_tags(text: &str, all: &mut Vec<Raw>) {
    if !text.contains(['#', '\u{FF03}']) {
        return;
    }
    for m in unbarred(&MASTODON_TAG, text, &NOT_BEFORE_TAG) {
        let mut end = m.end();
        if text[end..].starts_with("://") {
            let scheme = ["https", "http"].into_iter().find(|s| m.as_str().ends_with(s)).map_or(0, str::len);
            if scheme > 0 && m.len() > scheme + 1 {
                end -= scheme;
            }
        }
        all.push(Raw { kind: Kind::Tag, start: m.start(), end });
    }
}

fn mastodon_mentions(text: &str, all: &mut Vec<Raw>) {
    if !text.contains('@') {
        return;
    }
    for m in unbarred(&MASTODON_MENTION, text, &NOT_BEFORE_MENTION) {
        if !X_MENTION_END.is_match(&text[m.end()..]) {
            all.push(Raw { kind: Kind::Mention, start: m.start(), end: m.end() });
        }
    }
}

static BLUESKY_MENTION: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?:^|\s|\()(@[a-zA-Z0-9.-]*[a-zA-Z0-9])"));
static BLUESKY_LINK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?m)(?:^|\s|\()((?:https?://\S+)|(?P<domain>[a-zA-Z][a-zA-Z0-9]*(?:\.[a-zA-Z0-9]+)+)\S*)")
});
/// Invisible characters that end a tag there.
const BLUESKY_GAP: &str = r"\x{AD}\x{2060}\x{200A}-\x{200D}\x{20E2}";
static BLUESKY_TAG: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"(?:^|\s)([#\x{{FF03}}][^\s{BLUESKY_GAP}]+)")));
static PUNCTUATION_END: LazyLock<Regex> = LazyLock::new(|| pattern(r"\p{P}+\z"));
static BLUESKY_TAG_CORE: LazyLock<Regex> = LazyLock::new(|| pattern(r"[^0-9\s\p{P}]"));

/// Units of UTF-16 and graphemes of a tag. Source: lexicon app.bsky.richtext.facet, 2026-08.
const BLUESKY_TAG_MAX: usize = 64;
/// Bytes of a tag. Source: the same.
const BLUESKY_TAG_BYTES: usize = 640;

fn bluesky(text: &str) -> Vec<Raw> {
    let mut all = Vec::new();
    for m in BLUESKY_MENTION.captures_iter(text).filter_map(|c| c.get(1)) {
        let handle = &m.as_str()[1..];
        // A handle is a name in the DNS; what goes on in a way no handle does is none (the edge must be a word's edge).
        let edge = text[m.end()..].chars().next().is_none_or(|c| c != '_');
        if edge && handle.rsplit_once('.').is_some_and(|(_, tld)| known(tld) || tld == "test") {
            all.push(Raw { kind: Kind::Mention, start: m.start(), end: m.end() });
        }
    }
    for c in BLUESKY_LINK.captures_iter(text) {
        let Some(m) = c.get(1) else { continue };
        if let Some(domain) = c.name("domain")
            && !domain.as_str().rsplit_once('.').is_some_and(|(_, tld)| known(tld))
        {
            continue;
        }
        let end = m.start() + without_trail(m.as_str()).len();
        all.push(Raw { kind: Kind::Link, start: m.start(), end });
    }
    for m in BLUESKY_TAG.captures_iter(text).filter_map(|c| c.get(1)) {
        let whole = m.as_str();
        let kept = PUNCTUATION_END.find(whole).map_or(whole, |p| &whole[..p.start()]);
        let Some(sign) = kept.chars().next() else { continue };
        let name = &kept[sign.len_utf8()..];
        let fits = !name.starts_with('\u{FE0F}')
            && name.len() <= BLUESKY_TAG_BYTES
            && name.graphemes(true).count() <= BLUESKY_TAG_MAX
            && name.encode_utf16().count() <= BLUESKY_TAG_MAX;
        if fits && BLUESKY_TAG_CORE.is_match(name) {
            all.push(Raw { kind: Kind::Tag, start: m.start(), end: m.start() + kept.len() });
        }
    }
    all
}

/// Bluesky's apps know domains in lower case only: "ASP.NET" stays a word there.
fn known(tld: &str) -> bool {
    !tld.bytes().any(|b| b.is_ascii_uppercase()) && tlds::is_tld(tld)
}

/// A link without the sentence's punctuation after it; a closing parenthesis stays where the link opened one.
fn without_trail(link: &str) -> &str {
    let mut kept = link;
    loop {
        let cut = kept.trim_end_matches(['.', ',', ';', ':', '!', '?']);
        let cut = match cut.strip_suffix(')') {
            Some(less) if cut.matches(')').count() > cut.matches('(').count() => less,
            _ => cut,
        };
        if cut.len() == kept.len() {
            return kept;
        }
        kept = cut;
    }
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTODON: Unit = Unit::Mastodon { link: 23 };

    fn seen(text: &str, unit: Unit) -> Vec<(Kind, String)> {
        entities(text, unit).into_iter().map(|e| (e.kind, e.value)).collect()
    }

    fn check(unit: Unit, cases: &[(&str, &[(Kind, &str)])]) {
        for (text, want) in cases {
            let want: Vec<_> = want.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
            assert_eq!(seen(text, unit), want, "{text}");
        }
    }

    use Kind::{Link, Mention, Tag};

    #[test]
    fn x_sees() {
        check(
            Unit::Weighted,
            &[
                ("go to example.org, @bob!", &[(Link, "https://example.org"), (Mention, "bob")]),
                ("RT@bob and mail@bob", &[(Mention, "bob")]),
                ("example.org/?u=http://e.org", &[(Link, "https://example.org/?u=http://e.org")]),
                ("a@b @a@b", &[]),
                ("#baku #2024 #2024news #a#b", &[(Tag, "baku"), (Tag, "2024news")]),
                ("#бакı #東京 #हिन्दी", &[(Tag, "бакı"), (Tag, "東京"), (Tag, "हिन्दी")]),
                ("https://example.org/#top", &[(Link, "https://example.org/#top")]),
                ("x#tag &#tag (#tag)", &[(Tag, "tag")]),
                ("#tag, #tag.", &[(Tag, "tag"), (Tag, "tag")]),
            ],
        );
    }

    #[test]
    fn mastodon_sees() {
        check(
            MASTODON,
            &[
                ("@bob@example.org, example.org", &[(Mention, "bob@example.org")]),
                ("https://example.org/@bob @bob", &[(Link, "https://example.org/@bob"), (Mention, "bob")]),
                ("mail bob@example.org", &[]),
                ("#baku #42 #4_2 #a·b", &[(Tag, "baku"), (Tag, "4_2"), (Tag, "a·b")]),
                ("a/#b x#y =#z", &[]),
                ("#newshttps://example.org", &[(Tag, "news")]),
            ],
        );
    }

    #[test]
    fn bluesky_sees() {
        check(
            Unit::Graphemes,
            &[
                ("@bob.example.org. @bob", &[(Mention, "bob.example.org")]),
                ("(https://example.org/a_(b)).", &[(Link, "https://example.org/a_(b)")]),
                ("example.org/x, ASP.NET", &[(Link, "https://example.org/x")]),
                ("\"https://example.org\" bob@example.org", &[]),
                ("#baku! #42 #a#b x#y", &[(Tag, "baku"), (Tag, "a#b")]),
                ("first.last@example.org", &[]),
            ],
        );
    }

    #[test]
    fn a_tag_that_breaks_off_is_told() {
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
        for piece in ["@a", "#", "#a", "@a.", "a@", " #1", "(@a", "a.com)", "http://."] {
            let text = piece.repeat(10_000);
            for unit in [Unit::Weighted, MASTODON, Unit::Graphemes, Unit::Utf16, Unit::CodePoints] {
                let _ = entities(&text, unit);
            }
        }
    }
}
