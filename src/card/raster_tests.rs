//! What [`super`] does with good, heavy, see-through, turned and hostile pictures.

use image::{ImageFormat, Rgba, RgbaImage};

use super::*;

const FREE: Fit = Fit { bytes: 1_000_000, side: 1200, crop: None, longest: 20 };

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
    for most in [1_000_000, 300_000, 60_000] {
        let made = shrink(&heavy, &Fit { bytes: most, ..FREE }).unwrap();
        assert!(made.bytes.len() <= most);
        assert!(made.bytes.len() * 10 > most * 3, "as good as the limit lets it be: {} of {most}", made.bytes.len());
        assert_eq!(made.width, made.height * 2);
        let again = image::load_from_memory_with_format(&made.bytes, ImageFormat::Jpeg).unwrap();
        assert_eq!((again.width(), again.height()), (made.width, made.height));
    }
    assert!(matches!(shrink(&heavy, &Fit { bytes: 100, ..FREE }), Err(Unfit::TooHeavy(n)) if n > 100));
}

#[test]
fn a_picture_gets_the_shape_it_must_have() {
    let wide = file(&noise(900, 300), ImageFormat::Jpeg);
    let made = |crop, longest| shrink(&wide, &Fit { crop, longest, ..FREE }).map(|jpeg| (jpeg.width, jpeg.height));
    assert_eq!(made(Some(Ratio::Square), 20).unwrap(), (300, 300));
    assert_eq!(made(None, 2).unwrap(), (600, 300));
    assert_eq!(made(None, 20).unwrap(), (900, 300));
    assert_eq!(backdrop(&wide, Ratio::Portrait).unwrap().size(), (1080, 1350));
}

#[test]
fn what_is_see_through_becomes_white_and_small_pictures_stay_small() {
    let clear = DynamicImage::ImageRgba8(RgbaImage::from_pixel(64, 32, Rgba([0, 0, 0, 0])));
    let made = shrink(&file(&clear, ImageFormat::Png), &FREE).unwrap();
    assert_eq!((made.width, made.height), (64, 32));
    let shown = image::load_from_memory(&made.bytes).unwrap().to_rgb8();
    assert!(shown.pixels().all(|p| p.0.iter().all(|c| *c > 250)));
}

/// A JPEG whose EXIF says "turn by a quarter to the right", with a comment of the camera's.
fn turned() -> Vec<u8> {
    let mut upper = RgbImage::from_pixel(80, 40, Rgb([250, 250, 250]));
    for y in 0..40 {
        for x in 0..40 {
            upper.put_pixel(x, y, Rgb([200, 0, 0]));
        }
    }
    let plain = file(&DynamicImage::ImageRgb8(upper), ImageFormat::Jpeg);
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0".to_vec();
    // One entry: orientation (0x0112), short, one value: 6.
    exif.extend([1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
    exif.extend(b"GPS 40.4093N 49.8671E");
    let mut out = vec![0xFF, 0xD8, 0xFF, 0xE1];
    out.extend(u16::try_from(exif.len() + 2).unwrap().to_be_bytes());
    out.extend(exif);
    out.extend(&plain[2..]);
    out
}

#[test]
fn what_the_camera_noted_is_obeyed_and_then_dropped() {
    let made = shrink(&turned(), &FREE).unwrap();
    assert_eq!((made.width, made.height), (40, 80));
    let shown = image::load_from_memory(&made.bytes).unwrap().to_rgb8();
    let (top, below) = (shown.get_pixel(20, 20).0, shown.get_pixel(20, 60).0);
    assert!(top[0] > 150 && top[1] < 90 && below[1] > 200, "turned to the right: {top:?} above {below:?}");
    let has = |needle: &[u8]| made.bytes.windows(needle.len()).any(|part| part == needle);
    assert!(!has(b"Exif") && !has(b"GPS"));
}

#[test]
fn of_an_animation_the_first_picture_counts() {
    let frame = |colour| image::Frame::new(RgbaImage::from_pixel(64, 48, Rgba(colour)));
    let mut bytes = Vec::new();
    let mut gif = image::codecs::gif::GifEncoder::new(&mut bytes);
    gif.encode_frames([frame([255, 0, 0, 255]), frame([0, 0, 255, 255])]).unwrap();
    drop(gif);
    let raster = Raster::decode(&bytes).unwrap();
    let [r, _, b] = raster.rgb().get_pixel(10, 10).0;
    assert!(r > 200 && b < 50, "{r} {b}");
}

/// A PNG of that size in one bit a pixel, all zeros: a few kilobytes for tens of millions of pixels.
fn bomb(width: u32, height: u32, deep: bool) -> Vec<u8> {
    use std::io::Write as _;
    let (depth, colour, row) = if deep { (16, 6, width as usize * 8) } else { (1, 0, (width as usize).div_ceil(8)) };
    let chunk = |kind: &[u8], data: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(data);
        let mut out = u32::try_from(data.len()).unwrap().to_be_bytes().to_vec();
        out.extend(kind);
        out.extend(data);
        out.extend(crc.sum().to_be_bytes());
        out
    };
    let mut head = [width.to_be_bytes(), height.to_be_bytes()].concat();
    head.extend([depth, colour, 0, 0, 0]);
    let mut body = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    let line = vec![0; row + 1];
    for _ in 0..height {
        body.write_all(&line).unwrap();
    }
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    out.extend(chunk(b"IHDR", &head));
    out.extend(chunk(b"IDAT", &body.finish().unwrap()));
    out.extend(chunk(b"IEND", b""));
    out
}

#[test]
fn forty_megapixels_are_read_and_more_are_not() {
    let large = bomb(8000, 5000, false);
    assert!(large.len() < 200_000, "{}", large.len());
    let made = shrink(&large, &FREE).unwrap();
    assert_eq!((made.width, made.height), (1200, 750));
    assert_eq!(shrink(&bomb(8001, 5000, false), &FREE).unwrap_err(), Unfit::TooLarge { width: 8001, height: 5000 });
    // The same pixels in eight bytes each would take more memory than is given.
    assert!(matches!(shrink(&bomb(7000, 5000, true), &FREE), Err(Unfit::Unreadable(_))));
}

#[test]
fn what_is_no_picture_or_too_large_is_refused_before_it_costs() {
    assert!(matches!(shrink(b"<html>", &FREE), Err(Unfit::Unreadable(_))));
    assert!(matches!(shrink(b"", &FREE), Err(Unfit::Unreadable(_))));
    assert!(matches!(shrink(b"<svg xmlns='http://www.w3.org/2000/svg'/>", &FREE), Err(Unfit::Unreadable(_))));
    let mut cut = file(&noise(64, 64), ImageFormat::Png);
    cut.truncate(cut.len() / 2);
    assert!(matches!(shrink(&cut, &FREE), Err(Unfit::Unreadable(_))));
    assert_eq!(
        shrink(&file(&noise(1, 1), ImageFormat::Png), &FREE).unwrap_err(),
        Unfit::TooSmall { width: 1, height: 1 }
    );
    // The head of a GIF that claims 60,000 × 60,000 pixels.
    let mut bomb = b"GIF89a".to_vec();
    bomb.extend([0x60, 0xEA, 0x60, 0xEA, 0, 0, 0, 0x2C, 0, 0, 0, 0, 0x60, 0xEA, 0x60, 0xEA, 0, 2, 2, 0x44, 1, 0, 0x3B]);
    assert!(matches!(shrink(&bomb, &FREE), Err(Unfit::TooLarge { .. } | Unfit::Unreadable(_))));
    // A picture whose head says less than its body holds, and one that says more.
    for (from, to) in [(64_u32, 40_u32), (64, 4000)] {
        let mut lying = file(&noise(64, 64), ImageFormat::Png);
        lying[20..24].copy_from_slice(&to.to_be_bytes());
        let mut crc = flate2::Crc::new();
        crc.update(&lying[12..29]);
        let sum = crc.sum().to_be_bytes();
        lying[29..33].copy_from_slice(&sum);
        if let Ok(made) = shrink(&lying, &FREE) {
            assert!(made.width <= 1200 && made.height <= 1200, "{from} {to}");
        }
    }
}
