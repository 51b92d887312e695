//! The stage of the suite: a real store, a clock that stands still, a stand's fakes over real sockets, and one channel's
//! worker driven by hand. What runs is what runs in a newsroom: claim, freeze, begin, send, record, look up.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bugle::card::Brand;
use bugle::clock::{Clock as _, FakeClock};
use bugle::expr::Templates;
use bugle::http::Http;
use bugle::model::article::{Entry, Image};
use bugle::model::channel::Pause;
use bugle::model::id::WorkerId;
use bugle::model::picture::Carry;
use bugle::model::post::{HoldReason, Post, PostState};
use bugle::model::receipt::{Op, Receipt};
use bugle::platform::{Identity, Keep as _, WallPost, by_id};
use bugle::publish::actions::Hand;
use bugle::publish::lane::{Lane, Turn};
use bugle::publish::ports::SealedKeep;
use bugle::publish::prepare::Setting;
use bugle::publish::studio::Workshop;
use bugle::publish::{Channel, House, OnUncertain, actions, recover};
use bugle::schedule::Policy;
use bugle::store::channel::ChannelRow;
use bugle::store::post::PostRow;
use bugle::store::{Store, article, attempt, channel, notice, pause, wall};
use bugle::telemetry::Metrics;
use bugle::vault::Vault;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::stand::{Make, Names, Secrets, Stand};
use crate::fakes::fault::Fault;
use crate::fakes::feed::FakeFeed;
use crate::fakes::http::{Reply, Request};
use crate::fakes::lock;
use crate::ledger::{Event, PATIENCE};
use crate::store::{Place, at, commit};

/// The link of the article of the post `p`; see [`link`].
pub const LINK: &str = "https://news.example/p";

/// The link of a post's article.
pub fn link(id: &str) -> String {
    format!("https://news.example/{}", id.replace(' ', "-"))
}
/// Where the newsroom's picture is on its web server.
pub const PICTURE: &str = "/p.jpg";
/// Longer than any doubt lasts.
const LONGEST: SignedDuration = SignedDuration::from_hours(27);

/// One thing that goes wrong on the wire.
struct Strike {
    ends: Names,
    skip: usize,
    left: usize,
    fault: Fault,
}

/// How a stage is set.
#[derive(Clone, Copy, Debug, Default)]
pub struct Set {
    /// `[timing] scale`; the stand's where left out.
    pub scale: Option<f64>,
    /// How posts carry a picture; the stand's where left out.
    pub carry: Option<Carry>,
}

/// A channel of the stand's platform and all that it needs.
pub struct Stage {
    pub stand: Box<dyn Stand>,
    pub clock: Arc<FakeClock>,
    pub store: Store,
    pub channel: Channel,
    pub web: FakeFeed,
    house: Arc<House>,
    lane: Lane,
    strikes: Arc<Mutex<Vec<Strike>>>,
    scale: f64,
    _secrets: Secrets,
    _place: Place,
}

fn house(store: &Store, http: &Http, clock: &Arc<FakeClock>, scale: f64) -> House {
    let key = "07".repeat(32);
    House {
        store: store.clone(),
        studio: Workshop { http: http.clone(), brand: Arc::new(Brand::plain("The Trial")), scale, shelf: None },
        http: http.clone(),
        vault: Arc::new(Vault::with_key(&key.into()).expect("a key of 32 bytes")),
        clock: clock.clone(),
        worker: WorkerId::fresh(),
        zone: TimeZone::UTC,
        newsroom: "The Trial".to_owned(),
        language: None,
        templates: Templates::load(None).expect("the built-in templates are sound"),
        words: bugle::compose::words::Words::default(),
        scale,
        metrics: Arc::new(Metrics::new()),
    }
}

/// A picture that every platform takes.
pub fn jpeg() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::from_pixel(320, 180, image::Rgb([200, 30, 30]));
    picture.write_to(&mut bytes, image::ImageFormat::Jpeg).expect("a small picture of one colour can be written");
    bytes.into_inner()
}

/// The channel's own keys as a table of TOML.
pub fn table(keys: &[(&'static str, String)]) -> String {
    keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect()
}

impl Stage {
    /// At noon; the account has introduced itself.
    pub async fn set(make: Make) -> Self {
        Self::with(make, Set::default()).await
    }

    /// The same, set otherwise.
    pub async fn with(make: Make, set: Set) -> Self {
        let mut stage = Self::unknown(make, set).await;
        stage.settle().await;
        stage
    }

    /// At noon; nothing has happened yet.
    pub async fn unknown(make: Make, set: Set) -> Self {
        let place = Place::sqlite();
        let store = place.open().await;
        let clock = Arc::new(FakeClock::at(at(0)));
        let stand = make(clock.clone());
        let (web, secrets) = (FakeFeed::with_clock(clock.clone()), Secrets::new());
        web.reply(PICTURE, Reply::text(200, "image/jpeg", jpeg()));
        let keys = table(&stand.keys(&secrets));
        let platform = by_id(stand.platform()).unwrap_or_else(|| panic!("no platform {}", stand.platform()));
        let table = toml::de::DeTable::parse(&keys).expect("a stand's keys are TOML").into_inner();
        let account = platform.open(table).unwrap_or_else(|fault| panic!("{}: {fault}\n{keys}", stand.platform()));
        let scale = set.scale.unwrap_or_else(|| stand.scale());

        let mut allow = vec![web.host()];
        allow.extend(stand.server().map(super::stand::Server::host));
        allow.extend(stand.others().into_iter().map(super::stand::Server::host));
        let named: Vec<url::Url> =
            allow.iter().map(|host| format!("http://{host}").parse().expect("a host is in a URL")).collect();
        let settings = bugle::http::Settings { allow_private: allow, ..Default::default() };
        let http = Http::build(&settings, &named, clock.clone()).expect("plain settings");
        let house = Arc::new(house(&store, &http, &clock, scale));

        let channel = Channel {
            name: "main".into(),
            account,
            policy: Arc::new(Policy::default()),
            picture: set.carry.unwrap_or_else(|| stand.carry()),
            budget: None,
            card: Default::default(),
            pictures: 1,
            on_uncertain: OnUncertain::Hold,
            strict_order: false,
        };
        let id = stand.platform();
        commit!(store, |conn| channel::ensure(conn, "main", id, at(0)).await).expect("stored");
        let keep = SealedKeep {
            store: store.clone(),
            vault: house.vault.clone(),
            channel: "main".to_owned(),
            clock: clock.clone(),
        };
        for (word, secret) in stand.kept() {
            keep.put(word, &secret.into()).await.expect("kept");
        }
        let strikes: Arc<Mutex<Vec<Strike>>> = Arc::default();
        if let Some(server) = stand.server() {
            let strikes = Arc::clone(&strikes);
            server.script(Box::new(move |endpoint, _: &Request| {
                let mut strikes = lock(&strikes);
                let next = strikes.iter_mut().find(|it| it.left > 0 && it.ends.contains(&endpoint))?;
                if next.skip > 0 {
                    next.skip -= 1;
                    return None;
                }
                next.left -= 1;
                Some(next.fault.clone())
            }));
        }
        let lane = Lane::new(house.clone(), channel.clone());
        Self { stand, clock, store, channel, web, house, lane, strikes, scale, _secrets: secrets, _place: place }
    }

    /// The next request to one of those endpoints meets the fault.
    pub fn strike(&self, ends: Names, fault: Fault) {
        self.strike_from(ends, 0, 1, fault);
    }

    /// So many requests to those endpoints meet it, after so many that do not.
    pub fn strike_from(&self, ends: Names, skip: usize, times: usize, fault: Fault) {
        assert!(!ends.is_empty(), "{} names no such endpoint", self.stand.platform());
        lock(&self.strikes).push(Strike { ends, skip, left: times, fault });
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        lock(&self.strikes).clear();
    }

    /// An article and its scheduled post, due now.
    pub async fn post(&self, id: &str) -> PostRow {
        self.post_with(id, |_, _| {}).await
    }

    /// A post whose text a person wrote.
    pub async fn post_of(&self, id: &str, text: &str) -> PostRow {
        let text = text.to_owned();
        self.post_with(id, |post, _| post.text = Some(text)).await
    }

    /// A post that is changed before it is stored.
    pub async fn post_with(&self, id: &str, change: impl FnOnce(&mut Post, &mut Entry)) -> PostRow {
        let mut row = crate::store::scheduled(id, &format!("article of {id}"));
        let mut article = crate::store::article(row.post.article.as_str());
        article.entry = Entry {
            title: format!("Story of {id}"),
            link: link(id).parse().ok(),
            image: self.web.at(PICTURE).parse().ok().map(Image::at),
            language: Some("en".to_owned()),
            ..Entry::default()
        };
        row.post.due = self.clock.now();
        row.post.created = self.clock.now();
        article.first_seen = self.clock.now();
        change(&mut row.post, &mut article.entry);
        commit!(self.store, |conn| article::insert(conn, &article, "h", "t", &[]).await).expect("stored");
        crate::store::add(&self.store, row).await
    }

    /// Turns the worker until it has nothing to do; gives the instant it names.
    pub async fn settle(&mut self) -> Option<Timestamp> {
        for _ in 0..200 {
            match self.lane.turn().await.expect("the store works") {
                Turn::Again => {}
                Turn::Idle(until) => return until,
            }
        }
        panic!("two hundred turns and no end: {}", self.story().await);
    }

    /// Turns the worker until a request to one of those endpoints has come, and no further: nothing has looked at what
    /// became of it.
    pub async fn settle_until_sent(&mut self, ends: Names) {
        for _ in 0..200 {
            if self.count(ends) > 0 {
                return;
            }
            self.lane.turn().await.expect("the store works");
        }
        panic!("two hundred turns and nothing sent: {}", self.story().await);
    }

    /// One turn of the clock to when the worker wants to be called, at most so far.
    fn sleep(&self, until: Option<Timestamp>, most: Timestamp) {
        let now = self.clock.now();
        let next = until.unwrap_or(Timestamp::MAX).min(now + SignedDuration::from_mins(10)).min(most);
        self.clock.set(next.max(now + SignedDuration::from_millis(1)));
    }

    /// Runs as the engine does, for so many seconds from now.
    pub async fn run_for(&mut self, seconds: i64) {
        self.run_until(self.clock.now() + SignedDuration::from_secs(seconds)).await;
    }

    /// Runs until that instant.
    pub async fn run_until(&mut self, end: Timestamp) {
        loop {
            let until = self.settle().await;
            if self.clock.now() >= end {
                return;
            }
            self.sleep(until, end);
        }
    }

    /// Runs until the post is in a state that it does not leave by itself, and gives its word; whatever it waits for, a
    /// day is more than it can wait.
    pub async fn rest(&mut self, id: &str) -> &'static str {
        let end = self.clock.now() + LONGEST;
        loop {
            let until = self.settle().await;
            let state = self.state(id).await;
            let waits = matches!(state, "scheduled" | "publishing" | "uncertain");
            // A blocked channel waits for a person.
            if !waits || self.clock.now() >= end || self.channel_row().await.blocked.is_some() {
                return state;
            }
            self.sleep(until, end);
        }
    }

    /// The process dies while the `n`th request (from 1) to those endpoints is on its way; another one takes over.
    pub async fn die_on(&mut self, ends: Names, n: usize, fault: Fault) {
        let wanted = self.count(ends) + n;
        self.strike_from(ends, n - 1, 1, fault);
        let stand = &self.stand;
        let arrived = async {
            while count(&**stand, ends) < wanted {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let works = async {
            loop {
                if self.lane.turn().await.expect("the store works") != Turn::Again {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
        };
        tokio::select! {
            came = tokio::time::timeout(PATIENCE, arrived) => came.expect("the request comes in time"),
            () = works => {}
        }
        self.take_over().await;
    }

    /// Another process finds what the one before left behind.
    pub async fn take_over(&mut self) {
        let http = self.house.http.clone();
        self.house = Arc::new(house(&self.store, &http, &self.clock, self.scale));
        self.lane = Lane::new(self.house.clone(), self.channel.clone());
        let (worker, now) = (self.house.worker.as_str().to_owned(), self.clock.now());
        commit!(self.store, |conn| recover::sweep(conn, &worker, now).await).expect("swept");
    }

    /// A person opens the channel again: blocks and pauses end.
    pub async fn reopen(&mut self) {
        let (pauses, now) = (self.pauses().await, self.clock.now());
        commit!(self.store, |conn| {
            for pause in &pauses {
                pause::end(conn, &pause.scope).await?;
            }
            channel::set_blocked(conn, "main", None, now).await?;
            channel::set_closed(conn, "main", None).await
        })
        .expect("stored");
        self.lane = Lane::new(self.house.clone(), self.channel.clone());
    }

    /// A person asks for it to be taken down.
    pub async fn retract(&self, id: &str) -> Result<String, String> {
        let (hand, place) = (self.hand(), self.place());
        actions::retract(&self.store, &hand, Some(place), id).await.map_err(|e| e.to_string())
    }

    /// A person gives it another text.
    pub async fn edit(&self, id: &str, text: &str) -> Result<(), String> {
        let (hand, place) = (self.hand(), self.place());
        actions::edit(&self.store, &hand, Some(place), id, text).await.map(drop).map_err(|e| e.to_string())
    }

    fn hand(&self) -> Hand {
        Hand { name: "ada".to_owned(), now: self.clock.now() }
    }

    fn place(&self) -> actions::Place<'_> {
        let setting = Setting {
            templates: &self.house.templates,
            newsroom: &self.house.newsroom,
            zone: &self.house.zone,
            words: &self.house.words,
            digest: &[],
            look: &self.house.studio.brand.settings,
        };
        actions::Place { channel: &self.channel, setting }
    }

    /// How many requests to those endpoints came.
    pub fn count(&self, ends: Names) -> usize {
        count(&*self.stand, ends)
    }

    /// Whether a post that is out can be changed or taken down on this account.
    pub fn can(&self, op: Op) -> bool {
        let spec = self.channel.account.spec();
        let on_the_platform = match op {
            Op::Edit => spec.edits,
            Op::Delete => spec.deletes,
            Op::Upload | Op::Create => true,
        };
        on_the_platform && !self.stand.cannot().contains(&op)
    }

    /// How many requests came to any of its fakes.
    pub fn requests(&self) -> usize {
        self.stand.server().into_iter().chain(self.stand.others()).map(|server| server.seen().len()).sum()
    }

    /// `[timing] scale`.
    pub const fn scale(&self) -> f64 {
        self.scale
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How many requests to make a part visible came.
    pub fn sends(&self) -> usize {
        self.count(self.stand.ends().create)
    }

    /// What became visible so far, taken down or not: text, link, id and parent of each, in order.
    pub async fn shown(&self) -> Vec<Shown> {
        let Some(server) = self.stand.server() else { return self.on_the_wall().await };
        let published = server.ledger().entries().into_iter().filter_map(|entry| match entry.event {
            Event::Published { text, link, parent } => Some(Shown { id: entry.id, text, link, parent }),
            _ => None,
        });
        published.collect()
    }

    /// What is visible now.
    pub async fn visible(&self) -> Vec<Shown> {
        let Some(server) = self.stand.server() else { return self.on_the_wall().await };
        let posts = server.ledger().posts().into_iter();
        posts.map(|post| Shown { id: post.id, text: post.text, link: post.link, parent: post.parent }).collect()
    }

    /// A timeline's posts, oldest first.
    async fn on_the_wall(&self) -> Vec<Shown> {
        let mut conn = self.store.read().await.expect("a connection");
        let mut rows = wall::list(&mut conn, "main", 100).await.expect("readable");
        rows.reverse();
        rows.retain(|row| row.down.is_none());
        let mut before: Option<String> = None;
        let mut shown = Vec::new();
        rows.sort_by_key(|row| wall_post(&row.post).part.map_or(0, |part| part.n));
        for row in rows {
            let post = wall_post(&row.post);
            let parent = post.part.filter(|part| part.n > 1).and(before.clone());
            before = Some(row.id.clone());
            shown.push(Shown { id: row.id, text: post.text, link: post.link.map(String::from), parent });
        }
        shown
    }

    /// A post as it is stored.
    pub async fn row(&self, id: &str) -> PostRow {
        crate::store::one(&self.store, id).await
    }

    /// The word of its state.
    pub async fn state(&self, id: &str) -> &'static str {
        self.row(id).await.post.state.word()
    }

    /// What a held post waits for.
    pub async fn held(&self, id: &str) -> HoldReason {
        match self.row(id).await.post.state {
            PostState::Held { why, .. } => why,
            other => panic!("expected a held post, found {other:?}\n{}", self.story().await),
        }
    }

    /// What proves that a post is out.
    pub async fn receipt(&self, id: &str) -> Receipt {
        match self.row(id).await.post.state {
            PostState::Published { receipt } => receipt,
            other => panic!("expected a published post, found {other:?}\n{}", self.story().await),
        }
    }

    /// The channel's row.
    pub async fn channel_row(&self) -> ChannelRow {
        let mut conn = self.store.read().await.expect("a connection");
        channel::one(&mut conn, "main").await.expect("readable").expect("it is there")
    }

    /// Who the account said it is.
    pub async fn identity(&self) -> Option<Identity> {
        bugle::publish::identity_of(self.channel_row().await.identity.as_deref())
    }

    /// The pauses in force.
    pub async fn pauses(&self) -> Vec<Pause> {
        let mut conn = self.store.read().await.expect("a connection");
        pause::all(&mut conn).await.expect("readable")
    }

    /// The keys of the notices that stand.
    pub async fn notices(&self) -> Vec<String> {
        let mut conn = self.store.read().await.expect("a connection");
        let all = notice::all(&mut conn).await.expect("readable");
        all.into_iter().map(|notice| notice.key).collect()
    }

    /// A post's attempts.
    pub async fn attempts(&self, id: &str) -> Vec<attempt::AttemptRow> {
        let mut conn = self.store.read().await.expect("a connection");
        attempt::of(&mut conn, id).await.expect("readable")
    }

    /// Everything that was noted, for the message of a failed trial.
    pub async fn story(&self) -> String {
        use std::fmt::Write as _;
        let mut text = format!("{} at {}\n", self.stand.platform(), self.clock.now());
        let mut conn = self.store.read().await.expect("a connection");
        let rows = bugle::store::post::list(&mut conn, &[], None, 100).await.expect("readable");
        for row in rows {
            writeln!(text, "{}: {:?}", row.id(), row.post.state).expect("a text grows");
            for line in bugle::store::audit::of(&mut conn, row.id()).await.expect("readable") {
                let (from, to) = (line.from.unwrap_or_default(), line.to.unwrap_or_default());
                writeln!(text, "  {} {from}->{to}: {}", line.at, line.why).expect("a text grows");
            }
            for row in attempt::of(&mut conn, row.id()).await.expect("readable") {
                writeln!(text, "  {:?}", row.attempt).expect("a text grows");
            }
        }
        drop(conn);
        for server in self.stand.server().into_iter().chain(self.stand.others()) {
            for seen in server.seen() {
                let body: String = String::from_utf8_lossy(&seen.request.body).chars().take(300).collect();
                let (method, target) = (&seen.request.method, &seen.request.target);
                writeln!(text, "  {} {} {method} {target} {:?} {body}", seen.at, seen.endpoint, seen.outcome)
                    .expect("a text grows");
            }
            writeln!(text, "{:#?}", server.ledger().entries()).expect("a text grows");
        }
        text
    }
}

/// A part as readers saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub id: String,
    pub text: String,
    pub link: Option<String>,
    pub parent: Option<String>,
}

fn wall_post(json: &str) -> WallPost {
    serde_json::from_str(json).expect("the store holds what was put up")
}

fn count(stand: &dyn Stand, ends: Names) -> usize {
    let seen = stand.server().map(super::stand::Server::seen).unwrap_or_default();
    seen.iter().filter(|seen| ends.contains(&seen.endpoint)).count()
}
