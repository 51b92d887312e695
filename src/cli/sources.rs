//! `bugle sources`: the health of the sources.

use super::shop::{Need, Shop};
use super::show::{clip, table};
use super::{Call, Exit};
use crate::config::Address;
use crate::model::id::SourceName;
use crate::store::source::{self, SourceRow};
use crate::store::subscription::{self, State, Subscription};

/// Arguments of `bugle sources`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {}

fn health(row: Option<&SourceRow>) -> String {
    match row {
        None => "not read yet".to_owned(),
        Some(row) if row.failures > 0 => {
            let error = row.error.as_deref().unwrap_or("no reason was stored");
            format!("{} failures in a row: {error}", row.failures)
        }
        Some(row) if row.last_good.is_none() => "not read yet".to_owned(),
        Some(_) => "good".to_owned(),
    }
}

/// What a hub does for a source, in words; nothing where none is asked.
fn push(shop: &Shop, all: &[Subscription], name: &str) -> Option<String> {
    let it = all.iter().find(|it| it.source == name && it.state != State::Ending)?;
    let said = it.said.as_deref().map(|said| format!(": {said}")).unwrap_or_default();
    Some(match (it.state, it.lease_until) {
        (State::Active, Some(until)) if until > shop.hand.now => {
            format!("pushed by its hub until {}", shop.when(until))
        }
        (State::Denied, _) => format!("its hub refuses to push{said}"),
        _ => format!("its hub does not push yet{said}"),
    })
}

/// Lists the sources of the config and those the store remembers.
///
/// # Errors
/// What the store says.
pub async fn run(_args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, false).await?;
    let mut conn = shop.store.read().await?;
    let mut stored = source::all(&mut conn).await?;
    let subscriptions = subscription::all(&mut conn).await?;
    let mut all = Vec::new();
    for source in &shop.config.sources {
        let at = stored.iter().position(|row| row.name == source.name.as_str());
        let address = match &source.address {
            Address::Web(url) => url.to_string(),
            Address::File(path) => path.display().to_string(),
            Address::Door => "pushed".to_owned(),
        };
        all.push((source.name.as_str().to_owned(), address, true, at.map(|at| stored.remove(at))));
    }
    all.extend(stored.into_iter().map(|row| (row.name.clone(), row.url.clone(), false, Some(row))));
    let json = |(name, url, in_config, row): &(String, String, bool, Option<SourceRow>)| {
        serde_json::json!({
            "name": name, "url": url, "in_config": in_config, "health": health(row.as_ref()),
            "push": push(&shop, &subscriptions, name), "stored": row,
        })
    };
    shop.show(&all.iter().map(json).collect(), || {
        let rows = all.iter().map(|(name, url, in_config, row)| {
            let time = |at: Option<jiff::Timestamp>| at.map_or("-".to_owned(), |at| shop.when(at));
            let next = row.as_ref().filter(|_| *in_config).map(|row| row.next_poll);
            let mut health = if *in_config { health(row.as_ref()) } else { "no longer in the config".to_owned() };
            health.extend(push(&shop, &subscriptions, name).map(|said| format!("; {said}")));
            let last = |pick: fn(&SourceRow) -> Option<jiff::Timestamp>| time(row.as_ref().and_then(pick));
            vec![
                SourceName::new(name.as_str()).to_string(),
                last(|row| row.last_good),
                last(|row| row.last_change),
                time(next),
                clip(&health, 200),
                url.clone(),
            ]
        });
        table(&["SOURCE", "LAST GOOD", "LAST NEW", "NEXT", "HEALTH", "ADDRESS"], &rows.collect::<Vec<_>>())
    })?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_good_before_it_was_read() {
        assert_eq!(health(None), "not read yet");
    }
}
