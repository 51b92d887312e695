//! What the vault sealed: bytes nobody can read without the key.

use jiff::Timestamp;

use super::{Conn, StoreError, ms};

/// Reads the bytes kept under a word for a channel.
///
/// # Errors
/// The database's.
pub async fn get(conn: &mut Conn, channel: &str, word: &str) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(sqlx::query_scalar("SELECT bytes FROM sealed WHERE channel = $1 AND word = $2")
        .bind(channel)
        .bind(word)
        .fetch_optional(conn)
        .await?)
}

/// Keeps bytes under a word for a channel.
///
/// # Errors
/// The database's.
pub async fn put(conn: &mut Conn, channel: &str, word: &str, bytes: &[u8], at: Timestamp) -> Result<(), StoreError> {
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
    sqlx::query("DELETE FROM sealed WHERE channel = $1 AND word = $2").bind(channel).bind(word).execute(conn).await?;
    Ok(())
}
