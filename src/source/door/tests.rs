//! What the formats of the door come to, each as a table or a story of its own.

use serde_json::json;

use super::*;

fn read_json(value: &Value) -> Result<Vec<Entry>, Refused> {
    read(value.to_string().as_bytes(), None)
}

fn story(value: &Value) -> Entry {
    read_json(value).unwrap().into_iter().next().unwrap()
}

fn at(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

#[test]
fn our_own_json() {
    let entry = story(&json!({
        "id": 17, "title": "Fire & <b>smoke</b> &amp; co", "link": "https://www.example/17", "summary": "<p>One</p><p>Two</p>",
        "published": "2026-11-25T18:00:00+04:00", "updated": "2026-11-25T14:30:00Z", "authors": ["Leyla", "Leyla", ""],
        "categories": ["Nation"], "keywords": ["fire"], "language": "az", "embargo": "2026-11-25T15:00:00Z",
        "image": { "url": "https://www.example/17.jpg", "alt": "Smoke", "caption": "Seen from afar", "width": 800 },
        "standing": "withheld", "paywall": true, "content": null,
    }));
    assert_eq!(entry.guid.as_deref(), Some("17"));
    let odd = story(&json!({ "id": "a\u{0}b", "title": "T\u{0}\u{202e}" }));
    assert_eq!((odd.guid.as_deref(), odd.title.as_str()), (Some("ab"), "T"), "no database keeps a NUL");
    assert_eq!(entry.title, "Fire & <b>smoke</b> &amp; co", "a title is plain text: its signs stay");
    assert_eq!(entry.summary.as_deref(), Some("One\nTwo"));
    assert_eq!((entry.published, entry.embargo), (at("2026-11-25T14:00:00Z"), at("2026-11-25T15:00:00Z")));
    assert_eq!((entry.authors, entry.keywords), (vec!["Leyla".to_owned()], vec!["fire".to_owned()]));
    assert_eq!((entry.standing, entry.paywall), (Standing::Withheld, Some(true)));
    let image = entry.image.unwrap();
    assert_eq!((image.alt.as_deref(), image.caption.as_deref()), (Some("Smoke"), Some("Seen from afar")));
    assert_eq!((image.width, image.height), (Some(800), None));
}

#[test]
fn what_is_refused_names_the_place() {
    let ok = |more: Value| {
        let mut item = json!({ "id": "1", "title": "T", "link": "https://www.example/1" });
        item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        item
    };
    for (value, status, place) in [
        (ok(json!({ "embargoed": "2026-11-25T15:00:00Z" })), 422, "embargoed: unknown key"),
        (ok(json!({ "embargo": "tomorrow" })), 422, "embargo: expected a time"),
        (ok(json!({ "embargo": "2026-11-25 15:00" })), 422, "embargo: expected a time"),
        (ok(json!({ "standing": "gone" })), 422, "standing: expected usable"),
        (ok(json!({ "link": "/relative" })), 422, "link: expected an http"),
        (ok(json!({ "link": "javascript:alert(1)" })), 422, "link: expected an http"),
        (ok(json!({ "title": ["T"] })), 422, "title: expected a text"),
        (ok(json!({ "authors": "Leyla" })), 422, "authors: expected a list"),
        (ok(json!({ "authors": [1] })), 422, "authors: expected a list"),
        (ok(json!({ "image": { "src": "x" } })), 422, "image.src: unknown key"),
        (ok(json!({ "image": { "alt": "x" } })), 422, "image.url: missing"),
        (ok(json!({ "language": "??" })), 422, "language: expected"),
        (ok(json!({ "paywall": "yes" })), 422, "paywall: expected true"),
        (ok(json!({ "title": "" })), 422, "expected a title"),
        (json!({ "title": "T" }), 422, "expected an id or a link"),
        (json!([ok(json!({})), { "title": "T" }]), 422, "story 2: expected an id"),
        (json!("T"), 422, "expected an object"),
        (json!([1]), 422, "story 1: expected an object"),
        (json!(vec![ok(json!({})); 501]), 422, "expected at most 500 stories"),
        (json!({ "uri": "urn:1", "headline": "T" }), 422, "no link: `uri` names the story"),
        (json!({ "uri": "urn:1", "headline": "T", "pubstatus": "perhaps" }), 422, "pubStatus: expected usable"),
        (json!({ "uri": "urn:1", "headline": "T", "embargoed": "soon" }), 422, "embargoed: expected a time"),
        (json!({ "uri": "urn:1", "headline": "T", "type": "picture" }), 422, "type: expected a story in words"),
        (json!({ "id": 1, "title": { "rendered": "" }, "link": "https://a.example/1" }), 422, "expected a title"),
        (json!({ "id": 1, "type": "attachment", "title": { "rendered": "T" } }), 422, "type: expected a post"),
        (json!({ "post": { "current": {} } }), 422, "post.current: expected the post"),
        (json!({ "post": { "current": { "title": "T" } } }), 422, "post.current.id: missing"),
    ] {
        let refused = read_json(&value).unwrap_err();
        assert!(refused.status == status && refused.said.contains(place), "{place}: {refused:?}");
    }
    for (bytes, status, place) in [
        (&b""[..], 400, "expected JSON"),
        (b"{", 400, "expected JSON"),
        (b"<rss/>", 400, "expected JSON"),
        (b"{\"title\": \"\xff\"}", 400, "expected JSON"),
        (&[b'['; 33], 400, "at most 32 levels"),
        (&[b' '; MAX_BODY + 1], 413, "expected at most 1048576 bytes"),
    ] {
        let refused = read(bytes, None).unwrap_err();
        assert!(refused.status == status && refused.said.contains(place), "{place}: {refused:?}");
    }
}

#[test]
fn brackets_in_texts_are_no_levels() {
    let deep = format!("{{\"id\": \"1\", \"link\": \"https://a.example/1\", \"title\": \"\\\"{}\"}}", "[".repeat(99));
    assert_eq!(read(deep.as_bytes(), None).unwrap().len(), 1);
}

#[test]
fn a_post_of_wordpress() {
    let post = json!({
        "id": 5, "date": "2026-11-25T18:00:00", "date_gmt": "2026-11-25T14:00:00", "guid": { "rendered": "https://wp.example/?p=5" },
        "modified_gmt": "2026-11-25T14:05:00", "slug": "fire", "status": "publish", "type": "post",
        "link": "https://wp.example/fire/", "title": { "rendered": "Fire &#8217;n&#8217; <em>smoke</em>" },
        "content": { "rendered": "<p>Text <img src='/a.jpg' alt='A'></p>", "protected": false },
        "excerpt": { "rendered": "<p>Short &hellip;</p>", "protected": false }, "author": 2, "categories": [3],
        "_embedded": {
            "author": [{ "name": "Leyla &amp; Co" }],
            "wp:featuredmedia": [{
                "source_url": "https://wp.example/f.jpg", "alt_text": "Smoke", "caption": { "rendered": "<p>Far</p>" },
                "media_details": { "width": 1200, "height": 800 },
            }],
            "wp:term": [[{ "name": "Nation", "taxonomy": "category" }], [{ "name": "fire", "taxonomy": "post_tag" }]],
        },
    });
    let entry = story(&post);
    assert_eq!(entry.title, "Fire ’n’ smoke");
    assert_eq!((entry.guid.as_deref(), entry.standing), (Some("https://wp.example/?p=5"), Standing::Usable));
    assert_eq!((entry.published, entry.updated), (at("2026-11-25T14:00:00Z"), at("2026-11-25T14:05:00Z")));
    assert_eq!((entry.categories, entry.keywords), (vec!["Nation".to_owned()], vec!["fire".to_owned()]));
    assert_eq!((entry.authors, entry.summary.as_deref()), (vec!["Leyla & Co".to_owned()], Some("Short …")));
    let image = entry.image.unwrap();
    assert_eq!((image.url.as_str(), image.width), ("https://wp.example/f.jpg", Some(1200)));
    for (status, expected) in [
        ("publish", Standing::Usable),
        ("future", Standing::Withheld),
        ("draft", Standing::Withheld),
        ("pending", Standing::Withheld),
        ("private", Standing::Withheld),
        ("trash", Standing::Withheld),
        ("a-plugins-own", Standing::Withheld),
    ] {
        let mut post = post.clone();
        post["status"] = json!(status);
        assert_eq!(story(&post).standing, expected, "{status}");
    }
    let mut locked = post.clone();
    locked["content"] = json!({ "rendered": "", "protected": true });
    assert_eq!(story(&locked).standing, Standing::Withheld, "behind a password");
    let gone = story(&json!({ "deleted": true, "previous": post }));
    assert_eq!((gone.standing, gone.updated), (Standing::Killed, None));
    let all = read_json(&json!([post, { "deleted": true, "previous": post }])).unwrap();
    assert_eq!(all.len(), 2);
}

#[test]
fn ghosts_web_hook() {
    let post = |status: &str| {
        json!({
            "id": "6745", "uuid": "u", "title": "Fire <b> smoke", "slug": "fire", "html": "<p>Text</p>", "status": status,
            "visibility": "public", "published_at": "2026-11-25T14:00:00.000Z", "updated_at": "2026-11-25T14:05:00.000Z",
            "url": "http://localhost:18140/fire/", "excerpt": "Text", "custom_excerpt": null,
            "feature_image": "https://g.example/f.jpg", "feature_image_alt": "Smoke", "feature_image_caption": "<i>Far</i>",
            "tags": [{ "name": "Nation" }, { "name": "#internal" }], "authors": [{ "name": "Leyla" }],
        })
    };
    let entry = story(
        &json!({ "event": "post.published", "post": { "current": post("published"), "previous": { "status": "draft" } } }),
    );
    assert_eq!(entry.title, "Fire <b> smoke", "Ghost's titles are plain text");
    assert_eq!((entry.guid.as_deref(), entry.standing), (Some("6745"), Standing::Usable));
    assert_eq!(entry.link.as_ref().map(Url::as_str), Some("http://localhost:18140/fire/"));
    assert_eq!((entry.categories, entry.summary.as_deref()), (vec!["Nation".to_owned()], Some("Text")));
    assert_eq!((entry.paywall, entry.updated), (Some(false), at("2026-11-25T14:05:00Z")));
    assert_eq!(entry.image.unwrap().caption.as_deref(), Some("Far"));
    for (status, standing) in
        [("draft", Standing::Withheld), ("scheduled", Standing::Withheld), ("sent", Standing::Withheld)]
    {
        let entry = story(&json!({ "post": { "current": post(status), "previous": { "status": "published" } } }));
        assert_eq!((entry.standing, entry.link), (standing, None), "{status}: the address of a draft names no story");
    }
    let gone = story(&json!({ "event": "post.deleted", "post": { "current": {}, "previous": post("published") } }));
    assert_eq!((gone.standing, gone.guid.as_deref(), gone.updated), (Standing::Killed, Some("6745"), None));
    for other in ["page", "tag", "member"] {
        let event = json!({ "event": "x", other: { "current": { "id": "1" }, "previous": {} } });
        assert_eq!(read_json(&event).unwrap(), [], "{other}");
    }
}

#[test]
fn ninjs_in_its_three_spellings() {
    let one = json!({
        "uri": "urn:news:1", "type": "text", "version": "2", "versioncreated": "2026-11-25T14:05:00Z",
        "firstcreated": "2026-11-25T14:00:00Z", "pubstatus": "usable", "embargoed": "2026-11-25T18:00:00+04:00",
        "headline": "Fire &amp; smoke", "description_text": "Short", "body_html": "<p>Text</p>", "byline": "By Leyla and Tofiq",
        "subject": [{ "name": "Nation" }], "language": "en-GB", "ednote": "do not print",
        "associations": { "main": {
            "uri": "urn:p:1", "type": "picture", "headline": "Smoke", "description_text": "Far",
            "renditions": {
                "thumb": { "href": "https://n.example/t.jpg", "width": 100, "mimetype": "image/jpeg" },
                "big": { "href": "https://n.example/b.jpg", "width": 900, "height": 600, "mimetype": "image/jpeg" },
            },
        } },
    });
    let two = json!({
        "standard": { "name": "ninjs", "version": "2.0" }, "uri": "urn:news:1", "versioncreated": "2026-11-25T14:05:00Z",
        "firstcreated": "2026-11-25T14:00:00Z", "pubstatus": "usable", "embargoed": "2026-11-25T18:00:00+04:00",
        "headlines": [{ "role": "short", "value": "Fire" }, { "role": "main", "value": "Fire &amp; smoke" }],
        "descriptions": [{ "contenttype": "text/plain", "value": "Short" }],
        "bodies": [{ "contenttype": "text/html", "value": "<p>Text</p>" }], "by": "Leyla, Tofiq",
        "subjects": [{ "name": "Nation" }], "language": "en-GB",
        "associations": [{
            "type": "picture", "headlines": [{ "value": "Smoke" }], "descriptions": [{ "value": "Far" }],
            "renditions": [
                { "name": "thumb", "href": "https://n.example/t.jpg", "width": 100 },
                { "name": "big", "href": "https://n.example/b.jpg", "width": 900, "height": 600, "contenttype": "image/jpeg" },
            ],
        }],
    });
    let mut three = two.clone();
    let map = three.as_object_mut().unwrap();
    map["standard"]["version"] = json!("3.1");
    for (old, new) in [
        ("versioncreated", "versionCreated"),
        ("firstcreated", "firstCreated"),
        ("pubstatus", "pubStatus"),
        ("embargoed", "embargoedUntil"),
    ] {
        let value = map.remove(old).unwrap();
        map.insert(new.to_owned(), value);
    }
    map["bodies"][0] = json!({ "contentType": "text/html", "value": "<p>Text</p>" });
    for (version, item) in [(1, &one), (2, &two), (3, &three)] {
        let read = read(item.to_string().as_bytes(), Some("https://www.example/{{ uri }}")).unwrap();
        let entry = &read[0];
        assert_eq!(entry.guid.as_deref(), Some("urn:news:1"), "{version}");
        assert_eq!(entry.title, "Fire & smoke", "{version}");
        assert_eq!(entry.link.as_ref().map(Url::as_str), Some("https://www.example/urn%3Anews%3A1"), "{version}");
        assert_eq!((entry.published, entry.updated), (at("2026-11-25T14:00:00Z"), at("2026-11-25T14:05:00Z")));
        assert_eq!(entry.embargo, at("2026-11-25T14:00:00Z"), "{version}");
        assert_eq!((entry.summary.as_deref(), entry.content.as_deref()), (Some("Short"), Some("Text")), "{version}");
        assert_eq!(entry.authors, ["Leyla", "Tofiq"], "{version}");
        assert_eq!(
            (entry.categories.as_slice(), entry.language.as_deref()),
            (&["Nation".to_owned()][..], Some("en-GB"))
        );
        let image = entry.image.as_ref().unwrap();
        assert_eq!((image.url.as_str(), image.alt.as_deref()), ("https://n.example/b.jpg", Some("Smoke")), "{version}");
        assert_eq!((image.caption.as_deref(), image.height), (Some("Far"), Some(600)), "{version}");
    }
    for (word, standing) in
        [("canceled", Standing::Killed), ("cancelled", Standing::Killed), ("withheld", Standing::Withheld)]
    {
        let entry = story(&json!({ "uri": "urn:news:1", "pubStatus": word }));
        assert_eq!((entry.standing, entry.guid.as_deref()), (standing, Some("urn:news:1")), "no link, no headline");
    }
    let page = json!({ "uri": "urn:1", "headline": "T", "renditions": [
        { "href": "https://www.example/a.pdf", "contentType": "application/pdf" },
        { "href": "https://www.example/a", "contentType": "text/html" },
    ] });
    assert_eq!(story(&page).link.as_ref().map(Url::as_str), Some("https://www.example/a"));
}
