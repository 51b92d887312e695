//! LinkedIn from a feed to a page or a profile, against its fake: the card and its picture, lost answers, who has to
//! approve, changes, versions that end, and how a person opens a page.

use std::sync::Arc;
use std::time::Duration;

use bugle::cli::opened::Memory;
use bugle::clock::SystemClock;
use bugle::http::{Http, Settings};
use bugle::model::grant::{Credential, Grant};
use bugle::platform::consent::{Back, Proof, RenewError, Way};
use bugle::platform::{Account, Context, Keep as _, NoMeter, NoStudio, by_id};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::fakes::bluesky::FakeBluesky;
use crate::fakes::fault::Fault;
use crate::fakes::feed::FakeFeed;
use crate::fakes::http::{Reply, Request};
use crate::fakes::linkedin::{self, APP, FakeLinkedIn};
use crate::fakes::mastodon::FakeMastodon;
use crate::harness::{Newsroom, Press, fetched, link, saw, until};
use crate::ledger::Event;
use crate::wire::Ask;

const ACCEPTED: (&str, &str) = ("accept_terms", "true");

/// A channel on the page 77.
fn page(newsroom: Newsroom, fake: &FakeLinkedIn, more: &[(&str, &str)]) -> Newsroom {
    let token = fake.page(77);
    channel(newsroom, fake, &token, &[&[("organization", "77")], more].concat())
}

/// A channel on a person's own profile.
fn profile(newsroom: Newsroom, fake: &FakeLinkedIn, more: &[(&str, &str)]) -> Newsroom {
    let token = fake.profile("anna");
    channel(newsroom, fake, &token, more)
}

fn channel(newsroom: Newsroom, fake: &FakeLinkedIn, token: &str, more: &[(&str, &str)]) -> Newsroom {
    let mut newsroom = newsroom.allowing(&fake.host());
    let mut keys = vec![("token", newsroom.secret("LINKEDIN_TOKEN", token))];
    keys.extend(more.iter().map(|(key, value)| (*key, (*value).to_owned())));
    newsroom.channel("linkedin", "linkedin", Some(&fake.url()), &keys)
}

fn of(fake: &FakeLinkedIn, endpoint: &str) -> Vec<Request> {
    fake.seen().into_iter().filter(|seen| seen.endpoint == endpoint).map(|seen| seen.request).collect()
}

fn body(fake: &FakeLinkedIn) -> Value {
    of(fake, linkedin::CREATE).last().and_then(Request::json).unwrap_or_default()
}

/// A feed with one story, its picture at that path.
fn story(web: &FakeFeed, title: &str, picture: &str) {
    let (url, at) = (link("bridge"), web.at(picture));
    web.feed(
        "/rss",
        &format!(
            "<rss version=\"2.0\"><channel><title>N</title><item><title>{title}</title><link>{url}</link>\
             <guid isPermaLink=\"false\">bridge</guid><description>It took four years.</description>\
             <enclosure url=\"{at}\" type=\"image/png\" length=\"1\"/></item></channel></rss>"
        ),
    );
}

const EMPTY: &str = "<rss version=\"2.0\"><channel><title>N</title></channel></rss>";

/// Publishes a story with a picture on a channel that is made here; gives the channel's history.
async fn with_picture(
    fake: &FakeLinkedIn,
    web: &FakeFeed,
    picture: &str,
    make: impl Fn(Newsroom) -> Newsroom,
) -> String {
    web.feed("/rss", EMPTY);
    // Slow enough that a picture is made and sent within its time also in a build without optimisation.
    let newsroom = make(Newsroom::new("linkedin").scale(0.3).source("news", &web.at("/rss"), "from now"));
    let bugle = newsroom.start().await;
    fetched(web, "/rss").await;
    story(web, "Bridge (new) opens: #1 @ 50 %", picture);
    let books = newsroom.books().await;
    books.wait_for("linkedin", "published", 1).await;
    assert!(bugle.term().await.success());
    saw(fake.ledger(), &[link("bridge")]);
    books.history("linkedin").await
}

#[tokio::test]
async fn a_story_goes_from_a_feed_to_a_page_with_its_card() {
    let (fake, web) = (FakeLinkedIn::start(), FakeFeed::start());
    web.picture("/p.png", 1200, 630);
    let history = with_picture(&fake, &web, "/p.png", |newsroom| page(newsroom, &fake, &[ACCEPTED])).await;
    assert!(!history.contains("without its picture"), "{history}");
    let posts = fake.ledger().posts();
    assert_eq!(posts[0].account, "urn:li:organization:77");
    // Nothing is cut off: every reserved character of the text is escaped.
    assert_eq!(posts[0].text, format!("Bridge (new) opens: #1 @ 50 %\n{}", link("bridge")));
    let sent = body(&fake);
    let article = &sent["content"]["article"];
    assert_eq!(
        (article["source"].as_str(), article["title"].as_str()),
        (Some(link("bridge").as_str()), Some("Bridge (new) opens: #1 @ 50 %"))
    );
    assert_eq!(article["description"], "It took four years.");
    assert!(article["thumbnail"].as_str().is_some_and(|urn| urn.starts_with("urn:li:image:")), "{sent:#}");
    assert_eq!((fake.count(linkedin::INITIALIZE), fake.count(linkedin::PUT), fake.count(linkedin::IMAGE)), (1, 1, 2));
    let put = &of(&fake, linkedin::PUT)[0];
    assert!(
        put.bearer().is_some() && image::load_from_memory(&put.body).is_ok(),
        "the bytes of a picture, with the token"
    );
    for request in of(&fake, linkedin::CREATE) {
        assert_eq!(request.header("linkedin-version"), Some("202608"));
    }
}

#[tokio::test]
async fn a_thumbnail_that_cannot_be_had_or_used_is_left_out() {
    for fault in ["missing", "spoiled", "refused"] {
        let (fake, web) = (FakeLinkedIn::start(), FakeFeed::start());
        web.picture("/p.png", 1200, 630);
        match fault {
            "spoiled" => fake.rules().spoils = true,
            "refused" => fake.fail_always(linkedin::PUT, Fault::status(400)),
            _ => {}
        }
        let at = if fault == "missing" { "/none.png" } else { "/p.png" };
        let history = with_picture(&fake, &web, at, |newsroom| page(newsroom, &fake, &[ACCEPTED])).await;
        assert!(history.contains("without its picture"), "{fault}: {history}");
        let article = body(&fake)["content"]["article"].clone();
        assert_eq!((article["title"].is_string(), &article["thumbnail"]), (true, &Value::Null), "{fault}: {article:#}");
    }
}

#[tokio::test]
async fn a_photo_goes_out_with_its_words_also_from_a_profile_that_may_not_ask_for_it() {
    let (fake, web) = (FakeLinkedIn::start(), FakeFeed::start());
    web.picture("/p.png", 1600, 900);
    fake.rules().busy = 0;
    fake.fail(linkedin::INITIALIZE, Fault::ResetAfter);
    let history = with_picture(&fake, &web, "/p.png", |newsroom| {
        profile(newsroom, &fake, &[ACCEPTED, ("visibility", "\"connections\"")]).with("linkedin", "picture = \"photo\"")
    })
    .await;
    assert!(!history.contains("without its picture"), "{history}");
    assert_eq!(fake.ledger().posts()[0].account, "urn:li:person:anna");
    let sent = body(&fake);
    assert_eq!(sent["visibility"], "CONNECTIONS");
    assert_eq!(sent["content"]["media"]["altText"], "Bridge (new) opens: #1 @ 50 %", "{sent:#}");
    assert!(sent["content"].get("article").is_none());
    assert_eq!((fake.count(linkedin::INITIALIZE), fake.count(linkedin::PUT)), (2, 1), "a lost upload is made again");
}

#[tokio::test]
async fn a_picture_that_is_not_ready_is_waited_for_when_the_post_is_made() {
    let (fake, web) = (FakeLinkedIn::start(), FakeFeed::start());
    web.picture("/p.png", 1600, 900);
    let waiting = json!({"status": 400, "code": "MEDIA_ASSET_WAITING_UPLOAD", "message": "not yet"});
    fake.fail_times(linkedin::CREATE, 2, Fault::Instead(Reply::json(400, &waiting)));
    let history = with_picture(&fake, &web, "/p.png", |newsroom| page(newsroom, &fake, &[ACCEPTED])).await;
    assert!(!history.contains("without its picture"), "{history}");
    assert!(body(&fake)["content"]["article"]["thumbnail"].is_string());
    assert_eq!(fake.count(linkedin::CREATE), 3);
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_and_the_post_is_out_once() {
    let fake = FakeLinkedIn::start();
    fake.rules().duplicate_guard = false;
    // Two minutes at scale 0.02: the first look does not see it.
    fake.rules().lag = Duration::from_millis(2400);
    fake.fail(linkedin::CREATE, Fault::ResetAfter);
    let press = Press::with(&["one"]);
    let newsroom = page(Newsroom::new("lost").source("news", &press.url(), "last 1"), &fake, &[ACCEPTED]);
    let bugle = newsroom.start().await;
    newsroom.books().await.wait_for("linkedin", "published", 1).await;
    assert!(bugle.term().await.success());
    saw(fake.ledger(), &[link("one")]);
    // The second look finds it on the first page of the list, and reads on until the window is read whole.
    assert_eq!((fake.count(linkedin::CREATE), fake.count(linkedin::LOOK)), (1, 3));
}

#[tokio::test]
async fn an_answer_without_the_header_that_names_the_post_is_looked_up_too() {
    let fake = FakeLinkedIn::start();
    fake.rules().duplicate_guard = false;
    fake.fail(linkedin::CREATE, Fault::After(Reply::empty(201)));
    let press = Press::with(&["one"]);
    let newsroom = page(Newsroom::new("header").source("news", &press.url(), "last 1"), &fake, &[ACCEPTED]);
    let bugle = newsroom.start().await;
    newsroom.books().await.wait_for("linkedin", "published", 1).await;
    assert!(bugle.term().await.success());
    saw(fake.ledger(), &[link("one")]);
    assert_eq!(fake.count(linkedin::CREATE), 1);
}

#[tokio::test]
async fn a_duplicate_that_names_our_own_post_is_the_proof_of_it() {
    let fake = FakeLinkedIn::start();
    // The list never shows it: after two looks it is sent again, and LinkedIn names the first.
    fake.rules().lag = Duration::from_secs(3600);
    fake.fail(linkedin::CREATE, Fault::ResetAfter);
    let press = Press::with(&["one"]);
    let newsroom = page(Newsroom::new("named").source("news", &press.url(), "last 1"), &fake, &[ACCEPTED]);
    let bugle = newsroom.start().await;
    newsroom.books().await.wait_for("linkedin", "published", 1).await;
    assert!(bugle.term().await.success());
    saw(fake.ledger(), &[link("one")]);
    assert_eq!((fake.count(linkedin::CREATE), fake.count(linkedin::READ)), (2, 1));
    let bodies: Vec<Vec<u8>> = of(&fake, linkedin::CREATE).into_iter().map(|request| request.body).collect();
    assert_eq!(bodies[0], bodies[1], "the repeat is the same to the byte");
}

#[tokio::test]
async fn a_duplicate_that_names_no_post_that_is_there_waits_for_a_person() {
    let fake = FakeLinkedIn::start();
    let ghost = json!({"status": 422, "message": "Content is a duplicate of urn:li:share:1", "code": "DUPLICATE_POST"});
    fake.fail_always(linkedin::CREATE, Fault::Instead(Reply::json(422, &ghost)));
    let press = Press::with(&["one"]);
    let newsroom = page(Newsroom::new("ghost").source("news", &press.url(), "last 1"), &fake, &[ACCEPTED]);
    let bugle = newsroom.start().await;
    let rows = newsroom.books().await.wait_for("linkedin", "held", 1).await;
    assert!(rows[0].reason.contains("says it was posted already"), "{rows:#?}");
    assert!(bugle.term().await.success());
    assert_eq!(fake.count(linkedin::CREATE), 1);
}

#[tokio::test]
async fn a_lost_answer_on_a_profile_waits_for_a_person() {
    let fake = FakeLinkedIn::start();
    fake.fail(linkedin::CREATE, Fault::ResetAfter);
    let press = Press::with(&["one"]);
    let newsroom = profile(Newsroom::new("blind").source("news", &press.url(), "last 1"), &fake, &[ACCEPTED]);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    let rows = books.wait_for("linkedin", "held", 1).await;
    assert!(rows[0].reason.starts_with("in doubt"), "{rows:#?}");
    assert_eq!(books.notices().await.len(), 1);
    let said = newsroom.command(&["approve", &rows[0].id]).await;
    assert!(!said.status.success(), "a plain approval is refused: {said:?}");
    let said = newsroom.command(&["confirm", &rows[0].id]).await;
    assert!(said.status.success(), "{said:?}");
    assert!(bugle.term().await.success());
    saw(fake.ledger(), &[link("one")]);
    assert_eq!((fake.count(linkedin::CREATE), fake.count(linkedin::LOOK)), (1, 0));
}

fn text(said: &std::process::Output) -> String {
    String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr)
}

#[tokio::test]
async fn without_accepted_terms_a_person_approves_each_post_and_is_told_why() {
    let fake = FakeLinkedIn::start();
    let press = Press::with(&["one"]);
    let newsroom = page(Newsroom::new("terms").source("news", &press.url(), "last 1"), &fake, &[]);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    let rows = books.wait_for("linkedin", "held", 1).await;
    assert!(rows[0].reason.contains("waits for approval: LinkedIn's API terms"), "{rows:#?}");
    press.read().await;
    assert_eq!(fake.count(linkedin::CREATE), 0);
    let (one, feed) = (link("one"), press.url());
    // A table clips it.
    assert!(text(&newsroom.command(&["queue"]).await).contains("waits for approval: LinkedIn's API terms"));
    for command in [&["queue", "--json"][..], &["why", &one], &["check"], &["preview", &feed]] {
        let said = text(&newsroom.command(command).await);
        assert!(said.contains("accept_terms = true"), "{command:?}: {said}");
    }
    let desk = bugle.page(&format!("/articles/{}", rows[0].article)).await;
    assert!(
        desk.contains("LinkedIn&#x27;s API terms")
            || desk.contains("LinkedIn&#39;s API terms")
            || desk.contains("LinkedIn's API terms"),
        "{desk}"
    );
    // What a person made needs nobody else.
    let said = newsroom.command(&["post", "--to", "linkedin", "--text", "By hand"]).await;
    assert!(said.status.success(), "{said:?}");
    fake.ledger().wait_for(1).await;
    let said = newsroom.command(&["approve", &rows[0].id]).await;
    assert!(said.status.success(), "{said:?}");
    books.wait_for("linkedin", "published", 2).await;
    assert!(bugle.term().await.success());
    saw(fake.ledger(), &[String::new(), link("one")]);
}

#[tokio::test]
async fn terms_that_are_not_accepted_any_more_hold_what_was_planned_before() {
    let fake = FakeLinkedIn::start();
    fake.down();
    let press = Press::with(&["one"]);
    let newsroom = Newsroom::new("taken-back").source("news", &press.url(), "last 1");
    let mut newsroom = page(newsroom, &fake, &[ACCEPTED]);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    books.wait_for("linkedin", "scheduled", 1).await;
    assert!(bugle.term().await.success());
    newsroom.set("linkedin", "accept_terms = false");
    fake.up();
    let bugle = newsroom.start().await;
    let rows = books.wait_for("linkedin", "held", 1).await;
    assert!(rows[0].reason.contains("waits for approval: LinkedIn's API terms"), "{rows:#?}");
    assert!(bugle.term().await.success());
    assert_eq!(fake.count(linkedin::CREATE), 0);
}

#[tokio::test]
async fn the_text_of_a_post_is_changed_and_the_post_taken_down() {
    let fake = FakeLinkedIn::start();
    let press = Press::with(&["one"]);
    let newsroom = page(Newsroom::new("changes").source("news", &press.url(), "last 1"), &fake, &[ACCEPTED]);
    let bugle = newsroom.start().await;
    let rows = newsroom.books().await.wait_for("linkedin", "published", 1).await;
    // The first answer is lost: the same change once more.
    fake.fail(linkedin::EDIT, Fault::ResetAfter);
    let words = format!("Story one (corrected)\n{}", link("one"));
    let said = newsroom.command(&["edit", &rows[0].id, "--text", &words]).await;
    assert!(said.status.success(), "{said:?}");
    let patch = of(&fake, linkedin::EDIT)[0].json().unwrap_or_default();
    assert_eq!(patch["patch"]["$set"], json!({"commentary": format!("Story one \\(corrected\\)\n{}", link("one"))}));
    assert_eq!(fake.ledger().posts()[0].text, words);
    fake.fail(linkedin::DELETE, Fault::ResetAfter);
    let said = newsroom.command(&["retract", &rows[0].id]).await;
    assert!(said.status.success(), "{said:?}");
    assert!(bugle.term().await.success());
    assert!(fake.ledger().posts().is_empty());
    let edits = fake.ledger().entries().into_iter().filter(|it| matches!(it.event, Event::Edited { .. })).count();
    assert_eq!((edits, fake.count(linkedin::EDIT), fake.count(linkedin::DELETE)), (1, 2, 2));
}

#[tokio::test]
async fn a_version_that_ended_blocks_its_channel_with_words_and_is_warned_of() {
    let fake = FakeLinkedIn::start();
    let press = Press::with(&["one"]);
    let old = ("api_version", "\"202509\"");
    let newsroom = page(Newsroom::new("version").source("news", &press.url(), "last 1"), &fake, &[ACCEPTED, old]);
    let bugle = newsroom.start().await;
    let books = newsroom.books().await;
    until("the channel is blocked", async || books.block("linkedin").await.is_some()).await;
    let block = books.block("linkedin").await.unwrap_or_default();
    assert!(block.contains("API version 202509 no more: set `api_version`"), "{block}");
    // The queue is kept.
    books.wait_for("linkedin", "scheduled", 1).await;
    let said = text(&newsroom.command(&["check"]).await);
    assert!(said.contains("warning: channel.linkedin: API version 202509 ended on 2026-09-15"), "{said}");
    assert!(bugle.term().await.success());
    assert!(fake.ledger().posts().is_empty());
}

#[tokio::test]
async fn a_daily_limit_without_a_word_of_when_is_waited_out() {
    let fake = FakeLinkedIn::start();
    fake.fail(linkedin::CREATE, Fault::Instead(FakeLinkedIn::too_many()));
    let press = Press::with(&["one"]);
    let newsroom = page(Newsroom::new("limit").source("news", &press.url(), "last 1"), &fake, &[ACCEPTED]);
    let bugle = newsroom.start().await;
    newsroom.books().await.wait_for("linkedin", "published", 1).await;
    assert!(bugle.term().await.success());
    saw(fake.ledger(), &[link("one")]);
    let created: Vec<_> =
        fake.seen().into_iter().filter(|seen| seen.endpoint == linkedin::CREATE).map(|seen| seen.at).collect();
    // A minute at scale 0.02.
    assert!(created[1].duration_since(created[0]).as_millis() >= 1200, "{created:?}");
}

#[tokio::test]
async fn check_tells_what_the_platforms_ask_and_which_account_is_not_marked() {
    let (fake, mastodon, bluesky) = (FakeLinkedIn::start(), FakeMastodon::start(), FakeBluesky::start());
    let newsroom = page(Newsroom::new("rules"), &fake, &[]).mastodon(&mastodon).bluesky(&bluesky);
    newsroom.write("bugle.toml", &newsroom.config().await);
    let said = newsroom.command(&["check", "--live"]).await;
    let told = text(&said);
    assert!(said.status.success(), "{told}");
    for words in [
        "note: LinkedIn: The API terms forbid",
        "note: Mastodon: ",
        "note: Bluesky: ",
        "channel linkedin (LinkedIn): Page 77, id urn:li:organization:77",
        "the account is not marked as automated: Preferences",
        "self-label `bot`",
    ] {
        assert_eq!(told.matches(words).count(), 1, "{words}: {told}");
    }
    mastodon.rules().bot = true;
    let told = text(&newsroom.command(&["check", "--live"]).await);
    assert!(!told.contains("the account is not marked as automated"), "{told}");
}

/// What consenting takes, without a store.
struct Desk {
    account: Arc<dyn Account>,
    http: Http,
    credential: Credential,
    memory: Memory,
    clock: SystemClock,
}

impl Desk {
    fn new(fake: &FakeLinkedIn, keys: &str) -> Self {
        let keys =
            format!("server = {:?}\nclient_id = {:?}\nclient_secret = {{ env = \"S\" }}\n{keys}", fake.url(), APP.0);
        let keys = toml::de::DeTable::parse(&keys).expect("the test's own keys").into_inner();
        let account =
            by_id("linkedin").expect("it is in the list").open(keys).map_err(|e| e.to_string()).expect("good keys");
        let settings = Settings { allow_private: vec![fake.host()], ..Settings::default() };
        let http = Http::build(&settings, &[], Arc::new(SystemClock::new())).expect("a client");
        let credential = Credential(vec![("client_secret", SecretString::from(APP.1))]);
        Self { account, http, credential, memory: Memory::default(), clock: SystemClock::new() }
    }

    fn context(&self) -> Context<'_> {
        Context {
            http: &self.http,
            credential: &self.credential,
            keep: &self.memory,
            wall: &self.memory,
            studio: &NoStudio,
            clock: &self.clock,
            scale: 1.0,
            identity: None,
            meter: &NoMeter,
        }
    }

    /// A person consents; gives what may be chosen.
    async fn consent(&self, fake: &FakeLinkedIn, person: &str) -> Result<Vec<(String, String, Grant)>, String> {
        let (cx, consent) = (self.context(), self.account.consent().expect("opened by consent"));
        let redirect = url::Url::parse("https://desk.example/connect/back").expect("a constant URL");
        let way = Way { redirect, state: "5c9f0c5d3b0c4e6f8a1b".to_owned() };
        let asked = consent.ask(&cx, &way).await.map_err(|e| e.to_string())?;
        let code = SecretString::from(fake.consent(&asked.url, person));
        let back = Back { code, proof: Proof::default() };
        let choices = consent.exchange(&cx, &way, &back).await.map_err(|e| e.to_string())?;
        let again = consent.exchange(&cx, &way, &back).await;
        assert!(again.is_err(), "a code works once");
        Ok(choices.into_iter().map(|choice| (choice.id, choice.name, choice.grant)).collect())
    }
}

#[tokio::test]
async fn a_person_chooses_among_the_pages_they_may_post_for() {
    let fake = FakeLinkedIn::start();
    fake.role("anna", 1, "ADMINISTRATOR");
    fake.role("anna", 2, "CONTENT_ADMIN");
    fake.role("anna", 3, "ANALYST");
    fake.role("anna", 1, "DIRECT_SPONSORED_CONTENT_POSTER");
    fake.role("berta", 4, "ADMINISTRATOR");
    let desk = Desk::new(&fake, "organization = \"choose\"");
    let choices = desk.consent(&fake, "anna").await.expect("two pages");
    let named: Vec<_> = choices.iter().map(|(id, name, _)| (id.as_str(), name.as_str())).collect();
    assert_eq!(named, [("urn:li:organization:1", "Page 1"), ("urn:li:organization:2", "Page 2")]);
    let (_, _, grant) = &choices[1];
    assert_eq!(grant.scope, "w_organization_social r_organization_social rw_organization_admin");
    let days = grant.expires.zip(grant.issued).map(|(end, begin)| end.duration_since(begin).as_hours() / 24);
    assert_eq!((days, grant.refresh.is_some()), (Some(60), false));
    // Before one is chosen nobody knows whom it posts as.
    let said = desk.account.whoami(&desk.context()).await.unwrap_err();
    assert!(said.to_string().contains("no token"), "{said}");
    desk.memory.put(Grant::WORD, &grant.written()).await.expect("memory keeps it");
    let identity = desk.account.whoami(&desk.context()).await.expect("the page introduces itself");
    assert_eq!((identity.id.as_str(), identity.handle.as_str()), ("urn:li:organization:2", "Page 2"));

    let fixed = Desk::new(&fake, "organization = 2");
    assert_eq!(fixed.consent(&fake, "anna").await.expect("that page").len(), 1);
    let said = fixed.consent(&fake, "berta").await.unwrap_err();
    assert!(said.contains("may not post for the page 2"), "{said}");
    let consent = desk.account.consent().expect("opened by consent");
    assert!(matches!(consent.renew(&desk.context(), grant).await, Err(RenewError::Never)));
}

#[tokio::test]
async fn a_profile_is_opened_and_a_partners_token_renews_itself() {
    let fake = FakeLinkedIn::start();
    fake.rules().partner = true;
    let desk = Desk::new(&fake, "");
    let choices = desk.consent(&fake, "anna").await.expect("herself");
    let (id, name, grant) = &choices[0];
    assert_eq!((id.as_str(), name.as_str(), choices.len()), ("urn:li:person:anna", "The anna", 1));
    desk.memory.put(Grant::WORD, &grant.written()).await.expect("memory keeps it");
    assert_eq!(desk.account.whoami(&desk.context()).await.expect("it works").id, "urn:li:person:anna");
    let consent = desk.account.consent().expect("opened by consent");
    let renewed = consent.renew(&desk.context(), grant).await.expect("a new pair");
    assert_ne!(renewed.access.expose_secret(), grant.access.expose_secret());
    assert_eq!(renewed.own, grant.own, "it still posts as the same member");
    fake.fail(linkedin::TOKEN, Fault::ResetAfter);
    assert!(matches!(consent.renew(&desk.context(), grant).await, Err(RenewError::Lost(_))));
    let spent = Grant { refresh: Some(SecretString::from("unknown")), ..grant.clone() };
    assert!(matches!(consent.renew(&desk.context(), &spent).await, Err(RenewError::Spent(_))));
}

#[tokio::test]
async fn the_fake_is_as_strict_as_the_pages_say() {
    let fake = FakeLinkedIn::start();
    let token = fake.page(7);
    let good = json!({
        "author": "urn:li:organization:7", "commentary": "Hello", "visibility": "PUBLIC", "lifecycleState": "PUBLISHED",
        "distribution": {"feedDistribution": "MAIN_FEED"}, "isReshareDisabledByAuthor": false,
    });
    let post = |body: &Value| Ask::post(format!("{}/rest/posts", fake.url()), body).bearer(&token);
    let versioned = |ask: Ask| ask.header("LinkedIn-Version", "202608").header("X-Restli-Protocol-Version", "2.0.0");
    assert_eq!(post(&good).send().await.unwrap().status, 400, "no version");
    let dead = post(&good).header("LinkedIn-Version", "202501").header("X-Restli-Protocol-Version", "2.0.0");
    assert_eq!(dead.send().await.unwrap().status, 426);
    let with = |key: &str, value: Value| {
        let mut body = good.clone();
        body[key] = value;
        body
    };
    for (body, status) in [
        (with("text", json!("x")), 422),
        (with("author", json!("urn:li:organization:8")), 403),
        (with("commentary", json!("")), 422),
        (with("commentary", json!("a".repeat(3001))), 400),
        (with("content", json!({"article": {"source": "https://e.org"}})), 400),
        (with("content", json!({"media": {"id": "urn:li:image:none"}})), 400),
    ] {
        assert_eq!(versioned(post(&body)).send().await.unwrap().status, status, "{body:#}");
    }
    let made = versioned(post(&good)).send().await.unwrap();
    assert_eq!((made.status, made.body.len()), (201, 0));
    let urn = made.header("x-restli-id").expect("the id is in a header").to_owned();
    let again = versioned(post(&good)).send().await.unwrap();
    assert_eq!(again.status, 422);
    assert!(again.text().contains(&urn), "{}", again.text());
    let other = Ask::post(format!("{}/rest/posts", fake.url()), &good).bearer("other");
    assert_eq!(versioned(other).send().await.unwrap().status, 401);
}
