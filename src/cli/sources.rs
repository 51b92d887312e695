//! `bugle sources`: the health of the sources, and what came where one could not be read.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::shop::{Need, Shop};
use super::show::{clip, table};
use super::{Call, Exit, Trouble, warn};
use crate::config::Address;
use crate::model::id::SourceName;
use crate::store::source::{self, SourceRow};
use crate::store::subscription::{self, State, Subscription};

/// Arguments of `bugle sources`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Write the bytes of that source's last answer that could not be read (the first 256 KiB, kept for 7 days).
    #[arg(long, value_name = "NAME")]
    raw: Option<String>,
}

/// Lists the sources of the config and those the store remembers.
///
/// # Errors
/// What the store says.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    match &args.raw {
        Some(name) => raw(name, call).await,
        None => list(call).await,
    }
}

fn health(row: Option<&SourceRow>) -> String {
    match row {
        None => "not read yet".to_owned(),
        Some(row) if row.failures > 0 => {
            let error = row.error.as_deref().unwrap_or("no reason was stored");
            let way = row.way_out().unwrap_or_default();
            format!("{} failures in a row: {error}. {way}", row.failures)
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

/// A gap between two articles, in one word.
fn rhythm(seconds: i64) -> String {
    match seconds {
        172_800.. => format!("{}d", seconds / 86_400),
        7_200.. => format!("{}h", seconds / 3_600),
        120.. => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

async fn list(call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, false).await?;
    let mut conn = shop.store.read().await?;
    let mut stored: std::collections::BTreeMap<String, SourceRow> =
        source::all(&mut conn).await?.into_iter().map(|row| (row.name.clone(), row)).collect();
    let subscriptions = subscription::all(&mut conn).await?;
    let mut all = Vec::new();
    for source in &shop.config.sources {
        let address = match &source.address {
            Address::Web(url) => url.to_string(),
            Address::File(path) => path.display().to_string(),
            Address::Door => "pushed".to_owned(),
        };
        let row = stored.remove(source.name.as_str());
        all.push((source.name.as_str().to_owned(), address, true, row));
    }
    all.extend(stored.into_values().map(|row| (row.name.clone(), row.url.clone(), false, Some(row))));
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
                row.as_ref().and_then(|row| row.rhythm).map_or("-".to_owned(), rhythm),
                time(next),
                clip(&health, 300),
                url.clone(),
            ]
        });
        table(&["SOURCE", "LAST GOOD", "LAST NEW", "RHYTHM", "NEXT", "HEALTH", "ADDRESS"], &rows.collect::<Vec<_>>())
    })?;
    Ok(Exit::Done)
}

/// The bytes as they came: on a terminal they may be anything, so what is known of them goes to standard error.
async fn raw(name: &str, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, false).await?;
    let mut conn = shop.store.read().await?;
    let Some((at, error, bytes)) = source::raw(&mut conn, name).await? else {
        let known = shop.config.sources.iter().any(|source| source.name.as_str() == name);
        if !known {
            return Err(Trouble::wrong(format!("the config has no source {name:?}; `bugle sources` lists them")).into());
        }
        anyhow::bail!("nothing is kept of source {name}: whatever it answered in the last 7 days could be read");
    };
    if call.json {
        let bytes = STANDARD.encode(&bytes);
        shop.show(&serde_json::json!({ "source": name, "at": at, "error": error, "base64": bytes }), String::new)?;
        return Ok(Exit::Done);
    }
    warn(format_args!("{name}, {}: {error} ({} bytes kept)", shop.when(at), bytes.len()))?;
    std::io::stdout().lock().write_all(&bytes)?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_said_with_its_way_out() {
        assert_eq!(health(None), "not read yet");
        let now = jiff::Timestamp::UNIX_EPOCH;
        let row = SourceRow::new("wire", "https://a.example/", now);
        assert_eq!(health(Some(&row)), "not read yet");
        let well = SourceRow { last_good: Some(now), ..row.clone() };
        assert_eq!((health(Some(&well)).as_str(), well.way_out()), ("good", None));
        for (trouble, status, words) in [
            ("status", Some(403), "refuses Bugle"),
            ("status", Some(404), "bugle parse"),
            ("status", Some(410), "gone for good"),
            ("status", Some(429), "less often"),
            ("status", Some(503), "by itself"),
            ("status", Some(418), "bugle parse"),
            ("unreadable", None, "--raw NAME"),
            ("too_large", None, "shorter feed"),
            ("redirects", None, "leads nowhere"),
            ("refused", None, "allow_private"),
            ("unreachable", None, "by itself"),
        ] {
            let row = SourceRow {
                failures: 2,
                error: Some("it said no".to_owned()),
                trouble: Some(trouble.to_owned()),
                status,
                ..well.clone()
            };
            let said = health(Some(&row));
            assert!(said.starts_with("2 failures in a row: it said no. ") && said.contains(words), "{said}");
        }
    }

    #[test]
    fn a_rhythm_is_one_word() {
        for (seconds, word) in [(5, "5s"), (1_200, "20m"), (7_200, "2h"), (259_200, "3d")] {
            assert_eq!(rhythm(seconds), word);
        }
    }
}
