//! The address guard: which addresses may be dialled for which URL (reliability.md section 7). Pure; the names are
//! resolved in `resolve`.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use url::{Host, Url};

use super::{HttpError, Trust};

/// The most bytes of a URL. Source: reliability.md section 6.
const URL_LIMIT: usize = 2_048;

/// One IPv4 range.
const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

/// One IPv6 range, by its first four groups; the others are zero.
const fn v6(a: u16, b: u16, c: u16, d: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), prefix)
}

/// IPv4 ranges that are not the public internet. Source: IANA special-purpose registry, by reliability.md section 7.
const CLOSED_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

/// IPv6 ranges that are not the public internet. Ranges that wrap an IPv4 address are not here but in [`wrapped`].
const CLOSED_V6: [Ipv6Net; 10] = [
    v6(0, 0, 0, 0, 96),
    v6(0x100, 0, 0, 0, 64),
    v6(0x2001, 0, 0, 0, 23),
    v6(0x2001, 0xdb8, 0, 0, 32),
    v6(0x3fff, 0, 0, 0, 20),
    v6(0x5f00, 0, 0, 0, 16),
    v6(0xfc00, 0, 0, 0, 7),
    v6(0xfe80, 0, 0, 0, 10),
    v6(0xfec0, 0, 0, 0, 10),
    v6(0xff00, 0, 0, 0, 8),
];

/// What the registries hand out as global unicast; everything outside is refused, listed above or not.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 0, 3);

/// Ranges that a *name* on the allow-list may lead to: a company's own network. Not link-local (metadata services),
/// not multicast.
const OWN_V4: [Ipv4Net; 5] =
    [v4(10, 0, 0, 0, 8), v4(100, 64, 0, 0, 10), v4(127, 0, 0, 0, 8), v4(172, 16, 0, 0, 12), v4(192, 168, 0, 0, 16)];

/// The IPv4 addresses that an IPv6 address may stand for: mapped, NAT64 (well-known and local prefix), 6to4. Where the
/// place inside is not certain, every candidate is given.
fn wrapped(ip: Ipv6Addr) -> Vec<Ipv4Addr> {
    let g = ip.segments();
    let pair = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match g {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => vec![pair(high, low)],
        // RFC 8215 leaves the length of the prefix to the operator; RFC 6052 puts the address after a /48 or at the end.
        [0x64, 0xff9b, 1, d, e, f, high, low] => {
            vec![pair(high, low), pair(d, ((e & 0xff) << 8) | (f >> 8))]
        }
        [0x2002, high, low, ..] => vec![pair(high, low)],
        _ => Vec::new(),
    }
}

/// An address in its plainest form: a mapped IPv4 address is that IPv4 address.
pub(super) fn plain(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

/// Whether an address belongs to the public internet.
pub(super) fn is_public(ip: IpAddr) -> bool {
    let public_v4 = |ip: Ipv4Addr| !CLOSED_V4.iter().any(|net| net.contains(&ip));
    match ip {
        IpAddr::V4(four) => public_v4(four),
        IpAddr::V6(six) => {
            let inside = wrapped(six);
            if inside.is_empty() {
                GLOBAL_V6.contains(&six) && !CLOSED_V6.iter().any(|net| net.contains(&six))
            } else {
                inside.into_iter().all(public_v4)
            }
        }
    }
}

/// Whether an address belongs to a network of one's own.
fn is_own(ip: IpAddr) -> bool {
    match plain(ip) {
        IpAddr::V4(four) => OWN_V4.iter().any(|net| net.contains(&four)),
        IpAddr::V6(six) => six.is_loopback() || v6(0xfc00, 0, 0, 0, 7).contains(&six),
    }
}

/// Whether a name stands for this machine (RFC 6761): never asked of a name server.
pub(super) fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

/// A name as it is compared: lower case, without the root's dot.
pub(super) fn plain_name(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// An entry of `[network] allow_private`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Allowed {
    Address(IpAddr, u16),
    Name(String, u16),
}

impl Allowed {
    fn parse(text: &str) -> Result<Self, HttpError> {
        let bad = |said: &str| HttpError::AllowPrivate { entry: text.to_owned(), said: said.to_owned() };
        if let Ok(address) = text.parse::<std::net::SocketAddr>() {
            return if address.port() == 0 {
                Err(bad("expected a port from 1 to 65535, found 0"))
            } else {
                Ok(Self::Address(plain(address.ip()), address.port()))
            };
        }
        let (name, port) = text.rsplit_once(':').ok_or_else(|| bad("expected host:port, found no port"))?;
        let port = port.parse::<u16>().ok().filter(|port| *port > 0);
        let port = port.ok_or_else(|| bad("expected a port from 1 to 65535 after the colon"))?;
        match Host::parse(name) {
            Ok(Host::Domain(name)) if !name.contains('*') => Ok(Self::Name(plain_name(&name), port)),
            // `127.1:80` and its kin: what is meant is not what is written.
            Ok(Host::Ipv4(ip)) => Err(bad(&format!("expected an address written out, found another spelling of {ip}"))),
            _ => Err(bad("expected an address or a host name before the colon")),
        }
    }
}

/// Where a URL leads, as far as the URL alone tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Target {
    /// The host, a name in its compared form.
    pub host: Host<String>,
    /// The port, the scheme's own where none is written.
    pub port: u16,
    /// Whether an entry of the allow-list may open an inside address for it.
    pub trusted: bool,
}

impl Target {
    /// `host:port`, as people write it.
    pub fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// What the config says about private addresses.
#[derive(Clone, Debug, Default)]
pub(super) struct Guard {
    allowed: Vec<Allowed>,
    named: HashSet<(Host<String>, u16)>,
}

impl Guard {
    /// Reads the allow-list. `named`: every URL that the config writes.
    pub fn new(allow_private: &[String], named: &[Url]) -> Result<Self, HttpError> {
        let allowed = allow_private.iter().map(|entry| Allowed::parse(entry)).collect::<Result<_, _>>()?;
        Ok(Self { allowed, named: named.iter().filter_map(place).collect() })
    }

    /// Checks what can be checked on the URL: scheme, user name, length, port, and an address written as host.
    pub fn target(&self, url: &Url, trust: Trust) -> Result<Target, String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("refused: expected an http or https URL, found `{}:`", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("refused: the URL carries a user name or a password".to_owned());
        }
        if url.as_str().len() > URL_LIMIT {
            return Err(format!("refused: the URL has {} bytes where {URL_LIMIT} are allowed", url.as_str().len()));
        }
        let (host, port) = place(url).ok_or_else(|| "refused: the URL names no host".to_owned())?;
        let trusted = trust == Trust::Config || self.named.contains(&(host.clone(), port));
        let target = Target { host, port, trusted };
        if trust == Trust::Content && !matches!(port, 80 | 443) && !self.opens(&target) {
            return Err(format!("refused: content may only lead to the ports 80 and 443, found {port}"));
        }
        match &target.host {
            Host::Ipv4(ip) => self.admit(&target, vec![IpAddr::V4(*ip)])?,
            Host::Ipv6(ip) => self.admit(&target, vec![IpAddr::V6(*ip)])?,
            Host::Domain(_) => Vec::new(),
        };
        Ok(target)
    }

    /// Whether the allow-list may open something inside for that target: the question before a client is chosen. What
    /// is dialled is still checked by [`Guard::admit`].
    pub fn opens(&self, target: &Target) -> bool {
        target.trusted
            && self.allowed.iter().any(|entry| match entry {
                Allowed::Address(_, port) => *port == target.port,
                Allowed::Name(name, port) => *port == target.port && is_name(&target.host, name),
            })
    }

    /// The addresses that may be dialled for that target, out of all that its name stands for. One refused address
    /// refuses them all: an answer that mixes outside and inside is an attack.
    pub fn admit(&self, target: &Target, found: Vec<IpAddr>) -> Result<Vec<IpAddr>, String> {
        let (good, bad): (Vec<_>, Vec<_>) = found.into_iter().partition(|ip| self.admits(target, *ip));
        // `localhost` is 127.0.0.1 and ::1 at once, both inside; there one allowed address does not open the other.
        let local = matches!(&target.host, Host::Domain(name) if is_localhost(name));
        match bad.first() {
            Some(ip) if !local || good.is_empty() => Err(format!(
                "refused: {} leads to the address {}, which is not public and not opened by `allow_private`",
                target.host,
                plain(*ip),
            )),
            _ if good.is_empty() => Err(format!("the name {} has no address", target.host)),
            _ => Ok(good),
        }
    }

    fn admits(&self, target: &Target, ip: IpAddr) -> bool {
        is_public(ip)
            || target.trusted
                && self.allowed.iter().any(|entry| match entry {
                    Allowed::Address(address, port) => *port == target.port && *address == plain(ip),
                    Allowed::Name(name, port) => *port == target.port && is_name(&target.host, name) && is_own(ip),
                })
    }
}

/// Host and port of a URL, in the form that is compared.
pub(super) fn place(url: &Url) -> Option<(Host<String>, u16)> {
    let host = match url.host()? {
        Host::Domain(name) => Host::Domain(plain_name(name)),
        Host::Ipv4(ip) => Host::Ipv4(ip),
        Host::Ipv6(ip) => match plain(IpAddr::V6(ip)) {
            IpAddr::V4(ip) => Host::Ipv4(ip),
            IpAddr::V6(ip) => Host::Ipv6(ip),
        },
    };
    Some((host, url.port_or_known_default()?))
}

fn is_name(host: &Host<String>, name: &str) -> bool {
    matches!(host, Host::Domain(domain) if domain == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allow: &[&str], named: &[&str]) -> Guard {
        let allow: Vec<String> = allow.iter().map(|s| (*s).to_owned()).collect();
        let named: Vec<Url> = named.iter().map(|s| s.parse().unwrap()).collect();
        Guard::new(&allow, &named).unwrap()
    }

    /// What a URL ends in when its name has those addresses.
    fn asked(guard: &Guard, url: &str, trust: Trust, found: &[&str]) -> Result<(), String> {
        let target = guard.target(&url.parse().map_err(|e| format!("no URL: {e}"))?, trust)?;
        if matches!(target.host, Host::Domain(_)) {
            guard.admit(&target, found.iter().map(|ip| ip.parse().unwrap()).collect())?;
        }
        Ok(())
    }

    #[test]
    fn first_and_last_address_of_every_closed_range_are_refused_and_their_neighbours_are_not() {
        for (first, last, open) in [
            ("0.0.0.0", "0.255.255.255", Some("1.0.0.0")),
            ("10.0.0.0", "10.255.255.255", Some("11.0.0.0")),
            ("100.64.0.0", "100.127.255.255", Some("100.128.0.0")),
            ("127.0.0.0", "127.255.255.255", Some("128.0.0.0")),
            ("169.254.0.0", "169.254.255.255", Some("169.255.0.0")),
            ("172.16.0.0", "172.31.255.255", Some("172.32.0.0")),
            ("192.0.0.0", "192.0.0.255", Some("192.0.1.0")),
            ("192.0.2.0", "192.0.2.255", Some("192.0.3.0")),
            ("192.88.99.0", "192.88.99.255", Some("192.88.100.0")),
            ("192.168.0.0", "192.168.255.255", Some("192.169.0.0")),
            ("198.18.0.0", "198.19.255.255", Some("198.20.0.0")),
            ("198.51.100.0", "198.51.100.255", Some("198.51.101.0")),
            ("203.0.113.0", "203.0.113.255", Some("203.0.114.0")),
            ("224.0.0.0", "239.255.255.255", Some("223.255.255.255")),
            ("240.0.0.0", "255.255.255.255", None),
            ("::", "::1", None),
            ("::2", "::255.255.255.255", None),
            ("::ffff:127.0.0.1", "::ffff:10.1.2.3", Some("::ffff:8.8.8.8")),
            ("64:ff9b::7f00:1", "64:ff9b::a00:1", Some("64:ff9b::808:808")),
            ("64:ff9b:1::7f00:1", "64:ff9b:1:7f00:0:100:808:808", Some("64:ff9b:1:808:8:800:808:808")),
            ("100::", "100::ffff:ffff:ffff:ffff", None),
            ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", Some("2001:200::")),
            ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", Some("2001:db9::")),
            ("2002:7f00:1::", "2002:a9fe:a9fe::", Some("2002:808:808::")),
            ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", Some("3fff:1000::")),
            ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
            ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
            ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
            ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
            ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
            ("4000::", "1fff::1", Some("2606:4700::1111")),
        ] {
            assert!(!is_public(first.parse().unwrap()), "{first}");
            assert!(!is_public(last.parse().unwrap()), "{last}");
            assert!(open.is_none_or(|ip| is_public(ip.parse().unwrap())), "{open:?}");
        }
    }

    #[test]
    fn every_spelling_of_this_machine_ends_at_a_refusal() {
        let guard = guard(&[], &[]);
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "0",
            "127.0.0.1.",
            "①②⑦.⓪.⓪.①",
            "%31%32%37.%30.0.1",
            "[::1]",
            "[::]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:ffff:127.0.0.1]",
            "[::127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
            "[2002:7f00:1::]",
            "[fe80::1%25eth0]",
            "good.example@127.0.0.1",
            "good.example:80@127.0.0.1",
            "good.example%40127.0.0.1",
            "169.254.169.254",
        ] {
            for trust in [Trust::Config, Trust::Content] {
                assert!(asked(&guard, &format!("http://{host}/"), trust, &["8.8.8.8"]).is_err(), "{host} {trust:?}");
            }
        }
        for host in ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1.nip.example"] {
            assert!(asked(&guard, &format!("http://{host}/"), Trust::Config, &["127.0.0.1"]).is_err(), "{host}");
        }
    }

    #[test]
    fn answers_are_refused_whole() {
        let guard = guard(&[], &[]);
        for (found, good) in [
            (&["8.8.8.8"][..], true),
            (&["8.8.8.8", "2606:4700::1111"], true),
            (&["8.8.8.8", "10.0.0.1"], false),
            (&["::1", "8.8.8.8"], false),
            (&[], false),
        ] {
            assert_eq!(asked(&guard, "https://news.example/", Trust::Content, found).is_ok(), good, "{found:?}");
        }
    }

    #[test]
    fn the_allow_list_opens_exactly_what_it_names_and_only_for_the_config() {
        use Trust::{Config, Content};
        let guard = guard(
            &["127.0.0.1:18101", "[fd00::5]:8080", "cms.lan:8443"],
            &["http://127.0.0.1:18101/feed", "http://fake.example:18101/", "https://cms.lan:8443/hook"],
        );
        for (url, trust, found, good) in [
            ("http://127.0.0.1:18101/x", Config, "", true),
            ("http://127.0.0.1:18101/x", Content, "", true),
            ("http://2130706433:18101/x", Content, "", true),
            ("http://[::ffff:127.0.0.1]:18101/", Config, "", true),
            ("http://127.0.0.1:18102/x", Config, "", false),
            ("http://127.0.0.2:18101/x", Config, "", false),
            ("http://[fd00::5]:8080/x", Config, "", true),
            ("http://[fd00::5]:8080/x", Content, "", false),
            ("http://localhost:18101/x", Config, "127.0.0.1", true),
            ("http://localhost:18101/x", Content, "127.0.0.1", false),
            ("http://fake.example:18101/x", Content, "127.0.0.1", true),
            ("http://evil.example:18101/x", Content, "127.0.0.1", false),
            ("http://evil.example/x", Content, "127.0.0.1", false),
            ("https://cms.lan:8443/x", Config, "10.1.2.3", true),
            ("https://cms.lan:8443/x", Content, "10.1.2.3", true),
            ("https://CMS.LAN.:8443/x", Config, "10.1.2.3", true),
            ("https://cms.lan:8443/x", Config, "169.254.169.254", false),
            ("https://cms.lan/x", Config, "10.1.2.3", false),
            ("https://a.cms.lan:8443/x", Config, "10.1.2.3", false),
            ("https://news.example:9000/x", Config, "8.8.8.8", true),
            ("https://news.example:9000/x", Content, "8.8.8.8", false),
            ("http://news.example:443/x", Content, "8.8.8.8", true),
        ] {
            let found: Vec<&str> = found.split_whitespace().collect();
            assert_eq!(asked(&guard, url, trust, &found).is_ok(), good, "{url} {trust:?}");
        }
    }

    #[test]
    fn localhost_is_dialled_only_where_it_is_allowed() {
        let guard = guard(&["127.0.0.1:18101"], &[]);
        let target = guard.target(&"http://localhost:18101/".parse().unwrap(), Trust::Config).unwrap();
        let both = vec!["::1".parse().unwrap(), "127.0.0.1".parse().unwrap()];
        assert_eq!(guard.admit(&target, both), Ok(vec!["127.0.0.1".parse().unwrap()]));
    }

    #[test]
    fn urls_that_are_refused_unseen() {
        let guard = guard(&[], &[]);
        for url in [
            "ftp://news.example/",
            "file:///etc/passwd",
            "gopher://127.0.0.1/",
            "javascript:alert(1)",
            "https://user@news.example/",
            "https://user:secret@news.example/",
            &format!("https://news.example/{}", "a".repeat(2_048)),
        ] {
            assert!(asked(&guard, url, Trust::Config, &["8.8.8.8"]).is_err(), "{url}");
        }
    }

    #[test]
    fn entries_that_are_no_address_and_port_are_named() {
        for entry in ["127.0.0.1", "127.0.0.1:0", "127.1:80", ":80", "*.lan:80", "cms.lan:99999", "10.0.0.0/8:80", ""] {
            let said = Guard::new(&[entry.to_owned()], &[]).unwrap_err().to_string();
            assert!(said.contains(&format!("\"{entry}\"")), "{said}");
        }
    }
}
