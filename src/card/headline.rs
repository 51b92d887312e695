//! Headline cards: where everything stands on a card of each shape, and the SVG that shows it. The templates are in
//! `templates/card/`; every text in them is escaped.

use std::sync::{Arc, LazyLock};

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};

use super::Brand;
use super::canvas::{Canvas, Undrawable};
use super::lines::{Block, Room, Ruler, directed, is_rtl};
use super::raster::Raster;
use crate::model::picture::{Colour, Headline, Ratio};

/// Brightness of an accent above which the words on it are dark.
const BRIGHT: f32 = 0.45;

/// The most characters of the word above the headline.
const KICKER: usize = 28;

/// What a template may cost, in the engine's steps: a built-in one takes some hundred. Ours.
const FUEL: u64 = 200_000;

/// The names of the templates: on a picture, and on the ground alone.
pub(super) const NAMES: [&str; 2] = ["headline", "plain"];

static BUILT_IN: LazyLock<Arc<Environment<'static>>> = LazyLock::new(|| {
    let mut env = Environment::new();
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    let texts = [include_str!("../../templates/card/headline.svg"), include_str!("../../templates/card/plain.svg")];
    for (name, text) in NAMES.into_iter().zip(texts) {
        env.add_template(name, text).expect("a built-in template, compiled by a test");
    }
    Arc::new(env)
});

/// The SVG templates of a newsroom's headline cards.
#[derive(Clone)]
pub(super) struct Templates(Arc<Environment<'static>>);

impl Default for Templates {
    fn default() -> Self {
        Self(Arc::clone(&BUILT_IN))
    }
}

impl std::fmt::Debug for Templates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Templates")
    }
}

impl Templates {
    /// With another text in place of the template of that name.
    pub(super) fn with(&self, name: &'static str, text: String) -> Result<Self, (String, Option<usize>)> {
        let mut env = (*self.0).clone();
        env.add_template_owned(name, text).map_err(|e| (e.to_string(), e.line()))?;
        Ok(Self(Arc::new(env)))
    }
}

/// Where things stand on a card, in pixels.
struct Plan {
    width: f32,
    height: f32,
    margin: f32,
    /// The stripe at the lower edge.
    bar: f32,
    /// The newsroom's name.
    name: f32,
    /// The word above the headline.
    kicker: f32,
    /// The sizes and lines of the headline.
    sizes: (f32, f32),
    lines: usize,
}

/// Above and below the line the letters stand on, in sizes: accents of capitals and the tails of letters have room in it.
const ASCENT: f32 = 1.02;

/// The distance of lines, in sizes.
const LEADING: f32 = 1.22;

impl Plan {
    fn of(ratio: Ratio) -> Self {
        let (width, height) = ratio.size();
        #[expect(clippy::cast_precision_loss, reason = "some thousand pixels")]
        let (width, height) = (width as f32, height as f32);
        let (sizes, lines) = match ratio {
            Ratio::Card => ((78.0, 36.0), 5),
            Ratio::Wide => ((80.0, 36.0), 5),
            Ratio::Square => ((92.0, 40.0), 7),
            Ratio::Portrait => ((96.0, 40.0), 8),
        };
        Self { width, height, margin: 64.0, bar: 12.0, name: 30.0, kicker: 28.0, sizes, lines }
    }

    /// The line the name stands on.
    fn name_line(&self) -> f32 {
        self.height - self.bar - 40.0
    }

    /// The lower edge of the headline.
    fn floor(&self) -> f32 {
        self.name_line() - self.name - 30.0
    }

    /// The upper edge of what may be filled.
    fn ceiling(&self, has_kicker: bool) -> f32 {
        self.margin * 0.8 + if has_kicker { self.kicker + 52.0 } else { 0.0 }
    }
}

struct Line {
    y: f32,
    text: String,
}

struct Kicker {
    left: f32,
    top: f32,
    width: f32,
    height: f32,
    x: f32,
    y: f32,
    size: f32,
    ink: String,
    text: String,
}

struct Name {
    y: f32,
    size: f32,
    text: String,
}

/// What a template is handed.
struct Values {
    width: f32,
    height: f32,
    bar: f32,
    ground: Colour,
    ink: Colour,
    accent: Colour,
    x: f32,
    anchor: &'static str,
    size: f32,
    lines: Vec<Line>,
    kicker: Option<Kicker>,
    name: Name,
}

impl Values {
    /// As the template engine takes it.
    fn value(&self) -> Value {
        let text = |text: &str| Value::from(text.to_owned());
        let number = |number: f32| Value::from((f64::from(number) * 10.0).round() / 10.0);
        let line = |line: &Line| Value::from_pairs([("y", number(line.y)), ("text", text(&line.text))]);
        let kicker = self.kicker.as_ref().map(|it| {
            Value::from_pairs([
                ("left", number(it.left)),
                ("top", number(it.top)),
                ("width", number(it.width)),
                ("height", number(it.height)),
                ("x", number(it.x)),
                ("y", number(it.y)),
                ("size", number(it.size)),
                ("ink", text(&it.ink)),
                ("text", text(&it.text)),
            ])
        });
        let name = [("y", number(self.name.y)), ("size", number(self.name.size)), ("text", text(&self.name.text))];
        Value::from_pairs([
            ("width", number(self.width)),
            ("height", number(self.height)),
            ("bar", number(self.bar)),
            ("ground", text(&self.ground.to_string())),
            ("ink", text(&self.ink.to_string())),
            ("accent", text(&self.accent.to_string())),
            ("x", number(self.x)),
            ("anchor", text(self.anchor)),
            ("size", number(self.size)),
            ("lines", Value::from(self.lines.iter().map(line).collect::<Vec<_>>())),
            ("kicker", kicker.unwrap_or_else(|| Value::from(()))),
            ("name", Value::from_pairs(name)),
        ])
    }
}

pub(super) fn svg(brand: &Brand, card: &Headline, with_picture: bool) -> Result<String, Undrawable> {
    let plan = Plan::of(card.ratio);
    let bold = Ruler { fonts: brand.fonts(), weight: 700 };
    let word = kicker_text(&card.kicker);
    let word = bold.fit(
        &word,
        &Room {
            width: plan.width / 2.0,
            height: plan.kicker * 2.0,
            sizes: (plan.kicker, plan.kicker),
            lines: 1,
            leading: LEADING,
        },
    );
    // A word that no font has is no reason to go without the card.
    let word = word.ok().and_then(|block| block.lines.first().map(|line| (directed(line, block.rtl), block.size)));
    let room = Room {
        width: plan.width - 2.0 * plan.margin,
        height: plan.floor() - plan.ceiling(word.is_some()),
        sizes: plan.sizes,
        lines: plan.lines,
        leading: LEADING,
    };
    let block = bold.fit(&card.title, &room)?;
    let top = top_of(&block, &plan, word.is_some(), with_picture);
    let x = if block.rtl { plan.width - plan.margin } else { plan.margin };
    let lines: Vec<Line> = (0_u8..)
        .zip(&block.lines)
        .map(|(n, line)| Line {
            y: top + block.size * (ASCENT + LEADING * f32::from(n)),
            text: directed(line, block.rtl),
        })
        .collect();
    let kicker = word.map(|(text, size)| -> Result<Kicker, Undrawable> {
        let width = bold.widths(std::slice::from_ref(&text))?[0] * size + 36.0;
        let left = if block.rtl { plan.width - plan.margin - width } else { plan.margin };
        let height = size * 1.7;
        let top = top - height - 16.0;
        let ink = if card.accent.brightness() > BRIGHT { Colour::new(17, 17, 17) } else { Colour::new(255, 255, 255) };
        Ok(Kicker {
            left,
            top,
            width,
            height,
            x: left + width / 2.0,
            y: top + height * 0.68,
            size,
            ink: ink.to_string(),
            text,
        })
    });
    let name = Ruler { fonts: brand.fonts(), weight: 400 }.fit(
        if card.name.trim().is_empty() { " " } else { &card.name },
        &Room {
            width: plan.width * 0.6,
            height: plan.name * 2.0,
            sizes: (plan.name, 16.0),
            lines: 1,
            leading: LEADING,
        },
    );
    let name = name.ok().and_then(|block| Some((directed(block.lines.first()?, block.rtl), block.size)));
    let (name_text, name_size) = name.unwrap_or_default();
    let values = Values {
        width: plan.width,
        height: plan.height,
        bar: plan.bar,
        ground: card.ground,
        ink: card.ink,
        accent: card.accent,
        x,
        anchor: if block.rtl { "end" } else { "start" },
        size: block.size,
        lines,
        kicker: kicker.transpose()?,
        name: Name { y: plan.name_line(), size: name_size.max(1.0), text: name_text },
    };
    let [on_picture, plain] = NAMES;
    let template = if with_picture { on_picture } else { plain };
    let rendered = brand.templates.0.get_template(template).and_then(|template| template.render(values.value()));
    rendered.map_err(|e| Undrawable::Drawing(format!("templates/card/{template}.svg: {e}")))
}

/// The upper edge of the headline: on a picture it stands low, on its ground in the middle.
fn top_of(block: &Block, plan: &Plan, has_kicker: bool, with_picture: bool) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "a handful of lines")]
    let high = block.lines.len() as f32 * block.size * LEADING;
    let (ceiling, floor) = (plan.ceiling(has_kicker), plan.floor());
    let low = floor - high;
    if with_picture { low } else { f32::midpoint(ceiling, low).max(ceiling) }
}

/// A category as it stands above the headline: in capitals where the script has them, whole words.
fn kicker_text(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() > KICKER { String::new() } else { text }
}

pub(super) fn draw(brand: &Brand, card: &Headline, behind: Option<Raster>) -> Result<Canvas, Undrawable> {
    let (width, height) = card.ratio.size();
    let mut canvas = Canvas::new(width, height)?;
    if let Some(behind) = &behind {
        canvas.lay(behind.rgb(), 0, 0);
    }
    canvas.draw(&svg(brand, card, behind.is_some())?, brand.fonts(), 0)?;
    if let Some(logo) = &brand.logo {
        let plan = Plan::of(card.ratio);
        let high = 64_u32;
        let wide = (u64::from(logo.width()) * u64::from(high) / u64::from(logo.height().max(1)))
            .clamp(1, u64::from(width) / 4);
        let wide = u32::try_from(wide).unwrap_or(high);
        let logo = image::imageops::resize(logo.as_ref(), wide, high, image::imageops::FilterType::CatmullRom);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels on the card")]
        let (margin, floor) = (plan.margin as u32, plan.name_line() as u32);
        // Across from the name.
        let left = if is_rtl(&card.title) { margin } else { width - margin - wide };
        canvas.lay_over(&logo, left, floor.saturating_sub(high - 14));
    }
    Ok(canvas)
}

#[cfg(test)]
#[path = "headline_tests.rs"]
mod tests;
