//! What opens an account: secrets by reference in the config, and grants kept sealed in the vault.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
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
    /// The name of a systemd credential (`LoadCredential=`): a file in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

/// Read by hand: the derived reader would repeat a secret that somebody wrote as a text in its error.
impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Place {
            Env(String),
            File(PathBuf),
            Credential(String),
        }
        struct Reading;
        impl<'de> Visitor<'de> for Reading {
            type Value = SecretRef;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(
                    "where to find a secret: { env = \"NAME\" }, { file = \"PATH\" } or { credential = \"NAME\" }",
                )
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
                    Ok(Place::Credential(name)) => Ok(SecretRef::Credential(name)),
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
            Self::Credential(name) => write!(f, "systemd credential {name}"),
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

/// What a person's consent gave, kept sealed under [`Grant::WORD`]. Its `Debug` shows no token.
#[derive(Clone)]
pub struct Grant {
    /// Opens the account.
    pub access: SecretString,
    /// Trades itself for a new pair, where the platform has such.
    pub refresh: Option<SecretString>,
    /// When it was given.
    pub issued: Option<Timestamp>,
    /// When `access` runs out; `None`: never, or the platform did not say.
    pub expires: Option<Timestamp>,
    /// When it cannot be renewed any more and a person must consent again; `None`: as `expires` where there is no
    /// `refresh`, else never, or the platform did not say.
    pub ends: Option<Timestamp>,
    /// The scopes granted, blanks between; empty where the platform did not say.
    pub scope: String,
    /// What only its platform needs: the id of the page, a key. Sealed with the rest.
    pub own: BTreeMap<String, String>,
}

/// How a grant is written before it is sealed. The words are in stores: they do not change.
#[derive(Serialize, Deserialize)]
struct Written {
    access_token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issued: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ends: Option<Timestamp>,
    #[serde(default)]
    scope: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    own: BTreeMap<String, String>,
}

impl Grant {
    /// The word it is kept under.
    pub const WORD: &str = "grant";

    /// A grant of that token, of which nothing else is known.
    pub fn of(access: SecretString) -> Self {
        let own = BTreeMap::new();
        Self { access, refresh: None, issued: None, expires: None, ends: None, scope: String::new(), own }
    }

    /// As it is kept under [`WORD`](Self::WORD).
    pub fn written(&self) -> SecretString {
        let written = Written {
            access_token: self.access.expose_secret().to_owned(),
            refresh_token: self.refresh.as_ref().map(|token| token.expose_secret().to_owned()),
            issued: self.issued,
            expires: self.expires,
            ends: self.ends,
            scope: self.scope.clone(),
            own: self.own.clone(),
        };
        SecretString::from(serde_json::to_string(&written).expect("a grant is plain data with text keys"))
    }

    /// Reads what [`written`](Self::written) wrote.
    pub fn read(text: &SecretString) -> Option<Self> {
        let it: Written = serde_json::from_str(text.expose_secret()).ok()?;
        Some(Self {
            access: SecretString::from(it.access_token),
            refresh: it.refresh_token.map(SecretString::from),
            issued: it.issued,
            expires: it.expires,
            ends: it.ends,
            scope: it.scope,
            own: it.own,
        })
    }
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grant")
            .field("issued", &self.issued)
            .field("expires", &self.expires)
            .field("ends", &self.ends)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_comes_back_as_it_was_written_and_shows_no_token() {
        let at: Timestamp = "2026-11-25T10:00:00Z".parse().unwrap();
        let own = BTreeMap::from([("page".to_owned(), "p4ge".to_owned())]);
        let grant = Grant {
            refresh: Some(SecretString::from("r3fresh")),
            issued: Some(at),
            expires: Some(at),
            scope: "write".to_owned(),
            own,
            ..Grant::of(SecretString::from("t0ken"))
        };
        let back = Grant::read(&grant.written()).unwrap();
        assert_eq!(back.written().expose_secret(), grant.written().expose_secret());
        let shown = format!("{grant:?}");
        assert!(!shown.contains("t0ken") && !shown.contains("r3fresh") && !shown.contains("p4ge"), "{shown}");
        // As the first version of this program wrote it.
        let old = Grant::read(&SecretString::from(r#"{"access_token":"t","scope":"write"}"#)).unwrap();
        assert_eq!((old.access.expose_secret(), old.scope.as_str()), ("t", "write"));
        assert!(Grant::read(&SecretString::from("t0ken")).is_none());
    }
}
