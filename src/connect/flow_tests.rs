//! Consents that open several accounts: who may choose, how often and how long; and what is left of it afterwards. With an
//! account of our own, on a store in a temporary folder.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{Came, Connector, Fault, Keeps, Session, Subject};
use crate::clock::{Clock as _, FakeClock};
use crate::http::Http;
use crate::model::grant::{Grant, SecretRef};
use crate::model::post::Rejection;
use crate::model::receipt::Receipt;
use crate::platform::consent::{Asked, Back, Choice, Consent, Proof, RenewError, Way};
use crate::platform::{
    Account, Amend, ConnectError, Context, Identity, Ids, Journal, Keep, Lookup, Outgoing, Payload, PublishError,
    Recovery, Sought, Spec, by_id,
};
use crate::store::Store;

/// An account whose consent opens the pages `one` and `two`; a page is who its token names.
struct Pages;

#[async_trait]
impl Account for Pages {
    fn spec(&self) -> &'static Spec {
        by_id("x").expect("a platform").spec()
    }

    fn recovery(&self, _identity: Option<&Identity>) -> Recovery {
        Recovery::Blind
    }

    fn secrets(&self) -> Vec<(&'static str, SecretRef)> {
        Vec::new()
    }

    fn server(&self) -> Option<&Url> {
        None
    }

    fn consent(&self) -> Option<&dyn Consent> {
        Some(self)
    }

    fn freeze(&self, _post: &Outgoing, _ids: &Ids) -> Result<Payload, (Rejection, String)> {
        Err((Rejection::Invalid, "nothing is posted here".to_owned()))
    }

    async fn publish(
        &self,
        _cx: &Context<'_>,
        _payload: &Payload,
        _journal: &mut Journal<'_>,
    ) -> Result<Receipt, PublishError> {
        Err(nothing())
    }

    async fn amend(
        &self,
        _cx: &Context<'_>,
        _what: &Amend,
        _journal: &mut Journal<'_>,
    ) -> Result<Receipt, PublishError> {
        Err(nothing())
    }

    async fn find(&self, _cx: &Context<'_>, _sought: &Sought<'_>) -> Result<Lookup, PublishError> {
        Err(nothing())
    }

    async fn whoami(&self, cx: &Context<'_>) -> Result<Identity, ConnectError> {
        let token = cx.token("token").await.map_err(|e| ConnectError::Refused(e.to_string()))?;
        let name = token.expose_secret().trim_start_matches("token of ").to_owned();
        if name == "repeating" {
            return Err(ConnectError::Refused(format!("it is refused: {}", token.expose_secret())));
        }
        Ok(Identity { id: name.clone(), handle: format!("@{name}"), ..Identity::default() })
    }
}

fn nothing() -> PublishError {
    PublishError::NotSent { said: "nothing is posted here".to_owned() }
}

#[async_trait]
impl Consent for Pages {
    async fn ask(&self, _cx: &Context<'_>, way: &Way) -> Result<Asked, ConnectError> {
        let mut url = Url::parse("https://pages.example/allow").expect("a URL");
        url.query_pairs_mut().append_pair("state", &way.state);
        Ok(Asked { url, proof: Proof([("proof".to_owned(), "pr00f-of-it".to_owned())].into()), issuer: None })
    }

    async fn exchange(&self, _cx: &Context<'_>, _way: &Way, back: &Back) -> Result<Vec<Choice>, ConnectError> {
        if back.proof.0.get("proof").map(String::as_str) != Some("pr00f-of-it") {
            return Err(ConnectError::Refused("no proof".to_owned()));
        }
        let page = |name: &str| Choice {
            id: name.to_owned(),
            name: format!("Page {name}"),
            grant: Grant::of(SecretString::from(format!("token of {name}"))),
        };
        if let Some(code) = back.code.expose_secret().strip_prefix("repeat ") {
            return Err(ConnectError::Refused(format!("no code: code=repeat {code}&proof={}", back.proof.0["proof"])));
        }
        let names = back.code.expose_secret().split(' ').filter(|name| *name != "none");
        Ok(names.map(page).collect())
    }

    async fn renew(&self, _cx: &Context<'_>, _grant: &Grant) -> Result<Grant, RenewError> {
        Err(RenewError::Never)
    }

    async fn revoke(&self, _cx: &Context<'_>, grant: &Grant) -> Result<(), ConnectError> {
        match grant.access.expose_secret() {
            // As some servers do, it repeats the request.
            token @ "token of stubborn" => Err(ConnectError::Refused(format!("it says no to {token}"))),
            _ => Ok(()),
        }
    }
}

/// Keeps in memory, one map a channel.
#[derive(Default, Clone)]
struct Memory(Arc<Mutex<HashMap<(String, String), SecretString>>>);

struct Place(Memory, String);

impl Keeps for Memory {
    fn of(&self, channel: &str) -> Arc<dyn Keep> {
        Arc::new(Place(self.clone(), channel.to_owned()))
    }
}

#[async_trait]
impl Keep for Place {
    async fn get(&self, word: &str) -> Result<Option<SecretString>, String> {
        Ok(self.0.0.lock().unwrap().get(&(self.1.clone(), word.to_owned())).cloned())
    }

    async fn put(&self, word: &str, secret: &SecretString) -> Result<(), String> {
        self.0.0.lock().unwrap().insert((self.1.clone(), word.to_owned()), secret.clone());
        Ok(())
    }
}

struct Scene {
    connector: Connector,
    clock: Arc<FakeClock>,
    memory: Memory,
    _folder: tempfile::TempDir,
}

async fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("sqlite:{}", folder.path().join("b.db").display())).await.unwrap();
    let clock = Arc::new(FakeClock::at("2026-11-25T10:00:00Z".parse().unwrap()));
    let memory = Memory::default();
    let account: Arc<dyn Account> = Arc::new(Pages);
    let subject =
        |name: &str| Subject { name: name.to_owned(), platform: account.spec(), account: Arc::clone(&account) };
    let connector = Connector {
        store,
        http: Http::build(&Default::default(), &[], Arc::<FakeClock>::clone(&clock)).unwrap(),
        clock: Arc::<FakeClock>::clone(&clock),
        scale: 1.0,
        keeps: Arc::new(memory.clone()),
        channels: vec![subject("p"), subject("q")],
        public_url: Url::parse("https://desk.example").ok(),
        port: 8080,
    };
    Scene { connector, clock, memory, _folder: folder }
}

impl Scene {
    /// A consent of that session, come back with a code that opens these pages.
    async fn come(&self, session: &Session, pages: &str) -> Result<Came, Fault> {
        let begun = self.connector.begin("p", session, "ana").await?;
        let state = begun.url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("state", &state)
            .append_pair("code", pages)
            .finish();
        self.connector.returned("p", &query, Some(session)).await
    }

    fn grant(&self) -> Option<String> {
        let kept = self.memory.0.lock().unwrap();
        let grant = kept.get(&("p".to_owned(), Grant::WORD.to_owned())).and_then(Grant::read);
        grant.map(|grant| grant.access.expose_secret().to_owned())
    }
}

#[tokio::test]
async fn the_one_that_is_chosen_is_kept_once_and_by_who_came_so_far() {
    let scene = scene().await;
    let (mine, other) = (Session::browser(), Session::browser());
    let Ok(Came::Choose(offers)) = scene.come(&mine, "one two").await else { panic!("two pages are offered") };
    let names: Vec<&str> = offers.iter().map(|offer| offer.name.as_str()).collect();
    assert_eq!((names.as_slice(), scene.grant()), (&["Page one", "Page two"][..], None));
    let choose = |id: &'static str, channel: &'static str, session: &Session| {
        let session = session.clone();
        let connector = &scene.connector;
        async move { connector.choose(channel, id, &session).await.map(|it| it.handle) }
    };
    assert_eq!(choose("two", "p", &other).await, Err(Fault::Unknown));
    assert_eq!(choose("two", "q", &mine).await, Err(Fault::Unknown));
    assert_eq!(choose("three", "p", &mine).await, Err(Fault::NoChoice("three".to_owned())));
    assert_eq!(choose("two", "p", &mine).await, Ok("@two".to_owned()));
    assert_eq!(scene.grant().as_deref(), Some("token of two"));
    assert_eq!(choose("one", "p", &mine).await, Err(Fault::Unknown), "a choice is made once");

    // Another page on the same channel is refused; the first one's grant stays.
    assert!(matches!(scene.come(&mine, "one").await, Err(Fault::OtherAccount(_))));
    assert_eq!(scene.grant().as_deref(), Some("token of two"));
    // Too late, and nothing at all.
    assert!(matches!(scene.come(&mine, "one two").await, Ok(Came::Choose(_))));
    scene.clock.advance(SignedDuration::from_mins(11));
    assert_eq!(choose("two", "p", &mine).await, Err(Fault::Late));
    assert!(matches!(scene.come(&mine, "none").await, Err(Fault::Nothing(_))));
}

#[tokio::test]
async fn a_ticket_is_torn_once_in_time_and_tells_the_terminal() {
    let scene = scene().await;
    let connector = &scene.connector;
    let ticket = connector.ticket("p", "ana").await.unwrap();
    let text = ticket.expose_secret();
    assert_eq!(connector.begin_with("q", text, &Session::browser()).await.unwrap_err(), Fault::Ticket);
    let session = Session::browser();
    let begun = connector.begin_with("p", text, &session).await.unwrap();
    assert_eq!(begun.redirect.as_str(), "https://desk.example/connect/callback/p");
    assert_eq!(connector.begin_with("p", text, &session).await.unwrap_err(), Fault::Ticket);
    assert_eq!(connector.outcome(&ticket).await.unwrap(), None);
    let query = format!("error=access_denied&{}", begun.url.query().unwrap());
    assert_eq!(connector.returned("p", &query, Some(&session)).await.unwrap_err(), Fault::Denied);
    let outcome = connector.outcome(&ticket).await.unwrap().unwrap();
    assert!(outcome.fault.unwrap().contains("not allowed"));
    let late = connector.ticket("p", "ana").await.unwrap();
    scene.clock.advance(SignedDuration::from_mins(10));
    let refused = connector.begin_with("p", late.expose_secret(), &session).await.unwrap_err();
    assert_eq!(refused, Fault::Ticket);
    // The next one sweeps what is too late.
    connector.ticket("p", "ana").await.unwrap();
    let mut conn = connector.store.read().await.unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM connect_ticket").fetch_one(&mut *conn).await.unwrap();
    assert_eq!(left, 1);
    assert!(scene.clock.now() > "2026-11-25T10:09:00Z".parse().unwrap());
}

#[tokio::test]
async fn no_code_or_token_that_a_platform_repeats_is_shown_or_kept() {
    let scene = scene().await;
    let connector = &scene.connector;
    let ticket = connector.ticket("p", "ana").await.unwrap();
    let session = Session::browser();
    let begun = connector.begin_with("p", ticket.expose_secret(), &session).await.unwrap();
    let query = format!("code=repeat%20c0de-of-ana&{}", begun.url.query().unwrap());
    let fault = connector.returned("p", &query, Some(&session)).await.unwrap_err().to_string();
    let kept = connector.outcome(&ticket).await.unwrap().unwrap().fault.unwrap();
    assert_eq!(kept, fault);
    assert!(fault.starts_with("no code: code=[secret]"), "{fault}");
    for secret in ["c0de-of-ana", "pr00f-of-it"] {
        assert!(!fault.contains(secret), "{fault}");
    }
    // And the new token, which the account is asked with first.
    let refused = scene.come(&Session::terminal(), "repeating").await.unwrap_err().to_string();
    assert_eq!(refused, "it is refused: [secret]");
}

/// Says of what is taken back only what the platform's default is.
struct Plain;

#[async_trait]
impl Consent for Plain {
    async fn ask(&self, _cx: &Context<'_>, _way: &Way) -> Result<Asked, ConnectError> {
        Err(ConnectError::Refused("nobody asks here".to_owned()))
    }

    async fn exchange(&self, _cx: &Context<'_>, _way: &Way, _back: &Back) -> Result<Vec<Choice>, ConnectError> {
        Err(ConnectError::Refused("nobody asks here".to_owned()))
    }

    async fn renew(&self, _cx: &Context<'_>, _grant: &Grant) -> Result<Grant, RenewError> {
        Err(RenewError::Never)
    }
}

#[tokio::test]
async fn a_platform_that_takes_nothing_back_says_so_and_where_a_person_can() {
    let scene = scene().await;
    let keep = scene.memory.of("p");
    let credential = Default::default();
    let cx = scene.connector.context(&credential, &*keep);
    let said = Plain.revoke(&cx, &Grant::of(SecretString::from("t0ken-of-x"))).await.unwrap_err().to_string();
    assert!(said.contains("takes no token back") && said.contains("remove the app in the settings"), "{said}");
}

#[tokio::test]
async fn what_the_platform_does_not_take_back_is_kept_unless_it_is_to_be_forgotten_anyway() {
    let scene = scene().await;
    let connector = &scene.connector;
    assert_eq!(connector.disconnect("p", "ana", false).await, Err(Fault::NotConnected("p".to_owned())));
    assert!(matches!(scene.come(&Session::terminal(), "stubborn").await, Ok(Came::Connected(_))));
    let Err(Fault::Platform(said)) = connector.disconnect("p", "ana", false).await else { panic!("it is not done") };
    assert_eq!(said, ConnectError::Refused("it says no to [secret]".to_owned()));
    assert!(scene.grant().is_some());
    assert!(matches!(connector.disconnect("p", "ana", true).await, Ok(Some(Fault::Platform(_)))));
    let mut conn = connector.store.read().await.unwrap();
    let row = crate::store::channel::one(&mut conn, "p").await.unwrap().unwrap();
    assert!(row.blocked.unwrap().to_string().contains("disconnected by ana"));
}

#[tokio::test]
async fn the_browser_is_only_led_to_where_nobody_reads_along() {
    let mut scene = scene().await;
    for (public, good) in [
        (Some("https://desk.example/bugle"), true),
        (Some("http://127.0.0.1:8080"), true),
        (Some("http://localhost"), true),
        (Some("http://[::1]:8080"), true),
        (Some("http://desk.example"), false),
        (Some("http://192.168.1.7"), false),
        (None, false),
    ] {
        scene.connector.public_url = public.map(|url| Url::parse(url).unwrap());
        assert_eq!(scene.connector.page("p").is_ok(), good, "{public:?}");
        let subject = scene.connector.subject("p").unwrap();
        let redirect = scene.connector.redirect(subject);
        assert!(redirect.as_str().ends_with("/connect/callback/p"), "{redirect}");
    }
}
