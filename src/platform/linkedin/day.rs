//! The budget of requests: LinkedIn counts them per UTC day and sends no header, so they are counted here, as long as the
//! process lives; and how long to wait after a 429 that names no time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Requests a member may make a day through an app with "Share on LinkedIn". Source: LinkedIn's page on rate limits,
/// 2026-08; what a page's app may do is shown in the developer portal alone.
pub const MEMBER_PER_DAY: u64 = 150;

/// The waits after the first, second and third 429 in a row; after that the day is taken to be used up. Ours: LinkedIn
/// names none.
const RESTS: [Duration; 3] = [Duration::from_secs(60), Duration::from_secs(300), Duration::from_secs(900)];

/// What was asked today.
#[derive(Default)]
pub struct Day(Mutex<Tally>);

#[derive(Clone, Copy, Default)]
struct Tally {
    day: Option<Date>,
    calls: u64,
    /// 429 in a row.
    refused: usize,
}

impl Day {
    fn with<T>(&self, now: Timestamp, work: impl FnOnce(&mut Tally) -> T) -> T {
        let mut tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let today = TimeZone::UTC.to_datetime(now).date();
        if tally.day != Some(today) {
            *tally = Tally { day: Some(today), ..Tally::default() };
        }
        work(&mut tally)
    }

    /// Counts a request, and says how many there were today.
    pub fn count(&self, now: Timestamp) -> u64 {
        self.with(now, |tally| {
            tally.calls += 1;
            tally.calls
        })
    }

    /// LinkedIn answered with something else than 429.
    pub fn answered(&self, now: Timestamp) {
        self.with(now, |tally| tally.refused = 0);
    }

    /// Until when to wait after a 429; minutes are multiplied by `scale`.
    pub fn refused(&self, now: Timestamp, scale: impl Fn(Duration) -> Duration) -> Timestamp {
        let n = self.with(now, |tally| {
            tally.refused += 1;
            tally.refused - 1
        });
        let rest = RESTS.get(n).and_then(|rest| SignedDuration::try_from(scale(*rest)).ok());
        let tomorrow = midnight(now);
        rest.and_then(|rest| now.checked_add(rest).ok()).map_or(tomorrow, |at| at.min(tomorrow))
    }
}

/// The next 00:00 UTC: when LinkedIn counts anew.
pub fn midnight(now: Timestamp) -> Timestamp {
    let next = TimeZone::UTC.to_datetime(now).date().tomorrow();
    next.and_then(|day| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0))).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_ends_at_midnight_utc() {
        let day = Day::default();
        assert_eq!(day.count(at("2026-11-25T10:00:00Z")), 1);
        assert_eq!(day.count(at("2026-11-25T23:59:59Z")), 2);
        assert_eq!(day.count(at("2026-11-26T00:00:00Z")), 1);
        assert_eq!(midnight(at("2026-12-31T23:59:59Z")), at("2027-01-01T00:00:00Z"));
    }

    #[test]
    fn refusals_in_a_row_wait_longer_and_at_last_for_the_next_day() {
        let (day, now) = (Day::default(), at("2026-11-25T10:00:00Z"));
        let whole = |rest: Duration| rest;
        let waits: Vec<String> = (0..4).map(|_| day.refused(now, whole).to_string()).collect();
        let expected = ["2026-11-25T10:01:00Z", "2026-11-25T10:05:00Z", "2026-11-25T10:15:00Z", "2026-11-26T00:00:00Z"];
        assert_eq!(waits, expected);
        day.answered(now);
        assert_eq!(day.refused(now, whole), at("2026-11-25T10:01:00Z"));
        assert_eq!(day.refused(at("2026-11-25T23:58:00Z"), whole), at("2026-11-26T00:00:00Z"), "never past it");
        assert_eq!(Day::default().refused(now, |rest| rest / 60), at("2026-11-25T10:00:01Z"));
    }
}
