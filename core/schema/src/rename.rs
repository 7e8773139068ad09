//! Recognising that a field was renamed, and not removed and another one added.

/// A field that is on one side only.
pub(crate) struct Candidate<'a> {
    pub(crate) name: &'a str,
    /// Two fields can only be the same if these are equal.
    pub(crate) kind: String,
    /// Its place among all fields, where places mean something.
    pub(crate) place: Option<usize>,
}

/// Pairs of (index in `removed`, index in `added`). Each field is in one pair at most; the best pairs are taken first.
pub(crate) fn pairs(removed: &[Candidate<'_>], added: &[Candidate<'_>]) -> Vec<(usize, usize)> {
    // Every removed field is held against every added one. Whoever replaces a hundred fields did not rename them.
    const MANY: usize = 100;
    if removed.len() > MANY || added.len() > MANY {
        return Vec::new();
    }
    if let ([old], [new]) = (removed, added)
        && old.kind == new.kind
        && (old.place.is_none() || new.place.is_none())
    {
        // Without places there is nothing else to go by; and nothing else that it could have become.
        return vec![(0, 0)];
    }
    let mut scored = Vec::new();
    for (old_index, old) in removed.iter().enumerate() {
        for (new_index, new) in added.iter().enumerate() {
            let score = score(old, new);
            if score >= ENOUGH {
                scored.push((score, old_index, new_index));
            }
        }
    }
    scored.sort_by(|left, right| right.0.cmp(&left.0).then(left.1.cmp(&right.1)).then(left.2.cmp(&right.2)));
    let mut taken: Vec<(usize, usize)> = Vec::new();
    for (_, old, new) in scored {
        if !taken.iter().any(|(left, right)| *left == old || *right == new) {
            taken.push((old, new));
        }
    }
    taken
}

const ENOUGH: u32 = 50;

fn score(old: &Candidate<'_>, new: &Candidate<'_>) -> u32 {
    if old.kind != new.kind {
        return 0;
    }
    let place = match (old.place, new.place) {
        (Some(old), Some(new)) if old == new => 50,
        _ => 0,
    };
    place + alike(old.name, new.name)
}

/// 0 to 100: how alike two names are, whatever their case and separators.
fn alike(old: &str, new: &str) -> u32 {
    let (old, new) = (words(old), words(new));
    if old == new {
        return 100;
    }
    if old.is_empty() || new.is_empty() {
        return 0;
    }
    let shared = pairs_shared(&old, &new);
    if old.contains(&new) || new.contains(&old) {
        return shared.max(60);
    }
    shared
}

/// Letters and digits only, in lower case, no more than a name has.
fn words(name: &str) -> String {
    name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).take(64).collect()
}

/// Dice's coefficient of neighbouring letters, in per cent.
fn pairs_shared(old: &str, new: &str) -> u32 {
    let of = |text: &str| -> Vec<(char, char)> { text.chars().zip(text.chars().skip(1)).collect() };
    let (old, mut new) = (of(old), of(new));
    let all = old.len() + new.len();
    if all == 0 {
        return 0;
    }
    let shared = old.iter().filter(|pair| new.iter().position(|other| other == *pair).map(|at| new.swap_remove(at)).is_some()).count();
    u32::try_from(shared * 200 / all).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Candidate, pairs};

    fn field(name: &str, kind: &str, place: usize) -> Candidate<'static> {
        Candidate { name: Box::leak(name.to_owned().into_boxed_str()), kind: kind.to_owned(), place: Some(place) }
    }

    #[test]
    fn a_rename_is_recognised_by_place_or_by_likeness() {
        assert_eq!(pairs(&[field("total", "double", 2)], &[field("amount", "double", 2)]), [(0, 0)]);
        assert_eq!(pairs(&[field("customerId", "string", 0)], &[field("customer_id", "string", 7)]), [(0, 0)]);
        assert_eq!(pairs(&[field("total", "double", 0)], &[field("total_amount", "double", 5)]), [(0, 0)]);
    }

    #[test]
    fn another_type_or_an_unlike_name_elsewhere_is_no_rename() {
        assert!(pairs(&[field("total", "double", 2)], &[field("amount", "string", 2)]).is_empty());
        assert!(pairs(&[field("total", "double", 0)], &[field("note", "double", 3)]).is_empty());
    }

    #[test]
    fn the_best_pair_is_taken_first() {
        let removed = [field("first_name", "string", 0), field("name", "string", 1)];
        let added = [field("firstName", "string", 5), field("full_name", "string", 6)];
        assert_eq!(pairs(&removed, &added), [(0, 0), (1, 1)]);
    }
}
