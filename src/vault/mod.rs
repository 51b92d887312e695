//! Sessions, tokens and grants, sealed at rest. The master key is in `key`, the sealing of one secret in `seal`; where the
//! sealed bytes are kept is the store's, and turning a key over is not here yet.

mod key;
mod seal;
pub mod secret;

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

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
    /// The file that is made where `key` is left out. Not a key of the config: rehearsal has its own.
    #[serde(skip, default = "generated")]
    pub generated: PathBuf,
}

fn generated() -> PathBuf {
    PathBuf::from(KEY_FILE)
}

impl Default for Settings {
    fn default() -> Self {
        Self { key: None, generated: generated() }
    }
}

/// Seals and opens secrets under one master key. Its `Debug` shows nothing of it.
pub struct Vault {
    key: MasterKey,
}

/// Why a secret is not to be had. Never holds a part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The master key is missing, malformed or open to others.
    #[error("master key: {0}")]
    Key(String),
    /// It was sealed under another master key.
    #[error("sealed under the master key {found}, expected {ours}: put the old key back, or connect the channel again")]
    OtherKey {
        /// The id of the key it was sealed under.
        found: String,
        /// The id of the key in use.
        ours: String,
    },
    /// The bytes are not what was sealed for this place.
    #[error("sealed bytes: {0}")]
    Sealed(&'static str),
}

impl Vault {
    /// Takes the master key from where the config says; else from `file`, which is made at first use and never made
    /// again over an existing one. `file` is refused where others may read it; a file that the config names is not, as
    /// secret stores mount theirs readable.
    ///
    /// # Errors
    /// [`VaultError::Key`], in words for a person.
    pub fn unlock(key: Option<&SecretRef>, file: &Path) -> Result<Self, VaultError> {
        let key = match key {
            Some(place) => key::fetch(place)?,
            None => key::read_or_make(file)?,
        };
        Ok(Self { key })
    }

    /// A vault under a key given as text: 64 hex digits, or Base64 of 32 bytes.
    ///
    /// # Errors
    /// [`VaultError::Key`] where it is neither.
    pub fn with_key(text: &SecretString) -> Result<Self, VaultError> {
        Ok(Self { key: key::parse(text)? })
    }

    /// The first 8 hex digits of the SHA-256 of the master key: tells keys apart, not what they are.
    pub fn key_id(&self) -> String {
        crate::text::plain::hex(&self.key.id())
    }

    /// Seals a secret for the place that `aad` names (see [`aad`]): it opens there and nowhere else.
    pub fn seal(&self, aad: &str, plain: &SecretString) -> Vec<u8> {
        seal::seal(&self.key, aad, plain)
    }

    /// Opens what was sealed for the place that `aad` names.
    ///
    /// # Errors
    /// [`VaultError::OtherKey`], and [`VaultError::Sealed`] for bytes that are damaged or from another place.
    pub fn open(&self, aad: &str, sealed: &[u8]) -> Result<SecretString, VaultError> {
        seal::open(&self.key, aad, sealed)
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
