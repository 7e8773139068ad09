use onceward::config::{ConfigError, Loader, Settings, raw};
use onceward_engine::{OnGap, Order};
use serde_json::json;

use crate::MINIMAL;

fn with_env(toml: &str, variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    Loader::new().toml(toml, "onceward.toml").env(variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))).finish()
}

#[test]
fn flags_win_over_the_environment_over_code_over_the_file() {
    let file = format!("{MINIMAL}client_id = \"file\"\nconcurrency = 1\ncommit_interval = \"1m\"\n");
    let code = raw::Config { client_id: Some("code".to_owned()), concurrency: Some(2), ..raw::Config::default() };
    let env = [("ONCEWARD_CONCURRENCY".to_owned(), "3".to_owned()), ("ONCEWARD_GROUP".to_owned(), "env".to_owned())];
    let settings = Loader::new().toml(&file, "f").config(&code).env(env).set(&["group"], json!("flag"), "--group").finish().unwrap();
    assert_eq!((settings.client_id.as_str(), settings.concurrency, settings.group.as_str()), ("code", 3, "flag"));
    assert_eq!(settings.commit_interval.as_secs(), 60);
}

#[test]
fn the_environment_alone_is_enough() {
    let settings = with_env(
        "",
        &[
            ("ONCEWARD_BROKERS", "localhost:9092"),
            ("ONCEWARD_GROUP", "1234"),
            ("ONCEWARD_INBOX", "memory"),
            ("ONCEWARD_AUTO_OFFSET_RESET", "latest"),
            ("ONCEWARD_CREATE_TOPICS", "true"),
            ("ONCEWARD_TOPICS__ORDERS__ORDER", "none"),
            ("ONCEWARD_TOPICS__ORDERS__RETRY__FACTOR", "1.5"),
            ("ONCEWARD_TOPICS__ORDERS__FATAL", r#"["A", "B"]"#),
            ("ONCEWARD_KAFKA__SECURITY_PROTOCOL", "sasl_ssl"),
            ("ONCEWARD_KAFKA__SASL_PASSWORD", "1234"),
        ],
    )
    .unwrap();
    assert!(settings.create_topics && settings.group == "1234");
    let orders = settings.rules("orders");
    assert_eq!((orders.policy.order, orders.policy.backoff.factor_percent, orders.fatal.len()), (Order::None, 150, 2));
    assert_eq!(settings.kafka.0["security.protocol"], "sasl_ssl");
    assert_eq!(settings.kafka.0["sasl.password"], "1234");
}

#[test]
fn a_variable_finds_the_topic_that_the_file_has() {
    let settings = with_env(&format!("{MINIMAL}[topics.\"Orders.v1\"]\n"), &[("ONCEWARD_TOPICS__ORDERS_V1__ON_GAP", "continue")]).unwrap();
    assert_eq!(settings.topics.keys().collect::<Vec<_>>(), ["Orders.v1"]);
    assert_eq!(settings.policy("Orders.v1").on_gap, OnGap::Continue);

    let error = with_env(&format!("{MINIMAL}[topics.a-b]\n[topics.a_b]\n"), &[("ONCEWARD_TOPICS__A_B__ON_GAP", "continue")]).unwrap_err();
    assert!(error.to_string().contains("could mean \"a-b\" and \"a_b\""), "{error}");
}

#[test]
fn a_wrong_variable_is_named_and_a_strange_one_is_not_ours() {
    for (name, text, hint) in [
        ("ONCEWARD_BROKER", "x", "ONCEWARD_BROKER: names no field; did you mean ONCEWARD_BROKERS?"),
        ("ONCEWARD_DEFAULTS__RETRY__FRIST", "1s", "did you mean ONCEWARD_DEFAULTS__RETRY__FIRST?"),
        ("ONCEWARD_CREDIT", "1", "ONCEWARD_CREDIT: names the table credit; add __"),
        (
            "ONCEWARD_CONCURRENCY",
            "many",
            "concurrency: must be a whole number from 0 to 4294967295, without quotes, and is \"many\" (from ONCEWARD_CONCURRENCY)",
        ),
        ("ONCEWARD_RETENTION", "7", "(from ONCEWARD_RETENTION)"),
        ("ONCEWARD_GROUP__X", "7", "names no field"),
    ] {
        let error = with_env(MINIMAL, &[(name, text)]).unwrap_err();
        assert!(error.problems.len() == 1 && error.to_string().contains(hint), "{name}: {error}");
    }
    // Kubernetes writes these for a service that is called `onceward`.
    let links = [
        ("ONCEWARD_PORT", "tcp://10.0.0.1:80"),
        ("ONCEWARD_SERVICE_HOST", "x"),
        ("ONCEWARD_PORT_80_TCP_ADDR", "x"),
        ("ONCEWARD_CONFIG", "x"),
        ("PATH", "x"),
    ];
    with_env(MINIMAL, &links).unwrap();
}

#[test]
fn null_means_not_set() {
    let error =
        Loader::new().json(r#"{"brokers": null, "credit": null, "topics": null, "defaults": {"retry": null}}"#).finish().unwrap_err();
    assert_eq!(error.problems.len(), 4, "{error}");
    let error = Loader::new().json("[]").finish().unwrap_err();
    assert!(error.to_string().contains("must be a JSON object"), "{error}");
}
