//! The command line. One file a subcommand: each has its `Args` and a `run`; the exit code is 0 done, 1 it failed,
//! 2 the call or the config is wrong.

pub mod approve;
pub mod backup;
pub mod confirm;
pub mod edit;
pub mod hold;
pub mod notices;
pub mod pause;
pub mod post;
pub mod queue;
pub mod restore;
pub mod resume;
pub mod retract;
pub mod retry;
pub mod shared;
pub mod skip;
pub mod sources;
pub mod timeline;
pub mod why;

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
