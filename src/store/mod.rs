//! The one database: SQLite or PostgreSQL, one SQL text for both.

use serde::{Deserialize, Serialize};

/// `[store]` of the config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `sqlite:FILE`, or `postgres://…` for several replicas.
    pub url: String,
    /// How long articles and seen keys are kept after they were last listed: `400d` or more.
    pub keep: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { url: "sqlite:data/bugle.db".to_owned(), keep: "400d".to_owned() }
    }
}
