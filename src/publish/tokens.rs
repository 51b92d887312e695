//! The decisions about grants that run out, as pure functions: when to renew, whether one may, what an outcome means, and
//! which warnings are due. Who carries them out is `renew`, and the engine.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::retry::scaled;
use crate::model::grant::Grant;
use crate::platform::consent::RenewError;
use crate::store::token::{State, TokenRow};

/// How long before its end a token is renewed, in seconds. Source: reliability.md section 4, 2026-11.
const AHEAD: f64 = 300.0;
/// An account's grant is not renewed more often than that, in seconds. Source: reliability.md section 4, 2026-11.
const PACE: f64 = 600.0;
/// When a renewal that was certainly not carried out is tried again, in seconds. Ours, 2026-11.
const LATER: f64 = 60.0;
/// When the one repeat of a renewal whose answer was lost is due where the token still opens the account, in seconds:
/// whatever broke at the platform is mostly mended by then, and the token lives [`AHEAD`]. Ours, 2026-11.
const AGAIN: f64 = 180.0;
/// A lifetime longer than this is renewed at two thirds of it. Source: the brief of token health, 2026-11.
const LONG: SignedDuration = SignedDuration::from_hours(24);
/// Seconds between the daily introductions of an account, and of one whose token is refused: a token that is put right in
/// a file is noticed within the hour. Ours, 2026-11.
const PROBE: (f64, f64) = (86_400.0, 3_600.0);
/// Over how many seconds the introductions of a start are spread. Ours, 2026-11.
const SPREAD: f64 = 60.0;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// When a grant is to be renewed; `None`: never, or not by itself.
pub fn due(grant: &Grant, scale: f64) -> Option<Timestamp> {
    let expires = grant.expires?;
    let early = expires - scaled(AHEAD, scale);
    let Some(issued) = grant.issued.filter(|issued| *issued < expires) else { return Some(early) };
    let lifetime = expires.duration_since(issued);
    if lifetime > LONG {
        return Some((issued + lifetime * 2 / 3).min(early));
    }
    // A token that lives shorter than twice that would be renewed as soon as it is there.
    Some(early.max(issued + lifetime / 2))
}

/// What a row says of the grant that is there now: of another one it knows nothing but its pace.
pub fn about(row: TokenRow, grant_at: Timestamp) -> TokenRow {
    if row.grant_at == Some(grant_at) {
        return row;
    }
    TokenRow { grant_at: Some(grant_at), state: State::Fresh, said: None, lost: 0, told: 0, ..row }
}

/// Why a grant is to be renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its time has come.
    Due,
    /// The platform refused its token.
    Refused,
}

/// Whether a renewal may begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum May {
    /// It may. `repeat`: an answer was lost before; there will be no other try.
    Go {
        /// Whether it is the one repeat.
        repeat: bool,
    },
    /// Somebody renews it now.
    Busy(Timestamp),
    /// Not before then.
    Wait(Timestamp),
    /// Never again: a person has to consent anew.
    Dead(String),
    /// There is nothing to renew.
    Nothing,
}

/// Decides whether a renewal may begin; `row` is [`about`] the grant that is there.
pub fn may(row: &TokenRow, cause: Cause, now: Timestamp) -> May {
    match row.state {
        State::Spent => May::Dead(row.said.clone().unwrap_or_else(|| "it cannot be renewed any more".to_owned())),
        State::Lost => May::Dead("the answers to two renewals were lost".to_owned()),
        State::Never => May::Nothing,
        // One that ends in a day was taken under another clock.
        State::Asked => match row.lease_until.filter(|until| *until > now && until.duration_since(now) <= DAY) {
            Some(until) => May::Busy(until),
            // Its process ended, or was stopped, before an answer was stored.
            None if row.lost == 0 => May::Go { repeat: true },
            None => May::Dead("the answers to two renewals were lost".to_owned()),
        },
        State::Fresh => match row.next.filter(|next| *next > now && next.duration_since(now) <= DAY) {
            // Renewed just now, and what came of it is refused as well: no more is to be had from it.
            Some(_)
                if cause == Cause::Refused
                    && row.renewed.is_some()
                    && row.renewed == row.grant_at
                    && row.said.is_none() =>
            {
                May::Dead("it was renewed just now, and the new token is refused too".to_owned())
            }
            Some(next) => May::Wait(next),
            None => May::Go { repeat: false },
        },
    }
}

/// What follows from the outcome of a renewal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The new grant is there.
    Renewed,
    /// The answer was lost, and the one repeat follows.
    Repeat,
    /// The answer was lost while the token still opens the account: the one repeat follows in minutes.
    Again(String),
    /// The repeat's answer was lost as well: never again.
    Lost(String),
    /// The platform refuses for good.
    Spent(String),
    /// Certainly not carried out: again later.
    Later(String),
    /// The platform declines for now: later, and until then a refused token stays refused.
    Declined(String),
    /// There is nothing to renew.
    Never,
}

/// Decides what follows. `lost`: answers lost before this one; `is_over`: the token opens nothing any more.
pub fn after(outcome: Result<(), RenewError>, lost: i64, is_over: bool) -> Next {
    match outcome {
        Ok(()) => Next::Renewed,
        Err(RenewError::Lost(_)) if lost == 0 && is_over => Next::Repeat,
        Err(RenewError::Lost(said)) if lost == 0 => Next::Again(said),
        Err(RenewError::Lost(said)) => Next::Lost(said),
        Err(RenewError::Spent(said)) => Next::Spent(said),
        Err(RenewError::Later(said)) => Next::Later(said),
        Err(RenewError::Declined(said)) => Next::Declined(said),
        Err(RenewError::Never) => Next::Never,
    }
}

/// The row after that.
pub fn noted(row: TokenRow, next: &Next, now: Timestamp, scale: f64) -> TokenRow {
    if *next == Next::Repeat {
        // Its lease covers the repeat, too.
        return TokenRow { state: State::Asked, lost: 1, ..row };
    }
    let row = TokenRow { owner: None, lease_until: None, ..row };
    let pace = Some(now + scaled(PACE, scale));
    let told = |said: &str| Some(said.to_owned());
    match next {
        Next::Renewed => TokenRow {
            state: State::Fresh,
            said: None,
            lost: 0,
            next: pace,
            renewed: Some(now),
            grant_at: Some(now),
            told: 0,
            ..row
        },
        Next::Repeat => row,
        Next::Lost(said) => TokenRow { state: State::Lost, lost: 2, said: told(said), ..row },
        Next::Spent(said) => TokenRow { state: State::Spent, said: told(said), ..row },
        Next::Again(said) => {
            let next = Some(now + scaled(AGAIN, scale));
            TokenRow { state: State::Fresh, lost: 1, said: told(said), next, ..row }
        }
        Next::Later(said) | Next::Declined(said) => {
            TokenRow { state: State::Fresh, said: told(said), next: Some(now + scaled(LATER, scale)), ..row }
        }
        Next::Never => TokenRow { state: State::Never, ..row },
    }
}

/// When only a person can open the account again; `None`: as far as is known, never.
pub fn ends(grant: &Grant, state: State) -> Option<Timestamp> {
    let alone = state == State::Never || state == State::Spent || state == State::Lost;
    grant.ends.or(if alone || grant.refresh.is_none() { grant.expires } else { None })
}

/// A warning of an end, the earliest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning(pub i64);

impl Warning {
    /// Two thirds of the lifetime are over.
    pub const TWO_THIRDS: Self = Self(1);
    /// A week is left.
    pub const WEEK: Self = Self(2);
    /// A day is left.
    pub const DAY: Self = Self(4);
    /// It is over.
    pub const OVER: Self = Self(8);
    /// A month is left.
    pub const MONTH: Self = Self(16);
    /// Two months are left.
    pub const TWO_MONTHS: Self = Self(32);
}

/// The warnings of a grant's end that are reached and were not given yet, as bits; none: 0. `issued`: when it began to
/// live.
pub fn warnings(issued: Option<Timestamp>, ends: Timestamp, told: i64, now: Timestamp) -> i64 {
    let left = ends.duration_since(now);
    let mut reached = 0;
    if issued.is_some_and(|issued| issued < ends && now >= issued + ends.duration_since(issued) * 2 / 3) {
        reached |= Warning::TWO_THIRDS.0;
    }
    for (warning, at) in [(Warning::WEEK, DAY * 7), (Warning::DAY, DAY), (Warning::OVER, SignedDuration::ZERO)] {
        if left <= at {
            reached |= warning.0;
        }
    }
    reached & !told
}

/// The same of the end of an API version: at 60, 30 and 7 days, and when it is over.
pub fn sunset_warnings(ends: Date, told: i64, now: Timestamp) -> i64 {
    let left = days_until(ends, now);
    let reached = [(Warning::TWO_MONTHS, 60), (Warning::MONTH, 30), (Warning::WEEK, 7), (Warning::OVER, 0)]
        .into_iter()
        .filter(|(_, days)| left <= *days)
        .fold(0, |all, (warning, _)| all | warning.0);
    reached & !told
}

/// Whole days until a date begins (UTC); below zero once it has.
pub fn days_until(date: Date, now: Timestamp) -> i64 {
    let begins = TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).unwrap_or(now);
    days_left(begins, now)
}

/// Whole days left, rounded down; below zero once it is over.
pub fn days_left(ends: Timestamp, now: Timestamp) -> i64 {
    ends.duration_since(now).as_secs().div_euclid(86_400)
}

/// When an account is asked next who it is: at start (`last` is from before it), then daily, and hourly while its token is
/// refused. Each channel has its own moment.
pub fn probe(last: Option<Timestamp>, refused: bool, began: Timestamp, name: &str, scale: f64) -> Timestamp {
    let own = f64::from(spread(name)) / f64::from(u16::MAX);
    match last.filter(|last| *last >= began) {
        None => began + scaled(SPREAD * own, scale),
        Some(last) => {
            let every = if refused { PROBE.1 } else { PROBE.0 };
            last + scaled(every * (0.9 + 0.1 * own), scale)
        }
    }
}

/// A number of that name, evenly spread.
pub fn spread(name: &str) -> u16 {
    use sha2::Digest as _;
    let digest: [u8; 32] = sha2::Sha256::digest(name).into();
    u16::from_be_bytes([digest[0], digest[1]])
}

#[cfg(test)]
#[path = "tokens_tests.rs"]
mod tests;
