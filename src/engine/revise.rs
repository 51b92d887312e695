//! An entry of a story we have: is it a newer wording, another standing, another embargo, or nothing new? Two pure
//! decisions ([`order`], [`said`]) and their way into the store.

use std::sync::Arc;

use jiff::Timestamp;

use super::ingest::{Catch, Listing};
use super::standing::{Before, follow};
use super::{Setup, pages};
use crate::model::article::{Article, Entry, Standing};
use crate::model::id::ArticleId;
use crate::source::identity::{content_hash, stated_hash};
use crate::store::article::new_version;
use crate::store::{Conn, StoreError, article};

/// What came of an entry of a known story.
pub(super) enum Update {
    /// Nothing new.
    Same,
    /// A push that may be older than what is stored.
    Unsure,
    /// Another version, standing or embargo.
    Changed {
        /// Posts that may go out now and could not before.
        freed: u64,
    },
}

/// A new version, where the content that matters differs; another standing or embargo, where the source says so.
pub(super) async fn update(
    conn: &mut Conn,
    setup: &Arc<Setup>,
    id: &ArticleId,
    entry: &Entry,
    title: &str,
    catch: &Catch,
) -> Result<Update, StoreError> {
    let old = article::hash(conn, id.as_str()).await?;
    if old.is_none() || old == Some(stated_hash(entry)) {
        return Ok(Update::Same);
    }
    let Some((stored, _)) = article::one(conn, id.as_str()).await? else { return Ok(Update::Same) };
    let before = Before::of(&stored);
    // With the word that a story may not be used come odds and ends of it: its page is gone, its body empty.
    let mut next = match catch.listing {
        Listing::Door if !entry.standing.is_usable() => {
            Entry { updated: entry.updated.or(stored.entry.updated), ..stored.entry.clone() }
        }
        _ => entry.clone(),
    };
    (next.standing, next.embargo) = said(catch.listing, entry, &stored.entry);
    let hash = stated_hash(&next);
    if old.as_ref() == Some(&hash) {
        return Ok(Update::Same);
    }
    match order(catch.listing, entry.updated, stored.entry.updated) {
        Order::Newer => {}
        Order::Older => return Ok(Update::Same),
        Order::Unknown => return Ok(Update::Unsure),
    }
    // The hash is of what the source says; what is stored, is that with what the article's page added.
    let next = pages::completed(conn, setup, &stored.source, id, &next).await?;
    let same_content = content_hash(&next) == content_hash(&stored.entry);
    if same_content {
        article::restate(conn, id.as_str(), &next, &hash, catch.now).await?;
    } else {
        new_version(conn, id.as_str(), &next, &hash, title, catch.now).await?;
    }
    let article = Article { entry: next, ..stored };
    let freed = follow(conn, setup, &article, before, catch.now).await?;
    Ok(Update::Changed { freed })
}

/// Which of two wordings of a story is the newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Newer,
    Older,
    Unknown,
}

/// A poll brings what is; a push may have been overtaken. `new` and `old`: when the source says it changed last.
fn order(listing: Listing, new: Option<Timestamp>, old: Option<Timestamp>) -> Order {
    match (listing, new.zip(old)) {
        (Listing::Whole, _) => Order::Newer,
        (_, Some((new, old))) => {
            if new < old {
                Order::Older
            } else {
                Order::Newer
            }
        }
        // The newsroom's own system speaks last where it gives no dates.
        (Listing::Door, None) => Order::Newer,
        (Listing::Ping, None) => Order::Unknown,
    }
}

/// The standing and embargo that count after an entry was read. The door says them each time. A feed that merely lists a
/// story says nothing: a copy of it may be older than the word that took the story back. Only a withheld story is
/// usable again once the feed has it with a later date.
fn said(listing: Listing, entry: &Entry, stored: &Entry) -> (Standing, Option<Timestamp>) {
    if listing == Listing::Door {
        return (entry.standing, entry.embargo);
    }
    let later = entry.updated.zip(stored.updated).is_some_and(|(new, old)| new > old);
    let standing = match (entry.standing, stored.standing) {
        (Standing::Usable, Standing::Withheld) if later => Standing::Usable,
        (Standing::Usable, stored) => stored,
        (said, _) => said,
    };
    (standing, entry.embargo.or(stored.embargo))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    #[test]
    fn which_wording_is_the_newer() {
        use Listing::{Door, Ping, Whole};
        for (listing, new, old, expected) in [
            (Whole, None, None, Order::Newer),
            (Whole, Some(1), Some(2), Order::Newer),
            (Ping, Some(2), Some(1), Order::Newer),
            (Ping, Some(2), Some(2), Order::Newer),
            (Ping, Some(1), Some(2), Order::Older),
            (Ping, None, Some(2), Order::Unknown),
            (Ping, Some(1), None, Order::Unknown),
            (Ping, None, None, Order::Unknown),
            (Door, Some(1), Some(2), Order::Older),
            (Door, Some(2), Some(1), Order::Newer),
            (Door, None, Some(2), Order::Newer),
            (Door, None, None, Order::Newer),
        ] {
            assert_eq!(order(listing, new.map(at), old.map(at)), expected, "{listing:?} {new:?} {old:?}");
        }
    }

    #[test]
    fn what_counts_of_standing_and_embargo() {
        use Standing::{Killed as K, Usable as U, Withheld as W};
        // How it came; said and when; stored and when; what counts.
        for (listing, new, new_at, old, old_at, expected) in [
            (Listing::Door, U, None, K, None, U),
            (Listing::Door, W, None, U, None, W),
            (Listing::Whole, U, Some(2), W, Some(1), U),
            (Listing::Whole, U, Some(1), W, Some(1), W),
            (Listing::Whole, U, None, W, None, W),
            (Listing::Whole, U, Some(2), K, Some(1), K),
            (Listing::Ping, U, Some(2), K, Some(1), K),
            (Listing::Ping, U, Some(2), W, Some(1), U),
            (Listing::Whole, K, None, U, Some(9), K),
            (Listing::Whole, W, None, K, None, W),
        ] {
            let entry = |standing, updated: Option<i64>, embargo: Option<i64>| Entry {
                standing,
                updated: updated.map(at),
                embargo: embargo.map(at),
                ..Entry::default()
            };
            let (new, old) = (entry(new, new_at, None), entry(old, old_at, Some(90)));
            let (standing, embargo) = said(listing, &new, &old);
            assert_eq!(standing, expected, "{listing:?} {new:?} {old:?}");
            // Only the door can lift an embargo by not naming it.
            assert_eq!(embargo, if listing == Listing::Door { None } else { Some(at(90)) });
        }
    }
}
