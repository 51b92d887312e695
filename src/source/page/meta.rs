//! An article's page -> what it says of itself: OpenGraph, `article:*`, JSON-LD, `meta`, `link` and `time`, in one walk
//! over `mend`'s tokens. No tree is built, so the work is linear in the page, however it nests.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use url::Url;

use super::MAX_PAGE;
use super::jsonld::{self, Story};
use crate::model::article::Image;
use crate::source::date;
use crate::source::entry::{distinct, language, line, resolve, text as paragraphs};
use crate::source::mend::{Scanner, Tag, Token};
use crate::text::plain;

/// The most pictures, feeds or hubs kept of a page.
const MAX_LIST: usize = 20;
/// The most bytes kept of a name or word, of a title, and of a description: many pages are remembered.
const MAX_WORD: usize = 256;
const MAX_TITLE: usize = 1_024;
const MAX_DESCRIPTION: usize = 4_096;
/// The most bytes of one script of JSON-LD.
const MAX_SCRIPT: usize = 256 * 1024;
/// The most scripts of JSON-LD that are read.
const MAX_SCRIPTS: usize = 20;

/// What a page says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PageFacts {
    /// Its own address, as it states it.
    pub canonical: Option<Url>,
    /// Plain text, one line.
    pub title: Option<String>,
    /// Plain text.
    pub description: Option<String>,
    /// Pictures that stand for it, best first.
    pub pictures: Vec<Image>,
    /// Names of people.
    pub authors: Vec<String>,
    /// When it was published.
    pub published: Option<Timestamp>,
    /// When it last changed.
    pub modified: Option<Timestamp>,
    /// BCP 47 tag.
    pub language: Option<String>,
    /// The section of the site it stands in.
    pub section: Option<String>,
    /// What it is about.
    pub keywords: Vec<String>,
    /// Whether readers have to pay for it.
    pub paywall: Option<bool>,
    /// The site's name.
    pub site: Option<String>,
    /// Feeds it links to.
    pub feeds: Vec<Linked>,
    /// WebSub hubs it names.
    pub hubs: Vec<Url>,
    /// Its topic at its hubs, as it states it.
    pub own: Option<Url>,
    /// Whether it calls itself an article, by OpenGraph or JSON-LD.
    pub is_article: bool,
}

/// A feed that a page links to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linked {
    /// Where it is.
    pub url: Url,
    /// What the page calls it.
    pub title: Option<String>,
}

/// Reads a page; `base` is the address it came from, `zone` that of dates that name none.
pub fn read(html: &str, base: &Url, zone: &TimeZone) -> PageFacts {
    let html = &html[..html.floor_char_boundary(MAX_PAGE)];
    let mut page = Page::new(base.clone(), zone);
    let mut tokens = Scanner::new(html);
    while let Some(token) = tokens.next() {
        match token {
            Token::Open(tag) => page.open(&tag, &mut tokens),
            Token::Text(text) => page.text(&text),
            Token::Close(name) => page.close(name),
            Token::Doctype(_) => {}
        }
    }
    page.done()
}

/// A text and how much it counts: 0 counts most.
type Ranked<T> = Option<(u8, T)>;

fn better<T>(slot: &mut Ranked<T>, rank: u8, value: Option<T>) {
    if let Some(value) = value
        && slot.as_ref().is_none_or(|(known, _)| rank < *known)
    {
        *slot = Some((rank, value));
    }
}

struct Page<'a> {
    at: Url,
    base: Url,
    zone: &'a TimeZone,
    facts: PageFacts,
    canonical: Ranked<Url>,
    title: Ranked<String>,
    description: Ranked<String>,
    published: Ranked<Timestamp>,
    modified: Ranked<Timestamp>,
    language: Ranked<String>,
    section: Ranked<String>,
    pictures: Vec<(u8, Image)>,
    authors: Vec<(u8, String)>,
    keywords: Vec<(u8, String)>,
    paywall: Ranked<bool>,
    stories: Vec<Story>,
    scripts: usize,
    /// The text of an open `h1`.
    heading: Option<String>,
    /// Of the last `og:image`: whether properties of it may follow.
    og_picture: bool,
    in_head: bool,
}

impl<'a> Page<'a> {
    fn new(base: Url, zone: &'a TimeZone) -> Self {
        Self {
            at: base.clone(),
            base,
            zone,
            facts: PageFacts::default(),
            canonical: None,
            title: None,
            description: None,
            published: None,
            modified: None,
            language: None,
            section: None,
            pictures: Vec::new(),
            authors: Vec::new(),
            keywords: Vec::new(),
            paywall: None,
            stories: Vec::new(),
            scripts: 0,
            heading: None,
            og_picture: false,
            in_head: true,
        }
    }

    fn open(&mut self, tag: &Tag<'_>, tokens: &mut Scanner<'_>) {
        let name = tag.name.to_ascii_lowercase();
        match name.as_str() {
            "script" => self.script(tag, tokens),
            "style" | "textarea" | "svg" => {
                tokens.raw(tag.name);
            }
            "title" if self.in_head => {
                let raw = tokens.raw(tag.name);
                better(&mut self.title, 4, words(raw));
            }
            "html" => {
                let said = attribute(tag, "lang").or_else(|| attribute(tag, "xml:lang"));
                better(&mut self.language, 0, said.and_then(language));
            }
            "body" | "article" | "main" => self.in_head = false,
            "base" if self.in_head => {
                if let Some(base) = attribute(tag, "href").and_then(|href| resolve(href, &self.base)) {
                    self.base = base;
                }
            }
            "meta" => self.meta(tag),
            "link" => self.link(tag),
            "time" => self.time(tag),
            "h1" if self.title.is_none() => self.heading = Some(String::new()),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(heading) = &mut self.heading
            && heading.len() < 1_024
        {
            heading.push_str(text);
        }
    }

    fn close(&mut self, name: &str) {
        if name.eq_ignore_ascii_case("h1")
            && let Some(heading) = self.heading.take()
        {
            better(&mut self.title, 5, Some(line(&crate::source::mend::escape(&heading))).filter(|t| !t.is_empty()));
        } else if name.eq_ignore_ascii_case("head") {
            self.in_head = false;
        }
    }

    fn script(&mut self, tag: &Tag<'_>, tokens: &mut Scanner<'_>) {
        let raw = tokens.raw(tag.name);
        let kind = attribute(tag, "type").unwrap_or("");
        if kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/ld+json")) {
            self.scripts += 1;
            if self.scripts <= MAX_SCRIPTS && raw.len() <= MAX_SCRIPT {
                self.stories.extend(jsonld::read(raw, &self.base, self.zone));
            }
        }
    }

    fn meta(&mut self, tag: &Tag<'_>) {
        let Some(content) = attribute(tag, "content").map(str::trim).filter(|content| !content.is_empty()) else {
            return;
        };
        // OpenGraph belongs into `property`, Twitter's and others' into `name`; each is found in the other too.
        for key in ["property", "name", "itemprop"].into_iter().filter_map(|key| attribute(tag, key)) {
            for key in key.split_ascii_whitespace() {
                self.said(&key.to_ascii_lowercase(), content);
            }
        }
    }

    fn said(&mut self, key: &str, content: &str) {
        let when = || date::read(content, self.zone);
        let url = || resolve(content, &self.base);
        match key {
            "og:url" => better(&mut self.canonical, 1, url()),
            "og:title" => better(&mut self.title, 0, words(content)),
            "twitter:title" => better(&mut self.title, 3, words(content)),
            "og:description" => better(&mut self.description, 0, prose(content)),
            "description" => better(&mut self.description, 1, prose(content)),
            "twitter:description" => better(&mut self.description, 2, prose(content)),
            "og:type" => self.facts.is_article |= content.eq_ignore_ascii_case("article"),
            "og:site_name" => self.facts.site = self.facts.site.take().or_else(|| words(content)),
            "og:locale" => better(&mut self.language, 2, language(content)),
            "og:image" | "og:image:url" => self.picture(0, content, true),
            "og:image:secure_url" => self.secure_picture(content),
            "og:image:width" => self.about_picture(|image| image.width = content.parse().ok()),
            "og:image:height" => self.about_picture(|image| image.height = content.parse().ok()),
            "og:image:alt" => self.about_picture(|image| image.alt = words(content)),
            "twitter:image" | "twitter:image:src" => self.picture(1, content, false),
            "twitter:image:alt" => {
                if let Some((_, image)) =
                    self.pictures.iter_mut().find(|(rank, image)| *rank == 1 && image.alt.is_none())
                {
                    image.alt = words(content);
                }
            }
            "article:published_time" | "og:article:published_time" => better(&mut self.published, 0, when()),
            "datepublished" | "parsely-pub-date" | "date" | "dc.date.issued" | "dcterms.created" | "pubdate" => {
                better(&mut self.published, 2, when());
            }
            "article:modified_time" | "og:updated_time" => better(&mut self.modified, 0, when()),
            "datemodified" | "last-modified" | "dcterms.modified" => better(&mut self.modified, 2, when()),
            "article:section" => better(&mut self.section, 0, words(content)),
            // A profile's address, more often than a name.
            "article:author" | "author" | "parsely-author" | "dc.creator" if !content.contains("://") => {
                let rank = if key.starts_with("article") { 1 } else { 2 };
                for name in split_names(content) {
                    self.authors.push((rank, name));
                }
            }
            "article:tag" => self.keywords.push((0, line(content))),
            "news_keywords" => self.key_words(1, content),
            "keywords" => self.key_words(3, content),
            "article:content_tier" => {
                let tier = content.to_ascii_lowercase();
                better(
                    &mut self.paywall,
                    0,
                    match tier.as_str() {
                        "free" => Some(false),
                        "metered" | "locked" => Some(true),
                        _ => None,
                    },
                );
            }
            _ => {}
        }
    }

    fn key_words(&mut self, rank: u8, content: &str) {
        let words = content.split([',', ';', '،', '、', '，']).map(line);
        self.keywords.extend(words.take(MAX_LIST).map(|word| (rank, word)));
    }

    fn picture(&mut self, rank: u8, content: &str, og: bool) {
        let url = resolve(content, &self.base);
        if og {
            self.og_picture = url.is_some();
        }
        if let Some(url) = url
            && self.pictures.len() < MAX_LIST
        {
            // `og:image:url` repeats `og:image`.
            if !(og && self.pictures.last().is_some_and(|(_, last)| last.url == url)) {
                self.pictures.push((rank, Image::at(url)));
            }
        }
    }

    fn secure_picture(&mut self, content: &str) {
        match resolve(content, &self.base) {
            Some(url) if self.og_picture => self.about_picture(|image| image.url = url),
            Some(_) => self.picture(0, content, true),
            None => {}
        }
    }

    /// Properties of a picture follow it. Source: ogp.me, "Structured Properties", 2026-11.
    fn about_picture(&mut self, change: impl FnOnce(&mut Image)) {
        if self.og_picture
            && let Some((_, image)) = self.pictures.iter_mut().rev().find(|(rank, _)| *rank == 0)
        {
            change(image);
        }
    }

    fn link(&mut self, tag: &Tag<'_>) {
        let Some(url) = attribute(tag, "href").and_then(|href| resolve(href, &self.base)) else { return };
        let rel = attribute(tag, "rel").unwrap_or("").to_ascii_lowercase();
        let kind = attribute(tag, "type").unwrap_or("").to_ascii_lowercase();
        let is = |word: &str| rel.split_ascii_whitespace().any(|rel| rel == word);
        if is("canonical") {
            better(&mut self.canonical, 0, Some(url));
        } else if is("alternate") || is("feed") {
            let feed = ["rss", "atom", "feed+json", "rdf"].iter().any(|word| kind.contains(word));
            if (feed || is("feed")) && self.facts.feeds.len() < MAX_LIST {
                let title = attribute(tag, "title").and_then(words);
                if self.facts.feeds.iter().all(|known| known.url != url) {
                    self.facts.feeds.push(Linked { url, title });
                }
            }
        } else if is("hub") {
            if self.facts.hubs.len() < MAX_LIST && !self.facts.hubs.contains(&url) {
                self.facts.hubs.push(url);
            }
        } else if is("self") {
            self.facts.own = self.facts.own.take().or(Some(url));
        } else if is("image_src") && self.pictures.len() < MAX_LIST {
            self.pictures.push((3, Image::at(url)));
        }
    }

    fn time(&mut self, tag: &Tag<'_>) {
        let Some(at) = attribute(tag, "datetime").and_then(|at| date::read(at, self.zone)) else { return };
        let word = attribute(tag, "itemprop").unwrap_or("").to_ascii_lowercase();
        if word.contains("datemodified") {
            better(&mut self.modified, 3, Some(at));
        } else if word.contains("datepublished") || attribute(tag, "pubdate").is_some() {
            better(&mut self.published, 3, Some(at));
        } else {
            // The first one on the page is mostly the article's; a list of others follows it.
            better(&mut self.published, 5, Some(at));
        }
    }

    fn done(mut self) -> PageFacts {
        let canonical = self.canonical.as_ref().map(|(_, url)| url.clone());
        if let Some(story) = jsonld::of_page(std::mem::take(&mut self.stories), canonical.as_ref(), &self.base) {
            self.take(story);
        }
        let rank = |list: Vec<(u8, String)>| {
            let best = list.iter().map(|(rank, _)| *rank).min();
            distinct(
                list.into_iter()
                    .filter(|(rank, _)| Some(*rank) == best)
                    .map(|(_, text)| short(text, MAX_WORD))
                    .collect(),
            )
        };
        self.pictures.sort_by_key(|(rank, _)| *rank);
        let mut pictures: Vec<Image> = Vec::new();
        for (_, image) in self.pictures {
            // A public page has no picture inside the network: nobody could see it, and nothing is to be tried there.
            let astray = crate::http::is_inside(&image.url) && image.url.host() != self.at.host();
            if !astray && pictures.iter().all(|known| known.url != image.url) {
                pictures.push(image);
            }
        }
        let site = self.facts.site.clone();
        let bare = self.title.as_ref().is_some_and(|(rank, _)| *rank != 4);
        let title = self.title.map(|(_, title)| if bare { title } else { without_site(&title, site.as_deref()) });
        PageFacts {
            canonical: self.canonical.map(|(_, url)| url),
            title: title.map(|title| short(title, MAX_TITLE)),
            description: self.description.map(|(_, text)| short(text, MAX_DESCRIPTION)),
            pictures,
            authors: rank(self.authors),
            published: self.published.map(|(_, at)| at),
            modified: self.modified.map(|(_, at)| at),
            language: self.language.map(|(_, tag)| tag),
            section: self.section.map(|(_, text)| short(text, MAX_WORD)),
            keywords: rank(self.keywords),
            paywall: self.paywall.map(|(_, pays)| pays),
            site: site.map(|site| short(site, MAX_WORD)),
            ..self.facts
        }
    }

    /// What JSON-LD says, each in its place among the others.
    fn take(&mut self, story: Story) {
        self.facts.is_article = true;
        better(&mut self.canonical, 2, story.url);
        better(&mut self.title, 1, story.headline);
        better(&mut self.description, 3, story.description);
        better(&mut self.published, 1, story.published);
        better(&mut self.modified, 1, story.modified);
        better(&mut self.language, 1, story.language);
        better(&mut self.section, 1, story.section);
        better(&mut self.paywall, 1, story.free.map(|free| !free));
        self.pictures.extend(story.pictures.into_iter().map(|image| (2, image)));
        self.authors.extend(story.authors.into_iter().map(|name| (0, name)));
        self.keywords.extend(story.keywords.into_iter().map(|word| (2, word)));
        self.facts.site = self.facts.site.take().or(story.publisher);
    }
}

pub(super) fn attribute<'t>(tag: &'t Tag<'_>, name: &str) -> Option<&'t str> {
    tag.attributes.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_ref())
}

fn short(text: String, max: usize) -> String {
    plain::clip_field(&text, max).to_owned()
}

fn words(text: &str) -> Option<String> {
    Some(line(text)).filter(|text| !text.is_empty())
}

fn prose(text: &str) -> Option<String> {
    Some(paragraphs(text)).filter(|text| !text.is_empty())
}

/// Several names in one text: "Leyla Aliyeva, John Doe and Ana Lima" is split at commas and semicolons only, since "and"
/// has a word in each language.
pub(super) fn split_names(text: &str) -> Vec<String> {
    text.split([',', ';', '،']).filter_map(crate::source::entry::name).collect()
}

/// A document's title without the site's name behind it: "Headline - Site" where the page says that it is "Site".
fn without_site(title: &str, site: Option<&str>) -> String {
    let cut = site.and_then(|site| {
        let rest = title.strip_suffix(site)?.trim_end();
        let rest = rest.strip_suffix(['-', '–', '—', '|', '·', '•', ':', '«', '»', '/'])?.trim_end();
        (!rest.is_empty()).then(|| rest.to_owned())
    });
    cut.unwrap_or_else(|| title.to_owned())
}

#[cfg(test)]
#[path = "meta_tests.rs"]
mod tests;
