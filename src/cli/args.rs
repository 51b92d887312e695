//! What may stand on the command line: the options of every command and the list of commands, and which function runs
//! each. What a command's own options mean is said in its file.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::OsStringValueParser;
use clap::{Parser, Subcommand};

use super::{Call, Exit, check, completions, connect, discover, health, init, measure, next, parse, preview, schema};

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
    /// The service: watch, compose, schedule, publish.
    Run(super::run::Args),
    /// Say what is wrong with the config, and where.
    Check(check::Args),
    /// Show what every channel would post; post nothing.
    Preview(preview::Args),
    /// Draw the headline card of an article.
    Card(super::card::Args),
    /// Show the posts, in the order they go out.
    Queue(super::queue::Args),
    /// Let held posts go out.
    Approve(super::approve::Args),
    /// Hold a post for a person.
    Hold(super::hold::Args),
    /// Change a post's text, also where it is out already if the platform can.
    Edit(super::edit::Args),
    /// Send a failed or doubtful post again.
    Retry(super::retry::Args),
    /// Say that a post in doubt is there.
    Confirm(super::confirm::Args),
    /// Drop a post.
    Skip(super::skip::Args),
    /// Take a published post down.
    Retract(super::retract::Args),
    /// Pause everything, or one channel.
    Pause(super::pause::Args),
    /// Resume everything, or one channel.
    Resume(super::resume::Args),
    /// Say what came of an article on every channel, and why.
    Why(super::why::Args),
    /// Show what a person should know.
    Notices(super::notices::Args),
    /// Show a timeline's posts.
    Timeline(super::timeline::Args),
    /// Show the sources and their health.
    Sources(super::sources::Args),
    /// Show what posting has cost, the caps, and what the month will have cost at its end.
    Spend(super::spend::Args),
    /// Post something by hand.
    Post(super::post::Args),
    /// Write the whole store into a file.
    Backup(super::backup::Args),
    /// Fill a new store from a backup.
    Restore(super::restore::Args),
    /// Connect a channel's account: in the browser, or from this terminal.
    Connect(connect::Args),
    /// Take a channel's access back at the platform, and forget it.
    Disconnect(super::disconnect::Args),
    /// Show who may sign in to the desk; invite, let in again, shut out.
    People(super::people::Args),
    /// Show which keys seal what is kept, or turn the master key over.
    Vault(super::vault::Args),
    /// Ask a few questions and write a first config.
    Init(init::Args),
    /// Put the feeds of an OPML list, or feed2toot's settings, into the config.
    Import(super::import::Args),
    /// Show the sources as a list that feed readers take.
    Export(super::export::Args),
    /// Count standard input as a platform counts it.
    Measure(measure::Args),
    /// Show a source's articles, one JSON object a line.
    Parse(parse::Args),
    /// Find the feeds and sitemaps of a site.
    Discover(discover::Args),
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
        Command::Card(args) => super::card::run(args, &call).await,
        Command::Queue(args) => super::queue::run(args, &call).await,
        Command::Approve(args) => super::approve::run(args, &call).await,
        Command::Hold(args) => super::hold::run(args, &call).await,
        Command::Edit(args) => super::edit::run(args, &call).await,
        Command::Retry(args) => super::retry::run(args, &call).await,
        Command::Confirm(args) => super::confirm::run(args, &call).await,
        Command::Skip(args) => super::skip::run(args, &call).await,
        Command::Retract(args) => super::retract::run(args, &call).await,
        Command::Pause(args) => super::pause::run(args, &call).await,
        Command::Resume(args) => super::resume::run(args, &call).await,
        Command::Why(args) => super::why::run(args, &call).await,
        Command::Notices(args) => super::notices::run(args, &call).await,
        Command::Timeline(args) => super::timeline::run(args, &call).await,
        Command::Sources(args) => super::sources::run(args, &call).await,
        Command::Spend(args) => super::spend::run(args, &call).await,
        Command::Post(args) => super::post::run(args, &call).await,
        Command::Backup(args) => super::backup::run(args, &call).await,
        Command::Restore(args) => super::restore::run(args, &call).await,
        Command::Connect(args) => connect::run(args, &call).await,
        Command::Disconnect(args) => super::disconnect::run(args, &call).await,
        Command::People(args) => super::people::run(args, &call).await,
        Command::Vault(args) => super::vault::run(args, &call).await,
        Command::Init(args) => init::run(args, &call).await,
        Command::Import(args) => super::import::run(args, &call).await,
        Command::Export(args) => super::export::run(args, &call).await,
        Command::Measure(args) => measure::run(args, &call).await,
        Command::Parse(args) => parse::run(args, &call).await,
        Command::Discover(args) => discover::run(args, &call).await,
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
