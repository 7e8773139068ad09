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
fn whatever_the_kafka_client_is_given_by_us_is_refused_from_users() {
    for property in onceward::kafka::owned() {
        assert!(onceward::config::owned(property.name).is_some(), "{} can be set by users and would be ignored", property.name);
    }
}
