//! Pictures from outside made fit for a platform: decoded within bounds, turned upright, cropped to what matters in
//! them, shrunk, written anew as JPEG (which drops whatever the camera noted). Fetching them is the caller's.

use std::io::Cursor;

use fast_image_resize::images::Image;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{DynamicImage, ImageDecoder as _, ImageReader, Limits, Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::attention;
use crate::model::picture::{Fit, Jpeg, Ratio};

/// The most pixels of a picture that is decoded. Source: reliability.md section 6.
pub const PIXELS: u64 = 40_000_000;

/// The most bytes of a picture that is fetched. Source: reliability.md section 6.
pub const BYTES: usize = 10 * 1024 * 1024;

/// The most memory a decoder may ask for: a picture of [`PIXELS`] in four bytes each, and some room.
const MEMORY: u64 = PIXELS * 4 + 32 * 1024 * 1024;

/// In pixels. What is larger is brought down to this before anything else is done with it, so that the large copy is
/// the only one. No platform is sent more.
const WORKING_SIDE: u32 = 2600;

/// The least side a picture is shrunk to, in pixels: below it says nothing.
const LEAST_SIDE: u32 = 200;

/// A side below which a picture is a counting pixel, an icon or a spacer, whatever its address says. In pixels.
const TINY: u32 = 32;

/// The JPEG qualities, best and worst.
const QUALITY: (u8, u8) = (88, 50);

/// Why a picture cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is no picture of a known kind, or damaged.
    #[error("expected a PNG, JPEG, WebP or GIF picture: {0}")]
    Unreadable(String),
    /// It is larger than is decoded here.
    #[error("expected a picture of at most {PIXELS} pixels, found {width} × {height}")]
    TooLarge {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// It is too small to be a picture for readers.
    #[error("expected a picture of at least {TINY} × {TINY} pixels, found {width} × {height}")]
    TooSmall {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// Even the smallest try is above the limit.
    #[error("cannot be made smaller than {0} bytes")]
    TooHeavy(usize),
}

/// A decoded picture, upright, of at most `WORKING_SIDE` pixels a side, without transparency.
#[derive(Clone, Debug)]
pub struct Raster(RgbImage);

impl Raster {
    /// Decodes a file: PNG, JPEG, WebP or GIF by its first bytes, whatever its name says; of an animation the first
    /// picture.
    ///
    /// # Errors
    /// [`Unfit`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Unfit> {
        let (whole, orientation) = decoded_with_orientation(bytes)?;
        let mut working = DynamicImage::ImageRgb8(reduce(whole)?);
        working.apply_orientation(orientation);
        Ok(Self(working.into_rgb8()))
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        self.0.dimensions()
    }

    /// The picture itself.
    pub fn rgb(&self) -> &RgbImage {
        &self.0
    }

    /// Cut to that shape around what matters in it.
    pub fn cropped(self, width: u32, height: u32) -> Self {
        let (left, top, wide, high) = attention::window(&self.0, width, height);
        if (wide, high) == self.0.dimensions() {
            return self;
        }
        Self(image::imageops::crop_imm(&self.0, left, top, wide, high).to_image())
    }

    /// Exactly that size, without regard to its shape.
    ///
    /// # Errors
    /// [`Unfit`], where there is no such size.
    pub fn scaled(self, width: u32, height: u32) -> Result<Self, Unfit> {
        if self.0.dimensions() == (width, height) {
            return Ok(self);
        }
        let (wide, high) = self.0.dimensions();
        resize(wide, high, self.0.into_raw(), PixelType::U8x3, (width, height))
            .and_then(|raw| {
                RgbImage::from_raw(width, height, raw).ok_or_else(|| Unfit::Unreadable("no such size".into()))
            })
            .map(Self)
    }

    /// Cropped to the shape it must have and written as a JPEG within the limits: the largest size, then the best
    /// quality, that fits.
    ///
    /// # Errors
    /// [`Unfit::TooHeavy`].
    pub fn fitted(self, fit: &Fit) -> Result<Jpeg, Unfit> {
        let shaped = match fit.crop {
            Some(ratio) => {
                let (width, height) = ratio.size();
                self.cropped(width, height)
            }
            None => self.within(fit.longest),
        };
        let (width, height) = shaped.size();
        let mut side = width.max(height).min(fit.side);
        let mut smallest = usize::MAX;
        loop {
            let sized = shaped.clone().bounded(side)?;
            match sized.at_most(fit.bytes)? {
                Ok(jpeg) => return Ok(jpeg),
                Err(bytes) => smallest = smallest.min(bytes),
            }
            if side <= LEAST_SIDE {
                return Err(Unfit::TooHeavy(smallest));
            }
            side = (side * 3 / 4).max(LEAST_SIDE);
        }
    }

    /// Not longer than so many times its shorter side.
    fn within(self, longest: u32) -> Self {
        let (width, height) = self.size();
        if width > height.saturating_mul(longest) {
            self.cropped(longest, 1)
        } else if height > width.saturating_mul(longest) {
            self.cropped(1, longest)
        } else {
            self
        }
    }

    /// With no side longer than that.
    fn bounded(self, side: u32) -> Result<Self, Unfit> {
        let (width, height) = bounded(self.size(), side);
        self.scaled(width, height)
    }

    /// The best quality that fits; else how many bytes the worst has.
    fn at_most(&self, most: usize) -> Result<Result<Jpeg, usize>, Unfit> {
        let best = self.jpeg(QUALITY.0)?;
        if best.bytes.len() <= most {
            return Ok(Ok(best));
        }
        let worst = self.jpeg(QUALITY.1)?;
        if worst.bytes.len() > most {
            return Ok(Err(worst.bytes.len()));
        }
        let (mut fits, mut low, mut high) = (worst, QUALITY.1, QUALITY.0);
        while high - low > 4 {
            let middle = low.midpoint(high);
            let tried = self.jpeg(middle)?;
            if tried.bytes.len() <= most {
                (fits, low) = (tried, middle);
            } else {
                high = middle;
            }
        }
        Ok(Ok(fits))
    }

    /// As a file of that quality.
    pub(super) fn jpeg(&self, quality: u8) -> Result<Jpeg, Unfit> {
        let (width, height) = self.0.dimensions();
        // Made with a side of at most 2600 pixels.
        let side = |n| u16::try_from(n).map_err(|_| Unfit::Unreadable(format!("a side of {n} pixels")));
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, quality);
        // Colour in every pixel: the edges of coloured letters stay sharp.
        encoder.set_sampling_factor(SamplingFactor::F_1_1);
        encoder
            .encode(self.0.as_raw(), side(width)?, side(height)?, ColorType::Rgb)
            .map_err(|e| Unfit::Unreadable(e.to_string()))?;
        Ok(Jpeg { bytes, width, height })
    }

    /// Of that picture.
    pub(super) fn from_rgb(picture: RgbImage) -> Self {
        Self(picture)
    }
}

fn decoded(bytes: &[u8]) -> Result<DynamicImage, Unfit> {
    decoded_with_orientation(bytes).map(|(whole, _)| whole)
}

fn decoded_with_orientation(bytes: &[u8]) -> Result<(DynamicImage, image::metadata::Orientation), Unfit> {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MEMORY);
    let mut reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| Unfit::Unreadable(e.to_string()))?;
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(unreadable)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > PIXELS {
        return Err(Unfit::TooLarge { width, height });
    }
    if width < TINY || height < TINY {
        return Err(Unfit::TooSmall { width, height });
    }
    // What a decoder allots for the whole picture is not among what it asks its own limits for.
    limits.reserve(decoder.total_bytes()).map_err(unreadable)?;
    let orientation = decoder.orientation().map_err(unreadable)?;
    Ok((DynamicImage::from_decoder(decoder).map_err(unreadable)?, orientation))
}

/// Decodes a picture and makes it fit.
///
/// # Errors
/// [`Unfit`].
pub fn shrink(bytes: &[u8], fit: &Fit) -> Result<Jpeg, Unfit> {
    Raster::decode(bytes)?.fitted(fit)
}

/// Decodes a picture, cuts it to a card's shape and brings it to the card's size.
///
/// # Errors
/// [`Unfit`].
pub fn backdrop(bytes: &[u8], ratio: Ratio) -> Result<Raster, Unfit> {
    let (width, height) = ratio.size();
    Raster::decode(bytes)?.cropped(width, height).scaled(width, height)
}

/// Decodes a logo, with what shines through, its longest side within `side` pixels.
///
/// # Errors
/// [`Unfit`].
pub fn logo(bytes: &[u8], side: u32) -> Result<image::RgbaImage, Unfit> {
    let whole = decoded(bytes)?.into_rgba8();
    let (width, height) = whole.dimensions();
    let size = bounded((width, height), side);
    let raw = resize(width, height, whole.into_raw(), PixelType::U8x4, size)?;
    image::RgbaImage::from_raw(size.0, size.1, raw).ok_or_else(|| Unfit::Unreadable("no such size".to_owned()))
}

/// That size, brought within a longest side in the same shape.
fn bounded((width, height): (u32, u32), side: u32) -> (u32, u32) {
    let long = width.max(height);
    if long <= side {
        return (width, height);
    }
    let part = |n: u32| u32::try_from(u64::from(n) * u64::from(side) / u64::from(long)).unwrap_or(side).max(1);
    (part(width), part(height))
}

/// Brings a picture down to [`WORKING_SIDE`]; the large one is gone when this returns. What shines through becomes
/// white, not black: JPEG knows no transparency.
fn reduce(whole: DynamicImage) -> Result<RgbImage, Unfit> {
    let (width, height) = (whole.width(), whole.height());
    let size = bounded((width, height), WORKING_SIDE);
    let odd = || Unfit::Unreadable("its rows have another length than it says".to_owned());
    if !whole.color().has_alpha() {
        let raw = resize(width, height, whole.into_rgb8().into_raw(), PixelType::U8x3, size)?;
        return RgbImage::from_raw(size.0, size.1, raw).ok_or_else(odd);
    }
    let raw = resize(width, height, whole.into_rgba8().into_raw(), PixelType::U8x4, size)?;
    let seen = image::RgbaImage::from_raw(size.0, size.1, raw).ok_or_else(odd)?;
    Ok(RgbImage::from_fn(size.0, size.1, |x, y| {
        let [r, g, b, a] = seen.get_pixel(x, y).0;
        let mix = |c: u8| {
            let (c, a) = (u32::from(c), u32::from(a));
            u8::try_from((c * a + 255 * (255 - a)) / 255).unwrap_or(u8::MAX)
        };
        Rgb([mix(r), mix(g), mix(b)])
    }))
}

fn resize(width: u32, height: u32, raw: Vec<u8>, kind: PixelType, to: (u32, u32)) -> Result<Vec<u8>, Unfit> {
    if (width, height) == to {
        return Ok(raw);
    }
    let fault = |e: &dyn std::fmt::Display| Unfit::Unreadable(format!("it cannot be scaled: {e}"));
    let from = Image::from_vec_u8(width, height, raw, kind).map_err(|e| fault(&e))?;
    let mut made = Image::new(to.0, to.1, kind);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    Resizer::new().resize(&from, &mut made, &options).map_err(|e| fault(&e))?;
    Ok(made.into_vec())
}

fn unreadable(error: image::ImageError) -> Unfit {
    Unfit::Unreadable(error.to_string())
}

#[cfg(test)]
#[path = "raster_tests.rs"]
mod tests;
