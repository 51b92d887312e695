//! The service's port: health, metrics, short links, the desk's pages and acts, where others push articles in, and where
//! accounts are connected. Pages and acts are for people who are signed in.
//!
//! Here: what the engine hands over ([`State`]) and the server itself ([`serve`]). `front.rs` tells where a request comes
//! from, `gate.rs` decides who is answered at all, `rooms.rs` lists what there is and who may, `probes.rs` answers
//! machines, `clicks.rs` leads readers on, `pages/` answers people, `push.rs` takes what is pushed. Not here: who people
//! are and what their sessions are worth (`people`), what is done to posts (`publish::actions`).

mod clicks;
#[cfg(test)]
mod clicks_tests;
mod cookie;
mod csrf;
#[cfg(test)]
mod door_tests;
mod form;
pub mod front;
mod gate;
#[cfg(test)]
mod lists_tests;
mod live;
#[cfg(test)]
mod live_tests;
#[cfg(test)]
mod make_tests;
mod once;
mod pages;
#[cfg(test)]
mod post_tests;
mod probes;
#[cfg(test)]
mod probes_tests;
pub mod push;
mod rooms;
mod said;
mod second;
#[cfg(test)]
mod security_tests;
mod shown;
#[cfg(test)]
mod signin_tests;
mod standing;
#[cfg(test)]
mod tests;
mod visitor;
mod works;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::handler::Handler as _;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use url::Url;

use crate::clock::SharedClock;
use crate::connect::Connector;
use crate::model::money::Price;
use crate::people::People;
use crate::people::oidc::Oidc;
use crate::store::Store;
use crate::telemetry::{Metrics, field};
use crate::vault::Vault;

pub use self::front::Net;
pub use self::works::{SourceWorks, Works};

/// `[web]` of the config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The address and port the desk listens on.
    pub listen: SocketAddr,
    /// Where others reach the pages: requests under its host name are answered beside those under an address.
    pub public_url: Option<Url>,
    /// Proxies in front of the desk, by address or network (`127.0.0.1/32`): what they say in `X-Forwarded-For`, `-Proto`
    /// and `-Host` is believed. Nobody else is.
    pub trusted_proxies: Vec<Net>,
}

impl Default for Settings {
    fn default() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 8080));
        Self { listen, public_url: None, trusted_proxies: Vec::new() }
    }
}

/// What the pages show of the config. A reload sends a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The newsroom's name.
    pub newsroom: String,
    /// The zone in which all times are shown.
    pub zone: TimeZone,
    /// Where others reach the desk: its host is a name the pages answer to.
    pub public_url: Option<Url>,
    /// Whom the desk believes where requests come from.
    pub trusted_proxies: Vec<Net>,
    /// The channels, in the order of the config.
    pub channels: Vec<ChannelView>,
    /// The names of the sources, in the order of the config.
    pub sources: Vec<String>,
}

/// What the pages show of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelView {
    /// Its name: its identity.
    pub name: String,
    /// Its platform's word: `x`, `timeline`.
    pub platform: String,
    /// Of a timeline: the word of the platform whose rules count there.
    pub like: Option<String>,
    /// The account's name as the config states it, for people.
    pub label: Option<String>,
    /// What a usual post with its link costs there; `None`: nothing.
    pub linked: Option<Price>,
    /// The most that is spent there in a civil day, and in a civil month.
    pub caps: (Option<Price>, Option<Price>),
}

/// Whether the service does its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Not yet; why, for a person.
    Starting(String),
    /// It watches and publishes.
    Ready,
    /// It is well and waits: another process of this store publishes.
    Standby,
    /// It stops.
    Stopping,
}

/// What the engine hands over.
#[derive(Clone)]
pub struct State {
    /// Seals what people keep secret: their second factors.
    pub vault: Arc<Vault>,
    /// The store; read from, and clicks on short links are written to it.
    pub store: Store,
    /// The process's metrics; those that count rows of the store are refreshed at each scrape.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: SharedClock,
    /// What the pages show of the config.
    pub view: watch::Receiver<Arc<View>>,
    /// Whether the service does its work.
    pub ready: watch::Receiver<Readiness>,
    /// When the engine's loops last went round, by `clock`, in milliseconds since 1970; 0: not yet. To be renewed
    /// well within [`TICK_WITHIN`].
    pub tick: Arc<AtomicI64>,
    /// What takes pushes in; `None` while this process does not.
    pub inlet: watch::Receiver<Option<Arc<dyn push::Inlet>>>,
    /// What connects accounts; `None` while this process does not.
    pub connector: watch::Receiver<Option<Arc<Connector>>>,
    /// What acts of the desk work with; `None` while this process does not publish.
    pub works: watch::Receiver<Option<Arc<Works>>>,
    /// What signs people in by the service of `[sign_in.oidc]`; `None` without one.
    pub sign_in: watch::Receiver<Option<Arc<Oidc>>>,
    /// The version that runs.
    pub version: &'static str,
}

/// A process whose loops have not gone round for so long is not alive. 60 s: above the longest single wait of a loop
/// that works, the 25 s of a step (reliability.md section 1), by more than twice.
pub const TICK_WITHIN: Duration = Duration::from_secs(60);

/// No answer takes longer. 10 s, ours: what a browser's user still waits for, and within a scrape's usual timeout.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// No answer of connecting takes longer: it asks a platform for a token (25 s) and who it belongs to (60 s). 100 s, ours.
const CONNECT_WITHIN: Duration = Duration::from_secs(100);

/// The most bytes of a request's body: 64 KiB, ours. A form with a post for each of many channels takes a few.
const BODY_CAP: usize = 64 * 1024;

/// The most bytes of a push to a source's door. 1 MiB. Source: reliability.md section 6.
const DOOR_CAP: usize = 1024 * 1024;

/// How long answers under way may take once the service stops. 3 s, ours: far above any page's time.
const STOP_WITHIN: Duration = Duration::from_secs(3);

/// A page loads what is ours and nothing else, from nowhere else, and runs our one script and nothing that stands in it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'";

/// What every handler is handed.
struct Site {
    state: State,
    /// Whether only this machine can reach the port.
    local: bool,
    /// Clicks on short links, not written yet.
    clicks: clicks::Counter,
    rooms: push::Rooms,
    live: live::Hub,
    kitchen: once::Kitchen,
    standing: standing::Standing,
    /// Pictures made for the pages, for a while.
    album: pages::pictures::Album,
    /// Who signs in.
    people: People,
}

type Shared = axum::extract::State<Arc<Site>>;

/// Answers on that port until `stop`; then answers under way get three seconds.
///
/// The probes `/healthz`, `/readyz` and `/metrics`, short links, and the places where others push to us are open to whoever
/// reaches the port; pages and acts are for people who are signed in. On a loopback address the port answers only to names
/// that another site cannot point here: `localhost`, an address, or the host of [`View::public_url`].
///
/// # Errors
/// Where the listener has no address.
pub async fn serve(listener: TcpListener, state: State, stop: CancellationToken) -> std::io::Result<()> {
    let local = listener.local_addr()?.ip().to_canonical().is_loopback();
    // From now on a tick is awaited: an engine that never gets going is not alive either.
    let now = state.clock.now().as_millisecond();
    let _ = state.tick.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
    let people = People::new(state.store.clone(), Arc::clone(&state.clock), Arc::clone(&state.vault));
    let live = live::Hub::new(&state.store, stop.clone());
    let site = Arc::new(Site {
        state,
        local,
        clicks: clicks::Counter::default(),
        rooms: push::Rooms::default(),
        live,
        kitchen: once::Kitchen::default(),
        standing: standing::Standing::default(),
        people,
        album: pages::pictures::Album::default(),
    });
    let halt = stop.clone();
    let service = router(Arc::clone(&site)).into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(async move { halt.cancelled().await });
    let serving = async {
        tokio::select! {
            done = server.into_future() => done,
            // A connection that never ends its request must not hold up the end of the process.
            () = async { stop.cancelled().await; tokio::time::sleep(STOP_WITHIN).await } => Ok(()),
        }
    };
    let (done, (), ()) = tokio::join!(serving, clicks::write_on(&site, &stop), live::watch(&site));
    site.clicks.flush(&site.state.store).await;
    done
}

fn router(site: Arc<Site>) -> Router {
    pages_router(Arc::clone(&site)).merge(links_router(Arc::clone(&site))).merge(connect_router(site))
}

fn set(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

/// Short links, and pictures on their way to a platform: public, and nothing of a reader is kept or handed on but what a browser itself hands on.
fn links_router(site: Arc<Site>) -> Router {
    Router::new()
        .route("/r/{id}", get(clicks::follow))
        .route("/shown/{name}", get(shown::picture))
        .layer(middleware::from_fn_with_state(Arc::clone(&site), gate::check))
        .layer(RequestBodyLimitLayer::new(BODY_CAP))
        .layer(quick())
        .layer(CatchPanicLayer::custom(broke))
        .layer(set(header::CONTENT_SECURITY_POLICY, POLICY))
        .layer(set(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        // The browsers' own default: the publisher's statistics see the site a reader came from, never the page.
        .layer(set(header::REFERRER_POLICY, "strict-origin-when-cross-origin"))
        // Every click is asked for again, so that it can be counted and the link can lead elsewhere after an edit.
        .layer(set(header::CACHE_CONTROL, "private, max-age=0"))
        .with_state(site)
}

/// Where accounts are connected: by its own secrets, see `pages/connect.rs`.
fn connect_router(site: Arc<Site>) -> Router {
    pages::connect::routes()
        .layer(middleware::from_fn_with_state(Arc::clone(&site), gate::greet))
        .layer(middleware::from_fn_with_state(Arc::clone(&site), gate::check))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, CONNECT_WITHIN))
        .layer(CatchPanicLayer::custom(broke))
        .layer(set(header::CONTENT_SECURITY_POLICY, POLICY))
        .layer(set(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        // To other sites nothing of an address that may hold a code; to our own forms their origin, without which they
        // cannot be told from another site's.
        .layer(set(header::REFERRER_POLICY, "same-origin"))
        .layer(set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
        .layer(set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin"))
        .layer(set(header::CACHE_CONTROL, "no-store"))
        .with_state(site)
}

/// What answers within ten seconds, whatever it is asked.
fn quick() -> TimeoutLayer {
    TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, ANSWER_WITHIN)
}

fn pages_router(site: Arc<Site>) -> Router {
    let nowhere = middleware::from_fn_with_state(Arc::clone(&site), gate::greet);
    let plain = Router::new()
        .route("/healthz", get(probes::health))
        .route("/readyz", get(probes::ready))
        .route("/metrics", get(probes::metrics))
        .route("/style.css", get(pages::style))
        .route("/icon.svg", get(pages::icon))
        // Browsers ask for it by that name, whatever a page says.
        .route("/favicon.ico", get(pages::icon))
        .route("/manifest.webmanifest", get(pages::manifest))
        .route("/desk.js", get(pages::script))
        .layer(quick());
    plain
        // Each has its own time, and the gate before it.
        .merge(rooms::router(&site))
        .fallback(pages::nowhere.layer(nowhere).layer(quick()))
        .layer(middleware::from_fn_with_state(Arc::clone(&site), gate::check))
        .layer(RequestBodyLimitLayer::new(BODY_CAP))
        .merge(push::routes(DOOR_CAP).layer(quick()))
        .layer(CatchPanicLayer::custom(broke))
        .layer(set(header::CONTENT_SECURITY_POLICY, POLICY))
        .layer(set(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        // To other sites nothing; to our own forms their origin, without which they cannot be told from another site's.
        .layer(set(header::REFERRER_POLICY, "same-origin"))
        .layer(set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
        .layer(set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin"))
        .layer(set(header::CACHE_CONTROL, "no-store"))
        .with_state(site)
}

/// What a handler's panic becomes: one request lost, never the process.
fn broke(panic: Box<dyn std::any::Any + Send>) -> Response {
    let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!({ field::ERROR } = said.unwrap_or("a panic without words"), "a page broke");
    (StatusCode::INTERNAL_SERVER_ERROR, "This page broke. The log says why; publishing goes on.\n").into_response()
}
