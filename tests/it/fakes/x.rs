//! X as its API v2 documents it (OpenAPI 2.167 of 2026-08-22; facts in docs of the adapter): posts, own timeline, media,
//! OAuth 1.0a signatures checked with code of this file's own, OAuth 2.0 by `oauth`. Stricter than X where leniency would
//! hide a fault. What a text weighs is in `count`; which names a request may have, in `contract`.

mod contract;
mod count;

use std::collections::{BTreeMap, HashSet};
use std::ops::Deref;
use std::time::Duration;

use base64::Engine as _;
use bugle::clock::SharedClock;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use sha1::{Digest as _, Sha1};

pub use self::count::links;
use self::count::{shortened, weight};
use super::fault::Wait;
use super::http::{Reply, Request};
use super::oauth::{App, OAuth};
use super::{Fake, Rules};
use crate::ledger::{Entry, Event, Ledger};

/// Makes a post.
pub const CREATE: &str = "create";
/// Reads the own timeline.
pub const LOOK: &str = "look";
/// Takes a post down.
pub const DELETE: &str = "delete";
/// Who am I.
pub const ME: &str = "me";
/// Takes a picture.
pub const UPLOAD: &str = "upload";
/// Tells how far a picture is.
pub const READY: &str = "upload_status";
/// Takes a picture's alternative text.
pub const METADATA: &str = "metadata";
/// Where a person consents.
pub const AUTHORIZE: &str = "authorize";
/// Gives tokens.
pub const TOKEN: &str = "token";
/// Takes them back.
pub const REVOKE: &str = "revoke";
/// Anything else.
pub const OTHER: &str = "other";

const PLATFORM: &str = "x";
/// Weighted length of a post. Source: twitter-text config v3.
const LIMIT: usize = 280;
/// How far a signature's time may be off.
const SIGNATURE_AGE_S: i64 = 300;

/// The four keys of OAuth 1.0a and whose they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    pub consumer_key: String,
    pub consumer_secret: String,
    pub token: String,
    pub token_secret: String,
    pub user_id: String,
    pub username: String,
}

#[derive(Clone, Debug)]
struct Tweet {
    id: u64,
    user: String,
    text: String,
    parent: Option<String>,
    at: Timestamp,
}

/// The state behind the API.
pub struct X {
    ledger: Ledger,
    accounts: Vec<Keys>,
    nonces: HashSet<(String, String)>,
    tweets: Vec<Tweet>,
    media: BTreeMap<String, usize>,
    /// How often a picture is asked for before X has processed it; 0: at once.
    pub slow: u32,
    /// Whether the processing fails.
    pub broken: bool,
    working: BTreeMap<String, u32>,
    next: u64,
    /// How long a new post stays out of the timeline.
    pub lag: Duration,
    /// Whether the same text a second time is refused. On by default, as on X; not a promise of X's.
    pub duplicate_guard: bool,
    /// Whether tokens are refused as revoked.
    pub revoked: bool,
    /// Its OAuth 2.0.
    pub oauth: OAuth,
    /// How many posts may be made in a window that begins with the first of them; `None`: nobody counts.
    pub rate: Option<(usize, Duration)>,
    /// When the window began, and the posts asked for in it.
    window: Option<(Timestamp, usize)>,
}

/// A running fake X.
pub struct FakeX(Fake<X>);

impl Deref for FakeX {
    type Target = Fake<X>;
    fn deref(&self) -> &Fake<X> {
        &self.0
    }
}

impl FakeX {
    /// With the account `newsroom`.
    pub fn start() -> Self {
        Self::with_clock(super::machine_clock())
    }

    /// With a clock shared with the test.
    pub fn with_clock(clock: SharedClock) -> Self {
        Self(Fake::with_clock(clock, X::new))
    }

    /// The keys of an account, which is opened where there is none of that name.
    pub fn account(&self, username: &str) -> Keys {
        let mut rules = self.rules();
        if let Some(keys) = rules.accounts.iter().find(|keys| keys.username == username) {
            return keys.clone();
        }
        let user_id = (7001 + rules.accounts.len()).to_string();
        let keys = Keys {
            consumer_key: "consumer-key".to_owned(),
            consumer_secret: "consumer secret & more".to_owned(),
            token: format!("{user_id}-token"),
            token_secret: format!("secret of {username}"),
            username: username.to_owned(),
            user_id,
        };
        rules.accounts.push(keys.clone());
        keys
    }

    /// Registers an app for OAuth 2.0 with that one redirect URI.
    pub fn app(&self, id: &str, secret: Option<&str>, redirect: &str) {
        let app = App { id: id.to_owned(), secret: secret.map(str::to_owned), redirects: vec![redirect.to_owned()] };
        self.rules().oauth.apps.push(app);
    }

    /// What X answers over its rate limit.
    pub fn too_many(wait: Wait) -> Reply {
        wait.on(problem(429, "about:blank", "Too Many Requests", "Too Many Requests"))
    }

    /// Prepaid credits are exhausted.
    pub fn no_credits() -> Reply {
        let kind = "https://api.twitter.com/2/problems/credits";
        problem(
            402,
            kind,
            "CreditsDepleted",
            "Your enrolled account does not have any credits to fulfill this request.",
        )
    }

    /// The account is suspended.
    pub fn suspended() -> Reply {
        Reply::json(
            403,
            &json!({"errors": [{"code": 64, "message": "Your account is suspended and is not permitted to access this feature."}]}),
        )
    }
}

fn problem(status: u16, kind: &str, title: &str, detail: &str) -> Reply {
    Reply::json(status, &json!({"type": kind, "title": title, "detail": detail, "status": status}))
        .header("Content-Type", "application/problem+json")
}

fn invalid(detail: &str) -> Reply {
    problem(400, "https://api.twitter.com/2/problems/invalid-request", "Invalid Request", detail)
}

fn unauthorized(why: &str) -> Reply {
    problem(401, "about:blank", "Unauthorized", "Unauthorized").header("X-Fake-Why", why)
}

impl X {
    fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            accounts: Vec::new(),
            nonces: HashSet::new(),
            tweets: Vec::new(),
            media: BTreeMap::new(),
            slow: 0,
            broken: false,
            working: BTreeMap::new(),
            next: 1_880_000_000_000_000_001,
            lag: Duration::ZERO,
            duplicate_guard: true,
            revoked: false,
            oauth: OAuth::new(),
            rate: None,
            window: None,
        }
    }

    /// A signed request may be shown again.
    pub fn forget_nonces(&mut self) {
        self.nonces.clear();
    }

    fn fresh_id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Whose the request is, by its OAuth 1.0a signature (RFC 5849 section 3).
    fn signer(&mut self, request: &Request, now: Timestamp) -> Result<Keys, String> {
        let header = request.header("authorization").ok_or("no Authorization")?;
        let list = header.strip_prefix("OAuth ").ok_or("not OAuth 1.0a")?;
        let mut oauth = BTreeMap::new();
        for pair in list.split(',') {
            let (name, value) = pair.trim().split_once('=').ok_or("a pair without =")?;
            let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).ok_or("a value without quotes")?;
            if oauth.insert(decode(name)?, decode(value)?).is_some() {
                return Err(format!("{name} twice"));
            }
        }
        let known = ["consumer_key", "nonce", "signature", "signature_method", "timestamp", "token", "version"];
        if let Some(stranger) = oauth.keys().find(|k| k.strip_prefix("oauth_").is_none_or(|k| !known.contains(&k))) {
            return Err(format!("{stranger} is no parameter of a signed request"));
        }
        let get = |name: &str| oauth.get(name).cloned().ok_or(format!("no {name}"));
        if get("oauth_signature_method")? != "HMAC-SHA1" || oauth.get("oauth_version").is_some_and(|v| v != "1.0") {
            return Err("neither HMAC-SHA1 nor version 1.0".to_owned());
        }
        let time: i64 = get("oauth_timestamp")?.parse().map_err(|_| "oauth_timestamp is no number")?;
        if (now.as_second() - time).abs() > SIGNATURE_AGE_S {
            return Err(format!("signed at {time}, now is {}", now.as_second()));
        }
        let nonce = get("oauth_nonce")?;
        if nonce.len() < 8 {
            return Err("the nonce is too short to be one".to_owned());
        }
        let (consumer, token) = (get("oauth_consumer_key")?, get("oauth_token")?);
        let keys = self.accounts.iter().find(|keys| keys.token == token && keys.consumer_key == consumer);
        let keys = keys.ok_or("unknown keys")?.clone();

        let mut pairs: Vec<(String, String)> = request.query.iter().map(|(n, v)| (encode(n), encode(v))).collect();
        pairs.extend(oauth.iter().filter(|(n, _)| *n != "oauth_signature").map(|(n, v)| (encode(n), encode(v))));
        if request.content_type() == "application/x-www-form-urlencoded" {
            pairs.extend(request.form().iter().map(|(n, v)| (encode(n), encode(v))));
        }
        pairs.sort();
        let joined = pairs.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join("&");
        let host = request.header("host").ok_or("no Host")?.to_ascii_lowercase();
        let path = request.target.split('?').next().unwrap_or_default();
        let base = format!("{}&{}&{}", request.method, encode(&format!("http://{host}{path}")), encode(&joined));
        let secret = format!("{}&{}", encode(&keys.consumer_secret), encode(&keys.token_secret));
        let expected = base64::engine::general_purpose::STANDARD.encode(hmac_sha1(secret.as_bytes(), base.as_bytes()));
        if get("oauth_signature")? != expected {
            return Err(format!("signature differs; the base string is {base}"));
        }
        if !self.nonces.insert((nonce, time.to_string())) {
            return Err("nonce used twice".to_owned());
        }
        if self.revoked {
            return Err("revoked".to_owned());
        }
        Ok(keys)
    }

    /// Whose the request is, by its OAuth 2.0 token, and whether the token's scopes allow it.
    fn bearer(&mut self, token: &str, request: &Request, now: Timestamp) -> Result<Keys, String> {
        if request.query.iter().any(|(name, _)| name == "access_token") {
            return Err("a token in the address".to_owned());
        }
        let (username, scope) = self.oauth.holder(token, now)?;
        let needed = contract::call(request).map_or(&[][..], |call| &call.scopes);
        if let Some(missing) = needed.iter().find(|needed| !scope.split(' ').any(|given| given == *needed)) {
            return Err(format!("the token has no {missing}"));
        }
        let user_id = match self.accounts.iter().find(|keys| keys.username == username) {
            Some(known) => known.user_id.clone(),
            // An account of its own for each name, the same each time.
            None => username.bytes().fold(8_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 1_000_000_007).to_string(),
        };
        let (none, token) = (String::new(), token.to_owned());
        Ok(Keys {
            consumer_key: none.clone(),
            consumer_secret: none.clone(),
            token,
            token_secret: none,
            user_id,
            username,
        })
    }

    fn create(&mut self, request: &Request, keys: &Keys, now: Timestamp) -> Reply {
        if request.content_type() != "application/json" {
            return invalid("Content-Type must be application/json");
        }
        let Some(Value::Object(body)) = request.json() else { return invalid("the body is no JSON object") };
        let (text, media, parent) = match (text_of(&body), self.media_of(&body), self.parent_of(&body)) {
            (Ok(text), Ok(media), Ok(parent)) => (text, media, parent),
            (Err(fault), _, _) | (_, Err(fault), _) | (_, _, Err(fault)) => return invalid(&fault),
        };
        if text.is_empty() && media == 0 {
            return invalid("Text or media is required");
        }
        let not_permitted =
            || problem(403, "about:blank", "Forbidden", "You are not permitted to perform this action.");
        if weight(&text) > LIMIT || text.contains(['\u{fffe}', '\u{feff}', '\u{ffff}']) {
            return not_permitted();
        }
        let same = |t: &Tweet| t.user == keys.user_id && t.text == text && t.parent == parent;
        if self.duplicate_guard && self.tweets.iter().any(same) {
            let detail = "You are not allowed to create a Tweet with duplicate content.";
            return problem(403, "about:blank", "Forbidden", detail);
        }
        let id = self.fresh_id();
        self.tweets.push(Tweet { id, user: keys.user_id.clone(), text: text.clone(), parent: parent.clone(), at: now });
        self.ledger.write(Entry {
            platform: PLATFORM,
            account: keys.username.clone(),
            id: id.to_string(),
            event: Event::Published { link: links(&text).first().map(|l| (*l).to_owned()), text: text.clone(), parent },
            at: now,
        });
        let shown = shortened(&text, id).0;
        let id = id.to_string();
        Reply::json(201, &json!({"data": {"id": id, "text": shown, "edit_history_tweet_ids": [id]}}))
    }

    /// Counts a request to make a post; how many are left after it and when they count anew, or `Err` with that instant
    /// where it is one too many.
    fn counted(&mut self, now: Timestamp) -> Result<(usize, i64), i64> {
        let Some((most, lasts)) = self.rate else { return Ok((99, now.as_second() + 900)) };
        let ends = |begun: Timestamp| begun + jiff::SignedDuration::try_from(lasts).expect("a test's window is short");
        let (begun, used) = self.window.filter(|(begun, _)| now < ends(*begun)).unwrap_or((now, 0));
        // X tells whole seconds, never too early.
        let reset = ends(begun).as_second() + 1;
        if used >= most {
            return Err(reset);
        }
        self.window = Some((begun, used + 1));
        Ok((most - used - 1, reset))
    }

    fn media_of(&self, body: &Map<String, Value>) -> Result<usize, String> {
        let Some(media) = body.get("media") else { return Ok(0) };
        let ids = media.get("media_ids").and_then(Value::as_array).ok_or("[$.media.media_ids: is missing]")?;
        if ids.is_empty() || ids.len() > 4 {
            return Err("[$.media.media_ids: must have 1 to 4 items]".to_owned());
        }
        for id in ids {
            let id = id.as_str().ok_or("[$.media.media_ids: must be texts]")?;
            if !self.media.contains_key(id) {
                return Err("Your media IDs are invalid.".to_owned());
            }
            if self.working.contains_key(id) {
                return Err("One or more of your media is still being processed.".to_owned());
            }
        }
        Ok(ids.len())
    }

    fn parent_of(&self, body: &Map<String, Value>) -> Result<Option<String>, String> {
        let Some(reply) = body.get("reply") else { return Ok(None) };
        let parent = reply.get("in_reply_to_tweet_id").and_then(Value::as_str).ok_or("[$.reply: names no post]")?;
        match self.tweets.iter().any(|tweet| tweet.id.to_string() == parent) {
            true => Ok(Some(parent.to_owned())),
            false => Err("[$.reply.in_reply_to_tweet_id: no such post]".to_owned()),
        }
    }

    fn timeline(&self, request: &Request, user: &str, now: Timestamp) -> Reply {
        let max: usize = match request.query("max_results").map_or(Ok(10), str::parse) {
            Ok(max @ 5..=100) => max,
            _ => return invalid("The `max_results` query parameter value is not between 5 and 100"),
        };
        let time = |name: &str| request.query(name).map(str::parse::<Timestamp>).transpose();
        let (Ok(start), Ok(end)) = (time("start_time"), time("end_time")) else {
            return invalid("a time is not in RFC 3339");
        };
        let number = |name: &str| request.query(name).map(str::parse::<u64>).transpose();
        let (Ok(since), Ok(until), Ok(page)) = (number("since_id"), number("until_id"), number("pagination_token"))
        else {
            return invalid("an id is no number");
        };
        let fields: Vec<&str> = request.query("tweet.fields").unwrap_or_default().split(',').collect();
        let visible = |tweet: &&Tweet| {
            tweet.user == user
                && now.duration_since(tweet.at).unsigned_abs() >= self.lag
                && start.is_none_or(|start| tweet.at.as_second() >= start.as_second())
                && end.is_none_or(|end| tweet.at < end)
                && since.is_none_or(|since| tweet.id > since)
                && until.or(page).is_none_or(|until| tweet.id < until)
        };
        let all: Vec<&Tweet> = self.tweets.iter().rev().filter(visible).collect();
        let shown = &all[..all.len().min(max)];
        let mut meta = json!({"result_count": shown.len()});
        let (Some(first), Some(last)) = (shown.first(), shown.last()) else {
            return Reply::json(200, &json!({ "meta": meta }));
        };
        meta["newest_id"] = json!(first.id.to_string());
        meta["oldest_id"] = json!(last.id.to_string());
        if all.len() > shown.len() {
            meta["next_token"] = json!(last.id.to_string());
        }
        let data: Vec<Value> = shown.iter().map(|tweet| tweet.json(&fields)).collect();
        Reply::json(200, &json!({"data": data, "meta": meta}))
    }

    fn delete(&mut self, id: &str, keys: &Keys, now: Timestamp) -> Reply {
        let mine = |tweet: &Tweet| tweet.id.to_string() == id && tweet.user == keys.user_id;
        let Some(at) = self.tweets.iter().position(mine) else {
            let kind = "https://api.twitter.com/2/problems/resource-not-found";
            return problem(404, kind, "Not Found Error", "Could not find tweet with id.");
        };
        self.tweets.remove(at);
        self.ledger.write(Entry {
            platform: PLATFORM,
            account: keys.username.clone(),
            id: id.to_owned(),
            event: Event::Deleted,
            at: now,
        });
        Reply::json(200, &json!({"data": {"deleted": true}}))
    }

    /// How far the processing of a picture is: `command=STATUS`.
    fn ready(&mut self, request: &Request) -> Reply {
        let id = request.query("media_id").filter(|id| self.media.contains_key(*id)).map(str::to_owned);
        let Some(id) = id.filter(|_| request.query("command") == Some("STATUS")) else {
            return invalid("command is STATUS and media_id an id of yours");
        };
        let asked = self.working.entry(id.clone()).or_insert(0);
        *asked += 1;
        let info = match (self.broken, *asked < self.slow) {
            (true, _) => json!({"state": "failed", "error": {"code": 1, "name": "InvalidMedia", "message": "bad"}}),
            (false, true) => json!({"state": "in_progress", "check_after_secs": 1, "progress_percent": 50}),
            (false, false) => json!({"state": "succeeded", "progress_percent": 100}),
        };
        if info["state"] == "succeeded" {
            self.working.remove(&id);
        }
        Reply::json(200, &json!({"data": {"id": id, "processing_info": info}}))
    }

    fn upload(&mut self, request: &Request) -> Reply {
        let (category, size) = if let Some(parts) = request.multipart() {
            let part = |name: &str| parts.iter().find(|(n, _, _)| n == name).map(|(_, _, bytes)| bytes.clone());
            (part("media_category").and_then(|b| String::from_utf8(b).ok()), part("media").map_or(0, |b| b.len()))
        } else if let Some(body) = request.json() {
            let media = body["media"].as_str().unwrap_or_default();
            let bytes = base64::engine::general_purpose::STANDARD.decode(media).unwrap_or_default();
            (body["media_category"].as_str().map(str::to_owned), bytes.len())
        } else {
            return invalid("neither multipart nor JSON");
        };
        if category.as_deref() != Some("tweet_image") || size == 0 || size > 5 * 1024 * 1024 {
            return invalid("media and media_category are required; an image has 1 byte to 5 MB");
        }
        let id = self.fresh_id().to_string();
        self.media.insert(id.clone(), size);
        if self.slow > 0 {
            self.working.insert(id.clone(), 0);
            let info = json!({"state": "pending", "check_after_secs": 1});
            return Reply::json(200, &json!({"data": {"id": id, "processing_info": info}}));
        }
        Reply::json(
            200,
            &json!({"data": {"id": id, "media_key": format!("3_{id}"), "expires_after_secs": 86400, "size": size}}),
        )
    }

    fn metadata(&self, request: &Request) -> Reply {
        let Some(body) = request.json() else { return invalid("the body is no JSON") };
        let alt = body["metadata"]["alt_text"]["text"].as_str();
        match (body["id"].as_str().filter(|id| self.media.contains_key(*id)), alt) {
            (Some(id), Some(alt)) if alt.chars().count() <= 1000 => Reply::json(200, &json!({"data": {"id": id}})),
            _ => invalid("no such media, or no alt text of at most 1000 characters"),
        }
    }
}

impl Rules for X {
    fn endpoint(&self, request: &Request) -> &'static str {
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/2/tweets") => CREATE,
            ("GET", "/2/users/me") => ME,
            ("POST", "/2/media/upload") => UPLOAD,
            ("GET", "/2/media/upload") => READY,
            ("POST", "/2/media/metadata") => METADATA,
            ("GET", "/i/oauth2/authorize") => AUTHORIZE,
            ("POST", "/2/oauth2/token") => TOKEN,
            ("POST", "/2/oauth2/revoke") => REVOKE,
            ("GET", path) if path.starts_with("/2/users/") && path.ends_with("/tweets") => LOOK,
            ("DELETE", path) if path.starts_with("/2/tweets/") => DELETE,
            _ => OTHER,
        }
    }

    fn answer(&mut self, request: &Request, now: Timestamp) -> Reply {
        match self.endpoint(request) {
            AUTHORIZE => return self.oauth.authorize(request, now),
            // Observed: X says of a spent refresh token that the request is invalid.
            TOKEN => return self.oauth.token(request, now, "invalid_request"),
            REVOKE => return self.oauth.revoke(request),
            _ => {}
        }
        let signed = match request.bearer() {
            Some(token) => self.bearer(token, request, now),
            None => self.signer(request, now),
        };
        let keys = match signed {
            Ok(keys) => keys,
            Err(why) => return unauthorized(&why),
        };
        if let Some(fault) = contract::fault(request) {
            return invalid(&fault);
        }
        let last = request.path.rsplit('/').next().unwrap_or_default();
        let (left, reset) = match self.endpoint(request) {
            CREATE => match self.counted(now) {
                Ok(counted) => counted,
                Err(reset) => {
                    return problem(429, "about:blank", "Too Many Requests", "Too Many Requests")
                        .header("x-rate-limit-remaining", "0")
                        .header("x-rate-limit-reset", reset.to_string());
                }
            },
            _ => (99, now.as_second() + 900),
        };
        let most = self.rate.map_or(100, |(most, _)| most);
        let reply = match self.endpoint(request) {
            CREATE => self.create(request, &keys, now),
            LOOK => self.timeline(request, request.path.split('/').nth(3).unwrap_or_default(), now),
            DELETE => self.delete(last, &keys, now),
            ME => {
                let data = json!({"id": keys.user_id, "name": keys.username, "username": keys.username});
                Reply::json(200, &json!({ "data": data }))
            }
            UPLOAD => self.upload(request),
            READY => self.ready(request),
            METADATA => self.metadata(request),
            _ => problem(404, "about:blank", "Not Found", "Not Found"),
        };
        reply
            .header("x-rate-limit-limit", most.to_string())
            .header("x-rate-limit-remaining", left.to_string())
            .header("x-rate-limit-reset", reset.to_string())
    }
}

impl Tweet {
    fn json(&self, fields: &[&str]) -> Value {
        let (text, urls) = shortened(&self.text, self.id);
        let id = self.id.to_string();
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let mut json = json!({"id": id, "text": escaped, "edit_history_tweet_ids": [id]});
        if fields.contains(&"created_at") {
            json["created_at"] = json!(self.at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string());
        }
        if fields.contains(&"entities") && !urls.is_empty() {
            json["entities"] = json!({ "urls": urls });
        }
        if fields.contains(&"referenced_tweets")
            && let Some(parent) = &self.parent
        {
            json["referenced_tweets"] = json!([{"type": "replied_to", "id": parent}]);
        }
        json
    }
}

fn text_of(body: &Map<String, Value>) -> Result<String, String> {
    match body.get("text") {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err("[$.text: must be a text]".to_owned()),
    }
}

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn decode(text: &str) -> Result<String, String> {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    decoded.map(|text| text.into_owned()).map_err(|_| format!("{text} is no UTF-8"))
}

/// HMAC-SHA1 (RFC 2104), written out so that it does not rest on the code it checks.
pub fn hmac_sha1(key: &[u8], message: &[u8]) -> [u8; 20] {
    let mut block = [0_u8; 64];
    if key.len() > 64 {
        block[..20].copy_from_slice(&Sha1::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let keyed = |pad: u8| Sha1::new().chain_update(block.map(|byte| byte ^ pad));
    let inner = keyed(0x36).chain_update(message).finalize();
    keyed(0x5c).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_rfc_2202_says() {
        let hex = |bytes: [u8; 20]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(
            hex(hmac_sha1(b"Jefe", b"what do ya want for nothing?")),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        );
        assert_eq!(
            hex(hmac_sha1(&[0xaa; 80], b"Test Using Larger Than Block-Size Key - Hash Key First")),
            "aa4ae5e15272d00e95705637ce8a3b55ed402112"
        );
    }
}
