//! Counting: one exact measure per unit. What a platform makes clickable is in `entities`.

use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::{UnicodeNormalization as _, is_nfc};
use unicode_segmentation::UnicodeSegmentation as _;

use super::entities::{self, Kind};
use super::links::{self, Dialect};
use super::rules::Unit;

/// What a link costs on X, whatever its length. Source: twitter-text configuration v3, read 2026-08.
const X_LINK: usize = 23;

/// What `text` counts in `unit`.
pub fn length(text: &str, unit: Unit) -> usize {
    match unit {
        Unit::Graphemes => graphemes(text),
        Unit::Mastodon { link } => mastodon(text, link),
        Unit::CodePoints => text.chars().count(),
        Unit::Weighted => weighted(text),
        Unit::Utf16 => text.trim().encode_utf16().count(),
    }
}

/// The first character that the platform counting in `unit` takes in no text, whatever its length.
pub fn forbidden(text: &str, unit: Unit) -> Option<char> {
    match unit {
        Unit::Weighted => text.chars().find(|c| matches!(c, '\u{FFFE}' | '\u{FEFF}' | '\u{FFFF}')),
        _ => None,
    }
}

fn graphemes(text: &str) -> usize {
    text.graphemes(true).count()
}

/// The server puts a placeholder in the place of a link, and of a mention only the name; then it counts graphemes.
fn mastodon(text: &str, link: usize) -> usize {
    let found = entities::raw(text, Unit::Mastodon { link });
    if found.is_empty() {
        return graphemes(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for e in found {
        shown.push_str(&text[at..e.start]);
        at = e.end;
        let written = &text[e.start..e.end];
        match e.kind {
            Kind::Link => shown.extend(std::iter::repeat_n('x', link)),
            Kind::Tag => shown.push_str(written),
            Kind::Mention => {
                let name = written[1..].split('@').next().unwrap_or_default();
                shown.push('@');
                shown.push_str(name);
            }
        }
    }
    shown.push_str(&text[at..]);
    graphemes(&shown)
}

/// Every emoji sequence that counts as one: flags apart, keycaps, and pictures joined by ZWJ.
/// A picture that is text by default but has no variation selector counts its character's own weight, which is the same.
static EMOJI: LazyLock<Regex> = LazyLock::new(|| {
    let picture = r"(?:\p{Emoji_Modifier_Base}\x{FE0F}?\p{Emoji_Modifier}|[\p{Emoji}--[0-9\#*©®™\x{1F1E6}-\x{1F1FF}]]\x{FE0F}?|[©®™]\x{FE0F})";
    Regex::new(&format!(
        r"[\x{{1F1E6}}-\x{{1F1FF}}]{{2}}|[0-9\#*]\x{{FE0F}}?\x{{20E3}}|\x{{1F3F4}}\x{{E0067}}\x{{E0062}}(?:\x{{E0065}}\x{{E006E}}\x{{E0067}}|\x{{E0073}}\x{{E0063}}\x{{E0074}}|\x{{E0077}}\x{{E006C}}\x{{E0073}})\x{{E007F}}|{picture}(?:\x{{200D}}[{JOINED}]\x{{FE0F}}?\p{{Emoji_Modifier}}?)*"
    ))
    .expect("a constant pattern")
});

/// What may come second in a picture joined by ZWJ: sexes, trades, hair, family, hearts, colours. Anything else after a
/// ZWJ is a picture of its own. Source: Unicode emoji data 16.
const JOINED: &str =
    "♂♀⚕⚖✈➡⬛❄☠⚧↔↕❤🌈🌫🌾🍳🍼🎄🎓🎤🎨🏫🏭🐰👦👧👨👩💋💥💨💫💻💼🔥🔧🔬🗨🚀🚒🟩🟫🤝🦯🦰🦱🦲🦳🦺🦼🦽🧑🧒🩰🩹🪭🫲";

/// Regions that have a flag; two letters without one are two emoji. Source: Unicode emoji data 15.
const FLAGS: &str = "AC AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS \
BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CP CR CU CV CW CX CY CZ DE DG DJ DK DM DO DZ EA EC EE EG EH ER ES ET \
EU FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU IC ID IE IL IM IN IO IQ \
IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN \
MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA \
RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TA TC TD TF TG TH TJ TK TL TM TN TO TR TT \
TV TW TZ UA UG UM UN US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

fn weighted(text: &str) -> usize {
    let composed: String;
    let text = if is_nfc(text) {
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
            at = link.end;
        } else if let Some(len) = emoji_at(text, at, c) {
            total += 2;
            at += len;
        } else {
            total += weight(c);
            at += c.len_utf8();
        }
    }
    total
}

/// Bytes of the emoji sequence that starts at `at`, if one does.
fn emoji_at(text: &str, at: usize, c: char) -> Option<usize> {
    let may = match c {
        '0'..='9' | '#' | '*' => text[at + 1..].starts_with(['\u{FE0F}', '\u{20E3}']),
        '©' | '®' => true,
        _ => c >= '\u{203C}',
    };
    // No emoji sequence is longer than this many characters; a bound keeps the look-ahead short.
    let ahead = &text[at..];
    let ahead = if may { ahead.char_indices().nth(32).map_or(ahead, |(i, _)| &ahead[..i]) } else { return None };
    let found = EMOJI.find(ahead).filter(|m| m.start() == 0)?.as_str();
    if ('\u{1F1E6}'..='\u{1F1FF}').contains(&c) {
        let code: String = found
            .chars()
            .filter_map(|f| u8::try_from(u32::from(f) - 0x1F1E6).ok())
            .map(|n| char::from(b'A' + n))
            .collect();
        return FLAGS.split(' ').any(|f| f == code).then_some(found.len());
    }
    // Asked for as text, it is no emoji.
    let single = found.chars().count() == 1;
    (!(single && ahead[found.len()..].starts_with('\u{FE0E}'))).then_some(found.len())
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
    fn the_plain_units_count() {
        for (text, graphemes, points, utf16) in
            [("👨‍👩‍👧‍👦", 1, 7, 11), ("e\u{301}\n", 2, 3, 2), ("  a b ", 6, 6, 3), ("\r\n", 1, 2, 0), ("漢字", 2, 2, 2)]
        {
            assert_eq!(length(text, Unit::Graphemes), graphemes, "{text:?}");
            assert_eq!(length(text, Unit::CodePoints), points, "{text:?}");
            assert_eq!(length(text, Unit::Utf16), utf16, "{text:?}");
        }
    }
}
