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

/// The same, read and checked.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// When posts may go out; `None`: at once.
    pub slots: Option<crate::timetable::Cron>,
    /// When they may not.
    pub quiet: Option<Quiet>,
    /// The least time between two posts.
    pub gap: Option<jiff::SignedDuration>,
    /// The most posts in any 60 minutes.
    pub per_hour: Option<u32>,
    /// The most posts in a civil day of the newsroom's zone.
    pub per_day: Option<u32>,
}

/// Quiet hours: `[from, to)` on the wall clock; across midnight where `to <= from`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// First quiet minute.
    pub from: jiff::civil::Time,
    /// First minute after.
    pub to: jiff::civil::Time,
}

/// What the store knows when a post might go out.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Now.
    pub now: jiff::Timestamp,
    /// The newsroom's zone.
    pub zone: &'a jiff::tz::TimeZone,
    /// The post's class of news.
    pub urgency: crate::model::post::Urgency,
    /// Since when the post could have gone out: a slot before that is not its slot.
    pub ready: jiff::Timestamp,
    /// The firing that let the channel's last post out.
    pub last_slot: Option<jiff::Timestamp>,
    /// When the channel's posts of the last 25 hours were sent, newest first.
    pub sent: &'a [jiff::Timestamp],
}

/// May the post go out now?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes; by this firing, if the channel has slots and the post keeps to them.
    Go {
        /// To be stored as the channel's `last_slot`.
        slot: Option<jiff::Timestamp>,
    },
    /// Not before `until` (ask again then); with the reason for a person.
    Wait {
        /// When to ask again; strictly after now.
        until: jiff::Timestamp,
        /// For instance "quiet until 06:30", "12 posts in the last hour".
        why: String,
    },
}

/// Breaking ignores slots, quiet hours, gap and `per_day`; nothing ignores `per_hour`.
pub fn decide(_policy: &Policy, _facts: &Facts<'_>) -> Decision {
    Decision::Go { slot: None }
}
