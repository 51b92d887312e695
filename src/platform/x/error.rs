//! The table: what X answered -> the class of failure. Pure. Answers that X gives only words for are known by the listed
//! texts; what is not listed is [`PublishError::Unknown`].
//!
//! Source: <https://docs.x.com/x-api/fundamentals/response-codes-and-errors> and answers seen by other projects, as
//! gathered 2026-08-22.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::http::Answer;
use crate::model::post::Rejection;
use crate::platform::{PauseScopeKind, PublishError};

/// How long a usage cap without a stated reset rests. Ours: a monthly cap is not worth asking every minute.
const CAP_REST: SignedDuration = SignedDuration::from_hours(1);

/// The least rest after a 429 that names a reset: X's and our clock may differ. Ours.
const LEAST_REST: SignedDuration = SignedDuration::from_secs(60);

/// How far a signature's time may be from X's. Source: `platforms/x.md`, clock skew, 2026-08.
const SIGNED_WITHIN: SignedDuration = SignedDuration::from_mins(5);

/// The most characters of X's words that are kept.
const SAID_MAX: usize = 300;

/// Both shapes of an error body: problem JSON, and the older list of codes. A read that answers 200 may carry `errors`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    detail: String,
    errors: Vec<Listed>,
}

/// One entry of `errors`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Listed {
    code: Option<i64>,
    message: String,
    detail: String,
    #[serde(rename = "type")]
    kind: String,
    /// The fields that are at fault, each with its values.
    parameters: serde_json::Map<String, serde_json::Value>,
}

/// What a text of the table means.
#[derive(Clone, Copy)]
enum Mark {
    Duplicate,
    Content,
}

/// Texts of a 403's `detail` or message, in small letters: it carries no other mark.
const WORDS: &[(&str, Mark)] = &[
    ("you are not allowed to create a tweet with duplicate content", Mark::Duplicate),
    ("you are not allowed to create a post with duplicate content", Mark::Duplicate),
    ("you are not permitted to perform this action", Mark::Content),
    ("the tweet contains an invalid url", Mark::Content),
    ("the post contains an invalid url", Mark::Content),
    ("invalid url", Mark::Content),
];

/// Ends of a problem's `type` that mean the app or its token is set up wrongly.
const SET_UP: &[&str] =
    &["client-forbidden", "client-not-enrolled", "oauth1-permissions", "unsupported-authentication"];

impl Problem {
    /// Reads a body; one that is no JSON object (a gateway's HTML page) is an empty problem.
    pub(super) fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// Whether what was asked for is said not to exist.
    pub(super) fn is_not_found(&self) -> bool {
        self.is_kind("resource-not-found") || self.errors.iter().any(|e| e.kind.ends_with("resource-not-found"))
    }

    fn is_kind(&self, end: &str) -> bool {
        self.kind.ends_with(end)
    }

    fn has_code(&self, codes: &[i64]) -> bool {
        self.errors.iter().any(|e| e.code.is_some_and(|code| codes.contains(&code)))
    }

    /// Whether the post's pictures alone are said to be at fault.
    fn blames_the_media(&self) -> bool {
        let of_media =
            |e: &Listed| !e.parameters.is_empty() && e.parameters.keys().all(|name| name == "media.media_ids");
        !self.errors.is_empty() && self.errors.iter().all(of_media)
    }

    fn mark(&self) -> Option<Mark> {
        let said = std::iter::once(&self.detail).chain(self.errors.iter().flat_map(|e| [&e.message, &e.detail]));
        said.map(|text| text.trim().to_lowercase())
            .find_map(|text| WORDS.iter().find(|(start, _)| text.starts_with(start)).map(|(_, mark)| *mark))
    }

    /// X's own words, short, on one line.
    pub(super) fn said(&self, status: u16) -> String {
        let mut parts = vec![status.to_string()];
        parts.extend([&self.title, &self.detail].into_iter().filter(|text| !text.is_empty()).cloned());
        for error in &self.errors {
            let words = if error.message.is_empty() { &error.detail } else { &error.message };
            match error.code {
                Some(code) => parts.push(format!("code {code} {words}")),
                None if *words != self.detail => parts.push(words.clone()),
                None => {}
            }
        }
        if parts.len() == 1 {
            parts.push("without an explanation that could be read".to_owned());
        }
        parts.join(": ").chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID_MAX).collect()
    }
}

/// The class of an answer that is no success.
pub(super) fn classify(answer: &Answer, now: Timestamp) -> PublishError {
    let problem = Problem::read(&answer.body);
    let said = problem.said(answer.status);
    let is_client = (400..500).contains(&answer.status);
    let channel = PauseScopeKind::Channel;
    match answer.status {
        429 | 403 if problem.is_kind("usage-capped") || problem.has_code(&[185]) => {
            // 185 is the account's day, a usage cap the app's month.
            let scope = if problem.has_code(&[185]) { PauseScopeKind::Credential } else { PauseScopeKind::App };
            let until =
                exhausted(answer).map_or_else(|| rest(now, CAP_REST), |(reset, _)| reset.max(rest(now, LEAST_REST)));
            PublishError::RateLimited { until: Some(until), scope, said }
        }
        429 => limited(answer, now, said),
        _ if is_client && problem.has_code(&[88]) => limited(answer, now, said),
        401 => PublishError::Auth { said: timed(answer, now, said) },
        _ if is_client && problem.has_code(&[32, 89, 99, 135, 215]) => {
            PublishError::Auth { said: timed(answer, now, said) }
        }
        402 => PublishError::Forbidden { scope: PauseScopeKind::App, said },
        400 if problem.is_kind("invalid-request") && problem.blames_the_media() => {
            PublishError::Rejected { reason: Rejection::Media, said }
        }
        400 if problem.is_kind("invalid-request") => PublishError::Rejected { reason: Rejection::Invalid, said },
        400 | 403 if problem.has_code(&[187]) => PublishError::Duplicate { said },
        400 | 403 if problem.has_code(&[186]) => PublishError::Rejected { reason: Rejection::TooLong, said },
        400 | 403 if problem.has_code(&[324, 325]) => PublishError::Rejected { reason: Rejection::Media, said },
        403 if problem.kind.contains("suspended") || problem.has_code(&[64, 326, 226, 261]) => {
            PublishError::Forbidden { scope: channel, said }
        }
        403 if SET_UP.iter().any(|end| problem.is_kind(end)) => PublishError::Forbidden { scope: channel, said },
        403 => match problem.mark() {
            Some(Mark::Duplicate) => PublishError::Duplicate { said },
            Some(Mark::Content) => PublishError::Rejected { reason: Rejection::Content, said },
            None => PublishError::Unknown { said },
        },
        _ => PublishError::Unknown { said },
    }
}

/// A signature carries the time: where X's differs too much, it is the clock rather than the keys.
fn timed(answer: &Answer, now: Timestamp, said: String) -> String {
    match answer.date().filter(|theirs| now.duration_since(*theirs).abs() > SIGNED_WITHIN) {
        Some(theirs) => format!("{said}; here it is {now}, at X {theirs}: check this machine's clock"),
        None => said,
    }
}

fn limited(answer: &Answer, now: Timestamp, said: String) -> PublishError {
    let after = crate::http::retry_after(&answer.headers, now);
    let (until, scope) = match exhausted(answer) {
        Some((reset, scope)) => (after.max(Some(reset.max(rest(now, LEAST_REST)))), scope),
        None => (after, PauseScopeKind::Credential),
    };
    PublishError::RateLimited { until, scope, said }
}

/// The latest reset among the limits that are used up, and who has to wait. A 429 may come while the short limit has
/// calls left: then one of the 24-hour limits is the cause.
fn exhausted(answer: &Answer) -> Option<(Timestamp, PauseScopeKind)> {
    [
        ("x-rate-limit", PauseScopeKind::Credential),
        ("x-user-limit-24hour", PauseScopeKind::Credential),
        ("x-app-limit-24hour", PauseScopeKind::App),
    ]
    .into_iter()
    .filter_map(|(name, scope)| {
        let number = |what: &str| answer.header(&format!("{name}-{what}"))?.trim().parse::<i64>().ok();
        // A limit that says nothing of what is left counts as used up: the answer is a refusal after all.
        let is_used_up = number("remaining").is_none_or(|left| left <= 0);
        let reset = Timestamp::from_second(number("reset")?).ok()?;
        is_used_up.then_some((reset, scope))
    })
    .max_by_key(|(reset, _)| *reset)
}

fn rest(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        Answer { status, headers: map, body: body.as_bytes().to_vec() }
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    #[test]
    fn a_refused_signature_of_another_time_points_at_the_clock() {
        for (seconds, pointed) in [(0, false), (299, false), (-299, false), (3_600, true), (-3_600, true)] {
            let theirs = now() + SignedDuration::from_secs(seconds);
            let theirs = theirs.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            let PublishError::Auth { said } = classify(&answer(401, &[("date", &theirs)], "{}"), now()) else {
                panic!("401 is the keys' or the clock's")
            };
            assert_eq!(said.contains("check this machine's clock"), pointed, "{seconds}: {said}");
        }
    }

    #[test]
    fn every_listed_answer_has_its_class() {
        let problem = |kind: &str| {
            format!(r#"{{"title":"T","detail":"D","type":"https://api.twitter.com/2/problems/{kind}","status":403}}"#)
        };
        let blaming = |fields: &str| {
            let kind = "https://api.twitter.com/2/problems/invalid-request";
            format!(r#"{{"errors":[{{"parameters":{{{fields}}},"message":"m"}}],"title":"T","type":"{kind}"}}"#)
        };
        let code = |n: u16| format!(r#"{{"errors":[{{"code":{n},"message":"m"}}]}}"#);
        let detail =
            |text: &str| format!(r#"{{"detail":"{text}","type":"about:blank","title":"Forbidden","status":403}}"#);
        let page = "<html><body>502 Bad Gateway</body></html>".to_owned();
        let cases: Vec<(u16, String, &str)> = vec![
            (400, problem("invalid-request"), "rejected Invalid"),
            (400, blaming(r#""media.media_ids":["7"]"#), "rejected Media"),
            (400, blaming(r#""media.media_ids":["7"],"text":["a"]"#), "rejected Invalid"),
            (400, blaming(r#""text":["a"]"#), "rejected Invalid"),
            (400, code(215), "auth"),
            (400, code(187), "duplicate"),
            (400, code(324), "rejected Media"),
            (400, page.clone(), "unknown"),
            (400, r#"{"detail":"something new"}"#.to_owned(), "unknown"),
            (
                401,
                r#"{"title":"Unauthorized","type":"about:blank","status":401,"detail":"Unauthorized"}"#.to_owned(),
                "auth",
            ),
            (401, page.clone(), "auth"),
            (401, code(32), "auth"),
            (402, r#"{"title":"CreditsDepleted","detail":"no credits","type":"x"}"#.to_owned(), "forbidden App"),
            (403, detail("You are not allowed to create a Tweet with duplicate content."), "duplicate"),
            (403, detail("You are not allowed to create a Post with duplicate content."), "duplicate"),
            (403, code(187), "duplicate"),
            (403, detail("You are not permitted to perform this action."), "rejected Content"),
            (403, detail("The Tweet contains an invalid URL."), "rejected Content"),
            (403, detail("Something nobody has seen."), "unknown"),
            (403, code(186), "rejected TooLong"),
            (403, code(325), "rejected Media"),
            (403, problem("user-suspended"), "forbidden Channel"),
            (403, code(64), "forbidden Channel"),
            (403, code(326), "forbidden Channel"),
            (403, code(226), "forbidden Channel"),
            (403, code(261), "forbidden Channel"),
            (403, problem("client-forbidden"), "forbidden Channel"),
            (403, problem("client-not-enrolled"), "forbidden Channel"),
            (403, problem("oauth1-permissions"), "forbidden Channel"),
            (403, problem("unsupported-authentication"), "forbidden Channel"),
            (403, problem("usage-capped"), "rate_limited App"),
            (429, problem("usage-capped"), "rate_limited App"),
            (403, code(185), "rate_limited Credential"),
            (403, code(88), "rate_limited Credential"),
            (403, page.clone(), "unknown"),
            (404, problem("resource-not-found"), "unknown"),
            (408, String::new(), "unknown"),
            (429, page.clone(), "rate_limited Credential"),
            (500, code(131), "unknown"),
            (503, code(88), "unknown"),
            (502, page, "unknown"),
            (504, String::new(), "unknown"),
            (302, String::new(), "unknown"),
        ];
        for (status, body, expected) in cases {
            let found = classify(&answer(status, &[], &body), now());
            let shown = match &found {
                PublishError::Rejected { reason, .. } => format!("{} {reason:?}", found.class()),
                PublishError::Forbidden { scope, .. } | PublishError::RateLimited { scope, .. } => {
                    format!("{} {scope:?}", found.class())
                }
                _ => found.class().to_owned(),
            };
            assert_eq!(shown, expected, "{status} {body}");
        }
    }

    #[test]
    fn waits_for_the_latest_limit_that_is_used_up() {
        let at = |secs: i64| Timestamp::from_second(1_800_000_000 + secs).unwrap();
        let limit = |name: &'static str, left: &'static str, reset: &'static str| (name, left, reset);
        /// Limits (name, left, reset), `Retry-After`, then what is expected.
        type Case<'a> = (&'a [(&'a str, &'a str, &'a str)], Option<&'a str>, Option<Timestamp>, PauseScopeKind);
        let cases: &[Case<'_>] = &[
            (&[], None, None, PauseScopeKind::Credential),
            (&[limit("x-rate-limit", "0", "1800000500")], None, Some(at(500)), PauseScopeKind::Credential),
            (&[limit("x-rate-limit", "0", "1800000005")], None, Some(at(60)), PauseScopeKind::Credential),
            (&[limit("x-rate-limit", "7", "1800000500")], None, None, PauseScopeKind::Credential),
            (
                &[limit("x-rate-limit", "7", "1800000500"), limit("x-app-limit-24hour", "0", "1800040000")],
                None,
                Some(at(40_000)),
                PauseScopeKind::App,
            ),
            (
                &[limit("x-rate-limit", "0", "1800000500"), limit("x-user-limit-24hour", "0", "1800000400")],
                None,
                Some(at(500)),
                PauseScopeKind::Credential,
            ),
            (&[limit("x-rate-limit", "0", "1800000500")], Some("900"), Some(at(900)), PauseScopeKind::Credential),
            (&[], Some("30"), Some(at(30)), PauseScopeKind::Credential),
            (&[limit("x-rate-limit", "0", "soon")], Some("tomorrow"), None, PauseScopeKind::Credential),
        ];
        for (limits, after, until, scope) in cases {
            let mut headers: Vec<(String, &str)> = Vec::new();
            for (name, left, reset) in *limits {
                headers.push((format!("{name}-remaining"), left));
                headers.push((format!("{name}-reset"), reset));
            }
            headers.extend(after.map(|value| ("retry-after".to_owned(), value)));
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), *value)).collect();
            let PublishError::RateLimited { until: found, scope: found_scope, .. } =
                classify(&answer(429, &headers, ""), now())
            else {
                panic!("expected a rate limit for {headers:?}");
            };
            assert_eq!((found, found_scope), (*until, *scope), "{headers:?}");
        }
    }

    #[test]
    fn a_usage_cap_without_a_reset_rests_an_hour() {
        let body = r#"{"type":"https://api.twitter.com/2/problems/usage-capped","title":"UsageCapExceeded"}"#;
        let PublishError::RateLimited { until, .. } = classify(&answer(429, &[], body), now()) else {
            panic!("{body}")
        };
        assert_eq!(until, Timestamp::from_second(1_800_003_600).ok());
    }

    #[test]
    fn keeps_the_words_short_and_on_one_line() {
        let body = format!(r#"{{"title":"Forbidden","detail":"a\nb{}"}}"#, "x".repeat(1000));
        let said = Problem::read(body.as_bytes()).said(403);
        assert!(said.starts_with("403: Forbidden: a b") && said.chars().count() == SAID_MAX, "{said}");
        assert_eq!(Problem::read(b"<html>").said(502), "502: without an explanation that could be read");
    }
}
