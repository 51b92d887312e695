//! The few differences between SQLite and PostgreSQL: how to open, how to begin a write, and what proves that one
//! process alone publishes.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, ConnectOptions as _, Executor as _};

use super::StoreError;

/// Which engine a URL names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// A file beside the binary.
    Sqlite,
    /// A server, for several replicas.
    Postgres,
}

/// What every SQLite connection is set to: commits survive a power loss (FULL), readers never wait for the writer (WAL).
const SQLITE_PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                              PRAGMA busy_timeout = 60000; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -1000;";

impl Dialect {
    /// Reads the scheme.
    ///
    /// # Errors
    /// Where it is neither `sqlite:` nor `postgres:`.
    pub fn of(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("sqlite:") {
            Ok(Self::Sqlite)
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            Ok(Self::Postgres)
        } else {
            Err(StoreError::Open(format!("expected sqlite:FILE or postgres://…, found {:?}", scheme(url))))
        }
    }

    /// The file of a `sqlite:` URL.
    pub fn sqlite_file(url: &str) -> PathBuf {
        let path = url.strip_prefix("sqlite:").unwrap_or(url);
        let path = path.strip_prefix("//").unwrap_or(path);
        PathBuf::from(path.split('?').next().unwrap_or(path))
    }

    /// What begins a transaction that writes. On SQLite the lock is taken at once: a deferred transaction that upgrades
    /// fails with "database is locked" whatever the busy timeout says.
    pub const fn begin_write(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// What begins a transaction that only reads and sees all of the database as it was at one instant.
    pub const fn begin_picture(self) -> &'static str {
        match self {
            // In WAL mode the picture is that of the first read.
            Self::Sqlite => "BEGIN",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// Opens a pool of that many connections.
    pub(super) async fn pool(self, url: &str, connections: u32) -> Result<AnyPool, StoreError> {
        sqlx::any::install_default_drivers();
        let url = match self {
            Self::Sqlite => {
                let file = Self::sqlite_file(url);
                if let Some(folder) = file.parent().filter(|f| !f.as_os_str().is_empty()) {
                    std::fs::create_dir_all(folder)
                        .map_err(|e| StoreError::Open(format!("cannot make folder {}: {e}", folder.display())))?;
                }
                format!("sqlite:{}?mode=rwc", file.display())
            }
            Self::Postgres => url.to_owned(),
        };
        let options = AnyConnectOptions::from_str(&url)
            .map_err(|e| StoreError::Open(format!("not a database address: {e}")))?
            .disable_statement_logging();
        AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(std::time::Duration::from_secs(30))
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(self == Self::Postgres)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if self == Self::Sqlite {
                        connection.execute(sqlx::raw_sql(SQLITE_PRAGMAS)).await?;
                    }
                    Ok(())
                })
            })
            .connect_with(options)
            .await
            .map_err(|e| StoreError::Open(format!("cannot open the database: {e}")))
    }
}

fn scheme(url: &str) -> &str {
    url.split(':').next().unwrap_or_default()
}

/// The exclusive right to publish from this store. On SQLite a locked file beside the database, freed by the system when
/// the process ends however it ends; on PostgreSQL a session's advisory lock on a connection of its own.
pub enum Sole {
    /// The locked file.
    File(std::fs::File),
    /// The session that holds the lock.
    Session(Box<tokio::sync::Mutex<sqlx::AnyConnection>>),
}

impl std::fmt::Debug for Sole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::File(_) => "Sole::File",
            Self::Session(_) => "Sole::Session",
        })
    }
}

/// How long the session that holds the lock may take to answer before it counts as lost.
const STILL_THERE: std::time::Duration = std::time::Duration::from_secs(2);

/// The advisory lock of the one publishing process ("bugle" in ASCII).
const PUBLISHER_LOCK: i64 = 0x62_75_67_6c_65;

impl Sole {
    /// Tries to become the one publishing process; `None` while another is.
    ///
    /// # Errors
    /// Where the file or the server cannot be reached.
    pub async fn acquire(dialect: Dialect, url: &str) -> Result<Option<Self>, StoreError> {
        match dialect {
            Dialect::Sqlite => Self::lock_file(&lock_path(&Dialect::sqlite_file(url))),
            Dialect::Postgres => {
                sqlx::any::install_default_drivers();
                let options = AnyConnectOptions::from_str(url).map_err(|e| StoreError::Open(e.to_string()))?;
                let mut connection = options.connect().await.map_err(StoreError::from)?;
                let got: i64 =
                    sqlx::query_scalar("SELECT CASE WHEN pg_try_advisory_lock($1) THEN 1 ELSE 0 END::BIGINT")
                        .bind(PUBLISHER_LOCK)
                        .fetch_one(&mut connection)
                        .await?;
                Ok((got == 1).then(|| Self::Session(Box::new(tokio::sync::Mutex::new(connection)))))
            }
        }
    }

    fn lock_file(path: &Path) -> Result<Option<Self>, StoreError> {
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|e| StoreError::Open(format!("cannot make folder {}: {e}", folder.display())))?;
        }
        let file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(|e| StoreError::Open(format!("cannot open the lock file {}: {e}", path.display())))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self::File(file))),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(e)) => {
                Err(StoreError::Open(format!("cannot lock {}: {e}", path.display())))
            }
        }
    }

    /// Whether it is still held: a lost session means that another process may publish now.
    pub async fn is_held(&self) -> bool {
        match self {
            Self::File(_) => true,
            Self::Session(connection) => {
                let mut connection = connection.lock().await;
                let asked = sqlx::query("SELECT 1").execute(&mut *connection);
                matches!(tokio::time::timeout(STILL_THERE, asked).await, Ok(Ok(_)))
            }
        }
    }
}

/// Where the lock file of a database is.
pub fn lock_path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}
