//! `bugle schema`: the JSON Schema of the config file, for editors. Needs no config.

use super::{Call, Exit, say};

/// `bugle schema` takes nothing.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Shows it.
///
/// # Errors
/// Where standard output cannot be written.
pub async fn run(_args: Args, _call: &Call) -> anyhow::Result<Exit> {
    say(serde_json::to_string_pretty(&crate::config::schema())?)?;
    Ok(Exit::Done)
}
