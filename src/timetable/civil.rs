//! Times that a person writes: a wall-clock time in the newsroom's zone becomes an instant here, and what a change of the
//! clocks does to it is said in words. For the desk and for the terminal.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// What a time means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meant {
    /// The instant.
    pub at: Timestamp,
    /// What a person should know of it.
    pub remark: Option<String>,
}

/// Reads `2026-03-29T02:30` (as a browser's field gives it) or the same with a blank. `second`: where the clocks go back and
/// the time comes twice, the second one is meant.
///
/// # Errors
/// In a sentence: where it is no time, or there is none of that name in the zone.
pub fn meant(text: &str, second: bool, zone: &TimeZone) -> Result<Meant, String> {
    let text = text.trim();
    let civil: DateTime = text
        .replacen(' ', "T", 1)
        .parse()
        .map_err(|_| format!("Expected a day and a time such as 2026-11-26T08:00, found {text:?}."))?;
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    let out_of_range = |_| "That time is too far away.".to_owned();
    let (clock, day) = (civil.strftime("%H:%M"), civil.strftime("%A, %-d %B %Y"));
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } => {
            ambiguous.compatible().map(|at| Meant { at, remark: None }).map_err(out_of_range)
        }
        AmbiguousOffset::Gap { before, after } => {
            let moved = ambiguous.later().map_err(out_of_range)?.to_zoned_datetime(zone.clone());
            Err(format!(
                "{clock} does not exist on {day}: the clocks go forward there by {} min. Say {}, or a time before the change.",
                minutes(before, after),
                moved.strftime("%H:%M"),
            ))
        }
        AmbiguousOffset::Fold { before, after } => {
            let (at, which, offset) =
                if second { (ambiguous.later(), "second", after) } else { (ambiguous.earlier(), "first", before) };
            let remark = format!(
                "{clock} comes twice on {day}, since the clocks go back by {} min: the {which} one is meant (UTC{}).",
                minutes(after, before),
                written(offset),
            );
            Ok(Meant { at: at.map_err(out_of_range)?, remark: Some(remark) })
        }
    }
}

const fn minutes(from: Offset, to: Offset) -> i32 {
    (to.seconds() - from.seconds()) / 60
}

/// `+04:00`.
fn written(offset: Offset) -> String {
    let (sign, seconds) = if offset.seconds() < 0 { ('-', -offset.seconds()) } else { ('+', offset.seconds()) };
    format!("{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60)
}

/// The value of a browser's field for that instant.
pub fn field(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%dT%H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_time_is_an_instant_and_changes_of_the_clocks_are_told() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let baku = TimeZone::get("Asia/Baku").unwrap();
        for (text, second, zone, at, remark) in [
            ("2026-11-26T08:00", false, &baku, "2026-11-26T04:00:00Z", None),
            (" 2026-11-26 08:00 ", false, &baku, "2026-11-26T04:00:00Z", None),
            ("2026-07-01T08:00", true, &berlin, "2026-07-01T06:00:00Z", None),
            ("2026-10-25T02:30", false, &berlin, "2026-10-25T00:30:00Z", Some("the first one is meant (UTC+02:00)")),
            ("2026-10-25T02:30", true, &berlin, "2026-10-25T01:30:00Z", Some("the second one is meant (UTC+01:00)")),
        ] {
            let meant = meant(text, second, zone).unwrap();
            assert_eq!(meant.at.to_string(), at, "{text}");
            assert_eq!(meant.remark.is_some(), remark.is_some(), "{text}: {:?}", meant.remark);
            assert!(remark.is_none_or(|part| meant.remark.unwrap().contains(part)), "{text}");
        }
        let gap = meant("2026-03-29T02:30", false, &berlin).unwrap_err();
        assert_eq!(
            gap,
            "02:30 does not exist on Sunday, 29 March 2026: the clocks go forward there by 60 min. Say 03:30, or a time \
             before the change."
        );
        for bad in ["", "tomorrow", "2026-13-01T00:00", "2026-11-26", "08:00", "2026-11-26T25:00", "<script>"] {
            let said = meant(bad, false, &baku);
            // A day alone is read as its midnight by some; a time must be said.
            assert!(said.is_err() || bad == "2026-11-26", "{bad}: {said:?}");
        }
    }

    #[test]
    fn the_field_shows_the_newsrooms_clock() {
        let baku = TimeZone::get("Asia/Baku").unwrap();
        let at: Timestamp = "2026-11-26T04:00:59Z".parse().unwrap();
        assert_eq!(field(at, &baku), "2026-11-26T08:00");
        assert_eq!(meant(&field(at, &baku), false, &baku).unwrap().at.to_string(), "2026-11-26T04:00:00Z");
    }
}
