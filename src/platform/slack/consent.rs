//! Installing the app by consent in a browser: Slack's own shape of OAuth 2.0, where a refusal is a 200 with a word. Where
//! token rotation is switched on for the app, the token runs out after 12 hours and is renewed; each renewal ends the
//! refresh token it was made with.
//!
//! Pages: <https://docs.slack.dev/authentication/installing-with-oauth>,
//! <https://docs.slack.dev/authentication/using-token-rotation>.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::api::Api;
use super::error::{Reply, classify};
use super::{SPEC, Workspace};
use crate::http::{Answer, Call, CallError};
use crate::model::grant::Grant;
use crate::platform::consent::{Asked, Back, Choice, Consent, Proof, RenewError, Way};
use crate::platform::{ConnectError, Context, PublishError, wire};

/// What the app is asked for: posting, and reading the channels it was invited to, by which a lost answer is settled.
const SCOPES: &str = "chat:write,channels:history,groups:history";

#[async_trait]
impl Consent for Workspace {
    async fn ask(&self, _cx: &Context<'_>, way: &Way) -> Result<Asked, ConnectError> {
        let mut url = wire::endpoint(&self.server, "/oauth/v2/authorize")
            .map_err(|e| ConnectError::Unreachable(e.to_string()))?;
        url.query_pairs_mut()
            .append_pair("client_id", self.config.client_id.as_deref().unwrap_or_default())
            .append_pair("scope", SCOPES)
            .append_pair("redirect_uri", way.redirect.as_str())
            .append_pair("state", &way.state);
        Ok(Asked { url, proof: Proof::default(), issuer: None })
    }

    async fn exchange(&self, cx: &Context<'_>, way: &Way, back: &Back) -> Result<Vec<Choice>, ConnectError> {
        let fields = [("code", back.code.expose_secret()), ("redirect_uri", way.redirect.as_str())];
        let answer = self.access(cx, &fields).await.map_err(|e| ConnectError::Unreachable(e.to_string()))?;
        let now = cx.clock.now();
        match Reply::read(&answer) {
            Some(reply) if reply.ok && answer.status == 200 => {
                let granted = granted(&reply.rest, now).map_err(ConnectError::Unreachable)?;
                Ok(vec![granted])
            }
            Some(reply) if !reply.error.is_empty() && answer.status == 200 => {
                Err(ConnectError::Refused(format!("Slack refuses the code: {}", wire::excerpt(&reply.error))))
            }
            _ => Err(ConnectError::Unreachable(format!("Slack gave no usable answer: {}", classify(&answer, now)))),
        }
    }

    async fn renew(&self, cx: &Context<'_>, grant: &Grant) -> Result<Grant, RenewError> {
        let Some(refresh) = &grant.refresh else { return Err(RenewError::Never) };
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.expose_secret())];
        let answer = self.access(cx, &fields).await.map_err(|error| match error {
            CallError::NotSent(said) => RenewError::Later(said),
            CallError::Unclear(said) => RenewError::Lost(said),
        })?;
        renewed(&answer, cx.clock.now()).map(|new| Grant { own: grant.own.clone(), ..new })
    }

    async fn revoke(&self, cx: &Context<'_>, grant: &Grant) -> Result<(), ConnectError> {
        let api = Api::new(cx, &self.server, grant.access.clone(), wire::scaled(cx, SPEC.deadline));
        match api.revoke().await {
            // What is refused opens nothing any more.
            Ok(()) | Err(PublishError::Auth { .. }) => Ok(()),
            Err(error) => Err(ConnectError::Unreachable(error.to_string())),
        }
    }
}

impl Workspace {
    /// `oauth.v2.access`, which a code or a refresh token is traded at.
    async fn access(&self, cx: &Context<'_>, fields: &[(&str, &str)]) -> Result<Answer, CallError> {
        let url =
            wire::endpoint(&self.server, "/api/oauth.v2.access").map_err(|e| CallError::NotSent(e.to_string()))?;
        let secret = cx.credential.get("client_secret").map(|it| it.expose_secret()).unwrap_or_default();
        let id = self.config.client_id.as_deref().unwrap_or_default();
        let app = [("client_id", id), ("client_secret", secret)];
        let form = Serializer::new(String::new()).extend_pairs(app).extend_pairs(fields).finish();
        let mut call = Call::new(Method::POST, url).body("application/x-www-form-urlencoded", form);
        call.timeout = wire::scaled(cx, SPEC.deadline);
        cx.http.change(call).await
    }
}

/// A grant as `oauth.v2.access` gives it.
#[derive(Deserialize)]
struct Given {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<i64>,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    bot_user_id: String,
    team: Option<Team>,
}

#[derive(Deserialize)]
struct Team {
    id: String,
    #[serde(default)]
    name: String,
}

fn read(rest: &serde_json::Map<String, Value>) -> Result<Given, String> {
    serde_json::from_value(Value::Object(rest.clone()))
        .map_err(|_| "expected an access_token from oauth.v2.access, found something else".to_owned())
}

fn grant(given: &Given, now: Timestamp) -> Grant {
    let lasts = given.expires_in.filter(|it| *it > 0);
    Grant {
        refresh: given.refresh_token.clone().map(SecretString::from),
        issued: Some(now),
        expires: lasts.and_then(|it| now.checked_add(SignedDuration::from_secs(it)).ok()),
        scope: given.scope.replace(',', " "),
        ..Grant::of(SecretString::from(given.access_token.clone()))
    }
}

/// The workspace's one bot, as `auth.test` names it too.
fn granted(rest: &serde_json::Map<String, Value>, now: Timestamp) -> Result<Choice, String> {
    let given = read(rest)?;
    let team = given.team.as_ref().ok_or("expected the workspace from oauth.v2.access, found none")?;
    Ok(Choice { id: format!("{}:{}", team.id, given.bot_user_id), name: team.name.clone(), grant: grant(&given, now) })
}

/// What became of a renewal.
fn renewed(answer: &Answer, now: Timestamp) -> Result<Grant, RenewError> {
    match Reply::read(answer) {
        Some(reply) if reply.ok && answer.status == 200 => {
            read(&reply.rest).map(|given| grant(&given, now)).map_err(RenewError::Lost)
        }
        Some(reply) if answer.status == 200 => match reply.error.as_str() {
            "invalid_refresh_token"
            | "token_revoked"
            | "token_expired"
            | "invalid_auth"
            | "invalid_grant"
            | "account_inactive"
            | "token_rotation_not_enabled" => Err(RenewError::Spent(reply.error)),
            // The app's own keys: the person's consent is as good as before.
            "bad_client_secret" | "invalid_client_id" => Err(RenewError::Declined(reply.error)),
            "ratelimited" | "rate_limited" | "request_timeout" => Err(RenewError::Later(reply.error)),
            word => Err(RenewError::Lost(format!("Slack says {}", wire::excerpt(word)))),
        },
        _ if answer.status == 429 => Err(RenewError::Later("too many calls".to_owned())),
        _ => Err(RenewError::Lost(format!("{} with a body that is not Slack's answer", answer.status))),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_renewal_is_certain_or_says_why_not() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let body = r#"{"ok":true,"access_token":"xoxe.xoxb-1","expires_in":43200,"refresh_token":"xoxe-1-b","token_type":"bot","scope":"chat:write,groups:history","bot_user_id":"U1","team":{"name":"T","id":"T1"}}"#;
        let new = renewed(&answer(200, body), now).unwrap();
        assert_eq!(new.access.expose_secret(), "xoxe.xoxb-1");
        assert_eq!(new.refresh.unwrap().expose_secret(), "xoxe-1-b");
        assert_eq!(new.expires, Some(Timestamp::from_second(1_800_043_200).unwrap()));
        assert_eq!(new.scope, "chat:write groups:history");
        let plain = r#"{"ok":true,"access_token":"xoxb-1","team":{"id":"T1"}}"#;
        assert_eq!(renewed(&answer(200, plain), now).unwrap().expires, None);
        for (status, body, expected) in [
            (200, r#"{"ok":false,"error":"invalid_refresh_token"}"#, "Spent"),
            (200, r#"{"ok":false,"error":"bad_client_secret"}"#, "Declined"),
            (200, r#"{"ok":false,"error":"invalid_client_id"}"#, "Declined"),
            (200, r#"{"ok":false,"error":"ratelimited"}"#, "Later"),
            (200, r#"{"ok":false,"error":"internal_error"}"#, "Lost"),
            (200, r#"{"ok":true}"#, "Lost"),
            (200, "<html>", "Lost"),
            (502, "<html>", "Lost"),
            (429, "", "Later"),
        ] {
            let error = renewed(&answer(status, body), now).unwrap_err();
            assert!(format!("{error:?}").starts_with(expected), "{status} {body}: {error:?}");
        }
    }

    #[test]
    fn a_grant_names_its_workspaces_bot() {
        let rest = |text: &str| serde_json::from_str::<serde_json::Map<String, Value>>(text).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let choice =
            granted(&rest(r#"{"access_token":"xoxb-1","bot_user_id":"U1","team":{"name":"News","id":"T1"}}"#), now)
                .unwrap();
        assert_eq!((choice.id.as_str(), choice.name.as_str()), ("T1:U1", "News"));
        assert!(granted(&rest(r#"{"access_token":"xoxb-1"}"#), now).is_err());
        assert!(granted(&rest(r#"{"team":{"id":"T1"}}"#), now).is_err());
    }
}
