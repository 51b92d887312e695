//! `/posts`: all posts, by what becomes of them, a page at a time.

use askama::Template;
use axum::extract::RawQuery;
use axum::response::Response;

use super::asked::{Asked, Narrow};
use super::shown::{self, Shown};
use super::{Desk, Frame, Shared, Site, Trouble, answer};
use crate::model::person::Role;
use crate::store::listed::{self, Order};
use crate::web::visitor::Visitor;

/// The most posts of a page.
const MOST: usize = 50;

/// How far posts are counted.
const COUNTED: usize = 1_000;

/// A view of the posts: its word in the address, its name, the states, and what stands there when there is none.
struct View {
    word: &'static str,
    name: &'static str,
    states: &'static [&'static str],
    order: Order,
    none: &'static str,
}

/// All of them; the first is shown where none is asked for.
const VIEWS: [View; 5] = [
    View {
        word: "queue",
        name: "Queue",
        states: &["publishing", "scheduled"],
        order: Order::Due,
        none: "Nothing waits to go out.",
    },
    View {
        word: "person",
        name: "Needs a person",
        states: &["held", "failed", "uncertain"],
        order: Order::Newest,
        none: "Nothing needs a person.",
    },
    View {
        word: "published",
        name: "Published",
        states: &["published"],
        order: Order::Newest,
        none: "Nothing went out yet.",
    },
    View {
        word: "not",
        name: "Not posted",
        states: &["skipped", "retracted"],
        order: Order::Newest,
        none: "Nothing was skipped or taken down.",
    },
    View {
        word: "all",
        name: "All",
        states: &["held", "scheduled", "publishing", "uncertain", "published", "failed", "skipped", "retracted"],
        order: Order::Newest,
        none: "There are no posts yet. Each new article makes one on every channel that a route names for it.",
    },
];

/// A view above the list.
struct Tab {
    name: &'static str,
    href: String,
    current: bool,
    /// How many, where somebody has to know.
    count: Option<String>,
}

#[derive(Template)]
#[template(path = "web/posts.html")]
struct Posts {
    frame: Frame,
    tabs: Vec<Tab>,
    view: &'static str,
    narrow: Narrow,
    /// The address of this page, to come back to.
    back: String,
    may: bool,
    rows: Vec<Shown>,
    none: String,
    /// The next page.
    older: Option<String>,
    /// Whether it begins later than at the first.
    first: Option<String>,
}

/// The fields that narrow it.
const FIELDS: [&str; 4] = ["view", "channel", "source", "q"];

pub(in crate::web) async fn page(site: Shared, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let desk = Desk::new(&site);
    answer(&desk, build(&site, &desk, &visitor, &Asked::of(query.as_deref())).await)
}

async fn build(site: &Site, desk: &Desk, visitor: &Visitor, asked: &Asked) -> Result<Posts, Trouble> {
    let mut conn = site.state.store.read().await?;
    let view = asked.field("view").and_then(|word| VIEWS.iter().find(|view| view.word == word)).unwrap_or(&VIEWS[0]);
    let (filter, after) = (asked.filter(), asked.after());
    let mut rows = listed::posts(&mut conn, view.states, view.order, &filter, after.as_ref(), MOST + 1).await?;
    let more = rows.len() > MOST;
    rows.truncate(MOST);
    let last = rows.last().filter(|_| more).map(|row| row.key(view.order).text());
    let mut tabs = Vec::with_capacity(VIEWS.len());
    for it in &VIEWS {
        let counts = matches!(it.word, "queue" | "person");
        let count = match counts {
            true => Some(listed::count(&mut conn, it.states, &filter, COUNTED + 1).await?),
            false => None,
        };
        tabs.push(Tab {
            name: it.name,
            href: asked.address("/posts", &FIELDS, &[("view", it.word)]),
            current: it.word == view.word,
            count: count.map(|n| if n > COUNTED { "1,000+".to_owned() } else { n.to_string() }),
        });
    }
    let none = if after.is_some() || !filter.is_open() { "No post is like that." } else { view.none };
    Ok(Posts {
        frame: desk.frame("Posts", "/posts"),
        tabs,
        view: view.word,
        narrow: Narrow::new(desk, asked, &asked.address("/posts", &["view"], &[])),
        back: asked.address("/posts", &["view", "channel", "source", "q", "after"], &[]),
        may: visitor.may(Role::Editor),
        rows: shown::rows(&mut conn, desk, &rows).await?,
        none: none.to_owned(),
        older: last.map(|key| asked.address("/posts", &FIELDS, &[("after", &key)])),
        first: after.map(|_| asked.address("/posts", &FIELDS, &[])),
    })
}
