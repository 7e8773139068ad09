//! Who is not let in is told which of the many reasons it was, and what to do. Each has a message of its own.

use std::time::{Duration, Instant};

use onceward_tests::kafka::{self, Outgoing};

use crate::cluster::{Right, Service};
use crate::{logs, token};

#[track_caller]
fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is missing in: {message}");
    }
}

#[test]
fn a_certificate_of_an_unknown_authority() {
    let service = Service::new("wrong-ca");
    let begun = Instant::now();
    let stranger = service.cluster.file("stranger.pem");
    let message = service.refusal(service.sasl("SCRAM-SHA-256", "alice", "alice-secret").kafka("ssl.ca.location", stranger));
    says(&message, &["certificate verify failed", "The broker's certificate is not trusted", "ssl.ca.location"]);
    assert!(begun.elapsed() < Duration::from_secs(10), "told at once, not after a timeout");
}

#[test]
fn a_certificate_of_another_host() {
    let service = Service::new("wrong-host");
    let elsewhere = service.cluster.sasl.replace("127.0.0.1", "localhost");
    let message = service.refusal(service.sasl("SCRAM-SHA-256", "alice", "alice-secret").brokers(elsewhere));
    says(&message, &["certificate verify failed", "names another host than `brokers` does"]);
}

#[test]
fn a_wrong_password_which_is_not_repeated() {
    let service = Service::new("wrong-password");
    let begun = Instant::now();
    let message = service.refusal(service.sasl("SCRAM-SHA-256", "alice", "password-CANARY"));
    says(&message, &["Authentication failed", "Check user and password", "sasl.password"]);
    assert!(begun.elapsed() < Duration::from_secs(10), "told at once, not after a timeout");
    assert!(!message.contains("CANARY") && !logs::all().contains("password-CANARY"));
}

#[test]
fn a_port_without_tls() {
    let service = Service::new("wrong-port");
    let builder = service.sasl("PLAIN", "carol", "carol-secret").brokers(service.cluster.open.clone());
    says(&service.refusal(builder), &["That port speaks no TLS", "security.protocol"]);
}

#[test]
fn no_client_certificate_where_one_is_wanted() {
    let service = Service::new("no-certificate");
    let message = service.refusal(service.builder(&service.cluster.mutual).kafka("security.protocol", "ssl"));
    says(&message, &["The broker wants a client certificate", "ssl.certificate.location", "ssl.key.location"]);
}

#[test]
fn a_secret_that_the_token_endpoint_does_not_know() {
    let service = Service::new("wrong-token");
    let endpoint = token::endpoint("erin");
    let builder = service.oidc(format!("http://{endpoint}/token")).kafka("sasl.oauthbearer.client.secret", "other-CANARY");
    let message = service.refusal(builder);
    says(&message, &["The token endpoint gave no token", "sasl.oauthbearer.client.secret"]);
    assert!(!message.contains("CANARY") && !logs::all().contains("other-CANARY"));
}

#[test]
fn a_reference_that_leads_nowhere() {
    let service = Service::new("nowhere");
    let error = service.run(service.sasl("PLAIN", "carol", "${env:ONCEWARD_TEST_NOT_SET}")).unwrap_err();
    let text = error.to_string();
    says(&text, &["kafka.\"sasl.password\"", "the environment variable ONCEWARD_TEST_NOT_SET, which is not set"]);
}

#[test]
fn a_topic_that_may_not_be_seen() {
    let service = Service::new("unseen");
    service.grant("User:bob", &[Right::ReadTopic, Right::SeeTopic]);
    let message = service.refusal(service.sasl("SCRAM-SHA-512", "bob", "bob-secret"));
    says(&message, &["it does not exist, or this user may not see it", &format!("DESCRIBE on topic {}", service.topic)]);
}

#[test]
fn a_topic_that_may_be_seen_and_not_read() {
    let service = Service::new("unread");
    service.grant("User:bob", &[Right::ReadTopic]);
    let message = service.refusal(service.sasl("SCRAM-SHA-512", "bob", "bob-secret"));
    let topic = &service.topic;
    says(&message, &[&format!("may not read {topic}."), &format!("READ and DESCRIBE on topic {topic}"), "kafka-acls --add"]);
}

#[test]
fn a_dead_letter_topic_that_may_not_be_written_to() {
    let service = Service::new("unwritten");
    service.grant("User:bob", &[Right::WriteLetters]);
    let message = service.refusal(service.sasl("SCRAM-SHA-512", "bob", "bob-secret"));
    let letters = service.letters();
    says(&message, &[&format!("may not write to {letters}."), &format!("WRITE and DESCRIBE on topic {letters}"), "kafka-acls --add"]);
}

#[test]
fn a_group_that_may_not_be_joined() {
    let service = Service::new("unjoined");
    service.grant("User:bob", &[Right::JoinGroup]);
    kafka::produce(&service.cluster.open, &service.topic, &[Outgoing::default()]);
    let message = service.refusal(service.sasl("SCRAM-SHA-512", "bob", "bob-secret"));
    says(&message, &[&service.group, "READ on the consumer group", "kafka-acls --add"]);
}
