//! What a body is, told by its content in one place: a feed, a sitemap, an index of sitemaps or an HTML page. Also takes
//! gzip off a body that came as a `.gz` file. What each of them says is read elsewhere.

use std::borrow::Cow;
use std::io::Read as _;

use url::Url;

use super::decode::{self, MAX_BODY};
use super::feed::{self, Feed, Unreadable};
use super::mend::{Scanner, Token};
use super::sitemap::{self, Child, Sitemap};

/// How much of a body is looked at first for its root, bytes.
const HEAD: usize = 8 * 1024;

/// A body, sorted and, where that needs nothing else, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// A feed, or a sitemap: its articles.
    Feed(Box<Feed>),
    /// An index of sitemaps: those worth fetching, best first.
    Index {
        /// The sitemaps.
        children: Vec<Child>,
        /// How many it lists.
        listed: usize,
    },
    /// An HTML page, decoded.
    Page(String),
}

/// Sorts and reads a body; `base` is the address it came from.
///
/// # Errors
/// [`Unreadable`] for a body that is none of these.
pub fn read(bytes: &[u8], content_type: Option<&str>, base: &Url) -> Result<Document, Unreadable> {
    let bytes = inflate(bytes)?;
    if bytes.len() > MAX_BODY {
        return feed::read(&bytes, content_type, base).map(|feed| Document::Feed(Box::new(feed)));
    }
    let head = decode::decode(&bytes[..bytes.len().min(HEAD)], content_type);
    let mut kind = kind(&head);
    if kind == Kind::Unknown && bytes.len() > HEAD {
        kind = self::kind(&decode::decode(&bytes, content_type));
    }
    match kind {
        Kind::Sitemap => Ok(match sitemap::read(&decode::decode(&bytes, content_type), base) {
            Sitemap::Urls(feed) => Document::Feed(feed),
            Sitemap::Index { children, listed } => Document::Index { children, listed },
        }),
        Kind::Page => Ok(Document::Page(html(&bytes, content_type))),
        Kind::Feed | Kind::Unknown => feed::read(&bytes, content_type, base).map(|feed| Document::Feed(Box::new(feed))),
    }
}

/// The text of an HTML page: its charset by header and bytes as for feeds, else by its `meta`.
pub fn html(bytes: &[u8], content_type: Option<&str>) -> String {
    let stated = content_type.is_some_and(|kind| kind.to_ascii_lowercase().contains("charset="));
    if !stated && let Some(charset) = meta_charset(bytes) {
        return decode::decode(bytes, Some(&format!("text/html; charset={charset}"))).into_owned();
    }
    decode::decode(bytes, content_type).into_owned()
}

/// `<meta charset=…>` or its older form, within the first KiB. Source: HTML standard, 13.2.3.2.
fn meta_charset(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1_024)]).to_ascii_lowercase();
    let meta = head.match_indices("<meta").find_map(|(at, _)| {
        let tag = head[at..].split('>').next()?;
        let (_, value) = tag.split_once("charset")?;
        value.trim_start().strip_prefix('=')
    })?;
    let value = meta.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
    let end = value.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':'))).unwrap_or(value.len());
    (end > 0).then(|| value[..end].to_owned())
}

/// Whether a body is a sitemap or an index of them.
pub fn is_sitemap(bytes: &[u8]) -> bool {
    let is = |bytes: &[u8]| kind(&decode::decode(&bytes[..bytes.len().min(HEAD)], None)) == Kind::Sitemap;
    inflate(bytes).is_ok_and(|bytes| is(&bytes))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Feed,
    Sitemap,
    Page,
    Unknown,
}

/// By the first element that tells; junk before it is skipped.
fn kind(text: &str) -> Kind {
    let start = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}' || c.is_control());
    if start.starts_with(['{', '[']) {
        return Kind::Feed;
    }
    for token in Scanner::new(start) {
        match token {
            Token::Doctype(name) if name.eq_ignore_ascii_case("html") => return Kind::Page,
            Token::Open(tag) => match tag.name.rsplit(':').next().unwrap_or("").to_ascii_lowercase().as_str() {
                "rss" | "rdf" | "feed" | "channel" | "entry" | "opml" => return Kind::Feed,
                "urlset" | "sitemapindex" => return Kind::Sitemap,
                "html" | "head" | "body" => return Kind::Page,
                _ => {}
            },
            _ => {}
        }
    }
    Kind::Unknown
}

/// Takes gzip off, where the bytes begin as gzip does; what was cut off is read as far as it goes.
fn inflate(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Unreadable> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut out = Vec::new();
    let read = flate2::read::MultiGzDecoder::new(bytes).take(MAX_BODY as u64 + 1).read_to_end(&mut out);
    match read {
        _ if out.len() > MAX_BODY => {
            Err(Unreadable::new(format!("larger than {} MiB once unpacked", MAX_BODY / 1024 / 1024)))
        }
        Err(error) if out.is_empty() => Err(Unreadable::new(format!("gzip that cannot be unpacked: {error}"))),
        _ => Ok(Cow::Owned(out)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn base() -> Url {
        Url::parse("https://news.example/").unwrap()
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    fn word(bytes: &[u8]) -> String {
        match read(bytes, None, &base()) {
            Ok(Document::Feed(feed)) => format!("feed of {}", feed.entries.len()),
            Ok(Document::Index { listed, .. }) => format!("index of {listed}"),
            Ok(Document::Page(_)) => "page".to_owned(),
            Err(error) => error.said,
        }
    }

    #[test]
    fn tells_documents_apart_by_their_content() {
        let sitemap = "<urlset><url><loc>/a</loc><n:news><n:title>A</n:title></n:news></url></urlset>";
        let junk = format!("<!-- {} --><html>", "x".repeat(HEAD));
        for (body, expected) in [
            ("<rss><channel><item><title>A</title></item></channel></rss>", "feed of 1"),
            ("<rss><channel><title>&lt;html></title></channel></rss>", "feed of 0"),
            ("<?xml version='1.0'?><feed><entry><title>A</title></entry></feed>", "feed of 1"),
            (r#"{"version":"https://jsonfeed.org/version/1.1","items":[{"id":"1","title":"A"}]}"#, "feed of 1"),
            (sitemap, "feed of 1"),
            ("\u{feff}\n<?xml?><s:urlset xmlns:s='x'/>", "feed of 0"),
            ("<sitemapindex><sitemap><loc>/a</loc></sitemap></sitemapindex>", "index of 1"),
            ("<!DOCTYPE html><p>A", "page"),
            ("<html lang=az>", "page"),
            ("<!-- x --><HEAD>", "page"),
            (junk.as_str(), "page"),
            ("<opml></opml>", "an OPML list, not a feed"),
            ("<svg></svg>", "a document of <svg>, not a feed"),
            ("", "empty"),
            ("hello", "plain text, not a feed"),
        ] {
            assert_eq!(word(body.as_bytes()), expected, "{}", body.chars().take(60).collect::<String>());
            if !body.is_empty() {
                assert_eq!(word(&packed(body.as_bytes())), expected, "packed");
            }
        }
    }

    #[test]
    fn gzip_is_unpacked_within_bounds() {
        assert_eq!(word(&packed(&vec![b' '; MAX_BODY + 1])), "larger than 20 MiB once unpacked");
        assert!(word(&[0x1f, 0x8b, 8, 0]).starts_with("gzip that cannot be unpacked"));
        let whole = packed(&"<urlset><url><loc>/a</loc><n:news/></url>".repeat(2_000).into_bytes());
        assert!(word(&whole[..whole.len() - 12]).starts_with("feed of"), "what was cut off is read as far as it goes");
        // Packed twice: one layer comes off.
        assert!(word(&packed(&packed(b"<rss/>"))).contains("not a feed"));
    }

    #[test]
    fn a_pages_charset() {
        let russian = "<meta http-equiv='Content-Type' content='text/html; charset=windows-1251'><p>Новости</p>";
        let bytes = encoding_rs::WINDOWS_1251.encode(russian).0.into_owned();
        assert!(html(&bytes, Some("text/html")).contains("Новости"));
        assert!(html("<meta charset=\"utf-8\"><p>Xəbər".as_bytes(), None).contains("Xəbər"));
        let arabic = encoding_rs::WINDOWS_1256.encode("<p>أخبار اليوم").0.into_owned();
        assert!(html(&arabic, Some("text/html; charset=windows-1256")).contains("أخبار"));
        assert_eq!(meta_charset(b"<meta charset>"), None);
    }
}
