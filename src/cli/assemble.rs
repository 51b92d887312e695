//! From a checked config to what the engine runs on.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use anyhow::{Context as _, anyhow};
use tokio::sync::watch;

use super::opened;
use crate::clock::SharedClock;
use crate::config::{Address, Config};
use crate::engine::push::Push;
use crate::engine::start::Named;
use crate::engine::{Door, Setup, Source, notify};
use crate::model::grant::SecretRef;
use crate::model::id::WorkerId;
use crate::platform::{self, Account};
use crate::publish::House;
use crate::publish::shelf::Shelf;
use crate::publish::studio::Workshop;
use crate::route::Route;
use crate::source::door::auth::Keys;
use crate::source::identity::Start;
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::vault::Vault;
use crate::web;

/// What stays the same when the config is read again.
#[derive(Clone)]
pub struct Lasting {
    /// The store.
    pub store: Store,
    /// What seals.
    pub vault: Arc<Vault>,
    /// The time.
    pub clock: SharedClock,
    /// This process.
    pub worker: WorkerId,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Raised with every change that lanes should look at.
    pub changed: Arc<watch::Sender<u64>>,
    /// When a loop last turned.
    pub tick: Arc<AtomicI64>,
}

/// Builds what a generation of loops works with.
///
/// # Errors
/// Faults in templates, conditions, certificates or addresses, in words.
pub fn setup(config: &Config, lasting: &Lasting) -> anyhow::Result<Setup> {
    let http = opened::http(config, &lasting.clock)?;
    let templates = opened::good_templates(config)?;
    let house = House {
        store: lasting.store.clone(),
        vault: lasting.vault.clone(),
        clock: lasting.clock.clone(),
        worker: lasting.worker.clone(),
        zone: config.newsroom.zone.clone(),
        newsroom: config.newsroom.name.clone(),
        language: config.newsroom.language.clone(),
        templates,
        words: config.words.clone(),
        studio: Workshop {
            http: http.clone(),
            brand: opened::brand(config)?,
            scale: config.timing.scale,
            shelf: config.web.public_url.clone().map(|public| Shelf {
                store: lasting.store.clone(),
                public,
                clock: lasting.clock.clone(),
            }),
        },
        http,
        scale: config.timing.scale,
        metrics: lasting.metrics.clone(),
    };
    let notify = config.notify.as_ref().map(|it| {
        let secret = it.secret.as_ref().map(crate::vault::secret::resolve).transpose();
        secret.map(|secret| notify::Target { url: it.url.clone(), secret }).map_err(|e| anyhow!("notify.secret: {e}"))
    });
    Ok(Setup {
        house: Arc::new(house),
        sources: config.sources.iter().map(source).collect(),
        channels: config.channels.iter().map(opened::channel).collect(),
        routes: routes(config)?,
        keep: config.store.keep,
        gather: Arc::default(),
        notify: notify.transpose()?,
        push: config.web.public_url.clone().map(Push::at),
        changed: lasting.changed.clone(),
        tick: lasting.tick.clone(),
    })
}

/// The routes, compiled.
///
/// # Errors
/// A condition that does not compile.
pub fn routes(config: &Config) -> anyhow::Result<Vec<Route>> {
    (1u32..)
        .zip(&config.routes)
        .map(|(number, rule)| {
            Route::compile(number, rule).map_err(|e| anyhow!("route[{}].{}: {}", number - 1, e.key, e.error))
        })
        .collect()
}

fn source(it: &crate::config::Source) -> Source {
    Source {
        name: it.name.clone(),
        address: match &it.address {
            Address::Web(url) => url.to_string(),
            Address::File(path) => path.display().to_string(),
            Address::Door => String::new(),
        },
        rhythm: it.rhythm.clone(),
        start: match it.start {
            crate::config::Start::FromNow => Start::FromNow,
            crate::config::Start::Last(n) => Start::Last(usize::from(n)),
        },
        language: it.settings.language.clone(),
        categories: it.settings.categories.clone(),
        websub: it.settings.websub != Some(false) && matches!(it.address, Address::Web(_)),
        hub: it.settings.hub.clone(),
        door: it.settings.ingest.as_ref().map(|door| {
            let secret = |of: &Option<SecretRef>| of.as_ref().map(crate::vault::secret::resolve).transpose();
            let keys = secret(&door.token).and_then(|token| Ok(Keys { token, secret: secret(&door.secret)? }));
            Arc::new(Door { keys, link: door.link.clone() })
        }),
        nudge: Arc::default(),
        layout: it.layout.clone(),
        article_page: it.settings.article_page,
        page_wait: it.page_wait,
        hosts: it.settings.hosts.clone(),
    }
}

/// What acts of the desk work with, of the same generation.
pub fn works(config: &Config, setup: &Setup) -> web::Works {
    let source = |source: &Source| web::SourceWorks {
        name: source.name.clone(),
        nudge: source.is_polled().then(|| Arc::clone(&source.nudge)),
    };
    let template = |channel: &crate::publish::Channel| {
        let route = config.routes.iter().find(|route| route.to.contains(&channel.name));
        route.and_then(|route| route.template.clone()).map(|template| (channel.name.clone(), template))
    };
    web::Works {
        house: Arc::clone(&setup.house),
        channels: setup.channels.clone(),
        sources: setup.sources.iter().map(source).collect(),
        templates: setup.channels.iter().filter_map(template).collect(),
        gather: Arc::clone(&setup.gather),
        changed: Arc::clone(&setup.changed),
    }
}

/// What the pages show of the config.
pub fn view(config: &Config) -> web::View {
    let channels = config.channels.iter().map(|channel| web::ChannelView {
        name: channel.name.as_str().to_owned(),
        platform: channel.platform.id.to_owned(),
        like: channel.account.like().map(str::to_owned),
        label: channel.label.clone(),
        linked: channel.account.prices().map(|list| list.linked),
        caps: channel.budget.map_or((None, None), |budget| (budget.per_day, budget.per_month)),
    });
    web::View {
        newsroom: config.newsroom.name.clone(),
        zone: config.newsroom.zone.clone(),
        public_url: config.web.public_url.clone(),
        trusted_proxies: config.web.trusted_proxies.clone(),
        channels: channels.collect(),
        sources: config.sources.iter().map(|source| source.name.as_str().to_owned()).collect(),
    }
}

/// The names the store must know.
pub fn named(config: &Config) -> Named {
    Named {
        channels: config.channels.iter().map(|c| (c.name.as_str().to_owned(), c.platform.id.to_owned())).collect(),
        sources: config.sources.iter().map(|s| s.name.as_str().to_owned()).collect(),
    }
}

/// The config with every channel replaced by a timeline like it.
///
/// # Errors
/// Where a timeline cannot be made.
pub fn rehearsal(config: &Config) -> anyhow::Result<Config> {
    let timeline = platform::by_id("timeline").context("this build has no timeline platform")?;
    let like = |id: &str| -> anyhow::Result<Arc<dyn Account>> {
        let keys = format!("like = \"{id}\"");
        let keys = toml::de::DeTable::parse(&keys).map_err(|e| anyhow!(e.to_string()))?;
        timeline.open(keys.into_inner()).map_err(|e| anyhow!(e.to_string()))
    };
    let mut accounts = std::collections::HashMap::new();
    for channel in config.channels.iter().filter(|channel| channel.platform.id != "timeline") {
        accounts.insert(channel.name.clone(), like(channel.platform.id)?);
    }
    Ok(config.rehearsal(|channel| accounts.get(&channel.name).unwrap_or(&channel.account).clone()))
}
