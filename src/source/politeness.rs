//! When to ask a source again, when to believe that it moved, when to believe that it is gone. Pure: small states that
//! the caller stores, and what the next answer makes of them.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::timetable::Rhythm;

/// Between two polls of a source whose config says nothing. Source: product.md.
const USUAL: SignedDuration = SignedDuration::from_mins(5);
/// The longest wait that failures or a feed's hints lead to. Source: `platforms/sources.md`, 2026-11.
const LONGEST: SignedDuration = SignedDuration::from_hours(6);
/// The first wait after a failure where the rhythm is a cron expression and so gives no length of its own.
const FIRST_BACK_OFF: SignedDuration = SignedDuration::from_mins(1);
/// The least wait after a 429 that does not say how long. Source: `platforms/sources.md`, 2026-11.
const LIMITED: SignedDuration = SignedDuration::from_hours(1);
/// How long a permanent redirect must have led to the same place before it is adopted. Source: reliability.md section 5.
const MOVE_AFTER: SignedDuration = SignedDuration::from_hours(72);
/// How often it must have been seen in that time: two sights with an outage between prove little.
const MOVE_SIGHTS: u32 = 3;
/// Over how long a source must have said that it is gone. Source: reliability.md section 5.
const GONE_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// And how often. Same source.
const GONE_SIGHTS: u32 = 3;

/// What a feed or its server would like: the least time between two polls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// `ttl`, `sy:updatePeriod` and their kin.
    pub feed: Option<SignedDuration>,
    /// `Cache-Control: max-age`.
    pub cache: Option<SignedDuration>,
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

/// When to poll next. `rhythm`: what the config says; it holds against the hints. Without it, every 5 minutes or as
/// seldom as the hints ask, up to 6 h. Failures double the wait, up to 6 h (never below the rhythm), and a wait that the
/// server asked for is kept, whatever the rhythm. `jitter`: from 0 to 1, chance, spreads intervals by a tenth either
/// way; never makes a poll earlier than the server allows. `None`: the expression has no further firing.
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
    let interval = match rhythm {
        Some(Rhythm::Every(every)) => Some(*every),
        Some(Rhythm::Cron(_)) => None,
        None => Some([hints.feed, hints.cache].into_iter().flatten().fold(USUAL, SignedDuration::max).min(LONGEST)),
    };
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
    Some(health.retry_after.map_or(next, |until| next.max(until)))
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
        let sights = if same { self.sights.saturating_add(1) } else { 1 };
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
            Sight::Gone => Self { since: self.since.or(Some(now)), sights: self.sights.saturating_add(1) },
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
        let hints = Hints { feed: hint(hints.0), cache: hint(hints.1) };
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
