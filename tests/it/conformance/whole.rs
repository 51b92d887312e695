//! One story of the whole program a stand: from the config to a post that readers see, killed between the platform's
//! answer and its record, started again on the same store.

use std::sync::Arc;

use bugle::clock::{Clock as _, SystemClock};
use bugle::model::picture::Carry;
use bugle::platform::Recovery;

use super::stage::{PICTURE, jpeg};
use super::stand::{Make, Secrets};
use crate::fakes::fault::http_date;
use crate::fakes::feed::FakeFeed;
use crate::fakes::http::Reply;
use crate::harness::{Newsroom, link, until};

/// Slow enough that a picture, where a post is nothing without one, is made in time also on a busy machine.
const WITH_PICTURES: f64 = 0.2;

pub async fn a_killed_newsroom_posts_once(make: Make) {
    let clock = SystemClock::new();
    let now = http_date(clock.now());
    let stand = make(Arc::new(clock));
    let (web, secrets) = (FakeFeed::start(), Secrets::new());
    web.reply(PICTURE, Reply::text(200, "image/jpeg", jpeg()));
    let (at, url) = (link("one"), web.at(PICTURE));
    web.feed(
        "/rss",
        &format!(
            "<rss version=\"2.0\"><channel><title>N</title><item><title>Story one</title><link>{at}</link>\
             <guid isPermaLink=\"false\">one</guid><enclosure url=\"{url}\" type=\"image/jpeg\" length=\"1\"/>\
             <pubDate>{now}</pubDate></item></channel></rss>"
        ),
    );
    let mut newsroom = Newsroom::new("conformance").source("news", &web.at("/rss"), "last 1");
    for server in stand.server().into_iter().chain(stand.others()) {
        newsroom = newsroom.allowing(&server.host());
    }
    let newsroom = newsroom.channel("main", stand.platform(), None, &stand.keys(&secrets));
    let newsroom = match stand.carry() {
        Carry::Photo => newsroom.with("main", "picture = \"photo\"").scale(WITH_PICTURES),
        _ => newsroom,
    };
    let mut bugle = newsroom.start_to_crash("answered", 1).await;
    assert!(!bugle.wait_exit().await.success(), "{}", bugle.log());
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    let settled = async || books.posts().await.iter().any(|row| ["held", "published"].contains(&row.state));
    until("the post is settled", settled).await;
    let state = books.posts().await[0].state;
    // What died at a step that nobody sees leaves no doubt.
    let in_doubt = stand.recovery() == Recovery::Blind && state == "held";
    assert!(state == "published" || in_doubt, "{state}\n{}", books.history("main").await);
    assert_eq!(books.notices().await.len(), usize::from(in_doubt), "{:#?}", books.notices().await);
    assert!(bugle.term().await.success());
    if let Some(server) = stand.server() {
        let links: Vec<_> = server.ledger().count_by_link().into_iter().collect();
        assert_eq!(links, [(at, 1)], "{:#?}", server.ledger().entries());
    }
}
