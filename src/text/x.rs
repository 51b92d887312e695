//! What X makes clickable: the rules of twitter-text. Its links are in `links`, its weights in `measure`.
//!
//! Cashtags (`$ABC`) are clickable there too, but no entity here: they are neither links, tags nor mentions.

use std::sync::LazyLock;

use regex::Regex;

use super::entities::{Kind, Raw, pattern};
use super::links::{self, Dialect, LATIN};

/// All of them, unsorted, maybe overlapping.
pub(super) fn find(text: &str) -> Vec<Raw> {
    let mut all = links::raw(text, Dialect::X);
    mentions(text, &mut all);
    tags(text, &mut all);
    all
}

/// Special characters X allows inside a tag. Source: twitter-text, 2021-10.
const SPECIAL: &str = r"_\x{200c}\x{200d}\x{a67e}\x{5be}\x{5f3}\x{5f4}\x{ff5e}\x{301c}\x{309b}\x{309c}\x{30a0}\x{30fb}\x{3003}\x{f0b}\x{f0c}\x{b7}";
static TAG: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"[#\x{{FF03}}]([\p{{L}}\p{{M}}\p{{Nd}}{SPECIAL}]+)")));
static TAG_CHAR: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"\A[\p{{L}}\p{{M}}\p{{Nd}}{SPECIAL}]\z")));
static LETTER_OR_MARK: LazyLock<Regex> = LazyLock::new(|| pattern(r"[\p{L}\p{M}]"));

fn tags(text: &str, all: &mut Vec<Raw>) {
    if !text.contains(['#', '\u{FF03}']) {
        return;
    }
    let mut used = 0;
    for m in TAG.find_iter(text) {
        let bound = match text[used..m.start()].chars().next_back() {
            None => used == 0,
            Some(c) => {
                matches!(c, '\u{FE0E}' | '\u{FE0F}') || (c != '&' && !TAG_CHAR.is_match(c.encode_utf8(&mut [0; 4])))
            }
        };
        let name = m.as_str().trim_start_matches(['#', '\u{FF03}']);
        if !bound || name.starts_with(['\u{FE0F}', '\u{20E3}']) || !LETTER_OR_MARK.is_match(name) {
            continue;
        }
        // What was taken for a tag is not looked at again, even where what follows makes it none.
        used = m.end();
        let after = &text[m.end()..];
        if !after.starts_with(['#', '\u{FF03}']) && !after.starts_with("://") {
            all.push(Raw { kind: Kind::Tag, start: m.start(), end: m.end() });
        }
    }
}

static MENTION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"[@\x{FF20}][a-zA-Z0-9_]{1,20}(?:/[a-zA-Z][a-zA-Z0-9_-]{0,24})?"));
static RETWEET: LazyLock<Regex> = LazyLock::new(|| pattern(r"[^a-zA-Z0-9_+~.-][rR][tT]:?\z"));
static RETWEET_FIRST: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?:\A|[^a-zA-Z0-9_+~.-])[rR][tT]:?\z"));
/// What must not follow a mention: another one, an accented letter, or the rest of an address.
pub(super) static MENTION_END: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"\A(?:[@\x{{FF20}}{LATIN}]|://)")));

fn mentions(text: &str, all: &mut Vec<Raw>) {
    if !text.contains(['@', '\u{FF20}']) {
        return;
    }
    // Where the last match of sign, name and what must stand before them ended: no later one looks behind it.
    let mut used = 0;
    for m in MENTION.find_iter(text) {
        let before = &text[used..m.start()];
        let bound = match before.chars().next_back() {
            None => used == 0,
            Some(c) => {
                !(c.is_ascii_alphanumeric() || matches!(c, '_' | '!' | '#' | '$' | '%' | '&' | '*' | '@' | '\u{FF20}'))
            }
        };
        // "RT@name" counts although a letter stands before the sign; only the last few characters matter.
        let near = before.char_indices().rev().nth(3).map_or(before, |(i, _)| &before[i..]);
        let retweet = if m.start() == near.len() { &RETWEET_FIRST } else { &RETWEET };
        if bound || retweet.is_match(near) {
            used = m.end();
            if !MENTION_END.is_match(&text[m.end()..]) {
                all.push(Raw { kind: Kind::Mention, start: m.start(), end: m.end() });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::entities::{Sight, seen};
    use super::super::rules::Unit;
    use super::*;

    #[test]
    fn it_sees() {
        use Kind::{Link, Mention, Tag};
        let cases: &[(&str, &[(Kind, &str)])] = &[
            ("go to example.org, @bob!", &[(Link, "https://example.org"), (Mention, "bob")]),
            ("RT@bob and mail@bob", &[(Mention, "bob")]),
            ("example.org/?u=http://e.org", &[(Link, "https://example.org/?u=http://e.org")]),
            ("a@b @a@b", &[]),
            ("@bob/news @bob/7news", &[(Mention, "bob/news"), (Mention, "bob")]),
            ("#baku #2024 #2024news #a#b", &[(Tag, "baku"), (Tag, "2024news")]),
            ("#бакı #東京 #हिन्दी", &[(Tag, "бакı"), (Tag, "東京"), (Tag, "हिन्दी")]),
            ("https://example.org/#top", &[(Link, "https://example.org/#top")]),
            ("x#tag &#tag (#tag)", &[(Tag, "tag")]),
            ("#tag, #tag.", &[(Tag, "tag"), (Tag, "tag")]),
            ("＃tag ＠bob", &[(Tag, "tag"), (Mention, "bob")]),
            ("$ABC and $abc", &[]),
        ];
        for (text, want) in cases {
            let found = seen(text, Sight::X, Unit::CodePoints);
            let got: Vec<_> = found.iter().map(|e| (e.kind, e.value.as_str())).collect();
            assert_eq!(got, *want, "{text}");
        }
    }
}
