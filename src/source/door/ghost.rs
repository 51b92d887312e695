//! Ghost's web hook: `{"post": {"current": {…}, "previous": {…}}}`, the same shape for every event; what happened is told
//! by the two states of the post. Read against Ghost 6.65 (2026-11); `previous` holds only what changed, and after a
//! deletion `current` is empty and `previous` is the whole post.

use serde_json::Value;

use super::{Object, address, check, guid, html_line, html_text, inside, list, moment, names, text, words};
use crate::model::article::{Entry, Image, Standing};

/// The story of an event; `None` where this is no event of Ghost's. An event of something else than a post has no story.
pub(super) fn event(item: &Object) -> Option<Result<Option<Entry>, String>> {
    let of =
        |key: &str| item.get(key)?.as_object().filter(|it| it.contains_key("current") || it.contains_key("previous"));
    if let Some(post) = of("post") {
        return Some(read(post).and_then(|entry| check(&entry).map(|()| Some(entry))));
    }
    ["page", "tag", "member"].iter().any(|key| of(key).is_some()).then_some(Ok(None))
}

fn read(event: &Object) -> Result<Entry, String> {
    let part = |key: &str| event.get(key).and_then(Value::as_object).filter(|it| !it.is_empty());
    let (post, deleted) = match (part("current"), part("previous")) {
        (Some(current), _) => (current, false),
        (None, Some(previous)) => (previous, true),
        (None, None) => return Err("post.current: expected the post, found nothing".to_owned()),
    };
    let id = text(post, &["id"]).ok_or("post.current.id: missing")?;
    let status = text(post, &["status"]).unwrap_or_default();
    let standing = match status.as_str() {
        _ if deleted => Standing::Killed,
        "published" => Standing::Usable,
        // `draft`, `scheduled`, and `sent` (only by mail, without a page).
        _ => Standing::Withheld,
    };
    // The address of what has no page is a preview, or one that all drafts share: never a name of the story.
    let link = text(post, &["url"]).filter(|_| standing == Standing::Usable).and_then(|url| address(&url));
    let html = text(post, &["html"]);
    let image = text(post, &["feature_image"]).and_then(|url| address(&url)).map(|url| Image {
        alt: text(post, &["feature_image_alt"]).map(|alt| words(&alt)),
        caption: text(post, &["feature_image_caption"]).and_then(|html| html_line(&html)),
        ..Image::at(url)
    });
    let named = |key: &str| list(post, &[key]).iter().filter_map(|it| text(it.as_object()?, &["name"]));
    Ok(Entry {
        guid: Some(guid(id)),
        title: text(post, &["title"]).map(|title| words(&title)).unwrap_or_default(),
        published: moment(post, &["published_at"]),
        // Of a deletion, `updated_at` is that of the last version: the word itself is newer.
        updated: if deleted { None } else { moment(post, &["updated_at"]) },
        authors: names(named("authors")),
        // Ghost's internal tags begin with `#`: they are for the newsroom, not for readers.
        categories: names(named("tags").filter(|name| !name.starts_with('#'))),
        summary: text(post, &["custom_excerpt", "excerpt"]).map(|text| words(&text)).filter(|text| !text.is_empty()),
        image: image.or_else(|| inside(html.as_deref(), link.as_ref())),
        content: html.as_deref().and_then(html_text),
        language: text(post, &["locale"]).and_then(|tag| crate::source::entry::language(&tag)),
        standing,
        paywall: text(post, &["visibility"]).map(|who| who != "public"),
        link,
        ..Entry::default()
    })
}
