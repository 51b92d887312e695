//! Which picture stands for an article, and which are further ones.

use super::super::feed;
use super::*;
use crate::model::article::Entry;

fn base() -> Url {
    Url::parse("https://example.org/").unwrap()
}

/// The pictures of an item: the one that stands for it, then the others.
fn item(inside: &str) -> Vec<Image> {
    let text = format!(
        "<rss xmlns:media='http://search.yahoo.com/mrss/' xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd' \
         xmlns:content='http://purl.org/rss/1.0/modules/content/'><channel><item><title>T</title>{inside}</item>\
         </channel></rss>"
    );
    let Entry { image, pictures, .. } = feed::read(text.as_bytes(), None, &base()).unwrap().entries.remove(0);
    image.into_iter().chain(pictures).collect()
}

fn names(pictures: &[Image]) -> Vec<&str> {
    pictures.iter().map(|p| p.url.as_str().trim_start_matches("https://example.org/")).collect()
}

#[test]
fn the_best_place_and_the_widest_picture_win() {
    for (inside, expected) in [
        ("<media:content url='/a.jpg' width='600'/><media:content url='/b.jpg' width='1200'/>", vec!["b.jpg", "a.jpg"]),
        ("<media:content url='/a.jpg'/><media:content url='/b.jpg'/>", vec!["a.jpg", "b.jpg"]),
        ("<enclosure url='/e.jpg' type='image/jpeg'/><media:content url='/c.jpg'/>", vec!["c.jpg", "e.jpg"]),
        ("<enclosure url='/e.jpg' type='image/jpeg'/><media:thumbnail url='/t.jpg'/>", vec!["t.jpg", "e.jpg"]),
        // A preview that is said to be small gives way.
        ("<enclosure url='/e.jpg' type='image/jpeg'/><media:thumbnail url='/t.jpg' width='140'/>", vec!["e.jpg"]),
        ("<media:thumbnail url='/t.jpg' width='140'/>", vec!["t.jpg"]),
        ("<media:thumbnail url='/s.jpg' width='75'/><media:thumbnail url='/t.jpg' width='140'/>", vec!["t.jpg"]),
        ("<description>&lt;img src='/d.jpg'></description><enclosure url='/e.png'/>", vec!["e.png", "d.jpg"]),
        // A group is one picture in several sizes.
        (
            "<media:group><media:content url='/s.jpg' width='300'/><media:content url='/l.jpg' width='900'/></media:group>",
            vec!["l.jpg"],
        ),
        ("<media:content url='/v.mp4' type='video/mp4'><media:thumbnail url='/t.jpg'/></media:content>", vec!["t.jpg"]),
        ("<itunes:image href='/cover.jpg'/>", vec!["cover.jpg"]),
        ("<itunes:image url='/cover.jpg'/>", vec!["cover.jpg"]),
        ("<itunes:image href='/cover.jpg'/><media:content url='/a.jpg'/>", vec!["a.jpg"]),
        // WordPress: the writer first.
        (
            "<media:content url='https://2.gravatar.com/avatar/1?s=96' medium='image'/><media:content url='/a.jpg' \
             medium='image'/>",
            vec!["a.jpg"],
        ),
        // The same picture in another size.
        (
            "<media:content url='/p.jpg'/><content:encoded><![CDATA[<img src='/p-300x200.jpg'><img src='/p.jpg?w=600'>\
             <img src='/q.jpg'>]]></content:encoded>",
            vec!["p.jpg", "q.jpg"],
        ),
        // Two pictures of a program that numbers them.
        (
            "<description>&lt;img src='/i.php?n=1'>&lt;img src='/i.php?n=2'></description>",
            vec!["i.php?n=1", "i.php?n=2"],
        ),
        ("<enclosure url='/a.mp3' type='audio/mpeg'/>", vec![]),
    ] {
        assert_eq!(names(&item(inside)), expected, "{inside}");
    }
}

#[test]
fn words_and_sizes_come_with_the_picture() {
    let found = item(
        "<media:content url='/a.jpg' width='1200' height='800'><media:title>Harbour</media:title>\
         <media:description>The harbour &amp;amp; the ferry</media:description></media:content>\
         <content:encoded><![CDATA[<figure><img src='/b.jpg' alt='A bridge' width='640' height='480px'><figcaption>The \
         <b>bridge</b> &amp; more</figcaption></figure><p>text</p><img src='/c.jpg' width='100%'>]]></content:encoded>",
    );
    let [a, b, c] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!((a.alt.as_deref(), a.caption.as_deref()), (Some("The harbour & the ferry"), Some("Harbour")));
    assert_eq!((a.width, a.height), (Some(1_200), Some(800)));
    assert_eq!((b.alt.as_deref(), b.caption.as_deref()), (Some("A bridge"), Some("The bridge & more")));
    assert_eq!((b.width, b.height), (Some(640), Some(480)));
    assert_eq!((c.alt.as_deref(), c.caption.as_deref(), c.width), (None, None, None));
    // The text names the words that the picture's own place does not.
    let found = item("<enclosure url='/a.jpg'/><description>&lt;img src='/a.jpg' alt='A dog'></description>");
    assert_eq!((found.len(), found[0].alt.as_deref()), (1, Some("A dog")));
    // What stands beside a lone picture speaks of the item.
    let found = item("<media:content url='/a.jpg'/><media:description>Of the item</media:description>");
    assert_eq!(found[0].alt, None);
}

#[test]
fn skips_counting_pixels_and_icons() {
    let text = |html: &str| {
        let mut found = Pictures::default();
        found.of_text(html, &base());
        let (first, others) = found.choose();
        first.into_iter().chain(others).collect::<Vec<_>>()
    };
    let found = text(
        "<p><img src=/pixel.gif width=1 height='1'><img src='/s.png' class='wp-smiley'><IMG SRC='data:x'>\
         <img alt='A &amp; B' src='/a.jpg'></p>",
    );
    assert_eq!((names(&found), found[0].alt.as_deref()), (vec!["a.jpg"], Some("A & B")));
    for (html, expected) in [
        ("<img src='data:image/gif;base64,R0' data-src='/late.jpg'>", vec!["late.jpg"]),
        ("<img srcset='/s.jpg 300w, /l.jpg 1200w, /m.jpg 600w'>", vec!["l.jpg"]),
        ("<img srcset='/s.jpg, /l.jpg 2x'>", vec!["l.jpg"]),
        ("<img width=19 src=/a.jpg><img src=//>", vec![]),
        ("<figcaption><img src=/a.jpg>never closed", vec!["a.jpg"]),
    ] {
        assert_eq!(names(&text(html)), expected, "{html}");
    }
    let many: String = (0..10_000).map(|n| format!("<img src='/{n}.jpg'>")).collect();
    assert_eq!(text(&many).len(), MAX_PICTURES + 1);
}
