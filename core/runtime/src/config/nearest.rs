//! "Did you mean …": the known name nearest to an unknown one.

/// The candidate that a person most likely meant, if any is near enough to be worth naming.
#[must_use]
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = simplify(wrong);
    candidates
        .into_iter()
        .map(|candidate| (distance(&wrong, &simplify(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min_by_key(|(distance, candidate)| (*distance, candidate.len()))
        .map(|(_, candidate)| candidate)
}

/// Case and the choice of separator are no difference worth counting.
fn simplify(name: &str) -> Vec<char> {
    // An absurdly long name is near to nothing, and comparing it would cost time.
    name.chars().take(64).filter(|c| !matches!(c, '_' | '-' | '.' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Edits between two names, where swapping two neighbours is one edit (the restricted Damerau distance).
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, a) in left.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, b) in right.iter().enumerate() {
            let replace = above[column] + usize::from(a != b);
            let mut best = replace.min(above[column + 1] + 1).min(line[column] + 1);
            if row > 0 && column > 0 && *a == right[column - 1] && left[row - 1] == *b {
                best = best.min(before[column - 1] + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut above, line);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let names = ["brokers", "group", "concurrency", "commit_interval", "retry", "order", "order_key"];
        for (wrong, right) in [
            ("broker", Some("brokers")),
            ("concurency", Some("concurrency")),
            ("commitInterval", Some("commit_interval")),
            ("commit-interval", Some("commit_interval")),
            ("gruop", Some("group")),
            ("ordr", Some("order")),
            ("telemetry", None),
            ("", None),
        ] {
            assert_eq!(nearest(wrong, names), right, "{wrong}");
        }
    }
}
