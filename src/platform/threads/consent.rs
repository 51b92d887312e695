//! Signing in to Threads: code → token of an hour → token of 60 days, renewed from its second day on.

use async_trait::async_trait;
use secrecy::ExposeSecret as _;

use super::super::consent::{Asked, Back, Choice, RenewError, Way};
use super::super::graph::login::{self, App, connect};
use super::super::graph::{Wire, id_of, introduce};
use super::{Profile, SPEC, VERSION, classify};
use crate::model::grant::Grant;
use crate::model::receipt::Op;
use crate::platform::{ConnectError, Consent, Context};
use url::Url;

/// What posting, threads and taking down need. Source: Threads' token page, as of 2026-09.
const SCOPES: &str = "threads_basic,threads_content_publish,threads_delete,threads_manage_replies,threads_read_replies";

/// Where a person signs in.
const LOGIN: &str = "https://threads.net";

impl Profile {
    fn login(&self) -> Result<Url, ConnectError> {
        // A server that stands in for the public one is signed in to at the same place.
        match (&self.config.login_server, self.config.server == super::server()) {
            (Some(login), _) => Ok(login.clone()),
            (None, true) => Url::parse(LOGIN).map_err(|e| ConnectError::Refused(e.to_string())),
            (None, false) => Ok(self.config.server.clone()),
        }
    }
}

#[async_trait]
impl Consent for Profile {
    async fn ask(&self, cx: &Context<'_>, way: &Way) -> Result<Asked, ConnectError> {
        let (id, _) = self.app(cx)?;
        login::dialog(&self.login()?, "/oauth/authorize", id, way, SCOPES)
    }

    async fn exchange(&self, cx: &Context<'_>, way: &Way, back: &Back) -> Result<Vec<Choice>, ConnectError> {
        let (id, secret) = self.app(cx)?;
        let app = App { cx, id, secret };
        let server = &self.config.server;
        let code = login::code(back);
        let form = [
            ("client_id", id),
            ("client_secret", secret.expose_secret()),
            ("grant_type", "authorization_code"),
            ("redirect_uri", way.redirect.as_str()),
            ("code", code.expose_secret()),
        ];
        let short = login::token(&app.trade(server, "/oauth/access_token", &form).await?, cx.clock.now())?;
        let query = [
            ("grant_type", "th_exchange_token"),
            ("client_secret", secret.expose_secret()),
            ("access_token", short.access.expose_secret()),
        ];
        let long = app.ask(server, "/access_token", &query).await.map_err(connect)?;
        let long = long.map_err(|fault| ConnectError::Refused(fault.said()))?;
        let long = login::token(&long, cx.clock.now())?;
        let wire = Wire::new(cx, server, VERSION, long.access.clone(), Some(secret), SPEC.deadline);
        let me = wire.get("/me", &[("fields", "id,username")]).await.map_err(introduce)?;
        let me = me.map_err(|fault| introduce(classify(&fault, Op::Upload)))?;
        let (Some(id), Some(name)) = (id_of(&me["id"]), me["username"].as_str()) else {
            return Err(ConnectError::Unreachable("expected an id and a username, found neither".to_owned()));
        };
        Ok(vec![Choice { id, name: format!("@{name}"), grant: long.grant(cx.clock.now()) }])
    }

    async fn renew(&self, cx: &Context<'_>, grant: &Grant) -> Result<Grant, RenewError> {
        login::renew(cx, &self.config.server, "th_refresh_token", grant).await
    }

    fn removed_at(&self) -> &'static str {
        "on Threads under Settings, Account, Website permissions"
    }
}
