//! Databases of the one PostgreSQL cluster of the test run: each test makes its own, and all vanish with the cluster.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::place;

/// Makes an empty database and gives its URL.
///
/// # Panics
/// When the server is missing or refuses.
pub async fn database() -> String {
    let server = place("BUGLE_TEST_PG");
    let name = format!("t_{}", uuid::Uuid::now_v7().simple());
    let mut admin = PgConnection::connect(&format!("{server}/postgres"))
        .await
        .unwrap_or_else(|fault| panic!("PostgreSQL of BUGLE_TEST_PG ({server}) does not answer: {fault}"));
    sqlx::query(AssertSqlSafe(format!("create database {name} template template0")))
        .execute(&mut admin)
        .await
        .unwrap_or_else(|fault| panic!("PostgreSQL of BUGLE_TEST_PG made no database: {fault}"));
    format!("{server}/{name}")
}

/// Cuts all connections to that database but our own, as a failing server would.
///
/// # Panics
/// When the server is missing or refuses.
pub async fn cut_connections(url: &str) {
    let fault = "PostgreSQL of BUGLE_TEST_PG answers";
    let mut connection = PgConnection::connect(url).await.expect(fault);
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity \
               where datname = current_database() and pid <> pg_backend_pid()";
    sqlx::query(cut).execute(&mut connection).await.expect(fault);
}

#[tokio::test]
async fn every_test_has_a_database_of_its_own() {
    let (one, two) = (database().await, database().await);
    assert_ne!(one, two);
    let mut connection = PgConnection::connect(&one).await.unwrap();
    sqlx::query("create table only_here (n int)").execute(&mut connection).await.unwrap();
    let mut other = PgConnection::connect(&two).await.unwrap();
    sqlx::query("select n from only_here").execute(&mut other).await.expect_err("the table is in the other database");
    cut_connections(&one).await;
    sqlx::query("select 1").execute(&mut connection).await.expect_err("the connection was cut");
}
