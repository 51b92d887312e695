//! What a platform last said of one of its own limits, as the store keeps it. What follows from it is
//! `schedule::limits`'s.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::channel::PauseScope;

/// A limit as a platform stated it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Which, in the platform's own word: `x-rate-limit`.
    pub word: String,
    /// Whom it counts for.
    pub scope: PauseScope,
    /// The channel whose call was answered so.
    pub channel: String,
    /// The share used up, in millionths; above 1 000 000 where it is overdrawn.
    pub used: u64,
    /// How many more calls or posts it allows, where that is told.
    pub left: Option<u64>,
    /// When it counts anew, by our clock.
    pub resets: Option<Timestamp>,
    /// When it was said.
    pub at: Timestamp,
}

/// All of it.
pub const WHOLE: u64 = 1_000_000;

impl Said {
    /// Whether it holds still: it has not been counted anew since. What says no reset is believed for an hour.
    pub fn holds(&self, now: Timestamp) -> bool {
        match self.resets {
            Some(resets) => resets > now,
            None => now.duration_since(self.at) < jiff::SignedDuration::from_hours(1),
        }
    }

    /// The share used up in whole percent.
    pub const fn percent(&self) -> u64 {
        self.used / (WHOLE / 100)
    }

    /// As a person reads it, without its reset: `x-rate-limit: 91 % used, 9 left`.
    pub fn describe(&self) -> String {
        let left = self.left.map(|left| format!(", {left} left")).unwrap_or_default();
        format!("{}: {} % used{left}", self.word, self.percent())
    }
}
