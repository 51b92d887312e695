//! `bugle restore`: fills a new store from a backup, while no service runs.

use std::path::PathBuf;

use anyhow::Context as _;

use super::shop::{Need, Shop};
use super::{Call, Exit};
use crate::store::backup;

/// Arguments of `bugle restore`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The file that `bugle backup` wrote.
    file: PathBuf,
}

/// Restores a backup.
///
/// # Errors
/// What the store or the file says; a store that is not empty, or a service that runs.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shown = args.file.display().to_string();
    let file = std::fs::File::open(&args.file).with_context(|| format!("cannot read {shown}"))?;
    let shop = Shop::open(call, Need::Any, false).await?;
    let sole = shop.store.sole().await?;
    anyhow::ensure!(sole.is_some(), "a service is running on this store: stop it first");
    let rows = backup::restore(&shop.store, file, shop.hand.now).await?;
    drop(sole);
    shop.show(&serde_json::json!({ "file": shown, "rows": rows }), || {
        format!(
            "{rows} rows from {shown}. What was waiting is looked up before it goes out, since it may be out already; \
             each source starts anew and posts nothing of what it lists first"
        )
    })?;
    Ok(Exit::Done)
}
