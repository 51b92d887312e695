//! `/articles/ID`: one article, every channel's answer, and the history of each post.

use askama::Template;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;

use super::articles::titled;
use super::history::{self, Line};
use super::look::{self, Out, When};
use super::shown::{self, Shown, platform_name};
use super::{Desk, Frame, Shared, Site, Trouble, acting, answer, money, part};
use crate::model::person::Role;
use crate::model::post::PostState;
use crate::publish::actions;
use crate::publish::why::{self, Ask, Way};
use crate::store::post::PostRow;
use crate::store::{Conn, StoreError, article, channel, page, pause, post};
use crate::web::form::Form;
use crate::web::said;
use crate::web::visitor::Visitor;

/// The most characters of the summary that are shown.
const SUMMARY: usize = 600;

/// A post and what happened to it.
struct Told {
    shown: Shown,
    /// What became of it and why, in the words of `bugle why`.
    why: String,
    /// The text of each part.
    parts: Vec<String>,
    /// What became of its short link.
    clicks: Option<String>,
    history: Vec<Line>,
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
    /// When its source took it back, and its words.
    killed: Option<(When, String)>,
    /// How many posts would come down or be dropped.
    to_take_down: usize,
    /// Where that is done.
    take_down: String,
    back: String,
    may: bool,
}

pub(in crate::web) async fn page(site: Shared, visitor: Visitor, id: Result<Path<String>, PathRejection>) -> Response {
    let desk = Desk::new(&site);
    answer(&desk, build(&site, &desk, &visitor, &part(id)).await)
}

/// `POST /articles/ID/take-down`: the story comes down everywhere.
pub(in crate::web) async fn take_down(
    site: Shared,
    visitor: Visitor,
    id: Result<Path<String>, PathRejection>,
    form: Form,
) -> Response {
    let Some(works) = acting::works(&site) else { return said::not_here() };
    let hand = acting::hand(&site, &visitor);
    let place = |name: &str| works.channel(name).map(|channel| works.place(channel));
    let done = actions::take_down(&site.state.store, &hand, place, &part(id)).await;
    let left = done.as_ref().is_ok_and(|down| !down.left.is_empty());
    match done {
        Ok(down) if left => {
            works.wake();
            let words = format!("{}: {}.", look::sentence(&actions::told_down(&down)), down.left.join("; "));
            said::bad(form.back(), words)
        }
        done => {
            acting::done(&site, form.back(), done, |down| format!("{}.", look::sentence(&actions::told_down(&down))))
        }
    }
}

async fn build(site: &Site, desk: &Desk, visitor: &Visitor, id: &str) -> Result<ArticlePage, Trouble> {
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
    let works = acting::works(site);
    let pauses = pause::all(&mut conn).await?;
    let waits = page::waits(&mut conn, id).await?;
    let when = |at| desk.when(at).short;
    let ask = Ask { now: desk.now, when: &when, resume: "a person resumes" };
    let embargo = article.entry.embargo.filter(|until| *until > desk.now);
    let mut answers = Vec::with_capacity(names.len());
    for name in names {
        let mut posts = Vec::new();
        let stored = channel::one(&mut conn, name).await?;
        let mut way = Way::of(name, works.as_ref().and_then(|works| works.channel(name)));
        if works.is_none() && desk.view.channels.iter().any(|channel| channel.name == name) {
            // Another process publishes, and knows its rules; that the config has it is known here too.
            way.policy = Some("the rules of the process that publishes".to_owned());
        }
        for row in rows.iter().filter(|row| row.post.channel.as_str() == name) {
            let text = shown::text(row);
            let (_, mut why) = why::told(ask, row, embargo, text.as_deref(), &way, (stored.as_ref(), &pauses));
            why.extend(waits.iter().filter_map(|wait| why::waited_for(ask, row, wait)));
            let title = (&article.entry.title, &article.entry.language);
            posts.push(Told { why: look::sentence(&why), ..told(&mut conn, desk, row, title).await? });
        }
        let verdict = verdicts.iter().find(|verdict| verdict.channel == name);
        let why = match verdict {
            _ if !posts.is_empty() => None,
            Some(verdict) => Some(look::sentence(&verdict.why)),
            None => Some(look::sentence(why::NOT_PLANNED)),
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
    let killed = article::killed(&mut conn, id).await?;
    let comes_down = |state: &PostState| !matches!(state, PostState::Skipped { .. } | PostState::Retracted { .. });
    let to_take_down = rows.iter().filter(|row| comes_down(&row.post.state)).count();
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
        killed: killed.map(|(at, said)| (desk.when(at), look::sentence(&said))),
        to_take_down,
        take_down: format!("{}/take-down", look::path("/articles", id)),
        back: look::path("/articles", id),
        may: visitor.may(Role::Editor),
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
    let cost = money::cost(conn, desk, row).await?;
    Ok(Told {
        why: String::new(),
        shown: Shown { cost, ..Shown::new(desk, row, Some((title.0.clone(), title.1.clone()))) },
        parts: shown::parts(row),
        clicks: history::clicks(conn, row.id()).await?,
        history: history::of(conn, desk, row.id()).await?,
    })
}
