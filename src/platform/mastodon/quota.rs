//! What Mastodon's answers say of its limits. Making posts has its own (300 in 3 hours); only answers of that call are
//! read. Source: <https://docs.joinmastodon.org/api/rate-limits/>, 2026-08. Servers of other software send none.

use crate::http::Answer;
use crate::platform::quota::{Headers, read};
use crate::platform::{Meter, PauseScopeKind};

const POSTS: Headers = Headers {
    word: "x-ratelimit",
    limit: "x-ratelimit-limit",
    left: "x-ratelimit-remaining",
    resets: "x-ratelimit-reset",
    scope: PauseScopeKind::Channel,
};

/// Notes what an answer to making a post says.
pub(super) fn note(meter: &dyn Meter, answer: &Answer) {
    if let Some(usage) = read(answer, &POSTS) {
        meter.note(usage);
    }
}
