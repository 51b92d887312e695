//! The two looks at the own list before a container is replaced by another. Pure: when which is due.

use jiff::{SignedDuration, Timestamp};

/// How far the second look is from the first, before a container is replaced. Source: reliability.md section 2, class
/// look: lists lag behind.
pub(super) const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// Which look at the own list it is time for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Looks {
    /// The first.
    First,
    /// The second is still to come.
    TooSoon,
    /// The second.
    Second,
}

/// By when the first look was.
pub(super) fn looks(first: Option<Timestamp>, now: Timestamp, apart: SignedDuration) -> Looks {
    match first {
        None => Looks::First,
        Some(at) if now < at + apart => Looks::TooSoon,
        Some(_) => Looks::Second,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_replaced_after_two_looks_a_minute_apart() {
        let at: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let after = |seconds| at + SignedDuration::from_secs(seconds);
        for (first, now, expected) in [
            (None, at, Looks::First),
            (Some(at), at, Looks::TooSoon),
            (Some(at), after(59), Looks::TooSoon),
            (Some(at), after(60), Looks::Second),
            (Some(at), after(3600), Looks::Second),
            (Some(at), after(-5), Looks::TooSoon),
        ] {
            assert_eq!(looks(first, now, LOOK_AGAIN), expected, "{first:?} {now}");
        }
    }
}
