//! Renewing a grant: one at a time among all processes on a store, by a lease in the channel's row. The new grant is
//! committed before anybody uses it, and the old one kept until then; what is decided is in `tokens`.

use std::time::Duration;

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
use crate::store::{StoreError, audit, channel as channels, job, notice, token};

/// How long one waits for a renewal that somebody else has begun, in looks of a tenth of a second: 20 s, ours. A post that
/// is sent has a lease to keep.
const LOOKS: u32 = 200;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// Between a lost answer and its one repeat, in seconds. Ours, 2026-11.
const BREATH: f64 = 1.0;
/// How often the commit of a new grant is tried, half a second apart, before it is given up for lost: 60 s, ours.
const COMMITS: u32 = 120;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// Another grant is there than before: by us, or by somebody else.
    Fresh,
    /// Not now, with the reason.
    Later(String),
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
    let lease = now + scaled(channel.account.spec().deadline.as_secs_f64() * 3.0 + 15.0, scale);
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
            Ok(Begun::Go(Box::new(Turn { fence, grant, bytes: kept.bytes, lost })))
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
    let deadline = Duration::try_from(scaled(channel.account.spec().deadline.as_secs_f64(), house.scale.max(0.05)));
    let deadline = deadline.unwrap_or(channel.account.spec().deadline);
    loop {
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
            Ok(new) => (Some(new.written()), Ok(())),
            Err(error) => (None, Err(scrub.renew_error(error))),
        };
        let next = tokens::after(outcome, turn.lost);
        finish(house, name, &turn, &next, new).await?;
        house.metrics.renewal(channel.account.spec().id, word(&next));
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
            Next::Lost(said) => {
                return Ok(Renewed::Dead(format!("the answers to two renewals were lost ({said})")));
            }
            Next::Spent(said) => return Ok(Renewed::Dead(said)),
            Next::Later(said) => return Ok(Renewed::Later(said)),
            Next::Never => return Ok(Renewed::Nothing),
        }
    }
}

const fn word(next: &Next) -> &'static str {
    match next {
        Next::Renewed => "renewed",
        Next::Repeat | Next::Lost(_) => "lost",
        Next::Spent(_) => "spent",
        Next::Later(_) => "later",
        Next::Never => "never",
    }
}

/// Stores what came of it: a new grant in the place of the old one, as long as that is the one it was made of.
async fn finish(
    house: &House,
    name: &str,
    turn: &Turn,
    next: &Next,
    new: Option<SecretString>,
) -> Result<(), StoreError> {
    let mut tries = 0;
    loop {
        let (name, next, new, scale) = (name.to_owned(), next.clone(), new.clone(), house.scale);
        let (vault, now) = (house.vault.clone(), house.clock.now());
        let (fence, old) = (turn.fence, turn.bytes.clone());
        let finish = job(move |conn| {
            Box::pin(async move {
                let row = token::take(conn, &name).await?;
                let mut took = true;
                if let Some(new) = &new {
                    let place = safe::kept(&name, Grant::WORD);
                    let bytes = safe::seal(conn, &vault, &name, place, new, now).await?;
                    let whose = Whose { channel: name.clone(), word: Grant::WORD.to_owned() };
                    // A person has connected anew meanwhile: that one holds. Its lease lost, and still what it got is the
                    // newest there is.
                    took = sealed::swap(conn, &whose, (&old, &bytes), Some(now)).await?
                        || swap_moved(conn, &vault, &whose, &old, &bytes, now).await?;
                }
                if took && (row.fence == fence || new.is_some()) {
                    token::put(conn, &tokens::noted(row, &next, now, scale)).await?;
                } else if row.fence == fence {
                    token::put(conn, &TokenRow { owner: None, lease_until: None, state: State::Fresh, ..row }).await?;
                }
                Ok(())
            })
        });
        match house.store.write(finish).await {
            Ok(()) => return Ok(()),
            // What was just got is nowhere else: the old one is spent.
            Err(error) if tries < COMMITS => {
                tries += 1;
                if tries == 1 {
                    tracing::warn!(%error, "a renewed grant could not be stored yet; tried again");
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The old grant was only sealed anew meanwhile (the master key was turned over): it is still that one.
async fn swap_moved(
    conn: &mut crate::store::Conn,
    vault: &crate::vault::Vault,
    whose: &Whose,
    old: &[u8],
    new: &[u8],
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(kept) = sealed::kept(conn, &whose.channel, &whose.word).await? else { return Ok(false) };
    let place = safe::kept(&whose.channel, &whose.word);
    let was = safe::open(conn, vault, &whose.channel, place, old).await;
    let is = safe::open(conn, vault, &whose.channel, place, &kept.bytes).await;
    let (Ok(was), Ok(is)) = (was, is) else { return Ok(false) };
    if was.expose_secret() != is.expose_secret() {
        return Ok(false);
    }
    sealed::swap(conn, whose, (&kept.bytes, new), Some(now)).await
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
