//! What the Graph API says against a request, and the part of its codes that means the same on all three platforms.
//! Decisions are by code and subcode: the status is 400 for nearly all of them, and the words are in the reader's language.
//! Source: Meta's error handling guide, and its rate limiting guide as re-read 2026-08-13.

use jiff::Timestamp;
use serde_json::Value;

use super::super::wire;
use super::usage;
use crate::http::Answer;
use crate::platform::{PauseScopeKind, PublishError};

/// An error of the Graph API, or an answer that is none of its own (`code` is `None`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// The status of HTTP.
    pub status: u16,
    /// `error.code`.
    pub code: Option<i64>,
    /// `error.error_subcode`; 0 where there is none.
    pub subcode: i64,
    /// Its words, those for users included.
    pub message: String,
    /// `error.is_transient`.
    pub transient: bool,
    /// What Meta's support asks for.
    pub trace: String,
    /// When the calls are allowed again, by the usage headers or as a gateway says it.
    pub regain: Option<Timestamp>,
}

impl Fault {
    /// Reads an answer that is no success.
    pub fn read(answer: &Answer, now: Timestamp) -> Self {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        let error = &body["error"];
        let text = |name: &str| error[name].as_str().unwrap_or_default();
        let number = |name: &str| {
            let value = &error[name];
            value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
        };
        let user = text("error_user_msg");
        let mut message = text("message").to_owned();
        if !user.is_empty() && !message.contains(user) {
            message = format!("{message}: {user}");
        }
        // The two short-lived hosts of a sign-in answer without an envelope.
        if message.is_empty() {
            message = body["error_message"].as_str().or(body["error_description"].as_str()).unwrap_or_default().into();
        }
        Self {
            status: answer.status,
            code: number("code").or_else(|| body["code"].as_i64()),
            subcode: number("error_subcode").unwrap_or_default(),
            message: wire::excerpt(&message),
            transient: error["is_transient"].as_bool().unwrap_or_default(),
            trace: wire::excerpt(text("fbtrace_id")),
            regain: usage::regain(answer, now).max(crate::http::retry_after(&answer.headers, now)),
        }
    }

    /// A fault of that code, for tables of cases.
    #[cfg(test)]
    pub fn of(code: i64, subcode: i64, message: &str) -> Self {
        Self { status: 400, code: Some(code), subcode, message: message.to_owned(), ..Self::default() }
    }

    /// As a person reads it.
    pub fn said(&self) -> String {
        let Some(code) = self.code else { return format!("{} {}", self.status, self.message).trim_end().to_owned() };
        let subcode = if self.subcode == 0 { String::new() } else { format!("/{}", self.subcode) };
        let trace = if self.trace.is_empty() { String::new() } else { format!(" (trace {})", self.trace) };
        format!("code {code}{subcode}: {}{trace}", self.message)
    }

    /// Whether it may have been carried out although a code says why not: the platform calls it temporary, or broke down
    /// over it. Not of limits and tokens: those are checked before anything is done.
    pub fn is_doubtful(&self) -> bool {
        // 9 is the day's limit of Instagram, 1390008 the pace of a Page.
        let is_checked = matches!(self.code, Some(4 | 9 | 17 | 32 | 102 | 190 | 341 | 613 | 80_000..=80_014))
            || self.subcode == 1_390_008
            || self.subcode == 2_207_042;
        (self.transient || self.status >= 500) && !is_checked
    }

    /// The platform asks to wait.
    pub fn wait(&self, scope: PauseScopeKind) -> PublishError {
        PublishError::RateLimited { until: self.regain, scope, said: self.said() }
    }
}

/// The class of a code that means the same everywhere; `None`: the platform's own table decides.
///
/// What is temporary or not the API's at all is `Unknown`: it may have been carried out.
pub fn common(fault: &Fault) -> Option<PublishError> {
    let said = fault.said();
    let Some(code) = fault.code else {
        return Some(match fault.status {
            // Whoever says it, also something in between: nothing was done.
            429 => fault.wait(PauseScopeKind::Channel),
            _ => PublishError::Unknown { said },
        });
    };
    let words = fault.message.to_ascii_lowercase();
    Some(match code {
        // Session or token: 458 app removed, 459 checkpoint, 460 password changed, 463 expired, 464 unconfirmed,
        // 467 invalid, 492 role lost. All need a person.
        102 | 190 => PublishError::Auth { said },
        // A call without the app's proof where the app asks for it, or with a wrong one; the guide gives no code of its own.
        100 if words.contains("appsecret_proof") => PublishError::Auth { said },
        3 | 10 | 200..=299 => PublishError::Forbidden { scope: PauseScopeKind::Channel, said },
        4 | 341 => fault.wait(PauseScopeKind::App),
        17 => fault.wait(PauseScopeKind::Credential),
        32 | 613 | 80_000..=80_014 => fault.wait(PauseScopeKind::Channel),
        1 | 2 | -1 | -2 => PublishError::Unknown { said },
        _ => return None,
    })
}

/// The table of cases that holds for each platform's own: what is temporary, or broke down, may have been done.
#[cfg(test)]
pub fn doubts(classify: fn(&Fault, crate::model::receipt::Op) -> PublishError) {
    for (code, subcode, expected) in [
        (100, 0, "unknown"),
        (10, 0, "unknown"),
        (200, 1_404_078, "unknown"),
        (368, 0, "unknown"),
        (100, 33, "unknown"),
        (36_003, 2_207_009, "unknown"),
        (190, 463, "auth"),
        (4, 0, "rate_limited"),
        (17, 0, "rate_limited"),
        (613, 0, "rate_limited"),
        (80_002, 0, "rate_limited"),
    ] {
        for (status, transient) in [(400, true), (500, false), (503, true)] {
            let fault = Fault { status, transient, ..Fault::of(code, subcode, "the image") };
            let found = classify(&fault, crate::model::receipt::Op::Create).class();
            assert_eq!(found, expected, "{code}/{subcode} {status} {transient}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_mean_the_same_everywhere() {
        for (code, words, expected) in [
            (190, "Session has expired", Some("auth")),
            (102, "", Some("auth")),
            (100, "API calls from the server require an appsecret_proof argument", Some("auth")),
            (100, "Invalid parameter", None),
            (10, "", Some("forbidden")),
            (200, "", Some("forbidden")),
            (299, "", Some("forbidden")),
            (300, "", None),
            (3, "", Some("forbidden")),
            (283, "", Some("forbidden")),
            (4, "", Some("rate_limited")),
            (17, "", Some("rate_limited")),
            (32, "", Some("rate_limited")),
            (341, "", Some("rate_limited")),
            (613, "", Some("rate_limited")),
            (80_001, "", Some("rate_limited")),
            (80_002, "", Some("rate_limited")),
            (80_015, "", None),
            (1, "", Some("unknown")),
            (2, "", Some("unknown")),
        ] {
            let found = common(&Fault::of(code, 0, words));
            assert_eq!(found.as_ref().map(PublishError::class), expected, "{code} {words}");
        }
        assert_eq!(common(&Fault { status: 502, ..Fault::default() }).map(|e| e.class()), Some("unknown"));
    }

    #[test]
    fn only_what_is_temporary_or_broke_down_is_doubtful() {
        for (code, status, transient, doubtful) in [
            (100, 400, false, false),
            (100, 400, true, true),
            (100, 500, false, true),
            (368, 503, false, true),
            (190, 500, true, false),
            (4, 400, true, false),
            (613, 503, true, false),
        ] {
            let fault = Fault { status, transient, ..Fault::of(code, 0, "") };
            assert_eq!(fault.is_doubtful(), doubtful, "{code} {status} {transient}");
        }
    }

    #[test]
    fn a_limit_reaches_as_far_as_its_code_says() {
        for (code, scope) in [
            (4, PauseScopeKind::App),
            (341, PauseScopeKind::App),
            (17, PauseScopeKind::Credential),
            (32, PauseScopeKind::Channel),
            (613, PauseScopeKind::Channel),
            (80_001, PauseScopeKind::Channel),
        ] {
            let found = common(&Fault::of(code, 0, "slow"));
            assert!(matches!(found, Some(PublishError::RateLimited { scope: s, .. }) if s == scope), "{code}");
        }
    }

    #[test]
    fn an_envelope_is_read_whole_and_said_in_short() {
        let body = r#"{"error":{"message":"(#506) Duplicate status message","type":"OAuthException","code":506,
            "error_subcode":1455006,"is_transient":false,"error_user_title":"Duplicate","error_user_msg":"Say it anew",
            "fbtrace_id":"A1"}}"#;
        let answer = Answer { status: 400, headers: Default::default(), body: body.as_bytes().to_vec() };
        let fault = Fault::read(&answer, Timestamp::UNIX_EPOCH);
        assert_eq!((fault.code, fault.subcode, fault.transient), (Some(506), 1_455_006, false));
        assert_eq!(fault.said(), "code 506/1455006: (#506) Duplicate status message: Say it anew (trace A1)");
        let page = Answer { status: 502, headers: Default::default(), body: b"<html>".to_vec() };
        assert_eq!(Fault::read(&page, Timestamp::UNIX_EPOCH).said(), "502");
        let login = br#"{"error_type":"OAuthException","code":400,"error_message":"Invalid code"}"#;
        let answer = Answer { status: 400, headers: Default::default(), body: login.to_vec() };
        assert_eq!(Fault::read(&answer, Timestamp::UNIX_EPOCH).said(), "code 400: Invalid code");
    }
}
