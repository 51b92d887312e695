//! Keeping a grant: who it belongs to, whether that is the channel's account, and what it lets go on; and taking it back.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Connected, Connector, Fault, Subject};
use crate::model::channel::Block;
use crate::model::grant::{Credential, Grant};
use crate::model::post::Actor;
use crate::platform::scrub::{Scrub, Watched};
use crate::platform::{ConnectError, Context, Identity, Keep, NoMeter, NoStudio, Wall, WallPost};
use crate::store;

/// The longest a platform may take to introduce an account. 60 s, ours.
const PATIENCE: Duration = Duration::from_secs(60);

impl Connector {
    /// What a platform is handed for a consent.
    pub(super) fn context<'a>(&'a self, credential: &'a Credential, keep: &'a dyn Keep) -> Context<'a> {
        Context {
            http: &self.http,
            credential,
            keep,
            wall: &NoWall,
            studio: &NoStudio,
            clock: &*self.clock,
            scale: self.scale,
            // Not what is known: the question is who it is now.
            identity: None,
            meter: &NoMeter,
        }
    }

    /// Keeps a grant where it opens the channel's account, and takes away what blocked the channel as far as a new grant
    /// is the answer to it.
    pub(super) async fn accept(&self, subject: &Subject, grant: &Grant, who: &str) -> Result<Connected, Fault> {
        let keep = self.keeps.of(&subject.name);
        let written = grant.written();
        let with = Overlay { grant: written.clone(), under: Arc::clone(&keep) };
        let credential = subject.credential()?;
        let watched = Watched::new(&with);
        let cx = self.context(&credential, &watched);
        let identity = match tokio::time::timeout(PATIENCE, subject.account.whoami(&cx)).await {
            Ok(found) => found.map_err(|error| clean(&watched, &credential, grant).connect_error(error))?,
            Err(_) => {
                let said = format!("no answer within {} s", PATIENCE.as_secs());
                return Err(Fault::Platform(ConnectError::Unreachable(said)));
            }
        };
        if let Some(known) = self.known(&subject.name).await?.filter(|known| known.id != identity.id) {
            return Err(Fault::OtherAccount(format!(
                "the token belongs to {} ({}), this channel to {} ({})",
                identity.handle, identity.id, known.handle, known.id
            )));
        }
        keep.put(Grant::WORD, &written).await.map_err(Fault::Keep)?;
        let blocked = self.let_go_on(subject, &identity, who).await?.map(|block| block.to_string());
        Ok(Connected { channel: subject.name.clone(), handle: identity.handle, id: identity.id, blocked })
    }

    /// The identity the channel was first used with.
    async fn known(&self, channel: &str) -> Result<Option<Identity>, Fault> {
        let mut conn = self.store.read().await?;
        let row = store::channel::one(&mut conn, channel).await?;
        Ok(row.and_then(|row| row.identity).and_then(|text| serde_json::from_str(&text).ok()))
    }

    async fn let_go_on(&self, subject: &Subject, identity: &Identity, who: &str) -> Result<Option<Block>, Fault> {
        let (name, platform, now) = (subject.name.clone(), subject.platform.id, self.clock.now());
        let (who, said) = (Actor::Person(who.to_owned()), format!("connected as {}", identity.handle));
        let identity = store::to_json(identity);
        let job = store::job(move |conn| {
            Box::pin(async move {
                store::channel::ensure(conn, &name, platform, now).await?;
                store::channel::set_identity(conn, &name, &identity).await?;
                let blocked = store::channel::one(conn, &name).await?.and_then(|row| row.blocked);
                let still = blocked.filter(stays);
                if still.is_none() {
                    store::channel::set_blocked(conn, &name, None, now).await?;
                }
                store::audit::add(conn, now, &who, "channel", &name, (None, None), &said).await?;
                store::meta::touch(conn).await?;
                Ok(still)
            })
        });
        Ok(self.store.write(job).await?)
    }

    /// Takes the channel's grant back at the platform and forgets it; the channel is blocked until it is connected again,
    /// its posts stay. With `anyway` it is forgotten even where the platform does not take it back; then what the
    /// platform said is given back.
    ///
    /// # Errors
    /// Where there is no grant, or the platform does not take it back.
    pub async fn disconnect(&self, channel: &str, who: &str, anyway: bool) -> Result<Option<Fault>, Fault> {
        let subject = self.subject(channel)?;
        let consent = subject.account.consent().ok_or_else(|| Fault::ByKeys(subject.platform.name.to_owned()))?;
        let keep = self.keeps.of(channel);
        let kept = match keep.get(Grant::WORD).await {
            Ok(kept) => kept.ok_or_else(|| Fault::NotConnected(channel.to_owned()))?,
            // Sealed under a key that is gone: nothing can be taken back with it.
            Err(said) if anyway => {
                self.forget(subject, who).await?;
                return Ok(Some(Fault::Keep(said)));
            }
            Err(said) => return Err(Fault::Keep(said)),
        };
        let revoked = match Grant::read(&kept) {
            Some(grant) => {
                let credential = subject.credential()?;
                let watched = Watched::new(&*keep);
                let revoked = consent.revoke(&self.context(&credential, &watched), &grant).await;
                revoked.map_err(|error| Fault::Platform(clean(&watched, &credential, &grant).connect_error(error)))
            }
            None => Err(Fault::Keep("the kept grant cannot be read".to_owned())),
        };
        match revoked {
            Err(fault) if !anyway => Err(fault),
            revoked => {
                self.forget(subject, who).await?;
                Ok(revoked.err())
            }
        }
    }

    async fn forget(&self, subject: &Subject, who: &str) -> Result<(), Fault> {
        let (name, platform, now) = (subject.name.clone(), subject.platform.id, self.clock.now());
        let actor = Actor::Person(who.to_owned());
        let block = Block::Token { said: format!("disconnected by {who}") };
        let job = store::job(move |conn| {
            Box::pin(async move {
                store::channel::ensure(conn, &name, platform, now).await?;
                store::sealed::remove(conn, &name, Grant::WORD).await?;
                let blocked = store::channel::one(conn, &name).await?.and_then(|row| row.blocked);
                if !blocked.as_ref().is_some_and(stays) {
                    store::channel::set_blocked(conn, &name, Some(&block), now).await?;
                    store::channel::set_closed(conn, &name, Some(now)).await?;
                }
                store::audit::add(conn, now, &actor, "channel", &name, (None, None), "disconnected").await?;
                store::meta::touch(conn).await
            })
        });
        Ok(self.store.write(job).await?)
    }
}

/// Takes the secrets of a channel and of that grant out of what its platform says.
fn clean(watched: &Watched<'_>, credential: &Credential, grant: &Grant) -> Scrub {
    let mut scrub = watched.scrub(credential);
    scrub.add(grant.access.expose_secret());
    if let Some(refresh) = &grant.refresh {
        scrub.add(refresh.expose_secret());
    }
    scrub
}

/// Whether a block is about something else than the credential: a new one does not lift it.
pub(super) fn stays(block: &Block) -> bool {
    match block {
        Block::Alarm { .. } | Block::NotInConfig => true,
        Block::MissingSecret { .. }
        | Block::Token { .. }
        | Block::Forbidden { .. }
        | Block::Gone { .. }
        | Block::OtherAccount { .. } => false,
    }
}

/// What is kept, but for the grant: that is the one to be tried.
struct Overlay {
    grant: SecretString,
    under: Arc<dyn Keep>,
}

#[async_trait]
impl Keep for Overlay {
    async fn get(&self, word: &str) -> Result<Option<SecretString>, String> {
        if word == Grant::WORD { Ok(Some(self.grant.clone())) } else { self.under.get(word).await }
    }

    async fn put(&self, word: &str, secret: &SecretString) -> Result<(), String> {
        match word {
            Grant::WORD => Err("a grant is not changed while it is tried".to_owned()),
            word => self.under.put(word, secret).await,
        }
    }
}

/// Accounts that are opened by consent have no timeline.
struct NoWall;

#[async_trait]
impl Wall for NoWall {
    async fn put(&self, _id: &str, _post: &WallPost) -> Result<(), String> {
        Err("nothing is posted here".to_owned())
    }

    async fn change(&self, _id: &str, _post: Option<&WallPost>) -> Result<(), String> {
        Err("nothing is posted here".to_owned())
    }

    async fn has(&self, _id: &str) -> Result<bool, String> {
        Ok(false)
    }
}
