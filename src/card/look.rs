//! A post as its platform shows it, for people who would rather look than read: name, text with its links and hashtags in
//! colour, the card or the picture, and what the text counts. A likeness, not a copy: the words, their order and what is
//! clickable are exact, the fonts and distances are Bugle's own.

use std::sync::LazyLock;

use minijinja::{AutoEscape, Environment, Value};

use super::canvas::{Canvas, Undrawable};
use super::fonts::Fonts;
use super::lines::{Ruler, directed, is_rtl};
use super::raster::Raster;

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = Environment::new();
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    env.add_template("post", include_str!("../../templates/card/post.svg"))
        .expect("a built-in template, compiled by a test");
    env
});

/// In pixels: of the whole picture, of the space around a post and inside of it.
const WIDTH: u32 = 1000;
const GAP: u32 = 28;
const INSIDE: u32 = 36;

/// The size of a post's text and the distance of its lines, in pixels.
const SIZE: f32 = 32.0;
const LINE: f32 = 44.0;

/// The most lines of a post that are shown. The longest post of any platform here has fewer.
const MOST_LINES: usize = 80;

/// A post to be shown.
#[derive(Debug)]
pub struct Look {
    /// The platform's word: decides about colours and order.
    pub platform: String,
    /// Who posts.
    pub name: String,
    /// Below the name: the account, or the channel where it is not known.
    pub handle: String,
    /// The text as it is sent; `Err`: why there is none.
    pub text: Result<String, String>,
    /// What it counts and what is allowed.
    pub counted: (usize, usize),
    /// The link's card.
    pub card: Option<LinkCard>,
    /// The post's own picture, else the card's.
    pub picture: Option<Raster>,
    /// A line below, as where it would not be posted by itself.
    pub note: String,
}

/// What a link's card says.
#[derive(Clone, Debug)]
pub struct LinkCard {
    /// Where it leads: the host.
    pub host: String,
    /// The headline.
    pub title: String,
    /// A line or two.
    pub description: String,
}

/// The colour of a platform's links, and of what is behind its posts.
fn colours(platform: &str) -> (&'static str, &'static str) {
    match platform {
        "x" => ("#1d9bf0", "#f2f4f5"),
        "bluesky" => ("#1083fe", "#eef4fb"),
        "mastodon" => ("#6364ff", "#f1f0fb"),
        "telegram" => ("#168acd", "#dbe6d3"),
        _ => ("#0b5cad", "#eef0f2"),
    }
}

/// Draws posts, one below the other.
///
/// # Errors
/// What cannot be drawn; where there are too many to be one picture.
pub fn draw(fonts: &Fonts, posts: Vec<Look>) -> Result<Canvas, Undrawable> {
    let mut drawn = Vec::new();
    for post in posts {
        drawn.push(one(fonts, post)?);
    }
    let height: u32 = drawn.iter().map(|canvas| canvas.size().1).sum();
    let mut whole = Canvas::new(WIDTH, height.max(1))?;
    let mut top = 0;
    for canvas in drawn {
        whole.lay(&canvas.rgb(), 0, top);
        top += canvas.size().1;
    }
    Ok(whole)
}

struct Box4 {
    left: f32,
    top: f32,
    width: f32,
    height: f32,
}

#[expect(clippy::cast_precision_loss, reason = "pixels on a canvas")]
const fn px(n: u32) -> f32 {
    n as f32
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels on a canvas, not below zero")]
fn whole(n: f32) -> u32 {
    n.max(0.0).ceil() as u32
}

fn text(text: &str) -> Value {
    Value::from(text.to_owned())
}

fn number(number: f32) -> Value {
    Value::from((f64::from(number) * 10.0).round() / 10.0)
}

#[expect(clippy::too_many_lines, reason = "one post from top to bottom, in the order it is read")]
fn one(fonts: &Fonts, post: Look) -> Result<Canvas, Undrawable> {
    let (link_colour, ground) = colours(&post.platform);
    let plain = Ruler { fonts, weight: 400 };
    let bold = Ruler { fonts, weight: 700 };
    let left = px(GAP + INSIDE);
    let inner = px(WIDTH - 2 * (GAP + INSIDE));
    let right = left + inner;
    let head_y = px(GAP + INSIDE) + 30.0;
    let mut at = px(GAP + INSIDE) + 80.0 + 28.0;

    // Telegram shows a photo above its caption, the others a picture below the text.
    let photo_first = post.platform == "telegram" && post.card.is_none();
    let mut picture = None;
    let mut place = |raster: Option<Raster>, at: &mut f32, own: bool| -> Result<(), Undrawable> {
        let Some(raster) = raster else { return Ok(()) };
        let fault = |e: super::raster::Unfit| Undrawable::Drawing(e.to_string());
        let wide = whole(inner);
        let (w, h) = raster.size();
        // As the timelines crop: a card 1.91 to 1, an own picture no higher than it is wide.
        let high = if own {
            (u64::from(wide) * u64::from(h) / u64::from(w.max(1))).min(u64::from(wide))
        } else {
            u64::from(wide) * 100 / 191
        };
        let high = u32::try_from(high).unwrap_or(wide).max(1);
        let shown = raster.cropped(wide, high).scaled(wide, high).map_err(fault)?;
        picture = Some((shown, *at));
        *at += px(high);
        Ok(())
    };
    let mut raster = post.picture;
    if photo_first {
        let had = raster.is_some();
        place(raster.take(), &mut at, true)?;
        if had {
            at += 24.0;
        }
    }

    let (shown, is_fault) = match &post.text {
        Ok(text) => (text.clone(), false),
        Err(why) => (format!("Held: {why}"), true),
    };
    let mut lines = Vec::new();
    for line in plain.wrap(&shown, SIZE, inner, MOST_LINES)? {
        at += LINE;
        let rtl = is_rtl(&line);
        let runs: Vec<Value> = runs(&line, link_colour, is_fault)
            .into_iter()
            .map(|(part, fill)| Value::from_pairs([("text", text(&part)), ("fill", text(fill))]))
            .collect();
        let mut runs = runs;
        if rtl {
            // The whole line in its direction, whatever its runs are.
            let mark = |mark: &str| Value::from_pairs([("text", text(mark)), ("fill", text(link_colour))]);
            runs.insert(0, mark("\u{202B}"));
            runs.push(mark("\u{202C}"));
        }
        lines.push(Value::from_pairs([
            ("x", number(if rtl { right } else { left })),
            ("y", number(at - 10.0)),
            ("anchor", text(if rtl { "end" } else { "start" })),
            ("runs", Value::from(runs)),
        ]));
    }
    at += 20.0;

    let mut frame = Value::from(());
    if let Some(card) = &post.card {
        let top = at;
        place(raster.take(), &mut at, false)?;
        let mut rows = Vec::new();
        let mut row = |words: &str,
                       size: f32,
                       ruler: Ruler<'_>,
                       fill: &str,
                       most: usize,
                       at: &mut f32|
         -> Result<(), Undrawable> {
            for line in ruler.wrap(words, size, inner - 40.0, most)? {
                if line.is_empty() {
                    continue;
                }
                *at += size * 1.35;
                let rtl = is_rtl(&line);
                rows.push(Value::from_pairs([
                    ("x", number(if rtl { right - 20.0 } else { left + 20.0 })),
                    ("y", number(*at)),
                    ("anchor", text(if rtl { "end" } else { "start" })),
                    ("weight", text(if ruler.weight == 700 { "700" } else { "400" })),
                    ("size", number(size)),
                    ("fill", text(fill)),
                    ("text", text(&directed(&line, rtl))),
                ]));
            }
            Ok(())
        };
        at += 8.0;
        row(&card.host, 22.0, plain, "#5b6670", 1, &mut at)?;
        row(&card.title, 28.0, bold, "#14171a", 2, &mut at)?;
        row(&card.description, 24.0, plain, "#3c4650", 2, &mut at)?;
        at += 20.0;
        frame = Value::from_pairs([
            ("left", number(left)),
            ("top", number(top)),
            ("width", number(inner)),
            ("height", number(at - top)),
            ("fill", text("#f7f9fa")),
            ("lines", Value::from(rows)),
        ]);
    } else {
        place(raster.take(), &mut at, true)?;
    }

    at += 46.0;
    let over = post.text.is_err() || post.counted.0 > post.counted.1;
    let drawn = Box4 { left: px(GAP), top: px(GAP), width: px(WIDTH - 2 * GAP), height: at + 20.0 - px(GAP) };
    let height = whole(drawn.top + drawn.height) + GAP / 2;
    let fitted = |words: &str, size: f32, ruler: Ruler<'_>, width: f32| -> Result<String, Undrawable> {
        Ok(ruler.wrap(words, size, width, 1)?.into_iter().next().unwrap_or_default())
    };
    let values = Value::from_pairs([
        ("width", Value::from(WIDTH)),
        ("height", Value::from(height)),
        (
            "box",
            Value::from_pairs([
                ("left", number(drawn.left)),
                ("top", number(drawn.top)),
                ("width", number(drawn.width)),
                ("height", number(drawn.height)),
            ]),
        ),
        ("colour", text(link_colour)),
        ("avatar", Value::from_pairs([("x", number(left + 40.0)), ("y", number(px(GAP + INSIDE) + 40.0))])),
        ("initial", text(&fitted(&post.name.chars().take(1).collect::<String>().to_uppercase(), 40.0, bold, 80.0)?)),
        ("head", Value::from_pairs([("x", number(left + 100.0)), ("y", number(head_y))])),
        ("name", text(&fitted(&post.name, 30.0, bold, inner - 110.0)?)),
        ("handle", text(&fitted(&post.handle, 26.0, plain, inner - 110.0)?)),
        ("size", number(SIZE)),
        ("lines", Value::from(lines)),
        ("frame", frame),
        (
            "foot",
            Value::from_pairs([
                ("x", number(left)),
                ("right", number(right)),
                ("y", number(at)),
                ("text", text(&fitted(&post.note, 24.0, plain, inner - 200.0)?)),
                ("count", text(&format!("{} / {}", post.counted.0, post.counted.1))),
                ("fill", text(if over { "#b3261e" } else { "#1a7f37" })),
            ]),
        ),
    ]);
    let rendered = TEMPLATES.get_template("post").and_then(|template| template.render(values));
    let svg = rendered.map_err(|e| Undrawable::Drawing(format!("templates/card/post.svg: {e}")))?;
    let mut canvas = Canvas::new(WIDTH, height)?;
    canvas.fill(ground.parse().unwrap_or(crate::model::picture::Colour::new(238, 240, 242)));
    canvas.draw(&svg, fonts, 0)?;
    if let Some((shown, top)) = picture {
        canvas.lay(shown.rgb(), whole(left), whole(top));
    }
    Ok(canvas)
}

/// A line in runs of one colour: links and hashtags stand out.
fn runs<'c>(line: &str, colour: &'c str, is_fault: bool) -> Vec<(String, &'c str)> {
    if is_fault {
        return vec![(line.to_owned(), "#b3261e")];
    }
    let mut runs: Vec<(String, &str)> = Vec::new();
    for word in line.split_inclusive(' ') {
        let bare = word.trim_start_matches(['(', '«', '“', '"']);
        let tag = bare.strip_prefix('#').is_some_and(|rest| rest.chars().next().is_some_and(char::is_alphanumeric));
        let fill = if bare.starts_with("http://") || bare.starts_with("https://") || tag { colour } else { "#14171a" };
        match runs.last_mut() {
            Some((before, same)) if *same == fill => before.push_str(word),
            _ => runs.push((word.to_owned(), fill)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(platform: &str, words: &str) -> Look {
        Look {
            platform: platform.to_owned(),
            name: "AzerNews".to_owned(),
            handle: "@AzerNewsAz".to_owned(),
            text: Ok(words.to_owned()),
            counted: (words.len(), 280),
            card: Some(LinkCard {
                host: "news.example".to_owned(),
                title: "Bridge".to_owned(),
                description: String::new(),
            }),
            picture: None,
            note: String::new(),
        }
    }

    fn has(canvas: &Canvas, colour: [u8; 3]) -> bool {
        canvas.rgb().pixels().any(|p| p.0.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 12))
    }

    #[test]
    fn every_platform_shows_its_post_with_its_link_in_colour() {
        let fonts = Fonts::built_in();
        for (platform, colour) in [
            ("x", [0x1d, 0x9b, 0xf0]),
            ("bluesky", [0x10, 0x83, 0xfe]),
            ("mastodon", [0x63, 0x64, 0xff]),
            ("telegram", [0x16, 0x8a, 0xcd]),
        ] {
            let mut plain = post(platform, "No link here");
            plain.name = String::new();
            let with = draw(&fonts, vec![post(platform, "Bridge opens https://news.example/bridge #News")]).unwrap();
            assert!(has(&with, colour), "{platform}");
        }
        assert_eq!(
            runs("Go https://e.org/a #tag # 5 x", "blue", false),
            [
                ("Go ".to_owned(), "#14171a"),
                ("https://e.org/a #tag ".to_owned(), "blue"),
                ("# 5 x".to_owned(), "#14171a")
            ]
        );
    }

    #[test]
    fn longer_posts_are_higher_and_several_stand_below_each_other() {
        let fonts = Fonts::built_in();
        let height = |posts: Vec<Look>| draw(&fonts, posts).unwrap().size().1;
        let short = height(vec![post("x", "Short")]);
        let long = height(vec![post("x", &"A long sentence about the bridge. ".repeat(8))]);
        assert!(long > short + 150, "{short} {long}");
        assert_eq!(height(vec![post("x", "Short"), post("x", "Short")]), 2 * short);
    }

    #[test]
    fn a_picture_is_shown_and_what_cannot_be_sent_is_red() {
        let fonts = Fonts::built_in();
        let mut own = post("telegram", "مرحبا https://e.org");
        own.card = None;
        own.picture = Some(Raster::from_rgb(image::RgbImage::from_pixel(300, 200, image::Rgb([10, 200, 30]))));
        assert!(has(&draw(&fonts, vec![own]).unwrap(), [10, 200, 30]));
        let mut held = post("x", "");
        held.text = Err("the text counts 301 where 280 are allowed".to_owned());
        assert!(has(&draw(&fonts, vec![held]).unwrap(), [0xb3, 0x26, 0x1e]));
        let evil = post("x", "</text><image href='file:///etc/passwd'/> 漢字 \u{202E}abc");
        assert!(draw(&fonts, vec![evil]).is_ok());
    }
}
