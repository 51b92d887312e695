//! What a source says of a story beside its content: that it may not be used now, that it is taken back, that it may be
//! told only later. Here: how that reaches the article, its posts, the log and people. What it means for one post is
//! `publish::standing`'s.

use std::sync::Arc;

use jiff::Timestamp;

use super::Setup;
use super::ingest::replan;
use crate::model::article::{Article, Standing};
use crate::model::id::ArticleId;
use crate::model::notice::{Level, Notice};
use crate::model::post::{Actor, PostState};
use crate::publish::standing::{put_off, release, stop};
use crate::source::identity::stated_hash;
use crate::store::post::{PostRow, short};
use crate::store::{Conn, StoreError, article, audit, notice, post};

/// What a source said of a story before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// Its standing.
    pub standing: Standing,
    /// Its embargo.
    pub embargo: Option<Timestamp>,
}

impl Before {
    /// As the article has it.
    pub const fn of(article: &Article) -> Self {
        Self { standing: article.entry.standing, embargo: article.entry.embargo }
    }
}

/// Gives a known article another standing: its waiting posts are held (withheld) or skipped (killed), what is out is left
/// and a person is told; a story that may be used again goes on, or is planned if it never was. Nothing happens where it
/// has that standing already. Returns how many posts may go out now that could not before.
///
/// # Errors
/// The database's.
pub async fn stand(
    conn: &mut Conn,
    setup: &Arc<Setup>,
    id: &ArticleId,
    standing: Standing,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let Some((mut article, _)) = article::one(conn, id.as_str()).await? else { return Ok(0) };
    let before = Before::of(&article);
    if before.standing == standing {
        return Ok(0);
    }
    article.entry.standing = standing;
    article::restate(conn, id.as_str(), &article.entry, &stated_hash(&article.entry), now).await?;
    follow(conn, setup, &article, before, now).await
}

/// Carries out what differs between what is stored of an article now and what was said of it before. Returns how many
/// posts may go out now that could not before.
///
/// # Errors
/// The database's.
pub async fn follow(
    conn: &mut Conn,
    setup: &Arc<Setup>,
    article: &Article,
    before: Before,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let (id, entry) = (article.id.as_str(), &article.entry);
    let mut freed = 0;
    if before.embargo != entry.embargo {
        let why =
            entry.embargo.map_or_else(|| "its embargo is lifted".to_owned(), |at| format!("embargoed until {at}"));
        audit::add(conn, now, &Actor::Bugle, "article", id, (None, None), &why).await?;
        for row in post::of_article(conn, id).await? {
            freed += u64::from(put_off(conn, &row, (before.embargo, entry.embargo), now).await?);
        }
    }
    if before.standing == entry.standing {
        return Ok(freed);
    }
    let arrow = (Some(before.standing.word()), Some(entry.standing.word()));
    let said = format!("source {} says so", article.source);
    audit::add(conn, now, &Actor::Bugle, "article", id, arrow, &said).await?;
    if entry.standing == Standing::Killed {
        article::kill(conn, id, now, &said).await?;
    } else {
        article::revive(conn, id).await?;
    }
    let mut stopped = 0;
    for row in post::of_article(conn, id).await? {
        if entry.standing.is_usable() {
            freed += u64::from(release(conn, &row, now).await?);
        } else {
            stopped += u64::from(stop(conn, &row, entry.standing, now).await?);
        }
    }
    let key = format!("article.{id}.standing");
    if entry.standing.is_usable() {
        notice::settle(conn, &key).await?;
        return Ok(freed + replan(conn, setup, article, now).await?);
    }
    let rows = post::of_article(conn, id).await?;
    let (level, text) = told(article, stopped, &rows);
    notice::raise(conn, &Notice::new(level, key, text), now).await?;
    Ok(0)
}

/// What people are told of a story that may not be used any more.
fn told(article: &Article, stopped: u64, rows: &[PostRow]) -> (Level, String) {
    let ids = |wanted: fn(&PostState) -> bool| -> Vec<&str> {
        rows.iter().filter(|row| wanted(&row.post.state)).map(|row| short(row.id())).collect()
    };
    let out = ids(|state| matches!(state, PostState::Published { .. }));
    let under_way = ids(|state| matches!(state, PostState::Publishing { .. } | PostState::Uncertain { .. }));
    let killed = article.entry.standing == Standing::Killed;
    let verb = if killed { "took back" } else { "withholds" };
    let mut text = format!("source {} {verb} {:?}", article.source, article.entry.title);
    match (stopped, killed) {
        (0, _) => {}
        (n, true) => text.push_str(&format!("; posts that waited and go nowhere now: {n}")),
        (n, false) => text.push_str(&format!("; posts that wait until it may be used again: {n}")),
    }
    if !out.is_empty() {
        text.push_str(&format!("; it is out, to take it down: `bugle retract {}`", out.join(" ")));
    }
    if !under_way.is_empty() {
        text.push_str(&format!("; on its way or in doubt, look at it: `bugle why {}`", under_way.join(" ")));
    }
    let level = if out.is_empty() && under_way.is_empty() { Level::Info } else { Level::Warn };
    (level, text)
}
