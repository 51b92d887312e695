//! Schedules: cron expressions and intervals on the newsroom's wall clock.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A cron expression of five or six fields, as crontab writes it.
#[derive(Clone, Debug)]
pub struct Cron {}

/// A text that is no schedule: what was expected, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{said}")]
pub struct BadSchedule {
    /// What was expected and what was found.
    pub said: String,
    /// Byte offset into the text.
    pub at: usize,
    /// Length of the faulty part in bytes; at least 1 unless the text ends there.
    pub len: usize,
}

impl Cron {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`BadSchedule`].
    pub fn parse(_text: &str) -> Result<Self, BadSchedule> {
        Err(BadSchedule { said: String::new(), at: 0, len: 0 })
    }

    /// The first firing strictly after `after`, in that zone.
    pub fn next(&self, _zone: &TimeZone, _after: Timestamp) -> Option<Timestamp> {
        None
    }

    /// The last firing at or before `now` and strictly after `since`, in that zone.
    pub fn last(&self, _zone: &TimeZone, _since: Timestamp, _now: Timestamp) -> Option<Timestamp> {
        None
    }
}

/// When to poll: `every 2m`, or a cron expression.
#[derive(Clone, Debug)]
pub enum Rhythm {
    /// A fixed interval.
    Every(SignedDuration),
    /// At the firings of an expression.
    Cron(Box<Cron>),
}

impl Rhythm {
    /// Reads `every 2m` (1 s or more) or a cron expression.
    ///
    /// # Errors
    /// [`BadSchedule`].
    pub fn parse(_text: &str) -> Result<Self, BadSchedule> {
        Err(BadSchedule { said: String::new(), at: 0, len: 0 })
    }

    /// The next time after `after`.
    pub fn next(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(interval) => after.checked_add(*interval).ok(),
            Self::Cron(cron) => cron.next(zone, after),
        }
    }
}

/// Reads a length of time: `90s`, `3m`, `1h`, `400d`, `1h30m`.
///
/// # Errors
/// [`BadSchedule`].
pub fn duration(_text: &str) -> Result<SignedDuration, BadSchedule> {
    Err(BadSchedule { said: String::new(), at: 0, len: 0 })
}
