//! Telegram by its Bot API: one message to one chat, with a picture, with several as an album or without, its editing and
//! its deletion. Bots are shown no history, so a message whose answer was lost waits for a person. Not here: replies.
//!
//! Pages: <https://core.telegram.org/bots/api#sendmessage>, <https://core.telegram.org/bots/api#messageentity>,
//! <https://core.telegram.org/bots/api#linkpreviewoptions>.

mod api;
mod error;
mod media;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use sha2::Digest as _;
use url::Url;

use self::api::{Api, Chat, Member, Sent};
use super::{
    Account, Amend, Connect, ConnectError, Context, Identity, Ids, Journal, Lookup, MediaRules, ONLY, Outgoing,
    Payload, Planned, Platform, PublishError, Recovery, Sought, Spec, Terms, picture,
};
use crate::model::grant::{Credential, SecretRef};
use crate::model::picture::Ratio;
use crate::model::post::Rejection;
use crate::model::receipt::{Known, Op, Receipt, Step};
use crate::platform::wire;
use crate::text::limits;

/// The layout of [`Payload::steps`]: one create step whose body is the JSON of `sendMessage`, before it an upload for
/// each picture.
const FORMAT: u32 = 1;

static SPEC: Spec = Spec {
    id: "telegram",
    name: "Telegram",
    // 4096 after entities are parsed. The server counts code points, entities are placed in UTF-16 units: the larger
    // count holds for both. Source: Bot API 10.1, 2026-06; TDLib, 2026-07.
    text: limits::TELEGRAM.rules,
    // 10 MB, width and height together 10,000, 20 times longer than wide, captions of 1024, no alternative text; albums
    // of 2 to 10. Source: Bot API 10.1, sendPhoto and sendMediaGroup, 2026-06.
    media: MediaRules {
        max: 10,
        bytes: 10_000_000,
        side: 2000,
        longest: 20,
        alt: 0,
        caption: Some(1024),
        ratio: Ratio::Card,
    },
    threads: false,
    edits: true,
    deletes: true,
    // Long, so that a slow answer is not a lost one. Source: reliability.md section 1.
    deadline: Duration::from_secs(60),
    media_deadline: Duration::from_secs(120),
    connect: Connect::BotToken,
    terms: Terms {
        ask: "A bot may post to the newsroom's own channel by itself. It must not send unsolicited messages, pose as \
              somebody else or get round the rate limits; whoever runs it answers for what it posts, and it needs a privacy \
              policy and an answer to /privacy (@BotFather).",
        source: "https://telegram.org/tos/bot-developers (sections 4 and 5.2)",
        read: "2026-11",
    },
};

/// The platform.
#[derive(Debug)]
pub struct Telegram;

/// The keys of a Telegram channel beside the common ones.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Where the Bot API is.
    #[serde(default = "default_server", deserialize_with = "wire::server")]
    server: Url,
    /// Where posts go: a public chat's name, "@example_news", or a chat's number, -1001234567890.
    chat: ChatId,
    /// The bot's token.
    token: SecretRef,
    /// Whether posts arrive without a sound.
    #[serde(default)]
    silent: bool,
    /// How the link's preview is shown; left out: as Telegram thinks best.
    preview: Option<Preview>,
}

/// How a link's preview is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Preview {
    /// With a large picture.
    Large,
    /// With a small picture.
    Small,
    /// Not at all.
    Off,
}

/// A chat by name or number.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(untagged)]
enum ChatId {
    /// "@example_news".
    Name(String),
    /// -1001234567890.
    Number(i64),
}

impl ChatId {
    fn value(&self) -> Value {
        match self {
            Self::Name(name) => json!(name),
            Self::Number(number) => json!(number),
        }
    }
}

impl<'de> serde::Deserialize<'de> for ChatId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = ChatId;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a chat's name (\"@example_news\") or number (-1001234567890)")
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<ChatId, E> {
                Ok(ChatId::Number(number))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ChatId, E> {
                let is_word =
                    |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                match (text.strip_prefix('@'), text.parse()) {
                    (Some(name), _) if is_word(name) => Ok(ChatId::Name(text.to_owned())),
                    (None, Ok(number)) => Ok(ChatId::Number(number)),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
        }
        from.deserialize_any(Visitor)
    }
}

fn default_server() -> Url {
    Url::parse("https://api.telegram.org").expect("a constant URL")
}

impl Platform for Telegram {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn open(&self, keys: toml::de::DeTable<'_>) -> Result<Arc<dyn Account>, toml::de::Error> {
        Ok(Arc::new(wire::keys::<Config>(keys)?))
    }

    fn schema(&self, generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Config::json_schema(generator)
    }
}

#[async_trait]
impl Account for Config {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn recovery(&self, _identity: Option<&Identity>) -> Recovery {
        Recovery::Blind
    }

    fn secrets(&self) -> Vec<(&'static str, SecretRef)> {
        vec![("token", self.token.clone())]
    }

    fn server(&self) -> Option<&Url> {
        Some(&self.server)
    }

    fn credential_scope(&self, credential: &Credential) -> Option<String> {
        let mut hasher = sha2::Sha256::new_with_prefix(b"telegram\0");
        hasher.update(credential.get("token")?.expose_secret());
        Some(crate::text::plain::hex(&hasher.finalize()))
    }

    fn freeze(&self, post: &Outgoing, ids: &Ids) -> Result<Payload, (Rejection, String)> {
        // Telegram trims too, and the entity's place must be that in the trimmed text.
        let text = post.text.as_str().trim();
        if text.is_empty() {
            return Err((Rejection::Content, "the text is empty".to_owned()));
        }
        let mut body = json!({
            "chat_id": self.chat.value(),
            "text": text,
            // No parse mode: what a feed brings stays text, whatever signs are in it.
            "entities": entities(text, post.link.as_ref()),
            "link_preview_options": self.preview(post.link.as_ref()),
        });
        if self.silent {
            body["disable_notification"] = json!(true);
        }
        Ok(Payload {
            format: FORMAT,
            revision: ids.revision,
            key: String::new(),
            steps: picture::attached(post).chain([Planned { step: ONLY, body: body.to_string() }]).collect(),
            text: text.to_owned(),
            link: post.link.clone(),
        })
    }

    async fn publish(
        &self,
        cx: &Context<'_>,
        payload: &Payload,
        journal: &mut Journal<'_>,
    ) -> Result<Receipt, PublishError> {
        let body = body(payload)?;
        let mut photos = Vec::new();
        let is_out = journal.done(ONLY).is_some();
        for upload in payload.uploads().filter(|_| !is_out) {
            photos.extend(media::photo(cx, upload, journal).await?);
        }
        let deadline = if photos.is_empty() { SPEC.deadline } else { SPEC.media_deadline }.mul_f64(cx.scale);
        let api = Api::new(cx, &self.server, deadline)?;
        let send = || api.send_with(body, photos);
        let value = journal.step(ONLY, body.as_bytes(), deadline, send).await?;
        receipt(value, cx.clock.now())
    }

    async fn amend(&self, cx: &Context<'_>, what: &Amend, journal: &mut Journal<'_>) -> Result<Receipt, PublishError> {
        let (Amend::Edit { receipt, .. } | Amend::Delete { receipt }) = what;
        let place = |id: Option<&str>| {
            let found = id.and_then(place);
            found.ok_or_else(|| invalid(format!("expected the id of a message (chat:message), found {id:?}")))
        };
        let deadline = SPEC.deadline.mul_f64(cx.scale);
        let api = Api::new(cx, &self.server, deadline)?;
        match what {
            Amend::Edit { payload, .. } => {
                // An album's caption is its first message's.
                let (chat, message) = place(receipt.remote_id.as_deref())?;
                let request = edit(body(payload)?, chat, message)?;
                let step = Step { op: Op::Edit, n: 0 };
                let has_picture = payload.uploads().next().is_some();
                journal.step(step, request.as_bytes(), deadline, || api.edit_either(&request, has_picture)).await?;
            }
            Amend::Delete { .. } => {
                let messages = wire::last_first(receipt);
                if messages.is_empty() {
                    place(None)?;
                }
                for (n, id) in (0_u16..).zip(messages) {
                    let (chat, message) = place(Some(id))?;
                    let request = json!({ "chat_id": chat, "message_id": message }).to_string();
                    let step = Step { op: Op::Delete, n };
                    journal.step(step, request.as_bytes(), deadline, || api.delete(&request)).await?;
                }
            }
        }
        Ok(receipt.clone())
    }

    async fn find(&self, _cx: &Context<'_>, _sought: &Sought<'_>) -> Result<Lookup, PublishError> {
        Ok(Lookup::CannotTell("Telegram shows bots no history".to_owned()))
    }

    async fn whoami(&self, cx: &Context<'_>) -> Result<Identity, ConnectError> {
        let api = Api::new(cx, &self.server, SPEC.deadline.mul_f64(cx.scale)).map_err(refused)?;
        let bot = api.me().await.map_err(refused)?;
        let mut remarks = Vec::new();
        match api.chat(&self.chat.value()).await {
            Ok(chat) => {
                remarks.extend(chat_remarks(&self.chat, &chat));
                let member = api.member(chat.id, bot.id).await;
                remarks.extend(right_remark(&chat, member.as_ref().map_err(ToString::to_string)));
            }
            Err(error) => remarks.push(format!("the chat {} cannot be opened: {error}", self.chat.value())),
        }
        Ok(Identity {
            id: bot.id.to_string(),
            handle: format!("@{}", bot.username),
            limit: None,
            link_cost: None,
            server: None,
            remarks,
        })
    }
}

impl Config {
    /// Always about the article's own link: a domain in a headline must not become the preview.
    fn preview(&self, link: Option<&Url>) -> Value {
        match (link, self.preview) {
            (None, _) | (_, Some(Preview::Off)) => json!({ "is_disabled": true }),
            (Some(link), None) => json!({ "url": link }),
            (Some(link), Some(Preview::Large)) => json!({ "url": link, "prefer_large_media": true }),
            (Some(link), Some(Preview::Small)) => json!({ "url": link, "prefer_small_media": true }),
        }
    }
}

/// Marks the article's link where it stands in the text, in UTF-16 units; nothing else is marked.
fn entities(text: &str, link: Option<&Url>) -> Value {
    let units = |text: &str| text.encode_utf16().count();
    let found = link.and_then(|link| text.rfind(link.as_str()).map(|at| (at, link.as_str())));
    match found {
        None => json!([]),
        Some((at, link)) => json!([{ "type": "url", "offset": units(&text[..at]), "length": units(link) }]),
    }
}

fn body(payload: &Payload) -> Result<&str, PublishError> {
    match payload.planned(ONLY) {
        Some(planned) if payload.format == FORMAT => Ok(&planned.body),
        _ => Err(invalid(format!("the payload has format {}, expected {FORMAT}", payload.format))),
    }
}

/// The request of an edit: that of the send, at the message's place and without what an edit does not take.
fn edit(body: &str, chat: i64, message: i64) -> Result<String, PublishError> {
    let mut request: Value = serde_json::from_str(body).map_err(|e| invalid(format!("the payload is no JSON: {e}")))?;
    request["chat_id"] = json!(chat);
    request["message_id"] = json!(message);
    if let Some(fields) = request.as_object_mut() {
        fields.remove("disable_notification");
    }
    Ok(request.to_string())
}

/// Reads a remote id, `chat:message`.
fn place(remote_id: &str) -> Option<(i64, i64)> {
    let (chat, message) = remote_id.split_once(':')?;
    Some((chat.parse().ok()?, message.parse().ok()?))
}

fn receipt(value: Value, at: Timestamp) -> Result<Receipt, PublishError> {
    let sent: Sent = serde_json::from_value(value)
        .map_err(|e| PublishError::Unknown { said: format!("the stored step holds no message: {e}") })?;
    let Sent { message_id, chat_id, username, further } = sent;
    // A delayed message is accepted under the number 0: it is out, but nothing can be done to it.
    if message_id == 0 {
        return Ok(Receipt { remote_id: None, url: None, parts: Vec::new(), at, how: Known::Answered });
    }
    // Private channels and supergroups have links that members can follow: their id without the leading -100.
    let private = chat_id.to_string().strip_prefix("-100").map(|id| format!("https://t.me/c/{id}/{message_id}"));
    // A person's chat has a positive id and no links; its name is the person's.
    let public = username.filter(|_| chat_id < 0).map(|name| format!("https://t.me/{name}/{message_id}"));
    let url = public.or(private);
    let id = |message: i64| format!("{chat_id}:{message}");
    let parts = if further.is_empty() {
        Vec::new()
    } else {
        std::iter::once(message_id).chain(further).filter(|message| *message != 0).map(id).collect()
    };
    Ok(Receipt { remote_id: Some(id(message_id)), url, parts, at, how: Known::Answered })
}

fn chat_remarks(configured: &ChatId, chat: &Chat) -> Vec<String> {
    let title = chat.title.as_deref().unwrap_or("without a title");
    let name = chat.username.as_deref().map_or_else(|| "private".to_owned(), |name| format!("@{name}"));
    let mut remarks = vec![format!("posts to the {} \"{title}\" ({name}, {})", chat.kind, chat.id)];
    if matches!(configured, ChatId::Name(_)) {
        remarks.push(format!("chat = {} would still hold if the chat were renamed", chat.id));
    }
    remarks
}

fn right_remark(chat: &Chat, member: Result<&Member, String>) -> Option<String> {
    match member {
        Err(why) => Some(format!("what the bot may do there cannot be told: {why}")),
        Ok(Member { status, .. }) if matches!(status.as_str(), "left" | "kicked") => {
            Some(format!("the bot may not post there: it is \"{status}\""))
        }
        Ok(Member { can_post_messages, status }) if chat.kind == "channel" && *can_post_messages != Some(true) => {
            (status != "creator")
                .then(|| "the bot may not post there: make it an administrator with \"Post messages\"".to_owned())
        }
        Ok(_) => None,
    }
}

fn invalid(said: String) -> PublishError {
    PublishError::Rejected { reason: Rejection::Invalid, said }
}

fn refused(error: PublishError) -> ConnectError {
    match error {
        PublishError::Auth { said } => {
            ConnectError::Refused(format!("Telegram refuses the token ({said}); ask @BotFather for a new one"))
        }
        other => ConnectError::Unreachable(format!("Telegram gave no usable answer: {other}")),
    }
}

#[cfg(test)]
mod tests;
