//! The sink: a feed server and a Mastodon-like API in a process of their own that count and take the times.
//!
//! `/feed/NAME-N/ITEMS` has validators; `/plain/…` has none and always the same body; `/stir/…` has the same items in a
//! body that always differs; `/live/NAME` has what `/publish/NAME/ID` put up; `/hang` and `/huge` misbehave.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::Res;
use crate::machine::epoch_ms;

#[derive(Default)]
struct Counts {
    /// Account → link → how often.
    posts: HashMap<String, HashMap<String, u64>>,
    span: HashMap<String, (f64, f64)>,
    polls: HashMap<String, u64>,
    /// Bytes of bodies that polls got.
    bytes: HashMap<String, u64>,
    /// Polls that asked for compression.
    coded: u64,
    first: Option<f64>,
    /// Bodies that are the same each time.
    bodies: HashMap<String, Arc<Vec<u8>>>,
    /// Live feeds: id, when it was put up, when it was first fetched, when its post came.
    live: HashMap<String, Vec<Live>>,
    stirred: u64,
}

#[derive(Clone)]
struct Live {
    id: String,
    up: f64,
    fetched: Option<f64>,
    posted: Option<f64>,
}

/// Serves until it is killed.
#[expect(clippy::print_stdout, reason = "tells its parent where it listens")]
pub fn serve() -> Res<()> {
    // Every loopback address is a host of its own.
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    println!("127.0.0.1:{}", listener.local_addr()?.port());
    let counts: Arc<Mutex<Counts>> = Arc::default();
    for stream in listener.incoming() {
        let (stream, counts) = (stream?, counts.clone());
        std::thread::spawn(move || drop(connection(stream, &counts)));
    }
    Ok(())
}

struct Request {
    path: String,
    token: String,
    fresh: bool,
    coded: bool,
    body: Vec<u8>,
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
        let mut request = Request { path, token: String::new(), fresh: true, coded: false, body: Vec::new() };
        let (mut length, mut close) = (0usize, false);
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
                "authorization" => request.token = value.trim().trim_start_matches("Bearer ").to_owned(),
                "if-none-match" => request.fresh = false,
                "accept-encoding" => request.coded = value.contains("gzip"),
                "connection" => close = value.trim().eq_ignore_ascii_case("close"),
                _ => {}
            }
        }
        request.body.resize(length, 0);
        reader.read_exact(&mut request.body)?;
        if request.path == "/hang" {
            std::thread::sleep(Duration::from_secs(30));
            return Ok(());
        }
        if request.path == "/huge" {
            return huge(&mut writer);
        }
        let answer = answer(&request, counts);
        writer.write_all(&answer)?;
        if close {
            return Ok(());
        }
    }
}

/// 50 MB of a feed that says nothing of its length.
fn huge(writer: &mut TcpStream) -> Res<()> {
    writer.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/rss+xml\r\nconnection: close\r\n\r\n<rss><channel>",
    )?;
    let item = b"<item><title>One of very many</title><guid>x</guid></item>\n".repeat(1_000);
    for _ in 0..50_000_000 / item.len() {
        writer.write_all(&item)?;
    }
    Ok(())
}

fn answer(request: &Request, counts: &Mutex<Counts>) -> Vec<u8> {
    let now = epoch_ms();
    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    let parts: Vec<&str> = request.path.trim_start_matches('/').split(['/', '?']).collect();
    match parts.as_slice() {
        [kind @ ("feed" | "plain" | "stir"), name, items, ..] => {
            counts.first.get_or_insert(now);
            let scenario = name.rsplit_once('-').map_or(*name, |(scenario, _)| scenario).to_owned();
            *counts.polls.entry(scenario.clone()).or_default() += 1;
            counts.coded += u64::from(request.coded);
            if *kind == "feed" && !request.fresh {
                return b"HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\ncontent-length: 0\r\n\r\n".to_vec();
            }
            let body = match counts.bodies.get(*name) {
                Some(body) => body.clone(),
                None => {
                    let body = Arc::new(feed(name, items.parse().unwrap_or(1)).into_bytes());
                    counts.bodies.insert((*name).to_owned(), body.clone());
                    body
                }
            };
            *counts.bytes.entry(scenario).or_default() += body.len() as u64;
            counts.stirred += 1;
            let stir = if *kind == "stir" { format!("<!-- {} -->", counts.stirred) } else { String::new() };
            drop(counts);
            let etag = if *kind == "feed" { "\r\netag: \"1\"" } else { "" };
            bytes(&format!("application/rss+xml{etag}"), &[body.as_slice(), stir.as_bytes()])
        }
        ["live", name] => {
            *counts.polls.entry((*name).to_owned()).or_default() += 1;
            let items = counts.live.entry((*name).to_owned()).or_default();
            for item in items.iter_mut().filter(|item| item.fetched.is_none()) {
                item.fetched = Some(now);
            }
            let text = live(name, items);
            reply("application/rss+xml", &text)
        }
        ["publish", name, id] => {
            let item = Live { id: (*id).to_owned(), up: now, fetched: None, posted: None };
            counts.live.entry((*name).to_owned()).or_default().push(item);
            reply("application/json", "{}")
        }
        ["times", name] => {
            let items = counts.live.get(*name).cloned().unwrap_or_default();
            let done: Vec<(f64, f64)> =
                items.iter().filter_map(|it| Some((it.posted? - it.up, it.posted? - it.fetched?))).collect();
            let text: Vec<String> = done.iter().map(|(all, own)| format!("[{all},{own}]")).collect();
            reply("application/json", &format!("[{}]", text.join(",")))
        }
        ["api", "v1", "statuses"] => {
            let text = serde_json::from_slice::<serde_json::Value>(&request.body).unwrap_or_default();
            let status = text["status"].as_str().unwrap_or_default();
            let link = status.split_whitespace().find(|word| word.starts_with("http")).unwrap_or_default().to_owned();
            let scenario = request.token.rsplit_once('-').map_or(request.token.as_str(), |(it, _)| it).to_owned();
            for item in counts.live.values_mut().flatten().filter(|item| item.posted.is_none()) {
                if link.ends_with(&format!("/{}", item.id)) {
                    item.posted = Some(now);
                }
            }
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
        ["api", "v1", "accounts", "verify_credentials"] => {
            let token = &request.token;
            reply(
                "application/json",
                &format!(
                    r#"{{"id":"{token}","acct":"{token}","username":"{token}","url":"http://sink.example/@a","source":{{}}}}"#
                ),
            )
        }
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
            let bytes = counts.bytes.get(*scenario).copied().unwrap_or(0);
            let coded = counts.coded;
            reply("application/json", &format!(r#"{{"polls":{polls},"bytes":{bytes},"coded":{coded}}}"#))
        }
        ["first"] => reply("application/json", &format!(r#"{{"at":{}}}"#, counts.first.unwrap_or(0.0))),
        ["forget-first"] => {
            counts.first = None;
            counts.coded = 0;
            reply("application/json", "{}")
        }
        ["api", "v1", "bound"] => reply("application/json", r#"{"id":"1"}"#),
        _ => b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}".to_vec(),
    }
}

fn reply(content_type: &str, body: &str) -> Vec<u8> {
    bytes(content_type, &[body.as_bytes()])
}

fn bytes(content_type: &str, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n");
    [&[head.as_bytes()], parts].concat().concat()
}

fn date(seconds: i64) -> String {
    let at = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

const HEAD: &str =
    "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>Bench</title><link>https://news.example/</link>";

/// Items of about 1.5 KB, dated within the last hours.
fn feed(name: &str, items: u32) -> String {
    let mut text = String::from(HEAD);
    let now = epoch_ms() as i64 / 1000;
    for n in 0..items {
        text += &format!(
            "<item><title>Story {n} of {name}: parliament adopts the budget after a long debate</title>\
             <link>https://news.example/{name}/{n}</link><guid>https://news.example/{name}/{n}</guid>\
             <pubDate>{}</pubDate><category>Nation</category><category>Economy</category>\
             <description>{}</description></item>",
            date(now - i64::from(n) * 20),
            "The debate took all night and ended with a vote. ".repeat(20)
        );
    }
    text + "</channel></rss>"
}

/// The newest 30 of a live feed.
fn live(name: &str, items: &[Live]) -> String {
    let mut text = String::from(HEAD);
    for item in items.iter().rev().take(30) {
        let id = &item.id;
        text += &format!(
            "<item><title>Story {id} of {name}</title><link>https://news.example/{name}/{id}</link>\
             <guid>https://news.example/{name}/{id}</guid><pubDate>{}</pubDate></item>",
            date(item.up as i64 / 1000)
        );
    }
    text + "</channel></rss>"
}
