//! Discord: one message to one channel, by a bot or by a web hook, with pictures, a card of our own or Discord's preview;
//! its editing, its deletion, and, in an announcement channel, its crossposting. A bot's message carries a nonce that
//! Discord remembers for minutes; a web hook has neither nonce nor history. What is frozen is in `message`, the look-up in
//! `seek`, the table of refusals in `error`. Not here: components, polls, threads of several messages.
//!
//! Pages: <https://docs.discord.com/developers/resources/message>,
//! <https://docs.discord.com/developers/resources/webhook>.

mod api;
mod error;
mod media;
mod message;
mod seek;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::{self, Deserializer};
use serde_json::Value;
use sha2::Digest as _;
use url::Url;

use self::api::{Api, Door, Place, Sent};
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
use crate::text::rules::TextRules;

/// The layout of [`Payload::steps`]: uploads of the pictures, one create step whose body is the JSON of the message, and
/// a [`CROSSPOST`] where it is wanted.
const FORMAT: u32 = 1;

/// The step that pushes a message to an announcement channel's followers: what is visible already is changed.
const CROSSPOST: Step = Step { op: Op::Edit, n: 0 };

/// How long Discord remembers a nonce: "the past few minutes". Source: discord-api-docs, "Create Message", 2026-08-06;
/// two minutes are ours, as few as a few can be.
const WINDOW: Duration = Duration::from_secs(120);

/// The most characters of a web hook's name. Source: discord-api-docs, "Create Webhook", 2026-08-06.
const NAME: usize = 80;

/// Under this word the id of the server ("guild") is kept: a message's address has it, its answer has not.
const GUILD: &str = "guild";

static SPEC: Spec = Spec {
    id: "discord",
    name: "Discord",
    text: limits::DISCORD.rules,
    // 10 files, 10 MiB each, 25 MiB the request, 1024 characters of description. Source: discord-api-docs, "Uploading
    // Files" and "Attachment Object", 2026-08-06. A tenth of a request each, so that ten always fit.
    media: MediaRules {
        max: 10,
        bytes: 2_400_000,
        side: 2000,
        longest: 20,
        alt: 1024,
        caption: None,
        ratio: Ratio::Wide,
    },
    threads: false,
    edits: true,
    deletes: true,
    deadline: Duration::from_secs(25),
    media_deadline: Duration::from_secs(120),
    connect: Connect::BotToken,
    terms: Terms {
        ask: "Automation is what bots and web hooks are for; a person's own account must not be automated.",
        source: "https://support.discord.com/hc/en-us/articles/115002192352-Automated-User-Accounts-Self-Bots",
        read: "2026-11",
    },
};

/// The platform.
#[derive(Debug)]
pub struct Discord;

/// The keys of a Discord channel beside the common ones: `token` and `channel` for a bot, or `webhook`.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Where the API is.
    #[serde(default = "default_server", deserialize_with = "wire::server")]
    server: Url,
    /// A bot's token.
    token: Option<SecretRef>,
    /// The channel's number (or a thread's) that the bot posts to.
    #[serde(default, deserialize_with = "snowflake")]
    #[schemars(with = "Option<Number>")]
    channel: Option<String>,
    /// A web hook's whole address, which is a secret.
    webhook: Option<SecretRef>,
    /// What shows the article's link.
    #[serde(default)]
    preview: Preview,
    /// Whether messages arrive without a sound.
    #[serde(default)]
    silent: bool,
    /// Whether a bot's messages in an announcement channel are pushed to the servers that follow it.
    #[serde(default)]
    publish: bool,
    /// The number of the thread that a web hook posts to.
    #[serde(default, deserialize_with = "snowflake")]
    #[schemars(with = "Option<Number>")]
    thread: Option<String>,
    /// Whether a web hook opens a forum post of its own for each story, named by its headline.
    #[serde(default)]
    forum: bool,
    /// The name a web hook posts under, where it is not its own.
    username: Option<String>,
    /// The address of the picture it posts with, where it is not its own.
    avatar: Option<Url>,
}

/// What shows the article's link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Preview {
    /// Discord's own preview of the page; none beside an attached picture.
    #[default]
    Discord,
    /// A card (embed) that Bugle builds: headline, lead, picture.
    Card,
    /// Nothing.
    Off,
}

/// An id as a text or as a number.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Number {
    /// "1234567890123456789".
    Text(String),
    /// 1234567890123456789.
    Number(i64),
}

/// Reads an id of Discord, as a text or as a number.
fn snowflake<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    struct Visitor;
    impl de::Visitor<'_> for Visitor {
        type Value = String;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an id of Discord, such as \"1234567890123456789\" (Developer Mode, then Copy ID)")
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<String, E> {
            u64::try_from(number)
                .map(|it| it.to_string())
                .map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
            let is = !text.is_empty() && text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit());
            is.then(|| text.to_owned()).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }
    from.deserialize_any(Visitor).map(Some)
}

fn default_server() -> Url {
    Url::parse("https://discord.com").expect("a constant URL")
}

impl Platform for Discord {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn open(&self, keys: toml::de::DeTable<'_>) -> Result<Arc<dyn Account>, toml::de::Error> {
        let config: Config = wire::keys(keys)?;
        config.check().map_err(<toml::de::Error as de::Error>::custom)?;
        Ok(Arc::new(config))
    }

    fn schema(&self, generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<Config>()
    }
}

impl Config {
    /// What the keys must be together.
    fn check(&self) -> Result<(), String> {
        let is_hook = self.webhook.is_some();
        match (&self.token, &self.channel, is_hook) {
            (Some(_), Some(_), false) | (None, None, true) => {}
            (None, _, false) => return Err("expected a bot's `token` and `channel`, or a `webhook`".to_owned()),
            (Some(_), None, false) => return Err("expected the `channel` that the bot posts to, found none".to_owned()),
            (_, _, true) => {
                return Err("expected a bot's `token` and `channel` or a `webhook`, found keys of both".to_owned());
            }
        }
        let of_hooks = [
            ("thread", self.thread.is_some()),
            ("forum", self.forum),
            ("username", self.username.is_some()),
            ("avatar", self.avatar.is_some()),
        ];
        if let Some((key, _)) = of_hooks.iter().find(|(_, is)| *is && !is_hook) {
            return Err(format!("`{key}` is for a `webhook`: a bot posts under its own name to the `channel` named"));
        }
        if self.publish && is_hook {
            return Err("`publish` is for a bot: a web hook cannot crosspost".to_owned());
        }
        if self.forum && self.thread.is_some() {
            return Err("expected `forum` or `thread`, found both".to_owned());
        }
        if let Some(name) = &self.username {
            let (low, length) = (name.to_lowercase(), name.trim().chars().count());
            if !(1..=NAME).contains(&length) || low.contains("discord") || low.contains("clyde") {
                return Err(format!(
                    "expected a `username` of 1 to {NAME} characters without \"discord\" and \"clyde\", found {name:?}"
                ));
            }
        }
        match &self.avatar {
            Some(url) if !matches!(url.scheme(), "http" | "https") => {
                Err(format!("expected an http or https address as `avatar`, found {}:", url.scheme()))
            }
            _ => Ok(()),
        }
    }

    fn api<'a>(&'a self, cx: &'a Context<'_>, timeout: Duration) -> Result<Api<'a>, PublishError> {
        let missing = |said: &str| PublishError::Auth { said: said.to_owned() };
        let door = match (cx.credential.get("token"), cx.credential.get("webhook")) {
            (Some(token), _) => Door::Bot(token.clone()),
            (None, Some(address)) => api::read_hook(address).ok_or_else(|| {
                missing(
                    "expected a web hook's address, https://discord.com/api/webhooks/ID/TOKEN, found something else",
                )
            })?,
            (None, None) => return Err(missing("the channel has neither a token nor a web hook")),
        };
        Ok(Api::new(cx, &self.server, door, wire::scaled(cx, timeout)))
    }

    fn channel(&self) -> &str {
        self.channel.as_deref().unwrap_or_default()
    }

    /// Where a message of that remote id is.
    fn place<'a>(&self, remote_id: &'a str) -> Option<Place<'a>> {
        let (channel, message) = remote_id.split_once(':')?;
        let threaded = self.forum || self.thread.is_some();
        Some(Place { channel, message, thread: threaded.then_some(channel) })
    }

    async fn bot(&self, api: &Api<'_>) -> Result<Identity, ConnectError> {
        let me = api.me().await.map_err(refused)?;
        let mut remarks = Vec::new();
        match api.channel(self.channel()).await {
            Ok(channel) => {
                keep_guild(api.cx, channel.guild_id.as_deref()).await;
                remarks.extend(self.about_channel(&channel));
                remarks.extend(match api.history(self.channel(), None).await {
                    Ok(shown) if shown.is_empty() && channel.last_message_id.is_some() => Some(
                        "the channel shows the bot no messages: give it Read Message History, else a lost answer waits \
                         for a person"
                            .to_owned(),
                    ),
                    Ok(_) => None,
                    Err(error) => Some(format!("the channel's history cannot be read: {error}")),
                });
            }
            Err(error) => remarks.push(format!("the channel {} cannot be opened: {error}", self.channel())),
        }
        Ok(Identity { id: me.id, handle: me.username, remarks, ..Identity::default() })
    }

    fn about_channel(&self, channel: &api::Channel) -> Vec<String> {
        let name = channel.name.as_deref().unwrap_or("without a name");
        let mut said = vec![format!("posts to #{name}")];
        match channel.kind {
            15 | 16 => said.push("it is a forum: a `webhook` with `forum = true` opens posts there".to_owned()),
            5 if !self.publish => {
                said.push(
                    "it is an announcement channel: `publish = true` pushes posts to those that follow it".to_owned(),
                );
            }
            5 => {}
            _ if self.publish => {
                said.push(
                    "`publish` needs an announcement channel, and this is none: posts will be stopped".to_owned(),
                );
            }
            _ => {}
        }
        said
    }

    async fn hook(&self, api: &Api<'_>) -> Result<Identity, ConnectError> {
        let hook = api.about_hook().await.map_err(refused)?;
        keep_guild(api.cx, hook.guild_id.as_deref()).await;
        let channel = hook.channel_id.unwrap_or_else(|| hook.id.clone());
        let remarks = vec![
            format!("posts to the channel {channel}"),
            "a web hook is shown no history: a post whose answer is lost waits for a person; a bot settles it"
                .to_owned(),
        ];
        // A new web hook of the same channel is no other account.
        Ok(Identity { id: channel, handle: hook.name.unwrap_or_default(), remarks, ..Identity::default() })
    }
}

#[async_trait]
impl Account for Config {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn rules(&self, _identity: Option<&Identity>) -> TextRules {
        // Beside a card the link stands in angle brackets, so that it is shown once.
        let brackets = if self.preview == Preview::Card { 2 } else { 0 };
        TextRules { limit: SPEC.text.limit - brackets, ..SPEC.text }
    }

    fn recovery(&self, _identity: Option<&Identity>) -> Recovery {
        match self.webhook {
            None => Recovery::Key { window: WINDOW },
            Some(_) => Recovery::Blind,
        }
    }

    fn secrets(&self) -> Vec<(&'static str, SecretRef)> {
        let token = self.token.iter().map(|it| ("token", it.clone()));
        token.chain(self.webhook.iter().map(|it| ("webhook", it.clone()))).collect()
    }

    fn server(&self) -> Option<&Url> {
        Some(&self.server)
    }

    fn credential_scope(&self, credential: &Credential) -> Option<String> {
        let secret = credential.get("token").or_else(|| credential.get("webhook"))?;
        let mut hasher = sha2::Sha256::new_with_prefix(b"discord\0");
        hasher.update(secret.expose_secret());
        Some(crate::text::plain::hex(&hasher.finalize()))
    }

    fn freeze(&self, post: &Outgoing, ids: &Ids) -> Result<Payload, (Rejection, String)> {
        let key = message::nonce(&ids.seed);
        let body = self.message(post, &key)?;
        let uploads = picture::attached(post).take(usize::from(SPEC.media.max));
        let create = Planned { step: ONLY, body: body.to_string() };
        let crosspost = self.publish.then(|| Planned { step: CROSSPOST, body: "crosspost".to_owned() });
        Ok(Payload {
            format: FORMAT,
            revision: ids.revision,
            key: if self.webhook.is_none() { key } else { String::new() },
            steps: uploads.chain([create]).chain(crosspost).collect(),
            text: post.text.as_str().trim().to_owned(),
            link: post.link.clone(),
        })
    }

    async fn publish(
        &self,
        cx: &Context<'_>,
        payload: &Payload,
        journal: &mut Journal<'_>,
    ) -> Result<Receipt, PublishError> {
        let body = frozen(payload)?;
        let value = match journal.done(ONLY) {
            Some(value) => value,
            None => {
                let again = media::is_again(payload, |step| journal.done(step).is_some());
                let has_pictures = payload.uploads().next().is_some();
                let patience = media::patience(again, has_pictures);
                let made = media::pictures(cx, payload, journal);
                let (pictures, late) = match patience.make {
                    None => (made.await?, false),
                    // What is not made by then is left out: the message must arrive while its nonce is remembered.
                    Some(most) => match tokio::time::timeout(wire::scaled(cx, most), made).await {
                        Ok(made) => (made?, false),
                        Err(_) => (Vec::new(), true),
                    },
                };
                let time = if pictures.is_empty() { patience.send.min(SPEC.deadline) } else { patience.send };
                let api = self.api(cx, time)?;
                let guild = kept_guild(cx).await;
                let send = || async {
                    let sent = api.create_with(self.channel(), self.thread.as_deref(), body, &pictures, guild).await;
                    sent.map(|mut value| {
                        if late && value.get(picture::WITHOUT).is_none() {
                            value[picture::WITHOUT] = "it could not be made again in time for a repeat".into();
                        }
                        value
                    })
                };
                journal.step(ONLY, body.as_bytes(), wire::scaled(cx, time), send).await?
            }
        };
        let receipt = receipt(&value, Known::Answered, cx.clock.now())?;
        if let Some(planned) = payload.planned(CROSSPOST) {
            let place = receipt.remote_id.as_deref().and_then(|id| self.place(id)).ok_or_else(no_id)?;
            let api = self.api(cx, SPEC.deadline)?;
            let send = || api.crosspost(place.channel, place.message);
            journal.step(CROSSPOST, planned.body.as_bytes(), wire::scaled(cx, SPEC.deadline), send).await?;
        }
        Ok(receipt)
    }

    async fn amend(&self, cx: &Context<'_>, what: &Amend, journal: &mut Journal<'_>) -> Result<Receipt, PublishError> {
        let (Amend::Edit { receipt, .. } | Amend::Delete { receipt }) = what;
        let place = receipt.remote_id.as_deref().and_then(|id| self.place(id)).ok_or_else(no_id)?;
        let api = self.api(cx, SPEC.deadline)?;
        let deadline = wire::scaled(cx, SPEC.deadline);
        match what {
            Amend::Edit { payload, .. } => {
                let request = message::edit(frozen(payload)?)?;
                let step = Step { op: Op::Edit, n: 0 };
                journal.step(step, request.as_bytes(), deadline, || api.edit(&place, &request)).await?;
            }
            Amend::Delete { .. } => {
                let step = Step { op: Op::Delete, n: 0 };
                journal.step(step, place.message.as_bytes(), deadline, || api.delete(&place)).await?;
            }
        }
        Ok(receipt.clone())
    }

    async fn find(&self, cx: &Context<'_>, sought: &Sought<'_>) -> Result<Lookup, PublishError> {
        if self.webhook.is_some() {
            return Ok(Lookup::CannotTell("Discord shows web hooks no history".to_owned()));
        }
        let api = self.api(cx, SPEC.deadline)?;
        seek::seek(&api, self.channel(), sought).await
    }

    async fn whoami(&self, cx: &Context<'_>) -> Result<Identity, ConnectError> {
        let api = self.api(cx, SPEC.deadline).map_err(refused)?;
        match self.webhook {
            None => self.bot(&api).await,
            Some(_) => self.hook(&api).await,
        }
    }
}

async fn keep_guild(cx: &Context<'_>, guild: Option<&str>) {
    if let Some(guild) = guild
        && let Err(said) = cx.keep.put(GUILD, &SecretString::from(guild.to_owned())).await
    {
        tracing::debug!(said, "the server's id could not be kept: receipts have no address");
    }
}

async fn kept_guild(cx: &Context<'_>) -> Option<String> {
    let kept = cx.keep.get(GUILD).await.ok().flatten()?;
    Some(kept.expose_secret().to_owned())
}

fn frozen(payload: &Payload) -> Result<&str, PublishError> {
    match payload.planned(ONLY) {
        Some(planned) if payload.format == FORMAT => Ok(&planned.body),
        _ => Err(invalid(format!("the payload has format {}, expected {FORMAT}", payload.format))),
    }
}

/// The receipt of a stored step.
fn receipt(value: &Value, how: Known, at: Timestamp) -> Result<Receipt, PublishError> {
    let sent: Sent = serde_json::from_value(value.clone())
        .map_err(|e| PublishError::Unknown { said: format!("the stored step holds no message: {e}") })?;
    let Sent { id, channel_id, guild } = sent;
    let url = guild.map(|guild| format!("https://discord.com/channels/{guild}/{channel_id}/{id}"));
    Ok(Receipt { remote_id: Some(format!("{channel_id}:{id}")), url, parts: Vec::new(), at, how })
}

fn no_id() -> PublishError {
    invalid("expected the id of a message as channel:message, found none".to_owned())
}

fn invalid(said: String) -> PublishError {
    PublishError::Rejected { reason: Rejection::Invalid, said }
}

fn refused(error: PublishError) -> ConnectError {
    match error {
        PublishError::Auth { said } => ConnectError::Refused(format!("Discord refuses the credential: {said}")),
        PublishError::Gone { said } => ConnectError::Forbidden(format!("the web hook or its channel is gone: {said}")),
        other => ConnectError::Unreachable(format!("Discord gave no usable answer: {other}")),
    }
}

#[cfg(test)]
mod tests;
