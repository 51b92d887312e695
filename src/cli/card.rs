//! `bugle card URL-or-FILE --out FILE.png`: the headline card of a feed's newest article, as it would be attached to a
//! post. Nothing is posted or stored by it.

use std::path::PathBuf;

use super::{Call, Exit, Trouble, opened, say};
use crate::model::picture::Ratio;
use crate::publish::prepare::headline;
use crate::publish::studio::{Workshop, aside};

/// The options of `bugle card`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The feed: an http(s) URL, or a file.
    #[arg(value_name = "URL-or-FILE")]
    place: String,
    /// Where the card is written, as PNG.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Its shape: 1.91:1, 1:1, 4:5 or 16:9 [default: as the config has it, else 1.91:1].
    #[arg(long, value_name = "W:H")]
    ratio: Option<Ratio>,
    /// Other words than the article's headline.
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Another article than the newest: the Nth as the feed lists them, counted from 1.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    item: Option<u32>,
}

/// Draws the card; with `--json` one object about it.
///
/// # Errors
/// Where the config is at fault, the feed cannot be read, or the card cannot be drawn or written.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let config = super::config(call)?;
    let brand = opened::brand(&config)?;
    let clock = opened::clock();
    let http = opened::http(&config, &clock)?;
    let feed = opened::feed(&http, &args.place, None, None, &config.newsroom.zone).await?;
    let entry = match args.item {
        None => opened::newest(&feed.entries),
        Some(n) => usize::try_from(n - 1).ok().and_then(|n| feed.entries.get(n)),
    };
    let entry = entry.ok_or_else(|| {
        Trouble::failed(format!(
            "{}: expected an article to draw, found {} in the feed",
            args.place,
            feed.entries.len()
        ))
    })?;
    let mut card = headline(&config.card, &config.newsroom.name, entry, Ratio::default());
    card.ratio = args.ratio.unwrap_or(card.ratio);
    card.title = args.title.unwrap_or(card.title);
    let workshop = Workshop { http, brand: brand.clone(), scale: config.timing.scale, shelf: None };
    let behind = workshop.behind(&card).await;
    let has_picture = behind.is_some();
    let title = card.title.clone();
    let (ratio, size) = (card.ratio, card.ratio.size());
    let png = aside(move || brand.draw(&card, behind).and_then(|canvas| canvas.png())).await;
    let png = png.map_err(|e| Trouble::failed(e.to_string()))?.map_err(|e| Trouble::failed(e.to_string()))?;
    std::fs::write(&args.out, &png)
        .map_err(|e| Trouble::failed(format!("{} cannot be written: {}", args.out.display(), e.kind())))?;
    if call.json {
        say(serde_json::json!({
            "title": title, "ratio": ratio, "width": size.0, "height": size.1, "bytes": png.len(),
            "picture": has_picture, "file": args.out,
        }))?;
    } else {
        let with = if has_picture { "on the article's picture" } else { "without a picture behind it" };
        say(format_args!("{}: {} × {}, {} bytes, {with}", args.out.display(), size.0, size.1, png.len()))?;
    }
    Ok(Exit::Done)
}
