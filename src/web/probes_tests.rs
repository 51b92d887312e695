//! What machines ask, over a real listener and a real store.

use std::sync::atomic::Ordering;

use jiff::SignedDuration;

use super::tests::Desk;
use super::*;
use crate::clock::Clock as _;
use crate::store::job;

#[tokio::test]
async fn health_is_that_the_loops_go_round() {
    let desk = Desk::open("127.0.0.1").await;
    assert_eq!(desk.get("/healthz").await.body, "ok\n");
    desk.clock.advance(SignedDuration::from_secs(61));
    let answer = desk.get("/healthz").await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "the loops have not gone round for 61 s\n"));
    desk.tick.store(desk.clock.now().as_millisecond(), Ordering::Relaxed);
    assert_eq!(desk.get("/healthz").await.status, 200);
    desk.clock.set("2026-03-12T09:00:00Z".parse().unwrap());
    assert_eq!(desk.get("/healthz").await.status, 200, "a clock set back");
}

#[tokio::test]
async fn readiness_is_said_in_words() {
    let desk = Desk::open("127.0.0.1").await;
    for (readiness, status, words) in [
        (Readiness::Starting("reading the config".to_owned()), 503, "starting: reading the config\n"),
        (Readiness::Ready, 200, "ready\n"),
        (Readiness::Standby, 200, "standby: another process publishes\n"),
        (Readiness::Stopping, 503, "stopping\n"),
    ] {
        desk.ready.send_replace(readiness);
        let answer = desk.get("/readyz").await;
        assert_eq!((answer.status, answer.body.as_str()), (status, words));
    }
}

#[tokio::test]
async fn a_store_that_fails_is_told_everywhere() {
    let desk = Desk::open("127.0.0.1").await;
    desk.ready.send_replace(Readiness::Ready);
    for table in ["meta", "post"] {
        let sql = sqlx::AssertSqlSafe(format!("DROP TABLE {table}"));
        let work = job(move |conn| Box::pin(async move { Ok(sqlx::query(sql).execute(conn).await.map(drop)?) }));
        desk.store.write(work).await.unwrap();
    }
    for path in ["/readyz", "/metrics", "/"] {
        let answer = desk.get(path).await;
        assert_eq!(answer.status, 503, "{path}");
        assert!(!answer.body.contains("no such table"), "{path}: {}", answer.body);
    }
    assert_eq!(desk.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn metrics_count_the_rows_of_the_store() {
    let desk = Desk::open("127.0.0.1").await;
    desk.fill().await;
    let text = desk.get("/metrics").await.body;
    for line in [
        "bugle_queue{state=\"held\"} 2",
        "bugle_queue{state=\"scheduled\"} 1",
        "bugle_queue{state=\"publishing\"} 0",
        "bugle_queue{state=\"uncertain\"} 1",
        "bugle_queue{state=\"failed\"} 1",
        "bugle_uncertain 2",
        "bugle_channel_blocked{channel=\"x\"} 1",
        "bugle_notices{level=\"alarm\"} 1",
        "bugle_notices{level=\"warn\"} 0",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}
