//! Telegram's Bot API as documented (10.1 of 2026-06-11) and as its server counts: messages, edits, deletions, photos by
//! URL or upload, albums. There is no history to look at, as there. Stricter than Telegram: an unknown field is refused.

use std::ops::Deref;

use bugle::clock::SharedClock;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::fault::Wait;
use super::http::{Reply, Request};
use super::x::links;
use super::{Fake, Rules};
use crate::ledger::{Entry, Event, Ledger};

/// Makes a message of text.
pub const SEND: &str = "sendMessage";
/// Makes a message of a photo.
pub const PHOTO: &str = "sendPhoto";
/// Makes an album of messages.
pub const ALBUM: &str = "sendMediaGroup";
/// Changes a message's text.
pub const EDIT: &str = "editMessageText";
/// Changes a photo's caption.
pub const CAPTION: &str = "editMessageCaption";
/// Takes a message down.
pub const DELETE: &str = "deleteMessage";
/// Who am I.
pub const ME: &str = "getMe";
/// What a chat is.
pub const CHAT: &str = "getChat";
/// What the bot may do in a chat.
pub const MEMBER: &str = "getChatMember";
/// Anything else.
pub const OTHER: &str = "other";

const PLATFORM: &str = "telegram";
/// UTF-16 units of a text and of a caption, after the entities are parsed.
const TEXT_LIMIT: usize = 4096;
const CAPTION_LIMIT: usize = 1024;
/// The bot's own id and its token.
const BOT_ID: i64 = 123_456;

#[derive(Clone, Debug)]
struct Message {
    chat: i64,
    id: i64,
    text: String,
    entities: Vec<Value>,
    photo: bool,
    preview: Option<Value>,
    date: i64,
}

#[derive(Clone, Debug)]
struct Chat {
    id: i64,
    username: String,
}

/// The state behind the API.
pub struct Telegram {
    ledger: Ledger,
    chats: Vec<Chat>,
    messages: Vec<Message>,
    next: i64,
    /// Whether the token is refused.
    pub revoked: bool,
    /// Whether the bot may post; where not, it is no member of its chats.
    pub member: bool,
    /// Which picture of the next album is refused, counted from 1.
    pub refuses: Option<usize>,
}

/// A running fake Telegram.
pub struct FakeTelegram(Fake<Telegram>);

impl Deref for FakeTelegram {
    type Target = Fake<Telegram>;
    fn deref(&self) -> &Fake<Telegram> {
        &self.0
    }
}

impl FakeTelegram {
    /// With the public channel `@newsroom` (id -1001000000001), of which the bot is an administrator.
    pub fn start() -> Self {
        Self::with_clock(super::machine_clock())
    }

    /// With a clock shared with the test.
    pub fn with_clock(clock: SharedClock) -> Self {
        Self(Fake::with_clock(clock, Telegram::new))
    }

    /// The bot's token.
    pub fn token(&self) -> String {
        format!("{BOT_ID}:AAfakeTokenOfTheNewsroomsBot-0123456")
    }

    /// Opens one more public channel and gives its `@name`.
    pub fn open_chat(&self, username: &str) -> String {
        let mut rules = self.rules();
        let id = -1_001_000_000_001 - i64::try_from(rules.chats.len()).expect("a test opens few chats");
        rules.chats.push(Chat { id, username: username.to_owned() });
        format!("@{username}")
    }

    /// What Telegram answers over its flood limit.
    pub fn too_many(seconds: u64) -> Reply {
        let body = json!({
            "ok": false, "error_code": 429, "description": format!("Too Many Requests: retry after {seconds}"),
            "parameters": {"retry_after": seconds},
        });
        Wait::Seconds(seconds).on(Reply::json(429, &body))
    }

    /// A flood error whose seconds the server could not parse: not sent, although it says 500.
    pub fn flood_500() -> Reply {
        refused(500, "Internal Server Error: Too Many Requests: retry later")
    }

    /// The group is a supergroup now.
    pub fn migrated(to: i64) -> Reply {
        let body = json!({
            "ok": false, "error_code": 400, "description": "Bad Request: group chat was upgraded to a supergroup chat",
            "parameters": {"migrate_to_chat_id": to},
        });
        Reply::json(400, &body)
    }
}

fn refused(code: u16, description: &str) -> Reply {
    Reply::json(code, &json!({"ok": false, "error_code": code, "description": description}))
}

fn bad(why: &str) -> Reply {
    refused(400, &format!("Bad Request: {why}"))
}

fn ok(result: &Value) -> Reply {
    Reply::json(200, &json!({"ok": true, "result": result}))
}

/// A text after parsing, and its entities.
type Parsed = (String, Vec<Value>);

impl Telegram {
    fn new(ledger: Ledger) -> Self {
        let chats = vec![Chat { id: -1_001_000_000_001, username: "newsroom".to_owned() }];
        Self { ledger, chats, messages: Vec::new(), next: 41, revoked: false, member: true, refuses: None }
    }

    fn chat(&self, fields: &Map<String, Value>) -> Result<Chat, Reply> {
        let fits = |chat: &&Chat| match fields.get("chat_id") {
            Some(Value::Number(id)) => id.as_i64() == Some(chat.id),
            Some(Value::String(text)) => match text.strip_prefix('@') {
                Some(name) => name.eq_ignore_ascii_case(&chat.username),
                None => text.parse() == Ok(chat.id),
            },
            _ => false,
        };
        let chat = self.chats.iter().find(fits).cloned().ok_or_else(|| bad("chat not found"))?;
        match self.member {
            true => Ok(chat),
            false => Err(refused(403, "Forbidden: bot is not a member of the channel chat")),
        }
    }

    fn message(&self, chat: &Chat, fields: &Map<String, Value>) -> Option<usize> {
        let id = match fields.get("message_id")? {
            Value::Number(id) => id.as_i64()?,
            Value::String(id) => id.parse().ok()?,
            _ => return None,
        };
        self.messages.iter().position(|m| m.chat == chat.id && m.id == id)
    }

    fn send(&mut self, fields: &Map<String, Value>, photo: bool, now: Timestamp) -> Result<Reply, Reply> {
        let chat = self.chat(fields)?;
        let (text, entities) = match photo {
            true => parsed(fields, "caption", "caption_entities", CAPTION_LIMIT)?,
            false => parsed(fields, "text", "entities", TEXT_LIMIT)?,
        };
        if let Some(reply) = fields.get("reply_parameters") {
            let reply = object(reply).ok_or_else(|| bad("can't parse reply parameters JSON object"))?;
            if self.message(&chat, &reply).is_none() && reply.get("allow_sending_without_reply") != Some(&json!(true)) {
                return Err(bad("message to be replied not found"));
            }
        }
        self.next += 1;
        let date = now.as_second();
        let message = Message {
            chat: chat.id,
            id: self.next,
            text,
            entities,
            photo,
            preview: fields.get("link_preview_options").map(|p| object(p).map_or(p.clone(), Value::Object)),
            date,
        };
        let event = Event::Published {
            text: message.text.clone(),
            link: message.link(),
            parent: fields
                .get("reply_parameters")
                .and_then(object)
                .and_then(|reply| reply.get("message_id").map(Value::to_string)),
        };
        self.write(&chat, message.id, event, now);
        let answer = ok(&message.json(&chat));
        self.messages.push(message);
        Ok(answer)
    }

    /// 2 to 10 photos, each a file of the form, all or none.
    fn album(&mut self, fields: &Map<String, Value>, now: Timestamp) -> Result<Reply, Reply> {
        let chat = self.chat(fields)?;
        let media = items(fields);
        match media.len() {
            0 => return Err(bad("there are no messages to send")),
            1 => return Err(bad("an album has 2 to 10 items (Telegram itself would send one)")),
            2..=10 => {}
            _ => return Err(bad("too many messages to send as an album")),
        }
        let mut used = Vec::new();
        let mut texts = Vec::new();
        for (n, item) in media.iter().enumerate() {
            let allowed = [
                "type",
                "media",
                "caption",
                "caption_entities",
                "parse_mode",
                "has_spoiler",
                "show_caption_above_media",
            ];
            let item = item.as_object().ok_or_else(|| bad("can't parse InputMedia: expected an object"))?;
            if let Some(name) = item.keys().find(|name| !allowed.contains(&name.as_str())) {
                return Err(bad(&format!("InputMediaPhoto has no field {name}")));
            }
            if item.get("type") != Some(&json!("photo")) {
                return Err(bad("can't parse InputMedia: only photos are modelled here"));
            }
            let file = item.get("media").and_then(Value::as_str).and_then(|at| at.strip_prefix("attach://"));
            let file = file.filter(|file| fields.contains_key(*file) && !used.contains(file));
            used.push(file.ok_or_else(|| bad("can't parse InputMedia: media not found"))?);
            if self.refuses == Some(n + 1) {
                self.refuses = None;
                let inner = "PHOTO_INVALID_DIMENSIONS";
                return Err(bad(&format!("failed to send message #{} with the error message \"{inner}\"", n + 1)));
            }
            texts.push(parsed(item, "caption", "caption_entities", CAPTION_LIMIT)?);
        }
        let date = now.as_second();
        let mut answer = Vec::new();
        let first = self.next + 1;
        for (n, (text, entities)) in texts.into_iter().enumerate() {
            self.next += 1;
            let message = Message { chat: chat.id, id: self.next, text, entities, photo: true, preview: None, date };
            // What readers see is one post: the further pictures stand under the first.
            let parent = (n > 0).then(|| first.to_string());
            let event = Event::Published { text: message.text.clone(), link: message.link(), parent };
            self.write(&chat, message.id, event, now);
            let mut json = message.json(&chat);
            json["media_group_id"] = json!(first.to_string());
            answer.push(json);
            self.messages.push(message);
        }
        Ok(ok(&json!(answer)))
    }

    fn edit(&mut self, fields: &Map<String, Value>, photo: bool, now: Timestamp) -> Result<Reply, Reply> {
        let chat = self.chat(fields)?;
        let (text, entities) = match photo {
            true => parsed(fields, "caption", "caption_entities", CAPTION_LIMIT)?,
            false => parsed(fields, "text", "entities", TEXT_LIMIT)?,
        };
        let at = self.message(&chat, fields).ok_or_else(|| bad("message to edit not found"))?;
        let message = &mut self.messages[at];
        if message.photo != photo {
            let missing = if photo { "caption" } else { "text" };
            return Err(bad(&format!("there is no {missing} in the message to edit")));
        }
        if (&message.text, &message.entities) == (&text, &entities) {
            return Err(bad(
                "message is not modified: specified new message content and reply markup are exactly the same as a \
                 current content and reply markup of the message",
            ));
        }
        (message.text, message.entities) = (text, entities);
        let message = message.clone();
        self.write(&chat, message.id, Event::Edited { text: message.text.clone(), link: message.link() }, now);
        Ok(ok(&message.json(&chat)))
    }

    fn delete(&mut self, fields: &Map<String, Value>, now: Timestamp) -> Result<Reply, Reply> {
        let chat = self.chat(fields)?;
        let at = self.message(&chat, fields).ok_or_else(|| bad("message to delete not found"))?;
        let message = self.messages.remove(at);
        self.write(&chat, message.id, Event::Deleted, now);
        Ok(ok(&json!(true)))
    }

    fn write(&self, chat: &Chat, id: i64, event: Event, at: Timestamp) {
        let account = format!("@{}", chat.username);
        self.ledger.write(Entry { platform: PLATFORM, account, id: id.to_string(), event, at });
    }

    fn call(&mut self, method: &str, request: &Request, now: Timestamp) -> Result<Reply, Reply> {
        let fields = fields(request)?;
        let known = known(method);
        // The files of an album are parts of the form under names of the sender's choice.
        let is_file = |name: &str| method == ALBUM && attached(&fields).iter().any(|file| file == name);
        if let Some(name) = fields.keys().find(|name| !known.contains(&name.as_str()) && !is_file(name)) {
            return Err(bad(&format!("{method} has no field {name} (Telegram itself would ignore it)")));
        }
        if let Some(options) = fields.get("link_preview_options") {
            check_preview(options)?;
        }
        match method {
            SEND => self.send(&fields, false, now),
            PHOTO => match fields.get("photo") {
                Some(Value::String(photo)) if !photo.is_empty() => self.send(&fields, true, now),
                _ => Err(bad("there is no photo in the request")),
            },
            ALBUM => self.album(&fields, now),
            EDIT => self.edit(&fields, false, now),
            CAPTION => self.edit(&fields, true, now),
            DELETE => self.delete(&fields, now),
            ME => Ok(ok(&json!({"id": BOT_ID, "is_bot": true, "first_name": "Newsroom", "username": "newsroom_bot"}))),
            CHAT => self.chat(&fields).map(|chat| ok(&chat.json())),
            MEMBER => self.chat(&fields).map(|_| {
                ok(&json!({
                    "status": "administrator", "user": {"id": BOT_ID, "is_bot": true, "first_name": "Newsroom"},
                    "can_post_messages": true, "can_edit_messages": true, "can_delete_messages": true,
                }))
            }),
            _ => Err(refused(404, "Not Found")),
        }
    }
}

impl Rules for Telegram {
    fn endpoint(&self, request: &Request) -> &'static str {
        let method = request.path.rsplit('/').next().unwrap_or_default();
        let methods = [SEND, PHOTO, ALBUM, EDIT, CAPTION, DELETE, ME, CHAT, MEMBER];
        methods.into_iter().find(|known| known.eq_ignore_ascii_case(method)).unwrap_or(OTHER)
    }

    fn answer(&mut self, request: &Request, now: Timestamp) -> Reply {
        let token = format!("/bot{BOT_ID}:AAfakeTokenOfTheNewsroomsBot-0123456/");
        if !request.path.starts_with("/bot") {
            return refused(404, "Not Found");
        }
        if self.revoked || !request.path.starts_with(&token) {
            return refused(401, "Unauthorized");
        }
        if request.method != "GET" && request.method != "POST" {
            return refused(405, "Method Not Allowed");
        }
        let method = self.endpoint(request);
        self.call(method, request, now).unwrap_or_else(|refusal| refusal)
    }
}

impl Chat {
    fn json(&self) -> Value {
        json!({"id": self.id, "title": self.username, "username": self.username, "type": "channel"})
    }
}

impl Message {
    fn json(&self, chat: &Chat) -> Value {
        let mut json =
            json!({"message_id": self.id, "date": self.date, "chat": chat.json(), "sender_chat": chat.json()});
        let (text, entities) = match self.photo {
            true => ("caption", "caption_entities"),
            false => ("text", "entities"),
        };
        json[text] = json!(self.text);
        if !self.entities.is_empty() {
            json[entities] = json!(self.entities);
        }
        if self.photo {
            json["photo"] = json!([{"file_id": "photo-1", "file_unique_id": "p1", "width": 90, "height": 60}]);
        }
        if let Some(preview) = &self.preview {
            json["link_preview_options"] = preview.clone();
        }
        json
    }

    fn link(&self) -> Option<String> {
        let hidden = self.entities.iter().find_map(|entity| entity["url"].as_str());
        hidden.or_else(|| links(&self.text).first().copied()).map(str::to_owned)
    }
}

/// The fields of a method that this fake takes. Compared with the machine-readable description of the Bot API.
pub fn known(method: &str) -> Vec<&'static str> {
    let own: &[&str] = match method {
        SEND => &["chat_id", "text", "entities", "parse_mode", "link_preview_options"],
        PHOTO => &[
            "chat_id",
            "photo",
            "caption",
            "caption_entities",
            "parse_mode",
            "show_caption_above_media",
            "has_spoiler",
        ],
        ALBUM => &["chat_id", "media"],
        EDIT => &["chat_id", "message_id", "text", "entities", "parse_mode", "link_preview_options"],
        CAPTION => &["chat_id", "message_id", "caption", "caption_entities", "parse_mode"],
        DELETE => &["chat_id", "message_id"],
        MEMBER => &["chat_id", "user_id"],
        CHAT => &["chat_id"],
        _ => &[],
    };
    let sending: &[&str] = match method {
        SEND | PHOTO => {
            &["disable_notification", "protect_content", "reply_parameters", "reply_markup", "message_thread_id"]
        }
        ALBUM => &["disable_notification", "protect_content", "reply_parameters", "message_thread_id"],
        _ => &[],
    };
    [own, sending].concat()
}

/// The items of an album, which in a form are JSON in a text.
fn items(fields: &Map<String, Value>) -> Vec<Value> {
    match fields.get("media") {
        Some(Value::Array(items)) => items.clone(),
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// The names of an album's files.
fn attached(fields: &Map<String, Value>) -> Vec<String> {
    let name = |item: &Value| item["media"].as_str()?.strip_prefix("attach://").map(str::to_owned);
    items(fields).iter().filter_map(name).collect()
}

/// A request's fields, from JSON, a form, a multipart body or the query. A part with a file counts as its name.
fn fields(request: &Request) -> Result<Map<String, Value>, Reply> {
    if let Some(parts) = request.multipart() {
        let value = |kind: &str, bytes: Vec<u8>| match kind {
            "" | "text/plain" => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
            _ => Value::String(format!("file of {} bytes", bytes.len())),
        };
        return Ok(parts.into_iter().map(|(name, kind, bytes)| (name, value(&kind, bytes))).collect());
    }
    let mut fields = request.fields().ok_or_else(|| bad("can't parse the request"))?;
    fields.extend(request.query.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))));
    Ok(fields)
}

/// An object, be it JSON or (in a form) JSON in a text.
fn object(value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map.clone()),
        Value::String(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}

fn check_preview(options: &Value) -> Result<(), Reply> {
    let options = object(options).ok_or_else(|| bad("can't parse link preview options JSON object"))?;
    let known = ["is_disabled", "url", "prefer_small_media", "prefer_large_media", "show_above_text"];
    if let Some(name) = options.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(bad(&format!("link_preview_options has no field {name}")));
    }
    let sized = options.contains_key("prefer_small_media") || options.contains_key("prefer_large_media");
    match sized && !options.contains_key("url") {
        true => Err(bad("a preferred size needs an explicit url")),
        false => Ok(()),
    }
}

/// The text a message shows and its entities, by `parse_mode` or by a list of entities.
fn parsed(fields: &Map<String, Value>, text: &str, entities: &str, limit: usize) -> Result<Parsed, Reply> {
    let caption = text == "caption";
    let raw = match fields.get(text) {
        Some(Value::String(raw)) => raw.clone(),
        None if caption => String::new(),
        _ => return Err(bad("message text is empty")),
    };
    let (shown, marks) = match (fields.get("parse_mode").and_then(Value::as_str), fields.get(entities)) {
        (Some(_), Some(_)) => return Err(bad("both parse_mode and entities are given")),
        (Some("HTML"), None) => html(&raw).map_err(|why| bad(&format!("can't parse entities: {why}")))?,
        (Some(mode), None) => return Err(bad(&format!("parse mode {mode} is not modelled here"))),
        (None, None) => (raw, Vec::new()),
        (None, Some(list)) => {
            let list = match list {
                Value::Array(list) => list.clone(),
                Value::String(json) => serde_json::from_str(json).unwrap_or_default(),
                _ => return Err(bad("can't parse entities: expected an array")),
            };
            for entity in &list {
                check_entity(&raw, entity).map_err(|why| bad(&format!("can't parse entities: {why}")))?;
            }
            (raw, list)
        }
    };
    let length = shown.trim().encode_utf16().count();
    match (length, caption) {
        (0, false) => Err(bad("message text is empty")),
        (length, false) if length > limit => Err(bad("message is too long")),
        (length, true) if length > limit => Err(bad("message caption is too long")),
        _ => Ok((shown.trim_end().to_owned(), marks)),
    }
}

fn check_entity(text: &str, entity: &Value) -> Result<(), String> {
    let kinds = [
        "bold",
        "italic",
        "underline",
        "strikethrough",
        "spoiler",
        "blockquote",
        "expandable_blockquote",
        "code",
        "pre",
        "text_link",
        "text_mention",
        "url",
        "mention",
        "hashtag",
        "cashtag",
        "email",
    ];
    let kind = entity["type"].as_str().filter(|kind| kinds.contains(kind)).ok_or("entity of unknown type")?;
    let number = |name: &str| entity[name].as_u64().and_then(|n| usize::try_from(n).ok());
    let (start, length) = number("offset").zip(number("length")).ok_or("entity without offset or length")?;
    let units: Vec<u16> = text.encode_utf16().collect();
    let end = start.checked_add(length).filter(|end| length > 0 && *end <= units.len());
    let end = end.ok_or_else(|| format!("entity at {start} of length {length} ends outside the text"))?;
    let splits = |at: usize| at < units.len() && (0xdc00..=0xdfff).contains(&units[at]);
    if splits(start) || splits(end) {
        return Err(format!("entity at {start} of length {length} cuts a character in two"));
    }
    if kind == "text_link" {
        let url = entity["url"].as_str().ok_or("text_link without url")?;
        let parsed = url::Url::parse(url).map_err(|fault| format!("url {url}: {fault}"))?;
        if !matches!(parsed.scheme(), "http" | "https" | "tg" | "mailto") {
            return Err(format!("url {url}: its scheme is not linked"));
        }
    }
    Ok(())
}

/// Telegram's HTML, strictly.
fn html(raw: &str) -> Result<Parsed, String> {
    // Of each tag that is open: its name, where it began, where it leads.
    let mut open: Vec<(String, usize, Option<String>)> = Vec::new();
    let (mut text, mut entities) = (String::new(), Vec::new());
    let mut rest = raw;
    while let Some(at) = rest.find(['<', '&', '>']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('>') {
            // The server takes it; the documentation asks for &gt;.
            return Err("an unescaped >".to_owned());
        }
        if rest.starts_with('&') {
            let end = rest.find(';').ok_or("an unescaped &")?;
            text.push(character(&rest[1..end])?);
            rest = &rest[end + 1..];
            continue;
        }
        let end = rest.find('>').ok_or("a tag that does not end")?;
        let tag = &rest[1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let (opened, start, url) = open.pop().ok_or(format!("unexpected end tag {name}"))?;
            if opened != name {
                return Err(format!("expected end tag {opened}, found {name}"));
            }
            let length = text.encode_utf16().count() - start;
            if length > 0 {
                let mut entity = json!({"type": kind(name)?, "offset": start, "length": length});
                if let Some(url) = url {
                    entity["url"] = json!(url);
                }
                check_entity(&text, &entity)?;
                entities.push(entity);
            }
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        kind(name)?;
        let url = match attributes.trim().strip_prefix("href=\"").and_then(|a| a.strip_suffix('"')) {
            Some(href) if name == "a" => Some(unescaped(href)?),
            None if attributes.is_empty() && name != "a" => None,
            _ => return Err(format!("attributes of tag {name}: {attributes:?}")),
        };
        open.push((name.to_owned(), text.encode_utf16().count(), url));
    }
    text.push_str(rest);
    match open.pop() {
        Some((name, _, _)) => Err(format!("can't find end tag corresponding to start tag {name}")),
        None => Ok((text, entities)),
    }
}

fn kind(tag: &str) -> Result<&'static str, String> {
    Ok(match tag {
        "b" | "strong" => "bold",
        "i" | "em" => "italic",
        "u" | "ins" => "underline",
        "s" | "strike" | "del" => "strikethrough",
        "tg-spoiler" => "spoiler",
        "a" => "text_link",
        "code" => "code",
        "pre" => "pre",
        "blockquote" => "blockquote",
        _ => return Err(format!("unsupported start tag {tag:?}")),
    })
}

fn character(name: &str) -> Result<char, String> {
    let number = name.strip_prefix('#').and_then(|n| match n.strip_prefix('x') {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => n.parse().ok(),
    });
    match (name, number) {
        ("lt", _) => Ok('<'),
        ("gt", _) => Ok('>'),
        ("amp", _) => Ok('&'),
        ("quot", _) => Ok('"'),
        (_, Some(number)) => char::from_u32(number).ok_or(format!("&{name}; is no character")),
        _ => Err(format!("&{name}; is not known")),
    }
}

fn unescaped(text: &str) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let end = at + rest[at..].find(';').ok_or("an unescaped & in an attribute")?;
        out.push(character(&rest[at + 1..end])?);
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_becomes_text_and_entities() {
        let (text, entities) =
            html("<b>A 😀 B</b>\n<a href=\"https://e.org/?x=1&amp;y=2\">Read</a> &lt;now&gt;").unwrap();
        assert_eq!(text, "A 😀 B\nRead <now>");
        assert_eq!(
            entities,
            [
                json!({"type": "bold", "offset": 0, "length": 6}),
                json!({"type": "text_link", "offset": 7, "length": 4, "url": "https://e.org/?x=1&y=2"}),
            ]
        );
        for wrong in
            ["<p>a</p>", "<b>a", "a</b>", "<b><i>a</b></i>", "a & b", "a > b", "<b class=\"x\">a</b>", "&nbsp;"]
        {
            assert!(html(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn entities_stay_inside_the_text() {
        let entity = |offset: usize, length: usize| json!({"type": "bold", "offset": offset, "length": length});
        assert!(check_entity("😀a", &entity(0, 2)).is_ok());
        assert!(check_entity("😀a", &entity(0, 3)).is_ok());
        for (offset, length) in [(0, 1), (1, 1), (0, 4), (3, 1), (0, 0)] {
            assert!(check_entity("😀a", &entity(offset, length)).is_err(), "{offset} {length}");
        }
    }
}
