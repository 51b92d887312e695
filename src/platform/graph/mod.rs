//! What the three platforms of Meta share on the wire: how a call is signed and sent, how an answer is read, what usage
//! headers say, the versions of the Graph API, the sign-in with Facebook, and the containers of Instagram and Threads.
//! No platform's own limits, endpoints or table of refusals live here.
//!
//! Source: Meta's error handling, rate limiting and "secure Graph API calls" guides, as of 2026-09.

pub mod container;
pub mod fault;
pub mod login;
pub mod seek;
pub mod usage;
pub mod version;

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use url::Url;

pub use self::fault::Fault;
use super::{ConnectError, Context, PublishError, wire};
use crate::http::Call;
use crate::text::plain::hex;

/// What a form or a query holds, in order.
pub type Pairs<'a> = [(&'a str, &'a str)];

/// An answer of the Graph API: its JSON, or what it says against the request.
pub type Said = Result<Value, Fault>;

/// One credential's way to one server.
pub struct Wire<'a> {
    /// The network, the clock, the meter.
    pub cx: &'a Context<'a>,
    /// Where the API is.
    pub server: &'a Url,
    /// The version in the path, with its slash: `/v26.0`.
    pub prefix: String,
    /// Opens the account.
    pub token: SecretString,
    /// Proves that the app's secret is known too; signs exactly this token.
    pub proof: Option<String>,
    /// How long one call may take.
    pub deadline: Duration,
}

impl<'a> Wire<'a> {
    /// A way with that token, signed where the app's secret is known.
    pub fn new(
        cx: &'a Context<'a>,
        server: &'a Url,
        prefix: &str,
        token: SecretString,
        app_secret: Option<&SecretString>,
        deadline: Duration,
    ) -> Self {
        let proof = app_secret.map(|secret| proof(&token, secret));
        Self { cx, server, prefix: prefix.to_owned(), token, proof, deadline: wire::scaled(cx, deadline) }
    }

    /// Reads.
    ///
    /// # Errors
    /// Where no answer of the API came; what it says against the request is in [`Said`].
    pub async fn get(&self, path: &str, query: &Pairs<'_>) -> Result<Said, PublishError> {
        let call = self.call(reqwest::Method::GET, path, query)?;
        let answer = self.cx.http.read(call).await.map_err(wire::unanswered)?;
        self.read(&answer)
    }

    /// Changes something: a form to that path.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn post(&self, path: &str, form: &Pairs<'_>) -> Result<Said, PublishError> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.send(path, "application/x-www-form-urlencoded", body.into_bytes()).await
    }

    /// Changes something: that body to that path.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn send(&self, path: &str, kind: &str, body: Vec<u8>) -> Result<Said, PublishError> {
        let call = self.call(reqwest::Method::POST, path, &[])?.body(kind, body);
        let answer = self.cx.http.change(call).await.map_err(wire::unanswered)?;
        self.read(&answer)
    }

    /// Takes something away.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn delete(&self, path: &str) -> Result<Said, PublishError> {
        let call = self.call(reqwest::Method::DELETE, path, &[])?;
        let answer = self.cx.http.change(call).await.map_err(wire::unanswered)?;
        self.read(&answer)
    }

    fn call(&self, verb: reqwest::Method, path: &str, query: &Pairs<'_>) -> Result<Call, PublishError> {
        let mut url = wire::endpoint(self.server, &format!("{}{path}", self.prefix))?;
        if !query.is_empty() || self.proof.is_some() {
            let mut pairs = url.query_pairs_mut();
            pairs.extend_pairs(query);
            pairs.extend_pairs(self.proof.iter().map(|proof| ("appsecret_proof", proof)));
        }
        let mut call = Call::new(verb, url).header("accept", "application/json").bearer(&self.token);
        call.timeout = self.deadline;
        Ok(call)
    }

    fn read(&self, answer: &crate::http::Answer) -> Result<Said, PublishError> {
        usage::note(self.cx, answer);
        read(answer, self.cx.clock.now(), &[&self.token])
    }
}

/// Reads an answer. `secrets` never come back in what is said: Meta repeats a malformed token in its words.
///
/// # Errors
/// `Unknown` where a success cannot be read.
pub fn read(
    answer: &crate::http::Answer,
    now: jiff::Timestamp,
    secrets: &[&SecretString],
) -> Result<Said, PublishError> {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    match (answer.status, body) {
        // An error in a body of 200 is an error all the same.
        (200, Some(body)) if body.get("error").is_none() => Ok(Ok(body)),
        (200, None) => Err(PublishError::Unknown { said: "expected JSON, found status 200 and something else".into() }),
        _ => {
            let mut fault = Fault::read(answer, now);
            for secret in secrets.iter().map(|secret| secret.expose_secret()).filter(|secret| !secret.is_empty()) {
                fault.message = fault.message.replace(secret, "…");
            }
            Ok(Err(fault))
        }
    }
}

/// Lower-case hex HMAC-SHA256 of the token under the app's secret.
/// Source: Meta's guide "Secure Graph API calls".
pub fn proof(token: &SecretString, app_secret: &SecretString) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(app_secret.expose_secret().as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(token.expose_secret().as_bytes());
    hex(&mac.finalize().into_bytes())
}

/// Reads a server's address that may be left out.
///
/// # Errors
/// As [`wire::server`].
pub fn optional_server<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Url>, D::Error> {
    wire::server(from).map(Some)
}

/// A digest of a secret, for scopes that several channels share.
pub fn digest(of: &SecretString) -> String {
    use sha2::Digest as _;
    hex(&sha2::Sha256::digest(of.expose_secret().as_bytes()))
}

/// An id as a part of a path: ids are the server's and may hold anything.
pub fn segment(id: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'_').remove(b'-').remove(b'.').remove(b'~');
    percent_encoding::utf8_percent_encode(id, KEPT).to_string()
}

/// The texts of a frozen form.
///
/// # Errors
/// `Rejected` where it is no object of texts: this adapter froze it.
pub fn pairs(form: &Value) -> Result<Vec<(String, String)>, PublishError> {
    let fields: Option<&Map<String, Value>> = form.as_object();
    let text = |(name, value): (&String, &Value)| value.as_str().map(|value| (name.clone(), value.to_owned()));
    fields.and_then(|fields| fields.iter().map(text).collect()).ok_or_else(|| PublishError::Rejected {
        reason: crate::model::post::Rejection::Invalid,
        said: "expected a form of texts as a frozen body, found something else".to_owned(),
    })
}

/// A borrowed form.
pub fn borrowed(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// The id in an answer, a text or a number.
pub fn id_of(value: &Value) -> Option<String> {
    match value {
        Value::String(id) if !id.is_empty() => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

/// Why an account could not introduce itself.
pub fn introduce(error: PublishError) -> ConnectError {
    match error {
        PublishError::Auth { said } => ConnectError::Refused(said),
        PublishError::Forbidden { said, .. } | PublishError::Gone { said } => ConnectError::Forbidden(said),
        other => ConnectError::Unreachable(other.to_string()),
    }
}

/// The wait where a limit is met and no header says how long. Source: projects' practice (postiz-app#2068), 2026-08.
const UNTOLD: Duration = Duration::from_secs(15 * 60);

/// A limit without a told end, with one.
pub fn untold(cx: &Context<'_>, error: PublishError) -> PublishError {
    match error {
        PublishError::RateLimited { until: None, scope, said } => {
            let until = cx.clock.now().checked_add(wire::scaled(cx, UNTOLD)).ok();
            PublishError::RateLimited { until, scope, said }
        }
        other => other,
    }
}

/// An instant as the Graph API writes it: `2026-01-31T08:15:00+0000`, the offset without a colon.
pub fn instant(text: &str) -> Option<jiff::Timestamp> {
    wire::instant(text).or_else(|| jiff::Timestamp::strptime("%Y-%m-%dT%H:%M:%S%z", text.trim()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_the_hmac_of_the_token_under_the_secret() {
        // RFC 4231, test case 2: key "Jefe", data "what do ya want for nothing?".
        let (key, data) = (SecretString::from("Jefe"), SecretString::from("what do ya want for nothing?"));
        assert_eq!(proof(&data, &key), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn a_repeated_token_does_not_come_back() {
        let token = SecretString::from("EAAGsecret");
        let body = br#"{"error":{"message":"Malformed access token EAAGsecret","code":190}}"#;
        let answer = crate::http::Answer { status: 400, headers: Default::default(), body: body.to_vec() };
        let fault = read(&answer, jiff::Timestamp::UNIX_EPOCH, &[&token]).unwrap().unwrap_err();
        assert_eq!((fault.code, fault.message.as_str()), (Some(190), "Malformed access token …"));
    }

    #[test]
    fn an_error_with_status_200_is_an_error_and_a_page_is_none() {
        let answer = |status, body: &str| crate::http::Answer {
            status,
            headers: Default::default(),
            body: body.as_bytes().to_vec(),
        };
        let now = jiff::Timestamp::UNIX_EPOCH;
        assert!(matches!(read(&answer(200, r#"{"id":"1"}"#), now, &[]), Ok(Ok(_))));
        assert!(matches!(read(&answer(200, r#"{"error":{"code":1}}"#), now, &[]), Ok(Err(_))));
        assert!(matches!(read(&answer(200, "<html>"), now, &[]), Err(PublishError::Unknown { .. })));
        assert!(matches!(read(&answer(302, ""), now, &[]), Ok(Err(Fault { code: None, .. }))));
    }

    #[test]
    fn instants_are_read_with_and_without_a_colon() {
        let at: jiff::Timestamp = "2026-01-31T08:15:00Z".parse().unwrap();
        for text in ["2026-01-31T08:15:00+0000", "2026-01-31T08:15:00Z", "2026-01-31T12:15:00+0400", "1769847300"] {
            assert_eq!(instant(text), Some(at), "{text}");
        }
        assert_eq!(instant("yesterday"), None);
    }
}
