//! `bugle completions SHELL`: what a shell needs to complete Bugle's commands and options. Needs no config.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Call, Exit, say};

/// The options of `bugle completions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Shows the script.
///
/// # Errors
/// Where standard output cannot be written.
pub async fn run(args: Args, _call: &Call) -> anyhow::Result<Exit> {
    say(script(args.shell)?.trim_end())?;
    Ok(Exit::Done)
}

fn script(shell: Shell) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut super::Args::command(), "bugle", &mut bytes);
    Ok(String::from_utf8(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_learns_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell, Shell::Elvish] {
            let script = script(shell).unwrap();
            assert!(script.contains("bugle") && script.contains("preview"), "{shell}");
        }
    }
}
