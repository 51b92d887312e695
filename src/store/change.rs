//! What a commit changed, by topic: pages that people keep open look again only where something of theirs did. The
//! store's functions say what they write (`mark`), the clerk gathers it and counts it once the commit is durable.
//! Not here: what another process of this store wrote; that is asked of the store (`meta::CHANGE`, [`foreign`]).

use std::cell::Cell;
use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use super::{Conn, StoreError};

/// What pages tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Posts, with what is out and what is on timelines.
    Posts,
    /// Articles, with why they were posted or not.
    Articles,
    /// Channels, pauses, tokens.
    Channels,
    /// Sources: polls, subscriptions.
    Sources,
    /// Notices.
    Notices,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Posts, Self::Articles, Self::Channels, Self::Sources, Self::Notices];

    /// The word that pages use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Posts => "posts",
            Self::Articles => "articles",
            Self::Channels => "channels",
            Self::Sources => "sources",
            Self::Notices => "notices",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of topics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Topics(u8);

impl Topics {
    /// Every topic: somebody changed something, and nobody knows what.
    pub const ALL: Self = Self(0b1_1111);

    /// Those of the set.
    pub fn iter(self) -> impl Iterator<Item = Topic> {
        Topic::ALL.into_iter().filter(move |topic| self.0 & topic.bit() != 0)
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Topic> for Topics {
    fn from_iter<I: IntoIterator<Item = Topic>>(topics: I) -> Self {
        Self(topics.into_iter().fold(0, |bits, topic| bits | topic.bit()))
    }
}

/// How many changes this process knows of, and the number of each topic's last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    n: u64,
    last: [u64; Topic::ALL.len()],
}

impl Counted {
    /// The number of the last change.
    pub const fn number(&self) -> u64 {
        self.n
    }

    /// What changed after that number.
    pub fn since(&self, number: u64) -> Topics {
        Topic::ALL.into_iter().filter(|topic| self.last[*topic as usize] > number).collect()
    }

    fn add(&mut self, topics: Topics) {
        self.n += 1;
        for topic in topics.iter() {
            self.last[topic as usize] = self.n;
        }
    }
}

/// The count of a store, and the mark that this process itself left there last.
pub(super) struct Changes {
    counted: watch::Sender<Counted>,
    own: Mutex<Option<String>>,
}

impl Default for Changes {
    fn default() -> Self {
        Self { counted: watch::Sender::new(Counted::default()), own: Mutex::default() }
    }
}

impl Changes {
    pub fn listen(&self) -> watch::Receiver<Counted> {
        self.counted.subscribe()
    }

    pub fn add(&self, topics: Topics) {
        if !topics.is_empty() {
            self.counted.send_modify(|counted| counted.add(topics));
        }
    }

    pub fn is_own(&self, mark: &str) -> bool {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).as_deref() == Some(mark)
    }

    fn note(&self, noted: Noted) {
        if let Some(mark) = noted.mark {
            *self.own.lock().unwrap_or_else(PoisonError::into_inner) = Some(mark);
        }
        self.add(noted.topics);
    }
}

#[derive(Default)]
struct Noted {
    topics: Topics,
    mark: Option<String>,
}

tokio::task_local! {
    static NOTED: Cell<Noted>;
}

/// Says that the job under way writes something of that topic. Nothing happens outside of the writer.
pub(super) fn mark(topic: Topic) {
    // Without the writer there is nobody to tell: a test, or a backup that is put back.
    let _ = NOTED.try_with(|noted| {
        let mut it = noted.take();
        it.topics = Topics(it.topics.0 | topic.bit());
        noted.set(it);
    });
}

/// Says that the job under way leaves this mark under `meta::CHANGE`.
pub(super) fn touched(text: &str) {
    let _ = NOTED.try_with(|noted| noted.set(Noted { mark: Some(text.to_owned()), ..noted.take() }));
}

/// Runs a commit, and counts what it marked if it succeeds. What only a job that failed marked counts, too: a page looks
/// once more than it need.
pub(super) async fn counting<E>(changes: &Changes, commit: impl Future<Output = Result<(), E>>) -> Result<(), E> {
    let work = async {
        let done = commit.await;
        (done, NOTED.with(Cell::take))
    };
    let (done, noted) = NOTED.scope(Cell::default(), work).await;
    if done.is_ok() {
        changes.note(noted);
    }
    done
}

/// What a process that does not publish compares, to see what the one that does has changed: it differs after each
/// change of a post, channel, pause, notice or poll.
///
/// # Errors
/// The database's.
pub async fn foreign(conn: &mut Conn) -> Result<String, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT COALESCE((SELECT max(id) FROM audit), '') || ' ' || \
         CAST(COALESCE((SELECT sum(count) + count(*) FROM notice), 0) AS TEXT) || ' ' || \
         CAST(COALESCE((SELECT max(last_fetch) FROM source), 0) AS TEXT) || ' ' || \
         CAST(COALESCE((SELECT max(changed) FROM article), 0) AS TEXT)",
    )
    .fetch_one(conn)
    .await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(topics: Topics) -> Vec<&'static str> {
        topics.iter().map(Topic::word).collect()
    }

    #[test]
    fn each_topic_has_the_number_of_its_last_change() {
        let mut counted = Counted::default();
        assert!(counted.since(0).is_empty());
        counted.add([Topic::Posts, Topic::Notices].into_iter().collect());
        counted.add([Topic::Posts].into_iter().collect());
        for (since, expected) in [(0, vec!["posts", "notices"]), (1, vec!["posts"]), (2, vec![]), (99, vec![])] {
            assert_eq!(words(counted.since(since)), expected, "{since}");
        }
        assert_eq!(words(Topics::ALL), ["posts", "articles", "channels", "sources", "notices"]);
    }

    #[tokio::test]
    async fn a_commit_that_fails_changed_nothing_and_one_without_marks_neither() {
        let changes = Changes::default();
        let heard = changes.listen();
        counting(&changes, async { Ok::<_, ()>(()) }).await.unwrap();
        assert!(!heard.has_changed().unwrap(), "a heartbeat is no change");
        let failing = async {
            mark(Topic::Posts);
            touched("a");
            Err(())
        };
        counting(&changes, failing).await.unwrap_err();
        assert!(!heard.has_changed().unwrap() && !changes.is_own("a"));
        let two = async {
            mark(Topic::Posts);
            touched("b");
            mark(Topic::Sources);
            Ok::<_, ()>(())
        };
        counting(&changes, two).await.unwrap();
        assert_eq!(words(heard.borrow().since(0)), ["posts", "sources"]);
        assert!(changes.is_own("b") && !changes.is_own("a"));
        mark(Topic::Channels);
        assert_eq!(heard.borrow().number(), 1, "outside of the writer nothing is counted");
    }
}
