//! The lists of the desk with the real program, by plain HTTP as a browser without scripts sends it: a story is found by
//! its words with every channel's answer, a source is polled by hand, a channel paused and resumed, a story taken down
//! everywhere; and all of it is in the log under the person's name.

use crate::harness::{Newsroom, Press, Running, until};
use crate::wire::{Answer, Ask};

/// Sends a form of the desk, as its own page does.
async fn act(bugle: &Running, path: &str, form: &[(&str, &str)]) -> Answer {
    let ask = Ask::form(format!("{}{path}", bugle.address()), form);
    let ask = ask.header("Cookie", bugle.desk().await.cookies(&bugle.address()));
    let ask = ask.header("Origin", bugle.address()).header("Sec-Fetch-Site", "same-origin");
    ask.send().await.unwrap_or_else(|fault| panic!("{path}: {fault}\n{}", bugle.log()))
}

/// What an act answered: its words, percent-encoded as they travel, once it led back.
fn said(answer: &Answer) -> &str {
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.header("set-cookie").expect("something is said")
}

/// The path of the first article that a list shows.
fn first_article(page: &str) -> String {
    let (_, rest) = page.split_once("href=\"/articles/").unwrap_or_else(|| panic!("no article in\n{page}"));
    format!("/articles/{}", rest.split('"').next().unwrap())
}

#[tokio::test]
async fn a_story_is_found_paused_resumed_and_taken_down_everywhere() {
    let press = Press::with(&["before"]);
    // Polled so seldom that only a poll by hand brings anything in time.
    let host = press.url().trim_start_matches("http://").split('/').next().unwrap().to_owned();
    let news = format!("url = {:?}\npoll = \"every 6h\"\nstart = \"from now\"\narticle_page = \"never\"", press.url());
    let newsroom = Newsroom::new("lists")
        .allowing(&host)
        .source_with("news", &news)
        .timeline("one", "x")
        .timeline("two", "mastodon")
        .route("from = [\"news\"]\nto = [\"one\", \"two\"]");
    let bugle = newsroom.ready(&[]).await;
    let books = newsroom.books().await;
    until("the source is read once", async || books.articles().await == 1).await;

    let answer = act(&bugle, "/channels/two/pause", &[("why", "a tragedy"), ("back", "/channels/two")]).await;
    assert_eq!(answer.header("location"), Some("/channels/two"));
    assert!(said(&answer).contains("two%20is%20paused"), "{answer:?}");
    press.publish("bridge");
    assert_eq!(books.articles().await, 1, "nobody has asked the source yet");
    let answer = act(&bugle, "/sources/news/poll", &[("back", "/sources/news")]).await;
    assert!(said(&answer).starts_with("bugle-said=ok."), "{answer:?}");
    books.wait_for("one", "published", 1).await;
    books.wait_for("two", "scheduled", 1).await;

    let list = bugle.page("/articles?q=BRIDG").await;
    assert!(list.contains("Story bridge") && !list.contains("Story before"), "{list}");
    let article = first_article(&list);
    let page = bugle.page(&article).await;
    for words in ["(post ", "paused by", "a tragedy", "worth sending until", "Take down 2 posts"] {
        assert!(page.contains(words), "{words} is not in\n{page}");
    }
    let page = bugle.page("/channels/two").await;
    for words in ["a tragedy", "Resuming lets 1 waiting post go out", "At once", "0 today"] {
        assert!(page.contains(words), "{words} is not in\n{page}");
    }
    assert!(bugle.page("/channels/one").await.contains("1 today"));

    let answer = act(&bugle, "/channels/two/resume", &[("back", "/channels/two")]).await;
    assert!(said(&answer).contains("two%20posts%20again"), "{answer:?}");
    books.wait_for("two", "published", 1).await;
    let answer = act(&bugle, "/channels/two/resume", &[]).await;
    assert!(said(&answer).contains("was%20not%20paused"), "{answer:?}");

    let answer = act(&bugle, &format!("{article}/take-down"), &[("back", &article)]).await;
    assert!(said(&answer).contains("2%20being%20taken%20down"), "{answer:?}");
    for channel in ["one", "two"] {
        books.wait_for(channel, "retracted", 1).await;
    }
    let page = bugle.page(&article).await;
    assert!(page.contains("taken down by") && !page.contains("Take down "), "{page}");
    let answer = act(&bugle, &format!("{article}/take-down"), &[("back", &article)]).await;
    assert!(said(&answer).contains("2%20down%20before"), "a second time does no harm: {answer:?}");
    let answer = act(&bugle, "/articles/none/take-down", &[]).await;
    assert!(said(&answer).starts_with("bugle-said=bad."), "{answer:?}");

    let log = bugle.page("/audit?who=*people").await;
    for words in ["A tragedy", "Resumed", "Asked for it to be taken down", "Taken down everywhere: 2 being taken down"]
    {
        assert!(log.contains(words), "{words} is not in\n{log}");
    }
    let export = bugle.page("/audit.jsonl?what=pause").await;
    let pauses: Vec<serde_json::Value> =
        export.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(pauses.len(), 2, "{export}");
    assert_eq!(pauses[1]["why"], "a tragedy", "the newest first");
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn a_dropped_index_is_built_anew_while_the_service_runs() {
    let press = Press::with(&["before"]);
    let newsroom = Newsroom::new("reindex").source("news", &press.url(), "from now").timeline("one", "x");
    let bugle = newsroom.ready(&[]).await;
    let books = newsroom.books().await;
    until("the source is read once", async || books.articles().await == 1).await;
    assert!(bugle.term().await.success());
    books.run("DELETE FROM article_search").await;
    books.run("DELETE FROM meta WHERE name = 'search'").await;
    let bugle = newsroom.ready(&[]).await;
    until("the article can be found again", async || bugle.page("/articles?q=before").await.contains("Story before"))
        .await;
    assert!(bugle.term().await.success());
}
