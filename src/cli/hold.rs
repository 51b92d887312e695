//! `bugle hold`: posts that would go out wait for a person.

use super::shop::{Need, Shop};
use super::{Call, Exit};
use crate::publish::actions;

/// Arguments of `bugle hold`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Ids of posts, or at least six characters of the beginning or end of one.
    #[arg(required = true, value_name = "POST")]
    posts: Vec<String>,
}

/// Holds posts.
///
/// # Errors
/// What the store says; a post whose state does not allow it.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, false).await?;
    shop.each(&args.posts, "held", async |id| actions::hold(&shop.store, &shop.hand, &id).await).await
}
