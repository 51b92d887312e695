//! `bugle spend`: what posting has cost today and this month, the caps, and what the month will have cost at its end.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

use super::shop::{Need, Shop};
use super::show::{money, table};
use super::{Call, Exit};
use crate::model::money::Price;
use crate::schedule::budget::{Budget, month_of};
use crate::schedule::forecast::{DAYS, Forecast, forecast};
use crate::store::spend::{self, Day};

/// Arguments of `bugle spend`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {}

/// Shows it.
///
/// # Errors
/// What the store says.
pub async fn run(_args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, false).await?;
    let today = shop.zone().to_datetime(shop.hand.now).date();
    let (begins, _) = month_of(today);
    let since = begins.min(today.checked_sub(Span::new().days(DAYS)).unwrap_or(begins));
    let mut conn = shop.store.read().await?;
    let days = spend::days(&mut conn, since).await?;
    let first: BTreeMap<String, Timestamp> = spend::first(&mut conn).await?.into_iter().collect();
    // The config's channels that cost something, then those that only the store knows.
    let priced = shop.config.channels.iter().filter(|channel| channel.account.prices().is_some());
    let mut names: Vec<String> = priced.map(|channel| channel.name.to_string()).collect();
    for day in &days {
        if !names.contains(&day.channel) {
            names.push(day.channel.clone());
        }
    }
    let lines: Vec<Line> = names
        .into_iter()
        .map(|name| {
            let known = shop.config.channel(&name.as_str().into());
            let budget = known.and_then(|channel| channel.budget);
            let begun = first.get(&name).map(|at| shop.zone().to_datetime(*at).date());
            let platform = known.map(|channel| channel.platform.name);
            Line::new(name, platform, budget, (&days, begun, today))
        })
        .collect();
    let apps = apps(&days, today);
    let lists = lists(&shop);
    let value = json!({
        "day": today.to_string(),
        "month": today.strftime("%Y-%m").to_string(),
        "channels": lines.iter().map(Line::json).collect::<Vec<_>>(),
        "apps": apps.iter().map(App::json).collect::<Vec<_>>(),
        "prices": lists.iter().map(|(name, list)| json!({
            "platform": name,
            "source": list.source,
            "read": list.read,
            "rows": list.rows.iter().map(|(what, price)| json!({ "what": what, "price": money(*price) })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    });
    shop.show(&value, || {
        if lines.is_empty() {
            return "no channel's platform charges for posts, and nothing was ever charged".to_owned();
        }
        let cells: Vec<Vec<String>> = lines.iter().map(Line::cells).collect();
        let mut text = vec![table(&["CHANNEL", "TODAY", "THIS MONTH", "BY ITS END", ""], &cells)];
        // One app a channel says nothing that is not said above.
        text.extend(apps.iter().filter(|app| app.channels.len() > 1).map(App::text));
        text.extend(lists.iter().map(|(name, list)| format!("prices of {name} as of {}: {}", list.read, list.source)));
        text.join("\n")
    })?;
    Ok(Exit::Done)
}

/// The price lists of the config's channels, each once.
fn lists(shop: &Shop) -> Vec<(&'static str, &'static crate::platform::PriceList)> {
    let mut lists: Vec<(&'static str, &'static crate::platform::PriceList)> = Vec::new();
    for channel in &shop.config.channels {
        if let Some(list) = channel.account.prices()
            && !lists.iter().any(|(name, _)| *name == channel.platform.name)
        {
            lists.push((channel.platform.name, list));
        }
    }
    lists
}

/// A channel's line.
struct Line {
    channel: String,
    platform: Option<&'static str>,
    budget: Option<Budget>,
    today: Price,
    month: Price,
    forecast: Forecast,
}

impl Line {
    fn new(
        channel: String,
        platform: Option<&'static str>,
        budget: Option<Budget>,
        (days, begun, today): (&[Day], Option<Date>, Date),
    ) -> Self {
        let mut own: BTreeMap<Date, Price> = BTreeMap::new();
        for day in days.iter().filter(|day| day.channel == channel) {
            let sum = own.entry(day.day).or_default();
            *sum = sum.plus(day.price);
        }
        let cap = budget.and_then(|budget| budget.per_month);
        Self {
            platform,
            budget,
            today: own.get(&today).copied().unwrap_or_default(),
            month: own.range(month_of(today).0..=today).map(|(_, price)| *price).sum(),
            forecast: forecast(&own, begun, today, cap),
            channel,
        }
    }

    fn json(&self) -> Value {
        let cap = |cap: Option<Price>| cap.map(money);
        json!({
            "channel": self.channel,
            "platform": self.platform,
            "today": money(self.today),
            "per_day": cap(self.budget.and_then(|budget| budget.per_day)),
            "this_month": money(self.month),
            "per_month": cap(self.budget.and_then(|budget| budget.per_month)),
            "at_cap": self.budget.map(|budget| budget.at_cap),
            "forecast": money(self.forecast.month),
            "cap_passed": self.forecast.cap_passed.map(|day| day.to_string()),
        })
    }

    fn cells(&self) -> Vec<String> {
        let of = |spent: Price, cap: Option<Price>| match cap {
            Some(cap) => format!("{spent} of {cap}"),
            None => spent.to_string(),
        };
        let passed = self.forecast.cap_passed.map(|day| format!("the month's cap is passed on {day}"));
        vec![
            self.channel.clone(),
            of(self.today, self.budget.and_then(|budget| budget.per_day)),
            of(self.month, self.budget.and_then(|budget| budget.per_month)),
            self.forecast.month.to_string(),
            passed.unwrap_or_default(),
        ]
    }
}

/// What one developer app pays for.
#[derive(Debug, PartialEq, Eq)]
struct App {
    /// The beginning of its digest: tells apps apart, not what they are.
    id: String,
    channels: Vec<String>,
    today: Price,
    month: Price,
}

impl App {
    fn json(&self) -> Value {
        json!({ "app": self.id, "channels": self.channels, "today": money(self.today), "this_month": money(self.month) })
    }

    fn text(&self) -> String {
        let Self { id, channels, today, month } = self;
        format!("app {id} ({}): {today} today, {month} this month", channels.join(", "))
    }
}

fn apps(days: &[Day], today: Date) -> Vec<App> {
    let begins = month_of(today).0;
    let mut apps: BTreeMap<&str, App> = BTreeMap::new();
    for day in days.iter().filter(|day| day.day >= begins) {
        let Some(digest) = day.app.as_deref() else { continue };
        let app = apps.entry(digest).or_insert_with(|| App {
            id: digest.chars().take(8).collect(),
            channels: Vec::new(),
            today: Price::ZERO,
            month: Price::ZERO,
        });
        app.month = app.month.plus(day.price);
        if day.day == today {
            app.today = app.today.plus(day.price);
        }
        if !app.channels.contains(&day.channel) {
            app.channels.push(day.channel.clone());
        }
    }
    apps.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_of_one_app_are_added_up() {
        let day = |channel: &str, app: &str, day: &str, micros| Day {
            channel: channel.to_owned(),
            app: Some(app.to_owned()),
            day: day.parse().unwrap(),
            price: Price::micros(micros),
        };
        let days = [
            day("x", "0123456789", "2026-11-25", 200_000),
            day("sport", "0123456789", "2026-11-02", 15_000),
            day("x", "0123456789", "2026-10-31", 999),
            day("other", "ff", "2026-11-25", 1),
        ];
        let found = apps(&days, "2026-11-25".parse().unwrap());
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].text(), "app 01234567 (x, sport): $0.20 today, $0.215 this month");
        let line = Line::new("x".to_owned(), Some("X"), None, (&days, None, "2026-11-25".parse().unwrap()));
        assert_eq!((line.today, line.month), (Price::micros(200_000), Price::micros(200_000)));
    }
}
