//! `/articles`: every article, newest first or found by its words, and what became of each on every channel.

use std::collections::HashMap;

use askama::Template;
use axum::extract::RawQuery;
use axum::response::Response;

use super::asked::{Asked, Narrow};
use super::look::{self, When};
use super::shown;
use super::{Desk, Frame, Shared, Site, Trouble, answer};
use crate::publish::why;
use crate::store::article::Verdict;
use crate::store::listed::{self, Key};
use crate::store::post::PostRow;
use crate::store::{Conn, StoreError, search};

/// The most articles of a page.
const MOST: usize = 40;

/// What became of an article on a channel, in one word.
pub(super) struct Answer {
    pub channel: String,
    pub tone: &'static str,
    pub word: &'static str,
    /// Why, where the word does not say it.
    pub why: Option<String>,
}

/// An article, ready to be shown in a list.
pub(super) struct Row {
    pub href: String,
    pub title: String,
    pub lang: Option<String>,
    pub source: String,
    pub seen: When,
    pub version: u32,
    pub answers: Vec<Answer>,
}

#[derive(Template)]
#[template(path = "web/articles.html")]
struct Articles {
    frame: Frame,
    narrow: Narrow,
    /// What was searched for.
    q: String,
    /// There are words, but none that can be looked for.
    wordless: bool,
    /// Some articles cannot be found yet.
    catching_up: bool,
    narrowed: bool,
    rows: Vec<Row>,
    older: Option<String>,
    first: Option<String>,
}

/// The fields that narrow it.
const FIELDS: [&str; 3] = ["channel", "source", "q"];

pub(in crate::web) async fn page(site: Shared, RawQuery(query): RawQuery) -> Response {
    let desk = Desk::new(&site);
    answer(&desk, build(&site, &desk, &Asked::of(query.as_deref())).await)
}

async fn build(site: &Site, desk: &Desk, asked: &Asked) -> Result<Articles, Trouble> {
    let mut conn = site.state.store.read().await?;
    let (filter, after) = (asked.filter(), asked.after());
    let (rows, next) = rows(&mut conn, desk, &filter, after.as_ref(), MOST).await?;
    let catching_up = filter.words.is_some() && !search::is_whole(&mut conn).await?;
    Ok(Articles {
        frame: desk.frame("Articles", "/articles"),
        narrow: Narrow::new(desk, asked, "/articles"),
        q: asked.text("q"),
        wordless: asked.field("q").is_some() && filter.words.is_none(),
        catching_up,
        narrowed: !filter.is_open() || after.is_some(),
        rows,
        older: next.map(|key| asked.address("/articles", &FIELDS, &[("after", &key.text())])),
        first: after.map(|_| asked.address("/articles", &FIELDS, &[])),
    })
}

/// A page of articles, and where the next one begins.
pub(super) async fn rows(
    conn: &mut Conn,
    desk: &Desk,
    filter: &listed::Filter,
    after: Option<&Key>,
    most: usize,
) -> Result<(Vec<Row>, Option<Key>), StoreError> {
    let mut found = listed::articles(conn, filter, after, most + 1).await?;
    let more = found.len() > most;
    found.truncate(most);
    let next = found.last().filter(|_| more).map(|(article, _)| listed::key_of(article));
    let ids: Vec<&str> = found.iter().map(|(article, _)| article.id.as_str()).collect();
    let mut posts: HashMap<String, Vec<PostRow>> = HashMap::new();
    for row in listed::of_articles(conn, &ids).await? {
        posts.entry(row.post.article.to_string()).or_default().push(row);
    }
    let rows = found.into_iter().map(|(article, verdicts)| Row {
        href: look::path("/articles", article.id.as_str()),
        answers: answers(posts.remove(article.id.as_str()).unwrap_or_default(), verdicts),
        title: titled(article.entry.title),
        lang: article.entry.language,
        source: article.source.to_string(),
        seen: desk.when(article.first_seen),
        version: article.version,
    });
    Ok((rows.collect(), next))
}

fn answers(posts: Vec<PostRow>, verdicts: Vec<Verdict>) -> Vec<Answer> {
    let posted = posts.into_iter().map(|row| {
        let why = Some(why::reason(&row.post.state)).filter(|why| !why.is_empty());
        Answer {
            channel: row.post.channel.to_string(),
            tone: shown::tone(&row.post.state),
            word: row.post.state.word(),
            why: why.map(|why| look::straight(&look::sentence(&why))),
        }
    });
    let refused = verdicts.into_iter().map(|verdict| Answer {
        channel: verdict.channel,
        tone: "calm",
        word: "no post",
        why: Some(look::straight(&look::sentence(&verdict.why))),
    });
    posted.chain(refused).collect()
}

/// A title that can be clicked.
pub(super) fn titled(title: String) -> String {
    if title.trim().is_empty() { "Without a title".to_owned() } else { title }
}
