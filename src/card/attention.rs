//! Where a picture is cut when a platform wants another shape: around what people look at, which is edges and the
//! colours of skin. A guess from a small copy, cheap enough to be made for every picture; where nothing stands out the
//! cut is in the middle, or a little above it, where faces are in news pictures.

use image::RgbImage;

/// The longest side of the small copy that is judged, in pixels.
const SMALL: u32 = 96;

/// How much more than the cut in the middle another one must hold, to be taken.
const GAIN: f32 = 1.06;

/// The largest window of that shape, at the place that holds the most: left, top, width, height in pixels.
pub fn window(picture: &RgbImage, width: u32, height: u32) -> (u32, u32, u32, u32) {
    let (wide, high) = picture.dimensions();
    let (shape_w, shape_h) = (u64::from(width.max(1)), u64::from(height.max(1)));
    // The whole height, or the whole width.
    let part = |n: u64, times: u64, by: u64| u32::try_from(n * times / by).unwrap_or(u32::MAX).max(1);
    let across = u64::from(wide) * shape_h > u64::from(high) * shape_w;
    let (cut_w, cut_h) = match across {
        true => (part(u64::from(high), shape_w, shape_h).min(wide), high),
        false => (wide, part(u64::from(wide), shape_h, shape_w).min(high)),
    };
    let (free, length, cut) = if across { (wide - cut_w, wide, cut_w) } else { (high - cut_h, high, cut_h) };
    if free == 0 {
        return (0, 0, cut_w, cut_h);
    }
    let lines = weights(picture, across);
    let at = place(&lines, f64::from(cut) / f64::from(length), if across { 0.5 } else { 1.0 / 3.0 });
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the free length")]
    let offset = ((at * f64::from(length)).round() as u32).min(free);
    if across { (offset, 0, cut_w, cut_h) } else { (0, offset, cut_w, cut_h) }
}

/// Where a window of `part` of all lines begins, as a part of their number. `rest`: how much of the free length lies
/// before it where nothing stands out.
fn place(lines: &[f32], part: f64, rest: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most SMALL lines")]
    let count = lines.len() as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of the lines")]
    let size = ((part * count).round() as usize).clamp(1, lines.len().max(1));
    let free = lines.len().saturating_sub(size);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a part of the lines"
    )]
    let middle = (rest * free as f64).round() as usize;
    let held = |from: usize| lines.iter().skip(from).take(size).sum::<f32>();
    let usual = held(middle);
    let best = (0..=free).fold((middle, usual), |best, from| {
        let sum = held(from);
        // Of equals the one nearer to the usual place.
        if sum > best.1 * 1.001 { (from, sum) } else { best }
    });
    let chosen = if best.1 > usual * GAIN { best.0 } else { middle };
    #[expect(clippy::cast_precision_loss, reason = "at most SMALL lines")]
    let at = chosen as f64 / count.max(1.0);
    at.min(1.0 - part)
}

/// How much each column (`across`) or row of the small copy holds.
fn weights(picture: &RgbImage, across: bool) -> Vec<f32> {
    let (wide, high) = picture.dimensions();
    let long = wide.max(high).max(1);
    let small = |n: u32| (n * SMALL.min(long) / long).max(1);
    let (w, h) = (small(wide), small(high));
    // Boxes, not single pixels: noise averages out.
    let copy = image::imageops::thumbnail(picture, w, h);
    let grey = |x: u32, y: u32| {
        let [r, g, b] = copy.get_pixel(x.min(w - 1), y.min(h - 1)).0.map(f32::from);
        0.299 * r + 0.587 * g + 0.114 * b
    };
    let mut lines = vec![0.0_f32; if across { w } else { h } as usize];
    for y in 0..h {
        for x in 0..w {
            let here = grey(x, y);
            let edge = (here - grey(x + 1, y)).abs() + (here - grey(x, y + 1)).abs();
            let skin = if is_skin(copy.get_pixel(x, y).0) { 40.0 } else { 0.0 };
            lines[if across { x } else { y } as usize] += edge + skin;
        }
    }
    lines
}

/// Whether a colour is one of skin in daylight, of any person: a narrow band of hue, by red over green over blue.
/// Source: Kovac, Peer and Solina, "Human skin colour clustering for face detection", 2003, with darker tones let in.
fn is_skin([r, g, b]: [u8; 3]) -> bool {
    let (r, g, b) = (i32::from(r), i32::from(g), i32::from(b));
    let spread = r.max(g).max(b) - r.min(g).min(b);
    r > 60 && g > 30 && b > 15 && spread > 15 && r - g > 12 && r > b && g >= b - 5
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn with_patch(size: (u32, u32), patch: (u32, u32, u32, u32)) -> RgbImage {
        let (left, top, wide, high) = patch;
        RgbImage::from_fn(size.0, size.1, |x, y| {
            let inside = (left..left + wide).contains(&x) && (top..top + high).contains(&y);
            match inside {
                // Squares of eight pixels: edges that a small copy still shows.
                true if (x / 8 + y / 8) % 2 == 0 => Rgb([20, 20, 20]),
                true => Rgb([235, 235, 235]),
                false => Rgb([120, 140, 160]),
            }
        })
    }

    #[test]
    fn the_cut_has_the_shape_and_holds_what_stands_out() {
        // (size, what stands out, shape) → the cut must hold it.
        let cases = [
            ((1200, 400), (40, 100, 200, 200), (1, 1)),
            ((1200, 400), (950, 100, 200, 200), (1, 1)),
            ((1200, 400), (500, 100, 200, 200), (1, 1)),
            ((600, 1200), (200, 900, 200, 200), (1200, 628)),
            ((600, 1200), (200, 20, 200, 200), (1200, 628)),
        ];
        for (size, patch, (w, h)) in cases {
            let (left, top, wide, high) = window(&with_patch(size, patch), w, h);
            assert!(left + wide <= size.0 && top + high <= size.1);
            let shape = f64::from(wide) / f64::from(high);
            assert!((shape - f64::from(w) / f64::from(h)).abs() < 0.02, "{shape}");
            let holds = left <= patch.0 + 10
                && top <= patch.1 + 10
                && left + wide + 10 >= patch.0 + patch.2
                && top + high + 10 >= patch.1 + patch.3;
            assert!(holds, "{size:?} {patch:?}: {left} {top} {wide} {high}");
        }
    }

    #[test]
    fn where_nothing_stands_out_the_middle_or_a_little_above_is_taken() {
        let plain = |w, h| RgbImage::from_pixel(w, h, Rgb([90, 90, 90]));
        assert_eq!(window(&plain(300, 100), 1, 1), (100, 0, 100, 100));
        let (left, top, wide, high) = window(&plain(100, 300), 1, 1);
        assert_eq!((left, wide, high), (0, 100, 100));
        assert!((60..=70).contains(&top), "{top}");
        assert_eq!(window(&plain(100, 100), 1, 1), (0, 0, 100, 100));
        assert_eq!(window(&plain(1, 1), 16, 9), (0, 0, 1, 1));
    }

    #[test]
    fn skin_draws_the_cut() {
        let mut picture = RgbImage::from_pixel(900, 300, Rgb([60, 90, 140]));
        for y in 80..220 {
            for x in 700..840 {
                picture.put_pixel(x, y, Rgb([205, 150, 120]));
            }
        }
        let (left, ..) = window(&picture, 1, 1);
        assert!(left >= 540, "{left}");
        for (colour, is) in
            [([205, 150, 120], true), ([92, 58, 40], true), ([120, 140, 160], false), ([20, 20, 20], false)]
        {
            assert_eq!(is_skin(colour), is, "{colour:?}");
        }
    }
}
