//! Where one text may end: at the end of a sentence, of a clause, of a word, or at least between grapheme clusters; never
//! inside what a platform makes clickable, and never so that something becomes clickable that was not. What each end
//! costs is known in advance, so that a search need not measure texts. Which end is taken is `solve`'s.

mod ends;

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use crate::text::entities::{self, Kind};
use crate::text::measure;
use crate::text::rules::{TextRules, Unit};

/// What stands for the text that is gone. Costs 2 on X.
const ELLIPSIS: char = '…';
/// Bytes of a text in which ends are looked for, for each unit of the limit, and beside that: room for a link or two.
/// Nothing behind them can fit. Ours.
const WINDOW: (usize, usize) = (32, 8192);

/// What a text counts, in the platform's unit and in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// In the platform's unit.
    pub units: usize,
    /// Bytes of UTF-8.
    pub bytes: usize,
}

impl Cost {
    /// Of a text as it stands alone.
    pub(super) fn of(text: &str, unit: Unit) -> Self {
        Self { units: measure::length(text, unit), bytes: text.len() }
    }

    pub(super) const fn plus(self, other: Self) -> Self {
        Self { units: self.units + other.units, bytes: self.bytes + other.bytes }
    }

    /// What is left of it, nothing below zero.
    pub(super) const fn less(self, other: Self) -> Self {
        Self { units: self.units.saturating_sub(other.units), bytes: self.bytes.saturating_sub(other.bytes) }
    }

    pub(super) const fn within(self, most: Self) -> bool {
        self.units <= most.units && self.bytes <= most.bytes
    }
}

/// A place where the text may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// Clusters before it.
    kept: usize,
    /// Bytes before it.
    byte: usize,
    /// What they count.
    before: Cost,
    /// The best that ends here.
    kind: Ending,
}

/// What ends at a place, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ending {
    /// A sentence: no ellipsis is needed.
    Sentence,
    /// A clause.
    Clause,
    /// A word.
    Word,
    /// A grapheme cluster.
    Cluster,
}

/// How a text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing is gone.
    Whole,
    /// Cut at that one of the open places, with an ellipsis.
    Open(usize),
    /// Cut after that one of the sentences.
    Closed(usize),
}

/// A text and the places where it may end.
pub(super) struct Cuts {
    text: String,
    /// Clusters of the whole.
    len: usize,
    whole: Cost,
    ellipsis: Cost,
    /// Places for an ellipsis, in order.
    open: Vec<Place>,
    /// Ends of sentences, in order.
    closed: Vec<Place>,
    unit: Unit,
}

impl Cuts {
    /// Finds the places in `text` that keep at least `min` clusters.
    pub(super) fn new(text: &str, min: usize, rules: TextRules) -> Self {
        let text = text.trim();
        let unit = rules.unit;
        let most = rules.limit.saturating_mul(WINDOW.0).saturating_add(WINDOW.1);
        let window = &text[..text.floor_char_boundary(most)];
        let found = entities(window, unit);
        let closed_to: Vec<Range<usize>> = found.iter().map(|e| e.barred.clone()).collect();
        let barred = ends::Barred::new(window, &closed_to);
        let kinds = ends::kinds(window);
        let min = min.max(1);
        let (mut open, mut closed) = (Vec::new(), Vec::new());
        let (mut before, mut kept, mut next) = (Cost::default(), 0, 0);
        for (start, cluster) in window.grapheme_indices(true) {
            let byte = start + cluster.len();
            kept += 1;
            before.bytes = byte;
            // What is counted as one whole is charged where it ends.
            while found.get(next).is_some_and(|e| e.range.end <= start) {
                next += 1;
            }
            match found.get(next).filter(|e| e.cost.is_some() && e.range.start <= start) {
                Some(e) if e.range.end == byte => before.units += e.cost.unwrap_or_default(),
                Some(_) => {}
                None => before.units += ends::units(cluster, unit),
            }
            if kept < min || byte >= text.len() || byte >= window.len() {
                continue;
            }
            if kinds.sentence(byte) && !barred.inside(byte) {
                closed.push(Place { kept, byte, before, kind: Ending::Sentence });
            }
            if ends::takes_ellipsis(cluster, &window[byte..]) && !barred.at(byte) {
                open.push(Place { kept, byte, before, kind: kinds.open(byte) });
            }
        }
        let len = if window.len() == text.len() { kept } else { kept + text[window.len()..].graphemes(true).count() };
        let whole = Cost::of(text, unit);
        let ellipsis = Cost { units: ends::units("…", unit), bytes: ELLIPSIS.len_utf8() };
        Self { text: text.to_owned(), len, whole, ellipsis, open, closed, unit }
    }

    /// Clusters of the whole.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Clusters that may go.
    pub(super) fn slack(&self) -> usize {
        self.open.first().map_or(0, |place| self.len - place.kept)
    }

    /// Clusters that an end keeps.
    pub(super) fn kept(&self, end: End) -> usize {
        match end {
            End::Whole => self.len,
            End::Open(i) => self.open[i].kept,
            End::Closed(i) => self.closed[i].kept,
        }
    }

    /// What an end counts, ellipsis included.
    pub(super) fn cost(&self, end: End) -> Cost {
        match end {
            End::Whole => self.whole,
            End::Open(i) => self.open[i].before.plus(self.ellipsis),
            End::Closed(i) => self.closed[i].before,
        }
    }

    /// The same without an ellipsis: never less for an end that keeps more.
    pub(super) fn bare(&self, end: End) -> Cost {
        match end {
            End::Whole => self.whole,
            End::Open(i) => self.open[i].before,
            End::Closed(i) => self.closed[i].before,
        }
    }

    /// The text with that end.
    pub(super) fn shown(&self, end: End) -> String {
        match end {
            End::Whole => self.text.clone(),
            End::Open(i) => format!("{}{ELLIPSIS}", &self.text[..self.open[i].byte]),
            End::Closed(i) => self.text[..self.closed[i].byte].to_owned(),
        }
    }

    /// What an end leaves out.
    pub(super) fn rest(&self, end: End) -> &str {
        match end {
            End::Whole => "",
            End::Open(i) => self.text[self.open[i].byte..].trim_start(),
            End::Closed(i) => self.text[self.closed[i].byte..].trim_start(),
        }
    }

    /// The cut that keeps most of at most `room` clusters, wherever that is; the shortest where none does.
    pub(super) fn hard(&self, room: usize) -> End {
        if room >= self.len || self.open.is_empty() {
            return End::Whole;
        }
        End::Open(self.open.partition_point(|place| place.kept <= room).saturating_sub(1))
    }

    /// The longest end within `most`, of any kind that takes an ellipsis.
    pub(super) fn longest_open(&self, most: Cost) -> Option<End> {
        if self.whole.within(most) {
            return Some(End::Whole);
        }
        let fits = |place: &Place| place.before.plus(self.ellipsis).within(most);
        self.open.partition_point(fits).checked_sub(1).map(End::Open)
    }

    /// The longest end within `most` of that kind; of words, clauses and clusters also a better kind's place.
    pub(super) fn longest(&self, kind: Ending, most: Cost) -> Option<End> {
        if kind == Ending::Sentence {
            return self.closed.partition_point(|place| place.before.within(most)).checked_sub(1).map(End::Closed);
        }
        let fits = |place: &Place| place.before.plus(self.ellipsis).within(most);
        (0..self.open.partition_point(fits)).rev().find(|&i| self.open[i].kind <= kind).map(End::Open)
    }

    /// Whether the cut makes nothing clickable that was not, and leaves whole what was.
    pub(super) fn sound(&self, end: End) -> bool {
        let End::Open(i) = end else { return true };
        let byte = self.open[i].byte;
        let of = |text: &str| -> Vec<(Range<usize>, bool)> {
            entities(text, self.unit).into_iter().map(|e| (e.range, e.cost.is_some())).collect()
        };
        let near = self.text.floor_char_boundary((byte + 1).min(self.text.len()));
        let until = self.text[near..].find(char::is_whitespace).map_or(self.text.len(), |at| near + at);
        let mut whole = of(&self.text[..until]);
        whole.retain(|(range, _)| range.end <= byte);
        of(&self.shown(end)) == whole
    }

    /// Takes an open place out.
    pub(super) fn bar(&mut self, end: End) {
        if let End::Open(i) = end {
            self.open.remove(i);
        }
    }

    /// Every end there is, the whole included.
    #[cfg(test)]
    pub(super) fn all(&self) -> Vec<End> {
        let open = (0..self.open.len()).map(End::Open);
        open.chain((0..self.closed.len()).map(End::Closed)).chain([End::Whole]).collect()
    }

    /// What ends at an end.
    #[cfg(test)]
    pub(super) fn ending(&self, end: End) -> Option<Ending> {
        match end {
            End::Whole => None,
            End::Open(i) => Some(self.open[i].kind),
            End::Closed(_) => Some(Ending::Sentence),
        }
    }
}

/// Something clickable in a text.
struct Found {
    range: Range<usize>,
    /// Bytes behind which no cut may come.
    barred: Range<usize>,
    /// What it counts, where that is not what its characters count.
    cost: Option<usize>,
}

/// What is clickable, in order, by bytes.
fn entities(text: &str, unit: Unit) -> Vec<Found> {
    // Nothing is clickable without one of these; most headlines have none.
    if !text.contains(['.', '@', '#', '＃', ':', '/', '$', '。', '．']) {
        return Vec::new();
    }
    let mut byte = 0;
    entities::entities(text, unit)
        .into_iter()
        .filter_map(|e| {
            // Offsets are the platform's; the words themselves tell the bytes.
            let start = byte + text[byte..].find(&e.text)?;
            byte = start + e.text.len();
            // After a link an ellipsis would become part of it; after a tag or name it ends it.
            let end = if e.kind == Kind::Link { byte } else { byte - 1 };
            let cost = (e.kind != Kind::Tag).then(|| measure::length(&e.text, unit));
            Some(Found { range: start..byte, barred: start..end, cost })
        })
        .collect()
}

#[cfg(test)]
mod tests;
