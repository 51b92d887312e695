//! What opens an account: secrets by reference in the config, and grants kept sealed in the vault.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// Where to find a secret. The config never holds a secret's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretRef {
    /// The name of an environment variable.
    Env(String),
    /// A file; trailing line ends are cut. Relative to the working directory.
    File(PathBuf),
}

impl std::fmt::Display for SecretRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

/// The secrets of one channel, resolved just before they are used: pairs of a config key (`token`) and its secret.
#[derive(Clone, Default)]
pub struct Credential(pub Vec<(&'static str, SecretString)>);

impl Credential {
    /// The secret of a config key, if the channel has it.
    pub fn get(&self, key: &str) -> Option<&SecretString> {
        self.0.iter().find(|(k, _)| *k == key).map(|(_, secret)| secret)
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(key, _)| key)).finish()
    }
}
