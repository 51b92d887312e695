//! Coming in to the desk with the real program: the one-time link of the first start, signing in after a restart that
//! forgot nothing, the terminal's way for people who are locked out, an account connected by a button.

use bugle::store;

use crate::browser::{Browser, Page, link_away};
use crate::fakes::x::FakeX;
use crate::harness::{ADMIN, Newsroom, PASSWORD, until};
use crate::store::commit;
use crate::story_connect::{DESK, by_consent, stored};
use crate::wire::Ask;

/// Signs in; gives the status and the page.
async fn sign_in(browser: &mut Browser, at: &str, name: &str, password: &str) -> (u16, String) {
    browser.submit(&format!("{at}/sign-in"), &[("name", name), ("password", password)]).await.shown()
}

#[tokio::test]
async fn the_first_start_lets_one_in_and_a_restart_forgets_nothing() {
    let newsroom = Newsroom::new("door").timeline("wall", "x");
    let bugle = newsroom.start().await;
    let at = bugle.address();
    let link = bugle.setup_link().expect("a one-time link is printed");
    // Nothing is shown to anybody before; the link is in no log that is kept.
    for path in ["/", "/articles", "/people", "/timelines/wall"] {
        let answer = Ask::get(format!("{at}{path}")).send().await.unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (303, ""), "{path}");
    }
    let mut browser = Browser::default();
    let (status, page) = browser.go(&format!("{at}/setup?token={link}")).await.shown();
    assert!(status == 200 && page.contains("first administrator"), "{page}");
    let form = [("link", link.as_str()), ("name", ADMIN), ("password", PASSWORD), ("again", PASSWORD)];
    // Another site cannot do it in their browser.
    let (status, _) = browser.forge(&format!("{at}/setup"), &form, &[("Origin", "https://evil.example")]).await.shown();
    assert_eq!(status, 403);
    let (status, page) = browser.submit(&format!("{at}/setup"), &form).await.shown();
    assert!(status == 200 && page.contains(ADMIN) && page.contains("Sign out"), "{page}");
    let (status, page) = Browser::default().submit(&format!("{at}/setup"), &form).await.shown();
    assert!(status == 404 && page.contains("set up already"), "{page}");

    // Wrong tries are counted in the store.
    let mut guesser = Browser::default();
    for _ in 0..6 {
        assert_eq!(sign_in(&mut guesser, &at, ADMIN, "wrong").await.0, 401);
    }
    let books = newsroom.books().await;
    let failures = "SELECT max(failures) FROM sign_in_try WHERE id LIKE 'who:%'";
    assert_eq!(books.number(failures).await, 6);
    let cookies = browser.cookies(&at);
    assert!(bugle.term().await.success());

    // The clock of the throttle is the store's: put the wait a while ahead, so that the second that it takes to start does
    // not end it.
    commit!(books.0, |conn| {
        let sql = "UPDATE sign_in_try SET until = until + 40000 WHERE id LIKE 'who:%'";
        Ok(sqlx::query(sql).execute(conn).await.map(drop)?)
    })
    .unwrap();
    let bugle = newsroom.start().await;
    let at = bugle.address();
    assert_eq!(bugle.setup_link(), None, "there is an administrator");
    let (status, page) = sign_in(&mut Browser::default(), &at, ADMIN, PASSWORD).await;
    assert!(status == 429 && page.contains("oo many failed tries"), "{status} {page}");
    // The session of before is still good: it is the store's, not the process's.
    let answer = Ask::get(format!("{at}/account")).header("Cookie", cookies.as_str()).send().await.unwrap();
    assert!(answer.status == 200 && answer.text().contains(ADMIN), "{}", answer.text());
    commit!(books.0, |conn| Ok(sqlx::query("DELETE FROM sign_in_try").execute(conn).await.map(drop)?)).unwrap();
    let mut browser = Browser::default();
    assert_eq!(sign_in(&mut browser, &at, ADMIN, PASSWORD).await.0, 200);
    let log = bugle.log();
    assert!(bugle.term().await.success());
    for secret in [PASSWORD, link.as_str(), cookies.split('=').next_back().unwrap()] {
        assert!(!log.contains(secret), "a secret in the log");
    }
}

#[tokio::test]
async fn the_terminal_lets_people_in_who_are_locked_out() {
    let newsroom = Newsroom::new("locked").timeline("wall", "x");
    let bugle = newsroom.start().await;
    let at = bugle.address();
    bugle.desk().await;
    let run = async |args: &[&str]| {
        let done = newsroom.command(args).await;
        let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        (done.status.code(), said)
    };
    let json = async |args: &[&str]| -> serde_json::Value {
        let done = newsroom.command(args).await;
        serde_json::from_slice(&done.stdout).unwrap_or_else(|fault| panic!("{fault}: {done:?}"))
    };
    assert_eq!(run(&["people", "disable", ADMIN]).await.0, Some(1));
    let link = json(&["people", "invite", "Bea", "--role", "editor", "--json"]).await;
    let token = link["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let mut bea = Browser::default();
    let path = format!("{at}/invite/{token}");
    assert!(bea.go(&path).await.shown().1.contains("Bea"));
    let (status, page) = bea.submit(&path, &[("password", PASSWORD), ("again", PASSWORD)]).await.shown();
    assert!(status == 200 && page.contains("editor"), "{page}");
    // What an editor may not, whoever links to it.
    assert_eq!(bea.go(&format!("{at}/people")).await.shown().0, 403);
    assert_eq!(bea.submit(&format!("{at}/people/invite"), &[("name", "Eve"), ("role", "admin")]).await.shown().0, 403);
    let list = json(&["people", "--json"]).await;
    let names: Vec<_> = list.as_array().unwrap().iter().map(|it| (it["name"].as_str(), it["role"].as_str())).collect();
    assert_eq!(names, [(Some(ADMIN), Some("admin")), (Some("Bea"), Some("editor"))]);

    // A forgotten password: by a link of the terminal, which ends every session.
    let link = json(&["people", "reset", "bea", "--json"]).await;
    let token = link["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let mut other = Browser::default();
    let new = "xurma telefon kvadrat";
    let (status, _) = other.submit(&format!("{at}/invite/{token}"), &[("password", new), ("again", new)]).await.shown();
    assert_eq!(status, 200);
    let (_, page) = bea.go(&format!("{at}/account")).await.shown();
    assert!(page.contains("Sign in") && !page.contains("Your account"), "{page}");
    assert_eq!(run(&["people", "role", "Bea", "admin"]).await.0, Some(0));
    assert_eq!(run(&["people", "disable", ADMIN]).await.0, Some(0));
    let (status, _) = sign_in(&mut Browser::default(), &at, ADMIN, PASSWORD).await;
    assert_eq!(status, 401);
    let (code, said) = run(&["people", "role", "nobody", "admin"]).await;
    assert!(code == Some(2) && said.contains("no person called"), "{said}");
    let (code, said) = run(&["people", "role", "Bea", "owner"]).await;
    assert!(code == Some(2) && said.contains("expected viewer, editor or admin"), "{said}");
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn an_administrator_connects_by_a_button_and_an_editor_does_not() {
    let fake = FakeX::start();
    fake.app("public", None, "https://desk.example/connect/callback/x");
    let newsroom = by_consent("button", "x", &fake.url(), "public", None);
    let bugle = newsroom.ready(&[]).await;
    let books = newsroom.books().await;
    // Set up at the public address, as behind a proxy.
    let link = bugle.setup_link().expect("a one-time link is printed");
    assert!(bugle.log().contains(&format!("{DESK}/setup?token={link}")));
    let mut browser = Browser::with(DESK, &bugle.port());
    let form = [("link", link.as_str()), ("name", ADMIN), ("password", PASSWORD), ("again", PASSWORD)];
    let (status, page) = browser.submit(&format!("{DESK}/setup"), &form).await.shown();
    assert_eq!(status, 200, "{page}");
    let (_, page) = browser.go(&format!("{DESK}/channels")).await.shown();
    assert!(page.contains("action=\"/channels/x/connect\""), "{page}");
    // At another address the cookie would not come back from the platform.
    let (status, page) =
        bugle.desk_again().await.submit(&format!("{}/channels/x/connect", bugle.address()), &[]).await.shown();
    assert!(status == 409 && page.contains(DESK), "{status} {page}");

    let (status, page) = browser.submit(&format!("{DESK}/channels/x/connect"), &[]).await.shown();
    assert_eq!(status, 200, "{page}");
    let back = browser.go(&link_away(&page)).await.away();
    let (status, page) = browser.go(&back).await.shown();
    assert!(status == 200 && page.contains("connected as @newsroom"), "{status} {page}");
    assert!(stored(&books, "x").await.1);
    let mut conn = books.0.read().await.unwrap();
    let log = store::audit::of(&mut conn, "x").await.unwrap();
    assert!(log.iter().any(|it| it.actor == ADMIN && it.why.contains("connected as")), "{log:?}");
    drop(conn);

    let asked = newsroom.command(&["people", "invite", "Bea", "--json"]).await;
    let link: serde_json::Value = serde_json::from_slice(&asked.stdout).unwrap();
    let mut bea = Browser::with(DESK, &bugle.port());
    let path = link["link"].as_str().unwrap().to_owned();
    assert!(path.starts_with("https://desk.example/invite/"));
    assert_eq!(bea.submit(&path, &[("password", PASSWORD)]).await.shown().0, 200);
    let (_, page) = bea.go(&format!("{DESK}/channels")).await.shown();
    assert!(!page.contains("/channels/x/connect"), "{page}");
    let (status, _) = bea.submit(&format!("{DESK}/channels/x/connect"), &[]).await.shown();
    assert_eq!(status, 403);
    // Signed in or not, a callback is taken by the browser that began it only.
    let (_, page) = browser.submit(&format!("{DESK}/channels/x/connect"), &[]).await.shown();
    let back = browser.go(&link_away(&page)).await.away();
    let end = bea.go(&back).await;
    assert!(matches!(&end, Page::Shown { answer, .. } if answer.status == 403), "{end:?}");
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn two_replicas_know_the_same_sessions() {
    let newsroom = Newsroom::new("replicas").store(crate::harness::Engine::Postgres).timeline("wall", "x");
    let first = newsroom.ready(&[]).await;
    let cookies = first.desk().await.cookies(&first.address());
    let second = newsroom.start().await;
    let ask = async || {
        let answer = Ask::get(format!("{}/account", second.address())).header("Cookie", cookies.as_str()).send().await;
        answer.unwrap().status
    };
    assert_eq!(ask().await, 200);
    let signed_out = first.desk().await.submit(&format!("{}/sign-out", first.address()), &[]).await.shown();
    assert_eq!(signed_out.0, 200);
    until("the other replica knows", async || ask().await == 303).await;
    assert!(second.term().await.success());
    assert!(first.term().await.success());
}
