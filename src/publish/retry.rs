//! When to try again: pure functions of what failed and how often.

use jiff::{SignedDuration, Timestamp};

/// The first and the longest wait of a channel that cannot reach its platform. Source: reliability.md section 3.
const BACKOFF: (f64, f64) = (5.0, 900.0);
/// The first and the longest wait between look-ups that gave no answer. Source: reliability.md section 2.
const LOOKS: (f64, f64) = (60.0, 3600.0);
/// The same of the breaker's harmless calls. Source: reliability.md section 3.
const BREAKER: (f64, f64) = (15.0, 300.0);
/// Unknown outcomes in a row that open the breaker.
pub const BREAKER_AT: u32 = 3;

/// `scale` times that many seconds.
pub fn scaled(seconds: f64, scale: f64) -> SignedDuration {
    let millis = (seconds * scale * 1000.0).clamp(1.0, 1e15);
    #[expect(clippy::cast_possible_truncation, reason = "clamped above")]
    SignedDuration::from_millis(millis as i64)
}

fn doubled((first, most): (f64, f64), n: u32) -> f64 {
    (first * 2f64.powi(i32::try_from(n.min(30)).unwrap_or(30))).min(most)
}

/// Full-jitter back-off after the `n`th failure in a row (from 0); `chance` in [0, 1).
pub fn backoff(n: u32, chance: f64, scale: f64) -> SignedDuration {
    // A floor of one second keeps an unlucky draw from hammering a server that is down.
    scaled((doubled(BACKOFF, n) * chance).max(1.0), scale)
}

/// How long to wait before the look-up after the `n`th that told nothing (from 0).
pub fn look_again(n: u32, scale: f64) -> SignedDuration {
    scaled(doubled(LOOKS, n), scale)
}

/// How long the breaker stays open after its `n`th harmless call failed (from 0).
pub fn breaker(n: u32, scale: f64) -> SignedDuration {
    scaled(doubled(BREAKER, n), scale)
}

/// Until when a rate limit pauses: what the platform says, capped at 24 h; 60 s where it says nothing usable.
pub fn rate_limit(until: Option<Timestamp>, now: Timestamp, scale: f64) -> Timestamp {
    let most = now + SignedDuration::from_hours(24);
    match until {
        Some(until) if until > now => until.min(most),
        _ => now + scaled(60.0, scale),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_within_their_bounds() {
        let secs = |d: SignedDuration| d.as_secs_f64();
        assert_eq!(secs(backoff(0, 0.999_999, 1.0)).round(), 5.0);
        assert_eq!(secs(backoff(0, 0.0, 1.0)), 1.0);
        assert_eq!(secs(backoff(40, 0.999_999_9, 1.0)).round(), 900.0);
        assert_eq!(secs(look_again(0, 1.0)), 60.0);
        assert_eq!(secs(look_again(9, 1.0)), 3600.0);
        assert_eq!(secs(breaker(1, 0.1)), 3.0);
    }

    #[test]
    fn a_rate_limit_is_obeyed_within_a_day() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().expect("a date");
        let at = |s: i64| now + SignedDuration::from_secs(s);
        for (said, want) in [(None, 60), (Some(at(-5)), 60), (Some(at(17)), 17), (Some(at(365 * 86_400)), 86_400)] {
            assert_eq!(rate_limit(said, now, 1.0), at(want), "{said:?}");
        }
    }
}
