//! The loop that keeps tokens healthy: renews grants ahead of their end, warns where only a person can, asks channels whose
//! token is refused whether it is good again, and watches the end of dated API versions. What is decided is in
//! `publish::tokens`, the renewing itself in `publish::renew`. Channels that post are introduced by their own loop.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Setup, rest};
use crate::model::channel::Block;
use crate::model::grant::{Credential, Grant};
use crate::model::notice::{Level, Notice};
use crate::model::post::Actor;
use crate::platform::{ConnectError, Context, NoMeter};
use crate::publish::ports::{SealedKeep, StoreWall};
use crate::publish::renew::{self, Renewed};
use crate::publish::retry::scaled;
use crate::publish::safe::{self, SafeError, rekey};
use crate::publish::tokens::{self, Warning};
use crate::publish::{Channel, call, identity_of, settle};
use crate::store::channel::{self, ChannelRow};
use crate::store::sealed::Kept;
use crate::store::token::{self, State, TokenRow};
use crate::store::{StoreError, audit, job, notice, sealed};

/// How often grants are looked at, in seconds under `[timing] scale`. Ours, 2026-11.
const ROUND: f64 = 30.0;
/// And never more often. Ours, 2026-11.
const LEAST: Duration = Duration::from_millis(200);
/// How often it is looked whether all that is sealed can be opened, in rounds: about hourly.
const SEALS: u32 = 120;
/// Channels that are looked at together: a platform that hangs holds up no more than these. Ours, 2026-11.
const TOGETHER: usize = 4;

/// Runs until stopped.
pub async fn keep(setup: Arc<Setup>, stop: CancellationToken) {
    let began = setup.house.clock.now();
    let pause = Duration::try_from(scaled(ROUND, setup.house.scale)).unwrap_or(LEAST).max(LEAST);
    let mut rounds = 0u32;
    loop {
        if rounds.is_multiple_of(SEALS)
            && let Err(error) = seals(&setup).await
        {
            tracing::debug!(%error, "it could not be looked whether all that is sealed can be opened");
        }
        rounds = rounds.wrapping_add(1);
        if let Err(error) = round(&setup, began, &stop).await {
            tracing::debug!(%error, "not all tokens could be looked after; tried again");
        }
        if rest(pause, &stop).await {
            return;
        }
    }
}

/// Tells a person of what is sealed under a master key that is not there.
async fn seals(setup: &Setup) -> Result<(), StoreError> {
    const KEY: &str = "vault.closed";
    let house = &setup.house;
    let mut conn = house.store.read().await?;
    let closed = rekey::status(&mut conn, &house.vault).await?.closed;
    drop(conn);
    let now = house.clock.now();
    let tell = job(move |conn| {
        Box::pin(async move {
            if closed.is_empty() {
                return notice::settle(conn, KEY).await;
            }
            let text = format!(
                "no key of the vault opens what is kept for {}: name the master key it was sealed under in \
                 vault.old_keys, or connect again; `bugle vault status` shows which",
                closed.join(", ")
            );
            notice::raise(conn, &Notice::new(Level::Alarm, KEY, text), now).await
        })
    });
    house.store.write(tell).await.map(drop)
}

/// Looks after every channel once. `began`: when this process did.
///
/// # Errors
/// The database's, once all were looked after.
pub async fn round(setup: &Arc<Setup>, began: Timestamp, stop: &CancellationToken) -> Result<(), StoreError> {
    let mut conn = setup.house.store.read().await?;
    let standing: HashSet<String> = notice::all(&mut conn).await?.into_iter().map(|notice| notice.key).collect();
    drop(conn);
    let mut first = Ok(());
    for together in setup.channels.chunks(TOGETHER) {
        if stop.is_cancelled() {
            return first;
        }
        let looks = join_all(together.iter().map(|channel| look(setup, channel, began, &standing))).await;
        for (channel, done) in together.iter().zip(looks) {
            // What is wrong with one channel's rows is nothing to the others.
            if let Err(error) = done {
                tracing::warn!(channel.id = %channel.name, %error, "its token could not be looked after; tried again");
                first = first.and(Err(error));
            }
        }
    }
    first
}

/// Looks after one channel.
async fn look(
    setup: &Arc<Setup>,
    channel: &Channel,
    began: Timestamp,
    standing: &HashSet<String>,
) -> Result<(), StoreError> {
    let house = &setup.house;
    let name = channel.name.as_str();
    let mut conn = house.store.read().await?;
    let Some(row) = channel::one(&mut conn, name).await? else { return Ok(()) };
    let known = token::one(&mut conn, name).await?;
    let grant = match channel.account.consent() {
        Some(_) => granted(setup, &mut conn, name).await?,
        None => None,
    };
    drop(conn);
    sunset(setup, channel, known.as_ref(), standing).await?;
    if row.blocked.is_none() && standing.contains(&format!("channel.{name}.blocked")) {
        unblocked(setup, name).await?;
    }
    let token_blocked = matches!(row.blocked, Some(Block::Token { .. }));
    if let Some((grant, kept)) = grant {
        let state = grant_state(setup, channel, &row, grant, kept, standing).await?;
        if state == Some(State::Spent) {
            return Ok(());
        }
    } else {
        house.metrics.token_days_left(name, None);
    }
    if token_blocked {
        let last = known.as_ref().and_then(|known| known.probed);
        if tokens::probe(last, true, began, name, house.scale) <= house.clock.now() {
            probe(setup, channel, &row).await?;
        }
    }
    Ok(())
}

/// The kept grant, open. One that cannot be opened is told of elsewhere.
async fn granted(
    setup: &Setup,
    conn: &mut crate::store::Conn,
    name: &str,
) -> Result<Option<(Grant, Kept)>, StoreError> {
    let Some(kept) = sealed::kept(&mut *conn, name, Grant::WORD).await? else { return Ok(None) };
    let place = safe::kept(name, Grant::WORD);
    match safe::open(conn, &setup.house.vault, name, place, &kept.bytes).await {
        Ok(text) => Ok(Grant::read(&text).map(|grant| (grant, kept))),
        Err(SafeError::Store(error)) => Err(error),
        Err(SafeError::Vault(_)) => Ok(None),
    }
}

/// Renews a grant whose time has come, blocks a channel whose grant is dead, and warns of its end. Gives where renewing it
/// stands.
async fn grant_state(
    setup: &Arc<Setup>,
    channel: &Channel,
    row: &ChannelRow,
    mut grant: Grant,
    mut kept: Kept,
    standing: &HashSet<String>,
) -> Result<Option<State>, StoreError> {
    let house = &setup.house;
    let name = channel.name.as_str();
    let is_due = tokens::due(&grant, house.scale).is_some_and(|due| due <= house.clock.now());
    let token_blocked = matches!(row.blocked, Some(Block::Token { .. }));
    let mut dead = None;
    if is_due && !token_blocked && row.blocked != Some(Block::NotInConfig) {
        let Ok(credential) = channel.credential() else { return Ok(None) };
        let (keep, wall) = ports(setup, name);
        let cx = context(setup, &credential, &keep, &wall);
        match renew::renew(house, channel, &cx, None).await? {
            Renewed::Fresh | Renewed::Nothing => {}
            Renewed::Later(said) | Renewed::Declined(said) => {
                tracing::debug!(channel.id = name, said, "the grant is not renewed yet")
            }
            Renewed::Dead(said) => dead = Some(said),
        }
        let mut conn = house.store.read().await?;
        let Some(now_kept) = granted(setup, &mut conn, name).await? else { return Ok(None) };
        (grant, kept) = now_kept;
    }
    let mut conn = house.store.read().await?;
    let known = token::one(&mut conn, name).await?.unwrap_or_default();
    drop(conn);
    let known = tokens::about(known, kept.at);
    let now = house.clock.now();
    let ran_out = grant.expires.is_some_and(|expires| expires <= now);
    let said = match known.state {
        State::Spent => Some(dead.or(known.said.clone()).unwrap_or_else(|| "it cannot be renewed".to_owned())),
        State::Lost if ran_out => Some("it ran out, and the answers to two renewals were lost".to_owned()),
        State::Never if ran_out => Some("it ran out, and only a person can make a new one".to_owned()),
        State::Fresh | State::Asked | State::Lost | State::Never => None,
    };
    if let Some(said) = said.filter(|_| row.blocked.is_none()) {
        renew::block(house, name, Block::Token { said }).await?;
        setup.wake();
    }
    let put_off = known.said.as_deref().filter(|_| ran_out && known.state == State::Fresh);
    stuck(setup, name, put_off, standing).await?;
    if known.state == State::Spent {
        // The block says it all.
        house.metrics.token_days_left(name, Some(0));
        return Ok(Some(State::Spent));
    }
    let ends = tokens::ends(&grant, known.state);
    house.metrics.token_days_left(name, ends.map(|ends| tokens::days_left(ends, now)));
    warn_of_end(setup, name, (grant.issued, ends), &known, standing).await?;
    Ok(Some(known.state))
}

/// A token that ran out while renewing it is put off again and again: posts wait, and a person should know why.
async fn stuck(setup: &Setup, name: &str, said: Option<&str>, standing: &HashSet<String>) -> Result<(), StoreError> {
    let key = format!("channel.{name}.renewal");
    if said.is_some() == standing.contains(&key) {
        return Ok(());
    }
    let text = said.map(|said| format!("the token of channel {name} ran out and could not be renewed yet: {said}"));
    let now = setup.house.clock.now();
    let tell = job(move |conn| {
        Box::pin(async move {
            match text {
                Some(text) => notice::raise(conn, &Notice::new(Level::Warn, key, text), now).await,
                None => notice::settle(conn, &key).await,
            }
        })
    });
    setup.house.store.write(tell).await.map(drop)
}

/// The warnings of a grant's end, each once; taken back where there is another grant. `known` is about the grant.
async fn warn_of_end(
    setup: &Setup,
    name: &str,
    (issued, ends): (Option<Timestamp>, Option<Timestamp>),
    known: &TokenRow,
    standing: &HashSet<String>,
) -> Result<(), StoreError> {
    let now = setup.house.clock.now();
    let key = format!("channel.{name}.token");
    let reached = ends.map_or(0, |ends| tokens::warnings(issued, ends, 0, now));
    let over = reached == 0 && standing.contains(&key);
    if reached & !known.told == 0 && !over {
        return Ok(());
    }
    let (name, at) = (name.to_owned(), known.grant_at.unwrap_or(now));
    let write = job(move |conn| {
        Box::pin(async move {
            let row = token::take(conn, &name).await?;
            // Renewed or connected anew since it was read: the next round sees to it.
            if row.grant_at.is_some_and(|other| other > at) {
                return Ok(());
            }
            let row = tokens::about(row, at);
            if over {
                notice::settle(conn, &key).await?;
            }
            let new = reached & !row.told;
            if let Some(ends) = ends.filter(|_| new != 0) {
                let text = end_text(&name, ends, now);
                notice::raise(conn, &Notice::new(level(new), key, text), now).await?;
            }
            token::put(conn, &TokenRow { told: row.told | new, ..row }).await
        })
    });
    setup.house.store.write(write).await
}

/// How urgent warnings are.
const fn level(warnings: i64) -> Level {
    if warnings & (Warning::DAY.0 | Warning::OVER.0) == 0 { Level::Warn } else { Level::Alarm }
}

fn end_text(name: &str, ends: Timestamp, now: Timestamp) -> String {
    let date = ends.strftime("%Y-%m-%d");
    match tokens::days_left(ends, now) {
        ..0 => format!("the sign-in of channel {name} ended on {date}: bugle connect {name}"),
        0 => format!("the sign-in of channel {name} ends within a day: bugle connect {name}"),
        days => format!("the sign-in of channel {name} ends in {days} days, on {date}: bugle connect {name}"),
    }
}

/// The warnings of the end of the API version that an account is configured for.
async fn sunset(
    setup: &Setup,
    channel: &Channel,
    known: Option<&TokenRow>,
    standing: &HashSet<String>,
) -> Result<(), StoreError> {
    let name = channel.name.as_str();
    let key = format!("channel.{name}.version");
    let now = setup.house.clock.now();
    let said = channel.account.sunset();
    let told_of = |row: Option<&TokenRow>, version: &str| {
        row.filter(|row| row.version.as_deref() == Some(version)).map_or(0, |row| row.version_told)
    };
    let new = said.as_ref().map_or(0, |(version, ends)| tokens::sunset_warnings(*ends, told_of(known, version), now));
    let reached = said.as_ref().is_some_and(|(_, ends)| tokens::sunset_warnings(*ends, 0, now) != 0);
    let over = !reached && standing.contains(&key);
    if new == 0 && !over {
        return Ok(());
    }
    let (name, platform) = (name.to_owned(), channel.account.spec().name);
    let write = job(move |conn| {
        Box::pin(async move {
            if over {
                notice::settle(conn, &key).await?;
            }
            let Some((version, ends)) = said.filter(|_| new != 0) else { return Ok(()) };
            let row = token::take(conn, &name).await?;
            let told = told_of(Some(&row), &version);
            let text = match tokens::days_until(ends, now) {
                ..0 => format!(
                    "{platform} switched off version {version} of its API on {ends}: set `version` of channel {name} to \
                     a newer one"
                ),
                days => format!(
                    "{platform} switches off version {version} of its API on {ends}, in {days} days: set `version` of \
                     channel {name} to a newer one"
                ),
            };
            let level = if new & (Warning::WEEK.0 | Warning::OVER.0) == 0 { Level::Warn } else { Level::Alarm };
            notice::raise(conn, &Notice::new(level, key, text), now).await?;
            token::put(conn, &TokenRow { version: Some(version), version_told: told | new, ..row }).await
        })
    });
    setup.house.store.write(write).await
}

/// The notice of a block goes with the block, whoever lifted it.
async fn unblocked(setup: &Setup, name: &str) -> Result<(), StoreError> {
    let name = name.to_owned();
    let settle = job(move |conn| {
        Box::pin(async move {
            if channel::one(conn, &name).await?.is_some_and(|row| row.blocked.is_none()) {
                notice::settle(conn, &format!("channel.{name}.blocked")).await?;
            }
            Ok(())
        })
    });
    setup.house.store.write(settle).await
}

/// Asks a channel whose token is refused who it is: a good answer lifts the block, unless it is somebody else.
async fn probe(setup: &Arc<Setup>, channel: &Channel, row: &ChannelRow) -> Result<(), StoreError> {
    let house = &setup.house;
    // The channel's own loop tells of a secret that is missing.
    let Ok(credential) = channel.credential() else { return Ok(()) };
    let (keep, wall) = ports(setup, channel.name.as_str());
    let asked = call::whoami(house, channel, &context(setup, &credential, &keep, &wall)).await;
    let (name, first, now) =
        (channel.name.as_str().to_owned(), identity_of(row.identity.as_deref()), house.clock.now());
    let lifted = job(move |conn| {
        Box::pin(async move {
            let refused = match &asked {
                Ok(_) => None,
                Err(ConnectError::Refused(said) | ConnectError::Unreachable(said) | ConnectError::Forbidden(said)) => {
                    Some(said.as_str())
                }
            };
            token::probed(conn, &name, refused, now).await?;
            let Ok(identity) = asked else { return Ok(false) };
            // Only a block of the token, and only one that still stands.
            let blocked = channel::one(conn, &name).await?.and_then(|row| row.blocked);
            if !matches!(blocked, Some(Block::Token { .. })) {
                return Ok(false);
            }
            if let Some(first) = first.filter(|first| first.id != identity.id) {
                let block = Block::OtherAccount {
                    expected: format!("{} ({})", first.handle, first.id),
                    found: format!("{} ({})", identity.handle, identity.id),
                };
                channel::set_blocked(conn, &name, Some(&block), now).await?;
                notice::raise(conn, &settle::blocked(&name, &block), now).await?;
                return Ok(false);
            }
            channel::set_blocked(conn, &name, None, now).await?;
            notice::settle(conn, &format!("channel.{name}.blocked")).await?;
            let (arrow, why) = ((Some("blocked"), None), "the token is good again");
            audit::add(conn, now, &Actor::Bugle, "channel", &name, arrow, why).await?;
            Ok(true)
        })
    });
    if house.store.write(lifted).await? {
        tracing::info!(channel.id = %channel.name, "the token is good again; the channel goes on");
        setup.wake();
    }
    Ok(())
}

fn ports(setup: &Setup, name: &str) -> (SealedKeep, StoreWall) {
    let house = &setup.house;
    let (store, clock, channel) = (house.store.clone(), house.clock.clone(), name.to_owned());
    let vault = house.vault.clone();
    let keep = SealedKeep { store: store.clone(), vault, channel: channel.clone(), clock: clock.clone() };
    (keep, StoreWall { store, channel, clock })
}

fn context<'a>(setup: &'a Setup, credential: &'a Credential, keep: &'a SealedKeep, wall: &'a StoreWall) -> Context<'a> {
    let house = &setup.house;
    Context {
        http: &house.http,
        credential,
        keep,
        wall,
        studio: &house.studio,
        clock: &*house.clock,
        scale: house.scale,
        // Who it is now is the question.
        identity: None,
        meter: &NoMeter,
    }
}
