//! One element of a feed with all it holds, as `feed` gathers it and `entry` reads it; and the few namespaces that
//! matter. Nothing here knows which element means what.

use std::borrow::Cow;

use base64::Engine as _;

use super::mend;

/// The most text kept of one element, bytes: four times the 64 KiB a field may have once its markup is gone.
pub const MAX_RAW: usize = 256 * 1024;

/// The vocabularies of feeds, told apart as far as their names collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// RSS of all ages, RDF and Atom: their names do not collide in meaning.
    Feed,
    /// Dublin Core, elements and terms.
    DublinCore,
    /// `content:encoded` of RSS.
    Content,
    /// Media RSS.
    Media,
    /// Apple's podcast vocabulary.
    Itunes,
    /// `sy:updatePeriod` of RSS 1.0.
    Syndication,
    /// Entries taken back. Source: RFC 6721, 2012-11.
    Tombstones,
    /// Anything else.
    Other,
}

impl Space {
    /// The vocabulary behind a namespace URI, in the spellings that occur.
    pub fn of_uri(uri: &str) -> Option<Self> {
        let bare = uri.trim().trim_start_matches("http://").trim_start_matches("https://").to_ascii_lowercase();
        Some(match bare.trim_end_matches(['/', '#']) {
            "www.w3.org/2005/atom" | "purl.org/atom/ns" | "www.w3.org/1999/02/22-rdf-syntax-ns" => Self::Feed,
            // XHTML: an item's `body`; and what a feed that is all declared to be XHTML consists of.
            "www.w3.org/1999/xhtml" => Self::Feed,
            "backend.userland.com/rss2" | "blogs.law.harvard.edu/tech/rss" | "my.netscape.com/rdf/simple/0.9" => {
                Self::Feed
            }
            "purl.org/dc/elements/1.1" | "purl.org/dc/elements/1.0" | "purl.org/dc/terms" => Self::DublinCore,
            "purl.org/rss/1.0/modules/content" => Self::Content,
            "purl.org/rss/1.0/modules/syndication" => Self::Syndication,
            "purl.org/atompub/tombstones/1.0" => Self::Tombstones,
            "search.yahoo.com/mrss" | "www.rssboard.org/media-rss" => Self::Media,
            "www.itunes.com/dtds/podcast-1.0.dtd" => Self::Itunes,
            rss if rss.starts_with("purl.org/rss/1.0") && !rss.contains("modules") => Self::Feed,
            rss if rss.starts_with("purl.org/net/rss1.1") => Self::Feed,
            _ => return None,
        })
    }

    /// What a prefix means that is declared nowhere, or for a URI nobody knows.
    pub fn of_prefix(prefix: &str) -> Self {
        match prefix.to_ascii_lowercase().as_str() {
            "" | "atom" | "atom10" | "a10" | "rss" | "rdf" | "xhtml" => Self::Feed,
            "dc" | "dcterms" => Self::DublinCore,
            "content" => Self::Content,
            "sy" => Self::Syndication,
            "at" => Self::Tombstones,
            "media" => Self::Media,
            "itunes" => Self::Itunes,
            _ => Self::Other,
        }
    }
}

/// An element and what it holds.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its vocabulary.
    pub space: Space,
    /// Its name without prefix, in lower case.
    pub name: String,
    /// Its attributes; the names as written, in lower case.
    pub attributes: Vec<(String, String)>,
    parts: Vec<Part>,
    text_len: usize,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Node(Node),
}

impl Node {
    /// An element that holds nothing yet.
    pub fn new(space: Space, name: String, attributes: Vec<(String, String)>) -> Self {
        Self { space, name, attributes, parts: Vec::new(), text_len: 0 }
    }

    /// Adds text, as far as [`MAX_RAW`] allows.
    pub fn push_text(&mut self, text: &str) {
        let text = &text[..text.floor_char_boundary(MAX_RAW - self.text_len.min(MAX_RAW))];
        let text = &*spelt(text);
        self.text_len += text.len();
        match self.parts.last_mut() {
            Some(Part::Text(last)) => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.parts.push(Part::Text(text.to_owned())),
        }
    }

    /// Adds an element behind what is there.
    pub fn push(&mut self, node: Node) {
        self.parts.push(Part::Node(node));
    }

    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The elements directly inside.
    pub fn children(&self) -> impl Iterator<Item = &Node> {
        self.parts.iter().filter_map(|part| match part {
            Part::Node(node) => Some(node),
            Part::Text(_) => None,
        })
    }

    /// The elements of one name directly inside.
    pub fn all<'n>(&'n self, space: Space, name: &'n str) -> impl Iterator<Item = &'n Node> {
        self.children().filter(move |child| child.space == space && child.name == name)
    }

    /// The first text that is not blank among elements of these names, the names in order of preference.
    pub fn first_text(&self, names: &[(Space, &str)]) -> Option<String> {
        names.iter().find_map(|(space, name)| self.all(*space, name).map(Node::text).find(|text| !text.is_empty()))
    }

    /// All text inside, trimmed, without control characters.
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.gather(&mut out);
        // Bytes are quicker to look at than characters: a control has a byte below the blank, or is DEL or of C1.
        let bytes = out.as_bytes();
        let low = bytes.iter().any(|b| (*b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r')) || *b == 0x7f);
        if low || has_c1(bytes) {
            out.retain(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'));
        }
        let trimmed = out.trim();
        if trimmed.len() == out.len() { out } else { trimmed.to_owned() }
    }

    fn gather(&self, out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Node(node) => node.gather(out),
            }
        }
    }

    /// What is inside, as HTML: escaped HTML once unescaped, XHTML and forgotten escapes as they stand, and what is
    /// declared plain text escaped. `None` for what is no text at all (a picture in base64).
    pub fn html(&self) -> Option<String> {
        let kind = self.attribute("type").unwrap_or("").trim().to_ascii_lowercase();
        let markup = kind.starts_with("text/") || kind.contains("html") || kind.contains("xml");
        let html = if self.attribute("mode") == Some("base64") || (kind.contains('/') && !markup) {
            let text = unwrapped(&self.text())?;
            if kind == "text/plain" { mend::escape(&text) } else { text }
        } else if self.children().next().is_some() {
            let mut out = String::new();
            self.serialise(&mut out);
            out
        } else if kind == "text" || kind == "text/plain" {
            mend::escape(&self.text())
        } else {
            self.text()
        };
        Some(html).filter(|html| !html.trim().is_empty())
    }

    fn serialise(&self, out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(&mend::escape(text)),
                Part::Node(node) => {
                    out.push('<');
                    out.push_str(&node.name);
                    for (key, value) in &node.attributes {
                        out.push_str(&format!(" {key}=\"{}\"", mend::escape(value).replace('"', "&quot;")));
                    }
                    out.push('>');
                    node.serialise(out);
                    if !is_void(&node.name) {
                        out.push_str(&format!("</{}>", node.name));
                    }
                }
            }
        }
    }
}

/// A text in base64, if that is what it is and it is a text.
fn unwrapped(base64: &str) -> Option<String> {
    let bytes: Vec<u8> = base64.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let text = String::from_utf8(base64::engine::general_purpose::STANDARD.decode(bytes).ok()?).ok()?;
    text.chars().all(|c| !c.is_control() || c.is_whitespace()).then_some(text)
}

/// Whether a text in UTF-8 holds one of the characters U+0080 to U+009F.
fn has_c1(text: &[u8]) -> bool {
    text.contains(&0xc2) && text.windows(2).any(|pair| pair[0] == 0xc2 && pair[1] < 0xa0)
}

/// Text with the characters U+0080 to U+009F, which nobody means, read as the windows-1252 they were copied from.
fn spelt(text: &str) -> Cow<'_, str> {
    if !has_c1(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let stray = |c: char| ('\u{80}'..='\u{9f}').contains(&c);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match u8::try_from(u32::from(c)) {
            Ok(byte) if stray(c) => out.push_str(&encoding_rs::WINDOWS_1252.decode_without_bom_handling(&[byte]).0),
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Whether an element of HTML never holds anything, so that its end tag is usually missing. `link` is left out: it is
/// a word of feeds.
pub fn is_void(name: &str) -> bool {
    ["br", "img", "hr", "wbr", "input"].iter().any(|void| name.eq_ignore_ascii_case(void))
}
