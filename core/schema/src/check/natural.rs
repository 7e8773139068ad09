//! The order of versions by name: `v2.avsc` before `v10.avsc`.

use std::cmp::Ordering;

/// Numbers inside of names count as numbers.
pub(super) fn order(left: &str, right: &str) -> Ordering {
    let (mut left_rest, mut right_rest) = (left, right);
    loop {
        let (one, other) = (next(&mut left_rest), next(&mut right_rest));
        if one.is_empty() || other.is_empty() {
            // Names that are the same number written otherwise still need an order.
            return one.is_empty().cmp(&other.is_empty()).reverse().then_with(|| left.cmp(right));
        }
        let digits = |part: &str| part.starts_with(|first: char| first.is_ascii_digit());
        let by_part = if digits(one) && digits(other) { number(one).cmp(&number(other)) } else { one.cmp(other) };
        if by_part != Ordering::Equal {
            return by_part;
        }
    }
}

/// A number of any length: without leading zeros, the longer one is larger.
fn number(digits: &str) -> (usize, &str) {
    let digits = digits.trim_start_matches('0');
    (digits.len(), digits)
}

/// The next run of digits or of anything else.
fn next<'a>(rest: &mut &'a str) -> &'a str {
    let first = rest.starts_with(|first: char| first.is_ascii_digit());
    let end = rest.find(|character: char| character.is_ascii_digit() != first).unwrap_or(rest.len());
    let (part, after) = rest.split_at(end);
    *rest = after;
    part
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn numbers_count_as_numbers() {
        let mut names = ["v10.avsc", "v2.avsc", "v1.avsc", "v02.avsc", "order-2024-01.avsc", "v99999999999999999999.avsc", "v"];
        names.sort_by(|left, right| order(left, right));
        assert_eq!(names, ["order-2024-01.avsc", "v", "v1.avsc", "v02.avsc", "v2.avsc", "v10.avsc", "v99999999999999999999.avsc"]);
    }
}
