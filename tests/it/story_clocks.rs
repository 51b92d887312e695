//! The machine's clock is wrong: put forward or back by an hour or ten years, or standing still, while Bugle runs or
//! between two runs. The engine runs inside the test, on a clock that the test can spoil; the platforms and the feed
//! live in the right time. What time-tables make of a clock is tried beside them, in `timetable` and `schedule`.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bugle::cli::assemble::{self, Lasting};
use bugle::cli::opened;
use bugle::clock::{Clock, SystemClock};
use bugle::engine::{self, start};
use bugle::model::id::WorkerId;
use bugle::store::{Sole, Store, job};
use bugle::telemetry::Metrics;
use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fakes::bluesky::{self, FakeBluesky};
use crate::fakes::fault::Fault;
use crate::fakes::lock;
use crate::fakes::mastodon::{self, FakeMastodon};
use crate::fakes::telegram::{self, FakeTelegram};
use crate::fakes::x::{self, FakeX};
use crate::harness::{Books, Newsroom, Press, link, saw, until};
use crate::ledger::Ledger;

const HOUR: i64 = 3_600_000;
/// Ten years of 365.25 days.
const DECADE: i64 = 87_660 * HOUR;

/// The machine's clock with a fault.
#[derive(Default)]
struct Wrong {
    machine: SystemClock,
    ahead_ms: AtomicI64,
    stands: Mutex<Option<Timestamp>>,
}

impl Clock for Wrong {
    fn now(&self) -> Timestamp {
        let ahead = jiff::SignedDuration::from_millis(self.ahead_ms.load(Ordering::Relaxed));
        lock(&self.stands).unwrap_or_else(|| self.machine.now() + ahead)
    }

    fn monotonic(&self) -> Instant {
        self.machine.monotonic()
    }
}

impl Wrong {
    /// From now on ahead of the right time by so much.
    fn spoil(&self, ahead_ms: i64) {
        self.ahead_ms.store(ahead_ms, Ordering::Relaxed);
    }

    /// Stands still.
    fn stop(&self) {
        let now = self.now();
        *lock(&self.stands) = Some(now);
    }

    /// Goes again, and right.
    fn go(&self) {
        *lock(&self.stands) = None;
    }
}

/// The engine, running inside the test.
struct Service {
    stop: CancellationToken,
    loops: JoinHandle<()>,
    _sole: Sole,
}

impl Service {
    async fn start(newsroom: &Newsroom, clock: &Arc<Wrong>) -> Self {
        newsroom.write("bugle.toml", &newsroom.config().await);
        let config = bugle::config::load(&newsroom.path("bugle.toml")).expect("the config is right");
        let store = Store::open(&config.store.url).await.expect("the store opens");
        let sole = store.sole().await.expect("the lock can be asked for").expect("nobody else publishes");
        let lasting = Lasting {
            store: store.clone(),
            vault: opened::vault(&config).expect("a key can be made"),
            clock: clock.clone(),
            worker: WorkerId::fresh(),
            metrics: Arc::new(Metrics::new()),
            changed: Arc::new(tokio::sync::watch::channel(0).0),
            tick: Arc::default(),
        };
        let setup = Arc::new(assemble::setup(&config, &lasting).expect("the config is right"));
        let (worker, named) = (lasting.worker.clone(), assemble::named(&config));
        let (now, scale) = (clock.now(), config.timing.scale);
        let settle = job(move |conn| {
            Box::pin(async move {
                start::settle_past(conn, worker.as_str(), None, now, scale).await?;
                start::sync(conn, &named, now).await
            })
        });
        store.write(settle).await.expect("the past can be settled");
        let stop = CancellationToken::new();
        let loops = tokio::spawn(engine::generation(setup, stop.clone()));
        Self { stop, loops, _sole: sole }
    }

    async fn end(self) {
        self.stop.cancel();
        self.loops.await.expect("the engine ends cleanly");
    }
}

/// The four platforms, one of each way to settle a doubt.
struct World {
    /// X's clock: it alone cares.
    theirs: Arc<Wrong>,
    press: Press,
    x: FakeX,
    telegram: FakeTelegram,
    mastodon: FakeMastodon,
    bluesky: FakeBluesky,
    newsroom: Newsroom,
}

impl World {
    fn new() -> Self {
        let theirs = Arc::new(Wrong::default());
        let (press, x, telegram) = (Press::start(), FakeX::with_clock(theirs.clone()), FakeTelegram::start());
        let (mastodon, bluesky) = (FakeMastodon::start(), FakeBluesky::start());
        let mut newsroom = Newsroom::new("clocks")
            .source("news", &press.url(), "from now")
            .x(&x)
            .telegram(&telegram)
            .mastodon(&mastodon)
            .bluesky(&bluesky);
        // The engine is this process, whose environment is not ours to change: every secret is in a file.
        let keys = x.account("newsroom");
        let secrets = [
            ("x", "consumer_key", keys.consumer_key),
            ("x", "consumer_secret", keys.consumer_secret),
            ("x", "access_token", keys.token),
            ("telegram", "token", telegram.token()),
            ("mastodon", "token", mastodon.account("newsroom")),
            ("bluesky", "password", bluesky.account("newsroom.test")),
        ];
        for (channel, key, secret) in secrets {
            let file = format!("{channel}_{key}");
            newsroom.write(&file, &secret);
            newsroom.set(channel, &format!("{key} = {{ file = {:?} }}", newsroom.path(&file)));
        }
        Self { theirs, press, x, telegram, mastodon, bluesky, newsroom }
    }

    fn ledgers(&self) -> [&Ledger; 4] {
        [self.x.ledger(), self.telegram.ledger(), self.mastodon.ledger(), self.bluesky.ledger()]
    }

    async fn are_out(&self, n: usize) {
        join_all(self.ledgers().map(|ledger| ledger.wait_for(n))).await;
    }

    /// As before, but for X: it refuses a signature of another hour.
    async fn carefree_are_out(&self, n: usize) {
        join_all(self.ledgers()[1..].iter().map(|ledger| ledger.wait_for(n))).await;
    }

    /// The first story, out everywhere while the clock is right.
    async fn begins_well(&self) -> Books {
        self.press.read().await;
        self.press.publish("before");
        self.are_out(1).await;
        let books = self.newsroom.books().await;
        for channel in ["x", "telegram", "mastodon", "bluesky"] {
            books.wait_for(channel, "published", 1).await;
        }
        books
    }

    /// The next answer of each platform is lost.
    fn lose_answers(&self) {
        self.x.fail(x::CREATE, Fault::ResetAfter);
        self.telegram.fail(telegram::SEND, Fault::ResetAfter);
        self.mastodon.fail(mastodon::CREATE, Fault::ResetAfter);
        self.bluesky.fail(bluesky::PUT, Fault::ResetAfter);
    }
}

/// A story before the fault, one after it whose answers are all lost, and one more: each out once.
async fn an_hour(ahead_ms: i64, between_runs: bool) {
    let (world, clock) = (World::new(), Arc::new(Wrong::default()));
    let mut service = Service::start(&world.newsroom, &clock).await;
    let books = world.begins_well().await;
    if between_runs {
        service.end().await;
        clock.spoil(ahead_ms);
        service = Service::start(&world.newsroom, &clock).await;
    } else {
        clock.spoil(ahead_ms);
    }
    world.lose_answers();
    world.press.publish("lost");
    world.carefree_are_out(2).await;
    for channel in ["mastodon", "bluesky"] {
        books.wait_for(channel, "published", 2).await;
    }
    let posts = books.wait_for("telegram", "held", 1).await;
    assert!(posts.iter().any(|row| row.reason.starts_with("in doubt")), "{posts:#?}");
    world.press.publish("after");
    world.carefree_are_out(3).await;
    books.wait_for("mastodon", "published", 3).await;
    books.wait_for("bluesky", "published", 3).await;
    books.wait_for("telegram", "published", 2).await;

    // X says why it takes nothing, and gets everything once the clocks agree and a person has said so.
    until("X's channel is blocked", async || books.block("x").await.is_some()).await;
    let block = books.block("x").await.unwrap_or_default();
    assert!(block.contains("check this machine's clock"), "{block}");
    assert_eq!(world.x.ledger().count_by_link().get(&link("after")), None);
    // They agree on the later time: on the earlier the command, which has the machine's, would be ahead of the engine.
    if ahead_ms > 0 {
        world.theirs.spoil(ahead_ms);
    } else {
        clock.spoil(0);
    }
    let resumed = world.newsroom.command(&["resume", "x", "--release", "all"]).await;
    assert!(resumed.status.success(), "{resumed:?}");
    books.wait_for("x", "published", 3).await;
    service.end().await;
    for ledger in world.ledgers() {
        let mut seen: Vec<_> = ledger.count_by_link().into_iter().collect();
        seen.sort();
        let mut all = ["after", "before", "lost"].map(|slug| (link(slug), 1)).to_vec();
        all.sort();
        assert_eq!(seen, all, "{:#?}", ledger.entries());
    }
    let notices = books.notices().await;
    assert!(notices.iter().all(|it| it.text.contains("telegram")), "{notices:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn put_forward_an_hour() {
    an_hour(HOUR, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn put_forward_an_hour_between_two_runs() {
    an_hour(HOUR, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn put_back_an_hour() {
    an_hour(-HOUR, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn put_back_an_hour_between_two_runs() {
    an_hour(-HOUR, true).await;
}

/// While it stands still no wait ends; what needs none goes out all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standing_still() {
    let (world, clock) = (World::new(), Arc::new(Wrong::default()));
    let service = Service::start(&world.newsroom, &clock).await;
    let books = world.begins_well().await;
    clock.stop();
    world.press.publish("still");
    world.are_out(2).await;
    world.lose_answers();
    world.press.publish("lost");
    world.are_out(3).await;
    clock.go();
    for channel in ["x", "mastodon", "bluesky"] {
        books.wait_for(channel, "published", 3).await;
    }
    books.wait_for("telegram", "held", 1).await;
    world.press.publish("after");
    world.are_out(4).await;
    service.end().await;
    for ledger in world.ledgers() {
        saw(ledger, &["before", "still", "lost", "after"].map(link));
    }
}

/// In ten years everything is old news: nothing goes out by itself, nothing again, and what came meanwhile is there to
/// be looked at. When the clock is right again the day goes on as usual.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn put_forward_ten_years_and_back() {
    let (world, clock) = (World::new(), Arc::new(Wrong::default()));
    let service = Service::start(&world.newsroom, &clock).await;
    let books = world.begins_well().await;
    clock.spoil(DECADE);
    world.press.read().await;
    world.press.publish("meanwhile");
    world.press.read().await;
    until("the story is known", async || books.articles().await == 2).await;
    let posts = books.posts().await;
    let waiting: Vec<_> = posts.iter().filter(|row| row.state != "published").collect();
    assert!(waiting.iter().all(|row| row.reason.starts_with("looks like an old story")), "{waiting:#?}");
    assert_eq!(waiting.len(), 4, "{waiting:#?}");
    clock.spoil(0);
    world.press.read().await;
    world.press.publish("after");
    for ledger in &world.ledgers()[1..] {
        ledger.wait_for(2).await;
    }
    service.end().await;
    for ledger in &world.ledgers()[1..] {
        saw(ledger, &["before", "after"].map(link));
    }
    assert_eq!(world.x.ledger().count_by_link().get(&link("meanwhile")), None);
}
