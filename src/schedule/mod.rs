//! When a channel may publish: slots, quiet hours, pace. Pure and zone-aware: everything is decided from [`Facts`]. How
//! the keys are read lives in `policy.rs`, the wall clock of quiet hours in `quiet.rs`, the platforms' own limits in
//! `limits.rs`, money in `budget.rs` and `forecast.rs`; pauses, blocks and approval are the publisher's.

pub mod budget;
pub mod forecast;
pub mod limits;
mod policy;
mod quiet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use policy::SettingFault;

use crate::model::post::Urgency;
use crate::timetable::{reading_after, spell};

/// The schedule keys of `[channel.NAME]`, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// A cron expression in the newsroom's zone; each firing lets one post out. Left out: at once.
    pub slots: Option<String>,
    /// `HH:MM-HH:MM` in the newsroom's zone; may cross midnight.
    pub quiet: Option<String>,
    /// The channel's pace.
    pub pace: Option<Pace>,
}

/// `pace = { gap = "3m", per_hour = 12, per_day = 100 }`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pace {
    /// The least time between two posts: `90s`, `3m`, `1h`.
    pub gap: Option<String>,
    /// The most posts in any 60 minutes.
    pub per_hour: Option<u32>,
    /// The most posts in a civil day of the newsroom's zone.
    pub per_day: Option<u32>,
}

/// The same, read and checked.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// When posts may go out; `None`: at once.
    pub slots: Option<crate::timetable::Cron>,
    /// When they may not.
    pub quiet: Option<Quiet>,
    /// The least time between two posts.
    pub gap: Option<jiff::SignedDuration>,
    /// The most posts in any 60 minutes.
    pub per_hour: Option<u32>,
    /// The most posts in a civil day of the newsroom's zone.
    pub per_day: Option<u32>,
}

impl Policy {
    /// Whether it asks when posts were sent before.
    pub const fn counts(&self) -> bool {
        self.gap.is_some() || self.per_hour.is_some() || self.per_day.is_some()
    }
}

/// Quiet hours: `[from, to)` on the wall clock; across midnight where `to <= from`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// First quiet minute.
    pub from: jiff::civil::Time,
    /// First minute after.
    pub to: jiff::civil::Time,
}

/// What the store knows when a post might go out.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Now.
    pub now: jiff::Timestamp,
    /// The newsroom's zone.
    pub zone: &'a jiff::tz::TimeZone,
    /// The post's class of news.
    pub urgency: crate::model::post::Urgency,
    /// Since when the post could have gone out: a slot before that is not its slot.
    pub ready: jiff::Timestamp,
    /// The firing that let the channel's last post out.
    pub last_slot: Option<jiff::Timestamp>,
    /// When the channel's posts of the last 25 hours were sent, newest first.
    pub sent: &'a [jiff::Timestamp],
}

/// May the post go out now?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes; by this firing, if the channel has slots and the post keeps to them.
    Go {
        /// To be stored as the channel's `last_slot`.
        slot: Option<jiff::Timestamp>,
    },
    /// Not before `until` (ask again then); with the reason for a person.
    Wait {
        /// When to ask again; strictly after now.
        until: jiff::Timestamp,
        /// For instance "quiet until 06:30", "12 posts in the last hour".
        why: String,
    },
}

/// How long a slot stays open after its firing: one that nobody used by then is missed and not made up. Long enough for
/// a loop that looks every 30 s and a busy machine, shorter than any sensible distance of slots. Ours, 2026-11.
pub const SLOT_GRACE: SignedDuration = SignedDuration::from_secs(60);

/// How far ahead of now a stored time may lie and still count. Further ahead it was written by a clock that was wrong
/// and has been set back since: counting it would keep the channel silent until then, possibly for years. An hour is
/// the usual mistake (a clock set to local time), so that one is waited out. Ours, 2026-11.
const AHEAD: SignedDuration = SignedDuration::from_mins(90);

/// When to ask again where the slots never fire again.
const NEVER: SignedDuration = SignedDuration::from_hours(24);

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// After this instant a story of that class, first seen then, is not worth posting; `None`: it always is.
pub fn expiry(urgency: Urgency, first_seen: Timestamp) -> Option<Timestamp> {
    urgency.lifetime().map(|lifetime| after(first_seen, lifetime))
}

/// Breaking ignores slots, quiet hours, gap and `per_day`; nothing ignores `per_hour`.
///
/// Where several rules say wait, `until` is the latest of their times and `why` names them all. A slot is usable for
/// [`SLOT_GRACE`] after its firing, once per channel, and only if the post was ready by then and the hour was not
/// quiet.
pub fn decide(policy: &Policy, facts: &Facts<'_>) -> Decision {
    let at_once = facts.urgency == Urgency::Breaking;
    let mut waits = Waits { facts, until: None, whys: Vec::new() };
    waits.hour(policy);
    let mut slot = None;
    if !at_once {
        waits.day(policy);
        waits.gap(policy);
        waits.quiet(policy);
        slot = waits.slot(policy);
    }
    match waits.until {
        None => Decision::Go { slot },
        // Each rule yields a time after now; a second more than nothing keeps a loop from spinning should one not.
        Some(until) => Decision::Wait { until: until.max(after(facts.now, MOMENT)), why: waits.whys.join("; ") },
    }
}

const MOMENT: SignedDuration = SignedDuration::from_millis(1);

/// What the rules say, gathered.
struct Waits<'a> {
    facts: &'a Facts<'a>,
    until: Option<Timestamp>,
    whys: Vec<String>,
}

impl Waits<'_> {
    fn wait(&mut self, until: Timestamp, why: String) {
        self.until = self.until.max(Some(until));
        self.whys.push(why);
    }

    /// A stored time, unless a wrong clock wrote it.
    fn trusted(&self, at: Timestamp) -> bool {
        at <= after(self.facts.now, AHEAD)
    }

    fn sent(&self) -> impl Iterator<Item = Timestamp> {
        self.facts.sent.iter().copied().filter(|at| self.trusted(*at))
    }

    fn hour(&mut self, policy: &Policy) {
        let Some(most) = policy.per_hour else { return };
        let mut recent: Vec<Timestamp> = self.sent().filter(|at| after(*at, HOUR) > self.facts.now).collect();
        recent.sort_unstable_by(|a, b| b.cmp(a));
        if recent.len() < most as usize {
            return;
        }
        // One of the newest `most` has to be an hour old.
        let leaves = (most as usize).checked_sub(1).and_then(|n| recent.get(n)).copied().unwrap_or(self.facts.now);
        let until = after(leaves, HOUR);
        self.wait(until, format!("{} in the last hour (at most {most})", posts(recent.len())));
    }

    fn day(&mut self, policy: &Policy) {
        let Some(most) = policy.per_day else { return };
        let today = self.facts.zone.to_datetime(self.facts.now).date();
        let count = self.sent().filter(|at| self.facts.zone.to_datetime(*at).date() == today).count();
        if count >= most as usize {
            let until = midnight_after(self.facts.zone, today, self.facts.now);
            self.wait(until, format!("{} today (at most {most})", posts(count)));
        }
    }

    fn gap(&mut self, policy: &Policy) {
        let (Some(gap), Some(last)) = (policy.gap, self.sent().max()) else { return };
        let until = after(last, gap);
        if until > self.facts.now {
            let clock = self.clock(until);
            self.wait(until, format!("{} after the last post: until {clock}", spell(gap)));
        }
    }

    fn quiet(&mut self, policy: &Policy) {
        let ends = policy.quiet.and_then(|quiet| quiet.end(self.facts.zone, self.facts.now));
        if let Some(until) = ends {
            let clock = self.clock(until);
            self.wait(until, format!("quiet until {clock}"));
        }
    }

    /// The firing that lets the post out, or a wait for the next one.
    fn slot(&mut self, policy: &Policy) -> Option<Timestamp> {
        let slots = policy.slots.as_ref()?;
        let Facts { now, zone, .. } = *self.facts;
        let newest = slots.last(zone, before(now, SLOT_GRACE + MOMENT), now).filter(|at| after(*at, SLOT_GRACE) >= now);
        let used = self.facts.last_slot.filter(|at| self.trusted(*at));
        let ready = Some(self.facts.ready).filter(|at| self.trusted(*at));
        let usable = |at: &Timestamp| {
            Some(*at) > used
                && ready.is_none_or(|ready| *at >= ready)
                && policy.quiet.is_none_or(|quiet| quiet.end(zone, *at).is_none())
        };
        if let Some(slot) = newest.filter(usable) {
            return Some(slot);
        }
        // The first slot after the one used, after the post is ready and, where another rule holds it longer, still
        // open by then.
        let open = self.until.map(|until| before(until, SLOT_GRACE + MOMENT));
        let ready = ready.map(|ready| before(ready, MOMENT));
        let from = [open, used, ready].into_iter().flatten().fold(now, Timestamp::max);
        match slots.next(zone, from) {
            Some(at) => {
                let clock = self.clock(at);
                self.wait(at, format!("next slot {clock}"));
            }
            None => self.wait(after(now, NEVER), "its slots never fire again".to_owned()),
        }
        None
    }

    /// As a person reads it: the time alone if it is today.
    fn clock(&self, at: Timestamp) -> String {
        let (shown, now) = (self.facts.zone.to_datetime(at), self.facts.zone.to_datetime(self.facts.now));
        let time = if shown.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
        let format = if shown.date() == now.date() { time.to_owned() } else { format!("%Y-%m-%d {time}") };
        shown.strftime(&format).to_string()
    }
}

fn posts(count: usize) -> String {
    format!("{count} post{}", if count == 1 { "" } else { "s" })
}

/// The first instant of the next civil day; where midnight does not exist, the first instant after it.
fn midnight_after(zone: &TimeZone, today: Date, now: Timestamp) -> Timestamp {
    // `None` only at the end of the calendar.
    let midnight = today.tomorrow().ok().and_then(|date| reading_after(zone, date.at(0, 0, 0, 0), now));
    midnight.unwrap_or_else(|| after(now, HOUR))
}

fn after(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

fn before(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
