//! `bugle retract`: a post that is out is taken down, by the running service; or a whole story, everywhere.

use super::shop::{Need, Shop};
use super::{Call, Exit, why};
use crate::publish::actions;

/// Arguments of `bugle retract`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The post's id, or at least six characters of its beginning or end.
    #[arg(value_name = "POST", required_unless_present = "article")]
    post: Option<String>,
    /// Every post of that article instead, by its id, guid or link: what is out is taken down, what waits is dropped.
    #[arg(long, value_name = "ID-GUID-OR-URL", conflicts_with = "post")]
    article: Option<String>,
    /// How many seconds to wait for the service to do it (one post).
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    wait: u64,
}

/// Asks for a post to be taken down, and waits for it; or for a whole story.
///
/// # Errors
/// What the store says; a post that is not out, or a platform that cannot.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, false).await?;
    let templates = shop.templates()?;
    if let Some(text) = &args.article {
        return everywhere(&shop, &templates, text.trim()).await;
    }
    let id = shop.post_id(args.post.as_deref().unwrap_or_default()).await?;
    let channel = shop.channel_of(&id).await?;
    let place = channel.as_ref().map(|channel| shop.place(channel, &templates));
    let wish = actions::retract(&shop.store, &shop.hand, place, &id).await?;
    shop.wait_for(&wish, args.wait, "taken down:").await
}

async fn everywhere(shop: &Shop, templates: &crate::expr::Templates, text: &str) -> anyhow::Result<Exit> {
    let mut conn = shop.store.read().await?;
    let found = why::search(&mut conn, text).await?;
    drop(conn);
    let [(article, _)] = found.as_slice() else {
        anyhow::bail!("expected one article, {text:?} is known to {}: `bugle why {text}` lists them", found.len());
    };
    let names: Vec<_> = shop.config.channels.iter().map(|channel| channel.name.to_string()).collect();
    let channels: Vec<_> = names.iter().filter_map(|name| shop.channel(name)).collect();
    let place = |name: &str| {
        let channel = channels.iter().find(|channel| channel.name.as_str() == name)?;
        Some(shop.place(channel, templates))
    };
    let down = actions::take_down(&shop.store, &shop.hand, place, article.id.as_str()).await?;
    let json = serde_json::json!({
        "article": article.id, "asked": down.asked, "dropped": down.dropped, "over": down.over, "left": down.left,
    });
    shop.show(&json, || {
        let left = down.left.iter().map(|left| format!("but {left}"));
        std::iter::once(actions::told_down(&down)).chain(left).collect::<Vec<_>>().join("\n")
    })?;
    Ok(if down.left.is_empty() { Exit::Done } else { Exit::Failed })
}
