//! The local timeline: posts are kept in Bugle's own store and shown on the desk, counted by the rules of the platform it
//! is `like`. For rehearsals and for trying Bugle out. It goes through the journal as every platform does, so a rehearsal
//! rehearses that too. Not here: where the posts are kept, that is behind [`Wall`](super::Wall).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde_json::{Value, json};
use url::Url;

use super::{
    Account, Amend, Connect, ConnectError, Context, Identity, Ids, Journal, Lookup, MediaRules, ONLY, Outgoing,
    Payload, Planned, Platform, PublishError, Recovery, Sought, Spec, WallPost,
};
use crate::model::grant::SecretRef;
use crate::model::picture::Ratio;
use crate::model::post::Rejection;
use crate::model::receipt::{Known, Op, Receipt, Step};
use crate::text::rules::{TextRules, Unit};

/// The layout of [`Payload::steps`]: one create step whose body is a [`WallPost`] as JSON.
const FORMAT: u32 = 1;

/// 25 s a step: the common deadline of reliability.md section 1.
const DEADLINE: Duration = Duration::from_secs(25);

static SPEC: Spec = Spec {
    id: "timeline",
    name: "Timeline",
    // 500 graphemes where it is like no platform. Ours: room for a headline, a summary and a link.
    text: TextRules { limit: 500, unit: Unit::Graphemes, bytes: None },
    // Nothing is sent: what it is like decides.
    media: MediaRules {
        max: 4,
        bytes: 1_000_000,
        side: 2000,
        longest: 20,
        alt: 1500,
        caption: None,
        ratio: Ratio::Card,
    },
    threads: false,
    edits: true,
    deletes: true,
    deadline: DEADLINE,
    media_deadline: DEADLINE,
    connect: Connect::None,
};

/// The platform.
#[derive(Debug)]
pub struct Timeline;

/// The keys of a timeline channel beside the common ones.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The platform whose limits count here: "x", "mastodon".
    #[serde(default)]
    like: Option<Like>,
}

/// The word of another platform.
#[derive(Debug, JsonSchema)]
struct Like(String);

impl<'de> serde::Deserialize<'de> for Like {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        if word != SPEC.id && super::by_id(&word).is_some() {
            return Ok(Self(word));
        }
        let known: Vec<&str> = super::ALL.iter().map(|p| p.spec().id).filter(|id| *id != SPEC.id).collect();
        Err(D::Error::custom(format!("expected one of {}, found {word:?}", known.join(", "))))
    }
}

impl Platform for Timeline {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn open(&self, keys: toml::de::DeTable<'_>) -> Result<Arc<dyn Account>, toml::de::Error> {
        Ok(Arc::new(super::wire::keys::<Config>(keys)?))
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

    fn like(&self) -> Option<&str> {
        self.like.as_ref().map(|like| like.0.as_str())
    }

    fn rules(&self, _identity: Option<&Identity>) -> TextRules {
        self.like.as_ref().and_then(|like| super::by_id(&like.0)).map_or(SPEC.text, |platform| platform.spec().text)
    }

    fn media(&self) -> MediaRules {
        self.like.as_ref().and_then(|like| super::by_id(&like.0)).map_or(SPEC.media, |platform| platform.spec().media)
    }

    fn recovery(&self, _identity: Option<&Identity>) -> Recovery {
        Recovery::OwnId
    }

    fn secrets(&self) -> Vec<(&'static str, SecretRef)> {
        Vec::new()
    }

    fn server(&self) -> Option<&Url> {
        None
    }

    fn freeze(&self, post: &Outgoing, ids: &Ids) -> Result<Payload, (Rejection, String)> {
        let body = WallPost {
            text: post.text.as_str().to_owned(),
            link: post.link.clone(),
            card: post.card.clone(),
            picture: post.picture.clone(),
            language: post.language.clone(),
            length: post.text.length(),
            limit: post.text.rules().limit,
        };
        Ok(Payload {
            format: FORMAT,
            revision: ids.revision,
            key: own_id(ids),
            steps: vec![Planned { step: ONLY, body: json!(body).to_string() }],
            text: body.text,
            link: body.link,
        })
    }

    async fn publish(
        &self,
        cx: &Context<'_>,
        payload: &Payload,
        journal: &mut Journal<'_>,
    ) -> Result<Receipt, PublishError> {
        let (body, post) = frozen(payload)?;
        let id = payload.key.as_str();
        // An error of the store says nothing sure of whether it kept the post; asking and repeating are harmless.
        let put = || async move { cx.wall.put(id, &post).await.map(|()| value(id)).map_err(in_doubt) };
        let value = journal.step(ONLY, body.as_bytes(), SPEC.deadline.mul_f64(cx.scale), put).await?;
        receipt(&value, cx.clock.now(), Known::Answered)
    }

    async fn amend(&self, cx: &Context<'_>, what: &Amend, journal: &mut Journal<'_>) -> Result<Receipt, PublishError> {
        let (Amend::Edit { receipt, .. } | Amend::Delete { receipt }) = what;
        let id = receipt.remote_id.as_deref().ok_or_else(|| invalid("the post's id is not known".to_owned()))?;
        let (op, request, post) = match what {
            Amend::Edit { payload, .. } => {
                let (body, post) = frozen(payload)?;
                (Op::Edit, body, Some(post))
            }
            Amend::Delete { .. } => (Op::Delete, id, None),
        };
        let change = || async move { cx.wall.change(id, post.as_ref()).await.map(|()| value(id)).map_err(in_doubt) };
        journal.step(Step { op, n: 0 }, request.as_bytes(), SPEC.deadline.mul_f64(cx.scale), change).await?;
        Ok(receipt.clone())
    }

    async fn find(&self, cx: &Context<'_>, sought: &Sought<'_>) -> Result<Lookup, PublishError> {
        if sought.step != ONLY {
            return Ok(Lookup::CannotTell(format!("a timeline's post has no step {}", sought.step)));
        }
        let id = sought.payload.key.as_str();
        match cx.wall.has(id).await {
            Ok(false) => Ok(Lookup::Absent),
            Ok(true) => {
                let value = value(id);
                Ok(Lookup::Published { receipt: receipt(&value, cx.clock.now(), Known::Found)?, value })
            }
            Err(why) => Ok(Lookup::CannotTell(why)),
        }
    }

    async fn whoami(&self, _cx: &Context<'_>) -> Result<Identity, ConnectError> {
        let handle = match &self.like {
            None => "local timeline".to_owned(),
            Some(Like(word)) => format!("local timeline like {word}"),
        };
        Ok(Identity { id: SPEC.id.to_owned(), handle, ..Identity::default() })
    }
}

/// 128 bits of the seed: a post made again after a restored backup lands on the same id.
fn own_id(ids: &Ids) -> String {
    ids.seed.chars().take(32).collect()
}

fn frozen(payload: &Payload) -> Result<(&str, WallPost), PublishError> {
    let body = match payload.planned(ONLY) {
        Some(planned) if payload.format == FORMAT => planned.body.as_str(),
        _ => return Err(invalid(format!("the payload has format {}, expected {FORMAT}", payload.format))),
    };
    let post = serde_json::from_str(body).map_err(|e| invalid(format!("the payload is no timeline post: {e}")))?;
    Ok((body, post))
}

fn value(id: &str) -> Value {
    json!({ "id": id })
}

fn receipt(value: &Value, at: Timestamp, how: Known) -> Result<Receipt, PublishError> {
    let id = value.get("id").and_then(Value::as_str);
    let id = id.ok_or_else(|| PublishError::Unknown { said: "the stored step holds no id".to_owned() })?;
    Ok(Receipt { remote_id: Some(id.to_owned()), url: None, parts: Vec::new(), at, how })
}

fn in_doubt(said: String) -> PublishError {
    PublishError::Unknown { said }
}

fn invalid(said: String) -> PublishError {
    PublishError::Rejected { reason: Rejection::Invalid, said }
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;
    use crate::text::rules::FittedText;

    fn open(keys: &str) -> Result<Arc<dyn Account>, toml::de::Error> {
        Timeline.open(DeTable::parse(keys).unwrap().into_inner())
    }

    fn ids(seed: &str, revision: u16) -> Ids {
        Ids { seed: seed.repeat(32), created: Timestamp::UNIX_EPOCH, story: Timestamp::UNIX_EPOCH, revision }
    }

    #[test]
    fn counts_as_the_platform_it_is_like() {
        assert_eq!(open("").unwrap().rules(None), SPEC.text);
        for id in ["x", "telegram"] {
            let rules = open(&format!("like = \"{id}\"")).unwrap().rules(None);
            assert_eq!(Some(rules), super::super::by_id(id).map(|p| p.spec().text), "{id}");
        }
    }

    #[test]
    fn is_like_another_platform_only() {
        for (keys, words) in [
            ("like = \"timeline\"", "expected one of"),
            ("like = \"X\"", "found \"X\""),
            ("like = 1", "expected a string"),
            ("colour = 1", "unknown field"),
        ] {
            let error = open(keys).err().unwrap();
            assert!(error.message().contains(words) && error.span().is_some(), "{keys}: {error}");
        }
    }

    #[test]
    fn freezes_to_these_bytes() {
        let account = open("like = \"x\"").unwrap();
        let post = Outgoing {
            text: FittedText::new("Bread https://news.example/a".to_owned(), account.rules(None)).unwrap(),
            link: Url::parse("https://news.example/a").ok(),
            card: None,
            picture: None,
            language: Some("en".to_owned()),
        };
        let payload = account.freeze(&post, &ids("0a", 1)).unwrap();
        assert_eq!(payload.key, "0a".repeat(16));
        assert_eq!(
            payload.planned(ONLY).unwrap().body,
            format!(
                r#"{{"card":null,"language":"en","length":{},"limit":280,"link":"https://news.example/a","text":"Bread https://news.example/a"}}"#,
                post.text.length()
            )
        );
        let (_, read) = frozen(&payload).unwrap();
        assert_eq!((read.text.as_str(), read.limit), ("Bread https://news.example/a", 280));
        assert_ne!(account.freeze(&post, &ids("0b", 1)).unwrap().key, payload.key);
        let strange = Payload { format: 2, ..payload };
        assert!(matches!(frozen(&strange), Err(PublishError::Rejected { reason: Rejection::Invalid, .. })));
    }

    #[test]
    fn needs_no_secret_and_no_server() {
        let account = open("").unwrap();
        assert!(account.secrets().is_empty() && account.server().is_none());
        assert_eq!(account.recovery(None), Recovery::OwnId);
    }
}
