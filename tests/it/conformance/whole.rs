//! One story of the whole program a stand: from the config to a post that readers see, killed between the platform's
//! answer and its record, started again on the same store.

use std::sync::Arc;

use bugle::clock::SystemClock;
use bugle::model::picture::Carry;
use bugle::platform::Recovery;

use super::stand::{Make, Secrets};
use crate::harness::{Newsroom, Press, link};

pub async fn a_killed_newsroom_posts_once(make: Make) {
    let stand = make(Arc::new(SystemClock::new()));
    let (press, secrets) = (Press::with(&["one"]), Secrets::new());
    let mut newsroom = Newsroom::new("conformance").source("news", &press.url(), "last 1");
    for server in stand.server().into_iter().chain(stand.others()) {
        newsroom = newsroom.allowing(&server.host());
    }
    let newsroom = newsroom.channel("main", stand.platform(), None, &stand.keys(&secrets));
    // The feed has no pictures: where a post needs one it is drawn.
    let newsroom = match stand.carry() {
        Carry::Card => newsroom,
        _ => newsroom.with("main", "picture = \"headline\""),
    };
    let mut bugle = newsroom.start_to_crash("answered", 1).await;
    assert!(!bugle.wait_exit().await.success(), "{}", bugle.log());
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    let blind = stand.recovery() == Recovery::Blind;
    books.wait_for("main", if blind { "held" } else { "published" }, 1).await;
    assert_eq!(books.notices().await.len(), usize::from(blind), "{:#?}", books.notices().await);
    assert!(bugle.term().await.success());
    if let Some(server) = stand.server() {
        let links: Vec<_> = server.ledger().count_by_link().into_iter().collect();
        assert_eq!(links, [(link("one"), 1)], "{:#?}", server.ledger().entries());
    }
}
