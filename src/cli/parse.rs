//! `bugle parse FILE-or-URL`: a source's articles, one JSON object a line, in the order of the source. Needs no config;
//! where there is one, its `[network]` says what inside the network may be contacted, and its source of that address
//! where the articles stand on a page.

use jiff::tz::TimeZone;

use super::{Call, Exit, Trouble, opened, say, warn};
use crate::config::Config;
use crate::http::{Http, Settings};
use crate::source::entry::to_json;
use crate::source::page::{Layout, Selectors};

/// The options of `bugle parse`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An http(s) URL, or a file.
    #[arg(value_name = "FILE-or-URL")]
    place: String,
    /// The content type, where neither a server nor the content says it right: "application/xml; charset=windows-1251".
    #[arg(long, value_name = "T")]
    content_type: Option<String>,
    /// For a page: the CSS selector of one article, as `[source.NAME.page] item`.
    #[arg(long, value_name = "CSS")]
    item: Option<String>,
    /// For a page: the element with the link, inside an item.
    #[arg(long, value_name = "CSS", requires = "item")]
    link: Option<String>,
    /// For a page: the headline, inside an item.
    #[arg(long, value_name = "CSS", requires = "item")]
    title: Option<String>,
    /// For a page: the date, inside an item.
    #[arg(long, value_name = "CSS", requires = "item")]
    time: Option<String>,
    /// For a page: the picture, inside an item.
    #[arg(long, value_name = "CSS", requires = "item")]
    picture: Option<String>,
    /// For a page: the summary, inside an item.
    #[arg(long, value_name = "CSS", requires = "item")]
    summary: Option<String>,
}

/// Shows the articles.
///
/// # Errors
/// In plain words, where the source cannot be fetched or read.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let config = super::config(call).ok();
    let http = http(config.as_ref())?;
    let known = config
        .as_ref()
        .and_then(|config| config.sources.iter().find(|it| it.settings.url.as_ref() == Some(&args.place)));
    let layout = layout(&args)?.or_else(|| known.and_then(|source| source.layout.clone()));
    let zone = config.as_ref().map_or(TimeZone::UTC, |config| config.newsroom.zone.clone());
    let feed = opened::feed(&http, &args.place, args.content_type.as_deref(), layout.as_ref(), &zone).await?;
    for note in &feed.dropped {
        warn(format_args!("note: {note}"))?;
    }
    for entry in &feed.entries {
        say(to_json(entry))?;
    }
    Ok(Exit::Done)
}

/// The selectors of the call.
fn layout(args: &Args) -> Result<Option<Layout>, Trouble> {
    let Some(item) = args.item.clone() else { return Ok(None) };
    let selectors = Selectors {
        item,
        link: args.link.clone(),
        title: args.title.clone(),
        time: args.time.clone(),
        picture: args.picture.clone(),
        summary: args.summary.clone(),
    };
    Layout::compile(&selectors).map(Some).map_err(|bad| {
        let said: Vec<String> = bad.iter().map(|one| format!("--{}: {}", one.key, one.said)).collect();
        Trouble::wrong(said.join("; "))
    })
}

/// The network as the config allows it; without a (faultless) config, nothing inside.
pub(super) fn http(config: Option<&Config>) -> Result<Http, Trouble> {
    let clock = opened::clock();
    match config {
        Some(config) => opened::http(config, &clock),
        None => Http::build(&Settings::default(), &[], clock).map_err(|error| Trouble::failed(error.to_string())),
    }
}
