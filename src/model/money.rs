//! Amounts of money, exact to a millionth of a US dollar, and what a channel does at its cap. No floating point: sums of
//! many small prices must come out to the cent.

use serde::{Deserialize, Serialize};

/// An amount in micro-dollars (1 000 000 = $1), never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Price(u64);

/// Digits behind the point.
const DIGITS: usize = 6;
/// Micro-dollars of a dollar.
const DOLLAR: u64 = 1_000_000;
/// The most that can be written: a billion dollars. Ours; sums stay far from overflowing.
const MOST: u64 = 1_000_000_000 * DOLLAR;

impl Price {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many micro-dollars.
    pub const fn micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The amount in micro-dollars.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// As the store keeps it.
    pub(crate) fn to_store(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }

    /// The inverse; a negative number can only come from a foreign hand and counts as nothing.
    pub(crate) fn from_store(micros: i64) -> Self {
        Self(u64::try_from(micros).unwrap_or(0))
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left of it; never less than nothing.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// So many times it.
    #[must_use]
    pub const fn times(self, n: u64) -> Self {
        Self(self.0.saturating_mul(n))
    }

    /// Its `n`th part, rounded half up; of 0 parts, nothing.
    #[must_use]
    pub const fn shared(self, n: u64) -> Self {
        match n {
            0 => Self(0),
            n => Self(self.0 / n + if self.0 % n >= n.div_ceil(2) { 1 } else { 0 }),
        }
    }

    /// Reads `$10`, `$0.015`.
    ///
    /// # Errors
    /// What was expected, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("expected an amount in US dollars as \"$10\" or \"$0.50\", found {text:?}");
        let rest = text.trim().strip_prefix('$').ok_or_else(bad)?;
        let (whole, part) = rest.split_once('.').unwrap_or((rest, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || whole.len() > 10 {
            return Err(bad());
        }
        if part.len() > DIGITS {
            return Err(format!("expected at most {DIGITS} digits behind the point, found {text:?}"));
        }
        let whole: u64 = whole.parse().map_err(|_| bad())?;
        let part: u64 = format!("{part:0<DIGITS$}").parse().map_err(|_| bad())?;
        match whole * DOLLAR + part {
            micros if micros <= MOST => Ok(Self(micros)),
            _ => Err(format!("expected at most $1000000000, found {text:?}")),
        }
    }
}

impl std::iter::Sum for Price {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Self::plus)
    }
}

impl std::fmt::Display for Price {
    /// With cents, and the digits behind them that are there.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part = format!("{:0DIGITS$}", self.0 % DOLLAR);
        let behind = part[2..].trim_end_matches('0');
        write!(f, "${}.{}{behind}", self.0 / DOLLAR, &part[..2])
    }
}

/// What becomes of a post whose price would pass the channel's cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AtCap {
    /// It is held for a person.
    #[default]
    Hold,
    /// It is composed without its link, where that costs less and the cap allows it; else held.
    NoLink,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_shown_exactly() {
        for (text, micros, shown) in [
            ("$0.20", 200_000, "$0.20"),
            ("$0.015", 15_000, "$0.015"),
            ("$10", 10_000_000, "$10.00"),
            (" $250 ", 250_000_000, "$250.00"),
            ("$0", 0, "$0.00"),
            ("$0.000001", 1, "$0.000001"),
            ("$1.10", 1_100_000, "$1.10"),
            ("$1000000000", MOST, "$1000000000.00"),
        ] {
            let price = Price::parse(text).unwrap();
            assert_eq!((price, price.to_string().as_str()), (Price(micros), shown), "{text}");
            assert_eq!(Price::parse(&price.to_string()), Ok(price), "{text} comes back");
        }
        for text in ["", "$", "10", "€10", "$-1", "$1.", "$.5", "$1,5", "$1e3", "$0.0000001", "$99999999999", "$1 000"]
        {
            assert!(Price::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sums_are_exact_and_never_negative() {
        let sum: Price = std::iter::repeat_n(Price(15_000), 1000).sum();
        assert_eq!(sum.to_string(), "$15.00");
        assert_eq!(Price(5).minus(Price(7)), Price::ZERO);
        assert_eq!(Price(u64::MAX).plus(Price(1)), Price(u64::MAX));
        for (all, n, part) in [(10, 4, 3), (10, 3, 3), (11, 3, 4), (9, 2, 5), (8, 2, 4), (1, 3, 0), (7, 0, 0)] {
            assert_eq!(Price(all).shared(n), Price(part), "{all} / {n}");
        }
    }
}
