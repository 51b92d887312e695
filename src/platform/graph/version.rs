//! The versions of the Graph API as data: which there are, and when each ends. A version lives about two years; what a
//! newsroom runs on is a key of the config, so that it can move on without a new release of this program.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, de};

/// The newest version the sources of 2026-11 know.
pub const NEWEST: &str = "v26.0";

/// Each version and the day it is removed; `None`: no day is announced.
/// Source: Meta's changelog table, a copy with v26.0 as newest, read 2026-11.
const ENDS: &[(&str, Option<Date>)] = &[
    ("v20.0", Some(date(2026, 9, 24))),
    ("v21.0", Some(date(2027, 1, 21))),
    ("v22.0", Some(date(2027, 5, 20))),
    ("v23.0", Some(date(2027, 10, 8))),
    ("v24.0", Some(date(2028, 2, 18))),
    ("v25.0", Some(date(2028, 7, 29))),
    ("v26.0", None),
];

/// From so many days before its end on a version is spoken of. Ours: two months of a newsroom's time.
const NEAR: i32 = 60;

/// Until when v26.0 can be counted on at least: a version lives about two years, and this one came 2026-07-29.
const LIVES: Date = date(2028, 7, 29);

/// What a person should know of that version today; `None`: nothing.
pub fn remark(version: &str, now: Timestamp) -> Option<String> {
    let today = now.to_zoned_datetime(TimeZone::UTC).date();
    let Some((_, end)) = ENDS.iter().find(|(known, _)| *known == version) else {
        return Some(format!(
            "api_version {version} is not among those known here (the newest is {NEWEST}): its end is not watched"
        ));
    };
    let (end, how) = match end {
        Some(end) => (*end, "ends"),
        None => (LIVES, "may end"),
    };
    let days = today.until(end).ok()?.get_days();
    match days {
        ..=0 => Some(format!("api_version {version} ended on {end}: write a newer one, such as {NEWEST}")),
        1..=NEAR => Some(format!("api_version {version} {how} on {end}, in {days} days: write a newer one")),
        _ => None,
    }
}

/// Reads `api_version`: `v26.0`.
///
/// # Errors
/// Where it is something else.
pub fn read<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let number = text.strip_prefix('v').and_then(|rest| rest.split_once('.'));
    let digits = |text: &str| !text.is_empty() && text.len() < 4 && text.bytes().all(|b| b.is_ascii_digit());
    match number {
        Some((major, minor)) if digits(major) && digits(minor) => Ok(text),
        _ => Err(de::Error::custom(format!("expected a version such as \"{NEWEST}\", found {text:?}"))),
    }
}

/// [`NEWEST`] as a default of the config.
pub fn newest() -> String {
    NEWEST.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_spoken_of_before_its_end() {
        for (version, day, expected) in [
            ("v26.0", "2026-11-25", None),
            ("v26.0", "2028-07-01", Some("may end on 2028-07-29")),
            ("v25.0", "2026-11-25", None),
            ("v21.0", "2026-11-21", None),
            ("v21.0", "2026-11-22", Some("ends on 2027-01-21, in 60 days")),
            ("v20.0", "2026-11-25", Some("ended on 2026-09-24")),
            ("v9.0", "2026-11-25", Some("not among those known")),
        ] {
            let found = remark(version, format!("{day}T12:00:00Z").parse().unwrap());
            match expected {
                None => assert_eq!(found, None, "{version} {day}"),
                Some(words) => assert!(found.as_deref().is_some_and(|said| said.contains(words)), "{found:?}"),
            }
        }
        assert!(ENDS.iter().any(|(version, _)| *version == NEWEST));
    }
}
