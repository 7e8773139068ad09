//! `onceward topics plan|apply`: the companion topics of a configuration.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use onceward::config::{Pattern, Settings};
use onceward::kafka::producer_properties;
use onceward::letter::topics::{self, Companion, Plan, Role};
use serde::Serialize;

use crate::doctor::cluster::topic_names;
use crate::exit::{Failure, NO};
use crate::output::{self, Report, Table, visible};
use crate::source::{Needs, Source};

const PLAN: &str = "\
Examples:
  onceward topics plan                           the topics of ./onceward.toml
  onceward topics plan --topic orders --group billing --brokers localhost:9092
";

const APPLY: &str = "\
Examples:
  onceward topics apply                          after a look at `onceward topics plan`
  onceward topics apply --topic orders
";

#[derive(Debug, Subcommand)]
pub(crate) enum TopicsCommand {
    /// Show what is needed beside what is there; changes nothing. Exit code 1: something is to be done
    #[command(after_help = PLAN)]
    Plan(TopicsArgs),
    /// Create what is missing; what exists and does not fit is shown and left alone
    #[command(after_help = APPLY)]
    Apply(TopicsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TopicsArgs {
    /// A source topic; may be repeated [default: the topics of the configuration]
    #[arg(long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
    /// How long brokers may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    timeout: u64,
    #[command(flatten)]
    source: Source,
}

/// The answer of both commands.
#[derive(Debug, Serialize)]
struct Topics {
    /// Whether nothing is left to be done.
    ok: bool,
    group: String,
    topics: Vec<Line>,
    /// Topics made by this run.
    created: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Line {
    name: String,
    role: Role,
    source: String,
    state: State,
    partitions: i32,
    replication: i32,
    config: BTreeMap<String, String>,
    problems: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// It is there and fits.
    Ok,
    /// It is not there.
    Missing,
    /// It was made by this run.
    Created,
    /// It is there and does not fit.
    Wrong,
}

impl Topics {
    fn new(group: &str, plan: Plan, created: Vec<String>) -> Self {
        let topics: Vec<Line> = plan.companions.into_iter().map(|companion| line(companion, &created)).collect();
        let ok = topics.iter().all(|line| matches!(line.state, State::Ok | State::Created));
        Self { ok, group: group.to_owned(), topics, created }
    }
}

fn line(companion: Companion, created: &[String]) -> Line {
    let state = match (companion.problems.is_empty(), companion.exists) {
        (false, _) => State::Wrong,
        (true, true) => State::Ok,
        (true, false) if created.contains(&companion.name) => State::Created,
        (true, false) => State::Missing,
    };
    let Companion { name, role, source, partitions, replication, config, problems, .. } = companion;
    Line { name, role, source, state, partitions, replication, config, problems: problems.iter().map(ToString::to_string).collect() }
}

impl Report for Topics {
    fn render(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(&["state", "topic", "for", "partitions", "replication", "config"]).right(&[3, 4]);
        for line in &self.topics {
            let state = match line.state {
                State::Ok => "ok",
                State::Missing => "missing",
                State::Created => "created",
                State::Wrong => "wrong",
            };
            let config: Vec<String> = line.config.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let numbers = [line.partitions.to_string(), line.replication.to_string()];
            table.row(&[state, &line.name, &line.source, &numbers[0], &numbers[1], &config.join(" ")]);
        }
        table.write(to)?;
        for line in self.topics.iter().filter(|line| !line.problems.is_empty()) {
            for problem in &line.problems {
                writeln!(to, "\n{}: {}", visible(&line.name), visible(problem))?;
            }
        }
        if self.topics.iter().any(|line| line.state == State::Missing) {
            writeln!(to, "\n`onceward topics apply` creates what is missing")?;
        }
        Ok(())
    }
}

/// The source topics of a command: named by flags, else by the configuration.
pub(crate) fn sources(flags: &[String], settings: &Settings, timeout: Duration) -> Result<Vec<String>, Failure> {
    let sources = match flags {
        [] if settings.topics.keys().any(|name| Pattern::is_one(name)) => {
            let there = topic_names(&producer_properties(&settings.brokers, &settings.kafka.resolved()?), timeout)?;
            settings.named_among(&there)
        }
        [] => settings.topics.keys().cloned().collect(),
        flags => flags.to_vec(),
    };
    if sources.is_empty() {
        return Err(Failure::Usage("no source topic is named; add --topic NAME, or a table [topics.NAME] to the configuration".to_owned()));
    }
    Ok(sources)
}

/// Asks the brokers about the companion topics.
pub(crate) fn ask<T>(
    settings: &Settings,
    sources: &[String],
    timeout: Duration,
    question: impl FnOnce(&topics::Needs<'_>) -> Result<T, onceward::Error>,
) -> Result<T, onceward::Error> {
    let user = settings.kafka.resolved()?;
    let client = producer_properties(&settings.brokers, &user);
    question(&topics::Needs {
        client: &client,
        group: &settings.group,
        sources,
        template: &settings.dead_letter.topic,
        ledger: settings.dead_letter.replay.then_some(settings.dead_letter.ledger.as_str()),
        timeout,
    })
}

pub(crate) fn run(command: &TopicsCommand, json: bool) -> Result<ExitCode, Failure> {
    let (TopicsCommand::Plan(args) | TopicsCommand::Apply(args)) = command;
    let settings = args.source.load(Needs::Kafka)?;
    let sources = sources(&args.topics, &settings, Duration::from_secs(args.timeout))?;
    let (plan, created) = ask(&settings, &sources, Duration::from_secs(args.timeout), |needs| {
        let plan = topics::plan(needs)?;
        let created = if matches!(command, TopicsCommand::Apply(_)) { topics::apply(needs, &plan)? } else { Vec::new() };
        Ok((plan, created))
    })?;
    let answer = Topics::new(&settings.group, plan, created);
    output::show(&answer, json)?;
    Ok(if answer.ok { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use onceward::letter::topics::Problem;

    use super::*;

    fn companion(name: &str, exists: bool, problems: Vec<Problem>) -> Companion {
        let config = BTreeMap::from([("cleanup.policy".to_owned(), "delete".to_owned())]);
        let (role, source) = (Role::DeadLetters, "orders".to_owned());
        Companion { name: name.to_owned(), role, source, partitions: 12, replication: 3, config, exists, problems, retention: None }
    }

    #[test]
    fn what_is_to_be_done_is_told_and_is_no_success() {
        let wrong = Problem::TooFewPartitions { found: 3, needed: 12 };
        let plan =
            Plan { companions: vec![companion("a", true, vec![]), companion("b", false, vec![]), companion("c", true, vec![wrong])] };
        let answer = Topics::new("billing", plan.clone(), vec!["b".to_owned()]);
        assert_eq!(answer.topics.iter().map(|line| line.state).collect::<Vec<_>>(), [State::Ok, State::Created, State::Wrong]);
        assert!(!answer.ok);

        let answer = Topics::new("billing", plan, Vec::new());
        let mut text = Vec::new();
        answer.render(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(
            text.contains("missing") && text.contains("c: it has 3 partitions and needs 12") && text.contains("topics apply"),
            "{text}"
        );
        let json = serde_json::to_value(&answer).unwrap();
        assert_eq!((&json["ok"], &json["topics"][1]["state"]), (&false.into(), &"missing".into()));
    }
}
