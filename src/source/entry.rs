//! One item of a feed -> an [`Entry`]: which of its many ways to say a thing counts. RSS, RDF and Atom share one
//! reading, because feeds mix their words.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use url::Url;

use super::date;
use super::picture::Pictures;
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
        base,
        &[
            (Feed, "description"),
            (Feed, "summary"),
            (DublinCore, "description"),
            (Itunes, "summary"),
            (Media, "description"),
            (Feed, "abstract"),
        ],
    );
    // What describes the item's media describes the item, where nothing else does.
    let summary =
        summary.or_else(|| item.all(Media, "group").find_map(|g| html_of(g, base, &[(Media, "description")])));
    let content = html_of(
        item,
        base,
        &[(Content, "encoded"), (Feed, "content"), (Space::Other, "full-text"), (Feed, "body"), (Feed, "fullitem")],
    );
    let link = link(item, guid.as_deref(), base);
    if title.is_none() && link.is_none() && summary.is_none() && content.is_none() {
        return Err("no title, no link and no text".to_owned());
    }
    let mut pictures = Pictures::of_item(item, base);
    for (html, base) in content.iter().chain(&summary) {
        pictures.of_text(html, base);
    }
    let (image, pictures) = pictures.choose();
    let plain = |html: Option<(String, Url)>| html.map(|(html, _)| text(&html)).filter(|text| !text.is_empty());
    Ok(Entry {
        guid,
        title: title.unwrap_or_default(),
        link,
        published: published(item),
        updated: updated(item),
        authors: authors(item),
        categories: categories(item),
        summary: plain(summary),
        content: plain(content),
        image,
        pictures,
        language: spoken(item)
            .or(lang)
            .or_else(|| tagged(item, &["content", "encoded", "body", "fullitem", "summary", "description"])),
        keywords: keywords(item),
        ..Entry::default()
    })
}

/// The first of these elements that holds something, as HTML, with what its links are relative to.
fn html_of(item: &Node, base: &Url, names: &[(Space, &str)]) -> Option<(String, Url)> {
    let mut nodes = names.iter().flat_map(|(space, name)| item.all(*space, name));
    nodes.find_map(|node| {
        let html = node.html()?;
        let own = node.attribute("xml:base").and_then(|own| resolve(own, base));
        Some((html, own.unwrap_or_else(|| base.clone())))
    })
}

/// The language an item says it is in: in a word of its own, else that of its title.
fn spoken(item: &Node) -> Option<String> {
    let stated = item.first_text(&[(DublinCore, "language"), (Feed, "language")]).and_then(|l| language(&l));
    stated.or_else(|| tagged(item, &["title"]))
}

/// The `xml:lang` of the first of these elements that has one.
fn tagged(item: &Node, names: &[&str]) -> Option<String> {
    let nodes = names.iter().flat_map(|name| item.children().filter(move |child| child.name == *name));
    nodes.filter_map(|node| node.attribute("xml:lang")).find_map(language)
}

/// The date that orders an item among others.
pub(super) fn date(item: &Node) -> Option<Timestamp> {
    published(item).or_else(|| updated(item))
}

fn published(item: &Node) -> Option<Timestamp> {
    when(
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
    )
}

fn updated(item: &Node) -> Option<Timestamp> {
    when(item, &[(Feed, "updated"), (Feed, "modified"), (DublinCore, "modified"), (Feed, "lastbuilddate")])
        .or_else(|| date::read(item.attribute("lastmod")?, &TimeZone::UTC))
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
    let page = |node: &&&Node| node.attribute("rel").is_none_or(|rel| rel.trim().eq_ignore_ascii_case("alternate"));
    let written = links.iter().filter(page).find_map(|node| {
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
    let channel = || item.attribute("href").and_then(|href| resolve(href, base));
    written
        .or_else(|| alternate(true))
        .or_else(|| alternate(false))
        .or_else(elsewhere)
        .or_else(permalink)
        .or_else(channel)
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
    let creators = item.all(DublinCore, "creator").chain(item.all(DublinCore, "author")).filter_map(person);
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
    let mut names = Vec::new();
    for node in item.children() {
        match (node.space, node.name.as_str()) {
            (Feed | Media, "category") => {
                let said = [node.attribute("label"), node.attribute("term")].into_iter().flatten();
                names.push(said.map(str::to_owned).find(|v| !v.trim().is_empty()).unwrap_or_else(|| node.text()));
            }
            (DublinCore, "subject") => names.push(node.text()),
            (Itunes, "category") => {
                let inner = node.all(Itunes, "category");
                names.extend(std::iter::once(node).chain(inner).filter_map(|n| n.attribute("text")).map(str::to_owned));
            }
            _ => {}
        }
    }
    distinct(names.iter().map(|text| line(text)).collect())
}

/// What an item lists as its keywords, set apart by commas.
fn keywords(item: &Node) -> Vec<String> {
    let groups = std::iter::once(item).chain(item.all(Media, "group")).chain(item.all(Media, "content"));
    let lists = groups.flat_map(|node| node.all(Media, "keywords"));
    let lists =
        lists.chain(item.all(Itunes, "keywords")).chain(item.all(Feed, "keywords")).chain(item.all(Feed, "tags"));
    distinct(lists.flat_map(|node| node.text().split(',').map(line).collect::<Vec<_>>()).collect())
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

/// The picture of a piece of HTML that stands for it: the widest it states, else the first; no icon, no counting pixel.
pub fn picture_in(html: &str, base: &Url) -> Option<Image> {
    let mut pictures = Pictures::default();
    pictures.of_text(html, base);
    pictures.choose().0
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
    fn prints_only_what_is_there() {
        let entry = Entry { title: "A".to_owned(), published: Some(Timestamp::UNIX_EPOCH), ..Entry::default() };
        assert_eq!(to_json(&entry).to_string(), r#"{"published":"1970-01-01T00:00:00Z","title":"A"}"#);
    }
}
