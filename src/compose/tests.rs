//! Composing as a whole: the order of giving way, and what holds for any text.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::text::entities::{Kind, entities};
use crate::text::measure;
use crate::text::rules::Unit;

const PRODUCT: &str = "{{ title }}\n{% filter optional %}{{ summary | elastic(min=10) }}{% endfilter %}\n{{ link }}\n{{ hashtags | optional }}\n";

fn templates(text: &str) -> Templates {
    let dir = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(dir.path().join("t.j2"), text).expect("written");
    Templates::load(Some(dir.path())).expect("a good template")
}

fn rules(limit: usize) -> TextRules {
    TextRules { limit, unit: Unit::CodePoints, bytes: None }
}

fn story() -> Scene {
    Scene {
        title: "Bridge opens".into(),
        link: "https://e.org/1".into(),
        summary: "Traffic rolls from Monday. Thirty thousand cars a day are expected.".into(),
        hashtags: "#Nation #City".into(),
        ..Scene::default()
    }
}

/// One text, as where nothing is threaded.
fn one(all: &Templates, name: &str, scene: &Scene, rules: TextRules) -> Result<FittedText, Unfit> {
    compose(all, name, scene, rules, false).map(|composed| composed.first)
}

fn made(text: &str, scene: &Scene, limit: usize) -> Result<String, String> {
    one(&templates(text), "t", scene, rules(limit)).map(|t| t.as_str().to_owned()).map_err(|e| e.0)
}

#[test]
fn parts_give_way_in_their_order() {
    let s = story();
    for (limit, want) in [
        (
            500,
            "Bridge opens\nTraffic rolls from Monday. Thirty thousand cars a day are expected.\nhttps://e.org/1\n#Nation #City",
        ),
        (
            110,
            "Bridge opens\nTraffic rolls from Monday. Thirty thousand cars a day are expected.\nhttps://e.org/1\n#Nation #City",
        ),
        (
            109,
            "Bridge opens\nTraffic rolls from Monday. Thirty thousand cars a day are…\nhttps://e.org/1\n#Nation #City",
        ),
        (80, "Bridge opens\nTraffic rolls from Monday.\nhttps://e.org/1\n#Nation #City"),
        (67, "Bridge opens\nTraffic rolls from…\nhttps://e.org/1\n#Nation #City"),
        (54, "Bridge opens\nTraffic ro…\nhttps://e.org/1\n#Nation #City"),
        // A tag is whole or gone; the last goes first.
        (53, "Bridge opens\nTraffic rolls…\nhttps://e.org/1\n#Nation"),
        (48, "Bridge opens\nTraffic ro…\nhttps://e.org/1\n#Nation"),
        (47, "Bridge opens\nTraffic rolls…\nhttps://e.org/1"),
        (40, "Bridge opens\nTraffic ro…\nhttps://e.org/1"),
        (39, "Bridge opens\nhttps://e.org/1"),
        (28, "Bridge opens\nhttps://e.org/1"),
    ] {
        assert_eq!(made(PRODUCT, &s, limit).as_deref(), Ok(want), "{limit}");
    }
    let e = made(PRODUCT, &s, 27).expect_err("the rest may not give way");
    assert_eq!(e, "the text counts 28 where 27 are allowed, although all that may give way has");
}

#[test]
fn elastic_text_outside_gives_way_last() {
    let text = "{{ title | elastic(min=3) }}\n{{ hashtags | optional }}\n{{ link }}";
    let s = Scene { title: "One two three four".into(), ..story() };
    assert_eq!(made(text, &s, 34).as_deref(), Ok("One two three four\nhttps://e.org/1"));
    assert_eq!(made(text, &s, 33).as_deref(), Ok("One two three…\nhttps://e.org/1"));
    assert_eq!(made(text, &s, 20).as_deref(), Ok("One…\nhttps://e.org/1"));
    assert!(made(text, &s, 19).is_err());
}

#[test]
fn losses_are_shared_by_weight_and_the_rest_goes_to_the_earlier() {
    let s = Scene { title: "a".repeat(50), summary: "b".repeat(50), ..Scene::default() };
    let count = |text: &str, limit: usize| {
        let t = made(text, &s, limit).expect("fits");
        (t.matches('a').count(), t.matches('b').count())
    };
    let equal = "{{ title | elastic(min=1) }} {{ summary | elastic(min=1) }}";
    assert_eq!(count(equal, 101), (50, 50));
    assert_eq!(count(equal, 63), (30, 30));
    assert_eq!(count(equal, 64), (31, 30));
    let second = "{{ title | elastic(min=1) }} {{ summary | elastic(min=1, weight=3) }}";
    assert_eq!(count(second, 63), (40, 20));
    let kept = "{{ title | elastic(min=45) }} {{ summary | elastic(min=1) }}";
    assert_eq!(count(kept, 63), (45, 15));
}

#[test]
fn emptied_lines_go() {
    let text = "{{ title }}\n\n{{ summary | optional }}\n\n{{ hashtags | optional }} {{ link }} {{ language | optional }}\nend";
    let s = Scene { summary: String::new(), hashtags: String::new(), ..story() };
    assert_eq!(made(text, &s, 99).as_deref(), Ok("Bridge opens\n\nhttps://e.org/1\nend"));
    let s = Scene { link: String::new(), ..s };
    assert_eq!(made(text, &s, 99).as_deref(), Ok("Bridge opens\n\nend"));
    assert_eq!(made("{{ summary }}", &Scene::empty(), 99), Err("the template gives no text".into()));
}

#[test]
fn the_ellipsis_counts_as_the_platform_counts_it() {
    let all = templates("{{ title | elastic(min=1) }}");
    let s = Scene { title: "a".repeat(300), ..Scene::default() };
    for (unit, want) in [(Unit::Weighted, 278), (Unit::Graphemes, 279)] {
        let t = one(&all, "t", &s, TextRules { limit: 280, unit, bytes: None }).expect("fits");
        assert_eq!((t.as_str().matches('a').count(), t.length()), (want, 280));
    }
    let bytes = TextRules { limit: 280, unit: Unit::Graphemes, bytes: Some(100) };
    assert_eq!(one(&all, "t", &s, bytes).expect("fits").as_str().len(), 100);
}

#[test]
fn no_stranger_is_called() {
    let s = Scene { title: "@all mail bob@example.org".into(), ..story() };
    assert_eq!(made("{{ title }}", &s, 99).as_deref(), Ok("@\u{200B}all mail bob@example.org"));
}

#[test]
fn the_default_templates_fit_every_platform() {
    let all = Templates::load(None).expect("good");
    let s = Scene { title: "word ".repeat(2000), summary: "Some more. ".repeat(500), ..Scene::full() };
    for name in ["headline", "headline-summary", "breaking"] {
        for (limit, unit) in
            [(280, Unit::Weighted), (500, Unit::Mastodon { link: 23 }), (300, Unit::Graphemes), (4096, Unit::Utf16)]
        {
            let t = one(&all, name, &s, TextRules { limit, unit, bytes: None }).expect("fits");
            assert!(
                t.length() > limit * 9 / 10 && t.as_str().ends_with("\nhttps://news.example/2026/bridge"),
                "{}",
                t.as_str()
            );
        }
    }
}

#[test]
fn the_scene_has_the_newsrooms_time() {
    let article = Article {
        id: "a".into(),
        source: "main".into(),
        version: 1,
        first_seen: "2026-11-25T10:00:00Z".parse().expect("a time"),
        entry: crate::model::article::Entry {
            title: "T".into(),
            link: Some("https://e.org/1".parse().expect("an address")),
            published: Some("2026-11-25T08:00:00Z".parse().expect("a time")),
            categories: vec!["Nation".into()],
            ..Default::default()
        },
    };
    let zone = jiff::tz::TimeZone::get("Asia/Baku").expect("a known zone");
    let s = scene(&article, "News", &zone, "main", "x");
    assert_eq!(s.published, "2026-11-25T12:00:00+04:00");
    assert_eq!((s.link.as_str(), s.category.as_str(), s.source.as_str()), ("https://e.org/1", "Nation", "main"));
}

/// Every kind of bait of reliability.md section 5: what a feed brings is text, whatever is in it.
#[rustfmt::skip]
const BAITS: &[&str] = &[
    "@president says", "Hello @everyone and @here", "RT@name wins", "by @a@b.example", "＠name", "@name.bsky.social won",
    ".@name,@other", "(@name)", "a@b.example wrote", "https://evil.example/x now", "http://127.0.0.1/", "evil.com wins",
    "go to www.evil.com/a?b=c#d", "t.me/spam", "see evil.co.uk.", "HTTPS://EVIL.EXAMPLE", "javascript:alert(1)",
    "[text](https://evil.example)", "<https://evil.example|text>", "<a href='https://evil.example'>x</a>",
    "<script>alert(1)</script>", "**bold** _it_ `code` ~s~", "# heading", "{{ link }} {% if x %}", "\u{202E}moc.live",
    "\u{1}1;0\u{2}@name\u{3}", "https://own.org/1.evil.com", "https://own.org/1@name", "ＥＶＩＬ．com", "evil。com",
    "@\u{200B}name https://evil\u{200B}.com", "tg://resolve?domain=x", "mailto:a@evil.com", "//evil.com/a", "evil.com@name",
    "ftp://evil.com/a", "@name@", "@@name", "#tag@name", "https://evil.com/@name", "@_name", "xn--e1aybc.com", "тест.рф",
];

/// Of an article full of bait only what the template puts there can be clicked: its link, its tags, its mention.
#[test]
fn bait_in_a_feed_makes_no_mention_link_or_markup() {
    let all = templates(
        "{{ title | mentions }} {{ summary | mentions | elastic }}\n{{ authors | join(', ') }} {{ categories | join(', ') }} \
         {{ category }} {{ keywords | join(' ') }}\n{{ content | elastic }}\n{{ link }}\n{{ hashtags }} by @own_desk\n",
    );
    let units = [Unit::Weighted, Unit::Mastodon { link: 23 }, Unit::Graphemes, Unit::Utf16, Unit::CodePoints];
    for (bait, unit) in BAITS.iter().flat_map(|bait| units.map(|unit| (*bait, unit))) {
        // As ingest cleans it.
        let bait = crate::text::plain::title(bait);
        let s = Scene {
            title: format!("{bait} Ilham Aliyev"),
            summary: bait.clone(),
            content: bait.clone(),
            authors: vec![bait.clone()],
            categories: vec![bait.clone()],
            category: bait.clone(),
            keywords: vec![bait.clone()],
            link: "https://own.org/1".into(),
            hashtags: "#Own".into(),
            mentions: vec![("Ilham Aliyev".into(), "@presidentaz".into())],
            ..Scene::default()
        };
        let text = compose(&all, "t", &s, TextRules { limit: 9_999, unit, bytes: None }, true).expect("it fits");
        let text = text.first;
        // Bluesky knows handles with a full stop only.
        let wanted: &[&str] = if unit == Unit::Graphemes { &[] } else { &["presidentaz", "own_desk"] };
        let found = entities(text.as_str(), unit);
        let of = |kind: Kind| found.iter().filter(|e| e.kind == kind).map(|e| e.value.as_str()).collect::<Vec<_>>();
        assert_eq!(of(Kind::Mention), wanted, "{bait:?} {unit:?}: {}", text.as_str());
        let links = of(Kind::Link);
        assert!(!links.is_empty() && links.iter().all(|it| *it == "https://own.org/1"), "{bait:?} {unit:?}: {links:?}");
        assert!(!text.as_str().chars().any(|c| c.is_control() && c != '\n'), "{bait:?}");
    }
}

fn unit() -> impl Strategy<Value = Unit> {
    prop_oneof![
        Just(Unit::Graphemes),
        Just(Unit::Mastodon { link: 23 }),
        Just(Unit::CodePoints),
        Just(Unit::Weighted),
        Just(Unit::Utf16)
    ]
}

fn prose() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            4 => "[a-z]{1,9}",
            1 => "[a-z]{1,6}[.!?,;]",
            1 => Just("日本語の文章。".to_owned()),
            1 => Just("👨\u{200D}👩\u{200D}👧".to_owned()),
            1 => Just("e\u{301}te\u{301}".to_owned()),
            1 => Just("https://example.org/a/b?c=d".to_owned()),
            1 => Just("example.com".to_owned()),
            1 => Just("@name@example.org".to_owned()),
            1 => Just("#tag".to_owned()),
        ],
        0..30,
    )
    .prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn it_fits_or_says_so(title in prose(), summary in prose(), limit in 1_usize..400, unit in unit()) {
        let all = shared();
        let s = Scene { title, summary, ..story() };
        let r = TextRules { limit, unit, bytes: Some(limit * 3) };
        match one(all, "t", &s, r) {
            Ok(t) => {
                prop_assert!(t.length() <= limit && measure::length(t.as_str(), unit) <= limit && t.as_str().len() <= limit * 3);
                prop_assert!(t.as_str().split('\n').any(|l| l == "https://e.org/1"), "{}", t.as_str());
                prop_assert!(!t.as_str().chars().any(|c| c.is_control() && c != '\n'));
                let seen = entities(t.as_str(), unit);
                prop_assert!(seen.iter().all(|e| e.kind != Kind::Mention));
                prop_assert!(seen.iter().all(|e| e.kind != Kind::Link || e.text == "https://e.org/1"));
            }
            Err(e) => prop_assert!(limit < 80 || e.0.contains("allowed"), "{e}"),
        }
    }
}

fn shared() -> &'static Templates {
    static ALL: LazyLock<Templates> = LazyLock::new(|| {
        templates(
            "{{ title | elastic(min=5) }}\n{% filter optional %}{{ summary | elastic(min=10) }}{% endfilter %}\n{{ link }}\n{{ hashtags | optional }}\n",
        )
    });
    &ALL
}
