//! Accounts on their way to being connected: consents under way, and the tickets that let a browser begin one. What is
//! secret comes in hashed, or is kept sealed elsewhere.

use jiff::Timestamp;

use super::{Conn, StoreError, get, instant, ms};

/// A consent under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentRow {
    /// SHA-256 of its state, in hex.
    pub state: String,
    /// The channel to connect.
    pub channel: String,
    /// Whose it is.
    pub bound: String,
    /// The redirect URI it was asked with.
    pub redirect: String,
    /// The page the person was sent to, without its query.
    pub page: String,
    /// The issuer the answer has to name.
    pub issuer: Option<String>,
    /// Who connects.
    pub who: String,
    /// SHA-256 of the ticket it was begun with, in hex.
    pub ticket: Option<String>,
    /// Whether it was given, and waits for a choice.
    pub choosing: bool,
    /// When it is too late.
    pub expires: Timestamp,
}

fn read(row: &sqlx::any::AnyRow) -> Result<ConsentRow, StoreError> {
    Ok(ConsentRow {
        state: get(row, "state")?,
        channel: get(row, "channel")?,
        bound: get(row, "bound")?,
        redirect: get(row, "redirect")?,
        page: get(row, "page")?,
        issuer: get(row, "issuer")?,
        who: get(row, "who")?,
        ticket: get(row, "ticket")?,
        choosing: get::<i64>(row, "choosing")? != 0,
        expires: instant(get(row, "expires")?),
    })
}

const COLUMNS: &str = "state, channel, bound, redirect, page, issuer, who, ticket, choosing, expires";

/// Notes a consent. Its state is new: it was made by chance.
///
/// # Errors
/// The database's.
pub async fn begin(conn: &mut Conn, row: &ConsentRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO consent (state, channel, bound, redirect, page, issuer, who, ticket, choosing, expires) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)",
    )
    .bind(&row.state)
    .bind(&row.channel)
    .bind(&row.bound)
    .bind(&row.redirect)
    .bind(&row.page)
    .bind(&row.issuer)
    .bind(&row.who)
    .bind(&row.ticket)
    .bind(i64::from(row.choosing))
    .bind(ms(row.expires))
    .execute(conn)
    .await?;
    Ok(())
}

/// The consent with that state, if there is one.
///
/// # Errors
/// The database's.
pub async fn one(conn: &mut Conn, state: &str) -> Result<Option<ConsentRow>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM consent WHERE state = $1"));
    sqlx::query(sql).bind(state).fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// The consent of that session and channel that waits for a choice, if there is one.
///
/// # Errors
/// The database's.
pub async fn choosing(conn: &mut Conn, channel: &str, bound: &str) -> Result<Option<ConsentRow>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM consent WHERE channel = $1 AND bound = $2 AND choosing = 1"
    ));
    sqlx::query(sql).bind(channel).bind(bound).fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// Takes a consent out: it works once. Returns whether it was there.
///
/// # Errors
/// The database's.
pub async fn take(conn: &mut Conn, state: &str) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM consent WHERE state = $1").bind(state).execute(conn).await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets consents and tickets that were too late at `late`, and what was sealed before `old` for a consent that is gone
/// or was never noted (its word is that of [`word`]). What is sealed for a consent is there a moment before its row.
///
/// # Errors
/// The database's.
pub async fn sweep(conn: &mut Conn, late: Timestamp, old: Timestamp) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM consent WHERE expires <= $1").bind(ms(late)).execute(&mut *conn).await?;
    sqlx::query("DELETE FROM connect_ticket WHERE expires <= $1").bind(ms(late)).execute(&mut *conn).await?;
    sqlx::query(
        "DELETE FROM sealed WHERE word LIKE 'consent-%' AND at <= $1 AND NOT EXISTS (SELECT 1 FROM consent \
         WHERE consent.channel = sealed.channel AND sealed.word = 'consent-' || substr(consent.state, 1, 32))",
    )
    .bind(ms(old))
    .execute(conn)
    .await?;
    Ok(())
}

/// The word a consent's proof, or what it offers, is kept under.
pub fn word(state: &str) -> String {
    format!("consent-{}", state.get(..32).unwrap_or(state))
}

/// A ticket as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketRow {
    /// SHA-256 of it, in hex.
    pub ticket: String,
    /// The channel it is for.
    pub channel: String,
    /// Who had it printed.
    pub who: String,
    /// Whether a browser has taken it.
    pub taken: bool,
    /// What came of it.
    pub outcome: Option<String>,
    /// When it is too late.
    pub expires: Timestamp,
}

/// Notes a ticket.
///
/// # Errors
/// The database's.
pub async fn print(conn: &mut Conn, row: &TicketRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO connect_ticket (ticket, channel, who, taken, outcome, expires) VALUES ($1,$2,$3,$4,$5,$6)",
    )
    .bind(&row.ticket)
    .bind(&row.channel)
    .bind(&row.who)
    .bind(i64::from(row.taken))
    .bind(&row.outcome)
    .bind(ms(row.expires))
    .execute(conn)
    .await?;
    Ok(())
}

/// A ticket, if there is such a one.
///
/// # Errors
/// The database's.
pub async fn ticket(conn: &mut Conn, ticket: &str) -> Result<Option<TicketRow>, StoreError> {
    let row = sqlx::query("SELECT ticket, channel, who, taken, outcome, expires FROM connect_ticket WHERE ticket = $1")
        .bind(ticket)
        .fetch_optional(conn)
        .await?;
    let read = |row: &sqlx::any::AnyRow| {
        Ok(TicketRow {
            ticket: get(row, "ticket")?,
            channel: get(row, "channel")?,
            who: get(row, "who")?,
            taken: get::<i64>(row, "taken")? != 0,
            outcome: get(row, "outcome")?,
            expires: instant(get(row, "expires")?),
        })
    };
    row.as_ref().map(read).transpose()
}

/// Takes a ticket of that channel that is in time and was not taken before: it works once. Returns who had it printed.
///
/// # Errors
/// The database's.
pub async fn tear(conn: &mut Conn, ticket: &str, channel: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
    let sql = "UPDATE connect_ticket SET taken = 1 WHERE ticket = $1 AND channel = $2 AND taken = 0 AND expires > $3 \
               RETURNING who";
    Ok(sqlx::query_scalar(sql).bind(ticket).bind(channel).bind(ms(now)).fetch_optional(conn).await?)
}

/// Says what came of a ticket.
///
/// # Errors
/// The database's.
pub async fn came(conn: &mut Conn, ticket: &str, outcome: &str) -> Result<(), StoreError> {
    let sql = "UPDATE connect_ticket SET outcome = $2 WHERE ticket = $1";
    sqlx::query(sql).bind(ticket).bind(outcome).execute(conn).await?;
    Ok(())
}

/// Forgets a ticket, and all that are too late.
///
/// # Errors
/// The database's.
pub async fn forget_tickets(conn: &mut Conn, ticket: &str, now: Timestamp) -> Result<(), StoreError> {
    let sql = "DELETE FROM connect_ticket WHERE ticket = $1 OR expires <= $2";
    sqlx::query(sql).bind(ticket).bind(ms(now)).execute(conn).await?;
    Ok(())
}
