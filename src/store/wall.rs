//! The posts of timelines.

use jiff::Timestamp;
use serde::Serialize;

use super::change::{Topic, mark};
use super::{Conn, StoreError, get, instant, ms};

/// A post on a timeline, as stored: `post` is the platform module's JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stored {
    /// Its id on the timeline.
    pub id: String,
    /// When it went up.
    pub at: Timestamp,
    /// When it was taken down, if it was.
    pub down: Option<Timestamp>,
    /// Its content as JSON.
    pub post: String,
}

/// Puts a post up; the same id again changes nothing.
///
/// # Errors
/// The database's.
pub async fn put(conn: &mut Conn, channel: &str, id: &str, post: &str, at: Timestamp) -> Result<(), StoreError> {
    mark(Topic::Posts);
    sqlx::query("INSERT INTO wall (channel, id, at, post) VALUES ($1,$2,$3,$4) ON CONFLICT (channel, id) DO NOTHING")
        .bind(channel)
        .bind(id)
        .bind(ms(at))
        .bind(post)
        .execute(conn)
        .await?;
    Ok(())
}

/// Changes a post.
///
/// # Errors
/// The database's.
pub async fn change(conn: &mut Conn, channel: &str, id: &str, post: &str) -> Result<(), StoreError> {
    mark(Topic::Posts);
    sqlx::query("UPDATE wall SET post = $3 WHERE channel = $1 AND id = $2")
        .bind(channel)
        .bind(id)
        .bind(post)
        .execute(conn)
        .await?;
    Ok(())
}

/// Takes a post down.
///
/// # Errors
/// The database's.
pub async fn take_down(conn: &mut Conn, channel: &str, id: &str, at: Timestamp) -> Result<(), StoreError> {
    mark(Topic::Posts);
    sqlx::query("UPDATE wall SET down = $3 WHERE channel = $1 AND id = $2 AND down IS NULL")
        .bind(channel)
        .bind(id)
        .bind(ms(at))
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether there is a post under that id that is not taken down.
///
/// # Errors
/// The database's.
pub async fn has(conn: &mut Conn, channel: &str, id: &str) -> Result<bool, StoreError> {
    let found: Option<i64> = sqlx::query_scalar("SELECT at FROM wall WHERE channel = $1 AND id = $2 AND down IS NULL")
        .bind(channel)
        .bind(id)
        .fetch_optional(conn)
        .await?;
    Ok(found.is_some())
}

/// The post under that id, also one that was taken down.
///
/// # Errors
/// The database's.
pub async fn one(conn: &mut Conn, channel: &str, id: &str) -> Result<Option<Stored>, StoreError> {
    let row = sqlx::query("SELECT id, at, post, down FROM wall WHERE channel = $1 AND id = $2")
        .bind(channel)
        .bind(id)
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(stored).transpose()
}

/// A timeline's posts, newest first.
///
/// # Errors
/// The database's.
pub async fn list(conn: &mut Conn, channel: &str, most: i64) -> Result<Vec<Stored>, StoreError> {
    let rows = sqlx::query("SELECT id, at, post, down FROM wall WHERE channel = $1 ORDER BY at DESC, id DESC LIMIT $2")
        .bind(channel)
        .bind(most)
        .fetch_all(conn)
        .await?;
    rows.iter().map(stored).collect()
}

fn stored(row: &sqlx::any::AnyRow) -> Result<Stored, StoreError> {
    Ok(Stored {
        id: get(row, "id")?,
        at: instant(get(row, "at")?),
        down: get::<Option<i64>>(row, "down")?.map(instant),
        post: get(row, "post")?,
    })
}
