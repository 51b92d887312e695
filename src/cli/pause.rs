//! `bugle pause`: nothing goes out, from one channel or from all, until `bugle resume`.

use super::shop::{Need, Shop};
use super::{Call, Exit, Trouble};
use crate::model::channel::PauseScope;
use crate::publish::actions;

/// Arguments of `bugle pause`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The channel; left out: everything.
    channel: Option<String>,
    /// Why, for the others.
    #[arg(long, default_value = "")]
    why: String,
    /// For how long: 2h, 30m; left out: until `bugle resume`.
    #[arg(long = "for", value_name = "DURATION")]
    lasts: Option<String>,
}

/// Pauses.
///
/// # Errors
/// What the store says; a channel that is not in the config.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, false).await?;
    let scope = match args.channel {
        Some(name) => {
            shop.must_have(&name)?;
            PauseScope::Channel(name)
        }
        None => PauseScope::All,
    };
    let lasts = args.lasts.as_deref().map(crate::timetable::duration).transpose();
    let lasts = lasts.map_err(|bad| Trouble::wrong(format!("--for: {}", bad.said)))?;
    let until = match lasts {
        None => None,
        Some(lasts) => Some(
            shop.hand
                .now
                .checked_add(lasts)
                .map_err(|_| Trouble::wrong("--for: expected a shorter time".to_owned()))?,
        ),
    };
    let stands = actions::pause(&shop.store, &shop.hand, scope, &args.why, until).await?;
    shop.show(&serde_json::to_value(&stands)?, || {
        let what = match &stands.scope {
            PauseScope::Channel(name) => format!("channel {name} is"),
            _ => "everything is".to_owned(),
        };
        let until = match stands.until {
            Some(until) => format!("until {}", shop.when(until)),
            None => "until `bugle resume`".to_owned(),
        };
        let note = if stands.since == shop.hand.now { "" } else { " (it was paused for longer already)" };
        format!("{what} paused {until}{note}; a post on its way right now may still arrive")
    })?;
    Ok(Exit::Done)
}
