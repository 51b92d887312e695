//! Publishing: claim, send, record, reconcile. The binding protocol is in reliability.md; its invariants, as absences:
//! no post leaves without a [`claim::Claim`] and a committed attempt; no request leaves while a transaction is open; no
//! failure after an answer leads back to a send; what was sent and not answered is looked up, never blindly resent.
//!
//! One [`lane::Lane`] a channel does all that is done on that channel, one thing at a time.

pub mod actions;
pub mod amend;
pub mod book;
pub mod call;
pub mod claim;
pub mod lane;
pub mod meter;
pub mod money;
pub mod ports;
pub mod prepare;
pub mod reconcile;
pub mod recover;
pub mod renew;
pub mod retry;
pub mod safe;
pub mod settle;
pub mod shelf;
pub mod standing;
pub mod studio;
pub mod tokens;
pub mod why;

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::clock::SharedClock;
use crate::compose::words::Words;
use crate::expr::Templates;
use crate::http::Http;
use crate::model::channel::PauseScope;
use crate::model::grant::Credential;
use crate::model::id::{ChannelName, WorkerId};
use crate::model::picture::{CardTime, Carry};
use crate::platform::{Account, Identity, PauseScopeKind};
use crate::schedule::Policy;
use crate::schedule::budget::Budget;
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::vault::Vault;

/// What all channels share.
pub struct House {
    /// The store.
    pub store: Store,
    /// The network.
    pub http: Http,
    /// What seals.
    pub vault: Arc<Vault>,
    /// The time.
    pub clock: SharedClock,
    /// This process.
    pub worker: WorkerId,
    /// The newsroom's zone.
    pub zone: TimeZone,
    /// The newsroom's name.
    pub newsroom: String,
    /// BCP 47 tag of what it publishes, where neither article nor source states one.
    pub language: Option<String>,
    /// The templates.
    pub templates: Templates,
    /// Tags, mentions and links.
    pub words: Words,
    /// Where pictures are made.
    pub studio: studio::Workshop,
    /// All waits are multiplied by this.
    pub scale: f64,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// What to do with a post in doubt that nothing can settle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUncertain {
    /// A person decides.
    #[default]
    Hold,
    /// It is sent again: it may appear twice.
    Repost,
}

/// A channel as the config has it.
#[derive(Clone)]
pub struct Channel {
    /// Its name.
    pub name: ChannelName,
    /// Its side of the platform.
    pub account: Arc<dyn Account>,
    /// When it may post.
    pub policy: Arc<Policy>,
    /// How its posts carry a picture.
    pub picture: Carry,
    /// Whether they wait for the page their card is made of.
    pub card: CardTime,
    /// How many, where those are the article's own.
    pub pictures: u8,
    /// What to do in doubt.
    pub on_uncertain: OnUncertain,
    /// Whether a post in doubt holds up those behind it.
    pub strict_order: bool,
    /// Its caps of money.
    pub budget: Option<Budget>,
}

impl Channel {
    /// Reads its secrets.
    ///
    /// # Errors
    /// Which one is missing, and where it was looked for.
    pub fn credential(&self) -> Result<Credential, String> {
        let mut found = Vec::new();
        for (key, place) in self.account.secrets() {
            found.push((key, crate::vault::secret::resolve(&place).map_err(|e| format!("{key}: {e}"))?));
        }
        Ok(Credential(found))
    }

    /// Which pauses concern it.
    pub fn scopes(&self, credential: &Credential) -> Vec<PauseScope> {
        let mut scopes = vec![PauseScope::All, PauseScope::Channel(self.name.as_str().to_owned())];
        scopes.extend(self.account.credential_scope(credential).map(PauseScope::Credential));
        scopes.extend(self.account.app_scope(credential).map(PauseScope::App));
        scopes
    }

    /// How far a limit reaches; where the account has no such scope, the channel.
    pub fn scope(&self, kind: PauseScopeKind, credential: &Credential) -> PauseScope {
        let wider = match kind {
            PauseScopeKind::Channel => None,
            PauseScopeKind::Credential => self.account.credential_scope(credential).map(PauseScope::Credential),
            PauseScopeKind::App => self.account.app_scope(credential).map(PauseScope::App),
        };
        wider.unwrap_or_else(|| PauseScope::Channel(self.name.as_str().to_owned()))
    }
}

/// Reads a stored identity; one this version cannot read is asked for again.
pub fn identity_of(stored: Option<&str>) -> Option<Identity> {
    stored.and_then(|text| serde_json::from_str(text).ok())
}

/// `[notify]` of the config: where notices are posted besides the desk.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// A web hook that takes notices as JSON.
    pub url: url::Url,
    /// Signs each notice as Standard Webhooks has it, so that the receiver can tell it is ours.
    #[serde(default)]
    pub secret: Option<crate::model::grant::SecretRef>,
}
