//! What a person needs to judge: of a post in doubt what was sent and what came back, of a changed article what it said
//! before.

use crate::model::article::{Article, Entry};
use crate::model::post::{HoldReason, PostState};
use crate::model::receipt::Outcome;
use crate::store::post::PostRow;
use crate::store::{Conn, StoreError, article, attempt, audit};
use crate::web::pages::Desk;
use crate::web::pages::differ::{Piece, differ};
use crate::web::pages::look::{self, When};

/// What is known of a post that may be out.
pub(super) struct Doubt {
    /// In a sentence.
    pub said: String,
    /// When its last visible step was begun.
    pub sent: Option<When>,
    /// How often it was looked for and not found.
    pub looks: i64,
    /// When it is looked for again.
    pub next: Option<When>,
    /// What came back of each try without a clear answer.
    pub tries: Vec<(When, String)>,
    /// How many parts are known to be out.
    pub out: usize,
}

pub(super) async fn doubt(conn: &mut Conn, desk: &Desk, row: &PostRow) -> Result<Doubt, StoreError> {
    let said = match &row.post.state {
        PostState::Held { why: HoldReason::Doubt { evidence }, .. } => evidence.clone(),
        PostState::Held { why, .. } => why.to_string(),
        PostState::Uncertain { .. } => {
            "it was sent and the answer was lost; Bugle is asking the platform and sends nothing meanwhile".to_owned()
        }
        _ => "it was sent and no clear answer came".to_owned(),
    };
    let (mut tries, mut out) = (Vec::new(), 0);
    for tried in attempt::of(conn, row.id()).await?.into_iter().map(|it| it.attempt) {
        if tried.revision != row.revision || !tried.step.op.is_visible() {
            continue;
        }
        match &tried.outcome {
            Some(Outcome::Done { .. }) => out += 1,
            Some(Outcome::Unknown { said }) => tries.push((desk.when(tried.begun), look::sentence(said))),
            None => tries.push((desk.when(tried.begun), "The process ended before an answer came".to_owned())),
            Some(Outcome::Not { said, .. }) => tries.push((desk.when(tried.begun), look::sentence(said))),
        }
    }
    Ok(Doubt {
        said: look::sentence(&said),
        sent: row.sent.map(|at| desk.when(at)),
        looks: row.looks,
        next: row.next_look.map(|at| desk.when(at)),
        tries,
        out,
    })
}

/// What the article said before, beside what it says now.
pub(super) struct Versions {
    pub old: u32,
    pub new: u32,
    /// When the newest came.
    pub at: Option<When>,
    /// The post went out with the older words.
    pub after: bool,
    pub rows: Vec<Difference>,
}

/// A part of the article that differs.
pub(super) struct Difference {
    pub label: &'static str,
    pub old: Vec<Piece>,
    pub new: Vec<Piece>,
}

/// The newest version beside the one that the post went out with, or the one before.
pub(super) async fn versions(
    conn: &mut Conn,
    desk: &Desk,
    article: &Article,
    row: &PostRow,
) -> Result<Option<Versions>, StoreError> {
    if article.version < 2 {
        return Ok(None);
    }
    let older = article::versions(conn, article.id.as_str()).await?;
    let newest = format!("version {}", article.version);
    let log = audit::of(conn, article.id.as_str()).await?;
    let came = log.iter().rev().find(|line| line.to.as_deref() == Some(&newest)).map(|line| line.at);
    let out = match &row.post.state {
        PostState::Published { receipt } | PostState::Retracted { receipt, .. } => Some(row.sent.unwrap_or(receipt.at)),
        _ => None,
    };
    // A post that went out after the article last changed has the newest words.
    let after = out.zip(came).is_some_and(|(out, came)| out < came);
    if out.is_some() && !after {
        return Ok(None);
    }
    let sent_with = |at: &jiff::Timestamp| out.is_none_or(|out| *at <= out);
    let Some((version, _, old)) = older.into_iter().find(|(_, at, _)| sent_with(at)) else { return Ok(None) };
    Ok(Some(Versions {
        old: version,
        new: article.version,
        at: came.map(|at| desk.when(at)),
        after,
        rows: differences(&old, &article.entry),
    }))
}

fn differences(old: &Entry, new: &Entry) -> Vec<Difference> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let link = |entry: &Entry| entry.link.as_ref().map(ToString::to_string).unwrap_or_default();
    let picture = |entry: &Entry| entry.image.as_ref().map(|image| image.url.to_string()).unwrap_or_default();
    [
        ("Headline", old.title.clone(), new.title.clone()),
        ("Summary", text(&old.summary), text(&new.summary)),
        ("Link", link(old), link(new)),
        ("Picture", picture(old), picture(new)),
    ]
    .into_iter()
    .filter(|(_, old, new)| old != new)
    .map(|(label, old, new)| {
        let (old, new) = differ(&old, &new);
        Difference { label, old, new }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_readers_see_and_what_differs_is_shown() {
        let entry = |title: &str, summary: Option<&str>| Entry {
            title: title.to_owned(),
            summary: summary.map(str::to_owned),
            content: Some(title.repeat(3)),
            ..Entry::default()
        };
        let shown = |old: &Entry, new: &Entry| differences(old, new).iter().map(|it| it.label).collect::<Vec<_>>();
        let old = entry("Bridge opens", Some("Today."));
        assert!(shown(&old, &old).is_empty());
        assert_eq!(shown(&old, &entry("Bridge closes", Some("Today."))), ["Headline"]);
        assert_eq!(shown(&old, &entry("Bridge closes", None)), ["Headline", "Summary"]);
        let rows = differences(&old, &entry("Bridge closes", Some("Today.")));
        assert!(rows[0].new.iter().any(|piece| !piece.same && piece.text == "closes"));
    }
}
