//! `bugle confirm`: a person has seen a post in doubt on the platform.

use super::shop::{Need, Shop};
use super::{Call, Exit};
use crate::publish::actions;

/// Arguments of `bugle confirm`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The post's id, or at least six characters of its beginning or end.
    #[arg(value_name = "POST")]
    post: String,
    /// Where it is.
    #[arg(long)]
    url: Option<url::Url>,
}

/// Marks a post as published.
///
/// # Errors
/// What the store says; a post that cannot be out.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, false).await?;
    let id = shop.post_id(&args.post).await?;
    let row = actions::confirm(&shop.store, &shop.hand, &id, args.url).await?;
    shop.done("confirmed", &[row])?;
    Ok(Exit::Done)
}
