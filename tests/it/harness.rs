//! A whole Bugle as a process of its own: the config of a newsroom whose platforms are the fakes, its start, its death
//! and what its store says. What a story expects is in the story's file; what readers saw is in the fakes' ledgers.
//!
//! ```text
//! let newsroom = Newsroom::new("out_once").source("news", &feed.at("/rss"), "from now").x(&x);
//! let bugle = newsroom.start().await;
//! feed.feed("/rss", &rss(&[item]));
//! x.ledger().wait_for(1).await;
//! assert!(bugle.term().await.success());
//! ```

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use bugle::clock::{Clock as _, SystemClock};
use bugle::model::channel::Pause;
use bugle::model::post::PostState;
use bugle::store::notice::Stored;
use bugle::store::{Conn, Store, Work};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::fakes::bluesky::FakeBluesky;
use crate::fakes::feed::{FakeFeed, Item, rss};
use crate::fakes::lock;
use crate::fakes::mastodon::FakeMastodon;
use crate::fakes::matrix::FakeMatrix;
use crate::fakes::meta::{APP_ID, APP_SECRET};
use crate::fakes::telegram::FakeTelegram;
use crate::fakes::threads::FakeThreads;
use crate::fakes::x::FakeX;
use crate::ledger::{Event, Ledger, PATIENCE};
use crate::servers::postgres;
use crate::wire::Ask;

/// How often a wait looks again.
const LOOK: Duration = Duration::from_millis(20);

/// The call of the program.
fn arguments(config: &Path) -> Vec<std::ffi::OsString> {
    vec!["--config".into(), config.into(), "run".into()]
}

/// Where the store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file in the newsroom's folder.
    Sqlite,
    /// A database of its own on the server of the test run.
    Postgres,
}

/// A post as the store has it, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// Its channel.
    pub channel: String,
    /// Its state's word.
    pub state: &'static str,
    /// Why it is in it, as a person reads it; empty where there is nothing to say.
    pub reason: String,
    /// Tries that count.
    pub attempts: u16,
    /// The id of its article.
    pub article: String,
}

struct Account {
    name: String,
    keys: Vec<(String, String)>,
}

/// A newsroom: its config, its folder, its store. Outlives every process started in it.
pub struct Newsroom {
    name: String,
    folder: TempDir,
    engine: Engine,
    url: OnceCell<String>,
    scale: f64,
    allow: BTreeSet<String>,
    sources: String,
    public: Option<String>,
    channels: Vec<Account>,
    routes: String,
    more: String,
    log: &'static str,
    env: Vec<(String, String)>,
}

impl Newsroom {
    /// With nothing in it; on SQLite, at scale 0.02.
    pub fn new(name: &str) -> Self {
        let folder = tempfile::Builder::new().prefix(&format!("bugle-{name}-")).tempdir();
        let folder = folder.expect("a temporary folder can be made");
        std::fs::create_dir(folder.path().join("data")).expect("a fresh folder takes another");
        Self {
            name: name.to_owned(),
            folder,
            engine: Engine::Sqlite,
            url: OnceCell::new(),
            scale: 0.02,
            allow: BTreeSet::new(),
            sources: String::new(),
            public: None,
            channels: Vec::new(),
            routes: String::new(),
            more: String::new(),
            log: "debug",
            env: Vec::new(),
        }
    }

    /// Where the store is.
    pub fn store(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// Every wait times this.
    pub fn scale(mut self, scale: f64) -> Self {
        self.scale = scale;
        self
    }

    /// More of the config: tables of their own.
    pub fn more(mut self, text: &str) -> Self {
        writeln!(self.more, "{text}").expect("a text grows");
        self
    }

    /// As [`more`](Self::more), between two starts, in the place of what there was.
    pub fn set_more(&mut self, text: &str) {
        self.more = format!("{text}\n");
    }

    /// What is logged; `debug` unless said.
    pub fn log(mut self, level: &'static str) -> Self {
        self.log = level;
        self
    }

    /// A source, polled every second, whose articles' pages are left alone.
    pub fn source(self, name: &str, url: &str, start: &str) -> Self {
        self.source_more(name, url, start, "article_page = \"never\"")
    }

    /// A source, polled every second, with more lines.
    pub fn source_more(mut self, name: &str, url: &str, start: &str, lines: &str) -> Self {
        if let Some(rest) = url.strip_prefix("http://") {
            self.allow(rest.split('/').next().unwrap_or(rest));
        }
        writeln!(self.sources, "[source.{name}]\nurl = {url:?}\npoll = \"every 1s\"\nstart = {start:?}\n{lines}\n")
            .expect("a text grows");
        self
    }

    /// A source, as the lines of its table.
    pub fn source_with(mut self, name: &str, lines: &str) -> Self {
        writeln!(self.sources, "[source.{name}]\n{lines}\n").expect("a text grows");
        self
    }

    /// Where others reach its port: hubs push there, readers follow its short links.
    pub fn public(mut self, url: &str) -> Self {
        self.public = Some(url.to_owned());
        self
    }

    /// As [`source_with`](Self::source_with), between two starts: the sources there were are gone.
    pub fn set_source(&mut self, name: &str, lines: &str) {
        self.sources = format!("[source.{name}]\n{lines}\n\n");
    }

    /// `host:port` may be contacted.
    pub fn allowing(mut self, host: &str) -> Self {
        self.allow(host);
        self
    }

    fn allow(&mut self, host: &str) {
        self.allow.insert(host.to_owned());
    }

    /// The channel `x`: three keys in the environment, one in a file.
    pub fn x(self, fake: &FakeX) -> Self {
        self.x_again("x", fake)
    }

    /// A channel on the same account as [`x`](Self::x).
    pub fn x_again(mut self, name: &str, fake: &FakeX) -> Self {
        let keys = fake.account("newsroom");
        self.allow(&fake.host());
        self.write("x_access", &format!("{}\n", keys.token_secret));
        let file = format!("{{ file = {:?} }}", self.path("x_access"));
        let given = [
            ("consumer_key", self.secret("X_CONSUMER_KEY", &keys.consumer_key)),
            ("consumer_secret", self.secret("X_CONSUMER_SECRET", &keys.consumer_secret)),
            ("access_token", self.secret("X_ACCESS_TOKEN", &keys.token)),
            ("access_secret", file),
        ];
        self.channel(name, "x", Some(&fake.url()), &given)
    }

    /// The channel `telegram`, posting to the fake's own chat.
    pub fn telegram(self, fake: &FakeTelegram) -> Self {
        self.telegram_chat("telegram", fake, "@newsroom")
    }

    /// A channel that posts to that chat of the fake's one bot.
    pub fn telegram_chat(mut self, name: &str, fake: &FakeTelegram, chat: &str) -> Self {
        self.allow(&fake.host());
        let token = self.secret("TELEGRAM_TOKEN", &fake.token());
        self.channel(name, "telegram", Some(&fake.url()), &[("chat", format!("{chat:?}")), ("token", token)])
    }

    /// The channel `mastodon`.
    pub fn mastodon(mut self, fake: &FakeMastodon) -> Self {
        self.allow(&fake.host());
        let token = self.secret("MASTODON_TOKEN", &fake.account("newsroom"));
        self.channel("mastodon", "mastodon", Some(&fake.url()), &[("token", token)])
    }

    /// The channel `bluesky`.
    pub fn bluesky(mut self, fake: &FakeBluesky) -> Self {
        const HANDLE: &str = "newsroom.test";
        self.allow(&fake.host());
        let password = self.secret("BLUESKY_APP_PASSWORD", &fake.account(HANDLE));
        let given = [("handle", format!("{HANDLE:?}")), ("password", password)];
        self.channel("bluesky", "bluesky", Some(&fake.url()), &given)
    }

    /// The channel `matrix`, posting to the fake's own room.
    pub fn matrix(self, fake: &FakeMatrix) -> Self {
        self.matrix_room("matrix", fake, "#news:fake.example")
    }

    /// A channel that posts to that room of the fake.
    pub fn matrix_room(mut self, name: &str, fake: &FakeMatrix, room: &str) -> Self {
        self.allow(&fake.host());
        let token = self.secret("MATRIX_TOKEN", &fake.token());
        self.channel(name, "matrix", Some(&fake.url()), &[("room", format!("{room:?}")), ("token", token)])
    }

    /// The channel `threads`, whose calls must be proved.
    pub fn threads(mut self, fake: &FakeThreads) -> Self {
        self.allow(&fake.host());
        let token = fake.account("newsroom");
        fake.rules().gate.require_proof = true;
        let given = [
            ("token", self.secret("THREADS_TOKEN", &token)),
            ("app_secret", self.secret("META_APP_SECRET", APP_SECRET)),
            ("app_id", format!("{APP_ID:?}")),
        ];
        self.channel("threads", "threads", Some(&fake.url()), &given)
    }

    /// A local timeline.
    pub fn timeline(self, name: &str, like: &str) -> Self {
        self.channel(name, "timeline", None, &[("like", format!("{like:?}"))])
    }

    /// Any channel; values as TOML.
    pub fn channel(mut self, name: &str, platform: &str, server: Option<&str>, keys: &[(&str, String)]) -> Self {
        let mut all = vec![("platform".to_owned(), format!("{platform:?}"))];
        all.extend(server.map(|server| ("server".to_owned(), format!("{server:?}"))));
        all.extend(keys.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        self.channels.push(Account { name: name.to_owned(), keys: all });
        self
    }

    /// One more line for a channel, as `pace = { gap = "3m" }`; a key it has already is replaced.
    ///
    /// # Panics
    /// Where there is no such channel, or the line has no `=`.
    pub fn with(mut self, channel: &str, line: &str) -> Self {
        self.set(channel, line);
        self
    }

    /// As [`with`](Self::with), between two starts.
    ///
    /// # Panics
    /// As it does.
    pub fn set(&mut self, channel: &str, line: &str) {
        let (key, value) = line.split_once('=').expect("a line of TOML is a key and a value");
        let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
        let account = self.channels.iter_mut().find(|it| it.name == channel);
        let keys = &mut account.unwrap_or_else(|| panic!("there is no channel {channel}")).keys;
        keys.retain(|(known, _)| *known != key);
        keys.push((key, value));
    }

    /// A route, as the lines of its table; without any, everything goes everywhere.
    pub fn route(mut self, lines: &str) -> Self {
        writeln!(self.routes, "[[route]]\n{lines}\n").expect("a text grows");
        self
    }

    /// Puts a secret into the environment and gives where it is.
    pub fn secret(&mut self, name: &str, value: &str) -> String {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
        format!("{{ env = {name:?} }}")
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into its folder.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        let folder = path.parent().expect("a file is in a folder");
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, text))
            .expect("a temporary folder can be written to");
    }

    /// The store's address; a database on PostgreSQL is made at the first call.
    pub async fn url(&self) -> &str {
        let make = || async {
            match self.engine {
                Engine::Sqlite => format!("sqlite:{}", self.path("data/bugle.db").display()),
                Engine::Postgres => postgres::database().await,
            }
        };
        self.url.get_or_init(make).await
    }

    /// From now on another, empty store, as on a new machine.
    pub async fn move_store(&mut self) {
        let url = match self.engine {
            Engine::Sqlite => format!("sqlite:{}", self.path(&format!("data/{}.db", uuid::Uuid::now_v7())).display()),
            Engine::Postgres => postgres::database().await,
        };
        self.url = OnceCell::new_with(Some(url));
    }

    /// From now on the store at that address.
    pub fn at(&mut self, url: &str) {
        self.url = OnceCell::new_with(Some(url.to_owned()));
    }

    /// Opens the store for the test's own questions, also while Bugle runs.
    ///
    /// # Panics
    /// Where it cannot be opened.
    pub async fn books(&self) -> Books {
        Books(Store::open(self.url().await).await.expect("the store opens"))
    }

    /// The config as it is written.
    pub async fn config(&self) -> String {
        let allow: Vec<String> = self.allow.iter().map(|host| format!("{host:?}")).collect();
        let mut text = format!(
            "[newsroom]\nname = {:?}\ntimezone = \"Asia/Baku\"\nlanguage = \"en\"\n\n[store]\nurl = {:?}\n\n\
             [web]\nlisten = \"127.0.0.1:0\"\n{}\n[network]\nallow_private = [{}]\n\n[timing]\nscale = {}\n\n\
             [log]\nlevel = \"{}\"\n\n{}{}",
            self.name,
            self.url().await,
            self.public.as_ref().map(|url| format!("public_url = {url:?}\n")).unwrap_or_default(),
            allow.join(", "),
            self.scale,
            self.log,
            self.more,
            self.sources,
        );
        for Account { name, keys } in &self.channels {
            let lines: String = keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
            write!(text, "[channel.{name}]\n{lines}\n").expect("a text grows");
        }
        if self.sources.is_empty() || self.channels.is_empty() {
            return text;
        }
        if self.routes.is_empty() {
            let named = text.lines().filter_map(|line| line.strip_prefix("[source.")?.strip_suffix(']'));
            let from = named.filter(|name| !name.contains('.'));
            let from: Vec<String> = from.map(|name| format!("{name:?}")).collect();
            let to: Vec<String> = self.channels.iter().map(|it| format!("{:?}", it.name)).collect();
            let lines = format!("[[route]]\nfrom = [{}]\nto = [{}]\n", from.join(", "), to.join(", "));
            return text + &lines;
        }
        text + &self.routes
    }

    /// Starts Bugle and waits until it says that it runs.
    ///
    /// # Panics
    /// Where it ends instead.
    pub async fn start(&self) -> Running {
        self.start_with(&[]).await
    }

    /// Starts it to die: it is aborted when it passes the crash point for the `n`th time. Does not wait for anything,
    /// since it may die at once.
    pub async fn start_to_crash(&self, point: &str, n: u32) -> Running {
        self.spawn(&[("CRASH_AT", &format!("{point}:{n}"))]).await
    }

    /// As [`start`](Self::start), with more in its environment.
    ///
    /// # Panics
    /// Where it ends instead.
    pub async fn start_with(&self, env: &[(&str, &str)]) -> Running {
        let mut running = self.spawn(env).await;
        let says = async || running.is_up() || running.ended().is_some();
        until("bugle says that it runs", says).await;
        assert!(running.ended().is_none(), "bugle did not start\n{}", running.log());
        running
    }

    /// As [`start_with`](Self::start_with), and waits until it does its work: only then pushes are taken.
    ///
    /// # Panics
    /// Where it ends instead.
    pub async fn ready(&self, env: &[(&str, &str)]) -> Running {
        let running = self.start_with(env).await;
        until("bugle is ready", async || running.page("/readyz").await.starts_with("ready")).await;
        running
    }

    /// Runs another command beside the service, with the same config, and waits for its end.
    ///
    /// # Panics
    /// Where there is no such program.
    pub async fn command(&self, args: &[&str]) -> std::process::Output {
        self.command_with(args, &[]).await
    }

    /// The same, with more in its environment.
    ///
    /// # Panics
    /// As it does.
    pub async fn command_with(&self, args: &[&str], env: &[(&str, &str)]) -> std::process::Output {
        let config = self.path("bugle.toml");
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_bugle"));
        command.arg("--config").arg(&config).args(args).current_dir(self.folder.path()).env("NO_COLOR", "1");
        command.envs(self.env.iter().map(|(name, value)| (name, value))).envs(env.iter().copied());
        command.output().await.expect("the program was built with the tests")
    }

    /// Runs another command beside the service, with the same config, and talks to it while it runs.
    ///
    /// # Panics
    /// Where there is no such program.
    pub fn talk(&self, args: &[&str]) -> Talk {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_bugle"));
        command.arg("--config").arg(self.path("bugle.toml")).args(args).current_dir(self.folder.path());
        command.env("NO_COLOR", "1").env("USER", "ana").envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("the program was built with the tests");
        let out = tokio::io::BufReader::new(child.stdout.take().expect("it is piped"));
        Talk { out: tokio::io::AsyncBufReadExt::lines(out), child }
    }

    /// Starts the process and waits for nothing.
    ///
    /// # Panics
    /// Where there is no such program.
    pub async fn spawn(&self, env: &[(&str, &str)]) -> Running {
        self.write("bugle.toml", &self.config().await);
        let config = self.path("bugle.toml");
        let run = uuid::Uuid::now_v7();
        let (out, err) = (self.path(&format!("{run}.out")), self.path(&format!("{run}.err")));
        let file = |path: &Path| File::create(path).expect("a temporary folder can be written to");
        let child = Command::new(env!("CARGO_BIN_EXE_bugle"))
            .args(arguments(&config))
            .current_dir(self.folder.path())
            .env("BUGLE_CONFIG", &config)
            .env("NO_COLOR", "1")
            .env_remove("CRASH_AT")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(file(&out))
            .stderr(file(&err))
            .spawn()
            .expect("the program was built with the tests");
        Running { child, out, err }
    }
}

/// A newsroom's own feed: what it publishes is up at once, newest first.
pub struct Press {
    /// The web server.
    pub web: FakeFeed,
    stories: Mutex<Vec<(String, String, Timestamp)>>,
}

impl Press {
    /// Where the feed is on its server.
    pub const PATH: &str = "/rss";

    /// With a feed that has no item.
    pub fn start() -> Self {
        let press = Self { web: FakeFeed::start(), stories: Mutex::default() };
        press.print();
        press
    }

    /// With a feed of these stories, one minute apart, the last of them new.
    pub fn with(slugs: &[&str]) -> Self {
        let press = Self::start();
        press.publish_all(slugs);
        press
    }

    /// Where the feed is.
    pub fn url(&self) -> String {
        self.web.at(Self::PATH)
    }

    /// Publishes a story: "Story SLUG" at [`link`]`(slug)`.
    pub fn publish(&self, slug: &str) {
        self.publish_all(&[slug]);
    }

    fn publish_all(&self, slugs: &[&str]) {
        let now = SystemClock::new().now();
        for (n, slug) in slugs.iter().enumerate() {
            let age = jiff::SignedDuration::from_mins(i64::try_from(slugs.len() - 1 - n).expect("a test has few"));
            lock(&self.stories).push((format!("Story {slug}"), link(slug), now - age));
        }
        self.print();
    }

    fn print(&self) {
        let stories = lock(&self.stories);
        let item = |(title, link, at): &'_ (String, String, Timestamp)| (title.clone(), link.clone(), *at);
        let owned: Vec<_> = stories.iter().rev().map(item).collect();
        let items: Vec<Item<'_>> =
            owned.iter().map(|(title, link, at)| Item { guid: link, title, link, at: *at }).collect();
        self.web.feed(Self::PATH, &rss(&items));
    }

    /// Waits until what is up now has been fetched and dealt with: until the fetch after the next has come.
    pub async fn read(&self) {
        fetched(&self.web, Self::PATH).await;
    }
}

/// Where a story is.
pub fn link(slug: &str) -> String {
    format!("https://newsroom.example/{slug}")
}

/// Waits until what is up at that path now has been fetched and dealt with: until the fetch after the next has come.
pub async fn fetched(web: &FakeFeed, path: &str) {
    let before = web.hits(path);
    until("the source was fetched twice more", async || web.hits(path) >= before + 2).await;
}

/// Readers saw exactly these links, each once, in that order.
///
/// # Panics
/// When they saw anything else.
pub fn saw(ledger: &Ledger, links: &[String]) {
    let seen: Vec<String> = ledger
        .entries()
        .into_iter()
        .filter_map(|entry| match entry.event {
            Event::Published { link, .. } => Some(link.unwrap_or_default()),
            _ => None,
        })
        .collect();
    assert_eq!(seen, links, "{:#?}", ledger.entries());
}

/// A Bugle that runs. Dropped, it is killed.
pub struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Running {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        let read = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
        read(&self.out) + &read(&self.err)
    }

    /// Whether it has said that it runs.
    pub fn is_up(&self) -> bool {
        std::fs::read_to_string(&self.out).is_ok_and(|text| text.contains(": http://"))
    }

    /// Where its port is.
    ///
    /// # Panics
    /// Where it is not up.
    pub fn port(&self) -> String {
        let text = std::fs::read_to_string(&self.out).unwrap_or_default();
        let at = text.split_once(": http://").and_then(|(_, rest)| rest.split('/').next()).expect("it is up");
        at.to_owned()
    }

    /// Its web address, `http://HOST:PORT`.
    ///
    /// # Panics
    /// Where it is not up.
    pub fn address(&self) -> String {
        format!("http://{}", self.port())
    }

    /// What its port answers at that path.
    ///
    /// # Panics
    /// Where it does not answer.
    pub async fn page(&self, path: &str) -> String {
        let answer = Ask::get(format!("{}{path}", self.address())).send().await;
        answer.unwrap_or_else(|fault| panic!("{path}: {fault}\n{}", self.log())).text()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("one may wait for one's own child")
    }

    /// Waits until it ends.
    ///
    /// # Panics
    /// When it does not within [`PATIENCE`].
    pub async fn wait_exit(&mut self) -> ExitStatus {
        let ends = async || self.ended().is_some();
        let ended = tokio::time::timeout(PATIENCE, poll(ends)).await.is_ok();
        assert!(ended, "bugle did not end within {PATIENCE:?}\n{}", self.log());
        self.ended().expect("it has ended")
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(signal).arg(self.pid().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill {signal} {}", self.pid());
    }

    /// SIGKILL, and waits for its end.
    pub async fn kill9(mut self) {
        // It may have ended already.
        drop(self.child.kill());
        self.wait_exit().await;
    }

    /// SIGTERM, without waiting.
    pub fn ask_to_end(&self) {
        self.signal("-TERM");
    }

    /// SIGTERM, and waits for its end.
    pub async fn term(mut self) -> ExitStatus {
        self.signal("-TERM");
        self.wait_exit().await
    }

    /// SIGHUP: it reads its config again.
    pub fn hup(&self) {
        self.signal("-HUP");
    }

    /// SIGSTOP.
    pub fn stop(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub fn cont(&self) {
        self.signal("-CONT");
    }
}

impl Drop for Running {
    #[expect(clippy::print_stderr, reason = "the test runner shows what a failed test wrote")]
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            let log = self.log();
            let ours = log.lines().filter(|line| !line.contains(" DEBUG ") || line.contains(" DEBUG bugle"));
            eprintln!("--- log of bugle {}\n{}", self.pid(), ours.collect::<Vec<_>>().join("\n"));
        }
    }
}

/// A command that is talked to.
pub struct Talk {
    child: tokio::process::Child,
    out: tokio::io::Lines<tokio::io::BufReader<tokio::process::ChildStdout>>,
}

impl Talk {
    /// The next line of its standard output.
    ///
    /// # Panics
    /// Where none comes within [`PATIENCE`]; then with what it says on standard error.
    pub async fn line(&mut self) -> String {
        if let Ok(Ok(Some(line))) = tokio::time::timeout(PATIENCE, self.out.next_line()).await {
            return line;
        }
        drop(self.child.start_kill());
        panic!("no line within {PATIENCE:?}: {}", self.errors().await);
    }

    /// Types a line.
    ///
    /// # Panics
    /// Where it does not read any more.
    pub async fn say(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("it was not hung up");
        let typed = tokio::io::AsyncWriteExt::write_all(stdin, format!("{line}\n").as_bytes()).await;
        typed.expect("it reads");
    }

    async fn errors(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut err) = self.child.stderr.take() {
            drop(tokio::io::AsyncReadExt::read_to_string(&mut err, &mut text).await);
        }
        text
    }

    /// Hangs up and waits for its end: its exit code, and what it said on standard error.
    ///
    /// # Panics
    /// Where it does not end within [`PATIENCE`].
    pub async fn end(mut self) -> (i32, String) {
        drop(self.child.stdin.take());
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends in time");
        let code = ended.expect("one may wait for one's own child").code().unwrap_or(-1);
        (code, self.errors().await)
    }
}

/// The store, read (and, where Bugle does not run, changed) by the test.
pub struct Books(pub Store);

impl Books {
    /// All posts, oldest first.
    ///
    /// # Panics
    /// Where the store cannot be read.
    pub async fn posts(&self) -> Vec<Row> {
        let mut conn = self.0.read().await.expect("the store can be read");
        let rows = bugle::store::post::list(&mut conn, &[], None, 100_000).await.expect("the posts can be read");
        let mut posts: Vec<_> = rows.into_iter().map(|row| row.post).collect();
        posts.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
        let short = posts.into_iter().map(|post| Row {
            id: post.id.as_str().to_owned(),
            state: post.state.word(),
            reason: match &post.state {
                PostState::Held { why, .. } => why.to_string(),
                PostState::Skipped { why, .. } => why.to_string(),
                PostState::Failed { reason, .. } => reason.said.clone(),
                PostState::Scheduled { retry, .. } => retry.clone().unwrap_or_default(),
                _ => String::new(),
            },
            channel: post.channel.as_str().to_owned(),
            attempts: post.attempts,
            article: post.article.as_str().to_owned(),
        });
        short.collect()
    }

    /// The posts of one channel, oldest first.
    pub async fn posts_of(&self, channel: &str) -> Vec<Row> {
        self.posts().await.into_iter().filter(|row| row.channel == channel).collect()
    }

    /// Waits until the channel has `n` posts in that state, and gives all of its posts.
    ///
    /// # Panics
    /// When it does not come to that within [`PATIENCE`].
    pub async fn wait_for(&self, channel: &str, state: &str, n: usize) -> Vec<Row> {
        let is_so = async || self.posts_of(channel).await.iter().filter(|row| row.state == state).count() >= n;
        let came = tokio::time::timeout(PATIENCE, poll(is_so)).await.is_ok();
        let posts = self.posts_of(channel).await;
        assert!(
            came,
            "waited {PATIENCE:?} for {n} {state} posts of {channel}, found: {posts:#?}\nnotices: {:#?}\n{}",
            self.notices().await,
            self.history(channel).await,
        );
        posts
    }

    /// Whatever was noted of the posts of a channel, line by line.
    ///
    /// # Panics
    /// Where the store cannot be read.
    pub async fn history(&self, channel: &str) -> String {
        let mut conn = self.0.read().await.expect("the store can be read");
        let rows = bugle::store::post::list(&mut conn, &[], Some(channel), 100).await.expect("the posts can be read");
        let mut text = String::new();
        for row in rows {
            for line in bugle::store::audit::of(&mut conn, row.id()).await.expect("the log can be read") {
                let (from, to) = (line.from.unwrap_or_default(), line.to.unwrap_or_default());
                writeln!(text, "{} {channel} {} {from}->{to}: {}", line.at, row.id(), line.why).expect("a text grows");
            }
        }
        text
    }

    /// The notices that stand.
    ///
    /// # Panics
    /// Where the store cannot be read.
    pub async fn notices(&self) -> Vec<Stored> {
        let mut conn = self.0.read().await.expect("the store can be read");
        bugle::store::notice::all(&mut conn).await.expect("the notices can be read")
    }

    /// The pauses in force.
    ///
    /// # Panics
    /// Where the store cannot be read.
    pub async fn pauses(&self) -> Vec<Pause> {
        let mut conn = self.0.read().await.expect("the store can be read");
        bugle::store::pause::all(&mut conn).await.expect("the pauses can be read")
    }

    /// What blocks a channel.
    ///
    /// # Panics
    /// Where the store cannot be read.
    pub async fn block(&self, channel: &str) -> Option<String> {
        let mut conn = self.0.read().await.expect("the store can be read");
        let rows = bugle::store::channel::all(&mut conn).await.expect("the channels can be read");
        rows.into_iter().find(|row| row.name == channel)?.blocked.map(|block| block.to_string())
    }

    /// How many articles there are.
    ///
    /// # Panics
    /// Where the store cannot be read.
    pub async fn articles(&self) -> i64 {
        self.number("SELECT count(*) FROM article").await
    }

    /// One number.
    ///
    /// # Panics
    /// Where the store cannot be read.
    pub async fn number(&self, sql: &'static str) -> i64 {
        let mut conn = self.0.read().await.expect("the store can be read");
        sqlx::query_scalar(sql).fetch_one(&mut *conn).await.expect("a question of the test's own makes sense")
    }

    /// One text of the store.
    ///
    /// # Panics
    /// Where it cannot be read.
    pub async fn text(&self, sql: &'static str) -> String {
        let mut conn = self.0.read().await.expect("the store can be read");
        sqlx::query_scalar(sql).fetch_one(&mut *conn).await.expect("a question of the test's own makes sense")
    }

    /// A change, in a transaction.
    ///
    /// # Panics
    /// Where it fails.
    pub async fn change<T, F>(&self, job: F) -> T
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Conn) -> Work<'t, T> + Send + 'static,
    {
        self.0.write(job).await.expect("a change of the test's own makes sense")
    }

    /// Runs one statement.
    ///
    /// # Panics
    /// Where it fails.
    pub async fn run(&self, sql: &'static str) {
        let job = bugle::store::job(move |conn| {
            Box::pin(async move {
                sqlx::query(sql).execute(conn).await?;
                Ok(())
            })
        });
        self.change(job).await;
    }
}

async fn poll(mut is_so: impl AsyncFnMut() -> bool) {
    while !is_so().await {
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until something is so.
///
/// # Panics
/// When it is not within [`PATIENCE`].
pub async fn until(what: &str, is_so: impl AsyncFnMut() -> bool) {
    let came = tokio::time::timeout(PATIENCE, poll(is_so)).await.is_ok();
    assert!(came, "waited {PATIENCE:?} until {what}");
}

#[tokio::test]
async fn it_starts_ends_softly_and_can_be_killed() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let press = Press::start();
        let newsroom = Newsroom::new("harness").store(engine).source("news", &press.url(), "from now");
        let newsroom = newsroom.timeline("wall", "x");
        let bugle = newsroom.start().await;
        let books = newsroom.books().await;
        assert_eq!((books.articles().await, books.posts().await), (0, Vec::new()), "{engine:?}");
        bugle.stop();
        bugle.cont();
        let status = bugle.term().await;
        assert_eq!(status.code(), Some(0), "{engine:?}");
        newsroom.start().await.kill9().await;
        assert!(newsroom.start().await.term().await.success(), "{engine:?}");
    }
}
