//! How an account is opened by a person's consent in a browser (OAuth), as far as platforms differ in it. The state, the
//! browser's session, where the grant is kept and when it is renewed are `connect`'s and the engine's.

use std::collections::BTreeMap;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{ConnectError, Context};
use crate::model::grant::Grant;

/// The redirect URI of a consent whose code is shown to the person instead of being sent anywhere: only where
/// [`Consent::shows_code`].
pub const SHOWN: &str = "urn:ietf:wg:oauth:2.0:oob";

/// Where our own address serves what a platform reads about us: behind it stand the platform's word and `.json`.
pub const CLIENT_PAGES: &str = "/connect/client/";

/// What an account that is opened by consent can do. All calls go through [`Context::http`]; secrets of the app are in
/// [`Context::credential`], what was registered for it in [`Context::keep`].
#[async_trait]
pub trait Consent: Send + Sync {
    /// Prepares a consent: registers the app where the platform wants that, and names the page the person opens.
    ///
    /// # Errors
    /// In words for a person.
    async fn ask(&self, cx: &Context<'_>, way: &Way) -> Result<Asked, ConnectError>;

    /// Trades what came back for grants: one, or one for each page or organisation the person may choose from. A code
    /// works once.
    ///
    /// # Errors
    /// In words for a person.
    async fn exchange(&self, cx: &Context<'_>, way: &Way, back: &Back) -> Result<Vec<Choice>, ConnectError>;

    /// Makes a new grant of the old one. The caller commits it before it is used, and calls this once at a time.
    ///
    /// # Errors
    /// [`RenewError`] says whether trying again can help.
    async fn renew(&self, cx: &Context<'_>, grant: &Grant) -> Result<Grant, RenewError>;

    /// Takes the grant back at the platform.
    ///
    /// # Errors
    /// In words for a person; also where the platform takes no token back, which is the default.
    async fn revoke(&self, _cx: &Context<'_>, _grant: &Grant) -> Result<(), ConnectError> {
        let said = format!("this platform takes no token back from an app: remove the app {}", self.removed_at());
        Err(ConnectError::Refused(said))
    }

    /// Where a person removes an app that may use the account: `in its settings, under ...`.
    fn removed_at(&self) -> &'static str {
        "in the settings of the account, among the apps that may use it"
    }

    /// Whether a code can be shown to the person instead of being sent to a redirect URI (or the page it was sent to can
    /// be copied from the browser's address line, which always works).
    fn shows_code(&self) -> bool {
        false
    }

    /// What the platform reads about us under the URL by which it knows us, where it does; `redirects`: where all its
    /// channels' consents come back to.
    fn client_document(&self, _id: &Url, _redirects: &[Url]) -> Option<serde_json::Value> {
        None
    }
}

/// The way a consent comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Where the browser is sent afterwards; the very text is registered with the platform.
    pub redirect: Url,
    /// Proves that it comes back to the browser it left from; 128 bits or more, used once.
    pub state: String,
}

impl Way {
    /// Without a redirect: the code is shown to the person. See [`SHOWN`].
    pub fn shown(state: String) -> Self {
        Self { redirect: Url::parse(SHOWN).expect("a constant URL"), state }
    }
}

/// A consent under way.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The page the person opens.
    pub url: Url,
    /// What [`Consent::exchange`] needs again: the PKCE verifier, a key. Kept sealed until then.
    pub proof: Proof,
    /// The issuer the answer must name in `iss` (RFC 9207), where the platform sends one.
    pub issuer: Option<String>,
}

/// What is kept between asking and the answer. Secret.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Proof(pub BTreeMap<String, String>);

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What came back.
#[derive(Debug)]
pub struct Back {
    /// The code.
    pub code: SecretString,
    /// As [`Asked::proof`].
    pub proof: Proof,
}

/// One account that the consent opens.
#[derive(Debug)]
pub struct Choice {
    /// The platform's unchanging id of it.
    pub id: String,
    /// The name a person knows it by.
    pub name: String,
    /// Opens it.
    pub grant: Grant,
}

/// Why a grant was not renewed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenewError {
    /// The platform refuses it for good (`invalid_grant`): a person must consent again.
    #[error("{0}")]
    Spent(String),
    /// The request may have been carried out and its answer was lost: one repeat, no more.
    #[error("{0}")]
    Lost(String),
    /// Certainly not carried out, and not for a reason of the grant's: no connection, too many calls. Later.
    #[error("{0}")]
    Later(String),
    /// Certainly not carried out, and trying again soon does not help: the app's own keys are refused, or it is too early.
    #[error("{0}")]
    Declined(String),
    /// There is nothing to renew: the token does not run out, or only a person can make a new one.
    #[error("it cannot be renewed")]
    Never,
}
