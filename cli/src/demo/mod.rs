//! `onceward demo`.

use std::process::ExitCode;

use clap::Args;

/// What can be asked of the demo.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Run on this cluster instead of an embedded one
    #[arg(long, value_name = "HOST:PORT,…")]
    pub(crate) brokers: Option<String>,
    /// How many events at most [default: one month, 27,004]
    #[arg(long, value_name = "N")]
    pub(crate) events: Option<u64>,
    /// Print the figures as JSON; taken from the global flag.
    #[arg(skip)]
    pub(crate) json: bool,
}

/// Runs the demo.
pub(crate) fn run(args: DemoArgs) -> ExitCode {
    drop(args);
    crate::output::message("error", "the demo is not part of this build yet");
    ExitCode::from(crate::exit::UNKNOWN)
}
