//! Numbers by language: the sign before the decimals and the one between thousands.

use super::{Digits, locale, subtag, with_digits};

/// Languages that leave four digits together ("1500", but "15.000"). Source: CLDR 47, minimumGroupingDigits = 2.
const FOUR_TOGETHER: [&str; 1] = ["es"];
/// Decimals of a number.
const MOST_DECIMALS: usize = 12;

/// A number as that language writes it, with `decimals` places, or with those it has.
///
/// # Errors
/// In words, where it is no number.
pub fn number(text: &str, decimals: Option<usize>, tag: &str, digits: Digits) -> Result<String, String> {
    let wrong = || format!("number: expected a number, found {text:?}");
    let (minus, plain) = match text.trim().strip_prefix(['-', '−']) {
        Some(rest) => (true, rest),
        None => (false, text.trim()),
    };
    let (whole, part) = plain.split_once('.').unwrap_or((plain, ""));
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(part) || plain.len() > 40 {
        return Err(wrong());
    }
    let (whole, part) = match decimals {
        Some(n) if n > MOST_DECIMALS => {
            return Err(format!("number: expected at most {MOST_DECIMALS} decimals, found {n}"));
        }
        Some(n) => rounded(whole, part, n),
        None => (whole.to_owned(), part.to_owned()),
    };
    let locale = locale(tag);
    let least = if FOUR_TOGETHER.contains(&subtag(tag).as_str()) { 5 } else { 4 };
    let mut out = String::new();
    for (n, c) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n).is_multiple_of(3) && whole.len() >= least {
            out.push_str(locale.group);
        }
        out.push(c);
    }
    if !part.is_empty() {
        out.push_str(locale.decimal);
        out.push_str(&part);
    }
    if minus && out.bytes().any(|b| matches!(b, b'1'..=b'9')) {
        out.insert(0, '-');
    }
    let native = with_digits(&out, tag, digits);
    // Eastern Arabic digits have signs of their own. Source: CLDR 47, numbering systems arab and arabext.
    Ok(if native == out { out } else { native.replace('.', "٫").replace(',', "٬") })
}

/// Rounds half away from zero, on the digits themselves: a float would turn 2.675 into 2.67.
fn rounded(whole: &str, part: &str, n: usize) -> (String, String) {
    let mut kept: Vec<u8> = whole.bytes().chain(part.bytes().chain(std::iter::repeat(b'0')).take(n)).collect();
    let up = part.as_bytes().get(n).is_some_and(|b| *b >= b'5');
    let mut carry = up;
    for digit in kept.iter_mut().rev() {
        if !carry {
            break;
        }
        carry = *digit == b'9';
        *digit = if carry { b'0' } else { *digit + 1 };
    }
    if carry {
        kept.insert(0, b'1');
    }
    let text: String = kept.into_iter().map(char::from).collect();
    let cut = text.len() - n;
    (text[..cut].to_owned(), text[cut..].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_as_the_language_writes_it() {
        for (tag, text, decimals, want) in [
            ("en", "1234567.5", None, "1,234,567.5"),
            ("az", "1234567.5", None, "1.234.567,5"),
            ("tr", "1234", None, "1.234"),
            ("de", "1234.50", Some(2), "1.234,50"),
            ("ru", "1234567", None, "1\u{A0}234\u{A0}567"),
            ("fr", "1234", None, "1\u{202F}234"),
            ("es", "1500", None, "1500"),
            ("es", "15000", None, "15.000"),
            ("en", "999.995", Some(2), "1,000.00"),
            ("en", "2.675", Some(2), "2.68"),
            ("en", "-0.4", Some(0), "0"),
            ("en", "-1234", None, "-1,234"),
            ("en", "12", Some(2), "12.00"),
            ("xx", "1234", None, "1,234"),
        ] {
            assert_eq!(number(text, decimals, tag, Digits::Latin).as_deref(), Ok(want), "{tag} {text}");
        }
        assert_eq!(number("1234.5", None, "fa", Digits::Native).as_deref(), Ok("۱٬۲۳۴٫۵"));
        assert_eq!(number("1234.5", None, "ar", Digits::Native).as_deref(), Ok("١٬٢٣٤٫٥"));
    }

    #[test]
    fn what_is_no_number_is_told() {
        for text in ["", "-", "1,5", "1e5", "0x10", "12 000", "1.2.3", &"9".repeat(50)] {
            assert!(number(text, None, "en", Digits::Latin).is_err(), "{text}");
        }
        assert!(number("1", Some(13), "en", Digits::Latin).is_err());
    }
}
