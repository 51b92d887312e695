//! Connecting an account by a person's consent (OAuth 2.0), in the terminal and in the browser: the one-time state and
//! whose it is, what comes back and whether it may be believed (`back`), the choice where a consent opens several
//! accounts, and keeping the grant (`keep`). How a platform asks and exchanges is its own
//! [`Consent`]; the pages are `web`'s, the questions in the terminal `cli`'s. Renewing a grant
//! is the engine's.
//!
//! The rules of RFC 9700 and where they are kept: docs/adr/0015-connecting.md.

mod back;
mod flow;
#[cfg(test)]
mod flow_tests;
mod keep;
mod secret;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use url::{Host, Url};

use crate::clock::SharedClock;
use crate::http::Http;
use crate::model::grant::Credential;
use crate::platform::consent::SHOWN;
use crate::platform::{Account, ConnectError, Consent, Keep, Spec};
use crate::store::{Store, StoreError};

pub use self::flow::{Begun, Came, Offer, Outcome};
pub use self::secret::Session;

/// How long a person has from the ticket to the consent, and from the consent to what comes back. 10 minutes; source:
/// reliability.md section 4 asks for one time use, the time is ours.
pub const WITHIN: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);

/// Where each channel's account keeps what it must not lose.
pub trait Keeps: Send + Sync {
    /// That channel's place.
    fn of(&self, channel: &str) -> Arc<dyn Keep>;
}

/// A channel as connecting takes it.
#[derive(Clone)]
pub struct Subject {
    /// Its name in the config.
    pub name: String,
    /// Its platform.
    pub platform: &'static Spec,
    /// Its account.
    pub account: Arc<dyn Account>,
}

impl Subject {
    /// Reads its secrets of the config.
    fn credential(&self) -> Result<Credential, Fault> {
        let mut found = Vec::new();
        for (key, place) in self.account.secrets() {
            let secret = crate::vault::secret::resolve(&place).map_err(|e| Fault::Secret(format!("{key}: {e}")))?;
            found.push((key, secret));
        }
        Ok(Credential(found))
    }

    /// How its account asks for consent.
    ///
    /// # Errors
    /// Where it is opened by keys in the config alone.
    pub fn consent(&self) -> Result<&dyn Consent, Fault> {
        if self.account.secrets().iter().any(|(key, _)| *key == "token") {
            return Err(Fault::TokenInConfig(self.name.clone()));
        }
        self.account.consent().ok_or_else(|| Fault::ByKeys(self.platform.name.to_owned()))
    }
}

/// What connecting works with. One for each generation of the config.
pub struct Connector {
    /// The store.
    pub store: Store,
    /// The network.
    pub http: Http,
    /// The time.
    pub clock: SharedClock,
    /// All waits are multiplied by this (`[timing] scale`).
    pub scale: f64,
    /// Where grants are kept.
    pub keeps: Arc<dyn Keeps>,
    /// The channels of the config.
    pub channels: Vec<Subject>,
    /// Where a browser reaches the pages.
    pub public_url: Option<Url>,
    /// The port of this service, for a redirect that only leads back to this machine.
    pub port: u16,
}

/// A connected account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The channel.
    pub channel: String,
    /// The name people know the account by.
    pub handle: String,
    /// The platform's unchanging id of it.
    pub id: String,
    /// What still blocks the channel, in words.
    pub blocked: Option<String>,
}

/// Why an account is not connected. Its words are for a person; none holds a code, a token or a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is no such channel.
    #[error("there is no channel {0:?}")]
    NoChannel(String),
    /// Its account is opened by keys in the config.
    #[error("a channel of {0} is not connected by consent: its keys are in the config")]
    ByKeys(String),
    /// The config names a token, which would be used instead of the grant.
    #[error("channel.{0} names a `token` in the config, which would be used instead")]
    TokenInConfig(String),
    /// A secret of the config is not there.
    #[error("{0}")]
    Secret(String),
    /// The pages cannot be reached in a way that keeps what comes back from other eyes.
    #[error("connecting in the browser needs [web] public_url with https, or on this machine: found {0}")]
    NoWay(String),
    /// The ticket is not known, was used, or is too late.
    #[error("this one-time link is not valid (any more): run `bugle connect` again")]
    Ticket,
    /// A parameter came twice.
    #[error("expected each parameter once, found `{0}` twice")]
    Twice(String),
    /// It does not say which consent it belongs to.
    #[error("expected a `state` in the address, found none")]
    NoState,
    /// Neither a code nor an error.
    #[error("expected a `code` in the address, found none")]
    NoCode,
    /// It is no address of this consent.
    #[error("expected the address that begins with {0}, found another one")]
    NotTheAddress(String),
    /// The state is not known: never given, used before, or of another time.
    #[error("this consent is not known: it was used already, or never begun here; connect again")]
    Unknown,
    /// It took too long.
    #[error("this consent came too late (after more than 10 minutes); connect again")]
    Late,
    /// It came to another browser or terminal than it was begun in.
    #[error("this consent was begun in another browser; open the one-time link in the browser you sign in with")]
    Foreign,
    /// It was begun in a terminal: what came back has to be taken there.
    #[error("this consent was begun in a terminal: copy the address of this page and paste it there")]
    Terminal,
    /// It came back to another channel's address than it was begun for: a mix-up.
    #[error("this consent belongs to another channel; nothing was accepted; connect again")]
    Elsewhere,
    /// The answer names another issuer than the platform's.
    #[error("expected an answer of {expected}, found {found}; nothing was accepted")]
    Issuer {
        /// The platform's.
        expected: String,
        /// As the answer has it; or that there was none.
        found: String,
    },
    /// The person did not allow it.
    #[error("it was not allowed on the platform's page; nothing was changed")]
    Denied,
    /// The platform answered with another error.
    #[error("the platform says: {0}")]
    Refused(String),
    /// The consent opens no account.
    #[error("the consent opens no account: {0}")]
    Nothing(String),
    /// None of the offered accounts was chosen.
    #[error("expected one of the offered accounts, found {0:?}")]
    NoChoice(String),
    /// It opens another account than the channel's.
    #[error("{0}; nothing was stored; another account gets a channel of its own in the config")]
    OtherAccount(String),
    /// There is nothing to take back.
    #[error("channel {0} is not connected")]
    NotConnected(String),
    /// The platform did not do it.
    #[error(transparent)]
    Platform(#[from] ConnectError),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is sealed cannot be kept or read.
    #[error("{0}")]
    Keep(String),
}

impl Connector {
    /// The channel of that name.
    ///
    /// # Errors
    /// Where there is none.
    pub fn subject(&self, name: &str) -> Result<&Subject, Fault> {
        self.channels.iter().find(|it| it.name == name).ok_or_else(|| Fault::NoChannel(name.to_owned()))
    }

    /// Where the browser comes back to: one address a channel, so that an answer of one platform never counts for
    /// another. Without a public address the code is shown, or the browser ends on this machine and the person copies
    /// the address.
    pub fn redirect(&self, subject: &Subject) -> Url {
        let shows_code = subject.account.consent().is_some_and(Consent::shows_code);
        let base = match &self.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None if shows_code => return Url::parse(SHOWN).expect("a constant URL"),
            None => format!("http://127.0.0.1:{}", self.port),
        };
        at(&base, "connect/callback", &subject.name)
    }

    /// Where a browser that begins at the desk comes back to. Without a public address that is this machine: then the
    /// browser has to be on it.
    fn redirect_to_desk(&self, subject: &Subject) -> Url {
        at(&self.desk(), "connect/callback", &subject.name)
    }

    /// The address under which the desk has to be open in a browser that connects, as its origin.
    pub fn desk_origin(&self) -> String {
        Url::parse(&self.desk()).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
    }

    fn desk(&self) -> String {
        match &self.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://127.0.0.1:{}", self.port),
        }
    }

    /// The page where a browser begins; the ticket stands in its query.
    ///
    /// # Errors
    /// Where the pages cannot be reached in a way that keeps what comes back from other eyes.
    pub fn page(&self, channel: &str) -> Result<Url, Fault> {
        let base = self.public_url.as_ref().ok_or_else(|| Fault::NoWay("none".to_owned()))?;
        if !is_private_way(base) {
            return Err(Fault::NoWay(base.to_string()));
        }
        Ok(at(base.as_str().trim_end_matches('/'), "connect", channel))
    }
}

/// Whether what is sent there cannot be read on the way.
fn is_private_way(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || loopback
}

fn at(base: &str, path: &str, channel: &str) -> Url {
    let name = percent_encoding::utf8_percent_encode(channel, percent_encoding::NON_ALPHANUMERIC).to_string();
    // A name of the config is letters, digits, `-` and `_`: these stay readable.
    let name = name.replace("%2D", "-").replace("%5F", "_");
    Url::parse(&format!("{base}/{path}/{name}")).expect("a checked URL with a plain path behind it is one")
}
