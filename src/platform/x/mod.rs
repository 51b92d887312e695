//! X by its API v2: text posts and threads of them (each part answers the one before), the picture of the first part, their
//! look-up and their deletion. Signed in with OAuth 1.0a user keys, or by OAuth 2.0; which of them, the keys say.
//!
//! Pages: <https://docs.x.com/x-api/posts/create-post>, <https://docs.x.com/x-api/users/get-posts>,
//! <https://docs.x.com/fundamentals/authentication/oauth-1-0a/creating-a-signature>,
//! <https://docs.x.com/fundamentals/counting-characters>.

mod api;
mod consent;
mod error;
mod find;
mod keys;
mod media;
mod oauth1;
mod price;
mod quota;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema as _;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use sha2::Digest as _;
use url::Url;

use self::api::Api;
use self::find::Verdict;
use self::keys::{Auth, Config, Keys};
use super::{
    Account, Amend, Connect, ConnectError, Consent, Context, Identity, Ids, Journal, Lookup, MediaRules, ONLY,
    Outgoing, PauseScopeKind, Payload, Planned, Platform, PriceList, PublishError, Recovery, Sought, Spec, Terms,
    picture,
};
use crate::model::grant::{Credential, SecretRef};
use crate::model::money::Price;
use crate::model::picture::Ratio;
use crate::model::post::Rejection;
use crate::model::receipt::{Known, Op, Receipt, Step};
use crate::platform::wire;
use crate::text::limits;
use crate::text::rules::TextRules;

/// The layout of [`Payload::steps`]: a create step for each part, whose body is the JSON that is sent; of the second part
/// on with the id of the part before, which is known only then. Before
/// them an upload where the post has a picture.
const FORMAT: u32 = 1;

/// 25 s a step: the common deadline of reliability.md section 1.
const DEADLINE: Duration = Duration::from_secs(25);

/// 280 weighted characters. Source: twitter-text configuration v3.
const LIMIT: usize = limits::X.rules.limit;

/// 25,000 characters for accounts that may write long posts. Source: X's changelog of 2024-08-20, read 2026-08-22.
const LONG_LIMIT: usize = limits::X_LONG.rules.limit;

/// A look-up over a short window asks for the fewest posts X allows, since each one read is paid for.
/// Source: `max_results` 5 to 100, X API 2.167, 2026-08.
const FEW: &str = "5";

/// A look-up over a long window (the platform's clock is unknown) asks for the most a page can hold.
const MANY: &str = "100";

/// Above this a window is long. Ours.
const SHORT_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// The most pages of one look-up. Ours: an account with more posts in its window cannot be told anything from it.
const PAGES: usize = 10;

static SPEC: Spec = Spec {
    id: "x",
    name: "X",
    text: limits::X.rules,
    // 4 pictures, 5 MB, JPEG, PNG, GIF or WebP, alternative text 1,000 characters. Source: X API 2.167 and its page on
    // media, 2026-08.
    media: MediaRules {
        max: 4,
        bytes: 5_000_000,
        side: 2000,
        longest: 20,
        alt: 1000,
        caption: None,
        ratio: Ratio::Wide,
    },
    threads: true,
    edits: false,
    deletes: true,
    deadline: DEADLINE,
    media_deadline: Duration::from_secs(120),
    connect: Connect::OAuth1Or2,
    terms: Terms {
        ask: "News and feed updates may be posted automatically. The account must carry the label \"Automated\" (Settings, \
              Your account, Automation), say in its bio that it is automated and whose it is, and be linked to an account \
              that a person runs; no mentions nobody asked for, and not the same posts from several accounts. The API \
              does not show the label: look at the profile.",
        source: "https://docs.x.com/developer-guidelines (with https://help.x.com/en/rules-and-policies/x-automation)",
        read: "2026-11",
    },
};

/// The platform.
#[derive(Debug)]
pub struct X;

impl Platform for X {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn open(&self, keys: toml::de::DeTable<'_>) -> Result<Arc<dyn Account>, toml::de::Error> {
        Ok(Arc::new(wire::keys::<Config>(keys)?))
    }

    fn schema(&self, generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Keys::json_schema(generator)
    }
}

#[async_trait]
impl Account for Config {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn rules(&self, _identity: Option<&Identity>) -> TextRules {
        TextRules { limit: self.limit, ..SPEC.text }
    }

    fn recovery(&self, _identity: Option<&Identity>) -> Recovery {
        if self.read { Recovery::Look } else { Recovery::Blind }
    }

    fn secrets(&self) -> Vec<(&'static str, SecretRef)> {
        self.secret_keys()
    }

    fn server(&self) -> Option<&Url> {
        Some(&self.server)
    }

    fn consent(&self) -> Option<&dyn Consent> {
        match self.auth {
            Auth::One { .. } => None,
            Auth::Two { .. } => Some(self),
        }
    }

    fn credential_scope(&self, credential: &Credential) -> Option<String> {
        match self.auth {
            Auth::One { .. } => digest(credential, &["consumer_key", "access_token"]),
            // A grant belongs to its channel alone.
            Auth::Two { .. } => None,
        }
    }

    fn app_scope(&self, credential: &Credential) -> Option<String> {
        match &self.auth {
            Auth::One { .. } => digest(credential, &["consumer_key"]),
            Auth::Two { client_id, .. } => {
                Some(crate::text::plain::hex(&sha2::Sha256::digest(format!("x\0client\0{client_id}"))))
            }
        }
    }

    fn prices(&self) -> Option<&'static PriceList> {
        Some(&price::PRICES)
    }

    fn charge(&self, step: Step, body: &str) -> Price {
        price::of(step, body)
    }

    fn freeze(&self, post: &Outgoing, ids: &Ids) -> Result<Payload, (Rejection, String)> {
        let mut steps = Vec::new();
        for (n, part) in (0_u16..).zip(post.parts()) {
            let text = part.as_str();
            if text.trim().is_empty() {
                return Err((Rejection::Content, "the text is empty".to_owned()));
            }
            // X calls a text with one of these invalid. Source: twitter-text, "invalid characters", 2021-10.
            if let Some(bad) = text.chars().find(|c| matches!(c, '\u{FFFE}' | '\u{FEFF}' | '\u{FFFF}')) {
                return Err((Rejection::Content, format!("the text holds U+{:04X}, which X refuses", u32::from(bad))));
            }
            steps.push(Planned { step: Step { op: Op::Create, n }, body: json!({ "text": text }).to_string() });
        }
        Ok(Payload {
            format: FORMAT,
            revision: ids.revision,
            key: String::new(),
            steps: picture::attached(post).chain(steps).collect(),
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
        let deadline = SPEC.deadline.mul_f64(cx.scale);
        if payload.format != FORMAT {
            return Err(invalid(format!("the payload has format {}, expected {FORMAT}", payload.format)));
        }
        let mut parts: Vec<Receipt> = Vec::new();
        for planned in payload.creates() {
            let body = match parts.last().and_then(|part| part.remote_id.as_deref()) {
                Some(parent) => answering(&planned.body, parent)?,
                None => planned.body.clone(),
            };
            // All pictures are the first part's.
            let mut sent = Vec::new();
            for upload in payload.uploads().filter(|_| planned.step.n == 0) {
                let deadline = SPEC.media_deadline.mul_f64(cx.scale);
                let api = Api::open(cx, self, deadline).await?;
                let send = || api.picture(&upload.body);
                sent.push(journal.step(upload.step, upload.body.as_bytes(), deadline, send).await?);
            }
            let naming = media::naming(&body, &sent);
            let (body, bare) = naming.as_deref().map_or((body.as_str(), None), |with| (with, Some(body.as_str())));
            // With the token as it is now: it may have been renewed while the pictures went up.
            let api = Api::open(cx, self, deadline).await?;
            let send = || api.create_with(body, bare);
            let value = journal.step(planned.step, body.as_bytes(), deadline, send).await?;
            parts.push(receipt(&value, cx.clock.now(), Known::Answered)?);
        }
        wire::whole(parts)
    }

    async fn amend(&self, cx: &Context<'_>, what: &Amend, journal: &mut Journal<'_>) -> Result<Receipt, PublishError> {
        let Amend::Delete { receipt } = what else {
            return Err(invalid("a post on X cannot be changed, only taken down".to_owned()));
        };
        let parts = wire::last_first(receipt);
        if parts.is_empty() {
            return Err(invalid("the post's id on X is not known".to_owned()));
        }
        let deadline = SPEC.deadline.mul_f64(cx.scale);
        let api = Api::open(cx, self, deadline).await?;
        for (n, id) in (0u16..).zip(parts) {
            if !api::is_id(id) {
                return Err(invalid(format!("expected an id of X, found {id:?}")));
            }
            journal.step(Step { op: Op::Delete, n }, id.as_bytes(), deadline, || api.delete(id)).await?;
        }
        Ok(receipt.clone())
    }

    async fn find(&self, cx: &Context<'_>, sought: &Sought<'_>) -> Result<Lookup, PublishError> {
        let cannot_tell = |why: &str| Ok(Lookup::CannotTell(why.to_owned()));
        let Some(text) = sought.payload.planned(sought.step).and_then(|planned| text_of(&planned.body)) else {
            return Ok(Lookup::CannotTell(format!("{} is no step of a post on X", sought.step)));
        };
        // A first part is known by the article's link, a later one by the part that it answers.
        let mark = match (sought.parent, &sought.payload.link) {
            (Some(parent), _) if sought.step != ONLY => find::Mark::Answers(parent),
            (None, _) if sought.step != ONLY => return cannot_tell("the id of the part before is not known"),
            (_, Some(link)) if text.contains(link.as_str()) => find::Mark::Links(link),
            (_, Some(_)) => return cannot_tell("the post's text does not carry the link to know it by"),
            (_, None) => return cannot_tell("the post carries no link to know it by"),
        };
        let Some(user) = user_id(cx.identity, cx.credential) else {
            return cannot_tell("the account's id on X is not known");
        };
        // X takes whole seconds, and `start_time` is inclusive.
        let start = Timestamp::from_second(sought.since.as_second()).unwrap_or(sought.since).to_string();
        let mut most = if cx.clock.now().duration_since(sought.since) > SHORT_WINDOW { MANY } else { FEW };
        let mut fields = "created_at,entities".to_owned();
        if self.limit > LIMIT {
            fields.push_str(",note_tweet");
        }
        if sought.step != ONLY {
            fields.push_str(",referenced_tweets");
        }
        let api = Api::open(cx, self, SPEC.deadline.mul_f64(cx.scale)).await?;
        let mut tweets = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..PAGES {
            let mut query = vec![
                ("max_results", most),
                ("start_time", &start),
                ("exclude", "retweets"),
                ("tweet.fields", fields.as_str()),
            ];
            query.extend(next.as_deref().map(|token| ("pagination_token", token)));
            let page = api.posts(&user, &query).await?;
            tweets.extend(page.data);
            next = page.meta.next_token;
            // An account that posted much since then: fewer requests are worth more than fewer posts now.
            most = MANY;
            if next.is_none() {
                break;
            }
        }
        if next.is_some() {
            return cannot_tell("the account has more recent posts than a look-up reads");
        }
        Ok(match find::judge(&tweets, mark, &text, sought.since) {
            Verdict::None => Lookup::Absent,
            Verdict::Unsure(why) => Lookup::CannotTell(why),
            Verdict::Ours(id) => {
                let value = api::value(id);
                Lookup::Published { receipt: receipt(&value, cx.clock.now(), Known::Found)?, value }
            }
        })
    }

    async fn whoami(&self, cx: &Context<'_>) -> Result<Identity, ConnectError> {
        let api = Api::open(cx, self, SPEC.deadline.mul_f64(cx.scale)).await.map_err(refused)?;
        let me = api.me().await.map_err(refused)?;
        let mut remarks = Vec::new();
        if !self.read {
            remarks.push("read = false: a post whose answer is lost waits for a person".to_owned());
        }
        Ok(Identity {
            id: me.id,
            handle: format!("@{}", me.username),
            limit: None,
            link_cost: None,
            server: None,
            remarks,
        })
    }
}

/// The body of a part that answers the one before.
fn answering(body: &str, parent: &str) -> Result<String, PublishError> {
    wire::with_field(body, "reply", json!({ "in_reply_to_tweet_id": parent }))
}

/// The text of a frozen body.
fn text_of(body: &str) -> Option<String> {
    serde_json::from_str::<Value>(body).ok()?["text"].as_str().map(str::to_owned)
}

/// SHA-256 of those secrets, in hex: tells equal ones, not what they are.
fn digest(credential: &Credential, keys: &[&str]) -> Option<String> {
    let mut hasher = sha2::Sha256::new_with_prefix(b"x");
    for key in keys {
        hasher.update([0]);
        hasher.update(credential.get(key)?.expose_secret());
    }
    Some(crate::text::plain::hex(&hasher.finalize()))
}

/// The account's id: as stored at first use, else from the access token, which starts with it and a dash.
fn user_id(identity: Option<&Identity>, credential: &Credential) -> Option<String> {
    let token = credential.get("access_token").and_then(|token| token.expose_secret().split_once('-'));
    let known = identity.map(|identity| identity.id.as_str());
    known.filter(|id| api::is_id(id)).or(token.map(|(id, _)| id).filter(|id| api::is_id(id))).map(str::to_owned)
}

fn receipt(value: &Value, at: Timestamp, how: Known) -> Result<Receipt, PublishError> {
    let id = value.get("id").and_then(Value::as_str).filter(|id| api::is_id(id));
    let id = id.ok_or_else(|| PublishError::Unknown { said: "the stored step holds no id of X".to_owned() })?;
    // This form of the address needs no user name and follows the account when it is renamed.
    let url = format!("https://x.com/i/status/{id}");
    Ok(Receipt { remote_id: Some(id.to_owned()), url: Some(url), parts: Vec::new(), at, how })
}

fn invalid(said: String) -> PublishError {
    PublishError::Rejected { reason: Rejection::Invalid, said }
}

fn refused(error: PublishError) -> ConnectError {
    match error {
        PublishError::Auth { said } => ConnectError::Refused(format!(
            "X refuses the keys ({said}); make new ones with \"Read and write\" and check this machine's clock"
        )),
        PublishError::Forbidden { scope: PauseScopeKind::App, said } => {
            ConnectError::Forbidden(format!("X lets this app do nothing ({said}); look at its credits and plan"))
        }
        PublishError::Forbidden { said, .. } | PublishError::Gone { said } => {
            ConnectError::Forbidden(format!("X forbids this account or app ({said})"))
        }
        other => ConnectError::Unreachable(format!("X gave no usable answer: {other}")),
    }
}

#[cfg(test)]
mod tests;
