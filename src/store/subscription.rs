//! What pushes to us: the hubs that sources offer, our subscriptions there, and the messages that were taken already.

use jiff::Timestamp;
use serde::Serialize;
use url::Url;

use super::change::{Topic, mark};
use super::{Conn, StoreError, get, instant, ms};

/// Where a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// To be asked for, or asked for and not verified yet.
    Pending,
    /// The hub pushes, until the lease ends.
    Active,
    /// The hub refuses; asked again later.
    Denied,
    /// Not wanted any more; the hub is being told.
    Ending,
}

impl State {
    /// The word in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Denied => "denied",
            Self::Ending => "ending",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Pending, Self::Active, Self::Denied, Self::Ending].into_iter().find(|state| state.word() == word)
    }
}

/// A subscription. Its `Debug` tells neither token nor secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The last part of its callback's path: 256 random bits.
    pub token: String,
    /// The source.
    pub source: String,
    /// The hub, as it was offered.
    pub hub: String,
    /// The topic.
    pub topic: String,
    /// Where the hub pushes to.
    pub callback: String,
    /// What the hub signs with, sealed.
    pub secret: Vec<u8>,
    /// Where it stands.
    pub state: State,
    /// When the hub was last asked and has not settled it since.
    pub asked: Option<Timestamp>,
    /// Until when the hub pushes.
    pub lease_until: Option<Timestamp>,
    /// When to ask (again).
    pub next: Timestamp,
    /// How often it was asked since something last came of it.
    pub tries: i64,
    /// What went wrong last.
    pub said: Option<String>,
    /// When it was made.
    pub since: Timestamp,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { source, hub, topic, state, lease_until, next, tries, said, .. } = self;
        write!(
            f,
            "Subscription({source} at {hub} to {topic}: {state:?} until {lease_until:?}, next {next}, {tries}, {said:?})"
        )
    }
}

/// What a source offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The source.
    pub source: String,
    /// The hub, if it names one.
    pub hub: Option<String>,
    /// The topic.
    pub topic: String,
}

/// Notes what a source offers now; writes only where that changed.
///
/// # Errors
/// The database's.
pub async fn offer(
    conn: &mut Conn,
    source: &str,
    offered: Option<(Option<&Url>, &Url)>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let known = sqlx::query("SELECT hub, topic FROM hub_offer WHERE source = $1")
        .bind(source)
        .fetch_optional(&mut *conn)
        .await?
        .map(|row| Ok::<_, StoreError>((get::<String>(&row, "hub")?, get::<String>(&row, "topic")?)))
        .transpose()?;
    // A feed without a hub may be known to one that the config names.
    let offered = offered.map(|(hub, topic)| (hub.map_or("", Url::as_str).to_owned(), topic.as_str().to_owned()));
    if known == offered {
        return Ok(());
    }
    let query = match &offered {
        None => sqlx::query("DELETE FROM hub_offer WHERE source = $1").bind(source),
        Some((hub, topic)) => sqlx::query(
            "INSERT INTO hub_offer (source, hub, topic, at) VALUES ($1,$2,$3,$4) \
             ON CONFLICT (source) DO UPDATE SET hub=$2, topic=$3, at=$4",
        )
        .bind(source)
        .bind(hub)
        .bind(topic)
        .bind(ms(now)),
    };
    query.execute(conn).await?;
    Ok(())
}

/// What all sources offer.
///
/// # Errors
/// The database's.
pub async fn offers(conn: &mut Conn) -> Result<Vec<Offer>, StoreError> {
    let rows = sqlx::query("SELECT source, hub, topic FROM hub_offer ORDER BY source").fetch_all(conn).await?;
    rows.iter()
        .map(|row| {
            let hub = Some(get::<String>(row, "hub")?).filter(|hub| !hub.is_empty());
            Ok(Offer { source: get(row, "source")?, hub, topic: get(row, "topic")? })
        })
        .collect()
}

const COLUMNS: &str =
    "token, source, hub, topic, callback, secret, state, asked, lease_until, next_at, tries, said, since";

fn read(row: &sqlx::any::AnyRow) -> Result<Subscription, StoreError> {
    let opt = |column| Ok::<_, StoreError>(get::<Option<i64>>(row, column)?.map(instant));
    let (source, word): (String, String) = (get(row, "source")?, get(row, "state")?);
    let corrupt = || StoreError::Corrupt {
        table: "subscription",
        column: "state",
        id: format!("source {source}"),
        said: format!("is {word:?}"),
    };
    Ok(Subscription {
        state: State::of(&word).ok_or_else(corrupt)?,
        token: get(row, "token")?,
        hub: get(row, "hub")?,
        topic: get(row, "topic")?,
        callback: get(row, "callback")?,
        secret: get(row, "secret")?,
        asked: opt("asked")?,
        lease_until: opt("lease_until")?,
        next: instant(get(row, "next_at")?),
        tries: get(row, "tries")?,
        said: get(row, "said")?,
        since: instant(get(row, "since")?),
        source,
    })
}

/// All subscriptions, oldest first.
///
/// # Errors
/// The database's.
pub async fn all(conn: &mut Conn) -> Result<Vec<Subscription>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM subscription ORDER BY since, token"));
    sqlx::query(sql).fetch_all(conn).await?.iter().map(read).collect()
}

/// The subscription of that callback.
///
/// # Errors
/// The database's.
pub async fn one(conn: &mut Conn, token: &str) -> Result<Option<Subscription>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM subscription WHERE token = $1"));
    sqlx::query(sql).bind(token).fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// Whether a hub tells of what is new in that source, as far as is known.
///
/// # Errors
/// The database's.
pub async fn pushed(conn: &mut Conn, source: &str, now: Timestamp) -> Result<bool, StoreError> {
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM subscription WHERE source = $1 AND state = 'active' AND lease_until > $2",
    )
    .bind(source)
    .bind(ms(now))
    .fetch_one(conn)
    .await?;
    Ok(count > 0)
}

/// Writes a subscription, new or known.
///
/// # Errors
/// The database's.
pub async fn put(conn: &mut Conn, it: &Subscription) -> Result<(), StoreError> {
    mark(Topic::Sources);
    sqlx::query(
        "INSERT INTO subscription (token, source, hub, topic, callback, secret, state, asked, lease_until, next_at, \
         tries, said, since) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13) \
         ON CONFLICT (token) DO UPDATE SET state=$7, asked=$8, lease_until=$9, next_at=$10, tries=$11, said=$12",
    )
    .bind(&it.token)
    .bind(&it.source)
    .bind(&it.hub)
    .bind(&it.topic)
    .bind(&it.callback)
    .bind(it.secret.as_slice())
    .bind(it.state.word())
    .bind(it.asked.map(ms))
    .bind(it.lease_until.map(ms))
    .bind(ms(it.next))
    .bind(it.tries)
    .bind(it.said.as_deref())
    .bind(ms(it.since))
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets a subscription: it is over.
///
/// # Errors
/// The database's.
pub async fn remove(conn: &mut Conn, token: &str) -> Result<(), StoreError> {
    mark(Topic::Sources);
    sqlx::query("DELETE FROM subscription WHERE token = $1").bind(token).execute(conn).await?;
    Ok(())
}

/// Notes that a message was taken. Returns whether it is new.
///
/// # Errors
/// The database's.
pub async fn take(conn: &mut Conn, source: &str, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    let done = sqlx::query("INSERT INTO webhook_seen (source, id, at) VALUES ($1,$2,$3) ON CONFLICT DO NOTHING")
        .bind(source)
        .bind(id)
        .bind(ms(now))
        .execute(conn)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Forgets messages taken before then.
///
/// # Errors
/// The database's.
pub async fn forget_seen(conn: &mut Conn, before: Timestamp) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM webhook_seen WHERE at < $1").bind(ms(before)).execute(conn).await?;
    Ok(())
}

/// The sealed secrets of all subscriptions, by the last part of their callbacks' paths.
///
/// # Errors
/// The database's.
pub async fn secrets(conn: &mut Conn) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let rows = sqlx::query("SELECT token, secret FROM subscription ORDER BY token").fetch_all(conn).await?;
    rows.iter().map(|row| Ok((get(row, "token")?, get(row, "secret")?))).collect()
}

/// Puts another sealing of the same secret in the place of the one that is there, if it is still `old`. Returns whether it
/// did.
///
/// # Errors
/// The database's.
pub async fn swap_secret(conn: &mut Conn, token: &str, old: &[u8], new: &[u8]) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE subscription SET secret = $3 WHERE token = $1 AND secret = $2")
        .bind(token)
        .bind(old)
        .bind(new)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() > 0)
}
