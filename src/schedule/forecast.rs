//! What a month will have cost at its end, as far as the last two weeks tell: newsrooms post by the weekday. Pure.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::budget::month_of;
use crate::model::money::Price;

/// How many whole days before today are looked at: each weekday twice. Ours, 2026-11.
pub const DAYS: i32 = 14;

/// The forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// What the month will have cost, what was spent already included.
    pub month: Price,
    /// The first day on which the month's cap would be passed.
    pub cap_passed: Option<Date>,
}

/// Reckons it from what each day cost. `days`: civil days of this month and of the [`DAYS`] before today, those without
/// spending left out; `first`: the day of the first charge ever, before which nothing is known.
///
/// A day still to come costs the mean of that weekday; where none of them is known yet, the mean of all known days; on the
/// very first day, what today has cost so far.
pub fn forecast(days: &BTreeMap<Date, Price>, first: Option<Date>, today: Date, cap: Option<Price>) -> Forecast {
    let (begins, ends) = month_of(today);
    let spent = |day: Date| days.get(&day).copied().unwrap_or_default();
    let mut known = Vec::new();
    let mut day = today;
    for _ in 0..DAYS {
        let Ok(before) = day.yesterday() else { break };
        day = before;
        if first.is_some_and(|first| day >= first) {
            known.push(day);
        }
    }
    let mean = |of: &[Date]| of.iter().map(|day| spent(*day)).sum::<Price>().shared(of.len() as u64);
    let expected = |on: Date| {
        let alike: Vec<Date> = known.iter().copied().filter(|day| day.weekday() == on.weekday()).collect();
        match (alike.is_empty(), known.is_empty()) {
            (false, _) => mean(&alike),
            (true, false) => mean(&known),
            (true, true) => spent(today),
        }
    };
    let mut total: Price = days.range(begins..=today).map(|(_, price)| *price).sum();
    let passes = |total: Price| cap.is_some_and(|cap| total > cap);
    // Today costs at least what it has cost.
    total = total.plus(expected(today).minus(spent(today)));
    let mut cap_passed = passes(total).then_some(today);
    let mut day = today;
    while let Some(next) = day.tomorrow().ok().filter(|next| *next <= ends) {
        day = next;
        total = total.plus(expected(day));
        if cap_passed.is_none() && passes(total) {
            cap_passed = Some(day);
        }
    }
    Forecast { month: total, cap_passed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn usd(text: &str) -> Price {
        Price::parse(text).unwrap()
    }

    fn days(list: &[(&str, &str)]) -> BTreeMap<Date, Price> {
        list.iter().map(|(day, price)| (date(day), usd(price))).collect()
    }

    #[test]
    fn a_month_is_reckoned_from_two_weeks() {
        // Every day of the two weeks cost $10, but Sundays (8 and 15 November 2026) $1.
        let even: Vec<(String, &str)> =
            (1..=18).map(|day| (format!("2026-11-{day:02}"), if day % 7 == 1 { "$1" } else { "$10" })).collect();
        let even: Vec<(&str, &str)> = even.iter().map(|(day, price)| (day.as_str(), *price)).collect();
        let first = Some("2026-01-01");
        #[expect(clippy::type_complexity, reason = "one table")]
        let cases: [(&str, BTreeMap<Date, Price>, Option<&str>, &str, Option<&str>, &str, Option<&str>); 9] = [
            // 18 days so far ($153), then 12 more of which two are Sundays.
            ("even", days(&even), first, "2026-11-18", None, "$255", None),
            ("its cap", days(&even), first, "2026-11-18", Some("$200"), "$255", Some("2026-11-24")),
            ("a cap passed already", days(&even), first, "2026-11-18", Some("$100"), "$255", Some("2026-11-18")),
            ("a cap just kept", days(&even), first, "2026-11-18", Some("$255"), "$255", None),
            ("nothing ever", days(&[]), None, "2026-11-18", Some("$1"), "$0", None),
            // The first day: each day as today so far.
            ("the first day", days(&[("2026-11-29", "$2")]), Some("2026-11-29"), "2026-11-29", None, "$4", None),
            // One day known: the others like it; days before the first are not zero but unknown.
            (
                "the second day",
                days(&[("2026-11-27", "$3"), ("2026-11-28", "$1")]),
                Some("2026-11-27"),
                "2026-11-28",
                None,
                "$12",
                None,
            ),
            // The last day of a month; what last month cost counts for the mean alone.
            (
                "the last day",
                days(&[("2026-11-23", "$4"), ("2026-11-30", "$1")]),
                first,
                "2026-11-30",
                None,
                "$6",
                None,
            ),
            (
                "a new month",
                days(&[("2026-11-24", "$4"), ("2026-11-17", "$2")]),
                first,
                "2026-12-01",
                None,
                "$15",
                None,
            ),
        ];
        for (name, days, first, today, cap, month, passed) in cases {
            let found = forecast(&days, first.map(date), date(today), cap.map(usd));
            assert_eq!(found, Forecast { month: usd(month), cap_passed: passed.map(date) }, "{name}");
        }
    }

    #[test]
    fn today_costs_at_least_what_it_has_cost() {
        let found = forecast(
            &days(&[("2026-11-23", "$1"), ("2026-11-30", "$9")]),
            Some(date("2026-01-01")),
            date("2026-11-30"),
            None,
        );
        assert_eq!(found.month, usd("$10"));
    }
}
