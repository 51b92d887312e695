//! What posts cost and what platforms say of their limits, as lines of the pages.

use super::Desk;
use crate::model::limit::Said;
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

async fn spent(conn: &mut Conn, desk: &Desk, channel: &ChannelView) -> Result<String, StoreError> {
    let today = desk.view.zone.to_datetime(desk.now).date();
    let (first, last) = month_of(today);
    let day = spend::between(&mut *conn, &channel.name, today, today).await?;
    let month = spend::between(conn, &channel.name, first, last).await?;
    let of = |cap: Option<crate::model::money::Price>| cap.map(|cap| format!(" of {cap}")).unwrap_or_default();
    Ok(format!("{day}{} spent today, {month}{} this month", of(channel.caps.0), of(channel.caps.1)))
}

fn used(desk: &Desk, said: &Said) -> String {
    let resets = said.resets.map(|at| format!(", counts anew {}", desk.when(at).short)).unwrap_or_default();
    format!("{}{resets}", said.describe())
}

/// What a post cost, or will cost, in a sentence; `None` where nothing is charged for it.
pub(super) async fn cost(conn: &mut Conn, desk: &Desk, row: &PostRow) -> Result<Option<String>, StoreError> {
    let channel = desk.view.channels.iter().find(|channel| channel.name == row.post.channel.as_str());
    let Some(linked) = channel.and_then(|channel| channel.linked) else { return Ok(None) };
    if let Some(price) = spend::of_post(conn, row.id()).await? {
        return Ok(Some(format!("Cost {price}.")));
    }
    let waits =
        matches!(row.post.state, PostState::Scheduled { .. } | PostState::Held { .. } | PostState::Failed { .. });
    Ok(waits.then(|| format!("Will cost about {linked} with its link.")))
}
