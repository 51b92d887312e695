//! `bugle disconnect CHANNEL`: takes the grant of `bugle connect` back at the platform and forgets it. The channel's posts
//! stay, and wait.

use serde_json::json;

use super::connect::{named, trouble};
use super::connector::connector;
use super::{Call, Exit, opened, say, warn};

/// The options of `bugle disconnect`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The channel's name in the config.
    channel: String,
    /// Forget it even where the platform does not take it back.
    #[arg(long)]
    anyway: bool,
}

/// Disconnects.
///
/// # Errors
/// Where the channel is not connected, or the platform does not take the access back.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let config = super::config(call)?;
    let channel = named(&config, &args.channel)?;
    let store = opened::store(&config).await?;
    let vault = opened::vault(&config)?;
    let clock = opened::clock();
    let http = opened::http(&config, &clock)?;
    let connector = connector(&config, &store, &vault, &http, &clock);
    let done = connector.disconnect(&args.channel, &super::person(), args.anyway).await;
    let left = done.map_err(|fault| {
        let trouble = trouble(&config, channel, fault);
        match trouble.hint {
            None => trouble.hint("take it away in the account's settings, then `bugle disconnect --anyway`"),
            Some(_) => trouble,
        }
    })?;
    let left = left.map(|fault| fault.to_string());
    if call.json {
        say(json!({ "channel": channel.name, "revoked": left.is_none(), "said": left }))?;
        return Ok(Exit::Done);
    }
    say(format_args!("channel {} is disconnected; its posts wait until it is connected again", channel.name))?;
    if let Some(said) = left {
        warn(format_args!(
            "warning: the platform did not take the access back: {said}; take it away in the account's settings"
        ))?;
    }
    Ok(Exit::Done)
}
