//! What can be typed.

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand};

use crate::commands::{completions, config, inbox, man, topics};
use crate::{demo, dlt, doctor, schema};

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
    /// Dead letters: what failed, why, with which bytes; replay, discard, republish
    #[command(subcommand)]
    Dlt(dlt::DltCommand),
    /// Keys whose events wait behind a dead letter: since when, how many, why
    Held(dlt::held::HeldArgs),
    /// The inbox: what is remembered as handled
    #[command(subcommand)]
    Inbox(inbox::InboxCommand),
    /// Schemas as contracts: would a change break anybody?
    #[command(subcommand)]
    Schema(schema::SchemaCommand),
    /// Check a configuration, or print its JSON Schema
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Completions for a shell, as `source <(onceward completions bash)`
    Completions(completions::CompletionsArgs),
    /// Manual pages, to read or to install
    Man(man::ManArgs),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use clap::CommandFactory as _;

    use super::Cli;

    fn each_leaf(command: &clap::Command, visit: &mut impl FnMut(&clap::Command)) {
        let mut below = command.get_subcommands().filter(|below| below.get_name() != "help").peekable();
        if below.peek().is_none() {
            return visit(command);
        }
        below.for_each(|below| each_leaf(below, visit));
    }

    #[test]
    fn every_command_shows_how_it_is_used() {
        let mut seen = 0;
        each_leaf(&Cli::command(), &mut |command| {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.starts_with("Examples:\n  "), "{} has no examples", command.get_name());
            assert!(help.lines().all(|line| line.chars().count() <= 98), "{}: a line of the examples breaks", command.get_name());
            seen += 1;
        });
        assert!(seen > 15, "{seen}");
    }
}
