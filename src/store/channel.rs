//! Channels as the store knows them: the fence, who they belong to, what blocks them.

use jiff::Timestamp;

use super::change::{Topic, mark};
use super::{Conn, StoreError, get, instant, json, ms, to_json};
use crate::model::channel::Block;

/// A channel's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelRow {
    /// Its name in the config.
    pub name: String,
    /// The platform it was first seen with.
    pub platform: String,
    /// Grows with each claim.
    pub fence: i64,
    /// Who it belongs to and what the server said of itself, as the platform module's JSON.
    pub identity: Option<String>,
    /// What keeps it from posting.
    pub blocked: Option<Block>,
    /// The firing that let its last post out.
    pub last_slot: Option<Timestamp>,
    /// Since when it could not post (blocked, paused, unreachable); cleared by the next success or an explicit resume.
    pub closed_since: Option<Timestamp>,
}

const COLUMNS: &str = "name, platform, fence, identity, blocked, last_slot, closed_since";

fn read(row: &sqlx::any::AnyRow) -> Result<ChannelRow, StoreError> {
    let name: String = get(row, "name")?;
    let blocked: Option<String> = get(row, "blocked")?;
    Ok(ChannelRow {
        platform: get(row, "platform")?,
        fence: get(row, "fence")?,
        identity: get(row, "identity")?,
        blocked: blocked.map(|text| json("channel", "blocked", &name, &text)).transpose()?,
        last_slot: get::<Option<i64>>(row, "last_slot")?.map(instant),
        closed_since: get::<Option<i64>>(row, "closed_since")?.map(instant),
        name,
    })
}

/// Makes the row of a channel that the config names, if it is new.
///
/// # Errors
/// The database's.
pub async fn ensure(conn: &mut Conn, name: &str, platform: &str, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO channel (name, platform, first_seen, fence) VALUES ($1,$2,$3,0) ON CONFLICT (name) DO NOTHING",
    )
    .bind(name)
    .bind(platform)
    .bind(ms(now))
    .execute(conn)
    .await?;
    Ok(())
}

/// One channel.
///
/// # Errors
/// The database's.
pub async fn one(conn: &mut Conn, name: &str) -> Result<Option<ChannelRow>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM channel WHERE name = $1"));
    sqlx::query(sql).bind(name).fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// All channels ever seen, by name.
///
/// # Errors
/// The database's.
pub async fn all(conn: &mut Conn) -> Result<Vec<ChannelRow>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM channel ORDER BY name"));
    sqlx::query(sql).fetch_all(conn).await?.iter().map(read).collect()
}

/// How often any channel was ever taken; `None` where there is no channel yet.
///
/// # Errors
/// The database's.
pub async fn claims(conn: &mut Conn) -> Result<Option<u64>, StoreError> {
    let sum: Option<i64> = sqlx::query_scalar("SELECT CAST(sum(fence) AS BIGINT) FROM channel").fetch_one(conn).await?;
    Ok(sum.and_then(|sum| u64::try_from(sum).ok()))
}

/// Takes the channel's row for a claim: nobody else claims on it until the transaction ends. Its fence has grown.
///
/// # Errors
/// The database's.
pub async fn take(conn: &mut Conn, name: &str) -> Result<Option<ChannelRow>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("UPDATE channel SET fence = fence + 1 WHERE name = $1 RETURNING {COLUMNS}"));
    sqlx::query(sql).bind(name).fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// What may forbid a claim beside the channel's own row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The one process that may publish, if one ever said so.
    pub leader: Option<String>,
    /// How many pauses there are, of whatever scope.
    pub pauses: i64,
    /// The channel's posts on their way.
    pub publishing: i64,
    /// The channel's posts in doubt.
    pub uncertain: i64,
    /// How many limits of platforms are near their end, of whatever scope.
    pub limits: i64,
    /// How often any channel was taken, this time included.
    pub claims: i64,
}

/// Looks at the gate, in one statement of its own after [`take`]: on PostgreSQL a statement sees what was committed before
/// it began, and the one that takes the row may have waited for it.
///
/// # Errors
/// The database's.
pub async fn gate(conn: &mut Conn, name: &str) -> Result<Gate, StoreError> {
    let row = sqlx::query(
        "SELECT (SELECT value FROM meta WHERE name = $2) AS leader, (SELECT count(*) FROM pause) AS pauses, \
         (SELECT count(*) FROM post WHERE channel = $1 AND state = 'publishing') AS publishing, \
         (SELECT count(*) FROM post WHERE channel = $1 AND state = 'uncertain') AS uncertain, \
         (SELECT count(*) FROM limit_said WHERE tight = 1) AS limits, \
         (SELECT CAST(sum(fence) AS BIGINT) FROM channel) AS claims",
    )
    .bind(name)
    .bind(super::meta::LEADER)
    .fetch_one(conn)
    .await?;
    Ok(Gate {
        leader: get(&row, "leader")?,
        pauses: get(&row, "pauses")?,
        publishing: get(&row, "publishing")?,
        uncertain: get(&row, "uncertain")?,
        limits: get(&row, "limits")?,
        claims: get::<Option<i64>>(&row, "claims")?.unwrap_or(0),
    })
}

/// How many posts are on their way on other channels of the same platform.
///
/// # Errors
/// The database's.
pub async fn flying(conn: &mut Conn, row: &ChannelRow) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM post WHERE state = 'publishing' \
         AND channel IN (SELECT name FROM channel WHERE platform = $1 AND name <> $2)",
    )
    .bind(&row.platform)
    .bind(&row.name)
    .fetch_one(conn)
    .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Blocks or unblocks it.
///
/// # Errors
/// The database's.
pub async fn set_blocked(conn: &mut Conn, name: &str, block: Option<&Block>, now: Timestamp) -> Result<(), StoreError> {
    mark(Topic::Channels);
    sqlx::query("UPDATE channel SET blocked = $2, blocked_since = $3 WHERE name = $1")
        .bind(name)
        .bind(block.map(to_json))
        .bind(block.map(|_| ms(now)))
        .execute(conn)
        .await?;
    Ok(())
}

/// Says since when it cannot post (the first cause stays), or that it can again.
///
/// # Errors
/// The database's.
pub async fn set_closed(conn: &mut Conn, name: &str, since: Option<Timestamp>) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE channel SET closed_since = CASE WHEN $2 IS NULL THEN NULL ELSE COALESCE(closed_since, $2) END \
         WHERE name = $1",
    )
    .bind(name)
    .bind(since.map(ms))
    .execute(conn)
    .await?;
    Ok(())
}

/// Stores which firing let the last post out.
///
/// # Errors
/// The database's.
pub async fn set_slot(conn: &mut Conn, name: &str, slot: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE channel SET last_slot = $2 WHERE name = $1").bind(name).bind(ms(slot)).execute(conn).await?;
    Ok(())
}

/// Stores who it belongs to.
///
/// # Errors
/// The database's.
pub async fn set_identity(conn: &mut Conn, name: &str, identity: &str) -> Result<(), StoreError> {
    mark(Topic::Channels);
    sqlx::query("UPDATE channel SET identity = $2 WHERE name = $1").bind(name).bind(identity).execute(conn).await?;
    Ok(())
}

/// Forgets who it belongs to: the next account that introduces itself is the one.
///
/// # Errors
/// The database's.
pub async fn forget_identity(conn: &mut Conn, name: &str) -> Result<(), StoreError> {
    mark(Topic::Channels);
    sqlx::query("UPDATE channel SET identity = NULL WHERE name = $1").bind(name).execute(conn).await?;
    Ok(())
}
