//! What a PDS says of its limits: writes count points by the account (5,000 an hour, 35,000 a day, a new record 3); the
//! answer tells of the limit that is nearest to its end. Only answers of writes are read. Source:
//! <https://docs.bsky.app/docs/advanced-guides/rate-limits>, 2026-08.

use crate::http::Answer;
use crate::platform::quota::{Headers, read};
use crate::platform::{Meter, PauseScopeKind, Usage};

/// Points that a new record costs. Same source.
const POINTS: u64 = 3;

const WRITES: Headers = Headers {
    word: "ratelimit",
    limit: "ratelimit-limit",
    left: "ratelimit-remaining",
    resets: "ratelimit-reset",
    scope: PauseScopeKind::Channel,
};

/// Notes what an answer to writing a record says; what is left is told in records.
pub(super) fn note(meter: &dyn Meter, answer: &Answer) {
    if let Some(usage) = read(answer, &WRITES) {
        meter.note(Usage { left: usage.left.map(|points| points / POINTS), ..usage });
    }
}
