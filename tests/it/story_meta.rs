//! Facebook, Instagram and Threads from a feed to a post in the fake's ledger: out once whatever is lost of the container
//! or of its publication, pictures fetched from Bugle itself, threads, throttling, dead tokens, corrections.

use std::time::Duration;

use crate::fakes::facebook::{self, FakeFacebook};
use crate::fakes::fault::Fault;
use crate::fakes::feed::FakeFeed;
use crate::fakes::http::Request;
use crate::fakes::hub::Front;
use crate::fakes::instagram::{self, FakeInstagram};
use crate::fakes::meta::{APP_ID, APP_SECRET, proof, refusal};
use crate::fakes::threads::{self, FakeThreads};
use crate::harness::{Newsroom, Press, Running, fetched, link, saw, until};

/// The Page that is posted to.
const PAGE: &str = "1000123";

/// Slow enough that a picture is drawn and fetched within its time also in a build without optimisation.
const WITH_PICTURES: f64 = 0.3;

fn keys(newsroom: &mut Newsroom, token: &str, name: &str) -> Vec<(&'static str, String)> {
    vec![
        ("token", newsroom.secret(name, token)),
        ("app_secret", newsroom.secret("META_APP_SECRET", APP_SECRET)),
        ("app_id", format!("{APP_ID:?}")),
    ]
}

fn with_facebook(mut newsroom: Newsroom, fake: &FakeFacebook) -> Newsroom {
    let token = fake.page(PAGE);
    fake.rules().gate.require_proof = true;
    let keys = keys(&mut newsroom, &token, "FACEBOOK_TOKEN");
    newsroom.allowing(&fake.host()).channel("facebook", "facebook", Some(&fake.url()), &keys)
}

fn with_threads(newsroom: Newsroom, fake: &FakeThreads) -> Newsroom {
    newsroom.threads(fake)
}

fn with_instagram(mut newsroom: Newsroom, fake: &FakeInstagram) -> Newsroom {
    let token = fake.account("newsroom");
    fake.rules().gate.require_proof = true;
    let mut keys = keys(&mut newsroom, &token, "INSTAGRAM_TOKEN");
    keys.push(("picture", "\"headline\"".to_owned()));
    newsroom.allowing(&fake.host()).channel("instagram", "instagram", Some(&fake.url()), &keys)
}

fn requests(seen: Vec<crate::fakes::Seen>, endpoint: &str) -> Vec<Request> {
    seen.into_iter().filter(|it| it.endpoint == endpoint).map(|it| it.request).collect()
}

fn field(request: &Request, name: &str) -> Option<String> {
    request.form().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

#[tokio::test]
async fn a_story_is_out_once_on_all_three() {
    let (facebook, instagram, threads) = (FakeFacebook::start(), FakeInstagram::start(), FakeThreads::start());
    let (press, front) = (Press::with(&["one"]), Front::open());
    let newsroom =
        Newsroom::new("meta").scale(WITH_PICTURES).source("news", &press.url(), "last 1").public(&front.url());
    let newsroom = with_threads(with_instagram(with_facebook(newsroom, &facebook), &instagram), &threads);
    let bugle = newsroom.ready(&[]).await;
    front.lead_to(&bugle);
    let books = newsroom.books().await;
    for channel in ["facebook", "instagram", "threads"] {
        books.wait_for(channel, "published", 1).await;
    }
    assert!(bugle.term().await.success());
    for ledger in [facebook.ledger(), instagram.ledger(), threads.ledger()] {
        saw(ledger, &[link("one")]);
    }

    // Facebook read the page first, and each call was proved.
    assert_eq!(facebook.rules().scraped, [link("one")]);
    let post = &requests(facebook.seen(), facebook::FEED)[0];
    assert_eq!(field(post, "link"), Some(link("one")));
    assert_eq!(post.query("appsecret_proof"), post.bearer().map(proof).as_deref());
    // Threads: a card by its own field; the container first.
    let container = &requests(threads.seen(), threads::CONTAINER)[0];
    assert_eq!(field(container, "media_type").as_deref(), Some("TEXT"));
    assert_eq!(field(container, "link_attachment"), Some(link("one")));
    let order: Vec<&str> = threads.seen().iter().map(|it| it.endpoint).collect();
    let at = |endpoint: &str| order.iter().position(|it| *it == endpoint);
    assert!(at(threads::LIMIT) < at(threads::CONTAINER) && at(threads::CONTAINER) < at(threads::PUBLISH), "{order:?}");
    // Instagram fetched the card from Bugle, at an address nobody can guess, and shows it with its words.
    let container = &requests(instagram.seen(), instagram::CONTAINER)[0];
    let shown = field(container, "image_url").expect("a picture");
    let name = shown.strip_prefix(&format!("{}/shown/", front.url())).expect("on our own server");
    assert_eq!(name.len(), 36, "{name}");
    assert_eq!(field(container, "alt_text").as_deref(), Some("Story one"));
    assert!(field(container, "caption").is_some_and(|text| text.contains("Story one")));
}

/// A story on Threads and Facebook whose requests to that endpoint meet the fault once.
async fn meets(name: &str, endpoint: &'static str, fault: Fault) {
    let (facebook, threads) = (FakeFacebook::start(), FakeThreads::start());
    match endpoint {
        facebook::FEED => facebook.fail(endpoint, fault.clone()),
        _ => threads.fail(endpoint, fault.clone()),
    }
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("meta_lost").source("news", &press.url(), "last 1");
    let newsroom = with_facebook(with_threads(newsroom, &threads), &facebook);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    for channel in ["threads", "facebook"] {
        books.wait_for(channel, "published", 1).await;
    }
    assert!(bugle.term().await.success(), "{name}");
    saw(threads.ledger(), &[link("one")]);
    saw(facebook.ledger(), &[link("one")]);
    if fault.carries_out() && endpoint == facebook::FEED {
        assert_eq!(facebook.count(facebook::FEED), 1, "{name}: found by looking, not by sending again");
    }
    if fault.carries_out() && endpoint == threads::PUBLISH {
        assert_eq!(threads.count(threads::PUBLISH), 1, "{name}: the container says that it is out");
    }
}

#[tokio::test]
async fn a_lost_answer_to_the_container_costs_an_orphan() {
    futures_util::future::join_all([
        meets("reset before", threads::CONTAINER, Fault::ResetBefore),
        meets("reset after", threads::CONTAINER, Fault::ResetAfter),
        meets("hangs after", threads::CONTAINER, Fault::HangAfter),
        meets("500 after", threads::CONTAINER, Fault::status_after(500)),
        meets("malformed", threads::CONTAINER, Fault::malformed()),
    ])
    .await;
}

#[tokio::test]
async fn a_lost_answer_to_the_publication_posts_once() {
    futures_util::future::join_all([
        meets("reset before", threads::PUBLISH, Fault::ResetBefore),
        meets("reset after", threads::PUBLISH, Fault::ResetAfter),
        meets("hangs before", threads::PUBLISH, Fault::HangBefore),
        meets("hangs after", threads::PUBLISH, Fault::HangAfter),
        meets("500", threads::PUBLISH, Fault::status(500)),
        meets("500 after", threads::PUBLISH, Fault::status_after(500)),
        meets("half a body", threads::PUBLISH, Fault::HalfBody),
        meets("without id", threads::PUBLISH, Fault::without_id()),
        meets("code 2", threads::PUBLISH, Fault::After(refusal(2, 0, "An unexpected error has occurred."))),
    ])
    .await;
}

#[tokio::test]
async fn a_lost_answer_of_facebook_is_looked_up() {
    futures_util::future::join_all([
        meets("reset before", facebook::FEED, Fault::ResetBefore),
        meets("reset after", facebook::FEED, Fault::ResetAfter),
        meets("hangs after", facebook::FEED, Fault::HangAfter),
        meets("500", facebook::FEED, Fault::status(500)),
        meets("504 after", facebook::FEED, Fault::status_after(504)),
        meets("malformed", facebook::FEED, Fault::malformed()),
        meets("code 1", facebook::FEED, Fault::After(refusal(1, 0, "Please reduce the amount of data"))),
        // The answer to our own first try was lost on the way and the second is called a duplicate.
        meets("called a duplicate", facebook::FEED, Fault::After(refusal(506, 1_455_006, "Duplicate status message"))),
    ])
    .await;
}

#[tokio::test]
async fn a_post_that_the_list_shows_late_is_not_posted_again() {
    let (facebook, threads) = (FakeFacebook::start(), FakeThreads::start());
    facebook.fail(facebook::FEED, Fault::ResetAfter);
    threads.fail(threads::PUBLISH, Fault::ResetAfter);
    // At this scale Facebook is looked at after 1.2 s and after 6 s.
    facebook.rules().lag = Duration::from_secs(3);
    threads.rules().boxes.lag = Duration::from_secs(2);
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("meta_lag").source("news", &press.url(), "last 1");
    let newsroom = with_facebook(with_threads(newsroom, &threads), &facebook);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    books.wait_for("facebook", "published", 1).await;
    books.wait_for("threads", "published", 1).await;
    assert!(bugle.term().await.success());
    assert_eq!((facebook.count(facebook::FEED), threads.count(threads::PUBLISH)), (1, 1));
    saw(facebook.ledger(), &[link("one")]);
    saw(threads.ledger(), &[link("one")]);
}

/// A newsroom with one story and one channel on Threads.
async fn on_threads(name: &str, threads: &FakeThreads) -> (Newsroom, Running, Press) {
    let press = Press::with(&["one"]);
    let newsroom = with_threads(Newsroom::new(name).source("news", &press.url(), "last 1"), threads);
    let bugle = newsroom.start().await;
    (newsroom, bugle, press)
}

#[tokio::test]
async fn a_container_that_is_not_found_is_tried_again_and_then_replaced() {
    for (unseen, publications, containers) in [(1, 2, 1), (3, 4, 2)] {
        let threads = FakeThreads::start();
        threads.rules().boxes.slow = 3;
        threads.rules().boxes.unseen = unseen;
        let (newsroom, bugle, _press) = on_threads("meta_unseen", &threads).await;
        newsroom.books().await.wait_for("threads", "published", 1).await;
        assert!(bugle.term().await.success());
        saw(threads.ledger(), &[link("one")]);
        let counts = (threads.count(threads::PUBLISH), threads.count(threads::CONTAINER));
        assert_eq!(counts, (publications, containers), "unseen {unseen} times");
    }
}

#[tokio::test]
async fn an_expired_container_makes_room_for_another() {
    let threads = FakeThreads::start();
    threads.fail_always(threads::PUBLISH, Fault::status(500));
    let (newsroom, bugle, _press) = on_threads("meta_expired", &threads).await;
    threads.wait_for(threads::PUBLISH, 1).await;
    threads.rules().boxes.expire();
    threads.heal();
    newsroom.books().await.wait_for("threads", "published", 1).await;
    assert!(bugle.term().await.success());
    saw(threads.ledger(), &[link("one")]);
    assert!(threads.count(threads::CONTAINER) >= 2);
}

#[tokio::test]
async fn a_container_that_fails_is_made_again_once() {
    let threads = FakeThreads::start();
    threads.rules().boxes.failing = vec!["UNKNOWN".to_owned()];
    let (newsroom, bugle, _press) = on_threads("meta_failing", &threads).await;
    newsroom.books().await.wait_for("threads", "published", 1).await;
    assert!(bugle.term().await.success());
    saw(threads.ledger(), &[link("one")]);

    let threads = FakeThreads::start();
    threads.rules().boxes.failing = vec!["UNKNOWN".to_owned(), "the second fails too".to_owned()];
    let (newsroom, bugle, _press) = on_threads("meta_failed", &threads).await;
    let posts = newsroom.books().await.wait_for("threads", "failed", 1).await;
    assert!(bugle.term().await.success());
    assert!(posts[0].reason.contains("the second fails too"), "{posts:#?}");
    assert_eq!((threads.ledger().posts().len(), threads.count(threads::CONTAINER)), (0, 2));
}

/// Three parts, the link in the first.
const THREE: &str = "{% filter part(numbered=true) %}
{{ title }}
{{ link }}
{% endfilter %}
{% filter part(numbered=true) %}The second part of {{ title }}{% endfilter %}

{% filter part(numbered=true) %}The third part of {{ title }}{% endfilter %}

";

/// Each part once, each under the one before.
fn saw_the_thread(threads: &FakeThreads) {
    let posts = threads.ledger().posts();
    assert_eq!(posts.len(), 3, "{posts:#?}");
    assert_eq!((posts[0].link.as_deref(), posts[0].parent.as_ref()), (Some(link("one").as_str()), None));
    for n in [1, 2] {
        assert_eq!(posts[n].parent.as_ref(), Some(&posts[n - 1].id), "{posts:#?}");
    }
}

#[tokio::test]
async fn a_thread_is_out_in_order_and_taken_down_whole() {
    for n in 0..=3 {
        for fault in [Fault::ResetBefore, Fault::ResetAfter] {
            let threads = FakeThreads::start();
            let mut seen = 0;
            let strikes = fault.clone();
            threads.script(move |endpoint, _| {
                seen += usize::from(endpoint == threads::PUBLISH);
                (endpoint == threads::PUBLISH && seen == n).then(|| strikes.clone())
            });
            let press = Press::with(&["one"]);
            let newsroom = with_threads(Newsroom::new("meta_thread").source("news", &press.url(), "last 1"), &threads);
            newsroom.write("templates/post/headline.j2", THREE);
            let bugle = newsroom.start().await;
            let books = newsroom.books().await;
            books.wait_for("threads", "published", 1).await;
            saw_the_thread(&threads);
            if n == 0 {
                let id = books.posts().await[0].id.clone();
                let asked = newsroom.command(&["retract", &id]).await;
                assert!(asked.status.success(), "{asked:?}");
                books.wait_for("threads", "retracted", 1).await;
                let order: Vec<String> = threads.ledger().entries().into_iter().map(|entry| entry.id).collect();
                assert_eq!(order[3..], [order[2].clone(), order[1].clone(), order[0].clone()], "the last part first");
            }
            assert!(bugle.term().await.success());
        }
    }
}

#[tokio::test]
async fn a_kill_at_each_step_of_a_thread_sends_no_part_twice() {
    for point in ["begun", "answered"] {
        // Six steps: a container and a publication for each part.
        for n in 1..=6 {
            let threads = FakeThreads::start();
            let press = Press::with(&["one"]);
            let newsroom = with_threads(Newsroom::new("meta_killed").source("news", &press.url(), "last 1"), &threads);
            newsroom.write("templates/post/headline.j2", THREE);
            let mut bugle = newsroom.start_to_crash(point, n).await;
            assert!(!bugle.wait_exit().await.success(), "{point} {n}");
            let bugle = newsroom.start().await;
            newsroom.books().await.wait_for("threads", "published", 1).await;
            assert!(bugle.term().await.success());
            saw_the_thread(&threads);
        }
    }
}

/// A newsroom with one story, whose channel on Instagram draws its headline.
async fn on_instagram(name: &str, instagram: &FakeInstagram, prepare: impl Fn(&FakeInstagram)) -> Newsroom {
    let (press, front) = (Press::with(&["one"]), Front::open());
    let newsroom = Newsroom::new(name).scale(WITH_PICTURES).source("news", &press.url(), "last 1").public(&front.url());
    let newsroom = with_instagram(newsroom, instagram);
    prepare(instagram);
    let bugle = newsroom.ready(&[]).await;
    front.lead_to(&bugle);
    newsroom.books().await.wait_for("instagram", "published", 1).await;
    assert!(bugle.term().await.success());
    saw(instagram.ledger(), &[link("one")]);
    newsroom
}

#[tokio::test]
async fn instagram_posts_once_whatever_is_lost() {
    for (endpoint, fault) in [
        (instagram::CONTAINER, Fault::ResetAfter),
        (instagram::PUBLISH, Fault::ResetBefore),
        (instagram::PUBLISH, Fault::ResetAfter),
        (instagram::PUBLISH, Fault::status_after(500)),
        (instagram::PUBLISH, Fault::Instead(instagram::not_ready())),
    ] {
        let instagram = FakeInstagram::start();
        on_instagram("meta_gallery", &instagram, |fake| fake.fail(endpoint, fault.clone())).await;
        if endpoint == instagram::PUBLISH && fault.carries_out() {
            assert_eq!(instagram.count(instagram::PUBLISH), 1);
        }
    }
}

#[tokio::test]
async fn instagram_needs_a_picture_and_takes_nothing_down() {
    let instagram = FakeInstagram::start();
    let newsroom = on_instagram("meta_only_pictures", &instagram, |_| {}).await;
    let id = newsroom.books().await.posts().await[0].id.clone();
    let asked = newsroom.command(&["retract", &id]).await;
    assert!(!asked.status.success() && String::from_utf8_lossy(&asked.stderr).contains("by hand"), "{asked:?}");

    let press = Press::with(&["two"]);
    let instagram = FakeInstagram::start();
    let newsroom = with_instagram(Newsroom::new("meta_bare").source("news", &press.url(), "last 1"), &instagram);
    let newsroom = newsroom.with("instagram", "picture = \"photo\"");
    let bugle = newsroom.start().await;
    let posts = newsroom.books().await.wait_for("instagram", "held", 1).await;
    assert!(bugle.term().await.success());
    assert!(posts[0].reason.contains("needs a picture"), "{posts:#?}");
    assert_eq!(instagram.count(instagram::CONTAINER), 0, "refused before any call");
}

/// A feed of one story with a picture.
fn illustrated(web: &FakeFeed, picture: &str) {
    let (url, at) = (link("bridge"), web.at(picture));
    web.feed(
        "/rss",
        &format!(
            "<rss version=\"2.0\"><channel><title>N</title><item><title>A bridge</title><link>{url}</link>\
             <guid isPermaLink=\"false\">bridge</guid><enclosure url=\"{at}\" type=\"image/png\" length=\"1\"/></item>\
             </channel></rss>"
        ),
    );
}

#[tokio::test]
async fn a_photo_is_uploaded_to_facebook_and_shown_to_threads() {
    let (facebook, threads) = (FakeFacebook::start(), FakeThreads::start());
    let (web, front) = (FakeFeed::start(), Front::open());
    web.feed("/rss", "<rss version=\"2.0\"><channel><title>N</title></channel></rss>");
    web.picture("/p.png", 1600, 900);
    let newsroom = Newsroom::new("meta_photo").scale(WITH_PICTURES).source("news", &web.at("/rss"), "from now");
    let newsroom = with_threads(with_facebook(newsroom.public(&front.url()), &facebook), &threads);
    let newsroom = newsroom.with("facebook", "picture = \"photo\"").with("threads", "picture = \"photo\"");
    let bugle = newsroom.ready(&[]).await;
    front.lead_to(&bugle);
    fetched(&web, "/rss").await;
    illustrated(&web, "/p.png");
    let books = newsroom.books().await;
    for channel in ["facebook", "threads"] {
        books.wait_for(channel, "published", 1).await;
        let history = books.history(channel).await;
        assert!(!history.contains("without its picture"), "{history}");
    }
    assert!(bugle.term().await.success());
    saw(facebook.ledger(), &[link("bridge")]);
    saw(threads.ledger(), &[link("bridge")]);
    let post = facebook.rules().posts[0].clone();
    assert_eq!((post.photos.len(), post.link), (1, None), "a photo, and no card");
    let photo = &requests(facebook.seen(), facebook::PHOTOS)[0];
    let alt = photo.multipart().unwrap().into_iter().find(|(name, ..)| name == "alt_text_custom");
    assert_eq!(alt.map(|(.., text)| text), Some(b"A bridge".to_vec()));
    let container = &requests(threads.seen(), threads::CONTAINER)[0];
    assert!(field(container, "image_url").is_some_and(|url| url.starts_with(&format!("{}/shown/", front.url()))));
    assert_eq!(field(container, "alt_text").as_deref(), Some("A bridge"));
    assert_eq!(field(container, "link_attachment"), None);
}

#[tokio::test]
async fn a_picture_that_fails_costs_threads_only_the_picture() {
    let (threads, web) = (FakeThreads::start(), FakeFeed::start());
    web.feed("/rss", "<rss version=\"2.0\"><channel><title>N</title></channel></rss>");
    // Without a public address Threads is sent to the source's own picture, which is not there.
    let newsroom = Newsroom::new("meta_broken").source("news", &web.at("/rss"), "from now");
    let newsroom = with_threads(newsroom, &threads).with("threads", "picture = \"photo\"");
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    illustrated(&web, "/nothing.png");
    let books = newsroom.books().await;
    books.wait_for("threads", "published", 1).await;
    let history = books.history("threads").await;
    assert!(bugle.term().await.success());
    saw(threads.ledger(), &[link("bridge")]);
    assert!(history.contains("without its picture"), "{history}");
    let containers = requests(threads.seen(), threads::CONTAINER);
    let kinds: Vec<_> = containers.iter().filter_map(|it| field(it, "media_type")).collect();
    assert_eq!(kinds, ["IMAGE", "IMAGE", "TEXT"]);
    assert_eq!(field(&containers[2], "link_attachment"), Some(link("bridge")), "now there is room for the card");
}

#[tokio::test]
async fn a_dead_token_blocks_its_channel_and_the_others_go_on() {
    let (facebook, threads) = (FakeFacebook::start(), FakeThreads::start());
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("meta_revoked").source("news", &press.url(), "last 1");
    let newsroom = with_threads(with_facebook(newsroom, &facebook), &threads);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    for channel in ["facebook", "threads"] {
        books.wait_for(channel, "published", 1).await;
    }
    facebook.rules().gate.revoke();
    press.publish("two");
    books.wait_for("threads", "published", 2).await;
    until("the channel is blocked", async || books.block("facebook").await.is_some()).await;
    books.wait_for("facebook", "scheduled", 1).await;
    let block = books.block("facebook").await.unwrap_or_default();
    let log = bugle.log();
    assert!(bugle.term().await.success());
    assert!(block.contains("code 190/467"), "{block}");
    assert!(!log.contains("EAAG") && !log.contains(APP_SECRET), "no token and no secret in the log");
    saw(facebook.ledger(), &[link("one")]);
}

/// Facebook refuses the first post with a limit's code: a pause that says so, and the post is out after it.
async fn throttled(code: i64) {
    let facebook = FakeFacebook::start();
    facebook.rules().gate.usage = Some((97, 0));
    facebook.fail(facebook::FEED, Fault::Instead(refusal(code, 0, "calls are limited")));
    let press = Press::with(&["one"]);
    // The 15 minutes that are waited where no end is told are 18 s here.
    let newsroom = with_facebook(Newsroom::new("meta_slow").source("news", &press.url(), "last 1"), &facebook);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    let paused = async || books.pauses().await.iter().any(|pause| pause.why.contains(&format!("code {code}")));
    until("the limit is a pause", paused).await;
    assert_eq!(facebook.ledger().posts().len(), 0);
    books.wait_for("facebook", "published", 1).await;
    assert!(bugle.term().await.success());
    saw(facebook.ledger(), &[link("one")]);
    assert_eq!(facebook.count(facebook::FEED), 2, "{code}");
}

#[tokio::test]
async fn a_throttled_page_waits_and_posts_then() {
    futures_util::future::join_all([throttled(4), throttled(32), throttled(80_001)]).await;
}

#[tokio::test]
async fn a_duplicate_that_is_not_ours_is_a_persons() {
    let facebook = FakeFacebook::start();
    facebook.fail(facebook::FEED, Fault::Instead(refusal(506, 1_455_006, "Duplicate status message")));
    let press = Press::with(&["one"]);
    let newsroom = with_facebook(Newsroom::new("meta_twice").source("news", &press.url(), "last 1"), &facebook);
    let bugle = newsroom.start().await;
    let posts = newsroom.books().await.wait_for("facebook", "held", 1).await;
    assert!(bugle.term().await.success());
    assert!(posts[0].reason.contains("posted already"), "{posts:#?}");
    assert_eq!(
        (facebook.count(facebook::FEED), facebook.ledger().posts().len()),
        (1, 0),
        "never varied, never repeated"
    );
}

#[tokio::test]
async fn a_link_that_cannot_be_read_is_tried_twice_more() {
    let facebook = FakeFacebook::start();
    facebook.rules().unreadable = vec![link("one")];
    let press = Press::with(&["one"]);
    let newsroom = with_facebook(Newsroom::new("meta_unread").source("news", &press.url(), "last 1"), &facebook);
    let bugle = newsroom.start().await;
    let posts = newsroom.books().await.wait_for("facebook", "failed", 1).await;
    assert!(bugle.term().await.success());
    assert!(posts[0].reason.contains("1609005"), "{posts:#?}");
    assert_eq!(facebook.count(facebook::FEED), 3);
}

#[tokio::test]
async fn facebook_shows_a_correction_and_takes_a_post_down() {
    let facebook = FakeFacebook::start();
    let press = Press::with(&["one"]);
    let newsroom = with_facebook(Newsroom::new("meta_edit").source("news", &press.url(), "last 1"), &facebook);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    books.wait_for("facebook", "published", 1).await;
    let id = books.posts().await[0].id.clone();
    let text = format!("Corrected {}", link("one"));
    // The answer is lost once: an edit is simply made again.
    facebook.fail(facebook::EDIT, Fault::ResetAfter);
    let said = newsroom.command(&["edit", &id, "--text", &text]).await;
    assert!(said.status.success(), "{said:?}");
    assert_eq!(facebook.ledger().posts()[0].text, text);
    facebook.fail(facebook::DELETE, Fault::ResetAfter);
    let said = newsroom.command(&["retract", &id, "--wait", "30"]).await;
    assert!(said.status.success(), "{said:?}");
    books.wait_for("facebook", "retracted", 1).await;
    assert!(bugle.term().await.success());
    assert_eq!(facebook.ledger().posts().len(), 0);
    assert_eq!(facebook.ledger().count_by_link()[&link("one")], 1);
}

#[tokio::test]
async fn check_says_who_we_are_and_shows_no_secret() {
    let facebook = FakeFacebook::start();
    let newsroom = Newsroom::new("meta_check").source("news", "http://127.0.0.1:9/rss", "from now");
    let newsroom = with_facebook(newsroom, &facebook);
    newsroom.write("bugle.toml", &newsroom.config().await);
    let said = newsroom.command(&["check", "--live"]).await;
    let text = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    assert!(text.contains(&format!("Page {PAGE}")), "{text}");
    let asked = requests(facebook.seen(), facebook::DEBUG);
    assert_eq!(asked.len(), 1, "the token's end and rights are asked for");
    assert!(!text.contains("EAAG") && !text.contains(APP_SECRET), "{text}");
}
