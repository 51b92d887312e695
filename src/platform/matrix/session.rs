//! The login of a channel that signs in by password: made once, always on the same device, kept sealed, renewed when the
//! server says that it has run out. Never made per post: each would be a device more, and repeats of a message are known by
//! their device. Channels with a token of their own need none of this.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Digest as _;
use tokio::sync::Mutex;
use url::Url;

use super::error::of_answer;
use super::{Config, SPEC};
use crate::http::{Answer, Call, CallError};
use crate::model::receipt::Op;
use crate::platform::{Context, PublishError, wire};

/// The word it is kept under.
const WORD: &str = "session";

/// Held while a session is made or renewed, so that two calls never do it at once.
pub(super) type Alone = Arc<Mutex<()>>;

/// A login as kept: secret as a whole, so neither shown nor logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Session {
    /// As in the config: another one there needs another login.
    user: String,
    /// Where it was made.
    server: Url,
    /// The device.
    device: String,
    /// Opens calls, for minutes or for good.
    access: String,
    /// Opens one renewal, where the server gives one.
    refresh: Option<String>,
}

impl Config {
    /// Whether it signs in, and so can do so again.
    pub(super) const fn signs_in(&self) -> bool {
        self.token.is_none()
    }

    /// The token that calls are made under.
    pub(super) async fn access(&self, cx: &Context<'_>) -> Result<SecretString, PublishError> {
        if !self.signs_in() {
            return cx.token("token").await;
        }
        let _alone = self.signing_in.lock().await;
        let session = match self.kept(cx).await? {
            Some(session) => session,
            None => self.sign_in(cx).await?,
        };
        Ok(session.access.into())
    }

    /// A token in the place of a refused one.
    pub(super) async fn renew(&self, cx: &Context<'_>, stale: &SecretString) -> Result<SecretString, PublishError> {
        let _alone = self.signing_in.lock().await;
        let session = match self.kept(cx).await? {
            None => self.sign_in(cx).await?,
            // Somebody else was quicker.
            Some(kept) if kept.access != stale.expose_secret() => kept,
            Some(kept) => match &kept.refresh {
                None => self.sign_in(cx).await?,
                Some(refresh) => {
                    let body = json!({ "refresh_token": refresh }).to_string();
                    // A refresh token stays good until what it gave is used: a lost answer can be asked for once more.
                    let answer = match self.call(cx, "/_matrix/client/v3/refresh", &body).await {
                        Err(CallError::Unclear(_)) => self.call(cx, "/_matrix/client/v3/refresh", &body).await,
                        other => other,
                    };
                    match read(cx, answer) {
                        Ok(told) => self.keep(cx, &told, Some(refresh)).await?,
                        // The refresh token is dead: only the password is left.
                        Err(PublishError::Auth { .. } | PublishError::Forbidden { .. }) => self.sign_in(cx).await?,
                        Err(other) => return Err(other),
                    }
                }
            },
        };
        Ok(session.access.into())
    }

    async fn sign_in(&self, cx: &Context<'_>) -> Result<Session, PublishError> {
        let (Some(user), Some(password)) = (&self.user, cx.credential.get("password")) else {
            return Err(PublishError::Auth { said: "the channel has neither a token nor a password".to_owned() });
        };
        let body = json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": user },
            "password": password.expose_secret(),
            "device_id": self.device(),
            "initial_device_display_name": "Bugle",
            "refresh_token": true,
        });
        let told = read(cx, self.call(cx, "/_matrix/client/v3/login", &body.to_string()).await)?;
        self.keep(cx, &told, None).await
    }

    /// The device of this channel: the same at every login, another for every room, since a login on a device ends the
    /// one before.
    fn device(&self) -> String {
        let mut hash = sha2::Sha256::new_with_prefix(b"matrix device");
        hash.update([0]);
        hash.update(&self.room);
        let word = crate::text::plain::hex(&hash.finalize()).to_ascii_uppercase();
        format!("BUGLE{}", word.chars().take(10).collect::<String>())
    }

    async fn call(&self, cx: &Context<'_>, path: &str, body: &str) -> Result<Answer, CallError> {
        let url = wire::endpoint(&self.server, path).map_err(|e| CallError::NotSent(e.to_string()))?;
        let mut call = Call::new(reqwest::Method::POST, url).body("application/json", body);
        // Short enough that a renewal and the repeated call fit one step.
        call.timeout = wire::scaled(cx, SPEC.deadline / 2);
        cx.http.change(call).await
    }

    async fn kept(&self, cx: &Context<'_>) -> Result<Option<Session>, PublishError> {
        let kept = cx.keep.get(WORD).await.map_err(|said| PublishError::NotSent { said })?;
        // What cannot be read, or belongs to another account, server or room than the config's, is as good as none.
        let read = kept.and_then(|text| serde_json::from_str::<Session>(text.expose_secret()).ok());
        let is_ours = |session: &Session| {
            Some(&session.user) == self.user.as_ref()
                && session.server == self.server
                && session.device == self.device()
        };
        Ok(read.filter(is_ours))
    }

    /// Durable before it is used: the token it takes the place of is spent.
    async fn keep(&self, cx: &Context<'_>, told: &Value, old: Option<&str>) -> Result<Session, PublishError> {
        let Some(access) = told["access_token"].as_str() else {
            let said = "cannot sign in: expected an access_token, found none".to_owned();
            return Err(PublishError::NotSent { said });
        };
        let session = Session {
            user: self.user.clone().unwrap_or_default(),
            server: self.server.clone(),
            device: self.device(),
            access: access.to_owned(),
            // Where a renewal gives no new one, the old one stays.
            refresh: told["refresh_token"].as_str().or(old).map(str::to_owned),
        };
        let text = serde_json::to_string(&session).expect("a session is plain text fields");
        cx.keep.put(WORD, &SecretString::from(text)).await.map_err(|said| PublishError::NotSent { said })?;
        Ok(session)
    }
}

/// Whether an answer says that the token is known no more.
pub(super) fn is_dead(answer: &Answer) -> bool {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    answer.status == 401 && body["errcode"] == "M_UNKNOWN_TOKEN"
}

/// Reads the answer to a login or a renewal. Nothing was posted yet, whatever went wrong.
fn read(cx: &Context<'_>, answer: Result<Answer, CallError>) -> Result<Value, PublishError> {
    let answer = answer.map_err(|e| PublishError::NotSent { said: format!("cannot sign in: {e}") })?;
    if answer.status == 200 {
        return serde_json::from_slice(&answer.body)
            .map_err(|e| PublishError::NotSent { said: format!("cannot sign in: expected JSON, found {e}") });
    }
    Err(match of_answer(&answer, Op::Upload, cx.clock.now()) {
        PublishError::Unknown { said } => PublishError::NotSent { said: format!("cannot sign in: {said}") },
        // A wrong password is "forbidden" here; and what the server calls malformed is a person's to mend as well.
        PublishError::Forbidden { said, .. } if answer.status == 403 && said.contains("M_FORBIDDEN") => {
            PublishError::Auth { said }
        }
        PublishError::Rejected { said, .. } => PublishError::Auth { said },
        other => other,
    })
}
