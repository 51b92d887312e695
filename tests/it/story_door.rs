//! Stories that the newsroom's own system pushes to a source's door: who may, what becomes of each, and what embargoes,
//! withdrawals and corrections do to posts.

use base64::Engine as _;
use bugle::clock::{Clock as _, SystemClock};
use bugle::model::post::PostState;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::fakes::mastodon::FakeMastodon;
use crate::harness::{Newsroom, Press, Running, link, saw, until};
use crate::wire::{Answer, Ask};

const TOKEN: &str = "a token of the cms";
/// `whsec_` and 24 bytes in Base64.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn now() -> Timestamp {
    SystemClock::new().now()
}

/// A newsroom whose only source is a door; `more`: further lines of its table.
fn newsroom(name: &str, mastodon: &FakeMastodon, more: &str) -> Newsroom {
    let mut newsroom = Newsroom::new(name);
    let token = newsroom.secret("CMS_TOKEN", TOKEN);
    let secret = newsroom.secret("CMS_SECRET", SECRET);
    let lines = format!("{more}[source.cms.ingest]\ntoken = {token}\nsecret = {secret}");
    // The table of the source itself stands above that of its door.
    newsroom.source_with("cms", &lines).mastodon(mastodon)
}

async fn pushed(bugle: &Running, body: &Value) -> Answer {
    Ask::post(format!("http://{}/ingest/cms", bugle.port()), body).bearer(TOKEN).send().await.unwrap()
}

/// Signed as Standard Webhooks has it.
async fn signed(bugle: &Running, id: &str, at: Timestamp, body: &Value) -> Answer {
    let engine = base64::engine::general_purpose::STANDARD;
    let key = engine.decode(SECRET.trim_start_matches("whsec_")).unwrap();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{id}.{}.{body}", at.as_second()).as_bytes());
    let signature = format!("v1,{}", engine.encode(mac.finalize().into_bytes()));
    Ask::post(format!("http://{}/ingest/cms", bugle.port()), body)
        .header("webhook-id", id)
        .header("webhook-timestamp", at.as_second().to_string())
        .header("webhook-signature", signature)
        .send()
        .await
        .unwrap()
}

fn story(slug: &str, more: Value) -> Value {
    let mut story =
        json!({ "id": slug, "title": format!("Story {slug}"), "link": link(slug), "published": now().to_string() });
    story.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    story
}

#[tokio::test]
async fn who_proves_who_it_is_may_push() {
    let mastodon = FakeMastodon::start();
    let newsroom = newsroom("door", &mastodon, "");
    let bugle = newsroom.ready(&[]).await;
    let answer = pushed(&bugle, &story("token", json!({}))).await;
    assert_eq!((answer.status, &answer.json()["posts"]), (200, &json!(1)), "{}", answer.text());
    let answer = signed(&bugle, "m1", now(), &story("signed", json!({}))).await;
    assert_eq!((answer.status, &answer.json()["new"]), (200, &json!(1)), "{}", answer.text());
    // The same message again, with a new time as senders have it; and one with another body under the same id.
    let again = signed(&bugle, "m1", now() + SignedDuration::from_secs(2), &story("signed", json!({}))).await;
    assert_eq!((again.status, &again.json()["repeated"]), (200, &json!(true)));
    assert_eq!(signed(&bugle, "m1", now(), &story("other", json!({}))).await.json()["repeated"], json!(true));

    let url = format!("http://{}/ingest/cms", bugle.port());
    let body = story("forged", json!({}));
    let five = SignedDuration::from_mins(5) + SignedDuration::from_secs(2);
    for (name, answer) in [
        ("nothing", Ask::post(&url, &body).send().await.unwrap()),
        ("another token", Ask::post(&url, &body).bearer("another").send().await.unwrap()),
        ("no token", Ask::post(&url, &body).bearer("").send().await.unwrap()),
        ("too old", signed(&bugle, "m2", now() - five, &body).await),
        ("from the future", signed(&bugle, "m3", now() + five, &body).await),
    ] {
        assert_eq!(answer.status, 401, "{name}: {}", answer.text());
        assert!(!answer.text().contains(TOKEN), "{name}");
    }
    let elsewhere = format!("http://{}/ingest/nowhere", bugle.port());
    assert_eq!(Ask::post(elsewhere, &body).bearer(TOKEN).send().await.unwrap().status, 404);
    assert_eq!(Ask::get(&url).send().await.unwrap().status, 405);
    // A flood of guesses is turned away; who knows the token is let in meanwhile.
    let guess = || async { Ask::post(&url, &body).bearer("guess").send().await.unwrap().status };
    let guesses = futures_util::future::join_all((0..20).map(|_| guess()));
    let meanwhile = story("meanwhile", json!({}));
    let (guesses, right) = tokio::join!(guesses, pushed(&bugle, &meanwhile));
    assert_eq!(right.status, 200);
    assert!(guesses.iter().all(|status| [401, 429].contains(status)), "{guesses:?}");
    assert!(guesses.contains(&429), "{guesses:?}");

    mastodon.ledger().wait_for(3).await;
    let books = newsroom.books().await;
    assert_eq!(books.articles().await, 3);
    assert!(bugle.term().await.success());
    saw(mastodon.ledger(), &[link("token"), link("signed"), link("meanwhile")]);
}

#[tokio::test]
async fn what_is_not_understood_is_refused_with_its_place() {
    let mastodon = FakeMastodon::start();
    let newsroom = newsroom("door_refuses", &mastodon, "");
    let bugle = newsroom.ready(&[]).await;
    for (body, status, said) in [
        (story("a", json!({ "embargoed": "2026-11-25T15:00:00Z" })), 422, "embargoed: unknown key"),
        (json!([story("a", json!({})), { "title": "T" }]), 422, "story 2: expected an id or a link"),
        (json!({ "uri": "urn:1", "headline": "T" }), 422, "[source.NAME.ingest]"),
    ] {
        let answer = pushed(&bugle, &body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(said), "{}", answer.text());
    }
    let url = format!("http://{}/ingest/cms", bugle.port());
    let raw = async |body: Vec<u8>| Ask::new("POST", &url).body("application/json", body).bearer(TOKEN).send().await;
    assert_eq!(raw(b"{\"title\": ".to_vec()).await.unwrap().status, 400);
    assert_eq!(raw("[".repeat(100).into_bytes()).await.unwrap().status, 400);
    // Too large: it may be cut off while it is still being sent.
    let large = raw(vec![b' '; 2 * 1024 * 1024]).await;
    assert!(large.is_err() || large.unwrap().status == 413);
    let books = newsroom.books().await;
    assert_eq!(books.articles().await, 0, "nothing of a refused push is kept");
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn an_embargo_holds_for_every_class_of_news() {
    for urgency in ["breaking", "normal", "evergreen"] {
        let mastodon = FakeMastodon::start();
        let newsroom = newsroom(&format!("embargo_{urgency}"), &mastodon, "");
        let route = format!("from = [\"cms\"]\nto = [\"mastodon\"]\nurgency = {urgency:?}");
        let newsroom = newsroom.route(&route);
        let bugle = newsroom.ready(&[]).await;
        let books = newsroom.books().await;
        let far = now() + SignedDuration::from_hours(30);
        for slug in ["kept", "lifted", "nearer"] {
            let answer = pushed(&bugle, &story(slug, json!({ "embargo": far.to_string() }))).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        let posts = books.wait_for("mastodon", "scheduled", 3).await;
        // It is still news when the embargo ends, 30 hours from now.
        let id = posts[0].id.clone();
        let mut conn = books.0.read().await.unwrap();
        let row = bugle::store::post::one(&mut conn, &id).await.unwrap().unwrap();
        assert_eq!(row.post.due.as_millisecond(), far.as_millisecond());
        assert!(row.post.expires.is_none_or(|at| at > far), "{urgency}: {:?}", row.post.expires);
        drop(conn);
        // A person's wish does not go before it either.
        let output = newsroom.command(&["hold", &id]).await;
        assert!(output.status.success(), "{output:?}");
        let output = newsroom.command(&["approve", &id]).await;
        assert!(output.status.success(), "{output:?}");
        let why = newsroom.command(&["why", "kept"]).await;
        let why = String::from_utf8_lossy(&why.stdout).into_owned();
        assert!(why.contains("its source embargoes the story until"), "{why}");
        let queue = newsroom.command(&["queue"]).await;
        assert!(String::from_utf8_lossy(&queue.stdout).contains("embargoes the story"), "{queue:?}");

        pushed(&bugle, &story("lifted", json!({}))).await;
        let soon = now() + SignedDuration::from_secs(3);
        pushed(&bugle, &story("nearer", json!({ "embargo": soon.to_string() }))).await;
        let seen = mastodon.ledger().wait_for(2).await;
        let nearer = seen.iter().find(|post| post.link == Some(link("nearer"))).unwrap();
        assert!(nearer.at >= soon - SignedDuration::from_millis(1), "{urgency}: {nearer:?} before {soon}");
        assert!(bugle.term().await.success());
        saw(mastodon.ledger(), &[link("lifted"), link("nearer")]);
    }
}

#[tokio::test]
async fn a_story_is_withheld_and_comes_back() {
    let mastodon = FakeMastodon::start();
    let newsroom = newsroom("withheld", &mastodon, "");
    let bugle = newsroom.ready(&[]).await;
    let books = newsroom.books().await;
    // A draft is known and not planned.
    let answer = pushed(&bugle, &story("draft", json!({ "standing": "withheld" }))).await.json();
    assert_eq!((&answer["new"], &answer["posts"]), (&json!(1), &json!(0)));
    assert_eq!(books.posts().await, []);
    let why = newsroom.command(&["why", "draft"]).await;
    assert!(String::from_utf8_lossy(&why.stdout).contains("withheld: not planned until it is usable"), "{why:?}");
    // It is published, in other words.
    let answer = pushed(&bugle, &story("draft", json!({ "title": "Ready" }))).await.json();
    assert_eq!((&answer["changed"], &answer["posts"]), (&json!(1), &json!(1)));
    let seen = mastodon.ledger().wait_for(1).await;
    assert!(seen[0].text.contains("Ready"), "{seen:#?}");

    // One that waits is stopped by its source, and goes on when the source lets it.
    let far = (now() + SignedDuration::from_hours(2)).to_string();
    pushed(&bugle, &story("waits", json!({ "embargo": far }))).await;
    pushed(&bugle, &story("waits", json!({ "embargo": far, "standing": "withheld" }))).await;
    let posts = books.wait_for("mastodon", "held", 1).await;
    let held = posts.iter().find(|row| row.state == "held").unwrap();
    assert_eq!(held.reason, "its source withholds the story");
    // A person cannot overrule it by mistake.
    let output = newsroom.command(&["approve", &held.id]).await;
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("withholds"), "{output:?}");
    pushed(&bugle, &story("waits", json!({}))).await;
    mastodon.ledger().wait_for(2).await;
    assert!(bugle.term().await.success());
    saw(mastodon.ledger(), &[link("draft"), link("waits")]);
}

#[tokio::test]
async fn a_story_that_is_taken_back_stops_what_waits_and_is_told() {
    let mastodon = FakeMastodon::start();
    let newsroom = newsroom("killed", &mastodon, "");
    let bugle = newsroom.ready(&[]).await;
    let books = newsroom.books().await;
    pushed(&bugle, &story("out", json!({}))).await;
    mastodon.ledger().wait_for(1).await;
    books.wait_for("mastodon", "published", 1).await;
    let far = (now() + SignedDuration::from_hours(2)).to_string();
    pushed(&bugle, &story("waits", json!({ "embargo": far }))).await;
    let both = json!([story("out", json!({ "standing": "killed" })), story("waits", json!({ "standing": "killed" }))]);
    assert_eq!(pushed(&bugle, &both).await.json()["changed"], json!(2));
    let posts = books.wait_for("mastodon", "skipped", 1).await;
    let states: Vec<_> = posts.iter().map(|row| (row.state, row.reason.as_str())).collect();
    assert_eq!(states, [("published", ""), ("skipped", "its source took the story back")], "what is out is left");
    let notices = books.notices().await;
    let told: Vec<_> = notices.iter().filter(|it| it.text.contains("took back")).collect();
    assert_eq!(told.len(), 2, "{notices:#?}");
    assert!(told.iter().any(|it| it.text.contains("bugle retract") && it.level == "warn"), "{notices:#?}");
    let sql = "SELECT count(*) FROM audit WHERE what = 'article' AND came_from = 'usable' AND went_to = 'killed'";
    assert_eq!(books.number(sql).await, 2);
    // A copy of the feed that still has it, or the sender's second thoughts, bring no post back.
    pushed(&bugle, &story("waits", json!({}))).await;
    // One that nobody knew is kept as what it is, so that a feed that still lists it brings nothing.
    assert_eq!(pushed(&bugle, &story("unknown", json!({ "standing": "killed" }))).await.json()["posts"], json!(0));
    assert!(bugle.term().await.success());
    saw(mastodon.ledger(), &[link("out")]);
}

#[tokio::test]
async fn corrections_are_versions_and_never_go_backwards() {
    let mastodon = FakeMastodon::start();
    let newsroom = newsroom("corrections", &mastodon, "");
    let bugle = newsroom.ready(&[]).await;
    let books = newsroom.books().await;
    let version = |title: &str, minutes: i64| {
        story("s", json!({ "title": title, "updated": (now() - SignedDuration::from_mins(minutes)).to_string() }))
    };
    for (title, minutes, expected) in [
        ("First", 10, ("First", 1)),
        ("Third", 2, ("Third", 2)),
        ("Second", 5, ("Third", 2)),
        ("Fourth", 1, ("Fourth", 3)),
    ] {
        assert_eq!(pushed(&bugle, &version(title, minutes)).await.status, 200);
        let mut conn = books.0.read().await.unwrap();
        let found = bugle::store::article::meant(&mut conn, "s").await.unwrap();
        let found: Vec<_> = found.iter().map(|(it, _)| (it.entry.title.as_str(), it.version)).collect();
        assert_eq!(found, [expected], "{title}");
    }
    mastodon.ledger().wait_for(1).await;
    // An old story is no news, also when it is pushed.
    let old = (now() - SignedDuration::from_hours(60)).to_string();
    pushed(&bugle, &story("ancient", json!({ "published": old }))).await;
    let posts = books.wait_for("mastodon", "held", 1).await;
    assert!(posts.iter().any(|row| row.reason.starts_with("looks like an old story")), "{posts:#?}");
    assert!(bugle.term().await.success());
    saw(mastodon.ledger(), &[link("s")]);
}

/// The same stories come by feed and by push, in either order, and one is taken back while the feed still lists it.
#[tokio::test]
async fn a_door_beside_a_feed() {
    let (press, mastodon) = (Press::start(), FakeMastodon::start());
    let more = format!("url = {:?}\npoll = \"every 1s\"\n", press.url());
    let newsroom = newsroom("door_and_feed", &mastodon, &more).allowing(&press.web.host());
    let bugle = newsroom.ready(&[]).await;
    press.read().await;
    let as_pushed = |slug: &str, more: Value| {
        let mut story = story(slug, more);
        story["id"] = json!(link(slug));
        story
    };
    pushed(&bugle, &as_pushed("pushed-first", json!({}))).await;
    press.publish("pushed-first");
    press.publish("listed-first");
    mastodon.ledger().wait_for(2).await;
    pushed(&bugle, &as_pushed("listed-first", json!({}))).await;
    pushed(&bugle, &as_pushed("never", json!({ "standing": "killed" }))).await;
    press.publish("never");
    press.read().await;
    let books = newsroom.books().await;
    assert_eq!(books.articles().await, 3);
    assert_eq!(books.number("SELECT count(*) FROM article WHERE entry LIKE '%\"standing\":\"killed\"%'").await, 1);
    assert!(bugle.term().await.success());
    saw(mastodon.ledger(), &[link("pushed-first"), link("listed-first")]);
}

/// Killed when it has read a push and not stored it, and when it has stored and not answered: who pushes repeats.
#[tokio::test]
async fn a_push_to_the_door_survives_a_kill() {
    let mastodon = FakeMastodon::start();
    let newsroom = newsroom("door_kill", &mastodon, "");
    for (point, slug) in [("push_read", "one"), ("push_stored", "two")] {
        let mut bugle = newsroom.ready(&[("CRASH_AT", &format!("{point}:1"))]).await;
        let url = format!("http://{}/ingest/cms", bugle.port());
        let lost = Ask::post(url, &story(slug, json!({}))).bearer(TOKEN).send().await;
        assert!(lost.is_err(), "{point}: {lost:?}");
        assert!(!bugle.wait_exit().await.success());
        let bugle = newsroom.ready(&[]).await;
        assert_eq!(pushed(&bugle, &story(slug, json!({}))).await.status, 200);
        mastodon.ledger().wait_for(if slug == "one" { 1 } else { 2 }).await;
        assert!(bugle.term().await.success());
    }
    saw(mastodon.ledger(), &[link("one"), link("two")]);
    let books = newsroom.books().await;
    let mut conn = books.0.read().await.unwrap();
    let rows = bugle::store::post::list(&mut conn, &[], None, 10).await.unwrap();
    assert!(rows.iter().all(|row| matches!(row.post.state, PostState::Published { .. })), "{rows:#?}");
}

#[tokio::test]
async fn a_door_without_its_secret_stays_shut() {
    let mastodon = FakeMastodon::start();
    let lines = "[source.cms.ingest]\ntoken = { env = \"NOBODY_SETS_THIS\" }";
    let newsroom = Newsroom::new("no_key").source_with("cms", lines).mastodon(&mastodon);
    let bugle = newsroom.ready(&[]).await;
    let answer = pushed(&bugle, &story("s", json!({}))).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    let check = newsroom.command(&["check"]).await;
    let said = String::from_utf8_lossy(&check.stderr).into_owned() + &String::from_utf8_lossy(&check.stdout);
    assert!(said.contains("source.cms.ingest.token: secret missing"), "{said}");
    until("the log says why", async || bugle.log().contains("NOBODY_SETS_THIS")).await;
    assert!(bugle.term().await.success());
}
