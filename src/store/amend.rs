//! Changes to what is out, asked for by a person and carried out by whoever holds the channel.

use jiff::Timestamp;
use serde::Serialize;

use super::change::{Topic, mark};
use super::{Conn, StoreError, get, instant, ms};

/// A wish, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AmendRow {
    /// Its id.
    pub id: String,
    /// The post.
    pub post: String,
    /// Its channel.
    pub channel: String,
    /// `edit` or `delete`.
    pub op: String,
    /// For an edit: the payload it shall show, as the platform module's JSON.
    pub payload: Option<String>,
    /// Who asked.
    pub by_whom: String,
    /// When.
    pub at: Timestamp,
    /// Not before.
    pub due: Timestamp,
    /// Tries so far.
    pub tries: i64,
    /// `asked`, `done` or `failed`.
    pub state: String,
    /// What became of it, in words.
    pub said: Option<String>,
}

const COLUMNS: &str = "id, post, channel, op, payload, by_whom, at, due, tries, state, said";

fn read(row: &sqlx::any::AnyRow) -> Result<AmendRow, StoreError> {
    Ok(AmendRow {
        id: get(row, "id")?,
        post: get(row, "post")?,
        channel: get(row, "channel")?,
        op: get(row, "op")?,
        payload: get(row, "payload")?,
        by_whom: get(row, "by_whom")?,
        at: instant(get(row, "at")?),
        due: instant(get(row, "due")?),
        tries: get(row, "tries")?,
        state: get(row, "state")?,
        said: get(row, "said")?,
    })
}

/// Stores a wish.
///
/// # Errors
/// The database's.
pub async fn ask(conn: &mut Conn, row: &AmendRow) -> Result<(), StoreError> {
    mark(Topic::Posts);
    sqlx::query(
        "INSERT INTO amend (id, post, channel, op, payload, by_whom, at, due, tries, state) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8,0,'asked')",
    )
    .bind(&row.id)
    .bind(&row.post)
    .bind(&row.channel)
    .bind(&row.op)
    .bind(row.payload.as_deref())
    .bind(&row.by_whom)
    .bind(ms(row.at))
    .bind(ms(row.due))
    .execute(conn)
    .await?;
    Ok(())
}

/// The channel's oldest wish that is due; while it is paused, only what takes something down.
///
/// # Errors
/// The database's.
pub async fn next(
    conn: &mut Conn,
    channel: &str,
    now: Timestamp,
    is_paused: bool,
) -> Result<Option<AmendRow>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM amend WHERE channel = $1 AND state = 'asked' AND due <= $2 AND ($3 = 0 OR op = 'delete') \
         ORDER BY at, id LIMIT 1"
    ));
    let query = sqlx::query(sql).bind(channel).bind(ms(now)).bind(i64::from(is_paused));
    query.fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// One wish.
///
/// # Errors
/// The database's.
pub async fn one(conn: &mut Conn, id: &str) -> Result<Option<AmendRow>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM amend WHERE id = $1"));
    sqlx::query(sql).bind(id).fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// The post's wishes that are not carried out yet, oldest first.
///
/// # Errors
/// The database's.
pub async fn asked(conn: &mut Conn, post: &str) -> Result<Vec<AmendRow>, StoreError> {
    let sql =
        sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM amend WHERE post = $1 AND state = 'asked' ORDER BY at, id"));
    sqlx::query(sql).bind(post).fetch_all(conn).await?.iter().map(read).collect()
}

/// Stores what became of it; `again` is when to try once more.
///
/// # Errors
/// The database's.
pub async fn settle(
    conn: &mut Conn,
    id: &str,
    state: &'static str,
    said: &str,
    again: Option<Timestamp>,
) -> Result<(), StoreError> {
    mark(Topic::Posts);
    sqlx::query("UPDATE amend SET state = $2, said = $3, tries = tries + 1, due = COALESCE($4, due) WHERE id = $1")
        .bind(id)
        .bind(state)
        .bind(said)
        .bind(again.map(ms))
        .execute(conn)
        .await?;
    Ok(())
}
