//! What of a page goes into an article.

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn wide(address: &str, width: Option<u32>) -> Image {
    Image { width, ..Image::at(url(address)) }
}

#[test]
fn when_a_page_is_wanted() {
    let whole = Entry {
        title: "T".into(),
        link: Some(url("https://n.example/a")),
        summary: Some("S".into()),
        image: Some(wide("https://n.example/p.jpg", None)),
        ..Entry::default()
    };
    let with = |change: fn(&mut Entry)| {
        let mut entry = whole.clone();
        change(&mut entry);
        entry
    };
    for (name, entry, expected) in [
        ("nothing missing", whole.clone(), false),
        ("no picture", with(|e| e.image = None), true),
        ("a thumbnail", with(|e| e.image = Some(wide("https://n.example/p.jpg", Some(120)))), true),
        ("no summary", with(|e| e.summary = None), true),
        ("no title", with(|e| e.title.clear()), true),
        ("tracked link", with(|e| e.link = Some(url("https://n.example/a?utm_source=rss"))), true),
        ("redirector", with(|e| e.link = Some(url("https://feedproxy.google.com/~r/n/1"))), true),
        ("amp", with(|e| e.link = Some(url("https://n.example/amp/a"))), true),
        ("no link", with(|e| e.link = None), false),
    ] {
        assert_eq!(is_wanted(ArticlePage::WhenNeeded, &entry), expected, "{name}");
        assert!(!is_wanted(ArticlePage::Never, &entry), "{name}");
        assert_eq!(is_wanted(ArticlePage::Always, &entry), entry.link.is_some(), "{name}");
    }
}

#[test]
fn the_source_counts_more_than_the_page() {
    let facts = PageFacts {
        title: Some("Page".into()),
        description: Some("From the page".into()),
        pictures: vec![wide("https://n.example/page.jpg", Some(1200)), wide("https://n.example/2.jpg", None)],
        authors: vec!["P".into()],
        published: Some("2026-11-25T10:00:00Z".parse().unwrap()),
        section: Some("Nation".into()),
        keywords: vec!["k".into()],
        language: Some("az".into()),
        paywall: Some(true),
        ..PageFacts::default()
    };
    let rule = Rule { source: None, hosts: &[] };
    let mut full = Entry {
        title: "Source".into(),
        link: Some(url("https://n.example/a")),
        summary: Some("From the source".into()),
        image: Some(wide("https://n.example/source.jpg", None)),
        authors: vec!["S".into()],
        categories: vec!["World".into()],
        keywords: vec!["s".into()],
        language: Some("en".into()),
        paywall: Some(false),
        published: Some("2026-11-25T09:00:00Z".parse().unwrap()),
        ..Entry::default()
    };
    let before = full.clone();
    assert!(merge(&mut full, &facts, None, rule));
    assert_eq!(full.pictures.len(), 2, "further pictures are no contradiction");
    full.pictures.clear();
    assert_eq!(full, before);

    let mut bare = Entry { link: Some(url("https://n.example/a")), ..Entry::default() };
    assert!(merge(&mut bare, &facts, None, rule));
    assert_eq!((bare.title.as_str(), bare.summary.as_deref()), ("Page", Some("From the page")));
    assert_eq!(bare.image.as_ref().unwrap().url.path(), "/page.jpg");
    assert_eq!(
        (bare.categories, bare.keywords, bare.paywall),
        (vec!["Nation".to_owned()], vec!["k".to_owned()], Some(true))
    );
    assert!(!merge(&mut before.clone(), &PageFacts::default(), None, rule));
}

#[test]
fn which_picture_stands_for_the_article() {
    for (name, own, found, expected) in [
        ("none", None, vec![("a", None)], "/a"),
        ("a thumbnail gives way", Some(("t", Some(100))), vec![("a", Some(800))], "/a"),
        ("not to another thumbnail", Some(("t", Some(100))), vec![("a", Some(90))], "/t"),
        ("its own of unknown width stays", Some(("t", None)), vec![("a", Some(800))], "/t"),
        ("the first that is no thumbnail", None, vec![("s", Some(64)), ("a", None)], "/a"),
    ] {
        let at = |(name, width): (&str, Option<u32>)| wide(&format!("https://n.example/{name}"), width);
        let mut entry = Entry { image: own.map(at), ..Entry::default() };
        pictures(&mut entry, &found.into_iter().map(at).collect::<Vec<_>>());
        assert_eq!(entry.image.unwrap().url.path(), expected, "{name}");
    }
    let mut entry = Entry { image: Some(wide("https://n.example/a.jpg?w=80", None)), ..Entry::default() };
    let told = Image { alt: Some("A".into()), width: Some(800), ..Image::at(url("https://n.example/a.jpg")) };
    pictures(&mut entry, &[told]);
    let image = entry.image.unwrap();
    assert_eq!((image.alt.as_deref(), image.width, image.url.query()), (Some("A"), Some(800), Some("w=80")));
    assert!(entry.pictures.is_empty());
}

#[test]
fn which_address_is_the_articles_own() {
    let hosts = vec!["partner.example".to_owned()];
    let source = url("https://feeds.n.example/rss");
    let rule = Rule { source: Some(&source), hosts: &hosts };
    for (name, link, canonical, at, expected) in [
        ("none stated", "https://n.example/a", "", "", None),
        ("tracking", "https://n.example/a?utm_source=rss", "https://n.example/a", "", Some("https://n.example/a")),
        ("the same", "https://n.example/a", "https://n.example/a", "", None),
        ("www", "https://n.example/a", "https://www.n.example/a", "", Some("https://www.n.example/a")),
        ("from amp", "https://amp.n.example/a", "https://n.example/a", "", Some("https://n.example/a")),
        ("another site", "https://n.example/a", "https://thief.example/a", "", None),
        ("a listed one", "https://n.example/a", "https://partner.example/a", "", Some("https://partner.example/a")),
        ("inside", "https://n.example/a", "http://10.0.0.1/a", "", None),
        ("this machine", "https://n.example/a", "http://localhost/a", "", None),
        ("another port", "https://n.example/a", "https://n.example:8443/a", "", None),
        ("the home page", "https://n.example/a", "https://n.example/", "", None),
        ("https stays", "https://n.example/a", "http://n.example/b", "", Some("https://n.example/b")),
        ("fragment", "https://n.example/a?x", "https://n.example/a#top", "", Some("https://n.example/a")),
        (
            "passed on",
            "https://feedproxy.google.com/~r/1",
            "",
            "https://www.paper.example/a?utm_medium=feed&id=4",
            Some("https://www.paper.example/a?id=4"),
        ),
        (
            "passed on, and stated",
            "https://t.co/1",
            "https://paper.example/a",
            "https://www.paper.example/a?x",
            Some("https://paper.example/a"),
        ),
        ("moved without a word", "https://n.example/a", "", "https://n.example/b", None),
    ] {
        let facts = PageFacts { canonical: (!canonical.is_empty()).then(|| url(canonical)), ..PageFacts::default() };
        let at = (!at.is_empty()).then(|| url(at));
        let own = own_address(Some(&url(link)), &facts, at.as_ref(), rule);
        assert_eq!(own.as_ref().map(Url::as_str), expected, "{name}");
    }
}

#[test]
fn a_probe_changes_what_is_missing_only() {
    let bare = Entry { title: "T".into(), link: Some(url("https://n.example/a?utm_source=x")), ..Entry::default() };
    let probed = probe(&bare);
    assert_eq!((probed.link, probed.title), (bare.link, bare.title));
    assert!(probed.summary.is_some() && probed.image.is_some());
}
