//! `bugle run`: the service.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use anyhow::{Context as _, bail};
use secrecy::ExposeSecret as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::assemble::{self, Lasting};
use super::inlet::Handed;
use super::{Call, Exit, Trouble, opened, say};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{self, Config};
use crate::connect::Connector;
use crate::engine::receive::{Limits, Receiver};
use crate::engine::{self, start};
use crate::model::id::WorkerId;
use crate::model::notice::{Level, Notice};
use crate::people::link;
use crate::people::oidc::{self, Oidc};
use crate::store::{Dialect, Sole, Store, job, notice};
use crate::telemetry::{self, Metrics};
use crate::vault::Vault;
use crate::web::{self, Readiness};

/// Watches the sources, composes, schedules, publishes, and serves the port.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Replace every channel by a local timeline like it: see exactly what would go out; nothing leaves.
    #[arg(long)]
    pub rehearse: bool,
}

/// What the pages and probes are told.
struct Front {
    ready: watch::Sender<Readiness>,
    show: watch::Sender<Arc<web::View>>,
    inlet: watch::Sender<Option<Arc<dyn web::push::Inlet>>>,
    connector: watch::Sender<Option<Arc<Connector>>>,
    works: watch::Sender<Option<Arc<web::Works>>>,
    sign_in: watch::Sender<Option<Arc<Oidc>>>,
    port: u16,
    limits: Arc<Limits>,
}

/// How often a standby replica tries to become the one that publishes, and a publishing one looks whether it still is.
const STANDBY: Duration = Duration::from_secs(1);

/// Runs until SIGTERM or SIGINT; a second one ends it at once.
///
/// # Errors
/// What keeps it from starting, in words.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let config = load(args.rehearse, call)?;
    let format = match config.log.format {
        config::LogFormat::Pretty => telemetry::LogFormat::Pretty,
        config::LogFormat::Json => telemetry::LogFormat::Json,
    };
    if let Err(bad) = telemetry::init(format, Some(config.log.level.as_str())) {
        bail!("log.level: {bad}");
    }
    let clock = Arc::new(SystemClock::new());
    let store = Store::open(&config.store.url).await.with_context(|| format!("store {}", place(&config.store.url)))?;
    clock.correct(store.clock_offset(clock.now()).await?);
    let lasting = Lasting {
        store: store.clone(),
        vault: opened::vault(&config)?,
        clock: clock.clone(),
        worker: WorkerId::fresh(),
        metrics: Arc::new(Metrics::new()),
        changed: Arc::new(watch::channel(0).0),
        tick: Arc::new(AtomicI64::new(clock.now().as_millisecond())),
    };
    // Faults of the config show before anything is claimed or served.
    assemble::setup(&config, &lasting)?;
    let listener =
        tokio::net::TcpListener::bind(config.web.listen).await.map_err(|error| taken(&error, config.web.listen))?;
    let address = listener.local_addr()?;
    let stop = CancellationToken::new();
    let (ready, is_ready) = watch::channel(Readiness::Starting("the store is being settled".to_owned()));
    let (show, shown) = watch::channel(Arc::new(assemble::view(&config)));
    let (inlet, taking) = watch::channel(None);
    let (connector, connecting) = watch::channel(None);
    let (works, working) = watch::channel(None);
    // People sign in on a standby, too.
    let (sign_in, signing_in) = watch::channel(sign_in_service(&config, &lasting, address.port())?);
    let state = web::State {
        vault: lasting.vault.clone(),
        store: store.clone(),
        metrics: lasting.metrics.clone(),
        clock: clock.clone(),
        view: shown,
        ready: is_ready,
        tick: lasting.tick.clone(),
        inlet: taking,
        connector: connecting,
        works: working,
        sign_in: signing_in,
        version: env!("CARGO_PKG_VERSION"),
    };
    // Before anybody is answered: whoever sees that it runs may ask it to stop.
    let mut signals = Signals::new()?;
    let server = tokio::spawn(web::serve(listener, state, stop.clone()));
    let front = Front { ready, show, inlet, connector, works, sign_in, port: address.port(), limits: Arc::default() };
    // A file's second service ends here, and should not have said that it runs; a standby does run.
    let alone = store.dialect() == Dialect::Sqlite;
    if !alone {
        welcome(&config, address, args.rehearse, &lasting).await?;
    }

    let Some(sole) = wait_for_lock(&store, &mut signals, &lasting, &front).await? else { return Ok(Exit::Done) };
    if alone {
        welcome(&config, address, args.rehearse, &lasting).await?;
    }
    let exit = serve(args.rehearse, call, config, &lasting, &sole, &front, &mut signals).await;
    front.inlet.send_replace(None);
    front.connector.send_replace(None);
    front.works.send_replace(None);
    front.ready.send_replace(Readiness::Stopping);
    stop.cancel();
    drop(tokio::time::timeout(Duration::from_secs(4), server).await);
    exit
}

fn load(rehearse: bool, call: &Call) -> anyhow::Result<Config> {
    let config = config::load(&call.config)?;
    if rehearse { assemble::rehearsal(&config) } else { Ok(config) }
}

/// Why the port cannot be had.
fn taken(error: &std::io::Error, listen: std::net::SocketAddr) -> Trouble {
    let trouble = Trouble::failed(format!("web.listen: cannot listen on {listen}: {error}"));
    match error.kind() {
        std::io::ErrorKind::AddrInUse => trouble
            .hint("another program, or another bugle, listens there: stop it, or choose another port in [web] listen"),
        _ => trouble,
    }
}

/// A database address without what may be a password.
fn place(url: &str) -> &str {
    if url.starts_with("sqlite:") { url } else { url.split(':').next().unwrap_or_default() }
}

async fn welcome(
    config: &Config,
    address: std::net::SocketAddr,
    rehearse: bool,
    lasting: &Lasting,
) -> anyhow::Result<()> {
    // First: whoever waits for the line that it runs finds the link printed.
    let link = link::setup(&lasting.store, lasting.clock.now()).await;
    if let Some(secret) = link.with_context(|| format!("store {}", place(&config.store.url)))? {
        let desk = super::people::desk(config.web.public_url.as_ref(), address);
        // Standard output only: the log is kept, and read by more people.
        say("Nobody can sign in to the desk yet. This one-time link makes the first administrator:")?;
        say(format_args!("  {desk}{}?token={}", link::SETUP, secret.expose_secret()))?;
    }
    let what = if rehearse { "rehearses" } else { "runs" };
    say(format_args!("bugle {} {what} for {}: http://{address}/", env!("CARGO_PKG_VERSION"), config.newsroom.name))?;
    for channel in config.channels.iter().filter(|channel| channel.platform.id == "timeline") {
        say(format_args!("  timeline {}: http://{address}/timelines/{}", channel.name, channel.name))?;
    }
    if !address.ip().to_canonical().is_loopback()
        && config.web.public_url.as_ref().is_none_or(|it| it.scheme() != "https")
    {
        tracing::warn!(
            "the desk can be reached from the network without TLS: passwords can be read on the way; put a proxy with \
             TLS in front and name its address in [web] public_url"
        );
    }
    Ok(())
}

/// Waits until this process is the one that publishes. `None`: stopped before that.
async fn wait_for_lock(
    store: &Store,
    signals: &mut Signals,
    lasting: &Lasting,
    front: &Front,
) -> anyhow::Result<Option<Sole>> {
    let mut told = false;
    loop {
        match store.sole().await {
            Ok(Some(sole)) => return Ok(Some(sole)),
            // A standby is there for the very moment when the server fails over: it asks again.
            Err(error) if told => tracing::debug!(%error, "the database does not answer"),
            Err(error) => return Err(error.into()),
            Ok(None) => {}
        }
        if store.dialect() == Dialect::Sqlite {
            bail!("another bugle runs on {}: stop it first", store.url());
        }
        if !told {
            tracing::info!("another replica publishes; this one stands by");
            front.ready.send_replace(Readiness::Standby);
            told = true;
        }
        lasting.tick.store(lasting.clock.now().as_millisecond(), std::sync::atomic::Ordering::Relaxed);
        tokio::select! {
            signal = signals.next() => if matches!(signal, Signal::Stop) { return Ok(None) },
            () = tokio::time::sleep(STANDBY) => {}
        }
    }
}

/// Runs one generation of loops after the other, until told to stop.
async fn serve(
    rehearse: bool,
    call: &Call,
    mut config: Config,
    lasting: &Lasting,
    sole: &Sole,
    front: &Front,
    signals: &mut Signals,
) -> anyhow::Result<Exit> {
    let (worker, now, scale) = (lasting.worker.clone(), lasting.clock.now(), config.timing.scale);
    let counted = lasting.store.counted_claims(sole);
    let settle =
        job(move |conn| Box::pin(async move { start::settle_past(conn, worker.as_str(), counted, now, scale).await }));
    let settled = lasting.store.write(settle).await;
    lasting.store.begin_counting(settled.with_context(|| {
        format!("store {}: what the last process left could not be settled", place(&config.store.url))
    })?);
    loop {
        let (named, now) = (assemble::named(&config), lasting.clock.now());
        lasting.store.write(job(move |conn| Box::pin(async move { start::sync(conn, &named, now).await }))).await?;
        let setup = Arc::new(assemble::setup(&config, lasting)?);
        let receiver = Receiver::new(setup.clone(), front.limits.clone());
        front.inlet.send_replace(Some(Arc::new(Handed(receiver))));
        front.connector.send_replace(Some(Arc::new(connector(&config, lasting, front.port)?)));
        front.works.send_replace(Some(Arc::new(assemble::works(&config, &setup))));
        front.sign_in.send_replace(sign_in_service(&config, lasting, front.port)?);
        front.show.send_replace(Arc::new(assemble::view(&config)));
        front.ready.send_replace(Readiness::Ready);
        tell_reload(lasting, None).await?;
        let stop = CancellationToken::new();
        let mut loops = tokio::spawn(engine::generation(setup, stop.clone()));
        let next = loop {
            tokio::select! {
                signal = signals.next() => match signal {
                    Signal::Stop => break None,
                    Signal::Reload => match reload(rehearse, call, lasting) {
                        Ok(config) => {
                            tracing::info!("the config was read again and is in force once the calls in flight have ended");
                            break Some(config);
                        }
                        Err(said) => {
                            tracing::error!("the config was not reloaded, the old one stays in force:\n{said}");
                            tell_reload(lasting, Some(&said)).await?;
                        }
                    },
                },
                () = tokio::time::sleep(STANDBY) => if !sole.is_held().await {
                    // Another replica may publish now: nothing more may be sent from here.
                    bail!("the database session that holds the publishing lock is gone");
                },
                ended = &mut loops => {
                    ended.context("the engine ended by itself")?;
                    bail!("the engine ended by itself");
                }
            }
        };
        stop.cancel();
        tracing::info!("ending softly: calls in flight are waited for");
        let drained = loop {
            tokio::select! {
                ended = &mut loops => break Some(ended),
                _ = signals.next(), if next.is_none() => break None,
                () = tokio::time::sleep(STANDBY) => {
                    // A long call that is waited for is no reason to call the service dead.
                    lasting.tick.store(lasting.clock.now().as_millisecond(), std::sync::atomic::Ordering::Relaxed);
                }
            }
        };
        match drained {
            Some(ended) => ended.context("the engine did not end cleanly")?,
            None => {
                tracing::warn!("ended at once: what was in flight is settled at the next start");
                return Ok(Exit::Failed);
            }
        }
        match next {
            Some(next) => {
                config = next;
                tracing::info!("the new config is in force");
            }
            None => return Ok(Exit::Done),
        }
    }
}

/// What connects accounts while this config is in force.
fn connector(config: &Config, lasting: &Lasting, port: u16) -> anyhow::Result<Connector> {
    let http = opened::http(config, &lasting.clock)?;
    let connector = super::connector::connector(config, &lasting.store, &lasting.vault, &http, &lasting.clock);
    Ok(Connector { port, ..connector })
}

/// What signs people in by the service of the config.
fn sign_in_service(config: &Config, lasting: &Lasting, port: u16) -> anyhow::Result<Option<Arc<Oidc>>> {
    let Some(settings) = &config.sign_in.oidc else { return Ok(None) };
    let here = || format!("http://127.0.0.1:{port}");
    let base = config.web.public_url.as_ref().map_or_else(here, |url| url.as_str().trim_end_matches('/').to_owned());
    let redirect = format!("{base}{}", oidc::BACK).parse().context("web.public_url")?;
    let http = opened::http(config, &lasting.clock)?;
    Ok(Some(Arc::new(Oidc::new(settings.clone(), redirect, http, lasting.clock.clone()))))
}

/// Tells a person that the config on disk is not the one in force, or takes that back.
async fn tell_reload(lasting: &Lasting, said: Option<&str>) -> anyhow::Result<()> {
    const KEY: &str = "config.reload";
    let now = lasting.clock.now();
    let text = said.map(|said| {
        let first = said.lines().next().unwrap_or_default();
        format!(
            "the config was not reloaded, the old one stays in force: {first}. Mend it (`bugle check`), reload again"
        )
    });
    let told = job(move |conn| {
        Box::pin(async move {
            match text {
                Some(text) => notice::raise(conn, &Notice::new(Level::Warn, KEY, text), now).await,
                None => notice::settle(conn, KEY).await,
            }
        })
    });
    lasting.store.write(told).await?;
    Ok(())
}

/// A config that is valid as a whole, or why it is not.
fn reload(rehearse: bool, call: &Call, lasting: &Lasting) -> Result<Config, String> {
    let config = load(rehearse, call).map_err(|e| format!("{e:#}"))?;
    assemble::setup(&config, lasting).map_err(|e| format!("{e:#}"))?;
    let keys = Vault::unlock(&config.vault).map_err(|e| e.to_string())?;
    lasting.vault.take_over(keys);
    Ok(config)
}

enum Signal {
    Stop,
    Reload,
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.hangup.recv() => Signal::Reload,
        }
    }
}
