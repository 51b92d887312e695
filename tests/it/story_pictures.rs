//! Pictures from a feed to a post, on every platform's fake: attached with their words, drawn, refused, lost and missing.

use serde_json::{Value, json};

use crate::fakes::bluesky::{self, FakeBluesky};
use crate::fakes::fault::Fault;
use crate::fakes::feed::FakeFeed;
use crate::fakes::http::{Reply, Request};
use crate::fakes::mastodon::{self, FakeMastodon};
use crate::fakes::telegram::{self, FakeTelegram};
use crate::fakes::x::{self, FakeX};
use crate::harness::{Newsroom, fetched, link};

const EMPTY: &str = "<rss version=\"2.0\"><channel><title>N</title></channel></rss>";
const TITLE: &str = "Körpü açıldı";
const ALL: [&str; 4] = ["x", "telegram", "mastodon", "bluesky"];

struct Stage {
    web: FakeFeed,
    x: FakeX,
    telegram: FakeTelegram,
    mastodon: FakeMastodon,
    bluesky: FakeBluesky,
}

impl Stage {
    fn new() -> Self {
        let web = FakeFeed::start();
        web.feed("/rss", EMPTY);
        Self {
            web,
            x: FakeX::start(),
            telegram: FakeTelegram::start(),
            mastodon: FakeMastodon::start(),
            bluesky: FakeBluesky::start(),
        }
    }

    /// Publishes one story with a picture at that path, and waits until it is out everywhere.
    async fn story(&self, carry: &str, picture: &str) -> (Newsroom, Vec<String>) {
        self.story_by(carry, picture, "{{ title }}\n{{ link }}\n").await
    }

    /// The same, by that template.
    async fn story_by(&self, carry: &str, picture: &str, template: &str) -> (Newsroom, Vec<String>) {
        // Slow enough that a picture is drawn and sent within its time also in a build without optimisation.
        let newsroom = Newsroom::new("pictures").scale(0.3).source("news", &self.web.at("/rss"), "from now");
        let mut newsroom = newsroom.x(&self.x).telegram(&self.telegram).mastodon(&self.mastodon).bluesky(&self.bluesky);
        newsroom.write("templates/post/headline.j2", template);
        for channel in ALL {
            newsroom.set(channel, &format!("picture = \"{carry}\""));
        }
        let bugle = newsroom.start().await;
        fetched(&self.web, "/rss").await;
        let (url, at) = (link("bridge"), self.web.at(picture));
        self.web.feed(
            "/rss",
            &format!(
                "<rss version=\"2.0\"><channel><title>N</title><item><title>{TITLE}</title><link>{url}</link>\
                 <guid isPermaLink=\"false\">bridge</guid><category>Nation</category>\
                 <enclosure url=\"{at}\" type=\"image/png\" length=\"1\"/></item></channel></rss>"
            ),
        );
        let books = newsroom.books().await;
        let mut histories = Vec::new();
        for channel in ALL {
            books.wait_for(channel, "published", 1).await;
            histories.push(books.history(channel).await);
        }
        assert!(bugle.term().await.success());
        (newsroom, histories)
    }

    fn of<'r>(seen: &'r [crate::fakes::Seen], endpoint: &str) -> Vec<&'r Request> {
        seen.iter().filter(|it| it.endpoint == endpoint).map(|it| &it.request).collect()
    }

    /// What each platform was asked to make visible.
    fn made(&self) -> [Value; 4] {
        let body = |seen: Vec<crate::fakes::Seen>, endpoint: &str| {
            let all = Self::of(&seen, endpoint);
            all.last().and_then(|request| request.json()).unwrap_or(Value::Null)
        };
        [
            body(self.x.seen(), x::CREATE),
            body(self.telegram.seen(), telegram::SEND),
            body(self.mastodon.seen(), mastodon::CREATE),
            body(self.bluesky.seen(), bluesky::PUT)["record"].clone(),
        ]
    }
}

fn part(request: &Request, name: &str) -> Vec<u8> {
    let parts = request.multipart().expect("a form with a file");
    parts.into_iter().find(|(known, ..)| known == name).map(|(.., bytes)| bytes).unwrap_or_default()
}

fn words(request: &Request, name: &str) -> String {
    String::from_utf8(part(request, name)).expect("a text")
}

#[tokio::test]
async fn a_photo_is_attached_with_its_words_on_every_platform() {
    let stage = Stage::new();
    stage.web.picture("/p.png", 1600, 900);
    let (_newsroom, histories) = stage.story("photo", "/p.png").await;
    for history in histories {
        assert!(!history.contains("without its picture"), "{history}");
    }
    let [x_body, sent, status, record] = stage.made();

    let seen = stage.x.seen();
    let uploads = Stage::of(&seen, x::UPLOAD);
    assert_eq!(uploads.len(), 1);
    assert_eq!(words(uploads[0], "media_category"), "tweet_image");
    let described = Stage::of(&seen, x::METADATA)[0].json().unwrap();
    assert_eq!(described["metadata"]["alt_text"]["text"], TITLE);
    assert_eq!(x_body["media"]["media_ids"], json!([described["id"]]));

    assert_eq!(sent, Value::Null, "no message beside the photo");
    let seen = stage.telegram.seen();
    let photos = Stage::of(&seen, telegram::PHOTO);
    assert_eq!(photos.len(), 1);
    let caption = words(photos[0], "caption");
    assert!(caption.contains(TITLE) && caption.contains(&link("bridge")), "{caption}");
    assert!(words(photos[0], "caption_entities").contains("\"url\""));

    let seen = stage.mastodon.seen();
    let uploads = Stage::of(&seen, mastodon::MEDIA);
    assert_eq!((uploads.len(), words(uploads[0], "description").as_str()), (1, TITLE));
    assert_eq!(status["media_ids"].as_array().map(Vec::len), Some(1));

    let image = &record["embed"]["images"][0];
    assert_eq!(
        (record["embed"]["$type"].as_str(), image["alt"].as_str()),
        (Some("app.bsky.embed.images"), Some(TITLE))
    );
    assert_eq!(image["aspectRatio"], json!({"width": 1600, "height": 900}));
    for file in [part(photos[0], "photo"), part(uploads[0], "file")] {
        let picture = image::load_from_memory_with_format(&file, image::ImageFormat::Jpeg).expect("a JPEG");
        assert_eq!((picture.width(), picture.height()), (1600, 900));
    }
}

#[tokio::test]
async fn a_threads_picture_goes_with_its_first_part_alone() {
    let stage = Stage::new();
    stage.web.picture("/p.png", 1600, 900);
    let thread = "{% filter part %}{{ title }} {{ link }}{% endfilter %}\n{% filter part %}And more.{% endfilter %}\n";
    let (_newsroom, histories) = stage.story_by("photo", "/p.png", thread).await;
    for history in histories {
        assert!(!history.contains("without its picture"), "{history}");
    }
    for (seen, endpoint, upload, picture) in [
        (stage.x.seen(), x::CREATE, x::UPLOAD, "/media/media_ids/0"),
        (stage.mastodon.seen(), mastodon::CREATE, mastodon::MEDIA, "/media_ids/0"),
        (stage.bluesky.seen(), bluesky::PUT, bluesky::UPLOAD, "/record/embed/images/0"),
    ] {
        let parts: Vec<Value> = Stage::of(&seen, endpoint).iter().filter_map(|it| it.json()).collect();
        let pictured: Vec<bool> = parts.iter().map(|body| body.pointer(picture).is_some()).collect();
        assert_eq!(pictured, [true, false], "{endpoint}: {parts:#?}");
        assert_eq!(Stage::of(&seen, upload).len(), 1, "{endpoint}");
    }
    let seen = stage.telegram.seen();
    let photos = Stage::of(&seen, telegram::PHOTO);
    assert!(photos.len() == 1 && words(photos[0], "caption").ends_with("And more."), "one message");
}

#[tokio::test]
async fn a_headline_card_is_drawn_and_attached() {
    let stage = Stage::new();
    stage.web.picture("/p.png", 1600, 900);
    let (_newsroom, _) = stage.story("headline", "/p.png").await;
    let seen = stage.mastodon.seen();
    let uploads = Stage::of(&seen, mastodon::MEDIA);
    assert_eq!(words(uploads[0], "description"), TITLE);
    let card = image::load_from_memory(&part(uploads[0], "file")).expect("a picture").to_rgb8();
    assert_eq!(card.dimensions(), (1200, 675));
    assert!(card.pixels().any(|p| p.0.iter().all(|c| *c > 240)), "words are on it");
    assert!(card.pixels().any(|p| p.0[0] > 60 && p.0[1] < 30), "the picture is behind them");
    let seen = stage.telegram.seen();
    let card = image::load_from_memory(&part(Stage::of(&seen, telegram::PHOTO)[0], "photo")).expect("a picture");
    assert_eq!((card.width(), card.height()), (1200, 628));
}

#[tokio::test]
async fn a_post_whose_picture_is_gone_goes_out_without_it_and_says_so() {
    let stage = Stage::new();
    let (_newsroom, histories) = stage.story("photo", "/none.png").await;
    for history in histories {
        assert!(history.contains("without its picture") && history.contains("404"), "{history}");
    }
    let [x_body, sent, status, record] = stage.made();
    assert_eq!((&x_body["media"], &status["media_ids"]), (&Value::Null, &Value::Null));
    assert!(sent["text"].as_str().is_some_and(|text| text.contains(TITLE)));
    assert_eq!(record["embed"]["external"]["title"], TITLE, "the card stands in for it");
}

#[tokio::test]
async fn an_upload_whose_answer_is_lost_is_made_again_and_the_post_goes_out_once() {
    let stage = Stage::new();
    stage.web.picture("/p.png", 800, 450);
    stage.mastodon.fail(mastodon::MEDIA, Fault::ResetAfter);
    stage.x.fail(x::UPLOAD, Fault::ResetAfter);
    stage.bluesky.fail(bluesky::UPLOAD, Fault::ResetAfter);
    let (_newsroom, histories) = stage.story("photo", "/p.png").await;
    for history in histories {
        assert!(!history.contains("without its picture"), "{history}");
    }
    assert_eq!((stage.mastodon.count(mastodon::MEDIA), stage.mastodon.count(mastodon::CREATE)), (2, 1));
    assert_eq!((stage.x.count(x::UPLOAD), stage.x.count(x::CREATE)), (2, 1));
    assert_eq!((stage.bluesky.count(bluesky::UPLOAD), stage.bluesky.count(bluesky::PUT)), (2, 1));
    let [x_body, _, status, record] = stage.made();
    assert!(x_body["media"].is_object() && status["media_ids"].is_array() && record["embed"]["images"].is_array());
}

#[tokio::test]
async fn a_refused_picture_does_not_take_its_post_along() {
    let stage = Stage::new();
    stage.web.picture("/p.png", 800, 450);
    let refusal = json!({"error": "Validation failed: File content type is invalid"});
    stage.mastodon.fail_always(mastodon::MEDIA, Fault::Instead(Reply::json(422, &refusal)));
    let refusal = json!({"ok": false, "error_code": 400, "description": "Bad Request: PHOTO_INVALID_DIMENSIONS"});
    stage.telegram.fail_always(telegram::PHOTO, Fault::Instead(Reply::json(400, &refusal)));
    let refusal = json!({"error": "BlobTooLarge", "message": "too large"});
    stage.bluesky.fail_always(bluesky::UPLOAD, Fault::Instead(Reply::json(400, &refusal)));
    let refusal = json!({"title": "Invalid Request", "detail": "One or more parameters to your request was invalid.",
                         "type": "https://api.twitter.com/2/problems/invalid-request"});
    stage.x.fail_always(x::UPLOAD, Fault::Instead(Reply::json(400, &refusal)));
    let (_newsroom, histories) = stage.story("photo", "/p.png").await;
    for history in histories {
        assert!(history.contains("without its picture"), "{history}");
    }
    let [x_body, sent, status, record] = stage.made();
    assert_eq!((&x_body["media"], &status["media_ids"]), (&Value::Null, &Value::Null));
    assert!(sent["text"].is_string() && record["embed"]["external"].is_object());
}

#[tokio::test]
async fn preview_and_card_draw_what_would_go_out() {
    let stage = Stage::new();
    stage.web.picture("/p.png", 1200, 675);
    let newsroom = Newsroom::new("looks").source("news", &stage.web.at("/rss"), "from now").mastodon(&stage.mastodon);
    let newsroom = newsroom.with("mastodon", "picture = \"headline\"").timeline("rehearsal", "x");
    let (url, at) = (link("bridge"), stage.web.at("/p.png"));
    stage.web.feed(
        "/rss",
        &format!(
            "<rss version=\"2.0\"><channel><title>N</title><item><title>{TITLE}</title><link>{url}</link>\
             <enclosure url=\"{at}\" type=\"image/png\" length=\"1\"/></item></channel></rss>"
        ),
    );
    let (feed, both, one, card) =
        (stage.web.at("/rss"), newsroom.path("both.png"), newsroom.path("one.png"), newsroom.path("card.png"));
    let size = |path: &std::path::Path| {
        let picture = image::open(path).expect("a picture");
        (picture.width(), picture.height())
    };
    let file = |path: &std::path::Path| path.to_str().expect("a plain path").to_owned();
    newsroom.write("bugle.toml", &newsroom.config().await);
    let said = newsroom.command(&["preview", &feed, "--png", &file(&both)]).await;
    assert!(said.status.success(), "{said:?}");
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(text.contains("picture: a headline card, 16:9; alternative text: Körpü açıldı"), "{text}");
    let said = newsroom.command(&["preview", &feed, "--channel", "rehearsal", "--png", &file(&one)]).await;
    assert!(said.status.success() && !String::from_utf8_lossy(&said.stdout).contains("mastodon ("), "{said:?}");
    assert!(size(&both).1 > size(&one).1 && size(&one).0 == 1000);
    let said = newsroom.command(&["preview", &feed, "--channel", "none"]).await;
    assert_eq!(said.status.code(), Some(2));
    for (ratio, expected) in
        [("1.91:1", (1200, 628)), ("1:1", (1080, 1080)), ("4:5", (1080, 1350)), ("16:9", (1200, 675))]
    {
        let said = newsroom.command(&["card", &feed, "--out", &file(&card), "--ratio", ratio]).await;
        assert!(said.status.success(), "{said:?}");
        assert!(String::from_utf8_lossy(&said.stdout).contains("on the article's picture"), "{said:?}");
        assert_eq!(size(&card), expected);
    }
    assert_eq!(
        newsroom.command(&["card", &feed, "--out", &file(&card), "--ratio", "3:2"]).await.status.code(),
        Some(2)
    );
    assert_eq!(stage.mastodon.count(mastodon::CREATE), 0, "nothing is posted");
}
