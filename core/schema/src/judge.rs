//! From what differs to a verdict.

use crate::difference::{Breaks, Difference, Verdict};
use crate::error::SchemaError;
use crate::finding::Finding;
use crate::kind::Kind;
use crate::level::Level;
use crate::limits::Limits;
use crate::path::Path;
use crate::rules::Rules;
use crate::schema::{Parsed, Schema};

/// Every difference between two schemas, worst first, then in the order of the schema.
///
/// # Errors
/// Comparing them takes more steps than the limits allow.
pub fn compare(old: &Schema, new: &Schema, rules: &Rules, limits: &Limits) -> Result<Vec<Difference>, SchemaError> {
    let findings = match (&old.0, &new.0) {
        (Parsed::Avro(old), Parsed::Avro(new)) => crate::avro::compare(old, new, limits)?,
        (Parsed::Json(old), Parsed::Json(new)) => crate::json::compare(old, new, rules.json, limits)?,
        (Parsed::Protobuf(old), Parsed::Protobuf(new)) => crate::protobuf::compare(old, new, rules.protobuf, limits)?,
        _ => vec![another_format(old, new)],
    };
    let mut differences: Vec<_> = findings.into_iter().map(|finding| judge(finding, rules.level)).collect();
    differences.sort_by_key(|difference| std::cmp::Reverse(difference.verdict));
    if differences.len() > limits.differences {
        let rest = differences.split_off(limits.differences);
        differences.extend(rest.first().map(|first| the_rest(first, &rest)));
    }
    Ok(differences)
}

/// The worst verdict; fine when nothing differs.
#[must_use]
pub fn worst(differences: &[Difference]) -> Verdict {
    differences.iter().map(|difference| difference.verdict).max().unwrap_or(Verdict::Fine)
}

fn judge(finding: Finding, level: Level) -> Difference {
    let Finding { path, kind, breaks, caution, contract, mut sentence, strictly, cure } = finding;
    let broken = (breaks.backward && level.reads_old()) || (breaks.forward && level.reads_new());
    let verdict = match level {
        Level::Contract => contract,
        Level::None => Verdict::Fine,
        _ if broken => Verdict::Breaking,
        _ if caution => Verdict::Warning,
        _ => Verdict::Fine,
    };
    if let Some(why) = strictly.filter(|_| level != Level::Contract && verdict == Verdict::Breaking) {
        sentence = format!("{sentence}: {why}");
    }
    // Advice against something that is fine would only confuse.
    let cure = cure.filter(|_| verdict != Verdict::Fine);
    Difference { path: path.to_string(), kind, verdict, breaks, sentence, cure }
}

fn another_format(old: &Schema, new: &Schema) -> Finding {
    let sentence = format!("the schema was {} and is {}: neither reads events of the other", old.format().name(), new.format().name());
    Finding::new(&Path::root(), Kind::FormatChanged, sentence).breaks(true, true).cure("use a new topic and subject for the new format")
}

fn the_rest(first: &Difference, rest: &[Difference]) -> Difference {
    Difference {
        path: first.path.clone(),
        kind: Kind::More,
        // Worst first: no later one is worse than the first of the rest.
        verdict: first.verdict,
        breaks: Breaks {
            backward: rest.iter().any(|difference| difference.breaks.backward),
            forward: rest.iter().any(|difference| difference.breaks.forward),
        },
        sentence: format!("{} more differences are not listed", rest.len()),
        cure: None,
    }
}
