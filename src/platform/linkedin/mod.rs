//! LinkedIn by its Posts API: a page or a profile; text with the article's card, or pictures with their alternative texts;
//! edits of the text, deletion, and for a page the look-up of what was posted. A profile's posts cannot be read, so a lost
//! answer there waits for a person. No threads.
//!
//! Page: <https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/posts-api>.

mod api;
mod body;
mod config;
mod consent;
mod day;
mod error;
mod media;
mod seek;
pub mod version;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde::de::Error as _;
use serde_json::Value;
use sha2::Digest as _;
use url::Url;

use self::api::Api;
pub use self::config::{Config, Target, Visibility};
use self::day::Day;
use super::{
    Amend, Connect, ConnectError, Consent, Context, Identity, Ids, Journal, Lookup, MediaRules, ONLY, Outgoing,
    Payload, Planned, Platform, PublishError, Recovery, Sought, Spec, Terms, picture, wire,
};
use crate::model::grant::{Credential, SecretRef};
use crate::model::picture::Ratio;
use crate::model::post::Rejection;
use crate::model::receipt::{Known, Op, Receipt, Step};
use crate::text::limits;
use crate::text::rules::FittedText;

/// The layout of [`Payload::steps`]: an upload for each picture, then one create step with the body but for its author.
const FORMAT: u32 = 1;

/// The API's host, and the one where people consent.
const API_HOST: &str = "api.linkedin.com";
const WWW_HOST: &str = "www.linkedin.com";

/// How URNs of a page, a member and the two kinds of posts begin.
const ORGANIZATION: &str = "urn:li:organization:";
const PERSON: &str = "urn:li:person:";
const POSTS: [&str; 2] = ["urn:li:share:", "urn:li:ugcPost:"];

/// Under which word a grant keeps whom it posts as.
const AUTHOR: &str = "author";

/// What a person has to decide as long as the channel does not say `accept_terms = true`.
const MUST_APPROVE: &str = "LinkedIn's API terms forbid \"to automate posting\" (section 3.1), and the channel does not \
                            say accept_terms = true";

static SPEC: Spec = Spec {
    id: "linkedin",
    name: "LinkedIn",
    text: limits::LINKEDIN.rules,
    // 2 to 20 pictures in one post, below 36,152,320 pixels each, alternative text 4,086. Source: LinkedIn's pages on the
    // Posts, MultiImage and Images APIs, 2026-08; no bytes are stated. 1,000 clusters are below 4,086 in any unit that
    // news have.
    media: MediaRules {
        max: 20,
        bytes: 5_000_000,
        side: 2000,
        longest: 10,
        alt: 1000,
        caption: None,
        ratio: Ratio::Card,
    },
    threads: false,
    edits: true,
    deletes: true,
    deadline: Duration::from_secs(25),
    media_deadline: Duration::from_secs(120),
    connect: Connect::OAuth2,
    terms: Terms {
        ask: "The API terms forbid \"to automate posting\". How far that reaches a page's own approved app LinkedIn has \
              not said: settle it with LinkedIn. Until the channel says accept_terms = true, each post waits for a person.",
        source: "https://www.linkedin.com/legal/l/api-terms-of-use (section 3.1, revised 2022-12-13)",
        read: "2026-10",
    },
};

/// The platform.
#[derive(Debug)]
pub struct LinkedIn;

impl Platform for LinkedIn {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn open(&self, keys: toml::de::DeTable<'_>) -> Result<Arc<dyn super::Account>, toml::de::Error> {
        let config: Config = wire::keys(keys)?;
        if config.organization.is_some() && config.visibility == Visibility::Connections {
            return Err(toml::de::Error::custom(
                "expected visibility = \"public\" or \"logged_in\": a page has no connections",
            ));
        }
        Ok(Arc::new(Account { config, day: Day::default() }))
    }

    fn schema(&self, generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<Config>()
    }
}

/// One page or profile.
struct Account {
    config: Config,
    day: Day,
}

#[async_trait]
impl super::Account for Account {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn recovery(&self, _identity: Option<&Identity>) -> Recovery {
        if self.config.is_readable() { Recovery::Look } else { Recovery::Blind }
    }

    fn secrets(&self) -> Vec<(&'static str, SecretRef)> {
        let keys = [("token", &self.config.token), ("client_secret", &self.config.client_secret)];
        keys.into_iter().filter_map(|(key, place)| Some((key, place.clone()?))).collect()
    }

    fn server(&self) -> Option<&Url> {
        Some(&self.config.server)
    }

    fn consent(&self) -> Option<&dyn Consent> {
        Some(self)
    }

    fn must_approve(&self) -> Option<&'static str> {
        (!self.config.accept_terms).then_some(MUST_APPROVE)
    }

    fn sunset(&self) -> Option<(String, jiff::civil::Date)> {
        version::ends(&self.config.api_version).map(|(ends, _)| (self.config.api_version.clone(), ends))
    }

    fn credential_scope(&self, credential: &Credential) -> Option<String> {
        credential.get("token").map(|token| digest("token", token.expose_secret()))
    }

    fn app_scope(&self, _credential: &Credential) -> Option<String> {
        self.config.client_id.as_deref().map(|id| digest("app", id))
    }

    fn freeze(&self, post: &Outgoing, ids: &Ids) -> Result<Payload, (Rejection, String)> {
        let text = post.text.as_str();
        if text.trim().is_empty() {
            return Err((Rejection::Content, "expected a text, found none".to_owned()));
        }
        // The text as it is sent has the last word, whatever counted it before.
        FittedText::new(text.to_owned(), SPEC.text).map_err(|e| (Rejection::TooLong, e.to_string()))?;
        let body = body::frozen(text, post.card.as_ref(), self.config.visibility.word());
        // Attached pictures take the place of the card: where the text leaves the link to it, they give way.
        let most = match post.card.as_ref().is_none_or(|card| wire::names(text, card.url.as_str())) {
            true => usize::from(SPEC.media.max),
            false => 0,
        };
        let mut steps: Vec<Planned> = picture::attached(post).take(most).collect();
        if steps.is_empty()
            && let Some(thumb) = post.card.as_ref().and_then(|card| card.image.as_ref())
        {
            steps.push(Planned { step: picture::UPLOAD, body: thumb.as_str().to_owned() });
        }
        steps.push(Planned { step: ONLY, body: body.to_string() });
        Ok(Payload {
            format: FORMAT,
            revision: ids.revision,
            key: String::new(),
            steps,
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
        if payload.format != FORMAT {
            return Err(invalid(format!("the payload has format {}, expected {FORMAT}", payload.format)));
        }
        if let Some(value) = journal.done(ONLY) {
            return receipt(&value, cx.clock.now(), Known::Answered);
        }
        let planned = payload.planned(ONLY).ok_or_else(no_step)?;
        let frozen: Value = serde_json::from_str(&planned.body).map_err(|_| no_step())?;
        let api = self.api(cx).await?;
        let author = self.author(&api).await?;
        let mut sent = Vec::new();
        for upload in payload.steps.iter().filter(|planned| planned.step.op == Op::Upload) {
            let deadline = wire::scaled(cx, SPEC.media_deadline);
            let send = || api.picture(&author, &upload.body);
            let value = journal.step(upload.step, upload.body.as_bytes(), deadline, send).await?;
            sent.extend(media::sent(&value));
        }
        let bare = (!sent.is_empty()).then(|| body::with(&frozen, &author, &[]));
        let whole = body::with(&frozen, &author, &sent);
        let deadline = wire::scaled(cx, SPEC.deadline);
        let send = || self.create(&api, &whole, bare.as_deref());
        let value = journal.step(ONLY, whole.as_bytes(), deadline, send).await?;
        receipt(&value, cx.clock.now(), Known::Answered)
    }

    async fn amend(&self, cx: &Context<'_>, what: &Amend, journal: &mut Journal<'_>) -> Result<Receipt, PublishError> {
        let api = self.api(cx).await?;
        let deadline = wire::scaled(cx, SPEC.deadline);
        let (Amend::Edit { receipt: old, .. } | Amend::Delete { receipt: old }) = what;
        let urn = old.remote_id.as_deref().filter(|urn| is_post(urn));
        let urn = urn.ok_or_else(|| invalid(format!("expected a post's URN, found {:?}", old.remote_id)))?;
        match what {
            Amend::Edit { payload, .. } => {
                let body = body::edit(&payload.planned(ONLY).ok_or_else(no_step)?.body)?;
                let step = Step { op: Op::Edit, n: 0 };
                journal.step(step, body.as_bytes(), deadline, || api.edit(urn, &body)).await?;
            }
            Amend::Delete { .. } => {
                let step = Step { op: Op::Delete, n: 0 };
                journal.step(step, urn.as_bytes(), deadline, || api.delete(urn)).await?;
            }
        }
        Ok(Receipt { at: cx.clock.now(), how: Known::Answered, ..old.clone() })
    }

    async fn find(&self, cx: &Context<'_>, sought: &Sought<'_>) -> Result<Lookup, PublishError> {
        if !self.config.is_readable() {
            return Ok(Lookup::CannotTell("LinkedIn shows an app nothing of what was posted here".to_owned()));
        }
        let api = self.api(cx).await?;
        let author = self.author(&api).await?;
        api.seek(&author, sought).await
    }

    async fn whoami(&self, cx: &Context<'_>) -> Result<Identity, ConnectError> {
        let api = self.api(cx).await.map_err(introduce)?;
        let mut remarks: Vec<String> = version::remark(&self.config.api_version, cx.clock.now()).into_iter().collect();
        let (id, handle) = match self.config.organization {
            None => consent::member(&api).await.map_err(introduce)?,
            Some(_) => {
                let urn = self.author(&api).await.map_err(introduce)?;
                let name = match consent::page_name(&api, &urn).await {
                    Ok(name) => name,
                    Err(PublishError::Forbidden { said, .. }) if !said.contains("API version") => {
                        remarks.push(format!("the token may not read the page itself ({said}): its name is not known"));
                        urn.trim_start_matches("urn:li:").to_owned()
                    }
                    Err(other) => return Err(introduce(other)),
                };
                (urn, name)
            }
        };
        if !self.config.is_readable() {
            remarks.push("what was posted cannot be read: a post whose answer is lost waits for a person".to_owned());
        }
        let server = Some(format!("API version {}", self.config.api_version));
        Ok(Identity { id, handle, server, remarks, ..Identity::default() })
    }
}

impl Account {
    async fn api<'a>(&'a self, cx: &'a Context<'a>) -> Result<Api<'a>, PublishError> {
        Ok(Api { cx, config: &self.config, token: cx.token("token").await?, day: &self.day })
    }

    /// Who posts: the config's page, the one that was chosen, or the member.
    async fn author(&self, api: &Api<'_>) -> Result<String, PublishError> {
        if let Some(urn) = self.config.organization.and_then(Target::urn) {
            return Ok(urn);
        }
        let kind = if self.config.organization.is_some() { ORGANIZATION } else { PERSON };
        let known = api.cx.identity.map(|identity| identity.id.clone());
        if let Some(urn) = known.filter(|urn| urn.starts_with(kind)) {
            return Ok(urn);
        }
        let chosen = api.cx.grant().await?.and_then(|mut grant| grant.own.remove(AUTHOR));
        if let Some(urn) = chosen.filter(|urn| urn.starts_with(kind)) {
            return Ok(urn);
        }
        match self.config.organization {
            Some(_) => Err(PublishError::Auth {
                said: "no page is chosen: connect the channel, or name its `organization`".to_owned(),
            }),
            None => consent::member(api).await.map(|(urn, _)| urn),
        }
    }

    /// Posts. A duplicate that LinkedIn reports is ours where it shows the very post, made just now: a repeat after a lost
    /// answer. Where nothing can be read it stays a duplicate.
    async fn create(&self, api: &Api<'_>, body: &str, bare: Option<&str>) -> Result<Value, PublishError> {
        match api.create_with(body, bare).await {
            Err(PublishError::Duplicate { said }) => match error::named_post(&said) {
                Some(urn) if self.config.is_readable() && api.is_original(urn, body).await.unwrap_or(false) => {
                    Ok(serde_json::json!({ "id": urn, "duplicate": true }))
                }
                _ => Err(PublishError::Duplicate { said }),
            },
            other => other,
        }
    }
}

/// Whether it is the URN of a post.
fn is_post(urn: &str) -> bool {
    let digits = POSTS.iter().find_map(|start| urn.strip_prefix(start));
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// The number of a page's URN.
fn organization_id(urn: &str) -> Option<&str> {
    let id = urn.strip_prefix(ORGANIZATION)?;
    (!id.is_empty() && id.bytes().all(|b| b.is_ascii_digit())).then_some(id)
}

/// SHA-256 in hex: tells equal ones, not what they are.
fn digest(what: &str, text: &str) -> String {
    crate::text::plain::hex(&sha2::Sha256::digest(format!("linkedin\0{what}\0{text}")))
}

fn receipt(value: &Value, at: Timestamp, how: Known) -> Result<Receipt, PublishError> {
    let urn = value["id"].as_str().filter(|urn| is_post(urn));
    let urn = urn.ok_or_else(|| PublishError::Unknown { said: "the stored step holds no post's URN".to_owned() })?;
    let url = format!("https://www.linkedin.com/feed/update/{urn}/");
    Ok(Receipt { remote_id: Some(urn.to_owned()), url: Some(url), parts: Vec::new(), at, how })
}

fn no_step() -> PublishError {
    invalid("expected a frozen post of LinkedIn, found something else".to_owned())
}

fn invalid(said: String) -> PublishError {
    PublishError::Rejected { reason: Rejection::Invalid, said }
}

fn introduce(error: PublishError) -> ConnectError {
    match error {
        PublishError::Auth { said } => ConnectError::Refused(format!(
            "LinkedIn refuses the token ({said}): tokens live 60 days, connect the channel again"
        )),
        PublishError::Forbidden { said, .. } | PublishError::Gone { said } => ConnectError::Forbidden(said),
        other => ConnectError::Unreachable(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
