//! What the brokers say of themselves and of topics.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use onceward::config::Settings;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;

use super::address::Address;
use super::finding::{Diagnosis, Finding};
use crate::exit::Failure;

/// A cluster that answered.
pub(crate) struct Cluster {
    admin: AdminClient<DefaultClientContext>,
    runtime: tokio::runtime::Runtime,
    metadata: Metadata,
    brokers: String,
    timeout: Duration,
    /// Why configurations can't be read, once a whole question stayed without an answer: the next one would cost the timeout again.
    mute: RefCell<Option<String>>,
}

/// Why a configuration can't be read: not knowing is no fault of the topic.
pub(super) type Config = Result<BTreeMap<String, String>, String>;

impl Cluster {
    /// Connects and asks which brokers and topics there are.
    pub(super) fn ask(settings: &Settings, client: &[(String, String)], timeout: Duration) -> Result<Self, Box<Finding>> {
        let fail = |message: String, cure: &str| Box::new(Finding::fail("brokers", settings.brokers.as_str(), message, cure));
        let admin = onceward::kafka::admin(client).map_err(|error| match error {
            onceward::Error::Broker { cause, cure, .. } => fail(cause, &cure),
            error => fail(error.to_string(), "correct the property under [kafka]"),
        })?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| fail(error.to_string(), "raise the limits of this process"))?;
        let metadata =
            onceward::kafka::metadata(admin.inner(), timeout).map_err(|why| fail(format!("no answer: {}", why.cause), &why.cure))?;
        Ok(Self { admin, runtime, metadata, brokers: settings.brokers.clone(), timeout, mute: RefCell::new(None) })
    }

    pub(super) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Where the brokers say that they are, other than the addresses that were given.
    pub(super) fn advertised(&self, brokers: &str) -> Vec<Address> {
        let given = Address::all(brokers);
        let mut told: Vec<Address> = self.metadata.brokers().iter().map(|broker| Address::new(broker.host(), broker.port())).collect();
        told.retain(|address| !given.contains(address));
        told.sort();
        told
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) fn group(&self, group: &str) -> Result<rdkafka::groups::GroupList, KafkaError> {
        self.admin.inner().fetch_group_list(Some(group), self.timeout)
    }

    pub(super) fn topic_config(&self, topic: &str) -> Config {
        self.config(&ResourceSpecifier::Topic(topic))
    }

    fn config(&self, resource: &ResourceSpecifier<'_>) -> Config {
        if let Some(why) = self.mute.borrow().as_ref() {
            return Err(why.clone());
        }
        let options = AdminOptions::new().request_timeout(Some(self.timeout));
        let answer = self.runtime.block_on(self.admin.describe_configs([resource], &options)).map_err(|error| {
            let why = error.to_string();
            self.mute.replace(Some(why.clone()));
            why
        })?;
        let resource = answer.into_iter().next().ok_or("no answer")?.map_err(|code: RDKafkaErrorCode| code.to_string())?;
        Ok(resource.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect())
    }

    /// The brokers themselves.
    pub(super) fn examine(&self, diagnosis: &mut Diagnosis) {
        let count = self.metadata.brokers().len();
        diagnosis.add(Finding::ok(
            "brokers",
            self.brokers.as_str(),
            format!("{count} broker{} answered", if count == 1 { "" } else { "s" }),
        ));
        let Some(broker) = self.metadata.brokers().first() else { return };
        match self.config(&ResourceSpecifier::Broker(broker.id())) {
            Ok(config) if config.get("auto.create.topics.enable").is_some_and(|value| value == "true") => diagnosis.add(Finding::warn(
                "auto-create",
                self.brokers.as_str(),
                "brokers create topics by themselves: a misspelt name becomes a topic with the default number of partitions",
                "set auto.create.topics.enable=false on the brokers",
            )),
            Ok(_) => {}
            Err(why) => diagnosis.add(Finding::warn(
                "rights",
                self.brokers.as_str(),
                format!("the brokers' configuration can't be read: {why}"),
                "size limits and topic creation were not checked; the right DESCRIBE_CONFIGS on the cluster lets the doctor see them",
            )),
        }
    }
}

/// The names of all topics, sorted.
pub(crate) fn topic_names(properties: &[(String, String)], timeout: Duration) -> Result<Vec<String>, Failure> {
    let unreachable = |cause: &str, cure: &str| Failure::Unreachable(format!("the brokers did not answer: {cause}. {cure}"));
    let admin = onceward::kafka::admin(properties)?;
    let metadata = onceward::kafka::metadata(admin.inner(), timeout).map_err(|why| unreachable(&why.cause, &why.cure))?;
    let mut names: Vec<String> = metadata.topics().iter().map(|topic| topic.name().to_owned()).collect();
    names.sort();
    Ok(names)
}
