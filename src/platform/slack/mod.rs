//! Slack: one message to one channel, by an app's bot or by an incoming web hook, with Slack's preview, a card of our own
//! or pictures; for a bot also its editing and its deletion. A bot's message carries our mark in its metadata, by which a
//! look-up knows it for certain; a web hook shows nothing. Installing by consent, with tokens that run out, is in
//! `consent`. Not here: threads, files: a file is shared by a message of its own, which has neither our mark nor an id in
//! the answer.
//!
//! Pages: <https://docs.slack.dev/reference/methods/chat.postMessage>,
//! <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>.

mod api;
mod consent;
mod error;
mod message;
mod seek;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::{self, Deserialize as _, Deserializer};
use serde_json::{Value, json};
use sha2::Digest as _;
use url::Url;

use self::api::{Api, Sent};
use super::{
    Account, Amend, Connect, ConnectError, Consent, Context, Identity, Ids, Journal, Lookup, MediaRules, ONLY,
    Outgoing, Payload, Planned, Platform, PublishError, Recovery, Sought, Spec, Terms,
};
use crate::model::grant::{Credential, SecretRef};
use crate::model::picture::Ratio;
use crate::model::post::Rejection;
use crate::model::receipt::{Known, Op, Receipt, Step};
use crate::platform::wire;
use crate::text::limits;

/// The layout of [`Payload::steps`]: one create step whose body is the JSON of the message.
const FORMAT: u32 = 1;

/// Under this word the workspace's address is kept: a message's own has it, its answer has not.
const TEAM: &str = "team";

static SPEC: Spec = Spec {
    id: "slack",
    name: "Slack",
    text: limits::SLACK.rules,
    // Pictures are fetched by Slack from their address, into image blocks: 50 blocks a message, 2,000 characters of
    // description. Source: docs.slack.dev, "Image block", 2026-08. Ten pictures are ours.
    media: MediaRules {
        max: 10,
        bytes: usize::MAX,
        side: u32::MAX,
        longest: u32::MAX,
        alt: 2000,
        caption: None,
        ratio: Ratio::Card,
    },
    threads: false,
    edits: true,
    deletes: true,
    deadline: Duration::from_secs(25),
    media_deadline: Duration::from_secs(25),
    connect: Connect::BotToken,
    terms: Terms {
        ask: "An app that one workspace makes for itself needs no review; one for commercial distribution goes through \
              Slack's Marketplace.",
        source: "https://docs.slack.dev/app-management/distribution",
        read: "2026-11",
    },
};

/// The platform.
#[derive(Debug)]
pub struct Slack;

/// The keys of a Slack channel beside the common ones: `token` (or `client_id` and `client_secret`) and `channel` for a
/// bot, or `webhook`.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Where Slack is; left out: `https://slack.com`, for a web hook `https://hooks.slack.com`.
    #[serde(default, deserialize_with = "server")]
    server: Option<Url>,
    /// A bot's token, begun with `xoxb-`; not needed where `bugle connect` opened the account.
    token: Option<SecretRef>,
    /// The app's id, where the account is opened by `bugle connect`.
    client_id: Option<String>,
    /// The app's secret.
    client_secret: Option<SecretRef>,
    /// The id of the channel that the bot posts to.
    #[serde(default, deserialize_with = "channel")]
    channel: Option<String>,
    /// An incoming web hook's whole address, which is a secret.
    webhook: Option<SecretRef>,
    /// What shows the article's link.
    #[serde(default)]
    preview: Preview,
}

/// What shows the article's link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Preview {
    /// Slack's own preview of the page; none beside an attached picture.
    #[default]
    Slack,
    /// A card that Bugle builds: headline, lead, picture.
    Card,
    /// Nothing.
    Off,
}

fn server<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Url>, D::Error> {
    wire::server(from).map(Some)
}

/// Reads a channel's id. Names change, and a name in a config would then post elsewhere or nowhere.
fn channel<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    let is = text.len() >= 9
        && text.starts_with(['C', 'G', 'D'])
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    match is {
        true => Ok(Some(text)),
        false => Err(de::Error::custom(format!(
            "expected a channel's id such as \"C0123456789\" (its details, at the bottom), found {text:?}"
        ))),
    }
}

impl Platform for Slack {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn open(&self, keys: toml::de::DeTable<'_>) -> Result<Arc<dyn Account>, toml::de::Error> {
        let config: Config = wire::keys(keys)?;
        config.check().map_err(<toml::de::Error as de::Error>::custom)?;
        let default = if config.webhook.is_some() { "https://hooks.slack.com" } else { "https://slack.com" };
        let server = config.server.clone().unwrap_or_else(|| Url::parse(default).expect("a constant URL"));
        Ok(Arc::new(Workspace { config, server }))
    }

    fn schema(&self, generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<Config>()
    }
}

impl Config {
    /// What the keys must be together.
    fn check(&self) -> Result<(), String> {
        let by_consent = self.client_id.is_some() || self.client_secret.is_some();
        if self.webhook.is_some() {
            return match self.token.is_some() || self.channel.is_some() || by_consent {
                true => {
                    Err("expected a `webhook` or the keys of a bot, found both: a web hook has its channel".to_owned())
                }
                false => Ok(()),
            };
        }
        match (&self.token, &self.client_id, &self.client_secret) {
            (Some(_), None, None) | (None, Some(_), Some(_)) => {}
            (Some(_), _, _) => {
                return Err("expected `token`, or `client_id` and `client_secret`, found both".to_owned());
            }
            (None, None, None) => {
                return Err("expected a bot's `token` (or `client_id` and `client_secret`), or a `webhook`".to_owned());
            }
            (None, ..) => return Err("expected `client_id` and `client_secret` together, found one".to_owned()),
        }
        match self.channel {
            Some(_) => Ok(()),
            None => Err("expected the `channel` that the bot posts to, found none".to_owned()),
        }
    }
}

/// One channel of one workspace.
#[derive(Debug)]
struct Workspace {
    config: Config,
    server: Url,
}

impl Workspace {
    async fn api<'a>(&'a self, cx: &'a Context<'_>) -> Result<Api<'a>, PublishError> {
        Ok(Api::new(cx, &self.server, cx.token("token").await?, wire::scaled(cx, SPEC.deadline)))
    }

    fn channel(&self) -> &str {
        self.config.channel.as_deref().unwrap_or_default()
    }

    async fn send(&self, cx: &Context<'_>, body: &str) -> Result<Value, PublishError> {
        if self.config.webhook.is_none() {
            let team = kept_team(cx).await;
            return self.api(cx).await?.post(body, team).await;
        }
        api::post_by_hook(cx, &self.server, &hook(cx)?, wire::scaled(cx, SPEC.deadline), body).await
    }

    async fn bot(&self, cx: &Context<'_>) -> Result<Identity, ConnectError> {
        let api = self.api(cx).await.map_err(refused)?;
        let (who, scopes) = api.who().await.map_err(refused)?;
        if let Err(said) = cx.keep.put(TEAM, &SecretString::from(who.url.clone())).await {
            tracing::debug!(said, "the workspace's address could not be kept: receipts have no address");
        }
        let mut remarks = Vec::new();
        if !scopes.is_empty() && !scopes.iter().any(|scope| scope == "chat:write") {
            remarks.push(format!("the token may not post: its scopes are {}", scopes.join(" ")));
        }
        if let Err(error) = api.history(self.channel(), None, 1, None).await {
            remarks.push(format!(
                "the channel's history cannot be read, so that a lost answer waits for a person: {error} (scopes \
                 channels:history, for private channels groups:history; and /invite @{} there)",
                who.user
            ));
        }
        Ok(Identity {
            id: format!("{}:{}", who.team_id, who.user_id),
            handle: format!("{} at {}", who.user, who.team),
            remarks,
            ..Identity::default()
        })
    }
}

#[async_trait]
impl Account for Workspace {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn recovery(&self, _identity: Option<&Identity>) -> Recovery {
        match self.config.webhook {
            // Without the right to read there, `find` says so and the post goes to a person.
            None => Recovery::Look,
            Some(_) => Recovery::Blind,
        }
    }

    fn secrets(&self) -> Vec<(&'static str, SecretRef)> {
        let all = [
            ("token", &self.config.token),
            ("client_secret", &self.config.client_secret),
            ("webhook", &self.config.webhook),
        ];
        all.into_iter().filter_map(|(key, at)| Some((key, at.clone()?))).collect()
    }

    fn server(&self) -> Option<&Url> {
        Some(&self.server)
    }

    fn consent(&self) -> Option<&dyn Consent> {
        self.config.client_id.as_ref().map(|_| self as &dyn Consent)
    }

    fn credential_scope(&self, credential: &Credential) -> Option<String> {
        let secret = ["token", "webhook", "client_secret"].into_iter().find_map(|key| credential.get(key))?;
        let mut hasher = sha2::Sha256::new_with_prefix(b"slack\0");
        hasher.update(secret.expose_secret());
        Some(crate::text::plain::hex(&hasher.finalize()))
    }

    fn freeze(&self, post: &Outgoing, ids: &Ids) -> Result<Payload, (Rejection, String)> {
        let key: String = ids.seed.chars().take(32).collect();
        let body = self.config.message(post, &key)?;
        Ok(Payload {
            format: FORMAT,
            revision: ids.revision,
            key: if self.config.webhook.is_none() { key } else { String::new() },
            steps: vec![Planned { step: ONLY, body: body.to_string() }],
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
        let deadline = wire::scaled(cx, SPEC.deadline);
        let value = journal.step(ONLY, body.as_bytes(), deadline, || self.send(cx, body)).await?;
        let at = cx.clock.now();
        if self.config.webhook.is_some() {
            // Its whole answer is "ok".
            return Ok(Receipt { remote_id: None, url: None, parts: Vec::new(), at, how: Known::Answered });
        }
        receipt(&value, Known::Answered, at)
    }

    async fn amend(&self, cx: &Context<'_>, what: &Amend, journal: &mut Journal<'_>) -> Result<Receipt, PublishError> {
        if self.config.webhook.is_some() {
            return Err(invalid("a web hook can change nothing that is out: change it in Slack".to_owned()));
        }
        let (Amend::Edit { receipt, .. } | Amend::Delete { receipt }) = what;
        let place = receipt.remote_id.as_deref().and_then(|id| id.split_once(':'));
        let (channel, ts) =
            place.ok_or_else(|| invalid("expected the id of a message as channel:time, found none".to_owned()))?;
        let api = self.api(cx).await?;
        let deadline = wire::scaled(cx, SPEC.deadline);
        match what {
            Amend::Edit { payload, .. } => {
                let request = message::edit(frozen(payload)?, channel, ts, &payload.text, payload.link.as_ref())?;
                let step = Step { op: Op::Edit, n: 0 };
                journal.step(step, request.as_bytes(), deadline, || api.update(&request)).await?;
            }
            Amend::Delete { .. } => {
                let request = json!({ "channel": channel, "ts": ts }).to_string();
                let step = Step { op: Op::Delete, n: 0 };
                journal.step(step, request.as_bytes(), deadline, || api.delete(&request)).await?;
            }
        }
        Ok(receipt.clone())
    }

    async fn find(&self, cx: &Context<'_>, sought: &Sought<'_>) -> Result<Lookup, PublishError> {
        if self.config.webhook.is_some() {
            return Ok(Lookup::CannotTell("Slack shows web hooks no history".to_owned()));
        }
        seek::seek(&self.api(cx).await?, self.channel(), sought).await
    }

    async fn whoami(&self, cx: &Context<'_>) -> Result<Identity, ConnectError> {
        if self.config.webhook.is_none() {
            return self.bot(cx).await;
        }
        let path = hook(cx).map_err(refused)?;
        // The first part names the workspace; it is no secret. A new web hook of the same workspace is no other account.
        let id = path.expose_secret().split('/').nth(2).unwrap_or_default().to_owned();
        Ok(Identity {
            id,
            handle: "an incoming web hook".to_owned(),
            remarks: vec![
                "a web hook cannot be asked whether it works, and shows nothing of what it posted: a post whose answer is \
                 lost waits for a person; a bot settles it"
                    .to_owned(),
            ],
            ..Identity::default()
        })
    }
}

/// The path of the web hook.
fn hook(cx: &Context<'_>) -> Result<SecretString, PublishError> {
    cx.credential.get("webhook").and_then(api::read_hook).ok_or_else(|| PublishError::Auth {
        said: "expected a web hook's address, https://hooks.slack.com/services/T…/B…/…, found something else"
            .to_owned(),
    })
}

async fn kept_team(cx: &Context<'_>) -> Option<String> {
    let kept = cx.keep.get(TEAM).await.ok().flatten()?;
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
    let Sent { channel, ts, team } = sent;
    let url = team
        .and_then(|team| Url::parse(&team).ok()?.join(&format!("archives/{channel}/p{}", ts.replace('.', ""))).ok());
    Ok(Receipt { remote_id: Some(format!("{channel}:{ts}")), url: url.map(String::from), parts: Vec::new(), at, how })
}

fn invalid(said: String) -> PublishError {
    PublishError::Rejected { reason: Rejection::Invalid, said }
}

fn refused(error: PublishError) -> ConnectError {
    match error {
        PublishError::Auth { said } => ConnectError::Refused(format!("Slack refuses the credential: {said}")),
        other => ConnectError::Unreachable(format!("Slack gave no usable answer: {other}")),
    }
}

#[cfg(test)]
mod tests;
