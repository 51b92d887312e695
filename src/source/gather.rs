//! From a source's address to its articles, whatever is found there: a feed, a sitemap, an index with its sitemaps, a page
//! with the selectors of the config. The poller and the command line read sources through here.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::TimeZone;
use url::Url;

use super::document::{self, Document};
use super::feed::{Feed, Unreadable};
use super::fetch::{FailKind, Fetched, Manner, Validators, fetch, fetch_url};
use super::page::Layout;
use super::page::visit::Pages;
use super::robots::{Denied, Robots};
use super::sitemap::Child;
use crate::http::{Http, Trust};

/// The most indexes whose sitemaps are remembered.
const MAX_INDEXES: usize = 64;

/// Reads sources; remembers what robots.txt files say, and the sitemaps of indexes.
#[derive(Default)]
pub struct Gatherer {
    /// What robots.txt files say.
    pub robots: Arc<Robots>,
    /// The articles' pages read of late.
    pub pages: Pages,
    /// By the index's address: what its sitemaps brought. A sitemap that did not change is taken from here whole: whether
    /// its articles are stored yet is not known in this place.
    parts: Mutex<HashMap<String, Vec<Part>>>,
}

#[derive(Clone)]
struct Part {
    child: Child,
    validators: Validators,
    feed: Arc<Feed>,
}

/// What a body turned out to say.
#[derive(Debug)]
pub struct Gathered {
    /// Its articles.
    pub read: Result<Feed, Unreadable>,
    /// The body.
    pub bytes: Vec<u8>,
    /// Whether the articles come from several documents: then validators of the first tell nothing about the others,
    /// and must not be kept.
    pub in_parts: bool,
}

impl Gatherer {
    /// Fetches a source, as [`fetch`] does; a page with a layout only where robots.txt allows it.
    pub async fn fetch(
        &self,
        http: &Http,
        address: &str,
        validators: &Validators,
        root: &Path,
        layout: Option<&Layout>,
    ) -> Fetched {
        if let (Some(_), Ok(url)) = (layout, Url::parse(address))
            && matches!(url.scheme(), "http" | "https")
            && let Err(denied) = self.robots.may(http, &url, Trust::Config).await
        {
            let kind = match denied {
                Denied::Forbidden { .. } => FailKind::Refused,
                Denied::Unknown { .. } => FailKind::Unreachable,
            };
            return Fetched::Failed { kind, said: denied.to_string(), retry_after: None };
        }
        fetch(http, address, validators, root).await
    }

    /// Reads what a fetch brought; of an index also its sitemaps. `zone`: that of a page's dates that name none.
    pub async fn read(
        &self,
        http: &Http,
        bytes: Vec<u8>,
        content_type: Option<String>,
        base: Url,
        layout: Option<Layout>,
        zone: &TimeZone,
    ) -> Gathered {
        let (at, zone) = (base.clone(), zone.clone());
        let read = tokio::task::spawn_blocking(move || {
            let read = match document::read(&bytes, content_type.as_deref(), &at) {
                Ok(Document::Page(html)) => match &layout {
                    Some(layout) => layout.read(&html, &at, &zone).map(|feed| Document::Feed(Box::new(feed))),
                    None => Err(Unreadable { said: NO_LAYOUT.to_owned() }),
                },
                other => other,
            };
            (read, bytes)
        });
        let (read, bytes) = match read.await {
            Ok(read) => read,
            Err(e) => (Err(Unreadable { said: format!("reading it failed: {e}") }), Vec::new()),
        };
        match read {
            Ok(Document::Index { children, listed }) => {
                let read = self.follow(http, &base, children, listed).await;
                Gathered { read, bytes, in_parts: true }
            }
            Ok(Document::Feed(feed)) => Gathered { read: Ok(*feed), bytes, in_parts: false },
            Ok(Document::Page(_)) => {
                Gathered { read: Err(Unreadable { said: NO_LAYOUT.to_owned() }), bytes, in_parts: false }
            }
            Err(error) => Gathered { read: Err(error), bytes, in_parts: false },
        }
    }

    /// The articles of an index's sitemaps, one after the other: all of them are mostly on one host.
    async fn follow(&self, http: &Http, base: &Url, children: Vec<Child>, listed: usize) -> Result<Feed, Unreadable> {
        let known = {
            let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
            parts.get(base.as_str()).cloned().unwrap_or_default()
        };
        let (mut parts, mut whole, mut failed) = (Vec::new(), Feed::default(), Vec::new());
        let count = children.len();
        for child in children {
            let old = known.iter().find(|part| part.child.url == child.url);
            match part(http, base, child, old).await {
                Ok(part) => parts.push(part),
                Err(said) => failed.push(said),
            }
        }
        if parts.is_empty() {
            let why = failed.first().map_or("it lists none", String::as_str);
            return Err(Unreadable { said: format!("an index of which no sitemap can be read: {why}") });
        }
        if listed > count {
            whole.note(format!("{listed} sitemaps, of which the likeliest {count} are read"));
        }
        for said in failed {
            whole.note(said);
        }
        for part in &parts {
            whole.entries.extend(part.feed.entries.iter().cloned());
            for note in &part.feed.dropped {
                whole.note(format!("{}: {note}", part.child.url.path()));
            }
        }
        let mut all = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_INDEXES && !all.contains_key(base.as_str()) {
            all.clear();
        }
        all.insert(base.as_str().to_owned(), parts);
        Ok(whole.finish())
    }
}

/// What a page without layout is told.
const NO_LAYOUT: &str = "an HTML page, not a feed: `bugle discover` looks for the site's feed; where it has none, \
                         [source.NAME.page] says which elements are its articles";

/// One sitemap of an index.
async fn part(http: &Http, base: &Url, child: Child, old: Option<&Part>) -> Result<Part, String> {
    let same = base.host() == child.url.host() && base.port_or_known_default() == child.url.port_or_known_default();
    let manner = Manner { trust: if same { Trust::Config } else { Trust::Content }, ..Manner::default() };
    let validators = old.map(|part| part.validators.clone()).unwrap_or_default();
    match fetch_url(http, child.url.clone(), &validators, &manner).await {
        Fetched::Unchanged { validators, .. } => {
            let feed = old.map(|part| part.feed.clone()).unwrap_or_default();
            Ok(Part { child, validators, feed })
        }
        Fetched::Body { bytes, content_type, validators, final_url, .. } => {
            let at = final_url.unwrap_or_else(|| child.url.clone());
            let read = tokio::task::spawn_blocking(move || document::read(&bytes, content_type.as_deref(), &at)).await;
            match read {
                Ok(Ok(Document::Feed(feed))) => Ok(Part { child, validators, feed: Arc::new(*feed) }),
                Ok(Ok(_)) => Err(format!("{}: an index or a page, not a sitemap", child.url.path())),
                Ok(Err(error)) => Err(format!("{}: {error}", child.url.path())),
                Err(error) => Err(format!("{}: reading it failed: {error}", child.url.path())),
            }
        }
        Fetched::Failed { said, .. } => Err(format!("{}: {said}", child.url.path())),
    }
}
