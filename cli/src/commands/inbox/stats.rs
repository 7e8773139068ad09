//! `onceward inbox stats`: what is remembered as handled.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use onceward::inbox::{InboxReport, inspect};
use serde::{Serialize, Serializer};

use crate::exit::Failure;
use crate::output::{self, Report, Table, rfc3339, rounded, visible};
use crate::source::{Needs, Source};

const EXAMPLES: &str = "\
Examples:
  onceward inbox stats                           with ./onceward.toml
  onceward inbox stats --inbox sqlite:billing.db --json
";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    source: Source,
}

struct Stats(InboxReport);

impl Serialize for Stats {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Report for Stats {
    fn render(&self, to: &mut dyn Write) -> io::Result<()> {
        let InboxReport { path, version, file_bytes, marks, segments, small_rows, buckets, groups, positions, outbox } = &self.0;
        let groups = if groups.is_empty() { "-".to_owned() } else { groups.join(", ") };
        writeln!(to, "file       {} (version {version}, {})", visible(path), rounded(*file_bytes))?;
        writeln!(to, "marks      {marks} in {segments} segments and {small_rows} small rows")?;
        writeln!(to, "groups     {}", visible(&groups))?;
        if !buckets.is_empty() {
            writeln!(to)?;
            let mut table = Table::new(&["marked until", "marks"]).right(&[1]);
            for bucket in buckets {
                table.row(&[rfc3339(bucket.until_ms), bucket.marks.to_string()]);
            }
            table.write(to)?;
        }
        if !positions.is_empty() {
            writeln!(to)?;
            let mut table = Table::new(&["group", "topic", "partition", "committed", "handled above"]).right(&[2, 3, 4]);
            for position in positions {
                let committed = position.committed.map_or_else(|| "-".to_owned(), |offset| offset.to_string());
                let numbers = [position.partition.to_string(), committed, position.handled_above.to_string()];
                table.row(&[&position.group, &position.topic, &numbers[0], &numbers[1], &numbers[2]]);
            }
            table.write(to)?;
        }
        if !outbox.is_empty() {
            writeln!(to)?;
            let mut table = Table::new(&["outbox of group", "pending", "refused", "oldest"]).right(&[1, 2]);
            for waits in outbox {
                table.row(&[&waits.group, &waits.pending.to_string(), &waits.refused.to_string(), &rfc3339(waits.oldest_ms)]);
            }
            table.write(to)?;
            for (group, reason) in outbox.iter().flat_map(|waits| waits.reasons.iter().map(move |reason| (&waits.group, reason))) {
                writeln!(to, "{}: {}", visible(group), visible(reason))?;
            }
        }
        Ok(())
    }
}

pub(super) fn run(args: &StatsArgs, json: bool) -> Result<ExitCode, Failure> {
    let path = super::file(&args.source.load(Needs::Inbox)?)?;
    output::show(&Stats(inspect(&path)?), json)?;
    Ok(ExitCode::SUCCESS)
}
