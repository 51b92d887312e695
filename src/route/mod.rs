//! Routes: which articles go to which channels. Pure. A rule as written in the config is a [`Rule`]; with its
//! conditions compiled it is a [`Route`]; how routes are chosen lives in `plan.rs`.

mod plan;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use plan::{Chosen, Plan, Verdict, plan};

use crate::expr::{Condition, ExprError, Scene};
use crate::model::id::{ChannelName, SourceName};
use crate::model::money::AtCap;
use crate::model::post::Urgency;

/// One `[[route]]` of the config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Names of sources.
    pub from: Vec<SourceName>,
    /// Names of channels.
    pub to: Vec<ChannelName>,
    /// A condition over the article; left out: every article.
    #[serde(default)]
    pub when: Option<String>,
    /// The template's name; left out: `headline`.
    #[serde(default)]
    pub template: Option<String>,
    /// The class of news; left out: normal.
    #[serde(default)]
    pub urgency: Urgency,
    /// `true`, `false` (default) or a condition: whether a person has to approve.
    #[serde(default)]
    pub approve: Approve,
    /// The most hashtags of a post; left out: as its channel says.
    #[serde(default)]
    pub hashtags: Option<u8>,
    /// How posts carry a picture; left out: as their channel says.
    #[serde(default)]
    pub picture: Option<crate::model::picture::Carry>,
    /// Own parameters of the links, each value a template; they go before those of the channel and of `[links]`.
    #[serde(default)]
    pub link_params: BTreeMap<String, String>,
    /// Whether posts carry a short link of our own, which counts clicks; needs `[web] public_url`. Left out: no.
    #[serde(default)]
    pub short_links: bool,
    /// What becomes of a post that would pass its channel's budget: `hold` for a person, or `no_link`: it goes out without
    /// its link. Left out: as the channel's budget says.
    #[serde(default)]
    pub at_cap: Option<AtCap>,
}

/// Whether a person has to approve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Approve {
    /// Always or never.
    Fixed(bool),
    /// A condition over the article.
    When(String),
}

impl Default for Approve {
    fn default() -> Self {
        Self::Fixed(false)
    }
}

/// The template of a route that names none.
pub const DEFAULT_TEMPLATE: &str = "headline";

/// A rule with its conditions compiled.
#[derive(Clone, Debug)]
pub struct Route {
    /// Counted from 1 in the order of the config.
    pub number: u32,
    /// Names of sources.
    pub from: Vec<SourceName>,
    /// Names of channels.
    pub to: Vec<ChannelName>,
    /// Which articles; `None`: every one.
    pub when: Option<Clause>,
    /// The template's name.
    pub template: String,
    /// The class of news.
    pub urgency: Urgency,
    /// Whether a person has to approve.
    pub approve: ApproveRule,
}

/// Whether a person has to approve, compiled.
#[derive(Clone, Debug)]
pub enum ApproveRule {
    /// Always or never.
    Fixed(bool),
    /// Where the condition holds.
    When(Clause),
}

/// A condition together with its text, so that a person can be told which one was not met.
#[derive(Clone)]
pub struct Clause {
    text: String,
    condition: Condition,
}

/// A condition of a rule that does not compile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {error}")]
pub struct RouteFault {
    /// `when` or `approve`.
    pub key: &'static str,
    /// What and where in its text.
    pub error: ExprError,
}

impl Clause {
    /// Compiles a condition.
    ///
    /// # Errors
    /// [`ExprError`].
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        Ok(Self { text: text.to_owned(), condition: Condition::parse(text)? })
    }

    /// As written in the config.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds for the article.
    ///
    /// # Errors
    /// [`ExprError`].
    pub fn holds(&self, scene: &Scene) -> Result<bool, ExprError> {
        self.condition.holds(scene)
    }
}

impl std::fmt::Debug for Clause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Clause").field(&self.text).finish()
    }
}

impl Route {
    /// Compiles the rule that is `number`th in the config, counted from 1.
    ///
    /// # Errors
    /// The first [`RouteFault`].
    pub fn compile(number: u32, rule: &Rule) -> Result<Self, RouteFault> {
        let clause = |key, text: &str| Clause::parse(text).map_err(|error| RouteFault { key, error });
        Ok(Self {
            number,
            from: rule.from.clone(),
            to: rule.to.clone(),
            when: rule.when.as_deref().map(|text| clause("when", text)).transpose()?,
            template: rule.template.clone().unwrap_or_else(|| DEFAULT_TEMPLATE.to_owned()),
            urgency: rule.urgency,
            approve: match &rule.approve {
                Approve::Fixed(always) => ApproveRule::Fixed(*always),
                Approve::When(text) => ApproveRule::When(clause("approve", text)?),
            },
        })
    }
}
