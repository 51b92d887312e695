//! Live pages over a real listener and a real store: what is told, when, to whom; answers shared by many pages; the
//! pause that every page shows. What the script does with it is tested in a browser (`tests/it/story_desk_browser.rs`).

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Readiness;
use super::tests::{Answer, Desk};
use crate::clock::Clock as _;
use crate::model::notice::{Level, Notice};
use crate::store::{Store, job, meta, notice, source};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A page that listens.
struct Ear {
    stream: TcpStream,
    heard: String,
}

impl Ear {
    async fn open(desk: &Desk, query: &str, last: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(desk.at).await.unwrap();
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let request = format!(
            "GET /live{query} HTTP/1.1\r\nHost: localhost\r\nCookie: bugle-session={}\r\n{last}\r\n",
            desk.session
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut ear = Self { stream, heard: String::new() };
        ear.until("retry: 3000").await;
        ear
    }

    /// Reads until that is heard; gives what came up to there, and forgets it.
    async fn until(&mut self, words: &str) -> String {
        let read = async {
            while !self.heard.contains(words) {
                let mut bytes = [0; 1024];
                let n = self.stream.read(&mut bytes).await.unwrap();
                assert!(n > 0, "it ended; heard {:?}", self.heard);
                self.heard.push_str(std::str::from_utf8(&bytes[..n]).unwrap());
            }
        };
        let came = tokio::time::timeout(PATIENCE, read).await;
        assert!(came.is_ok(), "{words:?} never came; heard {:?}", self.heard);
        let end = self.heard.find(words).unwrap() + words.len();
        self.heard.drain(..end).collect()
    }

    /// The topics of the next event, and its id.
    async fn event(&mut self) -> (String, String) {
        // The greeting and the lines that keep a connection open are no events.
        let text = loop {
            let text = self.until("\n\n").await;
            if text.contains("event: changed") {
                break text;
            }
        };
        let line = |name: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(name));
            found.unwrap_or_else(|| panic!("no {name} in {text:?}")).to_owned()
        };
        (line("data: "), line("id: "))
    }
}

async fn raise(desk: &Desk, text: &str) {
    let (now, notice) = (desk.clock.now(), Notice::new(Level::Warn, "k", text));
    let work = job(move |conn| Box::pin(async move { notice::raise(conn, &notice, now).await }));
    desk.store.write(work).await.unwrap();
}

async fn poll(desk: &Desk) {
    let now = desk.clock.now();
    let work = job(move |conn| Box::pin(async move { source::unchanged(conn, "news", now, now).await }));
    desk.store.write(work).await.unwrap();
}

async fn beat(desk: &Desk) {
    let now = desk.clock.now();
    let work = job(move |conn| Box::pin(async move { meta::set_instant(conn, meta::HEARTBEAT, now).await }));
    desk.store.write(work).await.unwrap();
}

async fn part(desk: &Desk, path: &str, cookie: &str) -> Answer {
    desk.send(&format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nBugle-Part: 1\r\nCookie: bugle-session={}; {cookie}\r\n\
         Connection: close\r\n\r\n",
        desk.session
    ))
    .await
}

/// The mark in a page's body.
fn mark(page: &str) -> String {
    let (_, rest) = page.split_once("data-since=\"").expect("every page carries its mark");
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn what_changed_is_told_by_topic_and_nothing_else_is() {
    let desk = Desk::open("127.0.0.1").await;
    desk.ready.send_replace(Readiness::Ready);
    let since = mark(&desk.get("/").await.body);
    let mut ear = Ear::open(&desk, &format!("?since={since}"), None).await;
    beat(&desk).await;
    poll(&desk).await;
    let (topics, id) = ear.event().await;
    assert_eq!(topics, "sources", "a heartbeat is no news");
    raise(&desk, "one").await;
    assert_eq!(ear.event().await.0, "notices");

    // A page that was built before, and a browser that comes back, miss nothing; one that has just come, neither.
    let mut late = Ear::open(&desk, &format!("?since={since}"), None).await;
    assert_eq!(late.event().await.0, "sources notices");
    let mut back = Ear::open(&desk, &format!("?since={since}"), Some(&id)).await;
    assert_eq!(back.event().await.0, "notices", "the browser's own mark counts");
    let mut lost = Ear::open(&desk, "?since=0123456789ab-7", None).await;
    assert_eq!(lost.event().await.0, "posts articles channels sources notices", "a mark of another run");
    let mut new = Ear::open(&desk, "", None).await;
    poll(&desk).await;
    assert_eq!(new.event().await.0, "sources");
}

#[tokio::test]
async fn a_burst_is_told_at_once_and_then_once_a_second() {
    let desk = Desk::open("127.0.0.1").await;
    desk.ready.send_replace(Readiness::Ready);
    let mut ear = Ear::open(&desk, "", None).await;
    let began = tokio::time::Instant::now();
    for n in 0..50 {
        raise(&desk, &n.to_string()).await;
        poll(&desk).await;
    }
    raise(&desk, "last").await;
    let mut ids = Vec::new();
    let last = desk.store.changes().borrow().number();
    loop {
        let (_, id) = ear.event().await;
        let number: u64 = id.rsplit('-').next().unwrap().parse().unwrap();
        ids.push(id);
        if number >= last {
            break;
        }
    }
    let most = 2 + usize::try_from(began.elapsed().as_secs()).unwrap();
    assert!(ids.len() <= most, "{ids:?}: one at once and one a second");
}

#[tokio::test]
async fn what_another_process_does_is_told_too() {
    let desk = Desk::open("127.0.0.1").await;
    let everything = "posts articles channels sources notices";
    desk.ready.send_replace(Readiness::Ready);
    let mut ear = Ear::open(&desk, "", None).await;
    let other = Store::open(desk.store.url()).await.unwrap();
    other.write(job(|conn| Box::pin(async move { meta::touch(conn).await }))).await.unwrap();
    assert_eq!(ear.event().await.0, everything, "the command line leaves a mark");
    // What an act of this process's own leaves is no other's.
    desk.store.write(job(|conn| Box::pin(async move { meta::touch(conn).await }))).await.unwrap();
    poll(&desk).await;
    assert_eq!(ear.event().await.0, "sources");

    // A standby asks for what the process that publishes writes, which leaves no mark.
    desk.ready.send_replace(Readiness::Standby);
    let now = desk.clock.now();
    for n in 0..2 {
        // The first is told by that alone that it asks in another way from now on.
        let notice = Notice::new(Level::Warn, "k", n.to_string());
        other.write(job(move |conn| Box::pin(async move { notice::raise(conn, &notice, now).await }))).await.unwrap();
        assert_eq!(ear.event().await.0, everything, "{n}");
    }
}

#[tokio::test]
async fn listeners_are_counted_and_end_with_the_service() {
    let desk = Desk::open("127.0.0.1").await;
    let mut ears = Vec::new();
    for _ in 0..250 {
        ears.push(Ear::open(&desk, "", None).await);
    }
    let refused = desk.get("/live").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("60")));
    ears.truncate(1);
    let free = async {
        loop {
            let answer = desk.ask("HEAD", "/live", "localhost").await;
            if answer.status == 200 {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let answer = tokio::time::timeout(PATIENCE, free).await.expect("places become free again");
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    desk.close().await;
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, ears[0].stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the stream ends with the service");
}

#[tokio::test]
async fn pages_of_a_kind_share_one_rendering_until_something_changes() {
    let desk = Desk::open("127.0.0.1").await;
    raise(&desk, "the first").await;
    let said = "bugle-said=ok..Approved";
    let first = part(&desk, "/", said).await;
    assert_eq!((first.status, first.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(first.body.contains("The first") && !first.body.contains("Approved"), "{}", first.body);
    assert_eq!(first.header("set-cookie"), None, "what is said stays for the page that shows it");

    // Written without a mark, as nothing in Bugle does: only a rendering would see it.
    let sql = "UPDATE notice SET text = 'behind the back'";
    let work = job(move |conn| Box::pin(async move { Ok(sqlx::query(sql).execute(conn).await.map(drop)?) }));
    desk.store.write(work).await.unwrap();
    assert!(part(&desk, "/", "").await.body.contains("The first"), "the same rendering");
    assert!(part(&desk, "/?x=1", "").await.body.contains("Behind the back"), "another address, another page");
    assert!(desk.get("/").await.body.contains("Behind the back"), "a person who loads a page gets it built");
    raise(&desk, "the second").await;
    assert!(part(&desk, "/", "").await.body.contains("The second"));

    let sql = "UPDATE notice SET text = 'long ago'";
    let work = job(move |conn| Box::pin(async move { Ok(sqlx::query(sql).execute(conn).await.map(drop)?) }));
    desk.store.write(work).await.unwrap();
    desk.clock.advance(jiff::SignedDuration::from_secs(20));
    assert!(part(&desk, "/", "").await.body.contains("Long ago"), "times on a page grow old");
}

/// Sends a form by hand.
async fn post(desk: &Desk, path: &str, body: &str) -> Answer {
    desk.send(&format!(
        "POST {path} HTTP/1.1\r\nHost: {0}\r\nOrigin: http://{0}\r\nSec-Fetch-Site: same-origin\r\nCookie: bugle-session={2}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {1}\r\nConnection: close\r\n\r\n{body}",
        desk.at,
        body.len(),
        desk.session
    ))
    .await
}

#[tokio::test]
async fn everything_can_be_paused_from_every_page_and_every_page_says_so() {
    let desk = Desk::open("127.0.0.1").await;
    desk.fill().await;
    for path in ["/", "/articles", "/articles/a1", "/sources", "/channels", "/timelines/trial", "/none"] {
        let page = desk.get(path).await.body;
        assert!(page.contains("action=\"/pause\"") && !page.contains("Everything is paused"), "{path}");
    }
    let done = post(&desk, "/pause", "why=%3Cb%3Ebridge&lasts=2h&back=%2Fsources").await;
    assert_eq!((done.status, done.header("location")), (303, Some("/sources")));
    assert!(done.header("set-cookie").unwrap().contains("Everything%20is%20paused%20until%2016%3A00"));
    for path in ["/", "/articles", "/sources", "/none"] {
        let page = desk.get(path).await.body;
        assert!(page.contains("Everything is paused") && page.contains("&#60;b&#62;bridge"), "{path}: {page}");
        assert!(!page.contains("action=\"/pause\"") && page.contains("href=\"/resume\""), "{path}");
    }
    // A pause with an end is over by itself.
    desk.clock.advance(jiff::SignedDuration::from_hours(3));
    assert!(!desk.get("/").await.body.contains("Everything is paused"));

    // One that the command line makes is seen as well; what cannot be is said.
    let (now, other) = (desk.clock.now(), Store::open(desk.store.url()).await.unwrap());
    let hand = crate::publish::actions::Hand { name: "ana".to_owned(), now };
    let scope = crate::model::channel::PauseScope::All;
    crate::publish::actions::pause(&other, &hand, scope, "", None).await.unwrap();
    assert!(desk.get("/").await.body.contains("until a person resumes, by <bdi>ana</bdi>"));
    for (body, words) in [
        ("channel=none", "There%20is%20no%20such%20channel"),
        ("lasts=soon", "Not%20paused"),
        ("until=2020-01-01T00%3A00", "in%20the%20past"),
    ] {
        let refused = post(&desk, "/pause", body).await;
        assert_eq!(refused.status, 303, "{body}");
        assert!(refused.header("set-cookie").unwrap().contains(words), "{body}: {:?}", refused.header("set-cookie"));
    }
    // Nothing is resumed where nothing is published.
    assert_eq!(post(&desk, "/resume", "").await.status, 503);
}

#[tokio::test]
async fn what_resuming_will_do_is_shown_first() {
    let desk = Desk::open("127.0.0.1").await;
    desk.fill().await;
    let none = desk.get("/resume").await.body;
    assert!(none.contains("Nothing is paused as a whole"), "{none}");
    // The one scheduled post is due in an hour; it is late when the pause is four hours old.
    post(&desk, "/pause", "why=mourning").await;
    let soon = desk.get("/resume").await.body;
    assert!(soon.contains("mourning") && soon.contains("1 post later"), "{soon}");
    assert!(soon.contains("it is blocked"), "channel x cannot post, and that is said: {soon}");
    desk.clock.advance(jiff::SignedDuration::from_hours(4));
    let late = desk.get("/resume").await.body;
    for words in ["One post is more than two hours late", "name=\"post\" value=\"p4\"", "value=\"newest\""] {
        assert!(late.contains(words), "{words} is not in\n{late}");
    }
    assert!(!late.contains("<script>") && late.contains("alert(&#34;1&#34;)"), "{late}");
    let one = desk.get("/resume?channel=x").await.body;
    assert!(one.contains("Resume x") && one.contains("Lifted"), "{one}");
    assert_eq!(desk.get("/resume?channel=none").await.status, 404);
}
