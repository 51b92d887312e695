//! When a channel may publish: slots, quiet hours, pace. Pure and zone-aware.

use serde::{Deserialize, Serialize};

/// The schedule keys of `[channel.NAME]`, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// A cron expression in the newsroom's zone; each firing lets one post out. Left out: at once.
    pub slots: Option<String>,
    /// `HH:MM-HH:MM` in the newsroom's zone; may cross midnight.
    pub quiet: Option<String>,
    /// The channel's pace.
    pub pace: Option<Pace>,
}

/// `pace = { gap = "3m", per_hour = 12, per_day = 100 }`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pace {
    /// The least time between two posts: `90s`, `3m`, `1h`.
    pub gap: Option<String>,
    /// The most posts in any 60 minutes.
    pub per_hour: Option<u32>,
    /// The most posts in a civil day of the newsroom's zone.
    pub per_day: Option<u32>,
}
