//! Pause and resume: what stops a channel or everything, and what becomes of the posts that grew old behind it.

use jiff::Timestamp;

use super::Hand;
use super::waiting::approve_row;
use crate::model::channel::{Block, Pause, PauseScope};
use crate::model::post::{HoldReason, PostState};
use crate::publish::claim::hold_stale;
use crate::store::channel::ChannelRow;
use crate::store::post::PostRow;
use crate::store::{Conn, Store, StoreError, audit, channel, limit, meta, notice, pause as pauses, post};

/// Who pauses where a platform's limit does.
const PLATFORM: &str = "the platform";

/// Puts a pause in force. Returns the one that is: an earlier one that lasts longer stays.
///
/// # Errors
/// The database's.
pub async fn pause(
    store: &Store,
    hand: &Hand,
    scope: PauseScope,
    why: &str,
    until: Option<Timestamp>,
) -> Result<Pause, StoreError> {
    let (hand, why) = (hand.clone(), why.to_owned());
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            pauses::clear_lapsed(conn, hand.now).await?;
            let pause = Pause { scope: scope.clone(), until, why: why.clone(), by: hand.name.clone(), since: hand.now };
            pauses::put(conn, &pause).await?;
            // What is due meanwhile grows stale through the pause.
            match &scope {
                PauseScope::All => {
                    for row in channel::all(conn).await? {
                        channel::set_closed(conn, &row.name, Some(hand.now)).await?;
                    }
                }
                PauseScope::Channel(name) => channel::set_closed(conn, name, Some(hand.now)).await?,
                PauseScope::Credential(_) | PauseScope::App(_) => {}
            }
            let why = if why.is_empty() { "paused" } else { why.as_str() };
            audit::add(conn, hand.now, &hand.actor(), "pause", &scope.key(), (None, Some("paused")), why).await?;
            meta::touch(conn).await?;
            let stands = pauses::all(conn).await?.into_iter().find(|it| it.scope == scope);
            Ok(stands.unwrap_or(pause))
        })
    });
    store.write(job).await
}

/// Which of the posts that grew stale go out after all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Release {
    /// All that are not too old.
    All,
    /// None: a person decides one by one.
    #[default]
    None,
    /// The newest so many of each channel.
    Newest(usize),
    /// Just these, chosen by a person story by story: the ids of the posts.
    These(Vec<String>),
}

/// A wish to open again.
#[derive(Clone, Debug)]
pub struct Reopen {
    /// One channel, or the newsroom.
    pub channel: Option<String>,
    /// Which pauses end: for the newsroom [`PauseScope::All`]; for a channel all that concern it but that.
    pub scopes: Vec<PauseScope>,
    /// What becomes of the stale posts.
    pub release: Release,
    /// The channel belongs to another account from now on: the one stored at its first use is forgotten.
    pub new_account: bool,
    /// `[timing] scale`.
    pub scale: f64,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Resumed {
    /// The pauses that ended.
    pub ended: Vec<Pause>,
    /// The block that was lifted.
    pub unblocked: Option<Block>,
    /// The posts that go out after all.
    pub released: Vec<PostRow>,
    /// How many stale posts still wait for a person.
    pub left: usize,
    /// What still keeps it from posting, in words.
    pub still: Vec<String>,
}

/// Ends pauses, lifts the channel's block, and decides what becomes of the posts that grew stale meanwhile: they are
/// held before anything can be claimed, in the same transaction.
///
/// # Errors
/// Where there is no such channel, or its block is not a person's to lift here; the database's.
pub async fn resume(store: &Store, hand: &Hand, wish: Reopen) -> Result<Resumed, StoreError> {
    let hand = hand.clone();
    let job = crate::store::job(move |conn| {
        Box::pin(async move {
            let mut out = Resumed::default();
            let mut rows = channel::all(conn).await?;
            if let Some(name) = &wish.channel {
                rows.retain(|row| row.name == *name);
                let Some(row) = rows.first_mut() else {
                    return Err(StoreError::Conflict(format!(
                        "channel {name} has never run: there is nothing to resume"
                    )));
                };
                out.unblocked = unblock(conn, &hand, row, wish.new_account).await?;
            }
            end_pauses(conn, &hand, &wish, &mut out).await?;
            // A person says that it goes on: what a platform said of its limits before is not believed any more.
            for scope in &wish.scopes {
                limit::lift(conn, scope).await?;
            }
            for row in rows {
                reopen(conn, &hand, &wish, row, &mut out).await?;
            }
            meta::touch(conn).await?;
            Ok(out)
        })
    });
    store.write(job).await
}

async fn unblock(
    conn: &mut Conn,
    hand: &Hand,
    row: &mut ChannelRow,
    new_account: bool,
) -> Result<Option<Block>, StoreError> {
    let name = row.name.clone();
    match &row.blocked {
        None => return Ok(None),
        Some(Block::NotInConfig) => {
            let text = format!("channel {name} is not in the config: put it back there");
            return Err(StoreError::Conflict(text));
        }
        Some(Block::MissingSecret { what }) => {
            let text = format!("channel {name} misses a secret ({what}): it opens by itself once the secret is there");
            return Err(StoreError::Conflict(text));
        }
        Some(Block::OtherAccount { .. }) if new_account => {
            channel::forget_identity(conn, &name).await?;
            let why = "the channel belongs to another account from now on";
            audit::add(conn, hand.now, &hand.actor(), "channel", &name, (None, None), why).await?;
        }
        Some(
            Block::Token { .. }
            | Block::Forbidden { .. }
            | Block::Gone { .. }
            | Block::OtherAccount { .. }
            | Block::Alarm { .. },
        ) => {}
    }
    channel::set_blocked(conn, &name, None, hand.now).await?;
    notice::settle(conn, &format!("channel.{name}.blocked")).await?;
    audit::add(conn, hand.now, &hand.actor(), "channel", &name, (Some("blocked"), None), "unblocked by hand").await?;
    Ok(row.blocked.take())
}

async fn end_pauses(conn: &mut Conn, hand: &Hand, wish: &Reopen, out: &mut Resumed) -> Result<(), StoreError> {
    for pause in pauses::all(conn).await? {
        let in_force = pause.until.is_none_or(|until| until > hand.now);
        let limit = is_limit(&pause);
        if !wish.scopes.contains(&pause.scope) {
            if in_force && (wish.channel.is_none() || pause.scope == PauseScope::All) {
                out.still.push(in_words(&pause));
            }
            continue;
        }
        // Nothing ignores a platform's limit; it ends by itself.
        if limit && in_force {
            out.still.push(in_words(&pause));
            continue;
        }
        let key = pause.scope.key();
        pauses::end(conn, &pause.scope).await?;
        notice::settle(conn, &format!("pause.{key}")).await?;
        audit::add(conn, hand.now, &hand.actor(), "pause", &key, (Some("paused"), None), "resumed").await?;
        out.ended.push(pause);
    }
    Ok(())
}

/// Whether a person can lift it here: not where it ends by itself once the config is put right.
pub(super) const fn can_lift(block: &Block) -> bool {
    !matches!(block, Block::NotInConfig | Block::MissingSecret { .. })
}

/// Whether a platform's limit paused, and no person.
pub(super) fn is_limit(pause: &Pause) -> bool {
    pause.by == PLATFORM && pause.until.is_some()
}

pub(super) fn in_words(pause: &Pause) -> String {
    let what = match &pause.scope {
        PauseScope::All => "everything is".to_owned(),
        PauseScope::Channel(name) => format!("channel {name} is"),
        PauseScope::Credential(_) => "the channels of one credential are".to_owned(),
        PauseScope::App(_) => "the channels of one app are".to_owned(),
    };
    let until = pause.until.map(|until| format!(" until {}", until.strftime("%Y-%m-%d %H:%M UTC"))).unwrap_or_default();
    let why = if pause.why.is_empty() { String::new() } else { format!(": {}", pause.why) };
    format!("{what} paused by {}{until}{why}", pause.by)
}

async fn reopen(
    conn: &mut Conn,
    hand: &Hand,
    wish: &Reopen,
    row: ChannelRow,
    out: &mut Resumed,
) -> Result<(), StoreError> {
    let name = row.name.as_str();
    if let Some(block) = &row.blocked {
        out.still.push(format!("channel {name} is blocked: {block}"));
        return Ok(());
    }
    let still_paused = pauses::all(conn).await?.into_iter().any(|pause| {
        let concerns = match &pause.scope {
            PauseScope::All => true,
            PauseScope::Channel(of) => of == name,
            PauseScope::Credential(_) | PauseScope::App(_) => wish.scopes.contains(&pause.scope),
        };
        concerns && pause.until.is_none_or(|until| until > hand.now)
    });
    // A send that was under way when the pause came clears the mark by its success: the pause itself tells, too.
    let paused = out.ended.iter().map(|pause| pause.since).min();
    let since = row.closed_since.into_iter().chain(paused).min();
    if let Some(since) = since {
        if still_paused {
            channel::set_closed(conn, name, Some(since)).await?;
            return Ok(());
        }
        hold_stale(conn, name, since, hand.now, wish.scale).await?;
    }
    if still_paused {
        return Ok(());
    }
    let mut stale = post::list(conn, &["held"], Some(name), 100_000).await?;
    stale.retain(|row| matches!(row.post.state, PostState::Held { why: HoldReason::Stale, .. }));
    stale.sort_by(|a, b| b.post.due.cmp(&a.post.due).then_with(|| b.id().cmp(a.id())));
    let most = match &wish.release {
        Release::All => stale.len(),
        Release::None => 0,
        Release::Newest(most) => *most.min(&stale.len()),
        Release::These(ids) => {
            // The sort is stable: the chosen ones stay in their order.
            stale.sort_by_key(|row| !ids.iter().any(|id| id == row.id()));
            stale.iter().filter(|row| ids.iter().any(|id| id == row.id())).count()
        }
    };
    let rest = stale.split_off(most);
    let mut left = rest.len();
    for row in stale {
        match approve_row(conn, hand, row, None).await {
            Ok(row) => out.released.push(row),
            Err(StoreError::Conflict(_)) => left += 1,
            Err(e) => return Err(e),
        }
    }
    if left == 0 {
        notice::settle(conn, &format!("channel.{name}.stale")).await?;
    }
    out.left += left;
    channel::set_closed(conn, name, None).await
}
