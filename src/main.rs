//! Arguments, logging, exit codes. What a command does is in `commands`.

use std::{io::IsTerminal as _, process::ExitCode, time::Duration};

use clap::Parser as _;
use shiftwatch::{
    cli::Cli,
    commands,
    logging::{self, LogFormat},
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let quiet = commands::is_quiet(&cli.command) && cli.common.log_format.is_none();
    if !quiet && logging::init(cli.common.log_format, cli.common.log_level, std::io::stderr().is_terminal()).is_err() {
        eprintln!("shiftwatch: logging was set up twice; going on with the first");
    }
    let json = cli.common.log_format == Some(LogFormat::Json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(fault) => {
            eprintln!("shiftwatch: the runtime cannot start ({fault}); is the machine out of threads or memory?");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(commands::dispatch(cli));
    // A file that is being made sense of on a thread of its own holds up no end.
    runtime.shutdown_timeout(Duration::from_secs(2));
    match ended {
        Ok(exit) => ExitCode::from(exit.code()),
        // Whoever read the output has seen enough.
        Err(fault) if commands::is_broken_pipe(&fault) => ExitCode::SUCCESS,
        Err(fault) => {
            if json {
                tracing::error!("shiftwatch: {fault:#}");
            } else {
                eprintln!("shiftwatch: {fault:#}");
            }
            ExitCode::FAILURE
        }
    }
}
