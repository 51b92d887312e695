//! Backup and restore: between the engines, whole or not at all, and one consistent picture while others write.

use std::fs::{self, File};
use std::path::Path;

use bugle::model::channel::{Block, Pause, PauseScope};
use bugle::model::notice::{Level, Notice};
use bugle::model::post::{Actor, PostState};
use bugle::model::receipt::{Attempt, Outcome};
use bugle::platform::ONLY;
use bugle::store::amend::AmendRow;
use bugle::store::article::Alias;
use bugle::store::attempt::AttemptRow;
use bugle::store::source::SourceRow;
use bugle::store::{Store, amend, article, attempt, backup, channel, meta, notice, pause, post, sealed, source, wall};

use super::{Place, add, at, commit, odd, on_both, one, scheduled};

on_both!(
    a_backup_fills_either_engine,
    a_cut_off_backup_is_refused_whole,
    what_is_no_backup_is_refused,
    a_store_in_use_is_not_filled,
    a_backup_is_one_picture,
);

/// Something in every table; more than a page of rows in one of them.
async fn fill(store: &Store) {
    let mut row = scheduled("p", "a");
    row.post.text = Some(odd());
    add(store, row).await;
    let mut out = scheduled("out", "b");
    let receipt = bugle::model::receipt::Receipt {
        remote_id: Some("1".to_owned()),
        url: None,
        parts: Vec::new(),
        at: at(0),
        how: bugle::model::receipt::Known::Answered,
    };
    out.post.state = PostState::Published { receipt };
    add(store, out).await;
    commit!(store, |conn| {
        meta::set(conn, meta::CHANGE, &odd()).await?;
        source::put(conn, &a_source()).await?;
        source::keep_raw(conn, "wire", at(0), &odd(), &[0, 255, 10, 34]).await?;
        article::insert(conn, &super::article("a"), "h", "t", &[]).await?;
        article::new_version(conn, "a", &Default::default(), "h", "t", at(1)).await?;
        for n in 0..2_100 {
            let alias = Alias { scope: String::new(), value: format!("{n} {}", &odd()[..200]) };
            article::alias(conn, &alias, "a", at(n)).await?;
        }
        channel::ensure(conn, "main", "x", at(0)).await?;
        channel::set_blocked(conn, "main", Some(&Block::Gone { said: odd() }), at(0)).await?;
        channel::ensure(conn, "bare", "x", at(0)).await?;
        pause::put(conn, &Pause { scope: PauseScope::All, until: None, why: odd(), by: odd(), since: at(0) }).await?;
        attempt::begin(conn, &an_attempt()).await?;
        attempt::end(conn, &"t".into(), at(1), &Outcome::Unknown { said: odd() }).await?;
        amend::ask(conn, &a_wish()).await?;
        notice::raise(conn, &Notice::new(Level::Alarm, "n", odd()), at(0)).await?;
        sealed::put(conn, "main", "grant", &[0, 1, 2, 255], at(0)).await?;
        sealed::put(conn, "main", "empty", &[], at(0)).await?;
        wall::put(conn, "main", "w", &odd(), at(0)).await
    })
    .unwrap();
}

fn a_source() -> SourceRow {
    SourceRow {
        etag: Some(odd()),
        body_hash: Some(odd()),
        polite: "{}".to_owned(),
        ..SourceRow::new("wire", &odd(), at(0))
    }
}

fn an_attempt() -> AttemptRow {
    AttemptRow {
        attempt: Attempt {
            id: "t".into(),
            post: "p".into(),
            step: ONLY,
            revision: 0,
            fence: 1,
            begun: at(0),
            ended: None,
            hash: String::new(),
            outcome: None,
        },
        owner: String::new(),
        deadline: at(25),
        clock_ahead: Some(jiff::SignedDuration::from_millis(-1500)),
    }
}

fn a_wish() -> AmendRow {
    AmendRow {
        id: "w".to_owned(),
        post: "out".to_owned(),
        channel: "main".to_owned(),
        op: "delete".to_owned(),
        payload: None,
        by_whom: odd(),
        at: at(0),
        due: at(0),
        tries: 0,
        state: "asked".to_owned(),
        said: None,
    }
}

async fn written(store: &Store, to: &Path) -> u64 {
    backup::write(store, File::create(to).unwrap()).await.unwrap()
}

/// The rows of a backup, without those that a restore changes on purpose.
fn rows(file: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(file).unwrap();
    let mut rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for row in &mut rows {
        let Some(table) = row.get("table").map(|table| table.as_str().unwrap().to_owned()) else { continue };
        let row = row["row"].as_object_mut().unwrap();
        match table.as_str() {
            "post" => row.retain(|key, _| !matches!(key.as_str(), "verify" | "row_version")),
            "source" => row.retain(|key, _| !matches!(key.as_str(), "fresh" | "etag" | "last_modified" | "body_hash")),
            _ => {}
        }
    }
    rows.retain(|row| row.get("end").is_none() && row["row"]["name"] != "restored");
    // The engines sort texts their own ways.
    rows.sort_by_key(ToString::to_string);
    rows
}

async fn a_backup_fills_either_engine(place: Place) {
    let store = place.open().await;
    fill(&store).await;
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("1"), folder.path().join("2"));
    let count = written(&store, &first).await;
    assert!(count > 2_100, "{count}");
    for to in [Place::sqlite(), Place::postgres().await] {
        let restored = to.open().await;
        assert_eq!(backup::restore(&restored, File::open(&first).unwrap(), at(500)).await.unwrap(), count);
        written(&restored, &second).await;
        assert_eq!(rows(&first), rows(&second), "{} -> {}", place.url, to.url);
        // All of it may be out already: the waiting post is looked up first, the source posts nothing of what comes first.
        assert!(one(&restored, "p").await.verify && !one(&restored, "out").await.verify);
        let mut conn = restored.read().await.unwrap();
        assert_eq!(meta::instant_of(&mut conn, meta::RESTORED).await.unwrap(), Some(at(500)));
        let source = source::one(&mut conn, "wire").await.unwrap().unwrap();
        assert!(source.fresh && source.etag.is_none() && source.body_hash.is_none());
        assert_eq!(sealed::get(&mut conn, "main", "grant").await.unwrap(), Some(vec![0, 1, 2, 255]));
        assert_eq!(sealed::get(&mut conn, "main", "empty").await.unwrap(), Some(Vec::new()));
        assert_eq!(post::of_article(&mut conn, "a").await.unwrap()[0].post, one(&store, "p").await.post);
    }
}

/// Nothing in any table.
async fn is_empty(store: &Store) -> bool {
    let folder = tempfile::tempdir().unwrap();
    written(store, &folder.path().join("b")).await == 0
}

async fn a_cut_off_backup_is_refused_whole(place: Place) {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let source = Place::sqlite();
    let store = source.open().await;
    fill(&store).await;
    written(&store, &whole).await;
    let text = fs::read_to_string(&whole).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let without_one = [&lines[..5], &lines[6..]].concat().join("\n");
    let target = place.open().await;
    for (what, bytes) in [
        ("no end", lines[..lines.len() - 1].join("\n")),
        ("half a line", String::from_utf8_lossy(&text.as_bytes()[..text.len() * 2 / 3]).into_owned()),
        ("the head alone", lines[0].to_owned()),
        ("a row too few", without_one),
        ("a table of the future", format!("{}\n{}\n{{\"end\":2}}", lines[..2].join("\n"), r#"{"table":"x","row":{}}"#)),
        (
            "a column of the future",
            format!("{}\n{}", lines[0], r#"{"table":"meta","row":{"name":"a","value":"b","x":1}}"#),
        ),
        ("SQL for a column", format!("{}\n{}", lines[0], r#"{"table":"meta","row":{"name) VALUES ('x'); --":"a"}}"#)),
        (
            "a table that is no name",
            format!("{}\n{}", lines[0], r#"{"table":"meta; DROP TABLE post","row":{"name":"a"}}"#),
        ),
    ] {
        let cut = folder.path().join("cut");
        fs::write(&cut, bytes).unwrap();
        let answer = backup::restore(&target, File::open(&cut).unwrap(), at(0)).await;
        assert!(answer.is_err(), "{what}: {answer:?}");
        assert!(is_empty(&target).await, "{what}: something was stored");
    }
    backup::restore(&target, File::open(&whole).unwrap(), at(0)).await.expect("the whole one is taken");
}

async fn what_is_no_backup_is_refused(place: Place) {
    let store = place.open().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    for bytes in [&b""[..], b"SQLite format 3\0", b"{\"bugle\":\"backup\",\"format\":2}\n{\"end\":0}", &[0xff; 64]] {
        fs::write(&file, bytes).unwrap();
        let answer = backup::restore(&store, File::open(&file).unwrap(), at(0)).await;
        assert!(answer.as_ref().is_err_and(|said| said.to_string().contains("not a backup")), "{answer:?}");
    }
}

async fn a_store_in_use_is_not_filled(place: Place) {
    let store = place.open().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    written(&store, &file).await;
    add(&store, scheduled("p", "a")).await;
    let answer = backup::restore(&store, File::open(&file).unwrap(), at(0)).await;
    assert!(answer.as_ref().is_err_and(|said| said.to_string().contains("not empty")), "{answer:?}");
    assert!(!one(&store, "p").await.verify);
}

/// Another process stores articles with their posts while the backup is written: none may be in it without the other.
async fn a_backup_is_one_picture(place: Place) {
    let store = place.open().await;
    fill(&store).await;
    let beside = place.open().await;
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let writing = tokio::spawn(async move {
        let mut n = 0;
        while stopped.try_recv().is_err() {
            let (id, row) = (format!("beside-{n}"), scheduled(&format!("beside-{n}"), &format!("beside-{n}")));
            commit!(beside, |conn| {
                article::insert(conn, &super::article(&id), "h", "t", &[]).await?;
                post::insert(conn, &row, at(0), &Actor::Route, "planned").await
            })
            .unwrap();
            n += 1;
        }
        n
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    for _ in 0..3 {
        written(&store, &file).await;
        let all = rows(&file);
        let ids = |table: &str, column: &str| {
            let mut ids: Vec<String> = all
                .iter()
                .filter(|row| row["table"] == table)
                .map(|row| row["row"][column].as_str().unwrap().to_owned())
                .filter(|id| id.starts_with("beside"))
                .collect();
            ids.sort();
            ids
        };
        let (articles, posts) = (ids("article", "id"), ids("post", "article"));
        assert!(articles == posts, "{} articles, {} posts", articles.len(), posts.len());
    }
    stop.send(()).unwrap();
    assert!(writing.await.unwrap() > 0);
}
