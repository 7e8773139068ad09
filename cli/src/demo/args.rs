//! What can be said on the command line.

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  onceward demo                                  an embedded broker, nothing is left behind
  onceward demo --brokers localhost:9092         on a cluster of yours
";

/// What can be asked of the demo.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArgs {
    /// Run on this cluster instead of the embedded one; topics with unique names are created, and deleted at the end
    #[arg(long, value_name = "HOST:PORT,…", value_parser = brokers)]
    pub(crate) brokers: Option<String>,
    /// Leave the table and the logs in their folder, and say where that is
    #[arg(long)]
    pub(crate) keep: bool,
    /// Run as the consuming process; the demo starts it by itself
    #[arg(long, hide = true, value_name = "TASK")]
    pub(crate) child: Option<String>,
    /// Print the figures as JSON; taken from the global flag.
    #[arg(skip)]
    pub(crate) json: bool,
}

/// Accepts what librdkafka would: names or addresses with ports, separated by commas.
fn brokers(text: &str) -> Result<String, String> {
    for broker in text.split(',') {
        let port = broker.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
        if port.is_none_or(|port| port.parse::<u16>().is_err()) {
            return Err(format!("{broker:?} is not HOST:PORT, as in localhost:9092"));
        }
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::brokers;

    #[test]
    fn a_broker_needs_host_and_port() {
        for good in ["localhost:9092", "a:1,b:2", "[::1]:9092"] {
            assert_eq!(brokers(good).as_deref(), Ok(good));
        }
        for bad in ["", "localhost", ":9092", "a:1,", "a:http", "a:70000"] {
            assert!(brokers(bad).is_err(), "{bad}");
        }
    }
}
