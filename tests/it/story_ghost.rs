//! A newsroom that writes in Ghost: what it publishes, changes and withdraws there, seen by Bugle in three ways at once,
//! each a newsroom of its own: by polling the feed, by Ghost's web hook, and by a WebSub hub. Run by `make ghost`.

use serde_json::json;

use crate::fakes::http::Reply;
use crate::fakes::hub::{FakeHub, Front};
use crate::fakes::mastodon::FakeMastodon;
use crate::harness::{Books, Newsroom, saw, until};
use crate::servers::{ghost, hub};

const SECRET: &str = "what Ghost signs with";

/// Title, version and standing of the one story, as that newsroom has it.
async fn story(books: &Books, id: &str) -> Option<(String, u32, &'static str)> {
    let mut conn = books.0.read().await.unwrap();
    let found = bugle::store::article::meant(&mut conn, id).await.unwrap();
    let article = found.into_iter().next()?.0;
    Some((article.entry.title, article.version, article.entry.standing.word()))
}

async fn becomes(books: &Books, id: &str, title: &str, standing: &str) {
    let is_so = async || story(books, id).await.is_some_and(|(t, _, s)| t == title && s == standing);
    until(&format!("{title:?} is {standing}"), is_so).await;
}

#[tokio::test]
async fn what_an_editor_does_in_ghost_arrives_by_feed_by_web_hook_and_by_websub() {
    let ghost = ghost::open().await;
    let readers = [FakeMastodon::start(), FakeMastodon::start(), FakeMastodon::start()];
    // By its feed.
    let by_feed = Newsroom::new("ghost_feed").source("news", &ghost.feed(), "from now").mastodon(&readers[0]);
    // By its web hook.
    let mut by_hook = Newsroom::new("ghost_hook");
    let secret = by_hook.secret("GHOST_SECRET", SECRET);
    let by_hook = by_hook.source_with("cms", &format!("[source.cms.ingest]\nsecret = {secret}")).mastodon(&readers[1]);
    // By WebSub: Ghost names no hub, so its feed stands behind a server that does, as a CDN would.
    let (edge, front, at_hub) = (FakeHub::start(), Front::open(), hub::url());
    let topic = edge.topic();
    let print = async || {
        let link = format!("<{at_hub}>; rel=\"hub\", <{topic}>; rel=\"self\"");
        let body = ghost.read().await;
        edge.put(Reply::text(200, "application/rss+xml; charset=utf-8", body).header("Link", link));
    };
    print().await;
    let lines = format!("url = {topic:?}\npoll = \"every 1h\"\nhub = {at_hub:?}");
    let host = at_hub.strip_prefix("http://").and_then(|rest| rest.split('/').next()).unwrap();
    let by_hub = Newsroom::new("ghost_hub").source_with("news", &lines).allowing(&edge.host()).allowing(host);
    let by_hub = by_hub.public(&front.url()).mastodon(&readers[2]);

    let running = [by_feed.ready(&[]).await, by_hook.ready(&[]).await, by_hub.ready(&[]).await];
    front.lead_to(&running[2]);
    let books = [by_feed.books().await, by_hook.books().await, by_hub.books().await];
    let door = format!("http://{}/ingest/cms", running[1].port());
    for event in ["post.published", "post.published.edited", "post.unpublished", "post.deleted"] {
        ghost.hook(event, &door, SECRET).await;
    }
    until("the feed was read", async || {
        books[0].number("SELECT count(*) FROM source WHERE last_good IS NOT NULL").await == 1
    })
    .await;
    let active = "SELECT count(*) FROM subscription WHERE state = 'active'";
    until("the hub has verified", async || books[2].number(active).await == 1).await;
    until("the hub has answered", async || running[2].log().contains("the hub was asked")).await;

    // Published.
    let published = ghost.publish("Fire & smoke").await;
    print().await;
    hub::publish(&topic).await;
    for reader in &readers {
        let seen = reader.ledger().wait_for(1).await;
        assert!(seen[0].text.contains("Fire & smoke"), "{seen:#?}");
    }
    // Corrected: the same article in another version, and no second post.
    let corrected = ghost.change(&published, json!({ "title": "Fire, no smoke" })).await;
    print().await;
    hub::publish(&topic).await;
    for books in &books {
        becomes(books, &published.id, "Fire, no smoke", "usable").await;
        assert_eq!(story(books, &published.id).await.unwrap().1, 2);
    }
    // Unpublished: only the web hook says so; that it is gone from a feed says nothing.
    let draft = ghost.change(&corrected, json!({ "status": "draft" })).await;
    becomes(&books[1], &published.id, "Fire, no smoke", "withheld").await;
    let notices = books[1].notices().await;
    assert!(
        notices.iter().any(|it| it.text.contains("withholds") && it.text.contains("bugle retract")),
        "{notices:#?}"
    );
    print().await;
    hub::publish(&topic).await;
    // Published again, then deleted for good.
    let again = ghost.change(&draft, json!({ "status": "published" })).await;
    becomes(&books[1], &published.id, "Fire, no smoke", "usable").await;
    ghost.delete(&again).await;
    becomes(&books[1], &published.id, "Fire, no smoke", "killed").await;
    for books in [&books[0], &books[2]] {
        assert_eq!(story(books, &published.id).await.unwrap().2, "usable");
    }
    for bugle in running {
        assert!(bugle.term().await.success());
    }
    for reader in &readers {
        saw(reader.ledger(), std::slice::from_ref(&published.url));
    }
}
