//! The command line. One file a subcommand: each has its `Args` and a `run`; the exit code is 0 done, 1 it failed,
//! 2 the call or the config is wrong.

pub mod assemble;
pub mod run;

use std::io::Write as _;
use std::path::PathBuf;

/// What every subcommand is handed.
#[derive(Clone, Debug)]
pub struct Call {
    /// `--config FILE`, else `BUGLE_CONFIG`, else `config/bugle.toml`.
    pub config: PathBuf,
    /// `--json`.
    pub json: bool,
}

/// The exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0.
    Done,
    /// 1: it failed.
    Failed,
    /// 2: the call or the config is wrong.
    Wrong,
}

/// Writes a line to standard output; a closed pipe (`| head`) ends the program quietly.
///
/// # Errors
/// Where standard output cannot be written.
pub fn say(line: impl std::fmt::Display) -> std::io::Result<()> {
    writeln!(std::io::stdout().lock(), "{line}")
}
