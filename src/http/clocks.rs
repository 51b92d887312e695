//! How far the clocks of the servers that the config names are ahead of ours, by the `Date` of their answers. A reading
//! counts only as long as our own clock has run evenly since it was taken.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use url::Host;

/// How old a reading may be. Ours: clocks that are kept by nobody drift by seconds a day.
const OLDEST: Duration = Duration::from_secs(3600);
/// By how much our clock may have been set meanwhile: more, and the reading says nothing of the time now.
const UNEVEN: SignedDuration = SignedDuration::from_secs(1);

/// Our two clocks, read at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// The time.
    pub wall: Timestamp,
    /// The clock that never goes back.
    pub mono: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Noted {
    ahead: SignedDuration,
    ours: Reading,
}

/// The last reading of each server. Only servers of the config are noted, so they are few.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    by_place: Mutex<HashMap<(Host, u16), Noted>>,
}

impl Clocks {
    /// Notes what a server's answer said the time is. The answer was under way for a while, so this never is too far
    /// ahead.
    pub(super) fn note(&self, place: (Host, u16), theirs: Timestamp, ours: Reading) {
        let noted = Noted { ahead: theirs.duration_since(ours.wall), ours };
        self.by_place.lock().unwrap_or_else(PoisonError::into_inner).insert(place, noted);
    }

    /// How far that server's clock is ahead of ours; `None` where that is not known for certain.
    pub(super) fn ahead(&self, place: &(Host, u16), ours: Reading) -> Option<SignedDuration> {
        let noted = *self.by_place.lock().unwrap_or_else(PoisonError::into_inner).get(place)?;
        let passed = ours.mono.saturating_duration_since(noted.ours.mono);
        let shown = ours.wall.duration_since(noted.ours.wall);
        let uneven = shown - SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
        (passed <= OLDEST && uneven.abs() <= UNEVEN).then_some(noted.ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_counts_while_our_clock_runs_evenly() {
        let clocks = Clocks::default();
        let start = Reading { wall: Timestamp::UNIX_EPOCH, mono: crate::clock::Clock::monotonic(&fake()) };
        let later = |wall: i64, mono: u64| Reading {
            wall: start.wall + SignedDuration::from_secs(wall),
            mono: start.mono + Duration::from_secs(mono),
        };
        let place = (Host::Domain("x.example".to_owned()), 443);
        assert_eq!(clocks.ahead(&place, start), None, "never heard of");
        clocks.note(place.clone(), start.wall + SignedDuration::from_secs(90), start);
        let ahead = Some(SignedDuration::from_secs(90));
        for (wall, mono, expected, what) in [
            (0, 0, ahead, "at once"),
            (3600, 3600, ahead, "an hour later"),
            (3601, 3601, None, "too long ago"),
            (11, 10, ahead, "a second is within what clocks are kept by"),
            (12, 10, None, "our clock was put forward"),
            (-3590, 10, None, "our clock was put back"),
            (610, 10, None, "the machine slept"),
        ] {
            assert_eq!(clocks.ahead(&place, later(wall, mono)), expected, "{what}");
        }
        assert_eq!(
            clocks.ahead(&(Host::Domain("x.example".to_owned()), 8443), later(0, 0)),
            None,
            "another port is another server"
        );
    }

    fn fake() -> crate::clock::FakeClock {
        crate::clock::FakeClock::at(Timestamp::UNIX_EPOCH)
    }
}
