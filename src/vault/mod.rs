//! Sessions, tokens and grants, sealed at rest. The master key is in `key`, a channel's data key and what is sealed under
//! it in `data_key`, a secret with an envelope of its own in `seal`, secrets by reference in `secret`. Where the sealed
//! bytes are kept is the store's; both are brought together in `publish::safe`.

mod data_key;
mod key;
mod seal;
pub mod secret;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub use self::data_key::{DataKey, Place, version_of};
use self::key::MasterKey;
use crate::model::grant::SecretRef;

/// Where the master key is made and kept if the config names no other place. Relative to the working directory.
pub const KEY_FILE: &str = "data/bugle.key";

/// `[vault]` of the config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The master key: 32 bytes as 64 hex digits or in Base64. Left out: a file made at the first start, `data/bugle.key`.
    pub key: Option<SecretRef>,
    /// Master keys from before, which open and never seal: named while `bugle vault rekey` takes `key` over.
    pub old_keys: Vec<SecretRef>,
    /// The file that is made where `key` is left out. Not a key of the config: rehearsal has its own.
    #[serde(skip, default = "generated")]
    pub generated: PathBuf,
}

fn generated() -> PathBuf {
    PathBuf::from(KEY_FILE)
}

impl Default for Settings {
    fn default() -> Self {
        Self { key: None, old_keys: Vec::new(), generated: generated() }
    }
}

/// The master keys of a moment: the first seals and opens, the others only open.
struct Ring(Vec<MasterKey>);

impl Ring {
    fn current(&self) -> &MasterKey {
        &self.0[0]
    }

    fn all(&self) -> Vec<&MasterKey> {
        self.0.iter().collect()
    }
}

/// Seals and opens secrets under the master key. Its `Debug` shows nothing of it.
pub struct Vault {
    ring: RwLock<Arc<Ring>>,
}

/// Why a secret is not to be had. Never holds a part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// A master key is missing, malformed or open to others.
    #[error("master key: {0}")]
    Key(String),
    /// It was sealed under another master key.
    #[error(
        "sealed under the master key {found}, expected {ours}: name the old key in vault.old_keys, or connect the channel again"
    )]
    OtherKey {
        /// The id of the key it was sealed under; several where it was sealed under several.
        found: String,
        /// The ids of the keys in use.
        ours: String,
    },
    /// The bytes are not what was sealed for this place.
    #[error("sealed bytes: {0}")]
    Sealed(&'static str),
}

impl Vault {
    /// Takes the master keys from where the config says. A key that it does not name is a file, which is made at first use
    /// and never made again over an existing one; it is refused where others may read it. A file that the config names is
    /// not, as secret stores mount theirs readable.
    ///
    /// # Errors
    /// [`VaultError::Key`], in words for a person.
    pub fn unlock(settings: &Settings) -> Result<Self, VaultError> {
        let mut keys = vec![match &settings.key {
            Some(place) => key::fetch(place)?,
            None => key::read_or_make(&settings.generated)?,
        }];
        for place in &settings.old_keys {
            let old = key::fetch(place).map_err(|e| match e {
                VaultError::Key(said) => VaultError::Key(format!("old_keys: {said}")),
                other => other,
            })?;
            keys.push(old);
        }
        Ok(Self::of(keys))
    }

    /// A vault under the key at that place; a file that is not there yet is made, with a fresh key.
    ///
    /// # Errors
    /// [`VaultError::Key`], in words for a person.
    pub fn at(place: &SecretRef) -> Result<Self, VaultError> {
        let key = match place {
            SecretRef::File(path) if !path.exists() => key::read_or_make(path)?,
            place => key::fetch(place)?,
        };
        Ok(Self::of(vec![key]))
    }

    fn of(keys: Vec<MasterKey>) -> Self {
        Self { ring: RwLock::new(Arc::new(Ring(keys))) }
    }

    /// A vault under a key given as text: 64 hex digits, or Base64 of 32 bytes.
    ///
    /// # Errors
    /// [`VaultError::Key`] where it is neither.
    pub fn with_key(text: &SecretString) -> Result<Self, VaultError> {
        Self::with_keys(text, &[])
    }

    /// The same, with keys that only open.
    ///
    /// # Errors
    /// As [`with_key`](Self::with_key).
    pub fn with_keys(text: &SecretString, old: &[SecretString]) -> Result<Self, VaultError> {
        let keys: Result<Vec<_>, _> = std::iter::once(text).chain(old).map(key::parse).collect();
        Ok(Self::of(keys?))
    }

    /// Works with the keys of another vault from now on: the config was read again.
    pub fn take_over(&self, other: Self) {
        let ring = other.ring.into_inner().unwrap_or_else(PoisonError::into_inner);
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
    }

    fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The first 8 hex digits of the SHA-256 of the master key that seals: tells keys apart, not what they are.
    pub fn key_id(&self) -> String {
        crate::text::plain::hex(&self.ring().current().id())
    }

    /// The ids of all master keys in use, the one that seals first.
    pub fn key_ids(&self) -> Vec<String> {
        self.ring().0.iter().map(|key| crate::text::plain::hex(&key.id())).collect()
    }

    /// Seals a data key under the master key; gives that one's id, too.
    pub fn wrap(&self, key: &DataKey) -> (String, Vec<u8>) {
        let ring = self.ring();
        (crate::text::plain::hex(&ring.current().id()), data_key::wrap(ring.current(), key))
    }

    /// Opens a data key by whichever of its sealed copies is under a key of ours; each comes with its master key's id.
    ///
    /// # Errors
    /// [`VaultError::OtherKey`] where there is none; [`VaultError::Sealed`] where it is damaged.
    pub fn unwrap<'a>(
        &self,
        scope: &str,
        version: u32,
        copies: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<DataKey, VaultError> {
        let ring = self.ring();
        let (mut found, mut failed) = (Vec::new(), None);
        for (id, bytes) in copies {
            let ours = ring.0.iter().find(|master| crate::text::plain::hex(&master.id()) == id);
            match ours.map(|master| data_key::unwrap(master, scope, version, bytes)) {
                Some(Ok(key)) => return Ok(key),
                Some(Err(error)) => failed = Some(error),
                None => found.push(id.to_owned()),
            }
        }
        let ours = || self.key_ids().join(", ");
        Err(failed.unwrap_or_else(|| VaultError::OtherKey { found: found.join(", "), ours: ours() }))
    }

    /// Seals a secret in an envelope of its own for the place that `aad` names (see [`aad`]): it opens there and nowhere
    /// else. A master key that is turned over does not reach it: for what lives minutes.
    pub fn seal(&self, aad: &str, plain: &SecretString) -> Vec<u8> {
        seal::seal(self.ring().current(), aad, plain)
    }

    /// Opens what [`seal`](Self::seal) sealed for the place that `aad` names.
    ///
    /// # Errors
    /// [`VaultError::OtherKey`], and [`VaultError::Sealed`] for bytes that are damaged or from another place.
    pub fn open(&self, aad: &str, sealed: &[u8]) -> Result<SecretString, VaultError> {
        seal::open(&self.ring().all(), aad, sealed)
    }

    /// The id of the master key that [`seal`](Self::seal) sealed those bytes under; `None` where it was not that.
    pub fn master_of(sealed: &[u8]) -> Option<String> {
        seal::master_of(sealed).map(|id| crate::text::plain::hex(&id))
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

/// The associated data of a sealed column, so that rows cannot be swapped: `table|row|column|version`.
pub fn aad(table: &str, row: &str, column: &str, version: u32) -> String {
    format!("{table}|{row}|{column}|{version}")
}
