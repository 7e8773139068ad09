//! Brokers inside this process: librdkafka's mock cluster, which speaks the real protocol over loopback.

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use super::super::failure::{Doing as _, Failure};
use super::super::plan::PARTITIONS;
use super::Names;

/// A mock cluster with the topics of the demo.
pub(super) struct Embedded(MockCluster<'static, DefaultProducerContext>);

impl Embedded {
    pub(super) fn start(names: &Names) -> Result<Self, Failure> {
        let cluster = MockCluster::new(1).doing("start the embedded broker")?;
        for (topic, _) in names.topics() {
            cluster.create_topic(topic, PARTITIONS, 1).doing("create a topic in the embedded broker")?;
        }
        Ok(Self(cluster))
    }

    pub(super) fn address(&self) -> String {
        self.0.bootstrap_servers()
    }
}
