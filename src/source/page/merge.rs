//! What of a page goes into an article, and when a page is wanted at all. Pure. The source's word counts more than the
//! page's: a page only fills in what the source left out, and says which address is the page's own.

use url::{Host, Url};

use super::{ArticlePage, PageFacts};
use crate::model::article::{Entry, Image};
use crate::text::tracking;

/// A picture narrower than this, in pixels, is a thumbnail: the page's takes its place. Ours: the least width of a large
/// card on the platforms we know is 300 (X, 2026-11).
const THUMBNAIL: u32 = 300;
/// The most further pictures an article keeps.
const MAX_PICTURES: usize = 10;

/// Hosts that only pass readers on: what stands there is never an article's own address.
const PASSES_ON: [&str; 8] = [
    "feedproxy.google.com",
    "feeds.feedburner.com",
    "news.google.com",
    "rss.app",
    "bit.ly",
    "t.co",
    "ow.ly",
    "tinyurl.com",
];

/// Which host an article's own address may have.
#[derive(Clone, Copy, Debug)]
pub struct Rule<'a> {
    /// The source's address.
    pub source: Option<&'a Url>,
    /// `hosts` of the source.
    pub hosts: &'a [String],
}

/// Whether the article's page should be fetched.
pub fn is_wanted(when: ArticlePage, entry: &Entry) -> bool {
    let Some(link) = &entry.link else { return false };
    match when {
        ArticlePage::Never => false,
        ArticlePage::Always => true,
        ArticlePage::WhenNeeded => {
            let thumbnail = |image: &Image| image.width.is_some_and(|width| width < THUMBNAIL);
            entry.image.as_ref().is_none_or(thumbnail)
                || entry.summary.is_none()
                || entry.title.is_empty()
                || !is_own_address(link)
        }
    }
}

/// Whether a link looks like the page's own address: no redirector, no tracking, nothing of AMP.
pub fn is_own_address(link: &Url) -> bool {
    let host = link.host_str().unwrap_or("");
    let amp = link.path().split('/').any(|part| part.eq_ignore_ascii_case("amp"))
        || link.query_pairs().any(|(key, _)| key == "amp" || key == "outputType")
        || host.starts_with("amp.");
    !PASSES_ON.contains(&host) && !amp && !link.query().is_some_and(|query| query.split('&').any(tracking::is_tracking))
}

/// The entry as it would be if its page said everything a page can say, for telling which posts a page could change at
/// all. The link stays: whoever shows it shows it either way.
pub fn probe(entry: &Entry) -> Entry {
    let url = Url::parse("https://bugle.invalid/picture.jpg").expect("a constant URL");
    let facts = PageFacts {
        title: Some("A headline".to_owned()),
        description: Some("A line or two of what the page says.".to_owned()),
        pictures: vec![Image::at(url)],
        authors: vec!["Somebody".to_owned()],
        section: Some("Section".to_owned()),
        keywords: vec!["Word".to_owned()],
        paywall: Some(true),
        ..PageFacts::default()
    };
    let mut probe = entry.clone();
    merge(&mut probe, &facts, None, Rule { source: None, hosts: &[] });
    probe
}

/// Merges what a page says into the entry. `at`: where the page was found in the end, after redirects. Returns whether
/// anything changed.
pub fn merge(entry: &mut Entry, facts: &PageFacts, at: Option<&Url>, rule: Rule<'_>) -> bool {
    let before = entry.clone();
    if let Some(link) = own_address(entry.link.as_ref(), facts, at, rule) {
        entry.link = Some(link);
    }
    if entry.title.is_empty() {
        entry.title = facts.title.clone().unwrap_or_default();
    }
    fill(&mut entry.summary, facts.description.as_ref());
    fill(&mut entry.published, facts.published.as_ref());
    fill(&mut entry.updated, facts.modified.as_ref());
    fill(&mut entry.language, facts.language.as_ref());
    fill(&mut entry.paywall, facts.paywall.as_ref());
    if entry.authors.is_empty() {
        entry.authors.clone_from(&facts.authors);
    }
    if entry.categories.is_empty() {
        entry.categories.extend(facts.section.clone());
    }
    if entry.keywords.is_empty() {
        entry.keywords.clone_from(&facts.keywords);
    }
    pictures(entry, &facts.pictures);
    *entry != before
}

fn fill<T: Clone>(slot: &mut Option<T>, value: Option<&T>) {
    if slot.is_none() {
        *slot = value.cloned();
    }
}

/// The page's first picture where the source has none or a thumbnail; the others behind it, each once.
fn pictures(entry: &mut Entry, found: &[Image]) {
    let same = |a: &Image, b: &Image| a.url[..url::Position::AfterPath] == b.url[..url::Position::AfterPath];
    let narrow = |image: &Image| image.width.is_some_and(|width| width < THUMBNAIL);
    if let Some(best) = found.iter().find(|image| !narrow(image)).or(found.first()) {
        match &mut entry.image {
            None => entry.image = Some(best.clone()),
            Some(image) if same(image, best) => {
                fill(&mut image.alt, best.alt.as_ref());
                fill(&mut image.caption, best.caption.as_ref());
                fill(&mut image.width, best.width.as_ref());
                fill(&mut image.height, best.height.as_ref());
            }
            Some(image) if narrow(image) && !narrow(best) => *image = best.clone(),
            Some(_) => {}
        }
    }
    for image in found {
        let known = entry.image.iter().chain(&entry.pictures).any(|known| same(known, image));
        if !known && entry.pictures.len() < MAX_PICTURES {
            entry.pictures.push(image.clone());
        }
    }
}

/// The page's own address, where it is to be believed: on the same site as the link, the page found in the end, or the
/// source, or on a listed host. A page that calls the home page its address is wrong. Without a word of the page, a link
/// that only passes readers on gives way to where it led.
fn own_address(link: Option<&Url>, facts: &PageFacts, at: Option<&Url>, rule: Rule<'_>) -> Option<Url> {
    let link = link?;
    let is_home = |url: &Url| url.path().trim_matches('/').is_empty() && url.query().is_none();
    let near = |url: &Url| {
        let listed = rule.hosts.iter().any(|host| is_host(url, host));
        listed || [Some(link), at, rule.source].into_iter().flatten().any(|known| is_same_site(known, url))
    };
    let fits = |url: &Url| near(url) && (!is_home(url) || is_home(link));
    let stated = facts.canonical.clone().filter(fits);
    let led = || at.filter(|_| !is_own_address(link)).filter(|url| fits(url)).map(tracking::stripped);
    let mut own = stated.or_else(led)?;
    own.set_fragment(None);
    // A page behind https that still calls itself http.
    if link.scheme() == "https" && own.scheme() == "http" && own.host() == link.host() && own.port() == link.port() {
        own.set_scheme("https").ok()?;
    }
    (own != *link).then_some(own)
}

/// Whether two addresses belong to one site: the same host (and port), also with or without `www.`, `m.` and the like in
/// front.
pub fn is_same_site(a: &Url, b: &Url) -> bool {
    fn bare(host: &str) -> &str {
        ["www.", "m.", "amp.", "mobile.", "rss.", "feeds."]
            .iter()
            .find_map(|front| host.strip_prefix(front))
            .unwrap_or(host)
    }
    let ports = |url: &Url| url.port().unwrap_or(0);
    match (a.host(), b.host()) {
        (Some(Host::Domain(a_host)), Some(Host::Domain(b_host))) => {
            bare(a_host) == bare(b_host) && ports(a) == ports(b)
        }
        (a_host, b_host) => a_host.is_some() && a_host == b_host && ports(a) == ports(b),
    }
}

/// Whether a URL is on a listed host: `news.example`, or with its port where that is not the scheme's own.
fn is_host(url: &Url, host: &str) -> bool {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    url.host_str().is_some_and(|found| format!("{found}{port}").eq_ignore_ascii_case(host.trim()))
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
