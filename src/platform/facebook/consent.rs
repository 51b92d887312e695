//! Signing in with Facebook: a person's code → their short-lived → their long-lived token → the tokens of their Pages, of
//! which they choose. A Page's token made of a long-lived one has no end; when it dies only a person can make another.

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::super::consent::{Asked, Back, Choice, RenewError, Way};
use super::super::graph::id_of;
use super::super::graph::login::{self, App};
use super::Page;
use crate::model::grant::Grant;
use crate::platform::{ConnectError, Consent, Context};

/// What posting and looking up need, and Pages inside a business portfolio. Source: Pages API posts guide, as of 2026-09.
const SCOPES: &str = "pages_show_list,pages_read_engagement,pages_manage_posts,business_management";

/// Where a person signs in.
const LOGIN: &str = "https://www.facebook.com";

#[async_trait]
impl Consent for Page {
    async fn ask(&self, cx: &Context<'_>, way: &Way) -> Result<Asked, ConnectError> {
        let (id, _) = self.app(cx)?;
        // A server that stands in for the public one is signed in to at the same place.
        let server = match (&self.config.login_server, self.config.server == super::server()) {
            (Some(login), _) => login.clone(),
            (None, true) => Url::parse(LOGIN).map_err(|e| ConnectError::Refused(e.to_string()))?,
            (None, false) => self.config.server.clone(),
        };
        login::dialog(&server, &format!("/{}/dialog/oauth", self.config.api_version), id, way, SCOPES)
    }

    async fn exchange(&self, cx: &Context<'_>, way: &Way, back: &Back) -> Result<Vec<Choice>, ConnectError> {
        let (id, secret) = self.app(cx)?;
        let app = App { cx, id, secret };
        let (server, version) = (&self.config.server, &self.config.api_version);
        let person = app.facebook(server, version, way, back).await?;
        let pages = app.pages(server, version, &person, "id,name,access_token,tasks").await?;
        let choices = choices(&pages, cx.clock.now());
        // A page that the config names is no choice any more.
        let named = |choice: &Choice| self.config.page.as_ref().is_none_or(|page| *page == choice.id);
        let choices: Vec<Choice> = choices.into_iter().filter(named).collect();
        match choices.is_empty() {
            false => Ok(choices),
            true => Err(ConnectError::Refused(
                "this person may create posts on none of the Pages that were allowed: full control of the Page is needed"
                    .to_owned(),
            )),
        }
    }

    async fn renew(&self, _: &Context<'_>, _: &Grant) -> Result<Grant, RenewError> {
        Err(RenewError::Never)
    }

    fn removed_at(&self) -> &'static str {
        "on Facebook under Settings, Business integrations"
    }
}

/// The Pages on which the person may create posts. Pure.
fn choices(pages: &[Value], now: jiff::Timestamp) -> Vec<Choice> {
    let choice = |page: &Value| {
        let (id, token) = (id_of(&page["id"])?, page["access_token"].as_str()?);
        let tasks = page["tasks"].as_array();
        // Where the tasks are told, one of them must be to create.
        let may = tasks.is_none_or(|tasks| tasks.iter().any(|task| task == "CREATE_CONTENT"));
        let mut grant = Grant { issued: Some(now), ..Grant::of(SecretString::from(token.to_owned())) };
        grant.own.insert("page".to_owned(), id.clone());
        may.then(|| Choice { name: page["name"].as_str().unwrap_or(&id).to_owned(), id, grant })
    };
    pages.iter().filter_map(choice).collect()
}

/// What a person should know of what `debug_token` tells. Pure.
pub(super) fn remarks(told: &Value) -> Vec<String> {
    let mut remarks = Vec::new();
    let date = |name: &str| {
        let seconds = told[name].as_i64().filter(|seconds| *seconds > 0)?;
        jiff::Timestamp::from_second(seconds).ok().map(|at| at.strftime("%Y-%m-%d").to_string())
    };
    if told["is_valid"].as_bool() == Some(false) {
        remarks.push("the platform says that the token is not valid".to_owned());
    }
    if let Some(day) = date("expires_at") {
        remarks.push(format!(
            "the token runs out on {day}: a Page's token without end is made of a person's long-lived one"
        ));
    }
    if let Some(day) = date("data_access_expires_at") {
        remarks.push(format!("a person must confirm the app's access to data until {day}"));
    }
    if let Some(scopes) = told["scopes"].as_array() {
        for needed in ["pages_manage_posts", "pages_read_engagement"] {
            if !scopes.iter().any(|scope| scope == needed) {
                remarks.push(format!("the token lacks the permission {needed}"));
            }
        }
    }
    remarks
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;

    #[test]
    fn pages_one_may_post_to_are_choices() {
        let pages = [
            json!({"id": "1", "name": "News", "access_token": "p1", "tasks": ["ANALYZE", "CREATE_CONTENT"]}),
            json!({"id": "2", "name": "Sport", "access_token": "p2", "tasks": ["ANALYZE"]}),
            json!({"id": "3", "name": "Late", "access_token": "p3"}),
            json!({"id": "4", "name": "No token", "tasks": ["CREATE_CONTENT"]}),
        ];
        let choices = choices(&pages, jiff::Timestamp::UNIX_EPOCH);
        let seen: Vec<_> =
            choices.iter().map(|it| (it.id.as_str(), it.name.as_str(), it.grant.access.expose_secret())).collect();
        assert_eq!(seen, [("1", "News", "p1"), ("3", "Late", "p3")]);
        assert_eq!((choices[0].grant.own["page"].as_str(), choices[0].grant.expires), ("1", None));
    }

    #[test]
    fn a_token_with_an_end_or_without_a_right_is_told() {
        let good =
            json!({"is_valid": true, "expires_at": 0, "scopes": ["pages_manage_posts", "pages_read_engagement"]});
        assert!(remarks(&good).is_empty());
        let bad = json!({"is_valid": false, "expires_at": 1_800_000_000, "data_access_expires_at": 1_800_000_000,
            "scopes": ["pages_show_list"]});
        let said = remarks(&bad).join("\n");
        for words in
            ["not valid", "runs out on 2027-01-15", "access to data", "pages_manage_posts", "pages_read_engagement"]
        {
            assert!(said.contains(words), "{said}");
        }
    }
}
