//! The endpoints, one function each, with what LinkedIn wants on every call: the version, the protocol, and URNs encoded
//! whole. The id of a new post comes in a header alone.

use std::time::Duration;

use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::day::{self, Day};
use super::{Config, SPEC, error, is_post};
use crate::http::{Answer, Call};
use crate::model::post::Rejection;
use crate::model::receipt::Op;
use crate::platform::{Context, PauseScopeKind, PublishError, Usage, wire};

/// Posts of one page of a look-up; at most 100. Source: LinkedIn's Posts API page, 2026-08.
pub const PAGE: usize = 50;

/// One account's way to LinkedIn.
pub struct Api<'a> {
    pub cx: &'a Context<'a>,
    pub config: &'a Config,
    pub token: SecretString,
    pub day: &'a Day,
}

impl Api<'_> {
    /// Makes a post; the value is its URN.
    /// <https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/posts-api>
    pub async fn create(&self, body: &str) -> Result<Answer, PublishError> {
        let call = self.call(Method::POST, "/rest/posts")?.body("application/json", body);
        self.change(call).await
    }

    /// What the journal keeps of an answer to [`create`](Self::create).
    pub fn created(&self, answer: &Answer) -> Result<Value, PublishError> {
        if !matches!(answer.status, 200 | 201) {
            return Err(self.refusal(answer, Op::Create));
        }
        match answer.header("x-restli-id").map(str::trim) {
            Some(urn) if is_post(urn) => Ok(json!({ "id": urn })),
            // It is out, and nobody knows under which id.
            _ => Err(PublishError::Unknown {
                said: format!("{} without the header x-restli-id that names the post", answer.status),
            }),
        }
    }

    /// Changes a post's text.
    pub async fn edit(&self, urn: &str, body: &str) -> Result<Value, PublishError> {
        let call = self.call(Method::POST, &format!("/rest/posts/{}", segment(urn)))?;
        let call = call.header("x-restli-method", "PARTIAL_UPDATE").body("application/json", body);
        let answer = self.change(call).await?;
        match answer.status {
            200 | 204 => Ok(json!({ "id": urn })),
            _ => Err(self.refusal(&answer, Op::Edit)),
        }
    }

    /// Takes a post down; one that is not there any more counts as down.
    pub async fn delete(&self, urn: &str) -> Result<Value, PublishError> {
        let call = self.call(Method::DELETE, &format!("/rest/posts/{}", segment(urn)))?;
        let answer = self.change(call.header("x-restli-method", "DELETE")).await?;
        match answer.status {
            200 | 204 => Ok(json!({ "id": urn })),
            // Only LinkedIn's own word for it: a wall's page says nothing.
            404 if error::Problem::read(&answer.body).is_some() => Ok(json!({ "id": urn })),
            _ => Err(self.refusal(&answer, Op::Delete)),
        }
    }

    /// Own posts, newest first.
    pub async fn recent(&self, author: &str, start: usize) -> Result<Vec<Value>, PublishError> {
        let path = format!("/rest/posts?author={}&q=author&count={PAGE}&start={start}&sortBy=CREATED", segment(author));
        self.list(&path).await
    }

    /// One post; `None`: there is none.
    pub async fn post(&self, urn: &str) -> Result<Option<Value>, PublishError> {
        let answer = self.read(self.call(Method::GET, &format!("/rest/posts/{}", segment(urn)))?).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        self.json(&answer).map(Some)
    }

    /// Where a picture may be sent to, and under which URN it is known then.
    /// <https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/images-api>
    pub async fn initialize(&self, owner: &str) -> Result<(Url, String), PublishError> {
        let body = json!({ "initializeUploadRequest": { "owner": owner } }).to_string();
        let call = self.call(Method::POST, "/rest/images?action=initializeUpload")?;
        let answer = self.change(call.body("application/json", body)).await?;
        let told = self.json(&answer)?;
        let url = told["value"]["uploadUrl"].as_str().and_then(|url| Url::parse(url).ok());
        match (url, told["value"]["image"].as_str()) {
            (Some(url), Some(image)) if image.starts_with("urn:li:image:") => Ok((url, image.to_owned())),
            _ => Err(PublishError::Unknown { said: "expected an uploadUrl and an image, found neither".to_owned() }),
        }
    }

    /// Sends the bytes. The token travels only to LinkedIn's own hosts: the URL came with an answer.
    pub async fn put(&self, url: &Url, jpeg: &[u8]) -> Result<(), PublishError> {
        let host = url.host_str().unwrap_or_default();
        let same = url.origin() == self.config.server.origin();
        let ours = url.scheme() == "https" && (host == "linkedin.com" || host.ends_with(".linkedin.com"));
        if !same && !ours {
            let said = format!("expected an upload URL of LinkedIn's, found one on {host:?}");
            return Err(PublishError::Rejected { reason: Rejection::Media, said });
        }
        let mut call = Call::new(Method::PUT, url.clone()).bearer(&self.token).body("image/jpeg", jpeg);
        call.timeout = wire::scaled(self.cx, SPEC.media_deadline);
        let answer = self.change(call).await?;
        match answer.status {
            200 | 201 | 204 => Ok(()),
            _ => Err(self.refusal(&answer, Op::Upload)),
        }
    }

    /// What LinkedIn says of a picture.
    pub async fn image(&self, urn: &str) -> Result<Value, PublishError> {
        self.get(&format!("/rest/images/{}", segment(urn))).await
    }

    /// A page. <https://learn.microsoft.com/en-us/linkedin/marketing/community-management/organizations/organization-lookup-api>
    pub async fn organization(&self, id: &str) -> Result<Value, PublishError> {
        self.get(&format!("/rest/organizations/{}", segment(id))).await
    }

    /// The pages this member has a role of.
    /// <https://learn.microsoft.com/en-us/linkedin/marketing/community-management/organizations/organization-access-control-by-role>
    pub async fn roles(&self, start: usize) -> Result<Vec<Value>, PublishError> {
        self.list(&format!("/rest/organizationAcls?q=roleAssignee&state=APPROVED&count={PAGE}&start={start}")).await
    }

    /// The member, by OpenID Connect.
    pub async fn member(&self) -> Result<Value, PublishError> {
        self.get("/v2/userinfo").await
    }

    async fn list(&self, path: &str) -> Result<Vec<Value>, PublishError> {
        let call = self.call(Method::GET, path)?.header("x-restli-method", "FINDER");
        let answer = self.read(call).await?;
        match self.json(&answer)?["elements"].take() {
            Value::Array(found) => Ok(found),
            _ => Err(PublishError::Unknown { said: "expected a list of elements, found something else".to_owned() }),
        }
    }

    async fn get(&self, path: &str) -> Result<Value, PublishError> {
        let answer = self.read(self.call(Method::GET, path)?).await?;
        self.json(&answer)
    }

    fn json(&self, answer: &Answer) -> Result<Value, PublishError> {
        if answer.status != 200 {
            return Err(self.refusal(answer, Op::Upload));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|e| PublishError::Unknown { said: format!("expected JSON, found status 200 and {e}") })
    }

    fn call(&self, verb: Method, path: &str) -> Result<Call, PublishError> {
        let mut call = Call::new(verb, wire::endpoint(&self.config.server, path)?)
            .bearer(&self.token)
            .header("accept", "application/json")
            .header("linkedin-version", &self.config.api_version)
            .header("x-restli-protocol-version", "2.0.0");
        call.timeout = wire::scaled(self.cx, SPEC.deadline);
        Ok(call)
    }

    async fn change(&self, call: Call) -> Result<Answer, PublishError> {
        self.note();
        let answer = self.cx.http.change(call).await.map_err(wire::unanswered)?;
        self.heard(&answer);
        Ok(answer)
    }

    async fn read(&self, call: Call) -> Result<Answer, PublishError> {
        self.note();
        let answer = self.cx.http.read(call).await.map_err(wire::unanswered)?;
        self.heard(&answer);
        Ok(answer)
    }

    fn heard(&self, answer: &Answer) {
        if answer.status != 429 {
            self.day.answered(self.cx.clock.now());
        }
    }

    /// Counts a call, and says how far the day's budget is used where it is known.
    fn note(&self) {
        let now = self.cx.clock.now();
        let calls = self.day.count(now);
        let Some(most) = self.config.daily() else { return };
        let used = calls as f64 / most as f64;
        self.cx.meter.note(Usage {
            limit: "requests a day",
            scope: PauseScopeKind::Credential,
            used,
            left: Some(most.saturating_sub(calls)),
            resets: Some(day::midnight(now)),
        });
    }

    /// The class of a refusal, with the wait after a 429: LinkedIn names none.
    pub fn refusal(&self, answer: &Answer, op: Op) -> PublishError {
        let now = self.cx.clock.now();
        match error::classify(answer, op, &self.config.api_version) {
            PublishError::RateLimited { scope, said, .. } => {
                let scale = |rest: Duration| wire::scaled(self.cx, rest);
                let rest = self.day.refused(now, scale);
                let told = wire::wait(answer, "x-ratelimit-remaining", "x-ratelimit-reset", now);
                PublishError::RateLimited { until: Some(told.map_or(rest, |told| told.max(rest))), scope, said }
            }
            other => other,
        }
    }
}

/// A URN as part of a path or a query: encoded whole, parentheses too.
fn segment(urn: &str) -> String {
    percent_encoding::utf8_percent_encode(urn, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_urn_is_encoded_whole() {
        assert_eq!(segment("urn:li:share:1"), "urn%3Ali%3Ashare%3A1");
        assert_eq!(segment("urn:li:x:(a,b)"), "urn%3Ali%3Ax%3A%28a%2Cb%29");
    }
}
