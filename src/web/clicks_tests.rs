//! Short links over a real listener and a real store.

use super::tests::Desk;
use crate::store::short_link::{self, Link};
use crate::store::{StoreError, job};

const READER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const ID: &str = "3vQB7B6MrG";

async fn put(desk: &Desk, id: &str, url: &str) {
    let link = Link {
        id: id.to_owned(),
        url: url.to_owned(),
        post: format!("p{id}"),
        channel: "x".to_owned(),
        article: "a1".to_owned(),
    };
    let now = crate::clock::Clock::now(&*desk.clock);
    let write = job(move |conn| Box::pin(async move { short_link::put(conn, &link, now).await }));
    assert_eq!(desk.store.write(write).await, Ok(true));
}

async fn days(desk: &Desk, id: &str) -> Result<Vec<(String, i64)>, StoreError> {
    let mut conn = desk.store.read().await?;
    short_link::days(&mut conn, id).await
}

fn request(method: &str, path: &str, agent: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {agent}\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn a_click_leads_on_and_is_counted_without_a_trace_of_who() {
    // Also where the pages are closed.
    let desk = Desk::open("0.0.0.0").await;
    let target = "https://news.example/a?x=1&utm_source=x#top";
    put(&desk, ID, target).await;
    put(&desk, "3vQB7B6MrH", "javascript:alert(1)").await;
    let path = format!("/r/{ID}");
    for _ in 0..3 {
        let answer = desk.send(&request("GET", &path, READER)).await;
        assert_eq!((answer.status, answer.header("location")), (302, Some(target)));
        assert_eq!(answer.header("cache-control"), Some("private, max-age=0"));
        assert_eq!(answer.header("referrer-policy"), Some("strict-origin-when-cross-origin"));
        assert_eq!(answer.header("set-cookie"), None);
    }
    // Neither a look without a body nor a program is a reader.
    assert_eq!(desk.send(&request("HEAD", &path, READER)).await.status, 302);
    assert_eq!(desk.send(&request("GET", &path, "Twitterbot/1.0")).await.status, 302);
    assert_eq!(desk.send(&request("POST", &path, READER)).await.status, 405);
    for nothing in ["/r/3vQB7B6MrZ", "/r/3vQB7B6MrH", "/r/x", "/r/https:%2F%2Fevil.example", "/r/%ff", "/r/"] {
        let answer = desk.send(&request("GET", nothing, READER)).await;
        assert_eq!((answer.status, answer.header("location")), (404, None), "{nothing}");
    }
    assert_eq!(days(&desk, ID).await, Ok(Vec::new()), "written behind");
    let store = desk.store.clone();
    desk.close().await;
    let mut conn = store.read().await.unwrap();
    // Ten in the morning UTC, in the newsroom's zone.
    assert_eq!(
        short_link::days(&mut conn, ID).await,
        Ok(vec![("2026-03-12".to_owned(), 3)]),
        "at the end at the latest"
    );
}

#[tokio::test]
async fn a_flood_of_clicks_is_one_row() {
    let desk = Desk::open("127.0.0.1").await;
    put(&desk, ID, "https://news.example/a").await;
    for _ in 0..50 {
        assert_eq!(desk.send(&request("GET", &format!("/r/{ID}"), READER)).await.status, 302);
    }
    let store = desk.store.clone();
    desk.close().await;
    let mut conn = store.read().await.unwrap();
    assert_eq!(short_link::days(&mut conn, ID).await, Ok(vec![("2026-03-12".to_owned(), 50)]));
}
