//! A page that lists articles -> their entries, by the CSS selectors of `[source.NAME.page]`. Selectors are compiled when
//! the config is read, so that a fault in one is shown with its line.

use std::sync::Arc;

use jiff::tz::TimeZone;
use scraper::{ElementRef, Html, Selector};
use url::Url;

use super::Selectors;
use super::tame::tame;
use crate::model::article::{Entry, Image};
use crate::source::date;
use crate::source::entry::{language, line, resolve, text as paragraphs};
use crate::source::feed::{Feed, MAX_KEPT, Unreadable};

/// Compiled selectors. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Layout(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    written: String,
    item: Selector,
    link: Option<Selector>,
    title: Option<Selector>,
    time: Option<Selector>,
    picture: Option<Selector>,
    summary: Option<Selector>,
}

/// A selector that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSelector {
    /// The key it is written at: `item`.
    pub key: &'static str,
    /// What is wrong with it.
    pub said: String,
}

impl Layout {
    /// Compiles them.
    ///
    /// # Errors
    /// Every selector that cannot be read.
    pub fn compile(written: &Selectors) -> Result<Self, Vec<BadSelector>> {
        let mut bad = Vec::new();
        let mut one = |key: &'static str, text: Option<&str>| {
            let text = text?;
            match Selector::parse(text) {
                Ok(selector) if !text.trim().is_empty() => Some(selector),
                Ok(_) => {
                    bad.push(BadSelector { key, said: "expected a CSS selector, found nothing".to_owned() });
                    None
                }
                Err(error) => {
                    bad.push(BadSelector {
                        key,
                        said: format!("expected a CSS selector, found {text:?}: {}", fault(&error)),
                    });
                    None
                }
            }
        };
        let item = one("item", Some(&written.item));
        let link = one("link", written.link.as_deref());
        let title = one("title", written.title.as_deref());
        let time = one("time", written.time.as_deref());
        let picture = one("picture", written.picture.as_deref());
        let summary = one("summary", written.summary.as_deref());
        match item {
            Some(item) if bad.is_empty() => {
                let written = written.item.clone();
                Ok(Self(Arc::new(Compiled { written, item, link, title, time, picture, summary })))
            }
            _ => Err(bad),
        }
    }

    /// The articles a page lists; `base` is the address it came from, `zone` that of dates that name none.
    ///
    /// # Errors
    /// [`Unreadable`] where nothing on the page is an item: the page changed, or the selector is wrong.
    pub fn read(&self, html: &str, base: &Url, zone: &TimeZone) -> Result<Feed, Unreadable> {
        let tree = Html::parse_document(&tame(html));
        let page = Page { layout: &self.0, base: base_of(&tree, base), zone };
        let mut feed = Feed { title: first(&tree, "title").map(|it| words(&it)), ..Feed::default() };
        feed.title = feed.title.filter(|title| !title.is_empty());
        feed.language = first(&tree, "html[lang]").and_then(|it| language(it.attr("lang")?));
        let mut seen = std::collections::HashSet::new();
        let mut count = 0usize;
        for item in tree.select(&self.0.item) {
            count += 1;
            match page.entry(item) {
                // A list shows its first story twice as often as not.
                Ok(entry) if !seen.insert(entry.link.clone()) => {}
                Ok(entry) => feed.entries.push(entry),
                Err(why) => feed.note(format!("item {count}: {why}")),
            }
            if feed.entries.len() >= MAX_KEPT {
                break;
            }
        }
        if count == 0 {
            let said = format!("a page on which nothing is an item: {:?} finds no element", self.0.written);
            return Err(Unreadable::new(said));
        }
        if feed.entries.is_empty() {
            let why = feed.dropped.first().cloned().unwrap_or_default();
            return Err(Unreadable::new(format!("a page whose {count} items are no articles: {why}")));
        }
        Ok(feed.finish())
    }
}

/// In words, without the library's type names.
fn fault(error: &scraper::error::SelectorErrorKind) -> String {
    use scraper::error::SelectorErrorKind as Kind;
    match error {
        Kind::UnexpectedToken => "a sign stands where none may".to_owned(),
        Kind::EndOfLine => "it ends too early".to_owned(),
        Kind::ExpectedColonOnPseudoElement | Kind::ExpectedIdentityOnPseudoElement => {
            "a colon without a known word behind it".to_owned()
        }
        Kind::UnexpectedSelectorParseError(_) => "a part of it is unknown here".to_owned(),
        _ => "it is no selector".to_owned(),
    }
}

fn constant(css: &'static str) -> Selector {
    Selector::parse(css).expect("a constant selector")
}

fn first<'t>(tree: &'t Html, css: &'static str) -> Option<ElementRef<'t>> {
    tree.select(&constant(css)).next()
}

fn base_of(tree: &Html, base: &Url) -> Url {
    first(tree, "base[href]").and_then(|it| resolve(it.attr("href")?, base)).unwrap_or_else(|| base.clone())
}

/// An element's text as one line.
fn words(element: &ElementRef<'_>) -> String {
    line(&crate::source::mend::escape(&element.text().collect::<Vec<_>>().join(" ")))
}

struct Page<'a> {
    layout: &'a Compiled,
    base: Url,
    zone: &'a TimeZone,
}

impl Page<'_> {
    fn entry(&self, item: ElementRef<'_>) -> Result<Entry, String> {
        let layout = self.layout;
        let link = match &layout.link {
            Some(selector) => within(item, selector),
            None if item.value().name() == "a" && item.attr("href").is_some() => Some(item),
            None => within(item, &constant("a[href]")),
        };
        let link = link.ok_or("no link in it")?;
        let href = link.attr("href").or_else(|| {
            // The selector names what holds the link.
            link.select(&constant("a[href]")).next().and_then(|a| a.attr("href"))
        });
        let url = href.and_then(|href| resolve(href, &self.base)).ok_or("its link is no http or https URL")?;
        let title = match &layout.title {
            Some(selector) => within(item, selector),
            None => within(item, &constant("h1,h2,h3,h4,h5,h6")).or(Some(link)),
        };
        let title = title.map(|it| words(&it)).filter(|title| !title.is_empty());
        let title = title.or_else(|| link.attr("title").map(line)).filter(|title| !title.is_empty());
        let title = title.ok_or("no headline in it")?;
        let time = match &layout.time {
            Some(selector) => within(item, selector),
            None => within(item, &constant("time")),
        };
        let published = time.and_then(|it| {
            let stated = it.attr("datetime").or_else(|| it.attr("content")).and_then(|at| date::read(at, self.zone));
            stated.or_else(|| date::read(&words(&it), self.zone))
        });
        let picture = match &layout.picture {
            Some(selector) => within(item, selector),
            None => within(item, &constant("img")),
        };
        let summary = layout.summary.as_ref().and_then(|selector| within(item, selector));
        let summary = summary.map(|it| paragraphs(&it.html())).filter(|text| !text.is_empty());
        Ok(Entry {
            guid: Some(url.to_string()),
            title,
            link: Some(url),
            published,
            summary,
            image: picture.and_then(|it| self.picture(it)),
            ..Entry::default()
        })
    }

    /// An `img` (or what holds one), also one that scripts load later.
    fn picture(&self, element: ElementRef<'_>) -> Option<Image> {
        let image = if element.value().name() == "img" { Some(element) } else { within(element, &constant("img")) };
        let said = image.unwrap_or(element);
        let sets = ["srcset", "data-srcset"].into_iter().filter_map(|key| said.attr(key));
        let widest = sets.filter_map(|set| widest(set)).find_map(|url| resolve(url, &self.base));
        let plain = ["data-src", "data-lazy-src", "data-original", "src", "href", "content"];
        let plain = || plain.into_iter().filter_map(|key| said.attr(key)).find_map(|url| resolve(url, &self.base));
        let url = widest.or_else(plain)?;
        let alt = said.attr("alt").map(line).filter(|alt| !alt.is_empty());
        Some(Image { alt, ..Image::at(url) })
    }
}

/// The first match in an item, or the item itself.
fn within<'t>(item: ElementRef<'t>, selector: &Selector) -> Option<ElementRef<'t>> {
    item.select(selector).next().or_else(|| selector.matches(&item).then_some(item))
}

/// The widest of `a.jpg 320w, b.jpg 640w`.
fn widest(set: &str) -> Option<&str> {
    fn candidate(part: &str) -> Option<(f64, &str)> {
        let mut words = part.split_ascii_whitespace();
        let url = words.next()?;
        let size = words.next().and_then(|size| size.trim_end_matches(['w', 'x', ',']).parse().ok());
        Some((size.unwrap_or(1.0), url.trim_end_matches(',')))
    }
    // A comma inside an address has no blank behind it.
    let all = set.split(", ").filter_map(candidate);
    all.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, url)| url)
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
