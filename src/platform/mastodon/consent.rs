//! Opening an account by a person's consent: Bugle registers itself as an app with the instance, once for each redirect
//! URI; the rest is the common code flow. Which app a token belongs to is kept with the token, since taking it back and
//! renewing it need the app's secret.
//!
//! Pages: <https://docs.joinmastodon.org/methods/apps/#create>, <https://docs.joinmastodon.org/methods/oauth/>.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::{Instance, wire};
use crate::http::{Answer, Call};
use crate::model::grant::Grant;
use crate::platform::consent::{Asked, Back, Choice, Consent, RenewError, Way};
use crate::platform::oauth::{self, Client, ClientAuth};
use crate::platform::{ConnectError, Context};

/// What posting, editing, deleting and looking up take, and no more.
const SCOPES: &str = "read:accounts read:statuses write:statuses write:media";

/// The same on servers that know no parts of scopes.
const WIDE_SCOPES: &str = "read write";

/// The word the app is kept under.
const APP: &str = "app";

/// How long a kept app is used for another try. Mastodon forgets apps that nobody has a token of after a day; source:
/// its `Vacuum::ApplicationsVacuum`, 2026-08. Half of that.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(12);

/// Words of what is kept beside a token, and between asking and the answer.
const ID: &str = "client_id";
const SECRET: &str = "client_secret";
const ASKED: &str = "scopes";

/// Bugle as registered with the instance.
#[derive(Clone, Serialize, Deserialize)]
struct App {
    server: Url,
    redirect: String,
    client_id: String,
    client_secret: String,
    /// Blanks between.
    scopes: String,
    at: Timestamp,
}

#[async_trait]
impl Consent for Instance {
    async fn ask(&self, cx: &Context<'_>, way: &Way) -> Result<Asked, ConnectError> {
        let app = self.app_for(cx, way).await?;
        let client = self.client(&app.client_id, &app.client_secret, &app.scopes)?;
        let mut asked = oauth::ask(&client, way);
        for (word, value) in [(ID, app.client_id), (SECRET, app.client_secret), (ASKED, app.scopes)] {
            asked.proof.0.insert(word.to_owned(), value);
        }
        Ok(asked)
    }

    async fn exchange(&self, cx: &Context<'_>, way: &Way, back: &Back) -> Result<Vec<Choice>, ConnectError> {
        let word = |word: &str| back.proof.0.get(word).map(String::as_str).unwrap_or_default();
        let client = self.client(word(ID), word(SECRET), word(ASKED))?;
        let mut grant = oauth::exchange(cx, &client, way, back).await?;
        for word in [ID, SECRET] {
            grant.own.extend(back.proof.0.get(word).map(|value| (word.to_owned(), value.clone())));
        }
        let name = self.config.server.host_str().unwrap_or_default().to_owned();
        // One account signs in, and it is the one: who it is, `whoami` asks.
        Ok(vec![Choice { id: String::new(), name, grant }])
    }

    async fn renew(&self, cx: &Context<'_>, grant: &Grant) -> Result<Grant, RenewError> {
        // Mastodon's tokens do not run out; Pleroma's and its kin's do, and come with a refresh token.
        if grant.refresh.is_none() {
            return Err(RenewError::Never);
        }
        let client = self.client_of(grant).map_err(|e| RenewError::Declined(e.to_string()))?;
        oauth::renew(cx, &client, grant).await
    }

    async fn revoke(&self, cx: &Context<'_>, grant: &Grant) -> Result<(), ConnectError> {
        let client = self.client_of(grant)?;
        oauth::revoke(cx, &client, &self.at("/oauth/revoke")?, grant).await
    }

    fn shows_code(&self) -> bool {
        true
    }
}

impl Instance {
    /// The app for that redirect URI: the kept one while it is fresh, else a new one.
    async fn app_for(&self, cx: &Context<'_>, way: &Way) -> Result<App, ConnectError> {
        // One that cannot be read (the vault's key is another now) is as good as none: connecting is the way out of that.
        let kept = cx.keep.get(APP).await.ok().flatten();
        let kept = kept.and_then(|text| serde_json::from_str::<App>(text.expose_secret()).ok());
        let now = cx.clock.now();
        let serves = |app: &App| {
            app.server == self.config.server
                && app.redirect == way.redirect.as_str()
                && now.duration_since(app.at).abs() < KEPT_FOR
        };
        if let Some(app) = kept.filter(serves) {
            return Ok(app);
        }
        let app = self.register(cx, way.redirect.as_str()).await?;
        let text = serde_json::to_string(&app).expect("an app is plain data with text keys");
        cx.keep.put(APP, &SecretString::from(text)).await.map_err(ConnectError::Unreachable)?;
        Ok(app)
    }

    /// Registers Bugle with the instance.
    async fn register(&self, cx: &Context<'_>, redirect: &str) -> Result<App, ConnectError> {
        let narrow = self.registration(cx, redirect, SCOPES).await?;
        let read =
            |answer: &Answer, scopes: &str| registered(answer, &self.config.server, redirect, scopes, cx.clock.now());
        if let Some(app) = read(&narrow, SCOPES) {
            return Ok(app);
        }
        // Servers that know no parts of scopes refuse them: ask for the whole.
        let wide = match narrow.status {
            400 | 422 => self.registration(cx, redirect, WIDE_SCOPES).await?,
            _ => narrow,
        };
        read(&wide, WIDE_SCOPES).ok_or_else(|| {
            let said = format!(
                "{} does not register apps: expected a client id, found status {}",
                self.config.server, wide.status
            );
            ConnectError::Unreachable(said)
        })
    }

    async fn registration(&self, cx: &Context<'_>, redirect: &str, scopes: &str) -> Result<Answer, ConnectError> {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("client_name", "Bugle")
            .append_pair("redirect_uris", redirect)
            .append_pair("scopes", scopes)
            .finish();
        let call = Call::new(reqwest::Method::POST, self.at("/api/v1/apps")?)
            .header("accept", "application/json")
            .body("application/x-www-form-urlencoded", form);
        let server = &self.config.server;
        cx.http.change(call).await.map_err(|e| ConnectError::Unreachable(format!("cannot register with {server}: {e}")))
    }

    fn client_of(&self, grant: &Grant) -> Result<Client, ConnectError> {
        match (grant.own.get(ID), grant.own.get(SECRET)) {
            (Some(id), Some(secret)) => self.client(id, secret, &grant.scope),
            _ => {
                let said = "the app that this token belongs to is not known: take the access away in the account's \
                            settings, under authorized apps";
                Err(ConnectError::Refused(said.to_owned()))
            }
        }
    }

    fn client(&self, id: &str, secret: &str, scopes: &str) -> Result<Client, ConnectError> {
        let (authorize, token) = (self.at("/oauth/authorize")?, self.at("/oauth/token")?);
        Ok(Client {
            // In the form, not in a header: what the documents show, and all that the smaller servers read.
            auth: ClientAuth::Body,
            ..Client::new(authorize, token, id.to_owned(), Some(SecretString::from(secret)), scopes)
        })
    }

    fn at(&self, path: &str) -> Result<Url, ConnectError> {
        wire::endpoint(&self.config.server, path).map_err(|e| ConnectError::Unreachable(e.to_string()))
    }
}

fn registered(answer: &Answer, server: &Url, redirect: &str, scopes: &str, at: Timestamp) -> Option<App> {
    let body: Value = serde_json::from_slice(&answer.body).ok().filter(|_| matches!(answer.status, 200 | 201))?;
    Some(App {
        server: server.clone(),
        redirect: redirect.to_owned(),
        client_id: body["client_id"].as_str()?.to_owned(),
        client_secret: body["client_secret"].as_str()?.to_owned(),
        scopes: scopes.to_owned(),
        at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::consent::SHOWN;

    #[test]
    fn only_an_answer_with_an_id_and_a_secret_registers() {
        let server = Url::parse("https://m.example").unwrap();
        let answer =
            |status, body: &str| Answer { status, headers: Default::default(), body: body.as_bytes().to_vec() };
        let read = |status, body| registered(&answer(status, body), &server, SHOWN, SCOPES, Timestamp::UNIX_EPOCH);
        let good = read(200, r#"{"client_id":"a","client_secret":"b"}"#).unwrap();
        assert_eq!((good.client_id.as_str(), good.client_secret.as_str()), ("a", "b"));
        for (status, body) in
            [(200, r#"{"client_id":"a"}"#), (200, "<html>"), (422, r#"{"client_id":"a","client_secret":"b"}"#)]
        {
            assert!(read(status, body).is_none(), "{status} {body}");
        }
    }
}
