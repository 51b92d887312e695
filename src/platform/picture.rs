//! Pictures from outside made fit for a platform: decoded within bounds, turned upright, shrunk, written anew as JPEG
//! (which drops whatever the camera noted). Fetching them is the caller's.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder as _, ImageReader, Limits, Rgb, RgbImage};

/// The most pixels of a picture that is decoded. Source: reliability.md section 6.
pub const PIXELS: u64 = 40_000_000;

/// The most bytes of a picture that is fetched. Source: reliability.md section 6.
pub const BYTES: usize = 10 * 1024 * 1024;

/// The most memory a decoder may ask for: a picture of [`PIXELS`] in four bytes each, and some room.
const MEMORY: u64 = PIXELS * 4 + 32 * 1024 * 1024;

/// The longest sides tried, largest first, in pixels. A card is shown some 600 points wide, on dense screens twice that.
const SIDES: [u32; 5] = [1200, 1000, 800, 600, 400];

/// The JPEG qualities tried for each size.
const QUALITIES: [u8; 3] = [85, 72, 60];

/// A picture ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jpeg {
    /// The file.
    pub bytes: Vec<u8>,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// Why a picture cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is no picture of a known kind, or damaged.
    #[error("expected a PNG, JPEG, WebP or GIF picture: {0}")]
    Unreadable(String),
    /// It is larger than is decoded here.
    #[error("expected at most {PIXELS} pixels, found {width} × {height}")]
    TooLarge {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// Even the smallest try is above the limit.
    #[error("cannot be made smaller than {0} bytes")]
    TooHeavy(usize),
}

/// [`shrink`] on a thread where it holds up nobody.
///
/// # Errors
/// [`Unfit`].
pub async fn shrink_aside(bytes: Vec<u8>, most: usize) -> Result<Jpeg, Unfit> {
    tokio::task::spawn_blocking(move || shrink(&bytes, most))
        .await
        .unwrap_or_else(|e| Err(Unfit::Unreadable(e.to_string())))
}

/// Decodes a picture and writes it as a JPEG of at most `most` bytes: the largest size, then the best quality, that fits.
///
/// # Errors
/// [`Unfit`].
pub fn shrink(bytes: &[u8], most: usize) -> Result<Jpeg, Unfit> {
    let whole = decode(bytes)?;
    let mut smallest = usize::MAX;
    for side in SIDES {
        let sized = if whole.width().max(whole.height()) > side {
            whole.resize(side, side, FilterType::Triangle)
        } else {
            whole.clone()
        };
        let opaque = on_white(&sized);
        for quality in QUALITIES {
            let mut out = Vec::new();
            JpegEncoder::new_with_quality(&mut out, quality).encode_image(&opaque).map_err(unreadable)?;
            if out.len() <= most {
                return Ok(Jpeg { bytes: out, width: opaque.width(), height: opaque.height() });
            }
            smallest = smallest.min(out.len());
        }
    }
    Err(Unfit::TooHeavy(smallest))
}

fn decode(bytes: &[u8]) -> Result<DynamicImage, Unfit> {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MEMORY);
    let mut reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| Unfit::Unreadable(e.to_string()))?;
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(unreadable)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > PIXELS {
        return Err(Unfit::TooLarge { width, height });
    }
    let orientation = decoder.orientation().map_err(unreadable)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// JPEG knows no transparency: what shines through becomes white, not black.
fn on_white(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let seen = picture.to_rgba8();
    RgbImage::from_fn(seen.width(), seen.height(), |x, y| {
        let [r, g, b, a] = seen.get_pixel(x, y).0;
        let mix = |c: u8| {
            let (c, a) = (u32::from(c), u32::from(a));
            u8::try_from((c * a + 255 * (255 - a)) / 255).unwrap_or(u8::MAX)
        };
        Rgb([mix(r), mix(g), mix(b)])
    })
}

fn unreadable(error: image::ImageError) -> Unfit {
    Unfit::Unreadable(error.to_string())
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgba, RgbaImage};

    use super::*;

    /// A picture that compresses badly.
    fn noise(width: u32, height: u32) -> DynamicImage {
        let mut state = 1_u32;
        DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [a, b, c, _] = state.to_be_bytes();
            Rgb([a, b, c])
        }))
    }

    fn file(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        picture.write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    #[test]
    fn a_heavy_picture_is_made_to_fit_and_keeps_its_shape() {
        let heavy = file(&noise(1600, 800), ImageFormat::Png);
        assert!(heavy.len() > 1_000_000);
        for most in [1_000_000, 300_000] {
            let made = shrink(&heavy, most).unwrap();
            assert!(made.bytes.len() <= most);
            assert_eq!(made.width, made.height * 2);
            let again = image::load_from_memory_with_format(&made.bytes, ImageFormat::Jpeg).unwrap();
            assert_eq!((again.width(), again.height()), (made.width, made.height));
        }
        assert!(matches!(shrink(&heavy, 100), Err(Unfit::TooHeavy(n)) if n > 100));
    }

    #[test]
    fn what_is_see_through_becomes_white_and_small_pictures_stay_small() {
        let clear = DynamicImage::ImageRgba8(RgbaImage::from_pixel(16, 8, Rgba([0, 0, 0, 0])));
        let made = shrink(&file(&clear, ImageFormat::Png), 1_000_000).unwrap();
        assert_eq!((made.width, made.height), (16, 8));
        let shown = image::load_from_memory(&made.bytes).unwrap().to_rgb8();
        assert!(shown.pixels().all(|p| p.0.iter().all(|c| *c > 250)));
    }

    #[test]
    fn what_is_no_picture_or_too_large_is_refused_before_it_costs() {
        assert!(matches!(shrink(b"<html>", 1000), Err(Unfit::Unreadable(_))));
        let mut cut = file(&noise(64, 64), ImageFormat::Png);
        cut.truncate(cut.len() / 2);
        assert!(matches!(shrink(&cut, 1_000_000), Err(Unfit::Unreadable(_))));
        // The head of a GIF that claims 60,000 × 60,000 pixels.
        let mut bomb = b"GIF89a".to_vec();
        bomb.extend([
            0x60, 0xEA, 0x60, 0xEA, 0, 0, 0, 0x2C, 0, 0, 0, 0, 0x60, 0xEA, 0x60, 0xEA, 0, 2, 2, 0x44, 1, 0, 0x3B,
        ]);
        assert!(matches!(shrink(&bomb, 1000), Err(Unfit::TooLarge { .. } | Unfit::Unreadable(_))));
    }
}
