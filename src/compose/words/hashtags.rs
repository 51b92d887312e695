//! Hashtags: from an article's categories and keywords, by the config's map.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation as _;

use super::Place;
use crate::expr::locale::case::{lower, raised};
use crate::model::article::Entry;
use crate::text::entities::{Kind, is_whole};

/// The most tags of a post where nothing else is said. Ours: more reads like an advertisement.
const LIMIT: u8 = 3;

/// The most tags a platform takes, where it limits them. Sources: shared notes on each platform, 2026-11 (Instagram
/// allows 5 since December 2025; on Threads the first tag is the post's only topic).
const PLATFORMS: &[(&str, u8)] = &[("instagram", 5), ("threads", 1)];

/// The most tags that platform takes, where it limits them.
pub fn platform_limit(platform: &str) -> Option<u8> {
    PLATFORMS.iter().find(|(id, _)| *id == platform).map(|(_, limit)| *limit)
}

/// Stands in the map for every article.
pub const EVERY: &str = "*";

/// `[hashtags]` of the config.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Whether a category or keyword that the map does not name makes a tag of its own words. Left out: no.
    pub auto: bool,
    /// The most tags of a post; left out: 3. A channel's or route's `hashtags` goes before it.
    pub limit: Option<u8>,
    /// From a category or keyword (any case) to its tag or tags; an empty list: none. `"*"`: every article.
    pub map: BTreeMap<String, Tags>,
}

/// What a category becomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Tags {
    /// One tag: `#Azerbaijan`.
    One(String),
    /// Several, or none.
    Several(Vec<String>),
}

impl Tags {
    /// As a list.
    pub fn list(&self) -> &[String] {
        match self {
            Self::One(tag) => std::slice::from_ref(tag),
            Self::Several(tags) => tags,
        }
    }
}

/// The map, ready for use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hashtags(Settings);

impl From<Settings> for Hashtags {
    fn from(settings: Settings) -> Self {
        Self(settings)
    }
}

impl Hashtags {
    /// The tags of an article on one channel: those of its categories in their order, then of its keywords, then of
    /// every article; none twice, none that the platform would not take as a whole.
    pub fn of(&self, entry: &Entry, language: &str, place: &Place<'_>, limit: Option<u8>) -> Vec<String> {
        let limit = limit.or(self.0.limit).unwrap_or(LIMIT).min(platform_limit(place.platform).unwrap_or(u8::MAX));
        let folded = |text: &str| lower(text, language).split_whitespace().collect::<Vec<_>>().join(" ");
        let mapped: Vec<(String, &Tags)> = self.0.map.iter().map(|(key, tags)| (folded(key), tags)).collect();
        let mut all: Vec<String> = Vec::new();
        for word in entry.categories.iter().chain(&entry.keywords) {
            let key = folded(word);
            match mapped.iter().find(|(known, _)| *known == key) {
                Some((_, tags)) => all.extend(tags.list().iter().cloned()),
                None if self.0.auto => all.extend(tag(word, language)),
                None => {}
            }
        }
        all.extend(self.0.map.get(EVERY).into_iter().flat_map(|tags| tags.list().iter().cloned()));
        let mut seen = HashSet::new();
        all.retain(|tag| is_whole(tag, Kind::Tag, place.unit) && seen.insert(lower(tag, language)));
        all.truncate(usize::from(limit));
        all
    }
}

/// A tag of a category's words, each beginning with a capital as its language writes one: "Neft və qaz" -> `#NeftVəQaz`.
/// `None` where it has no letter.
pub fn tag(category: &str, language: &str) -> Option<String> {
    let joined: String = category.unicode_words().map(|word| raised(word, language)).collect();
    // What a word may hold beside letters and digits (an apostrophe, a full stop, a joiner) ends a tag somewhere.
    let kept: String = joined.chars().filter(|c| c.is_alphanumeric() || *c == '_' || is_mark(*c)).collect();
    kept.chars().any(char::is_alphabetic).then(|| format!("#{kept}"))
}

/// Vowel signs and accents that belong to the letter before.
fn is_mark(c: char) -> bool {
    static MARK: std::sync::LazyLock<regex::Regex> =
        std::sync::LazyLock::new(|| regex::Regex::new(r"^\p{M}$").expect("a constant pattern"));
    !c.is_ascii() && MARK.is_match(c.encode_utf8(&mut [0; 4]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::rules::Unit;

    #[test]
    fn a_category_becomes_one_tag_in_its_language() {
        for (category, language, want) in [
            ("Nation", "en", Some("#Nation")),
            ("oil and gas", "en", Some("#OilAndGas")),
            ("iqtisadiyyat", "az", Some("#İqtisadiyyat")),
            ("ışıq və istilik", "az", Some("#IşıqVəİstilik")),
            ("istanbul", "tr", Some("#İstanbul")),
            ("iran", "en", Some("#Iran")),
            ("COP-29", "en", Some("#COP29")),
            ("People's Republic", "en", Some("#PeoplesRepublic")),
            ("U.S. & EU", "en", Some("#USEU")),
            ("5G", "en", Some("#5G")),
            ("2026", "en", None),
            ("--- ", "en", None),
            ("новости дня", "ru", Some("#НовостиДня")),
            ("საქართველო დღეს", "ka", Some("#საქართველოდღეს")),
            ("हिन्दी समाचार", "hi", Some("#हिन्दीसमाचार")),
            ("می\u{200C}خواهم", "fa", Some("#میخواهم")),
            ("経済", "ja", Some("#経済")),
            ("Top_Stories", "en", Some("#Top_Stories")),
        ] {
            assert_eq!(tag(category, language).as_deref(), want, "{category}");
            let units = [Unit::Weighted, Unit::Mastodon { link: 23 }, Unit::Graphemes, Unit::Utf16, Unit::CodePoints];
            for (tag, unit) in tag(category, language).iter().flat_map(|tag| units.map(|unit| (tag, unit))) {
                // On Telegram a tag ends at a vowel sign of Indic scripts: there it is left out.
                let whole = !(unit == Unit::Utf16 && language == "hi");
                assert_eq!(is_whole(tag, Kind::Tag, unit), whole, "{tag} for {unit:?}");
            }
        }
    }

    fn of(settings: &Settings, categories: &[&str], limit: Option<u8>, platform: &str) -> Vec<String> {
        let entry = Entry {
            categories: categories.iter().map(|it| (*it).to_owned()).collect(),
            keywords: vec!["Bay Bridge".to_owned()],
            ..Entry::default()
        };
        let place = Place { channel: "c", platform, unit: Unit::Weighted, route: 0, seed: "" };
        Hashtags::from(settings.clone()).of(&entry, "az", &place, limit)
    }

    #[test]
    fn the_map_decides_and_what_it_does_not_name_only_where_that_is_wanted() {
        let one = |tag: &str| Tags::One(tag.to_owned());
        let map: BTreeMap<String, Tags> = [
            ("Nation".to_owned(), one("#Azerbaijan")),
            ("Business".to_owned(), Tags::Several(vec!["#Economy".to_owned(), "#azerbaijan".to_owned()])),
            ("Slider".to_owned(), Tags::Several(Vec::new())),
            ("*".to_owned(), one("#AzerNews")),
        ]
        .into();
        let mapped = Settings { map, ..Settings::default() };
        let auto = Settings { auto: true, ..mapped.clone() };
        // Settings, categories, limit, platform, tags.
        type Case<'a> = (&'a Settings, &'a [&'a str], Option<u8>, &'a str, &'a [&'a str]);
        let cases: [Case<'_>; 9] = [
            (&Settings::default(), &["Nation"], None, "x", &[]),
            (&mapped, &["Nation", "Other"], None, "x", &["#Azerbaijan", "#AzerNews"]),
            (&mapped, &["NATION ", "nation"], None, "x", &["#Azerbaijan", "#AzerNews"]),
            (&mapped, &["Business", "Nation"], None, "x", &["#Economy", "#azerbaijan", "#AzerNews"]),
            (&mapped, &["Business", "Nation"], Some(1), "x", &["#Economy"]),
            (&mapped, &["Business", "Nation"], Some(0), "x", &[]),
            (&auto, &["Slider", "iqtisad"], None, "x", &["#İqtisad", "#BayBridge", "#AzerNews"]),
            (&auto, &["a", "b", "c", "d"], None, "x", &["#A", "#B", "#C"]),
            (&auto, &["a", "b", "c", "d"], Some(9), "threads", &["#A"]),
        ];
        for (settings, categories, limit, platform, want) in cases {
            assert_eq!(of(settings, categories, limit, platform), want, "{categories:?} {limit:?} {platform}");
        }
    }
}
