//! The reqwest clients: how they are built, which one a call gets, and what their errors mean for the request.

use std::collections::HashMap;
use std::error::Error as _;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::{Host, Url};

use super::guard::{Guard, Target, is_public, place};
use super::resolve::{Lookup, Refusal, Resolver, Rights, addresses};
use super::{CONNECT, Call, Fault, HEADER_BYTES, HEADER_LINES, HttpError, Purpose, Settings, Trust, place_of};

/// How the client names itself.
const USER_AGENT: &str = concat!("Bugle/", env!("CARGO_PKG_VERSION"), " (+https://github.com/bugle-newsroom/bugle)");

/// The most clients kept for places that the allow-list opens. Ours, 2026-11: far above what a config names.
const KEPT: usize = 64;

/// All clients, one for each set of rights: a pooled connection serves only calls that may reach what it reached.
pub(super) struct Clients {
    make: Maker,
    /// Public addresses only, on connections that are kept.
    public: Client,
    /// The same through the proxy, where there is one.
    proxied: Option<Client>,
    /// The proxy's host.
    door: Option<Host<String>>,
    /// One for each host and port that the allow-list may open.
    opened: Mutex<HashMap<(Host<String>, u16), Client>>,
    /// Those for changes, by rights and by how long connecting may take. They are kept because building one costs more
    /// than a call; no connection of theirs is.
    singles: Mutex<HashMap<(Rights, Duration), Client>>,
}

/// What every client is built from.
struct Maker {
    guard: Arc<Guard>,
    lookup: Lookup,
    proxy: Option<reqwest::Proxy>,
    tls: rustls::ClientConfig,
}

impl Clients {
    pub fn new(settings: &Settings, named: &[Url], lookup: Lookup) -> Result<Self, HttpError> {
        let guard = Arc::new(Guard::new(&settings.allow_private, named)?);
        let (proxy, door) = settings.proxy.as_ref().map(proxy).transpose()?.unzip();
        let make = Maker { guard, lookup, proxy, tls: tls(settings)? };
        let built = |rights| make.pooled(rights).map_err(|error| HttpError::Client(root(&error)));
        let public = built(Rights::Public)?;
        let proxied = door.clone().map(|host| built(Rights::Proxy(host))).transpose()?;
        Ok(Self { make, public, proxied, door, opened: Mutex::default(), singles: Mutex::default() })
    }

    /// The client for a call, after all that can be checked before dialling.
    ///
    /// Behind a proxy, names are looked up here and refused like without it, but it is the proxy that looks them up again
    /// and dials: what it then reaches cannot be checked. A name that only the proxy can look up is passed on for a URL
    /// of the config and refused for one of content. What `allow_private` opens never goes through the proxy.
    pub async fn choose(&self, call: &Call, purpose: Purpose) -> Result<Client, Fault> {
        let target = self.make.guard.target(&call.url, call.trust).map_err(Fault::Refused)?;
        let opens = self.make.guard.opens(&target);
        let rights = match &self.door {
            Some(door) if !self.is_inside(&target, call.trust).await? => Rights::Proxy(door.clone()),
            _ if opens => Rights::One(target),
            _ => Rights::Public,
        };
        match (purpose, rights) {
            (Purpose::Read, Rights::Public) => Ok(self.public.clone()),
            (Purpose::Read, rights @ Rights::Proxy(_)) => {
                self.proxied.clone().map_or_else(|| self.make.pooled(rights), Ok)
            }
            (Purpose::Read, Rights::One(target)) => self.opened(target),
            (Purpose::Change, rights) => self.single(rights, call.timeout),
        }
        .map_err(|error| Fault::NotSent(format!("{}: {}", place_of(&call.url), root(&error))))
    }

    /// Whether a target of a proxied client is inside, opened by the allow-list.
    async fn is_inside(&self, target: &Target, trust: Trust) -> Result<bool, Fault> {
        let found = match &target.host {
            Host::Ipv4(ip) => vec![IpAddr::V4(*ip)],
            Host::Ipv6(ip) => vec![IpAddr::V6(*ip)],
            Host::Domain(name) => match tokio::time::timeout(CONNECT, addresses(&self.make.lookup, name)).await {
                Ok(Ok(found)) => self.make.guard.admit(target, found).map_err(Fault::Refused)?,
                _ if trust == Trust::Config => Vec::new(),
                _ => return Err(Fault::NotSent(format!("the name {name} has no address here"))),
            },
        };
        Ok(found.iter().any(|ip| !is_public(*ip)))
    }

    fn single(&self, rights: Rights, timeout: Duration) -> reqwest::Result<Client> {
        // Always ends before the call's own time: a time-out while connecting is then certain to be one.
        let key = (rights, CONNECT.min(timeout / 2));
        let mut singles = self.singles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = singles.get(&key) {
            return Ok(client.clone());
        }
        if singles.len() >= KEPT {
            singles.clear();
        }
        let client = self.make.single(key.0.clone(), key.1)?;
        singles.insert(key, client.clone());
        Ok(client)
    }

    fn opened(&self, target: Target) -> reqwest::Result<Client> {
        let key = (target.host.clone(), target.port);
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = opened.get(&key) {
            return Ok(client.clone());
        }
        if opened.len() >= KEPT {
            opened.clear();
        }
        let client = self.make.pooled(Rights::One(target))?;
        opened.insert(key, client.clone());
        Ok(client)
    }
}

impl Maker {
    /// A client for reads.
    fn pooled(&self, rights: Rights) -> reqwest::Result<Client> {
        let mut tls = self.tls.clone();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let header_list = u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX);
        self.common(rights, tls)
            .connect_timeout(CONNECT)
            .http2_max_header_list_size(header_list)
            .pool_max_idle_per_host(4)
            .pool_idle_timeout(Duration::from_secs(60))
            .build()
    }

    /// A client for changes: each gets a connection that serves nothing else, and nothing in it sends twice. Without pool
    /// the library neither resends on a closed connection nor shares one; HTTP/1.1 alone has no refused streams to repeat.
    fn single(&self, rights: Rights, connect: Duration) -> reqwest::Result<Client> {
        let mut tls = self.tls.clone();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        self.common(rights, tls)
            .connect_timeout(connect)
            .http1_only()
            .pool_max_idle_per_host(0)
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .build()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where clients are built")]
    fn common(&self, rights: Rights, tls: rustls::ClientConfig) -> reqwest::ClientBuilder {
        let builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .http1_max_headers(HEADER_LINES)
            .no_proxy();
        let builder = match (&rights, &self.proxy) {
            (Rights::Proxy(_), Some(proxy)) => builder.proxy(proxy.clone()),
            _ => builder,
        };
        let (guard, lookup) = (Arc::clone(&self.guard), Arc::clone(&self.lookup));
        builder.dns_resolver(Arc::new(Resolver { guard, lookup, rights }))
    }
}

/// The proxy, and its host.
fn proxy(url: &Url) -> Result<(reqwest::Proxy, Host<String>), HttpError> {
    let host = place(url).map(|(host, _)| host).filter(|_| matches!(url.scheme(), "http" | "https"));
    let host =
        host.ok_or_else(|| HttpError::Proxy(format!("expected an http or https URL, found `{}:`", url.scheme())))?;
    let proxy = reqwest::Proxy::all(url.clone()).map_err(|error| HttpError::Proxy(root(&error)))?;
    Ok((proxy, host))
}

/// TLS by ring, with the roots of the web and those of `extra_ca_file`.
fn tls(settings: &Settings) -> Result<rustls::ClientConfig, HttpError> {
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = &settings.extra_ca_file {
        let bad = |said: String| HttpError::ExtraCa { path: path.display().to_string(), said };
        let mut count = 0_usize;
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))? {
            let certificate = certificate.map_err(|error| bad(error.to_string()))?;
            roots.add(certificate).map_err(|error| bad(error.to_string()))?;
            count += 1;
        }
        if count == 0 {
            return Err(bad("expected PEM certificates, found none".to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| HttpError::Client(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// What an error of the library means for the request. Certain that nothing left: the request could not be built, the
/// name not looked up, the connection (with TLS) not made. Everything else is in doubt, also what looks harmless.
pub(super) fn fault(error: &reqwest::Error, url: &Url) -> Fault {
    let place = place_of(url);
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(Refusal(said)) = cause.downcast_ref::<Refusal>() {
            return Fault::Refused(said.clone());
        }
        source = cause.source();
    }
    let said = scrub(root(error), url);
    if error.is_dns() {
        Fault::NotSent(format!("{place}: the name cannot be looked up: {said}"))
    } else if error.is_builder() {
        Fault::NotSent(format!("{place}: the request cannot be built: {said}"))
    } else if error.is_connect() {
        Fault::NotSent(format!("{place}: no connection: {said}"))
    } else {
        Fault::Broken(format!("{place}: the answer broke off: {said}"))
    }
}

/// The innermost cause in words, without URL.
fn root(error: &reqwest::Error) -> String {
    let mut said = None;
    let mut source = error.source();
    while let Some(cause) = source {
        // An error of the library itself may print the URL it was asked for.
        if cause.downcast_ref::<reqwest::Error>().is_none() {
            said = Some(cause.to_string());
        }
        source = cause.source();
    }
    said.unwrap_or_else(|| "no reason given".to_owned())
}

/// Belt and braces: should a cause print the URL after all, its secret parts go.
fn scrub(said: String, url: &Url) -> String {
    let said = match url.query() {
        Some(query) if !query.is_empty() => said.replace(query, "…"),
        _ => said,
    };
    if url.path().len() > 1 { said.replace(url.path(), "/…") } else { said }
}
