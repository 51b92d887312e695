//! Which ends several texts take that share one room: the search behind `fit`, over costs alone. What is optimal is
//! defined in docs/composing.md ("What gives way"); the tests hold it against all combinations there are.

use super::cut::{Cost, Cuts, End, Ending};

/// Share of its room that a sentence's end has to keep to be preferred, in percent. Source: product.md.
pub(super) const SENTENCE_SHARE: usize = 60;
/// The same for the end of a clause. Ours: a clause is worth a fifth of the text, a sentence two.
pub(super) const CLAUSE_SHARE: usize = 80;
/// Texts that are tried whole and cut: as many as lose no more than an ellipsis counts; more are left to chance. Ours.
const WHOLES: usize = 6;

/// A text that may be cut.
pub(super) struct Cuttable<'a> {
    /// Where.
    pub cuts: &'a Cuts,
    /// Its share of what has to go.
    pub weight: u32,
}

/// The best ends within `most`, which all texts together may count; `None` where the shortest are too much.
pub(super) fn solve(texts: &[Cuttable<'_>], most: Cost) -> Option<Vec<End>> {
    let hard = earlier_first(texts, fair(texts, most)?, most, |i, room| texts[i].cuts.longest_open(room));
    let mut ends = hard.clone();
    let mut kinds = Vec::with_capacity(texts.len());
    for (i, text) in texts.iter().enumerate() {
        let (kind, end) = best(text.cuts, text.cuts.kept(hard[i]), left_for(texts, &ends, i, most), hard[i]);
        kinds.push(kind);
        ends[i] = end;
    }
    // What good ends left over goes to the earlier text that can use it.
    Some(earlier_first(texts, ends, most, |i, room| longest_of(texts[i].cuts, kinds[i]?, room)))
}

/// The longest end of that kind, or the whole.
fn longest_of(cuts: &Cuts, kind: Ending, room: Cost) -> Option<End> {
    if cuts.cost(End::Whole).within(room) { Some(End::Whole) } else { cuts.longest(kind, room) }
}

/// What text `i` may count beside the others.
fn left_for(texts: &[Cuttable<'_>], ends: &[End], i: usize, most: Cost) -> Cost {
    let others = texts.iter().zip(ends).enumerate().filter(|(k, _)| *k != i);
    most.less(others.fold(Cost::default(), |sum, (_, (text, &end))| sum.plus(text.cuts.cost(end))))
}

/// Hard cuts with the least loss, shared by weight, that is within `most`.
fn fair(texts: &[Cuttable<'_>], most: Cost) -> Option<Vec<End>> {
    let all: usize = texts.iter().map(|text| text.cuts.slack()).sum();
    let cut = |loss: usize| -> Vec<End> {
        let lost = losses(texts, loss);
        texts.iter().zip(lost).map(|(text, lost)| text.cuts.hard(text.cuts.len() - lost)).collect()
    };
    let sum = |ends: &[End], of: fn(&Cuts, End) -> Cost| {
        texts.iter().zip(ends).fold(Cost::default(), |sum, (text, &end)| sum.plus(of(text.cuts, end)))
    };
    // Without ellipses a greater loss never counts more, so halving finds where it can begin to fit; with them it can,
    // as each text gets its own, so from there on every loss is tried.
    let (mut low, mut high) = (0, all);
    if !sum(&cut(all), Cuts::bare).within(most) {
        return None;
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if sum(&cut(middle), Cuts::bare).within(most) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    (low..=all).map(cut).find(|ends| sum(ends, Cuts::cost).within(most))
}

/// How many clusters each text loses of `loss`: one at a time from the text whose loss by weight is then the least, the
/// later of equals, none beyond what it has.
pub(super) fn losses(texts: &[Cuttable<'_>], loss: usize) -> Vec<usize> {
    let slack: Vec<usize> = texts.iter().map(|text| text.cuts.slack()).collect();
    let weights: Vec<u32> = texts.iter().map(|text| text.weight).collect();
    shared(&slack, &weights, loss)
}

fn shared(slack: &[usize], weights: &[u32], loss: usize) -> Vec<usize> {
    let heaviest = weights.iter().copied().max().unwrap_or(1).max(1) as usize;
    // After all steps that leave no text with more than t / heaviest for each unit of its weight, the losses are these.
    let after = |t: usize| -> Vec<usize> {
        slack.iter().zip(weights).map(|(&slack, &w)| (t.saturating_mul(w as usize) / heaviest).min(slack)).collect()
    };
    let (mut low, mut high) = (0, loss.saturating_mul(heaviest).saturating_add(1));
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if after(middle).iter().sum::<usize>() <= loss {
            low = middle;
        } else {
            high = middle;
        }
    }
    let mut lost = after(low);
    let mut left = loss - lost.iter().sum::<usize>();
    while left > 0 {
        let able = (0..slack.len()).filter(|&i| lost[i] < slack[i]);
        // (lost + 1) / weight, compared without division.
        let burden = |i: usize, j: usize| {
            ((lost[i] + 1) * weights[j] as usize).cmp(&((lost[j] + 1) * weights[i] as usize)).then(j.cmp(&i))
        };
        let Some(next) = able.min_by(|&i, &j| burden(i, j)) else { break };
        lost[next] += 1;
        left -= 1;
    }
    lost
}

/// Of all ends that keep no less, those that keep most of the first text, of equals most of the second, and so on.
/// `longest`: the longest end of a text that counts no more.
///
/// An end that keeps more counts more, but for the whole: without an ellipsis it can count less than a cut, in units or in
/// bytes. So what the others leave is tried with each choice of texts that are whole from the start.
fn earlier_first(
    texts: &[Cuttable<'_>],
    ends: Vec<End>,
    most: Cost,
    longest: impl Fn(usize, Cost) -> Option<End>,
) -> Vec<End> {
    let kept = |ends: &[End]| texts.iter().zip(ends).map(|(text, &end)| text.cuts.kept(end)).collect::<Vec<_>>();
    let open: Vec<usize> = (0..texts.len())
        .filter(|&i| ends[i] != End::Whole && longest(i, most) == Some(End::Whole))
        .filter(|&i| !texts[i].cuts.cost(ends[i]).within(texts[i].cuts.cost(End::Whole)))
        .take(WHOLES)
        .collect();
    let mut best: Option<(Vec<usize>, Vec<End>)> = None;
    for choice in 0..1_u32 << open.len() {
        let mut tried = ends.clone();
        for (_, &i) in open.iter().enumerate().filter(|(bit, _)| choice & (1 << bit) != 0) {
            tried[i] = End::Whole;
        }
        let sum = texts.iter().zip(&tried).fold(Cost::default(), |sum, (text, &end)| sum.plus(text.cuts.cost(end)));
        if !sum.within(most) {
            continue;
        }
        for (i, text) in texts.iter().enumerate() {
            let longer = longest(i, left_for(texts, &tried, i, most));
            if let Some(longer) = longer.filter(|&longer| text.cuts.kept(longer) > text.cuts.kept(tried[i])) {
                tried[i] = longer;
            }
        }
        let so_long = kept(&tried);
        if best.as_ref().is_none_or(|(longest, _)| so_long > *longest) {
            best = Some((so_long, tried));
        }
    }
    best.map_or(ends, |(_, best)| best)
}

/// The best end of one text within `most`, by the room that a hard cut gives it.
fn best(cuts: &Cuts, room: usize, most: Cost, hard: End) -> (Option<Ending>, End) {
    if hard == End::Whole || cuts.cost(End::Whole).within(most) {
        return (None, End::Whole);
    }
    for (kind, share) in [(Ending::Sentence, SENTENCE_SHARE), (Ending::Clause, CLAUSE_SHARE), (Ending::Word, 0)] {
        let end = cuts.longest(kind, most).filter(|&end| cuts.kept(end) * 100 >= room * share);
        if let Some(end) = end {
            return (Some(kind), end);
        }
    }
    (Some(Ending::Cluster), cuts.longest(Ending::Cluster, most).unwrap_or(hard))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

        /// Against one cluster at a time, as the definition says.
        #[test]
        fn losses_are_shared_as_if_one_by_one(
            texts in proptest::collection::vec((0_usize..40, 1_u32..9), 1..5), loss in 0_usize..120
        ) {
            let (slack, weights): (Vec<usize>, Vec<u32>) = texts.into_iter().unzip();
            let mut want = vec![0_usize; slack.len()];
            for _ in 0..loss.min(slack.iter().sum()) {
                let next = (0..slack.len())
                    .filter(|&i| want[i] < slack[i])
                    .reduce(|a, b| {
                        let (fa, fb) = ((want[a] + 1) * weights[b] as usize, (want[b] + 1) * weights[a] as usize);
                        if fb <= fa { b } else { a }
                    })
                    .expect("some text has something left");
                want[next] += 1;
            }
            prop_assert_eq!(shared(&slack, &weights, loss), want);
        }
    }
}
