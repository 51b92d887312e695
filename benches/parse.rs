//! `cargo bench --bench parse`: how fast feeds are read, beside `feed-rs`, on feeds made here of 30, 300 and 3,000 items.
//! Called as `parse read`, it reads the files that standard input names instead and prints what both readers make of
//! them, one JSON object a line; called as `parse plain`, it turns HTML into the plain text Bugle keeps, as `parse dates`,
//! texts into instants. These are for `scripts/corpus.py`.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's time")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{BufRead as _, Write as _};
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use bugle::source::{entry, feed};
use serde_json::{Value, json};
use url::Url;

type Res<T> = Result<T, Box<dyn std::error::Error>>;

/// How long one reader is measured on one feed.
const SPAN: Duration = Duration::from_secs(2);

fn main() -> Res<()> {
    match std::env::args().nth(1).as_deref() {
        Some("read") => over_lines(read),
        Some("plain") => over_lines(plain),
        Some("dates") => over_lines(date),
        _ => speed(),
    }
}

/// Answers each line of JSON with another.
fn over_lines(answer: fn(&Value) -> Res<Value>) -> Res<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answered = answer(&serde_json::from_str(&line?)?)?;
        writeln!(out, "{answered}")?;
    }
    Ok(())
}

/// `{"file", "type", "base"}` -> what both readers make of the file.
fn read(asked: &Value) -> Res<Value> {
    let file = asked["file"].as_str().ok_or("a line needs a file")?;
    let base: Url = asked["base"].as_str().unwrap_or("https://corpus.example/feed").parse()?;
    let bytes = std::fs::read(file)?;
    let ours = match feed::read(&bytes, asked["type"].as_str(), &base) {
        Ok(feed) => json!({
            "title": feed.title, "language": feed.language, "dropped": feed.dropped,
            "ttl": feed.ttl.map(|ttl| ttl.as_secs()), "hubs": feed.hubs, "own": feed.own,
            "skip_hours": feed.skip_hours, "skip_days": feed.skip_days,
            "tombstones": feed.tombstones.iter().map(|t| &t.guid).collect::<Vec<_>>(),
            "entries": feed.entries.iter().map(whole).collect::<Vec<_>>(),
        }),
        Err(error) => json!({ "error": error.to_string() }),
    };
    let parser = feed_rs::parser::Builder::new().base_uri(Some(base.as_str())).id_generator(|_, _, _| String::new());
    // It panics on some encodings: that is an answer, too.
    let parsed = std::panic::catch_unwind(AssertUnwindSafe(|| parser.build().parse(bytes.as_slice())));
    let theirs = match parsed.map_err(|_| "it panicked".to_owned()).and_then(|read| read.map_err(|e| e.to_string())) {
        Ok(feed) => json!({
            "title": feed.title.map(|t| t.content), "language": feed.language,
            "entries": feed.entries.iter().map(|entry| json!({
                "id": entry.id,
                "title": entry.title.as_ref().map(|t| &t.content),
                "link": entry.links.first().map(|l| &l.href),
                "published": entry.published.map(|t| t.timestamp()),
                "updated": entry.updated.map(|t| t.timestamp()),
                "authors": entry.authors.iter().map(|a| &a.name).collect::<Vec<_>>(),
                "categories": entry.categories.iter().map(|c| c.label.as_ref().unwrap_or(&c.term)).collect::<Vec<_>>(),
                "summary": entry.summary.as_ref().map(|s| &s.content),
                "content": entry.content.as_ref().and_then(|c| c.body.as_ref()),
            })).collect::<Vec<_>>(),
        }),
        Err(error) => json!({ "error": error }),
    };
    Ok(json!({ "file": file, "ours": ours, "theirs": theirs }))
}

/// An entry as `bugle parse` prints it, with its pictures in full.
fn whole(one: &bugle::model::article::Entry) -> Value {
    let mut value = entry::to_json(one);
    value["image"] = json!(one.image);
    value["pictures"] = json!(one.pictures);
    value["keywords"] = json!(one.keywords);
    value
}

/// A text of HTML -> its line and its paragraphs.
fn plain(html: &Value) -> Res<Value> {
    let html = html.as_str().ok_or("a line is one text")?;
    Ok(json!([bugle::text::plain::title(html), bugle::text::plain::paragraphs(html)]))
}

/// A date as it is read, in UTC.
fn date(text: &Value) -> Res<Value> {
    let text = text.as_str().ok_or("a line is one text")?;
    Ok(json!(bugle::source::date::read(text, &jiff::tz::TimeZone::UTC)))
}

#[expect(clippy::print_stdout, reason = "a report for a terminal")]
fn speed() -> Res<()> {
    let base: Url = "https://made.example/feed.xml".parse()?;
    println!("{:<14} {:>9} {:>12} {:>12} {:>7}", "feed", "KB", "ours MB/s", "feed-rs MB/s", "ratio");
    for (kind, make) in [("RSS", rss as fn(usize) -> String), ("Atom", atom), ("JSON Feed", json_feed)] {
        for items in [30, 300, 3_000] {
            let text = make(items);
            let kept = feed::read(text.as_bytes(), None, &base)?.entries.len();
            if kept != items.min(feed::MAX_KEPT) {
                return Err(format!("{kept} of {items} items were read").into());
            }
            let rate = |one: &dyn Fn()| {
                one();
                let (start, mut runs) = (Instant::now(), 0u32);
                while start.elapsed() < SPAN {
                    one();
                    runs += 1;
                }
                text.len() as f64 * f64::from(runs) / start.elapsed().as_secs_f64() / 1e6
            };
            let ours = rate(&|| {
                black_box(feed::read(text.as_bytes(), None, &base).is_ok());
            });
            let theirs = rate(&|| {
                black_box(feed_rs::parser::parse(text.as_bytes()).is_ok());
            });
            let name = format!("{kind} {items}");
            println!("{name:<14} {:>9.0} {ours:>12.1} {theirs:>12.1} {:>7.2}", text.len() as f64 / 1e3, ours / theirs);
        }
    }
    Ok(())
}

/// What a newsroom's item carries, about 1.5 KB of it text.
fn body(n: usize) -> String {
    let mut out = String::new();
    for p in 0..4 {
        let _ = write!(
            out,
            "<p>Paragraph {p} of story {n}: the council said on Wednesday that the <b>bridge</b> over the river would be \
             closed for six weeks &amp; that <a href=\"/roads/{n}?a=1&amp;b=2\">another road</a> would be opened. \
             «Nobody has to wait», it said – in short, the ferry sails.</p>"
        );
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn rss(items: usize) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><rss version=\"2.0\" \
         xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
         xmlns:media=\"http://search.yahoo.com/mrss/\"><channel><title>Made</title><link>https://made.example/</link>\
         <language>en</language><ttl>15</ttl>",
    );
    for n in 0..items {
        let _ = write!(
            out,
            "<item><title>Story {n} &amp; what came of it</title><link>https://made.example/story/{n}</link>\
             <guid isPermaLink=\"false\">made-{n}</guid><pubDate>Wed, 25 Nov 2026 {:02}:{:02}:00 +0400</pubDate>\
             <dc:creator><![CDATA[Reporter {}]]></dc:creator><category>City</category><category>Roads</category>\
             <description>{}</description><content:encoded><![CDATA[{}]]></content:encoded>\
             <media:content url=\"https://made.example/{n}.jpg\" type=\"image/jpeg\" width=\"1200\" height=\"800\">\
             <media:description>Picture {n}</media:description></media:content></item>",
            n / 60 % 24,
            n % 60,
            n % 7,
            escaped("<p>The bridge is closed &amp; the ferry sails.</p>"),
            body(n)
        );
    }
    out + "</channel></rss>"
}

fn atom(items: usize) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"en\">\
         <title>Made</title><id>urn:made</id><updated>2026-11-25T09:30:00Z</updated>\
         <link href=\"https://made.example/\"/><author><name>Desk</name></author>",
    );
    for n in 0..items {
        let _ = write!(
            out,
            "<entry><title type=\"html\">Story {n} &amp;amp; what came of it</title><id>urn:made:{n}</id>\
             <link rel=\"alternate\" href=\"https://made.example/story/{n}\"/>\
             <published>2026-11-25T{:02}:{:02}:00+04:00</published><updated>2026-11-25T23:00:00Z</updated>\
             <category term=\"city\" label=\"City\"/><summary>The bridge is closed &amp; the ferry sails.</summary>\
             <content type=\"html\">{}</content></entry>",
            n / 60 % 24,
            n % 60,
            escaped(&body(n))
        );
    }
    out + "</feed>"
}

fn json_feed(items: usize) -> String {
    let items: Vec<Value> = (0..items)
        .map(|n| {
            json!({
                "id": format!("made-{n}"), "url": format!("https://made.example/story/{n}"),
                "title": format!("Story {n} & what came of it"), "content_html": body(n),
                "summary": "The bridge is closed & the ferry sails.", "image": format!("https://made.example/{n}.jpg"),
                "date_published": format!("2026-11-25T{:02}:{:02}:00+04:00", n / 60 % 24, n % 60),
                "authors": [{ "name": "Reporter" }], "tags": ["City", "Roads"],
            })
        })
        .collect();
    json!({
        "version": "https://jsonfeed.org/version/1.1", "title": "Made", "home_page_url": "https://made.example/",
        "language": "en", "items": items,
    })
    .to_string()
}
