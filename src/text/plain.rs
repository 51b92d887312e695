//! HTML and hostile text of a feed -> plain text. What a platform would make clickable of it is in `entities`.
//!
//! Tags and character references are read in `markup`. Every way here is linear in its input and panics on none.

use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::{UnicodeNormalization as _, is_nfc};
use unicode_segmentation::UnicodeSegmentation as _;

use super::entities::{Kind, entities};
use super::markup::{BREAK, MARKUP, resolve, strip};
use super::rules::Unit;

/// Bytes of one text field; what is longer is cut. Source: reliability.md section 6.
pub const MAX_FIELD: usize = 64 * 1024;
/// Bytes of markup that are read for one field: markup may be far longer than what it says.
const MAX_RAW: usize = 1024 * 1024;

/// A title as one line of plain text: references resolved, tags gone, cleaned, at most [`MAX_FIELD`] bytes.
pub fn title(raw: &str) -> String {
    let text = resolve(floor(raw, MAX_RAW));
    let (text, _) = strip(&text, false);
    clip_field(&one_line(&text), MAX_FIELD).to_owned()
}

/// HTML (or plain text) as plain text, one paragraph a line, at most [`MAX_FIELD`] bytes.
pub fn paragraphs(html: &str) -> String {
    let raw = floor(html, MAX_RAW);
    let (text, tags) = strip(raw, true);
    let mut text = resolve(&text);
    let mut marked = tags;
    // Content escaped once too often shows its markup only now.
    if MARKUP.is_match(&text) {
        (text, _) = strip(&text, true);
        text = resolve(&text);
        marked = true;
    }
    // In markup a line's end is a blank and `BREAK` ends a paragraph; without markup the lines are the paragraphs.
    let broken = |c: char| c == BREAK || (!marked && matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}'));
    let mut out = String::with_capacity(text.len());
    for piece in text.split(broken) {
        let line = one_line(piece);
        if !line.is_empty() {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(&line);
        }
    }
    clip_field(&out, MAX_FIELD).to_owned()
}

/// Text already plain (a name, a category, a person's own words) as one clean line, its references left alone.
pub fn line(raw: &str) -> String {
    clip_field(&one_line(floor(raw, MAX_RAW)), MAX_FIELD).to_owned()
}

/// The beginning of `text` of at most `max` bytes that ends between grapheme clusters.
pub fn clip_field(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    // One cluster longer than everything allowed is no writing; then a character's border does.
    let near = floor(text, max.saturating_add(64));
    let end = near.grapheme_indices(true).map(|(i, _)| i).take_while(|&i| i <= max).last().unwrap_or(0);
    if end == 0 { floor(text, max) } else { text[..end].trim_end() }
}

/// Breaks every mention that comes with a feed's text, so that no stranger is called: `@name`, `@everyone`,
/// `@user@server`. Mail addresses stay as they are.
///
/// The break is U+200B between the sign and the name. After the sign X, Mastodon and Telegram want a Latin letter, a
/// digit or `_`, Bluesky one of those, `.` or `-`, and Discord the word itself, so any other character ends it there;
/// this one is invisible, is known to be kept by all of them, and weighs only 1 on X, where U+2060 weighs 2.
pub fn defuse(text: &str) -> String {
    if !text.contains(['@', '\u{FF20}']) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for (i, c) in text.char_indices() {
        out.push(c);
        if !matches!(c, '@' | '\u{FF20}') {
            continue;
        }
        let after = &text[i + c.len_utf8()..];
        let named = after.chars().next().is_some_and(|n| n.is_alphanumeric() || matches!(n, '_' | '.' | '-'));
        if named && !(c == '@' && is_mail(&text[..i], after)) {
            out.push('\u{200B}');
        }
    }
    out
}

/// Breaks what the platform that counts in `unit` would make a link in a feed's text (a domain in a headline), so that
/// only the article's own link can be clicked: U+200B after its scheme and each of its full stops, as in [`defuse`]. `but`
/// stays.
pub fn delink(text: &str, unit: Unit, but: &str) -> String {
    let inner = |c: char| c.is_alphanumeric();
    if !text.contains("://") && !text.match_indices('.').any(|(i, _)| text[i + 1..].starts_with(inner)) {
        return text.to_owned();
    }
    let mut out = text.to_owned();
    // What is left of a broken link may be seen as another one: rarely twice, never for ever.
    for _ in 0..4 {
        let found = entities(&out, unit);
        let mut next = String::with_capacity(out.len() + 16);
        let mut at = 0;
        for link in found.iter().filter(|e| e.kind == Kind::Link && (but.is_empty() || e.text != but)) {
            let Some(start) = out[at..].find(&link.text).map(|i| at + i) else { continue };
            next.push_str(&out[at..start]);
            for (i, c) in link.text.char_indices() {
                next.push(c);
                // Also the scheme: what is left of a text that is cut would begin like a link.
                if matches!(c, '.' | '。' | '．' | '｡') || (c == ':' && link.text[i..].starts_with("://")) {
                    next.push('\u{200B}');
                }
            }
            at = start + link.text.len();
        }
        if at == 0 {
            break;
        }
        next.push_str(&out[at..]);
        out = next;
    }
    out
}

/// Whether the sign between the two is a mail address's.
fn is_mail(before: &str, after: &str) -> bool {
    let reversed = before.bytes().rev().take(64);
    let local =
        reversed.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'%' | b'+' | b'-')).count();
    let local = &before[before.len() - local..];
    // "RT@name" is a mention on X although a letter stands before the sign.
    local.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && !local.eq_ignore_ascii_case("rt")
        && MAIL_HOST.is_match(after)
}

static MAIL_HOST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\A[a-zA-Z0-9][a-zA-Z0-9-]{0,62}(?:\.[a-zA-Z0-9-]{1,63}){0,8}\.[a-zA-Z]{2}")
        .expect("a constant pattern")
});

/// Bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        write!(out, "{b:02x}").expect("writing to a String cannot fail");
        out
    })
}

/// The beginning of at most `max` bytes that ends between characters.
fn floor(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// `text` as one line: NFC, blanks collapsed, nothing that is invisible or that templates use as marks.
fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Most lines of most languages in Latin letters: nothing to look at but blanks.
    if text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t' | b'\n' | b'\r')) {
        for word in text.split_ascii_whitespace() {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(word);
        }
        return out;
    }
    let mut chars = text.chars().filter(|c| !is_hidden(*c)).peekable();
    let mut blank = false;
    while let Some(c) = chars.next() {
        if c.is_whitespace() {
            blank = true;
            continue;
        }
        let before = || if blank { None } else { out.chars().next_back() };
        match c {
            // Inside a word of a script that joins, or inside an emoji; never at an edge, never twice.
            '\u{200C}' | '\u{200D}' => {
                let after = chars.peek().copied();
                let inner = |n: Option<char>| n.is_some_and(|n| !n.is_ascii() && !n.is_whitespace() && !is_joiner(n));
                if !(inner(before()) && inner(after)) {
                    continue;
                }
            }
            // The letters inside a flag.
            '\u{E0020}'..='\u{E007F}'
                if !before().is_some_and(|b| matches!(b, '\u{1F3F4}' | '\u{E0020}'..='\u{E007E}')) =>
            {
                continue;
            }
            _ => {}
        }
        if blank && !out.is_empty() {
            out.push(' ');
        }
        blank = false;
        out.push(c);
    }
    // Last, as what was taken out may have kept a letter and its accent apart.
    if is_nfc(&out) { out } else { out.nfc().collect() }
}

const fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

/// Controls, directional marks, characters without width or meaning. Blanks among the controls stay to be collapsed.
#[inline]
fn is_hidden(c: char) -> bool {
    if matches!(c, ' '..='~' | '\u{A0}'..='\u{AC}' | '\u{AE}'..='\u{34E}' | '\u{350}'..='\u{61B}') {
        return false;
    }
    if c.is_control() {
        return !matches!(c, '\t' | '\n' | '\r' | '\u{B}' | '\u{C}' | '\u{85}');
    }
    matches!(
        c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180E}' | '\u{200B}'
            | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFC}' | '\u{FDD0}'..='\u{FDEF}' | '\u{E0000}'..='\u{E001F}'
    ) || (u32::from(c) & 0xFFFE) == 0xFFFE
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn titles_become_one_plain_line() {
        for (raw, want) in [
            ("  Two\n words\t", "Two words"),
            ("AT&amp;T &lt;b&gt;up&lt;/b&gt;", "AT&T up"),
            ("AT&amp;amp;T", "AT&T"),
            ("Fish &amp;amp;amp; chips", "Fish &amp; chips"),
            ("caf&eacute; &mdash; &#8220;x&#x201D; &nbsp; &notanentity;", "café — “x” &notanentity;"),
            ("a < b and c > d", "a < b and c > d"),
            ("a <b title='x>y'>bold</b> word", "a bold word"),
            ("x<script>alert('</p>')</script>y", "xy"),
            ("x<!-- no -->y<style>p{}", "xy"),
            ("e\u{200B}\u{301}", "é"),
            ("a\u{202E}b\u{200E}c\u{0}d\u{7}\u{9C}e\u{200B}f\u{FEFF}", "abcdef"),
            ("\u{1}elastic\u{2}", "elastic"),
            ("&#1;x&#x202e;y&#29;&semi;&amp;", "xy ;&"),
            ("می\u{200C}خواهم", "می\u{200C}خواهم"),
            ("a\u{200D}b \u{200D}c", "ab c"),
            ("👨\u{200D}👩\u{200D}👧", "👨\u{200D}👩\u{200D}👧"),
            (
                "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F} a\u{E0061}",
                "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F} a",
            ),
            ("it's <a href=x>Bob's</a> day", "it's Bob's day"),
            ("Copy &copy 2026 A&B &#146;&#0;&#xD800;", "Copy &copy 2026 A&B ’ \u{FFFD}"),
            ("unfinished <b", "unfinished <b"),
            ("", ""),
        ] {
            assert_eq!(title(raw), want, "{raw:?}");
        }
    }

    #[test]
    fn markup_becomes_paragraphs() {
        for (raw, want) in [
            ("<p>One\n line</p>\n<p>Two<br/>Three</p>", "One line\nTwo\nThree"),
            ("plain\n\ntext", "plain\ntext"),
            ("&lt;p&gt;Escaped &amp;amp; twice&lt;/p&gt;&lt;p&gt;b&lt;/p&gt;", "Escaped & twice\nb"),
            ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
            ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
            ("5 &lt; 6 <b>ok</b>", "5 < 6 ok"),
            ("<p>&nbsp;</p><img src=x onerror=alert(1)>", ""),
            ("a\u{1D}b<p>c", "ab\nc"),
            ("a&#29;b<p>c", "a b\nc"),
        ] {
            assert_eq!(paragraphs(raw), want, "{raw:?}");
        }
    }

    #[test]
    fn a_field_is_cut_between_clusters() {
        assert_eq!(clip_field("abc", 3), "abc");
        assert_eq!(clip_field("ab👨\u{200D}👩\u{200D}👧", 12), "ab");
        assert_eq!(clip_field(&"é".repeat(9), 7), "ééé");
        assert_eq!(title(&"a".repeat(MAX_FIELD * 20)).len(), MAX_FIELD);
        assert!(clip_field(&format!("e{}", "\u{301}".repeat(9000)), 100).len() <= 100);
    }

    #[test]
    fn mentions_are_broken_and_mail_is_not() {
        for (raw, want) in [
            ("@name and @everyone", "@\u{200B}name and @\u{200B}everyone"),
            ("mail bob.o@example.org!", "mail bob.o@example.org!"),
            (".@name RT@name RT@example.org", ".@\u{200B}name RT@\u{200B}name RT@\u{200B}example.org"),
            ("@a@example.org", "@\u{200B}a@example.org"),
            ("5 @ 3", "5 @ 3"),
            ("＠name", "＠\u{200B}name"),
        ] {
            assert_eq!(defuse(raw), want, "{raw}");
        }
    }

    #[test]
    fn links_of_a_feeds_text_are_broken_where_they_would_be_seen() {
        let mastodon = Unit::Mastodon { link: 23 };
        for (unit, raw, want) in [
            (Unit::Weighted, "Booking.com fined", "Booking.\u{200B}com fined"),
            (mastodon, "Booking.com fined", "Booking.com fined"),
            (
                mastodon,
                "see https://e.example.org/a.html now",
                "see https:\u{200B}//e.\u{200B}example.\u{200B}org/a.\u{200B}html now",
            ),
            (Unit::Utf16, "t.me/spam, 3.5 percent", "t.\u{200B}me/spam, 3.5 percent"),
            (Unit::Graphemes, "go to example.org", "go to example.\u{200B}org"),
            (Unit::Weighted, "It rose 3.5. Then fell", "It rose 3.5. Then fell"),
            (Unit::Weighted, "https://own.example/1 evil.com", "https://own.example/1 evil.\u{200B}com"),
        ] {
            assert_eq!(delink(raw, unit, "https://own.example/1"), want, "{unit:?}");
        }
    }

    #[test]
    fn hostile_markup_takes_linear_time() {
        for piece in [
            "<",
            "<a \"",
            "<a href='",
            "&",
            "&amp;",
            "&amp;amp;",
            "<!--",
            "<script>",
            "</",
            "<p>",
            "<a href=\"x",
            "<![CDATA[",
            "\u{301}",
        ] {
            let raw = piece.repeat(150_000 / piece.len());
            let _ = (title(&raw), paragraphs(&raw), defuse(&raw));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_hidden_comes_through(
            raw in "((?s).|[a-c漢ی<>&;#/p \\n\u{1}-\u{5}\u{301}\u{200B}-\u{200F}\u{202A}-\u{202E}\u{E0061}👍]){0,60}"
        ) {
            for text in [title(&raw), paragraphs(&raw).replace('\n', " "), line(&raw)] {
                prop_assert!(!text.chars().any(|c| c.is_control() || ('\u{202A}'..='\u{202E}').contains(&c)), "{text:?}");
                prop_assert!(!text.contains("  ") && text.trim() == text && is_nfc(&text));
                prop_assert_eq!(&line(&text), &text);
            }
        }

        #[test]
        fn no_link_survives(raw in "([a-z./:@ -。]{0,20} )?(https?://|HTTP://|www\\.)?[a-z0-9.]{0,6}(\\.(com|org|co|me)|。com)?[a-z./:@ ?=-]{0,20}") {
            for unit in [Unit::Weighted, Unit::Mastodon { link: 23 }, Unit::Graphemes, Unit::Utf16, Unit::CodePoints] {
                let text = delink(&raw, unit, "");
                let found: Vec<_> = entities(&text, unit).into_iter().filter(|e| e.kind == Kind::Link).collect();
                prop_assert!(found.is_empty(), "{found:?} in {text:?} of {raw:?} {unit:?}");
            }
        }

        #[test]
        fn no_mention_survives(raw in "[@＠a-zRT./_ :!é()-]{0,40}") {
            let text = defuse(&raw);
            for unit in [Unit::Weighted, Unit::Mastodon { link: 23 }, Unit::Graphemes, Unit::Utf16] {
                let found: Vec<_> = entities(&text, unit).into_iter().filter(|e| e.kind == Kind::Mention).collect();
                prop_assert!(found.is_empty(), "{found:?} in {text:?}");
            }
        }
    }
}
