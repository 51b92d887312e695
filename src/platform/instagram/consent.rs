//! Signing in to Instagram: on Instagram itself (code → token of an hour → token of 60 days, renewed from its second day
//! on), or on Facebook, where a person chooses among the accounts linked to their Pages.

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use super::super::consent::{Asked, Back, Choice, RenewError, Way};
use super::super::graph::login::{self, App, connect};
use super::super::graph::{Wire, id_of, introduce};
use super::{Gallery, SPEC, SignIn, classify};
use crate::model::grant::Grant;
use crate::model::receipt::Op;
use crate::platform::{ConnectError, Consent, Context};

/// Of Instagram's own sign-in. Source: Instagram Platform, as of 2026-09.
const OWN: &str = "instagram_business_basic,instagram_business_content_publish";
/// Of Facebook's, for an account linked to a Page. Source: the same.
const LINKED: &str =
    "instagram_basic,instagram_content_publish,pages_show_list,pages_read_engagement,business_management";

impl Gallery {
    fn address(&self, of: &str) -> Result<Url, ConnectError> {
        // A server that stands in for the public ones is all of them.
        match (&self.config.login_server, &self.config.server) {
            (Some(login), _) => Ok(login.clone()),
            (None, Some(server)) => Ok(server.clone()),
            (None, None) => Url::parse(of).map_err(|e| ConnectError::Refused(e.to_string())),
        }
    }

    async fn own(&self, app: &App<'_>, way: &Way, back: &Back) -> Result<Vec<Choice>, ConnectError> {
        let cx = app.cx;
        let code = login::code(back);
        let form = [
            ("client_id", app.id),
            ("client_secret", app.secret.expose_secret()),
            ("grant_type", "authorization_code"),
            ("redirect_uri", way.redirect.as_str()),
            ("code", code.expose_secret()),
        ];
        let short = app.trade(&self.address("https://api.instagram.com")?, "/oauth/access_token", &form).await?;
        let short = login::token(&short, cx.clock.now())?;
        let query = [
            ("grant_type", "ig_exchange_token"),
            ("client_secret", app.secret.expose_secret()),
            ("access_token", short.access.expose_secret()),
        ];
        let long = app.ask(&self.server, "/access_token", &query).await.map_err(connect)?;
        let mut long = login::token(&long.map_err(|fault| ConnectError::Refused(fault.said()))?, cx.clock.now())?;
        let prefix = format!("/{}", self.config.api_version);
        let wire = Wire::new(cx, &self.server, &prefix, long.access.clone(), Some(app.secret), SPEC.deadline);
        let me = wire.get("/me", &[("fields", "user_id,username")]).await.map_err(introduce)?;
        let me = me.map_err(|fault| introduce(classify(&fault, Op::Upload)))?;
        let id = id_of(&me["user_id"]).or_else(|| id_of(&me["id"])).or_else(|| short.user.clone());
        let (Some(id), Some(name)) = (id, me["username"].as_str()) else {
            return Err(ConnectError::Unreachable("expected an id and a username, found neither".to_owned()));
        };
        long.user = Some(id.clone());
        if long.scope.is_empty() {
            long.scope = short.scope;
        }
        Ok(vec![Choice { id, name: format!("@{name}"), grant: long.grant(cx.clock.now()) }])
    }
}

/// The accounts linked to a person's Pages. Pure.
fn linked(pages: &[Value], now: jiff::Timestamp) -> Vec<Choice> {
    let choice = |page: &Value| {
        let account = &page["instagram_business_account"];
        let (id, token) = (id_of(&account["id"])?, page["access_token"].as_str()?);
        let shown = page["name"].as_str().unwrap_or_default();
        let name = match account["username"].as_str() {
            Some(name) => format!("@{name} (Page {shown})"),
            None => format!("the account of Page {shown}"),
        };
        let mut grant = Grant { issued: Some(now), ..Grant::of(SecretString::from(token.to_owned())) };
        grant.own.insert("user".to_owned(), id.clone());
        grant.own.extend(id_of(&page["id"]).map(|page| ("page".to_owned(), page)));
        Some(Choice { id, name, grant })
    };
    pages.iter().filter_map(choice).collect()
}

#[async_trait]
impl Consent for Gallery {
    async fn ask(&self, cx: &Context<'_>, way: &Way) -> Result<Asked, ConnectError> {
        let (id, _) = self.app(cx)?;
        match self.config.sign_in {
            SignIn::Instagram => {
                login::dialog(&self.address("https://www.instagram.com")?, "/oauth/authorize", id, way, OWN)
            }
            SignIn::Facebook => {
                let path = format!("/{}/dialog/oauth", self.config.api_version);
                login::dialog(&self.address("https://www.facebook.com")?, &path, id, way, LINKED)
            }
        }
    }

    async fn exchange(&self, cx: &Context<'_>, way: &Way, back: &Back) -> Result<Vec<Choice>, ConnectError> {
        let (id, secret) = self.app(cx)?;
        let app = App { cx, id, secret };
        if self.config.sign_in == SignIn::Instagram {
            return self.own(&app, way, back).await;
        }
        let (server, version) = (&self.server, &self.config.api_version);
        let person = app.facebook(server, version, way, back).await?;
        let fields = "id,name,access_token,instagram_business_account{id,username}";
        let choices = linked(&app.pages(server, version, &person, fields).await?, cx.clock.now());
        match choices.is_empty() {
            false => Ok(choices),
            true => Err(ConnectError::Refused(
                "no Page of this person has a professional Instagram account linked to it".to_owned(),
            )),
        }
    }

    async fn renew(&self, cx: &Context<'_>, grant: &Grant) -> Result<Grant, RenewError> {
        match self.config.sign_in {
            SignIn::Instagram => login::renew(cx, &self.server, "ig_refresh_token", grant).await,
            // A Page's token has no end.
            SignIn::Facebook => Err(RenewError::Never),
        }
    }

    fn removed_at(&self) -> &'static str {
        "on Instagram under Settings, Website permissions, Apps and websites"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accounts_of_pages_are_choices() {
        let pages = [
            serde_json::json!({"id": "1", "name": "News", "access_token": "p1",
                "instagram_business_account": {"id": "178", "username": "news"}}),
            serde_json::json!({"id": "2", "name": "Sport", "access_token": "p2"}),
            serde_json::json!({"id": "3", "name": "Late", "instagram_business_account": {"id": "179"}}),
        ];
        let choices = linked(&pages, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(choices.len(), 1, "a Page without an account or without a token is none");
        let only = &choices[0];
        assert_eq!((only.id.as_str(), only.name.as_str()), ("178", "@news (Page News)"));
        assert_eq!(only.grant.access.expose_secret(), "p1");
        assert_eq!((only.grant.own["user"].as_str(), only.grant.own["page"].as_str()), ("178", "1"));
        assert_eq!(only.grant.expires, None);
    }
}
