//! A newsroom's web server: whatever bodies a test puts up, with validators, redirects, odd statuses and pictures, and
//! a count of who asked for what. Faults come from the frame; every path is its own endpoint name only as [`FETCH`].

use std::collections::BTreeMap;
use std::ops::Deref;

use bugle::clock::SharedClock;
use jiff::Timestamp;

use super::fault::{Wait, http_date};
use super::http::{Reply, Request};
use super::{Fake, Rules};

/// Fetches anything.
pub const FETCH: &str = "fetch";

/// One thing that is up.
#[derive(Clone, Debug)]
struct Page {
    reply: Reply,
    etag: Option<String>,
    modified: Option<Timestamp>,
}

/// The pages that are up.
#[derive(Default)]
pub struct Feed {
    pages: BTreeMap<String, Page>,
}

/// A running web server with feeds and pictures.
pub struct FakeFeed(Fake<Feed>);

impl Deref for FakeFeed {
    type Target = Fake<Feed>;
    fn deref(&self) -> &Fake<Feed> {
        &self.0
    }
}

impl FakeFeed {
    /// With nothing up.
    pub fn start() -> Self {
        Self::with_clock(super::machine_clock())
    }

    /// With a clock shared with the test.
    pub fn with_clock(clock: SharedClock) -> Self {
        Self(Fake::with_clock(clock, |_| Feed::default()))
    }

    /// Where that path is.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url())
    }

    /// Puts a feed up, without validators.
    pub fn feed(&self, path: &str, body: &str) {
        self.put(path, Reply::text(200, "application/rss+xml; charset=utf-8", body), None, None);
    }

    /// Puts a feed up with an `ETag` and a `Last-Modified`; a request that has either gets 304.
    pub fn validated(&self, path: &str, body: &str, etag: &str, modified: Timestamp) {
        let reply = Reply::text(200, "application/rss+xml; charset=utf-8", body);
        self.put(path, reply, Some(etag.to_owned()), Some(modified));
    }

    /// Puts any answer up.
    pub fn reply(&self, path: &str, reply: Reply) {
        self.put(path, reply, None, None);
    }

    /// Sends whoever asks elsewhere, with 301, 302, 307 or 308.
    pub fn redirect(&self, path: &str, status: u16, to: &str) {
        self.reply(path, Reply::empty(status).header("Location", to));
    }

    /// It is gone for good.
    pub fn gone(&self, path: &str) {
        self.reply(path, Reply::gateway(410));
    }

    /// Too many asked.
    pub fn too_many(&self, path: &str, wait: Wait) {
        self.reply(path, wait.on(Reply::gateway(429)));
    }

    /// Puts a picture up: a PNG of one colour.
    pub fn picture(&self, path: &str, width: u32, height: u32) {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let picture = image::RgbImage::from_pixel(width, height, image::Rgb([200, 30, 30]));
        picture.write_to(&mut bytes, image::ImageFormat::Png).expect("a small picture of one colour can be written");
        self.reply(path, Reply::text(200, "image/png", bytes.into_inner()));
    }

    /// Takes it down: 404.
    pub fn remove(&self, path: &str) {
        self.rules().pages.remove(path);
    }

    /// How often that path was asked for.
    pub fn hits(&self, path: &str) -> usize {
        self.seen().iter().filter(|seen| seen.request.path == path).count()
    }

    fn put(&self, path: &str, reply: Reply, etag: Option<String>, modified: Option<Timestamp>) {
        self.rules().pages.insert(path.to_owned(), Page { reply, etag, modified });
    }
}

impl Rules for Feed {
    fn endpoint(&self, _request: &Request) -> &'static str {
        FETCH
    }

    fn answer(&mut self, request: &Request, _now: Timestamp) -> Reply {
        if request.method != "GET" {
            return Reply::gateway(405);
        }
        let Some(page) = self.pages.get(&request.path) else { return Reply::gateway(404) };
        let mut reply = page.reply.clone();
        let modified = page.modified.map(http_date);
        let unchanged = match (request.header("if-none-match"), request.header("if-modified-since")) {
            (Some(tag), _) => page.etag.as_deref() == Some(tag),
            (None, since) => since.is_some() && since == modified.as_deref(),
        };
        if unchanged {
            reply = Reply::empty(304);
        }
        if let Some(etag) = &page.etag {
            reply = reply.header("ETag", etag.as_str());
        }
        if let Some(modified) = modified {
            reply = reply.header("Last-Modified", modified);
        }
        reply
    }
}

/// An item of [`rss`].
#[derive(Clone, Debug)]
pub struct Item<'a> {
    /// Its `guid`, left out where empty.
    pub guid: &'a str,
    /// Its headline.
    pub title: &'a str,
    /// Where it leads.
    pub link: &'a str,
    /// When it was published.
    pub at: Timestamp,
}

/// A feed in RSS 2.0.
pub fn rss(items: &[Item<'_>]) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rss version=\"2.0\"><channel><title>Newsroom</title>\
         <link>https://newsroom.example/</link><description>News</description>\n",
    );
    for item in items {
        let guid = match item.guid {
            "" => String::new(),
            guid => format!("<guid isPermaLink=\"false\">{}</guid>", escape(guid)),
        };
        xml.push_str(&format!(
            "<item><title>{}</title><link>{}</link>{guid}<pubDate>{}</pubDate></item>\n",
            escape(item.title),
            escape(item.link),
            http_date(item.at),
        ));
    }
    xml + "</channel></rss>\n"
}
