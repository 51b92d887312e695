//! Slack's Web API and its incoming web hooks as documented (docs.slack.dev, 2026-08): messages with blocks and metadata,
//! edits, deletions, history, installing by consent with rotating tokens. Stricter than Slack: an argument that a method
//! does not document is refused, and so is a text with a bare `&`.

use std::ops::Deref;
use std::time::Duration;

use bugle::clock::SharedClock;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::fault::Wait;
use super::http::{Reply, Request};
use super::x::links;
use super::{Fake, Rules};
use crate::ledger::{Entry, Event, Ledger};

/// Makes a message.
pub const POST: &str = "chat.postMessage";
/// Changes one.
pub const UPDATE: &str = "chat.update";
/// Takes one down.
pub const DELETE: &str = "chat.delete";
/// A channel's messages.
pub const HISTORY: &str = "conversations.history";
/// Who am I.
pub const AUTH: &str = "auth.test";
/// Ends a token.
pub const REVOKE: &str = "auth.revoke";
/// Trades a code, or a refresh token.
pub const ACCESS: &str = "oauth.v2.access";
/// A message by an incoming web hook.
pub const HOOK: &str = "incoming web hook";
/// Anything else.
pub const OTHER: &str = "other";

const PLATFORM: &str = "slack";
/// The channel of both.
pub const HOME: &str = "C0123456789";
const TOKEN: &str = "xoxb-fake-token-of-the-newsrooms-bot";
const HOOK_PATH: &str = "/services/T0000NEWS/B0000HOOK/fakeSecretOfTheWebhook";

/// A message as it is there.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its time, by which it is known.
    pub ts: String,
    /// As it was sent.
    pub text: String,
    /// As they were sent.
    pub blocks: Vec<Value>,
    /// What it was marked with.
    pub metadata: Option<Value>,
    /// Whether links are unfurled.
    pub unfurl: Option<bool>,
    by_bot: bool,
    made: Timestamp,
}

/// The state behind the API.
pub struct Slack {
    ledger: Ledger,
    /// What is there now.
    pub messages: Vec<Message>,
    count: i64,
    /// Whether the credential is refused.
    pub revoked: bool,
    /// Whether the token may read the channel.
    pub reads: bool,
    /// Whether metadata is refused.
    pub refuses_marks: bool,
    /// History shows a message this much later.
    pub lag: Duration,
    /// Addresses of pictures that cannot be fetched.
    pub bad_pictures: Vec<String>,
    /// What a text called that is alive: `<!channel>`, `<@U1>`.
    pub called: Vec<String>,
    /// Texts that were formatted.
    pub formatted: Vec<String>,
}

/// A running fake Slack.
pub struct FakeSlack(Fake<Slack>);

impl Deref for FakeSlack {
    type Target = Fake<Slack>;
    fn deref(&self) -> &Fake<Slack> {
        &self.0
    }
}

impl FakeSlack {
    /// With the channel [`HOME`], a bot in it and an incoming web hook to it.
    pub fn start() -> Self {
        Self::with_clock(super::machine_clock())
    }

    /// With a clock shared with the test.
    pub fn with_clock(clock: SharedClock) -> Self {
        Self(Fake::with_clock(clock, |ledger| Slack {
            ledger,
            messages: Vec::new(),
            count: 0,
            revoked: false,
            reads: true,
            refuses_marks: false,
            lag: Duration::ZERO,
            bad_pictures: Vec::new(),
            called: Vec::new(),
            formatted: Vec::new(),
        }))
    }

    /// The bot's token.
    pub fn token(&self) -> String {
        TOKEN.to_owned()
    }

    /// The web hook's address, as Slack shows it.
    pub fn webhook(&self) -> String {
        format!("https://hooks.slack.com{HOOK_PATH}")
    }

    /// What Slack answers over a limit.
    pub fn too_many(wait: Wait) -> Reply {
        wait.on(Reply { status: 429, ..refused("ratelimited") })
    }

    /// A refusal by that word.
    pub fn refusal(word: &str) -> Reply {
        refused(word)
    }
}

fn refused(word: &str) -> Reply {
    Reply::json(200, &json!({"ok": false, "error": word}))
}

fn ok(mut rest: Value) -> Reply {
    rest["ok"] = json!(true);
    Reply::json(200, &rest)
}

/// A text as readers see it, and what in it is alive.
fn plain(text: &str) -> Result<(String, Vec<String>), Reply> {
    let (mut out, mut alive, mut rest) = (String::new(), Vec::new(), text);
    while let Some(at) = rest.find(['&', '<', '>']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = [("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")].into_iter().find(|(name, _)| rest.starts_with(name));
        if let Some((name, sign)) = known {
            out.push_str(sign);
            rest = &rest[name.len()..];
            continue;
        }
        let end = rest.find('>').filter(|_| rest.starts_with('<')).ok_or_else(|| refused("invalid_arguments"))?;
        alive.push(rest[..=end].to_owned());
        rest = &rest[end + 1..];
    }
    Ok((out + rest, alive))
}

/// Whether mrkdwn would format something of it: a sign at the edge of a word, and its like after it.
fn is_formatted(text: &str) -> bool {
    ['*', '_', '~', '`'].iter().any(|sign| {
        let edges = |word: &str| (word.len() > 1 && word.starts_with(*sign), word.len() > 1 && word.ends_with(*sign));
        let words: Vec<_> = text.split_whitespace().map(edges).collect();
        let opens = words.iter().position(|(starts, _)| *starts);
        opens.is_some_and(|at| words[at..].iter().any(|(_, ends)| *ends))
    })
}

impl Slack {
    fn check_blocks(&self, blocks: &[Value]) -> Result<(), Reply> {
        if blocks.len() > 50 {
            return Err(refused("invalid_blocks"));
        }
        for block in blocks {
            let sound = match block["type"].as_str() {
                Some("rich_text") => block["elements"].as_array().is_some_and(|all| {
                    !all.is_empty()
                        && all.iter().all(|it| {
                            it["type"] == "rich_text_section"
                                && it["elements"].as_array().is_some_and(|all| {
                                    all.iter().all(|it| {
                                        let text = it["text"].as_str();
                                        match it["type"].as_str() {
                                            Some("text") => text.is_some_and(|text| !text.is_empty()),
                                            Some("link") => {
                                                it["url"].as_str().is_some_and(|url| url.starts_with("http"))
                                            }
                                            _ => false,
                                        }
                                    })
                                })
                        })
                }),
                Some("image") => {
                    let (url, alt) = (block["image_url"].as_str().unwrap_or_default(), block["alt_text"].as_str());
                    url.starts_with("http")
                        && url.chars().count() <= 3000
                        && alt.is_some_and(|alt| !alt.is_empty() && alt.chars().count() <= 2000)
                        && !self.bad_pictures.iter().any(|bad| bad == url)
                }
                _ => false,
            };
            if !sound {
                return Err(refused("invalid_blocks"));
            }
        }
        Ok(())
    }

    /// Checks what a message shows and notes what should not be in it.
    fn check(&mut self, fields: &Map<String, Value>, known: &[&str]) -> Result<(String, Vec<Value>), Reply> {
        if fields.keys().any(|name| !known.contains(&name.as_str())) {
            return Err(refused("invalid_arguments"));
        }
        let text = fields.get("text").and_then(Value::as_str).unwrap_or_default();
        let blocks = fields.get("blocks").and_then(Value::as_array).cloned().unwrap_or_default();
        if text.is_empty() && blocks.is_empty() {
            return Err(refused("no_text"));
        }
        if text.chars().count() > 40_000 {
            return Err(refused("msg_too_long"));
        }
        self.check_blocks(&blocks)?;
        let (seen, alive) = plain(text)?;
        self.called.extend(alive.into_iter().filter(|it| it.starts_with("<!") || it.starts_with("<@")));
        if blocks.is_empty() && fields.get("mrkdwn") != Some(&json!(false)) && is_formatted(&seen) {
            self.formatted.push(seen);
        }
        if let Some(mark) = fields.get("metadata") {
            if self.refuses_marks {
                return Err(refused("metadata_must_be_sent_from_app"));
            }
            let sound = mark["event_type"].is_string() && mark["event_payload"].is_object();
            if !sound {
                return Err(refused("invalid_metadata_format"));
            }
        }
        Ok((text.to_owned(), blocks))
    }

    fn post(&mut self, fields: &Map<String, Value>, by_bot: bool, now: Timestamp) -> Result<Message, Reply> {
        let both = ["text", "blocks", "unfurl_links", "unfurl_media", "mrkdwn", "attachments", "thread_ts"];
        let bots =
            ["channel", "metadata", "parse", "link_names", "reply_broadcast", "username", "icon_url", "icon_emoji"];
        let known: Vec<&str> = both.into_iter().chain(bots.into_iter().filter(|_| by_bot)).collect();
        let (text, blocks) = self.check(fields, &known)?;
        self.count += 1;
        let ts = format!(
            "{}.{:06}",
            now.as_second(),
            now.subsec_nanosecond() / 1000 + i32::try_from(self.count % 7).unwrap_or(0)
        );
        let unfurl = fields.get("unfurl_links").and_then(Value::as_bool);
        let message =
            Message { ts, text, blocks, metadata: fields.get("metadata").cloned(), unfurl, by_bot, made: now };
        self.write(&message, Event::Published { text: message.seen(), link: message.link(), parent: None }, now);
        self.messages.push(message.clone());
        Ok(message)
    }

    fn place(&self, fields: &Map<String, Value>) -> Result<usize, Reply> {
        self.home(fields)?;
        let ts = fields.get("ts").and_then(Value::as_str).unwrap_or_default();
        self.messages.iter().position(|it| it.ts == ts && it.by_bot).ok_or_else(|| refused("message_not_found"))
    }

    fn home(&self, fields: &Map<String, Value>) -> Result<(), Reply> {
        match fields.get("channel").and_then(Value::as_str) {
            Some(HOME) => Ok(()),
            _ => Err(refused("channel_not_found")),
        }
    }

    fn update(&mut self, fields: &Map<String, Value>, now: Timestamp) -> Result<Reply, Reply> {
        let at = self.place(fields)?;
        // No `mrkdwn`, no `unfurl_links`: the method's page has neither.
        let known = [
            "channel",
            "ts",
            "text",
            "blocks",
            "attachments",
            "metadata",
            "parse",
            "link_names",
            "file_ids",
            "reply_broadcast",
        ];
        let (text, blocks) = self.check(fields, &known)?;
        let message = &mut self.messages[at];
        (message.text, message.blocks) = (text, blocks);
        if let Some(mark) = fields.get("metadata") {
            message.metadata = Some(mark.clone());
        }
        let message = message.clone();
        self.write(&message, Event::Edited { text: message.seen(), link: message.link() }, now);
        Ok(ok(json!({"channel": HOME, "ts": message.ts, "text": message.text})))
    }

    fn delete(&mut self, fields: &Map<String, Value>, now: Timestamp) -> Result<Reply, Reply> {
        let message = self.messages.remove(self.place(fields)?);
        self.write(&message, Event::Deleted, now);
        Ok(ok(json!({"channel": HOME, "ts": message.ts})))
    }

    fn history(&self, request: &Request, now: Timestamp) -> Result<Reply, Reply> {
        if request.query("channel") != Some(HOME) {
            return Err(refused("channel_not_found"));
        }
        if !self.reads {
            return Err(Reply::json(
                200,
                &json!({"ok": false, "error": "missing_scope", "needed": "channels:history", "provided": "chat:write"}),
            ));
        }
        let limit = request
            .query("limit")
            .and_then(|it| it.parse().ok())
            .filter(|n| (1..=999).contains(n))
            .unwrap_or(100_usize);
        let from = request.query("cursor").and_then(|it| it.parse().ok()).unwrap_or(0_usize);
        let oldest: f64 = request.query("oldest").and_then(|it| it.parse().ok()).unwrap_or_default();
        let marks = request.query("include_all_metadata") == Some("true");
        let shown: Vec<&Message> = self
            .messages
            .iter()
            .rev()
            .filter(|it| it.ts.parse::<f64>().is_ok_and(|ts| ts > oldest))
            .filter(|it| now.duration_since(it.made) >= jiff::SignedDuration::try_from(self.lag).unwrap_or_default())
            .collect();
        let page: Vec<Value> = shown.iter().skip(from).take(limit).map(|it| it.json(marks)).collect();
        let more = shown.len() > from + page.len();
        let next = if more { (from + page.len()).to_string() } else { String::new() };
        Ok(ok(json!({"messages": page, "has_more": more, "response_metadata": {"next_cursor": next}})))
    }

    fn write(&self, message: &Message, event: Event, at: Timestamp) {
        self.ledger.write(Entry { platform: PLATFORM, account: HOME.to_owned(), id: message.ts.clone(), event, at });
    }

    fn call(&mut self, method: &str, request: &Request, now: Timestamp) -> Result<Reply, Reply> {
        match request.bearer() {
            None => return Err(refused("not_authed")),
            Some(token) if self.revoked || token != TOKEN => return Err(refused("invalid_auth")),
            Some(_) => {}
        }
        match method {
            AUTH => {
                let json = json!({"url": "https://newsroom.slack.com/", "team": "Newsroom", "user": "bugle", "team_id": "T0000NEWS", "user_id": "U0000BOT", "bot_id": "B0000BOT"});
                return Ok(ok(json).header("x-oauth-scopes", "chat:write,channels:history"));
            }
            HISTORY => return self.history(request, now),
            _ => {}
        }
        if request.header("content-type") != Some("application/json; charset=utf-8") {
            return Err(refused("invalid_post_type"));
        }
        let fields = request.fields().ok_or_else(|| refused("invalid_json"))?;
        match method {
            POST => {
                self.home(&fields)?;
                let message = self.post(&fields, true, now)?;
                Ok(ok(json!({"channel": HOME, "ts": message.ts, "message": message.json(false)})))
            }
            UPDATE => self.update(&fields, now),
            DELETE => self.delete(&fields, now),
            REVOKE => {
                self.revoked = true;
                Ok(ok(json!({"revoked": true})))
            }
            _ => Err(refused("unknown_method")),
        }
    }

    fn hook(&mut self, request: &Request, now: Timestamp) -> Reply {
        let word = |status: u16, word: &str| Reply::text(status, "text/plain", word.to_owned());
        if self.revoked {
            return word(404, "no_service");
        }
        if request.path != HOOK_PATH {
            return word(403, "invalid_token");
        }
        let Some(fields) = request.fields() else { return word(400, "invalid_payload") };
        match self.post(&fields, false, now) {
            Ok(_) => word(200, "ok"),
            Err(refusal) => {
                let json: Value = serde_json::from_slice(&refusal.body).unwrap_or_default();
                word(400, json["error"].as_str().unwrap_or("invalid_payload"))
            }
        }
    }
}

impl Message {
    fn json(&self, marks: bool) -> Value {
        let mut json = json!({"type": "message", "ts": self.ts, "text": self.text, "team": "T0000NEWS"});
        json["bot_id"] = json!(if self.by_bot { "B0000BOT" } else { "B0000HOOK" });
        if !self.blocks.is_empty() {
            json["blocks"] = json!(self.blocks);
        }
        if let Some(mark) = self.metadata.as_ref().filter(|_| marks) {
            json["metadata"] = mark.clone();
        }
        json
    }

    /// As readers see it: the blocks, where there are any.
    pub fn seen(&self) -> String {
        if self.blocks.is_empty() {
            return plain(&self.text).map(|(text, _)| text).unwrap_or_default();
        }
        let sections = self.blocks.iter().filter(|it| it["type"] == "rich_text").map(|block| {
            let elements = block["elements"][0]["elements"].as_array().cloned().unwrap_or_default();
            let texts = elements
                .iter()
                .map(|it| it["text"].as_str().or_else(|| it["url"].as_str()).unwrap_or_default().to_owned());
            texts.collect::<String>()
        });
        sections.collect::<Vec<_>>().join("\n\n")
    }

    fn link(&self) -> Option<String> {
        let linked =
            self.blocks.iter().flat_map(|it| it["elements"][0]["elements"].as_array().cloned().unwrap_or_default());
        let linked = linked.filter_map(|it| it["url"].as_str().map(str::to_owned)).next();
        linked.or_else(|| links(&self.seen()).first().map(|it| (*it).to_owned()))
    }
}

impl Rules for Slack {
    fn endpoint(&self, request: &Request) -> &'static str {
        let method = request.path.strip_prefix("/api/").unwrap_or_default();
        if request.path.starts_with("/services/") {
            return HOOK;
        }
        let methods = [POST, UPDATE, DELETE, HISTORY, AUTH, REVOKE, ACCESS];
        methods.into_iter().find(|known| *known == method).unwrap_or(OTHER)
    }

    fn answer(&mut self, request: &Request, now: Timestamp) -> Reply {
        match self.endpoint(request) {
            HOOK => self.hook(request, now),
            OTHER | ACCESS => Reply::json(404, &json!({"ok": false, "error": "unknown_method"})),
            method => self.call(method, request, now).unwrap_or_else(|refusal| refusal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_as_slack_reads_it() {
        let read = |text: &str| plain(text).map_err(|_| ());
        assert_eq!(read("AT&amp;T &lt;!channel&gt;"), Ok(("AT&T <!channel>".to_owned(), Vec::new())));
        assert_eq!(read("a <!channel> b"), Ok(("a  b".to_owned(), vec!["<!channel>".to_owned()])));
        assert!(read("AT&T").is_err() && read("a > b").is_err());
        for (text, is) in [("*bold* x", true), ("_a b_", true), ("a*b*c", false), ("2 * 3", false), ("`x", false)] {
            assert_eq!(is_formatted(text), is, "{text}");
        }
    }
}
