//! `onceward dlt republish`: letters copied to a topic, byte for byte. Also those of other stacks, which have no replay.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;

use clap::Args;
use onceward::letter::{Outgoing, Sender, is_of_letter};
use serde::Serialize;

use super::Where;
use super::filter::Filter;
use super::letter::StoredLetter;
use super::place::Letters;
use super::standing::Visit;
use crate::exit::Failure;
use crate::output::{self, Report};

const EXAMPLES: &str = "\
Examples:
  onceward dlt republish --to orders.repaired    how many would be copied; nothing is written
  onceward dlt republish --to orders --original-headers --fingerprint 5f3a --yes
  onceward dlt republish --dead-letters orders-dlt --to orders --original-headers --yes
";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RepublishArgs {
    /// The topic to copy to
    #[arg(long, value_name = "TOPIC")]
    to: String,
    /// Leave out the headers that dead-lettering added, whichever stack did it
    #[arg(long)]
    original_headers: bool,
    /// To the partition with the letter's own number; otherwise by the key's hash, as Java's producers do
    #[arg(long)]
    keep_partition: bool,
    /// Settled letters and copies that the ledger does not know, too
    #[arg(long)]
    all: bool,
    /// Do it; without this nothing is written
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Serialize)]
struct Republished {
    /// `false`: a dry run, nothing was written.
    done: bool,
    to: String,
    letters: u64,
    topics: Vec<Copied>,
}

#[derive(Debug, Serialize)]
struct Copied {
    topic: String,
    letters: u64,
}

impl Report for Republished {
    fn render(&self, to: &mut dyn Write) -> io::Result<()> {
        let what = if self.done { "copied" } else { "would be copied" };
        for topic in &self.topics {
            writeln!(to, "{}: {} letters {what} to {}", output::visible(&topic.topic), topic.letters, output::visible(&self.to))?;
        }
        if self.done { Ok(()) } else { writeln!(to, "\na dry run: nothing was written; --yes does it") }
    }
}

pub(crate) fn run(args: &RepublishArgs, json: bool) -> Result<ExitCode, Failure> {
    let letters = Letters::find(&args.place)?;
    if letters.shelves.iter().any(|shelf| shelf.letters == args.to || shelf.ledger.as_ref() == Some(&args.to)) {
        return Err(Failure::Usage(format!("{} is where these letters come from; name another topic", args.to)));
    }
    if letters.there.binary_search(&args.to).is_err() {
        return Err(Failure::NotFound(format!("topic {} does not exist; create it, or correct its name", args.to)));
    }
    if letters.shelves.iter().any(|shelf| shelf.source.as_ref() == Some(&args.to)) {
        output::note("in their source topic the copies are new records: every group sees them, behind newer events of their keys");
    }
    let mut sender = match args.yes {
        true => {
            let user = letters.settings.kafka.resolved()?;
            Some(Sender::connect(&onceward::kafka::producer_properties(&letters.settings.brokers, &user), letters.timeout)?)
        }
        false => None,
    };
    let mut report = Republished { done: args.yes, to: args.to.clone(), letters: 0, topics: Vec::new() };
    let mut visit = Visit::new(&letters, &args.filter, args.all);
    for shelf in &letters.shelves {
        let ledger = letters.ledger(shelf)?;
        let (mut copied, mut refused) = (0, None);
        visit.shelf(shelf, ledger.as_ref(), |stored, _| {
            copied += 1;
            let sent = sender.as_mut().map_or(Ok(()), |sender| send(sender, args, &stored));
            refused = sent.err();
            if refused.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if let Some(error) = refused {
            return Err(error.into());
        }
        report.letters += copied;
        report.topics.push(Copied { topic: shelf.letters.clone(), letters: copied });
    }
    if let Some(sender) = &mut sender {
        sender.finish()?;
    }
    output::show(&report, json)?;
    Ok(ExitCode::SUCCESS)
}

fn send(sender: &mut Sender, args: &RepublishArgs, stored: &StoredLetter) -> Result<(), onceward::Error> {
    let partition = args.keep_partition.then_some(stored.partition);
    let record = Outgoing { topic: &args.to, partition, key: stored.key.as_deref(), value: stored.value.as_deref() };
    let headers = stored.headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref()));
    sender.send(&record, headers.filter(|(name, _)| !args.original_headers || !is_of_letter(name)))
}
