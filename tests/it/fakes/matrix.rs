//! A Matrix homeserver's Client-Server API (specification 1.19) as far as a poster uses it: whoami, rooms, messages under
//! transaction ids, redactions, media, look-up. Transaction ids are the device's, as there; a content that breaks a rule of
//! the specification is refused with the documented code.

use std::collections::HashMap;
use std::ops::Deref;
use std::time::Duration;

use bugle::clock::SharedClock;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::fault::Wait;
use super::http::{Reply, Request};
use super::x::links;
use super::{Fake, Rules};
use crate::ledger::{Entry, Event as Seen, Ledger};

/// Sends a message.
pub const SEND: &str = "send";
/// Takes one down.
pub const REDACT: &str = "redact";
/// Uploads a file.
pub const UPLOAD: &str = "upload";
/// Lists messages.
pub const MESSAGES: &str = "messages";
/// Reads one event.
pub const EVENT: &str = "event";
/// Reads a piece of state.
pub const STATE: &str = "state";
/// Joins a room.
pub const JOIN: &str = "join";
/// Resolves an alias.
pub const DIRECTORY: &str = "directory";
/// Who am I.
pub const ME: &str = "whoami";
/// The limits of uploads.
pub const MEDIA: &str = "media_config";
/// Signs in.
pub const LOGIN: &str = "login";
/// Renews a token.
pub const REFRESH: &str = "refresh";
/// Anything else.
pub const OTHER: &str = "other";

const PLATFORM: &str = "matrix";
const SERVER: &str = "fake.example";
/// Bytes of a whole event; what a server adds to the content takes some 600 of them.
const EVENT_LIMIT: usize = 65_536 - 600;

/// What an account is in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// In it.
    Joined,
    /// Asked to come.
    Invited,
    /// Not in it.
    Out,
}

#[derive(Clone, Debug)]
struct Event {
    id: String,
    room: String,
    txn: (String, String),
    content: Value,
    redacted: bool,
    at: Timestamp,
}

/// A room.
#[derive(Clone, Debug)]
pub struct Room {
    id: String,
    alias: String,
    /// What the poster is in it.
    pub member: Member,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// The power a message needs; the poster has 50.
    pub needs: i64,
    /// The room that took its place.
    pub replaced_by: Option<String>,
}

/// A login by password.
#[derive(Clone, Debug)]
struct Login {
    token: String,
    refresh: String,
    device: String,
    alive: bool,
}

/// The state behind the API.
pub struct Matrix {
    ledger: Ledger,
    /// The rooms.
    pub rooms: Vec<Room>,
    events: Vec<Event>,
    files: HashMap<String, (String, usize)>,
    sent: HashMap<(String, String, String), String>,
    next: u32,
    /// The device of the token: transaction ids are its own.
    pub device: String,
    /// The device of the request that is answered.
    active: String,
    logins: Vec<Login>,
    /// Whether tokens for renewal are refused.
    pub dead: bool,
    /// Whether the token is refused.
    pub revoked: bool,
    /// Whether a refused token is one that may be renewed.
    pub soft: bool,
    /// Whether transaction ids are forgotten, as after a day.
    pub forgets: bool,
    /// How long after its making an event is listed.
    pub lag: Duration,
}

/// A running fake homeserver.
pub struct FakeMatrix(Fake<Matrix>);

impl Deref for FakeMatrix {
    type Target = Fake<Matrix>;
    fn deref(&self) -> &Fake<Matrix> {
        &self.0
    }
}

impl FakeMatrix {
    /// With the room `#news:fake.example`, in which the poster is.
    pub fn start() -> Self {
        Self::with_clock(super::machine_clock())
    }

    /// With a clock shared with the test.
    pub fn with_clock(clock: SharedClock) -> Self {
        Self(Fake::with_clock(clock, Matrix::new))
    }

    /// The poster's access token.
    pub fn token(&self) -> String {
        "syt_bmV3cw_fakeTokenOfTheNewsroom".to_owned()
    }

    /// The room's id.
    pub fn room(&self) -> String {
        self.rules().rooms[0].id.clone()
    }

    /// The password of the account `newsroom`.
    pub fn password(&self) -> String {
        "fake-password-of-the-newsroom".to_owned()
    }

    /// Every token that a login gave has run out; it may be renewed.
    pub fn expire(&self) {
        let mut rules = self.rules();
        rules.soft = true;
        rules.logins.iter_mut().for_each(|login| login.alive = false);
    }

    /// The devices that have signed in, each once.
    pub fn devices(&self) -> Vec<String> {
        let mut devices: Vec<String> = self.rules().logins.iter().map(|login| login.device.clone()).collect();
        devices.sort();
        devices.dedup();
        devices
    }

    /// Opens one more room and gives its alias.
    pub fn open_room(&self, name: &str) -> String {
        let mut rules = self.rules();
        let room = Room::new(name);
        let alias = room.alias.clone();
        rules.rooms.push(room);
        alias
    }

    /// What is answered over the limit of requests.
    pub fn too_many(ms: u64, wait: Wait) -> Reply {
        let body = json!({"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests", "retry_after_ms": ms});
        wait.on(Reply::json(429, &body))
    }

    /// Any refusal.
    pub fn refusal(status: u16, code: &str) -> Reply {
        refused(status, code, "words")
    }
}

fn refused(status: u16, code: &str, words: &str) -> Reply {
    Reply::json(status, &json!({"errcode": code, "error": words}))
}

impl Room {
    fn new(name: &str) -> Self {
        Self {
            id: format!("!{name}room:{SERVER}"),
            alias: format!("#{name}:{SERVER}"),
            member: Member::Joined,
            encrypted: false,
            needs: 0,
            replaced_by: None,
        }
    }

    /// The same room under another alias.
    pub fn called(self, alias: &str) -> Self {
        Self { alias: alias.to_owned(), ..self }
    }
}

const USER: &str = "@newsroom:fake.example";

impl Matrix {
    fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            rooms: vec![Room::new("news")],
            events: Vec::new(),
            files: HashMap::new(),
            sent: HashMap::new(),
            next: 0,
            device: "NEWSROOM".to_owned(),
            active: String::new(),
            logins: Vec::new(),
            dead: false,
            revoked: false,
            soft: false,
            forgets: false,
            lag: Duration::ZERO,
        }
    }

    /// The files that were uploaded and are shown by an event, in the events' order: type and size.
    pub fn shown(&self) -> Vec<(String, usize)> {
        let urls = self.events.iter().filter(|event| !event.redacted).filter_map(|event| event.content["url"].as_str());
        urls.filter_map(|url| self.files.get(url).cloned()).collect()
    }

    /// The contents of the events that stand, in order, without edits.
    pub fn contents(&self) -> Vec<Value> {
        let stand = self.events.iter().filter(|event| !event.redacted);
        stand.map(|event| event.content.clone()).filter(|it| it["m.relates_to"]["rel_type"] != "m.replace").collect()
    }

    fn login(&mut self, request: &Request) -> Result<Reply, Reply> {
        let asked = Value::Object(body(request)?);
        let right = asked["type"] == "m.login.password"
            && asked["identifier"]["type"] == "m.id.user"
            && ["newsroom", USER].map(Value::from).contains(&asked["identifier"]["user"])
            && asked["password"] == "fake-password-of-the-newsroom";
        if !right {
            return Err(refused(403, "M_FORBIDDEN", "Invalid username or password"));
        }
        let device = asked["device_id"].as_str().unwrap_or("RANDOM").to_owned();
        // A login on a device ends the one before.
        self.logins.retain(|login| login.device != device);
        Ok(self.grant(device, asked["refresh_token"] == true))
    }

    fn refresh(&mut self, request: &Request) -> Result<Reply, Reply> {
        let asked = body(request)?;
        let token = asked.get("refresh_token").and_then(Value::as_str).unwrap_or_default();
        let at = self.logins.iter().position(|login| login.refresh == token && !self.dead);
        let at = at.ok_or_else(|| refused(401, "M_UNKNOWN_TOKEN", "invalid refresh token"))?;
        let device = self.logins.remove(at).device;
        Ok(self.grant(device, true))
    }

    fn grant(&mut self, device: String, renewable: bool) -> Reply {
        self.next += 1;
        let (token, refresh) = (format!("syt_login{}", self.next), format!("syr_login{}", self.next));
        let mut answer = json!({"user_id": USER, "access_token": token, "device_id": device});
        if renewable {
            answer["refresh_token"] = json!(refresh);
            answer["expires_in_ms"] = json!(300_000);
        }
        self.logins.push(Login { token, refresh, device, alive: true });
        Reply::json(200, &answer)
    }

    fn room(&self, id: &str) -> Result<&Room, Reply> {
        let forbidden = || refused(403, "M_FORBIDDEN", &format!("User {USER} not in room {id}"));
        self.rooms.iter().find(|room| room.id == id).ok_or_else(forbidden)
    }

    fn joined(&self, id: &str) -> Result<&Room, Reply> {
        let room = self.room(id)?;
        match room.member {
            Member::Joined => Ok(room),
            _ => Err(refused(403, "M_FORBIDDEN", &format!("User {USER} not in room {id}"))),
        }
    }

    fn send(&mut self, room: &str, txn: &str, request: &Request, now: Timestamp) -> Result<Reply, Reply> {
        let key = (self.active.clone(), request.path.clone(), txn.to_owned());
        if let Some(id) = self.sent.get(&key).filter(|_| !self.forgets) {
            return Ok(Reply::json(200, &json!({"event_id": id})));
        }
        let content = body(request)?;
        let it = self.joined(room)?;
        if it.needs > 50 || it.replaced_by.is_some() {
            let words = "You don't have permission to post that to the room. user_level (50) < send_level";
            return Err(refused(403, "M_FORBIDDEN", words));
        }
        self.check(&content)?;
        if Value::Object(content.clone()).to_string().len() > EVENT_LIMIT {
            return Err(refused(413, "M_TOO_LARGE", "event too large"));
        }
        let content = Value::Object(content);
        let relation = content["m.relates_to"].clone();
        let id = self.fresh();
        let text = content["body"].as_str().unwrap_or_default().to_owned();
        let event = match relation["rel_type"].as_str() {
            Some("m.replace") => {
                let original = relation["event_id"].as_str().unwrap_or_default();
                let known = self.events.iter().any(|event| event.id == original && event.room == room);
                if !known {
                    return Err(refused(400, "M_UNKNOWN", "Can't send relation to unknown event"));
                }
                let new = content["m.new_content"]["body"].as_str().unwrap_or_default().to_owned();
                let link = links(&new).first().map(|link| (*link).to_owned());
                (original.to_owned(), Seen::Edited { text: new, link })
            }
            Some("m.thread") => {
                let parent = relation["m.in_reply_to"]["event_id"].as_str().map(str::to_owned);
                let link = links(&text).first().map(|link| (*link).to_owned());
                (id.clone(), Seen::Published { text, link, parent })
            }
            _ => {
                let link = links(&text).first().map(|link| (*link).to_owned());
                (id.clone(), Seen::Published { text, link, parent: None })
            }
        };
        self.write(room, &event.0, event.1, now);
        let txn = (self.active.clone(), txn.to_owned());
        self.events.push(Event { id: id.clone(), room: room.to_owned(), txn, content, redacted: false, at: now });
        self.sent.insert(key, id.clone());
        Ok(Reply::json(200, &json!({"event_id": id})))
    }

    /// The rules of a message's content, as far as the specification has them.
    fn check(&self, content: &Map<String, Value>) -> Result<(), Reply> {
        let bad = |words: String| refused(400, "M_BAD_JSON", &words);
        let text = |name: &str| content.get(name).and_then(Value::as_str);
        let (Some(kind), Some(_)) = (text("msgtype"), text("body")) else {
            return Err(bad("msgtype and body are needed".to_owned()));
        };
        let known = [
            "msgtype",
            "body",
            "format",
            "formatted_body",
            "m.mentions",
            "m.relates_to",
            "m.new_content",
            "url",
            "info",
            "filename",
        ];
        if let Some(name) = content.keys().find(|name| !known.contains(&name.as_str()) && !name.contains('.')) {
            return Err(bad(format!("{name} is no field of a message (a server would take it)")));
        }
        match (text("format"), text("formatted_body")) {
            (None, None) => {}
            (Some("org.matrix.custom.html"), Some(html)) => allowed(html).map_err(bad)?,
            _ => return Err(bad("format and formatted_body go together".to_owned())),
        }
        if !content.get("m.mentions").is_some_and(Value::is_object) {
            return Err(bad("m.mentions is missing: old rules would search the body for @room".to_owned()));
        }
        if let Some(new) = content.get("m.new_content") {
            let new = new.as_object().ok_or_else(|| bad("m.new_content is no object".to_owned()))?;
            if new.contains_key("m.relates_to") {
                return Err(bad("m.relates_to inside m.new_content".to_owned()));
            }
            self.check(new)?;
        }
        match kind {
            "m.text" | "m.notice" => Ok(()),
            "m.image" => {
                let url = text("url").unwrap_or_default();
                if !self.files.contains_key(url) {
                    return Err(bad(format!("{url} is no file of this server")));
                }
                let info = content.get("info").cloned().unwrap_or_default();
                let whole = |name: &str| info[name].as_u64().is_some_and(|n| n > 0);
                let right = info["mimetype"] == "image/jpeg" && ["w", "h", "size"].into_iter().all(whole);
                if right { Ok(()) } else { Err(bad(format!("info says {info}"))) }
            }
            other => Err(bad(format!("{other} is no msgtype that a poster sends"))),
        }
    }

    fn redact(&mut self, room: &str, event: &str, now: Timestamp) -> Result<Reply, Reply> {
        self.joined(room)?;
        // An event that the server does not know is redacted all the same, as by the reference server.
        let mut found = self.events.iter_mut().filter(|it| it.room == room && it.id == event && !it.redacted);
        if let Some(found) = found.next() {
            found.redacted = true;
            found.content = json!({});
            self.write(room, event, Seen::Deleted, now);
        }
        let id = self.fresh();
        Ok(Reply::json(200, &json!({"event_id": id})))
    }

    fn messages(&self, room: &str, request: &Request, now: Timestamp) -> Result<Reply, Reply> {
        self.joined(room)?;
        if request.query("dir") != Some("b") {
            return Err(refused(400, "M_MISSING_PARAM", "Missing string query parameter dir"));
        }
        let filter: Value = serde_json::from_str(request.query("filter").unwrap_or("{}"))
            .map_err(|_| refused(400, "M_INVALID_PARAM", "the filter is no JSON"))?;
        let all = |name: &str| filter[name].as_array().cloned();
        let (senders, types) = (all("senders"), all("types"));
        if senders.is_some_and(|it| !it.contains(&json!(USER)))
            || types.is_some_and(|it| !it.contains(&json!("m.room.message")))
        {
            return Ok(Reply::json(200, &json!({"start": "t0", "chunk": []})));
        }
        let limit = request.query("limit").and_then(|text| text.parse().ok()).unwrap_or(10_usize).min(1000);
        let from = match request.query("from") {
            None => 0,
            Some(place) => {
                let at = place.strip_prefix('t').and_then(|text| text.parse().ok());
                at.ok_or_else(|| refused(400, "M_INVALID_PARAM", "from"))?
            }
        };
        let visible = |event: &&Event| now.duration_since(event.at).unsigned_abs() >= self.lag;
        let all: Vec<&Event> = self.events.iter().rev().filter(|event| event.room == room).filter(visible).collect();
        let page: Vec<Value> = all.iter().skip(from).take(limit).map(|event| self.json(event)).collect();
        let mut answer = json!({"start": format!("t{from}"), "chunk": page});
        if all.len() > from + limit {
            answer["end"] = json!(format!("t{}", from + limit));
        }
        Ok(Reply::json(200, &answer))
    }

    fn json(&self, event: &Event) -> Value {
        let mut unsigned = json!({"age": 1});
        if event.txn.0 == self.active {
            unsigned["transaction_id"] = json!(event.txn.1);
        }
        if event.redacted {
            unsigned["redacted_because"] = json!({"type": "m.room.redaction", "sender": USER});
        }
        json!({
            "event_id": event.id, "room_id": event.room, "sender": USER, "type": "m.room.message",
            "origin_server_ts": event.at.as_millisecond(), "content": event.content, "unsigned": unsigned,
        })
    }

    fn state(&self, room: &str, kind: &str, key: &str) -> Result<Reply, Reply> {
        let missing = || refused(404, "M_NOT_FOUND", "Event not found.");
        let it = self.joined(room)?;
        let value = match (kind, key) {
            ("m.room.member", USER) => json!({"membership": "join"}),
            ("m.room.name", "") => json!({"name": "News"}),
            ("m.room.encryption", "") if it.encrypted => json!({"algorithm": "m.megolm.v1.aes-sha2"}),
            ("m.room.power_levels", "") => json!({"users": {USER: 50}, "events_default": it.needs}),
            ("m.room.tombstone", "") => match &it.replaced_by {
                Some(new) => json!({"body": "moved", "replacement_room": new}),
                None => return Err(missing()),
            },
            _ => return Err(missing()),
        };
        Ok(Reply::json(200, &value))
    }

    fn join(&mut self, word: &str) -> Result<Reply, Reply> {
        let room = self.rooms.iter_mut().find(|room| room.id == word || room.alias == word);
        let room = room.ok_or_else(|| refused(404, "M_NOT_FOUND", "No known servers"))?;
        if room.member == Member::Out {
            return Err(refused(403, "M_FORBIDDEN", "You are not invited to this room."));
        }
        room.member = Member::Joined;
        Ok(Reply::json(200, &json!({"room_id": room.id})))
    }

    fn upload(&mut self, request: &Request) -> Result<Reply, Reply> {
        let kind = request.content_type();
        let fits = match kind.as_str() {
            "image/jpeg" => request.body.starts_with(b"\xFF\xD8"),
            _ => false,
        };
        if !fits {
            return Err(refused(400, "M_BAD_JSON", &format!("the file is no {kind}")));
        }
        self.next += 1;
        let uri = format!("mxc://{SERVER}/file{}", self.next);
        self.files.insert(uri.clone(), (kind, request.body.len()));
        Ok(Reply::json(200, &json!({"content_uri": uri})))
    }

    fn fresh(&mut self) -> String {
        self.next += 1;
        format!("$event{}", self.next)
    }

    fn write(&self, room: &str, id: &str, event: Seen, at: Timestamp) {
        self.ledger.write(Entry { platform: PLATFORM, account: room.to_owned(), id: id.to_owned(), event, at });
    }
}

/// Only the tags the specification lets clients show, each closed.
fn allowed(html: &str) -> Result<(), String> {
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let end = rest[at..].find('>').ok_or_else(|| format!("an open tag in {html}"))?;
        let tag = &rest[at + 1..at + end];
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
        if !["a", "b", "br", "em", "strong", "p", "i"].contains(&name) {
            return Err(format!("the tag {name:?} in {html}"));
        }
        if name == "a" && !tag.starts_with('/') && !tag.starts_with("a href=\"http") {
            return Err(format!("a link to elsewhere in {html}"));
        }
        rest = &rest[at + end + 1..];
    }
    let opened = html.matches("<a ").count();
    if opened == html.matches("</a>").count() { Ok(()) } else { Err(format!("an open link in {html}")) }
}

fn body(request: &Request) -> Result<Map<String, Value>, Reply> {
    match request.json() {
        Some(Value::Object(map)) if request.content_type() == "application/json" => Ok(map),
        Some(_) => Err(refused(400, "M_BAD_JSON", "expected an object")),
        None => Err(refused(400, "M_NOT_JSON", "Content not JSON.")),
    }
}

/// The parts of a path, each decoded by itself: an id may hold a slash.
fn segments(request: &Request) -> Vec<String> {
    let path = request.target.split('?').next().unwrap_or_default();
    path.split('/').filter(|part| !part.is_empty()).map(super::http::decoded).collect()
}

/// What a request is for, and the ids in its path.
fn route(request: &Request) -> (&'static str, Vec<String>) {
    let parts = segments(request);
    let words: Vec<&str> = parts.iter().map(String::as_str).collect();
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
    match (request.method.as_str(), words.as_slice()) {
        ("GET", ["_matrix", "client", "v3", "account", "whoami"]) => (ME, Vec::new()),
        ("GET", ["_matrix", "client", "v1", "media", "config"]) => (MEDIA, Vec::new()),
        ("POST", ["_matrix", "media", "v3", "upload"]) => (UPLOAD, Vec::new()),
        ("POST", ["_matrix", "client", "v3", "login"]) => (LOGIN, Vec::new()),
        ("POST", ["_matrix", "client", "v3", "refresh"]) => (REFRESH, Vec::new()),
        ("POST", ["_matrix", "client", "v3", "join", room]) => (JOIN, ids(&[room])),
        ("GET", ["_matrix", "client", "v3", "directory", "room", alias]) => (DIRECTORY, ids(&[alias])),
        ("PUT", ["_matrix", "client", "v3", "rooms", room, "send", "m.room.message", txn]) => (SEND, ids(&[room, txn])),
        ("PUT", ["_matrix", "client", "v3", "rooms", room, "redact", event, txn]) => (REDACT, ids(&[room, event, txn])),
        ("GET", ["_matrix", "client", "v3", "rooms", room, "messages"]) => (MESSAGES, ids(&[room])),
        ("GET", ["_matrix", "client", "v3", "rooms", room, "event", event]) => (EVENT, ids(&[room, event])),
        ("GET", ["_matrix", "client", "v3", "rooms", room, "state", kind]) => (STATE, ids(&[room, kind, ""])),
        ("GET", ["_matrix", "client", "v3", "rooms", room, "state", kind, key]) => (STATE, ids(&[room, kind, key])),
        _ => (OTHER, Vec::new()),
    }
}

impl Rules for Matrix {
    fn endpoint(&self, request: &Request) -> &'static str {
        route(request).0
    }

    fn answer(&mut self, request: &Request, now: Timestamp) -> Reply {
        let (endpoint, ids) = route(request);
        if endpoint == OTHER {
            return refused(404, "M_UNRECOGNIZED", "Unrecognized request");
        }
        if endpoint == LOGIN || endpoint == REFRESH {
            let answer = if endpoint == LOGIN { self.login(request) } else { self.refresh(request) };
            return answer.unwrap_or_else(|refusal| refusal);
        }
        self.active = self.device.clone();
        match request.bearer() {
            None => return refused(401, "M_MISSING_TOKEN", "Missing access token"),
            Some("syt_bmV3cw_fakeTokenOfTheNewsroom") if !self.revoked => {}
            Some(token) => match self.logins.iter().find(|login| login.token == token && login.alive) {
                Some(login) => self.active = login.device.clone(),
                None => {
                    let words = "Invalid access token";
                    let body = json!({"errcode": "M_UNKNOWN_TOKEN", "error": words, "soft_logout": self.soft});
                    return Reply::json(401, &body);
                }
            },
        }
        let id = |n: usize| ids.get(n).map(String::as_str).unwrap_or_default();
        let answer = match endpoint {
            ME => Ok(Reply::json(200, &json!({"user_id": USER, "device_id": self.active}))),
            MEDIA => Ok(Reply::json(200, &json!({"m.upload.size": 50 * 1024 * 1024}))),
            UPLOAD => self.upload(request),
            JOIN => self.join(id(0)),
            DIRECTORY => match self.rooms.iter().find(|room| room.alias == id(0)) {
                Some(room) => Ok(Reply::json(200, &json!({"room_id": room.id, "servers": [SERVER]}))),
                None => Err(refused(404, "M_NOT_FOUND", "Room alias not found")),
            },
            SEND => self.send(id(0), id(1), request, now),
            REDACT => self.redact(id(0), id(1), now),
            MESSAGES => self.messages(id(0), request, now),
            EVENT => match self.events.iter().find(|event| event.room == id(0) && event.id == id(1)) {
                Some(event) => Ok(Reply::json(200, &self.json(event))),
                None => Err(refused(404, "M_NOT_FOUND", "Event not found.")),
            },
            _ => self.state(id(0), id(1), id(2)),
        };
        answer.unwrap_or_else(|refusal| refusal)
    }
}
