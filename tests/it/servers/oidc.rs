//! oidc-provider, a certified OAuth 2.0 server, with a small resource of X's shape behind it (tests/servers/oidc): what a
//! person does there, and what was posted with its tokens.

use super::place;
use crate::browser::{Browser, Page};
use crate::wire::Ask;

/// The one client it knows.
pub const CLIENT: &str = "poster";
/// Its secret.
pub const SECRET: &str = "s3cret of poster";

/// The client by which people sign in to the desk.
pub const DESK_CLIENT: &str = "desk";
/// Its secret.
pub const DESK_SECRET: &str = "s3cret of the desk";

/// Its address.
pub fn url() -> String {
    place("BUGLE_TEST_OIDC")
}

/// Signs in as that person and allows it. Gives the address that the server sends the browser back to.
///
/// # Panics
/// When the server does otherwise.
pub async fn consent(browser: &mut Browser, at: &str, person: &str) -> String {
    let mut page = browser.go(at).await;
    for (prompt, more) in [("login", &[("login", person), ("password", "x")][..]), ("consent", &[])] {
        let Page::Shown { url, answer } = page else { panic!("no {prompt} page: {page:?}") };
        assert!(answer.text().contains(prompt), "{url}: {}", answer.text());
        let form: Vec<(&str, &str)> = [("prompt", prompt)].into_iter().chain(more.iter().copied()).collect();
        page = browser.submit(&url, &form).await;
    }
    match page {
        Page::Away(url) => url,
        Page::Shown { url, answer } => panic!("still at {url}: {}", answer.text()),
    }
}

/// Tells the server what it knows of a person from now on: `{"groups": […], "verified": false}`.
///
/// # Panics
/// When the server does not take it.
pub async fn tell(person: &str, mut more: serde_json::Value) {
    more["id"] = person.into();
    let answer = Ask::post(format!("{}/people", url()), &more).send().await.expect("the server answers");
    assert_eq!(answer.status, 204, "{}", answer.text());
}

/// What was posted with the tokens of that person.
///
/// # Panics
/// When the server does not answer.
pub async fn posts(person: &str) -> Vec<String> {
    let answer = Ask::get(format!("{}/posts", url())).send().await.expect("the server of BUGLE_TEST_OIDC answers");
    let posts = answer.json();
    let posts = posts.as_array().cloned().unwrap_or_default();
    let mine = posts.iter().filter(|post| post["account"] == person);
    mine.filter_map(|post| post["text"].as_str().map(str::to_owned)).collect::<Vec<String>>()
}
