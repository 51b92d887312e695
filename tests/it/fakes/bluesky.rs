//! A Bluesky server (PDS) as the lexicons and its source have it (2026-08-20): sessions that rotate, records under keys
//! the client chooses, blobs checked when a record refers to them. Stricter than a PDS: an unknown field of a post is
//! refused. The real server runs in the tests as well; this one can fail on demand.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::LazyLock;

use bugle::clock::SharedClock;
use jiff::Timestamp;
use regex::Regex;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use unicode_segmentation::UnicodeSegmentation as _;

use super::fault::Wait;
use super::http::{Reply, Request};
use super::{Fake, Rules};
use crate::ledger::{Entry, Event, Ledger};

/// Signs in.
pub const SIGN_IN: &str = "com.atproto.server.createSession";
/// Gets fresh tokens.
pub const REFRESH: &str = "com.atproto.server.refreshSession";
/// Who am I.
pub const SESSION: &str = "com.atproto.server.getSession";
/// What the server says of itself.
pub const DESCRIBE: &str = "com.atproto.server.describeServer";
/// Who has that handle.
pub const RESOLVE: &str = "com.atproto.identity.resolveHandle";
/// Reads a record.
pub const GET: &str = "com.atproto.repo.getRecord";
/// Reads an account's records.
pub const LIST: &str = "com.atproto.repo.listRecords";
/// Creates or replaces a record.
pub const PUT: &str = "com.atproto.repo.putRecord";
/// Creates a record.
pub const CREATE: &str = "com.atproto.repo.createRecord";
/// Takes a record down.
pub const DELETE: &str = "com.atproto.repo.deleteRecord";
/// Takes a picture.
pub const UPLOAD: &str = "com.atproto.repo.uploadBlob";
/// Anything else.
pub const OTHER: &str = "other";

const PLATFORM: &str = "bluesky";
const POSTS: &str = "app.bsky.feed.post";
/// Of every account here.
const PASSWORD: &str = "abcd-efgh-ijkl-mnop";
/// Limits of a post's text. Source: lexicon app.bsky.feed.post.
const GRAPHEMES: usize = 300;
const BYTES: usize = 3000;
/// The most bytes of a link card's picture and of an attached one. Source: lexicons app.bsky.embed.{external,images}.
const THUMB: u64 = 1_000_000;
const IMAGE: u64 = 2_000_000;
/// The most bytes of an upload: the source's default.
const BLOB: usize = 5 * 1024 * 1024;

#[derive(Clone, Debug)]
struct Account {
    handle: String,
    did: String,
    password: String,
}

/// One session: the pair that works, and the refresh token before it, which may be used again for a while.
#[derive(Clone, Debug)]
struct Session {
    did: String,
    n: u64,
    access: String,
    refresh: String,
    before: Option<String>,
    expired: bool,
    dead: bool,
}

#[derive(Clone, Debug)]
struct Record {
    did: String,
    collection: String,
    rkey: String,
    value: Value,
    cid: String,
}

/// The state behind the API.
pub struct Bluesky {
    ledger: Ledger,
    accounts: Vec<Account>,
    sessions: Vec<Session>,
    records: Vec<Record>,
    blobs: BTreeMap<String, (String, usize)>,
    next: u64,
    /// Whether a refresh token that was used already may be used again (the source: for two hours).
    pub grace: bool,
}

/// A running fake Bluesky server.
pub struct FakeBluesky(Fake<Bluesky>);

impl Deref for FakeBluesky {
    type Target = Fake<Bluesky>;
    fn deref(&self) -> &Fake<Bluesky> {
        &self.0
    }
}

impl FakeBluesky {
    /// With no account yet.
    pub fn start() -> Self {
        Self::with_clock(super::machine_clock())
    }

    /// With a clock shared with the test.
    pub fn with_clock(clock: SharedClock) -> Self {
        Self(Fake::with_clock(clock, Bluesky::new))
    }

    /// Opens an account and gives its app password.
    pub fn account(&self, handle: &str) -> String {
        let mut rules = self.rules();
        let password = PASSWORD.to_owned();
        if !rules.accounts.iter().any(|account| account.handle == handle) {
            let did = format!("did:plc:{:a>24}", handle.replace(|c: char| !c.is_ascii_lowercase(), ""));
            rules.accounts.push(Account { handle: handle.to_owned(), did, password: password.clone() });
        }
        password
    }

    /// All access tokens given so far have expired.
    pub fn expire_access(&self) {
        self.rules().sessions.iter_mut().for_each(|session| session.expired = true);
    }

    /// All sessions have ended: neither token of them works.
    pub fn end_sessions(&self) {
        self.rules().sessions.iter_mut().for_each(|session| session.dead = true);
    }

    /// Somebody withdrew the app password.
    pub fn withdraw_passwords(&self) {
        let mut rules = self.rules();
        rules.accounts.iter_mut().for_each(|account| account.password = "withdrawn".to_owned());
        rules.sessions.iter_mut().for_each(|session| session.dead = true);
    }

    /// Somebody made the withdrawn app passwords anew, in the same words.
    pub fn give_back_passwords(&self) {
        self.rules().accounts.iter_mut().for_each(|account| account.password = PASSWORD.to_owned());
    }

    /// What a PDS answers over its rate limit.
    pub fn too_many(wait: Wait) -> Reply {
        wait.on(error(429, "RateLimitExceeded", "Rate Limit Exceeded"))
    }

    /// An access token that has expired: 400, not 401.
    pub fn expired() -> Reply {
        error(400, "ExpiredToken", "Token has expired")
    }
}

fn error(status: u16, name: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"error": name, "message": message}))
}

fn invalid(message: &str) -> Reply {
    error(400, "InvalidRequest", message)
}

impl Bluesky {
    fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            accounts: Vec::new(),
            sessions: Vec::new(),
            records: Vec::new(),
            blobs: BTreeMap::new(),
            next: 0,
            grace: true,
        }
    }

    fn account(&self, repo: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.did == repo || account.handle == repo)
    }

    fn sign_in(&mut self, request: &Request) -> Reply {
        let Some(body) = request.json() else { return invalid("Input must be JSON") };
        let (who, password) = (body["identifier"].as_str(), body["password"].as_str());
        let account =
            who.and_then(|who| self.account(who)).filter(|account| Some(account.password.as_str()) == password);
        let Some(account) = account.cloned() else {
            return error(401, "AuthenticationRequired", "Invalid identifier or password");
        };
        self.next += 1;
        let n = self.next;
        let session = Session {
            did: account.did.clone(),
            n,
            access: format!("access-{n}-1"),
            refresh: format!("refresh-{n}-1"),
            before: None,
            expired: false,
            dead: false,
        };
        let json = tokens(&session, &account);
        self.sessions.push(session);
        Reply::json(200, &json)
    }

    fn refresh(&mut self, request: &Request) -> Reply {
        if !request.body.is_empty() {
            return invalid("A request body was provided when none was expected");
        }
        let Some(token) = request.bearer() else {
            return error(401, "AuthMissing", "Authentication Required");
        };
        let (grace, accounts) = (self.grace, &self.accounts);
        let fits = |s: &&mut Session| s.refresh == token || s.before.as_deref() == Some(token);
        let Some(session) = self.sessions.iter_mut().find(fits) else {
            return match token.starts_with("refresh-") {
                true => error(400, "ExpiredToken", "Token has been revoked"),
                false => error(400, "InvalidToken", "Token could not be verified"),
            };
        };
        if session.dead || (session.refresh != token && !grace) {
            return error(400, "ExpiredToken", "Token has been revoked");
        }
        // A repeat of the token before gives the same refresh token again: the first answer may have been lost. The
        // access token is made anew either way, so it has not expired.
        session.expired = false;
        if session.refresh == token {
            let step: u64 = token.rsplit('-').next().and_then(|n| n.parse().ok()).unwrap_or_default();
            session.before = Some(token.to_owned());
            session.access = format!("access-{}-{}", session.n, step + 1);
            session.refresh = format!("refresh-{}-{}", session.n, step + 1);
        }
        match accounts.iter().find(|account| account.did == session.did) {
            Some(account) => Reply::json(200, &tokens(session, account)),
            None => error(403, "AccountNotFound", "Account not found"),
        }
    }

    /// Whose access token it is.
    fn bearer(&self, request: &Request) -> Result<Account, Reply> {
        let token = request.bearer().ok_or_else(|| error(401, "AuthMissing", "Authentication Required"))?;
        let session = self.sessions.iter().find(|session| session.access == token);
        match session {
            Some(session) if session.dead => Err(error(400, "ExpiredToken", "Token has been revoked")),
            Some(session) if session.expired => Err(FakeBluesky::expired()),
            Some(session) => {
                self.account(&session.did).cloned().ok_or_else(|| error(403, "AccountNotFound", "Account not found"))
            }
            None if token.starts_with("access-") => Err(FakeBluesky::expired()),
            None => Err(error(400, "InvalidToken", "Token could not be verified")),
        }
    }

    fn position(&self, did: &str, collection: &str, rkey: &str) -> Option<usize> {
        self.records.iter().position(|r| r.did == did && r.collection == collection && r.rkey == rkey)
    }

    /// `putRecord` and `createRecord`.
    fn store(&mut self, request: &Request, put: bool, now: Timestamp) -> Result<Reply, Reply> {
        let account = self.bearer(request)?;
        let body = match request.json() {
            Some(Value::Object(body)) if request.content_type() == "application/json" => body,
            _ => return Err(invalid("Input must be a JSON object")),
        };
        let known =
            ["repo", "collection", "rkey", "record", "validate", "swapCommit", if put { "swapRecord" } else { "rkey" }];
        if let Some(name) = body.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(invalid(&format!("Input has no property {name}")));
        }
        let get = |name: &str| body.get(name).and_then(Value::as_str);
        if self.account(get("repo").unwrap_or_default()).map(|a| &a.did) != Some(&account.did) {
            return Err(invalid("Could not find repo of this session"));
        }
        let collection =
            get("collection").filter(|c| *c == POSTS).ok_or_else(|| invalid("only posts are modelled here"))?;
        let rkey = get("rkey").ok_or_else(|| invalid("Input must have the property \"rkey\""))?;
        if !tid(rkey) {
            return Err(invalid(&format!("Invalid {POSTS} record: rkey {rkey} is no TID")));
        }
        let record =
            body.get("record").and_then(Value::as_object).ok_or_else(|| invalid("Input must have a record"))?;
        self.check(record)?;
        let value = Value::Object(record.clone());
        let cid = cid("bafyrei", canonical(&value).as_bytes());
        let uri = format!("at://{}/{collection}/{rkey}", account.did);
        let at = self.position(&account.did, collection, rkey);
        let present = at.map(|at| self.records[at].cid.clone());
        if !put && present.is_some() {
            return Err(error(500, "InternalServerError", "Internal Server Error"));
        }
        // As in the source, the same content is no change, and that is settled before swapRecord is looked at.
        if present.as_ref() == Some(&cid) {
            return Ok(Reply::json(200, &json!({"uri": uri, "cid": cid, "validationStatus": "valid"})));
        }
        match (body.get("swapRecord"), &present) {
            (Some(Value::Null), Some(present)) => {
                return Err(error(400, "InvalidSwap", &format!("Record was at {present}")));
            }
            (Some(Value::String(wanted)), present) if Some(wanted) != present.as_ref() => {
                let was = present.as_deref().unwrap_or("null");
                return Err(error(400, "InvalidSwap", &format!("Record was at {was}")));
            }
            _ => {}
        }
        self.check_stored(&value)?;
        let (text, link) = (value["text"].as_str().unwrap_or_default().to_owned(), link(&value));
        let parent = value["reply"]["parent"]["uri"].as_str().map(str::to_owned);
        let event = match at {
            Some(at) => {
                (self.records[at].value, self.records[at].cid) = (value, cid.clone());
                Event::Edited { text, link }
            }
            None => {
                let (did, collection, rkey) = (account.did.clone(), collection.to_owned(), rkey.to_owned());
                self.records.push(Record { did, collection, rkey, value, cid: cid.clone() });
                Event::Published { text, link, parent }
            }
        };
        self.ledger.write(Entry { platform: PLATFORM, account: account.handle, id: uri.clone(), event, at: now });
        let commit = json!({"cid": cid, "rev": rkey});
        Ok(Reply::json(200, &json!({"uri": uri, "cid": cid, "commit": commit, "validationStatus": "valid"})))
    }

    /// What the lexicon says of a post.
    fn check(&self, record: &Map<String, Value>) -> Result<(), Reply> {
        let wrong = |why: &str| invalid(&format!("Invalid {POSTS} record: {why}"));
        let known = ["$type", "text", "createdAt", "facets", "langs", "tags", "reply", "labels", "embed"];
        if let Some(name) = record.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(wrong(&format!("no field {name} (a PDS itself would keep it)")));
        }
        if record.get("$type").and_then(Value::as_str) != Some(POSTS) {
            return Err(wrong("$type must be app.bsky.feed.post"));
        }
        let text =
            record.get("text").and_then(Value::as_str).ok_or_else(|| wrong("must have the property \"text\""))?;
        let graphemes = text.graphemes(true).count();
        if graphemes > GRAPHEMES {
            return Err(wrong(&format!("grapheme too big (maximum {GRAPHEMES}, got {graphemes}) at $.record.text")));
        }
        if text.len() > BYTES {
            return Err(wrong(&format!("string too big (maximum {BYTES}, got {}) at $.record.text", text.len())));
        }
        let created = record.get("createdAt").and_then(Value::as_str).unwrap_or_default();
        if created.parse::<Timestamp>().is_err() {
            return Err(wrong("createdAt must be a valid RFC 3339 datetime"));
        }
        let list = |name: &str, most: usize| match record.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) if items.len() <= most => Ok(items.clone()),
            Some(_) => Err(wrong(&format!("{name} must be a list of at most {most}"))),
        };
        list("langs", 3)?;
        list("tags", 8)?;
        for facet in list("facets", usize::MAX)? {
            check_facet(text, &facet).map_err(|why| wrong(&why))?;
        }
        if let Some(reply) = record.get("reply") {
            for end in ["root", "parent"] {
                let uri = reply[end]["uri"].as_str().unwrap_or_default();
                let there = self.records.iter().any(|r| {
                    uri == format!("at://{}/{}/{}", r.did, r.collection, r.rkey) && reply[end]["cid"] == json!(r.cid)
                });
                if !there {
                    return Err(wrong(&format!("reply.{end} names no post that is here")));
                }
            }
        }
        record.get("embed").map_or(Ok(()), Self::check_embed)
    }

    fn check_embed(embed: &Value) -> Result<(), Reply> {
        let wrong = |why: &str| invalid(&format!("Invalid {POSTS} record: {why}"));
        match embed["$type"].as_str() {
            Some("app.bsky.embed.external") => {
                let external = embed["external"].as_object().ok_or_else(|| wrong("embed.external is missing"))?;
                for name in ["uri", "title", "description"] {
                    external
                        .get(name)
                        .and_then(Value::as_str)
                        .ok_or_else(|| wrong(&format!("external.{name} is missing")))?;
                }
                external.get("thumb").map_or(Ok(()), |thumb| Self::check_blob(thumb, THUMB, "embed/external/thumb"))
            }
            Some("app.bsky.embed.images") => {
                let images = embed["images"].as_array().filter(|images| (1..=4).contains(&images.len()));
                for image in images.ok_or_else(|| wrong("images must be 1 to 4"))? {
                    image["alt"].as_str().ok_or_else(|| wrong("an image without alt"))?;
                    Self::check_blob(&image["image"], IMAGE, "embed/images/image")?;
                }
                Ok(())
            }
            other => Err(wrong(&format!("embed of type {other:?} is not modelled here"))),
        }
    }

    fn check_blob(blob: &Value, most: u64, place: &str) -> Result<(), Reply> {
        let wrong = |why: &str| invalid(&format!("Invalid {POSTS} record: {why} at {place}"));
        let (Some("blob"), Some(link), Some(size), Some(mime)) =
            (blob["$type"].as_str(), blob["ref"]["$link"].as_str(), blob["size"].as_u64(), blob["mimeType"].as_str())
        else {
            return Err(wrong("should be a blob ref"));
        };
        match (link.is_empty(), size > most, mime.starts_with("image/")) {
            (true, _, _) => Err(wrong("should be a blob ref")),
            (_, true, _) => Err(wrong(&format!("blob too big (maximum {most}, got {size})"))),
            (_, _, false) => Err(wrong("blob is no image")),
            _ => Ok(()),
        }
    }

    /// Whether the blobs that a record refers to were uploaded, and are as it says.
    fn check_stored(&self, record: &Value) -> Result<(), Reply> {
        let thumb = std::iter::once(&record["embed"]["external"]["thumb"]);
        let images = record["embed"]["images"].as_array().into_iter().flatten().map(|image| &image["image"]);
        for blob in thumb.chain(images).filter(|blob| !blob.is_null()) {
            let link = blob["ref"]["$link"].as_str().unwrap_or_default();
            let Some((mime, size)) = self.blobs.get(link) else {
                return Err(error(400, "BlobNotFound", &format!("Could not find blob: {link}")));
            };
            if blob["mimeType"] != json!(mime) {
                return Err(error(400, "InvalidMimeType", "Referenced MimeType does not match stored blob"));
            }
            if blob["size"] != json!(size) {
                return Err(error(400, "InvalidSize", "Referenced size does not match stored blob"));
            }
        }
        Ok(())
    }

    fn get(&self, request: &Request) -> Reply {
        let get = |name: &str| request.query(name).unwrap_or_default();
        let Some(account) = self.account(get("repo")) else { return invalid("Could not find repo") };
        match self.position(&account.did, get("collection"), get("rkey")) {
            Some(at) => Reply::json(200, &self.records[at].json()),
            None => error(400, "RecordNotFound", &format!("Could not locate record: {}", get("rkey"))),
        }
    }

    fn list(&self, request: &Request) -> Reply {
        let get = |name: &str| request.query(name).unwrap_or_default();
        let Some(account) = self.account(get("repo")) else { return invalid("Could not find repo") };
        let limit = match request.query("limit").map_or(Ok(50), str::parse::<usize>) {
            Ok(limit @ 1..=100) => limit,
            _ => return invalid("limit must be between 1 and 100"),
        };
        let mut found: Vec<&Record> =
            self.records.iter().filter(|r| r.did == account.did && r.collection == get("collection")).collect();
        found.sort_by(|a, b| b.rkey.cmp(&a.rkey));
        if request.query("reverse") == Some("true") {
            found.reverse();
        }
        let after = request.query("cursor").and_then(|cursor| found.iter().position(|r| r.rkey == cursor));
        let page: Vec<&Record> = found.into_iter().skip(after.map_or(0, |at| at + 1)).take(limit).collect();
        let mut json = json!({"records": page.iter().map(|record| record.json()).collect::<Vec<_>>()});
        if let Some(last) = page.last() {
            json["cursor"] = json!(last.rkey);
        }
        Reply::json(200, &json)
    }

    fn delete(&mut self, request: &Request, now: Timestamp) -> Result<Reply, Reply> {
        let account = self.bearer(request)?;
        let body = request.json().ok_or_else(|| invalid("Input must be JSON"))?;
        let get = |name: &str| body[name].as_str().unwrap_or_default();
        if self.account(get("repo")).map(|a| &a.did) != Some(&account.did) {
            return Err(invalid("Could not find repo of this session"));
        }
        // What is not there is taken down already: no error, and no commit.
        let Some(at) = self.position(&account.did, get("collection"), get("rkey")) else {
            return Ok(Reply::json(200, &json!({})));
        };
        if let Some(wanted) = body["swapRecord"].as_str().filter(|wanted| *wanted != self.records[at].cid) {
            return Err(error(400, "InvalidSwap", &format!("Record was not at {wanted}")));
        }
        let record = self.records.remove(at);
        let id = format!("at://{}/{}/{}", record.did, record.collection, record.rkey);
        self.ledger.write(Entry { platform: PLATFORM, account: account.handle, id, event: Event::Deleted, at: now });
        Ok(Reply::json(200, &json!({"commit": {"cid": "bafyreicommit", "rev": "3l"}})))
    }

    fn upload(&mut self, request: &Request) -> Result<Reply, Reply> {
        self.bearer(request)?;
        if request.body.len() > BLOB {
            return Err(error(413, "PayloadTooLarge", "request entity too large"));
        }
        let mime = match request.body.as_slice() {
            [0x89, b'P', b'N', b'G', ..] => "image/png".to_owned(),
            [0xff, 0xd8, 0xff, ..] => "image/jpeg".to_owned(),
            [] => return Err(invalid("A request body is expected but none was provided")),
            _ => request.content_type(),
        };
        let (cid, size) = (cid("bafkrei", &request.body), request.body.len());
        self.blobs.insert(cid.clone(), (mime.clone(), size));
        let blob = json!({"$type": "blob", "ref": {"$link": cid}, "mimeType": mime, "size": size});
        Ok(Reply::json(200, &json!({ "blob": blob })))
    }
}

impl Rules for Bluesky {
    fn endpoint(&self, request: &Request) -> &'static str {
        let method = request.path.strip_prefix("/xrpc/").unwrap_or_default();
        let methods = [SIGN_IN, REFRESH, SESSION, DESCRIBE, RESOLVE, GET, LIST, PUT, CREATE, DELETE, UPLOAD];
        methods.into_iter().find(|known| *known == method).unwrap_or(OTHER)
    }

    fn answer(&mut self, request: &Request, now: Timestamp) -> Reply {
        let endpoint = self.endpoint(request);
        let read = [SESSION, DESCRIBE, RESOLVE, GET, LIST].contains(&endpoint);
        if endpoint != OTHER && request.method != if read { "GET" } else { "POST" } {
            return invalid(&format!("Incorrect HTTP method ({})", request.method));
        }
        let reply = match endpoint {
            SIGN_IN => self.sign_in(request),
            REFRESH => self.refresh(request),
            SESSION => self.bearer(request).map_or_else(
                |refusal| refusal,
                |account| Reply::json(200, &json!({"handle": account.handle, "did": account.did, "active": true})),
            ),
            DESCRIBE => {
                let json =
                    json!({"did": "did:web:localhost", "availableUserDomains": [".test"], "blobUploadLimit": BLOB});
                Reply::json(200, &json)
            }
            RESOLVE => match self.account(request.query("handle").unwrap_or_default()) {
                Some(account) => Reply::json(200, &json!({"did": account.did})),
                None => invalid("Unable to resolve handle"),
            },
            GET => self.get(request),
            LIST => self.list(request),
            PUT => self.store(request, true, now).unwrap_or_else(|refusal| refusal),
            CREATE => self.store(request, false, now).unwrap_or_else(|refusal| refusal),
            DELETE => self.delete(request, now).unwrap_or_else(|refusal| refusal),
            UPLOAD => self.upload(request).unwrap_or_else(|refusal| refusal),
            _ => error(501, "MethodNotImplemented", "Method Not Implemented"),
        };
        let reset = (now.as_second() + 3600).to_string();
        reply
            .header("RateLimit-Limit", "5000")
            .header("RateLimit-Remaining", "4990")
            .header("RateLimit-Reset", reset)
            .header("RateLimit-Policy", "5000;w=3600")
    }
}

impl Record {
    fn json(&self) -> Value {
        let uri = format!("at://{}/{}/{}", self.did, self.collection, self.rkey);
        json!({"uri": uri, "cid": self.cid, "value": self.value})
    }
}

fn tokens(session: &Session, account: &Account) -> Value {
    json!({
        "accessJwt": session.access, "refreshJwt": session.refresh, "handle": account.handle, "did": account.did,
        "active": true,
    })
}

/// Whether a record key is a TID.
fn tid(rkey: &str) -> bool {
    static TID: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new("^[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}$").expect("the pattern is fixed")
    });
    TID.is_match(rkey)
}

/// A stand-in for a CID: equal for equal content, different for different.
fn cid(prefix: &str, bytes: &[u8]) -> String {
    let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{prefix}{}", &digest[..52])
}

/// JSON with its keys in order, as DAG-CBOR would have them, so that their order in the request is no difference.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, String> = map.iter().map(|(key, value)| (key, canonical(value))).collect();
            let pairs: Vec<String> = sorted.into_iter().map(|(key, value)| format!("{}:{value}", json!(key))).collect();
            format!("{{{}}}", pairs.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

fn check_facet(text: &str, facet: &Value) -> Result<(), String> {
    let number = |name: &str| facet["index"][name].as_u64().and_then(|n| usize::try_from(n).ok());
    let (start, end) = number("byteStart").zip(number("byteEnd")).ok_or("a facet without byteStart or byteEnd")?;
    if start >= end || text.get(start..end).is_none() {
        return Err(format!("facet {start}..{end} is no part of the text (of {} bytes)", text.len()));
    }
    let features =
        facet["features"].as_array().filter(|features| !features.is_empty()).ok_or("a facet without features")?;
    for feature in features {
        let field = match feature["$type"].as_str() {
            Some("app.bsky.richtext.facet#link") => "uri",
            Some("app.bsky.richtext.facet#tag") => "tag",
            Some("app.bsky.richtext.facet#mention") => "did",
            other => return Err(format!("a facet of type {other:?}")),
        };
        let value = feature[field].as_str().ok_or(format!("a facet without {field}"))?;
        if field == "uri" && url::Url::parse(value).is_err() {
            return Err(format!("{value} must be a uri"));
        }
    }
    Ok(())
}

/// Where a post leads: its link card, else the first linked facet.
fn link(record: &Value) -> Option<String> {
    let card = record["embed"]["external"]["uri"].as_str();
    let mut features =
        record["facets"].as_array().into_iter().flatten().flat_map(|f| f["features"].as_array()).flatten();
    card.or_else(|| features.find_map(|feature| feature["uri"].as_str())).map(str::to_owned)
}
