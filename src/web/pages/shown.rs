//! A post as lists and the article's page show it: its state in words, its time, why, and what a person can do.

use jiff::Timestamp;

use super::Desk;
use super::look::{self, Out, When};
use super::money;
use crate::model::post::{HoldReason, Post, PostState};
use crate::model::receipt::Known;
use crate::platform::{self, Payload};
use crate::store::listed::Listed;
use crate::store::post::PostRow;
use crate::store::{Conn, StoreError};

/// The most characters of a text that stands for a missing title.
const STAND_IN: usize = 120;

/// A post, ready to be shown.
pub(super) struct Shown {
    /// Its state's word.
    pub state: &'static str,
    /// How the state is coloured: `calm`, `good`, `warn`, `bad`.
    pub tone: &'static str,
    /// The article's title, or what stands for it.
    pub title: String,
    /// BCP 47 tag of the title.
    pub lang: Option<String>,
    /// The channel's name.
    pub channel: String,
    /// What the time says: "not before", "since".
    pub at_word: &'static str,
    /// Since when, or not before.
    pub at: When,
    /// Why, in a sentence; may be empty.
    pub note: String,
    /// What it cost or will cost.
    pub cost: Option<String>,
    /// Where it can be seen.
    pub out: Option<Out>,
    /// Where it stands on a timeline of ours.
    pub here: Option<String>,
    /// The article's page.
    pub href: String,
    /// Its own page.
    pub page: String,
    /// What can be done with one click.
    pub acts: &'static [Act],
    /// What its page is opened for, where that needs more than a click.
    pub look: Option<&'static str>,
    /// When it goes out at the earliest, where that is still to come: for a countdown.
    pub counts: bool,
    /// Whether it goes before all others.
    pub breaking: bool,
}

/// What can be done with a post by one click: the button's word, and the last part of the act's path below the post's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Act {
    pub word: &'static str,
    pub at: &'static str,
    /// What is usually done.
    pub main: bool,
}

const fn act(word: &'static str, at: &'static str) -> Act {
    Act { word, at, main: false }
}

const APPROVE: Act = Act { word: "Approve", at: "approve", main: true };
const AGAIN: Act = act("Send again", "retry");
const SKIP: Act = act("Skip", "skip");
const DROP: Act = act("Drop", "skip");
const HOLD: Act = act("Hold", "hold");
const SEND: Act = act("Send now", "send");

/// Those posts of a list, ready to be shown, each with what it cost.
pub(super) async fn rows(conn: &mut Conn, desk: &Desk, listed: &[Listed]) -> Result<Vec<Shown>, StoreError> {
    let ids: Vec<&str> = listed.iter().map(|it| it.row.id()).collect();
    let costs = money::costs(conn, desk, &ids).await?;
    let shown = listed.iter().map(|it| {
        let title = it.title.clone().map(|title| (title, it.language.clone()));
        Shown {
            cost: money::cost_of(desk, &it.row, costs.get(it.row.id()).copied()),
            ..Shown::new(desk, &it.row, title)
        }
    });
    Ok(shown.collect())
}

impl Shown {
    pub fn new(desk: &Desk, row: &PostRow, title: Option<(String, Option<String>)>) -> Self {
        let post = &row.post;
        let (title, lang) =
            title.filter(|(title, _)| !title.trim().is_empty()).unwrap_or_else(|| (stand_in(row), None));
        let (at_word, at) = moment(row, desk.now);
        let out = match &post.state {
            PostState::Published { receipt } => receipt.url.as_deref().and_then(Out::read),
            _ => None,
        };
        let here = match &post.state {
            PostState::Published { receipt } if desk.is_timeline(post.channel.as_str()) => receipt.remote_id.as_deref(),
            _ => None,
        };
        let here = here.map(|id| format!("{}{}", look::path("/timelines", post.channel.as_str()), look::anchor(id)));
        Self {
            here,
            state: word(&post.state),
            tone: tone(&post.state),
            title,
            lang,
            channel: post.channel.to_string(),
            at_word,
            at: desk.when(at),
            note: look::sentence(&note(post, desk.now)),
            cost: None,
            out,
            href: look::path("/articles", post.article.as_str()),
            page: look::path("/posts", row.id()),
            acts: acts(post),
            look: looked(post),
            counts: matches!(post.state, PostState::Scheduled { .. }) && post.due > desk.now,
            breaking: post.urgency == crate::model::post::Urgency::Breaking,
        }
    }
}

/// The text that goes out, or was sent.
pub(super) fn text(row: &PostRow) -> Option<String> {
    let frozen = row.payload.as_deref().and_then(|json| serde_json::from_str::<Payload>(json).ok());
    frozen.map(|payload| payload.text).or_else(|| row.post.text.clone())
}

/// The text of each part of it.
pub(super) fn parts(row: &PostRow) -> Vec<String> {
    let frozen = row.payload.as_deref().and_then(|json| serde_json::from_str::<Payload>(json).ok());
    frozen.map(|payload| payload.parts()).or_else(|| row.post.text.clone().map(|text| vec![text])).unwrap_or_default()
}

fn stand_in(row: &PostRow) -> String {
    let text = text(row).unwrap_or_default();
    let line: String = text.lines().next().unwrap_or_default().chars().take(STAND_IN).collect();
    if line.trim().is_empty() { "Without a title".to_owned() } else { line }
}

/// A state as a badge says it.
pub(super) const fn word(state: &PostState) -> &'static str {
    match state {
        PostState::Held { .. } => "Held",
        PostState::Scheduled { .. } => "Scheduled",
        PostState::Publishing { .. } => "Publishing",
        PostState::Uncertain { .. } => "Uncertain",
        PostState::Published { .. } => "Published",
        PostState::Failed { .. } => "Failed",
        PostState::Skipped { .. } => "Skipped",
        PostState::Retracted { .. } => "Retracted",
    }
}

/// How a state is coloured.
pub(super) const fn tone(state: &PostState) -> &'static str {
    match state {
        PostState::Held { .. } | PostState::Uncertain { .. } => "warn",
        PostState::Failed { .. } => "bad",
        PostState::Published { .. } => "good",
        PostState::Scheduled { .. } | PostState::Publishing { .. } => "next",
        PostState::Skipped { .. } | PostState::Retracted { .. } => "calm",
    }
}

fn moment(row: &PostRow, now: Timestamp) -> (&'static str, Timestamp) {
    match &row.post.state {
        PostState::Held { since, .. } | PostState::Uncertain { since, .. } => ("since", *since),
        PostState::Scheduled { .. } if row.post.due <= now => ("due since", row.post.due),
        PostState::Scheduled { .. } => ("not before", row.post.due),
        PostState::Publishing { .. } => ("since", row.sent.unwrap_or(row.post.due)),
        PostState::Published { receipt } => ("", receipt.at),
        PostState::Failed { at, .. } | PostState::Skipped { at, .. } | PostState::Retracted { at, .. } => ("", *at),
    }
}

fn note(post: &Post, now: Timestamp) -> String {
    match &post.state {
        PostState::Held { why, .. } => why.to_string(),
        PostState::Scheduled { retry: Some(why), .. } => format!("tried {} times: {why}", post.attempts),
        PostState::Scheduled { .. } if post.due <= now => "goes as soon as its channel lets it out".to_owned(),
        PostState::Scheduled { .. } => String::new(),
        PostState::Publishing { .. } => "on its way".to_owned(),
        PostState::Uncertain { .. } => {
            "sent, and the answer was lost; Bugle asks the platform before anything is sent again".to_owned()
        }
        PostState::Published { receipt } => match receipt.how {
            Known::Answered => String::new(),
            Known::Found => "the answer was lost; found by asking the platform".to_owned(),
            Known::Confirmed => "a person looked and confirmed it".to_owned(),
        },
        PostState::Failed { reason, .. } => format!("the platform refuses it: {}", reason.said),
        PostState::Skipped { why, .. } => why.to_string(),
        PostState::Retracted { by, .. } => format!("taken down by {by}"),
    }
}

const fn acts(post: &Post) -> &'static [Act] {
    match &post.state {
        PostState::Held { why, .. } if why.is_doubt() => &[AGAIN, DROP],
        PostState::Held { why: HoldReason::Unfit { .. } | HoldReason::Withheld { .. }, .. } => &[SKIP],
        PostState::Held { .. } => &[APPROVE, SKIP],
        PostState::Failed { .. } => &[AGAIN, SKIP],
        PostState::Scheduled { .. } => &[SEND, HOLD, SKIP],
        _ => &[],
    }
}

const fn looked(post: &Post) -> Option<&'static str> {
    match &post.state {
        PostState::Held { why, .. } if why.is_doubt() => Some("Is it there?"),
        PostState::Uncertain { .. } => Some("Is it there?"),
        PostState::Held { .. } | PostState::Failed { .. } | PostState::Scheduled { .. } => Some("Edit"),
        _ => None,
    }
}

/// What a platform is called: its own spelling, or the word itself.
pub(super) fn platform_name(word: &str) -> String {
    platform::by_id(word).map_or_else(|| word.to_owned(), |platform| platform.spec().name.to_owned())
}
