//! Instagram: every post is a picture or a carousel; each is a container first, then published. The table of refusals is
//! in `error`, signing in in `consent`; the two steps themselves are Meta's and shared.
//!
//! Source: Instagram Platform, content publishing guide, as read 2026-07-22 to 2026-09-12.

mod consent;
mod error;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Map, json};
use url::Url;

use super::graph::container::{Bounds, Containers, Dialect, Part, steps};
use super::graph::{self, Wire, id_of, segment, version};
use super::{
    Account, Amend, Connect, ConnectError, Consent, Context, Identity, Ids, Journal, Lookup, MediaRules, Outgoing,
    Payload, Platform, PublishError, Recovery, Sought, Spec, Terms, wire,
};
use crate::model::grant::{Credential, SecretRef};
use crate::model::picture::Ratio;
use crate::model::post::Rejection;
use crate::model::receipt::{Op, Receipt};
use crate::text::limits;

pub use self::error::classify;

/// What a constant can say of Instagram.
static SPEC: Spec = Spec {
    id: "instagram",
    name: "Instagram",
    text: limits::INSTAGRAM.rules,
    // JPEG only, 8 MB, 4:5 to 1.91:1, 320 to 1440 px wide; alternative text about 1,000 characters; 2 to 10 pictures a
    // carousel. Source: content publishing guide.
    media: MediaRules {
        max: 10,
        bytes: 8_000_000,
        side: 1440,
        longest: 2,
        alt: 1000,
        caption: None,
        ratio: Ratio::Portrait,
    },
    threads: false,
    edits: false,
    // SDK metadata lists a DELETE that most notes say does not work: taken as absent.
    deletes: false,
    deadline: Duration::from_secs(25),
    media_deadline: Duration::from_secs(120),
    connect: Connect::OAuth2,
    terms: Terms {
        ask: "Only professional accounts (business or creator) can be posted to, within a number of posts a day that the \
              account is told; what looks like spam blocks the account for hours.",
        source: "https://developers.facebook.com/docs/instagram-platform/content-publishing/",
        read: "2026-11",
    },
};

/// What Instagram calls the two steps.
static DIALECT: Dialect = Dialect {
    create: "media",
    publish: "media_publish",
    quota: "content_publishing_limit",
    status: "status_code",
    why: "status",
    text: "caption",
    image: &[],
    needs_picture: true,
    fit: SPEC.media.fit(),
    // 1.91:1 is the most; Bugle's own card of that name is a little wider.
    bounds: Some(Bounds { narrow: (800, Ratio::Portrait), wide: (1900, Ratio::Wide) }),
    publish_within: Duration::from_secs(60),
    make_within: SPEC.media_deadline,
    settle: Duration::ZERO,
    own: ("media", "id,caption,permalink,timestamp,media_type"),
    replies: None,
    classify,
    not_found: error::is_not_ready,
    unfetched: error::is_unfetched,
};

/// The platform.
pub struct Instagram;

/// A channel's own keys.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How the account is signed in to.
    #[serde(default)]
    pub sign_in: SignIn,
    /// Where the API is. Left out: as `sign_in` has it.
    #[serde(default, deserialize_with = "graph::optional_server")]
    pub server: Option<Url>,
    /// Where a person signs in.
    #[serde(default, deserialize_with = "graph::optional_server")]
    pub login_server: Option<Url>,
    /// The version of the Graph API.
    #[serde(default = "version::newest", deserialize_with = "version::read")]
    pub api_version: String,
    /// A long-lived token, or a Page's; not needed where `bugle connect` opened the account.
    #[serde(default)]
    pub token: Option<SecretRef>,
    /// The Instagram account's number; needed beside a `token` of a Page.
    #[serde(default)]
    pub account_id: Option<String>,
    /// The app's number.
    #[serde(default)]
    pub app_id: Option<String>,
    /// The app's secret: for connecting, and to prove each call.
    #[serde(default)]
    pub app_secret: Option<SecretRef>,
}

/// How an account is signed in to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignIn {
    /// On Instagram itself: a token of 60 days that is renewed.
    #[default]
    Instagram,
    /// On Facebook, through the Page that the account is linked to: a token without end.
    Facebook,
}

impl SignIn {
    const fn server(self) -> &'static str {
        match self {
            Self::Instagram => "https://graph.instagram.com",
            Self::Facebook => "https://graph.facebook.com",
        }
    }
}

impl Platform for Instagram {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn open(&self, keys: toml::de::DeTable<'_>) -> Result<Arc<dyn Account>, toml::de::Error> {
        let config: Config = wire::keys(keys)?;
        let server = match &config.server {
            Some(server) => server.clone(),
            None => Url::parse(config.sign_in.server()).map_err(serde::de::Error::custom)?,
        };
        Ok(Arc::new(Gallery { config, server }))
    }

    fn schema(&self, generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<Config>()
    }
}

/// One account.
struct Gallery {
    config: Config,
    server: Url,
}

impl Gallery {
    async fn wire<'c>(&'c self, cx: &'c Context<'c>) -> Result<Wire<'c>, PublishError> {
        let token = cx.token("token").await?;
        let secret = cx.credential.get("app_secret");
        let prefix = format!("/{}", self.config.api_version);
        Ok(Wire::new(cx, &self.server, &prefix, token, secret, SPEC.deadline))
    }

    async fn containers<'c>(&'c self, cx: &'c Context<'c>) -> Result<Containers<'c>, PublishError> {
        Ok(Containers { dialect: &DIALECT, wire: self.wire(cx).await?, user: self.user(cx).await? })
    }

    /// The account's number: of the config, of the grant, or as it was introduced.
    async fn user(&self, cx: &Context<'_>) -> Result<String, PublishError> {
        if let Some(id) = &self.config.account_id {
            return Ok(id.clone());
        }
        if cx.credential.get("token").is_none()
            && let Some(grant) = cx.grant().await?
            && let Some(user) = grant.own.get("user")
        {
            return Ok(user.clone());
        }
        match (self.config.sign_in, cx.identity) {
            (SignIn::Instagram, Some(identity)) => Ok(identity.id.clone()),
            (SignIn::Instagram, None) => Ok("me".to_owned()),
            (SignIn::Facebook, _) => Err(PublishError::Auth {
                said: "a Page's token opens several accounts: connect the channel, or name its `account_id`".to_owned(),
            }),
        }
    }

    fn app<'c>(&'c self, cx: &'c Context<'_>) -> Result<(&'c str, &'c SecretString), ConnectError> {
        match (&self.config.app_id, cx.credential.get("app_secret")) {
            (Some(id), Some(secret)) => Ok((id, secret)),
            _ => Err(ConnectError::Refused(
                "expected the keys app_id and app_secret; see docs/platforms/instagram.md".to_owned(),
            )),
        }
    }
}

#[async_trait]
impl Account for Gallery {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn recovery(&self, _identity: Option<&Identity>) -> Recovery {
        Recovery::OwnId
    }

    fn secrets(&self) -> Vec<(&'static str, SecretRef)> {
        let keys = [("token", &self.config.token), ("app_secret", &self.config.app_secret)];
        keys.into_iter().filter_map(|(key, at)| Some((key, at.clone()?))).collect()
    }

    fn server(&self) -> Option<&Url> {
        Some(&self.server)
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
        let pictures: Vec<_> =
            post.picture.iter().chain(&post.further).take(usize::from(SPEC.media.max)).cloned().collect();
        if pictures.is_empty() {
            return Err((
                Rejection::Media,
                "an Instagram post needs a picture, and this one has none: set the channel's picture = \"headline\" (drawn \
                 for each article), or \"photo\" where each article has one"
                    .to_owned(),
            ));
        }
        let text = post.text.as_str();
        // Beside the length: hashtags and mentions have a most.
        limits::INSTAGRAM.fit(text.to_owned()).map_err(|e| (Rejection::Content, e.to_string()))?;
        let mut with = Map::new();
        with.insert("caption".to_owned(), json!(text));
        // An address in a caption is plain text, and there is no card; it is looked for where it stands in the caption.
        let link = post.link.clone().filter(|link| text.contains(link.as_str()));
        let part = Part { text: text.to_owned(), link, bare: None, with };
        Ok(Payload {
            format: 1,
            revision: ids.revision,
            key: String::new(),
            steps: steps(vec![part], &pictures),
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
        self.containers(cx).await?.publish(payload, journal).await
    }

    async fn amend(&self, _: &Context<'_>, what: &Amend, _: &mut Journal<'_>) -> Result<Receipt, PublishError> {
        let said = match what {
            Amend::Edit { .. } => "Instagram cannot change a caption through its API: change it in the app",
            Amend::Delete { .. } => "Instagram takes no post down through its API: take it down in the app",
        };
        Err(PublishError::Rejected { reason: Rejection::Invalid, said: said.to_owned() })
    }

    async fn find(&self, cx: &Context<'_>, sought: &Sought<'_>) -> Result<Lookup, PublishError> {
        self.containers(cx).await?.find(sought).await
    }

    async fn whoami(&self, cx: &Context<'_>) -> Result<Identity, ConnectError> {
        let wire = self.wire(cx).await.map_err(graph::introduce)?;
        let (path, fields) = match self.config.sign_in {
            SignIn::Instagram => ("/me".to_owned(), "user_id,username"),
            SignIn::Facebook => {
                let user = self.user(cx).await.map_err(graph::introduce)?;
                (format!("/{}", segment(&user)), "id,username")
            }
        };
        let me = wire.get(&path, &[("fields", fields)]).await.map_err(graph::introduce)?;
        let me = me.map_err(|fault| graph::introduce(classify(&fault, Op::Upload)))?;
        let (Some(id), Some(name)) = (id_of(&me["user_id"]).or_else(|| id_of(&me["id"])), me["username"].as_str())
        else {
            return Err(ConnectError::Unreachable("expected an id and a username, found neither".to_owned()));
        };
        let mut remarks: Vec<String> = version::remark(&self.config.api_version, cx.clock.now()).into_iter().collect();
        if !cx.studio.shows() {
            remarks.push(
                "pictures are fetched from where the article has them, unchecked, and headline cards cannot be sent: set \
                 [web] public_url so that Bugle shows them itself"
                    .to_owned(),
            );
        }
        if self.config.token.is_some() && self.config.sign_in == SignIn::Instagram {
            remarks.push(
                "the token in the config runs out 60 days after it was made and is not renewed: `bugle connect` gives one \
                 that is"
                    .to_owned(),
            );
        }
        Ok(Identity { id, handle: format!("@{name}"), remarks, ..Identity::default() })
    }
}

#[cfg(test)]
mod tests;
