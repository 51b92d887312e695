//! The fit held against all combinations there are: what docs/composing.md ("What gives way") defines, computed by trying
//! everything and measuring every text whole.

use proptest::prelude::*;

use super::cut::{Cuts, End, Ending};
use super::fit::fit;
use super::layout::{Shown, assemble};
use super::solve::{CLAUSE_SHARE, SENTENCE_SHARE};
use super::*;
use crate::text::rules::Unit;

struct Piece {
    cuts: Cuts,
    weight: u32,
    inside: Option<usize>,
}

struct Brute<'a> {
    parts: &'a [Part],
    rules: TextRules,
    pieces: Vec<Piece>,
    optional: usize,
}

impl<'a> Brute<'a> {
    fn new(parts: &'a [Part], rules: TextRules) -> Self {
        let mut it = Self { parts, rules, pieces: Vec::new(), optional: 0 };
        it.collect(parts, None);
        it
    }

    fn collect(&mut self, parts: &[Part], inside: Option<usize>) {
        for part in parts {
            match part {
                Part::Text(_) | Part::Soft => {}
                Part::Elastic { text, weight, min } => {
                    let mut cuts = Cuts::new(text, *min, self.rules);
                    while let Some(bad) = cuts.all().into_iter().find(|&end| !cuts.sound(end)) {
                        cuts.bar(bad);
                    }
                    self.pieces.push(Piece { cuts, weight: *weight, inside });
                }
                Part::Optional(inner) => {
                    let n = self.optional;
                    self.optional += 1;
                    self.collect(inner, Some(n));
                }
            }
        }
    }

    fn text(&self, there: usize, ends: &[End]) -> String {
        let texts: Vec<String> = self.pieces.iter().zip(ends).map(|(piece, &end)| piece.cuts.shown(end)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        assemble(self.parts, &Shown { optional: there, elastic: &texts })
    }

    fn fits(&self, there: usize, ends: &[End]) -> bool {
        let text = self.text(there, ends);
        !text.is_empty() && FittedText::new(text, self.rules).is_ok()
    }

    fn fit(&self) -> Option<String> {
        let whole = vec![End::Whole; self.pieces.len()];
        let outer = (0, self.which(|inside| inside.is_none()));
        let levels = (0..=self.optional)
            .rev()
            .flat_map(|there| [(there, Vec::new()), (there, self.which(|inside| inside.is_some_and(|i| i < there)))]);
        for (there, which) in levels.chain([outer]) {
            if which.is_empty() {
                if self.fits(there, &whole) {
                    return Some(self.text(there, &whole));
                }
            } else if let Some(ends) = self.level(there, &which) {
                return Some(self.text(there, &ends));
            }
        }
        None
    }

    fn which(&self, wanted: impl Fn(Option<usize>) -> bool) -> Vec<usize> {
        (0..self.pieces.len()).filter(|&i| wanted(self.pieces[i].inside)).collect()
    }

    /// All combinations of those ends that fit.
    fn fitting(&self, there: usize, which: &[usize], ends: &[Vec<End>]) -> Vec<Vec<End>> {
        let mut all = vec![vec![End::Whole; self.pieces.len()]];
        for (&i, ends) in which.iter().zip(ends) {
            all = all
                .into_iter()
                .flat_map(|before| {
                    ends.iter().map(move |&end| {
                        let mut next = before.clone();
                        next[i] = end;
                        next
                    })
                })
                .collect();
        }
        all.retain(|ends| self.fits(there, ends));
        all
    }

    /// The one that keeps most in the first text, of equals most in the second …
    fn longest(&self, which: &[usize], all: Vec<Vec<End>>) -> Option<Vec<End>> {
        let kept = |ends: &Vec<End>| which.iter().map(|&i| self.pieces[i].cuts.kept(ends[i])).collect::<Vec<_>>();
        all.into_iter().max_by_key(|ends| kept(ends))
    }

    fn level(&self, there: usize, which: &[usize]) -> Option<Vec<End>> {
        let cuts = |i: usize| &self.pieces[i].cuts;
        // The least loss, shared cluster by cluster, with which hard cuts fit.
        let mut lost = vec![0; self.pieces.len()];
        let fair = loop {
            let mut ends = vec![End::Whole; self.pieces.len()];
            for &i in which {
                ends[i] = cuts(i).hard(cuts(i).len() - lost[i]);
            }
            if self.fits(there, &ends) {
                break ends;
            }
            let burden = |i: usize| (lost[i] + 1) as f64 / f64::from(self.pieces[i].weight);
            let able = which.iter().copied().filter(|&i| lost[i] < cuts(i).slack());
            let next = able.reduce(|a, b| if burden(b) <= burden(a) { b } else { a })?;
            lost[next] += 1;
        };
        // What is left over goes to the earlier.
        let open = |i: usize, least: usize| -> Vec<End> {
            let all = cuts(i).all().into_iter();
            all.filter(|end| !matches!(end, End::Closed(_)) && cuts(i).kept(*end) >= least).collect()
        };
        let ends: Vec<Vec<End>> = which.iter().map(|&i| open(i, cuts(i).kept(fair[i]))).collect();
        let hard = self.longest(which, self.fitting(there, which, &ends))?;
        // Good ends, one text after the other.
        let mut ends = hard.clone();
        let mut kinds = vec![None; self.pieces.len()];
        for &i in which {
            let room = cuts(i).kept(hard[i]);
            let mut fit_here = cuts(i).all();
            fit_here.retain(|&end| {
                let mut tried = ends.clone();
                tried[i] = end;
                self.fits(there, &tried)
            });
            let best = |kind: Ending, share: usize| {
                let of_kind = fit_here.iter().copied().filter(|&end| is_of(cuts(i), end, kind));
                of_kind.max_by_key(|&end| cuts(i).kept(end)).filter(|&end| cuts(i).kept(end) * 100 >= room * share)
            };
            if hard[i] == End::Whole || fit_here.contains(&End::Whole) {
                ends[i] = End::Whole;
                continue;
            }
            let kinds_and_shares = [
                (Ending::Sentence, SENTENCE_SHARE),
                (Ending::Clause, CLAUSE_SHARE),
                (Ending::Word, 0),
                (Ending::Cluster, 0),
            ];
            let (kind, end) =
                kinds_and_shares.into_iter().find_map(|(kind, share)| Some((kind, best(kind, share)?)))?;
            (ends[i], kinds[i]) = (end, Some(kind));
        }
        // What good ends left over.
        let longer: Vec<Vec<End>> = which
            .iter()
            .map(|&i| match kinds[i] {
                None => vec![End::Whole],
                Some(kind) => {
                    let least = cuts(i).kept(ends[i]);
                    let all = cuts(i).all().into_iter();
                    all.filter(|&end| (end == End::Whole || is_of(cuts(i), end, kind)) && cuts(i).kept(end) >= least)
                        .collect()
                }
            })
            .collect();
        self.longest(which, self.fitting(there, which, &longer))
    }
}

/// Whether an end is good enough to be one of that kind.
fn is_of(cuts: &Cuts, end: End, kind: Ending) -> bool {
    match (kind, end) {
        (_, End::Whole) => false,
        (Ending::Sentence, end) => matches!(end, End::Closed(_)),
        (_, End::Closed(_)) => false,
        (kind, end) => cuts.ending(end).is_some_and(|it| it <= kind),
    }
}

fn words() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            4 => "[a-z]{1,4}",
            1 => "[a-z]{1,3}[.!?]",
            1 => "[a-z]{1,3}[,;:]",
            1 => Just("– x".to_owned()),
            1 => Just("漢字、文。".to_owned()),
            1 => Just("да".to_owned()),
            1 => Just("e\u{301}".to_owned()),
            1 => Just("👨\u{200D}👩\u{200D}👧".to_owned()),
            1 => Just("ทางเปิด".to_owned()),
            1 => Just("a.co".to_owned()),
            1 => Just("https://e.org/a?b".to_owned()),
            1 => Just("#tag".to_owned()),
            1 => Just("3.5".to_owned()),
        ],
        1..5,
    )
    .prop_map(|words| words.join(" "))
}

fn elastic() -> impl Strategy<Value = Part> {
    (words(), 1_u32..4, 1_usize..6).prop_map(|(text, weight, min)| Part::Elastic { text, weight, min })
}

fn between() -> impl Strategy<Value = Part> {
    prop_oneof![
        Just(Part::Text("\n".into())),
        Just(Part::Text(" ".into())),
        Just(Part::Text("\nhttps://e.org/1\n".into())),
        Just(Part::Text(" | ".into())),
        Just(Part::Text(" »\n« ".into())),
    ]
}

fn template() -> impl Strategy<Value = Vec<Part>> {
    let block = prop_oneof![
        3 => (elastic(), between()).prop_map(|(e, t)| vec![e, t]),
        2 => (elastic(), between()).prop_map(|(e, t)| vec![Part::Optional(vec![e]), t]),
        1 => (elastic(), elastic(), between())
            .prop_map(|(a, b, t)| vec![Part::Optional(vec![a, Part::Text(" ".into()), b]), t]),
        1 => Just(vec![Part::Optional(vec![Part::Text("#Tag #Two".into())]), Part::Text("\n".into())]),
    ];
    proptest::collection::vec(block, 1..4).prop_map(|blocks| {
        let mut parts = vec![Part::Text("T ".into())];
        parts.extend(blocks.concat());
        parts
    })
}

fn unit() -> impl Strategy<Value = Unit> {
    prop_oneof![
        Just(Unit::Graphemes),
        Just(Unit::Mastodon { link: 23 }),
        Just(Unit::CodePoints),
        Just(Unit::Weighted),
        Just(Unit::Utf16)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(6000) })]

    #[test]
    fn the_fit_is_the_best_of_all(
        parts in template(), limit in 1_usize..90, unit in unit(), bytes in proptest::option::weighted(0.2, 10_usize..150)
    ) {
        let rules = TextRules { limit, unit, bytes };
        let want = Brute::new(&parts, rules).fit();
        let got = fit(&parts, rules).ok().map(|text| text.as_str().to_owned());
        prop_assert_eq!(got, want, "{:?} in {:?}", parts, rules);
    }
}
