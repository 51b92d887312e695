//! `bugle edit`: another text for a post that waits, failed, or (where the platform shows it) is out.

use super::shop::{Need, Shop};
use super::{Call, Exit};
use crate::publish::actions::{self, Edited};

/// Arguments of `bugle edit`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The post's id, or at least six characters of its beginning or end.
    #[arg(value_name = "POST")]
    post: String,
    /// The whole new text, link included.
    #[arg(long)]
    text: String,
    /// For a post that is out: how many seconds to wait for the change.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    wait: u64,
}

/// Changes a post's text.
///
/// # Errors
/// What the store says; a state, a platform or a length that does not allow it.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, false).await?;
    let id = shop.post_id(&args.post).await?;
    let channel = shop.channel_of(&id).await?;
    let templates = shop.templates()?;
    let place = channel.as_ref().map(|channel| shop.place(channel, &templates));
    match actions::edit(&shop.store, &shop.hand, place, &id, &args.text).await? {
        Edited::Waiting(row) => {
            shop.done("edited", &[*row])?;
            Ok(Exit::Done)
        }
        Edited::Asked(wish) => shop.wait_for(&wish, args.wait, "edited").await,
    }
}
