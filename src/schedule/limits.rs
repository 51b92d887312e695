//! What follows from a platform's own limits: a limit that is used up rests until it counts anew, before the platform has
//! to refuse anything; near its end, what is left is spread over the time until then. Pure.

use jiff::{SignedDuration, Timestamp};

use crate::model::limit::{Said, WHOLE};

/// The longest rest, whatever a platform says. Source: reliability.md section 3, 2026-11.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// From this share on, what is left is spread. Ours, 2026-11: below it a newsroom's burst (election night) goes out at
/// once, above it nine tenths are gone and the rest has to last.
const NEAR: u64 = WHOLE / 10 * 9;

/// A limit with so few calls left is asked about at each claim, since a thread takes several. Ours, 2026-11: the longest
/// thread there is has 25 parts.
const FEW: u64 = 25;

/// Platforms give resets in whole seconds.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// A change smaller than this is not worth a row. Ours, 2026-11.
const STEP: u64 = WHOLE / 20;
/// From this share on every word is kept. Ours, 2026-11.
const HALF: u64 = WHOLE / 2;
/// Resets nearer to each other than this are the same window, counted from another instant. Ours, 2026-11.
const SAME: SignedDuration = SignedDuration::from_mins(1);
/// The longest that a stored word is left as it is. Ours, 2026-11.
const OLD: SignedDuration = SignedDuration::from_mins(5);

const fn is_used_up(said: &Said) -> bool {
    matches!(said.left, Some(0)) || (said.left.is_none() && said.used >= WHOLE)
}

/// Until when everything in its scope rests: the limit is used up, and it is known when it counts anew.
pub fn rest(said: &Said, now: Timestamp) -> Option<Timestamp> {
    let resets = said.resets.filter(|resets| is_used_up(said) && *resets > now)?;
    Some(after(resets, SECOND).min(after(now, LONGEST)))
}

/// Whether a claim has to look at it.
pub const fn is_tight(said: &Said) -> bool {
    said.resets.is_some() && (said.used >= NEAR || matches!(said.left, Some(0..=FEW)))
}

/// Whether it is believed still: no word of a platform stops anything for longer than a day, wherever its reset lies and
/// however the clock was moved since.
fn is_fresh(said: &Said, now: Timestamp) -> bool {
    now.duration_since(said.at).abs() < LONGEST
}

/// Not before when the next post may take of what is left: at even distances until the limit counts anew, but within a day.
fn apart(said: &Said) -> Option<Timestamp> {
    let resets = said.resets.filter(|_| said.used >= NEAR)?;
    // Where only a share is told, each percent counts as a call.
    let left = said.left.unwrap_or(WHOLE.saturating_sub(said.used) / (WHOLE / 100));
    let parts = i64::try_from(left).unwrap_or(i64::MAX).saturating_add(1);
    let gap = resets.duration_since(said.at).as_millis() / i128::from(parts);
    let gap = SignedDuration::from_millis(i64::try_from(gap).unwrap_or(i64::MAX).max(0));
    Some(after(said.at, gap.min(LONGEST)))
}

/// Whether a post of so many calls may go now: `None`, or until when it waits and why. A post that is breaking news is not
/// spread, but what is used up holds it too.
pub fn wait(all: &[Said], calls: u64, is_breaking: bool, now: Timestamp) -> Option<(Timestamp, String)> {
    let mut longest: Option<(Timestamp, String)> = None;
    let holds = |said: &&Said| said.resets.map_or_else(|| said.holds(now), |resets| after(resets, SECOND) > now);
    for said in all.iter().filter(holds).filter(|said| is_fresh(said, now)) {
        let short = said.left.is_some_and(|left| left < calls) || is_used_up(said);
        let found = if let (true, Some(resets)) = (short, said.resets) {
            let until = after(resets, SECOND).min(after(now, LONGEST));
            Some((until, format!("{}: {calls} needed; it counts anew at {resets}", said.describe())))
        } else {
            let next = apart(said).filter(|next| !is_breaking && *next > now);
            next.map(|next| (next, format!("{}: what is left is spread until it counts anew", said.describe())))
        };
        if let Some(found) = found
            && longest.as_ref().is_none_or(|(until, _)| found.0 > *until)
        {
            longest = Some(found);
        }
    }
    longest
}

/// Whether what is said now differs enough from what is stored to be stored.
pub fn is_news(stored: Option<&Said>, now: &Said) -> bool {
    let Some(before) = stored else { return true };
    let moved = match (before.resets, now.resets) {
        (Some(a), Some(b)) => a.duration_since(b).abs() >= SAME,
        (a, b) => a != b,
    };
    now.used >= HALF
        || is_tight(now)
        || is_tight(before)
        || moved
        || before.scope != now.scope
        || before.used.abs_diff(now.used) >= STEP
        || now.at.duration_since(before.at).abs() >= OLD
}

fn after(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::channel::PauseScope;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    /// Said at 0: the share used up in percent, what is left, the reset in seconds.
    fn said(percent: u64, left: Option<u64>, resets: Option<i64>) -> Said {
        Said {
            word: "calls".to_owned(),
            scope: PauseScope::Channel("x".to_owned()),
            channel: "x".to_owned(),
            used: percent * (WHOLE / 100),
            left,
            resets: resets.map(at),
            at: at(0),
        }
    }

    #[test]
    fn what_is_used_up_rests_until_it_counts_anew() {
        for (percent, left, resets, until) in [
            (100, Some(0), Some(600), Some(601)),
            (100, None, Some(600), Some(601)),
            (130, None, Some(600), Some(601)),
            // A count goes before a share: shares are rounded.
            (100, Some(3), Some(600), None),
            (0, Some(0), Some(600), Some(601)),
            (99, Some(1), Some(600), None),
            (99, None, Some(600), None),
            // Not known until when: the platform will say so itself.
            (100, Some(0), None, None),
            // Counted anew already.
            (100, Some(0), Some(0), None),
            (100, Some(0), Some(-5), None),
            // No rest is longer than a day.
            (100, Some(0), Some(30 * 86_400), Some(86_400)),
        ] {
            assert_eq!(rest(&said(percent, left, resets), at(0)), until.map(at), "{percent} % {left:?} {resets:?}");
        }
    }

    #[test]
    fn near_the_end_what_is_left_is_spread() {
        // Limits, calls of the post, breaking, seconds after the word; until when it waits.
        #[expect(clippy::type_complexity, reason = "one table")]
        let cases: [(&[Said], u64, bool, i64, Option<i64>); 17] = [
            (&[], 1, false, 0, None),
            (&[said(89, Some(11), Some(600))], 1, false, 0, None),
            (&[said(90, Some(9), Some(600))], 1, false, 0, Some(60)),
            (&[said(90, Some(9), Some(600))], 1, false, 59, Some(60)),
            (&[said(90, Some(9), Some(600))], 1, false, 60, None),
            // Breaking news takes what there is.
            (&[said(90, Some(9), Some(600))], 1, true, 0, None),
            (&[said(99, Some(1), Some(600))], 1, true, 0, None),
            (&[said(99, Some(1), Some(600))], 1, false, 0, Some(300)),
            // But not more.
            (&[said(99, Some(1), Some(600))], 2, true, 0, Some(601)),
            (&[said(50, Some(4), Some(600))], 5, false, 0, Some(601)),
            (&[said(100, Some(0), Some(600))], 1, true, 0, Some(601)),
            // A share alone: each percent is a call.
            (&[said(95, None, Some(600))], 1, false, 0, Some(100)),
            (&[said(100, None, Some(600))], 1, true, 0, Some(601)),
            // The strictest counts.
            (&[said(90, Some(9), Some(600)), said(95, None, Some(6000))], 1, false, 0, Some(1000)),
            // Counted anew since, or nobody knows when.
            (&[said(100, Some(0), Some(600))], 1, false, 600, Some(601)),
            (&[said(100, Some(0), Some(600))], 1, false, 601, None),
            (&[said(95, Some(5), None)], 1, false, 0, None),
        ];
        for (n, (all, calls, breaking, now, until)) in cases.into_iter().enumerate() {
            let found = wait(all, calls, breaking, at(now)).map(|(until, _)| until);
            assert_eq!(found, until.map(at), "case {n}");
        }
    }

    #[test]
    fn a_far_reset_stops_nothing_for_longer_than_a_day() {
        const DAY: i64 = 86_400;
        let year = 365 * DAY;
        for (name, word, now, until) in [
            ("used up", said(100, Some(0), Some(year)), 0, Some(DAY)),
            ("used up, shortly before a day is over", said(100, Some(0), Some(year)), DAY - 1, Some(2 * DAY - 1)),
            ("used up, a day later", said(100, Some(0), Some(year)), DAY, None),
            ("spread", said(90, Some(9), Some(year)), 0, Some(DAY)),
            ("spread, a day later", said(90, Some(9), Some(year)), DAY, None),
            ("too few left", said(50, Some(4), Some(year)), DAY, None),
            ("said before the clock was put back", said(100, Some(0), Some(year)), -DAY, None),
        ] {
            assert_eq!(wait(&[word], 5, false, at(now)).map(|(until, _)| until), until.map(at), "{name}");
        }
    }

    #[test]
    fn a_limit_is_never_passed_and_lasts_until_it_counts_anew() {
        // A platform that counts, and a queue without end: nothing is refused, and what is left is used.
        for (limit, window) in [(1_u64, 60_i64), (10, 60), (100, 900), (300, 300), (25, 86_400)] {
            let (mut sent, mut now, mut word) = (0, at(0), said(0, Some(limit), Some(window)));
            while now < at(window) {
                if let Some((until, _)) = wait(std::slice::from_ref(&word), 1, false, now) {
                    assert!(until > now, "a wait ends later");
                    now = until;
                    continue;
                }
                sent += 1;
                assert!(sent <= limit, "the platform would refuse");
                let left = limit - sent;
                word = Said { used: sent * WHOLE / limit, left: Some(left), at: now, ..word };
                now = after(now, SECOND);
            }
            assert!(sent == limit || i64::try_from(limit).unwrap() >= window, "{sent} of {limit}");
        }
    }

    #[test]
    fn tight_limits_are_looked_at() {
        for (percent, left, resets, tight) in [
            (10, Some(90), Some(60), false),
            (10, Some(25), Some(60), true),
            (90, Some(9000), Some(60), true),
            (95, None, Some(60), true),
            (100, Some(0), None, false),
        ] {
            assert_eq!(is_tight(&said(percent, left, resets)), tight, "{percent} % {left:?} {resets:?}");
        }
    }

    #[test]
    fn only_news_is_stored() {
        let before = said(10, Some(90), Some(900));
        let later = |percent, left, resets, seconds| Said { at: at(seconds), ..said(percent, left, resets) };
        for (now, news) in [
            (later(11, Some(89), Some(900), 10), false),
            // Some servers count the window from each answer.
            (later(11, Some(89), Some(930), 30), false),
            (later(16, Some(84), Some(900), 10), true),
            (later(0, Some(100), Some(1800), 10), true),
            (later(11, Some(89), None, 10), true),
            (later(11, Some(89), Some(900), 400), true),
            (later(51, Some(49), Some(900), 10), true),
            (later(14, Some(20), Some(900), 10), true),
        ] {
            assert_eq!(is_news(Some(&before), &now), news, "{now:?}");
        }
        assert!(is_news(None, &before));
        assert!(is_news(Some(&said(92, Some(8), Some(900))), &later(90, Some(90), Some(900), 1)));
    }
}
