//! Which language an article is in: what its feed says, else its source's in the config, else what the text clearly is,
//! else the newsroom's.

use crate::model::article::Entry;
use crate::text::language::{detect, shortened};

/// The BCP 47 tag to store with an entry, if any is known.
pub fn of(entry: &Entry, source: Option<&str>, newsroom: Option<&str>) -> Option<String> {
    let known = entry.language.as_deref().or(source);
    let seen = || detect(&format!("{}\n{}", entry.title, entry.summary.as_deref().unwrap_or_default()));
    known.or_else(seen).or(newsroom).map(shortened)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_feed_goes_before_the_source_before_the_text_before_the_newsroom() {
        let entry = |language: Option<&str>, title: &str| Entry {
            title: title.to_owned(),
            summary: Some(title.to_owned()),
            language: language.map(str::to_owned),
            ..Entry::default()
        };
        let azeri = "Prezident yeni körpünün açılışında iştirak edib və tikinti işləri ilə tanış olub";
        for (language, source, newsroom, title, want) in [
            (Some("fr"), Some("ru"), Some("en"), azeri, Some("fr")),
            (Some("aze"), None, None, "Qısa", Some("az")),
            (None, Some("ru"), Some("en"), azeri, Some("ru")),
            (None, None, Some("en"), azeri, Some("az")),
            (None, None, None, azeri, Some("az")),
            (None, None, Some("en"), "Qısa", Some("en")),
            (None, None, None, "Qısa", None),
        ] {
            assert_eq!(
                of(&entry(language, title), source, newsroom).as_deref(),
                want,
                "{language:?} {source:?} {title}"
            );
        }
    }
}
