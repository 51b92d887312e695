//! A channel's caps of money: how the keys are read, and whether a post may still be paid for. Pure; what was spent is the
//! store's to know.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::model::money::{AtCap, Price};

/// `budget = { per_day = "$10", per_month = "$250", at_cap = "hold" }`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BudgetSettings {
    /// The most that is spent in a civil day of the newsroom's zone: `$10`, `$0.50`.
    pub per_day: Option<String>,
    /// The most that is spent in a civil month of the newsroom's zone: `$250`.
    pub per_month: Option<String>,
    /// What becomes of a post that would pass a cap: `hold` (default) for a person, or `no_link`: it goes out without its
    /// link, where that costs less and the cap allows it. A route may say otherwise for its posts.
    pub at_cap: AtCap,
}

/// The same, read and checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The most of a civil day.
    pub per_day: Option<Price>,
    /// The most of a civil month.
    pub per_month: Option<Price>,
    /// What becomes of a post that would pass a cap.
    pub at_cap: AtCap,
}

/// What was spent so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// In this civil day.
    pub day: Price,
    /// In this civil month.
    pub month: Price,
}

/// A cap that a post would pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    /// `day` or `month`.
    pub period: &'static str,
    /// The cap.
    pub cap: Price,
    /// What was spent of it.
    pub spent: Price,
    /// What the post costs.
    pub cost: Price,
}

impl Budget {
    /// Reads the keys.
    ///
    /// # Errors
    /// The key at fault (empty: the table as a whole) and what is wrong with it, each of them.
    pub fn read(settings: &BudgetSettings) -> Result<Self, Vec<(&'static str, String)>> {
        let mut faults = Vec::new();
        let mut cap = |key, text: &Option<String>| {
            let price = Price::parse(text.as_deref()?).and_then(|price| match price.is_zero() {
                true => Err("expected more than $0: nothing would ever go out".to_owned()),
                false => Ok(price),
            });
            price.map_err(|said| faults.push((key, said))).ok()
        };
        let (per_day, per_month) = (cap("per_day", &settings.per_day), cap("per_month", &settings.per_month));
        if settings.per_day.is_none() && settings.per_month.is_none() {
            faults.push(("", "expected per_day, per_month or both, found neither".to_owned()));
        }
        if let (Some(day), Some(month)) = (per_day, per_month)
            && day > month
        {
            faults.push(("per_day", format!("expected at most the {month} of per_month, found {day}")));
        }
        if faults.is_empty() { Ok(Self { per_day, per_month, at_cap: settings.at_cap }) } else { Err(faults) }
    }

    /// The cap that a post of that price would pass; what costs nothing passes none.
    pub fn over(&self, spent: Spent, cost: Price) -> Option<Over> {
        if cost.is_zero() {
            return None;
        }
        let caps = [("month", self.per_month, spent.month), ("day", self.per_day, spent.day)];
        caps.into_iter().find_map(|(period, cap, spent)| {
            let cap = cap.filter(|cap| spent.plus(cost) > *cap)?;
            Some(Over { period, cap, spent, cost })
        })
    }
}

impl std::fmt::Display for Over {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { period, cap, spent, cost } = self;
        write!(f, "{spent} of the {period}'s {cap} is spent, and it costs {cost}")
    }
}

/// The first and the last civil day of that day's month.
pub fn month_of(day: Date) -> (Date, Date) {
    (day.first_of_month(), day.last_of_month())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    use super::*;

    fn budget(day: Option<&str>, month: Option<&str>) -> Result<Budget, Vec<(&'static str, String)>> {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Budget::read(&BudgetSettings { per_day: own(day), per_month: own(month), at_cap: AtCap::Hold })
    }

    fn usd(text: &str) -> Price {
        Price::parse(text).unwrap()
    }

    #[test]
    fn keys_are_read_or_their_faults_named() {
        assert_eq!(budget(Some("$10"), Some("$250")).unwrap().per_day, Some(usd("$10")));
        for (day, month, keys) in [
            (None, None, &[""][..]),
            (Some("10"), None, &["per_day"]),
            (Some("$0"), Some("many"), &["per_day", "per_month"]),
            (Some("$10"), Some("$9.99"), &["per_day"]),
        ] {
            let faults: Vec<&str> = budget(day, month).unwrap_err().iter().map(|(key, _)| *key).collect();
            assert_eq!(faults, keys, "{day:?} {month:?}");
        }
    }

    #[test]
    fn a_cap_is_reached_to_the_micro_dollar() {
        let both = budget(Some("$0.50"), Some("$1")).unwrap();
        for (day, month, cost, period) in [
            ("$0", "$0", "$0.20", None),
            ("$0.30", "$0.30", "$0.20", None),
            ("$0.300001", "$0.300001", "$0.20", Some("day")),
            ("$0.40", "$0.40", "$0.20", Some("day")),
            ("$0.40", "$0.40", "$0.10", None),
            ("$0.40", "$0.90", "$0.10", None),
            ("$0.40", "$0.90", "$0.100001", Some("month")),
            // Both: the one that lasts longer is named.
            ("$0.50", "$1", "$0.000001", Some("month")),
            // What costs nothing is not held, also over the cap.
            ("$9", "$9", "$0", None),
        ] {
            let spent = Spent { day: usd(day), month: usd(month) };
            assert_eq!(both.over(spent, usd(cost)).map(|over| over.period), period, "{day} {month} {cost}");
        }
        let over = both.over(Spent { day: usd("$0.40"), month: usd("$0.40") }, usd("$0.20")).unwrap();
        assert_eq!(over.to_string(), "$0.40 of the day's $0.50 is spent, and it costs $0.20");
        assert_eq!(
            budget(None, Some("$1")).unwrap().over(Spent { day: usd("$5"), month: usd("$0.5") }, usd("$0.5")),
            None
        );
    }

    #[test]
    fn never_more_than_the_cap_whatever_the_prices() {
        let caps = budget(Some("$1"), Some("$7.77")).unwrap();
        let prices = [200_000, 15_000, 10_000, 5_000, 1_000, 215_000].map(Price::micros);
        let (mut month, mut n) = (Price::ZERO, 0_usize);
        for _day in 0..31 {
            let mut day = Price::ZERO;
            for _post in 0..60 {
                n = n.wrapping_mul(31).wrapping_add(7);
                let cost = prices[n % prices.len()];
                if caps.over(Spent { day, month }, cost).is_none() {
                    day = day.plus(cost);
                    month = month.plus(cost);
                }
            }
            assert!(day <= usd("$1") && month <= usd("$7.77"));
        }
        assert!(month > usd("$7.76"), "what is allowed is used: {month}");
    }

    #[test]
    fn days_and_months_are_the_newsrooms() {
        for (zone, at, day, month) in [
            ("Asia/Baku", "2026-11-30T19:59:59Z", "2026-11-30", ("2026-11-01", "2026-11-30")),
            ("Asia/Baku", "2026-11-30T20:00:00Z", "2026-12-01", ("2026-12-01", "2026-12-31")),
            // The night of 25 hours and that of 23.
            ("Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25", ("2026-10-01", "2026-10-31")),
            ("Europe/Berlin", "2026-10-25T22:59:59Z", "2026-10-25", ("2026-10-01", "2026-10-31")),
            ("Europe/Berlin", "2026-10-25T23:00:00Z", "2026-10-26", ("2026-10-01", "2026-10-31")),
            ("Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29", ("2026-03-01", "2026-03-31")),
            ("Europe/Berlin", "2026-03-29T21:59:59Z", "2026-03-29", ("2026-03-01", "2026-03-31")),
            ("Europe/Berlin", "2026-03-29T22:00:00Z", "2026-03-30", ("2026-03-01", "2026-03-31")),
            // A midnight that there is not, and February of a leap year.
            ("America/Asuncion", "2023-10-01T04:00:00Z", "2023-10-01", ("2023-10-01", "2023-10-31")),
            ("UTC", "2028-02-29T23:59:59Z", "2028-02-29", ("2028-02-01", "2028-02-29")),
        ] {
            let at: Timestamp = at.parse().unwrap();
            let found = TimeZone::get(zone).unwrap().to_datetime(at).date();
            let (first, last) = month_of(found);
            assert_eq!(
                (found.to_string().as_str(), first.to_string().as_str(), last.to_string().as_str()),
                (day, month.0, month.1),
                "{zone} {at}"
            );
        }
    }
}
