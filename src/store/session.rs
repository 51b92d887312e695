//! Signed-in browsers, and failed tries to sign in. What is secret comes in hashed.

use jiff::Timestamp;

use super::{Conn, StoreError, get, instant, ms};
use crate::model::id::PersonId;
use crate::store::person::{self, PersonRow};

/// A signed-in browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// SHA-256 of the cookie's secret, in hex.
    pub id: String,
    /// Whose.
    pub person: PersonId,
    /// Whether the second factor is still asked for: then nothing else is open.
    pub half: bool,
    /// How they signed in: `password`, `totp`, `oidc`, `link`.
    pub how: String,
    /// The address it was begun from.
    pub address: String,
    /// What the browser says it is.
    pub agent: String,
    /// When it began.
    pub begun: Timestamp,
    /// When it was last used, to the minutes.
    pub seen: Timestamp,
    /// It ends then, however much it is used.
    pub until: Timestamp,
}

fn read(row: &sqlx::any::AnyRow, id: &'static str) -> Result<SessionRow, StoreError> {
    Ok(SessionRow {
        id: get(row, id)?,
        person: PersonId::new(get::<String>(row, "person")?),
        half: get::<i64>(row, "half")? != 0,
        how: get(row, "how")?,
        address: get(row, "address")?,
        agent: get(row, "agent")?,
        begun: instant(get(row, "begun_at")?),
        seen: instant(get(row, "seen_at")?),
        until: instant(get(row, "until")?),
    })
}

/// Notes a session.
///
/// # Errors
/// The database's.
pub async fn add(conn: &mut Conn, row: &SessionRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO session (id, person, half, how, address, agent, begun_at, seen_at, until) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)",
    )
    .bind(&row.id)
    .bind(row.person.as_str())
    .bind(i64::from(row.half))
    .bind(&row.how)
    .bind(&row.address)
    .bind(&row.agent)
    .bind(ms(row.begun))
    .bind(ms(row.seen))
    .bind(ms(row.until))
    .execute(conn)
    .await?;
    Ok(())
}

/// The session with that id, and whose it is.
///
/// # Errors
/// The database's.
pub async fn one(conn: &mut Conn, id: &str) -> Result<Option<(SessionRow, PersonRow)>, StoreError> {
    let sql = "SELECT s.id AS session, s.person, s.half, s.how, s.address, s.agent, s.begun_at, s.seen_at, s.until, \
               p.id, p.name, p.email, p.role, p.password, p.password_at, p.totp, p.totp_at, p.totp_step, \
               p.oidc_issuer, p.oidc_subject, p.made_at, p.signed_in_at, p.disabled_at \
               FROM session s JOIN person p ON p.id = s.person WHERE s.id = $1";
    let row = sqlx::query(sql).bind(id).fetch_optional(conn).await?;
    row.as_ref().map(|row| Ok((read(row, "session")?, person::read(row)?))).transpose()
}

/// A person's sessions, the last used first.
///
/// # Errors
/// The database's.
pub async fn of(conn: &mut Conn, person: &PersonId) -> Result<Vec<SessionRow>, StoreError> {
    let sql = "SELECT id, person, half, how, address, agent, begun_at, seen_at, until FROM session \
               WHERE person = $1 ORDER BY seen_at DESC, id";
    let rows = sqlx::query(sql).bind(person.as_str()).fetch_all(conn).await?;
    rows.iter().map(|row| read(row, "id")).collect()
}

/// Says that a session was used.
///
/// # Errors
/// The database's.
pub async fn touch(conn: &mut Conn, id: &str, at: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE session SET seen_at = $2 WHERE id = $1 AND seen_at < $2";
    sqlx::query(sql).bind(id).bind(ms(at)).execute(conn).await?;
    Ok(())
}

/// Ends a session. Returns whether there was one.
///
/// # Errors
/// The database's.
pub async fn end(conn: &mut Conn, id: &str) -> Result<bool, StoreError> {
    Ok(sqlx::query("DELETE FROM session WHERE id = $1").bind(id).execute(conn).await?.rows_affected() == 1)
}

/// Ends a person's sessions, but for the one that is named. Returns how many.
///
/// # Errors
/// The database's.
pub async fn end_of(conn: &mut Conn, person: &PersonId, but: Option<&str>) -> Result<u64, StoreError> {
    let sql = "DELETE FROM session WHERE person = $1 AND id <> $2";
    // No id is empty: they are digests.
    Ok(sqlx::query(sql).bind(person.as_str()).bind(but.unwrap_or("")).execute(conn).await?.rows_affected())
}

/// Forgets sessions that ended by themselves: last used before `idle`, or to end before `now`.
///
/// # Errors
/// The database's.
pub async fn sweep(conn: &mut Conn, idle: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    let sql = "DELETE FROM session WHERE seen_at <= $1 OR until <= $2";
    sqlx::query(sql).bind(ms(idle)).bind(ms(now)).execute(conn).await?;
    Ok(())
}

/// Failed tries of one account, or from one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tries {
    /// How many, since the last success or long pause.
    pub failures: i64,
    /// When the last one was.
    pub last: Timestamp,
    /// Nothing is tried before.
    pub until: Timestamp,
}

/// The failed tries of that account or address, if there are any.
///
/// # Errors
/// The database's.
pub async fn tries(conn: &mut Conn, id: &str) -> Result<Option<Tries>, StoreError> {
    let sql = "SELECT failures, last_at, until FROM sign_in_try WHERE id = $1";
    let row = sqlx::query(sql).bind(id).fetch_optional(conn).await?;
    let read = |row: &sqlx::any::AnyRow| {
        Ok(Tries {
            failures: get(row, "failures")?,
            last: instant(get(row, "last_at")?),
            until: instant(get(row, "until")?),
        })
    };
    row.as_ref().map(read).transpose()
}

/// Notes failed tries.
///
/// # Errors
/// The database's.
pub async fn set_tries(conn: &mut Conn, id: &str, tries: &Tries) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO sign_in_try (id, failures, last_at, until) VALUES ($1,$2,$3,$4) \
         ON CONFLICT (id) DO UPDATE SET failures = $2, last_at = $3, until = $4",
    )
    .bind(id)
    .bind(tries.failures)
    .bind(ms(tries.last))
    .bind(ms(tries.until))
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets the failed tries of an account or address.
///
/// # Errors
/// The database's.
pub async fn forget_tries(conn: &mut Conn, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sign_in_try WHERE id = $1").bind(id).execute(conn).await?;
    Ok(())
}

/// Forgets failed tries whose last one was before `old`.
///
/// # Errors
/// The database's.
pub async fn sweep_tries(conn: &mut Conn, old: Timestamp) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sign_in_try WHERE last_at <= $1").bind(ms(old)).execute(conn).await?;
    Ok(())
}
