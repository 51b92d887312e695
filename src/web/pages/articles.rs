//! `/articles`: the newest articles, and what became of each on every channel.

use askama::Template;
use axum::response::Response;

use super::look::{self, When};
use super::shown;
use super::{Desk, Frame, Shared, Site, Trouble, answer};
use crate::store::{article, post};

/// The most articles of a page.
const MOST: i64 = 60;

/// What became of an article on a channel, in one word.
struct Answer {
    channel: String,
    tone: &'static str,
    word: &'static str,
    /// Why there is no post.
    why: Option<String>,
}

struct Row {
    href: String,
    title: String,
    lang: Option<String>,
    source: String,
    seen: When,
    version: u32,
    answers: Vec<Answer>,
}

#[derive(Template)]
#[template(path = "web/articles.html")]
struct Articles {
    frame: Frame,
    rows: Vec<Row>,
    full: bool,
}

pub(in crate::web) async fn page(site: Shared) -> Response {
    let desk = Desk::new(&site);
    answer(&desk, build(&site, &desk).await)
}

async fn build(site: &Site, desk: &Desk) -> Result<Articles, Trouble> {
    let mut conn = site.state.store.read().await?;
    let newest = article::newest(&mut conn, MOST).await?;
    let full = newest.len() >= usize::try_from(MOST).unwrap_or(usize::MAX);
    let mut rows = Vec::with_capacity(newest.len());
    for (article, verdicts) in newest {
        let posts = post::of_article(&mut conn, article.id.as_str()).await?;
        let posted = posts.iter().map(|row| Answer {
            channel: row.post.channel.to_string(),
            tone: shown::tone(&row.post.state),
            word: row.post.state.word(),
            why: None,
        });
        let refused = verdicts.into_iter().map(|verdict| Answer {
            channel: verdict.channel,
            tone: "calm",
            word: "no post",
            why: Some(look::straight(&look::sentence(&verdict.why))),
        });
        rows.push(Row {
            href: look::path("/articles", article.id.as_str()),
            answers: posted.chain(refused).collect(),
            title: titled(article.entry.title),
            lang: article.entry.language,
            source: article.source.to_string(),
            seen: desk.when(article.first_seen),
            version: article.version,
        });
    }
    Ok(Articles { frame: desk.frame("Articles", "/articles"), rows, full })
}

/// A title that can be clicked.
pub(super) fn titled(title: String) -> String {
    if title.trim().is_empty() { "Without a title".to_owned() } else { title }
}
