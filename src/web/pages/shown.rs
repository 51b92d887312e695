//! A post as lists and the article's page show it: its state in words, its time, why, and what a person can do.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Desk;
use super::look::{self, Out, When};
use super::money;
use crate::model::post::{HoldReason, Post, PostState};
use crate::model::receipt::Known;
use crate::platform::{self, Payload};
use crate::store::post::PostRow;
use crate::store::{Conn, StoreError, article};

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
    /// The article's page.
    pub href: String,
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
    /// The post's id.
    pub id: String,
    /// Commands that decide about it.
    pub ways: &'static [&'static str],
    /// Whether it goes before all others.
    pub breaking: bool,
}

/// Titles of articles, each read once a page.
#[derive(Default)]
pub(super) struct Titles(BTreeMap<String, Option<(String, Option<String>)>>);

impl Titles {
    async fn of(&mut self, conn: &mut Conn, id: &str) -> Result<Option<(String, Option<String>)>, StoreError> {
        if let Some(known) = self.0.get(id) {
            return Ok(known.clone());
        }
        let found = article::one(conn, id).await?;
        let title = found.map(|(article, _)| (article.entry.title, article.entry.language));
        self.0.insert(id.to_owned(), title.clone());
        Ok(title)
    }

    /// Those posts with their titles.
    pub async fn show(&mut self, conn: &mut Conn, desk: &Desk, rows: &[PostRow]) -> Result<Vec<Shown>, StoreError> {
        let mut shown = Vec::with_capacity(rows.len());
        for row in rows {
            let title = self.of(conn, row.post.article.as_str()).await?;
            let cost = money::cost(conn, desk, row).await?;
            shown.push(Shown { cost, ..Shown::new(desk, row, title) });
        }
        Ok(shown)
    }
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
            href: look::path("/articles", post.article.as_str()),
            lang,
            channel: post.channel.to_string(),
            at_word,
            at: desk.when(at),
            note: look::sentence(&note(post, desk.now)),
            cost: None,
            out,
            id: post.id.to_string(),
            ways: ways(post),
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

const fn ways(post: &Post) -> &'static [&'static str] {
    match &post.state {
        PostState::Held { why, .. } if why.is_doubt() => &["confirm", "retry", "skip"],
        PostState::Held { why: HoldReason::Unfit { .. }, .. } => &["edit", "skip"],
        PostState::Held { why: HoldReason::Budget { .. }, .. } => &["approve", "edit", "skip"],
        PostState::Held { .. } => &["approve", "skip"],
        PostState::Failed { .. } => &["edit", "retry", "skip"],
        _ => &[],
    }
}

/// What a platform is called: its own spelling, or the word itself.
pub(super) fn platform_name(word: &str) -> String {
    platform::by_id(word).map_or_else(|| word.to_owned(), |platform| platform.spec().name.to_owned())
}
