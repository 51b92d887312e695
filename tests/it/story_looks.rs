//! What the desk shows of a post is what goes out: the very bytes of its pictures, timelines in the looks of their platform,
//! and nothing that a browser would fetch from elsewhere.

use crate::fakes::feed::FakeFeed;
use crate::fakes::mastodon::{self, FakeMastodon};
use crate::harness::{Newsroom, Running, fetched, link};
use crate::wire::{Answer, Ask};

const TITLE: &str = "Körpü açıldı";
const WALLS: [&str; 3] = ["x", "bluesky", "instagram"];

async fn see(bugle: &Running, path: &str) -> Answer {
    let cookies = bugle.desk().await.cookies(&bugle.address());
    Ask::get(format!("{}{path}", bugle.address())).header("Cookie", &cookies).send().await.expect("the desk answers")
}

/// What comes after each `mark` in a page, up to the closing quote.
fn after<'p>(page: &'p str, mark: &str) -> Vec<&'p str> {
    page.split(mark).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn the_desk_shows_the_pictures_that_go_out() {
    let (web, mastodon) = (FakeFeed::start(), FakeMastodon::start());
    web.feed("/rss", "<rss version=\"2.0\"><channel><title>N</title></channel></rss>");
    web.picture("/p.png", 1600, 900);
    // Slow enough that a picture is drawn and sent within its time also in a build without optimisation.
    let newsroom = Newsroom::new("look").scale(0.3).source("news", &web.at("/rss"), "from now");
    let mut newsroom = newsroom.mastodon(&mastodon);
    newsroom.set("mastodon", "picture = \"photo\"");
    for (like, carry) in WALLS.into_iter().zip(["photo", "card", "headline"]) {
        newsroom = newsroom.timeline(&format!("like-{like}"), like);
        newsroom.set(&format!("like-{like}"), &format!("picture = \"{carry}\""));
    }
    let bugle = newsroom.start().await;
    fetched(&web, "/rss").await;
    let (url, at) = (link("bridge"), web.at("/p.png"));
    web.feed(
        "/rss",
        &format!(
            "<rss version=\"2.0\"><channel><title>N</title><item><title>{TITLE}</title><link>{url}</link>\
             <guid isPermaLink=\"false\">bridge</guid><enclosure url=\"{at}\" type=\"image/png\" length=\"1\"/></item>\
             </channel></rss>"
        ),
    );
    let books = newsroom.books().await;
    let post = books.wait_for("mastodon", "published", 1).await.remove(0).id;
    for like in WALLS {
        books.wait_for(&format!("like-{like}"), "published", 1).await;
    }

    // The very bytes that the platform was given.
    let seen = mastodon.seen();
    let upload = seen.iter().find(|it| it.endpoint == mastodon::MEDIA).expect("a picture was sent");
    let parts = upload.request.multipart().expect("a form with a file");
    let sent = parts.into_iter().find(|(name, ..)| name == "file").map(|(.., bytes)| bytes).expect("the file");
    let shown = see(&bugle, &format!("/posts/{post}/pictures/0")).await;
    assert_eq!((shown.status, shown.header("content-type")), (200, Some("image/jpeg")));
    assert!(shown.body == sent, "{} bytes are shown, {} were sent", shown.body.len(), sent.len());

    // Each timeline in its looks, with pictures that come from here.
    // A photo as it is; a card's picture no larger than a page needs; a drawn card in its platform's own shape.
    for (like, size) in WALLS.into_iter().zip([Some((1600, 900)), Some((1200, 675)), None]) {
        let page = see(&bugle, &format!("/timelines/like-{like}")).await.text();
        assert!(page.contains(&format!("class=\"likeness as-{like}\"")) && page.contains(TITLE), "{page}");
        let pictures: Vec<&str> = after(&page, "src=\"").into_iter().filter(|src| src.contains("/pictures/")).collect();
        assert_eq!(pictures.len(), 1, "{like}: {page}");
        assert!(after(&page, "src=\"").iter().all(|src| src.starts_with('/') && !src.starts_with("//")), "{page}");
        let picture = see(&bugle, pictures[0]).await;
        assert_eq!((picture.status, picture.header("content-type")), (200, Some("image/jpeg")), "{like}");
        let picture = image::load_from_memory(&picture.body).expect("a picture");
        let found = (picture.width(), picture.height());
        assert!(size.is_none_or(|size| size == found) && found.0 >= 1080, "{like}: {found:?}");
    }

    // What is not there is said, and drawn so that no page looks broken.
    for path in
        [format!("/posts/{post}/pictures/1"), format!("/posts/{post}/pictures/x"), "/posts/none/pictures/0".into()]
    {
        let none = see(&bugle, &path).await;
        assert_eq!((none.status, none.header("content-type")), (404, Some("image/svg+xml")), "{path}");
    }

    // Seen a minute ago is not fetched again.
    let before = web.hits("/p.png");
    for _ in 0..3 {
        assert_eq!(see(&bugle, &format!("/posts/{post}/pictures/0")).await.status, 200);
    }
    assert_eq!(web.hits("/p.png"), before, "it is kept for a while");
    assert!(bugle.term().await.success());
}
