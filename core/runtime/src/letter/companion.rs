//! Names of the topics beside a source topic.

use xxhash_rust::xxh3::xxh3_64;

/// How dead-letter topics are named by default.
pub const DEFAULT_TEMPLATE: &str = "{topic}.{group}.dlt";
/// How ledger topics are named by default.
pub const DEFAULT_LEDGER: &str = "{topic}.{group}.ledger";
/// Kafka's limit.
const LONGEST: usize = 249;

/// The dead-letter topic of a topic and group; `{topic}` and `{group}` in the template are replaced.
#[must_use]
pub fn dead_letter_topic(template: &str, topic: &str, group: &str) -> String {
    name(template, topic, group)
}

/// The ledger topic of a topic and group, from a template of the same kind.
#[must_use]
pub fn ledger_topic(template: &str, topic: &str, group: &str) -> String {
    name(template, topic, group)
}

/// Characters that a topic name can't have become `-`; a hash of the whole name then keeps two such names apart, and long names short.
fn name(template: &str, topic: &str, group: &str) -> String {
    // A group called `{topic}` is not replaced a second time.
    let wanted: String = template.split("{topic}").map(|part| part.replace("{group}", group)).collect::<Vec<_>>().join(topic);
    let legal = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-');
    let fits = wanted.len() <= LONGEST && !wanted.is_empty() && wanted != "." && wanted != "..";
    if fits && wanted.chars().all(legal) {
        return wanted;
    }
    let kept: String = wanted.chars().map(|character| if legal(character) { character } else { '-' }).take(LONGEST - 9).collect();
    format!("{kept}-{:08x}", xxh3_64(wanted.as_bytes()) >> 32)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;

    #[test]
    fn plain_names_stay_plain() {
        assert_eq!(dead_letter_topic(DEFAULT_TEMPLATE, "orders", "billing"), "orders.billing.dlt");
        assert_eq!(ledger_topic(DEFAULT_LEDGER, "orders", "billing"), "orders.billing.ledger");
        assert_eq!(
            dead_letter_topic("dead.{group}.{topic}", "{group}", "{topic}"),
            "dead.{topic}.{group}".replace(['{', '}'], "-") + &hash("dead.{topic}.{group}")
        );
    }

    #[test]
    fn illegal_and_long_names_stay_apart() {
        let one = dead_letter_topic(DEFAULT_TEMPLATE, "orders", "team/a");
        let other = dead_letter_topic(DEFAULT_TEMPLATE, "orders", "team a");
        assert!(one.starts_with("orders.team-a.dlt-") && other.starts_with("orders.team-a.dlt-"));
        assert_ne!(one, other);
        let long = "é".repeat(300);
        assert!(dead_letter_topic(DEFAULT_TEMPLATE, "orders", &long).len() <= LONGEST);
    }

    fn hash(text: &str) -> String {
        format!("-{:08x}", xxh3_64(text.as_bytes()) >> 32)
    }
}
