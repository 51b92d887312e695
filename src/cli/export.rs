//! `bugle export --opml`: the sources of the config as a list that feed readers take, on standard output. The way back
//! is `bugle import`.

use super::{Call, Exit, say, warn};
use crate::source::opml;

/// The options of `bugle export`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {
    /// The sources as OPML 2.0.
    #[arg(long, required = true)]
    opml: bool,
}

/// Prints the list.
///
/// # Errors
/// Faults of the config.
#[expect(clippy::unused_async, reason = "as every command")]
pub async fn run(_args: Args, call: &Call) -> anyhow::Result<Exit> {
    let config = super::config(call)?;
    let mut subscriptions = Vec::new();
    for source in &config.sources {
        match opml::subscription(source.name.as_str(), &source.settings) {
            Some(subscription) => subscriptions.push(subscription),
            None => warn(format_args!("note: source {} is a file and is left out", source.name.as_str()))?,
        }
    }
    // What lies in the same folder stands together.
    subscriptions.sort_by(|a, b| a.categories.cmp(&b.categories));
    say(opml::write(&config.newsroom.name, &subscriptions).trim_end())?;
    Ok(Exit::Done)
}
