//! Threads: each part is a container first, then published; a part of a thread answers the one before. The table of
//! refusals is in `error`, signing in in `consent`; the two steps themselves are Meta's and shared.
//!
//! Source: Threads' publishing reference, posts guide and overview, as of 2026-03 (reference) and 2025-12-22 (overview).

mod consent;
mod error;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use url::Url;

use super::graph::container::{Containers, Dialect, Part, steps};
use super::graph::{self, Wire, id_of, segment};
use super::{
    Account, Amend, Connect, ConnectError, Consent, Context, Identity, Ids, Journal, Lookup, MediaRules, Outgoing,
    Payload, Platform, PublishError, Recovery, Sought, Spec, Terms, wire,
};
use crate::model::grant::{Credential, SecretRef};
use crate::model::picture::Ratio;
use crate::model::post::Rejection;
use crate::model::receipt::{Known, Op, Receipt, Step};
use crate::text::limits;
use crate::text::rules::TextRules;

pub use self::error::classify;

/// The version in the path. It does not follow the Graph API's.
const VERSION: &str = "/v1.0";

/// What a constant can say of Threads.
static SPEC: Spec = Spec {
    id: "threads",
    name: "Threads",
    text: limits::THREADS.rules,
    // JPEG or PNG, 8 MB, up to ten times longer than its shorter side, widths above 1440 px are scaled down there;
    // alternative text 1,000 characters; 2 to 20 pictures a carousel. Source: posts guide, as of 2026-04-14.
    media: MediaRules {
        max: 20,
        bytes: 8_000_000,
        side: 1440,
        longest: 10,
        alt: 1000,
        caption: None,
        ratio: Ratio::Portrait,
    },
    threads: true,
    edits: false,
    deletes: true,
    deadline: Duration::from_secs(25),
    media_deadline: Duration::from_secs(120),
    connect: Connect::OAuth2,
    terms: Terms {
        ask: "At most 250 posts, 1,000 answers and 100 take-downs of a profile in 24 hours; a profile that posts like spam \
              is restricted.",
        source: "https://developers.facebook.com/docs/threads/overview/ (of 2025-12-22)",
        read: "2026-11",
    },
};

/// What Threads calls the two steps.
static DIALECT: Dialect = Dialect {
    create: "threads",
    publish: "threads_publish",
    quota: "threads_publishing_limit",
    status: "status",
    why: "error_message",
    text: "text",
    image: &[("media_type", "IMAGE")],
    needs_picture: false,
    fit: SPEC.media.fit(),
    bounds: None,
    publish_within: Duration::from_secs(60),
    make_within: SPEC.media_deadline,
    settle: Duration::from_secs(2),
    own: ("threads", "id,text,permalink,timestamp,media_type,link_attachment_url"),
    replies: Some(("replies", "id,text,permalink,timestamp,media_type,replied_to")),
    classify,
    not_found: error::is_not_found,
    // It goes out without its picture.
    unfetched: |_| false,
};

/// The platform.
pub struct Threads;

/// A channel's own keys.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the API is.
    #[serde(default = "server", deserialize_with = "wire::server")]
    pub server: Url,
    /// Where a person signs in.
    #[serde(default, deserialize_with = "graph::optional_server")]
    pub login_server: Option<Url>,
    /// A long-lived token; not needed where `bugle connect` opened the account.
    #[serde(default)]
    pub token: Option<SecretRef>,
    /// The Threads app's number (not that of the Meta app it belongs to).
    #[serde(default)]
    pub app_id: Option<String>,
    /// The Threads app's secret: for connecting, and to prove each call.
    #[serde(default)]
    pub app_secret: Option<SecretRef>,
    /// The topic of every post, without `#`. Left out: the first hashtag of a text becomes its topic.
    #[serde(default, deserialize_with = "topic")]
    pub topic: Option<String>,
    /// Who may answer.
    #[serde(default)]
    pub replies: Option<Replies>,
    /// Whether every byte of a text counts, and not every character: for an account that is refused texts beyond ASCII.
    #[serde(default)]
    pub strict_count: bool,
}

/// Who may answer a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Replies {
    /// Everybody.
    Everyone,
    /// Whom the account follows.
    AccountsYouFollow,
    /// Who is mentioned.
    MentionedOnly,
}

fn server() -> Url {
    Url::parse("https://graph.threads.net").expect("a constant address")
}

/// 1 to 50 characters, without `.` and `&`. Source: posts guide.
fn topic<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    use serde::Deserialize as _;
    let text = String::deserialize(from)?;
    let length = text.chars().count();
    if (1..=50).contains(&length) && !text.contains(['.', '&', '#', '\n']) {
        return Ok(Some(text));
    }
    Err(serde::de::Error::custom(format!(
        "expected a topic of 1 to 50 characters without '.', '&' and '#', found {text:?}"
    )))
}

impl Platform for Threads {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn open(&self, keys: toml::de::DeTable<'_>) -> Result<Arc<dyn Account>, toml::de::Error> {
        Ok(Arc::new(Profile { config: wire::keys(keys)? }))
    }

    fn schema(&self, generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<Config>()
    }
}

/// One profile.
struct Profile {
    config: Config,
}

impl Profile {
    async fn wire<'c>(&'c self, cx: &'c Context<'c>) -> Result<Wire<'c>, PublishError> {
        let token = cx.token("token").await?;
        let secret = cx.credential.get("app_secret");
        Ok(Wire::new(cx, &self.config.server, VERSION, token, secret, SPEC.deadline))
    }

    /// The two steps, on `me`: a token opens exactly one profile.
    async fn containers<'c>(&'c self, cx: &'c Context<'c>) -> Result<Containers<'c>, PublishError> {
        Ok(Containers { dialect: &DIALECT, wire: self.wire(cx).await?, user: "me".to_owned() })
    }

    fn row(&self) -> &'static limits::Measured {
        if self.config.strict_count { &limits::THREADS_STRICT } else { &limits::THREADS }
    }

    /// What a part is sent as. The card's link stands on posts without a picture only.
    fn part(&self, text: &str, link: Option<&Url>) -> Part {
        let mut with = Map::new();
        with.insert("text".to_owned(), json!(text));
        if let Some(topic) = &self.config.topic {
            with.insert("topic_tag".to_owned(), json!(topic));
        }
        if let Some(replies) = self.config.replies {
            with.insert("reply_control".to_owned(), json!(replies));
        }
        let mut bare = with.clone();
        bare.insert("media_type".to_owned(), json!("TEXT"));
        if let Some(link) = link {
            bare.insert("link_attachment".to_owned(), json!(link.as_str()));
        }
        Part { text: text.to_owned(), link: link.cloned(), bare: Some(bare), with }
    }

    /// Takes one part down. One that is gone is down.
    async fn delete(&self, wire: &Wire<'_>, id: &str) -> Result<Value, PublishError> {
        let path = format!("/{}", segment(id));
        let fault = match wire.delete(&path).await? {
            Ok(answer) => return taken_down(&answer, id),
            Err(fault) => fault,
        };
        if !error::is_gone(&fault) {
            return Err(classify(&fault, Op::Delete));
        }
        // What an id that is gone is answered is documented nowhere: believed only where it cannot be read either.
        match wire.get(&path, &[("fields", "id")]).await? {
            Err(again) if error::is_gone(&again) => Ok(json!({"id": id})),
            Ok(_) => Err(classify(&fault, Op::Delete)),
            Err(other) => {
                Err(PublishError::Unknown { said: format!("cannot see whether it is down: {}", other.said()) })
            }
        }
    }
}

/// What an answer to a take-down says: only a plain yes is one.
fn taken_down(answer: &Value, id: &str) -> Result<Value, PublishError> {
    match answer["success"].as_bool() {
        Some(true) => Ok(json!({"id": id})),
        _ => Err(PublishError::Unknown { said: "expected success of a take-down, found something else".to_owned() }),
    }
}

#[async_trait]
impl Account for Profile {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn rules(&self, _identity: Option<&Identity>) -> TextRules {
        self.row().rules
    }

    fn recovery(&self, _identity: Option<&Identity>) -> Recovery {
        Recovery::OwnId
    }

    fn secrets(&self) -> Vec<(&'static str, SecretRef)> {
        let keys = [("token", &self.config.token), ("app_secret", &self.config.app_secret)];
        keys.into_iter().filter_map(|(key, at)| Some((key, at.clone()?))).collect()
    }

    fn server(&self) -> Option<&Url> {
        Some(&self.config.server)
    }

    fn consent(&self) -> Option<&dyn Consent> {
        Some(self)
    }

    fn credential_scope(&self, credential: &Credential) -> Option<String> {
        credential.get("token").map(graph::digest)
    }

    fn app_scope(&self, credential: &Credential) -> Option<String> {
        credential.get("app_secret").map(graph::digest)
    }

    fn freeze(&self, post: &Outgoing, ids: &Ids) -> Result<Payload, (Rejection, String)> {
        let linked = post.linked();
        let mut parts = Vec::new();
        for (n, part) in post.parts().enumerate() {
            let text = part.as_str();
            if text.trim().is_empty() {
                return Err((Rejection::Content, "expected a text, found none".to_owned()));
            }
            let is_pictured = |n: usize| n == 0 && post.picture.is_some();
            // Beside the length: at most five links.
            self.row().fit(text.to_owned()).map_err(|e| (Rejection::Content, e.to_string()))?;
            let mut part = self.part(text, post.link.as_ref().filter(|_| n == linked));
            // Beside a picture there is no card: what its text does not name, it is not known by.
            part.link = part.link.filter(|link| !is_pictured(n) || wire::names(text, link.as_str()));
            parts.push(part);
        }
        let pictures: Vec<_> =
            post.picture.iter().chain(&post.further).take(usize::from(SPEC.media.max)).cloned().collect();
        Ok(Payload {
            format: 1,
            revision: ids.revision,
            key: String::new(),
            steps: steps(parts, &pictures),
            text: post.whole(),
            link: post.link.clone(),
        })
    }

    async fn publish(
        &self,
        cx: &Context<'_>,
        payload: &Payload,
        journal: &mut Journal<'_>,
    ) -> Result<Receipt, PublishError> {
        self.containers(cx).await?.publish(payload, journal).await
    }

    async fn amend(&self, cx: &Context<'_>, what: &Amend, journal: &mut Journal<'_>) -> Result<Receipt, PublishError> {
        let reject = |said: &str| PublishError::Rejected { reason: Rejection::Invalid, said: said.to_owned() };
        let Amend::Delete { receipt: old } = what else {
            return Err(reject("Threads cannot change a post: take it down and post anew"));
        };
        let wire = self.wire(cx).await?;
        let parts = wire::last_first(old);
        if parts.is_empty() {
            return Err(reject("expected the remote id of what is to be taken down, found none"));
        }
        for (n, id) in (0_u16..).zip(parts) {
            let step = Step { op: Op::Delete, n };
            let deadline = wire::scaled(cx, SPEC.deadline);
            journal.step(step, id.as_bytes(), deadline, || self.delete(&wire, id)).await?;
        }
        Ok(Receipt { at: cx.clock.now(), how: Known::Answered, ..old.clone() })
    }

    async fn find(&self, cx: &Context<'_>, sought: &Sought<'_>) -> Result<Lookup, PublishError> {
        self.containers(cx).await?.find(sought).await
    }

    async fn whoami(&self, cx: &Context<'_>) -> Result<Identity, ConnectError> {
        let wire = self.wire(cx).await.map_err(graph::introduce)?;
        let me = wire.get("/me", &[("fields", "id,username")]).await.map_err(graph::introduce)?;
        let me = me.map_err(|fault| graph::introduce(classify(&fault, Op::Upload)))?;
        let (Some(id), Some(name)) = (id_of(&me["id"]), me["username"].as_str()) else {
            return Err(ConnectError::Unreachable("expected an id and a username, found neither".to_owned()));
        };
        let mut remarks = Vec::new();
        if self.config.token.is_some() {
            remarks.push(
                "the token in the config runs out 60 days after it was made and is not renewed: `bugle connect` gives one \
                 that is"
                    .to_owned(),
            );
        }
        Ok(Identity { id, handle: format!("@{name}"), remarks, ..Identity::default() })
    }
}

impl Profile {
    /// The app's secret, which signing in needs.
    fn app<'c>(&'c self, cx: &'c Context<'_>) -> Result<(&'c str, &'c SecretString), ConnectError> {
        match (&self.config.app_id, cx.credential.get("app_secret")) {
            (Some(id), Some(secret)) => Ok((id, secret)),
            _ => Err(ConnectError::Refused(
                "expected the keys app_id and app_secret of the Threads app; see docs/platforms/threads.md".to_owned(),
            )),
        }
    }
}

#[cfg(test)]
mod tests;
