//! LinkedIn's dated API versions as data: which there are, when each stops working, and what to tell a person of it. A
//! version is never computed from the calendar (months are skipped), and never defaulted by LinkedIn: a missing or dead
//! one refuses every call with 426.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

/// What a channel uses that names none: the newest known. Source: shared notes on LinkedIn's versioning page, 2026-09-14.
pub const DEFAULT: &str = "202608";

/// So long before its end a version is told of. Ours.
const AHEAD_DAYS: i32 = 60;

/// A version and the last day it is said to work.
struct Known {
    version: &'static str,
    ends: Date,
}

/// Source: <https://learn.microsoft.com/en-us/linkedin/marketing/integrations/migrations>, spring 2026.
const KNOWN: [Known; 6] = [
    Known { version: "202509", ends: date(2026, 9, 15) },
    Known { version: "202510", ends: date(2026, 10, 15) },
    Known { version: "202511", ends: date(2026, 11, 16) },
    Known { version: "202601", ends: date(2027, 1, 15) },
    Known { version: "202602", ends: date(2027, 2, 15) },
    Known { version: "202603", ends: date(2027, 3, 16) },
];

/// Every version lives at least twelve months from its release in the middle of its month. Source:
/// <https://learn.microsoft.com/en-us/linkedin/marketing/versioning>, 2026-08.
const MID_MONTH: i8 = 15;

/// Whether it is written as a version: `YYYYMM`, from the first there was (2022-06) on.
pub fn is_version(text: &str) -> bool {
    text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit()) && text >= "202206" && month(text).is_some()
}

fn month(text: &str) -> Option<(i16, i8)> {
    let (year, month) = (text.get(..4)?.parse().ok()?, text.get(4..6)?.parse().ok()?);
    (1..=12).contains(&month).then_some((year, month))
}

/// When a version ends, and whether LinkedIn says so (else it is twelve months from its month).
pub fn ends(version: &str) -> Option<(Date, bool)> {
    if let Some(known) = KNOWN.iter().find(|known| known.version == version) {
        return Some((known.ends, true));
    }
    let (year, month) = month(version)?;
    Date::new(year.checked_add(1)?, month, MID_MONTH).ok().map(|ends| (ends, false))
}

/// What a person should know of a version at that instant; `None`: nothing yet.
pub fn remark(version: &str, now: Timestamp) -> Option<String> {
    let (ends, stated) = ends(version)?;
    let today = TimeZone::UTC.to_datetime(now).date();
    let days = today.until((jiff::Unit::Day, ends)).ok()?.get_days();
    let how = if stated { "" } else { " (twelve months from its month; LinkedIn's table of migrations has the day)" };
    match days {
        ..0 => Some(format!(
            "LinkedIn's API version {version} ended on {ends}{how}: it refuses every call; set `api_version` to a newer one"
        )),
        0..=AHEAD_DAYS => Some(format!(
            "LinkedIn's API version {version} ends on {ends}{how}, in {days} days: set `api_version` to a newer one"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_year_and_a_month() {
        for (text, good) in [
            ("202608", true),
            ("202206", true),
            ("202205", false),
            ("202613", false),
            ("202600", false),
            ("2026-08", false),
            ("20260801", false),
            ("", false),
            ("２02608", false),
        ] {
            assert_eq!(is_version(text), good, "{text}");
        }
        assert!(is_version(DEFAULT));
        assert!(KNOWN.iter().all(|known| is_version(known.version)));
    }

    #[test]
    fn the_end_of_a_version_is_told_in_time() {
        for (version, now, words) in [
            ("202511", "2026-11-25T10:00:00Z", Some("ended on 2026-11-16: it refuses")),
            ("202601", "2026-11-15T23:00:00Z", None),
            ("202601", "2026-11-16T00:00:00Z", Some("ends on 2027-01-15, in 60 days")),
            ("202601", "2027-01-15T12:00:00Z", Some("in 0 days")),
            ("202601", "2027-01-16T12:00:00Z", Some("ended on 2027-01-15")),
            ("202608", "2026-11-25T10:00:00Z", None),
            ("202608", "2027-07-01T10:00:00Z", Some("ends on 2027-08-15 (twelve months")),
            ("no", "2026-11-25T10:00:00Z", None),
        ] {
            let found = remark(version, now.parse().unwrap());
            match words {
                None => assert_eq!(found, None, "{version} {now}"),
                Some(words) => {
                    assert!(found.as_ref().is_some_and(|it| it.contains(words)), "{version} {now}: {found:?}")
                }
            }
        }
    }
}
