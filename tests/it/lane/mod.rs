//! One channel's worker driven by hand: a clock that stands still, a platform that answers as the trial says, a real
//! store, no engine. Here is the stage; the trials stand by what they are about.

mod doubt;
mod gates;
mod outcomes;
mod tokens;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bugle::card::Brand;
use bugle::clock::{Clock as _, FakeClock};
use bugle::expr::Templates;
use bugle::http::Http;
use bugle::model::article::{Entry, Image};
use bugle::model::grant::{Credential, Grant, SecretRef};
use bugle::model::id::{ArticleId, PostId, WorkerId};
use bugle::model::notice;
use bugle::model::post::{Actor, HoldReason, Post, PostState, Rejection};
use bugle::model::receipt::{Known, Op, Receipt, Step};
use bugle::platform::consent::{Asked, Back, Choice, RenewError, Way};
use bugle::platform::{
    Account, Amend, Connect, ConnectError, Consent, Context, Identity, Ids, Journal, Lookup, MediaRules, Outgoing,
    Payload, Planned, PublishError, Recovery, Sought, Spec,
};
use bugle::publish::lane::{Lane, Turn};
use bugle::publish::studio::Workshop;
use bugle::publish::{Channel, House, OnUncertain};
use bugle::schedule::Policy;
use bugle::store::channel::ChannelRow;
use bugle::store::post::PostRow;
use bugle::store::{Store, article, attempt, channel, post};
use bugle::telemetry::Metrics;
use bugle::text::rules::{TextRules, Unit};
use bugle::vault::Vault;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use url::Url;

use crate::store::{Place, at, commit};

static SPEC: Spec = Spec {
    id: "mastodon",
    name: "The stage's platform",
    text: TextRules { limit: 300, unit: Unit::Graphemes, bytes: None },
    media: MediaRules::NONE,
    threads: true,
    edits: true,
    deletes: true,
    deadline: Duration::from_secs(25),
    media_deadline: Duration::from_secs(25),
    connect: Connect::AppPassword,
    terms: bugle::platform::Terms::NONE,
};

/// What the platform was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Who we are.
    Who,
    /// A step, with the bytes sent.
    Step(Step, String),
    /// A look-up: of which step, with which part before it.
    Find(Step, Option<String>),
    /// A change to what is out.
    Amend(Op),
    /// A new grant for the one with that refresh token.
    Renew(String),
    /// To take that token back.
    Revoke(String),
}

/// How it answers.
#[derive(Default)]
struct Script {
    calls: Vec<(Timestamp, Call)>,
    who: VecDeque<Result<Identity, ConnectError>>,
    steps: HashMap<Step, VecDeque<Result<Value, PublishError>>>,
    finds: VecDeque<Result<Lookup, PublishError>>,
    renewals: VecDeque<Result<Grant, RenewError>>,
    /// The only tokens that are good; empty: any.
    good: Vec<String>,
    renewing: Option<(tokio::sync::oneshot::Sender<()>, tokio::sync::oneshot::Receiver<()>)>,
    sunset: Option<(String, jiff::civil::Date)>,
    gate: Option<(tokio::sync::oneshot::Sender<()>, tokio::sync::oneshot::Receiver<()>)>,
    refuses: Option<String>,
}

/// A platform that does as it is told. What it is not told of succeeds, and what is looked up is absent.
pub struct Scripted {
    script: Mutex<Script>,
    clock: Arc<FakeClock>,
    recovery: Recovery,
    steps: Vec<Step>,
    secret: Option<SecretRef>,
    credential_scope: Option<String>,
    app_scope: Option<String>,
    consents: bool,
}

impl Scripted {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, call: Call) {
        self.script().calls.push((self.clock.now(), call));
    }

    /// The answers of a step, in order.
    pub fn answers(&self, step: Step, answers: impl IntoIterator<Item = Result<Value, PublishError>>) {
        self.script().steps.entry(step).or_default().extend(answers);
    }

    /// The answers of look-ups, in order.
    pub fn finds(&self, answers: impl IntoIterator<Item = Result<Lookup, PublishError>>) {
        self.script().finds.extend(answers);
    }

    /// The answers of introductions, in order.
    pub fn who(&self, answers: impl IntoIterator<Item = Result<Identity, ConnectError>>) {
        self.script().who.extend(answers);
    }

    /// The next step stops half-way: the first end tells when, the second lets it go on.
    pub fn gate(&self) -> (tokio::sync::oneshot::Receiver<()>, tokio::sync::oneshot::Sender<()>) {
        let ((entered, on_entry), (go, on_go)) = (tokio::sync::oneshot::channel(), tokio::sync::oneshot::channel());
        self.script().gate = Some((entered, on_go));
        (on_entry, go)
    }

    /// The answers to renewals, in order.
    pub fn renewals(&self, answers: impl IntoIterator<Item = Result<Grant, RenewError>>) {
        self.script().renewals.extend(answers);
    }

    /// Only these tokens are good from now on.
    pub fn only(&self, tokens: &[&str]) {
        self.script().good = tokens.iter().map(|&token| token.to_owned()).collect();
    }

    /// The API version it is configured for, and when that ends.
    pub fn sunset_at(&self, version: &str, date: &str) {
        self.script().sunset = Some((version.to_owned(), date.parse().expect("a date")));
    }

    /// The next renewal stops when it is asked for: the first end tells when, the second lets it be answered.
    pub fn renewal_gate(&self) -> (tokio::sync::oneshot::Receiver<()>, tokio::sync::oneshot::Sender<()>) {
        let ((entered, on_entry), (go, on_go)) = (tokio::sync::oneshot::channel(), tokio::sync::oneshot::channel());
        self.script().renewing = Some((entered, on_go));
        (on_entry, go)
    }

    /// The refresh tokens that were traded, in order.
    pub fn traded(&self) -> Vec<String> {
        let renew = |(_, call)| match call {
            Call::Renew(token) => Some(token),
            _ => None,
        };
        self.calls().into_iter().filter_map(renew).collect()
    }

    /// Refuses a call whose token is not good.
    async fn admit(&self, cx: &Context<'_>) -> Result<(), PublishError> {
        if self.script().good.is_empty() {
            return Ok(());
        }
        let token = cx.token("token").await?;
        let said = format!("401: invalid token {}", token.expose_secret());
        match self.script().good.iter().any(|good| good == token.expose_secret()) {
            true => Ok(()),
            false => Err(PublishError::Auth { said }),
        }
    }

    /// Nothing can be frozen for it any more.
    pub fn refuse(&self, said: &str) {
        self.script().refuses = Some(said.to_owned());
    }

    /// Everything it was asked, with the seconds since noon.
    pub fn calls(&self) -> Vec<(i64, Call)> {
        self.script().calls.iter().map(|(when, call)| (when.duration_since(at(0)).as_secs(), call.clone())).collect()
    }

    /// When which step was sent.
    pub fn sent(&self) -> Vec<(i64, Step)> {
        let step = |(when, call)| match call {
            Call::Step(step, _) => Some((when, step)),
            _ => None,
        };
        self.calls().into_iter().filter_map(step).collect()
    }

    /// The bytes of the `Create` steps sent.
    pub fn bodies(&self) -> Vec<String> {
        let body = |(_, call)| match call {
            Call::Step(Step { op: Op::Create, .. }, body) => Some(body),
            _ => None,
        };
        self.calls().into_iter().filter_map(body).collect()
    }

    /// When it was looked up.
    pub fn looks(&self) -> Vec<i64> {
        self.calls().into_iter().filter(|(_, call)| matches!(call, Call::Find(..))).map(|(when, _)| when).collect()
    }
}

/// The first upload.
pub const UPLOAD: Step = Step { op: Op::Upload, n: 0 };
/// The first part.
pub const FIRST: Step = Step { op: Op::Create, n: 0 };
/// The second part.
pub const SECOND: Step = Step { op: Op::Create, n: 1 };

/// Who the account is, unless a trial says otherwise.
pub fn me() -> Identity {
    Identity { id: "1".to_owned(), handle: "@desk".to_owned(), ..Identity::default() }
}

#[async_trait]
impl Account for Scripted {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn recovery(&self, _identity: Option<&Identity>) -> Recovery {
        self.recovery
    }

    fn secrets(&self) -> Vec<(&'static str, SecretRef)> {
        self.secret.clone().map(|place| ("token", place)).into_iter().collect()
    }

    fn server(&self) -> Option<&Url> {
        None
    }

    fn credential_scope(&self, _credential: &Credential) -> Option<String> {
        self.credential_scope.clone()
    }

    fn app_scope(&self, _credential: &Credential) -> Option<String> {
        self.app_scope.clone()
    }

    fn consent(&self) -> Option<&dyn Consent> {
        self.consents.then_some(self)
    }

    fn sunset(&self) -> Option<(String, jiff::civil::Date)> {
        self.script().sunset.clone()
    }

    fn freeze(&self, post: &Outgoing, ids: &Ids) -> Result<Payload, (Rejection, String)> {
        if let Some(said) = &self.script().refuses {
            return Err((Rejection::Content, said.clone()));
        }
        let text = post.text.as_str().to_owned();
        let body = |step: &Step| format!("{step} {} {} {text}", ids.created, ids.seed);
        let picture = post.card.as_ref().is_some_and(|card| card.image.is_some());
        let planned = self.steps.iter().filter(|step| picture || step.op != Op::Upload);
        let steps = planned.map(|step| Planned { step: *step, body: body(step) }).collect();
        Ok(Payload { format: 1, revision: ids.revision, key: ids.seed.clone(), steps, text, link: post.link.clone() })
    }

    async fn publish(
        &self,
        cx: &Context<'_>,
        payload: &Payload,
        journal: &mut Journal<'_>,
    ) -> Result<Receipt, PublishError> {
        let mut ids = Vec::new();
        for planned in &payload.steps {
            let send = || async {
                self.note(Call::Step(planned.step, planned.body.clone()));
                let gate = self.script().gate.take();
                if let Some((entered, go)) = gate {
                    entered.send(()).expect("the trial waits for it");
                    go.await.expect("the trial lets it go on");
                }
                self.admit(cx).await?;
                let answer = self.script().steps.get_mut(&planned.step).and_then(VecDeque::pop_front);
                answer.unwrap_or_else(|| Ok(json!({ "id": format!("id of {}", planned.step) })))
            };
            let value = journal.step(planned.step, planned.body.as_bytes(), Duration::from_secs(25), send).await?;
            if planned.step.op == Op::Create {
                ids.push(value["id"].as_str().expect("the script gives ids").to_owned());
            }
        }
        let parts = if ids.len() > 1 { ids.clone() } else { Vec::new() };
        Ok(Receipt { remote_id: ids.first().cloned(), url: None, parts, at: cx.clock.now(), how: Known::Answered })
    }

    async fn amend(&self, cx: &Context<'_>, what: &Amend, _: &mut Journal<'_>) -> Result<Receipt, PublishError> {
        self.note(Call::Amend(if matches!(what, Amend::Edit { .. }) { Op::Edit } else { Op::Delete }));
        self.admit(cx).await?;
        let (Amend::Edit { receipt, .. } | Amend::Delete { receipt }) = what;
        Ok(receipt.clone())
    }

    async fn find(&self, cx: &Context<'_>, sought: &Sought<'_>) -> Result<Lookup, PublishError> {
        self.note(Call::Find(sought.step, sought.parent.map(str::to_owned)));
        self.admit(cx).await?;
        self.script().finds.pop_front().unwrap_or(Ok(Lookup::Absent))
    }

    async fn whoami(&self, cx: &Context<'_>) -> Result<Identity, ConnectError> {
        self.note(Call::Who);
        self.admit(cx).await.map_err(|error| ConnectError::Refused(error.to_string()))?;
        self.script().who.pop_front().unwrap_or_else(|| Ok(me()))
    }
}

#[async_trait]
impl Consent for Scripted {
    async fn ask(&self, _: &Context<'_>, _: &Way) -> Result<Asked, ConnectError> {
        Err(ConnectError::Refused("nobody signs in on this stage".to_owned()))
    }

    async fn exchange(&self, _: &Context<'_>, _: &Way, _: &Back) -> Result<Vec<Choice>, ConnectError> {
        Err(ConnectError::Refused("nobody signs in on this stage".to_owned()))
    }

    async fn renew(&self, _: &Context<'_>, grant: &Grant) -> Result<Grant, RenewError> {
        let refresh = grant.refresh.as_ref().map_or("", |token| token.expose_secret()).to_owned();
        self.note(Call::Renew(refresh));
        let gate = self.script().renewing.take();
        if let Some((entered, go)) = gate {
            entered.send(()).expect("the trial waits for it");
            // Where the trial lets go of its end, the answer never comes.
            if go.await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        self.script().renewals.pop_front().unwrap_or_else(|| Err(RenewError::Spent("400: invalid_grant".to_owned())))
    }

    async fn revoke(&self, _: &Context<'_>, grant: &Grant) -> Result<(), ConnectError> {
        self.note(Call::Revoke(grant.access.expose_secret().to_owned()));
        Ok(())
    }
}

/// A look-up's answer: it is out, under that id.
pub fn found(id: &str) -> Lookup {
    let receipt =
        Receipt { remote_id: Some(id.to_owned()), url: None, parts: Vec::new(), at: at(0), how: Known::Found };
    Lookup::Published { value: json!({ "id": id }), receipt }
}

/// An answer that was lost.
pub fn lost() -> PublishError {
    PublishError::Unknown { said: "reset".to_owned() }
}

/// Nothing left this machine.
pub fn not_sent() -> PublishError {
    PublishError::NotSent { said: "refused".to_owned() }
}

/// How a stage is set.
#[derive(Clone)]
pub struct Set {
    pub recovery: Recovery,
    pub steps: Vec<Step>,
    pub on_uncertain: OnUncertain,
    pub strict_order: bool,
    pub secret: Option<SecretRef>,
    pub policy: Policy,
    pub consents: bool,
}

impl Default for Set {
    fn default() -> Self {
        Self {
            recovery: Recovery::Look,
            steps: vec![FIRST],
            on_uncertain: OnUncertain::Hold,
            strict_order: false,
            secret: None,
            policy: Policy::default(),
            consents: false,
        }
    }
}

/// A store, a platform, a clock and a worker.
pub struct Stage {
    pub store: Store,
    pub clock: Arc<FakeClock>,
    pub platform: Arc<Scripted>,
    pub house: Arc<House>,
    pub channel: Channel,
    pub lane: Lane,
    place: Place,
}

impl Stage {
    /// At noon; the account has introduced itself.
    pub async fn set(set: Set) -> Self {
        let mut stage = Self::unknown(set).await;
        stage.settle().await;
        stage.platform.script().calls.clear();
        stage
    }

    /// At noon; nothing has happened yet.
    pub async fn unknown(set: Set) -> Self {
        Self::on(Place::sqlite(), set).await
    }

    /// The same on that database.
    pub async fn on(place: Place, set: Set) -> Self {
        let store = place.open().await;
        let clock = Arc::new(FakeClock::at(at(0)));
        let house = house(store.clone(), &clock);
        let platform = Arc::new(Scripted {
            script: Mutex::default(),
            clock: clock.clone(),
            recovery: set.recovery,
            steps: set.steps,
            secret: set.secret,
            credential_scope: Some("the credential".to_owned()),
            app_scope: Some("the app".to_owned()),
            consents: set.consents,
        });
        let channel = Channel {
            name: "main".into(),
            account: platform.clone(),
            policy: Arc::new(set.policy),
            picture: bugle::model::picture::Carry::Card,
            card: Default::default(),
            pictures: 1,
            on_uncertain: set.on_uncertain,
            strict_order: set.strict_order,
            budget: None,
        };
        commit!(store, |conn| channel::ensure(conn, "main", "mastodon", at(0)).await).expect("stored");
        let house = Arc::new(house);
        let lane = Lane::new(house.clone(), channel.clone());
        Self { store, clock, platform, house, channel, lane, place }
    }

    /// Another process on the same store, with the same clock and the same master key.
    pub async fn replica(&self) -> Arc<House> {
        Arc::new(house(self.place.open().await, &self.clock))
    }

    /// The worker ends and a new one takes over, as after a restart of the process.
    pub fn restart(&mut self) {
        self.lane = Lane::new(self.house.clone(), self.channel.clone());
    }

    /// An article and its scheduled post, due now.
    pub async fn post(&self, id: &str) -> PostRow {
        self.post_with(id, |_| {}).await
    }

    /// The same, changed before it is stored.
    pub async fn post_with(&self, id: &str, change: impl FnOnce(&mut Post)) -> PostRow {
        let mut article = crate::store::article(&format!("article of {id}"));
        article.entry = Entry {
            title: format!("Story of {id}"),
            link: format!("https://news.example/{id}").parse().ok(),
            image: "https://news.example/p.jpg".parse().ok().map(Image::at),
            ..Entry::default()
        };
        let mut row = crate::store::scheduled(id, article.id.as_str());
        row.post.due = self.clock.now();
        row.post.created = self.clock.now();
        change(&mut row.post);
        commit!(self.store, |conn| article::insert(conn, &article, "h", "t", &[]).await).expect("stored");
        crate::store::add(&self.store, row).await
    }

    /// Turns the worker until it has nothing to do; gives the instant it names.
    pub async fn settle(&mut self) -> Option<Timestamp> {
        for _ in 0..100 {
            match self.lane.turn().await.expect("the store works") {
                Turn::Again => {}
                Turn::Idle(until) => return until,
            }
        }
        panic!("a hundred turns and no end: {:#?}", self.platform.calls());
    }

    /// Sends what is due, stores its outcome, and does nothing about it yet.
    pub async fn settle_once(&mut self) {
        while self.platform.sent().is_empty() {
            self.lane.turn().await.expect("the store works");
        }
        self.lane.flush().await.expect("the store works");
    }

    /// Runs as the engine does until `seconds` after noon: sleeps as long as a turn says, 30 s at most.
    pub async fn run_until(&mut self, seconds: i64) {
        loop {
            let until = self.settle().await;
            let now = self.clock.now();
            if now >= at(seconds) {
                return;
            }
            let next = until.unwrap_or(Timestamp::MAX).min(now + SignedDuration::from_secs(30)).min(at(seconds));
            self.clock.set(next.max(now + SignedDuration::from_millis(1)));
        }
    }

    /// A post as it is stored.
    pub async fn row(&self, id: &str) -> PostRow {
        crate::store::one(&self.store, id).await
    }

    /// The word of its state.
    pub async fn state(&self, id: &str) -> &'static str {
        self.row(id).await.post.state.word()
    }

    /// What a held post waits for.
    pub async fn held(&self, id: &str) -> HoldReason {
        match self.row(id).await.post.state {
            PostState::Held { why, .. } => why,
            other => panic!("expected a held post, found {other:?}"),
        }
    }

    /// What proves that a post is out.
    pub async fn receipt(&self, id: &str) -> Receipt {
        match self.row(id).await.post.state {
            PostState::Published { receipt } => receipt,
            other => panic!("expected a published post, found {other:?}"),
        }
    }

    /// The channel's row.
    pub async fn channel_row(&self) -> ChannelRow {
        let mut conn = self.store.read().await.expect("a connection");
        channel::one(&mut conn, "main").await.expect("readable").expect("it is there")
    }

    /// The keys of the notices that stand, with their levels.
    pub async fn notices(&self) -> Vec<(String, String)> {
        let mut conn = self.store.read().await.expect("a connection");
        let all = bugle::store::notice::all(&mut conn).await.expect("readable");
        all.into_iter().map(|notice| (notice.level, notice.key)).collect()
    }

    /// The outcomes of a post's attempts.
    pub async fn attempts(&self, id: &str) -> Vec<attempt::AttemptRow> {
        let mut conn = self.store.read().await.expect("a connection");
        attempt::of(&mut conn, id).await.expect("readable")
    }

    /// Somebody else writes over a post.
    pub async fn change(&self, id: &str, change: impl FnOnce(Post) -> Post) {
        let row = self.row(id).await;
        let mut next = row.clone();
        next.post = change(row.post.clone());
        let by = Actor::Person("ada".to_owned());
        commit!(self.store, |conn| post::put(conn, &row, &next, at(0), &by, "the trial").await).expect("written");
    }
}

/// What all channels of a process share.
pub fn house(store: Store, clock: &Arc<FakeClock>) -> House {
    let key = "07".repeat(32);
    let http = Http::build(&bugle::http::Settings::default(), &[], clock.clone()).expect("plain settings");
    House {
        store,
        studio: Workshop { http: http.clone(), brand: Arc::new(Brand::plain("The Trial")), scale: 1.0, shelf: None },
        http,
        vault: Arc::new(Vault::with_key(&key.into()).expect("a key of 32 bytes")),
        clock: clock.clone(),
        worker: WorkerId::fresh(),
        zone: TimeZone::UTC,
        newsroom: "The Trial".to_owned(),
        language: None,
        templates: Templates::load(None).expect("the built-in templates are sound"),
        words: bugle::compose::words::Words::default(),
        scale: 1.0,
        metrics: Arc::new(Metrics::new()),
    }
}

/// A notice as [`Stage::notices`] gives it.
pub fn says(level: notice::Level, key: &str) -> (String, String) {
    (level.as_str().to_owned(), key.to_owned())
}

/// Ids of another article or post.
pub fn ids(id: &str) -> (PostId, ArticleId) {
    (PostId::new(id), ArticleId::new(format!("article of {id}")))
}
