//! What X's answers say of its limits. Each endpoint has its own: only those of making posts bind posting, so only answers
//! of that call are read. Source: <https://docs.x.com/x-api/fundamentals/rate-limits>, 2026-08; the 24-hour headers are
//! not documented and not on every answer.

use crate::http::Answer;
use crate::platform::quota::{Headers, read};
use crate::platform::{Meter, PauseScopeKind};

const LIMITS: [Headers; 3] = [
    Headers {
        word: "x-rate-limit",
        limit: "x-rate-limit-limit",
        left: "x-rate-limit-remaining",
        resets: "x-rate-limit-reset",
        scope: PauseScopeKind::Credential,
    },
    Headers {
        word: "x-user-limit-24hour",
        limit: "x-user-limit-24hour-limit",
        left: "x-user-limit-24hour-remaining",
        resets: "x-user-limit-24hour-reset",
        scope: PauseScopeKind::Credential,
    },
    Headers {
        word: "x-app-limit-24hour",
        limit: "x-app-limit-24hour-limit",
        left: "x-app-limit-24hour-remaining",
        resets: "x-app-limit-24hour-reset",
        scope: PauseScopeKind::App,
    },
];

/// Notes what an answer to making a post says.
pub(super) fn note(meter: &dyn Meter, answer: &Answer) {
    for usage in LIMITS.iter().filter_map(|limit| read(answer, limit)) {
        meter.note(usage);
    }
}
