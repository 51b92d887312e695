//! What depends on a language in a text: letters of both cases (`case`), dates (`date`), numbers (`number`). The facts are
//! in `data`. Pure; which language a text has is told by the caller.

pub mod case;
mod data;
mod date;
mod number;

pub use self::date::{check_pattern, date};
pub use self::number::number;

/// What one language writes differently.
#[derive(Debug)]
pub struct Locale {
    /// Its language subtag.
    pub tag: &'static str,
    /// Months inside a date: the genitive where the language has one.
    pub months: [&'static str; 12],
    /// Months by themselves, where they differ.
    pub months_alone: Option<[&'static str; 12]>,
    /// Months, shortened.
    pub months_short: [&'static str; 12],
    /// Weekdays from Monday.
    pub days: [&'static str; 7],
    /// Weekdays from Monday, shortened.
    pub days_short: [&'static str; 7],
    /// Before and after noon.
    pub halves: [&'static str; 2],
    /// The patterns of a short, medium, long and full date.
    pub dates: [&'static str; 4],
    /// The pattern of a time of day.
    pub time: &'static str,
    /// Before the decimals.
    pub decimal: &'static str,
    /// Between thousands.
    pub group: &'static str,
}

/// The language subtag of a BCP 47 tag, in lower case.
pub fn subtag(tag: &str) -> String {
    tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase()
}

/// The facts of a tag's language; English for one that is not in the table.
pub fn locale(tag: &str) -> &'static Locale {
    let wanted = subtag(tag);
    let find = |tag: &str| data::ALL.binary_search_by(|it| it.tag.cmp(tag)).ok().map(|at| &data::ALL[at]);
    find(&wanted).or_else(|| find("en")).unwrap_or(&data::ALL[0])
}

/// The languages of the table.
pub fn tags() -> impl Iterator<Item = &'static str> {
    data::ALL.iter().map(|it| it.tag)
}

/// Which digits a number is written with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Digits {
    /// 0 to 9.
    #[default]
    Latin,
    /// The language's own, where it has some: Eastern Arabic for Arabic, Persian and Urdu.
    Native,
}

impl Digits {
    /// Reads the word of a template.
    ///
    /// # Errors
    /// In words.
    pub fn parse(word: &str) -> Result<Self, String> {
        match word {
            "latin" => Ok(Self::Latin),
            "native" => Ok(Self::Native),
            other => Err(format!("expected digits \"latin\" or \"native\", found {other:?}")),
        }
    }
}

/// Digits put into the language's own. Source: Unicode, blocks Arabic (U+0660, U+06F0).
pub fn with_digits(text: &str, tag: &str, digits: Digits) -> String {
    let zero = match (digits, subtag(tag).as_str()) {
        (Digits::Native, "ar") => '\u{660}',
        (Digits::Native, "fa" | "ur") => '\u{6F0}',
        _ => return text.to_owned(),
    };
    let own = |c: char| match c.to_digit(10) {
        Some(digit) if c.is_ascii() => char::from_u32(u32::from(zero) + digit).unwrap_or(c),
        _ => c,
    };
    text.chars().map(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_of_the_newsroom_is_there_and_found() {
        assert!(data::ALL.is_sorted_by_key(|it| it.tag));
        for tag in ["az", "en", "ru", "tr", "ar", "fa", "he", "de", "fr", "es", "it", "uk", "ka", "hy", "zh", "ja"] {
            assert_eq!(locale(tag).tag, tag);
            assert!(locale(tag).dates.iter().all(|pattern| check_pattern(pattern).is_ok()), "{tag}");
            assert!(check_pattern(locale(tag).time).is_ok(), "{tag}");
        }
        assert_eq!(
            (locale("AZ-Latn").tag, locale("en_GB").tag, locale("xx").tag, locale("").tag),
            ("az", "en", "en", "en")
        );
    }

    #[test]
    fn digits_are_the_languages_own_only_where_asked_for() {
        for (tag, digits, want) in [
            ("ar", Digits::Native, "٢٠٢٦"),
            ("fa-IR", Digits::Native, "۲۰۲۶"),
            ("ar", Digits::Latin, "2026"),
            ("az", Digits::Native, "2026"),
        ] {
            assert_eq!(with_digits("2026", tag, digits), want, "{tag}");
        }
    }
}
