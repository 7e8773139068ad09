//! Where a command's settings come from: flags over `ONCEWARD_*` over the file.

use std::path::{Path, PathBuf};

use clap::Args;
use onceward::config::{ConfigError, Loader, Settings, raw};

/// The file that is read when none is named.
const DEFAULT_FILE: &str = "onceward.toml";

/// Flags that every command with settings has.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Source {
    /// Configuration file [default: onceward.toml, if there]
    #[arg(long, short, value_name = "FILE", env = "ONCEWARD_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
    /// Kafka's bootstrap servers
    #[arg(long, value_name = "HOST:PORT,…")]
    brokers: Option<String>,
    /// The consumer group
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Where handled events are remembered
    #[arg(long, value_name = "sqlite:PATH|memory")]
    inbox: Option<String>,
}

/// What a command needs; required fields of the rest may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// A configuration that a consumer could start with.
    Everything,
    /// Brokers, group and the names of topics.
    Kafka,
    /// The inbox alone.
    Inbox,
    /// The inbox, and the group whose marks are in it.
    Marks,
    /// Brokers, group and inbox.
    MarksAndKafka,
}

impl Source {
    /// The settings, as far as the command needs them.
    pub(crate) fn load(&self, needs: Needs) -> Result<Settings, ConfigError> {
        let mut loader = Loader::new().config(&stand_ins(needs));
        if let Some(file) = self.file() {
            loader = loader.file(&file);
        }
        loader = loader.process_env();
        for (field, flag, value) in
            [("brokers", "--brokers", &self.brokers), ("group", "--group", &self.group), ("inbox", "--inbox", &self.inbox)]
        {
            if let Some(text) = value {
                loader = loader.set(&[field], serde_json::Value::String(text.clone()), flag);
            }
        }
        loader.finish()
    }

    /// The file that is read, if any.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        self.config.clone().or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|file| Path::exists(file)))
    }
}

/// The lowest layer: it satisfies what is required and not needed, and anything that is written replaces it.
fn stand_ins(needs: Needs) -> raw::Config {
    let mut config = raw::Config::default();
    if needs != Needs::Everything {
        config.auto_offset_reset = Some(raw::OffsetReset::Error);
    }
    match needs {
        Needs::Everything | Needs::MarksAndKafka => {}
        Needs::Marks => config.brokers = Some("not-needed:9092".to_owned()),
        Needs::Kafka => config.inbox = Some("sqlite:not-needed".to_owned()),
        Needs::Inbox => {
            config.brokers = Some("not-needed:9092".to_owned());
            config.group = Some("not-needed".to_owned());
        }
    }
    config
}
