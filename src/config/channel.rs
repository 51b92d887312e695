//! `[channel.NAME]`: the keys all channels share are taken out first, the rest is handed to the platform as a spanned
//! table, so that its faults point into the file too.

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::nearest;
use super::document::{Reading, find};
use super::settings::Common;
use super::{Channel, check};
use crate::model::id::ChannelName;
use crate::schedule;
use crate::timetable::{self, Cron};

/// The keys of [`Common`].
const COMMON: [&str; 7] = ["platform", "account", "slots", "quiet", "pace", "on_uncertain", "strict_order"];

pub(super) fn channels(r: &mut Reading<'_>) -> Vec<Channel> {
    let names = check::names(r, "channel");
    names.into_iter().filter_map(|name| channel(r, name)).collect()
}

fn channel(r: &mut Reading<'_>, name: String) -> Option<Channel> {
    let key = format!("channel.{name}");
    let mut own = find(&r.root, &key)?.clone();
    let platforms = r.platforms;
    let id = match own.get("platform").map(|value| value.get_ref().as_str()) {
        Some(Some(id)) => id.to_owned(),
        found => {
            let ids: Vec<_> = platforms.iter().map(|p| p.spec().id).collect();
            let hint = format!("one of {}", ids.join(", "));
            let (at, said) = match found {
                Some(_) => (format!("{key}.platform"), "expected a text, found something else"),
                None => (key, "missing key `platform`"),
            };
            r.fault(&at, said, Some(&hint));
            return None;
        }
    };
    let Some(platform) = platforms.iter().find(|platform| platform.spec().id == id) else {
        let ids: Vec<_> = platforms.iter().map(|platform| platform.spec().id).collect();
        let hint = match nearest(&id, ids.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("there are: {}", ids.join(", ")),
        };
        r.fault(&format!("{key}.platform"), format!("there is no platform {id:?}"), Some(&hint));
        return None;
    };
    let schemas = r.schemas;
    if let Some((_, schema)) = schemas.channels.iter().find(|(known, _)| *known == id) {
        r.compare(schema, &key);
    }
    let sound = r.is_sound_but(&key, &COMMON);

    let mut common = DeTable::new();
    for word in COMMON {
        if let Some((word, value)) = own.remove_entry(word) {
            common.insert(word, value);
        }
    }
    let span = r.span(&key);
    let common: Common = r.value(&key, Spanned::new(span, DeValue::Table(common)))?;
    let schedule =
        schedule::Settings { slots: common.slots.clone(), quiet: common.quiet.clone(), pace: common.pace.clone() };
    let policy = channel_policy(r, &key, &schedule);
    if !sound {
        // Without the keys at fault, so that the platform's own checks see the others all the same.
        let all: Vec<String> = own.keys().map(|word| word.get_ref().to_string()).collect();
        for word in all.iter().filter(|word| !r.is_sound(&format!("{key}.{word}"))) {
            own.remove(word.as_str());
        }
    }
    let account = match platform.open(own) {
        Ok(account) => account,
        Err(error) => {
            // What is said of the table as a whole may come of what was just left out.
            if sound || error.span().is_some_and(|span| !span.is_empty() && r.is_value_of(&key, &span)) {
                r.serde_fault(&key, &error);
            }
            return None;
        }
    };
    if let Some(server) = account.server().cloned() {
        check::web_url(r, &format!("{key}.server"), &server);
    }
    Some(Channel {
        name: ChannelName::new(name),
        platform: platform.spec(),
        account,
        label: common.account,
        policy: policy?,
        schedule,
        on_uncertain: common.on_uncertain,
        strict_order: common.strict_order,
    })
}

/// The schedule keys of a channel as a policy; every fault of them is reported.
fn channel_policy(r: &mut Reading<'_>, key: &str, settings: &schedule::Settings) -> Option<schedule::Policy> {
    match policy(settings) {
        Ok(policy) => Some(policy),
        Err(faults) => {
            for (word, bad) in faults {
                let hint = match word {
                    "slots" => "five fields as in crontab: \"*/5 7-23 * * *\"",
                    "quiet" => "from-to in the newsroom's zone: \"00:30-06:30\"",
                    "pace.gap" => "a number and a unit: \"90s\", \"3m\", \"1h\"",
                    _ => "a whole number from 1",
                };
                r.fault_in(&format!("{key}.{word}"), bad.at..bad.at + bad.len, bad.said, Some(hint));
            }
            None
        }
    }
}

/// Faults of a channel's schedule: the key below the channel, and what is wrong with its text.
type PolicyFaults = Vec<(&'static str, timetable::BadSchedule)>;

/// Reads and checks.
fn policy(settings: &schedule::Settings) -> Result<schedule::Policy, PolicyFaults> {
    let mut faults = Vec::new();
    let mut keep = |key: &'static str, bad: timetable::BadSchedule| faults.push((key, bad));
    let mut policy = schedule::Policy::default();
    match settings.slots.as_deref().map(Cron::parse) {
        Some(Ok(cron)) => policy.slots = Some(cron),
        Some(Err(bad)) => keep("slots", bad),
        None => {}
    }
    match settings.quiet.as_deref().map(quiet) {
        Some(Ok(quiet)) => policy.quiet = Some(quiet),
        Some(Err(bad)) => keep("quiet", bad),
        None => {}
    }
    let pace = settings.pace.clone().unwrap_or_default();
    match pace.gap.as_deref().map(timetable::duration) {
        Some(Ok(gap)) => policy.gap = Some(gap),
        Some(Err(bad)) => keep("pace.gap", bad),
        None => {}
    }
    for (key, most) in [("pace.per_hour", pace.per_hour), ("pace.per_day", pace.per_day)] {
        if most == Some(0) {
            let said = "expected 1 or more, found 0: nothing would ever go out".to_owned();
            keep(key, timetable::BadSchedule { said, at: 0, len: 1 });
        }
    }
    (policy.per_hour, policy.per_day) = (pace.per_hour, pace.per_day);
    if faults.is_empty() { Ok(policy) } else { Err(faults) }
}

fn quiet(text: &str) -> Result<schedule::Quiet, timetable::BadSchedule> {
    let bad = |said: String| timetable::BadSchedule { said, at: 0, len: text.len() };
    let time = |part: &str| -> Option<jiff::civil::Time> {
        let (hour, minute) = part.trim().split_once(':')?;
        let two = |digits: &str| (digits.len() == 2).then(|| digits.parse::<i8>().ok()).flatten();
        jiff::civil::Time::new(two(hour)?, two(minute)?, 0, 0).ok()
    };
    let parts = text.split_once('-').and_then(|(from, to)| Some((time(from)?, time(to)?)));
    let Some((from, to)) = parts else { return Err(bad(format!("expected HH:MM-HH:MM, found {text:?}"))) };
    if from == to {
        return Err(bad(format!("expected two different times, found {text:?}")));
    }
    Ok(schedule::Quiet { from, to })
}
