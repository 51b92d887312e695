//! The store, tried the same way on both engines: a SQLite file of the test's own and a PostgreSQL database of its own.
//! Here is what the trials share; the trials stand by what they are about.

mod backup;
mod consents;
mod listed;
mod lists;
mod money;
mod nouns;
mod pages;
mod people;
mod posts;
mod pushes;
mod short_links;
mod shown;
mod sign_ins;
mod vault;
mod writer;

use bugle::model::article::{Article, Entry};
use bugle::model::id::{ArticleId, PostId, SourceName};
use bugle::model::post::{Actor, Approval, Occasion, Post, PostState, Urgency};
use bugle::store::Store;
use bugle::store::post::PostRow;
use jiff::{SignedDuration, Timestamp};

use crate::servers::postgres;

/// Runs each trial once an engine.
macro_rules! on_both {
    ($($trial:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $trial() {
                super::$trial(crate::store::Place::sqlite()).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $trial() {
                super::$trial(crate::store::Place::postgres().await).await;
            })+
        }
    };
}
pub(crate) use on_both;

/// A job of the one writer.
macro_rules! commit {
    ($store:expr, |$conn:ident| $body:expr) => {
        $store.write(bugle::store::job(move |$conn| Box::pin(async move { $body }))).await
    };
}
pub(crate) use commit;

/// Where a trial's database is.
pub struct Place {
    /// Its address.
    pub url: String,
    _folder: Option<tempfile::TempDir>,
}

impl Place {
    /// A file that does not exist yet, in a folder that does not either.
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self { url: format!("sqlite:{}", folder.path().join("data/bugle.db").display()), _folder: Some(folder) }
    }

    /// An empty database.
    pub async fn postgres() -> Self {
        Self { url: postgres::database().await, _folder: None }
    }

    /// The store there.
    pub async fn open(&self) -> Store {
        Store::open(&self.url).await.expect("the store opens")
    }

    /// Whether it is a SQLite file.
    pub fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite:")
    }
}

/// Texts that have broken databases, drivers and escapers.
pub fn odd() -> String {
    format!(
        "'; DROP TABLE post; -- \"q\" \\ %_ $1 ?1 👩‍👩‍👧‍👦🏳️‍🌈 e\u{301} \u{202e}abc\u{fffd}\u{10ffff}\r\n\t{}",
        "ü".repeat(32 * 1024)
    )
}

/// An instant of the trials: seconds after noon.
pub fn at(seconds: i64) -> Timestamp {
    let noon: Timestamp = "2026-11-25T12:00:00Z".parse().expect("a date");
    noon + SignedDuration::from_secs(seconds)
}

/// An article with no more than it must have.
pub fn article(id: &str) -> Article {
    Article {
        id: ArticleId::new(id),
        source: SourceName::new("wire"),
        version: 1,
        first_seen: at(0),
        entry: Entry { title: format!("Story {id}"), ..Entry::default() },
    }
}

/// A scheduled post of an article on channel `main`, due at noon.
pub fn scheduled(id: &str, article: &str) -> PostRow {
    PostRow::new(Post {
        id: PostId::new(id),
        channel: "main".into(),
        article: article.into(),
        occasion: Occasion::First,
        route: 1,
        template: "headline".to_owned(),
        urgency: Urgency::Normal,
        created: at(0),
        expires: None,
        due: at(0),
        attempts: 0,
        text: None,
        picture: Default::default(),
        state: PostState::Scheduled { approval: approval(), retry: None },
    })
}

/// The route's own approval.
pub fn approval() -> Approval {
    Approval { by: Actor::Route, at: at(0), payload: None }
}

/// Stores a new post.
pub async fn add(store: &Store, row: PostRow) -> PostRow {
    let id = row.id().to_owned();
    commit!(store, |conn| bugle::store::post::insert(conn, &row, at(0), &Actor::Route, "planned").await)
        .expect("stored");
    one(store, &id).await
}

/// A post as it is stored.
pub async fn one(store: &Store, id: &str) -> PostRow {
    let mut conn = store.read().await.expect("a connection");
    bugle::store::post::one(&mut conn, id).await.expect("readable").expect("it is there")
}

/// Writes `next` over `row`.
pub async fn put(store: &Store, row: &PostRow, next: PostRow) -> Result<PostRow, bugle::store::StoreError> {
    let row = row.clone();
    commit!(store, |conn| bugle::store::post::put(conn, &row, &next, at(1), &Actor::Bugle, "changed by the trial")
        .await)
}
