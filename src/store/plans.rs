//! For tests: how SQLite means to answer a statement, so that one which grows with its table is seen before a newsroom
//! sees it.

use sqlx::Row as _;

use super::Store;

/// The steps of the plan of a statement, on an empty store.
pub(super) async fn plan(text: &'static str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("sqlite:{}", folder.path().join("plan.db").display())).await.unwrap();
    let mut conn = store.read().await.unwrap();
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
    let rows = sqlx::query(explain).fetch_all(&mut *conn).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>("detail")).collect()
}
