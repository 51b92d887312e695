//! Finding a site's feeds, sitemaps and hubs: what its page links to, what its robots.txt names, and a few usual places.
//! Each is told apart by reading it; what is shown of it is what reading it found.

use std::collections::HashSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use serde::Serialize;
use url::Url;

use super::document;
use super::entry::resolve;
use super::feed::Feed;
use super::fetch::{Manner, visit};
use super::gather::Gatherer;
use super::page::{PageFacts, meta};
use crate::http::{Http, Trust};

/// Where feeds usually are, tried where the page links to none.
const FEEDS: [&str; 7] = ["/feed", "/rss", "/rss.xml", "/feed.xml", "/atom.xml", "/index.xml", "/feed.json"];
/// Where sitemaps usually are.
const SITEMAPS: [&str; 4] = ["/news-sitemap.xml", "/sitemap-news.xml", "/sitemap_news.xml", "/sitemap.xml"];
/// What is asked for.
const ACCEPTED: &str = "text/html, application/rss+xml, application/atom+xml, application/feed+json, */*;q=0.5";
/// The most addresses that are tried, one after the other.
const MOST: usize = 20;

/// How an address came up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// It was asked for.
    Asked,
    /// The page links to it.
    Page,
    /// A `Link` header of the page.
    Header,
    /// robots.txt names it.
    Robots,
    /// It is a usual place.
    Usual,
}

/// What an address turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// RSS, Atom, RDF or JSON Feed.
    Feed,
    /// A sitemap with news.
    Sitemap,
}

/// A source that was found and read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Where it is.
    pub url: Url,
    /// What it is.
    pub kind: Kind,
    /// How it came up.
    pub by: By,
    /// What it calls itself.
    pub title: Option<String>,
    /// How many articles it lists.
    pub articles: usize,
    /// The date of its newest article.
    pub newest: Option<Timestamp>,
    /// How many of them have a picture.
    pub with_picture: usize,
    /// How many have a summary.
    pub with_summary: usize,
    /// Its hub, where it has one.
    pub hub: Option<Url>,
}

/// What was found of a site.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Site {
    /// Sources, best first.
    pub found: Vec<Found>,
    /// What was tried and is none, with the reason.
    pub tried: Vec<(String, String)>,
    /// Hubs that the page itself names.
    pub hubs: Vec<Url>,
    /// The site's language, as its page states it.
    pub language: Option<String>,
}

/// An address to try.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate {
    url: Url,
    by: By,
}

/// Looks for a site's sources, starting from one of its pages (or from a feed).
///
/// # Errors
/// Where the page itself cannot be had, in words.
pub async fn discover(http: &Http, gather: &Gatherer, start: &Url) -> Result<Site, String> {
    let looked = look(http, start, Trust::Config).await?;
    let (mut site, mut candidates) = (Site { hubs: looked.hubs(), ..Site::default() }, Vec::new());
    let (at, kind, links) = (looked.at, looked.kind, looked.links);
    let gathered = gather.read(http, looked.body, kind.clone(), at.clone(), None, &TimeZone::UTC).await;
    if let Ok(feed) = gathered.read {
        let hub = site.hubs.first().cloned();
        site.found.extend(found(&Candidate { url: at.clone(), by: By::Asked }, &feed, &gathered.bytes, hub));
    } else {
        let (bytes, base) = (gathered.bytes, at.clone());
        let read = tokio::task::spawn_blocking(move || {
            meta::read(&document::html(&bytes, kind.as_deref()), &base, &TimeZone::UTC)
        });
        let facts: PageFacts = read.await.map_err(|error| error.to_string())?;
        site.language = facts.language;
        site.hubs.extend(facts.hubs);
        candidates.extend(facts.feeds.into_iter().map(|feed| Candidate { url: feed.url, by: By::Page }));
        let feeds = links.into_iter().filter(|(_, rel, kind)| rel == "alternate" && is_feed_type(kind));
        candidates.extend(feeds.map(|(url, _, _)| Candidate { url, by: By::Header }));
    }
    let named = gather.robots.sitemaps(http, &at, trust(start, &at)).await;
    candidates.extend(named.into_iter().map(|url| Candidate { url, by: By::Robots }));
    let usual = |paths: &[&str]| -> Vec<Candidate> {
        paths.iter().filter_map(|path| Some(Candidate { url: at.join(path).ok()?, by: By::Usual })).collect()
    };
    if !candidates.iter().any(|it| it.by < By::Robots) && site.found.is_empty() {
        candidates.extend(usual(&FEEDS));
    }
    candidates.extend(usual(&SITEMAPS));
    for candidate in ordered(candidates, &site.found) {
        match probe(http, gather, start, &candidate).await {
            Ok(found) => site.found.push(found),
            Err(said) => site.tried.push((candidate.url.to_string(), said)),
        }
    }
    site.found.sort_by_key(|found| std::cmp::Reverse(rank(found)));
    let mut seen = HashSet::new();
    site.found.retain(|found| seen.insert(found.url.clone()));
    Ok(site)
}

/// Each address once, those that the site names first, news before other sitemaps; not what is known already.
fn ordered(candidates: Vec<Candidate>, known: &[Found]) -> Vec<Candidate> {
    let mut seen: HashSet<Url> = known.iter().map(|found| found.url.clone()).collect();
    let mut all: Vec<Candidate> = candidates.into_iter().filter(|it| seen.insert(it.url.clone())).collect();
    let plain = |it: &Candidate| it.by == By::Robots && !it.url.path().to_ascii_lowercase().contains("news");
    all.sort_by_key(|it| (it.by, plain(it)));
    all.truncate(MOST);
    all
}

fn is_feed_type(kind: &str) -> bool {
    ["rss", "atom", "feed+json", "rdf"].iter().any(|word| kind.contains(word))
}

/// On the host that a person named, an address counts as named by that person.
fn trust(start: &Url, url: &Url) -> Trust {
    let same = start.host() == url.host() && start.port_or_known_default() == url.port_or_known_default();
    if same { Trust::Config } else { Trust::Content }
}

/// What stands at an address, and the `Link` headers it came with.
async fn look(http: &Http, url: &Url, trust: Trust) -> Result<Looked, String> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
    let visit = visit(http, url.clone(), headers, &Manner { trust, ..Manner::default() }).await;
    let visit = visit.map_err(|(_, said)| said)?;
    if !matches!(visit.answer.status, 200 | 203) {
        return Err(format!("the server answers {}", visit.answer.status));
    }
    let values = visit.answer.headers.get_all("link").iter().filter_map(|value| value.to_str().ok());
    let links = header_links(values.map(str::to_owned), &visit.url);
    let kind = visit.answer.header("content-type").map(str::to_owned);
    Ok(Looked { at: visit.url, kind, links, body: visit.answer.body })
}

struct Looked {
    at: Url,
    kind: Option<String>,
    links: Vec<(Url, String, String)>,
    body: Vec<u8>,
}

impl Looked {
    fn hubs(&self) -> Vec<Url> {
        self.links.iter().filter(|(_, rel, _)| rel == "hub").map(|(url, _, _)| url.clone()).collect()
    }
}

async fn probe(http: &Http, gather: &Gatherer, start: &Url, candidate: &Candidate) -> Result<Found, String> {
    let looked = look(http, &candidate.url, trust(start, &candidate.url)).await?;
    let hub = looked.hubs().into_iter().next();
    let gathered = gather.read(http, looked.body, looked.kind, looked.at, None, &TimeZone::UTC).await;
    let feed = gathered.read.map_err(|error| error.said.split(':').next().unwrap_or_default().to_owned())?;
    found(candidate, &feed, &gathered.bytes, hub).ok_or_else(|| "a sitemap without news".to_owned())
}

/// What reading found; `None` for a sitemap without an article, which says nothing of a newsroom.
fn found(candidate: &Candidate, feed: &Feed, bytes: &[u8], hub: Option<Url>) -> Option<Found> {
    let is_sitemap = document::is_sitemap(bytes);
    if is_sitemap && feed.entries.is_empty() {
        return None;
    }
    Some(Found {
        url: candidate.url.clone(),
        kind: if is_sitemap { Kind::Sitemap } else { Kind::Feed },
        by: candidate.by,
        title: feed.title.clone(),
        articles: feed.entries.len(),
        newest: feed.entries.iter().filter_map(|entry| entry.published.or(entry.updated)).max(),
        with_picture: feed.entries.iter().filter(|entry| entry.image.is_some()).count(),
        with_summary: feed.entries.iter().filter(|entry| entry.summary.is_some()).count(),
        hub: feed.hubs.first().cloned().or(hub),
    })
}

/// Larger is better: with articles, not of comments, what a site lists newest, feeds before sitemaps (they have summaries
/// and pictures more often), with a hub, with more articles.
fn rank(found: &Found) -> (bool, bool, bool, Option<i64>, bool, usize) {
    let words = format!("{} {}", found.url.path(), found.title.as_deref().unwrap_or("")).to_lowercase();
    let day = found.newest.map(|at| at.as_second() / 86_400);
    (found.articles > 0, !words.contains("comment"), found.kind == Kind::Feed, day, found.hub.is_some(), found.articles)
}

/// The links of `Link` headers: address, `rel` (one each), `type`. Source: RFC 8288 section 3, 2017-10.
fn header_links(values: impl Iterator<Item = String>, base: &Url) -> Vec<(Url, String, String)> {
    let mut out = Vec::new();
    for value in values {
        for part in value.split('<').skip(1).take(MOST) {
            let Some((target, parameters)) = part.split_once('>') else { continue };
            let Some(url) = resolve(target, base) else { continue };
            let parameter = |wanted: &str| {
                parameters.split(';').filter_map(|one| one.split_once('=')).find_map(|(name, value)| {
                    let value = value.trim().trim_end_matches(',').trim().trim_matches('"');
                    name.trim().eq_ignore_ascii_case(wanted).then(|| value.to_ascii_lowercase())
                })
            };
            let kind = parameter("type").unwrap_or_default();
            for rel in parameter("rel").unwrap_or_default().split_ascii_whitespace() {
                out.push((url.clone(), rel.to_owned(), kind.clone()));
            }
        }
    }
    out
}

/// A name for the source, as the config takes it: `www.azernews.az` gives `azernews`.
pub fn name_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or("news").to_ascii_lowercase();
    let numeric = host.chars().all(|c| c.is_ascii_digit() || c == '.') || host.contains(':');
    let parts: Vec<&str> =
        host.split('.').filter(|part| !matches!(*part, "www" | "rss" | "feeds" | "m" | "news")).collect();
    let word = match &parts[..] {
        _ if numeric => "news",
        // "co.uk" and its kin.
        [.., name, second, last] if second.len() <= 3 && last.len() == 2 => name,
        [.., name, _] => name,
        [name] => name,
        [] => "news",
    };
    let clean: String = word.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let clean = clean.trim_matches('-');
    if clean.is_empty() { "news".to_owned() } else { clean.chars().take(64).collect() }
}

/// A block for the config.
pub fn block(found: &Found, name: &str, language: Option<&str>) -> String {
    let mut text =
        format!("[source.{name}]\nurl   = {:?}\npoll  = \"every 5m\"\nstart = \"from now\"\n", found.url.as_str());
    if let Some(language) = language {
        text.push_str(&format!("language = {language:?}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn names() {
        for (host, expected) in [
            ("https://www.azernews.az/feed.php", "azernews"),
            ("https://news.bbc.co.uk/", "bbc"),
            ("https://feeds.example.com/a", "example"),
            ("http://127.0.0.1:8080/", "news"),
            ("http://localhost/", "localhost"),
            ("https://xn--80ak6aa92e.com/", "xn--80ak6aa92e"),
        ] {
            assert_eq!(name_of(&url(host)), expected, "{host}");
        }
    }

    #[test]
    fn link_headers() {
        let values = [
            "</feed>; rel=\"alternate\"; type=\"application/rss+xml\", <https://hub.example/>; rel=hub".to_owned(),
            "<https://n.example/>; rel=\"self canonical\"".to_owned(),
            "<javascript:x>; rel=alternate, broken".to_owned(),
        ];
        let found = header_links(values.into_iter(), &url("https://n.example/a"));
        let shown: Vec<String> = found.iter().map(|(url, rel, kind)| format!("{url} {rel} {kind}")).collect();
        assert_eq!(
            shown,
            [
                "https://n.example/feed alternate application/rss+xml",
                "https://hub.example/ hub ",
                "https://n.example/ self ",
                "https://n.example/ canonical ",
            ]
        );
    }

    #[test]
    fn the_best_comes_first() {
        let found = |path: &str, kind, articles, newest: Option<&str>| Found {
            url: url(&format!("https://n.example{path}")),
            kind,
            by: By::Page,
            title: None,
            articles,
            newest: newest.map(|at| at.parse().unwrap()),
            with_picture: 0,
            with_summary: 0,
            hub: None,
        };
        let (old, new) = (Some("2026-11-20T00:00:00Z"), Some("2026-11-25T00:00:00Z"));
        let mut all = [
            found("/comments/feed", Kind::Feed, 50, new),
            found("/empty", Kind::Feed, 0, None),
            found("/sitemap.xml", Kind::Sitemap, 90, new),
            found("/old", Kind::Feed, 20, old),
            found("/feed", Kind::Feed, 10, new),
            found("/more", Kind::Feed, 30, new),
        ];
        all.sort_by_key(|found| std::cmp::Reverse(rank(found)));
        let paths: Vec<&str> = all.iter().map(|found| found.url.path()).collect();
        assert_eq!(paths, ["/more", "/feed", "/old", "/sitemap.xml", "/comments/feed", "/empty"]);
    }

    #[test]
    fn what_is_tried_first() {
        let it = |path: &str, by| Candidate { url: url(&format!("https://n.example{path}")), by };
        let all = vec![
            it("/sitemap.xml", By::Robots),
            it("/news.xml", By::Robots),
            it("/feed", By::Page),
            it("/feed", By::Header),
            it("/sitemap.xml", By::Usual),
        ];
        let paths: Vec<String> = ordered(all, &[]).into_iter().map(|it| it.url.path().to_owned()).collect();
        assert_eq!(paths, ["/feed", "/news.xml", "/sitemap.xml"]);
        let many = (0..100).map(|n| it(&format!("/{n}"), By::Page)).collect();
        assert_eq!(ordered(many, &[]).len(), MOST);
    }
}
