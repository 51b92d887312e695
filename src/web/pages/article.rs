//! `/articles/ID`: one article, every channel's answer, and the history of each post.

use askama::Template;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;

use super::articles::titled;
use super::look::{self, Out, When};
use super::shown::{self, Shown, platform_name};
use super::{Desk, Frame, Shared, Site, Trouble, answer, money, part};
use crate::model::receipt::Outcome;
use crate::store::post::PostRow;
use crate::store::{Conn, StoreError, article, attempt, audit, post, short_link};

/// The most characters of the summary that are shown.
const SUMMARY: usize = 600;

/// One line of a post's history.
struct Line {
    at: When,
    what: String,
    who: String,
    why: String,
}

/// A post and what happened to it.
struct Told {
    shown: Shown,
    /// The text of each part.
    parts: Vec<String>,
    /// What became of its short link.
    clicks: Option<String>,
    lines: Vec<Line>,
}

/// A channel's answer.
struct Answer {
    channel: String,
    platform: String,
    posts: Vec<Told>,
    /// Why there is no post, where there is none.
    why: Option<String>,
}

#[derive(Template)]
#[template(path = "web/article.html")]
struct ArticlePage {
    frame: Frame,
    title: String,
    lang: Option<String>,
    source: String,
    out: Option<Out>,
    published: Option<When>,
    seen: When,
    version: u32,
    summary: String,
    categories: Vec<String>,
    answers: Vec<Answer>,
}

pub(in crate::web) async fn page(site: Shared, id: Result<Path<String>, PathRejection>) -> Response {
    let desk = Desk::new(&site);
    answer(&desk, build(&site, &desk, &part(id)).await)
}

async fn build(site: &Site, desk: &Desk, id: &str) -> Result<ArticlePage, Trouble> {
    let mut conn = site.state.store.read().await?;
    let (article, verdicts) = article::one(&mut conn, id).await?.ok_or_else(|| {
        Trouble::Nothing(
            "There is no article of that id; old ones are forgotten after the time [store] keep says.".into(),
        )
    })?;
    let rows = post::of_article(&mut conn, id).await?;
    let mut names: Vec<&str> = desk.view.channels.iter().map(|channel| channel.name.as_str()).collect();
    let others = rows.iter().map(|row| row.post.channel.as_str()).chain(verdicts.iter().map(|v| v.channel.as_str()));
    for name in others {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut answers = Vec::with_capacity(names.len());
    for name in names {
        let mut posts = Vec::new();
        for row in rows.iter().filter(|row| row.post.channel.as_str() == name) {
            posts.push(told(&mut conn, desk, row, (&article.entry.title, &article.entry.language)).await?);
        }
        let verdict = verdicts.iter().find(|verdict| verdict.channel == name);
        let why = match verdict {
            _ if !posts.is_empty() => None,
            Some(verdict) => Some(look::sentence(&verdict.why)),
            None => Some("No route asked this channel: it came after the article, or no route names it.".to_owned()),
        };
        let channel = desk.view.channels.iter().find(|channel| channel.name == name);
        answers.push(Answer {
            platform: channel
                .map_or_else(|| "not in the config".to_owned(), |channel| platform_name(&channel.platform)),
            channel: name.to_owned(),
            posts,
            why,
        });
    }
    let entry = article.entry;
    let title = titled(entry.title);
    Ok(ArticlePage {
        frame: desk.frame(title.clone(), look::path("/articles", id)),
        title,
        lang: entry.language,
        source: article.source.to_string(),
        out: entry.link.as_ref().and_then(Out::new),
        published: entry.published.map(|at| desk.when(at)),
        seen: desk.when(article.first_seen),
        version: article.version,
        summary: shortened(&entry.summary.unwrap_or_default()),
        categories: entry.categories,
        answers,
    })
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SUMMARY) {
        Some((cut, _)) => format!("{}…", text[..cut].trim_end()),
        None => text.to_owned(),
    }
}

async fn told(
    conn: &mut Conn,
    desk: &Desk,
    row: &PostRow,
    title: (&String, &Option<String>),
) -> Result<Told, StoreError> {
    let mut lines = Vec::new();
    for entry in audit::of(conn, row.id()).await? {
        let what = match (entry.from, entry.to) {
            (Some(from), Some(to)) => format!("{from} → {to}"),
            (None, Some(to)) => to,
            _ => entry.what,
        };
        lines.push((entry.at, what, entry.actor, entry.why));
    }
    for tried in attempt::of(conn, row.id()).await? {
        let tried = tried.attempt;
        let why = match tried.outcome {
            None => "no outcome yet".to_owned(),
            Some(Outcome::Done { .. }) => "done".to_owned(),
            Some(Outcome::Not { class, said }) => format!("not done ({class}): {said}"),
            Some(Outcome::Unknown { said }) => format!("no clear answer: {said}"),
        };
        lines.push((tried.begun, format!("try {}", tried.step), "bugle".to_owned(), why));
    }
    lines.sort_by_key(|line| line.0);
    let lines = lines.into_iter().map(|(at, what, who, why)| Line {
        at: desk.when(at),
        what: look::sentence(&what),
        who,
        why: look::sentence(&why),
    });
    let clicks = short_link::of_post(conn, row.id()).await?.map(|link| {
        let word = if link.clicks == 1 { "click" } else { "clicks" };
        format!("{} {word} on /r/{}", link.clicks, link.id)
    });
    let cost = money::cost(conn, desk, row).await?;
    Ok(Told {
        shown: Shown { cost, ..Shown::new(desk, row, Some((title.0.clone(), title.1.clone()))) },
        parts: shown::parts(row),
        clicks,
        lines: lines.collect(),
    })
}
