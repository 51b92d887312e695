//! Emoji: which sequences X counts as one, and which clusters Threads counts by their bytes.

use std::sync::LazyLock;

use regex::Regex;

/// Every emoji sequence that counts as one: flags apart, keycaps, pictures with their tone, and pictures joined by ZWJ.
/// A picture by default takes no U+FE0F (that counts apart); one that is text by default may, and must to be joined; those
/// of Latin-1 and `™` are pictures only with it. Source: the emoji of twitter-text, 2021-10, and Unicode emoji data 16.
static EMOJI: LazyLock<Regex> = LazyLock::new(|| {
    let flag = r"[\x{1F1E6}-\x{1F1FF}]{2}";
    let key = r"[0-9\#*]\x{FE0F}?\x{20E3}";
    let land = r"\x{1F3F4}\x{E0067}\x{E0062}(?:\x{E0065}\x{E006E}\x{E0067}|\x{E0073}\x{E0063}\x{E0074}|\x{E0077}\x{E006C}\x{E0073})\x{E007F}";
    let tone = r"\p{Emoji_Modifier}";
    // Pictures by default since before selectors were: these may have one.
    let either = r"[⌚⌛◽◾☔☕♈-♓♿⚓⚡⚪⚫⚽⚾⛄⛅⛔⛪⛲⛳⛵⛺⛽❗⬛⬜⭐⭕🀄🈚🈯]";
    let picture = r"[\p{Emoji_Presentation}--[\x{1F1E6}-\x{1F1FF}]]";
    let sign = r"[\p{Emoji}--\p{Emoji_Presentation}--[0-9\#*©®™\x{1F1E6}-\x{1F1FF}]]";
    let toned = format!(r"[\p{{Emoji_Modifier_Base}}--{picture}]\x{{FE0F}}?{tone}|\p{{Emoji_Modifier_Base}}{tone}");
    let joint = format!(r"\x{{200D}}(?:[{JOINED_SIGNS}]\x{{FE0F}}|[👨👩🧑🫲]{tone}?|[{JOINED}])");
    let joined = format!(r"(?:\p{{Emoji_Modifier_Base}}{tone}|{sign}\x{{FE0F}}|{picture})(?:{joint})+");
    // The eye in a speech bubble is the one that is joined without any selector.
    let eye = r"\x{1F441}\x{200D}\x{1F5E8}";
    Regex::new(&format!(
        r"\A(?:{flag}|{key}|{land}|{joined}|{eye}|{toned}|{either}\x{{FE0F}}|{picture}|{sign}\x{{FE0F}}?|[©®™]\x{{FE0F}})"
    ))
    .expect("a constant pattern")
});

/// What may come second in a picture joined by ZWJ: sexes, trades, hair, family, hearts, colours. Anything else after a
/// ZWJ is a picture of its own. Source: Unicode emoji data 16.
const JOINED: &str = "⬛🌈🌾🍳🍼🎄🎓🎤🎨🏫🏭🐰👦👧💋💥💨💫💻💼🔥🔧🔬🚀🚒🟩🟫🤝🦯🦰🦱🦲🦳🦺🦼🦽🧒🩰🩹🪭";
/// The same of the characters that are text by default and want U+FE0F to be pictures.
const JOINED_SIGNS: &str = "♂♀⚕⚖✈➡❄☠⚧↔↕❤🌫";

/// Regions that have a flag; two letters without one are two emoji. Source: Unicode emoji data 15.
const FLAGS: &str = "AC AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS \
BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CP CR CU CV CW CX CY CZ DE DG DJ DK DM DO DZ EA EC EE EG EH ER ES ET \
EU FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU IC ID IE IL IM IN IO IQ \
IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN \
MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA \
RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TA TC TD TF TG TH TJ TK TL TM TN TO TR TT \
TV TW TZ UA UG UM UN US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// Bytes of the emoji sequence that starts at `at`, if one does.
pub(super) fn sequence_at(text: &str, at: usize, c: char) -> Option<usize> {
    let may = match c {
        '0'..='9' | '#' | '*' => text[at + 1..].starts_with(['\u{FE0F}', '\u{20E3}']),
        '©' | '®' => true,
        _ => may_be_emoji(c),
    };
    // No emoji sequence is longer than this many characters; a bound keeps the look-ahead short.
    let ahead = &text[at..];
    let ahead = if may { ahead.char_indices().nth(32).map_or(ahead, |(i, _)| &ahead[..i]) } else { return None };
    let found = EMOJI.find(ahead)?.as_str();
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

/// Whether an emoji beyond Latin-1 may begin with the character: the blocks that hold any, for speed.
const fn may_be_emoji(c: char) -> bool {
    matches!(
        c,
        '\u{203C}'..='\u{2BFF}' | '\u{3030}'..='\u{303D}' | '\u{3297}'..='\u{3299}' | '\u{1F000}'..='\u{1FAFF}'
    )
}

static ONE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\A\p{Emoji}\z").expect("a constant pattern"));

/// Whether a grapheme cluster is an emoji. Characters that are text by default (`❤`, `™`) count as emoji too unless
/// U+FE0E asks for text: apps draw most of them as pictures, and a count too high costs less than a post refused.
pub(super) fn is_emoji(cluster: &str) -> bool {
    let mut chars = cluster.chars();
    let Some(first) = chars.next() else { return false };
    if first.is_ascii() {
        return chars.any(|c| matches!(c, '\u{FE0F}' | '\u{20E3}'));
    }
    if chars.next() == Some('\u{FE0E}') || !(matches!(first, '©' | '®') || may_be_emoji(first)) {
        return false;
    }
    ONE.is_match(first.encode_utf8(&mut [0; 4]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_emoji_begins_outside_the_blocks_looked_at() {
        for c in ('\u{AF}'..=char::MAX).filter(|c| ONE.is_match(c.encode_utf8(&mut [0; 4]))) {
            assert!(may_be_emoji(c), "{c:?} U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn what_is_an_emoji() {
        for (cluster, want) in [
            ("👍", true),
            ("🇦🇿", true),
            ("1️⃣", true),
            ("#\u{20E3}", true),
            ("1", false),
            ("❤", true),
            ("❤\u{FE0E}", false),
            ("™", true),
            ("©", true),
            ("é", false),
            ("漢", false),
            ("…", false),
            ("", false),
        ] {
            assert_eq!(is_emoji(cluster), want, "{cluster:?}");
        }
    }
}
