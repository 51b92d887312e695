//! The pages of articles: those still to be fetched with the posts that wait for them, and what was read of the others.
//! A post never depends on a row here to go out: the end of its wait is its own `due`.

use jiff::Timestamp;
use serde::Serialize;

use super::change::{Topic, mark};
use super::{Conn, StoreError, get, instant, ms};

/// An article's page that is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageWait {
    /// The article.
    pub article: String,
    /// What is waited for, as a word.
    pub reason: String,
    /// The page.
    pub url: String,
    /// When to ask (again).
    pub due: Timestamp,
    /// Until when breaking posts wait.
    pub brief: Timestamp,
    /// Until when the other posts wait; nothing is asked after that.
    pub until: Timestamp,
    /// How often it was asked for.
    pub tries: i64,
    /// What came of the last try, in words.
    pub said: Option<String>,
}

/// A page that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRow {
    /// The address that was asked.
    pub url: String,
    /// Where it was found in the end.
    pub found: String,
    /// When.
    pub at: Timestamp,
    /// What it says, as the source module's JSON.
    pub facts: String,
}

const COLUMNS: &str = "article, reason, url, due, brief, until, tries, said";

fn read(row: &sqlx::any::AnyRow) -> Result<PageWait, StoreError> {
    Ok(PageWait {
        article: get(row, "article")?,
        reason: get(row, "reason")?,
        url: get(row, "url")?,
        due: instant(get(row, "due")?),
        brief: instant(get(row, "brief")?),
        until: instant(get(row, "until")?),
        tries: get(row, "tries")?,
        said: get(row, "said")?,
    })
}

/// Notes that an article waits, or until when now.
///
/// # Errors
/// The database's.
pub async fn put_wait(conn: &mut Conn, wait: &PageWait) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO page_wait (article, reason, url, due, brief, until, tries, said) VALUES ($1,$2,$3,$4,$5,$6,$7,$8) \
         ON CONFLICT (article, reason) DO UPDATE SET url=$3, due=$4, brief=$5, until=$6, tries=$7, said=$8",
    )
    .bind(&wait.article)
    .bind(&wait.reason)
    .bind(&wait.url)
    .bind(ms(wait.due))
    .bind(ms(wait.brief))
    .bind(ms(wait.until))
    .bind(wait.tries)
    .bind(wait.said.as_deref())
    .execute(conn)
    .await?;
    Ok(())
}

/// Those that are due, longest waiting first.
///
/// # Errors
/// The database's.
pub async fn due(conn: &mut Conn, now: Timestamp, most: i64) -> Result<Vec<PageWait>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM page_wait WHERE due <= $1 ORDER BY due, article, reason LIMIT $2"
    ));
    sqlx::query(sql).bind(ms(now)).bind(most).fetch_all(conn).await?.iter().map(read).collect()
}

/// When the next one falls due.
///
/// # Errors
/// The database's.
pub async fn next(conn: &mut Conn, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let next: Option<i64> =
        sqlx::query_scalar("SELECT min(due) FROM page_wait WHERE due > $1").bind(ms(now)).fetch_one(conn).await?;
    Ok(next.map(instant))
}

/// What an article waits for.
///
/// # Errors
/// The database's.
pub async fn waits(conn: &mut Conn, article: &str) -> Result<Vec<PageWait>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM page_wait WHERE article = $1 ORDER BY reason"));
    sqlx::query(sql).bind(article).fetch_all(conn).await?.iter().map(read).collect()
}

/// Makes a post wait until then: only one that is scheduled, was never tried, and does not wait for longer already.
///
/// # Errors
/// The database's.
pub async fn hold_back(conn: &mut Conn, post: &str, until: Timestamp) -> Result<(), StoreError> {
    mark(Topic::Posts);
    sqlx::query(
        "UPDATE post SET due = $2, row_version = row_version + 1 WHERE id = $1 AND state = 'scheduled' \
         AND payload IS NULL AND attempts = 0 AND due < $2",
    )
    .bind(post)
    .bind(ms(until))
    .execute(conn)
    .await?;
    Ok(())
}

/// Lets the posts go that wait with this: each gets back the place in the queue that it had at first, or waits on for what
/// else its article waits for. A post whose time somebody set meanwhile is left alone. Returns how many.
///
/// # Errors
/// The database's.
pub async fn release(conn: &mut Conn, wait: &PageWait) -> Result<u64, StoreError> {
    mark(Topic::Posts);
    // A longer wait would show in the post's own time: only a shorter one can lie beneath it.
    let beneath = |other: &PageWait| other.reason != wait.reason && other.until <= wait.until;
    let others = waits(conn, &wait.article).await?.into_iter().filter(beneath);
    let other = others.max_by_key(|other| other.until);
    let mut count = 0;
    for (end, next) in
        [(wait.until, other.as_ref().map(|other| other.until)), (wait.brief, other.as_ref().map(|other| other.brief))]
    {
        let done = sqlx::query(
            "UPDATE post SET due = CASE WHEN $3 > created THEN $3 ELSE created END, row_version = row_version + 1 \
             WHERE article = $1 AND state = 'scheduled' AND payload IS NULL AND due = $2 AND due > created AND due <> $3",
        )
        .bind(&wait.article)
        .bind(ms(end))
        .bind(next.map_or(i64::MIN, ms))
        .execute(&mut *conn)
        .await?;
        count += done.rows_affected();
        if wait.until == wait.brief {
            break;
        }
    }
    Ok(count)
}

/// Nothing is waited for any more.
///
/// # Errors
/// The database's.
pub async fn settle(conn: &mut Conn, wait: &PageWait) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM page_wait WHERE article = $1 AND reason = $2")
        .bind(&wait.article)
        .bind(&wait.reason)
        .execute(conn)
        .await?;
    Ok(())
}

/// Keeps what an article's page said.
///
/// # Errors
/// The database's.
pub async fn keep(conn: &mut Conn, article: &str, row: &PageRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO page (article, url, found, at, facts) VALUES ($1,$2,$3,$4,$5) \
         ON CONFLICT (article) DO UPDATE SET url=$2, found=$3, at=$4, facts=$5",
    )
    .bind(article)
    .bind(&row.url)
    .bind(&row.found)
    .bind(ms(row.at))
    .bind(&row.facts)
    .execute(conn)
    .await?;
    Ok(())
}

/// What an article's page said.
///
/// # Errors
/// The database's.
pub async fn of_article(conn: &mut Conn, article: &str) -> Result<Option<PageRow>, StoreError> {
    let row = sqlx::query("SELECT url, found, at, facts FROM page WHERE article = $1").bind(article);
    let Some(row) = row.fetch_optional(conn).await? else { return Ok(None) };
    Ok(Some(PageRow {
        url: get(&row, "url")?,
        found: get(&row, "found")?,
        at: instant(get(&row, "at")?),
        facts: get(&row, "facts")?,
    }))
}

/// Forgets pages of articles that are gone.
///
/// # Errors
/// The database's.
pub async fn forget(conn: &mut Conn) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM page WHERE article NOT IN (SELECT id FROM article)").execute(&mut *conn).await?;
    sqlx::query("DELETE FROM page_wait WHERE article NOT IN (SELECT id FROM article)").execute(conn).await?;
    Ok(())
}
