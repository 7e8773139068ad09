//! A cluster that somebody named: topics of our own are created there, and deleted at the end.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use super::super::failure::{Doing as _, Failure};
use super::super::plan::PARTITIONS;
use super::{ANSWER, Names};

/// The topics on the cluster. Dropping this deletes them.
pub(super) struct Real {
    admin: AdminClient<DefaultClientContext>,
    runtime: tokio::runtime::Runtime,
    names: Names,
}

impl Real {
    pub(super) fn create(brokers: &str, names: &Names) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().doing("start the admin client")?;
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", brokers).create().doing("create a Kafka client")?;
        admin.inner().fetch_metadata(None, ANSWER).map_err(|error| {
            Failure::Broker(format!("no broker answers at {brokers}: {error}. Check the address, or leave --brokers out"))
        })?;
        // From here on the topics may exist, so the guard that deletes them does.
        let real = Self { admin, runtime, names: names.clone() };
        let topics = names.topics();
        let wanted: Vec<NewTopic<'_>> = topics
            .iter()
            .map(|(topic, settings)| {
                let topic = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(-1));
                settings.iter().fold(topic, |topic, (name, value)| topic.set(name, value))
            })
            .collect();
        let options = AdminOptions::new().request_timeout(Some(ANSWER)).operation_timeout(Some(ANSWER));
        let results = real.runtime.block_on(real.admin.create_topics(&wanted, &options)).asking_broker("create topics")?;
        for result in results {
            result.map_err(|(topic, code)| format!("{topic}: {code}")).asking_broker("create a topic")?;
        }
        Ok(real)
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let names: Vec<&str> = self.names.topics().iter().map(|(topic, _)| *topic).collect();
        let options = AdminOptions::new().request_timeout(Some(ANSWER)).operation_timeout(Some(ANSWER));
        let results = self.runtime.block_on(self.admin.delete_topics(&names, &options));
        if !matches!(results, Ok(ref results) if results.iter().all(Result::is_ok)) {
            crate::output::message("note", &format!("not all topics could be deleted; they are named {}*", self.names.flights));
        }
    }
}
