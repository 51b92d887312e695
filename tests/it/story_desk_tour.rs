//! The whole way through the desk in a real browser, from the first start on: the link that is printed, the first
//! administrator, an account connected on the platform's own consent page, a story that arrives, is held, edited, approved,
//! seen out without loading a page again, read back from the platform, taken down, and everything paused. On a desktop and
//! on a phone. What every page looks like, and what axe-core says of it: `story_desk_looks`.

use crate::chromium::{Chromium, DESKTOP, PHONE, Tab};
use crate::harness::{ADMIN, Books, Newsroom, PASSWORD, Press, Running, link};
use crate::servers::pds::{self, Account};

/// The master key of this newsroom's vault.
const MASTER: &str = "70e570e570e570e570e570e570e570e570e570e570e570e570e570e570e570e5";

/// The PDS under the name it has on its own pages.
fn site(account: &Account) -> String {
    account.server.replace("127.0.0.1", "localhost")
}

/// A newsroom with the channel `bluesky`, connected by consent; a person approves what goes out.
fn newsroom(account: &Account, press: &Press) -> Newsroom {
    let (site, directory) = (site(account), pds::directory());
    let host = |url: &str| url.trim_start_matches("http://").to_owned();
    let newsroom = Newsroom::new("tour").scale(1.0).source("news", &press.url(), "from now");
    let mut newsroom = newsroom.allowing(&host(&site)).allowing(&host(&directory));
    let key = newsroom.secret("BUGLE_TEST_MASTER", MASTER);
    let keys = [("handle", format!("{:?}", account.handle)), ("directory", format!("{directory:?}"))];
    newsroom
        .more(&format!("[vault]\nkey = {key}\n"))
        .channel("bluesky", "bluesky", Some(&site), &keys)
        .route("from = [\"news\"]\nto = [\"bluesky\"]\napprove = true")
}

/// The link that makes the first administrator, as it was printed.
fn printed(bugle: &Running) -> String {
    let log = bugle.log();
    let line = log.lines().find(|line| line.contains("/setup?token=")).expect("a link is printed");
    let at = line.find("http://").expect("it is a whole address");
    line[at..].split_whitespace().next().expect("a word").to_owned()
}

/// What a person does on the PDS's own pages: signs in there, and allows it.
async fn consent(tab: &Tab, account: &Account) {
    let enabled = "[...document.querySelectorAll('button[type=submit]')].some((it) => !it.disabled)";
    tab.until("document.querySelector('input[name=password]') !== null").await;
    let name = "input[name=username]:not([disabled]):not([readonly])";
    if tab.count(name).await > 0 {
        tab.fill(name, &account.handle).await;
    }
    tab.fill("input[name=password]", pds::OWN).await;
    tab.until(enabled).await;
    tab.click("button[type=submit]").await;
    tab.until(&format!(
        "document.querySelector('input[name=password]') === null && document.body.innerText.includes('Authorize') \
         && {enabled}"
    ))
    .await;
    tab.shot("pds-consent").await;
    tab.click("button[type=submit]").await;
}

/// Whose posts are read back, and where the desk is.
struct Stage<'s> {
    home: &'s str,
    account: &'s Account,
    press: &'s Press,
    books: &'s Books,
}

/// A story from its arrival to its end, at one page; another person's page of Today looks on.
async fn one_story(stage: &Stage<'_>, slug: &str, tab: &Tab, other: &Tab) {
    let Stage { home, account, press, books } = stage;
    let once = "window.loaded = 'once'";
    let title = format!("Story {slug}");
    for tab in [tab, other] {
        tab.go(&format!("{home}/")).await;
        tab.until_says("This page renews itself.").await;
        tab.eval(once).await;
    }
    press.publish(slug);
    tab.until(&format!("document.querySelector('#needs')?.innerText.includes('{title}') === true")).await;
    assert_eq!(tab.eval("window.loaded").await, "once", "the article comes without loading the page again");
    books.wait_for("bluesky", "held", 1).await;
    assert_eq!(account.posts().await.len(), 0, "nothing goes out unseen");

    tab.follow("#needs .item .title a").await;
    assert_eq!(tab.text("h1").await, title);
    assert_eq!(tab.text("#state .badge").await.to_lowercase(), "held");
    tab.judge("tour-held", home).await;
    // The count follows what is typed, by the measure of what goes out.
    let before = tab.text("#count").await;
    let text = format!("{title}, told better\n{}", link(slug));
    tab.fill("#text", &text).await;
    tab.until(&format!("document.querySelector('#count').innerText !== {before:?}")).await;
    tab.follow("form[action$='/edit'] button[value=save]").await;
    tab.until_says("Saved.").await;
    assert_eq!(account.posts().await.len(), 0, "saved is not sent");
    tab.follow("form[action$='/approve'] button").await;
    tab.eval(once).await;
    let badge = |word: &str| format!("document.querySelector('#state .badge')?.textContent === '{word}'");
    tab.until(&badge("Published")).await;
    other.until(&format!("document.querySelector('#went')?.innerText.includes('{title}') === true")).await;
    assert_eq!((tab.eval("window.loaded").await, other.eval("window.loaded").await), ("once".into(), "once".into()));

    // As anybody reads it there.
    let posts = account.posts().await;
    assert_eq!(posts.len(), 1, "{posts:#?}");
    let out = posts[0]["value"]["text"].as_str().expect("a post has a text");
    assert!(out.starts_with(&format!("{title}, told better")) && out.contains(&link(slug)), "{out}");
    tab.judge("tour-published", home).await;

    // The page came by itself: its buttons are for what is so now.
    tab.click("form[action$='/retract'] button").await;
    tab.until("document.querySelector('dialog[open]') !== null").await;
    assert_eq!(account.posts().await.len(), 1, "asked first");
    tab.follow("dialog button.danger").await;
    tab.eval(once).await;
    tab.until(&badge("Retracted")).await;
    assert_eq!(tab.eval("window.loaded").await, "once");
    assert_eq!(account.posts().await.len(), 0, "it is gone there");
    other.until(&format!("document.querySelector('#went')?.innerText.includes('{title}') !== true")).await;
    assert_eq!(other.eval("window.loaded").await, "once");
    for tab in [tab, other] {
        assert_eq!(tab.faults(home), Vec::<String>::new());
    }
}

#[tokio::test]
async fn from_the_first_start_to_a_post_taken_down_and_everything_paused() {
    let account = pds::account().await;
    let press = Press::start();
    let newsroom = newsroom(&account, &press);
    let bugle = newsroom.ready(&[]).await;
    let (home, books) = (bugle.address(), newsroom.books().await);
    press.read().await;
    let chromium = Chromium::start().await;
    let (desk, phone) = (chromium.tab(DESKTOP).await, chromium.tab(PHONE).await);

    // The printed link makes the first administrator, once.
    let set_up = printed(&bugle);
    for tab in [&phone, &desk] {
        tab.go(&set_up).await;
        tab.judge("tour-setup", &home).await;
    }
    desk.fill("#name", ADMIN).await;
    desk.fill("#password", PASSWORD).await;
    desk.fill("#again", PASSWORD).await;
    desk.follow("main form button").await;
    desk.until_says("Sign out").await;
    phone.go(&set_up).await;
    assert_eq!(phone.count("#again").await, 0, "the link works once: {}", phone.text("main").await);
    // The same person on their phone.
    phone.go(&format!("{home}/")).await;
    phone.judge("tour-sign-in", &home).await;
    phone.fill("#name", ADMIN).await;
    phone.fill("#password", PASSWORD).await;
    phone.follow("main form button").await;
    for tab in [&desk, &phone] {
        tab.go(&format!("{home}/")).await;
        tab.until_says("Nothing has come in yet").await;
        tab.judge("tour-empty", &home).await;
    }

    // The account is connected on the platform's own pages.
    desk.follow("nav a[href='/channels']").await;
    assert!(desk.text("main").await.contains("blocked"), "{}", desk.text("main").await);
    assert_eq!(desk.count("form[action='/channels/bluesky/connect']").await, 1);
    desk.judge("tour-channels", &home).await;
    phone.go(&format!("{home}/channels")).await;
    phone.judge("tour-channels", &home).await;
    desk.follow("form[action='/channels/bluesky/connect'] button").await;
    desk.until_says("One step is left").await;
    desk.judge("tour-connect", &home).await;
    desk.follow("main a.button").await;
    assert!(desk.url().await.starts_with(&site(&account)), "{}", desk.url().await);
    consent(&desk, &account).await;
    desk.until(&format!("location.href.startsWith('{home}/') && document.readyState === 'complete'")).await;
    desk.until_says("is connected as").await;
    let there = format!("request to {}/", site(&account));
    let faults = desk.faults(&home);
    assert!(faults.iter().any(|fault| fault.starts_with(&there)), "{faults:?}");
    // The PDS's pages may report what they like; other hosts than the two are asked for nothing.
    let elsewhere = |fault: &&String| fault.starts_with("request to ") && !fault.starts_with(&there);
    assert_eq!(faults.iter().filter(elsewhere).collect::<Vec<_>>(), Vec::<&String>::new());
    desk.judge("tour-connected", &home).await;
    desk.follow("main .ways a").await;
    desk.follow("nav a[href='/channels']").await;
    desk.until("!document.querySelector('main').innerText.includes('blocked')").await;
    desk.until_says(&account.handle).await;
    desk.until_says("Reconnect").await;

    let stage = Stage { home: &home, account: &account, press: &press, books: &books };
    one_story(&stage, "bridge", &desk, &phone).await;
    one_story(&stage, "ferry", &phone, &desk).await;

    // Everything is paused, on the phone; the desktop sees it without loading the page again.
    phone.click("#halt summary").await;
    phone.fill("#halt input[name=why]", "an earthquake").await;
    phone.follow("#halt form button").await;
    phone.until_says("Everything is paused").await;
    desk.until_says("an earthquake").await;
    assert_eq!(desk.eval("window.loaded").await, "once");
    assert_eq!(books.pauses().await.len(), 1);
    for tab in [&desk, &phone] {
        tab.judge("tour-paused", &home).await;
    }
    // What is approved now waits.
    press.publish("paused");
    desk.until_says("Story paused").await;
    desk.follow("#needs .item .title a").await;
    desk.follow("form[action$='/approve'] button").await;
    books.wait_for("bluesky", "scheduled", 1).await;
    desk.until_says("Everything is paused").await;
    press.read().await;
    assert_eq!(account.posts().await.len(), 0, "paused is paused");
    for tab in [&desk, &phone] {
        assert_eq!(tab.faults(&home), Vec::<String>::new());
    }
    assert!(bugle.term().await.success());
}
