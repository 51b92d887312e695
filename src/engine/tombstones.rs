//! Entries that their feed takes back (RFC 6721): the article is marked, its posts learn of it.

use std::sync::Arc;

use jiff::Timestamp;

use super::Setup;
use super::standing::stand;
use crate::model::article::{Entry, Standing};
use crate::model::id::SourceName;
use crate::model::post::Actor;
use crate::source::feed::Tombstone;
use crate::source::identity::guid_key;
use crate::store::article::{Alias, kill, known};
use crate::store::{Conn, StoreError, audit};

/// Marks the articles that a listing takes back, found by guid among the source's own. One that the same listing has
/// again with a later date is not taken back (RFC 6721 section 4); one that is not known is nothing to us. Returns how
/// many posts may go out now that could not before: none, but that is `stand`'s to say.
///
/// # Errors
/// The database's.
pub async fn bury(
    conn: &mut Conn,
    setup: &Arc<Setup>,
    source: &SourceName,
    tombstones: &[Tombstone],
    entries: &[Entry],
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut freed = 0;
    for stone in tombstones.iter().filter(|stone| !listed_again(stone, entries)) {
        let key = guid_key(source, &stone.guid);
        let found = known(conn, &[Alias { scope: key.scope, value: key.value }]).await?;
        let Some((_, id, _)) = found.into_iter().next() else { continue };
        let why = stone.comment.as_deref().filter(|words| !words.is_empty()).unwrap_or("no reason given");
        if !kill(conn, id.as_str(), stone.at.map_or(now, |at| at.min(now)), why).await? {
            continue;
        }
        let said = format!("source {source} took it back: {why}");
        audit::add(conn, now, &Actor::Bugle, "article", id.as_str(), (None, Some("killed")), &said).await?;
        freed += stand(conn, setup, &id, Standing::Killed, now).await?;
    }
    Ok(freed)
}

/// Whether the listing has the entry with a date after it was taken back.
fn listed_again(stone: &Tombstone, entries: &[Entry]) -> bool {
    entries.iter().filter(|entry| entry.guid.as_deref() == Some(stone.guid.as_str())).any(|entry| {
        let date = entry.updated.or(entry.published);
        stone.at.is_some_and(|at| date.is_some_and(|date| date > at))
    })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn an_entry_with_a_later_date_is_there_again() {
        let at = |hours: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        for (name, stone, guid, published, updated, again) in [
            ("changed since", Some(5), "a", Some(1), Some(6), true),
            ("published since", Some(5), "a", Some(6), None, true),
            ("older", Some(5), "a", Some(1), Some(5), false),
            ("without a date", Some(5), "a", None, None, false),
            ("another entry", Some(5), "b", Some(9), Some(9), false),
            ("taken back, nobody says when", None, "a", Some(9), Some(9), false),
        ] {
            let stone = Tombstone { guid: "a".to_owned(), at: stone.map(at), comment: None };
            let entry = Entry {
                guid: Some(guid.to_owned()),
                published: published.map(at),
                updated: updated.map(at),
                ..Entry::default()
            };
            assert_eq!(listed_again(&stone, &[Entry::default(), entry]), again, "{name}");
        }
    }
}
