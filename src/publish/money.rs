//! Money inside the publishing protocol: what each step costs, its charge stored with the attempt before the first byte
//! leaves, and whether the channel's budget still pays for a post.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::claim::{Wish, done_steps};
use super::{Channel, House};
use crate::model::article::{Article, Entry};
use crate::model::grant::Credential;
use crate::model::id::AttemptId;
use crate::model::money::{AtCap, Price};
use crate::model::notice::{Level, Notice};
use crate::model::receipt::{Op, Step};
use crate::platform::Payload;
use crate::schedule::budget::{Over, Spent, month_of};
use crate::store::spend::{self, Charge};
use crate::store::{Conn, StoreError, attempt, notice};

/// What the steps of a payload cost, and who pays.
#[derive(Clone, Debug)]
pub struct Bill {
    channel: String,
    app: Option<String>,
    zone: TimeZone,
    steps: HashMap<Step, Price>,
    /// Taking a part down.
    down: Price,
}

impl Bill {
    /// The bill of a payload, or (`None`) of a take-down; `None` where the platform charges nothing.
    pub fn of(house: &House, channel: &Channel, credential: &Credential, payload: Option<&Payload>) -> Option<Self> {
        channel.account.prices()?;
        let charge = |step, body: &str| channel.account.charge(step, body);
        let steps = payload.into_iter().flat_map(|payload| &payload.steps);
        Some(Self {
            channel: channel.name.to_string(),
            app: channel.account.app_scope(credential),
            zone: house.zone.clone(),
            steps: steps.map(|planned| (planned.step, charge(planned.step, &planned.body))).collect(),
            down: charge(Step { op: Op::Delete, n: 0 }, ""),
        })
    }

    fn price(&self, step: Step) -> Price {
        match step.op {
            Op::Delete => self.down,
            _ => self.steps.get(&step).copied().unwrap_or_default(),
        }
    }

    /// What the steps cost that are not done.
    pub fn open(&self, done: &HashMap<Step, Value>) -> Price {
        self.steps.iter().filter(|(step, _)| !done.contains_key(step)).map(|(_, price)| *price).sum()
    }

    /// Stores the charge of a step that is begun with that attempt.
    ///
    /// # Errors
    /// The database's.
    pub async fn charge(
        &self,
        conn: &mut Conn,
        attempt: &AttemptId,
        (post, step): (&str, Step),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let price = self.price(step);
        if price.is_zero() {
            return Ok(());
        }
        let charge = Charge {
            id: attempt.as_str().to_owned(),
            channel: self.channel.clone(),
            app: self.app.clone(),
            post: Some(post.to_owned()),
            what: step.to_string(),
            price,
            day: self.zone.to_datetime(now).date(),
            at: now,
        };
        spend::add(conn, &charge).await
    }
}

/// What would be sent instead where the budget no longer pays for the link.
#[derive(Clone, Debug)]
pub struct Spare {
    /// The payload without its link.
    pub payload: Payload,
    /// What it costs.
    pub bill: Bill,
}

/// What the budget says of a wish.
#[derive(Debug)]
pub(super) enum Afford {
    /// It pays.
    Yes,
    /// It pays for the post without its link only.
    Spare(Box<Spare>, Over),
    /// It does not; why, for a person.
    No(Over),
}

/// Asks the budget, inside the claim's transaction: the channel's row is taken, so nobody else spends on it meanwhile.
///
/// # Errors
/// The database's.
pub(super) async fn afford(conn: &mut Conn, wish: &Wish) -> Result<Afford, StoreError> {
    let (Some(bill), Some(budget)) = (&wish.bill, &wish.budget) else { return Ok(Afford::Yes) };
    // A row that nobody wrote to since it was made has no attempts to look for.
    let earlier = if wish.row.version > 1 { attempt::of(conn, wish.row.id()).await? } else { Vec::new() };
    let done = done_steps(&earlier, wish.row.revision);
    let spent = spent(conn, &wish.channel, &wish.zone, wish.now).await?;
    let Some(over) = budget.over(spent, bill.open(&done)) else { return Ok(Afford::Yes) };
    let spare = wish.spare.as_ref().filter(|spare| budget.over(spent, spare.bill.open(&HashMap::new())).is_none());
    match spare {
        Some(spare) => Ok(Afford::Spare(spare.clone(), over)),
        None => Ok(Afford::No(over)),
    }
}

/// What a channel has spent today and this month.
///
/// # Errors
/// The database's.
pub async fn spent(conn: &mut Conn, channel: &str, zone: &TimeZone, now: Timestamp) -> Result<Spent, StoreError> {
    let today = zone.to_datetime(now).date();
    let (first, last) = month_of(today);
    Ok(Spent {
        day: spend::between(conn, channel, today, today).await?,
        month: spend::between(conn, channel, first, last).await?,
    })
}

/// Says, once a day or month, that a cap is reached.
///
/// # Errors
/// The database's.
pub(super) async fn tell(conn: &mut Conn, wish: &Wish, over: &Over, held: bool) -> Result<(), StoreError> {
    let day = wish.zone.to_datetime(wish.now).date();
    let period = if over.period == "day" { day.to_string() } else { day.strftime("%Y-%m").to_string() };
    let (name, cap) = (&wish.channel, over.cap);
    let then = match held {
        true => format!("its posts are held for a person: bugle queue --channel {name}"),
        false => "its posts go out without their links".to_owned(),
    };
    // The same words for the whole period: whoever listens is told once.
    let text = format!("channel {name} has come to its budget of {cap} for {period}; {then}");
    let key = format!("channel.{name}.budget.{}", if held { over.period } else { "no_link" });
    notice::raise(conn, &Notice::new(Level::Warn, key, text), wish.now).await.map(drop)
}

/// What becomes of a post of that route at the cap.
pub(super) fn at_cap(house: &House, channel: &Channel, route: u32) -> AtCap {
    let own = house.words.at_cap(route, channel.name.as_str());
    own.or(channel.budget.map(|budget| budget.at_cap)).unwrap_or_default()
}

/// The article as if it had no link, still known as the same story.
pub(super) fn linkless(article: &Article) -> Article {
    let entry = &article.entry;
    let guid = entry.guid.clone().or_else(|| entry.link.as_ref().map(ToString::to_string));
    Article { entry: Entry { guid, link: None, ..entry.clone() }, ..article.clone() }
}
