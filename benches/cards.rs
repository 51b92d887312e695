//! `cargo bench --bench cards`: what pictures cost on one core: a headline card on its ground and on a picture, and a
//! picture of the most pixels that is made fit for Bluesky, with the memory that takes at its peak. Fetching is not in it.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's time")]

use std::hint::black_box;
use std::io::Cursor;
use std::time::{Duration, Instant};

use bugle::card::{self, Brand, Settings};
use bugle::model::picture::{Fit, Headline, Ratio};

/// How long each row is measured.
const TIME: Duration = Duration::from_secs(3);

/// The goal for a headline card. Source: the goals the project set itself, 2026-11.
const GOAL_MS: f64 = 60.0;

/// Bluesky's limit of a picture's bytes. Source: its lexicon of images, 2026-11.
const FIT: Fit = Fit { bytes: 1_000_000, side: 2000, crop: None, longest: 20 };

/// A JPEG that is no single colour, so that neither reading nor writing it is easier than a photograph's.
fn photo(width: u32, height: u32) -> Result<Vec<u8>, image::ImageError> {
    let mut noise = 1_u32;
    let picture = image::RgbImage::from_fn(width, height, |x, y| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let grain = u8::try_from(noise >> 29).unwrap_or_default();
        let wave = |n: u32| u8::try_from(n % 240).unwrap_or_default().saturating_add(grain);
        image::Rgb([wave(x / 11), wave(y / 7), wave((x + y) / 13)])
    });
    let mut out = Cursor::new(Vec::new());
    picture.write_to(&mut out, image::ImageFormat::Jpeg)?;
    Ok(out.into_inner())
}

/// Milliseconds each run takes.
fn each(mut run: impl FnMut() -> Result<(), String>) -> Result<f64, String> {
    run()?;
    let begun = Instant::now();
    let mut runs = 0_u32;
    while begun.elapsed() < TIME {
        run()?;
        runs += 1;
    }
    Ok(begun.elapsed().as_secs_f64() * 1000.0 / f64::from(runs))
}

/// A line of `/proc/self/status` in MB; `None` where there is none.
fn memory(line: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let row = status.lines().find(|row| row.starts_with(line))?;
    let kb: f64 = row.split_whitespace().nth(1)?.parse().ok()?;
    Some(kb / 1000.0)
}

#[expect(clippy::print_stdout, reason = "a report for a terminal")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let brand = Brand::plain("The Newsroom");
    let look = Settings::default();
    let headline = |ratio| Headline {
        title: "Azərbaycan Prezidenti Şuşada Beynəlxalq Muğam Festivalının açılışında iştirak edib".to_owned(),
        kicker: "Mədəniyyət".to_owned(),
        name: "The Newsroom".to_owned(),
        ratio,
        ground: look.ground,
        ink: look.ink,
        accent: look.accent,
        behind: Vec::new(),
    };
    let medium = photo(1600, 900)?;
    println!("pictures, milliseconds each on one core (goal of a headline card: {GOAL_MS})");
    for ratio in [Ratio::Wide, Ratio::Portrait] {
        let card = headline(ratio);
        let plain = each(|| {
            let canvas = brand.draw(&card, None).map_err(|e| e.to_string())?;
            black_box(canvas.jpeg(&FIT).map_err(|e| e.to_string())?);
            Ok(())
        })?;
        let on_picture = each(|| {
            let behind = card::backdrop(&medium, ratio).map_err(|e| e.to_string())?;
            let canvas = brand.draw(&card, Some(behind)).map_err(|e| e.to_string())?;
            black_box(canvas.jpeg(&FIT).map_err(|e| e.to_string())?);
            Ok(())
        })?;
        println!("  headline card {:<7} on its ground             {plain:>8.1}", ratio.word());
        println!("  headline card {:<7} on a picture of 1600 × 900 {on_picture:>7.1}", ratio.word());
    }
    let large = photo(7302, 5477)?;
    let before = memory("VmRSS").unwrap_or_default();
    let huge = each(|| card::shrink(&large, &FIT).map(|it| drop(black_box(it))).map_err(|e| e.to_string()))?;
    let peak = memory("VmHWM").unwrap_or_default();
    println!("  40 megapixels, {:.1} MB of JPEG, made fit        {huge:>8.1}", large.len() as f64 / 1e6);
    println!("  resident memory before {before:.0} MB, at the peak of that {peak:.0} MB");
    Ok(())
}
