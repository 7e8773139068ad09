use crate::{MINIMAL, golden, load};

/// Wrong in every way that a file can be wrong in at once.
const MANY: &str = r#"
brokers = "localhost:kafka"
inbox = "postgres://billing:hunter2@db:x/billing"
concurency = 32
concurrency = 70000
commit_interval = 500
drain_deadline = "6m"
retention = "30m"
filter_memory = "64MB"
setup_sql = "CREATE TABLE invoice(id)"
correlation_header = "traceparent"
create_topics = "yes"

[credit]
records = 16

[dead_letter]
topic = "dead letters"
ledger = "{topic}"

[defaults]
order = "keys"
event_id = "id"
attempts = 3

[defaults.retry]
first = "10s"
max = "1s"
factor = 0.5

[topics."orders.v1"]
order_key = "json:customer.id"
after_dead_letter = "hold"
fatal = ["ValueError", ""]

[topics."orders.v1".retry]
total = "5 minutes"

[topics."no such topic"]
on_gap = "continue"

[kafka]
"enable.auto.commit" = true
"bootstrap.servers" = "elsewhere:9092"
"sasl.password" = ["hunter3"]
enable_idempotence = true
"#;

#[test]
fn every_problem_is_told_at_once_with_its_path_and_cure() {
    let error = load(MANY).unwrap_err();
    assert!(error.problems.len() >= 24, "{}", error.problems.len());
    let text = format!("{error}\n");
    assert!(!text.contains("hunter"), "a secret is shown:\n{text}");
    golden("tests/config/many-problems.txt", &text);
}

#[test]
fn an_empty_file_asks_for_the_four_decisions_and_nothing_else() {
    let error = load("").unwrap_err();
    let paths: Vec<&str> = error.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["auto_offset_reset", "brokers", "group", "inbox"]);
}

#[test]
fn a_field_in_the_wrong_table_is_told_where_it_belongs() {
    for (toml, path, hint) in [
        ("[credit]\ngroup = \"x\"", "credit.group", "top of the file"),
        ("retry = {}", "retry", "[defaults] or [topics.NAME]"),
        ("[defaults]\njitter = 0.1", "defaults.jitter", "[defaults.retry]"),
        ("[topics.\"^orders[\"]", "topics.\"^orders[\"", "is not a regular expression: unclosed character class"),
        ("[topics.\"orders.*\"]", "topics.\"orders.*\"", "a regular expression begins with '^'"),
        ("[topics.\"^orders\"]\nordr = \"key\"", "topics.\"^orders\".ordr", "did you mean \"order\"?"),
        ("[topics.orders]\nordr = \"key\"", "topics.orders.ordr", "did you mean \"order\"?"),
    ] {
        let error = load(toml).unwrap_err();
        let problem = error.problems.iter().find(|problem| problem.path == path).unwrap_or_else(|| panic!("{error}"));
        assert!(problem.message.contains(hint), "{}", problem.message);
    }
}

#[test]
fn broken_toml_names_line_and_column_and_not_the_text() {
    let error = load("brokers = \"x\"\n[kafka]\n\"sasl.password\" = hunter2\n").unwrap_err();
    assert!(error.problems.iter().any(|problem| problem.path == "onceward.toml:3:19"), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn companions_that_meet_a_source_are_refused() {
    let error = load(&format!("{MINIMAL}[topics.orders]\n[topics.\"orders.billing.dlt\"]\n")).unwrap_err();
    assert_eq!(error.problems.len(), 1, "{error}");
    assert!(error.problems[0].path == "dead_letter.topic" && error.problems[0].message.contains("\"orders.billing.dlt\""), "{error}");
}

#[test]
fn what_does_not_go_together_blames_the_field_that_was_written() {
    for (toml, path) in [
        ("[defaults.retry]\nfirst = \"10m\"", "defaults.retry.first"),
        ("[defaults.retry]\ntotal = \"100ms\"", "defaults.retry.total"),
        ("[topics.a.retry]\nmax = \"1ms\"", "topics.a.retry.max"),
        ("drain_deadline = \"20s\"\n[kafka]\n\"max.poll.interval.ms\" = 15000", "drain_deadline"),
        ("inbox = \"memory\"\nsetup_sql = [\"SELECT 1\"]", "setup_sql"),
        ("concurrency = 20000", "credit.records"),
    ] {
        let minimal = if toml.contains("inbox") { MINIMAL.replace("inbox = \"sqlite:billing.db\"", "") } else { MINIMAL.to_owned() };
        let error = load(&format!("{minimal}{toml}")).unwrap_err();
        assert!(error.problems.iter().any(|problem| problem.path == path), "{path}: {error}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(512))]

    /// Whatever stands in a field, the answer is a list of problems and never a panic or serde's own words.
    #[test]
    fn no_document_panics(field in "[a-z_.]{0,12}", text in ".{0,20}", number in proptest::prelude::any::<f64>()) {
        for value in [serde_json::json!(text), serde_json::json!(number), serde_json::json!([text]), serde_json::json!({ "a": text }), serde_json::json!(null)] {
            for key in [field.as_str(), "brokers", "inbox", "concurrency", "retention", "credit", "topics", "kafka", "defaults", "setup_sql"] {
                let document = serde_json::json!({ key: value, "defaults": { key: value }, "topics": { &field: value } }).to_string();
                let error = onceward::config::Loader::new().json(&document).finish().unwrap_err();
                proptest::prop_assert!(error.problems.iter().all(|problem| problem.path != "configuration"), "{}", error);
            }
        }
    }
}
