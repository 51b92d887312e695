//! The marks a rendered template carries for what may give way: control characters, which no feed's text keeps. This
//! is the one place that knows them; `compose` gets a tree of parts.

/// Opens an elastic text: then weight, `;`, minimum, [`SPLIT`], the text, [`CLOSE`].
const ELASTIC: char = '\u{1}';
const SPLIT: char = '\u{2}';
const CLOSE: char = '\u{3}';
/// Opens an optional part; closed by [`CLOSE`].
const OPTIONAL: char = '\u{4}';
/// A place that leaves nothing behind: a line with nothing else goes.
pub const SOFT: char = '\u{5}';
/// Opens a part of a thread: then `1` where it is numbered, [`SPLIT`], the part, [`CLOSE`].
const PART: char = '\u{6}';
/// Opens a text that is spread over parts: then the most parts, `;`, `1` where they are numbered, [`SPLIT`], the text,
/// [`CLOSE`].
const SPREAD: char = '\u{7}';
/// All marks.
const MARKS: std::ops::RangeInclusive<char> = ELASTIC..=SPREAD;

/// Clusters an elastic text keeps at least, where the template names no number.
pub const DEFAULT_MIN: usize = 20;
/// The largest weight.
pub const MAX_WEIGHT: u32 = 1000;
/// The most parts of a thread. X and Bluesky set no bound; a reader does. Ours: what X's own composer takes, 2026-08.
pub const MAX_PARTS: usize = 25;
/// Parts a text is spread over at most, where the template names no number.
pub const DEFAULT_SPREAD: usize = 5;

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

/// A section of a rendered template: what becomes one part of a thread, or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Section {
    /// One part.
    Part {
        /// What it consists of.
        pieces: Vec<Part>,
        /// Whether "2/5" is put behind it.
        numbered: bool,
    },
    /// A text spread over as many parts as it needs.
    Spread {
        /// The whole text.
        text: String,
        /// The most parts; the last is cut.
        max: usize,
        /// Whether "2/5" is put behind each.
        numbered: bool,
    },
}

/// `text` without any mark.
pub(super) fn unmarked(text: &str) -> String {
    if text.contains(|c| MARKS.contains(&c)) {
        text.chars().filter(|c| !MARKS.contains(c)).collect()
    } else {
        text.to_owned()
    }
}

pub(super) fn elastic(text: &str, weight: u32, min: usize) -> String {
    format!("{ELASTIC}{weight};{min}{SPLIT}{text}{CLOSE}")
}

pub(super) fn optional(text: &str) -> String {
    format!("{OPTIONAL}{text}{CLOSE}")
}

pub(super) fn part(text: &str, numbered: bool) -> String {
    format!("{PART}{}{SPLIT}{text}{CLOSE}", u8::from(numbered))
}

pub(super) fn spread(text: &str, max: usize, numbered: bool) -> String {
    format!("{SPREAD}{max};{}{SPLIT}{text}{CLOSE}", u8::from(numbered))
}

/// Reads a rendered template. Text outside of `part` blocks belongs to the block before it, before the first block to
/// that; beside a text that is spread it is a part of its own. A template without either is one part. Marks torn apart by
/// a later filter are an error.
///
/// # Errors
/// In words.
pub fn sections(rendered: &str) -> Result<Vec<Section>, String> {
    let mut sections: Vec<Section> = Vec::new();
    // What stands before the first block, until it is known what that is.
    let mut loose: Vec<Part> = Vec::new();
    let mut rest = rendered;
    while let Some(at) = rest.find([PART, SPREAD]) {
        // A part that gives way is closed only after the block it holds: then the block is inside it.
        let before =
            read(&mut rest[..at].chars(), 0).map_err(|said| if said == TORN { NESTED.to_owned() } else { said })?;
        outside(&mut sections, &mut loose, before);
        let opener = rest[at..].chars().next();
        let (head, after) = rest[at + 1..].split_once(SPLIT).ok_or(TORN)?;
        if opener == Some(PART) {
            let mut chars = after.chars();
            let inner = read(&mut chars, 1)?;
            let mut pieces = std::mem::take(&mut loose);
            pieces.extend(inner);
            sections.push(Section::Part { pieces, numbered: head == "1" });
            rest = chars.as_str();
        } else {
            let (max, numbered) = head.split_once(';').ok_or(TORN)?;
            let (text, behind) = after.split_once(CLOSE).ok_or(TORN)?;
            if text.contains(|c| MARKS.contains(&c)) {
                return Err(TORN.into());
            }
            let (max, numbered) = (max.parse().map_err(|_| TORN)?, numbered == "1");
            if !is_blank(&loose) {
                sections.push(Section::Part { pieces: std::mem::take(&mut loose), numbered });
            }
            loose.clear();
            sections.push(Section::Spread { text: text.to_owned(), max, numbered });
            rest = behind;
        }
    }
    let last = read(&mut rest.chars(), 0)?;
    outside(&mut sections, &mut loose, last);
    if sections.is_empty() {
        sections.push(Section::Part { pieces: loose, numbered: false });
    }
    Ok(sections)
}

fn outside(sections: &mut Vec<Section>, loose: &mut Vec<Part>, pieces: Vec<Part>) {
    match sections.last_mut() {
        None => loose.extend(pieces),
        Some(_) if is_blank(&pieces) => {}
        Some(Section::Part { pieces: before, .. }) => before.extend(pieces),
        Some(Section::Spread { numbered, .. }) => {
            let numbered = *numbered;
            sections.push(Section::Part { pieces, numbered });
        }
    }
}

fn is_blank(pieces: &[Part]) -> bool {
    pieces.iter().all(|piece| match piece {
        Part::Text(text) => text.trim().is_empty(),
        Part::Soft => true,
        Part::Elastic { .. } | Part::Optional(_) => false,
    })
}

const TORN: &str =
    "`elastic`, `optional`, `part` and `thread` have to be the last filters, and elastic text holds no other part";
const NESTED: &str = "`part` and `thread` stand by themselves, inside nothing that may give way";

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
            PART | SPREAD => return Err(NESTED.into()),
            SOFT => Part::Soft,
            OPTIONAL if depth > 0 => return Err("an optional part inside an optional part".into()),
            OPTIONAL => Part::Optional(read(chars, depth + 1)?),
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
    if text.contains(|c| MARKS.contains(&c)) {
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
        assert_eq!(sections(&text), Ok(vec![Section::Part { pieces: want, numbered: false }]));
        assert_eq!(unmarked(&text), "a 2;5tt b\nx1;0ss");
    }

    #[test]
    fn torn_marks_are_faults() {
        for text in
            ["\u{3}", "\u{4}a", "\u{1}1;2", "\u{1}1;2\u{2}a", &elastic(&optional("a"), 1, 0), &optional(&optional("a"))]
        {
            assert!(sections(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn text_outside_of_parts_belongs_to_the_nearest() {
        let text = |s: &str| Part::Text(s.into());
        let one = |pieces: Vec<Part>, numbered| Section::Part { pieces, numbered };
        let all = |s: &str| Section::Spread { text: s.into(), max: 3, numbered: true };
        let cases = [
            ("plain".to_owned(), vec![one(vec![text("plain")], false)]),
            (
                format!("a{}b{}c\n", part("1", false), part("2", true)),
                vec![one(vec![text("a"), text("1"), text("b")], false), one(vec![text("2"), text("c\n")], true)],
            ),
            (
                format!("\n{}\n{}\n", part("1", false), part("2", false)),
                vec![one(vec![text("\n"), text("1")], false), one(vec![text("2")], false)],
            ),
            (format!("head\n{}\n", spread("long", 3, true)), vec![one(vec![text("head\n")], true), all("long")]),
            (format!("{}\ntail", spread("long", 3, true)), vec![all("long"), one(vec![text("\ntail")], true)]),
        ];
        for (rendered, want) in cases {
            assert_eq!(sections(&rendered), Ok(want), "{rendered:?}");
        }
    }

    #[test]
    fn a_part_stands_inside_nothing() {
        for text in [
            optional(&part("a", false)),
            part(&part("a", false), false),
            part(&spread("a", 2, false), false),
            optional(&spread("a", 2, false)),
        ] {
            assert_eq!(sections(&text), Err(NESTED.into()), "{text:?}");
        }
    }
}
