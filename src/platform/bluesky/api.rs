//! The calls to a data server: how one is addressed and signed, and what its answer is read as. No decision lives here.

use secrecy::SecretString;
use serde_json::{Value, json};

use super::access::{Access, By};
use super::dpop::{self, Purpose};
use super::{Repo, SPEC, discovery, error, quota, record, wire};
use crate::http::{Answer, Call, CallError, Trust};
use crate::model::receipt::Op;
use crate::platform::{Context, PublishError};

impl Repo {
    /// A call to an XRPC method at the account's own data server.
    fn call(&self, cx: &Context<'_>, access: &Access, verb: reqwest::Method, path: &str) -> Result<Call, PublishError> {
        let mut call = Call::new(verb, wire::endpoint(&access.pds, &format!("/xrpc/{path}"))?);
        // The data server's address came out of an answer, unless it is one that the config names.
        if access.pds != self.config.server {
            call.trust = match access.by {
                By::Session(_) => Trust::Content,
                By::Grant { .. } => discovery::trust(&access.pds, &self.config),
            };
        }
        call.timeout = wire::scaled(cx, SPEC.deadline);
        Ok(call)
    }

    /// Sends a call with what opens the account.
    async fn send(&self, cx: &Context<'_>, access: &Access, call: Call, purpose: Purpose) -> Result<Answer, CallError> {
        match (&access.by, purpose) {
            (By::Session(session), Purpose::Read) => cx.http.read(call.bearer(&bearer(&session.access))).await,
            (By::Session(session), Purpose::Change) => cx.http.change(call.bearer(&bearer(&session.access))).await,
            (By::Grant { token, key }, _) => dpop::send(cx, (key, &self.nonces), Some(token), call, purpose).await,
        }
    }

    /// A changing call: 200 with a JSON body, or a class.
    async fn change(
        &self,
        cx: &Context<'_>,
        access: &Access,
        method: &str,
        body: (&str, &[u8]),
        op: Op,
    ) -> Result<Value, PublishError> {
        let mut call = self.call(cx, access, reqwest::Method::POST, method)?.body(body.0, body.1);
        if op == Op::Upload {
            call.timeout = wire::scaled(cx, SPEC.media_deadline);
        }
        let answer = self.send(cx, access, call, Purpose::Change).await.map_err(wire::unanswered)?;
        if op == Op::Create {
            quota::note(cx.meter, &answer);
        }
        let value = json_body(&answer.body);
        if answer.status == 200 && value.is_object() {
            return Ok(value);
        }
        if matches!(access.by, By::Grant { .. }) && dpop::is_nonce_wanted(&answer) {
            // Twice, with the nonce it named itself: nothing is wrong with the token, and nothing was done.
            let said = "the server wants one nonce after the other and takes none".to_owned();
            return Err(PublishError::NotSent { said });
        }
        Err(error::of_answer(&answer, &value, op, cx.clock.now()))
    }

    /// A changing call; where the token of a session is refused (so nothing was done), once more under a new one. That of
    /// a grant the engine renews.
    pub(super) async fn write(
        &self,
        cx: &Context<'_>,
        method: &str,
        content_type: &str,
        bytes: &[u8],
        op: Op,
    ) -> Result<Value, PublishError> {
        let access = self.access(cx).await?;
        match (self.change(cx, &access, method, (content_type, bytes), op).await, &access.by) {
            (Err(PublishError::Auth { .. }), By::Session(session)) => {
                let access: Access = self.renew_session(cx, session).await?.into();
                self.change(cx, &access, method, (content_type, bytes), op).await
            }
            (other, _) => other,
        }
    }

    /// A reading call that needs no token.
    pub(super) async fn look(
        &self,
        cx: &Context<'_>,
        access: &Access,
        method: &str,
        query: &str,
    ) -> Result<(u16, Value), PublishError> {
        let path = if query.is_empty() { method.to_owned() } else { format!("{method}?{query}") };
        let call = self.call(cx, access, reqwest::Method::GET, &path)?;
        let answer = cx.http.read(call).await.map_err(wire::unanswered)?;
        Ok((answer.status, json_body(&answer.body)))
    }

    /// Who the access belongs to. Source: lexicon com.atproto.server.getSession, 2026-08.
    pub(super) async fn own(&self, cx: &Context<'_>, access: &Access) -> Result<(u16, Value), PublishError> {
        let call = self.call(cx, access, reqwest::Method::GET, "com.atproto.server.getSession")?;
        let answer = self.send(cx, access, call, Purpose::Read).await.map_err(wire::unanswered)?;
        Ok((answer.status, json_body(&answer.body)))
    }

    /// Whether the account's profile is there to read, or certainly missing, and lacks the self-label `bot`. A question
    /// that is not answered says nothing.
    pub(super) async fn is_unlabelled(&self, cx: &Context<'_>, access: &Access, did: &str) -> bool {
        let query = format!("repo={did}&collection=app.bsky.actor.profile&rkey=self");
        match self.look(cx, access, "com.atproto.repo.getRecord", &query).await {
            Ok((200, profile)) => !record::is_labelled(&profile["value"], "bot"),
            Ok((400, answer)) => answer["error"] == "RecordNotFound",
            _ => false,
        }
    }
}

fn bearer(token: &str) -> SecretString {
    SecretString::from(token)
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

#[cfg(test)]
#[path = "api_tests.rs"]
mod tests;
