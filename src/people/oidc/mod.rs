//! Signing in by OpenID Connect: a person shows who they are to a service that the newsroom runs or trusts, and we believe
//! the token that it signs. Which claims let somebody in is decided in `judge.rs`; how the service is asked is in
//! `wire.rs`; the person and the session that come of it are in `enter.rs`.
//!
//! What is checked, by the pages that ask for it: OpenID Connect Core 1.0 section 3.1.3.7 (issuer, audience, authorized
//! party, signature, time, nonce) and 3.1.3.8 (hash of the access token), RFC 7636 (PKCE), RFC 9207 (the issuer in the
//! answer), RFC 9700 (a state that works once, in the browser that it was made for). Forged, repeated and mixed-up answers
//! stand in `forged_tests.rs`.

mod enter;
#[cfg(test)]
mod enter_tests;
#[cfg(test)]
mod forged_tests;
mod judge;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::{fresh, hash};
use crate::clock::SharedClock;
use crate::http::Http;
use crate::model::grant::SecretRef;
use crate::model::person::Role;
use crate::store::oidc_flow::{self, FlowRow, Taken};
use crate::store::{Store, StoreError, job};

pub use self::judge::{Refused, Who};

/// The page where a browser begins.
pub const BEGIN: &str = "/sign-in/oidc";
/// The page that the service sends the browser back to; it is registered there.
pub const BACK: &str = "/sign-in/oidc/callback";

/// How long a person has at the service. 10 minutes, ours: the same as for connecting an account.
pub const WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// The most sign-ins under way at once. 1,000, ours: a newsroom has far fewer people.
const MOST: i64 = 1_000;

/// `[sign_in]` of the config: further ways to sign in beside a password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SignIn {
    /// By a service that speaks OpenID Connect.
    pub oidc: Option<Settings>,
}

/// `[sign_in.oidc]` of the config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The service's issuer, letter for letter as its `/.well-known/openid-configuration` has it; https.
    pub issuer: String,
    /// Our name there.
    pub client_id: String,
    /// What proves that we are that client. Left out: a public client, which PKCE alone protects.
    #[serde(default)]
    pub client_secret: Option<SecretRef>,
    /// What the button calls the service. Left out: its host.
    #[serde(default)]
    pub name: Option<String>,
    /// Who may sign in: addresses, and `@domain` for all of a domain. Only addresses that the service has verified count.
    pub allow: Vec<String>,
    /// What a new person may do.
    #[serde(default = "viewer")]
    pub role: Role,
    /// The claim that says who may do what; its parts between dots lead inwards. Left out: `role`, and what an admin says.
    #[serde(default)]
    pub role_claim: Option<String>,
    /// Which values of that claim stand for which role. Where none is there, `role` counts.
    #[serde(default)]
    pub roles: Roles,
    /// What is asked for beside `openid email profile`, such as `groups`.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// `[sign_in.oidc.roles]` of the config.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Roles {
    /// Values that make somebody an admin.
    pub admin: Vec<String>,
    /// Values that make somebody an editor.
    pub editor: Vec<String>,
    /// Values that make somebody a viewer.
    pub viewer: Vec<String>,
}

const fn viewer() -> Role {
    Role::Viewer
}

impl Settings {
    /// What is wrong with it: a key, and in words what was expected.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        match Url::parse(&self.issuer) {
            Ok(url) if !is_safe(&url) => {
                faults.push((
                    "issuer",
                    format!("expected https, or an address of this machine, found {:?}", self.issuer),
                ));
            }
            Ok(url) if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() => {
                faults.push(("issuer", "expected a plain URL without query, fragment and user".to_owned()));
            }
            Ok(_) => {}
            Err(error) => faults.push(("issuer", format!("expected a URL, found {:?}: {error}", self.issuer))),
        }
        if self.client_id.trim().is_empty() {
            faults.push(("client_id", "expected our name at the service, found none".to_owned()));
        }
        if self.allow.is_empty() {
            faults.push(("allow", "expected who may sign in, found nobody: list addresses or \"@domain\"".to_owned()));
        }
        for entry in &self.allow {
            let is_one = entry.matches('@').count() == 1
                && !entry.ends_with('@')
                && !entry.chars().any(|c| c.is_whitespace() || c.is_control());
            if !is_one {
                faults.push(("allow", format!("expected an address or \"@domain\", found {entry:?}")));
            }
        }
        let Roles { admin, editor, viewer } = &self.roles;
        let has_roles = [admin, editor, viewer].iter().any(|words| !words.is_empty());
        if self.role_claim.is_some() != has_roles {
            let said = "expected `role_claim` and `roles` together: one without the other does nothing";
            faults.push(("role_claim", said.to_owned()));
        }
        faults
    }

    /// What people know the service by.
    pub fn label(&self) -> String {
        let host = || Url::parse(&self.issuer).ok().and_then(|url| url.host_str().map(str::to_owned));
        self.name.clone().or_else(host).unwrap_or_default()
    }
}

/// Whether what is sent there cannot be read on the way.
fn is_safe(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}

/// Signs people in by the service. One for each generation of the config.
pub struct Oidc {
    settings: Settings,
    /// Where the browser comes back to.
    redirect: Url,
    http: Http,
    clock: SharedClock,
    known: tokio::sync::Mutex<Option<wire::Known>>,
}

/// A sign-in that a browser can go on with.
pub struct Begun {
    /// The service's page.
    pub url: Url,
    /// What the browser's cookie holds until it comes back.
    pub cookie: SecretString,
}

/// Why nobody is signed in. Its words are for a person; none holds a code, a token or a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A parameter came twice.
    #[error("expected each parameter once, found `{0}` twice")]
    Twice(String),
    /// The answer says not what it belongs to, or nothing is known of it.
    #[error("this sign-in is not known: it was used already, or never begun here; sign in again")]
    Unknown,
    /// It took too long.
    #[error("this sign-in came too late (after more than 10 minutes); sign in again")]
    Late,
    /// It came to another browser than it was begun in.
    #[error("this sign-in was begun in another browser; sign in again")]
    Foreign,
    /// Neither a code nor an error.
    #[error("expected a `code` in the address, found none")]
    NoCode,
    /// The answer names another issuer.
    #[error("expected an answer of {expected}, found {found}; nothing was accepted")]
    Issuer {
        /// Ours.
        expected: String,
        /// As the answer has it; or that there was none.
        found: String,
    },
    /// The person, or the service, did not allow it.
    #[error("the sign-in service says: {0}")]
    Denied(String),
    /// The service cannot be asked, or does not keep to the standard.
    #[error("{0}")]
    Service(String),
    /// Its token is not one that we may believe.
    #[error("the answer of the sign-in service cannot be believed: {0}")]
    Forged(String),
    /// Its word is good, but not for coming in here.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// An administrator has shut this person out.
    #[error("an administrator has closed this person's account")]
    Closed,
    /// The secret of the config is not there.
    #[error("sign_in.oidc.client_secret: {0}")]
    Secret(String),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Oidc {
    /// With what the config says; the browser comes back to `redirect`.
    pub fn new(settings: Settings, redirect: Url, http: Http, clock: SharedClock) -> Self {
        Self { settings, redirect, http, clock, known: tokio::sync::Mutex::new(None) }
    }

    /// What people know the service by.
    pub fn label(&self) -> String {
        self.settings.label()
    }

    /// By whose word people come in.
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// Begins a sign-in in a browser, which goes on with the page `back` after it.
    ///
    /// # Errors
    /// Where the service cannot be asked; the store's.
    pub async fn begin(&self, store: &Store, back: &str) -> Result<Begun, Fault> {
        let service = self.service(None).await?;
        let (state, nonce, cookie) = (fresh(), fresh(), fresh());
        let (url, verifier) = self.page(&service, &state, &nonce)?;
        let now = self.clock.now();
        let row = FlowRow {
            state: hash(state.expose_secret()),
            bound: hash(cookie.expose_secret()),
            nonce: nonce.expose_secret().to_owned(),
            verifier,
            back: back.to_owned(),
            until: now + WITHIN,
        };
        store.write(job(move |conn| Box::pin(async move { oidc_flow::add(conn, &row, MOST, now).await }))).await?;
        Ok(Begun { url, cookie })
    }

    /// Takes what the browser came back with: who it is, and the page to go on with. Nothing is kept of the service's
    /// tokens.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub async fn returned(&self, store: &Store, query: &str, cookie: Option<&str>) -> Result<(Who, String), Fault> {
        let given = once_each(query)?;
        let state = given.get("state").ok_or(Fault::Unknown)?;
        let (state, bound, now) = (hash(state), cookie.map(hash), self.clock.now());
        let take = job(move |conn| Box::pin(async move { oidc_flow::take(conn, &state, bound.as_deref()).await }));
        let flow = match store.write(take).await? {
            Taken::Here(flow) => flow,
            Taken::None => return Err(Fault::Unknown),
            Taken::Foreign => return Err(Fault::Foreign),
        };
        if flow.until <= now {
            return Err(Fault::Late);
        }
        let service = self.service(None).await?;
        self.check_issuer(&service, given.get("iss"))?;
        if let Some(error) = given.get("error") {
            let more = given.get("error_description").map(|text| format!(": {text}")).unwrap_or_default();
            return Err(Fault::Denied(crate::platform::wire::excerpt(&format!("{error}{more}"))));
        }
        let code = given.get("code").ok_or(Fault::NoCode)?;
        let told = self.ask_who(&service, code, &flow).await?;
        Ok((judge::admit(&self.settings, &told)?, flow.back))
    }

    /// RFC 9207: an answer that names an issuer must name ours; one that has to name it, does.
    fn check_issuer(&self, service: &Arc<wire::Service>, given: Option<&String>) -> Result<(), Fault> {
        let expected = &self.settings.issuer;
        match given {
            Some(found) if found == expected => Ok(()),
            Some(found) => {
                Err(Fault::Issuer { expected: expected.clone(), found: crate::platform::wire::excerpt(found) })
            }
            None if wire::names_itself(service) => {
                Err(Fault::Issuer { expected: expected.clone(), found: "none".to_owned() })
            }
            None => Ok(()),
        }
    }
}

/// The parameters of a query, each of which may stand there once.
fn once_each(query: &str) -> Result<BTreeMap<String, String>, Fault> {
    let mut given = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()).into_owned() {
        let shown = name.clone();
        if given.insert(name, value).is_some() {
            return Err(Fault::Twice(crate::platform::wire::excerpt(&shown)));
        }
    }
    Ok(given)
}
