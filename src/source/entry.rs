//! One item of a feed -> an [`Entry`]: which of its many ways to say a thing counts. RSS, RDF and Atom share one
//! reading, because feeds mix their words.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use url::Url;

use super::date;
use super::mend::{Scanner, Token};
use super::tree::{Node, Space};
use crate::model::article::{Entry, Image};
use crate::text::plain;

/// The most bytes of one text field, 64 KiB. Source: reliability.md section 6, 2026-11.
pub const MAX_TEXT: usize = 64 * 1024;
/// The most bytes of a URL. Source: reliability.md section 6, 2026-11.
pub const MAX_URL: usize = 2_048;
/// The most authors or categories kept of one item.
const MAX_NAMES: usize = 64;

use Space::{Content, DublinCore, Feed, Itunes, Media};

/// Reads one `item` or `entry`. `base` is what its links are relative to, `lang` what the feed says of its language.
///
/// # Errors
/// Why it is no story: nothing in it can name one.
pub(super) fn read(item: &Node, base: &Url, lang: Option<String>) -> Result<Entry, String> {
    let guid = item
        .first_text(&[(Feed, "guid"), (Feed, "id")])
        .or_else(|| item.attribute("rdf:about").map(|about| about.trim().to_owned()))
        .filter(|guid| !guid.is_empty())
        .map(cut);
    let title = [(Feed, "title"), (DublinCore, "title"), (Media, "title"), (Itunes, "title")]
        .into_iter()
        .flat_map(|(space, name)| item.all(space, name))
        .filter_map(Node::html)
        .map(|html| line(&html))
        .find(|title| !title.is_empty());
    let summary = html_of(
        item,
        &[
            (Feed, "description"),
            (Feed, "summary"),
            (DublinCore, "description"),
            (Itunes, "summary"),
            (Media, "description"),
        ],
    );
    let content = html_of(item, &[(Content, "encoded"), (Feed, "content"), (Space::Other, "full-text")]);
    let link = link(item, guid.as_deref(), base);
    if title.is_none() && link.is_none() && summary.is_none() && content.is_none() {
        return Err("no title, no link and no text".to_owned());
    }
    let picture = picture(item, base).or_else(|| {
        let inside = |html: &Option<String>| html.as_ref().and_then(|html| picture_in(html, base));
        inside(&content).or_else(|| inside(&summary))
    });
    Ok(Entry {
        guid,
        title: title.unwrap_or_default(),
        link,
        published: when(
            item,
            &[
                (Feed, "pubdate"),
                (Feed, "published"),
                (Feed, "issued"),
                (DublinCore, "issued"),
                (DublinCore, "date"),
                (Feed, "created"),
                (DublinCore, "created"),
                (Feed, "date"),
            ],
        ),
        updated: when(
            item,
            &[(Feed, "updated"), (Feed, "modified"), (DublinCore, "modified"), (Feed, "lastbuilddate")],
        ),
        authors: authors(item),
        categories: categories(item),
        summary: summary.map(|html| text(&html)).filter(|text| !text.is_empty()),
        content: content.map(|html| text(&html)).filter(|text| !text.is_empty()),
        image: picture,
        language: item.first_text(&[(DublinCore, "language"), (Feed, "language")]).and_then(|l| language(&l)).or(lang),
        ..Entry::default()
    })
}

/// The first of these elements that holds something, as HTML.
fn html_of(item: &Node, names: &[(Space, &str)]) -> Option<String> {
    names.iter().find_map(|(space, name)| item.all(*space, name).find_map(Node::html))
}

/// The first of these elements whose text is a date.
fn when(item: &Node, names: &[(Space, &str)]) -> Option<Timestamp> {
    let mut texts = names.iter().flat_map(|(space, name)| item.all(*space, name)).map(Node::text);
    texts.find_map(|text| date::read(&text, &TimeZone::UTC))
}

/// The article's page: a link that says so, else a guid that is its address.
fn link(item: &Node, guid: Option<&str>, base: &Url) -> Option<Url> {
    let based = |node: &Node| node.attribute("xml:base").and_then(|b| resolve(b, base)).unwrap_or_else(|| base.clone());
    let links: Vec<&Node> = item.all(Feed, "link").collect();
    let written = links.iter().find_map(|node| {
        let text = node.text();
        (!text.is_empty()).then(|| resolve(&text, &based(node))).flatten()
    });
    let alternate = |page: bool| {
        links.iter().find_map(|node| {
            let rel = node.attribute("rel").unwrap_or("alternate").trim().to_ascii_lowercase();
            let kind = node.attribute("type").unwrap_or("text/html");
            let wanted = rel.rsplit('/').next() == Some("alternate") && (!page || kind.contains("html"));
            wanted.then(|| resolve(node.attribute("href")?, &based(node))).flatten()
        })
    };
    let elsewhere = || item.all(Feed, "content").find_map(|node| resolve(node.attribute("src")?, &based(node)));
    let permalink = || {
        let denied =
            item.all(Feed, "guid").any(|g| g.attribute("ispermalink").is_some_and(|v| v.eq_ignore_ascii_case("false")));
        // Only an address in full: a bare number would become one relative to the feed.
        guid.filter(|guid| !denied && Url::parse(guid).is_ok()).and_then(|guid| resolve(guid, base))
    };
    written.or_else(|| alternate(true)).or_else(|| alternate(false)).or_else(elsewhere).or_else(permalink)
}

/// A link made absolute; `None` unless it is http or https and within [`MAX_URL`].
pub(super) fn resolve(text: &str, base: &Url) -> Option<Url> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_URL {
        return None;
    }
    let url = base.join(text).ok()?;
    let web = matches!(url.scheme(), "http" | "https") && url.has_host();
    (web && url.as_str().len() <= MAX_URL).then_some(url)
}

/// A language tag as BCP 47 writes it, where it can be one.
pub(super) fn language(text: &str) -> Option<String> {
    let tag = text.trim().replace('_', "-");
    let fits = (2..=35).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    (fits && tag.starts_with(|c: char| c.is_ascii_alphabetic())).then_some(tag)
}

/// HTML -> one line of plain text within [`MAX_TEXT`].
pub(super) fn line(html: &str) -> String {
    cut(plain::title(html))
}

/// HTML -> paragraphs of plain text within [`MAX_TEXT`].
pub(super) fn text(html: &str) -> String {
    cut(plain::paragraphs(html))
}

/// Cuts a text to [`MAX_TEXT`].
pub(super) fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    text
}

fn authors(item: &Node) -> Vec<String> {
    let people = item.all(Feed, "author").filter_map(person);
    let creators = item.all(DublinCore, "creator").filter_map(person);
    let named: Vec<String> = people.chain(creators).collect();
    distinct(if named.is_empty() { item.all(Itunes, "author").filter_map(person).collect() } else { named })
}

/// The name in an author element of either format.
pub(super) fn person(node: &Node) -> Option<String> {
    let text = node.first_text(&[(Feed, "name")]);
    if text.is_none() && node.children().next().is_some() {
        return None;
    }
    name(&text.unwrap_or_else(|| node.text()))
}

/// A person's name without the e-mail address around it: `a@b (Name)`, `Name (a@b)`, `Name <a@b>`. An address alone
/// is no name.
pub(super) fn name(text: &str) -> Option<String> {
    let text = text.trim();
    let (outside, inside) = match text.split_once(['(', '<']) {
        Some((outside, inside)) => (outside.trim(), inside.trim_end_matches([')', '>']).trim()),
        None => (text, ""),
    };
    let address = |t: &str| t.contains('@') && !t.contains(char::is_whitespace);
    let name = match (address(outside), address(inside)) {
        (true, _) => inside,
        (false, true) => outside,
        (false, false) => text,
    };
    Some(line(name)).filter(|n| !n.is_empty() && !address(n))
}

fn categories(item: &Node) -> Vec<String> {
    let own = item.all(Feed, "category").map(|node| {
        let said =
            [node.attribute("label"), node.attribute("term")].into_iter().flatten().find(|v| !v.trim().is_empty());
        said.map_or_else(|| node.text(), str::to_owned)
    });
    let subjects = item.all(DublinCore, "subject").map(Node::text);
    distinct(own.chain(subjects).map(|text| line(&text)).collect())
}

/// Each name once, none empty, in the order given.
pub(super) fn distinct(names: Vec<String>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for name in names {
        if out.len() < MAX_NAMES && !name.is_empty() && !out.contains(&name) {
            out.push(name);
        }
    }
    out
}

/// The picture an item names outright.
fn picture(item: &Node, base: &Url) -> Option<Image> {
    let mut media: Vec<(&Node, &Node)> = Vec::new();
    for group in std::iter::once(item).chain(item.all(Media, "group")) {
        for content in group.all(Media, "content") {
            media.push((content, group));
        }
    }
    let width = |node: &Node| node.attribute("width").and_then(|w| w.trim().parse::<u32>().ok()).unwrap_or(0);
    let said = |node: &Node| {
        let text = [(Media, "description"), (Media, "title")]
            .into_iter()
            .find_map(|(s, n)| node.all(s, n).find_map(Node::html));
        text.map(|html| line(&html)).filter(|alt| !alt.is_empty())
    };
    let made = |node: &Node, attribute: &str, alt: Option<String>| {
        Some(Image { alt, ..Image::at(resolve(node.attribute(attribute)?, base)?) })
    };
    // The widest wins, the first of those that state no width.
    let widest = media
        .iter()
        .filter(|(node, _)| is_picture(node))
        .filter_map(|(node, group)| {
            // A description beside a lone picture speaks of the picture only inside a group.
            let alt = said(node).or_else(|| (group.name == "group").then(|| said(group)).flatten());
            Some((width(node), made(node, "url", alt)?))
        })
        .reduce(|best, next| if next.0 > best.0 { next } else { best });
    let thumbnails = std::iter::once(item)
        .chain(item.all(Media, "group"))
        .chain(media.iter().map(|(node, _)| *node))
        .flat_map(|node| node.all(Media, "thumbnail"))
        .filter_map(|node| Some((width(node), made(node, "url", None)?)))
        .reduce(|best, next| if next.0 > best.0 { next } else { best });
    let enclosure = || item.all(Feed, "enclosure").filter(|n| is_picture(n)).find_map(|n| made(n, "url", None));
    let attached = || {
        let enclosures = item.all(Feed, "link").filter(|n| n.attribute("rel") == Some("enclosure") && is_picture(n));
        enclosures.into_iter().find_map(|n| made(n, "href", n.attribute("title").map(line)))
    };
    let cover = || item.all(Itunes, "image").find_map(|n| made(n, "href", None));
    let own = || {
        item.all(Feed, "image").find_map(|n| {
            let url = n.first_text(&[(Feed, "url")]).unwrap_or_else(|| n.text());
            Some(Image::at(resolve(&url, base)?))
        })
    };
    widest
        .map(|(_, image)| image)
        .or_else(enclosure)
        .or_else(attached)
        .or(thumbnails.map(|(_, image)| image))
        .or_else(cover)
        .or_else(own)
}

/// Whether a media element is a picture: by its word, else by its address.
fn is_picture(node: &Node) -> bool {
    let kind = node.attribute("type").or(node.attribute("medium")).unwrap_or("").trim().to_ascii_lowercase();
    if !kind.is_empty() {
        return kind.starts_with("image");
    }
    let address = node.attribute("url").or(node.attribute("href")).unwrap_or("");
    let path = address.split(['?', '#']).next().unwrap_or("").to_ascii_lowercase();
    [".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif"].iter().any(|end| path.ends_with(end))
}

/// The first picture in a piece of HTML that is not a counting pixel.
pub(super) fn picture_in(html: &str, base: &Url) -> Option<Image> {
    Scanner::new(html).find_map(|token| {
        let Token::Open(tag) = token else { return None };
        if !tag.name.eq_ignore_ascii_case("img") {
            return None;
        }
        let attribute = |name: &str| tag.attributes.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v);
        let tiny = |name| attribute(name).is_some_and(|v| matches!(v.trim().trim_end_matches("px"), "0" | "1"));
        if tiny("width") || tiny("height") {
            return None;
        }
        let alt = attribute("alt").map(|alt| line(alt)).filter(|alt| !alt.is_empty());
        Some(Image { alt, ..Image::at(resolve(attribute("src")?, base)?) })
    })
}

/// An entry as `bugle parse` prints it: keys that have nothing to say are left out, times are RFC 3339 in UTC, the
/// picture is its address. `id` is the guid as given.
pub fn to_json(entry: &Entry) -> Value {
    let mut out = serde_json::Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.insert(key.to_owned(), value);
        }
    };
    let list = |names: &[String]| (!names.is_empty()).then(|| json!(names));
    put("id", entry.guid.as_ref().map(|v| json!(v)));
    put("title", (!entry.title.is_empty()).then(|| json!(entry.title)));
    put("link", entry.link.as_ref().map(|v| json!(v.as_str())));
    put("published", entry.published.map(|v| json!(v.to_string())));
    put("updated", entry.updated.map(|v| json!(v.to_string())));
    put("authors", list(&entry.authors));
    put("categories", list(&entry.categories));
    put("summary", entry.summary.as_ref().map(|v| json!(v)));
    put("content", entry.content.as_ref().map(|v| json!(v)));
    put("image", entry.image.as_ref().map(|v| json!(v.url.as_str())));
    put("language", entry.language.as_ref().map(|v| json!(v)));
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_name() {
        for (text, expected) in [
            ("desk@example.org (Leyla Aliyeva)", Some("Leyla Aliyeva")),
            ("Leyla Aliyeva (desk@example.org)", Some("Leyla Aliyeva")),
            ("Leyla Aliyeva <desk@example.org>", Some("Leyla Aliyeva")),
            ("Leyla Aliyeva (Baku)", Some("Leyla Aliyeva (Baku)")),
            ("desk@example.org", None),
            ("  ", None),
        ] {
            assert_eq!(name(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn lets_only_web_links_through() {
        let base = Url::parse("https://example.org/news/feed.xml").unwrap();
        for (text, expected) in [
            ("/a?b=1&c=2", Some("https://example.org/a?b=1&c=2")),
            ("a", Some("https://example.org/news/a")),
            ("//cdn.example.org/a.jpg", Some("https://cdn.example.org/a.jpg")),
            (" http://example.org/a\n", Some("http://example.org/a")),
            ("javascript:alert(1)", None),
            ("data:image/png;base64,xxxx", None),
            ("ftp://example.org/a", None),
            ("http://", None),
            ("", None),
        ] {
            assert_eq!(resolve(text, &base).as_ref().map(Url::as_str), expected, "{text}");
        }
        assert_eq!(resolve(&"a".repeat(MAX_URL + 1), &base), None);
        assert_eq!(resolve(&"ä".repeat(1_000), &base), None, "longer than allowed once it is escaped");
    }

    #[test]
    fn skips_counting_pixels() {
        let base = Url::parse("https://example.org/").unwrap();
        let html = "<p><img src=/pixel.gif width=1 height='1'><IMG SRC='data:x'><img alt='A &amp; B' src='/a.jpg'></p>";
        let image = picture_in(html, &base).unwrap();
        assert_eq!((image.url.as_str(), image.alt.as_deref()), ("https://example.org/a.jpg", Some("A & B")));
    }

    #[test]
    fn prints_only_what_is_there() {
        let entry = Entry { title: "A".to_owned(), published: Some(Timestamp::UNIX_EPOCH), ..Entry::default() };
        assert_eq!(to_json(&entry).to_string(), r#"{"published":"1970-01-01T00:00:00Z","title":"A"}"#);
    }
}
