//! Extended grapheme clusters (UAX 29), fast where every character stands for itself, and what they count on Threads.

use unicode_segmentation::UnicodeSegmentation as _;

use super::emoji;

/// How many clusters a text has.
///
/// Between two characters that neither join nor are joined there is always a border, and nothing before it matters
/// behind it; so only the stretches between such borders go through the general algorithm.
pub(super) fn count(text: &str) -> usize {
    let mut total = 0;
    pieces(text, |piece, alone| total += if alone { 1 } else { piece.graphemes(true).count() });
    total
}

/// What a text counts on Threads: a cluster that is an emoji as many as its bytes, any other one.
/// Source: Threads API, posts guide of 2026-04-14: emoji count by their UTF-8 bytes.
pub(super) fn threads(text: &str) -> usize {
    let mut total = 0;
    pieces(text, |piece, alone| {
        total += match alone {
            true => 1,
            false => piece.graphemes(true).map(|c| if emoji::is_emoji(c) { c.len() } else { 1 }).sum(),
        };
    });
    total
}

/// The text in stretches that no cluster crosses, each with whether it is one character known to stand alone.
fn pieces(text: &str, mut each: impl FnMut(&str, bool)) {
    let (mut start, mut previous) = (0, false);
    let mut chars = 0_usize;
    for (at, c) in text.char_indices() {
        let alone = stands_alone(c);
        if at > start && alone && previous {
            each(&text[start..at], chars == 1);
            (start, chars) = (at, 0);
        }
        previous = alone;
        chars += 1;
    }
    if start < text.len() {
        each(&text[start..], chars == 1 && previous);
    }
}

/// Whether the character is of no class that UAX 29 joins with a neighbour (Grapheme_Cluster_Break=Other and not
/// Extended_Pictographic). Blocks of letters only; what is not named here is merely slower.
fn stands_alone(c: char) -> bool {
    matches!(
        c,
        ' '..='~' | '\u{A1}'..='\u{A8}' | '\u{AA}'..='\u{AC}' | '\u{AF}'..='\u{2FF}' | '\u{370}'..='\u{377}'
            | '\u{386}'..='\u{482}' | '\u{48A}'..='\u{52F}' | '\u{531}'..='\u{556}' | '\u{5D0}'..='\u{5EA}'
            | '\u{620}'..='\u{64A}' | '\u{10D0}'..='\u{10FF}' | '\u{1E00}'..='\u{1EFF}' | '\u{2010}'..='\u{2027}'
            | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FA}' | '\u{3001}'..='\u{300F}' | '\u{4E00}'..='\u{9FFF}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn emoji_count_their_bytes_on_threads() {
        for (text, want) in [
            ("abc", 3),
            ("é Ж ع 漢", 7),
            ("👍", 4),
            ("👨‍👩‍👧‍👦", 25),
            ("🇦🇿", 8),
            ("👍🏽", 8),
            ("1️⃣ 1", 9),
            ("e\u{301}", 1),
            ("❤️", 6),
            ("❤\u{FE0E}", 1),
            ("x🎺y", 6),
            ("“–…”", 4),
            ("\r\n", 1),
            ("한국 ไทย हिन्दी", 9),
        ] {
            assert_eq!(threads(text), want, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn the_fast_way_counts_as_the_general_one(text in "[a-zé漢あ한กิ\u{300}\u{200D}\u{FE0F}\r\n👍🏽🇦🇿ह\u{94D}न\u{600}©. ]{0,40}") {
            prop_assert_eq!(count(&text), text.graphemes(true).count());
        }

        #[test]
        fn any_text_counts_as_the_general_way(text in any::<String>()) {
            prop_assert_eq!(count(&text), text.graphemes(true).count());
            prop_assert!(threads(&text) >= count(&text) && threads(&text) <= text.len());
        }
    }

    #[test]
    fn every_character_that_stands_alone_does_so_before_and_after_any_joiner() {
        for c in (0..=0x10FFFF).filter_map(char::from_u32).filter(|c| stands_alone(*c)) {
            let text = format!("{c}{c}a{c}");
            assert_eq!(text.graphemes(true).count(), 4, "{c:?}");
            // A joiner after it joins, so it is not itself one; two in a row never do.
            assert_eq!(format!("{c}\u{301}{c}").graphemes(true).count(), 2, "{c:?}");
            assert_eq!(format!("👍{c}\u{200D}👍").graphemes(true).count(), 3, "{c:?} is no emoji");
        }
    }
}
