//! Articles' pages in the store: what waits for them, what lets it go, and what is kept.

use bugle::model::post::HoldReason;
use bugle::store::page::{PageRow, PageWait};
use bugle::store::{article, page, post};
use jiff::Timestamp;

use super::{Place, add, at, commit, odd, on_both, one, put, scheduled};

on_both!(what_waits_is_let_go_once, pages_and_waits_are_kept_and_forgotten);

fn wait(article: &str, due: Timestamp) -> PageWait {
    PageWait {
        article: article.to_owned(),
        reason: "page".to_owned(),
        url: "https://n.example/a".to_owned(),
        due,
        brief: at(10),
        until: at(90),
        tries: 0,
        said: None,
    }
}

async fn what_waits_is_let_go_once(place: Place) {
    let store = place.open().await;
    let on = |id: &str, channel: &str| {
        let mut row = scheduled(id, "a");
        row.post.channel = channel.into();
        row
    };
    for (id, channel) in [("waits", "one"), ("brief", "two"), ("moved", "three"), ("free", "four"), ("held", "five")] {
        add(&store, on(id, channel)).await;
    }
    let held = one(&store, "held").await;
    let mut next = held.clone();
    next.post = held.post.clone().hold(HoldReason::Approval, at(0)).unwrap();
    put(&store, &held, next).await.unwrap();
    commit!(store, |conn| {
        for (id, until) in [("waits", at(90)), ("brief", at(10)), ("moved", at(90)), ("held", at(90))] {
            page::hold_back(conn, id, until).await?;
        }
        page::put_wait(conn, &wait("a", at(0))).await
    })
    .unwrap();
    // A person moves one of them: it waits for nothing any more.
    let row = one(&store, "moved").await;
    let mut next = row.clone();
    next.post.due = at(50);
    put(&store, &row, next).await.unwrap();
    let due = |id: &'static str| {
        let store = store.clone();
        async move { one(&store, id).await.post.due }
    };
    assert_eq!((due("waits").await, due("brief").await, due("held").await), (at(90), at(10), at(0)));
    let mut conn = store.read().await.unwrap();
    assert!(post::candidate(&mut conn, "one", at(89)).await.unwrap().is_none());
    assert!(post::candidate(&mut conn, "one", at(90)).await.unwrap().is_some(), "it goes out by itself");
    drop(conn);
    let released = commit!(store, |conn| page::release(conn, &wait("a", at(0))).await).unwrap();
    assert_eq!(released, 2);
    assert_eq!((due("waits").await, due("brief").await, due("moved").await), (at(0), at(0), at(50)));
    assert_eq!(commit!(store, |conn| page::release(conn, &wait("a", at(0))).await).unwrap(), 0);
    // Two things are waited for: what lets go of one leaves the other.
    commit!(store, |conn| {
        page::put_wait(conn, &PageWait { reason: "card".to_owned(), until: at(60), brief: at(5), ..wait("a", at(0)) })
            .await?;
        page::hold_back(conn, "free", at(90)).await?;
        page::hold_back(conn, "free", at(60)).await?;
        page::release(conn, &wait("a", at(0))).await
    })
    .unwrap();
    assert_eq!(due("free").await, at(60));
    let card = PageWait { reason: "card".to_owned(), until: at(60), brief: at(5), ..wait("a", at(0)) };
    commit!(store, |conn| {
        page::settle(conn, &wait("a", at(0))).await?;
        page::release(conn, &card).await
    })
    .unwrap();
    assert_eq!(due("free").await, at(0));
    // Somebody who read the row before that must not write over it.
    assert!(put(&store, &row, row.clone()).await.is_err());
}

async fn pages_and_waits_are_kept_and_forgotten(place: Place) {
    let store = place.open().await;
    let row = PageRow { url: odd(), found: odd(), at: at(3), facts: odd() };
    let kept = row.clone();
    commit!(store, |conn| {
        article::insert(conn, &super::article("a"), "h", "t", &[]).await?;
        for article in ["a", "gone"] {
            page::keep(conn, article, &kept).await?;
            page::keep(conn, article, &kept).await?;
            page::put_wait(conn, &PageWait { said: Some(odd()), ..wait(article, at(5)) }).await?;
        }
        page::put_wait(conn, &PageWait { tries: 3, ..wait("a", at(7)) }).await
    })
    .unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(page::of_article(&mut conn, "a").await.unwrap(), Some(row));
    assert_eq!(page::due(&mut conn, at(4), 9).await.unwrap(), []);
    assert_eq!(page::next(&mut conn, at(4)).await.unwrap(), Some(at(5)));
    assert_eq!(page::next(&mut conn, at(7)).await.unwrap(), None);
    let all = page::due(&mut conn, at(9), 9).await.unwrap();
    assert_eq!(all.iter().map(|it| (it.article.as_str(), it.tries)).collect::<Vec<_>>(), [("gone", 0), ("a", 3)]);
    assert_eq!(page::due(&mut conn, at(9), 1).await.unwrap().len(), 1);
    drop(conn);
    commit!(store, |conn| page::forget(conn).await).unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(page::of_article(&mut conn, "gone").await.unwrap(), None);
    assert_eq!(page::waits(&mut conn, "gone").await.unwrap(), []);
    assert_eq!(page::waits(&mut conn, "a").await.unwrap(), [PageWait { tries: 3, ..wait("a", at(7)) }]);
    drop(conn);
    commit!(store, |conn| page::settle(conn, &wait("a", at(7))).await).unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(page::waits(&mut conn, "a").await.unwrap(), []);
}
