//! What a platform shows the suite: its fake, its keys, the names of its endpoints, how its refusals look, what of the
//! platform readers see. One file a platform implements it; no trial is written there.

use std::sync::LazyLock;
use std::time::Duration;

use bugle::clock::SharedClock;
use bugle::model::picture::Carry;
use bugle::model::receipt::Op;
use bugle::platform::{PauseScopeKind, Recovery};
use regex::Regex;

use crate::fakes::fault::{Script, Wait};
use crate::fakes::http::{Reply, Request};
use crate::fakes::{Fake, Rules, Seen};
use crate::ledger::Ledger;

/// Builds a stand whose fakes go by that clock.
pub type Make = fn(SharedClock) -> Box<dyn Stand>;

/// Names of endpoints.
pub type Names = &'static [&'static str];

/// A fake, whatever its rules.
pub trait Server: Send + Sync {
    /// Its address as `host:port`.
    fn host(&self) -> String;
    /// What readers saw.
    fn ledger(&self) -> &Ledger;
    /// Every request so far.
    fn seen(&self) -> Vec<Seen>;
    /// Asked about every request.
    fn script(&self, script: Script);
}

impl<R: Rules> Server for Fake<R> {
    fn host(&self) -> String {
        Self::host(self)
    }

    fn ledger(&self) -> &Ledger {
        Self::ledger(self)
    }

    fn seen(&self) -> Vec<Seen> {
        Self::seen(self)
    }

    fn script(&self, script: Script) {
        Self::script(self, script);
    }
}

/// The endpoints by what they do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ends {
    /// Makes a part visible.
    pub create: Names,
    /// Sends a picture; where a picture goes with the message itself, what sends both.
    pub upload: Names,
    /// Prepares a post without showing it: a container. Its refusals are those of the post.
    pub prepare: Names,
    /// Reads what is out.
    pub find: Names,
    /// Changes it.
    pub edit: Names,
    /// Takes it down.
    pub delete: Names,
    /// Says who we are.
    pub who: Names,
}

/// The classes of refusal that a platform has answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The token is refused.
    Auth,
    /// A person must act; this channel stops.
    Forbidden,
    /// A person must act; every channel of the app stops.
    Credits,
    /// The account is gone.
    Gone,
    /// This content will never pass.
    Rejected,
    /// Said to be out already.
    Duplicate,
    /// Not in any list.
    Unlisted,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Auth, Self::Forbidden, Self::Credits, Self::Gone, Self::Rejected, Self::Duplicate, Self::Unlisted];
}

/// One answer that says no.
pub struct Refusal {
    /// What it means.
    pub class: Class,
    /// As the platform writes it.
    pub reply: Reply,
    /// Where it comes; [`Ends::create`] where empty.
    pub at: Names,
}

impl Refusal {
    /// At the endpoint that makes the post visible.
    pub const fn new(class: Class, reply: Reply) -> Self {
        Self { class, reply, at: &[] }
    }
}

/// A limit told in a way of the platform's own.
pub struct Limit {
    /// For the message of a failed trial.
    pub what: &'static str,
    /// The answer.
    pub reply: Reply,
    /// How long it rests, in seconds; `None`: Bugle's own wait.
    pub rest: Option<i64>,
    /// How far it reaches.
    pub reach: PauseScopeKind,
}

/// What proves that a post is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// An answer that names it.
    Id,
    /// An answer that names it in a header, and has no body that could break off.
    Header,
    /// A word of the platform's own, which names nothing.
    Word,
    /// The status alone.
    Status,
}

/// Something in a post that is more than text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Somebody is called.
    Mention(String),
    /// It leads somewhere.
    Link(String),
    /// It changes how the text looks.
    Markup(String),
}

/// What the platform makes of plain text by itself, as its readers see it: patterns written from its documentation. The
/// first group is what stands there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Eye {
    /// A mention.
    pub mention: Option<&'static str>,
    /// A link.
    pub link: Option<&'static str>,
    /// Markup.
    pub markup: Option<&'static str>,
}

/// Links with a scheme, wherever they lead.
pub const WITH_SCHEME: &str = r#"(?i)(https?://[^\s<>"|]+)"#;
/// Links with a scheme to a name of the public Internet.
pub const PUBLIC: &str = r#"(?i)(https?://(?:[a-z0-9-]+\.)+(?:com|org|net|io|az|info)(?:$|[^\w.-][^\s<>"|]*))"#;
/// The same, and bare names of the public Internet.
pub const BARE: &str =
    r#"(?i)((?:https?://|(?:^|[^\w@./:-]))(?:[a-z0-9-]+\.)+(?:com|org|net|io|az|info)(?:$|[^\w.-]))"#;
/// Links with a scheme to any name with a dot in it, and bare names of the public Internet.
pub const ANY: &str = r#"(?i)(https?://[^\s<>"|/]+\.[^\s<>"|]+|(?:^|[^\w@./:-])(?:[a-z0-9-]+\.)+(?:com|org|net|io|az|info)(?:$|[^\w.-]))"#;

impl Eye {
    /// What it sees.
    pub fn see(&self, text: &str) -> Vec<Sign> {
        let all = |pattern: Option<&str>, make: fn(String) -> Sign| -> Vec<Sign> {
            let Some(pattern) = pattern else { return Vec::new() };
            let pattern = Regex::new(pattern).expect("a stand's pattern is fixed");
            let found = pattern.captures_iter(text).filter_map(|found| found.get(1));
            found.map(|found| make(found.as_str().to_owned())).collect()
        };
        [all(self.mention, Sign::Mention), all(self.link, Sign::Link), all(self.markup, Sign::Markup)].concat()
    }
}

/// A place for secrets; the config names the files.
pub struct Secrets(tempfile::TempDir);

impl Secrets {
    /// An empty one.
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder can be made"))
    }

    /// Keeps one and gives where it is, as TOML.
    pub fn put(&self, name: &str, value: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, value).expect("a temporary folder can be written to");
        format!("{{ file = {path:?} }}")
    }
}

/// One way to connect to one platform.
pub trait Stand: Send + Sync {
    /// The platform's word in the config.
    fn platform(&self) -> &'static str;

    /// Which of its accounts it is, for the table of the documentation, where they differ: "without read access".
    fn variant(&self) -> &'static str {
        ""
    }

    /// The channel's own keys, values as TOML.
    fn keys(&self, secrets: &Secrets) -> Vec<(&'static str, String)>;

    /// The fake that shows the posts; `None` where nothing leaves the process.
    fn server(&self) -> Option<&dyn Server>;

    /// Other fakes that it talks to.
    fn others(&self) -> Vec<&dyn Server> {
        Vec::new()
    }

    /// What to keep for the channel before it is used first, by word: what a person's consent would have left.
    fn kept(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The endpoints of [`server`](Self::server).
    fn ends(&self) -> Ends;

    /// How doubt is settled here.
    fn recovery(&self) -> Recovery;

    /// How its posts carry a picture where a trial is not about that.
    fn carry(&self) -> Carry {
        Carry::Card
    }

    /// `[timing] scale` of trials in which nothing hangs: small where the adapter waits for the platform between steps.
    fn scale(&self) -> f64 {
        1.0
    }

    /// Texts of exactly the limit, counted by hand.
    fn at_limit(&self) -> Vec<String>;

    /// Texts one unit above it.
    fn above_limit(&self) -> Vec<String>;

    /// Whether the platform itself refuses what is above the limit; `false` where the limit is Bugle's own, or nobody states
    /// one that is kept.
    fn counts(&self) -> bool {
        true
    }

    /// What its platform can do with a post that is out, and this account cannot.
    fn cannot(&self) -> &'static [Op] {
        &[]
    }

    /// Its refusals: one of each class at least, but for [`lacks`](Self::lacks).
    fn refusals(&self) -> Vec<Refusal>;

    /// The classes it has no answer for, and why.
    fn lacks(&self) -> &'static [(Class, &'static str)];

    /// Its own answer over a limit that tells the wait so; `None` where it has no such form.
    fn too_many(&self, wait: Wait) -> Option<Reply>;

    /// How long it rests by an answer of its own or of a gateway that tells the wait so; `asked` is what the wait says in
    /// seconds, `None` where it says nothing usable and the wait is Bugle's own.
    fn rest(&self, _wait: Wait, asked: Option<i64>) -> Option<i64> {
        asked
    }

    /// How far those limits reach.
    fn reach(&self) -> PauseScopeKind {
        PauseScopeKind::Channel
    }

    /// How far a limit reaches that a gateway before the platform tells.
    fn gateway_reach(&self) -> PauseScopeKind {
        self.reach()
    }

    /// Limits told in another way.
    fn more_limits(&self) -> Vec<Limit> {
        Vec::new()
    }

    /// The access token runs out, and can be renewed without a person; `false`: there is no such thing here.
    fn expire(&self) -> bool {
        false
    }

    /// Somebody takes the token away. `false`: there is nothing to take away.
    fn revoke(&self) -> bool;

    /// And gives it back.
    fn restore(&self);

    /// From now on what is made shows in look-ups this much later; `false`: it always shows at once.
    fn lag(&self, _by: Duration) -> bool {
        false
    }

    /// The last post appears a second time, by another hand; `false`: it cannot.
    fn twin(&self) -> bool {
        false
    }

    /// Whether a picture is named by its address and never sent: then nobody here knows whether it can be had.
    fn names_pictures(&self) -> bool {
        false
    }

    /// How many posts of its own a picture becomes: none, where it is part of the post.
    fn apart(&self) -> usize {
        0
    }

    /// The alternative texts of the pictures of the newest post; an empty text for a picture that carries none.
    fn pictures(&self) -> Vec<String> {
        Vec::new()
    }

    /// What it answers to a picture that it will never take.
    fn refused_picture(&self) -> Option<Reply> {
        None
    }

    /// What of the newest post was marked as more than text by the request itself.
    fn marked(&self) -> Vec<Sign>;

    /// What the platform makes of the text beside.
    fn eye(&self) -> Eye;

    /// What proves that a post is out.
    fn proof(&self) -> Proof {
        Proof::Id
    }
}

/// The last request to those endpoints that was carried out, with a 2xx.
pub fn last(server: &dyn Server, ends: Names) -> Option<Request> {
    let mut seen = server.seen();
    seen.retain(|seen| ends.contains(&seen.endpoint) && seen.outcome.is_some_and(|status| status < 300));
    seen.pop().map(|seen| seen.request)
}

/// A request without that header.
pub fn without(mut request: Request, header: &str) -> Request {
    request.headers.retain(|(name, _)| name != header);
    request
}

/// Characters that turn the direction of the text around them.
pub fn turns(text: &str) -> Vec<char> {
    static TURNS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new("[\u{200E}\u{200F}\u{202A}-\u{202E}\u{2066}-\u{2069}]").expect("the pattern is fixed")
    });
    TURNS.find_iter(text).flat_map(|found| found.as_str().chars()).collect()
}
