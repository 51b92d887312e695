//! The config file: read, checked, built. Every fault is found at once and shown with its place ([`Faults`]); nothing here
//! touches the network, and secrets stay references.
//!
//! `document.rs` reads the file section by section, `shape.rs` compares it with its schema, `check.rs` and `channel.rs`
//! build what the modules further up are handed, `words.rs` does so for tags, mentions and links, `draft.rs` writes a first config, `rehearse.rs` turns one into its
//! rehearsal.

mod channel;
mod check;
mod diagnostic;
mod document;
mod draft;
mod rehearse;
mod schema;
mod settings;
mod shape;
#[cfg(test)]
mod trial;
mod words;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use url::Url;

pub use self::diagnostic::{Fault, Faults, Place, nearest};
pub use self::draft::{Answers, Wanted, draft};
pub use self::schema::schema;
pub use self::settings::{Log, LogFormat, LogLevel};
use crate::model::id::{ChannelName, SourceName};
use crate::platform::{Account, Platform, Spec};
use crate::publish::OnUncertain;
use crate::route::Rule;
use crate::schedule;
use crate::timetable::Rhythm;

/// Where the config is looked for when nothing else is said.
pub const DEFAULT_PATH: &str = "config/bugle.toml";

/// The most bytes of a config file: 1 MiB, far above any newsroom's.
const CAP: u64 = 1024 * 1024;

/// A config without faults.
#[derive(Clone)]
pub struct Config {
    /// The newsroom.
    pub newsroom: Newsroom,
    /// Where everything is kept.
    pub store: Store,
    /// The desk.
    pub web: crate::web::Settings,
    /// Further ways to sign in to the desk.
    pub sign_in: crate::people::oidc::SignIn,
    /// What may be contacted, and through what.
    pub network: crate::http::Settings,
    /// The key that seals tokens.
    pub vault: crate::vault::Settings,
    /// Where notices are posted besides the desk.
    pub notify: Option<crate::publish::Settings>,
    /// How headline cards look.
    pub card: crate::card::Settings,
    /// For tests.
    pub timing: crate::engine::Settings,
    /// What is logged, and how.
    pub log: Log,
    /// The sources, by name.
    pub sources: Vec<Source>,
    /// The channels, by name.
    pub channels: Vec<Channel>,
    /// The routes, in the order of the file.
    pub routes: Vec<Rule>,
    /// Tags, mentions and links.
    pub words: crate::compose::words::Words,
    origin: Origin,
}

/// The newsroom.
#[derive(Clone, Debug)]
pub struct Newsroom {
    /// Its name.
    pub name: String,
    /// The zone of all times in the config.
    pub zone: TimeZone,
    /// BCP 47 tag of what it publishes, where neither article nor source states one.
    pub language: Option<String>,
}

/// Where everything is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// `sqlite:FILE` or `postgres://…`.
    pub url: String,
    /// How long articles and seen keys are kept after they were last listed; at least 400 days.
    pub keep: jiff::SignedDuration,
}

/// A source.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name: its identity.
    pub name: SourceName,
    /// Its section as written.
    pub settings: crate::source::Settings,
    /// Where it is.
    pub address: Address,
    /// When to poll, where the config says it.
    pub rhythm: Option<Rhythm>,
    /// What the first poll may post.
    pub start: Start,
    /// Where the articles stand, where it is a page.
    pub layout: Option<crate::source::page::Layout>,
    /// The most that a post waits for its article's page; zero: not at all.
    pub page_wait: jiff::SignedDuration,
}

/// Where a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// On the web.
    Web(Url),
    /// A file on this machine; a relative one is relative to the working directory.
    File(PathBuf),
    /// Nowhere: its stories are pushed.
    Door,
}

/// What the first poll of a source may post.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// Nothing that is listed already.
    #[default]
    FromNow,
    /// The newest so many; at most 500.
    Last(u16),
}

/// A channel.
#[derive(Clone)]
pub struct Channel {
    /// Its name: its identity.
    pub name: ChannelName,
    /// Its platform's constants.
    pub platform: &'static Spec,
    /// Its side of the platform.
    pub account: Arc<dyn Account>,
    /// The account's name as the config states it, for people.
    pub label: Option<String>,
    /// When it may publish.
    pub policy: schedule::Policy,
    /// The same as written.
    pub schedule: schedule::Settings,
    /// Its caps of money.
    pub budget: Option<schedule::budget::Budget>,
    /// How its posts carry a picture.
    pub picture: crate::model::picture::Carry,
    /// Whether they wait for the page their card is made of.
    pub card: crate::model::picture::CardTime,
    /// How many pictures they carry, where those are the article's own.
    pub pictures: u8,
    /// What to do with a post in doubt where nothing can be looked up.
    pub on_uncertain: OnUncertain,
    /// Whether a post in doubt holds up the next ones.
    pub strict_order: bool,
    /// The most hashtags of a post; `None`: as `[hashtags]` says.
    pub hashtags: Option<u8>,
    /// Own parameters of links, by name: templates as written.
    pub link_params: BTreeMap<String, String>,
}

/// The file a config came from, for faults that are found later.
#[derive(Clone, Default)]
struct Origin {
    path: PathBuf,
    masked: String,
    places: BTreeMap<String, Range<usize>>,
}

impl Config {
    /// The source of that name.
    pub fn source(&self, name: &SourceName) -> Option<&Source> {
        self.sources.iter().find(|source| source.name == *name)
    }

    /// The channel of that name.
    pub fn channel(&self, name: &ChannelName) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.name == *name)
    }

    /// The file it came from.
    pub fn path(&self) -> &Path {
        &self.origin.path
    }

    /// A fault of a key, found by a later check: `route[0].template`, `channel.x.server`. A key that the file leaves out
    /// is shown where its table begins.
    pub fn fault(&self, key: &str, said: impl Into<String>, hint: Option<String>) -> Fault {
        let mut at = key;
        let span = loop {
            match (self.origin.places.get(at), at.rfind(['.', '['])) {
                (Some(span), _) => break Some(span.clone()),
                (None, Some(cut)) => at = &at[..cut],
                (None, None) => break None,
            }
        };
        Fault { key: key.to_owned(), said: said.into(), span, hint }
    }

    /// Those faults, ready to be shown.
    pub fn faults(&self, list: Vec<Fault>) -> Faults {
        Faults::new(&self.origin.path, self.origin.masked.clone(), list)
    }
}

/// Reads, checks and builds the config in that file.
///
/// # Errors
/// Every fault found.
pub fn load(path: &Path) -> Result<Config, Faults> {
    let whole = |said: String, hint: Option<&str>| Faults::whole(path, said, hint.map(str::to_owned));
    let unreadable = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => whole("there is no such file".into(), Some("`bugle init` writes one")),
        kind => whole(format!("the file cannot be read: {kind}"), None),
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    std::io::Read::read_to_end(&mut std::io::Read::take(file, CAP + 1), &mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > CAP {
        return Err(whole("expected a config of at most 1 MiB, found more".into(), None));
    }
    match String::from_utf8(bytes) {
        Ok(text) => parse(&text, path),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
            Err(whole(format!("expected UTF-8, found another byte in line {line}"), None))
        }
    }
}

/// Checks and builds a config from its text; `path` is only shown.
///
/// # Errors
/// Every fault found.
pub fn parse(text: &str, path: &Path) -> Result<Config, Faults> {
    parse_with(crate::platform::ALL, text, path)
}

/// The same with a list of platforms.
///
/// # Errors
/// Every fault found.
pub fn parse_with(platforms: &[&'static dyn Platform], text: &str, path: &Path) -> Result<Config, Faults> {
    document::read(platforms, text, path)
}
