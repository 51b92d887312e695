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
pub use self::choose::{TRIED, album, alt, best};
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
}

/// The longest side of a logo that is kept, in pixels: it is shown smaller.
const LOGO_SIDE: u32 = 400;

impl Brand {
    /// Of that name, with the built-in fonts and colours.
    pub fn plain(name: impl Into<String>) -> Self {
        Self { name: name.into(), settings: Settings::default(), logo: None, fonts: Fonts::built_in() }
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
