//! The dates of feeds -> instants: RFC 822, RFC 3339 and W3C forms, and the many that are nearly one of them.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

/// The longest text looked at, in bytes: no date is longer, and a hostile one shall cost nothing.
const LONGEST: usize = 128;

/// Years outside this range say "no date" (0000, 0001 and -0001 are how programs print an empty one).
const YEARS: std::ops::RangeInclusive<i16> = 1900..=9999;

/// Reads a date. One that names no zone is taken in `zone`. `None` where no year, month and day can be made out.
///
/// The weekday is ignored (it is wrong often enough), a year of two digits is 1950 to 2049 as RFC 2822 has it, an
/// unknown zone counts as UTC, and an instant beyond the last that can be told becomes that last one.
pub fn read(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() > LONGEST {
        return None;
    }
    let found = iso(text).or_else(|| words(text))?;
    let date = Date::new(found.year, found.month, found.day).ok().filter(|d| YEARS.contains(&d.year()))?;
    let civil = DateTime::from_parts(date, found.time);
    let civil = if found.next_day { civil.checked_add(jiff::Span::new().days(1)).ok()? } else { civil };
    let zone = found.zone.as_ref().unwrap_or(zone);
    // The last day of year 9999 lies beyond the clock in some zones: it means "far away" either way.
    zone.to_timestamp(civil).ok().or_else(|| (civil.year() == 9999).then_some(Timestamp::MAX))
}

/// What was made out.
struct Found {
    year: i16,
    month: i8,
    day: i8,
    time: Time,
    next_day: bool,
    zone: Option<TimeZone>,
}

/// `2026-11-25T09:30:00.5+04:00` and its shortenings: `2026`, `2026-11`, `2026-11-25`, a blank for the `T`, no zone,
/// and the basic form `20261125T093000Z`.
fn iso(text: &str) -> Option<Found> {
    let split = text.find(['T', 't', ' ']).unwrap_or(text.len());
    let (date, rest) = (&text[..split], text.get(split + 1..).unwrap_or(""));
    let mut parts = date.split(['-', '/']);
    let first = parts.next()?;
    let (year, month, day) = if first.len() == 8 && digits(first) {
        (&first[..4], Some(&first[4..6]), Some(&first[6..]))
    } else {
        (first, parts.next(), parts.next())
    };
    if year.len() != 4 || !digits(year) || parts.next().is_some() || (month.is_none() && !rest.is_empty()) {
        return None;
    }
    let (time, next_day, zone) = clock_and_zone(rest)?;
    Some(Found {
        year: year.parse().ok()?,
        month: month.map_or(Some(1), |m| m.parse().ok())?,
        day: day.map_or(Some(1), |d| d.trim_end_matches(['Z', 'z']).parse().ok())?,
        time,
        next_day,
        zone,
    })
}

/// The part of an ISO date after its day.
fn clock_and_zone(rest: &str) -> Option<(Time, bool, Option<TimeZone>)> {
    let rest = rest.trim();
    if rest.is_empty() {
        return Some((Time::midnight(), false, None));
    }
    let end = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.' | ','))).unwrap_or(rest.len());
    let clock = &rest[..end];
    let (time, next_day) = if !clock.contains(':') && digits(clock) && (clock.len() == 4 || clock.len() == 6) {
        let seconds = if clock.len() == 6 { &clock[4..] } else { "0" };
        self::time(&format!("{}:{}:{seconds}", &clock[..2], &clock[2..4]))?
    } else {
        self::time(clock)?
    };
    Some((time, next_day, rest[end..].split_whitespace().find_map(self::zone)))
}

/// Everything else: a month by name or `25.11.2026`, in any order, with a clock and a zone somewhere.
fn words(text: &str) -> Option<Found> {
    let (mut numbers, mut month, mut clock, mut zone, mut noon) = (Vec::new(), None, None, None, None);
    let mut dotted = None;
    for word in text
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')' | '[' | ']' | ';'))
        .filter(|w| !w.is_empty())
    {
        let bare = word.trim_matches(['.', '-', '/']);
        if word.contains(':') && word.starts_with(|c: char| c.is_ascii_digit()) {
            // `09:30:00+0400` and `9:30pm` carry more than a clock.
            let end = word.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.'))).unwrap_or(word.len());
            clock = clock.or_else(|| time(&word[..end]));
            match &word[end..] {
                "" => {}
                tail => match half(tail) {
                    Some(half) => noon = Some(half),
                    None => zone = zone.or_else(|| self::zone(tail)),
                },
            }
        } else if let Some(date) = numeric(bare) {
            dotted = dotted.or(Some(date));
        } else if digits(bare) {
            // A sign makes it a zone, once a day and a clock stand before it.
            if word.starts_with('-') && clock.is_some() {
                zone = zone.or_else(|| self::zone(word));
            } else {
                numbers.push(bare);
            }
        } else if let Some((day, name, year)) = hyphened(bare) {
            // 25-Nov-2026
            numbers.extend([day, year]);
            month = month_named(name).or(month);
        } else if let Some(half) = half(bare) {
            noon = Some(half);
        } else if let Some(named) = month_named(bare) {
            // The last one counts: French and Italian write Tuesday as "mar".
            month = Some(named);
        } else if let Some(day) = ordinal(bare) {
            numbers.push(day);
        } else {
            zone = zone.or_else(|| self::zone(word));
        }
    }
    let (year, month, day) = match (dotted, month) {
        (Some(date), _) => date,
        (None, Some(month)) => {
            let (year, day) = match numbers.as_slice() {
                [year, day, ..] if year.len() == 4 => (*year, *day),
                [day, year, ..] => (*year, *day),
                _ => return None,
            };
            (full_year(year)?, month, day.parse().ok()?)
        }
        (None, None) => return None,
    };
    let (mut time, next_day) = clock.unwrap_or((Time::midnight(), false));
    if let Some(afternoon) = noon {
        let hour = time.hour() % 12 + if afternoon { 12 } else { 0 };
        time = Time::new(hour, time.minute(), time.second(), time.subsec_nanosecond()).ok()?;
    }
    Some(Found { year, month, day, time, next_day, zone })
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Two digits as RFC 2822 has them; three or more as they stand.
fn full_year(text: &str) -> Option<i16> {
    let year: i16 = text.parse().ok()?;
    Some(match (text.len(), year) {
        (1 | 2, 0..50) => 2000 + year,
        (1 | 2, _) => 1900 + year,
        (3, _) => 1900 + year,
        _ => year,
    })
}

/// `25.11.2026`, `25/11/2026`, `11/25/2026`. With slashes and both up to 12 nobody can tell: no date then.
fn numeric(word: &str) -> Option<(i16, i8, i8)> {
    let parts: Vec<&str> = word.split(['.', '/', '-']).collect();
    let [a, b, year] = parts.as_slice() else { return None };
    if ![*a, *b, *year].into_iter().all(digits) || !matches!(year.len(), 2 | 4) {
        return None;
    }
    let (first, second): (i8, i8) = (a.parse().ok()?, b.parse().ok()?);
    let year = full_year(year)?;
    match (word.contains('/'), first, second) {
        (true, ..=12, ..=12) if first != second => None,
        (true, ..=12, 13..) => Some((year, first, second)),
        _ => Some((year, second, first)),
    }
}

fn hyphened(word: &str) -> Option<(&str, &str, &str)> {
    let mut parts = word.split('-');
    let (day, name, year) = (parts.next()?, parts.next()?, parts.next()?);
    (digits(day) && digits(year) && month_named(name).is_some()).then_some((day, name, year))
}

/// `25th`, `1er`, `3º`.
fn ordinal(word: &str) -> Option<&str> {
    let end = word.find(|c: char| !c.is_ascii_digit())?;
    (matches!(end, 1 | 2) && word[end..].chars().count() <= 2).then(|| &word[..end])
}

/// Whether `am` or `pm` is meant.
fn half(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "am" | "a.m" | "a.m." => Some(false),
        "pm" | "p.m" | "p.m." => Some(true),
        _ => None,
    }
}

/// `9:30`, `09:30:15`, `09:30:15.25`; 24:00 is the next day's midnight, a leap second the one before.
fn time(text: &str) -> Option<(Time, bool)> {
    let mut parts = text.split(':');
    let hour: i8 = parts.next()?.parse().ok()?;
    let minute: i8 = parts.next()?.parse().ok()?;
    let seconds = parts.next().unwrap_or("0");
    let (whole, fraction) = seconds.split_once(['.', ',']).unwrap_or((seconds, ""));
    let second: i8 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let nanos = fraction
        .bytes()
        .take(9)
        .filter(u8::is_ascii_digit)
        .fold((0i32, 100_000_000), |(sum, unit), b| (sum + i32::from(b - b'0') * unit, unit / 10));
    let next_day = hour == 24;
    Time::new(if next_day { 0 } else { hour }, minute, second.min(59), nanos.0).ok().map(|t| (t, next_day))
}

/// The zone a word names: an offset, an abbreviation, a name of the zone database. `None` for words that are no zone.
fn zone(word: &str) -> Option<TimeZone> {
    let word = word.trim_matches(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '/' | '_' | '−')));
    if word.contains('/') {
        let named = word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+'));
        return if named { TimeZone::get(word).ok() } else { None };
    }
    let upper = word.to_ascii_uppercase().replace('−', "-");
    let sign = upper.find(['+', '-']);
    let name = &upper[..sign.unwrap_or(upper.len())];
    if let Some(at) = sign {
        return matches!(name, "" | "UTC" | "GMT" | "Z" | "UT").then(|| offset(&upper[at..])).flatten();
    }
    let minutes = match name {
        "UTC" | "UT" | "GMT" | "Z" | "WET" => 0,
        "BST" | "CET" | "MEZ" | "WEST" | "WAT" => 60,
        "CEST" | "MESZ" | "EET" | "CAT" | "SAST" => 120,
        "EEST" | "MSK" | "TRT" | "EAT" => 180,
        "AZT" | "GET" | "SAMT" => 240,
        "IRST" => 210,
        "UZT" | "PKT" => 300,
        "IST" => 330,
        "ICT" | "WIB" => 420,
        "HKT" | "SGT" | "PHT" | "AWST" => 480,
        "JST" | "KST" => 540,
        "AEST" => 600,
        "AEDT" => 660,
        "NZST" => 720,
        "NZDT" => 780,
        "ADT" | "ART" | "BRT" => -180,
        "AST" | "EDT" => -240,
        "EST" | "CDT" => -300,
        "CST" | "MDT" => -360,
        "MST" | "PDT" => -420,
        "PST" | "AKDT" => -480,
        "AKST" => -540,
        "HST" => -600,
        _ => return None,
    };
    Offset::from_seconds(minutes * 60).ok().map(TimeZone::fixed)
}

/// `+0400`, `+04:00`, `+4`, `+430`.
fn offset(text: &str) -> Option<TimeZone> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some(parts) => parts,
        None if rest.len() > 2 => rest.split_at_checked(rest.len() - 2)?,
        None => (rest, "0"),
    };
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    if !(0..=18).contains(&hours) || !(0..60).contains(&minutes) {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok().map(TimeZone::fixed)
}

/// Beginnings of month names, with English first: German, French, Spanish, Italian, Portuguese, Turkish, Azerbaijani,
/// Russian, Ukrainian.
const MONTHS: [&[&str]; 12] = [
    &["jan", "jän", "ene", "gen", "ocak", "yan", "янв", "січ"],
    &["feb", "fév", "fev", "şub", "фев", "лют"],
    &["mar", "mär", "mae", "мар", "бер"],
    &["apr", "avr", "abr", "nis", "апр", "кві"],
    &["may", "mai", "mag", "май", "мая", "тра"],
    &["jun", "juin", "giu", "haz", "iyun", "июн", "чер"],
    &["jul", "juil", "lug", "tem", "iyul", "июл", "лип"],
    &["aug", "aoû", "aou", "ago", "ağu", "avq", "авг", "сер"],
    &["sep", "set", "eyl", "sen", "сен", "вер"],
    &["oct", "okt", "out", "ott", "eki", "окт", "жов"],
    &["nov", "kas", "noy", "ноя", "лис"],
    &["dec", "dez", "dic", "déc", "ara", "dek", "дек", "гру"],
];

fn month_named(word: &str) -> Option<i8> {
    let word = word.trim_matches('.').to_lowercase();
    if word.chars().count() < 3 || word.chars().any(|c| c.is_ascii_digit()) {
        return None;
    }
    MONTHS.iter().zip(1i8..).find_map(|(names, n)| names.iter().any(|name| word.starts_with(name)).then_some(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<String> {
        read(text, &TimeZone::UTC).map(|t| t.to_string())
    }

    #[test]
    fn reads_what_feeds_write() {
        for (text, expected) in [
            // RFC 822 and 2822
            ("Wed, 25 Nov 2026 09:30:00 +0400", "2026-11-25T05:30:00Z"),
            ("Mon, 25 Nov 2026 09:30:00 GMT", "2026-11-25T09:30:00Z"),
            ("25 Nov 26 09:30 EST", "2026-11-25T14:30:00Z"),
            ("25 November 98 09:30:00 -0800", "1998-11-25T17:30:00Z"),
            ("Wed, 25 Nov 2026 09:30:00 -00:30", "2026-11-25T10:00:00Z"),
            ("Wed, 25 Nov 2026 09:30:00", "2026-11-25T09:30:00Z"),
            ("Wed, 25 Nov 2026", "2026-11-25T00:00:00Z"),
            ("Wed,25 Nov 2026 9:05:00 XYZ", "2026-11-25T09:05:00Z"),
            ("Wed, 25 Nov 2026 24:00:00 GMT", "2026-11-26T00:00:00Z"),
            ("Wed, 25 Nov 2026 23:59:60 GMT", "2026-11-25T23:59:59Z"),
            ("  Wed, 25\n Nov 2026 09:30:00 +0000 (UTC) ", "2026-11-25T09:30:00Z"),
            ("Wed Nov 25 09:30:00 2026", "2026-11-25T09:30:00Z"),
            ("Wed Nov 25 09:30:00 PST 2026", "2026-11-25T17:30:00Z"),
            ("25-Nov-2026 09:30", "2026-11-25T09:30:00Z"),
            ("November 25th, 2026 9:30 pm", "2026-11-25T21:30:00Z"),
            ("November 25, 2026 12:10AM", "2026-11-25T00:10:00Z"),
            ("2026 November 25", "2026-11-25T00:00:00Z"),
            // RFC 3339 and W3C
            ("2026-11-25T09:30:00Z", "2026-11-25T09:30:00Z"),
            ("2026-11-25t09:30:00.250+04:00", "2026-11-25T05:30:00.25Z"),
            ("2026-11-25T09:30+0400", "2026-11-25T05:30:00Z"),
            ("2026-11-25 09:30:00", "2026-11-25T09:30:00Z"),
            ("2026-11-25 09:30:00 +0100", "2026-11-25T08:30:00Z"),
            ("2026-11-25", "2026-11-25T00:00:00Z"),
            ("2026-11", "2026-11-01T00:00:00Z"),
            ("2026", "2026-01-01T00:00:00Z"),
            ("20261125T093000Z", "2026-11-25T09:30:00Z"),
            ("2026/11/25 09:30", "2026-11-25T09:30:00Z"),
            ("2026-11-25T09:30:00 Europe/Berlin", "2026-11-25T08:30:00Z"),
            // Neither
            ("27 December 2023 18:21 (UTC+04:00)", "2023-12-27T14:21:00Z"),
            ("27 December 2023 [18:21] (UTC+04:00)", "2023-12-27T14:21:00Z"),
            ("Wed, 25 Nov 2026 09:30:00 UTC-5", "2026-11-25T14:30:00Z"),
            ("25.11.2026 09:30", "2026-11-25T09:30:00Z"),
            ("25/11/2026", "2026-11-25T00:00:00Z"),
            ("11/25/2026", "2026-11-25T00:00:00Z"),
            ("Ср, 25 ноября 2026 12:30:00 +0300", "2026-11-25T09:30:00Z"),
            ("mar. 24 novembre 2026 09:30", "2026-11-24T09:30:00Z"),
            ("mar 3 mar 2026", "2026-03-03T00:00:00Z"),
            ("25 Kasım 2026, 12:30", "2026-11-25T12:30:00Z"),
            ("25 noyabr 2026 13:30 AZT", "2026-11-25T09:30:00Z"),
            ("Fri, 31 Dec 9999 23:59:59 GMT", "9999-12-30T22:00:00.999999999Z"),
            ("9999-12-31T23:59:59-12:00", "9999-12-30T22:00:00.999999999Z"),
        ] {
            assert_eq!(told(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn makes_none_up() {
        for text in [
            "",
            "yesterday",
            "0000-00-00 00:00:00",
            "0001-01-01T00:00:00Z",
            "-0001-11-30T00:00:00+00:00",
            "Wed, 30 Nov -0001 00:00:00 +0000",
            "Thu, 31 Feb 2026 10:00:00 GMT",
            "03/04/2026",
            "12:30",
            "1764063000",
            "99999-01-01",
            "Nov",
        ] {
            assert_eq!(told(text), None, "{text}");
        }
        assert_eq!(told(&"9".repeat(1_000_000)), None);
    }

    #[test]
    fn takes_the_given_zone_where_none_is_named() {
        let baku = TimeZone::get("Asia/Baku").unwrap();
        assert_eq!(read("25 Nov 2026 09:30", &baku).unwrap().to_string(), "2026-11-25T05:30:00Z");
        assert_eq!(read("25 Nov 2026 09:30 GMT", &baku).unwrap().to_string(), "2026-11-25T09:30:00Z");
    }

    #[test]
    fn survives_noise() {
        const PIECES: [&str; 24] = [
            "25",
            "Nov",
            " ",
            "2026",
            ":",
            "09",
            "+",
            "-",
            "−",
            "/",
            ".",
            "é",
            "T",
            "Z",
            "GMT",
            "(",
            "Europe/Berlin",
            "ş",
            "st",
            "pm",
            "999",
            "\u{0}",
            "мая",
            ",",
        ];
        let mut state = 7u32;
        for _ in 0..50_000 {
            let text: String = (0..1 + state % 11)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    PIECES[(state >> 16) as usize % PIECES.len()]
                })
                .collect();
            if let Some(read) = told(&text) {
                assert!(read.as_str() > "1899" && read.as_str() < "9999-12-31", "{text}: {read}");
            }
        }
    }
}
