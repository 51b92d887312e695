//! From the keys as written to a checked [`Policy`], and back to words.

use jiff::SignedDuration;
use jiff::civil::Time;

use super::{Policy, Quiet, Settings};
use crate::timetable::{BadSchedule, Cron, duration, spell};

/// The longest gap: the store hands over the posts of the last 25 hours, so a longer one could not be kept.
const LONGEST_GAP: SignedDuration = SignedDuration::from_hours(24);

/// A schedule key that cannot be used as written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {said}")]
pub struct SettingFault {
    /// `slots`, `quiet`, `pace.gap`, `pace.per_hour` or `pace.per_day`.
    pub key: &'static str,
    /// What was expected and what was found.
    pub said: String,
    /// Byte offset into the value's text; 0 for a number.
    pub at: usize,
    /// Length of the faulty part in bytes; 0 for a number and where the text ends too early.
    pub len: usize,
}

impl SettingFault {
    fn of(key: &'static str, bad: BadSchedule) -> Self {
        Self { key, said: bad.said, at: bad.at, len: bad.len }
    }
}

impl Policy {
    /// Reads and checks the keys.
    ///
    /// # Errors
    /// Every fault found.
    pub fn from_settings(settings: &Settings) -> Result<Self, Vec<SettingFault>> {
        let mut faults = Vec::new();
        let pace = settings.pace.clone().unwrap_or_default();
        let policy = Self {
            slots: read("slots", settings.slots.as_deref(), Cron::parse, &mut faults),
            quiet: read("quiet", settings.quiet.as_deref(), quiet, &mut faults),
            gap: read("pace.gap", pace.gap.as_deref(), gap, &mut faults),
            per_hour: at_least_one("pace.per_hour", pace.per_hour, &mut faults),
            per_day: at_least_one("pace.per_day", pace.per_day, &mut faults),
        };
        if faults.is_empty() { Ok(policy) } else { Err(faults) }
    }

    /// In words, for `bugle check` and the desk.
    pub fn describe(&self) -> String {
        let rules = [
            Some(match &self.slots {
                Some(slots) => format!("one post at each firing of \"{slots}\""),
                None => "at once".to_owned(),
            }),
            self.quiet.map(|quiet| format!("quiet {quiet}")),
            self.gap.map(|gap| format!("at least {} between posts", spell(gap))),
            self.per_hour.map(|most| format!("at most {most} an hour")),
            self.per_day.map(|most| format!("at most {most} a day")),
        ];
        rules.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

fn read<T>(
    key: &'static str,
    text: Option<&str>,
    reader: impl Fn(&str) -> Result<T, BadSchedule>,
    faults: &mut Vec<SettingFault>,
) -> Option<T> {
    reader(text?).map_err(|bad| faults.push(SettingFault::of(key, bad))).ok()
}

fn at_least_one(key: &'static str, most: Option<u32>, faults: &mut Vec<SettingFault>) -> Option<u32> {
    if most == Some(0) {
        let said = "expected at least 1, found 0 (to stop a channel, pause it)".to_owned();
        faults.push(SettingFault { key, said, at: 0, len: 0 });
    }
    most
}

fn gap(text: &str) -> Result<SignedDuration, BadSchedule> {
    let gap = duration(text)?;
    if gap > LONGEST_GAP {
        let said = format!("expected at most {}, found \"{}\"", spell(LONGEST_GAP), text.trim());
        return Err(BadSchedule { said, at: 0, len: text.len() });
    }
    Ok(gap)
}

/// `00:30-06:30`, `22:00-24:00`.
fn quiet(text: &str) -> Result<Quiet, BadSchedule> {
    let Some((from, to)) = text.split_once('-') else {
        let said = format!("expected two times such as 00:30-06:30, found \"{text}\"");
        return Err(BadSchedule { said, at: 0, len: text.len() });
    };
    let quiet = Quiet { from: time(from, 0, false)?, to: time(to, from.len() + 1, true)? };
    if quiet.from == quiet.to {
        let said = format!("expected two different times, found \"{text}\", which would always be quiet");
        return Err(BadSchedule { said, at: 0, len: text.len() });
    }
    Ok(quiet)
}

fn time(text: &str, at: usize, ends: bool) -> Result<Time, BadSchedule> {
    let word = text.trim();
    let number = |text: &str, digits: std::ops::RangeInclusive<usize>| {
        let plain = digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse::<i8>().ok()).flatten()
    };
    let read = word.split_once(':').and_then(|(hour, minute)| {
        match (number(hour, 1..=2)?, number(minute, 2..=2)?) {
            // The end of the day is the beginning of the next.
            (24, 0) if ends => Some(Time::midnight()),
            (hour, minute) => Time::new(hour, minute, 0, 0).ok(),
        }
    });
    read.ok_or_else(|| {
        let at = at + (text.len() - text.trim_start().len());
        let found = if word.is_empty() { "found nothing".to_owned() } else { format!("found \"{word}\"") };
        BadSchedule { said: format!("expected a time such as 06:30, {found}"), at, len: word.len() }
    })
}
