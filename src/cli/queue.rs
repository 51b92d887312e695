//! `bugle queue`: the posts, what waits first, with the state of each and its reason.

use std::collections::HashMap;

use super::cost::Cost;
use super::shop::{Need, Shop};
use super::show::{clicks, clip, money, post_json, table, text_of};
use super::why::RESUME;
use super::{Call, Exit, cost};
use crate::model::post::PostState;
use crate::publish::why::{self, Ask, Way, reason};
use crate::store::post::{self, PostRow, short};
use crate::store::{article, channel, pause};

/// Arguments of `bugle queue`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Only posts in this state; may be given several times. Left out: all that are not settled.
    #[arg(long, value_name = "STATE", value_parser = STATES)]
    state: Vec<String>,
    /// Only this channel's.
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// How many posts at most.
    #[arg(short, default_value_t = 50, value_name = "N")]
    n: u32,
    /// The queue of the rehearsal (`bugle run --rehearse`).
    #[arg(long)]
    rehearse: bool,
}

/// The eight states.
const STATES: [&str; 8] =
    ["held", "scheduled", "publishing", "uncertain", "published", "failed", "skipped", "retracted"];
/// Those in which something may still happen by itself or by a person.
const OPEN: [&str; 5] = ["held", "scheduled", "publishing", "uncertain", "failed"];

/// Lists posts.
///
/// # Errors
/// What the store says.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, args.rehearse).await?;
    let mut conn = shop.store.read().await?;
    let states: Vec<&'static str> = match args.state.is_empty() {
        true => OPEN.to_vec(),
        false => STATES.into_iter().filter(|state| args.state.iter().any(|asked| asked == state)).collect(),
    };
    let rows = post::list(&mut conn, &states, args.channel.as_deref(), i64::from(args.n)).await?;
    let pauses = pause::all(&mut conn).await?;
    let templates = shop.templates()?;
    let mut shut = HashMap::new();
    let when = |at| shop.when(at);
    let ask = Ask { now: shop.hand.now, when: &when, resume: RESUME };
    let mut titled = Vec::new();
    for row in rows {
        let name = row.post.channel.to_string();
        if matches!(row.post.state, PostState::Scheduled { .. }) && !shut.contains_key(&name) {
            let stored = channel::one(&mut conn, &name).await?;
            let way = Way::of(&name, shop.channel(&name).as_ref());
            shut.insert(name.clone(), why::shut(ask, &way, stored.as_ref(), &pauses));
        }
        let story = article::one(&mut conn, row.post.article.as_str()).await?.map(|(article, _)| article);
        let cost = cost::of(&shop, &mut conn, &templates, (&row, story.as_ref())).await?;
        let story = story.map(|article| article.entry);
        let embargo = story.as_ref().and_then(|entry| entry.embargo).filter(|until| *until > shop.hand.now);
        let waits = match embargo {
            Some(until) => format!("its source embargoes the story until {}", shop.when(until)),
            None => shut.get(&name).map(|shut| waits(&shop, &row, shut)).unwrap_or_default(),
        };
        let title = story.map(|entry| entry.title).or_else(|| text_of(&row)).unwrap_or_default();
        let mut json = post_json(&row);
        clicks(&mut conn, &row, &mut json).await?;
        if let (Some(json), Some(cost)) = (json.as_object_mut(), cost) {
            json.insert("cost".to_owned(), money(cost.price));
            json.insert("cost_spent".to_owned(), cost.spent.into());
        }
        titled.push((title, row, waits, json, cost));
    }
    let json = |(title, row, waits, json, _): &(String, PostRow, String, serde_json::Value, Option<Cost>)| {
        let mut json = json.clone();
        if let Some(json) = json.as_object_mut() {
            json.insert("title".to_owned(), title.as_str().into());
            json.insert("reason".to_owned(), told(&row.post.state, waits).into());
        }
        json
    };
    shop.show(&titled.iter().map(json).collect(), || {
        if titled.is_empty() {
            return "nothing is in the queue".to_owned();
        }
        // Only where some platform charges.
        let priced = titled.iter().any(|(.., cost)| cost.is_some());
        let cells = titled.iter().map(|(title, row, waits, _, cost)| {
            let text = row.post.text.clone().unwrap_or_else(|| title.clone());
            let mut cells = vec![
                short(row.id()).to_owned(),
                row.post.channel.as_str().to_owned(),
                row.post.state.word().to_owned(),
                shop.when(row.post.due),
                clip(&told(&row.post.state, waits), 60),
                clip(&text, 70),
            ];
            if priced {
                cells.insert(4, cost.map(|cost| cost.price.to_string()).unwrap_or_default());
            }
            cells
        });
        let mut head = vec!["POST", "CHANNEL", "STATE", "DUE", "WHY", "TEXT"];
        if priced {
            head.insert(4, "COST");
        }
        table(&head, &cells.collect::<Vec<_>>())
    })?;
    Ok(Exit::Done)
}

/// What holds a scheduled post up that is due: its channel, else the channel's schedule.
fn waits(shop: &Shop, row: &PostRow, shut: &[String]) -> String {
    if !shut.is_empty() {
        return shut.join("; ");
    }
    let policy = shop.channel(row.post.channel.as_str()).map(|channel| channel.policy.describe());
    policy.filter(|policy| row.post.due <= shop.hand.now && policy != "at once").unwrap_or_default()
}

/// The reason of the state, and for a scheduled post what it waits for.
fn told(state: &PostState, waits: &str) -> String {
    let mut said = vec![reason(state)];
    if matches!(state, PostState::Scheduled { .. }) {
        said.push(waits.to_owned());
    }
    said.retain(|said| !said.is_empty());
    said.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::post::{Actor, Approval, HoldReason};

    #[test]
    fn a_post_that_waits_says_for_what() {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let approval = Approval { by: Actor::Route, at, payload: None };
        let fresh = PostState::Scheduled { approval, retry: None };
        assert_eq!(told(&fresh, ""), "");
        assert_eq!(
            told(&fresh, "paused by command line until `bugle resume`"),
            "paused by command line until `bugle resume`"
        );
        let held = PostState::Held { why: HoldReason::Approval, since: at };
        assert_eq!(told(&held, "paused"), "waits for approval", "it waits for a person, not for its channel");
    }
}
