//! The page of a post, its acts and that of a new one: over a real listener with plain forms, as a browser without scripts
//! sends them, on a real store.

use std::sync::Arc;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use scraper::{Html, Selector};
use toml::de::DeTable;

use super::tests::{Answer, Desk};
use super::works::Works;
use crate::card::Brand;
use crate::clock::{Clock as _, FakeClock, SharedClock};
use crate::expr::Templates;
use crate::http::Http;
use crate::model::article::{Article, Entry, Image};
use crate::model::id::WorkerId;
use crate::model::picture::{CardTime, Carry, Chosen, Which};
use crate::model::post::{Actor, Approval, HoldReason, Occasion, Post, PostState, SkipReason, Urgency};
use crate::model::receipt::Known;
use crate::platform;
use crate::publish::actions::{self, Hand};
use crate::publish::studio::Workshop;
use crate::publish::{Channel, House, OnUncertain};
use crate::source::gather::Gatherer;
use crate::store::post::PostRow;
use crate::store::{article, channel, job, post};
use crate::telemetry::Metrics;
use crate::vault::Vault;

/// Of a real top-level domain: X counts no other as a link.
pub(super) const LINK: &str = "https://news.az/bridge";

/// A timeline of the config, like that platform.
fn timeline(name: &str, like: &str) -> Channel {
    let keys = format!("like = {like:?}");
    Channel {
        name: name.into(),
        account: platform::by_id("timeline")
            .expect("a platform of ours")
            .open(DeTable::parse(&keys).expect("written here").into_inner())
            .expect("good keys"),
        policy: Arc::default(),
        picture: Carry::Card,
        card: CardTime::Now,
        pictures: 1,
        on_uncertain: OnUncertain::Hold,
        strict_order: false,
        budget: None,
    }
}

/// What the engine would hand over, with two timelines.
fn works(desk: &Desk) -> Arc<Works> {
    let clock: SharedClock = Arc::<FakeClock>::clone(&desk.clock);
    let http = Http::build(&crate::http::Settings::default(), &[], Arc::clone(&clock)).expect("plain settings");
    let brand = Arc::new(Brand::plain("Xəbər"));
    let house = House {
        store: desk.store.clone(),
        studio: Workshop { http: http.clone(), brand, scale: 1.0, shelf: None },
        http,
        vault: Arc::new(Vault::with_key(&"07".repeat(32).into()).expect("a key of 32 bytes")),
        clock,
        worker: WorkerId::fresh(),
        zone: TimeZone::get("Asia/Baku").expect("a zone"),
        newsroom: "Xəbər".to_owned(),
        language: Some("az".to_owned()),
        templates: Templates::load(None).expect("the built-in templates are sound"),
        words: Default::default(),
        scale: 1.0,
        metrics: Arc::new(Metrics::new()),
    };
    Arc::new(Works {
        house: Arc::new(house),
        channels: vec![timeline("trial", "x"), timeline("wall", "mastodon")],
        sources: Vec::new(),
        templates: Vec::new(),
        gather: Arc::new(Gatherer::default()),
        changed: Arc::new(tokio::sync::watch::channel(0).0),
    })
}

pub(super) async fn desk() -> Desk {
    let desk = Desk::open("127.0.0.1").await;
    desk.works.send_replace(Some(works(&desk)));
    desk
}

fn story(title: &str) -> Article {
    let picture = |n: u8| Image::at(format!("https://news.example/{n}.jpg").parse().expect("a URL"));
    Article {
        id: "story".into(),
        source: "news".into(),
        version: 1,
        first_seen: "2026-03-12T09:00:00Z".parse().expect("a time"),
        entry: Entry {
            title: title.to_owned(),
            link: LINK.parse().ok(),
            summary: Some("Two banks, one bridge.".to_owned()),
            image: Some(picture(1)),
            pictures: vec![picture(2)],
            ..Entry::default()
        },
    }
}

fn held() -> PostState {
    PostState::Held { since: "2026-03-12T09:00:00Z".parse().expect("a time"), why: HoldReason::Approval }
}

/// Stores the story with one post in that state.
pub(super) async fn put(desk: &Desk, id: &str, state: PostState) {
    let (now, id) = (desk.clock.now(), id.to_owned());
    let work = job(move |conn| {
        Box::pin(async move {
            let story = story("Bridge opens");
            if article::one(conn, "story").await?.is_none() {
                article::insert(conn, &story, "h", "t", &[]).await?;
                channel::ensure(conn, "trial", "timeline", now).await?;
            }
            let post = Post {
                occasion: Occasion::ByHand(id.clone()),
                id: id.as_str().into(),
                channel: "trial".into(),
                article: story.id.clone(),
                route: 1,
                template: "headline".to_owned(),
                urgency: Urgency::Normal,
                created: now,
                expires: Some(now + SignedDuration::from_hours(12)),
                due: now,
                attempts: 0,
                text: None,
                picture: Chosen::default(),
                state,
            };
            post::insert(conn, &PostRow::new(post), now, &Actor::Route, "route 1").await.map(drop)
        })
    });
    desk.store.write(work).await.expect("stored");
}

async fn row(desk: &Desk, id: &str) -> PostRow {
    let mut conn = desk.store.read().await.expect("a connection");
    post::one(&mut conn, id).await.expect("readable").expect("it is there")
}

/// Sends a form.
pub(super) async fn send(desk: &Desk, path: &str, fields: &[(&str, &str)]) -> Answer {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let at = desk.at;
    desk.send(&format!(
        "POST {path} HTTP/1.1\r\nHost: {at}\r\nOrigin: http://{at}\r\nCookie: bugle-session={}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        desk.session,
        body.len()
    ))
    .await
}

/// Where an answer leads, and what is said there.
pub(super) fn led(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 303, "{}\n{}", answer.head, answer.body);
    let cookie = answer.header("set-cookie").expect("something is said");
    let value = cookie.split(['=', ';']).nth(1).expect("a value");
    let said = percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned();
    (answer.header("location").expect("somewhere").to_owned(), said)
}

/// The values of a page's fields of that name.
pub(super) fn fields(page: &str, name: &str) -> Vec<String> {
    let html = Html::parse_document(page);
    let all = Selector::parse("input, textarea, button").expect("written here");
    html.select(&all)
        .filter(|it| it.value().attr("name") == Some(name))
        .map(|it| match it.value().name() {
            "textarea" => it.text().collect::<String>().trim_start_matches('\n').to_owned(),
            _ => it.value().attr("value").unwrap_or_default().to_owned(),
        })
        .collect()
}

pub(super) fn field(page: &str, name: &str) -> String {
    fields(page, name).into_iter().next().unwrap_or_else(|| panic!("no field {name} in\n{page}"))
}

/// Where the page's forms lead.
pub(super) fn forms(page: &str) -> Vec<String> {
    let html = Html::parse_document(page);
    let all = Selector::parse("main form").expect("written here");
    html.select(&all).filter_map(|it| it.value().attr("action").map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_post_is_shown_with_what_it_says_counts_and_can_become() {
    let desk = desk().await;
    put(&desk, "p1", held()).await;
    let page = desk.get("/posts/p1").await;
    assert_eq!(page.status, 200);
    for words in ["Bridge opens", LINK, "Waits for approval", "As it will look", "news.az", "Two banks", "Held"] {
        assert!(page.body.contains(words), "{words} is not in\n{}", page.body);
    }
    // The link counts 23 as on X, the title 12, a line end 1.
    assert!(page.body.contains("36 of 280"), "{}", page.body);
    assert_eq!(field(&page.body, "text"), format!("Bridge opens\n{LINK}"));
    assert_eq!(
        forms(&page.body),
        ["approve", "send", "skip", "schedule", "edit"].map(|act| format!("/posts/p1/{act}")),
        "held"
    );
    assert_eq!(desk.get("/posts/none").await.status, 404);
    // Without what acts work with the page only shows.
    desk.works.send_replace(None);
    let page = desk.get("/posts/p1").await.body;
    assert!(forms(&page).is_empty() && page.contains("Nothing can be done here now"), "{page}");
    for act in
        ["approve", "send", "take-back", "schedule", "edit", "measure", "hold", "skip", "retry", "confirm", "retract"]
    {
        assert_eq!(send(&desk, &format!("/posts/p1/{act}"), &[]).await.status, 503, "{act}");
    }
    for path in ["/new", "/new/preview", "/new/measure"] {
        assert_eq!(send(&desk, path, &[]).await.status, 503, "{path}");
    }
    assert_eq!(row(&desk, "p1").await.post.state, held());
}

#[tokio::test]
async fn a_timeline_posts_under_the_name_it_stands_for() {
    let desk = desk().await;
    put(&desk, "p1", held()).await;
    let now = desk.clock.now();
    let work = crate::store::job(move |conn| {
        Box::pin(async move {
            crate::store::channel::ensure(conn, "trial", "timeline", now).await?;
            let identity = crate::platform::Identity {
                id: "local".to_owned(),
                handle: "local timeline like x".to_owned(),
                ..crate::platform::Identity::default()
            };
            let text = crate::store::to_json(&identity);
            crate::store::channel::set_identity(conn, "trial", &text).await
        })
    });
    desk.store.write(work).await.expect("stored");
    let page = desk.get("/posts/p1").await.body;
    assert!(page.contains("<bdi class=\"handle\">@trial</bdi>"), "{page}");
    let draft = send(&desk, "/new/preview", &[("to", "trial"), ("text", "Hello")]).await.body;
    assert!(draft.contains("<bdi class=\"handle\">@trial</bdi>"), "{draft}");
}

#[tokio::test]
async fn hostile_words_stay_words_on_every_post() {
    let desk = desk().await;
    desk.fill().await;
    for n in 0..8 {
        let page = desk.get(&format!("/posts/p{n}")).await;
        assert_eq!(page.status, 200, "p{n}");
        let rest = page.body.replacen("<script src=\"/desk.js\" defer></script>", "", 1);
        assert!(!rest.contains("<script") && !rest.contains("javascript:"), "p{n}: {rest}");
        assert!(page.body.contains("alert(&#34;1&#34;)"), "p{n}");
        assert!(!page.body.contains(" style=") && !page.body.contains("src=\"http"), "p{n}");
    }
}

#[tokio::test]
async fn the_counter_counts_as_composing_does() {
    let desk = desk().await;
    put(&desk, "p1", held()).await;
    for (text, words, fits) in [
        ("Bridge", "6 of 280", true),
        (&*format!("Bridge {LINK}"), "30 of 280", true),
        (&*"a".repeat(280), "280 of 280", true),
        (&*"a".repeat(281), "281 of 280, 1 too many", false),
        (&*"橋".repeat(141), "282 of 280, 2 too many", false),
        ("one\r\n---\r\nthree", "2 parts, 3 + 5 of 280 each", true),
        ("", "0 of 280", false),
    ] {
        let answer = send(&desk, "/posts/p1/measure", &[("text", text)]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.body.contains(&format!(">{words}<")), "{words} is not in {}", answer.body);
        if !text.is_empty() {
            assert_eq!(!answer.body.contains("over"), fits, "{text}: {}", answer.body);
        }
        assert!(answer.body.contains("weighted characters"), "{}", answer.body);
    }
    assert!(row(&desk, "p1").await.post.text.is_none(), "counting stores nothing");
}

#[tokio::test]
async fn a_text_is_changed_and_what_does_not_fit_is_not_lost() {
    let desk = desk().await;
    put(&desk, "p1", held()).await;
    let page = desk.get("/posts/p1").await.body;
    let shown = [("base", field(&page, "base")), ("text_was", field(&page, "text_was"))];
    let with = |text: &str, what: &str| {
        let mut fields: Vec<(&str, String)> = shown.to_vec();
        fields.extend([("text", text.to_owned()), ("do", what.to_owned())]);
        fields
    };
    async fn edit(desk: &Desk, fields: Vec<(&str, String)>) -> Answer {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        send(desk, "/posts/p1/edit", &fields).await
    }
    // A text that was not touched stays the template's, whatever the browser does to its line ends.
    let same = edit(&desk, with(&field(&page, "text").replace('\n', "\r\n"), "save")).await;
    assert_eq!(led(&same), ("/posts/p1".to_owned(), "ok..Nothing was changed.".to_owned()));
    assert_eq!(row(&desk, "p1").await.post.text, None);
    // Looked at, not stored.
    let look = edit(&desk, with("Bridge closes", "look")).await;
    assert_eq!((look.status, field(&look.body, "text")), (200, "Bridge closes".to_owned()));
    assert!(look.body.contains("As it would look, not saved yet") && look.body.contains("13 of 280"), "{}", look.body);
    assert_eq!(row(&desk, "p1").await.post.text, None);
    // Too long: nothing stored, nothing lost.
    let long = "ə".repeat(281);
    let refused = edit(&desk, with(&long, "save")).await;
    assert_eq!((refused.status, field(&refused.body, "text")), (422, long));
    assert!(refused.body.contains("281 of 280, 1 too many") && refused.body.contains("Not saved"), "{}", refused.body);
    assert_eq!(row(&desk, "p1").await.post.text, None);
    // Stored, audited with who.
    let saved = edit(&desk, with("Bridge closes", "save")).await;
    assert!(led(&saved).1.starts_with("ok..Saved."), "{:?}", led(&saved));
    assert_eq!(row(&desk, "p1").await.post.text.as_deref(), Some("Bridge closes"));
    let page = desk.get("/posts/p1").await.body;
    assert!(page.contains("Edited by hand") && page.contains("Ana"), "{page}");
    // Back to the template's.
    let base = field(&page, "base");
    let back = send(&desk, "/posts/p1/edit", &[("base", &base), ("text", "x"), ("do", "reset")]).await;
    assert!(led(&back).1.starts_with("ok..Saved."));
    assert_eq!(row(&desk, "p1").await.post.text, None);
    let page = desk.get("/posts/p1").await.body;
    assert!(page.contains("before: Bridge closes"), "the log keeps what stood there: {page}");
}

#[tokio::test]
async fn two_people_at_one_post_see_both_texts_and_choose() {
    let desk = desk().await;
    put(&desk, "p1", held()).await;
    let mine = desk.get("/posts/p1").await.body;
    let hand = Hand { name: "Leyla".to_owned(), now: desk.clock.now() };
    actions::edit(&desk.store, &hand, None, "p1", "Leyla’s words").await.expect("stored");
    let base = field(&mine, "base");
    let form = [("base", &*base), ("text", "My words"), ("text_was", "0"), ("picture", "none"), ("do", "save")];
    let clash = send(&desk, "/posts/p1/edit", &form).await;
    assert_eq!(clash.status, 409);
    for words in ["Leyla’s words", "My words", "<bdi>Leyla</bdi>", "Edited by hand", "Keep theirs", "Save this"] {
        assert!(clash.body.contains(words), "{words} is not in\n{}", clash.body);
    }
    assert_eq!(row(&desk, "p1").await.post.text.as_deref(), Some("Leyla’s words"), "nothing was written over");
    // The choice is one press away, with all that was filled in.
    let (base, was) = (field(&clash.body, "base"), field(&clash.body, "text_was"));
    let picture = field(&clash.body, "picture");
    let form = [("base", &*base), ("text_was", &*was), ("text", "Ours"), ("picture", &*picture), ("do", "save")];
    assert!(led(&send(&desk, "/posts/p1/edit", &form).await).1.starts_with("ok..Saved."));
    let row = row(&desk, "p1").await;
    assert_eq!((row.post.text.as_deref(), row.post.picture.which), (Some("Ours"), Some(Which::None)));
    // What Bugle itself does to a post is nobody's words.
    let page = desk.get("/posts/p1").await.body;
    actions::approve(&desk.store, &hand, "p1", None).await.expect("approved");
    let form = [("base", &*field(&page, "base")), ("text_was", "0"), ("text", "Ours, later"), ("do", "save")];
    assert!(led(&send(&desk, "/posts/p1/edit", &form).await).1.starts_with("ok..Saved."));
}

#[tokio::test]
async fn the_chosen_picture_and_its_words_are_what_is_sent() {
    let desk = desk().await;
    put(&desk, "p1", held()).await;
    let works = works(&desk);
    let place = works.place(works.channel("trial").expect("there"));
    let sent = async |desk: &Desk| {
        let row = row(desk, "p1").await;
        let sight = actions::sight(&desk.store, &place, &row, desk.clock.now()).await.expect("readable");
        let payload = sight.payload().expect("it can be composed").clone();
        let body: serde_json::Value = serde_json::from_str(&payload.steps[0].body).expect("JSON");
        (body["picture"].clone(), body["card"]["image"].clone())
    };
    assert_eq!(sent(&desk).await.0, serde_json::Value::Null, "the channel carries the link's card");
    let choose = async |desk: &Desk, picture: &str, alt: &str| {
        let page = desk.get("/posts/p1").await.body;
        let values = ["base", "text", "text_was", "alt_was"].map(|name| (name, field(&page, name)));
        let mut fields: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        fields.extend([("picture", picture), ("alt", alt), ("do", "save")]);
        send(desk, "/posts/p1/edit", &fields).await
    };
    let second = "https://news.example/2.jpg";
    assert!(led(&choose(&desk, second, "A bridge at dusk").await).1.starts_with("ok..Saved."));
    let (picture, _) = sent(&desk).await;
    assert_eq!(picture["origin"]["urls"], serde_json::json!([second]));
    assert_eq!(picture["alt"], "A bridge at dusk");
    let page = desk.get("/posts/p1").await.body;
    assert!(page.contains("/posts/p1/pictures/0") && page.contains("A bridge at dusk"), "{page}");
    assert!(!page.contains("class=\"linkcard\""), "the picture stands where the card would be");
    assert!(led(&choose(&desk, "headline", "A bridge at dusk").await).1.starts_with("ok..Saved."));
    assert_eq!(sent(&desk).await.0["origin"]["title"], "Bridge opens");
    assert!(led(&choose(&desk, "none", "").await).1.starts_with("ok..Saved."));
    assert_eq!(sent(&desk).await, (serde_json::Value::Null, serde_json::Value::Null), "not the card's picture either");
    // Nobody makes us fetch what is not the article's.
    let before = row(&desk, "p1").await;
    let refused = choose(&desk, "http://127.0.0.1:1/secret.jpg", "").await;
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("own pictures"), "{}", refused.body);
    assert_eq!(row(&desk, "p1").await, before);
    assert_eq!(choose(&desk, second, &"a".repeat(2_000)).await.status, 422, "the alternative text has a limit");
}

#[tokio::test]
async fn what_is_sent_at_once_waits_ten_seconds_and_can_be_taken_back() {
    let desk = desk().await;
    put(&desk, "p1", held()).await;
    let page = desk.get("/posts/p1").await.body;
    let seen = field(&page, "seen");
    let (to, said) = led(&send(&desk, "/posts/p1/send", &[("seen", &seen), ("back", "/posts?state=held")]).await);
    assert_eq!((to.as_str(), said.as_str()), ("/posts?state=held", "ok.p1.Goes out on trial in 10 seconds."));
    let sent = row(&desk, "p1").await;
    assert_eq!(sent.post.due, desk.clock.now() + SignedDuration::from_secs(10));
    assert_eq!(sent.post.urgency, Urgency::Breaking, "ahead of the queue");
    let PostState::Scheduled { approval, .. } = &sent.post.state else { panic!("{:?}", sent.post.state) };
    assert_eq!(approval.payload.as_deref(), Some(seen.as_str()), "what was seen is what may go");
    assert_eq!(approval.by, Actor::Person("Ana".to_owned()));
    // Nothing of it is in this process: it is all in the store.
    let page = desk.get("/posts/p1").await.body;
    assert_eq!(forms(&page), ["/posts/p1/take-back"]);
    assert!(page.contains("data-countdown datetime=\"2026-03-12T10:00:10Z\""), "{page}");
    assert!(led(&send(&desk, "/posts/p1/take-back", &[]).await).1.starts_with("ok..Taken back"));
    let back = row(&desk, "p1").await;
    assert_eq!((&back.post.state, back.post.urgency, &back.undo), (&held(), Urgency::Normal, &None));
    assert_eq!(back.post.expires, sent.post.created.checked_add(SignedDuration::from_hours(12)).ok());
    // Too late.
    assert!(led(&send(&desk, "/posts/p1/take-back", &[]).await).1.starts_with("bad..Not done: too late"));
    // Held again and approved again is another decision: nothing is taken back by the old one.
    send(&desk, "/posts/p1/send", &[]).await;
    desk.clock.advance(SignedDuration::from_secs(2));
    send(&desk, "/posts/p1/hold", &[]).await;
    send(&desk, "/posts/p1/approve", &[]).await;
    assert!(led(&send(&desk, "/posts/p1/take-back", &[]).await).1.starts_with("bad.."));
}

#[tokio::test]
async fn a_post_is_scheduled_by_the_newsrooms_clock() {
    let desk = desk().await;
    put(&desk, "p1", held()).await;
    let (_, said) = led(&send(&desk, "/posts/p1/schedule", &[("at", "2026-03-14T08:00")]).await);
    assert!(said.starts_with("ok..Scheduled"), "{said}");
    let due = row(&desk, "p1").await;
    assert_eq!(due.post.due.to_string(), "2026-03-14T04:00:00Z");
    assert!(due.post.expires.is_some_and(|expires| expires > due.post.due), "a person who names a time wants it then");
    for (at, why) in
        [("2026-03-12T13:59", "that time is over"), ("tomorrow", "Expected a day and a time"), ("", "Expected")]
    {
        let (_, said) = led(&send(&desk, "/posts/p1/schedule", &[("at", at)]).await);
        assert!(said.starts_with("bad..") && said.contains(why), "{at}: {said}");
    }
    assert_eq!(row(&desk, "p1").await, due);
}

#[tokio::test]
async fn a_person_decides_about_what_they_see() {
    let desk = desk().await;
    put(&desk, "p1", held()).await;
    let (_, said) = led(&send(&desk, "/posts/p1/skip", &[("state", "scheduled")]).await);
    assert_eq!(said, "bad..Not done: the post was scheduled when this page was made, and is held now.");
    assert_eq!(row(&desk, "p1").await.post.state, held());
    // A one-press approval from a list binds to what would go out now.
    assert!(led(&send(&desk, "/posts/p1/approve", &[("back", "/")]).await).1.starts_with("ok..Approved"));
    let approved = row(&desk, "p1").await;
    let PostState::Scheduled { approval: Approval { payload, .. }, .. } = &approved.post.state else { panic!() };
    assert!(payload.is_some());
    assert!(led(&send(&desk, "/posts/p1/hold", &[]).await).1.starts_with("ok..Held"));
    assert!(led(&send(&desk, "/posts/p1/skip", &[]).await).1.starts_with("ok..Dropped"));
    let PostState::Skipped { why, .. } = row(&desk, "p1").await.post.state else { panic!() };
    assert_eq!(why, SkipReason::Person { by: "Ana".to_owned() });
    // What cannot be is said in words.
    for act in ["approve", "hold", "retry", "confirm", "retract", "send", "take-back"] {
        let (_, said) = led(&send(&desk, &format!("/posts/p1/{act}"), &[]).await);
        assert!(said.starts_with("bad..Not done: "), "{act}: {said}");
    }
    assert!(led(&send(&desk, "/posts/none/skip", &[]).await).1.starts_with("bad..Not done: there is no such post"));
}

#[tokio::test]
async fn a_post_in_doubt_is_settled_by_a_person_with_the_evidence_beside() {
    let desk = desk().await;
    let approval = Approval { by: Actor::Route, at: desk.clock.now(), payload: None };
    let doubt = PostState::Held {
        since: desk.clock.now(),
        why: HoldReason::Doubt { evidence: "three look-ups without an answer".to_owned() },
    };
    let uncertain = PostState::Uncertain { since: desk.clock.now(), approval };
    for (id, state) in [
        ("there", &doubt),
        ("again", &doubt),
        ("drop", &doubt),
        ("sure", &uncertain),
        ("gone", &uncertain),
        ("anew", &uncertain),
    ] {
        put(&desk, id, state.clone()).await;
    }
    let page = desk.get("/posts/there").await.body;
    assert_eq!(forms(&page), ["confirm", "retry", "skip"].map(|act| format!("/posts/there/{act}")));
    assert!(page.contains("Three look-ups without an answer") && page.contains("Is it there?"), "{page}");
    let bad = led(&send(&desk, "/posts/there/confirm", &[("url", "javascript:alert(1)")]).await).1;
    assert!(bad.starts_with("bad..Not done. Expected an address"), "{bad}");
    for id in ["there", "sure"] {
        let url = "https://x.com/i/status/7";
        let said = led(&send(&desk, &format!("/posts/{id}/confirm"), &[("url", url)]).await).1;
        assert_eq!(said, "ok..Noted: it is out.", "{id}");
        let PostState::Published { receipt } = row(&desk, id).await.post.state else { panic!("{id}") };
        assert_eq!((receipt.url.as_deref(), receipt.how), (Some(url), Known::Confirmed), "{id}");
    }
    for id in ["again", "anew"] {
        assert!(
            led(&send(&desk, &format!("/posts/{id}/retry"), &[]).await).1.starts_with("ok..It is sent again"),
            "{id}"
        );
        assert_eq!(row(&desk, id).await.post.state.word(), "scheduled", "{id}");
    }
    for id in ["drop", "gone"] {
        assert!(led(&send(&desk, &format!("/posts/{id}/skip"), &[]).await).1.starts_with("ok..Dropped"), "{id}");
        assert_eq!(row(&desk, id).await.post.state.word(), "skipped", "{id}");
    }
}

#[tokio::test]
async fn a_changed_article_is_shown_beside_what_it_was() {
    let desk = desk().await;
    put(&desk, "p1", held()).await;
    assert!(!desk.get("/posts/p1").await.body.contains("The article changed"));
    let now = desk.clock.now();
    let next = Entry { title: "Bridge closes".to_owned(), ..story("").entry };
    let work =
        job(move |conn| Box::pin(async move { article::new_version(conn, "story", &next, "h2", "t2", now).await }));
    desk.store.write(work).await.expect("stored");
    let page = desk.get("/posts/p1").await.body;
    assert!(page.contains("Bridge <del>opens</del>") && page.contains("Bridge <ins>closes</ins>"), "{page}");
}
