//! What readers of a fake platform saw: every post that became visible, every change to it, in order, never shortened.
//! The proof of "once": the ledger is outside Bugle and survives its death. It knows no platform's rules.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

/// How long a wait for something that should happen may last before it counts as a failure.
pub const PATIENCE: Duration = Duration::from_secs(75);

/// One line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `x`, `mastodon` …
    pub platform: &'static str,
    /// The account's name or chat on the platform.
    pub account: String,
    /// The platform's id of the post.
    pub id: String,
    /// What happened to it.
    pub event: Event,
    /// When, by the fake's clock.
    pub at: Timestamp,
}

/// What happened to a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It became visible.
    Published {
        /// As readers see it.
        text: String,
        /// Where its (first) link leads.
        link: Option<String>,
        /// The id of the post it answers.
        parent: Option<String>,
    },
    /// Its text changed.
    Edited {
        /// As readers see it from now on.
        text: String,
        /// Where its (first) link leads.
        link: Option<String>,
    },
    /// It was taken down.
    Deleted,
}

/// A post as it is visible after all changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// `x`, `mastodon` …
    pub platform: &'static str,
    /// The account's name or chat on the platform.
    pub account: String,
    /// The platform's id.
    pub id: String,
    /// As readers see it.
    pub text: String,
    /// Where its (first) link leads.
    pub link: Option<String>,
    /// The id of the post it answers.
    pub parent: Option<String>,
    /// When it became visible.
    pub at: Timestamp,
}

/// The append-only list. Clones share it.
#[derive(Clone, Debug)]
pub struct Ledger {
    entries: Arc<Mutex<Vec<Entry>>>,
    length: watch::Sender<usize>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { entries: Arc::default(), length: watch::Sender::new(0) }
    }
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line.
    pub fn write(&self, entry: Entry) {
        let length = {
            let mut entries = self.lock();
            entries.push(entry);
            entries.len()
        };
        self.length.send_replace(length);
    }

    /// Every line so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    /// The posts that are visible now, oldest first.
    pub fn posts(&self) -> Vec<Post> {
        let mut posts: Vec<Post> = Vec::new();
        for Entry { platform, account, id, event, at } in self.entries() {
            let same = |p: &Post| p.platform == platform && p.account == account && p.id == id;
            match event {
                Event::Published { text, link, parent } => {
                    posts.push(Post { platform, account, id, text, link, parent, at });
                }
                Event::Edited { text, link } => {
                    if let Some(post) = posts.iter_mut().find(|p| same(p)) {
                        (post.text, post.link) = (text, link);
                    }
                }
                Event::Deleted => posts.retain(|p| !same(p)),
            }
        }
        posts
    }

    /// How often each link ever became visible, in posts that answer no other (the first parts of threads). What was
    /// taken down since counts too: readers saw it.
    pub fn count_by_link(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for entry in self.lock().iter() {
            if let Event::Published { link: Some(link), parent: None, .. } = &entry.event {
                *counts.entry(link.clone()).or_insert(0) += 1;
            }
        }
        counts
    }

    /// Waits until `n` posts have become visible in all and gives those visible then.
    ///
    /// # Panics
    /// When they do not within [`PATIENCE`].
    pub async fn wait_for(&self, n: usize) -> Vec<Post> {
        let enough =
            |_: &usize| self.lock().iter().filter(|entry| matches!(entry.event, Event::Published { .. })).count() >= n;
        let mut length = self.length.subscribe();
        let waited = tokio::time::timeout(PATIENCE, length.wait_for(enough)).await.map(|seen| seen.map(|_| ()));
        assert!(matches!(waited, Ok(Ok(()))), "waited {PATIENCE:?} for {n} posts, seen: {:#?}", self.entries());
        self.posts()
    }
}
