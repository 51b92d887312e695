//! Composing: article + template + rules -> a text that fits. Pure.

use crate::expr::{Scene, Templates};
use crate::model::article::Article;
use crate::text::rules::{FittedText, TextRules};

/// Why no text could be made: a person decides.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(pub String);

/// What the template sees of an article.
pub fn scene(article: &Article, newsroom: &str, zone: &jiff::tz::TimeZone, channel: &str, platform: &str) -> Scene {
    let _ = (newsroom, zone);
    Scene {
        title: article.entry.title.clone(),
        channel: channel.to_owned(),
        platform: platform.to_owned(),
        ..Scene::default()
    }
}

/// Renders the template and makes it fit.
///
/// # Errors
/// [`Unfit`]: the template failed, or what may not give way is too long.
pub fn compose(templates: &Templates, name: &str, scene: &Scene, rules: TextRules) -> Result<FittedText, Unfit> {
    let text = templates.render(name, scene).map_err(|e| Unfit(e.to_string()))?;
    FittedText::new(text, rules).map_err(|e| Unfit(e.to_string()))
}
