//! Data keys as they are kept: sealed under one master key or, while that is turned over, under two.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Conn, StoreError, get, ms};

/// One sealed copy of a data key.
#[derive(Clone, PartialEq, Eq)]
pub struct Wrap {
    /// Whose key it is: a channel's name, or a word with a blank in it.
    pub scope: String,
    /// Counts from 1.
    pub version: u32,
    /// The id of the master key it is sealed under.
    pub master: String,
    /// The sealed key.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Wrap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wrap({} {} under {})", self.scope, self.version, self.master)
    }
}

/// The id of a data key's row.
fn id(scope: &str, version: u32) -> String {
    format!("{scope}|{version}")
}

/// Every sealed copy of a scope's data keys, oldest version first.
///
/// # Errors
/// The database's.
pub async fn of(conn: &mut Conn, scope: &str) -> Result<Vec<Wrap>, StoreError> {
    let rows = sqlx::query(
        "SELECT k.scope, k.version, w.master, w.bytes FROM data_key k JOIN data_key_wrap w ON w.data_key = k.id \
         WHERE k.scope = $1 ORDER BY k.version, w.master",
    )
    .bind(scope)
    .fetch_all(conn)
    .await?;
    rows.iter().map(read).collect()
}

/// Every sealed copy of every data key.
///
/// # Errors
/// The database's.
pub async fn all(conn: &mut Conn) -> Result<Vec<Wrap>, StoreError> {
    let rows = sqlx::query(
        "SELECT k.scope, k.version, w.master, w.bytes FROM data_key k JOIN data_key_wrap w ON w.data_key = k.id \
         ORDER BY k.scope, k.version, w.master",
    )
    .fetch_all(conn)
    .await?;
    rows.iter().map(read).collect()
}

/// The same, by data key.
///
/// # Errors
/// The database's.
pub async fn by_key(conn: &mut Conn) -> Result<BTreeMap<(String, u32), Vec<Wrap>>, StoreError> {
    let mut found: BTreeMap<_, Vec<Wrap>> = BTreeMap::new();
    for wrap in all(conn).await? {
        found.entry((wrap.scope.clone(), wrap.version)).or_default().push(wrap);
    }
    Ok(found)
}

fn read(row: &sqlx::any::AnyRow) -> Result<Wrap, StoreError> {
    let scope: String = get(row, "scope")?;
    let version: i64 = get(row, "version")?;
    let version = u32::try_from(version).map_err(|_| StoreError::Corrupt {
        table: "data_key",
        column: "version",
        id: scope.clone(),
        said: format!("expected a count from 1, found {version}"),
    })?;
    Ok(Wrap { scope, version, master: get(row, "master")?, bytes: get(row, "bytes")? })
}

/// Keeps a new data key; `false` where another one has that place already, and then nothing is stored.
///
/// # Errors
/// The database's.
pub async fn make(conn: &mut Conn, wrap: &Wrap, now: Timestamp) -> Result<bool, StoreError> {
    let made =
        sqlx::query("INSERT INTO data_key (id, scope, version, made) VALUES ($1,$2,$3,$4) ON CONFLICT (id) DO NOTHING")
            .bind(id(&wrap.scope, wrap.version))
            .bind(&wrap.scope)
            .bind(i64::from(wrap.version))
            .bind(ms(now))
            .execute(&mut *conn)
            .await?;
    if made.rows_affected() == 0 {
        return Ok(false);
    }
    add(conn, wrap).await?;
    Ok(true)
}

/// Keeps one more sealed copy of a data key; where there is one under that master key, it stays.
///
/// # Errors
/// The database's.
pub async fn add(conn: &mut Conn, wrap: &Wrap) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO data_key_wrap (data_key, master, bytes) VALUES ($1,$2,$3) \
         ON CONFLICT (data_key, master) DO NOTHING",
    )
    .bind(id(&wrap.scope, wrap.version))
    .bind(&wrap.master)
    .bind(wrap.bytes.as_slice())
    .execute(conn)
    .await?;
    Ok(())
}

/// Drops the copies of a data key under other master keys than this one, provided that there is one under it. Returns how
/// many there were.
///
/// # Errors
/// The database's.
pub async fn keep_only(conn: &mut Conn, scope: &str, version: u32, master: &str) -> Result<u64, StoreError> {
    let gone = sqlx::query(
        "DELETE FROM data_key_wrap WHERE data_key = $1 AND master <> $2 AND EXISTS \
         (SELECT 1 FROM data_key_wrap other WHERE other.data_key = $1 AND other.master = $2)",
    )
    .bind(id(scope, version))
    .bind(master)
    .execute(conn)
    .await?;
    Ok(gone.rows_affected())
}
