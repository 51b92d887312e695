//! Sitemaps: the articles of a Google News sitemap, and the sitemaps an index lists. Pure, over `mend`'s tokens, so a
//! broken `<url>` costs only itself. What fetches the sitemaps of an index is `gather`.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use url::Url;

use super::date;
use super::entry::{distinct, language, line, resolve, text as paragraphs};
use super::feed::{Feed, MAX_READ};
use super::mend::{MAX_DEPTH, Scanner, Tag, Token};
use crate::model::article::{Entry, Image};

/// The most sitemaps of an index that are looked at. Source: sitemaps.org protocol, 50,000 a file, 2026-11.
const MAX_LISTED: usize = 50_000;
/// The most sitemaps of an index that are fetched at a poll.
pub const MAX_CHILDREN: usize = 5;
/// The most bytes kept of one text. Source: reliability.md section 6, 2026-11.
const MAX_TEXT: usize = 64 * 1024;
/// The most pictures kept of one article.
const MAX_PICTURES: usize = 10;

/// A sitemap that an index lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Where it is.
    pub url: Url,
    /// When it last changed, where the index says so.
    pub changed: Option<Timestamp>,
}

/// Which document a sitemap's text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sitemap {
    /// `urlset`: addresses, those of articles as entries.
    Urls(Box<Feed>),
    /// `sitemapindex`: the sitemaps worth fetching, best first, at most [`MAX_CHILDREN`].
    Index {
        /// The sitemaps.
        children: Vec<Child>,
        /// How many it lists.
        listed: usize,
    },
}

/// One `<url>` or `<sitemap>` while it is read.
#[derive(Default)]
struct Open {
    loc: Option<String>,
    lastmod: Option<Timestamp>,
    news: bool,
    title: Option<String>,
    published: Option<Timestamp>,
    language: Option<String>,
    publication: Option<String>,
    keywords: Option<String>,
    access: Option<String>,
    pictures: Vec<Picture>,
}

#[derive(Default)]
struct Picture {
    loc: Option<String>,
    title: Option<String>,
    caption: Option<String>,
}

/// Reads a `urlset` or a `sitemapindex`; `base` is the address it came from. Only a `<url>` with a `news:news` block is
/// an article: publishers keep older addresses in the file without it. Source: Google, "Create a news sitemap", 2026-11.
pub fn read(text: &str, base: &Url) -> Sitemap {
    let mut reader = Reader {
        base,
        index: false,
        prefix: String::new(),
        stack: Vec::new(),
        text: String::new(),
        open: None,
        all: All::new(),
    };
    for token in Scanner::new(text) {
        match token {
            Token::Open(tag) => reader.open(&tag),
            Token::Close(name) => reader.close(&local(name)),
            Token::Text(text) => reader.text(&text),
            Token::Doctype(_) => {}
        }
        if reader.all.full {
            break;
        }
    }
    reader.finish_open();
    reader.done()
}

fn local(name: &str) -> String {
    name.rsplit_once(':').map_or(name, |(_, local)| local).to_ascii_lowercase()
}

struct All {
    feed: Feed,
    children: Vec<Child>,
    listed: usize,
    plain: usize,
    full: bool,
}

impl All {
    fn new() -> Self {
        Self { feed: Feed::default(), children: Vec::new(), listed: 0, plain: 0, full: false }
    }
}

struct Reader<'a> {
    base: &'a Url,
    index: bool,
    /// The prefix of the root, and so of `url` and `sitemap`.
    prefix: String,
    /// The open elements below `<url>` or `<sitemap>`.
    stack: Vec<String>,
    text: String,
    open: Option<Open>,
    all: All,
}

impl Reader<'_> {
    fn open(&mut self, tag: &Tag<'_>) {
        let name = local(tag.name);
        let prefix = tag.name.rsplit_once(':').map_or("", |(prefix, _)| prefix);
        match name.as_str() {
            "urlset" | "sitemapindex" => {
                self.index = name == "sitemapindex";
                prefix.clone_into(&mut self.prefix);
            }
            // One that was never closed ends where the next begins.
            "url" | "sitemap" if prefix == self.prefix => {
                self.finish_open();
                if !tag.empty {
                    self.open = Some(Open::default());
                }
            }
            _ => {
                let Some(open) = &mut self.open else { return };
                match name.as_str() {
                    "news" => open.news = true,
                    "image" if open.pictures.len() < MAX_PICTURES => open.pictures.push(Picture::default()),
                    _ => {}
                }
                if !tag.empty && self.stack.len() < MAX_DEPTH {
                    self.stack.push(name);
                }
                self.text.clear();
            }
        }
    }

    fn text(&mut self, text: &str) {
        if self.open.is_some() && !self.stack.is_empty() {
            let room = MAX_TEXT.saturating_sub(self.text.len());
            self.text.push_str(&text[..text.floor_char_boundary(room)]);
        }
    }

    fn close(&mut self, name: &str) {
        if matches!(name, "url" | "sitemap") {
            return self.finish_open();
        }
        let Some(at) = self.stack.iter().rposition(|open| open == name) else { return };
        // An element that something further out closes has no text of its own.
        if at + 1 == self.stack.len() {
            let parent = at.checked_sub(1).and_then(|at| self.stack.get(at)).map_or("", String::as_str);
            let text = self.text.trim();
            if let (Some(open), false) = (&mut self.open, text.is_empty()) {
                open.take(parent, name, text);
            }
        }
        self.stack.truncate(at);
        self.text.clear();
    }

    fn finish_open(&mut self) {
        self.stack.clear();
        self.text.clear();
        let Some(open) = self.open.take() else { return };
        self.all.listed += 1;
        let Some(url) = open.loc.as_deref().and_then(|loc| resolve(loc, self.base)) else {
            let n = self.all.listed;
            return self.all.feed.note(format!("address {n}: no loc that is an http or https URL"));
        };
        if self.index {
            self.all.children.push(Child { url, changed: open.lastmod });
            self.all.full = self.all.children.len() >= MAX_LISTED;
        } else if open.news {
            let guid = open.loc.clone().map(super::entry::cut);
            self.all.feed.entries.push(open.entry(guid, url, self.base));
            if self.all.feed.entries.len() >= MAX_READ {
                self.all.full = true;
                self.all.feed.note(format!("more than {MAX_READ} articles: the others were not read"));
            }
        } else {
            self.all.plain += 1;
            self.all.full = self.all.listed >= MAX_LISTED;
        }
    }

    fn done(mut self) -> Sitemap {
        if self.index {
            let listed = self.all.children.len();
            return Sitemap::Index { children: choose(self.all.children), listed };
        }
        if self.all.plain > 0 {
            self.all.feed.note(format!("{} addresses without news:news: no articles", self.all.plain));
        }
        Sitemap::Urls(Box::new(self.all.feed.finish()))
    }
}

impl Open {
    fn take(&mut self, parent: &str, name: &str, text: &str) {
        let keep = |slot: &mut Option<String>| {
            slot.get_or_insert_with(|| text.to_owned());
        };
        match (parent, name) {
            ("", "loc") => keep(&mut self.loc),
            ("", "lastmod") => self.lastmod = self.lastmod.or_else(|| date::read(text, &TimeZone::UTC)),
            ("news", "title") => keep(&mut self.title),
            ("news", "publication_date") => {
                self.published = self.published.or_else(|| date::read(text, &TimeZone::UTC))
            }
            ("news", "keywords") => keep(&mut self.keywords),
            ("news", "access") => keep(&mut self.access),
            ("publication", "language") => keep(&mut self.language),
            ("publication", "name") => keep(&mut self.publication),
            ("image", _) => {
                let Some(picture) = self.pictures.last_mut() else { return };
                match name {
                    "loc" => keep(&mut picture.loc),
                    "title" => keep(&mut picture.title),
                    "caption" => keep(&mut picture.caption),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn entry(self, guid: Option<String>, link: Url, base: &Url) -> Entry {
        let words = |text: Option<String>| text.map(|text| line(&text)).filter(|text| !text.is_empty());
        let mut pictures: Vec<Image> = Vec::new();
        for picture in self.pictures {
            let Some(url) = picture.loc.as_deref().and_then(|loc| resolve(loc, base)) else { continue };
            if pictures.iter().all(|known| known.url != url) {
                let caption = picture.caption.map(|text| paragraphs(&text)).filter(|text| !text.is_empty());
                pictures.push(Image { alt: words(picture.title), caption, ..Image::at(url) });
            }
        }
        let image = (!pictures.is_empty()).then(|| pictures.remove(0));
        let keywords = self.keywords.unwrap_or_default();
        Entry {
            guid,
            title: words(self.title).unwrap_or_default(),
            link: Some(link),
            published: self.published,
            updated: self.lastmod,
            image,
            pictures,
            language: self.language.as_deref().and_then(language),
            keywords: distinct(keywords.split([',', '،', '、']).map(line).collect()),
            // Retired by Google in 2019, still written by some: Subscription or Registration.
            paywall: self.access.map(|_| true),
            ..Entry::default()
        }
    }
}

/// The sitemaps of an index worth fetching, best first: those named as news, then the last changed; of those without a
/// date the last listed ones, since archives grow at their end.
fn choose(mut children: Vec<Child>) -> Vec<Child> {
    let mut seen = std::collections::HashSet::new();
    children.retain(|child| seen.insert(child.url.clone()));
    let mut ranked: Vec<(usize, Child)> = children.into_iter().enumerate().collect();
    ranked.sort_by_key(|(at, child)| {
        let is_news = child.url.path().to_ascii_lowercase().contains("news");
        (!is_news, std::cmp::Reverse(child.changed), std::cmp::Reverse(*at))
    });
    ranked.truncate(MAX_CHILDREN);
    ranked.into_iter().map(|(_, child)| child).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Url {
        Url::parse("https://news.example/sitemap.xml").unwrap()
    }

    fn feed(body: &str) -> Feed {
        let head = "<?xml version='1.0'?><urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' \
                    xmlns:news='http://www.google.com/schemas/sitemap-news/0.9' \
                    xmlns:image='http://www.google.com/schemas/sitemap-image/1.1'>";
        match read(&format!("{head}{body}</urlset>"), &base()) {
            Sitemap::Urls(feed) => *feed,
            other => panic!("{other:?}"),
        }
    }

    fn news(loc: &str, title: &str, more: &str) -> String {
        format!(
            "<url><loc>{loc}</loc><news:news><news:publication><news:name>N</news:name><news:language>az</news:language>\
             </news:publication><news:publication_date>2026-11-25T08:30:00+04:00</news:publication_date>\
             <news:title>{title}</news:title>{more}</news:news></url>"
        )
    }

    #[test]
    fn an_article_with_all_it_may_have() {
        let feed = feed(
            "<url><loc>https://news.example/a?x=1&amp;y=2</loc><lastmod>2026-11-25T06:00:00Z</lastmod>\
             <news:news><news:publication><news:name>Xəbər</news:name><news:language>az</news:language></news:publication>\
             <news:publication_date>2026-11-25</news:publication_date>\
             <news:title><![CDATA[Bakıda <b>körpü</b> &amp; yol]]></news:title>\
             <news:keywords>Körpü, Nəqliyyat,, körpü</news:keywords><news:access>Subscription</news:access></news:news>\
             <image:image><image:loc>/p/1.jpg</image:loc><image:title>Körpü</image:title>\
             <image:caption>Yeni körpü</image:caption></image:image>\
             <image:image><image:loc>https://cdn.example/2.jpg</image:loc></image:image></url>",
        );
        let [entry] = &feed.entries[..] else { panic!("{feed:?}") };
        assert_eq!(entry.title, "Bakıda körpü & yol");
        assert_eq!(entry.link.as_ref().unwrap().as_str(), "https://news.example/a?x=1&y=2");
        assert_eq!(entry.guid.as_deref(), Some("https://news.example/a?x=1&y=2"));
        assert_eq!(entry.published.unwrap().to_string(), "2026-11-25T00:00:00Z");
        assert_eq!(entry.updated.unwrap().to_string(), "2026-11-25T06:00:00Z");
        assert_eq!(entry.language.as_deref(), Some("az"));
        assert_eq!(entry.keywords, ["Körpü", "Nəqliyyat", "körpü"]);
        assert_eq!(entry.paywall, Some(true));
        let image = entry.image.as_ref().unwrap();
        assert_eq!(
            (image.url.as_str(), image.alt.as_deref(), image.caption.as_deref()),
            ("https://news.example/p/1.jpg", Some("Körpü"), Some("Yeni körpü"))
        );
        assert_eq!(entry.pictures.len(), 1);
    }

    #[test]
    fn titles_in_many_scripts() {
        for title in ["Bakı", "Новости дня", "أخبار اليوم", "新闻", "Ειδήσεις", "חדשות היום", "Şəhərdə nə var"]
        {
            let feed = feed(&news("https://news.example/a", title, ""));
            assert_eq!(feed.entries[0].title, title);
        }
    }

    #[test]
    fn only_news_is_an_article_and_a_broken_one_costs_only_itself() {
        for (name, body, titles, notes) in [
            ("plain addresses", "<url><loc>https://news.example/about</loc></url>".to_owned(), vec![], 1),
            ("empty", String::new(), vec![], 0),
            ("no loc", format!("<url><news:news/></url>{}", news("https://news.example/a", "A", "")), vec!["A"], 1),
            ("bad loc", news("javascript:alert(1)", "X", "") + &news("https://news.example/a", "A", ""), vec!["A"], 1),
            (
                "never closed",
                format!("<url><loc>https://news.example/b</loc><news:news><news:title>B{}", news("/a", "A", "")),
                vec!["", "A"],
                0,
            ),
            ("cut off", news("/a", "A", "") + "<url><loc>https://news.example/b</lo", vec!["A"], 1),
            (
                "another prefix",
                "<url><loc>/a</loc><n:news xmlns:n='x'><n:title>A</n:title></n:news></url>".to_owned(),
                vec!["A"],
                0,
            ),
            (
                "a video's title is not the article's",
                "<url><loc>/a</loc><video:video><video:title>V</video:title></video:video>\
                 <news:news><news:title>A</news:title></news:news></url>"
                    .to_owned(),
                vec!["A"],
                0,
            ),
        ] {
            let feed = feed(&body);
            let found: Vec<_> = feed.entries.iter().map(|entry| entry.title.as_str()).collect();
            assert_eq!(found, titles, "{name}");
            assert_eq!(feed.dropped.len(), notes, "{name}: {:?}", feed.dropped);
        }
    }

    #[test]
    fn a_sitemap_is_read_within_bounds() {
        let many: String = (0..6_000).map(|n| news(&format!("/{n}"), "T", "")).collect();
        let feed = feed(&many);
        assert_eq!(feed.entries.len(), super::super::feed::MAX_KEPT);
        assert!(feed.dropped.iter().any(|note| note.contains("5000")), "{:?}", feed.dropped);
        let deep = "<url>".to_owned() + &"<a>".repeat(100_000);
        assert!(self::feed(&deep).entries.is_empty());
    }

    #[test]
    fn an_index_is_followed_newest_first() {
        let sitemap = |loc: &str, date: &str| {
            let date = if date.is_empty() { String::new() } else { format!("<lastmod>{date}</lastmod>") };
            format!("<sitemap><loc>{loc}</loc>{date}</sitemap>")
        };
        let body = [
            sitemap("/pages.xml", "2026-11-25"),
            sitemap("/old.xml", "2020-01-01"),
            sitemap("/a.xml", ""),
            sitemap("/b.xml", ""),
            sitemap("/mid.xml.gz", "2026-11-24T10:00:00Z"),
            sitemap("/news-sitemap.xml", "2026-11-20"),
            sitemap("/pages.xml", "2026-11-25"),
            sitemap("ftp://x.example/a", "2026-11-25"),
        ]
        .concat();
        let Sitemap::Index { children, listed } = read(&format!("<sitemapindex>{body}</sitemapindex>"), &base()) else {
            panic!("an index was expected")
        };
        let paths: Vec<_> = children.iter().map(|child| child.url.path().to_owned()).collect();
        assert_eq!(paths, ["/news-sitemap.xml", "/pages.xml", "/mid.xml.gz", "/old.xml", "/b.xml"]);
        assert_eq!(listed, 7);
    }
}
