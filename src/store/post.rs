//! Posts: the queue, the states and the frozen payloads. A row becomes a state in one place (`read`); a row that makes
//! no sense is an error, not a guess.

use jiff::Timestamp;

use super::change::{Topic, mark};
use super::{Conn, StoreError, audit, get, instant, json, ms, to_json};
use crate::model::id::{ArticleId, ChannelName, PostId};
use crate::model::post::{Actor, Occasion, Post, PostState, Urgency};

/// A post and what the publishing protocol keeps beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostRow {
    /// The post itself.
    pub post: Post,
    /// The channel's fence at its last claim.
    pub fence: i64,
    /// Which revision of the payload is frozen (counts from 0).
    pub revision: u16,
    /// The frozen payload, as the platform module's JSON.
    pub payload: Option<String>,
    /// SHA-256 of it, in hex.
    pub payload_hash: Option<String>,
    /// When its last visible step was begun: what pace counts.
    pub sent: Option<Timestamp>,
    /// Look-ups that found it absent since it became uncertain.
    pub looks: i64,
    /// When to look (again).
    pub next_look: Option<Timestamp>,
    /// How often it was put back after proof of absence.
    pub resends: i64,
    /// It may have been posted after the backup this store was restored from: look once before it goes.
    pub verify: bool,
    /// Grows with each write: what makes a write over somebody else's change fail.
    pub(crate) version: i64,
}

impl PostRow {
    /// A new post, not yet stored.
    pub const fn new(post: Post) -> Self {
        Self {
            post,
            fence: 0,
            revision: 0,
            payload: None,
            payload_hash: None,
            sent: None,
            looks: 0,
            next_look: None,
            resends: 0,
            verify: false,
            version: 0,
        }
    }

    /// The id, as text.
    pub fn id(&self) -> &str {
        self.post.id.as_str()
    }
}

const COLUMNS: &str = "id, channel, article, occasion, route, template, urgency, created, expires, due, attempts, text, \
                       state, data, fence, row_version, revision, payload, payload_hash, sent, looks, next_look, \
                       resends, verify";

fn select(rest: &str) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM post {rest}"))
}

fn read(row: &sqlx::any::AnyRow) -> Result<PostRow, StoreError> {
    let id: String = get(row, "id")?;
    let corrupt =
        |column: &'static str, said: String| StoreError::Corrupt { table: "post", column, id: id.clone(), said };
    let occasion: String = get(row, "occasion")?;
    let urgency: i64 = get(row, "urgency")?;
    let word: String = get(row, "state")?;
    let state: PostState = json("post", "data", &id, &get::<String>(row, "data")?)?;
    if state.word() != word {
        return Err(corrupt("state", format!("is {word:?}, its data says {:?}", state.word())));
    }
    let small = |column: &'static str, n: i64| u16::try_from(n).map_err(|_| corrupt(column, format!("is {n}")));
    Ok(PostRow {
        post: Post {
            channel: ChannelName::new(get::<String>(row, "channel")?),
            article: ArticleId::new(get::<String>(row, "article")?),
            occasion: Occasion::from_key(&occasion).ok_or_else(|| corrupt("occasion", format!("is {occasion:?}")))?,
            route: u32::try_from(get::<i64>(row, "route")?).unwrap_or(0),
            template: get(row, "template")?,
            urgency: Urgency::from_rank(urgency).ok_or_else(|| corrupt("urgency", format!("is {urgency}")))?,
            created: instant(get(row, "created")?),
            expires: get::<Option<i64>>(row, "expires")?.map(instant),
            due: instant(get(row, "due")?),
            attempts: small("attempts", get(row, "attempts")?)?,
            text: get(row, "text")?,
            state,
            id: PostId::new(id.clone()),
        },
        fence: get(row, "fence")?,
        revision: small("revision", get(row, "revision")?)?,
        payload: get(row, "payload")?,
        payload_hash: get(row, "payload_hash")?,
        sent: get::<Option<i64>>(row, "sent")?.map(instant),
        looks: get(row, "looks")?,
        next_look: get::<Option<i64>>(row, "next_look")?.map(instant),
        resends: get(row, "resends")?,
        verify: get::<i64>(row, "verify")? != 0,
        version: get(row, "row_version")?,
    })
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Any, <sqlx::Any as sqlx::Database>::Arguments>;

async fn many(conn: &mut Conn, query: Query<'_>) -> Result<Vec<PostRow>, StoreError> {
    query.fetch_all(conn).await?.iter().map(read).collect()
}

async fn maybe(conn: &mut Conn, query: Query<'_>) -> Result<Option<PostRow>, StoreError> {
    query.fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// Stores a new post, unless there is one for this story on this channel on this occasion. Returns whether it is new.
///
/// # Errors
/// The database's.
pub async fn insert(conn: &mut Conn, row: &PostRow, now: Timestamp, by: &Actor, why: &str) -> Result<bool, StoreError> {
    let p = &row.post;
    let done = sqlx::query(
        "INSERT INTO post (id, channel, article, occasion, route, template, urgency, created, expires, due, attempts, \
         text, state, data, changed, fence, row_version, revision, payload, payload_hash, looks, resends, verify) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,0,1,$16,$17,$18,0,0,0) \
         ON CONFLICT (channel, article, occasion) DO NOTHING",
    )
    .bind(p.id.as_str())
    .bind(p.channel.as_str())
    .bind(p.article.as_str())
    .bind(p.occasion.key())
    .bind(i64::from(p.route))
    .bind(&p.template)
    .bind(p.urgency.rank())
    .bind(ms(p.created))
    .bind(p.expires.map(ms))
    .bind(ms(p.due))
    .bind(i64::from(p.attempts))
    .bind(p.text.as_deref())
    .bind(p.state.word())
    .bind(to_json(&p.state))
    .bind(ms(now))
    .bind(i64::from(row.revision))
    .bind(row.payload.as_deref())
    .bind(row.payload_hash.as_deref())
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    mark(Topic::Posts);
    audit::add(conn, now, by, "post", p.id.as_str(), (None, Some(p.state.word())), why).await?;
    Ok(true)
}

/// Writes `next` over `row`, if nobody changed the row since it was read. A change of state is audited.
///
/// # Errors
/// [`StoreError::Conflict`] where somebody did; the database's.
pub async fn put(
    conn: &mut Conn,
    row: &PostRow,
    next: &PostRow,
    now: Timestamp,
    by: &Actor,
    why: &str,
) -> Result<PostRow, StoreError> {
    mark(Topic::Posts);
    let p = &next.post;
    let done = sqlx::query(
        "UPDATE post SET due=$3, attempts=$4, text=$5, state=$6, data=$7, changed=$8, fence=$9, row_version=$10, \
         revision=$11, payload=$12, payload_hash=$13, sent=$14, looks=$15, next_look=$16, resends=$17, verify=$18, \
         expires=$19 WHERE id=$1 AND row_version=$2",
    )
    .bind(row.id())
    .bind(row.version)
    .bind(ms(p.due))
    .bind(i64::from(p.attempts))
    .bind(p.text.as_deref())
    .bind(p.state.word())
    .bind(to_json(&p.state))
    .bind(ms(now))
    .bind(next.fence)
    .bind(row.version + 1)
    .bind(i64::from(next.revision))
    .bind(next.payload.as_deref())
    .bind(next.payload_hash.as_deref())
    .bind(next.sent.map(ms))
    .bind(next.looks)
    .bind(next.next_look.map(ms))
    .bind(next.resends)
    .bind(i64::from(next.verify))
    .bind(p.expires.map(ms))
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::Conflict(format!("post {} was changed by somebody else meanwhile", row.id())));
    }
    if row.post.state != p.state {
        let arrow = (Some(row.post.state.word()), Some(p.state.word()));
        audit::add(conn, now, by, "post", row.id(), arrow, why).await?;
    }
    Ok(PostRow { version: row.version + 1, ..next.clone() })
}

/// One post.
///
/// # Errors
/// The database's.
pub async fn one(conn: &mut Conn, id: &str) -> Result<Option<PostRow>, StoreError> {
    maybe(conn, sqlx::query(select("WHERE id = $1")).bind(id)).await
}

/// The channel's best post that is due: breaking first, then by due time.
///
/// # Errors
/// The database's.
pub async fn candidate(conn: &mut Conn, channel: &str, now: Timestamp) -> Result<Option<PostRow>, StoreError> {
    maybe(
        conn,
        sqlx::query(select(
            "WHERE channel = $1 AND state = 'scheduled' AND due <= $2 ORDER BY urgency, due, id LIMIT 1",
        ))
        .bind(channel)
        .bind(ms(now)),
    )
    .await
}

/// When the channel has something to do next: a scheduled post falls due, one in doubt is to be looked up, or what is
/// out is to be changed (while it is paused: taken down).
///
/// # Errors
/// The database's.
pub async fn next_work(
    conn: &mut Conn,
    channel: &str,
    now: Timestamp,
    is_paused: bool,
) -> Result<Option<Timestamp>, StoreError> {
    // Only what is still to come: a post that is due and waits for something else must not hide the next one.
    let next: Option<i64> = sqlx::query_scalar(
        "SELECT min(at) FROM (SELECT min(due) AS at FROM post WHERE channel = $1 AND state = 'scheduled' AND due > $2 \
         UNION ALL SELECT min(next_look) FROM post WHERE channel = $1 AND state = 'uncertain' \
         UNION ALL SELECT min(due) FROM amend WHERE channel = $1 AND state = 'asked' AND ($3 = 0 OR op = 'delete')) \
         AS work",
    )
    .bind(channel)
    .bind(ms(now))
    .bind(i64::from(is_paused))
    .fetch_one(conn)
    .await?;
    Ok(next.map(instant))
}

/// The channel's uncertain post that is to be looked up now, longest waiting first.
///
/// # Errors
/// The database's.
pub async fn to_look_up(conn: &mut Conn, channel: &str, now: Timestamp) -> Result<Option<PostRow>, StoreError> {
    maybe(
        conn,
        sqlx::query(select(
            "WHERE channel = $1 AND state = 'uncertain' AND (next_look IS NULL OR next_look <= $2) \
         ORDER BY next_look, id LIMIT 1",
        ))
        .bind(channel)
        .bind(ms(now)),
    )
    .await
}

/// Posts in one of these states, in the order of the queue. An empty list of states: all.
///
/// # Errors
/// The database's.
pub async fn list(
    conn: &mut Conn,
    states: &[&'static str],
    channel: Option<&str>,
    most: i64,
) -> Result<Vec<PostRow>, StoreError> {
    let words = states.iter().map(|s| format!("'{s}'")).collect::<Vec<_>>().join(",");
    let wanted = if states.is_empty() { "1 = 1".to_owned() } else { format!("state IN ({words})") };
    let sql = format!(
        "WHERE {wanted} AND ($1 = '' OR channel = $1) ORDER BY CASE WHEN state IN ('published','retracted','skipped') \
         THEN 1 ELSE 0 END, CASE WHEN state IN ('published','retracted','skipped') THEN -changed ELSE due END, id LIMIT $2"
    );
    many(conn, sqlx::query(select(&sql)).bind(channel.unwrap_or_default()).bind(most)).await
}

/// The posts of an article.
///
/// # Errors
/// The database's.
pub async fn of_article(conn: &mut Conn, article: &str) -> Result<Vec<PostRow>, StoreError> {
    many(conn, sqlx::query(select("WHERE article = $1 ORDER BY channel, created, id")).bind(article)).await
}

/// When the channel's posts were sent since then, newest first.
///
/// # Errors
/// The database's.
pub async fn sent_since(conn: &mut Conn, channel: &str, since: Timestamp) -> Result<Vec<Timestamp>, StoreError> {
    let rows: Vec<i64> =
        sqlx::query_scalar("SELECT sent FROM post WHERE channel = $1 AND sent > $2 ORDER BY sent DESC LIMIT 5000")
            .bind(channel)
            .bind(ms(since))
            .fetch_all(conn)
            .await?;
    Ok(rows.into_iter().map(instant).collect())
}

/// How many posts of the channel are in that state.
///
/// # Errors
/// The database's.
pub async fn count(conn: &mut Conn, channel: &str, state: &'static str) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM post WHERE channel = $1 AND state = $2")
        .bind(channel)
        .bind(state)
        .fetch_one(conn)
        .await?)
}

/// How many posts are in each state, by channel.
///
/// # Errors
/// The database's.
pub async fn counts(conn: &mut Conn) -> Result<Vec<(String, String, i64)>, StoreError> {
    let rows = sqlx::query("SELECT channel, state, count(*) AS n FROM post GROUP BY channel, state ORDER BY 1, 2")
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| Ok((get(row, "channel")?, get(row, "state")?, get(row, "n")?))).collect()
}

/// Posts that wait and have outlived their class of news.
///
/// # Errors
/// The database's.
pub async fn expired(conn: &mut Conn, now: Timestamp) -> Result<Vec<PostRow>, StoreError> {
    many(
        conn,
        sqlx::query(select(
            "WHERE state IN ('scheduled','held','uncertain') AND expires IS NOT NULL AND expires <= $1 \
         ORDER BY expires LIMIT 500",
        ))
        .bind(ms(now)),
    )
    .await
}

/// Scheduled posts that were due before then.
///
/// # Errors
/// The database's.
pub async fn overdue(conn: &mut Conn, channel: &str, before: Timestamp) -> Result<Vec<PostRow>, StoreError> {
    many(
        conn,
        sqlx::query(select("WHERE channel = $1 AND state = 'scheduled' AND due < $2 ORDER BY due, id LIMIT 1000"))
            .bind(channel)
            .bind(ms(before)),
    )
    .await
}

/// How many characters a person has to give of an id, at its beginning or end.
pub const SHORT: usize = 6;

/// An id as people are shown it: its last eight characters. The first ones are the time of its making, and the same for
/// all posts of one fetch.
pub fn short(id: &str) -> &str {
    id.len().checked_sub(8).and_then(|from| id.get(from..)).unwrap_or(id)
}

/// The ids that a person may mean by a text: the whole id, else its beginning or end of at least [`SHORT`] characters.
/// At most ten; more than one means that the text is too short.
///
/// # Errors
/// The database's.
pub async fn meant(conn: &mut Conn, text: &str) -> Result<Vec<String>, StoreError> {
    let whole = sqlx::query_scalar("SELECT id FROM post WHERE id = $1").bind(text).fetch_all(&mut *conn).await?;
    // Ids are hexadecimal digits and hyphens: nothing that LIKE reads as a wildcard.
    let plain = text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if !whole.is_empty() || !plain || text.len() < SHORT {
        return Ok(whole);
    }
    let sql = "SELECT id FROM post WHERE id LIKE $1 OR id LIKE $2 ORDER BY id LIMIT 10";
    let text = text.to_ascii_lowercase();
    Ok(sqlx::query_scalar(sql).bind(format!("{text}%")).bind(format!("%{text}")).fetch_all(conn).await?)
}

/// Marks every post that is not settled as one to look up before it goes: also one that is held or failed, since a
/// person may have let it out after the backup.
///
/// # Errors
/// The database's.
pub async fn verify_all(conn: &mut Conn) -> Result<u64, StoreError> {
    mark(Topic::Posts);
    let done = sqlx::query(
        "UPDATE post SET verify = 1, row_version = row_version + 1 WHERE state NOT IN \
         ('published','skipped','retracted')",
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Forgets posts of articles that are gone.
///
/// # Errors
/// The database's.
pub async fn forget(conn: &mut Conn, before: Timestamp) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM post WHERE changed < $1 AND state IN ('published','skipped','retracted','failed') \
         AND article NOT IN (SELECT id FROM article)",
    )
    .bind(ms(before))
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Scheduled posts of a source's articles.
///
/// # Errors
/// The database's.
pub async fn unsent_of_source(conn: &mut Conn, source: &str) -> Result<Vec<PostRow>, StoreError> {
    many(conn, sqlx::query(select(
        "WHERE state = 'scheduled' AND article IN (SELECT id FROM article WHERE source = $1) ORDER BY id LIMIT 10000",
    ))
    .bind(source)).await
}

/// Whether that remote id is the receipt of another post of the channel.
///
/// # Errors
/// The database's.
pub async fn has_receipt(conn: &mut Conn, channel: &str, but: &str, remote: &str) -> Result<bool, StoreError> {
    // As it stands in the state's JSON; LIKE's own signs in an id only widen the search, which is checked below.
    let like = format!("%\"remote_id\":{}%", to_json(&remote));
    let rows = sqlx::query(select(
        "WHERE channel = $1 AND id <> $2 AND state IN ('published','retracted') AND data LIKE $3 LIMIT 20",
    ))
    .bind(channel)
    .bind(but)
    .bind(like)
    .fetch_all(conn)
    .await?;
    for row in &rows {
        if let PostState::Published { receipt } | PostState::Retracted { receipt, .. } = read(row)?.post.state
            && receipt.remote_id.as_deref() == Some(remote)
        {
            return Ok(true);
        }
    }
    Ok(false)
}
