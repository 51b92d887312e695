//! Matrix from a feed to the room: what readers see, each way an answer can be lost, limits, rooms that cannot be posted to,
//! kills between the events of one post.

use serde_json::{Value, json};

use crate::fakes::fault::{Fault, Wait};
use crate::fakes::feed::FakeFeed;
use crate::fakes::http::Reply;
use crate::fakes::matrix::{self, FakeMatrix, Member};
use crate::harness::{Engine, Newsroom, Press, fetched, link, saw, until};

const EMPTY: &str = "<rss version=\"2.0\"><channel><title>N</title></channel></rss>";

/// A newsroom with one story whose title is not harmless and which has three pictures, one of them gone.
async fn hostile(web: &FakeFeed, fake: &FakeMatrix, keys: &[&str]) -> Newsroom {
    web.feed("/rss", EMPTY);
    web.picture("/1.png", 1600, 900);
    web.picture("/3.png", 900, 1200);
    let mut newsroom = Newsroom::new("matrix").scale(0.3).source("news", &web.at("/rss"), "from now").matrix(fake);
    for line in keys {
        newsroom.set("matrix", line);
    }
    newsroom
}

fn story(web: &FakeFeed) -> String {
    let media: String = ["/1.png", "/2.png", "/3.png"]
        .iter()
        .map(|path| {
            format!("<media:content url=\"{}\" medium=\"image\"><media:description>Alt of {}</media:description></media:content>", web.at(path), &path[1..2])
        })
        .collect();
    format!(
        "<rss version=\"2.0\" xmlns:media=\"http://search.yahoo.com/mrss/\"><channel><title>N</title><item><title>@room \
         &amp;lt;b&amp;gt;Körpü&amp;lt;/b&amp;gt; 5 &lt; 6 &amp;amp; \"söz\"</title><link>{}</link><guid isPermaLink=\"false\">1</guid>{media}\
         </item></channel></rss>",
        link("one")
    )
}

#[tokio::test]
async fn a_story_is_a_notice_with_its_pictures_and_is_changed_and_taken_down() {
    let (web, fake) = (FakeFeed::start(), FakeMatrix::start());
    let newsroom = hostile(&web, &fake, &["picture = \"photo\"", "pictures = 4"]).await;
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    web.feed("/rss", &story(&web));
    let books = newsroom.books().await;
    let row = books.wait_for("matrix", "published", 1).await.remove(0);
    let history = books.history("matrix").await;
    assert!(history.contains("without 1 of its pictures") && history.contains("404"), "{history}");
    let contents = fake.rules().contents();
    assert_eq!(contents.len(), 3, "{contents:#?}");
    let text = &contents[0];
    assert_eq!((text["msgtype"].as_str(), &text["m.mentions"]), (Some("m.notice"), &json!({})));
    let html = text["formatted_body"].as_str().expect("a formatted body");
    assert!(!html.contains("<b>") && html.contains("5 &lt; 6 &amp; &quot;söz&quot;"), "{html}");
    assert!(html.contains(&format!("<a href=\"{}\">", link("one"))), "{html}");
    assert!(text["body"].as_str().is_some_and(|body| body.contains("Körpü") && body.contains(&link("one"))), "{text}");
    let shown: Vec<(&str, &Value)> =
        contents[1..].iter().map(|it| (it["body"].as_str().unwrap_or_default(), &it["info"])).collect();
    assert_eq!((shown[0].0, &shown[0].1["w"], &shown[0].1["h"]), ("Alt of 1", &json!(1600), &json!(900)));
    assert_eq!((shown[1].0, &shown[1].1["w"], &shown[1].1["h"]), ("Alt of 3", &json!(900), &json!(1200)));
    assert_eq!(fake.rules().shown().len(), 2, "each event shows a file");

    // An edit changes the text and keeps the pictures.
    let words = format!("Düzəliş: körpü bağlıdır {}", link("one"));
    assert!(newsroom.command(&["edit", &row.id, "--text", &words, "--wait", "20"]).await.status.success());
    let edited = async || fake.ledger().posts().first().is_some_and(|post| post.text == words);
    until("the edit is there", edited).await;
    assert_eq!(fake.rules().contents().len(), 3);
    // Back to a text it had before, which is another edit all the same.
    for text in ["One more", words.as_str()] {
        let said = newsroom.command(&["edit", &row.id, "--text", text, "--wait", "20"]).await;
        assert!(said.status.success(), "{said:?}");
        let is_so = async || fake.ledger().posts().first().is_some_and(|post| post.text == text);
        until("the next edit is there", is_so).await;
    }
    let said = newsroom.command(&["retract", &row.id, "--wait", "20"]).await;
    assert!(said.status.success(), "{said:?}");
    books.wait_for("matrix", "retracted", 1).await;
    assert_eq!(fake.ledger().posts(), Vec::new(), "text and pictures are down");
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn every_lost_answer_ends_in_one_event() {
    let fake = FakeMatrix::start();
    let elsewhere = Reply::empty(307).header("Location", "http://127.0.0.1:1/");
    for fault in [
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::HalfBody,
        Fault::status(502),
        Fault::status_after(504),
        Fault::malformed(),
        Fault::without_id(),
        Fault::wrong_type(),
        Fault::HangAfter,
        Fault::Instead(elsewhere),
        Fault::Instead(FakeMatrix::refusal(500, "M_UNKNOWN")),
    ] {
        fake.fail(matrix::SEND, fault);
    }
    let slugs = ["one", "two", "three", "four", "five", "six"];
    let press = Press::with(&slugs);
    let newsroom = Newsroom::new("lost").source("news", &press.url(), "last 6").matrix(&fake);
    let bugle = newsroom.start().await;
    newsroom.books().await.wait_for("matrix", "published", 6).await;
    assert!(bugle.term().await.success());
    let mut links: Vec<String> = fake.ledger().posts().into_iter().filter_map(|post| post.link).collect();
    links.sort();
    let mut expected: Vec<String> = slugs.iter().map(|slug| link(slug)).collect();
    expected.sort();
    assert_eq!(links, expected, "{:#?}", fake.ledger().entries());
}

#[tokio::test]
async fn a_transaction_that_the_server_forgot_is_found_by_its_mark() {
    let fake = FakeMatrix::start();
    fake.rules().forgets = true;
    fake.fail(matrix::SEND, Fault::ResetAfter);
    // Signed in anew meanwhile: the server tells the transaction to the old device only.
    fake.rules().device = "OLD".to_owned();
    let moved = fake.rules().device.clone();
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("forgot").source("news", &press.url(), "last 1").matrix(&fake);
    let bugle = newsroom.start().await;
    fake.ledger().wait_for(1).await;
    fake.rules().device = format!("{moved}ER");
    newsroom.books().await.wait_for("matrix", "published", 1).await;
    assert!(bugle.term().await.success());
    saw(fake.ledger(), &[link("one")]);
    assert!(fake.count(matrix::SEND) == 1 && fake.count(matrix::MESSAGES) >= 1, "looked up, not sent again");
}

#[tokio::test]
async fn a_limit_is_waited_for_in_each_of_its_forms() {
    let fake = FakeMatrix::start();
    let press = Press::with(&["one"]);
    for (ms, wait) in [(100, Wait::Seconds(1)), (900, Wait::Absent), (10, Wait::Garbage)] {
        fake.fail(matrix::SEND, Fault::Instead(FakeMatrix::too_many(ms, wait)));
    }
    let newsroom = Newsroom::new("limits").source("news", &press.url(), "last 1").matrix(&fake);
    let bugle = newsroom.start().await;
    let posts = newsroom.books().await.wait_for("matrix", "published", 1).await;
    assert_eq!(posts[0].attempts, 0, "a limit counts no attempt");
    assert!(bugle.term().await.success());
    saw(fake.ledger(), &[link("one")]);
    let at: Vec<_> = fake.seen().iter().filter(|seen| seen.endpoint == matrix::SEND).map(|seen| seen.at).collect();
    assert!(at[1].duration_since(at[0]).as_millis() >= 950, "the header's second: {at:?}");
    assert!(at[2].duration_since(at[1]).as_millis() >= 850, "the body's milliseconds: {at:?}");
}

#[tokio::test]
async fn a_dead_token_blocks_its_channel_and_keeps_its_queue() {
    let fake = FakeMatrix::start();
    (fake.rules().revoked, fake.rules().soft) = (true, true);
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("token").source("news", &press.url(), "last 1").matrix(&fake);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    until("the channel is blocked", async || books.block("matrix").await.is_some()).await;
    books.wait_for("matrix", "scheduled", 1).await;
    fake.rules().revoked = false;
    assert!(newsroom.command(&["resume", "matrix"]).await.status.success());
    books.wait_for("matrix", "published", 1).await;
    assert!(bugle.term().await.success());
    saw(fake.ledger(), &[link("one")]);
}

/// A newsroom that signs in by password.
fn by_password(fake: &FakeMatrix, url: &str, password: &str) -> Newsroom {
    let mut newsroom = Newsroom::new("password").source("news", url, "last 1").allowing(&fake.host());
    let password = newsroom.secret("MATRIX_PASSWORD", password);
    let keys =
        [("room", "\"#news:fake.example\"".to_owned()), ("user", "\"newsroom\"".to_owned()), ("password", password)];
    newsroom.channel("matrix", "matrix", Some(&fake.url()), &keys)
}

#[tokio::test]
async fn a_login_is_made_once_and_renewed_on_the_same_device() {
    let fake = FakeMatrix::start();
    let press = Press::with(&["one"]);
    let newsroom = by_password(&fake, &press.url(), &fake.password());
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    books.wait_for("matrix", "published", 1).await;
    press.publish("two");
    books.wait_for("matrix", "published", 2).await;
    assert_eq!((fake.count(matrix::LOGIN), fake.count(matrix::REFRESH)), (1, 0), "one login for all");
    // It runs out, and the answer to the renewal is lost.
    fake.expire();
    fake.fail(matrix::REFRESH, Fault::ResetBefore);
    press.publish("three");
    books.wait_for("matrix", "published", 3).await;
    assert_eq!((fake.count(matrix::LOGIN), fake.count(matrix::REFRESH)), (1, 2));
    // It runs out for good: only the password is left.
    fake.expire();
    fake.rules().dead = true;
    press.publish("four");
    books.wait_for("matrix", "published", 4).await;
    assert_eq!(fake.count(matrix::LOGIN), 2);
    assert!(bugle.term().await.success());
    // A second start signs in no more.
    let bugle = newsroom.start().await;
    press.publish("five");
    books.wait_for("matrix", "published", 5).await;
    assert!(bugle.term().await.success());
    assert_eq!((fake.count(matrix::LOGIN), fake.devices().len()), (2, 1), "one device in all");
    saw(fake.ledger(), &["one", "two", "three", "four", "five"].map(link));
}

#[tokio::test]
async fn a_wrong_password_blocks_its_channel() {
    let fake = FakeMatrix::start();
    let press = Press::with(&["one"]);
    let newsroom = by_password(&fake, &press.url(), "wrong");
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    until("the channel is blocked", async || books.block("matrix").await.is_some()).await;
    let why = books.block("matrix").await.unwrap_or_default();
    assert!(why.contains("M_FORBIDDEN") && !why.contains("wrong"), "{why}");
    assert!(bugle.term().await.success());
    assert_eq!(fake.count(matrix::SEND), 0);
}

/// One story to a room of that kind: what blocks the channel, and how often it was sent.
async fn blocked(fake: &FakeMatrix) -> (String, usize) {
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("rooms").source("news", &press.url(), "last 1").matrix(fake);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    until("the channel is blocked", async || books.block("matrix").await.is_some()).await;
    let why = books.block("matrix").await.expect("it is blocked");
    books.wait_for("matrix", "scheduled", 1).await;
    assert!(bugle.term().await.success());
    assert_eq!(fake.ledger().entries(), Vec::new());
    (why, fake.count(matrix::SEND))
}

#[tokio::test]
async fn rooms_that_cannot_be_posted_to_say_why() {
    let fake = FakeMatrix::start();
    fake.rules().rooms[0].encrypted = true;
    let (why, sends) = blocked(&fake).await;
    assert!(why.contains("encrypted") && sends == 0, "{why}");
    let fake = FakeMatrix::start();
    fake.rules().rooms[0].member = Member::Out;
    let (why, sends) = blocked(&fake).await;
    assert!(why.contains("invite the account") && sends == 0, "{why}");
    let fake = FakeMatrix::start();
    fake.rules().rooms[0].needs = 100;
    let (why, sends) = blocked(&fake).await;
    assert!(why.contains("may not send") && sends >= 2, "joined once, tried again: {why}");
    let fake = FakeMatrix::start();
    fake.rules().rooms[0].replaced_by = Some("!new:fake.example".to_owned());
    let (why, _) = blocked(&fake).await;
    assert!(why.contains("!new:fake.example"), "{why}");
}

#[tokio::test]
async fn an_invitation_is_accepted_with_the_first_post() {
    let fake = FakeMatrix::start();
    fake.rules().rooms[0].member = Member::Invited;
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("invited").source("news", &press.url(), "last 1").matrix(&fake);
    newsroom.write("bugle.toml", &newsroom.config().await);
    let said = newsroom.command(&["check", "--live"]).await;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(text.contains("not in it yet: once invited, it joins with its first post"), "{said:?}");
    assert_eq!(fake.count(matrix::JOIN), 0, "asking changes nothing");
    let bugle = newsroom.start().await;
    newsroom.books().await.wait_for("matrix", "published", 1).await;
    let said = newsroom.command(&["check", "--live"]).await;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(text.contains("posts to the room \"News\"") && text.contains("would still hold"), "{said:?}");
    assert!(bugle.term().await.success());
    saw(fake.ledger(), &[link("one")]);
    assert_eq!(fake.count(matrix::JOIN), 1);
}

#[tokio::test]
async fn an_alias_given_to_another_room_takes_no_part_of_a_post_along() {
    let fake = FakeMatrix::start();
    let room = fake.room();
    // The first answer is lost; by the time it is looked up the alias leads elsewhere.
    fake.fail(matrix::SEND, Fault::HangAfter);
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("moved").source("news", &press.url(), "last 1").matrix(&fake);
    let bugle = newsroom.start().await;
    fake.ledger().wait_for(1).await;
    fake.open_room("other");
    {
        let mut rules = fake.rules();
        let other = rules.rooms.pop().expect("it was just opened");
        let old = std::mem::replace(&mut rules.rooms[0], other.called("#news:fake.example"));
        rules.rooms.push(old.called("#old:fake.example"));
    }
    newsroom.books().await.wait_for("matrix", "published", 1).await;
    assert!(bugle.term().await.success());
    let posts = fake.ledger().posts();
    assert_eq!(posts.iter().map(|post| post.account.as_str()).collect::<Vec<_>>(), [room.as_str()], "{posts:#?}");
}

/// Killed at every place between two events of one post, on that engine: text, thread and pictures are there once.
async fn killed(engine: Engine) {
    const TWO: &str =
        "{% filter part %}{{ title }} {{ link }}{% endfilter %}\n{% filter part %}And more.{% endfilter %}\n";
    for point in ["begun", "answered"] {
        for n in 1..=7 {
            let (web, fake) = (FakeFeed::start(), FakeMatrix::start());
            web.feed("/rss", EMPTY);
            web.picture("/1.png", 200, 150);
            web.picture("/3.png", 150, 200);
            let newsroom = Newsroom::new("killed").store(engine).scale(0.1).source("news", &web.at("/rss"), "last 1");
            let newsroom = newsroom.matrix(&fake).with("matrix", "picture = \"photo\"").with("matrix", "pictures = 2");
            newsroom.write("templates/post/headline.j2", TWO);
            let two = story(&web).replace("/2.png", "/3.png?w=9");
            web.feed("/rss", &two);
            newsroom.start_to_crash(point, n).await.wait_exit().await;
            let bugle = newsroom.start().await;
            newsroom.books().await.wait_for("matrix", "published", 1).await;
            assert!(bugle.term().await.success());
            let contents = fake.rules().contents();
            let kinds: Vec<&str> = contents.iter().filter_map(|it| it["msgtype"].as_str()).collect();
            assert_eq!(kinds, ["m.notice", "m.notice", "m.image", "m.image"], "{point} {n}: {contents:#?}");
            assert_eq!(contents[1]["m.relates_to"]["rel_type"], "m.thread", "{point} {n}");
        }
    }
}

#[tokio::test]
async fn a_kill_between_two_events_doubles_and_loses_none_sqlite() {
    killed(Engine::Sqlite).await;
}

#[tokio::test]
async fn a_kill_between_two_events_doubles_and_loses_none_postgres() {
    killed(Engine::Postgres).await;
}
