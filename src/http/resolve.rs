//! The resolver behind every connection: looks a name up once and lets only admitted addresses through to the dialler.
//! The rules themselves are in `guard`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Host;

use super::guard::{Guard, Target, is_localhost, plain_name};

/// The most addresses of one name that are tried. Ours, 2026-11: a name with a thousand addresses stays one look-up and
/// a few attempts.
const TRIED: usize = 8;

/// Asks the system for a name's addresses; replaced in tests.
pub(super) type Lookup =
    Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> + Send + Sync>;

/// The system's own look-up.
pub(super) fn system() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()) })
    })
}

/// The addresses of a name. This machine's own names are not asked of anybody.
pub(super) async fn addresses(lookup: &Lookup, name: &str) -> io::Result<Vec<IpAddr>> {
    if is_localhost(&plain_name(name)) {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    lookup(name.to_owned()).await
}

/// The guard's refusal on its way through the HTTP library's errors.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refusal(pub String);

/// Whom a client may reach. A client's rights never depend on the request: connections are shared between requests, so
/// each set of rights has a client of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Rights {
    /// Public addresses, whatever the host.
    Public,
    /// One host and port, with what the allow-list opens for it.
    One(Target),
    /// The proxy with that host, wherever it stands; what is asked of it was checked before.
    Proxy(Host<String>),
}

/// A client's resolver.
pub(super) struct Resolver {
    pub guard: Arc<Guard>,
    pub lookup: Lookup,
    pub rights: Rights,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, lookup, rights) = (Arc::clone(&self.guard), Arc::clone(&self.lookup), self.rights.clone());
        Box::pin(async move {
            let host = plain_name(name.as_str());
            let found = addresses(&lookup, name.as_str()).await?;
            let good = match rights {
                Rights::Public => {
                    // The port is not known here and opens nothing: untrusted targets get public addresses only.
                    guard.admit(&Target { host: Host::Domain(host), port: 0, trusted: false }, found)
                }
                Rights::One(target) if target.host == Host::Domain(host.clone()) => guard.admit(&target, found),
                Rights::One(target) => Err(format!("refused: a client for {} was asked for {host}", target.name())),
                Rights::Proxy(door) if door == Host::Domain(host.clone()) => Ok(found),
                Rights::Proxy(door) => Err(format!("refused: a client for the proxy {door} was asked for {host}")),
            };
            let good = good.map_err(Refusal)?;
            // Port 0: the dialler puts in the URL's own.
            let dial: Vec<SocketAddr> = good.into_iter().take(TRIED).map(|ip| SocketAddr::new(ip, 0)).collect();
            Ok(Box::new(dial.into_iter()) as Addrs)
        })
    }
}
