//! X by OAuth 2.0: consent with PKCE, tokens that live two hours, refresh tokens that are good for one use.
//!
//! Page: <https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code>. That each renewal gives a new
//! refresh token, and that a spent one is answered with `invalid_request`, was observed; the page does not say it.

use async_trait::async_trait;
use url::Url;

use super::keys::{Auth, Config};
use crate::model::grant::Grant;
use crate::platform::consent::{Asked, Back, Choice, Consent, RenewError, Way};
use crate::platform::oauth::{self, Client};
use crate::platform::{ConnectError, Context, wire};

/// To read the account and its posts, to write posts, to upload pictures, and to be renewed without a person.
const SCOPES: &str = "tweet.read tweet.write users.read media.write offline.access";

/// Error codes by which X says that a refresh token is spent. Observed, 2026-08.
const SPENT: &[&str] = &["invalid_request"];

#[async_trait]
impl Consent for Config {
    async fn ask(&self, cx: &Context<'_>, way: &Way) -> Result<Asked, ConnectError> {
        Ok(oauth::ask(&self.client(cx)?, way))
    }

    async fn exchange(&self, cx: &Context<'_>, way: &Way, back: &Back) -> Result<Vec<Choice>, ConnectError> {
        let grant = oauth::exchange(cx, &self.client(cx)?, way, back).await?;
        let missing: Vec<&str> =
            SCOPES.split(' ').filter(|scope| !grant.scope.split(' ').any(|given| given == *scope)).collect();
        if !missing.is_empty() {
            return Err(ConnectError::Refused(format!(
                "X gave less than was asked for: {} is missing; allow all of it, and look at the app's permissions",
                missing.join(" ")
            )));
        }
        Ok(vec![Choice { id: String::new(), name: "X".to_owned(), grant }])
    }

    async fn renew(&self, cx: &Context<'_>, grant: &Grant) -> Result<Grant, RenewError> {
        let client = self.client(cx).map_err(|e| RenewError::Declined(e.to_string()))?;
        oauth::renew(cx, &client, grant).await
    }

    async fn revoke(&self, cx: &Context<'_>, grant: &Grant) -> Result<(), ConnectError> {
        oauth::revoke(cx, &self.client(cx)?, &at(&self.server, "/2/oauth2/revoke")?, grant).await
    }
}

impl Config {
    fn client(&self, cx: &Context<'_>) -> Result<Client, ConnectError> {
        let Auth::Two { client_id, .. } = &self.auth else {
            return Err(ConnectError::Refused("the channel has the keys of OAuth 1.0a".to_owned()));
        };
        let secret = cx.credential.get("client_secret").cloned();
        let (authorize, token) = (at(&self.site, "/i/oauth2/authorize")?, at(&self.server, "/2/oauth2/token")?);
        Ok(Client { spent: SPENT, ..Client::new(authorize, token, client_id.clone(), secret, SCOPES) })
    }
}

fn at(server: &Url, path: &str) -> Result<Url, ConnectError> {
    wire::endpoint(server, path).map_err(|e| ConnectError::Unreachable(e.to_string()))
}
