//! One-time links: to set up the first administrator, to come in as a new person, to set a new password. Kept as hashes.

use jiff::Timestamp;

use super::{Conn, StoreError, get, instant, ms};
use crate::model::id::PersonId;
use crate::model::person::Role;

/// What a link is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum For {
    /// The first administrator.
    Setup,
    /// A new person.
    Invitation {
        /// Who they will be.
        name: String,
        /// Their address, where it is known.
        email: Option<String>,
        /// What they will be allowed.
        role: Role,
    },
    /// A new password.
    Reset(PersonId),
}

/// A one-time link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRow {
    /// SHA-256 of its secret, in hex.
    pub id: String,
    /// What it is for.
    pub what: For,
    /// Who had it made.
    pub by: String,
    /// When.
    pub made: Timestamp,
    /// When it is too late; `None`: not before the first administrator is there.
    pub until: Option<Timestamp>,
}

const COLUMNS: &str = "id, kind, person, name, email, role, made_by, made_at, until";

fn read(row: &sqlx::any::AnyRow) -> Result<LinkRow, StoreError> {
    let id: String = get(row, "id")?;
    let kind: String = get(row, "kind")?;
    let (person, name, role): (Option<String>, Option<String>, Option<String>) =
        (get(row, "person")?, get(row, "name")?, get(row, "role")?);
    let what = match (kind.as_str(), person, name, role.as_deref().and_then(Role::of)) {
        ("setup", ..) => For::Setup,
        ("reset", Some(person), ..) => For::Reset(PersonId::new(person)),
        ("invitation", _, Some(name), Some(role)) => For::Invitation { name, email: get(row, "email")?, role },
        _ => {
            let said = format!("{kind:?} without what it needs");
            return Err(StoreError::Corrupt { table: "one_time_link", column: "kind", id, said });
        }
    };
    Ok(LinkRow {
        id,
        what,
        by: get(row, "made_by")?,
        made: instant(get(row, "made_at")?),
        until: get::<Option<i64>>(row, "until")?.map(instant),
    })
}

/// Notes a link.
///
/// # Errors
/// The database's.
pub async fn add(conn: &mut Conn, row: &LinkRow) -> Result<(), StoreError> {
    let (kind, person, name, email, role) = match &row.what {
        For::Setup => ("setup", None, None, None, None),
        For::Reset(person) => ("reset", Some(person.as_str()), None, None, None),
        For::Invitation { name, email, role } => {
            ("invitation", None, Some(name.as_str()), email.as_deref(), Some(role.word()))
        }
    };
    sqlx::query(
        "INSERT INTO one_time_link (id, kind, person, name, email, role, made_by, made_at, until) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)",
    )
    .bind(&row.id)
    .bind(kind)
    .bind(person)
    .bind(name)
    .bind(email)
    .bind(role)
    .bind(&row.by)
    .bind(ms(row.made))
    .bind(row.until.map(ms))
    .execute(conn)
    .await?;
    Ok(())
}

/// The link with that id, if it is not too late.
///
/// # Errors
/// The database's.
pub async fn one(conn: &mut Conn, id: &str, now: Timestamp) -> Result<Option<LinkRow>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM one_time_link WHERE id = $1 AND (until IS NULL OR until > $2)"
    ));
    sqlx::query(sql).bind(id).bind(ms(now)).fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// All that are not too late, the newest first.
///
/// # Errors
/// The database's.
pub async fn all(conn: &mut Conn, now: Timestamp) -> Result<Vec<LinkRow>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM one_time_link WHERE until IS NULL OR until > $1 ORDER BY made_at DESC, id"
    ));
    sqlx::query(sql).bind(ms(now)).fetch_all(conn).await?.iter().map(read).collect()
}

/// Takes a link out: it works once. Returns whether it was there.
///
/// # Errors
/// The database's.
pub async fn take(conn: &mut Conn, id: &str) -> Result<bool, StoreError> {
    Ok(sqlx::query("DELETE FROM one_time_link WHERE id = $1").bind(id).execute(conn).await?.rows_affected() == 1)
}

/// Forgets the links for a new password of that person.
///
/// # Errors
/// The database's.
pub async fn forget_resets(conn: &mut Conn, person: &PersonId) -> Result<(), StoreError> {
    let sql = "DELETE FROM one_time_link WHERE kind = 'reset' AND person = $1";
    sqlx::query(sql).bind(person.as_str()).execute(conn).await?;
    Ok(())
}

/// Forgets the links for the first administrator.
///
/// # Errors
/// The database's.
pub async fn forget_setup(conn: &mut Conn) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM one_time_link WHERE kind = 'setup'").execute(conn).await?;
    Ok(())
}

/// Forgets what is too late.
///
/// # Errors
/// The database's.
pub async fn sweep(conn: &mut Conn, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM one_time_link WHERE until <= $1").bind(ms(now)).execute(conn).await?;
    Ok(())
}
