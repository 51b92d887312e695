//! From a feed to the events read back from Synapse, the reference homeserver of Matrix, by its own API.

use serde_json::{Value, json};

use crate::fakes::feed::FakeFeed;
use crate::harness::{Newsroom, fetched, link};
use crate::proxy::{Mode, Proxy};
use crate::servers::synapse::{self, Account};

const EMPTY: &str = "<rss version=\"2.0\"><channel><title>N</title></channel></rss>";
/// As readers see it in front of the slug; the mention is broken.
const TITLE: &str = "Xəzərdə külək: \u{1F32C} room 5 < 6 & bağlandı";

fn feed(slug: &str, pictures: &[String]) -> String {
    let media: String = pictures
        .iter()
        .map(|at| format!("<media:content url=\"{at}\" medium=\"image\"><media:description>Alt of {}</media:description></media:content>", at.rsplit('/').next().and_then(|name| name.get(..1)).unwrap_or_default()))
        .collect();
    format!(
        "<rss version=\"2.0\" xmlns:media=\"http://search.yahoo.com/mrss/\"><channel><title>N</title><language>az</language>\
         <item><title>Xəzərdə külək: \u{1F32C} @room 5 &lt; 6 &amp; bağlandı: {slug}</title><link>{}</link>\
         <guid isPermaLink=\"false\">{slug}</guid>{media}</item></channel></rss>",
        link(slug)
    )
}

/// A newsroom that posts to that room by that server.
fn newsroom(name: &str, web: &FakeFeed, account: &Account, server: &str, room: &str) -> Newsroom {
    let host = server.trim_start_matches("http://").to_owned();
    let mut newsroom = Newsroom::new(name).scale(1.0).source("news", &web.at("/rss"), "from now").allowing(&host);
    let token = newsroom.secret("matrix_token", &account.token);
    newsroom.channel("matrix", "matrix", Some(server), &[("room", format!("{room:?}")), ("token", token)])
}

#[tokio::test]
async fn a_story_is_in_the_room_with_its_pictures_and_is_changed_and_taken_down() {
    let account = synapse::account().await;
    let web = FakeFeed::start();
    web.feed("/rss", EMPTY);
    web.picture("/a.png", 1600, 900);
    web.picture("/b.png", 600, 800);
    let mut newsroom = newsroom("synapse", &web, &account, &account.server, &account.alias);
    newsroom.set("matrix", "picture = \"photo\"");
    newsroom.set("matrix", "pictures = 3");
    newsroom.write(
        "templates/post/headline.j2",
        "{% filter part %}{{ title }}\n{{ link }}{% endfilter %}\n{% filter part %}And more.{% endfilter %}\n",
    );
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    web.feed("/rss", &feed("real", &[web.at("/a.png"), web.at("/b.png")]));
    let books = newsroom.books().await;
    let row = books.wait_for("matrix", "published", 1).await.remove(0);
    let history = books.history("matrix").await;
    assert!(history.contains("https://matrix.to/#/") && !history.contains("without"), "{history}");

    let messages = account.messages().await;
    let kinds: Vec<&str> = messages.iter().filter_map(|it| it["content"]["msgtype"].as_str()).collect();
    assert_eq!(kinds, ["m.notice", "m.notice", "m.image", "m.image"], "{messages:#?}");
    assert!(
        messages.iter().all(|it| it["sender"] == account.user.as_str() && it["content"]["m.mentions"] == json!({}))
    );
    let first = &messages[0]["content"];
    let plain: String =
        first["body"].as_str().expect("a body").chars().filter(|c| *c != '@' && *c != '\u{200B}').collect();
    assert!(plain.contains(TITLE) && plain.contains(&link("real")), "{first}");
    let html = first["formatted_body"].as_str().expect("a formatted body");
    assert!(html.contains("5 &lt; 6 &amp; bağlandı"), "{html}");
    assert!(html.ends_with(&format!("<br><a href=\"{0}\">{0}</a>", link("real"))), "{html}");
    let relation = &messages[1]["content"]["m.relates_to"];
    assert_eq!((&relation["rel_type"], &relation["event_id"]), (&json!("m.thread"), &messages[0]["event_id"]));
    for (image, (alt, width, height)) in messages[2..].iter().zip([("Alt of a", 1600, 900), ("Alt of b", 600, 800)]) {
        let content = &image["content"];
        assert_eq!(content["body"], alt);
        assert_eq!((&content["info"]["w"], &content["info"]["h"]), (&json!(width), &json!(height)));
        let bytes = account.file(content["url"].as_str().expect("an address")).await;
        assert_eq!(content["info"]["size"], bytes.len());
        let picture = image::load_from_memory_with_format(&bytes, image::ImageFormat::Jpeg).expect("a JPEG");
        assert_eq!((picture.width(), picture.height()), (width, height));
    }

    // A second start posts nothing again.
    assert!(bugle.term().await.success());
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    assert_eq!(account.messages().await.len(), 4);

    let text = format!("Düzəliş: <limanlar> açıqdır {}\n---\nDavamı var.", link("real"));
    let said = newsroom.command(&["edit", &row.id, "--text", &text, "--wait", "60"]).await;
    assert!(said.status.success(), "{said:?}");
    let edited = account.event(messages[0]["event_id"].as_str().expect("an id")).await;
    let latest = &edited["unsigned"]["m.relations"]["m.replace"]["content"]["m.new_content"];
    assert!(latest["body"].as_str().is_some_and(|body| body.starts_with("Düzəliş: <limanlar>")), "{edited:#}");
    assert!(latest["formatted_body"].as_str().is_some_and(|html| html.contains("&lt;limanlar&gt;")), "{edited:#}");
    let second = account.event(messages[1]["event_id"].as_str().expect("an id")).await;
    let latest = &second["unsigned"]["m.relations"]["m.replace"]["content"]["m.new_content"]["body"];
    assert_eq!(latest, "Davamı var.", "{second:#}");

    let said = newsroom.command(&["retract", &row.id, "--wait", "120"]).await;
    assert!(said.status.success(), "{said:?}");
    books.wait_for("matrix", "retracted", 1).await;
    for message in &messages {
        let down = account.event(message["event_id"].as_str().expect("an id")).await;
        assert!(down["unsigned"]["redacted_because"].is_object() && down["content"] == json!({}), "{down:#}");
    }
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn a_lost_answer_of_the_real_server_leaves_one_event() {
    let account = synapse::account().await;
    let proxy = Proxy::before(account.server.trim_start_matches("http://"));
    let web = FakeFeed::start();
    web.feed("/rss", EMPTY);
    let newsroom = newsroom("synapse-lost", &web, &account, &proxy.url(), &account.room).scale(0.1);
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    // Reads share a connection that is kept; the next new one is the message's.
    proxy.set_for(1, Mode::LoseAnswer);
    web.feed("/rss", &feed("lost", &[]));
    let books = newsroom.books().await;
    books.wait_for("matrix", "published", 1).await;
    let history = books.history("matrix").await;
    assert!(history.contains("no clear answer"), "{history}");
    assert_eq!(account.messages().await.len(), 1);
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn an_encrypted_room_is_refused_and_an_invitation_accepted() {
    let encrypted = json!({
        "preset": "private_chat", "name": "News",
        "initial_state": [{"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}],
    });
    let account = synapse::account_with(&encrypted).await;
    let web = FakeFeed::start();
    web.feed("/rss", EMPTY);
    let room = newsroom("synapse-secret", &web, &account, &account.server, &account.room);
    let bugle = room.start().await;
    fetched(&web, "/rss").await;
    web.feed("/rss", &feed("secret", &[]));
    let books = room.books().await;
    let is_blocked = async || books.block("matrix").await.is_some();
    crate::harness::until("the channel is blocked", is_blocked).await;
    let why = books.block("matrix").await.unwrap_or_default();
    assert!(why.contains("encrypted"), "{why}");
    assert_eq!(account.messages().await, Vec::<Value>::new());
    assert!(bugle.term().await.success());

    // The newsroom's account is invited to another one's room.
    let guest = format!("guest{}", &uuid::Uuid::now_v7().simple().to_string()[16..]);
    let (user, token) = synapse::register(&account.server, &guest).await;
    let owner = synapse::account_with(&json!({"preset": "private_chat", "name": "News", "invite": [user]})).await;
    let poster = Account { user, token, ..owner.clone() };
    let web = FakeFeed::start();
    web.feed("/rss", EMPTY);
    let invited = newsroom("synapse-invited", &web, &poster, &poster.server, &poster.room);
    let bugle = invited.start().await;
    fetched(&web, "/rss").await;
    web.feed("/rss", &feed("invited", &[]));
    invited.books().await.wait_for("matrix", "published", 1).await;
    let messages = owner.messages().await;
    assert_eq!(messages.len(), 1, "{messages:#?}");
    let devices = poster.ask("GET", "/v3/devices").send().await.expect("Synapse answers").json();
    assert_eq!(devices["devices"].as_array().map(Vec::len), Some(1), "no login of Bugle's own: {devices}");
    assert_eq!(messages[0]["sender"], poster.user.as_str());
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn a_login_by_password_posts_on_one_device_of_its_own() {
    let account = synapse::account().await;
    let web = FakeFeed::start();
    web.feed("/rss", EMPTY);
    let host = account.server.trim_start_matches("http://").to_owned();
    let mut newsroom =
        Newsroom::new("synapse-login").scale(1.0).source("news", &web.at("/rss"), "from now").allowing(&host);
    let password = newsroom.secret("matrix_password", "not-for-bugle");
    let keys =
        [("room", format!("{:?}", account.room)), ("user", format!("{:?}", account.user)), ("password", password)];
    let newsroom = newsroom.channel("matrix", "matrix", Some(&account.server), &keys);
    for (n, slug) in [(1, "first"), (2, "second")] {
        let bugle = newsroom.start().await;
        fetched(&web, "/rss").await;
        web.feed("/rss", &feed(slug, &[]));
        newsroom.books().await.wait_for("matrix", "published", n).await;
        assert!(bugle.term().await.success());
    }
    assert_eq!(account.messages().await.len(), 2);
    let devices = account.ask("GET", "/v3/devices").send().await.expect("Synapse answers").json();
    let ids = devices["devices"].as_array().map(Vec::len);
    assert_eq!(ids, Some(2), "the test's and Bugle's: {devices}");
}
