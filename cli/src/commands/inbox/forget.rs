//! `onceward inbox forget`: single events, or everything that a reset of the group's offsets would lead to.
//!
//! A mark is a hash: nobody can read from it which topic it belongs to, nor exactly when it was made. So a stretch of time is forgotten by
//! reading its records again: what would be handled again is what is forgotten, nothing else.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use onceward::inbox::Upkeep;
use serde::Serialize;

use super::marks::{Event, Stretch, Topics, forget_events, forget_stretch};
use crate::exit::{Failure, NO};
use crate::output::{self, Moment, Report, Table, rfc3339, visible};
use crate::source::{Needs, Source};

const EXAMPLES: &str = "\
Examples:
  onceward inbox forget --event e42                        is it marked?
  onceward inbox forget --topic orders --event e42 --yes   handle it when it comes again
  onceward inbox forget --since 2026-11-17                 what was written since Tuesday
  onceward inbox forget --topic orders --since 36h --yes   then move the group's offsets, too

With --yes nobody else may have the file open: a running consumer keeps what it knows in memory.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ForgetArgs {
    /// Forget this event id, as `dlt show` and logs print it; may be repeated
    #[arg(long = "event", value_name = "ID", conflicts_with_all = ["since", "until"])]
    events: Vec<String>,
    /// Forget the events of records written at this time or later: 2026-11-17, 2026-11-17T08:30, 36h (ago); reads them from the brokers
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    since: Option<Moment>,
    /// … and before this time [default: no end]
    #[arg(long, value_name = "TIME", value_parser = Moment::parse, requires = "since")]
    until: Option<Moment>,
    /// Only events of this topic; may be repeated [default: the topics that the group has read into this inbox]
    #[arg(long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
    /// Do it; without this, only count
    #[arg(long)]
    yes: bool,
    /// How long brokers may be silent, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    timeout: u64,
    #[command(flatten)]
    source: Source,
}

#[derive(Serialize)]
struct Forgotten {
    /// Whether something was changed, or only counted.
    done: bool,
    path: String,
    group: String,
    since: Option<String>,
    until: Option<String>,
    events: Vec<Event>,
    topics: Vec<Stretch>,
    #[serde(skip)]
    brokers: String,
}

pub(super) fn run(args: &ForgetArgs, json: bool) -> Result<ExitCode, Failure> {
    if args.since.is_none() && args.events.is_empty() {
        return Err(Failure::Usage("name what to forget: --event ID, or --since TIME (see --help)".to_owned()));
    }
    let settings = args.source.load(if args.since.is_some() { Needs::MarksAndKafka } else { Needs::Marks })?;
    if args.until.is_some_and(|until| args.since.is_some_and(|since| until <= since)) {
        return Err(Failure::Usage("--until must lie behind --since".to_owned()));
    }
    let path = super::file(&settings)?;
    let topics = Topics::named(&settings, &path, &args.topics)?;
    // Before records are read: an answer that takes minutes should not end with "in use".
    let mut upkeep = if args.yes { Upkeep::alone(&path)? } else { Upkeep::looking(&path)? };
    let mut report = Forgotten {
        done: args.yes,
        path: path.display().to_string(),
        group: settings.group.clone(),
        since: args.since.map(|moment| rfc3339(moment.0)),
        until: args.until.map(|moment| rfc3339(moment.0)),
        events: Vec::new(),
        topics: Vec::new(),
        brokers: settings.brokers.clone(),
    };
    match args.since {
        None => report.events = forget_events(&mut upkeep, &topics, &args.events, args.yes)?,
        Some(since) => {
            let span = (since.0, args.until.map(|moment| moment.0));
            report.topics = forget_stretch(&mut upkeep, &settings, &topics, span, args.yes, std::time::Duration::from_secs(args.timeout))?;
        }
    }
    let unknown = report.events.iter().any(|event| event.marked == 0);
    output::show(&report, json)?;
    Ok(if unknown { ExitCode::from(NO) } else { ExitCode::SUCCESS })
}

impl Report for Forgotten {
    fn render(&self, to: &mut dyn Write) -> io::Result<()> {
        let what = if self.done { "forgotten in" } else { "dry run, nothing was changed:" };
        writeln!(to, "{what} {}, group {}\n", visible(&self.path), visible(&self.group))?;
        if self.since.is_some() {
            self.render_stretch(to)?;
        } else {
            self.render_events(to)?;
        }
        if self.done {
            return Ok(());
        }
        writeln!(to, "\nto do it, stop the consumers that use this file and run the same with --yes")
    }
}

impl Forgotten {
    fn render_events(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(&["event", "topics", "marked"]);
        for event in &self.events {
            table.row(&[event.id.as_str(), &event.topics.join(","), if event.marked > 0 { "yes" } else { "no" }]);
        }
        table.write(to)
    }

    fn render_stretch(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(&["topic", "partition", "from offset", "to", "remembered", "afterwards"]).right(&[1, 2, 3, 4, 5]);
        for (stretch, part) in self.topics.iter().flat_map(|stretch| stretch.partitions.iter().map(move |part| (stretch, part))) {
            let offset = |offset: Option<i64>| offset.map_or_else(|| "-".to_owned(), |offset| offset.to_string());
            let (before, after) = part.moved.map_or((None, None), |moved| (moved.from, moved.to));
            table.row(&[
                stretch.topic.clone(),
                part.partition.to_string(),
                part.from.to_string(),
                part.end.to_string(),
                offset(before),
                offset(after),
            ]);
        }
        table.write(to)?;
        let moment = self.since.as_deref().unwrap_or_default().trim_end_matches('Z');
        writeln!(to)?;
        for stretch in &self.topics {
            let word = if self.done { "forgotten" } else { "would be forgotten" };
            writeln!(to, "{}: {} records, {} marks of ids {word}", visible(&stretch.topic), stretch.records, stretch.marks)?;
        }
        if self.done {
            writeln!(to, "\nnext, with Kafka's own tool, before the consumers start again:")?;
            for stretch in &self.topics {
                let (brokers, group, topic) = (visible(&self.brokers), visible(&self.group), visible(&stretch.topic));
                writeln!(
                    to,
                    "  kafka-consumer-groups.sh --bootstrap-server {brokers} --group {group} --topic {topic} --reset-offsets --to-datetime {moment} --execute"
                )?;
            }
        }
        Ok(())
    }
}
