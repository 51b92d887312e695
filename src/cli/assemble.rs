//! From a checked config to what the engine runs on.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use anyhow::{Context as _, anyhow};
use tokio::sync::watch;
use url::Url;

use crate::clock::SharedClock;
use crate::config::{Address, Config};
use crate::engine::start::Named;
use crate::engine::{Setup, Source, notify};
use crate::expr::Templates;
use crate::http::Http;
use crate::model::id::WorkerId;
use crate::platform::{self, Account};
use crate::publish::{Channel, House};
use crate::route::Route;
use crate::source::identity::Start;
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::vault::Vault;

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
    let http = http(config, lasting.clock.clone())?;
    let templates = templates(config)?;
    let house = House {
        store: lasting.store.clone(),
        http,
        vault: lasting.vault.clone(),
        clock: lasting.clock.clone(),
        worker: lasting.worker.clone(),
        zone: config.newsroom.zone.clone(),
        newsroom: config.newsroom.name.clone(),
        language: config.newsroom.language.clone(),
        templates,
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
        channels: config.channels.iter().map(channel).collect(),
        routes: routes(config)?,
        keep: config.store.keep,
        notify: notify.transpose()?,
        changed: lasting.changed.clone(),
        tick: lasting.tick.clone(),
    })
}

/// The one client, with every address the config names.
///
/// # Errors
/// Faults in `[network]`.
pub fn http(config: &Config, clock: SharedClock) -> anyhow::Result<Http> {
    let mut named: Vec<Url> = Vec::new();
    for source in &config.sources {
        if let Address::Web(url) = &source.address {
            named.push(url.clone());
        }
    }
    named.extend(config.channels.iter().filter_map(|channel| channel.account.server().cloned()));
    named.extend(config.notify.as_ref().map(|notify| notify.url.clone()));
    Http::build(&config.network, &named, clock).map_err(|e| anyhow!(e.to_string()))
}

/// Where templates that override the built-in ones are looked for: `templates/post/` beside the config.
pub fn template_folder(config: &Config) -> PathBuf {
    config.path().parent().unwrap_or(std::path::Path::new("")).join("templates/post")
}

/// The templates of the config.
///
/// # Errors
/// Every fault, with its file and line.
pub fn templates(config: &Config) -> anyhow::Result<Templates> {
    Templates::load(Some(&template_folder(config))).map_err(|faults| {
        let lines = faults.iter().map(|(path, fault)| {
            format!("{}:{}: {fault}", path.display(), fault.line.map_or_else(|| "?".to_owned(), |n| n.to_string()))
        });
        anyhow!("{}", lines.collect::<Vec<_>>().join("\n"))
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

/// A channel as publishing knows it.
pub fn channel(it: &crate::config::Channel) -> Channel {
    Channel {
        name: it.name.clone(),
        account: it.account.clone(),
        policy: Arc::new(it.policy.clone()),
        on_uncertain: it.on_uncertain,
        strict_order: it.strict_order,
    }
}

fn source(it: &crate::config::Source) -> Source {
    Source {
        name: it.name.clone(),
        address: match &it.address {
            Address::Web(url) => url.to_string(),
            Address::File(path) => path.display().to_string(),
        },
        rhythm: it.rhythm.clone(),
        start: match it.start {
            crate::config::Start::FromNow => Start::FromNow,
            crate::config::Start::Last(n) => Start::Last(usize::from(n)),
        },
        language: it.settings.language.clone(),
    }
}

/// The names the store must know.
pub fn named(config: &Config) -> Named {
    Named {
        channels: config.channels.iter().map(|c| (c.name.as_str().to_owned(), c.platform.id.to_owned())).collect(),
        sources: config.sources.iter().map(|s| s.name.as_str().to_owned()).collect(),
    }
}

/// The vault that the config names.
///
/// # Errors
/// The master key's, in words.
pub fn vault(config: &Config) -> anyhow::Result<Arc<Vault>> {
    Vault::unlock(config.vault.key.as_ref(), &config.vault.generated).map(Arc::new).map_err(|e| anyhow!(e.to_string()))
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
