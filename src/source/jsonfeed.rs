//! JSON Feed 1.0 and 1.1 -> entries. Lenient as `feed` is: each item is read for itself, a number may stand for a
//! text, and a file cut off in the middle keeps what came before.

use std::borrow::Cow;
use std::fmt;

use jiff::tz::TimeZone;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use super::entry::{self, resolve};
use super::feed::{Feed, LONGEST_TTL, MAX_READ, Newest, Unreadable};
use super::head::keep_hub;
use super::picture::{Pictures, Place};
use super::{date, mend};
use crate::model::article::{Entry, Image};

/// The longest item read, bytes: its texts are cut to 64 KiB anyway.
const MAX_ITEM: usize = 1024 * 1024;

/// Reads a JSON document as a JSON Feed.
///
/// # Errors
/// [`Unreadable`] for JSON that is no JSON Feed, or is broken before its first item.
pub(super) fn read(text: &str, base: &Url) -> Result<Feed, Unreadable> {
    let mut found = Found::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let broken = (&mut found).deserialize(&mut json).err();
    let speaks = found.version.as_deref().is_some_and(|v| v.contains("jsonfeed.org"));
    if !found.has_items && !speaks {
        return Err(Unreadable::new(match broken {
            Some(error) => format!("broken JSON: {error}"),
            None => "a JSON document, not a JSON Feed".to_owned(),
        }));
    }
    let mut feed = Feed {
        title: found.title.as_deref().map(plain_line).filter(|t| !t.is_empty()),
        language: found.language.as_deref().and_then(entry::language),
        ..Feed::default()
    };
    feed.own = found.own.as_deref().and_then(|url| resolve(url, base));
    for hub in &found.hubs {
        keep_hub(&mut feed, resolve(hub, base));
    }
    if found.expired {
        // It will never change again.
        feed.ttl = Some(LONGEST_TTL);
        feed.note("the feed says that it has ended".to_owned());
    }
    let mut newest = Newest::default();
    for (number, item) in found.items.iter().enumerate() {
        match read_item(item, base, &mut newest) {
            Ok(None) => {}
            Ok(Some(mut entry)) => {
                newest.took(&entry);
                if entry.authors.is_empty() {
                    entry.authors.clone_from(&found.authors);
                }
                feed.entries.push(entry);
            }
            Err(why) => feed.note(format!("item {}: {why}", number + 1)),
        }
    }
    feed.note_kept(newest.passed);
    if found.more {
        feed.note(format!("more than {MAX_READ} items: the others were not read"));
    }
    if let Some(error) = broken {
        feed.note(format!("broken JSON behind item {}: {error}", found.items.len()));
    }
    Ok(feed.finish())
}

fn plain_line(text: &str) -> String {
    entry::line(&mend::escape(text))
}

/// Reads an item, unless it is too old to be kept.
fn read_item(raw: &RawValue, base: &Url, newest: &mut Newest) -> Result<Option<Entry>, String> {
    if raw.get().len() > MAX_ITEM {
        return Err(format!("larger than {} MiB", MAX_ITEM / 1024 / 1024));
    }
    let item: Value = serde_json::from_str(raw.get()).map_err(|error| format!("broken JSON: {error}"))?;
    if !item.is_object() {
        return Err("expected an object".to_owned());
    }
    let text = |key: &str| loose(item.get(key));
    let moment = |key: &str| text(key).and_then(|t| date::read(&t, &TimeZone::UTC));
    let (published, updated) = (moment("date_published"), moment("date_modified"));
    if !newest.is_open() && newest.passes(published.or(updated)) {
        return Ok(None);
    }
    let title = text("title").map(|t| plain_line(&t)).unwrap_or_default();
    let html = text("content_html");
    let content = html.clone().or_else(|| text("content_text").map(|t| mend::escape(&t)));
    let summary = text("summary").map(|t| mend::escape(&t));
    let guid = text("id").map(|id| entry::cut(id.trim().to_owned()));
    let link = [text("url"), text("external_url")].into_iter().flatten().find_map(|url| resolve(&url, base));
    let link = link.or_else(|| guid.as_deref().filter(|id| Url::parse(id).is_ok()).and_then(|id| resolve(id, base)));
    if title.is_empty() && link.is_none() && summary.is_none() && content.is_none() {
        return Err("no title, no link and no text".to_owned());
    }
    let mut pictures = Pictures::default();
    for (key, place) in [("image", Place::Stated), ("banner_image", Place::Preview)] {
        if let Some(url) = text(key).and_then(|url| resolve(&url, base)) {
            pictures.add(place, Image::at(url));
        }
    }
    for file in item.get("attachments").and_then(Value::as_array).into_iter().flatten() {
        let picture = loose(file.get("mime_type")).is_some_and(|kind| kind.starts_with("image/"));
        if let Some(url) = loose(file.get("url")).filter(|_| picture).and_then(|url| resolve(&url, base)) {
            let alt = loose(file.get("title")).map(|t| plain_line(&t)).filter(|t| !t.is_empty());
            pictures.add(Place::Enclosure, Image { alt, ..Image::at(url) });
        }
    }
    if let Some(html) = &html {
        pictures.of_text(html, base);
    }
    let (image, pictures) = pictures.choose();
    let tags = item
        .get("tags")
        .and_then(Value::as_array)
        .map(|tags| tags.iter().filter_map(|tag| loose(Some(tag))).map(|tag| plain_line(&tag)).collect());
    let full = |html: Option<String>| html.map(|h| entry::text(&h)).filter(|t| !t.is_empty());
    Ok(Some(Entry {
        guid,
        title,
        link,
        published,
        updated,
        authors: authors(item.get("authors"), item.get("author")),
        categories: entry::distinct(tags.unwrap_or_default()),
        summary: full(summary),
        content: full(content),
        image,
        pictures,
        language: text("language").and_then(|l| entry::language(&l)),
        ..Entry::default()
    }))
}

/// A text, or a number that stands for one; blank is nothing.
fn loose(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// `authors` of 1.1, else `author` of 1.0.
fn authors(many: Option<&Value>, one: Option<&Value>) -> Vec<String> {
    let name = |value: &Value| {
        let text = if value.is_object() { loose(value.get("name")) } else { loose(Some(value)) };
        text.and_then(|text| entry::name(&mend::escape(&text)))
    };
    let all = many.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let names: Vec<String> = all.iter().filter_map(name).collect();
    entry::distinct(if names.is_empty() { one.iter().copied().filter_map(name).collect() } else { names })
}

/// What a document held as far as it could be read.
#[derive(Default)]
struct Found<'a> {
    version: Option<String>,
    title: Option<String>,
    language: Option<String>,
    own: Option<String>,
    hubs: Vec<String>,
    expired: bool,
    authors: Vec<String>,
    items: Vec<&'a RawValue>,
    has_items: bool,
    more: bool,
}

impl<'a> DeserializeSeed<'a> for &mut Found<'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for &mut Found<'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'a, str>>()? {
            if key == "items" {
                self.has_items = true;
                map.next_value_seed(Items(self))?;
                continue;
            }
            let known = ["version", "title", "language", "feed_url", "hubs", "expired", "authors", "author"];
            if !known.contains(&key.as_ref()) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let raw = map.next_value::<&RawValue>()?;
            let value: Value = if raw.get().len() > MAX_ITEM {
                Value::Null
            } else {
                serde_json::from_str(raw.get()).unwrap_or(Value::Null)
            };
            match key.as_ref() {
                "version" => self.version = loose(Some(&value)),
                "title" => self.title = loose(Some(&value)),
                "language" => self.language = loose(Some(&value)),
                "feed_url" => self.own = loose(Some(&value)),
                "expired" => self.expired = value == Value::Bool(true),
                "hubs" => {
                    let hubs = value.as_array().into_iter().flatten();
                    let web = |hub: &&Value| loose(hub.get("type")).is_none_or(|t| t.eq_ignore_ascii_case("websub"));
                    self.hubs = hubs.filter(web).filter_map(|hub| loose(hub.get("url"))).collect();
                }
                "authors" => self.authors = authors(Some(&value), None),
                _ if self.authors.is_empty() => self.authors = authors(None, Some(&value)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The items, as they stand in the text, the first [`MAX_READ`] of them.
struct Items<'f, 'a>(&'f mut Found<'a>);

impl<'a> DeserializeSeed<'a> for Items<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'a> Visitor<'a> for Items<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of items")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<(), A::Error> {
        while self.0.items.len() < MAX_READ {
            match items.next_element::<&RawValue>()? {
                Some(item) => self.0.items.push(item),
                None => return Ok(()),
            }
        }
        while items.next_element::<IgnoredAny>()?.is_some() {
            self.0.more = true;
        }
        Ok(())
    }
}
