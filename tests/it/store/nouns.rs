//! Every public function of the store's nouns but posts, with everything and with nothing in the optional columns.

use std::collections::BTreeSet;

use bugle::model::article::{Entry, Image};
use bugle::model::channel::{Block, Pause, PauseScope};
use bugle::model::notice::{Level, Notice};
use bugle::model::post::Actor;
use bugle::model::receipt::{Attempt, Op, Outcome, Step};
use bugle::store::amend::AmendRow;
use bugle::store::article::{Alias, Verdict};
use bugle::store::attempt::AttemptRow;
use bugle::store::source::SourceRow;
use bugle::store::{
    Store, StoreError, amend, article, attempt, audit, channel, meta, notice, pause, sealed, source, wall,
};
use serde_json::json;

use super::{Place, at, commit, odd, on_both, scheduled};

on_both!(
    migrations_run_once,
    a_newer_database_is_refused,
    articles_and_their_aliases,
    articles_that_nothing_waits_for_are_forgotten,
    attempts_of_a_post,
    wishes_are_taken_oldest_first,
    the_audit_log_is_one_line_a_row,
    channels_keep_their_fence_and_first_cause,
    single_values,
    notices_are_said_once,
    the_longer_pause_stays,
    sources_and_the_bytes_they_brought,
    sealed_bytes_come_back_as_they_were,
    a_timeline_keeps_what_was_taken_down,
    a_nul_is_refused_or_kept_whole,
    the_servers_clock_is_near_ours,
);

async fn migrations_run_once(place: Place) {
    let store = place.open().await;
    commit!(store, |conn| meta::set(conn, meta::CHANGE, "kept").await).unwrap();
    drop(store);
    let (one, two) = tokio::join!(Store::open(&place.url), Store::open(&place.url));
    let (one, _two) = (one.unwrap(), two.unwrap());
    let mut conn = one.read().await.unwrap();
    assert_eq!(meta::get(&mut conn, meta::CHANGE).await.unwrap().as_deref(), Some("kept"));
    let runs: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations").fetch_one(&mut *conn).await.unwrap();
    assert_eq!(runs, 1, "one row a migration, however often the store is opened");
    assert_eq!((one.url(), one.dialect() == bugle::store::Dialect::Sqlite), (place.url.as_str(), place.is_sqlite()));
}

async fn a_newer_database_is_refused(place: Place) {
    let store = place.open().await;
    let future = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                  SELECT 9999, 'of the future', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1";
    commit!(store, |conn| Ok(sqlx::query(future).execute(conn).await?)).unwrap();
    drop(store);
    match Store::open(&place.url).await {
        Err(StoreError::Newer(said)) => assert!(said.contains("9999"), "{said}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("a database of a newer version was opened"),
    }
}

async fn articles_and_their_aliases(place: Place) {
    let store = place.open().await;
    let bare = super::article("bare");
    let mut full = super::article("full");
    full.source = odd().as_str().into();
    full.entry = Entry {
        guid: Some(odd()),
        title: odd(),
        link: "https://news.example/ü?a=1&b='2'".parse().ok(),
        published: Some(at(-60)),
        updated: Some(at(-30)),
        authors: vec![odd()],
        categories: vec![String::new(), odd()],
        summary: Some(odd()),
        content: Some(String::new()),
        image: "https://news.example/a.png".parse().ok().map(|url| Image { alt: Some(odd()), ..Image::at(url) }),
        language: Some("nl".to_owned()),
        ..Entry::default()
    };
    let verdicts = vec![Verdict { channel: odd(), why: odd() }];
    let (a, b, v) = (bare.clone(), full.clone(), verdicts.clone());
    commit!(store, |conn| {
        article::insert(conn, &a, "h1", "t1", &[]).await?;
        article::insert(conn, &b, "h2", "t2", &v).await
    })
    .unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(article::one(&mut conn, "bare").await.unwrap(), Some((bare.clone(), Vec::new())));
    assert_eq!(article::one(&mut conn, "full").await.unwrap(), Some((full.clone(), verdicts)));
    assert_eq!(article::one(&mut conn, "none").await.unwrap(), None);
    assert_eq!(article::hash(&mut conn, "full").await.unwrap().as_deref(), Some("h2"));
    assert_eq!(article::hash(&mut conn, "none").await.unwrap(), None);

    // A new version: the one before is kept, the id and the first sight stay.
    let entry = Entry { title: "Corrected".to_owned(), ..Entry::default() };
    let new = entry.clone();
    commit!(store, |conn| article::new_version(conn, "full", &new, "h3", "t3", at(60)).await).unwrap();
    let (now, _) = article::one(&mut conn, "full").await.unwrap().unwrap();
    assert_eq!((now.version, now.first_seen, now.entry), (2, full.first_seen, entry));
    assert_eq!(article::hash(&mut conn, "full").await.unwrap().as_deref(), Some("h3"));
    let kept: String = sqlx::query_scalar("SELECT entry FROM article_version WHERE article = 'full' AND version = 1")
        .fetch_one(&mut *conn)
        .await
        .unwrap();
    assert_eq!(serde_json::from_str::<Entry>(&kept).unwrap(), full.entry);

    // Aliases: by scope and value, hundreds at a time; the first article stays.
    let key = |scope: &str, value: &str| Alias { scope: scope.to_owned(), value: value.to_owned() };
    let many: Vec<Alias> = (0..900).map(|n| key("wire", &format!("guid {n}"))).collect();
    let (ours, odd_one) = (many.clone(), key("", &odd()[..2000]));
    let again = odd_one.clone();
    commit!(store, |conn| {
        for alias in &ours {
            article::alias(conn, alias, "bare", at(0)).await?;
        }
        article::alias(conn, &again, "full", at(0)).await?;
        article::alias(conn, &again, "full", at(99)).await
    })
    .unwrap();
    let taken = odd_one.clone();
    let other = commit!(store, |conn| article::alias(conn, &taken, "bare", at(99)).await);
    assert!(matches!(other, Err(StoreError::Conflict(_))), "a key stays with the story that had it first: {other:?}");
    let mut asked = many.clone();
    asked.extend([odd_one.clone(), key("other", "guid 1"), key("wire", "guid of nobody")]);
    let found = article::known(&mut conn, &asked).await.unwrap();
    assert_eq!(found.len(), 901);
    let again = found.iter().find(|(alias, ..)| *alias == odd_one).unwrap();
    assert_eq!((again.1.as_str(), again.2), ("full", at(99)), "listed again, but still the first one's");
    assert!(article::known(&mut conn, &[]).await.unwrap().is_empty());

    let hashes: Vec<String> = ["t1", "t2", "t3"].map(str::to_owned).into();
    assert_eq!(article::known_titles(&mut conn, "wire", &hashes).await.unwrap(), ["t1"]);
    assert_eq!(article::known_titles(&mut conn, &odd(), &hashes).await.unwrap(), ["t3"]);
    assert!(article::known_titles(&mut conn, "wire", &[]).await.unwrap().is_empty());

    // What a person may mean.
    drop(conn);
    super::add(&store, scheduled("p1", "bare")).await;
    let mut conn = store.read().await.unwrap();
    for (text, expected) in [("bare", "bare"), ("p1", "bare"), ("guid 7", "bare"), (&odd()[..], "full")] {
        let found = article::meant(&mut conn, text).await.unwrap();
        let ids: Vec<&str> = found.iter().map(|(article, _)| article.id.as_str()).collect();
        assert_eq!(ids, [expected], "{}", &text[..text.len().min(20)]);
    }
    assert!(article::meant(&mut conn, "nothing").await.unwrap().is_empty());
    let ids = |found: Vec<(bugle::model::article::Article, Vec<Verdict>)>| -> Vec<String> {
        found.into_iter().map(|(article, _)| article.id.as_str().to_owned()).collect()
    };
    assert_eq!(ids(article::newest(&mut conn, 10).await.unwrap()), ["full", "bare"]);
    assert_eq!(article::newest(&mut conn, 1).await.unwrap().len(), 1);
}

async fn articles_that_nothing_waits_for_are_forgotten(place: Place) {
    let store = place.open().await;
    for id in ["listed", "waits", "gone", "changed"] {
        let row = super::article(id);
        commit!(store, |conn| article::insert(conn, &row, "h", "t", &[]).await).unwrap();
    }
    super::add(&store, scheduled("p-waits", "waits")).await;
    commit!(store, |conn| {
        let key = |value: &str| Alias { scope: String::new(), value: value.to_owned() };
        article::alias(conn, &key("old"), "gone", at(0)).await?;
        article::alias(conn, &key("still"), "listed", at(100)).await?;
        article::new_version(conn, "changed", &Entry::default(), "h", "t", at(100)).await?;
        article::new_version(conn, "gone", &Entry::default(), "h", "t", at(10)).await
    })
    .unwrap();
    let gone = commit!(store, |conn| article::forget(conn, at(50)).await).unwrap();
    assert_eq!(gone, 1);
    let mut conn = store.read().await.unwrap();
    let left: BTreeSet<String> =
        article::newest(&mut conn, 10).await.unwrap().into_iter().map(|(a, _)| a.id.as_str().to_owned()).collect();
    assert_eq!(left, ["changed", "listed", "waits"].map(str::to_owned).into());
    let versions: i64 = sqlx::query_scalar("SELECT count(*) FROM article_version WHERE article = 'gone'")
        .fetch_one(&mut *conn)
        .await
        .unwrap();
    assert_eq!(versions, 0);
}

fn tried(id: &str, post: &str, op: Op, begun: i64) -> AttemptRow {
    AttemptRow {
        attempt: Attempt {
            id: id.into(),
            post: post.into(),
            step: Step { op, n: 3 },
            revision: 2,
            fence: i64::MAX,
            begun: at(begun),
            ended: None,
            hash: odd(),
            outcome: None,
        },
        owner: odd(),
        deadline: at(begun + 25),
    }
}

async fn attempts_of_a_post(place: Place) {
    let store = place.open().await;
    super::add(&store, scheduled("p", "a")).await;
    let outcomes = [
        Outcome::Done { value: json!({ "id": odd(), "n": [1, null, 2.5] }) },
        Outcome::Not { class: "not_sent".to_owned(), said: odd() },
        Outcome::Unknown { said: String::new() },
    ];
    let ops = [Op::Upload, Op::Create, Op::Edit, Op::Delete];
    for (n, op) in ops.into_iter().enumerate() {
        let row = tried(&format!("a{n}"), "p", op, i64::try_from(n).unwrap());
        commit!(store, |conn| attempt::begin(conn, &row).await).unwrap();
    }
    let orphan = tried("orphan", "nobody", Op::Create, 0);
    commit!(store, |conn| attempt::begin(conn, &orphan).await).unwrap();
    for (n, outcome) in outcomes.clone().into_iter().enumerate() {
        commit!(store, |conn| attempt::end(conn, &format!("a{n}").as_str().into(), at(9), &outcome).await).unwrap();
    }
    let twice = tried("a0", "p", Op::Create, 0);
    commit!(store, |conn| attempt::begin(conn, &twice).await).expect_err("an attempt is begun once");

    let mut conn = store.read().await.unwrap();
    let found = attempt::of(&mut conn, "p").await.unwrap();
    for (n, row) in found.iter().enumerate() {
        let mut expected = tried(&format!("a{n}"), "p", ops[n], i64::try_from(n).unwrap());
        expected.attempt.outcome = outcomes.get(n).cloned();
        expected.attempt.ended = outcomes.get(n).map(|_| at(9));
        assert_eq!(*row, expected);
    }
    assert_eq!(found.len(), 4);
    drop(conn);
    assert_eq!(commit!(store, |conn| attempt::forget(conn, at(50)).await).unwrap(), 1, "only the orphan goes");
    let mut conn = store.read().await.unwrap();
    assert_eq!(attempt::of(&mut conn, "p").await.unwrap().len(), 4);
    assert!(attempt::of(&mut conn, "nobody").await.unwrap().is_empty());
}

async fn wishes_are_taken_oldest_first(place: Place) {
    let store = place.open().await;
    let wish = |id: &str, channel: &str, asked: i64, due: i64, payload: Option<String>| AmendRow {
        id: id.to_owned(),
        post: odd(),
        channel: channel.to_owned(),
        op: if payload.is_some() { "edit" } else { "delete" }.to_owned(),
        payload,
        by_whom: odd(),
        at: at(asked),
        due: at(due),
        tries: 0,
        state: "asked".to_owned(),
        said: None,
    };
    let all = [wish("2", "main", 2, 2, Some(odd())), wish("1", "main", 1, 5, None), wish("0", "other", 0, 0, None)];
    for row in all.clone() {
        commit!(store, |conn| amend::ask(conn, &row).await).unwrap();
    }
    let mut conn = store.read().await.unwrap();
    assert_eq!(amend::next(&mut conn, "main", at(1)).await.unwrap(), None);
    assert_eq!(
        amend::next(&mut conn, "main", at(4)).await.unwrap().as_ref(),
        Some(&all[0]),
        "the older one is not due"
    );
    assert_eq!(amend::next(&mut conn, "main", at(5)).await.unwrap().as_ref(), Some(&all[1]));
    assert_eq!(amend::one(&mut conn, "0").await.unwrap().as_ref(), Some(&all[2]));
    assert_eq!(amend::one(&mut conn, "9").await.unwrap(), None);
    drop(conn);
    commit!(store, |conn| {
        amend::settle(conn, "1", "asked", &odd(), Some(at(60))).await?;
        amend::settle(conn, "2", "done", "done", None).await
    })
    .unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(amend::next(&mut conn, "main", at(59)).await.unwrap(), None);
    let again = amend::next(&mut conn, "main", at(60)).await.unwrap().unwrap();
    assert_eq!((again.tries, again.said.as_deref() == Some(&odd()), again.due), (1, true, at(60)));
    let done = amend::one(&mut conn, "2").await.unwrap().unwrap();
    assert_eq!((done.state.as_str(), done.due, done.tries), ("done", at(2), 1));
}

async fn the_audit_log_is_one_line_a_row(place: Place) {
    let store = place.open().await;
    commit!(store, |conn| {
        audit::add(conn, at(2), &Actor::Person(odd()), "post", "p", (Some("held"), None), "line\r\nbreak\0end").await?;
        audit::add(conn, at(1), &Actor::Route, "post", "p", (None, Some("scheduled")), &odd()).await
    })
    .unwrap();
    let mut conn = store.read().await.unwrap();
    let log = audit::of(&mut conn, "p").await.unwrap();
    assert_eq!(log.iter().map(|e| e.at).collect::<Vec<_>>(), [at(1), at(2)]);
    assert_eq!((log[0].from.as_deref(), log[0].to.as_deref()), (None, Some("scheduled")));
    assert_eq!((log[1].from.as_deref(), log[1].to.as_deref()), (Some("held"), None));
    assert_eq!(log[1].why, "line  break end");
    assert_eq!(log[0].why.chars().count(), 2_000);
    assert_eq!(log[1].actor, odd());
    assert!(audit::of(&mut conn, "q").await.unwrap().is_empty());
}

async fn channels_keep_their_fence_and_first_cause(place: Place) {
    let store = place.open().await;
    let name = odd();
    let (n, m) = (name.clone(), name.clone());
    commit!(store, |conn| {
        channel::ensure(conn, &n, "x", at(0)).await?;
        channel::ensure(conn, &n, "mastodon", at(1)).await?;
        channel::ensure(conn, "b", "x", at(1)).await
    })
    .unwrap();
    let mut conn = store.read().await.unwrap();
    let fresh = channel::one(&mut conn, &name).await.unwrap().unwrap();
    assert_eq!((fresh.platform.as_str(), fresh.fence), ("x", 0), "what it was first seen with stays");
    assert!(fresh.identity.is_none() && fresh.blocked.is_none() && fresh.last_slot.is_none());
    assert!(fresh.clock_offset.is_none() && fresh.closed_since.is_none());
    assert_eq!(channel::one(&mut conn, "nobody").await.unwrap(), None);
    assert_eq!(channel::all(&mut conn).await.unwrap().len(), 2);
    drop(conn);
    let block = Block::OtherAccount { expected: odd(), found: String::new() };
    let blocked = block.clone();
    let taken = commit!(store, |conn| {
        assert_eq!(channel::take(conn, "nobody").await?, None);
        channel::set_blocked(conn, &m, Some(&blocked), at(3)).await?;
        channel::set_closed(conn, &m, Some(at(3))).await?;
        channel::set_closed(conn, &m, Some(at(9))).await?;
        channel::set_slot(conn, &m, at(4)).await?;
        channel::set_identity(conn, &m, &odd()).await?;
        channel::take(conn, &m).await
    })
    .unwrap()
    .unwrap();
    assert_eq!((taken.fence, taken.blocked, taken.closed_since), (1, Some(block), Some(at(3))));
    assert_eq!((taken.last_slot, taken.identity), (Some(at(4)), Some(odd())));
    let m = name.clone();
    commit!(store, |conn| {
        channel::set_blocked(conn, &m, None, at(5)).await?;
        channel::set_closed(conn, &m, None).await
    })
    .unwrap();
    let mut conn = store.read().await.unwrap();
    let open = channel::one(&mut conn, &name).await.unwrap().unwrap();
    assert_eq!((open.blocked, open.closed_since, open.fence), (None, None, 1));
    assert_eq!(channel::one(&mut conn, "b").await.unwrap().unwrap().fence, 0);
}

async fn single_values(place: Place) {
    let store = place.open().await;
    commit!(store, |conn| {
        assert_eq!(meta::get(conn, meta::CHANGE).await?, None);
        meta::touch(conn).await?;
        let first = meta::get(conn, meta::CHANGE).await?;
        meta::touch(conn).await?;
        assert_ne!(meta::get(conn, meta::CHANGE).await?, first);
        meta::set(conn, meta::CHANGE, &odd()).await?;
        assert_eq!(meta::get(conn, meta::CHANGE).await?, Some(odd()));
        assert_eq!(meta::instant_of(conn, meta::CHANGE).await?, None, "not an instant");
        meta::clear(conn, meta::CHANGE).await?;
        assert_eq!(meta::get(conn, meta::CHANGE).await?, None);
        meta::set_instant(conn, meta::HEARTBEAT, at(7)).await?;
        assert_eq!(meta::instant_of(conn, meta::HEARTBEAT).await?, Some(at(7)));
        assert_eq!(meta::instant_of(conn, meta::RESTORED).await?, None);
        Ok(())
    })
    .unwrap();
}

async fn notices_are_said_once(place: Place) {
    let store = place.open().await;
    let say = |level, key: &str, text: &str| Notice::new(level, key, text);
    commit!(store, |conn| {
        assert!(notice::raise(conn, &say(Level::Info, "i", &odd()), at(1)).await?);
        assert!(notice::raise(conn, &say(Level::Warn, "w", "first"), at(2)).await?);
        assert!(!notice::raise(conn, &say(Level::Alarm, "w", "second"), at(3)).await?);
        assert!(notice::raise(conn, &say(Level::Warn, &odd()[..900], ""), at(4)).await?);
        notice::told(conn, "i").await
    })
    .unwrap();
    let mut conn = store.read().await.unwrap();
    let all = notice::all(&mut conn).await.unwrap();
    assert_eq!(all.iter().map(|n| n.level.as_str()).collect::<Vec<_>>(), ["alarm", "warn", "info"]);
    assert_eq!((all[0].text.as_str(), all[0].count, all[0].first_at, all[0].last_at), ("second", 2, at(2), at(3)));
    assert_eq!(notice::untold(&mut conn).await.unwrap().iter().map(|n| n.first_at).collect::<Vec<_>>(), [at(2), at(4)]);
    drop(conn);
    commit!(store, |conn| {
        assert!(notice::settle(conn, "w").await?);
        assert!(!notice::settle(conn, "w").await?);
        notice::forget(conn, at(4)).await?;
        assert_eq!(notice::all(conn).await?.len(), 1);
        Ok(())
    })
    .unwrap();
}

async fn the_longer_pause_stays(place: Place) {
    let store = place.open().await;
    let pause = |scope: PauseScope, until: Option<i64>, by: &str| Pause {
        scope,
        until: until.map(at),
        why: odd(),
        by: by.to_owned(),
        since: at(0),
    };
    let scope = PauseScope::Credential(odd());
    let (limit, longer, shorter, person) = (
        pause(scope.clone(), Some(10), "limit"),
        pause(scope.clone(), Some(20), "longer"),
        pause(scope.clone(), Some(5), "shorter"),
        pause(scope.clone(), None, "person"),
    );
    let other = pause(PauseScope::All, Some(1), "other");
    commit!(store, |conn| {
        for (put, stays) in
            [(&limit, &limit), (&longer, &longer), (&shorter, &longer), (&person, &person), (&longer, &person)]
        {
            pause::put(conn, put).await?;
            assert_eq!(pause::all(conn).await?, std::slice::from_ref(stays));
        }
        pause::put(conn, &other).await?;
        pause::clear_lapsed(conn, at(1)).await?;
        assert_eq!(pause::all(conn).await?, std::slice::from_ref(&person), "one without end never lapses");
        assert_eq!(pause::end(conn, &scope).await?, Some(person));
        assert_eq!(pause::end(conn, &scope).await?, None);
        Ok(())
    })
    .unwrap();
}

async fn sources_and_the_bytes_they_brought(place: Place) {
    let store = place.open().await;
    let bare = SourceRow {
        name: "a".to_owned(),
        url: String::new(),
        first_seen: at(0),
        fresh: false,
        etag: None,
        last_modified: None,
        body_hash: None,
        next_poll: at(1),
        last_fetch: None,
        last_good: None,
        last_change: None,
        failures: 0,
        error: None,
        polite: "{}".to_owned(),
    };
    let full = SourceRow {
        name: odd(),
        url: odd(),
        fresh: true,
        etag: Some(odd()),
        last_modified: Some(odd()),
        body_hash: Some(odd()),
        last_fetch: Some(at(2)),
        last_good: Some(at(3)),
        last_change: Some(at(4)),
        failures: i64::MAX,
        error: Some(odd()),
        polite: odd(),
        ..bare.clone()
    };
    commit!(store, |conn| {
        source::put(conn, &bare).await?;
        source::put(conn, &full).await?;
        assert_eq!(source::one(conn, "a").await?.as_ref(), Some(&bare));
        assert_eq!(source::one(conn, &odd()).await?.as_ref(), Some(&full));
        assert_eq!(source::one(conn, "nobody").await?, None);
        // Over a known row; the first sight stays.
        let emptied = SourceRow { name: odd(), first_seen: at(77), ..bare.clone() };
        source::put(conn, &emptied).await?;
        assert_eq!(source::one(conn, &odd()).await?, Some(SourceRow { first_seen: at(0), ..emptied }));
        source::put(conn, &full).await?;
        source::unchanged(conn, &odd(), at(50), at(60)).await?;
        let polled = source::one(conn, &odd()).await?.expect("stored");
        assert_eq!((polled.last_fetch, polled.last_good, polled.next_poll), (Some(at(50)), Some(at(50)), at(60)));
        assert_eq!((polled.failures, polled.error, polled.last_change), (0, None, Some(at(4))));
        source::freshen_all(conn).await?;
        for row in source::all(conn).await? {
            assert!(row.fresh && row.etag.is_none() && row.last_modified.is_none() && row.body_hash.is_none());
        }
        let bytes: Vec<u8> = (0..=255).cycle().take(200_000).collect();
        source::keep_raw(conn, "a", at(0), "first", b"").await?;
        source::keep_raw(conn, "a", at(5), &odd(), &bytes).await?;
        let kept: Vec<u8> = sqlx::query_scalar("SELECT bytes FROM raw").fetch_one(&mut *conn).await?;
        assert_eq!(kept, bytes);
        source::forget_raw(conn, at(5)).await?;
        let count = "SELECT count(*) FROM raw";
        assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&mut *conn).await?, 1);
        source::forget_raw(conn, at(6)).await?;
        assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&mut *conn).await?, 0);
        Ok(())
    })
    .unwrap();
}

async fn sealed_bytes_come_back_as_they_were(place: Place) {
    let store = place.open().await;
    commit!(store, |conn| {
        let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
        sealed::put(conn, "c", "w", b"", at(0)).await?;
        assert_eq!(sealed::get(conn, "c", "w").await?, Some(Vec::new()));
        sealed::put(conn, "c", "w", &bytes, at(1)).await?;
        assert_eq!(sealed::get(conn, "c", "w").await?, Some(bytes));
        assert_eq!(sealed::get(conn, "c", "x").await?, None);
        assert_eq!(sealed::get(conn, "d", "w").await?, None);
        Ok(())
    })
    .unwrap();
}

async fn a_timeline_keeps_what_was_taken_down(place: Place) {
    let store = place.open().await;
    commit!(store, |conn| {
        wall::put(conn, "c", "1", &odd(), at(1)).await?;
        wall::put(conn, "c", "1", "again", at(9)).await?;
        wall::put(conn, "c", "2", "two", at(2)).await?;
        wall::put(conn, "d", "1", "elsewhere", at(3)).await?;
        assert!(wall::has(conn, "c", "1").await? && !wall::has(conn, "c", "3").await?);
        wall::change(conn, "c", "2", "changed").await?;
        wall::take_down(conn, "c", "1", at(5)).await?;
        wall::take_down(conn, "c", "1", at(6)).await?;
        assert!(!wall::has(conn, "c", "1").await?);
        let list = wall::list(conn, "c", 10).await?;
        assert_eq!(list.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["2", "1"]);
        assert_eq!((list[0].post.as_str(), list[0].down), ("changed", None));
        assert_eq!((list[1].post.as_str() == odd(), list[1].at, list[1].down), (true, at(1), Some(at(5))));
        assert_eq!(wall::list(conn, "c", 1).await?.len(), 1);
        assert_eq!(wall::list(conn, "d", 10).await?.len(), 1);
        Ok(())
    })
    .unwrap();
}

/// PostgreSQL's TEXT takes no NUL. What is JSON inside the database escapes it, so it comes back on both.
async fn a_nul_is_refused_or_kept_whole(place: Place) {
    let store = place.open().await;
    let plain = commit!(store, |conn| meta::set(conn, meta::CHANGE, "a\0b").await);
    assert_eq!(plain.is_ok(), place.is_sqlite(), "{plain:?}");
    let mut conn = store.read().await.unwrap();
    let expected = place.is_sqlite().then(|| "a\0b".to_owned());
    assert_eq!(meta::get(&mut conn, meta::CHANGE).await.unwrap(), expected, "whole or not at all");
    drop(conn);
    let mut row = super::article("n");
    row.entry.summary = Some("a\0b".to_owned());
    let stored = row.clone();
    commit!(store, |conn| article::insert(conn, &stored, "h", "t", &[]).await).unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(article::one(&mut conn, "n").await.unwrap().unwrap().0, row);
}

async fn the_servers_clock_is_near_ours(place: Place) {
    use bugle::clock::Clock as _;
    let store = place.open().await;
    let now = bugle::clock::SystemClock::new().now();
    let offset = store.clock_offset(now).await.unwrap();
    // The server of the tests is this machine.
    assert!(if place.is_sqlite() { offset == 0 } else { (0..60_000).contains(&offset) }, "{offset}");
    let behind = store.clock_offset(now - jiff::SignedDuration::from_hours(1)).await.unwrap();
    assert!(if place.is_sqlite() { behind == 0 } else { behind >= 3_600_000 }, "{behind}");
}
