//! Databases of the one PostgreSQL cluster of the test run: each test makes its own, and all vanish with the cluster.
//! A test that wants the server itself to fail starts a [`Cluster`] of its own.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::PathBuf;
use std::process::{Command, Stdio};

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

/// Debian's user and group "nobody": PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;

/// A server of a test's own, which keeps what it has committed (the shared one does not care).
pub struct Cluster {
    folder: tempfile::TempDir,
    port: u16,
}

impl Cluster {
    /// Makes and starts one; this takes some seconds.
    ///
    /// # Panics
    /// When it cannot.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        if root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("root may give a folder away");
        }
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|probe| probe.local_addr());
        let cluster = Self { folder, port: free.expect("127.0.0.1 has a free port").port() };
        let data = cluster.data();
        let data = data.to_str().expect("temporary folders have plain names");
        cluster
            .run("initdb", &["-D", data, "-U", "app", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]);
        cluster.up();
        cluster
    }

    /// The URL of its database `postgres`.
    pub fn url(&self) -> String {
        format!("postgres://app@127.0.0.1:{}/postgres", self.port)
    }

    /// It dies: every process of it at once, no goodbye, nothing written any more.
    pub fn crash(&self) {
        self.control(&["-m", "immediate", "stop"]);
    }

    /// It comes back, on the same port, and recovers.
    pub fn up(&self) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c shared_buffers=32MB",
            self.port,
            self.folder.path().display()
        );
        let log = self.folder.path().join("log");
        self.control(&["-w", "-l", log.to_str().expect("temporary folders have plain names"), "-o", &options, "start"]);
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn control(&self, arguments: &[&str]) {
        let data = self.data();
        let data = data.to_str().expect("temporary folders have plain names");
        self.run("pg_ctl", &[&["-D", data], arguments].concat());
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let status = self.command(program).args(arguments).status();
        let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        assert!(status.is_ok_and(|status| status.success()), "{program} {arguments:?} failed\n{}", log());
    }

    /// Its output goes nowhere: a pipe would stay open as long as the server lives.
    fn command(&self, program: &str) -> Command {
        let program = PathBuf::from(place("BUGLE_TEST_PG_BIN")).join(program);
        let mut command = if root() {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid", &NOBODY.to_string(), "--regid", &NOBODY.to_string(), "--clear-groups"])
                .arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path()).env("HOME", self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It may be down already.
        drop(self.command("pg_ctl").arg("-D").arg(self.data()).args(["-m", "immediate", "stop"]).status());
    }
}

fn root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

#[tokio::test]
async fn a_cluster_keeps_what_was_committed_through_a_crash() {
    let cluster = Cluster::start();
    let mut connection = PgConnection::connect(&cluster.url()).await.unwrap();
    sqlx::query("create table kept as select 7 as n").execute(&mut connection).await.unwrap();
    cluster.crash();
    sqlx::query("select 1").execute(&mut connection).await.expect_err("it is dead");
    PgConnection::connect(&cluster.url()).await.expect_err("nobody listens");
    cluster.up();
    let mut connection = PgConnection::connect(&cluster.url()).await.unwrap();
    let n: i32 = sqlx::query_scalar("select n from kept").fetch_one(&mut connection).await.unwrap();
    assert_eq!(n, 7);
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
