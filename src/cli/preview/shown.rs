//! The posts of a preview as one picture: their pictures are had by the way of publishing, and drawn as their platforms
//! show them.

use std::collections::HashMap;
use std::path::Path;

use super::{Shown, Trouble};
use crate::card::Raster;
use crate::card::look::{LinkCard, Look, draw};
use crate::config::Config;
use crate::model::picture::{Fit, Origin};
use crate::platform::picture::Planned;
use crate::platform::{Identity, Studio as _};
use crate::publish::studio::{Workshop, aside};

/// A picture as it is shown: no platform's limit, only the width of the drawing twice.
const SHOWN: Fit = Fit { bytes: 8_000_000, side: 2000, crop: None, longest: 20 };

/// The texts of a thread's parts as one.
fn joined(parts: &[(String, usize)]) -> String {
    crate::text::thread::join(parts.iter().map(|(text, _)| text.as_str()))
}

/// Draws the posts into a file.
///
/// # Errors
/// Where they cannot be drawn or the file cannot be written.
pub(super) async fn png(
    workshop: &Workshop,
    config: &Config,
    identities: &HashMap<String, Identity>,
    posts: &[Shown],
    file: &Path,
) -> Result<(), Trouble> {
    let mut looks = Vec::new();
    for post in posts {
        let handle = identities.get(&post.channel).map(|identity| identity.handle.clone());
        let handle = handle.or_else(|| post.label.clone()).unwrap_or_else(|| post.channel.clone());
        let own = post.attached().is_some();
        let card = post.card.as_ref().filter(|_| !own).map(|card| LinkCard {
            host: card.url.host_str().unwrap_or_default().to_owned(),
            title: card.title.clone(),
            description: card.description.clone(),
        });
        // Where the platform builds the card, its picture is the page's; the feed's stands for it here.
        let thumb = post.card.as_ref().and_then(|card| card.image.clone());
        let origin = match &post.picture {
            Some(Planned::Attached(own)) => Some(own.origin.clone()),
            Some(Planned::Thumb(origin)) => Some(origin.clone()),
            None => thumb.map(|url| Origin::Photo { urls: vec![url] }),
        };
        let (picture, missing) = match origin {
            None => (None, None),
            Some(origin) => match picture(workshop, &origin).await {
                Ok(picture) => (Some(picture), None),
                Err(why) => (None, Some(format!("without its picture: {why}"))),
            },
        };
        let approval = post.approval();
        let note = post.not.clone().map(|why| format!("not posted by itself: {why}"));
        looks.push(Look {
            platform: post.like.clone(),
            name: config.newsroom.name.clone(),
            handle,
            // The parts of a thread one under the other; what is counted is the longest.
            text: post.outcome.as_ref().map(|parts| joined(parts)).map_err(Clone::clone),
            counted: (post.outcome.iter().flatten().map(|(_, length)| *length).max().unwrap_or(0), post.limit),
            card,
            picture,
            note: note.or(missing).or(approval).unwrap_or_else(|| format!("{} on {}", post.channel, post.name)),
        });
    }
    let fonts = workshop.brand.fonts().clone();
    let png = aside(move || draw(&fonts, looks).and_then(|canvas| canvas.png())).await;
    let png = png.map_err(|e| Trouble::failed(e.to_string()))?.map_err(|e| Trouble::failed(e.to_string()))?;
    std::fs::write(file, png)
        .map_err(|e| Trouble::failed(format!("{} cannot be written: {}", file.display(), e.kind())))
}

async fn picture(workshop: &Workshop, origin: &Origin) -> Result<Raster, String> {
    let jpeg = workshop.make(origin, &SHOWN).await.map_err(|e| e.to_string())?;
    aside(move || Raster::decode(&jpeg.bytes)).await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
}
