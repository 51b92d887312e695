//! Drawing: from texts, colours and the bytes of pictures and fonts to pictures. Pure: no I/O, nothing async; fetching
//! and the choice of a thread are the caller's.
//!
//! `raster` makes outside pictures fit, `attention` says where they are cut, `choose` which of an article's pictures
//! stands for it, `fonts` holds the fonts, `lines` breaks and sizes texts, `headline` draws headline cards, `look` draws a
//! post as its platform shows it.

mod attention;
mod canvas;
mod choose;
mod fonts;
mod headline;
mod lines;
pub mod look;
mod raster;

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::canvas::{Canvas, Undrawable};
pub use self::choose::{TRIED, album, alt, best, said};
pub use self::fonts::Fonts;
pub use self::raster::{BYTES, PIXELS, Raster, Unfit, backdrop, shrink};
use crate::model::picture::{Colour, Headline, Ratio};

/// `[card]` of the config: how headline cards look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The colour behind everything, `#rrggbb`.
    pub ground: Colour,
    /// The colour of the words where no picture is behind them.
    pub ink: Colour,
    /// The colour of what is set off.
    pub accent: Colour,
    /// A picture file with the newsroom's logo: PNG, JPEG, WebP or GIF.
    pub logo: Option<PathBuf>,
    /// Further font files (TTF, OTF, TTC), for scripts that the built-in fonts lack.
    pub fonts: Vec<PathBuf>,
    /// The shape of all headline cards; left out: the one that suits the platform.
    pub ratio: Option<Ratio>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ground: Colour::new(0x12, 0x20, 0x33),
            ink: Colour::new(0xff, 0xff, 0xff),
            accent: Colour::new(0xe0, 0x3c, 0x31),
            logo: None,
            fonts: Vec::new(),
            ratio: None,
        }
    }
}

/// A newsroom's looks, ready to draw with.
#[derive(Clone, Debug)]
pub struct Brand {
    /// The newsroom's name.
    pub name: String,
    /// Its colours and the shape of its cards.
    pub settings: Settings,
    logo: Option<Arc<image::RgbaImage>>,
    fonts: Fonts,
    templates: headline::Templates,
}

/// The names of the templates of headline cards: on a picture, and on the ground alone. A file of that name and the ending
/// `.svg` in `templates/card/` beside the config takes a built-in one's place.
pub const TEMPLATES: [&str; 2] = headline::NAMES;

/// The longest side of a logo that is kept, in pixels: it is shown smaller.
const LOGO_SIDE: u32 = 400;

impl Brand {
    /// Of that name, with the built-in fonts and colours.
    pub fn plain(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            settings: Settings::default(),
            logo: None,
            fonts: Fonts::built_in(),
            templates: Default::default(),
        }
    }

    /// With colours and shape as the config has them; logo and fonts come by [`Brand::with_logo`] and
    /// [`Brand::with_font`].
    pub fn new(name: impl Into<String>, settings: Settings) -> Self {
        Self { settings, ..Self::plain(name) }
    }

    /// With the logo of that file's bytes.
    ///
    /// # Errors
    /// Why it is no picture that can be used.
    pub fn with_logo(mut self, bytes: &[u8]) -> Result<Self, Unfit> {
        self.logo = Some(Arc::new(raster::logo(bytes, LOGO_SIDE)?));
        Ok(self)
    }

    /// With a further font of that file's bytes.
    ///
    /// # Errors
    /// Where it is no font.
    pub fn with_font(mut self, bytes: Vec<u8>) -> Result<Self, String> {
        self.fonts = self.fonts.with(bytes)?;
        Ok(self)
    }

    /// With another SVG template in place of the one of that name ([`TEMPLATES`]), tried on cards of every shape.
    ///
    /// # Errors
    /// Where it is no template, or what it makes is no SVG; with the line, where that is known.
    pub fn with_template(mut self, name: &'static str, text: String) -> Result<Self, (String, Option<usize>)> {
        self.templates = self.templates.with(name, text)?;
        for ratio in Ratio::ALL {
            for kicker in ["Nation", ""] {
                let card = self.sample(ratio, kicker);
                let (width, height) = ratio.size();
                let drawn = self.svg(&card, name == TEMPLATES[0]).and_then(|svg| {
                    Canvas::new(width, height).and_then(|mut canvas| canvas.draw(&svg, &self.fonts, 0))
                });
                drawn.map_err(|e| (format!("on a card of {}: {e}", ratio.word()), None))?;
            }
        }
        Ok(self)
    }

    /// A card to try templates on.
    fn sample(&self, ratio: Ratio, kicker: &str) -> Headline {
        Headline {
            title: "Three short words & more".to_owned(),
            kicker: kicker.to_owned(),
            name: self.name.clone(),
            ratio,
            ground: self.settings.ground,
            ink: self.settings.ink,
            accent: self.settings.accent,
            behind: Vec::new(),
        }
    }

    /// Its fonts.
    pub const fn fonts(&self) -> &Fonts {
        &self.fonts
    }

    /// Draws a headline card on that picture, or on its ground alone.
    ///
    /// # Errors
    /// What keeps it from being drawn, as a letter that no font has.
    pub fn draw(&self, card: &Headline, behind: Option<Raster>) -> Result<Canvas, Undrawable> {
        headline::draw(self, card, behind)
    }

    /// The SVG of a headline card, as [`Brand::draw`] hands it to the renderer.
    ///
    /// # Errors
    /// As [`Brand::draw`].
    pub fn svg(&self, card: &Headline, with_picture: bool) -> Result<String, Undrawable> {
        headline::svg(self, card, with_picture)
    }
}
