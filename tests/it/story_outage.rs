//! Bugle was away, or came back from a backup: others may have acted meanwhile. What waits is looked up or held, nothing
//! goes out twice, nothing new is lost.

use bugle::clock::{Clock as _, SystemClock};

use crate::fakes::bluesky::{self, FakeBluesky};
use crate::fakes::mastodon::{self, FakeMastodon};
use crate::fakes::telegram::{self, FakeTelegram};
use crate::fakes::x::{self, FakeX};
use crate::harness::{Engine, Newsroom, Press, link, saw, until};

const CHANNELS: [&str; 4] = ["x", "telegram", "mastodon", "bluesky"];

struct Platforms {
    x: FakeX,
    telegram: FakeTelegram,
    mastodon: FakeMastodon,
    bluesky: FakeBluesky,
}

impl Platforms {
    fn start() -> Self {
        let (x, telegram) = (FakeX::start(), FakeTelegram::start());
        // Readers of this X would see every mistake.
        x.rules().duplicate_guard = false;
        Self { x, telegram, mastodon: FakeMastodon::start(), bluesky: FakeBluesky::start() }
    }

    fn newsroom(&self, name: &str, press: &Press) -> Newsroom {
        Newsroom::new(name)
            .source("news", &press.url(), "last 1")
            .x(&self.x)
            .telegram(&self.telegram)
            .mastodon(&self.mastodon)
            .bluesky(&self.bluesky)
    }

    fn down(&self) {
        self.x.down();
        self.telegram.down();
        self.mastodon.down();
        self.bluesky.down();
    }

    fn up(&self) {
        self.x.up();
        self.telegram.up();
        self.mastodon.up();
        self.bluesky.up();
    }

    fn sends(&self) -> [usize; 4] {
        [
            self.x.count(x::CREATE),
            self.telegram.count(telegram::SEND),
            self.mastodon.count(mastodon::CREATE),
            self.bluesky.count(bluesky::PUT),
        ]
    }

    /// Readers of X, Mastodon and Bluesky saw `all`, those of Telegram `blind`.
    fn saw(&self, all: &[&str], blind: &[&str]) {
        let links = |slugs: &[&str]| slugs.iter().map(|slug| link(slug)).collect::<Vec<_>>();
        for ledger in [self.x.ledger(), self.mastodon.ledger(), self.bluesky.ledger()] {
            saw(ledger, &links(all));
        }
        saw(self.telegram.ledger(), &links(blind));
    }
}

/// Away for a day with a post waiting on each channel.
async fn away_for_a_day(engine: Engine) {
    let platforms = Platforms::start();
    let press = Press::with(&["one"]);
    let newsroom = platforms.newsroom("away", &press).store(engine);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    for channel in CHANNELS {
        books.wait_for(channel, "published", 1).await;
    }
    platforms.down();
    press.publish("waiting");
    for channel in CHANNELS {
        books.wait_for(channel, "scheduled", 1).await;
    }
    assert!(bugle.term().await.success());
    books.run("UPDATE meta SET value = CAST(CAST(value AS BIGINT) - 86400000 AS TEXT) WHERE name = 'heartbeat'").await;
    platforms.up();
    press.publish("new");
    let bugle = newsroom.start().await;
    for channel in ["x", "mastodon", "bluesky"] {
        books.wait_for(channel, "published", 3).await;
    }
    books.wait_for("telegram", "published", 2).await;
    let posts = books.wait_for("telegram", "held", 1).await;
    let held = posts.iter().find(|row| row.state == "held").expect("one is held");
    assert!(held.reason.contains("restored"), "{held:#?}");
    assert!(bugle.term().await.success());
    platforms.saw(&["one", "waiting", "new"], &["one", "new"]);
    let notices = books.notices().await;
    assert!(notices.iter().any(|it| it.key.starts_with("post.")), "a person is told of what is held: {notices:#?}");
}

#[tokio::test]
async fn after_a_day_away_nothing_is_doubled_or_lost() {
    away_for_a_day(Engine::Sqlite).await;
}

#[tokio::test]
async fn after_a_day_away_nothing_is_doubled_or_lost_on_postgres() {
    away_for_a_day(Engine::Postgres).await;
}

#[tokio::test]
async fn what_was_due_a_day_ago_is_for_a_person() {
    let platforms = Platforms::start();
    platforms.down();
    let press = Press::with(&["old"]);
    let newsroom = platforms
        .newsroom("late", &press)
        .route(&format!("from = [\"news\"]\nto = {CHANNELS:?}\nurgency = \"evergreen\""));
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    for channel in CHANNELS {
        let tried = async || books.posts_of(channel).await.iter().any(|row| !row.reason.is_empty());
        until("the channel has tried", tried).await;
    }
    assert!(bugle.term().await.success());
    books.run("UPDATE meta SET value = CAST(CAST(value AS BIGINT) - 86400000 AS TEXT) WHERE name = 'heartbeat'").await;
    books.run("UPDATE post SET due = due - 86400000, created = created - 86400000").await;
    books.run("UPDATE channel SET closed_since = closed_since - 86400000").await;
    platforms.up();
    let bugle = newsroom.start().await;
    for channel in CHANNELS {
        books.wait_for(channel, "held", 1).await;
    }
    press.publish("new");
    for channel in CHANNELS {
        books.wait_for(channel, "published", 1).await;
    }
    assert!(bugle.term().await.success());
    platforms.saw(&["new"], &["new"]);
}

async fn back_from_a_backup(engine: Engine) {
    let platforms = Platforms::start();
    let press = Press::with(&["before"]);
    let mut newsroom = platforms.newsroom("backup", &press).store(engine);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    for channel in CHANNELS {
        books.wait_for(channel, "published", 1).await;
    }
    // A post that waits while the backup is written, and is out soon after.
    platforms.down();
    press.publish("waiting");
    for channel in CHANNELS {
        books.wait_for(channel, "scheduled", 1).await;
    }
    let file = newsroom.path("backup.jsonl");
    let out = std::fs::File::create(&file).expect("a temporary folder can be written to");
    bugle::store::backup::write(&books.0, out).await.expect("a backup can be written beside the service");
    platforms.up();
    for channel in CHANNELS {
        books.wait_for(channel, "published", 2).await;
    }
    press.publish("after");
    for channel in CHANNELS {
        books.wait_for(channel, "published", 3).await;
    }
    assert!(bugle.term().await.success());
    let sends = platforms.sends();

    newsroom.move_store().await;
    let books = newsroom.books().await;
    let backup = std::fs::File::open(&file).expect("it was written");
    bugle::store::backup::restore(&books.0, backup, SystemClock::new().now()).await.expect("it can be restored");
    let bugle = newsroom.start().await;
    for channel in ["x", "mastodon", "bluesky"] {
        books.wait_for(channel, "published", 2).await;
    }
    books.wait_for("telegram", "held", 1).await;
    press.read().await;
    assert_eq!(platforms.sends(), sends, "found by looking, not by sending");
    press.publish("new");
    for channel in ["x", "mastodon", "bluesky"] {
        books.wait_for(channel, "published", 3).await;
    }
    books.wait_for("telegram", "published", 2).await;
    assert!(bugle.term().await.success());
    let all = ["before", "waiting", "after", "new"];
    platforms.saw(&all, &all);
    assert!(!books.notices().await.is_empty());
}

#[tokio::test]
async fn a_restored_backup_posts_nothing_again() {
    back_from_a_backup(Engine::Sqlite).await;
}

#[tokio::test]
async fn a_restored_backup_posts_nothing_again_on_postgres() {
    back_from_a_backup(Engine::Postgres).await;
}
