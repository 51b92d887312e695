//! What happens before the first loop turns: what the last process left behind is settled, an outage or a restore is
//! noticed, and the store's channels and sources are brought in line with the config.

use jiff::{SignedDuration, Timestamp};

use crate::model::channel::Block;
use crate::model::notice::{Level, Notice};
use crate::model::post::{Actor, HoldReason};
use crate::publish::claim::hold_stale;
use crate::publish::recover;
use crate::store::post::PostRow;
use crate::store::{Conn, StoreError, audit, channel, meta, notice, post, source};

/// A heartbeat older than this means that others may have acted in our name meanwhile. Source: reliability.md section 1.
const OUTAGE: SignedDuration = SignedDuration::from_mins(15);

/// What the config names, as far as the store must know it.
#[derive(Clone, Debug)]
pub struct Named {
    /// Channels and their platforms.
    pub channels: Vec<(String, String)>,
    /// Sources.
    pub sources: Vec<String>,
}

/// Settles the past. To be called once a process, under the lock of the one publishing process. `counted`: the claims
/// counted beside the database. Returns how many it has.
///
/// # Errors
/// The database's.
pub async fn settle_past(
    conn: &mut Conn,
    worker: &str,
    counted: Option<u64>,
    now: Timestamp,
    scale: f64,
) -> Result<u64, StoreError> {
    let (back, doubt) = recover::sweep(conn, worker, now).await?;
    if back + doubt > 0 {
        tracing::warn!(back, doubt, "the last process ended in the middle of its work: posts put back, posts in doubt");
    }
    let claims = channel::claims(conn).await?;
    let lost = claims.zip(counted).is_some_and(|(has, counted)| has < counted);
    if lost {
        // As after a restore: what it brings next was out before, or cannot be told from what was.
        source::freshen_all(conn).await?;
        notice::raise(conn, &Notice::new(Level::Alarm, "store.lost", LOST), now).await?;
    }
    let restored = lost || meta::get(conn, meta::RESTORED).await?.is_some();
    let heartbeat = meta::instant_of(conn, meta::HEARTBEAT).await?;
    let outage = OUTAGE.as_secs_f64() * scale;
    let silent = heartbeat.filter(|at| now.duration_since(*at).as_secs_f64() > outage);
    if restored || silent.is_some() {
        let waiting = post::verify_all(conn).await?;
        if waiting > 0 {
            tracing::warn!(waiting, "after the pause each waiting post is looked up once before it may go");
        }
        if let Some(since) = silent {
            for row in channel::all(conn).await? {
                hold_stale(conn, &row.name, row.closed_since.unwrap_or(since).min(since), now, scale).await?;
            }
        }
    }
    meta::set(conn, meta::LEADER, worker).await?;
    meta::clear(conn, meta::RESTORED).await?;
    meta::set_instant(conn, meta::HEARTBEAT, now).await?;
    Ok(claims.unwrap_or(0))
}

/// What a person is told.
const LOST: &str = "the database knows less than was done from it: a -wal file was deleted, or an older copy put in its \
                    place. Each waiting post is looked up before it may go, and what the sources list now is taken for \
                    old; post by hand what is missing: bugle post --article URL --to CHANNEL";

/// Brings the store in line with the config: new channels get a row, those gone are blocked and their posts stay, those
/// back are unblocked; unsent posts of a source that is gone are held.
///
/// # Errors
/// The database's.
pub async fn sync(conn: &mut Conn, named: &Named, now: Timestamp) -> Result<(), StoreError> {
    for (name, platform) in &named.channels {
        channel::ensure(conn, name, platform, now).await?;
    }
    for row in channel::all(conn).await? {
        let is_named = named.channels.iter().any(|(name, _)| *name == row.name);
        match (is_named, &row.blocked) {
            (false, None | Some(Block::MissingSecret { .. })) => {
                channel::set_blocked(conn, &row.name, Some(&Block::NotInConfig), now).await?;
                channel::set_closed(conn, &row.name, Some(now)).await?;
                let arrow = (None, Some("blocked"));
                audit::add(conn, now, &Actor::Bugle, "channel", &row.name, arrow, "not in config").await?;
            }
            (true, Some(Block::NotInConfig)) => {
                channel::set_blocked(conn, &row.name, None, now).await?;
                let arrow = (Some("blocked"), None);
                audit::add(conn, now, &Actor::Bugle, "channel", &row.name, arrow, "in the config again").await?;
            }
            _ => {}
        }
    }
    for row in source::all(conn).await? {
        if named.sources.contains(&row.name) {
            continue;
        }
        for key in [format!("source.{}", row.name), format!("source.{}.silent", row.name)] {
            notice::settle(conn, &key).await?;
        }
        for row in post::unsent_of_source(conn, &row.name).await? {
            let why = match row.resends {
                0 => HoldReason::SourceGone,
                _ => HoldReason::Doubt { evidence: "sent without a clear answer; its source is gone since".to_owned() },
            };
            let Ok(held) = row.post.clone().hold(why, now) else { continue };
            let next = PostRow { post: held, ..row.clone() };
            post::put(conn, &row, &next, now, &Actor::Bugle, "its source is no longer in the config").await?;
        }
    }
    Ok(())
}
