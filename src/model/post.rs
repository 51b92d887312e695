//! A post: what one article becomes on one channel on one occasion, and the eight states of its life.
//!
//! The arrows are the methods of [`Post`]; `docs/post-states.md` draws them and a test compares the two.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::{ArticleId, ChannelName, PostId, WorkerId};
use super::picture::Chosen;
use super::receipt::Receipt;

/// A post and its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Its id.
    pub id: PostId,
    /// Where it goes.
    pub channel: ChannelName,
    /// The story; for a post by hand an article of its own.
    pub article: ArticleId,
    /// Why this story on this channel: unique together with them.
    pub occasion: Occasion,
    /// The number of the route that planned it, counted from 1 in the order of the config; 0 by hand.
    pub route: u32,
    /// The template it is composed with.
    pub template: String,
    /// Its class of news.
    pub urgency: Urgency,
    /// When it was stored.
    pub created: Timestamp,
    /// After this instant it is not worth posting; `None`: never.
    pub expires: Option<Timestamp>,
    /// Not before this instant (embargo, a person's wish, back-off): also its place in the queue.
    pub due: Timestamp,
    /// Tries so far that count.
    pub attempts: u16,
    /// Text a person wrote instead of the template's, if any.
    pub text: Option<String>,
    /// What a person decided about its pictures, if anything.
    pub picture: Chosen,
    /// What it is now.
    pub state: PostState,
}

/// Why there is a post for a story on a channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Occasion {
    /// The story's first and usually only post there.
    First,
    /// Made by a person, with an id of its own.
    ByHand(String),
}

impl Occasion {
    /// The word in the store.
    pub fn key(&self) -> String {
        match self {
            Self::First => "first".to_owned(),
            Self::ByHand(id) => format!("hand:{id}"),
        }
    }

    /// Reads the word in the store.
    pub fn from_key(key: &str) -> Option<Self> {
        match key.split_once(':') {
            None if key == "first" => Some(Self::First),
            Some(("hand", id)) => Some(Self::ByHand(id.to_owned())),
            _ => None,
        }
    }
}

/// How fast a story goes stale; also the order of the queue.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Jumps the queue, slots, quiet hours, gap and day limit; expires one hour after the article was first seen.
    Breaking,
    /// Expires twelve hours after the article was first seen.
    #[default]
    Normal,
    /// Never expires.
    Evergreen,
}

impl Urgency {
    /// How long after first sight a post of this class is worth sending.
    pub const fn lifetime(self) -> Option<jiff::SignedDuration> {
        match self {
            Self::Breaking => Some(jiff::SignedDuration::from_hours(1)),
            Self::Normal => Some(jiff::SignedDuration::from_hours(12)),
            Self::Evergreen => None,
        }
    }

    /// 0 goes first.
    pub const fn rank(self) -> i64 {
        match self {
            Self::Breaking => 0,
            Self::Normal => 1,
            Self::Evergreen => 2,
        }
    }

    /// The inverse of [`rank`](Self::rank).
    pub const fn from_rank(rank: i64) -> Option<Self> {
        match rank {
            0 => Some(Self::Breaking),
            1 => Some(Self::Normal),
            2 => Some(Self::Evergreen),
            _ => None,
        }
    }
}

/// The right to send: who or what approved, and exactly which payload if a person did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who: the route itself, or a person.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// SHA-256 (hex) of what a person saw (`Payload::seen_hash`); another hash at send time holds the post. `None`: any payload.
    pub payload: Option<String>,
}

/// Who or what did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", content = "name", rename_all = "snake_case")]
pub enum Actor {
    /// A route of the config.
    Route,
    /// Bugle itself.
    Bugle,
    /// A person, by name (on the command line: the login name).
    Person(String),
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Route => f.write_str("route"),
            Self::Bugle => f.write_str("bugle"),
            Self::Person(name) => f.write_str(name),
        }
    }
}

/// A claim in time: which process holds the post, under which number, until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The process.
    pub owner: WorkerId,
    /// The channel's fence at the claim; grows with each claim.
    pub fence: i64,
    /// When it lapses. A lapsed lease allows asking, never sending.
    pub until: Timestamp,
}

/// The eight states. Each field lives in the state it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PostState {
    /// A person decides.
    Held {
        /// Since when.
        since: Timestamp,
        /// What for.
        why: HoldReason,
    },
    /// Certainly not on the platform; goes out when due and allowed.
    Scheduled {
        /// The right to send it.
        approval: Approval,
        /// After a certain failure: what happened.
        retry: Option<String>,
    },
    /// Claimed; may be on its way.
    Publishing {
        /// By whom, until when.
        lease: Lease,
        /// The right to send it.
        approval: Approval,
    },
    /// Sent, answer lost: looked up, never blindly resent.
    Uncertain {
        /// Since when.
        since: Timestamp,
        /// The right to send it, should it prove absent.
        approval: Approval,
    },
    /// Out, and stays so until a delete is proved.
    Published {
        /// The proof.
        receipt: Receipt,
    },
    /// The platform refuses this content.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        reason: FailReason,
    },
    /// Will not be posted.
    Skipped {
        /// When.
        at: Timestamp,
        /// Why.
        why: SkipReason,
    },
    /// Was out, is no more.
    Retracted {
        /// When.
        at: Timestamp,
        /// The proof that it was out.
        receipt: Receipt,
        /// Who took it down.
        by: Actor,
    },
}

impl PostState {
    /// The state's word in the store, in logs and on the desk.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Held { .. } => "held",
            Self::Scheduled { .. } => "scheduled",
            Self::Publishing { .. } => "publishing",
            Self::Uncertain { .. } => "uncertain",
            Self::Published { .. } => "published",
            Self::Failed { .. } => "failed",
            Self::Skipped { .. } => "skipped",
            Self::Retracted { .. } => "retracted",
        }
    }
}

/// What a person is asked to decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum HoldReason {
    /// The route asks for approval.
    Approval,
    /// The platform's terms ask for a person before each post, whatever the route says.
    Terms {
        /// What they say, and what would change it.
        why: String,
    },
    /// Looks like an old story that came up again: judged with its group (the source and the fetch).
    Flood {
        /// The group released or dropped together.
        group: String,
        /// What gave it away.
        evidence: String,
    },
    /// Past due by more than two hours when its channel opened again.
    Stale,
    /// A person holds it.
    Person {
        /// Who.
        by: String,
    },
    /// Nobody can tell whether it is out. Refuses a plain approve.
    Doubt {
        /// What is known, for the person who looks.
        evidence: String,
    },
    /// Some parts are out and a later one was refused.
    PartlyOut {
        /// The platform's own words.
        said: String,
    },
    /// The payload is not the one that was approved.
    ChangedSinceApproved,
    /// The text cannot be made to fit, or the template failed.
    Unfit {
        /// Why.
        why: String,
    },
    /// The source is no longer in the config.
    SourceGone,
    /// Its source withholds the story; goes on as before when the story is usable again.
    Withheld {
        /// The right to send it that it had.
        approval: Approval,
    },
    /// Its channel's money for the day or month is spent.
    Budget {
        /// Which cap, what is spent of it, what the post costs.
        said: String,
    },
    /// Came back with a restored backup and nothing can prove it was not posted since.
    Restored,
}

impl std::fmt::Display for HoldReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Approval => f.write_str("waits for approval"),
            Self::Terms { why } => write!(f, "waits for approval: {why}"),
            Self::Flood { evidence, .. } => write!(f, "looks like an old story come up again: {evidence}"),
            Self::Stale => f.write_str("stale: its channel opened more than two hours after it was due"),
            Self::Person { by } => write!(f, "held by {by}"),
            Self::Doubt { evidence } => write!(f, "in doubt: {evidence}"),
            Self::PartlyOut { said } => write!(f, "partly out: {said}"),
            Self::ChangedSinceApproved => f.write_str("changed since it was approved"),
            Self::Unfit { why } => write!(f, "cannot be composed: {why}"),
            Self::SourceGone => f.write_str("its source is no longer in the config"),
            Self::Withheld { .. } => f.write_str("its source withholds the story"),
            Self::Budget { said } => write!(f, "over the budget: {said}"),
            Self::Restored => f.write_str("restored from a backup: it may be out already"),
        }
    }
}

/// Why the platform will not have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailReason {
    /// What kind of refusal.
    pub rejection: Rejection,
    /// The platform's own words.
    pub said: String,
}

/// Kinds of refusal of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// Over the length limit: our counter was wrong, a bug.
    TooLong,
    /// A picture it does not take.
    Media,
    /// Something else in the content.
    Content,
    /// The request itself is malformed: a bug.
    Invalid,
}

/// Why a post will not go out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum SkipReason {
    /// Older than its class of news allows.
    Expired,
    /// Was in the source at first sight.
    Backfill,
    /// Its source took the story back.
    Killed,
    /// A person dropped it.
    Person {
        /// Who.
        by: String,
    },
    /// Its page showed that it is a story known already, which goes out (or not) by itself.
    SameStory {
        /// The id of the other article.
        article: String,
    },
}

impl std::fmt::Display for SkipReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Expired => f.write_str("expired: too old to post"),
            Self::Killed => f.write_str("its source took the story back"),
            Self::Backfill => f.write_str("was in the source before Bugle watched it"),
            Self::Person { by } => write!(f, "dropped by {by}"),
            Self::SameStory { article } => write!(f, "the same story as article {article}"),
        }
    }
}

/// An arrow that does not exist.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a {from} post cannot {arrow}")]
pub struct InvalidTransition {
    /// The state it is in.
    pub from: &'static str,
    /// What was asked.
    pub arrow: &'static str,
}

impl Post {
    fn arrow(
        self,
        arrow: &'static str,
        to: impl FnOnce(PostState) -> Option<PostState>,
    ) -> Result<Self, InvalidTransition> {
        let from = self.state.word();
        let state = to(self.state).ok_or(InvalidTransition { from, arrow })?;
        Ok(Self { state, ..self })
    }

    /// A person (or, after a look-up, Bugle) lets a held post go out. One held in doubt needs [`send_again`](Self::send_again).
    ///
    /// # Errors
    /// Where it is not held, or held in doubt or partly out.
    pub fn approve(self, approval: Approval) -> Result<Self, InvalidTransition> {
        self.arrow("be approved", |state| match state {
            PostState::Held { why, .. } if !why.is_doubt() => Some(PostState::Scheduled { approval, retry: None }),
            _ => None,
        })
    }

    /// A person who has looked decides that a doubtful or failed post is sent again.
    ///
    /// # Errors
    /// Where it is neither held nor failed.
    pub fn send_again(self, approval: Approval) -> Result<Self, InvalidTransition> {
        self.arrow("be sent again", |state| match state {
            PostState::Held { .. } | PostState::Failed { .. } => Some(PostState::Scheduled { approval, retry: None }),
            _ => None,
        })
    }

    /// A person is asked to decide.
    ///
    /// # Errors
    /// Where it is out, final or failed already.
    pub fn hold(self, why: HoldReason, at: Timestamp) -> Result<Self, InvalidTransition> {
        self.arrow("be held", |state| match state {
            PostState::Scheduled { .. } | PostState::Publishing { .. } | PostState::Uncertain { .. } => {
                Some(PostState::Held { since: at, why })
            }
            _ => None,
        })
    }

    /// It will not be posted.
    ///
    /// # Errors
    /// Where it is out or may be on its way.
    pub fn skip(self, why: SkipReason, at: Timestamp) -> Result<Self, InvalidTransition> {
        self.arrow("be skipped", |state| match state {
            PostState::Scheduled { .. } | PostState::Held { .. } | PostState::Failed { .. } => {
                Some(PostState::Skipped { at, why })
            }
            _ => None,
        })
    }

    /// A worker takes it under a lease.
    ///
    /// # Errors
    /// Where it is not scheduled.
    pub fn claim(self, lease: Lease) -> Result<Self, InvalidTransition> {
        self.arrow("be claimed", |state| match state {
            PostState::Scheduled { approval, .. } => Some(PostState::Publishing { lease, approval }),
            _ => None,
        })
    }

    /// It is certainly not out and goes back into the queue: after a certain failure, or when proved absent.
    ///
    /// # Errors
    /// Where it is neither publishing nor uncertain.
    pub fn put_back(self, retry: Option<String>) -> Result<Self, InvalidTransition> {
        self.arrow("be put back", |state| match state {
            PostState::Publishing { approval, .. } | PostState::Uncertain { approval, .. } => {
                Some(PostState::Scheduled { approval, retry })
            }
            _ => None,
        })
    }

    /// The answer was lost.
    ///
    /// # Errors
    /// Where it was not on its way.
    pub fn doubt(self, since: Timestamp) -> Result<Self, InvalidTransition> {
        self.arrow("become uncertain", |state| match state {
            PostState::Publishing { approval, .. } => Some(PostState::Uncertain { since, approval }),
            _ => None,
        })
    }

    /// It is out. A late success also turns a skipped or failed post into a published one.
    ///
    /// # Errors
    /// Where it is published or retracted already, or was never sent.
    pub fn publish(self, receipt: Receipt) -> Result<Self, InvalidTransition> {
        self.arrow("be published", |state| match state {
            PostState::Published { .. } | PostState::Retracted { .. } => None,
            _ => Some(PostState::Published { receipt }),
        })
    }

    /// The platform refuses this content.
    ///
    /// # Errors
    /// Where it was not on its way.
    pub fn fail(self, reason: FailReason, at: Timestamp) -> Result<Self, InvalidTransition> {
        self.arrow("fail", |state| match state {
            PostState::Publishing { .. } => Some(PostState::Failed { at, reason }),
            _ => None,
        })
    }

    /// It is proved to be down.
    ///
    /// # Errors
    /// Where it is not published.
    pub fn retract(self, by: Actor, at: Timestamp) -> Result<Self, InvalidTransition> {
        self.arrow("be retracted", |state| match state {
            PostState::Published { receipt } => Some(PostState::Retracted { at, receipt, by }),
            _ => None,
        })
    }
}

impl HoldReason {
    /// Whether it may be out already, wholly or in part: then a plain approve is refused.
    pub const fn is_doubt(&self) -> bool {
        matches!(self, Self::Doubt { .. } | Self::PartlyOut { .. } | Self::Restored)
    }
}
