//! From a config to what connecting works with, for the commands and for the pages.

use std::sync::Arc;

use crate::clock::SharedClock;
use crate::config::Config;
use crate::connect::{Connector, Keeps, Subject};
use crate::http::Http;
use crate::platform::Keep;
use crate::publish::ports::SealedKeep;
use crate::store::Store;
use crate::vault::Vault;

/// The sealed places of all channels.
struct Sealed {
    store: Store,
    vault: Arc<Vault>,
    clock: SharedClock,
}

impl Keeps for Sealed {
    fn of(&self, channel: &str) -> Arc<dyn Keep> {
        Arc::new(SealedKeep {
            store: self.store.clone(),
            vault: Arc::clone(&self.vault),
            channel: channel.to_owned(),
            clock: Arc::clone(&self.clock),
        })
    }
}

/// What connecting works with.
pub fn connector(config: &Config, store: &Store, vault: &Arc<Vault>, http: &Http, clock: &SharedClock) -> Connector {
    let channels = config.channels.iter().map(|channel| Subject {
        name: channel.name.as_str().to_owned(),
        platform: channel.platform,
        account: Arc::clone(&channel.account),
    });
    Connector {
        store: store.clone(),
        http: http.clone(),
        clock: Arc::clone(clock),
        scale: config.timing.scale,
        keeps: Arc::new(Sealed { store: store.clone(), vault: Arc::clone(vault), clock: Arc::clone(clock) }),
        channels: channels.collect(),
        public_url: config.web.public_url.clone(),
        port: config.web.listen.port(),
    }
}
