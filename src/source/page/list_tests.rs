//! Pages that list articles: what selectors find, and what is said where they find nothing.

use super::*;

fn selectors(item: &str) -> Selectors {
    Selectors { item: item.to_owned(), link: None, title: None, time: None, picture: None, summary: None }
}

fn read(selectors: &Selectors, html: &str) -> Result<Feed, String> {
    let base = Url::parse("https://news.example/latest/").unwrap();
    let zone = TimeZone::get("Asia/Baku").unwrap();
    Layout::compile(selectors).unwrap().read(html, &base, &zone).map_err(|error| error.said)
}

const PAGE: &str = r#"<!doctype html><html lang="ru"><title>Последние новости</title><body>
  <ul class=news>
    <li class=card><a href="/1?id=7"><img data-src="/p/1.jpg" alt="Мост"><h3>Мост открыт</h3></a>
        <time datetime="2026-11-25T10:00">10:00</time><p class=lead>Движение &amp; погода<br>вторая строка</p>
    <li class=card><a href="2"><h3>Погода <b>завтра</b></h3></a><span class=when>25.11.2026 09:30</span>
    <li class=card><h3>без ссылки</h3>
    <li class="card ad"><a href="javascript:go()"><h3>Реклама</h3></a>
    <li class=card><a href="/1?id=7"><h3>Мост открыт</h3></a>
  </ul><footer><a href=/about>О нас</a></footer>"#;

#[test]
fn articles_of_a_page() {
    let feed = read(&Selectors { summary: Some(".lead".into()), ..selectors("li.card") }, PAGE).unwrap();
    assert_eq!((feed.title.as_deref(), feed.language.as_deref()), (Some("Последние новости"), Some("ru")));
    let [first, second] = &feed.entries[..] else { panic!("{feed:#?}") };
    assert_eq!(first.title, "Мост открыт");
    assert_eq!(first.link.as_ref().unwrap().as_str(), "https://news.example/1?id=7");
    assert_eq!(first.published.unwrap().to_string(), "2026-11-25T06:00:00Z", "in the newsroom's zone");
    assert_eq!(first.summary.as_deref(), Some("Движение & погода\nвторая строка"));
    let image = first.image.as_ref().unwrap();
    assert_eq!((image.url.path(), image.alt.as_deref()), ("/p/1.jpg", Some("Мост")));
    assert_eq!((second.title.as_str(), second.link.as_ref().unwrap().path()), ("Погода завтра", "/latest/2"));
    assert_eq!(feed.dropped, ["item 3: no link in it", "item 4: its link is no http or https URL"]);
}

#[test]
fn selectors_for_each_part() {
    let chosen = Selectors {
        link: Some("h3 a, a".into()),
        title: Some("h3".into()),
        time: Some(".when".into()),
        picture: Some("img".into()),
        ..selectors("ul.news > li:nth-child(2)")
    };
    let feed = read(&chosen, PAGE).unwrap();
    assert_eq!(feed.entries[0].published.unwrap().to_string(), "2026-11-25T05:30:00Z");
}

#[test]
fn pages_in_many_scripts() {
    for (lang, title) in [
        ("az", "Bakıda yeni körpü açıldı"),
        ("ru", "В Баку открыли мост"),
        ("ar", "افتتاح جسر جديد في باكو"),
        ("he", "גשר חדש נפתח בבאקו"),
        ("fa", "پل جدید باکو افتتاح شد"),
        ("zh", "巴库新桥开通"),
        ("el", "Νέα γέφυρα στο Μπακού"),
    ] {
        let html = format!("<html lang={lang} dir=auto><article><a href=/a><h2>{title}</h2></a></article>");
        let feed = read(&selectors("article"), &html).unwrap();
        assert_eq!((feed.entries[0].title.as_str(), feed.entries[0].language.as_deref()), (title, Some(lang)));
    }
}

#[test]
fn items_that_are_links_and_pictures_in_sets() {
    let html =
        "<a class=c href=/a title='From its title'><img srcset='/s.jpg 320w, /l.jpg?w=1,2 1200w' src=/s.jpg></a>";
    let feed = read(&selectors("a.c"), html).unwrap();
    let entry = &feed.entries[0];
    assert_eq!(
        (entry.title.as_str(), entry.image.as_ref().unwrap().url.as_str()),
        ("From its title", "https://news.example/l.jpg?w=1,2")
    );
}

#[test]
fn nothing_found_is_said() {
    for (item, html, expected) in [
        ("li.gone", PAGE, "a page on which nothing is an item: \"li.gone\" finds no element"),
        ("footer", "<footer>x</footer>", "a page whose 1 items are no articles: item 1: no link in it"),
    ] {
        assert_eq!(read(&selectors(item), html).unwrap_err(), expected);
    }
}

#[test]
fn bad_selectors_name_their_key() {
    for (item, title, keys) in [
        ("li..card", None, vec!["item"]),
        ("", None, vec!["item"]),
        ("li", Some("h2["), vec!["title"]),
        ("::", Some(">"), vec!["item", "title"]),
        ("li:unheard-of", None, vec!["item"]),
    ] {
        let written = Selectors { title: title.map(str::to_owned), ..selectors(item) };
        let bad = Layout::compile(&written).unwrap_err();
        assert_eq!(bad.iter().map(|one| one.key).collect::<Vec<_>>(), keys, "{bad:?}");
        assert!(bad.iter().all(|one| one.said.starts_with("expected a CSS selector, found")), "{bad:?}");
    }
}

#[test]
fn a_huge_page_is_read_within_bounds() {
    let html = "<li class=card><a href=/x>A headline</a></li>".repeat(1_000_000);
    let feed = read(&selectors("li.card"), &html).unwrap();
    assert_eq!(feed.entries.len(), 1, "each link once");
}
