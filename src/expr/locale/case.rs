//! Upper and lower case by language: the Turkic dotted and dotless i, and scripts whose capitals nobody writes at the
//! beginning of a word.

use super::subtag;

/// Languages with a dotless ı of its own. Source: Unicode SpecialCasing.txt (az, tr); Crimean Tatar and Gagauz write the
/// same letters.
const TURKIC: [&str; 4] = ["az", "tr", "crh", "gag"];

fn is_turkic(tag: &str) -> bool {
    TURKIC.contains(&subtag(tag).as_str())
}

/// `text` in capitals.
pub fn upper(text: &str, tag: &str) -> String {
    if !is_turkic(tag) {
        return text.to_uppercase();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            'i' => out.push('İ'),
            'ı' => out.push('I'),
            c => out.extend(c.to_uppercase()),
        }
    }
    out
}

/// `text` in small letters.
pub fn lower(text: &str, tag: &str) -> String {
    if !is_turkic(tag) {
        return text.to_lowercase();
    }
    // "İ" may come as I with a dot above.
    let text = text.replace("I\u{307}", "İ");
    // Before the rest, so that the standard's own rule (İ becomes i with a dot above) finds none left; the Greek sigma at
    // a word's end needs the whole text at once.
    let own: String = text
        .chars()
        .map(|c| match c {
            'I' => 'ı',
            'İ' => 'i',
            c => c,
        })
        .collect();
    own.to_lowercase()
}

/// A word with its first letter raised, all else as it is.
pub fn raised(word: &str, tag: &str) -> String {
    let mut chars = word.chars();
    match chars.next() {
        Some(first) if has_initials(first) => upper(first.encode_utf8(&mut [0; 4]), tag) + chars.as_str(),
        _ => word.to_owned(),
    }
}

/// Whether words that begin with this letter are ever written with a capital one: Georgian has capitals for whole lines
/// only. Source: Unicode UnicodeData.txt, the title case of U+10D0 to U+10FF is the letter itself.
const fn has_initials(first: char) -> bool {
    !matches!(first, '\u{10D0}'..='\u{10FF}')
}

/// `text` with the first letter of every word raised; the other letters stay, so that "NATO" is not made "Nato".
pub fn title(text: &str, tag: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        let letter =
            c.is_alphanumeric() || (inside && matches!(c, '\'' | '’' | 'ʼ' | '\u{300}'..='\u{36F}' | '\u{200C}'));
        if letter && !inside {
            out.push_str(&raised(c.encode_utf8(&mut [0; 4]), tag));
        } else {
            out.push(c);
        }
        inside = letter;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_i_keeps_or_loses_its_dot_by_the_language() {
        for (tag, small, large) in [
            ("az", "bakı işıqlı şəhərdir", "BAKI İŞIQLI ŞƏHƏRDİR"),
            ("tr-TR", "ilk ışık", "İLK IŞIK"),
            ("en", "in italics", "IN ITALICS"),
            ("ru", "привет", "ПРИВЕТ"),
            ("de", "grün", "GRÜN"),
            ("", "ai", "AI"),
        ] {
            assert_eq!(upper(small, tag), large, "{tag}");
            assert_eq!(lower(large, tag), small, "{tag}");
        }
        assert_eq!(lower("I\u{307}lk", "tr"), "ilk");
        assert_eq!(upper("straße", "de"), "STRASSE");
    }

    #[test]
    fn titles_raise_first_letters_and_leave_the_rest() {
        for (tag, text, want) in [
            ("az", "iqtisadiyyat və ışıq", "İqtisadiyyat Və Işıq"),
            ("en", "iran’s NATO talks don't end", "Iran’s NATO Talks Don't End"),
            ("ka", "საქართველო", "საქართველო"),
            ("fr", "l'été à l'ombre", "L'été À L'ombre"),
            ("he", "שלום עולם", "שלום עולם"),
        ] {
            assert_eq!(title(text, tag), want, "{tag}");
        }
    }
}
