//! A signed web hook after Standard Webhooks: each post is one event with an id of our choosing, sent again under the same
//! id until it is answered, so that a receiver which keeps the ids takes it once. What is answered means in `error`, the
//! signature is `http`'s. Not here: `v1a`, the scheme with a key pair: no receiver needs it that shares a secret with us.
//!
//! Page: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

mod error;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::de::{self, Deserialize as _, Deserializer};
use serde_json::{Value, json};
use sha2::Digest as _;
use url::{Host, Url};

use self::error::classify;
use super::{
    Account, Amend, Connect, ConnectError, Context, Identity, Ids, Journal, Lookup, MediaRules, ONLY, Outgoing,
    Payload, Planned, Platform, PublishError, Recovery, Sought, Spec, Terms,
};
use crate::http::{Call, signature};
use crate::model::grant::SecretRef;
use crate::model::picture::{Origin, Picture, Ratio};
use crate::model::post::Rejection;
use crate::model::receipt::{Known, Op, Receipt, Step};
use crate::platform::wire;
use crate::text::limits;

/// The layout of [`Payload::steps`]: one create step whose body is the event as it is sent.
const FORMAT: u32 = 1;

/// The most bytes of an event. Source: standard-webhooks, "Payload best practices" (under 20 kB), 2026-08-17.
const BYTES: usize = 20_000;

static SPEC: Spec = Spec {
    id: "webhook",
    name: "Signed web hook",
    text: limits::WEBHOOK.rules,
    // Pictures are named, not sent: the limits are only those of their words. Ours.
    media: MediaRules {
        max: 10,
        bytes: usize::MAX,
        side: u32::MAX,
        longest: u32::MAX,
        alt: 1500,
        caption: None,
        ratio: Ratio::Card,
    },
    threads: false,
    edits: true,
    deletes: true,
    // Source: standard-webhooks, "Timeouts" (15 to 30 s), 2026-08-17.
    deadline: Duration::from_secs(25),
    media_deadline: Duration::from_secs(25),
    connect: Connect::None,
    terms: Terms::NONE,
};

/// The platform.
#[derive(Debug)]
pub struct Webhook;

/// The keys of a web hook beside the common ones.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Where events go. Plain http only inside the network.
    #[serde(deserialize_with = "address")]
    url: Url,
    /// What signs: `whsec_` and Base64 of 24 to 64 random bytes.
    secret: SecretRef,
    /// The secret that `secret` takes the place of: signs too, until every receiver knows the new one.
    old_secret: Option<SecretRef>,
    /// Sent as `Authorization: Bearer …`, for receivers that want one beside the signature.
    token: Option<SecretRef>,
}

/// Reads the receiver's address.
fn address<'de, D: Deserializer<'de>>(from: D) -> Result<Url, D::Error> {
    let text = String::deserialize(from)?;
    let url = Url::parse(&text)
        .map_err(|e| de::Error::custom(format!("expected a URL such as \"https://cms.example/hook\": {e}")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(de::Error::custom(format!("expected an https address, found {}:", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(de::Error::custom("expected a URL without user and fragment, found one with it"));
    }
    if url.scheme() == "http" && !is_near(&url) {
        return Err(de::Error::custom(
            "expected an https address: http goes only to an address or a name inside the network, such as \
             \"http://10.0.0.5:8080/hook\"",
        ));
    }
    Ok(url)
}

/// Whether a URL names, by itself, a place inside the network. It is opened by `allow_private` all the same.
fn is_near(url: &Url) -> bool {
    let inside = |name: &str| {
        !name.contains('.') || [".internal", ".local", ".lan", ".home.arpa"].iter().any(|end| name.ends_with(end))
    };
    crate::http::is_inside(url) || matches!(url.host(), Some(Host::Domain(name)) if inside(name))
}

impl Platform for Webhook {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn open(&self, keys: toml::de::DeTable<'_>) -> Result<Arc<dyn Account>, toml::de::Error> {
        Ok(Arc::new(wire::keys::<Config>(keys)?))
    }

    fn schema(&self, generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<Config>()
    }
}

impl Config {
    /// Sends an event under its id; any 2xx ends it.
    async fn send(&self, cx: &Context<'_>, id: &str, body: &str) -> Result<Value, PublishError> {
        let secrets: Vec<&SecretString> =
            ["secret", "old_secret"].into_iter().filter_map(|key| cx.credential.get(key)).collect();
        if secrets.is_empty() {
            return Err(PublishError::Auth { said: "the channel has no secret to sign with".to_owned() });
        }
        let now = cx.clock.now();
        let mut call = Call::new(Method::POST, self.url.clone());
        call.timeout = wire::scaled(cx, SPEC.deadline);
        if let Some(token) = cx.credential.get("token") {
            call = call.bearer(token);
        }
        let call = signature::signed(call, &secrets, id, now.as_second(), body);
        let answer = cx.http.change(call).await.map_err(wire::unanswered)?;
        match answer.status {
            200..=299 => Ok(noted(id, &answer.body)),
            _ => Err(classify(&answer, cx.clock.now())),
        }
    }
}

#[async_trait]
impl Account for Config {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn recovery(&self, _identity: Option<&Identity>) -> Recovery {
        Recovery::OwnId
    }

    fn secrets(&self) -> Vec<(&'static str, SecretRef)> {
        let mut all = vec![("secret", self.secret.clone())];
        all.extend(self.old_secret.clone().map(|it| ("old_secret", it)));
        all.extend(self.token.clone().map(|it| ("token", it)));
        all
    }

    fn server(&self) -> Option<&Url> {
        Some(&self.url)
    }

    fn freeze(&self, post: &Outgoing, ids: &Ids) -> Result<Payload, (Rejection, String)> {
        let text = post.text.as_str();
        if text.trim().is_empty() {
            return Err((Rejection::Content, "expected a text, found none".to_owned()));
        }
        let key = format!("bugle-{}", ids.seed);
        let body = event(post, &key, ids).ok_or_else(|| {
            (
                Rejection::TooLong,
                format!("expected an event of at most {BYTES} bytes, found more also without its extras"),
            )
        })?;
        Ok(Payload {
            format: FORMAT,
            revision: ids.revision,
            key,
            steps: vec![Planned { step: ONLY, body }],
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
        let body = frozen(payload)?;
        let deadline = wire::scaled(cx, SPEC.deadline);
        let value = journal.step(ONLY, body.as_bytes(), deadline, || self.send(cx, &payload.key, body)).await?;
        Ok(Receipt {
            remote_id: value["id"].as_str().map(str::to_owned),
            url: value["url"].as_str().map(str::to_owned),
            parts: Vec::new(),
            at: cx.clock.now(),
            how: Known::Answered,
        })
    }

    async fn amend(&self, cx: &Context<'_>, what: &Amend, journal: &mut Journal<'_>) -> Result<Receipt, PublishError> {
        let (Amend::Edit { receipt, .. } | Amend::Delete { receipt }) = what;
        let Some(remote) = &receipt.remote_id else {
            return Err(invalid("expected the id of what is to be changed, found none".to_owned()));
        };
        let deadline = wire::scaled(cx, SPEC.deadline);
        let (op, body) = match what {
            Amend::Edit { payload, .. } => (Op::Edit, changed(frozen(payload)?, "post.edited", remote)?),
            Amend::Delete { .. } => {
                let now = cx.clock.now().to_string();
                let gone = json!({ "type": "post.deleted", "timestamp": now, "data": { "id": remote } });
                (Op::Delete, gone.to_string())
            }
        };
        // The same wish again, after a lost answer, is the same event: a take-down by what it takes down, an edit by what
        // it makes of it.
        let id = match op {
            Op::Delete => event_id(remote, "deleted", ""),
            _ => event_id(remote, "edited", &body),
        };
        journal.step(Step { op, n: 0 }, body.as_bytes(), deadline, || self.send(cx, &id, &body)).await?;
        Ok(receipt.clone())
    }

    async fn find(&self, _cx: &Context<'_>, _sought: &Sought<'_>) -> Result<Lookup, PublishError> {
        // There is nobody to ask, and nothing that needs asking: under the same id a receiver takes it once.
        Ok(Lookup::Absent)
    }

    async fn whoami(&self, cx: &Context<'_>) -> Result<Identity, ConnectError> {
        for key in ["secret", "old_secret"] {
            if let Some(flaw) = cx.credential.get(key).and_then(signature::flaw) {
                return Err(ConnectError::Refused(format!("{key}: {flaw}")));
            }
        }
        let host = self.url.host_str().unwrap_or_default();
        Ok(Identity {
            // A receiver is who the config says it is.
            id: "webhook".to_owned(),
            handle: host.to_owned(),
            remarks: vec!["a receiver is not asked who it is: only an event shows whether it takes them".to_owned()],
            ..Identity::default()
        })
    }
}

/// The event of a new post. What makes it too large is left out, the least important first; `None`: it is too large all the
/// same.
fn event(post: &Outgoing, key: &str, ids: &Ids) -> Option<String> {
    let mut data = json!({ "id": key, "text": post.text.as_str() });
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            data[name] = value;
        }
    };
    put("url", post.link.as_ref().map(|link| json!(link)));
    put("language", post.language.as_ref().map(|tag| json!(tag)));
    let card = post.card.as_ref();
    put("title", card.map(|card| json!(card.title)));
    put("image", card.and_then(|card| card.image.as_ref()).map(|image| json!(image)));
    put("description", card.map(|card| &card.description).filter(|it| !it.is_empty()).map(|it| json!(it)));
    let pictures: Vec<Value> = post.picture.iter().chain(&post.further).filter_map(picture).collect();
    put("pictures", (!pictures.is_empty()).then(|| json!(pictures)));
    let written = |data: &Value| {
        json!({ "type": "post.published", "timestamp": ids.created.to_string(), "data": data }).to_string()
    };
    let mut body = written(&data);
    for name in ["description", "pictures", "image", "title"] {
        if body.len() <= BYTES {
            break;
        }
        data.as_object_mut()?.remove(name);
        body = written(&data);
    }
    (body.len() <= BYTES).then_some(body)
}

/// A picture by its address; one that Bugle draws has none.
fn picture(it: &Picture) -> Option<Value> {
    match &it.origin {
        Origin::Photo { urls } => Some(json!({ "url": urls.first()?, "alt": it.alt })),
        Origin::Headline(_) => None,
    }
}

/// What is kept of an answer: our id, and where the receiver put the post, if it says so.
fn noted(id: &str, body: &[u8]) -> Value {
    let told: Value = serde_json::from_slice(body).unwrap_or_default();
    let url = told["url"].as_str().and_then(|url| Url::parse(url).ok());
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
    json!({ "id": id, "url": url })
}

/// A frozen event as one of another type about the post of that id.
fn changed(body: &str, kind: &str, id: &str) -> Result<String, PublishError> {
    let mut event: Value = serde_json::from_str(body).map_err(|e| invalid(format!("the payload is no JSON: {e}")))?;
    if !event["data"].is_object() {
        return Err(invalid("expected an event with data, found none".to_owned()));
    }
    event["type"] = json!(kind);
    event["data"]["id"] = json!(id);
    Ok(event.to_string())
}

fn event_id(remote: &str, kind: &str, body: &str) -> String {
    let mut hash = sha2::Sha256::new();
    for part in [remote, kind, body] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    format!("bugle-{}", crate::text::plain::hex(&hash.finalize()))
}

fn frozen(payload: &Payload) -> Result<&str, PublishError> {
    match payload.planned(ONLY) {
        Some(planned) if payload.format == FORMAT => Ok(&planned.body),
        _ => Err(invalid(format!("the payload has format {}, expected {FORMAT}", payload.format))),
    }
}

fn invalid(said: String) -> PublishError {
    PublishError::Rejected { reason: Rejection::Invalid, said }
}

#[cfg(test)]
mod tests;
