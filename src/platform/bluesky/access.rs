//! What opens the account's data server for one call: the session of an app password, or the grant of its owner's consent.

use secrecy::SecretString;
use url::Url;

use super::Repo;
use super::consent::{self, DID, KEY, PDS};
use super::dpop::Key;
use super::session::Session;
use crate::model::grant::Grant;
use crate::platform::{Context, PublishError};

/// Opens calls.
pub struct Access {
    /// The account.
    pub did: String,
    /// Its own data server.
    pub pds: Url,
    /// By what.
    pub by: By,
}

/// What opens them.
pub enum By {
    /// A session: a bearer token that we renew ourselves.
    Session(Session),
    /// A grant: a token bound to a key. The engine renews it.
    Grant {
        /// The token.
        token: SecretString,
        /// The key.
        key: Key,
    },
}

impl Repo {
    /// The session where the config names an app password, else the grant.
    pub(super) async fn access(&self, cx: &Context<'_>) -> Result<Access, PublishError> {
        if self.config.password.is_some() {
            return Ok(self.session(cx).await?.into());
        }
        let grant = cx.grant().await?;
        let grant = grant.ok_or_else(|| auth("no access: connect the channel, or name a `password`".to_owned()))?;
        of(grant, &self.config.handle)
    }
}

impl From<Session> for Access {
    fn from(session: Session) -> Self {
        Self { did: session.did.clone(), pds: session.pds.clone(), by: By::Session(session) }
    }
}

fn of(grant: Grant, handle: &str) -> Result<Access, PublishError> {
    let incomplete = || auth("what is kept of the consent is incomplete: connect again".to_owned());
    let key = Key::read(consent::own(&grant, KEY)).ok_or_else(incomplete)?;
    let pds = Url::parse(consent::own(&grant, PDS)).map_err(|_| incomplete())?;
    let did = consent::own(&grant, DID).to_owned();
    if did.is_empty() {
        return Err(incomplete());
    }
    // A handle may have changed its owner; a DID in the config says who is meant.
    if handle.starts_with("did:") && handle != did {
        return Err(auth(format!("the channel is connected as {did}, the config names {handle}: connect again")));
    }
    Ok(Access { did, pds, by: By::Grant { token: grant.access, key } })
}

fn auth(said: String) -> PublishError {
    PublishError::Auth { said }
}
