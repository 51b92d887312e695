//! The classes of failure: each variant is a decision of the caller, not a cause. Source: reliability.md section 3.

use jiff::Timestamp;

use crate::model::post::Rejection;

/// Why a step did not end in a receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Certain: nothing left this machine. Tried again with back-off; counts no attempt.
    #[error("not sent: {said}")]
    NotSent {
        /// What went wrong.
        said: String,
    },
    /// The platform asks to wait and did not process the request.
    #[error("rate limited: {said}")]
    RateLimited {
        /// Until when, as far as the platform says; `None`: nothing usable.
        until: Option<Timestamp>,
        /// Who has to wait.
        scope: PauseScopeKind,
        /// The platform's own words.
        said: String,
    },
    /// The token is refused: refresh once, else the channel is blocked.
    #[error("the token is refused: {said}")]
    Auth {
        /// The platform's own words.
        said: String,
    },
    /// A person must act: permission, suspension, plan, credits. The channel is blocked, or for credits the app paused.
    #[error("forbidden: {said}")]
    Forbidden {
        /// Who is stopped.
        scope: PauseScopeKind,
        /// The platform's own words.
        said: String,
    },
    /// The platform says the same was posted already: look whether it is ours.
    #[error("reported as a duplicate: {said}")]
    Duplicate {
        /// The platform's own words.
        said: String,
    },
    /// This content will never pass.
    #[error("refused: {said}")]
    Rejected {
        /// What kind of refusal.
        reason: Rejection,
        /// The platform's own words.
        said: String,
    },
    /// The account or its server is gone.
    #[error("the account is gone: {said}")]
    Gone {
        /// The platform's own words.
        said: String,
    },
    /// The request left and no clear answer came: it may be out. Also every answer that is not listed.
    #[error("no clear answer: {said}")]
    Unknown {
        /// What was seen instead.
        said: String,
    },
}

impl PublishError {
    /// The class's word in the store, in logs and metrics.
    pub const fn class(&self) -> &'static str {
        match self {
            Self::NotSent { .. } => "not_sent",
            Self::RateLimited { .. } => "rate_limited",
            Self::Auth { .. } => "auth",
            Self::Forbidden { .. } => "forbidden",
            Self::Duplicate { .. } => "duplicate",
            Self::Rejected { .. } => "rejected",
            Self::Gone { .. } => "gone",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// Whether the step may have been carried out all the same.
    pub const fn in_doubt(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::Duplicate { .. })
    }
}

/// How far a limit or a refusal reaches, before the account's digests turn it into a `PauseScope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseScopeKind {
    /// This channel.
    Channel,
    /// Every channel of this credential.
    Credential,
    /// Every channel of this developer app.
    App,
}

/// Why an account could not introduce itself, in words for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The server did not answer, or not clearly; try again later.
    #[error("{0}")]
    Unreachable(String),
    /// The credential is refused.
    #[error("{0}")]
    Refused(String),
    /// The credential is good, and the account or app is stopped or gone: a new token would help nothing.
    #[error("{0}")]
    Forbidden(String),
}
