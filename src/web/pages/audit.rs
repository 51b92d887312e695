//! `/audit`: who or what did what, when and why, newest first; and all of it as JSON lines, for admins.

use askama::Template;
use axum::body::{Body, Bytes};
use axum::extract::RawQuery;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;

use super::asked::{Asked, Choice};
use super::look::{self, When};
use super::{Desk, Frame, Shared, Site, Trouble, answer};
use crate::model::person::Role;
use crate::store::audit::{self, Entry, Filter};
use crate::store::post::short;
use crate::store::{Store, StoreError};
use crate::telemetry::field;
use crate::web::visitor::Visitor;

/// The most rows of a page.
const MOST: usize = 100;
/// How many rows of an export are read at a time.
const AT_ONCE: usize = 1_000;

/// What kinds of thing are logged, for the choice.
const KINDS: [(&str, &str); 6] = [
    ("post", "Posts"),
    ("article", "Articles"),
    ("channel", "Channels"),
    ("pause", "Pauses"),
    ("person", "People"),
    ("source", "Sources"),
];

/// A row of the log, ready to be shown.
struct Row {
    at: When,
    who: String,
    what: String,
    /// To which: its name, and where it is shown.
    subject: String,
    href: Option<String>,
    why: String,
}

#[derive(Template)]
#[template(path = "web/audit.html")]
struct Audit {
    frame: Frame,
    who: Vec<Choice>,
    kinds: Vec<Choice>,
    subject: String,
    narrowed: bool,
    rows: Vec<Row>,
    older: Option<String>,
    first: Option<String>,
    /// Where all that is narrowed to is exported; for admins.
    export: Option<String>,
}

/// The fields that narrow it.
const FIELDS: [&str; 3] = ["who", "what", "subject"];

/// The choice that stands for everybody who is a person.
const PEOPLE: &str = "*people";

fn filter(asked: &Asked) -> Filter {
    let who = asked.field("who");
    Filter {
        people: who == Some(PEOPLE),
        actor: who.filter(|who| *who != PEOPLE).map(str::to_owned),
        what: asked.field("what").map(str::to_owned),
        subject: asked.field("subject").map(str::to_owned),
    }
}

pub(in crate::web) async fn page(site: Shared, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let desk = Desk::new(&site);
    answer(&desk, build(&site, &desk, &visitor, &Asked::of(query.as_deref())).await)
}

async fn build(site: &Site, desk: &Desk, visitor: &Visitor, asked: &Asked) -> Result<Audit, Trouble> {
    let mut conn = site.state.store.read().await?;
    let filter = filter(asked);
    let after = asked.field("after");
    let mut rows = audit::page(&mut conn, &filter, after, MOST + 1).await?;
    let more = rows.len() > MOST;
    rows.truncate(MOST);
    let last = rows.last().filter(|_| more).map(|(id, _)| id.clone());
    let people = audit::people(&mut conn).await?;
    let chosen = asked.text("who");
    let fixed = [(PEOPLE, "People only"), ("bugle", "Bugle itself"), ("route", "Routes")];
    let choice = |value: &str, word: &str, now: &str| Choice {
        value: value.to_owned(),
        word: word.to_owned(),
        chosen: value == now,
    };
    let mut who: Vec<Choice> = fixed.iter().map(|(value, word)| choice(value, word, &chosen)).collect();
    who.extend(people.iter().map(|name| choice(name, name, &chosen)));
    let what = asked.text("what");
    Ok(Audit {
        frame: desk.frame("Audit", "/audit"),
        who,
        kinds: KINDS.iter().map(|(value, word)| choice(value, word, &what)).collect(),
        subject: asked.text("subject"),
        narrowed: filter != Filter::default() || after.is_some(),
        rows: rows.into_iter().map(|(_, entry)| row(desk, entry)).collect(),
        older: last.map(|id| asked.address("/audit", &FIELDS, &[("after", &id)])),
        first: after.map(|_| asked.address("/audit", &FIELDS, &[])),
        export: visitor.may(Role::Admin).then(|| asked.address("/audit.jsonl", &FIELDS, &[])),
    })
}

fn row(desk: &Desk, entry: Entry) -> Row {
    let what = match (entry.from, entry.to) {
        (Some(from), Some(to)) if from == to => from,
        (Some(from), Some(to)) => format!("{from} → {to}"),
        (None, Some(to)) => to,
        (Some(from), None) => format!("no longer {from}"),
        (None, None) => String::new(),
    };
    let (subject, href) = match entry.what.as_str() {
        "post" => (format!("post {}", short(&entry.subject)), Some(look::path("/posts", &entry.subject))),
        "article" => (format!("article {}", short(&entry.subject)), Some(look::path("/articles", &entry.subject))),
        "channel" => (format!("channel {}", entry.subject), Some(look::path("/channels", &entry.subject))),
        "source" => (format!("source {}", entry.subject), Some(look::path("/sources", &entry.subject))),
        "pause" => match entry.subject.strip_prefix("channel:") {
            Some(name) => (format!("channel {name}"), Some(look::path("/channels", name))),
            None if entry.subject == "all" => ("everything".to_owned(), None),
            None => (entry.subject, None),
        },
        kind => (format!("{kind} {}", entry.subject), None),
    };
    Row { at: desk.when(entry.at), who: entry.actor, what, subject, href, why: look::sentence(&entry.why) }
}

/// `GET /audit.jsonl`: every row that is narrowed to, one JSON object a line, newest first.
pub(in crate::web) async fn export(site: Shared, RawQuery(query): RawQuery) -> Response {
    let filter = filter(&Asked::of(query.as_deref()));
    let store = site.state.store.clone();
    // Read bit by bit as it is taken: a log of years does not stand in memory, and no read lasts long.
    let chunks = stream::unfold(Some(None), move |at: Option<Option<String>>| {
        let (store, filter) = (store.clone(), filter.clone());
        async move {
            let after = at?;
            match chunk(&store, &filter, after.as_deref()).await {
                Ok((text, next)) => Some((Ok(Bytes::from(text)), next.map(Some))),
                Err(error) => {
                    // Broken off, so that half a log does not look like a whole one.
                    tracing::warn!({ field::ERROR } = %error, "the audit log could not be exported to its end");
                    Some((Err(std::io::Error::other("the store failed")), None))
                }
            }
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"bugle-audit.jsonl\""),
    ];
    (headers, Body::from_stream(chunks)).into_response()
}

/// The next lines, and after which row those after them begin.
async fn chunk(store: &Store, filter: &Filter, after: Option<&str>) -> Result<(String, Option<String>), StoreError> {
    let mut conn = store.read().await?;
    let rows = audit::page(&mut conn, filter, after, AT_ONCE).await?;
    let mut text = String::new();
    for (_, entry) in &rows {
        text.push_str(&crate::store::to_json(entry));
        text.push('\n');
    }
    let next = rows.last().filter(|_| rows.len() == AT_ONCE).map(|(id, _)| id.clone());
    Ok((text, next))
}
