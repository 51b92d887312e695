//! The one writer: jobs that share a commit do not share their failures, and nothing stops it. Also what the engines
//! promise: durability on SQLite, a lock that proves one publisher, life after a cut connection.

use std::time::Duration;

use bugle::store::{Dialect, Store, StoreError, meta, wall};

use super::{Place, at, commit, on_both};
use crate::servers;

on_both!(a_failing_job_harms_no_other, a_panic_inside_a_job_is_its_own, one_process_alone_may_publish,);

/// What no wait of these trials comes near to, unless the thing hangs.
const HANGS: Duration = Duration::from_secs(60);

async fn stored(store: &Store) -> Vec<String> {
    let mut conn = store.read().await.unwrap();
    let mut ids: Vec<String> = wall::list(&mut conn, "c", 100).await.unwrap().into_iter().map(|post| post.id).collect();
    ids.sort();
    ids
}

/// Twenty jobs at once; each second one fails after it has written, in one of three ways.
async fn a_failing_job_harms_no_other(place: Place) {
    let store = place.open().await;
    for round in 0..5 {
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..20 {
            let store = store.clone();
            tasks.spawn(async move {
                let id = format!("{round}-{n:02}");
                let job = commit!(store, |conn| {
                    wall::put(conn, "c", &id, "x", at(0)).await?;
                    match n % 6 {
                        1 => Err(StoreError::Conflict("on purpose".to_owned())),
                        // A statement that the engine refuses: on PostgreSQL the transaction is broken after it.
                        3 => sqlx::query("SELECT * FROM no_such_table")
                            .execute(conn)
                            .await
                            .map(|_| ())
                            .map_err(StoreError::from),
                        5 => {
                            let twice = "INSERT INTO wall (channel, id, at, post) VALUES ('c', $1, 0, '')";
                            sqlx::query(twice).bind(id).execute(conn).await.map(|_| ()).map_err(StoreError::from)
                        }
                        _ => Ok(()),
                    }
                });
                assert_eq!(job.is_ok(), n % 2 == 0, "{n}: {job:?}");
            });
        }
        tasks.join_all().await;
    }
    let expected: Vec<String> =
        (0..5).flat_map(|round| (0..20).step_by(2).map(move |n| format!("{round}-{n:02}"))).collect();
    assert_eq!(stored(&store).await, expected);
}

async fn a_panic_inside_a_job_is_its_own(place: Place) {
    let store = place.open().await;
    let panicking = async |id: &'static str| {
        commit!(store, |conn| {
            wall::put(conn, "c", id, "x", at(0)).await?;
            if id.starts_with("bad") {
                panic!("on purpose");
            }
            Ok(())
        })
    };
    let alone = tokio::time::timeout(HANGS, panicking("bad-0")).await.expect("it is answered");
    assert!(matches!(&alone, Err(StoreError::Db(said)) if said.contains("panic")), "{alone:?}");
    let (a, b, c, d) = tokio::join!(panicking("a"), panicking("bad-1"), panicking("c"), panicking("d"));
    assert!(a.is_ok() && c.is_ok() && d.is_ok(), "{a:?} {c:?} {d:?}");
    b.expect_err("it panicked");
    // Also before its first await.
    let at_once = store.write::<(), _>(bugle::store::job(|_conn| panic!("at once"))).await;
    at_once.expect_err("it panicked");
    panicking("e").await.expect("the writer lives");
    assert_eq!(stored(&store).await, ["a", "c", "d", "e"]);
}

async fn one_process_alone_may_publish(place: Place) {
    let (store, other) = (place.open().await, place.open().await);
    let sole = store.sole().await.unwrap().expect("nobody else is there");
    assert!(sole.is_held().await);
    assert!(other.sole().await.unwrap().is_none());
    assert!(other.sole().await.unwrap().is_none(), "asking takes nothing away");
    drop(sole);
    // The server learns of a closed connection a moment later.
    let patience = tokio::time::timeout(HANGS, async {
        loop {
            if let Some(sole) = other.sole().await.unwrap() {
                return sole;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let sole = patience.await.expect("after the first let go");
    assert!(store.sole().await.unwrap().is_none());
    if !place.is_sqlite() {
        servers::postgres::cut_connections(&place.url).await;
        assert!(!sole.is_held().await, "a lost session holds no lock");
        assert!(store.sole().await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_cut_connection_is_replaced() {
    let place = Place::postgres().await;
    let store = place.open().await;
    let set = async |value: &'static str| {
        let job = async { commit!(store, |conn| meta::set(conn, meta::CHANGE, value).await) };
        tokio::time::timeout(HANGS, job).await.expect("a write never hangs")
    };
    set("before").await.unwrap();
    for round in 0..3 {
        servers::postgres::cut_connections(&place.url).await;
        // The write may be the one that finds out; the next may not.
        if let Err(fault) = set("first").await {
            assert!(matches!(fault, StoreError::Db(_)), "{fault}");
        }
        set("second").await.unwrap_or_else(|fault| panic!("round {round}: {fault}"));
        let mut conn = store.read().await.unwrap();
        assert_eq!(meta::get(&mut conn, meta::CHANGE).await.unwrap().as_deref(), Some("second"));
    }
}

#[tokio::test]
async fn a_connection_cut_inside_a_job_fails_that_job_whole() {
    let place = Place::postgres().await;
    let store = place.open().await;
    let url = place.url.clone();
    let job = async {
        commit!(store, |conn| {
            wall::put(conn, "c", "lost", "x", at(0)).await?;
            servers::postgres::cut_connections(&url).await;
            wall::put(conn, "c", "lost too", "x", at(0)).await
        })
    };
    let answer = tokio::time::timeout(HANGS, job).await.expect("a write never hangs");
    assert!(matches!(answer, Err(StoreError::Db(_))), "{answer:?}");
    commit!(store, |conn| wall::put(conn, "c", "kept", "x", at(0)).await).unwrap();
    assert_eq!(stored(&store).await, ["kept"]);
}

#[tokio::test]
async fn sqlite_is_durable_and_free_of_the_known_fault() {
    let store = Place::sqlite();
    let store = (store.open().await, store);
    let pragma = async |name: &'static str| {
        commit!(store.0, |conn| {
            let sql = sqlx::AssertSqlSafe(format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"));
            Ok(sqlx::query_scalar::<_, String>(sql).fetch_one(conn).await?)
        })
        .unwrap()
    };
    assert_eq!(pragma("journal_mode").await, "wal");
    assert_eq!(pragma("synchronous").await, "2", "FULL");
    assert_eq!(pragma("foreign_keys").await, "1");
    let version = commit!(store.0, |conn| {
        Ok(sqlx::query_scalar::<_, String>("SELECT sqlite_version()").fetch_one(conn).await?)
    })
    .unwrap();
    let parts: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
    // Before these a WAL reset could corrupt the file. Source: reliability.md, 2026-11.
    let fixed = parts >= vec![3, 51, 3] || (parts[..2] == [3, 50] && parts[2] >= 7);
    assert!(fixed, "SQLite {version}");
}

#[test]
fn addresses_name_their_engine() {
    for (url, dialect) in [
        ("sqlite:data/bugle.db", Some(Dialect::Sqlite)),
        ("sqlite::memory:", Some(Dialect::Sqlite)),
        ("postgres://a@b/c", Some(Dialect::Postgres)),
        ("postgresql://a@b/c", Some(Dialect::Postgres)),
        ("mysql://a:secret@b/c", None),
        ("data/bugle.db", None),
    ] {
        assert_eq!(Dialect::of(url).ok(), dialect, "{url}");
    }
    let refused = Dialect::of("mysql://a:secret@b/c").unwrap_err().to_string();
    assert!(!refused.contains("secret"), "{refused}");
}
