//! What opens an account: secrets by reference in the config, and grants kept sealed in the vault.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::de::{Error as _, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

/// Where to find a secret. The config never holds a secret's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretRef {
    /// The name of an environment variable.
    Env(String),
    /// A file; trailing line ends are cut. Relative to the working directory.
    File(PathBuf),
}

/// Read by hand: the derived reader would repeat a secret that somebody wrote as a text in its error.
impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Place {
            Env(String),
            File(PathBuf),
        }
        struct Reading;
        impl<'de> Visitor<'de> for Reading {
            type Value = SecretRef;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("where to find a secret: { env = \"NAME\" } or { file = \"PATH\" }")
            }

            fn visit_str<E: serde::de::Error>(self, _text: &str) -> Result<SecretRef, E> {
                Err(E::custom(
                    "expected where to find a secret: { env = \"NAME\" } or { file = \"PATH\" }, found a text",
                ))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SecretRef, A::Error> {
                match Place::deserialize(MapAccessDeserializer::new(map)) {
                    Ok(Place::Env(name)) => Ok(SecretRef::Env(name)),
                    Ok(Place::File(path)) => Ok(SecretRef::File(path)),
                    Err(e) => Err(A::Error::custom(e)),
                }
            }
        }
        from.deserialize_any(Reading)
    }
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
