//! `bugle notices`: what a person should know, worst first.

use super::shop::{Need, Shop};
use super::show::table;
use super::{Call, Exit};
use crate::store::notice;

/// Arguments of `bugle notices`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {}

/// Lists the notices that stand.
///
/// # Errors
/// What the store says.
pub async fn run(_args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, false).await?;
    let mut conn = shop.store.read().await?;
    let all = notice::all(&mut conn).await?;
    shop.show(&serde_json::to_value(&all)?, || {
        if all.is_empty() {
            return "nothing to report".to_owned();
        }
        let row = |it: &notice::Stored| {
            let times = if it.count > 1 { format!("{} times", it.count) } else { String::new() };
            vec![it.level.clone(), shop.when(it.last_at), times, it.text.clone()]
        };
        table(&["LEVEL", "LAST", "", "NOTICE"], &all.iter().map(row).collect::<Vec<_>>())
    })?;
    Ok(Exit::Done)
}
