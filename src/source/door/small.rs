//! Our own small JSON, for a system that speaks none of the others: docs/ingest.md. Strict: a key that is not known is
//! refused, since it may be a mistyped `embargo`.

use jiff::Timestamp;
use serde_json::Value;

use super::{Object, address, guid, html_text, names, pixels, scalar, words};
use crate::model::article::{Entry, Image, Standing};
use crate::source::entry::language;

/// Every key there is.
const KEYS: [&str; 15] = [
    "id",
    "title",
    "link",
    "summary",
    "content",
    "published",
    "updated",
    "authors",
    "categories",
    "keywords",
    "image",
    "language",
    "embargo",
    "standing",
    "paywall",
];

/// Reads a story.
pub(super) fn read(item: &Object) -> Result<Entry, String> {
    if let Some(key) = item.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let shown: String = key.chars().take(40).collect();
        return Err(format!(
            "{shown}: unknown key; expected ninjs (`uri`), a WordPress post (`title.rendered`), Ghost's web hook (`post`) \
             or these keys: {}",
            KEYS.join(", ")
        ));
    }
    let summary = string(item, "summary")?;
    let content = string(item, "content")?;
    Ok(Entry {
        guid: string(item, "id")?.map(guid),
        title: string(item, "title")?.map(|title| words(&title)).unwrap_or_default(),
        link: link(item, "link")?,
        published: instant(item, "published")?,
        updated: instant(item, "updated")?,
        authors: texts(item, "authors")?,
        categories: texts(item, "categories")?,
        summary: summary.as_deref().and_then(html_text),
        content: content.as_deref().and_then(html_text),
        image: item.get("image").filter(|it| !it.is_null()).map(image).transpose()?,
        language: match string(item, "language")? {
            Some(tag) => Some(language(&tag).ok_or_else(|| format!("language: expected a BCP 47 tag, found {tag:?}"))?),
            None => None,
        },
        keywords: texts(item, "keywords")?,
        standing: standing(item)?,
        embargo: instant(item, "embargo")?,
        paywall: match item.get("paywall") {
            None | Some(Value::Null) => None,
            Some(Value::Bool(walled)) => Some(*walled),
            Some(_) => return Err("paywall: expected true or false".to_owned()),
        },
        ..Entry::default()
    })
}

fn string(item: &Object, key: &str) -> Result<Option<String>, String> {
    match item.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(value) => scalar(value).map(Some).ok_or_else(|| format!("{key}: expected a text")),
    }
}

fn link(item: &Object, key: &str) -> Result<Option<url::Url>, String> {
    let Some(text) = string(item, key)? else { return Ok(None) };
    let wrong = || format!("{key}: expected an http or https URL of at most 2048 bytes, found something else");
    address(&text).map(Some).ok_or_else(wrong)
}

/// A date that cannot be read is refused: an embargo that nobody understood would be none.
fn instant(item: &Object, key: &str) -> Result<Option<Timestamp>, String> {
    let Some(text) = string(item, key)? else { return Ok(None) };
    let wrong = || format!("{key}: expected a time with its zone as \"2026-11-25T18:00:00+04:00\", found {text:?}");
    text.parse().map(Some).map_err(|_| wrong())
}

fn texts(item: &Object, key: &str) -> Result<Vec<String>, String> {
    match item.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(all)) if all.iter().all(Value::is_string) => {
            Ok(names(all.iter().filter_map(|text| text.as_str().map(str::to_owned))))
        }
        Some(_) => Err(format!("{key}: expected a list of texts")),
    }
}

fn standing(item: &Object) -> Result<Standing, String> {
    match string(item, "standing")?.as_deref() {
        None | Some("usable") => Ok(Standing::Usable),
        Some("withheld") => Ok(Standing::Withheld),
        Some("killed") => Ok(Standing::Killed),
        Some(other) => Err(format!("standing: expected usable, withheld or killed, found {other:?}")),
    }
}

fn image(value: &Value) -> Result<Image, String> {
    const KEYS: [&str; 5] = ["url", "alt", "caption", "width", "height"];
    let Value::Object(item) = value else {
        let text = value.as_str().ok_or("image: expected a URL, or an object with url, alt and caption")?;
        return address(text).map(Image::at).ok_or_else(|| "image: expected an http or https URL".to_owned());
    };
    if let Some(key) = item.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let shown: String = key.chars().take(40).collect();
        return Err(format!("image.{shown}: unknown key; expected {}", KEYS.join(", ")));
    }
    let inside = |said: String| format!("image.{said}");
    let line = |key: &str| Ok::<_, String>(string(item, key).map_err(inside)?.map(|text| words(&text)));
    Ok(Image {
        url: link(item, "url").map_err(inside)?.ok_or("image.url: missing")?,
        alt: line("alt")?,
        caption: line("caption")?,
        width: pixels(item.get("width")),
        height: pixels(item.get("height")),
    })
}
