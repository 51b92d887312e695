//! Pauses: by a person or by a platform's limit, each with its scope.

use jiff::Timestamp;

use super::change::{Topic, mark};
use super::{Conn, StoreError, get, json, ms, to_json};
use crate::model::channel::{Pause, PauseScope};

/// Puts a pause in force; a longer one of the same scope stays, and a person's (without end) outlasts a limit's.
///
/// # Errors
/// The database's.
pub async fn put(conn: &mut Conn, pause: &Pause) -> Result<(), StoreError> {
    mark(Topic::Channels);
    sqlx::query(
        "INSERT INTO pause (scope, data, until, since) VALUES ($1,$2,$3,$4) ON CONFLICT (scope) DO UPDATE SET \
         data = CASE WHEN $3 > pause.until THEN $2 ELSE pause.data END, \
         until = CASE WHEN $3 > pause.until THEN $3 ELSE pause.until END",
    )
    .bind(pause.scope.key())
    .bind(to_json(pause))
    .bind(pause.until.map_or(i64::MAX, ms))
    .bind(ms(pause.since))
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends a pause. Returns it, if there was one.
///
/// # Errors
/// The database's.
pub async fn end(conn: &mut Conn, scope: &PauseScope) -> Result<Option<Pause>, StoreError> {
    mark(Topic::Channels);
    let found = all(&mut *conn).await?.into_iter().find(|p| p.scope == *scope);
    sqlx::query("DELETE FROM pause WHERE scope = $1").bind(scope.key()).execute(conn).await?;
    Ok(found)
}

/// Every pause, lapsed ones included until they are cleared.
///
/// # Errors
/// The database's.
pub async fn all(conn: &mut Conn) -> Result<Vec<Pause>, StoreError> {
    let rows = sqlx::query("SELECT scope, data FROM pause ORDER BY scope").fetch_all(conn).await?;
    rows.iter().map(|row| json("pause", "data", &get::<String>(row, "scope")?, &get::<String>(row, "data")?)).collect()
}

/// Forgets those that have lapsed.
///
/// # Errors
/// The database's.
pub async fn clear_lapsed(conn: &mut Conn, now: Timestamp) -> Result<(), StoreError> {
    let done = sqlx::query("DELETE FROM pause WHERE until <= $1").bind(ms(now)).execute(conn).await?;
    if done.rows_affected() > 0 {
        mark(Topic::Channels);
    }
    Ok(())
}
