//! Attempts: each try at a journal step, committed as begun before its first byte leaves.

use jiff::{SignedDuration, Timestamp};

use super::{Conn, StoreError, get, instant, json, ms, to_json};
use crate::model::id::{AttemptId, PostId};
use crate::model::receipt::{Attempt, Op, Outcome, Step};

/// An attempt and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    /// The attempt.
    pub attempt: Attempt,
    /// The process that began it.
    pub owner: String,
    /// When its step must have ended.
    pub deadline: Timestamp,
    /// How far the platform's clock was ahead of ours when it was begun, where that was known.
    pub clock_ahead: Option<SignedDuration>,
}

/// Stores that a step is begun.
///
/// # Errors
/// The database's.
pub async fn begin(conn: &mut Conn, row: &AttemptRow) -> Result<(), StoreError> {
    let a = &row.attempt;
    sqlx::query(
        "INSERT INTO attempt (id, post, op, n, revision, owner, fence, hash, begun, deadline, clock_ahead) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)",
    )
    .bind(a.id.as_str())
    .bind(a.post.as_str())
    .bind(a.step.op.as_str())
    .bind(i64::from(a.step.n))
    .bind(i64::from(a.revision))
    .bind(&row.owner)
    .bind(a.fence)
    .bind(&a.hash)
    .bind(ms(a.begun))
    .bind(ms(row.deadline))
    .bind(row.clock_ahead.map(|ahead| i64::try_from(ahead.as_millis()).unwrap_or(0)))
    .execute(conn)
    .await?;
    Ok(())
}

/// Stores how an attempt ended. Returns how many other attempts at the same step of the same revision are done already:
/// more than none would be a post that is out twice.
///
/// # Errors
/// The database's.
pub async fn end(conn: &mut Conn, id: &AttemptId, at: Timestamp, outcome: &Outcome) -> Result<i64, StoreError> {
    let result = match outcome {
        Outcome::Done { .. } => "done",
        Outcome::Not { .. } => "not",
        Outcome::Unknown { .. } => "unknown",
    };
    let others: Option<i64> = sqlx::query_scalar(
        "UPDATE attempt SET ended = $2, result = $3, outcome = $4 WHERE id = $1 RETURNING \
         (SELECT count(*) FROM attempt AS other WHERE other.post = attempt.post AND other.op = attempt.op \
         AND other.n = attempt.n AND other.revision = attempt.revision AND other.id <> attempt.id \
         AND other.result = 'done')",
    )
    .bind(id.as_str())
    .bind(ms(at))
    .bind(result)
    .bind(to_json(outcome))
    .fetch_optional(conn)
    .await?;
    Ok(others.unwrap_or(0))
}

/// All attempts of a post, oldest first.
///
/// # Errors
/// The database's.
pub async fn of(conn: &mut Conn, post: &str) -> Result<Vec<AttemptRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, post, op, n, revision, owner, fence, hash, begun, deadline, clock_ahead, ended, outcome FROM attempt \
         WHERE post = $1 ORDER BY begun, id",
    )
    .bind(post)
    .fetch_all(conn)
    .await?;
    rows.iter().map(read).collect()
}

fn read(row: &sqlx::any::AnyRow) -> Result<AttemptRow, StoreError> {
    let id: String = get(row, "id")?;
    let word: String = get(row, "op")?;
    let op = [Op::Upload, Op::Create, Op::Edit, Op::Delete].into_iter().find(|op| op.as_str() == word);
    let op = op.ok_or_else(|| StoreError::Corrupt {
        table: "attempt",
        column: "op",
        id: id.clone(),
        said: format!("is {word:?}"),
    })?;
    let outcome: Option<String> = get(row, "outcome")?;
    Ok(AttemptRow {
        attempt: Attempt {
            post: PostId::new(get::<String>(row, "post")?),
            step: Step { op, n: u16::try_from(get::<i64>(row, "n")?).unwrap_or(u16::MAX) },
            revision: u16::try_from(get::<i64>(row, "revision")?).unwrap_or(u16::MAX),
            fence: get(row, "fence")?,
            begun: instant(get(row, "begun")?),
            ended: get::<Option<i64>>(row, "ended")?.map(instant),
            hash: get(row, "hash")?,
            outcome: outcome.map(|text| json("attempt", "outcome", &id, &text)).transpose()?,
            id: AttemptId::new(id),
        },
        owner: get(row, "owner")?,
        deadline: instant(get(row, "deadline")?),
        clock_ahead: get::<Option<i64>>(row, "clock_ahead")?.map(SignedDuration::from_millis),
    })
}

/// Forgets attempts of posts that are gone.
///
/// # Errors
/// The database's.
pub async fn forget(conn: &mut Conn, before: Timestamp) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM attempt WHERE begun < $1 AND post NOT IN (SELECT id FROM post)")
        .bind(ms(before))
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}
