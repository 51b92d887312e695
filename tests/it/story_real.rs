//! From a feed to the post read back by the server's own API: the official PDS for Bluesky, snac for the Mastodon API.

use crate::fakes::feed::FakeFeed;
use crate::harness::{Newsroom, fetched, link};
use crate::servers::{pds, snac};

const EMPTY: &str = "<rss version=\"2.0\"><channel><title>N</title></channel></rss>";

fn item(slug: &str, picture: &str) -> String {
    format!(
        "<rss version=\"2.0\"><channel><title>N</title><language>az</language><item><title>Xəzərdə külək: \u{1F32C} \
         limanlar bağlandı &amp; açıldı</title><link>{}</link><guid isPermaLink=\"false\">{slug}</guid>\
         <description>Bir cümlə.</description><enclosure url=\"{picture}\" type=\"image/png\" length=\"1\"/>\
         </item></channel></rss>",
        link(slug)
    )
}

#[tokio::test]
async fn a_story_is_on_the_official_pds_with_card_facet_and_language_and_comes_down_again() {
    let account = pds::account().await;
    let web = FakeFeed::start();
    web.feed("/rss", EMPTY);
    web.picture("/p.png", 1600, 900);
    let server = account.server.clone();
    let host = server.trim_start_matches("http://").to_owned();
    let mut newsroom = Newsroom::new("pds").scale(1.0).source("news", &web.at("/rss"), "from now").allowing(&host);
    let password = newsroom.secret("pds_password", &account.password);
    let newsroom = newsroom.channel(
        "bluesky",
        "bluesky",
        Some(&server),
        &[("handle", format!("\"{}\"", account.handle)), ("password", password)],
    );
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    web.feed("/rss", &item("real", &web.at("/p.png")));
    let books = newsroom.books().await;
    let row = books.wait_for("bluesky", "published", 1).await.remove(0);

    let posts = account.posts().await;
    assert_eq!(posts.len(), 1, "{posts:#?}");
    let record = &posts[0]["value"];
    let text = record["text"].as_str().expect("a text");
    assert!(text.starts_with("Xəzərdə külək: \u{1F32C} limanlar bağlandı & açıldı"), "{text}");
    assert_eq!(record["langs"], serde_json::json!(["az"]));
    let card = &record["embed"]["external"];
    assert_eq!(card["uri"].as_str(), Some(link("real").as_str()), "{record:#}");
    assert!(card["thumb"]["size"].as_u64().is_some_and(|size| size > 100 && size <= 1_000_000), "{record:#}");
    let facet = &record["facets"][0];
    let at = |end: &str| usize::try_from(facet["index"][end].as_u64().expect("a place")).expect("a small one");
    assert_eq!(&text[at("byteStart")..at("byteEnd")], link("real"));
    assert_eq!(facet["features"][0]["uri"].as_str(), Some(link("real").as_str()));

    // A second start posts nothing again; a person takes the post down, and it is gone where readers are.
    assert!(bugle.term().await.success());
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    assert_eq!(account.posts().await.len(), 1);
    let said = newsroom.command(&["retract", &row.id, "--wait", "20"]).await;
    assert!(said.status.success(), "{said:?}");
    books.wait_for("bluesky", "retracted", 1).await;
    assert_eq!(account.posts().await.len(), 0);
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn a_story_is_on_a_real_server_of_the_mastodon_api_and_is_edited_there() {
    let account = snac::account().await;
    let web = FakeFeed::start();
    web.feed("/rss", EMPTY);
    let server = account.server.clone();
    let host = server.trim_start_matches("http://").to_owned();
    let slug = uuid::Uuid::now_v7().simple().to_string();
    let mut newsroom = Newsroom::new("snac").scale(1.0).source("news", &web.at("/rss"), "from now").allowing(&host);
    let token = newsroom.secret("snac_token", &account.token);
    let newsroom = newsroom.channel("mastodon", "mastodon", Some(&server), &[("token", token)]);
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    web.feed("/rss", &item(&slug, "https://pictures.example/none.png"));
    let books = newsroom.books().await;
    let row = books.wait_for("mastodon", "published", 1).await.remove(0);
    let ours = || async {
        let all = account.statuses().await;
        all.into_iter().filter(|status| status["content"].to_string().contains(&slug)).collect::<Vec<_>>()
    };
    let statuses = ours().await;
    assert_eq!(statuses.len(), 1, "{statuses:#?}");
    let content = statuses[0]["content"].as_str().expect("a content");
    assert!(content.contains("Xəzərdə külək") && content.contains(&link(&slug)), "{content}");

    let text = format!("Düzəliş: limanlar açıqdır {}", link(&slug));
    let said = newsroom.command(&["edit", &row.id, "--text", &text]).await;
    assert!(said.status.success(), "{said:?}");
    crate::harness::until("the edit is on the server", async || {
        ours().await.iter().any(|status| status["content"].as_str().is_some_and(|c| c.contains("Düzəliş")))
    })
    .await;
    assert_eq!(ours().await.len(), 1, "an edit is not a second post");
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn a_photo_is_on_the_official_pds_with_its_words_and_its_shape() {
    let account = pds::account().await;
    let web = FakeFeed::start();
    web.feed("/rss", EMPTY);
    web.picture("/p.png", 1600, 900);
    let server = account.server.clone();
    let host = server.trim_start_matches("http://").to_owned();
    let mut newsroom =
        Newsroom::new("pds-photo").scale(1.0).source("news", &web.at("/rss"), "from now").allowing(&host);
    let password = newsroom.secret("pds_password", &account.password);
    let keys =
        [("handle", format!("\"{}\"", account.handle)), ("password", password), ("picture", "\"headline\"".to_owned())];
    let newsroom = newsroom.channel("bluesky", "bluesky", Some(&server), &keys);
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    web.feed("/rss", &item("photo", &web.at("/p.png")));
    newsroom.books().await.wait_for("bluesky", "published", 1).await;
    let posts = account.posts().await;
    let record = posts.iter().map(|post| &post["value"]).find(|it| it["text"].to_string().contains(&link("photo")));
    let record = record.expect("the post");
    let image = &record["embed"]["images"][0];
    assert_eq!(image["alt"].as_str(), Some("Xəzərdə külək: \u{1F32C} limanlar bağlandı & açıldı"), "{record:#}");
    assert_eq!(image["aspectRatio"], serde_json::json!({"width": 1200, "height": 675}));
    assert!(image["image"]["size"].as_u64().is_some_and(|size| size > 5000 && size <= 1_000_000), "{record:#}");
    assert_eq!(record["langs"], serde_json::json!(["az"]));
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn a_photo_is_on_a_real_server_of_the_mastodon_api_with_its_words() {
    let account = snac::account().await;
    let web = FakeFeed::start();
    web.feed("/rss", EMPTY);
    web.picture("/p.png", 1600, 900);
    let server = account.server.clone();
    let host = server.trim_start_matches("http://").to_owned();
    let slug = uuid::Uuid::now_v7().simple().to_string();
    let newsroom = Newsroom::new("snac-photo").scale(1.0).source("news", &web.at("/rss"), "from now");
    let mut newsroom = newsroom.allowing(&host);
    let token = newsroom.secret("snac_token", &account.token);
    let keys = [("token", token), ("picture", "\"photo\"".to_owned())];
    let newsroom = newsroom.channel("mastodon", "mastodon", Some(&server), &keys);
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    web.feed("/rss", &item(&slug, &web.at("/p.png")));
    let books = newsroom.books().await;
    books.wait_for("mastodon", "published", 1).await;
    let history = books.history("mastodon").await;
    assert!(!history.contains("without its picture"), "{history}");
    let all = account.statuses().await;
    let ours: Vec<_> = all.iter().filter(|status| status["content"].to_string().contains(&slug)).collect();
    assert_eq!(ours.len(), 1, "{ours:#?}");
    let media = &ours[0]["media_attachments"][0];
    assert_eq!(media["type"].as_str(), Some("image"), "{:#}", ours[0]);
    assert!(media["description"].as_str().is_some_and(|alt| alt.contains("Xəzərdə külək")), "{:#}", ours[0]);
    assert!(bugle.term().await.success());
}
