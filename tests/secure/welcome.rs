//! Whoever has the right credentials and rights is let in, by each mechanism, and handles, dead-letters and commits.

use onceward::Builder;
use onceward_tests::kafka::{self, Outgoing};

use crate::cluster::Service;
use crate::{logs, token};

pub(crate) fn works(name: &str, principal: &str, sign_in: impl FnOnce(&Service) -> Builder) {
    let service = Service::new(name);
    service.grant(principal, &[]);
    let open = &service.cluster.open;
    let sent = ["a", "poison", "b"].map(|value| Outgoing { value: Some(value.into()), ..Outgoing::default() });
    kafka::produce(open, &service.topic, &sent);
    let summary = service.run(sign_in(&service)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!((summary.handled, summary.dead_letters), (2, 1), "{name}");
    assert_eq!(kafka::committed(open, &service.group, &service.topic).get(&0), Some(&3), "{name}");
    assert_eq!(kafka::read_all(open, &service.letters()).len(), 1, "{name}");
}

#[test]
fn scram_with_a_password_from_a_file() {
    works("scram-256", "User:alice", |service| {
        let file = service.folder().join("password");
        std::fs::write(&file, "alice-secret\n").unwrap();
        service.sasl("SCRAM-SHA-256", "alice", &format!("${{file:{}}}", file.display()))
    });
}

#[test]
fn scram_with_the_longer_hash() {
    works("scram-512", "User:bob", |service| service.sasl("SCRAM-SHA-512", "bob", "bob-secret"));
}

#[test]
fn plain_over_tls() {
    works("plain", "User:carol", |service| service.sasl("PLAIN", "carol", "carol-secret"));
}

#[test]
fn mutual_tls() {
    works("mutual", "User:CN=dave", |service| {
        service
            .builder(&service.cluster.mutual)
            .kafka("security.protocol", "ssl")
            .kafka("ssl.certificate.location", service.cluster.file("client.pem"))
            .kafka("ssl.key.pem", format!("${{file:{}}}", service.cluster.file("client.key")))
    });
}

#[test]
fn a_token_from_an_endpoint_whose_secret_is_never_shown() {
    let endpoint = token::endpoint("erin");
    works("oidc", "User:erin", |service| {
        let builder = service.oidc(format!("http://{endpoint}/token"));
        let shown = format!("{builder:?}");
        assert!(shown.contains("sasl.oauthbearer.client.id") && !shown.contains("CANARY"), "{shown}");
        builder
    });
    let logged = logs::all();
    assert!(logged.contains("guarantee:"), "something was logged");
    assert!(!logged.contains("CANARY"), "the secret was logged");
}
