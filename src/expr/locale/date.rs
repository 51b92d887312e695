//! Dates by language: a pattern as CLDR writes it ("d MMMM y"), or the name of a language's own (`short`, `medium`,
//! `long`, `full`, `time`).
//!
//! Source of the letters: Unicode Technical Standard 35, part 4 (dates), 2025.

use std::fmt::Write as _;

use jiff::ZonedDateTime;

use super::{Digits, Locale, locale, with_digits};

/// Characters of a pattern.
const LONGEST: usize = 100;
const LETTERS: &str = "y, M (M to MMMM), L (months by themselves: LLL, LLLL), d, E (EEE, EEEE), H, h, m, s, a, z";

/// An instant as that language writes it.
///
/// # Errors
/// In words, where the pattern has a letter that is none of its own.
pub fn date(at: &ZonedDateTime, pattern: &str, tag: &str, digits: Digits) -> Result<String, String> {
    let locale = locale(tag);
    let pattern = match pattern {
        "short" => locale.dates[0],
        "medium" => locale.dates[1],
        "long" => locale.dates[2],
        "full" => locale.dates[3],
        "time" => locale.time,
        own => own,
    };
    let mut out = String::new();
    for piece in pieces(pattern)? {
        match piece {
            Piece::Text(text) => out.push_str(&text),
            Piece::Field(letter, n) => field(&mut out, at, locale, letter, n)?,
        }
    }
    Ok(with_digits(&out, tag, digits))
}

/// Whether a pattern can be read.
///
/// # Errors
/// In words.
pub fn check_pattern(pattern: &str) -> Result<(), String> {
    date(&ZonedDateTime::default(), pattern, "en", Digits::Latin).map(drop)
}

enum Piece {
    Text(String),
    Field(char, usize),
}

fn pieces(pattern: &str) -> Result<Vec<Piece>, String> {
    if pattern.chars().count() > LONGEST {
        return Err(format!("expected a date's pattern of at most {LONGEST} characters"));
    }
    let mut out = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\'' {
            let mut text = String::new();
            loop {
                match chars.next() {
                    // Two in a row are one, inside and outside of quotes.
                    Some('\'') if chars.peek() == Some(&'\'') => {
                        chars.next();
                        text.push('\'');
                    }
                    Some('\'') if text.is_empty() => {
                        text.push('\'');
                        break;
                    }
                    Some('\'') => break,
                    Some(c) => text.push(c),
                    None => return Err(format!("expected a closing ' in the date's pattern {pattern:?}")),
                }
            }
            out.push(Piece::Text(text));
        } else if c.is_ascii_alphabetic() {
            let mut n = 1;
            while chars.next_if_eq(&c).is_some() {
                n += 1;
            }
            out.push(Piece::Field(c, n));
        } else {
            out.push(Piece::Text(c.to_string()));
        }
    }
    Ok(out)
}

fn field(out: &mut String, at: &ZonedDateTime, locale: &Locale, letter: char, n: usize) -> Result<(), String> {
    let month = usize::try_from(at.month() - 1).unwrap_or(0).min(11);
    let day = usize::try_from(at.weekday().to_monday_zero_offset()).unwrap_or(0).min(6);
    let number = |out: &mut String, value: i16| {
        // Writing to a text cannot fail.
        let _ = write!(out, "{value:0n$}");
    };
    match (letter, n) {
        ('y', 2) => {
            let _ = write!(out, "{:02}", at.year().rem_euclid(100));
        }
        ('y', 1..=4) => number(out, at.year()),
        ('M' | 'L', 1..=2) => number(out, i16::from(at.month())),
        ('M' | 'L', 3) => out.push_str(locale.months_short[month]),
        ('M', 4) => out.push_str(locale.months[month]),
        ('L', 4) => out.push_str(locale.months_alone.unwrap_or(locale.months)[month]),
        ('d', 1..=2) => number(out, i16::from(at.day())),
        ('E', 1..=3) => out.push_str(locale.days_short[day]),
        ('E', 4) => out.push_str(locale.days[day]),
        ('H', 1..=2) => number(out, i16::from(at.hour())),
        ('h', 1..=2) => number(out, i16::from((at.hour() + 11) % 12 + 1)),
        ('m', 1..=2) => number(out, i16::from(at.minute())),
        ('s', 1..=2) => number(out, i16::from(at.second())),
        ('a', 1) => out.push_str(locale.halves[usize::from(at.hour() >= 12)]),
        ('z', 1) => out.push_str(&at.strftime("%:z").to_string()),
        _ => {
            let found: String = std::iter::repeat_n(letter, n).collect();
            return Err(format!("a date's pattern has {LETTERS}, found {found:?}; other letters stand in '…'"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> ZonedDateTime {
        text.parse::<jiff::Timestamp>()
            .expect("a date")
            .to_zoned_datetime(jiff::tz::TimeZone::get("Asia/Baku").expect("a zone"))
    }

    #[test]
    fn a_date_is_written_as_the_language_writes_it() {
        let noon = at("2026-11-25T08:05:09Z");
        for (tag, pattern, want) in [
            ("az", "long", "25 noyabr 2026"),
            ("az", "d MMMM yyyy", "25 noyabr 2026"),
            ("az", "full", "25 noyabr 2026, çərşənbə"),
            ("en", "long", "November 25, 2026"),
            ("en", "h:mm a", "12:05 PM"),
            ("ru", "d MMMM y", "25 ноября 2026"),
            ("ru", "LLLL y", "ноябрь 2026"),
            ("uk", "d MMMM", "25 листопада"),
            ("uk", "LLLL", "листопад"),
            ("tr", "long", "25 Kasım 2026"),
            ("ar", "long", "25 نوفمبر 2026"),
            ("fa", "d MMMM", "25 نوامبر"),
            ("he", "long", "25 בנובמבר 2026"),
            ("de", "full", "Mittwoch, 25. November 2026"),
            ("fr", "full", "mercredi 25 novembre 2026"),
            ("es", "long", "25 de noviembre de 2026"),
            ("it", "short", "25/11/26"),
            ("ka", "EEEE", "ოთხშაბათი"),
            ("hy", "d MMMM", "25 նոյեմբերի"),
            ("hy", "LLLL", "նոյեմբեր"),
            ("zh", "long", "2026年11月25日"),
            ("ja", "long", "2026年11月25日"),
            ("pt-BR", "MMMM", "November"),
            ("en", "yyyy-MM-dd'T'HH:mm:ss", "2026-11-25T12:05:09"),
            ("en", "h 'o''clock'", "12 o'clock"),
            ("en", "d''M", "25'11"),
            ("de", "time", "12:05"),
            ("en", "time", "12:05 PM"),
        ] {
            assert_eq!(date(&noon, pattern, tag, Digits::Latin).as_deref(), Ok(want), "{tag} {pattern}");
        }
        assert_eq!(date(&noon, "d MMMM y", "ar", Digits::Native).as_deref(), Ok("٢٥ نوفمبر ٢٠٢٦"));
        assert_eq!(date(&at("2026-11-24T20:30:00Z"), "h:mm a", "en", Digits::Latin).as_deref(), Ok("12:30 AM"));
    }

    #[test]
    fn a_pattern_that_means_nothing_is_told() {
        for pattern in ["Q", "MMMMM", "d 'of", "dd.mm.jjjj", &"d".repeat(200)] {
            assert!(check_pattern(pattern).is_err(), "{pattern}");
        }
    }
}
