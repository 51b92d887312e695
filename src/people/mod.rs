//! People of the desk: how they come in (one-time links), sign in and out, and who may change what about whom. What is
//! kept is in `store::{person,session,invite}`; the pages are `web`'s, the terminal's command `cli`'s.
//!
//! Every function here that changes something writes its row in the audit log in the same commit. Rules and sources:
//! reliability.md section 8 (OWASP ASVS 5.0).

pub mod link;
pub mod manage;
pub mod name;
pub mod oidc;
pub mod password;
mod secret;
pub mod session;
pub mod sign_in;
#[cfg(test)]
mod tests;
pub mod throttle;
pub mod totp;

use std::net::IpAddr;
use std::sync::Arc;

use crate::clock::SharedClock;
use crate::store::{Store, StoreError};
use crate::vault::Vault;

pub use self::secret::{fresh, hash};
pub use self::session::Opened;

/// What signing in works with. One for each process.
#[derive(Clone)]
pub struct People {
    /// The store.
    pub store: Store,
    /// The time.
    pub clock: SharedClock,
    /// Seals second factors.
    pub vault: Arc<Vault>,
    hasher: password::Hasher,
}

/// Where somebody comes from, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The address, that of the browser where a trusted proxy names it.
    pub address: IpAddr,
    /// What the browser says it is.
    pub agent: String,
}

/// Why it was not done. Its words are for the person who asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Name and password do not belong together. One answer, whichever of the two is wrong.
    #[error("this name and this password do not belong together")]
    Wrong,
    /// Too many failed tries.
    #[error("too many failed tries: the next one is possible in {}", wait(*.0))]
    Later(jiff::SignedDuration),
    /// The password is not good enough.
    #[error("{0}")]
    Weak(password::Weak),
    /// The name cannot be one.
    #[error("{0}")]
    Name(name::Bad),
    /// The link is not known, was used, or is too late.
    #[error("this link is not valid (any more): ask for a new one")]
    Link,
    /// The first administrator is there.
    #[error("this Bugle is set up already: sign in, or ask an administrator for an invitation")]
    SetUp,
    /// Nobody would be left who may do everything.
    #[error("{0} is the last administrator: make another one first")]
    Last(String),
    /// There is no such person.
    #[error("there is no such person")]
    Nobody,
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A wait in words.
fn wait(time: jiff::SignedDuration) -> String {
    match time.as_secs() + i64::from(time.subsec_nanos() > 0) {
        ..=1 => "1 second".to_owned(),
        seconds @ ..=90 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", (seconds + 59) / 60),
    }
}

impl People {
    /// With that store and clock; the vault seals second factors.
    pub fn new(store: Store, clock: SharedClock, vault: Arc<Vault>) -> Self {
        Self { store, clock, vault, hasher: password::Hasher::default() }
    }
}
