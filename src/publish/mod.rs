//! Publishing: claim, send, record, reconcile.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::model::grant::SecretRef;

/// `[notify]` of the config: where notices are posted besides the desk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// A web hook that takes notices as JSON.
    pub url: Url,
    /// Signs each notice (HMAC-SHA256 of the body), so that the receiver can tell it is ours.
    #[serde(default)]
    pub secret: Option<SecretRef>,
}
