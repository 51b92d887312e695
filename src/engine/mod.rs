//! The running service: loops and their order of start and stop. One loop a source (under one that starts them), one a channel, one that keeps house;
//! a new config ends this generation of loops softly and begins the next.

pub mod housekeeping;
pub mod ingest;
pub mod lanes;
pub mod notify;
pub mod pages;
pub mod poller;
pub mod push;
pub mod receive;
mod revise;
pub mod standing;
pub mod start;
pub mod tokens;
mod tombstones;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::model::id::{ChannelName, SourceName};
use crate::publish::{Channel, House};
use crate::route::Route;
use crate::source::gather::Gatherer;
use crate::source::identity::Start;
use crate::source::page::{ArticlePage, Layout};
use crate::timetable::Rhythm;

/// `[timing]` of the config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Every wait is multiplied by this. Below 1 only for tests: refused unless every channel's server is loopback.
    pub scale: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { scale: 1.0 }
    }
}

/// A source as the config has it.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name.
    pub name: SourceName,
    /// An http(s) URL or a path.
    pub address: String,
    /// When to poll; `None`: as its own rhythm and its hints suggest.
    pub rhythm: Option<Rhythm>,
    /// What the first poll may post.
    pub start: Start,
    /// BCP 47 tag for articles that state none.
    pub language: Option<String>,
    /// Categories that each article gets beside its own.
    pub categories: Vec<String>,
    /// Whether to subscribe where it offers a hub.
    pub websub: bool,
    /// The hub that the config names.
    pub hub: Option<url::Url>,
    /// Who may push to it.
    pub door: Option<Arc<Door>>,
    /// Brings the next poll forward.
    pub nudge: Arc<Notify>,
    /// Where the articles stand, where it is a page.
    pub layout: Option<Layout>,
    /// When an article's own page is fetched.
    pub article_page: ArticlePage,
    /// The most that a post waits for it; zero: not at all.
    pub page_wait: SignedDuration,
    /// Further hosts that an article's own address may have.
    pub hosts: Vec<String>,
}

impl Source {
    /// Whether there is something to ask for: a source may have only a door.
    pub const fn is_polled(&self) -> bool {
        !self.address.is_empty()
    }
}

/// Where the newsroom's own system pushes stories in.
pub struct Door {
    /// What it opens to; or why that cannot be had, for a person.
    pub keys: Result<crate::source::door::auth::Keys, String>,
    /// The template of links.
    pub link: Option<String>,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Door")
    }
}

/// What a generation of loops works with.
pub struct Setup {
    /// What all channels share.
    pub house: Arc<House>,
    /// The sources.
    pub sources: Vec<Source>,
    /// The channels.
    pub channels: Vec<Channel>,
    /// The routes, in order.
    pub routes: Vec<Route>,
    /// How long articles and seen keys are kept.
    pub keep: SignedDuration,
    /// Reads sources and pages.
    pub gather: Arc<Gatherer>,
    /// Where notices are posted.
    pub notify: Option<notify::Target>,
    /// How hubs reach us; `None`: they do not.
    pub push: Option<push::Push>,
    /// Raised with every change that lanes should look at.
    pub changed: Arc<watch::Sender<u64>>,
    /// When a loop last turned, in milliseconds: what `/healthz` goes by.
    pub tick: Arc<AtomicI64>,
}

impl Setup {
    /// The names of all channels.
    pub fn channel_names(&self) -> Vec<ChannelName> {
        self.channels.iter().map(|channel| channel.name.clone()).collect()
    }

    /// Says that there may be something to do.
    pub fn wake(&self) {
        self.changed.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Notes that a loop turned.
    pub fn ticked(&self) {
        self.tick.store(self.house.clock.now().as_millisecond(), Ordering::Relaxed);
    }
}

/// Runs all loops until `stop` is cancelled and every call in flight has ended. A loop that ends before that is a bug:
/// then this returns at once, so that the process ends and is started anew, rather than stand half still.
pub async fn generation(setup: Arc<Setup>, stop: CancellationToken) {
    let mut loops = JoinSet::new();
    for channel in setup.channels.clone() {
        loops.spawn(lanes::drive(setup.clone(), channel, stop.clone()));
    }
    let polite = Arc::new(poller::Polite::default());
    loops.spawn(pages::drive(setup.clone(), polite.clone(), stop.clone()));
    loops.spawn(poller::drive(setup.clone(), polite, stop.clone()));
    if let Some(target) = setup.notify.clone() {
        loops.spawn(notify::drive(setup.clone(), target, stop.clone()));
    }
    if setup.push.is_some() {
        loops.spawn(push::keep(setup.clone(), stop.clone()));
    }
    loops.spawn(tokens::keep(setup.clone(), stop.clone()));
    loops.spawn(housekeeping::keep(setup.clone(), stop.clone()));
    while let Some(ended) = loops.join_next().await {
        if let Err(error) = &ended {
            tracing::error!(%error, "a loop of the service failed");
        }
        if !stop.is_cancelled() {
            return;
        }
    }
}

/// Sleeps, unless stopped. Returns whether it was stopped.
async fn rest(time: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = stop.cancelled() => true,
        () = tokio::time::sleep(time) => false,
    }
}
