use crate::golden;

#[test]
fn the_committed_schema_is_the_generated_one() {
    let schema = serde_json::to_string_pretty(onceward::config::json_schema()).unwrap();
    golden("../../docs/reference/config.schema.json", &format!("{schema}\n"));
}

#[test]
fn the_committed_reference_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/config.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (prologue, _) = page.split_once("<!-- generated from here on -->\n").expect("the marker is gone");
    golden("../../docs/reference/config.md", &format!("{prologue}<!-- generated from here on -->\n\n{}", onceward::config::reference()));
}

#[test]
fn whatever_is_ours_is_refused_with_its_reason_and_what_is_a_default_may_be_changed() {
    let problems = |name: &str| {
        let mut config = onceward::config::raw::Config::default();
        config.kafka.0.insert(name.to_owned(), onceward::config::raw::Scalar::Text("x".to_owned()));
        let problems = onceward::config::validate(&config).unwrap_err().problems;
        problems.into_iter().find(|problem| problem.path.starts_with("kafka.")).map(|problem| problem.message)
    };
    for property in onceward::kafka::owned() {
        assert_eq!(problems(property.name), Some(format!("is set by Onceward: {}", property.reason)), "{}", property.name);
    }
    for property in onceward::kafka::defaults() {
        assert_eq!(problems(property.name), None, "{}", property.name);
    }
}
