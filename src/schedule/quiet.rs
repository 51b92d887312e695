//! Quiet hours on the wall clock, through clock changes.

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::Quiet;
use crate::timetable::reading_after;

impl Quiet {
    /// Whether the wall clock shows a quiet time.
    pub fn contains(self, shown: Time) -> bool {
        if self.from < self.to { (self.from..self.to).contains(&shown) } else { shown >= self.from || shown < self.to }
    }

    /// When the quiet ends that reigns at `now`; `None` where it does not reign.
    pub fn end(self, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
        let shown = zone.to_datetime(now);
        if !self.contains(shown.time()) {
            return None;
        }
        let mut date = shown.date();
        // Today, or tomorrow where the quiet crosses midnight. One more day is for clocks turned back over midnight.
        for _ in 0..3 {
            if let Some(end) = reading_after(zone, date.to_datetime(self.to), now) {
                return Some(end);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }
}

impl std::fmt::Display for Quiet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.from.strftime("%H:%M"), self.to.strftime("%H:%M"))
    }
}
