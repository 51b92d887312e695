//! The desk in a real browser: pages that renew themselves, the pause of everything with what resuming will do, keys,
//! forms without script. The whole way from the first start, and every page judged by axe-core: `story_desk_tour`.

use crate::chromium::{Chromium, DESKTOP, PHONE};
use crate::harness::{Newsroom, Press, until};

/// A newsroom with a wall, and its feed.
fn newsroom(name: &str) -> (Newsroom, Press) {
    let press = Press::with(&["before"]);
    let newsroom = Newsroom::new(name).source("news", &press.url(), "from now").timeline("wall", "bluesky");
    (newsroom, press)
}

#[tokio::test]
async fn pages_renew_themselves_and_everything_is_paused_and_resumed() {
    let (newsroom, press) = newsroom("live");
    let bugle = newsroom.ready(&[]).await;
    let (home, books) = (bugle.address(), newsroom.books().await);
    let chromium = Chromium::start().await;
    let (desk, phone) = (chromium.signed_in(&bugle, DESKTOP).await, chromium.signed_in(&bugle, PHONE).await);
    for tab in [&desk, &phone] {
        tab.go(&format!("{home}/")).await;
        tab.until_says("This page renews itself.").await;
        tab.eval("window.loaded = 'once'").await;
    }
    press.publish("one");
    for tab in [&desk, &phone] {
        tab.until_says("Story one").await;
        assert_eq!(tab.eval("window.loaded").await, "once", "without loading the page again");
    }
    books.wait_for("wall", "published", 1).await;

    // Once the page shows it as out, it stays in its list.
    let is_out = "[...document.querySelectorAll('.item')].some((it) => /published/i.test(it.innerText) && \
                  it.innerText.includes('Story one'))";
    desk.until(is_out).await;

    // An item that has the focus keeps it, and stays what it is, whatever comes above it.
    desk.key("j").await;
    let focused = "document.activeElement.closest('.item')?.innerText ?? ''";
    assert!(desk.eval(focused).await.as_str().unwrap().contains("Story one"));
    press.publish("above");
    desk.until_says("Story above").await;
    assert!(desk.eval(focused).await.as_str().unwrap().contains("Story one"), "{}", desk.eval(focused).await);
    desk.key("k").await;
    assert!(desk.eval(focused).await.as_str().unwrap().contains("Story above"), "{}", desk.eval(focused).await);

    // Who types is left alone, whatever comes in meanwhile.
    desk.click("#halt summary").await;
    desk.fill("#halt input[name=why]", "the earth").await;
    press.publish("two");
    desk.until_says("Story two").await;
    desk.fill("#halt input[name=why]", "the earthquake").await;
    desk.shot("pause-open").await;
    desk.follow("#halt form button").await;
    desk.until_says("Everything is paused until a person resumes, by").await;
    desk.until_says("the earthquake").await;
    // The other page learns of it by itself.
    phone.until_says("Everything is paused").await;
    assert_eq!(phone.eval("window.loaded").await, "once");
    assert_eq!(phone.count("#halt form").await, 0, "what is paused is not paused again");

    books.wait_for("wall", "published", 3).await;
    press.publish("three");
    books.wait_for("wall", "scheduled", 1).await;
    desk.follow("#halted a").await;
    desk.until_says("Resume everything").await;
    desk.until_says("1 post due already").await;
    assert!(desk.text("#ahead .plan").await.contains("Story three"), "{}", desk.text("#ahead").await);
    desk.judge("resume", &home).await;
    // What is foreseen is kept current, too.
    press.publish("four");
    desk.until_says("2 posts due already").await;
    assert_eq!(books.posts().await.iter().filter(|post| post.state == "published").count(), 3, "nothing happened yet");
    desk.follow(".pause-form button").await;
    desk.until("!document.body.innerText.includes('Everything is paused')").await;
    books.wait_for("wall", "published", 5).await;
    desk.until_says("Story four").await;
    for tab in [&desk, &phone] {
        assert_eq!(tab.faults(&home), Vec::<String>::new());
    }
    let log = books.number("SELECT count(*) FROM audit WHERE what = 'pause'").await;
    assert_eq!(log, 2, "both are in the audit log");
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn what_grew_stale_goes_out_story_by_story() {
    let (newsroom, press) = newsroom("stale");
    // Two hours are two seconds.
    let newsroom = newsroom.scale(0.0003);
    let bugle = newsroom.ready(&[]).await;
    let (home, books) = (bugle.address(), newsroom.books().await);
    let chromium = Chromium::start().await;
    let (desk, phone) = (chromium.signed_in(&bugle, DESKTOP).await, chromium.signed_in(&bugle, PHONE).await);
    desk.go(&format!("{home}/pause")).await;
    desk.fill("main input[name=why]", "mourning").await;
    desk.follow("main form button").await;
    for slug in ["one", "two", "three"] {
        press.publish(slug);
    }
    books.wait_for("wall", "scheduled", 3).await;
    let late = async || {
        desk.go(&format!("{home}/resume")).await;
        desk.text("main").await.contains("3 posts are more than two hours late")
    };
    until("they are late", late).await;
    desk.judge("resume-late", &home).await;
    phone.go(&format!("{home}/resume")).await;
    phone.judge("resume-late", &home).await;
    // None of them goes out unasked; of those that were asked for, none is named.
    desk.click("input[name=release][value=these]").await;
    desk.follow(".pause-form button.main").await;
    assert!(desk.url().await.ends_with("/resume"), "{}", desk.url().await);
    assert_eq!(books.posts().await.iter().filter(|post| post.state == "published").count(), 0);
    desk.click("input[name=release][value=these]").await;
    let two = "[...document.querySelectorAll('.pause-form li')].find((it) => it.innerText.includes('Story two'))";
    desk.eval(&format!("{two}.querySelector('input').id = 'two'")).await;
    desk.click("#two").await;
    desk.follow(".pause-form button.main").await;
    books.wait_for("wall", "published", 1).await;
    books.wait_for("wall", "held", 2).await;
    let out =
        books.text("SELECT title FROM article, post WHERE article.id = post.article AND state = 'published'").await;
    assert_eq!(out, "Story two");
    assert!(bugle.term().await.success());
}

#[tokio::test]
async fn what_the_command_line_does_is_seen_and_a_lost_connection_is_said() {
    let (newsroom, press) = newsroom("beside");
    let bugle = newsroom.ready(&[]).await;
    let home = bugle.address();
    let chromium = Chromium::start().await;
    let desk = chromium.signed_in(&bugle, DESKTOP).await;
    desk.go(&format!("{home}/")).await;
    desk.until_says("This page renews itself.").await;
    let done = newsroom.command(&["pause", "--why", "an election"]).await;
    assert!(done.status.success(), "{done:?}");
    desk.until_says("an election").await;
    desk.eval("window.loaded = 'once'").await;
    let done = newsroom.command(&["resume"]).await;
    assert!(done.status.success(), "{done:?}");
    desk.until("!document.body.innerText.includes('an election')").await;

    // A page that shall stay as it is does.
    desk.click(".desk-line button[data-key=l]").await;
    desk.until_says("This page stays as it is.").await;
    press.publish("unseen");
    newsroom.books().await.wait_for("wall", "published", 1).await;
    assert!(!desk.text("main").await.contains("Story unseen"));
    desk.key("l").await;
    desk.until_says("Story unseen").await;
    assert_eq!(desk.eval("window.loaded").await, "once");

    assert!(bugle.term().await.success());
    desk.until_says("No connection to Bugle; what you see may be old.").await;
}

#[tokio::test]
async fn keys_lead_through_the_pages_and_can_be_turned_off() {
    let (newsroom, press) = newsroom("keys");
    let bugle = newsroom.ready(&[]).await;
    let (home, books) = (bugle.address(), newsroom.books().await);
    press.publish("one");
    press.publish("two");
    books.wait_for("wall", "published", 2).await;
    let chromium = Chromium::start().await;
    let desk = chromium.signed_in(&bugle, DESKTOP).await;
    desk.go(&format!("{home}/")).await;
    desk.key("?").await;
    desk.until_says("Keyboard shortcuts").await;
    assert!(desk.text("dialog").await.contains("Articles"), "{}", desk.text("dialog").await);
    desk.judge("keys", &home).await;
    desk.key("Escape").await;
    desk.until("document.querySelector('dialog') === null").await;

    desk.key("j").await;
    desk.key("j").await;
    desk.key("k").await;
    let first = "document.activeElement === document.querySelector('main .list > .item')";
    assert_eq!(desk.eval(first).await, true, "one down, one down, one up");
    desk.key("P").await;
    assert_eq!(desk.count("#halt details[open]").await, 1);
    desk.click("#halt input[name=why]").await;
    desk.key("j").await;
    let typed = desk.eval("document.querySelector('#halt input[name=why]').value").await;
    assert_eq!(typed, "j", "in a field a key is a letter");
    desk.key("Escape").await;
    assert_eq!(desk.count("#halt details[open]").await, 0);
    desk.key("g").await;
    desk.key("a").await;
    desk.until("location.pathname === '/articles' && document.readyState === 'complete'").await;

    desk.key("?").await;
    desk.click("#keys-on").await;
    desk.key("Escape").await;
    desk.until("document.querySelector('dialog') === null").await;
    desk.key("g").await;
    desk.key("s").await;
    desk.go(&format!("{home}/channels")).await;
    desk.key("j").await;
    assert_eq!(desk.eval("document.activeElement === document.body").await, true, "turned off, for good");
    assert!(desk.url().await.ends_with("/channels"));
    assert_eq!(desk.faults(&home), Vec::<String>::new());
}

#[tokio::test]
async fn pages_ask_first_show_progress_and_count_down() {
    let (newsroom, _press) = newsroom("manners");
    let bugle = newsroom.ready(&[]).await;
    let home = bugle.address();
    let chromium = Chromium::start().await;
    let desk = chromium.signed_in(&bugle, DESKTOP).await;
    desk.go(&format!("{home}/sources")).await;
    // A form as pages have them; no page of this first half has one yet that asks.
    let form = "<form method=post action=/pause data-confirm='Stop the presses?'><input type=hidden name=back \
                value=/channels><button id=stop>Stop</button></form><time id=t data-countdown></time>";
    desk.eval(&format!("document.querySelector('main').insertAdjacentHTML('afterbegin', \"{form}\")")).await;
    desk.eval("document.querySelector('#t').dateTime = new Date(Date.now() + 3 * 3600e3 + 300e3).toISOString()").await;
    desk.until("/^in 3 h 0[45] min$/.test(document.querySelector('#t').textContent)").await;
    desk.eval("document.querySelector('#t').dateTime = new Date(Date.now() - 1000).toISOString()").await;
    desk.until("document.querySelector('#t').textContent === 'due now'").await;

    desk.click("#stop").await;
    desk.until("document.querySelector('dialog[open]') !== null").await;
    assert!(desk.text("dialog").await.contains("Stop the presses?"));
    assert_eq!(desk.eval("document.activeElement.textContent").await, "Cancel", "Enter alone does nothing");
    desk.judge("asked", &home).await;
    desk.click("dialog button.plain").await;
    desk.until("document.querySelector('dialog') === null").await;
    assert!(desk.url().await.ends_with("/sources"));
    // What takes its time shows that it is worked on: the answer to this form never comes.
    desk.eval("window.stay = (event) => event.preventDefault(); addEventListener('submit', window.stay)").await;
    desk.click("#stop").await;
    desk.until("document.querySelector('dialog[open]') !== null").await;
    desk.click("dialog button.danger").await;
    desk.until("document.querySelector('#busy').hidden === false").await;
    // A page that is shown again works on nothing.
    desk.eval("dispatchEvent(new Event('pageshow'))").await;
    assert_eq!(desk.eval("document.querySelector('#busy').hidden").await, true);
    desk.eval("removeEventListener('submit', window.stay)").await;
    desk.click("#stop").await;
    desk.until("document.querySelector('dialog[open]') !== null").await;
    desk.follow("dialog button.danger").await;
    assert!(desk.url().await.ends_with("/channels"));
    desk.until_says("Everything is paused").await;
    assert_eq!(desk.faults(&home), Vec::<String>::new());
}

#[tokio::test]
async fn without_script_the_same_forms_do_the_same() {
    let (newsroom, _press) = newsroom("plain");
    let bugle = newsroom.ready(&[]).await;
    let home = bugle.address();
    let chromium = Chromium::start().await;
    let phone = chromium.signed_in(&bugle, PHONE).await;
    phone.without_script().await;
    phone.go(&format!("{home}/sources")).await;
    assert_eq!(phone.count(".desk-line").await, 0, "the script did not come");
    phone.click("#halt summary").await;
    phone.fill("#halt input[name=why]", "mourning").await;
    phone.follow("#halt form button").await;
    assert!(phone.url().await.ends_with("/sources"));
    assert!(phone.text("body").await.contains("Everything is paused"), "{}", phone.text("body").await);
    phone.follow("#halted a").await;
    phone.follow(".pause-form button").await;
    assert!(!phone.text("body").await.contains("Everything is paused"));
}

#[tokio::test]
async fn what_pages_do_wrong_is_noticed() {
    let (newsroom, _press) = newsroom("faulty");
    let bugle = newsroom.ready(&[]).await;
    let home = bugle.address();
    let chromium = Chromium::start().await;
    let tab = chromium.signed_in(&bugle, DESKTOP).await;
    tab.go(&format!("{home}/")).await;
    assert_eq!((tab.axe().await, tab.faults(&home)), (Vec::new(), Vec::new()));
    let faulty = "<img src='https://elsewhere.example/a.png'><p style='color: red'>styled</p><input>";
    tab.eval(&format!("document.querySelector('main').insertAdjacentHTML('beforeend', \"{faulty}\")")).await;
    tab.eval("{ const it = document.createElement('script'); it.text = 'window.ran = 1'; document.body.append(it) }")
        .await;
    assert_eq!(tab.eval("window.ran === undefined").await, true, "the policy forbids script in a page");
    let found = tab.axe().await.join("\n");
    assert!(found.contains("image-alt") && found.contains("label"), "{found}");
    let mut faults = String::new();
    let three = ["img-src", "style-src", "script-src"];
    until("the policy's reports come", async || {
        faults += &tab.faults(&home).join("\n");
        three.iter().all(|word| faults.contains(word))
    })
    .await;
    // Another page of the same person knows what the first did, another person's does not.
    tab.eval("document.cookie = 'known=1'").await;
    let (beside, other) = (chromium.tab_beside(&tab, PHONE).await, chromium.tab(PHONE).await);
    for (tab, known) in [(&beside, true), (&other, false)] {
        tab.go(&format!("{home}/")).await;
        assert_eq!(tab.eval("document.cookie.includes('known=1')").await, known);
    }
}
