//! `bugle retry`: failed posts, and posts in doubt that a person has looked for, are sent again.

use super::shop::{Need, Shop};
use super::{Call, Exit};
use crate::publish::actions;

/// Arguments of `bugle retry`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Ids of posts, or at least six characters of the beginning or end of one.
    #[arg(required = true, value_name = "POST")]
    posts: Vec<String>,
}

/// Sends posts again.
///
/// # Errors
/// What the store says; a post whose state does not allow it.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, false).await?;
    shop.each(&args.posts, "will be sent again:", async |id| actions::retry(&shop.store, &shop.hand, &id).await).await
}
