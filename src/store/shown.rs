//! Pictures shown to platforms for a while. They are left out of backups: a picture that is needed again is made again.

use jiff::Timestamp;

use super::{Conn, StoreError, ms};

/// The most pictures shown at once; the oldest leave first. 64 of at most 8 MB each. Ours.
const MOST: i64 = 64;

/// Shows a picture under that name until then, and forgets those whose time is over.
///
/// # Errors
/// The database's.
pub async fn put(conn: &mut Conn, name: &str, jpeg: &[u8], until: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM shown_picture WHERE until <= $1").bind(ms(now)).execute(&mut *conn).await?;
    sqlx::query(
        "DELETE FROM shown_picture WHERE name NOT IN \
         (SELECT name FROM shown_picture ORDER BY until DESC, name LIMIT $1)",
    )
    .bind(MOST - 1)
    .execute(&mut *conn)
    .await?;
    sqlx::query("INSERT INTO shown_picture (name, jpeg, until) VALUES ($1,$2,$3)")
        .bind(name)
        .bind(jpeg)
        .bind(ms(until))
        .execute(conn)
        .await?;
    Ok(())
}

/// The picture of that name, while it is shown.
///
/// # Errors
/// The database's.
pub async fn get(conn: &mut Conn, name: &str, now: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(sqlx::query_scalar("SELECT jpeg FROM shown_picture WHERE name = $1 AND until > $2")
        .bind(name)
        .bind(ms(now))
        .fetch_optional(conn)
        .await?)
}
