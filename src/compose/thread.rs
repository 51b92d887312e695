//! From the sections of a template to the parts of a thread, each made to fit on its own; and to one text where the
//! platform threads nothing.

use super::Unfit;
use super::fit::{beginning, fit};
use crate::expr::marks::{DEFAULT_MIN, MAX_PARTS, Part, Section};
use crate::text::rules::{FittedText, TextRules};

/// Stands between what would be parts, where they are one text.
const GAP: &str = "\n\n";

/// One part before its number is known.
enum Draft {
    /// Fitted once its number is known.
    Pieces { pieces: Vec<Part>, numbered: bool },
    /// A piece of a text that is spread, cut so that its number fits.
    Cut { text: String, numbered: bool },
}

/// The parts. Each is within the limits with its number; one whose text is empty leaves.
pub(super) fn thread(sections: Vec<Section>, rules: TextRules) -> Result<Vec<FittedText>, Unfit> {
    let sections: Vec<Section> = sections.into_iter().filter(|section| !is_empty(section, rules)).collect();
    // The width of a number hangs on how many parts there are; with ten and more it is tried once again.
    let mut drafts = draft(&sections, 9, rules)?;
    if drafts.len() > 9 {
        drafts = draft(&sections, MAX_PARTS, rules)?;
    }
    let of = drafts.len();
    if of > MAX_PARTS {
        return Err(Unfit(format!("the template makes {of} parts, expected at most {MAX_PARTS}")));
    }
    let mut parts = Vec::with_capacity(of);
    for (i, draft) in drafts.into_iter().enumerate() {
        let number = if of > 1 { format!(" {}/{of}", i + 1) } else { String::new() };
        let at_part = |e: Unfit| if of > 1 { Unfit(format!("part {} of {of}: {e}", i + 1)) } else { e };
        let part = match draft {
            Draft::Pieces { mut pieces, numbered } => {
                if numbered && !number.is_empty() {
                    end(&mut pieces);
                    pieces.push(Part::Text(number));
                }
                fit(&pieces, rules).map_err(at_part)?
            }
            Draft::Cut { text, numbered } => {
                let text = if numbered { text + &number } else { text };
                FittedText::new(text, rules).map_err(|e| at_part(Unfit(e.to_string())))?
            }
        };
        parts.push(part);
    }
    if parts.is_empty() { Err(Unfit("the template gives no text".into())) } else { Ok(parts) }
}

/// All sections as one text. A text that would be spread is elastic here.
pub(super) fn joined(sections: Vec<Section>, rules: TextRules) -> Result<FittedText, Unfit> {
    let mut all: Vec<Part> = Vec::new();
    for section in sections.into_iter().filter(|section| !is_empty(section, rules)) {
        if !all.is_empty() {
            end(&mut all);
            all.push(Part::Text(GAP.into()));
        }
        match section {
            Section::Part { pieces, .. } => all.extend(pieces),
            Section::Spread { text, .. } => {
                all.push(Part::Elastic { text: text.trim().to_owned(), weight: 1, min: DEFAULT_MIN });
            }
        }
    }
    fit(&all, rules)
}

/// Whether nothing of it would be shown.
fn is_empty(section: &Section, rules: TextRules) -> bool {
    match section {
        Section::Spread { text, .. } => text.trim().is_empty(),
        Section::Part { pieces, .. } => {
            let blank = |piece: &Part| match piece {
                Part::Text(text) | Part::Elastic { text, .. } => text.trim().is_empty(),
                Part::Soft => true,
                Part::Optional(_) => false,
            };
            if pieces.iter().all(blank) {
                return true;
            }
            // Optional pieces may hold nothing but blanks, too: whole, they would show.
            let unlimited = TextRules { limit: usize::MAX, bytes: None, ..rules };
            pieces.iter().all(|piece| blank(piece) || matches!(piece, Part::Optional(_)))
                && fit(pieces, unlimited).is_err()
        }
    }
}

/// Cuts what is spread, with room for numbers up to `most`.
fn draft(sections: &[Section], most: usize, rules: TextRules) -> Result<Vec<Draft>, Unfit> {
    let mut drafts = Vec::new();
    for section in sections {
        match section {
            Section::Part { pieces, numbered } => {
                drafts.push(Draft::Pieces { pieces: pieces.clone(), numbered: *numbered });
            }
            Section::Spread { text, max, numbered } => {
                let number = if *numbered { format!(" {most}/{most}") } else { String::new() };
                let mut rest = text.trim();
                for _ in 0..*max {
                    if rest.is_empty() {
                        break;
                    }
                    let Some((cut, left)) = beginning(rest, &number, rules) else {
                        return Err(Unfit("a text for a thread cannot be divided so that its parts fit".into()));
                    };
                    let shown = cut.as_str().strip_suffix(number.as_str()).unwrap_or(cut.as_str());
                    drafts.push(Draft::Cut { text: shown.to_owned(), numbered: *numbered });
                    rest = left;
                }
            }
        }
    }
    Ok(drafts)
}

/// Takes blanks off the end, so that what follows stands right behind the text.
fn end(pieces: &mut Vec<Part>) {
    while let Some(Part::Text(text)) = pieces.last_mut() {
        let kept = text.trim_end().len();
        text.truncate(kept);
        if kept > 0 {
            return;
        }
        pieces.pop();
    }
}
