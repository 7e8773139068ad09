//! Which topics of a cluster are companions: what a pattern must never lead to.

use std::collections::HashSet;

use super::{dead_letter_topic, ledger_topic};

/// Tells companions from sources, by their names.
pub(crate) struct Recognise<'a> {
    templates: [&'a str; 2],
    group: &'a str,
    topics: HashSet<&'a str>,
    /// Companions of this group, where their names can't be read back: illegal characters and long names are hashed.
    ours: HashSet<String>,
}

impl<'a> Recognise<'a> {
    /// Among the topics of a cluster.
    pub(crate) fn new(dead_letters: &'a str, ledger: &'a str, group: &'a str, topics: impl IntoIterator<Item = &'a str>) -> Self {
        let topics: HashSet<&str> = topics.into_iter().collect();
        let of = |topic: &&str| [dead_letter_topic(dead_letters, topic, group), ledger_topic(ledger, topic, group)];
        let ours = topics.iter().flat_map(of).collect();
        Self { templates: [dead_letters, ledger], group, topics, ours }
    }

    /// Whether this is a companion: of this group, whether its source is still there or not; or of another group, if there is a source
    /// for it. Another group's name can be anything, so without the source it would be a guess.
    pub(crate) fn is_companion(&self, topic: &str) -> bool {
        self.ours.contains(topic)
            || self.templates.iter().any(|template| of_group(template, self.group, topic) || self.of_some_source(template, topic))
    }

    /// Whether a part of the name is a source, and the rest is the template's. A cluster has many more topics than a name has parts.
    fn of_some_source(&self, template: &str, name: &str) -> bool {
        let Some((before, _)) = template.split_once("{topic}") else { return false };
        let starts = if before.contains("{group}") { 0..name.len() } else { before.len()..before.len().saturating_add(1) };
        starts
            .flat_map(|start| (start..=name.len()).filter_map(move |end| name.get(start..end)))
            .any(|part| part.len() < name.len() && self.topics.contains(part) && of_source(template, part, name))
    }
}

/// Whether a name is a template's for this group and some topic.
fn of_group(template: &str, group: &str, name: &str) -> bool {
    fits(&template.replace("{group}", group), "{topic}", name)
}

/// Whether a name is a template's for this topic and some group.
fn of_source(template: &str, source: &str, name: &str) -> bool {
    fits(&template.replace("{topic}", source), "{group}", name)
}

/// Whether a name is a template with something, and not nothing, in the one place that is open. Several places: the first is looked at,
/// and the others have to hold the same.
fn fits(template: &str, open: &str, name: &str) -> bool {
    let Some((before, after)) = template.split_once(open) else { return template == name };
    let Some(rest) = name.strip_prefix(before) else { return false };
    if !after.contains(open) {
        return rest.len() > after.len() && rest.ends_with(after);
    }
    (1..=rest.len()).filter(|end| rest.is_char_boundary(*end)).any(|end| {
        let filled = after.replace(open, &rest[..end]);
        rest[end..] == filled
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letter::{DEFAULT_LEDGER, DEFAULT_TEMPLATE};

    #[test]
    fn companions_are_told_from_sources() {
        let long = "x".repeat(240);
        let topics = ["orders", "orders.eu", "orders.eu.shipping.dlt", "orders.dlt", long.as_str()];
        let recognise = Recognise::new(DEFAULT_TEMPLATE, DEFAULT_LEDGER, "billing", topics);
        let hashed = dead_letter_topic(DEFAULT_TEMPLATE, &long, "billing");
        for companion in [
            "orders.billing.dlt",
            "orders.eu.billing.ledger",
            "orders.gone.billing.dlt",
            "orders.eu.shipping.dlt",
            "orders.a.b.ledger",
            &hashed,
        ] {
            assert!(recognise.is_companion(companion), "{companion}");
        }
        for source in ["orders", "orders.eu", "orders.dlt", "billing.dlt", ".billing.dlt2", "invoices.shipping.dlt", "orders.eu.billing"] {
            assert!(!recognise.is_companion(source), "{source}");
        }
    }

    #[test]
    fn templates_of_other_shapes_are_understood() {
        let recognise = Recognise::new("dead-{group}-{topic}", "{topic}--{topic}", "b", ["orders", "orders--orders"]);
        assert!(recognise.is_companion("dead-b-anything") && recognise.is_companion("dead-other-orders"));
        assert!(recognise.is_companion("orders--orders") && !recognise.is_companion("orders--payments"));
        assert!(!recognise.is_companion("dead-b-"), "of no topic at all");
    }
}
