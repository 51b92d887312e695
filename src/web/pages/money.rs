//! What posts cost and what platforms say of their limits, as lines of the pages.

use std::collections::HashMap;

use super::Desk;
use crate::model::limit::Said;
use crate::model::money::Price;
use crate::model::post::PostState;
use crate::schedule::budget::month_of;
use crate::store::post::PostRow;
use crate::store::{Conn, StoreError, limit, spend};
use crate::web::ChannelView;

/// What is to be said of a channel: what it spent, and how much of its limits is used up.
pub(super) struct ChannelLine {
    pub name: String,
    pub text: String,
}

/// The lines of all channels of which there is something to say.
pub(super) async fn lines(conn: &mut Conn, desk: &Desk) -> Result<Vec<ChannelLine>, StoreError> {
    let limits = limit::all(&mut *conn).await?;
    let mut lines = Vec::new();
    for channel in &desk.view.channels {
        let mut said = Vec::new();
        if channel.linked.is_some() {
            said.push(spent(conn, desk, channel).await?);
        }
        let own = limits.iter().filter(|said| said.channel == channel.name && said.holds(desk.now));
        said.extend(own.map(|said| used(desk, said)));
        if !said.is_empty() {
            lines.push(ChannelLine { name: channel.name.clone(), text: format!("{}.", said.join("; ")) });
        }
    }
    Ok(lines)
}

/// What a channel spent, beside its caps.
pub(super) async fn spent(conn: &mut Conn, desk: &Desk, channel: &ChannelView) -> Result<String, StoreError> {
    let today = desk.view.zone.to_datetime(desk.now).date();
    let (first, last) = month_of(today);
    let day = spend::between(&mut *conn, &channel.name, today, today).await?;
    let month = spend::between(conn, &channel.name, first, last).await?;
    let of = |cap: Option<Price>| cap.map(|cap| format!(" of {cap}")).unwrap_or_default();
    Ok(format!("{day}{} spent today, {month}{} this month", of(channel.caps.0), of(channel.caps.1)))
}

/// How much of a limit is used up.
pub(super) fn used(desk: &Desk, said: &Said) -> String {
    let resets = said.resets.map(|at| format!(", counts anew {}", desk.when(at).short)).unwrap_or_default();
    format!("{}{resets}", said.describe())
}

/// What these posts cost so far; nothing is asked where no channel charges.
pub(super) async fn costs(conn: &mut Conn, desk: &Desk, ids: &[&str]) -> Result<HashMap<String, Price>, StoreError> {
    if desk.view.channels.iter().all(|channel| channel.linked.is_none()) {
        return Ok(HashMap::new());
    }
    Ok(spend::of_posts(conn, ids).await?.into_iter().collect())
}

/// What a post cost, or will cost, in a sentence; `None` where nothing is charged for it.
pub(super) fn cost_of(desk: &Desk, row: &PostRow, spent: Option<Price>) -> Option<String> {
    let channel = desk.view.channels.iter().find(|channel| channel.name == row.post.channel.as_str());
    let linked = channel.and_then(|channel| channel.linked)?;
    if let Some(price) = spent {
        return Some(format!("Cost {price}."));
    }
    let waits =
        matches!(row.post.state, PostState::Scheduled { .. } | PostState::Held { .. } | PostState::Failed { .. });
    waits.then(|| format!("Will cost about {linked} with its link."))
}

/// The same of one post.
pub(super) async fn cost(conn: &mut Conn, desk: &Desk, row: &PostRow) -> Result<Option<String>, StoreError> {
    let costs = costs(conn, desk, &[row.id()]).await?;
    Ok(cost_of(desk, row, costs.get(row.id()).copied()))
}
