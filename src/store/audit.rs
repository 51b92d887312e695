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
    rows.iter()
        .map(|row| {
            Ok(Entry {
                at: instant(get(row, "at")?),
                actor: get(row, "actor")?,
                what: get(row, "what")?,
                subject: get(row, "subject")?,
                from: get(row, "came_from")?,
                to: get(row, "went_to")?,
                why: get(row, "why")?,
            })
        })
        .collect()
}
