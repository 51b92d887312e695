//! What gives way, in which order, until a text is within its limits:
//! whole; then elastic texts inside optional parts shrink; then optional parts leave, the last first (those that stay
//! are whole again if they can be); then elastic texts outside shrink. What still does not fit is for a person.

use super::Unfit;
use super::cut::Cuts;
use super::layout::{Shown, assemble};
use crate::expr::marks::Part;
use crate::text::rules::{FittedText, Misfit, TextRules};

/// An elastic part, in the order of the template.
struct Elastic {
    cuts: Cuts,
    weight: u32,
    /// Which optional part it is in, counted from the front.
    inside: Option<usize>,
}

/// Makes the parts fit.
pub(super) fn fit(parts: &[Part], rules: TextRules) -> Result<FittedText, Unfit> {
    let mut elastics = Vec::new();
    let mut optional = 0;
    collect(parts, None, &mut optional, &mut elastics, rules);
    let task = Task { parts, rules, elastics };

    for there in (0..=optional).rev() {
        let whole = task.whole();
        if let Some(text) = task.try_texts(there, &whole) {
            return Ok(text);
        }
        let inner: Vec<usize> = task.which(|e| e.inside.is_some_and(|i| i < there));
        if let Some(text) = task.shrink(there, &inner) {
            return Ok(text);
        }
    }
    let outer = task.which(|e| e.inside.is_none());
    match task.shrink(0, &outer) {
        Some(text) => Ok(text),
        None => Err(task.reason(&outer)),
    }
}

fn collect(parts: &[Part], inside: Option<usize>, optional: &mut usize, out: &mut Vec<Elastic>, rules: TextRules) {
    for part in parts {
        match part {
            Part::Text(_) | Part::Soft => {}
            Part::Elastic { text, weight, min } => {
                out.push(Elastic { cuts: Cuts::new(text, *min, rules.unit), weight: *weight, inside });
            }
            Part::Optional(inner) => {
                let n = *optional;
                *optional += 1;
                collect(inner, Some(n), optional, out, rules);
            }
        }
    }
}

struct Task<'a> {
    parts: &'a [Part],
    rules: TextRules,
    elastics: Vec<Elastic>,
}

impl Task<'_> {
    fn which(&self, wanted: impl Fn(&Elastic) -> bool) -> Vec<usize> {
        self.elastics.iter().enumerate().filter(|(_, e)| wanted(e)).map(|(i, _)| i).collect()
    }

    fn whole(&self) -> Vec<String> {
        self.elastics.iter().map(|e| e.cuts.whole().to_owned()).collect()
    }

    fn text(&self, there: usize, elastic: &[String]) -> String {
        let elastic: Vec<&str> = elastic.iter().map(String::as_str).collect();
        assemble(self.parts, &Shown { optional: there, elastic: &elastic })
    }

    fn try_texts(&self, there: usize, elastic: &[String]) -> Option<FittedText> {
        let text = self.text(there, elastic);
        if text.is_empty() { None } else { FittedText::new(text, self.rules).ok() }
    }

    /// The longest text with those elastic parts cut and all else whole.
    fn shrink(&self, there: usize, which: &[usize]) -> Option<FittedText> {
        let most: usize = which.iter().map(|&i| self.elastics[i].cuts.slack()).sum();
        if most == 0 {
            return None;
        }
        let mut texts = self.whole();
        if which.len() > 1 {
            let losing = |loss: usize| {
                let mut texts = self.whole();
                for (&i, lost) in which.iter().zip(self.share(which, loss)) {
                    let cuts = &self.elastics[i].cuts;
                    texts[i] = cuts.within(cuts.len() - lost);
                }
                texts
            };
            let fits = |loss: usize| self.try_texts(there, &losing(loss)).is_some();
            // The least loss that fits; as a cut at a word's end keeps less than it may, the search is looked over.
            let (mut low, mut high) = (1, most);
            if !fits(most) {
                return None;
            }
            while low < high {
                let middle = low + (high - low) / 2;
                if fits(middle) {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            texts = losing(high);
        }
        // What is left of the room goes to the earlier part.
        for &i in which {
            let fits = |candidate: &str| {
                let mut tried = texts.clone();
                tried[i] = candidate.to_owned();
                self.try_texts(there, &tried).is_some()
            };
            match self.elastics[i].cuts.best(&fits) {
                Some(better) if which.len() == 1 || better.len() > texts[i].len() => texts[i] = better,
                Some(_) => {}
                None if which.len() == 1 => return None,
                None => {}
            }
        }
        self.try_texts(there, &texts)
    }

    /// How much of `loss` each part bears: by weight, none beyond what it has; a rest is borne by the later parts, so
    /// that the earlier keep more.
    fn share(&self, which: &[usize], loss: usize) -> Vec<usize> {
        let slack: Vec<usize> = which.iter().map(|&i| self.elastics[i].cuts.slack()).collect();
        let mut lost = vec![0; which.len()];
        let mut left = loss;
        while left > 0 {
            let able: Vec<usize> = (0..which.len()).filter(|&k| lost[k] < slack[k]).collect();
            let total: usize = able.iter().map(|&k| self.elastics[which[k]].weight as usize).sum();
            if total == 0 {
                break;
            }
            let now = left;
            for &k in &able {
                let part = (now * self.elastics[which[k]].weight as usize / total).min(slack[k] - lost[k]);
                lost[k] += part;
                left -= part;
            }
            if left == now {
                // Less than one share is left over: one each from the end.
                for &k in able.iter().rev().take(left) {
                    lost[k] += 1;
                    left -= 1;
                }
            }
        }
        lost
    }

    fn reason(&self, outer: &[usize]) -> Unfit {
        let mut texts = self.whole();
        for &i in outer {
            texts[i] = self.elastics[i].cuts.within(0);
        }
        let text = self.text(0, &texts);
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
