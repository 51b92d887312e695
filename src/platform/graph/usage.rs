//! What Meta's usage headers say: percent of an allowance, and minutes until calls are let in again. They are sent only
//! once usage is measurable, and never with a `Retry-After`.
//! Source: Meta's rate limiting guide, as re-read 2026-08-13; restfb#548 (headers missing near 0).

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::http::Answer;
use crate::platform::{Context, PauseScopeKind, Usage};

/// The header for the whole app.
const APP: &str = "x-app-usage";
/// The header for one business, Page or account.
const BUSINESS: &str = "x-business-use-case-usage";
/// The header that some calls to a Page carry.
const PAGE: &str = "x-page-usage";

/// The three numbers that are percent of an allowance.
const SHARES: [&str; 3] = ["call_count", "total_time", "total_cputime"];

/// Notes what the answer says of its limits.
pub fn note(cx: &Context<'_>, answer: &Answer) {
    for usage in of(answer, cx.clock.now()) {
        cx.meter.note(usage);
    }
}

/// What the headers say. Pure.
pub fn of(answer: &Answer, now: Timestamp) -> Vec<Usage> {
    let mut found = Vec::new();
    let plain = [(APP, "X-App-Usage", PauseScopeKind::App), (PAGE, "X-Page-Usage", PauseScopeKind::Channel)];
    for (header, limit, scope) in plain {
        if let Some(used) = json(answer, header).as_ref().and_then(share) {
            found.push(Usage { limit, scope, used, left: None, resets: None });
        }
    }
    let business = json(answer, BUSINESS).unwrap_or(Value::Null);
    let entries: Vec<&Value> =
        business.as_object().into_iter().flatten().filter_map(|(_, list)| list.as_array()).flatten().collect();
    let most = entries.iter().filter_map(|entry| share(entry)).reduce(f64::max);
    if let Some(used) = most {
        let (limit, scope) = ("X-Business-Use-Case-Usage", PauseScopeKind::Channel);
        found.push(Usage { limit, scope, used, left: None, resets: regain(answer, now) });
    }
    found
}

/// When calls are let in again: the longest wait of all that are told.
pub fn regain(answer: &Answer, now: Timestamp) -> Option<Timestamp> {
    let business = json(answer, BUSINESS)?;
    let entries = business.as_object()?.values().filter_map(Value::as_array).flatten();
    let minutes = entries.filter_map(|entry| entry["estimated_time_to_regain_access"].as_i64()).max()?;
    // A day at most is believed, as everywhere.
    (minutes > 0).then(|| now.checked_add(SignedDuration::from_mins(minutes.min(24 * 60))).ok())?
}

fn json(answer: &Answer, header: &str) -> Option<Value> {
    serde_json::from_str(answer.header(header)?).ok()
}

/// The largest of the three shares, 1 for the whole allowance.
fn share(entry: &Value) -> Option<f64> {
    SHARES.iter().filter_map(|name| entry[*name].as_f64()).reduce(f64::max).map(|percent| percent / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(headers: &[(&'static str, &str)]) -> Answer {
        let mut map = reqwest::header::HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        Answer { status: 200, headers: map, body: Vec::new() }
    }

    #[test]
    fn percent_become_shares_and_minutes_an_instant() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let business = r#"{"10":[{"type":"pages","call_count":12,"total_cputime":96,"total_time":3,
            "estimated_time_to_regain_access":0},{"type":"instagram","call_count":100,"total_cputime":1,"total_time":3,
            "estimated_time_to_regain_access":17}]}"#
            .replace('\n', "");
        let headers = [
            ("x-app-usage", r#"{"call_count":28,"total_time":25,"total_cputime":31}"#),
            ("x-business-use-case-usage", business.as_str()),
        ];
        let answer = answer(&headers);
        let at = "2026-11-25T12:17:00Z".parse().unwrap();
        assert_eq!(
            of(&answer, now),
            [
                Usage { limit: "X-App-Usage", scope: PauseScopeKind::App, used: 0.31, left: None, resets: None },
                Usage {
                    limit: "X-Business-Use-Case-Usage",
                    scope: PauseScopeKind::Channel,
                    used: 1.0,
                    left: None,
                    resets: Some(at)
                },
            ]
        );
        assert_eq!(regain(&answer, now), Some(at));
    }

    #[test]
    fn headers_that_mean_nothing_say_nothing() {
        let now = Timestamp::UNIX_EPOCH;
        for value in ["", "soon", "[]", "{}", r#"{"call_count":"many"}"#] {
            assert_eq!(of(&answer(&[("x-app-usage", value)]), now), [], "{value}");
            assert_eq!(of(&answer(&[("x-business-use-case-usage", value)]), now), [], "{value}");
        }
        let long = r#"{"1":[{"call_count":100,"estimated_time_to_regain_access":99999999}]}"#;
        let day = now + SignedDuration::from_hours(24);
        assert_eq!(regain(&answer(&[("x-business-use-case-usage", long)]), now), Some(day));
    }
}
