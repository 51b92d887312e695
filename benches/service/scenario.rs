//! The scenarios: a config, a Bugle on core 1, and what the sink counted meanwhile.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::Res;
use crate::machine::{cpu_seconds, epoch_ms, memory_mb, pinned, stop};

/// How long a scenario may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(240);

/// What a publishing scenario came to.
pub struct Published {
    pub wall: f64,
    /// From the first post to the last, by the sink's clock.
    pub posting: f64,
    pub cpu: f64,
    pub peak_mb: f64,
    pub posts: u64,
    lost: i64,
    doubled: u64,
}

impl Published {
    pub fn verdict(&self) -> String {
        match (self.lost, self.doubled) {
            (0, 0) => format!("{} posted, 0 lost, 0 doubled", self.posts),
            (lost, doubled) => format!("VOID: {} posted, {lost} lost, {doubled} doubled", self.posts),
        }
    }
}

/// What a time of polling came to.
pub struct Idle {
    pub rss_mb: f64,
    pub first_ms: f64,
    pub polls: f64,
    /// Seconds on a core, and how long it was watched.
    pub cpu: f64,
    pub seconds: f64,
    /// Bytes of bodies that came.
    pub bytes: f64,
    /// The share of polls that asked for compression.
    pub coded: f64,
    pub posts: u64,
}

/// Sources that are polled: how many, which of the sink's feeds, how many items, how often.
#[derive(Clone, Copy)]
pub struct Polled<'a> {
    pub name: &'a str,
    pub kind: &'a str,
    pub sources: usize,
    pub items: usize,
    pub poll: &'a str,
}

/// The sink, and where the scenarios have their files.
pub struct Bench {
    pub folder: tempfile::TempDir,
    bugle: PathBuf,
    sink: Mutex<Child>,
    pub address: SocketAddr,
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Ok(sink) = self.sink.get_mut() {
            drop(sink.kill());
            drop(sink.wait());
        }
    }
}

impl Bench {
    pub fn new() -> Res<Self> {
        let own = std::env::current_exe()?;
        let mut sink = pinned(0, &own).arg("sink").stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(sink.stdout.take().ok_or("the sink has no output")?).read_line(&mut line)?;
        Ok(Self {
            folder: tempfile::tempdir()?,
            bugle: PathBuf::from(env!("CARGO_BIN_EXE_bugle")),
            sink: Mutex::new(sink),
            address: line.trim().parse()?,
        })
    }

    /// From a process of its own on Bugle's core, as Bugle is.
    pub fn bound(&self, kind: &str, connections: usize) -> Res<f64> {
        let own = std::env::current_exe()?;
        let mut command = pinned(1, &own);
        let out = command.arg("bound").arg(self.address.to_string()).arg(kind).arg(connections.to_string()).output()?;
        Ok(String::from_utf8(out.stdout)?.trim().parse()?)
    }

    /// Everything but sources and routes.
    fn base(&self, name: &str, accounts: usize) -> Res<String> {
        let (address, port) = (self.address, self.address.port());
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder)?;
        let mut text = format!(
            "[newsroom]\nname = \"bench\"\ntimezone = \"UTC\"\n[store]\nurl = \"sqlite:{0}/b.db\"\n\
             [web]\nlisten = \"127.0.0.1:0\"\n\
             [network]\nallow_private = [\"{address}\", \"127.0.0.2:{port}\", \"127.0.0.3:{port}\"]\n\
             [log]\nlevel = \"error\"\n[vault]\nkey = {{ file = \"{0}/key\" }}\n",
            folder.display()
        );
        std::fs::write(folder.join("key"), "00".repeat(32))?;
        for n in 0..accounts {
            std::fs::write(folder.join(format!("token{n}")), format!("{name}-{n}"))?;
            writeln!(
                text,
                "[channel.c{n}]\nplatform = \"mastodon\"\nserver = \"http://{address}\"\ntoken = {{ file = \"{}/token{n}\" }}",
                folder.display()
            )?;
        }
        Ok(text)
    }

    fn write(&self, name: &str, text: &str) -> Res<PathBuf> {
        let path = self.folder.path().join(name).join("bugle.toml");
        std::fs::write(&path, text)?;
        Ok(path)
    }

    fn start(&self, config: &Path) -> Res<Child> {
        let folder = config.parent().ok_or("a config lies in a folder")?;
        let log = std::fs::File::create(folder.join("log"))?;
        Ok(pinned(1, &self.bugle).arg("--config").arg(config).arg("run").stdout(Stdio::null()).stderr(log).spawn()?)
    }

    pub fn publish(&self, name: &str, sources: usize, items: usize, accounts: usize) -> Res<Published> {
        let mut text = self.base(name, accounts)?;
        for n in 0..sources {
            let url = format!("http://{}/feed/{name}-{n}/{items}", self.address);
            // What is measured is posting: the sink has no pages, and each article would be asked for three times.
            let rest = format!("poll = \"every 1h\"\nstart = \"last {items}\"\narticle_page = \"never\"");
            writeln!(text, "[source.s{n}]\nurl = \"{url}\"\n{rest}")?;
        }
        for n in 0..sources {
            writeln!(text, "[[route]]\nfrom = [\"s{n}\"]\nto = [\"c{}\"]\nurgency = \"evergreen\"", n % accounts)?;
        }
        let config = self.write(name, &text)?;
        let wanted = (sources * items) as u64;
        let begun = Instant::now();
        let mut child = self.start(&config)?;
        while begun.elapsed() < PATIENCE && self.number(&format!("/count/{name}"), "posts")? as u64 != wanted {
            std::thread::sleep(Duration::from_millis(2));
        }
        let wall = begun.elapsed().as_secs_f64();
        let cpu = cpu_seconds(child.id())?;
        let peak_mb = memory_mb(child.id(), "VmHWM")?;
        // Whatever would be sent twice is sent now.
        std::thread::sleep(Duration::from_millis(500));
        stop(&mut child)?;
        let last = self.ask(&format!("/count/{name}"))?;
        let number = |key: &str| last.get(key).copied().unwrap_or(0.0);
        Ok(Published {
            wall,
            posting: number("seconds"),
            cpu,
            peak_mb,
            posts: number("posts") as u64,
            lost: wanted as i64 - number("links") as i64,
            doubled: (number("posts") - number("links")) as u64,
        })
    }

    fn polled(&self, it: Polled<'_>) -> Res<PathBuf> {
        let mut text = self.base(it.name, 1)?;
        let mut names = Vec::new();
        for n in 0..it.sources {
            let url = format!("http://{}/{}/{}-{n}/{}", self.address, it.kind, it.name, it.items);
            writeln!(text, "[source.s{n}]\nurl = \"{url}\"\npoll = \"{}\"", it.poll)?;
            names.push(format!("\"s{n}\""));
        }
        writeln!(text, "[[route]]\nfrom = [{}]\nto = [\"c0\"]", names.join(","))?;
        self.write(it.name, &text)
    }

    /// A first run that reads all and posts nothing.
    pub fn prime(&self, it: Polled<'_>) -> Res<PathBuf> {
        let config = self.polled(it)?;
        let mut child = self.start(&config)?;
        self.until(|| Ok(self.polls(it.name)? >= it.sources as f64))?;
        std::thread::sleep(Duration::from_secs(2));
        stop(&mut child)?;
        Ok(config)
    }

    /// A start with history, and so many seconds of polling.
    pub fn watch(&self, it: Polled<'_>, seconds: u64) -> Res<Idle> {
        let config = self.polled(it)?;
        self.ask("/forget-first")?;
        let begun = epoch_ms();
        let mut child = self.start(&config)?;
        let before = self.polls(it.name)?;
        self.until(|| Ok(self.polls(it.name)? >= before + it.sources as f64))?;
        let first_ms = self.number("/first", "at")? - begun;
        std::thread::sleep(Duration::from_secs(3));
        let (cpu, sink, begun) = (cpu_seconds(child.id())?, self.ask(&format!("/polls/{}", it.name))?, Instant::now());
        std::thread::sleep(Duration::from_secs(seconds));
        let (cpu, end) = (cpu_seconds(child.id())? - cpu, self.ask(&format!("/polls/{}", it.name))?);
        let seconds = begun.elapsed().as_secs_f64();
        let rss_mb = memory_mb(child.id(), "VmRSS")?;
        stop(&mut child)?;
        let more = |key: &str| end.get(key).unwrap_or(&0.0) - sink.get(key).unwrap_or(&0.0);
        let polls = more("polls");
        let posts = self.number(&format!("/count/{}", it.name), "posts")? as u64;
        Ok(Idle {
            rss_mb,
            first_ms,
            polls,
            cpu,
            seconds,
            bytes: more("bytes"),
            coded: more("coded") / polls.max(1.0),
            posts,
        })
    }

    /// A live source that is polled every second, beside a hundred others and (if so) one that hangs and one that is
    /// huge, each on a host of its own: what the posts of so many stories took from publication and from their fetch, in
    /// milliseconds, and how often the others were polled a second meanwhile.
    pub fn live(&self, name: &str, stories: usize, bad: bool) -> Res<(Vec<f64>, Vec<f64>, f64)> {
        let it = Polled { name, kind: "feed", sources: 100, items: 3, poll: "every 1s" };
        let path = self.polled(it)?;
        let mut text = std::fs::read_to_string(&path)?.replace("from = [", "from = [\"live\",");
        let (address, port) = (self.address, self.address.port());
        // Another host than the hundred's, so that it has turns of its own.
        writeln!(text, "[source.live]\nurl = \"http://127.0.0.2:{port}/live/{name}\"\npoll = \"every 1s\"")?;
        if bad {
            writeln!(text, "[source.hang]\nurl = \"http://127.0.0.3:{port}/hang\"\npoll = \"every 1s\"")?;
            writeln!(text, "[source.huge]\nurl = \"http://127.0.0.3:{port}/huge\"\npoll = \"every 1s\"")?;
        }
        let config = self.write(name, &text)?;
        self.ask(&format!("/publish/{name}/old"))?;
        let mut child = self.start(&config)?;
        self.until(|| Ok(self.polls(name)? >= 202.0))?;
        debug_assert!(address.port() == port);
        let (polls, begun) = (self.polls(name)?, Instant::now());
        let mut times = Vec::new();
        for n in 0..stories {
            // At no fixed phase of the interval.
            std::thread::sleep(Duration::from_millis((n as u64 * 137) % 400));
            self.ask(&format!("/publish/{name}/{n}"))?;
            self.until(|| {
                times = serde_json::from_str::<Vec<(f64, f64)>>(&self.text(&format!("/times/{name}"))?)?;
                Ok(times.len() > n)
            })?;
        }
        let rate = (self.polls(name)? - polls) / begun.elapsed().as_secs_f64();
        stop(&mut child)?;
        let (all, own) = times.into_iter().unzip();
        Ok((all, own, rate))
    }

    /// Adds so many articles, with two keys each, to a scenario's store, spread over its sources.
    pub fn remember(&self, name: &str, articles: usize, sources: usize) -> Res<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let file = self.folder.path().join(name).join("b.db");
        runtime.block_on(async {
            use sqlx::{Connection as _, Executor as _};
            sqlx::any::install_default_drivers();
            let mut connection = sqlx::AnyConnection::connect(&format!("sqlite:{}", file.display())).await?;
            let count = format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {articles})");
            let now = epoch_ms() as i64;
            let article = format!(
                "INSERT INTO article (id, source, version, hash, guid, link, title, title_hash, entry, verdicts, \
                 first_seen, changed) {count} SELECT 'primed' || i, 's' || (i % {sources}), 1, 'h' || i, \
                 'https://old.example/' || i, 'https://old.example/' || i, 'Story ' || i, hex(randomblob(32)), \
                 '{{\"title\":\"Story\"}}', '[]', {now}, {now} FROM n"
            );
            connection.execute(sqlx::AssertSqlSafe(article)).await?;
            for (scope, value) in [(format!("'s' || (i % {sources})"), "guid:https://"), ("''".to_owned(), "link:")] {
                let alias = format!(
                    "INSERT INTO alias (scope, value, article, last_listed) {count} SELECT {scope}, \
                     '{value}old.example/' || i, 'primed' || i, {now} FROM n"
                );
                connection.execute(sqlx::AssertSqlSafe(alias)).await?;
            }
            Ok(())
        })
    }

    fn polls(&self, name: &str) -> Res<f64> {
        self.number(&format!("/polls/{name}"), "polls")
    }

    fn until(&self, mut done: impl FnMut() -> Res<bool>) -> Res<()> {
        let begun = Instant::now();
        while !done()? {
            if begun.elapsed() > PATIENCE {
                return Err("a scenario did not come to its end".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn number(&self, path: &str, key: &str) -> Res<f64> {
        Ok(self.ask(path)?.get(key).copied().unwrap_or(0.0))
    }

    /// The sink's own numbers.
    fn ask(&self, path: &str) -> Res<HashMap<String, f64>> {
        Ok(serde_json::from_str(&self.text(path)?)?)
    }

    fn text(&self, path: &str) -> Res<String> {
        let mut stream = TcpStream::connect(self.address)?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: sink\r\nconnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text.split("\r\n\r\n").nth(1).unwrap_or("{}").to_owned())
    }
}
