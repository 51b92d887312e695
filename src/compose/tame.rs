//! What comes with an article stays text: its mentions and its links are broken, so that nobody is called and nothing
//! leads anywhere but the article's own link. What a template writes itself is left alone.

use crate::expr::{Item, Scene};
use crate::text::plain::{defuse, delink};
use crate::text::rules::Unit;

/// The scene with every mention and link of the article's own texts broken, as the platform counting in `unit` would
/// read them. Names that the template does not use are left out.
pub(super) fn tame(scene: &Scene, unit: Unit, uses: impl Fn(&str) -> bool) -> Scene {
    let one = |name: &str, text: &str| if uses(name) { harmless(text, unit, &scene.link) } else { String::new() };
    let all = |name: &str, texts: &[String]| match uses(name) {
        true => texts.iter().map(|text| harmless(text, unit, &scene.link)).collect(),
        false => Vec::new(),
    };
    let articles = scene.articles.iter().filter(|_| uses("articles")).map(|it| Item {
        title: harmless(&it.title, unit, &it.link),
        summary: harmless(&it.summary, unit, &it.link),
        ..it.clone()
    });
    Scene {
        title: one("title", &scene.title),
        summary: one("summary", &scene.summary),
        content: one("content", &scene.content),
        authors: all("authors", &scene.authors),
        categories: all("categories", &scene.categories),
        category: one("category", &scene.category),
        keywords: all("keywords", &scene.keywords),
        // Made by us, and each is a tag and nothing else.
        hashtags: scene.hashtags.clone(),
        old_title: one("old_title", &scene.old_title),
        articles: articles.collect(),
        link: scene.link.clone(),
        language: scene.language.clone(),
        source: scene.source.clone(),
        newsroom: scene.newsroom.clone(),
        channel: scene.channel.clone(),
        platform: scene.platform.clone(),
        published: scene.published.clone(),
        image: scene.image.clone(),
        mentions: scene.mentions.clone(),
    }
}

fn harmless(text: &str, unit: Unit, own: &str) -> String {
    let mut text = defuse(text);
    // A line of three dashes divides parts where a person writes it; an article's is a line.
    if text.contains(crate::text::thread::BREAK) {
        let line =
            |line: &str| if line.trim() == crate::text::thread::BREAK { "—".to_owned() } else { line.to_owned() };
        text = text.split('\n').map(line).collect::<Vec<_>>().join("\n");
    }
    delink(&text, unit, own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::entities::{Kind, entities};

    #[test]
    fn what_comes_with_an_article_leads_nowhere() {
        for unit in [Unit::Weighted, Unit::Mastodon { link: 23 }, Unit::Graphemes, Unit::Utf16, Unit::CodePoints] {
            for text in [
                "see https://other.example/page?x=1 and example.com/a.b, www.a.co.uk",
                "http://127.0.0.1/x https://[::1]/ //a.example mailto:a@b.example",
                "日本example.com。例え.jp t.me/x tg://resolve?domain=x",
                "@all RT@name a.b@c.example",
            ] {
                let tame = harmless(text, unit, "");
                let found = entities(&tame, unit);
                assert!(found.iter().all(|e| e.kind == Kind::Tag), "{tame} in {unit:?}: {found:?}");
                assert_eq!(tame.replace('\u{200B}', ""), text);
            }
        }
    }

    #[test]
    fn plain_words_stay_as_they_are() {
        for text in ["One. Two: three 3.5 U.S. e.g. 12:30", "", "#tag and #two", "Ничего. Здесь нет"] {
            assert_eq!(harmless(text, Unit::Weighted, ""), text);
        }
        assert_eq!(harmless("a\n---\nb", Unit::Weighted, ""), "a\n—\nb");
    }
}
