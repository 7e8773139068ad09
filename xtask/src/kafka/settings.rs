//! What the broker is told.

use std::path::Path;

/// Where it listens.
pub(super) struct Ports {
    pub(super) port: u16,
    pub(super) controller: u16,
    /// TLS with SASL, and mutual TLS.
    pub(super) secure: Option<(u16, u16)>,
}

/// `server.properties` of a single node that is broker and controller at once and speaks on loopback only.
pub(super) fn properties(data: &Path, ports: &Ports) -> String {
    let data = data.display();
    let Ports { port, controller, secure } = ports;
    let (more, map) = match secure {
        Some((sasl, mutual)) => (format!(",SECURE://127.0.0.1:{sasl},MUTUAL://127.0.0.1:{mutual}"), ",SECURE:SASL_SSL,MUTUAL:SSL"),
        None => (String::new(), ""),
    };
    format!(
        "\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{more}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{more}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{map}
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

/// Users that the secure broker knows, with their passwords. Tests sign in as these; what they may do, tests grant.
const USERS: [(&str, &str); 2] = [("SCRAM-SHA-256", "alice"), ("SCRAM-SHA-512", "bob")];

/// Arguments of the format that make the users of SCRAM.
pub(super) fn users() -> impl Iterator<Item = String> {
    USERS.iter().flat_map(|(mechanism, name)| ["--add-scram".to_owned(), format!("{mechanism}=[name={name},password={}]", password(name))])
}

fn password(name: &str) -> String {
    format!("{name}-secret")
}

/// What makes a broker secure. On the plain listener everybody may do everything: it is how tests prepare.
pub(super) fn secure(home: &Path) -> String {
    let home = home.display();
    let plain = password("carol");
    format!(
        "\
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
ssl.keystore.type=PEM
ssl.keystore.location={home}/server.pem
ssl.truststore.type=PEM
ssl.truststore.location={home}/ca.pem
listener.name.mutual.ssl.client.auth=required
listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN,OAUTHBEARER
listener.name.secure.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secure.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_carol=\"{plain}\";
# A session ends with its token: whoever does not come back with a new one is cut off.
listener.name.secure.oauthbearer.connections.max.reauth.ms=3600000
# Tokens without a signature are taken at their word: the token endpoint of the tests is a few lines of its own.
listener.name.secure.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"broker\";
"
    )
}
