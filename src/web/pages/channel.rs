//! `/channels/NAME`: how a channel is, what it may still post today, what waits on it; and pausing, resuming and
//! disconnecting it. What resuming will do is shown before it is done.

use std::sync::Arc;

use askama::Template;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};

use super::channels::{self, Row as Health};
use super::look::{self, When};
use super::shown::{self, Shown};
use super::{Desk, Frame, Shared, Site, Trouble, acting, answer, money, part};
use crate::model::channel::PauseScope;
use crate::model::person::Role;
use crate::model::post::{HoldReason, PostState, Urgency};
use crate::publish::actions::{self, Release, Reopen, Resumed};
use crate::publish::{Channel, claim};
use crate::schedule::{Decision, Facts, decide};
use crate::store::channel::ChannelRow;
use crate::store::listed::{self, Filter, Order};
use crate::store::{Conn, StoreError, channel, limit, pause as pauses, post};
use crate::timetable::duration;
use crate::web::form::Form;
use crate::web::said;
use crate::web::visitor::Visitor;

/// The most posts of each list.
const MOST: usize = 8;
/// How far posts are counted.
const COUNTED: usize = 1_000;

/// What a channel may still do.
struct Pace {
    /// Its rules, in words.
    rules: String,
    /// What it used of them, each a line.
    used: Vec<String>,
    /// Whether it may post now, in words.
    now: String,
}

/// What resuming will do.
struct Opens {
    /// How many posts are due, or will be.
    waiting: usize,
    /// How many are so late that they are held for a person.
    late: usize,
    /// When the next of the rest may go.
    next: Option<When>,
}

#[derive(Template)]
#[template(path = "web/channel.html")]
struct ChannelPage {
    frame: Frame,
    row: Health,
    pace: Option<Pace>,
    /// Money, and the platform's own limits.
    limits: Vec<String>,
    /// It stands still by a person's word or a block that a person lifts.
    opens: Option<Opens>,
    /// Whether it may be paused.
    pauses: bool,
    waiting: Vec<Shown>,
    lately: Vec<Shown>,
    queue: String,
    out: String,
    base: String,
    back: String,
    may: bool,
    connects: bool,
}

pub(in crate::web) async fn page(
    site: Shared,
    visitor: Visitor,
    name: Result<Path<String>, PathRejection>,
) -> Response {
    let desk = Desk::new(&site);
    answer(&desk, build(&site, &desk, &visitor, &part(name)).await)
}

async fn build(site: &Site, desk: &Desk, visitor: &Visitor, name: &str) -> Result<ChannelPage, Trouble> {
    let view = desk.view.channels.iter().find(|channel| channel.name == name);
    let view = view.ok_or_else(|| Trouble::Nothing("The config has no channel of that name.".to_owned()))?;
    let works = acting::works(site);
    let known = works.as_ref().and_then(|works| works.channel(name));
    let mut conn = site.state.store.read().await?;
    let stored = channel::one(&mut conn, name).await?;
    let stands = pauses::all(&mut conn).await?;
    let row = channels::shown(site, desk, view, stored.as_ref(), &stands).await;
    let filter = Filter { channel: Some(name.to_owned()), ..Filter::default() };
    let scheduled = ["publishing", "scheduled"];
    let waiting = listed::posts(&mut conn, &scheduled, Order::Due, &filter, None, MOST).await?;
    let lately = listed::posts(&mut conn, &["published"], Order::Newest, &filter, None, MOST).await?;
    let pace = match known {
        Some(known) => Some(pace(&mut conn, desk, known, stored.as_ref()).await?),
        None => None,
    };
    let mut limits = Vec::new();
    if view.linked.is_some() {
        limits.push(money::spent(&mut conn, desk, view).await?);
    }
    let said = limit::all(&mut conn).await?;
    limits.extend(said.iter().filter(|it| it.channel == name && it.holds(desk.now)).map(|it| money::used(desk, it)));
    let own = stands.iter().any(|pause| {
        pause.scope == PauseScope::Channel(name.to_owned()) && pause.until.is_none_or(|until| until > desk.now)
    });
    let blocked = stored.as_ref().is_some_and(|row| row.blocked.as_ref().is_some_and(actions::is_lifted_by_hand));
    let opens = match own || blocked {
        true => {
            let scale = works.as_ref().map_or(1.0, |works| works.house.scale);
            Some(opens(&mut conn, desk, name, stored.as_ref(), &stands, scale).await?)
        }
        false => None,
    };
    let base = look::path("/channels", name);
    let posts = |view: &str| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        format!("/posts?{}", query.append_pair("view", view).append_pair("channel", name).finish())
    };
    Ok(ChannelPage {
        frame: desk.frame(format!("Channel {name}"), base.clone()),
        row,
        pace,
        limits,
        pauses: !own,
        opens,
        waiting: shown::rows(&mut conn, desk, &waiting).await?,
        lately: shown::rows(&mut conn, desk, &lately).await?,
        queue: posts("queue"),
        out: posts("published"),
        back: base.clone(),
        base,
        may: visitor.may(Role::Editor),
        connects: visitor.may(Role::Admin),
    })
}

/// What the channel's own schedule allows, by the very decision that lets its posts out.
async fn pace(conn: &mut Conn, desk: &Desk, known: &Channel, stored: Option<&ChannelRow>) -> Result<Pace, StoreError> {
    let policy = &known.policy;
    let sent = post::sent_since(conn, known.name.as_str(), ago(desk.now, 25)).await?;
    let facts = Facts {
        now: desk.now,
        zone: &desk.view.zone,
        urgency: Urgency::Normal,
        ready: desk.now,
        last_slot: stored.and_then(|row| row.last_slot),
        sent: &sent,
    };
    let now = match decide(policy, &facts) {
        Decision::Go { .. } => "a post may go out now".to_owned(),
        Decision::Wait { until, why } => format!("the next post may go out {} ({why})", desk.when(until).short),
    };
    let hour = sent.iter().filter(|at| **at > ago(desk.now, 1)).count();
    let today = desk.view.zone.to_datetime(desk.now).date();
    let day = sent.iter().filter(|at| desk.view.zone.to_datetime(**at).date() == today).count();
    let of = |most: Option<u32>| most.map(|most| format!(" of {most}")).unwrap_or_default();
    Ok(Pace {
        rules: look::sentence(&policy.describe()),
        used: vec![
            format!("{hour}{} in the last hour", of(policy.per_hour)),
            format!("{day}{} today", of(policy.per_day)),
        ],
        now: look::sentence(&now),
    })
}

fn ago(now: Timestamp, hours: i64) -> Timestamp {
    now.checked_sub(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MIN)
}

async fn opens(
    conn: &mut Conn,
    desk: &Desk,
    name: &str,
    stored: Option<&ChannelRow>,
    stands: &[crate::model::channel::Pause],
    scale: f64,
) -> Result<Opens, StoreError> {
    let filter = Filter { channel: Some(name.to_owned()), ..Filter::default() };
    let waiting = listed::count(conn, &["scheduled"], &filter, COUNTED).await?;
    let paused = stands.iter().filter(|it| it.scope == PauseScope::Channel(name.to_owned())).map(|it| it.since);
    let since = stored.and_then(|row| row.closed_since).into_iter().chain(paused).min();
    let before = claim::stale_before(desk.now, scale);
    let late = match since {
        Some(since) if since <= before => post::overdue(conn, name, before).await?.len(),
        _ => 0,
    };
    let held = post::list(conn, &["held"], Some(name), 1_000).await?;
    let held =
        held.iter().filter(|row| matches!(row.post.state, PostState::Held { why: HoldReason::Stale, .. })).count();
    let due = post::due_after(conn, name, before).await?;
    Ok(Opens {
        waiting: waiting.saturating_sub(late),
        late: late + held,
        next: due.map(|at| desk.when(at.max(desk.now))),
    })
}

/// `POST /channels/NAME/pause`: nothing goes out there until a person resumes, or until a time.
pub(in crate::web) async fn pause(
    site: Shared,
    visitor: Visitor,
    name: Result<Path<String>, PathRejection>,
    form: Form,
) -> Response {
    let name = part(name);
    let desk = Desk::new(&site);
    if !desk.view.channels.iter().any(|channel| channel.name == name) {
        return said::bad(form.back(), "The config has no channel of that name.");
    }
    let hand = acting::hand(&site, &visitor);
    let lasts = match form.text("for").trim() {
        "" => None,
        text => match duration(text).map_err(|bad| bad.said).map(|lasts| hand.now.checked_add(lasts)) {
            Ok(Ok(until)) => Some(until),
            Ok(Err(_)) => return said::bad(form.back(), "Not paused: expected a shorter time."),
            Err(said) => return said::bad(form.back(), format!("Not paused: {said}, such as 30m or 2h.")),
        },
    };
    let scope = PauseScope::Channel(name.clone());
    let done = actions::pause(&site.state.store, &hand, scope, form.text("why").trim(), lasts).await;
    acting::done(&site, form.back(), done, |stands| {
        let until = match stands.until {
            Some(until) => format!("until {}", desk.when(until).short),
            None => "until a person resumes".to_owned(),
        };
        format!("{name} is paused {until}. A post on its way right now may still arrive.")
    })
}

/// `POST /channels/NAME/resume`: its pause or block ends; the form says what becomes of the posts that grew late.
pub(in crate::web) async fn resume(
    site: Shared,
    visitor: Visitor,
    name: Result<Path<String>, PathRejection>,
    form: Form,
) -> Response {
    let Some(works) = acting::works(&site) else { return said::not_here() };
    let name = part(name);
    let Some(known) = works.channel(&name) else {
        return said::bad(form.back(), "The config has no channel of that name.");
    };
    let release = match (form.text("release"), form.text("newest").trim().parse::<usize>()) {
        ("all", _) => Release::All,
        ("newest", Ok(most)) if most > 0 => Release::Newest(most),
        ("newest", _) => return said::bad(form.back(), "Not resumed: say how many of the newest go out."),
        _ => Release::None,
    };
    let mut scopes = match known.credential() {
        Ok(credential) => known.scopes(&credential),
        Err(_) => vec![PauseScope::Channel(name.clone())],
    };
    scopes.retain(|scope| *scope != PauseScope::All);
    let wish = Reopen {
        channel: Some(name.clone()),
        scopes,
        release,
        new_account: form.has("new_account") && visitor.may(Role::Admin),
        scale: works.house.scale,
    };
    let done = actions::resume(&site.state.store, &acting::hand(&site, &visitor), wish).await;
    acting::done(&site, form.back(), done, |out| resumed(&name, &out))
}

/// What resuming did, in words.
fn resumed(name: &str, out: &Resumed) -> String {
    let mut said = Vec::new();
    if out.ended.is_empty() && out.unblocked.is_none() {
        said.push(format!("{name} was not paused."));
    } else if out.still.is_empty() {
        said.push(format!("{name} posts again."));
    }
    if !out.released.is_empty() {
        said.push(format!("{} go out late.", acting::posts(out.released.len())));
    }
    if out.left > 0 {
        said.push(format!("{} are held: decide one by one.", acting::posts(out.left)));
    }
    said.extend(out.still.iter().map(|still| format!("But {still}.")));
    said.join(" ")
}

/// `POST /channels/NAME/disconnect`: its access is taken back at the platform and forgotten.
pub(in crate::web) async fn disconnect(
    site: Shared,
    visitor: Visitor,
    name: Result<Path<String>, PathRejection>,
    form: Form,
) -> Response {
    let Some(connector) = site.state.connector.borrow().clone() else { return said::not_here() };
    let (name, who, anyway) = (part(name), visitor.name.clone(), form.has("anyway"));
    let (of, with) = (name.clone(), Arc::clone(&connector));
    // A task of its own: a browser that goes away must not break off what has begun.
    let done = tokio::spawn(async move { with.disconnect(&of, &who, anyway).await }).await;
    match done {
        Ok(Ok(left)) => {
            if let Some(works) = acting::works(&site) {
                works.wake();
            }
            match left {
                None => said::ok(
                    form.back(),
                    format!("{name} is disconnected. Its posts wait until it is connected again."),
                ),
                Some(fault) => said::bad(
                    form.back(),
                    format!(
                        "{name} is disconnected here, but the platform did not take the access back: {fault}. Take it \
                         away in the account's settings."
                    ),
                ),
            }
        }
        Ok(Err(fault)) => said::bad(
            form.back(),
            format!("Not disconnected: {fault}. Take the access away in the account's settings, then forget it here."),
        ),
        Err(_) => said::bad(form.back(), "Not known to be disconnected: this broke. The log says why."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::channel::{Block, Pause};

    #[test]
    fn what_resuming_did_is_said() {
        let pause = Pause {
            scope: PauseScope::Channel("x".to_owned()),
            until: None,
            why: String::new(),
            by: "Ada".to_owned(),
            since: Timestamp::UNIX_EPOCH,
        };
        let ended = vec![pause];
        for (out, words) in [
            (Resumed::default(), "x was not paused."),
            (Resumed { ended: ended.clone(), ..Resumed::default() }, "x posts again."),
            (Resumed { unblocked: Some(Block::NotInConfig), ..Resumed::default() }, "x posts again."),
            (
                Resumed { ended: ended.clone(), left: 1, ..Resumed::default() },
                "x posts again. 1 post are held: decide one by one.",
            ),
            (
                Resumed { ended, still: vec!["everything is paused".to_owned()], ..Resumed::default() },
                "But everything is paused.",
            ),
        ] {
            assert_eq!(resumed("x", &out), words);
        }
    }
}
