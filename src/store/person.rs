//! People of the desk, as they are kept. What may be done to them, and by whom, is decided in `people`.

use jiff::Timestamp;

use super::{Conn, StoreError, get, instant, ms};
use crate::model::id::PersonId;
use crate::model::person::Role;

/// A person. Holds a password's hash and a sealed secret, so it is never shown whole.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// Who.
    pub id: PersonId,
    /// As other people and the audit log see it.
    pub name: String,
    /// An address, as an administrator or the sign-in service gave it.
    pub email: Option<String>,
    /// What they may do.
    pub role: Role,
    /// Argon2id as a PHC string; `None`: they sign in another way, or have a link to set one.
    pub password: Option<String>,
    /// Since when it is that.
    pub password_at: Option<Timestamp>,
    /// The secret of the second factor, sealed; asked for once `totp_at` is set.
    pub totp: Option<Vec<u8>>,
    /// Since when the second factor is asked for.
    pub totp_at: Option<Timestamp>,
    /// The last time step that was accepted.
    pub totp_step: Option<i64>,
    /// Issuer and subject by which the sign-in service knows them.
    pub oidc: Option<(String, String)>,
    /// Since when they are here.
    pub made: Timestamp,
    /// When they last signed in.
    pub signed_in: Option<Timestamp>,
    /// Since when they may not sign in.
    pub disabled: Option<Timestamp>,
}

impl PersonRow {
    /// A new person who cannot sign in yet.
    pub fn new(name: &str, role: Role, now: Timestamp) -> Self {
        Self {
            id: PersonId::fresh(),
            name: name.to_owned(),
            email: None,
            role,
            password: None,
            password_at: None,
            totp: None,
            totp_at: None,
            totp_step: None,
            oidc: None,
            made: now,
            signed_in: None,
            disabled: None,
        }
    }

    /// Whether a second factor is asked for.
    pub const fn has_totp(&self) -> bool {
        self.totp.is_some() && self.totp_at.is_some()
    }
}

impl std::fmt::Debug for PersonRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PersonRow({} {:?} {})", self.id, self.name, self.role.word())
    }
}

/// A name as it is compared.
pub fn login(name: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    name.trim().nfkc().collect::<String>().to_lowercase()
}

const COLUMNS: &str = "id, name, email, role, password, password_at, totp, totp_at, totp_step, oidc_issuer, \
                       oidc_subject, made_at, signed_in_at, disabled_at";

/// Reads a person of a row that has the columns of its table.
pub(super) fn read(row: &sqlx::any::AnyRow) -> Result<PersonRow, StoreError> {
    let id: String = get(row, "id")?;
    let word: String = get(row, "role")?;
    let role = Role::of(&word).ok_or_else(|| StoreError::Corrupt {
        table: "person",
        column: "role",
        id: id.clone(),
        said: format!("expected viewer, editor or admin, found {word:?}"),
    })?;
    let at = |column| Ok::<_, StoreError>(get::<Option<i64>>(row, column)?.map(instant));
    Ok(PersonRow {
        id: PersonId::new(id),
        name: get(row, "name")?,
        email: get(row, "email")?,
        role,
        password: get(row, "password")?,
        password_at: at("password_at")?,
        totp: get(row, "totp")?,
        totp_at: at("totp_at")?,
        totp_step: get(row, "totp_step")?,
        oidc: get::<Option<String>>(row, "oidc_issuer")?.zip(get(row, "oidc_subject")?),
        made: instant(get(row, "made_at")?),
        signed_in: at("signed_in_at")?,
        disabled: at("disabled_at")?,
    })
}

/// Adds a person.
///
/// # Errors
/// A conflict where that name is taken; the database's.
pub async fn add(conn: &mut Conn, row: &PersonRow) -> Result<(), StoreError> {
    if by_login(conn, &row.name).await?.is_some() {
        return Err(StoreError::Conflict(format!("there is a person called {:?} already", row.name)));
    }
    sqlx::query(
        "INSERT INTO person (id, name, login, email, role, password, password_at, totp, totp_at, totp_step, \
         oidc_issuer, oidc_subject, made_at, signed_in_at, disabled_at) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)",
    )
    .bind(row.id.as_str())
    .bind(&row.name)
    .bind(login(&row.name))
    .bind(&row.email)
    .bind(row.role.word())
    .bind(&row.password)
    .bind(row.password_at.map(ms))
    .bind(&row.totp)
    .bind(row.totp_at.map(ms))
    .bind(row.totp_step)
    .bind(row.oidc.as_ref().map(|it| it.0.as_str()))
    .bind(row.oidc.as_ref().map(|it| it.1.as_str()))
    .bind(ms(row.made))
    .bind(row.signed_in.map(ms))
    .bind(row.disabled.map(ms))
    .execute(conn)
    .await?;
    Ok(())
}

async fn find(conn: &mut Conn, place: &str, value: &str) -> Result<Option<PersonRow>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM person WHERE {place} = $1"));
    sqlx::query(sql).bind(value).fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// The person with that id.
///
/// # Errors
/// The database's.
pub async fn one(conn: &mut Conn, id: &PersonId) -> Result<Option<PersonRow>, StoreError> {
    find(conn, "id", id.as_str()).await
}

/// The person of that name, however it is written.
///
/// # Errors
/// The database's.
pub async fn by_login(conn: &mut Conn, name: &str) -> Result<Option<PersonRow>, StoreError> {
    find(conn, "login", &login(name)).await
}

/// The person whom the sign-in service knows by that issuer and subject.
///
/// # Errors
/// The database's.
pub async fn by_oidc(conn: &mut Conn, issuer: &str, subject: &str) -> Result<Option<PersonRow>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM person WHERE oidc_issuer = $1 AND oidc_subject = $2"));
    sqlx::query(sql).bind(issuer).bind(subject).fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// Everybody, by name.
///
/// # Errors
/// The database's.
pub async fn all(conn: &mut Conn) -> Result<Vec<PersonRow>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM person ORDER BY login"));
    sqlx::query(sql).fetch_all(conn).await?.iter().map(read).collect()
}

/// How many administrators may sign in.
///
/// # Errors
/// The database's.
pub async fn admins(conn: &mut Conn) -> Result<i64, StoreError> {
    let sql = "SELECT count(*) FROM person WHERE role = 'admin' AND disabled_at IS NULL";
    Ok(sqlx::query_scalar(sql).fetch_one(conn).await?)
}

/// Sets one column of a person to a number or nothing.
async fn set_number(conn: &mut Conn, id: &PersonId, column: &str, value: Option<i64>) -> Result<(), StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("UPDATE person SET {column} = $2 WHERE id = $1"));
    sqlx::query(sql).bind(id.as_str()).bind(value).execute(conn).await?;
    Ok(())
}

/// Gives a person another role.
///
/// # Errors
/// The database's.
pub async fn set_role(conn: &mut Conn, id: &PersonId, role: Role) -> Result<(), StoreError> {
    let sql = "UPDATE person SET role = $2 WHERE id = $1";
    sqlx::query(sql).bind(id.as_str()).bind(role.word()).execute(conn).await?;
    Ok(())
}

/// Since when a person may not sign in; `None`: they may.
///
/// # Errors
/// The database's.
pub async fn set_disabled(conn: &mut Conn, id: &PersonId, since: Option<Timestamp>) -> Result<(), StoreError> {
    set_number(conn, id, "disabled_at", since.map(ms)).await
}

/// When a person last signed in.
///
/// # Errors
/// The database's.
pub async fn set_signed_in(conn: &mut Conn, id: &PersonId, at: Timestamp) -> Result<(), StoreError> {
    set_number(conn, id, "signed_in_at", Some(ms(at))).await
}

/// Gives a person another password, as its hash.
///
/// # Errors
/// The database's.
pub async fn set_password(conn: &mut Conn, id: &PersonId, hash: &str, at: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE person SET password = $2, password_at = $3 WHERE id = $1";
    sqlx::query(sql).bind(id.as_str()).bind(hash).bind(ms(at)).execute(conn).await?;
    Ok(())
}

/// Gives a person a second factor (sealed), or takes it away; it is asked for from `at` on.
///
/// # Errors
/// The database's.
pub async fn set_totp(
    conn: &mut Conn,
    id: &PersonId,
    sealed: Option<&[u8]>,
    at: Option<Timestamp>,
) -> Result<(), StoreError> {
    let sql = "UPDATE person SET totp = $2, totp_at = $3, totp_step = NULL WHERE id = $1";
    sqlx::query(sql).bind(id.as_str()).bind(sealed.map(<[u8]>::to_vec)).bind(at.map(ms)).execute(conn).await?;
    Ok(())
}

/// Uses a time step of the second factor up. Returns whether it was newer than all that were used.
///
/// # Errors
/// The database's.
pub async fn use_step(conn: &mut Conn, id: &PersonId, step: i64) -> Result<bool, StoreError> {
    let sql = "UPDATE person SET totp_step = $2 WHERE id = $1 AND (totp_step IS NULL OR totp_step < $2)";
    Ok(sqlx::query(sql).bind(id.as_str()).bind(step).execute(conn).await?.rows_affected() == 1)
}

/// Ties a person to who the sign-in service knows them as, with the address it vouches for.
///
/// # Errors
/// The database's.
pub async fn set_oidc(
    conn: &mut Conn,
    id: &PersonId,
    (issuer, subject): (&str, &str),
    email: Option<&str>,
) -> Result<(), StoreError> {
    let sql = "UPDATE person SET oidc_issuer = $2, oidc_subject = $3, email = COALESCE($4, email) WHERE id = $1";
    sqlx::query(sql).bind(id.as_str()).bind(issuer).bind(subject).bind(email).execute(conn).await?;
    Ok(())
}

/// Puts these recovery codes (SHA-256, in hex) in the place of those there are.
///
/// # Errors
/// The database's.
pub async fn set_recovery(conn: &mut Conn, id: &PersonId, codes: &[String]) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM recovery_code WHERE person = $1").bind(id.as_str()).execute(&mut *conn).await?;
    for code in codes {
        let sql = "INSERT INTO recovery_code (person, code) VALUES ($1, $2)";
        sqlx::query(sql).bind(id.as_str()).bind(code).execute(&mut *conn).await?;
    }
    Ok(())
}

/// Uses a recovery code up. Returns whether it was one that was not used.
///
/// # Errors
/// The database's.
pub async fn use_recovery(conn: &mut Conn, id: &PersonId, code: &str, at: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE recovery_code SET used_at = $3 WHERE person = $1 AND code = $2 AND used_at IS NULL";
    Ok(sqlx::query(sql).bind(id.as_str()).bind(code).bind(ms(at)).execute(conn).await?.rows_affected() == 1)
}

/// How many recovery codes are left.
///
/// # Errors
/// The database's.
pub async fn recovery_left(conn: &mut Conn, id: &PersonId) -> Result<i64, StoreError> {
    let sql = "SELECT count(*) FROM recovery_code WHERE person = $1 AND used_at IS NULL";
    Ok(sqlx::query_scalar(sql).bind(id.as_str()).fetch_one(conn).await?)
}

/// Every second factor, sealed, by its person's id.
///
/// # Errors
/// The database's.
pub async fn second_factors(conn: &mut Conn) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let rows = sqlx::query("SELECT id, totp FROM person WHERE totp IS NOT NULL ORDER BY id").fetch_all(conn).await?;
    rows.iter().map(|row| Ok((get(row, "id")?, get(row, "totp")?))).collect()
}

/// Seals a second factor anew, unless it was changed meanwhile. Returns whether it was done.
///
/// # Errors
/// The database's.
pub async fn swap_second_factor(conn: &mut Conn, id: &str, old: &[u8], new: &[u8]) -> Result<bool, StoreError> {
    let sql = "UPDATE person SET totp = $3 WHERE id = $1 AND totp = $2";
    let done = sqlx::query(sql).bind(id).bind(old.to_vec()).bind(new.to_vec()).execute(conn).await?;
    Ok(done.rows_affected() == 1)
}
