//! The command against a cluster with TLS, SASL and access control: what it says, how it exits, what it hides.

use std::path::Path;
use std::process::Command;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use crate::run::{Answer, onceward};

/// The open listener, the one with TLS and SASL, and the folder with the certificates.
pub(crate) fn cluster() -> [String; 3] {
    let program = std::env::var("ONCEWARD_XTASK").expect("this test is started by `cargo xtask test`");
    let output = Command::new(program).args(["kafka", "start", "--secure", "--name", "secure"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let words: Vec<&str> = said.split_whitespace().collect();
    let [open, sasl, _, home] = words[..] else { panic!("{said}") };
    [open, sasl, home].map(str::to_owned)
}

fn topics(open: &str, names: &[&str], make: bool) {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", open).create().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = AdminOptions::new();
    let results = if make {
        let topics: Vec<_> = names.iter().map(|name| NewTopic::new(name, 1, TopicReplication::Fixed(1))).collect();
        runtime.block_on(admin.create_topics(&topics, &options)).unwrap()
    } else {
        runtime.block_on(admin.delete_topics(names, &options)).unwrap()
    };
    results.into_iter().for_each(|result| drop(result.unwrap()));
}

fn run(folder: &Path, brokers: &str, ca: &Path, password: &str, arguments: &[&str]) -> Answer {
    let ca = ca.display().to_string();
    let environment = [
        ("ONCEWARD_BROKERS", brokers),
        ("ONCEWARD_GROUP", "billing"),
        ("ONCEWARD_INBOX", "memory"),
        ("ONCEWARD_AUTO_OFFSET_RESET", "error"),
        ("ONCEWARD_KAFKA__SECURITY_PROTOCOL", "sasl_ssl"),
        ("ONCEWARD_KAFKA__SASL_MECHANISM", "SCRAM-SHA-512"),
        ("ONCEWARD_KAFKA__SASL_USERNAME", "bob"),
        ("ONCEWARD_KAFKA__SASL_PASSWORD", "${env:KAFKA_PASSWORD}"),
        ("ONCEWARD_KAFKA__SSL_CA_LOCATION", ca.as_str()),
        ("KAFKA_PASSWORD", password),
    ];
    let answer = onceward(folder, arguments, &environment);
    assert!(!answer.stdout.contains(password) && !answer.stderr.contains(password), "a password was shown");
    answer
}

#[test]
fn who_is_not_let_in_is_told_why_with_3_and_who_lacks_rights_with_1() {
    let [open, sasl, home] = cluster();
    let folder = tempfile::tempdir().unwrap();
    let [ca, stranger] = ["ca.pem", "stranger.pem"].map(|name| Path::new(&home).join(name));
    let topic = format!("cli-{}", std::process::id());
    let letters = format!("{topic}.billing.dlt");
    topics(&open, &[&topic, &letters], true);

    let foreign = run(folder.path(), &sasl, &stranger, "bob-secret", &["doctor", "--topic", &topic]);
    assert_eq!(foreign.code, 3, "{}", foreign.stdout);
    assert!(foreign.stdout.contains("The broker's certificate is not trusted"), "{}", foreign.stdout);

    let wrong = run(folder.path(), &sasl, &ca, "wrong-CANARY", &["dlt", "list"]);
    assert_eq!(wrong.code, 3, "{}", wrong.stderr);
    assert!(wrong.stderr.contains("Check user and password"), "{}", wrong.stderr);

    // Bob may do nothing with these topics.
    let powerless = run(folder.path(), &sasl, &ca, "bob-secret", &["doctor", "--topic", &topic]);
    assert_eq!(powerless.code, 1, "{}", powerless.stdout);
    assert!(powerless.stdout.contains("this user may not see it"), "{}", powerless.stdout);
    assert!(powerless.stdout.contains("sasl_ssl with SCRAM-SHA-512: let in"), "{}", powerless.stdout);
    assert!(powerless.stdout.contains("as Kafka 4.0 or later"), "{}", powerless.stdout);

    let printed = run(folder.path(), &sasl, &ca, "bob-secret", &["config", "check", "--print"]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert!(
        printed.stdout.contains("\"sasl.password\" = \"${env:KAFKA_PASSWORD}\""),
        "a reference is shown as written: {}",
        printed.stdout
    );
    topics(&open, &[&topic, &letters], false);
}
