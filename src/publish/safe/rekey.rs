//! Turning the master key over while the service runs. First every data key gets a second copy under the new master key:
//! from then on the old one opens all, and so does the new one. Once the config names the new one, the copies under others
//! are dropped. Killed anywhere in between, each data key still has a copy under the key that the config names, and the
//! same call goes on from there.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::{HUBS, PEOPLE, kept, key_for, of_hub, of_person, open, opened};
use crate::store::data_key::{self, Wrap};
use crate::store::sealed::{self, Whose};
use crate::store::{Conn, Store, StoreError, job, person, subscription};
use crate::vault::{Place, Vault, version_of};

/// How often the whole is gone through again for what the running service made meanwhile.
const ROUNDS: usize = 5;

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Done {
    /// Data keys that have a copy under the master key now.
    pub data_keys: usize,
    /// Secrets of the first layout that were sealed under data keys.
    pub moved: usize,
    /// Copies under other master keys that were dropped.
    pub dropped: u64,
    /// What no key at hand opens, in words; it is left as it is.
    pub closed: Vec<String>,
}

/// What is sealed, and under which master keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Status {
    /// How many data keys each master key opens, by its id.
    pub data_keys: BTreeMap<String, usize>,
    /// How many secrets those data keys seal, by the id of the master key.
    pub secrets: BTreeMap<String, usize>,
    /// How many secrets of the first layout each master key opens; sealed anew when they are next written.
    pub first_layout: BTreeMap<String, usize>,
    /// Whose secrets none of the keys in use opens.
    pub closed: Vec<String>,
}

/// A secret, wherever it is kept.
struct Secret {
    scope: String,
    at: At,
    bytes: Vec<u8>,
}

/// Where it is kept.
enum At {
    Sealed(Whose),
    Hub(String),
    Person(String),
}

impl Secret {
    fn place(&self) -> Place<'_> {
        match &self.at {
            At::Sealed(whose) => kept(&whose.channel, &whose.word),
            At::Hub(token) => of_hub(token),
            At::Person(id) => of_person(id),
        }
    }
}

async fn secrets(conn: &mut Conn) -> Result<Vec<Secret>, StoreError> {
    let mut found = Vec::new();
    for (whose, bytes) in sealed::all(&mut *conn).await? {
        found.push(Secret { scope: whose.channel.clone(), at: At::Sealed(whose), bytes });
    }
    for (token, bytes) in subscription::secrets(&mut *conn).await? {
        found.push(Secret { scope: HUBS.to_owned(), at: At::Hub(token), bytes });
    }
    for (id, bytes) in person::second_factors(conn).await? {
        found.push(Secret { scope: PEOPLE.to_owned(), at: At::Person(id), bytes });
    }
    Ok(found)
}

/// What is sealed under which keys.
///
/// # Errors
/// The database's.
pub async fn status(conn: &mut Conn, vault: &Vault) -> Result<Status, StoreError> {
    let mut status = Status::default();
    let keys = data_key::by_key(&mut *conn).await?;
    for ((scope, version), wraps) in &keys {
        for wrap in wraps {
            *status.data_keys.entry(wrap.master.clone()).or_default() += 1;
        }
        if opened(vault, scope, *version, wraps).is_err() {
            status.closed.push(scope.clone());
        }
    }
    let ours = vault.key_ids();
    for secret in secrets(conn).await? {
        match (version_of(&secret.bytes), Vault::master_of(&secret.bytes)) {
            (Some(version), _) => {
                for wrap in keys.get(&(secret.scope.clone(), version)).into_iter().flatten() {
                    *status.secrets.entry(wrap.master.clone()).or_default() += 1;
                }
            }
            (None, Some(master)) => {
                if !ours.contains(&master) {
                    status.closed.push(secret.scope.clone());
                }
                *status.first_layout.entry(master).or_default() += 1;
            }
            (None, None) => status.closed.push(secret.scope.clone()),
        }
    }
    status.closed.sort();
    status.closed.dedup();
    Ok(status)
}

/// Gives every data key a copy under `to`, opened by the keys of `vault`; beside the running service, one data key a
/// commit. With `drop_others`, copies under other master keys go.
///
/// # Errors
/// The database's; what was done until then stays.
pub async fn rekey(
    store: &Store,
    vault: &Arc<Vault>,
    to: &Arc<Vault>,
    drop_others: bool,
    now: Timestamp,
) -> Result<Done, StoreError> {
    let mut done = Done::default();
    for _ in 0..ROUNDS {
        let moved = move_first(store, vault, now, &mut done).await?;
        let copied = copy(store, vault, to, &mut done).await?;
        if moved + copied == 0 {
            break;
        }
    }
    let mut conn = store.read().await?;
    let keys = data_key::by_key(&mut conn).await?;
    drop(conn);
    done.data_keys = keys.values().filter(|wraps| wraps.iter().any(|wrap| wrap.master == to.key_id())).count();
    if drop_others {
        for ((scope, version), wraps) in keys {
            // Only what is seen to open under the new key may lose its other copies.
            if opened(to, &scope, version, &wraps).is_err() || wraps.len() < 2 {
                continue;
            }
            let master = to.key_id();
            let drop =
                job(move |conn| Box::pin(async move { data_key::keep_only(conn, &scope, version, &master).await }));
            done.dropped += store.write(drop).await?;
            crate::crash::point("dropped");
        }
    }
    done.closed.sort();
    done.closed.dedup();
    Ok(done)
}

/// Secrets of the first layout are sealed under data keys. Returns how many were.
async fn move_first(store: &Store, vault: &Arc<Vault>, now: Timestamp, done: &mut Done) -> Result<usize, StoreError> {
    let mut conn = store.read().await?;
    let all = secrets(&mut conn).await?;
    let mut moved = 0;
    for secret in all.into_iter().filter(|secret| version_of(&secret.bytes).is_none()) {
        let opens = open(&mut conn, vault, &secret.scope, secret.place(), &secret.bytes).await;
        let plain = match opens {
            Ok(plain) => plain,
            Err(super::SafeError::Store(error)) => return Err(error),
            Err(super::SafeError::Vault(error)) => {
                done.closed.push(format!("a secret of {}: {error}", secret.scope));
                continue;
            }
        };
        let vault = Arc::clone(vault);
        let swap = job(move |conn| {
            Box::pin(async move {
                let key = key_for(conn, &vault, &secret.scope, now).await?;
                let new = key.seal(secret.place(), &plain);
                // Whoever wrote there meanwhile has sealed under a data key already.
                match &secret.at {
                    At::Sealed(whose) => sealed::swap(conn, whose, (&secret.bytes, &new), None).await,
                    At::Hub(token) => subscription::swap_secret(conn, token, &secret.bytes, &new).await,
                    At::Person(id) => person::swap_second_factor(conn, id, &secret.bytes, &new).await,
                }
            })
        });
        moved += usize::from(store.write(swap).await?);
        crate::crash::point("moved");
    }
    done.moved += moved;
    Ok(moved)
}

/// Data keys without a copy under the new master key get one. Returns how many did.
async fn copy(store: &Store, vault: &Arc<Vault>, to: &Arc<Vault>, done: &mut Done) -> Result<usize, StoreError> {
    let mut conn = store.read().await?;
    let keys = data_key::by_key(&mut conn).await?;
    drop(conn);
    let mut copied = 0;
    for ((scope, version), wraps) in keys {
        if wraps.iter().any(|wrap| wrap.master == to.key_id()) {
            continue;
        }
        let key = match opened(vault, &scope, version, &wraps) {
            Ok(key) => key,
            Err(error) => {
                done.closed.push(format!("the data key of {scope}: {error}"));
                continue;
            }
        };
        let (master, bytes) = to.wrap(&key);
        let wrap = Wrap { scope, version, master, bytes };
        store.write(job(move |conn| Box::pin(async move { data_key::add(conn, &wrap).await }))).await?;
        crate::crash::point("rewrapped");
        copied += 1;
    }
    Ok(copied)
}
