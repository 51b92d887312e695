//! A channel's own keys, and what follows from them alone.

use serde::de::{Deserialize, Deserializer, Error as _};
use url::Url;

use super::{ORGANIZATION, day, version};
use crate::model::grant::SecretRef;
use crate::platform::wire;

/// A channel's own keys.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the API is.
    #[serde(default = "default_server", deserialize_with = "wire::server")]
    pub server: Url,
    /// The page to post for: its number, or "choose" to pick one when the channel is connected. Left out: the profile of
    /// the person who connects it.
    #[serde(default)]
    pub organization: Option<Target>,
    /// The app's client id.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The app's client secret.
    #[serde(default)]
    pub client_secret: Option<SecretRef>,
    /// An access token; not needed where `bugle connect` opened the account.
    #[serde(default)]
    pub token: Option<SecretRef>,
    /// The dated version of the API: six digits, year and month.
    #[serde(default = "default_version", deserialize_with = "api_version")]
    #[schemars(regex(pattern = r"^20[0-9]{2}(0[1-9]|1[0-2])$"))]
    pub api_version: String,
    /// Who sees the posts.
    #[serde(default)]
    pub visibility: Visibility,
    /// Whether the token may read the page's own posts (`r_organization_social`). With `false` a post whose answer was
    /// lost waits for a person, as on a profile.
    #[serde(default = "yes")]
    pub read: bool,
    /// Requests a day, where the developer portal states a number; a profile's is 150.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub requests_per_day: Option<std::num::NonZeroU64>,
    /// Whether posts may go out without a person's approval, although LinkedIn's API terms speak against automated
    /// posting.
    #[serde(default)]
    pub accept_terms: bool,
}

/// Which page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// That one.
    Id(u64),
    /// The one that a person picked when connecting.
    Choose,
}

impl Target {
    /// Its URN, where it is known from the config.
    pub(super) fn urn(self) -> Option<String> {
        match self {
            Self::Id(id) => Some(format!("{ORGANIZATION}{id}")),
            Self::Choose => None,
        }
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Text(String),
        }
        let expected = "expected the page's number, as in its address when you administer it, or \"choose\"";
        match Written::deserialize(from).map_err(|_| D::Error::custom(expected))? {
            Written::Number(id) if id > 0 => Ok(Self::Id(id)),
            Written::Text(text) if text == "choose" => Ok(Self::Choose),
            Written::Number(_) => Err(D::Error::custom(expected)),
            Written::Text(text) => match text.strip_prefix(ORGANIZATION).unwrap_or(&text).parse() {
                Ok(id) if id > 0 => Ok(Self::Id(id)),
                _ => Err(D::Error::custom(format!("{expected}, found {text:?}"))),
            },
        }
    }
}

impl schemars::JsonSchema for Target {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "LinkedInPage".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": 1 },
                { "type": "string", "pattern": "^(choose|(urn:li:organization:)?[0-9]+)$" }
            ]
        })
    }
}

/// Who sees a post.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Everybody.
    #[default]
    Public,
    /// Everybody who is signed in.
    LoggedIn,
    /// The member's connections; a page has none.
    Connections,
}

impl Visibility {
    /// The API's word for it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Public => "PUBLIC",
            Self::LoggedIn => "LOGGED_IN",
            Self::Connections => "CONNECTIONS",
        }
    }
}

fn default_server() -> Url {
    Url::parse("https://api.linkedin.com").expect("a constant URL")
}

fn default_version() -> String {
    version::DEFAULT.to_owned()
}

const fn yes() -> bool {
    true
}

fn api_version<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    match version::is_version(&text) {
        true => Ok(text),
        false => Err(D::Error::custom(format!(
            "expected a version of six digits, year and month, such as \"{}\", found {text:?}",
            version::DEFAULT
        ))),
    }
}

impl Config {
    /// What may be asked a day, where it is known.
    pub(super) fn daily(&self) -> Option<u64> {
        match (self.requests_per_day, self.organization) {
            (Some(most), _) => Some(most.get()),
            (None, None) => Some(day::MEMBER_PER_DAY),
            (None, Some(_)) => None,
        }
    }

    /// Whether own posts can be looked up.
    pub(super) fn is_readable(&self) -> bool {
        self.organization.is_some() && self.read
    }
}
