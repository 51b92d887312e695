//! A post of WordPress as its REST API (`/wp/v2/posts`) gives it, best with `_embed`; also the answer to a deletion.
//! Source: developer.wordpress.org/rest-api/reference/posts, 2025-06.

use serde_json::Value;

use super::{Object, address, guid, html_line, html_text, inside, list, moment, names, pixels, text};
use crate::model::article::{Entry, Image, Standing};
use crate::source::entry::language;

/// Whether this is one: its texts come rendered.
pub(super) fn is(item: &Object) -> bool {
    deleted(item).is_some() || ["title", "guid", "content"].iter().any(|key| rendered(item, key).is_some())
}

/// The post that a deletion for good answers with.
fn deleted(item: &Object) -> Option<&Object> {
    let gone = item.get("deleted")?.as_bool()?;
    item.get("previous")?.as_object().filter(|previous| gone && is(previous))
}

fn rendered<'a>(item: &'a Object, key: &str) -> Option<&'a str> {
    item.get(key)?.as_object()?.get("rendered")?.as_str()
}

/// Reads a post.
pub(super) fn read(item: &Object) -> Result<Entry, String> {
    if let Some(previous) = deleted(item) {
        // The date is that of the last version: the word itself is newer.
        return Ok(Entry { standing: Standing::Killed, updated: None, ..read(previous)? });
    }
    let kind = text(item, &["type"]).unwrap_or_else(|| "post".to_owned());
    if kind == "attachment" {
        return Err("type: expected a post, found an attachment".to_owned());
    }
    let locked = item.get("content").and_then(|it| it.get("protected")?.as_bool()).unwrap_or(false);
    let status = text(item, &["status"]).unwrap_or_else(|| "publish".to_owned());
    let standing = match status.as_str() {
        "publish" if !locked => Standing::Usable,
        // `future` too: WordPress publishes it itself, and pushes again.
        _ => Standing::Withheld,
    };
    let link = text(item, &["link"]).and_then(|url| address(&url));
    let content = rendered(item, "content").filter(|_| !locked);
    let embedded = item.get("_embedded").and_then(Value::as_object);
    let of = |key: &str| embedded.map(|it| list(it, &[key])).unwrap_or_default();
    let terms = |taxonomy: &str| {
        let all = of("wp:term").iter().filter_map(Value::as_array).flatten().filter_map(Value::as_object);
        let wanted = all.filter(|term| text(term, &["taxonomy"]).as_deref() == Some(taxonomy));
        // Names come with their signs as HTML has them.
        names(wanted.filter_map(|term| html_line(&text(term, &["name"])?)).collect::<Vec<_>>().into_iter())
    };
    let authors = of("author").iter().filter_map(|it| html_line(&text(it.as_object()?, &["name"])?));
    let image = of("wp:featuredmedia").iter().find_map(|it| picture(it.as_object()?));
    let id = rendered(item, "guid").map(str::to_owned).or_else(|| text(item, &["id"]));
    Ok(Entry {
        guid: id.filter(|id| !id.trim().is_empty()).map(|id| guid(id.trim().to_owned())),
        title: rendered(item, "title").and_then(html_line).unwrap_or_default(),
        published: moment(item, &["date_gmt", "date"]),
        updated: moment(item, &["modified_gmt", "modified"]),
        authors: names(authors),
        categories: terms("category"),
        summary: rendered(item, "excerpt").filter(|_| !locked).and_then(html_text),
        image: image.or_else(|| inside(content, link.as_ref())),
        content: content.and_then(html_text),
        language: text(item, &["lang"]).and_then(|tag| language(&tag)),
        keywords: terms("post_tag"),
        standing,
        link,
        ..Entry::default()
    })
}

fn picture(media: &Object) -> Option<Image> {
    let size = media.get("media_details").and_then(Value::as_object);
    Some(Image {
        alt: text(media, &["alt_text"]).and_then(|alt| html_line(&alt)),
        caption: rendered(media, "caption").and_then(html_line),
        width: pixels(size.and_then(|it| it.get("width"))),
        height: pixels(size.and_then(|it| it.get("height"))),
        ..Image::at(address(&text(media, &["source_url"])?)?)
    })
}
