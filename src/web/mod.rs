//! The service's port: health, metrics and read-only pages.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use url::Url;

/// `[web]` of the config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The address and port the desk listens on.
    pub listen: SocketAddr,
    /// Where others reach the desk: WebSub and OAuth callbacks, short links.
    pub public_url: Option<Url>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), public_url: None }
    }
}
