//! Mastodon's API as documented (2026-07-02) and as its source behaves (4.7.0-alpha, 2026-08-08): statuses with their
//! Idempotency-Key, edits, media, the instance's limits, and the OAuth code flow with PKCE. Stricter than Mastodon: an
//! unknown parameter is refused instead of ignored.

use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use bugle::clock::SharedClock;
use jiff::Timestamp;
use regex::Regex;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use unicode_segmentation::UnicodeSegmentation as _;

use super::fault::Wait;
use super::http::{Reply, Request};
use super::x::links;
use super::{Fake, Rules};
use crate::ledger::{Entry, Event, Ledger};

/// Makes a status.
pub const CREATE: &str = "create";
/// Reads an account's statuses.
pub const LOOK: &str = "look";
/// Reads one status.
pub const READ: &str = "read";
/// Reads one status as it was written.
pub const SOURCE: &str = "source";
/// Changes a status.
pub const EDIT: &str = "edit";
/// Takes a status down.
pub const DELETE: &str = "delete";
/// Who am I.
pub const ME: &str = "me";
/// What the instance says of itself.
pub const INSTANCE: &str = "instance";
/// Takes a picture.
pub const MEDIA: &str = "media";
/// Tells whether a picture is ready.
pub const READY: &str = "media_ready";
/// Registers an app.
pub const APPS: &str = "apps";
/// Where a person consents.
pub const AUTHORIZE: &str = "authorize";
/// Gives tokens.
pub const TOKEN: &str = "token";
/// Takes them back.
pub const REVOKE: &str = "revoke";
/// Anything else.
pub const OTHER: &str = "other";

const PLATFORM: &str = "mastodon";

/// What the server makes of `Idempotency-Key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Remembers it per account for this long. Mastodon: one hour.
    Remember(Duration),
    /// Ignores it, as snac and GoToSocial do.
    Forget,
    /// Remembers it, but answers a repeat with 500 although the status is there (mastodon#40399).
    FailOnRepeat,
}

#[derive(Clone, Debug)]
struct Status {
    id: u64,
    account: String,
    text: String,
    spoiler: String,
    visibility: String,
    language: Option<String>,
    parent: Option<String>,
    media: Vec<String>,
    at: Timestamp,
    edited: Option<Timestamp>,
}

struct App {
    id: String,
    secret: String,
    redirects: Vec<String>,
}

struct Code {
    app: String,
    redirect: String,
    challenge: Option<String>,
    account: String,
}

/// The state behind the API.
pub struct Mastodon {
    ledger: Ledger,
    tokens: BTreeMap<String, String>,
    statuses: Vec<Status>,
    remembered: HashMap<(String, String), (u64, Timestamp)>,
    media: BTreeMap<String, String>,
    /// How often a picture is asked for before it is ready; 0: at once, as small ones are.
    pub slow: u32,
    /// Pictures that are worked on, and how often they were asked for.
    working: BTreeMap<String, u32>,
    apps: Vec<App>,
    codes: BTreeMap<String, Code>,
    next: u64,
    /// Who is signed in at its page and allows everything.
    pub person: String,
    /// What it makes of `Idempotency-Key`.
    pub keys: Keys,
    /// The most characters of a status.
    pub limit: usize,
    /// What it says it is.
    pub version: String,
    /// How long a new status stays out of its account's list.
    pub lag: Duration,
    /// Whether its accounts are marked as automated.
    pub bot: bool,
}

/// A running fake Mastodon.
pub struct FakeMastodon(Fake<Mastodon>);

impl Deref for FakeMastodon {
    type Target = Fake<Mastodon>;
    fn deref(&self) -> &Fake<Mastodon> {
        &self.0
    }
}

impl FakeMastodon {
    /// With no account yet.
    pub fn start() -> Self {
        Self::with_clock(super::machine_clock())
    }

    /// With a clock shared with the test.
    pub fn with_clock(clock: SharedClock) -> Self {
        Self(Fake::with_clock(clock, Mastodon::new))
    }

    /// A token of that account, which is opened where there is none of that name.
    pub fn account(&self, name: &str) -> String {
        let token = format!("token-of-{name}");
        self.rules().tokens.insert(token.clone(), name.to_owned());
        token
    }

    /// All tokens stop working.
    pub fn revoke(&self) {
        self.rules().tokens.clear();
    }

    /// What Mastodon answers over its rate limit; it names the time in `X-RateLimit-Reset` (ISO 8601).
    pub fn too_many(wait: Wait) -> Reply {
        wait.on(error(429, "Too many requests"))
    }
}

fn error(status: u16, text: &str) -> Reply {
    Reply::json(status, &json!({ "error": text }))
}

fn not_found() -> Reply {
    error(404, "Record not found")
}

impl Mastodon {
    fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            tokens: BTreeMap::new(),
            statuses: Vec::new(),
            remembered: HashMap::new(),
            media: BTreeMap::new(),
            slow: 0,
            working: BTreeMap::new(),
            apps: Vec::new(),
            codes: BTreeMap::new(),
            next: 115_000_000_000_000_000,
            person: "editor".to_owned(),
            keys: Keys::Remember(Duration::from_secs(3600)),
            limit: 500,
            version: "4.5.3".to_owned(),
            lag: Duration::ZERO,
            bot: false,
        }
    }

    /// The alternative texts of the newest status's pictures.
    pub fn alts(&self) -> Vec<String> {
        let newest = self.statuses.last().into_iter().flat_map(|status| &status.media);
        newest.map(|id| self.media.get(id).cloned().unwrap_or_default()).collect()
    }

    fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn create(&mut self, request: &Request, account: &str, now: Timestamp) -> Reply {
        let key = request.header("idempotency-key").map(|key| (account.to_owned(), key.to_owned()));
        if let Some(known) = key.as_ref().and_then(|key| self.remembered.get(key)).copied() {
            let (id, at) = known;
            let within = |window: Duration| now.duration_since(at).unsigned_abs() < window;
            match self.keys {
                Keys::Remember(window) if within(window) => {
                    return match self.statuses.iter().find(|status| status.id == id) {
                        Some(status) => Reply::json(200, &status.json(&request.base())),
                        None => not_found(),
                    };
                }
                Keys::FailOnRepeat => return error(500, "Something went wrong on our end"),
                Keys::Remember(_) | Keys::Forget => {}
            }
        }
        let known = [
            "status",
            "media_ids",
            "in_reply_to_id",
            "sensitive",
            "spoiler_text",
            "visibility",
            "language",
            "allowed_mentions",
        ];
        let draft = match self.draft(request, &known) {
            Ok(draft) => draft,
            Err(refusal) => return refusal,
        };
        let visibility = draft.get("visibility").and_then(Value::as_str).unwrap_or("public");
        if !["public", "unlisted", "private", "direct"].contains(&visibility) {
            return error(422, "Validation failed: Visibility is not included in the list");
        }
        let parent = draft.get("in_reply_to_id").and_then(Value::as_str).map(str::to_owned);
        if parent.as_ref().is_some_and(|parent| !self.statuses.iter().any(|s| s.id.to_string() == *parent)) {
            return not_found();
        }
        let status = Status {
            id: self.fresh(),
            account: account.to_owned(),
            text: text(&draft, "status"),
            spoiler: text(&draft, "spoiler_text"),
            visibility: visibility.to_owned(),
            language: draft.get("language").and_then(Value::as_str).map(str::to_owned),
            parent,
            media: list(&draft, "media_ids"),
            at: now,
            edited: None,
        };
        if let Some(key) = key {
            self.remembered.insert(key, (status.id, now));
        }
        let event = Event::Published {
            text: status.shown(),
            link: links(&status.text).first().map(|link| (*link).to_owned()),
            parent: status.parent.clone(),
        };
        self.write(&status, event, now);
        let answer = Reply::json(200, &status.json(&request.base()));
        self.statuses.push(status);
        answer
    }

    /// The fields of a new or changed status, checked as far as both share it.
    fn draft(&self, request: &Request, known: &[&str]) -> Result<Map<String, Value>, Reply> {
        let fields = request.fields().ok_or_else(|| error(400, "the body is neither JSON nor a form"))?;
        if let Some(name) = fields.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(error(422, &format!("{name} is no parameter here (Mastodon itself would ignore it)")));
        }
        let media = list(&fields, "media_ids");
        if media.len() > 4 {
            return Err(error(422, "Validation failed: Cannot attach more than 4 files"));
        }
        if let Some(id) = media.iter().find(|id| !self.media.contains_key(*id)) {
            return Err(error(422, &format!("Media {id} not found or already attached to another post")));
        }
        let (status, spoiler) = (text(&fields, "status"), text(&fields, "spoiler_text"));
        if media.iter().any(|id| self.working.contains_key(id)) {
            let why = "Cannot attach files that have not finished processing. Try again in a moment!";
            return Err(error(422, why));
        }
        if status.trim().is_empty() && media.is_empty() && spoiler.is_empty() {
            return Err(error(422, "Validation failed: Text can't be blank"));
        }
        match count(&status, &spoiler) > self.limit {
            true => Err(error(422, &format!("Validation failed: Text character limit of {} exceeded", self.limit))),
            false => Ok(fields),
        }
    }

    fn edit(&mut self, request: &Request, at: usize, now: Timestamp) -> Reply {
        let known = ["status", "media_ids", "media_attributes", "sensitive", "spoiler_text", "language"];
        let draft = match self.draft(request, &known) {
            Ok(draft) => draft,
            Err(refusal) => return refusal,
        };
        let status = &mut self.statuses[at];
        let before = status.clone();
        (status.text, status.spoiler) = (text(&draft, "status"), text(&draft, "spoiler_text"));
        status.media = list(&draft, "media_ids");
        let changed = (&status.text, &status.spoiler, &status.media) != (&before.text, &before.spoiler, &before.media);
        if changed {
            status.edited = Some(now);
            let status = status.clone();
            let link = links(&status.text).first().map(|link| (*link).to_owned());
            self.write(&status, Event::Edited { text: status.shown(), link }, now);
        }
        Reply::json(200, &self.statuses[at].json(&request.base()))
    }

    fn delete(&mut self, request: &Request, at: usize, now: Timestamp) -> Reply {
        let status = self.statuses.remove(at);
        self.write(&status, Event::Deleted, now);
        let mut json = status.json(&request.base());
        json["text"] = json!(status.text);
        Reply::json(200, &json)
    }

    fn write(&self, status: &Status, event: Event, at: Timestamp) {
        let (account, id) = (status.account.clone(), status.id.to_string());
        self.ledger.write(Entry { platform: PLATFORM, account, id, event, at });
    }

    fn list(&self, request: &Request, account: &str, now: Timestamp) -> Reply {
        let known =
            ["limit", "since_id", "min_id", "max_id", "exclude_reblogs", "exclude_replies", "only_media", "pinned"];
        if let Some((name, _)) = request.query.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            return error(422, &format!("{name} is no parameter here (Mastodon itself would ignore it)"));
        }
        let limit = request.query("limit").map_or(Ok(20), str::parse::<usize>).unwrap_or(20).min(40);
        let id = |name: &str| request.query(name).and_then(|id| id.parse::<u64>().ok());
        let (since, min, max) = (id("since_id"), id("min_id"), id("max_id"));
        let visible = |status: &&Status| {
            status.account == account
                && now.duration_since(status.at).unsigned_abs() >= self.lag
                && since.or(min).is_none_or(|since| status.id > since)
                && max.is_none_or(|max| status.id < max)
                && !(request.query("exclude_replies") == Some("true") && status.parent.is_some())
        };
        let mut found: Vec<&Status> = self.statuses.iter().filter(visible).collect();
        // min_id gives the oldest after it, everything else the newest; both are shown newest first.
        if min.is_some() {
            found.truncate(limit);
            found.reverse();
        } else {
            found.reverse();
            found.truncate(limit);
        }
        let json: Vec<Value> = found.iter().map(|status| status.json(&request.base())).collect();
        Reply::json(200, &Value::Array(json))
    }

    fn instance(&self, request: &Request) -> Reply {
        let configuration = json!({
            "statuses": {"max_characters": self.limit, "max_media_attachments": 4, "characters_reserved_per_url": 23},
            "media_attachments": {
                "supported_mime_types": ["image/jpeg", "image/png", "image/gif", "image/webp"],
                "image_size_limit": 16_777_216, "image_matrix_limit": 33_177_600, "description_limit": 1500,
            },
        });
        let domain = request.header("host").unwrap_or_default();
        let mut json = json!({
            "title": "Fake", "version": self.version, "languages": ["en"], "configuration": configuration,
        });
        if request.path == "/api/v2/instance" {
            json["domain"] = json!(domain);
            json["api_versions"] = json!({"mastodon": 7});
        } else {
            json["uri"] = json!(domain);
        }
        Reply::json(200, &json)
    }

    fn take_media(&mut self, request: &Request) -> Reply {
        let parts = request.multipart().unwrap_or_default();
        let Some((_, kind, bytes)) = parts.iter().find(|(name, _, _)| name == "file") else {
            return error(422, "Validation failed: File can't be blank");
        };
        if !kind.starts_with("image/") || bytes.is_empty() || bytes.len() > 16_777_216 {
            return error(422, "Validation failed: File content type is invalid");
        }
        let alt = parts.iter().find(|(name, _, _)| name == "description").map(|(_, _, text)| text.clone());
        let alt = String::from_utf8(alt.unwrap_or_default()).unwrap_or_default();
        let id = self.fresh().to_string();
        let url = format!("{}/media/{id}", request.base());
        self.media.insert(id.clone(), alt.clone());
        if self.slow > 0 {
            self.working.insert(id.clone(), 0);
            return Reply::json(202, &json!({"id": id, "type": "image", "url": null, "description": alt}));
        }
        Reply::json(200, &json!({"id": id, "type": "image", "url": url, "description": alt}))
    }

    /// What a picture says that was answered with 202: 206 while it is worked on.
    fn ready(&mut self, id: &str) -> Reply {
        let Some(alt) = self.media.get(id) else { return error(404, "Record not found") };
        if let Some(asked) = self.working.get_mut(id) {
            *asked += 1;
            if *asked < self.slow {
                return Reply::json(206, &json!({"id": id, "type": "image", "url": null, "description": alt}));
            }
        }
        self.working.remove(id);
        Reply::json(200, &json!({"id": id, "type": "image", "url": "https://m.example/a.jpg", "description": alt}))
    }

    fn register(&mut self, request: &Request) -> Reply {
        let fields = request.fields().unwrap_or_default();
        let (name, redirects) = (text(&fields, "client_name"), text(&fields, "redirect_uris"));
        if name.is_empty() || redirects.is_empty() {
            return error(
                422,
                "Validation failed: Application name can't be blank, Redirect URI must be an absolute URI.",
            );
        }
        let n = self.fresh();
        let app = App {
            id: format!("client-{n}"),
            secret: format!("secret-{n}"),
            redirects: redirects.split_whitespace().map(str::to_owned).collect(),
        };
        let json = json!({
            "id": n.to_string(), "name": name, "client_id": app.id, "client_secret": app.secret,
            "redirect_uri": redirects, "redirect_uris": app.redirects, "scopes": ["read", "write"],
        });
        self.apps.push(app);
        Reply::json(200, &json)
    }

    /// A person who consents at once: sends them back with a code.
    fn authorize(&mut self, request: &Request) -> Reply {
        let get = |name: &str| request.query(name).unwrap_or_default();
        let redirect = get("redirect_uri").to_owned();
        let app = self.apps.iter().find(|app| app.id == get("client_id") && app.redirects.contains(&redirect));
        let (Some(app), "code") = (app, get("response_type")) else {
            return error(400, "the client, its redirect_uri or the response_type is unknown");
        };
        if request.query("code_challenge").is_some() && get("code_challenge_method") != "S256" {
            return error(400, "The code challenge method must be S256.");
        }
        let code = Code {
            app: app.id.clone(),
            redirect: redirect.clone(),
            challenge: request.query("code_challenge").map(str::to_owned),
            account: self.person.clone(),
        };
        let word = format!("code-{}", self.fresh());
        self.codes.insert(word.clone(), code);
        if redirect == "urn:ietf:wg:oauth:2.0:oob" {
            return Reply::text(200, "text/html", format!("<html><body><code>{word}</code></body></html>"));
        }
        let Ok(mut to) = url::Url::parse(&redirect) else { return error(400, "redirect_uri is no URL") };
        to.query_pairs_mut().append_pair("code", &word);
        if let Some(state) = request.query("state") {
            to.query_pairs_mut().append_pair("state", state);
        }
        Reply::empty(302).header("Location", to.as_str())
    }

    fn token(&mut self, request: &Request) -> Reply {
        let fields = request.fields().unwrap_or_default();
        let refuse = |word: &str| {
            let why =
                "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI";
            Reply::json(400, &json!({"error": word, "error_description": why}))
        };
        if text(&fields, "grant_type") != "authorization_code" {
            return refuse("unsupported_grant_type");
        }
        let basic = request.header("authorization").and_then(|value| value.strip_prefix("Basic "));
        let basic = basic.and_then(|value| base64::engine::general_purpose::STANDARD.decode(value).ok());
        let basic = basic.and_then(|pair| String::from_utf8(pair).ok());
        let (id, secret) = match basic.as_deref().and_then(|pair| pair.split_once(':')) {
            Some((id, secret)) => (id.to_owned(), secret.to_owned()),
            None => (text(&fields, "client_id"), text(&fields, "client_secret")),
        };
        if !self.apps.iter().any(|app| app.id == id && app.secret == secret) {
            return Reply::json(
                401,
                &json!({"error": "invalid_client", "error_description": "Client authentication failed"}),
            );
        }
        // A code serves once, also when the rest of the request is wrong.
        let Some(code) = self.codes.remove(&text(&fields, "code")) else { return refuse("invalid_grant") };
        let verified = code.challenge.is_none_or(|challenge| {
            let digest = Sha256::digest(text(&fields, "code_verifier").as_bytes());
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest) == challenge
        });
        if code.app != id || code.redirect != text(&fields, "redirect_uri") || !verified {
            return refuse("invalid_grant");
        }
        let token = format!("granted-{}", self.fresh());
        self.tokens.insert(token.clone(), code.account);
        let json = json!({"access_token": token, "token_type": "Bearer", "scope": "read write", "created_at": 1});
        Reply::json(200, &json)
    }
}

impl Mastodon {
    /// Takes a token back, for the app it was made for alone.
    fn take_back(&mut self, request: &Request) -> Reply {
        let fields = request.fields().unwrap_or_default();
        let (id, secret) = (text(&fields, "client_id"), text(&fields, "client_secret"));
        if !self.apps.iter().any(|app| app.id == id && app.secret == secret) {
            let why = "You are not authorized to revoke this token";
            return Reply::json(403, &json!({"error": "unauthorized_client", "error_description": why}));
        }
        self.tokens.remove(&text(&fields, "token"));
        Reply::json(200, &json!({}))
    }

    /// Whether there is that token.
    pub fn knows(&self, prefix: &str) -> bool {
        self.tokens.keys().any(|token| token.starts_with(prefix))
    }
}

impl Rules for Mastodon {
    fn endpoint(&self, request: &Request) -> &'static str {
        let words: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        match (request.method.as_str(), words.as_slice()) {
            ("POST", ["api", "v1", "statuses"]) => CREATE,
            ("GET", ["api", "v1", "statuses", _]) => READ,
            ("GET", ["api", "v1", "statuses", _, "source"]) => SOURCE,
            ("PUT", ["api", "v1", "statuses", _]) => EDIT,
            ("DELETE", ["api", "v1", "statuses", _]) => DELETE,
            ("GET", ["api", "v1", "accounts", "verify_credentials"]) => ME,
            ("GET", ["api", "v1", "accounts", _, "statuses"]) => LOOK,
            ("GET", ["api", "v1" | "v2", "instance"]) => INSTANCE,
            ("POST", ["api", "v1" | "v2", "media"]) => MEDIA,
            ("GET", ["api", "v1", "media", _]) => READY,
            ("POST", ["api", "v1", "apps"]) => APPS,
            ("GET", ["oauth", "authorize"]) => AUTHORIZE,
            ("POST", ["oauth", "token"]) => TOKEN,
            ("POST", ["oauth", "revoke"]) => REVOKE,
            _ => OTHER,
        }
    }

    fn answer(&mut self, request: &Request, now: Timestamp) -> Reply {
        let endpoint = self.endpoint(request);
        match endpoint {
            INSTANCE => return self.instance(request),
            APPS => return self.register(request),
            AUTHORIZE => return self.authorize(request),
            TOKEN => return self.token(request),
            REVOKE => return self.take_back(request),
            OTHER => return error(404, "Not found"),
            _ => {}
        }
        let Some(account) = request.bearer().and_then(|token| self.tokens.get(token)).cloned() else {
            return error(401, "The access token is invalid");
        };
        let word = request.path.trim_matches('/').split('/').nth(3).unwrap_or_default().to_owned();
        let mine = |status: &Status| status.id.to_string() == word && status.account == account;
        let at = self.statuses.iter().position(mine);
        let reply = match (endpoint, at) {
            (CREATE, _) => self.create(request, &account, now),
            (MEDIA, _) => self.take_media(request),
            (READY, _) => self.ready(&word),
            (ME, _) => Reply::json(
                200,
                &json!({
                    "id": account_id(&account), "username": account, "acct": account, "bot": self.bot, "url": format!("{}/@{account}", request.base()),
                    "source": {"privacy": "public", "language": null},
                }),
            ),
            (LOOK, _) if word == account_id(&account) => self.list(request, &account, now),
            (READ, Some(at)) => Reply::json(200, &self.statuses[at].json(&request.base())),
            (SOURCE, Some(at)) => {
                let status = &self.statuses[at];
                Reply::json(200, &json!({"id": word, "text": status.text, "spoiler_text": status.spoiler}))
            }
            (EDIT, Some(at)) => self.edit(request, at, now),
            (DELETE, Some(at)) => self.delete(request, at, now),
            _ => not_found(),
        };
        let reset = now.checked_add(jiff::SignedDuration::from_mins(5)).unwrap_or(now);
        let reply = Wait::Iso("X-RateLimit-Reset", reset).on(reply);
        reply.header("X-RateLimit-Limit", "300").header("X-RateLimit-Remaining", "299")
    }
}

impl Request {
    /// The address it was sent to.
    fn base(&self) -> String {
        format!("http://{}", self.header("host").unwrap_or_default())
    }
}

impl Status {
    fn shown(&self) -> String {
        match self.spoiler.is_empty() {
            true => self.text.clone(),
            false => format!("{}\n{}", self.spoiler, self.text),
        }
    }

    fn json(&self, base: &str) -> Value {
        let id = self.id.to_string();
        let time = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
        json!({
            "id": id, "uri": format!("{base}/users/{}/statuses/{id}", self.account),
            "url": format!("{base}/@{}/{id}", self.account), "created_at": time(self.at),
            "edited_at": self.edited.map(time), "content": html(&self.text), "spoiler_text": self.spoiler,
            "visibility": self.visibility, "language": self.language, "in_reply_to_id": self.parent,
            "account": {"id": account_id(&self.account), "acct": self.account}, "card": null,
            "media_attachments": self.media.iter().map(|id| json!({"id": id, "type": "image"})).collect::<Vec<_>>(),
        })
    }
}

fn account_id(name: &str) -> String {
    let sum: u64 = name.bytes().fold(7, |sum, byte| (sum * 31 + u64::from(byte)) % 1_000_000_007);
    (109_000_000_000 + sum).to_string()
}

fn text(fields: &Map<String, Value>, name: &str) -> String {
    fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn list(fields: &Map<String, Value>, name: &str) -> Vec<String> {
    let items = fields.get(name).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The text as HTML: paragraphs, line breaks, links.
fn html(text: &str) -> String {
    let escape = |s: &str| s.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let (mut out, mut rest) = (String::new(), text);
    for link in links(text) {
        let Some((before, after)) = rest.split_once(link) else { continue };
        let (shown, href) = (escape(link.split("://").nth(1).unwrap_or_default()), escape(link));
        out.push_str(&escape(before));
        out.push_str(&format!("<a href=\"{href}\" rel=\"nofollow noopener\" target=\"_blank\">{shown}</a>"));
        rest = after;
    }
    out.push_str(&escape(rest));
    format!("<p>{}</p>", out.replace("\n\n", "</p><p>").replace('\n', "<br />"))
}

/// The length as StatusLengthValidator counts it: links with a scheme 23, a mention without its domain, graphemes.
fn count(text: &str, spoiler: &str) -> usize {
    static MENTION: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(^|[^\w/])(@\w+)@[\w.-]+\w").expect("the pattern is fixed"));
    let (mut countable, mut rest) = (String::new(), text);
    for link in links(text) {
        let Some((before, after)) = rest.split_once(link) else { continue };
        countable.push_str(before);
        countable.push_str(&"x".repeat(23));
        rest = after;
    }
    countable.push_str(rest);
    spoiler.graphemes(true).count() + MENTION.replace_all(&countable, "$1$2").graphemes(true).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_as_mastodon_documents() {
        for (text, spoiler, expected) in [
            ("a https://example.org/a-very-long-path-indeed-it-is?x=1", "", 25),
            ("a http://e.org", "", 25),
            ("see example.org", "", 15),
            ("by @ann@social.example now", "", 11),
            ("\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}", "", 1),
            ("text", "https://e.org", 17),
        ] {
            assert_eq!(count(text, spoiler), expected, "{text}");
        }
    }
}
