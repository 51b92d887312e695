//! The store's ground gives way: the disk is full at one write after the other, somebody else holds the database for
//! seconds, its file cannot be written, its pages are garbage, its server crashes. Bugle says so, calls nothing
//! published that is not, and goes on by itself (or after a new start) where it had stopped.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use futures_util::future::join_all;
use sqlx::{Connection as _, SqliteConnection};

use crate::fakes::bluesky::{self, FakeBluesky};
use crate::fakes::mastodon::{self, FakeMastodon};
use crate::fakes::telegram::{self, FakeTelegram};
use crate::fakes::x::{self, FakeX};
use crate::harness::{Newsroom, Press, link, saw, until};
use crate::ledger::Ledger;
use crate::servers::postgres::{self, Cluster};

/// The four platforms.
struct World {
    x: FakeX,
    telegram: FakeTelegram,
    mastodon: FakeMastodon,
    bluesky: FakeBluesky,
}

impl World {
    fn start() -> Self {
        let (x, telegram) = (FakeX::start(), FakeTelegram::start());
        Self { x, telegram, mastodon: FakeMastodon::start(), bluesky: FakeBluesky::start() }
    }

    fn newsroom(&self, name: &str, press: &Press) -> Newsroom {
        let newsroom = Newsroom::new(name).source("news", &press.url(), "last 500");
        newsroom.x(&self.x).telegram(&self.telegram).mastodon(&self.mastodon).bluesky(&self.bluesky)
    }

    fn ledgers(&self) -> [&Ledger; 4] {
        [self.x.ledger(), self.telegram.ledger(), self.mastodon.ledger(), self.bluesky.ledger()]
    }

    fn sends(&self) -> [usize; 4] {
        [
            self.x.count(x::CREATE),
            self.telegram.count(telegram::SEND),
            self.mastodon.count(mastodon::CREATE),
            self.bluesky.count(bluesky::PUT),
        ]
    }

    async fn are_out(&self, n: usize) {
        join_all(self.ledgers().map(|ledger| ledger.wait_for(n))).await;
    }

    /// Each of these went out once everywhere, and the store says so.
    async fn is_told_right(&self, newsroom: &Newsroom, slugs: &[String]) {
        let links: Vec<String> = slugs.iter().map(|slug| link(slug)).collect();
        let books = newsroom.books().await;
        for (channel, ledger) in ["x", "telegram", "mastodon", "bluesky"].into_iter().zip(self.ledgers()) {
            let posts = books.wait_for(channel, "published", slugs.len()).await;
            assert_eq!(posts.len(), slugs.len(), "{posts:#?}");
            saw(ledger, &links);
        }
    }
}

/// A command that only root may give; a normal user needs `sudo` that asks nothing.
fn as_root(program: &str, arguments: &[&str]) {
    let root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    let mut command = if root { Command::new(program) } else { Command::new("sudo") };
    if !root {
        command.args(["-n", program]);
    }
    let output = command.args(arguments).output();
    let output = output.unwrap_or_else(|fault| panic!("{program} {arguments:?}, for which root is needed: {fault}"));
    assert!(output.status.success(), "{program} {arguments:?}, for which root is needed: {output:?}");
}

/// A disk of its own, which can be filled.
struct Disk {
    place: PathBuf,
}

impl Disk {
    /// Mounted there.
    fn mount(place: PathBuf) -> Self {
        as_root("mount", &["-t", "tmpfs", "-o", "size=24m,mode=0777", "tmpfs", text(&place)]);
        Self { place }
    }

    fn filler(&self) -> PathBuf {
        self.place.join("filler")
    }

    /// Fills it but for so many pages of 4096 bytes.
    fn fill(&self, but_for: u64) {
        let mut file = std::fs::File::create(self.filler()).expect("a file can be made");
        let mut length = 0;
        while file.write(&[b'x'; 4096]).is_ok_and(|n| n == 4096) {
            length += 4096;
        }
        file.set_len(length - but_for * 4096).expect("a file can be cut");
    }

    fn clear(&self) {
        std::fs::remove_file(self.filler()).expect("it was there");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a test that failed may still hold files there.
        as_root("umount", &["-l", text(&self.place)]);
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

/// The disk fills up just before a story comes, each time a few pages later, so that another write is the first to fail:
/// the article, the claim, the attempt, the outcome.
#[tokio::test]
async fn a_full_disk_is_waited_out_at_every_write() {
    let (world, press) = (World::start(), Press::start());
    let newsroom = world.newsroom("full", &press);
    let disk = Disk::mount(newsroom.path("data"));
    let bugle = newsroom.start().await;
    press.read().await;
    let mut slugs = Vec::new();
    let mut failed = 0;
    for (n, pages) in [0, 1, 3, 6, 10, 15, 22, 34].into_iter().enumerate() {
        let slug = format!("s{n:02}");
        let (hits, before) = (press.web.hits(Press::PATH), world.sends());
        disk.fill(pages);
        press.publish(&slug);
        slugs.push(slug);
        until("the feed was read", async || press.web.hits(Press::PATH) > hits).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let told = bugle.log().matches("disk is full").count();
        assert!(pages > 0 || (told > 0 && world.sends() == before), "{told} {:?}", world.sends());
        failed += usize::from(told > 0);
        disk.clear();
        world.are_out(slugs.len()).await;
    }
    assert!(failed > 3, "the disk was full in {failed} rounds");
    world.is_told_right(&newsroom, &slugs).await;
    assert_eq!(world.sends(), [slugs.len(); 4]);
    assert_eq!(bugle.term().await.code(), Some(0));
}

/// A start on a full disk says why it does not.
#[tokio::test]
async fn a_full_disk_lets_nothing_start() {
    let (world, press) = (World::start(), Press::with(&["one"]));
    let newsroom = world.newsroom("full_start", &press);
    let disk = Disk::mount(newsroom.path("data"));
    disk.fill(0);
    let mut bugle = newsroom.spawn(&[]).await;
    let status = bugle.wait_exit().await;
    assert_eq!(status.code(), Some(1), "{}", bugle.log());
    assert!(bugle.log().contains("full") || bugle.log().contains("No space left"), "{}", bugle.log());
    disk.clear();
    let bugle = newsroom.start().await;
    world.are_out(1).await;
    world.is_told_right(&newsroom, &["one".to_owned()]).await;
    assert_eq!(bugle.term().await.code(), Some(0));
}

/// Somebody else writes to the database for some seconds.
#[tokio::test]
async fn a_busy_database_is_waited_for() {
    let (world, press) = (World::start(), Press::start());
    let newsroom = world.newsroom("busy", &press);
    let bugle = newsroom.start().await;
    press.read().await;
    let mut other = SqliteConnection::connect(newsroom.url().await).await.expect("the file is there");
    let mut slugs = Vec::new();
    for (n, seconds) in [1, 6].into_iter().enumerate() {
        world.is_told_right(&newsroom, &slugs).await;
        let before = world.sends();
        sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.expect("Bugle holds it only for moments");
        let slug = format!("s{n}");
        press.publish(&slug);
        slugs.push(slug);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        assert_eq!(world.sends(), before, "nothing is sent that is not written down");
        sqlx::query("COMMIT").execute(&mut other).await.expect("nothing was written");
        world.are_out(slugs.len()).await;
    }
    world.is_told_right(&newsroom, &slugs).await;
    assert_eq!(world.sends(), [2; 4]);
    assert_eq!(bugle.term().await.code(), Some(0));
}

/// On a file, or a disk, that can only be read nothing starts; once it can be written all is as it was.
#[tokio::test]
async fn a_store_that_can_only_be_read_lets_nothing_start() {
    let (world, press) = (World::start(), Press::with(&["one"]));
    let newsroom = world.newsroom("read_only", &press);
    let disk = Disk::mount(newsroom.path("data"));
    let bugle = newsroom.start().await;
    world.are_out(1).await;
    world.is_told_right(&newsroom, &["one".to_owned()]).await;
    assert_eq!(bugle.term().await.code(), Some(0));
    press.publish("two");
    let file = newsroom.path("data/bugle.db");
    for (what, arguments) in [(text(&file), ["-o", "remount,ro,bind"]), (text(&disk.place), ["-o", "remount,ro"])] {
        let file_alone = what.ends_with(".db");
        if file_alone {
            as_root("mount", &["--bind", what, what]);
        }
        as_root("mount", &[&arguments[..], &[what]].concat());
        let mut bugle = newsroom.spawn(&[]).await;
        let status = bugle.wait_exit().await;
        let log = bugle.log();
        assert_eq!(status.code(), Some(1), "{what}: {log}");
        assert!(log.to_lowercase().contains("read-only") || log.contains("readonly"), "{what}: {log}");
        assert!(log.contains("bugle.db"), "{what}: {log}");
        if file_alone {
            as_root("umount", &[what]);
        } else {
            as_root("mount", &["-o", "remount,rw", what]);
        }
    }
    assert_eq!(world.sends(), [1; 4]);
    let bugle = newsroom.start().await;
    world.are_out(2).await;
    world.is_told_right(&newsroom, &["one".to_owned(), "two".to_owned()]).await;
    assert_eq!(bugle.term().await.code(), Some(0));
}

/// Pages of the file turned to garbage while Bugle was down: it says so, and what was out never goes out again. With
/// the good file back it goes on.
#[tokio::test]
async fn garbage_in_the_file_posts_nothing_twice() {
    let (world, press) = (World::start(), Press::with(&["one", "two"]));
    let newsroom = world.newsroom("garbage", &press);
    let bugle = newsroom.start().await;
    world.are_out(2).await;
    world.is_told_right(&newsroom, &["one".to_owned(), "two".to_owned()]).await;
    assert_eq!(bugle.term().await.code(), Some(0));
    // The test's own look into it keeps the log beside the file.
    let mut own = SqliteConnection::connect(newsroom.url().await).await.expect("the file is there");
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut own).await.expect("nobody else is there");
    own.close().await.expect("it can be closed");
    let (file, good) = (newsroom.path("data/bugle.db"), newsroom.path("good.db"));
    std::fs::copy(&file, &good).expect("it can be read");
    let pages = std::fs::metadata(&file).expect("it is there").len() / 4096;
    press.publish("three");
    let (mut refused, mut complained) = (0, 0);
    // The head of the file; then every fourth page from one place on.
    for first in [0, 1, 2, 3, 4] {
        let mut damaged = std::fs::OpenOptions::new().write(true).open(&file).expect("it can be written");
        for page in (first..if first == 0 { 1 } else { pages }).step_by(4) {
            damaged.seek(SeekFrom::Start(page * 4096)).expect("it is that long");
            damaged.write_all(&[0xA5; 4096]).expect("it can be written");
        }
        drop(damaged);
        let mut bugle = newsroom.spawn(&[]).await;
        let hits = press.web.hits(Press::PATH);
        until("it ends or works", async || bugle.ended().is_some() || press.web.hits(Press::PATH) > hits + 1).await;
        let log = bugle.log();
        let tells = ["malformed", "not a database", "corrupt"].iter().any(|word| log.contains(word));
        match bugle.ended() {
            Some(status) => {
                assert_eq!(status.code(), Some(1), "pages from {first}: {log}");
                assert!(tells, "pages from {first}: {log}");
                refused += 1;
            }
            None => {
                complained += usize::from(tells);
                bugle.kill9().await;
            }
        }
        for ledger in world.ledgers() {
            assert!(ledger.count_by_link().values().all(|count| *count == 1), "pages from {first}: {log}");
        }
        for name in ["data/bugle.db-wal", "data/bugle.db-shm"] {
            drop(std::fs::remove_file(newsroom.path(name)));
        }
        std::fs::copy(&good, &file).expect("it can be written");
    }
    assert!(refused > 0 && refused + complained > 2, "{refused} refused, {complained} complained");
    // The third may have gone out in a run whose store is thrown away; the two before it are what the good file knows.
    for ledger in world.ledgers() {
        for slug in ["one", "two"] {
            assert_eq!(ledger.count_by_link().get(&link(slug)), Some(&1), "{:#?}", ledger.entries());
        }
    }
}

/// The process is killed, and somebody clears away the `-wal` file with what was committed last: what went out after the
/// last checkpoint is not known any more, and does not go out again.
#[tokio::test]
async fn a_deleted_log_posts_nothing_twice() {
    let (world, press) = (World::start(), Press::with(&["one"]));
    let newsroom = world.newsroom("wal", &press);
    let bugle = newsroom.start().await;
    world.are_out(1).await;
    world.is_told_right(&newsroom, &["one".to_owned()]).await;
    assert_eq!(bugle.term().await.code(), Some(0));
    let bugle = newsroom.start().await;
    press.publish("two");
    world.are_out(2).await;
    bugle.kill9().await;
    for name in ["data/bugle.db-wal", "data/bugle.db-shm"] {
        std::fs::remove_file(newsroom.path(name)).expect("a killed process leaves it behind");
    }
    let bugle = newsroom.start().await;
    press.read().await;
    press.publish("three");
    world.are_out(3).await;
    for ledger in world.ledgers() {
        assert!(ledger.count_by_link().values().all(|count| *count == 1), "{:#?}", ledger.entries());
    }
    let notices = newsroom.command(&["notices"]).await;
    let notices = String::from_utf8_lossy(&notices.stdout);
    assert!(notices.contains("the database knows less than was done from it"), "{notices}");
    assert_eq!(bugle.term().await.code(), Some(0));
}

/// The server dies in the middle of publishing, again and again: the process ends and says why, a new one waits for
/// the server and goes on.
#[tokio::test]
async fn a_database_server_that_crashes_costs_nothing() {
    let (world, press) = (World::start(), Press::start());
    let cluster = Cluster::start();
    let mut newsroom = world.newsroom("pg_crash", &press);
    newsroom.at(&cluster.url());
    let mut slugs: Vec<String> = Vec::new();
    for round in 0..3_u64 {
        let mut bugle = newsroom.start().await;
        press.read().await;
        let before = world.sends();
        for n in 0..3 {
            let slug = format!("s{round}-{n}");
            press.publish(&slug);
            slugs.push(slug);
        }
        until("posts are on their way", async || world.sends() != before).await;
        tokio::time::sleep(Duration::from_millis(round * 17)).await;
        cluster.crash();
        let status = bugle.wait_exit().await;
        assert_eq!(status.code(), Some(1), "{}", bugle.log());
        assert!(bugle.log().contains("the database session that holds the publishing lock is gone"), "{}", bugle.log());
        // One that is started too early waits for the server.
        let mut early = newsroom.spawn(&[]).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(early.ended().is_none(), "{}", early.log());
        cluster.up();
        until("it has come up", async || early.is_up()).await;
        assert_eq!(early.term().await.code(), Some(0));
    }
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    for (channel, ledger) in ["x", "mastodon", "bluesky"].into_iter().zip([
        world.x.ledger(),
        world.mastodon.ledger(),
        world.bluesky.ledger(),
    ]) {
        books.wait_for(channel, "published", slugs.len()).await;
        let seen = ledger.count_by_link();
        assert_eq!(seen.len(), slugs.len(), "{channel}");
        assert!(seen.values().all(|count| *count == 1), "{channel}: {seen:#?}");
    }
    // Nobody can ask Telegram: what was on its way in a crash waits for a person, at most one a crash.
    until("each is out or held", async || {
        let posts = books.posts_of("telegram").await;
        posts.len() == slugs.len() && posts.iter().all(|row| ["published", "held"].contains(&row.state))
    })
    .await;
    let posts = books.posts_of("telegram").await;
    let held: Vec<_> = posts.iter().filter(|row| row.state == "held").collect();
    assert!(held.len() <= 3 && held.iter().all(|row| row.reason.starts_with("in doubt")), "{held:#?}");
    let seen = world.telegram.ledger().count_by_link();
    assert!(seen.values().all(|count| *count == 1), "{seen:#?}");
    let published = posts.len() - held.len();
    assert!(seen.len() >= published, "{} are called published, {} are seen", published, seen.len());
    assert_eq!(bugle.term().await.code(), Some(0));
}

/// Every connection to the database is cut while posts are on their way.
#[tokio::test]
async fn connections_cut_in_the_middle_of_publishing_cost_nothing() {
    let (world, press) = (World::start(), Press::start());
    let newsroom = world.newsroom("pg_cut", &press).store(crate::harness::Engine::Postgres);
    let mut bugle = newsroom.start().await;
    press.read().await;
    let mut slugs: Vec<String> = Vec::new();
    for round in 0..4 {
        let before = world.sends();
        for n in 0..3 {
            let slug = format!("s{round}-{n}");
            press.publish(&slug);
            slugs.push(slug);
        }
        until("posts are on their way", async || world.sends() != before).await;
        postgres::cut_connections(newsroom.url().await).await;
        if bugle.wait_exit().await.success() {
            panic!("it ended as if nothing had been\n{}", bugle.log());
        }
        bugle = newsroom.start().await;
    }
    let books = newsroom.books().await;
    for channel in ["x", "mastodon", "bluesky"] {
        books.wait_for(channel, "published", slugs.len()).await;
    }
    for ledger in world.ledgers() {
        assert!(ledger.count_by_link().values().all(|count| *count == 1), "{:#?}", ledger.entries());
    }
    for ledger in [world.x.ledger(), world.mastodon.ledger(), world.bluesky.ledger()] {
        assert_eq!(ledger.count_by_link().len(), slugs.len());
    }
    assert_eq!(bugle.term().await.code(), Some(0));
}
