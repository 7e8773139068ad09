//! `onceward doctor`: what would go wrong, found before it does.

mod address;
pub(crate) mod cluster;
mod companions;
mod disk;
mod finding;
mod group;
mod machine;
mod offsets;
mod registry;
mod security;
mod store;
mod topics;
mod version;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::dlt::client;
use crate::exit::{Failure, NO, UNKNOWN};
use crate::output;
use crate::source::{Needs, Source};
use cluster::Cluster;
use finding::{Diagnosis, Finding};

const EXAMPLES: &str = "\
Examples:
  onceward doctor                                with ./onceward.toml
  onceward doctor --config prod.toml --topic orders
  onceward doctor --json | jq '.findings[] | select(.cure)'
";

/// How long a name or a port may take: what is slower than this is as good as away.
const CONNECT: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// A source topic; may be repeated [default: the topics of the configuration]
    #[arg(long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
    /// How long brokers may take to answer each question, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    timeout: u64,
    #[command(flatten)]
    source: Source,
}

pub(crate) fn run(args: &DoctorArgs, json: bool) -> Result<ExitCode, Failure> {
    let settings = args.source.load(Needs::Everything)?;
    let timeout = Duration::from_secs(args.timeout);
    let client = client(&settings)?;
    let mut diagnosis = Diagnosis::default();
    let file = args.source.file().map_or_else(|| "flags and environment".to_owned(), |file| file.display().to_string());
    diagnosis.add(Finding::ok("configuration", file, "complete, and what it refers to is there"));
    store::examine(&settings, &mut diagnosis);
    let remembered = offsets::remembered(&settings);
    address::bootstrap(&settings.brokers, timeout.min(CONNECT), &mut diagnosis);
    let mut brokers = 0;
    let reachable = match Cluster::ask(&settings, &client, timeout) {
        Ok(cluster) => {
            cluster.examine(&mut diagnosis);
            brokers = cluster.metadata().brokers().len();
            address::advertised(&cluster.advertised(&settings.brokers), timeout.min(CONNECT), &mut diagnosis);
            security::examine(&settings.brokers, &client, timeout.min(CONNECT), &mut diagnosis);
            version::examine(&settings.brokers, &client, timeout, &mut diagnosis);
            let there: Vec<String> = cluster.metadata().topics().iter().map(|topic| topic.name().to_owned()).collect();
            let sources = if args.topics.is_empty() { settings.named_among(&there) } else { args.topics.clone() };
            topics::examine(&cluster, &settings, &sources, &mut diagnosis);
            companions::examine(&settings, &sources, timeout, &mut diagnosis);
            group::examine(&cluster, &settings, &mut diagnosis);
            offsets::examine(&cluster, &settings, &client, &sources, &remembered, timeout, &mut diagnosis);
            true
        }
        Err(finding) => {
            diagnosis.add(*finding);
            false
        }
    };
    registry::examine(&settings, &mut diagnosis);
    machine::examine(&settings, &client, brokers, &mut diagnosis);
    let diagnosis = diagnosis.finish();
    output::show(&diagnosis, json)?;
    // Without a broker most questions were not even asked: that is no "no".
    Ok(match (reachable, diagnosis.ok) {
        (false, _) => ExitCode::from(UNKNOWN),
        (true, true) => ExitCode::SUCCESS,
        (true, false) => ExitCode::from(NO),
    })
}
