//! The dates of feeds -> instants: RFC 822, RFC 3339 and W3C forms, and the many that are nearly one of them.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time, Weekday};
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
    if let Some(instant) = counted(text) {
        return Some(instant);
    }
    let found = iso(text).or_else(|| words(&plain(text)))?;
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

/// Seconds or milliseconds since 1970, from the year 2001 on: fewer digits may be a year or a number of the house.
fn counted(text: &str) -> Option<Timestamp> {
    match (digits(text), text.len()) {
        (true, 10) => Timestamp::from_second(text.parse().ok()?).ok(),
        (true, 13) => Timestamp::from_millisecond(text.parse().ok()?).ok(),
        _ => None,
    }
}

/// East Asian dates with the signs of the West: `2026年11月25日 下午 9:30`.
fn plain(text: &str) -> Cow<'_, str> {
    const SIGNS: [(&str, &str); 10] = [
        ("年", "-"),
        ("월", "-"),
        ("년", "-"),
        ("月", "-"),
        ("日", " "),
        ("일", " "),
        ("上午", " am "),
        ("下午", " pm "),
        ("오전", " am "),
        ("오후", " pm "),
    ];
    if !SIGNS.iter().any(|(sign, _)| text.contains(sign)) {
        return Cow::Borrowed(text);
    }
    let western = SIGNS.iter().fold(text.to_owned(), |text, (sign, ours)| text.replace(sign, ours));
    // A blank behind the hyphens: `2026年 11月 25日`.
    Cow::Owned(western.replace("- ", "-"))
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
    let (mut dotted, mut weekday) = (None, None);
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
        } else if let Some(day) = weekday_named(bare).filter(|_| month.is_none()) {
            weekday = Some(day);
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
    // 11 04 2026
    if let ([a, b, year], None, None) = (numbers.as_slice(), dotted, month)
        && year.len() == 4
    {
        dotted = numeric(&format!("{a}/{b}/{year}"));
    }
    let (year, month, day) = match (dotted, month) {
        (Some(Numeric::Sure(date)), _) => date,
        (Some(Numeric::Either(year, a, b)), _) => {
            // The day of the week tells, else the clock of twelve hours: only where that is used the month comes first.
            let falls = |month, day| Date::new(year, month, day).is_ok_and(|date| Some(date.weekday()) == weekday);
            match (falls(b, a), falls(a, b)) {
                (true, false) => (year, b, a),
                (false, true) => (year, a, b),
                _ if noon.is_some() => (year, a, b),
                _ => return None,
            }
        }
        (None, Some(month)) => {
            let (year, day) = match numbers.as_slice() {
                [year, day, ..] if year.len() == 4 => (*year, *day),
                [day, year, ..] => (*year, *day),
                // Nov. 2026
                [year] if year.len() == 4 => (*year, "1"),
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

/// A date in numbers.
#[derive(Clone, Copy)]
enum Numeric {
    /// Year, month and day.
    Sure((i16, i8, i8)),
    /// The year, and a month and a day of which nobody can tell which is which.
    Either(i16, i8, i8),
}

/// `25.11.2026`, `25/11/2026`, `11/25/2026`, `2026-11-25`.
fn numeric(word: &str) -> Option<Numeric> {
    let parts: Vec<&str> = word.split(['.', '/', '-']).collect();
    let [a, b, c] = parts.as_slice() else { return None };
    if ![*a, *b, *c].into_iter().all(digits) {
        return None;
    }
    if a.len() == 4 {
        return Some(Numeric::Sure((a.parse().ok()?, b.parse().ok()?, c.parse().ok()?)));
    }
    // 03-12-31 may be anything.
    if !(c.len() == 4 || (c.len() == 2 && !word.contains('-'))) {
        return None;
    }
    let (first, second): (i8, i8) = (a.parse().ok()?, b.parse().ok()?);
    let year = full_year(c)?;
    Some(match (word.contains('/'), first, second) {
        (true, ..=12, ..=12) if first != second => Numeric::Either(year, first, second),
        (true, ..=12, 13..) => Numeric::Sure((year, first, second)),
        _ => Numeric::Sure((year, second, first)),
    })
}

/// A day of the week by its English name.
fn weekday_named(word: &str) -> Option<Weekday> {
    let word = word.get(..3)?.to_ascii_lowercase();
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    days.iter()
        .zip(1i8..)
        .find_map(|(day, n)| (*day == word).then(|| Weekday::from_monday_one_offset(n).ok()).flatten())
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
        let number = upper[at..].trim_end_matches('Z');
        return matches!(name, "" | "UTC" | "GMT" | "Z" | "UT").then(|| offset(number)).flatten();
    }
    // In capitals only: "at" and "et" are words.
    let place = match word {
        "ET" => "America/New_York",
        "CT" => "America/Chicago",
        "MT" => "America/Denver",
        "PT" => "America/Los_Angeles",
        _ => "",
    };
    if !place.is_empty() {
        return TimeZone::get(place).ok();
    }
    let minutes = match name {
        "UTC" | "UT" | "GMT" | "Z" | "WET" => 0,
        "BST" | "CET" | "MET" | "MEZ" | "WEST" | "WAT" => 60,
        "CEST" | "MEST" | "MESZ" | "EET" | "CAT" | "SAST" => 120,
        "EEST" | "MSK" | "TRT" | "EAT" => 180,
        "AZT" | "GET" | "GST" | "SAMT" => 240,
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

/// Beginnings of month names, with English first: German, French, Spanish, Italian, Portuguese, Dutch, Polish,
/// Hungarian, Turkish, Azerbaijani, Greek, Russian, Ukrainian, Arabic.
const MONTHS: [&[&str]; 12] = [
    &["jan", "jän", "ene", "gen", "sty", "ocak", "yan", "ιαν", "янв", "січ", "ينا"],
    &["feb", "fév", "fev", "lut", "şub", "φεβ", "фев", "лют", "فبر"],
    &["mar", "mär", "mae", "mrt", "maa", "már", "μαρ", "μάρ", "мар", "бер", "مار"],
    &["apr", "avr", "abr", "kwi", "ápr", "nis", "απρ", "апр", "кві", "أبر", "ابر"],
    &["may", "mai", "mag", "mei", "maj", "máj", "μαϊ", "μαΐ", "μάι", "μαι", "май", "мая", "тра", "ماي"],
    &["jun", "juin", "giu", "cze", "jún", "haz", "iyun", "ιουν", "ιούν", "июн", "чер", "يوني"],
    &["jul", "juil", "lug", "lip", "júl", "tem", "iyul", "ιουλ", "ιούλ", "июл", "лип", "يولي"],
    &["aug", "aoû", "aou", "ago", "sie", "ağu", "avq", "αυγ", "αύγ", "авг", "сер", "أغس", "اغس"],
    &["sep", "set", "wrz", "szep", "eyl", "sen", "σεπ", "сен", "вер", "سبت"],
    &["oct", "okt", "out", "ott", "paź", "paz", "eki", "οκτ", "окт", "жов", "أكت", "اكت"],
    &["nov", "lis", "kas", "noy", "νοε", "νοέ", "ноя", "лис", "نوف"],
    &["dec", "dez", "dic", "déc", "gru", "ara", "dek", "δεκ", "дек", "гру", "ديس"],
];

fn month_named(word: &str) -> Option<i8> {
    let word = word.trim_matches('.').to_lowercase();
    if word.chars().count() < 3 || word.chars().any(|c| c.is_ascii_digit()) {
        return None;
    }
    MONTHS.iter().zip(1i8..).find_map(|(names, n)| names.iter().any(|name| word.starts_with(name)).then_some(n))
}

#[cfg(test)]
#[path = "date_tests.rs"]
mod tests;
