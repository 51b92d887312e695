//! What the vault sealed: bytes nobody can read without the key.

use jiff::Timestamp;

use super::change::{Topic, mark};
use super::{Conn, StoreError, instant, ms};

/// Sealed bytes, and since when they are kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// When they were put there. Sealing the same secret anew does not change it.
    pub at: Timestamp,
}

/// Whose sealed bytes, and under which word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whose {
    /// The channel.
    pub channel: String,
    /// The word.
    pub word: String,
}

/// Reads the bytes kept under a word for a channel.
///
/// # Errors
/// The database's.
pub async fn get(conn: &mut Conn, channel: &str, word: &str) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(kept(conn, channel, word).await?.map(|kept| kept.bytes))
}

/// The same, with the instant they were put there.
///
/// # Errors
/// The database's.
pub async fn kept(conn: &mut Conn, channel: &str, word: &str) -> Result<Option<Kept>, StoreError> {
    let row = sqlx::query("SELECT bytes, at FROM sealed WHERE channel = $1 AND word = $2")
        .bind(channel)
        .bind(word)
        .fetch_optional(conn)
        .await?;
    row.map(|row| Ok(Kept { bytes: super::get(&row, "bytes")?, at: instant(super::get(&row, "at")?) })).transpose()
}

/// All that is kept, by channel and word.
///
/// # Errors
/// The database's.
pub async fn all(conn: &mut Conn) -> Result<Vec<(Whose, Vec<u8>)>, StoreError> {
    let rows = sqlx::query("SELECT channel, word, bytes FROM sealed ORDER BY channel, word").fetch_all(conn).await?;
    rows.iter()
        .map(|row| {
            let whose = Whose { channel: super::get(row, "channel")?, word: super::get(row, "word")? };
            Ok((whose, super::get(row, "bytes")?))
        })
        .collect()
}

/// Keeps bytes under a word for a channel.
///
/// # Errors
/// The database's.
pub async fn put(conn: &mut Conn, channel: &str, word: &str, bytes: &[u8], at: Timestamp) -> Result<(), StoreError> {
    mark(Topic::Channels);
    sqlx::query(
        "INSERT INTO sealed (channel, word, bytes, at) VALUES ($1,$2,$3,$4) \
         ON CONFLICT (channel, word) DO UPDATE SET bytes = $3, at = $4",
    )
    .bind(channel)
    .bind(word)
    .bind(bytes)
    .bind(ms(at))
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets what is kept under a word for a channel.
///
/// # Errors
/// The database's.
pub async fn remove(conn: &mut Conn, channel: &str, word: &str) -> Result<(), StoreError> {
    mark(Topic::Channels);
    sqlx::query("DELETE FROM sealed WHERE channel = $1 AND word = $2").bind(channel).bind(word).execute(conn).await?;
    Ok(())
}

/// Puts other bytes in the place of those that are there, if they are still `old`. Without `at` it is the same secret
/// under another key. Returns whether it did.
///
/// # Errors
/// The database's.
pub async fn swap(
    conn: &mut Conn,
    whose: &Whose,
    (old, new): (&[u8], &[u8]),
    at: Option<Timestamp>,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE sealed SET bytes = $4, at = COALESCE($5, at) WHERE channel = $1 AND word = $2 AND bytes = $3",
    )
    .bind(&whose.channel)
    .bind(&whose.word)
    .bind(old)
    .bind(new)
    .bind(at.map(ms))
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}
