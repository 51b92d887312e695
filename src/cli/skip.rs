//! `bugle skip`: posts are dropped for good.

use super::shop::{Need, Shop, Which};
use super::{Call, Exit};
use crate::publish::actions;

/// Arguments of `bugle skip`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Which posts.
    #[command(flatten)]
    which: Which,
}

/// Drops posts.
///
/// # Errors
/// What the store says; a post whose state does not allow it.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, false).await?;
    if let Some(group) = &args.which.group {
        let rows = actions::skip_group(&shop.store, &shop.hand, group).await?;
        shop.done("dropped", &rows)?;
        return Ok(Exit::Done);
    }
    shop.each(&args.which.posts, "dropped", async |id| actions::skip(&shop.store, &shop.hand, &id).await).await
}
