//! The one writer of this process. Jobs that arrive while a commit is under way share the next one: under load many
//! durable writes cost one, and a single write never waits for company. Each job is all or nothing by itself.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt as _;
use sqlx::{AnyConnection, AnyPool, Connection as _};
use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use super::change::{self, Changes};
use super::dialect::Dialect;

/// What a job's closure returns.
pub type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The most jobs of one commit.
const MOST: usize = 64;

pub(super) trait Job: Send {
    fn run<'a>(&'a mut self, tx: &'a mut AnyConnection) -> Work<'a, ()>;
    fn answer(self: Box<Self>, commit: Result<(), StoreError>);
}

pub(super) struct Typed<T, F> {
    pub job: Option<F>,
    pub value: Option<Result<T, StoreError>>,
    pub reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Typed<T, F>
where
    T: Send + 'static,
    F: for<'t> FnOnce(&'t mut AnyConnection) -> Work<'t, T> + Send,
{
    fn run<'a>(&'a mut self, tx: &'a mut AnyConnection) -> Work<'a, ()> {
        Box::pin(async move {
            let Some(job) = self.job.take() else { return Ok(()) };
            // A job that panics has a bug; it is answered, and neither the writer nor the jobs beside it die of it.
            let value = AssertUnwindSafe(async { job(tx).await }).catch_unwind().await.unwrap_or_else(|_| {
                tracing::error!("a job of the store panicked: nothing of it is stored");
                Err(StoreError::Db("the job panicked".to_owned()))
            });
            let failed = value.as_ref().err().cloned();
            self.value = Some(value);
            failed.map_or(Ok(()), Err)
        })
    }

    fn answer(self: Box<Self>, commit: Result<(), StoreError>) {
        let answer = match (self.value, commit) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(commit)) => Err(commit),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(StoreError::Db("the job never ran".to_owned())),
        };
        // Nobody waits any more: the work is done all the same.
        drop(self.reply.send(answer));
    }
}

/// Runs until every sender is gone.
pub(super) async fn serve(
    pool: AnyPool,
    dialect: Dialect,
    changes: Arc<Changes>,
    mut jobs: mpsc::Receiver<Box<dyn Job>>,
) {
    let mut batch = Vec::with_capacity(MOST);
    while jobs.recv_many(&mut batch, MOST).await > 0 {
        let commit = change::counting(&changes, transact(&pool, dialect, &mut batch)).await;
        for job in batch.drain(..) {
            job.answer(commit.clone());
        }
    }
    pool.close().await;
}

/// One commit. A connection on which it failed is closed: SQLite ends a transaction by itself where the disk is full or
/// the file damaged, the driver does not notice, and every later transaction on that connection would fail.
async fn transact(pool: &AnyPool, dialect: Dialect, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    let mut connection = pool.acquire().await?;
    let done = commit(&mut connection, dialect, batch).await;
    if done.is_err() {
        // It is gone either way.
        drop(connection.close().await);
    }
    done
}

async fn commit(
    connection: &mut AnyConnection,
    dialect: Dialect,
    batch: &mut [Box<dyn Job>],
) -> Result<(), StoreError> {
    let mut tx = connection.begin_with(dialect.begin_write()).await?;
    if let [only] = batch {
        // Its failure is answered with its own error; the transaction rolls back when dropped.
        if only.run(&mut tx).await.is_err() {
            tx.rollback().await?;
            return Ok(());
        }
    } else {
        for job in batch {
            let mut savepoint = tx.begin().await?;
            match job.run(&mut savepoint).await {
                Ok(()) => savepoint.commit().await?,
                Err(_) => savepoint.rollback().await?,
            }
        }
    }
    tx.commit().await?;
    Ok(())
}
