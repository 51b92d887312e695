//! What pages say of themselves: one table a kind of fact.

use super::*;

fn base() -> Url {
    Url::parse("https://news.example/2026/a?utm_source=x").unwrap()
}

fn facts(html: &str) -> PageFacts {
    read(html, &base(), &TimeZone::get("Asia/Baku").unwrap())
}

#[test]
fn a_page_with_all_it_may_have() {
    let facts = facts(
        r#"<!doctype html><html lang="az"><head><meta charset=utf-8><title>Körpü açıldı - Xəbər</title>
        <link rel="canonical" href="/2026/a"><link rel=alternate type="application/rss+xml" title="Lent" href=/feed>
        <link rel="alternate" hreflang="en" href="/en/a"><link rel="hub" href="https://hub.example/">
        <meta property="og:title" content="Körpü açıldı &amp; yol"><meta property="og:type" content="article">
        <meta property="og:description" content="Bazar ertəsindən &lt;b&gt;hərəkət&lt;/b&gt; başlayır.">
        <meta property="og:image" content="/p/large.jpg"><meta property="og:image:width" content="1200">
        <meta property="og:image:height" content="630"><meta property="og:image:alt" content="Körpü">
        <meta property="og:image" content="https://cdn.example/2.jpg"><meta property="og:site_name" content="Xəbər">
        <meta name="twitter:image" content="https://cdn.example/t.jpg">
        <meta property="article:published_time" content="2026-11-25T10:00:00+04:00">
        <meta property="article:modified_time" content="2026-11-25T11:00:00+04:00">
        <meta property="article:section" content="Ölkə"><meta property="article:tag" content="körpü">
        <meta property="article:tag" content="yol"><meta name="author" content="Leyla Əliyeva, John Doe">
        <meta property="article:author" content="https://facebook.com/leyla">
        <meta property="article:content_tier" content="locked"></head><body><h1>Başqa</h1></body>"#,
    );
    assert_eq!(facts.canonical.unwrap().as_str(), "https://news.example/2026/a");
    assert_eq!(facts.title.as_deref(), Some("Körpü açıldı & yol"));
    assert_eq!(facts.description.as_deref(), Some("Bazar ertəsindən hərəkət başlayır."));
    let pictures: Vec<_> = facts.pictures.iter().map(|image| (image.url.as_str(), image.width)).collect();
    assert_eq!(
        pictures,
        [
            ("https://news.example/p/large.jpg", Some(1200)),
            ("https://cdn.example/2.jpg", None),
            ("https://cdn.example/t.jpg", None)
        ]
    );
    assert_eq!(facts.pictures[0].alt.as_deref(), Some("Körpü"));
    assert_eq!(facts.authors, ["Leyla Əliyeva", "John Doe"]);
    assert_eq!(facts.published.unwrap().to_string(), "2026-11-25T06:00:00Z");
    assert_eq!(facts.modified.unwrap().to_string(), "2026-11-25T07:00:00Z");
    assert_eq!((facts.language.as_deref(), facts.section.as_deref()), (Some("az"), Some("Ölkə")));
    assert_eq!(facts.keywords, ["körpü", "yol"]);
    assert_eq!((facts.paywall, facts.site.as_deref(), facts.is_article), (Some(true), Some("Xəbər"), true));
    assert_eq!(
        facts.feeds,
        [Linked { url: Url::parse("https://news.example/feed").unwrap(), title: Some("Lent".into()) }]
    );
    assert_eq!(facts.hubs.len(), 1);
}

#[test]
fn which_title_counts() {
    for (html, expected) in [
        ("<title>Новости - Газета</title>", Some("Новости - Газета")),
        ("<title>Новости — Газета</title><meta property=og:site_name content='Газета'>", Some("Новости")),
        ("<title>Газета</title><meta property=og:site_name content='Газета'>", Some("Газета")),
        ("<title>Site</title><meta name='twitter:title' content='أخبار اليوم'>", Some("أخبار اليوم")),
        (
            "<title>T</title><script type='application/ld+json'>{\"@type\":\"NewsArticle\",\"headline\":\"新闻\"}</script>",
            Some("新闻"),
        ),
        ("<meta property='og:title' content='Open'><meta name='twitter:title' content='Bird'>", Some("Open")),
        ("<body><h1>Ειδήσεις <b>σήμερα</b></h1>", Some("Ειδήσεις σήμερα")),
        ("<svg><title>Icon</title></svg><h1>חדשות</h1>", Some("חדשות")),
        ("<meta property='og:title' content=' '><p>nothing", None),
    ] {
        assert_eq!(facts(html).title.as_deref(), expected, "{html}");
    }
}

#[test]
fn which_address_counts() {
    for (html, expected) in [
        ("<link rel='canonical' href='https://news.example/a'>", Some("https://news.example/a")),
        ("<LINK REL=Canonical HREF=/a><meta property='og:url' content='/b'>", Some("https://news.example/a")),
        ("<meta property='og:url' content='https://news.example/b'>", Some("https://news.example/b")),
        ("<base href='https://other.example/x/'><link rel=canonical href='a'>", Some("https://other.example/x/a")),
        ("<link rel=canonical href='javascript:alert(1)'>", None),
        ("<link rel=canonical href=''>", None),
        ("<!-- <link rel=canonical href='/a'> -->", None),
        ("<script>'<link rel=canonical href=/a>'</script>", None),
    ] {
        assert_eq!(facts(html).canonical.as_ref().map(Url::as_str), expected, "{html}");
    }
}

#[test]
fn which_date_counts() {
    for (html, expected) in [
        ("<meta property='article:published_time' content='2026-11-25T10:00'>", Some("2026-11-25T06:00:00Z")),
        ("<time datetime='2026-11-25T10:00:00Z'>", Some("2026-11-25T10:00:00Z")),
        (
            "<time datetime='2020-01-01'><time itemprop='datePublished' datetime='2026-11-25T10:00:00Z'>",
            Some("2026-11-25T10:00:00Z"),
        ),
        (
            "<meta itemprop=datePublished content='2026-11-25T10:00:00Z'><time datetime='2020-01-01'>",
            Some("2026-11-25T10:00:00Z"),
        ),
        ("<time datetime='yesterday'>", None),
    ] {
        assert_eq!(facts(html).published.map(|at| at.to_string()).as_deref(), expected, "{html}");
    }
}

#[test]
fn who_has_to_pay() {
    let ld = |said: &str| {
        format!(
            "<script type='application/ld+json'>{{\"@type\":\"NewsArticle\",\"isAccessibleForFree\":{said}}}</script>"
        )
    };
    for (html, expected) in [
        (ld("false"), Some(true)),
        (ld("\"True\""), Some(false)),
        ("<meta property='article:content_tier' content='metered'>".to_owned(), Some(true)),
        ("<meta property='article:content_tier' content='free'>".to_owned() + &ld("false"), Some(false)),
        ("<meta property='article:content_tier' content='gold'>".to_owned(), None),
        (String::new(), None),
    ] {
        assert_eq!(facts(&html).paywall, expected, "{html}");
    }
}

#[test]
fn no_picture_lies_inside_the_network() {
    for address in [
        "http://127.0.0.1/a.jpg",
        "http://10.0.0.1/a.jpg",
        "http://[::1]/a.jpg",
        "http://localhost/a.jpg",
        "http://169.254.169.254/x",
        "http://2130706433/a.jpg",
    ] {
        let html = format!("<meta property=og:image content='{address}'>");
        assert!(facts(&html).pictures.is_empty(), "{address}");
        let at = Url::parse(address).unwrap();
        assert_eq!(read(&html, &at, &TimeZone::UTC).pictures.len(), 1, "its own host, once that was let in");
    }
}

#[test]
fn hostile_pages_cost_little() {
    for html in [
        "<div>".repeat(1_000_000),
        "<meta property='og:image' content='/a.jpg'>".repeat(100_000),
        "<script type='application/ld+json'>".repeat(50_000),
        format!("<script type='application/ld+json'>{}</script>", "[".repeat(200_000)).repeat(8),
        "<title>".repeat(300_000),
        "<link rel=alternate type=rss href=/a>".repeat(50_000),
        "<h1>".to_owned() + &"x".repeat(3_000_000),
    ] {
        let facts = facts(&html);
        assert!(facts.pictures.len() <= MAX_LIST && facts.feeds.len() <= MAX_LIST);
    }
}
