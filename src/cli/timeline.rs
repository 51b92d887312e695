//! `bugle timeline`: what is on a local timeline, as a reader would see it.

use super::shop::{Need, Shop};
use super::{Call, Exit, Trouble};
use crate::platform::WallPost;
use crate::store::wall::{self, Stored};

/// Arguments of `bugle timeline`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The channel.
    channel: String,
    /// How many posts at most, newest first.
    #[arg(short, default_value_t = 20, value_name = "N")]
    n: u32,
    /// That of the rehearsal (`bugle run --rehearse`).
    #[arg(long)]
    rehearse: bool,
}

/// Shows a timeline's posts.
///
/// # Errors
/// What the store says; a channel that has no timeline.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, args.rehearse).await?;
    let channel = shop.must_have(&args.channel)?;
    let spec = channel.account.spec();
    if !args.rehearse && spec.id != "timeline" {
        let said =
            format!("channel {} posts to {}: --rehearse shows the timeline of its rehearsal", args.channel, spec.name);
        return Err(Trouble::wrong(said).into());
    }
    let mut conn = shop.store.read().await?;
    let rows = wall::list(&mut conn, &args.channel, i64::from(args.n)).await?;
    let mut posts = Vec::new();
    for row in rows {
        let post: WallPost = serde_json::from_str(&row.post)
            .map_err(|e| anyhow::anyhow!("post {} of the timeline cannot be read: {e}", row.id))?;
        posts.push((row, post));
    }
    let json = |(row, post): &(Stored, WallPost)| serde_json::json!({ "id": row.id, "at": row.at, "down": row.down, "post": post });
    shop.show(&posts.iter().map(json).collect(), || {
        if posts.is_empty() {
            return format!("nothing is on the timeline of {} yet", args.channel);
        }
        let all = posts.iter().map(|(row, post)| {
            let down = row.down.map(|at| format!(", taken down {}", shop.when(at))).unwrap_or_default();
            boxed(&format!("{}{down}", shop.when(row.at)), post)
        });
        all.collect::<Vec<_>>().join("\n")
    })?;
    Ok(Exit::Done)
}

/// Columns inside the box.
const WIDTH: usize = 72;

fn boxed(head: &str, post: &WallPost) -> String {
    let mut lines = Vec::new();
    for paragraph in post.text.lines() {
        lines.extend(wrapped(paragraph));
    }
    if let Some(card) = &post.card {
        lines.push(String::new());
        lines.extend(wrapped(&format!("▌ {}", card.title)).into_iter().take(2));
        if let Some(host) = card.url.host_str() {
            lines.push(format!("▌ {host}"));
        }
    }
    let part = post.part.map(|place| format!("part {} of {}, ", place.n, place.of)).unwrap_or_default();
    let count = format!("{part}{}/{}", post.length, post.limit);
    let rule = |left: &str, right: &str| {
        let used = left.chars().count() + right.chars().count() + 4;
        let gap = "─".repeat((WIDTH + 2).saturating_sub(used));
        format!("─ {left} {gap}{}", if right.is_empty() { String::new() } else { format!(" {right} ") })
    };
    let mut out = vec![format!("┌{}", rule(head, ""))];
    out.extend(lines.iter().map(|line| format!("│ {line}").trim_end().to_owned()));
    out.push(format!("└{}", rule(&count, post.language.as_deref().unwrap_or(""))));
    out.join("\n")
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(word.to_owned());
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_keeps_every_word() {
        let text = "Baku hosts the festival of bread again, and again people come from all over the country to it\nhttps://a.example/1";
        let post = WallPost {
            text: text.to_owned(),
            link: None,
            card: None,
            picture: None,
            further: Vec::new(),
            language: None,
            length: 99,
            limit: 280,
            part: None,
        };
        let shown = boxed("14:05:00", &post);
        assert!(shown.contains("99/280") && shown.contains("14:05:00"), "{shown}");
        let words: Vec<&str> = shown.split_whitespace().filter(|word| text.contains(word)).collect();
        assert_eq!(words, text.split_whitespace().collect::<Vec<_>>());
        assert!(shown.lines().all(|line| line.chars().count() <= WIDTH + 4), "{shown}");
    }
}
