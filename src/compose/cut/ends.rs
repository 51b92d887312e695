//! What ends where in a text, in any script, and what a single cluster counts.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use super::Ending;
use crate::text::rules::Unit;
use crate::text::{escape, measure};

/// Words before a full stop that end no sentence, in lower case: titles, units, initials are told by their length.
/// Ours: the usual ones of English, Russian, Azerbaijani, German, French, Spanish and Turkish news.
const ABBREVIATED: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "gen", "col", "lt", "sgt", "capt", "gov", "sen", "rep", "vs",
    "inc", "ltd", "co", "corp", "no", "nr", "vol", "fig", "etc", "e.g", "i.e", "a.m", "p.m", "u.s", "u.k", "e.u",
    "u.n", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "approx", "dept", "mt",
    "ft", "г", "гг", "ул", "им", "т.е", "т.к", "тыс", "млн", "млрд", "руб", "стр", "др", "проф", "акад", "обл", "пос",
    "рис", "см", "və s", "m.ö", "b.e", "küç", "prospekt", "bzw", "z.b", "usw", "ca", "abs", "str", "tel", "mme",
    "mlle", "mm", "sra", "srta", "ud", "uds", "ee.uu", "sn", "bay", "cad", "sok", "vb", "vd",
];

/// What ends at which byte.
pub(super) struct Kinds {
    /// Bytes, ascending.
    words: Vec<usize>,
    clauses: Vec<usize>,
    sentences: Vec<usize>,
}

impl Kinds {
    /// Whether a sentence ends there.
    pub(super) fn sentence(&self, byte: usize) -> bool {
        self.sentences.binary_search(&byte).is_ok()
    }

    /// What else ends there.
    pub(super) fn open(&self, byte: usize) -> Ending {
        if self.clauses.binary_search(&byte).is_ok() {
            Ending::Clause
        } else if self.words.binary_search(&byte).is_ok() {
            Ending::Word
        } else {
            Ending::Cluster
        }
    }
}

/// Looks a text over once.
pub(super) fn kinds(text: &str) -> Kinds {
    let words: Vec<usize> = text.unicode_word_indices().map(|(i, w)| i + w.len()).collect();
    let mut clauses = Vec::new();
    for (i, c) in text.char_indices() {
        let (before, after) = (&text[..i], &text[i + c.len_utf8()..]);
        let blank_before = before.ends_with(char::is_whitespace);
        let blank_after = after.is_empty() || after.starts_with(char::is_whitespace);
        let ends = match c {
            ',' | ';' | ':' | '،' | '؛' => blank_after && !blank_before,
            '、' | '，' | '；' | '：' => true,
            '–' | '—' => blank_before == blank_after,
            '-' => blank_before && blank_after,
            // Scripts without blanks between words put one between clauses.
            c if c.is_whitespace() => before.chars().next_back().is_some_and(is_unspaced) && !after.is_empty(),
            _ => false,
        };
        if ends {
            clauses.push(before.trim_end().len());
        }
    }
    clauses.sort_unstable();
    clauses.dedup();
    let mut sentences: Vec<usize> = text
        .split_sentence_bound_indices()
        .map(|(i, s)| (i + s.trim_end().len(), s))
        .filter(|(_, s)| ends_sentence(s.trim_end()) || s.ends_with('\n'))
        .map(|(end, _)| end)
        .filter(|&end| end > 0)
        .collect();
    sentences.dedup();
    Kinds { words, clauses, sentences }
}

/// Whether the text ends as a sentence does, closing quotes and brackets left aside.
fn ends_sentence(text: &str) -> bool {
    let bare = text.trim_end_matches(['"', '\'', '”', '’', '»', '“', ')', ']', '」', '』', '）', '》']);
    if let Some(before) = bare.strip_suffix('.') {
        return !is_abbreviated(before);
    }
    bare.ends_with(['!', '?', '…', '。', '！', '？', '｡', '．', '؟', '।', '॥', '۔', '։', '።', '។', '။', '།', '׃'])
}

/// Whether the word before a full stop is one that is written with it: initials, titles, units.
fn is_abbreviated(before: &str) -> bool {
    let word = before.rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | '«' | '“' | '"' | '\'' | '-')).next();
    let word = word.unwrap_or_default();
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    let single = letters == 1 && word.chars().count() == 1;
    single || ABBREVIATED.contains(&word.to_lowercase().as_str())
}

/// Whether the letter belongs to a script written without blanks between words and without letters that tell where a
/// word ends: Thai, Lao, Burmese, Khmer. Source: Unicode line breaking class SA, 16.0.
const fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{E00}'..='\u{EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{1950}'..='\u{1AAF}')
}

/// Whether an ellipsis may follow the cluster: not after a blank, an opening sign, or a sign that ends or divides
/// sentences; not between a Thai or Lao vowel and the consonant it is read with.
pub(super) fn takes_ellipsis(cluster: &str, after: &str) -> bool {
    let (Some(last), next) = (cluster.chars().next_back(), after.chars().next()) else { return false };
    let bad = last.is_whitespace()
        || last.is_control()
        || matches!(
            last,
            ',' | ';' | ':' | '-' | '–' | '—' | '(' | '[' | '{' | '“' | '„' | '«' | '‹' | '‘' | '…' | '、' | '，' | '；'
                | '：' | '،' | '؛' | '.' | '!' | '?' | '。' | '！' | '？' | '؟' | '「' | '『' | '（' | '《' | '〈' | '【'
                | '¿' | '¡' | '/' | '&' | '@' | '#' | '＃' | '$' | '\u{200B}' | '\u{E40}'..='\u{E44}'
                | '\u{EC0}'..='\u{EC4}'
        );
    let torn = matches!(
        next,
        Some(
            '\u{E2F}'
                | '\u{E30}'
                | '\u{E32}'
                | '\u{E33}'
                | '\u{E45}'
                | '\u{E46}'
                | '\u{EB0}'
                | '\u{EB2}'
                | '\u{EB3}'
                | '\u{EC6}'
        )
    );
    !bad && !torn
}

/// Where no cut may come.
pub(super) struct Barred<'a> {
    /// What is clickable.
    clickable: &'a [Range<usize>],
    /// Inside a run of letters and signs behind a sign that names and addresses are made of: cut there, the rest could
    /// become one.
    tails: Vec<Range<usize>>,
}

impl<'a> Barred<'a> {
    /// Looks a text over once.
    pub(super) fn new(text: &str, clickable: &'a [Range<usize>]) -> Self {
        let mut tails = Vec::new();
        let mut sign: Option<usize> = None;
        let mut close = |sign: &mut Option<usize>, end: usize| {
            if let Some(start) = sign.take() {
                tails.push(start..end);
            }
        };
        for (i, c) in text.char_indices() {
            if c.is_whitespace() || is_wide(c) {
                close(&mut sign, i);
            } else if sign.is_none() && matches!(c, '.' | '@' | '#' | '＃' | ':' | '$') {
                sign = Some(i);
            }
        }
        close(&mut sign, text.len());
        Self { clickable, tails }
    }

    /// Whether no text may end there, ellipsis or not.
    pub(super) fn inside(&self, byte: usize) -> bool {
        let i = self.clickable.partition_point(|r| r.end < byte);
        self.clickable.get(i).is_some_and(|r| r.start < byte && byte < r.end)
    }

    /// Whether no ellipsis may stand there.
    pub(super) fn at(&self, byte: usize) -> bool {
        let within = |ranges: &[Range<usize>], last: bool| {
            let i = ranges.partition_point(|r| r.end < byte);
            ranges.get(i).is_some_and(|r| r.start < byte && (byte < r.end || last && byte == r.end))
        };
        within(self.clickable, true) || within(&self.tails, false)
    }
}

/// Ideographs and kana, between which words need no blank.
const fn is_wide(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF00}'..='\u{FF02}' | '\u{FF04}'..='\u{FFEF}' | '\u{20000}'..='\u{3FFFF}')
}

/// What a cluster outside of links counts. Exact: no unit looks across clusters but for links and names.
pub(super) fn units(cluster: &str, unit: Unit) -> usize {
    match unit {
        Unit::Graphemes | Unit::Mastodon { .. } | Unit::Clusters => 1,
        Unit::CodePoints | Unit::Trimmed => cluster.chars().count(),
        Unit::Bytes => cluster.len(),
        Unit::Threads | Unit::Little | Unit::References | Unit::Json => measure::length(cluster, unit),
        Unit::Markdown => escape::marked(cluster),
        Unit::Utf16 => cluster.encode_utf16().count(),
        Unit::Weighted => {
            let mut chars = cluster.chars();
            match (chars.next(), chars.next()) {
                // Letters of which each weighs 1, or each 2; none of them is an emoji or changes by composition.
                (
                    Some('\u{9}'..='\u{7E}' | '\u{400}'..='\u{52F}' | '\u{5D0}'..='\u{5EA}' | '\u{620}'..='\u{64A}'),
                    None,
                ) => 1,
                (
                    Some(
                        '\u{3041}'..='\u{3096}'
                        | '\u{30A1}'..='\u{30FA}'
                        | '\u{4E00}'..='\u{9FFF}'
                        | '\u{AC00}'..='\u{D7A3}',
                    ),
                    None,
                ) => 2,
                _ => measure::length(cluster, Unit::Weighted),
            }
        }
    }
}
