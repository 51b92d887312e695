//! `bugle approve`: held posts go out.

use super::shop::{Need, Shop, Which};
use super::{Call, Exit};
use crate::publish::actions::{self, Seen};

/// Arguments of `bugle approve`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Which posts.
    #[command(flatten)]
    which: Which,
    /// At once, ahead of queue, slots and quiet hours; also what is scheduled already.
    #[arg(long, conflicts_with_all = ["group", "at"])]
    now: bool,
    /// Not before that time by the newsroom's clock, as 2026-11-26T08:00; also what is scheduled already.
    #[arg(long, value_name = "TIME", conflicts_with = "group")]
    at: Option<String>,
    /// With --at, where the clocks go back and that time comes twice: the second time.
    #[arg(long, requires = "at")]
    second: bool,
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
    let at = args.at.as_deref().map(|text| shop.time(text, args.second)).transpose()?;
    shop.each(&args.which.posts, "approved", async |id| {
        // What is approved is what would go out now: another text at its time asks the person again.
        let seen = match &shop.channel_of(&id).await? {
            Some(channel) => actions::seen(&shop.store, &shop.place(channel, &templates), &id, shop.hand.now).await?,
            None => None,
        };
        let seen = Seen { payload: seen, version: None };
        match at {
            Some(at) => actions::reschedule(&shop.store, &shop.hand, &id, at, seen).await,
            None if args.now => actions::send_now(&shop.store, &shop.hand, &id, seen).await,
            None => actions::approve(&shop.store, &shop.hand, &id, seen.payload).await,
        }
    })
    .await
}
