//! Consents under way and tickets, with everything and with nothing in the optional columns.

use bugle::store::consent::{self, ConsentRow, TicketRow};
use bugle::store::{channel, sealed};

use super::{Place, at, commit, odd, on_both};

on_both!(
    a_consent_is_taken_once,
    a_ticket_is_torn_once_in_time,
    what_was_sealed_can_be_forgotten,
    what_is_left_of_consents_is_swept
);

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

async fn what_is_left_of_consents_is_swept(place: Place) {
    let store = place.open().await;
    let state = |sign: char| sign.to_string().repeat(64);
    let row = |sign: char, seconds: i64| ConsentRow { expires: at(seconds), ..row(&state(sign)) };
    let (late, open) = (row('a', 60), row('b', 600));
    let tickets = [("late", 60), ("good", 600)].map(|(name, seconds)| TicketRow {
        ticket: name.to_owned(),
        channel: "x".to_owned(),
        who: "ana".to_owned(),
        taken: false,
        outcome: None,
        expires: at(seconds),
    });
    let words = [state('a'), state('b'), state('c'), state('d')].map(|state| consent::word(&state));
    let [of_late, of_open, of_nobody, of_a_moment_ago] = words.clone();
    commit!(store, |conn| {
        channel::ensure(conn, "x", "x", at(0)).await?;
        consent::begin(conn, &late).await?;
        consent::begin(conn, &open).await?;
        for ticket in &tickets {
            consent::print(conn, ticket).await?;
        }
        for (word, seconds) in [(&of_late, 0), (&of_open, 0), (&of_nobody, 0), (&of_a_moment_ago, 90)] {
            sealed::put(conn, "x", word, b"p", at(seconds)).await?;
        }
        sealed::put(conn, "x", "grant", b"g", at(0)).await?;
        consent::sweep(conn, at(60), at(60)).await
    })
    .unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(consent::one(&mut conn, &state('a')).await.unwrap(), None);
    assert!(consent::one(&mut conn, &state('b')).await.unwrap().is_some());
    assert_eq!(consent::ticket(&mut conn, "late").await.unwrap(), None);
    assert!(consent::ticket(&mut conn, "good").await.unwrap().is_some());
    let mut left: Vec<String> =
        sealed::all(&mut conn).await.unwrap().into_iter().map(|(whose, _)| whose.word).collect();
    left.sort();
    let mut expected = vec![words[1].clone(), words[3].clone(), "grant".to_owned()];
    expected.sort();
    assert_eq!(left, expected, "of what is open or has only begun, and what is no consent's");
}
