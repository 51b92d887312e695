//! Dead tokens, with the real program: the channel is blocked and says how to go on, the others post, its queue is kept;
//! a token that is good again lifts the block, without a word to the channel.

use crate::fakes::mastodon::FakeMastodon;
use crate::fakes::telegram::FakeTelegram;
use crate::harness::{Newsroom, Press, saw, until};

#[tokio::test]
async fn a_dead_token_stops_its_channel_only_and_a_new_one_goes_on_with_the_queue() {
    let (mastodon, telegram, press) = (FakeMastodon::start(), FakeTelegram::start(), Press::start());
    let newsroom = Newsroom::new("dead-token").source("news", &press.url(), "from now").telegram(&telegram);
    let good = mastodon.account("newsroom");
    newsroom.write("token", &format!("{good}\n"));
    let file = format!("{{ file = {:?} }}", newsroom.path("token"));
    let newsroom =
        newsroom.allowing(&mastodon.host()).channel("mastodon", "mastodon", Some(&mastodon.url()), &[("token", file)]);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    press.read().await;
    press.publish("one");
    for channel in ["mastodon", "telegram"] {
        books.wait_for(channel, "published", 1).await;
    }
    // The token is taken back on the platform's pages.
    mastodon.revoke();
    press.publish("two");
    until("the channel is blocked", async || books.block("mastodon").await.is_some()).await;
    books.wait_for("telegram", "published", 2).await;
    press.publish("three");
    books.wait_for("telegram", "published", 3).await;
    books.wait_for("mastodon", "scheduled", 2).await;
    let notices = books.notices().await;
    let told = notices.iter().find(|it| it.key == "channel.mastodon.blocked").expect("a person is told");
    assert!(told.text.contains("bugle connect mastodon"), "{}", told.text);
    // A new token is put into the file. It is asked for within the hour, and at once where the config is read again.
    newsroom.write("token", &format!("{}\n", mastodon.account("newsroom")));
    bugle.hup();
    books.wait_for("mastodon", "published", 3).await;
    until("the notice is settled", async || {
        !books.notices().await.iter().any(|it| it.key == "channel.mastodon.blocked")
    })
    .await;
    saw(mastodon.ledger(), &["one", "two", "three"].map(crate::harness::link));
    assert!(bugle.term().await.success());
}
