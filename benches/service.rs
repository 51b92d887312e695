//! `make bench`: the release binary against its own feed server and sink in another process. Every figure is a ratio to a
//! bound measured in the same run; the sink, not Bugle, counts posts and takes times, and a row whose run lost or doubled
//! an article is void. Linux only (it reads /proc, and pins the sink to core 0 and Bugle to core 1 with taskset).

#![expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's time")]

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

type Res<T> = Result<T, Box<dyn std::error::Error>>;

/// How long a scenario may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(180);

#[expect(clippy::print_stdout, reason = "a report for a terminal")]
fn main() -> Res<()> {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("sink") => return sink(),
        Some("bound") => {
            let address: SocketAddr = args.next().ok_or("bound ADDRESS CONNECTIONS")?.parse()?;
            let connections: usize = args.next().ok_or("bound ADDRESS CONNECTIONS")?.parse()?;
            println!("{}", post_bound(address, connections)?);
            return Ok(());
        }
        Some("cards") => return cards(),
        _ => {}
    }
    let bench = Bench::new()?;
    println!("bounds of this machine, in this run");
    let commits = commit_bound(bench.folder.path())?;
    println!("  SQLite WAL commits, synchronous=FULL, per s          {commits:>9.0}");
    let one = bench.bound(1)?;
    let many = bench.bound(16)?;
    println!("  POST on 1 / 16 keep-alive connections, per s         {one:>9.0} / {many:.0}");
    println!();

    let pass = bench.publish("pass30", 1, 30, 1)?;
    println!("row 4   CPU per post, 1 feed x 30 items, start included   {:.3} ms", pass.cpu * 1000.0 / 30.0);
    println!("        wall {:.3} s, peak {:.1} MB, {}", pass.wall, pass.peak_mb, pass.verdict());
    let wide = bench.publish("wide", 16, 500, 16)?;
    let rate = wide.posts as f64 / wide.posting;
    println!(
        "row 5   durable posts/s, 16 accounts                       {rate:.0} = {:.2} x the commit bound, {:.0} per CPU s",
        rate / commits,
        wide.posts as f64 / wide.cpu
    );
    println!("        peak {:.1} MB, {}", wide.peak_mb, wide.verdict());
    let narrow = bench.publish("narrow", 4, 500, 1)?;
    let rate = narrow.posts as f64 / narrow.posting;
    let bound = 1.0 / (1.0 / one + 1.0 / commits);
    println!(
        "row 6   durable posts/s, 1 account, in order               {rate:.0} = {:.2} x 1/(POST + commit), {:.0} per CPU s",
        rate / bound,
        narrow.posts as f64 / narrow.cpu
    );
    println!("        {}", narrow.verdict());
    let idle = bench.idle("idle1", 1)?;
    println!("row 12  resident at rest, 1 source with history            {:.1} MB", idle.rss_mb);
    println!("        start -> first feed request, 1 source              {:.1} ms", idle.first_ms);
    let idle = bench.idle("idle1000", 1000)?;
    println!("row 12  resident at rest, 1000 sources with history        {:.1} MB", idle.rss_mb);
    println!("row 13  start -> first feed request, 1000 sources          {:.1} ms", idle.first_ms);
    println!("row 1   unchanged polls per CPU s, server answers 304      {:.0}", idle.polls_per_cpu);
    cards()
}

/// Headline cards and large pictures, on one thread of this process: medians, and what the largest picture takes.
#[expect(clippy::print_stdout, reason = "a report for a terminal")]
fn cards() -> Res<()> {
    use bugle::card::{Brand, Raster, Settings, shrink};
    use bugle::model::picture::{Fit, Headline, Ratio};
    const TITLE: &str = "Azərbaycan Prezidenti Şuşada Beynəlxalq Muğam Festivalının açılışında iştirak edib";
    let fit = Fit { bytes: 1_000_000, side: 2000, crop: None, longest: 20 };
    let look = Settings::default();
    let card = Headline {
        title: TITLE.to_owned(),
        kicker: "Milli".to_owned(),
        name: "AzerNews".to_owned(),
        ratio: Ratio::Card,
        ground: look.ground,
        ink: look.ink,
        accent: look.accent,
        behind: Vec::new(),
    };
    let brand = Brand::plain("AzerNews");
    let photo = |width: u32, height: u32| -> Res<Vec<u8>> {
        let pixel = |x: u32, y: u32| image::Rgb([(x / 8 % 256) as u8, (y / 8 % 256) as u8, ((x * y) >> 12) as u8]);
        let mut file = std::io::Cursor::new(Vec::new());
        image::RgbImage::from_fn(width, height, pixel).write_to(&mut file, image::ImageFormat::Jpeg)?;
        Ok(file.into_inner())
    };
    let behind = bugle::card::backdrop(&photo(1600, 900)?, Ratio::Card)?;
    let median = |run: &dyn Fn() -> Res<usize>| -> Res<(f64, usize)> {
        let mut times = Vec::new();
        let mut size = run()?;
        for _ in 0..15 {
            let start = Instant::now();
            size = run()?;
            times.push(start.elapsed().as_secs_f64() * 1000.0);
        }
        times.sort_by(f64::total_cmp);
        Ok((times[times.len() / 2], size))
    };
    let made = |picture: Option<Raster>| brand.draw(&card, picture).map_err(Box::<dyn std::error::Error>::from);
    let (ms, size) = median(&|| Ok(made(None)?.png()?.len()))?;
    println!("cards   headline card, 1200 x 628, plain, as PNG           {ms:.1} ms, {size} bytes");
    let (ms, size) = median(&|| Ok(made(Some(behind.clone()))?.jpeg(&fit)?.bytes.len()))?;
    println!("        the same on a picture, as JPEG                     {ms:.1} ms, {size} bytes");
    let large = photo(8000, 5000)?;
    let me = std::process::id();
    // The peak of this process so far is forgotten, so that what follows shows by itself.
    std::fs::write("/proc/self/clear_refs", "5")?;
    let before = memory_mb(me, "VmRSS")?;
    let start = Instant::now();
    let jpeg = shrink(&large, &fit)?;
    let ms = start.elapsed().as_secs_f64() * 1000.0;
    let peak = memory_mb(me, "VmHWM")? - before;
    println!(
        "        a picture of 40 megapixels made fit                {ms:.0} ms, {} bytes, {peak:.0} MB more at its peak",
        jpeg.bytes.len()
    );
    Ok(())
}

/// What a publishing scenario came to.
struct Published {
    wall: f64,
    /// From the first post to the last, by the sink's clock.
    posting: f64,
    cpu: f64,
    peak_mb: f64,
    posts: u64,
    lost: i64,
    doubled: u64,
}

impl Published {
    fn verdict(&self) -> String {
        match (self.lost, self.doubled) {
            (0, 0) => format!("{} posted, 0 lost, 0 doubled", self.posts),
            (lost, doubled) => format!("VOID: {} posted, {lost} lost, {doubled} doubled", self.posts),
        }
    }
}

struct Idle {
    rss_mb: f64,
    first_ms: f64,
    polls_per_cpu: f64,
}

struct Bench {
    folder: tempfile::TempDir,
    bugle: PathBuf,
    sink: Mutex<Child>,
    address: SocketAddr,
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
    fn new() -> Res<Self> {
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
    fn bound(&self, connections: usize) -> Res<f64> {
        let own = std::env::current_exe()?;
        let out = pinned(1, &own).arg("bound").arg(self.address.to_string()).arg(connections.to_string()).output()?;
        Ok(String::from_utf8(out.stdout)?.trim().parse()?)
    }

    fn config(&self, name: &str, sources: usize, items: usize, accounts: usize, poll: &str) -> Res<PathBuf> {
        let address = self.address;
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("token"), "t")?;
        let mut text = format!(
            "[newsroom]\nname = \"bench\"\ntimezone = \"UTC\"\n[store]\nurl = \"sqlite:{0}/b.db\"\n\
             [web]\nlisten = \"127.0.0.1:0\"\n[network]\nallow_private = [\"{address}\"]\n[log]\nlevel = \"warn\"\n\
             [vault]\nkey = {{ file = \"{0}/key\" }}\n",
            folder.display()
        );
        std::fs::write(folder.join("key"), "00".repeat(32))?;
        for n in 0..sources {
            text += &format!(
                "[source.s{n}]\nurl = \"http://{address}/feed/{name}-{n}/{items}\"\npoll = \"{poll}\"\nstart = \"last {items}\"\n"
            );
        }
        for n in 0..accounts {
            std::fs::write(folder.join(format!("token{n}")), format!("{name}-{n}"))?;
            text += &format!(
                "[channel.c{n}]\nplatform = \"mastodon\"\nserver = \"http://{address}\"\ntoken = {{ file = \"{}/token{n}\" }}\n",
                folder.display()
            );
        }
        for n in 0..sources {
            text += &format!("[[route]]\nfrom = [\"s{n}\"]\nto = [\"c{}\"]\nurgency = \"evergreen\"\n", n % accounts);
        }
        let path = folder.join("bugle.toml");
        std::fs::write(&path, text)?;
        Ok(path)
    }

    fn start(&self, config: &Path) -> Res<Child> {
        let folder = config.parent().ok_or("a config lies in a folder")?;
        let log = std::fs::File::create(folder.join("log"))?;
        Ok(pinned(1, &self.bugle).arg("--config").arg(config).arg("run").stdout(Stdio::null()).stderr(log).spawn()?)
    }

    fn publish(&self, name: &str, sources: usize, items: usize, accounts: usize) -> Res<Published> {
        let config = self.config(name, sources, items, accounts, "every 1h")?;
        let wanted = (sources * items) as u64;
        let begun = Instant::now();
        let mut child = self.start(&config)?;
        let mut count = HashMap::new();
        while begun.elapsed() < PATIENCE {
            count = self.ask(&format!("/count/{name}"))?;
            if count.get("posts").copied().unwrap_or(0.0) as u64 >= wanted {
                break;
            }
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
        drop(count);
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

    fn idle(&self, name: &str, sources: usize) -> Res<Idle> {
        let config = self.config(name, sources, 30, 1, "every 5s")?;
        let text = std::fs::read_to_string(&config)?.replace("start = \"last 30\"", "start = \"from now\"");
        std::fs::write(&config, text)?;
        let mut child = self.start(&config)?;
        self.until(|| Ok(self.polls(name)? >= sources as f64))?;
        std::thread::sleep(Duration::from_secs(2));
        stop(&mut child)?;

        self.ask("/forget-first")?;
        let begun = epoch_ms();
        let mut child = self.start(&config)?;
        let before = self.polls(name)?;
        self.until(|| Ok(self.polls(name)? >= before + sources as f64))?;
        let first_ms = self.ask("/first")?.get("at").copied().unwrap_or(0.0) - begun;
        std::thread::sleep(Duration::from_secs(3));
        let (cpu, polls) = (cpu_seconds(child.id())?, self.polls(name)?);
        std::thread::sleep(Duration::from_secs(10));
        let (cpu, polls) = (cpu_seconds(child.id())? - cpu, self.polls(name)? - polls);
        let rss_mb = memory_mb(child.id(), "VmRSS")?;
        stop(&mut child)?;
        Ok(Idle { rss_mb, first_ms, polls_per_cpu: polls / cpu.max(0.01) })
    }

    fn polls(&self, name: &str) -> Res<f64> {
        Ok(self.ask(&format!("/polls/{name}"))?.get("polls").copied().unwrap_or(0.0))
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

    /// The sink's own numbers.
    fn ask(&self, path: &str) -> Res<HashMap<String, f64>> {
        let mut stream = TcpStream::connect(self.address)?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: sink\r\nconnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let body = text.split("\r\n\r\n").nth(1).unwrap_or("{}");
        Ok(serde_json::from_str(body)?)
    }
}

fn pinned(core: usize, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg(program);
    command
}

fn stop(child: &mut Child) -> Res<()> {
    Command::new("kill").arg(child.id().to_string()).status()?;
    child.wait()?;
    Ok(())
}

fn epoch_ms() -> f64 {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64() * 1000.0)
}

/// User and system time of a process. Source: proc(5), /proc/PID/stat, fields 14 and 15, in hundredths of a second.
fn cpu_seconds(pid: u32) -> Res<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let rest = text.rsplit(')').next().ok_or("stat has a name in brackets")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(ticks / 100.0)
}

fn memory_mb(pid: u32, key: &str) -> Res<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find(|line| line.starts_with(key)).ok_or("status names its memory")?;
    let kb: f64 = line.split_whitespace().nth(1).ok_or("a number of kB")?.parse()?;
    Ok(kb / 1024.0)
}

/// Durable commits of one small row each.
fn commit_bound(folder: &Path) -> Res<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let file = folder.join("bound.db");
    runtime.block_on(async {
        use sqlx::{Connection as _, Executor as _};
        sqlx::any::install_default_drivers();
        let url = format!("sqlite:{}?mode=rwc", file.display());
        let mut connection = sqlx::AnyConnection::connect(&url).await?;
        connection.execute("PRAGMA journal_mode = WAL").await?;
        connection.execute("PRAGMA synchronous = FULL").await?;
        connection.execute("CREATE TABLE t (a BIGINT, b TEXT)").await?;
        let begun = Instant::now();
        let mut n = 0u32;
        while begun.elapsed() < Duration::from_secs(2) {
            connection.execute("INSERT INTO t VALUES (1, 'a row of about the size of an attempt')").await?;
            n += 1;
        }
        Ok(f64::from(n) / begun.elapsed().as_secs_f64())
    })
}

/// Posts on keep-alive connections by a bare client.
fn post_bound(address: SocketAddr, connections: usize) -> Res<f64> {
    let count = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let threads: Vec<_> = (0..connections)
        .map(|_| {
            let count = count.clone();
            std::thread::spawn(move || -> std::io::Result<()> {
                let mut stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                let body = r#"{"status":"A headline of the usual length\nhttps://news.example/1","visibility":"public"}"#;
                let request = format!(
                    "POST /api/v1/bound HTTP/1.1\r\nhost: sink\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                let mut answer = [0u8; 4096];
                while begun.elapsed() < Duration::from_secs(2) {
                    stream.write_all(request.as_bytes())?;
                    if stream.read(&mut answer)? == 0 {
                        break;
                    }
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            })
        })
        .collect();
    for thread in threads {
        drop(thread.join());
    }
    Ok(count.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
}

// ---- the sink: a feed server and a Mastodon-like API that count -----------------------------------------------------

#[derive(Default)]
struct Counts {
    /// Account → link → how often.
    posts: HashMap<String, HashMap<String, u64>>,
    span: HashMap<String, (f64, f64)>,
    polls: HashMap<String, u64>,
    first: Option<f64>,
}

#[expect(clippy::print_stdout, reason = "tells its parent where it listens")]
fn sink() -> Res<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?);
    let counts: Arc<Mutex<Counts>> = Arc::default();
    for stream in listener.incoming() {
        let (stream, counts) = (stream?, counts.clone());
        std::thread::spawn(move || drop(connection(stream, &counts)));
    }
    Ok(())
}

fn connection(stream: TcpStream, counts: &Mutex<Counts>) -> Res<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split_whitespace().nth(1).unwrap_or("/").to_owned();
        let (mut length, mut token, mut fresh, mut close) = (0usize, String::new(), true, false);
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let header = header.trim();
            if header.is_empty() {
                break;
            }
            let (name, value) = header.split_once(':').unwrap_or((header, ""));
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse()?,
                "authorization" => token = value.trim().trim_start_matches("Bearer ").to_owned(),
                "if-none-match" => fresh = false,
                "connection" => close = value.trim().eq_ignore_ascii_case("close"),
                _ => {}
            }
        }
        let mut body = vec![0u8; length];
        reader.read_exact(&mut body)?;
        let answer = answer(&path, &token, fresh, &body, counts);
        writer.write_all(&answer)?;
        if close {
            return Ok(());
        }
    }
}

fn answer(path: &str, token: &str, fresh: bool, body: &[u8], counts: &Mutex<Counts>) -> Vec<u8> {
    let now = epoch_ms();
    let mut counts = counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let parts: Vec<&str> = path.trim_start_matches('/').split(['/', '?']).collect();
    match parts.as_slice() {
        ["feed", name, items, ..] => {
            counts.first.get_or_insert(now);
            let scenario = name.rsplit_once('-').map_or(*name, |(scenario, _)| scenario);
            *counts.polls.entry(scenario.to_owned()).or_default() += 1;
            if !fresh {
                return b"HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\ncontent-length: 0\r\n\r\n".to_vec();
            }
            reply("application/rss+xml\r\netag: \"1\"", &feed(name, items.parse().unwrap_or(1)))
        }
        ["api", "v1", "statuses"] => {
            let text = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
            let status = text["status"].as_str().unwrap_or_default();
            let link = status.split_whitespace().find(|word| word.starts_with("http")).unwrap_or_default().to_owned();
            let scenario = token.rsplit_once('-').map_or(token, |(scenario, _)| scenario).to_owned();
            *counts.posts.entry(scenario.clone()).or_default().entry(link).or_default() += 1;
            let span = counts.span.entry(scenario).or_insert((now, now));
            span.1 = now;
            let id = format!("{now}").replace('.', "");
            reply(
                "application/json",
                &format!(
                    r#"{{"id":"{id}","url":"http://sink.example/{id}","uri":"u","content":"","created_at":"2026-11-25T00:00:00Z","visibility":"public"}}"#
                ),
            )
        }
        ["api", "v1", "accounts", "verify_credentials"] => reply(
            "application/json",
            &format!(
                r#"{{"id":"{token}","acct":"{token}","username":"{token}","url":"http://sink.example/@a","source":{{}}}}"#
            ),
        ),
        ["api", "v2", "instance"] => reply(
            "application/json",
            r#"{"version":"4.5.0","configuration":{"statuses":{"max_characters":500,"characters_reserved_per_url":23}}}"#,
        ),
        ["count", scenario] => {
            let posts = counts.posts.get(*scenario);
            let total: u64 = posts.map_or(0, |links| links.values().sum());
            let links = posts.map_or(0, HashMap::len);
            let seconds = counts.span.get(*scenario).map_or(0.0, |(first, last)| (last - first) / 1000.0);
            reply("application/json", &format!(r#"{{"posts":{total},"links":{links},"seconds":{seconds}}}"#))
        }
        ["polls", scenario] => {
            let polls = counts.polls.get(*scenario).copied().unwrap_or(0);
            reply("application/json", &format!(r#"{{"polls":{polls}}}"#))
        }
        ["first"] => reply("application/json", &format!(r#"{{"at":{}}}"#, counts.first.unwrap_or(0.0))),
        ["forget-first"] => {
            counts.first = None;
            reply("application/json", "{}")
        }
        ["api", "v1", "bound"] => reply("application/json", r#"{"id":"1"}"#),
        _ => b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}".to_vec(),
    }
}

fn reply(content_type: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// Items of about 1.5 KB, dated within the last hours.
fn feed(name: &str, items: u32) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>Bench</title><link>https://news.example/</link>",
    );
    let now = epoch_ms() as i64 / 1000;
    for n in 0..items {
        let at = jiff::Timestamp::from_second(now - i64::from(n) * 20).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let date = at.strftime("%a, %d %b %Y %H:%M:%S GMT");
        text += &format!(
            "<item><title>Story {n} of {name}: parliament adopts the budget after a long debate</title>\
             <link>https://news.example/{name}/{n}</link><guid>https://news.example/{name}/{n}</guid>\
             <pubDate>{date}</pubDate><category>Nation</category><category>Economy</category>\
             <description>{}</description></item>",
            "The debate took all night and ended with a vote. ".repeat(20)
        );
    }
    text + "</channel></rss>"
}
