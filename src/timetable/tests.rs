//! Tables of expressions and clock changes, and a walk through every zone there is.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

fn zone(name: &str) -> TimeZone {
    // The bundled rules, so that the tables below hold on machines with older ones.
    jiff::tz::TimeZoneDatabase::bundled().get(name).expect(name)
}

fn cron(text: &str) -> Cron {
    Cron::parse(text).unwrap_or_else(|e| panic!("{text}: {e:?}"))
}

fn firings(cron: &Cron, zone: &TimeZone, after: Timestamp, count: usize) -> Vec<Timestamp> {
    std::iter::successors(cron.next(zone, after), |last| cron.next(zone, *last)).take(count).collect()
}

/// The next firings in UTC as `month-day hour:minute:second`.
fn next_in_utc(text: &str, after: &str, count: usize) -> Vec<String> {
    let cron = cron(text);
    firings(&cron, &TimeZone::UTC, at(after), count).iter().map(|t| t.strftime("%m-%d %H:%M:%S").to_string()).collect()
}

#[test]
fn reads_crontab() {
    // After Wednesday 2026-07-01 12:00:00.
    let cases: &[(&str, &[&str])] = &[
        ("* * * * *", &["07-01 12:01:00", "07-01 12:02:00"]),
        ("*/5 7-23 * * *", &["07-01 12:05:00", "07-01 12:10:00"]),
        ("30 6 * * *", &["07-02 06:30:00", "07-03 06:30:00"]),
        (
            "0,30 9-10 * * 1-5",
            &["07-02 09:00:00", "07-02 09:30:00", "07-02 10:00:00", "07-02 10:30:00", "07-03 09:00:00"],
        ),
        ("10-30/10 13 * * *", &["07-01 13:10:00", "07-01 13:20:00", "07-01 13:30:00", "07-02 13:10:00"]),
        ("50/5 12 * * *", &["07-01 12:50:00", "07-01 12:55:00", "07-02 12:50:00"]),
        ("0 8 * * 0", &["07-05 08:00:00", "07-12 08:00:00"]),
        ("0 8 * * 7", &["07-05 08:00:00", "07-12 08:00:00"]),
        ("0 8 * * SUN", &["07-05 08:00:00"]),
        ("0 8 * * fri-sun", &["07-03 08:00:00", "07-04 08:00:00", "07-05 08:00:00", "07-10 08:00:00"]),
        ("0 8 * * 5-7", &["07-03 08:00:00", "07-04 08:00:00", "07-05 08:00:00", "07-10 08:00:00"]),
        ("0 8 * * monday,Wed", &["07-06 08:00:00", "07-08 08:00:00"]),
        ("0 8 * * */2", &["07-02 08:00:00", "07-04 08:00:00", "07-05 08:00:00", "07-07 08:00:00"]),
        ("0 0 1 jan,August *", &["08-01 00:00:00", "01-01 00:00:00"]),
        ("0 0 31 * *", &["07-31 00:00:00", "08-31 00:00:00", "10-31 00:00:00"]),
        // Both days restricted: either. One beginning with a star: both.
        ("0 8 13 * 5", &["07-03 08:00:00", "07-10 08:00:00", "07-13 08:00:00", "07-17 08:00:00"]),
        ("0 8 */2 * 5", &["07-03 08:00:00", "07-17 08:00:00", "07-31 08:00:00"]),
        ("0 8 ? * 5", &["07-03 08:00:00", "07-10 08:00:00"]),
        ("0 0 29 2 *", &["02-29 00:00:00"]),
        // A second first.
        ("15 0 13 * * *", &["07-01 13:00:15", "07-02 13:00:15"]),
        ("*/20 * * * * *", &["07-01 12:00:20", "07-01 12:00:40", "07-01 12:01:00"]),
        ("@hourly", &["07-01 13:00:00", "07-01 14:00:00"]),
        ("@daily", &["07-02 00:00:00"]),
        ("@Midnight", &["07-02 00:00:00"]),
        ("@weekly", &["07-05 00:00:00"]),
        ("@monthly", &["08-01 00:00:00"]),
        ("@yearly", &["01-01 00:00:00"]),
        ("  @annually ", &["01-01 00:00:00"]),
        ("\t0  6\t* * * ", &["07-02 06:00:00"]),
    ];
    for (text, expected) in cases {
        assert_eq!(next_in_utc(text, "2026-07-01T12:00:00Z", expected.len()), *expected, "{text}");
    }
    assert_eq!(cron(" 0 6 * * * ").to_string(), "0 6 * * *");
}

#[test]
fn next_is_strictly_after_also_within_a_second() {
    let hourly = cron("0 * * * *");
    let cases = [
        ("2026-07-01T11:59:59.999999999Z", "2026-07-01T12:00:00Z"),
        ("2026-07-01T12:00:00Z", "2026-07-01T13:00:00Z"),
        ("2026-07-01T12:00:00.000000001Z", "2026-07-01T13:00:00Z"),
        ("1950-01-01T00:00:00.5Z", "1970-01-01T00:00:00Z"),
        ("-000500-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
    ];
    for (after, expected) in cases {
        assert_eq!(hourly.next(&TimeZone::UTC, at(after)), Some(at(expected)), "{after}");
    }
}

#[test]
fn what_never_fires_ends() {
    for text in ["0 0 30 2 *", "* * 30 2 *", "0 0 31 4,6,9,11 *"] {
        for zone in [TimeZone::UTC, zone("Africa/Casablanca"), zone("America/New_York")] {
            assert_eq!(cron(text).next(&zone, at("2026-01-01T00:00:00Z")), None, "{text}");
            assert_eq!(cron(text).last(&zone, at("2026-01-01T00:00:00Z"), at("2036-01-01T00:00:00Z")), None, "{text}");
        }
    }
    // Far away, with every clock change in between to be walked.
    let leap_sunday = cron("*/30 * 29 2 *");
    assert_eq!(
        leap_sunday.next(&zone("Africa/Casablanca"), at("2024-03-01T00:00:00Z")).map(|t| t.strftime("%F").to_string()),
        Some("2028-02-29".to_owned())
    );
    assert_eq!(cron("0 * * * *").next(&TimeZone::UTC, Timestamp::MAX), None);
}

#[test]
fn faults_say_what_and_where() {
    let fields = "expected five fields (minute hour day month weekday) or six (second first)";
    let cases = [
        ("", format!("{fields}, found nothing"), 0, 0),
        ("   ", format!("{fields}, found nothing"), 3, 0),
        ("* * * *", format!("{fields}, found 4"), 7, 0),
        ("0 * * * * * 2026 x ", format!("{fields}, found 8"), 12, 6),
        ("61 * * * *", "expected a minute from 0 to 59, found \"61\"".into(), 0, 2),
        ("0 24 * * *", "expected an hour from 0 to 23, found \"24\"".into(), 2, 2),
        ("0 0 0 * *", "expected a day of the month from 1 to 31, found \"0\"".into(), 4, 1),
        ("0 0 * 13 *", "expected a month from 1 to 12 or a name such as feb, found \"13\"".into(), 6, 2),
        ("0 0 * Foo *", "expected a month from 1 to 12 or a name such as feb, found \"Foo\"".into(), 6, 3),
        ("0 0 * * 8", "expected a weekday from 0 to 7 or a name such as mon, found \"8\"".into(), 8, 1),
        ("0 0 * * 5L", "expected a weekday from 0 to 7 or a name such as mon, found \"5L\"".into(), 8, 2),
        ("0 0 * * 5#2", "expected a weekday from 0 to 7 or a name such as mon, found \"5#2\"".into(), 8, 3),
        ("0 0 é * *", "expected a day of the month from 1 to 31, found \"é\"".into(), 4, 2),
        ("? * * * *", "expected a minute from 0 to 59, found \"?\"".into(), 0, 1),
        ("0 1,,2 * * *", "expected an hour from 0 to 23, found nothing".into(), 4, 1),
        ("0 1, * * *", "expected an hour from 0 to 23, found nothing".into(), 3, 1),
        ("0 10-5 * * *", "expected a range that runs forwards, found \"10-5\"".into(), 2, 4),
        ("0 5- * * *", "expected an hour from 0 to 23, found \"5-\"".into(), 2, 2),
        ("0 -5 * * *", "expected an hour from 0 to 23, found \"-5\"".into(), 2, 2),
        ("*/0 * * * *", "expected a step from 1 to 60 after \"/\", found \"0\"".into(), 2, 1),
        ("*/90 * * * *", "expected a step from 1 to 60 after \"/\", found \"90\"".into(), 2, 2),
        ("*/ * * * *", "expected a step from 1 to 60 after \"/\", found nothing".into(), 0, 2),
        ("0 1,3-5/x * * *", "expected a step from 1 to 24 after \"/\", found \"x\"".into(), 8, 1),
        (
            "99999999999999999999 * * * *",
            "expected a minute from 0 to 59, found \"99999999999999999999\"".into(),
            0,
            20,
        ),
        ("@reboot", "expected @hourly, @daily, @weekly, @monthly or @yearly, found \"@reboot\"".into(), 0, 7),
    ];
    for (text, said, at, len) in cases {
        assert_eq!(Cron::parse(text).map(|c| c.to_string()), Err(BadSchedule { said, at, len }), "{text}");
    }
}

#[test]
fn lengths_of_time() {
    let good = [
        ("90s", 90),
        ("3m", 180),
        ("1h", 3_600),
        ("400d", 400 * 86_400),
        ("1h30m", 5_400),
        (" 1d 2h 3m 4s ", 93_784),
        ("0s", 0),
    ];
    for (text, seconds) in good {
        assert_eq!(duration(text), Ok(SignedDuration::from_secs(seconds)), "{text}");
    }
    let spelt = [(5_400, "1h30m"), (0, "0s"), (90, "1m30s"), (86_400, "1d"), (-5, "0s")];
    for (seconds, text) in spelt {
        assert_eq!(spell(SignedDuration::from_secs(seconds)), text);
    }
    let expected = "expected a length of time such as 90s, 3m, 1h30m or 2d";
    let bad = [
        ("", format!("{expected}, found nothing"), 0, 0),
        ("soon", format!("{expected}, found \"soon\""), 0, 4),
        ("-5m", format!("{expected}, found \"-5m\""), 0, 3),
        ("1h x", format!("{expected}, found \"x\""), 3, 1),
        ("10", "expected a unit (s, m, h or d) after \"10\", found nothing".to_owned(), 0, 2),
        ("10 m", "expected a unit (s, m, h or d) after \"10\", found \" m\"".to_owned(), 0, 3),
        ("5µ", "expected a unit (s, m, h or d) after \"5\", found \"µ\"".to_owned(), 0, 3),
        ("30m1h", "expected larger units first and each once, found \"1h\"".to_owned(), 3, 2),
        ("1h1h", "expected larger units first and each once, found \"1h\"".to_owned(), 2, 2),
        ("3661d", "expected at most 3660d, found \"3661d\"".to_owned(), 0, 5),
        ("99999999999999999999s", "expected at most 3660d, found \"99999999999999999999s\"".to_owned(), 0, 21),
    ];
    for (text, said, at, len) in bad {
        assert_eq!(duration(text), Err(BadSchedule { said, at, len }), "{text}");
    }
}

#[test]
fn rhythms() {
    let after = at("2026-07-01T12:00:30Z");
    let good = [
        ("every 2m", "2026-07-01T12:02:30Z", "every 2m"),
        (" every  1h30m ", "2026-07-01T13:30:30Z", "every 1h30m"),
        ("every 1s", "2026-07-01T12:00:31Z", "every 1s"),
        ("*/10 * * * *", "2026-07-01T12:10:00Z", "*/10 * * * *"),
        ("@daily", "2026-07-02T00:00:00Z", "@daily"),
    ];
    for (text, next, shown) in good {
        let rhythm = Rhythm::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(
            (rhythm.next(&TimeZone::UTC, after), rhythm.to_string()),
            (Some(at(next)), shown.to_owned()),
            "{text}"
        );
    }
    let bad = [
        ("every 0s", "expected an interval of at least 1s, found \"0s\"", 6, 2),
        ("every", "expected a length of time such as 90s, 3m, 1h30m or 2d, found nothing", 5, 0),
        ("every 5x", "expected a unit (s, m, h or d) after \"5\", found \"x\"", 6, 2),
        (" 2m", "expected \"every 2m\" or a cron expression of five fields, found \"2m\"", 1, 2),
        ("* 25 * * *", "expected an hour from 0 to 23, found \"25\"", 2, 2),
    ];
    for (text, said, at, len) in bad {
        let fault = Rhythm::parse(text).map(|r| r.to_string());
        assert_eq!(fault, Err(BadSchedule { said: said.to_owned(), at, len }), "{text}");
    }
}

#[test]
fn last_looks_back() {
    let slots = cron("*/5 7-23 * * *");
    let baku = zone("Asia/Baku");
    // Since (exclusive), now (inclusive), the last firing; Baku is UTC+4.
    let cases = [
        ("2026-07-01T08:00:00Z", "2026-07-01T08:04:59Z", None),
        ("2026-07-01T08:00:00Z", "2026-07-01T08:05:00Z", Some("2026-07-01T08:05:00Z")),
        ("2026-07-01T08:00:00Z", "2026-07-01T08:05:00.75Z", Some("2026-07-01T08:05:00Z")),
        ("2026-07-01T00:00:00Z", "2026-07-01T08:09:59Z", Some("2026-07-01T08:05:00Z")),
        ("2026-07-01T20:00:00Z", "2026-07-02T02:59:59Z", None),
        ("1990-01-01T00:00:00Z", "2026-07-02T02:59:59Z", Some("2026-07-01T19:55:00Z")),
        ("2026-07-01T09:00:00Z", "2026-07-01T08:00:00Z", None),
    ];
    for (since, now, expected) in cases {
        assert_eq!(slots.last(&baku, at(since), at(now)), expected.map(at), "{since} {now}");
    }
}

/// Each of the six zones: its changes in 2026 (the rules of the bundled database) and what a time of day and an
/// interval make of them. Baku has had no clock changes since 2016: its days are the control. Casablanca turns back for
/// Ramadan and forward after it.
#[test]
fn both_clock_changes_in_six_zones() {
    // (zone, expression, after, firings)
    let cases: &[(&str, &str, &str, &[&str])] = &[
        ("Asia/Baku", "30 2 * * *", "2026-03-28T12:00+04", &["2026-03-29T02:30+04", "2026-03-30T02:30+04"]),
        ("Asia/Baku", "*/30 * * * *", "2026-10-25T02:30+04", &["2026-10-25T03:00+04", "2026-10-25T03:30+04"]),
        // Forward at 02:00 to 03:00; back at 03:00 to 02:00.
        ("Europe/Berlin", "30 2 * * *", "2026-03-28T12:00+01", &["2026-03-29T03:00+02", "2026-03-30T02:30+02"]),
        ("Europe/Berlin", "0,30 2,3 * * *", "2026-03-28T12:00+01", &["2026-03-29T03:00+02", "2026-03-29T03:30+02"]),
        ("Europe/Berlin", "30 2 * * *", "2026-10-24T12:00+02", &["2026-10-25T02:30+02", "2026-10-26T02:30+01"]),
        (
            "Europe/Berlin",
            "*/30 * * * *",
            "2026-03-29T01:00+01",
            &["2026-03-29T01:30+01", "2026-03-29T03:00+02", "2026-03-29T03:30+02"],
        ),
        (
            "Europe/Berlin",
            "*/30 2 * * *",
            "2026-10-25T01:00+02",
            &[
                "2026-10-25T02:00+02",
                "2026-10-25T02:30+02",
                "2026-10-25T02:00+01",
                "2026-10-25T02:30+01",
                "2026-10-26T02:00+01",
            ],
        ),
        ("Europe/Berlin", "*/30 2 * * *", "2026-03-28T12:00+01", &["2026-03-30T02:00+02"]),
        // Asked in the middle of the second pass: a time of day is over.
        ("Europe/Berlin", "45 2 * * *", "2026-10-25T02:10+01", &["2026-10-26T02:45+01"]),
        // Forward at 02:00 to 03:00; back at 02:00 to 01:00.
        ("America/New_York", "30 2 * * *", "2026-03-07T12:00-05", &["2026-03-08T03:00-04", "2026-03-09T02:30-04"]),
        ("America/New_York", "30 1 * * *", "2026-10-31T12:00-04", &["2026-11-01T01:30-04", "2026-11-02T01:30-05"]),
        (
            "America/New_York",
            "0 * * * *",
            "2026-11-01T00:30-04",
            &["2026-11-01T01:00-04", "2026-11-01T01:00-05", "2026-11-01T02:00-05"],
        ),
        // Forward at midnight to 01:00; back at 01:00 to midnight (2025: Cuba stays on summer time through 2026).
        ("America/Havana", "0 0 * * *", "2025-03-08T12:00-05", &["2025-03-09T01:00-04", "2025-03-10T00:00-04"]),
        ("America/Havana", "0 0 * * *", "2025-11-01T12:00-04", &["2025-11-02T00:00-04", "2025-11-03T00:00-05"]),
        (
            "America/Havana",
            "0 */1 * * *",
            "2025-11-01T23:30-04",
            &["2025-11-02T00:00-04", "2025-11-02T00:00-05", "2025-11-02T01:00-05"],
        ),
        // Half an hour: forward at 02:00 to 02:30; back at 02:00 to 01:30.
        (
            "Australia/Lord_Howe",
            "15 2 * * *",
            "2026-10-03T12:00+10:30",
            &["2026-10-04T02:30+11", "2026-10-05T02:15+11"],
        ),
        (
            "Australia/Lord_Howe",
            "45 1 * * *",
            "2026-04-04T12:00+11",
            &["2026-04-05T01:45+11", "2026-04-06T01:45+10:30"],
        ),
        (
            "Australia/Lord_Howe",
            "*/20 * * * *",
            "2026-04-05T01:20+11",
            &["2026-04-05T01:40+11", "2026-04-05T01:40+10:30", "2026-04-05T02:00+10:30"],
        ),
        (
            "Australia/Lord_Howe",
            "*/20 * * * *",
            "2026-10-04T01:30+10:30",
            &["2026-10-04T01:40+10:30", "2026-10-04T02:40+11", "2026-10-04T03:00+11"],
        ),
        // Back at 03:00 to 02:00 as Ramadan begins; forward at 02:00 to 03:00 after it.
        ("Africa/Casablanca", "30 2 * * *", "2026-02-14T12:00+01", &["2026-02-15T02:30+01", "2026-02-16T02:30+00"]),
        ("Africa/Casablanca", "30 2 * * *", "2026-03-21T12:00+00", &["2026-03-22T03:00+01", "2026-03-23T02:30+01"]),
        (
            "Africa/Casablanca",
            "30 * * * *",
            "2026-02-15T02:00+01",
            &["2026-02-15T02:30+01", "2026-02-15T02:30+00", "2026-02-15T03:30+00"],
        ),
        ("Africa/Casablanca", "30 * * * *", "2026-03-22T01:00+00", &["2026-03-22T01:30+00", "2026-03-22T03:30+01"]),
    ];
    for (name, text, after, expected) in cases {
        let zone = zone(name);
        let found: Vec<String> =
            firings(&cron(text), &zone, at(after), expected.len()).iter().map(|t| shown(&zone, *t)).collect();
        let expected: Vec<String> = expected.iter().map(|text| shown(&zone, at(text))).collect();
        assert_eq!(found, expected, "{name} {text} after {after}");
    }
}

fn shown(zone: &TimeZone, at: Timestamp) -> String {
    at.to_zoned_datetime(zone.clone()).to_string()
}

#[test]
fn wall_times_as_instants() {
    let berlin = zone("Europe/Berlin");
    let wall = |text: &str| text.parse::<DateTime>().expect(text);
    let first = [
        ("2026-07-01T12:00", "2026-07-01T12:00+02"),
        ("2026-03-29T02:00", "2026-03-29T03:00+02"),
        ("2026-03-29T02:59:59", "2026-03-29T03:00+02"),
        ("2026-10-25T02:15", "2026-10-25T02:15+02"),
    ];
    for (text, expected) in first {
        assert_eq!(first_reading(&berlin, wall(text)), Some(at(expected)), "{text}");
    }
    let after = [
        ("2026-10-25T02:15", "2026-10-25T02:10+02", Some("2026-10-25T02:15+02")),
        ("2026-10-25T02:15", "2026-10-25T02:15+02", Some("2026-10-25T02:15+01")),
        ("2026-10-25T02:15", "2026-10-25T02:15+01", None),
        ("2026-03-29T02:30", "2026-03-29T03:00+02", None),
    ];
    for (text, now, expected) in after {
        assert_eq!(reading_after(&berlin, wall(text), at(now)), expected.map(at), "{text} {now}");
    }
}

/// Every zone of the bundled database with its clock changes of six years.
fn all_changes() -> Vec<(String, TimeZone, Vec<Timestamp>)> {
    let database = jiff::tz::TimeZoneDatabase::bundled();
    let (from, to) = (at("2024-01-01T00:00:00Z"), at("2030-01-01T00:00:00Z"));
    let mut zones = Vec::new();
    for name in database.available() {
        let zone = database.get(name.as_str()).expect("the database lists it");
        let mut changes: Vec<Timestamp> =
            zone.following(from).map(|change| change.timestamp()).take_while(|at| *at < to).collect();
        if changes.is_empty() {
            changes.push(at("2026-06-01T00:00:00Z"));
        }
        zones.push((name.as_str().to_owned(), zone, changes));
    }
    assert!(zones.len() > 500, "only {} zones", zones.len());
    zones
}

#[test]
fn no_daily_job_loses_or_repeats_a_day_in_any_zone() {
    let jobs: Vec<Cron> = ["0 0 * * *", "30 1 * * *", "15 2 * * *", "30 2 * * *", "30 23 * * *"].map(cron).to_vec();
    for (name, zone, changes) in all_changes() {
        for change in changes {
            for job in &jobs {
                let before = change - SignedDuration::from_hours(60);
                // A time in a gap before midnight fires at midnight: the day of the second before is the one it stands
                // for.
                let day = |t: &Timestamp| zone.to_datetime(*t - SignedDuration::from_secs(1)).date();
                let days: Vec<Date> = firings(job, &zone, before, 5).iter().map(day).collect();
                for pair in days.windows(2) {
                    assert_eq!(pair[0].tomorrow().ok(), Some(pair[1]), "{name} {job} around {change}: {days:?}");
                }
            }
        }
    }
}

#[test]
fn intervals_keep_their_rhythm_in_every_zone() {
    let job = cron("*/15 * * * *");
    for (name, zone, changes) in all_changes() {
        for change in changes {
            let mut last = change - SignedDuration::from_hours(4);
            for _ in 0..32 {
                let next = job.next(&zone, last).expect("it never ends");
                let shown = zone.to_datetime(next);
                assert_eq!((shown.minute() % 15, shown.second()), (0, 0), "{name} around {change}: {shown}");
                // All offsets of today are whole quarters of an hour, so the rhythm never breaks.
                let step = next.duration_since(last);
                let first = last == change - SignedDuration::from_hours(4);
                assert!(first || step == SignedDuration::from_mins(15), "{name} around {change}: {step} to {shown}");
                last = next;
            }
        }
    }
}

/// The fields of an expression as the oracle below understands them.
#[derive(Clone, Debug)]
struct Plain {
    text: String,
    minutes: Vec<i8>,
    hours: Vec<i8>,
    interval: bool,
}

fn plain() -> impl Strategy<Value = Plain> {
    let minute = prop_oneof![
        Just(("*".to_owned(), (0..60).collect::<Vec<i8>>())),
        prop::sample::select(vec![7_i8, 15, 20, 30])
            .prop_map(|n| (format!("*/{n}"), (0..60).step_by(n as usize).collect())),
        prop::collection::btree_set(0_i8..60, 1..4).prop_map(listed),
    ];
    let hour = prop_oneof![
        Just(("*".to_owned(), (0..24).collect::<Vec<i8>>())),
        prop::sample::select(vec![2_i8, 3, 5]).prop_map(|n| (format!("*/{n}"), (0..24).step_by(n as usize).collect())),
        prop::collection::btree_set(0_i8..4, 1..4).prop_map(listed),
    ];
    (minute, hour).prop_map(|((minute, minutes), (hour, hours))| Plain {
        text: format!("{minute} {hour} * * *"),
        interval: minute.contains('*') || hour.contains('*'),
        minutes,
        hours,
    })
}

fn listed(set: std::collections::BTreeSet<i8>) -> (String, Vec<i8>) {
    let texts: Vec<String> = set.iter().map(ToString::to_string).collect();
    (texts.join(","), set.into_iter().collect())
}

/// What fires in the window, worked out minute by minute.
fn oracle(plain: &Plain, zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let minute = SignedDuration::from_mins(1);
    let matches = |wall: DateTime| plain.minutes.contains(&wall.minute()) && plain.hours.contains(&wall.hour());
    let mut found = Vec::new();
    if plain.interval {
        let mut now = from + minute;
        while now <= to {
            if matches(zone.to_datetime(now)) {
                found.push(now);
            }
            now += minute;
        }
    } else {
        // Every minute of the calendar, as `compatible` reads it, but a gap as its end.
        let mut wall = zone.to_datetime(from) - SignedDuration::from_hours(3);
        while wall < zone.to_datetime(to) + SignedDuration::from_hours(3) {
            if matches(wall) {
                let reading = zone.to_ambiguous_timestamp(wall);
                let mut at = reading.earlier().expect("within the calendar");
                if matches!(reading.offset(), AmbiguousOffset::Gap { .. }) {
                    let (low, high) = (at, reading.later().expect("within the calendar"));
                    let before = zone.to_offset(low);
                    at = low;
                    while at < high && zone.to_offset(at) == before {
                        at += minute;
                    }
                }
                found.push(at);
            }
            wall += minute;
        }
        found.retain(|at| *at > from && *at <= to);
        found.dedup();
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_a_minute_by_minute_oracle(
        plain in plain(),
        name in prop::sample::select(vec![
            "Asia/Baku", "Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe",
            "Africa/Casablanca", "America/St_Johns", "Antarctica/Troll", "Pacific/Chatham", "Asia/Gaza",
        ]),
        change in 0_usize..8,
        early in 0_i64..1_000,
    ) {
        let zone = zone(name);
        let mut changes = zone.following(at("2024-01-01T00:00:00Z"));
        let change = changes.nth(change).map_or(at("2026-06-01T00:00:00Z"), |change| change.timestamp());
        let from = change - SignedDuration::from_mins(early);
        let to = change + SignedDuration::from_hours(30);
        let job = cron(&plain.text);
        prop_assert_eq!(job.is_interval(), plain.interval);
        let expected = oracle(&plain, &zone, from, to);
        let found: Vec<Timestamp> =
            firings(&job, &zone, from, expected.len() + 1).into_iter().take_while(|at| *at <= to).collect();
        prop_assert_eq!(&found, &expected, "{} in {} around {}", plain.text, name, change);
        prop_assert_eq!(job.last(&zone, from, to), expected.last().copied());
    }
}
