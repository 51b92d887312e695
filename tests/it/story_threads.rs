//! Threads: each part out once and under the part before, whatever is lost, refused or killed on the way.

use std::path::Path;
use std::time::Duration;

use crate::fakes::bluesky::{self, FakeBluesky};
use crate::fakes::fault::Fault;
use crate::fakes::http::Reply;
use crate::fakes::mastodon::{self, FakeMastodon};
use crate::fakes::matrix::{self, FakeMatrix};
use crate::fakes::x::{self, FakeX};
use crate::harness::{Newsroom, Press, link, until};
use crate::ledger::Ledger;

/// Three parts, the link in the first.
const THREE: &str = "{% filter part(numbered=true) %}
{{ title }}
{{ link }}
{% endfilter %}
{% filter part(numbered=true) %}The second part of {{ title }}{% endfilter %}

{% filter part(numbered=true) %}The third part of {{ title }}{% endfilter %}

";

/// A platform that threads, and how it is broken.
enum Side {
    X(FakeX),
    Mastodon(FakeMastodon),
    Bluesky(FakeBluesky),
    Matrix(FakeMatrix),
}

impl Side {
    fn all() -> [Self; 4] {
        let x = FakeX::start();
        // So that a second post of the same words shows.
        x.rules().duplicate_guard = false;
        [
            Self::X(x),
            Self::Mastodon(FakeMastodon::start()),
            Self::Bluesky(FakeBluesky::start()),
            Self::Matrix(FakeMatrix::start()),
        ]
    }

    fn word(&self) -> &'static str {
        match self {
            Self::X(_) => "x",
            Self::Mastodon(_) => "mastodon",
            Self::Bluesky(_) => "bluesky",
            Self::Matrix(_) => "matrix",
        }
    }

    fn ledger(&self) -> &Ledger {
        match self {
            Self::X(fake) => fake.ledger(),
            Self::Mastodon(fake) => fake.ledger(),
            Self::Bluesky(fake) => fake.ledger(),
            Self::Matrix(fake) => fake.ledger(),
        }
    }

    fn join(&self, newsroom: Newsroom) -> Newsroom {
        match self {
            Self::X(fake) => newsroom.x(fake),
            Self::Mastodon(fake) => newsroom.mastodon(fake),
            Self::Bluesky(fake) => newsroom.bluesky(fake),
            Self::Matrix(fake) => newsroom.matrix(fake),
        }
    }

    /// The `n`th request to post (from 1) meets the fault.
    fn fail(&self, n: usize, fault: &Fault) {
        let (mut seen, fault) = (0, fault.clone());
        let script = move |endpoint: &str, _: &crate::fakes::http::Request| {
            if ![x::CREATE, mastodon::CREATE, bluesky::PUT, matrix::SEND].contains(&endpoint) {
                return None;
            }
            seen += 1;
            (seen == n).then(|| fault.clone())
        };
        match self {
            Self::X(fake) => fake.script(script),
            Self::Mastodon(fake) => fake.script(script),
            Self::Bluesky(fake) => fake.script(script),
            Self::Matrix(fake) => fake.script(script),
        }
    }

    /// What it answers to a part that it refuses for good.
    fn refusal(&self) -> Reply {
        match self {
            Self::X(_) => Reply::json(
                400,
                &serde_json::json!({"type": "https://api.twitter.com/2/problems/invalid-request",
                    "title": "Invalid Request", "detail": "no", "status": 400}),
            ),
            Self::Mastodon(_) => Reply::json(422, &serde_json::json!({"error": "Validation failed: no"})),
            Self::Bluesky(_) => {
                Reply::json(400, &serde_json::json!({"error": "InvalidRequest", "message": "Invalid record"}))
            }
            Self::Matrix(_) => FakeMatrix::refusal(400, "M_BAD_JSON"),
        }
    }

    fn newsroom(&self, name: &str, press: &Press) -> Newsroom {
        let newsroom = self.join(Newsroom::new(name).source("news", &press.url(), "last 1"));
        newsroom.write("templates/post/headline.j2", THREE);
        newsroom
    }

    /// Each part once, each under the one before.
    fn saw_the_thread(&self) {
        let posts = self.ledger().posts();
        assert_eq!(posts.len(), 3, "{}: {posts:#?}", self.word());
        assert_eq!((posts[0].link.as_deref(), posts[0].parent.as_ref()), (Some(link("one").as_str()), None));
        for n in [1, 2] {
            assert_eq!(posts[n].parent.as_ref(), Some(&posts[n - 1].id), "{}: {posts:#?}", self.word());
        }
        for (post, word) in posts.iter().zip(["1/3", "second", "third"]) {
            assert!(post.text.contains(word), "{}: {posts:#?}", self.word());
        }
    }
}

#[tokio::test]
async fn a_thread_is_out_in_order_and_taken_down_whole() {
    for side in Side::all() {
        let press = Press::with(&["one"]);
        let newsroom = side.newsroom("thread", &press);
        let bugle = newsroom.start().await;
        let books = newsroom.books().await;
        books.wait_for(side.word(), "published", 1).await;
        side.saw_the_thread();
        let id = books.posts().await[0].id.clone();
        let asked = newsroom.command(&["retract", &id]).await;
        assert!(asked.status.success(), "{asked:?}");
        let down = async || side.ledger().posts().is_empty();
        until("all parts are down", down).await;
        books.wait_for(side.word(), "retracted", 1).await;
        assert!(bugle.term().await.success());
        // The last part first.
        let order: Vec<String> = side.ledger().entries().into_iter().map(|entry| entry.id).collect();
        assert_eq!(order[3..], [order[2].clone(), order[1].clone(), order[0].clone()], "{}", side.word());
    }
}

#[tokio::test]
async fn a_lost_answer_to_any_part_sends_no_part_twice() {
    for n in [1, 2, 3] {
        for fault in [Fault::ResetBefore, Fault::ResetAfter] {
            for side in Side::all() {
                side.fail(n, &fault);
                let press = Press::with(&["one"]);
                let newsroom = side.newsroom("thread_lost", &press);
                let bugle = newsroom.start().await;
                let books = newsroom.books().await;
                books.wait_for(side.word(), "published", 1).await;
                assert!(bugle.term().await.success());
                side.saw_the_thread();
                let parts = books.posts().await;
                assert_eq!(parts.len(), 1);
            }
        }
    }
}

#[tokio::test]
async fn a_kill_at_each_step_sends_no_part_twice() {
    for point in ["begun", "requested", "answered"] {
        for n in [1, 2, 3] {
            for side in Side::all() {
                let press = Press::with(&["one"]);
                let newsroom = side.newsroom("thread_killed", &press);
                // While a request is on its way: that of part n is, for long enough.
                let late = point == "requested";
                if late {
                    side.fail(n, &Fault::Slow(Duration::from_millis(300)));
                }
                let mut bugle =
                    newsroom.start_to_crash(point, if late { 1 } else { u32::try_from(n).expect("up to 3") }).await;
                assert!(!bugle.wait_exit().await.success(), "{point} {n}");
                let bugle = newsroom.start().await;
                newsroom.books().await.wait_for(side.word(), "published", 1).await;
                assert!(bugle.term().await.success());
                side.saw_the_thread();
            }
        }
    }
}

#[tokio::test]
async fn a_refused_second_part_is_a_persons_and_the_rest_can_follow() {
    for side in Side::all() {
        side.fail(2, &Fault::Instead(side.refusal()));
        let press = Press::with(&["one"]);
        let newsroom = side.newsroom("thread_refused", &press);
        let bugle = newsroom.start().await;
        let books = newsroom.books().await;
        books.wait_for(side.word(), "held", 1).await;
        let post = &books.posts().await[0];
        assert!(post.reason.starts_with("partly out"), "{}: {post:?}", side.word());
        assert_eq!(side.ledger().posts().len(), 1, "{}", side.word());
        // Nothing more goes out without a person, who may send the rest.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(side.ledger().posts().len(), 1, "{}", side.word());
        let asked = newsroom.command(&["retry", &post.id]).await;
        assert!(asked.status.success(), "{asked:?}");
        books.wait_for(side.word(), "published", 1).await;
        assert!(bugle.term().await.success());
        side.saw_the_thread();
    }
}

#[tokio::test]
async fn a_timeline_shows_a_thread_and_telegram_gets_one_text() {
    let telegram = crate::fakes::telegram::FakeTelegram::start();
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("thread_kept")
        .source("news", &press.url(), "last 1")
        .telegram(&telegram)
        .timeline("kept", "x")
        .timeline("one", "telegram");
    newsroom.write("templates/post/headline.j2", THREE);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    for channel in ["telegram", "kept", "one"] {
        books.wait_for(channel, "published", 1).await;
    }
    let page = bugle.page("/timelines/kept").await;
    for words in ["Part 1 of 3", "Part 2 of 3", "Part 3 of 3", "The third part of"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let joined = bugle.page("/timelines/one").await;
    assert!(!joined.contains("Part 1") && joined.contains("The third part of"), "{joined}");
    assert!(bugle.term().await.success());
    let posts = telegram.ledger().posts();
    assert_eq!(posts.len(), 1);
    assert!(posts[0].text.contains("\n\nThe second part of") && !posts[0].text.contains("2/3"), "{posts:#?}");
    assert!(Path::new(&newsroom.path("templates/post/headline.j2")).exists());
}
