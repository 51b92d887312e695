//! Facebook Pages: one POST a post, with the link's card made by Facebook, or with photos that were uploaded unpublished
//! before. The endpoints are in `api`, the table of refusals in `error`, signing in and choosing a Page in `consent`.
//!
//! Source: Pages API posts guide (v25.0 examples), Page feed reference (v26.0 examples), as of 2026-09.

mod api;
mod consent;
mod error;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::graph::{self, Wire, version};
use super::{
    Account, Amend, Connect, ConnectError, Consent, Context, Identity, Ids, Journal, Lookup, MediaRules, Mention, ONLY,
    Outgoing, Payload, Planned, Platform, PublishError, Recovery, Sought, Spec, Terms, wire,
};
use crate::model::grant::{Credential, SecretRef};
use crate::model::picture::Ratio;
use crate::model::post::Rejection;
use crate::model::receipt::{Known, Op, Receipt, Step};
use crate::text::limits;
use crate::text::rules::FittedText;

pub use self::error::classify;

/// What a constant can say of Facebook Pages.
static SPEC: Spec = Spec {
    id: "facebook",
    name: "Facebook",
    text: limits::FACEBOOK.rules,
    // 4 MB; no count is stated for attached photos, and a feed shows five. Alternative text: no limit is stated.
    // Source: Page photos reference; the number of ten is ours.
    media: MediaRules {
        max: 10,
        bytes: 4_000_000,
        side: 2048,
        longest: 20,
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
        ask: "Only Pages can be posted to, never profiles or groups. A refused text must not be varied to get it past the \
              guard against duplicates; posting too fast is blocked as spam.",
        source: "https://developers.facebook.com/docs/pages-api/posts/ (with its guide to error handling)",
        read: "2026-11",
    },
};

/// The step that has Facebook read the article's page, so that its card is there when the post is.
const SCRAPE: Step = Step { op: Op::Upload, n: 200 };

/// The steps that note that Facebook could not read the link, and how long each waits. Source: the error guide's
/// "retry after 1 to 5 minutes", twice.
const UNREAD: [(Step, Duration); 2] = [
    (Step { op: Op::Upload, n: 201 }, Duration::from_secs(60)),
    (Step { op: Op::Upload, n: 202 }, Duration::from_secs(300)),
];

/// The platform.
pub struct Facebook;

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
    /// The version of the Graph API.
    #[serde(default = "version::newest", deserialize_with = "version::read")]
    pub api_version: String,
    /// The Page's number. Left out: that of the token.
    #[serde(default)]
    pub page: Option<String>,
    /// The Page's token; not needed where `bugle connect` opened the account.
    #[serde(default)]
    pub token: Option<SecretRef>,
    /// The app's number.
    #[serde(default)]
    pub app_id: Option<String>,
    /// The app's secret: for connecting, and to prove each call.
    #[serde(default)]
    pub app_secret: Option<SecretRef>,
    /// Whether Facebook is asked to read the article's page before the post, so that a fresh article has its card.
    #[serde(default = "yes")]
    pub scrape: bool,
}

const fn yes() -> bool {
    true
}

fn server() -> Url {
    Url::parse("https://graph.facebook.com").expect("a constant address")
}

impl Platform for Facebook {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn open(&self, keys: toml::de::DeTable<'_>) -> Result<Arc<dyn Account>, toml::de::Error> {
        Ok(Arc::new(Page { config: wire::keys(keys)? }))
    }

    fn schema(&self, generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<Config>()
    }
}

/// One Page.
struct Page {
    config: Config,
}

/// What a call is made with.
struct Hand<'a> {
    /// The way to the API.
    wire: Wire<'a>,
    /// The Page's number, or `me`.
    page: String,
}

impl Page {
    async fn hand<'c>(&'c self, cx: &'c Context<'c>, deadline: Duration) -> Result<Hand<'c>, PublishError> {
        let own = cx.credential.get("token").is_some();
        let grant = if own { None } else { cx.grant().await? };
        let token = match &grant {
            Some(grant) => grant.access.clone(),
            None => cx.token("token").await?,
        };
        let chosen = || grant.as_ref().and_then(|grant| grant.own.get("page").cloned());
        let known = || cx.identity.map(|identity| identity.id.clone());
        let page = self.config.page.clone().or_else(chosen).or_else(known).unwrap_or_else(|| "me".to_owned());
        let secret = cx.credential.get("app_secret");
        let prefix = format!("/{}", self.config.api_version);
        Ok(Hand { wire: Wire::new(cx, &self.config.server, &prefix, token, secret, deadline), page })
    }

    fn app<'c>(&'c self, cx: &'c Context<'_>) -> Result<(&'c str, &'c SecretString), ConnectError> {
        match (&self.config.app_id, cx.credential.get("app_secret")) {
            (Some(id), Some(secret)) => Ok((id, secret)),
            _ => Err(ConnectError::Refused(
                "expected the keys app_id and app_secret; see docs/platforms/facebook.md".to_owned(),
            )),
        }
    }
}

#[async_trait]
impl Account for Page {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn recovery(&self, _identity: Option<&Identity>) -> Recovery {
        Recovery::Look
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
        let text = mentioning(post.text.as_str(), &post.mentions);
        let link = post.link.as_ref();
        if text.trim().is_empty() && link.is_none() {
            return Err((Rejection::Content, "expected a text or a link, found neither".to_owned()));
        }
        if text != post.text.as_str()
            && let Err(e) = FittedText::new(text.clone(), post.text.rules())
        {
            return Err((Rejection::TooLong, format!("with its mentions as Facebook writes them, {e}")));
        }
        // Beside photos there is no card: where the text leaves the link to the card, the photos give way to it.
        let most = match link.is_none_or(|link| wire::names(&text, link.as_str())) {
            true => usize::from(SPEC.media.max),
            false => 0,
        };
        let pictures: Vec<_> = post.picture.iter().chain(&post.further).take(most).collect();
        let mut steps: Vec<Planned> = (0_u16..)
            .zip(&pictures)
            .map(|(n, picture)| {
                let body = serde_json::to_string(picture).expect("a picture is plain data with text keys");
                Planned { step: Step { op: Op::Upload, n }, body }
            })
            .collect();
        // Beside photos there is no card.
        if let Some(link) = link.filter(|_| self.config.scrape && pictures.is_empty()) {
            steps.push(Planned { step: SCRAPE, body: link.to_string() });
        }
        let mut body = json!({"message": text, "published": "true"});
        if let Some(link) = link {
            body["link"] = json!(link.as_str());
        }
        steps.push(Planned { step: ONLY, body: body.to_string() });
        Ok(Payload { format: 1, revision: ids.revision, key: String::new(), steps, text, link: post.link.clone() })
    }

    async fn publish(
        &self,
        cx: &Context<'_>,
        payload: &Payload,
        journal: &mut Journal<'_>,
    ) -> Result<Receipt, PublishError> {
        let value = match journal.done(ONLY) {
            Some(value) => value,
            None => self.hand(cx, SPEC.deadline).await?.send(payload, journal).await?,
        };
        Ok(Receipt {
            remote_id: Some(api::id(&value)?),
            url: value["url"].as_str().map(str::to_owned),
            parts: Vec::new(),
            at: cx.clock.now(),
            how: Known::Answered,
        })
    }

    async fn amend(&self, cx: &Context<'_>, what: &Amend, journal: &mut Journal<'_>) -> Result<Receipt, PublishError> {
        let hand = self.hand(cx, SPEC.deadline).await?;
        let deadline = wire::scaled(cx, SPEC.deadline);
        let old = match what {
            Amend::Edit { receipt, payload } => {
                for (id, planned) in wire::edited(receipt, payload)? {
                    let step = Step { op: Op::Edit, n: planned.step.n };
                    journal.step(step, planned.body.as_bytes(), deadline, || hand.edit(id, &planned.body)).await?;
                }
                receipt
            }
            Amend::Delete { receipt } => {
                let ids = wire::last_first(receipt);
                if ids.is_empty() {
                    let said = "expected the remote id of what is to be taken down, found none".to_owned();
                    return Err(PublishError::Rejected { reason: Rejection::Invalid, said });
                }
                for (n, id) in (0_u16..).zip(ids) {
                    let step = Step { op: Op::Delete, n };
                    journal.step(step, id.as_bytes(), deadline, || hand.delete(id)).await?;
                }
                receipt
            }
        };
        Ok(Receipt { at: cx.clock.now(), how: Known::Answered, ..old.clone() })
    }

    async fn find(&self, cx: &Context<'_>, sought: &Sought<'_>) -> Result<Lookup, PublishError> {
        self.hand(cx, SPEC.deadline).await?.find(sought, self.config.app_id.as_deref()).await
    }

    async fn whoami(&self, cx: &Context<'_>) -> Result<Identity, ConnectError> {
        let hand = self.hand(cx, SPEC.deadline).await.map_err(graph::introduce)?;
        let me = hand.wire.get("/me", &[("fields", "id,name")]).await.map_err(graph::introduce)?;
        let me = me.map_err(|fault| graph::introduce(classify(&fault, Op::Upload)))?;
        let (Some(id), Some(name)) = (graph::id_of(&me["id"]), me["name"].as_str()) else {
            return Err(ConnectError::Unreachable("expected an id and a name, found neither".to_owned()));
        };
        if hand.page != "me" && hand.page != id && self.config.page.is_some() {
            return Err(ConnectError::Refused(format!(
                "the token opens {name} ({id}), not the Page {}: a Page's own token is needed, not a person's",
                hand.page
            )));
        }
        let mut remarks: Vec<String> = version::remark(&self.config.api_version, cx.clock.now()).into_iter().collect();
        if let Ok((app_id, secret)) = self.app(cx) {
            let app = graph::login::App { cx, id: app_id, secret };
            if let Some(told) = app.debug(&self.config.server, &self.config.api_version, &hand.wire.token).await {
                remarks.extend(consent::remarks(&told));
            }
        } else {
            remarks.push(
                "without app_id and app_secret calls are not proved, and the token's end and rights cannot be asked"
                    .to_owned(),
            );
        }
        Ok(Identity { id, handle: name.to_owned(), remarks, ..Identity::default() })
    }
}

/// The text with its wanted mentions as Facebook writes them (`@[page-id]`), and with every other such form made plain: a
/// joiner after the `@`, which shows nothing.
fn mentioning(text: &str, wanted: &[Mention]) -> String {
    let mut text = text.replace("@[", "@\u{200D}[");
    for mention in wanted {
        let Some(id) = mention.id.as_deref().filter(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()))
        else {
            continue;
        };
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(at) = rest.find(&mention.handle) {
            let (before, from) = rest.split_at(at);
            let after = &from[mention.handle.len()..];
            // The name and no longer one.
            let is_whole = !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            out.push_str(before);
            match is_whole {
                true => out.push_str(&format!("@[{id}]")),
                false => out.push_str(&mention.handle),
            }
            rest = after;
        }
        out.push_str(rest);
        text = out;
    }
    text
}

/// What is kept of a post: its id and its page.
fn reference(post: &Value) -> Result<Value, PublishError> {
    let id = graph::id_of(&post["id"])
        .ok_or_else(|| PublishError::Unknown { said: "expected a post with an id, found something else".to_owned() })?;
    // The address of a post is its id in a fixed form, where the answer does not tell it.
    let url = post["permalink_url"].as_str().map_or_else(|| format!("https://www.facebook.com/{id}"), str::to_owned);
    Ok(json!({"id": id, "url": url}))
}

#[cfg(test)]
mod tests;
