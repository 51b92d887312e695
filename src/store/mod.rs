//! The one database: SQLite or PostgreSQL, one SQL text for both. One file a noun, each SQL text once; all instants are
//! BIGINT milliseconds since 1970 (UTC).
//!
//! Reads go to a small pool; every write is a job of the one writer ([`clerk`]), which groups what arrives together into
//! one durable commit. No request to a platform ever leaves while a transaction is open: jobs only see the connection.

pub mod amend;
pub mod article;
pub mod attempt;
pub mod audit;
pub mod backup;
pub mod change;
pub mod channel;
pub mod clerk;
pub mod consent;
pub mod data_key;
pub mod dialect;
pub mod limit;
pub mod meta;
pub mod notice;
pub mod page;
pub mod pause;
pub mod post;
pub mod sealed;
pub mod short_link;
pub mod shown;
pub mod source;
pub mod spend;
pub mod subscription;
mod tally;
pub mod token;
pub mod wall;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AnyPool, Row as _, SqlSafeStr as _};
use tokio::sync::{mpsc, oneshot, watch};

pub use self::clerk::Work;
pub use self::dialect::{Dialect, Sole};

/// `[store]` of the config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `sqlite:FILE`, or `postgres://…` for several replicas.
    pub url: String,
    /// How long articles and seen keys are kept after they were last listed: `400d` or more.
    pub keep: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { url: "sqlite:data/bugle.db".to_owned(), keep: "400d".to_owned() }
    }
}

/// The connection that a job or a read is handed.
pub type Conn = AnyConnection;

/// Why the store did not do it. Cheap to clone: one failed commit is the answer of every job in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened.
    #[error("{0}")]
    Open(String),
    /// The database failed; nothing of the job is stored, or (at a commit whose answer was lost) all of it.
    #[error("database: {0}")]
    Db(String),
    /// A row makes no sense.
    #[error("{table}.{column} of {id}: {said}")]
    Corrupt {
        /// Table.
        table: &'static str,
        /// Column.
        column: &'static str,
        /// The row's id.
        id: String,
        /// What is wrong.
        said: String,
    },
    /// The row changed under us, or is in a state that does not allow it: nothing was stored.
    #[error("{0}")]
    Conflict(String),
    /// The database was written by a newer Bugle.
    #[error("the database is of a newer version of bugle ({0}); upgrade the binary")]
    Newer(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.to_string())
    }
}

/// Connections for reads. A read takes well under a millisecond; each connection costs a thread and a cache.
const READERS: u32 = 3;

/// Every migration, in order. Never edit one that was shipped.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "spine", include_str!("../../migrations/0001_spine.sql")),
    (2, "pages", include_str!("../../migrations/0002_pages.sql")),
    (3, "push", include_str!("../../migrations/0003_push.sql")),
    (4, "health", include_str!("../../migrations/0004_health.sql")),
    (5, "links", include_str!("../../migrations/0005_links.sql")),
    (6, "clocks", include_str!("../../migrations/0006_clocks.sql")),
    (7, "consents", include_str!("../../migrations/0007_consents.sql")),
    (8, "tokens", include_str!("../../migrations/0008_tokens.sql")),
    (9, "limits", include_str!("../../migrations/0009_limits.sql")),
    (10, "shown", include_str!("../../migrations/0010_shown.sql")),
];

/// The store. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    dialect: Dialect,
    url: Arc<str>,
    read: AnyPool,
    jobs: mpsc::Sender<Box<dyn clerk::Job>>,
    tally: Arc<tally::Tally>,
    changes: Arc<change::Changes>,
}

impl Store {
    /// Opens the database, makes it where it is missing, and brings it to this version.
    ///
    /// # Errors
    /// [`StoreError::Open`], [`StoreError::Newer`], or what a migration says.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let dialect = Dialect::of(url)?;
        let write = dialect.pool(url, 1).await?;
        migrate(&write).await?;
        let read = dialect.pool(url, READERS).await?;
        let (jobs, queue) = mpsc::channel(1024);
        let changes = Arc::<change::Changes>::default();
        tokio::spawn(clerk::serve(write, dialect, Arc::clone(&changes), queue));
        Ok(Self { dialect, url: url.into(), read, jobs, tally: Arc::default(), changes })
    }

    /// Which engine.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The address it was opened with.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection for reads.
    ///
    /// # Errors
    /// Where the database cannot be reached.
    pub async fn read(&self) -> Result<sqlx::pool::PoolConnection<sqlx::Any>, StoreError> {
        Ok(self.read.acquire().await?)
    }

    /// Runs a job in a transaction of the one writer. When this returns `Ok`, it is durable.
    ///
    /// # Errors
    /// What the job says (then nothing of it is stored), or the commit's failure (then its outcome is unknown).
    pub async fn write<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Conn) -> Work<'t, T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = clerk::Typed { job: Some(job), value: None, reply };
        let gone = || StoreError::Db("the store is closed".to_owned());
        self.jobs.send(Box::new(job)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// What is changed here from now on: counted at each commit of this process, before its jobs are answered.
    pub fn changes(&self) -> watch::Receiver<change::Counted> {
        self.changes.listen()
    }

    /// Counts a change that another process made.
    pub fn changed_elsewhere(&self) {
        self.changes.add(change::Topics::ALL);
    }

    /// Whether this process itself left that mark under [`meta::CHANGE`].
    pub fn is_own_change(&self, mark: &str) -> bool {
        self.changes.is_own(mark)
    }

    /// Tries to become the one publishing process of this store.
    ///
    /// # Errors
    /// Where the lock's place cannot be reached.
    pub async fn sole(&self) -> Result<Option<Sole>, StoreError> {
        Sole::acquire(self.dialect, &self.url).await
    }

    /// How many claims were made on this store as the file beside it has it, which is counted on from here; `None` where
    /// there is no such file, or no count in it yet.
    pub fn counted_claims(&self, sole: &Sole) -> Option<u64> {
        let Sole::File(file) = sole else { return None };
        file.try_clone().ok().and_then(|file| self.tally.open(file))
    }

    /// Begins the count of claims anew: the database has so many, and whatever it lost is settled.
    pub fn begin_counting(&self, claims: u64) {
        self.tally.begin(claims);
    }

    /// Says that there are so many claims: after the commit of one, before its first byte leaves.
    pub fn count_claims(&self, claims: u64) {
        self.tally.raise(claims);
    }

    /// How far the server's clock is ahead of `now`, in milliseconds; 0 on SQLite.
    ///
    /// # Errors
    /// Where the database cannot be reached.
    pub async fn clock_offset(&self, now: Timestamp) -> Result<i64, StoreError> {
        if self.dialect == Dialect::Sqlite {
            return Ok(0);
        }
        let mut conn = self.read().await?;
        let ms: i64 = sqlx::query_scalar("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)")
            .fetch_one(&mut *conn)
            .await?;
        Ok(ms - now.as_millisecond())
    }
}

async fn migrate(pool: &AnyPool) -> Result<(), StoreError> {
    let list = MIGRATIONS
        .iter()
        .map(|(version, name, sql)| {
            Migration::new(*version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
        })
        .collect();
    match Migrator::with_migrations(list).run(pool).await {
        Ok(()) => Ok(()),
        Err(sqlx::migrate::MigrateError::VersionMissing(version)) => {
            Err(StoreError::Newer(format!("migration {version}")))
        }
        Err(e) => Err(StoreError::Open(format!("cannot bring the database to this version: {e}"))),
    }
}

/// Names the type of a job's closure, so that one can be made before it is handed over.
pub const fn job<T, F>(job: F) -> F
where
    F: for<'t> FnOnce(&'t mut Conn) -> Work<'t, T> + Send + 'static,
{
    job
}

/// Milliseconds as stored -> instant; out of range is clamped, since it can only come from a foreign hand.
pub(crate) fn instant(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// The inverse.
pub(crate) fn ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// A column of a row.
pub(crate) fn get<'r, T>(row: &'r AnyRow, column: &'static str) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, sqlx::Any> + sqlx::Type<sqlx::Any>,
{
    Ok(row.try_get(column)?)
}

/// A column that holds JSON.
pub(crate) fn json<T: for<'de> Deserialize<'de>>(
    table: &'static str,
    column: &'static str,
    id: &str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|e| StoreError::Corrupt {
        table,
        column,
        id: id.to_owned(),
        said: e.to_string(),
    })
}

/// Plain data as JSON text.
pub(crate) fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain data with text keys always serialises")
}
