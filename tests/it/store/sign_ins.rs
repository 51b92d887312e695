//! Sign-ins under way at the sign-in service, and second factors.

use bugle::model::person::Role;
use bugle::store::oidc_flow::{self, FlowRow, Taken};
use bugle::store::person::{self, PersonRow};

use super::{Place, at, commit, odd, on_both};

on_both!(a_sign_in_is_taken_once_by_its_browser, the_oldest_give_way, a_step_and_a_recovery_code_work_once);

fn row(state: &str, until: i64) -> FlowRow {
    FlowRow {
        state: state.to_owned(),
        bound: "hers".to_owned(),
        nonce: odd(),
        verifier: odd(),
        back: odd(),
        until: at(until),
    }
}

async fn a_sign_in_is_taken_once_by_its_browser(place: Place) {
    let store = place.open().await;
    let (mine, again) = (row("a", 600), row("a", 600));
    let kept = mine.clone();
    commit!(store, |conn| oidc_flow::add(conn, &mine, 10, at(0)).await).unwrap();
    commit!(store, |conn| oidc_flow::add(conn, &again, 10, at(0)).await).unwrap_err();
    for (state, bound, expected) in [
        ("b", Some("hers"), Taken::None),
        ("a", None, Taken::Foreign),
        ("a", Some("theirs"), Taken::Foreign),
        ("a", Some(""), Taken::Foreign),
        ("a", Some("hers"), Taken::Here(kept)),
        ("a", Some("hers"), Taken::None),
    ] {
        let taken = commit!(store, |conn| oidc_flow::take(conn, state, bound).await).unwrap();
        assert_eq!(taken, expected, "{state} {bound:?}");
    }
}

async fn the_oldest_give_way(place: Place) {
    let store = place.open().await;
    for (state, until) in [("late", 10), ("old", 500), ("new", 700), ("mid", 600)] {
        let row = row(state, until);
        commit!(store, |conn| oidc_flow::add(conn, &row, 2, at(0)).await).unwrap();
    }
    let states = "SELECT state FROM oidc_flow ORDER BY state";
    let mut conn = store.read().await.unwrap();
    let left: Vec<String> = sqlx::query_scalar(states).fetch_all(&mut *conn).await.unwrap();
    assert_eq!(left, ["mid", "new"]);
    drop(conn);
    // What is too late is gone with the next one.
    let last = row("last", 900);
    commit!(store, |conn| oidc_flow::add(conn, &last, 10, at(600)).await).unwrap();
    let mut conn = store.read().await.unwrap();
    let left: Vec<String> = sqlx::query_scalar(states).fetch_all(&mut *conn).await.unwrap();
    assert_eq!(left, ["last", "new"]);
}

async fn a_step_and_a_recovery_code_work_once(place: Place) {
    let store = place.open().await;
    let ann = PersonRow::new("ann", Role::Editor, at(0));
    let row = ann.clone();
    commit!(store, |conn| person::add(conn, &row).await).unwrap();
    for (step, good) in [(100, true), (100, false), (99, false), (101, true), (101, false)] {
        let id = ann.id.clone();
        let used = commit!(store, |conn| person::use_step(conn, &id, step).await).unwrap();
        assert_eq!(used, good, "{step}");
    }
    let (id, codes) = (ann.id.clone(), vec!["a".to_owned(), "b".to_owned()]);
    commit!(store, |conn| person::set_recovery(conn, &id, &codes).await).unwrap();
    for (code, good) in [("a", true), ("a", false), ("c", false), ("", false), ("b", true)] {
        let id = ann.id.clone();
        let used = commit!(store, |conn| person::use_recovery(conn, &id, code, at(1)).await).unwrap();
        assert_eq!(used, good, "{code}");
    }
    // Sealed anew only where nothing else was put there meanwhile.
    let id = ann.id.clone();
    commit!(store, |conn| person::set_totp(conn, &id, Some(&[1, 0, 255]), Some(at(2))).await).unwrap();
    for (old, good) in [(&[9][..], false), (&[1, 0, 255], true), (&[1, 0, 255], false)] {
        let id = ann.id.as_str().to_owned();
        let done = commit!(store, |conn| person::swap_second_factor(conn, &id, old, &[7, 7]).await).unwrap();
        assert_eq!(done, good, "{old:?}");
    }
    let mut conn = store.read().await.unwrap();
    let kept = person::second_factors(&mut conn).await.unwrap();
    assert_eq!(kept, [(ann.id.as_str().to_owned(), vec![7, 7])]);
}
