//! The marks a rendered template carries for what may give way: control characters, which no feed's text keeps. This
//! is the one place that knows them; `compose` gets a tree of parts.

/// Opens an elastic text: then weight, `;`, minimum, [`SPLIT`], the text, [`CLOSE`].
const ELASTIC: char = '\u{1}';
const SPLIT: char = '\u{2}';
const CLOSE: char = '\u{3}';
/// Opens an optional part; closed by [`CLOSE`].
const OPTIONAL: char = '\u{4}';
/// Opens a hashtag, which leaves as a whole: an optional part of its own, or a piece of the one around it. Closed by
/// [`CLOSE`].
const TAG: char = '\u{E}';
/// A place that leaves nothing behind: a line with nothing else goes.
pub const SOFT: char = '\u{5}';

/// Clusters an elastic text keeps at least, where the template names no number.
pub const DEFAULT_MIN: usize = 20;
/// The largest weight.
pub const MAX_WEIGHT: u32 = 1000;

/// A part of a rendered template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Stays as it is.
    Text(String),
    /// May be cut at its end.
    Elastic {
        /// The whole text.
        text: String,
        /// Its share of what has to go.
        weight: u32,
        /// Clusters that stay at least.
        min: usize,
    },
    /// May leave as a whole.
    Optional(Vec<Part>),
    /// Nothing; a line that has nothing else goes with it.
    Soft,
}

/// `text` without any mark.
pub(super) fn unmarked(text: &str) -> String {
    text.chars().filter(|c| !(ELASTIC..=SOFT).contains(c) && *c != TAG).collect()
}

pub(super) fn elastic(text: &str, weight: u32, min: usize) -> String {
    format!("{ELASTIC}{weight};{min}{SPLIT}{text}{CLOSE}")
}

pub(super) fn optional(text: &str) -> String {
    format!("{OPTIONAL}{text}{CLOSE}")
}

/// A text of nothing but hashtags as optional parts, one a tag: they leave whole, one by one, the last first. `None` for
/// any other text.
pub(super) fn tags(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let plain = |word: &&str| word.starts_with('#') && word.len() > 1 && unmarked(word).len() == word.len();
    if words.is_empty() || !words.iter().all(plain) {
        return None;
    }
    let mut out = String::new();
    for (n, word) in words.iter().enumerate() {
        // The blank before a tag goes with it.
        let blank = if n == 0 { "" } else { " " };
        out.push_str(&format!("{TAG}{blank}{word}{CLOSE}"));
    }
    Some(out)
}

/// Reads a rendered template. Marks torn apart by a later filter are an error.
///
/// # Errors
/// In words.
pub fn parts(rendered: &str) -> Result<Vec<Part>, String> {
    let mut chars = rendered.chars();
    let parts = read(&mut chars, 0)?;
    Ok(parts)
}

const TORN: &str = "`elastic` and `optional` have to be the last filters, and elastic text holds no other part";

/// Reads up to the end (depth 0) or to the mark that closes the part.
fn read(chars: &mut std::str::Chars<'_>, depth: usize) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut text = String::new();
    while let Some(c) = chars.next() {
        let part = match c {
            CLOSE if depth > 0 => {
                push(&mut parts, &mut text);
                return Ok(parts);
            }
            CLOSE | SPLIT => return Err(TORN.into()),
            SOFT => Part::Soft,
            OPTIONAL if depth > 0 => return Err("an optional part inside an optional part".into()),
            OPTIONAL => Part::Optional(read(chars, depth + 1)?),
            TAG if depth > 0 => {
                push(&mut parts, &mut text);
                parts.extend(read(chars, depth + 1)?);
                continue;
            }
            TAG => Part::Optional(read(chars, depth + 1)?),
            ELASTIC => read_elastic(chars)?,
            c => {
                text.push(c);
                continue;
            }
        };
        push(&mut parts, &mut text);
        parts.push(part);
    }
    if depth > 0 {
        return Err(TORN.into());
    }
    push(&mut parts, &mut text);
    Ok(parts)
}

fn push(parts: &mut Vec<Part>, text: &mut String) {
    if !text.is_empty() {
        parts.push(Part::Text(std::mem::take(text)));
    }
}

fn read_elastic(chars: &mut std::str::Chars<'_>) -> Result<Part, String> {
    let rest = chars.as_str();
    let (head, after) = rest.split_once(SPLIT).ok_or(TORN)?;
    let (weight, min) = head.split_once(';').ok_or(TORN)?;
    let (text, _) = after.split_once(CLOSE).ok_or(TORN)?;
    if text.contains(|c| (ELASTIC..=SOFT).contains(&c)) {
        return Err(TORN.into());
    }
    let part = Part::Elastic {
        text: text.to_owned(),
        weight: weight.parse().map_err(|_| TORN)?,
        min: min.parse().map_err(|_| TORN)?,
    };
    *chars = after[text.len() + CLOSE.len_utf8()..].chars();
    // An empty text leaves nothing behind either.
    Ok(if text.is_empty() { Part::Soft } else { part })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_back() {
        let text = format!("a {} b\n{}", elastic("tt", 2, 5), optional(&format!("x{}", elastic("ss", 1, 0))));
        let want = vec![
            Part::Text("a ".into()),
            Part::Elastic { text: "tt".into(), weight: 2, min: 5 },
            Part::Text(" b\n".into()),
            Part::Optional(vec![Part::Text("x".into()), Part::Elastic { text: "ss".into(), weight: 1, min: 0 }]),
        ];
        assert_eq!(parts(&text), Ok(want));
        assert_eq!(unmarked(&text), "a 2;5tt b\nx1;0ss");
    }

    #[test]
    fn tags_leave_one_by_one() {
        let one = |text: &str| Part::Optional(vec![Part::Text(text.into())]);
        let text = tags("#Nation #City").expect("tags");
        assert_eq!(parts(&text), Ok(vec![one("#Nation"), one(" #City")]));
        // Inside an optional part they are a piece of it.
        let inside = format!("{}{text}{CLOSE}", OPTIONAL);
        let pieces = ["#Nation", " #City"].map(|text| Part::Text(text.into()));
        assert_eq!(parts(&inside), Ok(vec![Part::Optional(pieces.to_vec())]));
        assert_eq!(unmarked(&text), "#Nation #City");
        for text in ["", "#", "see #Nation", "#Nation, and", "\u{4}#a\u{3}"] {
            assert_eq!(tags(text), None, "{text:?}");
        }
    }

    #[test]
    fn torn_marks_are_faults() {
        for text in
            ["\u{3}", "\u{4}a", "\u{1}1;2", "\u{1}1;2\u{2}a", &elastic(&optional("a"), 1, 0), &optional(&optional("a"))]
        {
            assert!(parts(text).is_err(), "{text:?}");
        }
    }
}
