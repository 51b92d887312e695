//! Bluesky: a post, and each part of a thread, is a record in the account's own repository under a key that we choose, so
//! it can always be asked for.
//!
//! Here: constants, config keys, the account. `record` makes the frozen record, `session` keeps the login of an app
//! password, `consent` opens the account by its owner's consent instead (`discovery` finds where, `dpop` signs), `access`
//! is either of the two, `error` is the table of refusals. Pages: <https://docs.bsky.app/docs/advanced-guides/posts>, <https://atproto.com/specs/record-key>.

mod access;
mod api;
mod consent;
mod discovery;
mod dpop;
mod error;
mod media;
mod quota;
mod record;
mod session;
#[cfg(test)]
mod testing;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use url::Url;

use super::{
    Account, Amend, Connect, ConnectError, Consent, Context, Identity, Ids, Journal, Lookup, MediaRules, Outgoing,
    Payload, Planned, Platform, PublishError, Recovery, Sought, Spec, Terms, picture, wire,
};
use crate::model::grant::SecretRef;
use crate::model::picture::Ratio;
use crate::model::post::Rejection;
use crate::model::receipt::{Known, Op, Receipt, Step};
use crate::text::limits;

use self::access::By;
pub use self::error::classify;
use super::picture::UPLOAD;

/// 1,000,000 bytes. Source: lexicon app.bsky.embed.external, `thumb`, 2026-08.
const THUMB_BYTES: usize = 1_000_000;

/// What a constant can say of Bluesky.
static SPEC: Spec = Spec {
    id: "bluesky",
    name: "Bluesky",
    text: limits::BLUESKY.rules,
    // 4 pictures of 2,000,000 bytes since 2026-04-08, of 1,000,000 on servers built before: sent so that both take
    // them. Alternative texts have no limit of their own; the app writes up to 2,000 characters. Source: lexicon
    // app.bsky.embed.images, 2026-08.
    media: MediaRules {
        max: 4,
        bytes: THUMB_BYTES,
        side: 2000,
        longest: 20,
        alt: 2000,
        caption: None,
        ratio: Ratio::Wide,
    },
    threads: true,
    // The record can be replaced, but bsky.app may go on showing the first version (snarfed/bridgy-fed#947).
    edits: false,
    deletes: true,
    deadline: Duration::from_secs(25),
    media_deadline: Duration::from_secs(120),
    connect: Connect::AppPasswordOrOAuth2,
    terms: Terms {
        ask: "Accounts that post at regular intervals by themselves are welcome, within the rate limits. They should label \
              their own profile with the value `bot`, and like, repost, reply to or mention only people who asked for it.",
        source: "https://docs.bsky.app/docs/starter-templates/bots",
        read: "2026-11",
    },
};

/// The platform.
pub struct Bluesky;

/// A channel's own keys.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to sign in: the account's own data server, or the service in front of it.
    #[serde(default = "bsky_social", deserialize_with = "wire::server")]
    pub server: Url,
    /// The account's handle ("news.example") or DID.
    #[serde(deserialize_with = "handle")]
    pub handle: String,
    /// An app password (Settings, Privacy and security, App passwords), not the account's own. Without it the account is
    /// opened by `bugle connect` (OAuth).
    pub password: Option<SecretRef>,
    /// Where accounts of the kind did:plc are looked up when one is connected without an app password.
    #[serde(default = "plc_directory", deserialize_with = "wire::server")]
    pub directory: Url,
}

fn bsky_social() -> Url {
    Url::parse("https://bsky.social").expect("a constant URL")
}

fn plc_directory() -> Url {
    Url::parse("https://plc.directory").expect("a constant URL")
}

fn handle<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = <String as serde::Deserialize>::deserialize(from)?;
    let bare = text.trim().trim_start_matches('@');
    if bare.starts_with("did:") || (bare.contains('.') && !bare.contains([' ', '/', '@'])) {
        Ok(bare.to_owned())
    } else {
        Err(serde::de::Error::custom(format!("expected a handle such as \"news.example\" or a DID, found {text:?}")))
    }
}

impl Platform for Bluesky {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn open(&self, keys: toml::de::DeTable<'_>) -> Result<Arc<dyn Account>, toml::de::Error> {
        Ok(Arc::new(Repo {
            config: wire::keys(keys)?,
            signing_in: tokio::sync::Mutex::new(()),
            nonces: dpop::Nonces::default(),
        }))
    }

    fn schema(&self, generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<Config>()
    }
}

/// One account's repository.
struct Repo {
    config: Config,
    /// Held while a session is made or renewed, so that two calls never do it at once.
    signing_in: tokio::sync::Mutex<()>,
    /// What the servers want to see in the proofs of a grant.
    nonces: dpop::Nonces,
}

#[async_trait]
impl Account for Repo {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn recovery(&self, _identity: Option<&Identity>) -> Recovery {
        Recovery::OwnId
    }

    fn secrets(&self) -> Vec<(&'static str, SecretRef)> {
        self.config.password.iter().map(|place| ("password", place.clone())).collect()
    }

    fn consent(&self) -> Option<&dyn Consent> {
        match self.config.password {
            Some(_) => None,
            None => Some(self),
        }
    }

    fn server(&self) -> Option<&Url> {
        Some(&self.config.server)
    }

    fn freeze(&self, post: &Outgoing, ids: &Ids) -> Result<Payload, (Rejection, String)> {
        let text = post.text.as_str();
        if text.is_empty() && post.card.is_none() && post.picture.is_none() {
            return Err((Rejection::Content, "expected a text or a card, found neither".to_owned()));
        }
        let key = record::tid(ids, 0);
        let linked = post.linked();
        let mut creates = Vec::new();
        for (n, part) in (0_u16..).zip(post.parts()) {
            if n > 0 && part.as_str().is_empty() {
                return Err((Rejection::Content, "expected a text in each part, found none".to_owned()));
            }
            let card = post.card.as_ref().filter(|_| usize::from(n) == linked);
            let body = json!({
                "collection": record::COLLECTION,
                "rkey": record::tid(ids, n),
                "record": record::record(post, part.as_str(), card, ids.created, n),
            });
            creates.push(Planned { step: Step { op: Op::Create, n }, body: body.to_string() });
        }
        // A link's card and pictures exclude each other: the card stays in the record for the case that the picture
        // cannot be had.
        let mut uploads: Vec<Planned> = picture::attached(post).collect();
        if uploads.is_empty() {
            let thumb = post.card.as_ref().and_then(|card| card.image.as_ref());
            uploads.extend(thumb.map(|url| Planned { step: UPLOAD, body: url.as_str().to_owned() }));
        }
        Ok(Payload {
            format: 1,
            revision: ids.revision,
            key,
            steps: uploads.into_iter().chain(creates).collect(),
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
        let now = || cx.clock.now();
        let open = |planned: &&Planned| journal.done(planned.step).is_none();
        if payload.creates().find(open).is_none() {
            let done = payload.creates().filter_map(|planned| journal.done(planned.step));
            let parts: Result<_, _> = done.map(|value| receipt(&value, Known::Answered, now())).collect();
            return wire::whole(parts?);
        }
        let repo = self.access(cx).await?.did;
        let mut sent: Vec<media::Sent<'_>> = Vec::new();
        for upload in payload.uploads() {
            let deadline = wire::scaled(cx, SPEC.media_deadline);
            let send = || self.picture(cx, &upload.body);
            let value = journal.step(upload.step, upload.body.as_bytes(), deadline, send).await?;
            if picture::missing(&value).is_none() {
                sent.push(media::Sent { body: &upload.body, value });
            }
        }
        let deadline = wire::scaled(cx, SPEC.deadline);
        let mut done: Vec<Value> = Vec::new();
        for planned in payload.creates() {
            let mut request = frozen(planned)?;
            if let (Some(root), Some(parent)) = (done.first(), done.last()) {
                let of = |part: &Value| json!({ "uri": part["uri"], "cid": part["cid"] });
                request["record"]["reply"] = json!({ "root": of(root), "parent": of(parent) });
            }
            // `swapRecord: null`: only where nothing is under that key yet. The same record again changes nothing and is
            // answered with 200; another one is refused with InvalidSwap.
            request["repo"] = json!(repo);
            request["swapRecord"] = Value::Null;
            let bare = request.to_string().into_bytes();
            // Attached pictures are the first part's; a thumbnail finds the part that has the card by itself.
            let is_mine = |it: &&media::Sent<'_>| planned.step.n == 0 || !it.value["image"].is_object();
            let mine: Vec<&media::Sent<'_>> = sent.iter().filter(is_mine).collect();
            record::insert_pictures(&mut request, mine.iter().map(|it| &it.value));
            let bytes = request.to_string().into_bytes();
            let send = || self.put(cx, &bytes, &mine, &bare);
            done.push(journal.step(planned.step, &bytes, deadline, send).await?);
        }
        let parts: Result<_, _> = done.iter().map(|value| receipt(value, Known::Answered, now())).collect();
        wire::whole(parts?)
    }

    async fn amend(&self, cx: &Context<'_>, what: &Amend, journal: &mut Journal<'_>) -> Result<Receipt, PublishError> {
        let Amend::Delete { receipt } = what else {
            return Err(PublishError::Rejected {
                reason: Rejection::Invalid,
                said: "a Bluesky post cannot be changed so that readers see it; take it down and post again".to_owned(),
            });
        };
        let parts = wire::last_first(receipt);
        if parts.is_empty() {
            return Err(invalid("expected the remote id of what is to be taken down, found none"));
        }
        for (n, uri) in (0_u16..).zip(parts) {
            let (repo, key) = at_uri(uri)?;
            let body = json!({"repo": repo, "collection": record::COLLECTION, "rkey": key}).to_string().into_bytes();
            let step = Step { op: Op::Delete, n };
            // A record that is gone already is answered with 200 as well.
            let send = || self.write(cx, "com.atproto.repo.deleteRecord", "application/json", &body, Op::Delete);
            journal.step(step, &body, wire::scaled(cx, SPEC.deadline), send).await?;
        }
        Ok(Receipt { at: cx.clock.now(), how: Known::Answered, ..receipt.clone() })
    }

    async fn find(&self, cx: &Context<'_>, sought: &Sought<'_>) -> Result<Lookup, PublishError> {
        let Some(planned) = sought.payload.planned(sought.step).filter(|planned| planned.step.op == Op::Create) else {
            return Ok(Lookup::CannotTell(format!("{} is no step of a Bluesky post", sought.step)));
        };
        let ours = frozen(planned)?;
        let access = self.access(cx).await?;
        let key = ours["rkey"].as_str().unwrap_or_default();
        let query = format!("repo={}&collection={}&rkey={key}", access.did, record::COLLECTION);
        let (status, answer) = self.look(cx, &access, "com.atproto.repo.getRecord", &query).await?;
        if status == 400 && answer["error"] == "RecordNotFound" {
            return Ok(Lookup::Absent);
        }
        if status != 200 {
            return Err(error::of(status, &answer, Op::Create));
        }
        if !answer["value"].is_object() {
            return Err(unreadable("getRecord"));
        }
        let attached = sought.step.n == 0 && media::is_attached(sought.payload);
        if !record::same(&answer["value"], &ours["record"], sought.parent, attached) {
            return Ok(Lookup::CannotTell(format!("something else is stored under the record key {key}")));
        }
        let value = api::reference(&answer).ok_or_else(|| unreadable("getRecord"))?;
        let receipt = receipt(&value, Known::Found, cx.clock.now())?;
        Ok(Lookup::Published { value, receipt })
    }

    async fn whoami(&self, cx: &Context<'_>) -> Result<Identity, ConnectError> {
        let mut access = self.access(cx).await.map_err(introduce)?;
        let (mut status, mut me) = self.own(cx, &access).await.map_err(introduce)?;
        let is_refused = matches!(error::of(status, &me, Op::Upload), PublishError::Auth { .. });
        if is_refused && let By::Session(session) = &access.by {
            access = self.renew_session(cx, session).await.map_err(introduce)?.into();
            (status, me) = self.own(cx, &access).await.map_err(introduce)?;
        }
        if status != 200 {
            return Err(introduce(error::of(status, &me, Op::Upload)));
        }
        let (Some(id), Some(handle)) = (me["did"].as_str(), me["handle"].as_str()) else {
            return Err(ConnectError::Unreachable(
                "expected a did and a handle from getSession, found neither".to_owned(),
            ));
        };
        let mut identity = Identity { id: id.to_owned(), handle: handle.to_owned(), ..Identity::default() };
        if me["active"] == json!(false) {
            let why = me["status"].as_str().unwrap_or("no reason given");
            identity.remarks.push(format!("the account is not active: {why}"));
        }
        if self.is_unlabelled(cx, &access, id).await {
            identity.remarks.push(
                "the profile does not say that it is automated: give the record app.bsky.actor.profile/self the self-label \
                 `bot` (docs/platforms/bluesky.md)"
                    .to_owned(),
            );
        }
        // What the server says of itself is good to know, nothing more: without it the account is known all the same.
        if let Ok((200, about)) = self.look(cx, &access, "com.atproto.server.describeServer", "").await
            && let Some(most) = about["blobUploadLimit"].as_u64()
            && most < THUMB_BYTES as u64
        {
            identity.remarks.push(format!("the server takes pictures of at most {most} bytes: cards may go without"));
        }
        Ok(identity)
    }
}

/// The frozen body of a `Create`.
fn frozen(planned: &Planned) -> Result<Value, PublishError> {
    serde_json::from_str(&planned.body).map_err(|e| invalid(&format!("expected a stored record, found {e}")))
}

fn receipt(value: &Value, how: Known, at: jiff::Timestamp) -> Result<Receipt, PublishError> {
    let uri = value["uri"].as_str().ok_or_else(|| unreadable("the stored step"))?;
    let (repo, key) = at_uri(uri)?;
    let url = format!("https://bsky.app/profile/{repo}/post/{key}");
    Ok(Receipt { remote_id: Some(uri.to_owned()), url: Some(url), parts: Vec::new(), at, how })
}

/// Takes `at://REPO/app.bsky.feed.post/KEY` apart.
fn at_uri(uri: &str) -> Result<(&str, &str), PublishError> {
    uri.strip_prefix("at://")
        .and_then(|rest| rest.split_once('/'))
        .and_then(|(repo, rest)| Some((repo, rest.strip_prefix(record::COLLECTION)?.strip_prefix('/')?)))
        .ok_or_else(|| invalid(&format!("expected at://…/{}/…, found {uri}", record::COLLECTION)))
}

fn invalid(said: &str) -> PublishError {
    PublishError::Rejected { reason: Rejection::Invalid, said: said.to_owned() }
}

fn unreadable(what: &str) -> PublishError {
    PublishError::Unknown { said: format!("expected a reference from {what}, found something else") }
}

fn introduce(error: PublishError) -> ConnectError {
    match error {
        PublishError::Auth { said } => ConnectError::Refused(said),
        PublishError::Forbidden { said, .. } | PublishError::Gone { said } => ConnectError::Forbidden(said),
        other => ConnectError::Unreachable(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::{Card, ONLY};
    use crate::text::rules::FittedText;

    fn account(text: &str) -> Result<Arc<dyn Account>, toml::de::Error> {
        Bluesky.open(toml::de::DeTable::parse(text).unwrap().into_inner())
    }

    #[test]
    fn keys_are_read_with_their_defaults_and_faults_point_at_their_line() {
        let account = account("handle = \"@news.example\"\npassword = { env = \"P\" }").ok().unwrap();
        assert_eq!(account.server().unwrap().as_str(), "https://bsky.social/");
        assert_eq!(account.secrets(), [("password", SecretRef::Env("P".to_owned()))]);
        assert_eq!(account.recovery(None), Recovery::OwnId);
        for (text, at) in [
            ("handle = \"news\"\npassword = { env = \"P\" }", "\"news\""),
            ("handle = \"news.example\"\npassword = \"abcd-efgh\"", "\"abcd-efgh\""),
            ("handle = \"news.example\"\npassword = { env = \"P\" }\ncolour = 1", "colour"),
        ] {
            let fault = self::account(text).err().unwrap();
            assert_eq!(&text[fault.span().unwrap()], at, "{fault}");
        }
    }

    fn post(text: &str) -> Outgoing {
        Outgoing {
            text: FittedText::new(text.to_owned(), SPEC.text).unwrap(),
            more: Vec::new(),
            link: Some(Url::parse("https://e.org/a?x=1").unwrap()),
            card: Some(Card {
                url: Url::parse("https://e.org/a?x=1").unwrap(),
                title: "Title".to_owned(),
                description: String::new(),
                image: Some(Url::parse("https://e.org/p.png").unwrap()),
            }),
            picture: None,
            further: Vec::new(),
            language: Some("az".to_owned()),
            mentions: Vec::new(),
        }
    }

    #[test]
    fn a_frozen_post_holds_everything_but_the_picture_and_is_the_same_each_time() {
        let account = account("handle = \"news.example\"\npassword = { env = \"P\" }").ok().unwrap();
        let ids = Ids {
            seed: "00ff".repeat(16),
            created: "2026-11-01T10:00:00.120Z".parse().unwrap(),
            story: "2026-11-01T10:00:00.120Z".parse().unwrap(),
            revision: 0,
        };
        let payload = account.freeze(&post("Hi 🎉 https://e.org/a?x=1 #news"), &ids).unwrap();
        assert_eq!(payload, account.freeze(&post("Hi 🎉 https://e.org/a?x=1 #news"), &ids).unwrap());
        assert_eq!(payload.steps.iter().map(|p| p.step).collect::<Vec<_>>(), [UPLOAD, ONLY]);
        assert_eq!(payload.planned(UPLOAD).unwrap().body, "https://e.org/p.png");
        let body: Value = serde_json::from_str(&payload.planned(ONLY).unwrap().body).unwrap();
        assert_eq!(
            body,
            json!({
                "collection": "app.bsky.feed.post",
                "rkey": payload.key,
                "record": {
                    "$type": "app.bsky.feed.post",
                    "text": "Hi 🎉 https://e.org/a?x=1 #news",
                    "createdAt": "2026-11-01T10:00:00.120Z",
                    "langs": ["az"],
                    "facets": [
                        {"index": {"byteStart": 8, "byteEnd": 27},
                         "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://e.org/a?x=1"}]},
                        {"index": {"byteStart": 28, "byteEnd": 33},
                         "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "news"}]},
                    ],
                    "embed": {"$type": "app.bsky.embed.external",
                              "external": {"uri": "https://e.org/a?x=1", "title": "Title", "description": ""}},
                },
            })
        );
        let bare = Outgoing { card: None, ..post("x") };
        assert_eq!(account.freeze(&bare, &ids).unwrap().steps.len(), 1);
        assert!(account.freeze(&Outgoing { card: None, ..post("") }, &ids).is_err());
    }

    #[test]
    fn the_card_goes_with_the_part_that_has_the_link() {
        let account = account("handle = \"news.example\"\npassword = { env = \"P\" }").ok().unwrap();
        let at: jiff::Timestamp = "2026-11-01T10:00:00Z".parse().unwrap();
        let ids = Ids { seed: "00ff".repeat(16), created: at, story: at, revision: 0 };
        let part = |text: &str| FittedText::new(text.to_owned(), SPEC.text).unwrap();
        for (first, second, carries) in
            [("one https://e.org/a?x=1", "two", 0), ("one", "two https://e.org/a?x=1", 1), ("one", "two", 0)]
        {
            let thread = Outgoing { more: vec![part(second)], ..post(first) };
            let payload = account.freeze(&thread, &ids).unwrap();
            let bodies: Vec<Value> = payload.creates().map(|it| frozen(it).unwrap()).collect();
            let cards: Vec<bool> = bodies.iter().map(|body| body["record"]["embed"].is_object()).collect();
            assert_eq!(cards, [carries == 0, carries == 1], "{first} {second}");
            assert_eq!(bodies[0]["rkey"].as_str(), Some(payload.key.as_str()));
            assert!(bodies[0]["rkey"].as_str() < bodies[1]["rkey"].as_str());
            assert!(bodies[0]["record"]["createdAt"].as_str() < bodies[1]["record"]["createdAt"].as_str());
            assert_eq!(payload.steps[0].step, UPLOAD, "before every part");
        }
    }

    #[test]
    fn a_receipt_names_the_record_and_the_page() {
        let value = json!({"uri": "at://did:plc:abc/app.bsky.feed.post/3k", "cid": "b"});
        let got = receipt(&value, Known::Answered, jiff::Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(got.url.as_deref(), Some("https://bsky.app/profile/did:plc:abc/post/3k"));
        assert!(receipt(&json!({"uri": "at://did:plc:abc/app.bsky.feed.like/3k"}), Known::Found, got.at).is_err());
    }
}
