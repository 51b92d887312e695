//! From parts to text: a line that a leaving (or empty) part empties goes too.

use crate::expr::marks::Part;
/// Stands where something left, until the lines are known. No text has it: it is one of the marks.
use crate::expr::marks::SOFT as GONE;

/// What of the parts is shown.
pub(super) struct Shown<'a> {
    /// How many optional parts, counted from the front, are there.
    pub optional: usize,
    /// The text of each elastic part in its order, those inside optional parts included.
    pub elastic: &'a [&'a str],
}

/// Puts the text together.
pub(super) fn assemble(parts: &[Part], shown: &Shown<'_>) -> String {
    let mut out = String::new();
    let mut next = Next { optional: 0, elastic: 0 };
    write(parts, shown, &mut next, true, &mut out);
    tidy(&out)
}

struct Next {
    optional: usize,
    elastic: usize,
}

fn write(parts: &[Part], shown: &Shown<'_>, next: &mut Next, visible: bool, out: &mut String) {
    for part in parts {
        match part {
            Part::Text(text) if visible => out.push_str(text),
            Part::Text(_) => {}
            Part::Soft => out.push(GONE),
            Part::Elastic { .. } => {
                if visible {
                    out.push_str(shown.elastic[next.elastic]);
                }
                next.elastic += 1;
            }
            Part::Optional(inner) => {
                let here = next.optional < shown.optional;
                next.optional += 1;
                let before = out.len();
                write(inner, shown, next, visible && here, out);
                if out[before..].trim_matches(|c: char| c == GONE || c.is_whitespace()).is_empty() {
                    out.truncate(before);
                    out.push(GONE);
                }
            }
        }
    }
}

/// Takes the gaps out: blanks on both sides of one become one, an emptied line goes, and so does the second of two
/// blank lines that meet over it.
fn tidy(text: &str) -> String {
    if !text.contains(GONE) {
        return text.trim().to_owned();
    }
    let mut lines: Vec<String> = Vec::new();
    let mut dropped = false;
    for line in text.split('\n') {
        if line.contains(GONE) {
            let mut kept = String::new();
            for piece in line.split(GONE) {
                let doubled = kept.is_empty() || kept.ends_with(char::is_whitespace);
                kept.push_str(if doubled { piece.trim_start() } else { piece });
            }
            let kept = kept.trim_end();
            if kept.is_empty() {
                dropped = true;
                continue;
            }
            lines.push(kept.to_owned());
        } else if !(dropped && line.trim().is_empty() && lines.last().is_none_or(|l| l.trim().is_empty())) {
            lines.push(line.to_owned());
        }
        dropped = false;
    }
    lines.join("\n").trim().to_owned()
}
