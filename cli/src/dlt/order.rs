//! `onceward dlt replay` and `onceward dlt discard`: letters chosen, asked for, awaited.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use onceward::config::parse_duration;
use onceward::ledger::{Ask, Asked, Ledger, Outcome, Verb, ask};
use serde::Serialize;

use super::Where;
use super::dry_run;
use super::filter::Filter;
use super::place::Letters;
use super::plan::{TopicPlan, plan};
use super::standing::verb_name;
use super::wait::{self, Patience};
use crate::exit::{Failure, NO};
use crate::output::{self, Report, Table};

const REPLAY: &str = "\
Examples:
  onceward dlt replay --fingerprint 5f3a         what would be handled again; nothing is written
  onceward dlt replay --fingerprint 5f3a --yes --wait
  onceward dlt replay --key c1 --yes             one key, its followers behind it
  onceward dlt replay --yes --rate 50 --limit 10000
  onceward dlt replay --fingerprint 5f3a --dry-run-handler -- ./billing   would the fix do?
";

const DISCARD: &str = "\
Examples:
  onceward dlt discard --letter 0f3cb1…          what would be settled; nothing is written
  onceward dlt discard --reason undecodable --until 7d --yes
";

const STOP: &str = "\
Examples:
  onceward dlt stop                              what was asked for and not begun (dry run)
  onceward dlt stop --yes                        take all of it back
";

/// What all have.
#[derive(Debug, Args)]
struct Doing {
    /// Do it; without this nothing is written
    #[arg(long)]
    yes: bool,
    /// Wait until the letters are settled or failed again; at most so long, if told
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "", value_parser = patience)]
    wait: Option<Patience>,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Args)]
#[command(after_help = REPLAY)]
pub(crate) struct ReplayArgs {
    /// At most so many letters per second, as 50 or 0.5; topics and partitions share it
    #[arg(long, value_name = "NUMBER", value_parser = rate)]
    rate: Option<u32>,
    /// Letters that failed as many replays as are allowed, too
    #[arg(long)]
    force: bool,
    /// Hand the letters to the handlers of the service behind `--`, keep nothing of it, and say what became of each
    #[arg(long, requires = "command", conflicts_with_all = ["yes", "wait", "rate", "force"])]
    dry_run_handler: bool,
    /// How your service is started, as `./billing` or `onceward run app.py`
    #[arg(last = true, requires = "dry_run_handler", value_name = "COMMAND")]
    command: Vec<OsString>,
    #[command(flatten)]
    doing: Doing,
}

#[derive(Debug, Args)]
#[command(after_help = DISCARD)]
pub(crate) struct DiscardArgs {
    #[command(flatten)]
    doing: Doing,
}

#[derive(Debug, Args)]
#[command(after_help = STOP)]
pub(crate) struct StopArgs {
    /// Do it; without this nothing is written
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    place: Where,
}

fn patience(text: &str) -> Result<Patience, String> {
    if text.is_empty() { Ok(Patience(None)) } else { parse_duration(text).map(|limit| Patience(Some(limit))) }
}

/// In thousandths.
fn rate(text: &str) -> Result<u32, String> {
    let wrong = || format!("{text:?} is no rate; write letters per second, as 50 or 0.5, from 0.001 to 1000000");
    let number: f64 = text.parse().map_err(|_| wrong())?;
    // The cast is exact enough: the range is checked.
    if (0.001..=1e6).contains(&number) { Ok((number * 1_000.0).round() as u32) } else { Err(wrong()) }
}

#[derive(Debug, Serialize)]
struct Order {
    /// `false`: a dry run, nothing was written.
    done: bool,
    verb: &'static str,
    group: String,
    /// Letters that are asked for.
    letters: u64,
    topics: Vec<TopicPlan>,
    /// What was written.
    commands: Vec<Written>,
    /// With `--wait`.
    outcome: Option<Outcome>,
    /// Topics without a ledger: their letters have no state, and can't be asked for.
    without_ledger: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Written {
    topic: String,
    #[serde(flatten)]
    command: Asked,
}

pub(super) fn replay(args: &ReplayArgs, json: bool) -> Result<ExitCode, Failure> {
    if args.dry_run_handler {
        return dry_run::run(&args.doing.place, &args.doing.filter, &args.command, json);
    }
    let ask = Ask { verb: Verb::Replay, force: args.force, rate: args.rate, who: who() };
    run(&args.doing, &ask, json)
}

pub(super) fn discard(args: &DiscardArgs, json: bool) -> Result<ExitCode, Failure> {
    run(&args.doing, &Ask { verb: Verb::Discard, force: false, rate: None, who: who() }, json)
}

pub(super) fn stop(args: &StopArgs, json: bool) -> Result<ExitCode, Failure> {
    let doing = Doing { yes: args.yes, wait: None, filter: args.filter.clone(), place: args.place.clone() };
    run(&doing, &Ask { verb: Verb::Stop, force: false, rate: None, who: who() }, json)
}

fn run(args: &Doing, what: &Ask, json: bool) -> Result<ExitCode, Failure> {
    let letters = Letters::find(&args.place)?;
    if !args.place.dead_letters.is_empty() {
        let only = "only letters of this group have a ledger; `onceward dlt republish` copies those of other stacks";
        return Err(Failure::Usage(format!("--dead-letters: {only}")));
    }
    let mut left = args.filter.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let (mut ledgers, mut topics, mut without_ledger) = (Vec::new(), Vec::new(), Vec::new());
    for shelf in &letters.shelves {
        let Some(ledger) = letters.ledger(shelf)? else {
            without_ledger.push(shelf.letters.clone());
            continue;
        };
        let filter = args.filter.of_ledger(&letters, shelf, &ledger)?;
        let chosen = ledger.choose(letters.group(), shelf.source.as_deref().unwrap_or_default(), &filter, Some(left));
        left = left.saturating_sub(chosen.len());
        let most = letters.settings.rules(shelf.source.as_deref().unwrap_or_default()).policy.max_replays;
        topics.push(plan(shelf, letters.group(), &ledger, &chosen, what, most));
        ledgers.push(ledger);
    }
    if ledgers.is_empty() {
        let topics = without_ledger.join(", ");
        return Err(Failure::NotFound(format!(
            "there is no ledger for {topics}, so its letters have no state; `onceward topics apply` creates it, and letters from then on \
             can be replayed. Those before can be copied with `onceward dlt republish`"
        )));
    }
    let all = topics.iter().map(|plan| plan.letters).sum();
    let mut order = Order {
        done: args.yes,
        verb: verb_name(what.verb),
        group: letters.group().to_owned(),
        letters: all,
        topics,
        commands: Vec::new(),
        outcome: None,
        without_ledger,
    };
    if args.yes {
        order.write(&letters, what)?;
        if let Some(patience) = &args.wait {
            order.outcome = Some(order.follow(&letters, &mut ledgers, *patience)?);
        }
    }
    output::show(&order, json)?;
    let failed = order.outcome.is_some_and(|outcome| outcome.failed + outcome.behind + outcome.expired + outcome.waiting > 0);
    Ok(if failed { ExitCode::from(NO) } else { ExitCode::SUCCESS })
}

impl Order {
    fn write(&mut self, letters: &Letters, what: &Ask) -> Result<(), Failure> {
        let user = letters.settings.kafka.resolved()?;
        let client = onceward::kafka::producer_properties(&letters.settings.brokers, &user);
        for plan in self.topics.iter().filter(|plan| !plan.asks.is_empty()) {
            let share = |rate: u32| u64::from(rate).saturating_mul(plan.letters) / self.letters.max(1);
            let rate = what.rate.map(|rate| u32::try_from(share(rate)).unwrap_or(u32::MAX).max(1));
            let written = ask(&client, &plan.ledger, &plan.asks, &Ask { rate, ..what.clone() }, letters.timeout)?;
            self.commands.extend(written.into_iter().map(|command| Written { topic: plan.topic.clone(), command }));
        }
        Ok(())
    }

    fn follow(&self, letters: &Letters, ledgers: &mut [Ledger], patience: Patience) -> Result<Outcome, Failure> {
        let awaited = ledgers.iter_mut().zip(self.topics.iter().map(|plan| &plan.awaited)).filter(|(_, awaited)| !awaited.is_empty());
        wait::until_settled(letters, awaited.collect(), patience)
    }
}

impl Report for Order {
    fn render(&self, to: &mut dyn Write) -> io::Result<()> {
        let verb = match self.verb {
            "replay" => "replayed",
            "stop" => "left alone",
            _ => "discarded",
        };
        for plan in &self.topics {
            let asked = if self.done { "asked to be" } else { "would be" };
            writeln!(to, "{}: {} {asked} {verb}", output::visible(&plan.topic), letters(plan.letters))?;
            let mut table = Table::new(&["count", "fingerprint", "reason", "first", "last"]).right(&[0]);
            for cause in &plan.causes {
                table.row(&[&cause.count.to_string(), &cause.fingerprint, cause.reason, &cause.first, &cause.last]);
            }
            if !plan.causes.is_empty() {
                table.write(to)?;
            }
            if plan.asked_before > 0 {
                writeln!(to, "{} asked for before and not done yet: not asked for again", letters(plan.asked_before))?;
            }
            if plan.past_max_replays > 0 {
                let most = plan.max_replays;
                writeln!(to, "{} left out: {most} replays failed; --force tries once more", letters(plan.past_max_replays))?;
            }
            for follower in &plan.waiting {
                writeln!(to, "letter {} runs when letter {} is settled", follower.letter_id, follower.waits_for.letter_id)?;
            }
            let named = plan.waiting.len() as u64;
            if plan.followers > named {
                writeln!(to, "{} by themselves, each when the one before it is settled", run_of(plan.followers - named))?;
            }
            if plan.released > 0 {
                writeln!(to, "{} of the same keys: released then, in order", letters(plan.released))?;
            }
        }
        if !self.done {
            return writeln!(to, "\na dry run: nothing was written; --yes does it");
        }
        if let Some(Outcome { done, discarded, expired, failed, behind, waiting }) = self.outcome {
            let mut tally = format!("\n{done} done");
            let rest = [
                (discarded, "discarded"),
                (expired, "gone before"),
                (failed, "failed again"),
                (behind, "held behind those"),
                (waiting, "not settled yet"),
            ];
            rest.iter().filter(|(count, _)| *count > 0).for_each(|(count, what)| tally.push_str(&format!(", {count} {what}")));
            return writeln!(to, "{tally}");
        }
        writeln!(to, "\n{} written; the group's members carry them out", commands(self.commands.len()))
    }
}

fn letters(count: u64) -> String {
    if count == 1 { "1 letter".to_owned() } else { format!("{count} letters") }
}

fn run_of(count: u64) -> String {
    if count == 1 { "1 letter runs".to_owned() } else { format!("{count} letters run") }
}

fn commands(count: usize) -> String {
    if count == 1 { "1 command".to_owned() } else { format!("{count} commands") }
}

/// Who asks, for those who look at the ledger later: the user and the machine.
fn who() -> String {
    let variable = |names: [&str; 2]| names.into_iter().find_map(|name| std::env::var(name).ok().filter(|text| !text.is_empty()));
    let user = variable(["USER", "LOGNAME"]).unwrap_or_else(|| "somebody".to_owned());
    let named = || std::fs::read_to_string("/etc/hostname").ok().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let machine = variable(["HOSTNAME", "HOST"]).or_else(named).unwrap_or_else(|| "somewhere".to_owned());
    format!("{user}@{machine}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn rates_are_thousandths_and_nonsense_is_refused() {
        assert_eq!((super::rate("50"), super::rate("0.5"), super::rate("0.001")), (Ok(50_000), Ok(500), Ok(1)));
        for text in ["0", "-1", "NaN", "inf", "1e9", "fast", ""] {
            assert!(super::rate(text).is_err(), "{text}");
        }
    }
}
