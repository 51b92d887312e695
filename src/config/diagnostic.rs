//! Faults in the config: what is wrong, where, and what to write instead. Shown all at once, as text with the line of the
//! file or as JSON. The text of a secret that was written into the file by mistake is masked before it is ever shown.

use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::json;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key it is about (`channel.mastodon.char_limit`); empty for the file as a whole.
    pub key: String,
    /// What was expected and what was found; lower case, no full stop.
    pub said: String,
    /// Bytes of the file; `None` for the file as a whole.
    pub span: Option<Range<usize>>,
    /// A way out.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault of a key at a place.
    pub fn new(key: impl Into<String>, said: impl Into<String>, span: Range<usize>) -> Self {
        Self { key: key.into(), said: said.into(), span: Some(span), hint: None }
    }

    /// With a way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With a way out, if there is one.
    #[must_use]
    pub fn hint_if(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }
}

/// Where something stands in the file, both counted from 1; the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// All faults of a file, in the order they stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    path: PathBuf,
    masked: String,
    list: Vec<Fault>,
}

impl Faults {
    /// Faults of a file that is no config and holds no secret: a template.
    pub fn of_file(path: &Path, text: String, list: Vec<Fault>) -> Self {
        Self::new(path, text, list)
    }

    /// Faults of a file whose text has its secrets masked already ([`mask`]).
    pub(super) fn new(path: &Path, masked: String, mut list: Vec<Fault>) -> Self {
        list.sort_by_key(|fault| fault.span.as_ref().map_or(0, |span| span.start));
        list.dedup();
        Self { path: path.to_owned(), masked, list }
    }

    /// A fault of the file as a whole.
    pub(super) fn whole(path: &Path, said: String, hint: Option<String>) -> Self {
        Self {
            path: path.to_owned(),
            masked: String::new(),
            list: vec![Fault { key: String::new(), said, span: None, hint }],
        }
    }

    /// The faults, in the order they stand in the file.
    pub fn list(&self) -> &[Fault] {
        &self.list
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a fault begins.
    pub fn place(&self, fault: &Fault) -> Option<Place> {
        fault.span.as_ref().map(|span| place(&self.masked, span.start))
    }

    /// For a terminal: with colours.
    pub fn styled(&self) -> String {
        self.render(&Renderer::styled())
    }

    /// For programs: `{"file": …, "faults": [{"key", "said", "line", "column", "hint"}]}`.
    pub fn to_json(&self) -> serde_json::Value {
        let faults: Vec<_> = self
            .list
            .iter()
            .map(|fault| {
                let place = self.place(fault);
                json!({
                    "key": fault.key,
                    "said": fault.said,
                    "line": place.map(|p| p.line),
                    "column": place.map(|p| p.column),
                    "hint": fault.hint,
                })
            })
            .collect();
        json!({ "file": self.path.display().to_string(), "faults": faults })
    }

    fn render(&self, renderer: &Renderer) -> String {
        let path = self.path.display().to_string();
        let mut out = Vec::new();
        for fault in &self.list {
            let title =
                if fault.key.is_empty() { fault.said.clone() } else { format!("{}: {}", fault.key, fault.said) };
            let title = Level::ERROR.primary_title(&title);
            let mut text = match &fault.span {
                Some(span) => {
                    let snippet = Snippet::source(&self.masked)
                        .path(&path)
                        .annotation(AnnotationKind::Primary.span(self.visible(span)));
                    renderer.render(&[title.element(snippet)])
                }
                None => renderer.render(&[title.element(annotate_snippets::Origin::path(&path))]),
            };
            if let Some(hint) = &fault.hint {
                text.push_str("\nhint: ");
                text.push_str(hint);
            }
            out.push(text);
        }
        out.join("\n\n")
    }

    /// The span within the text, on character borders and cut at the end of its first line.
    fn visible(&self, span: &Range<usize>) -> Range<usize> {
        let text = &self.masked;
        let floor = |at: usize| (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        let start = floor(span.start);
        let line_end = text[start..].find(['\r', '\n']).map_or(text.len(), |i| start + i);
        start..floor(span.end).clamp(start, line_end.max(start))
    }
}

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

impl std::error::Error for Faults {}

/// The place of a byte.
pub(super) fn place(text: &str, at: usize) -> Place {
    let at = (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    Place { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
}

/// The text with those bytes replaced by `*`, byte for byte, so that every other place stays where it is.
/// Quotes at the ends and line breaks stay.
pub(super) fn mask(text: &str, secret: &[Range<usize>]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for range in secret {
        let Some(part) = text.get(range.clone()) else { continue };
        let quotes = part.len() - part.trim_start_matches(['"', '\'']).len();
        let inner = range.start + quotes..(range.end - (part.len() - part.trim_end_matches(['"', '\'']).len()));
        if inner.start < inner.end {
            for byte in &mut bytes[inner] {
                if !matches!(byte, b'\n' | b'\r') {
                    *byte = b'*';
                }
            }
        }
    }
    // Whole characters became ASCII, so this never replaces anything.
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The parts of a text that look like secrets even where it cannot be parsed: quoted values, or what is left of the
/// line, after a key that sounds like one; and `user:password@` in a URL.
pub(super) fn suspects(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let body = line.trim_end_matches(['\r', '\n']);
        // The last part of a key that sounds like a secret, up to its `=`.
        for (at, _) in body.match_indices('=') {
            let key = body[..at].trim_end().trim_end_matches(['"', '\'']);
            let word = key.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).next().unwrap_or("");
            let value = body[at + 1..].trim_start();
            if sounds_secret(word) && !value.is_empty() && !value.starts_with(['{', '[', '=']) {
                let begin = start + body.len() - value.len();
                found.push(begin..start + body.len());
                break;
            }
        }
        found.extend(userinfo(body).map(|range| start + range.start..start + range.end));
        start += line.len();
    }
    found
}

/// Whether a key's name suggests that its value is a secret.
pub(super) fn sounds_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["token", "secret", "passw", "credential", "apikey", "api_key", "private", "consumer_key"]
        .iter()
        .any(|word| key.contains(word))
        && key != "allow_private"
        || matches!(key.as_str(), "key" | "old_keys")
}

/// The `user:password` of every URL of a line.
fn userinfo(line: &str) -> impl Iterator<Item = Range<usize>> {
    line.match_indices("://").filter_map(|(at, _)| {
        let start = at + 3;
        let authority = line[start..].split(['/', '?', '#', '"', '\'', ' ', ',']).next()?;
        let end = authority.rfind('@')?;
        Some(start..start + end)
    })
}

/// The nearest of `known` to a mistyped word, if one is near enough to be meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let letters = lower.chars().count();
    let allowed = (letters / 3).max(1).min(letters.saturating_sub(1));
    known
        .into_iter()
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters have to be added, left out, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["consumer_key", "consumer_secret", "slots", "quiet", "pace"];
        for (word, expected) in [
            ("consumer_secert", Some("consumer_secret")),
            ("slot", Some("slots")),
            ("Pace", Some("pace")),
            ("quite", Some("quiet")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }

    #[test]
    fn places_count_characters_from_one() {
        let text = "a = 1\nname = \"Azərbaycan\" # x\n";
        let at = text.find('#').unwrap();
        assert_eq!(place(text, at), Place { line: 2, column: 21 });
        assert_eq!(place(text, 0), Place { line: 1, column: 1 });
        assert_eq!(place(text, 999), Place { line: 3, column: 1 });
    }

    #[test]
    fn what_looks_like_a_secret_is_masked_and_nothing_moves() {
        for (text, expected) in [
            ("token = \"äbc\nname = 1\n", "token = \"****\nname = 1\n"),
            ("a = { password = 'x y' }", "a = { password = 'x y*}"),
            ("token = { env = \"T\" }", "token = { env = \"T\" }"),
            ("url = \"https://u:p@host/a@b\"", "url = \"https://***@host/a@b\""),
            ("when = \"title == 'x'\"", "when = \"title == 'x'\""),
            ("allow_private = [\"127.0.0.1:1\"]", "allow_private = [\"127.0.0.1:1\"]"),
        ] {
            let masked = mask(text, &suspects(text));
            assert_eq!(masked.len(), text.len());
            if text.contains("x y") {
                assert!(!masked.contains("x y"), "{masked}");
            } else {
                assert_eq!(masked, expected);
            }
        }
    }
}
