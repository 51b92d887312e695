//! Asking the outside: each channel's platform who we are, each source what it has. Reads only; used by `check --live`
//! and `connect`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::Trouble;
use super::opened::{self, Memory};
use crate::clock::SharedClock;
use crate::config::{self, Config};
use crate::http::Http;
use crate::model::grant::Credential;
use crate::model::limit::Said;
use crate::platform::scrub::Watched;
use crate::platform::{Context, Identity, Keep, Wall};
use crate::publish::identity_of;
use crate::publish::meter::{Notes, Origin};
use crate::publish::ports::{SealedKeep, StoreWall};
use crate::store::Store;
use crate::vault::Vault;

/// The longest a platform may take to introduce an account: a session, and two questions. 60 s, ours.
const PATIENCE: Duration = Duration::from_secs(60);

/// What asking takes.
pub(super) struct Asking {
    pub http: Http,
    pub clock: SharedClock,
    pub zone: TimeZone,
    pub scale: f64,
    /// The store and what seals in it, where both are there.
    pub kept: Option<(Store, Arc<Vault>)>,
}

impl Asking {
    /// Opens what there is; the store and the key are not made for it.
    ///
    /// # Errors
    /// Where the network cannot be used, or the store or the vault is there and cannot be opened.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let kept = match opened::store_if_there(config).await? {
            Some(store) => opened::vault_if_there(config)?.map(|vault| (store, vault)),
            None => None,
        };
        Ok(Self::with(config, kept)?)
    }

    /// With the store and what seals in it, as far as they are open.
    ///
    /// # Errors
    /// Where the network cannot be used.
    pub fn with(config: &Config, kept: Option<(Store, Arc<Vault>)>) -> Result<Self, Trouble> {
        let clock = opened::clock();
        let zone = config.newsroom.zone.clone();
        Ok(Self { http: opened::http(config, &clock)?, clock, zone, scale: config.timing.scale, kept })
    }

    /// The identity the channel was first used with.
    pub async fn known(&self, channel: &str) -> Option<Identity> {
        let (store, _) = self.kept.as_ref()?;
        let mut conn = store.read().await.ok()?;
        let row = crate::store::channel::one(&mut conn, channel).await.ok()??;
        identity_of(row.identity.as_deref())
    }

    /// Asks the platform who the channel's credential belongs to, and compares with who it belonged to at first use.
    ///
    /// # Errors
    /// In words for a person.
    pub async fn whoami(&self, channel: &config::Channel) -> Result<Identity, String> {
        let credential = opened::channel(channel).credential()?;
        match &self.kept {
            Some((store, vault)) => {
                let (store, vault, name) = (store.clone(), Arc::clone(vault), channel.name.to_string());
                let clock = Arc::clone(&self.clock);
                let wall = StoreWall { store: store.clone(), channel: name.clone(), clock: Arc::clone(&clock) };
                let keep = SealedKeep { store, vault, channel: name, clock };
                self.introduce(channel, &credential, &keep, &wall).await
            }
            None => {
                let memory = Memory::default();
                self.introduce(channel, &credential, &memory, &memory).await
            }
        }
    }

    /// The same with what is kept elsewhere than in the store.
    ///
    /// # Errors
    /// In words for a person.
    pub async fn introduce(
        &self,
        channel: &config::Channel,
        credential: &Credential,
        keep: &dyn Keep,
        wall: &dyn Wall,
    ) -> Result<Identity, String> {
        let known = self.known(channel.name.as_str()).await;
        let keep = Watched::new(keep);
        let notes = Notes::default();
        let cx = Context {
            http: &self.http,
            credential,
            keep: &keep,
            wall,
            studio: &crate::platform::NoStudio,
            clock: &*self.clock,
            scale: self.scale,
            // Not what is known: the question is who it is now.
            identity: None,
            meter: &notes,
        };
        let asked = tokio::time::timeout(PATIENCE, channel.account.whoami(&cx)).await;
        self.keep(channel, credential, &notes).await;
        let identity = match asked {
            Ok(Ok(identity)) => identity,
            Ok(Err(error)) => return Err(keep.scrub(credential).text(error.to_string())),
            Err(_) => return Err(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        match known.filter(|known| known.id != identity.id) {
            Some(known) => Err(format!(
                "the token belongs to {} ({}), this channel to {} ({})",
                identity.handle, identity.id, known.handle, known.id
            )),
            None => Ok(identity),
        }
    }

    /// Keeps what the question cost and what was said of limits, where there is a store.
    async fn keep(&self, channel: &config::Channel, credential: &Credential, notes: &Notes) {
        let Some((store, _)) = &self.kept else { return };
        let place = opened::channel(channel);
        let of = Origin {
            channel: channel.name.as_str(),
            app: channel.account.app_scope(credential),
            scope: &|kind| place.scope(kind, credential),
            ahead: channel.account.server().and_then(|server| self.http.clock_ahead(server)),
            zone: &self.zone,
        };
        let now = self.clock.now();
        let jotted = notes.take(&of, &mut HashMap::new(), now);
        if jotted.is_empty() {
            return;
        }
        let job = crate::store::job(move |conn| Box::pin(async move { jotted.keep(conn, now).await }));
        if let Err(error) = store.write(job).await {
            tracing::warn!(%error, channel.id = of.channel, "what the question cost could not be stored");
        }
    }

    /// What the channel's platform last said of its limits, as far as it holds still.
    pub async fn limits(&self, channel: &str) -> Vec<Said> {
        let read = async {
            let (store, _) = self.kept.as_ref()?;
            let mut conn = store.read().await.ok()?;
            crate::store::limit::all(&mut conn).await.ok()
        };
        let (all, now) = (read.await.unwrap_or_default(), self.clock.now());
        all.into_iter().filter(|said| said.channel == channel && said.holds(now)).collect()
    }

    /// Fetches and reads a source: how many articles, and when the newest is from.
    ///
    /// # Errors
    /// In words for a person.
    pub async fn source(&self, source: &config::Source) -> Result<Value, Trouble> {
        let Some(url) = &source.settings.url else { return Ok(json!({ "remarks": ["its stories are pushed"] })) };
        let feed = opened::feed(&self.http, url, None, source.layout.as_ref(), &self.zone).await?;
        let newest = opened::newest(&feed.entries);
        Ok(json!({
            "articles": feed.entries.len(),
            "newest": newest.map(|entry| json!({
                "title": entry.title,
                "date": entry.published.or(entry.updated).map(|at| at.to_string()),
            })),
            "remarks": feed.dropped,
        }))
    }
}

/// Who an account is, as `check --live` shows it.
pub(super) fn introduced(channel: &config::Channel, identity: &Identity) -> Value {
    json!({
        "account": identity.handle,
        "id": identity.id,
        "server": identity.server,
        "limit": channel.account.rules(Some(identity)).limit,
        "remarks": identity.remarks,
    })
}
