//! What Mastodon's server makes clickable, and what of it counts less than it is long. Its links are in `links`.
//!
//! Source: StatusLengthValidator, Extractor, Tag and Account of its source, and its additions to twitter-text, 2026-08.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::entities::{Kind, Raw, disjoint, pattern, unbarred};
use super::links::{self, Dialect};
use super::x;

/// All of them, unsorted, maybe overlapping.
pub(super) fn find(text: &str) -> Vec<Raw> {
    let mut all = links::raw(text, Dialect::Mastodon);
    tags(text, &mut all);
    mentions(text, &mut all);
    uris(text, &mut all);
    all
}

/// The text whose grapheme clusters the server counts: `link` placeholders in the place of each link with a scheme, and
/// of each mention only the name. Tags and the addresses of other schemes are not looked at there.
pub(super) fn counted(text: &str, link: usize) -> Cow<'_, str> {
    let mut found = links::raw(text, Dialect::Mastodon);
    mentions(text, &mut found);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for e in disjoint(found) {
        shown.push_str(&text[at..e.start]);
        at = e.end;
        if e.kind == Kind::Link {
            shown.extend(std::iter::repeat_n('x', link));
        } else {
            shown.push('@');
            shown.push_str(text[e.start + 1..e.end].split('@').next().unwrap_or_default());
        }
    }
    shown.push_str(&text[at..]);
    Cow::Owned(shown)
}

/// A word character as Mastodon's server understands it.
const WORD: &str = r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}";
/// What may stand between the parts of a tag there.
const SEPARATOR: &str = r"_\x{B7}\x{30FB}\x{200C}";
static TAG: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"[#\x{{FF03}}](?:[{WORD}][{WORD}{SEPARATOR}]*[\p{{Alphabetic}}{SEPARATOR}][{WORD}{SEPARATOR}]*[{WORD}]|[{WORD}]*\p{{Alphabetic}}[{WORD}]*)"
    ))
});
static MENTION: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"@[a-zA-Z0-9_]+(?:[.-]+[a-zA-Z0-9_]+)*(?:@[{WORD}]+(?:[.-]+[{WORD}]+)*)?")));
static WORD_CHAR: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"\A[{WORD}]\z")));
/// Characters of a mention's domain. Source: Mastodon's extractor, 2026-08.
const MAX_DOMAIN: usize = 253;

fn tags(text: &str, all: &mut Vec<Raw>) {
    if !text.contains(['#', '\u{FF03}']) {
        return;
    }
    for m in unbarred(&TAG, text, |c| !c.is_whitespace()) {
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

fn mentions(text: &str, all: &mut Vec<Raw>) {
    if !text.contains('@') {
        return;
    }
    for m in unbarred(&MENTION, text, |c| matches!(c, '=' | '/') || is_word(c)) {
        let far = m.as_str()[1..].split_once('@').is_some_and(|(_, domain)| domain.chars().count() > MAX_DOMAIN);
        if !far && !x::MENTION_END.is_match(&text[m.end()..]) {
            all.push(Raw { kind: Kind::Mention, start: m.start(), end: m.end() });
        }
    }
}

fn is_word(c: char) -> bool {
    if c.is_ascii() { c == '_' || c.is_ascii_alphanumeric() } else { WORD_CHAR.is_match(c.encode_utf8(&mut [0; 4])) }
}

/// Characters in the path of an `xmpp:` address, and in the name before its `@`.
const NODE: &str = r"[a-zA-Z\x{400}-\x{4FF}0-9\-._~!$()*+,;=%]";
static XMPP: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"\A(?i:xmpp:)(?:(//{NODE}+@)|({NODE}+@))?")));
static RESOURCE: LazyLock<Regex> = LazyLock::new(|| pattern(r"\A/[a-zA-Z\x{400}-\x{4FF}0-9\-._~!$&'()*+,;=%]+"));

/// The addresses with `xmpp:` and `magnet:`. They are clickable, but cost every character they have.
fn uris(text: &str, all: &mut Vec<Raw>) {
    if !text.contains(':') {
        return;
    }
    let mut at = 0;
    while let Some(step) = text[at..].find(['x', 'X', 'm', 'M']) {
        let start = at + step;
        let bound = text[..start].chars().next_back().is_none_or(links::may_precede);
        let end = if bound { xmpp(text, start).or_else(|| magnet(text, start)) } else { None };
        if let Some(end) = end {
            all.push(Raw { kind: Kind::Link, start, end });
        }
        at = end.unwrap_or(start + 1);
    }
}

fn xmpp(text: &str, start: usize) -> Option<usize> {
    let ahead = &text[start..];
    if !ahead.get(..5)?.eq_ignore_ascii_case("xmpp:") {
        return None;
    }
    let found = XMPP.captures(ahead)?;
    let whole = found.get(0)?.end();
    // An authority before the domain needs a slash and another domain after it: `xmpp://me@host/to@host`.
    let from = match found.get(1) {
        Some(_) => {
            let slash = links::domain_end(text, start + whole)?;
            let rest = text[slash..].strip_prefix('/')?;
            let begin = slash + 1;
            rest.find('@').filter(|&i| XMPP_NAME.is_match(&rest[..i])).map_or(begin, |i| begin + i + 1)
        }
        None => start + whole,
    };
    let mut end = links::domain_end(text, from)?;
    end += RESOURCE.find(&text[end..]).map_or(0, |m| m.end());
    Some(end + links::query(&text[end..]).unwrap_or(0))
}

static XMPP_NAME: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"\A{NODE}{{1,255}}\z")));

fn magnet(text: &str, start: usize) -> Option<usize> {
    let ahead = &text[start..];
    if !ahead.get(..7)?.eq_ignore_ascii_case("magnet:") {
        return None;
    }
    links::query(&ahead[7..]).map(|len| start + 7 + len)
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
            ("@bob@example.org, example.org", &[(Mention, "bob@example.org")]),
            ("https://example.org/@bob @bob", &[(Link, "https://example.org/@bob"), (Mention, "bob")]),
            ("mail bob@example.org", &[]),
            ("#baku #42 #4_2 #a·b #a·", &[(Tag, "baku"), (Tag, "4_2"), (Tag, "a·b"), (Tag, "a")]),
            ("a/#b x#y =#z (#c) „#d", &[]),
            ("a\u{A0}#b\n#c", &[(Tag, "b"), (Tag, "c")]),
            ("#newshttps://example.org", &[(Tag, "news")]),
            (
                "https://example.org/a@ (https://example.org/b_(c))",
                &[(Link, "https://example.org/a@"), (Link, "https://example.org/b_(c)")],
            ),
            (
                "xmpp:bob@example.org, xmpp:room@example.org?join now",
                &[(Link, "xmpp:bob@example.org"), (Link, "xmpp:room@example.org?join")],
            ),
            ("xmpp:bob@example.org/phone xmpp:example.notatld axmpp:b@e.org", &[(Link, "xmpp:bob@example.org/phone")]),
            ("xmpp://me@example.org/bob@example.net", &[(Link, "xmpp://me@example.org/bob@example.net")]),
            ("magnet:?xt=urn:btih:c12f&dn=a. magnet:x", &[(Link, "magnet:?xt=urn:btih:c12f&dn=a")]),
        ];
        for (text, want) in cases {
            let found = seen(text, Sight::Mastodon, Unit::CodePoints);
            let got: Vec<_> = found.iter().map(|e| (e.kind, e.value.as_str())).collect();
            assert_eq!(got, *want, "{text}");
        }
    }
}
