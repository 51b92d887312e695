//! The lists of the desk over a real listener and a real store: what is shown of many posts, what is narrowed, what a
//! search finds, and acts that need no more than the store.

use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::tests::Desk;
use crate::clock::Clock as _;
use crate::model::article::{Article, Entry};
use crate::model::channel::PauseScope;
use crate::model::id::{ArticleId, ChannelName, PostId, SourceName};
use crate::model::notice::{Level, Notice};
use crate::model::post::{Actor, Approval, HoldReason, Occasion, Post, PostState, Urgency};
use crate::model::receipt::{Known, Receipt};
use crate::store::post::PostRow;
use crate::store::source::{self, SourceRow};
use crate::store::{article, audit, channel, job, notice, pause, post};

/// An article with a title, from a source.
fn story(n: usize, title: &str, from: &str, seen: Timestamp) -> Article {
    Article {
        id: ArticleId::new(format!("00000000-0000-7000-8000-{n:012}")),
        source: SourceName::new(from),
        version: 1,
        first_seen: seen,
        entry: Entry {
            title: title.to_owned(),
            link: Url::parse(&format!("https://news.example/{n}")).ok(),
            language: Some("az".to_owned()),
            ..Entry::default()
        },
    }
}

fn post_of(n: usize, article: &Article, channel: &str, due: Timestamp, state: PostState) -> PostRow {
    PostRow::new(Post {
        id: PostId::new(format!("11111111-0000-7000-8000-{n:012}")),
        channel: ChannelName::new(channel),
        article: article.id.clone(),
        occasion: Occasion::First,
        route: 1,
        template: "headline".to_owned(),
        urgency: Urgency::Normal,
        created: due,
        expires: None,
        due,
        attempts: 0,
        text: None,
        picture: crate::model::picture::Chosen::default(),
        state,
    })
}

fn scheduled(at: Timestamp) -> PostState {
    PostState::Scheduled { approval: Approval { by: Actor::Route, at, payload: None }, retry: None }
}

fn published(at: Timestamp) -> PostState {
    PostState::Published {
        receipt: Receipt { remote_id: Some("1".to_owned()), url: None, parts: Vec::new(), at, how: Known::Answered },
    }
}

/// Stores articles, each with a post.
async fn store(desk: &Desk, all: Vec<(Article, PostRow)>) {
    let now = desk.clock.now();
    let work = job(move |conn| {
        Box::pin(async move {
            for (n, (story, row)) in all.iter().enumerate() {
                article::insert(conn, story, "h", &n.to_string(), &[]).await?;
                let at = now - SignedDuration::from_secs(i64::try_from(n).unwrap());
                post::insert(conn, row, at, &Actor::Route, "planned").await?;
            }
            Ok(())
        })
    });
    desk.store.write(work).await.unwrap();
}

impl Desk {
    /// Sends a form, as a page of ours does.
    async fn act(&self, path: &str, form: &str) -> (u16, String, String) {
        let answer = self
            .send(&format!(
                "POST {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n\
                 Cookie: bugle-session={}\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{form}",
                self.session,
                form.len()
            ))
            .await;
        let header = |name| answer.header(name).unwrap_or_default().to_owned();
        (answer.status, header("location"), header("set-cookie"))
    }
}

#[tokio::test]
async fn many_posts_are_cut_counted_and_paged_without_a_gap() {
    let desk = Desk::open("127.0.0.1").await;
    let now = desk.clock.now();
    let all = (0..120).map(|n| {
        let story = story(n, &format!("Story number {n}"), "news", now);
        let due = now + SignedDuration::from_mins(1 + i64::try_from(n).unwrap());
        let state = scheduled(now);
        (story.clone(), post_of(n, &story, "x", due, state))
    });
    store(&desk, all.collect()).await;
    let today = desk.get("/").await.body;
    assert_eq!(today.matches("/hold\"").count(), 15, "what is read at one look");
    assert!(today.contains("All 120 that wait"), "{today}");
    assert!(today.find("Story number 0<") < today.find("Story number 1<"), "the next one first");
    // All pages together hold each post once, in order.
    let (mut at, mut seen) = ("/posts".to_owned(), Vec::new());
    loop {
        let page = desk.get(&at).await.body;
        seen.extend(page.split("Story number ").skip(1).map(|rest| rest[..rest.find('<').unwrap()].to_owned()));
        let Some(next) = page.split("rel=\"next\"").next().filter(|_| page.contains("rel=\"next\"")) else { break };
        at = next[next.rfind("href=\"").unwrap() + 6..].split('"').next().unwrap().replace("&#38;", "&");
    }
    assert_eq!(seen, (0..120).map(|n| n.to_string()).collect::<Vec<_>>());
    for odd in ["/posts?after=x", "/posts?after=1.%27", "/posts?view=none&channel=none", "/?show=none&q=%22%2A"] {
        assert_eq!(desk.get(odd).await.status, 200, "{odd}");
    }
    assert!(desk.get("/posts?channel=none").await.body.contains("No post is like that"));
}

#[tokio::test]
async fn lists_are_narrowed_by_channel_source_part_and_words() {
    let desk = Desk::open("127.0.0.1").await;
    let now = desk.clock.now();
    let rows = [
        ("Körpü açıldı", "news", "x", scheduled(now)),
        ("Bazar bağlandı", "wire", "trial", scheduled(now)),
        ("Körpüdə qəza", "wire", "x", published(now)),
    ];
    let all = rows.into_iter().enumerate().map(|(n, (title, from, channel, state))| {
        let story = story(n, title, from, now);
        (story.clone(), post_of(n, &story, channel, now + SignedDuration::from_hours(1), state))
    });
    store(&desk, all.collect()).await;
    for (path, titles) in [
        ("/", &["Körpü açıldı", "Bazar bağlandı", "Körpüdə qəza"][..]),
        ("/?channel=x", &["Körpü açıldı", "Körpüdə qəza"]),
        ("/?source=wire", &["Bazar bağlandı", "Körpüdə qəza"]),
        ("/?show=out", &["Körpüdə qəza"]),
        ("/?q=KORPU", &["Körpü açıldı", "Körpüdə qəza"]),
        ("/?q=korpu+acil&channel=x", &["Körpü açıldı"]),
        ("/posts?view=all&source=wire&q=baz", &["Bazar bağlandı"]),
        ("/posts?view=published", &["Körpüdə qəza"]),
        ("/articles?q=qeza", &["Körpüdə qəza"]),
        ("/articles?q=k%C3%B6rp%C3%BC&source=news", &["Körpü açıldı"]),
        ("/articles?channel=trial", &["Bazar bağlandı"]),
        ("/articles?q=nothing", &[]),
    ] {
        let body = desk.get(path).await.body;
        for title in ["Körpü açıldı", "Bazar bağlandı", "Körpüdə qəza"] {
            assert_eq!(body.contains(title), titles.contains(&title), "{path}: {title} in\n{body}");
        }
    }
    // What somebody types is words, whatever it is, and comes back as it was typed.
    for odd in ["%22", "*", "a+AND", "NEAR(", "%27+OR+1%3D1", "%26%7C%21", "%00", "%F0%9F%98%80", "a%3A%2A"] {
        for path in ["/articles", "/posts", "/"] {
            let answer = desk.get(&format!("{path}?q={odd}")).await;
            assert_eq!(answer.status, 200, "{path} {odd}: {}", answer.body);
        }
    }
    assert!(desk.get("/articles?q=%22%3Cscript%3E").await.body.contains("value=\"&#34;&#60;script&#62;\""));
    assert!(desk.get("/articles?q=%22").await.body.contains("no letter and no digit"));
}

#[tokio::test]
async fn a_flood_is_decided_by_one_click() {
    let desk = Desk::open("127.0.0.1").await;
    let now = desk.clock.now();
    let group = "news@1773309600";
    let all = (0..5).map(|n| {
        let story = story(n, &format!("Old {n}"), "news", now);
        let why = HoldReason::Flood { group: group.to_owned(), evidence: "older than two days".to_owned() };
        (story.clone(), post_of(n, &story, "x", now, PostState::Held { since: now, why }))
    });
    store(&desk, all.collect()).await;
    let said = Notice::new(Level::Warn, format!("flood.{group}"), "source news brings old stories as new");
    desk.store.write(job(move |conn| Box::pin(async move { notice::raise(conn, &said, now).await }))).await.unwrap();
    let page = desk.get("/").await.body;
    assert!(page.contains("/floods/news%401773309600/skip"), "{page}");
    let (status, to, cookie) = desk.act("/floods/news%401773309600/skip", "back=%2F%3Fshow%3Dperson").await;
    assert_eq!((status, to.as_str()), (303, "/?show=person"));
    assert!(cookie.starts_with("bugle-said=ok.") && cookie.contains("5%20posts%20dropped"), "{cookie}");
    let page = desk.get("/").await.body;
    assert!(!page.contains("/floods/") && !page.contains("Old 1"), "{page}");
    let (status, _, cookie) = desk.act("/floods/news%401773309600/approve", "back=//evil.example").await;
    assert!(status == 303 && cookie.starts_with("bugle-said=bad."), "{cookie}");
    let mut conn = desk.store.read().await.unwrap();
    let log =
        audit::page(&mut conn, &audit::Filter { people: true, ..audit::Filter::default() }, None, 99).await.unwrap();
    assert_eq!(
        log.iter().filter(|(_, it)| it.what == "post").count(),
        5,
        "each post's end is in the log, under a name"
    );
}

#[tokio::test]
async fn a_channel_says_what_resuming_will_do() {
    let desk = Desk::open("127.0.0.1").await;
    let now = desk.clock.now();
    let work = job(move |conn| {
        Box::pin(async move {
            channel::ensure(conn, "x", "x", now).await?;
            channel::set_closed(conn, "x", Some(now - SignedDuration::from_hours(9))).await
        })
    });
    desk.store.write(work).await.unwrap();
    let all = [-180, -150, -30, 40].into_iter().enumerate().map(|(n, minutes)| {
        let story = story(n, &format!("Story {n}"), "news", now);
        (story.clone(), post_of(n, &story, "x", now + SignedDuration::from_mins(minutes), scheduled(now)))
    });
    store(&desk, all.collect()).await;
    let (status, to, cookie) = desk.act("/channels/x/pause", "why=a%20tragedy&for=&back=%2Fchannels%2Fx").await;
    assert_eq!((status, to.as_str()), (303, "/channels/x"), "{cookie}");
    let page = desk.get("/channels/x").await.body;
    for words in [
        "Paused by Ana until a person resumes: a tragedy",
        "Resuming lets 2 waiting posts go out",
        "2 more are over two hours late",
        "Send all that are not too old",
    ] {
        assert!(page.contains(words), "{words} is not in\n{page}");
    }
    assert!(desk.get("/channels").await.body.contains(">paused<"));
    assert!(desk.get("/").await.body.contains("A tragedy (until a person resumes, by Ana)"));
    for (form, words) in [("for=soon", "Not%20paused"), ("for=99999999999h", "Not%20paused")] {
        let (_, _, cookie) = desk.act("/channels/x/pause", form).await;
        assert!(cookie.starts_with("bugle-said=bad.") && cookie.contains(words), "{form}: {cookie}");
    }
    let (_, _, cookie) = desk.act("/channels/none/pause", "").await;
    assert!(cookie.starts_with("bugle-said=bad."), "{cookie}");
    let mut conn = desk.store.read().await.unwrap();
    let stands = pause::all(&mut conn).await.unwrap();
    assert_eq!(stands.iter().map(|it| &it.scope).collect::<Vec<_>>(), [&PauseScope::Channel("x".to_owned())]);
    // Resuming needs what the lanes work with: this process does not publish.
    assert_eq!(desk.act("/channels/x/resume", "").await.0, 503);
    assert_eq!(desk.act("/sources/news/poll", "").await.0, 503);
    assert_eq!(desk.act("/articles/a1/take-down", "").await.0, 503);
    assert_eq!(desk.act("/channels/x/disconnect", "").await.0, 503);
}

#[tokio::test]
async fn a_source_shows_its_health_and_its_last_bad_answer() {
    let desk = Desk::open("127.0.0.1").await;
    let now = desk.clock.now();
    let work = job(move |conn| {
        Box::pin(async move {
            let row = SourceRow {
                failures: 3,
                failing_since: Some(now),
                error: Some("it is no feed".to_owned()),
                trouble: Some("unreadable".to_owned()),
                ..SourceRow::new("news", "https://www.news.example/feed?key=hidden", now)
            };
            source::put(conn, &row).await?;
            source::put(conn, &SourceRow { name: "gone".to_owned(), ..row }).await?;
            source::keep_raw(conn, "news", now, "no feed", b"<script>alert(1)</script>\xff\x00").await
        })
    });
    desk.store.write(work).await.unwrap();
    let page = desk.get("/sources/news").await.body;
    for words in ["It is no feed", "&#60;script&#62;alert(1)", "/sources/news/raw", "27 bytes", "Its newest articles"] {
        assert!(page.contains(words), "{words} is not in\n{page}");
    }
    let page = page.replacen("<script src=\"/desk.js\" defer></script>", "", 1);
    assert!(!page.contains("<script") && !page.contains("key=hidden"), "{page}");
    assert_eq!(desk.get("/sources/gone").await.status, 404, "the config has it no more");
    let today = desk.get("/").await.body;
    assert!(
        today.contains("Source news") && today.contains("/sources/news") && !today.contains("Source gone"),
        "{today}"
    );
    assert_eq!(desk.get("/sources/none/raw").await.status, 404);
}

#[tokio::test]
async fn the_log_is_narrowed_paged_and_exported() {
    let desk = Desk::open("127.0.0.1").await;
    let now = desk.clock.now();
    let work = job(move |conn| {
        Box::pin(async move {
            for n in 0..250 {
                let by = if n % 50 == 0 { Actor::Person("Ada <b>".to_owned()) } else { Actor::Bugle };
                let (what, subject) = if n % 2 == 0 { ("post", "p1") } else { ("channel", "x") };
                audit::add(conn, now, &by, what, subject, (Some("held"), Some("scheduled")), &format!("why {n}"))
                    .await?;
            }
            Ok(())
        })
    });
    desk.store.write(work).await.unwrap();
    let page = desk.get("/audit").await.body;
    assert!(page.contains("Why 249<") && !page.contains("Why 149<") && page.contains("rel=\"next\""), "{page}");
    let people = desk.get("/audit?who=*people").await.body;
    assert_eq!(people.matches("Ada &#60;b&#62;</bdi></td>").count(), 5, "{people}");
    assert!(desk.get("/audit?who=Ada+%3Cb%3E&what=channel").await.body.contains("Nothing in the log is like that"));
    assert_eq!(desk.get("/audit?subject=p1&what=post").await.body.matches("Why ").count(), 100);
    let answer = desk.get("/audit.jsonl?subject=x").await;
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<&str> = answer.body.lines().filter(|line| line.starts_with('{')).collect();
    assert_eq!(lines.len(), 125);
    for line in lines {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((row["subject"].as_str(), row["what"].as_str()), (Some("x"), Some("channel")));
    }
}

#[tokio::test]
async fn today_stays_small_however_full_its_lists_are() {
    let desk = Desk::open("127.0.0.1").await;
    let now = desk.clock.now();
    let all = (0..90).map(|n| {
        let title = "Körpünün açılışında nazir çıxış etdi, \"yeni yol\" & <tikinti> davam edir: foto, video";
        let story = story(n, &format!("{title} {n}"), "news", now);
        let state = match n % 3 {
            0 => scheduled(now),
            1 => PostState::Held { since: now, why: HoldReason::Approval },
            _ => PostState::Published {
                receipt: Receipt {
                    remote_id: Some("1".to_owned()),
                    url: Some(format!("https://mastodon.example/@AzerNewsAz/{n:018}")),
                    parts: Vec::new(),
                    at: now,
                    how: Known::Answered,
                },
            },
        };
        (story.clone(), post_of(n, &story, "x", now + SignedDuration::from_hours(1), state))
    });
    store(&desk, all.collect()).await;
    let body = desk.get("/").await.body;
    assert!(body.contains("All 30 posts that need a person"), "{body}");
    // What signing in adds to a page (a token in each form) has room too.
    assert!(body.len() < 55_000, "{} bytes", body.len());
}
