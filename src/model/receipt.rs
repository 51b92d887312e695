//! What the platform answered: the receipt of a post, and the attempts that led there.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::{AttemptId, PostId};

/// Proof that a post is out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The platform's id of the (first part of the) post; `None` only when a person confirmed it without one.
    pub remote_id: Option<String>,
    /// Where people see it.
    pub url: Option<String>,
    /// The remote ids of all parts, first one included; empty where there is only one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<String>,
    /// When we learnt of it.
    pub at: Timestamp,
    /// How we know.
    pub how: Known,
}

/// How a receipt came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// The platform answered our call.
    Answered,
    /// The answer was lost and the post was found by asking.
    Found,
    /// A person looked and said so.
    Confirmed,
}

/// What a journal step does on the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Sends a picture; nothing is visible yet.
    Upload,
    /// Makes a part visible.
    Create,
    /// Changes what is visible.
    Edit,
    /// Takes it down.
    Delete,
}

impl Op {
    /// The word in the store and in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Create => "create",
            Self::Edit => "edit",
            Self::Delete => "delete",
        }
    }

    /// Whether an unknown outcome of this step can be seen by readers twice. An orphaned upload is harmless, and
    /// deletes and edits change the same thing again when repeated.
    pub const fn is_visible(self) -> bool {
        matches!(self, Self::Create)
    }
}

impl std::fmt::Display for Op {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One journal step of one revision of a post: the thing attempts are tries at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Step {
    /// What it does.
    pub op: Op,
    /// Counts from 0 among the steps of the same kind: upload 0, create 0, create 1 …
    pub n: u16,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.op, self.n)
    }
}

/// One try at one step, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// The post.
    pub post: PostId,
    /// The step.
    pub step: Step,
    /// The payload revision it belongs to.
    pub revision: u16,
    /// The fence of the channel under which it was begun.
    pub fence: i64,
    /// Committed before the first byte left.
    pub begun: Timestamp,
    /// When it ended, if an outcome is known.
    pub ended: Option<Timestamp>,
    /// SHA-256 of the request's frozen bytes, in hex.
    pub hash: String,
    /// How it ended.
    pub outcome: Option<Outcome>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum Outcome {
    /// The platform said yes; `value` is what the next steps need (a blob, a remote id).
    Done {
        /// The adapter's own note of the answer.
        value: serde_json::Value,
    },
    /// Certainly not done; the post may be tried again or not, as `class` says.
    Not {
        /// The error's class (`PublishError::class`).
        class: String,
        /// The platform's own words.
        said: String,
    },
    /// The request left and no clear answer came.
    Unknown {
        /// What was seen instead of an answer.
        said: String,
    },
}
