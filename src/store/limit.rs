//! What platforms last said of their own limits.

use jiff::Timestamp;

use super::{Conn, StoreError, get, instant, json, ms, to_json};
use crate::model::channel::PauseScope;
use crate::model::limit::Said;

/// Resets so near to each other are the same window, told with another rounding, in ms.
const SAME_WINDOW: i64 = 2_000;
/// An answer is never recorded later than this after a later one: a step's deadline and some, in ms.
const OVERTAKEN: i64 = 30_000;

/// Keeps it, over what was said of that limit before. `tight`: claims have to look at it.
///
/// Answers of several channels overtake each other, and calls that are on their way are counted already: within a window,
/// a word that tells of more than the one just before it does not count.
///
/// # Errors
/// The database's.
pub async fn put(conn: &mut Conn, said: &Said, tight: bool) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO limit_said (scope, word, channel, said_scope, used, remaining, resets, at, tight) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9) ON CONFLICT (scope, word) DO UPDATE SET \
         channel = $3, resets = $7, at = $8, tight = $9, \
         used = CASE WHEN abs(limit_said.resets - $7) <= $10 AND limit_said.at > $8 - $11 AND limit_said.used > $5 \
         THEN limit_said.used ELSE $5 END, \
         remaining = CASE WHEN abs(limit_said.resets - $7) <= $10 AND limit_said.at > $8 - $11 \
         AND limit_said.remaining < $6 THEN limit_said.remaining ELSE $6 END",
    )
    .bind(said.scope.key())
    .bind(&said.word)
    .bind(&said.channel)
    .bind(to_json(&said.scope))
    .bind(whole(said.used))
    .bind(said.left.map(whole))
    .bind(said.resets.map(ms))
    .bind(ms(said.at))
    .bind(i64::from(tight))
    .bind(SAME_WINDOW)
    .bind(OVERTAKEN)
    .execute(conn)
    .await?;
    Ok(())
}

/// All that was ever said, by channel and limit.
///
/// # Errors
/// The database's.
pub async fn all(conn: &mut Conn) -> Result<Vec<Said>, StoreError> {
    select(conn, "SELECT word, channel, said_scope, used, remaining, resets, at FROM limit_said ORDER BY channel, word")
        .await
}

/// Those that claims have to look at.
///
/// # Errors
/// The database's.
pub async fn tight(conn: &mut Conn) -> Result<Vec<Said>, StoreError> {
    select(conn, "SELECT word, channel, said_scope, used, remaining, resets, at FROM limit_said WHERE tight = 1").await
}

async fn select(conn: &mut Conn, sql: &'static str) -> Result<Vec<Said>, StoreError> {
    let rows = sqlx::query(sql).fetch_all(conn).await?;
    rows.iter()
        .map(|row| {
            let word: String = get(row, "word")?;
            let count = |n: i64| u64::try_from(n).unwrap_or(0);
            Ok(Said {
                scope: json("limit_said", "said_scope", &word, &get::<String>(row, "said_scope")?)?,
                channel: get(row, "channel")?,
                used: count(get(row, "used")?),
                left: get::<Option<i64>>(row, "remaining")?.map(count),
                resets: get::<Option<i64>>(row, "resets")?.map(instant),
                at: instant(get(row, "at")?),
                word,
            })
        })
        .collect()
}

/// Counts calls that are about to be made, until the platform says itself what is left.
///
/// # Errors
/// The database's.
pub async fn take(conn: &mut Conn, said: &Said, calls: u64) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE limit_said SET remaining = CASE WHEN remaining > $3 THEN remaining - $3 ELSE 0 END \
         WHERE scope = $1 AND word = $2 AND remaining IS NOT NULL",
    )
    .bind(said.scope.key())
    .bind(&said.word)
    .bind(whole(calls))
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets what was said of that scope: the platform's next word counts.
///
/// # Errors
/// The database's.
pub async fn lift(conn: &mut Conn, scope: &PauseScope) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM limit_said WHERE scope = $1").bind(scope.key()).execute(conn).await?;
    Ok(())
}

/// Forgets what was said before then.
///
/// # Errors
/// The database's.
pub async fn forget(conn: &mut Conn, before: Timestamp) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM limit_said WHERE at < $1").bind(ms(before)).execute(conn).await?;
    Ok(())
}

fn whole(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
