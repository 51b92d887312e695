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
    Account, Amend, Connect, ConnectError, Context, Identity, Ids, Journal, Lookup, MediaRules, Outgoing, Payload,
    Place, Planned, Platform, PublishError, Recovery, Sought, Spec, Terms, WallPost, wire,
};
use crate::model::grant::SecretRef;
use crate::model::picture::Ratio;
use crate::model::post::Rejection;
use crate::model::receipt::{Known, Op, Receipt, Step};
use crate::text::limits;
use crate::text::rules::{FittedText, TextRules};

/// The layout of [`Payload::steps`]: a create step for each part, whose body is a [`WallPost`] as JSON.
const FORMAT: u32 = 1;

/// 25 s a step: the common deadline of reliability.md section 1.
const DEADLINE: Duration = Duration::from_secs(25);

static SPEC: Spec = Spec {
    id: "timeline",
    name: "Timeline",
    text: limits::TIMELINE.rules,
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
    threads: true,
    edits: true,
    deletes: true,
    deadline: DEADLINE,
    media_deadline: DEADLINE,
    connect: Connect::None,
    terms: Terms::NONE,
};

/// The platform.
#[derive(Debug)]
pub struct Timeline;

/// The keys of a timeline channel beside the common ones.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The platform whose limits count here, by a word of `bugle measure --list`: "x", "mastodon", "threads".
    #[serde(default)]
    like: Option<Like>,
}

/// The word of another platform, or of one of its fields: `telegram-caption`.
#[derive(Debug, JsonSchema)]
struct Like(String);

impl<'de> serde::Deserialize<'de> for Like {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        if word != SPEC.id && limits::of(&word).is_some() {
            return Ok(Self(word));
        }
        let known: Vec<&str> = limits::ALL.iter().map(|row| row.word).filter(|id| *id != SPEC.id).collect();
        Err(D::Error::custom(format!("expected one of {}, found {word:?}", known.join(", "))))
    }
}

impl Platform for Timeline {
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

    fn like(&self) -> Option<&str> {
        self.like.as_ref().map(|like| like.0.as_str())
    }

    fn threads(&self) -> bool {
        self.like.as_ref().and_then(|like| super::by_id(&like.0)).is_none_or(|platform| platform.spec().threads)
    }

    fn rules(&self, _identity: Option<&Identity>) -> TextRules {
        self.like.as_ref().and_then(|like| limits::of(&like.0)).map_or(SPEC.text, |row| row.rules)
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
        let (of, linked) = (post.parts().count(), post.linked());
        let planned = |(n, part): (u16, &FittedText)| {
            let at = usize::from(n);
            let body = WallPost {
                text: part.as_str().to_owned(),
                link: post.link.clone().filter(|_| at == linked),
                card: post.card.clone().filter(|_| at == linked),
                picture: post.picture.clone().filter(|_| n == 0),
                further: if n == 0 { post.further.clone() } else { Vec::new() },
                language: post.language.clone(),
                length: part.length(),
                limit: part.rules().limit,
                part: (of > 1).then_some(Place { n: at + 1, of }),
            };
            Planned { step: Step { op: Op::Create, n }, body: json!(body).to_string() }
        };
        Ok(Payload {
            format: FORMAT,
            revision: ids.revision,
            key: own_id(ids),
            steps: (0..).zip(post.parts()).map(planned).collect(),
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
        if payload.format != FORMAT {
            return Err(invalid(format!("the payload has format {}, expected {FORMAT}", payload.format)));
        }
        let deadline = SPEC.deadline.mul_f64(cx.scale);
        let mut parts = Vec::new();
        for planned in payload.creates() {
            let post = frozen(planned)?;
            let id = part_id(&payload.key, planned.step.n);
            // An error of the store says nothing sure of whether it kept the post; asking and repeating are harmless.
            let put = || async { cx.wall.put(&id, &post).await.map(|()| value(&id)).map_err(in_doubt) };
            let value = journal.step(planned.step, planned.body.as_bytes(), deadline, put).await?;
            parts.push(receipt(&value, cx.clock.now(), Known::Answered)?);
        }
        wire::whole(parts)
    }

    async fn amend(&self, cx: &Context<'_>, what: &Amend, journal: &mut Journal<'_>) -> Result<Receipt, PublishError> {
        let (Amend::Edit { receipt, .. } | Amend::Delete { receipt }) = what;
        let mut changes: Vec<(Op, &str, &str, Option<WallPost>)> = Vec::new();
        match what {
            Amend::Edit { payload, .. } => {
                for (id, planned) in wire::edited(receipt, payload)? {
                    changes.push((Op::Edit, id, &planned.body, Some(frozen(planned)?)));
                }
            }
            Amend::Delete { .. } => {
                changes.extend(
                    wire::last_first(receipt).into_iter().map(|id| (Op::Delete, id.as_str(), id.as_str(), None)),
                );
            }
        }
        if changes.is_empty() {
            return Err(invalid("the post's id is not known".to_owned()));
        }
        let deadline = SPEC.deadline.mul_f64(cx.scale);
        for (n, (op, id, request, post)) in (0_u16..).zip(changes) {
            let change = || async { cx.wall.change(id, post.as_ref()).await.map(|()| value(id)).map_err(in_doubt) };
            journal.step(Step { op, n }, request.as_bytes(), deadline, change).await?;
        }
        Ok(receipt.clone())
    }

    async fn find(&self, cx: &Context<'_>, sought: &Sought<'_>) -> Result<Lookup, PublishError> {
        if sought.step.op != Op::Create || sought.payload.planned(sought.step).is_none() {
            return Ok(Lookup::CannotTell(format!("a timeline's post has no step {}", sought.step)));
        }
        let id = part_id(&sought.payload.key, sought.step.n);
        match cx.wall.has(&id).await {
            Ok(false) => Ok(Lookup::Absent),
            Ok(true) => {
                let value = value(&id);
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

/// The id of a part: the first has the post's own.
fn part_id(key: &str, n: u16) -> String {
    if n == 0 { key.to_owned() } else { format!("{key}-{n}") }
}

fn frozen(planned: &Planned) -> Result<WallPost, PublishError> {
    serde_json::from_str(&planned.body).map_err(|e| invalid(format!("the payload is no timeline post: {e}")))
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
    use crate::platform::ONLY;

    fn open(keys: &str) -> Result<Arc<dyn Account>, toml::de::Error> {
        Timeline.open(DeTable::parse(keys).unwrap().into_inner())
    }

    fn ids(seed: &str, revision: u16) -> Ids {
        Ids { seed: seed.repeat(32), created: Timestamp::UNIX_EPOCH, story: Timestamp::UNIX_EPOCH, revision }
    }

    #[test]
    fn counts_as_the_platform_it_is_like() {
        assert_eq!(open("").unwrap().rules(None), SPEC.text);
        for row in limits::ALL.iter().filter(|row| row.word != SPEC.id) {
            let account = open(&format!("like = \"{}\"", row.word)).unwrap();
            assert_eq!((account.rules(None), account.like()), (row.rules, Some(row.word)));
        }
        // A rehearsal replaces a channel by a timeline like its platform.
        for platform in super::super::ALL {
            let spec = platform.spec();
            assert_eq!(limits::of(spec.id).map(|row| row.rules), Some(spec.text), "{}", spec.id);
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
            more: Vec::new(),
            link: Url::parse("https://news.example/a").ok(),
            card: None,
            picture: None,
            further: Vec::new(),
            language: Some("en".to_owned()),
            mentions: Vec::new(),
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
        let read = frozen(payload.planned(ONLY).unwrap()).unwrap();
        assert_eq!((read.text.as_str(), read.limit), ("Bread https://news.example/a", 280));
        assert_ne!(account.freeze(&post, &ids("0b", 1)).unwrap().key, payload.key);
        let strange = Planned { step: ONLY, body: "{}".to_owned() };
        assert!(matches!(frozen(&strange), Err(PublishError::Rejected { reason: Rejection::Invalid, .. })));
    }

    #[test]
    fn an_album_stays_with_its_first_part() {
        let picture = |alt: &str| crate::model::picture::Picture {
            origin: crate::model::picture::Origin::Photo { urls: Vec::new() },
            alt: alt.to_owned(),
        };
        let account = open("").unwrap();
        let text = |text: &str| FittedText::new(text.to_owned(), account.rules(None)).unwrap();
        let post = Outgoing {
            text: text("one"),
            more: vec![text("two")],
            link: None,
            card: None,
            picture: Some(picture("A")),
            further: vec![picture("B"), picture("C")],
            language: None,
            mentions: Vec::new(),
        };
        let payload = account.freeze(&post, &ids("0a", 0)).unwrap();
        let walls: Vec<WallPost> = payload.creates().map(|planned| frozen(planned).unwrap()).collect();
        let alts =
            |wall: &WallPost| wall.picture.iter().chain(&wall.further).map(|it| it.alt.clone()).collect::<Vec<_>>();
        assert_eq!(
            (alts(&walls[0]), alts(&walls[1])),
            (vec!["A".into(), "B".into(), "C".into()], Vec::<String>::new())
        );
    }

    #[test]
    fn needs_no_secret_and_no_server() {
        let account = open("").unwrap();
        assert!(account.secrets().is_empty() && account.server().is_none());
        assert_eq!(account.recovery(None), Recovery::OwnId);
    }
}
