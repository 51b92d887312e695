//! `/pause`: everything, or one channel, stops; with a reason for the others and, where somebody says so, an end. It needs
//! the store alone, so it works on a standby, too.

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use jiff::Timestamp;
use jiff::civil::DateTime;

use super::look::When;
use super::{Desk, Frame, Shared, Trouble, answer};
use crate::model::channel::{Pause, PauseScope};
use crate::publish::actions::{self, Hand};
use crate::telemetry::field;
use crate::web::form::Form;
use crate::web::said;
use crate::web::visitor::Visitor;

/// A pause as a page says it.
#[derive(Clone)]
pub(super) struct Line {
    /// Who paused.
    pub by: String,
    /// Why; may be empty.
    pub why: String,
    /// Since when.
    pub since: When,
    /// Until when; `None`: until a person resumes.
    pub until: Option<When>,
}

impl Line {
    pub fn new(desk: &Desk, pause: &Pause) -> Self {
        Self {
            by: pause.by.clone(),
            why: pause.why.clone(),
            since: desk.when(pause.since),
            until: pause.until.map(|at| desk.when(at)),
        }
    }
}

/// What the address says.
#[derive(Default, serde::Deserialize)]
pub(in crate::web) struct Asked {
    /// One channel; without it: everything.
    pub channel: Option<String>,
    /// Where to go afterwards.
    pub back: Option<String>,
}

impl Asked {
    /// The channel, if the config has it.
    pub(super) fn channel(&self, desk: &Desk) -> Result<Option<String>, Trouble> {
        known(desk, self.channel.as_deref().unwrap_or_default()).map_err(Trouble::Nothing)
    }

    /// Where to go afterwards: a path of ours.
    pub(super) fn back(&self) -> String {
        said::way(self.back.as_deref().unwrap_or("/"))
    }
}

/// A channel's name from outside: empty means everything.
pub(super) fn known(desk: &Desk, name: &str) -> Result<Option<String>, String> {
    match name {
        "" => Ok(None),
        name if desk.view.channels.iter().any(|it| it.name == name) => Ok(Some(name.to_owned())),
        _ => Err("There is no such channel in the config.".to_owned()),
    }
}

#[derive(Template)]
#[template(path = "web/pause.html")]
struct Page {
    frame: Frame,
    channel: Option<String>,
    back: String,
}

pub(in crate::web) async fn page(site: Shared, asked: Query<Asked>) -> Response {
    let desk = Desk::new(&site);
    let built = asked.channel(&desk).map(|channel| {
        let title = channel.as_ref().map_or_else(|| "Pause everything".to_owned(), |name| format!("Pause {name}"));
        Page { frame: desk.frame(title, ""), channel, back: asked.back() }
    });
    answer(&desk, built)
}

/// When a pause ends, as the form says it: a length, or a time on the newsroom's clock, which wins.
fn end(desk: &Desk, lasts: &str, until: &str) -> Result<Option<Timestamp>, String> {
    if !until.trim().is_empty() {
        let local: DateTime = until.trim().parse().map_err(|_| "Not paused: expected a date and a time.".to_owned())?;
        // A time that the clock shows twice is its first; one that it skips is the first after.
        let at = desk.view.zone.to_timestamp(local).map_err(|_| "Not paused: that time is too far away.".to_owned())?;
        if at <= desk.now {
            return Err("Not paused: the end lies in the past.".to_owned());
        }
        return Ok(Some(at));
    }
    if lasts.trim().is_empty() {
        return Ok(None);
    }
    let lasts = crate::timetable::duration(lasts.trim()).map_err(|bad| format!("Not paused: {}.", bad.said))?;
    let at = desk.now.checked_add(lasts).map_err(|_| "Not paused: that time is too far away.".to_owned())?;
    Ok(Some(at))
}

pub(in crate::web) async fn act(site: Shared, visitor: Visitor, form: Form) -> Response {
    let desk = Desk::new(&site);
    let asked = known(&desk, form.text("channel"))
        .and_then(|channel| Ok((channel, end(&desk, form.text("lasts"), form.text("until"))?)));
    let (channel, until) = match asked {
        Ok(asked) => asked,
        Err(words) => return said::bad(form.back(), words),
    };
    let what = channel.as_ref().map_or_else(|| "Everything".to_owned(), |name| format!("Channel {name}"));
    let scope = channel.map_or(PauseScope::All, PauseScope::Channel);
    let hand = Hand { name: visitor.name, now: desk.now };
    let stands = match actions::pause(&site.state.store, &hand, scope, form.text("why").trim(), until).await {
        Ok(stands) => stands,
        Err(error) => return said::refused(form.back(), &error),
    };
    if let Some(works) = site.state.works.borrow().as_ref() {
        works.wake();
    }
    tracing::info!({ field::ACTOR } = %hand.name, "{what} is paused from the desk");
    let until =
        stands.until.map_or_else(|| "until a person resumes".to_owned(), |at| format!("until {}", desk.when(at).short));
    let note = if stands.since == hand.now { "" } else { " It was paused for longer already." };
    said::ok(form.back(), format!("{what} is paused {until}. A post on its way right now may still arrive.{note}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::web::View;

    #[test]
    fn a_pause_ends_by_length_or_by_the_newsrooms_clock() {
        let view = View {
            newsroom: String::new(),
            zone: TimeZone::get("Europe/Berlin").unwrap(),
            public_url: None,
            channels: Vec::new(),
            sources: Vec::new(),
        };
        let now = "2026-03-28T22:00:00Z".parse().unwrap();
        let desk = Desk { view: Arc::new(view), now, version: "", since: String::new(), pause: None };
        let show = |lasts, until| match end(&desk, lasts, until) {
            Ok(at) => at.map_or_else(|| "open".to_owned(), |at: Timestamp| at.to_string()),
            Err(words) => words,
        };
        for (lasts, until, expected) in [
            ("", "", "open"),
            ("2h", "", "2026-03-29T00:00:00Z"),
            ("2h", "2026-03-28T23:30", "2026-03-28T22:30:00Z"),
            // The night in which 02:30 does not exist.
            ("", "2026-03-29T02:30", "2026-03-29T01:30:00Z"),
            ("", "2026-03-28T22:59", "Not paused: the end lies in the past."),
            ("", "soon", "Not paused: expected a date and a time."),
        ] {
            assert_eq!(show(lasts, until), expected, "{lasts:?} {until:?}");
        }
        assert!(show("a while", "").starts_with("Not paused: expected"), "{}", show("a while", ""));
    }
}
