//! What the fakes of Facebook, Instagram and Threads share: Meta's error envelope, tokens with their proof, usage
//! headers, the containers of the two steps, pictures that are fetched as Meta fetches them, and the sign-in.
//! Written from Meta's documentation and from reports of how it behaves, never from Bugle's code.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::http::{Reply, Request, find};

/// The app's number.
pub const APP_ID: &str = "990011";
/// The app's secret.
pub const APP_SECRET: &str = "0123456789abcdef0123456789abcdef";

/// An error as Meta words it: 400, whatever it is about.
pub fn refusal(code: i64, subcode: i64, message: &str) -> Reply {
    Reply::json(
        400,
        &json!({"error": {"message": message, "type": "OAuthException", "code": code, "error_subcode": subcode,
            "is_transient": false, "fbtrace_id": "AfAkE1"}}),
    )
}

/// A bad parameter.
pub fn bad(message: &str) -> Reply {
    refusal(100, 0, &format!("(#100) {message}"))
}

/// The texts of a form or of JSON; a field that is not among the known is refused.
pub fn fields(request: &Request, known: &[&str]) -> Result<BTreeMap<String, String>, Reply> {
    let all: Map<String, Value> = request.fields().ok_or_else(|| bad("the body is neither a form nor JSON"))?;
    let mut found = BTreeMap::new();
    for (name, value) in all {
        let bare = name.split('[').next().unwrap_or_default();
        if !known.contains(&name.as_str()) && !known.contains(&bare) {
            return Err(bad(&format!("Unknown parameter {name}")));
        }
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        found.insert(name, value);
    }
    Ok(found)
}

/// A token's owner.
#[derive(Clone, Debug)]
pub struct Owner {
    /// The account's number.
    pub account: String,
    /// When the token was made.
    pub issued: Timestamp,
    /// Whether it lasts: a short one cannot be renewed.
    pub lasts: bool,
}

/// Who is let in.
pub struct Gate {
    tokens: BTreeMap<String, Owner>,
    codes: BTreeMap<String, String>,
    next: u64,
    /// Whether a call without the app's proof is refused.
    pub require_proof: bool,
    /// What the usage headers say: percent, and minutes to regain.
    pub usage: Option<(u32, u32)>,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            tokens: BTreeMap::new(),
            codes: BTreeMap::new(),
            next: 17_841_400_000_000,
            require_proof: false,
            usage: None,
        }
    }
}

impl Gate {
    /// A fresh number.
    pub fn fresh(&mut self) -> String {
        self.next += 1;
        self.next.to_string()
    }

    /// A token of that account.
    pub fn token(&mut self, account: &str, issued: Timestamp, lasts: bool) -> String {
        let token = format!("EAAG{}{account}", self.fresh());
        self.tokens.insert(token.clone(), Owner { account: account.to_owned(), issued, lasts });
        token
    }

    /// A token that died works again.
    pub fn give_back(&mut self, token: &str, account: &str) {
        let owner = Owner { account: account.to_owned(), issued: Timestamp::UNIX_EPOCH, lasts: true };
        self.tokens.insert(token.to_owned(), owner);
    }

    /// All tokens die.
    pub fn revoke(&mut self) {
        self.tokens.clear();
    }

    /// The owner of a token.
    pub fn owner(&self, token: &str) -> Option<&Owner> {
        self.tokens.get(token)
    }

    /// Whose token the request carries, its proof included.
    pub fn enter(&self, request: &Request) -> Result<Owner, Reply> {
        let token = request.bearer().or_else(|| request.query("access_token")).unwrap_or_default();
        let Some(owner) = self.tokens.get(token) else {
            return Err(refusal(190, 467, "Invalid OAuth access token - Cannot parse access token"));
        };
        match request.query("appsecret_proof") {
            Some(sent) if sent != proof(token) => Err(bad("Invalid appsecret_proof provided in the API argument")),
            None if self.require_proof => Err(bad("API calls from the server require an appsecret_proof argument")),
            _ => Ok(owner.clone()),
        }
    }

    /// The answer with its usage headers.
    pub fn stamp(&self, reply: Reply) -> Reply {
        let Some((percent, minutes)) = self.usage else { return reply };
        let app = json!({"call_count": percent, "total_time": 1, "total_cputime": 2}).to_string();
        let entry = json!({"type": "pages", "call_count": percent, "total_cputime": 1, "total_time": 1,
            "estimated_time_to_regain_access": minutes});
        let business = json!({"4242": [entry]}).to_string();
        reply.header("X-App-Usage", app).header("X-Business-Use-Case-Usage", business)
    }

    /// A person who consents at once, as that account.
    pub fn consent(&mut self, request: &Request, account: &str) -> Reply {
        let get = |name: &str| request.query(name).unwrap_or_default();
        let redirect = get("redirect_uri").to_owned();
        if get("client_id") != APP_ID || get("response_type") != "code" || get("state").is_empty() {
            return bad("client_id, response_type or state is missing or wrong");
        }
        let Ok(mut to) = url::Url::parse(&redirect) else { return bad("redirect_uri is no URL") };
        let code = format!("AQ{}", self.fresh());
        self.codes.insert(code.clone(), format!("{account} {redirect}"));
        to.query_pairs_mut().append_pair("code", &code).append_pair("state", get("state"));
        to.set_fragment(Some("_"));
        Reply::empty(302).header("Location", to.as_str())
    }

    /// Takes a code: once, from the app that asked, with the very redirect URI. The account that consented.
    pub fn redeem(&mut self, form: &BTreeMap<String, String>) -> Result<String, Reply> {
        let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if get("client_id") != APP_ID || get("client_secret") != APP_SECRET {
            return Err(refusal(101, 0, "Error validating client secret."));
        }
        let kept = self.codes.remove(get("code")).unwrap_or_default();
        match kept.split_once(' ') {
            Some((account, redirect)) if redirect == get("redirect_uri") => Ok(account.to_owned()),
            _ => Err(refusal(100, 36_009, "This authorization code has been used.")),
        }
    }

    /// A long token for a short one (`th_exchange_token`, `ig_exchange_token`).
    pub fn lengthen(&mut self, request: &Request, grant_type: &str, now: Timestamp) -> Reply {
        let get = |name: &str| request.query(name).unwrap_or_default();
        if get("grant_type") != grant_type || get("client_secret") != APP_SECRET {
            return bad("grant_type or client_secret is missing or wrong");
        }
        let Some(owner) = self.tokens.remove(get("access_token")) else {
            return refusal(190, 463, "Session has expired");
        };
        let token = self.token(&owner.account, now, true);
        Reply::json(200, &json!({"access_token": token, "token_type": "bearer", "expires_in": 5_184_000}))
    }

    /// A new long token for one that is at least a day old.
    pub fn refresh(&mut self, request: &Request, grant_type: &str, now: Timestamp) -> Reply {
        if request.query("grant_type") != Some(grant_type) {
            return bad("grant_type is missing or wrong");
        }
        let old = request.query("access_token").unwrap_or_default();
        let Some(owner) = self.tokens.get(old).filter(|owner| owner.lasts).cloned() else {
            return refusal(190, 463, "Session has expired");
        };
        if now.duration_since(owner.issued) < SignedDuration::from_hours(24) {
            return bad("The access token must be at least 24 hours old");
        }
        let token = self.token(&owner.account, now, true);
        Reply::json(200, &json!({"access_token": token, "token_type": "bearer", "expires_in": 5_184_000}))
    }
}

/// What proves the app's secret for a token.
pub fn proof(token: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(APP_SECRET.as_bytes()).expect("a key of any length");
    mac.update(token.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A time as the Graph API writes it.
pub fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string()
}

/// A picture on its way: fetched on a thread of its own, as Meta fetches after its answer.
pub type Fetched = Arc<Mutex<Option<Result<Vec<u8>, String>>>>;

/// Begins to fetch a picture.
pub fn fetch(url: &str) -> Fetched {
    let (kept, url) = (Fetched::default(), url.to_owned());
    let into = Arc::clone(&kept);
    std::thread::spawn(move || {
        let got = get(&url);
        *super::lock(&into) = Some(got);
    });
    kept
}

/// One GET without redirects; the body of a 200.
fn get(url: &str) -> Result<Vec<u8>, String> {
    let url = url::Url::parse(url).map_err(|e| e.to_string())?;
    let host = format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(80));
    let mut stream = std::net::TcpStream::connect(&host).map_err(|e| e.to_string())?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).map_err(|e| e.to_string())?;
    let request = format!("GET {} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", url.path());
    stream.write_all(request.as_bytes()).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    let end = find(&bytes, b"\r\n\r\n").ok_or("no head")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    match head.split(' ').nth(1) {
        Some("200") => Ok(bytes.split_off(end + 4)),
        status => Err(format!("status {status:?}")),
    }
}

/// What has become of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Being processed.
    InProgress,
    /// Ready.
    Finished,
    /// A post by now: its id.
    Published(String),
    /// It failed.
    Error(String),
    /// A day old and not published.
    Expired,
}

impl State {
    /// Its word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Finished => "FINISHED",
            Self::Published(_) => "PUBLISHED",
            Self::Error(_) => "ERROR",
            Self::Expired => "EXPIRED",
        }
    }
}

/// A container.
#[derive(Clone, Debug)]
pub struct Container {
    /// Its account.
    pub account: String,
    /// What it was asked for with.
    pub form: BTreeMap<String, String>,
    /// Its picture.
    pub picture: Option<Fetched>,
    /// What has become of it.
    pub state: State,
    /// How often its state was asked for.
    pub polls: u32,
}

/// A post of the two steps.
#[derive(Clone, Debug)]
pub struct Posted {
    /// Its number.
    pub id: String,
    /// Its account.
    pub account: String,
    /// Its container's form.
    pub form: BTreeMap<String, String>,
    /// When it became visible.
    pub at: Timestamp,
}

/// The containers and posts of a platform.
#[derive(Default)]
pub struct Boxes {
    /// By number.
    pub containers: BTreeMap<String, Container>,
    /// In order.
    pub posts: Vec<Posted>,
    /// How often a container's state is asked for before it is ready.
    pub slow: u32,
    /// So many publications are answered as if there were no such container, though it is ready.
    pub unseen: u32,
    /// The containers made next fail with these words.
    pub failing: Vec<String>,
    /// How long a post stays out of its account's list.
    pub lag: Duration,
    /// Posts of a day.
    pub quota: usize,
}

impl Boxes {
    /// What a container's state is now, asked for once more.
    pub fn state(&mut self, id: &str, check: impl Fn(&[u8]) -> Result<(), String>) -> Option<State> {
        let slow = self.slow;
        let container = self.containers.get_mut(id)?;
        container.polls += 1;
        if container.state == State::InProgress && container.polls > slow {
            container.state = match &container.picture {
                None => State::Finished,
                Some(fetched) => match super::lock(fetched).as_ref() {
                    None => State::InProgress,
                    Some(Err(why)) => State::Error(format!("Media could not be fetched from this URI: {why}")),
                    Some(Ok(bytes)) => check(bytes).map_or_else(State::Error, |()| State::Finished),
                },
            };
        }
        Some(container.state.clone())
    }

    /// Keeps a container.
    pub fn keep(&mut self, id: &str, account: &str, form: BTreeMap<String, String>) {
        let picture = form.get("image_url").map(|url| fetch(url));
        let state = match self.failing.is_empty() {
            true => State::InProgress,
            false => State::Error(self.failing.remove(0)),
        };
        let container = Container { account: account.to_owned(), form, picture, state, polls: 0 };
        self.containers.insert(id.to_owned(), container);
    }

    /// A day passes for all that is not published.
    pub fn expire(&mut self) {
        for container in self.containers.values_mut() {
            if matches!(container.state, State::InProgress | State::Finished) {
                container.state = State::Expired;
            }
        }
    }

    /// Whether these are 2 to `most` containers of items that are ready.
    pub fn are_children(&self, children: &str, most: usize) -> bool {
        let ids: Vec<&str> = children.split(',').collect();
        let ready = |id: &&str| {
            self.containers.get(*id).is_some_and(|child| {
                child.state == State::Finished && child.form.get("is_carousel_item").is_some_and(|it| it == "true")
            })
        };
        (2..=most).contains(&ids.len()) && ids.iter().all(ready)
    }

    /// What a day's limit says.
    pub fn told(&self, account: &str, now: Timestamp) -> Value {
        let day = SignedDuration::from_hours(24);
        let used = self.posts.iter().filter(|it| it.account == account && now.duration_since(it.at) < day).count();
        json!({"data": [{"quota_usage": used, "config": {"quota_total": self.quota, "quota_duration": 86_400}}]})
    }

    /// A page of the own list, newest first.
    pub fn list(
        &self,
        request: &Request,
        account: &str,
        now: Timestamp,
        wanted: impl Fn(&Posted) -> bool,
        show: impl Fn(&Posted) -> Value,
    ) -> Reply {
        let number = |name: &str| request.query(name).and_then(|text| text.parse::<i64>().ok());
        let limit = usize::try_from(number("limit").unwrap_or(25).clamp(1, 100)).unwrap_or(25);
        let since = number("since").unwrap_or(0);
        let visible = |post: &&Posted| {
            post.account == account
                && wanted(post)
                && now.duration_since(post.at).unsigned_abs() >= self.lag
                && post.at.as_second() >= since
        };
        let all: Vec<&Posted> = self.posts.iter().rev().filter(visible).collect();
        let from = request.query("after").and_then(|after| after.parse::<usize>().ok()).unwrap_or(0);
        let shown: Vec<Value> = all.iter().skip(from).take(limit).map(|post| show(post)).collect();
        let end = from + shown.len();
        let mut paging = json!({"cursors": {"before": from.to_string(), "after": end.to_string()}});
        if end < all.len() {
            paging["next"] = json!("https://graph.example/next");
        }
        Reply::json(200, &json!({"data": shown, "paging": paging}))
    }
}
