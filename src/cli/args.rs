//! What may stand on the command line: the options of every command and the list of commands, and which function runs
//! each. What a command's own options mean is said in its file.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::OsStringValueParser;
use clap::{Parser, Subcommand};

use super::{Call, Exit, check, completions, connect, health, init, measure, next, parse, preview, schema};

/// A newsroom's auto-poster: watches feeds and publishes each article once, to every account.
#[derive(Debug, Parser)]
#[command(name = "bugle", version, about, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done, 1 it failed, 2 the call or the config is wrong.")]
pub struct Args {
    /// The config file [default: config/bugle.toml].
    #[arg(long, global = true, value_name = "FILE", env = "BUGLE_CONFIG", value_parser = OsStringValueParser::new())]
    config: Option<OsString>,
    /// Answer in JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

/// The commands, in the order of the help.
#[derive(Debug, Subcommand)]
enum Command {
    // The service and the actions on its store (run, queue, approve, hold, edit, retry, confirm, skip, retract, pause,
    // resume, why, notices, timeline, sources, backup, restore, import, post): one line each here, one in `run` below,
    // one `pub mod` in `cli/mod.rs`.
    //
    /// The service: watch, compose, schedule, publish.
    Run(super::run::Args),
    /// Say what is wrong with the config, and where.
    Check(check::Args),
    /// Show what every channel would post; post nothing.
    Preview(preview::Args),
    /// Connect a channel's account from this terminal.
    Connect(connect::Args),
    /// Ask a few questions and write a first config.
    Init(init::Args),
    /// Count standard input as a platform counts it.
    Measure(measure::Args),
    /// Show a source's articles, one JSON object a line.
    Parse(parse::Args),
    /// Show when a schedule fires next.
    Next(next::Args),
    /// Show the JSON Schema of the config file.
    Schema(schema::Args),
    /// Show the completions of a shell.
    Completions(completions::Args),
    /// Ask the running service whether it is well.
    Health(health::Args),
}

/// Runs the command.
///
/// # Errors
/// What [`super::explain`] tells a person.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    // An empty BUGLE_CONFIG is what is left of a variable nobody filled in.
    let config = args.config.filter(|path| !path.is_empty()).map(PathBuf::from);
    let config = config.unwrap_or_else(|| PathBuf::from(crate::config::DEFAULT_PATH));
    let call = Call { config, json: args.json };
    match args.command {
        Command::Run(args) => super::run::run(args, &call).await,
        Command::Check(args) => check::run(args, &call).await,
        Command::Preview(args) => preview::run(args, &call).await,
        Command::Connect(args) => connect::run(args, &call).await,
        Command::Init(args) => init::run(args, &call).await,
        Command::Measure(args) => measure::run(args, &call).await,
        Command::Parse(args) => parse::run(args, &call).await,
        Command::Next(args) => next::run(args, &call).await,
        Command::Schema(args) => schema::run(args, &call).await,
        Command::Completions(args) => completions::run(args, &call).await,
        Command::Health(args) => health::run(args, &call).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_options_contradict_nothing() {
        Args::command().debug_assert();
    }

    #[test]
    fn options_for_all_may_stand_before_or_after_the_command() {
        for line in
            [["bugle", "--json", "--config", "a.toml", "schema"], ["bugle", "schema", "--config", "a.toml", "--json"]]
        {
            let args = Args::try_parse_from(line).unwrap();
            assert!(args.json);
            assert_eq!(args.config, Some("a.toml".into()));
        }
    }
}
