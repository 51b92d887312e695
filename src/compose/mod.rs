//! Composing: article + template + rules -> texts that fit: one, or the parts of a thread. Pure. What gives way in which
//! order is in `fit`, which ends share a room best in `solve`, where a text may be cut in `cut`, what becomes of emptied
//! lines in `layout`, how parts are made in `thread`, how an article's own text is kept from calling anybody in `tame`,
//! its tags, mentions and links in `words`.

mod cut;
mod fit;
mod layout;
mod solve;
mod tame;
mod thread;
pub mod words;

use crate::expr::marks::{self, Part, Section};
use crate::expr::{Item, Scene, Templates};
use crate::model::article::Article;
use crate::text::rules::{FittedText, TextRules};

/// Why no text could be made: a person decides.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(pub String);

/// What the template sees of an article, its words not dressed yet (see `words`). For a route's condition `channel` and
/// `platform` are empty.
pub fn scene(article: &Article, newsroom: &str, zone: &jiff::tz::TimeZone, channel: &str, platform: &str) -> Scene {
    let entry = &article.entry;
    let published = entry.published.map(|_| article.date().to_zoned_datetime(zone.clone()));
    Scene {
        title: entry.title.clone(),
        link: entry.link.as_ref().map(ToString::to_string).unwrap_or_default(),
        summary: entry.summary.clone().unwrap_or_default(),
        content: entry.content.clone().unwrap_or_default(),
        authors: entry.authors.clone(),
        categories: entry.categories.clone(),
        category: entry.categories.first().cloned().unwrap_or_default(),
        keywords: entry.keywords.clone(),
        hashtags: String::new(),
        language: entry.language.clone().unwrap_or_default(),
        source: article.source.to_string(),
        newsroom: newsroom.to_owned(),
        channel: channel.to_owned(),
        platform: platform.to_owned(),
        published: published.map(|z| z.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()).unwrap_or_default(),
        image: entry.image.as_ref().map(|i| i.url.to_string()).unwrap_or_default(),
        mentions: Vec::new(),
        // A correction and a digest bring these themselves.
        old_title: String::new(),
        articles: Vec::new(),
    }
}

/// An article as an item of a digest.
pub fn item(entry: &crate::model::article::Entry) -> Item {
    Item {
        title: entry.title.clone(),
        link: entry.link.as_ref().map(ToString::to_string).unwrap_or_default(),
        summary: entry.summary.clone().unwrap_or_default(),
    }
}

/// What a post says: one text, or the parts of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    /// The text, or that of the first part.
    pub first: FittedText,
    /// The further parts, in order.
    pub more: Vec<FittedText>,
}

impl Composed {
    fn of(parts: Vec<FittedText>) -> Result<Self, Unfit> {
        let mut parts = parts.into_iter();
        let first = parts.next().ok_or_else(|| Unfit("expected a text, found none".into()))?;
        Ok(Self { first, more: parts.collect() })
    }

    /// All parts, in order.
    pub fn parts(&self) -> impl Iterator<Item = &FittedText> {
        std::iter::once(&self.first).chain(&self.more)
    }
}

/// A text that a person wrote, in parts where lines of three dashes divide it (`text::thread`). Where the platform
/// `threads` nothing they are one text, with blank lines between.
///
/// # Errors
/// [`Unfit`]: nothing of it gives way, so each part has to fit.
pub fn by_hand(text: &str, rules: TextRules, threads: bool) -> Result<Composed, Unfit> {
    let parts = divided(text, threads);
    let of = parts.len();
    if of < 2 {
        let fitted = parts.into_iter().map(|text| FittedText::new(text, rules).map_err(|e| Unfit(e.to_string())));
        return Composed::of(fitted.collect::<Result<_, _>>()?);
    }
    if of > marks::MAX_PARTS {
        return Err(Unfit(format!("expected at most {} parts, found {of}", marks::MAX_PARTS)));
    }
    let fitted = (1..)
        .zip(parts)
        .map(|(n, part)| FittedText::new(part, rules).map_err(|e| Unfit(format!("part {n} of {of}: {e}"))));
    Composed::of(fitted.collect::<Result<_, _>>()?)
}

/// The parts that a person's text becomes.
fn divided(text: &str, threads: bool) -> Vec<String> {
    let parts = crate::text::thread::split(text);
    match parts.len() {
        0 | 1 => vec![text.to_owned()],
        _ if threads => parts,
        _ => vec![parts.join("\n\n")],
    }
}

/// What each part of a person's text counts, whether it fits or not: what a counter beside the text shows.
pub fn counted(text: &str, rules: TextRules, threads: bool) -> Vec<usize> {
    divided(text, threads).iter().map(|part| crate::text::measure::length(part, rules.unit)).collect()
}

/// Renders the template and makes it fit. Mentions and links that come with the article's texts are broken before anything
/// is counted.
/// Where the platform `threads` nothing, the parts of a template are one text, with blank lines between.
///
/// # Errors
/// [`Unfit`]: the template failed, or what may not give way is too long.
pub fn compose(
    templates: &Templates,
    name: &str,
    scene: &Scene,
    rules: TextRules,
    threads: bool,
) -> Result<Composed, Unfit> {
    let at_fault = |said: &dyn std::fmt::Display| Unfit(format!("template {name}: {said}"));
    let rendered =
        templates.render(name, &tame::tame(scene, rules.unit, templates.uses(name, scene))).map_err(|e| {
            match e.line {
                Some(line) => at_fault(&format_args!("line {line}: {e}")),
                None => at_fault(&e),
            }
        })?;
    let sections = marks::sections(&rendered).map_err(|e| at_fault(&e))?;
    if !scene.link.is_empty() && sections.iter().any(|s| loses(s, &scene.link)) && !keeps(&sections, &scene.link) {
        return Err(at_fault(&"the link is in a part that may give way"));
    }
    if let [Section::Part { pieces, .. }] = sections.as_slice() {
        return Ok(Composed { first: fit::fit(pieces, rules)?, more: Vec::new() });
    }
    let parts = if threads { thread::thread(sections, rules)? } else { vec![thread::joined(sections, rules)?] };
    Composed::of(parts)
}

/// Whether the link stands in something of the section that may give way.
fn loses(section: &Section, link: &str) -> bool {
    match section {
        Section::Part { pieces, .. } => pieces.iter().any(|piece| gives_up(piece, link)),
        Section::Spread { text, .. } => text.contains(link),
    }
}

/// Whether the link stands where nothing gives way.
fn keeps(sections: &[Section], link: &str) -> bool {
    let has = |piece: &Part| matches!(piece, Part::Text(text) if text.contains(link));
    sections.iter().any(|section| matches!(section, Section::Part { pieces, .. } if pieces.iter().any(has)))
}

/// Whether the link stands in a part that may give way.
fn gives_up(part: &Part, link: &str) -> bool {
    match part {
        Part::Optional(inner) => {
            inner.iter().any(|p| gives_up(p, link) || matches!(p, Part::Text(t) if t.contains(link)))
        }
        Part::Elastic { text, .. } => text.contains(link),
        Part::Text(_) | Part::Soft => false,
    }
}

#[cfg(test)]
mod brute;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
