//! Notices: said once, counted, told once to whoever listens.

use jiff::Timestamp;
use serde::Serialize;

use super::change::{Topic, mark};
use super::{Conn, StoreError, get, instant, ms};
use crate::model::notice::{Level, Notice};

/// A notice as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stored {
    /// What makes two of them the same.
    pub key: String,
    /// `info`, `warn` or `alarm`.
    pub level: String,
    /// One sentence.
    pub text: String,
    /// When it was first raised.
    pub first_at: Timestamp,
    /// When it was last raised.
    pub last_at: Timestamp,
    /// How often.
    pub count: i64,
}

/// Raises a notice; one with the same key is counted. Returns whether it is new.
///
/// # Errors
/// The database's.
pub async fn raise(conn: &mut Conn, notice: &Notice, now: Timestamp) -> Result<bool, StoreError> {
    mark(Topic::Notices);
    let count: i64 = sqlx::query_scalar(
        "INSERT INTO notice (key, level, text, first_at, last_at, count, told) VALUES ($1,$2,$3,$4,$4,1,0) \
         ON CONFLICT (key) DO UPDATE SET level = $2, last_at = $4, count = notice.count + 1, \
         told = CASE WHEN notice.text = $3 THEN notice.told ELSE 0 END, text = $3 \
         RETURNING count",
    )
    .bind(&notice.key)
    .bind(notice.level.as_str())
    .bind(&notice.text)
    .bind(ms(now))
    .fetch_one(conn)
    .await?;
    if count == 1 {
        match notice.level {
            Level::Info => tracing::info!(notice.key = %notice.key, "{}", notice.text),
            Level::Warn | Level::Alarm => tracing::warn!(notice.key = %notice.key, "{}", notice.text),
        }
    }
    Ok(count == 1)
}

/// Takes back the notice of that key: its cause is gone.
///
/// # Errors
/// The database's.
pub async fn settle(conn: &mut Conn, key: &str) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM notice WHERE key = $1").bind(key).execute(conn).await?;
    if done.rows_affected() > 0 {
        mark(Topic::Notices);
    }
    Ok(done.rows_affected() > 0)
}

/// Those that stand, worst first.
///
/// # Errors
/// The database's.
pub async fn all(conn: &mut Conn) -> Result<Vec<Stored>, StoreError> {
    select(
        conn,
        "SELECT key, level, text, first_at, last_at, count FROM notice ORDER BY \
         CASE level WHEN 'alarm' THEN 0 WHEN 'warn' THEN 1 ELSE 2 END, last_at DESC, key",
    )
    .await
}

/// Those nobody was told of yet, oldest first.
///
/// # Errors
/// The database's.
pub async fn untold(conn: &mut Conn) -> Result<Vec<Stored>, StoreError> {
    select(
        conn,
        "SELECT key, level, text, first_at, last_at, count FROM notice WHERE told = 0 ORDER BY first_at, key LIMIT 50",
    )
    .await
}

async fn select(conn: &mut Conn, sql: &'static str) -> Result<Vec<Stored>, StoreError> {
    let rows = sqlx::query(sql).fetch_all(conn).await?;
    rows.iter()
        .map(|row| {
            Ok(Stored {
                key: get(row, "key")?,
                level: get(row, "level")?,
                text: get(row, "text")?,
                first_at: instant(get(row, "first_at")?),
                last_at: instant(get(row, "last_at")?),
                count: get(row, "count")?,
            })
        })
        .collect()
}

/// Somebody was told.
///
/// # Errors
/// The database's.
pub async fn told(conn: &mut Conn, key: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE notice SET told = 1 WHERE key = $1").bind(key).execute(conn).await?;
    Ok(())
}

/// Forgets what was last raised before then.
///
/// # Errors
/// The database's.
pub async fn forget(conn: &mut Conn, before: Timestamp) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM notice WHERE last_at < $1").bind(ms(before)).execute(conn).await?;
    Ok(())
}
