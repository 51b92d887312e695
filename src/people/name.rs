//! What a person may be called.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// The most characters of a name. Ours: it stands in lists and in the audit log.
const MOST: usize = 64;

/// Why a name cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Bad {
    /// There is none.
    #[error("expected a name, found none")]
    Empty,
    /// It is too long.
    #[error("expected a name of at most {MOST} characters, found {0}")]
    Long(usize),
    /// It holds what cannot be seen, or turns the direction of what stands beside it.
    #[error("expected a name of letters, digits, blanks and . _ - @ ' only, found {0:?} in it")]
    Character(char),
}

/// Reads a name as it was typed.
///
/// # Errors
/// Why it cannot be one.
pub fn read(typed: &str) -> Result<String, Bad> {
    let name: String = typed.nfkc().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() {
        return Err(Bad::Empty);
    }
    // Marks too: letters of many scripts are written with them.
    let good = |c: char| c.is_alphanumeric() || " ._-@'’".contains(c) || is_combining_mark(c);
    if let Some(c) = name.chars().find(|c| !good(*c)) {
        return Err(Bad::Character(c));
    }
    match name.chars().count() {
        ..=MOST => Ok(name),
        count => Err(Bad::Long(count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_people_are_called() {
        for (typed, expected) in [
            ("ana", Ok("ana")),
            ("  Günay   Əliyeva ", Ok("Günay Əliyeva")),
            ("ana@news.example", Ok("ana@news.example")),
            ("O'Neill-Şen", Ok("O'Neill-Şen")),
            ("अनिता", Ok("अनिता")),
            ("ａｎａ", Ok("ana")),
            ("", Err(Bad::Empty)),
            (" \t", Err(Bad::Empty)),
            ("a\u{202e}b", Err(Bad::Character('\u{202e}'))),
            ("a\u{200b}b", Err(Bad::Character('\u{200b}'))),
            ("<b>", Err(Bad::Character('<'))),
            ("a\0b", Err(Bad::Character('\0'))),
        ] {
            assert_eq!(read(typed), expected.map(str::to_owned), "{typed:?}");
        }
        assert_eq!(read(&"a".repeat(64)).map(|name| name.len()), Ok(64));
        assert_eq!(read(&"a".repeat(65)), Err(Bad::Long(65)));
    }
}
