//! The table of refusals: (status, codes, words, what was tried) → class. Pure. Source: LinkedIn's Posts API page and
//! bodies seen by other projects, 2026-08; what is not listed is `Unknown`: it may be out.

use serde::Deserialize;

use crate::http::Answer;
use crate::model::post::Rejection;
use crate::model::receipt::Op;
use crate::platform::{PauseScopeKind, PublishError, wire};

/// An error's body.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Problem {
    code: Option<String>,
    message: Option<String>,
    error_details: Details,
    /// Of the token endpoint.
    error: Option<String>,
    error_description: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    input_errors: Vec<Input>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Input {
    code: String,
    description: String,
}

/// Codes of a picture that LinkedIn has, but has not finished with.
const WAITING: [&str; 3] = ["MEDIA_ASSET_WAITING_UPLOAD", "MEDIA_ASSET_PROCESSING", "MEDIA_ASSET_NOT_READY"];

/// Codes of a body that will never pass.
const INVALID: [&str; 6] = [
    "MISSING_FIELD",
    "INVALID_URN_TYPE",
    "INVALID_URN_ID",
    "INVALID_VALUE_FOR_FIELD",
    "UNPERMITTED_FIELDS_PRESENT",
    "ILLEGAL_ARGUMENT",
];

impl Problem {
    /// Reads a body; `None` where it is not the API's JSON (a gateway's page).
    pub fn read(body: &[u8]) -> Option<Self> {
        let problem: Self = serde_json::from_slice(body).ok()?;
        let says = problem.code.is_some() || problem.message.is_some() || problem.error.is_some();
        says.then_some(problem)
    }

    fn has(&self, codes: &[&str]) -> bool {
        let mut all = self.code.iter().chain(self.error_details.input_errors.iter().map(|it| &it.code));
        all.any(|code| codes.contains(&code.as_str()))
    }

    /// LinkedIn's own words, short.
    pub fn said(&self, status: u16) -> String {
        let detail = self.error_details.input_errors.first();
        let parts = [
            self.code.as_deref(),
            self.error.as_deref(),
            self.message.as_deref(),
            self.error_description.as_deref(),
            detail.map(|it| it.code.as_str()).filter(|code| self.code.as_deref() != Some(*code)),
            detail.map(|it| it.description.as_str()).filter(|text| self.message.as_deref() != Some(*text)),
        ];
        let words: Vec<&str> = parts.into_iter().flatten().filter(|text| !text.is_empty()).collect();
        wire::excerpt(&format!("{status} {}", words.join(": ")))
    }
}

/// Whether a post was refused because its picture is not ready yet: the same again, a little later.
pub fn is_waiting(answer: &Answer) -> bool {
    answer.status == 400 && Problem::read(&answer.body).is_some_and(|problem| problem.has(&WAITING))
}

/// The class of an answer that is not a plain yes; `version` is what the channel asked with.
pub fn classify(answer: &Answer, op: Op, version: &str) -> PublishError {
    let status = answer.status;
    let problem = Problem::read(&answer.body);
    let said = problem.as_ref().map_or_else(
        || format!("{status} {}", wire::excerpt(&answer.text())).trim_end().to_owned(),
        |problem| problem.said(status),
    );
    let channel = PauseScopeKind::Channel;
    if status == 426 {
        // Every call with this version is refused the same way, whoever answers.
        let said = format!(
            "LinkedIn takes API version {version} no more: set `api_version` of the channel to one of its page on \
             versions ({said})"
        );
        return PublishError::Forbidden { scope: channel, said };
    }
    if status == 429 {
        return PublishError::RateLimited { until: None, scope: PauseScopeKind::Credential, said };
    }
    // What does not speak the API's JSON is a gateway or a wall, and says nothing of the post.
    let Some(problem) = problem else { return PublishError::Unknown { said } };
    let rejected = |reason| PublishError::Rejected { reason, said: said.clone() };
    match status {
        401 => PublishError::Auth { said },
        400 | 403 if problem.has(&["VERSION_MISSING", "MISSING_VERSION"]) => {
            PublishError::Forbidden { scope: channel, said }
        }
        403 => PublishError::Forbidden { scope: channel, said },
        422 if problem.has(&["DUPLICATE_POST"]) => PublishError::Duplicate { said },
        400 | 422 if problem.has(&["FIELD_LENGTH_TOO_LONG"]) => rejected(Rejection::TooLong),
        400 | 422 if problem.has(&["MEDIA_ASSET_PROCESSING_FAILED"]) || problem.has(&WAITING) => {
            rejected(Rejection::Media)
        }
        400 | 422 if problem.has(&INVALID) => rejected(Rejection::Invalid),
        422 => rejected(Rejection::Content),
        404 if op == Op::Edit => rejected(Rejection::Content),
        // 409 CONFLICT, 5xx, an unlisted 400, a 404 to a create: look.
        _ => PublishError::Unknown { said },
    }
}

/// The post that a duplicate's words name: `urn:li:share:…` or `urn:li:ugcPost:…`.
pub fn named_post(said: &str) -> Option<&str> {
    super::POSTS.iter().find_map(|start| {
        let rest = &said[said.find(start)?..];
        let digits = rest[start.len()..].bytes().take_while(u8::is_ascii_digit).count();
        (digits > 0).then(|| &rest[..start.len() + digits])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: reqwest::header::HeaderMap::new(), body: body.as_bytes().to_vec() }
    }

    fn word(error: &PublishError) -> String {
        match error {
            PublishError::Rejected { reason, .. } => format!("{} {reason:?}", error.class()),
            PublishError::Forbidden { scope, .. } | PublishError::RateLimited { scope, .. } => {
                format!("{} {scope:?}", error.class())
            }
            _ => error.class().to_owned(),
        }
    }

    #[test]
    fn every_listed_answer_has_its_class_and_the_rest_is_unknown() {
        let code = |status: u16, code: &str| format!(r#"{{"status":{status},"code":"{code}","message":"m"}}"#);
        let duplicate = r#"{"status":422,"code":"UNPROCESSABLE_ENTITY","message":"Content is a duplicate of urn:li:share:71","errorDetailType":"com.linkedin.common.error.BadRequest","errorDetails":{"inputErrors":[{"code":"DUPLICATE_POST","description":"d"}]}}"#;
        let page = "<html><body>502</body></html>".to_owned();
        let cases: Vec<(u16, String, Op, &str)> = vec![
            (400, code(400, "FIELD_LENGTH_TOO_LONG"), Op::Create, "rejected TooLong"),
            (400, code(400, "MISSING_FIELD"), Op::Create, "rejected Invalid"),
            (400, code(400, "INVALID_URN_TYPE"), Op::Create, "rejected Invalid"),
            (400, code(400, "INVALID_URN_ID"), Op::Create, "rejected Invalid"),
            (400, code(400, "INVALID_VALUE_FOR_FIELD"), Op::Edit, "rejected Invalid"),
            (400, code(400, "MEDIA_ASSET_PROCESSING_FAILED"), Op::Create, "rejected Media"),
            (400, code(400, "MEDIA_ASSET_WAITING_UPLOAD"), Op::Create, "rejected Media"),
            (400, code(400, "VERSION_MISSING"), Op::Create, "forbidden Channel"),
            (400, code(400, "SOMETHING_NEW"), Op::Create, "unknown"),
            (400, page.clone(), Op::Create, "unknown"),
            (401, code(401, "EMPTY_ACCESS_TOKEN"), Op::Create, "auth"),
            (
                401,
                r#"{"serviceErrorCode":65601,"code":"REVOKED_ACCESS_TOKEN","message":"m","status":401}"#.to_owned(),
                Op::Create,
                "auth",
            ),
            (401, page.clone(), Op::Create, "unknown"),
            (403, code(403, "ACCESS_DENIED"), Op::Create, "forbidden Channel"),
            (403, page.clone(), Op::Create, "unknown"),
            (404, code(404, "NOT_FOUND"), Op::Create, "unknown"),
            (404, code(404, "NOT_FOUND"), Op::Edit, "rejected Content"),
            (409, code(409, "CONFLICT"), Op::Create, "unknown"),
            (422, duplicate.to_owned(), Op::Create, "duplicate"),
            (422, code(422, "DUPLICATE_POST"), Op::Create, "duplicate"),
            (422, code(422, "UNPROCESSABLE_ENTITY"), Op::Create, "rejected Content"),
            (426, code(426, "NONEXISTENT_VERSION"), Op::Create, "forbidden Channel"),
            (426, page.clone(), Op::Create, "forbidden Channel"),
            (429, code(429, "TOO_MANY_REQUESTS"), Op::Create, "rate_limited Credential"),
            (429, page.clone(), Op::Upload, "rate_limited Credential"),
            (500, code(500, "INTERNAL_SERVER_ERROR"), Op::Create, "unknown"),
            (503, page.clone(), Op::Create, "unknown"),
            (504, page, Op::Create, "unknown"),
            (302, String::new(), Op::Create, "unknown"),
        ];
        for (status, body, op, expected) in cases {
            assert_eq!(word(&classify(&answer(status, &body), op, "202608")), expected, "{status} {body}");
        }
        let dead = classify(&answer(426, &code(426, "NONEXISTENT_VERSION")), Op::Create, "202501");
        assert!(dead.to_string().contains("API version 202501 no more: set `api_version`"), "{dead}");
        assert_eq!(
            named_post(&classify(&answer(422, duplicate), Op::Create, "v").to_string()),
            Some("urn:li:share:71")
        );
        assert!(is_waiting(&answer(400, &code(400, "MEDIA_ASSET_WAITING_UPLOAD"))));
        assert!(!is_waiting(&answer(422, &code(422, "MEDIA_ASSET_WAITING_UPLOAD"))));
    }

    #[test]
    fn a_duplicate_names_a_post_or_none() {
        for (said, expected) in [
            ("Content is a duplicate of urn:li:share:7141.", Some("urn:li:share:7141")),
            ("duplicate of urn:li:ugcPost:9 of today", Some("urn:li:ugcPost:9")),
            ("urn:li:share:", None),
            ("urn:li:person:7", None),
            ("", None),
        ] {
            assert_eq!(named_post(said), expected, "{said}");
        }
    }
}
