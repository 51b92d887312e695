//! Reading what answers say of limits: three headers, how many there are, how many are left, when they count anew. Which
//! headers, and whom they count for, is each adapter's.

use super::wire::instant;
use super::{PauseScopeKind, Usage};
use crate::http::Answer;

/// The names of the headers of one limit.
#[derive(Clone, Copy, Debug)]
pub struct Headers {
    /// The limit's word.
    pub word: &'static str,
    /// How many there are in all.
    pub limit: &'static str,
    /// How many are left.
    pub left: &'static str,
    /// When they count anew: Unix seconds or ISO 8601.
    pub resets: &'static str,
    /// Whom it counts for.
    pub scope: PauseScopeKind,
}

/// What the answer says of that limit; `None` where it does not say how many are left.
pub fn read(answer: &Answer, of: &Headers) -> Option<Usage> {
    let number = |name: &str| {
        let text = answer.header(name)?.trim();
        // Some drafts put more behind a comma or semicolon: `100, 100;w=900`.
        text.split([',', ';']).next()?.trim().parse::<u64>().ok()
    };
    let left = number(of.left)?;
    #[expect(clippy::cast_precision_loss, reason = "a share of a limit; limits are far below 2^52")]
    let used = match number(of.limit) {
        Some(limit) if limit > 0 => limit.saturating_sub(left) as f64 / limit as f64,
        _ if left == 0 => 1.0,
        _ => 0.0,
    };
    let resets = answer.header(of.resets).and_then(instant);
    Some(Usage { limit: of.word, scope: of.scope, used, left: Some(left), resets })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    const ANY: Headers = Headers {
        word: "calls",
        limit: "ratelimit-limit",
        left: "ratelimit-remaining",
        resets: "ratelimit-reset",
        scope: PauseScopeKind::Credential,
    };

    #[test]
    fn headers_become_a_usage() {
        let reset = Timestamp::from_second(1_800_000_000).ok();
        /// Headers; then what is used in percent, what is left, the reset.
        type Case<'a> = (&'a [(&'a str, &'a str)], Option<(u8, u64, Option<Timestamp>)>);
        let cases: &[Case<'_>] = &[
            (&[], None),
            (&[("limit", "100"), ("reset", "1800000000")], None),
            (&[("limit", "100"), ("remaining", "many")], None),
            (&[("limit", "100"), ("remaining", "25"), ("reset", "1800000000")], Some((75, 25, reset))),
            (&[("limit", "100"), ("remaining", "25"), ("reset", "2027-01-15T08:00:00.000000Z")], Some((75, 25, reset))),
            (&[("limit", "100, 100;w=900"), ("remaining", "0"), ("reset", "soon")], Some((100, 0, None))),
            (&[("remaining", "0")], Some((100, 0, None))),
            (&[("remaining", "7")], Some((0, 7, None))),
            (&[("limit", "0"), ("remaining", "0")], Some((100, 0, None))),
            // More left than there are: nothing is used.
            (&[("limit", "10"), ("remaining", "11")], Some((0, 11, None))),
        ];
        for (headers, expected) in cases {
            let mut map = HeaderMap::new();
            for (name, value) in *headers {
                let name = format!("ratelimit-{name}").parse::<HeaderName>().unwrap();
                map.insert(name, HeaderValue::from_str(value).unwrap());
            }
            let found = read(&Answer { status: 200, headers: map, body: Vec::new() }, &ANY);
            let expected = expected.map(|(percent, left, resets)| Usage {
                limit: "calls",
                scope: PauseScopeKind::Credential,
                used: f64::from(percent) / 100.0,
                left: Some(left),
                resets,
            });
            assert_eq!(found, expected, "{headers:?}");
        }
    }
}
