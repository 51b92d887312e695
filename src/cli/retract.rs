//! `bugle retract`: a post that is out is taken down, by the running service.

use super::shared::{Need, Shop, ending};
use super::{Call, Exit};
use crate::publish::actions;
use crate::store::post;

/// Arguments of `bugle retract`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The post's id, or at least six characters of its beginning or end.
    #[arg(value_name = "POST")]
    post: String,
    /// How many seconds to wait for the service to do it.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    wait: u64,
}

/// Asks for a post to be taken down, and waits for it.
///
/// # Errors
/// What the store says; a post that is not out, or a platform that cannot.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    ending(inner(args, call).await)
}

async fn inner(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, false).await?;
    let id = shop.post_id(&args.post).await?;
    let mut conn = shop.store.read().await?;
    let row = post::one(&mut conn, &id).await?;
    drop(conn);
    let channel = row.and_then(|row| shop.channel(row.post.channel.as_str()));
    let templates = shop.templates()?;
    let place = channel.as_ref().map(|channel| shop.place(channel, &templates));
    let wish = actions::retract(&shop.store, &shop.hand, place, &id).await?;
    shop.wait_for(&wish, args.wait, "taken down:").await
}
