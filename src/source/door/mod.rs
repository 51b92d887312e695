//! What a newsroom's own system pushes to `POST /ingest/SOURCE` -> entries. Which format it is, is told by its content:
//! ninjs, a WordPress post, Ghost's web hook, or our own small JSON. Pure; who may push is `auth`'s, what becomes of the
//! entries the engine's.
//!
//! Unlike a feed, what is pushed here is either understood or refused: the sender is one of us, gets an answer, and can
//! mend what it sends. So an unknown key of our own format is refused rather than passed over: it may be a mistyped
//! embargo.

pub mod auth;
mod ghost;
pub mod link;
mod ninjs;
mod small;
mod wordpress;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::{date, entry};
use crate::model::article::{Entry, Image, Standing};
use crate::model::grant::SecretRef;
use crate::text::plain;

/// The most bytes of a push. 1 MiB. Source: reliability.md section 6, 2026-11.
pub const MAX_BODY: usize = 1024 * 1024;
/// The most levels of objects and lists inside each other. Source: reliability.md section 6, 2026-11.
const MAX_DEPTH: usize = 32;
/// The most stories of one push: as many as are kept of one fetch.
const MAX_STORIES: usize = 500;

/// `[source.NAME.ingest]` of the config: who may push stories, and what their links are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// A token that the sender puts behind `Authorization: Bearer`.
    pub token: Option<SecretRef>,
    /// A secret that the sender signs with: Standard Webhooks (`whsec_…`), or Ghost's own signature.
    pub secret: Option<SecretRef>,
    /// The address of a story whose format names none (ninjs): `https://www.example/{{ uri }}`.
    pub link: Option<String>,
}

/// Why a push is not taken, with the HTTP status that says whose fault it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{said}")]
pub struct Refused {
    /// 400, 401, 413 or 422.
    pub status: u16,
    /// The place, what was expected and found, and the way out.
    pub said: String,
}

impl Refused {
    /// What was sent is no JSON at all.
    fn broken(said: impl Into<String>) -> Self {
        Self { status: 400, said: said.into() }
    }

    /// JSON, but not what it should be.
    fn unfit(said: impl Into<String>) -> Self {
        Self { status: 422, said: said.into() }
    }
}

/// Reads what was pushed: one story or a list of them. `template`: the config's `link`. An event that speaks of no story
/// (a page of Ghost's) gives none.
///
/// # Errors
/// [`Refused`]; then nothing of the push is to be taken.
pub fn read(bytes: &[u8], template: Option<&str>) -> Result<Vec<Entry>, Refused> {
    if bytes.len() > MAX_BODY {
        return Err(Refused { status: 413, said: format!("expected at most {MAX_BODY} bytes, found {}", bytes.len()) });
    }
    check_depth(bytes)?;
    let value: Value = serde_json::from_slice(bytes).map_err(|e| Refused::broken(format!("expected JSON: {e}")))?;
    let (items, is_list) = match value {
        Value::Array(items) => (items, true),
        one => (vec![one], false),
    };
    if items.len() > MAX_STORIES {
        return Err(Refused::unfit(format!("expected at most {MAX_STORIES} stories in a push, found {}", items.len())));
    }
    let mut entries = Vec::new();
    for (n, item) in items.iter().enumerate() {
        let found = one(item, template)
            .map_err(|said| Refused::unfit(if is_list { format!("story {}: {said}", n + 1) } else { said }))?;
        entries.extend(found);
    }
    Ok(entries)
}

fn one(item: &Value, template: Option<&str>) -> Result<Option<Entry>, String> {
    let Value::Object(item) = item else {
        return Err("expected an object or a list of objects".to_owned());
    };
    if let Some(event) = ghost::event(item) {
        return event;
    }
    let entry = if wordpress::is(item) {
        wordpress::read(item)?
    } else if ninjs::is(item) {
        ninjs::read(item, template)?
    } else {
        small::read(item)?
    };
    check(&entry)?;
    Ok(Some(entry))
}

/// A story that may be used must have something to say, and a name to be known by.
fn check(entry: &Entry) -> Result<(), String> {
    if entry.guid.is_none() && entry.link.is_none() {
        return Err(
            "expected an id or a link: without either, a correction could not be told from a new story".to_owned()
        );
    }
    if entry.standing == Standing::Usable && entry.title.is_empty() {
        return Err("expected a title, found none".to_owned());
    }
    Ok(())
}

/// Objects and lists inside each other, counted before anything is built of them.
fn check_depth(bytes: &[u8]) -> Result<(), Refused> {
    let (mut depth, mut in_text, mut escaped) = (0usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(Refused::broken(format!("expected at most {MAX_DEPTH} levels, found more")));
        }
    }
    Ok(())
}

type Object = Map<String, Value>;

/// The first of these keys that holds a text or a number.
fn text(item: &Object, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| scalar(item.get(*key)?))
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A text that is plain already, as one clean line.
fn words(text: &str) -> String {
    plain::line(text)
}

/// HTML as one clean line.
fn html_line(html: &str) -> Option<String> {
    Some(entry::line(html)).filter(|text| !text.is_empty())
}

/// HTML as paragraphs.
fn html_text(html: &str) -> Option<String> {
    Some(entry::text(html)).filter(|text| !text.is_empty())
}

/// An http(s) address in full.
fn address(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim()).ok()?;
    entry::resolve(text, &url)
}

/// The first of these keys that holds a date; one without a zone is UTC.
fn moment(item: &Object, keys: &[&str]) -> Option<Timestamp> {
    keys.iter().find_map(|key| date::read(item.get(*key)?.as_str()?, &TimeZone::UTC))
}

/// The list under the first of these keys that has one.
fn list<'a>(item: &'a Object, keys: &[&str]) -> &'a [Value] {
    keys.iter().find_map(|key| item.get(*key)?.as_array()).map(Vec::as_slice).unwrap_or_default()
}

/// Pixels.
fn pixels(value: Option<&Value>) -> Option<u32> {
    match value? {
        Value::String(text) => text.trim().parse().ok(),
        number => number.as_u64().and_then(|n| u32::try_from(n).ok()),
    }
    .filter(|n| *n > 0)
}

/// A guid within the limit of a text, without signs that no database keeps.
fn guid(text: String) -> String {
    entry::cut(text.chars().filter(|c| !c.is_control()).collect())
}

/// Names, each once.
fn names(all: impl Iterator<Item = String>) -> Vec<String> {
    entry::distinct(all.map(|name| words(&name)).collect())
}

/// The first picture of the text, where the format names none.
fn inside(html: Option<&str>, link: Option<&Url>) -> Option<Image> {
    entry::picture_in(html?, link?)
}

#[cfg(test)]
mod tests;
