//! A social editor at work on posts, with the real program and plain forms: what they see is what goes out, what they take
//! back does not, and a restart forgets neither.

use scraper::{Html, Selector};

use crate::browser::{Browser, Page};
use crate::fakes::mastodon::FakeMastodon;
use crate::harness::{Engine, Newsroom, Press, Running, until};

/// A person at the desk.
struct Editor {
    browser: Browser,
    base: String,
}

impl Editor {
    async fn at(bugle: &Running) -> Self {
        Self { browser: bugle.desk().await, base: bugle.address() }
    }

    /// Opens a page.
    async fn see(&mut self, path: &str) -> String {
        let (status, page) = self.browser.go(&format!("{}{path}", self.base)).await.shown();
        assert_eq!(status, 200, "{path}: {page}");
        page
    }

    /// Sends a form; returns where it ended, its status and what is shown there.
    async fn send(&mut self, path: &str, form: &[(&str, &str)]) -> (String, u16, String) {
        match self.browser.submit(&format!("{}{path}", self.base), form).await {
            Page::Shown { url, answer } => {
                (url.trim_start_matches(self.base.as_str()).to_owned(), answer.status, answer.text())
            }
            Page::Away(url) => panic!("sent to {url}"),
        }
    }
}

/// The value of a page's field.
fn field(page: &str, name: &str) -> String {
    let html = Html::parse_document(page);
    let all = Selector::parse("input, textarea").expect("written here");
    let found = html.select(&all).find(|it| it.value().attr("name") == Some(name));
    let found = found.unwrap_or_else(|| panic!("no field {name} in {page}"));
    match found.value().name() {
        "textarea" => found.text().collect::<String>().trim_start_matches('\n').to_owned(),
        _ => found.value().attr("value").unwrap_or_default().to_owned(),
    }
}

async fn at_work(engine: Engine) {
    let press = Press::start();
    let mastodon = FakeMastodon::start();
    let newsroom = Newsroom::new("desk_post")
        .store(engine)
        .source("news", &press.url(), "from now")
        .mastodon(&mastodon)
        .route("from = [\"news\"]\nto = [\"mastodon\"]\napprove = true");
    let bugle = newsroom.ready(&[]).await;
    let books = newsroom.books().await;
    press.read().await;
    press.publish("one");
    books.wait_for("mastodon", "held", 1).await;
    let id = books.posts().await[0].id.clone();
    let post = format!("/posts/{id}");
    let mut editor = Editor::at(&bugle).await;

    // Seen, changed, and sent at once; then taken back within its ten seconds, after a hard restart.
    let page = editor.see(&post).await;
    assert!(page.contains("Story one") && page.contains("Waits for approval"), "{page}");
    let (base, was) = (field(&page, "base"), field(&page, "text_was"));
    let text = "Story one, told better\nhttps://newsroom.example/one";
    let form = [("base", &*base), ("text_was", &*was), ("text", text), ("picture", "none"), ("do", "save")];
    let (at, status, page) = editor.send(&format!("{post}/edit"), &form).await;
    assert_eq!((at.as_str(), status), (post.as_str(), 200), "{page}");
    assert!(page.contains("Saved.") && page.contains("told better"), "{page}");
    let seen = field(&page, "seen");
    let (_, _, page) = editor.send(&format!("{post}/send"), &[("seen", &seen)]).await;
    assert!(page.contains("in 10 seconds") && page.contains("Undo"), "{page}");
    bugle.kill9().await;
    assert!(mastodon.ledger().posts().is_empty(), "nothing left within its ten seconds");
    // On PostgreSQL the lock of the process that was killed has to end first.
    let bugle = newsroom.ready(&[]).await;
    let mut editor = Editor::at(&bugle).await;
    let (_, _, page) = editor.send(&format!("{post}/take-back"), &[]).await;
    if page.contains("Taken back") {
        assert_eq!(books.posts().await[0].state, "held");
        // And sent after all.
        let seen = field(&page, "seen");
        editor.send(&format!("{post}/send"), &[("seen", &seen)]).await;
    } else {
        // The machine took longer than that to start: then it is too late, and said so.
        assert!(page.contains("too late"), "{page}");
    }
    books.wait_for("mastodon", "published", 1).await;
    let posts = mastodon.ledger().posts();
    assert_eq!(posts.iter().map(|post| post.text.as_str()).collect::<Vec<_>>(), [text], "once, as it was shown");

    // Changed where it is out, then taken down.
    let page = editor.see(&post).await;
    assert!(page.contains("As it went out") && page.contains("Published"), "{page}");
    let (base, was) = (field(&page, "base"), field(&page, "text_was"));
    let text = "Story one, told best\nhttps://newsroom.example/one";
    let form = [("base", &*base), ("text_was", &*was), ("text", text), ("do", "save")];
    let (_, _, page) = editor.send(&format!("{post}/edit"), &form).await;
    assert!(page.contains("Asked for"), "{page}");
    until("readers see the change", async || mastodon.ledger().posts().iter().any(|post| post.text == text)).await;
    until("it is settled", async || editor_sees(&bugle, &post, "Edited where it is out").await).await;
    let (_, _, page) = editor.send(&format!("{post}/retract"), &[]).await;
    assert!(page.contains("Asked for"), "{page}");
    books.wait_for("mastodon", "retracted", 1).await;
    let page = editor.see(&post).await;
    for words in ["Taken down", "Make a new post of it", "Sent at once by hand", "Edited by hand", "told better"] {
        assert!(page.contains(words), "{words} is not in {page}");
    }
    assert!(bugle.term().await.success());
}

async fn editor_sees(bugle: &Running, path: &str, words: &str) -> bool {
    bugle.page(path).await.contains(words)
}

#[tokio::test]
async fn an_editor_changes_sends_takes_back_and_takes_down_on_sqlite() {
    at_work(Engine::Sqlite).await;
}

#[tokio::test]
async fn an_editor_changes_sends_takes_back_and_takes_down_on_postgres() {
    at_work(Engine::Postgres).await;
}

#[tokio::test]
async fn a_new_post_of_a_page_that_no_source_brought_goes_out_as_it_was_shown() {
    let press = Press::start();
    let mastodon = FakeMastodon::start();
    let address = press.web.at("/away");
    press.web.reply(
        "/away",
        crate::fakes::http::Reply::text(
            200,
            "text/html; charset=utf-8",
            "<!doctype html><html lang=en><head><title>Away | N</title><meta property=og:title content=\"Away\">\
             <meta property=og:description content=\"Far away.\"></head><body><h1>Away</h1></body></html>",
        ),
    );
    let newsroom = Newsroom::new("desk_new")
        .source("news", &press.url(), "from now")
        .mastodon(&mastodon)
        .timeline("wall", "bluesky");
    let bugle = newsroom.ready(&[]).await;
    let books = newsroom.books().await;
    let mut editor = Editor::at(&bugle).await;
    editor.see("/new").await;
    let form = [("url", &*address), ("to", "mastodon"), ("to", "wall")];
    let (_, status, draft) = editor.send("/new/preview", &form).await;
    assert_eq!(status, 200, "{draft}");
    let entry = field(&draft, "entry");
    let text = field(&draft, "text.mastodon");
    assert_eq!(text, format!("Away\n{address}"));
    let was = field(&draft, "text_was.mastodon");
    let wall = field(&draft, "text_was.wall");
    let form = [
        ("entry", &*entry),
        ("to", "mastodon"),
        ("to", "wall"),
        ("text.mastodon", &*text),
        ("text_was.mastodon", &*was),
        ("text.wall", "Only here"),
        ("text_was.wall", &*wall),
        ("do", "queue"),
    ];
    let (at, status, page) = editor.send("/new", &form).await;
    assert_eq!((at.as_str(), status), ("/", 200), "{page}");
    assert!(page.contains("2 posts wait in the queue"), "{page}");
    books.wait_for("mastodon", "published", 1).await;
    books.wait_for("wall", "published", 1).await;
    assert_eq!(mastodon.ledger().posts().iter().map(|post| post.text.clone()).collect::<Vec<_>>(), [text]);
    let why = newsroom.command(&["why", &address]).await;
    assert!(String::from_utf8_lossy(&why.stdout).contains("posted"), "the terminal knows it as well");
    assert!(bugle.term().await.success());
}
