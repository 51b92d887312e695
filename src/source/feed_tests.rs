//! Feeds of the wild and of enemies, read whole.

use super::*;
use crate::source::entry::{MAX_TEXT, to_json};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/feeds/", $name))
    };
}

fn base() -> Url {
    "https://fetched.example/feeds/all.xml".parse().unwrap()
}

fn feed(bytes: &[u8]) -> Feed {
    read(bytes, None, &base()).unwrap()
}

fn rss(items: &str) -> String {
    format!("<rss version='2.0'><channel><title>T</title>{items}</channel></rss>")
}

fn titles(feed: &Feed) -> Vec<&str> {
    feed.entries.iter().map(|e| e.title.as_str()).collect()
}

/// Entries as `bugle parse` prints them, to be compared with what a person reads in the fixture.
fn printed(feed: &Feed) -> serde_json::Value {
    feed.entries.iter().map(to_json).collect()
}

#[test]
fn reads_rss_2() {
    let feed = feed(fixture!("rss-2.0.xml"));
    assert_eq!(feed.title.as_deref(), Some("City News"));
    assert_eq!(feed.ttl, Some(Duration::from_secs(900)));
    assert_eq!(feed.dropped, Vec::<String>::new());
    assert_eq!(
        printed(&feed),
        serde_json::json!([
            {
                "id": "city-1001",
                "title": "Council & mayor agree on budget",
                "link": "https://city.example/2026/budget",
                "published": "2026-11-24T17:05:00Z",
                "authors": ["Ada Nowak", "Ben Okoro"],
                "categories": ["Politics", "Money"],
                "summary": "After a long night the council agreed.\nRead on.",
                "content": "Full text.",
                "image": "https://city.example/img/large.jpg",
                "language": "en-US"
            },
            {
                "id": "https://city.example/2026/permalink",
                "title": "Permalink only",
                "link": "https://city.example/2026/permalink",
                "published": "2026-11-23T07:00:00Z",
                "summary": "With a picture.",
                "image": "https://city.example/img/a.jpg",
                "language": "en-US"
            },
            {
                "id": "1003",
                "title": "Number for a guid",
                "link": "https://city.example/2026/number",
                "language": "fr"
            }
        ])
    );
    let alts: Vec<_> = feed.entries.iter().map(|e| e.image.as_ref().and_then(|i| i.alt.as_deref())).collect();
    assert_eq!(alts, [Some("The town hall at night"), Some("A bridge"), None]);
}

#[test]
fn reads_the_older_ones() {
    let old = feed(fixture!("rss-0.91.xml"));
    assert_eq!(titles(&old), ["Ferry back in service", "Lighthouse painted"]);
    assert_eq!(old.entries[1].link.as_ref().unwrap().as_str(), "http://gazette.example/lighthouse.html");
    assert!(old.entries.iter().all(|e| e.guid.is_none() && e.published.is_none()), "nothing is made up");
    assert_eq!(old.entries[0].language.as_deref(), Some("en-gb"));

    let radio = feed(fixture!("rss-0.92.xml"));
    assert_eq!(radio.entries[0].title, "");
    assert_eq!(radio.entries[0].summary.as_deref(), Some("A new programme begins tonight."));
    assert_eq!(radio.entries[0].image.as_ref().unwrap().url.as_str(), "http://radio.example/studio.jpg");

    let science = feed(fixture!("rss-1.0.rdf"));
    assert_eq!((science.title.as_deref(), science.ttl), (Some("Science Desk"), Some(Duration::from_secs(1_800))));
    assert_eq!(
        printed(&science),
        serde_json::json!([{
            "id": "http://science.example/1",
            "title": "Eis auf dem Mond",
            "link": "http://science.example/1",
            "published": "2026-11-24T07:15:00Z",
            "authors": ["Jana Weber"],
            "categories": ["Raumfahrt"],
            "summary": "Ein Krater im Schatten.",
            "language": "de"
        }])
    );
}

#[test]
fn reads_atom() {
    assert_eq!(
        printed(&feed(fixture!("atom-0.3.xml"))),
        serde_json::json!([{
            "id": "tag:journal.example,2026:tea",
            "title": "Tea & biscuits",
            "link": "http://journal.example/tea",
            "published": "2026-11-20T08:00:00Z",
            "updated": "2026-11-21T10:00:00Z",
            "authors": ["Mira Lind"],
            "content": "Hot.",
            "language": "en"
        }])
    );
    let atom = feed(fixture!("atom-1.0.xml"));
    assert_eq!(atom.title.as_deref(), Some("Weekblad & nieuws"));
    assert_eq!(
        printed(&atom),
        serde_json::json!([
            {
                "id": "urn:uuid:1225c695-cfb8-4ebb-aaaa-80da344efa6a",
                "title": "if a < b & c",
                "link": "https://atom.example/blog/1.html",
                "published": "2026-11-24T11:00:00.5Z",
                "updated": "2026-11-24T12:00:00Z",
                "authors": ["Sanne de Vries"],
                "categories": ["Techniek"],
                "summary": "Een kort stuk.\nTwee.",
                "image": "https://atom.example/1.png",
                "language": "nl"
            },
            {
                "id": "https://atom.example/english/2",
                "link": "https://atom.example/english/2",
                "updated": "2026-11-23T12:00:00Z",
                "authors": ["Redactie"],
                "content": "Only content.",
                "language": "en"
            }
        ])
    );
}

#[test]
fn reads_json_feeds() {
    let one = feed(fixture!("json-1.0.json"));
    assert_eq!(
        (one.title.as_deref(), one.dropped.as_slice()),
        (Some("Plain & simple"), &["item 2: expected an object".to_owned()][..])
    );
    assert_eq!(
        printed(&one),
        serde_json::json!([
            {
                "id": "42",
                "title": "A number for an id",
                "link": "https://json.example/42",
                "published": "2026-11-24T00:00:00Z",
                "authors": ["Kim Park"],
                "categories": ["one", "two", "3"],
                "content": "1 < 2",
                "image": "https://json.example/42.jpg"
            },
            {
                "id": "https://json.example/43",
                "link": "https://json.example/43",
                "authors": ["Kim Park"],
                "content": "No title.",
                "image": "https://fetched.example/43.png"
            }
        ])
    );
    assert_eq!(
        printed(&feed(fixture!("json-1.1.json"))),
        serde_json::json!([
            {
                "id": "r-1",
                "title": "Premier",
                "link": "https://json.example/r/1",
                "published": "2026-11-24T09:00:00Z",
                "updated": "2026-11-24T10:00:00Z",
                "authors": ["Luc Roy", "Anne Roy"],
                "summary": "Résumé.",
                "image": "https://json.example/a.png",
                "language": "fr-CA"
            },
            {
                "id": "r-2",
                "title": "Second",
                "link": "https://fetched.example/r/2",
                "image": "https://json.example/b.png",
                "language": "en"
            }
        ])
    );
    // Cut off anywhere: what came before is kept, and nothing fails but the head alone.
    let whole = String::from_utf8(fixture!("json-1.1.json").to_vec()).unwrap();
    let cut = feed(&whole.as_bytes()[..whole.find("r-2").unwrap()]);
    assert_eq!(titles(&cut), ["Premier"]);
    assert!(cut.dropped[0].starts_with("broken JSON behind item 1"), "{:?}", cut.dropped);
}

#[test]
fn reads_other_charsets() {
    let feed = feed(fixture!("windows-1251.xml"));
    assert_eq!(titles(&feed), ["Мост открыт для движения «раньше срока»"]);
    assert_eq!(feed.entries[0].published.unwrap().to_string(), "2026-11-24T09:30:00Z");
    assert_eq!(titles(&self::feed(fixture!("utf-16le.xml"))), ["Ąžuolas po langu"]);
}

#[test]
fn forgives_carelessness() {
    let feed = feed(fixture!("careless.xml"));
    assert_eq!(feed.title.as_deref(), Some("Fish & Chips — daily"));
    assert_eq!(titles(&feed), ["Profits & losses €5 < €6", "Never closed & untouched", "After the empty one"]);
    let first = &feed.entries[0];
    assert_eq!(first.link.as_ref().unwrap().as_str(), "http://careless.example/?id=7&lang=en&copy=1");
    assert_eq!(first.published.unwrap().to_string(), "2026-11-24T09:00:00Z");
    assert_eq!(first.image.as_ref().unwrap().url.as_str(), "http://careless.example/t.jpg");
    let words: Vec<&str> = first.summary.as_deref().unwrap().split_whitespace().collect();
    assert_eq!(words.join(" "), "Raw markup, crossed tags and a break &unknown;");
    assert_eq!(feed.dropped, ["item 3: no title, no link and no text"]);
}

#[test]
fn keeps_the_whole_items_of_a_cut_feed() {
    let feed = feed(fixture!("truncated.xml"));
    assert_eq!(titles(&feed), ["Whole", "Also whole"]);
    assert_eq!(feed.dropped, ["item 3: cut off"]);
    // Wherever it is cut, no panic and no invented item.
    let bytes = fixture!("rss-2.0.xml");
    for end in 0..bytes.len() {
        if let Ok(feed) = read(&bytes[..end], None, &base()) {
            assert!(feed.entries.len() <= 3);
        }
    }
}

#[test]
fn makes_the_best_of_dates() {
    let feed = feed(fixture!("odd-dates.xml"));
    let dates: Vec<_> = feed.entries.iter().map(|e| e.published.map(|p| p.to_string())).collect();
    assert_eq!(dates, [Some("2023-12-27T14:21:00Z".to_owned()), Some("2023-12-27T00:00:00Z".to_owned()), None]);
}

#[test]
fn says_what_it_is_instead() {
    for (bytes, expected) in [
        (&b""[..], "empty"),
        (b" \n\0\n", "empty"),
        (fixture!("page.html"), "an HTML page, not a feed"),
        (b"<HTML><body>Sorry", "an HTML page, not a feed"),
        (b"<svg></svg>", "a document of <svg>, not a feed"),
        (b"\x89PNG\r\n<i?\x13 x>", "neither XML nor JSON, not a feed"),
        (b"<urlset/>", "a sitemap, not a feed"),
        (b"Not found", "plain text, not a feed"),
        (b"{\"error\": 404}", "a JSON document, not a JSON Feed"),
        (b"{\"error\"", "broken JSON: EOF while parsing an object at line 1 column 8"),
    ] {
        assert_eq!(read(bytes, None, &base()).unwrap_err().said, expected);
    }
    assert_eq!(feed(b"<rss version='2.0'><channel></channel></rss>").entries, []);
    assert_eq!(read(&vec![b' '; MAX_BODY + 1], None, &base()).unwrap_err().said, "larger than 20 MiB");
}

#[test]
fn never_expands_entities() {
    let mut dtd = "<!ENTITY a0 'ha'>".to_owned();
    for n in 1..100 {
        dtd.push_str(&format!("<!ENTITY a{n} \"&a{0};&a{0};\">", n - 1));
    }
    dtd.push_str("<!ENTITY x SYSTEM 'file:///etc/passwd'>");
    let text =
        format!("<!DOCTYPE rss [{dtd}]>{}", rss("<item><title>&a99; &x;</title><link>http://a.example/</link></item>"));
    assert_eq!(titles(&feed(text.as_bytes())), ["&a99; &x;"]);
}

#[test]
fn holds_its_limits_inside_an_item() {
    let deep = "<d>".repeat(100_000);
    let wide: String = (0..100_000).map(|n| format!(" xmlns:n{n}='u'")).collect();
    for trouble in [deep.clone(), format!("{deep}{}", "</d>".repeat(100_000)), format!("<d{wide}>x</d>")] {
        let items = format!(
            "<item><title>A</title><link>http://a.example/1</link>{trouble}</item><item><title>B</title>\
             <link>http://a.example/2</link></item>"
        );
        let feed = feed(rss(&items).as_bytes());
        assert_eq!(titles(&feed), ["A", "B"]);
        assert_eq!(feed.dropped, ["item 1: what lies beyond 64 levels or attributes was left out"]);
    }
    // Never closed, the items follow inside: still found.
    let items = format!("<item><title>A</title>{deep}<item><title>B</title></item>");
    assert_eq!(titles(&feed(rss(&items).as_bytes())), ["A", "B"]);
    let many = format!("<item><title>A</title><d>{}</d></item>", "<p>x</p>".repeat(50_000));
    assert_eq!(titles(&feed(rss(&many).as_bytes())), ["A"]);
}

#[test]
fn refuses_what_is_hostile_outside_of_items() {
    let attributes: String = (0..100_000).map(|n| format!(" a{n}=''")).collect();
    for text in [
        rss(&"<d>".repeat(100_000)),
        format!("<rss{attributes}><channel></channel></rss>"),
        format!("<rss>{}</rss>", (0..40).map(|n| format!("<d xmlns:a{n}='u' xmlns:b{n}='v'>")).collect::<String>()),
    ] {
        let refused = read(text.as_bytes(), None, &base()).unwrap_err();
        assert!(refused.said.starts_with("not a sane feed"), "{refused}");
    }
}

#[test]
fn reads_and_keeps_only_so_many() {
    let item =
        |n: usize| format!("<item><title>{n}</title><guid>{n}</guid><pubDate>{}</pubDate></item>", 2000 + n % 20);
    let text = rss(&(0..50_000).map(item).collect::<String>());
    let feed = feed(text.as_bytes());
    assert_eq!(feed.entries.len(), MAX_KEPT);
    assert!(feed.entries.iter().all(|e| e.published.unwrap().to_string().as_str() >= "2018"), "the newest");
    assert_eq!(titles(&feed)[..2], ["18", "19"], "in document order");
    assert_eq!(feed.dropped.len(), 2, "{:?}", feed.dropped);
    // Exactly as many as are read: none was left unread.
    let text = rss(&(0..MAX_READ).map(item).collect::<String>());
    assert_eq!(self::feed(text.as_bytes()).dropped, ["5000 items, of which the newest 500 are kept"]);

    let items: Vec<String> = (0..6_000).map(|n| format!("{{\"id\":{n},\"title\":\"t\"}}")).collect();
    let json = format!("{{\"version\":\"https://jsonfeed.org/version/1\",\"items\":[{}]}}", items.join(","));
    let json = self::feed(json.as_bytes());
    assert_eq!((json.entries.len(), json.entries[0].guid.as_deref()), (MAX_KEPT, Some("0")));
}

#[test]
fn cuts_what_is_too_long() {
    let long = "ä".repeat(500_000);
    let text = rss(&format!(
        "<item><title>{long}</title><link>http://a.example/{long}</link><description>{long}</description></item>"
    ));
    let feed = feed(text.as_bytes());
    let entry = &feed.entries[0];
    for text in [&entry.title, entry.summary.as_ref().unwrap()] {
        assert!((1..=MAX_TEXT).contains(&text.len()), "{}", text.len());
    }
    assert_eq!(entry.link, None);
}

#[test]
fn survives_bytes_that_are_no_text() {
    let mut bytes =
        rss("<item><title>A\0B\u{1}C</title><guid>x\0y</guid><link>http://a.example/1</link></item>").into_bytes();
    let at = bytes.windows(2).position(|w| w == b"C<").unwrap();
    bytes.splice(at..at, [0xff, 0xc3, 0x28]);
    let feed = read(&bytes, Some("text/xml; charset=utf-8"), &base()).unwrap();
    assert_eq!(feed.entries[0].guid.as_deref(), Some("xy"));
    assert_eq!(feed.entries[0].link.as_ref().unwrap().as_str(), "http://a.example/1");
    // Noise of any kind never panics.
    let mut state = 1u32;
    for length in 0..2_000 {
        const PIECES: &[u8] = b"<>/='\"&;! []-?rssitemlnk:\0\xc3\xff";
        let noise: Vec<u8> = (0..length % 97)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                PIECES[(state >> 16) as usize % PIECES.len()]
            })
            .collect();
        let _ = read(&noise, None, &base());
        let _ = read(&[b"<rss><item>".as_slice(), &noise].concat(), None, &base());
    }
}

/// A second opinion: what is well-formed reads as `feed-rs` reads it.
#[test]
fn agrees_with_another_reader_on_what_is_well_formed() {
    for (name, bytes) in [
        ("rss-0.91", &fixture!("rss-0.91.xml")[..]),
        ("rss-1.0", fixture!("rss-1.0.rdf")),
        ("rss-2.0", fixture!("rss-2.0.xml")),
        ("json-1.1", fixture!("json-1.1.json")),
    ] {
        let ours = feed(bytes);
        let parser = feed_rs::parser::Builder::new().id_generator(|_, _, _| String::new()).build();
        let theirs = parser.parse(bytes).unwrap();
        assert_eq!(ours.entries.len(), theirs.entries.len(), "{name}");
        for (our, their) in ours.entries.iter().zip(&theirs.entries) {
            let title = their.title.as_ref().map(|t| crate::text::plain::title(&t.content)).unwrap_or_default();
            assert_eq!(our.title, title, "{name}");
            let published = our.published.map(|p| p.as_second());
            assert_eq!(published, their.published.map(|p| p.timestamp()), "{name}: {title}");
            // RDF's `about` is an id to us only.
            if !their.id.is_empty() {
                assert_eq!(our.guid.as_deref(), Some(their.id.as_str()), "{name}: {title}");
            }
        }
    }
}

/// What an item of one word becomes; a link makes it a story.
fn item(root: &str, inside: &str) -> Entry {
    let text = match root {
        "feed" => format!("<feed xmlns='http://www.w3.org/2005/Atom'><entry><link href='/x'/>{inside}</entry></feed>"),
        _ => format!("<rss><channel><item><link>/x</link>{inside}</item></channel></rss>"),
    };
    feed(text.as_bytes()).entries.remove(0)
}

#[test]
fn reads_texts_in_their_odd_wrappings() {
    for (root, inside, expected) in [
        ("feed", "<title type='application/octet-stream'>RXhhbXBsZSA8Yj5BdG9tPC9iPg==</title>", "Example Atom"),
        ("feed", "<title mode='base64' type='text/html'>RXhhbXBs\nZSA8Yj5BdG9tPC9iPg==</title>", "Example Atom"),
        ("feed", "<title mode='base64' type='text/plain'>YSA8IGI=</title>", "a < b"),
        ("feed", "<title type='image/png'>iVBORw0KGgo=</title><summary>x</summary>", ""),
        ("feed", "<title mode='base64'>not base64!</title><summary>x</summary>", ""),
        ("rss", "<title>don\u{92}t \u{85}</title>", "don\u{2019}t \u{2026}"),
        ("rss", "<dc:title>Only here</dc:title>", "Only here"),
    ] {
        assert_eq!(item(root, inside).title, expected, "{inside}");
    }
    for (inside, content) in [
        ("<body xmlns='http://www.w3.org/1999/xhtml'><p>Full <b>text</b>.</p></body>", "Full text."),
        ("<x:body xmlns:x='http://www.w3.org/1999/xhtml'><p>Full.</p></x:body>", "Full."),
        ("<fullitem>&lt;p>Full.&lt;/p></fullitem>", "Full."),
    ] {
        assert_eq!(item("rss", inside).content.as_deref(), Some(content), "{inside}");
    }
    let group = "<media:group><media:description>Of the film</media:description></media:group>";
    assert_eq!(item("rss", group).summary.as_deref(), Some("Of the film"));
}

#[test]
fn an_item_may_speak_another_language_than_its_feed() {
    let text = "<feed xmlns='http://www.w3.org/2005/Atom' xml:lang='fr'>\
                <entry><title xml:lang='en_us'>a</title><id>1</id></entry>\
                <entry xml:lang='de'><title>b</title><content xml:lang='it'>c</content></entry>\
                <entry><title>c</title><dc:language>az</dc:language></entry><entry><title>d</title></entry></feed>";
    let languages: Vec<_> = feed(text.as_bytes()).entries.into_iter().map(|e| e.language.unwrap()).collect();
    assert_eq!(languages, ["en-us", "de", "az", "fr"]);
    // Where nothing else says it, that of the text.
    assert_eq!(item("rss", "<description xml:lang='nl'>x</description>").language.as_deref(), Some("nl"));
    assert_eq!(feed(b"<feed xml:lang='en'/>").language.as_deref(), Some("en"));
}

#[test]
fn finds_categories_keywords_and_people_wherever_they_stand() {
    let found = item(
        "rss",
        "<category>City</category><media:category label='Town hall'>t</media:category><dc:subject>Money</dc:subject>\
         <itunes:category text='News'><itunes:category text='Daily'/></itunes:category><category> </category>\
         <media:keywords>bridge, ferry,,Bridge of Sighs</media:keywords><tags>ferry,river</tags>\
         <dc:author>Ada Nowak</dc:author><dc:creator>Ben Okoro</dc:creator>",
    );
    assert_eq!(found.categories, ["City", "Town hall", "Money", "News", "Daily"]);
    assert_eq!(found.keywords, ["bridge", "ferry", "Bridge of Sighs", "river"]);
    assert_eq!(found.authors, ["Ben Okoro", "Ada Nowak"]);
}

#[test]
fn a_link_of_another_kind_is_not_the_page() {
    let text = "<feed xmlns='http://www.w3.org/2005/Atom'><entry><title>a</title><link rel='enclosure'>http://a.example/file\
                </link><link href='http://a.example/page'/></entry></feed>";
    assert_eq!(feed(text.as_bytes()).entries[0].link.as_ref().unwrap().as_str(), "http://a.example/page");
    // The channels of 1997.
    let text = "<CHANNEL><ITEM HREF='http://a.example/1' LASTMOD='2004-04-06T23:05:43-05:00'><ABSTRACT>Old</ABSTRACT></ITEM>\
                </CHANNEL>";
    let old = feed(text.as_bytes()).entries.remove(0);
    assert_eq!((old.link.unwrap().as_str(), old.summary.as_deref()), ("http://a.example/1", Some("Old")));
    assert_eq!(old.updated.unwrap().to_string(), "2004-04-07T04:05:43Z");
}

#[test]
fn a_doctype_alone_makes_no_page() {
    let text =
        "<!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0//EN' 'x'><rss><channel><title>found</title></channel></rss>";
    assert_eq!(feed(text.as_bytes()).title.as_deref(), Some("found"));
    let page = read(b"<!doctype html><p>Hello", None, &base()).unwrap_err();
    assert_eq!(page.said, "an HTML page, not a feed");
}

#[test]
fn a_json_feed_says_where_it_can_be_followed() {
    let text = r#"{"version":"https://jsonfeed.org/version/1.1","title":"T","feed_url":"/own.json","expired":true,
        "hubs":[{"type":"WebSub","url":"https://hub.example/"},{"type":"rssCloud","url":"https://cloud.example/"},7],
        "items":[{"id":"1","title":"a","image":"/a.jpg","banner_image":"/b.jpg","content_html":"<img src='/c.jpg' alt='C'>",
        "attachments":[{"url":"/d.png","mime_type":"image/png","title":"D"},{"url":"/e.mp3","mime_type":"audio/mpeg"}]}]}"#;
    let feed = feed(text.as_bytes());
    assert_eq!(feed.own.unwrap().as_str(), "https://fetched.example/own.json");
    assert_eq!(feed.hubs.iter().map(Url::as_str).collect::<Vec<_>>(), ["https://hub.example/"]);
    assert_eq!(feed.ttl, Some(LONGEST_TTL));
    assert!(feed.dropped[0].contains("has ended"), "{:?}", feed.dropped);
    let entry = &feed.entries[0];
    assert_eq!(entry.image.as_ref().unwrap().url.path(), "/a.jpg");
    let others: Vec<_> = entry.pictures.iter().map(|p| (p.url.path(), p.alt.as_deref())).collect();
    assert_eq!(others, [("/d.png", Some("D")), ("/c.jpg", Some("C"))]);
}

/// Passing over what is too old changes nothing of what is kept.
#[test]
fn keeps_the_newest_in_whatever_order_they_come() {
    // The items of 2 days a number, scrambled, some without a date or without a story.
    let date = |n: usize| Timestamp::from_second(1_700_000_000 + i64::try_from(n).unwrap() * 86_400).unwrap();
    let numbers: Vec<usize> = (0..2_000).map(|n| n * 7_919 % 2_003).collect();
    for order in [numbers.clone(), (0..2_000).collect(), (0..2_000).rev().collect()] {
        let (mut xml, mut json, mut dated, mut last) = (String::new(), Vec::new(), Vec::new(), None);
        for (at, n) in order.iter().copied().enumerate() {
            if n % 11 == 0 {
                xml.push_str("<item><author>x</author></item>");
                json.push("{}".to_owned());
                continue;
            }
            let stated = (n % 5 > 0).then(|| date(n));
            last = stated.or(last);
            dated.push((std::cmp::Reverse(last), at, n.to_string()));
            let told = stated.map(|d| d.to_string()).unwrap_or_default();
            xml.push_str(&format!("<item><title>{n}</title><dc:date>{told}</dc:date></item>"));
            json.push(format!("{{\"title\":\"{n}\",\"date_published\":\"{told}\"}}"));
        }
        dated.sort();
        dated.truncate(MAX_KEPT);
        dated.sort_by_key(|(_, at, _)| *at);
        let expected: Vec<&str> = dated.iter().map(|(_, _, title)| title.as_str()).collect();
        assert_eq!(titles(&feed(rss(&xml).as_bytes())), expected);
        let json = format!("{{\"version\":\"https://jsonfeed.org/version/1\",\"items\":[{}]}}", json.join(","));
        assert_eq!(titles(&feed(json.as_bytes())), expected);
    }
}
