//! What happened to a post, line by line: the audit log and every try, with the platform's own words.

use super::Desk;
use super::look::{self, When};
use crate::model::receipt::Outcome;
use crate::store::{Conn, StoreError, attempt, audit, short_link};

/// One line of a post's history.
pub(super) struct Line {
    pub at: When,
    pub what: String,
    pub who: String,
    pub why: String,
}

/// All of it, oldest first.
///
/// # Errors
/// The database's.
pub(super) async fn of(conn: &mut Conn, desk: &Desk, post: &str) -> Result<Vec<Line>, StoreError> {
    let mut lines = Vec::new();
    for entry in audit::of(conn, post).await? {
        let what = match (entry.from, entry.to) {
            (Some(from), Some(to)) if from == to => to,
            (Some(from), Some(to)) => format!("{from} → {to}"),
            (None, Some(to)) => to,
            _ => entry.what,
        };
        lines.push((entry.at, what, entry.actor, entry.why));
    }
    for tried in attempt::of(conn, post).await? {
        let tried = tried.attempt;
        let why = match tried.outcome {
            None => "no outcome yet".to_owned(),
            Some(Outcome::Done { .. }) => "done".to_owned(),
            Some(Outcome::Not { class, said }) => format!("not done ({class}): {said}"),
            Some(Outcome::Unknown { said }) => format!("no clear answer: {said}"),
        };
        lines.push((tried.begun, format!("try {}", tried.step), "bugle".to_owned(), why));
    }
    lines.sort_by_key(|line| line.0);
    let shown = lines.into_iter().map(|(at, what, who, why)| Line {
        at: desk.when(at),
        what: look::sentence(&what),
        who,
        why: look::sentence(&why),
    });
    Ok(shown.collect())
}

/// How often its short link was followed, in words; `None`: it has none.
///
/// # Errors
/// The database's.
pub(super) async fn clicks(conn: &mut Conn, post: &str) -> Result<Option<String>, StoreError> {
    let link = short_link::of_post(conn, post).await?;
    Ok(link.map(|link| {
        let word = if link.clicks == 1 { "click" } else { "clicks" };
        format!("{} {word} on /r/{}", link.clicks, link.id)
    }))
}
