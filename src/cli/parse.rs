//! `bugle parse FILE-or-URL`: a source's articles, one JSON object a line, in the order of the source. Needs no config;
//! where there is one, its `[network]` says what inside the network may be contacted.

use super::{Call, Exit, Trouble, opened, say, warn};
use crate::http::{Http, Settings};
use crate::source::entry::to_json;

/// The options of `bugle parse`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An http(s) URL, or a file.
    #[arg(value_name = "FILE-or-URL")]
    place: String,
    /// The content type, where neither a server nor the content says it right: "application/xml; charset=windows-1251".
    #[arg(long, value_name = "T")]
    content_type: Option<String>,
}

/// Shows the articles.
///
/// # Errors
/// In plain words, where the source cannot be fetched or read.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let http = http(call)?;
    let feed = opened::feed(&http, &args.place, args.content_type.as_deref()).await?;
    for note in &feed.dropped {
        warn(format_args!("note: {note}"))?;
    }
    for entry in &feed.entries {
        say(to_json(entry))?;
    }
    Ok(Exit::Done)
}

/// The network as the config allows it; without a (faultless) config, nothing inside.
fn http(call: &Call) -> Result<Http, Trouble> {
    let clock = opened::clock();
    match super::config(call) {
        Ok(config) => opened::http(&config, &clock),
        Err(_) => Http::build(&Settings::default(), &[], clock).map_err(|error| Trouble::failed(error.to_string())),
    }
}
