//! Albums from a feed to each platform, and what becomes of a post whose pictures are refused, slow or lost: it goes out
//! once, with as many of them as can be had, in order.

use serde_json::{Value, json};

use crate::fakes::Seen;
use crate::fakes::bluesky::{self, FakeBluesky};
use crate::fakes::fault::Fault;
use crate::fakes::feed::FakeFeed;
use crate::fakes::http::{Reply, Request};
use crate::fakes::mastodon::{self, FakeMastodon};
use crate::fakes::telegram::{self, FakeTelegram};
use crate::fakes::x::{self, FakeX};
use crate::harness::{Books, Newsroom, Running, fetched, link, saw};
use crate::wire::{Answer, Ask};

const EMPTY: &str = "<rss version=\"2.0\"><channel><title>N</title></channel></rss>";
const TITLE: &str = "Körpü açıldı";
const ALL: [&str; 4] = ["x", "telegram", "mastodon", "bluesky"];
/// The pictures of the story: which has which size tells them apart. The second is not to be had.
const SIZES: [Option<(u32, u32)>; 5] = [Some((800, 450)), None, Some((700, 400)), Some((600, 350)), Some((500, 300))];

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
        for (n, size) in SIZES.iter().enumerate() {
            if let Some((width, height)) = size {
                web.picture(&format!("/{n}.png"), *width, *height);
            }
        }
        Self {
            web,
            x: FakeX::start(),
            telegram: FakeTelegram::start(),
            mastodon: FakeMastodon::start(),
            bluesky: FakeBluesky::start(),
        }
    }

    /// A newsroom on all of them, with so many pictures a post, and a timeline.
    fn newsroom(&self, pictures: u8) -> Newsroom {
        let newsroom = Newsroom::new("albums").scale(0.3).source("news", &self.web.at("/rss"), "from now");
        let newsroom = newsroom.x(&self.x).telegram(&self.telegram).mastodon(&self.mastodon).bluesky(&self.bluesky);
        let mut newsroom = newsroom.timeline("wall", "mastodon");
        for channel in ALL.into_iter().chain(["wall"]) {
            newsroom.set(channel, "picture = \"photo\"");
            newsroom.set(channel, &format!("pictures = {pictures}"));
        }
        newsroom
    }

    /// Publishes the story and waits until it is out everywhere.
    async fn out(&self, newsroom: &Newsroom) -> (Running, Books) {
        let bugle = newsroom.start().await;
        fetched(&self.web, "/rss").await;
        let media: String = (0..SIZES.len())
            .map(|n| {
                let at = self.web.at(&format!("/{n}.png"));
                format!("<media:content url=\"{at}\" medium=\"image\"><media:description>Alt {n}</media:description></media:content>")
            })
            .collect();
        self.web.feed(
            "/rss",
            &format!(
                "<rss version=\"2.0\" xmlns:media=\"http://search.yahoo.com/mrss/\"><channel><title>N</title><item>\
                 <title>{TITLE}</title><link>{}</link><guid isPermaLink=\"false\">1</guid>{media}</item></channel></rss>",
                link("one")
            ),
        );
        let books = newsroom.books().await;
        for channel in ALL.into_iter().chain(["wall"]) {
            books.wait_for(channel, "published", 1).await;
        }
        (bugle, books)
    }

    /// Each platform has the story once.
    fn is_once(&self) {
        for ledger in [self.x.ledger(), self.mastodon.ledger(), self.bluesky.ledger()] {
            saw(ledger, &[link("one")]);
        }
        assert_eq!(self.telegram.ledger().count_by_link(), [(link("one"), 1)].into());
    }
}

fn of<'r>(seen: &'r [Seen], endpoint: &str) -> Vec<&'r Request> {
    seen.iter().filter(|it| it.endpoint == endpoint).map(|it| &it.request).collect()
}

fn last(seen: &[Seen], endpoint: &str) -> Value {
    of(seen, endpoint).last().and_then(|request| request.json()).unwrap_or(Value::Null)
}

/// The sizes of the pictures among a form's parts, in order.
fn sizes(request: &Request) -> Vec<(u32, u32)> {
    let parts = request.multipart().expect("a form with files");
    let read = |bytes: &[u8]| image::load_from_memory_with_format(bytes, image::ImageFormat::Jpeg).expect("a JPEG");
    let jpegs = parts.iter().filter(|(_, kind, _)| kind == "image/jpeg");
    jpegs.map(|(_, _, bytes)| read(bytes)).map(|picture| (picture.width(), picture.height())).collect()
}

fn field(request: &Request, name: &str) -> String {
    let parts = request.multipart().expect("a form");
    let found = parts.into_iter().find(|(known, ..)| known == name).map(|(.., bytes)| bytes).unwrap_or_default();
    String::from_utf8(found).expect("a text")
}

#[tokio::test]
async fn an_album_is_on_every_platform_in_order_without_what_cannot_be_had() {
    let stage = Stage::new();
    let newsroom = stage.newsroom(4);
    let (bugle, books) = stage.out(&newsroom).await;
    // Four are wanted: 0 to 3, of which 1 is not to be had.
    let expected = [(800, 450), (700, 400), (600, 350)];
    for channel in ALL {
        let history = books.history(channel).await;
        assert!(history.contains("without 1 of its pictures") && history.contains("404"), "{history}");
    }
    stage.is_once();

    let seen = stage.mastodon.seen();
    let uploads = of(&seen, mastodon::MEDIA);
    assert_eq!(uploads.iter().map(|it| sizes(it)[0]).collect::<Vec<_>>(), expected);
    let words: Vec<String> = uploads.iter().map(|it| field(it, "description")).collect();
    assert_eq!(words, ["Alt 0", "Alt 2", "Alt 3"]);
    assert_eq!(last(&seen, mastodon::CREATE)["media_ids"].as_array().map(Vec::len), Some(3));

    let seen = stage.x.seen();
    assert_eq!(of(&seen, x::UPLOAD).iter().map(|it| sizes(it)[0]).collect::<Vec<_>>(), expected);
    let described: Vec<Value> = of(&seen, x::METADATA).iter().filter_map(|it| it.json()).collect();
    let ids: Vec<&Value> = described.iter().map(|it| &it["id"]).collect();
    assert_eq!(last(&seen, x::CREATE)["media"]["media_ids"], json!(ids), "in the order of their upload");
    assert_eq!(described[2]["metadata"]["alt_text"]["text"], "Alt 3");

    let record = last(&stage.bluesky.seen(), bluesky::PUT)["record"].take();
    let images = record["embed"]["images"].as_array().expect("pictures");
    let shapes: Vec<Value> = images.iter().map(|it| it["aspectRatio"].clone()).collect();
    let wanted: Vec<Value> = expected.iter().map(|(width, height)| json!({"width": width, "height": height})).collect();
    assert_eq!(shapes, wanted);
    assert_eq!(
        images.iter().map(|it| it["alt"].as_str()).collect::<Vec<_>>(),
        [Some("Alt 0"), Some("Alt 2"), Some("Alt 3")]
    );

    let seen = stage.telegram.seen();
    let albums = of(&seen, telegram::ALBUM);
    assert_eq!((albums.len(), of(&seen, telegram::PHOTO).len(), of(&seen, telegram::SEND).len()), (1, 0, 0));
    assert_eq!(sizes(albums[0]), expected);
    let media: Value = serde_json::from_str(&field(albums[0], "media")).expect("JSON");
    assert!(
        media[0]["caption"].as_str().is_some_and(|text| text.contains(TITLE) && text.contains(&link("one"))),
        "{media}"
    );
    assert!(media[1].get("caption").is_none() && media[2].get("caption").is_none(), "{media}");

    let page = bugle.page("/timelines/wall").await;
    let places: Vec<Option<usize>> = ["Alt 0", "Alt 1", "Alt 2", "Alt 3"].iter().map(|alt| page.find(alt)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted() && !page.contains("Alt 4"), "{page}");

    // The desk shows the very bytes that went out, and says of the one that is not to be had that it is not.
    let row = books.posts_of("mastodon").await.remove(0);
    let seen = stage.mastodon.seen();
    let uploads = of(&seen, mastodon::MEDIA);
    for (n, upload) in [0, 2, 3].into_iter().zip(uploads) {
        let shown = picture(&bugle, &format!("/posts/{}/pictures/{n}", row.id)).await;
        assert_eq!((shown.status, shown.header("content-type")), (200, Some("image/jpeg")), "picture {n}");
        let parts = upload.multipart().expect("a form with a file");
        assert!(parts.iter().any(|(.., bytes)| *bytes == shown.body), "picture {n} is what was sent");
    }
    for (n, status) in [("1", 502), ("4", 404), ("card", 200), ("nonsense", 404)] {
        let shown = picture(&bugle, &format!("/posts/{}/pictures/{n}", row.id)).await;
        assert_eq!(shown.status, status, "{n}");
        let kind = if status == 200 { "image/jpeg" } else { "image/svg+xml" };
        assert_eq!(shown.header("content-type"), Some(kind), "{n}");
    }
    let from = page.find("src=\"/timelines/wall/").expect("pictures on the timeline") + 5;
    let on_wall = picture(&bugle, page[from..].split('"').next().unwrap_or_default()).await;
    assert_eq!((on_wall.status, on_wall.header("content-type")), (200, Some("image/jpeg")));
    assert_eq!(picture(&bugle, "/timelines/wall/none/pictures/0").await.status, 404);
    assert!(bugle.term().await.success());
}

/// What the desk answers there.
async fn picture(bugle: &Running, path: &str) -> Answer {
    let cookies = bugle.desk().await.cookies(&bugle.address());
    Ask::get(format!("{}{path}", bugle.address()))
        .header("Cookie", &cookies)
        .send()
        .await
        .unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

#[tokio::test]
async fn telegrams_album_is_changed_by_its_caption_and_taken_down_whole() {
    let stage = Stage::new();
    let newsroom = stage.newsroom(3);
    let (bugle, books) = stage.out(&newsroom).await;
    let row = books.posts_of("telegram").await.remove(0);
    let text = format!("Düzəliş {}", link("one"));
    let said = newsroom.command(&["edit", &row.id, "--text", &text, "--wait", "20"]).await;
    assert!(said.status.success(), "{said:?}");
    let posts = stage.telegram.ledger().posts();
    assert_eq!((posts.len(), posts[0].text.as_str()), (2, text.as_str()), "{posts:#?}");
    assert_eq!(stage.telegram.count(telegram::CAPTION), 1);
    assert_eq!(stage.telegram.count(telegram::EDIT), 0);
    let said = newsroom.command(&["retract", &row.id, "--wait", "20"]).await;
    assert!(said.status.success(), "{said:?}");
    books.wait_for("telegram", "retracted", 1).await;
    assert_eq!(stage.telegram.ledger().posts(), Vec::new(), "every message of it");
    assert_eq!(stage.telegram.count(telegram::DELETE), 2);
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn a_photos_caption_is_changed_and_a_message_without_photo_by_its_text() {
    let telegram = FakeTelegram::start();
    // The second photo is refused, so the post went out as a text; Bugle meant it to have a caption.
    let refusal = json!({"ok": false, "error_code": 400, "description": "Bad Request: IMAGE_PROCESS_FAILED"});
    for refused in [false, true] {
        if refused {
            telegram.fail(telegram::PHOTO, Fault::Instead(Reply::json(400, &refusal)));
        }
        let web = FakeFeed::start();
        web.picture("/p.png", 640, 360);
        web.feed("/rss", EMPTY);
        let newsroom = Newsroom::new("caption").scale(0.3).source("news", &web.at("/rss"), "from now");
        let newsroom = newsroom.telegram(&telegram).with("telegram", "picture = \"photo\"");
        let bugle = newsroom.start().await;
        fetched(&web, "/rss").await;
        let slug = if refused { "two" } else { "one" };
        let item = format!(
            "<rss version=\"2.0\"><channel><title>N</title><item><title>{TITLE}</title><link>{}</link>\
             <enclosure url=\"{}\" type=\"image/png\" length=\"1\"/></item></channel></rss>",
            link(slug),
            web.at("/p.png")
        );
        web.feed("/rss", &item);
        let books = newsroom.books().await;
        let row = books.wait_for("telegram", "published", 1).await.remove(0);
        assert_eq!(books.history("telegram").await.contains("without its picture"), refused);
        let text = format!("Düzəliş {}", link(slug));
        let said = newsroom.command(&["edit", &row.id, "--text", &text, "--wait", "20"]).await;
        assert!(said.status.success(), "{said:?}");
        let posts = telegram.ledger().posts();
        assert_eq!(posts.last().map(|post| post.text.as_str()), Some(text.as_str()), "{posts:#?}");
        assert!(bugle.term().await.success());
    }
    assert_eq!(telegram.ledger().posts().len(), 2);
}

#[tokio::test]
async fn a_refused_picture_of_an_album_leaves_the_others_in_it() {
    let stage = Stage::new();
    stage.telegram.rules().refuses = Some(2);
    let newsroom = stage.newsroom(4);
    let (bugle, books) = stage.out(&newsroom).await;
    assert!(bugle.term().await.success());
    let seen = stage.telegram.seen();
    let albums = of(&seen, telegram::ALBUM);
    assert_eq!(albums.len(), 2, "refused once, sent once");
    assert_eq!(sizes(albums[1]), [(800, 450), (600, 350)]);
    let history = books.history("telegram").await;
    assert!(history.contains("without its picture") && history.contains("PHOTO_INVALID_DIMENSIONS"), "{history}");
    stage.is_once();
}

#[tokio::test]
async fn a_post_refused_for_its_pictures_goes_out_without_them() {
    let stage = Stage::new();
    let refusal = json!({"error": "Validation failed: Media 1 not found or already attached to another post"});
    stage.mastodon.fail(mastodon::CREATE, Fault::Instead(Reply::json(422, &refusal)));
    let refusal = json!({"title": "Invalid Request", "detail": "One or more parameters to your request was invalid.",
                         "type": "https://api.twitter.com/2/problems/invalid-request",
                         "errors": [{"message": "Your media IDs are invalid.", "parameters": {"media.media_ids": ["1"]}}]});
    stage.x.fail(x::CREATE, Fault::Instead(Reply::json(400, &refusal)));
    let refusal = json!({"error": "InvalidMimeType", "message": "Wrong mimetype"});
    stage.bluesky.fail(bluesky::PUT, Fault::Instead(Reply::json(400, &refusal)));
    let refusal = json!({"ok": false, "error_code": 400, "description": "Bad Request: MEDIA_GROUP_INVALID"});
    stage.telegram.fail(telegram::ALBUM, Fault::Instead(Reply::json(400, &refusal)));
    let newsroom = stage.newsroom(3);
    let (bugle, books) = stage.out(&newsroom).await;
    assert!(bugle.term().await.success());
    for channel in ALL {
        let history = books.history(channel).await;
        assert!(history.contains("without its picture"), "{channel}: {history}");
    }
    stage.is_once();
    assert_eq!(last(&stage.mastodon.seen(), mastodon::CREATE)["media_ids"], Value::Null);
    assert_eq!(last(&stage.x.seen(), x::CREATE)["media"], Value::Null);
    let record = last(&stage.bluesky.seen(), bluesky::PUT)["record"].take();
    assert_eq!(record["embed"]["external"]["title"], TITLE, "the card stands in: {record}");
    assert!(last(&stage.telegram.seen(), telegram::SEND)["text"].as_str().is_some_and(|text| text.contains(TITLE)));
}

#[tokio::test]
async fn a_lost_answer_to_a_post_with_pictures_sends_none_twice() {
    let stage = Stage::new();
    stage.mastodon.fail(mastodon::CREATE, Fault::ResetAfter);
    stage.x.fail(x::CREATE, Fault::ResetAfter);
    stage.bluesky.fail(bluesky::PUT, Fault::ResetAfter);
    let newsroom = stage.newsroom(3);
    let (bugle, books) = stage.out(&newsroom).await;
    assert!(bugle.term().await.success());
    stage.is_once();
    // Nobody can look on Telegram: a lost answer there is a person's, whatever was attached.
    let stage = Stage::new();
    stage.telegram.fail(telegram::ALBUM, Fault::ResetAfter);
    let mut newsroom = stage.newsroom(3);
    newsroom.set("telegram", "on_uncertain = \"hold\"");
    let bugle = newsroom.start().await;
    fetched(&stage.web, "/rss").await;
    drop(books);
    let at = |n: usize| stage.web.at(&format!("/{n}.png"));
    let media: String =
        [0, 2].iter().map(|n| format!("<media:content url=\"{}\" medium=\"image\"/>", at(*n))).collect();
    stage.web.feed(
        "/rss",
        &format!(
            "<rss version=\"2.0\" xmlns:media=\"http://search.yahoo.com/mrss/\"><channel><title>N</title><item>\
             <title>{TITLE}</title><link>{}</link>{media}</item></channel></rss>",
            link("one")
        ),
    );
    newsroom.books().await.wait_for("telegram", "held", 1).await;
    assert!(bugle.term().await.success());
    assert_eq!(stage.telegram.count(telegram::ALBUM), 1);
}

/// Killed at each of its steps: three uploads on three platforms, and the posts that name them.
#[tokio::test]
async fn a_kill_between_two_pictures_leaves_one_post_with_all_of_them() {
    let moments = [("begun", [1, 5, 11].as_slice()), ("answered", [2, 4, 8, 12].as_slice())];
    for (point, n) in moments.into_iter().flat_map(|(point, all)| all.iter().map(move |n| (point, *n))) {
        let stage = Stage::new();
        let newsroom = Newsroom::new("killed").scale(0.1).source("news", &stage.web.at("/rss"), "last 1");
        let mut newsroom = newsroom.x(&stage.x).mastodon(&stage.mastodon).bluesky(&stage.bluesky);
        for channel in ["x", "mastodon", "bluesky"] {
            newsroom.set(channel, "picture = \"photo\"");
            newsroom.set(channel, "pictures = 3");
        }
        let media =
            |n: usize| format!("<media:content url=\"{}\" medium=\"image\"/>", stage.web.at(&format!("/{n}.png")));
        let media: String = [0, 2, 3].into_iter().map(media).collect();
        stage.web.feed(
            "/rss",
            &format!(
                "<rss version=\"2.0\" xmlns:media=\"http://search.yahoo.com/mrss/\"><channel><title>N</title><item>\
                 <title>{TITLE}</title><link>{}</link>{media}</item></channel></rss>",
                link("one")
            ),
        );
        newsroom.start_to_crash(point, n).await.wait_exit().await;
        let bugle = newsroom.start().await;
        let books = newsroom.books().await;
        for channel in ["x", "mastodon", "bluesky"] {
            books.wait_for(channel, "published", 1).await;
        }
        assert!(bugle.term().await.success());
        for ledger in [stage.x.ledger(), stage.mastodon.ledger(), stage.bluesky.ledger()] {
            saw(ledger, &[link("one")]);
        }
        let of_x = last(&stage.x.seen(), x::CREATE)["media"]["media_ids"].as_array().map(Vec::len);
        let of_mastodon = last(&stage.mastodon.seen(), mastodon::CREATE)["media_ids"].as_array().map(Vec::len);
        let record = last(&stage.bluesky.seen(), bluesky::PUT)["record"].take();
        let of_bluesky = record["embed"]["images"].as_array().map(Vec::len);
        assert_eq!([of_x, of_mastodon, of_bluesky], [Some(3); 3], "{point} {n}");
    }
}

#[tokio::test]
async fn pictures_that_are_still_processed_are_waited_for() {
    let stage = Stage::new();
    stage.mastodon.rules().slow = 3;
    stage.x.rules().slow = 3;
    let newsroom = stage.newsroom(1);
    let (bugle, books) = stage.out(&newsroom).await;
    assert!(bugle.term().await.success());
    for channel in ["x", "mastodon"] {
        let history = books.history(channel).await;
        assert!(!history.contains("without its picture"), "{history}");
    }
    assert_eq!(last(&stage.mastodon.seen(), mastodon::CREATE)["media_ids"].as_array().map(Vec::len), Some(1));
    assert!(last(&stage.x.seen(), x::CREATE)["media"].is_object());
    assert_eq!((stage.mastodon.count(mastodon::READY), stage.x.count(x::READY)), (3, 3));
    stage.is_once();
}

#[tokio::test]
async fn a_picture_whose_processing_fails_is_left_out() {
    let stage = Stage::new();
    (stage.x.rules().slow, stage.x.rules().broken) = (1, true);
    let newsroom = stage.newsroom(1);
    let (bugle, books) = stage.out(&newsroom).await;
    assert!(bugle.term().await.success());
    let history = books.history("x").await;
    assert!(history.contains("without its picture") && history.contains("could not process"), "{history}");
    assert_eq!(last(&stage.x.seen(), x::CREATE)["media"], Value::Null);
    stage.is_once();
}

#[tokio::test]
async fn more_pictures_than_a_platform_takes_are_a_fault_of_the_config() {
    let stage = Stage::new();
    let mut newsroom = stage.newsroom(4);
    let check = async |newsroom: &Newsroom| {
        newsroom.write("bugle.toml", &newsroom.config().await);
        let said = newsroom.command(&["check"]).await;
        (
            said.status.success(),
            format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr)),
        )
    };
    assert!(check(&newsroom).await.0);
    for (line, words) in
        [("pictures = 5", "expected at most 4 on X, found 5"), ("pictures = 0", "a whole number from 1")]
    {
        newsroom.set("x", line);
        let (sound, said) = check(&newsroom).await;
        assert!(!sound && said.contains(words), "{line}: {said}");
    }
    newsroom.set("x", "pictures = 2");
    newsroom.set("x", "picture = \"headline\"");
    let (sound, said) = check(&newsroom).await;
    assert!(!sound && said.contains("picture = \"photo\""), "{said}");
    assert_eq!(stage.x.count(x::CREATE), 0, "nothing was sent");
}
