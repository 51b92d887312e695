//! What posting has cost: one row a charge, stored before the step it pays for is sent, voided where that proved not done.

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Conn, StoreError, get, instant, ms};
use crate::model::money::Price;
use crate::model::receipt::Step;

/// A charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The attempt's id; of a read, one of its own.
    pub id: String,
    /// The channel.
    pub channel: String,
    /// The digest of the developer app that pays.
    pub app: Option<String>,
    /// The post.
    pub post: Option<String>,
    /// What for: `create/0`, `own posts read`.
    pub what: String,
    /// How much.
    pub price: Price,
    /// The civil day in the newsroom's zone.
    pub day: Date,
    /// When.
    pub at: Timestamp,
}

/// What a channel's charges of a day come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// The channel.
    pub channel: String,
    /// The app that pays.
    pub app: Option<String>,
    /// The civil day.
    pub day: Date,
    /// The sum.
    pub price: Price,
}

/// Stores a charge; the same once more changes nothing.
///
/// # Errors
/// The database's.
pub async fn add(conn: &mut Conn, charge: &Charge) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO spend (id, channel, app, post, what, micros, day, at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8) \
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(&charge.id)
    .bind(&charge.channel)
    .bind(charge.app.as_deref())
    .bind(charge.post.as_deref())
    .bind(&charge.what)
    .bind(charge.price.to_store())
    .bind(charge.day.to_string())
    .bind(ms(charge.at))
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes back the charge of that attempt: its step was certainly not carried out.
///
/// # Errors
/// The database's.
pub async fn void(conn: &mut Conn, id: &str, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE spend SET voided = $2 WHERE id = $1 AND voided IS NULL")
        .bind(id)
        .bind(ms(now))
        .execute(conn)
        .await?;
    Ok(())
}

/// Charges a step that proved done, by that attempt and no other: what was taken back before stands again, and tries at
/// the same step that did nothing (a duplicate was refused, an answer got lost) are not paid as well.
///
/// # Errors
/// The database's.
pub async fn settle(conn: &mut Conn, id: &str, now: Timestamp) -> Result<(), StoreError> {
    let own = sqlx::query("UPDATE spend SET voided = NULL WHERE id = $1").bind(id).execute(&mut *conn).await?;
    // Where nothing was charged for it, nothing was for its other attempts: most platforms are free.
    if own.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query(
        "UPDATE spend SET voided = $2 WHERE voided IS NULL AND id IN (SELECT other.id FROM attempt AS other \
         JOIN attempt AS mine ON mine.id = $1 AND other.post = mine.post AND other.op = mine.op AND other.n = mine.n \
         AND other.revision = mine.revision WHERE other.id <> mine.id AND (other.result IS NULL OR other.result <> 'done'))",
    )
    .bind(id)
    .bind(ms(now))
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes back what a step cost whose attempts proved to have done nothing: it is not on the platform.
///
/// # Errors
/// The database's.
pub async fn void_step(
    conn: &mut Conn,
    post: &str,
    (revision, step): (u16, Step),
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE spend SET voided = $5 WHERE post = $1 AND voided IS NULL AND id IN (SELECT id FROM attempt \
         WHERE post = $1 AND op = $2 AND n = $3 AND revision = $4 AND (result IS NULL OR result = 'unknown'))",
    )
    .bind(post)
    .bind(step.op.as_str())
    .bind(i64::from(step.n))
    .bind(i64::from(revision))
    .bind(ms(now))
    .execute(conn)
    .await?;
    Ok(())
}

/// What the channel's charges come to from one civil day to another, both included.
///
/// # Errors
/// The database's.
pub async fn between(conn: &mut Conn, channel: &str, first: Date, last: Date) -> Result<Price, StoreError> {
    let sum: i64 = sqlx::query_scalar(
        "SELECT CAST(COALESCE(sum(micros), 0) AS BIGINT) FROM spend \
         WHERE channel = $1 AND day >= $2 AND day <= $3 AND voided IS NULL",
    )
    .bind(channel)
    .bind(first.to_string())
    .bind(last.to_string())
    .fetch_one(conn)
    .await?;
    Ok(Price::from_store(sum))
}

/// What a post has cost; `None` where nothing was charged for it.
///
/// # Errors
/// The database's.
pub async fn of_post(conn: &mut Conn, post: &str) -> Result<Option<Price>, StoreError> {
    let sum: Option<i64> =
        sqlx::query_scalar("SELECT CAST(sum(micros) AS BIGINT) FROM spend WHERE post = $1 AND voided IS NULL")
            .bind(post)
            .fetch_one(conn)
            .await?;
    Ok(sum.map(Price::from_store))
}

/// What these posts have cost, as far as anything was charged for them.
///
/// # Errors
/// The database's.
pub async fn of_posts(conn: &mut Conn, posts: &[&str]) -> Result<Vec<(String, Price)>, StoreError> {
    if posts.is_empty() {
        return Ok(Vec::new());
    }
    let marks = (1..=posts.len()).map(|n| format!("${n}")).collect::<Vec<_>>().join(",");
    let sql = format!(
        "SELECT post, CAST(sum(micros) AS BIGINT) AS micros FROM spend WHERE post IN ({marks}) AND voided IS NULL \
         GROUP BY post"
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for post in posts {
        query = query.bind(*post);
    }
    let rows = query.fetch_all(conn).await?;
    rows.iter().map(|row| Ok((get(row, "post")?, Price::from_store(get(row, "micros")?)))).collect()
}

/// What each channel and app spent on each civil day since then.
///
/// # Errors
/// The database's.
pub async fn days(conn: &mut Conn, since: Date) -> Result<Vec<Day>, StoreError> {
    let rows = sqlx::query(
        "SELECT channel, app, day, CAST(sum(micros) AS BIGINT) AS micros FROM spend WHERE day >= $1 AND voided IS NULL \
         GROUP BY channel, app, day ORDER BY channel, app, day",
    )
    .bind(since.to_string())
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let day: String = get(row, "day")?;
            let corrupt = |e: jiff::Error| StoreError::Corrupt {
                table: "spend",
                column: "day",
                id: day.clone(),
                said: e.to_string(),
            };
            Ok(Day {
                channel: get(row, "channel")?,
                app: get(row, "app")?,
                price: Price::from_store(get(row, "micros")?),
                day: day.parse().map_err(corrupt)?,
            })
        })
        .collect()
}

/// When anything was first charged to each channel.
///
/// # Errors
/// The database's.
pub async fn first(conn: &mut Conn) -> Result<Vec<(String, Timestamp)>, StoreError> {
    let rows = sqlx::query("SELECT channel, min(at) AS at FROM spend GROUP BY channel ORDER BY channel")
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| Ok((get(row, "channel")?, instant(get(row, "at")?)))).collect()
}

/// Forgets charges before then.
///
/// # Errors
/// The database's.
pub async fn forget(conn: &mut Conn, before: Timestamp) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM spend WHERE at < $1").bind(ms(before)).execute(conn).await?;
    Ok(())
}
