//! What a source lists: how long it is known, and what becomes of it when its source takes it back.

use bugle::store::article::{self, Alias};
use bugle::store::source::{self, SourceRow};

use super::{Place, at, commit, odd, on_both};

on_both!(what_an_unchanged_source_lists_is_not_forgotten, articles_that_are_taken_back);

async fn what_an_unchanged_source_lists_is_not_forgotten(place: Place) {
    let store = place.open().await;
    let ms_a_day = 86_400;
    // One source whose listing was last read at day 0 and which has answered "unchanged" until day 500; one that was
    // last heard of at day 10.
    for (name, read, good) in [("still", 0, 500), ("silent", 0, 10)] {
        let row = SourceRow {
            last_read: Some(at(read * ms_a_day)),
            last_good: Some(at(good * ms_a_day)),
            ..SourceRow::new(name, "", at(0))
        };
        commit!(store, |conn| source::put(conn, &row).await).unwrap();
    }
    // Article, scope of its own key, when that was last noted; whether it must still be known.
    let cases = [
        ("listed", "still", 0, true),
        ("noted-before", "still", -ms_a_day + 1, true),
        ("left", "still", -ms_a_day - 1, false),
        ("unheard", "silent", 0, false),
        ("nobodys", "gone", 0, false),
    ];
    for (id, scope, noted, _) in cases {
        let row = super::article(id);
        commit!(store, |conn| {
            article::insert(conn, &row, "h", "t", &[]).await?;
            for scope in [scope, ""] {
                let key = Alias { scope: scope.to_owned(), value: format!("key of {id}") };
                article::alias(conn, &key, id, at(noted)).await?;
            }
            Ok(())
        })
        .unwrap();
    }
    commit!(store, |conn| article::forget(conn, at(100 * ms_a_day)).await).unwrap();
    let mut conn = store.read().await.unwrap();
    for (id, scope, _, stays) in cases {
        for scope in [scope, ""] {
            let key = Alias { scope: scope.to_owned(), value: format!("key of {id}") };
            let found = article::known(&mut conn, &[key]).await.unwrap();
            assert_eq!(!found.is_empty(), stays, "{id} in {scope:?}");
        }
        assert_eq!(article::one(&mut conn, id).await.unwrap().is_some(), stays, "{id}");
    }
}

async fn articles_that_are_taken_back(place: Place) {
    let store = place.open().await;
    let row = super::article("a");
    commit!(store, |conn| {
        article::insert(conn, &row, "h", "t", &[]).await?;
        assert_eq!(article::killed(conn, "a").await?, None);
        assert!(!article::revive(conn, "a").await?);
        assert!(article::kill(conn, "a", at(5), &odd()).await?);
        assert!(!article::kill(conn, "a", at(9), "again").await?, "the first word counts");
        assert_eq!(article::killed(conn, "a").await?, Some((at(5), odd())));
        assert!(article::revive(conn, "a").await?);
        assert_eq!(article::killed(conn, "a").await?, None);
        assert!(!article::kill(conn, "nobody", at(9), "").await?);
        Ok(())
    })
    .unwrap();
}
