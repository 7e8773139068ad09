//! `onceward schema check`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use onceward_schema::check::Report;
use onceward_schema::{JsonPolicy, Level, ProtobufRules, Rules};

use super::args::Sides;
use crate::exit::{Failure, NO};
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    sides: Sides,
    /// CONTRACT, the table for people, or BACKWARD, FORWARD, FULL, each also with _TRANSITIVE; SUBJECT is what the registry keeps for the subject
    #[arg(long, value_name = "LEVEL", default_value = "CONTRACT")]
    level: Chosen,
    /// How JSON Schemas are read
    #[arg(long, value_enum, default_value_t = Policy::Strict)]
    policy: Policy,
    /// Whose rules hold for Protobuf
    #[arg(long, value_enum, default_value_t = Rule::Confluent)]
    rules: Rule,
    /// Warnings fail, too
    #[arg(long)]
    strict: bool,
    /// How the answer is written; --json is a document instead
    #[arg(long, value_enum, default_value_t = Shape::Text)]
    format: Shape,
}

#[derive(Clone, Copy, Debug)]
enum Chosen {
    Level(Level),
    OfSubject,
}

impl std::str::FromStr for Chosen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("subject") { Ok(Self::OfSubject) } else { text.parse().map(Self::Level) }
    }
}

impl Chosen {
    fn level(self) -> Option<Level> {
        match self {
            Self::Level(level) => Some(level),
            Self::OfSubject => None,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Policy {
    /// As written: an open object may hold anything under a name that is added later
    Strict,
    /// As meant: nobody sends a property before it is in the schema
    Lenient,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Rule {
    /// The Confluent Schema Registry's
    Confluent,
    /// The binary form stays readable, numbers are not used again
    Wire,
    /// The JSON form as well: names count
    WireJson,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shape {
    /// For people
    Text,
    /// Annotations of a GitHub workflow
    Github,
}

impl CheckArgs {
    fn rules(&self) -> Rules {
        let json = match self.policy {
            Policy::Strict => JsonPolicy::Strict,
            Policy::Lenient => JsonPolicy::Lenient,
        };
        let protobuf = match self.rules {
            Rule::Confluent => ProtobufRules::Confluent,
            Rule::Wire => ProtobufRules::Wire,
            Rule::WireJson => ProtobufRules::WireJson,
        };
        Rules { json, protobuf, ..Rules::new(self.level.level().unwrap_or_default()) }
    }
}

pub(super) fn run(args: &CheckArgs, json: bool) -> Result<ExitCode, Failure> {
    let report = args.sides.request(args.level.level(), args.rules(), args.strict)?.check()?;
    show(&report, args.format, json)?;
    Ok(if report.passed { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

fn show(report: &Report, shape: Shape, json: bool) -> io::Result<()> {
    if json {
        return output::json(report);
    }
    let mut stdout = io::stdout().lock();
    match shape {
        Shape::Text => report.write(&mut stdout)?,
        Shape::Github => report.write_annotations(&mut stdout)?,
    }
    stdout.flush()
}
