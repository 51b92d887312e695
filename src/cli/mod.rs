//! The command line. One file a subcommand: each has its `Args` and a `run`; the exit code is 0 done, 1 it failed,
//! 2 the call or the config is wrong. Beside them: their list (`args.rs`), what the config names, opened (`opened.rs`),
//! the open store (`shop.rs`), how things are shown (`show.rs`).

pub mod args;
pub mod card;
pub mod check;
pub mod completions;
pub mod connect;
mod connector;
pub mod disconnect;
pub mod discover;
pub mod export;
pub mod health;
pub mod import;
pub mod init;
mod inlet;
mod live;
pub mod measure;
pub mod next;
pub mod opened;
pub mod parse;
pub mod preview;
pub mod schema;

pub mod assemble;
pub mod run;

pub mod approve;
pub mod backup;
pub mod confirm;
mod cost;
pub mod edit;
pub mod hold;
pub mod notices;
pub mod pause;
pub mod people;
pub mod post;
pub mod queue;
pub mod restore;
pub mod resume;
pub mod retract;
pub mod retry;
pub mod shop;
mod show;
pub mod skip;
pub mod sources;
pub mod spend;
mod terms;
pub mod timeline;
pub mod vault;
pub mod why;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

pub use self::args::{Args, run};
use crate::config::{Config, Faults};

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

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Wrong => 2,
        })
    }
}

/// An error with an exit code of its own and, where there is one, a way out. Any other error means
/// [`Exit::Failed`]; config [`Faults`] mean [`Exit::Wrong`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{said}")]
pub struct Trouble {
    /// What was expected and what was found; lower case, no full stop.
    pub said: String,
    /// What to do instead.
    pub hint: Option<String>,
    /// The exit code.
    pub exit: Exit,
}

impl Trouble {
    /// It failed.
    pub fn failed(said: impl Into<String>) -> Self {
        Self { said: said.into(), hint: None, exit: Exit::Failed }
    }

    /// The call is wrong.
    pub fn wrong(said: impl Into<String>) -> Self {
        Self { exit: Exit::Wrong, ..Self::failed(said) }
    }

    /// With a way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Reads the config that the call names. Its faults, handed on with `?`, are shown all at once and exit with 2.
///
/// # Errors
/// Every fault found.
pub fn config(call: &Call) -> Result<Config, Faults> {
    crate::config::load(&call.config)
}

/// Who acts on the command line: the login name.
pub fn person() -> String {
    let name = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(std::env::var_os);
    let name = name.map(|name| name.to_string_lossy().into_owned()).filter(|name| !name.trim().is_empty());
    name.unwrap_or_else(|| "somebody".to_owned())
}

/// Standard output is closed: nobody wants to read on.
#[derive(Debug, thiserror::Error)]
#[error("standard output is closed")]
struct Closed;

/// Writes a line to standard output; a closed pipe (`| head`) ends the program quietly.
///
/// # Errors
/// Where standard output cannot be written.
pub fn say(line: impl std::fmt::Display) -> std::io::Result<()> {
    let written = writeln!(std::io::stdout().lock(), "{line}");
    // Marked, so that a broken pipe of another kind is not taken for it.
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => std::io::Error::new(std::io::ErrorKind::BrokenPipe, Closed),
        _ => error,
    })
}

/// Writes a line to standard error: faults, warnings, questions; never a result.
///
/// # Errors
/// Where standard error cannot be written.
pub fn warn(line: impl std::fmt::Display) -> std::io::Result<()> {
    let mut err = std::io::stderr().lock();
    match line.to_string().as_str() {
        "" => Ok(()),
        line => writeln!(err, "{line}"),
    }
}

/// What an error tells a person, and the exit code. Empty where there is nobody to tell.
pub fn explain(error: &anyhow::Error, colours: bool) -> (String, Exit) {
    if let Some(error) = error.downcast_ref::<std::io::Error>()
        && error.get_ref().is_some_and(|inner| inner.is::<Closed>())
    {
        return (String::new(), Exit::Done);
    }
    if let Some(faults) = error.downcast_ref::<Faults>() {
        return (if colours { faults.styled() } else { faults.to_string() }, Exit::Wrong);
    }
    let mut text = format!("error: {error:#}");
    let trouble = error.downcast_ref::<Trouble>();
    if let Some(hint) = trouble.and_then(|trouble| trouble.hint.as_ref()) {
        text.push_str("\nhint: ");
        text.push_str(hint);
    }
    (text, trouble.map_or(Exit::Failed, |trouble| trouble.exit))
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn errors_become_text_and_an_exit_code() {
        let faults = crate::config::parse("[newsroom]\nname = 1\n", std::path::Path::new("b.toml")).err().unwrap();
        let closed = std::io::Error::new(std::io::ErrorKind::BrokenPipe, Closed);
        let other: std::io::Error = std::io::ErrorKind::BrokenPipe.into();
        let cases: [(anyhow::Error, &str, Exit); 6] = [
            (anyhow::anyhow!("no route to x").context("asking"), "error: asking: no route to x", Exit::Failed),
            (Trouble::wrong("no such channel").into(), "error: no such channel", Exit::Wrong),
            (Trouble::failed("refused").hint("open it").into(), "error: refused\nhint: open it", Exit::Failed),
            (faults.into(), "error: ", Exit::Wrong),
            (closed.into(), "", Exit::Done),
            (other.into(), "error: ", Exit::Failed),
        ];
        for (error, text, exit) in cases {
            let (found, code) = explain(&error, false);
            assert!(found.starts_with(text), "{found}");
            assert_eq!(code, exit, "{found}");
        }
        let told = Err::<(), _>(Trouble::wrong("bad").hint("good")).context("reading").unwrap_err();
        assert_eq!(explain(&told, false), ("error: reading: bad\nhint: good".to_owned(), Exit::Wrong));
    }
}
