//! Single values of the whole store: the heartbeat, the change counter, a restore's mark.

use jiff::Timestamp;

use super::{Conn, StoreError, change, instant, ms};

/// Raised by whoever writes beside the service (the command line), so that the service looks again at once.
pub const CHANGE: &str = "change";
/// When the service was last alive, in milliseconds.
pub const HEARTBEAT: &str = "heartbeat";
/// The worker id of the one process that may publish: whoever finds another one here stops.
pub const LEADER: &str = "leader";
/// Set by `bugle restore`: everything in the store may be out already.
pub const RESTORED: &str = "restored";

/// Reads a value.
///
/// # Errors
/// The database's.
pub async fn get(conn: &mut Conn, name: &'static str) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar("SELECT value FROM meta WHERE name = $1").bind(name).fetch_optional(conn).await?)
}

/// Writes a value.
///
/// # Errors
/// The database's.
pub async fn set(conn: &mut Conn, name: &'static str, value: &str) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2")
        .bind(name)
        .bind(value)
        .execute(conn)
        .await?;
    Ok(())
}

/// Forgets a value.
///
/// # Errors
/// The database's.
pub async fn clear(conn: &mut Conn, name: &'static str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM meta WHERE name = $1").bind(name).execute(conn).await?;
    Ok(())
}

/// Says that something changed beside the service.
///
/// # Errors
/// The database's.
pub async fn touch(conn: &mut Conn) -> Result<(), StoreError> {
    let mark = uuid::Uuid::now_v7().to_string();
    change::touched(&mark);
    set(conn, CHANGE, &mark).await
}

/// Reads an instant.
///
/// # Errors
/// The database's.
pub async fn instant_of(conn: &mut Conn, name: &'static str) -> Result<Option<Timestamp>, StoreError> {
    Ok(get(conn, name).await?.and_then(|v| v.parse().ok()).map(instant))
}

/// Writes an instant.
///
/// # Errors
/// The database's.
pub async fn set_instant(conn: &mut Conn, name: &'static str, at: Timestamp) -> Result<(), StoreError> {
    set(conn, name, &ms(at).to_string()).await
}
