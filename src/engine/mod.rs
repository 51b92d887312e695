//! The running service: loops and their order of start and stop.

use serde::{Deserialize, Serialize};

/// `[timing]` of the config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Every wait is multiplied by this. Below 1 only for tests: refused unless every channel's server is loopback.
    pub scale: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { scale: 1.0 }
    }
}
