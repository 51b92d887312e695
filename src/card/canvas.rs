//! What is drawn on: pixels, an SVG text laid over them, and the file that comes of it.

use image::RgbImage;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::Tree;

use super::fonts::Fonts;
use super::raster::Raster;
use crate::model::picture::{Colour, Fit, Jpeg};

/// The most pixels of a canvas: a stack of twenty posts, each as large as a phone shows it.
const MOST: u32 = 40_000_000;

/// Why something cannot be drawn.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undrawable {
    /// No font has this letter.
    #[error("no font has the letter {0:?} (U+{code:04X}): name one that has it under card.fonts", code = u32::from(*.0))]
    Letter(char),
    /// There are no words to draw.
    #[error("expected words to draw, found none")]
    Empty,
    /// The drawing itself is at fault.
    #[error("the drawing cannot be made: {0}")]
    Drawing(String),
}

/// A drawn picture.
#[derive(Clone)]
pub struct Canvas(Pixmap);

impl std::fmt::Debug for Canvas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Canvas({} × {})", self.0.width(), self.0.height())
    }
}

impl Canvas {
    /// Of that size in pixels, transparent.
    ///
    /// # Errors
    /// Where it would have no pixels, or too many.
    pub fn new(width: u32, height: u32) -> Result<Self, Undrawable> {
        let small = width.checked_mul(height).is_some_and(|pixels| pixels <= MOST);
        let map = if small { Pixmap::new(width, height) } else { None };
        map.map(Self)
            .ok_or_else(|| Undrawable::Drawing(format!("expected at most {MOST} pixels, found {width} × {height}")))
    }

    /// All of it in one colour.
    pub fn fill(&mut self, colour: Colour) {
        self.0.fill(resvg::tiny_skia::Color::from_rgba8(colour.red, colour.green, colour.blue, 255));
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.0.width(), self.0.height())
    }

    /// Lays an opaque picture on it, its upper left corner there; what would lie outside is cut off.
    pub fn lay(&mut self, picture: &RgbImage, left: u32, top: u32) {
        let (width, height) = self.size();
        let pixels = self.0.pixels_mut();
        for (x, y, colour) in picture.enumerate_pixels() {
            let (x, y) = (x + left, y + top);
            if x < width && y < height {
                let [r, g, b] = colour.0;
                pixels[(y * width + x) as usize] = resvg::tiny_skia::ColorU8::from_rgba(r, g, b, 255).premultiply();
            }
        }
    }

    /// Lays a picture that may shine through over what is there.
    pub fn lay_over(&mut self, picture: &image::RgbaImage, left: u32, top: u32) {
        let (width, height) = self.size();
        let pixels = self.0.pixels_mut();
        for (x, y, colour) in picture.enumerate_pixels() {
            let (x, y) = (x + left, y + top);
            if x >= width || y >= height {
                continue;
            }
            let [r, g, b, a] = colour.0;
            let below = &mut pixels[(y * width + x) as usize];
            let under = below.demultiply();
            let mix = |over: u8, under: u8| {
                let (over, under, a) = (u32::from(over), u32::from(under), u32::from(a));
                u8::try_from((over * a + under * (255 - a)) / 255).unwrap_or(u8::MAX)
            };
            let alpha = under.alpha().max(a);
            let mixed = resvg::tiny_skia::ColorU8::from_rgba(
                mix(r, under.red()),
                mix(g, under.green()),
                mix(b, under.blue()),
                alpha,
            );
            *below = mixed.premultiply();
        }
    }

    /// Draws an SVG over what is there, one unit a pixel, its upper left corner there. Nothing outside of the text is
    /// read, whatever it refers to.
    ///
    /// # Errors
    /// Where it is no SVG.
    pub fn draw(&mut self, svg: &str, fonts: &Fonts, top: u32) -> Result<(), Undrawable> {
        let tree = Tree::from_str(svg, &fonts.options()).map_err(|e| Undrawable::Drawing(e.to_string()))?;
        #[expect(clippy::cast_precision_loss, reason = "a canvas has fewer pixels than a float counts")]
        let at = Transform::from_translate(0.0, top as f32);
        resvg::render(&tree, at, &mut self.0.as_mut());
        Ok(())
    }

    /// As a PNG file.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn png(&self) -> Result<Vec<u8>, Undrawable> {
        use image::ImageEncoder as _;
        use image::codecs::png::{CompressionType, FilterType, PngEncoder};
        let picture = self.rgb();
        let mut out = Vec::new();
        // Fast: a card is drawn while a post waits, and no platform keeps the file as it is.
        PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Adaptive)
            .write_image(picture.as_raw(), picture.width(), picture.height(), image::ExtendedColorType::Rgb8)
            .map_err(|e| Undrawable::Drawing(e.to_string()))?;
        Ok(out)
    }

    /// As a JPEG file within the limits.
    ///
    /// # Errors
    /// Where it cannot be made small enough.
    pub fn jpeg(&self, fit: &Fit) -> Result<Jpeg, Undrawable> {
        Raster::from_rgb(self.rgb()).fitted(fit).map_err(|e| Undrawable::Drawing(e.to_string()))
    }

    /// Its pixels; what is transparent is white.
    pub fn rgb(&self) -> RgbImage {
        let (width, height) = self.size();
        let pixels = self.0.pixels();
        RgbImage::from_fn(width, height, |x, y| {
            let p = pixels[(y * width + x) as usize];
            // Premultiplied: what is missing of the alpha is white.
            let white = 255 - p.alpha();
            image::Rgb([p.red().saturating_add(white), p.green().saturating_add(white), p.blue().saturating_add(white)])
        })
    }
}
