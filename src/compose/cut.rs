//! Where one text may be cut: at the end of a sentence, of a word, or at least between grapheme clusters; never inside
//! what a platform makes clickable.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use crate::text::entities::{self, Kind};
use crate::text::rules::Unit;

/// What stands for the text that is gone. Costs 2 on X.
const ELLIPSIS: char = '…';
/// Share of what would fit that a sentence's end has to keep to be preferred, in percent. Source: product.md.
const SENTENCE_SHARE: usize = 60;

/// A text and the places where it may end.
pub(super) struct Cuts {
    text: String,
    /// Byte after each allowed cluster, in order; the whole text is the last.
    clusters: Vec<usize>,
    /// Indices into `clusters` where a word ends.
    words: Vec<usize>,
    /// Indices into `clusters` where a sentence ends.
    sentences: Vec<usize>,
    min: usize,
}

impl Cuts {
    /// Finds the places in `text` that keep at least `min` clusters.
    pub(super) fn new(text: &str, min: usize, unit: Unit) -> Self {
        let text = text.trim();
        let closed = clickable(text, unit);
        let all: Vec<usize> = text.grapheme_indices(true).map(|(i, g)| i + g.len()).collect();
        let open = |byte: usize| {
            let i = closed.partition_point(|r| r.end < byte);
            closed.get(i).is_none_or(|r| !(r.start < byte && byte <= r.end))
        };
        let words = text
            .unicode_word_indices()
            .map(|(i, w)| i + w.len())
            .filter(|&end| open(end))
            .filter_map(|end| all.binary_search(&end).ok())
            .collect();
        let sentences = text
            .split_sentence_bound_indices()
            .map(|(i, s)| (i, s.trim_end()))
            .filter(|(_, s)| ends_sentence(s))
            .filter_map(|(i, s)| all.binary_search(&(i + s.len())).ok())
            .collect();
        let mut cuts = Self { text: text.to_owned(), clusters: all, words, sentences, min: min.max(1) };
        let least = cuts.min.min(cuts.len()).saturating_sub(1);
        let last = cuts.len().saturating_sub(1);
        cuts.words.retain(|&i| i >= least && i < last);
        cuts.sentences.retain(|&i| i >= least && i < last);
        cuts
    }

    /// Clusters of the whole.
    pub(super) fn len(&self) -> usize {
        self.clusters.len()
    }

    /// Clusters that may go.
    pub(super) fn slack(&self) -> usize {
        self.len().saturating_sub(self.min)
    }

    /// The whole text.
    pub(super) fn whole(&self) -> &str {
        &self.text
    }

    /// The best text of at most `room` clusters before its ellipsis; the shortest allowed where that is more.
    pub(super) fn within(&self, room: usize) -> String {
        let room = room.max(self.min);
        if room >= self.len() {
            return self.text.clone();
        }
        let enough = (room * SENTENCE_SHARE).div_ceil(100);
        match (before(&self.sentences, room), before(&self.words, room)) {
            (Some(i), _) if i + 1 >= enough => self.sentence(i),
            (_, Some(i)) => self.open_end(i),
            _ => self.open_end(room - 1),
        }
    }

    /// The best text that `fits`, given that the shortest does; searches each kind of place by halving, which is right
    /// as longer texts count more; the few that do not are tried one by one around the border.
    pub(super) fn best(&self, fits: &impl Fn(&str) -> bool) -> Option<String> {
        if fits(&self.text) {
            return Some(self.text.clone());
        }
        if self.slack() == 0 {
            return None;
        }
        let places: Vec<usize> = (self.min - 1..self.len() - 1).collect();
        let room = longest(&places, &|i| fits(&self.open_end(i)))? + 1;
        let enough = (room * SENTENCE_SHARE).div_ceil(100);
        if let Some(i) = longest(&self.sentences, &|i| fits(&self.sentence(i)))
            && i + 1 >= enough
        {
            return Some(self.sentence(i));
        }
        let word = longest(&self.words, &|i| fits(&self.open_end(i)));
        Some(self.open_end(word.unwrap_or(room - 1)))
    }

    fn sentence(&self, i: usize) -> String {
        self.text[..self.clusters[i]].to_owned()
    }

    /// The text up to a cluster, without blanks and commas at its end, with an ellipsis.
    fn open_end(&self, i: usize) -> String {
        let kept = &self.text[..self.clusters[i]];
        let bare = kept.trim_end_matches(|c: char| {
            c.is_whitespace()
                || matches!(c, ',' | ';' | ':' | '-' | '–' | '—' | '(' | '[' | '“' | '„' | '«' | '…' | '、' | '،')
        });
        let bare = if bare.is_empty() { kept.trim_end() } else { bare };
        format!("{bare}{ELLIPSIS}")
    }
}

/// The largest of `places` below `room`.
fn before(places: &[usize], room: usize) -> Option<usize> {
    places[..places.partition_point(|&i| i < room)].last().copied()
}

/// How many places beyond the border are tried.
const AROUND: usize = 24;

/// The largest of `places` (ascending) that `fits`.
fn longest(places: &[usize], fits: &impl Fn(usize) -> bool) -> Option<usize> {
    let border = places.partition_point(|&i| fits(i));
    let beyond = places[border..].iter().take(AROUND).rev().find(|&&i| fits(i));
    if let Some(&i) = beyond {
        return Some(i);
    }
    // `partition_point` trusts the order; what it found is looked at once more.
    places[..border].iter().rev().find(|&&i| fits(i)).copied()
}

/// Ranges that must not be cut, in order.
fn clickable(text: &str, unit: Unit) -> Vec<Range<usize>> {
    let mut byte = 0;
    entities::entities(text, unit)
        .into_iter()
        .filter_map(|e| {
            // Offsets are the platform's; the words themselves tell the bytes.
            let start = byte + text[byte..].find(&e.text)?;
            byte = start + e.text.len();
            // After a link an ellipsis would become part of it; after a tag or name it ends it.
            let end = if e.kind == Kind::Link { byte } else { byte - 1 };
            Some(start..end)
        })
        .collect()
}

/// Whether the text ends as a sentence does, closing quotes and brackets left aside.
fn ends_sentence(text: &str) -> bool {
    let bare = text.trim_end_matches(['"', '\'', '”', '’', '»', '“', ')', ']', '」', '』']);
    bare.ends_with(['.', '!', '?', '…', '。', '！', '？', '؟', '।', '۔', '։', '።', '။'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_prefers_sentence_then_word_then_cluster() {
        let long = "One two three. Four five six, seven";
        for (text, min, room, want) in [
            (long, 1, 35, long),
            (long, 1, 20, "One two three."),
            (long, 1, 29, "One two three. Four five six…"),
            (long, 1, 13, "One two three…"),
            (long, 1, 9, "One two…"),
            (long, 1, 2, "On…"),
            (long, 18, 2, "One two three. Fou…"),
            ("日本語の長い文章です", 1, 4, "日本語の…"),
            ("👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧", 1, 2, "👨‍👩‍👧👨‍👩‍👧…"),
            ("see https://example.org/a/b/c now", 1, 20, "see…"),
            ("", 1, 0, ""),
        ] {
            assert_eq!(Cuts::new(text, min, Unit::Graphemes).within(room), want, "{text} {room}");
        }
    }

    #[test]
    fn a_full_stop_in_a_name_or_number_ends_no_sentence() {
        let cuts = Cuts::new("It rose 3.5 percent in Q1.2 alone and more followed", 1, Unit::Graphemes);
        assert!(cuts.sentences.is_empty());
    }
}
