//! `bugle approve`: held posts go out.

use super::shared::{Need, Shop, ending};
use super::{Call, Exit};
use crate::publish::actions;
use crate::store::post;

/// Arguments of `bugle approve`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Ids of posts, or at least six characters of the beginning or end of one.
    #[arg(required_unless_present = "group", value_name = "POST")]
    posts: Vec<String>,
    /// All held posts of a flood, by the name that `bugle queue` shows.
    #[arg(long, conflicts_with = "posts")]
    group: Option<String>,
}

/// Lets held posts go out.
///
/// # Errors
/// What the store says; a post whose state does not allow it.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    ending(inner(args, call).await)
}

async fn inner(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, false).await?;
    if let Some(group) = &args.group {
        let rows = actions::approve_group(&shop.store, &shop.hand, group).await?;
        shop.done("approved", &rows)?;
        return Ok(Exit::Done);
    }
    let templates = shop.templates()?;
    shop.each(&args.posts, "approved", async |id| {
        // What is approved is what would go out now: another text at its time asks the person again.
        let mut conn = shop.store.read().await?;
        let row = post::one(&mut conn, &id).await?;
        drop(conn);
        let channel = row.and_then(|row| shop.channel(row.post.channel.as_str()));
        let seen = match &channel {
            Some(channel) => actions::seen(&shop.store, &shop.place(channel, &templates), &id, shop.hand.now).await?,
            None => None,
        };
        actions::approve(&shop.store, &shop.hand, &id, seen).await
    })
    .await
}
