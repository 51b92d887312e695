//! Composing: article + template + rules -> a text that fits. Pure. What gives way in which order is in `fit`, where a
//! text may be cut in `cut`, what becomes of emptied lines in `layout`, tags, mentions and links in `words`.

mod cut;
mod fit;
mod layout;
pub mod words;

use crate::expr::marks::{self, Part};
use crate::expr::{Scene, Templates};
use crate::model::article::Article;
use crate::text::plain::{defuse, delink};
use crate::text::rules::{FittedText, TextRules, Unit};

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
    }
}

/// Renders the template and makes it fit. Mentions and links that come with the article's texts are broken before anything
/// is counted.
///
/// # Errors
/// [`Unfit`]: the template failed, or what may not give way is too long.
pub fn compose(templates: &Templates, name: &str, scene: &Scene, rules: TextRules) -> Result<FittedText, Unfit> {
    let at_fault = |said: &dyn std::fmt::Display| Unfit(format!("template {name}: {said}"));
    let rendered = templates.render(name, &harmless(scene, rules.unit)).map_err(|e| match e.line {
        Some(line) => at_fault(&format_args!("line {line}: {e}")),
        None => at_fault(&e),
    })?;
    let parts = marks::parts(&rendered).map_err(|e| at_fault(&e))?;
    if !scene.link.is_empty() && parts.iter().any(|p| gives_up(p, &scene.link)) && !stays(&parts, &scene.link) {
        return Err(at_fault(&"the link is in a part that may give way"));
    }
    fit::fit(&parts, rules)
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

fn stays(parts: &[Part], link: &str) -> bool {
    parts.iter().any(|p| matches!(p, Part::Text(text) if text.contains(link)))
}

/// The scene with every mention and link of the article's own texts broken: whom a post calls and where it leads is the
/// template's to say.
fn harmless(scene: &Scene, unit: Unit) -> Scene {
    let one = |text: &str| delink(&defuse(text), unit, &scene.link);
    let all = |texts: &[String]| texts.iter().map(|text| one(text)).collect();
    Scene {
        title: one(&scene.title),
        summary: one(&scene.summary),
        content: one(&scene.content),
        authors: all(&scene.authors),
        categories: all(&scene.categories),
        category: one(&scene.category),
        keywords: all(&scene.keywords),
        ..scene.clone()
    }
}

#[cfg(test)]
mod tests;
