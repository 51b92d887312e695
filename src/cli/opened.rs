//! What the config names, opened: the network, the templates, the store, the vault, a channel as publishing takes it.
//! Shared by the subcommands; what they do with it is theirs.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use url::Url;

use super::Trouble;
use crate::card::{self, Brand};
use crate::clock::{SharedClock, SystemClock};
use crate::config::{self, Address, Config};
use crate::expr::{ExprError, Templates};
use crate::http::{Http, Trust};
use crate::model::article::Entry;
use crate::platform::{Keep, Wall, WallPost};
use crate::publish;
use crate::source::feed::Feed;
use crate::source::fetch::{FailKind, Fetched, Validators};
use crate::source::gather::Gatherer;
use crate::source::page::visit::Outcome;
use crate::source::page::{ArticlePage, Layout, Rule, merge};
use crate::store::{Dialect, Store, StoreError};
use crate::vault::{Vault, VaultError};

/// The machine's clock.
pub fn clock() -> SharedClock {
    Arc::new(SystemClock::new())
}

/// Every URL that the config writes: the address guard lets only them lead inside.
pub fn named(config: &Config) -> Vec<Url> {
    let sources = config.sources.iter().flat_map(|source| {
        let address = match &source.address {
            Address::Web(url) => Some(url.clone()),
            Address::File(_) | Address::Door => None,
        };
        address.into_iter().chain(source.settings.hub.clone())
    });
    let servers = config.channels.iter().filter_map(|channel| channel.account.server().cloned());
    let notify = config.notify.iter().map(|notify| notify.url.clone());
    sources.chain(servers).chain(notify).chain(config.web.public_url.clone()).collect()
}

/// The network, as the config allows it.
///
/// # Errors
/// Where `[network]` cannot be used.
pub fn http(config: &Config, clock: &SharedClock) -> Result<Http, Trouble> {
    Http::build(&config.network, &named(config), Arc::clone(clock))
        .map_err(|error| Trouble { exit: super::Exit::Wrong, ..Trouble::failed(error.to_string()) })
}

/// The folder beside the config whose templates override those in the binary.
pub fn template_folder(config: &Config) -> PathBuf {
    config.path().parent().unwrap_or(std::path::Path::new("")).join("templates/post")
}

/// The templates.
///
/// # Errors
/// Every fault found, with its file.
pub fn templates(config: &Config) -> Result<Templates, Vec<(PathBuf, ExprError)>> {
    Templates::load(Some(&template_folder(config)))
}

/// The templates, or the call ends.
///
/// # Errors
/// Every fault found, in one text.
pub fn good_templates(config: &Config) -> Result<Templates, Trouble> {
    templates(config).map_err(|faults| {
        let texts: Vec<String> = faults.iter().map(|(path, error)| template_fault(path, error).to_string()).collect();
        // The word before it is said with every trouble.
        Trouble::wrong(texts.join("\n\n").trim_start_matches("error: "))
    })
}

/// A template's fault, with its place in the file.
pub(super) fn template_fault(path: &std::path::Path, error: &ExprError) -> config::Faults {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line_start = |line: usize| text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
    let start = error.line.map_or(0, line_start);
    let span = error.range.clone().unwrap_or(start..start);
    let word = text.get(span.clone()).filter(|_| error.said.starts_with("unknown name"));
    let near = word.and_then(|word| config::nearest(word, crate::expr::NAMES.iter().copied()));
    let fault = config::Fault::new("", error.said.clone(), span).hint(match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "as in {{ title | elastic }} and, on a line of its own, {{ link }}; see docs/config.md".to_owned(),
    });
    config::Faults::of_file(path, text, vec![fault])
}

/// The newsroom's looks, with the files that the config names.
///
/// # Errors
/// Which file cannot be used, and why.
pub fn brand(config: &Config) -> Result<Arc<Brand>, config::Faults> {
    let mut brand = Brand::new(&config.newsroom.name, config.card.clone());
    let mut faults = Vec::new();
    if let Some(path) = &config.card.logo {
        match file(path).and_then(|bytes| brand.clone().with_logo(&bytes).map_err(|e| e.to_string())) {
            Ok(with) => brand = with,
            Err(said) => faults.push(config.fault("card.logo", said, None)),
        }
    }
    for (n, path) in config.card.fonts.iter().enumerate() {
        match file(path).and_then(|bytes| brand.clone().with_font(bytes)) {
            Ok(with) => brand = with,
            Err(said) => faults.push(config.fault(&format!("card.fonts[{n}]"), said, None)),
        }
    }
    if !faults.is_empty() {
        return Err(config.faults(faults));
    }
    let folder = config.path().parent().unwrap_or(std::path::Path::new("")).join("templates/card");
    for name in card::TEMPLATES {
        let path = folder.join(format!("{name}.svg"));
        if !path.exists() {
            continue;
        }
        let (mut text, mut line) = (String::new(), None);
        let read = file(&path).and_then(|bytes| String::from_utf8(bytes).map_err(|e| format!("it is no UTF-8: {e}")));
        let tried = read.and_then(|found| {
            text.clone_from(&found);
            brand.clone().with_template(name, found).map_err(|(said, at)| {
                line = at;
                said
            })
        });
        match tried {
            Ok(with) => brand = with,
            Err(said) => {
                let start: usize =
                    line.map_or(0, |line| text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum());
                let fault = config::Fault::new("", said, start..start)
                    .hint("see docs/cards.md for what it is given".to_owned());
                return Err(config::Faults::of_file(&path, text, vec![fault]));
            }
        }
    }
    Ok(Arc::new(brand))
}

/// The bytes of a file that the config names, 40 MB at most: fonts of Han letters have some 20 MB.
fn file(path: &std::path::Path) -> Result<Vec<u8>, String> {
    const MOST: u64 = 40_000_000;
    let said = |e: std::io::Error| format!("{} cannot be read: {}", path.display(), e.kind());
    let file = std::fs::File::open(path).map_err(said)?;
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(file, MOST + 1), &mut bytes).map_err(said)?;
    match bytes.len() as u64 {
        0..=MOST => Ok(bytes),
        _ => Err(format!("{}: expected at most {MOST} bytes, found more", path.display())),
    }
}

/// A channel as publishing takes it.
pub fn channel(channel: &config::Channel) -> publish::Channel {
    publish::Channel {
        name: channel.name.clone(),
        account: Arc::clone(&channel.account),
        policy: Arc::new(channel.policy.clone()),
        picture: channel.picture,
        card: channel.card,
        pictures: channel.pictures,
        on_uncertain: channel.on_uncertain,
        strict_order: channel.strict_order,
        budget: channel.budget,
    }
}

/// The store; made where it is missing.
///
/// # Errors
/// Where it cannot be opened, or is of a newer version.
pub async fn store(config: &Config) -> Result<Store, StoreError> {
    Store::open(&config.store.url).await
}

/// The store, where there is one already: to look is no reason to make it.
///
/// # Errors
/// As [`store`].
pub async fn store_if_there(config: &Config) -> Result<Option<Store>, StoreError> {
    let url = &config.store.url;
    match Dialect::of(url)? {
        Dialect::Sqlite if !Dialect::sqlite_file(url).exists() => Ok(None),
        _ => store(config).await.map(Some),
    }
}

/// What seals; its key is made where it is missing and the config names none.
///
/// # Errors
/// Why the key cannot be had.
pub fn vault(config: &Config) -> Result<Arc<Vault>, VaultError> {
    Vault::unlock(&config.vault).map(Arc::new)
}

/// The vault, where its key is there already.
///
/// # Errors
/// As [`vault`].
pub fn vault_if_there(config: &Config) -> Result<Option<Arc<Vault>>, VaultError> {
    if config.vault.key.is_none() && !config.vault.generated.exists() {
        return Ok(None);
    }
    vault(config).map(Some)
}

/// Keeps in memory what an account wants kept, for as long as it is asked something. It has no timeline.
#[derive(Default)]
pub struct Memory(Mutex<HashMap<String, SecretString>>);

#[async_trait]
impl Keep for Memory {
    async fn get(&self, word: &str) -> Result<Option<SecretString>, String> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(word).cloned())
    }

    async fn put(&self, word: &str, secret: &SecretString) -> Result<(), String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(word.to_owned(), secret.clone());
        Ok(())
    }
}

#[async_trait]
impl Wall for Memory {
    async fn put(&self, _id: &str, _post: &WallPost) -> Result<(), String> {
        Err("nothing is posted here".to_owned())
    }

    async fn change(&self, _id: &str, _post: Option<&WallPost>) -> Result<(), String> {
        Err("nothing is posted here".to_owned())
    }

    async fn has(&self, _id: &str) -> Result<bool, String> {
        Ok(false)
    }
}

/// Fetches a source (a URL, or a file relative to the working directory) and reads it: a feed, a sitemap, an index with
/// its sitemaps or, with a layout, a page.
///
/// # Errors
/// In plain words; where the address guard refused it, with the way to open it.
pub async fn feed(
    http: &Http,
    place: &str,
    content_type: Option<&str>,
    layout: Option<&Layout>,
    zone: &TimeZone,
) -> Result<Feed, Trouble> {
    let root = std::env::current_dir().unwrap_or_default();
    let gather = Gatherer::default();
    match gather.fetch(http, place, &Validators::default(), &root, layout).await {
        Fetched::Body { bytes, content_type: stated, final_url, .. } => {
            let base = final_url.unwrap_or_else(|| Url::parse("file:///").expect("a constant URL"));
            let kind = content_type.map(str::to_owned).or(stated);
            let gathered = gather.read(http, bytes, kind, base, layout.cloned(), zone).await;
            gathered.read.map_err(|error| Trouble::failed(format!("{place}: no feed: {error}")))
        }
        Fetched::Unchanged { .. } => Ok(Feed::default()),
        Fetched::Failed { kind, said, .. } => {
            let said = if said.contains(place) { said } else { format!("{place}: {said}") };
            let trouble = Trouble::failed(said);
            Err(match (kind, inside(place)) {
                (FailKind::Refused, Some(inside)) => trouble.hint(format!(
                    "to let Bugle contact it, write allow_private = [\"{inside}\"] under [network] in the config"
                )),
                _ => trouble,
            })
        }
    }
}

/// An article completed by what its page says, where `when` asks for that; and, where it could not be, why.
pub async fn completed(
    http: &Http,
    entry: &Entry,
    when: ArticlePage,
    rule: Rule<'_>,
    zone: &TimeZone,
) -> (Entry, Option<String>) {
    let mut entry = entry.clone();
    let (Some(link), true) = (entry.link.clone(), merge::is_wanted(when, &entry)) else { return (entry, None) };
    let gather = Gatherer::default();
    let said = match gather.pages.read(http, &gather.robots, &link, Trust::Content, zone).await {
        Outcome::Read(read) => {
            merge::merge(&mut entry, &read.facts, Some(&read.at), rule);
            return (entry, None);
        }
        Outcome::Later { said, .. } | Outcome::Never { said } => said,
    };
    (entry, Some(format!("{link}: {said}")))
}

/// Host and port of a URL, as `allow_private` takes them.
fn inside(place: &str) -> Option<String> {
    let url = Url::parse(place).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))
}

/// The newest entry: by its date, else the first listed.
pub fn newest(entries: &[Entry]) -> Option<&Entry> {
    let dated = |entry: &&Entry| entry.published.or(entry.updated);
    // Of equal dates, and without any, the first listed: `max_by_key` would take the last.
    entries.iter().rev().max_by_key(dated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_entry() {
        let entry = |title: &str, published: Option<&str>| Entry {
            title: title.to_owned(),
            published: published.map(|text| text.parse().unwrap()),
            ..Entry::default()
        };
        let (old, new) = (Some("2026-11-24T00:00:00Z"), Some("2026-11-25T00:00:00Z"));
        for (entries, expected) in [
            (vec![entry("a", old), entry("b", new), entry("c", new)], Some("b")),
            (vec![entry("a", None), entry("b", None)], Some("a")),
            (vec![entry("a", None), entry("b", old)], Some("b")),
            (vec![], None),
        ] {
            assert_eq!(newest(&entries).map(|entry| entry.title.as_str()), expected);
        }
    }

    #[test]
    fn places_inside_are_named_with_their_port() {
        for (place, expected) in [
            ("http://127.0.0.1:18101/feed.xml", Some("127.0.0.1:18101")),
            ("https://cms.internal/feed", Some("cms.internal:443")),
            ("http://[::1]/a", Some("[::1]:80")),
            ("feed.xml", None),
        ] {
            assert_eq!(inside(place).as_deref(), expected, "{place}");
        }
    }
}
