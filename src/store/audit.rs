//! The audit log: every change of state, who or what did it, when, why.

use jiff::Timestamp;
use serde::Serialize;

use super::{Conn, StoreError, get, instant, ms};
use crate::model::post::Actor;

/// One row of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Who or what.
    pub actor: String,
    /// What kind of thing was done: `post`, `pause`, `channel` …
    pub what: String,
    /// To which: a post's id, a channel's name.
    pub subject: String,
    /// The state before, if it has states.
    pub from: Option<String>,
    /// The state after.
    pub to: Option<String>,
    /// Why, for a person.
    pub why: String,
}

/// One line without breaks: the log never carries raw line breaks.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(2_000).collect()
}

/// Adds a row.
///
/// # Errors
/// The database's.
pub async fn add(
    conn: &mut Conn,
    at: Timestamp,
    actor: &Actor,
    what: &'static str,
    subject: &str,
    arrow: (Option<&str>, Option<&str>),
    why: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO audit (id, at, actor, what, subject, came_from, went_to, why) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)",
    )
    .bind(uuid::Uuid::now_v7().to_string())
    .bind(ms(at))
    .bind(actor.to_string())
    .bind(what)
    .bind(subject)
    .bind(arrow.0)
    .bind(arrow.1)
    .bind(line(why))
    .execute(conn)
    .await?;
    Ok(())
}

/// What the log is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// By that person, or by `bugle` or `route`.
    pub actor: Option<String>,
    /// By people only.
    pub people: bool,
    /// That kind of thing: `post`, `pause`, `channel` …
    pub what: Option<String>,
    /// That very thing: a post's id, a channel's name.
    pub subject: Option<String>,
}

/// The next rows, newest first, each with its id. `after`: the id of the last row of the page before.
///
/// # Errors
/// The database's.
pub async fn page(
    conn: &mut Conn,
    filter: &Filter,
    after: Option<&str>,
    most: usize,
) -> Result<Vec<(String, Entry)>, StoreError> {
    // Ids are made by the clock, so their order is that of time; the key of the table has it.
    let mut sql = "SELECT id, at, actor, what, subject, came_from, went_to, why FROM audit WHERE 1 = 1".to_owned();
    let mut binds = Vec::new();
    let given = [("actor =", &filter.actor), ("what =", &filter.what), ("subject =", &filter.subject)];
    let after = after.map(str::to_owned);
    for (words, value) in given.into_iter().chain([("id <", &after)]) {
        if let Some(value) = value {
            binds.push(value.clone());
            sql.push_str(&format!(" AND {words} ${}", binds.len()));
        }
    }
    // As the index of what people did says it.
    if filter.people || filter.actor.as_deref().is_some_and(|actor| !matches!(actor, "route" | "bugle")) {
        sql.push_str(" AND actor <> 'route' AND actor <> 'bugle'");
    }
    sql.push_str(&format!(" ORDER BY id DESC LIMIT {most}"));
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for bind in binds {
        query = query.bind(bind);
    }
    let rows = query.fetch_all(conn).await?;
    rows.iter().map(|row| Ok((get(row, "id")?, read(row)?))).collect()
}

/// Everybody who ever did something here, by name.
///
/// # Errors
/// The database's.
pub async fn people(conn: &mut Conn) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT DISTINCT actor FROM audit WHERE actor <> 'route' AND actor <> 'bugle' ORDER BY actor LIMIT 200";
    Ok(sqlx::query_scalar(sql).fetch_all(conn).await?)
}

fn read(row: &sqlx::any::AnyRow) -> Result<Entry, StoreError> {
    Ok(Entry {
        at: instant(get(row, "at")?),
        actor: get(row, "actor")?,
        what: get(row, "what")?,
        subject: get(row, "subject")?,
        from: get(row, "came_from")?,
        to: get(row, "went_to")?,
        why: get(row, "why")?,
    })
}

/// The rows of one subject, oldest first.
///
/// # Errors
/// The database's.
pub async fn of(conn: &mut Conn, subject: &str) -> Result<Vec<Entry>, StoreError> {
    let rows = sqlx::query(
        "SELECT at, actor, what, subject, came_from, went_to, why FROM audit WHERE subject = $1 ORDER BY at, id",
    )
    .bind(subject)
    .fetch_all(conn)
    .await?;
    rows.iter().map(read).collect()
}
