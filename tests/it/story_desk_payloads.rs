//! A thousand payloads through every field of a feed, onto every page of the desk: none of them becomes anything but words.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;

use bugle::clock::{Clock as _, SystemClock};
use scraper::{Html, Selector};
use url::Url;

use crate::fakes::fault::http_date;
use crate::fakes::feed::FakeFeed;
use crate::harness::{Newsroom, until};
use crate::payloads;
use crate::wire::Ask;

/// How many pages of one kind are looked at. Ours: every article has its own.
const OF_A_KIND: usize = 1_000;

fn xml(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    // XML has no place for most controls.
    text.chars().filter(|c| !c.is_control() || matches!(c, '\t' | '\n')).collect()
}

/// A feed with a payload in every field of every item.
fn feed(payloads: &[(String, String)]) -> String {
    let now = SystemClock::new().now();
    let mut items = String::new();
    for (n, (mark, payload)) in payloads.iter().enumerate() {
        let at = now - jiff::SignedDuration::from_secs(i64::try_from(n).expect("a thousand") + 1);
        let text = xml(payload);
        let in_url: String = url::form_urlencoded::byte_serialize(payload.as_bytes()).collect();
        // Each third one leads to where nothing should lead.
        let link = match n % 3 {
            0 => format!("https://newsroom.example/{mark}?q={in_url}"),
            1 => format!("https://newsroom.example/{mark}\"&gt;{text}"),
            _ => format!("javascript:alert('{mark}')//{text}"),
        };
        write!(
            items,
            "<item><title>seen-{mark} {text}</title><link>{link}</link><guid isPermaLink=\"false\">{mark}{text}</guid>\
             <pubDate>{}</pubDate><description>{text}</description><content:encoded>{text}</content:encoded>\
             <author>{text}</author><dc:creator>{text}</dc:creator><category>{text}</category>\
             <category domain=\"{text}\">{mark}</category><comments>{text}</comments><dc:language>{text}</dc:language>\
             <enclosure url=\"https://newsroom.example/{mark}.jpg?{in_url}\" type=\"image/jpeg\" length=\"1\"/>\
             <media:content url=\"https://newsroom.example/m{mark}.jpg\" medium=\"image\"><media:title>{text}</media:title>\
             <media:description>{text}</media:description><media:credit>{text}</media:credit></media:content></item>",
            http_date(at)
        )
        .expect("a text grows");
    }
    format!(
        "<?xml version=\"1.0\"?><rss version=\"2.0\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:media=\"http://search.yahoo.com/mrss/\"><channel>\
         <title>{0}</title><link>https://newsroom.example/</link><description>{0}</description><language>en</language>\
         {items}</channel></rss>",
        xml(&payloads[0].1)
    )
}

/// Pages of one kind have one name: what stands behind the second slash is a thing's own.
fn kind(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    path.split('/').take(2).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn a_thousand_payloads_through_every_field_run_on_no_page() {
    let all = payloads::all();
    let fake = FakeFeed::start();
    fake.feed("/one", &feed(&all[..500]));
    fake.feed("/two", &feed(&all[500..]));
    let newsroom = Newsroom::new("payloads")
        .source("one", &fake.at("/one"), "last 500")
        .source("two", &fake.at("/two"), "last 500")
        .timeline("wall", "x")
        .timeline("blue", "bluesky")
        .route("from = [\"one\", \"two\"]\nto = [\"wall\"]")
        .route("from = [\"one\", \"two\"]\nto = [\"blue\"]\napprove = true");
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    until("all articles are in", async || books.articles().await >= 1_000).await;
    books.wait_for("wall", "published", 50).await;

    let base = Url::parse(&format!("{}/", bugle.address())).unwrap();
    let cookies = bugle.desk().await.cookies(&bugle.address());
    let marks = regex::Regex::new(r"(seen-|&#39;|/)(xss\d{4})").unwrap();
    let links = Selector::parse("a[href]").unwrap();
    let mut waiting: VecDeque<String> =
        ["/", "/articles", "/sources", "/channels", "/account", "/account/totp", "/people", "/sign-in", "/none"]
            .map(str::to_owned)
            .into();
    {
        let mut conn = books.0.read().await.unwrap();
        let ids: Vec<String> = sqlx::query_scalar("SELECT id FROM article").fetch_all(&mut *conn).await.unwrap();
        waiting.extend(ids.iter().map(|id| format!("/articles/{id}")));
    }
    let mut known: BTreeSet<String> = waiting.iter().cloned().collect();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let (mut faults, mut seen, mut alive) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    while let Some(path) = waiting.pop_front() {
        let count = kinds.entry(kind(&path)).or_default();
        if *count > OF_A_KIND {
            continue;
        }
        *count += 1;
        let at = base.join(&path).unwrap();
        let answer = Ask::get(at.as_str()).header("Cookie", cookies.as_str()).send().await.unwrap();
        let policy = answer.header("content-security-policy").unwrap_or_default().to_owned();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        if !answer.header("content-type").unwrap_or_default().starts_with("text/html") {
            continue;
        }
        assert!(answer.status == 200 || path == "/none", "{path}: {}", answer.status);
        let page = answer.text();
        faults.extend(payloads::faults(&page, at.as_str()).into_iter().map(|fault| format!("{path}: {fault}")));
        for found in marks.captures_iter(&page) {
            let whose = if &found[1] == "seen-" { &mut seen } else { &mut alive };
            whose.insert(found[2].to_owned());
        }
        for link in Html::parse_document(&page).select(&links) {
            let Ok(to) = at.join(link.attr("href").unwrap_or_default()) else { continue };
            let to = &to[url::Position::BeforePath..url::Position::AfterQuery];
            let is_ours = at.join(to).is_ok_and(|url| url.origin() == base.origin());
            if link.attr("href").is_some_and(|it| it.starts_with('/')) && is_ours && known.insert(to.to_owned()) {
                waiting.push_back(to.to_owned());
            }
        }
    }
    assert_eq!(faults, [""; 0], "{} pages: {kinds:?}", kinds.values().sum::<usize>());
    // The pages did show them: as words.
    assert_eq!(seen.len(), 1_000, "{kinds:?}");
    assert!(alive.len() >= 500, "{} of the payloads are to be read on a page", alive.len());
    assert!(kinds.len() >= 5, "{kinds:?}");
}
