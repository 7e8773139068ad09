//! The property that needs no table: if a change is called backward compatible, what was written with the old schema reads with the new
//! one. Schemas are random, each is changed at random, and other people's libraries read the data.
//!
//! The seeds are fixed, so a failure is the same on every machine; the seed is in its message.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod avro;
mod dice;
mod json;
mod protobuf;

use onceward_schema::{Format, Level, Limits, ProtobufRules, Rules, Schema, Source, Verdict, compare, worst};

/// What all pairs of a run came to.
#[derive(Debug, Default)]
struct Tally {
    compatible: u32,
    broken: u32,
    /// Broken, and no data of ours showed it: rules are careful, data is not inventive. Many of these would mean that rules are made up.
    unseen: u32,
}

fn parse(format: Format, text: &str) -> Schema {
    Schema::parse(format, &Source::new("random", text), &Limits::default()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Whether the change is backward compatible; on the way what must hold for any pair at all.
fn backward(format: Format, old: &str, new: &str, rules: &Rules) -> bool {
    let (old, new) = (parse(format, old), parse(format, new));
    let fine = |old: &Schema, new: &Schema, level| {
        let differences = compare(old, new, &Rules { level, ..*rules }, &Limits::default()).unwrap();
        worst(&differences) < Verdict::Breaking
    };
    for schema in [&old, &new] {
        assert_eq!(compare(schema, schema, rules, &Limits::default()).unwrap(), [], "a schema differs from itself");
    }
    let (backward, forward) = (fine(&old, &new, Level::Backward), fine(&old, &new, Level::Forward));
    assert_eq!(fine(&old, &new, Level::Full), backward && forward);
    assert_eq!(fine(&old, &new, Level::BackwardTransitive), backward);
    // The rules of the wire are no relation of a reader and a writer: what they say of numbers that were used, they say both ways.
    let wire = format == Format::Protobuf && rules.protobuf != ProtobufRules::Confluent;
    assert!(wire || forward == fine(&new, &old, Level::Backward), "FORWARD is BACKWARD with the schemas exchanged");
    backward
}

impl Tally {
    fn count(&mut self, backward: bool, failed: bool) {
        match (backward, failed) {
            (true, _) => self.compatible += 1,
            (false, true) => self.broken += 1,
            (false, false) => {
                self.broken += 1;
                self.unseen += 1;
            }
        }
    }
}
