//! One campaign: stories appear, Bugle posts and is killed, starts again on the same store, is killed again … and may
//! finish at last.

use std::ops::Range;
use std::time::Duration;

use bugle::clock::{Clock as _, SystemClock};

use super::judge::{self, Tally};
use super::side::{Class, Side};
use crate::fakes::feed::{FakeFeed, Item, rss};
use crate::harness::{Engine, Newsroom};
use crate::servers::postgres;

/// The crash points, in the order in which a post passes them.
const POINTS: [&str; 8] = ["ingested", "claimed", "frozen", "begun", "requested", "answered", "recorded", "followed"];

/// Within this long of its start Bugle has posted what is new, on a machine that is busy.
const BUSY: Range<u64> = 0..700;
/// Within this long of its arrival a request to post is answered.
const SENT: Range<u64> = 0..120;
/// Within this long of its arrival a look-up is answered and what follows from it is stored.
const LOOKED: Range<u64> = 0..60;
/// Within this long of losing its database Bugle ends by itself.
const CUT_OFF: Range<u64> = 0..2500;
/// Within this long of its birth it starts and settles what the last one left.
const BIRTH: Range<u64> = 0..250;
/// How long what may happen before a kill is waited for.
const UNREACHED: Duration = Duration::from_secs(2);
/// How long a crash point may take to be passed before the kill comes by hand.
const REACHED: Duration = Duration::from_secs(20);

/// Chance that can be replayed (splitmix64).
#[derive(Clone, Debug)]
pub struct Chance(pub u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below that number.
    pub fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    /// Once in so many.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// So many milliseconds.
    pub fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(range.start + self.below(range.end - range.start))
    }

    /// Another chance, for somebody who draws at his own pace.
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }
}

/// When Bugle dies.
#[derive(Clone, Copy, Debug)]
pub enum Blows {
    /// So many times: at a random moment of its work, of its start, or at a random crash point.
    Random(u32),
    /// At each crash point, and after every other one again while it recovers.
    Points,
}

/// One death.
#[derive(Clone, Copy, Debug)]
enum Blow {
    /// So long after it said that it runs.
    AtWork(Duration),
    /// So long after a request to post arrived.
    OnSend(Duration),
    /// So long after a look-up arrived.
    OnLook(Duration),
    /// So long after the process was made.
    AtBirth(Duration),
    /// When it passes the point for the `n`th time.
    At(&'static str, u32),
    /// Asked to end so long after it said that it runs, and killed so long after that.
    WhileEnding(Duration, Duration),
    /// Told to read its config again at that time, and killed so long after that.
    WhileReloading(Duration, Duration),
    /// Cut off from its database at that time, and killed so long after that, if it did not end by itself.
    CutOff(Duration, Duration),
}

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The recovery classes: a channel each.
    pub classes: &'static [Class],
    /// The store.
    pub engine: Engine,
    /// `[timing] scale`.
    pub scale: f64,
    /// The deaths.
    pub blows: Blows,
}

/// The template of all stories: some are threads of five parts, the link in the first.
pub const TEMPLATE: &str = "{% filter part(numbered=true) %}
{{ title }}
{{ link }}
{% endfilter %}
{% if title is startingwith('Thread') %}
{% filter part(numbered=true) %}Second part of {{ title }}{% endfilter %}

{% filter part(numbered=true) %}Third part of {{ title }}{% endfilter %}

{% filter part(numbered=true) %}Fourth part of {{ title }}{% endfilter %}

{% filter part(numbered=true) %}Fifth part of {{ title }}{% endfilter %}

{% endif %}
";

/// What kind of story it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One part.
    Plain,
    /// A thread of five parts.
    Thread,
    /// One part with a picture: an upload before the post, where the platform takes it by itself.
    Pictured,
}

/// Of so many stories one is a thread, and one has a picture.
const KINDS: usize = 6;

/// The headline of a story, and its kind.
pub fn headline(n: usize) -> (String, Kind) {
    let (kind, word) = match n % KINDS {
        0 => (Kind::Thread, "Thread"),
        3 => (Kind::Pictured, "Picture"),
        _ => (Kind::Plain, "Story"),
    };
    (format!("{word} number {n} of the day"), kind)
}

/// Where the picture is.
const PICTURE: &str = "/p.png";

/// The newsroom's web server, with more and more stories.
pub struct Stories {
    feed: FakeFeed,
    links: Vec<(String, jiff::Timestamp)>,
}

impl Stories {
    /// With none yet.
    pub fn start() -> Self {
        let stories = Self { feed: FakeFeed::start(), links: Vec::new() };
        stories.feed.picture(PICTURE, 64, 36);
        stories.show();
        stories
    }

    /// Where they are read.
    pub fn url(&self) -> String {
        self.feed.at("/rss")
    }

    /// So many more.
    pub fn add(&mut self, n: u64) {
        let now = SystemClock::new().now();
        for _ in 0..n {
            self.links.push((format!("https://newsroom.example/story/{}", self.links.len()), now));
        }
        self.show();
    }

    /// Where each story leads.
    pub fn links(&self) -> Vec<String> {
        self.links.iter().map(|(link, _)| link.clone()).collect()
    }

    fn show(&self) {
        let heads: Vec<(String, Kind)> = (0..self.links.len()).map(headline).collect();
        let items: Vec<Item<'_>> = self
            .links
            .iter()
            .zip(&heads)
            .rev()
            .map(|((link, at), (title, _))| Item { guid: link, title, link, at: *at })
            .collect();
        let mut feed = rss(&items);
        for ((link, _), (_, kind)) in self.links.iter().zip(&heads) {
            if *kind == Kind::Pictured {
                let guid = format!("{link}</guid>");
                let url = self.feed.at(PICTURE);
                let with = format!("{guid}<enclosure url=\"{url}\" type=\"image/png\" length=\"1\"/>");
                feed = feed.replace(&guid, &with);
            }
        }
        self.feed.feed("/rss", &feed);
    }
}

impl Campaign {
    /// Runs it, and counts for each class.
    ///
    /// # Panics
    /// Where Bugle does not start, or does not die at a crash point it must pass.
    pub async fn run(self, seed: u64) -> Vec<Tally> {
        let mut chance = Chance(seed);
        let sides: Vec<Side> = self.classes.iter().map(|class| Side::start(*class, self.scale)).collect();
        let mut stories = Stories::start();
        let must = matches!(self.blows, Blows::Points);
        let mut newsroom = Newsroom::new("kills").store(self.engine).scale(self.scale);
        newsroom = newsroom.source("news", &stories.url(), "last 500");
        newsroom.write("templates/post/headline.j2", TEMPLATE);
        for side in &sides {
            newsroom = side.join(newsroom);
            side.weather(chance.fork(), must);
        }
        let blows = self.plan(&mut chance);
        for blow in &blows {
            // A start that is about to be killed in recovery brings nothing new half of the time.
            let new = match blow {
                Blow::AtBirth(_) => chance.below(2),
                Blow::At(_, n) => u64::from(*n),
                _ => 1 + chance.below(3),
            };
            stories.add(new);
            for side in sides.iter().filter(|_| chance.one_in(4)) {
                side.trouble();
            }
            strike(&newsroom, &sides, *blow, must).await;
        }
        stories.add(1);
        judge::finish(&self, &newsroom, &sides, &stories.links(), blows.len(), seed).await
    }

    fn plan(&self, chance: &mut Chance) -> Vec<Blow> {
        match self.blows {
            Blows::Random(kills) => (0..kills)
                .map(|_| match chance.below(if self.engine == Engine::Postgres { 14 } else { 12 }) {
                    0 if self.classes != [Class::Blind] => Blow::OnLook(chance.millis(LOOKED)),
                    0..=2 => Blow::AtWork(chance.millis(BUSY)),
                    3..=5 => Blow::OnSend(chance.millis(SENT)),
                    6..=7 => Blow::AtBirth(chance.millis(BIRTH)),
                    8 => Blow::WhileEnding(chance.millis(BUSY), chance.millis(0..60)),
                    9 => Blow::WhileReloading(chance.millis(BUSY), chance.millis(0..200)),
                    12.. => Blow::CutOff(chance.millis(BUSY), chance.millis(CUT_OFF)),
                    _ => {
                        let n = u32::try_from(1 + chance.below(2)).unwrap_or(1);
                        let at = usize::try_from(chance.below(POINTS.len() as u64)).unwrap_or(0);
                        Blow::At(POINTS[at], n)
                    }
                })
                .collect(),
            Blows::Points => POINTS
                .iter()
                .enumerate()
                .flat_map(|(n, point)| {
                    let again = (n % 2 == 1).then(|| Blow::AtBirth(chance.millis(BIRTH)));
                    std::iter::once(Blow::At(point, 1)).chain(again)
                })
                .collect(),
        }
    }
}

async fn strike(newsroom: &Newsroom, sides: &[Side], blow: Blow, must: bool) {
    match blow {
        Blow::AtWork(after) => {
            let bugle = newsroom.start().await;
            tokio::time::sleep(after).await;
            bugle.kill9().await;
        }
        Blow::OnSend(after) => on_request(newsroom, || sides.iter().map(Side::sends).sum(), after).await,
        Blow::OnLook(after) => on_request(newsroom, || sides.iter().map(Side::looks).sum(), after).await,
        Blow::AtBirth(after) => {
            let bugle = newsroom.spawn(&[]).await;
            tokio::time::sleep(after).await;
            bugle.kill9().await;
        }
        Blow::WhileEnding(work, after) => {
            let bugle = newsroom.start().await;
            tokio::time::sleep(work).await;
            bugle.ask_to_end();
            tokio::time::sleep(after).await;
            bugle.kill9().await;
        }
        Blow::WhileReloading(work, after) => {
            let bugle = newsroom.start().await;
            tokio::time::sleep(work).await;
            bugle.hup();
            tokio::time::sleep(after).await;
            bugle.kill9().await;
        }
        Blow::CutOff(work, after) => {
            let bugle = newsroom.start().await;
            tokio::time::sleep(work).await;
            postgres::cut_connections(newsroom.url().await).await;
            tokio::time::sleep(after).await;
            bugle.kill9().await;
        }
        Blow::At(point, n) => {
            let mut bugle = newsroom.start_to_crash(point, n).await;
            // One that passes the point too seldom is killed by hand.
            let patience = if must { REACHED } else { UNREACHED };
            let dies = async {
                while bugle.ended().is_none() {
                    tokio::time::sleep(Duration::from_millis(5)).await
                }
            };
            if tokio::time::timeout(patience, dies).await.is_err() {
                assert!(!must, "bugle never passed {point}\n{}", bugle.log());
                bugle.kill9().await;
            }
        }
    }
}

/// Starts Bugle and kills it so long after the count of requests has grown.
async fn on_request(newsroom: &Newsroom, count: impl Fn() -> usize, after: Duration) {
    let before = count();
    let bugle = newsroom.start().await;
    let one = async {
        while count() == before {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    // Where none comes, for everything is settled or waits, the kill comes all the same.
    drop(tokio::time::timeout(UNREACHED, one).await);
    tokio::time::sleep(after).await;
    bugle.kill9().await;
}
