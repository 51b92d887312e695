//! The checks of everything but channels: pure, no network, no file beside the config is read.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use url::{Host, Url};

use super::diagnostic::{Fault, nearest};
use super::document::{Reading, find};
use super::{Address, Channel, Newsroom, Source, Start, Store, settings};
use crate::expr::{self, Condition};
use crate::model::id::SourceName;
use crate::route::{Approve, Rule};
use crate::source::page::{Layout, Selectors};
use crate::timetable::{self, Rhythm};

/// Seen keys live at least so long after they were last listed. Source: reliability.md section 5.
const LEAST_KEEP: SignedDuration = SignedDuration::from_hours(400 * 24);

/// The most articles a first poll may post. Source: reliability.md section 5.
const MOST_LAST: u16 = 500;

/// How long a post waits for its article's page where the config says nothing.
const PAGE_WAIT: SignedDuration = SignedDuration::from_secs(90);

/// The longest such wait: what takes longer is no page that is about to come up.
const LONGEST_PAGE_WAIT: SignedDuration = SignedDuration::from_mins(10);

/// The longest URL. 2,048 bytes. Source: reliability.md section 6.
const LONGEST_URL: usize = 2048;

/// The longest name of a source or channel.
const LONGEST_NAME: usize = 64;

pub(super) fn newsroom(r: &mut Reading<'_>) -> Option<Newsroom> {
    let written: settings::Newsroom = r.section("newsroom")?;
    if written.name.trim().is_empty() {
        r.fault("newsroom.name", "expected a name, found nothing", None);
    }
    language(r, "newsroom.language", written.language.as_deref());
    let Ok(zone) = TimeZone::get(&written.timezone) else {
        let zones: Vec<String> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
        let hint = match nearest(&written.timezone, zones.iter().map(String::as_str)) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "write it as in the IANA time zone database: \"Asia/Baku\"".to_owned(),
        };
        let said = format!("expected a time zone, found {:?}", written.timezone);
        r.fault("newsroom.timezone", said, Some(&hint));
        return None;
    };
    Some(Newsroom { name: written.name, zone, language: written.language })
}

pub(super) fn store(r: &mut Reading<'_>) -> Option<Store> {
    let written: crate::store::Settings = r.section("store").unwrap_or_default();
    let file = written.url.strip_prefix("sqlite:").map(|file| file.trim_start_matches("//"));
    let is_server = Url::parse(&written.url).is_ok_and(|url| matches!(url.scheme(), "postgres" | "postgresql"));
    match file {
        Some(file) if file.is_empty() || file.starts_with(':') || file.starts_with('?') => {
            let hint = "what is posted must outlive the process: \"sqlite:data/bugle.db\"";
            r.fault("store.url", "expected a file after sqlite:, found none", Some(hint));
        }
        None if !is_server => {
            // Not shown: a mistyped scheme may be followed by a password.
            let hint = "for instance \"sqlite:data/bugle.db\"";
            r.fault("store.url", "expected sqlite:FILE or postgres://…, found something else", Some(hint));
        }
        _ => {}
    }
    let keep = r.places.contains_key("store.keep").then(|| duration(r, "store.keep", &written.keep)).flatten();
    let keep = match keep {
        Some(keep) if keep < LEAST_KEEP => {
            let hint = "a feed may list an old story again after a year: it must still be known";
            r.fault("store.keep", format!("expected 400d or more, found {:?}", written.keep), Some(hint));
            LEAST_KEEP
        }
        keep => keep.unwrap_or(LEAST_KEEP),
    };
    Some(Store { url: written.url, keep })
}

pub(super) fn web(r: &mut Reading<'_>) -> crate::web::Settings {
    let written: crate::web::Settings = r.section("web").unwrap_or_default();
    if let Some(url) = &written.public_url {
        web_url(r, "web.public_url", url);
        if url.query().is_some() || url.fragment().is_some() {
            r.fault("web.public_url", "expected a URL without ? and #, found one with them", None);
        }
    }
    written
}

pub(super) fn sign_in(r: &mut Reading<'_>) -> crate::people::oidc::SignIn {
    let written: crate::people::oidc::SignIn = r.section("sign_in").unwrap_or_default();
    for (key, said) in written.oidc.iter().flat_map(crate::people::oidc::Settings::faults) {
        r.fault(&format!("sign_in.oidc.{key}"), said, None);
    }
    written
}

pub(super) fn network(r: &mut Reading<'_>) -> crate::http::Settings {
    let written: crate::http::Settings = r.section("network").unwrap_or_default();
    for (n, entry) in written.allow_private.iter().enumerate() {
        if !is_host_and_port(entry) {
            let said = format!("expected host:port, found {entry:?}");
            r.fault(&format!("network.allow_private[{n}]"), said, Some("for instance \"10.0.0.5:8080\""));
        }
    }
    if let Some(url) = &written.proxy {
        web_url(r, "network.proxy", url);
    }
    written
}

pub(super) fn notify(r: &mut Reading<'_>) -> Option<crate::publish::Settings> {
    let written: crate::publish::Settings = r.section("notify")?;
    web_url(r, "notify.url", &written.url);
    Some(written)
}

/// Waits may be shortened only where nothing but this machine is talked to.
pub(super) fn timing(r: &mut Reading<'_>, timing: &crate::engine::Settings, channels: &[Channel]) {
    let scale = timing.scale;
    if !(scale.is_finite() && scale > 0.0) {
        return r.fault("timing.scale", format!("expected a number above 0, found {scale}"), None);
    }
    let far = channels.iter().find(|channel| channel.account.server().is_some_and(|server| !is_loopback(server)));
    if let (true, Some(channel)) = (scale < 1.0, far) {
        let said = format!("expected 1 or more, found {scale}: channel {} is not on this machine", channel.name);
        r.fault("timing.scale", said, Some("below 1 is for tests, with every channel's server on loopback"));
    }
}

pub(super) fn sources(r: &mut Reading<'_>) -> Vec<Source> {
    let names = names(r, "source");
    names.into_iter().filter_map(|name| source(r, name)).collect()
}

fn source(r: &mut Reading<'_>, name: String) -> Option<Source> {
    let key = format!("source.{name}");
    let value = find(&r.root, "source")?.get(name.as_str())?.clone();
    let written: crate::source::Settings = r.value(&key, value)?;
    let address = place(r, &key, &written);
    push(r, &key, &written);
    let rhythm = match written.poll.as_deref().map(Rhythm::parse) {
        Some(Ok(rhythm)) => Some(rhythm),
        Some(Err(bad)) => {
            let hint = "write \"every 2m\" (1 s or more) or a cron expression as \"*/5 7-23 * * *\"";
            r.fault_in(&format!("{key}.poll"), bad.at..bad.at + bad.len, bad.said, Some(hint));
            None
        }
        None => None,
    };
    let start = match written.start.as_deref().map(start) {
        Some(Err(said)) => {
            r.fault(&format!("{key}.start"), said, Some("write \"from now\" or \"last 3\" (up to 500)"));
            Start::FromNow
        }
        Some(Ok(start)) => start,
        None => Start::FromNow,
    };
    language(r, &format!("{key}.language"), written.language.as_deref());
    for (n, category) in written.categories.iter().enumerate() {
        if category.trim().is_empty() {
            r.fault(&format!("{key}.categories[{n}]"), "expected a category, found nothing", None);
        }
    }
    let layout = written.page.as_ref().and_then(|selectors| layout(r, &key, selectors));
    let page_wait = match written.page_wait.as_deref() {
        Some(text) => duration(r, &format!("{key}.page_wait"), text).unwrap_or(PAGE_WAIT),
        None => PAGE_WAIT,
    };
    if page_wait > LONGEST_PAGE_WAIT {
        let said = format!("expected at most 10m, found {:?}", written.page_wait.as_deref().unwrap_or_default());
        r.fault(&format!("{key}.page_wait"), said, Some("it is news that waits: seconds, not hours"));
    }
    for (n, host) in written.hosts.iter().enumerate() {
        let is_host = Url::parse(&format!("https://{host}/")).is_ok_and(|url| url.path() == "/" && url.has_host());
        if !is_host || host.contains(['/', '@', '?', '#']) {
            let said = format!("expected a host, found {host:?}");
            r.fault(&format!("{key}.hosts[{n}]"), said, Some("the name alone: \"news.example\""));
        }
    }
    Some(Source { name: SourceName::new(name), address: address?, rhythm, start, layout, page_wait, settings: written })
}

/// The selectors of a page, compiled.
fn layout(r: &mut Reading<'_>, key: &str, selectors: &Selectors) -> Option<Layout> {
    match Layout::compile(selectors) {
        Ok(layout) => Some(layout),
        Err(bad) => {
            for one in bad {
                let hint = "a CSS selector, as for style sheets: \"article.card\", \"ul.news > li\"";
                r.fault(&format!("{key}.page.{}", one.key), one.said, Some(hint));
            }
            None
        }
    }
}

/// Where a source is polled; one without `url` has a door.
fn place(r: &mut Reading<'_>, key: &str, written: &crate::source::Settings) -> Option<Address> {
    match (&written.url, &written.ingest) {
        (Some(url), _) => address(r, &format!("{key}.url"), url),
        (None, Some(_)) => {
            if written.poll.is_some() {
                let hint = "add url, or take poll out: its stories are pushed";
                r.fault(&format!("{key}.poll"), "there is no url to poll", Some(hint));
            }
            Some(Address::Door)
        }
        // One that is there and at fault was reported.
        (None, None) if ["url", "ingest"].iter().all(|word| r.is_sound(&format!("{key}.{word}"))) => {
            let hint = "an http(s) URL or a file; or [source.NAME.ingest], where its stories are pushed";
            // The key has no place: its table is shown.
            let missing = Fault::new(format!("{key}.url"), "missing key", r.span(key));
            r.found.faults.push(missing.hint_if(Some(hint.to_owned())));
            None
        }
        (None, None) => None,
    }
}

/// What pushes to a source: its hub and its door.
fn push(r: &mut Reading<'_>, key: &str, written: &crate::source::Settings) {
    if let Some(hub) = &written.hub {
        let key = format!("{key}.hub");
        web_url(r, &key, hub);
        if written.websub == Some(false) {
            r.fault(&key, "websub = false: nothing is subscribed to", Some("take one of the two out"));
        }
    }
    let Some(door) = &written.ingest else { return };
    let key = format!("{key}.ingest");
    if door.token.is_none() && door.secret.is_none() {
        let hint = "token = { env = \"NAME\" } (a bearer token) or secret = { env = \"NAME\" } (signed pushes)";
        r.fault(&key, "expected a token or a secret: without one anybody could push", Some(hint));
    }
    if let Some(Err(said)) = door.link.as_deref().map(crate::source::door::link::check) {
        let hint = "as in \"https://www.example/{{ uri }}\"";
        r.fault(&format!("{key}.link"), said, Some(hint));
    }
}

/// `from now` or `last N`.
fn start(text: &str) -> Result<Start, String> {
    let words: Vec<_> = text.split_whitespace().collect();
    match words[..] {
        ["from", "now"] => Ok(Start::FromNow),
        ["last", number] => match number.parse::<u16>() {
            Ok(n @ 1..=MOST_LAST) => Ok(Start::Last(n)),
            _ => Err(format!("expected a number from 1 to {MOST_LAST} after last, found {number:?}")),
        },
        _ => Err(format!("expected `from now` or `last N`, found {text:?}")),
    }
}

fn address(r: &mut Reading<'_>, key: &str, text: &str) -> Option<Address> {
    if text.trim().is_empty() {
        r.fault(key, "expected a URL or a file, found nothing", None);
        return None;
    }
    // Without `scheme://` it is a path, also one with a colon in it.
    if !text.contains("://") {
        return Some(Address::File(PathBuf::from(text)));
    }
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            web_url(r, key, &url);
            Some(Address::Web(url))
        }
        Ok(url) if url.scheme() == "file" => match url.to_file_path() {
            Ok(path) => Some(Address::File(path)),
            Err(()) => {
                r.fault(key, "expected a file on this machine, found one on a host", Some("write file:///path"));
                None
            }
        },
        Ok(url) => {
            let said = format!("expected http, https or file, found {}", url.scheme());
            r.fault(key, said, None);
            None
        }
        Err(error) => {
            r.fault(key, format!("expected a URL: {error}"), None);
            None
        }
    }
}

pub(super) fn routes(r: &mut Reading<'_>) -> Vec<Rule> {
    let count = r.root.get("route").and_then(|routes| routes.get_ref().as_array()).map_or(0, |routes| routes.len());
    let known = |r: &Reading<'_>, kind: &str| -> Vec<String> {
        find(&r.root, kind).map(|t| t.keys().map(|key| key.get_ref().to_string()).collect()).unwrap_or_default()
    };
    let (sources, channels) = (known(r, "source"), known(r, "channel"));
    let mut rules = Vec::new();
    for n in 0..count {
        let key = format!("route[{n}]");
        let Some(value) = r.root.get("route").and_then(|routes| routes.get_ref().get(n)).cloned() else { continue };
        let Some(rule) = r.value::<Rule>(&key, value) else { continue };
        let from: Vec<_> = rule.from.iter().map(|name| name.as_str()).collect();
        references(r, &format!("{key}.from"), "source", &from, &sources);
        let to: Vec<_> = rule.to.iter().map(|name| name.as_str()).collect();
        references(r, &format!("{key}.to"), "channel", &to, &channels);
        condition(r, &format!("{key}.when"), rule.when.as_deref());
        if let Approve::When(text) = &rule.approve {
            condition(r, &format!("{key}.approve"), Some(text));
        }
        if rule.template.as_deref().is_some_and(|template| !is_name(template)) {
            let hint = "the name of a template without its ending: \"headline\"";
            r.fault(&format!("{key}.template"), "expected lower-case letters, digits, - and _", Some(hint));
        }
        rules.push(rule);
    }
    rules
}

fn references(r: &mut Reading<'_>, key: &str, kind: &str, names: &[&str], known: &[String]) {
    if names.is_empty() {
        r.fault(key, format!("expected at least one {kind}, found none"), None);
    }
    let mut seen = BTreeSet::new();
    for (n, name) in names.iter().enumerate() {
        let key = format!("{key}[{n}]");
        if !known.iter().any(|k| k == name) {
            let hint = match nearest(name, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None if known.is_empty() => format!("add a [{kind}.NAME]"),
                None => format!("there are: {}", known.join(", ")),
            };
            r.fault(&key, format!("there is no {kind} {name:?}"), Some(&hint));
        } else if !seen.insert(name) {
            r.fault(&key, format!("{kind} {name:?} is named twice"), None);
        }
    }
}

fn condition(r: &mut Reading<'_>, key: &str, text: Option<&str>) {
    if let Some(Err(error)) = text.map(Condition::parse) {
        let word = error.range.clone().and_then(|range| text.unwrap_or_default().get(range));
        let near = word
            .filter(|_| error.said.starts_with("unknown"))
            .and_then(|word| nearest(word, expr::NAMES.iter().copied()));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "as in \"'Nation' in categories and not title is matching('(?i)horoscope')\"".to_owned(),
        };
        match error.range {
            Some(range) => r.fault_in(key, range, error.said, Some(&hint)),
            None => r.fault(key, error.said, Some(&hint)),
        }
    }
}

/// The names below `source` or `channel`: those that may be one. The others are faults.
pub(super) fn names(r: &mut Reading<'_>, kind: &str) -> Vec<String> {
    let all: Vec<String> =
        find(&r.root, kind).map(|t| t.keys().map(|key| key.get_ref().to_string()).collect()).unwrap_or_default();
    for name in all.iter().filter(|name| !is_name(name)) {
        let said = format!("expected a name of at most {LONGEST_NAME} of a-z, 0-9, - and _, found {name:?}");
        r.fault(&format!("{kind}.{name}"), said, Some("the name is the identity: choose it once and keep it"));
    }
    all
}

fn is_name(name: &str) -> bool {
    let first = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let all = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_');
    first && all && name.len() <= LONGEST_NAME
}

/// A length of time.
fn duration(r: &mut Reading<'_>, key: &str, text: &str) -> Option<SignedDuration> {
    match timetable::duration(text) {
        Ok(length) => Some(length),
        Err(bad) => {
            r.fault_in(key, bad.at..bad.at + bad.len, bad.said, Some("a number and a unit: s, m, h, d"));
            None
        }
    }
}

/// What every http(s) URL of the config must keep to.
pub(super) fn web_url(r: &mut Reading<'_>, key: &str, url: &Url) {
    if !matches!(url.scheme(), "http" | "https") {
        r.fault(key, format!("expected http or https, found {}", url.scheme()), None);
    }
    // Of whatever scheme: what stands before an `@` is not shown.
    let span = r.span(key);
    if let Some(at) = r.text.get(span.clone()).and_then(|raw| raw.rfind('@').map(|at| span.start + at)) {
        r.found.secrets.push(span.start..at);
    }
    if !url.username().is_empty() || url.password().is_some() {
        r.fault(key, "expected a URL without user:password@, found one with it", Some("no secret stands in the file"));
    }
    if url.as_str().len() > LONGEST_URL {
        r.fault(key, format!("expected a URL of at most {LONGEST_URL} bytes, found {}", url.as_str().len()), None);
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

fn is_host_and_port(entry: &str) -> bool {
    let Some((host, port)) = entry.rsplit_once(':') else { return false };
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0) && port.chars().all(|c| c.is_ascii_digit());
    let is_host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-'),
    };
    is_port && is_host
}

fn language(r: &mut Reading<'_>, key: &str, tag: Option<&str>) {
    let is_tag = |tag: &str| {
        let mut parts = tag.split('-');
        let first =
            parts.next().is_some_and(|p| (2..=8).contains(&p.len()) && p.chars().all(|c| c.is_ascii_alphabetic()));
        first && parts.all(|p| (1..=8).contains(&p.len()) && p.chars().all(|c| c.is_ascii_alphanumeric()))
    };
    if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
        r.fault(key, format!("expected a language tag, found {tag:?}"), Some("for instance \"en\" or \"pt-BR\""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts() {
        for (text, expected) in [
            ("from now", Some(Start::FromNow)),
            ("last 3", Some(Start::Last(3))),
            ("last 500", Some(Start::Last(500))),
            ("last 501", None),
            ("last 0", None),
            ("last", None),
            ("now", None),
            ("last -1", None),
        ] {
            assert_eq!(start(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn hosts_and_ports() {
        for (entry, fits) in [
            ("127.0.0.1:18101", true),
            ("cms.internal:80", true),
            ("[::1]:8080", true),
            ("127.0.0.1", false),
            ("http://127.0.0.1:80", false),
            ("127.0.0.1:0", false),
            ("::1:8080", false),
            ("host:+80", false),
            ("10.0.0.0/8:80", false),
        ] {
            assert_eq!(is_host_and_port(entry), fits, "{entry}");
        }
    }

    #[test]
    fn what_counts_as_this_machine() {
        for (url, near) in [
            ("http://127.0.0.1:18101", true),
            ("http://127.9.9.9", true),
            ("http://localhost:1", true),
            ("http://[::1]:1", true),
            ("https://api.x.com", false),
            ("http://10.0.0.1", false),
            ("http://localhost.example", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), near, "{url}");
        }
    }
}
