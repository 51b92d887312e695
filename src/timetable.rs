//! Schedules: cron expressions and intervals on the newsroom's wall clock, and what a wall time means as an instant.
//! How an expression is read lives in `timetable/parse.rs`; what a schedule is used for lives elsewhere.
//!
//! The `cron` crate only ever sees the wall clock disguised as UTC, which has neither gaps nor folds; each wall time is
//! then turned into an instant here. Two kinds of expressions differ at a clock change:
//!
//! - **times of day** (no `*` in minute or hour, `30 2 * * *`): a time in the gap fires at the first instant after it,
//!   a time in the repeated hour fires once, in the first pass. No day is lost and none fires twice.
//! - **intervals** (`*` or `*/n` in minute or hour, `*/5 7-23 * * *`): fire whenever the wall clock shows such a time:
//!   the gap is skipped, the repeated hour fires in both passes, so the rhythm is kept.

pub mod civil;
mod parse;

use std::str::FromStr as _;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

pub use parse::duration;

/// A cron expression of five or six fields, as crontab writes it.
///
/// Five fields are minute, hour, day of month, month, weekday; a sixth comes first and is the second. Each takes `*`,
/// numbers, names (`jan`, `mon`), ranges, lists and steps; weekdays are 0-7, Sunday being 0 and 7. Where both day
/// fields are restricted either may match, as crontab has it; where one begins with `*`, both must. `@hourly`, `@daily`
/// (or `@midnight`), `@weekly`, `@monthly` and `@yearly` (or `@annually`) stand for their expressions.
///
/// Nothing fires before 1970 or after 2100, the years the `cron` crate knows.
#[derive(Clone, Debug)]
pub struct Cron {
    text: String,
    /// One, or two of which either may fire.
    either: Vec<cron::Schedule>,
    interval: bool,
}

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

impl std::fmt::Display for Cron {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Cron {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`BadSchedule`].
    pub fn parse(text: &str) -> Result<Self, BadSchedule> {
        let read = parse::expression(text)?;
        let schedule = |quartz: &String| {
            // Our reader hands over plain lists of numbers within their ranges; should the crate still object, its
            // words are passed on instead of a panic.
            cron::Schedule::from_str(quartz).map_err(|e| BadSchedule { said: e.to_string(), at: 0, len: text.len() })
        };
        let either = read.quartz.iter().map(schedule).collect::<Result<_, _>>()?;
        Ok(Self { text: text.trim().to_owned(), either, interval: read.interval })
    }

    /// Whether it is an interval (see the head of this file) and not a list of times of day.
    pub const fn is_interval(&self) -> bool {
        self.interval
    }

    /// The first firing strictly after `after`, in that zone.
    pub fn next(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        if self.interval { self.next_interval(zone, after) } else { self.next_fixed(zone, after) }
    }

    /// The last firing at or before `now` and strictly after `since`, in that zone.
    pub fn last(&self, zone: &TimeZone, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
        // Found by halving with `next`, so that it cannot disagree with it (the crate's own way back is not used).
        // `low` is always a firing, and nothing fires after `high` and up to now.
        let first = self.next(zone, since).filter(|at| *at <= now)?;
        let (mut low, mut high) = (first.as_second(), floor_second(now));
        while low < high {
            let middle = low + (high - low) / 2;
            match self.next(zone, Timestamp::from_second(middle).ok()?).map(Timestamp::as_second) {
                Some(found) if found <= high => low = found,
                _ => high = middle,
            }
        }
        Timestamp::from_second(low).ok()
    }

    /// Times of day. The instants of rising wall times never fall, so the first one after `after` is the answer; the
    /// wall times passed over are those of a gap (all the same instant) or of a second pass.
    fn next_fixed(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let mut wall = wall_second(zone, after);
        loop {
            wall = self.next_wall(wall)?;
            let shown = wall_time(wall)?;
            if let Some(at) = first_reading(zone, shown).filter(|at| *at > after) {
                return Some(at);
            }
        }
    }

    /// Intervals: each stretch between two clock changes is walked with its own offset.
    fn next_interval(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let mut stretch = after;
        let mut wall = wall_second(zone, after);
        loop {
            let offset = i64::from(zone.to_offset(stretch).seconds());
            let end = zone.following(stretch).next().map(|change| change.timestamp());
            let at = Timestamp::from_second(self.next_wall(wall)? - offset).ok()?;
            match end {
                Some(end) if at >= end => {
                    stretch = end;
                    wall = wall_second(zone, end) - 1;
                }
                _ => return Some(at),
            }
        }
    }

    /// The next matching wall time strictly after one, both in seconds as if the wall clock were UTC.
    fn next_wall(&self, wall: i64) -> Option<i64> {
        // The crate reads the year as unsigned; it knows none before 1970 anyway.
        let after = chrono::DateTime::<chrono::Utc>::from_timestamp(wall.max(-1), 0)?;
        self.either.iter().filter_map(|schedule| schedule.after(&after).next()).map(|found| found.timestamp()).min()
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
    pub fn parse(text: &str) -> Result<Self, BadSchedule> {
        match parse::every(text)? {
            Some(interval) => Ok(Self::Every(interval)),
            None => Cron::parse(text).map(|cron| Self::Cron(Box::new(cron))),
        }
    }

    /// The next time after `after`.
    pub fn next(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(interval) => after.checked_add(*interval).ok(),
            Self::Cron(cron) => cron.next(zone, after),
        }
    }
}

impl std::fmt::Display for Rhythm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Every(interval) => write!(f, "every {}", spell(*interval)),
            Self::Cron(cron) => cron.fmt(f),
        }
    }
}

/// A length of time as [`duration`] reads it: `1h30m`; whole seconds, `0s` for less.
pub fn spell(length: SignedDuration) -> String {
    let mut rest = length.as_secs().max(0);
    let mut said = String::new();
    for (seconds, unit) in [(86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')] {
        if rest >= seconds {
            said.push_str(&(rest / seconds).to_string());
            said.push(unit);
            rest %= seconds;
        }
    }
    if said.is_empty() { "0s".to_owned() } else { said }
}

/// The first instant at which the clocks of that zone show this time or, where they never do, have just jumped over it.
/// `None` only at the ends of the calendar.
pub fn first_reading(zone: &TimeZone, wall: DateTime) -> Option<Timestamp> {
    let reading = zone.to_ambiguous_timestamp(wall);
    match reading.offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(wall).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(wall).ok(),
        // Read with the offset that comes after the gap, the time lies before the change, and the change follows next.
        AmbiguousOffset::Gap { after, .. } => {
            zone.following(after.to_timestamp(wall).ok()?).next().map(|change| change.timestamp())
        }
    }
}

/// As [`first_reading`], but strictly after an instant: in a repeated hour this may be the second pass. `None` where
/// the time is over.
pub fn reading_after(zone: &TimeZone, wall: DateTime, after: Timestamp) -> Option<Timestamp> {
    let second = || match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Fold { after, .. } => after.to_timestamp(wall).ok(),
        _ => None,
    };
    first_reading(zone, wall).filter(|at| *at > after).or_else(|| second().filter(|at| *at > after))
}

fn floor_second(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond().div_euclid(1_000_000_000)).unwrap_or(i64::MIN)
}

/// The zone's wall clock at an instant, in seconds as if it were UTC, rounded down.
fn wall_second(zone: &TimeZone, at: Timestamp) -> i64 {
    floor_second(at) + i64::from(zone.to_offset(at).seconds())
}

fn wall_time(wall: i64) -> Option<DateTime> {
    Timestamp::from_second(wall).ok().map(|at| jiff::tz::Offset::UTC.to_datetime(at))
}

#[cfg(test)]
mod tests;
