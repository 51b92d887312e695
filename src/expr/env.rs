//! The one minijinja environment: its limits, its own filters and tests, and how its faults are told.

use std::collections::{HashMap, HashSet};
use std::sync::{LazyLock, Mutex, PoisonError};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};
use regex::{Regex, RegexBuilder};

use super::ExprError;
use super::marks::{self, DEFAULT_MIN, DEFAULT_SPREAD, MAX_PARTS, MAX_WEIGHT};
use super::nearest;
use super::scene::NAMES;

/// Instructions one rendering or condition may take: a template over a long article takes some hundreds, beside which
/// each byte of text costs a little.
const FUEL: u64 = 1_000_000;
/// Bytes a compiled pattern may take.
const PATTERN_BYTES: usize = 1 << 20;
/// Patterns kept compiled; beyond that all are dropped and compiled anew.
const PATTERNS: usize = 512;

/// The environment of all conditions.
pub(super) static CONDITIONS: LazyLock<Environment<'static>> = LazyLock::new(environment);

/// An environment without templates.
pub(super) fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_debug(false);
    env.set_syntax(
        SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().expect("the usual delimiters are valid"),
    );
    env.add_test("matching", matching);
    env.add_filter("elastic", elastic);
    env.add_filter("optional", optional);
    env.add_filter("part", part);
    env.add_filter("thread", thread);
    env
}

fn matching(value: &Value, pattern: &str) -> Result<bool, Error> {
    let text = value.as_str().ok_or_else(|| wrong(format!("matching: expected a text, found {}", kind(value))))?;
    let re = compiled(pattern).map_err(wrong)?;
    Ok(re.is_match(text))
}

fn elastic(value: &Value, options: Kwargs) -> Result<String, Error> {
    let weight = options.get::<Option<u32>>("weight")?.unwrap_or(1);
    let min = options.get::<Option<usize>>("min")?.unwrap_or(DEFAULT_MIN);
    options.assert_all_used()?;
    if !(1..=MAX_WEIGHT).contains(&weight) {
        return Err(wrong(format!("elastic: expected a weight from 1 to {MAX_WEIGHT}, found {weight}")));
    }
    Ok(marks::elastic(&text(value, "elastic")?, weight, min))
}

fn optional(value: &Value) -> Result<String, Error> {
    Ok(marks::optional(&text(value, "optional")?))
}

fn part(value: &Value, options: Kwargs) -> Result<String, Error> {
    let numbered = options.get::<Option<bool>>("numbered")?.unwrap_or(false);
    options.assert_all_used()?;
    Ok(marks::part(&text(value, "part")?, numbered))
}

fn thread(value: &Value, options: Kwargs) -> Result<String, Error> {
    let max = options.get::<Option<usize>>("max")?.unwrap_or(DEFAULT_SPREAD);
    let numbered = options.get::<Option<bool>>("numbered")?.unwrap_or(false);
    options.assert_all_used()?;
    if !(1..=MAX_PARTS).contains(&max) {
        return Err(wrong(format!("thread: expected a max from 1 to {MAX_PARTS}, found {max}")));
    }
    Ok(marks::spread(&text(value, "thread")?, max, numbered))
}

fn text(value: &Value, filter: &str) -> Result<String, Error> {
    match value.kind() {
        ValueKind::String | ValueKind::Number => Ok(value.to_string()),
        _ => Err(wrong(format!("{filter}: expected a text, found {} (use join for a list)", kind(value)))),
    }
}

fn kind(value: &Value) -> String {
    format!("a {}", value.kind())
}

fn wrong(said: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, said)
}

/// The pattern, compiled once. The engine is linear in the text, whatever the pattern.
fn compiled(pattern: &str) -> Result<Regex, String> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(re) = known.get(pattern) {
        return Ok(re.clone());
    }
    // In a text of this language `\b` is a backspace; in a pattern nobody means that.
    let meant = pattern.replace('\u{8}', r"\b");
    let re = RegexBuilder::new(&meant).size_limit(PATTERN_BYTES).build().map_err(|e| {
        let said = e.to_string();
        format!("the pattern is wrong: {}", said.lines().last().unwrap_or(&said).trim_start_matches("error: "))
    })?;
    if known.len() >= PATTERNS {
        known.clear();
    }
    known.insert(pattern.to_owned(), re.clone());
    Ok(re)
}

/// A fault of the engine in our words; `place` maps a byte of what the engine read to a byte of what was written.
pub(super) fn fault(error: &Error, text: &str, place: impl Fn(usize) -> usize) -> ExprError {
    let mut said = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => "it takes too many steps".to_owned(),
        (ErrorKind::InvalidOperation | ErrorKind::SyntaxError, Some(detail)) => detail.to_owned(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    };
    if let Some(source) = std::error::Error::source(error) {
        said = format!("{said}: {source}");
    }
    let range = error.range().map(|r| {
        let start = text.floor_char_boundary(place(r.start));
        start..text.ceil_char_boundary(place(r.end)).max(start)
    });
    let line = match &range {
        Some(r) => Some(line_of(text, r.start)),
        None => Some(error.line().unwrap_or(1)),
    };
    ExprError { said, line, range }
}

/// The 1-based line of a byte.
pub(super) fn line_of(text: &str, byte: usize) -> usize {
    1 + text.as_bytes().iter().take(byte).filter(|b| **b == b'\n').count()
}

/// Refuses a name that is no variable and no function.
pub(super) fn check_names(text: &str, used: &HashSet<String>) -> Result<(), ExprError> {
    let mut unknown: Vec<&String> = used
        .iter()
        .filter(|n| !NAMES.contains(&n.as_str()) && !CONDITIONS.globals().any(|(known, _)| known == n.as_str()))
        .collect();
    unknown.sort();
    let faults = unknown.into_iter().map(|name| {
        let hint = nearest::hint(name, NAMES.iter().copied());
        at_word(text, name, format!("unknown name `{name}`{hint}; there are {}", NAMES.join(", ")))
    });
    // The first as it is read, not by the alphabet.
    match faults.min_by_key(|fault| fault.range.as_ref().map_or(usize::MAX, |range| range.start)) {
        Some(fault) => Err(fault),
        None => Ok(()),
    }
}

/// The filters that are of use in a template, for messages.
pub(super) const FILTERS: &[&str] = &[
    "elastic",
    "optional",
    "part",
    "thread",
    "abs",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "default",
    "first",
    "float",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "trim",
    "unique",
    "upper",
    "zip",
];

static FILTER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?:\||\{%-?\s*filter\b)\s*([A-Za-z_][A-Za-z0-9_]*)").expect("a constant pattern"));
static CODE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?s)\{\{.*?\}\}|\{%.*?%\}").expect("a constant pattern"));
static LITERAL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*""#).expect("a constant pattern"));

/// A filter that puts marks, and the filter behind it.
static BEHIND: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?:\||\{%-?\s*filter\b)\s*(elastic|optional|part|thread)\b\s*(?:\([^()]*\)\s*)?\|\s*([A-Za-z_][A-Za-z0-9_]*)",
    )
    .expect("a constant pattern")
});

/// Refuses a filter behind one that puts marks: it would work on the marks as well. A whole may leave whose text is
/// elastic, and either may be a part.
fn check_marks_last(bare: &str, offset: usize, text: &str) -> Result<(), ExprError> {
    let mut from = 0;
    while let Some(found) = BEHIND.captures_at(bare, from) {
        let (Some(mark), Some(behind)) = (found.get(1), found.get(2)) else { return Ok(()) };
        let may = matches!((mark.as_str(), behind.as_str()), ("elastic", "optional" | "part") | ("optional", "part"));
        if !may {
            let at = offset + behind.start();
            let said = format!(
                "`{}` and its like have to be the last filters, found `{}` behind it",
                mark.as_str(),
                behind.as_str()
            );
            return Err(ExprError { said, line: Some(line_of(text, at)), range: Some(at..at + behind.len()) });
        }
        // The filter behind may put marks itself: looked at from its bar on.
        from = bare[..behind.start()].rfind('|').unwrap_or(behind.start());
    }
    Ok(())
}

/// Refuses a filter that is none, also where it stands in a branch not taken, and one behind a filter that puts marks.
pub(super) fn check_filters(text: &str) -> Result<(), ExprError> {
    // What stands between quotes is no code; blanks keep the places.
    let blanks = |c: &regex::Captures<'_>| " ".repeat(c.get(0).map_or(0, |m| m.len()));
    for code in CODE.find_iter(text) {
        let bare = LITERAL.replace_all(code.as_str(), blanks);
        check_marks_last(&bare, code.start(), text)?;
        for name in FILTER.captures_iter(&bare).filter_map(|c| c.get(1)) {
            let known = match CONDITIONS.compile_expression(&format!("'' | {}", name.as_str())).map(|e| e.eval(())) {
                Ok(Err(e)) | Err(e) => e.kind() != ErrorKind::UnknownFilter,
                Ok(Ok(_)) => true,
            };
            if !known {
                let at = code.start() + name.start();
                let hint = nearest::hint(name.as_str(), FILTERS.iter().copied());
                let said = format!("unknown filter `{}`{hint}", name.as_str());
                return Err(ExprError { said, line: Some(line_of(text, at)), range: Some(at..at + name.len()) });
            }
        }
    }
    Ok(())
}

/// A fault at the first place where the word stands by itself.
pub(super) fn at_word(text: &str, word: &str, said: String) -> ExprError {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    let at = text
        .match_indices(word)
        .map(|(i, _)| i)
        .find(|&i| !text[..i].ends_with(inside) && !text[i + word.len()..].starts_with(inside));
    ExprError { said, line: at.map(|i| line_of(text, i)).or(Some(1)), range: at.map(|i| i..i + word.len()) }
}

static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"\bmatching\s*\(\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"#).expect("a constant pattern")
});

/// Compiles every pattern written out, so that a broken one is found before an article meets it.
pub(super) fn check_patterns(text: &str) -> Result<(), ExprError> {
    for literal in PATTERN.captures_iter(text).filter_map(|c| c.get(1)) {
        let Ok(read) = CONDITIONS.compile_expression(literal.as_str()).and_then(|e| e.eval(())) else { continue };
        if let Some(Err(said)) = read.as_str().map(compiled) {
            return Err(ExprError { said, line: Some(line_of(text, literal.start())), range: Some(literal.range()) });
        }
    }
    Ok(())
}
