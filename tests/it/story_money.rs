//! Limits and money on X: what its answers say of limits is kept before it has to refuse; its prices are counted before a
//! byte leaves; a budget holds, or leaves links out, and nothing makes it forget.

use std::time::Duration;

use bugle::model::channel::PauseScope;
use bugle::store::spend;
use serde_json::Value;

use crate::fakes::fault::Fault;
use crate::fakes::x::{self, FakeX};
use crate::harness::{Books, Engine, Newsroom, Press, link, saw, until};

/// Prices of X, in micro-dollars, from its own page.
const LINKED: u64 = 200_000;
const PLAIN: u64 = 15_000;
const USER: u64 = 10_000;
const READ: u64 = 5_000;
const DELETE: u64 = 10_000;

/// What the store says was spent on a channel, ever.
async fn spent(books: &Books, channel: &str) -> u64 {
    let mut conn = books.0.read().await.unwrap();
    let days = spend::days(&mut conn, "2020-01-01".parse().unwrap()).await.unwrap();
    days.iter().filter(|day| day.channel == channel).map(|day| day.price.as_micros()).sum()
}

/// What was asked of the fake who we are.
fn users(x: &FakeX) -> u64 {
    x.count(x::ME) as u64 * USER
}

/// A channel of another account of the same developer app.
fn second(newsroom: Newsroom, fake: &FakeX, username: &str) -> Newsroom {
    let keys = fake.account(username);
    let mut newsroom = newsroom;
    let given = [
        ("consumer_key", newsroom.secret("X_CONSUMER_KEY", &keys.consumer_key)),
        ("consumer_secret", newsroom.secret("X_CONSUMER_SECRET", &keys.consumer_secret)),
        ("access_token", newsroom.secret("X_SECOND_TOKEN", &keys.token)),
        ("access_secret", newsroom.secret("X_SECOND_SECRET", &keys.token_secret)),
    ];
    newsroom.channel(username, "x", Some(&fake.url()), &given)
}

#[tokio::test]
async fn a_limit_that_is_used_up_is_waited_for_and_never_refused() {
    let x = FakeX::start();
    x.rules().rate = Some((3, Duration::from_secs(4)));
    let press = Press::with(&["one", "two", "three", "four", "five"]);
    let newsroom = Newsroom::new("used_up").source("news", &press.url(), "last 5").x(&x);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    until("the limit is a pause", async || !books.pauses().await.is_empty()).await;
    let pauses = books.pauses().await;
    assert!(matches!(pauses[0].scope, PauseScope::Credential(_)), "{pauses:#?}");
    assert!(pauses[0].why.contains("x-rate-limit: 100 % used, 0 left"), "{pauses:#?}");
    let metrics = bugle.page("/metrics").await;
    assert!(metrics.contains("bugle_limit_used_ratio{channel=\"x\",limit=\"x-rate-limit\"} 1.0"), "{metrics}");
    let today = bugle.page("/").await;
    assert!(today.contains("x-rate-limit: 100 % used, 0 left"), "{today}");
    books.wait_for("x", "published", 5).await;
    assert!(bugle.term().await.success());
    assert!(x.seen().iter().all(|seen| seen.outcome != Some(429)), "X had to refuse");
    assert_eq!(x.ledger().posts().len(), 5);
    assert_eq!(x.count(x::CREATE), 5);
}

#[tokio::test]
async fn two_channels_of_one_account_share_a_limit() {
    let x = FakeX::start();
    x.rules().duplicate_guard = false;
    x.rules().rate = Some((4, Duration::from_secs(4)));
    let press = Press::with(&["one", "two", "three", "four"]);
    let newsroom = Newsroom::new("shared").source("news", &press.url(), "last 4").x(&x).x_again("again", &x);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    for channel in ["x", "again"] {
        books.wait_for(channel, "published", 4).await;
    }
    assert!(bugle.term().await.success());
    assert!(x.seen().iter().all(|seen| seen.outcome != Some(429)), "X had to refuse");
    assert_eq!(x.count(x::CREATE), 8);
}

#[tokio::test]
async fn without_credits_all_channels_of_the_app_rest_until_a_person_resumes() {
    let x = FakeX::start();
    x.fail_times(x::CREATE, 100, Fault::Instead(FakeX::no_credits()));
    let press = Press::with(&["one"]);
    let newsroom = second(Newsroom::new("credits").source("news", &press.url(), "last 1").x(&x), &x, "sport");
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    until("the app is paused", async || !books.pauses().await.is_empty()).await;
    let pauses = books.pauses().await;
    assert!(matches!(pauses[0].scope, PauseScope::App(_)) && pauses[0].until.is_none(), "{pauses:#?}");
    press.publish("two");
    for channel in ["x", "sport"] {
        books.wait_for(channel, "scheduled", 2).await;
    }
    press.read().await;
    // The other channel's post may have been on its way already.
    let asked = x.count(x::CREATE);
    assert!(asked <= 2, "{asked}");
    press.publish("three");
    press.read().await;
    assert_eq!(x.count(x::CREATE), asked, "nothing is tried without a person");
    assert_eq!((spent(&books, "x").await + spent(&books, "sport").await), users(&x), "a 402 is not charged");
    assert!(bugle.term().await.success());
    assert_eq!(x.ledger().posts().len(), 0);
}

/// A budget of half a dollar lets two posts with links out; a restart changes nothing.
async fn half_a_dollar(engine: Engine) {
    let x = FakeX::start();
    let press = Press::with(&["one", "two", "three"]);
    let newsroom = Newsroom::new("budget").store(engine).source("news", &press.url(), "last 3").x(&x);
    let newsroom = newsroom.with("x", "budget = { per_day = \"$0.50\", per_month = \"$250\" }");
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    let posts = books.wait_for("x", "held", 1).await;
    let out = posts.iter().filter(|row| row.state == "published").count();
    let held: Vec<_> = posts.iter().filter(|row| row.state == "held").collect();
    assert_eq!((out, held.len()), (2, 1), "{posts:#?}");
    assert!(held[0].reason.starts_with("over the budget: $0.41 of the day's $0.50 is spent, and it costs $0.20"));
    let budget = async || {
        let notices = books.notices().await;
        notices.into_iter().filter(|it| it.key.starts_with("channel.x.budget")).collect::<Vec<_>>()
    };
    let told = budget().await;
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].text.contains("has come to its budget of $0.50 for 20"), "{told:#?}");
    let queue = newsroom.command(&["--json", "queue"]).await;
    let queue: Value = serde_json::from_slice(&queue.stdout).unwrap();
    assert_eq!((&queue[0]["cost"]["text"], &queue[0]["cost_spent"]), (&"$0.20".into(), &false.into()), "{queue:#}");
    let preview = newsroom.command(&["--json", "preview", &press.url()]).await;
    let preview: Value = serde_json::from_slice(&preview.stdout).unwrap_or_else(|_| panic!("{preview:?}"));
    assert_eq!(preview["cost"]["text"], "$0.20", "{preview:#}");
    let article = bugle.page(&format!("/articles/{}", held[0].article)).await;
    assert!(article.contains("Will cost about $0.20 with its link."), "{article}");
    let today = bugle.page("/").await;
    assert!(today.contains("$0.41 of $0.50 spent today, $0.41 of $250.00 this month"), "{today}");
    assert!(today.contains("Cost $0.20."), "{today}");
    assert!(bugle.term().await.success());
    assert_eq!(spent(&books, "x").await, 2 * LINKED + users(&x));

    let bugle = newsroom.start().await;
    press.publish("four");
    books.wait_for("x", "held", 2).await;
    // A person lets one go: money is stronger.
    let approved = newsroom.command(&["approve", &held[0].id]).await;
    assert!(approved.status.success(), "{approved:?}");
    until("it is held again", async || books.posts_of("x").await.iter().filter(|row| row.state == "held").count() == 2)
        .await;
    assert_eq!(budget().await.len(), 1, "told once a day");
    assert!(bugle.term().await.success());
    assert_eq!(spent(&books, "x").await, 2 * LINKED + users(&x), "a restart forgets nothing");
    assert_eq!((x.ledger().posts().len(), x.count(x::CREATE)), (2, 2));

    let shown = newsroom.command(&["--json", "spend"]).await;
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let line = &shown["channels"][0];
    assert_eq!(line["today"]["micros"], 2 * LINKED + users(&x), "{shown:#}");
    assert_eq!((&line["per_day"]["text"], &line["per_month"]["text"]), (&"$0.50".into(), &"$250.00".into()));
    assert!(line["forecast"]["micros"].as_u64() >= line["this_month"]["micros"].as_u64(), "{shown:#}");
    assert_eq!(shown["apps"][0]["channels"][0], "x");
    assert!(shown["prices"][0]["read"].as_str().is_some_and(|read| read.starts_with("20")));
    let text = newsroom.command(&["spend"]).await;
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("$0.42 of $0.50") && text.contains("prices of X as of"), "{text}");

    // Asked by hand who we are: that costs too, and what X last said of its limits is shown.
    let live = newsroom.command(&["--json", "check", "--live"]).await;
    let live: Value = serde_json::from_slice(&live.stdout).unwrap_or_else(|_| panic!("{live:?}"));
    let limit = &live["channels"][0]["limits"][0];
    assert_eq!((&limit["limit"], &limit["left"]), (&"x-rate-limit".into(), &99.into()), "{live:#}");
    assert_eq!(spent(&books, "x").await, 2 * LINKED + users(&x));
}

#[tokio::test]
async fn a_take_down_is_paid_for() {
    let x = FakeX::start();
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("down").source("news", &press.url(), "last 1").x(&x);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    let posts = books.wait_for("x", "published", 1).await;
    let down = newsroom.command(&["retract", &posts[0].id]).await;
    assert!(down.status.success(), "{down:?}");
    books.wait_for("x", "retracted", 1).await;
    assert!(bugle.term().await.success());
    assert_eq!(spent(&books, "x").await, LINKED + DELETE + users(&x));
}

#[tokio::test]
async fn half_a_dollar_is_two_posts_with_links() {
    half_a_dollar(Engine::Sqlite).await;
}

#[tokio::test]
async fn half_a_dollar_is_two_posts_with_links_on_postgres() {
    half_a_dollar(Engine::Postgres).await;
}

#[tokio::test]
async fn at_the_cap_chosen_routes_post_without_their_link() {
    let x = FakeX::start();
    let press = Press::with(&["one", "two", "three", "four"]);
    let newsroom = Newsroom::new("no_link").source("news", &press.url(), "last 4").x(&x);
    let newsroom = newsroom.with("x", "budget = { per_day = \"$0.245\" }");
    let newsroom = newsroom.route("from = [\"news\"]\nto = [\"x\"]\nat_cap = \"no_link\"\n");
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    let posts = books.wait_for("x", "held", 1).await;
    assert_eq!(posts.iter().filter(|row| row.state == "published").count(), 3, "{posts:#?}");
    assert!(bugle.term().await.success());
    saw(x.ledger(), &[link("one"), String::new(), String::new()]);
    let texts: Vec<String> = x.ledger().posts().into_iter().map(|post| post.text).collect();
    assert!(texts[1].starts_with("Story two") && !texts[1].contains("http"), "{texts:?}");
    assert_eq!(spent(&books, "x").await, LINKED + 2 * PLAIN + users(&x));
}

#[tokio::test]
async fn a_kill_at_any_point_counts_no_post_too_few() {
    for point in ["begun", "requested", "answered", "recorded"] {
        let x = FakeX::start();
        if point == "requested" {
            // On loopback an answer is there before the kill is.
            x.fail(x::CREATE, Fault::Slow(Duration::from_millis(500)));
        }
        let press = Press::with(&["one"]);
        let newsroom = Newsroom::new("killed").source("news", &press.url(), "last 1").x(&x);
        let mut bugle = newsroom.start_to_crash(point, 1).await;
        bugle.wait_exit().await;
        let books = newsroom.books().await;
        let made = x.ledger().posts().len() as u64;
        assert!(spent(&books, "x").await >= made * LINKED, "killed at {point}: {made} made");
        let bugle = newsroom.start().await;
        books.wait_for("x", "published", 1).await;
        assert!(bugle.term().await.success());
        assert_eq!(x.ledger().posts().len(), 1);
        let spent = spent(&books, "x").await;
        // A look-up that found it read one post.
        assert!((LINKED..LINKED + users(&x) + 2 * READ + 1).contains(&spent), "killed at {point}: {spent}");
    }
}

#[tokio::test]
async fn what_proved_not_to_be_there_is_not_paid() {
    let x = FakeX::start();
    // The request left, nothing was made, and no answer says so.
    x.fail(x::CREATE, Fault::ResetBefore);
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("absent").source("news", &press.url(), "last 1").x(&x);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    books.wait_for("x", "uncertain", 1).await;
    assert!(spent(&books, "x").await >= LINKED, "in doubt it counts");
    let posts = books.wait_for("x", "published", 1).await;
    assert!(bugle.term().await.success());
    assert_eq!((x.count(x::CREATE), x.ledger().posts().len()), (2, 1));
    let mut conn = books.0.read().await.unwrap();
    let paid = spend::of_post(&mut conn, &posts[0].id).await.unwrap().unwrap();
    assert_eq!(paid.as_micros(), LINKED, "once");
    assert_eq!(spent(&books, "x").await, LINKED + users(&x), "look-ups that found nothing read nothing");
}
