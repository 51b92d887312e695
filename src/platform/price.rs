//! What platforms charge for: a price list as data, with its source and date. What was spent is the store's to know.

use crate::model::money::Price;

/// A platform's price list.
#[derive(Debug)]
pub struct PriceList {
    /// What is charged, in words of ours, and how much each costs.
    pub rows: &'static [(&'static str, Price)],
    /// What a usual post with its link costs.
    pub linked: Price,
    /// Where the platform says so.
    pub source: &'static str,
    /// When that was last read: `2026-11-25`.
    pub read: &'static str,
}
