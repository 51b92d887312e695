//! The narrow ports through which an account reaches what is not its own: the network, its secrets, where it keeps what it
//! must not lose, a timeline's wall, and where it notes limits. Who stands behind them is `publish`'s.

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Card, Identity, PauseScopeKind, PublishError, Studio};
use crate::http::Http;
use crate::model::grant::{Credential, Grant};
use crate::model::money::Price;
use crate::model::picture::Picture;

/// What an account is handed for the network.
pub struct Context<'a> {
    /// For calls that change something: never resends, never follows redirects, never reuses an idle connection.
    pub http: &'a Http,
    /// The channel's secrets, resolved.
    pub credential: &'a Credential,
    /// Where sessions and grants are kept, sealed.
    pub keep: &'a dyn Keep,
    /// Where a timeline's posts live.
    pub wall: &'a dyn Wall,
    /// Where pictures are made.
    pub studio: &'a dyn Studio,
    /// The time.
    pub clock: &'a dyn crate::clock::Clock,
    /// All waits are multiplied by this (`[timing] scale`).
    pub scale: f64,
    /// The identity stored at first use, if any: its `id` spares a look-up.
    pub identity: Option<&'a Identity>,
    /// Where is noted what the platform says of its limits.
    pub meter: &'a dyn Meter,
}

impl Context<'_> {
    /// The grant that a person's consent gave, if there is one.
    ///
    /// # Errors
    /// `NotSent` where the store or the vault fails.
    pub async fn grant(&self) -> Result<Option<Grant>, PublishError> {
        let kept = self.keep.get(Grant::WORD).await.map_err(|said| PublishError::NotSent { said })?;
        Ok(kept.as_ref().and_then(Grant::read))
    }

    /// The token under that key of the config, else the one of the kept grant.
    ///
    /// # Errors
    /// `Auth` where there is neither; `NotSent` where the store or the vault fails.
    pub async fn token(&self, key: &str) -> Result<SecretString, PublishError> {
        if let Some(token) = self.credential.get(key) {
            return Ok(token.clone());
        }
        match self.grant().await? {
            Some(grant) => Ok(grant.access),
            None => Err(PublishError::Auth { said: format!("no token: connect the channel, or name a `{key}`") }),
        }
    }
}

/// What a platform says of a limit of its own: a header, a share, a quota endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    /// Which limit, in the platform's own word: `app-limit-24hour`, `call_count`, `content_publishing_limit`.
    pub limit: &'static str,
    /// Whom it counts for.
    pub scope: PauseScopeKind,
    /// The share used up: 0 to 1, and above where it is overdrawn.
    pub used: f64,
    /// How many more calls or posts it allows, where it is told.
    pub left: Option<u64>,
    /// When it counts anew.
    pub resets: Option<Timestamp>,
}

/// Where adapters note what they read of limits, and what reading cost. Noting is cheap and cannot fail; what comes of it
/// is the caller's. Only limits that bind posting are noted: one that is used up stops its whole scope.
pub trait Meter: Send + Sync {
    /// Notes it.
    fn note(&self, usage: Usage);

    /// Notes that a read was charged for.
    fn spend(&self, _what: &'static str, _price: Price) {}
}

/// For callers that keep no count.
#[derive(Debug)]
pub struct NoMeter;

impl Meter for NoMeter {
    fn note(&self, _usage: Usage) {}
}

/// Where an account keeps what it must not lose, sealed in the vault.
#[async_trait]
pub trait Keep: Send + Sync {
    /// Reads what was kept under that word for this channel.
    ///
    /// # Errors
    /// In words, where the store or the vault fails.
    async fn get(&self, word: &str) -> Result<Option<SecretString>, String>;

    /// Keeps it, durable when this returns.
    ///
    /// # Errors
    /// In words, where the store or the vault fails.
    async fn put(&self, word: &str, secret: &SecretString) -> Result<(), String>;
}

/// A timeline's posts in Bugle's own store.
#[async_trait]
pub trait Wall: Send + Sync {
    /// Puts a post up under that id; the same id again changes nothing and is no error.
    ///
    /// # Errors
    /// In words, where the store fails.
    async fn put(&self, id: &str, post: &WallPost) -> Result<(), String>;

    /// Replaces a post's text; `None` takes it down.
    ///
    /// # Errors
    /// In words, where the store fails.
    async fn change(&self, id: &str, post: Option<&WallPost>) -> Result<(), String>;

    /// Whether there is a post under that id.
    ///
    /// # Errors
    /// In words, where the store fails.
    async fn has(&self, id: &str) -> Result<bool, String>;
}

/// A post on a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WallPost {
    /// Its text.
    pub text: String,
    /// The article's link.
    pub link: Option<Url>,
    /// Its card.
    pub card: Option<Card>,
    /// The picture attached to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
    /// The further pictures of an album, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<Picture>,
    /// BCP 47 tag.
    pub language: Option<String>,
    /// What it counts, by the rules of the platform it is like.
    pub length: usize,
    /// What that platform allows.
    pub limit: usize,
    /// Its place in a thread, where it is a part of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Place>,
}

/// A part's place in its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Counts from 1.
    pub n: usize,
    /// How many parts there are.
    pub of: usize,
}
