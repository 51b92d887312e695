//! What acts of the desk work with: the generation of loops that is in force. `cli/run.rs` hands a new one over at every
//! reload, and none while another process publishes from the store.

use std::sync::Arc;

use tokio::sync::{Notify, watch};

use crate::model::id::{ChannelName, SourceName};
use crate::publish::actions::Place;
use crate::publish::prepare::Setting;
use crate::publish::{Channel, House};
use crate::source::gather::Gatherer;

/// What the engine runs on, as far as the desk acts with it.
pub struct Works {
    /// What all channels share: store, network, templates, newsroom, zone, pictures.
    pub house: Arc<House>,
    /// The channels, in the order of the config.
    pub channels: Vec<Channel>,
    /// The sources, in the order of the config.
    pub sources: Vec<SourceWorks>,
    /// The template that the first route to each channel names, for posts made by hand.
    pub templates: Vec<(ChannelName, String)>,
    /// Reads sources and pages.
    pub gather: Arc<Gatherer>,
    /// Raised with every change that lanes should look at; to be raised after every act.
    pub changed: Arc<watch::Sender<u64>>,
}

/// A source as the desk acts on it.
pub struct SourceWorks {
    /// Its name.
    pub name: SourceName,
    /// Brings the next poll forward; `None`: it is only pushed to.
    pub nudge: Option<Arc<Notify>>,
}

impl Works {
    /// The channel of that name.
    pub fn channel(&self, name: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.name.as_str() == name)
    }

    /// What composing for a channel needs.
    pub fn place<'a>(&'a self, channel: &'a Channel) -> Place<'a> {
        let house = &self.house;
        let setting = Setting {
            templates: &house.templates,
            newsroom: &house.newsroom,
            zone: &house.zone,
            words: &house.words,
            digest: &[],
            look: &house.studio.brand.settings,
        };
        Place { channel, setting }
    }

    /// The template of posts made by hand there.
    pub fn template(&self, channel: &ChannelName) -> &str {
        let named = self.templates.iter().find(|(name, _)| name == channel);
        named.map_or(crate::route::DEFAULT_TEMPLATE, |(_, template)| template.as_str())
    }

    /// Says that there may be something to do.
    pub fn wake(&self) {
        self.changed.send_modify(|n| *n = n.wrapping_add(1));
    }
}
