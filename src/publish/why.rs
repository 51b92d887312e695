//! "Why was this not posted?": what became of a post and what it waits for, in a person's words. The terminal (`bugle why`)
//! and the desk say the same, since both ask here. Pure; what is told must be read from the store before.

use jiff::Timestamp;

use super::Channel;
use crate::model::channel::{Pause, PauseScope};
use crate::model::post::{HoldReason, PostState};
use crate::source::page::WaitFor;
use crate::store::channel::ChannelRow;
use crate::store::page::PageWait;
use crate::store::post::{PostRow, short};

/// Why there is neither a post nor a verdict.
pub const NOT_PLANNED: &str =
    "the channel was not planned for: added after the article was first seen, or by hand only";

/// Who asks, and how times are written there.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// Now.
    pub now: Timestamp,
    /// A time as the one who asks reads it.
    pub when: &'a (dyn Fn(Timestamp) -> String + Sync),
    /// What ends a pause, as the one who asks does it: "`bugle resume`", "a person resumes".
    pub resume: &'a str,
}

/// A channel as far as it decides about its posts.
#[derive(Clone, Debug)]
pub struct Way {
    /// Its name.
    pub name: String,
    /// When it may post, in words; `None`: it is not in the config.
    pub policy: Option<String>,
    /// Which pauses concern it.
    scopes: Vec<PauseScope>,
}

impl Way {
    /// Of a channel; `None`: the config has it no more.
    pub fn of(name: &str, channel: Option<&Channel>) -> Self {
        // Without its secrets nobody can tell which shared pauses concern it.
        let known = channel.and_then(|channel| Some(channel.scopes(&channel.credential().ok()?)));
        let own = || vec![PauseScope::All, PauseScope::Channel(name.to_owned())];
        Self {
            name: name.to_owned(),
            policy: channel.map(|channel| channel.policy.describe()),
            scopes: known.unwrap_or_else(own),
        }
    }

    /// Whether that pause concerns it.
    pub fn concerns(&self, pause: &Pause) -> bool {
        self.scopes.contains(&pause.scope)
    }
}

/// What there is to say of a state beside its word.
pub fn reason(state: &PostState) -> String {
    match state {
        PostState::Held { why: HoldReason::Flood { group, evidence }, .. } => format!("group {group}: {evidence}"),
        PostState::Held { why, .. } => why.to_string(),
        PostState::Scheduled { retry: Some(retry), .. } => format!("again: {retry}"),
        PostState::Scheduled { retry: None, .. } => String::new(),
        PostState::Publishing { .. } => "on its way".to_owned(),
        PostState::Uncertain { .. } => "the answer was lost; being looked up".to_owned(),
        PostState::Published { receipt } => receipt.url.clone().unwrap_or_else(|| "out".to_owned()),
        PostState::Failed { reason, .. } => format!("refused: {}", reason.said),
        PostState::Skipped { why, .. } => why.to_string(),
        PostState::Retracted { by, .. } => format!("taken down by {by}"),
    }
}

/// What became of a post: `posted`, `waiting` or `not`, and why. `embargo`: until when its story may not be told;
/// `text`: its text, if it is settled.
pub fn told(
    ask: Ask<'_>,
    row: &PostRow,
    embargo: Option<Timestamp>,
    text: Option<&str>,
    way: &Way,
    (channel, pauses): (Option<&ChannelRow>, &[Pause]),
) -> (&'static str, String) {
    let (id, when) = (short(row.id()), ask.when);
    match &row.post.state {
        PostState::Published { receipt } => {
            let at = receipt.url.as_deref().or(receipt.remote_id.as_deref()).unwrap_or("no address is known");
            ("posted", format!("{at}, {} (post {id})", when(receipt.at)))
        }
        PostState::Scheduled { retry, .. } => {
            let mut why = vec![format!("scheduled for {} (post {id})", when(row.post.due))];
            why.extend(embargo.map(|until| format!("its source embargoes the story until {}", when(until))));
            why.extend(retry.iter().map(|retry| format!("tried before: {retry}")));
            if row.verify {
                why.push("came back with a backup, looked up before it goes".to_owned());
            }
            why.extend(shut(ask, way, channel, pauses));
            if row.post.due <= ask.now && why.len() == 1 {
                why.extend(way.policy.iter().map(|policy| format!("due; goes out as the schedule allows: {policy}")));
            }
            why.extend(row.post.expires.map(|at| format!("worth sending until {}", when(at))));
            ("waiting", why.join("; "))
        }
        PostState::Held { why, since } => {
            ("waiting", format!("for a person since {}: {why} (post {id})", when(*since)))
        }
        PostState::Publishing { .. } => ("waiting", format!("it is on its way right now (post {id})")),
        PostState::Uncertain { since, .. } => {
            let next = row.next_look.map(|at| format!(", next look-up {}", when(at))).unwrap_or_default();
            ("waiting", format!("sent, the answer was lost {}; being looked up{next} (post {id})", when(*since)))
        }
        PostState::Failed { at, .. } | PostState::Skipped { at, .. } | PostState::Retracted { at, .. } => {
            let text = text.map(|text| format!(" {text:?}")).filter(|_| row.post.text.is_some()).unwrap_or_default();
            let state = row.post.state.word();
            ("not", format!("{state} {}: {} (post {id}){text}", when(*at), reason(&row.post.state)))
        }
    }
}

/// What a scheduled post waits for, where that is its article's page.
pub fn waited_for(ask: Ask<'_>, row: &PostRow, wait: &PageWait) -> Option<String> {
    let due = row.post.due;
    let waits = matches!(row.post.state, PostState::Scheduled { .. }) && (due == wait.until || due == wait.brief);
    let said = wait.said.as_deref().map(|said| format!(" ({said})")).unwrap_or_default();
    let what = match WaitFor::of(&wait.reason) {
        Some(WaitFor::Card) => "the page its card is made of",
        Some(WaitFor::Page) | None => "the article's page",
    };
    waits.then(|| format!("; waits for {what}{said}, until {} at the latest", (ask.when)(due)))
}

/// What keeps the channel from posting, as far as the store tells.
pub fn shut(ask: Ask<'_>, way: &Way, channel: Option<&ChannelRow>, pauses: &[Pause]) -> Vec<String> {
    let mut why = Vec::new();
    if way.policy.is_none() {
        why.push(format!("channel {} is not in the config", way.name));
    }
    why.extend(channel.and_then(|row| row.blocked.as_ref()).map(|block| format!("the channel is blocked: {block}")));
    for pause in pauses.iter().filter(|pause| way.concerns(pause)) {
        if pause.until.is_none_or(|until| until > ask.now) {
            let until = pause.until.map_or(format!("until {}", ask.resume), |at| format!("until {}", (ask.when)(at)));
            let because = if pause.why.is_empty() { String::new() } else { format!(": {}", pause.why) };
            why.push(format!("paused by {} {until}{because}", pause.by));
        }
    }
    if why.is_empty() {
        why.extend(
            channel
                .and_then(|row| row.closed_since)
                .map(|at| format!("the channel has not been able to post since {}", (ask.when)(at))),
        );
    }
    why
}
