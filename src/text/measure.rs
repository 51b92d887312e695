//! Counting: one exact measure per unit. What a platform makes clickable is in `entities`.

use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use super::links::{self, Dialect};
use super::rules::Unit;
use super::{clusters, emoji, escape, mastodon};

/// What a link costs on X, whatever its length. Source: twitter-text configuration v3, read 2026-08.
const X_LINK: usize = 23;

/// What `text` counts in `unit`.
pub fn length(text: &str, unit: Unit) -> usize {
    match unit {
        Unit::Graphemes | Unit::Clusters => clusters::count(text),
        Unit::Mastodon { link } => clusters::count(&mastodon::counted(text, link)),
        Unit::CodePoints => text.chars().count(),
        Unit::Trimmed => text.trim().chars().count(),
        Unit::Weighted => weighted(text),
        Unit::Utf16 => utf16(text.trim()),
        Unit::Markdown => escape::marked(text.trim()),
        Unit::Threads => clusters::threads(text),
        Unit::Little => utf16(&escape::little(text)),
        Unit::References => utf16(&escape::references(text)),
        Unit::Bytes => text.len(),
        Unit::Json => text.chars().map(json).sum(),
    }
}

/// The first character that the platform counting in `unit` takes in no text, whatever its length.
pub fn forbidden(text: &str, unit: Unit) -> Option<char> {
    match unit {
        Unit::Weighted => text.chars().find(|c| matches!(c, '\u{FFFE}' | '\u{FEFF}' | '\u{FFFF}')),
        _ => None,
    }
}

fn utf16(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Bytes of a character inside a JSON string (RFC 8259) as `serde_json` writes it: no more is escaped than must be.
const fn json(c: char) -> usize {
    match c {
        '"' | '\\' | '\u{8}' | '\t' | '\n' | '\u{C}' | '\r' => 2,
        '\0'..='\u{1F}' => 6,
        _ => c.len_utf8(),
    }
}

/// The text in its composed form, as X normalises it; then links, emoji and single characters by their weights.
fn weighted(text: &str) -> usize {
    let composed: String;
    // Nothing below U+0300 is ever composed with a neighbour.
    let text = if text.chars().all(|c| c < '\u{300}') || is_nfc(text) {
        text
    } else {
        composed = text.nfc().collect();
        &composed
    };
    let mut links = links::links(text, Dialect::X).into_iter().peekable();
    let (mut at, mut total) = (0, 0);
    while let Some(c) = text[at..].chars().next() {
        if let Some(link) = links.next_if(|l| l.start == at) {
            total += X_LINK;
            at = link.priced;
        } else if let Some(len) = emoji::sequence_at(text, at, c) {
            total += 2;
            at += len;
        } else {
            total += weight(c);
            at += c.len_utf8();
        }
    }
    total
}

/// Weight of a single character. Source: twitter-text configuration v3, read 2026-08.
const fn weight(c: char) -> usize {
    match c as u32 {
        0..=0x10FF | 0x2000..=0x200D | 0x2010..=0x201F | 0x2032..=0x2037 => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MASTODON: Unit = Unit::Mastodon { link: 23 };

    #[test]
    fn x_weighs() {
        for (text, want) in [
            ("", 0),
            ("ab https://example.org/a/very/long/path?x=1", 26),
            ("see example.org", 27),
            ("A👨‍👩‍👧‍👦", 3),
            ("👩🏽‍💻🏳️‍🌈🧑🏻‍🤝‍🧑🏿❤️‍🔥", 8),
            ("👩\u{200D}🐱", 5),
            ("☝️🏽👍\u{FE0F}", 6),
            ("👨\u{200D}⚕", 5),
            ("👨\u{200D}⚕️", 2),
            ("🏳\u{200D}🌈", 5),
            ("👁\u{200D}🗨", 2),
            ("e\u{301}", 1),
            ("x…", 3),
            ("•€→™", 8),
            ("ế", 2),
            ("e\u{302}\u{301}", 2),
            ("🇦🇿", 2),
            ("🇦🇦", 4),
            ("🇦🇿🇹🇷🇦", 6),
            ("1️⃣", 2),
            ("#⃣", 2),
            ("👍🏽", 2),
            ("❤️", 2),
            ("❤", 2),
            ("❤\u{FE0E}", 4),
            ("©", 1),
            ("©\u{FE0F}", 2),
            ("🏴󠁧󠁢󠁳󠁣󠁴󠁿", 2),
            ("“curly”", 7),
            ("Бакı", 4),
            ("ნ", 1),
            ("한", 2),
            ("a\u{200D}b", 3),
            ("𝒳", 2),
            ("example.org?x=1", 27),
            ("日本example.com", 27),
            ("éexample.org", 24),
            ("a.co日本.net/x", 23 + 6),
            ("1 2 3 #4", 8),
            ("a\nb", 3),
        ] {
            assert_eq!(length(text, Unit::Weighted), want, "{text}");
        }
        assert_eq!(length(&"漢".repeat(140), Unit::Weighted), 280);
    }

    #[test]
    fn x_takes_no_byte_order_mark() {
        assert_eq!(forbidden("a\u{FEFF}b", Unit::Weighted), Some('\u{FEFF}'));
        assert_eq!(forbidden("a\u{FEFF}b", Unit::CodePoints), None);
        assert_eq!(forbidden("a\u{202B}b", Unit::Weighted), None);
    }

    #[test]
    fn mastodon_counts() {
        for (text, want) in [
            ("a https://example.org/with/a/long/path?and=query b", 27),
            ("https://a.co", 23),
            ("example.org/a", 13),
            ("@bob@example.org hi", 7),
            ("bob@example.org", 15),
            ("#tag 👨‍👩‍👧‍👦 e\u{301}", 8),
            ("http://localhost/a", 18),
            ("xhttps://example.org", 20),
        ] {
            assert_eq!(length(text, MASTODON), want, "{text}");
        }
        assert_eq!(length("https://example.org", Unit::Mastodon { link: 30 }), 30);
    }

    #[test]
    fn mastodon_discounts_no_tag_no_scheme_of_another_kind_and_no_impossible_domain() {
        let far = format!("@bob@{}.example", "b".repeat(250));
        for (text, want) in [
            ("xmpp:news@example.org", 21),
            ("magnet:?xt=urn:btih:c12fe1c06bba", 32),
            (far.as_str(), far.len()),
            // The tag would swallow the link's scheme, but only links and mentions are looked at.
            ("#日dat://example.org/a", 2 + 23),
            ("gemini://example.org/", 23),
            ("https://example.org/@bob@example.net", 23),
            ("@bob.@example.org", 17),
        ] {
            assert_eq!(length(text, MASTODON), want, "{text}");
        }
    }

    #[test]
    fn the_plain_units_count() {
        for (text, clusters, points, trimmed, utf16, bytes, json) in [
            ("👨‍👩‍👧‍👦", 1, 7, 7, 11, 25, 25),
            ("e\u{301}\n", 2, 3, 2, 2, 4, 5),
            ("  a b ", 6, 6, 3, 3, 6, 6),
            ("\r\n", 1, 2, 0, 0, 2, 4),
            ("漢字", 2, 2, 2, 2, 6, 6),
            ("\"a\\\u{1}/", 5, 5, 5, 5, 5, 12),
            ("\u{A0}é\u{3000}", 3, 3, 1, 1, 7, 7),
        ] {
            for (unit, want) in [
                (Unit::Graphemes, clusters),
                (Unit::Clusters, clusters),
                (Unit::CodePoints, points),
                (Unit::Trimmed, trimmed),
                (Unit::Utf16, utf16),
                (Unit::Bytes, bytes),
                (Unit::Json, json),
            ] {
                assert_eq!(length(text, unit), want, "{text:?} {unit:?}");
            }
        }
    }

    #[test]
    fn what_is_escaped_counts_as_it_is_sent() {
        for (text, little, references) in [
            ("Budget (2026) *draft*", 25, 21),
            ("AT&T <b>", 10, 18),
            ("https://e.org/a_b?x=(1)", 26, 23),
            ("👍", 2, 2),
            ("#news @bob", 12, 10),
        ] {
            assert_eq!(length(text, Unit::Little), little, "{text}");
            assert_eq!(length(text, Unit::References), references, "{text}");
        }
    }

    const ALL: [Unit; 13] = [
        Unit::Graphemes,
        MASTODON,
        Unit::Clusters,
        Unit::CodePoints,
        Unit::Trimmed,
        Unit::Weighted,
        Unit::Utf16,
        Unit::Markdown,
        Unit::Threads,
        Unit::Little,
        Unit::References,
        Unit::Bytes,
        Unit::Json,
    ];

    /// Text as news have it, with everything that makes counting hard.
    const HARD: &str = "([a-z@#.:/_&<>\"\\\\ \n]|https?://e\\.org/?|@b@e\\.org|#t|e\u{301}|漢|👨\u{200D}👩|👍🏽|🇦🇿|1\u{FE0F}\u{20E3}|\u{FEFF}|\u{200B}|xmpp:a@e\\.org|\\$A){0,40}";

    proptest! {
        #[test]
        fn any_text_can_be_counted(text in any::<String>()) {
            for unit in ALL {
                // No unit counts more than six for one byte (a control character in JSON).
                prop_assert!(length(&text, unit) <= 23 * text.len().max(1), "{unit:?}");
            }
        }

        #[test]
        fn a_blank_line_between_two_texts_adds_what_it_says(a in HARD, b in HARD) {
            let both = format!("{a}\n\n{b}");
            for unit in ALL {
                let apart = length(&a, unit) + length(&b, unit);
                let gap = length("a\n\na", unit) - 2;
                let whole = length(&both, unit);
                match unit {
                    // White space at the ends of the parts counts only inside.
                    Unit::Utf16 | Unit::Trimmed | Unit::Markdown => prop_assert!(whole >= apart && whole <= apart + both.len(), "{unit:?}"),
                    _ => prop_assert_eq!(whole, apart + gap, "{:?} {:?}", unit, both),
                }
            }
        }

        #[test]
        fn what_is_sent_is_never_shorter_than_what_is_said(text in HARD) {
            let points = length(&text, Unit::CodePoints);
            prop_assert!(length(&text, Unit::Clusters) <= points);
            prop_assert!(length(&text, Unit::Little) >= points && length(&text, Unit::References) >= points);
            prop_assert!(length(&text, Unit::Bytes) >= points && length(&text, Unit::Json) >= length(&text, Unit::Bytes));
            prop_assert!(length(&text, Unit::Threads) >= length(&text, Unit::Clusters));
            prop_assert_eq!(length(&text, Unit::Json), serde_json::to_string(&text).expect("a text is JSON").len() - 2);
        }
    }
}
