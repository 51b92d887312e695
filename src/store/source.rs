//! Sources: validators, rhythm and health. Validators are only ever stored in the transaction that stores the articles.

use jiff::Timestamp;
use serde::Serialize;

use super::{Conn, StoreError, get, instant, ms};

/// A source's row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceRow {
    /// Its name in the config.
    pub name: String,
    /// The address it was last read at.
    pub url: String,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// The next good fetch stores all and posts none.
    pub fresh: bool,
    /// `ETag`, exactly as received.
    pub etag: Option<String>,
    /// `Last-Modified`, exactly as received.
    pub last_modified: Option<String>,
    /// SHA-256 of the last body, in hex.
    pub body_hash: Option<String>,
    /// When to ask next.
    pub next_poll: Timestamp,
    /// When it was last asked.
    pub last_fetch: Option<Timestamp>,
    /// When it last answered well.
    pub last_good: Option<Timestamp>,
    /// When it last brought something new.
    pub last_change: Option<Timestamp>,
    /// Failures in a row.
    pub failures: i64,
    /// The last failure, in words.
    pub error: Option<String>,
    /// Moves and 410s under observation, as the source module's JSON.
    pub polite: String,
}

const COLUMNS: &str = "name, url, first_seen, fresh, etag, last_modified, body_hash, next_poll, last_fetch, last_good, \
                       last_change, failures, error, polite";

fn read(row: &sqlx::any::AnyRow) -> Result<SourceRow, StoreError> {
    let opt = |column| Ok::<_, StoreError>(get::<Option<i64>>(row, column)?.map(instant));
    Ok(SourceRow {
        name: get(row, "name")?,
        url: get(row, "url")?,
        first_seen: instant(get(row, "first_seen")?),
        fresh: get::<i64>(row, "fresh")? != 0,
        etag: get(row, "etag")?,
        last_modified: get(row, "last_modified")?,
        body_hash: get(row, "body_hash")?,
        next_poll: instant(get(row, "next_poll")?),
        last_fetch: opt("last_fetch")?,
        last_good: opt("last_good")?,
        last_change: opt("last_change")?,
        failures: get(row, "failures")?,
        error: get(row, "error")?,
        polite: get(row, "polite")?,
    })
}

/// One source.
///
/// # Errors
/// The database's.
pub async fn one(conn: &mut Conn, name: &str) -> Result<Option<SourceRow>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM source WHERE name = $1"));
    sqlx::query(sql).bind(name).fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// All sources ever seen, by name.
///
/// # Errors
/// The database's.
pub async fn all(conn: &mut Conn) -> Result<Vec<SourceRow>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM source ORDER BY name"));
    sqlx::query(sql).fetch_all(conn).await?.iter().map(read).collect()
}

/// Writes a source's row, new or known.
///
/// # Errors
/// The database's.
pub async fn put(conn: &mut Conn, row: &SourceRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO source (name, url, first_seen, fresh, etag, last_modified, body_hash, next_poll, last_fetch, \
         last_good, last_change, failures, error, polite) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14) \
         ON CONFLICT (name) DO UPDATE SET url=$2, fresh=$4, etag=$5, last_modified=$6, body_hash=$7, next_poll=$8, \
         last_fetch=$9, last_good=$10, last_change=$11, failures=$12, error=$13, polite=$14",
    )
    .bind(&row.name)
    .bind(&row.url)
    .bind(ms(row.first_seen))
    .bind(i64::from(row.fresh))
    .bind(row.etag.as_deref())
    .bind(row.last_modified.as_deref())
    .bind(row.body_hash.as_deref())
    .bind(ms(row.next_poll))
    .bind(row.last_fetch.map(ms))
    .bind(row.last_good.map(ms))
    .bind(row.last_change.map(ms))
    .bind(row.failures)
    .bind(row.error.as_deref())
    .bind(&row.polite)
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes a poll that brought nothing: one small write.
///
/// # Errors
/// The database's.
pub async fn unchanged(conn: &mut Conn, name: &str, now: Timestamp, next: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE source SET last_fetch=$2, last_good=$2, next_poll=$3, failures=0, error=NULL WHERE name=$1")
        .bind(name)
        .bind(ms(now))
        .bind(ms(next))
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes that a push brought something new; all else of the row is the poller's.
///
/// # Errors
/// The database's.
pub async fn brought(conn: &mut Conn, name: &str, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE source SET last_change=$2 WHERE name=$1").bind(name).bind(ms(now)).execute(conn).await?;
    Ok(())
}

/// Makes every source post nothing of what it brings next: after a restore.
///
/// # Errors
/// The database's.
pub async fn freshen_all(conn: &mut Conn) -> Result<(), StoreError> {
    sqlx::query("UPDATE source SET fresh = 1, etag = NULL, last_modified = NULL, body_hash = NULL")
        .execute(conn)
        .await?;
    Ok(())
}

/// Keeps the bytes of an answer that could not be read, for the report; one per source.
///
/// # Errors
/// The database's.
pub async fn keep_raw(
    conn: &mut Conn,
    source: &str,
    at: Timestamp,
    error: &str,
    bytes: &[u8],
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO raw (source, at, error, bytes) VALUES ($1,$2,$3,$4) \
         ON CONFLICT (source) DO UPDATE SET at=$2, error=$3, bytes=$4",
    )
    .bind(source)
    .bind(ms(at))
    .bind(error)
    .bind(bytes)
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets kept bytes older than that.
///
/// # Errors
/// The database's.
pub async fn forget_raw(conn: &mut Conn, before: Timestamp) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM raw WHERE at < $1").bind(ms(before)).execute(conn).await?;
    Ok(())
}
