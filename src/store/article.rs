//! Articles, their versions, and the aliases that make two entries one story.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::change::{Topic, mark};
use super::{Conn, StoreError, audit, get, instant, json, ms, to_json};
use crate::model::article::{Article, Entry};
use crate::model::id::{ArticleId, SourceName};
use crate::model::post::Actor;

/// What was decided for one channel when the article was planned and no post came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The channel.
    pub channel: String,
    /// Why there is no post, for a person.
    pub why: String,
    /// It stands only until the source lets the story be used: then it is planned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub until_usable: bool,
}

impl Verdict {
    /// A verdict that stands.
    pub fn new(channel: impl Into<String>, why: impl Into<String>) -> Self {
        Self { channel: channel.into(), why: why.into(), until_usable: false }
    }
}

const COLUMNS: &str = "id, source, version, first_seen, entry, verdicts";

fn read(row: &sqlx::any::AnyRow) -> Result<(Article, Vec<Verdict>), StoreError> {
    let id: String = get(row, "id")?;
    let entry: Entry = json("article", "entry", &id, &get::<String>(row, "entry")?)?;
    let verdicts = json("article", "verdicts", &id, &get::<String>(row, "verdicts")?)?;
    let article = Article {
        source: SourceName::new(get::<String>(row, "source")?),
        version: u32::try_from(get::<i64>(row, "version")?).unwrap_or(1),
        first_seen: instant(get(row, "first_seen")?),
        entry,
        id: ArticleId::new(id),
    };
    Ok((article, verdicts))
}

/// Stores a new article.
///
/// # Errors
/// The database's.
pub async fn insert(
    conn: &mut Conn,
    article: &Article,
    hash: &str,
    title_hash: &str,
    verdicts: &[Verdict],
) -> Result<(), StoreError> {
    mark(Topic::Articles);
    sqlx::query(
        "INSERT INTO article (id, source, version, hash, guid, link, title, title_hash, entry, verdicts, first_seen, \
         changed) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$11)",
    )
    .bind(article.id.as_str())
    .bind(article.source.as_str())
    .bind(i64::from(article.version))
    .bind(hash)
    .bind(article.entry.guid.as_deref())
    .bind(article.entry.link.as_ref().map(url::Url::as_str))
    .bind(&article.entry.title)
    .bind(title_hash)
    .bind(to_json(&article.entry))
    .bind(to_json(&verdicts))
    .bind(ms(article.first_seen))
    .execute(conn)
    .await?;
    Ok(())
}

/// The hash of the newest version's content.
///
/// # Errors
/// The database's.
pub async fn hash(conn: &mut Conn, id: &str) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar("SELECT hash FROM article WHERE id = $1").bind(id).fetch_optional(conn).await?)
}

/// How many older versions of an article are kept beside its first.
const VERSIONS: i64 = 20;

/// Stores a new version of a known article; the one before is kept, and the log says what changed.
///
/// # Errors
/// The database's.
pub async fn new_version(
    conn: &mut Conn,
    id: &str,
    entry: &Entry,
    hash: &str,
    title_hash: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    mark(Topic::Articles);
    let Some((before, _)) = one(conn, id).await? else { return Ok(()) };
    sqlx::query(
        "INSERT INTO article_version (article, version, at, entry) SELECT id, version, changed, entry FROM article \
         WHERE id = $1 ON CONFLICT (article, version) DO NOTHING",
    )
    .bind(id)
    .execute(&mut *conn)
    .await?;
    // The first one and the newest are kept: a story that changes with each fetch must not fill the disk.
    sqlx::query(
        "DELETE FROM article_version WHERE article = $1 AND version > 1 AND version < \
         (SELECT version FROM article WHERE id = $1) - $2",
    )
    .bind(id)
    .bind(VERSIONS)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "UPDATE article SET version = version + 1, hash=$2, title=$3, title_hash=$4, entry=$5, link=$6, changed=$7 \
         WHERE id = $1",
    )
    .bind(id)
    .bind(hash)
    .bind(&entry.title)
    .bind(title_hash)
    .bind(to_json(entry))
    .bind(entry.link.as_ref().map(url::Url::as_str))
    .bind(ms(now))
    .execute(&mut *conn)
    .await?;
    let (old, new) = (format!("version {}", before.version), format!("version {}", before.version + 1));
    let changed = match entry.differs_from(&before.entry).as_slice() {
        [] => "changed by a little".to_owned(),
        parts => format!("changed: {}", parts.join(", ")),
    };
    audit::add(conn, now, &Actor::Bugle, "article", id, (Some(&old), Some(&new)), &changed).await
}

/// Writes what the source says of a story beside its content (standing, embargo): no new version.
///
/// # Errors
/// The database's.
pub async fn restate(conn: &mut Conn, id: &str, entry: &Entry, hash: &str, now: Timestamp) -> Result<(), StoreError> {
    mark(Topic::Articles);
    sqlx::query("UPDATE article SET hash=$2, entry=$3, changed=$4 WHERE id = $1")
        .bind(id)
        .bind(hash)
        .bind(to_json(entry))
        .bind(ms(now))
        .execute(conn)
        .await?;
    Ok(())
}

/// Replaces the verdicts of an article: it was planned anew.
///
/// # Errors
/// The database's.
pub async fn judge_anew(conn: &mut Conn, id: &str, verdicts: &[Verdict]) -> Result<(), StoreError> {
    mark(Topic::Articles);
    sqlx::query("UPDATE article SET verdicts=$2 WHERE id = $1").bind(id).bind(to_json(&verdicts)).execute(conn).await?;
    Ok(())
}

/// Completes the newest version by what the article's page says: no new version, and the hash stays that of what the
/// source says, so that the same words of the source are no change.
///
/// # Errors
/// The database's.
pub async fn enrich(conn: &mut Conn, id: &str, entry: &Entry, title_hash: &str) -> Result<(), StoreError> {
    mark(Topic::Articles);
    sqlx::query("UPDATE article SET entry=$2, link=$3, title=$4, title_hash=$5 WHERE id = $1")
        .bind(id)
        .bind(to_json(entry))
        .bind(entry.link.as_ref().map(url::Url::as_str))
        .bind(&entry.title)
        .bind(title_hash)
        .execute(conn)
        .await?;
    Ok(())
}

/// The source that brought an article first.
///
/// # Errors
/// The database's.
pub async fn source(conn: &mut Conn, id: &str) -> Result<Option<SourceName>, StoreError> {
    let name: Option<String> =
        sqlx::query_scalar("SELECT source FROM article WHERE id = $1").bind(id).fetch_optional(conn).await?;
    Ok(name.map(SourceName::new))
}

/// One article and the verdicts of its planning.
///
/// # Errors
/// The database's.
pub async fn one(conn: &mut Conn, id: &str) -> Result<Option<(Article, Vec<Verdict>)>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM article WHERE id = $1"));
    sqlx::query(sql).bind(id).fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// Articles that a person may mean by a text: an id, a guid, a link, or the id of one of its posts; newest first.
///
/// # Errors
/// The database's.
pub async fn meant(conn: &mut Conn, text: &str) -> Result<Vec<(Article, Vec<Verdict>)>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM article WHERE id = $1 OR guid = $1 OR link = $1 \
         OR id IN (SELECT article FROM alias WHERE value = $1) OR id IN (SELECT article FROM post WHERE id = $1) \
         ORDER BY first_seen DESC LIMIT 20"
    ));
    sqlx::query(sql).bind(text).fetch_all(conn).await?.iter().map(read).collect()
}

/// The newest articles.
///
/// # Errors
/// The database's.
pub async fn newest(conn: &mut Conn, most: i64) -> Result<Vec<(Article, Vec<Verdict>)>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM article ORDER BY first_seen DESC, id DESC LIMIT $1"));
    sqlx::query(sql).bind(most).fetch_all(conn).await?.iter().map(read).collect()
}

/// A key that a story is known by. `scope`: the source's name, or empty for the whole newsroom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// Where it counts.
    pub scope: String,
    /// The key.
    pub value: String,
}

/// How many values one statement asks for: well under what both engines allow as parameters.
const CHUNK: usize = 400;

/// Which of these aliases are known, and the article each belongs to, with when it was last listed.
///
/// # Errors
/// The database's.
pub async fn known(conn: &mut Conn, aliases: &[Alias]) -> Result<Vec<(Alias, ArticleId, Timestamp)>, StoreError> {
    let mut found = Vec::new();
    for chunk in aliases.chunks(CHUNK) {
        let marks = (1..=chunk.len()).map(|n| format!("${n}")).collect::<Vec<_>>().join(",");
        let sql = format!("SELECT scope, value, article, last_listed FROM alias WHERE value IN ({marks})");
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for alias in chunk {
            query = query.bind(&alias.value);
        }
        for row in query.fetch_all(&mut *conn).await? {
            let alias = Alias { scope: get(&row, "scope")?, value: get(&row, "value")? };
            if chunk.contains(&alias) {
                let article = ArticleId::new(get::<String>(&row, "article")?);
                found.push((alias, article, instant(get(&row, "last_listed")?)));
            }
        }
    }
    Ok(found)
}

/// Which of these title hashes the source has brought before.
///
/// # Errors
/// The database's.
pub async fn known_titles(conn: &mut Conn, source: &str, hashes: &[String]) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for chunk in hashes.chunks(CHUNK) {
        let marks = (2..=chunk.len() + 1).map(|n| format!("${n}")).collect::<Vec<_>>().join(",");
        let sql = format!("SELECT DISTINCT title_hash FROM article WHERE source = $1 AND title_hash IN ({marks})");
        let mut query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(source);
        for hash in chunk {
            query = query.bind(hash);
        }
        found.extend(query.fetch_all(&mut *conn).await?);
    }
    Ok(found)
}

/// Adds an alias of an article, or notes that it is still listed.
///
/// # Errors
/// [`StoreError::Conflict`] where it belongs to another article since it was looked up; the database's.
pub async fn alias(conn: &mut Conn, alias: &Alias, article: &str, now: Timestamp) -> Result<(), StoreError> {
    let owner: String = sqlx::query_scalar(
        "INSERT INTO alias (scope, value, article, last_listed) VALUES ($1,$2,$3,$4) \
         ON CONFLICT (scope, value) DO UPDATE SET last_listed = $4 RETURNING article",
    )
    .bind(&alias.scope)
    .bind(&alias.value)
    .bind(article)
    .bind(ms(now))
    .fetch_one(conn)
    .await?;
    if owner == article {
        return Ok(());
    }
    Err(StoreError::Conflict(format!("{:?} belongs to another article by now", alias.value)))
}

/// Marks an article as taken back by its source. Returns whether it was not marked before.
///
/// # Errors
/// The database's.
pub async fn kill(conn: &mut Conn, id: &str, at: Timestamp, why: &str) -> Result<bool, StoreError> {
    mark(Topic::Articles);
    let done = sqlx::query("UPDATE article SET killed_at = $2, killed_why = $3 WHERE id = $1 AND killed_at IS NULL")
        .bind(id)
        .bind(ms(at))
        .bind(why)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Takes the mark back: its source has it again. Returns whether it was marked.
///
/// # Errors
/// The database's.
pub async fn revive(conn: &mut Conn, id: &str) -> Result<bool, StoreError> {
    mark(Topic::Articles);
    let done =
        sqlx::query("UPDATE article SET killed_at = NULL, killed_why = NULL WHERE id = $1 AND killed_at IS NOT NULL")
            .bind(id)
            .execute(conn)
            .await?;
    Ok(done.rows_affected() > 0)
}

/// When an article was taken back, and its source's words.
///
/// # Errors
/// The database's.
pub async fn killed(conn: &mut Conn, id: &str) -> Result<Option<(Timestamp, String)>, StoreError> {
    let sql = "SELECT killed_at, killed_why FROM article WHERE id = $1 AND killed_at IS NOT NULL";
    let row = sqlx::query(sql).bind(id).fetch_optional(conn).await?;
    row.map(|row| {
        Ok((instant(get(&row, "killed_at")?), get::<Option<String>>(&row, "killed_why")?.unwrap_or_default()))
    })
    .transpose()
}

/// How old the note "still listed" of an alias may grow before it is written again: by so much what stands in a listing
/// may seem to have left it before the listing was last read.
pub const RELIST: SignedDuration = SignedDuration::from_hours(24);

/// Forgets articles that last changed and aliases that were last listed before then. What stood in a source's listing
/// when that was last read whole stands in it as long as the source answers "unchanged", however long that is: an alias
/// whose note is no older than that reading (less [`RELIST`]) stays while the source answered well since `before`. One
/// of the whole newsroom stays with any of the article's own aliases that does. Articles with a post that still waits
/// stay.
///
/// # Errors
/// The database's.
pub async fn forget(conn: &mut Conn, before: Timestamp) -> Result<u64, StoreError> {
    sqlx::query(
        "DELETE FROM alias WHERE last_listed < $1 AND NOT EXISTS (SELECT 1 FROM source s WHERE s.last_good >= $1 AND \
         s.last_read IS NOT NULL AND alias.last_listed >= s.last_read - $2 AND (s.name = alias.scope OR \
         (alias.scope = '' AND EXISTS (SELECT 1 FROM alias b WHERE b.article = alias.article AND b.scope = s.name))))",
    )
    .bind(ms(before))
    .bind(i64::try_from(RELIST.as_millis()).unwrap_or(i64::MAX))
    .execute(&mut *conn)
    .await?;
    let done = sqlx::query(
        "DELETE FROM article WHERE changed < $1 AND id NOT IN (SELECT article FROM alias) AND id NOT IN \
         (SELECT article FROM post WHERE state IN ('held','scheduled','publishing','uncertain'))",
    )
    .bind(ms(before))
    .execute(&mut *conn)
    .await?;
    sqlx::query("DELETE FROM article_version WHERE article NOT IN (SELECT id FROM article)").execute(conn).await?;
    Ok(done.rows_affected())
}
