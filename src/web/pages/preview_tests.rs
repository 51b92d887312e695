//! Each platform's manner on one story, and the corners: threads, folds, pictures beside cards, hostile words.

use super::*;

// A domain that there is: platforms that know the ends of names make no link of others.
const LINK: &str = "https://www.azernews.az/nation/bridge-opens-in-baku";

fn card() -> Card {
    Card {
        url: LINK.parse().unwrap(),
        title: "Bridge opens".to_owned(),
        description: "In Baku.".to_owned(),
        image: "https://pictures.example/a.jpg".parse().ok(),
    }
}

fn photo() -> Picture {
    let urls = vec!["https://pictures.example/a.jpg".parse().unwrap()];
    Picture { origin: Origin::Photo { urls }, alt: "A bridge".to_owned() }
}

fn preview(like: &str, texts: &[&str], card: Option<&Card>, pictures: &[Picture]) -> Preview {
    let texts: Vec<_> = texts.iter().map(|text| ((*text).to_owned(), text.chars().count())).collect();
    let whose = Whose { like, newsroom: "AzerNews", handle: "azernews" };
    let shown_at = Some("/posts/p1/pictures");
    Preview::of(whose, Matter { texts: &texts, limit: 280, card, pictures, shown_at, language: Some("en") })
}

/// A text as it is seen, with what is clickable in brackets and a bar at the fold.
fn seen(part: &Part) -> String {
    let say = |runs: &[Run]| -> String {
        let one = |run: &Run| match run.kind {
            "" => run.text.clone(),
            kind => format!("[{kind} {}]", run.text),
        };
        runs.iter().map(one).collect()
    };
    let rest = say(&part.rest);
    if rest.is_empty() { say(&part.runs) } else { format!("{}|{}|{rest}", say(&part.runs), part.fold) }
}

#[test]
fn each_platform_shows_the_story_in_its_manner() {
    let text = format!("Bridge opens #Baku\n\n{LINK}");
    for (like, shown, has_card, handle) in [
        ("x", "Bridge opens [tag #Baku]", true, "@azernews"),
        ("bluesky", &*format!("Bridge opens [tag #Baku]\n\n[link {LINK}]"), true, "@azernews"),
        ("mastodon", "Bridge opens [tag #Baku]\n\n[link azernews.az/nation/bridge-open…]", true, "@azernews"),
        ("telegram", &*format!("Bridge opens [tag #Baku]\n\n[link {LINK}]"), true, "azernews"),
        ("threads", "Bridge opens [tag #Baku]\n\n[link azernews.az/nation/bridge-open…]", true, "azernews"),
        ("facebook", &*format!("Bridge opens #Baku\n\n[link {LINK}]"), true, "azernews"),
        ("instagram", &*format!("Bridge opens [tag #Baku]\n|more|\n{LINK}"), false, "azernews"),
        ("linkedin", &*format!("Bridge opens #Baku\n\n[link {LINK}]"), true, "azernews"),
        ("discord", &*format!("Bridge opens #Baku\n\n[link {LINK}]"), true, "azernews"),
        ("slack", &*format!("Bridge opens #Baku\n\n[link {LINK}]"), true, "azernews"),
        ("matrix", &*format!("Bridge opens #Baku\n\n[link {LINK}]"), true, "azernews"),
    ] {
        let preview = preview(like, &[&text], Some(&card()), &[]);
        assert_eq!(seen(&preview.parts[0]), shown, "{like}");
        assert_eq!(preview.parts[0].card.is_some(), has_card, "{like}");
        assert_eq!((preview.handle.as_str(), preview.initial.as_str(), preview.manner), (handle, "A", like));
    }
}

#[test]
fn a_picture_of_its_own_stands_where_the_card_would_be() {
    let text = format!("Bridge opens {LINK}");
    let own = preview("x", &[&text], Some(&card()), &[photo(), photo()]);
    let part = &own.parts[0];
    assert!(part.card.is_none());
    assert_eq!(seen(part), "Bridge opens [link azernews.az/nation/bridge-…]", "and the link is seen");
    let shots: Vec<_> = part.pictures.iter().map(|shot| (shot.src.as_deref().unwrap(), shot.what.as_str())).collect();
    let what = "Picture from pictures.example";
    assert_eq!(shots, [("/posts/p1/pictures/0", what), ("/posts/p1/pictures/1", what)]);
    let built = preview("x", &[&text], Some(&card()), &[]).parts.remove(0).card.unwrap();
    assert_eq!(built.src.as_deref(), Some("/posts/p1/pictures/card"));
    assert_eq!((built.out.host.as_str(), built.from.as_deref()), ("azernews.az", Some("pictures.example")));
}

#[test]
fn a_thread_has_its_card_where_its_link_is_and_its_pictures_at_the_top() {
    let thread = preview("x", &["First.", &format!("Second. {LINK}"), "Third."], Some(&card()), &[]);
    let cards: Vec<_> = thread.parts.iter().map(|part| part.card.is_some()).collect();
    let places: Vec<String> = thread.parts.iter().map(|part| part.place.clone().unwrap()).collect();
    assert_eq!(
        (cards, places),
        (vec![false, true, false], vec!["Part 1 of 3".into(), "Part 2 of 3".into(), "Part 3 of 3".into()])
    );
    let pictures: Vec<_> =
        preview("x", &["First.", "Second."], None, &[photo()]).parts.iter().map(|part| part.pictures.len()).collect();
    assert_eq!(pictures, [1, 0]);
}

#[test]
fn a_link_that_something_follows_or_precedes_without_space_is_seen() {
    for (text, shown) in [
        (format!("{LINK} #Baku"), "[link azernews.az/nation/bridge-…] [tag #Baku]".to_owned()),
        (format!("{LINK}\n"), String::new()),
        (format!("a {LINK}"), "a".to_owned()),
    ] {
        assert_eq!(seen(&preview("x", &[&text], Some(&card()), &[]).parts[0]), shown);
    }
}

#[test]
fn what_is_clickable_is_folded_whole() {
    let words = "word ".repeat(40);
    let text = format!("{words}https://news.example/a tail that is hidden");
    let folded = preview("linkedin", &[&text], None, &[]);
    let shown = seen(&folded.parts[0]);
    let (head, rest) = shown.split_once("|more|").unwrap();
    assert!(!head.contains("[link") || head.ends_with("/a]"), "{shown}");
    assert!(rest.ends_with("hidden"), "{shown}");
}

#[test]
fn what_counts_too_much_is_said() {
    let texts = [("long".to_owned(), 300)];
    let whose = Whose { like: "x", newsroom: "N", handle: "" };
    let over = Preview::of(whose, Matter { texts: &texts, limit: 280, ..Matter::default() });
    assert!(over.parts[0].is_over() && over.parts[0].share == 100 && over.handle.is_empty());
    let none = Preview::of(whose, Matter { texts: &texts, limit: 0, ..Matter::default() });
    assert_eq!(none.parts[0].share, 100, "no limit is no division by nothing");
}

#[test]
fn only_web_links_lead_out() {
    let text = "javascript:alert(1) <script>alert(1)</script> \"onload=x";
    for like in ["x", "bluesky", "mastodon", "telegram", "discord", "plain"] {
        let preview = preview(like, &[text], None, &[]);
        for run in preview.parts.iter().flat_map(|part| &part.runs) {
            assert!(run.out.as_ref().is_none_or(|out| out.href.starts_with("http")), "{like}: {run:?}");
        }
    }
}

#[test]
fn every_text_can_be_read_in_every_platforms_colours() {
    use crate::web::tests::contrast;
    let style = include_str!("../../../templates/web/css/preview.css");
    let mut platforms = Vec::new();
    for line in style.lines().filter(|line| line.contains("{ --p-ground: light-dark(")) {
        let (platform, colours) = line.split_once(" { ").expect("a class and its colours");
        let platform = platform.trim_start_matches(".as-");
        platforms.push(platform);
        // Light and dark of each name.
        let named = |name: &str| -> Option<[&str; 2]> {
            let (_, rest) = colours.split_once(&format!("--p-{name}: light-dark("))?;
            let (pair, _) = rest.split_once(')')?;
            pair.split_once(", ").map(|(light, dark)| [light, dark])
        };
        let must = |name: &str| named(name).unwrap_or_else(|| panic!("{platform} has no {name}"));
        let grounds = ["ground", "card", "bubble"].map(|name| (name, named(name)));
        for (ground, pair) in grounds.into_iter().filter_map(|(name, pair)| Some((name, pair?))) {
            for ink in ["ink", "quiet", "link", "bad"] {
                for (front, back) in must(ink).into_iter().zip(pair) {
                    let found = contrast(front, back);
                    assert!(found >= 4.5, "{platform}, {front} on {back}: {ink} on {ground} has {found:.2}");
                }
            }
        }
        // What stands where a card's picture is not shown.
        for (front, back) in must("ink").into_iter().zip(must("line")) {
            assert!(contrast(front, back) >= 4.5, "{platform}");
        }
    }
    for platform in crate::platform::ALL {
        let word = manners::of(platform.spec().id).word;
        assert!(platforms.contains(&word), "{word} has no colours");
    }
}
