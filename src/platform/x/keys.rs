//! The keys of an X channel, and which of the two ways of signing in they make: OAuth 1.0a user keys, or OAuth 2.0 with a
//! person's consent. A mixture is a fault: nobody could tell which of the two is used.

use schemars::JsonSchema;
use serde::de::{Deserialize as _, Error as _};
use url::Url;

use super::{LIMIT, LONG_LIMIT};
use crate::model::grant::SecretRef;
use crate::platform::wire;

/// The keys of an X channel beside the common ones.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    /// Where the API is.
    #[serde(default = "default_server", deserialize_with = "wire::server")]
    server: Url,
    /// Where a person consents (OAuth 2.0).
    #[serde(default = "default_site", deserialize_with = "wire::server")]
    site: Url,
    /// OAuth 1.0a: the app's API key.
    consumer_key: Option<SecretRef>,
    /// OAuth 1.0a: the app's API key secret.
    consumer_secret: Option<SecretRef>,
    /// OAuth 1.0a: the user's access token.
    access_token: Option<SecretRef>,
    /// OAuth 1.0a: the user's access token secret.
    access_secret: Option<SecretRef>,
    /// OAuth 2.0: the app's client id; the account is then opened by `bugle connect`.
    client_id: Option<String>,
    /// OAuth 2.0: the app's client secret; left out for an app that X calls a public client.
    client_secret: Option<SecretRef>,
    /// Weighted characters a post may have, 280 to 25000: more than 280 only for an account that may write long posts.
    #[serde(default = "default_limit", deserialize_with = "limit")]
    #[schemars(range(min = 280, max = 25000))]
    limit: usize,
    /// Whether the app's plan lets Bugle read the account's own posts. With `false` a post whose answer was lost waits
    /// for a person.
    #[serde(default = "yes")]
    read: bool,
}

fn default_server() -> Url {
    Url::parse("https://api.x.com").expect("a constant URL")
}

fn default_site() -> Url {
    Url::parse("https://x.com").expect("a constant URL")
}

const fn default_limit() -> usize {
    LIMIT
}

const fn yes() -> bool {
    true
}

fn limit<'de, D: serde::Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    let limit = usize::deserialize(from)?;
    if (LIMIT..=LONG_LIMIT).contains(&limit) {
        return Ok(limit);
    }
    Err(D::Error::custom(format!("expected {LIMIT} to {LONG_LIMIT}, found {limit}")))
}

/// A channel's side of X.
#[derive(Debug, serde::Deserialize)]
#[serde(try_from = "Keys")]
pub(super) struct Config {
    pub server: Url,
    pub site: Url,
    pub auth: Auth,
    pub limit: usize,
    pub read: bool,
}

/// How the account is opened.
#[derive(Debug)]
pub(super) enum Auth {
    /// OAuth 1.0a, with four keys that do not run out.
    One { consumer_key: SecretRef, consumer_secret: SecretRef, access_token: SecretRef, access_secret: SecretRef },
    /// OAuth 2.0, with a grant in the vault.
    Two { client_id: String, client_secret: Option<SecretRef> },
}

impl TryFrom<Keys> for Config {
    type Error = String;

    fn try_from(keys: Keys) -> Result<Self, String> {
        let one = [
            ("consumer_key", keys.consumer_key),
            ("consumer_secret", keys.consumer_secret),
            ("access_token", keys.access_token),
            ("access_secret", keys.access_secret),
        ];
        let two = keys.client_id.is_some() || keys.client_secret.is_some();
        let first = one.iter().find(|(_, place)| place.is_some()).map(|(key, _)| *key);
        let auth = match (first, two) {
            (Some(key), true) => {
                return Err(format!(
                    "expected the keys of OAuth 1.0a or those of OAuth 2.0, found both: `{key}` beside `client_{}`",
                    if keys.client_id.is_some() { "id" } else { "secret" }
                ));
            }
            (None, true) => {
                let client_id = keys.client_id.filter(|id| !id.trim().is_empty()).ok_or("missing key `client_id`")?;
                Auth::Two { client_id, client_secret: keys.client_secret }
            }
            (None, false) => {
                return Err(
                    "expected `client_id` (OAuth 2.0), or `consumer_key`, `consumer_secret`, `access_token` and \
                            `access_secret` (OAuth 1.0a), found neither"
                        .to_owned(),
                );
            }
            (Some(_), false) => {
                let [consumer_key, consumer_secret, access_token, access_secret] =
                    one.map(|(key, place)| place.ok_or_else(|| format!("missing key `{key}`")));
                Auth::One {
                    consumer_key: consumer_key?,
                    consumer_secret: consumer_secret?,
                    access_token: access_token?,
                    access_secret: access_secret?,
                }
            }
        };
        Ok(Self { server: keys.server, site: keys.site, auth, limit: keys.limit, read: keys.read })
    }
}

impl Config {
    /// The config keys that hold secrets.
    pub(super) fn secret_keys(&self) -> Vec<(&'static str, SecretRef)> {
        match &self.auth {
            Auth::One { consumer_key, consumer_secret, access_token, access_secret } => vec![
                ("consumer_key", consumer_key.clone()),
                ("consumer_secret", consumer_secret.clone()),
                ("access_token", access_token.clone()),
                ("access_secret", access_secret.clone()),
            ],
            Auth::Two { client_secret, .. } => {
                client_secret.iter().map(|secret| ("client_secret", secret.clone())).collect()
            }
        }
    }
}
