//! `bugle next EXPRESSION --tz ZONE`: when a schedule fires next, one RFC 3339 instant with its numeric offset a line.
//! Needs no config. Takes what `slots` and `poll` take: cron expressions and `every 2m`.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::{Call, Exit, Trouble, say};
use crate::clock::{Clock as _, SystemClock};
use crate::timetable::{BadSchedule, Rhythm};

/// The options of `bugle next`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A cron expression of five or six fields, or an interval as "every 2m".
    expression: String,
    /// The time zone it is meant in, as Asia/Baku.
    #[arg(long, value_name = "ZONE")]
    tz: String,
    /// Firings strictly after this instant [default: now].
    #[arg(long, value_name = "RFC3339", value_parser = instant)]
    after: Option<Timestamp>,
    /// How many.
    #[arg(short = 'n', value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    count: u32,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "expected an instant with its offset, for instance 2026-11-25T12:00:00+04:00".to_owned())
}

/// Shows the firings.
///
/// # Errors
/// Where the expression or the zone is none, with the place; or where it never fires.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let rhythm = Rhythm::parse(&args.expression).map_err(|bad| Trouble::wrong(pointed(&args.expression, &bad)))?;
    let zone = zone(&args.tz)?;
    let after = args.after.unwrap_or_else(|| SystemClock::new().now());
    let mut found = firings(&rhythm, &zone, after, args.count).peekable();
    if found.peek().is_none() {
        return Err(Trouble::failed(format!("{rhythm} does not fire any more after {}", shown(after, &zone))).into());
    }
    for at in found {
        let at = shown(at, &zone);
        if call.json { say(json!({ "at": at }))? } else { say(at)? }
    }
    Ok(Exit::Done)
}

/// A time zone by its name.
fn zone(name: &str) -> Result<TimeZone, Trouble> {
    TimeZone::get(name).map_err(|_| {
        Trouble::wrong(format!(
            "expected a time zone, found {name:?}\n  --tz {name}\n       {}",
            "^".repeat(width(name))
        ))
        .hint("write it as in the IANA time zone database: Asia/Baku")
    })
}

fn firings<'a>(
    rhythm: &'a Rhythm,
    zone: &'a TimeZone,
    after: Timestamp,
    count: u32,
) -> impl Iterator<Item = Timestamp> + 'a {
    std::iter::successors(rhythm.next(zone, after), |last| rhythm.next(zone, *last)).take(count as usize)
}

/// RFC 3339 with a numeric offset, on the zone's own clock.
fn shown(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string()
}

/// What is wrong, and under the expression a caret at the place.
fn pointed(text: &str, bad: &BadSchedule) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let floor = |at: usize| (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    let (start, end) = (floor(bad.at), floor(bad.at + bad.len));
    let before = width(&text[..start]);
    let under = width(&text[start..end.max(start)]).max(1);
    format!("{}\n  {line}\n  {}{}", bad.said, " ".repeat(before), "^".repeat(under))
}

fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firings_carry_the_offset_of_their_day() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let rhythm = Rhythm::parse("30 2 * * *").unwrap();
        let after = instant("2026-10-24T00:00:00Z").unwrap();
        let found: Vec<String> = firings(&rhythm, &berlin, after, 3).map(|at| shown(at, &berlin)).collect();
        assert_eq!(found, ["2026-10-24T02:30:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]);
        assert_eq!(shown(after, &TimeZone::UTC), "2026-10-24T00:00:00+00:00");
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        let bad = |text: &str| pointed(text, &Rhythm::parse(text).unwrap_err());
        assert!(bad("0 25 * * *").ends_with("\n  0 25 * * *\n    ^^"), "{}", bad("0 25 * * *"));
        // Characters, not bytes, are counted.
        assert!(bad("0 ə * * *").ends_with("\n  0 ə * * *\n    ^"), "{}", bad("0 ə * * *"));
        let trouble = zone("Asia/Bakku").unwrap_err();
        assert_eq!(trouble.exit, Exit::Wrong);
        assert!(trouble.said.contains("\"Asia/Bakku\"") && trouble.said.ends_with("^^^^^^^^^^"), "{trouble}");
    }

    #[test]
    fn an_instant_needs_its_offset() {
        for (text, good) in [
            ("2026-11-25T12:00:00+04:00", true),
            ("2026-11-25T12:00:00Z", true),
            ("2026-11-25T12:00:00", false),
            ("yesterday", false),
        ] {
            assert_eq!(instant(text).is_ok(), good, "{text}");
        }
    }
}
