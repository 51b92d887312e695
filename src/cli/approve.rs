//! `bugle approve`: held posts go out.

use super::shop::{Need, Shop, Which};
use super::{Call, Exit};
use crate::publish::actions;

/// Arguments of `bugle approve`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Which posts.
    #[command(flatten)]
    which: Which,
}

/// Lets held posts go out.
///
/// # Errors
/// What the store says; a post whose state does not allow it.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, false).await?;
    if let Some(group) = &args.which.group {
        let rows = actions::approve_group(&shop.store, &shop.hand, group).await?;
        shop.done("approved", &rows)?;
        return Ok(Exit::Done);
    }
    let templates = shop.templates()?;
    shop.each(&args.which.posts, "approved", async |id| {
        // What is approved is what would go out now: another text at its time asks the person again.
        let seen = match &shop.channel_of(&id).await? {
            Some(channel) => actions::seen(&shop.store, &shop.place(channel, &templates), &id, shop.hand.now).await?,
            None => None,
        };
        actions::approve(&shop.store, &shop.hand, &id, seen).await
    })
    .await
}
