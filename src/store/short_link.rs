//! Short links of our own and their clicks, by day.

use jiff::Timestamp;
use sqlx::Row as _;

use super::{Conn, StoreError, get, ms};

/// A short link on its way into the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What stands behind `/r/`.
    pub id: String,
    /// Where it leads.
    pub url: String,
    /// The post that carries it.
    pub post: String,
    /// Its channel.
    pub channel: String,
    /// Its article.
    pub article: String,
}

/// What is known of a post's short link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// What stands behind `/r/`.
    pub id: String,
    /// Where it leads.
    pub url: String,
    /// All clicks so far.
    pub clicks: i64,
}

/// Clicks of one link on one civil day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clicks {
    /// The link.
    pub id: String,
    /// `2026-11-25`, in the newsroom's zone.
    pub day: String,
    /// How many.
    pub count: i64,
}

/// Stores a link. The same post may lead elsewhere from now on; another post's id is never taken over.
///
/// Returns whether the id is this post's.
///
/// # Errors
/// The database's.
pub async fn put(conn: &mut Conn, link: &Link, now: Timestamp) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO short_link (id, url, post, channel, article, created) VALUES ($1,$2,$3,$4,$5,$6) \
         ON CONFLICT (id) DO UPDATE SET url = excluded.url WHERE short_link.post = excluded.post",
    )
    .bind(&link.id)
    .bind(&link.url)
    .bind(&link.post)
    .bind(&link.channel)
    .bind(&link.article)
    .bind(ms(now))
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Where a link leads; `None`: there is no such link.
///
/// # Errors
/// The database's.
pub async fn url(conn: &mut Conn, id: &str) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar("SELECT url FROM short_link WHERE id = $1").bind(id).fetch_optional(conn).await?)
}

/// Adds clicks to what is there.
///
/// # Errors
/// The database's.
pub async fn add(conn: &mut Conn, clicks: &[Clicks]) -> Result<(), StoreError> {
    for it in clicks {
        // A link that was forgotten meanwhile gets no row of its own.
        sqlx::query(
            "INSERT INTO short_link_click (link, day, clicks) SELECT id, CAST($2 AS TEXT), CAST($3 AS BIGINT) FROM short_link WHERE id = $1 \
             ON CONFLICT (link, day) DO UPDATE SET clicks = short_link_click.clicks + excluded.clicks",
        )
        .bind(&it.id)
        .bind(&it.day)
        .bind(it.count)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// A post's newest short link and its clicks.
///
/// # Errors
/// The database's.
pub async fn of_post(conn: &mut Conn, post: &str) -> Result<Option<Counted>, StoreError> {
    let row = sqlx::query(
        "SELECT id, url, CAST((SELECT coalesce(sum(clicks), 0) FROM short_link_click WHERE link = short_link.id) \
         AS BIGINT) AS clicks FROM short_link WHERE post = $1 ORDER BY created DESC, id LIMIT 1",
    )
    .bind(post)
    .fetch_optional(conn)
    .await?;
    row.map(|row| Ok(Counted { id: get(&row, "id")?, url: get(&row, "url")?, clicks: get(&row, "clicks")? }))
        .transpose()
}

/// The days of a link on which it was clicked, oldest first.
///
/// # Errors
/// The database's.
pub async fn days(conn: &mut Conn, id: &str) -> Result<Vec<(String, i64)>, StoreError> {
    let rows = sqlx::query("SELECT day, clicks FROM short_link_click WHERE link = $1 ORDER BY day")
        .bind(id)
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| Ok((row.try_get("day")?, row.try_get("clicks")?))).collect()
}

/// Removes links made before that instant which nobody has clicked since; the post that carries them may stand for ever.
///
/// # Errors
/// The database's.
pub async fn forget(conn: &mut Conn, before: Timestamp) -> Result<(), StoreError> {
    let day = before.to_zoned_datetime(jiff::tz::TimeZone::UTC).date().to_string();
    sqlx::query(
        "DELETE FROM short_link WHERE created < $1 \
         AND NOT EXISTS (SELECT 1 FROM short_link_click WHERE link = short_link.id AND day >= $2)",
    )
    .bind(ms(before))
    .bind(&day)
    .execute(&mut *conn)
    .await?;
    sqlx::query("DELETE FROM short_link_click WHERE NOT EXISTS (SELECT 1 FROM short_link WHERE id = link)")
        .execute(conn)
        .await?;
    Ok(())
}
