//! Matrix by the Client-Server API: a message to one room, in parts as a thread, each picture an event of its own; editing,
//! redaction and look-up. Each event has an id of ours twice: the transaction's in the path, which the server remembers for
//! some hours, and a mark in the content, which stays. Not here: end-to-end encryption; encrypted rooms are refused.
//!
//! Pages: <https://spec.matrix.org/latest/client-server-api/#mroommessage>,
//! <https://spec.matrix.org/latest/client-server-api/#transaction-identifiers>.

mod api;
mod content;
mod error;
mod media;
mod room;
mod seek;
mod session;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::ExposeSecret as _;
use serde::de::Error as _;
use serde_json::{Value, json};
use sha2::Digest as _;
use url::Url;

use self::api::Api;
use super::{
    Account, Amend, Connect, ConnectError, Context, Identity, Ids, Journal, Lookup, MediaRules, Outgoing, Payload,
    Planned, Platform, PublishError, Recovery, Sought, Spec, Terms, picture, wire,
};
use crate::model::grant::{Credential, SecretRef};
use crate::model::picture::Ratio;
use crate::model::post::Rejection;
use crate::model::receipt::{Known, Op, Receipt, Step};
use crate::text::limits;

pub use self::error::classify;

/// The layout of [`Payload::steps`]: an upload for each picture, one that finds the room, a create for each part of the
/// text and then one for each picture; their bodies are `content`'s.
const FORMAT: u32 = 1;

static SPEC: Spec = Spec {
    id: "matrix",
    name: "Matrix",
    text: limits::MATRIX.rules,
    // A room takes any number of events: 10 pictures are ours, as many as an album of Telegram has. Servers take 50 MB
    // and more (Synapse's default, 2026-07); sent smaller, since every server of the room keeps a copy. No limit of the
    // words is stated: 1,500 is ours.
    media: MediaRules {
        max: 10,
        bytes: 4_000_000,
        side: 2000,
        longest: 20,
        alt: 1500,
        caption: None,
        ratio: Ratio::Wide,
    },
    threads: true,
    edits: true,
    deletes: true,
    deadline: Duration::from_secs(25),
    media_deadline: Duration::from_secs(120),
    connect: Connect::BotToken,
    terms: Terms {
        ask: "Each homeserver has its own rules. Programs are asked to send notices, which other programs do not answer.",
        source: "https://spec.matrix.org/latest/client-server-api/#mnotice",
        read: "2026-07",
    },
};

/// The platform.
#[derive(Debug)]
pub struct Matrix;

/// A channel's own keys.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The homeserver's address: `https://matrix.example.org`.
    #[serde(deserialize_with = "wire::server")]
    server: Url,
    /// The room: its id, "!abc:example.org", or an alias, "#news:example.org".
    #[serde(deserialize_with = "room::word")]
    room: String,
    /// The access token of the account that posts; or `user` and `password`.
    #[serde(default)]
    token: Option<SecretRef>,
    /// The account's user name, "news" or "@news:example.org", where Bugle signs in itself.
    #[serde(default)]
    user: Option<String>,
    /// Its password.
    #[serde(default)]
    password: Option<SecretRef>,
    /// What kind of message it is: a notice, as programs send it, or a text, as people do.
    #[serde(default)]
    message: Kind,
    #[serde(skip)]
    #[schemars(skip)]
    signing_in: session::Alone,
}

/// What kind of message a post is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// `m.notice`: clients show it more quietly and programs do not answer it.
    #[default]
    Notice,
    /// `m.text`: notifies as a person's message does.
    Text,
}

impl Kind {
    const fn msgtype(self) -> &'static str {
        match self {
            Self::Notice => "m.notice",
            Self::Text => "m.text",
        }
    }
}

impl Platform for Matrix {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn open(&self, keys: toml::de::DeTable<'_>) -> Result<Arc<dyn Account>, toml::de::Error> {
        let config = wire::keys::<Config>(keys)?;
        let expected = "expected either a token, or a user and a password";
        match (&config.token, &config.user, &config.password) {
            (Some(_), None, None) | (None, Some(_), Some(_)) => Ok(Arc::new(config)),
            (None, None, None) => Err(toml::de::Error::custom(format!("{expected}, found neither"))),
            (None, ..) => Err(toml::de::Error::custom(format!("{expected}, found one of these without the other"))),
            (Some(_), ..) => Err(toml::de::Error::custom(format!("{expected}, found both"))),
        }
    }

    fn schema(&self, generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<Config>()
    }
}

#[async_trait]
impl Account for Config {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    /// The id is ours, and asking for it shows an event as soon as the server has it.
    fn recovery(&self, _identity: Option<&Identity>) -> Recovery {
        Recovery::OwnId
    }

    fn secrets(&self) -> Vec<(&'static str, SecretRef)> {
        let token = self.token.iter().map(|token| ("token", token.clone()));
        token.chain(self.password.iter().map(|password| ("password", password.clone()))).collect()
    }

    fn server(&self) -> Option<&Url> {
        Some(&self.server)
    }

    /// Limits are those of the account, whatever the room.
    fn credential_scope(&self, credential: &Credential) -> Option<String> {
        let mut hasher = sha2::Sha256::new_with_prefix(b"matrix\0");
        match (&self.user, credential.get("token")) {
            (_, Some(token)) => hasher.update(token.expose_secret()),
            (Some(user), None) => hasher.update(format!("{user}\0{}", self.server)),
            (None, None) => return None,
        }
        Some(crate::text::plain::hex(&hasher.finalize()))
    }

    fn freeze(&self, post: &Outgoing, ids: &Ids) -> Result<Payload, (Rejection, String)> {
        let key: String = ids.seed.chars().take(32).collect();
        let mut steps: Vec<Planned> = picture::attached(post).collect();
        let pictures: Vec<&crate::model::picture::Picture> = post.picture.iter().chain(&post.further).collect();
        steps.push(Planned { step: find_room(pictures.len()), body: self.room.clone() });
        let mut n = 0;
        for part in post.parts() {
            if part.as_str().trim().is_empty() {
                return Err((Rejection::Content, "expected a text, found none".to_owned()));
            }
            let content = content::text(self.kind(), part.as_str(), post.link.as_ref(), &content::mark(&key, n));
            let body = json!({ "content": content, "made": ids.created.as_millisecond() }).to_string();
            steps.push(Planned { step: Step { op: Op::Create, n }, body });
            n += 1;
        }
        for (at, picture) in (0_u16..).zip(pictures) {
            let content = content::image(&picture.alt, &content::mark(&key, n));
            let body = json!({ "content": content, "upload": at }).to_string();
            steps.push(Planned { step: Step { op: Op::Create, n }, body });
            n += 1;
        }
        Ok(Payload { format: FORMAT, revision: ids.revision, key, steps, text: post.whole(), link: post.link.clone() })
    }

    async fn publish(
        &self,
        cx: &Context<'_>,
        payload: &Payload,
        journal: &mut Journal<'_>,
    ) -> Result<Receipt, PublishError> {
        if payload.format != FORMAT {
            return Err(invalid(format!("the payload has format {}, expected {FORMAT}", payload.format)));
        }
        let api = Api::new(cx, self).await?;
        let mut uploaded = Vec::new();
        let mut at = None;
        for upload in payload.uploads() {
            if upload.body.starts_with('{') {
                let send = || api.picture(&upload.body);
                let deadline = wire::scaled(cx, SPEC.media_deadline);
                uploaded.push(journal.step(upload.step, upload.body.as_bytes(), deadline, send).await?);
            } else {
                let deadline = wire::scaled(cx, SPEC.deadline);
                let find = || api.find_room(&upload.body);
                at = Some(journal.step(upload.step, upload.body.as_bytes(), deadline, find).await?);
            }
        }
        let at = at.as_ref().and_then(|value| value["room"].as_str());
        let at = at.ok_or_else(|| invalid("the payload finds no room".to_owned()))?;
        let deadline = wire::scaled(cx, SPEC.deadline);
        let mut parts: Vec<Receipt> = Vec::new();
        for planned in payload.creates() {
            let frozen = content::read(&planned.body).map_err(invalid)?;
            let picture =
                frozen.upload.map(|n| uploaded.get(n).cloned().unwrap_or_else(|| picture::without("unknown")));
            let value = match picture {
                // A step that sends nothing: what there is to say is in the upload's.
                Some(value) if picture::missing(&value).is_some() => {
                    let none = || async { Ok(json!({ "left_out": true })) };
                    journal.step(planned.step, planned.body.as_bytes(), deadline, none).await?
                }
                picture => {
                    let body = match &picture {
                        Some(value) => content::with_picture(frozen.content, value),
                        None => content::in_thread(frozen.content, &parts),
                    };
                    let (body, txn) = (body.to_string(), content::mark(&payload.key, planned.step.n));
                    let send = || api.send(at, &txn, &body, picture.is_some());
                    journal.step(planned.step, body.as_bytes(), deadline, send).await?
                }
            };
            if let Some(event) = value["event"].as_str() {
                parts.push(self.receipt(cx, at, event, Known::Answered));
            }
        }
        wire::whole(parts)
    }

    async fn amend(&self, cx: &Context<'_>, what: &Amend, journal: &mut Journal<'_>) -> Result<Receipt, PublishError> {
        let api = Api::new(cx, self).await?;
        let deadline = wire::scaled(cx, SPEC.deadline);
        match what {
            Amend::Edit { receipt, payload } => {
                for (n, (id, planned)) in (0_u16..).zip(self.edited(&api, receipt, payload).await?) {
                    let (at, event) = place(id)?;
                    let frozen = content::read(&planned.body).map_err(invalid)?;
                    let body = content::replacing(&frozen.content, event).to_string();
                    let txn = content::edit_txn(event, frozen.made, &body);
                    let send = || api.send(at, &txn, &body, false);
                    journal.step(Step { op: Op::Edit, n }, body.as_bytes(), deadline, send).await?;
                }
                Ok(receipt.clone())
            }
            Amend::Delete { receipt } => {
                let parts = wire::last_first(receipt);
                if parts.is_empty() {
                    return Err(invalid("expected the id of what is to be taken down, found none".to_owned()));
                }
                for (n, id) in (0_u16..).zip(parts) {
                    let (at, event) = place(id)?;
                    journal.step(Step { op: Op::Delete, n }, id.as_bytes(), deadline, || api.redact(at, event)).await?;
                }
                Ok(Receipt { at: cx.clock.now(), how: Known::Answered, ..receipt.clone() })
            }
        }
    }

    async fn find(&self, cx: &Context<'_>, sought: &Sought<'_>) -> Result<Lookup, PublishError> {
        self.seek(cx, sought).await
    }

    async fn whoami(&self, cx: &Context<'_>) -> Result<Identity, ConnectError> {
        self.introduce(cx).await
    }
}

impl Config {
    const fn kind(&self) -> &'static str {
        self.message.msgtype()
    }

    /// The receipt of an event. Its page is the one of matrix.to, which sends people on to the client they use.
    fn receipt(&self, cx: &Context<'_>, at: &str, event: &str, how: Known) -> Receipt {
        let user = cx.identity.map(|identity| identity.id.as_str()).unwrap_or_default();
        let via = [user, at].into_iter().find_map(|id| id.split_once(':')).map(|(_, server)| server);
        let mut url = format!("https://matrix.to/#/{}/{}", api::segment(at), api::segment(event));
        if let Some(server) = via {
            url.push_str(&format!("?via={}", api::segment(server)));
        }
        let remote_id = Some(format!("{at}/{event}"));
        Receipt { remote_id, url: Some(url), parts: Vec::new(), at: cx.clock.now(), how }
    }

    /// The texts that are out, each with what it shall show. What is out is looked at: an album's pictures have ids too.
    async fn edited<'a>(
        &self,
        api: &Api<'_>,
        receipt: &'a Receipt,
        payload: &'a Payload,
    ) -> Result<Vec<(&'a str, &'a Planned)>, PublishError> {
        let ids: Vec<&str> = match receipt.parts.as_slice() {
            [] => receipt.remote_id.as_deref().into_iter().collect(),
            parts => parts.iter().map(String::as_str).collect(),
        };
        let texts: Vec<&Planned> = payload
            .creates()
            .filter(|planned| content::read(&planned.body).is_ok_and(|frozen| frozen.upload.is_none()))
            .collect();
        let mut out = Vec::new();
        for id in ids {
            let (at, event) = place(id)?;
            match api.event(at, event).await?["content"]["msgtype"].as_str() {
                Some("m.image") => {}
                Some(_) => out.push(id),
                None => return Err(invalid(format!("the event {event} was taken down: nothing is there to change"))),
            }
        }
        if out.is_empty() || out.len() != texts.len() {
            let said = format!("expected as many texts as are out ({}), found {}", out.len(), texts.len());
            return Err(invalid(format!("{said}: take it down and post anew")));
        }
        Ok(out.into_iter().zip(texts).collect())
    }
}

/// The step that finds the room; it comes after the pictures' and sends nothing.
fn find_room(pictures: usize) -> Step {
    Step { op: Op::Upload, n: u16::try_from(pictures).unwrap_or(u16::MAX) }
}

/// Reads a remote id: room and event.
fn place(remote_id: &str) -> Result<(&str, &str), PublishError> {
    let found = remote_id.split_once('/').filter(|(at, event)| at.starts_with('!') && event.starts_with('$'));
    found.ok_or_else(|| invalid(format!("expected the id of an event (room/event), found {remote_id:?}")))
}

/// What the journal keeps of an event.
fn value(at: &str, event: &str) -> Value {
    json!({ "id": format!("{at}/{event}"), "event": event })
}

fn invalid(said: String) -> PublishError {
    PublishError::Rejected { reason: Rejection::Invalid, said }
}

#[cfg(test)]
mod tests;
