//! Renewing a grant by X's way of consent, on a certified OAuth server and on the fake: a new pair each time, the old one
//! spent, a replay the end of the whole grant; and what each way of not getting an answer means. When a grant is renewed,
//! and by whom, is the engine's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bugle::clock::{SharedClock, SystemClock};
use bugle::http::{Http, Settings};
use bugle::model::grant::{Credential, Grant};
use bugle::platform::consent::{Back, RenewError, Way};
use bugle::platform::{Account, Context, Keep, NoMeter, NoStudio, Wall, WallPost, by_id};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::browser::Browser;
use crate::fakes::fault::{Fault, Wait};
use crate::fakes::lock;
use crate::fakes::x::{self, FakeX};
use crate::servers::oidc;

/// One account and what it is handed.
struct Hand {
    account: Arc<dyn Account>,
    http: Http,
    clock: SharedClock,
    credential: Credential,
    memory: Memory,
}

#[derive(Default)]
struct Memory(Mutex<HashMap<String, SecretString>>);

#[async_trait]
impl Keep for Memory {
    async fn get(&self, word: &str) -> Result<Option<SecretString>, String> {
        Ok(lock(&self.0).get(word).cloned())
    }

    async fn put(&self, word: &str, secret: &SecretString) -> Result<(), String> {
        lock(&self.0).insert(word.to_owned(), secret.clone());
        Ok(())
    }
}

#[async_trait]
impl Wall for Memory {
    async fn put(&self, _id: &str, _post: &WallPost) -> Result<(), String> {
        Err("nothing is posted here".to_owned())
    }

    async fn change(&self, _id: &str, _post: Option<&WallPost>) -> Result<(), String> {
        Err("nothing is posted here".to_owned())
    }

    async fn has(&self, _id: &str) -> Result<bool, String> {
        Ok(false)
    }
}

impl Hand {
    fn new(server: &str, id: &str, secret: &str) -> Self {
        let keys =
            format!("server = {server:?}\nsite = {server:?}\nclient_id = {id:?}\nclient_secret = {{ env = \"S\" }}\n");
        let keys = toml::de::DeTable::parse(&keys).unwrap().into_inner();
        let account = by_id("x").unwrap().open(keys).unwrap();
        let clock: SharedClock = Arc::new(SystemClock::new());
        let host = server.strip_prefix("http://").unwrap().to_owned();
        let settings = Settings { allow_private: vec![host], ..Settings::default() };
        let http = Http::build(&settings, &[Url::parse(server).unwrap()], Arc::clone(&clock)).unwrap();
        let credential = Credential(vec![("client_secret", SecretString::from(secret))]);
        Self { account, http, clock, credential, memory: Memory::default() }
    }

    fn cx(&self) -> Context<'_> {
        Context {
            http: &self.http,
            credential: &self.credential,
            keep: &self.memory,
            wall: &self.memory,
            studio: &NoStudio,
            clock: &*self.clock,
            scale: 1.0,
            identity: None,
            meter: &NoMeter,
        }
    }

    async fn renew(&self, grant: &Grant) -> Result<Grant, RenewError> {
        self.account.consent().unwrap().renew(&self.cx(), grant).await
    }

    /// Whether the account introduces itself with that grant.
    async fn opens(&self, grant: &Grant) -> bool {
        Keep::put(&self.memory, Grant::WORD, &grant.written()).await.unwrap();
        self.account.whoami(&self.cx()).await.is_ok()
    }

    /// A consent from its page to the grant; `allow` is the person. The code is traded `times`.
    async fn connect(&self, allow: impl AsyncFnOnce(&str) -> String, times: usize) -> Grant {
        let redirect = Url::parse("https://desk.example/connect/callback/x").unwrap();
        let way = Way { redirect, state: "st4te-of-the-test".to_owned() };
        let consent = self.account.consent().unwrap();
        let asked = consent.ask(&self.cx(), &way).await.unwrap();
        let back = Url::parse(&allow(asked.url.as_str()).await).unwrap();
        let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let back = Back { code: SecretString::from(code), proof: asked.proof };
        let mut choices = consent.exchange(&self.cx(), &way, &back).await.unwrap();
        for _ in 1..times {
            assert!(consent.exchange(&self.cx(), &way, &back).await.is_err(), "a code works once");
        }
        choices.pop().unwrap().grant
    }
}

fn refresh(grant: &Grant) -> String {
    grant.refresh.as_ref().unwrap().expose_secret().to_owned()
}

#[tokio::test]
async fn a_certified_server_gives_a_new_pair_and_ends_the_grant_when_a_spent_one_comes_again() {
    let hand = Hand::new(&oidc::url(), oidc::CLIENT, oidc::SECRET);
    let allow = async |page: &str| oidc::consent(&mut Browser::default(), page, "renewed").await;
    // The second exchange of the same code ends what the first gave, by the book; so this grant is dead.
    let dead = hand.connect(allow, 2).await;
    assert!(!hand.opens(&dead).await);
    assert!(matches!(hand.renew(&dead).await, Err(RenewError::Spent(_))));

    let one = hand.connect(allow, 1).await;
    assert!(hand.opens(&one).await);
    let two = hand.renew(&one).await.unwrap();
    assert_ne!((refresh(&one), one.access.expose_secret()), (refresh(&two), two.access.expose_secret()));
    assert!(two.expires > two.issued && two.scope.contains("tweet.write"));
    assert!(hand.opens(&two).await);
    let three = hand.renew(&two).await.unwrap();
    assert!(matches!(hand.renew(&one).await, Err(RenewError::Spent(_))), "a spent one");
    assert!(matches!(hand.renew(&three).await, Err(RenewError::Spent(_))), "the whole grant has ended");
    assert!(!hand.opens(&three).await);

    let four = hand.connect(allow, 1).await;
    hand.account.consent().unwrap().revoke(&hand.cx(), &four).await.unwrap();
    assert!(!hand.opens(&four).await);
    assert!(matches!(hand.renew(&four).await, Err(RenewError::Spent(_))));
}

#[tokio::test]
async fn each_way_of_not_being_renewed_has_its_class() {
    let fake = FakeX::start();
    fake.app("app", Some("s3cret"), "https://desk.example/connect/callback/x");
    let hand = Hand::new(&fake.url(), "app", "s3cret");
    let allow = async |page: &str| Browser::default().go(page).await.away();
    let dead = hand.connect(allow, 2).await;
    assert!(matches!(hand.renew(&dead).await, Err(RenewError::Spent(_))), "X says invalid_request");

    let mut grant = hand.connect(allow, 1).await;
    for (fault, expected) in [
        (Fault::Instead(FakeX::too_many(Wait::Seconds(5))), "later"),
        (Fault::status(503), "lost"),
        (Fault::ResetBefore, "lost"),
        (Fault::status(403), "later"),
        (Fault::Instead(crate::fakes::http::Reply::text(200, "text/html", "<html>")), "lost"),
    ] {
        fake.fail(x::TOKEN, fault.clone());
        let class = match hand.renew(&grant).await {
            Err(RenewError::Later(_)) => "later",
            Err(RenewError::Declined(_)) => "declined",
            Err(RenewError::Lost(_)) => "lost",
            Err(RenewError::Spent(_)) => "spent",
            Err(RenewError::Never) => "never",
            Ok(_) => "renewed",
        };
        assert_eq!(class, expected, "{fault:?}");
        // None of them was carried out: the one repeat helps.
        grant = hand.renew(&grant).await.unwrap();
    }
    // The token runs out while the refresh token is good.
    assert!(hand.opens(&grant).await);
    fake.rules().oauth.run_out();
    assert!(!hand.opens(&grant).await);
    grant = hand.renew(&grant).await.unwrap();
    assert!(hand.opens(&grant).await);
    // Carried out, and the answer lost: the repeat says that it is spent, and a person has to connect again.
    fake.fail(x::TOKEN, Fault::ResetAfter);
    assert!(matches!(hand.renew(&grant).await, Err(RenewError::Lost(_))));
    assert!(matches!(hand.renew(&grant).await, Err(RenewError::Spent(_))));
    fake.down();
    assert!(matches!(hand.renew(&grant).await, Err(RenewError::Later(_))), "nothing left");
    let bare = Grant { refresh: None, ..grant };
    assert_eq!(hand.renew(&bare).await.unwrap_err(), RenewError::Never);
}
