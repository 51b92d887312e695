//! The calls to a data server: how one is addressed and signed, and what its answer is read as. No decision lives here.

use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::session::Session;
use super::{Repo, SPEC, error, quota, wire};
use crate::http::{Call, Trust};
use crate::model::receipt::Op;
use crate::platform::{Context, PublishError};

/// A call to an XRPC method at the session's own data server.
pub fn call(
    cx: &Context<'_>,
    configured: &Url,
    session: &Session,
    verb: reqwest::Method,
    path: &str,
) -> Result<Call, PublishError> {
    let mut call = Call::new(verb, wire::endpoint(&session.pds, &format!("/xrpc/{path}"))?);
    // The data server's address came out of an answer, unless it is the one the config names.
    if session.pds != *configured {
        call.trust = Trust::Content;
    }
    call.timeout = wire::scaled(cx, SPEC.deadline);
    Ok(call)
}

/// A changing call: 200 with a JSON body, or a class.
pub async fn change(
    cx: &Context<'_>,
    configured: &Url,
    session: &Session,
    method: &str,
    body: (&str, &[u8]),
    op: Op,
) -> Result<Value, PublishError> {
    let mut call = call(cx, configured, session, reqwest::Method::POST, method)?
        .bearer(&SecretString::from(session.access.as_str()))
        .body(body.0, body.1);
    if op == Op::Upload {
        call.timeout = wire::scaled(cx, SPEC.media_deadline);
    }
    let answer = cx.http.change(call).await.map_err(wire::unanswered)?;
    if op == Op::Create {
        quota::note(cx.meter, &answer);
    }
    let value = json_body(&answer.body);
    if answer.status == 200 && value.is_object() {
        return Ok(value);
    }
    Err(error::of_answer(&answer, &value, op, cx.clock.now()))
}

impl Repo {
    /// A reading call that needs no token.
    pub(super) async fn ask(
        &self,
        cx: &Context<'_>,
        session: &Session,
        method: &str,
        query: &str,
    ) -> Result<(u16, Value), PublishError> {
        let path = if query.is_empty() { method.to_owned() } else { format!("{method}?{query}") };
        let call = call(cx, &self.config.server, session, reqwest::Method::GET, &path)?;
        let answer = cx.http.read(call).await.map_err(wire::unanswered)?;
        Ok((answer.status, json_body(&answer.body)))
    }

    /// Who the session belongs to. Source: lexicon com.atproto.server.getSession, 2026-08.
    pub(super) async fn own(&self, cx: &Context<'_>, session: &Session) -> Result<(u16, Value), PublishError> {
        let call = call(cx, &self.config.server, session, reqwest::Method::GET, "com.atproto.server.getSession")?
            .bearer(&SecretString::from(session.access.as_str()));
        let answer = cx.http.read(call).await.map_err(wire::unanswered)?;
        Ok((answer.status, json_body(&answer.body)))
    }
}

/// The body as JSON; `null` where it is none.
pub fn json_body(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or(Value::Null)
}

/// What is kept of an answer that names a record.
pub fn reference(answer: &Value) -> Option<Value> {
    let (uri, cid) = (answer["uri"].as_str()?, answer["cid"].as_str()?);
    Some(json!({"uri": uri, "cid": cid}))
}
