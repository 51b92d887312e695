//! When to ask a source again, when to believe that it moved, when to believe that it is gone. Pure: small states that
//! the caller stores, and what the next answer makes of them.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::timetable::Rhythm;

/// Between two polls of a source whose config says nothing and whose own rhythm is not known yet. Source: product.md.
const USUAL: SignedDuration = SignedDuration::from_mins(5);
/// The longest wait that failures or a feed's hints lead to, and the longest rest of a host on one feed's word. Source:
/// `platforms/sources.md`, 2026-11.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(6);
/// The first wait after a failure where the rhythm is a cron expression and so gives no length of its own.
const FIRST_BACK_OFF: SignedDuration = SignedDuration::from_mins(1);
/// The least wait after a 429 that does not say how long. Source: `platforms/sources.md`, 2026-11.
const LIMITED: SignedDuration = SignedDuration::from_hours(1);
/// Over how long the polls are spread that end a rest of the feed's own.
const WAKE: SignedDuration = SignedDuration::from_mins(5);
/// How long a permanent redirect must have led to the same place before it is adopted. Source: reliability.md section 5.
const MOVE_AFTER: SignedDuration = SignedDuration::from_hours(72);
/// How often it must have been seen in that time: two sights with an outage between prove little.
const MOVE_SIGHTS: u32 = 3;
/// Over how long a source must have said that it is gone. Source: reliability.md section 5.
const GONE_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// And how often. Same source.
const GONE_SIGHTS: u32 = 3;

/// What a feed or its server would like, and what its own rhythm suggests. An explicit `poll` holds against all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// The wait that the source's own rhythm suggests, where that is known.
    pub own: Option<SignedDuration>,
    /// `ttl`, `sy:updatePeriod` and their kin: the least time between two polls.
    pub feed: Option<SignedDuration>,
    /// For how long the server calls its answer fresh.
    pub cache: Option<SignedDuration>,
    /// When the feed asks not to be polled at all.
    pub rest: Rest,
}

/// Hours and days on which a feed asks to be left alone (`skipHours`, `skipDays`), GMT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// One bit an hour, 0 to 23.
    pub hours: u32,
    /// One bit a day, Monday first.
    pub days: u8,
}

impl Rest {
    /// From the hours (0 to 23) and days (0 is Monday) as a feed lists them; what is beyond is no hour and no day.
    pub fn new(hours: &[u8], days: &[u8]) -> Self {
        Self {
            hours: hours.iter().filter(|hour| **hour < 24).fold(0, |all, hour| all | 1 << hour),
            days: days.iter().filter(|day| **day < 7).fold(0, |all, day| all | 1 << day),
        }
    }

    /// Whether nothing is asked.
    pub const fn is_none(&self) -> bool {
        self.hours == 0 && self.days == 0
    }

    /// The first instant from `at` on that is in no rest. A feed that would never be read is not believed.
    #[must_use]
    pub fn after(self, at: Timestamp) -> Timestamp {
        const ALL_HOURS: u32 = (1 << 24) - 1;
        const ALL_DAYS: u8 = (1 << 7) - 1;
        if self.is_none() || self.hours & ALL_HOURS == ALL_HOURS || self.days & ALL_DAYS == ALL_DAYS {
            return at;
        }
        let rests = |at: Timestamp| {
            let there = TimeZone::UTC.to_datetime(at);
            let day = there.weekday().to_monday_zero_offset();
            self.days >> day & 1 == 1 || self.hours >> there.hour() & 1 == 1
        };
        let mut free = at;
        // A week has 168 hours, of which at least one is free.
        for _ in 0..=7 * 24 {
            if !rests(free) {
                return free;
            }
            let into = free.as_second().rem_euclid(3_600);
            let Ok(next) = Timestamp::from_second(free.as_second() - into + 3_600) else { return at };
            free = next;
        }
        at
    }
}

/// How the last polls went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Failures since the last good answer; a 410 is one.
    pub failures: u32,
    /// Whether the last failure was a 429.
    pub limited: bool,
    /// Until when the server asked to wait.
    pub retry_after: Option<Timestamp>,
}

/// When to poll next. `rhythm`: what the config says; it holds against the hints. Without it, as its own rhythm suggests
/// (5 minutes where that is not known) or as seldom as the hints ask, up to 6 h, and not in the hours and days it asks
/// to be left alone. Failures double the wait, up to 6 h (never below the rhythm), and a wait that the server asked for
/// is kept, whatever the rhythm. `jitter`: from 0 to 1, chance, spreads intervals by a tenth either way; never makes a
/// poll earlier than the server allows. `None`: the expression has no further firing.
pub fn next_poll(
    rhythm: Option<&Rhythm>,
    zone: &TimeZone,
    hints: Hints,
    health: Health,
    now: Timestamp,
    jitter: f64,
) -> Option<Timestamp> {
    let factor = 0.9 + 0.2 * jitter.clamp(0.0, 1.0);
    let spread = |wait: SignedDuration| SignedDuration::try_from_secs_f64(wait.as_secs_f64() * factor).unwrap_or(wait);
    let interval = interval(rhythm, hints);
    let usual = match (interval, rhythm) {
        (Some(every), _) => now.checked_add(spread(every)).ok()?,
        (None, rhythm) => rhythm?.next(zone, now)?,
    };
    let mut next = usual;
    if health.failures > 0 {
        let first = interval.map_or(FIRST_BACK_OFF, |every| every.saturating_mul(2));
        let doubled = first.saturating_mul(1 << (health.failures - 1).min(20)).min(LONGEST);
        let wait = if health.limited && health.retry_after.is_none() { doubled.max(LIMITED) } else { doubled };
        next = next.max(now.checked_add(spread(wait)).ok()?);
    }
    if rhythm.is_none() {
        let free = hints.rest.after(next);
        if free > next {
            // All feeds of a publisher's software wake with the same hour: not in the same second.
            let late = SignedDuration::try_from_secs_f64(WAKE.as_secs_f64() * jitter.clamp(0.0, 1.0)).unwrap_or(WAKE);
            next = free.checked_add(late).unwrap_or(free);
        }
    }
    Some(health.retry_after.map_or(next, |until| next.max(until)))
}

/// The time between two polls of a source that answers; `None` where a cron expression says when.
pub fn interval(rhythm: Option<&Rhythm>, hints: Hints) -> Option<SignedDuration> {
    match rhythm {
        Some(Rhythm::Every(every)) => Some(*every),
        Some(Rhythm::Cron(_)) => None,
        None => {
            let own = hints.own.unwrap_or(USUAL);
            Some([hints.feed, hints.cache].into_iter().flatten().fold(own, SignedDuration::max).min(LONGEST))
        }
    }
}

/// How long a whole host is left alone on the word of one of its feeds, at most 6 h. A server that is overloaded (429,
/// 503) is so for all it serves. `failures`: of that feed, in a row.
pub fn host_rest(
    status: Option<u16>,
    failures: u32,
    retry_after: Option<Timestamp>,
    now: Timestamp,
) -> Option<SignedDuration> {
    let unsaid = match status? {
        429 => LIMITED,
        503 => FIRST_BACK_OFF.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(LIMITED),
        _ => return None,
    };
    let asked = retry_after.map(|until| until.duration_since(now));
    Some(asked.unwrap_or(unsaid).min(LONGEST)).filter(SignedDuration::is_positive)
}

/// What is known of a move: kept with the source, empty at first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Where every hop of the last answers led for good.
    pub to: Option<Url>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// In how many good answers.
    pub sights: u32,
}

impl Move {
    /// Takes a good answer: `moved` is the place its permanent redirects led to. Returns the URL to adopt once all
    /// answers of 3 days led there; a single one that did not starts it anew. Failures are no answer: not told here.
    #[must_use]
    pub fn saw(self, moved: Option<&Url>, now: Timestamp) -> (Self, Option<Url>) {
        let Some(moved) = moved else { return (Self::default(), None) };
        let same = self.to.as_ref() == Some(moved);
        let since = self.since.filter(|_| same).unwrap_or(now);
        // More than the proof needs is not counted: the state, once proven, is the same from poll to poll.
        let sights = if same { self.sights.saturating_add(1).min(MOVE_SIGHTS) } else { 1 };
        let adopt = now.duration_since(since) >= MOVE_AFTER && sights >= MOVE_SIGHTS;
        if adopt {
            (Self::default(), Some(moved.clone()))
        } else {
            (Self { to: Some(moved.clone()), since: Some(since), sights }, None)
        }
    }
}

/// What an answer says about whether the source still exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// 410.
    Gone,
    /// Any other answer of the source, good or not.
    There,
    /// No answer: says nothing.
    Nothing,
}

/// What is known of a source's end: kept with the source, empty at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// The first 410 since the last sign of life.
    pub since: Option<Timestamp>,
    /// How many there were.
    pub sights: u32,
}

impl Gone {
    /// Takes an answer. True: it has said so three times over a day; stop polling and tell people.
    #[must_use]
    pub fn saw(self, sight: Sight, now: Timestamp) -> (Self, bool) {
        let next = match sight {
            Sight::Gone => {
                Self { since: self.since.or(Some(now)), sights: self.sights.saturating_add(1).min(GONE_SIGHTS) }
            }
            Sight::There => Self::default(),
            Sight::Nothing => self,
        };
        let long = next.since.is_some_and(|since| now.duration_since(since) >= GONE_AFTER);
        (next, long && next.sights >= GONE_SIGHTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Timestamp {
        "2026-11-25T12:00:00Z".parse().unwrap()
    }

    fn mins(n: i64) -> SignedDuration {
        SignedDuration::from_mins(n)
    }

    fn wait(
        every: Option<i64>,
        hints: (i64, i64),
        failures: u32,
        limited: bool,
        retry_mins: Option<i64>,
        j: f64,
    ) -> i64 {
        let rhythm = every.map(|secs| Rhythm::Every(SignedDuration::from_secs(secs)));
        let hint = |n: i64| (n > 0).then(|| mins(n));
        let hints = Hints { feed: hint(hints.0), cache: hint(hints.1), ..Hints::default() };
        let health = Health { failures, limited, retry_after: retry_mins.map(|n| noon() + mins(n)) };
        let next = next_poll(rhythm.as_ref(), &TimeZone::UTC, hints, health, noon(), j).unwrap();
        next.duration_since(noon()).as_secs()
    }

    #[test]
    fn the_next_poll() {
        let (hour, day) = (3_600, 86_400);
        for (name, every, hints, failures, limited, retry, seconds) in [
            ("usual", None, (0, 0), 0, false, None, 300),
            ("feed hint", None, (30, 0), 0, false, None, 1_800),
            ("cache hint", None, (30, 60), 0, false, None, hour),
            ("small hint", None, (1, 1), 0, false, None, 300),
            ("silly hint", None, (0, 525_600), 0, false, None, 6 * hour),
            ("config against hints", Some(120), (60, 60), 0, false, None, 120),
            ("config, a second", Some(1), (60, 60), 0, false, None, 1),
            ("one failure", Some(120), (0, 0), 1, false, None, 240),
            ("three failures", Some(120), (0, 0), 3, false, None, 960),
            ("many failures", Some(120), (0, 0), 30, false, None, 6 * hour),
            ("endless failures", Some(120), (0, 0), u32::MAX, false, None, 6 * hour),
            ("failures of a daily feed", Some(day), (0, 0), 4, false, None, day),
            ("asked to wait", Some(120), (0, 0), 0, false, Some(60), hour),
            ("asked to wait, failed", Some(120), (0, 0), 1, true, Some(30), 1_800),
            ("asked to wait less than the rhythm", Some(hour), (0, 0), 0, false, Some(1), hour),
            ("asked to wait less than the back-off", Some(120), (0, 0), 8, true, Some(1), 6 * hour),
            ("limited without a word", Some(120), (0, 0), 1, true, None, hour),
            ("limited again and again", Some(120), (0, 0), 7, true, None, 120 * 128),
        ] {
            assert_eq!(wait(every, hints, failures, limited, retry, 0.5), seconds, "{name}");
        }
    }

    #[test]
    fn its_own_rhythm_counts_where_the_config_says_nothing() {
        let every = Rhythm::Every(mins(7));
        for (name, rhythm, own, feed, cache, seconds) in [
            ("unknown", None, None, None, None, 300),
            ("quick", None, Some(mins(1)), None, None, 60),
            ("slow", None, Some(mins(30)), None, None, 1_800),
            ("quick, but asked to be slow", None, Some(mins(1)), Some(mins(15)), None, 900),
            ("quick, but fresh for longer", None, Some(mins(1)), None, Some(mins(10)), 600),
            ("slow, and the hints are less", None, Some(mins(30)), Some(mins(5)), Some(mins(1)), 1_800),
            ("the config's word", Some(&every), Some(mins(1)), Some(mins(60)), Some(mins(60)), 420),
        ] {
            let hints = Hints { own, feed, cache, rest: Rest::default() };
            let next = next_poll(rhythm, &TimeZone::UTC, hints, Health::default(), noon(), 0.5).unwrap();
            assert_eq!(next.duration_since(noon()).as_secs(), seconds, "{name}");
        }
    }

    #[test]
    fn a_feed_is_left_alone_when_it_asks() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        // The 25th of November 2026 is a Wednesday: day 2.
        for (name, hours, days, from, free) in [
            ("never", &[][..], &[][..], "2026-11-25T12:10:00Z", "2026-11-25T12:10:00Z"),
            ("this hour", &[12], &[], "2026-11-25T12:10:00Z", "2026-11-25T13:00:00Z"),
            ("another hour", &[13], &[], "2026-11-25T12:59:59Z", "2026-11-25T12:59:59Z"),
            ("the night", &[22, 23, 0, 1, 2], &[], "2026-11-25T22:30:00Z", "2026-11-26T03:00:00Z"),
            ("the day", &[], &[2], "2026-11-25T12:10:00Z", "2026-11-26T00:00:00Z"),
            ("the weekend", &[], &[5, 6], "2026-11-28T08:00:00Z", "2026-11-30T00:00:00Z"),
            ("the weekend and the morning", &[0, 1], &[5, 6], "2026-11-28T08:00:00Z", "2026-11-30T02:00:00Z"),
            ("all hours but one", &(1..24).collect::<Vec<_>>(), &[], "2026-11-25T01:00:00Z", "2026-11-26T00:00:00Z"),
            ("all hours", &(0..24).collect::<Vec<_>>(), &[], "2026-11-25T12:10:00Z", "2026-11-25T12:10:00Z"),
            ("all days", &[], &[0, 1, 2, 3, 4, 5, 6], "2026-11-25T12:10:00Z", "2026-11-25T12:10:00Z"),
            ("no hour, no day", &[24, 99], &[7], "2026-11-25T00:10:00Z", "2026-11-25T00:10:00Z"),
        ] {
            assert_eq!(Rest::new(hours, days).after(at(from)), at(free), "{name}");
        }
        // The poll keeps to it, unless the config names a rhythm; what comes after is spread.
        let hints = Hints { rest: Rest::new(&[12], &[]), ..Hints::default() };
        let next =
            |rhythm, jitter| next_poll(rhythm, &TimeZone::UTC, hints, Health::default(), noon(), jitter).unwrap();
        assert_eq!(next(None, 0.0), at("2026-11-25T13:00:00Z"));
        assert_eq!(next(None, 1.0), at("2026-11-25T13:05:00Z"));
        assert_eq!(next(Some(&Rhythm::Every(mins(5))), 0.5), at("2026-11-25T12:05:00Z"));
        let health = Health { retry_after: Some(noon() + mins(120)), ..Health::default() };
        let asked = next_poll(None, &TimeZone::UTC, hints, health, noon(), 0.5).unwrap();
        assert_eq!(asked, noon() + mins(120));
    }

    #[test]
    fn one_feeds_word_counts_for_its_host() {
        for (name, status, failures, retry, expected) in [
            ("no answer", None, 9, None, None),
            ("not found", Some(404), 9, None, None),
            ("an error, with a wait for itself", Some(500), 1, Some(30), None),
            ("too many", Some(429), 1, None, Some(60)),
            ("too many, and when", Some(429), 1, Some(5), Some(5)),
            ("too many, for a day", Some(429), 1, Some(24 * 60), Some(360)),
            ("overloaded", Some(503), 1, None, Some(1)),
            ("overloaded still", Some(503), 4, None, Some(8)),
            ("overloaded for long", Some(503), u32::MAX, None, Some(60)),
            ("overloaded, and when", Some(503), 9, Some(2), Some(2)),
            ("the wait is over", Some(503), 9, Some(-2), None),
        ] {
            let until = retry.map(|n| noon() + mins(n));
            assert_eq!(host_rest(status, failures, until, noon()), expected.map(mins), "{name}");
        }
    }

    #[test]
    fn jitter_spreads_but_never_shortens_what_the_server_asks() {
        assert_eq!(wait(Some(1_000), (0, 0), 0, false, None, 0.0), 900);
        assert_eq!(wait(Some(1_000), (0, 0), 0, false, None, 1.0), 1_100);
        assert_eq!(wait(Some(1_000), (0, 0), 0, false, None, 7.0), 1_100);
        assert_eq!(wait(Some(60), (0, 0), 0, false, Some(60), 0.0), 3_600);
        assert_eq!(wait(Some(60), (0, 0), 0, false, Some(60), 1.0), 3_600);
    }

    #[test]
    fn a_move_is_adopted_after_three_days_of_the_same_place() {
        // Hours, where it led; the answer in which it is adopted.
        for (name, seen, adopted) in [
            ("steady", &[(0, "a"), (24, "a"), (48, "a"), (71, "a"), (72, "a")][..], Some(4)),
            ("another place", &[(0, "a"), (48, "a"), (70, "b"), (73, "a"), (96, "a"), (144, "a")], None),
            ("back home", &[(0, "a"), (48, "a"), (60, ""), (72, "a"), (100, "a"), (145, "a")], Some(5)),
            ("two sights", &[(0, "a"), (100, "a"), (101, "a")], Some(2)),
            ("never", &[(0, ""), (100, "")], None),
        ] {
            let mut state = Move::default();
            let mut found = None;
            for (n, (hours, to)) in seen.iter().enumerate() {
                let now = noon() + SignedDuration::from_hours(*hours);
                let to = (!to.is_empty()).then(|| format!("https://{to}.example/feed").parse::<Url>().unwrap());
                let (next, adopt) = state.saw(to.as_ref(), now);
                state = serde_json::from_str(&serde_json::to_string(&next).unwrap()).unwrap();
                if adopt.is_some() {
                    assert_eq!(adopt, to, "{name}");
                    found = Some(n);
                }
            }
            assert_eq!(found, adopted, "{name}");
        }
    }

    #[test]
    fn a_source_is_gone_after_three_words_over_a_day() {
        use Sight::{Gone as G, Nothing as N, There as T};
        for (name, seen, gone) in [
            ("three", &[(0, G), (12, G), (24, G)][..], true),
            ("too soon", &[(0, G), (1, G), (2, G), (23, G)], false),
            ("too few", &[(0, G), (30, G)], false),
            ("alive between", &[(0, G), (12, T), (24, G), (30, G)], false),
            ("silence between", &[(0, G), (6, N), (12, G), (24, N), (26, G)], true),
            ("an error page is a sign of life", &[(0, G), (12, G), (13, T), (30, G)], false),
        ] {
            let mut state = Gone::default();
            let mut stop = false;
            for (hours, sight) in seen {
                (state, stop) = state.saw(*sight, noon() + SignedDuration::from_hours(*hours));
            }
            assert_eq!(stop, gone, "{name}");
        }
    }
}
