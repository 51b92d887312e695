//! Headline cards: their SVG, that nothing in a text becomes markup, and that the words are inside and to be seen.

use image::RgbImage;

use super::*;
use crate::card::Settings;

fn card(title: &str, ratio: Ratio) -> Headline {
    let look = Settings::default();
    Headline {
        title: title.to_owned(),
        kicker: "Nation".to_owned(),
        name: "AzerNews".to_owned(),
        ratio,
        ground: look.ground,
        ink: look.ink,
        accent: look.accent,
        behind: Vec::new(),
    }
}

const TITLES: [&str; 7] = [
    "Azərbaycan Prezidenti Şuşada Beynəlxalq Muğam Festivalının açılışında iştirak edib",
    "Президент принял участие в открытии нового моста через реку Кура",
    "Ο πρωθυπουργός ανακοίνωσε νέα μέτρα για την οικονομία",
    "مجلس الأمن يعقد جلسة طارئة لبحث التطورات (2026) في «المنطقة»!",
    "הכנסת אישרה את תקציב המדינה לשנת 2026: \"יום היסטורי\"?",
    "دولت ایران و پاکستان چهار گفتگو را برگزار می‌کنند",
    "Đặng Thị Ngọc wins: “Największy dzień” – Łódź, Žižkov, København & Malmö",
];

#[test]
fn a_cards_svg_is_this() {
    let brand = Brand::plain("AzerNews");
    insta::assert_snapshot!("plain", svg(&brand, &card(TITLES[0], Ratio::Card), false).unwrap());
    insta::assert_snapshot!("right_to_left", svg(&brand, &card(TITLES[3], Ratio::Square), true).unwrap());
}

#[test]
fn nothing_in_a_text_becomes_markup() {
    let brand = Brand::plain("N");
    let evil =
        "</text><image href=\"file:///etc/passwd\" width=\"100%\"/><script>x</script>&entity; {{ 7 * 7 }} {% raw %}";
    let mut it = card(evil, Ratio::Card);
    it.kicker = "<b>&\"'".to_owned();
    it.name = "\"/><image href='http://10.0.0.1/'/>".to_owned();
    for with_picture in [false, true] {
        let text = svg(&brand, &it, with_picture).unwrap();
        for tag in ["<image", "<script", "<b>", "</text><"] {
            assert!(!text.contains(tag), "{tag}: {text}");
        }
        assert!(text.contains("{{ 7") || text.contains("{{"), "a text is no template: {text}");
        assert!(draw(&brand, &it, None).is_ok());
    }
}

/// The box of all pixels that are not as in the other picture.
fn inked(one: &RgbImage, other: &RgbImage) -> Option<(u32, u32, u32, u32)> {
    let differ = |x: u32, y: u32| {
        let (a, b) = (one.get_pixel(x, y).0, other.get_pixel(x, y).0);
        a.iter().zip(b).any(|(a, b)| a.abs_diff(b) > 40)
    };
    let spots = one.enumerate_pixels().filter(|(x, y, _)| differ(*x, *y)).map(|(x, y, _)| (x, y));
    spots.fold(None, |found, (x, y)| match found {
        None => Some((x, y, x, y)),
        Some((l, t, r, b)) => Some((l.min(x), t.min(y), r.max(x), b.max(y))),
    })
}

#[test]
fn the_words_are_on_the_card_and_nowhere_near_its_edge() {
    let brand = Brand::plain("AzerNews");
    let long = TITLES.join(" ");
    for ratio in Ratio::ALL {
        // What is compared with: the same card with the least of words.
        let bare = Headline { title: ".".to_owned(), name: String::new(), kicker: String::new(), ..card("", ratio) };
        let empty = draw(&brand, &bare, None).unwrap().rgb();
        // Every script on one shape, and the longest and one of each direction on all.
        let some = if ratio == Ratio::Card { &TITLES[..] } else { &TITLES[2..4] };
        for title in some.iter().copied().chain([long.as_str()]) {
            let canvas = draw(&brand, &card(title, ratio), None).unwrap();
            assert_eq!(canvas.size(), ratio.size());
            let shown = canvas.rgb();
            let (left, top, right, bottom) = inked(&shown, &empty).unwrap();
            let (width, height) = ratio.size();
            let word = ratio.word();
            assert!(left >= 56 && right <= width - 56, "{word} {title}: {left} to {right} of {width}");
            assert!(top >= 30 && bottom <= height - 20, "{word} {title}: {top} to {bottom} of {height}");
            assert!(right - left > width / 3, "{word} {title}: something is written");
        }
    }
}

#[test]
fn what_is_read_from_the_right_begins_at_the_right() {
    let brand = Brand::plain("N");
    for (title, begins_right) in [("خبر", true), ("חדשות", true), ("News", false)] {
        let mut it = card(title, Ratio::Card);
        (it.kicker, it.name) = (String::new(), String::new());
        let bare = Headline { title: ".".to_owned(), ..it.clone() };
        let empty = draw(&brand, &bare, None).unwrap().rgb();
        let (left, _, right, _) = inked(&draw(&brand, &it, None).unwrap().rgb(), &empty).unwrap();
        if begins_right {
            assert!(right > 1200 - 90, "{title}: {left} to {right}");
        } else {
            assert!(left < 90, "{title}: {left} to {right}");
        }
    }
}

#[test]
fn a_picture_lies_behind_the_words_and_a_logo_across_from_the_name() {
    let mut logo = image::RgbaImage::from_pixel(120, 60, image::Rgba([0, 255, 0, 255]));
    logo.put_pixel(0, 0, image::Rgba([0, 0, 0, 0]));
    let mut file = std::io::Cursor::new(Vec::new());
    image::DynamicImage::ImageRgba8(logo).write_to(&mut file, image::ImageFormat::Png).unwrap();
    let brand = Brand::plain("N").with_logo(file.get_ref()).unwrap();
    let blue = RgbImage::from_pixel(1200, 628, image::Rgb([0, 0, 255]));
    let shown = draw(&brand, &card("Bridge", Ratio::Card), Some(Raster::from_rgb(blue))).unwrap().rgb();
    let [r, g, b] = shown.get_pixel(600, 40).0;
    assert!(b > 120 && r < 60 && g < 60, "the picture shows: {r} {g} {b}");
    let green = shown.enumerate_pixels().filter(|(_, _, p)| p.0[1] > 200 && p.0[0] < 80 && p.0[2] < 80);
    let (left, right) = green.fold((u32::MAX, 0), |(l, r), (x, ..)| (l.min(x), r.max(x)));
    assert!(left > 900 && right <= 1200 - 63, "{left} to {right}");
    assert!(Brand::plain("N").with_logo(b"<svg/>").is_err());
}

#[test]
fn a_newsroom_brings_cards_of_its_own() {
    let own = r##"<svg xmlns="http://www.w3.org/2000/svg" width="{{ width }}" height="{{ height }}"><rect width="9" height="9" fill="{{ accent }}"/>{% for line in lines %}<text x="{{ x }}" y="{{ line.y }}">{{ line.text }}</text>{% endfor %}</svg>"##;
    let brand = Brand::plain("N").with_template("plain", own.to_owned()).unwrap();
    let text = svg(&brand, &card("A < B", Ratio::Wide), false).unwrap();
    assert!(text.contains("<rect width=\"9\"") && text.contains("A &lt; B"), "{text}");
    assert!(svg(&brand, &card("A", Ratio::Wide), true).unwrap().contains("url(#shade)"), "the other one stays");
    for (name, text, line, said) in [
        ("no template", "<svg>\n{% for %}", Some(2), "syntax error"),
        ("an unknown name", "<svg xmlns=\"http://www.w3.org/2000/svg\">{{ colour }}</svg>", None, "undefined"),
        ("no SVG", "<html></html>", None, "on a card of 1.91:1"),
        ("without end", "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", None, "fuel"),
    ] {
        let (found, at) = Brand::plain("N").with_template("plain", text.to_owned()).unwrap_err();
        assert!(found.contains(said) && at == line, "{name}: {found} {at:?}");
    }
}
