//! What pushes to us, as it is stored: offers, subscriptions, messages that were taken.

use bugle::store::subscription::{self, Offer, State, Subscription};

use super::{Place, at, commit, odd, on_both};

on_both!(offers_follow_the_feed, subscriptions_keep_their_secret, messages_are_taken_once);

async fn offers_follow_the_feed(place: Place) {
    let store = place.open().await;
    let url = |text: &str| text.parse::<url::Url>().unwrap();
    let offer = |source: &str, hub: Option<&str>| Offer {
        source: source.to_owned(),
        hub: hub.map(str::to_owned),
        topic: "https://t.example/?a=%27%25".to_owned(),
    };
    for (hub, expected) in [
        (Some("https://h.example/"), vec![offer("wire", Some("https://h.example/"))]),
        (Some("https://o.example/"), vec![offer("wire", Some("https://o.example/"))]),
        (None, vec![offer("wire", None)]),
    ] {
        let (hub, topic) = (hub.map(url), url("https://t.example/?a='%25"));
        commit!(store, |conn| subscription::offer(conn, "wire", Some((hub.as_ref(), &topic)), at(0)).await).unwrap();
        let mut conn = store.read().await.unwrap();
        assert_eq!(subscription::offers(&mut conn).await.unwrap(), expected);
    }
    commit!(store, |conn| subscription::offer(conn, "wire", None, at(1)).await).unwrap();
    commit!(store, |conn| subscription::offer(conn, "never", None, at(1)).await).unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(subscription::offers(&mut conn).await.unwrap(), []);
}

async fn subscriptions_keep_their_secret(place: Place) {
    let store = place.open().await;
    let bare = Subscription {
        token: "T1".to_owned(),
        source: "wire".to_owned(),
        hub: "https://h.example/".to_owned(),
        topic: "https://t.example/".to_owned(),
        callback: "https://us.example/websub/T1".to_owned(),
        secret: (0..=255).collect(),
        state: State::Pending,
        asked: None,
        lease_until: None,
        next: at(0),
        tries: 0,
        said: None,
        since: at(0),
    };
    let mut full = bare.clone();
    (full.token, full.state, full.since) = ("T2".to_owned(), State::Active, at(1));
    (full.asked, full.lease_until, full.tries, full.said) = (Some(at(3)), Some(at(60)), 7, Some(odd()));
    for it in [bare.clone(), full.clone()] {
        commit!(store, |conn| subscription::put(conn, &it).await).unwrap();
    }
    let mut conn = store.read().await.unwrap();
    assert_eq!(subscription::all(&mut conn).await.unwrap(), [bare.clone(), full.clone()]);
    assert_eq!(subscription::one(&mut conn, "T2").await.unwrap(), Some(full.clone()));
    assert_eq!(subscription::one(&mut conn, "T3").await.unwrap(), None);
    for (source, seconds, expected) in [("wire", 59, true), ("wire", 60, false), ("other", 0, false)] {
        assert_eq!(subscription::pushed(&mut conn, source, at(seconds)).await.unwrap(), expected, "{source} {seconds}");
    }
    drop(conn);
    for state in [State::Pending, State::Denied, State::Ending] {
        let it = Subscription { state, ..full.clone() };
        commit!(store, |conn| subscription::put(conn, &it).await).unwrap();
        let mut conn = store.read().await.unwrap();
        assert_eq!(subscription::one(&mut conn, "T2").await.unwrap().unwrap().state, state);
        assert!(!subscription::pushed(&mut conn, "wire", at(2)).await.unwrap());
    }
    commit!(store, |conn| subscription::remove(conn, "T2").await).unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(subscription::all(&mut conn).await.unwrap(), [bare]);
    let shown = format!("{full:?}");
    assert!(!shown.contains("T2") && !shown.contains("255"), "{shown}");
}

async fn messages_are_taken_once(place: Place) {
    let store = place.open().await;
    for (source, id, expected) in [("cms", "m", true), ("cms", "m", false), ("other", "m", true), ("cms", "n", true)] {
        let new = commit!(store, |conn| subscription::take(conn, source, id, at(0)).await).unwrap();
        assert_eq!(new, expected, "{source} {id}");
    }
    // What is not stored after all was not taken either.
    let failed: Result<(), _> = commit!(store, |conn| {
        subscription::take(conn, "cms", "lost", at(0)).await?;
        Err(bugle::store::StoreError::Conflict("no".to_owned()))
    });
    assert!(failed.is_err());
    assert!(commit!(store, |conn| subscription::take(conn, "cms", "lost", at(0)).await).unwrap());
    commit!(store, |conn| subscription::forget_seen(conn, at(1)).await).unwrap();
    assert!(commit!(store, |conn| subscription::take(conn, "cms", "m", at(2)).await).unwrap());
}
