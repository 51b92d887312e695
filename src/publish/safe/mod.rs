//! The store and the vault together: secrets sealed under the data key of whom they belong to. Turning the master key over
//! is in `rekey`.

pub mod rekey;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::store::data_key::{self, Wrap};
use crate::store::{Conn, StoreError};
use crate::vault::{DataKey, Place, Vault, VaultError, aad, version_of};

/// Whose the secrets of subscriptions at hubs are. No channel's name has a blank in it.
pub const HUBS: &str = "web hooks";

/// Whose the second factors of people are. No channel's name has a blank in it.
pub const PEOPLE: &str = "second factors";

/// The version of the first layout's associated data; it had no data keys.
const FIRST: u32 = 1;

/// Why a secret cannot be had, or kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SafeError {
    /// The database's.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The vault's.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl From<SafeError> for StoreError {
    fn from(error: SafeError) -> Self {
        match error {
            SafeError::Store(error) => error,
            SafeError::Vault(error) => Self::Conflict(error.to_string()),
        }
    }
}

/// Opens what was sealed at that place, also by the first version of this program.
///
/// # Errors
/// Where its key is not ours, or it was tampered with; the database's.
pub async fn open(
    conn: &mut Conn,
    vault: &Vault,
    scope: &str,
    place: Place<'_>,
    sealed: &[u8],
) -> Result<SecretString, SafeError> {
    let Some(version) = version_of(sealed) else {
        return Ok(vault.open(&aad(place.table, place.row, place.column, FIRST), sealed)?);
    };
    let wraps = data_key::of(conn, scope).await?;
    let key = opened(vault, scope, version, &wraps)?;
    Ok(key.open(place, sealed)?)
}

/// Seals a secret for that place, within the caller's transaction. The scope's data key is made where there is none, and
/// anew where none of ours opens the old one.
///
/// # Errors
/// The database's; a conflict where another process made a data key meanwhile that is not ours to open.
pub async fn seal(
    conn: &mut Conn,
    vault: &Vault,
    scope: &str,
    place: Place<'_>,
    secret: &SecretString,
    now: Timestamp,
) -> Result<Vec<u8>, StoreError> {
    Ok(key_for(conn, vault, scope, now).await?.seal(place, secret))
}

/// The data key to seal with.
async fn key_for(conn: &mut Conn, vault: &Vault, scope: &str, now: Timestamp) -> Result<DataKey, StoreError> {
    let wraps = data_key::of(&mut *conn, scope).await?;
    let newest = wraps.iter().map(|wrap| wrap.version).max();
    if let Some(Ok(key)) = newest.map(|version| opened(vault, scope, version, &wraps)) {
        return Ok(key);
    }
    let fresh = DataKey::fresh(scope, newest.unwrap_or(0).saturating_add(1));
    let (master, bytes) = vault.wrap(&fresh);
    let wrap = Wrap { scope: scope.to_owned(), version: fresh.version(), master, bytes };
    if data_key::make(conn, &wrap, now).await? {
        return Ok(fresh);
    }
    // Another process was faster: its key holds.
    let wraps = data_key::of(conn, scope).await?;
    opened(vault, scope, fresh.version(), &wraps).map_err(|e| SafeError::from(e).into())
}

/// The data key of that version, by whichever copy is under a key of ours.
fn opened(vault: &Vault, scope: &str, version: u32, wraps: &[Wrap]) -> Result<DataKey, VaultError> {
    let copies = wraps.iter().filter(|wrap| wrap.version == version);
    vault.unwrap(scope, version, copies.map(|wrap| (wrap.master.as_str(), wrap.bytes.as_slice())))
}

/// Where what a channel keeps under a word belongs.
pub const fn kept<'a>(channel: &'a str, word: &'a str) -> Place<'a> {
    Place { table: "sealed", row: channel, column: word }
}

/// Where the secret of a subscription belongs.
pub const fn of_hub(token: &str) -> Place<'_> {
    Place { table: "subscription", row: token, column: "secret" }
}

/// Where the second factor of a person belongs.
pub const fn of_person(id: &str) -> Place<'_> {
    Place { table: "person", row: id, column: "totp" }
}
