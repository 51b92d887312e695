//! Which of an article's pictures stands for it, and what is said of it. Pure: by what the source says of them and by
//! their addresses; what they really are shows when they are fetched, and then the next in order is tried.

use unicode_segmentation::UnicodeSegmentation as _;
use url::Url;

use crate::model::article::{Entry, Image};

/// A picture with a stated side below that is an icon or a counting pixel. In pixels.
const TINY: u32 = 100;

/// A width from which more says nothing: cards are shown with up to that many pixels across. Source: the least that X
/// and Facebook advise for large cards, 1200 × 630, 2026.
const ENOUGH: u32 = 1200;

/// How many pictures are tried before a post goes out without one.
pub const TRIED: usize = 3;

/// Parts of addresses of what is never a story's picture: counters, spacers, people's heads by mail address.
const NEVER: [&str; 16] = [
    "/pixel.",
    "/pixel?",
    "pixel.gif",
    "spacer.",
    "blank.gif",
    "1x1",
    "tracking-pixel",
    "trackingpixel",
    "feedburner",
    "doubleclick",
    "gravatar",
    "favicon",
    "/icons/",
    "/emoji/",
    "smiley",
    "/ads/",
];

/// Parts of names of what is most often no picture of the story, and sometimes is one.
const DOUBTFUL: [&str; 11] = [
    "logo",
    "default",
    "no-image",
    "noimage",
    "no_image",
    "avatar",
    "placeholder",
    "badge",
    "button",
    "sprite",
    "icon",
];

/// The article's pictures, the best first and none twice; what cannot be one is not among them.
pub fn best(entry: &Entry) -> Vec<&Image> {
    let all = entry.image.iter().chain(&entry.pictures);
    let mut ranked: Vec<(i64, usize, &Image)> =
        all.enumerate().filter_map(|(n, image)| Some((worth(image, n)?, n, image))).collect();
    ranked.sort_by_key(|(worth, n, _)| (-worth, *n));
    let mut seen = std::collections::HashSet::new();
    ranked.retain(|(.., image)| seen.insert(image.url.as_str()));
    ranked.into_iter().map(|(.., image)| image).collect()
}

/// The article's different pictures for an album, the best first, at most so many; each in all the sizes the article has
/// it. After the first, what sounds like the newsroom's mark is left out.
pub fn album(entry: &Entry, most: usize) -> Vec<Vec<&Image>> {
    let mut pictures: Vec<(String, Vec<&Image>)> = Vec::new();
    for image in best(entry) {
        let key = whatever_its_size(&image.url);
        match pictures.iter().position(|(known, _)| *known == key) {
            Some(at) => pictures[at].1.push(image),
            None if pictures.is_empty() || !looks_like_a_mark(&image.url) => pictures.push((key, vec![image])),
            None => {}
        }
    }
    pictures.into_iter().take(most).map(|(_, sizes)| sizes).collect()
}

/// Names of an address's parameters that say in which size or form a picture is wanted.
const SIZES: [&str; 16] = [
    "w", "h", "width", "height", "size", "resize", "fit", "crop", "quality", "q", "dpr", "auto", "format", "fm", "ssl",
    "strip",
];

/// A picture's address without what tells its sizes apart: host, path without `-300x200` at the end of its name, and the
/// parameters that name no size.
fn whatever_its_size(url: &Url) -> String {
    let path = url.path();
    let (stem, end) = match path.rfind('.').filter(|dot| path[*dot..].len() <= 6) {
        Some(dot) => path.split_at(dot),
        None => (path, ""),
    };
    let is_size = |text: &str| {
        let digits = |part: &str| !part.is_empty() && part.len() <= 5 && part.bytes().all(|b| b.is_ascii_digit());
        text.split_once('x').is_some_and(|(width, height)| digits(width) && digits(height))
    };
    let stem = stem.rsplit_once('-').filter(|(_, size)| is_size(size)).map_or(stem, |(stem, _)| stem);
    let mut key = format!("{}{stem}{end}", url.host_str().unwrap_or_default());
    for (name, value) in url.query_pairs().filter(|(name, _)| !SIZES.contains(&name.as_ref())) {
        key.push_str(&format!("&{name}={value}"));
    }
    key
}

/// How well a picture would do; `None`: not at all. `place`: where the source lists it, from 0.
fn worth(image: &Image, place: usize) -> Option<i64> {
    if !is_picture(&image.url) {
        return None;
    }
    let place = i64::try_from(place).unwrap_or(i64::MAX).min(20);
    // The source's own order counts most: the first is the one it chose.
    let mut worth = 60 - 12 * place;
    match (image.width, image.height) {
        (Some(width), Some(height)) if width < TINY || height < TINY => return None,
        (Some(width), Some(height)) => {
            worth += size(width);
            let (long, short) = (f64::from(width.max(height)), f64::from(width.min(height)));
            let across = width >= height;
            worth += match long / short {
                // A banner or a strip.
                times if times > 3.5 => -60,
                times if times > 2.2 => -15,
                // About the shape of a card.
                times if across && times >= 1.2 => 20,
                _ if across => 5,
                _ => -5,
            };
        }
        (Some(side), None) | (None, Some(side)) if side < TINY => return None,
        (Some(width), None) => worth += size(width),
        (None, _) => {}
    }
    if looks_like_a_mark(&image.url) {
        worth -= 90;
    }
    Some(worth + if image.alt.as_deref().is_some_and(says_something) { 4 } else { 0 })
}

/// What a width is worth: up to forty points.
fn size(width: u32) -> i64 {
    i64::from(width.min(ENOUGH)) * 40 / i64::from(ENOUGH) - if width < 300 { 30 } else { 0 }
}

/// Whether an address can be that of a story's picture.
fn is_picture(url: &Url) -> bool {
    let text = url.as_str().to_ascii_lowercase();
    let path = url.path().to_ascii_lowercase();
    matches!(url.scheme(), "http" | "https")
        && !path.ends_with(".svg")
        && !path.ends_with(".ico")
        && !NEVER.iter().any(|part| text.contains(part))
}

/// Whether an address sounds like the newsroom's mark: better than nothing, worse than any picture.
fn looks_like_a_mark(url: &Url) -> bool {
    let path = url.path().to_ascii_lowercase();
    let name = path.rsplit('/').next().unwrap_or_default();
    DOUBTFUL.iter().any(|part| name.contains(part))
}

/// The alternative text of a picture: the source's own, else the words under it, else the headline; within `most`
/// grapheme clusters.
pub fn alt(image: Option<&Image>, title: &str, most: usize) -> String {
    let own = image.and_then(|image| image.alt.as_deref()).filter(|alt| says_something(alt));
    let caption = image.and_then(|image| image.caption.as_deref()).filter(|caption| says_something(caption));
    let text = own.or(caption).unwrap_or(title);
    said(text, most)
}

/// An alternative text as a person wrote it: on one line, within `most` grapheme clusters.
pub fn said(text: &str, most: usize) -> String {
    cut(&text.split_whitespace().collect::<Vec<_>>().join(" "), most)
}

/// Whether a text says more than a file's name does.
fn says_something(text: &str) -> bool {
    let text = text.trim();
    let lower = text.to_lowercase();
    let is_file = [".jpg", ".jpeg", ".png", ".webp", ".gif"].iter().any(|end| lower.ends_with(end));
    let is_word_for_nothing =
        matches!(lower.as_str(), "image" | "photo" | "picture" | "img" | "foto" | "null" | "undefined");
    text.chars().any(char::is_alphabetic) && !is_file && !is_word_for_nothing && !lower.starts_with("http")
}

/// At most so many grapheme clusters, cut between words where that keeps most of it.
fn cut(text: &str, most: usize) -> String {
    if text.graphemes(true).count() <= most {
        return text.to_owned();
    }
    if most == 0 {
        return String::new();
    }
    let kept: String = text.graphemes(true).take(most - 1).collect();
    let word = kept.rfind(char::is_whitespace).filter(|at| at * 10 >= kept.len() * 6);
    format!("{}…", word.map_or(kept.as_str(), |at| &kept[..at]).trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(url: &str, size: Option<(u32, u32)>) -> Image {
        let mut image = Image::at(url.parse().unwrap());
        (image.width, image.height) = (size.map(|s| s.0), size.map(|s| s.1));
        image
    }

    fn order(images: &[(&str, Option<(u32, u32)>)]) -> Vec<String> {
        let mut images = images.iter().map(|(url, size)| image(&format!("https://n.example{url}"), *size));
        let entry = Entry { image: images.next(), pictures: images.collect(), ..Entry::default() };
        best(&entry).iter().map(|image| image.url.path().to_owned()).collect()
    }

    #[test]
    fn the_best_comes_first_and_what_is_none_not_at_all() {
        let some = Some;
        type Case<'a> = (&'a str, &'a [(&'a str, Option<(u32, u32)>)], &'a [&'a str]);
        let cases: &[Case<'_>] = &[
            ("nothing known: the source's order", &[("/a.jpg", None), ("/b.jpg", None)], &["/a.jpg", "/b.jpg"]),
            ("much larger wins", &[("/a.jpg", some((150, 100))), ("/b.jpg", some((1200, 800)))], &["/b.jpg", "/a.jpg"]),
            (
                "a little larger does not",
                &[("/a.jpg", some((1000, 600))), ("/b.jpg", some((1200, 720)))],
                &["/a.jpg", "/b.jpg"],
            ),
            (
                "more than enough counts no more",
                &[("/a.jpg", some((1200, 675))), ("/b.jpg", some((6000, 3375)))],
                &["/a.jpg", "/b.jpg"],
            ),
            (
                "a banner loses",
                &[("/strip.jpg", some((1200, 200))), ("/b.jpg", some((800, 450)))],
                &["/b.jpg", "/strip.jpg"],
            ),
            ("counting pixels are out", &[("/x.gif", some((1, 1))), ("/b.jpg", None)], &["/b.jpg"]),
            ("by name too", &[("/pixel.gif", None), ("/icons/7.jpg", None), ("/b.jpg", None)], &["/b.jpg"]),
            (
                "a word in a story's name is none",
                &[("/counter-terror-pixels.jpg", None)],
                &["/counter-terror-pixels.jpg"],
            ),
            ("drawings of a mark are out", &[("/logo.svg", None), ("/favicon.ico", None)], &[]),
            ("a mark is better than nothing", &[("/logo.png", some((600, 600)))], &["/logo.png"]),
            (
                "and worse than any picture",
                &[("/logo.png", some((1200, 630))), ("/b.jpg", None)],
                &["/b.jpg", "/logo.png"],
            ),
            ("none twice", &[("/a.jpg", None), ("/a.jpg", some((1200, 630)))], &["/a.jpg"]),
            (
                "upright comes after across",
                &[("/tall.jpg", some((600, 1200))), ("/b.jpg", some((1200, 700)))],
                &["/b.jpg", "/tall.jpg"],
            ),
            ("only a width", &[("/a.jpg", None), ("/b.jpg", some((40, 0)))], &["/a.jpg"]),
        ];
        for (why, images, expected) in cases {
            assert_eq!(order(images), *expected, "{why}");
        }
        assert!(best(&Entry::default()).is_empty());
        let mut data = image("https://n.example/a.jpg", None);
        data.url = "data:image/png;base64,AAAA".parse().unwrap();
        assert!(worth(&data, 0).is_none());
    }

    #[test]
    fn an_album_has_each_picture_once_whatever_its_sizes_and_no_mark() {
        let made = |urls: &[&str], most| {
            let mut images = urls.iter().map(|url| image(&format!("https://n.example{url}"), None));
            let entry = Entry { image: images.next(), pictures: images.collect(), ..Entry::default() };
            let name = |image: &&Image| image.url.as_str().trim_start_matches("https://n.example").to_owned();
            album(&entry, most).iter().map(|sizes| sizes.iter().map(name).collect()).collect::<Vec<Vec<String>>>()
        };
        assert_eq!(
            made(&["/a.jpg?w=300", "/b-1024x768.jpg", "/a.jpg?w=1200&q=80", "/b.jpg", "/logo.png", "/c.jpg"], 4),
            [vec!["/a.jpg?w=300", "/a.jpg?w=1200&q=80"], vec!["/b-1024x768.jpg", "/b.jpg"], vec!["/c.jpg"]]
        );
        assert_eq!(made(&["/a.jpg", "/b.jpg", "/c.jpg"], 2), [["/a.jpg"], ["/b.jpg"]]);
        assert_eq!(made(&["/i?id=1&w=9", "/i?id=2&w=9"], 4), [["/i?id=1&w=9"], ["/i?id=2&w=9"]]);
        assert_eq!(made(&["/logo.png", "/avatar.png"], 4), [["/logo.png"]], "better than nothing");
        assert_eq!(made(&["/ax-b.jpg", "/ax-c.jpg", "/p-12x.jpg", "/p-13x.jpg"], 9).len(), 4, "no sizes");
        assert!(made(&[], 4).is_empty());
    }

    #[test]
    fn the_alternative_text_says_something_and_fits() {
        let with = |alt: Option<&str>, caption: Option<&str>| Image {
            alt: alt.map(str::to_owned),
            caption: caption.map(str::to_owned),
            ..image("https://n.example/a.jpg", None)
        };
        for (alt_text, caption, most, expected) in [
            (Some("A bridge at dusk"), Some("Photo: N"), 100, "A bridge at dusk"),
            (Some("IMG_0042.JPG"), Some("The bridge,\n opened today"), 100, "The bridge, opened today"),
            (Some(" "), None, 100, "The headline"),
            (Some("image"), Some("123"), 100, "The headline"),
            (None, None, 100, "The headline"),
            (None, None, 8, "The hea…"),
            (None, None, 0, ""),
            (Some("Körpüləçğışöüəəəəəəəə"), None, 6, "Körpü…"),
            (Some("👩‍👩‍👧‍👦👩‍👩‍👧‍👦 Ailə"), None, 3, "👩‍👩‍👧‍👦👩‍👩‍👧‍👦…"),
        ] {
            let image = with(alt_text, caption);
            assert_eq!(alt(Some(&image), "The headline", most), expected, "{alt_text:?} {caption:?}");
        }
        assert_eq!(alt(None, "The headline", 100), "The headline");
    }
}
