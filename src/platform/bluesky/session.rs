//! The login: made once from the app password, kept sealed, renewed when the server says that it has run out. Never made
//! per post: servers allow a handful of logins in five minutes and some a few a day.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::{Repo, SPEC, api, error, wire};
use crate::http::{Answer, Call, CallError};
use crate::model::receipt::Op;
use crate::platform::{Context, PauseScopeKind, PublishError};

/// The word it is kept under.
const WORD: &str = "session";

/// A login as kept: secret as a whole, so neither shown nor logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// As in the config: another one there needs another login.
    pub identifier: String,
    /// Where it was made.
    pub server: Url,
    /// The account.
    pub did: String,
    /// The account's own data server.
    pub pds: Url,
    /// Opens calls for two hours or so.
    pub access: String,
    /// Opens one renewal.
    pub refresh: String,
}

impl Repo {
    /// The kept login, or a new one.
    pub(super) async fn session(&self, cx: &Context<'_>) -> Result<Session, PublishError> {
        let _alone = self.signing_in.lock().await;
        match self.kept(cx).await? {
            Some(session) => Ok(session),
            None => self.sign_in(cx).await,
        }
    }

    /// A login in the place of `stale`, whose token was refused.
    pub(super) async fn renew_session(&self, cx: &Context<'_>, stale: &Session) -> Result<Session, PublishError> {
        let _alone = self.signing_in.lock().await;
        let Some(kept) = self.kept(cx).await? else { return self.sign_in(cx).await };
        if kept.access != stale.access {
            // Somebody else was quicker.
            return Ok(kept);
        }
        let call = || {
            let url = wire::endpoint(&self.config.server, "/xrpc/com.atproto.server.refreshSession")?;
            Ok(timed(cx, Call::new(reqwest::Method::POST, url)).bearer(&SecretString::from(kept.refresh.as_str())))
        };
        // A spent refresh token works again for two hours, so a lost answer can be asked for once more.
        let answer = match cx.http.change(call()?).await {
            Err(CallError::Unclear(_)) => cx.http.change(call()?).await,
            other => other,
        };
        match self.read(cx, answer) {
            // The refresh token is dead: only the password is left.
            Err(PublishError::Auth { .. }) => self.sign_in(cx).await,
            Err(other) => Err(other),
            Ok(session) => self.keep(cx, session).await,
        }
    }

    async fn sign_in(&self, cx: &Context<'_>) -> Result<Session, PublishError> {
        let Some(password) = cx.credential.get("password") else {
            let place =
                self.config.password.as_ref().map(|place| format!(": {place} is not there")).unwrap_or_default();
            return Err(PublishError::Auth { said: format!("no app password{place}") });
        };
        let body = json!({"identifier": self.config.handle, "password": password.expose_secret()}).to_string();
        let url = wire::endpoint(&self.config.server, "/xrpc/com.atproto.server.createSession")?;
        let call = timed(cx, Call::new(reqwest::Method::POST, url)).body("application/json", body);
        let session = self.read(cx, cx.http.change(call).await)?;
        self.keep(cx, session).await
    }

    /// Reads the answer to either call. Nothing was posted yet, whatever went wrong.
    fn read(&self, cx: &Context<'_>, answer: Result<Answer, CallError>) -> Result<Session, PublishError> {
        let answer = answer.map_err(|e| PublishError::NotSent { said: format!("cannot sign in: {e}") })?;
        let body = api::json_body(&answer.body);
        if answer.status != 200 {
            return Err(match error::of_answer(&answer, &body, Op::Upload, cx.clock.now()) {
                PublishError::Unknown { said } => PublishError::NotSent { said: format!("cannot sign in: {said}") },
                // "Invalid identifier": a person must look, and no post is to blame.
                PublishError::Rejected { said, .. } => PublishError::Auth { said },
                other => other,
            });
        }
        if body["active"] == json!(false) {
            let why = body["status"].as_str().unwrap_or("no reason given");
            let said = format!("the account is not active: {}", wire::excerpt(why));
            return Err(PublishError::Forbidden { scope: PauseScopeKind::Channel, said });
        }
        session(&body, &self.config.handle, &self.config.server).ok_or_else(|| PublishError::NotSent {
            said: "cannot sign in: expected tokens and a did, found neither".to_owned(),
        })
    }

    async fn kept(&self, cx: &Context<'_>) -> Result<Option<Session>, PublishError> {
        let kept = cx.keep.get(WORD).await.map_err(|said| PublishError::NotSent { said })?;
        // What cannot be read, or belongs to another handle or server than the config's now, is as good as none.
        Ok(kept
            .and_then(|text| serde_json::from_str::<Session>(text.expose_secret()).ok())
            .filter(|session| session.identifier == self.config.handle && session.server == self.config.server))
    }

    /// Durable before it is used: the pair it takes the place of is spent.
    async fn keep(&self, cx: &Context<'_>, session: Session) -> Result<Session, PublishError> {
        let text = serde_json::to_string(&session).expect("a session is plain text fields");
        cx.keep.put(WORD, &SecretString::from(text)).await.map_err(|said| PublishError::NotSent { said })?;
        Ok(session)
    }
}

/// Short enough that a renewal and the repeated call fit one step.
fn timed(cx: &Context<'_>, mut call: Call) -> Call {
    call.timeout = wire::scaled(cx, SPEC.deadline / 2);
    call
}

/// A session from the answer to createSession or refreshSession.
fn session(body: &Value, identifier: &str, server: &Url) -> Option<Session> {
    Some(Session {
        identifier: identifier.to_owned(),
        server: server.clone(),
        did: body["did"].as_str().filter(|did| did.starts_with("did:"))?.to_owned(),
        pds: data_server(&body["didDoc"]).unwrap_or_else(|| server.clone()),
        access: body["accessJwt"].as_str()?.to_owned(),
        refresh: body["refreshJwt"].as_str()?.to_owned(),
    })
}

/// The data server a DID document names. One without TLS is not believed: the token would be there for all to read.
fn data_server(document: &Value) -> Option<Url> {
    let service = document["service"].as_array()?.iter().find(|service| {
        service["type"] == "AtprotoPersonalDataServer"
            && service["id"].as_str().is_some_and(|id| id.ends_with("#atproto_pds"))
    })?;
    Url::parse(service["serviceEndpoint"].as_str()?).ok().filter(|url| url.scheme() == "https" && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_go_to_the_data_server_that_the_document_names_over_tls() {
        let server = Url::parse("https://bsky.social").unwrap();
        let answer = |endpoint: &str| {
            json!({"did": "did:plc:a", "accessJwt": "x", "refreshJwt": "y", "didDoc": {"service": [
                {"id": "#other", "type": "Other", "serviceEndpoint": "https://no.example"},
                {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": endpoint},
            ]}})
        };
        for (endpoint, expected) in [
            ("https://morel.host.example", "https://morel.host.example/"),
            ("http://morel.host.example", "https://bsky.social/"),
            ("nonsense", "https://bsky.social/"),
        ] {
            assert_eq!(session(&answer(endpoint), "h.example", &server).unwrap().pds.as_str(), expected);
        }
        let bare = json!({"did": "did:plc:a", "accessJwt": "x", "refreshJwt": "y"});
        assert_eq!(session(&bare, "h.example", &server).unwrap().pds, server);
        assert!(session(&json!({"did": "did:plc:a", "accessJwt": "x"}), "h.example", &server).is_none());
        assert!(session(&json!({"did": "x", "accessJwt": "x", "refreshJwt": "y"}), "h.example", &server).is_none());
    }
}
