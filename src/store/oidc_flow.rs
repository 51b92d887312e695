//! Sign-ins that are under way at the sign-in service: what was asked with which state, until it comes back. What the
//! browser and the address hold is kept as hashes.

use jiff::Timestamp;

use super::{Conn, StoreError, get, instant, ms};

/// A sign-in under way.
#[derive(Clone, PartialEq, Eq)]
pub struct FlowRow {
    /// SHA-256 of the state that comes back, in hex.
    pub state: String,
    /// SHA-256 of the cookie of the browser that began it, in hex.
    pub bound: String,
    /// What the identity token has to repeat.
    pub nonce: String,
    /// The proof of PKCE: worth nothing without the code, which only the browser brings.
    pub verifier: String,
    /// The page to go on with.
    pub back: String,
    /// When it is too late.
    pub until: Timestamp,
}

impl std::fmt::Debug for FlowRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FlowRow").field("back", &self.back).field("until", &self.until).finish_non_exhaustive()
    }
}

/// What became of taking one out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Here it is; it will not be found again.
    Here(FlowRow),
    /// There is none: never begun, or taken before.
    None,
    /// Another browser began it; it is left to that one.
    Foreign,
}

/// Notes one; beyond `most` under way, the oldest are forgotten: whoever begins thousands must not fill the store.
///
/// # Errors
/// The database's.
pub async fn add(conn: &mut Conn, row: &FlowRow, most: i64, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM oidc_flow WHERE until <= $1").bind(ms(now)).execute(&mut *conn).await?;
    sqlx::query("INSERT INTO oidc_flow (state, bound, nonce, verifier, back, until) VALUES ($1,$2,$3,$4,$5,$6)")
        .bind(&row.state)
        .bind(&row.bound)
        .bind(&row.nonce)
        .bind(&row.verifier)
        .bind(&row.back)
        .bind(ms(row.until))
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "DELETE FROM oidc_flow WHERE state NOT IN (SELECT state FROM oidc_flow ORDER BY until DESC, state LIMIT $1)",
    )
    .bind(most)
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes one out, for the browser that began it: it works once.
///
/// # Errors
/// The database's.
pub async fn take(conn: &mut Conn, state: &str, bound: Option<&str>) -> Result<Taken, StoreError> {
    let sql = "SELECT state, bound, nonce, verifier, back, until FROM oidc_flow WHERE state = $1";
    let Some(row) = sqlx::query(sql).bind(state).fetch_optional(&mut *conn).await? else { return Ok(Taken::None) };
    let row = FlowRow {
        state: get(&row, "state")?,
        bound: get(&row, "bound")?,
        nonce: get(&row, "nonce")?,
        verifier: get(&row, "verifier")?,
        back: get(&row, "back")?,
        until: instant(get(&row, "until")?),
    };
    if bound != Some(row.bound.as_str()) {
        return Ok(Taken::Foreign);
    }
    let gone = sqlx::query("DELETE FROM oidc_flow WHERE state = $1").bind(state).execute(conn).await?;
    Ok(if gone.rows_affected() == 1 { Taken::Here(row) } else { Taken::None })
}
