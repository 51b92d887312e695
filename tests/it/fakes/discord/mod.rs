//! Discord's API v10 as documented (discord-api-docs, 2026-08-06): messages by a bot with a nonce, by a web hook without,
//! edits, deletions, crossposts, history. Stricter than Discord: an unknown field is refused, and so is a caller that does
//! not name itself as the documentation asks. Which fields there are is compared with Discord's OpenAPI document.

mod contract;

use std::ops::Deref;
use std::time::Duration;

use bugle::clock::SharedClock;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

pub use self::contract::rendered;
use self::contract::{check_names, invalid};
use super::fault::Wait;
use super::http::{Reply, Request};
use super::x::links;
use super::{Fake, Rules};
use crate::ledger::{Entry, Event, Ledger};

/// A bot's new message.
pub const CREATE: &str = "create";
/// A web hook's new message.
pub const HOOK: &str = "execute webhook";
/// Changes a message.
pub const EDIT: &str = "edit";
/// Takes one down.
pub const DELETE: &str = "delete";
/// Pushes one to followers.
pub const CROSSPOST: &str = "crosspost";
/// A channel's messages.
pub const HISTORY: &str = "history";
/// What a channel is.
pub const CHANNEL: &str = "channel";
/// Who the bot is.
pub const ME: &str = "me";
/// What a web hook is.
pub const ABOUT: &str = "about webhook";
/// Anything else.
pub const OTHER: &str = "other";

const PLATFORM: &str = "discord";
const EPOCH: i64 = 1_420_070_400_000;
/// The bot's channel, its server ("guild") and its own id.
pub const HOME: &str = "1100000000000000001";
const GUILD: &str = "1000000000000000001";
const BOT: &str = "1200000000000000001";
const HOOK_ID: &str = "1300000000000000001";
const TOKEN: &str = "MTIwMDAwMDAwMDAwMDAwMDAwMQ.Fake.tokenOfTheNewsroomsBot";
const HOOK_TOKEN: &str = "Fake_tokenOf-TheNewsroomsWebhook0123456789";

/// A message as it is there.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its snowflake.
    pub id: String,
    /// The channel or thread it is in.
    pub channel: String,
    /// Who wrote it.
    author: &'static str,
    /// As it was sent.
    pub content: String,
    /// As they were sent.
    pub embeds: Vec<Value>,
    /// What is said of each attached file.
    pub files: Vec<String>,
    /// Its flags.
    pub flags: u64,
    made: Timestamp,
    /// Whether it was pushed to followers.
    pub crossposted: bool,
}

/// The state behind the API.
pub struct Discord {
    ledger: Ledger,
    /// What is there now.
    pub messages: Vec<Message>,
    nonces: Vec<(String, String, Timestamp)>,
    count: u64,
    /// How long a nonce is remembered.
    pub remembers: Duration,
    /// Whether the bot may read history; where not, it is shown an empty one.
    pub reads: bool,
    /// History shows a message this much later.
    pub lag: Duration,
    /// Whether the credential is refused.
    pub revoked: bool,
    /// 0: text, 5: announcements, 15: forum.
    pub kind: u8,
    /// Who was called by name: nobody ever should be.
    pub called: Vec<String>,
    /// Contents in which a sign outside of links was left to Markdown.
    pub formatted: Vec<String>,
    /// Addresses of pictures that are refused.
    pub bad_pictures: Vec<String>,
}

/// A running fake Discord.
pub struct FakeDiscord(Fake<Discord>);

impl Deref for FakeDiscord {
    type Target = Fake<Discord>;
    fn deref(&self) -> &Fake<Discord> {
        &self.0
    }
}

impl FakeDiscord {
    /// With one server, the channel [`HOME`] in it, a bot and a web hook of that channel.
    pub fn start() -> Self {
        Self::with_clock(super::machine_clock())
    }

    /// With a clock shared with the test.
    pub fn with_clock(clock: SharedClock) -> Self {
        Self(Fake::with_clock(clock, Discord::new))
    }

    /// The bot's token.
    pub fn token(&self) -> String {
        TOKEN.to_owned()
    }

    /// The web hook's address, as Discord shows it.
    pub fn webhook(&self) -> String {
        format!("https://discord.com/api/webhooks/{HOOK_ID}/{HOOK_TOKEN}")
    }

    /// What Discord answers over a limit.
    pub fn too_many(seconds: f64, global: bool) -> Reply {
        let body = json!({"message": "You are being rate limited.", "retry_after": seconds, "global": global});
        let reply = Reply::json(429, &body).header("X-RateLimit-Scope", if global { "global" } else { "user" });
        Wait::Seconds(seconds.ceil() as u64).on(reply)
    }

    /// What the edge before Discord answers to an address that it has banned for a while.
    pub fn banned(seconds: u64) -> Reply {
        Wait::Seconds(seconds).on(Reply::text(429, "text/html", "<html>error code: 1015</html>"))
    }

    /// A refusal with that code.
    pub fn refusal(status: u16, code: u32) -> Reply {
        refused(status, code, "Refused")
    }
}

fn refused(status: u16, code: u32, message: &str) -> Reply {
    Reply::json(status, &json!({"message": message, "code": code}))
}

fn units(text: &str) -> usize {
    text.trim().encode_utf16().count()
}

impl Discord {
    fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            messages: Vec::new(),
            nonces: Vec::new(),
            count: 0,
            remembers: Duration::from_secs(180),
            reads: true,
            lag: Duration::ZERO,
            revoked: false,
            kind: 0,
            called: Vec::new(),
            formatted: Vec::new(),
            bad_pictures: Vec::new(),
        }
    }

    fn snowflake(&mut self, now: Timestamp) -> String {
        self.count += 1;
        let ms = u64::try_from(now.as_millisecond() - EPOCH).expect("after 2015");
        ((ms << 22) + self.count).to_string()
    }

    /// The body's JSON and the files with it.
    fn body(request: &Request) -> Result<(Map<String, Value>, Vec<String>), Reply> {
        let broken = || refused(400, 50109, "The request body contains invalid JSON.");
        let Some(parts) = request.multipart() else {
            return match request.content_type().as_str() {
                "application/json" => Ok((request.json().and_then(object).ok_or_else(broken)?, Vec::new())),
                _ => Err(broken()),
            };
        };
        let (mut map, mut files) = (Map::new(), Vec::new());
        for (name, kind, bytes) in parts {
            if name == "payload_json" {
                map = serde_json::from_slice(&bytes).ok().and_then(object).ok_or_else(broken)?;
            } else if name.starts_with("files[") && kind.starts_with("image/") && bytes.starts_with(b"\xFF\xD8") {
                if bytes.len() > 10 * 1024 * 1024 {
                    return Err(refused(413, 40005, "Request entity too large"));
                }
                files.push(name);
            } else {
                return Err(invalid(&[&name], "UNKNOWN_PART", "no such part, or no picture in it"));
            }
        }
        Ok((map, files))
    }

    /// Checks a message's fields and gives what it shows.
    fn shown(&mut self, map: &Map<String, Value>, files: &[String], schema: &str) -> Result<Parts, Reply> {
        check_names(map, schema)?;
        let content = map.get("content").map_or(Some(""), Value::as_str);
        let content = content.ok_or_else(|| invalid(&["content"], "BASE_TYPE_BAD_TYPE", "expected a text"))?;
        if units(content) > 2000 {
            return Err(invalid(&["content"], "BASE_TYPE_MAX_LENGTH", "Must be 2000 or fewer in length."));
        }
        let list = |name: &str| map.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let embeds = list("embeds");
        self.check_embeds(&embeds)?;
        let mut said = Vec::new();
        for attachment in list("attachments") {
            let fields = object(attachment).unwrap_or_default();
            check_names(&fields, "MessageAttachmentRequest")?;
            let file = format!("files[{}]", fields.get("id").unwrap_or(&Value::Null));
            if !files.contains(&file) {
                return Err(invalid(&["attachments"], "ATTACHMENT_NOT_FOUND", &file));
            }
            let words = fields.get("description").and_then(Value::as_str).unwrap_or_default();
            if words.chars().count() > 1024 {
                return Err(invalid(&["attachments", "description"], "BASE_TYPE_MAX_LENGTH", "1024"));
            }
            said.push(words.to_owned());
        }
        if said.len() != files.len() || said.len() > 10 {
            return Err(invalid(&["attachments"], "ATTACHMENTS", "each file is named once, ten at most"));
        }
        if content.trim().is_empty() && embeds.is_empty() && files.is_empty() && schema.contains("Create") {
            return Err(refused(400, 50006, "Cannot send an empty message"));
        }
        self.note_calls(map, content)?;
        let (_, formatted) = rendered(content);
        if formatted {
            self.formatted.push(content.to_owned());
        }
        Ok((content.trim().to_owned(), embeds, said))
    }

    fn check_embeds(&self, embeds: &[Value]) -> Result<(), Reply> {
        let mut sum = 0;
        for embed in embeds {
            let fields = object(embed.clone()).unwrap_or_default();
            check_names(&fields, "RichEmbed")?;
            for (name, most) in [("title", 256), ("description", 4096)] {
                let length = fields.get(name).and_then(Value::as_str).map_or(0, units);
                sum += length;
                if length > most {
                    return Err(invalid(&["embeds", "0", name], "BASE_TYPE_MAX_LENGTH", "too long"));
                }
            }
            let image = fields.get("image").map(|it| it["url"].as_str().unwrap_or_default());
            if image.is_some_and(|url| !url.starts_with("http") || self.bad_pictures.iter().any(|bad| bad == url)) {
                return Err(invalid(
                    &["embeds", "0", "image", "url"],
                    "URL_TYPE_INVALID_URL",
                    "Not a well formed URL.",
                ));
            }
        }
        match sum > 6000 || embeds.len() > 10 {
            true => Err(invalid(&["embeds"], "MAX_EMBED_SIZE_EXCEEDED", "6000")),
            false => Ok(()),
        }
    }

    /// Who is called: without `allowed_mentions` everybody a content names.
    fn note_calls(&mut self, map: &Map<String, Value>, content: &str) -> Result<(), Reply> {
        let allowed = map.get("allowed_mentions").cloned().and_then(object);
        if let Some(allowed) = &allowed {
            check_names(allowed, "MessageAllowedMentionsRequest")?;
        }
        let nobody = allowed.is_some_and(|it| {
            it.get("parse").is_some_and(|parse| parse == &json!([]))
                && !it.contains_key("users")
                && !it.contains_key("roles")
        });
        if !nobody {
            self.called.extend(
                ["@everyone", "@here", "<@"].iter().filter(|it| content.contains(**it)).map(|it| (*it).to_owned()),
            );
        }
        Ok(())
    }

    fn create(&mut self, request: &Request, channel: &str, now: Timestamp) -> Result<Reply, Reply> {
        let (map, files) = Self::body(request)?;
        let nonce = match map.get("nonce") {
            None => None,
            Some(Value::String(nonce)) if nonce.chars().count() <= 25 => Some(nonce.clone()),
            Some(_) => return Err(invalid(&["nonce"], "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")),
        };
        if self.kind == 15 {
            return Err(refused(400, 40058, "Cannot send a message in a forum channel"));
        }
        let enforced = map.get("enforce_nonce") == Some(&json!(true));
        if let Some(nonce) = nonce.as_ref().filter(|_| enforced)
            && let Some((_, id, _)) = self.nonces.iter().find(|(known, _, at)| {
                known == nonce
                    && now.duration_since(*at) <= jiff::SignedDuration::try_from(self.remembers).unwrap_or_default()
            })
        {
            let id = id.clone();
            let found = self.messages.iter().find(|it| it.id == id);
            return found
                .map(|it| Reply::json(200, &it.json(Some(nonce))))
                .ok_or_else(|| refused(500, 0, "Internal Server Error"));
        }
        let shown = self.shown(&map, &files, "MessageCreateRequest")?;
        let message = self.put(shown, &map, channel, BOT, now);
        let answer = Reply::json(200, &message.json(nonce.as_deref()));
        self.nonces.extend(nonce.map(|nonce| (nonce, message.id, now)));
        Ok(answer)
    }

    fn execute(&mut self, request: &Request, now: Timestamp) -> Result<Reply, Reply> {
        let (map, files) = Self::body(request)?;
        let shown = self.shown(&map, &files, "IncomingWebhookRequestPartial")?;
        let name = map.get("username").and_then(Value::as_str).unwrap_or("Newsroom").to_lowercase();
        if name.is_empty() || name.chars().count() > 80 || name.contains("discord") || name.contains("clyde") {
            return Err(invalid(&["username"], "USERNAME_INVALID", "Username cannot contain that"));
        }
        let named = map.get("thread_name").and_then(Value::as_str);
        if named.is_some_and(|name| name.is_empty() || name.chars().count() > 100) {
            return Err(invalid(&["thread_name"], "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length."));
        }
        let channel = match (self.kind == 15, named, request.query("thread_id")) {
            (true, Some(_), None) => self.snowflake(now),
            (true, None, None) => {
                return Err(refused(
                    400,
                    220_001,
                    "Webhooks posted to forum channels must have a thread_name or thread_id",
                ));
            }
            (true, Some(_), Some(_)) => return Err(refused(400, 220_002, "only one of thread_name and thread_id")),
            (false, Some(_), _) => {
                return Err(refused(400, 220_003, "Webhooks can only create threads in forum channels"));
            }
            (_, None, Some(thread)) => thread.to_owned(),
            (false, None, None) => HOME.to_owned(),
        };
        let message = self.put(shown, &map, &channel, HOOK_ID, now);
        match request.query("wait") {
            Some("true") => Ok(Reply::json(200, &message.json(None))),
            _ => Ok(Reply::empty(204)),
        }
    }

    fn put(
        &mut self,
        (content, embeds, files): Parts,
        map: &Map<String, Value>,
        channel: &str,
        author: &'static str,
        now: Timestamp,
    ) -> Message {
        let id = self.snowflake(now);
        let flags = map.get("flags").and_then(Value::as_u64).unwrap_or_default();
        let channel = channel.to_owned();
        let message = Message { id, channel, author, content, embeds, files, flags, made: now, crossposted: false };
        let event = Event::Published { text: message.text(), link: message.link(), parent: None };
        self.write(&message, event, now);
        self.messages.push(message.clone());
        message
    }

    fn at(&self, channel: &str, id: &str, author: &str) -> Result<usize, Reply> {
        let found = self.messages.iter().position(|it| it.id == id && it.channel == channel);
        let at = found.ok_or_else(|| refused(404, 10008, "Unknown Message"))?;
        match self.messages[at].author == author {
            true => Ok(at),
            false => Err(refused(403, 50005, "Cannot edit a message authored by another user")),
        }
    }

    fn edit(&mut self, request: &Request, at: usize, schema: &str, now: Timestamp) -> Result<Reply, Reply> {
        let (map, files) = Self::body(request)?;
        let (content, embeds, _) = self.shown(&map, &files, schema)?;
        let message = &mut self.messages[at];
        if map.contains_key("content") {
            message.content = content;
        }
        if map.contains_key("embeds") {
            message.embeds = embeds;
        }
        let message = message.clone();
        self.write(&message, Event::Edited { text: message.text(), link: message.link() }, now);
        Ok(Reply::json(200, &message.json(None)))
    }

    fn take_down(&mut self, at: usize, now: Timestamp) -> Reply {
        let message = self.messages.remove(at);
        self.write(&message, Event::Deleted, now);
        Reply::empty(204)
    }

    fn history(&self, request: &Request, channel: &str, now: Timestamp) -> Result<Reply, Reply> {
        let limit = request.query("limit").map_or(Ok(50), str::parse::<usize>);
        let limit = limit
            .ok()
            .filter(|n| (1..=100).contains(n))
            .ok_or_else(|| invalid(&["limit"], "NUMBER_TYPE_MAX", "1 to 100"))?;
        let number = |text: &str| text.parse::<u64>().unwrap_or_default();
        let before = request.query("before").map_or(u64::MAX, number);
        let old_enough =
            |it: &&Message| now.duration_since(it.made) >= jiff::SignedDuration::try_from(self.lag).unwrap_or_default();
        let shown = self.messages.iter().rev().filter(|it| it.channel == channel && number(&it.id) < before);
        let shown: Vec<Value> = shown.filter(old_enough).take(limit).map(|it| it.json(None)).collect();
        Ok(Reply::json(200, &if self.reads { json!(shown) } else { json!([]) }))
    }

    fn write(&self, message: &Message, event: Event, at: Timestamp) {
        let (account, id) = (message.channel.clone(), message.id.clone());
        self.ledger.write(Entry { platform: PLATFORM, account, id, event, at });
    }

    fn of_bot(&mut self, request: &Request, now: Timestamp) -> Result<Reply, Reply> {
        if self.revoked || request.header("authorization") != Some(&format!("Bot {TOKEN}")) {
            return Err(refused(401, 0, "401: Unauthorized"));
        }
        let path: Vec<&str> = request.path.trim_start_matches("/api/v10/").split('/').collect();
        if path == ["users", "@me"] {
            return Ok(Reply::json(200, &json!({"id": BOT, "username": "newsroom", "bot": true})));
        }
        let ["channels", channel, rest @ ..] = &path[..] else { return Err(refused(404, 0, "404: Not Found")) };
        if *channel != HOME {
            return Err(refused(404, 10003, "Unknown Channel"));
        }
        match (request.method.as_str(), rest) {
            ("GET", []) => {
                let last = self.messages.iter().rev().find(|it| it.channel == HOME).map(|it| it.id.clone());
                let json =
                    json!({"id": HOME, "type": self.kind, "guild_id": GUILD, "name": "news", "last_message_id": last});
                Ok(Reply::json(200, &json))
            }
            ("POST", ["messages"]) => self.create(request, channel, now),
            ("GET", ["messages"]) => self.history(request, channel, now),
            ("PATCH", ["messages", id]) => {
                let at = self.at(channel, id, BOT)?;
                self.edit(request, at, "MessageEditRequestPartial", now)
            }
            ("DELETE", ["messages", id]) => Ok(self.take_down(self.at(channel, id, BOT)?, now)),
            ("POST", ["messages", id, "crosspost"]) => {
                let at = self.at(channel, id, BOT)?;
                match (self.kind, self.messages[at].crossposted) {
                    (5, false) => {
                        self.messages[at].crossposted = true;
                        Ok(Reply::json(200, &self.messages[at].json(None)))
                    }
                    (5, true) => Err(refused(400, 40033, "This message has already been crossposted")),
                    _ => Err(refused(400, 50024, "Cannot execute action on this channel type")),
                }
            }
            _ => Err(refused(405, 0, "405: Method Not Allowed")),
        }
    }

    fn of_hook(&mut self, request: &Request, now: Timestamp) -> Result<Reply, Reply> {
        let path: Vec<&str> = request.path.trim_start_matches("/api/v10/webhooks/").split('/').collect();
        let [id, token, rest @ ..] = &path[..] else { return Err(refused(404, 0, "404: Not Found")) };
        if *id != HOOK_ID {
            return Err(refused(404, 10015, "Unknown Webhook"));
        }
        if self.revoked || *token != HOOK_TOKEN {
            return Err(refused(401, 50027, "Invalid Webhook Token"));
        }
        let thread = request.query("thread_id").unwrap_or(HOME).to_owned();
        match (request.method.as_str(), rest) {
            ("GET", []) => {
                let json = json!({"id": HOOK_ID, "type": 1, "name": "Newsroom", "guild_id": GUILD, "channel_id": HOME});
                Ok(Reply::json(200, &json))
            }
            ("POST", []) => self.execute(request, now),
            ("PATCH", ["messages", id]) => {
                let at = self.at(&thread, id, HOOK_ID)?;
                self.edit(request, at, "IncomingWebhookUpdateRequestPartial", now)
            }
            ("DELETE", ["messages", id]) => Ok(self.take_down(self.at(&thread, id, HOOK_ID)?, now)),
            _ => Err(refused(405, 0, "405: Method Not Allowed")),
        }
    }
}

/// A content, its embeds, and what is said of each file.
type Parts = (String, Vec<Value>, Vec<String>);

fn object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

impl Message {
    fn json(&self, nonce: Option<&str>) -> Value {
        let files = self.files.iter().map(|it| json!({"id": "1", "filename": "picture.jpg", "description": it}));
        let mut json = json!({
            "id": self.id, "channel_id": self.channel, "type": 0, "content": self.content, "embeds": self.embeds,
            "attachments": files.collect::<Vec<_>>(), "flags": self.flags, "timestamp": self.made.to_string(),
            "author": {"id": self.author, "username": "newsroom", "bot": true},
        });
        if let Some(nonce) = nonce {
            json["nonce"] = json!(nonce);
        }
        if self.author == HOOK_ID {
            json["webhook_id"] = json!(HOOK_ID);
        }
        json
    }

    fn text(&self) -> String {
        rendered(&self.content).0
    }

    fn link(&self) -> Option<String> {
        let text = self.text();
        let in_text = links(&text).first().map(|link| (*link).to_owned());
        in_text.or_else(|| self.embeds.iter().find_map(|embed| embed["url"].as_str().map(str::to_owned)))
    }
}

impl Rules for Discord {
    fn endpoint(&self, request: &Request) -> &'static str {
        let path: Vec<&str> = request.path.trim_start_matches("/api/v10/").split('/').collect();
        match (request.method.as_str(), &path[..]) {
            ("GET", ["users", "@me"]) => ME,
            ("GET", ["channels", _]) => CHANNEL,
            ("POST", ["channels", _, "messages"]) => CREATE,
            ("GET", ["channels", _, "messages"]) => HISTORY,
            ("POST", ["channels", _, "messages", _, "crosspost"]) => CROSSPOST,
            ("GET", ["webhooks", _, _]) => ABOUT,
            ("POST", ["webhooks", _, _]) => HOOK,
            ("PATCH", ["channels" | "webhooks", ..]) => EDIT,
            ("DELETE", ["channels" | "webhooks", ..]) => DELETE,
            _ => OTHER,
        }
    }

    fn answer(&mut self, request: &Request, now: Timestamp) -> Reply {
        if !request.header("user-agent").is_some_and(|agent| agent.starts_with("DiscordBot (https://")) {
            return Reply::text(403, "text/html", "<html>error code: 1010</html>");
        }
        let reply = match request.path.starts_with("/api/v10/webhooks/") {
            true => self.of_hook(request, now),
            false => self.of_bot(request, now),
        };
        let reply = reply.unwrap_or_else(|refusal| refusal);
        let bucket = [("X-RateLimit-Limit", "5"), ("X-RateLimit-Remaining", "4"), ("X-RateLimit-Reset-After", "1.000")];
        bucket.into_iter().fold(reply, |reply, (name, value)| reply.header(name, value))
    }
}
