//! Reads the file into spanned tables and hands each section to its check, keeping every place. A syntax error ends it
//! there: what follows from half a file would only mislead.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{self, Fault, Faults};
use super::schema::Schemas;
use super::shape::{Findings, Shape};
use super::{Config, Origin, channel, check, words};
use crate::platform::Platform;

/// What the checks share: the text, its tables and schemas, and what was found so far.
pub(super) struct Reading<'a> {
    pub text: &'a str,
    pub root: DeTable<'a>,
    pub schemas: &'a Schemas,
    pub platforms: &'a [&'static dyn Platform],
    pub places: BTreeMap<String, Range<usize>>,
    pub found: Findings,
}

/// Reads, checks and builds.
pub(super) fn read(platforms: &[&'static dyn Platform], text: &str, path: &Path) -> Result<Config, Faults> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut secrets = diagnostic::suspects(text);
    if !errors.is_empty() {
        let list = errors.iter().map(|error| syntax(text, error)).collect();
        return Err(Faults::new(path, diagnostic::mask(text, &secrets), list));
    }
    let root = root.into_inner();
    let mut places = BTreeMap::new();
    note_places(&root, "", &mut places);

    let schemas = Schemas::new(platforms);
    let mut reading = Reading { text, root, schemas: &schemas, platforms, places, found: Findings::default() };
    reading.compare(&schemas.document, "");
    let config = build(&mut reading);

    let Reading { places, found, .. } = reading;
    secrets.extend(found.secrets);
    let masked = diagnostic::mask(text, &secrets);
    match config {
        Some(mut config) if found.faults.is_empty() => {
            config.origin = Origin { path: path.to_owned(), masked, places };
            Ok(config)
        }
        _ => Err(Faults::new(path, masked, found.faults)),
    }
}

/// Builds every section, also after a fault in another; `None` where one that has no default is missing.
fn build(reading: &mut Reading<'_>) -> Option<Config> {
    let newsroom = check::newsroom(reading);
    let store = check::store(reading);
    let web = check::web(reading);
    let sign_in = check::sign_in(reading);
    let network = check::network(reading);
    let notify = check::notify(reading);
    let timing = reading.section("timing").unwrap_or_default();
    let sources = check::sources(reading);
    let channels = channel::channels(reading);
    let routes = check::routes(reading);
    check::timing(reading, &timing, &channels);
    let words = words::words(reading, &channels, &routes, &web);
    Some(Config {
        newsroom: newsroom?,
        store: store?,
        web,
        sign_in,
        network,
        vault: reading.section("vault").unwrap_or_default(),
        notify,
        card: reading.section("card").unwrap_or_default(),
        timing,
        log: reading.section("log").unwrap_or_default(),
        sources,
        channels,
        routes,
        words,
        origin: Origin::default(),
    })
}

impl Reading<'_> {
    /// A fault of a key at the place where its value stands.
    pub(super) fn fault(&mut self, key: &str, said: impl Into<String>, hint: Option<&str>) {
        let span = self.span(key);
        self.found.faults.push(Fault::new(key, said, span).hint_if(hint.map(str::to_owned)));
    }

    /// A fault in a part of a text of the file.
    pub(super) fn fault_in(&mut self, key: &str, part: Range<usize>, said: impl Into<String>, hint: Option<&str>) {
        let span = inside(self.text, self.span(key), part);
        self.found.faults.push(Fault::new(key, said, span).hint_if(hint.map(str::to_owned)));
    }

    /// Where the value of a key stands.
    pub(super) fn span(&self, key: &str) -> Range<usize> {
        self.places.get(key).cloned().unwrap_or(0..0)
    }

    /// Compares a table of the file with its schema.
    pub(super) fn compare(&mut self, schema: &Value, key: &str) {
        let shape = Shape { definitions: &self.schemas.definitions };
        let Some(table) = find(&self.root, key) else { return };
        shape.table(schema, table, &self.places.get(key).cloned().unwrap_or(0..0), key, &mut self.found);
    }

    /// Whether nothing was found amiss at or below a key.
    pub(super) fn is_sound(&self, key: &str) -> bool {
        !self.found.faults.iter().any(|fault| {
            fault.key.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// The same, whatever was found at or below those keys of the table.
    pub(super) fn is_sound_but(&self, key: &str, but: &[&str]) -> bool {
        !self.found.faults.iter().any(|fault| match fault.key.strip_prefix(key) {
            Some(rest) => match rest.strip_prefix('.') {
                Some(rest) => !but.contains(&rest.split(['.', '[']).next().unwrap_or(rest)),
                None => rest.is_empty(),
            },
            None => false,
        })
    }

    /// Reads a table of the top level; `None` where it is left out or at fault.
    pub(super) fn section<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        let value = self.root.get(key)?.clone();
        self.value(key, value)
    }

    /// Reads a table of the file; `None` where it cannot be. Keys at fault are left out of it, so that the others are
    /// checked all the same: what comes of it never gets further than the checks.
    pub(super) fn value<T: DeserializeOwned>(&mut self, key: &str, mut value: Spanned<DeValue<'_>>) -> Option<T> {
        let sound = self.is_sound(key);
        if !sound {
            let DeValue::Table(table) = value.get_mut() else { return None };
            let all: Vec<String> = table.keys().map(|word| word.get_ref().to_string()).collect();
            for word in all.iter().filter(|word| !self.is_sound(&format!("{key}.{word}"))) {
                table.remove(word.as_str());
            }
        }
        match T::deserialize(toml::de::ValueDeserializer::from(value)) {
            Ok(value) => Some(value),
            // It is missing because it was left out just now, or was reported as missing already.
            Err(error) if !sound && error.message().starts_with("missing field") => None,
            Err(error) => {
                self.serde_fault(key, &error);
                None
            }
        }
    }

    /// Whether a place lies in the value of one of a table's keys.
    pub(super) fn is_value_of(&self, key: &str, span: &Range<usize>) -> bool {
        self.below(key, span).is_some()
    }

    /// The innermost key below `key` whose value a place lies in.
    fn below(&self, key: &str, span: &Range<usize>) -> Option<&str> {
        let below = self.places.iter().filter(|(name, place)| {
            name.strip_prefix(key).is_some_and(|rest| rest.starts_with(['.', '['])) && within(span, place)
        });
        below.max_by_key(|(name, _)| name.len()).map(|(name, _)| name.as_str())
    }

    /// What serde, or a platform, found at fault below a key.
    pub(super) fn serde_fault(&mut self, key: &str, error: &toml::de::Error) {
        let table = self.span(key);
        // A table handed over without its place says 0..0, or nothing.
        let span = error.span().filter(|span| !span.is_empty() && span.end <= self.text.len()).unwrap_or(table);
        let full = self.below(key, &span).unwrap_or(key).to_owned();
        let last = full.rsplit('.').next().unwrap_or(&full);
        let said = if diagnostic::sounds_secret(last) && is_text(self.text, &span) {
            self.found.secrets.push(span.clone());
            super::shape::NEVER_A_TEXT.to_owned()
        } else if full == "web.listen" {
            "expected an address and a port, found something else".to_owned()
        } else {
            translate(error.message())
        };
        let hint = (full == "web.listen").then(|| "for instance \"127.0.0.1:8080\"".to_owned());
        self.found.faults.push(Fault::new(full, said, span).hint_if(hint));
    }
}

/// The table of a dotted key.
pub(super) fn find<'r, 'a>(root: &'r DeTable<'a>, key: &str) -> Option<&'r DeTable<'a>> {
    key.split('.').filter(|part| !part.is_empty()).try_fold(root, |table, part| table.get(part)?.get_ref().as_table())
}

/// Notes where every value stands; a table where its own key does.
fn note_places(table: &DeTable<'_>, path: &str, places: &mut BTreeMap<String, Range<usize>>) {
    for (key, value) in table.iter() {
        let path = if path.is_empty() { key.get_ref().to_string() } else { format!("{path}.{}", key.get_ref()) };
        note(value, &path, Some(key.span()), places);
    }
}

fn note(
    value: &Spanned<DeValue<'_>>,
    path: &str,
    key: Option<Range<usize>>,
    places: &mut BTreeMap<String, Range<usize>>,
) {
    match value.get_ref() {
        DeValue::Table(table) => {
            places.insert(path.to_owned(), key.unwrap_or_else(|| value.span()));
            note_places(table, path, places);
        }
        DeValue::Array(items) => {
            places.insert(path.to_owned(), value.span());
            for (n, item) in items.iter().enumerate() {
                note(item, &format!("{path}[{n}]"), None, places);
            }
        }
        _ => {
            places.insert(path.to_owned(), value.span());
        }
    }
}

fn syntax(text: &str, error: &toml::de::Error) -> Fault {
    let span = error.span().unwrap_or(text.len()..text.len());
    let hint = match error.message() {
        said if said.contains("duplicate key") => {
            "a table or key may stand once: merge the two, or give one another name"
        }
        said if said.contains("unclosed table") => "the name of a table stands in brackets on one line: [channel.x]",
        said if said.contains("string") => "a text stands in quotes on one line: \"text\"",
        _ => "a line is `key = value`, `[table]` or a comment after #; a text stands in quotes",
    };
    Fault::new("", error.message(), span).hint(hint)
}

fn within(inner: &Range<usize>, outer: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

fn is_text(text: &str, span: &Range<usize>) -> bool {
    text.get(span.clone()).is_some_and(|part| part.starts_with(['"', '\'']))
}

/// Where a part of a text's value stands in the file; the whole text where escapes or line ends make that unclear.
fn inside(text: &str, span: Range<usize>, part: Range<usize>) -> Range<usize> {
    let Some(raw) = text.get(span.clone()) else { return span };
    let (quotes, literal) = match raw {
        _ if raw.starts_with("'''") => (3, true),
        _ if raw.starts_with("\"\"\"") => (3, false),
        _ if raw.starts_with('\'') => (1, true),
        _ if raw.starts_with('"') => (1, false),
        _ => return span,
    };
    if raw.contains('\r') || (!literal && raw.contains('\\')) {
        return span;
    }
    // A line break right after the opening quotes is no part of the value.
    let begin = span.start + quotes + usize::from(quotes == 3 && raw[quotes..].starts_with('\n'));
    let end = span.end.saturating_sub(quotes);
    let from = (begin + part.start).min(end);
    from..(begin + part.end).clamp(from, end.max(from))
}

/// serde's words in ours.
fn translate(message: &str) -> String {
    let kind = |word: &str| -> String {
        match word.trim_matches('`') {
            "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" => "a whole number".into(),
            "f32" | "f64" => "a number".into(),
            "a string" | "a borrowed string" => "a text".into(),
            "a boolean" => "true or false".into(),
            "a sequence" => "a list".into(),
            "a map" => "a table".into(),
            other => other.to_owned(),
        }
    };
    let found = |word: &str| -> String {
        let word = word.trim_end_matches(',');
        for (prefix, shown) in [
            ("string ", ""),
            ("integer ", ""),
            ("floating point ", ""),
            ("boolean ", ""),
            ("map", "a table"),
            ("sequence", "a list"),
        ] {
            if let Some(rest) = word.strip_prefix(prefix) {
                let rest = rest.trim_matches('`');
                return if rest.contains('@') { "a text".into() } else { format!("{shown}{rest}") };
            }
        }
        word.to_owned()
    };
    for start in ["invalid type: ", "invalid value: "] {
        if let Some((what, expected)) = message.strip_prefix(start).and_then(|rest| rest.rsplit_once(", expected ")) {
            return format!("expected {}, found {}", kind(expected), found(what));
        }
    }
    message.lines().next().unwrap_or(message).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_text_is_found_in_the_file() {
        for (raw, part, expected) in [
            ("'ab cd'", 3..5, "cd"),
            ("\"ab cd\"", 3..5, "cd"),
            ("\"ab\\tcd\"", 3..5, "\"ab\\tcd\""),
            ("'''\nab cd'''", 3..5, "cd"),
            ("\"\"\"ab cd\"\"\"", 0..2, "ab"),
            ("'ab'", 2..9, ""),
        ] {
            let text = format!("when = {raw}\n");
            let span = inside(&text, 7..7 + raw.len(), part);
            assert_eq!(&text[span], expected, "{raw}");
        }
    }

    #[test]
    fn serde_speaks_our_language() {
        for (theirs, ours) in [
            ("invalid type: string \"x\", expected u32", "expected a whole number, found \"x\""),
            ("invalid type: integer `3`, expected a string", "expected a text, found 3"),
            ("invalid type: map, expected a boolean", "expected true or false, found a table"),
            ("invalid value: string \"u:p@h\", expected a host", "expected a host, found a text"),
            ("the chat has no name", "the chat has no name"),
        ] {
            assert_eq!(translate(theirs), ours);
        }
    }
}
