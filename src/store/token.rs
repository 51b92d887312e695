//! What is known of the grant of a channel: how its renewals went, which warnings of its end were given, when its account
//! last introduced itself. The grant itself is sealed, and elsewhere. One row a channel is also the lease of whoever renews.

use jiff::Timestamp;

use super::change::{Topic, mark};
use super::{Conn, StoreError, get, instant, ms};

/// Where the renewing of a grant stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It may be renewed when its time comes.
    #[default]
    Fresh,
    /// A renewal was begun, and no answer is stored.
    Asked,
    /// The platform refuses to renew it, for good.
    Spent,
    /// There is nothing to renew.
    Never,
    /// Two answers were lost: asking again could end the whole grant.
    Lost,
}

impl State {
    const ALL: [Self; 5] = [Self::Fresh, Self::Asked, Self::Spent, Self::Never, Self::Lost];

    /// The word in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Asked => "asked",
            Self::Spent => "spent",
            Self::Never => "never",
            Self::Lost => "lost",
        }
    }
}

/// A channel's row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenRow {
    /// The channel.
    pub channel: String,
    /// When the grant was put there that all this is about.
    pub grant_at: Option<Timestamp>,
    /// Where renewing it stands.
    pub state: State,
    /// What the platform said last to that.
    pub said: Option<String>,
    /// Answers that were lost, for this grant.
    pub lost: i64,
    /// Not renewed before then.
    pub next: Option<Timestamp>,
    /// When it was renewed last.
    pub renewed: Option<Timestamp>,
    /// Who renews it.
    pub owner: Option<String>,
    /// Until when nobody else does.
    pub lease_until: Option<Timestamp>,
    /// Grows with each renewal that is begun.
    pub fence: i64,
    /// Which warnings of its end were given, as bits.
    pub told: i64,
    /// The API version that `version_told` is about.
    pub version: Option<String>,
    /// Which warnings of that version's end were given, as bits.
    pub version_told: i64,
    /// When the account last introduced itself, or refused to.
    pub probed: Option<Timestamp>,
    /// What it said then, where it refused.
    pub probe: Option<String>,
}

const COLUMNS: &str = "channel, grant_at, state, said, lost, next_at, renewed, owner, lease_until, fence, told, version, \
                       version_told, probed, probe";

fn read(row: &sqlx::any::AnyRow) -> Result<TokenRow, StoreError> {
    let channel: String = get(row, "channel")?;
    let word: String = get(row, "state")?;
    let state = State::ALL.into_iter().find(|state| state.word() == word).ok_or_else(|| StoreError::Corrupt {
        table: "token",
        column: "state",
        id: channel.clone(),
        said: format!("unknown state {word:?}"),
    })?;
    let at = |column| Ok::<_, StoreError>(get::<Option<i64>>(row, column)?.map(instant));
    Ok(TokenRow {
        grant_at: at("grant_at")?,
        state,
        said: get(row, "said")?,
        lost: get(row, "lost")?,
        next: at("next_at")?,
        renewed: at("renewed")?,
        owner: get(row, "owner")?,
        lease_until: at("lease_until")?,
        fence: get(row, "fence")?,
        told: get(row, "told")?,
        version: get(row, "version")?,
        version_told: get(row, "version_told")?,
        probed: at("probed")?,
        probe: get(row, "probe")?,
        channel,
    })
}

/// All rows.
///
/// # Errors
/// The database's.
pub async fn all(conn: &mut Conn) -> Result<Vec<TokenRow>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM token ORDER BY channel"));
    sqlx::query(sql).fetch_all(conn).await?.iter().map(read).collect()
}

/// A channel's row.
///
/// # Errors
/// The database's.
pub async fn one(conn: &mut Conn, channel: &str) -> Result<Option<TokenRow>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM token WHERE channel = $1"));
    sqlx::query(sql).bind(channel).fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// A channel's row, taken: until the transaction ends nobody else reads or writes it this way. Made where there is none.
///
/// # Errors
/// The database's.
pub async fn take(conn: &mut Conn, channel: &str) -> Result<TokenRow, StoreError> {
    sqlx::query(
        "INSERT INTO token (channel, state, lost, fence, told, version_told) VALUES ($1,'fresh',0,0,0,0) \
         ON CONFLICT (channel) DO NOTHING",
    )
    .bind(channel)
    .execute(&mut *conn)
    .await?;
    let sql = sqlx::AssertSqlSafe(format!("UPDATE token SET told = told WHERE channel = $1 RETURNING {COLUMNS}"));
    read(&sqlx::query(sql).bind(channel).fetch_one(conn).await?)
}

/// Writes a row that was [taken](take) in this transaction.
///
/// # Errors
/// The database's.
pub async fn put(conn: &mut Conn, row: &TokenRow) -> Result<(), StoreError> {
    mark(Topic::Channels);
    sqlx::query(
        "UPDATE token SET grant_at=$2, state=$3, said=$4, lost=$5, next_at=$6, renewed=$7, owner=$8, lease_until=$9, \
         fence=$10, told=$11, version=$12, version_told=$13, probed=$14, probe=$15 WHERE channel = $1",
    )
    .bind(&row.channel)
    .bind(row.grant_at.map(ms))
    .bind(row.state.word())
    .bind(row.said.as_deref())
    .bind(row.lost)
    .bind(row.next.map(ms))
    .bind(row.renewed.map(ms))
    .bind(row.owner.as_deref())
    .bind(row.lease_until.map(ms))
    .bind(row.fence)
    .bind(row.told)
    .bind(row.version.as_deref())
    .bind(row.version_told)
    .bind(row.probed.map(ms))
    .bind(row.probe.as_deref())
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that the account introduced itself, or (with what it said) refused to.
///
/// # Errors
/// The database's.
pub async fn probed(conn: &mut Conn, channel: &str, refused: Option<&str>, now: Timestamp) -> Result<(), StoreError> {
    let row = take(&mut *conn, channel).await?;
    put(conn, &TokenRow { probed: Some(now), probe: refused.map(str::to_owned), ..row }).await
}
