//! Compares a spanned table with its JSON Schema, so that *all* unknown keys, missing keys and wrong types of it are
//! found, each at its place: serde alone stops at the first. Knows only what the schemas of this crate use.

use std::ops::Range;

use serde_json::Value;
use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Fault, nearest, sounds_secret};

/// Said of a secret that stands in the file.
pub(super) const NEVER_A_TEXT: &str = "a secret is { env = … } or { file = … }, never a text";

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// The faults.
    pub faults: Vec<Fault>,
    /// Where secrets stand in the file as texts: never to be shown.
    pub secrets: Vec<Range<usize>>,
}

/// The schemas that `$ref`s lead to.
#[derive(Clone, Copy)]
pub(super) struct Shape<'a> {
    /// By name.
    pub definitions: &'a serde_json::Map<String, Value>,
}

impl<'a> Shape<'a> {
    /// Compares a table; `place` is where a missing key is reported (the table's own key).
    pub(super) fn table(
        self,
        schema: &'a Value,
        table: &DeTable<'_>,
        place: &Range<usize>,
        path: &str,
        out: &mut Findings,
    ) {
        let schema = self.resolve(schema).1;
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            // A map: every value of one kind.
            if let Some(each) = schema.get("additionalProperties").filter(|each| each.is_object()) {
                for (key, value) in table.iter() {
                    self.value(each, value, &key.span(), &join(path, key.get_ref()), out);
                }
            }
            return;
        };
        // A key that is only mistyped is not reported as missing too.
        let mut meant = Vec::new();
        for (key, value) in table.iter() {
            let name = key.get_ref().as_ref();
            let path = join(path, name);
            match properties.get(name) {
                Some(property) => self.value(property, value, &key.span(), &path, out),
                None if schema.get("additionalProperties") != Some(&Value::Bool(false)) => {}
                None => {
                    let candidates = properties.keys().map(String::as_str);
                    let near = nearest(name, candidates.filter(|known| !table.contains_key(*known)));
                    let hint = match near {
                        Some(near) => Some(format!("did you mean `{near}`?")),
                        None => Some(format!("known here: {}", known(properties))),
                    };
                    meant.extend(near);
                    // Where secrets are kept, a key nobody knows may hold one.
                    let may_hold =
                        ["channel.", "vault.", "notify.", "sign_in."].iter().any(|part| path.starts_with(part));
                    let is_suspect = sounds_secret(name) || near.map_or(may_hold, sounds_secret);
                    if is_suspect && !matches!(value.get_ref(), DeValue::Table(_)) {
                        out.secrets.push(value.span());
                    }
                    out.faults.push(Fault::new(path, "unknown key", key.span()).hint_if(hint));
                }
            }
        }
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !table.contains_key(name) && !meant.contains(&name) {
                let hint = properties.get(name).and_then(|property| self.way_out(property, &join(path, name)));
                out.faults.push(Fault::new(join(path, name), "missing key", place.clone()).hint_if(hint));
            }
        }
    }

    /// Compares a value; `key` is the place of its key.
    fn value(
        self,
        schema: &'a Value,
        value: &Spanned<DeValue<'_>>,
        key: &Range<usize>,
        path: &str,
        out: &mut Findings,
    ) {
        let hint = left_out(schema);
        let (name, schema) = self.resolve(schema);
        if name == Some("SecretRef") {
            return secret(value, path, out);
        }
        let wrong = |expected: &str| {
            Fault::new(path, format!("expected {expected}, found {}", shown(path, value.get_ref())), value.span())
                .hint_if(hint.clone())
        };
        if let Some(words) = self.words(schema) {
            match value.get_ref().as_str() {
                Some(word) if words.contains(&word) => {}
                word => {
                    let near = word.and_then(|word| nearest(word, words.iter().copied()));
                    let quoted: Vec<_> = words.iter().map(|w| format!("\"{w}\"")).collect();
                    out.faults
                        .push(wrong(&either(&quoted)).hint_if(near.map(|near| format!("did you mean \"{near}\"?"))));
                }
            }
            return;
        }
        if let Some(choices) = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array) {
            let choices: Vec<_> = choices.iter().filter(|choice| choice.get("type") != Some(&"null".into())).collect();
            if let [only] = choices[..] {
                let before = out.faults.len();
                self.value(only, value, key, path, out);
                for fault in out.faults[before..].iter_mut().filter(|fault| fault.hint.is_none() && fault.key == path) {
                    fault.hint.clone_from(&hint);
                }
                return;
            }
            let fits = choices.iter().any(|choice| {
                let mut tried = Findings::default();
                self.value(choice, value, key, path, &mut tried);
                tried.faults.is_empty()
            });
            if !fits {
                let kinds = choices.iter().filter_map(|choice| self.kind(choice));
                let kinds: Vec<_> = kinds.map(|kind| kind.replace("true or false", "true, false")).collect();
                out.faults.push(wrong(&either(&kinds)));
            }
            return;
        }
        let Some(kind) = self.kind(schema) else { return };
        match (types(schema).as_slice(), value.get_ref()) {
            (["object"], DeValue::Table(table)) => self.table(schema, table, key, path, out),
            (["array"], DeValue::Array(items)) => {
                let Some(each) = schema.get("items") else { return };
                for (n, item) in items.iter().enumerate() {
                    let span = item.span();
                    self.value(each, item, &span, &format!("{path}[{n}]"), out);
                }
            }
            (["string"], DeValue::String(text)) => {
                if schema.get("format") == Some(&"uri".into())
                    && let Err(error) = url::Url::parse(text)
                {
                    out.faults.push(wrong("a URL").hint(format!("write it with its scheme, as https://…: {error}")));
                }
            }
            (["boolean"], DeValue::Boolean(_)) | (["number"], DeValue::Integer(_) | DeValue::Float(_)) => {}
            (["integer"], DeValue::Integer(number)) => {
                let number = i64::from_str_radix(number.as_str(), number.radix()).map_err(|_| ());
                let least = schema.get("minimum").and_then(Value::as_i64).unwrap_or(i64::MIN);
                let most = match schema.get("format").and_then(Value::as_str) {
                    Some("uint8") => i64::from(u8::MAX),
                    Some("uint16") => i64::from(u16::MAX),
                    Some("uint32") => i64::from(u32::MAX),
                    Some("int32") => i64::from(i32::MAX),
                    _ => i64::MAX,
                };
                let most = schema.get("maximum").and_then(Value::as_i64).unwrap_or(most).min(most);
                if !number.is_ok_and(|n| (least..=most).contains(&n)) {
                    out.faults.push(match number {
                        Ok(n) if n < least => wrong(&format!("a whole number from {least}")),
                        _ => wrong(&format!("a whole number up to {most}")),
                    });
                }
            }
            (["string"], DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_)) => {
                let fault = wrong(kind);
                let quotes = fault.hint.is_none().then(|| "a text stands in quotes".to_owned());
                out.faults.push(fault.hint_if(quotes));
            }
            _ => out.faults.push(wrong(kind)),
        }
    }

    /// Follows `$ref`s; with the name of the last.
    fn resolve(self, schema: &'a Value) -> (Option<&'a str>, &'a Value) {
        let (mut name, mut schema) = (None, schema);
        // More hops than definitions would be a circle.
        for _ in 0..=self.definitions.len() {
            let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { break };
            let Some(last) = reference.rsplit('/').next() else { break };
            let Some(next) = self.definitions.get(last) else { break };
            (name, schema) = (Some(last), next);
        }
        (name, schema)
    }

    /// The words of an enum, if the schema is one.
    fn words(self, schema: &'a Value) -> Option<Vec<&'a str>> {
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            return Some(words.iter().filter_map(Value::as_str).collect());
        }
        if let Some(word) = schema.get("const").and_then(Value::as_str) {
            return Some(vec![word]);
        }
        let choices = schema.get("oneOf").and_then(Value::as_array)?;
        let words: Option<Vec<_>> = choices.iter().map(|choice| self.words(self.resolve(choice).1)).collect();
        words.map(|words| words.concat())
    }

    /// What a value of that schema is, in words.
    fn kind(self, schema: &'a Value) -> Option<&'static str> {
        let (name, schema) = self.resolve(schema);
        if name == Some("SecretRef") {
            return Some("{ env = … } or { file = … }");
        }
        Some(match types(schema).as_slice() {
            ["string"] if schema.get("format") == Some(&"uri".into()) => "a URL",
            ["string"] => "a text",
            ["integer"] => "a whole number",
            ["number"] => "a number",
            ["boolean"] => "true or false",
            ["array"] => "a list",
            ["object"] => "a table",
            _ => return None,
        })
    }

    /// What to write for a missing key: for a secret an example, else the first sentence of its description.
    fn way_out(self, schema: &'a Value, path: &str) -> Option<String> {
        if self.resolve(schema).0 == Some("SecretRef") {
            return Some(example(path));
        }
        let own = schema.get("description").or_else(|| self.resolve(schema).1.get("description"))?.as_str()?;
        let line = own.split("\n\n").next()?.replace('\n', " ");
        let sentence = line.split(". ").next()?.trim_end_matches('.');
        let mut letters = sentence.chars();
        let first = letters.next()?.to_lowercase();
        Some(format!("`{}` is {first}{}", path.rsplit('.').next().unwrap_or(path), letters.as_str()))
    }
}

/// A reference to a secret, or a fault that never shows what stands there.
fn secret(value: &Spanned<DeValue<'_>>, path: &str, out: &mut Findings) {
    let DeValue::Table(table) = value.get_ref() else {
        out.secrets.push(value.span());
        let hint = format!("{}, and change the secret: it has been in a file", example(path));
        out.faults.push(Fault::new(path, NEVER_A_TEXT, value.span()).hint(hint));
        return;
    };
    let mut entries = table.iter();
    match (entries.next(), entries.next()) {
        (Some((key, place)), None) if matches!(key.get_ref().as_ref(), "env" | "file" | "credential") => {
            if place.get_ref().as_str().is_none_or(str::is_empty) {
                let said = format!(
                    "expected the name of {}, found {}",
                    match key.get_ref().as_ref() {
                        "env" => "an environment variable",
                        "file" => "a file",
                        _ => "a systemd credential",
                    },
                    shown("", place.get_ref())
                );
                out.faults.push(Fault::new(join(path, key.get_ref()), said, place.span()));
            }
        }
        _ => {
            // Whoever wrote `{ text = "…" }` wrote the secret into the file too.
            let others =
                table.iter().filter(|(key, _)| !matches!(key.get_ref().as_ref(), "env" | "file" | "credential"));
            out.secrets.extend(others.map(|(_, place)| place.span()));
            let said = "expected one of { env = … } and { file = … }, found another table";
            out.faults.push(Fault::new(path, said, value.span()).hint(example(path)));
        }
    }
}

fn example(path: &str) -> String {
    let mut parts = path.rsplit('.');
    let key = parts.next().unwrap_or(path);
    let name: String = path
        .trim_start_matches("channel.")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
        .collect();
    format!("write {key} = {{ env = \"{name}\" }} and set that variable")
}

/// What a property's description says of leaving it out: a way out where what stands there is wrong.
fn left_out(schema: &Value) -> Option<String> {
    let text = schema.get("description")?.as_str()?.replace('\n', " ");
    let at = text.to_lowercase().find("left out: ")?;
    let said = text.get(at..)?.split(['.', ';']).next()?;
    Some(format!("left out: {}", said.get("left out: ".len()..)?))
}

/// `a, b or c`.
fn either(choices: &[String]) -> String {
    match choices {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => choices.concat(),
    }
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).filter(|t| *t != "null").collect(),
        _ => Vec::new(),
    }
}

/// A value as it may be shown in a message: short, and never where it may be a secret.
fn shown(path: &str, value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if sounds_secret(path.rsplit('.').next().unwrap_or(path)) || text.contains('@') => {
            "a text".to_owned()
        }
        DeValue::String(text) if text.chars().count() > 60 => {
            format!("\"{}…\"", text.chars().take(59).collect::<String>().escape_debug())
        }
        DeValue::String(text) => format!("\"{}\"", text.escape_debug()),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(yes) => yes.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

fn known(properties: &serde_json::Map<String, Value>) -> String {
    properties.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
