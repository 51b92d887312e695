//! `cargo bench --bench compose`: posts composed and fitted per second on one core, from the article's own words to texts
//! proved to be within their limits. Ten articles in seven languages, each built-in template, four platforms; beside it the
//! short posts alone (a headline that fits, and one that has to be cut). Freezing and storing are not in it.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's time")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bugle::compose::compose;
use bugle::compose::words::hashtags::tag;
use bugle::expr::{Scene, Templates};
use bugle::text::rules::{TextRules, Unit};

/// The articles of the tests.
const ARTICLES: &str = include_str!("../tests/fixtures/articles.json");
/// How long each row is measured.
const TIME: Duration = Duration::from_secs(3);

const PLATFORMS: [(&str, TextRules, bool); 4] = [
    ("x", TextRules { limit: 280, unit: Unit::Weighted, bytes: None }, true),
    ("mastodon", TextRules { limit: 500, unit: Unit::Mastodon { link: 23 }, bytes: None }, true),
    ("bluesky", TextRules { limit: 300, unit: Unit::Graphemes, bytes: Some(3000) }, true),
    ("telegram", TextRules { limit: 4096, unit: Unit::Utf16, bytes: None }, false),
];

fn articles() -> Result<Vec<Scene>, serde_json::Error> {
    let all: Vec<serde_json::Value> = serde_json::from_str(ARTICLES)?;
    let text = |it: &serde_json::Value| it.as_str().unwrap_or_default().to_owned();
    let scene = |it: &serde_json::Value| {
        let categories: Vec<String> = it["categories"].as_array().into_iter().flatten().map(text).collect();
        Scene {
            title: text(&it["title"]),
            link: text(&it["link"]),
            summary: text(&it["summary"]),
            content: text(&it["content"]),
            hashtags: categories.iter().filter_map(|it| tag(it, "")).collect::<Vec<_>>().join(" "),
            categories,
            newsroom: "The Newsroom".to_owned(),
            ..Scene::default()
        }
    };
    Ok(all.iter().map(scene).collect())
}

/// Posts a second of those scenes with those templates.
fn rate(templates: &Templates, names: &[&str], scenes: &[Scene], platforms: &[(&str, TextRules, bool)]) -> f64 {
    let begun = Instant::now();
    let mut made = 0_u32;
    while begun.elapsed() < TIME {
        for name in names {
            for (platform, rules, threads) in platforms {
                for scene in scenes {
                    let scene = Scene { platform: (*platform).to_owned(), ..scene.clone() };
                    if black_box(compose(templates, name, &scene, *rules, *threads)).is_ok() {
                        made += 1;
                    }
                }
            }
        }
    }
    f64::from(made) / begun.elapsed().as_secs_f64()
}

#[expect(clippy::print_stdout, reason = "a report for a terminal")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let templates = Templates::load(None).map_err(|faults| format!("{faults:?}"))?;
    let scenes = articles()?;
    let short: Vec<Scene> = scenes.iter().filter(|it| it.title.chars().count() < 60).cloned().collect();
    println!("posts composed and fitted per second, one core");
    let all = ["headline", "headline-summary", "breaking", "correction", "thread"];
    println!(
        "  headlines that fit, X                          {:>9.0}",
        rate(&templates, &["headline"], &short, &PLATFORMS[..1])
    );
    for (n, (platform, ..)) in PLATFORMS.iter().enumerate() {
        let here = &PLATFORMS[n..=n];
        println!("  headline, ten articles, {platform:<22} {:>9.0}", rate(&templates, &["headline"], &scenes, here));
        let cut = rate(&templates, &["headline-summary"], &scenes, here);
        println!("  headline-summary, cut to fit, {platform:<16} {cut:>9.0}");
        println!("  threads, {platform:<37} {:>9.0}", rate(&templates, &["thread"], &scenes, here));
    }
    println!("  all templates, articles and platforms          {:>9.0}", rate(&templates, &all, &scenes, &PLATFORMS));
    Ok(())
}
