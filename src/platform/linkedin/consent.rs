//! Opening an account by a person's consent: OAuth 2.0 code flow with a client secret (LinkedIn has PKCE for native apps
//! only, on request), then the pages that person may post for, or the person. Tokens live 60 days; only some partners'
//! apps get one that renews itself.
//!
//! Page: <https://learn.microsoft.com/en-us/linkedin/shared/authentication/authorization-code-flow>.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::api::{Api, PAGE};
use super::error::Problem;
use super::{AUTHOR, Account, Target, organization_id};
use crate::http::{Answer, Call, CallError};
use crate::model::grant::Grant;
use crate::platform::consent::{Asked, Back, Choice, Consent, Proof, RenewError, Way};
use crate::platform::{ConnectError, Context, PublishError, wire};

/// For a page: post, read what was posted, see which pages there are. Source: LinkedIn's pages on the Community
/// Management API, 2026-08.
const PAGE_SCOPES: &str = "w_organization_social r_organization_social rw_organization_admin";

/// For a profile: post, and who it is.
const MEMBER_SCOPES: &str = "openid profile w_member_social";

/// Roles that may post for a page; the second as two of LinkedIn's pages write it. Source: LinkedIn's page on roles, 2026-08.
const ROLES: [&str; 4] = ["ADMINISTRATOR", "CONTENT_ADMINISTRATOR", "CONTENT_ADMIN", "DIRECT_SPONSORED_CONTENT_POSTER"];

/// The most pages of a person that are looked at.
const MOST_ROLES: usize = 500;

/// The answer of the token endpoint.
#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_in: Option<i64>,
    refresh_token: Option<String>,
    refresh_token_expires_in: Option<i64>,
    #[serde(default)]
    scope: String,
}

#[async_trait]
impl Consent for Account {
    async fn ask(&self, cx: &Context<'_>, way: &Way) -> Result<Asked, ConnectError> {
        let (id, _) = self.app(cx)?;
        let mut url = self.consent_url("/oauth/v2/authorization")?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", id)
            .append_pair("redirect_uri", way.redirect.as_str())
            .append_pair("state", &way.state)
            .append_pair("scope", self.scopes());
        Ok(Asked { url, proof: Proof::default(), issuer: None })
    }

    async fn exchange(&self, cx: &Context<'_>, way: &Way, back: &Back) -> Result<Vec<Choice>, ConnectError> {
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", back.code.expose_secret()),
            ("redirect_uri", way.redirect.as_str()),
        ];
        let answer = self.token_call(cx, &pairs).await?.map_err(|e| ConnectError::Unreachable(e.to_string()))?;
        if answer.status != 200 {
            return Err(refused(&answer));
        }
        let grant = read(&answer, cx.clock.now(), None)
            .ok_or_else(|| ConnectError::Unreachable("expected an access_token, found none".to_owned()))?;
        self.choices(cx, grant).await
    }

    async fn renew(&self, cx: &Context<'_>, grant: &Grant) -> Result<Grant, RenewError> {
        let Some(refresh) = &grant.refresh else { return Err(RenewError::Never) };
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", refresh.expose_secret())];
        let sent = self.token_call(cx, &pairs).await.map_err(|e| RenewError::Declined(e.to_string()))?;
        let answer = match sent {
            Ok(answer) => answer,
            Err(CallError::NotSent(said)) => return Err(RenewError::Later(said)),
            Err(CallError::Unclear(said)) => return Err(RenewError::Lost(said)),
        };
        match answer.status {
            200 => read(&answer, cx.clock.now(), Some(grant))
                .ok_or_else(|| RenewError::Lost("expected an access_token, found none".to_owned())),
            429 => Err(RenewError::Later(words(&answer))),
            400 | 401 if Problem::read(&answer.body).is_some() => Err(RenewError::Spent(words(&answer))),
            _ => Err(RenewError::Lost(words(&answer))),
        }
    }

    fn removed_at(&self) -> &'static str {
        "on LinkedIn under Settings, Data privacy, Permitted services"
    }
}

impl Account {
    /// The app's id and secret.
    fn app<'a>(&'a self, cx: &'a Context<'_>) -> Result<(&'a str, &'a SecretString), ConnectError> {
        match (self.config.client_id.as_deref(), cx.credential.get("client_secret")) {
            (Some(id), Some(secret)) => Ok((id, secret)),
            _ => Err(ConnectError::Refused(
                "expected `client_id` and `client_secret` of the app in the channel's config, found none".to_owned(),
            )),
        }
    }

    const fn scopes(&self) -> &'static str {
        match self.config.organization {
            Some(_) => PAGE_SCOPES,
            None => MEMBER_SCOPES,
        }
    }

    /// People consent on another host than the API's; a server of one's own has both.
    fn consent_url(&self, path: &str) -> Result<Url, ConnectError> {
        let mut url = self.config.server.clone();
        if url.host_str() == Some(super::API_HOST) && url.set_host(Some(super::WWW_HOST)).is_err() {
            return Err(ConnectError::Refused(format!("expected a host that can be replaced, found {url}")));
        }
        wire::endpoint(&url, path).map_err(|e| ConnectError::Refused(e.to_string()))
    }

    async fn token_call(
        &self,
        cx: &Context<'_>,
        pairs: &[(&str, &str)],
    ) -> Result<Result<Answer, CallError>, ConnectError> {
        let (id, secret) = self.app(cx)?;
        // In one expression: the serializer may not be kept across the call.
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .append_pair("client_id", id)
            .append_pair("client_secret", secret.expose_secret())
            .finish();
        let mut call = Call::new(Method::POST, self.consent_url("/oauth/v2/accessToken")?)
            .header("accept", "application/json")
            .body("application/x-www-form-urlencoded", form);
        call.timeout = wire::scaled(cx, super::SPEC.deadline);
        Ok(cx.http.change(call).await)
    }

    /// The pages that this grant opens, or the member.
    async fn choices(&self, cx: &Context<'_>, grant: Grant) -> Result<Vec<Choice>, ConnectError> {
        let api = Api { cx, config: &self.config, token: grant.access.clone(), day: &self.day };
        let choice = |id: String, name: String| {
            let mut grant = grant.clone();
            grant.own.insert(AUTHOR.to_owned(), id.clone());
            Choice { id, name, grant }
        };
        if self.config.organization.is_none() {
            let (id, name) = member(&api).await.map_err(super::introduce)?;
            return Ok(vec![choice(id, name)]);
        }
        let mut found = Vec::new();
        for urn in pages(&api).await.map_err(super::introduce)? {
            if self.config.organization.is_some_and(|target| target.urn().is_some_and(|ours| ours != urn)) {
                continue;
            }
            let name = page_name(&api, &urn).await.map_err(super::introduce)?;
            found.push(choice(urn, name));
        }
        if found.is_empty() {
            let which = match self.config.organization {
                Some(Target::Id(id)) => format!("the page {id}"),
                _ => "any page".to_owned(),
            };
            return Err(ConnectError::Refused(format!(
                "this person may not post for {which}: expected one of the roles administrator, content administrator \
                 and sponsored content poster"
            )));
        }
        Ok(found)
    }
}

/// The pages a member may post for, each once.
async fn pages(api: &Api<'_>) -> Result<Vec<String>, PublishError> {
    let mut urns: Vec<String> = Vec::new();
    let mut start = 0;
    while start < MOST_ROLES {
        let roles = api.roles(start).await?;
        for role in &roles {
            let may = role["role"].as_str().is_some_and(|role| ROLES.contains(&role));
            // The older word is that of the API before its versions.
            let urn = role["organization"].as_str().or_else(|| role["organizationalTarget"].as_str());
            let urn = urn.filter(|urn| may && organization_id(urn).is_some());
            urns.extend(urn.filter(|urn| !urns.iter().any(|known| known == urn)).map(str::to_owned));
        }
        if roles.len() < PAGE {
            break;
        }
        start += roles.len();
    }
    Ok(urns)
}

/// The name of a page.
pub(super) async fn page_name(api: &Api<'_>, urn: &str) -> Result<String, PublishError> {
    let id = organization_id(urn).unwrap_or_default();
    let page = api.organization(id).await?;
    let name = page["localizedName"].as_str().or_else(|| page["vanityName"].as_str());
    Ok(name.map_or_else(|| format!("page {id}"), str::to_owned))
}

/// The member: URN and name.
pub(super) async fn member(api: &Api<'_>) -> Result<(String, String), PublishError> {
    let me: Value = api.member().await?;
    let sub = me["sub"].as_str().filter(|sub| !sub.is_empty());
    let sub =
        sub.ok_or_else(|| PublishError::Unknown { said: "expected a sub from userinfo, found none".to_owned() })?;
    let name = me["name"].as_str().unwrap_or(sub).to_owned();
    Ok((format!("{}{sub}", super::PERSON), name))
}

/// The grant of a token answer; what it does not name stays as in the grant before.
fn read(answer: &Answer, now: Timestamp, before: Option<&Grant>) -> Option<Grant> {
    let token: Token = serde_json::from_slice(&answer.body).ok()?;
    let after = |seconds: Option<i64>| now.checked_add(SignedDuration::from_secs(seconds.filter(|s| *s > 0)?)).ok();
    let renewed = token.refresh_token.is_some();
    let scope = token.scope.replace(',', " ");
    Some(Grant {
        access: SecretString::from(token.access_token),
        refresh: token.refresh_token.map(SecretString::from).or_else(|| before.and_then(|it| it.refresh.clone())),
        issued: Some(now),
        expires: after(token.expires_in),
        ends: after(token.refresh_token_expires_in).or_else(|| before.filter(|_| !renewed).and_then(|it| it.ends)),
        scope: if scope.is_empty() { before.map(|it| it.scope.clone()).unwrap_or_default() } else { scope },
        own: before.map(|it| it.own.clone()).unwrap_or_default(),
    })
}

fn words(answer: &Answer) -> String {
    Problem::read(&answer.body).map_or_else(
        || format!("{} without an explanation that could be read", answer.status),
        |problem| problem.said(answer.status),
    )
}

fn refused(answer: &Answer) -> ConnectError {
    match answer.status {
        400 | 401 | 403 => ConnectError::Refused(format!("LinkedIn gives no token: {}", words(answer))),
        _ => ConnectError::Unreachable(format!("LinkedIn gave no usable answer: {}", words(answer))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Answer {
        Answer { status: 200, headers: reqwest::header::HeaderMap::new(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_token_is_read_with_its_ends() {
        let now: Timestamp = "2026-11-25T10:00:00Z".parse().unwrap();
        let first =
            read(&answer(r#"{"access_token":"a","expires_in":5184000,"scope":"openid,profile"}"#), now, None).unwrap();
        assert_eq!((first.access.expose_secret(), first.scope.as_str()), ("a", "openid profile"));
        assert_eq!(first.expires, Some("2027-01-24T10:00:00Z".parse().unwrap()));
        assert!(first.refresh.is_none() && first.ends.is_none());
        let partner =
            r#"{"access_token":"b","expires_in":5184000,"refresh_token":"r","refresh_token_expires_in":31536000}"#;
        let mut partner = read(&answer(partner), now, None).unwrap();
        assert_eq!(partner.ends, Some("2027-11-25T10:00:00Z".parse().unwrap()));
        partner.own.insert(AUTHOR.to_owned(), "urn:li:organization:1".to_owned());
        let later = now + SignedDuration::from_hours(24);
        let renewed = read(&answer(r#"{"access_token":"c","expires_in":60}"#), later, Some(&partner)).unwrap();
        assert_eq!(renewed.refresh.unwrap().expose_secret(), "r", "the old one stays where no new one is given");
        assert_eq!((renewed.ends, renewed.own), (partner.ends, partner.own));
        assert!(read(&answer("{}"), now, None).is_none());
        assert!(read(&answer("<html>"), now, None).is_none());
    }
}
