//! A feed's bytes -> its entries: which format it is, where its items begin and end, and what of it is left out. What
//! one item says is `entry`; JSON Feed is `jsonfeed`.
//!
//! The reader is our own, over `mend`'s tokens: each item is read for itself, so a broken one costs only itself, and
//! only one item is ever held as a tree.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use super::decode::{self, MAX_BODY};
use super::head::Head;
use super::mend::{MAX_DEPTH, MAX_NAMESPACES, Scanner, Tag, Token};
use super::tree::{Node, Space, is_void};
use super::{entry, jsonfeed};
use crate::model::article::Entry;

/// The most items read of one fetch. Source: reliability.md section 6, 2026-11.
pub const MAX_READ: usize = 5_000;
/// The most items kept of one fetch: the newest. Source: reliability.md section 6, 2026-11.
pub const MAX_KEPT: usize = 500;
/// The most elements kept of one item; what comes after them is text of no interest.
const MAX_NODES: usize = 10_000;
/// The most notes kept.
const MAX_NOTES: usize = 20;
/// No feed may ask for a longer rest than a week.
pub(super) const LONGEST_TTL: Duration = Duration::from_secs(7 * 24 * 3600);

/// A feed as read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feed {
    /// Plain text, one line.
    pub title: Option<String>,
    /// BCP 47 tag.
    pub language: Option<String>,
    /// In document order, at most [`MAX_KEPT`].
    pub entries: Vec<Entry>,
    /// How long the feed asks to be left alone.
    pub ttl: Option<Duration>,
    /// WebSub hubs it names, in document order.
    pub hubs: Vec<Url>,
    /// Its own address, as it states it: the topic at its hubs.
    pub own: Option<Url>,
    /// Hours of the day (0 to 23, GMT) in which it asks not to be polled.
    pub skip_hours: Vec<u8>,
    /// Days of the week on which it asks not to be polled: 0 is Monday, GMT.
    pub skip_days: Vec<u8>,
    /// Entries that were taken back (RFC 6721), by guid.
    pub tombstones: Vec<Tombstone>,
    /// What was left out and why, one readable line each.
    pub dropped: Vec<String>,
}

/// An entry that its feed takes back. Source: RFC 6721 section 3, 2012-11.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The guid of the entry.
    pub guid: String,
    /// When it was taken back, where that is stated.
    pub at: Option<Timestamp>,
    /// Why, where that is stated: plain text.
    pub comment: Option<String>,
}

impl Feed {
    /// Adds a note, as long as there are few.
    pub(super) fn note(&mut self, note: String) {
        if self.dropped.len() < MAX_NOTES && !self.dropped.contains(&note) {
            self.dropped.push(note);
        }
    }

    /// Notes how many entries there were, where some were passed over.
    pub(super) fn note_kept(&mut self, passed: usize) {
        let all = self.entries.len() + passed;
        if all > MAX_KEPT {
            self.note(format!("{all} items, of which the newest {MAX_KEPT} are kept"));
        }
    }

    /// Keeps the newest entries, hands on the feed's language, in document order still.
    pub(super) fn finish(mut self) -> Self {
        if self.entries.len() > MAX_KEPT {
            let mut last = None;
            // An entry without a date is as old as the one above it.
            let mut dated: Vec<_> = std::mem::take(&mut self.entries)
                .into_iter()
                .enumerate()
                .map(|(at, entry)| {
                    last = entry.published.or(entry.updated).or(last);
                    (Reverse(last), at, entry)
                })
                .collect();
            dated.sort_by_key(|(date, at, _)| (*date, *at));
            dated.truncate(MAX_KEPT);
            dated.sort_by_key(|(_, at, _)| *at);
            self.entries = dated.into_iter().map(|(_, _, entry)| entry).collect();
        }
        for entry in &mut self.entries {
            if entry.language.is_none() {
                entry.language.clone_from(&self.language);
            }
        }
        self
    }
}

/// Tells of an item that it cannot be among the newest, so that nobody need read it: most of a long feed is old.
#[derive(Default)]
pub(super) struct Newest {
    /// The dates of the newest so far, the oldest of them on top.
    dates: BinaryHeap<Reverse<Option<Timestamp>>>,
    last: Option<Timestamp>,
    /// How many were passed over.
    pub passed: usize,
}

impl Newest {
    /// Whether there are not enough items yet to pass over any.
    pub fn is_open(&self) -> bool {
        self.dates.len() < MAX_KEPT
    }

    /// Whether an item of that date may be passed over. An item without a date is as old as the one above it.
    pub fn passes(&mut self, date: Option<Timestamp>) -> bool {
        let date = date.or(self.last);
        let old = !self.is_open() && self.dates.peek().is_some_and(|Reverse(oldest)| date <= *oldest);
        if old {
            (self.last, self.passed) = (date, self.passed + 1);
        }
        old
    }

    /// Counts an item that was read.
    pub fn took(&mut self, entry: &Entry) {
        self.last = entry.published.or(entry.updated).or(self.last);
        self.dates.push(Reverse(self.last));
        if self.dates.len() > MAX_KEPT {
            self.dates.pop();
        }
    }
}

/// Why a body is no feed, in words a person understands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{said}")]
pub struct Unreadable {
    /// What it is instead.
    pub said: String,
}

impl Unreadable {
    pub(super) fn new(said: impl Into<String>) -> Self {
        Self { said: said.into() }
    }
}

/// Reads RSS 0.9 to 2.0, RDF, Atom 0.3 and 1.0 and JSON Feed. `base` is the address the body came from.
///
/// # Errors
/// [`Unreadable`] for a body that is no feed. A feed without items is none: it reads as one with no entries.
pub fn read(bytes: &[u8], content_type: Option<&str>, base: &Url) -> Result<Feed, Unreadable> {
    if bytes.len() > MAX_BODY {
        return Err(Unreadable::new(format!("larger than {} MiB", MAX_BODY / 1024 / 1024)));
    }
    let text = decode::decode(bytes, content_type);
    let start = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}' || c.is_control());
    if start.is_empty() {
        return Err(Unreadable::new("empty"));
    }
    if start.starts_with(['{', '[']) {
        return jsonfeed::read(start, base);
    }
    if !start.contains('<') {
        return Err(Unreadable::new("plain text, not a feed"));
    }
    Reader::new(base).read(start)
}

/// One open element.
struct Frame<'a> {
    name: &'a str,
    /// How many namespaces were in force before it.
    names_before: usize,
    lang: Option<String>,
    base: Option<Url>,
    /// What it holds, where that is wanted.
    node: Option<Node>,
}

struct Reader<'a> {
    base: &'a Url,
    stack: Vec<Frame<'a>>,
    /// How many elements are open below the deepest that is followed.
    beyond: usize,
    /// Prefixes in force, innermost last.
    names: Vec<(&'a str, Space)>,
    /// Where in the stack the open item is.
    item: Option<usize>,
    nodes: usize,
    seen: usize,
    atom: bool,
    head: Head,
    newest: Newest,
    feed: Feed,
}

impl<'a> Reader<'a> {
    fn new(base: &'a Url) -> Self {
        Self {
            base,
            stack: Vec::new(),
            beyond: 0,
            names: Vec::new(),
            item: None,
            nodes: 0,
            seen: 0,
            atom: false,
            head: Head::default(),
            newest: Newest::default(),
            feed: Feed::default(),
        }
    }

    fn read(mut self, text: &'a str) -> Result<Feed, Unreadable> {
        let mut tokens = Scanner::new(text);
        let root = find_root(&mut tokens)?;
        self.atom = matches!(local(root.name).as_str(), "feed" | "entry");
        let spoken = root.attributes.iter().find(|(key, _)| key.eq_ignore_ascii_case("xml:lang"));
        let spoken = spoken.and_then(|(_, lang)| entry::language(lang));
        if root.empty {
            self.feed.language = spoken;
            return Ok(self.feed);
        }
        self.open(root)?;
        for token in tokens {
            match token {
                Token::Open(tag) => self.open(tag)?,
                Token::Close(name) => self.close(name),
                Token::Text(text) => {
                    if let Some(node) = self.stack.last_mut().and_then(|f| f.node.as_mut())
                        && self.beyond == 0
                    {
                        node.push_text(&text);
                    }
                }
                Token::Doctype(_) => {}
            }
            if self.seen >= MAX_READ && self.item.take().is_some() {
                self.feed.note(format!("more than {MAX_READ} items: the others were not read"));
                break;
            }
        }
        if self.item.is_some() {
            self.feed.note(format!("item {}: cut off", self.seen + 1));
        }
        self.feed.note_kept(self.newest.passed);
        self.feed.ttl = self.head.rest();
        self.feed.language = self.feed.language.or(spoken);
        Ok(self.feed.finish())
    }

    fn open(&mut self, tag: Tag<'a>) -> Result<(), Unreadable> {
        let name = local(tag.name);
        let prefix = tag.name.rsplit_once(':').map_or("", |(prefix, _)| prefix);
        let names_before = self.names.len();
        let mut flood = tag.crowded;
        for (key, uri) in &tag.attributes {
            let declared = if *key == "xmlns" { Some("") } else { key.strip_prefix("xmlns:") };
            if let Some(prefix) = declared {
                if self.names.len() < MAX_NAMESPACES {
                    self.names.push((prefix, Space::of_uri(uri).unwrap_or_else(|| Space::of_prefix(prefix))));
                } else {
                    flood = true;
                }
            }
        }
        let space = self.names.iter().rev().find(|(p, _)| *p == prefix).map_or(Space::of_prefix(prefix), |(_, s)| *s);
        let starts_item = space == Space::Feed && name == if self.atom { "entry" } else { "item" };
        if starts_item && let Some(open) = self.item {
            // The item before was never closed.
            let own = self.names.split_off(names_before);
            self.beyond = 0;
            self.pop_to(open);
            self.names.extend(own);
        }
        let names_before = names_before.min(self.names.len());
        if self.beyond > 0 || self.stack.len() >= MAX_DEPTH {
            self.names.truncate(names_before);
            if !tag.empty && !is_void(&name) {
                self.beyond += 1;
            }
            flood = flood || self.beyond > 0;
            return self.flooded(flood);
        }
        self.flooded(flood)?;
        let parent = self.stack.last();
        let gathered = parent.is_some_and(|f| f.node.is_some());
        let wanted = if gathered {
            self.nodes += 1;
            self.nodes <= MAX_NODES
        } else {
            let head = parent.is_some_and(|f| matches!(local(f.name).as_str(), "channel" | "feed" | "rss" | "rdf"));
            starts_item || (self.item.is_none() && head && Head::knows(space, &name))
        };
        if starts_item {
            self.item = Some(self.stack.len());
        }
        if wanted && !gathered {
            self.nodes = 0;
        }
        let attribute = |wanted: &str| tag.attributes.iter().find(|(key, _)| key.eq_ignore_ascii_case(wanted));
        let base = attribute("xml:base").and_then(|(_, base)| entry::resolve(base, &self.base_here()));
        let lang = attribute("xml:lang").and_then(|(_, lang)| entry::language(lang));
        let leaf = matches!((space, name.as_str()), (Space::Feed, "enclosure") | (Space::Media, "thumbnail"));
        let empty = tag.empty || leaf || is_void(&name);
        let node = wanted.then(|| {
            let attributes = tag.attributes.iter().map(|(k, v)| (k.to_ascii_lowercase(), v.to_string())).collect();
            Node::new(space, name, attributes)
        });
        self.stack.push(Frame { name: tag.name, names_before, lang, base, node });
        if empty {
            self.pop();
        }
        Ok(())
    }

    /// What breaks a limit inside an item costs what lies beyond the limit; outside of items there is no feed left.
    fn flooded(&mut self, flood: bool) -> Result<(), Unreadable> {
        if !flood {
            return Ok(());
        }
        if self.item.is_none() {
            return Err(Unreadable::new(format!(
                "not a sane feed: more than {MAX_DEPTH} elements inside each other, or as many attributes or namespaces"
            )));
        }
        self.feed
            .note(format!("item {}: what lies beyond {MAX_DEPTH} levels or attributes was left out", self.seen + 1));
        Ok(())
    }

    fn close(&mut self, name: &str) {
        if self.beyond > 0 {
            match self.item.filter(|at| self.stack[*at].name.eq_ignore_ascii_case(name)) {
                Some(at) => {
                    self.beyond = 0;
                    self.pop_to(at);
                }
                None => self.beyond -= 1,
            }
        } else if let Some(at) = self.stack.iter().rposition(|f| f.name.eq_ignore_ascii_case(name)) {
            // An end tag that nothing opened is ignored; one further out closes all in between.
            self.pop_to(at);
        }
    }

    fn pop_to(&mut self, at: usize) {
        while self.stack.len() > at {
            self.pop();
        }
    }

    fn pop(&mut self) {
        let Some(frame) = self.stack.pop() else { return };
        self.names.truncate(frame.names_before);
        let Some(node) = frame.node else { return };
        if let Some(parent) = self.stack.last_mut().and_then(|f| f.node.as_mut()) {
            parent.push(node);
        } else if self.item == Some(self.stack.len()) {
            self.item = None;
            self.seen += 1;
            if !self.newest.is_open() && self.newest.passes(entry::date(&node)) {
                return;
            }
            let base = frame.base.unwrap_or_else(|| self.base_here());
            let lang = frame.lang.or_else(|| self.stack.iter().rev().find_map(|f| f.lang.clone()));
            match entry::read(&node, &base, lang) {
                Ok(mut entry) => {
                    if entry.authors.is_empty() {
                        entry.authors.clone_from(&self.head.authors);
                    }
                    self.newest.took(&entry);
                    self.feed.entries.push(entry);
                }
                Err(why) => self.feed.note(format!("item {}: {why}", self.seen)),
            }
        } else {
            let base = frame.base.unwrap_or_else(|| self.base_here());
            self.head.read(&node, &base, self.atom, &mut self.feed);
            if self.feed.language.is_none() {
                self.feed.language = self.stack.iter().rev().find_map(|f| f.lang.clone());
            }
        }
    }

    /// What relative links are relative to: `xml:base`, else the site the feed names, else where it came from.
    fn base_here(&self) -> Url {
        let stated = self.stack.iter().rev().find_map(|f| f.base.as_ref());
        stated.or(self.head.link.as_ref()).unwrap_or(self.base).clone()
    }
}

/// A name without its prefix, in lower case.
fn local(name: &str) -> String {
    name.rsplit_once(':').map_or(name, |(_, local)| local).to_ascii_lowercase()
}

/// The first tag that opens a feed; junk before it (a warning of the program that wrote it) is skipped.
fn find_root<'a>(tokens: &mut Scanner<'a>) -> Result<Tag<'a>, Unreadable> {
    let (mut first, mut page) = (None, false);
    for token in tokens {
        match token {
            // Not believed before a tag of HTML: some programs write it over everything.
            Token::Doctype(name) => page = name.eq_ignore_ascii_case("html"),
            Token::Open(tag) => match local(tag.name).as_str() {
                "rss" | "rdf" | "feed" | "channel" | "entry" => return Ok(tag),
                "html" | "head" | "body" => return Err(Unreadable::new("an HTML page, not a feed")),
                "urlset" | "sitemapindex" => return Err(Unreadable::new("a sitemap, not a feed")),
                "opml" => return Err(Unreadable::new("an OPML list, not a feed")),
                _ => first = first.or(Some(tag.name)),
            },
            _ => {}
        }
    }
    Err(Unreadable::new(match first {
        _ if page => "an HTML page, not a feed".to_owned(),
        // Bytes that only look like a tag (a picture, a program) are not shown to anyone.
        Some(name) if !name.chars().all(|c| c.is_alphanumeric() || matches!(c, ':' | '-' | '_' | '.')) => {
            "neither XML nor JSON, not a feed".to_owned()
        }
        Some(name) => {
            let shown: String = name.chars().take(40).collect();
            format!("a document of <{shown}>, not a feed")
        }
        None => "plain text, not a feed".to_owned(),
    }))
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
