//! What gives way, in which order, until a text is within its limits:
//! whole; then elastic texts inside optional parts shrink; then optional parts leave, the last first (those that stay
//! are whole again if they can be); then elastic texts outside shrink. What still does not fit is for a person.
//! Which ends the shrinking texts take is `solve`'s, over costs known in advance; here every answer is measured whole
//! before it is believed.

use std::cell::RefCell;

use super::Unfit;
use super::cut::{Cost, Cuts, End};
use super::layout::{Shown, assemble};
use super::solve::{Cuttable, solve};
use crate::expr::marks::Part;
use crate::text::rules::{FittedText, Misfit, TextRules};

/// How often a search is made again because its answer was no good: a text that counts more among its neighbours than
/// alone, or a cut that would make something clickable.
const TRIES: usize = 64;

/// An elastic part, in the order of the template.
struct Elastic<'a> {
    text: &'a str,
    min: usize,
    weight: u32,
    /// Which optional part it is in, counted from the front.
    inside: Option<usize>,
    /// Where it may be cut; looked for only once something has to give way.
    cuts: RefCell<Option<Cuts>>,
}

/// Makes the parts fit.
pub(super) fn fit(parts: &[Part], rules: TextRules) -> Result<FittedText, Unfit> {
    let mut elastics = Vec::new();
    let mut optional = 0;
    collect(parts, None, &mut optional, &mut elastics);
    let task = Task { parts, rules, elastics };

    for there in (0..=optional).rev() {
        let whole = match task.whole(there) {
            Ok(text) => return Ok(text),
            Err(whole) => whole,
        };
        let inner = task.which(|e| e.inside.is_some_and(|i| i < there));
        if let Some(text) = task.shrink(there, &inner, whole) {
            return Ok(text);
        }
    }
    let outer = task.which(|e| e.inside.is_none());
    let shrunk = task.whole(0).err().and_then(|whole| task.shrink(0, &outer, whole));
    shrunk.ok_or_else(|| task.reason(&outer))
}

fn collect<'a>(parts: &'a [Part], inside: Option<usize>, optional: &mut usize, out: &mut Vec<Elastic<'a>>) {
    for part in parts {
        match part {
            Part::Text(_) | Part::Soft => {}
            Part::Elastic { text, weight, min } => {
                let (text, cuts) = (text.trim(), RefCell::new(None));
                out.push(Elastic { text, min: *min, weight: *weight, inside, cuts });
            }
            Part::Optional(inner) => {
                let n = *optional;
                *optional += 1;
                collect(inner, Some(n), optional, out);
            }
        }
    }
}

struct Task<'a> {
    parts: &'a [Part],
    rules: TextRules,
    elastics: Vec<Elastic<'a>>,
}

impl Task<'_> {
    fn which(&self, wanted: impl Fn(&Elastic<'_>) -> bool) -> Vec<usize> {
        self.elastics.iter().enumerate().filter(|(_, e)| wanted(e)).map(|(i, _)| i).collect()
    }

    /// With so many optional parts and nothing cut: the text, or what it counts.
    fn whole(&self, there: usize) -> Result<FittedText, Option<Cost>> {
        let texts: Vec<&str> = self.elastics.iter().map(|e| e.text).collect();
        let text = assemble(self.parts, &Shown { optional: there, elastic: &texts });
        if text.is_empty() {
            return Err(None);
        }
        match FittedText::new(text.clone(), self.rules) {
            Ok(text) => Ok(text),
            Err(Misfit::TooLong(_)) => Err(Some(Cost::of(&text, self.rules.unit))),
            Err(Misfit::Forbidden(_)) => Err(None),
        }
    }

    /// The best text with those elastic parts cut and all else whole; `whole`: what it counts with nothing cut.
    fn shrink(&self, there: usize, which: &[usize], whole: Option<Cost>) -> Option<FittedText> {
        let whole = whole.filter(|_| !which.is_empty())?;
        for &i in which {
            let e = &self.elastics[i];
            e.cuts.borrow_mut().get_or_insert_with(|| Cuts::new(e.text, e.min, self.rules));
        }
        let mut most = Cost { units: self.rules.limit, bytes: self.rules.bytes.unwrap_or(usize::MAX / 2) };
        for _ in 0..TRIES {
            let ends = self.ends(which, whole, most)?;
            if self.bar_unsound(which, &ends) {
                continue;
            }
            let text = self.text(there, which, &ends);
            match FittedText::new(text, self.rules) {
                Ok(text) => return Some(text),
                // Beside its neighbours a text counts more than alone: so much less may the next try count.
                Err(Misfit::TooLong(over)) => {
                    let less = over.length - over.limit;
                    most = most.less(Cost { units: less, bytes: less });
                }
                Err(Misfit::Forbidden(_)) => return None,
            }
        }
        None
    }

    fn ends(&self, which: &[usize], whole: Cost, most: Cost) -> Option<Vec<End>> {
        let held: Vec<_> = which.iter().map(|&i| self.elastics[i].cuts.borrow()).collect();
        let texts: Vec<Cuttable<'_>> = which
            .iter()
            .zip(&held)
            .filter_map(|(&i, cuts)| Some(Cuttable { cuts: cuts.as_ref()?, weight: self.elastics[i].weight }))
            .collect();
        let elastic = texts.iter().fold(Cost::default(), |sum, text| sum.plus(text.cuts.cost(End::Whole)));
        let fixed = whole.less(elastic);
        if !fixed.within(most) {
            return None;
        }
        solve(&texts, most.less(fixed))
    }

    /// Takes cuts out that would make something clickable; whether there was one.
    fn bar_unsound(&self, which: &[usize], ends: &[End]) -> bool {
        let mut barred = false;
        for (&i, &end) in which.iter().zip(ends) {
            if let Some(cuts) = self.elastics[i].cuts.borrow_mut().as_mut()
                && !cuts.sound(end)
            {
                cuts.bar(end);
                barred = true;
            }
        }
        barred
    }

    fn text(&self, there: usize, which: &[usize], ends: &[End]) -> String {
        let mut texts: Vec<String> = self.elastics.iter().map(|e| e.text.to_owned()).collect();
        for (&i, &end) in which.iter().zip(ends) {
            if let Some(cuts) = self.elastics[i].cuts.borrow().as_ref() {
                texts[i] = cuts.shown(end);
            }
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        assemble(self.parts, &Shown { optional: there, elastic: &texts })
    }

    fn reason(&self, outer: &[usize]) -> Unfit {
        let shortest: Vec<End> = outer
            .iter()
            .map(|&i| self.elastics[i].cuts.borrow().as_ref().map_or(End::Whole, |cuts| cuts.hard(0)))
            .collect();
        let text = self.text(0, outer, &shortest);
        if text.is_empty() {
            return Unfit("the template gives no text".into());
        }
        match FittedText::new(text, self.rules) {
            Err(Misfit::TooLong(e)) => Unfit(format!("{e}, although all that may give way has")),
            Err(e) => Unfit(e.to_string()),
            Ok(_) => Unfit("the template gives no text".into()),
        }
    }
}

/// The longest good beginning of a text that fits with `after` behind it, and what it leaves out.
pub(super) fn beginning<'a>(text: &'a str, after: &str, rules: TextRules) -> Option<(FittedText, &'a str)> {
    let text = text.trim();
    if let Ok(whole) = FittedText::new(format!("{text}{after}"), rules) {
        return Some((whole, ""));
    }
    let mut cuts = Cuts::new(text, 1, rules);
    let mut most = Cost { units: rules.limit, bytes: rules.bytes.unwrap_or(usize::MAX / 2) };
    most = most.less(Cost::of(after, rules.unit));
    for _ in 0..TRIES {
        let end = *solve(&[Cuttable { cuts: &cuts, weight: 1 }], most)?.first()?;
        if !cuts.sound(end) {
            cuts.bar(end);
            continue;
        }
        match FittedText::new(format!("{}{after}", cuts.shown(end)), rules) {
            Ok(fitted) => return Some((fitted, &text[text.len() - cuts.rest(end).len()..])),
            Err(Misfit::TooLong(over)) => {
                let less = over.length - over.limit;
                most = most.less(Cost { units: less, bytes: less });
            }
            Err(Misfit::Forbidden(_)) => return None,
        }
    }
    None
}
