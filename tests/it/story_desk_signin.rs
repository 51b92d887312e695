//! People who sign in to the desk by the newsroom's own service, with the real program and a certified provider: who comes
//! in and as what, who does not, and what is worth nothing a second time.

use bugle::store;
use bugle::store::person::PersonRow;
use serde_json::json;

use crate::browser::{Browser, Page};
use crate::harness::{Books, Newsroom, Running};
use crate::servers::oidc;
use crate::wire::Ask;

/// Where the newsroom's desk is for browsers.
const DESK: &str = "https://desk.example";

/// A newsroom whose people sign in at the provider of the test run.
fn newsroom(name: &str, more: &str) -> Newsroom {
    let server = oidc::url();
    let host = server.strip_prefix("http://").expect("a server of this machine").to_owned();
    let mut room = Newsroom::new(name).public(DESK).allowing(&host).timeline("wall", "x");
    let secret = room.secret("DESK_SECRET", oidc::DESK_SECRET);
    room.more(&format!(
        "[sign_in.oidc]\nissuer = {server:?}\nclient_id = {:?}\nclient_secret = {secret}\nname = \"Newsroom account\"\n\
         allow = [\"@news.example\"]\n{more}\n",
        oidc::DESK_CLIENT
    ))
}

fn browser(bugle: &Running) -> Browser {
    Browser::with(DESK, &bugle.port())
}

/// A name that no other test has at the provider.
fn somebody(name: &str) -> String {
    format!("{name}{}", &uuid::Uuid::now_v7().simple().to_string()[16..])
}

/// Goes to the provider as that person and allows it; gives the address that leads back.
async fn consent(browser: &mut Browser, person: &str) -> String {
    let (status, page) = browser.go(&format!("{DESK}/sign-in?back=/articles")).await.shown();
    assert!(status == 200 && page.contains("Newsroom account"), "{status} {page}");
    let provider = browser.go(&format!("{DESK}/sign-in/oidc?back=/articles")).await.away();
    oidc::consent(browser, &provider, person).await
}

/// Signs in in a new browser; gives it with where it ended.
async fn sign_in(bugle: &Running, person: &str) -> (Browser, Page) {
    let mut browser = browser(bugle);
    let back = consent(&mut browser, person).await;
    let page = browser.go(&back).await;
    (browser, page)
}

/// The same, where the provider says that they are in these groups.
async fn sign_in_with(bugle: &Running, person: &str, groups: &[&str]) -> (Browser, Page) {
    oidc::tell(person, json!({ "groups": groups })).await;
    sign_in(bugle, person).await
}

async fn everybody(books: &Books) -> Vec<PersonRow> {
    let mut conn = books.0.read().await.unwrap();
    store::person::all(&mut conn).await.unwrap()
}

/// The status of a page for that browser.
async fn status(browser: &mut Browser, path: &str) -> u16 {
    browser.go(&format!("{DESK}{path}")).await.shown().0
}

#[tokio::test]
async fn people_of_the_newsroom_come_in_and_nobody_else() {
    let newsroom = newsroom("signin", "");
    let bugle = newsroom.ready(&[]).await;
    let books = newsroom.books().await;
    let (ann, eve) = (somebody("ann"), somebody("eve"));

    let (mut hers, page) = sign_in(&bugle, &ann).await;
    let Page::Shown { url, answer } = page else { panic!("sent away") };
    assert_eq!((url.as_str(), answer.status), (&*format!("{DESK}/articles"), 200), "where she wanted to be");
    let people = everybody(&books).await;
    let email = format!("{ann}@news.example");
    assert_eq!(people.len(), 1);
    assert_eq!((people[0].name.as_str(), people[0].role.word()), (&*format!("Person {ann}"), "viewer"));
    assert_eq!(people[0].email.as_deref(), Some(&*email));
    assert_eq!(people[0].oidc, Some((oidc::url(), ann.clone())));
    let cookies = hers.cookies(DESK);
    assert!(cookies.contains("__Host-bugle-session=") && !cookies.contains("oidc"), "{cookies}");
    assert_eq!(status(&mut hers, "/").await, 200);

    // The second time it is the same person.
    let (_, page) = sign_in(&bugle, &ann).await;
    assert_eq!(page.shown().0, 200);
    assert_eq!(everybody(&books).await.len(), 1);

    oidc::tell(&eve, json!({ "verified": false })).await;
    // Another domain; an address that the provider has not verified.
    for (person, words) in [
        (format!("{eve}@evil.example"), "may not sign in here"),
        (format!("{eve}@news.example.evil.example"), "may not sign in here"),
        (eve.clone(), "has not verified"),
    ] {
        let (mut browser, page) = sign_in(&bugle, &person).await;
        let (code, page) = page.shown();
        assert!(code == 403 && page.contains(words), "{person}: {code} {page}");
        assert!(!browser.cookies(DESK).contains("session"), "{person}");
        let shown = browser.go(&format!("{DESK}/articles")).await;
        assert!(matches!(&shown, Page::Shown { url, .. } if url.contains("/sign-in")), "{shown:?}");
    }
    assert_eq!(everybody(&books).await.len(), 1);

    // Closed out by an administrator: the provider's word does not help.
    let closed = newsroom.command(&["people", "disable", &format!("Person {ann}")]).await;
    assert!(closed.status.success(), "{closed:?}");
    let shown = hers.go(&format!("{DESK}/articles")).await;
    assert!(matches!(&shown, Page::Shown { url, .. } if url.contains("/sign-in")), "{shown:?}");
    let (_, page) = sign_in(&bugle, &ann).await;
    let (code, page) = page.shown();
    assert!(code == 403 && page.contains("closed"), "{code} {page}");

    let log = bugle.log();
    assert!(bugle.term().await.success());
    assert!(!log.contains(oidc::DESK_SECRET), "a secret in the log");
}

#[tokio::test]
async fn nothing_of_a_sign_in_works_twice_or_elsewhere() {
    let newsroom = newsroom("signin-twice", "");
    let bugle = newsroom.ready(&[]).await;
    let books = newsroom.books().await;
    let person = somebody("ann");
    let refused = async |browser: &mut Browser, url: &str, code: u16, words: &str| {
        let (status, page) = browser.go(url).await.shown();
        assert!(status == code && page.contains(words), "{url}: {status} {page}");
    };

    let mut hers = browser(&bugle);
    let back = consent(&mut hers, &person).await;
    let mut theirs = browser(&bugle);
    // Brought to another browser, which is in the middle of its own sign-in or not.
    refused(&mut theirs, &back, 403, "another browser").await;
    let other = consent(&mut theirs, &somebody("eve")).await;
    refused(&mut theirs, &back, 403, "another browser").await;
    // With parts of another one, or none.
    let part = |url: &str, name: &str| {
        let url = url::Url::parse(url).unwrap();
        url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned()
    };
    let (state, code) = (part(&back, "state"), part(&back, "code"));
    let swapped = other.replace(&part(&other, "code"), &code);
    refused(&mut theirs, &swapped, 403, "invalid_grant").await;
    for (url, status, words) in [
        (format!("{DESK}/sign-in/oidc/callback"), 400, "not known"),
        (format!("{DESK}/sign-in/oidc/callback?code={code}&state=made-up"), 400, "not known"),
        (format!("{back}&state={state}"), 400, "found `state` twice"),
        (format!("{back}&code=x"), 400, "found `code` twice"),
    ] {
        refused(&mut hers, &url, status, words).await;
    }
    assert!(everybody(&books).await.is_empty(), "nobody came in");

    // Bugle starts anew meanwhile: what was begun goes on.
    assert!(bugle.term().await.success());
    let bugle = newsroom.ready(&[]).await;
    let mut hers = hers.moved(DESK, &bugle.port());
    assert_eq!(hers.go(&back).await.shown().0, 200);
    assert_eq!(everybody(&books).await.len(), 1);
    refused(&mut hers, &back, 400, "not known").await;
    // Without the issuer, or with another one.
    for (from, to) in [("&iss=", "&was="), ("&iss=http", "&iss=https")] {
        let mut browser = browser(&bugle);
        let back = consent(&mut browser, &somebody("bob")).await;
        let url = back.replace(from, to);
        assert_ne!(url, back);
        refused(&mut browser, &url, 403, "nothing was accepted").await;
    }
    assert_eq!(everybody(&books).await.len(), 1);

    // Another site's link begins nothing.
    let ask = Ask::get(format!("http://{}/sign-in/oidc", bugle.port())).host("desk.example");
    let answer = ask.header("Sec-Fetch-Site", "cross-site").send().await.unwrap();
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(books.number("SELECT count(*) FROM oidc_flow").await, 0);
    let log = bugle.log();
    assert!(bugle.term().await.success());
    assert!(!log.contains(&code), "a code in the log");
}

#[tokio::test]
async fn the_providers_word_gives_a_role_and_takes_it_away() {
    let more = "role_claim = \"groups\"\nroles = { admin = [\"chief\"], editor = [\"desk\"] }";
    let newsroom = newsroom("signin-roles", more);
    let bugle = newsroom.ready(&[]).await;
    let books = newsroom.books().await;
    let (ann, bob) = (somebody("ann"), somebody("bob"));
    let role = async |who: &str| {
        let people = everybody(&books).await;
        people.iter().find(|it| it.name.ends_with(who)).map(|it| it.role.word())
    };

    let (mut hers, _) = sign_in_with(&bugle, &ann, &["desk"]).await;
    assert_eq!(role(&ann).await, Some("editor"));
    assert_eq!((status(&mut hers, "/").await, status(&mut hers, "/people").await), (200, 403));
    // Promoted there: the next sign-in says so, and what was open under the old role has ended.
    let (mut chief, _) = sign_in_with(&bugle, &ann, &["desk", "chief"]).await;
    assert_eq!(role(&ann).await, Some("admin"));
    assert_eq!(status(&mut chief, "/people").await, 200);
    assert!(hers.go(&format!("{DESK}/")).await.shown().1.contains("Newsroom account"), "the old window asks again");
    // The last administrator stays one, whatever the provider says; beside another one she does not.
    sign_in_with(&bugle, &ann, &[]).await;
    assert_eq!(role(&ann).await, Some("admin"));
    sign_in_with(&bugle, &bob, &["chief"]).await;
    let (mut hers, _) = sign_in_with(&bugle, &ann, &[]).await;
    assert_eq!((role(&ann).await, role(&bob).await), (Some("viewer"), Some("admin")));
    assert_eq!((status(&mut hers, "/").await, status(&mut hers, "/people").await), (200, 403));
    assert!(bugle.term().await.success());
}
