//! Pictures shown to platforms for a while, on both engines.

use bugle::store::shown;

use super::{Place, at, commit, on_both};

on_both!(a_picture_is_shown_for_its_time, the_oldest_make_room);

async fn a_picture_is_shown_for_its_time(place: Place) {
    let store = place.open().await;
    // Bytes that are no text.
    let jpeg = vec![0xFF, 0xD8, 0x00, 0x27, 0x80];
    let kept = jpeg.clone();
    commit!(store, |conn| shown::put(conn, "a.jpg", &kept, at(100), at(0)).await).unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(shown::get(&mut conn, "a.jpg", at(99)).await.unwrap(), Some(jpeg));
    assert_eq!(shown::get(&mut conn, "a.jpg", at(100)).await.unwrap(), None, "its time is over");
    assert_eq!(shown::get(&mut conn, "b.jpg", at(0)).await.unwrap(), None);
    drop(conn);
    commit!(store, |conn| shown::put(conn, "b.jpg", &[1], at(300), at(100)).await).unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(shown::get(&mut conn, "a.jpg", at(0)).await.unwrap(), None, "what is over is forgotten");
}

async fn the_oldest_make_room(place: Place) {
    let store = place.open().await;
    for n in 0..70_i64 {
        commit!(store, |conn| shown::put(conn, &format!("{n}.jpg"), &[1], at(1000 + n), at(0)).await).unwrap();
    }
    let mut conn = store.read().await.unwrap();
    for (n, there) in [(0, false), (5, false), (6, true), (69, true)] {
        let found = shown::get(&mut conn, &format!("{n}.jpg"), at(0)).await.unwrap();
        assert_eq!(found.is_some(), there, "{n}");
    }
}
