//! Grants that run out, with the real program and X's OAuth 2.0: renewed in flight and ahead, once; an answer lost, a
//! process killed before and behind the platform's answer; revoked and connected again. The judge is the fake's own list of
//! what its token endpoint was asked: a spent refresh token comes again at most once, and never after that.

use crate::browser::Browser;
use crate::fakes::fault::Fault;
use crate::fakes::telegram::FakeTelegram;
use crate::fakes::x::{self, FakeX};
use crate::harness::{Newsroom, Press, link, saw, until};
use crate::story_connect::{by_consent, stored};

const APP: &str = "app-of-the-trial";

fn fake() -> FakeX {
    let x = FakeX::start();
    x.app(APP, None, "https://desk.example/connect/callback/x");
    // The fake's person is an account of the fake.
    x.account("newsroom");
    x
}

/// A person connects the channel `x` in the terminal.
async fn connect(newsroom: &Newsroom) {
    newsroom.write("bugle.toml", &newsroom.config().await);
    let mut terminal = newsroom.talk(&["connect", "x"]);
    terminal.line().await;
    let page = terminal.line().await;
    let back = Browser::default().go(&page).await.away();
    terminal.say(&back).await;
    let said = terminal.line().await;
    assert!(said.starts_with("channel x is connected as @newsroom"), "{said}");
    assert_eq!(terminal.end().await.0, 0);
}

fn replays(x: &FakeX) -> usize {
    let rules = x.rules();
    rules.oauth.refused.iter().filter(|why| why.contains("spent refresh token") || why.contains("has ended")).count()
}

#[tokio::test]
async fn a_token_that_runs_out_is_renewed_in_flight_and_ahead_and_nothing_is_doubled() {
    let (x, press) = (fake(), Press::start());
    let newsroom = by_consent("in-flight", "x", &x.url(), APP, None).source("news", &press.url(), "from now");
    connect(&newsroom).await;
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    press.read().await;
    press.publish("one");
    books.wait_for("x", "published", 1).await;
    assert_eq!(x.count(x::TOKEN), 1, "the code");
    x.rules().oauth.run_out();
    press.publish("two");
    books.wait_for("x", "published", 2).await;
    assert_eq!((x.count(x::TOKEN), replays(&x)), (2, 0), "one refresh");
    // Connected anew with tokens that live ten seconds: renewed before they run out, with nothing to post.
    x.rules().oauth.life = std::time::Duration::from_secs(10);
    connect(&newsroom).await;
    let asked = x.count(x::TOKEN);
    until("the grant is renewed ahead", async || x.count(x::TOKEN) > asked).await;
    press.publish("three");
    books.wait_for("x", "published", 3).await;
    assert_eq!(replays(&x), 0);
    saw(x.ledger(), &["one", "two", "three"].map(link));
    let status = newsroom.command(&["vault", "status"]).await;
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("channel x: grant fresh renewed"), "{status}");
    let metrics = bugle.page("/metrics").await;
    assert!(metrics.contains("bugle_token_renewals_total{platform=\"x\",outcome=\"renewed\"} 2"), "{metrics}");
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn a_lost_answer_costs_a_sign_in_and_no_more() {
    let (x, telegram, press) = (fake(), FakeTelegram::start(), Press::start());
    let newsroom = by_consent("lost-answer", "x", &x.url(), APP, None)
        .source("news", &press.url(), "from now")
        .telegram(&telegram);
    connect(&newsroom).await;
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    press.read().await;
    press.publish("one");
    books.wait_for("x", "published", 1).await;
    // Carried out, and the answer lost: the pair is spent and nobody has the new one.
    x.fail(x::TOKEN, Fault::ResetAfter);
    x.rules().oauth.run_out();
    press.publish("two");
    until("the channel is blocked", async || books.block("x").await.is_some()).await;
    books.wait_for("telegram", "published", 2).await;
    press.publish("three");
    books.wait_for("telegram", "published", 3).await;
    books.wait_for("x", "scheduled", 2).await;
    assert_eq!((x.count(x::TOKEN), replays(&x)), (3, 1), "the code, the renewal, its one repeat");
    let told = books.notices().await.into_iter().find(|it| it.key == "channel.x.blocked").expect("a person is told");
    assert!(told.text.contains("bugle connect x"), "{}", told.text);
    // However often it is started and its config read: that grant is not asked for again.
    bugle.hup();
    until("the new config is in force", async || bugle.log().contains("the new config is in force")).await;
    assert!(bugle.term().await.success());
    let bugle = newsroom.start().await;
    press.publish("four");
    books.wait_for("telegram", "published", 4).await;
    assert_eq!((x.count(x::TOKEN), replays(&x)), (3, 1), "never a loop");
    connect(&newsroom).await;
    books.wait_for("x", "published", 4).await;
    saw(x.ledger(), &["one", "two", "three", "four"].map(link));
    assert!(stored(&books, "x").await.1);
    until("the notice is settled", async || !books.notices().await.iter().any(|it| it.key == "channel.x.blocked"))
        .await;
    assert!(bugle.term().await.success());
}

/// Killed before the request leaves: the repeat is carried out. Killed between the answer and the commit: the rotation is
/// lost, the repeat is refused, and a person signs in. Either way each story is out once.
async fn killed(point: &str, refused: usize) {
    let (x, press) = (fake(), Press::start());
    let name = format!("killed-{point}");
    let newsroom = by_consent(&name, "x", &x.url(), APP, None).source("news", &press.url(), "from now");
    connect(&newsroom).await;
    let mut bugle = newsroom.start_to_crash(point, 1).await;
    until("it runs", async || bugle.is_up()).await;
    let books = newsroom.books().await;
    press.read().await;
    press.publish("one");
    books.wait_for("x", "published", 1).await;
    x.rules().oauth.run_out();
    press.publish("two");
    bugle.wait_exit().await;
    let bugle = newsroom.start().await;
    if refused > 0 {
        until("the channel is blocked", async || books.block("x").await.is_some()).await;
        // The refused send was begun, and its outcome went with the process: looked up before it goes again.
        books.wait_for("x", "uncertain", 1).await;
        connect(&newsroom).await;
    }
    books.wait_for("x", "published", 2).await;
    assert_eq!(replays(&x), refused, "{point}");
    saw(x.ledger(), &["one", "two"].map(link));
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn killed_before_a_renewal_leaves_it_is_repeated() {
    killed("renewing", 0).await;
}

#[tokio::test]
async fn killed_between_the_answer_and_the_commit_a_person_signs_in() {
    killed("renewed", 1).await;
}
