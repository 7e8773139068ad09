//! `cargo xtask kafka start|stop|status`.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::instance;
use crate::failure::Outcome;
use crate::place::Place;
use crate::prerequisites;

/// Which broker, and what to do with it.
#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
    /// The broker's name. The shared one is what tests and benchmarks use; tests that hurt a broker use one of their own.
    #[arg(long, global = true, default_value = instance::SHARED)]
    name: String,
}

#[derive(Subcommand)]
enum What {
    /// Start it, if it does not run, and print its address.
    Start {
        /// Stop it first and forget its data.
        #[arg(long)]
        fresh: bool,
        /// With two more listeners, TLS with SASL and mutual TLS, and with access control. Prints the three addresses and its folder,
        /// which holds the certificates.
        #[arg(long)]
        secure: bool,
    },
    /// Stop it and wait until it is gone.
    Stop {
        /// By SIGKILL: the broker gets no chance to tidy up.
        #[arg(long)]
        hard: bool,
        /// Forget its data too.
        #[arg(long)]
        wipe: bool,
    },
    /// Freeze it: it keeps its connections and answers nothing.
    Pause,
    /// Let it go on.
    Resume,
    /// Print its address, or exit with 1.
    Status,
}

/// Carries it out. Only the address goes to stdout, so that scripts can take it.
pub(crate) fn command(place: &Place, options: &Options) -> Outcome<ExitCode> {
    let name = &options.name;
    match options.what {
        What::Start { fresh, secure } => {
            if fresh {
                instance::stop(place, name, false)?;
                instance::wipe(place, name)?;
            }
            let running = match instance::running(place, name) {
                Some(running) => running,
                None => {
                    prerequisites::ensure()?;
                    instance::start(place, name, secure)?
                }
            };
            println!("{}", if secure { running.addresses(place, name) } else { running.address() });
            Ok(ExitCode::SUCCESS)
        }
        What::Stop { hard, wipe } => {
            let ran = instance::stop(place, name, hard)?;
            if wipe {
                instance::wipe(place, name)?;
            }
            eprintln!("{}", if ran { "stopped" } else { "it did not run" });
            Ok(ExitCode::SUCCESS)
        }
        What::Pause => instance::signal(place, name, "STOP").map(|()| ExitCode::SUCCESS),
        What::Resume => instance::signal(place, name, "CONT").map(|()| ExitCode::SUCCESS),
        What::Status => match instance::running(place, name) {
            Some(running) => {
                println!("{}", running.address());
                Ok(ExitCode::SUCCESS)
            }
            None => {
                eprintln!("not running; start it with `cargo xtask kafka start`");
                Ok(ExitCode::FAILURE)
            }
        },
    }
}
