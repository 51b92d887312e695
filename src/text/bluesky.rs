//! What Bluesky's apps make facets of. No server does: a text is only as clickable as the facets sent with it.
//!
//! Source: detectFacets of bluesky-social/atproto, packages/api, 2026-08.

use std::sync::LazyLock;

use regex::Regex;

use super::clusters;
use super::entities::{Kind, Raw, pattern};
use super::tlds::{self, List};

/// White space as JavaScript's patterns know it: U+FEFF is some, U+0085 is none.
const SPACE: &str = r"\t-\r \x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}\x{FEFF}";
/// Invisible characters that end a tag.
const GAP: &str = r"\x{AD}\x{2060}\x{200A}-\x{200D}\x{20E2}";
static MENTION: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"(?:\A|[{SPACE}(])@([a-zA-Z0-9.-]+)")));
static LINK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?:\A|[{SPACE}(])((?:(?i:https?)://[^{SPACE}]+)|(?P<domain>[a-zA-Z][a-zA-Z0-9]*(?:\.[a-zA-Z0-9]+)+)[^{SPACE}]*)"
    ))
});
static TAG: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"(?:\A|[{SPACE}])([#\x{{FF03}}][^{SPACE}{GAP}]+)")));
static PUNCTUATION_END: LazyLock<Regex> = LazyLock::new(|| pattern(r"\p{P}+\z"));
static TAG_CORE: LazyLock<Regex> = LazyLock::new(|| pattern(r"[^0-9\p{P}]"));
static SYMBOL: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"(?:\A|[{SPACE}(])(\$[a-zA-Z][a-zA-Z0-9]{{0,4}})")));
static SYMBOL_END: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r#"\A(?:\z|[{SPACE}.,;:!?)"'’])"#)));

/// Grapheme clusters of a tag. Source: lexicon app.bsky.richtext.facet, 2026-08.
const TAG_MAX: usize = 64;
/// Bytes of a tag. Source: the same.
const TAG_BYTES: usize = 640;

/// All of them, unsorted, maybe overlapping.
pub(super) fn find(text: &str) -> Vec<Raw> {
    let mut all = Vec::new();
    if text.contains('@') {
        mentions(text, &mut all);
    }
    if text.contains(['.', ':']) {
        links(text, &mut all);
    }
    if text.contains(['#', '\u{FF03}']) {
        tags(text, &mut all);
    }
    if text.contains('$') {
        symbols(text, &mut all);
    }
    all
}

fn mentions(text: &str, all: &mut Vec<Raw>) {
    for m in MENTION.captures_iter(text).filter_map(|c| c.get(1)) {
        // The handle ends at the last edge of a word.
        let run = m.as_str();
        let word = |b: Option<&u8>| b.is_some_and(|b| *b == b'_' || b.is_ascii_alphanumeric());
        let bytes = &text.as_bytes()[m.start()..];
        let Some(len) = (1..=run.len()).rev().find(|&i| word(bytes.get(i - 1)) != word(bytes.get(i))) else { continue };
        if run[..len].rsplit_once('.').is_some_and(|(_, tld)| known(tld) || tld == "test") {
            all.push(Raw { kind: Kind::Mention, start: m.start() - 1, end: m.start() + len });
        }
    }
}

fn links(text: &str, all: &mut Vec<Raw>) {
    for c in LINK.captures_iter(text) {
        let Some(m) = c.get(1) else { continue };
        if let Some(domain) = c.name("domain")
            && !domain.as_str().rsplit_once('.').is_some_and(|(_, tld)| known(tld))
        {
            continue;
        }
        // In capitals a scheme is none there, though the words behind it are no domain either.
        if c.name("domain").is_none() && !m.as_str().starts_with("http") {
            continue;
        }
        let end = m.start() + without_trail(m.as_str()).len();
        all.push(Raw { kind: Kind::Link, start: m.start(), end });
    }
}

fn tags(text: &str, all: &mut Vec<Raw>) {
    for m in TAG.captures_iter(text).filter_map(|c| c.get(1)) {
        let whole = m.as_str();
        let kept = PUNCTUATION_END.find(whole).map_or(whole, |p| &whole[..p.start()]);
        let Some(sign) = kept.chars().next() else { continue };
        let name = &kept[sign.len_utf8()..];
        let fits = !name.starts_with('\u{FE0F}') && name.len() <= TAG_BYTES && clusters::count(name) <= TAG_MAX;
        if fits && TAG_CORE.is_match(name) {
            all.push(Raw { kind: Kind::Tag, start: m.start(), end: m.start() + kept.len() });
        }
    }
}

/// Symbols of stocks, which Bluesky keeps among the tags, with their sign and in capitals.
fn symbols(text: &str, all: &mut Vec<Raw>) {
    for m in SYMBOL.captures_iter(text).filter_map(|c| c.get(1)) {
        if SYMBOL_END.is_match(&text[m.end()..]) {
            all.push(Raw { kind: Kind::Tag, start: m.start(), end: m.end() });
        }
    }
}

/// Bluesky's apps know domains in lower case only: "ASP.NET" stays a word there.
fn known(tld: &str) -> bool {
    !tld.bytes().any(|b| b.is_ascii_uppercase()) && tlds::knows(tld, List::Bluesky)
}

/// A link without the one sign of the sentence after it, and without a parenthesis it did not open.
fn without_trail(link: &str) -> &str {
    let kept = link.strip_suffix(['.', ',', ';', ':', '!', '?']).unwrap_or(link);
    match kept.strip_suffix(')') {
        Some(less) if !kept.contains('(') => less,
        _ => kept,
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
            ("@bob.example.org. @bob", &[(Mention, "bob.example.org")]),
            ("(https://example.org/a_(b)).", &[(Link, "https://example.org/a_(b))")]),
            (
                "see (https://example.org/a). Or https://example.org/b...",
                &[(Link, "https://example.org/a"), (Link, "https://example.org/b..")],
            ),
            ("example.org/x, ASP.NET a.onion", &[(Link, "https://example.org/x")]),
            ("\"https://example.org\" bob@example.org", &[]),
            ("#baku! #42 #a#b x#y", &[(Tag, "baku"), (Tag, "a#b")]),
            ("first.last@example.org", &[]),
            ("$abc, ($D1) $TOOLONG x$AB $1A $A_B", &[(Tag, "$ABC"), (Tag, "$D1")]),
            ("a\u{FEFF}#b\u{85}c", &[(Tag, "b\u{85}c")]),
            ("HTTPS://example.org https://localhost", &[(Link, "https://localhost")]),
        ];
        for (text, want) in cases {
            let found = seen(text, Sight::Bluesky, Unit::CodePoints);
            let got: Vec<_> = found.iter().map(|e| (e.kind, e.value.as_str())).collect();
            assert_eq!(got, *want, "{text}");
        }
    }

    #[test]
    fn a_tag_has_64_clusters_and_640_bytes() {
        let marked = "e\u{301}\u{301}\u{301}\u{301}\u{301}";
        for (name, seen) in [
            ("a".repeat(64), 1),
            ("a".repeat(65), 0),
            ("👍🏽".repeat(64), 1),
            ("👍🏽".repeat(65), 0),
            (marked.repeat(58), 1),
            (marked.repeat(59), 0),
        ] {
            assert_eq!(find(&format!("#{name}")).len(), seen, "{}", name.len());
        }
    }
}
