//! THE SEAM: what Bugle asks of a platform, as data first and code second, and the list of all platforms.
//!
//! A [`Platform`] is a constant: its [`Spec`] and a way to open an [`Account`] from the channel's own keys of the
//! config. An `Account` is one channel's side of it: pure where it prepares ([`Account::freeze`]), on the network only
//! where it publishes, amends, looks up or introduces itself. Platforms do not know each other, the store or the engine:
//! what they need to keep goes through the narrow ports of [`Context`] and through the [`Journal`].

pub mod consent;
pub mod error;
pub mod graph;
pub mod journal;
pub mod oauth;
pub mod picture;
pub mod port;
pub mod price;
pub mod quota;
pub mod scrub;
pub mod wire;

pub mod bluesky;
pub mod discord;
pub mod facebook;
pub mod instagram;
pub mod linkedin;
pub mod mastodon;
pub mod matrix;
pub mod slack;
pub mod telegram;
pub mod threads;
pub mod timeline;
pub mod webhook;
pub mod x;

#[cfg(test)]
mod counted;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

pub use self::consent::Consent;
pub use self::error::{ConnectError, PauseScopeKind, PublishError};
pub use self::journal::{Journal, StepBook};
pub use self::picture::{NoStudio, Studio};
pub use self::port::{Context, Keep, Meter, NoMeter, Place, Usage, Wall, WallPost};
pub use self::price::PriceList;
use crate::model::grant::{Credential, SecretRef};
use crate::model::money::Price;
use crate::model::picture::{Fit, Picture, Ratio};
use crate::model::post::Rejection;
use crate::model::receipt::{Op, Receipt, Step};
use crate::text::rules::{FittedText, TextRules};

/// Every platform, in the order of the docs.
pub static ALL: &[&dyn Platform] = &[
    &bluesky::Bluesky,
    &discord::Discord,
    &facebook::Facebook,
    &instagram::Instagram,
    &linkedin::LinkedIn,
    &mastodon::Mastodon,
    &matrix::Matrix,
    &slack::Slack,
    &telegram::Telegram,
    &threads::Threads,
    &timeline::Timeline,
    &webhook::Webhook,
    &x::X,
];

/// The platform of that id in [`ALL`].
pub fn by_id(id: &str) -> Option<&'static dyn Platform> {
    ALL.iter().copied().find(|p| p.spec().id == id)
}

/// What a constant can say of a platform.
#[derive(Debug)]
pub struct Spec {
    /// The word in the config: `x`, `mastodon`.
    pub id: &'static str,
    /// As the platform writes it: "X", "Mastodon".
    pub name: &'static str,
    /// The limits of a text where the account states none of its own.
    pub text: TextRules,
    /// What a picture may be.
    pub media: MediaRules,
    /// Whether a thread of several parts can be made.
    pub threads: bool,
    /// Whether a published post can be changed so that readers see the change.
    pub edits: bool,
    /// Whether a published post can be taken down.
    pub deletes: bool,
    /// How long one step without media may take before its outcome counts as unknown. Source: reliability.md section 1.
    pub deadline: Duration,
    /// The same for a step that carries media.
    pub media_deadline: Duration,
    /// How an account is opened.
    pub connect: Connect,
    /// What its terms ask of posts that no person sends.
    pub terms: Terms,
}

/// What a platform's terms say of automated posting, for the people who connect an account: shown by `check` and when a
/// channel is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What they ask, in a sentence or two of our own; empty: nothing that touches a newsroom's own posts.
    pub ask: &'static str,
    /// Where they say it; empty only where there are none.
    pub source: &'static str,
    /// When that was read: `2026-11`.
    pub read: &'static str,
}

impl Terms {
    /// A platform without an operator other than the newsroom.
    pub const NONE: Self = Self { ask: "", source: "", read: "" };
}

/// What a platform takes as an attached picture. Bugle sends JPEG, which every platform takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaRules {
    /// Pictures a post; 0: none.
    pub max: u8,
    /// The most bytes of one picture.
    pub bytes: usize,
    /// The longest side it is sent with, in pixels.
    pub side: u32,
    /// How many times longer than its shorter side it may be.
    pub longest: u32,
    /// The most grapheme clusters of an alternative text; 0: it carries none.
    pub alt: usize,
    /// The most units of the text beside a picture, where they are fewer than without one.
    pub caption: Option<usize>,
    /// The shape of a headline card drawn for it.
    pub ratio: Ratio,
}

impl MediaRules {
    /// A platform without pictures.
    pub const NONE: Self = Self { max: 0, bytes: 0, side: 0, longest: 1, alt: 0, caption: None, ratio: Ratio::Card };

    /// What an attached picture has to be.
    pub const fn fit(&self) -> Fit {
        Fit { bytes: self.bytes, side: self.side, crop: None, longest: self.longest }
    }
}

/// How an account is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connect {
    /// Nothing to open.
    None,
    /// A password made for this app.
    AppPassword,
    /// A bot's token.
    BotToken,
    /// OAuth 1.0a user keys.
    OAuth1,
    /// OAuth 2.0 code flow.
    OAuth2,
    /// A password made for this app, or without one OAuth 2.0: the channel's keys say which.
    AppPasswordOrOAuth2,
    /// OAuth 2.0 code flow, or OAuth 1.0a user keys: the channel's keys say which.
    OAuth1Or2,
}

/// How an unknown outcome can be settled. A property of the account, not of the platform alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// We chose the remote id: ask for it; absent → the same request again.
    OwnId,
    /// The request carries a key that the platform remembers for `window`.
    Key {
        /// How long.
        window: Duration,
    },
    /// Own recent posts can be read: look twice before believing it absent.
    Look,
    /// Neither: a person decides.
    Blind,
}

/// A platform: data, and the way to open an account of it.
pub trait Platform: Send + Sync + 'static {
    /// What a constant can say.
    fn spec(&self) -> &'static Spec;

    /// Reads the channel's own keys of the config (everything but the common ones) into an account.
    ///
    /// # Errors
    /// A fault in a key, with the span of the key or value in the config file.
    fn open(&self, keys: toml::de::DeTable<'_>) -> Result<Arc<dyn Account>, toml::de::Error>;

    /// The JSON Schema of those keys.
    fn schema(&self, generator: &mut schemars::SchemaGenerator) -> schemars::Schema;
}

/// One channel's side of its platform.
#[async_trait]
pub trait Account: Send + Sync + 'static {
    /// The platform's constants.
    fn spec(&self) -> &'static Spec;

    /// Whether a thread of several parts can be made here.
    fn threads(&self) -> bool {
        self.spec().threads
    }

    /// The limits of a text on this account; `identity` is what the server said of itself when last asked.
    fn rules(&self, _identity: Option<&Identity>) -> TextRules {
        self.spec().text
    }

    /// What may be attached to a post of this account.
    fn media(&self) -> MediaRules {
        self.spec().media
    }

    /// How an unknown outcome of a `Create` is settled on this account.
    fn recovery(&self, identity: Option<&Identity>) -> Recovery;

    /// The config keys that hold secrets and where each is to be found.
    fn secrets(&self) -> Vec<(&'static str, SecretRef)>;

    /// The host (and port) this account talks to, for `allow_private`; `None` for a local one.
    fn server(&self) -> Option<&Url>;

    /// Consent in a browser, where the account is opened by it; `None`: by keys in the config alone.
    fn consent(&self) -> Option<&dyn Consent> {
        None
    }

    /// The dated API version that the account is configured for, and the day it stops working; `None`: the platform has
    /// no such versions, or has not said when this one ends.
    fn sunset(&self) -> Option<(String, jiff::civil::Date)> {
        None
    }

    /// Why each post of this account waits for a person, whatever the route says; `None`: it does not.
    fn must_approve(&self) -> Option<&'static str> {
        None
    }

    /// The platform it stands in for, where it is a timeline like one.
    fn like(&self) -> Option<&str> {
        None
    }

    /// A digest that is equal for all channels sharing one credential, where a limit reaches all of them.
    fn credential_scope(&self, _credential: &Credential) -> Option<String> {
        None
    }

    /// A digest that is equal for all channels of one developer app.
    fn app_scope(&self, _credential: &Credential) -> Option<String> {
        None
    }

    /// What is charged for posting here; `None`: nothing.
    fn prices(&self) -> Option<&'static PriceList> {
        None
    }

    /// What sending that step costs; `body` is the planned step's, of a take-down the remote id.
    fn charge(&self, _step: Step, _body: &str) -> Price {
        Price::ZERO
    }

    /// What sending the whole payload costs; `None` where nothing is charged for.
    fn price(&self, payload: &Payload) -> Option<Price> {
        self.prices().map(|_| payload.steps.iter().map(|planned| self.charge(planned.step, &planned.body)).sum())
    }

    /// Prepares a post down to the bytes that are sent. Pure: the same input gives the same bytes.
    ///
    /// # Errors
    /// What can already be told to be refused.
    fn freeze(&self, post: &Outgoing, ids: &Ids) -> Result<Payload, (Rejection, String)>;

    /// Sends a frozen payload step by step; each changing call goes through [`Journal::step`].
    ///
    /// # Errors
    /// The class that decides what happens to the post.
    async fn publish(
        &self,
        cx: &Context<'_>,
        payload: &Payload,
        journal: &mut Journal<'_>,
    ) -> Result<Receipt, PublishError>;

    /// Changes or takes down what is out.
    ///
    /// # Errors
    /// As [`publish`](Self::publish); `Rejected` where the platform cannot do it.
    async fn amend(&self, cx: &Context<'_>, what: &Amend, journal: &mut Journal<'_>) -> Result<Receipt, PublishError>;

    /// Asks what became of a `Create` step whose answer was lost. Reads only.
    ///
    /// # Errors
    /// Anything but a clear answer; the engine treats every error as "cannot tell".
    async fn find(&self, cx: &Context<'_>, sought: &Sought<'_>) -> Result<Lookup, PublishError>;

    /// Who the credential belongs to and what the server says of itself. Reads only.
    ///
    /// # Errors
    /// In words for a person.
    async fn whoami(&self, cx: &Context<'_>) -> Result<Identity, ConnectError>;
}

/// A composed post on its way to a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The text of the post, or of the first part of a thread, links included, proved to fit.
    pub text: FittedText,
    /// The further parts of a thread, in order; empty where there is one part, and where the account threads nothing.
    pub more: Vec<FittedText>,
    /// The article's own link: the only one that is made clickable.
    pub link: Option<Url>,
    /// For a link card built by us.
    pub card: Option<Card>,
    /// The picture to attach; where it cannot be had, the post goes out without it.
    pub picture: Option<Picture>,
    /// Further pictures of an album, in order; at most [`MediaRules::max`] with the first. Each that cannot be had is left
    /// out.
    pub further: Vec<Picture>,
    /// BCP 47 tag.
    pub language: Option<String>,
    /// Who may be mentioned: every other `@` is text.
    pub mentions: Vec<Mention>,
}

/// An account that a text may mention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// As it stands in the text, with its `@`.
    pub handle: String,
    /// The id its platform needs, where it needs one.
    pub id: Option<String>,
}

impl Outgoing {
    /// The texts of all parts, in order.
    pub fn parts(&self) -> impl Iterator<Item = &FittedText> {
        std::iter::once(&self.text).chain(&self.more)
    }

    /// Which part carries the card: the first that has the link in its text, else the first.
    pub fn linked(&self) -> usize {
        let link = self.link.as_ref().map_or("", Url::as_str);
        self.parts().position(|part| !link.is_empty() && part.as_str().contains(link)).unwrap_or(0)
    }

    /// All of it as one text, for [`Payload::text`].
    pub fn whole(&self) -> String {
        crate::text::thread::join(self.parts().map(FittedText::as_str))
    }
}

/// What a link card shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Where it leads.
    pub url: Url,
    /// The headline.
    pub title: String,
    /// A line or two; may be empty.
    pub description: String,
    /// Where its picture is.
    pub image: Option<Url>,
}

/// What the client may choose itself, derived from (channel, story, occasion, revision), never from chance: a restored
/// database chooses the same again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    /// 32 bytes of SHA-256 over channel, story, occasion and revision, in hex.
    pub seed: String,
    /// The instant of the post's making: times inside the payload come from here.
    pub created: Timestamp,
    /// The story's own date, the same also after a restore: ids that carry a time take it from here.
    pub story: Timestamp,
    /// Counts from 0; a stated fallback makes the next.
    pub revision: u16,
}

/// A frozen payload: everything that is sent, fixed before the first byte leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// The adapter's own version of the layout of `steps`.
    pub format: u32,
    /// Counts from 0.
    pub revision: u16,
    /// The idempotency key or the client-chosen remote id, where the platform takes one.
    pub key: String,
    /// The steps in order; every `Create` comes after the `Upload`s it needs.
    pub steps: Vec<Planned>,
    /// The text as composed, for people; the parts of a thread are divided as `text::thread` has it.
    pub text: String,
    /// The article's link, for a look-up.
    pub link: Option<Url>,
}

/// One planned step of a payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Which.
    pub step: Step,
    /// The request's body, or for an upload where the picture comes from: only the adapter reads it.
    pub body: String,
}

impl Payload {
    /// SHA-256 over what a reader will see of it, in hex: what an approval binds to. Unlike [`hash`](Self::hash) it does
    /// not change with the instant of freezing.
    pub fn seen_hash(&self) -> String {
        use sha2::Digest as _;
        let link = self.link.as_ref().map_or("", Url::as_str);
        let mut seen = format!("{}\n{link}", self.text);
        // A card's picture is the page's; an attached one is the post's.
        for upload in self.steps.iter().filter(|p| p.step.op == Op::Upload && p.body.starts_with('{')) {
            seen.push('\n');
            seen.push_str(&upload.body);
        }
        crate::text::plain::hex(&sha2::Sha256::digest(seen))
    }

    /// SHA-256 over the whole payload, in hex.
    pub fn hash(&self) -> String {
        use sha2::Digest as _;
        let bytes = serde_json::to_vec(self).expect("a payload is plain data with text keys");
        crate::text::plain::hex(&sha2::Sha256::digest(&bytes))
    }

    /// The steps that send a picture, in order; nothing is visible by them.
    pub fn uploads(&self) -> impl Iterator<Item = &Planned> {
        self.steps.iter().filter(|planned| planned.step.op == Op::Upload)
    }

    /// The steps that make a part visible, in order.
    pub fn creates(&self) -> impl Iterator<Item = &Planned> {
        self.steps.iter().filter(|planned| planned.step.op == Op::Create)
    }

    /// The texts of its parts, as they were composed. Where pictures are parts of their own, there are fewer texts than
    /// `Create` steps.
    pub fn parts(&self) -> Vec<String> {
        let most = self.creates().count();
        let parts = if most > 1 { crate::text::thread::split(&self.text) } else { Vec::new() };
        if parts.is_empty() || parts.len() > most { vec![self.text.clone()] } else { parts }
    }

    /// The planned step of that name.
    pub fn planned(&self, step: Step) -> Option<&Planned> {
        self.steps.iter().find(|p| p.step == step)
    }

    /// The step after which the whole post is out.
    pub fn last(&self) -> Option<Step> {
        self.steps.last().map(|p| p.step)
    }
}

/// A change to what is out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amend {
    /// Make it show `payload` instead.
    Edit {
        /// Of the post as it is out.
        receipt: Receipt,
        /// What it shall show; its `Create` steps are used.
        payload: Payload,
    },
    /// Take all its parts down.
    Delete {
        /// Of the post as it is out.
        receipt: Receipt,
    },
}

/// What a look-up looks for.
#[derive(Clone, Debug)]
pub struct Sought<'a> {
    /// The frozen payload.
    pub payload: &'a Payload,
    /// Which `Create` step of it.
    pub step: Step,
    /// The remote id of the part before, for parts of a thread.
    pub parent: Option<&'a str>,
    /// What the steps done before noted: the id of a container, of the parts that are out.
    pub done: &'a HashMap<Step, serde_json::Value>,
    /// When the attempt was begun, by our clock.
    pub begun: Timestamp,
    /// The start of the window in which a match counts (`begun` corrected by the platform's clock, less a margin).
    pub since: Timestamp,
}

/// What a look-up found.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// It is out; the value is what the step would have recorded, and its receipt.
    Published {
        /// As [`Journal::step`] would have stored it.
        value: serde_json::Value,
        /// The receipt of this part.
        receipt: Receipt,
    },
    /// Certainly not there as far as the platform shows now.
    Absent,
    /// No clear answer; with the reason.
    CannotTell(String),
}

/// Who a credential belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The platform's unchanging id of the account.
    pub id: String,
    /// The name people know it by.
    pub handle: String,
    /// Text limits the server states, if it does.
    pub limit: Option<usize>,
    /// What a link costs in a text whatever its length, where the server states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_cost: Option<usize>,
    /// What the server says it is ("4.3.1", "2.75 (compatible; snac)").
    pub server: Option<String>,
    /// Things a person should know, for `check --live`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// The step of a post with one part and no media: what most payloads consist of.
pub const ONLY: Step = Step { op: Op::Create, n: 0 };
