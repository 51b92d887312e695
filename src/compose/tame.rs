//! What comes with an article stays text: its mentions and its links are broken, so that nobody is called and nothing
//! leads anywhere but the article's own link. What a template writes itself is left alone.

use std::borrow::Cow;

use crate::expr::{Item, Scene};
use crate::text::entities::{Kind, entities};
use crate::text::plain::defuse;
use crate::text::rules::Unit;

/// Shows nothing, ends a name or a host, and weighs 1 on X. See docs/adr/0010.
const BREAK: char = '\u{200B}';
/// Rounds of breaking: a link that is broken at one place may hold another.
const ROUNDS: usize = 4;

/// The scene with every mention and link of the article's own texts broken, as the platform counting in `unit` would
/// read them. Names that the template does not use are left out.
pub(super) fn tame(scene: &Scene, unit: Unit, uses: impl Fn(&str) -> bool) -> Scene {
    let one = |name: &str, text: &str| if uses(name) { harmless(text, unit) } else { String::new() };
    let all = |name: &str, texts: &[String]| match uses(name) {
        true => texts.iter().map(|text| harmless(text, unit)).collect(),
        false => Vec::new(),
    };
    let articles = scene.articles.iter().filter(|_| uses("articles")).map(|it| Item {
        title: harmless(&it.title, unit),
        summary: harmless(&it.summary, unit),
        ..it.clone()
    });
    Scene {
        title: one("title", &scene.title),
        summary: one("summary", &scene.summary),
        content: one("content", &scene.content),
        authors: all("authors", &scene.authors),
        categories: all("categories", &scene.categories),
        hashtags: one("hashtags", &scene.hashtags),
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
    }
}

fn harmless(text: &str, unit: Unit) -> String {
    let mut text = defuse(text);
    // A line of three dashes divides parts where a person writes it; an article's is a line.
    if text.contains(crate::text::thread::BREAK) {
        let line =
            |line: &str| if line.trim() == crate::text::thread::BREAK { "—".to_owned() } else { line.to_owned() };
        text = text.split('\n').map(line).collect::<Vec<_>>().join("\n");
    }
    for round in 0..ROUNDS {
        match unlinked(&text, unit, round) {
            Cow::Borrowed(_) => break,
            Cow::Owned(broken) => text = broken,
        }
    }
    text
}

/// Breaks each link once: before the last dot of its host; where that was not enough, behind its scheme; and then at every
/// dot and slash.
fn unlinked(text: &str, unit: Unit, round: usize) -> Cow<'_, str> {
    // No link is without a dot, a colon or their wide forms.
    if !text.contains(['.', ':', '。', '．', '｡']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut at = 0;
    for link in entities(text, unit).into_iter().filter(|found| found.kind == Kind::Link) {
        let Some(start) = text[at..].find(&link.text).map(|i| at + i) else { continue };
        let end = start + link.text.len();
        out.push_str(&text[at..start]);
        out.push_str(&broken(&text[start..end], round));
        at = end;
    }
    if at == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[at..]);
    Cow::Owned(out)
}

fn broken(link: &str, round: usize) -> String {
    let host = link.find("://").map_or(0, |i| i + 3);
    let host_end = link[host..].find(['/', '?', '#']).map_or(link.len(), |i| host + i);
    let is_dot = |c: char| matches!(c, '.' | '。' | '．' | '｡');
    match link[host..host_end].rfind(is_dot) {
        Some(dot) if round == 0 => {
            let dot = host + dot;
            format!("{}{BREAK}{}", &link[..dot], &link[dot..])
        }
        // "http://evil" alone is a link where only the scheme counts.
        _ if round <= 1 && host > 0 => format!("{}:{BREAK}//{}", &link[..host - 3], &link[host..]),
        _ => link.chars().fold(String::new(), |mut out, c| {
            if is_dot(c) || c == '/' || c == '@' {
                out.push(BREAK);
            }
            out.push(c);
            out
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_with_an_article_leads_nowhere() {
        for unit in [Unit::Weighted, Unit::Mastodon { link: 23 }, Unit::Graphemes, Unit::Utf16, Unit::CodePoints] {
            for text in [
                "see https://other.example/page?x=1 and example.com/a.b, www.a.co.uk",
                "http://127.0.0.1/x https://[::1]/ //a.example mailto:a@b.example",
                "日本example.com。例え.jp t.me/x tg://resolve?domain=x",
                "@all RT@name a.b@c.example",
            ] {
                let tame = harmless(text, unit);
                let found = entities(&tame, unit);
                assert!(found.iter().all(|e| e.kind == Kind::Tag), "{tame} in {unit:?}: {found:?}");
                assert_eq!(tame.replace(BREAK, ""), text);
            }
        }
    }

    #[test]
    fn plain_words_stay_as_they_are() {
        for text in ["One. Two: three 3.5 U.S. e.g. 12:30", "", "#tag and #two", "Ничего. Здесь нет"] {
            assert_eq!(harmless(text, Unit::Weighted), text);
        }
        assert_eq!(harmless("a\n---\nb", Unit::Weighted), "a\n—\nb");
    }
}
