//! What the broker is told.

use std::path::Path;

/// `server.properties` of a single node that is broker and controller at once and speaks on loopback only.
pub(super) fn properties(data: &Path, port: u16, controller: u16) -> String {
    let data = data.display();
    format!(
        "\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
num.partitions=1
# A test that forgets to create its topic must fail, not get one with one partition.
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
# Crash tests need members that are declared dead quickly.
group.min.session.timeout.ms=1000
# Deleted topics of past tests go at once.
log.segment.delete.delay.ms=1000
log.retention.hours=48
"
    )
}
