//! `bugle retract`: a post that is out is taken down, by the running service.

use super::shop::{Need, Shop};
use super::{Call, Exit};
use crate::publish::actions;

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
    let shop = Shop::open(call, Need::There, false).await?;
    let id = shop.post_id(&args.post).await?;
    let channel = shop.channel_of(&id).await?;
    let templates = shop.templates()?;
    let place = channel.as_ref().map(|channel| shop.place(channel, &templates));
    let wish = actions::retract(&shop.store, &shop.hand, place, &id).await?;
    shop.wait_for(&wish, args.wait, "taken down:").await
}
