//! Renewing a grant: one at a time among all processes on a store, by a lease in the channel's row. The new grant is
//! committed before anybody uses it, and the old one kept until then; what is decided is in `tokens`.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::retry::scaled;
use super::tokens::{self, Cause, May, Next};
use super::{Channel, House, safe, settle};
use crate::model::channel::Block;
use crate::model::grant::Grant;
use crate::model::post::Actor;
use crate::platform::consent::RenewError;
use crate::platform::scrub::Watched;
use crate::platform::{Consent, Context};
use crate::store::sealed::{self, Whose};
use crate::store::token::{State, TokenRow};
use crate::store::{Conn, StoreError, audit, channel as channels, job, notice, token};
use crate::vault::Vault;

/// How long one waits for a renewal that somebody else has begun, in looks of a tenth of a second: 20 s, ours. A post that
/// is sent has a lease to keep.
const LOOKS: u32 = 200;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// Between a lost answer and its one repeat, in seconds. Ours, 2026-11.
const BREATH: f64 = 1.0;
/// Between two tries to store what came of it. Ours, 2026-11.
const COMMIT: Duration = Duration::from_millis(500);
/// How long the caller waits for that; what was got is stored all the same, as soon as it can be. Ours, 2026-11.
const PATIENCE: Duration = Duration::from_secs(60);
/// All waits of a renewal are scaled by no less than this: a real answer takes its time.
const LEAST: f64 = 0.05;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// Another grant is there than before: by us, or by somebody else.
    Fresh,
    /// Not now, with the reason: it could not be asked, or was asked a moment ago.
    Later(String),
    /// The platform answered that it does not renew it now: until a person or time changes something, nothing helps.
    Declined(String),
    /// Never again: a person has to sign in.
    Dead(String),
    /// There is no grant, or nothing to renew about it.
    Nothing,
}

/// A renewal that may go.
struct Turn {
    fence: i64,
    grant: Grant,
    bytes: Vec<u8>,
    lost: i64,
    /// Until when nobody else asks, by the reading that never goes back.
    until: Instant,
    /// The token opens nothing any more: it ran out, or was refused.
    is_over: bool,
}

/// How it began.
enum Begun {
    Go(Box<Turn>),
    Not(May),
    /// The grant in question is there no more.
    Other,
}

/// Renews the grant of a channel. `refused`: the token that the platform refused just now; `None`: ahead of its end.
///
/// # Errors
/// The database's.
pub async fn renew(
    house: &House,
    channel: &Channel,
    cx: &Context<'_>,
    refused: Option<&SecretString>,
) -> Result<Renewed, StoreError> {
    let Some(consent) = channel.account.consent() else { return Ok(Renewed::Nothing) };
    for _ in 0..LOOKS {
        match begin(house, channel, refused.cloned()).await? {
            Begun::Go(turn) => return carry_out(house, channel, consent, cx, *turn).await,
            Begun::Other => return Ok(Renewed::Fresh),
            Begun::Not(May::Busy(_)) => tokio::time::sleep(LOOK).await,
            Begun::Not(May::Dead(said)) => return Ok(Renewed::Dead(said)),
            Begun::Not(May::Wait(until)) => {
                return Ok(Renewed::Later(format!("the grant is not renewed again before {until}")));
            }
            Begun::Not(May::Nothing | May::Go { .. }) => return Ok(Renewed::Nothing),
        }
    }
    Ok(Renewed::Later("another process is renewing the grant".to_owned()))
}

/// Takes the lease, where the renewal may go.
async fn begin(house: &House, channel: &Channel, refused: Option<SecretString>) -> Result<Begun, StoreError> {
    let (name, now, scale) = (channel.name.as_str().to_owned(), house.clock.now(), house.scale);
    let (vault, worker) = (house.vault.clone(), house.worker.as_str().to_owned());
    let lease = scaled(channel.account.spec().deadline.as_secs_f64() * 3.0 + 15.0, scale.max(LEAST));
    let until = house.clock.monotonic() + Duration::try_from(lease).unwrap_or_default();
    let lease = now + lease;
    let begin = job(move |conn| {
        Box::pin(async move {
            let row = token::take(conn, &name).await?;
            let Some(kept) = sealed::kept(conn, &name, Grant::WORD).await? else { return Ok(Begun::Not(May::Nothing)) };
            let place = safe::kept(&name, Grant::WORD);
            let text = safe::open(conn, &vault, &name, place, &kept.bytes).await?;
            let Some(grant) = Grant::read(&text) else { return Ok(Begun::Not(May::Nothing)) };
            let (cause, is_other) = match &refused {
                Some(token) => (Cause::Refused, token.expose_secret() != grant.access.expose_secret()),
                None => (Cause::Due, tokens::due(&grant, scale).is_none_or(|due| due > now)),
            };
            if is_other {
                return Ok(Begun::Other);
            }
            let row = tokens::about(row, kept.at);
            let repeat = match tokens::may(&row, cause, now) {
                May::Go { repeat } => repeat,
                May::Dead(said) if row.state == State::Asked => {
                    let row = TokenRow { state: State::Lost, owner: None, lease_until: None, ..row };
                    token::put(conn, &row).await?;
                    return Ok(Begun::Not(May::Dead(said)));
                }
                other => return Ok(Begun::Not(other)),
            };
            let (fence, lost) = (row.fence + 1, if repeat { 1 } else { row.lost });
            let (state, owner, lease_until) = (State::Asked, Some(worker), Some(lease));
            token::put(conn, &TokenRow { fence, lost, state, owner, lease_until, ..row }).await?;
            let is_over = cause == Cause::Refused || grant.expires.is_some_and(|expires| expires <= now);
            Ok(Begun::Go(Box::new(Turn { fence, grant, bytes: kept.bytes, lost, until, is_over })))
        })
    });
    house.store.write(begin).await
}

/// Asks the platform, and asks once more where the answer was lost.
async fn carry_out(
    house: &House,
    channel: &Channel,
    consent: &dyn Consent,
    cx: &Context<'_>,
    mut turn: Turn,
) -> Result<Renewed, StoreError> {
    let name = channel.name.as_str();
    let deadline = Duration::try_from(scaled(channel.account.spec().deadline.as_secs_f64(), house.scale.max(LEAST)));
    let deadline = deadline.unwrap_or(channel.account.spec().deadline);
    loop {
        // Whoever comes after the lease asks as well: what is spent by one must not be sent by the other.
        if turn.until.saturating_duration_since(house.clock.monotonic()) < deadline {
            let said = "the lease of the renewal may end before its answer".to_owned();
            let next = if turn.lost > 0 { Next::Again(said.clone()) } else { Next::Later(said.clone()) };
            finish(house, name, &turn, &next, None).await?;
            return Ok(Renewed::Later(said));
        }
        let watched = Watched::new(cx.keep);
        let asking = Context { keep: &watched, ..*cx };
        crate::crash::point("renewing");
        let answer = match tokio::time::timeout(deadline, consent.renew(&asking, &turn.grant)).await {
            Ok(answer) => answer,
            Err(_) => Err(RenewError::Lost("no answer in time".to_owned())),
        };
        crate::crash::point("renewed");
        let mut scrub = watched.scrub(cx.credential);
        scrub.add(turn.grant.access.expose_secret());
        if let Some(refresh) = &turn.grant.refresh {
            scrub.add(refresh.expose_secret());
        }
        let (new, outcome) = match answer {
            Ok(new) => (Some(new), Ok(())),
            Err(error) => (None, Err(scrub.renew_error(error))),
        };
        let next = tokens::after(outcome, turn.lost, turn.is_over);
        let put = finish(house, name, &turn, &next, new.as_ref().map(Grant::written)).await?;
        house.metrics.renewal(channel.account.spec().id, word(&next));
        match put {
            Put::Noted => {}
            Put::LeaseLost => return Ok(Renewed::Later("another process renews the grant".to_owned())),
            Put::Other => return Ok(Renewed::Fresh),
            Put::Gone => {
                // Disconnected meanwhile: what was just got must not stay good without anybody who knows of it.
                if let Some(new) = &new
                    && let Err(error) = consent.revoke(cx, new).await
                {
                    scrub.add(new.access.expose_secret());
                    let error = scrub.connect_error(error);
                    tracing::warn!(channel.id = name, %error, "a grant renewed while it was disconnected is not taken back");
                }
                return Ok(Renewed::Nothing);
            }
            Put::NotYet => {
                return Ok(Renewed::Later("what was renewed could not be stored yet".to_owned()));
            }
        }
        match next {
            Next::Renewed => {
                tracing::info!(channel.id = name, "the grant was renewed");
                return Ok(Renewed::Fresh);
            }
            Next::Repeat => {
                tracing::warn!(channel.id = name, "the answer to a renewal was lost; asked once more");
                turn.lost = 1;
                tokio::time::sleep(Duration::try_from(scaled(BREATH, house.scale)).unwrap_or_default()).await;
            }
            Next::Again(said) => {
                tracing::warn!(channel.id = name, said, "the answer to a renewal was lost; asked once more in minutes");
                return Ok(Renewed::Later(said));
            }
            Next::Lost(said) => {
                return Ok(Renewed::Dead(format!("the answers to two renewals were lost ({said})")));
            }
            Next::Spent(said) => return Ok(Renewed::Dead(said)),
            Next::Later(said) => return Ok(Renewed::Later(said)),
            Next::Declined(said) => return Ok(Renewed::Declined(said)),
            Next::Never => return Ok(Renewed::Nothing),
        }
    }
}

const fn word(next: &Next) -> &'static str {
    match next {
        Next::Renewed => "renewed",
        Next::Repeat | Next::Again(_) | Next::Lost(_) => "lost",
        Next::Spent(_) => "spent",
        Next::Later(_) | Next::Declined(_) => "later",
        Next::Never => "never",
    }
}

/// Where what came of it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Put {
    /// It is stored.
    Noted,
    /// Another process has begun to renew the same grant: what it notes counts.
    LeaseLost,
    /// Another grant is there by now, which nothing of this is about.
    Other,
    /// No grant is there any more.
    Gone,
    /// The store takes nothing; it goes on being tried.
    NotYet,
}

/// Stores what came of it: a new grant in the place of the old one, as long as that is the one it was made of.
///
/// The platform has spent the old one, and the new one is nowhere else: a task of its own goes on until it is stored or
/// the process ends, whether or not somebody still waits for it.
async fn finish(
    house: &House,
    name: &str,
    turn: &Turn,
    next: &Next,
    new: Option<SecretString>,
) -> Result<Put, StoreError> {
    let (store, clock, vault, scale) = (house.store.clone(), house.clock.clone(), house.vault.clone(), house.scale);
    let (name, next, fence, old) = (name.to_owned(), next.clone(), turn.fence, turn.bytes.clone());
    let mut task = tokio::spawn(async move {
        let mut tries = 0u32;
        loop {
            let (name, next, new, old) = (name.clone(), next.clone(), new.clone(), old.clone());
            let (vault, now) = (vault.clone(), clock.now());
            let is_grant = new.is_some();
            let note = job(move |conn| {
                Box::pin(
                    async move { note(conn, &vault, (&name, fence, &old), (&next, new.as_ref()), now, scale).await },
                )
            });
            match store.write(note).await {
                Ok(put) => return Ok(put),
                // Nothing but words would be lost: the lease lapses, and the row says that it was begun.
                Err(error) if !is_grant && tries >= 10 => return Err(error),
                Err(error) => {
                    tries = tries.saturating_add(1);
                    if tries == 1 {
                        tracing::warn!(%error, "what came of a renewal could not be stored yet; tried again");
                    }
                    tokio::time::sleep(COMMIT).await;
                }
            }
        }
    });
    match tokio::time::timeout(PATIENCE, &mut task).await {
        Ok(Ok(put)) => put,
        Ok(Err(_)) => Err(StoreError::Conflict("what came of a renewal was not stored: the process ends".to_owned())),
        Err(_) => Ok(Put::NotYet),
    }
}

/// The same, in a transaction.
async fn note(
    conn: &mut Conn,
    vault: &Vault,
    (name, fence, old): (&str, i64, &[u8]),
    (next, new): (&Next, Option<&SecretString>),
    now: Timestamp,
    scale: f64,
) -> Result<Put, StoreError> {
    let row = token::take(conn, name).await?;
    let kept = sealed::kept(conn, name, Grant::WORD).await?;
    let is_same = match &kept {
        Some(kept) => is_same(conn, vault, name, old, &kept.bytes).await,
        None => false,
    };
    let put = if kept.is_some() { Put::Other } else { Put::Gone };
    let Some(kept) = kept.filter(|_| is_same) else {
        if row.fence == fence {
            token::put(conn, &TokenRow { owner: None, lease_until: None, state: State::Fresh, lost: 0, ..row }).await?;
        }
        return Ok(put);
    };
    match new {
        // Its lease lost, and still what it got is the newest there is.
        Some(new) => {
            let place = safe::kept(name, Grant::WORD);
            let bytes = safe::seal(conn, vault, name, place, new, now).await?;
            let whose = Whose { channel: name.to_owned(), word: Grant::WORD.to_owned() };
            if !sealed::swap(conn, &whose, (&kept.bytes, &bytes), Some(now)).await? {
                return Err(StoreError::Conflict("the grant was changed a moment ago".to_owned()));
            }
            token::put(conn, &tokens::noted(row, next, now, scale)).await?;
        }
        None if row.fence == fence => token::put(conn, &tokens::noted(row, next, now, scale)).await?,
        None => return Ok(Put::LeaseLost),
    }
    Ok(Put::Noted)
}

/// Whether the kept bytes hold the grant it began with: the very bytes, or the same secret that was only sealed anew (the
/// master key was turned over).
async fn is_same(conn: &mut Conn, vault: &Vault, name: &str, old: &[u8], kept: &[u8]) -> bool {
    if old == kept {
        return true;
    }
    let place = safe::kept(name, Grant::WORD);
    let was = safe::open(conn, vault, name, place, old).await;
    let place = safe::kept(name, Grant::WORD);
    let is = safe::open(conn, vault, name, place, kept).await;
    matches!((was, is), (Ok(was), Ok(is)) if was.expose_secret() == is.expose_secret())
}

/// Blocks a channel whose token is dead; its posts stay. One that is blocked stays as it is.
///
/// # Errors
/// The database's.
pub async fn block(house: &House, name: &str, block: Block) -> Result<(), StoreError> {
    let (name, now) = (name.to_owned(), house.clock.now());
    let job = job(move |conn| {
        Box::pin(async move {
            if channels::one(conn, &name).await?.is_none_or(|row| row.blocked.is_some()) {
                return Ok(());
            }
            channels::set_blocked(conn, &name, Some(&block), now).await?;
            channels::set_closed(conn, &name, Some(now)).await?;
            notice::raise(conn, &settle::blocked(&name, &block), now).await?;
            let why = block.to_string();
            audit::add(conn, now, &Actor::Bugle, "channel", &name, (None, Some("blocked")), &why).await
        })
    });
    house.store.write(job).await
}
