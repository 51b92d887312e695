//! Sources: validators, rhythm and health. Validators are only ever stored in the transaction that stores the articles.

use jiff::Timestamp;
use serde::Serialize;

use super::change::{Topic, mark};
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
    /// When its listing was last read whole.
    pub last_read: Option<Timestamp>,
    /// When it last brought something new.
    pub last_change: Option<Timestamp>,
    /// The usual gap between two of its articles, in seconds, where that is known.
    pub rhythm: Option<i64>,
    /// Failures in a row.
    pub failures: i64,
    /// Since when it fails.
    pub failing_since: Option<Timestamp>,
    /// What kind of failure the last one was, in one word: `status`, `unreachable`, `too_large`, `redirects`, `refused`,
    /// `unreadable`.
    pub trouble: Option<String>,
    /// The HTTP status of the last failure, where the server answered.
    pub status: Option<i64>,
    /// The last failure, in words.
    pub error: Option<String>,
    /// What is observed over several polls, as the poller's JSON.
    pub polite: String,
}

impl SourceRow {
    /// A source that was never asked.
    pub fn new(name: &str, url: &str, now: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            url: url.to_owned(),
            first_seen: now,
            fresh: false,
            etag: None,
            last_modified: None,
            body_hash: None,
            next_poll: now,
            last_fetch: None,
            last_good: None,
            last_read: None,
            last_change: None,
            rhythm: None,
            failures: 0,
            failing_since: None,
            trouble: None,
            status: None,
            error: None,
            polite: String::new(),
        }
    }

    /// What a person can do about its last failure, in a sentence. `None`: it is well.
    pub fn way_out(&self) -> Option<&'static str> {
        if self.failures == 0 {
            return None;
        }
        Some(match (self.trouble.as_deref(), self.status) {
            (_, Some(401 | 403)) => {
                "The server refuses Bugle: ask its owner to let the user agent Bugle in, or look for another address"
            }
            (_, Some(404)) => {
                "There is no feed any more: look its address up on the site and try it with `bugle parse`"
            }
            (_, Some(410)) => "The publisher says that it is gone for good: look for its new address",
            (_, Some(429)) => {
                "The server wants to be asked less often: Bugle waits by itself; a longer `poll` avoids it"
            }
            (_, Some(500..)) => "The server is in trouble: Bugle asks again by itself",
            (Some("unreadable"), _) => "What came is no feed: `bugle sources --raw NAME` shows it",
            (Some("too_large"), _) => "Ask for a shorter feed: many take a parameter for the number of items",
            (Some("redirects"), _) => "The address leads nowhere: look it up on the site",
            (Some("refused"), _) => {
                "An address inside needs its host:port under `allow_private` in [network]; anything else is not allowed"
            }
            (Some("unreachable"), _) => "The server or the way to it is down: Bugle asks again by itself",
            _ => "Look at the address: `bugle parse` tries it",
        })
    }
}

const COLUMNS: &str = "name, url, first_seen, fresh, etag, last_modified, body_hash, next_poll, last_fetch, last_good, \
                       last_read, last_change, rhythm, failures, failing_since, trouble, status, error, polite";

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
        last_read: opt("last_read")?,
        last_change: opt("last_change")?,
        rhythm: get(row, "rhythm")?,
        failures: get(row, "failures")?,
        failing_since: opt("failing_since")?,
        trouble: get(row, "trouble")?,
        status: get(row, "status")?,
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

/// Writes a source's row, new or known. Its last change is never put back: a push may have brought something meanwhile.
///
/// # Errors
/// The database's.
pub async fn put(conn: &mut Conn, row: &SourceRow) -> Result<(), StoreError> {
    mark(Topic::Sources);
    sqlx::query(
        "INSERT INTO source (name, url, first_seen, fresh, etag, last_modified, body_hash, next_poll, last_fetch, \
         last_good, last_read, last_change, rhythm, failures, failing_since, trouble, status, error, polite) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19) \
         ON CONFLICT (name) DO UPDATE SET url=$2, fresh=$4, etag=$5, last_modified=$6, body_hash=$7, next_poll=$8, \
         last_fetch=$9, last_good=$10, last_read=$11, last_change=CASE WHEN source.last_change > $12 THEN \
         source.last_change ELSE $12 END, rhythm=$13, failures=$14, failing_since=$15, trouble=$16, status=$17, error=$18, \
         polite=$19",
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
    .bind(row.last_read.map(ms))
    .bind(row.last_change.map(ms))
    .bind(row.rhythm)
    .bind(row.failures)
    .bind(row.failing_since.map(ms))
    .bind(row.trouble.as_deref())
    .bind(row.status)
    .bind(row.error.as_deref())
    .bind(&row.polite)
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that a source which was well answered well and brought nothing: the times alone, one small write.
///
/// # Errors
/// The database's.
pub async fn unchanged(conn: &mut Conn, name: &str, now: Timestamp, next: Timestamp) -> Result<(), StoreError> {
    mark(Topic::Sources);
    sqlx::query("UPDATE source SET last_fetch=$2, last_good=$2, next_poll=$3 WHERE name=$1")
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
    mark(Topic::Sources);
    sqlx::query("UPDATE source SET last_change=$2 WHERE name=$1").bind(name).bind(ms(now)).execute(conn).await?;
    Ok(())
}

/// Notes that it will be asked only then: its host asked to be left alone.
///
/// # Errors
/// The database's.
pub async fn put_off(conn: &mut Conn, name: &str, next: Timestamp) -> Result<(), StoreError> {
    mark(Topic::Sources);
    sqlx::query("UPDATE source SET next_poll=$2 WHERE name=$1").bind(name).bind(ms(next)).execute(conn).await?;
    Ok(())
}

/// The bytes kept of the last answer that could not be read: when it came, what was wrong with it, the bytes.
///
/// # Errors
/// The database's.
pub async fn raw(conn: &mut Conn, source: &str) -> Result<Option<(Timestamp, String, Vec<u8>)>, StoreError> {
    let row =
        sqlx::query("SELECT at, error, bytes FROM raw WHERE source = $1").bind(source).fetch_optional(conn).await?;
    row.map(|row| Ok((instant(get(&row, "at")?), get(&row, "error")?, get(&row, "bytes")?))).transpose()
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
