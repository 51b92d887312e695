//! News in JSON (IPTC ninjs) 1, 2 and 3: one reading for the three spellings of its names (`versioncreated`,
//! `versionCreated`; objects by name in 1, lists with a `name` from 2 on). Source: iptc/newsinjson, schema 3.1,
//! 2025-05-21.

use serde_json::Value;

use super::{Object, address, guid, html_line, html_text, inside, link, list, moment, names, pixels, text};
use crate::model::article::{Entry, Image, Standing};
use crate::source::entry::language;
use crate::source::mend;

/// Any of these beside `uri` makes it ninjs.
const MARKS: [&str; 16] = [
    "standard",
    "$standard",
    "versioncreated",
    "versionCreated",
    "firstcreated",
    "firstCreated",
    "pubstatus",
    "pubStatus",
    "headline",
    "headlines",
    "body_text",
    "body_html",
    "body_xhtml",
    "bodies",
    "descriptions",
    "description_text",
];

/// Whether this is one.
pub(super) fn is(item: &Object) -> bool {
    item.get("uri").is_some_and(Value::is_string) && MARKS.iter().any(|mark| item.contains_key(*mark))
}

/// Reads a story. `template`: the config's `link`.
pub(super) fn read(item: &Object, template: Option<&str>) -> Result<Entry, String> {
    let uri = text(item, &["uri"]).ok_or("uri: expected a text, found an empty one")?;
    let kind = text(item, &["type"]).unwrap_or_else(|| "text".to_owned()).to_ascii_lowercase();
    if matches!(kind.as_str(), "picture" | "graphic" | "audio" | "video" | "planning" | "event" | "component") {
        return Err(format!("type: expected a story in words, found {kind}"));
    }
    let standing = match text(item, &["pubStatus", "pubstatus"]).map(|word| word.to_ascii_lowercase()).as_deref() {
        None | Some("usable") => Standing::Usable,
        Some("withheld") => Standing::Withheld,
        Some("canceled" | "cancelled") => Standing::Killed,
        Some(other) => {
            return Err(format!("pubStatus: expected usable, withheld or canceled, found {other:?}"));
        }
    };
    let embargo = embargo(item)?;
    let page = page(item);
    let address = match template {
        Some(template) => Some(link::fill(template, item)?),
        None => page,
    };
    if address.is_none() && standing == Standing::Usable {
        return Err(
            "no link: `uri` names the story, not its page; write link = \"https://www.example/{{ uri }}\" (or \
                    \"{{ uri }}\" where it is the page) under [source.NAME.ingest], or add a rendition of text/html"
                .to_owned(),
        );
    }
    let body = words(item, "bodies", "body");
    let body_html = body.iter().find(|(_, html)| *html).or(body.first()).map(|(text, html)| markup(text, *html));
    let summary = words(item, "descriptions", "description").into_iter().next();
    Ok(Entry {
        guid: Some(guid(uri)),
        title: headline(item).unwrap_or_default(),
        published: moment(item, &["firstCreated", "firstcreated", "contentCreated", "contentcreated"]),
        updated: moment(item, &["versionCreated", "versioncreated"]),
        authors: authors(item),
        categories: named(item, &["subjects", "subject"]),
        summary: summary.and_then(|(text, html)| html_text(&markup(&text, html))),
        image: picture(item).or_else(|| inside(body_html.as_deref(), address.as_ref())),
        content: body_html.as_deref().and_then(html_text),
        language: text(item, &["language"]).and_then(|tag| language(&tag)),
        keywords: keywords(item),
        standing,
        embargo,
        link: address,
        ..Entry::default()
    })
}

/// An embargo that cannot be read is refused: taken for none, it would be broken.
fn embargo(item: &Object) -> Result<Option<jiff::Timestamp>, String> {
    const KEYS: [&str; 4] = ["embargoedUntil", "embargoeduntil", "embargoed", "embargo"];
    let Some(key) = KEYS.into_iter().find(|key| item.get(*key).is_some_and(|value| !value.is_null())) else {
        return Ok(None);
    };
    if item.get(key).and_then(Value::as_str).is_some_and(|text| text.trim().is_empty()) {
        return Ok(None);
    }
    let wrong = || format!("{key}: expected a time as \"2026-11-25T18:00:00+04:00\", found {}", item[key]);
    moment(item, &[key]).map(Some).ok_or_else(wrong)
}

/// The main headline: of 1.x as it stands, of the later ones by its role.
fn headline(item: &Object) -> Option<String> {
    let all: Vec<&Object> = list(item, &["headlines"]).iter().filter_map(Value::as_object).collect();
    let role = |it: &&&Object| text(it, &["role"]).is_none_or(|role| role.rsplit([':', '/']).next() == Some("main"));
    let chosen = all.iter().find(role).or(all.first());
    let found = chosen.and_then(|it| text(it, &["value"])).or_else(|| text(item, &["headline", "title"]));
    // Headlines are plain text by the schema, and HTML in the wild: a `<` that opens no tag stays.
    html_line(&found?)
}

/// Texts with whether each is HTML: `bodies[]` with a content type, or `body_text`, `body_html`.
fn words(item: &Object, many: &str, one: &str) -> Vec<(String, bool)> {
    let listed = list(item, &[many]).iter().filter_map(Value::as_object).filter_map(|it| {
        let kind = text(it, &["contentType", "contenttype"]).unwrap_or_default();
        Some((text(it, &["value"])?, kind.contains("html")))
    });
    let mut found: Vec<_> = listed.collect();
    for (kind, html) in [("html", true), ("xhtml", true), ("text", false)] {
        found.extend(text(item, &[&format!("{one}_{kind}")]).map(|text| (text, html)));
    }
    found
}

fn markup(text: &str, html: bool) -> String {
    if html { text.to_owned() } else { mend::escape(text) }
}

/// `people[]` who wrote it, else the by-line.
fn authors(item: &Object) -> Vec<String> {
    let people = list(item, &["people", "person"]).iter().filter_map(Value::as_object).filter(|it| {
        let role = text(it, &["rel", "role"]).unwrap_or_default().to_ascii_lowercase();
        ["author", "creator", "byline", "reporter", "writer"].iter().any(|word| role.contains(word))
    });
    let found = names(people.filter_map(|it| text(it, &["name"])));
    if !found.is_empty() {
        return found;
    }
    let line = text(item, &["by", "byline"]).unwrap_or_default();
    let line = super::words(&line);
    let bare = line.get(..3).filter(|start| start.eq_ignore_ascii_case("by ")).map_or(line.as_str(), |_| &line[3..]);
    names(bare.split(" and ").flat_map(|part| part.split(',')).map(|name| name.trim().to_owned()))
}

fn named(item: &Object, keys: &[&str]) -> Vec<String> {
    names(list(item, keys).iter().filter_map(|it| match it {
        Value::Object(it) => text(it, &["name", "literal"]),
        other => super::scalar(other),
    }))
}

fn keywords(item: &Object) -> Vec<String> {
    let mut all = named(item, &["keywords", "keyword"]);
    all.extend(named(item, &["genres", "genre"]));
    names(all.into_iter())
}

/// A rendition's content type, however it is spelled.
fn kind(rendition: &Object) -> String {
    text(rendition, &["contentType", "contenttype", "mimeType", "mimetype"]).unwrap_or_default().to_ascii_lowercase()
}

/// What an item's `renditions` hold: a list, or in 1.x an object by name.
fn renditions(item: &Object) -> Vec<&Object> {
    children(item.get("renditions"))
}

fn children(value: Option<&Value>) -> Vec<&Object> {
    match value {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_object).collect(),
        Some(Value::Object(all)) => all.values().filter_map(Value::as_object).collect(),
        _ => Vec::new(),
    }
}

/// The story's page, where a rendition is one.
fn page(item: &Object) -> Option<url::Url> {
    let pages = renditions(item).into_iter().filter(|it| kind(it).starts_with("text/html"));
    pages.into_iter().find_map(|it| address(&text(it, &["href"])?))
}

/// The widest rendition of the first picture that goes with the story.
fn picture(item: &Object) -> Option<Image> {
    children(item.get("associations")).into_iter().find_map(|other| {
        let is_picture = matches!(text(other, &["type"])?.to_ascii_lowercase().as_str(), "picture" | "graphic");
        let width = |it: &Object| pixels(it.get("width")).unwrap_or(0);
        let widest = renditions(other)
            .into_iter()
            .filter(|it| is_picture && (kind(it).is_empty() || kind(it).starts_with("image/")))
            .reduce(|best, next| if width(next) > width(best) { next } else { best })?;
        let caption = words(other, "descriptions", "description").into_iter().next();
        Some(Image {
            alt: headline(other),
            caption: caption.and_then(|(text, html)| html_line(&markup(&text, html))),
            width: pixels(widest.get("width")),
            height: pixels(widest.get("height")),
            ..Image::at(address(&text(widest, &["href"])?)?)
        })
    })
}
