//! `bugle discover URL`: finds the feeds, sitemaps and hubs of a site, shows what each lists, and prints a block for the
//! config. Needs no config; where there is one, its `[network]` says what inside the network may be contacted.

use jiff::tz::TimeZone;
use url::Url;

use super::show::{clip, table};
use super::{Call, Exit, Trouble, parse, say, warn};
use crate::source::discover::{Found, Kind, Site, block, discover, name_of};
use crate::source::gather::Gatherer;

/// The options of `bugle discover`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A page of the site; without `https://` that is put in front.
    #[arg(value_name = "URL")]
    url: String,
    /// With what was tried in vain.
    #[arg(short, long)]
    verbose: bool,
}

/// Looks, and shows what there is, best first.
///
/// # Errors
/// Where the URL is none, or its page cannot be had.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let text = if args.url.contains("://") { args.url.clone() } else { format!("https://{}", args.url) };
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.ok_or_else(|| Trouble::wrong(format!("expected an http or https URL, found {:?}", args.url)))?;
    let config = super::config(call).ok();
    let http = parse::http(config.as_ref())?;
    let zone = config.as_ref().map_or(TimeZone::UTC, |config| config.newsroom.zone.clone());
    let gather = Gatherer::default();
    let site = discover(&http, &gather, &url).await.map_err(|said| trouble(&url, &said))?;
    if call.json {
        let best = site.found.first().map(|found| written(&url, &site, found));
        say(serde_json::json!({ "found": site.found, "hubs": site.hubs, "tried": site.tried, "config": best }))?;
        return Ok(if site.found.is_empty() { Exit::Failed } else { Exit::Done });
    }
    if args.verbose || site.found.is_empty() {
        for (tried, said) in &site.tried {
            warn(format_args!("note: {tried}: {said}"))?;
        }
    }
    let Some(best) = site.found.first() else {
        let said = format!("{url}: neither a feed nor a news sitemap was found");
        let hint = "name the feed's own URL if you know it; a page without feed is read by CSS selectors, see \
                    [source.NAME.page] in docs/sources.md";
        return Err(Trouble::failed(said).hint(hint).into());
    };
    let date = |found: &Found| {
        found
            .newest
            .map_or("-".to_owned(), |at| at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string())
    };
    let rows: Vec<Vec<String>> = site
        .found
        .iter()
        .map(|found| {
            let kind = if found.kind == Kind::Feed { "feed" } else { "sitemap" };
            vec![
                kind.to_owned(),
                found.articles.to_string(),
                date(found),
                found.with_picture.to_string(),
                found.with_summary.to_string(),
                found.hub.as_ref().map_or("-".to_owned(), |hub| clip(hub.as_str(), 60)),
                found.url.to_string(),
            ]
        })
        .collect();
    say(table(&["KIND", "ARTICLES", "NEWEST", "PICTURES", "SUMMARIES", "HUB", "URL"], &rows))?;
    for hub in &site.hubs {
        say(format_args!("hub of the page: {hub}"))?;
    }
    say(format_args!("\n{}", written(&url, &site, best).trim_end()))?;
    Ok(Exit::Done)
}

/// The block for the config.
fn written(url: &Url, site: &Site, best: &Found) -> String {
    block(best, &name_of(url), site.language.as_deref())
}

fn trouble(url: &Url, said: &str) -> Trouble {
    let trouble = Trouble::failed(format!("{url}: {said}"));
    match url.host_str().filter(|_| said.contains("refused") || said.contains("not public")) {
        Some(host) => trouble.hint(format!(
            "to let Bugle contact it, write allow_private = [\"{host}:{}\"] under [network] in the config",
            url.port_or_known_default().unwrap_or(80)
        )),
        None => trouble,
    }
}
