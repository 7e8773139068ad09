use std::time::Duration;

use onceward::config::{InboxPlace, Settings, json_schema, raw};
use onceward::kafka::{IdentitySource, KeySource};
use onceward_engine::{BreakerRules, Order, PolicyId};

use crate::{MINIMAL, load};

#[test]
fn the_defaults_are_the_engine_s_and_those_of_the_schema() {
    let settings = load(MINIMAL).unwrap();
    let engine = settings.engine_settings(vec![settings.policy("orders")], 0, false);
    let expected = onceward_engine::EngineSettings::default();
    assert_eq!(format!("{engine:?}"), format!("{expected:?}"));

    // What the schema calls a default changes nothing when it is written out.
    let mut document: toml::Table = toml::from_str(MINIMAL).unwrap();
    for (table, definition) in
        [("", ""), ("credit", "Credit"), ("group_commit", "GroupCommit"), ("dead_letter", "DeadLetter"), ("defaults", "Topic")]
    {
        let pointer = if definition.is_empty() { "/properties".to_owned() } else { format!("/$defs/{definition}/properties") };
        let fields = json_schema().pointer(&pointer).unwrap().as_object().unwrap();
        let mut written = toml::Table::new();
        for (name, field) in fields {
            if let Some(default) = field.get("default") {
                written.insert(name.clone(), toml::Value::try_from(default).unwrap());
            }
        }
        assert!(!written.is_empty(), "{table} has no defaults in the schema");
        if table.is_empty() {
            document.extend(written);
        } else {
            document.insert(table.to_owned(), toml::Value::Table(written));
        }
    }
    let written = load(&toml::to_string(&document).unwrap()).unwrap();
    assert_eq!(written.effective(), settings.effective());
}

#[test]
fn effective_settings_mean_themselves() {
    let settings = load(&format!(
        "{MINIMAL}\ninstance_id = \"a\"\n[topics.orders]\norder = \"partition\"\nfatal = [\"E\"]\n[kafka]\n\"fetch.wait.max.ms\" = 100\n\"sasl.password\" = \"hunter2\"\n"
    ))
    .unwrap();
    let again = Settings::from_raw(&settings.effective()).unwrap();
    assert_eq!(again.effective(), settings.effective());
    let shown = format!("{settings:?}{:?}{}", settings.effective(), settings.effective().to_toml());
    assert!(!shown.contains("hunter2") && shown.contains("fetch.wait.max.ms"), "{shown}");
    assert_eq!(load(&settings.effective().to_toml()).unwrap().kafka.0["fetch.wait.max.ms"], "100");
}

#[test]
fn a_topic_is_laid_over_the_defaults_field_by_field() {
    let settings = load(&format!(
        r#"{MINIMAL}
        [defaults]
        order = "partition"
        event_id = "header:event-id"
        [defaults.retry]
        attempts = 9
        max = "1m"
        [topics.orders]
        order_key = "json:/customer"
        [topics.orders.retry]
        first = "1s"
        factor = 1.5
        jitter = 0
        "#
    ))
    .unwrap();
    let policy = settings.policy("orders");
    assert_eq!(policy.order, Order::Partition);
    let backoff = policy.backoff;
    assert_eq!((backoff.attempts, backoff.first, backoff.factor_percent, backoff.max, backoff.jitter_percent), (9, 1_000, 150, 60_000, 0));
    assert_eq!(settings.policy("others").backoff.first, 200);

    let topics = settings.topic_settings(&["others", "orders"]);
    assert_eq!((topics[1].policy, &topics[1].order_key), (PolicyId(1), &KeySource::Json("/customer".to_owned())));
    assert_eq!(topics[0].identity, IdentitySource::Header("event-id".to_owned()));
    let engine = settings.engine_settings(["others", "orders"].map(|topic| settings.policy(topic)).into(), 7, true);
    assert_eq!((engine.policies[1].backoff.first, engine.seed, engine.until_end), (1_000, 7, true));
}

#[test]
fn every_topic_has_a_breaker_until_a_table_turns_it_off() {
    let settings = load(MINIMAL).unwrap();
    assert_eq!(settings.policy("orders").breaker, Some(BreakerRules::default()));

    // What the schema calls its defaults is what it goes by.
    let fields = json_schema().pointer("/$defs/Breaker/properties").unwrap().as_object().unwrap();
    let written = fields.iter().map(|(name, field)| (name.clone(), toml::Value::try_from(&field["default"]).unwrap())).collect();
    let table = [("defaults".to_owned(), toml::Value::Table([("breaker".to_owned(), toml::Value::Table(written))].into_iter().collect()))];
    let text = toml::to_string(&toml::Table::from_iter(table)).unwrap();
    assert_eq!(load(&format!("{MINIMAL}{text}")).unwrap().effective(), settings.effective(), "{text}");

    let settings = load(&format!(
        r#"{MINIMAL}
        [defaults.breaker]
        enabled = false
        events = 300
        [topics.orders.breaker]
        keys = 100
        [topics.payments.breaker]
        enabled = true
        probe = "5s"
        "#
    ))
    .unwrap();
    let expected = BreakerRules { events: 300, probe: 5_000, ..BreakerRules::default() };
    let breakers = ["others", "orders", "payments"].map(|topic| settings.policy(topic).breaker);
    assert_eq!(breakers, [None, None, Some(expected)], "field by field, `enabled` as well");
    let again = Settings::from_raw(&settings.effective()).unwrap();
    assert_eq!(again.effective(), settings.effective());
    assert_eq!(again.rules("orders").breaker.keys, 100, "what it would go by is kept");

    let one = load(&format!("{MINIMAL}[topics.audit.breaker]\nenabled = false\n")).unwrap();
    assert_eq!(["audit", "orders"].map(|topic| one.policy(topic).breaker.is_some()), [false, true]);
}

#[test]
fn the_builder_s_way_in_takes_typed_values() {
    let config = raw::Config {
        brokers: Some("[::1]:9092, SSL://kafka.example:9093".to_owned()),
        group: Some("billing".to_owned()),
        inbox: Some("memory".to_owned()),
        auto_offset_reset: Some(raw::OffsetReset::Latest),
        retention: Some(Duration::from_secs(7_200).into()),
        filter_memory: Some((8 << 20).into()),
        ..raw::Config::default()
    };
    let settings = Settings::from_raw(&config).unwrap();
    assert_eq!((settings.inbox, settings.retention, settings.filter_memory), (InboxPlace::Memory, Duration::from_secs(7_200), 8 << 20));
}

#[test]
fn a_table_for_a_topic_that_nobody_subscribes_is_refused() {
    let settings = load(&format!("{MINIMAL}[topics.ordres]\n[topics.payments]\n")).unwrap();
    let error = settings.check_subscribed(&["orders", "payments"]).unwrap_err();
    assert_eq!(error.problems.len(), 1);
    assert!(error.to_string().contains("topics.ordres: no handler subscribes to this topic; did you mean \"orders\"?"), "{error}");
    settings.check_subscribed(&["ordres", "payments"]).unwrap();
    let error = settings.check_subscribed(&["^ord.*", "payments"]).unwrap_err();
    assert!(error.to_string().contains("\"^ord.*\" matches it") && error.to_string().contains("write topics.\"^ord.*\""), "{error}");
}
