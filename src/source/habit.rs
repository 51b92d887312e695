//! A source's own rhythm, learnt from when its articles came out: how often it is worth asking, and when its silence is
//! odd. Pure.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The shortest wait that a rhythm leads to: an election night's live feed is asked once a minute, no oftener. Source:
/// ours; `platforms/sources.md` calls 2 to 15 minutes usual for news, 2026-11.
pub const FLOOR: SignedDuration = SignedDuration::from_mins(1);
/// The longest: even a weekly may have news. Source: ours, 2026-11.
pub const CEILING: SignedDuration = SignedDuration::from_mins(30);
/// How many instants are remembered: about a newsroom's half day, so that one burst does not make a rhythm.
const REMEMBERED: usize = 16;
/// How many days with an article are remembered: a week with its weekend, and some.
const DAYS: usize = 10;
/// From so many instants on there is a rhythm.
const ENOUGH: usize = 4;
/// A silence shorter than that is never odd: each newsroom has a night.
const NIGHT: SignedDuration = SignedDuration::from_hours(24);
/// How many of its usual gaps a silence must last to be odd.
const GAPS: i32 = 5;
/// A source that is asked four times in its usual gap is seen an eighth of that gap late on average.
const SHARE: i32 = 4;
/// A day's silence leads to the ceiling, a night's to ten minutes.
const FADE: i32 = 48;
/// Seconds of a day.
const DAY: i64 = 86_400;

/// When the last articles came out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Habit {
    /// Instants in seconds, each once, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    times: Vec<i64>,
    /// Days since 1970 with an article, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    days: Vec<i64>,
}

impl Habit {
    /// Takes in when articles came out; a date ahead of now says nothing.
    pub fn learn(&mut self, dates: impl IntoIterator<Item = Timestamp>, now: Timestamp) {
        let seconds = |at: Timestamp| at.as_second();
        let dates: Vec<i64> = dates.into_iter().filter(|at| *at <= now).map(seconds).collect();
        let days = dates.iter().map(|at| at.div_euclid(DAY)).collect();
        merge(&mut self.times, dates, REMEMBERED);
        merge(&mut self.days, days, DAYS);
    }

    /// The usual gap between two articles: the middle one of the last, so that nights and bursts weigh little. `None`
    /// where too little is known.
    pub fn rhythm(&self) -> Option<SignedDuration> {
        if self.times.len() < ENOUGH {
            return None;
        }
        let mut gaps: Vec<i64> = self.times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        gaps.sort_unstable();
        gaps.get(gaps.len() / 2).copied().map(SignedDuration::from_secs)
    }

    /// How long to wait between two polls: a quarter of the usual gap, more where nothing has come for long.
    pub fn wait(&self, now: Timestamp) -> Option<SignedDuration> {
        let rhythm = self.rhythm()?;
        let last = self.times.last().and_then(|last| Timestamp::from_second(*last).ok())?;
        let silence = now.duration_since(last);
        Some((rhythm / SHARE).max(silence / FADE).clamp(FLOOR, CEILING))
    }

    /// How long a source that publishes daily may bring nothing before a person should know. `None`: it does not publish
    /// daily, or too little is known of it.
    pub fn patience(&self) -> Option<SignedDuration> {
        let rhythm = self.rhythm().filter(|rhythm| *rhythm <= NIGHT)?;
        let mut gaps: Vec<i64> = self.days.windows(2).map(|pair| pair[1] - pair[0]).collect();
        gaps.sort_unstable();
        // Daily: on most of the days that it publishes at all, it did so the day before.
        let daily = gaps.len() + 1 >= ENOUGH && gaps.get(gaps.len() / 2) == Some(&1);
        // Its weekend is no silence.
        let longest = SignedDuration::from_secs(gaps.last()? * DAY);
        daily.then(|| NIGHT.max(rhythm * GAPS).max(longest))
    }
}

/// Adds to a sorted list, each value once; the newest are kept.
fn merge(list: &mut Vec<i64>, more: Vec<i64>, most: usize) {
    list.extend(more);
    list.sort_unstable();
    list.dedup();
    let over = list.len().saturating_sub(most);
    list.drain(..over);
    list.shrink_to_fit();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-25T12:00:00Z".parse().unwrap()
    }

    /// A habit of articles that came out so many minutes ago.
    fn habit(minutes: impl IntoIterator<Item = i64>) -> Habit {
        let mut habit = Habit::default();
        habit.learn(minutes.into_iter().map(|n| now() - SignedDuration::from_mins(n)), now());
        habit
    }

    #[test]
    fn how_often_a_source_is_worth_asking() {
        let hours = |n: i64| n * 60;
        for (name, minutes, wait) in [
            ("nothing known", vec![], None),
            ("too little known", vec![5, 10, 15], None),
            ("all at once", vec![5, 5, 5, 5, 5], None),
            ("every 20 minutes", (0..16).map(|n| n * 20).collect(), Some(300)),
            ("every minute", (0..40).collect(), Some(60)),
            ("hourly", (0..16).map(hours).collect(), Some(900)),
            ("daily", (0..8).map(|n| hours(24 * n)).collect(), Some(1_800)),
            ("every 20 minutes, and a night since", (0..16).map(|n| hours(8) + n * 20).collect(), Some(600)),
            ("every minute, and a day since", (0..16).map(|n| hours(24) + n).collect(), Some(1_800)),
            // Eight in a burst, then none for a day before: the burst's gap is the usual one of the newest.
            ("bursts", (0..8).chain((0..8).map(|n| hours(24) + n)).collect(), Some(60)),
        ] {
            let found = habit(minutes).wait(now()).map(|wait| wait.as_secs());
            assert_eq!(found, wait, "{name}");
        }
    }

    #[test]
    fn dates_ahead_and_out_of_order_do_no_harm() {
        let mut known = habit([60, 40, 20, 0]);
        known.learn([now() + SignedDuration::from_hours(9), now() - SignedDuration::from_mins(30)], now());
        assert_eq!(known.rhythm(), Some(SignedDuration::from_mins(20)));
        let again = known.clone();
        known.learn([now() - SignedDuration::from_mins(30)], now());
        assert_eq!(known, again, "the same listing teaches nothing new");
        let text = serde_json::to_string(&known).unwrap();
        assert_eq!(serde_json::from_str::<Habit>(&text).unwrap(), known);
        known.learn((0..100).map(|n| now() - SignedDuration::from_secs(n)), now());
        assert_eq!((known.times.len(), known.days.len()), (REMEMBERED, 1));
        assert_eq!(known.times.last(), Some(&now().as_second()));
    }

    #[test]
    fn when_silence_is_odd() {
        let day = |n: i64| n * 24 * 60;
        // Twelve a day, two hours apart, on these days ago.
        let on = |days: &[i64]| days.iter().flat_map(|n| (0..6).map(move |k| day(*n) + k * 60)).collect::<Vec<_>>();
        for (name, minutes, hours) in [
            ("nothing known", vec![], None),
            ("one day's articles", on(&[0]), None),
            ("daily, many a day", on(&[0, 1, 2, 3, 4, 5]), Some(24)),
            ("daily, one a day", (0..8).map(day).collect(), Some(5 * 24)),
            // The 25th is a Wednesday: three days of the week before, then a weekend.
            ("on working days", on(&[0, 1, 2, 5, 6, 7, 8]), Some(72)),
            ("a weekly's heap", on(&[0, 7, 14, 21]), None),
            ("weekly", (0..8).map(|n| day(7 * n)).collect(), None),
        ] {
            assert_eq!(habit(minutes).patience().map(|it| it.as_hours()), hours, "{name}");
        }
    }
}
