//! Sessions, tokens and grants, sealed at rest.

pub mod secret;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::grant::SecretRef;

/// `[vault]` of the config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The master key: 32 bytes in base64. Left out: a file made at the first start, `data/bugle.key`.
    pub key: Option<SecretRef>,
    /// The file that is made where `key` is left out. Not a key of the config: rehearsal has its own.
    #[serde(skip, default = "generated")]
    pub generated: PathBuf,
}

fn generated() -> PathBuf {
    PathBuf::from("data/bugle.key")
}

impl Default for Settings {
    fn default() -> Self {
        Self { key: None, generated: generated() }
    }
}
