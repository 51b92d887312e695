//! New posts by hand on the desk, and what is said after an act: over a real listener with plain forms.

use super::post_tests::{LINK, desk, field, forms, led, put, send};
use super::tests::Desk;
use crate::clock::Clock as _;
use crate::model::picture::Which;
use crate::model::post::{PostState, SkipReason};
use crate::store::post;

#[tokio::test]
async fn a_new_post_goes_to_several_channels_as_it_was_shown() {
    let desk = desk().await;
    let first = desk.get("/new?to=wall&text=Hello").await.body;
    assert!(first.contains("value=\"wall\" checked") && first.contains(">Hello<"), "{first}");
    for (fields, words) in [
        (&[("text", "Hello")][..], "Choose at least one channel"),
        (&[("to", "trial")], "Write a text, or give the address"),
        (&[("to", "trial"), ("url", "javascript:alert(1)")], "Expected an address"),
    ] {
        let answer = send(&desk, "/new/preview", fields).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains(words), "{words} is not in\n{}", answer.body);
    }
    let text = format!("Bridge opens\ntoday\n{LINK}");
    let draft = send(&desk, "/new/preview", &[("to", "trial"), ("to", "wall"), ("text", &text)]).await;
    assert_eq!(draft.status, 200, "{}", draft.body);
    for words in ["42 of 280", "42 of 500", "Like X", "like X", "like Mastodon"] {
        let found = draft.body.contains(words);
        assert_eq!(found, words != "Like X", "{words}\n{}", draft.body);
    }
    let (entry, own) = (field(&draft.body, "entry"), field(&draft.body, "draft"));
    let shown = |name: &str| field(&draft.body, name);
    let (trial, wall) = (shown("text.trial"), "Bridge opens today, at last".to_owned());
    let (was_trial, was_wall) = (shown("text_was.trial"), shown("text_was.wall"));
    let with = |what| {
        vec![
            ("to", "trial"),
            ("to", "wall"),
            ("entry", &*entry),
            ("draft", &*own),
            ("text.trial", &*trial),
            ("text_was.trial", &*was_trial),
            ("picture.trial", "none"),
            ("text.wall", &*wall),
            ("text_was.wall", &*was_wall),
            ("do", what),
        ]
    };
    // Looked at again; nothing is stored.
    let look = send(&desk, "/new", &with("look")).await;
    assert_eq!((look.status, field(&look.body, "text.wall")), (200, wall.clone()));
    let rows = async |desk: &Desk| {
        let mut conn = desk.store.read().await.expect("a connection");
        post::list(&mut conn, &[], None, 100).await.expect("readable")
    };
    assert!(rows(&desk).await.is_empty());
    let count = send(&desk, "/new/measure", &[&with("")[..], &[("channel", "wall")]].concat()).await;
    assert!(count.body.contains("27 of 500"), "{}", count.body);
    // Sent: both wait, and are taken back by one press.
    let (to, said) = led(&send(&desk, "/new", &with("send")).await);
    assert_eq!(to, "/");
    assert!(said.starts_with("ok.") && said.contains("2 posts go out in 10 seconds"), "{said}");
    let made = rows(&desk).await;
    let mut texts: Vec<_> = made.iter().filter_map(|row| row.post.text.clone()).collect();
    texts.sort();
    assert_eq!(texts, [trial.replace("\r\n", "\n"), wall.clone()]);
    assert!(made.iter().any(|row| row.post.picture.which == Some(Which::None)));
    let id = made[0].id().to_owned();
    let said = led(&send(&desk, &format!("/posts/{id}/take-back"), &[]).await).1;
    assert_eq!(said, "ok..Taken back: 2 posts were not sent.");
    assert!(rows(&desk).await.iter().all(|row| row.post.state.word() == "held"));
    // The same form again, as by a second press, is refused in words, and nothing typed is lost.
    let refused = send(&desk, "/new", &with("hold")).await;
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("has a post on") && refused.body.contains("tick"), "{}", refused.body);
    assert_eq!(field(&refused.body, "text.wall"), wall);
    let again = send(&desk, "/new", &[&with("hold")[..], &[("again", "on")]].concat()).await;
    assert!(led(&again).1.contains("2 posts wait for somebody to approve"), "{:?}", led(&again));
    let timed =
        send(&desk, "/new", &[&with("schedule")[..], &[("at", "2026-03-13T08:00"), ("again", "on")]].concat()).await;
    assert!(led(&timed).1.contains("wait until tomorrow 08:00"), "{:?}", led(&timed));
    // Another text of the same link is a story of its own; the link stays the first one's.
    let other =
        send(&desk, "/new/preview", &[("to", "trial"), ("text", &format!("Live from the bridge\n{LINK}"))]).await;
    let (entry, own) = (field(&other.body, "entry"), field(&other.body, "draft"));
    let form = [("entry", &*entry), ("draft", &*own), ("to", "trial"), ("do", "queue")];
    assert!(led(&send(&desk, "/new", &form).await).1.starts_with("ok..The post waits in the queue"));
}

#[tokio::test]
async fn a_new_post_of_a_known_article_is_composed_as_usual_and_all_or_nothing_is_made() {
    let desk = desk().await;
    put(&desk, "p1", PostState::Skipped { at: desk.clock.now(), why: SkipReason::Expired }).await;
    let page = desk.get("/posts/p1").await.body;
    assert!(page.contains("/new?article=story&#38;to=trial"), "{page}");
    let draft = send(&desk, "/new/preview", &[("url", LINK), ("to", "trial"), ("to", "wall")]).await;
    assert_eq!((draft.status, field(&draft.body, "article")), (200, "story".to_owned()));
    assert_eq!(field(&draft.body, "text.trial"), format!("Bridge opens\n{LINK}"));
    let was = field(&draft.body, "text_was.trial");
    let text = field(&draft.body, "text.trial");
    let long = "a".repeat(501);
    let fields = [
        ("article", "story"),
        ("to", "trial"),
        ("to", "wall"),
        ("text.trial", &*text),
        ("text_was.trial", &*was),
        ("text.wall", &*long),
        ("text_was.wall", &*was),
        ("do", "queue"),
    ];
    let refused = send(&desk, "/new", &fields).await;
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("501 of 500, 1 too many"), "{}", refused.body);
    let mut conn = desk.store.read().await.expect("a connection");
    assert_eq!(
        post::of_article(&mut conn, "story").await.expect("readable").len(),
        1,
        "nothing was made on trial either"
    );
    drop(conn);
    // A form that claims to be of another story than the store's, or of none, makes nothing.
    for entry in ["", "{}x", "{\"title\":\"t\",\"link\":\"javascript:alert(1)\"}"] {
        let answer = send(&desk, "/new", &[("entry", entry), ("to", "trial"), ("do", "queue")]).await;
        assert_eq!(answer.status, 404, "{entry}: {}", answer.body);
    }
}

#[tokio::test]
async fn what_is_said_is_said_once_and_only_as_words() {
    let desk = desk().await;
    let cookie = "bugle-said=bad..Not%20done%3A%20%3Cscript%3Ealert(1)";
    let ask = |cookie: &str| {
        format!(
            "GET / HTTP/1.1\r\nHost: localhost\r\nCookie: a=b; bugle-session={}; {cookie}\r\nConnection: close\r\n\r\n",
            desk.session
        )
    };
    let page = desk.send(&ask(cookie)).await;
    assert!(page.body.contains("Not done: &#60;script&#62;alert(1)"), "{}", page.body);
    assert!(page.header("set-cookie").is_some_and(|it| it.starts_with("bugle-said=;") && it.contains("Max-Age=0")));
    let style = desk.send(&ask(cookie).replace("GET /", "GET /style.css")).await;
    assert_eq!(style.header("set-cookie"), None, "what shows nothing takes nothing");
    let undo = desk.send(&ask("bugle-said=ok.p1.Sent")).await;
    assert!(
        forms(&undo.body.replace("<div class=\"wrap\" role=\"status\">", "<main>"))
            .contains(&"/posts/p1/take-back".to_owned())
    );
    assert_eq!(desk.get("/").await.header("set-cookie"), None);
}
