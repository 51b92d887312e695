//! X as its API v2 documents it (OpenAPI 2.167 of 2026-08-22; facts in docs of the adapter): posts, own timeline, media,
//! OAuth 1.0a signatures checked with code of this file's own. Stricter than X where leniency would hide a fault.

use std::collections::{BTreeMap, HashSet};
use std::ops::Deref;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use bugle::clock::SharedClock;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use regex::Regex;
use serde_json::{Map, Value, json};
use sha1::{Digest as _, Sha1};
use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

use super::fault::Wait;
use super::http::{Reply, Request};
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
/// Takes a picture's alternative text.
pub const METADATA: &str = "metadata";
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
    next: u64,
    /// How long a new post stays out of the timeline.
    pub lag: Duration,
    /// Whether the same text a second time is refused. On by default, as on X; not a promise of X's.
    pub duplicate_guard: bool,
    /// Whether tokens are refused as revoked.
    pub revoked: bool,
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
            next: 1_880_000_000_000_000_001,
            lag: Duration::ZERO,
            duplicate_guard: true,
            revoked: false,
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

    fn create(&mut self, request: &Request, keys: &Keys, now: Timestamp) -> Reply {
        if request.content_type() != "application/json" {
            return invalid("Content-Type must be application/json");
        }
        let Some(Value::Object(body)) = request.json() else { return invalid("the body is no JSON object") };
        let known = [
            "text",
            "media",
            "reply",
            "reply_settings",
            "nullcast",
            "made_with_ai",
            "paid_partnership",
            "community_id",
        ];
        if let Some(unknown) = body.keys().find(|key| !known.contains(&key.as_str())) {
            return invalid(&format!("[$.{unknown}: is not defined in the schema]"));
        }
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
        let known = [
            "max_results",
            "start_time",
            "end_time",
            "since_id",
            "until_id",
            "exclude",
            "tweet.fields",
            "pagination_token",
        ];
        if let Some((unknown, _)) = request.query.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            return invalid(&format!("The query parameter [{unknown}] is not one of the known ones"));
        }
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
            ("POST", "/2/media/metadata") => METADATA,
            ("GET", path) if path.starts_with("/2/users/") && path.ends_with("/tweets") => LOOK,
            ("DELETE", path) if path.starts_with("/2/tweets/") => DELETE,
            _ => OTHER,
        }
    }

    fn answer(&mut self, request: &Request, now: Timestamp) -> Reply {
        let keys = match self.signer(request, now) {
            Ok(keys) => keys,
            Err(why) => return unauthorized(&why),
        };
        let last = request.path.rsplit('/').next().unwrap_or_default();
        let reply = match self.endpoint(request) {
            CREATE => self.create(request, &keys, now),
            LOOK => self.timeline(request, request.path.split('/').nth(3).unwrap_or_default(), now),
            DELETE => self.delete(last, &keys, now),
            ME => {
                let data = json!({"id": keys.user_id, "name": keys.username, "username": keys.username});
                Reply::json(200, &json!({ "data": data }))
            }
            UPLOAD => self.upload(request),
            METADATA => self.metadata(request),
            _ => problem(404, "about:blank", "Not Found", "Not Found"),
        };
        let reset = (now.as_second() + 900).to_string();
        reply
            .header("x-rate-limit-limit", "100")
            .header("x-rate-limit-remaining", "99")
            .header("x-rate-limit-reset", reset)
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

/// The links of a text: with a scheme only, without the punctuation that ends a sentence.
pub fn links(text: &str) -> Vec<&str> {
    static LINK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"https?://\S+").expect("the pattern is fixed"));
    LINK.find_iter(text)
        .map(|found| found.as_str().trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '"', '\'']))
        .collect()
}

/// The text with its links rewritten, and the entities that tell of it.
fn shortened(text: &str, id: u64) -> (String, Vec<Value>) {
    let (mut shown, mut rest, mut urls) = (String::new(), text, Vec::new());
    for link in links(text) {
        let Some((before, after)) = rest.split_once(link) else { continue };
        shown.push_str(before);
        let short = format!("https://t.co/{}{}", id % 1_000_000, urls.len());
        let start = shown.chars().count();
        urls.push(json!({
            "start": start, "end": start + short.len(), "url": short, "expanded_url": link,
            "display_url": link.split("://").nth(1).unwrap_or_default().chars().take(26).collect::<String>(),
        }));
        shown.push_str(&short);
        rest = after;
    }
    shown.push_str(rest);
    (shown, urls)
}

/// Weighted length, counted simply: links 23, emoji 2, other characters by twitter-text's table of ranges.
fn weight(text: &str) -> usize {
    let text: String = text.nfc().collect();
    let (mut total, mut rest) = (0, text.as_str());
    for link in links(&text) {
        let Some((before, after)) = rest.split_once(link) else { continue };
        total += plain_weight(before) + 23;
        rest = after;
    }
    total + plain_weight(rest)
}

fn plain_weight(text: &str) -> usize {
    let emoji = |c: char| matches!(u32::from(c), 0x1f000..=0x1faff | 0xfe0f | 0x20e3 | 0x2600..=0x27bf);
    let light = |c: char| matches!(u32::from(c), 0..=0x10ff | 0x2000..=0x200d | 0x2010..=0x201f | 0x2032..=0x2037);
    let one = |cluster: &str| match cluster.chars().any(emoji) {
        true => 2,
        false => cluster.chars().map(|c| if light(c) { 1 } else { 2 }).sum(),
    };
    text.graphemes(true).map(one).sum()
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

    #[test]
    fn weighs_as_x_documents() {
        for (text, expected) in [
            ("ab https://example.org/a/very/long/path?x=1", 26),
            (&"字".repeat(140), 280),
            ("A\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}", 3),
            ("e\u{301}", 1),
            ("x…", 3),
            ("See https://example.org/a.", 28),
        ] {
            assert_eq!(weight(text), expected, "{text}");
        }
    }
}
