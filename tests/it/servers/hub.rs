//! A real WebSub hub, Flask-WebSub: where it is, and how a publisher tells it of news.

use super::place;
use crate::wire::Ask;

/// Its address.
pub fn url() -> String {
    place("BUGLE_TEST_HUB")
}

/// Tells it that a topic has news: it fetches it and pushes it to who subscribed.
///
/// # Panics
/// When it does not take that.
pub async fn publish(topic: &str) {
    let answer = Ask::form(url(), &[("hub.mode", "publish"), ("hub.topic", topic)]).send().await;
    let answer = answer.expect("the hub of BUGLE_TEST_HUB answers");
    assert!((200..300).contains(&answer.status), "{} {}", answer.status, answer.text());
}
