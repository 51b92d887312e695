//! What Misskey and its forks make clickable: the rules of MFM for addresses, tags and mentions. The rest of its markup is
//! not read here, but for code and `<plain>`, inside which nothing is clickable.
//!
//! Source: the parser of misskey-dev/mfm.js, as of 2024 to 2026.

use super::entities::{Kind, Raw};

/// Brackets inside brackets that are followed. Source: `nestLimit` of the parser.
const DEPTH: usize = 20;
/// Brackets that a tag may have in pairs.
const TAG_PAIRS: &[(char, char)] = &[('(', ')'), ('[', ']'), ('「', '」'), ('（', '）')];
/// Brackets that an address may have in pairs.
const URL_PAIRS: &[(char, char)] = &[('(', ')'), ('[', ']')];

/// All of them, in their order.
pub(super) fn find(text: &str) -> Vec<Raw> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let after_word = text[..at].bytes().next_back().is_some_and(|b| b.is_ascii_alphanumeric());
        let ahead = &text[at..];
        let step = match c {
            '@' if !after_word => mention(ahead).map(|(end, kept)| (end, Kind::Mention, 0, kept)),
            '#' if !after_word => tag(ahead).map(|(end, kept)| (end, Kind::Tag, 0, kept)),
            'h' => address(ahead).map(|(end, kept)| (end, Kind::Link, 0, kept)),
            '<' => bracketed(ahead)
                .map(|end| (end, Kind::Link, 1, end - 1))
                .or_else(|| skipped(ahead, "<plain>", "</plain>")),
            '`' => skipped(ahead, "`", "`"),
            _ => None,
        };
        match step {
            Some((end, kind, from, to)) => {
                if to > from {
                    all.push(Raw { kind, start: at + from, end: at + to });
                }
                at += end.max(1);
            }
            None => at += c.len_utf8(),
        }
    }
    all
}

/// A stretch in which nothing is clickable.
fn skipped(ahead: &str, open: &str, close: &str) -> Option<(usize, Kind, usize, usize)> {
    let inside = ahead.strip_prefix(open)?;
    // Code in one line ends with it; a block of three marks is read as such code too, which hides the same.
    let end = inside.find(close).filter(|&i| i > 0 && (open != "`" || !inside[..i].contains('\n')))?;
    Some((open.len() + end + close.len(), Kind::Link, 0, 0))
}

/// Bytes used up by a mention, and of those the ones that are one (0: it is none, but nothing else either).
fn mention(ahead: &str) -> Option<(usize, usize)> {
    let run = |from: usize, dot: bool| {
        ahead[from..]
            .bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-') || (dot && *b == b'.'))
            .count()
    };
    let name = 1 + run(1, false);
    if name == 1 {
        return None;
    }
    let host = if ahead[name..].starts_with('@') { run(name + 1, true) } else { 0 };
    let end = if host > 0 { name + 1 + host } else { name };
    let kept_name = ahead[..name].trim_end_matches('-');
    if kept_name.len() == 1 || ahead[1..].starts_with('-') {
        return Some((end, 0));
    }
    if host == 0 {
        return Some((kept_name.len(), kept_name.len()));
    }
    let kept = ahead[name + 1..end].trim_end_matches(['.', '-']);
    let sound = !kept.is_empty() && !kept.starts_with(['.', '-']) && kept_name.len() == name;
    Some(if sound { (name + 1 + kept.len(), name + 1 + kept.len()) } else { (end, 0) })
}

fn tag(ahead: &str) -> Option<(usize, usize)> {
    // The number sign on a key is a picture.
    if let Some(key) = ['\u{20E3}', '\u{FE0F}'].iter().find(|k| ahead[1..].starts_with(**k)) {
        let picture = *key == '\u{20E3}' || ahead[1 + key.len_utf8()..].starts_with('\u{20E3}');
        if picture {
            return Some((1, 0));
        }
    }
    let end = 1 + paired(&ahead[1..], TAG_PAIRS, |c| {
        !matches!(
            c,
            ' ' | '\u{3000}'
                | '\t'
                | '\n'
                | '\r'
                | '.'
                | ','
                | '!'
                | '?'
                | '\''
                | '"'
                | '#'
                | ':'
                | '/'
                | '【'
                | '】'
                | '<'
                | '>'
        )
    });
    let name = &ahead[1..end];
    (!name.is_empty() && !name.bytes().all(|b| b.is_ascii_digit())).then_some((end, end))
}

fn address(ahead: &str) -> Option<(usize, usize)> {
    let scheme = ["https://", "http://"].into_iter().find(|s| ahead.starts_with(s))?.len();
    let end =
        scheme + paired(&ahead[scheme..], URL_PAIRS, |c| c.is_ascii_alphanumeric() || ".,_/:%#@$&?!~=+-".contains(c));
    let kept = ahead[scheme..end].trim_end_matches(['.', ',']).len();
    match (end > scheme, kept) {
        (false, _) => None,
        (true, 0) => Some((end, 0)),
        (true, kept) => Some((scheme + kept, scheme + kept)),
    }
}

/// Bytes of `<https://…>`, which may have any character but a blank.
fn bracketed(ahead: &str) -> Option<usize> {
    let inside = ahead.strip_prefix('<')?;
    let scheme = ["https://", "http://"].into_iter().find(|s| inside.starts_with(s))?.len();
    let len = inside.find(['>', ' ', '\u{3000}', '\t'])?;
    (len > scheme && inside[len..].starts_with('>')).then_some(len + 2)
}

/// Bytes of what `plain` characters and brackets in pairs make up from the beginning; an open bracket that is not
/// closed ends it.
fn paired(ahead: &str, pairs: &[(char, char)], plain: impl Fn(char) -> bool) -> usize {
    let mut open: Vec<(usize, char)> = Vec::new();
    for (at, c) in ahead.char_indices() {
        if let Some((_, close)) = pairs.iter().find(|(o, _)| *o == c) {
            if open.len() == DEPTH {
                return open[0].0;
            }
            open.push((at, *close));
        } else if pairs.iter().any(|(_, close)| *close == c) {
            if open.pop().is_none_or(|(_, close)| close != c) {
                return open.first().map_or(at, |(first, _)| *first);
            }
        } else if !plain(c) {
            return open.first().map_or(at, |(first, _)| *first);
        }
    }
    open.first().map_or(ahead.len(), |(first, _)| *first)
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
            (
                "hi @bob @bob@example.org. @bob- a@bob",
                &[(Mention, "bob"), (Mention, "bob@example.org"), (Mention, "bob")],
            ),
            ("@-bob @bob@.org @bob-@e.org @", &[]),
            (
                "#news, (#news) #a(b) 「#c」 #12 x#y #d:e",
                &[(Tag, "news"), (Tag, "news"), (Tag, "a(b)"), (Tag, "c"), (Tag, "d")],
            ),
            ("＃news 日本#語", &[(Tag, "語")]),
            ("#️⃣a #b(c", &[(Tag, "b")]),
            (
                "see https://example.org/a(b)c., (https://example.org/d)",
                &[(Link, "https://example.org/a(b)c"), (Link, "https://example.org/d")],
            ),
            ("https://. example.org HTTPS://example.org", &[]),
            ("https://日本.example <https://日本.example/a>", &[(Link, "https://日本.example/a")]),
            ("`#a @b` #c <plain>@d https://e.org</plain> @f", &[(Tag, "c"), (Mention, "f")]),
            ("https://e.org/a[b(c])", &[(Link, "https://e.org/a")]),
        ];
        for (text, want) in cases {
            let found = seen(text, Sight::Misskey, Unit::CodePoints);
            let got: Vec<_> = found.iter().map(|e| (e.kind, e.value.as_str())).collect();
            assert_eq!(got, *want, "{text}");
        }
    }

    #[test]
    fn a_bracket_closed_by_another_kind_ends_before_the_first_open_one() {
        for (text, want) in [("a(b)c", 5), ("a(b", 1), ("a)b", 1), ("a(b[c)d]", 1), ("(a)(b", 3), ("", 0)] {
            assert_eq!(paired(text, URL_PAIRS, |c| c.is_ascii_alphanumeric()), want, "{text}");
        }
        let deep = format!("{}a{}", "(".repeat(21), ")".repeat(21));
        assert_eq!(paired(&deep, URL_PAIRS, |c| c == 'a'), 0);
    }
}
