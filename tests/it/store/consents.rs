//! Consents under way and tickets, with everything and with nothing in the optional columns.

use bugle::store::consent::{self, ConsentRow, TicketRow};
use bugle::store::sealed;

use super::{Place, at, commit, odd, on_both};

on_both!(a_consent_is_taken_once, a_ticket_is_torn_once_in_time, what_was_sealed_can_be_forgotten);

fn row(state: &str) -> ConsentRow {
    ConsentRow {
        state: state.to_owned(),
        channel: "x".to_owned(),
        bound: "browser:1".to_owned(),
        redirect: "https://desk.example/connect/callback/x".to_owned(),
        page: "https://x.example/allow".to_owned(),
        issuer: None,
        who: odd(),
        ticket: None,
        choosing: false,
        expires: at(600),
    }
}

async fn a_consent_is_taken_once(place: Place) {
    let store = place.open().await;
    let bare = row("bare");
    let full = ConsentRow {
        issuer: Some(odd()),
        ticket: Some("t".to_owned()),
        choosing: true,
        expires: at(60),
        ..row("full")
    };
    let (a, b) = (bare.clone(), full.clone());
    commit!(store, |conn| {
        consent::begin(conn, &a).await?;
        consent::begin(conn, &b).await
    })
    .unwrap();
    let again = bare.clone();
    commit!(store, |conn| consent::begin(conn, &again).await).unwrap_err();
    let mut conn = store.read().await.unwrap();
    assert_eq!(consent::one(&mut conn, "bare").await.unwrap(), Some(bare));
    assert_eq!(consent::one(&mut conn, "none").await.unwrap(), None);
    assert_eq!(consent::choosing(&mut conn, "x", "browser:1").await.unwrap(), Some(full));
    assert_eq!(consent::choosing(&mut conn, "x", "browser:2").await.unwrap(), None);
    assert_eq!(consent::choosing(&mut conn, "y", "browser:1").await.unwrap(), None);
    let late = consent::late(&mut conn, at(60)).await.unwrap();
    assert_eq!(late, [("full".to_owned(), "x".to_owned())]);
    drop(conn);
    assert!(commit!(store, |conn| consent::take(conn, "bare").await).unwrap());
    assert!(!commit!(store, |conn| consent::take(conn, "bare").await).unwrap());
}

async fn a_ticket_is_torn_once_in_time(place: Place) {
    let store = place.open().await;
    let ticket = |name: &str, until| TicketRow {
        ticket: name.to_owned(),
        channel: "x".to_owned(),
        who: odd(),
        taken: false,
        outcome: None,
        expires: at(until),
    };
    let (good, late) = (ticket("good", 600), ticket("late", 60));
    let (a, b) = (good.clone(), late);
    commit!(store, |conn| {
        consent::print(conn, &a).await?;
        consent::print(conn, &b).await
    })
    .unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(consent::ticket(&mut conn, "good").await.unwrap(), Some(good.clone()));
    drop(conn);
    for (name, channel, when, torn) in [
        ("good", "y", 0, None),
        ("good", "x", 600, None),
        ("late", "x", 60, None),
        ("none", "x", 0, None),
        ("good", "x", 0, Some(odd())),
        ("good", "x", 0, None),
    ] {
        let found = commit!(store, |conn| consent::tear(conn, name, channel, at(when)).await).unwrap();
        assert_eq!(found, torn, "{name} {channel} {when}");
    }
    commit!(store, |conn| consent::came(conn, "good", "said").await).unwrap();
    let mut conn = store.read().await.unwrap();
    let kept = consent::ticket(&mut conn, "good").await.unwrap();
    assert_eq!(kept, Some(TicketRow { taken: true, outcome: Some("said".to_owned()), ..good }));
    drop(conn);
    commit!(store, |conn| consent::forget_tickets(conn, "none", at(60)).await).unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(consent::ticket(&mut conn, "late").await.unwrap(), None);
    assert!(consent::ticket(&mut conn, "good").await.unwrap().is_some());
    drop(conn);
    commit!(store, |conn| consent::forget_tickets(conn, "good", at(60)).await).unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(consent::ticket(&mut conn, "good").await.unwrap(), None);
}

async fn what_was_sealed_can_be_forgotten(place: Place) {
    let store = place.open().await;
    commit!(store, |conn| {
        sealed::put(conn, "x", "grant", b"g", at(0)).await?;
        sealed::put(conn, "x", "consent-1", b"c", at(0)).await?;
        sealed::remove(conn, "x", "consent-1").await
    })
    .unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(sealed::get(&mut conn, "x", "consent-1").await.unwrap(), None);
    assert_eq!(sealed::get(&mut conn, "x", "grant").await.unwrap().as_deref(), Some(&b"g"[..]));
}
