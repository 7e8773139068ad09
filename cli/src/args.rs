//! What can be typed.

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand};

use crate::commands::{completions, config, inbox, topics};
use crate::{demo, dlt, doctor};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// A resilient Kafka consumer loop: each event handled once, in order per key, retried, dead-lettered, traced.
#[derive(Debug, Parser)]
#[command(name = "onceward", version, styles = STYLES, max_term_width = 100, after_help = crate::exit::HELP)]
pub(crate) struct Cli {
    /// Print one JSON document to stdout (its fields: docs/reference/cli.md)
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch Onceward survive duplicates, a poison, a crash: real flights, checked at the end
    Demo(demo::DemoArgs),
    /// Check configuration, brokers, topics, group and inbox; each finding comes with its cure
    Doctor(doctor::DoctorArgs),
    /// Dead-letter and ledger topics of a configuration
    #[command(subcommand)]
    Topics(topics::TopicsCommand),
    /// Dead letters: what failed, why, with which bytes
    #[command(subcommand)]
    Dlt(dlt::DltCommand),
    /// The inbox: what is remembered as handled
    #[command(subcommand)]
    Inbox(inbox::InboxCommand),
    /// Check a configuration, or print its JSON Schema
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Completions for a shell, as `source <(onceward completions bash)`
    Completions(completions::CompletionsArgs),
}
