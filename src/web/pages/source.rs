//! `/sources/NAME`: how a source is, its last answer that could not be read, its newest articles; and polling it now.

use askama::Template;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};

use super::articles;
use super::look::{self, When};
use super::sources::{self, Row as Health};
use super::{Desk, Frame, Shared, Site, Trouble, acting, answer, part};
use crate::model::person::Role;
use crate::store::listed::Filter;
use crate::store::source;
use crate::store::subscription::{self, State, Subscription};
use crate::web::form::Form;
use crate::web::said;
use crate::web::visitor::Visitor;

/// The most articles that are shown.
const MOST: usize = 10;
/// The most characters of a bad answer that are shown; all that is kept can be downloaded.
const RAW: usize = 4_000;

/// An answer that could not be read.
struct Bad {
    at: When,
    error: String,
    /// Its beginning, as text.
    text: String,
    bytes: usize,
    href: String,
}

#[derive(Template)]
#[template(path = "web/source.html")]
struct SourcePage {
    frame: Frame,
    row: Health,
    /// What a hub does for it, in words.
    push: Option<String>,
    first_seen: Option<When>,
    asked: Option<When>,
    bad: Option<Bad>,
    articles: Vec<articles::Row>,
    /// Where all its articles are.
    all: String,
    back: String,
    may: bool,
}

pub(in crate::web) async fn page(
    site: Shared,
    visitor: Visitor,
    name: Result<Path<String>, PathRejection>,
) -> Response {
    let desk = Desk::new(&site);
    answer(&desk, build(&site, &desk, &visitor, &part(name)).await)
}

fn unknown() -> Trouble {
    Trouble::Nothing("The config has no source of that name.".to_owned())
}

async fn build(site: &Site, desk: &Desk, visitor: &Visitor, name: &str) -> Result<SourcePage, Trouble> {
    if !desk.view.sources.iter().any(|it| it == name) {
        return Err(unknown());
    }
    let mut conn = site.state.store.read().await?;
    let stored = source::one(&mut conn, name).await?;
    let raw = source::raw(&mut conn, name).await?;
    let href = look::path("/sources", name);
    let bad = raw.map(|(at, error, bytes)| Bad {
        at: desk.when(at),
        error: look::sentence(&error),
        text: beginning(&bytes),
        bytes: bytes.len(),
        href: format!("{href}/raw"),
    });
    let subscriptions = subscription::all(&mut conn).await?;
    let filter = Filter { source: Some(name.to_owned()), ..Filter::default() };
    let (articles, _) = articles::rows(&mut conn, desk, &filter, None, MOST).await?;
    let all = format!(
        "/articles?{}",
        url::form_urlencoded::Serializer::new(String::new()).append_pair("source", name).finish()
    );
    Ok(SourcePage {
        frame: desk.frame(format!("Source {name}"), href.clone()),
        first_seen: stored.as_ref().map(|row| desk.when(row.first_seen)),
        asked: stored.as_ref().and_then(|row| row.last_fetch).map(|at| desk.when(at)),
        push: push(desk, &subscriptions, name),
        row: sources::row(desk, name, stored, &sources::polled(site)),
        bad,
        articles,
        all,
        back: href,
        may: visitor.may(Role::Editor),
    })
}

/// What a hub does for a source, in words; nothing where none is asked.
fn push(desk: &Desk, all: &[Subscription], name: &str) -> Option<String> {
    let it = all.iter().find(|it| it.source == name && it.state != State::Ending)?;
    let said = it.said.as_deref().map(|said| format!(": {said}")).unwrap_or_default();
    Some(match (it.state, it.lease_until) {
        (State::Active, Some(until)) if until > desk.now => {
            format!("Pushed by its hub until {}", desk.when(until).short)
        }
        (State::Denied, _) => format!("Its hub refuses to push{said}"),
        _ => format!("Its hub does not push yet{said}"),
    })
}

/// The beginning of whatever came, as text that can be shown.
fn beginning(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(RAW * 4)]);
    let shown = text.chars().take(RAW);
    shown.map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c }).collect()
}

/// `GET /sources/NAME/raw`: the bytes as they came, to be kept and not to be opened here.
pub(in crate::web) async fn raw(site: Shared, name: Result<Path<String>, PathRejection>) -> Response {
    let desk = Desk::new(&site);
    let name = part(name);
    let found = async {
        let mut conn = site.state.store.read().await?;
        source::raw(&mut conn, &name).await
    };
    match found.await {
        Ok(Some((_, _, bytes))) => {
            let headers = [
                (header::CONTENT_TYPE, "application/octet-stream"),
                (header::CONTENT_DISPOSITION, "attachment; filename=\"answer.bin\""),
            ];
            (headers, bytes).into_response()
        }
        Ok(None) => answer::<SourcePage>(
            &desk,
            Err(Trouble::Nothing(
                "Nothing is kept of it: what it answered in the last 7 days could be read.".to_owned(),
            )),
        ),
        Err(error) => answer::<SourcePage>(&desk, Err(error.into())),
    }
}

/// `POST /sources/NAME/poll`: it is asked now, and not only when its time comes.
pub(in crate::web) async fn poll(site: Shared, name: Result<Path<String>, PathRejection>, form: Form) -> Response {
    let Some(works) = acting::works(&site) else { return said::not_here() };
    let name = part(name);
    let Some(source) = works.sources.iter().find(|source| source.name.as_str() == name) else {
        return said::bad(form.back(), "The config has no source of that name.");
    };
    match &source.nudge {
        Some(nudge) => {
            nudge.notify_one();
            said::ok(form.back(), format!("{name} is being asked now. What is new appears in a moment."))
        }
        None => said::bad(form.back(), format!("{name} is only pushed to: there is nothing to ask.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_came_is_shown_as_text() {
        assert_eq!(beginning(b"<rss>\n\tok\x00\x1b[31m\xff"), "<rss>\n\tok\u{fffd}\u{fffd}[31m\u{fffd}");
        assert_eq!(beginning("ə".repeat(RAW * 5).as_bytes()).chars().count(), RAW);
    }
}
