//! The accounts of Facebook, Instagram and Threads against their fakes without the engine between: consent from the
//! dialog to a grant, renewal, who the account is, albums, and what is read of limits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bugle::clock::{FakeClock, SharedClock};
use bugle::http::Http;
use bugle::model::grant::{Credential, Grant};
use bugle::model::picture::{Fit, Jpeg, NoPicture, Origin, Picture};
use bugle::model::receipt::{Op, Step};
use bugle::platform::consent::{Back, Choice, RenewError, Way};
use bugle::platform::{
    Account, Amend, Context, Ids, Journal, Keep, Lookup, Meter, Outgoing, PublishError, Sought, StepBook, Studio,
    Usage, Wall, WallPost, by_id,
};
use bugle::text::rules::FittedText;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use crate::fakes::facebook::{self, FakeFacebook};
use crate::fakes::instagram::{self, FakeInstagram};
use crate::fakes::lock;
use crate::fakes::meta::{APP_ID, APP_SECRET};
use crate::fakes::threads::{self, FakeThreads};
use crate::wire::Ask;

fn noon() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().unwrap()
}

/// What an account keeps, notes and is shown, in memory.
#[derive(Default)]
struct Desk {
    kept: Mutex<HashMap<String, SecretString>>,
    noted: Mutex<Vec<Usage>>,
    /// Where pictures are shown.
    shows: Option<String>,
}

#[async_trait]
impl Keep for Desk {
    async fn get(&self, word: &str) -> Result<Option<SecretString>, String> {
        Ok(lock(&self.kept).get(word).cloned())
    }

    async fn put(&self, word: &str, secret: &SecretString) -> Result<(), String> {
        lock(&self.kept).insert(word.to_owned(), secret.clone());
        Ok(())
    }
}

#[async_trait]
impl Wall for Desk {
    async fn put(&self, _: &str, _: &WallPost) -> Result<(), String> {
        Err("no timeline here".to_owned())
    }

    async fn change(&self, _: &str, _: Option<&WallPost>) -> Result<(), String> {
        Err("no timeline here".to_owned())
    }

    async fn has(&self, _: &str) -> Result<bool, String> {
        Ok(false)
    }
}

impl Meter for Desk {
    fn note(&self, usage: Usage) {
        lock(&self.noted).push(usage);
    }
}

#[async_trait]
impl Studio for Desk {
    async fn make(&self, origin: &Origin, _: &Fit) -> Result<Jpeg, NoPicture> {
        match origin {
            Origin::Photo { urls } if urls[0].path().contains("gone") => Err(NoPicture::Never("it is gone".to_owned())),
            _ => Ok(jpeg(1200, 675)),
        }
    }

    fn shows(&self) -> bool {
        self.shows.is_some()
    }

    async fn show(&self, _: &Jpeg) -> Result<Url, NoPicture> {
        let at = self.shows.as_deref().unwrap_or_default();
        Url::parse(at).map_err(|e| NoPicture::Never(e.to_string()))
    }
}

fn jpeg(width: u32, height: u32) -> Jpeg {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::from_pixel(width, height, image::Rgb([20, 90, 160]));
    picture.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
    Jpeg { bytes: bytes.into_inner(), width, height }
}

/// A journal's book in memory.
#[derive(Default)]
struct Book(HashMap<Step, Value>);

#[async_trait]
impl StepBook for Book {
    fn done(&self, step: Step) -> Option<Value> {
        self.0.get(&step).cloned()
    }

    async fn begin(&mut self, _: Step, _: &str, _: Duration) -> Result<(), PublishError> {
        Ok(())
    }

    async fn record(&mut self, step: Step, outcome: &Result<Value, PublishError>) {
        if let Ok(value) = outcome {
            self.0.insert(step, value.clone());
        }
    }
}

/// One account at its fake.
struct Stage {
    account: Arc<dyn Account>,
    http: Http,
    clock: Arc<FakeClock>,
    desk: Desk,
    credential: Credential,
}

impl Stage {
    fn new(platform: &str, url: &str, host: &str, clock: &Arc<FakeClock>, keys: &str) -> Self {
        let all = format!("server = {url:?}\napp_id = {APP_ID:?}\napp_secret = {{ env = \"S\" }}\n{keys}");
        let table = toml::de::DeTable::parse(&all).unwrap().into_inner();
        let account = by_id(platform).unwrap().open(table).unwrap();
        let settings = bugle::http::Settings { allow_private: vec![host.to_owned()], ..Default::default() };
        let shared: SharedClock = clock.clone();
        let http = Http::build(&settings, &[], shared).unwrap();
        let credential = Credential(vec![("app_secret", SecretString::from(APP_SECRET))]);
        Self { account, http, clock: clock.clone(), desk: Desk::default(), credential }
    }

    fn context(&self) -> Context<'_> {
        Context {
            http: &self.http,
            credential: &self.credential,
            keep: &self.desk,
            wall: &self.desk,
            studio: &self.desk,
            clock: &*self.clock,
            scale: 0.05,
            identity: None,
            meter: &self.desk,
        }
    }

    /// A person opens the page and allows it; what comes back is traded.
    async fn consent(&self) -> Result<Vec<Choice>, String> {
        let consent = self.account.consent().expect("it is opened by consent");
        let way = Way { redirect: Url::parse("http://127.0.0.1:9/back?channel=a").unwrap(), state: "st4te".to_owned() };
        let asked = consent.ask(&self.context(), &way).await.map_err(|e| e.to_string())?;
        let answer = Ask::get(asked.url.as_str()).send().await.unwrap();
        let back = Url::parse(answer.header("location").expect("a way back")).unwrap();
        let pairs: HashMap<String, String> = back.query_pairs().into_owned().collect();
        assert_eq!(pairs["state"], "st4te");
        let code = SecretString::from(pairs["code"].clone());
        let traded = consent.exchange(&self.context(), &way, &Back { code, proof: asked.proof }).await;
        traded.map_err(|e| e.to_string())
    }

    async fn keep(&self, grant: &Grant) {
        Keep::put(&self.desk, Grant::WORD, &grant.written()).await.unwrap();
    }
}

fn clock() -> Arc<FakeClock> {
    Arc::new(FakeClock::at(noon()))
}

fn photo(name: &str) -> Picture {
    let url = Url::parse(&format!("https://news.example/{name}.jpg")).unwrap();
    Picture { origin: Origin::Photo { urls: vec![url] }, alt: format!("Alt {name}") }
}

fn album(account: &dyn Account, names: &[&str]) -> Outgoing {
    let text = "Story https://news.example/1".to_owned();
    let mut pictures = names.iter().map(|name| photo(name));
    Outgoing {
        text: FittedText::new(text, account.rules(None)).unwrap(),
        more: Vec::new(),
        link: Url::parse("https://news.example/1").ok(),
        card: None,
        picture: pictures.next(),
        further: pictures.collect(),
        language: None,
        mentions: Vec::new(),
    }
}

fn ids() -> Ids {
    Ids { seed: "ab".repeat(32), created: noon(), story: noon(), revision: 0 }
}

#[tokio::test]
async fn threads_is_connected_renewed_and_introduced() {
    let clock = clock();
    let fake = FakeThreads::with_clock(clock.clone());
    fake.rules().gate.require_proof = true;
    let stage = Stage::new("threads", &fake.url(), &fake.host(), &clock, "");
    let choices = stage.consent().await.unwrap();
    assert_eq!((choices.len(), choices[0].name.as_str()), (1, "@newsroom"));
    let grant = &choices[0].grant;
    assert_eq!(grant.expires, Some(noon() + SignedDuration::from_hours(60 * 24)));
    stage.keep(grant).await;
    let me = stage.account.whoami(&stage.context()).await.unwrap();
    assert_eq!((me.id.as_str(), me.handle.as_str()), (choices[0].id.as_str(), "@newsroom"));

    let consent = stage.account.consent().unwrap();
    let early = consent.renew(&stage.context(), grant).await;
    assert!(matches!(early, Err(RenewError::Declined(_))), "{early:?}");
    assert_eq!(fake.count(threads::REFRESH), 0, "a young token is not even asked about");
    clock.advance(SignedDuration::from_hours(30 * 24));
    let new = consent.renew(&stage.context(), grant).await.unwrap();
    assert_ne!(new.access.expose_secret(), grant.access.expose_secret());
    assert_eq!(new.expires, Some(noon() + SignedDuration::from_hours(90 * 24)));
    fake.rules().gate.revoke();
    clock.advance(SignedDuration::from_hours(48));
    assert!(matches!(consent.renew(&stage.context(), &new).await, Err(RenewError::Spent(_))));
    fake.down();
    assert!(matches!(consent.renew(&stage.context(), &new).await, Err(RenewError::Later(_))));
}

#[tokio::test]
async fn a_code_of_another_app_or_a_second_use_is_refused() {
    let clock = clock();
    let fake = FakeThreads::with_clock(clock.clone());
    let mut stage = Stage::new("threads", &fake.url(), &fake.host(), &clock, "");
    let good = stage.consent().await;
    assert!(good.is_ok());
    let way = Way { redirect: Url::parse("http://127.0.0.1:9/back").unwrap(), state: "s".to_owned() };
    let back = Back { code: SecretString::from("AQ-used-before"), proof: Default::default() };
    let consent = stage.account.consent().unwrap();
    let refused = consent.exchange(&stage.context(), &way, &back).await.unwrap_err().to_string();
    assert!(refused.contains("has been used") && !refused.contains("AQ-used"), "{refused}");
    stage.credential = Credential(vec![("app_secret", SecretString::from("f".repeat(32)))]);
    let refused = stage.consent().await.unwrap_err();
    assert!(refused.contains("client secret") && !refused.contains("ffff"), "{refused}");
    stage.credential = Credential::default();
    assert!(stage.consent().await.unwrap_err().contains("app_secret"));
}

#[tokio::test]
async fn instagram_is_connected_by_itself_and_renewed() {
    let clock = clock();
    let fake = FakeInstagram::with_clock(clock.clone());
    fake.rules().gate.require_proof = true;
    let stage = Stage::new("instagram", &fake.url(), &fake.host(), &clock, "");
    let choices = stage.consent().await.unwrap();
    let only = &choices[0];
    assert_eq!(
        (choices.len(), only.name.as_str(), only.grant.own["user"].as_str()),
        (1, "@newsroom", only.id.as_str())
    );
    assert_eq!(only.grant.scope, "instagram_business_basic instagram_business_content_publish");
    stage.keep(&only.grant).await;
    let me = stage.account.whoami(&stage.context()).await.unwrap();
    assert_eq!(me.id, only.id);
    assert!(me.remarks.iter().any(|it| it.contains("public_url")), "{me:?}");
    clock.advance(SignedDuration::from_hours(25));
    let new = stage.account.consent().unwrap().renew(&stage.context(), &only.grant).await.unwrap();
    assert_eq!((new.own["user"].as_str(), fake.count(instagram::REFRESH)), (only.id.as_str(), 1));
    assert_eq!(new.scope, only.grant.scope);
}

#[tokio::test]
async fn facebook_lets_a_person_choose_a_page() {
    let clock = clock();
    let fake = FakeFacebook::with_clock(clock.clone());
    fake.page("111");
    fake.page("222");
    fake.rules().pages.push(("333".to_owned(), "Only read".to_owned(), vec!["ANALYZE"]));
    fake.rules().gate.require_proof = true;
    let stage = Stage::new("facebook", &fake.url(), &fake.host(), &clock, "");
    let choices = stage.consent().await.unwrap();
    let seen: Vec<_> = choices.iter().map(|it| (it.id.as_str(), it.name.as_str(), it.grant.expires)).collect();
    assert_eq!(seen, [("111", "Page 111", None), ("222", "Page 222", None)]);
    stage.keep(&choices[1].grant).await;
    let me = stage.account.whoami(&stage.context()).await.unwrap();
    assert_eq!((me.id.as_str(), me.handle.as_str(), me.remarks.len()), ("222", "Page 222", 0), "{me:?}");
    let renewed = stage.account.consent().unwrap().renew(&stage.context(), &choices[1].grant).await;
    assert!(matches!(renewed, Err(RenewError::Never)));
    // What the config names is the only choice, and another Page's token is refused.
    let named = Stage::new("facebook", &fake.url(), &fake.host(), &clock, "page = \"111\"");
    assert_eq!(named.consent().await.unwrap().len(), 1);
    named.keep(&choices[1].grant).await;
    let refused = named.account.whoami(&named.context()).await.unwrap_err().to_string();
    assert!(refused.contains("222") && refused.contains("not the Page 111"), "{refused}");
    fake.rules().pages.clear();
    assert!(stage.consent().await.unwrap_err().contains("full control"));
}

#[tokio::test]
async fn an_old_version_is_remarked_and_one_without_a_proof_too() {
    let clock = clock();
    let fake = FakeFacebook::with_clock(clock.clone());
    let token = fake.page("111");
    let mut stage = Stage::new("facebook", &fake.url(), &fake.host(), &clock, "token = { env = \"T\" }");
    stage.credential = Credential(vec![("token", SecretString::from(token))]);
    clock.advance(SignedDuration::from_hours(24 * 600));
    let me = stage.account.whoami(&stage.context()).await.unwrap();
    let said = me.remarks.join("\n");
    assert!(said.contains("may end on 2028-07-29") && said.contains("not proved"), "{said}");
    fake.rules().gate.require_proof = true;
    assert!(stage.account.whoami(&stage.context()).await.unwrap_err().to_string().contains("appsecret_proof"));
}

#[tokio::test]
async fn albums_are_posted_with_their_words_and_without_what_cannot_be_had() {
    let clock = clock();
    let pictures = crate::fakes::feed::FakeFeed::start();
    let shown = jpeg(1200, 675).bytes;
    pictures.reply("/shown.jpg", crate::fakes::http::Reply::text(200, "image/jpeg", shown));
    let (facebook, instagram, threads) = (
        FakeFacebook::with_clock(clock.clone()),
        FakeInstagram::with_clock(clock.clone()),
        FakeThreads::with_clock(clock.clone()),
    );
    let owners = [
        ("facebook", facebook.url(), facebook.host(), facebook.page("111")),
        ("instagram", instagram.url(), instagram.host(), instagram.account("newsroom")),
        ("threads", threads.url(), threads.host(), threads.account("newsroom")),
    ];
    for (platform, url, host, token) in owners {
        let mut stage = Stage::new(platform, &url, &host, &clock, "");
        stage.desk.shows = Some(pictures.at("/shown.jpg"));
        stage.keep(&Grant::of(SecretString::from(token))).await;
        let outgoing = album(&*stage.account, &["a", "gone", "c"]);
        let payload = stage.account.freeze(&outgoing, &ids()).unwrap();
        let mut book = Book::default();
        let receipt = stage.account.publish(&stage.context(), &payload, &mut Journal::new(&mut book)).await.unwrap();
        assert!(receipt.url.is_some_and(|url| url.starts_with("https://www.")), "{platform}");
        let left_out = book.0.iter().filter(|(step, value)| step.op == Op::Upload && value.get("without").is_some());
        assert_eq!(left_out.count(), 1, "{platform}: {:?}", book.0);
        // Once more: nothing is sent, and the receipt is the same.
        let again = stage.account.publish(&stage.context(), &payload, &mut Journal::new(&mut book)).await.unwrap();
        assert_eq!(again.remote_id, receipt.remote_id, "{platform}");
    }
    assert_eq!(facebook.rules().posts[0].photos.len(), 2);
    assert_eq!(facebook.ledger().posts().len(), 1);
    for (ledger, forms) in [
        (instagram.ledger(), instagram.rules().boxes.posts.iter().map(|it| it.form.clone()).collect::<Vec<_>>()),
        (threads.ledger(), threads.rules().boxes.posts.iter().map(|it| it.form.clone()).collect::<Vec<_>>()),
    ] {
        assert_eq!(ledger.posts().len(), 1);
        assert_eq!((forms[0]["media_type"].as_str(), forms[0]["children"].split(',').count()), ("CAROUSEL", 2));
    }
    let alts: Vec<String> =
        threads.rules().boxes.containers.values().filter_map(|it| it.form.get("alt_text").cloned()).collect();
    assert_eq!(alts, ["Alt a", "Alt c"]);
}

#[tokio::test]
async fn limits_that_are_told_are_noted_and_a_used_up_day_waits() {
    let clock = clock();
    let fake = FakeThreads::with_clock(clock.clone());
    let token = fake.account("newsroom");
    fake.rules().gate.usage = Some((85, 7));
    let stage = Stage::new("threads", &fake.url(), &fake.host(), &clock, "");
    stage.keep(&Grant::of(SecretString::from(token))).await;
    let payload = stage.account.freeze(&album(&*stage.account, &[]), &ids()).unwrap();
    let mut book = Book::default();
    stage.account.publish(&stage.context(), &payload, &mut Journal::new(&mut book)).await.unwrap();
    {
        let noted = lock(&stage.desk.noted);
        let of = |limit: &str| noted.iter().find(|usage| usage.limit == limit).cloned();
        assert_eq!(of("X-App-Usage").map(|usage| usage.used), Some(0.85));
        let business = of("X-Business-Use-Case-Usage").expect("the account's share");
        assert_eq!(business.resets, Some(noon() + SignedDuration::from_mins(7)));
        assert_eq!(of("threads_publishing_limit").and_then(|usage| usage.left), Some(250));
    }
    fake.rules().boxes.quota = 1;
    let mut book = Book::default();
    let met = stage.account.publish(&stage.context(), &payload, &mut Journal::new(&mut book)).await;
    assert!(matches!(met, Err(PublishError::RateLimited { until: Some(_), .. })), "{met:?}");
    assert_eq!(fake.count(threads::CONTAINER), 1, "nothing is made that cannot be published today");
}

#[tokio::test]
async fn a_restored_store_finds_what_is_out_by_its_link() {
    let clock = clock();
    let (facebook, threads) = (FakeFacebook::with_clock(clock.clone()), FakeThreads::with_clock(clock.clone()));
    for (platform, url, host, token) in [
        ("facebook", facebook.url(), facebook.host(), facebook.page("111")),
        ("threads", threads.url(), threads.host(), threads.account("newsroom")),
    ] {
        let stage = Stage::new(platform, &url, &host, &clock, "");
        stage.keep(&Grant::of(SecretString::from(token))).await;
        let payload = stage.account.freeze(&album(&*stage.account, &[]), &ids()).unwrap();
        let done = HashMap::new();
        let step = bugle::platform::ONLY;
        let since = noon() - SignedDuration::from_hours(25);
        let sought = Sought { payload: &payload, step, parent: None, done: &done, begun: noon(), since };
        assert_eq!(stage.account.find(&stage.context(), &sought).await, Ok(Lookup::Absent), "{platform}");
        let mut book = Book::default();
        let receipt = stage.account.publish(&stage.context(), &payload, &mut Journal::new(&mut book)).await.unwrap();
        let found = stage.account.find(&stage.context(), &sought).await;
        let Ok(Lookup::Published { receipt: found, .. }) = found else { panic!("{platform}: {found:?}") };
        assert_eq!(found.remote_id, receipt.remote_id, "{platform}");
        // What is older than the window is another post with the same link.
        let later = Sought { since: noon() + SignedDuration::from_hours(1), ..sought };
        assert_eq!(stage.account.find(&stage.context(), &later).await, Ok(Lookup::Absent), "{platform}");
    }
    assert_eq!(facebook.count(facebook::FEED), 1);
}

#[tokio::test]
async fn what_is_gone_is_down() {
    let clock = clock();
    let (facebook, threads) = (FakeFacebook::with_clock(clock.clone()), FakeThreads::with_clock(clock.clone()));
    for (platform, url, host, token) in [
        ("facebook", facebook.url(), facebook.host(), facebook.page("111")),
        ("threads", threads.url(), threads.host(), threads.account("newsroom")),
    ] {
        let stage = Stage::new(platform, &url, &host, &clock, "");
        stage.keep(&Grant::of(SecretString::from(token))).await;
        let payload = stage.account.freeze(&album(&*stage.account, &[]), &ids()).unwrap();
        let receipt =
            stage.account.publish(&stage.context(), &payload, &mut Journal::new(&mut Book::default())).await.unwrap();
        let what = Amend::Delete { receipt };
        for _ in 0..2 {
            let down = stage.account.amend(&stage.context(), &what, &mut Journal::new(&mut Book::default())).await;
            assert!(down.is_ok(), "{platform}: {down:?}");
        }
    }
    assert_eq!((facebook.ledger().posts().len(), threads.rules().deleted.len()), (0, 1));
}
