//! The built-in templates over ten invented articles in seven languages, on every platform: what they make is kept in
//! snapshots that people have read, and what must hold of any of it is checked. One of the articles is an injection.

use std::fmt::Write as _;

use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation as _;

use std::sync::LazyLock;

use super::*;
use crate::text::entities::{Kind, entities};
use crate::text::rules::Unit;

const ARTICLES: &str = include_str!("../../tests/fixtures/articles.json");

/// Every platform's word, rules, and whether it threads.
const PLATFORMS: [(&str, TextRules, bool); 4] = [
    ("x", TextRules { limit: 280, unit: Unit::Weighted, bytes: None }, true),
    ("mastodon", TextRules { limit: 500, unit: Unit::Mastodon { link: 23 }, bytes: None }, true),
    ("bluesky", TextRules { limit: 300, unit: Unit::Graphemes, bytes: Some(3000) }, true),
    ("telegram", TextRules { limit: 4096, unit: Unit::Utf16, bytes: None }, false),
];

/// As a newsroom that lets every category make a tag has them.
fn tags(categories: &[String], language: &str) -> String {
    let tags = categories.iter().filter_map(|category| super::words::hashtags::tag(category, language));
    tags.collect::<Vec<_>>().join(" ")
}

fn articles() -> Vec<Scene> {
    let all: Vec<serde_json::Value> = serde_json::from_str(ARTICLES).expect("the samples are JSON");
    let text = |it: &serde_json::Value, key: &str| it[key].as_str().expect("a text").to_owned();
    let list = |it: &serde_json::Value, key: &str| -> Vec<String> {
        it[key].as_array().expect("a list").iter().map(|one| one.as_str().expect("a text").to_owned()).collect()
    };
    let scenes = all.iter().map(|it| Scene {
        title: text(it, "title"),
        link: text(it, "link"),
        summary: text(it, "summary"),
        content: text(it, "content"),
        authors: list(it, "authors"),
        categories: list(it, "categories"),
        hashtags: tags(&list(it, "categories"), &text(it, "language")),
        language: text(it, "language"),
        newsroom: "The Newsroom".to_owned(),
        ..Scene::default()
    });
    scenes.collect()
}

/// What a template sees: a correction an older title, a digest all articles.
fn scene_for(name: &str, scene: &Scene, all: &[Scene]) -> Scene {
    let item = |it: &Scene| Item { title: it.title.clone(), link: it.link.clone(), summary: it.summary.clone() };
    match name {
        "correction" => {
            let old = scene.title.split([',', '،', '，', ':']).next().unwrap_or_default();
            Scene { old_title: format!("{old} ({})", scene.title.graphemes(true).count()), ..scene.clone() }
        }
        "digest" => {
            Scene { articles: all.iter().map(item).collect(), newsroom: scene.newsroom.clone(), ..Scene::default() }
        }
        _ => scene.clone(),
    }
}

/// What holds of every text: within the limits, the link there and whole, nothing clickable but it.
fn holds(text: &FittedText, links: &[String], unit: Unit) {
    let shown = text.as_str();
    assert!(text.length() <= text.rules().limit && text.rules().bytes.is_none_or(|most| shown.len() <= most));
    assert!(!shown.is_empty() && !shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
    assert_eq!(shown, shown.trim(), "{shown:?}");
    for found in entities(shown, unit) {
        match found.kind {
            Kind::Mention => panic!("{} is called in {shown:?}", found.text),
            Kind::Link => assert!(links.contains(&found.text), "{} is no link of ours in {shown:?}", found.text),
            Kind::Tag => {}
        }
    }
}

#[test]
fn the_built_in_templates_make_what_people_have_read() {
    let templates = Templates::load(None).expect("the built-in templates are sound");
    let all = articles();
    for name in templates.names().map(str::to_owned).collect::<Vec<_>>() {
        let mut out = String::new();
        for (platform, rules, threads) in PLATFORMS {
            let many = if name == "digest" { &all[..1] } else { &all[..] };
            for scene in many {
                let scene = Scene { platform: platform.to_owned(), ..scene_for(&name, scene, &all) };
                let made = compose(&templates, &name, &scene, rules, threads).expect("it fits");
                let mut links: Vec<String> = scene.articles.iter().map(|it| it.link.clone()).collect();
                links.push(scene.link.clone());
                let of = made.parts().count();
                for (n, part) in (1..).zip(made.parts()) {
                    let place = if of > 1 { format!(", part {n} of {of}") } else { String::new() };
                    writeln!(out, "== {platform} {}{place}: {} of {}", scene.language, part.length(), rules.limit)
                        .expect("a text grows");
                    writeln!(out, "{}", part.as_str().replace('\u{200B}', "‖")).expect("a text grows");
                    holds(part, &links, rules.unit);
                }
                if !scene.link.is_empty() {
                    let whole: usize = made.parts().map(|part| part.as_str().matches(&scene.link).count()).sum();
                    assert_eq!(whole, 1, "{name} on {platform}: {made:?}");
                    assert!(made.first.as_str().contains(&scene.link), "{name} on {platform}");
                }
            }
        }
        insta::assert_snapshot!(format!("template_{name}"), out);
    }
}

fn words() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        6 => "[a-z]{1,9}",
        2 => "[A-Z][a-z]{1,6}[.!?]",
        1 => "[a-z]{1,6},",
        1 => prop::sample::select(vec![
            "日本語の文章。", "Привет", "ə", "الجسر،", "הגשר", "สะพานเปิด", "पुल।", "👨\u{200D}👩\u{200D}👧", "🇦🇿", "e\u{301}",
            "@name@example.org", "@everyone", "#tag", "https://other.example/a?b=c", "example.com", "<b>x</b>", "*bold*",
            "[a](http://b.example)", "---", "a.b@c.example", "3.5", "Dr.", "\n", "1️⃣", "AT&T", "\u{202E}x",
        ]).prop_map(str::to_owned),
    ];
    prop::collection::vec(word, 0..60).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    /// Random articles x templates x platforms x limits.
    #[test]
    fn whatever_comes_it_fits_holds_the_link_and_calls_nobody(
        title in words(), summary in words(), content in words(),
        name in prop::sample::select(vec!["headline", "headline-summary", "breaking", "correction", "digest", "thread"]),
        platform in 0_usize..4, limit in prop::option::of(70_usize..600),
    ) {
        static ALL: LazyLock<Templates> = LazyLock::new(|| Templates::load(None).expect("sound"));
        let (word, rules, threads) = PLATFORMS[platform];
        let rules = TextRules { limit: limit.unwrap_or(rules.limit), ..rules };
        let clean = |text: &str| crate::text::plain::line(text);
        let link = "https://e.org/1".to_owned();
        let item = Item { title: clean(&title), link: "https://e.org/2".into(), summary: String::new() };
        let scene = Scene {
            title: clean(&title), summary: clean(&summary), content: content.replace('\u{202E}', ""), link: link.clone(), old_title: clean(&summary),
            articles: vec![item; 3], newsroom: "N".into(), platform: word.into(), ..Scene::default()
        };
        let made = match compose(&ALL, name, &scene, rules, threads) {
            Ok(made) => made,
            // What may not give way is too long for a small limit.
            Err(e) => {
                prop_assert!(limit.is_some() && e.0.contains("allowed"), "{}", e);
                return Ok(());
            }
        };
        let links = vec![link.clone(), "https://e.org/2".to_owned()];
        for part in made.parts() {
            holds(part, &links, rules.unit);
        }
        let whole: Vec<&str> = made.parts().flat_map(|part| part.as_str().split_whitespace()).collect();
        prop_assert!(whole.contains(&link.as_str()), "{:?}", made);
        // No cluster, tag or name of the article is broken: every word shown is one of its, or the beginning of one.
        let source = format!("{} {} {}", scene.title, scene.summary, scene.content);
        let tamed = tame::tame(&scene, rules.unit, |_| true);
        let source = format!("{source} {} {} {}", tamed.title, tamed.summary, tamed.content);
        for part in made.parts() {
            for shown in part.as_str().split_whitespace().filter(|word| word.ends_with('…') && word.chars().count() > 1) {
                let begun = shown.trim_end_matches('…');
                let at_border = source.match_indices(begun).any(|(at, _)| {
                    let rest = &source[at..];
                    rest.grapheme_indices(true).any(|(i, _)| i == begun.len()) || rest.len() == begun.len()
                });
                prop_assert!(at_border, "{shown:?} is cut inside a cluster");
                let tag = begun.starts_with('#') && begun.len() > 1;
                prop_assert!(!tag || source.split_whitespace().any(|word| word.trim_end_matches(|c: char| !c.is_alphanumeric()) == begun), "{shown:?}");
            }
        }
    }
}
