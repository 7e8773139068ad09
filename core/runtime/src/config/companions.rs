//! Templates of the companion topics' names.

use std::collections::BTreeMap;

use super::Problem;
use super::path::join;
use super::settings::{CompanionTemplates, TopicRules};

const TOPIC: &str = "{topic}";
const GROUP: &str = "{group}";

/// Reports what is wrong with one template.
pub(super) fn check_template(path: &str, template: &str, problems: &mut Vec<Problem>) {
    let mut refuse = |message: String| problems.push(Problem::new(path, message));
    if !template.contains(TOPIC) {
        return refuse(format!("{template:?} must contain {TOPIC}: each source topic needs companions of its own"));
    }
    if template == TOPIC {
        return refuse(format!(
            "{template:?} is the source topic itself, whose letters would be consumed again; add to it, as \"{{topic}}.{{group}}.dlt\""
        ));
    }
    let rest = template.replace(TOPIC, "").replace(GROUP, "");
    if rest.contains(['{', '}']) {
        return refuse(format!("{template:?} has an unknown placeholder; {TOPIC} and {GROUP} are known"));
    }
    if let Some(wrong) = rest.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))) {
        refuse(format!("{template:?} holds {wrong:?}, which a topic's name can't; letters, digits, '.', '_' and '-' can"));
    }
}

/// Reports templates that lead two meanings to one topic.
pub(super) fn check_distinct(
    templates: &CompanionTemplates,
    group: &str,
    topics: &BTreeMap<String, TopicRules>,
    problems: &mut Vec<Problem>,
) {
    if templates.topic == templates.ledger {
        problems.push(Problem::new(
            "dead_letter.ledger",
            "must differ from dead_letter.topic: letters are kept by time, the ledger is compacted by key",
        ));
        return;
    }
    for (field, template) in [("dead_letter.topic", &templates.topic), ("dead_letter.ledger", &templates.ledger)] {
        for source in topics.keys() {
            let companion = template.replace(TOPIC, source).replace(GROUP, group);
            if topics.contains_key(&companion) {
                problems.push(Problem::new(
                    field,
                    format!(
                        "{template:?} makes {companion:?} the companion of {source:?}, but {} consumes it; change one of them",
                        join("topics", &companion)
                    ),
                ));
            }
        }
    }
}
