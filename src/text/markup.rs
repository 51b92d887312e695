//! HTML to text by hand: tags cut out in one pass, character references resolved. Cleaning is in `plain`.
//!
//! The HTML parser is asked only what the names of references mean, and sees no tag: its tree is one text, whatever the
//! input.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

/// Stands for a paragraph's end until the text is split. A control character: no feed's text keeps one.
pub(super) const BREAK: char = '\u{1D}';

/// Markup that shows in a text only after its references were resolved.
pub(super) static MARKUP: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)</?(?:p|br|div|a|b|i|u|em|strong|img|span|ul|ol|li|h[1-6]|blockquote|figure|figcaption|script|style|table|tr|td|iframe)(?:\s[^<>]*)?/?>")
        .expect("a constant pattern")
});
/// A character reference.
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});").expect("a constant pattern")
});

/// Resolves character references, a second time only where the first left one that was escaped twice.
pub(super) fn resolve(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let once = resolve_once(text);
    if once.contains('&') && text.contains("&amp;") && REFERENCE.is_match(&once) { resolve_once(&once) } else { once }
}

/// One reading. Only whole references count (`&name;`, `&#…;`): a bare `&copy` is as likely part of an address.
fn resolve_once(text: &str) -> String {
    let names = REFERENCE.find_iter(text).map(|m| m.as_str());
    let names: BTreeSet<&str> = names.filter(|r| !r.starts_with("&#") && common(r).is_none()).collect();
    let known = if names.is_empty() { BTreeMap::new() } else { named(&names) };
    REFERENCE
        .replace_all(text, |found: &regex::Captures<'_>| {
            let reference = &found[0];
            match reference.strip_prefix("&#") {
                Some(code) => numbered(code.trim_end_matches(';')).to_string(),
                None => match common(reference) {
                    Some(text) => text.to_owned(),
                    None => known.get(reference).map_or_else(|| reference.to_owned(), Clone::clone),
                },
            }
        })
        .into_owned()
}

/// The names that nearly every text has: the parser need not be asked.
fn common(reference: &str) -> Option<&'static str> {
    Some(match reference {
        "&amp;" => "&",
        "&lt;" => "<",
        "&gt;" => ">",
        "&quot;" => "\"",
        "&apos;" => "'",
        "&nbsp;" => "\u{A0}",
        "&hellip;" => "…",
        "&ndash;" => "–",
        "&mdash;" => "—",
        "&lsquo;" => "‘",
        "&rsquo;" => "’",
        "&ldquo;" => "“",
        "&rdquo;" => "”",
        "&laquo;" => "«",
        "&raquo;" => "»",
        _ => return None,
    })
}

/// What the names stand for, all read by the HTML parser at once. It sees one text without a tag, whatever the input.
fn named<'a>(names: &BTreeSet<&'a str>) -> BTreeMap<&'a str, String> {
    const BETWEEN: char = '\u{FDD1}';
    let mut joined = String::new();
    for name in names {
        joined.push_str(name);
        joined.push(BETWEEN);
    }
    let parsed = scraper::Html::parse_fragment(&joined);
    let read: String = parsed.tree.nodes().filter_map(|n| n.value().as_text()).map(|t| &**t).collect();
    let read = read.split(BETWEEN).map(str::to_owned);
    // A name the parser knows only the beginning of keeps its semicolon: it is none.
    names.iter().copied().zip(read).filter(|(name, read)| *name == "&semi;" || !read.ends_with(';')).collect()
}

/// The character of a number, as HTML reads it: 128 to 159 are Windows-1252; a control is a blank here.
fn numbered(code: &str) -> char {
    let number = match code.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => code.parse(),
    };
    let c = match number {
        Ok(n @ 0x80..=0x9F) => {
            let byte = [u8::try_from(n).unwrap_or(b'?')];
            encoding_rs::WINDOWS_1252.decode_without_bom_handling(&byte).0.chars().next()
        }
        Ok(n) => char::from_u32(n),
        Err(_) => None,
    };
    match c {
        Some(c) if c.is_control() => ' ',
        Some(c) => c,
        None => char::REPLACEMENT_CHARACTER,
    }
}

/// Cuts tags, comments and the contents of script and style out, in one pass; with `blocks` the ends of paragraphs are
/// kept as [`BREAK`], else as blanks. Tells whether there was a tag at all.
pub(super) fn strip(html: &str, blocks: bool) -> (String, bool) {
    let last_double = html.rfind('"').unwrap_or(0);
    let last_single = html.rfind('\'').unwrap_or(0);
    let last_close = html.rfind('>');
    let mut out = String::with_capacity(html.len());
    let (mut at, mut seen) = (0, false);
    while let Some(step) = html[at..].find('<') {
        let open = at + step;
        push(&mut out, &html[at..open]);
        let rest = &html[open..];
        if let Some(inner) = rest.strip_prefix("<![CDATA[") {
            at = html.len() - inner.len();
            continue;
        }
        if rest.starts_with("<!--") {
            at = rest.find("-->").map_or(html.len(), |e| open + e + 3);
            continue;
        }
        let is_tag = rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
        if !is_tag || last_close.is_none_or(|close| close < open) {
            out.push('<');
            at = open + 1;
            continue;
        }
        seen = true;
        at = tag_end(html, open, last_double, last_single);
        let closing = rest[1..].starts_with('/');
        let name_at = open + 1 + usize::from(closing);
        // No name that matters is longer.
        let mut name = [0u8; 12];
        let letters = html.as_bytes()[name_at..].iter().take(12).take_while(|b| b.is_ascii_alphanumeric());
        let length = letters.zip(&mut name).map(|(b, slot)| *slot = b.to_ascii_lowercase()).count();
        match std::str::from_utf8(&name[..length]).unwrap_or("") {
            word @ ("script" | "style" | "noscript" | "template" | "svg" | "iframe") if !closing => {
                at = after_end_of(html, at, word);
            }
            "p" | "div" | "br" | "li" | "ul" | "ol" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote" | "tr"
            | "table" | "section" | "article" | "figure" | "figcaption" | "header" | "footer" | "pre" | "hr" | "dl"
            | "dt" | "dd" | "main" | "aside" | "nav" | "form" => out.push(if blocks { BREAK } else { ' ' }),
            "td" | "th" | "option" => out.push(' '),
            _ => {}
        }
    }
    push(&mut out, &html[at..]);
    (out, seen)
}

/// Adds text without what stands for a paragraph's end.
fn push(out: &mut String, text: &str) {
    if text.contains(BREAK) {
        out.extend(text.chars().filter(|c| *c != BREAK));
    } else {
        out.push_str(text);
    }
}

/// The index after the tag that opens at `open`; a quote that never closes is none.
fn tag_end(html: &str, open: usize, last_double: usize, last_single: usize) -> usize {
    let bytes = html.as_bytes();
    let mut i = open + 1;
    let mut previous = b' ';
    while i < bytes.len() {
        let b = bytes[i];
        // A quote opens a value only after `=`: an apostrophe in broken markup must not swallow the text behind it.
        let last = if b == b'"' { last_double } else { last_single };
        if matches!(b, b'"' | b'\'') && previous == b'=' && i < last {
            i += 1;
            while bytes[i] != b {
                i += 1;
            }
        } else if b == b'>' {
            return i + 1;
        }
        if !b.is_ascii_whitespace() {
            previous = b;
        }
        i += 1;
    }
    // Only quotes hid the end: take the nearest one there is.
    html[open..].find('>').map_or(html.len(), |e| open + e + 1)
}

/// The index after `</word…>`, or the end.
fn after_end_of(html: &str, from: usize, word: &str) -> usize {
    let bytes = html.as_bytes();
    let mut i = from;
    while let Some(step) = html[i..].find("</") {
        let name = i + step + 2;
        if bytes.len() >= name + word.len() && bytes[name..name + word.len()].eq_ignore_ascii_case(word.as_bytes()) {
            return html[name..].find('>').map_or(html.len(), |e| name + e + 1);
        }
        i = name;
    }
    html.len()
}
