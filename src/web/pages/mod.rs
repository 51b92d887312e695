//! The pages for people, one file each, and what they share: the frame around a page, and what goes wrong. What a page
//! shows is put into plain structs here; how it looks is in `templates/web/`.

pub(super) mod article;
pub(super) mod articles;
pub(super) mod channels;
pub(super) mod connect;
mod look;
mod manners;
mod money;
pub(super) mod pause;
pub(super) mod pictures;
mod preview;
pub(super) mod resume;
mod shown;
pub(super) mod sources;
pub(super) mod timeline;
pub(super) mod today;

use std::sync::Arc;

use askama::Template;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;

use self::look::When;
use super::{Shared, Site, View};
use crate::model::channel::Pause;
use crate::store::StoreError;
use crate::telemetry::field;

/// The word of the platform whose posts are shown here.
const TIMELINE: &str = "timeline";

const STYLE: &str = concat!(
    include_str!("../../../templates/web/style.css"),
    include_str!("../../../templates/web/css/live.css"),
    include_str!("../../../templates/web/css/preview.css"),
);
const SCRIPT: &str = include_str!("../../../templates/web/desk.js");
const MANIFEST: &str = include_str!("../../../templates/web/manifest.webmanifest");
const ICON: &str = include_str!("../../../templates/web/icon.svg");

pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

pub(super) async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}

/// What a phone needs to keep the desk among its apps.
pub(super) async fn manifest() -> Response {
    ([(header::CONTENT_TYPE, "application/manifest+json")], MANIFEST).into_response()
}

pub(super) async fn icon() -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml")], ICON).into_response()
}

/// The frame around every page.
struct Frame {
    title: String,
    newsroom: String,
    zone: String,
    now: When,
    version: &'static str,
    /// How much of what changes this page knows.
    since: String,
    /// The pause of everything.
    pause: Option<pause::Line>,
    /// The address of this page, for the link that loads it again.
    here: String,
    today: bool,
    articles: bool,
    sources: bool,
    channels: bool,
    timelines: Vec<Tab>,
}

/// A timeline in the frame.
struct Tab {
    name: String,
    href: String,
    current: bool,
}

/// What a page is built from beside the store.
struct Desk {
    view: Arc<View>,
    now: Timestamp,
    version: &'static str,
    since: String,
    pause: Option<Pause>,
}

impl Desk {
    fn new(site: &Site) -> Self {
        let view = Arc::clone(&site.state.view.borrow());
        // Before anything is read: what changes in between is told once more rather than never.
        let since = site.live.mark(site.state.store.changes().borrow().number());
        let pause = site.standing.pause();
        Self { view, now: site.state.clock.now(), version: site.state.version, since, pause }
    }

    fn is_timeline(&self, name: &str) -> bool {
        self.view.channels.iter().any(|channel| channel.platform == TIMELINE && channel.name == name)
    }

    fn when(&self, at: Timestamp) -> When {
        When::new(at, self.now, &self.view.zone)
    }

    fn frame(&self, title: impl Into<String>, here: impl Into<String>) -> Frame {
        let here = here.into();
        let timelines = self.view.channels.iter().filter(|channel| channel.platform == TIMELINE);
        let tab = |name: &str| {
            let href = look::path("/timelines", name);
            Tab { name: name.to_owned(), current: href == here, href }
        };
        Frame {
            title: look::straight(&title.into()),
            newsroom: self.view.newsroom.clone(),
            zone: self.view.zone.iana_name().unwrap_or("UTC").to_owned(),
            now: When::exact(self.now, &self.view.zone),
            version: self.version,
            since: self.since.clone(),
            pause: self.pause.as_ref().map(|it| pause::Line::new(self, it)),
            today: here == "/",
            articles: here.starts_with("/articles"),
            sources: here == "/sources",
            channels: here == "/channels",
            timelines: timelines.map(|channel| tab(&channel.name)).collect(),
            here,
        }
    }
}

/// Why there is no page.
enum Trouble {
    /// There is no such thing; what was looked for, for a person.
    Nothing(String),
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

#[derive(Template)]
#[template(path = "web/message.html")]
struct Message {
    frame: Frame,
    words: String,
}

/// Turns a built page, or why there is none, into the answer.
fn answer<T: Template>(desk: &Desk, built: Result<T, Trouble>) -> Response {
    match built {
        Ok(page) => html(StatusCode::OK, &page),
        Err(Trouble::Nothing(words)) => message(desk, StatusCode::NOT_FOUND, "Not found", words),
        Err(Trouble::Store(error)) => {
            tracing::warn!({ field::ERROR } = %error, "no page: the store failed");
            let words = "The store does not answer as it should; the log says why. Nothing is lost: what is stored \
                         stays stored.";
            message(desk, StatusCode::SERVICE_UNAVAILABLE, "No answer from the store", words.to_owned())
        }
    }
}

fn message(desk: &Desk, status: StatusCode, title: &str, words: String) -> Response {
    html(status, &Message { frame: desk.frame(title, ""), words })
}

fn html<T: Template>(status: StatusCode, page: &T) -> Response {
    match page.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            // A template writes into a String, which cannot fail; if one ever does, it is a bug to be seen.
            tracing::error!({ field::ERROR } = %error, "a page cannot be written");
            (StatusCode::INTERNAL_SERVER_ERROR, "this page cannot be written; the log says why\n").into_response()
        }
    }
}

/// Every other path.
pub(super) async fn nowhere(site: Shared) -> Response {
    let words = "There is no such page. Begin with Today or Articles above.";
    message(&Desk::new(&site), StatusCode::NOT_FOUND, "Not found", words.to_owned())
}

/// The one variable part of a path; one that is no text names nothing.
fn part(part: Result<Path<String>, PathRejection>) -> String {
    part.map(|Path(text)| text).unwrap_or_default()
}
