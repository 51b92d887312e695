//! The pages for people, one file each, and what they share: the frame around a page, and what goes wrong. What a page
//! shows is put into plain structs here; how it looks is in `templates/web/`.

pub(super) mod account;
mod acting;
pub(super) mod article;
pub(super) mod articles;
mod asked;
pub(super) mod audit;
pub(super) mod channel;
pub(super) mod channels;
pub(super) mod connect;
mod differ;
mod history;
pub(super) mod invite;
mod look;
pub(super) mod make;
mod manners;
mod money;
pub(super) mod oidc;
pub(super) mod pause;
pub(super) mod people;
pub(super) mod pictures;
pub(super) mod post;
pub(super) mod posts;
mod preview;
pub(super) mod resume;
pub(super) mod second;
mod shown;
pub(super) mod sign_in;
pub(super) mod source;
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
use super::said::{self, Said};
use super::visitor::{self, Visitor};
use super::{Shared, Site, View};
use crate::model::channel::Pause;
use crate::model::person::Role;
use crate::store::StoreError;
use crate::telemetry::field;

/// The word of the platform whose posts are shown here.
const TIMELINE: &str = "timeline";

const STYLE: &str = concat!(
    include_str!("../../../templates/web/style.css"),
    include_str!("../../../templates/web/css/live.css"),
    include_str!("../../../templates/web/css/preview.css"),
    include_str!("../../../templates/web/css/door.css"),
    include_str!("../../../templates/web/css/lists.css"),
    include_str!("../../../templates/web/css/post.css"),
    include_str!("../../../templates/web/css/signin.css"),
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
    posts: bool,
    articles: bool,
    sources: bool,
    channels: bool,
    audit: bool,
    people: bool,
    timelines: Vec<Tab>,
    /// What became of the act before, to be shown once.
    said: Option<Said>,
    /// Who is signed in: without anybody nothing of the newsroom is named.
    who: Option<Visitor>,
}

impl Frame {
    /// Whether who is signed in may do what asks for that role.
    fn may(&self, least: Role) -> bool {
        self.who.as_ref().is_some_and(|who| who.may(least))
    }

    /// Whether they decide about posts.
    fn edits(&self) -> bool {
        self.may(Role::Editor)
    }

    /// Whether they connect accounts and say who may do what.
    fn rules(&self) -> bool {
        self.may(Role::Admin)
    }

    /// The token of this session's forms.
    fn token(&self) -> &str {
        self.who.as_ref().map_or("", |who| who.token.as_str())
    }
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
            posts: here.starts_with("/posts"),
            articles: here.starts_with("/articles"),
            sources: here.starts_with("/sources"),
            channels: here.starts_with("/channels"),
            audit: here.starts_with("/audit"),
            people: here.starts_with("/people"),
            timelines: timelines.map(|channel| tab(&channel.name)).collect(),
            said: said::take(),
            here,
            who: visitor::current(),
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

/// Why a request is not answered, as a page.
pub(super) fn refuse(site: &Site, status: StatusCode, title: &str, words: String) -> Response {
    message(&Desk::new(site), status, title, words)
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

/// A place of our own to go to, as a form or a query names it: a path, beginning with a single `/`. Else the first page.
fn back(text: Option<&str>) -> &str {
    let own = |text: &&str| {
        let mut chars = text.chars();
        // What browsers take for a slash, or leave out, would make another host of it.
        chars.next() == Some('/') && !matches!(chars.next(), Some('/' | '\\')) && !text.chars().any(|c| c.is_control())
    };
    text.filter(own).unwrap_or("/")
}

/// The first value of that name in a form or a query.
fn field(form: &[u8], name: &str) -> Option<String> {
    url::form_urlencoded::parse(form).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The one variable part of a path; one that is no text names nothing.
fn part(part: Result<Path<String>, PathRejection>) -> String {
    part.map(|Path(text)| text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_comes_back_to_a_page_of_ours_only() {
        for (text, expected) in [
            (Some("/posts/1?x=//y"), "/posts/1?x=//y"),
            (Some("/"), "/"),
            (Some("//evil.example"), "/"),
            (Some("/\\evil.example"), "/"),
            (Some("/\t/evil.example"), "/"),
            (Some("https://evil.example"), "/"),
            (Some("javascript:alert(1)"), "/"),
            (Some(""), "/"),
            (None, "/"),
        ] {
            assert_eq!(back(text), expected, "{text:?}");
        }
    }
}
