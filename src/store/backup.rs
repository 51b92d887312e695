//! Backup and restore: the whole store as one JSON-lines file, the same for both engines, without the vault's key.

use std::io::{BufRead as _, Write as _};

use sqlx::{Column as _, Row as _, TypeInfo as _, ValueRef as _};

use super::{Conn, Store, StoreError, Work, meta, post, source};

/// Every table, in the order it is written.
const TABLES: &[&str] = &[
    "meta",
    "source",
    "article",
    "article_version",
    "alias",
    "channel",
    "pause",
    "post",
    "attempt",
    "amend",
    "audit",
    "notice",
    "sealed",
    "data_key",
    "data_key_wrap",
    "token",
    "wall",
    "raw",
    "hub_offer",
    "subscription",
    "webhook_seen",
    "short_link",
    "short_link_click",
    "page_wait",
    "page",
    "limit_said",
    "spend",
    "person",
    "recovery_code",
];

/// The first line of a backup: names the format, so that a foreign file is refused at once.
const HEAD: &str = r#"{"bugle":"backup","format":1}"#;

fn io(e: &std::io::Error) -> StoreError {
    StoreError::Open(e.to_string())
}

/// Writes the whole store, as one consistent picture, to `out`. Returns the number of rows.
///
/// # Errors
/// The database's, or the file's.
pub async fn write(store: &Store, out: std::fs::File) -> Result<u64, StoreError> {
    // Not a job of the writer: on PostgreSQL its transactions see what others commit meanwhile, and on both engines
    // nothing would be published as long as a backup takes.
    let mut tx = store.read.begin_with(store.dialect.begin_picture()).await?;
    let count = dump(&mut tx, out).await?;
    tx.rollback().await?;
    Ok(count)
}

async fn dump(conn: &mut Conn, out: std::fs::File) -> Result<u64, StoreError> {
    let mut out = std::io::BufWriter::new(out);
    let mut count = 0;
    writeln!(out, "{HEAD}").map_err(|e| io(&e))?;
    for table in TABLES {
        let mut offset = 0i64;
        loop {
            let sql = sqlx::AssertSqlSafe(format!("SELECT * FROM {table} ORDER BY 1, 2 LIMIT 1000 OFFSET $1"));
            let rows = sqlx::query(sql).bind(offset).fetch_all(&mut *conn).await?;
            for row in &rows {
                let mut object = serde_json::Map::new();
                for column in row.columns() {
                    object.insert(column.name().to_owned(), value(row, column.ordinal())?);
                }
                let line = serde_json::json!({ "table": table, "row": object });
                writeln!(out, "{line}").map_err(|e| io(&e))?;
                count += 1;
            }
            if rows.len() < 1000 {
                break;
            }
            offset += 1000;
        }
    }
    writeln!(out, "{}", serde_json::json!({ "end": count })).map_err(|e| io(&e))?;
    out.flush().map_err(|e| io(&e))?;
    out.get_ref().sync_all().map_err(|e| io(&e))?;
    Ok(count)
}

fn value(row: &sqlx::any::AnyRow, n: usize) -> Result<serde_json::Value, StoreError> {
    use base64::Engine as _;
    let raw = row.try_get_raw(n)?;
    if raw.is_null() {
        return Ok(serde_json::Value::Null);
    }
    Ok(match raw.type_info().name() {
        "BIGINT" | "INTEGER" | "SMALLINT" => row.try_get::<i64, _>(n)?.into(),
        "BYTEA" | "BLOB" => {
            let bytes = row.try_get::<Vec<u8>, _>(n)?;
            serde_json::json!({ "bytes": base64::engine::general_purpose::STANDARD.encode(bytes) })
        }
        _ => row.try_get::<String, _>(n)?.into(),
    })
}

/// Fills an empty store from a backup. Everything in it may be out already: waiting posts are marked to be looked up
/// before they go, and every source starts as at first sight, posting nothing of what it brings first.
///
/// # Errors
/// Where the store is not empty, the file is not a whole backup, or the database fails; then nothing is stored.
pub async fn restore(store: &Store, file: std::fs::File, now: jiff::Timestamp) -> Result<u64, StoreError> {
    store.write(move |conn| Box::pin(load(conn, file, now)) as Work<'_, u64>).await
}

async fn load(conn: &mut Conn, file: std::fs::File, now: jiff::Timestamp) -> Result<u64, StoreError> {
    // Single values (a heartbeat) are no content; the backup brings its own.
    for table in TABLES.iter().filter(|table| **table != "meta") {
        let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let found: i64 = sqlx::query_scalar(sql).fetch_one(&mut *conn).await?;
        if found > 0 {
            return Err(StoreError::Conflict(
                "the store is not empty: restore only fills a new one; move the database file away first".to_owned(),
            ));
        }
    }
    sqlx::query("DELETE FROM meta").execute(&mut *conn).await?;
    let bad = |n: u64, said: &str| StoreError::Open(format!("line {n} of the backup: {said}"));
    let mut lines = std::io::BufReader::new(file).lines();
    match lines.next() {
        Some(Ok(line)) if line == HEAD => {}
        _ => return Err(StoreError::Open("this is not a backup of bugle (format 1)".to_owned())),
    }
    let mut count = 0u64;
    for line in lines {
        let line = line.map_err(|e| io(&e))?;
        let value: serde_json::Value = serde_json::from_str(&line).map_err(|e| bad(count + 2, &e.to_string()))?;
        if let Some(end) = value.get("end").and_then(serde_json::Value::as_u64) {
            if end != count {
                return Err(bad(count + 2, &format!("it holds {count} rows where it says {end}")));
            }
            mark(conn, now).await?;
            return Ok(count);
        }
        let table = value.get("table").and_then(|t| t.as_str()).unwrap_or_default();
        let table = TABLES.iter().find(|t| **t == table).ok_or_else(|| bad(count + 2, "unknown table"))?;
        let row = value.get("row").and_then(|r| r.as_object()).ok_or_else(|| bad(count + 2, "no row"))?;
        insert(conn, table, row).await?;
        count += 1;
    }
    Err(bad(count + 1, "the file was cut off: its last line is missing"))
}

async fn insert(
    conn: &mut Conn,
    table: &str,
    row: &serde_json::Map<String, serde_json::Value>,
) -> Result<(), StoreError> {
    use base64::Engine as _;
    if !row.keys().all(|k| k.chars().all(|c| c.is_ascii_lowercase() || c == '_')) {
        return Err(StoreError::Open(format!("a column name of {table} is malformed")));
    }
    // A NULL is left out: its type would have to suit its column, and it is every such column's default.
    let given = row.iter().filter(|(_, value)| !value.is_null()).collect::<Vec<_>>();
    let columns = given.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>().join(", ");
    let marks = (1..=given.len()).map(|n| format!("${n}")).collect::<Vec<_>>().join(",");
    let sql = format!("INSERT INTO {table} ({columns}) VALUES ({marks})");
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for (_, value) in given {
        query = match value {
            serde_json::Value::Number(n) => query.bind(n.as_i64().unwrap_or_default()),
            serde_json::Value::String(s) => query.bind(s.clone()),
            serde_json::Value::Object(o) => {
                let text = o.get("bytes").and_then(|b| b.as_str()).unwrap_or_default();
                let bytes = base64::engine::general_purpose::STANDARD.decode(text);
                query.bind(bytes.map_err(|e| StoreError::Open(format!("bytes of {table}: {e}")))?)
            }
            other => return Err(StoreError::Open(format!("unexpected value in {table}: {other}"))),
        };
    }
    query.execute(conn).await?;
    Ok(())
}

async fn mark(conn: &mut Conn, now: jiff::Timestamp) -> Result<(), StoreError> {
    post::verify_all(conn).await?;
    source::freshen_all(conn).await?;
    meta::set_instant(conn, meta::RESTORED, now).await
}
