//! The program: reads the command line, runs the command, turns what became of it into text and an exit code. Nothing
//! else lives here.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use bugle::cli::{self, Exit};
use clap::Parser as _;

/// Threads of the runtime, 2: nearly all of the work is waiting.
const WORKERS: usize = 2;

fn main() -> ExitCode {
    // A call that makes no sense ends here: clap explains it and exits with 2.
    let args = cli::Args::parse();
    // For whatever speaks TLS without naming what does the cryptography. A second one would be refused: there is none.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(cli::run(args));
            // A look-up of a name or a read of the terminal that nobody waits for any more holds nothing up.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            let (text, exit) = cli::explain(&error, std::io::stderr().is_terminal());
            // Where standard error is closed, the exit code alone has to say it.
            let _ = cli::warn(text).or(Err(Exit::Failed));
            exit.into()
        }
    }
}
