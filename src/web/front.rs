//! Where a request comes from and under which address it was sent: by the connection and its `Host`, or by what a trusted
//! proxy says of them. Nobody else is believed.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::people::Caller;

/// A network, or one address, of `[web] trusted_proxies`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Net(pub IpNet);

impl TryFrom<String> for Net {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        net.map(Self).ok_or_else(|| format!("expected a network such as \"127.0.0.1/32\", found {text:?}"))
    }
}

impl From<Net> for String {
    fn from(net: Net) -> Self {
        net.0.to_string()
    }
}

/// Where a request comes from, and which address it was sent to. The gate puts it into every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Front {
    /// The address of the browser, as far as it is known.
    pub address: IpAddr,
    /// Whether it was sent over https.
    pub https: bool,
    /// The name and port it was sent to; `None`: none, or two that differ.
    pub host: Option<String>,
    /// What the browser says it is.
    pub agent: String,
}

impl Front {
    /// Of a request that came over a connection from `peer`.
    pub fn of(peer: IpAddr, headers: &HeaderMap, uri: &Uri, trusted: &[Net], public: Option<&Url>) -> Self {
        let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.0.contains(&address.to_canonical()));
        let through = is_trusted(peer);
        // The last value is the one that the proxy we know has added; what stands before it may be anybody's.
        let said = |name: &str| through.then(|| list(headers, name).pop()).flatten();
        let address = match through {
            false => peer,
            true => {
                let mut chain: Vec<IpAddr> = Vec::new();
                for hop in list(headers, "x-forwarded-for").iter().rev() {
                    // An address that is none ends what can be believed.
                    let Some(hop) = read_address(hop) else { break };
                    chain.push(hop);
                    if !is_trusted(hop) {
                        break;
                    }
                }
                chain.last().copied().unwrap_or(peer)
            }
        };
        let host = said("x-forwarded-host").or_else(|| own_host(headers, uri));
        let https = match said("x-forwarded-proto") {
            Some(scheme) => scheme.eq_ignore_ascii_case("https"),
            None => public.is_some_and(|url| url.scheme() == "https" && is_host_of(url, host.as_deref())),
        };
        let agent = headers.get(header::USER_AGENT).and_then(|it| it.to_str().ok()).unwrap_or_default();
        Self { address: address.to_canonical(), https, host, agent: agent.to_owned() }
    }

    /// The origin of the address it was sent to, as a browser names it.
    pub fn origin(&self) -> Option<String> {
        let scheme = if self.https { "https" } else { "http" };
        let url = Url::parse(&format!("{scheme}://{}", self.host.as_deref()?)).ok()?;
        Some(url.origin().ascii_serialization())
    }

    /// Whether it was sent to a name that a foreign site cannot point at us (DNS rebinding): `localhost`, an address, or
    /// the host of the public URL.
    pub fn is_ours(&self, public: Option<&Url>) -> bool {
        let host = self.host.as_deref().and_then(|text| text.parse::<Authority>().ok());
        host.is_some_and(|host| is_our_name(&host, public))
    }

    /// As signing in notes it.
    pub fn caller(&self) -> Caller {
        Caller { address: self.address, agent: self.agent.clone() }
    }
}

impl<S: Sync> FromRequestParts<S> for Front {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Self>().cloned();
        // Outside the gate nobody is trusted.
        Ok(known.unwrap_or_else(|| Self::of(peer(parts), &parts.headers, &parts.uri, &[], None)))
    }
}

/// The address at the other end of the connection.
pub(super) fn peer(parts: &Parts) -> IpAddr {
    let known = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    known.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |ConnectInfo(at)| at.ip().to_canonical())
}

/// The values of a header that is a list, over all its lines; one that is no text counts as empty.
fn list(headers: &HeaderMap, name: &str) -> Vec<String> {
    let lines = headers.get_all(name).iter();
    lines.flat_map(|line| line.to_str().unwrap_or_default().split(',').map(|it| it.trim().to_owned())).collect()
}

/// An address of X-Forwarded-For, with or without a port.
fn read_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|at| at.ip()))
}

/// The name and port of the request itself; `None` where there are none, or several that differ.
fn own_host(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return None };
    let host = host.to_str().ok()?;
    let same = uri.authority().is_none_or(|authority| authority.as_str().eq_ignore_ascii_case(host));
    same.then(|| host.to_owned())
}

fn is_host_of(url: &Url, host: Option<&str>) -> bool {
    let asked = host.and_then(|host| Url::parse(&format!("{}://{host}", url.scheme())).ok());
    asked.is_some_and(|asked| asked.origin() == url.origin())
}

fn is_our_name(authority: &Authority, public: Option<&Url>) -> bool {
    if authority.as_str().contains('@') {
        return false;
    }
    let host = authority.host().to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    host == "localhost"
        || host.parse::<IpAddr>().is_ok()
        || bracketed.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok())
        || public.and_then(Url::host_str).is_some_and(|name| name == host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in list {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    fn nets(list: &[&str]) -> Vec<Net> {
        list.iter().map(|text| Net::try_from((*text).to_owned()).unwrap()).collect()
    }

    #[test]
    fn networks_are_read() {
        for (text, expected) in [
            ("127.0.0.1/32", Some("127.0.0.1/32")),
            ("127.0.0.1", Some("127.0.0.1/32")),
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("fd00::/8", Some("fd00::/8")),
            ("proxy", None),
            ("10.0.0.0/33", None),
            ("", None),
        ] {
            let read = Net::try_from(text.to_owned()).ok().map(String::from);
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn only_a_trusted_proxy_says_where_a_request_comes_from() {
        let trusted = nets(&["127.0.0.1/32", "10.0.0.0/8"]);
        for (peer, forwarded, expected) in [
            ("127.0.0.1", &["192.0.2.7"][..], "192.0.2.7"),
            ("::ffff:127.0.0.1", &["192.0.2.7"], "192.0.2.7"),
            ("127.0.0.1", &[], "127.0.0.1"),
            // What a browser itself claims stands before what the proxy adds.
            ("127.0.0.1", &["198.51.100.1, 192.0.2.7"], "192.0.2.7"),
            ("127.0.0.1", &["198.51.100.1", "192.0.2.7"], "192.0.2.7"),
            // Through two proxies of ours.
            ("127.0.0.1", &["198.51.100.1, 192.0.2.7, 10.1.2.3"], "192.0.2.7"),
            ("127.0.0.1", &["10.1.2.4, 10.1.2.3"], "10.1.2.4"),
            ("127.0.0.1", &["192.0.2.7:51234"], "192.0.2.7"),
            ("127.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1"),
            ("127.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("127.0.0.1", &["192.0.2.7, unknown"], "127.0.0.1"),
            ("127.0.0.1", &["192.0.2.7, unknown, 10.1.2.3"], "10.1.2.3"),
            // Nobody we know.
            ("192.0.2.9", &["192.0.2.7"], "192.0.2.9"),
            ("127.0.0.2", &["192.0.2.7"], "127.0.0.2"),
        ] {
            let list: Vec<_> = forwarded.iter().map(|value| ("x-forwarded-for", *value)).collect();
            let front = Front::of(peer.parse().unwrap(), &headers(&list), &Uri::from_static("/"), &trusted, None);
            assert_eq!(front.address.to_string(), expected, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn the_address_it_was_sent_to() {
        let public = Url::parse("https://desk.example").unwrap();
        let trusted = nets(&["127.0.0.1"]);
        let (near, far) = ("127.0.0.1", "192.0.2.9");
        let forwarded = [("host", "bugle:8080"), ("x-forwarded-host", "desk.example"), ("x-forwarded-proto", "https")];
        for (peer, list, expected) in [
            (near, &[("host", "127.0.0.1:8080")][..], Some("http://127.0.0.1:8080")),
            (near, &[("host", "localhost")], Some("http://localhost")),
            (near, &[("host", "desk.example")], Some("https://desk.example")),
            (near, &[("host", "DESK.example:443")], Some("https://desk.example")),
            (near, &[("host", "desk.example:8443")], Some("http://desk.example:8443")),
            (near, &forwarded, Some("https://desk.example")),
            (far, &forwarded, Some("http://bugle:8080")),
            (near, &[("host", "desk.example"), ("x-forwarded-proto", "http")], Some("http://desk.example")),
            (near, &[("host", "other.example"), ("x-forwarded-proto", "http, https")], Some("https://other.example")),
            (near, &[], None),
            (near, &[("host", "a"), ("host", "b")], None),
        ] {
            let front =
                Front::of(peer.parse().unwrap(), &headers(list), &Uri::from_static("/"), &trusted, Some(&public));
            assert_eq!(front.origin().as_deref(), expected, "{peer} {list:?}");
        }
    }

    #[test]
    fn answers_to_its_own_names_only() {
        let public = Url::parse("https://desk.example/bugle").unwrap();
        let ours = |list: &[(&'static str, &str)], uri: &'static str, public: Option<&Url>| {
            let peer = "127.0.0.1".parse().unwrap();
            Front::of(peer, &headers(list), &Uri::from_static(uri), &[], public).is_ours(public)
        };
        for (host, good) in [
            ("localhost", true),
            ("LOCALHOST:8080", true),
            ("localhost.", true),
            ("127.0.0.1:8080", true),
            ("192.168.1.7", true),
            ("[::1]:8080", true),
            ("desk.example", true),
            ("Desk.Example:443", true),
            ("evil.example", false),
            ("desk.example.evil.example", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.nip.example", false),
            ("localhost@evil.example", false),
            ("evil@localhost", false),
            ("", false),
            ("a b", false),
        ] {
            assert_eq!(ours(&[("host", host)], "/", Some(&public)), good, "{host}");
        }
        assert!(!ours(&[], "/", None), "no host at all");
        assert!(!ours(&[("host", "localhost")], "http://evil.example/", None), "the target's name counts too");
        assert!(!ours(&[("host", "localhost"), ("host", "localhost")], "/", None), "two hosts");
    }
}
